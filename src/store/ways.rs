//! Which destinations are ahead of rows of the outbox, as ways that may be taken later: whoever removes one asks first. Says nothing of what
//! waits at a destination now, and opens no document.

use async_trait::async_trait;

use crate::store::contract::StoreError;

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
}
