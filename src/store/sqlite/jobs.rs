//! What the embedded store does for the house's own jobs: duties of replicas, the daily run that removes what is over, keys made anew.
//! Never decides when one runs.

use std::sync::PoisonError;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::envelope::Envelope;
use crate::store::contract::Store;
use crate::store::duty::{Ask, Duties, Duty, Holding, Taken};
use crate::store::error::StoreError;
use crate::store::rekey::Rekey;
use crate::store::retention::{Faellig, Retention, Scheibe, Stichtag};
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::{house, lock, rekey, retention};

#[async_trait]
impl Duties for SqliteStore {
    fn sign(&self) -> Option<Vec<u8>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.sign()
    }

    async fn signs(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        match self.sign() {
            // A look at its own lock would end in itself.
            Some(own) => Ok(vec![own]),
            None => Ok(lock::sign(&self.folder).into_iter().collect()),
        }
    }

    async fn take_duty(&self, ask: &Ask) -> Result<Taken, StoreError> {
        match self.writer {
            Some(_) => Ok(self.duties.take(ask)),
            None => Err(StoreError::Refused("the store is open for reading only".into())),
        }
    }

    async fn give_back(&self, duty: &Duty) -> Result<bool, StoreError> {
        Ok(self.duties.give_back(duty))
    }

    async fn duties(&self) -> Result<Vec<Holding>, StoreError> {
        Ok(self.duties.list())
    }

    async fn due_timers_under(
        &self,
        duty: &Duty,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<Envelope>>, StoreError> {
        let due = self.due_timers(now, limit).await?;
        // Looked at afterwards: whoever took the duty meanwhile hands them out now.
        Ok(self.duties.holds(duty).then_some(due))
    }

    async fn set_note_under(
        &self,
        duty: &Duty,
        connection: &str,
        key: &str,
        value: Option<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        let (connection, key) = (connection.to_owned(), key.to_owned());
        let (duties, duty) = (self.duties.clone(), duty.clone());
        self.write(move |scene| {
            let holds = duties.holds(&duty);
            if holds {
                house::set_note(scene, &connection, &key, value.as_deref())?;
            }
            Ok(holds)
        })
        .await
    }

    async fn clear_up(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[async_trait]
impl Retention for SqliteStore {
    async fn retention_plan(&self, stichtag: &Stichtag) -> Result<Vec<Faellig>, StoreError> {
        let stichtag = stichtag.clone();
        self.readers.read(move |db, keyring| retention::plan(db, keyring, &stichtag)).await
    }

    async fn retain(&self, stichtag: &Stichtag, limit: usize) -> Result<Option<Scheibe>, StoreError> {
        let (stage, stichtag) = (self.stage, stichtag.clone());
        self.write(move |scene| retention::retain(scene, stage, &stichtag, limit)).await
    }
}

#[async_trait]
impl Rekey for SqliteStore {
    async fn rekey(&self, limit: usize) -> Result<u64, StoreError> {
        self.write(move |scene| rekey::slice(scene, limit)).await
    }
}
