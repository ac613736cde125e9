//! Dispatch: leases due lanes, sends their heads in order, settles with the fence. One slow destination never holds another.
//! Sends nothing that was not first in the outbox; decides nothing about content.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::clock::Tick;
use crate::envelope::Envelope;
use crate::plan::{Patience, PlanSet};
use crate::store::error::StoreError;
use crate::store::lane::{Due, Lane, Outcome, Settle, Want};
use crate::store::pauses::Breaker;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric::{self, Stretch};
use crate::telemetry::parts::Turn;
use crate::telemetry::trace::{adopt, carry};
use crate::transport::port::{Destination, Receipt, SendError};

use super::answers;
use super::attempt::{self, InDoubt};
use super::backoff::{self, Failed};
use super::breaker::{Began, Breakers};
use super::core::Core;
use super::following;
use super::hands::{Given, Lanes};
use super::hindsight::Hindsight;
use super::housekeeping::pauses_known;
use super::mailboxes;
use super::onward::{self, Ends};
use super::points::{Crashed, Point};
use super::sending::{self, Lease, Turns};
use super::settle::{Settling, report, until_stored};
use super::unsent::{self, Leaves};
use super::watch::Unwound;

/// How long a look at the lanes may wait for more to look for; far below what a partner notices.
const GATHER: Duration = Duration::from_millis(3);
/// How long a lane that becomes due may wait to be seen while others are under way.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is looked at what other replicas know of destinations.
const HEAR: Duration = Duration::from_secs(1);

/// What all lane tasks share.
struct Table {
    breakers: Mutex<Breakers>,
    turns: Turns,
    settling: Settling,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs until the engine stops; then ends what is under way.
pub async fn run(core: Arc<Core>) {
    tokio::select! {
        () = core.gate.opened() => {}
        () = core.stop.cancelled() => return,
    }
    pauses_known(&core).await;
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
        turns: Turns::default(),
        settling: Settling::start(&core),
    });
    hear(&core, &table.breakers, rows);
    let mut desk = Desk { core: core.clone(), table: table.clone(), lanes: JoinSet::new() };
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
        while desk.lanes.try_join_next().is_some() {}
        let now = core.clock.now();
        probe_soon(&core, &table, now).await;
        let went_back = hindsight.looks_back(now);
        let claimed = desk.meanwhile(claim(&core, &table, now, went_back)).await;
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
                    desk.start(lane, now, None);
                }
                // All that was due and has room is leased: the next look waits for a reason.
                if !more {
                    desk.busy().await;
                }
            }
            Ok(Some(_)) => desk.idle(now).await,
            Ok(None) => break,
            Err(cause) => {
                // It may have leased lanes all the same.
                core.hands.lose(&Vec::new());
                core.store_failed(&cause);
                desk.meanwhile(tokio::time::sleep(Duration::from_millis(500))).await;
            }
        }
    }
    core.hands.close();
    desk.end().await;
}

/// The room that a lane has in hand; given back however the lane ends.
struct Hand {
    core: Arc<Core>,
    destination: String,
    lane: i64,
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.core.hands.ended(&self.destination, self.lane);
    }
}

/// Where lanes are served.
struct Desk {
    core: Arc<Core>,
    table: Arc<Table>,
    /// Lanes under way; each says at its end whether there is a reason to look at the lanes again.
    lanes: JoinSet<Result<bool, Crashed>>,
}

impl Desk {
    /// Begins to serve a lane that is leased since then, which a look has found or (`left`: how much had been left before) a commit has
    /// kept.
    fn start(&mut self, lane: Lane, since: Timestamp, left: Option<u64>) {
        let (core, table) = (self.core.clone(), self.table.clone());
        let hand = Hand { core: core.clone(), destination: lane.destination.clone(), lane: lane.id };
        self.lanes.spawn(async move {
            let _unwound = Unwound(hand.destination.clone());
            let done = serve(&core, &table, lane, since).await;
            drop(hand);
            let left = left.is_none_or(|left| core.hands.left_since(left));
            done.map(|emptied| !emptied || left)
        });
    }

