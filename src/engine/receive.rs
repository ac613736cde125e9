//! The intake and the workers: deliveries wait here for room, plain threads run them, nobody else does CPU work.
//! Never acknowledges anything: a verdict exists only once `commit` has made it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use crossbeam_channel::Receiver;
use jiff::Timestamp;

use uuid::Uuid;

use crate::clock::Tick;
use crate::envelope::{Envelope, Inbound, Verdict};
use crate::message::Sender;
use crate::pipeline::step::Bench;
use crate::plan::PlanSet;
use crate::rejection::Rejection;
use crate::store::entry::Keep;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric::{self, Stretch};
use crate::telemetry::trace::{Traceparent, adopt};
use crate::transport::port::raw::RAW;
use crate::transport::port::{Busy, Intake};

use super::core::{Ask, Core, Judged, LookupOrder, NoVerdict, Pending, Task, Ticket, busy};
use super::door::{self, Opened};
use super::entry::{self, Settled};
use super::objecting::{self, Outcome};
use super::points::Point;
use super::refused::Room;
use super::run::{self, Decided, Ended, Ground, Refusal, Resume, Run};
use super::standing;

/// Where sources deliver.
pub struct Reception {
    core: Arc<Core>,
    /// `Busy` in a row by connection and transport id; forgotten on any verdict and bounded.
    failures: Mutex<HashMap<(String, String), u32>>,
}

impl Reception {
    /// A reception of this engine.
    pub fn new(core: Arc<Core>) -> Reception {
        Reception { core, failures: Mutex::new(HashMap::new()) }
    }

    /// Runs a message that was waiting or is replayed; nobody waits for its verdict on an exchange.
    pub async fn resume(&self, envelope: Envelope, resume: Resume) -> Result<Verdict, Busy> {
        let outcome = self.run(envelope.clone(), Some(resume.clone()), None).await;
        match &outcome {
            Ok(_) => self.forget_failures(&envelope.head.connection, &envelope.head.transport_id),
            Err(NoVerdict::Poisoned) if self.count_failure(&envelope) => {
                return self.quarantine(envelope, Some(resume), FAILS_AGAIN).await;
            }
            Err(_) => {}
        }
        outcome.map_err(Busy::from)
    }

    async fn run(&self, mut envelope: Envelope, resumed: Option<Resume>, fault: Option<Rejection>) -> Judged {
        let core = &self.core;
        let began = Tick::now();
        if core.points.reach(Point::Received).is_err() || core.draining.is_cancelled() {
            return Err(busy("the engine is stopping").into());
        }
        let set = core.set.load_full();
        if let Some(paused) = self.paused(&set, &envelope) {
            return Err(paused.busy().into());
        }
        envelope.head.traceparent.get_or_insert_with(|| Traceparent::begin().to_string());
        let ticket = self.room(&envelope, began).await?;
        let (ticket, verdict) = ticket;
        let held =
            Arc::new(objecting::held(set.plans.iter().map(AsRef::as_ref), &core.pauses(), core.clock.now()));
        let ground = Ground { held, fault, ..Ground::new(envelope, set, resumed) };
        let stopped = || NoVerdict::Busy(busy("the engine has stopped"));
        if core.ready.send(Task::Deliver(ground, ticket)).is_err() {
            return Err(stopped());
        }
        let outcome = verdict.await.unwrap_or_else(|_| Err(stopped()));
        if core.points.reach(Point::Answered).is_err() {
            return Err(stopped());
        }
        outcome
    }

    fn paused(&self, set: &PlanSet, envelope: &Envelope) -> Option<Paused> {
        let head = &envelope.head;
        // A timer is ours, whoever is named with it: a deadline or a daily list is no delivery of a partner.
        if head.connection != run::TIMER
            && let Some(partner) = &head.partner
            && self.core.paused("partner", &partner.id)
        {
            return Some(Paused::Partner);
        }
        self.core.routes_paused(set, &head.binding).then_some(Paused::Route)
    }

    async fn room(
        &self,
        envelope: &Envelope,
        began: Tick,
    ) -> Result<(Ticket, tokio::sync::oneshot::Receiver<Judged>), Busy> {
        let core = &self.core;
        let octets = envelope.body.len().clamp(1, core.settings.in_flight_octets) as u32;
        let wait = async {
            let one = core.room.clone().acquire_owned().await;
            let many = core.octets.clone().acquire_many_owned(octets).await;
            one.and_then(|one| many.map(|many| vec![one, many]))
        };
        match tokio::time::timeout(core.settings.patience_for_room, wait).await {
            Ok(Ok(permits)) => Ok(Ticket::new(began, permits)),
            Ok(Err(_)) => Err(busy("the engine has stopped")),
            Err(_) => Err(busy("too many deliveries are under way")),
        }
    }

