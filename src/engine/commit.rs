//! Group commit: what waits is committed together; who is stale runs again, who collides is refused, a culprit is parked.
//! The only place where a verdict is made, and only after the store said so.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::effects::Effects;
use crate::envelope::{Inbound, Verdict};
use crate::register::objection::{ObjectionChange, Why};
use crate::store::contract::Made;
use crate::store::entry::{Committed, Entry};
use crate::store::error::StoreError;
use crate::store::lane::{Lane, Take};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric::{self, Stretch};
use crate::transport::port::Busy;

use super::core::{Core, Pending, Settings, Task, Ticket, busy};
use super::entry;
use super::hands::Lanes;
use super::objecting;
use super::points::Point;
use super::run::{Decided, Ground};
use super::standing;
use super::watch::Unwound;

/// Runs until all senders are gone.
pub async fn run(core: Arc<Core>, mut pending: mpsc::UnboundedReceiver<Pending>) {
    let mut queue: VecDeque<Pending> = VecDeque::new();
    loop {
        if queue.is_empty() {
            match pending.recv().await {
                Some(first) => queue.push_back(first),
                None => return,
            }
        }
        // What arrived while the last batch was written is the next batch: full batches under load, no waiting without.
        while queue.len() < core.settings.batch * 2 {
            match pending.try_recv() {
                Ok(next) => queue.push_back(next),
                Err(_) => break,
            }
        }
        let batch = pick(&mut queue, core.settings.batch);
        if core.points.reach(Point::BeforeCommit).is_err() {
            return;
        }
        metric::commit_entries(batch.len());
        let began = crate::clock::Tick::now();
        let (outcomes, kept) = halving(&core, &batch).await;
        metric::took(Stretch::Commit, began.elapsed());
        if core.points.reach(Point::AfterCommit).is_err() {
            return;
        }
        for Kept { reserved, lanes, left } in kept {
            core.hands.give(&reserved, lanes, left);
            if left {
                core.outbox.notify_one();
            }
        }
        for (pending, outcome) in batch.into_iter().zip(outcomes) {
            settle(&core, pending, outcome).await;
        }
    }
}

/// The next batch: in order, without two entries that share a key, because the second must see the first committed.
fn pick(queue: &mut VecDeque<Pending>, most: usize) -> Vec<Pending> {
    let mut seen = HashSet::new();
    let mut batch = Vec::new();
    let mut later = VecDeque::new();
    while let Some(pending) = queue.pop_front() {
        let free = batch.len() < most && pending.entry().keys.iter().all(|key| !seen.contains(key));
        // Keys of those that are left behind count too, or a third delivery would overtake the second.
        seen.extend(pending.entry().keys.iter().cloned());
        if free {
            batch.push(pending);
        } else {
            later.push_back(pending);
        }
    }
    *queue = later;
    batch
}

/// Lanes that a commit has leased to this process, and whether it put more in the outbox than that.
struct Kept {
    reserved: Lanes,
    lanes: Vec<Lane>,
    left: bool,
}

/// Commits a batch; one that fails by an entry is halved down to the culprit.
async fn halving(core: &Core, batch: &[Pending]) -> (Vec<Result<Committed, StoreError>>, Vec<Kept>) {
    let mut done: Vec<Option<Result<Committed, StoreError>>> = batch.iter().map(|_| None).collect();
    let mut kept = Vec::new();
    let mut open = Vec::new();
    open.push(0..batch.len());
    while let Some(range) = open.pop() {
        let entries: Vec<Arc<Entry>> =
            batch[range.clone()].iter().map(|pending| pending.decided.entry.clone()).collect();
        let reserved = reserve(core, &entries);
        match core.store.commit_and_take(entries, take(core, &reserved)).await {
            Ok(Made { committed: outcomes, lanes, woken }) => {
                if woken {
                    core.woken.notify_one();
                }
                let new = batch[range.clone()].iter().zip(&outcomes);
                let new = new.filter(|(_, outcome)| **outcome == Committed::New);
                let rows = |effects: &Effects| effects.sends.len() + effects.hand_overs.len();
                let sends: usize = new.map(|(pending, _)| rows(&pending.entry().effects)).sum();
                let left = sends > lanes.iter().map(|lane| lane.heads.len()).sum();
                kept.push(Kept { reserved, lanes, left });
                for (index, outcome) in range.zip(outcomes) {
                    done[index] = Some(Ok(outcome));
                }
            }
            Err(StoreError::Entry(_)) if range.len() > 1 => {
                core.hands.give(&reserved, Vec::new(), false);
                let middle = range.start + range.len() / 2;
                open.push(middle..range.end);
                open.push(range.start..middle);
            }
            Err(error) => {
                if matches!(error, StoreError::Entry(_)) || reserved.is_empty() {
                    core.hands.give(&reserved, Vec::new(), false);
                } else {
                    core.hands.lose(&reserved);
                }
                for index in range {
                    done[index] = Some(Err(error.clone()));
                }
            }
        }
    }
    let lost = || Err(StoreError::Later("the store gave no outcome".into()));
    (done.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect(), kept)
}

