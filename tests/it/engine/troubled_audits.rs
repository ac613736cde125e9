//! What an auditor asks of a store in trouble: handed on as it is.

use async_trait::async_trait;
use drehscheibe::store::audit::{
    Audits, Link, Lost, Recorded, Retrieved, Strand, Told, Turn, Viewing, Window,
};
use drehscheibe::store::contract::StoreError;
use jiff::Timestamp;

use super::troubled::Troubled;

#[async_trait]
impl Audits for Troubled {
    async fn strands(&self) -> Result<Vec<Strand>, StoreError> {
        self.inner.strands().await
    }

    async fn links(&self, strand: i64, after: i64, limit: usize) -> Result<Vec<Link>, StoreError> {
        self.inner.links(strand, after, limit).await
    }

    async fn lost(&self) -> Result<Option<Lost>, StoreError> {
        self.inner.lost().await
    }

    async fn record(
        &self,
        viewing: Viewing,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        self.inner.record(viewing, person, reason, now).await
    }

    async fn changes(
        &self,
        recorded: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Told>, StoreError> {
        self.inner.changes(recorded, window, turn).await
    }

    async fn retrievals(
        &self,
        recorded: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Retrieved>, StoreError> {
        self.inner.retrievals(recorded, window, turn).await
    }

    async fn reasons(&self, recorded: &Recorded, links: &[Link]) -> Result<Vec<Option<String>>, StoreError> {
        self.inner.reasons(recorded, links).await
    }
}
