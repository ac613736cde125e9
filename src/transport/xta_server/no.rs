//! Why a request is answered with a fault, and when it makes sense to come again. Every text is ours; never says what is another's.

use std::time::Duration;

use crate::transport::http::problem::Problem as Trouble;
use crate::transport::port::Busy;
use crate::transport::xta::fault::{Fault, Problem};
use crate::transport::xta::names::{Module, Operation};
use crate::transport::xta::out::Unwritable;

/// What a client is told to wait where nothing says how long.
const AGAIN: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
pub struct No {
    /// What answers the request.
    pub fault: Fault,
    /// When it makes sense to come again.
    pub after: Option<Duration>,
}

impl No {
    /// One of the codes of the standard, in its own words.
    pub fn code(code: u16) -> No {
        let fault = Problem::of(code).map_or_else(|| Fault::sender("refused"), Fault::of);
        No { fault, after: None }
    }

    /// One of the codes of the standard, with what a person does about it.
    pub fn because(code: u16, reason: &str) -> No {
        let No { fault, after } = No::code(code);
        No { fault: Fault { reason: reason.to_owned(), ..fault }, after }
    }

    /// What the protocol refuses.
    pub fn sender(reason: &str) -> No {
        No { fault: Fault::sender(reason), after: None }
    }

    /// Our trouble: nothing was taken.
    pub fn later(after: Duration) -> No {
        No { after: Some(after), ..No::because(9030, "not possible now, nothing was taken; come again") }
    }

    /// As an operation may answer: with an exception that it declares.
    pub fn of_operation(mut self, operation: Option<(Module, Operation)>) -> Fault {
        if let (Some(problem), Some((module, operation))) = (self.fault.problem.take(), operation) {
            self.fault.problem = Some(Box::new(problem.for_operation(module, operation)));
        }
        self.fault
    }
}

impl From<Fault> for No {
    fn from(fault: Fault) -> No {
        No { fault, after: None }
    }
}

impl From<Busy> for No {
    fn from(busy: Busy) -> No {
        No::later(busy.retry_after)
    }
}

impl From<Unwritable> for No {
    // What cannot be written as the standard has it is ours to put right.
    fn from(cause: Unwritable) -> No {
        tracing::warn!(%cause, "an answer cannot be written");
        No::code(9030)
    }
}

impl From<Trouble> for No {
    fn from(trouble: Trouble) -> No {
        match trouble {
            Trouble::Busy(after)
            | Trouble::Closed(after)
            | Trouble::TooMany(after)
            | Trouble::Held(after) => No::later(after),
            Trouble::TooLarge => No::code(9023),
            Trouble::Slow => {
                No { after: Some(AGAIN), ..No::sender("the request came too slowly; send it again") }
            }
            Trouble::MediaType => Fault::media_type("content encodings are not taken").into(),
            _ => No::sender("the body broke off or is not readable"),
        }
    }
}
