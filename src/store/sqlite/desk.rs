//! The desk of persons in the embedded store behind the contract: hands each call to the writing thread or to a reader. Never decides anything itself.

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
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::{list, register, waiting};
use crate::store::stamp::Scope;

#[async_trait]
impl Desk for SqliteStore {
    async fn replay(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (person, reason) = (person.to_owned(), reason.to_owned());
        self.write(move |scene| waiting::replay(scene, id, &person, &reason, now)).await
    }

    async fn reject(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (person, reason) = (person.to_owned(), reason.to_owned());
        self.write(move |scene| waiting::reject(scene, id, &person, &reason, now)).await
    }

    async fn arrived(
        &self,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (person, reason) = (person.to_owned(), reason.to_owned());
        self.write(move |scene| waiting::arrived(scene, id, &person, &reason, now)).await
    }

    async fn not_arrived(
        &self,
        (id, way): (Uuid, &str),
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Undelivered>, StoreError> {
        let (way, person, reason) = (way.to_owned(), person.to_owned(), reason.to_owned());
        self.write(move |scene| waiting::not_arrived(scene, (id, &way), &person, &reason, now)).await
    }

    async fn list(&self, scope: &Scope, filter: Filter) -> Result<Vec<Listed>, StoreError> {
        let scope = scope.clone();
        self.readers.ask(move |db, keyring| list::list(db, keyring, &scope, &filter)).await
    }

    async fn list_parked_sends(&self, scope: &Scope, limit: usize) -> Result<Vec<ListedSend>, StoreError> {
        let scope = scope.clone();
        self.readers.ask(move |db, keyring| list::parked_sends(db, keyring, &scope, limit)).await
    }

    async fn original(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Envelope>, StoreError> {
        let (scope, person, reason) = (scope.clone(), person.to_owned(), reason.to_owned());
        self.write(move |scene| list::original(scene, &scope, id, &person, &reason, now)).await
    }

    async fn vorgaenge(&self, view: View, without: Option<&'static str>) -> Result<Vec<Vorgang>, StoreError> {
        let stage = self.stage;
        self.write(move |scene| register::vorgaenge(scene, stage, &view, without)).await
    }

    async fn registersaetze(&self, view: View, after: Option<Uuid>) -> Result<Vec<StoredRecord>, StoreError> {
        let stage = self.stage;
        self.write(move |scene| register::registersaetze(scene, stage, &view, after)).await
    }

    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError> {
        self.readers.ask(|db, _| list::under_way(db)).await
    }

    async fn figures(&self, scope: &Scope) -> Result<Figures, StoreError> {
        let scope = scope.clone();
        self.readers.ask(move |db, keyring| list::figures(db, keyring, &scope)).await
    }
}
