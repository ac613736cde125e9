//! What is asked about ways before somebody decides: which destinations are ahead of rows of the outbox, by whoever removes one, and what a
//! far end is asked by before a person's word counts; and that what waits for a destination is tried at once. Never changes the way of a row.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::lane::Due;

/// A destination that rows may go to by a later way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// `connection:partner`.
    pub destination: String,
    /// How many rows.
    pub rows: u64,
}

/// Knows what is ahead of rows.
#[async_trait]
pub trait Ways {
    /// By destination, how many rows that have not arrived for certain (under way, held by a person, still to be confirmed or not confirmed)
    /// have it among the ways after the one that they are on. Each such row is opened: for persons, and for whoever asks rarely.
    async fn ahead(&self) -> Result<Vec<Ahead>, StoreError>;

    /// What waits for a destination between two attempts is due now; what must not leave before its time, is held or is under way stays as it is.
    async fn hasten(&self, destination: &str, now: Timestamp) -> Result<(), StoreError>;

    /// A row that waits for a person (parked, unclear, failed, not taken back), as its destination gets it; `None` where it waits for none or
    /// has lost its content.
    async fn waiting_for_person(&self, id: Uuid) -> Result<Option<Due>, StoreError>;
}
