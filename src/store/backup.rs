//! A backup of a store as a folder: the database at one moment, the sealed parts that its rows name, and a manifest. Made aside,
//! made durable, and only then called by its name; key store and deletion ledger are never in it.
//! Decides nothing about what is put back; needs no running process, and disturbs none.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use jiff::Timestamp;

use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::manifest::{Entry, Manifest};
use crate::store::private;
use crate::store::recovery::Copied;
use crate::store::sealing::values::{Stored, disk};
use crate::store::trouble::Cause;

/// The form of the folder that this program writes and reads.
const FORMAT: u32 = 1;
/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The folder of sealed parts.
pub const CLAIMS: &str = "claims";

fn refused<T>(text: impl Into<Cause>) -> Stored<T> {
    Err(StoreError::Refused(text.into()))
}

/// What a failure of the backup's own folder means.
fn folder(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::NotFound => StoreError::Refused("the folder above the backup is missing".into()),
        _ => disk(error),
    }
}

/// A folder beside the one that is made, gone again when it was not called by its name.
struct Aside(PathBuf);

impl Aside {
    fn make(of: &Path) -> Stored<Aside> {
        let Some(name) = of.file_name().and_then(|name| name.to_str()) else {
            return refused("the backup needs a folder of its own; name one that does not exist yet");
        };
        let aside = of.with_file_name(format!("{name}.partial-{}", uuid::Uuid::new_v4().simple()));
        fs::DirBuilder::new().mode(0o700).create(&aside).map_err(folder)?;
        Ok(Aside(aside))
    }

    /// Makes the folder durable and calls it by its name.
    fn named(self, name: &Path) -> Stored<()> {
        sync(&self.0)?;
        fs::rename(&self.0, name).map_err(folder)?;
        sync(parent(name))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Where it was renamed there is nothing left to remove.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn parent(of: &Path) -> &Path {
    of.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(path: &Path) -> Stored<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(folder)
}

/// The size of a file, and its SHA-256 as hex.
pub fn hashed(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let (mut size, mut piece) = (0, vec![0; 256 * 1024]);
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 {
            return Ok((size, hex::encode(hash.finish())));
        }
        hash.update(&piece[..n]);
        size += n as u64;
    }
}

/// Takes a backup while the program runs or stands. Refused where the folder exists already.
pub async fn make(store: &dyn Store, into: &Path, now: Timestamp) -> Result<Manifest, StoreError> {
    if fs::symlink_metadata(into).is_ok() {
        return refused("the folder of the backup exists already; a backup never overwrites, name a new one");
    }
    let aside = Aside::make(into)?;
    let claims = aside.0.join(CLAIMS);
    private::folder(&claims).map_err(folder)?;
    let copied = store.copy(&aside.0).await?;
    let gone = store.copy_claims(&copied.claims, &claims).await?;
    let program = format!("drehscheibe {}", env!("CARGO_PKG_VERSION"));
    let into = into.to_owned();
    let finish = move || -> Stored<Manifest> {
        let mut files = Vec::with_capacity(copied.claims.len() + 1);
        for name in files_of(&aside.0)? {
            let path = aside.0.join(&name);
            sync(&path)?;
            let (size, sha256) = hashed(&path).map_err(disk)?;
            files.push(Entry { name, size, sha256 });
        }
        let database = Copied { claims: Vec::new(), ..copied };
        let manifest = Manifest { format: FORMAT, program, created: now, database, gone, files };
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|_| StoreError::Later("the manifest cannot be written".into()))?;
        let mut file = private::new_file(&aside.0.join(MANIFEST)).map_err(disk)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(disk)?;
        sync(&aside.0.join(CLAIMS))?;
        // What was written is read back before it is called a backup.
        let (_, faults) = verify(&aside.0)?;
        if let Some(fault) = faults.first() {
            return Err(StoreError::Corrupt(format!("what was written cannot be read back: {fault}")));
        }
        aside.named(&into)?;
        Ok(manifest)
    };
    tokio::task::spawn_blocking(finish)
        .await
        .map_err(|_| StoreError::Later("the backup was broken off".into()))?
}

