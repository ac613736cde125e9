//! What was sent is looked after until its far end confirms it: in the order of due looks, whatever falls between two steps, held by what
//! holds the destination, and never sent again by it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::engine::points::{Point, Points};
use drehscheibe::envelope::Envelope;
use drehscheibe::store::pauses::{Breaker, Pause};
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::{After, Destination, Follow, Followed, Proof, Receipt, SendError};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::rig::{HORT, NORD, Rig, deliver, fast, stop, wish};
use crate::support::until;

/// A far end that takes everything and confirms what it is told to.
#[derive(Default)]
struct Confirms {
    /// How often each id arrived.
    seen: Mutex<HashMap<Uuid, u32>>,
    looks: AtomicUsize,
    confirms: AtomicBool,
    /// A look is not answered.
    mute: AtomicBool,
    broken: AtomicBool,
    /// What looks were given.
    kept: Mutex<Vec<(String, Vec<u8>)>>,
    answers: Mutex<Vec<Envelope>>,
    within: Mutex<Duration>,
}

impl Confirms {
    fn within(seconds: u64) -> Arc<Confirms> {
        Arc::new(Confirms { within: Mutex::new(Duration::from_secs(seconds)), ..Confirms::default() })
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    fn confirm(&self) {
        self.confirms.store(true, Ordering::SeqCst);
    }

    fn seen(&self) -> Vec<u32> {
        self.seen.lock().unwrap().values().copied().collect()
    }
}

#[async_trait]
impl Destination for Confirms {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        *self.seen.lock().unwrap().entry(envelope.head.id).or_default() += 1;
        let within = *self.within.lock().unwrap();
        let follow = Follow { first: Duration::from_secs(2), within, keep: b"report"[..].into() };
        let reference = format!("r-{}", envelope.head.id);
        Ok(Receipt { reference, follow: Some(follow), ..Receipt::default() })
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear { cause: "there is no way to ask".to_owned() })
    }

    async fn look_after(&self, followed: &Followed<'_>) -> Result<After, SendError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        assert_eq!(followed.reference, format!("r-{}", followed.id));
        self.kept.lock().unwrap().push((followed.reference.to_owned(), followed.keep.to_vec()));
        if self.mute.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        assert!(!self.broken.load(Ordering::SeqCst), "a fault of the program, on purpose");
        if !self.confirms.load(Ordering::SeqCst) {
            return Ok(After::Open { again: Some(Duration::from_secs(2)) });
        }
        let answers = self.answers.lock().unwrap().clone();
        let octets = b"<Laufzettel/>"[..].into();
        Ok(After::Confirmed(Proof { evidence: "the report is green".to_owned(), octets, answers }))
    }

    fn width(&self) -> usize {
        1
    }
}

async fn rig(within: u64) -> (Rig, Arc<Confirms>) {
    let mut rig = Rig::new(fast(20.0)).await;
    let far = Confirms::within(within);
    rig.set.destinations.insert(NORD.to_owned(), far.clone());
    (rig, far)
}

