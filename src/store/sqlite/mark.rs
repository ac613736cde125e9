//! The mark of what was acknowledged as a file of fixed size beside the key store, and the chain in the database that it is compared
//! with. Never writes a mark of a commit that is not durable yet, and never goes back behind one, but when a person recovers.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::private;
use crate::store::recovery::ask_from;
use crate::store::sealing::mark::{Mark, Shown, WRITTEN};
use crate::store::sealing::values::{Stored, disk, time};
use crate::store::sqlite::acts::{KNOWN, chain, noted, store_of};
use crate::store::sqlite::files::KEYS;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::{keys_end, lock, open};
use crate::store::trouble::{Cause, Trouble};

/// The file beside the key store.
pub const FILE: &str = "keys.mark";
/// Two places, in blocks of their own: while one is written the other one holds.
const PLACES: [u64; 2] = [0, 4096];
/// The file never grows, so that making a mark durable is one block and no change of the folder.
const SIZE: u64 = 8192;

/// The mark's file.
#[derive(Debug)]
pub struct Marks {
    file: File,
    path: PathBuf,
    store: [u8; 16],
}

/// So often somebody else's lock on the file is looked at, with a pause between: three seconds in all. Of ours each is held for one
/// write.
const TRIES: u32 = 60;

impl Marks {
    /// Opens it; made empty where it is missing.
    pub fn open(folder: &Path, store: Uuid) -> Stored<Marks> {
        let path = folder.join(FILE);
        lock::plain(&path)?;
        let there = path.exists();
        let file = private::for_lock(&path).map_err(disk)?;
        if file.metadata().map_err(disk)?.len() < SIZE {
            // Written, not only lengthened: the blocks are there before the first mark needs them.
            file.write_all_at(&vec![0; SIZE as usize], 0).map_err(disk)?;
            file.sync_all().map_err(disk)?;
        }
        if !there {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
        }
        Ok(Marks { file, path, store: store.into_bytes() })
    }

    /// The mark's file of this store as it lies in a folder now; `None` where none lies there that says anything.
    pub fn lies_again(&self, folder: &Path) -> Stored<Option<Marks>> {
        let whole = fs::metadata(folder.join(FILE)).is_ok_and(|found| found.is_file() && found.len() == SIZE);
        if !whole {
            return Ok(None);
        }
        let there = Marks::open(folder, Uuid::from_bytes(self.store))?;
        Ok(there.read()?.map(|_| there))
    }

    fn places(&self) -> Stored<[Option<Mark>; 2]> {
        let mut found = [None, None];
        for (mark, place) in found.iter_mut().zip(PLACES) {
            let mut octets = [0; WRITTEN];
            self.file.read_exact_at(&mut octets, place).map_err(disk)?;
            *mark = Mark::read(&octets, &self.store)?;
        }
        Ok(found)
    }

    /// The mark; `None` where there is none that can be read.
    pub fn read(&self) -> Stored<Option<Mark>> {
        let [one, other] = self.places()?;
        Ok([one, other].into_iter().flatten().max_by_key(|mark| mark.n))
    }

    /// Makes a mark durable. Another process that writes to the same store may be further already: then that one stands.
    /// Waits for somebody else's lock as long as `patient`, a few seconds; then [`Trouble::MarkHeld`], and nothing is broken.
    pub fn write(&self, mark: &Mark, patient: bool) -> Stored<()> {
        self.under_lock(if patient { TRIES } else { 1 }, || self.write_newer(mark))
    }

