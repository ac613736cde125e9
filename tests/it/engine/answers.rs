//! What far ends give back with what they take: it is in the house with the row that was sent, whatever else goes wrong at that moment, and
//! no row is sent again because of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use drehscheibe::cli::sample::eintragung;
use drehscheibe::engine::points::{Point, Points};
use drehscheibe::envelope::{Envelope, Inbound};
use drehscheibe::store::pauses::Pause;

use super::far::{Does, Far};
use super::rig::{HORT, NORD, Rig, TRAY, deliver, fast, start_of_time, stop, wish};
use crate::support::until;

/// A far end at which a repeat does harm and that gives a document back with what it takes: a delivery about another child.
fn answering(rig: &mut Rig, rule: impl Fn(&Envelope, u32) -> Does + Send + Sync + 'static) -> Arc<Far> {
    let back = rig.envelope_of("answer-1", eintragung(&wish(50, 1)));
    let far = Far::new(rig.clock.clone(), false, rule);
    far.back.lock().unwrap().push(back);
    rig.put(NORD, far)
}

fn pause(kind: &str, name: &str) -> Pause {
    Pause {
        kind: kind.into(),
        name: name.into(),
        until: None,
        reason: "Probe".into(),
        person: "os:rita".into(),
        since: start_of_time(),
    }
}

async fn states(rig: &Rig) -> Vec<Inbound> {
    let mut states: Vec<Inbound> = rig.listed().await.into_iter().map(|one| one.state).collect();
    states.sort_by_key(|state| state.as_str());
    states
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_taken_now_waits_and_the_row_is_sent_once() {
    let mut rig = Rig::new(fast(50.0)).await;
    let nord = answering(&mut rig, |_, _| Does::Take);
    let engine = rig.engine();
    // Whoever the answer is of is held by a person: `Busy` for whatever would come in.
    let paused = pause("partner", "jugendamt-bremen");
    rig.store
        .set_pause("partner", "jugendamt-bremen", Some(paused), "os:rita", rig.clock.now())
        .await
        .unwrap();
    let held = || engine.core.paused("partner", "jugendamt-bremen");
    until("it is held", 10, held).await;
    let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    let send = rig.until_send(first.id, NORD, "sent").await;
    assert_eq!((send.attempts, nord.attempts()), (1, 1));
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(states(&rig).await, [Inbound::Accepted, Inbound::Waiting]);
    rig.store.set_pause("partner", "jugendamt-bremen", None, "os:rita", rig.clock.now()).await.unwrap();
    until("it is free", 60, || !held()).await;
    rig.until_mirror(2).await;
    assert_eq!(states(&rig).await, [Inbound::Accepted, Inbound::Accepted]);
    nord.has(2).await;
    rig.at_rest().await;
    assert_eq!(nord.attempts(), 2, "what the answer itself causes is told, and nothing again");
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_of_an_attempt_of_unknown_outcome_brings_its_answers() {
    let mut rig = Rig::new(fast(50.0)).await;
    let nord = answering(&mut rig, |_, attempt| if attempt == 1 { Does::Lose } else { Does::Take });
    let engine = rig.engine();
    let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    rig.until_send(first.id, NORD, "sent").await;
    rig.until_mirror(2).await;
    rig.at_rest().await;
    assert_eq!(nord.seen.lock().unwrap().repeated, 0);
    assert_eq!(states(&rig).await, [Inbound::Accepted, Inbound::Accepted]);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_there_after_a_crash_behind_its_settling_and_never_before() {
    for (at, laid) in [(Point::AfterSend, false), (Point::AfterSettle, true)] {
        let mut rig = Rig::new(fast(50.0)).await;
        let nord = answering(&mut rig, |_, _| Does::Take);
        let (kind, person) = ("destination", "os:rita");
        rig.store.set_pause(kind, HORT, Some(pause(kind, HORT)), person, rig.clock.now()).await.unwrap();
        let engine = rig.engine_at(Points::halt_at(at, 1));
        // Only the one that answers is told, so that it is the one that passes the point.
        until("the other is held", 60, || engine.core.destination_paused(HORT)).await;
        let _ = tokio::time::timeout(
            std::time::Duration::from_secs(3),
            deliver(&engine, rig.by_second(&wish(1, 1))),
        )
        .await;
        until("it has fallen", 60, || engine.core.points.crashed()).await;
        until("it was sent", 60, || nord.attempts() == 1).await;
        stop(engine).await;
        assert_eq!(states(&rig).await.contains(&Inbound::Waiting), laid, "{at:?}");
        rig.store.set_pause(kind, HORT, None, person, rig.clock.now()).await.unwrap();
        let next = rig.engine();
        rig.until_mirror(2).await;
        rig.at_rest().await;
        assert_eq!(states(&rig).await, [Inbound::Accepted, Inbound::Accepted], "{at:?}");
        assert_eq!(nord.seen.lock().unwrap().repeated, 0, "{at:?}: nothing twice");
        stop(next).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_answer_to_a_repeat_is_one_message() {
    let mut rig = Rig::new(fast(50.0)).await;
    let back = rig.envelope_of("answer-1", eintragung(&wish(50, 1)));
    let far =
        Far::new(rig.clock.clone(), true, |_, attempt| if attempt == 1 { Does::Lose } else { Does::Take });
    far.back.lock().unwrap().push(back);
    let nord = rig.put(NORD, far);
    let troubled = rig.troubled();
    let engine = rig.engine();
    let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    let second = deliver(&engine, rig.by_second(&wish(2, 1))).await;
    for id in [first.id, second.id] {
        rig.until_send(id, NORD, "sent").await;
    }
    rig.until_mirror(3).await;
    rig.at_rest().await;
    assert_eq!(states(&rig).await, [Inbound::Accepted; 3]);
    assert!(nord.attempts() >= 4 && troubled.lookups.load(Ordering::SeqCst) > 0);
    stop(engine).await;
}

/// One `on` entry, two deliveries: whether an answer goes back on the exchange is each delivery's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_goes_the_way_that_its_delivery_wants() {
    let mut rig = Rig::new(fast(50.0)).await;
    let tray = rig.far(TRAY, |_, _| Does::Take);
    let engine = rig.engine();
    let waits = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let by_message = |n| {
        let mut envelope = rig.envelope(&wish(n, 1));
        envelope.head.in_band = false;
        envelope.head.return_address = Some(TRAY.to_owned());
        envelope
    };
    let goes = deliver(&engine, by_message(2)).await;
    assert!(waits.reply.is_some());
    let send = rig.until_send(goes.id, TRAY, "sent").await;
    assert_eq!(send.message, "xfamilie.0011");
    let sends = |id| {
        let rig = &rig;
        async move { rig.show(id).await.sends.into_iter().filter(|send| send.destination == TRAY).count() }
    };
    assert_eq!((sends(waits.id).await, sends(goes.id).await, tray.attempts()), (0, 1, 1));
    // A repeat that waits on its exchange gets the first verdict there, whatever way the first one went.
    let mut again = by_message(2);
    again.head.in_band = true;
    let again = deliver(&engine, again).await;
    assert!(again.again && again.id == goes.id && again.reply.is_some());
    rig.at_rest().await;
    assert_eq!(tray.attempts(), 1);
    stop(engine).await;
}
