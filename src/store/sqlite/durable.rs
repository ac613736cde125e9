//! Makes commits durable beside the thread that writes them: while the disk takes one group, the next is written already.
//! Never answers before what it answers for, and all that was committed before it, is on the disk.
//!
//! The writing connection commits with `synchronous = NORMAL`, which appends to the log without waiting; here the log is
//! synchronised once for all groups that came meanwhile. The log is written in the order of commits and read back up to the
//! last whole one, so a lost tail loses only what nobody was told of. Copying the log into the database has a thread and a
//! connection of its own for the same reason.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use crate::store::contract::StoreError;
use crate::store::sealing::values::{Stored, disk};
use crate::store::sqlite::values::trouble;

/// Groups that wait for the disk at most; the writer waits for a place.
const GROUPS: usize = 64;
/// Pages in the log that are not copied yet, from which they are.
const BEHIND: i64 = 4_000;
/// Pages in the log from which it is begun anew (64 MiB).
const LONGEST: i64 = 16_000;
/// Pages that the writer may copy itself when it begins the log anew.
const LITTLE: i64 = 2_000;
/// How long the writer waits for readers when it begins the log anew.
const FOR_READERS: Duration = Duration::from_millis(50);

/// What the writer and its helpers share.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// The disk refused: nothing is written any more.
    broken: Arc<AtomicBool>,
    /// The writer shall begin the log anew.
    anew: Arc<AtomicBool>,
}

impl Signs {
    /// An error once the disk has refused to make something durable: what it holds is then unknown until a restart.
    pub fn sound(&self) -> Stored<()> {
        match self.broken.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(StoreError::Later(
                "the disk refused to make a commit durable; check the disk and restart the process".into(),
            )),
        }
    }
}

/// Something that waits until it is durable.
pub trait Waiting: Send {
    /// Tells whoever waits; an error means that nothing may be relied on.
    fn answer(self: Box<Self>, durable: &Stored<()>);
}

/// The threads beside the writer.
pub struct Durable {
    groups: Option<Sender<Box<dyn Waiting>>>,
    threads: Vec<JoinHandle<()>>,
    log: File,
    signs: Signs,
}

impl Durable {
    /// Starts them for a database whose writing connection is handed over for its settings; `beside` is another connection
    /// to the same file.
    pub fn start(connection: &Connection, database: &Path, beside: Connection) -> Stored<Durable> {
        connection
            .execute_batch(
                "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; BEGIN IMMEDIATE; COMMIT",
            )
            .map_err(trouble)?;
        // The handle stays open as long as the store: the log keeps its file as long as a connection is open.
        let log = File::open(log_of(database)).map_err(disk)?;
        let signs = Signs::default();
        let (groups, inlet) = bounded::<Box<dyn Waiting>>(GROUPS);
        let (grown, look) = bounded::<()>(1);
        let handle = log.try_clone().map_err(disk)?;
        let threads = vec![
            thread("store-disk", {
                let signs = signs.clone();
                move || synchronise(&handle, &inlet, &grown, &signs)
            })?,
            thread("store-log", {
                let signs = signs.clone();
                move || copy(&beside, &look, &signs)
            })?,
        ];
        Ok(Durable { groups: Some(groups), threads, log, signs })
    }

    /// What is shared with the writer.
    pub fn signs(&self) -> &Signs {
        &self.signs
    }

    /// Answers once all that was committed so far is durable.
    pub fn when_durable(&self, waiting: Box<dyn Waiting>) {
        let lost =
            |waiting: Box<dyn Waiting>| waiting.answer(&Err(StoreError::Later("the store has ended".into())));
        match &self.groups {
            Some(groups) => {
                if let Err(unsent) = groups.send(waiting) {
                    lost(unsent.0);
                }
            }
            None => lost(waiting),
        }
    }

    /// Waits until all that was committed so far is durable.
    pub fn now(&self) -> Stored<()> {
        let done = self.log.sync_data().map_err(disk);
        if done.is_err() {
            self.signs.broken.store(true, Ordering::Release);
        }
        done
    }

    /// Begins the log anew where that is due; outside any transaction.
    pub fn tidy(&self, connection: &Connection) {
        if !self.signs.anew.swap(false, Ordering::AcqRel) {
            return;
        }
        // Where readers are in the way it stays as it is and is tried again.
        let _ = connection.busy_timeout(FOR_READERS);
        let _ = checkpoint(connection, "RESTART");
        let _ = connection.busy_timeout(crate::store::sqlite::open::BUSY);
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        self.groups.take();
        for thread in self.threads.drain(..) {
            // A panicked thread has answered nobody; there is nothing to add here.
            let _ = thread.join();
        }
    }
}

fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Stored<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(|_| StoreError::Later("the system gives no thread for the store".into()))
}

fn synchronise(log: &File, inlet: &Receiver<Box<dyn Waiting>>, grown: &Sender<()>, signs: &Signs) {
    while let Ok(first) = inlet.recv() {
        let mut groups = vec![first];
        groups.extend(inlet.try_iter());
        // After a refusal the system may say yes although pages are gone, so no later word of it counts.
        let durable = signs.sound().and_then(|()| log.sync_data().map_err(disk));
        if durable.is_err() {
            signs.broken.store(true, Ordering::Release);
        }
        for waiting in groups {
            waiting.answer(&durable);
        }
        let _ = grown.try_send(());
    }
}

fn copy(connection: &Connection, look: &Receiver<()>, signs: &Signs) {
    while look.recv().is_ok() {
        // Where a look fails the next commit brings another one.
        if let Ok((mut log, mut copied)) = checkpoint(connection, "NOOP") {
            if log - copied >= BEHIND
                && let Ok(after) = checkpoint(connection, "PASSIVE")
            {
                (log, copied) = after;
            }
            if log >= LONGEST && log - copied <= LITTLE {
                signs.anew.store(true, Ordering::Release);
            }
        }
    }
}

/// Pages in the log and how many of them are copied.
fn checkpoint(connection: &Connection, mode: &str) -> Stored<(i64, i64)> {
    let pragma = format!("PRAGMA wal_checkpoint({mode})");
    connection.query_row(&pragma, [], |r| Ok((r.get(1)?, r.get(2)?))).map_err(trouble)
}
