//! Small durable notes of transports and of the house, sealed like everything: cursors, tokens, what runs. What several processes exchange with a far
//! end, such as a token that is used up by its use, is compared and swapped, so that the one that comes late does not take it from the others.

use async_trait::async_trait;

use crate::store::error::StoreError;

/// The notes of a store.
#[async_trait]
pub trait Notes: Send + Sync {
    /// A note.
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes (`Some`) or removes (`None`) a note, whatever it was.
    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError>;
    /// Writes a note where it is still as it was read (`None`: there was none). `false`, and nothing written, where it is another one by now.
    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, StoreError>;
}
