//! What is followed after it was sent: rows whose far end confirms later, when each is looked at, and how it ends. Laid down with the
//! settling that says *sent*, never later; looked at by one process alone, under a duty and its fence, like everything that one does
//! alone. Times are the caller's. Never sends anything and never holds a lane: a row that is followed has left it.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::duty::Duty;
use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::lane::{Next, Onward};
use crate::store::stamp::Scope;

/// The safe next step where a far end has told nothing of what was sent.
pub const ASK_RECEIVER: &str =
    "ask the receiver: where it arrived `parked arrived`, else `parked not-arrived`";

/// The safe next step where something may still lie where it was laid.
pub const TAKE_AWAY: &str = "find out whether the receiver has it: where it arrived `parked arrived`, else take it away from where it lies, then `parked not-arrived`";

/// A row that is due to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The row's id, as the receiver saw it.
    pub id: Uuid,
    /// `connection:partner`.
    pub destination: String,
    /// What the far end calls it.
    pub reference: String,
    /// [`Follow::keep`].
    pub keep: Bytes,
    /// When it was sent.
    pub since: Timestamp,
    /// The last look.
    pub until: Timestamp,
    /// Looks that were settled before.
    pub looks: u32,
    /// Why the look before found nothing out, or could not take it back.
    pub trouble: Option<String>,
    /// Whether it could not be taken back then ([`Found::Held`]).
    pub held: bool,
    /// What comes after the way by which it was sent.
    pub next: Option<Next>,
    /// The Vorgang whose answer it is: handed back with the settling.
    pub delivers: Option<Tag>,
}

/// What to look at.
#[derive(Clone, Debug)]
pub struct Which {
    /// Now.
    pub now: Timestamp,
    /// At most so many, those that are due longest first.
    pub limit: usize,
    /// Destinations that must not be asked now.
    pub except: Vec<String>,
}

/// What a look has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet: looked at again then.
    Open {
        /// When.
        at: Timestamp,
        /// Where nothing could be found out: plain cause without values, shown with the row until a look finds something.
        trouble: Option<String>,
    },
    /// Its receiver's time is over, and it cannot be taken back now: tried again then. It waits for a person as well, whose word counts at
    /// once.
    Held {
        /// When.
        at: Timestamp,
        /// Plain cause without values.
        cause: String,
    },
    /// A step of taking it back is done: looked at again then, with this instead of what was kept.
    Step {
        /// When.
        at: Timestamp,
        /// What the next look needs.
        keep: Bytes,
    },
    /// It was taken back: it is to be sent again, by its next way, and its Vorgang is delivered no more.
    TakenBack(Onward),
    /// It is where it belongs.
    Confirmed {
        /// What says so, without personal data.
        evidence: String,
        /// The octets that prove it, such as a signed report; empty where there are none.
        proof: Bytes,
    },
    /// It is not, and a person has to know.
    Failed {
        /// Plain cause without values.
        cause: String,
        /// One safe next step.
        next_step: String,
        /// The octets that prove it; empty where there are none.
        proof: Bytes,
    },
}

/// The settling of one look.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The row.
    pub row: Uuid,
    /// [`Followed::since`]: a row that was sent again meanwhile is another one to look at.
    pub since: Timestamp,
    /// [`Followed::looks`]: each look settles once.
    pub looks: u32,
    /// [`Followed::delivers`].
    pub delivers: Option<Tag>,
    /// What it found.
    pub found: Found,
    /// What came back with it: stored in the same transaction, to run at once.
    pub answers: Vec<Entry>,
    /// Now.
    pub now: Timestamp,
}

/// Rows that are followed.
#[async_trait]
pub trait Follows: Send + Sync {
    /// The rows that are due; `None` when the fence is stale. What lost its content with its child or Vorgang is not followed any
    /// more, and what does not open has failed: both are settled by this call and not returned.
    async fn due_looks(&self, duty: &Duty, which: &Which) -> Result<Option<Vec<Followed>>, StoreError>;

    /// The earliest time at which a look is due, if any is.
    async fn next_look(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Settles a look; `false`, and nothing written, when the fence is stale or the row is not to be settled by this look.
    async fn settle_look(&self, duty: &Duty, looked: Looked) -> Result<bool, StoreError>;

    /// The octets that proved how a row of a scope ended; the view is written to the Abrufprotokoll with person and reason. `None`
    /// where there are none.
    async fn proof(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError>;
}
