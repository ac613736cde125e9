//! What plays of the tests and the fault laboratory ask of a store: a dump that two runs are compared by. Nobody who serves a partner
//! or a person asks for it.

use async_trait::async_trait;

use crate::store::error::StoreError;

/// Tells what it holds, in a form that two stores can be compared by.
#[async_trait]
pub trait Plays {
    /// Everything that must be equal after any crash: decrypted contents, states and counts, without generated ids, times and nonces;
    /// sorted lines. Only stages test and demo answer it.
    async fn essence(&self) -> Result<Vec<String>, StoreError>;
}