async fn quiet(far: &Confirms) -> bool {
    let before = far.looks();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    far.looks() == before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_is_looked_at_until_it_is_confirmed_and_holds_nobody_up() {
    let (rig, far) = rig(100_000).await;
    let engine = rig.engine();
    let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    let sent = rig.until_send(first.id, NORD, "sent").await;
    assert!(sent.next_look.is_some());
    until("it was looked at twice", 60, || far.looks() >= 2).await;
    // The next row of the same child is not behind it; another destination neither.
    let second = deliver(&engine, rig.by_second(&wish(1, 2))).await;
    rig.until_send(second.id, NORD, "sent").await;
    rig.until_send(second.id, HORT, "sent").await;
    // A document comes back with the confirmation: it runs like any other.
    far.answers.lock().unwrap().push(rig.envelope(&wish(7, 1)));
    far.confirm();
    let confirmed = rig.until_send(first.id, NORD, "confirmed").await;
    assert_eq!(confirmed.confirmed.as_deref(), Some("the report is green"));
    rig.until_send(second.id, NORD, "confirmed").await;
    rig.until_mirror(2).await;
    // What the answer itself causes is sent to the same far end, and followed like the others.
    let confirmed = async || {
        let backlog = rig.figures().await.backlog;
        let nord =
            backlog.iter().find(|one| one.destination == NORD).map(|one| (one.followed, one.confirmed));
        nord == Some((0, 3))
    };
    for _ in 0..3_000 {
        if confirmed().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(confirmed().await, "{:?}", rig.figures().await.backlog);
    assert!(far.kept.lock().unwrap().iter().all(|(_, kept)| kept == b"report"));
    assert!(quiet(&far).await, "what has ended is looked at no more");
    assert_eq!(far.seen(), [1, 1, 1], "each was sent once");
    assert!(rig.store.list_parked_sends(&Scope::Operator, 10).await.unwrap().is_empty());
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_falls_between_send_and_look_it_is_confirmed_once_and_sent_no_more() {
    for point in
        [Point::AfterSend, Point::AfterSettle, Point::BeforeLook, Point::AfterLook, Point::LookSettled]
    {
        let (mut rig, far) = rig(100_000).await;
        // Nothing but the row that is followed passes the points of sending.
        let mut plan = rig.plan("zweitlieferung");
        plan.steps.remove(plan.send_from + 1);
        rig.replace(plan);
        far.confirm();
        let engine = rig.engine_at(Points::halt_at(point, 1));
        let told = deliver(&engine, rig.by_second(&wish(1, 1)));
        let told = tokio::time::timeout(Duration::from_secs(5), told).await;
        until(&format!("it has fallen at {point:?}"), 20, || engine.core.points.crashed()).await;
        stop(engine).await;
        let engine = rig.engine();
        let id = match told {
            Ok(verdict) => verdict.id,
            Err(_) => deliver(&engine, rig.by_second(&wish(1, 1))).await.id,
        };
        rig.until_send(id, NORD, "confirmed").await;
        let sent = if point == Point::AfterSend { 2 } else { 1 };
        assert_eq!(far.seen(), [sent], "{point:?}");
        let looks = far.looks();
        assert!((1..=2).contains(&looks), "{point:?}: {looks} looks");
        assert!(quiet(&far).await, "{point:?}");
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_and_a_breaker_hold_looks_and_a_look_that_is_not_answered_holds_nobody() {
    let (rig, far) = rig(100_000).await;
    let engine = rig.engine();
    let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    rig.until_send(first.id, NORD, "sent").await;
    until("it was looked at", 60, || far.looks() >= 1).await;
    let pause = Pause {
        kind: "destination".to_owned(),
        name: NORD.to_owned(),
        until: None,
        reason: "Wartung".to_owned(),
        person: "os:rita".to_owned(),
        since: rig.clock.now(),
    };
    let now = rig.clock.now();
    rig.store.set_pause("destination", NORD, Some(pause), "os:rita", now).await.unwrap();
    until("the pause is heard of", 60, || engine.core.destination_paused(NORD)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(quiet(&far).await, "nothing is asked while it is paused");
    let long = rig.clock.now().checked_add(SignedDuration::from_hours(100)).unwrap();
    let breaker =
        |open_until: Option<Timestamp>| Breaker { destination: NORD.to_owned(), failures: 9, open_until };
    rig.store.set_breaker(breaker(Some(long))).await.unwrap();
    rig.store.set_pause("destination", NORD, None, "os:rita", rig.clock.now()).await.unwrap();
    until("the pause is over", 60, || !engine.core.destination_paused(NORD)).await;
    assert!(quiet(&far).await, "nothing is asked while the breaker is open");
    far.mute.store(true, Ordering::SeqCst);
    rig.store.set_breaker(breaker(None)).await.unwrap();
    let before = far.looks();
    until("it is looked at again", 60, || far.looks() > before).await;
    // The look hangs; rows of the same lane leave all the same.
    let second = deliver(&engine, rig.by_second(&wish(1, 2))).await;
    rig.until_send(second.id, NORD, "sent").await;
    stop(engine).await;
    // Broken off by the end of the process, it is made again by the next one.
    far.mute.store(false, Ordering::SeqCst);
    far.confirm();
    let engine = rig.engine();
    rig.until_send(first.id, NORD, "confirmed").await;
    rig.until_send(second.id, NORD, "confirmed").await;
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_confirmed_in_its_time_waits_for_a_person() {
    let (rig, far) = rig(30).await;
    let engine = rig.engine();
    let delivered = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    let failed = rig.until_send(delivered.id, NORD, "failed").await;
    assert!(failed.cause.unwrap().contains("not confirmed in its time"));
    assert!(failed.next_step.unwrap().contains("parked arrived"));
    // A look that breaks is no answer either, and costs nothing but itself.
    far.broken.store(true, Ordering::SeqCst);
    let broken = deliver(&engine, rig.by_second(&wish(2, 1))).await;
    let cause = rig.until_send(broken.id, NORD, "failed").await.cause.unwrap();
    assert!(cause.contains("nobody could tell in its time"), "{cause}");
    assert!(engine.core.broken.part().is_none());
    let held = rig.store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    assert_eq!(held.len(), 2);
    for send in held {
        assert!(rig.store.arrived(send.id, "os:rita", "angerufen", rig.clock.now()).await.unwrap());
    }
    rig.until_send(delivered.id, NORD, "confirmed").await;
    assert_eq!(far.seen(), [1, 1], "nothing of it is sent again");
    stop(engine).await;
}
