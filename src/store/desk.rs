//! What a person asks of the desk: which messages, whose rows, and why. Reads nothing itself.

use jiff::Timestamp;
use uuid::Uuid;

use crate::envelope::Inbound;
use crate::store::listed::Listed;
use crate::store::seek::Seek;
use crate::store::stamp::Scope;

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these states.
    pub states: Vec<Inbound>,
    /// At most so many, newest first; 0 means 100.
    pub limit: usize,
    /// Only older than this id.
    pub before: Option<Uuid>,
    /// Only this id.
    pub id: Option<Uuid>,
    /// Only this transport id (for repeats by key).
    pub transport_id: Option<String>,
    /// Only what is looked for.
    pub seek: Seek,
}

impl Filter {
    /// The same for one message of which the id is known.
    pub fn of(&self, id: Uuid) -> Filter {
        Filter { id: Some(id), seek: Seek::default(), ..self.clone() }
    }

    /// Of messages that were found one by one those that are looked for, newest first, at most so many.
    pub fn newest(&self, mut found: Vec<Listed>) -> Vec<Listed> {
        found.retain(|listed| self.seek.fits(listed));
        found.sort_unstable_by_key(|listed| std::cmp::Reverse(listed.id));
        found.truncate(self.most());
        found
    }

    /// At most so many.
    pub fn most(&self) -> usize {
        if self.limit == 0 { 100 } else { self.limit }
    }
}

/// Who reads what is not for everybody, and why: written to the Abrufprotokoll with what was read (rules.md 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose rows.
    pub scope: Scope,
    /// At most so many.
    pub limit: usize,
    /// Who.
    pub person: String,
    /// Why.
    pub reason: String,
    /// Now.
    pub now: Timestamp,
}
