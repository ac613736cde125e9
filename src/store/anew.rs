//! Answers that lay here before they leave, and are decided anew: what is asked of a store about them. Never a row of which anything may have
//! left.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::lane::{Anew, Lies, NotDue, Place, Unsent};
use crate::store::mailbox::Reader;

/// Takes answers back that lay here.
#[async_trait]
pub trait Anews {
    /// How it lies here, for who holds this lane; changes nothing.
    async fn lies(&self, unsent: Unsent, held: Option<i64>) -> Result<Lies, StoreError>;

    /// Takes it back where nothing of it has left and its request is kept: its rows go, and the request runs again at once. `by`: what it is audited
    /// with.
    async fn run_anew(&self, unsent: Unsent, by: Uuid, now: Timestamp) -> Result<Anew, StoreError>;

    /// Negativauskünfte that may not leave before a later moment than now and that nobody has in hand, in the order in which they may, from a place on; of at
    /// most so many rows, and of none of the types that say nothing of an answer. Changes nothing. What stands in a lane with others is none of them.
    async fn not_due(
        &self,
        (from, now): (Option<Place>, Timestamp),
        beside: Arc<[String]>,
        most: usize,
    ) -> Result<NotDue, StoreError>;

    /// The request whose answer an open row in a mailbox of this reader carries, and its Vorgang; `None` of what is no such row.
    async fn answer_of(&self, reader: &Reader, row: Uuid) -> Result<Option<(Uuid, Tag)>, StoreError>;
}
