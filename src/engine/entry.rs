//! From an outcome to the entry that is committed: stamp, keys, content hash, answers by message, dry tests.
//! The one place that fills in the attributes of rows; decides nothing about the message itself.

use std::sync::Arc;

use aws_lc_rs::digest;
use uuid::Uuid;

use crate::effects::{AuditLine, Effects, Outgoing};
use crate::envelope::{Envelope, Head, Inbound, Reply, Stage, Verdict};
use crate::message::{Identity, Message, Sender};
use crate::pipeline::step::{Bench, NEXT};
use crate::plan::Plan;
use crate::rejection::{Fault, Rejection};
use crate::store::entry::{Entry, Keep};
use crate::store::stamp::Stamp;

use super::run::{self, Decided, Ground, Refusal, Wait};

/// How a message is settled, before it has the attributes of a row.
pub struct Settled {
    /// The state.
    pub state: Inbound,
    /// The route that took it.
    pub route: Option<String>,
    /// Plain cause.
    pub cause: Option<String>,
    /// One safe next step.
    pub next_step: Option<String>,
    /// Why it is refused.
    pub rejections: Vec<Rejection>,
    /// What it waits for.
    pub waits: Option<Wait>,
    /// What it causes.
    pub effects: Effects,
    /// How much is kept.
    pub keep: Keep,
}

impl Settled {
    /// Settled in a state, with nothing caused yet.
    pub fn new(state: Inbound) -> Settled {
        Settled {
            state,
            route: None,
            cause: None,
            next_step: None,
            rejections: Vec::new(),
            waits: None,
            effects: Effects::default(),
            keep: Keep::Original,
        }
    }
}

/// Parked by our own fault or until a person has looked: nothing of what it would have caused is kept.
pub fn ours(cause: String) -> Settled {
    let (cause, next) = match cause.split_once(NEXT) {
        Some((cause, next)) => (cause.to_owned(), next.to_owned()),
        None => (cause, "correct the route or package, then replay".to_owned()),
    };
    Settled { cause: Some(cause), next_step: Some(next), ..Settled::new(Inbound::Parked) }
}

/// Builds the entry of a settled message.
pub fn build(
    ground: &Ground,
    sender: &Sender,
    identity: Option<&Identity>,
    message: Option<&Message>,
    settled: Settled,
) -> Entry {
    let envelope = ground.envelope.clone();
    let mut settled = settled;
    let head = &envelope.head;
    let test = identity.is_some_and(|identity| identity.test) || ground.set.stage != Stage::Produktion;
    if ground.set.stage == Stage::Produktion && test && settled.state == Inbound::Accepted {
        settled.effects = dry(head, settled.effects);
    }
    settled.effects.beside = ground.set.beside.clone();
    // A list that no route of this set makes would lie parked each day.
    let made = |name: &str| ground.set.by_binding(name).next().is_some();
    settled.effects.timers.retain(|timer| timer.of.is_none() || made(&timer.name));
    let stamp = Stamp {
        mandant: sender.mandant.clone(),
        partner: sender.id.clone(),
        how: head
            .partner
            .as_ref()
            .map(|partner| format!("{:?}", partner.how).to_lowercase())
            .unwrap_or_default(),
        stage: ground.set.stage,
        test,
        key_id: String::new(),
        acting_person: ground
            .resumed
            .as_ref()
            .and_then(|resume| resume.acting_person.clone())
            .or_else(|| head.acting_person.clone())
            .unwrap_or_default(),
        doc_version: identity
            .map(|identity| format!("{}/{}", identity.standard, identity.version))
            .unwrap_or_default(),
        traceparent: head.traceparent.clone().unwrap_or_default(),
        decided_by: ground.set.version.clone(),
    };
    Entry {
        keys: run::keys(&envelope, message),
        content: content_hash(&envelope),
        message: identity.map(|identity| identity.message.clone()),
        route: settled.route,
        state: settled.state,
        cause: settled.cause,
        next_step: settled.next_step,
        rejections: settled.rejections,
        delivery: None,
        waits: settled.waits.map(|wait| (wait.for_.0, wait.until)),
        resumes: ground.resumed.is_some(),
        keep: settled.keep,
        effects: settled.effects,
        now: ground.now(),
        stamp,
        envelope,
    }
}

