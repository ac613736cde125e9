//! What the store that makes trouble only passes on: the desk of persons, and what sources found. Makes no trouble itself.

use async_trait::async_trait;
use drehscheibe::effects::{Stored, Vorgang};
use drehscheibe::envelope::{Envelope, Lying};
use drehscheibe::store::desk::{Desk, Filter, View};
use drehscheibe::store::error::StoreError;
use drehscheibe::store::figures::{Figures, UnderWay};
use drehscheibe::store::lane::Undelivered;
use drehscheibe::store::listed::{Listed, ListedSend};
use drehscheibe::store::looks::{Look, Looks};
use drehscheibe::store::stamp::Scope;
use jiff::Timestamp;
use uuid::Uuid;

use super::troubled::Troubled;

#[async_trait]
impl Desk for Troubled {
    async fn replay(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.replay(id, person, reason, now).await
    }

    async fn reject(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.reject(id, person, reason, now).await
    }

    async fn arrived(
        &self,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.inner.arrived(id, person, reason, now).await
    }

    async fn not_arrived(
        &self,
        row: (Uuid, &str),
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Undelivered>, StoreError> {
        self.inner.not_arrived(row, person, reason, now).await
    }

    async fn list(&self, scope: &Scope, filter: Filter) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(scope, filter).await
    }

    async fn list_parked_sends(&self, scope: &Scope, limit: usize) -> Result<Vec<ListedSend>, StoreError> {
        self.inner.list_parked_sends(scope, limit).await
    }

    async fn original(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Envelope>, StoreError> {
        self.inner.original(scope, id, person, reason, now).await
    }

    async fn vorgaenge(&self, view: View, without: Option<&'static str>) -> Result<Vec<Vorgang>, StoreError> {
        self.inner.vorgaenge(view, without).await
    }

    async fn registersaetze(&self, view: View, after: Option<Uuid>) -> Result<Vec<Stored>, StoreError> {
        self.inner.registersaetze(view, after).await
    }

    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError> {
        self.sound("under_way");
        self.inner.under_way().await
    }

    async fn figures(&self, scope: &Scope) -> Result<Figures, StoreError> {
        self.inner.figures(scope).await
    }
}

#[async_trait]
impl Looks for Troubled {
    async fn begin_looks(
        &self,
        connection: &str,
        places: &[(String, Vec<String>)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.begin_looks(connection, places, now).await
    }

    async fn looked(
        &self,
        place: &str,
        partners: &[String],
        lying: Lying,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.looked(place, partners, lying, now).await
    }

    async fn keep_looks(&self, connections: &[String]) -> Result<(), StoreError> {
        self.inner.keep_looks(connections).await
    }

    async fn looks(&self) -> Result<Vec<Look>, StoreError> {
        self.inner.looks().await
    }
}
