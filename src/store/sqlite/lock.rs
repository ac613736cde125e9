//! The locks of the embedded store's folder: who runs on it, and whose turn it is to open it. Each holds a folder, which cannot be
//! removed while anything lies in it, and a file beside, by which programs of earlier versions keep each other out.
//! Nobody waits for long without being told what for.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::store::backup::CLAIMS;
use crate::store::error::StoreError;
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
    folder: File,
    _file: File,
}

impl Lock {
    /// The lock that only one running process holds.
    pub(crate) fn of_run(folder: &Path) -> Stored<Lock> {
        match again_and_again(LOOKS, folder, &folder.join("lock"))? {
            Ok(lock) => Ok(lock),
            Err(holder) => Err(StoreError::Refused(
                format!(
                    "another process runs on this store{}; stop it, or run on another folder",
                    in_brackets(&holder)
                )
                .into(),
            )),
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
            "open.lock in the store's folder is held by another process{}: it opens this store, brings its tables up to date, or has \
             nothing to do with it (a backup program?); wait until it has ended, or look who it is (`fuser`, `lsof`) and end it",
            in_brackets(&holder)
        ).into()))
    }

    /// By what this lock is told from that of a copy: where its folder lies.
    pub(crate) fn sign(&self) -> Option<Vec<u8>> {
        self.folder.metadata().ok().map(|found| place(&found))
    }
}

/// The sign of whoever runs on the store now.
pub(crate) fn sign(folder: &Path) -> Option<Vec<u8>> {
    if !runs(folder) {
        return None;
    }
    fs::metadata(folder).ok().map(|found| place(&found))
}

/// No copy of a folder has its place, not even one of links.
fn place(found: &fs::Metadata) -> Vec<u8> {
    [found.dev().to_be_bytes(), found.ino().to_be_bytes()].concat()
}

/// Whether a process runs on the store.
pub(crate) fn runs(folder: &Path) -> bool {
    let held = |path: &Path| {
        private::to_look(path)
            .is_ok_and(|half| matches!(half.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    held(folder) || held(&folder.join("lock"))
}

fn again_and_again(tries: u32, folder: &Path, file: &Path) -> Stored<Result<Lock, Option<String>>> {
    for nth in 0..tries {
        if nth > 0 {
            pause();
        }
        if let Some(lock) = tried(folder, file)? {
            return Ok(Ok(lock));
        }
    }
    Ok(Err(holder(file).or_else(|| holder(folder))))
}

/// Nobody sends: it only waits.
pub(crate) fn pause() {
    let _ = crossbeam_channel::never::<()>().recv_timeout(PAUSE);
}

/// Refuses what lies in the place of a file of the store and is none: nobody would open it but by taking it away.
pub(crate) fn plain(path: &Path) -> Stored<()> {
    refused(private::no_file(path, false))
}

/// The same of a file that SQLite opens beside its database, and follows no link for.
pub(crate) fn plain_itself(path: &Path) -> Stored<()> {
    refused(private::no_file(path, true))
}

fn refused(found: Option<String>) -> Stored<()> {
    match found {
        None => Ok(()),
        Some(found) => Err(StoreError::Refused(format!(
            "{found} in the store's folder, and no plain file; find out who put it there, take it away and put back what lay there \
             (a lock is made anew)"
        )
        .into())),
    }
}

/// Takes both halves of a lock; `None` where somebody holds one of them.
fn tried(folder: &Path, file: &Path) -> Stored<Option<Lock>> {
    plain(file)?;
    let held = private::to_look(folder).map_err(disk)?;
    let mut named = private::for_lock(file).map_err(disk)?;
    match held.try_lock().and_then(|()| named.try_lock()) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(disk(error)),
    }
    // For a person who looks into it; the lock does not depend on it, and nobody reads who holds it from there.
    let _ = named.set_len(0).and_then(|()| write!(named, "{}", std::process::id()));
    Ok(Some(Lock { folder: held, _file: named }))
}

/// Who holds a lock on a file now, as the system says: its number and what it is called. `None` where the system does not tell, as of
/// a process of another container.
pub(crate) fn holder(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let (device, inode) = (found.dev(), found.ino());
    let place = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 4711 08:02:131 0 EOF`; who waits has an arrow behind its number.
    let number = locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, number, at, ..] = fields[..] else { return None };
        (at == place).then(|| number.parse::<u32>().ok()).flatten()
    })?;
    let name = fs::read_to_string(format!("/proc/{number}/comm")).ok()?;
    Some(format!("process {number}, {}", name.trim()))
}

/// A holder as it is put into a sentence.
pub(crate) fn in_brackets(holder: &Option<String>) -> String {
    holder.as_ref().map_or_else(String::new, |holder| format!(" ({holder})"))
}

/// Linux: the higher half of a device's number, as the C library has it.
fn major(device: u64) -> u64 {
    (device >> 8) & 0xfff | (device >> 32) & !0xfff
}

/// The lower half.
fn minor(device: u64) -> u64 {
    device & 0xff | (device >> 12) & !0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_lock_is_named_as_the_system_says_and_not_as_a_file_does() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(CLAIMS)).unwrap();
        let path = folder.path().join("open.lock");
        fs::write(&path, "4194303").unwrap();
        assert_eq!(holder(&path), None, "nobody holds it, whatever is written there");
        let held = File::options().write(true).open(&path).unwrap();
        held.lock().unwrap();
        let refused = Lock::of_turn(folder.path()).unwrap_err().to_string();
        assert!(!refused.contains("4194303"), "{refused}");
        if fs::read_to_string("/proc/locks").is_ok_and(|locks| !locks.is_empty()) {
            assert!(refused.contains(&format!("(process {}, ", std::process::id())), "{refused}");
        }
        drop(held);
        assert!(Lock::of_turn(folder.path()).is_ok());
    }
}
