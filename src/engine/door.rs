//! Door and Read: from octets to a run, or to the entry that refuses, parks or denies them.
//! Believes nothing that the head claims; performs nothing: all outcomes are values.

use std::sync::Arc;

use crate::effects::Objected;
use crate::envelope::{Inbound, Stage, UNPROVEN};
use crate::message::{Identity, Message, Resumed, Sender};
use crate::pipeline::step::{Bench, Trouble};
use crate::plan::{Binding, Partner, Plan, PlanSet};
use crate::register::record::Record;
use crate::rejection::{Fault, Rejection, UNQUOTED};
use crate::store::entry::{Delivery, Entry, Keep};
use crate::xml::limits::Limits;
use crate::xoev::contract::{Detected, Known, Taken, gate_rejection};

use super::entry::{self, Settled};
use super::objecting::{self, Outcome};
use super::run::{self, Decided, Ground, Refusal, Run};

/// What the door made of a delivery.
pub enum Opened {
    /// It may run.
    Run(Box<Run>),
    /// It is decided already.
    Decided(Box<Decided>),
}

/// Opens a delivery: admission, gate, detection, route, validation, mapping.
pub fn open(ground: Ground, bench: &mut Bench) -> Opened {
    let set = ground.set.clone();
    let Some(partner) = admitted(&set, &ground) else {
        return match ground.resumed {
            // It was taken once, so it is kept: a request whose answer was taken back is not to be lost with its service.
            Some(_) => not_admitted_now(ground),
            None => denied(ground, None),
        };
    };
    let key = ground.envelope.head.binding.clone();
    let bound: Vec<(&Arc<Plan>, &Binding)> = set.by_binding(&key).collect();
    let Some(&(first_plan, binding)) = bound.first() else {
        let objections = looked_into(&ground, bench);
        let parked = parked(
            ground,
            &partner,
            None,
            None,
            "no route takes deliveries from here",
            "apply a route with this `on` entry, then replay",
        );
        return said(parked, objections);
    };
    let admitted_here = bound
        .iter()
        .any(|(plan, _)| plan.accept.iter().any(|accept| accept.partners.contains(&partner.sender.id)));
    if !admitted_here && ground.resumed.is_some() {
        return not_admitted_now(ground);
    }
    if !admitted_here {
        // Who it is is known all the same: what it delivers elsewhere says what it says, whichever entry it came in by.
        let (noted, objections) = refused_here(&ground, &partner.sender, bench);
        let denied = denied(ground, Some(&partner));
        return said(noted_as(denied, noted), objections);
    }
    if let Some(fault) = ground.fault.clone() {
        let objections = objecting::unread(&ground, None, &Outcome::of(Inbound::Rejected));
        let refused = refused(ground, &partner, (first_plan, binding), None, vec![fault], bench);
        return said(refused, objections);
    }
    let limits = Limits { bytes: first_plan.limits.max_body, ..Limits::default() };
    let taken_in = bench.reader.take(ground.envelope.body.clone(), &limits, &*set.standards);
    let Taken { document, detected, read } = match taken_in {
        Ok(taken) => taken,
        Err(error) => {
            let rejection = gate_rejection(&error);
            let objections = objecting::unread(&ground, None, &Outcome::of(Inbound::Rejected));
            let refused = refused(ground, &partner, (first_plan, binding), None, vec![rejection], bench);
            return said(refused, objections);
        }
    };
    let marked_test = set.standards.is_test(&document);
    if set.stage != Stage::Produktion && !marked_test {
        let text = "Diese Stage nimmt nur Nachrichten mit dem Attribut test an.";
        let rejection = Rejection::new(Fault::Other, text).rule(UNQUOTED);
        // The rule also says that nothing of it is quoted: nothing of it may be kept.
        let content = entry::content_hash(&ground.envelope);
        let opened = refused(ground, &partner, (first_plan, binding), None, vec![rejection], bench);
        return hash_only(opened, content);
    }
    let detected = match detected {
        Ok(detected) => detected,
        Err(rejection) => {
            let dry = set.stage == Stage::Produktion && marked_test;
            let objections = match dry {
                true => Objected::default(),
                false => {
                    let named = set.standards.named(&document);
                    objecting::unknown(&ground, &named, &Outcome::of(Inbound::Rejected))
                }
            };
            let refused = refused(ground, &partner, (first_plan, binding), None, vec![rejection], bench);
            return said(refused, objections);
        }
    };
    let identity = identified(&detected, marked_test);
    let claimed = bound.iter().find(|(plan, _)| {
        plan.accept
            .iter()
            .any(|accept| accept.message == identity.message && accept.partners.contains(&partner.sender.id))
    });
    let read = read.unwrap_or_else(|| bench.reader.read(&detected, &document));
    let Some(&(plan, taken)) = claimed else {
        let known = set.standards.known();
        let same = |known: &&Known| known.message == identity.message && known.version == identity.version;
        let is_read = known.iter().filter(same).any(|known| known.reads);
        let read = match read {
            // No route can ever take what no package reads: refused at once, with the verdict that `inspect` gives.
            Err(rejections) if !is_read => {
                return refused(ground, &partner, (first_plan, binding), Some(&identity), rejections, bench);
            }
            read => read,
        };
        // A delivery that came in by the wrong entry is in the house all the same.
        let noted = noted_here(&ground, &partner.sender, &identity, &read);
        let objections = left_lying(&ground, &identity, read);
        let parked = parked(
            ground,
            &partner,
            Some((first_plan, binding)),
            Some(&identity),
            "no route takes this message from this partner here",
            "apply a route that accepts it, then replay; or tell the partner",
        );
        return said(noted_as(parked, noted), objections);
    };
    let record = match read {
        Ok(record) => record,
        Err(rejections) => {
            let kopf = bench.reader.header(&detected, &document).filter(|_| plan.delivers());
            let noted = kopf.and_then(|kopf| run::delivery(&ground, &partner.sender, &identity, &kopf));
            let objections = objecting::unread(&ground, Some(&identity), &Outcome::of(Inbound::Rejected));
            let refused = refused(ground, &partner, (plan, taken), Some(&identity), rejections, bench);
            return said(noted_as(refused, noted), objections);
        }
    };
    let message = Message {
        branches: vec![None; plan.chooses],
        decided_by: ground.set.version.as_str().into(),
        held: ground.held.clone(),
        resumed: ground.resumed.as_ref().map(|resume| Resumed { at: resume.at, expired: resume.expired }),
        ..Message::begin(ground.envelope.clone(), identity, partner.sender.clone(), document, record)
    };
    Opened::Run(Box::new(Run {
        ground,
        plan: plan.clone(),
        binding: taken.clone(),
        partner,
        message,
        at: 0,
        answered: 0,
        leased: Vec::new(),
    }))
}

