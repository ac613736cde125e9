//! What a commit keeps for its own process: it leaves without a look, and nothing of it is lost when nobody hears how the commit ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use drehscheibe::engine::start::Engine;
use drehscheibe::envelope::Inbound;
use drehscheibe::transport::port::Intake;

use super::far::{Does, Far};
use super::rig::{NORD, Rig, WOHNGELD, deliver, fast, stop, wish};
use super::troubled::Troubled;

struct House {
    rig: Rig,
    nord: Arc<Far>,
    wohngeld: Arc<Far>,
    troubled: Arc<Troubled>,
    engine: Engine,
}

/// A house at rest after its first delivery: the first look lets commits keep lanes.
async fn looked() -> House {
    let mut rig = Rig::new(fast(1.0)).await;
    let (nord, wohngeld) = (rig.far(NORD, |_, _| Does::Take), rig.far(WOHNGELD, |_, _| Does::Take));
    let troubled = rig.troubled();
    let engine = rig.engine();
    deliver(&engine, rig.envelope(&wish(0, 0))).await;
    rig.at_rest().await;
    House { rig, nord, wohngeld, troubled, engine }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_memory_leaves_without_being_looked_for() {
    let House { rig, nord, wohngeld, troubled, engine } = looked().await;
    let found = troubled.found.load(Ordering::SeqCst);
    for n in 1..=30 {
        let id = deliver(&engine, rig.envelope(&wish(n, n))).await.id;
        rig.until_send(id, NORD, "sent").await;
        rig.until_send(id, WOHNGELD, "sent").await;
    }
    assert_eq!(troubled.found.load(Ordering::SeqCst), found, "no look found anything");
    assert_eq!((nord.attempts(), wohngeld.attempts()), (31, 31));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_repeated_is_not_kept() {
    let mut rig = Rig::new(fast(1.0)).await;
    let nord = rig.put(NORD, Far::new(rig.clock.clone(), false, |_, _| Does::Take));
    let wohngeld = rig.far(WOHNGELD, |_, _| Does::Take);
    let troubled = rig.troubled();
    let engine = rig.engine();
    for n in 0..10 {
        deliver(&engine, rig.envelope(&wish(n, n))).await;
        nord.has(n as usize + 1).await;
    }
    wohngeld.has(10).await;
    // A crash before the first octet would put them in doubt, and a person would have to find out.
    assert!(troubled.found.load(Ordering::SeqCst) >= 10);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_by_a_commit_whose_end_nobody_heard_is_found_at_once() {
    let House { rig, nord, wohngeld, troubled, engine } = looked().await;
    for n in 1..=3 {
        troubled.unheard.store(true, Ordering::SeqCst);
        assert!(
            engine.reception.deliver(rig.envelope(&wish(n, n))).await.is_err(),
            "nothing is acknowledged"
        );
        troubled.unheard.store(false, Ordering::SeqCst);
        // Long before the lease of a minute is over.
        nord.has(n as usize + 1).await;
        wohngeld.has(n as usize + 1).await;
        let verdict = deliver(&engine, rig.envelope(&wish(n, n))).await;
        assert_eq!((verdict.state, verdict.again), (Inbound::Accepted, true));
        rig.at_rest().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((nord.attempts(), wohngeld.attempts()), (4, 4), "each exactly once");
    stop(engine).await;
}
