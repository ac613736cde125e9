//! The parts of the embedded store, and what everything that is asked of it is done by: writing, sealing, keys. Answers no question of its own.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crate::envelope::Stage;
use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::lane::Take;
use crate::store::sealing::claim_file::Folder;
use crate::store::sealing::keys::MandantKey;
use crate::store::sealing::prepare::{self, Work};
use crate::store::sealing::values::Stored;
use crate::store::sqlite::claims::Pending;
use crate::store::sqlite::durable::Signs;
use crate::store::sqlite::duty::Roster;
use crate::store::sqlite::guards::Moment;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::lock::Lock;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::writer::Writer;

/// The embedded store.
pub struct SqliteStore {
    pub(super) folder: PathBuf,
    pub(super) stage: Stage,
    pub(super) keyring: Arc<Keyring>,
    pub(super) readers: Arc<Readers>,
    pub(super) moment: Arc<Moment>,
    pub(super) writer: Option<Writer>,
    pub(super) signs: Signs,
    pub(super) claims: Folder,
    pub(super) pending: Arc<Pending>,
    pub(super) duties: Arc<Roster>,
    pub(super) lock: Mutex<Option<Lock>>,
    /// Whether this is the running process.
    pub(super) runs: Arc<AtomicBool>,
}

impl SqliteStore {
    /// Does a piece of work in a transaction and returns when it is durable; refused where the store is open for reading only.
    pub(super) async fn write<T, F>(&self, act: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Scene<'_>) -> Stored<T> + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer.write(act).await,
            None => Err(StoreError::Refused("the store is open for reading only".into())),
        }
    }

    /// Seals entries off the runtime's threads.
    pub(super) async fn prepared(
        &self,
        entries: Vec<Arc<Entry>>,
        take: Option<Take>,
    ) -> Stored<(Vec<Work>, Option<Take>)> {
        let mut keys = Vec::with_capacity(entries.len());
        for entry in &entries {
            keys.push(self.mandant(&entry.stamp.mandant).await?);
        }
        let keyring = self.keyring.clone();
        let work = tokio::task::spawn_blocking(move || {
            let prepared = entries.into_iter().zip(keys);
            let prepare =
                |(entry, key): (Arc<Entry>, _)| prepare::prepare(&keyring, key, &entry, take.as_ref());
            prepared.map(prepare).collect::<Stored<Vec<_>>>().map(|work| (work, take))
        });
        work.await.map_err(|_| StoreError::Later("sealing was broken off".into()))?
    }

    /// What came back with a row, ready to be laid down.
    pub(super) async fn laid(&self, answers: Vec<Entry>) -> Stored<Vec<Work>> {
        match answers.is_empty() {
            true => Ok(Vec::new()),
            false => {
                self.prepared(answers.into_iter().map(Arc::new).collect(), None).await.map(|(works, _)| works)
            }
        }
    }

    /// The Mandant's key, made where it is missing and durable before it is used.
    pub(super) async fn mandant(&self, mandant: &str) -> Stored<Arc<MandantKey>> {
        if let Some(key) = self.keyring.known(mandant) {
            return Ok(key);
        }
        let name = mandant.to_owned();
        let find = move |db: &rusqlite::Connection, keyring: &Keyring| keyring.find(db, &name);
        if let Some(key) = self.readers.read(find.clone()).await? {
            return Ok(key);
        }
        let name = mandant.to_owned();
        self.write(move |scene| scene.keyring.make(scene.connection, &name)).await?;
        self.readers
            .read(find)
            .await?
            .ok_or_else(|| StoreError::Later("a Mandant's key could not be made".into()))
    }
}
