//! What the rooms of the engine share: store, clock, running set, queues, permits.
//! Holds no logic of any stretch; see `receive`, `lookup`, `commit`, `dispatch`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use uuid::Uuid;

use crate::clock::{Clock, Tick};
use crate::effects::{GuardKey, Question};
use crate::envelope::Verdict;
use crate::plan::PlanSet;
use crate::register::fristen::Fristen;
use crate::store::contract::Store;
use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::pauses::Pause;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Parts, Turn};
use crate::transport::port::reach::Reached;
use crate::transport::port::{Busy, Stop};

use super::broken::{Broken, Why};
use super::duty::{Keeper, LEASE};
use super::gate::Gate;
use super::hands::Hands;
use super::points::Points;
use super::reasons::Noted;
use super::refused::Refused;
use super::run::{Decided, Ground, Run};
use super::told::Told;

/// Bounds of the engine; all have defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker threads.
    pub workers: usize,
    /// Deliveries under way at once.
    pub in_flight: usize,
    /// Octets of bodies under way at once.
    pub in_flight_octets: usize,
    /// Largest batch of a commit or lookup.
    pub batch: usize,
    /// How long a lane is leased.
    pub lease: Duration,
    /// Lanes leased at once.
    pub lanes: usize,
    /// Rows taken of one lane at once.
    pub heads: usize,
    /// How long one attempt may take.
    pub send_timeout: Duration,
    /// How long a delivery waits for room before its source is told `Busy`.
    pub patience_for_room: Duration,
    /// After so many `Busy` in a row for one transport id its raw octets are quarantined.
    pub busy_limit: u32,
    /// Name of this process, for the operator.
    pub name: String,
    /// How long a duty is leased.
    pub duty_lease: Duration,
    /// How long each class of data is kept, and when the daily run begins.
    pub fristen: Fristen,
    /// Whether this process takes part in the daily run. A play does not: it sets time forward by months and compares what is left at its end,
    /// and whether the run comes before that end is chance.
    pub retains: bool,
    /// How old the Stand of a Negativauskunft may be when it leaves; later its request is decided anew before. What lies unread at an office for less
    /// than an hour, or what routes say instead where that is less (`rueckstand`), makes no register incomplete, and a Bestandsmeldung is a day's: so
    /// within it the answer would be the same. A play, for which hours are moments of the machine, has no such time ([`Duration::MAX`]).
    pub fresh: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            in_flight: 512,
            in_flight_octets: 48 * 1024 * 1024,
            batch: 128,
            lease: Duration::from_secs(60),
            lanes: 128,
            heads: 16,
            send_timeout: Duration::from_secs(30),
            patience_for_room: Duration::from_secs(5),
            busy_limit: 5,
            name: "drehscheibe".to_owned(),
            duty_lease: LEASE,
            fristen: Fristen::default(),
            retains: true,
            fresh: Duration::from_secs(3600),
        }
    }
}

/// Why a delivery has no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoVerdict {
    /// Our trouble that may pass.
    Busy(Busy),
    /// It broke a worker, and does so each time: in the end it is kept apart.
    Poisoned,
}

impl From<NoVerdict> for Busy {
    fn from(none: NoVerdict) -> Busy {
        match none {
            NoVerdict::Busy(busy) => busy,
            NoVerdict::Poisoned => busy("this delivery could not be processed here"),
        }
    }
}

impl From<Busy> for NoVerdict {
    fn from(busy: Busy) -> NoVerdict {
        NoVerdict::Busy(busy)
    }
}

/// What comes of a delivery.
pub type Judged = Result<Verdict, NoVerdict>;

/// Who waits for a verdict, and the room that is held meanwhile.
pub struct Ticket {
    sender: Option<oneshot::Sender<Judged>>,
    /// When it came, for the latency histograms.
    pub began: Tick,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Ticket {
    /// A ticket with its receiving end.
    pub fn new(began: Tick, permits: Vec<OwnedSemaphorePermit>) -> (Ticket, oneshot::Receiver<Judged>) {
        let (sender, receiver) = oneshot::channel();
        (Ticket { sender: Some(sender), began, _permits: permits }, receiver)
    }

    /// Tells whoever waits; a source that is gone meanwhile changes nothing, the verdict is committed.
    pub fn tell(self, outcome: Result<Verdict, Busy>) {
        self.send(outcome.map_err(NoVerdict::Busy));
    }

    /// Tells whoever waits that the delivery broke a worker.
    pub fn poisoned(self) {
        self.send(Err(NoVerdict::Poisoned));
    }

    fn send(mut self, told: Judged) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(told);
        }
    }
}

