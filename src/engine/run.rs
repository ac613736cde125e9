//! One delivery on its way: what it holds from door to commit, and how its steps are driven.
//! Pure besides the bench it is given; asks nobody, waits for nothing, writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::effects::{Answer, GuardKey, Question};
use crate::envelope::{Envelope, Reply, Stage};
use crate::message::{Identity, Message, Sender};
use crate::pipeline::step::{Bench, Flow, Original, Trouble};
use crate::plan::{Binding, Partner, Plan, PlanSet};
use crate::register::objection;
use crate::register::record::{Kopf, moment};
use crate::rejection::Rejection;
use crate::store::entry::{Delivery, Entry, Key};

/// The connection of timers, which bring a document that we keep.
pub const TIMER: &str = "timer";
/// How often one step may ask: what it learns may raise one further question, but nothing goes on for ever.
const MOST_ROUNDS: u8 = 3;

/// What a delivery is run under; the same for every rerun of it.
#[derive(Clone)]
pub struct Ground {
    /// The delivery.
    pub envelope: Arc<Envelope>,
    /// The set that decides it, kept although a newer one may be applied meanwhile.
    pub set: Arc<PlanSet>,
    /// Set when it was waiting or is replayed.
    pub resumed: Option<Resume>,
    /// Why its content could not be opened: it is refused before anybody reads it.
    pub fault: Option<Rejection>,
    /// How often it was rerun on moved guards.
    pub reruns: u32,
    /// Since when deliveries of partners are held by a person.
    pub held: Arc<BTreeMap<String, Timestamp>>,
    /// Guard keys that an earlier run needed, so that the next one leases all of them at once.
    pub prior: Vec<GuardKey>,
}

/// How a message came back.
#[derive(Clone, Debug)]
pub struct Resume {
    /// When it was taken up again.
    pub at: Timestamp,
    /// Its waiting time is over.
    pub expired: bool,
    /// The person that replayed it.
    pub acting_person: Option<String>,
}

/// A run between two steps.
pub struct Run {
    /// What it is run under.
    pub ground: Ground,
    /// The route.
    pub plan: Arc<Plan>,
    /// The `on` entry.
    pub binding: Binding,
    /// The partner, as the set knew it at the door.
    pub partner: Partner,
    /// The message.
    pub message: Message,
    /// The next step.
    pub at: usize,
    /// How often the step at `at` was given facts.
    pub answered: u8,
    /// Guard keys that are leased for this run.
    pub leased: Vec<GuardKey>,
}

/// A decided message, ready to commit.
pub struct Decided {
    /// What it was run under, for reruns and conflicts.
    pub ground: Ground,
    /// The entry.
    pub entry: Arc<Entry>,
    /// How to refuse it if its key is there with other content.
    pub refusal: Option<Refusal>,
    /// Guard keys to release after the commit.
    pub leased: Vec<GuardKey>,
}

/// What is needed to refuse a message after its run is over.
#[derive(Clone)]
pub struct Refusal {
    /// The `on` entry.
    pub binding: Binding,
    /// Who sent it.
    pub sender: Sender,
    /// Where answers to the sender go when its source cannot answer in band.
    pub return_address: Option<String>,
    /// How long an answer by message is tried before it is parked.
    pub give_up_after: std::time::Duration,
    /// What it is, where that was read.
    pub identity: Option<Identity>,
    /// The opened message, where it was valid.
    pub message: Option<Box<Message>>,
}

/// What a waiting message waits for.
pub struct Wait {
    /// The key that wakes it.
    pub for_: crate::effects::GuardKey,
    /// How long at most.
    pub until: jiff::Timestamp,
}

/// How the steps ended.
pub enum Ended {
    /// All steps ran.
    Accepted,
    /// A step asks.
    Asks(Vec<Question>),
    /// A step waits.
    Waits(Wait),
    /// The message is at fault.
    Rejected(Vec<Rejection>),
    /// We are at fault.
    Ours(String),
}

impl Ground {
    /// Of a first run, while nobody holds deliveries.
    pub fn new(envelope: Envelope, set: Arc<PlanSet>, resumed: Option<Resume>) -> Ground {
        let (envelope, held) = (Arc::new(envelope), Arc::default());
        Ground { envelope, set, resumed, fault: None, reruns: 0, held, prior: Vec::new() }
    }

    /// *Now* of this run: when it was received, or taken up again.
    pub fn now(&self) -> Timestamp {
        self.resumed.as_ref().map_or(self.envelope.head.received, |resume| resume.at)
    }
}

