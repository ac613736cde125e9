//! Makes commits durable beside the thread that writes them: while the disk takes one group, the next is written already.
//! Never answers before what it answers for, and all that was committed before it, is on the disk.
//!
//! The writing connection commits with `synchronous = NORMAL`, which appends to the log without waiting; here the log is
//! synchronised once for all groups that came meanwhile. The log is written in the order of commits and read back up to the
//! last whole one, so a lost tail loses only what nobody was told of. Copying the log into the database has a thread and a
//! connection of its own for the same reason.
//!
//! What is durable is then marked beside the keys (`mark`), on a thread of its own again: while the disk takes the mark of one
//! synchronisation it takes the log of the next. Only then somebody is told.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rusqlite::Connection;

use crate::store::error::StoreError;
use crate::store::sealing::mark::Mark;
use crate::store::sealing::values::{Stored, disk};
use crate::store::sqlite::mark::Marks;
use crate::store::sqlite::place::Place;
use crate::store::sqlite::values::trouble;
use crate::telemetry::alarm::Alarm;

/// Groups that wait for the disk at most; the writer waits for a place.
const GROUPS: usize = 64;
/// How often a mark that somebody else holds is tried for.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often it is looked, where nothing is acknowledged, whether the store's files still lie in their place.
const LOOK_AT_PLACE: Duration = Duration::from_millis(500);
/// How often the key store is told what was acknowledged, in microseconds.
const NOTE_EVERY: i64 = 60_000_000;
/// Tells the key store; where it cannot be told now it is tried again with the next mark.
pub type Note = Box<dyn Fn(&Mark) -> Stored<()> + Send>;
/// How far the log may grow, in pages of 4 KiB.
const BOUNDS: Bounds = Bounds { behind: 4_000, longest: 16_000, little: 2_000, most: 64_000 };
/// How long the writer waits for readers when it begins the log anew.
const FOR_READERS: Duration = Duration::from_millis(50);

/// How far the log may grow, in pages.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Pages that are not copied yet, from which they are.
    behind: i64,
    /// Pages from which the log is begun anew.
    longest: i64,
    /// Pages that the writer may copy itself when it begins the log anew.
    little: i64,
    /// Pages from which the writer copies what is left, however much: else a house that writes faster than is copied would fill
    /// its disk with the log, and every read would search all of it.
    most: i64,
}

/// What the writer and its helpers share.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// The disk refused: nothing is written any more.
    broken: Arc<AtomicBool>,
    /// Other files lie in the place of those that are open, or none.
    replaced: Arc<OnceLock<StoreError>>,
    /// The writer shall begin the log anew.
    anew: Arc<AtomicBool>,
    /// Somebody else holds the mark: nothing is acknowledged until it is let go.
    held: Arc<Mutex<Option<StoreError>>>,
}

impl Signs {
    /// An error once the disk has refused to make something durable: what it holds is then unknown until a restart; and once other files lie
    /// in the place of the store's.
    pub fn sound(&self) -> Stored<()> {
        if let Some(replaced) = self.replaced.get() {
            return Err(replaced.clone());
        }
        match self.broken.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(StoreError::Later(
                "the disk refused to make a commit durable; check the disk and restart the process".into(),
            )),
        }
    }

    /// The same, and an error while the mark cannot be written because somebody else holds its file.
    pub fn free(&self) -> Stored<()> {
        self.sound()?;
        self.held().clone().map_or(Ok(()), Err)
    }

    fn held(&self) -> MutexGuard<'_, Option<StoreError>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that waits until it is durable.
pub trait Waiting: Send {
    /// Tells whoever waits; an error means that nothing may be relied on.
    fn answer(self: Box<Self>, durable: &Stored<()>);

    /// The mark of what it waits for, where it committed something.
    fn mark(&self) -> Option<Mark>;
}

/// Groups that one synchronisation has made durable, or not.
struct Synced {
    groups: Vec<Box<dyn Waiting>>,
    durable: Stored<()>,
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
    pub fn start(
        connection: &Connection,
        database: &Path,
        beside: Connection,
        (marks, note, place): (Marks, Note, Place),
    ) -> Stored<Durable> {
        Durable::within(connection, database, beside, (marks, note, place), BOUNDS)
    }