/// Work for a worker thread.
pub enum Task {
    /// A delivery at the door.
    Deliver(Ground, Ticket),
    /// A run whose facts are there.
    Continue(Box<Run>, Ticket),
    /// A decided delivery whose key came before with other content, by this message: write its refusal.
    Conflict(Box<Decided>, Uuid, Ticket),
    /// A repeat of a message that is gone: write its answer anew.
    Anew(Box<Decided>, Box<Verdict>, oneshot::Sender<Rewritten>),
    /// None any more: one worker ends.
    End,
}

impl Task {
    /// By which set it is worked on; `None` where a worker ends.
    pub fn set(&self) -> Option<Arc<PlanSet>> {
        match self {
            Task::Deliver(ground, _) => Some(ground.set.clone()),
            Task::Continue(run, _) => Some(run.ground.set.clone()),
            Task::Conflict(decided, ..) | Task::Anew(decided, ..) => Some(decided.ground.set.clone()),
            Task::End => None,
        }
    }
}

/// A repeat of a message that is gone, with the first verdict and the answer that was written anew, if the message had one.
pub type Rewritten = (Box<Decided>, Box<Verdict>);

/// A run that asks.
pub struct Ask {
    /// The run.
    pub run: Box<Run>,
    /// What it asks.
    pub questions: Vec<Question>,
    /// Who waits.
    pub ticket: Ticket,
}

/// Orders for the lookup room.
pub enum LookupOrder {
    /// Lease the keys, then look up.
    Ask(Ask),
    /// Keys whose run is over.
    Release(Vec<GuardKey>),
}

/// A decided delivery on its way to commit.
pub struct Pending {
    /// What is decided.
    pub decided: Box<Decided>,
    /// Who waits.
    pub ticket: Ticket,
}

impl Pending {
    /// Its entry.
    pub fn entry(&self) -> &Entry {
        &self.decided.entry
    }
}

/// Shared by all rooms of the engine.
pub struct Core {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Clock,
    /// Crash points.
    pub points: Points,
    /// What runs now.
    pub set: ArcSwap<PlanSet>,
    /// Destinations that were taken away and are served no more, each with the one to which what is left goes instead; without one it is
    /// parked.
    pub ended: ArcSwap<BTreeMap<String, Option<String>>>,
    /// Bounds.
    pub settings: Settings,
    /// Work for the workers; bounded by the permits, so sending never waits.
    pub ready: crossbeam_channel::Sender<Task>,
    /// Orders for the lookup room.
    pub lookups: mpsc::UnboundedSender<LookupOrder>,
    /// Decided deliveries.
    pub commits: mpsc::UnboundedSender<Pending>,
    /// Room for deliveries.
    pub room: Arc<Semaphore>,
    /// Room for octets.
    pub octets: Arc<Semaphore>,
    /// What this replica does alone.
    pub duties: Arc<Keeper>,
    /// What was told of each place where a source looks for deliveries, and when that was written.
    pub backlog: Mutex<HashMap<String, Told>>,
    /// Pauses that hold; `None` until they were read once.
    pub pauses: ArcSwapOption<Vec<Pause>>,
    /// Closed while a store that was put back waits for a person.
    pub gate: Gate,
    /// What of the house does not run although the house does.
    pub parts: Parts,
    /// Which far ends have answered, and how often.
    pub reached: Reached,
    /// What was kept of deliveries that nobody can use.
    pub refused: Refused,
    /// When what may not leave yet is to be looked through.
    pub not_due: Noted,
    /// What is in hand of the outbox.
    pub hands: Hands,
    /// Something was put in the outbox that has to be looked for.
    pub outbox: Notify,
    /// Something was woken or replayed.
    pub woken: Notify,
    /// A person may have ordered something.
    pub ordered: Notify,
    /// The process is about to end: not ready for anybody.
    pub leaving: Stop,
    /// Nothing new is taken any more; what is under way is finished.
    pub draining: Stop,
    /// The engine drains and ends.
    pub stop: Stop,
    /// Whether a part of the engine ended although it must not.
    pub broken: Broken,
    /// When and with which alarm the store last failed, until it does something again.
    pub trouble: Mutex<Option<(Tick, Alarm)>>,
}