    /// Counts a `Busy`; true when this delivery has to be quarantined instead of refused for ever.
    fn count_failure(&self, envelope: &Envelope) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() > 10_000 {
            failures.clear();
        }
        let key = (envelope.head.connection.clone(), envelope.head.transport_id.clone());
        let count = failures.entry(key).or_default();
        *count += 1;
        *count > self.core.settings.busy_limit
    }

    fn forget_failures(&self, connection: &str, transport_id: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if !failures.is_empty() {
            failures.remove(&(connection.to_owned(), transport_id.to_owned()));
        }
    }

    /// Runs a delivery to its commit; with a fault it is refused for that.
    async fn take(&self, envelope: Envelope, fault: Option<Rejection>) -> Result<Verdict, Busy> {
        let (connection, transport_id) =
            (envelope.head.connection.clone(), envelope.head.transport_id.clone());
        metric::received(&connection);
        self.core.gate.refuse()?;
        let outcome = self.run(envelope.clone(), None, fault).await;
        match &outcome {
            Ok(verdict) => {
                self.forget_failures(&connection, &transport_id);
                metric::committed(verdict.state.as_str());
                if verdict.again {
                    metric::repeated();
                }
                for code in &verdict.codes {
                    metric::rejected(code);
                }
            }
            Err(none) => {
                metric::busy(&connection);
                if *none == NoVerdict::Poisoned && self.count_failure(&envelope) {
                    return self.quarantine(envelope, None, FAILS_AGAIN).await;
                }
            }
        }
        let partner = envelope.head.partner.as_ref().map(|partner| partner.id.as_str());
        standing::again(&self.core, partner, outcome.map_err(Busy::from)?).await
    }
}

#[async_trait]
impl Intake for Reception {
    async fn deliver(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        self.take(envelope, None).await
    }

    async fn refuse(&self, envelope: Envelope, fault: Rejection) -> Result<Verdict, Busy> {
        self.take(envelope, Some(fault)).await
    }

    async fn set_apart(&self, envelope: Envelope, cause: &'static str) -> Result<Verdict, Busy> {
        let next_step = "tell the partner what to send instead";
        self.apart(envelope, Reason { cause, next_step, of_nobody: false }).await
    }

    async fn keep_raw(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        let next_step = "have who runs the far end look at it: `messages proof ID --out FOLDER` writes it out; then `parked reject`";
        self.apart(envelope, Reason { cause: RAW, next_step, of_nobody: true }).await
    }
}

/// What a person has paused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paused {
    Partner,
    Route,
}

impl Paused {
    fn busy(self) -> Busy {
        let cause = match self {
            Paused::Partner => "deliveries of this partner are paused by the operator",
            Paused::Route => "the route is paused by the operator",
        };
        let of_partner = self == Paused::Partner;
        Busy { cause: cause.to_owned(), retry_after: Duration::from_secs(30), of_partner }
    }
}

/// Why a delivery is quarantined without a run, and what a person does about it.
struct Reason {
    cause: &'static str,
    next_step: &'static str,
    /// It is kept although nobody proved whose it is.
    of_nobody: bool,
}

const FAILS_AGAIN: Reason = Reason {
    cause: "processing failed again and again, an error of this program",
    next_step: super::commit::TO_MAINTAINERS,
    of_nobody: false,
};

impl Reception {
    /// Keeps a delivery apart without a run.
    async fn apart(&self, envelope: Envelope, reason: Reason) -> Result<Verdict, Busy> {
        metric::received(&envelope.head.connection);
        self.core.gate.refuse()?;
        if self.core.draining.is_cancelled() {
            return Err(busy("the engine is stopping"));
        }
        let outcome = self.quarantine(envelope, None, reason).await;
        if let Ok(verdict) = &outcome {
            metric::committed(verdict.state.as_str());
        }
        outcome
    }

    async fn quarantine(
        &self,
        envelope: Envelope,
        resumed: Option<Resume>,
        reason: Reason,
    ) -> Result<Verdict, Busy> {
        let core = &self.core;
        let set = core.set.load_full();
        let known = envelope.head.partner.as_ref().and_then(|partner| set.partners.get(&partner.id));
        let whole = (known.is_some() || reason.of_nobody) && !envelope.body.is_empty();
        let sender = known.map(|partner| partner.sender.clone());
        let (ticket, verdict) = self.room(&envelope, Tick::now()).await?;
        let keep = if whole { Keep::Original } else { Keep::HashOnly };
        let ground = Ground::new(envelope, set, resumed);
        let settled = Settled {
            cause: Some(reason.cause.to_owned()),
            next_step: Some(reason.next_step.to_owned()),
            keep,
            ..Settled::new(Inbound::Quarantined)
        };
        // What is nobody's lies under the Mandant whose entry it came in by.
        let sender = sender.unwrap_or_else(|| match reason.of_nobody {
            true => Sender { mandant: door::mandant_of(&ground), ..Sender::default() },
            false => Sender::default(),
        });
        let mut entry = entry::build(&ground, &sender, None, None, settled);
        if reason.of_nobody {
            // Encrypted anew each time it is asked for, it is another one each time and still the same.
            entry.content = entry::id_hash(&entry.envelope);
        } else if !whole {
            // Or every such delivery would be the same.
            entry.content = entry::octets_hash(&entry.envelope);
        }
        let said = objecting::unread(&ground, None, &Outcome::of(Inbound::Quarantined));
        entry.effects.object(said);
        let decided = Box::new(Decided { ground, entry: Arc::new(entry), refusal: None, leased: Vec::new() });
        commit(core, decided, Some(ticket));
        let told = verdict.await.unwrap_or_else(|_| Err(busy("the engine has stopped").into()));
        told.map_err(Busy::from)
    }
}

