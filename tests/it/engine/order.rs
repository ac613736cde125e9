//! Order per child under retries, reruns on moved guards, and many deliveries of few children at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use drehscheibe::cli::sample::Wish;
use drehscheibe::effects::{Question, Vorgang, VorgangChange, VorgangState};
use drehscheibe::envelope::Inbound;
use drehscheibe::message::Message;
use drehscheibe::pipeline::step::{Flow, Step, Trouble};
use drehscheibe::register::keys::SearchKey;
use drehscheibe::transport::port::Intake;
use uuid::Uuid;

use super::far::{Does, Far, told_of};
use super::rig::{HORT, NORD, Rig, TestStep, WOHNGELD, deliver, fast, stop, wish};
use super::troubled::Hook;
use crate::support::{Seeded, until};

/// Fails about every third attempt, by the id, so that a rerun fails alike.
fn flaky(seed: u64) -> impl Fn(&drehscheibe::envelope::Envelope, u32) -> Does + Send + Sync {
    move |envelope, attempt| {
        let id = envelope.head.id.as_u128();
        match Seeded(seed ^ id as u64 ^ (id >> 64) as u64 ^ (u64::from(attempt) << 32)).below(9) {
            0 => Does::Later,
            1 => Does::Down,
            2 => Does::Lose,
            _ => Does::Take,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_is_kept_for_each_child_on_two_routes_while_children_overtake() {
    let mut rig = Rig::new(fast(500.0)).await;
    let (children, each) = (6, 10);
    // Until the first message is known everything is held back, or it could be through before anybody knows its id.
    let held: Arc<std::sync::Mutex<Option<Uuid>>> = Arc::new(std::sync::Mutex::new(Some(Uuid::nil())));
    let holds = held.clone();
    let nord = flaky(1);
    // The very first message is held back until all other children are through.
    let nord = rig.far(NORD, move |envelope, attempt| {
        if holds.lock().unwrap().is_some_and(|held| held.is_nil() || held == told_of(envelope)) {
            return Does::Later;
        }
        nord(envelope, attempt)
    });
    let wohngeld = rig.far(WOHNGELD, flaky(2));
    let hort = rig.far(HORT, flaky(3));
    let rig = Arc::new(rig);
    let engine = Arc::new(rig.engine());
    let first = deliver(&engine, rig.envelope(&wish(0, 0))).await.id;
    *held.lock().unwrap() = Some(first);
    let mut tasks = tokio::task::JoinSet::new();
    for child in 0..children * 2 {
        let (rig, engine) = (rig.clone(), engine.clone());
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for n in 0..each {
                let wish = wish(child, n);
                let envelope = if child < children { rig.envelope(&wish) } else { rig.by_second(&wish) };
                let verdict = deliver(&engine, envelope).await;
                assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
                ids.push(verdict.id);
            }
            (child, ids)
        });
    }
    let mut committed: HashMap<u64, Vec<Uuid>> = HashMap::new();
    while let Some(done) = tasks.join_next().await {
        let (child, ids) = done.unwrap();
        committed.insert(child, ids);
    }
    let (one, both) = ((children * each) as usize, (children * each * 2) as usize);
    nord.has(both - each as usize).await;
    assert!(!nord.told().contains(&first), "others overtook, the held child waits as a whole");
    assert!(committed[&0].iter().all(|id| !nord.told().contains(id)));
    *held.lock().unwrap() = None;
    for (far, count) in [(&nord, both), (&wohngeld, one), (&hort, one)] {
        far.has(count).await;
        let told = far.told();
        assert_eq!(told.len(), count, "each once");
        for ids in committed.values() {
            let got: Vec<Uuid> = told.iter().filter(|id| ids.contains(id)).copied().collect();
            assert!(got.is_empty() || got == *ids, "order of a child at a partner");
        }
    }
    rig.at_rest().await;
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_another_process_moves_means_a_rerun_and_one_effect() {
    let mut rig = Rig::new(fast(1.0)).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    let other = Arc::new(rig.engine());
    let troubled = rig.troubled();
    let engine = rig.engine();
    // While the first looks, another process commits something about the same child.
    let meanwhile = |wishes: Vec<Wish>| {
        let envelopes: Vec<_> = wishes.iter().map(|wish| rig.envelope(wish)).collect();
        let (other, left) = (other.clone(), Arc::new(std::sync::Mutex::new(envelopes)));
        let hook: Hook = Box::new(move || {
            let (other, next) = (other.clone(), left.lock().unwrap().pop());
            Box::pin(async move {
                if let Some(envelope) = next {
                    assert_eq!(deliver(&other, envelope).await.state, Inbound::Accepted);
                }
            })
        });
        hook
    };
    *troubled.after_lookup.lock().await = Some(meanwhile(vec![wish(1, 1)]));
    let verdict = deliver(&engine, rig.envelope(&wish(1, 2))).await;
    assert_eq!(verdict.state, Inbound::Accepted, "newer than what the other wrote");
    // Each run looks twice: for the record, and for what was answered about the child.
    assert_eq!(troubled.lookups.load(Ordering::SeqCst), 4, "decided again on fresh facts");
    *troubled.after_lookup.lock().await = Some(meanwhile(vec![wish(2, 5)]));
    let verdict = deliver(&engine, rig.envelope(&wish(2, 4))).await;
    assert_eq!((verdict.state, verdict.codes), (Inbound::Rejected, vec!["S999".to_owned()]), "older now");
    assert_eq!(rig.figures().await.mirror, 2);
    nord.has(3).await;
    // One that never finds calm is told to come again, and nothing of it stays.
    let many = (10..40).rev().map(|n| wish(3, n)).collect();
    *troubled.after_lookup.lock().await = Some(meanwhile(many));
    let restless = rig.envelope(&wish(3, 50));
    let before = troubled.lookups.load(Ordering::SeqCst);
    let busy = engine.reception.deliver(restless.clone()).await;
    assert!(busy.is_err(), "{busy:?}");
    let allowed = rig.plan("registerlieferung").limits.reruns as usize;
    // The first time the step asks once more, because what it found says the same.
    let lookups = troubled.lookups.load(Ordering::SeqCst) - before;
    assert!((allowed + 1..=2 * (allowed + 2)).contains(&lookups), "{lookups}: as often as the route allows");
    assert!(rig.listed().await.iter().all(|listed| listed.id != restless.head.id));
    *troubled.after_lookup.lock().await = None;
    assert_eq!(deliver(&engine, restless).await.state, Inbound::Accepted);
    stop(engine).await;
    stop(Arc::into_inner(other).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_deliveries_at_once_end_as_one_after_the_other() {
    let (children, each) = (50, 10);
    let mut all: Vec<Wish> = (0..children).flat_map(|child| (0..each).map(move |n| wish(child, n))).collect();
    let mut lots = Seeded(7);
    for at in (1..all.len()).rev() {
        all.swap(at, lots.below(at as u64 + 1) as usize);
    }
    let rig = Arc::new(Rig::new(fast(100.0)).await);
    let engine = Arc::new(rig.engine());
    let (all, next) = (Arc::new(all), Arc::new(AtomicU64::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (rig, engine, all, next) = (rig.clone(), engine.clone(), all.clone(), next.clone());
        tasks.spawn(async move {
            while let Some(wish) = all.get(next.fetch_add(1, Ordering::SeqCst) as usize) {
                let verdict = deliver(&engine, rig.envelope(wish)).await;
                let newest = wish.message % 1000 == each - 1;
                assert!(!newest || verdict.state == Inbound::Accepted, "the newest always counts");
            }
        });
    }
    let done = tokio::time::timeout(Duration::from_secs(60), tasks.join_all()).await;
    assert!(done.is_ok(), "leases are stuck");
    let calm = Rig::new(fast(100.0)).await;
    let alone = calm.engine();
    for child in 0..children {
        deliver(&alone, calm.envelope(&wish(child, 0))).await;
        deliver(&alone, calm.envelope(&wish(child, each - 1))).await;
    }
    let mirror = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|line| line.starts_with("mirror ")).collect()
    };
    let (got, wanted) =
        (mirror(rig.store.essence().await.unwrap()), mirror(calm.store.essence().await.unwrap()));
    assert_eq!(wanted.len(), children as usize);
    assert!(got == wanted, "erstellungszeitpunkt decides, not the order of arrival");
    assert_eq!(rig.listed().await.len(), (children * each) as usize);
    stop(alone).await;
    stop(Arc::into_inner(engine).unwrap()).await;
}

/// Asks for one of two keys and counts under it.
fn counting(odd: bool) -> Arc<dyn Step> {
    Arc::new(TestStep(Box::new(move |message: &mut Message| {
        let swapped = message.envelope.head.transport_id.ends_with(['1', '3', '5', '7', '9']);
        let key = SearchKey::new("vorgang", [if odd != swapped { "a" } else { "b" }]);
        let question = [Question::Vorgang(key.clone())];
        if !message.answered(&question) {
            return Ok(Flow::Ask(question.into()));
        }
        let vorgang = Vorgang {
            id: message.derived_id("v"),
            owner: "x".to_owned(),
            state: VorgangState::Eingegangen,
            deadline: None,
            akte: Default::default(),
        };
        message.effects.vorgaenge.push(VorgangChange { key, vorgang });
        Ok::<_, Trouble>(Flow::Next)
    })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_ask_twice_with_crossed_keys_do_not_block_each_other() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.steps(false, vec![counting(false), counting(true)]);
    let rig = Arc::new(rig);
    let engine = Arc::new(rig.engine());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (rig, engine) = (rig.clone(), engine.clone());
        tasks.spawn(async move { deliver(&engine, rig.envelope(&wish(n, n))).await.state });
    }
    let states = tokio::time::timeout(Duration::from_secs(30), tasks.join_all()).await.expect("no deadlock");
    assert!(states.iter().all(|state| *state == Inbound::Accepted));
    // Whatever was leased is free again.
    let free = engine.core.room.clone();
    until("all room is free", 60, || free.available_permits() == engine.core.settings.in_flight).await;
    assert_eq!(deliver(&engine, rig.envelope(&wish(99, 1))).await.state, Inbound::Accepted);
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_office_are_looked_up_at_the_same_time() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.step(false, |message| {
        let own = SearchKey::new("vorgang", [message.envelope.head.transport_id.as_str()]);
        let questions = vec![Question::Bestand("jugendamt-bremen".to_owned()), Question::Vorgang(own)];
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        Ok(Flow::Next)
    });
    let troubled = rig.troubled();
    troubled.guarded.store(true, Ordering::SeqCst);
    let rig = Arc::new(rig);
    let engine = Arc::new(rig.engine());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..4 {
        let (rig, engine) = (rig.clone(), engine.clone());
        tasks.spawn(async move { deliver(&engine, rig.envelope(&wish(n, 1))).await.state });
        // One after the other, so that nobody is looked up in the batch of another.
        until("it is looked up, though none before it is committed", 60, || {
            troubled.lookups.load(Ordering::SeqCst) == n as usize + 1
        })
        .await;
    }
    troubled.turnstile.add_permits(10_000);
    assert!(tasks.join_all().await.iter().all(|state| *state == Inbound::Accepted));
    assert_eq!(troubled.lookups.load(Ordering::SeqCst), 4, "and none sends another back");
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_lanes_are_leased_than_a_partner_can_serve() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.settings.lanes = 100;
    // Nobody may ask this partner twice, so no lane may lose its lease while it waits for a turn.
    let far = Far::new(rig.clock.clone(), false, |_, _| Does::Take);
    let nord = rig.put(NORD, far);
    let troubled = rig.troubled();
    // All of them are due before the first is leased.
    troubled.no_claim.store(true, Ordering::SeqCst);
    troubled.no_settle.store(true, Ordering::SeqCst);
    let engine = rig.engine();
    for n in 0..20 {
        deliver(&engine, rig.envelope(&wish(n, n))).await;
    }
    troubled.no_claim.store(false, Ordering::SeqCst);
    until("the partner is as busy as it can be", 60, || nord.attempts() == 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let folder = rusqlite::Connection::open(rig.folder.path().join("drehscheibe.db")).unwrap();
    let leased: i64 = folder
        .query_row(
            "SELECT count(*) FROM lane WHERE destination = ?1 AND lease_until IS NOT NULL",
            [NORD],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(leased, 2);
    troubled.no_settle.store(false, Ordering::SeqCst);
    nord.has(20).await;
    rig.at_rest().await;
    assert_eq!(nord.attempts(), 20, "each exactly once");
    stop(engine).await;
}