/// Turns the reply into an outbox row where the exchange of the delivery takes none, or is over.
pub fn answer_by_message(ground: &Ground, refusal: &Refusal, mut settled: Settled) -> Settled {
    if ground.envelope.head.in_band {
        return settled;
    }
    let Some(reply) = settled.effects.reply.clone() else { return settled };
    let head = &ground.envelope.head;
    let Some(destination) = return_address(ground, refusal) else {
        settled.effects.audit.push(AuditLine {
            what: "reply.no-return-address".to_owned(),
            detail: vec![("message".to_owned(), reply.message.clone())],
        });
        return settled;
    };
    settled.effects.sends.push(answer(ground, head.id, destination, refusal, reply));
    settled
}

/// What the asker itself calls the exchange says more to it than our key of its delivery.
fn asked(head: &Head) -> &str {
    head.correlation.as_deref().unwrap_or(&head.transport_id)
}

fn return_address<'a>(ground: &'a Ground, refusal: &'a Refusal) -> Option<&'a str> {
    ground.envelope.head.return_address.as_deref().or(refusal.return_address.as_deref())
}

fn answer(ground: &Ground, id: Uuid, destination: &str, refusal: &Refusal, reply: Reply) -> Outgoing {
    let (asked, now) = (asked(&ground.envelope.head), ground.now());
    // Answers of an earlier program are kept without it; a repeat has the mark of the first, for its content is the same.
    let test = reply.test || refusal.identity.as_ref().is_some_and(|identity| identity.test);
    Outgoing {
        id: reply_row(id, destination, asked),
        destination: destination.to_owned(),
        partner: refusal.sender.id.clone(),
        order: None,
        message: reply.message,
        test,
        content_type: reply.content_type,
        body: reply.body,
        parts: Vec::new(),
        correlation: Some(asked.to_owned()),
        after: None,
        deadline: now.checked_add(super::breaker::signed(refusal.give_up_after)).ok(),
        not_before: None,
        delivers: None,
        ways: Vec::new(),
    }
}

/// The answer that a repeat is owed where its source cannot give it in band: the document of the first, on this one's way.
pub fn answer_to_repeat(ground: &Ground, refusal: &Refusal, first: &Verdict) -> Option<Outgoing> {
    let head = &ground.envelope.head;
    // A commit of unknown outcome that was tried again is no repeat of the sender's.
    if head.in_band || ground.resumed.is_some() || first.id == head.id {
        return None;
    }
    let (reply, destination) = (first.reply.clone()?, return_address(ground, refusal)?);
    Some(answer(ground, first.id, destination, refusal, reply))
}

/// Whether a repeat is owed an answer that is gone with the first message: one was owed to whatever was taken, refused or a conflict.
pub fn lost_its_answer(repeat: &Decided, first: &Verdict) -> bool {
    let answered = matches!(first.state, Inbound::Accepted | Inbound::Rejected) || first.conflict;
    // A message that was settled by another delivery meanwhile has no exchange to answer on.
    let asks = repeat.refusal.is_some() && repeat.ground.resumed.is_none();
    first.forgotten && first.reply.is_none() && answered && asks
}

/// The answer that a message had which is gone, written anew: what was derived from the first delivery's id is so again. `None` where
/// it had none, or cannot be written.
pub fn anew(repeat: &Decided, first: &Verdict, bench: &mut Bench) -> Option<Reply> {
    let refusal = repeat.refusal.as_ref()?;
    let mut envelope = Envelope::clone(&repeat.ground.envelope);
    envelope.head.id = first.id;
    if first.state == Inbound::Accepted && !first.conflict {
        let named = |plan: &&Arc<Plan>| Some(plan.route.as_str()) == repeat.entry.route.as_deref();
        let plan = repeat.ground.set.plans.iter().find(named)?;
        let mut message = Message::clone(refusal.message.as_deref()?);
        (message.envelope, message.effects) = (Arc::new(envelope), Effects::default());
        return run::reply_of(plan, &mut message, bench);
    }
    let own = codes(&repeat.entry.rejections) == first.codes && !first.codes.is_empty();
    let rejections = match own {
        _ if first.conflict => vec![conflict_rejection()],
        // The same content met the same fault: its places are those of then.
        true => repeat.entry.rejections.clone(),
        false => first.codes.iter().map(|code| Rejection::of_code(code, FORGOTTEN)).collect(),
    };
    refusal.effects(&envelope, &rejections, bench).ok()?.reply
}

