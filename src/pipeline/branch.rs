//! The steps that the route language itself brings: the mark of a `choose`, `park`, and the timer of a `deadline`.
//! They know no standard and no transport.

use std::time::Duration;

use jiff::SignedDuration;

use crate::message::Message;
use crate::pipeline::step::{Bench, Flow, Step, Trouble};

/// Marks where branches are chosen; the engine evaluates their conditions.
pub struct Choose;

impl Step for Choose {
    fn name(&self) -> &'static str {
        "choose"
    }

    fn apply(&self, _: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        Ok(Flow::Next)
    }
}

/// Parks the message: it waits for a person with this cause and loses nothing.
pub struct Park(pub String);

impl Step for Park {
    fn name(&self) -> &'static str {
        "park"
    }

    fn apply(&self, _: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        Err(Trouble::Ours(self.0.clone()))
    }
}

/// Sets a timer that brings the original document to the timer binding `then` when it takes too long.
pub struct SetDeadline {
    /// After this time.
    pub after: Duration,
    /// `timer <name>`.
    pub binding: String,
}

impl Step for SetDeadline {
    fn name(&self) -> &'static str {
        "deadline"
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let wait = SignedDuration::try_from(self.after).unwrap_or(SignedDuration::MAX);
        let due = message
            .now()
            .checked_add(wait)
            .map_err(|_| Trouble::Ours("deadline lies beyond the calendar; shorten `after`".to_owned()))?;
        let timer = crate::effects::Timer {
            of: None,
            id: message.derived_id("deadline"),
            due,
            name: self.binding.clone(),
            body: message.envelope.body.clone(),
        };
        message.effects.timers.push(timer);
        Ok(Flow::Next)
    }
}
