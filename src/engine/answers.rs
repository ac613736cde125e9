//! What a far end gave back with what it took: laid down in the transaction that settles the row, to run at once like a message that
//! waited. So nothing of it depends on room for a delivery at that moment, and no row is sent again because its answer met none.
//! Never opens a document.

use std::sync::Arc;

use crate::envelope::{Envelope, Inbound};
use crate::plan::PlanSet;
use crate::store::entry::{Entry, Keep};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::telemetry::trace::Traceparent;

use super::commit::TO_MAINTAINERS;
use super::core::Core;
use super::entry::{self, Settled};
use super::run::Ground;

/// The entries of answers as they are laid down. Of what nobody vouches for only hash and size are kept, as at the door.
pub fn laid(core: &Core, answers: Vec<Envelope>) -> Vec<Entry> {
    let set = core.set.load_full();
    answers.into_iter().map(|answer| lay(core, &set, answer)).collect()
}

fn lay(core: &Core, set: &Arc<PlanSet>, mut envelope: Envelope) -> Entry {
    metric::received(&envelope.head.connection);
    envelope.head.traceparent.get_or_insert_with(|| Traceparent::begin().to_string());
    let known = envelope.head.partner.as_ref().and_then(|partner| set.partners.get(&partner.id));
    let sender = known.map(|partner| partner.sender.clone()).unwrap_or_default();
    let settled = match known {
        Some(_) => Settled::new(Inbound::Waiting),
        None => Settled {
            cause: Some("antwort von niemandem, der bekannt ist".to_owned()),
            next_step: Some("partner der verbindung in partners.yaml pruefen".to_owned()),
            keep: Keep::HashOnly,
            ..Settled::new(Inbound::Denied)
        },
    };
    let ground = Ground::new(envelope, set.clone(), None);
    let mut entry = entry::build(&ground, &sender, None, None, settled);
    entry.now = core.clock.now();
    match entry.state {
        Inbound::Waiting => entry,
        _ => {
            raise(Alarm::SenderNotAdmitted, &entry.envelope.head.binding, &[]);
            Entry { keys: Vec::new(), content: entry::octets_hash(&entry.envelope), ..entry }
        }
    }
}

/// Answers that cannot be stored as they came: what is known of them is kept, because what they came with is settled all the same.
pub fn all_apart(answers: Vec<Entry>, cause: &str) -> Vec<Entry> {
    answers.into_iter().map(|answer| set_apart(answer, cause)).collect()
}

fn set_apart(answer: Entry, cause: &str) -> Entry {
    raise(Alarm::MessageParked, "answer", &[("id", &answer.envelope.head.id.to_string())]);
    Entry {
        state: Inbound::Parked,
        cause: Some(format!("cannot be stored with the row that it answers: {cause}")),
        next_step: Some(TO_MAINTAINERS.to_owned()),
        keep: Keep::HashOnly,
        content: entry::octets_hash(&answer.envelope),
        ..answer
    }
}