    fn within(
        connection: &Connection,
        database: &Path,
        beside: Connection,
        (marks, note, place): (Marks, Note, Place),
        bounds: Bounds,
    ) -> Stored<Durable> {
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
        // One that is marked and one that waits: the disk is never waited for twice.
        let (synced, to_mark) = bounded::<Synced>(1);
        let handle = log.try_clone().map_err(disk)?;
        let threads = vec![
            thread("store-disk", {
                let signs = signs.clone();
                move || synchronise(&handle, &inlet, (&synced, &grown), &signs)
            })?,
            thread("store-mark", {
                let signs = signs.clone();
                move || tell((&marks, &note, &place), &to_mark, &signs)
            })?,
            thread("store-log", {
                let signs = signs.clone();
                move || copy(&beside, &look, &signs, bounds)
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
        if !self.signs.anew.load(Ordering::Acquire) {
            return;
        }
        // Where readers are in the way it stays as it is and is tried again.
        let _ = connection.busy_timeout(FOR_READERS);
        let _ = checkpoint(connection, "RESTART");
        let _ = connection.busy_timeout(crate::store::sqlite::files::BUSY);
        // Only now: until here the copying thread keeps out of the way.
        self.signs.anew.store(false, Ordering::Release);
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

fn synchronise(
    log: &File,
    inlet: &Receiver<Box<dyn Waiting>>,
    (synced, grown): (&Sender<Synced>, &Sender<()>),
    signs: &Signs,
) {
    while let Ok(first) = inlet.recv() {
        let mut groups = vec![first];
        groups.extend(inlet.try_iter());
        // Groups come in the order of commits: where none of these has committed anything the log stands as it was made durable last.
        let committed = groups.iter().any(|group| group.mark().is_some());
        // After a refusal the system may say yes although pages are gone, so no later word of it counts.
        let durable = signs.sound().and_then(|()| match committed {
            true => log.sync_data().map_err(disk),
            false => Ok(()),
        });
        if durable.is_err() {
            signs.broken.store(true, Ordering::Release);
        }
        if let Err(lost) = synced.send(Synced { groups, durable }) {
            let ended = Err(StoreError::Later("the store has ended".into()));
            lost.0.groups.into_iter().for_each(|waiting| waiting.answer(&ended));
        }
        let _ = grown.try_send(());
    }
}

/// Marks what is durable and tells whoever waits for it. While somebody else holds the mark's file, whoever waits is told to come
/// again: what it waits for is durable, and is marked as soon as the file is free.
///
/// Nobody is told anything once other files lie in the place of the store's; that is looked at before anybody is, and often where nobody is.
/// Now and then, and at the end, the key store is told as well; nobody waits for that.
fn tell((marks, note, place): (&Marks, &Note, &Place), synced: &Receiver<Synced>, signs: &Signs) {
    let mut owed: Option<Mark> = None;
    let (mut marked, mut noted): (Option<Mark>, Option<i64>) = (None, None);
    loop {
        let next = match &owed {
            None => synced.recv_timeout(LOOK_AT_PLACE),
            Some(_) => synced.recv_timeout(LOOK_AGAIN),
        };
        let (groups, durable) = match next {
            Ok(Synced { groups, durable }) => (groups, durable),
            Err(RecvTimeoutError::Timeout) => (Vec::new(), Ok(())),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let newest = groups.iter().filter_map(|group| group.mark()).chain(owed).max_by_key(|mark| mark.n);
        let told = match (durable, newest) {
            (Ok(()), Some(mark)) => {
                // Who was waited for once is not waited for again: each who comes meanwhile is told at once.
                signs.sound().and_then(|()| marks.write(&mark, owed.is_none()))
            }
            (durable, _) => durable,
        };
        let told = told.and_then(|()| place.stands());
        if let Err(replaced @ StoreError::Replaced(_)) = &told {
            let _ = signs.replaced.set(replaced.clone());
            // Again at each look, and at the end: a copy that is still being put there may bring its own mark last.
            if let Some(mark) = marked {
                let _ = place.tell(marks, &mark);
            }
        }
        owed = match &told {
            Err(error) if error.alarm() == Alarm::StoreFileHeld => newest,
            // A mark that is half written is none, and an acknowledgement without a mark could be lost unseen.
            Err(_) => {
                signs.broken.store(true, Ordering::Release);
                None
            }
            Ok(()) => None,
        };
        *signs.held() = told.as_ref().err().filter(|_| owed.is_some()).cloned();
        groups.into_iter().for_each(|waiting| waiting.answer(&told));
        if told.is_ok() {
            marked = newest.or(marked);
        }
        // A clock that was set back tells again at once.
        if let Some(mark) = marked
            && noted.is_none_or(|at| !(0..NOTE_EVERY).contains(&(mark.at - at)))
            && note(&mark).is_ok()
        {
            noted = Some(mark.at);
        }
    }
    // A clean stop leaves no gap between the two.
    if let Some(mark) = marked {
        let _ = note(&mark);
        if signs.replaced.get().is_some() {
            let _ = place.tell(marks, &mark);
        }
    }
}

fn copy(connection: &Connection, look: &Receiver<()>, signs: &Signs, bounds: Bounds) {
    let (mut most, mut last) = (bounds.most, 0);
    while look.recv().is_ok() {
        // The writer is to begin anew: a copy now would only be in its way.
        if signs.anew.load(Ordering::Acquire) {
            continue;
        }
        // Where a look fails the next commit brings another one.
        let Ok(mut log) = checkpoint(connection, "NOOP") else { continue };
        // A pass copies what came before it. Once the log is long, passes follow each other as long as they catch up.
        let mut before = i64::MAX;
        while log.left() < before && log.left() > bounds.enough(log.pages) {
            before = log.left();
            let Ok(after) = checkpoint(connection, "PASSIVE") else { break };
            log = after;
        }
        if log.pages < last {
            most = bounds.most;
        }
        last = log.pages;
        if log.pages >= bounds.longest && log.left() <= bounds.little || log.pages >= most {
            // Where readers keep the writer from it, it is not asked at every commit: each time it waits for them.
            most = most.max(log.pages) + bounds.longest;
            signs.anew.store(true, Ordering::Release);
        }
    }
}

impl Bounds {
    /// So many pages that are not copied are no reason to copy.
    fn enough(&self, log: i64) -> i64 {
        if log < self.longest { self.behind - 1 } else { self.little }
    }
}

/// The log as it stands.
#[derive(Clone, Copy, Debug)]
struct Log {
    pages: i64,
    copied: i64,
}

impl Log {
    fn left(self) -> i64 {
        self.pages - self.copied
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> Stored<Log> {
    let pragma = format!("PRAGMA wal_checkpoint({mode})");
    connection.query_row(&pragma, [], |r| Ok(Log { pages: r.get(1)?, copied: r.get(2)? })).map_err(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open::connect;

    /// Waits for commits up to this number; none where it has written nothing.
    struct Nobody(Option<i64>);

    impl Waiting for Nobody {
        fn answer(self: Box<Self>, durable: &Stored<()>) {
            assert_eq!(*durable, Ok(()));
        }

        fn mark(&self) -> Option<Mark> {
            self.0.map(|n| Mark { n, link: [0; 16], at: n })
        }
    }

    /// What a disk makes durable costs milliseconds, so it is asked only where something was written.
    #[test]
    fn no_disk_is_waited_for_where_nothing_was_written() {
        // Nobody can make this durable.
        let log = File::open("/dev/null").unwrap();
        assert!(log.sync_data().is_err());
        for (marks, asked) in [(vec![None, None], false), (vec![None, Some(1)], true)] {
            let (groups, inlet) = bounded::<Box<dyn Waiting>>(8);
            let (synced, told) = bounded(8);
            marks.into_iter().for_each(|mark| groups.send(Box::new(Nobody(mark))).unwrap());
            drop(groups);
            synchronise(&log, &inlet, (&synced, &bounded(8).0), &Signs::default());
            drop(synced);
            assert_eq!(told.iter().any(|synced| synced.durable.is_err()), asked);
        }
    }

    /// Found with a million records: a writer that never rests made a log of 20 GB, because it was begun anew only where hardly
    /// anything was left to copy.
    #[test]
    fn the_log_stays_short_however_much_is_written_at_once() {
        // What is written while one pass copies comes on top of the bound, and a machine that is busy otherwise may hold one pass up
        // for long; three runs in turn it does not.
        let longest = (0..3).map(|_| longest_log()).min().unwrap();
        // Sixty thousand pages were written.
        assert!(longest < 15_000 * 4_120, "the log grew to {longest} octets");
    }

    fn longest_log() -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("house.db");
        let main = connect(&file, false).unwrap();
        main.execute_batch("CREATE TABLE t (row INTEGER PRIMARY KEY, x BLOB NOT NULL)").unwrap();
        // Never is little enough left: so it is where copying is slower than writing.
        let bounds = Bounds { behind: 40, longest: 160, little: -1, most: 640 };
        let marks = Marks::open(folder.path(), uuid::Uuid::nil()).unwrap();
        let place = Place::with(folder.path(), &["house.db"]).unwrap();
        let durable = Durable::within(
            &main,
            &file,
            connect(&file, false).unwrap(),
            (marks, Box::new(|_| Ok(())), place),
            bounds,
        )
        .unwrap();
        let (mut longest, mut written) = (0, 0);
        for _ in 0..3_000 {
            durable.tidy(&main);
            main.execute("INSERT INTO t (x) VALUES (zeroblob(80000))", []).unwrap();
            written += 1;
            durable.when_durable(Box::new(Nobody(Some(written))));
            longest = longest.max(std::fs::metadata(log_of(&file)).unwrap().len());
        }
        drop(durable);
        let found: i64 = main.query_row("SELECT count(*) FROM t", [], |r| r.get(0)).unwrap();
        assert_eq!(found, 3_000);
        longest
    }
}