    /// Begins to serve what commits have kept.
    fn take(&mut self, given: Vec<Given>) {
        if given.is_empty() || self.core.points.reach(Point::AfterClaim).is_err() {
            return;
        }
        for Given { lane, left } in given {
            // Its lease began with the first message in it, however long that took to be committed.
            let since = lane.heads.first().map_or_else(|| self.core.clock.now(), |due| due.queued);
            self.start(lane, since, Some(left));
        }
    }

    /// Waits for an answer; what commits keep meanwhile does not wait for it.
    async fn meanwhile<T>(&mut self, asked: impl Future<Output = T>) -> T {
        let core = self.core.clone();
        tokio::pin!(asked);
        loop {
            tokio::select! {
                answer = &mut asked => return answer,
                given = core.hands.given() => self.take(given),
            }
        }
    }

    /// Waits while lanes are under way: for a commit, for lanes that end, or for a short time, in which another lane may have become
    /// due. Returns whether something happened.
    async fn busy(&mut self) -> bool {
        let core = self.core.clone();
        let patience = tokio::time::sleep(if self.lanes.is_empty() { GATHER } else { LOOK });
        tokio::pin!(patience);
        loop {
            tokio::select! {
                () = core.outbox.notified() => return true,
                given = core.hands.given() => self.take(given),
                Some(ended) = self.lanes.join_next(), if !self.lanes.is_empty() => {
                    if is_no_reason(&ended) {
                        continue;
                    }
                    // Lanes end together, because they are settled together: one look for all of them. What is new does not wait.
                    tokio::select! {
                        () = core.outbox.notified() => {}
                        () = tokio::time::sleep(GATHER) => {}
                    }
                    return true;
                }
                () = core.stop.cancelled() => return true,
                () = &mut patience => return false,
            }
        }
    }

    /// Waits for work: a commit, the next due lane, a breaker that may be probed, a lane that ended.
    async fn idle(&mut self, now: Timestamp) {
        // Under load something happens at once, and nobody has to ask when the next lane is due.
        if self.busy().await {
            return;
        }
        let core = self.core.clone();
        let collected = mailboxes::all(&core);
        let due = self.meanwhile(core.store.next_due(&collected)).await.ok().flatten();
        let probe = lock(&self.table.breakers).next_probe(now);
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
            Some(_) = self.lanes.join_next(), if !self.lanes.is_empty() => {}
            given = core.hands.given() => {
                self.take(given);
                // More may follow at once; lanes are looked at for what else has become due, not for each of these.
                self.busy().await;
            }
            // Polling is the fall-back for what other processes commit.
            () = tokio::time::sleep(poll) => {}
            () = core.stop.cancelled() => {}
        }
    }

    /// Ends what is under way; after a crash nothing is.
    async fn end(mut self) {
        let given = self.core.hands.take();
        self.take(given);
        if self.core.points.crashed() {
            self.lanes.abort_all();
        }
        while self.lanes.join_next().await.is_some() {}
    }
}

/// Whether a lane that ended gives no reason to look at the lanes: all that was in it has arrived, and nothing else was left in
/// the store since it came.
fn is_no_reason(ended: &Result<Result<bool, Crashed>, tokio::task::JoinError>) -> bool {
    matches!(ended, Ok(Ok(false)))
}

/// Takes over the breakers as stored; returns what changed.
fn hear(core: &Core, breakers: &Mutex<Breakers>, rows: Vec<Breaker>) -> Vec<(String, bool)> {
    let set = core.set.load();
    lock(breakers).hear(rows, core.clock.now(), |destination| {
        let patience = patience_of(&set, destination);
        patience.longest.max(patience.breaker_open)
    })
}

