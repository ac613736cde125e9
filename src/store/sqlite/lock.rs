//! The locks of the embedded store's folder: who runs on it, and whose turn it is to open it. Each holds a folder, which cannot be
//! removed while anything lies in it, and a file beside, by which programs of earlier versions keep each other out.
//! Nobody waits for long without being told what for.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use crate::store::backup::CLAIMS;
use crate::store::contract::StoreError;
use crate::store::private;
use crate::store::sealing::values::{Stored, disk};

/// How often a turn is tried for, with a pause between (five seconds in all): opening takes moments, only a migration of a large
/// store takes longer.
const TRIES: u32 = 100;
/// The same for the lock of the running process: somebody may look for a moment whether there is one.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// A lock that is held; free again when it is dropped, or its process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _folder: File,
    _file: File,
}

impl Lock {
    /// The lock that only one running process holds.
    pub(crate) fn of_run(folder: &Path) -> Stored<Lock> {
        match again_and_again(LOOKS, folder, &folder.join("lock"))? {
            Ok(lock) => Ok(lock),
            Err(holder) => Err(StoreError::Refused(format!(
                "another process runs on this store{holder}; stop it, or run on another folder"
            ))),
        }
    }

    /// The turn to open the store: two processes that open at once would both make its tables.
    pub(crate) fn of_turn(folder: &Path) -> Stored<Lock> {
        let (claims, file) = (folder.join(CLAIMS), folder.join("open.lock"));
        let holder = match again_and_again(TRIES, &claims, &file)? {
            Ok(lock) => return Ok(lock),
            Err(holder) => holder,
        };
        Err(StoreError::Refused(format!(
            "another process is opening this store{holder} or bringing its tables up to date; wait until it has ended, or look \
             which one holds open.lock in the store's folder (`fuser`, `lsof`) and end it"
        )))
    }
}

/// Whether a process runs on the store.
pub(crate) fn runs(folder: &Path) -> bool {
    let held = |path: &Path| {
        File::open(path).is_ok_and(|half| matches!(half.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    held(folder) || held(&folder.join("lock"))
}

fn again_and_again(tries: u32, folder: &Path, file: &Path) -> Stored<Result<Lock, String>> {
    let mut outcome = tried(folder, file)?;
    for _ in 1..tries {
        if outcome.is_ok() {
            break;
        }
        // Nobody sends: it only waits.
        let _ = crossbeam_channel::never::<()>().recv_timeout(PAUSE);
        outcome = tried(folder, file)?;
    }
    Ok(outcome)
}

/// Takes both halves of a lock, or says who holds one of them.
fn tried(folder: &Path, file: &Path) -> Stored<Result<Lock, String>> {
    let held = File::open(folder).map_err(disk)?;
    let mut named = private::for_lock(file).map_err(disk)?;
    match held.try_lock().and_then(|()| named.try_lock()) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Err(holder(&mut named))),
        Err(TryLockError::Error(error)) => return Err(disk(error)),
    }
    // For the one who is kept out; the lock does not depend on it.
    let _ = named.set_len(0).and_then(|()| write!(named, "{}", std::process::id()));
    Ok(Ok(Lock { _folder: held, _file: named }))
}

/// Who wrote its number into the file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    match read {
        Ok(_) if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) => {
            format!(" (number {text})")
        }
        _ => String::new(),
    }
}