/// What is said of a refusal of which only the codes are known.
const FORGOTTEN: &str = "Diese Nachricht wurde früher mit diesem Ergebnis zurückgewiesen; Einzelheiten sind nicht mehr gespeichert.";

/// Each code once, in the order of the rejections: what the store keeps, so that a repeat gets the very same verdict.
pub fn codes(rejections: &[Rejection]) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for rejection in rejections {
        if !codes.contains(&rejection.code) {
            codes.push(rejection.code.clone());
        }
    }
    codes
}

/// The entry of a delivery whose key came before with other content: quarantined **and** refused (rules.md 5).
/// `earlier`: that one.
pub fn conflict(
    ground: &Ground,
    (first, earlier): (&Entry, Uuid),
    effects: Effects,
    rejection: Rejection,
) -> Entry {
    let (subjects, beside) = (first.effects.subjects.clone(), ground.set.beside.clone());
    let effects = Effects { subjects, beside, ..effects };
    let mut parts = vec![hex::encode(first.content)];
    // The business key where there is one: the same conflict may come again under another transport id.
    if let Some(key) = first.keys.last() {
        parts.extend(key.parts.iter().cloned());
    }
    Entry {
        // Its own key, so that a repeat of the conflicting delivery gets the same answer.
        keys: vec![crate::store::entry::Key { class: "conflict", parts }],
        state: Inbound::Quarantined,
        cause: Some("same key as an earlier delivery, other content".to_owned()),
        next_step: Some(format!(
            "compare both originals (`messages original ID --out FOLDER`, this one and {earlier}), ask the sender which one holds; a right one comes under an id of its own, then `parked reject`"
        )),
        rejections: vec![rejection],
        waits: None,
        effects,
        envelope: Arc::clone(&ground.envelope),
        ..first.clone()
    }
}

/// What the sender of a conflicting delivery is told.
pub fn conflict_rejection() -> Rejection {
    Rejection::new(
        Fault::Other,
        "Unter dieser Kennung wurde bereits eine Nachricht mit anderem Inhalt geliefert.",
    )
    .rule("kennung-mit-anderem-inhalt")
}

/// What tells apart a delivery of which the content is not kept: the hash of its octets as they came.
pub fn octets_hash(envelope: &Envelope) -> [u8; 32] {
    let mut octets = [0; 32];
    match hex::decode_to_slice(&envelope.evidence.octets_sha256, &mut octets) {
        Ok(()) => octets,
        Err(_) => content_hash(envelope),
    }
}

/// What tells apart what is the same under one transport id, whatever its octets are: the hash of that id.
pub fn id_hash(envelope: &Envelope) -> [u8; 32] {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, envelope.head.transport_id.as_bytes()).as_ref());
    hash
}

/// SHA-256 over the body and the hashes of the parts.
pub fn content_hash(envelope: &Envelope) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&(envelope.body.len() as u64).to_be_bytes());
    context.update(&envelope.body);
    for part in &envelope.parts {
        context.update(part.sha256.as_bytes());
        context.update(&part.size.to_be_bytes());
    }
    let mut hash = [0u8; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// In `produktion` a test message is receipted and touches nothing (rules.md 7); what was read for it stays on record.
fn dry(head: &Head, effects: Effects) -> Effects {
    let Effects { mut sends, reply, mut audit, retrievals, .. } = effects;
    sends.retain(|send| send.id == reply_row(head.id, &send.destination, asked(head)));
    audit.push(AuditLine { what: "test.dry".to_owned(), detail: Vec::new() });
    Effects { sends, reply, audit, retrievals, ..Effects::default() }
}

/// The id of the row that carries the answer to a message: one for each way on which it may go and each name under which it is asked
/// for, because a sender that gave a repeat another name waits for an answer under that; however often it is asked for.
fn reply_row(id: Uuid, destination: &str, asked: &str) -> Uuid {
    Uuid::new_v5(&id, format!("reply {destination} {asked}").as_bytes())
}
