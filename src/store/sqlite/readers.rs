//! The pool of reading connections: so many reads at once, each in a snapshot on a thread that may block. Never writes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::store::error::StoreError;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::open;
use crate::store::sqlite::values::trouble;
use crate::store::trouble::Trouble;

/// Reading connections kept open between reads.
const KEPT: usize = 4;
/// So many reads of the house are under way at once. Each has a connection and a thread; who waits for its turn has neither.
const HOUSE: usize = 8;
/// The same for those who only ask: health, a partner for its message, lists for persons. No delivery waits behind them.
const ASKING: usize = 2;
/// How long a read waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections for reading; each read runs on a thread that may block.
pub struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    closed: AtomicBool,
    keyring: Arc<Keyring>,
    house: Arc<Semaphore>,
    asking: Arc<Semaphore>,
}

impl Readers {
    /// Readers of a database file.
    pub fn new(file: PathBuf, keyring: Arc<Keyring>) -> Readers {
        let [house, asking] = [HOUSE, ASKING].map(|places| Arc::new(Semaphore::new(places)));
        Readers { file, idle: Mutex::default(), closed: AtomicBool::default(), keyring, house, asking }
    }

    /// Closes the connections that nobody uses; none is kept open from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Runs a read in one snapshot that sees all that was committed before the call.
    pub async fn read<T, F>(self: &Arc<Self>, act: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Keyring) -> Stored<T> + Send + 'static,
    {
        self.in_turn(&self.house, act).await
    }

    /// As [`Readers::read`], for somebody whom no delivery may wait for.
    pub async fn ask<T, F>(self: &Arc<Self>, act: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Keyring) -> Stored<T> + Send + 'static,
    {
        self.in_turn(&self.asking, act).await
    }

    async fn in_turn<T, F>(self: &Arc<Self>, places: &Arc<Semaphore>, act: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Keyring) -> Stored<T> + Send + 'static,
    {
        let place = match places.clone().try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) => {
                let turn = tokio::time::timeout(PATIENCE, places.clone().acquire_owned()).await;
                turn.ok().and_then(Result::ok)
            }
        };
        let place = place.ok_or_else(|| StoreError::Later(Trouble::ReadersBusy.into()))?;
        let readers = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Whoever asked may be gone: the place is free when the connection is.
            let _place = place;
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open::connect(&readers.file, true)?,
            };
            let snapshot = connection.transaction().map_err(trouble)?;
            let made = act(&snapshot, &readers.keyring);
            drop(snapshot);
            let mut idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT && !readers.closed.load(Ordering::Acquire) {
                idle.push(connection);
            }
            made
        });
        done.await.map_err(|_| StoreError::Later("a read was broken off".into()))?
    }
}
