//! Answers that lie in a store in trouble: handed on as they are, counted, and hidden from whoever looks where a test says so.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use drehscheibe::effects::{Vorgang, VorgangState};
use drehscheibe::seal::index::Tag;
use drehscheibe::store::anew::Anews;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lane::{Anew, Lies, NotDue, Place, Unsent};
use drehscheibe::store::mailbox::Reader;
use jiff::Timestamp;
use uuid::Uuid;

use super::troubled::Troubled;

#[async_trait]
impl Anews for Troubled {
    async fn lies(&self, unsent: Unsent, held: Option<i64>) -> Result<Lies, StoreError> {
        let lies = self.inner.lies(unsent, held).await?;
        if !self.blind.load(Ordering::SeqCst) {
            return Ok(lies);
        }
        let delivered = |vorgang| Vorgang { state: VorgangState::Zugestellt, ..vorgang };
        Ok(Lies::other(lies.vorgang.map(delivered)))
    }

    async fn run_anew(&self, unsent: Unsent, by: Uuid, now: Timestamp) -> Result<Anew, StoreError> {
        self.anews.fetch_add(1, Ordering::SeqCst);
        self.inner.run_anew(unsent, by, now).await
    }

    async fn not_due(
        &self,
        at: (Option<Place>, Timestamp),
        beside: Arc<[String]>,
        most: usize,
    ) -> Result<NotDue, StoreError> {
        self.inner.not_due(at, beside, most).await
    }

    async fn answer_of(&self, reader: &Reader, row: Uuid) -> Result<Option<(Uuid, Tag)>, StoreError> {
        self.inner.answer_of(reader, row).await
    }
}