fn admitted(set: &PlanSet, ground: &Ground) -> Option<Partner> {
    // Whom a door turned away is nobody here, whoever it is.
    if ground.envelope.evidence.verification.starts_with(UNPROVEN) {
        return None;
    }
    let reference = ground.envelope.head.partner.as_ref()?;
    let partner = set.partners.get(&reference.id)?;
    let now = ground.envelope.head.received;
    partner.holds(now).then(|| partner.clone())
}

/// Whose entry it came in by.
pub fn mandant_of(ground: &Ground) -> String {
    let bound = ground.set.by_binding(&ground.envelope.head.binding).next();
    bound.map(|(_, binding)| binding.mandant.clone()).unwrap_or_default()
}

/// Why a delivery is denied: the reason as the catalogue has it, what is the matter, and what to do. `partner` where it is admitted, but not here.
fn why_denied(ground: &Ground, partner: Option<&Partner>) -> Option<(&'static str, String, String)> {
    let head = &ground.envelope.head;
    let entry = &head.binding;
    let Some(reference) = &head.partner else {
        let shown = ground.envelope.evidence.verification.strip_prefix(UNPROVEN);
        return Some((
            "nicht-ausgewiesen",
            format!("nobody proved who delivered at `{entry}`{}", shown.map(|shown| format!(" ({shown})")).unwrap_or_default()),
            "ask the partner that is meant which token or certificate it shows; new ones only by `credentials` in partners.yaml".to_owned(),
        ));
    };
    let id = &reference.id;
    if let Some(partner) = partner {
        let id = &partner.sender.id;
        return Some((
            "eingang-fremd",
            format!("the login of `{id}` is right, and no route takes anything from it at `{entry}`"),
            format!(
                "tell `{id}` where to deliver; or name it under `accept` of a route that has this entry under `on`, and apply"
            ),
        ));
    }
    if !ground.set.partners.contains_key(id) {
        return Some((
            "partner-entfernt",
            format!("the login is that of `{id}`, which is no partner any more"),
            format!("tell `{id}`, or write it into partners.yaml again, and apply"),
        ));
    }
    Some((
        "partner-zeit",
        format!("the login is that of `{id}`, and the time of that partner has not begun or is over"),
        format!("look at `valid` of `{id}` in partners.yaml; extend it and apply, or tell the partner"),
    ))
}

