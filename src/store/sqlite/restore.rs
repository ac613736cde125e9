//! Putting a backup in the place of a stopped embedded store. The old one is kept aside; key store and ledger stay as they are.
//! Never changes a store that runs, and never one that the backup does not belong to.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::params;
use secrecy::SecretBox;

use crate::envelope::Stage;
use crate::store::backup::CLAIMS;
use crate::store::error::StoreError;
use crate::store::lies::Lies;
use crate::store::manifest::Manifest;
use crate::store::private;
use crate::store::recovery::Restored;
use crate::store::restore::PutBack;
use crate::store::sealing::values::{Stored, disk, micros};
use crate::store::sqlite::files::{DATABASE, KEYS};
use crate::store::sqlite::lock::Lock;
use crate::store::sqlite::open::{self, Settings};
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::{acts, recovery};
use crate::store::sqlite::{keys_end, mark};

/// Marks a store whose database was put back by other means, as the menu of back ends has it.
pub fn mark(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    restored: &Restored,
) -> Result<(), StoreError> {
    let place = place.folder()?;
    let _lock = stopped(place)?;
    let mut files = open::open(&Settings { path: place.to_owned(), stage, master, read_only: false })?;
    // What both marks show to be missing stays known where nobody says when the backup was taken.
    let commits = mark::missing(&files.main, &files.keys, place)?.filter(|_| restored.copied.is_none());
    let acts = keys_end::settle(&files.main, &mut files.keys)?;
    recovery::fill_gap(&files.main, &files.keys, restored.at)?;
    recovery::mark(&files.main, restored)?;
    for (from, until, missing) in commits.into_iter().chain(acts) {
        files.main.execute(sql!("recovery_lost"), params![from, until, missing]).map_err(trouble)?;
    }
    if commits.is_some() {
        keys_end::leave_out(&files.keys, 0)?;
    }
    mark::set(&files.keys, place, &acts::chain(&files.main)?.mark())
}

/// Puts a verified backup in place, marked as recovering, as the menu of back ends has it.
pub fn put_back(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    (backup, manifest): (&Path, &Manifest),
    restored: &Restored,
) -> Result<PutBack, StoreError> {
    let place = place.folder()?;
    let _lock = stopped(place)?;
    // Who takes the turn holds this folder, and a new machine has the key store alone.
    open::claims_folder(place)?;
    private::folder(&place.join(CLAIMS)).map_err(disk)?;
    // No other process opens meanwhile what is about to be moved.
    let _turn = Lock::of_turn(place)?;
    let coming = place.join("coming");
    if coming.exists() {
        // Of a recovery that was broken off before anything was in place.
        fs::remove_dir_all(&coming).map_err(disk)?;
    }
    private::folder(&coming).and_then(|()| private::folder(&coming.join(CLAIMS))).map_err(disk)?;
    for entry in &manifest.files {
        let to = coming.join(&entry.name);
        fs::copy(backup.join(&entry.name), &to).map_err(disk)?;
        private::close(&to).map_err(disk)?;
        synced(&to)?;
    }
    private::folder(&coming.join(CLAIMS).join("tmp")).map_err(disk)?;
    // Looked at and marked before it is in place: what stands there is then closed, whatever happens.
    let acknowledged = {
        let files =
            open::beside(&Settings { path: place.to_owned(), stage, master, read_only: false }, &coming)?;
        recovery::mark(&files, restored)?;
        let acknowledged = acts::chain(&files)?.mark();
        files
            .close()
            .map_err(|_| StoreError::Later("the copy cannot be closed; is the disk full?".into()))?;
        acknowledged
    };
    for name in [DATABASE, CLAIMS] {
        synced(&coming.join(name))?;
    }
    let aside = place.join(format!("before-recover-{}", micros(restored.at)));
    private::folder(&aside).map_err(disk)?;
    for name in [DATABASE, "drehscheibe.db-wal", "drehscheibe.db-shm", CLAIMS] {
        moved(&place.join(name), &aside.join(name))?;
    }
    // A crash from here on leaves a store without a database, which is refused, because its keys know of one.
    for name in [CLAIMS, DATABASE] {
        moved(&coming.join(name), &place.join(name))?;
    }
    synced(place)?;
    mark::set(&open::connect(&place.join(KEYS), false)?, place, &acknowledged)?;
    fs::remove_dir_all(&coming).map_err(disk)?;
    Ok(PutBack::Done { aside })
}

/// Holds the lock of the running process, so that none begins.
fn stopped(place: &Path) -> Stored<Lock> {
    if !place.join(KEYS).is_file() {
        return Err(StoreError::Refused(
            "the key store keys.db is missing in the data folder; put its newest copy there first, without it nothing opens".into(),
        ));
    }
    Lock::of_run(place)
}

fn moved(from: &Path, to: &Path) -> Stored<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk(error)),
        _ => Ok(()),
    }
}

fn synced(path: &Path) -> Stored<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(disk)
}
