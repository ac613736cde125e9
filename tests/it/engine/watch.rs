//! The engine's own tasks, each broken by a panic of the store under it: a person is called, the process is unready and drains. What may
//! break without the house costs one attempt and gives its room back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use drehscheibe::engine::watch::spawn;
use drehscheibe::envelope::Inbound;
use drehscheibe::transport::mailbox::of_lease;
use drehscheibe::transport::port::Intake;

use super::far::Does;
use super::rig::{NORD, Rig, deliver, fast, stop, wish};
use crate::support::until;

/// Each task with the call of the store in which it breaks.
const TASKS: &[(&str, &str)] = &[
    ("lookup", "lookup"),
    ("commit", "commit"),
    ("dispatch", "claim"),
    ("settling", "settle"),
    ("following", "next_look"),
    ("resume", "resume"),
    ("commands", "take_commands"),
    ("others", "woken"),
    ("mailboxes", "overdue"),
    ("figures", "under_way"),
    ("retention", "retain"),
    ("rekey", "rekey"),
    ("recovery", "doubtful"),
    ("duties", "duties"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_that_breaks_makes_the_process_unready_and_lets_it_drain() {
    for (part, call) in TASKS {
        let mut rig = Rig::new(fast(1.0)).await;
        rig.settings.in_flight = 8;
        if *part == "mailboxes" {
            // Somebody has to have one.
            rig.set.destinations.insert("postfach:leser".to_owned(), of_lease(Duration::from_secs(10)));
        }
        let troubled = rig.troubled();
        *troubled.breaks.lock().unwrap() = Some(*call);
        let engine = rig.engine();
        if *part == "recovery" {
            engine.core.gate.close();
        } else {
            // Whoever waits for a verdict is told to come again, whatever broke under it.
            let told = engine.reception.deliver(rig.envelope(&wish(1, 1)));
            assert!(tokio::time::timeout(Duration::from_secs(20), told).await.is_ok(), "{part}");
        }
        let broken = tokio::time::timeout(Duration::from_secs(20), engine.core.broken.told()).await;
        assert_eq!(broken.map(|why| why.part), Ok(*part));
        assert!(engine.core.leaving.is_cancelled(), "{part}: not ready any more");
        let said = engine.core.parts.said();
        let name = format!("engine {part}");
        assert!(said.iter().any(|said| said.part == name && said.failing.is_some()), "{part}: {said:?}");
        assert!(engine.reception.deliver(rig.envelope(&wish(2, 1))).await.is_err(), "{part}: nothing new");
        let core = engine.core.clone();
        let drained = tokio::time::timeout(Duration::from_secs(15), engine.drain(Duration::from_secs(10)));
        assert!(drained.await.is_ok(), "{part}: it drains");
        // What a commit had reserved ends with its process.
        assert!(*part == "commit" || core.hands.under_way(NORD) == 0, "{part}");
        // The same store in another process goes on.
        *troubled.breaks.lock().unwrap() = None;
        let next = rig.engine();
        assert_eq!(deliver(&next, rig.envelope(&wish(1, 1))).await.state, Inbound::Accepted, "{part}");
        stop(next).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_ends_early_without_a_word_is_noticed_and_one_that_ends_with_the_engine_is_not() {
    let rig = Rig::new(fast(1.0)).await;
    let engine = rig.engine();
    let core = engine.core.clone();
    stop(engine).await;
    assert_eq!(core.broken.part(), None);
    let engine = rig.engine();
    spawn(&engine.core, "short", async {});
    assert_eq!(engine.core.broken.told().await.part, "short");
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_panics_costs_one_attempt() {
    let mut rig = Rig::new(fast(100.0)).await;
    let nord = rig.far(NORD, |_, attempt| {
        assert!(attempt > 2, "a fault of the program, on purpose");
        Does::Take
    });
    let engine = rig.engine();
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    rig.until_send(first.id, NORD, "sent").await;
    assert_eq!((nord.attempts(), nord.taken()), (3, 1));
    // The row is seen as sent before the hand that sent it is free.
    until("its room is free", 60, || engine.core.hands.under_way(NORD) == 0).await;
    assert_eq!(engine.core.broken.part(), None);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_panics_gives_its_room_back_and_is_taken_up_again() {
    let mut rig = Rig::new(fast(100.0)).await;
    let nord = rig.far(NORD, |_, attempt| if attempt == 1 { Does::Down } else { Does::Take });
    rig.set.patience.get_mut("callback").unwrap().breaker_after = 1;
    let troubled = rig.troubled();
    // The breaker that opens cannot be written: the lane unwinds with its row unsettled.
    *troubled.breaks.lock().unwrap() = Some("set_breaker");
    let engine = rig.engine();
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    until("it was tried", 60, || nord.attempts() >= 1).await;
    until("its room is free", 60, || engine.core.hands.under_way(NORD) == 0).await;
    *troubled.breaks.lock().unwrap() = None;
    assert_eq!(rig.send_of(first.id, NORD).await.state.as_str(), "queued");
    rig.until_send(first.id, NORD, "sent").await;
    assert_eq!(engine.core.broken.part(), None);
    assert!(troubled.found.load(Ordering::SeqCst) > 0);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lacks_what_was_acknowledged_closes_the_gate_and_ends_the_process() {
    let mut rig = Rig::new(fast(1.0)).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    let troubled = rig.troubled();
    let engine = rig.engine();
    deliver(&engine, rig.envelope(&wish(1, 1))).await;
    nord.has(1).await;
    rig.at_rest().await;
    troubled.history.store(true, Ordering::SeqCst);
    let why = tokio::time::timeout(Duration::from_secs(10), engine.core.broken.told()).await.unwrap();
    assert!(why.part == "store" && why.cause.contains("recover"), "{why:?}");
    assert!(engine.core.gate.is_closed() && engine.core.leaving.is_cancelled());
    assert!(engine.reception.deliver(rig.envelope(&wish(2, 1))).await.is_err());
    assert_eq!(nord.attempts(), 1);
    stop(engine).await;
}
