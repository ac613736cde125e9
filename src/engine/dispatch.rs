//! Dispatch: leases due lanes, sends their heads in order, settles with the fence. One slow destination never holds another.
//! Sends nothing that was not first in the outbox; decides nothing about content.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::clock::Tick;
use crate::envelope::Envelope;
use crate::plan::Patience;
use crate::store::contract::{Breaker, Due, Lane, Outcome, Settle, StoreError, Want};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric::{self, Sent, Stretch};
use crate::telemetry::trace::{adopt, carry};
use crate::transport::port::{Destination, Intake, Receipt, SendError};

use super::attempt::{self, InDoubt};
use super::backoff::{self, Failed};
use super::breaker::{Breakers, signed};
use super::core::Core;
use super::hindsight::Hindsight;
use super::points::{Crashed, Point};
use super::settle::Settling;

/// How long a look at the lanes may wait for more to look for; far below what a partner notices.
const GATHER: Duration = Duration::from_millis(3);
/// How long a lane that becomes due may wait to be seen while others are under way.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is looked at what other replicas know of destinations.
const HEAR: Duration = Duration::from_secs(1);

/// What all lane tasks share.
struct Table {
    breakers: Mutex<Breakers>,
    /// Lanes under way by destination.
    under_way: Mutex<HashMap<String, usize>>,
    widths: Mutex<HashMap<String, Arc<Semaphore>>>,
    settling: Settling,
}

impl Table {
    fn under_way(&self, destination: &str) -> usize {
        lock(&self.under_way).get(destination).copied().unwrap_or(0)
    }

