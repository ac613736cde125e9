//! Claims: long parts in sealed files named by the HMAC of their content, written aside, made durable, then renamed.
//! Never holds more than a few chunks, never writes clear octets to a disk, never takes a path from a handle.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use crate::envelope::Claim;
use crate::seal::key::{Key, random};
use crate::store::contract::SpoolWrite;
use crate::store::sealing::claim_file::{Begun, Ended, Folder, broken};
use crate::store::sealing::keys::MandantKey;
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, disk, sealing};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::read::Readers;
use crate::store::sqlite::values::{sql, trouble};

/// So many collections a finished claim that no row names survives.
const SPARED: u32 = 2;

/// Claims of this process that no row may name yet.
#[derive(Debug, Default)]
pub struct Pending(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    finished: HashMap<String, (Key, u32)>,
    writing: HashSet<String>,
}

impl Pending {
    /// Whether a finished claim of this name is held.
    pub fn holds(&self, name: &str) -> bool {
        self.lock().finished.contains_key(name)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim being written; dropped unfinished it leaves nothing.
pub struct Writing {
    folder: Folder,
    pending: Arc<Pending>,
    keyring: Arc<Keyring>,
    readers: Arc<Readers>,
    mandant: Arc<MandantKey>,
    aside: String,
    open: Begun,
}

impl Writing {
    /// Begins a claim of a Mandant.
    pub fn begin(
        folder: Folder,
        pending: Arc<Pending>,
        keyring: Arc<Keyring>,
        readers: Arc<Readers>,
        mandant: Arc<MandantKey>,
    ) -> Stored<Writing> {
        let aside = hex::encode(random::<16>().map_err(sealing)?);
        pending.lock().writing.insert(aside.clone());
        let open = Begun::begin(&folder.aside(&aside))?;
        Ok(Writing { folder, pending, keyring, readers, mandant, aside, open })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Where it was renamed there is nothing left to remove.
        let _ = fs::remove_file(self.folder.aside(&self.aside));
        self.pending.lock().writing.remove(&self.aside);
    }
}

#[async_trait]
impl SpoolWrite for Writing {
    async fn write(&mut self, octets: Bytes) -> Stored<()> {
        self.open.write(octets).await
    }

    async fn finish(mut self: Box<Self>) -> Stored<(Claim, u64, String)> {
        let Ended { sha256, size, key } = self.open.end().await?;
        let name = hex::encode(self.keyring.claim.full(&[sha256.as_ref()]));
        let known = {
            let name = name.clone();
            self.readers.read(move |db, keyring| stored_key(db, keyring, &name)).await?
        };
        let (folder, pending, mandant) = (self.folder.clone(), self.pending.clone(), self.mandant.clone());
        let (aside, named) = (self.aside.clone(), name.clone());
        let place = move || -> Stored<Vec<u8>> {
            let target = folder.file(&named)?;
            let mut held = pending.lock();
            let there = target.exists();
            // The same content is there already: its file and key serve both.
            let key = match held.finished.remove(&named) {
                Some((key, _)) if there => key,
                _ => match known {
                    Some(key) if there => key,
                    _ => {
                        fs::rename(folder.aside(&aside), &target).map_err(disk)?;
                        File::open(folder.path()).and_then(|dir| dir.sync_all()).map_err(disk)?;
                        key
                    }
                },
            };
            let wrapped = mandant.key.wrap(&claim_place(&named), &key).map_err(sealing)?;
            held.finished.insert(named, (key, 0));
            Ok(wrapped)
        };
        let wrapped = tokio::task::spawn_blocking(place).await.map_err(|_| broken())??;
        Ok((Claim { name, key: STANDARD.encode(wrapped) }, size, hex::encode(sha256)))
    }
}

/// The key of a claim file that a committed row names.
fn stored_key(connection: &Connection, keyring: &Keyring, name: &str) -> Stored<Option<Key>> {
    let mut any = connection.prepare_cached(sql!("claim_use_any")).map_err(trouble)?;
    let found: Option<(Vec<u8>, i64, Option<i64>)> =
        any.query_row([name], |r| Ok((r.get(0)?, r.get(2)?, r.get(3)?))).optional().map_err(trouble)?;
    let Some((wrapped, mandant, subject)) = found else { return Ok(None) };
    let place = claim_place(name);
    let key = match subject {
        None => keyring.by_row(connection, mandant)?.key.unwrap(&place, &wrapped),
        Some(subject) => match keyring.subject(connection, subject)? {
            Some(subject) => subject.key.unwrap(&place, &wrapped),
            None => return Ok(None),
        },
    };
    key.map(Some).map_err(sealing)
}

/// Removes files that no row names and nobody holds. On the writing thread, so that no commit comes between.
pub fn collect(connection: &Connection, folder: &Folder, pending: &Pending) -> Stored<u64> {
    let mut held = pending.lock();
    held.finished.retain(|_, (_, survived)| {
        *survived += 1;
        *survived <= SPARED
    });
    let mut removed = 0;
    for (dir, aside) in [(folder.path().to_owned(), false), (folder.path().join("tmp"), true)] {
        for found in fs::read_dir(&dir).map_err(disk)? {
            let found = found.map_err(disk)?;
            if !found.file_type().map_err(disk)?.is_file() {
                continue;
            }
            let name = found.file_name().to_string_lossy().into_owned();
            let needed = if aside {
                held.writing.contains(&name)
            } else {
                let mut any = connection.prepare_cached(sql!("claim_use_any")).map_err(trouble)?;
                held.finished.contains_key(&name) || any.exists([&name]).map_err(trouble)?
            };
            if !needed {
                fs::remove_file(found.path()).map_err(disk)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}
