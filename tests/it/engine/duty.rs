//! Duties at the engine: one replica holds, another takes over, a term ends before its lease, a stale fence does nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use drehscheibe::cli::sample::eintragung;
use drehscheibe::clock::Clock;
use drehscheibe::effects::Timer;
use drehscheibe::engine::alone::Alone;
use drehscheibe::engine::duty::{Keeper, of_source};
use drehscheibe::store::contract::Store;
use drehscheibe::store::duty::{Ask, Taken};
use drehscheibe::transport::port::{DueTimers, Intake, Notes};
use jiff::SignedDuration;
use tokio::task::JoinHandle;

use super::rig::{Rig, deliver, fast, start_of_time, stop, wish};
use super::troubled::Troubled;
use drehscheibe::pipeline::step::Flow;

const LEASE: Duration = Duration::from_secs(3);
/// Far more than a take-over may take.
const LONG: Duration = Duration::from_secs(15);

fn keeper(store: &Arc<dyn Store>, worker: &str) -> (Arc<Keeper>, JoinHandle<()>) {
    let keeper = Keeper::new(store.clone(), worker.to_owned(), LEASE);
    let task = tokio::spawn(keeper.clone().run(|| false));
    (keeper, task)
}

async fn soon<T>(what: &str, waited: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LONG, waited).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_gives_back_another_has_and_what_one_keeps_nobody_gets() {
    let rig = Rig::new(Clock::set(start_of_time())).await;
    let (one, running_one) = keeper(&rig.store, "one");
    let (two, running_two) = keeper(&rig.store, "two");
    let wish_one = one.wish("retention");
    let first = soon("the first takes it", wish_one.term()).await;
    assert_eq!(one.held("retention").as_ref(), Some(first.duty()));
    let wish_two = two.wish("retention");
    // Renewed several times over the length of a lease.
    let stolen = tokio::time::timeout(LEASE + LEASE / 2, wish_two.term()).await;
    assert!(stolen.is_err() && two.held("retention").is_none());
    assert_eq!(one.held("retention").as_ref(), Some(first.duty()), "the fence stays");
    wish_one.give_back().await;
    assert!(first.ended().is_cancelled() && one.held("retention").is_none());
    let second = soon("the second takes it", wish_two.term()).await;
    assert!(second.duty().fence > first.duty().fence);
    // A process that ends gives all back; one that dies gives nothing back and is waited for.
    two.give_back().await;
    running_two.abort();
    let wish_one = one.wish("retention");
    let third = soon("the first has it again", wish_one.term()).await;
    running_one.abort();
    let (three, running_three) = keeper(&rig.store, "three");
    let wish_three = three.wish("retention");
    let fourth = soon("the third takes it over", wish_three.term()).await;
    assert!(third.ended().is_cancelled(), "its term ended before the lease did");
    assert!(fourth.duty().fence > third.duty().fence);
    drop(wish_three);
    soon("a dropped wish gives back too", async {
        while !rig.store.duties().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    running_three.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_renew_stops_before_another_begins() {
    let rig = Rig::new(Clock::set(start_of_time())).await;
    let troubled = Arc::new(Troubled::new(rig.store.clone()));
    let cut: Arc<dyn Store> = troubled.clone();
    let (one, running_one) = keeper(&cut, "one");
    let (two, running_two) = keeper(&rig.store, "two");
    let wish_one = one.wish("source trays");
    let first = soon("the first takes it", wish_one.term()).await;
    let wish_two = two.wish("source trays");
    troubled.no_duty.store(true, Ordering::SeqCst);
    let second = soon("the second takes it over", wish_two.term()).await;
    assert!(first.ended().is_cancelled() && one.held("source trays").is_none());
    assert!(second.duty().fence > first.duty().fence);
    troubled.no_duty.store(false, Ordering::SeqCst);
    let stolen = tokio::time::timeout(LEASE, wish_one.term()).await;
    assert!(stolen.is_err(), "it waits like anybody else");
    wish_two.give_back().await;
    let third = soon("the first has it again", wish_one.term()).await;
    assert!(third.duty().fence > second.duty().fence);
    running_one.abort();
    running_two.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_lost_duty_nothing_is_asked_for_taken_in_or_noted() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.step(true, |message| {
        message.effects.timers.push(Timer {
            id: message.derived_id("timer"),
            due: message.now() - SignedDuration::from_mins(1),
            name: "timer erinnern".to_owned(),
            body: Bytes::from(eintragung(&wish(2, 1))),
            of: None,
        });
        Ok(Flow::Next)
    });
    let engine = rig.engine();
    deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let duty = of_source("wecker");
    let ports = Alone::new(engine.core.clone(), engine.reception.clone(), duty.clone());
    assert!(ports.due(5).await.is_err() && ports.set_note("c", "k", None).await.is_err(), "not held");
    assert!(ports.deliver(rig.envelope(&wish(3, 1))).await.is_err());
    let wished = engine.core.duties.wish(&duty);
    let term = soon("it is free", wished.term()).await;
    assert_eq!(ports.due(5).await.unwrap().len(), 1);
    ports.set_note("c", "k", Some(b"1".to_vec())).await.unwrap();
    assert!(ports.deliver(rig.envelope(&wish(3, 1))).await.is_ok());
    // Frozen beyond its lease, as it were: another one takes over, and this one does not know yet.
    let later = Clock::real().now() + SignedDuration::from_mins(5);
    let (worker, lease) = ("other".to_owned(), Duration::from_secs(60));
    let ask = Ask { name: duty.clone(), worker, fence: None, now: later, lease };
    let Taken::Held(others) = rig.store.take_duty(&ask).await.unwrap() else { panic!() };
    assert!(others.fence > term.duty().fence);
    assert!(ports.due(5).await.is_err());
    assert!(ports.set_note("c", "k", Some(b"2".to_vec())).await.is_err());
    assert_eq!(ports.note("c", "k").await.unwrap().as_deref(), Some(&b"1"[..]));
    soon("it finds out", term.ended().cancelled()).await;
    assert!(ports.deliver(rig.envelope(&wish(4, 1))).await.is_err());
    stop(engine).await;
}