    fn width(&self, destination: &str, width: usize) -> Arc<Semaphore> {
        let mut widths = lock(&self.widths);
        widths.entry(destination.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(width.max(1)))).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs until the engine stops; then ends what is under way.
pub async fn run(core: Arc<Core>, intake: Arc<dyn Intake>) {
    tokio::select! {
        () = core.gate.opened() => {}
        () = core.stop.cancelled() => return,
    }
    let rows = loop {
        match core.store.breakers().await {
            Ok(rows) => break rows,
            Err(error) => {
                core.store_failed(&error);
                tokio::time::sleep(Duration::from_secs(1)).await;
                if core.stop.is_cancelled() {
                    return;
                }
            }
        }
    };
    let table = Arc::new(Table {
        breakers: Mutex::default(),
        under_way: Mutex::default(),
        widths: Mutex::default(),
        settling: Settling::start(core.store.clone(), core.settings.batch),
    });
    hear(&core, &table.breakers, rows);
    let mut lanes: JoinSet<Result<(), Crashed>> = JoinSet::new();
    let mut heard = Tick::now();
    let mut hindsight = Hindsight::default();
    while !core.stop.is_cancelled() && !core.points.crashed() {
        if heard.elapsed() >= HEAR {
            heard = Tick::now();
            // Where they cannot be read the next look tells.
            if let Ok(rows) = core.store.breakers().await {
                for (destination, open) in hear(&core, &table.breakers, rows) {
                    metric::breaker(&destination, open);
                }
            }
        }
        while lanes.try_join_next().is_some() {}
        let now = core.clock.now();
        let went_back = hindsight.looks_back(now);
        let claimed = claim(&core, &table, now, went_back).await;
        if went_back && matches!(claimed, Ok(Some(_))) {
            hindsight.looked();
        }
        match claimed {
            Ok(Some(claimed)) if !claimed.is_empty() => {
                let more = claimed.len() >= core.settings.lanes;
                if core.points.reach(Point::AfterClaim).is_err() {
                    break;
                }
                for lane in claimed {
                    *lock(&table.under_way).entry(lane.destination.clone()).or_default() += 1;
                    let (core, table, intake) = (core.clone(), table.clone(), intake.clone());
                    lanes.spawn(async move {
                        let destination = lane.destination.clone();
                        let done = serve(&core, &table, &*intake, lane).await;
                        if let Some(count) = lock(&table.under_way).get_mut(&destination) {
                            *count = count.saturating_sub(1);
                        }
                        done
                    });
                }
                // All that was due and has room is leased: the next look waits for a reason.
                if !more {
                    busy(&core, &mut lanes).await;
                }
            }
            Ok(Some(_)) => idle(&core, &table, now, &mut lanes).await,
            Ok(None) => break,
            Err(cause) => {
                core.store_failed(&cause);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
    if core.points.crashed() {
        lanes.abort_all();
    }
    while lanes.join_next().await.is_some() {}
}

/// Takes over the breakers as stored; returns what changed.
fn hear(core: &Core, breakers: &Mutex<Breakers>, rows: Vec<Breaker>) -> Vec<(String, bool)> {
    let set = core.set.load();
    lock(breakers).hear(rows, core.clock.now(), |destination| {
        let connection = destination.split_once(':').map_or(destination, |(connection, _)| connection);
        let patience = set.patience.get(connection).cloned().unwrap_or_else(default_patience);
        patience.longest.max(patience.breaker_open)
    })
}

async fn claim(
    core: &Core,
    table: &Table,
    now: Timestamp,
    went_back: bool,
) -> Result<Option<Vec<Lane>>, StoreError> {
    if core.points.reach(Point::BeforeClaim).is_err() {
        return Ok(None);
    }
    let set = core.set.load();
    let (mut except, probing) = {
        let breakers = lock(&table.breakers);
        let closed = breakers.closed_for(now, |destination| table.under_way(destination));
        let probing: HashSet<String> =
            set.destinations.keys().filter(|name| breakers.probing(name)).cloned().collect();
        (closed, probing)
    };
    let mut most = Vec::new();
    for (name, destination) in &set.destinations {
        let partner = name.split_once(':').map_or("", |(_, partner)| partner);
        // A lane that waits for its turn uses up its lease; where a repeat does harm none may be lost, so none waits.
        let waiting = if destination.repeat_is_safe() { 2 } else { 1 };
        let room = (destination.width().max(1) * waiting).saturating_sub(table.under_way(name));
        let room = if probing.contains(name) { room.min(1) } else { room };
        if room == 0 || core.paused("destination", name) || core.paused("partner", partner) {
            except.push(name.clone());
        } else {
            most.push((name.clone(), room));
        }
    }
    let want = Want {
        worker: core.settings.name.clone(),
        now,
        lease: core.settings.lease,
        lanes: core.settings.lanes,
        heads: core.settings.heads,
        except,
        most,
        went_back,
    };
    core.store.claim(want).await.map(Some)
}

/// Waits while lanes are under way: for a commit, for lanes that end, or for a short time, in which another lane may have become due.
/// Returns whether something happened.
async fn busy(core: &Core, lanes: &mut JoinSet<Result<(), Crashed>>) -> bool {
    let patience = if lanes.is_empty() { GATHER } else { LOOK };
    tokio::select! {
        () = core.outbox.notified() => {}
        Some(_) = lanes.join_next(), if !lanes.is_empty() => {
            // Lanes end together, because they are settled together: one look for all of them. What is new does not wait.
            tokio::select! {
                () = core.outbox.notified() => {}
                () = tokio::time::sleep(GATHER) => {}
            }
        }
        () = core.store.woken() => {}
        () = core.stop.cancelled() => {}
        () = tokio::time::sleep(patience) => return false,
    }
    true
}

/// Waits for work: a commit, the next due lane, a breaker that may be probed, a lane that ended.
async fn idle(core: &Core, table: &Table, now: Timestamp, lanes: &mut JoinSet<Result<(), Crashed>>) {
    // Under load something happens at once, and nobody has to ask when the next lane is due.
    if busy(core, lanes).await {
        return;
    }
    let due = core.store.next_due().await.ok().flatten();
    let probe = lock(&table.breakers).next_probe(now);
    // A lane that is due but excluded hides the next one; it must not make this spin, however fast the clock runs.
    let hidden = due.is_some_and(|due| due <= now);
    let poll = Duration::from_millis(if hidden { 20 } else { 1000 });
    let until = [due.filter(|_| !hidden), probe].into_iter().flatten().min();
    let timer = async {
        match until {
            Some(until) => core.clock.sleep_until(until).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = core.outbox.notified() => {}
        () = timer => {}
        Some(_) = lanes.join_next(), if !lanes.is_empty() => {}
        () = core.store.woken() => {}
        // Polling is the fall-back for what other processes commit.
        () = tokio::time::sleep(poll) => {}
        () = core.stop.cancelled() => {}
    }
}

/// Sends the heads of one lane in order until one does not arrive.
async fn serve(core: &Core, table: &Table, intake: &dyn Intake, lane: Lane) -> Result<(), Crashed> {
    let leased = core.clock.now();
    let (half, whole) = (signed(core.settings.lease / 2), signed(core.settings.lease));
    let set = core.set.load_full();
    let destination = set.destinations.get(&lane.destination).cloned();
    let connection =
        lane.destination.split_once(':').map_or(lane.destination.as_str(), |(connection, _)| connection);
    let patience = set.patience.get(connection).cloned().unwrap_or_else(default_patience);
    let width = table.width(&lane.destination, destination.as_ref().map_or(1, |to| to.width()));
    let Ok(_permit) = width.acquire().await else { return Ok(()) };
    let over = |share| leased.checked_add(share).is_ok_and(|until| core.clock.now() > until);
    if over(whole) {
        // Another holds it by now; the order of the lane is his to keep.
        return Ok(());
    }
    let last = lane.heads.len().saturating_sub(1);
    for (index, due) in lane.heads.iter().enumerate() {
        let now = core.clock.now();
        let outcome = if attempt::is_too_late(due.deadline, now) {
            Outcome::Parked {
                cause: "not delivered before its deadline".to_owned(),
                next_step: "find out why the receiver did not take it, then replay".to_owned(),
            }
        } else {
            try_one(core, table, intake, destination.as_deref(), due, &patience).await?
        };
        let arrived = matches!(outcome, Outcome::Sent { .. });
        let release = attempt::releases(arrived, index == last, over(half), core.stop.is_cancelled());
        report(due, &outcome);
        let settle =
            Settle { lane: lane.id, fence: lane.fence, row: due.id, outcome, release, now: core.clock.now() };
        let settled = settle_until_stored(core, &table.settling, settle).await;
        core.points.reach(Point::AfterSettle)?;
        if !settled || release {
            break;
        }
    }
    // Rows beyond the heads and lanes of other messages may be due now: that this lane ended says so, see `busy`.
    Ok(())
}

/// Settling is repeated while the store is busy: the lease runs out in the worst case, and the fence refuses us then.
async fn settle_until_stored(core: &Core, settling: &Settling, settle: Settle) -> bool {
    loop {
        match settling.settle(settle.clone()).await {
            Ok(done) => {
                if !done {
                    tracing::warn!(
                        lane = settle.lane,
                        "the lease of a lane was lost, its settling was refused"
                    );
                }
                return done;
            }
            Err(error) => {
                core.store_failed(&error);
                if core.stop.is_cancelled() || core.points.crashed() {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn try_one(
    core: &Core,
    table: &Table,
    intake: &dyn Intake,
    destination: Option<&dyn Destination>,
    due: &Due,
    patience: &Patience,
) -> Result<Outcome, Crashed> {
    let Some(destination) = destination else {
        // No connection of this name: it stands for an addressee whom nobody knows how to reach, and waiting does not change that.
        let connection =
            due.destination.split_once(':').map_or(&*due.destination, |(connection, _)| connection);
        if !core.set.load().patience.contains_key(connection) {
            return Ok(Outcome::Parked {
                cause: "nobody knows how this addressee is reached in this stage".to_owned(),
                next_step: "give the partner a channel and `answers-by` in partners.yaml, apply, then replay"
                    .to_owned(),
            });
        }
        return Ok(later(core, due, patience, None, "destination is not configured in this stage"));
    };
    core.points.reach(Point::BeforeSend)?;
    let began = Tick::now();
    let span = tracing::info_span!("dispatch", destination = %due.destination);
    adopt(&span, due.envelope.head.traceparent.as_deref());
    // The receiver continues this very attempt.
    let mut envelope = due.envelope.clone();
    envelope.head.traceparent = Some(carry(&span, due.envelope.head.traceparent.as_deref()));
    let sending = async {
        let sent = match attempt::looks_first(due.unclear, destination.repeat_is_safe()) {
            true => look_up_or_send(core, destination, &envelope).await,
            false => send(core, destination, &envelope).await,
        };
        tracing::debug!(
            id = %due.id,
            cause = %due.cause,
            arrived = sent.is_ok(),
            trace = envelope.head.traceparent.as_deref().unwrap_or("-"),
            "attempt"
        );
        sent
    };
    let sent = sending.instrument(span).await;
    core.points.reach(Point::AfterSend)?;
    metric::took(Stretch::Dispatch, began.elapsed());
    let outcome = match sent {
        Ok(receipt) => {
            note_success(core, table, &due.destination).await;
            for answer in receipt.answers {
                // An answer that cannot be taken now comes again, because the row stays unsettled.
                if intake.deliver(answer).await.is_err() {
                    return Ok(later(
                        core,
                        due,
                        patience,
                        None,
                        "the answer of the receiver could not be taken in",
                    ));
                }
            }
            Outcome::Sent { reference: receipt.reference, evidence: receipt.evidence }
        }
        Err(SendError::Later { cause, retry_after, far_end }) => {
            if far_end {
                note_failure(core, table, &due.destination, patience).await;
            }
            later(core, due, patience, retry_after, &cause)
        }
        Err(SendError::Never { cause }) => Outcome::Parked {
            cause: format!("refused by the receiver: {cause}"),
            next_step: "ask the receiver why, correct it, then replay".to_owned(),
        },
        Err(SendError::Unclear { cause }) => {
            let safe = destination.repeat_is_safe();
            let doubt = match attempt::in_doubt(safe, None) {
                InDoubt::Ask => {
                    attempt::in_doubt(safe, Some(destination.find_by_reference(&due.envelope).await))
                }
                known => known,
            };
            match doubt {
                InDoubt::Again => later(core, due, patience, None, &cause),
                InDoubt::Arrived(receipt) => {
                    Outcome::Sent { reference: receipt.reference, evidence: receipt.evidence }
                }
                InDoubt::Ask | InDoubt::Person => Outcome::Unclear { cause },
            }
        }
    };
    Ok(outcome)
}

async fn send(core: &Core, destination: &dyn Destination, envelope: &Envelope) -> Result<Receipt, SendError> {
    match tokio::time::timeout(core.settings.send_timeout, destination.send(envelope)).await {
        Ok(sent) => sent,
        Err(_) => Err(SendError::Unclear { cause: "the receiver did not answer in time".to_owned() }),
    }
}

/// An attempt of unknown outcome came before: look first, send only if it certainly did not arrive.
async fn look_up_or_send(
    core: &Core,
    destination: &dyn Destination,
    envelope: &Envelope,
) -> Result<Receipt, SendError> {
    match destination.find_by_reference(envelope).await {
        Ok(Some(receipt)) => Ok(receipt),
        Ok(None) => send(core, destination, envelope).await,
        Err(_) => Err(SendError::Unclear { cause: "an earlier attempt cannot be looked up".to_owned() }),
    }
}

fn later(core: &Core, due: &Due, patience: &Patience, asked: Option<Duration>, cause: &str) -> Outcome {
    let (attempts, seed, deadline) = (due.attempts, due.id.as_u128(), due.deadline);
    let at = backoff::next_try(patience, Failed { attempts, seed, asked, deadline }, core.clock.now());
    Outcome::Later { at, cause: cause.to_owned() }
}

async fn note_success(core: &Core, table: &Table, destination: &str) {
    let row = lock(&table.breakers).succeeded(destination);
    if let Some(row) = row {
        metric::breaker(destination, false);
        let _ = core.store.set_breaker(row).await;
    }
}

async fn note_failure(core: &Core, table: &Table, destination: &str, patience: &Patience) {
    let row = lock(&table.breakers).failed(destination, patience, core.clock.now());
    if let Some(row) = row {
        metric::breaker(destination, true);
        raise(Alarm::DestinationDown, destination, &[]);
        let _ = core.store.set_breaker(row).await;
    }
}

fn report(due: &Due, outcome: &Outcome) {
    let destination = due.destination.as_str();
    if !matches!(outcome, Outcome::Later { .. }) {
        metric::attempts(destination, due.attempts + 1);
    }
    let sent = match outcome {
        Outcome::Sent { .. } => Sent::Sent,
        Outcome::Later { .. } => Sent::Later,
        Outcome::Parked { .. } => {
            raise(Alarm::DeliveryParked, destination, &[]);
            Sent::Never
        }
        Outcome::Unclear { .. } => {
            raise(Alarm::OutcomeUnclear, destination, &[]);
            Sent::Unclear
        }
    };
    metric::dispatched(destination, sent);
}

fn default_patience() -> Patience {
    Patience {
        first: Duration::from_secs(10),
        longest: Duration::from_secs(3600),
        breaker_after: 5,
        breaker_open: Duration::from_secs(30),
    }
}