/// Why a process ends whose database lacks what was acknowledged.
const ENDS_WITH_HISTORY: &str = "the database lacks what was acknowledged; started again the house is closed until a person opens it: drehscheibe recover";

/// Why a process ends whose store was taken from under it.
const ENDS_WITH_PLACE: &str =
    "other files lie where it has its store open, or none; put back the folder that was there, then start";

/// How long a failure of the store makes the process unready: then one delivery may try again, or none ever would.
const UNREADY: Duration = Duration::from_secs(10);

impl Core {
    /// The pauses that hold, as far as they are known.
    pub fn pauses(&self) -> Arc<Vec<Pause>> {
        self.pauses.load_full().unwrap_or_default()
    }

    /// Whether something is paused now.
    pub fn paused(&self, kind: &str, name: &str) -> bool {
        let now = self.clock.now();
        self.pauses().iter().any(|pause| {
            pause.kind == kind && pause.name == name && pause.until.is_none_or(|until| until > now)
        })
    }

    /// Whether every route of a set that takes deliveries from here is paused.
    pub fn routes_paused(&self, set: &PlanSet, binding: &str) -> bool {
        let mut routes = set.by_binding(binding).peekable();
        routes.peek().is_some() && routes.all(|(plan, _)| self.paused("route", &plan.route))
    }

    /// Whether nothing may leave for a destination now, for itself or for its partner.
    pub fn destination_paused(&self, destination: &str) -> bool {
        let now = self.clock.now();
        self.pauses()
            .iter()
            .any(|pause| pause.holds(destination) && pause.until.is_none_or(|until| until > now))
    }

    /// Whether it is paused, or was and what the pause held has not got its time back yet.
    pub fn destination_held(&self, destination: &str) -> bool {
        self.pauses().iter().any(|pause| pause.holds(destination))
    }

    /// The process cannot go on without a part: it takes nothing more, finishes what is under way and ends.
    pub fn ends(&self, why: Why) {
        let next = "start the process again, if its keeper has not done so".to_owned();
        let failing = Failing { cause: why.cause.to_owned(), next, turn: Turn::Ours };
        self.parts.fails(&format!("engine {}", why.part), failing);
        self.broken.note(why);
        self.leaving.cancel();
        self.draining.cancel();
        self.broken.tell();
    }

    /// Calls a person because the store did not do what it was asked, and makes the process unready.
    pub fn store_failed(&self, error: &StoreError) {
        let alarm = error.alarm();
        raise(alarm, "store", &[("cause", &error.to_string())]);
        let ends = match error {
            StoreError::History => Some(ENDS_WITH_HISTORY),
            StoreError::Replaced(_) => Some(ENDS_WITH_PLACE),
            _ => None,
        };
        if let Some(why) = ends {
            // Nothing more is taken or sent. What this process keeps of numbers and keys belongs to another history, so it ends; the
            // next one begins with what the database has, closed until a person opens it.
            // First of all that it leaves: who looks whether the gate may open again goes by that.
            self.leaving.cancel();
            self.gate.close();
            self.ends(Why { part: "store", cause: why });
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((Tick::now(), alarm));
    }

    /// The store wrote something: it is sound again.
    pub fn store_wrote(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// With which alarm the store failed a moment ago, if it did.
    pub fn store_trouble(&self) -> Option<Alarm> {
        let trouble = *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.filter(|(since, _)| since.elapsed() < UNREADY).map(|(_, alarm)| alarm)
    }

    /// Releases guard keys of a run that is over.
    pub fn release(&self, keys: Vec<GuardKey>) {
        if !keys.is_empty() {
            // The lookup room ends only after everything else, so nobody is left to care if it is gone.
            let _ = self.lookups.send(LookupOrder::Release(keys));
        }
    }
}

/// The `Busy` that a source is told, with a pause that suits a store or room that is full.
pub fn busy(cause: impl Into<String>) -> Busy {
    Busy { cause: cause.into(), retry_after: Duration::from_secs(2), of_partner: false }
}