    fn under_lock(&self, tries: u32, act: impl FnOnce() -> Stored<()>) -> Stored<()> {
        for nth in 0..tries {
            if nth > 0 {
                lock::pause();
            }
            match self.file.try_lock() {
                Ok(()) => {
                    let done = act();
                    let _ = self.file.unlock();
                    return done;
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(disk(error)),
            }
        }
        let holder = lock::in_brackets(&lock::holder(&self.path));
        Err(StoreError::Later(Cause::told(Trouble::MarkHeld, &holder)))
    }

    fn write_newer(&self, mark: &Mark) -> Stored<()> {
        let found = self.places()?;
        let number = |place: &Option<Mark>| place.as_ref().map_or(-1, |mark| mark.n);
        let [one, other] = [number(&found[0]), number(&found[1])];
        if one.max(other) >= mark.n {
            return Ok(());
        }
        // The older one gives way.
        let place = if one <= other { PLACES[0] } else { PLACES[1] };
        self.put(mark, place)
    }

    fn put(&self, mark: &Mark, place: u64) -> Stored<()> {
        self.file.write_all_at(&mark.written(&self.store), place).map_err(disk)?;
        self.file.sync_data().map_err(disk)
    }

    /// Sets the mark, also back: what is missing is known and said.
    pub fn set(&self, mark: &Mark) -> Stored<()> {
        self.under_lock(TRIES, || PLACES.iter().try_for_each(|place| self.put(mark, *place)))
    }
}

/// The mark beside the keys, or the one in them where that is further on; `None` where there is none beside them.
fn latest(marks: &Marks, keys: &Connection) -> Stored<Option<Mark>> {
    let beside = marks.read()?;
    let noted = noted(keys, &marks.store)?;
    Ok(beside.map(|beside| noted.filter(|noted| noted.n > beside.n).unwrap_or(beside)))
}

/// What a person is told whose database is of another history than its mark.
const OTHER: &str = "the database tells another history than the key store beside it: it is a copy that went on by itself; put back the \
     one that belongs to these keys, or run `drehscheibe recover --after-restore --reason TEXT`, then start";

/// Refuses a database that tells another history; changes nothing.
pub fn same_history(connection: &Connection, keyring: &Keyring, folder: &Path) -> Stored<()> {
    if !folder.join(FILE).exists() {
        return Ok(());
    }
    let marks = Marks::open(folder, keyring.beside(store_of)?)?;
    let mark = keyring.beside(|keys| latest(&marks, keys))?;
    match mark.map(|mark| chain(connection).map(|chain| chain.shown(&mark))).transpose()? {
        Some(Shown::Other) => Err(StoreError::Refused(OTHER.into())),
        _ => Ok(()),
    }
}

/// Compares a database with the mark beside its keys, before anything is written to it. Where commits that were acknowledged are
/// missing it is marked as recovering, and its own chain is the mark from then on. Returns the mark's file.
pub fn examine(connection: &Connection, keyring: &Keyring, folder: &Path) -> Stored<Marks> {
    let (store, known) = keyring.beside(|keys| {
        let known = keys.query_row(sql!("meta_get"), [KNOWN], |_| Ok(())).optional().map_err(trouble)?;
        Ok((store_of(keys)?, known.is_some()))
    })?;
    let marks = Marks::open(folder, store)?;
    // Read before the chain: another process that writes meanwhile can only make the database longer than its mark.
    let mark = keyring.beside(|keys| latest(&marks, keys))?;
    let chain = chain(connection)?;
    let shown = match (&mark, known) {
        (Some(mark), _) => chain.shown(mark),
        // The first start of a program that writes one.
        (None, false) => Shown::Whole,
        // Nothing shows that all is there.
        (None, true) => Shown::Missing { commits: 0, from: chain.at, until: chain.at },
    };
    match shown {
        Shown::Whole => {
            if mark.is_none() {
                marks.set(&chain.mark())?;
            }
        }
        Shown::Other => return Err(StoreError::Refused(OTHER.into())),
        // It was made anew, all of its log is gone, or it is of a program that knew no mark: a backup holds more.
        Shown::Missing { until, .. } if chain.n == 0 => {
            let from = keyring.beside(|keys| whole_since(connection, keys))?;
            sound(connection, from)?;
            return Err(StoreError::Refused(nothing_left(from, until).into()));
        }
        Shown::Missing { commits, from, until } => {
            sound(connection, from)?;
            // Whatever was lost with them, no number of a key is given out twice.
            keyring.beside(|keys| keys_end::leave_out(keys, 0))?;
            connection.execute(sql!("recovery_lost"), params![from, until, commits]).map_err(trouble)?;
            marks.set(&chain.mark())?;
            keyring.beside(forget)?;
        }
    }
    if !known {
        keyring.beside(forget)?;
    }
    Ok(marks)
}

/// The key store knows that there is a mark, and of none what it says.
fn forget(keys: &Connection) -> Stored<()> {
    keys.execute(sql!("meta_put"), [KNOWN, "1"]).map(drop).map_err(trouble)
}

/// Since when nothing shows any more that a database is whole which has no commit of its chain: its newest message, and where it holds
/// none, when its key store was made.
fn whole_since(connection: &Connection, keys: &Connection) -> Stored<i64> {
    let newest: Option<i64> =
        connection.query_row(sql!("last_committed"), [], |r| r.get(0)).map_err(trouble)?;
    let made = || keys.query_row(sql!("made"), [], |r| r.get(0)).optional().map_err(trouble);
    newest.map_or_else(|| made().map(Option::flatten).map(Option::unwrap_or_default), Ok)
}

fn nothing_left(from: i64, until: i64) -> String {
    let until = match until {
        0 => String::new(),
        until => format!(" and {}", time(until)),
    };
    format!(
        "the database is older than the key store beside it: of what was acknowledged between {}{until} it holds nothing (its log \
         drehscheibe.db-wal is damaged or lost, or another file lies in its place); put the newest backup in its place with \
         `drehscheibe recover DIR --reason TEXT`, or, where there is none, run `drehscheibe recover --after-restore --reason TEXT`; \
         then start, and have the partners repeat what they delivered from {} on, or since the backup",
        time(from),
        ask_from(from)
    )
}

/// What the mark beside the keys shows to be missing in a database that a person put back: from when, until when, how many commits.
pub fn missing(connection: &Connection, keys: &Connection, folder: &Path) -> Stored<Option<(i64, i64, i64)>> {
    let Some(mark) = latest(&Marks::open(folder, store_of(keys)?)?, keys)? else { return Ok(None) };
    let chain = chain(connection)?;
    Ok(match chain.shown(&mark) {
        Shown::Missing { commits, from: 0, until } => Some((whole_since(connection, keys)?, until, commits)),
        Shown::Missing { commits, from, until } => Some((from, until, commits)),
        Shown::Whole | Shown::Other => None,
    })
}

/// Sets the mark of a stopped store to what the database has that a person put back.
pub fn set(keys: &Connection, folder: &Path, mark: &Mark) -> Stored<()> {
    Marks::open(folder, store_of(keys)?)?.set(mark)?;
    forget(keys)
}

/// A database this large is looked through whole when its process was killed.
const LOOKED_THROUGH: u64 = 256 << 20;

/// How much of a log lies beside a database, octets: none where its process ended by itself. Looked at before the database is opened,
/// because bringing its tables up to date writes one, too.
pub fn log_left(folder: &Path) -> u64 {
    size(&open::file(folder).with_extension("db-wal"))
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// Looks through a database whose process did not end by itself, where that does not take long: the system's or the disk's trouble
/// that ended it may have reached what was written long before. `left` is [`log_left`] from before it was opened.
pub fn after_a_kill(connection: &Connection, folder: &Path, left: u64) -> Stored<()> {
    // Of a process that runs now the log is never empty.
    let runs = lock::runs(folder);
    if runs || left == 0 || size(&open::file(folder)) > LOOKED_THROUGH {
        return Ok(());
    }
    sound(connection, chain(connection)?.at)
}

/// The same of the key store: a key that cannot be read is else missed only when what it sealed is needed.
pub fn keys_after_a_kill(keys: &Connection, folder: &Path, left: u64) -> Stored<()> {
    if lock::runs(folder) || left == 0 || size(&folder.join(KEYS)) > LOOKED_THROUGH {
        return Ok(());
    }
    whole(keys, || StoreError::Refused(KEYS_DAMAGED.into()))
}

/// What a person is told whose key store is damaged.
const KEYS_DAMAGED: &str = "the key store keys.db is damaged, and what it cannot give back any more does not open: put its newest copy in its \
     place (`backup keys` makes one); where that is older than the database the start says what else to do";

fn sound(connection: &Connection, from: i64) -> Stored<()> {
    whole(connection, || damaged(from))
}

fn whole(connection: &Connection, damaged: impl Fn() -> StoreError) -> Stored<()> {
    let said: rusqlite::Result<String> = connection.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0));
    match said {
        Ok(said) if said == "ok" => Ok(()),
        Ok(_) | Err(rusqlite::Error::SqliteFailure(..)) => Err(damaged()),
        Err(error) => Err(trouble(error)),
    }
}

fn damaged(from: i64) -> StoreError {
    StoreError::Refused(format!(
        "the database is damaged; its last whole commit is of {}: put the newest backup in its place with `drehscheibe recover DIR \
         --reason TEXT`, and have the partners repeat what they delivered since that backup",
        time(from)
    ).into())
}