/// One worker thread: owns its bench, ends when it is told to. It sleeps until there is something to do: a look at the clock now and then would
/// keep a core of an idle machine awake.
pub fn work(core: &Arc<Core>, tasks: &Receiver<Task>) {
    let mut bench: Option<(String, Bench)> = None;
    loop {
        let Ok(task) = tasks.recv() else { return };
        let Some(set) = task.set() else { return };
        // A panic is a fault of this program; it must cost one delivery, never the thread with all that wait for it.
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let version = set.standards.hash();
            if bench.as_ref().is_none_or(|(of, _)| *of != version) {
                bench = Some((version, Bench { reader: set.standards.reader() }));
            }
            if let Some((_, bench)) = bench.as_mut() {
                handle(core, task, bench);
            }
        }));
        if worked.is_err() {
            bench = None;
            raise(Alarm::WorkerFailed, "engine", &[]);
        }
    }
}

fn handle(core: &Arc<Core>, task: Task, bench: &mut Bench) {
    match task {
        Task::Deliver(ground, ticket) => {
            let span = tracing::info_span!("deliver", message = %ground.envelope.head.id);
            adopt(&span, ground.envelope.head.traceparent.as_deref());
            let _entered = span.enter();
            // The guard tells the source if a panic unwinds from here.
            let mut told = Told(Some(ticket));
            let began = Tick::now();
            let opened = door::open(ground, bench);
            metric::took(Stretch::Read, began.elapsed());
            match opened {
                Opened::Decided(decided) => commit(core, decided, told.take()),
                // A binding may lead to several routes; which one it is shows only here.
                Opened::Run(run) if core.paused("route", &run.plan.route) => {
                    if let Some(ticket) = told.take() {
                        ticket.tell(Err(Paused::Route.busy()));
                    }
                }
                Opened::Run(run) => drive(core, run, &mut told, bench),
            }
        }
        Task::Continue(run, ticket) => {
            let span = tracing::info_span!("continue", message = %run.ground.envelope.head.id);
            adopt(&span, run.ground.envelope.head.traceparent.as_deref());
            let _entered = span.enter();
            let leased = run.leased.clone();
            let mut told = Told(Some(ticket));
            let unwound = catch_unwind(AssertUnwindSafe(|| drive(core, run, &mut told, bench)));
            if let Err(panic) = unwound {
                core.release(leased);
                drop(told);
                std::panic::resume_unwind(panic);
            }
        }
        Task::Conflict(decided, first, ticket) => {
            conflict(core, (*decided, first), &mut Told(Some(ticket)), bench);
        }
        Task::Anew(decided, mut verdict, back) => {
            verdict.reply = entry::anew(&decided, &verdict, bench);
            // Whoever asked is gone only with the engine.
            let _ = back.send((decided, verdict));
        }
        Task::End => {}
    }
}

/// Holds a ticket while code runs that may panic.
struct Told(Option<Ticket>);

impl Told {
    fn take(&mut self) -> Option<Ticket> {
        self.0.take()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(ticket) = self.0.take() {
            ticket.poisoned();
        }
    }
}

fn commit(core: &Core, mut decided: Box<Decided>, ticket: Option<Ticket>) {
    let Some(ticket) = ticket else { return };
    if core.refused.bound(Arc::make_mut(&mut decided.entry), core.clock.now()) == Room::None {
        core.release(std::mem::take(&mut decided.leased));
        ticket.tell(Err(super::commit::full()));
        return;
    }
    let _ = core.commits.send(Pending { decided, ticket });
}

fn drive(core: &Arc<Core>, mut run: Box<Run>, told: &mut Told, bench: &mut Bench) {
    let began = Tick::now();
    let ended = run.drive(bench);
    metric::took(Stretch::Do, began.elapsed());
    if let Ended::Asks(questions) = ended {
        if let Some(ticket) = told.take() {
            let _ = core.lookups.send(LookupOrder::Ask(Ask { run, questions, ticket }));
        }
        return;
    }
    let decided = decide(*run, ended, core.clock.now(), bench);
    commit(core, Box::new(decided), told.take());
}