impl Run {
    /// Drives the steps until they ask, wait, fail or are done.
    pub fn drive(&mut self, bench: &mut Bench) -> Ended {
        let plan = self.plan.clone();
        while let Some(planned) = plan.steps.get(self.at) {
            if let Some((choose, branch)) = planned.branch
                && self.message.branches.get(choose).copied().flatten() != Some(branch)
            {
                self.next();
                continue;
            }
            if let Some(condition) = &planned.when {
                match condition.holds(&self.message) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.next();
                        continue;
                    }
                    Err(trouble) => return ended(trouble),
                }
            }
            if let Some((choose, branches)) = &planned.choose {
                let mut taken = None;
                for (index, condition) in branches.iter().enumerate() {
                    match condition.holds(&self.message) {
                        Ok(true) => {
                            taken = Some(index);
                            break;
                        }
                        Ok(false) => {}
                        Err(trouble) => return ended(trouble),
                    }
                }
                if let Some(slot) = self.message.branches.get_mut(*choose) {
                    *slot = taken;
                }
                self.next();
                continue;
            }
            match planned.step.apply(&mut self.message, bench) {
                Ok(Flow::Next) => self.next(),
                Ok(Flow::Stop) => {
                    self.next();
                    self.at = self.at.max(plan.send_from);
                }
                Ok(Flow::Ask(questions))
                    if self.answered >= MOST_ROUNDS
                        || (self.answered > 0 && self.message.answered(&questions)) =>
                {
                    return Ended::Ours(format!(
                        "step {} asks again although it was answered",
                        planned.step.name()
                    ));
                }
                Ok(Flow::Ask(questions)) => return Ended::Asks(questions),
                Ok(Flow::Wait { for_, until }) => {
                    return Ended::Waits(Wait { for_: GuardKey(for_), until });
                }
                Err(trouble) => return ended(trouble),
            }
        }
        // `check` refuses what it can see; whom a role stands for shows only here.
        match self.message.effects.sends_meet() {
            None => Ended::Accepted,
            Some(destination) => Ended::Ours(format!(
                "two items under `send` of this route reach {destination} the same way; leave one out or give both a `when` of \
                 which only one can hold"
            )),
        }
    }

    /// Gives the facts to the step that asked.
    pub fn answer(&mut self, answers: Vec<Answer>) {
        // What an earlier round of the same step rested on stays a ground of the decision.
        self.keep_guards();
        self.message.answers = answers;
        self.answered += 1;
    }

    /// Records what the decision rests on, so that no step can forget it.
    pub fn keep_guards(&mut self) {
        for answer in &self.message.answers {
            if !self.message.effects.guards.iter().any(|guard| guard.key == answer.guard.key) {
                self.message.effects.guards.push(answer.guard.clone());
            }
        }
    }

    fn next(&mut self) {
        self.keep_guards();
        self.at += 1;
        self.answered = 0;
        self.message.answers.clear();
    }
}

/// The reply that the steps under `send` write to a message; nothing else that they would cause is kept.
pub fn reply_of(plan: &Plan, message: &mut Message, bench: &mut Bench) -> Option<Reply> {
    for planned in plan.steps.iter().skip(plan.send_from) {
        let branch = planned
            .branch
            .is_none_or(|(choose, branch)| message.branches.get(choose).copied().flatten() == Some(branch));
        let holds = planned.when.as_ref().is_none_or(|when| matches!(when.holds(message), Ok(true)));
        if branch && holds && planned.choose.is_none() {
            // A step that cannot do its work here has no reply to give.
            let _ = planned.step.apply(message, bench);
        }
        if message.effects.reply.is_some() {
            break;
        }
    }
    message.effects.reply.take()
}

fn ended(trouble: Trouble) -> Ended {
    match trouble {
        Trouble::Rejected(rejections) => Ended::Rejected(rejections),
        Trouble::Ours(cause) => Ended::Ours(cause),
    }
}

impl Refusal {
    /// The effects of refusing this delivery.
    pub fn effects(
        &self,
        envelope: &Envelope,
        rejections: &[Rejection],
        bench: &mut Bench,
    ) -> Result<crate::effects::Effects, Trouble> {
        let original = Original {
            body: &envelope.body,
            sender: &self.sender,
            identity: self.identity.as_ref(),
            record: self.message.as_ref().map(|message| &message.record),
        };
        self.binding.refuse.refuse(&envelope.head, &original, rejections, bench)
    }
}

/// What a delivery of a register is to its office: its last message may be this one, whatever becomes of it. A test in `produktion`
/// counts nothing.
pub fn delivery(ground: &Ground, sender: &Sender, identity: &Identity, kopf: &Kopf) -> Option<Delivery> {
    if kopf.nachrichten_uuid.trim().is_empty() || (ground.set.stage == Stage::Produktion && identity.test) {
        return None;
    }
    let received = ground.envelope.head.received;
    let stamp = kopf.erstellungszeitpunkt.trim().parse().unwrap_or(received);
    let key = Key::business(&sender.id, &identity.standard, &kopf.nachrichten_uuid);
    // What is further ahead than is taken tells no order: of two that are ahead the stamps would say for a day that it is the newest.
    Some(Delivery { key, moment: moment(stamp, received), stamp: objection::made(kopf, received) })
}

/// The keys of idempotency of a delivery.
pub fn keys(envelope: &Envelope, message: Option<&Message>) -> Vec<Key> {
    let mut keys = vec![Key {
        class: "transport",
        parts: vec![envelope.head.connection.clone(), envelope.head.transport_id.clone()],
    }];
    // A timer brings back a document that was received before; it is no repeat of it.
    let message = message.filter(|_| envelope.head.connection != TIMER);
    if let Some(message) = message
        && !message.record.kopf.nachrichten_uuid.is_empty()
    {
        let (sender, standard) = (&message.sender.id, &message.identity.standard);
        keys.push(Key::business(sender, standard, &message.record.kopf.nachrichten_uuid));
    }
    // A second key where the standard has one: a request is one by its Vorgang, too.
    if let Some(message) = message
        && let Some(einmalig) = &message.record.kopf.einmalig
    {
        keys.push(Key::einmalig(&message.sender.id, &message.identity.message, einmalig));
    }
    keys
}
