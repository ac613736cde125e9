//! The parts of the store on PostgreSQL, and what everything that is asked of it is done by: sealing, a thread that waits. Answers no
//! question of its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::lane::Take;
use crate::store::postgres::base::Base;
use crate::store::postgres::claims::Begun;
use crate::store::postgres::listen::Watch;
use crate::store::postgres::outbox::Laid;
use crate::store::postgres::outside::Outside;
use crate::store::sealing::prepare::{self, Work};
use crate::store::sealing::values::Stored;

/// The store on PostgreSQL.
pub struct PostgresStore {
    pub(super) base: Arc<Base>,
    pub(super) outside: Outside,
    pub(super) watch: Option<Watch>,
    pub(super) begun: Begun,
    /// Processes that looked dead when they were looked at last.
    pub(super) dead: Mutex<HashSet<i64>>,
}

/// Does it on a thread of its own that the caller waits for.
pub(super) fn apart<T: Send + 'static>(work: impl Future<Output = Stored<T>> + Send + 'static) -> Stored<T> {
    let no_runtime = || StoreError::Refused("PostgreSQL needs a runtime of several threads".into());
    let handle = Handle::try_current().map_err(|_| no_runtime())?;
    if handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Err(no_runtime());
    }
    let opened = std::thread::spawn(move || handle.block_on(work));
    opened.join().map_err(|_| StoreError::Later("opening the store was broken off".into()))?
}

impl PostgresStore {
    pub(super) fn watch(&self) -> Stored<&Watch> {
        self.watch.as_ref().ok_or_else(|| StoreError::Refused("the store is open for reading only".into()))
    }

    /// Seals entries off the runtime's threads and finds the numbers of their stamps.
    pub(super) async fn prepared(
        &self,
        entries: Vec<Arc<Entry>>,
        take: Option<Arc<Take>>,
    ) -> Stored<(Vec<Work>, Vec<i64>)> {
        let base = &self.base;
        let mut keys = Vec::with_capacity(entries.len());
        for entry in &entries {
            keys.push(base.keyring.mandant(&base.db, &entry.stamp.mandant).await?);
        }
        let shared = base.clone();
        let works = tokio::task::spawn_blocking(move || {
            let prepared = entries.into_iter().zip(keys);
            prepared
                .map(|(entry, key)| prepare::prepare(&shared.keyring, key, &entry, take.as_deref()))
                .collect::<Stored<Vec<_>>>()
        });
        let works = works.await.map_err(|_| StoreError::Later("sealing was broken off".into()))??;
        let mut stamps = Vec::with_capacity(works.len());
        for work in &works {
            stamps.push(base.stamp(&work.stamp).await?);
        }
        Ok((works, stamps))
    }

    /// What came back with the row at this place, ready to be laid down.
    pub(super) async fn laid(&self, place: usize, answers: Vec<Entry>) -> Stored<Laid> {
        if answers.is_empty() {
            return Ok(Laid::new());
        }
        let (works, stamps) = self.prepared(answers.into_iter().map(Arc::new).collect(), None).await?;
        Ok(works.into_iter().zip(stamps).map(|(work, stamp)| (place, work, stamp)).collect())
    }
}