/// Room for lanes that these entries may make and that this process may send itself.
fn reserve(core: &Core, entries: &[Arc<Entry>]) -> Lanes {
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for send in entries.iter().flat_map(|entry| &entry.effects.sends) {
        *wanted.entry(send.destination.as_str()).or_default() += 1;
    }
    core.hands.reserve(&wanted, |destination| !core.destination_paused(destination))
}

fn take(core: &Core, reserved: &Lanes) -> Option<Take> {
    let Settings { name, lease, heads, .. } = &core.settings;
    (!reserved.is_empty()).then(|| Take {
        worker: name.clone(),
        lease: *lease,
        heads: *heads,
        most: reserved.clone(),
    })
}

async fn settle(core: &Arc<Core>, pending: Pending, outcome: Result<Committed, StoreError>) {
    let Pending { mut decided, ticket } = pending;
    let leased = std::mem::take(&mut decided.leased);
    match outcome {
        Ok(Committed::New) => {
            core.store_wrote();
            core.release(leased);
            committed(&decided.entry);
            core.not_due.kept(&decided.entry, &core.set.load().version);
            core.refused.kept(&decided.entry, core.clock.now());
            ticket.tell(Ok(verdict(core, &decided.entry)));
        }
        Ok(Committed::Again(mut verdict)) => {
            core.release(leased);
            verdict.again = true;
            if entry::lost_its_answer(&decided, &verdict) {
                tokio::spawn(answer_anew(core.clone(), decided, verdict, ticket));
            } else {
                let answered = answer_again(core, &decided, &verdict).await;
                ticket.tell(answered.map(|()| verdict));
            }
        }
        Ok(Committed::Conflict(first)) => {
            core.release(leased);
            let _ = core.ready.send(Task::Conflict(decided, first, ticket));
        }
        Ok(Committed::Stale) => {
            core.release(leased.clone());
            metric::rerun();
            let mut ground = decided.ground;
            ground.reruns += 1;
            ground.prior = leased;
            if ground.reruns > reruns(&ground, decided.entry.route.as_deref()) {
                ticket.tell(Err(busy("others change the same record all the time")));
            } else {
                let _ = core.ready.send(Task::Deliver(ground, ticket));
            }
        }
        Err(StoreError::Entry(cause)) => {
            core.release(leased);
            let outcome = culprit(core, &decided, &cause).await;
            ticket.tell(outcome);
        }
        Err(error) => {
            core.release(leased);
            core.store_failed(&error);
            ticket.tell(Err(busy("the store cannot commit now")));
        }
    }
}

/// Reruns on moved guards before the source is asked to come again; other replicas can move them, runs of this process cannot.
fn reruns(ground: &Ground, route: Option<&str>) -> u32 {
    let plan = ground.set.plans.iter().find(|plan| Some(plan.route.as_str()) == route);
    plan.map_or(0, |plan| plan.limits.reruns)
}

/// The message is gone and its answer with it: a worker writes the answer anew, from what the keys keep and from the repeat.
async fn answer_anew(core: Arc<Core>, decided: Box<Decided>, verdict: Verdict, ticket: Ticket) {
    let _unwound = Unwound("commit".to_owned());
    let (back, rewritten) = oneshot::channel();
    let _ = core.ready.send(Task::Anew(decided, Box::new(verdict), back));
    let outcome = match rewritten.await {
        Ok((decided, verdict)) => answer_again(&core, &decided, &verdict).await.map(|()| *verdict),
        Err(_) => Err(busy("the answer could not be written anew")),
    };
    ticket.tell(outcome);
}

/// A repeat gets the first answer once more where its source cannot give it in band; without it nothing is acknowledged.
async fn answer_again(core: &Core, decided: &Decided, first: &Verdict) -> Result<(), Busy> {
    let answer =
        decided.refusal.as_ref().and_then(|refusal| entry::answer_to_repeat(&decided.ground, refusal, first));
    let Some(answer) = answer else { return Ok(()) };
    if !core.refused.answers_again(&answer.partner, core.clock.now()) {
        return Err(full());
    }
    match core.store.answer_again(first.id, answer, &decided.entry.stamp, core.clock.now()).await {
        Ok(queued) => {
            if queued {
                core.outbox.notify_one();
            }
            Ok(())
        }
        Err(error) => {
            core.store_failed(&error);
            Err(busy("the store cannot commit now"))
        }
    }
}

