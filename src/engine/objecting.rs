//! Which plan says what a settled delivery stands for against answers: that of the route that delivers. Asks the plan's hook and
//! hands on its values; knows no child and decides nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::effects::{Answer, Objected};
use crate::envelope::{Inbound, Stage};
use crate::message::{Identity, Message};
use crate::pipeline::step::{Objects, Settling};
use crate::plan::{Plan, PlanSet};
use crate::register::record::Record;
use crate::rejection::Rejection;
use crate::store::pauses::Pause;

use super::entry;
use super::run::{Ground, Refusal};

/// How a delivery is settled.
pub struct Outcome<'a> {
    /// The state.
    pub state: Inbound,
    /// Why it is refused.
    pub rejections: &'a [Rejection],
}

impl Outcome<'_> {
    /// A state without rejections.
    pub fn of(state: Inbound) -> Outcome<'static> {
        Outcome { state, rejections: &[] }
    }
}

/// What a delivery that could be read says, by the route that takes such messages of this partner and knows of any, wherever it came in.
pub fn read(
    ground: &Ground,
    identity: &Identity,
    (record, answers): (&Record, &[Answer]),
    outcome: &Outcome<'_>,
) -> Objected {
    let Some(partner) = counted(ground, Some(identity)) else { return Objected::default() };
    let takes = |plan: &&std::sync::Arc<Plan>| takes(plan, partner, identity);
    let hook = ground.set.plans.iter().filter(takes).find_map(|plan| plan.objects.as_deref());
    let Some(hook) = hook else { return Objected::default() };
    taken(ground, hook.read(&settling(ground, partner, Some(identity), outcome), record, answers))
}

/// What a delivery says that could not be read: nothing where it is known to be of a type that no route delivers, or came by an
/// entry that no delivery is taken at.
pub fn unread(ground: &Ground, identity: Option<&Identity>, outcome: &Outcome<'_>) -> Objected {
    let Some(partner) = counted(ground, identity) else { return Objected::default() };
    let hook = match identity {
        Some(identity) => delivers(&ground.set, partner, identity),
        None => delivers_here(&ground.set, partner, &ground.envelope.head.binding),
    };
    let Some(hook) = hook else { return Objected::default() };
    taken(ground, hook.unread(&settling(ground, partner, identity, outcome)))
}

/// What a delivery says that no package reads, by the message types that its root may be of: nothing where none of them is delivered by this
/// partner anywhere, whatever its version is. Of a root that nobody knows it is not known, so it counts (rules.md 2.1 b and c).
pub fn unknown(ground: &Ground, named: &[String], outcome: &Outcome<'_>) -> Objected {
    if named.is_empty() {
        return unread(ground, None, outcome);
    }
    let Some(partner) = counted(ground, None) else { return Objected::default() };
    // Known to be a delivery it counts wherever it came in, as one that is of a known version does.
    let of = |plan: &Plan| plan.delivers() && named.iter().any(|message| takes_type(plan, partner, message));
    let hook = ground.set.plans.iter().find_map(|plan| plan.objects.as_deref().filter(|_| of(plan)));
    let Some(hook) = hook else { return Objected::default() };
    taken(ground, hook.unread(&settling(ground, partner, None, outcome)))
}

/// Without times that no route of this set takes.
fn taken(ground: &Ground, mut said: Objected) -> Objected {
    said.timers.retain(|timer| ground.set.by_binding(&timer.name).next().is_some());
    said
}

/// What a delivery says that is kept apart after its run, as far as it was read.
pub fn set_apart(ground: &Ground, refusal: Option<&Refusal>, state: Inbound) -> Objected {
    let outcome = Outcome::of(state);
    let identity = refusal.and_then(|refusal| refusal.identity.as_ref());
    match (identity, refusal.and_then(|refusal| refusal.message.as_deref())) {
        (Some(identity), Some(Message { record, .. })) => read(ground, identity, (record, &[]), &outcome),
        _ => unread(ground, identity, &outcome),
    }
}

