//! The desk of persons in PostgreSQL behind the contract: hands each call on, and tells the other replicas where it has brought work. Never decides
//! anything itself.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Stored as StoredRecord, Vorgang};
use crate::envelope::Envelope;
use crate::store::desk::{Desk, Filter, View};
use crate::store::error::StoreError;
use crate::store::figures::{Figures, UnderWay};
use crate::store::lane::Undelivered;
use crate::store::listed::{Listed, ListedSend};
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::{list, register, waiting};
use crate::store::stamp::Scope;

#[async_trait]
impl Desk for PostgresStore {
    async fn replay(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let watch = self.watch()?;
        let done = waiting::replay(&self.base, id, person, reason, now).await?;
        watch.tell();
        Ok(done)
    }

    async fn reject(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.watch()?;
        waiting::reject(&self.base, id, person, reason, now).await
    }

    async fn arrived(
        &self,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let watch = self.watch()?;
        let done = waiting::arrived(&self.base, id, person, reason, now).await?;
        watch.tell();
        Ok(done)
    }

    async fn not_arrived(
        &self,
        row: (Uuid, &str),
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Undelivered>, StoreError> {
        let watch = self.watch()?;
        let leads = waiting::not_arrived(&self.base, row, person, reason, now).await?;
        watch.tell();
        Ok(leads)
    }

    async fn list(&self, scope: &Scope, filter: Filter) -> Result<Vec<Listed>, StoreError> {
        list::list(&self.base, scope, &filter).await
    }

    async fn list_parked_sends(&self, scope: &Scope, limit: usize) -> Result<Vec<ListedSend>, StoreError> {
        list::parked_sends(&self.base, scope, limit).await
    }

    async fn original(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Envelope>, StoreError> {
        self.watch()?;
        list::original(&self.base, scope, id, (person, reason), now).await
    }

    async fn vorgaenge(&self, view: View, without: Option<&'static str>) -> Result<Vec<Vorgang>, StoreError> {
        self.watch()?;
        register::vorgaenge(&self.base, &view, without).await
    }

    async fn registersaetze(&self, view: View, after: Option<Uuid>) -> Result<Vec<StoredRecord>, StoreError> {
        self.watch()?;
        register::registersaetze(&self.base, &view, after).await
    }

    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError> {
        list::under_way(&self.base).await
    }

    async fn figures(&self, scope: &Scope) -> Result<Figures, StoreError> {
        list::figures(&self.base, scope).await
    }
}
