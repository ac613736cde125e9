//! The step that gives a message the key under which order is kept; stands before all others.
//! Asks nothing and changes nothing else.

use crate::message::Message;
use crate::pipeline::step::{Bench, Flow, Step, Trouble};
use crate::register::keys::{self, SearchKey};

/// What order is kept under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The child and its mother; messages that speak of no child have no order.
    Child,
    /// The Vorgang of the author (transaktionsid).
    Vorgang,
    /// The sending partner.
    Partner,
}

impl Step for Order {
    fn name(&self) -> &'static str {
        "order-by"
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let record = &message.record;
        message.order = match self {
            Order::Child => match (&record.kind, &record.mutter) {
                (Some(kind), Some(mutter)) => Some(keys::child(kind, mutter)),
                _ => None,
            },
            Order::Vorgang => {
                record.kopf.transaktionsid.as_deref().map(|id| keys::vorgang(&message.sender.id, id))
            }
            Order::Partner => Some(SearchKey::new("partner", [message.sender.id.as_str()])),
        };
        Ok(Flow::Next)
    }
}