/// Denies it. Where the login is proven, it stands with the partner whose it is; nothing of the content is kept.
fn denied(ground: Ground, partner: Option<&Partner>) -> Opened {
    let id = ground.envelope.head.partner.as_ref().map(|partner| partner.id.clone()).unwrap_or_default();
    let sender = Sender { id, mandant: mandant_of(&ground), ..Sender::default() };
    let why = why_denied(&ground, partner);
    let (cause, next_step) = why.map(|(reason, text, step)| (format!("{reason}: {text}"), step)).unzip();
    let settled = Settled {
        state: Inbound::Denied,
        cause,
        next_step,
        keep: Keep::HashOnly,
        ..Settled::new(Inbound::Denied)
    };
    let entry = entry::build(&ground, &sender, None, None, settled);
    // No key: a stranger must not be able to occupy the key of a partner's later delivery. Its octets stand for the
    // content, which the transport may not have kept.
    let entry = Entry { keys: Vec::new(), content: entry::octets_hash(&ground.envelope), ..entry };
    Opened::Decided(Box::new(Decided { ground, entry: Arc::new(entry), refusal: None, leased: Vec::new() }))
}

/// What was taken once and runs again, when its sender is not admitted there any more.
fn not_admitted_now(ground: Ground) -> Opened {
    let id = ground.envelope.head.partner.as_ref().map(|partner| partner.id.clone()).unwrap_or_default();
    let known = ground.set.partners.get(&id).map(|partner| partner.sender.clone());
    let sender = known.unwrap_or_else(|| Sender { id, mandant: mandant_of(&ground), ..Sender::default() });
    let settled = Settled {
        cause: Some("its sender is not admitted here any more".to_owned()),
        next_step: Some(
            "admit the partner again in partners.yaml, apply and replay; or have the Jugendamt answer whoever asked".to_owned(),
        ),
        ..Settled::new(Inbound::Parked)
    };
    let entry = entry::build(&ground, &sender, None, None, settled);
    Opened::Decided(Box::new(Decided { ground, entry: Arc::new(entry), refusal: None, leased: Vec::new() }))
}

fn parked(
    ground: Ground,
    partner: &Partner,
    bound: Option<(&Plan, &Binding)>,
    identity: Option<&Identity>,
    cause: &str,
    next_step: &str,
) -> Opened {
    let settled = Settled {
        cause: Some(cause.to_owned()),
        next_step: Some(next_step.to_owned()),
        ..Settled::new(Inbound::Parked)
    };
    let entry = entry::build(&ground, &partner.sender, identity, None, settled);
    let refusal = bound.map(|(plan, binding)| refusal(plan, binding, partner, identity));
    Opened::Decided(Box::new(Decided { ground, entry: Arc::new(entry), refusal, leased: Vec::new() }))
}

fn refusal(plan: &Plan, binding: &Binding, partner: &Partner, identity: Option<&Identity>) -> Refusal {
    Refusal {
        binding: binding.clone(),
        sender: partner.sender.clone(),
        return_address: partner.return_address.clone(),
        give_up_after: plan.limits.give_up_after,
        identity: identity.cloned(),
        message: None,
    }
}

fn refused(
    ground: Ground,
    partner: &Partner,
    (plan, binding): (&Plan, &Binding),
    identity: Option<&Identity>,
    rejections: Vec<Rejection>,
    bench: &mut Bench,
) -> Opened {
    let refusal = refusal(plan, binding, partner, identity);
    let settled = match refusal.effects(&ground.envelope, &rejections, bench) {
        Ok(effects) => Settled { effects, rejections, ..Settled::new(Inbound::Rejected) },
        Err(trouble) => entry::ours(trouble_text(trouble)),
    };
    let settled = Settled { route: Some(plan.route.clone()), ..settled };
    let settled = entry::answer_by_message(&ground, &refusal, settled);
    let entry = entry::build(&ground, &partner.sender, identity, None, settled);
    Opened::Decided(Box::new(Decided {
        ground,
        entry: Arc::new(entry),
        refusal: Some(refusal),
        leased: Vec::new(),
    }))
}

