//! Claims: long parts in sealed files named by the HMAC of their content, written aside, made durable, then renamed.
//! Never holds more than a few chunks, never writes clear octets to a disk, never takes a path from a handle.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use crate::envelope::Claim;
use crate::seal::key::{Key, random};
use crate::seal::stream::{CHUNK, HEAD, Opener, SEALED_CHUNK, Sealer};
use crate::store::contract::{SpoolRead, SpoolWrite, StoreError};
use crate::store::sqlite::keyring::{Keyring, MandantKey};
use crate::store::sqlite::prepare::claim_place;
use crate::store::sqlite::read::Readers;
use crate::store::sqlite::values::{Stored, disk, sealing, sql, trouble};

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

/// The folder of claims.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder below a store's folder; made where it is missing.
    pub fn open(store: &Path, read_only: bool) -> Stored<Folder> {
        let folder = store.join("claims");
        if !read_only {
            fs::create_dir_all(folder.join("tmp")).map_err(disk)?;
        }
        Ok(Folder(folder))
    }

    fn file(&self, name: &str) -> Stored<PathBuf> {
        let plain = name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if plain {
            Ok(self.0.join(name))
        } else {
            Err(StoreError::Corrupt("a claim has no proper name".into()))
        }
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.0.join("tmp").join(name)
    }
}

struct Open {
    file: File,
    sealer: Sealer,
    hash: digest::Context,
    size: u64,
    buffer: Vec<u8>,
}

impl Open {
    fn take(&mut self, mut octets: &[u8]) -> Stored<()> {
        self.hash.update(octets);
        self.size += octets.len() as u64;
        while !octets.is_empty() {
            // The last full chunk stays until it is known whether more comes.
            if self.buffer.len() == CHUNK {
                self.flush(false)?;
            }
            let (now, rest) = octets.split_at(octets.len().min(CHUNK - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            octets = rest;
        }
        Ok(())
    }

    fn flush(&mut self, last: bool) -> Stored<()> {
        self.sealer.chunk(&mut self.buffer, last).map_err(sealing)?;
        self.file.write_all(&self.buffer).map_err(disk)?;
        self.buffer.clear();
        Ok(())
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
    open: Option<Open>,
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
        let mut writing = Writing { folder, pending, keyring, readers, mandant, aside, open: None };
        let mut file = File::create_new(writing.folder.aside(&writing.aside)).map_err(disk)?;
        file.write_all(&HEAD).map_err(disk)?;
        let sealer = Sealer::new(Key::random().map_err(sealing)?);
        let hash = digest::Context::new(&digest::SHA256);
        let buffer = Vec::with_capacity(SEALED_CHUNK);
        writing.open = Some(Open { file, sealer, hash, size: 0, buffer });
        Ok(writing)
    }

    async fn blocking<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(Open) -> (Option<Open>, Stored<T>) + Send + 'static,
    ) -> Stored<T> {
        let broken = || StoreError::Later("this part was broken off; begin it again".into());
        let open = self.open.take().ok_or_else(broken)?;
        let (open, made) = tokio::task::spawn_blocking(move || act(open)).await.map_err(|_| broken())?;
        self.open = open;
        made
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
        self.blocking(move |mut open| match open.take(&octets) {
            Ok(()) => (Some(open), Ok(())),
            Err(error) => (None, Err(error)),
        })
        .await
    }

    async fn finish(mut self: Box<Self>) -> Stored<(Claim, u64, String)> {
        let (sha256, size, key) = self
            .blocking(|mut open| {
                let ended = open.flush(true).and_then(|()| open.file.sync_all().map_err(disk));
                let Open { sealer, hash, size, .. } = open;
                (None, ended.map(|()| (hash.finish(), size, sealer.into_key())))
            })
            .await?;
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
                        File::open(&folder.0).and_then(|dir| dir.sync_all()).map_err(disk)?;
                        key
                    }
                },
            };
            let wrapped = mandant.key.wrap(&claim_place(&named), &key).map_err(sealing)?;
            held.finished.insert(named, (key, 0));
            Ok(wrapped)
        };
        let wrapped = tokio::task::spawn_blocking(place)
            .await
            .map_err(|_| StoreError::Later("this part was broken off; begin it again".into()))??;
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

/// A claim being read.
pub struct Reading {
    open: Option<(BufReader<File>, Opener, Vec<u8>)>,
}

impl Reading {
    /// Opens a claim of a Mandant.
    pub fn begin(folder: &Folder, mandant: &MandantKey, claim: &Claim) -> Stored<Reading> {
        let path = folder.file(&claim.name)?;
        let corrupt = || StoreError::Corrupt("a claim's handle is of another Mandant or damaged".into());
        let wrapped = STANDARD.decode(&claim.key).map_err(|_| corrupt())?;
        let key = mandant.key.unwrap(&claim_place(&claim.name), &wrapped).map_err(|_| corrupt())?;
        let mut file = BufReader::with_capacity(SEALED_CHUNK, File::open(path).map_err(disk)?);
        let head = fill(&mut file, HEAD.len())?;
        if head != HEAD {
            return Err(StoreError::Corrupt(
                "a claim file has a form that this program does not know".into(),
            ));
        }
        let first = fill(&mut file, SEALED_CHUNK)?;
        Ok(Reading { open: Some((file, Opener::new(key), first)) })
    }
}

fn fill(file: &mut impl Read, most: usize) -> Stored<Vec<u8>> {
    let mut octets = Vec::with_capacity(most);
    file.take(most as u64).read_to_end(&mut octets).map_err(disk)?;
    Ok(octets)
}

#[async_trait]
impl SpoolRead for Reading {
    async fn read(&mut self) -> Stored<Option<Bytes>> {
        let Some((mut file, mut opener, mut chunk)) = self.open.take() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || {
            let next = fill(&mut file, SEALED_CHUNK)?;
            let last = next.is_empty();
            opener.chunk(&mut chunk, last).map_err(|_| {
                StoreError::Corrupt("a claim file is damaged; restore it from the backup".into())
            })?;
            Ok((chunk, (!last).then_some((file, opener, next))))
        });
        let broken = |_| StoreError::Later("reading a claim was broken off".into());
        let (octets, open) = read.await.map_err(broken)??;
        self.open = open;
        // An empty part is one empty chunk.
        Ok(if octets.is_empty() { None } else { Some(octets.into()) })
    }
}

/// Removes files that no row names and nobody holds. On the writing thread, so that no commit comes between.
pub fn collect(connection: &Connection, folder: &Folder, pending: &Pending) -> Stored<u64> {
    let mut held = pending.lock();
    held.finished.retain(|_, (_, survived)| {
        *survived += 1;
        *survived <= SPARED
    });
    let mut removed = 0;
    for (dir, aside) in [(folder.0.clone(), false), (folder.0.join("tmp"), true)] {
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
