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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use secrecy::SecretBox;

    use super::*;
    use crate::envelope::Stage;
    use crate::store::sqlite::open::Settings;
    use crate::store::sqlite::parts::SqliteStore;

    #[tokio::test(flavor = "multi_thread")]
    async fn reads_beyond_their_places_wait_without_a_thread_and_the_house_never_behind_who_asks() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            path: folder.path().to_owned(),
            stage: Stage::Test,
            master: SecretBox::new(Box::new([7; 32])),
            read_only: false,
        };
        let store = SqliteStore::open(settings).unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let (gate, shut) = crossbeam_channel::bounded::<()>(0);
        let asked: Vec<_> = (0..100)
            .map(|_| {
                let (readers, begun, shut) = (store.readers.clone(), begun.clone(), shut.clone());
                tokio::spawn(async move {
                    let held = move |_: &Connection, _: &Keyring| {
                        begun.fetch_add(1, Ordering::SeqCst);
                        let _ = shut.recv();
                        Ok(())
                    };
                    readers.ask(held).await
                })
            })
            .collect();
        while begun.load(Ordering::SeqCst) < ASKING {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(begun.load(Ordering::SeqCst), ASKING);
        let house = tokio::time::timeout(PATIENCE / 2, store.readers.read(|_, _| Ok(7)));
        assert_eq!(house.await.unwrap().unwrap(), 7);
        let late = tokio::time::timeout(PATIENCE * 2, store.readers.ask(|_, _| Ok(()))).await.unwrap();
        assert!(matches!(late, Err(StoreError::Later(text)) if text.is(Trouble::ReadersBusy)));
        // Who goes away while it waits, or while it is read for, is in nobody's way afterwards.
        asked.iter().for_each(tokio::task::JoinHandle::abort);
        drop(gate);
        assert!(store.readers.ask(|_, _| Ok(())).await.is_ok());
        for _ in 0..200 {
            if store.readers.asking.available_permits() == ASKING {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("places were lost");
    }
}
