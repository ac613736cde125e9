//! Search keys of a new version for records that were stored before: made in slices while the house runs, each slice in one
//! transaction. What was not reached yet stands under its keys of the version before, and its office is told apart by
//! [`crate::register::bestand::Bestand::alte_schluessel`]. Knows no schedule.

use async_trait::async_trait;

use crate::store::error::StoreError;

/// Re-keying of a store.
#[async_trait]
pub trait Rekey: Send + Sync {
    /// Gives the next records at most so many their keys of this version, besides those they have, and says how many; 0 when none is
    /// left or another process does it right now. Done again after a crash it goes on where the last whole slice ended.
    async fn rekey(&self, limit: usize) -> Result<u64, StoreError>;
}