/// The cause of a `Busy` for a delivery that would have to wait or to be parked beyond what is kept of its partner.
const FULL: &str = "of this partner more waits, is parked, was refused or came again than is kept in a day";

/// Not taken for its partner's sake, for a while.
pub fn full() -> Busy {
    Busy { cause: FULL.to_owned(), retry_after: Duration::from_secs(600), of_partner: true }
}

/// What a person does about an error of this program.
pub const TO_MAINTAINERS: &str = "send a support bundle to the maintainers, then replay";

/// What cannot be stored passed everything that a sender can do wrong: it is our fault, so it is parked.
async fn culprit(core: &Core, decided: &Decided, cause: &str) -> Result<Verdict, Busy> {
    let first: &Entry = &decided.entry;
    let mut effects = Effects { beside: decided.ground.set.beside.clone(), ..Effects::default() };
    effects.object(objecting::set_apart(&decided.ground, decided.refusal.as_ref(), Inbound::Parked));
    let entry = Entry {
        state: Inbound::Parked,
        cause: Some(format!("cannot be stored with its effects: {cause}")),
        next_step: Some(TO_MAINTAINERS.to_owned()),
        effects,
        waits: None,
        ..first.clone()
    };
    match core.store.commit(vec![entry.clone()]).await.map(|mut outcomes| outcomes.pop()) {
        Ok(Some(Committed::New)) => {
            committed(&entry);
            Ok(verdict(core, &entry))
        }
        Ok(Some(Committed::Again(verdict))) => Ok(verdict),
        _ => Err(busy("the store cannot take this delivery now")),
    }
}

fn committed(entry: &Entry) {
    tracing::debug!(
        id = %entry.envelope.head.id,
        state = entry.state.as_str(),
        route = entry.route.as_deref().unwrap_or("-"),
        trace = entry.envelope.head.traceparent.as_deref().unwrap_or("-"),
        "committed"
    );
    let id = entry.envelope.head.id.to_string();
    for call in &entry.effects.calls {
        if let Some(alarm) = Alarm::ALL.iter().find(|alarm| alarm.code() == call.code) {
            let facts: Vec<(&'static str, &str)> = call
                .facts
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .chain([("id", id.as_str())])
                .collect();
            raise(*alarm, &call.subject, &facts);
        }
    }
    for change in &entry.effects.objections {
        let ObjectionChange::Open(opening) = change else { continue };
        match opening.why {
            Why::Unreadable => raise(Alarm::BestandBlocked, &opening.amt, &[("id", &id)]),
            Why::Foreign => {
                raise(Alarm::DeliveryForeign, &entry.stamp.partner, &[("for", &opening.amt), ("id", &id)]);
            }
            Why::Unowned => raise(Alarm::NoticeUnowned, &entry.stamp.partner, &[("id", &id)]),
            Why::Rejected | Why::Parked | Why::Quarantined | Why::Waiting => {}
        }
    }
    match entry.state {
        Inbound::Denied => {
            let (partner, why) = (entry.stamp.partner.as_str(), entry.cause.as_deref().unwrap_or("-"));
            let partner = if partner.is_empty() { "-" } else { partner };
            let facts = [("partner", partner), ("why", why), ("id", id.as_str())];
            // The alarm is quiet for a while about the same entry; who it was this time is said all the same.
            tracing::info!(%id, partner, why, binding = entry.envelope.head.binding, "denied");
            raise(Alarm::SenderNotAdmitted, &entry.envelope.head.binding, &facts);
        }
        Inbound::Parked => match &entry.route {
            None => {
                let message = entry.message.as_deref().unwrap_or("-");
                raise(Alarm::NoRoute, &entry.envelope.head.binding, &[("message", message), ("id", &id)]);
            }
            Some(route) => raise(Alarm::MessageParked, route, &[("id", &id)]),
        },
        Inbound::Quarantined => {
            raise(Alarm::MessageQuarantined, entry.route.as_deref().unwrap_or("-"), &[("id", &id)]);
        }
        Inbound::Waiting | Inbound::Accepted | Inbound::Rejected => {}
    }
}

fn verdict(core: &Core, of: &Entry) -> Verdict {
    Verdict {
        id: of.envelope.head.id,
        state: of.state,
        stand: standing::first(core, of),
        conflict: of.keys.iter().any(|key| key.class == "conflict"),
        again: false,
        codes: entry::codes(&of.rejections),
        reply: of.effects.reply.clone(),
        forgotten: false,
    }
}