/// Copies key store and ledger to a folder of their own. An older copy there is replaced, because a key that was destroyed
/// since must not live on in it.
pub async fn keys(store: &dyn Store, into: &Path) -> Result<(), StoreError> {
    if into.join(MANIFEST).exists() {
        return refused(
            "this is a backup of the database; the keys belong to another place, or both are lost or stolen together",
        );
    }
    let aside = Aside::make(into)?;
    let file = store.copy_keys(&aside.0).await?;
    sync(&aside.0.join(&file))?;
    let old = into.with_extension(format!("old-{}", uuid::Uuid::new_v4().simple()));
    let before = fs::symlink_metadata(into).is_ok();
    if before {
        if !into.join(&file).is_file() {
            return refused("the folder exists already and holds no copy of keys; name another one");
        }
        fs::rename(into, &old).map_err(folder)?;
    }
    aside.named(into)?;
    if before {
        fs::remove_dir_all(&old).map_err(disk)?;
        sync(parent(into))?;
    }
    Ok(())
}

/// Names of all files of a backup but the manifest, sorted.
fn files_of(dir: &Path) -> Stored<Vec<String>> {
    let mut found = Vec::new();
    for (below, prefix) in [(dir.to_owned(), ""), (dir.join(CLAIMS), "claims/")] {
        for entry in fs::read_dir(below).map_err(folder)? {
            let entry = entry.map_err(disk)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(disk)?.is_file() && name != MANIFEST {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a backup and everything that it should hold; also every fault, in plain words.
pub fn verify(dir: &Path) -> Result<(Manifest, Vec<String>), StoreError> {
    let Ok(text) = fs::read(dir.join(MANIFEST)) else {
        return refused("this folder holds no backup: it has no manifest.json");
    };
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else {
        return refused("the manifest of this backup cannot be read; use another backup");
    };
    if manifest.format != FORMAT {
        return refused(format!(
            "the backup has form {}, this program reads {FORMAT}; use the program of that time",
            manifest.format
        ));
    }
    let mut faults = Vec::new();
    let there: BTreeSet<String> = files_of(dir)?.into_iter().collect();
    let named: BTreeSet<String> = manifest.files.iter().map(|entry| entry.name.clone()).collect();
    faults.extend(there.difference(&named).map(|name| format!("{name} does not belong to it")));
    for entry in &manifest.files {
        match hashed(&dir.join(&entry.name)) {
            Ok((size, sha256)) if (size, &sha256) == (entry.size, &entry.sha256) => {}
            Ok(_) => faults.push(format!("{} was changed or is damaged", entry.name)),
            Err(_) => faults.push(format!("{} is missing or cannot be read", entry.name)),
        }
    }
    if faults.is_empty() {
        faults.extend(database(dir, &manifest));
    }
    Ok((manifest, faults))
}

/// Whether the database of a backup opens and holds what the manifest says.
fn database(dir: &Path, manifest: &Manifest) -> Option<String> {
    let said = &manifest.database;
    let Some(back_end) = crate::store::BACK_ENDS.iter().find(|back_end| back_end.name == said.kind) else {
        return Some("it is of a back end that this program does not know".into());
    };
    match (back_end.look)(&dir.join(&said.file)) {
        Err(error) => Some(format!("{} does not open: {error}", said.file)),
        Ok(None) => None,
        Ok(Some(found)) => {
            let parts: BTreeSet<&str> = manifest
                .files
                .iter()
                .filter_map(|entry| entry.name.strip_prefix("claims/"))
                .chain(manifest.gone.iter().map(String::as_str))
                .collect();
            let wanted: BTreeSet<&str> = found.claims.iter().map(String::as_str).collect();
            if parts != wanted {
                return Some("it does not hold exactly the parts that its rows name".into());
            }
            let same = Copied { claims: Vec::new(), ..found.clone() } == *said;
            (!same).then(|| "the database is not the one that the manifest describes".into())
        }
    }
}