/// What a delivery says that a known sender makes where it is not admitted: it was refused, and the sender is told.
fn refused_here(ground: &Ground, sender: &Sender, bench: &mut Bench) -> (Option<Delivery>, Objected) {
    let body = ground.envelope.body.clone();
    let standards = &*ground.set.standards;
    let Ok(Taken { document, detected, read }) = bench.reader.take(body, &Limits::default(), standards)
    else {
        return Default::default();
    };
    let test = standards.is_test(&document);
    if ground.set.stage != Stage::Produktion && !test {
        return Default::default();
    }
    let Ok(detected) = detected else {
        let named = standards.named(&document);
        return (None, named_elsewhere(ground, (named, test), Inbound::Rejected));
    };
    let identity = identified(&detected, test);
    let read = read.unwrap_or_else(|| bench.reader.read(&detected, &document));
    let outcome = Outcome::of(Inbound::Rejected);
    let objections = match &read {
        Ok(record) => objecting::read(ground, &identity, (record, &[]), &outcome),
        Err(_) => objecting::unread(ground, Some(&identity), &outcome),
    };
    (noted_here(ground, sender, &identity, &read), objections)
}

/// What a delivery says of a version that no package reads, by an entry at which nothing of its sender is taken: a new release is often sent to
/// a wrong one first. Of a root that nobody knows nothing is said there.
fn named_elsewhere(ground: &Ground, (named, test): (Vec<String>, bool), state: Inbound) -> Objected {
    let dry = ground.set.stage == Stage::Produktion && test;
    match named.is_empty() || dry {
        true => Objected::default(),
        false => objecting::unknown(ground, &named, &Outcome::of(state)),
    }
}

/// What a delivery says that comes in where no route takes any; what cannot be read there is of no known route.
fn looked_into(ground: &Ground, bench: &mut Bench) -> Objected {
    let body = ground.envelope.body.clone();
    let taken = bench.reader.take(body, &Limits::default(), &*ground.set.standards);
    let (document, detected, read) = match taken {
        Ok(Taken { document, detected: Ok(detected), read: Some(read) }) => (document, detected, read),
        Ok(Taken { document, detected: Err(_), .. }) => {
            let standards = &*ground.set.standards;
            let said = (standards.named(&document), standards.is_test(&document));
            return named_elsewhere(ground, said, Inbound::Parked);
        }
        _ => return Objected::default(),
    };
    let identity = identified(&detected, ground.set.standards.is_test(&document));
    left_lying(ground, &identity, read)
}

/// What a delivery says that is parked because no route takes it, as far as it could be read.
fn left_lying(ground: &Ground, identity: &Identity, read: Result<Record, Vec<Rejection>>) -> Objected {
    let outcome = Outcome::of(Inbound::Parked);
    match read {
        Ok(record) => objecting::read(ground, identity, (&record, &[]), &outcome),
        Err(_) => objecting::unread(ground, Some(identity), &outcome),
    }
}

/// What came in by an entry at which no route takes it is the office's newest delivery all the same, where a route delivers it elsewhere.
fn noted_here(
    ground: &Ground,
    sender: &Sender,
    identity: &Identity,
    read: &Result<Record, Vec<Rejection>>,
) -> Option<Delivery> {
    objecting::delivers(&ground.set, &sender.id, identity)?;
    let record = read.as_ref().ok()?;
    run::delivery(ground, sender, identity, &record.kopf)
}

fn noted_as(mut opened: Opened, delivery: Option<Delivery>) -> Opened {
    if let Opened::Decided(decided) = &mut opened {
        Arc::make_mut(&mut decided.entry).delivery = delivery;
    }
    opened
}

fn identified(detected: &Detected, test: bool) -> Identity {
    Identity {
        standard: detected.standard.clone(),
        version: detected.version.clone(),
        message: detected.message.clone(),
        test,
    }
}

fn said(mut opened: Opened, objections: Objected) -> Opened {
    if let Opened::Decided(decided) = &mut opened {
        Arc::make_mut(&mut decided.entry).effects.object(objections);
    }
    opened
}

fn hash_only(opened: Opened, content: [u8; 32]) -> Opened {
    match opened {
        Opened::Decided(mut decided) => {
            Arc::make_mut(&mut decided.entry).keep = Keep::HashOnly;
            Arc::make_mut(&mut decided.entry).content = content;
            // Refusing it once more, for a conflict, must not quote it either.
            decided.refusal = None;
            Opened::Decided(decided)
        }
        run => run,
    }
}

/// The plain cause in a trouble that is ours.
pub fn trouble_text(trouble: Trouble) -> String {
    match trouble {
        Trouble::Ours(cause) => cause,
        Trouble::Rejected(rejections) => {
            let codes: Vec<&str> = rejections.iter().map(|rejection| rejection.code.as_str()).collect();
            format!("refusing failed with {}", codes.join(", "))
        }
    }
}
