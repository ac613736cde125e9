//! Claims: long parts in sealed files named by the HMAC of their content, written aside, made durable, then renamed.
//! Never holds more than a few chunks, never writes clear octets to a disk, never takes a path from a handle.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use crate::envelope::{Claim, Hold};
use crate::seal::key::{Key, random};
use crate::store::claims::SpoolWrite;
use crate::store::sealing::claim_file::{Begun, Ended, Folder, broken};
use crate::store::sealing::claim_names::Lies;
use crate::store::sealing::keys::MandantKey;
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, sealing};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::scene::Nudge;
use crate::store::sqlite::values::{sql, trouble};

/// So many collections a finished claim that no row names survives.
const SPARED: u32 = 2;

/// Claims of this process that no row may name yet.
#[derive(Debug, Default)]
pub struct Pending {
    held: Mutex<Held>,
    /// Wakes who clears away what was let go.
    nudge: OnceLock<Nudge>,
}

#[derive(Debug, Default)]
struct Held {
    finished: HashMap<String, Finished>,
    writing: HashSet<String>,
    /// Let go by everybody; what no row names of it goes.
    let_go: BTreeSet<String>,
}

#[derive(Debug)]
struct Finished {
    key: Key,
    /// How many handles of it are in memory.
    holders: usize,
    /// Collections that it has survived.
    survived: u32,
}

/// One handle's share in a finished claim.
struct Share {
    pending: Arc<Pending>,
    name: String,
}

impl Drop for Share {
    fn drop(&mut self) {
        let last = {
            let mut held = self.pending.lock();
            let Some(finished) = held.finished.get_mut(&self.name) else { return };
            finished.holders = finished.holders.saturating_sub(1);
            let last = finished.holders == 0;
            if last {
                held.finished.remove(&self.name);
                held.let_go.insert(self.name.clone());
            }
            last
        };
        if let (true, Some(nudge)) = (last, self.pending.nudge.get()) {
            nudge.now();
        }
    }
}

impl Pending {
    /// Whether a finished claim of this name is held.
    pub fn holds(&self, name: &str) -> bool {
        self.lock().finished.contains_key(name)
    }

    /// Who is woken when something was let go.
    pub fn wakes(&self, nudge: Nudge) {
        let _ = self.nudge.set(nudge);
    }

    /// Removes files that everybody let go and no row names: of a delivery that was refused without being kept, repeated or broken
    /// off. On the writing thread and outside of any transaction; `durable` makes sure that no row comes back.
    pub fn clear(&self, connection: &Connection, folder: &Folder, durable: impl FnOnce() -> Stored<()>) {
        if self.lock().let_go.is_empty() || durable().is_err() {
            return;
        }
        let mut held = self.lock();
        for name in std::mem::take(&mut held.let_go) {
            let named =
                connection.prepare_cached(sql!("claim_use_any")).and_then(|mut any| any.exists([&name]));
            // Where nobody can tell it stays for the daily collection.
            if let (false, Ok(false)) = (held.finished.contains_key(&name), named) {
                let _ = folder.remove(Lies::Finished, &name);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
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
        let open = Begun::begin(&folder, &aside)?;
        Ok(Writing { folder, pending, keyring, readers, mandant, aside, open })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Where it was renamed there is nothing left to remove.
        self.folder.give_up(&self.aside);
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
        let place = move || -> Stored<(Vec<u8>, Hold)> {
            let mut held = pending.lock();
            let there = folder.is_there(&named)?;
            // The same content is there already: its file and key serve both.
            let before = held.finished.remove(&named);
            let holders = 1 + before.as_ref().map_or(0, |before| before.holders);
            let key = match before {
                Some(before) if there => before.key,
                _ => match known {
                    Some(key) if there => key,
                    _ => {
                        folder.place(&aside, &named)?;
                        key
                    }
                },
            };
            let wrapped = mandant.key.wrap(&claim_place(&named), &key).map_err(sealing)?;
            held.finished.insert(named.clone(), Finished { key, holders, survived: 0 });
            drop(held);
            Ok((wrapped, Hold::of(Share { pending, name: named })))
        };
        let (wrapped, hold) = tokio::task::spawn_blocking(place).await.map_err(|_| broken())??;
        Ok((Claim { name, key: STANDARD.encode(wrapped), hold }, size, hex::encode(sha256)))
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
    held.finished.retain(|_, finished| {
        finished.survived += 1;
        finished.survived <= SPARED
    });
    let mut removed = 0;
    for lies in [Lies::Finished, Lies::Aside] {
        for name in folder.claims(lies)? {
            let needed = match lies {
                Lies::Aside => held.writing.contains(&name),
                Lies::Finished => {
                    let mut any = connection.prepare_cached(sql!("claim_use_any")).map_err(trouble)?;
                    held.finished.contains_key(&name) || any.exists([&name]).map_err(trouble)?
                }
            };
            if !needed {
                removed += u64::from(folder.remove(lies, &name)?);
            }
        }
    }
    Ok(removed)
}
