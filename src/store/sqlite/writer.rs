//! The one thread that writes: it takes what is queued and commits it together, each piece of work under a savepoint of its own.
//! Never answers itself: what is committed is answered once it is durable.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::error::StoreError;
use crate::store::sealing::claim_file::Folder;
use crate::store::sealing::ledger::MITTEILUNG;
use crate::store::sealing::mark::Mark;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::claims::Pending;
use crate::store::sqlite::durable::{Durable, Waiting};
use crate::store::sqlite::files::emptied_log;
use crate::store::sqlite::guards::Guards;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::{Nudge, Scene, Work};
use crate::store::sqlite::values::trouble;
use crate::store::sqlite::{acts, remove};

/// How many pieces of work wait at most; more callers wait for a place.
const QUEUE: usize = 256;
/// How many pieces are committed together at most.
const TOGETHER: usize = 32;

/// How long readers are waited for when the log is emptied at the end.
const AT_THE_END: Duration = Duration::from_secs(2);

struct Piece<T, F> {
    act: Option<F>,
    made: Option<T>,
    reply: oneshot::Sender<Stored<T>>,
}

impl<T, F> Work for Piece<T, F>
where
    T: Send,
    F: FnOnce(&mut Scene<'_>) -> Stored<T> + Send,
{
    fn act(&mut self, scene: &mut Scene<'_>) -> Stored<()> {
        if let Some(act) = self.act.take() {
            self.made = Some(act(scene)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, ended: Stored<()>) {
        let lost = || StoreError::Later("the work was not done".into());
        // Nobody listens when the caller was cancelled; what is committed stays committed.
        let Piece { made, reply, .. } = *self;
        let _ = reply.send(ended.and_then(|()| made.ok_or_else(lost)));
    }
}

/// The handle to the writing thread; closing or dropping it ends the thread after the queued work.
pub struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Work>>>>,
    ended: Mutex<Option<Ended>>,
}

/// How the thread ends, and the thread.
struct Ended {
    how: oneshot::Receiver<Stored<()>>,
    thread: JoinHandle<()>,
}

/// What the thread is started with.
pub struct Start {
    /// The writing connection.
    pub connection: Connection,
    /// The keys.
    pub keyring: Arc<Keyring>,
    /// What moved lately.
    pub guards: Guards,
    /// The threads beside it.
    pub durable: Durable,
    /// Claims that no row may name yet, and where they lie.
    pub claims: (Arc<Pending>, Folder),
    /// Says at its end whether this was the running process.
    pub runs: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(start: Start) -> Stored<Writer> {
        let (queue, inlet) = mpsc::channel(QUEUE);
        let (said, how) = oneshot::channel();
        start.claims.0.wakes(Nudge(queue.downgrade()));
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                let Start { connection, keyring, guards, durable, claims, runs } = start;
                write((&connection, &keyring), guards, inlet, &durable, &claims);
                // All that was committed is durable, marked and told before the log goes.
                drop(durable);
                let emptied = if runs.load(Ordering::Acquire) { emptied(&connection) } else { Ok(()) };
                // Nobody listens where it was dropped instead of closed.
                let _ = said.send(emptied);
            })
            .map_err(|_| StoreError::Later("the system gives no thread for writing".into()))?;
        Ok(Writer { queue: Mutex::new(Some(queue)), ended: Mutex::new(Some(Ended { how, thread })) })
    }

    /// Takes no more work, does what is queued, empties the log and ends the thread and those beside it. An error says why the log
    /// is not empty, or that they do not end within the time; then nobody waits for them any more.
    pub async fn close(&self, patience: Duration) -> Stored<()> {
        locked(&self.queue).take();
        let Some(Ended { how, thread }) = locked(&self.ended).take() else { return Ok(()) };
        let late =
            |_| StoreError::Later("it does what is queued for too long; is the disk slow or stuck?".into());
        let broken = |_| StoreError::Later("its writing thread broke off".into());
        let emptied = tokio::time::timeout(patience, how).await.map_err(late)?.map_err(broken)?;
        // It has nothing left to do but to end.
        let _ = thread.join();
        emptied
    }

    /// Does a piece of work in a transaction and returns when it is durable.
    pub async fn write<T, F>(&self, act: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Scene<'_>) -> Stored<T> + Send + 'static,
    {
        let gone = || StoreError::Later("the writing thread has ended; restart the process".into());
        let (reply, answer) = oneshot::channel();
        let piece = Box::new(Piece { act: Some(act), made: None, reply });
        let queue = locked(&self.queue).clone().ok_or_else(gone)?;
        queue.send(piece).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        locked(&self.queue).take();
        if let Some(ended) = locked(&self.ended).take() {
            // A panicked writer has answered nobody; there is nothing to add here.
            let _ = ended.thread.join();
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pieces of one transaction, each with how it ended.
struct Group {
    done: Vec<(Box<dyn Work>, Stored<()>)>,
    mark: Option<Mark>,
}

impl Waiting for Group {
    fn mark(&self) -> Option<Mark> {
        self.mark
    }

    fn answer(self: Box<Self>, durable: &Stored<()>) {
        for (work, ended) in self.done {
            work.answer(match durable {
                Ok(()) => ended,
                Err(error) => Err(all_failed(error)),
            });
        }
    }
}

fn write(
    (connection, keyring): (&Connection, &Keyring),
    mut guards: Guards,
    mut inlet: mpsc::Receiver<Box<dyn Work>>,
    durable: &Durable,
    (pending, folder): &(Arc<Pending>, Folder),
) {
    let mut stamps = HashMap::new();
    let mut keys_told = 0;
    while let Some(first) = inlet.blocking_recv() {
        let mut destroys = false;
        let mut done = Vec::new();
        let mut next = Some(first);
        durable.tidy(connection);
        let mut whole = durable
            .signs()
            .sound()
            .and_then(|()| connection.execute_batch("BEGIN IMMEDIATE").map_err(trouble));
        let (before, mut marked) = (connection.total_changes(), None);
        while let Some(mut work) = next {
            let ended = match &whole {
                Ok(()) => {
                    let mut scene = Scene {
                        connection,
                        keyring,
                        guards: &mut guards,
                        stamps: &mut stamps,
                        destroys: &mut destroys,
                        why: MITTEILUNG,
                    };
                    let ended = one(&mut scene, work.as_mut());
                    if ended.is_err() {
                        stamps.clear();
                        // A full or failing disk makes SQLite roll everything back.
                        if connection.is_autocommit() {
                            whole = ended.clone();
                        }
                    }
                    ended
                }
                Err(error) => Err(error.clone()),
            };
            done.push((work, ended));
            next = if done.len() < TOGETHER && whole.is_ok() { inlet.try_recv().ok() } else { None };
        }
        // Before any row of this transaction can need a key that was made for it, the database knows of it.
        let keys = keyring.end().filter(|end| whole.is_ok() && end.mark.n > keys_told);
        if let Some(end) = &keys {
            whole = acts::tell(connection, end);
        }
        // Work that changed nothing leaves the log as it is.
        if whole.is_ok() && connection.total_changes() != before {
            match acts::advance(connection) {
                Ok(mark) => marked = Some(mark),
                Err(error) => whole = Err(error),
            }
        }
        if whole.is_ok() {
            whole = connection.execute_batch("COMMIT").map_err(trouble);
        }
        guards.ended(whole.is_ok());
        if let (Ok(()), Some(end)) = (&whole, &keys) {
            keys_told = end.mark.n;
        }
        if whole.is_err() {
            stamps.clear();
            if !connection.is_autocommit() {
                // Where even the rollback fails the next BEGIN says so.
                let _ = connection.execute_batch("ROLLBACK");
            }
        }
        if destroys && whole.is_ok() {
            // A key must not be gone for good while the removal that orders it could still be lost. Where destroying fails
            // now, opening the store does it: the list is durable.
            whole = durable.now();
            if whole.is_ok() {
                let _ = remove::destroy_listed(connection, keyring);
            }
        }
        let group = Box::new(Group { done, mark: marked });
        match whole {
            Ok(()) => durable.when_durable(group),
            failed => group.answer(&failed),
        }
        // After it, because whoever lets go within a transaction may wake within the same one.
        pending.clear(connection, folder, || durable.now());
    }
    let _ = connection.execute_batch("PRAGMA optimize");
}

/// Empties the log at the end of the running process: what stands in one file cannot be cut off with the other. Where another process
/// still reads it stays as it is, and nothing is lost.
fn emptied(connection: &Connection) -> Stored<()> {
    connection.busy_timeout(AT_THE_END).map_err(trouble)?;
    emptied_log(connection)
}

/// A failure of the whole transaction is nobody's entry's fault.
fn all_failed(error: &StoreError) -> StoreError {
    match error {
        StoreError::Entry(text) => StoreError::Later(text.clone()),
        other => other.clone(),
    }
}

fn one(scene: &mut Scene<'_>, work: &mut dyn Work) -> Stored<()> {
    scene.connection.execute_batch("SAVEPOINT piece").map_err(trouble)?;
    let moved = scene.guards.so_far();
    let ended = work.act(scene);
    if ended.is_err() {
        scene.guards.back_to(moved);
    }
    let end = if ended.is_ok() { "RELEASE piece" } else { "ROLLBACK TO piece; RELEASE piece" };
    if !scene.connection.is_autocommit() {
        scene.connection.execute_batch(end).map_err(trouble)?;
    }
    ended
}
