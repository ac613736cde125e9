//! Many messages whose waiting ends in one second: they settle at least half as fast as fresh ones, and none is lost. The two rates
//! are taken in turns on one machine, so that what else runs there slows both.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drehscheibe::clock::Clock;
use drehscheibe::effects::Question;
use drehscheibe::envelope::{Envelope, Inbound};
use drehscheibe::message::Message;
use drehscheibe::pipeline::step::Flow;
use drehscheibe::plan::Planned;
use drehscheibe::register::keys::SearchKey;
use jiff::SignedDuration;
use tokio::task::JoinSet;

use super::rig::{Rig, TestStep, deliver, start_of_time, stop, wish};

/// As many senders at once as keep the engine busy.
const AT_ONCE: usize = 64;

/// Delivers all, and how many were settled each second.
async fn delivered(
    engine: &Arc<drehscheibe::engine::start::Engine>,
    envelopes: Vec<Envelope>,
    state: Inbound,
) -> f64 {
    let (count, began) = (envelopes.len(), Instant::now());
    let mut left = envelopes.into_iter();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE {
            let Some(envelope) = left.next() else { break };
            let engine = engine.clone();
            under_way.spawn(async move { deliver(&engine, envelope).await.state });
        }
        match under_way.join_next().await {
            Some(came) => assert_eq!(came.unwrap(), state),
            None => return count as f64 / began.elapsed().as_secs_f64(),
        }
    }
}

/// How many wait; asked beside the program, so that asking costs it next to nothing.
fn waiting(store: &rusqlite::Connection) -> i64 {
    store.query_row("SELECT count(*) FROM waiting", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_whose_waiting_ends_together_settle_at_least_half_as_fast_as_fresh_ones() {
    let long = std::env::var("DREHSCHEIBE_LONG").is_ok_and(|value| value == "1");
    let (count, rounds) = if long { (10_000u64, 1) } else { (400, 3) };
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    let children = |round: u64, waits: bool| {
        let from = (round * 2 + u64::from(waits)) * count + 1;
        from..from + count
    };
    let those: HashSet<String> = (0..rounds)
        .flat_map(|round| children(round, true))
        .map(|child| wish(child, 1).uuid().to_string())
        .collect();
    // The route as it is, behind a step that has half of them wait for what never comes.
    let mut plan = rig.plan("registerlieferung");
    let first = TestStep(Box::new(move |message: &mut Message| {
        if message.resumed.is_some() || !those.contains(&message.record.kopf.nachrichten_uuid) {
            return Ok(Flow::Next);
        }
        let key = SearchKey::new("wartet", ["nie"]);
        let question = [Question::Vorgang(key.clone())];
        if !message.answered(&question) {
            return Ok(Flow::Ask(question.into()));
        }
        Ok(Flow::Wait { for_: key, until: message.now() + SignedDuration::from_hours(1) })
    }));
    plan.steps.insert(0, Planned { step: Arc::new(first), branch: None, when: None, choose: None });
    plan.send_from += 1;
    rig.replace(plan);
    let engine = Arc::new(rig.engine());
    let beside = rusqlite::Connection::open(rig.folder.path().join("drehscheibe.db")).unwrap();
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let envelopes = |waits| -> Vec<Envelope> {
            children(round, waits).map(|child| rig.envelope(&wish(child, 1))).collect()
        };
        let (fresh, waits) = (envelopes(false), envelopes(true));
        let fresh = delivered(&engine, fresh, Inbound::Accepted).await;
        delivered(&engine, waits, Inbound::Waiting).await;
        assert_eq!(waiting(&beside), count as i64);
        // What the fresh ones and those that wait have sent is out of the way.
        rig.at_rest().await;
        let began = Instant::now();
        rig.clock.move_to(rig.clock.now() + SignedDuration::from_mins(61));
        while waiting(&beside) > 0 {
            assert!(began.elapsed() < Duration::from_secs(600), "{} of {count} wait", waiting(&beside));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let woken = count as f64 / began.elapsed().as_secs_f64();
        rig.at_rest().await;
        println!("{count} messages: fresh {fresh:.0}/s, woken {woken:.0}/s, ratio {:.2}", woken / fresh);
        ratios.push(woken / fresh);
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[ratios.len() / 2] >= 0.5, "{ratios:?}");
    let figures = rig.figures().await;
    assert_eq!(figures.inbound, [("accepted".to_owned(), 2 * count * rounds)]);
    stop(Arc::into_inner(engine).unwrap()).await;
}