/// Whether a route takes deliveries of a partner that come by an `on` entry.
pub fn delivers_from(set: &PlanSet, binding: &str, partner: &str) -> bool {
    let takes = |plan: &Plan| plan.bindings.iter().any(|known| known.key == binding) && admits(plan, partner);
    set.plans.iter().any(|plan| plan.delivers() && takes(plan))
}

/// The partners whose deliveries are held at a route by a pause of this kind (as stored) and name: the partner's own, or the route's.
pub fn concerned<'a>(plan: &'a Plan, kind: &'a str, name: &'a str) -> impl Iterator<Item = &'a String> {
    let held = move |partner: &&String| match kind {
        "route" => plan.route == name,
        "partner" => partner.as_str() == name,
        _ => false,
    };
    let accepts = plan.accept.iter().filter(|_| plan.delivers());
    accepts.flat_map(|accept| &accept.partners).filter(held)
}

/// Since when deliveries of a partner are held by a person: its own pause, or one of a route that takes them. What lies behind a
/// pause nobody sees, so it counts from the pause on.
pub fn held<'a>(
    plans: impl Iterator<Item = &'a Plan> + Clone,
    pauses: &[Pause],
    now: Timestamp,
) -> BTreeMap<String, Timestamp> {
    let mut held: BTreeMap<String, Timestamp> = BTreeMap::new();
    let holds = |pause: &&Pause| pause.until.is_none_or(|until| until > now);
    for pause in pauses.iter().filter(holds) {
        for partner in plans.clone().flat_map(|plan| concerned(plan, &pause.kind, &pause.name)) {
            let since = held.entry(partner.clone()).or_insert(pause.since);
            *since = pause.since.min(*since);
        }
    }
    held
}

/// The partner of a delivery that counts: a test counts nothing where the stage is real.
fn counted<'a>(ground: &'a Ground, identity: Option<&Identity>) -> Option<&'a str> {
    let dry = ground.set.stage == Stage::Produktion && identity.is_some_and(|identity| identity.test);
    let partner = ground.envelope.head.partner.as_ref()?;
    (!dry).then_some(partner.id.as_str())
}

/// What says so of the route that delivers such messages of a partner, wherever they come in; `None` where none does.
pub fn delivers<'a>(set: &'a PlanSet, partner: &str, identity: &Identity) -> Option<&'a dyn Objects> {
    let mut all = set.plans.iter().filter(|plan| takes(plan, partner, identity));
    all.find_map(|plan| plan.objects.as_deref().filter(|_| plan.delivers()))
}

/// Whether a route takes such messages of a partner, wherever they come in.
fn takes(plan: &Plan, partner: &str, identity: &Identity) -> bool {
    takes_type(plan, partner, &identity.message)
}

fn takes_type(plan: &Plan, partner: &str, message: &str) -> bool {
    let of = |partners: &[String]| partners.iter().any(|known| known == partner);
    plan.accept.iter().any(|accept| accept.message == message && of(&accept.partners))
}

fn delivers_here<'a>(set: &'a PlanSet, partner: &str, binding: &'a str) -> Option<&'a dyn Objects> {
    let here = |plan: &Plan| plan.delivers() && admits(plan, partner);
    set.by_binding(binding).find_map(|(plan, _)| plan.objects.as_deref().filter(|_| here(plan)))
}

/// Whether a route takes anything of a partner.
fn admits(plan: &Plan, partner: &str) -> bool {
    plan.accept.iter().any(|accept| accept.partners.iter().any(|known| known == partner))
}

fn settling<'a>(
    ground: &'a Ground,
    partner: &'a str,
    identity: Option<&'a Identity>,
    outcome: &Outcome<'a>,
) -> Settling<'a> {
    let envelope = &ground.envelope;
    let content = match envelope.body.is_empty() {
        true => entry::octets_hash(envelope),
        false => entry::content_hash(envelope),
    };
    Settling {
        head: &envelope.head,
        body: &envelope.body,
        content,
        partner,
        identity,
        now: ground.now(),
        state: outcome.state,
        rejections: outcome.rejections,
    }
}
