//! Parts of messages, which lie sealed beside the rows that name them: written, read back and removed. Knows no message and no row.

use async_trait::async_trait;
use bytes::Bytes;

use crate::envelope::Claim;
use crate::store::error::StoreError;

/// Writes one part into a sealed claim.
#[async_trait]
pub trait SpoolWrite: Send {
    /// Seals and appends.
    async fn write(&mut self, octets: Bytes) -> Result<(), StoreError>;
    /// Makes it durable and names it by the HMAC of its content; returns the claim, size and SHA-256 in hex.
    async fn finish(self: Box<Self>) -> Result<(Claim, u64, String), StoreError>;
}

/// Reads one sealed claim back; every octet was authenticated before it is handed out.
#[async_trait]
pub trait SpoolRead: Send {
    /// The next octets, `None` at the end.
    async fn read(&mut self) -> Result<Option<Bytes>, StoreError>;
}

/// Keeps the parts.
#[async_trait]
pub trait Claims {
    /// Starts a sealed claim for a Mandant.
    async fn spool(&self, mandant: &str) -> Result<Box<dyn SpoolWrite>, StoreError>;
    /// Opens a sealed claim.
    async fn open_claim(&self, mandant: &str, claim: &Claim) -> Result<Box<dyn SpoolRead>, StoreError>;
    /// Removes claim files that no committed row names and that no run holds; returns how many.
    async fn collect_garbage(&self) -> Result<u64, StoreError>;
}