fn decide(mut run: Run, ended: Ended, now: Timestamp, bench: &mut Bench) -> Decided {
    run.keep_guards();
    let Run { ground, plan, binding, partner, mut message, leased, .. } = run;
    let answers = std::mem::take(&mut message.answers);
    // Moved, not copied: a refusal looks at what was read, never at what it would have caused.
    let mut caused = std::mem::take(&mut message.effects);
    let confirmed = std::mem::take(&mut caused.confirmed);
    let resumed = message.resumed;
    let retrievals = caused.retrievals.clone();
    let refusal = Refusal {
        binding,
        sender: partner.sender,
        return_address: partner.return_address,
        give_up_after: plan.limits.give_up_after,
        identity: Some(message.identity.clone()),
        message: Some(Box::new(message)),
    };
    let guards = caused.guards.clone();
    let subjects = caused.subjects.clone();
    let (leads, calls) = (caused.leads.clone(), caused.calls.clone());
    let settled = match ended {
        Ended::Accepted => {
            let keep = if caused.forget { Keep::HashOnly } else { Keep::Original };
            Settled { effects: caused, keep, ..Settled::new(Inbound::Accepted) }
        }
        // It would come again at once and for ever.
        Ended::Waits(wait) if resumed.is_some_and(|resumed| resumed.expired) && wait.until <= now => {
            entry::ours("a step waits on although its waiting time is over".to_owned())
        }
        Ended::Waits(wait) => {
            let effects = crate::effects::Effects { guards, ..Default::default() };
            Settled { effects, waits: Some(wait), ..Settled::new(Inbound::Waiting) }
        }
        Ended::Rejected(rejections) => match refusal.effects(&ground.envelope, &rejections, bench) {
            // The refusal rests on the same facts as an acceptance would.
            Ok(mut effects) => {
                effects.guards = guards;
                effects.mirror = confirmed;
                Settled { effects, rejections, ..Settled::new(Inbound::Rejected) }
            }
            Err(trouble) => entry::ours(door::trouble_text(trouble)),
        },
        Ended::Ours(cause) => entry::ours(cause),
        Ended::Asks(_) => entry::ours("a step asks where nobody can answer".to_owned()),
    };
    let mut settled = Settled { route: Some(plan.route.clone()), ..settled };
    // What was read stays on record, whatever came of it.
    settled.effects.retrievals = retrievals;
    // So does whom it speaks of, so that a deletion reaches it.
    settled.effects.subjects = subjects;
    // And whose clock it showed to be ahead.
    (settled.effects.leads, settled.effects.calls) = (leads, calls);
    // And what it says against answers, or no longer says: with the commit that leaves it so.
    if let (Some(identity), Some(message)) = (&refusal.identity, &refusal.message) {
        let outcome = Outcome { state: settled.state, rejections: &settled.rejections };
        let objections = objecting::read(&ground, identity, (&message.record, &answers), &outcome);
        settled.effects.object(objections);
    }
    let settled = entry::answer_by_message(&ground, &refusal, settled);
    let (identity, message) = (refusal.identity.as_ref(), refusal.message.as_deref());
    let mut entry = entry::build(&ground, &refusal.sender, identity, message, settled);
    if let Some(message) = message.filter(|_| plan.delivers()) {
        entry.delivery = run::delivery(&ground, &message.sender, &message.identity, &message.record.kopf);
    }
    Decided { ground, entry: Arc::new(entry), refusal: Some(refusal), leased }
}

/// Decides a delivery whose key came before with other content; without a way to refuse it is only kept apart.
fn conflict(core: &Core, (decided, earlier): (Decided, Uuid), told: &mut Told, bench: &mut Bench) {
    let Decided { ground, entry: first, refusal, .. } = decided;
    let rejection = entry::conflict_rejection();
    let effects = match &refusal {
        Some(refusal) => {
            let rejections = std::slice::from_ref(&rejection);
            let effects = refusal.effects(&ground.envelope, rejections, bench).unwrap_or_default();
            let settled = Settled { effects, ..Settled::new(Inbound::Quarantined) };
            entry::answer_by_message(&ground, refusal, settled).effects
        }
        None => Default::default(),
    };
    let mut entry = entry::conflict(&ground, (&first, earlier), effects, rejection);
    entry.effects.object(objecting::set_apart(&ground, refusal.as_ref(), Inbound::Quarantined));
    // The refusal stays with it: a repeat of the conflict is owed the same answer.
    commit(
        core,
        Box::new(Decided { ground, entry: Arc::new(entry), refusal, leased: Vec::new() }),
        told.take(),
    );
}