/// Brings the probes of far ends forward that have answered somebody.
async fn probe_soon(core: &Core, table: &Table, now: Timestamp) {
    let rows = {
        let set = core.set.load();
        let soonest = |destination: &str| {
            let patience = patience_of(&set, destination);
            patience.first.min(patience.breaker_open)
        };
        lock(&table.breakers).heard(|destination| core.reached.times(destination), now, soonest)
    };
    for row in rows {
        // Where it cannot be stored this replica probes all the same.
        let _ = core.store.set_breaker(row).await;
    }
}

/// How patient the house is with a destination, as its connection says.
fn patience_of(set: &PlanSet, destination: &str) -> Patience {
    set.patience.get(onward::connection_of(destination)).cloned().unwrap_or_else(default_patience)
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
    let ours = core.hands.ours();
    let (mut except, probing) = {
        let breakers = lock(&table.breakers);
        let mut closed = breakers.closed_for(now, |destination| core.hands.under_way(destination));
        // Nobody is asked for what was taken away and ended: its breaker holds nothing back.
        let ended = core.ended.load();
        closed.retain(|name| set.destinations.contains_key(name) || !ended.contains_key(name));
        let probing: HashSet<String> =
            set.destinations.keys().filter(|name| breakers.probing(name)).cloned().collect();
        (closed, probing)
    };
    let (mut most, mut kept) = (Lanes::new(), HashMap::new());
    for (name, destination) in &set.destinations {
        let open = !destination.collected() && !except.contains(name) && !core.destination_paused(name);
        // A lane that waits for its turn uses up its lease; where a repeat does harm none may be lost, so none waits.
        let waiting = if destination.repeat_is_safe() { 4 } else { 1 };
        let width = destination.width().max(1) * waiting;
        let room = match destination.repeat_is_safe() {
            true => core.hands.room(name, width),
            false => width.saturating_sub(core.hands.under_way(name)),
        };
        let room = if probing.contains(name) { room.min(1) } else { room };
        // What a commit keeps is in doubt after a crash even if nobody had begun to send it.
        if open && destination.repeat_is_safe() && !probing.contains(name) {
            kept.insert(name.clone(), width);
        }
        if room == 0 || !open {
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
        most: most.clone(),
        went_back,
        ours: ours.clone(),
    };
    let claimed = core.store.claim(want).await?;
    let all = claimed.len() < core.settings.lanes;
    core.hands.looked(&claimed, &most, kept, all, ours.is_some());
    Ok(Some(claimed))
}

/// Sends the heads of one lane in order until one does not arrive; returns whether all have arrived and there can be no more.
async fn serve(core: &Core, table: &Table, lane: Lane, leased: Timestamp) -> Result<bool, Crashed> {
    let set = core.set.load_full();
    let destination = set.destinations.get(&lane.destination).cloned();
    let patience = patience_of(&set, &lane.destination);
    let width = || core.set.load().destinations.get(&lane.destination).map_or(1, |to| to.width());
    let mut turn = Some(table.turns.turn(&lane.destination, width).await);
    let lease = Lease::new(&lane, leased);
    if lease.over(core, core.settings.lease) {
        // Another holds it by now; the order of the lane is his to keep.
        return Ok(false);
    }
    let last = lane.heads.len().saturating_sub(1);
    for (index, due) in lane.heads.iter().enumerate() {
        let now = core.clock.now();
        let looked = looked_up(core, &lease, destination.as_deref(), due).await;
        let leaves = match looked {
            Some(_) => Leaves::Now,
            None => unsent::may_leave(core, due, lane.id).await,
        };
        // What is decided anew, or waits for a person, goes no other way either, however late it is.
        let (outcome, back) = match (looked, &leaves) {
            (Some(known), _) => known,
            (None, Leaves::Anew(_)) => (unsent::aged(core), Vec::new()),
            (None, Leaves::Not(outcome @ Outcome::Parked { .. })) => (outcome.clone(), Vec::new()),
            (None, _) if attempt::is_too_late(due.deadline, now) => {
                settled_as(core, onward::late(core, &lease, destination.as_deref(), due).await)
            }
            (None, Leaves::Not(outcome)) => (outcome.clone(), Vec::new()),
            (None, Leaves::Now) => {
                try_one(core, table, &lease, destination.as_deref(), due, &patience).await?
            }
        };
        let answers = answers::laid(core, back);
        let arrived = matches!(outcome, Outcome::Sent { .. });
        let half_used = lease.over(core, core.settings.lease / 2);
        let release = attempt::releases(arrived, index == last, half_used, core.stop.is_cancelled());
        let ended = outcome.clone();
        if release && destination.as_ref().is_some_and(|to| to.repeat_is_safe()) {
            drop(turn.take());
            core.hands.settling(&lane.destination, lane.id);
        }
        let (lane, fence, now) = (lane.id, lane.fence, core.clock.now());
        let (row, delivers) = (due.id, due.delivers);
        let settle = Settle { lane, fence, row, outcome, answers, delivers, release, now };
        let settled = settle_until_stored(core, &table.settling, settle).await;
        // Who lost the lease tells nothing: the row is counted by whoever settles it, once.
        if settled {
            report(&due.destination, due.attempts, &ended);
        }
        core.points.reach(Point::AfterSettle)?;
        if let Leaves::Anew(answer) = leaves
            && let Err(error) = unsent::run_anew(core, due.id, answer).await
        {
            // It is looked at again when it is due.
            core.store_failed(&error);
        }
        if !settled || !arrived || (release && index < last) {
            return Ok(false);
        }
    }
    // Where as many were taken as are taken at once there may be more.
    Ok(lane.heads.len() < core.settings.heads)
}

/// Settling is repeated while the store is busy: the lease runs out in the worst case, and the fence refuses us then.
async fn settle_until_stored(core: &Core, settling: &Settling, settle: Settle) -> bool {
    let lane = settle.lane;
    let settled =
        until_stored(core, settle, |settle| &mut settle.answers, |settle| settling.settle(settle)).await;
    if settled == Some(false) {
        tracing::warn!(lane, "the lease of a lane was lost, its settling was refused");
    }
    settled == Some(true)
}

/// What the far end says of an answer of which an attempt is in doubt, before anybody judges whether it may leave: one that arrived was issued, and
/// one that certainly did not is judged as what lay here all the while. `None` where there is nothing to ask, or nobody can tell.
async fn looked_up(
    core: &Core,
    lease: &Lease,
    destination: Option<&dyn Destination>,
    due: &Due,
) -> Option<(Outcome, Vec<Envelope>)> {
    let destination = destination.filter(|_| due.unclear && due.delivers.is_some())?;
    match sending::find(core, lease, destination, due).await.ok()? {
        Some(receipt) => Some(arrived(receipt, core.clock.now())),
        None => {
            let (at, cause) = (core.clock.now(), "an earlier attempt certainly did not arrive".to_owned());
            let doubt = Some(false);
            Some((Outcome::Later { at, cause, doubt, turn: Turn::Ours }, Vec::new()))
        }
    }
}

/// One attempt: how it ended, and what came back with what arrived.
async fn try_one(
    core: &Core,
    table: &Table,
    lease: &Lease,
    destination: Option<&dyn Destination>,
    due: &Due,
    patience: &Patience,
) -> Result<(Outcome, Vec<Envelope>), Crashed> {
    let alone = |outcome| (outcome, Vec::new());
    let Some(destination) = destination else {
        if let Some(ends) = onward::gone(core, lease, due).await {
            return Ok(settled_as(core, ends));
        }
        let cause = "destination is not configured in this stage; apply files that have it, or `routes end-draining` parks or redirects what waits for it";
        return Ok(alone(later(core, due, patience, None, (cause, None, Turn::Ours))));
    };
    core.points.reach(Point::BeforeSend)?;
    let began = Tick::now();
    let state = lock(&table.breakers).begins(&due.destination, core.clock.now());
    let span = tracing::info_span!("dispatch", destination = %due.destination);
    adopt(&span, due.envelope.head.traceparent.as_deref());
    // The receiver continues this very attempt.
    let mut envelope = due.envelope.clone();
    envelope.head.traceparent = Some(carry(&span, due.envelope.head.traceparent.as_deref()));
    let sending = async {
        let sent = match attempt::looks_first(due.unclear, destination.repeat_is_safe()) {
            true => sending::look_up_or_send(core, lease, destination, (&envelope, due)).await,
            false => sending::send(core, lease, destination, (&envelope, due)).await,
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
            return Ok(arrived(receipt, core.clock.now()));
        }
        Err(SendError::Later { cause, retry_after, far_end }) => {
            if far_end {
                note_failure(core, table, &due.destination, (patience, state)).await;
            }
            let turn = if far_end { Turn::FarEnd } else { Turn::Ours };
            let doubt = attempt::doubt_after(due.unclear, destination.repeat_is_safe());
            later(core, due, patience, retry_after, (&cause, doubt, turn))
        }
        Err(SendError::Never { cause }) => {
            let cause = format!("refused by the receiver: {cause}");
            return Ok(settled_as(core, onward::refused(core, lease, destination, due, cause).await));
        }
        Err(SendError::Unclear { cause }) => {
            let safe = destination.repeat_is_safe();
            let doubt = match attempt::in_doubt(safe, None) {
                InDoubt::Ask => {
                    let asked = sending::find(core, lease, destination, due);
                    attempt::in_doubt(safe, Some(asked.await))
                }
                known => known,
            };
            match doubt {
                InDoubt::Again => {
                    let doubt = Some(attempt::stays_doubted(safe));
                    later(core, due, patience, None, (&cause, doubt, Turn::FarEnd))
                }
                InDoubt::Arrived(receipt) => return Ok(arrived(receipt, core.clock.now())),
                InDoubt::Ask | InDoubt::Person => Outcome::Unclear { cause },
            }
        }
    };
    Ok(alone(outcome))
}

/// It arrived, by this attempt or an earlier one; what came back is settled with it.
fn arrived(receipt: Receipt, now: Timestamp) -> (Outcome, Vec<Envelope>) {
    let Receipt { reference, evidence, answers, follow } = receipt;
    (
        Outcome::Sent { reference, evidence, follow: follow.map(|follow| following::laid(follow, now)) },
        answers,
    )
}

/// How a row ends that one way has not delivered.
fn settled_as(core: &Core, ends: Ends) -> (Outcome, Vec<Envelope>) {
    match ends {
        Ends::So(outcome) => (outcome, Vec::new()),
        Ends::Arrived(receipt) => arrived(receipt, core.clock.now()),
    }
}

fn later(
    core: &Core,
    due: &Due,
    patience: &Patience,
    asked: Option<Duration>,
    (cause, doubt, turn): (&str, Option<bool>, Turn),
) -> Outcome {
    let (attempts, seed, deadline) = (due.attempts, due.id.as_u128(), due.deadline);
    let at = backoff::next_try(patience, Failed { attempts, seed, asked, deadline }, core.clock.now());
    Outcome::Later { at, cause: cause.to_owned(), doubt, turn }
}

async fn note_success(core: &Core, table: &Table, destination: &str) {
    let row = lock(&table.breakers).succeeded(destination);
    if let Some(row) = row {
        metric::breaker(destination, false);
        let _ = core.store.set_breaker(row).await;
    }
}

async fn note_failure(core: &Core, table: &Table, destination: &str, (patience, began): (&Patience, Began)) {
    let heard = core.reached.times(destination);
    let row = lock(&table.breakers).failed(destination, patience, (began, heard), core.clock.now());
    if let Some(row) = row {
        core.hands.shut(destination);
        metric::breaker(destination, true);
        raise(Alarm::DestinationDown, destination, &[]);
        let _ = core.store.set_breaker(row).await;
    }
}

fn default_patience() -> Patience {
    Patience {
        first: Duration::from_secs(10),
        longest: Duration::from_secs(3600),
        breaker_after: 5,
        breaker_open: Duration::from_secs(30),
    }
}
