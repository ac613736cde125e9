//! Attempts that take long: an upload that gets on keeps its lane and arrives once, one that stands still does not hold it for ever, and
//! how many go on at once is what the running set says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::engine::start::Engine;
use drehscheibe::envelope::Envelope;
use drehscheibe::plan::PlanSet;
use drehscheibe::transport::port::{Attempt, Destination, Forgetful, Progress, Receipt, SendError};
use tokio::sync::Semaphore;

use super::rig::{HORT, NORD, Rig, deliver, fast, stop, wish};
use crate::support::until;

/// A receiver of large things, at which a repeat does harm.
#[derive(Default)]
struct Slow {
    /// So many pieces make a whole.
    pieces: usize,
    each: Duration,
    begun: AtomicUsize,
    arrived: AtomicUsize,
    at_once: AtomicUsize,
    most: AtomicUsize,
    /// It goes on for ever without moving.
    stuck: AtomicBool,
    /// Nobody answers who looks an attempt up.
    mute: bool,
}

#[async_trait]
impl Destination for Slow {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.attempt(
            envelope,
            Attempt { progress: &Progress::default(), memory: &Forgetful, taken_within: None },
        )
        .await
    }

    async fn attempt(&self, _: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let progress = attempt.progress;
        self.begun.fetch_add(1, Ordering::SeqCst);
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(at_once, Ordering::SeqCst);
        for _ in 0..self.pieces {
            tokio::time::sleep(self.each).await;
            progress.moved();
        }
        while self.stuck.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.arrived.fetch_add(1, Ordering::SeqCst);
        Ok(Receipt::default())
    }

    fn repeat_is_safe(&self) -> bool {
        false
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        match self.mute {
            true => std::future::pending().await,
            false => Err(SendError::Unclear { cause: "there is no way to ask".to_owned() }),
        }
    }

    fn width(&self) -> usize {
        4
    }
}

fn put(rig: &mut Rig, slow: Slow) -> Arc<Slow> {
    let slow = Arc::new(slow);
    rig.set.destinations.insert(NORD.to_owned(), slow.clone());
    slow
}

/// 80 MB at 1 MB/s by the clock of the house: longer than an attempt may be silent and than a lane is leased.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eighty_megabytes_at_one_a_second_arrive_once() {
    let mut rig = Rig::new(fast(40.0)).await;
    rig.settings.send_timeout = Duration::from_millis(500);
    let slow = put(&mut rig, Slow { pieces: 80, each: Duration::from_millis(25), ..Slow::default() });
    let engine = rig.engine();
    let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    let send = rig.until_send(first.id, NORD, "sent").await;
    assert_eq!(
        (send.attempts, slow.begun.load(Ordering::SeqCst), slow.arrived.load(Ordering::SeqCst)),
        (1, 1, 1)
    );
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_still_is_given_up_and_a_person_told_also_where_nobody_answers_who_asks() {
    for mute in [false, true] {
        let mut rig = Rig::new(fast(40.0)).await;
        rig.settings.send_timeout = Duration::from_millis(300);
        let stuck = AtomicBool::new(true);
        let each = Duration::from_millis(10);
        let slow = put(&mut rig, Slow { pieces: 5, each, stuck, mute, ..Slow::default() });
        let engine = rig.engine();
        let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
        rig.until_send(first.id, NORD, "unclear").await;
        assert_eq!(
            (slow.begun.load(Ordering::SeqCst), slow.arrived.load(Ordering::SeqCst)),
            (1, 0),
            "{mute}"
        );
        until("its room is free", 60, || engine.core.hands.under_way(NORD) == 0).await;
        stop(engine).await;
    }
}

/// A lane that is not ours any more is not sent on: another one looks at it meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_whose_lease_cannot_be_renewed_is_broken_off() {
    let mut rig = Rig::new(fast(40.0)).await;
    rig.settings.send_timeout = Duration::from_secs(60);
    let slow = put(&mut rig, Slow { stuck: AtomicBool::new(true), ..Slow::default() });
    let troubled = rig.troubled();
    let engine = rig.engine();
    let first = deliver(&engine, rig.by_second(&wish(1, 1))).await;
    until("it has begun", 60, || slow.begun.load(Ordering::SeqCst) == 1).await;
    troubled.no_settle.store(true, Ordering::SeqCst);
    // Twice its lease later nobody sends under it any more, though it never ended by itself.
    tokio::time::sleep(Duration::from_secs(3)).await;
    troubled.no_settle.store(false, Ordering::SeqCst);
    rig.until_send(first.id, NORD, "unclear").await;
    assert_eq!((slow.begun.load(Ordering::SeqCst), slow.arrived.load(Ordering::SeqCst)), (1, 0));
    stop(engine).await;
}

/// The same receiver as two sets have it, one after the other.
struct Wide {
    gate: Arc<Semaphore>,
    at_once: Arc<AtomicUsize>,
    width: usize,
}

#[async_trait]
impl Destination for Wide {
    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        self.at_once.fetch_add(1, Ordering::SeqCst);
        let passed = self.gate.acquire().await;
        passed.unwrap().forget();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        Ok(Receipt::default())
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Ok(None)
    }

    fn width(&self) -> usize {
        self.width
    }
}

fn apply(engine: &Engine, destination: Arc<dyn Destination>) {
    let set = engine.core.set.load();
    let mut destinations = set.destinations.clone();
    destinations.insert(NORD.to_owned(), destination);
    engine.core.set.store(Arc::new(PlanSet {
        version: set.version.clone(),
        stage: set.stage,
        plans: set.plans.clone(),
        standards: set.standards.clone(),
        partners: set.partners.clone(),
        admission: set.admission.clone(),
        http: set.http.clone(),
        destinations,
        patience: set.patience.clone(),
        beside: set.beside.clone(),
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_width_that_apply_changed_counts_for_sending() {
    let mut rig = Rig::new(fast(1.0)).await;
    let (gate, at_once) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let wide = |width| Arc::new(Wide { gate: gate.clone(), at_once: at_once.clone(), width });
    rig.set.destinations.insert(NORD.to_owned(), wide(1));
    let hort = rig.far(HORT, |_, _| super::far::Does::Take);
    let engine = rig.engine();
    for child in 1..=24 {
        deliver(&engine, rig.by_second(&wish(child, 1))).await;
    }
    hort.has(24).await;
    let now = || at_once.load(Ordering::SeqCst);
    until("one goes on", 60, || now() == 1).await;
    apply(&engine, wide(4));
    until("four go on", 60, || now() == 4).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(now(), 4);
    apply(&engine, wide(2));
    // The four that go on end; from then on two do.
    gate.add_permits(4);
    until("the four have ended", 60, || gate.available_permits() == 0).await;
    for _ in 0..8 {
        until("two go on", 60, || now() == 2).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(now() <= 2, "{}", now());
        gate.add_permits(2);
        until("they have ended", 60, || gate.available_permits() == 0).await;
    }
    gate.add_permits(1_000);
    rig.at_rest().await;
    stop(engine).await;
}
