//! Claim files: long parts, sealed in chunks, in a folder, named by the HMAC of their content.
//! Never holds more than a few chunks, never writes clear octets to a disk, never takes a path from a handle.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::envelope::Claim;
use crate::seal::key::Key;
use crate::seal::stream::{CHUNK, HEAD, Opener, SEALED_CHUNK, Sealer};
use crate::store::claims::SpoolRead;
use crate::store::error::StoreError;
use crate::store::private;
use crate::store::sealing::claim_names::{Both, Lies, Names, read_in};
use crate::store::sealing::keys::MandantKey;
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, disk, sealing};

/// By a folder of this name a person says that the claims are lost and the house starts without them.
const LOST: &str = "lost";

/// The folder of claims.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held open by who writes: what is put in its place meanwhile is not written to.
    held: Option<Arc<Both>>,
}

impl Folder {
    /// The folder below a store's folder; made where it is missing.
    pub fn open(store: &Path, read_only: bool) -> Stored<Folder> {
        let folder = store.join("claims");
        Folder::is_one(&folder)?;
        if read_only {
            return Ok(Folder { path: folder, held: None });
        }
        private::folder(&folder).and_then(|()| private::folder(&folder.join("tmp"))).map_err(disk)?;
        let held = Some(Arc::new(Both::open(&folder).map_err(disk)?));
        Ok(Folder { path: folder, held })
    }

    fn held(&self) -> Stored<&Both> {
        self.held.as_deref().ok_or_else(|| StoreError::Refused("the store is open for reading only".into()))
    }

    /// An error where other folders lie in the place of those that are held open: whoever starts next would not find what is written.
    fn stands(&self) -> Stored<&Both> {
        let held = self.held()?;
        if held.lie_at(&self.path) { Ok(held) } else { Err(StoreError::Replaced("the folder claims")) }
    }

    fn names(&self, lies: Lies) -> io::Result<Names> {
        match &self.held {
            Some(held) => held.names(lies),
            None => Names::open(&self.path, lies),
        }
    }

    /// Refuses what lies in the place of the folder and is none: to wait for it to become one is to wait for ever, and behind a link lies
    /// what is somebody else's.
    pub fn is_one(folder: &Path) -> Stored<()> {
        match private::no_folder(folder).or_else(|| private::no_folder(&folder.join("tmp"))) {
            None => Ok(()),
            Some(found) => Err(StoreError::Refused(
                format!(
                    "{found} in the store's folder, and no folder; find out who put it there, take it away and put back the folder claims with \
                     the large parts that lay in it (where there were none, it is made anew; a volume of their own is mounted there)"
                )
                .into(),
            )),
        }
    }

    /// The claims that lie here, finished or being written; whatever else lies there is no business of ours.
    pub fn claims(&self, lies: Lies) -> Stored<Vec<String>> {
        self.names(lies).and_then(|names| names.claims()).map_err(disk)
    }

    /// Removes a claim; `false` where it is not there, is no plain file or not ours.
    pub fn remove(&self, lies: Lies, name: &str) -> Stored<bool> {
        self.names(lies).and_then(|names| names.remove(name)).map_err(disk)
    }

    /// Refuses to be of use where rows name claims (`named`) and none lies here: a volume that is not mounted looks like that, and what would
    /// be written meanwhile would lie below it, unseen, once it is there again.
    pub fn is_the_stores(&self, named: bool) -> Stored<()> {
        if !named {
            return Ok(());
        }
        for found in fs::read_dir(&self.path).map_err(disk)? {
            let found = found.map_err(disk)?;
            if found.file_name() == LOST || found.file_type().map_err(disk)?.is_file() {
                return Ok(());
            }
        }
        Err(StoreError::Refused(
            format!(
                "the folder of large parts {} is empty, and messages name parts in it: mount its volume, or put the parts back from the backup; \
                 where they are lost for good, make a folder `{LOST}` in it, and each is told when it is needed",
                self.path.display()
            )
            .into(),
        ))
    }

    /// Opens the file of a claim; its name is checked, so that no handle leads elsewhere.
    fn open_one(&self, name: &str) -> Stored<io::Result<File>> {
        proper(name)?;
        Ok(match &self.held {
            Some(held) => held.read(name),
            None => read_in(&self.path, name),
        })
    }

    /// Whether a claim lies here.
    pub fn is_there(&self, name: &str) -> Stored<bool> {
        proper(name)?;
        self.held()?.is_there(name).map_err(disk)
    }

    /// Puts what was begun where the name of its claim says, durably.
    pub fn place(&self, aside: &str, name: &str) -> Stored<()> {
        proper(name)?;
        self.stands()?.place(aside, name).map_err(disk)
    }

    /// Takes away what was begun, where it became no claim.
    pub fn give_up(&self, aside: &str) {
        if let Some(held) = &self.held {
            held.give_up(aside);
        }
    }

    /// Copies claims by name into a folder and makes them durable; returns those that are gone.
    pub fn copy(&self, names: &[String], into: &Path) -> Stored<Vec<String>> {
        let mut gone = Vec::new();
        for name in names {
            match self.open_one(name)? {
                Ok(mut claim) => private::new_file(&into.join(name))
                    .and_then(|mut copy| io::copy(&mut claim, &mut copy).and_then(|_| copy.sync_all()))
                    .map_err(disk)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => gone.push(name.clone()),
                Err(error) => return Err(disk(error)),
            }
        }
        Ok(gone)
    }
}

fn proper(name: &str) -> Stored<()> {
    match Lies::Finished.names(name) {
        true => Ok(()),
        false => Err(StoreError::Corrupt("a claim has no proper name".into())),
    }
}

struct Draft {
    file: File,
    sealer: Sealer,
    // Hash and size are of the content, not of what stands on the disk.
    hash: digest::Context,
    size: u64,
    buffer: Vec<u8>,
}

impl Draft {
    fn begin(folder: &Folder, aside: &str) -> Stored<Draft> {
        let mut file = folder.stands()?.begin(aside).map_err(disk)?;
        file.write_all(&HEAD).map_err(disk)?;
        let sealer = Sealer::new(Key::random().map_err(sealing)?);
        let hash = digest::Context::new(&digest::SHA256);
        Ok(Draft { file, sealer, hash, size: 0, buffer: Vec::with_capacity(SEALED_CHUNK) })
    }

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
    /// Writes the last chunk and makes the file durable.
    fn end(&mut self) -> Stored<()> {
        self.flush(true)?;
        self.file.sync_all().map_err(disk)
    }
}

/// A claim being written, on threads that may wait; broken for good once anything of it failed.
pub struct Begun(Option<Draft>);

/// What a written claim is named by and opened with.
pub struct Ended {
    /// Hash of its content.
    pub sha256: digest::Digest,
    /// Size of its content.
    pub size: u64,
    /// Its data key.
    pub key: Key,
}

impl Begun {
    /// Begins a file under a new key.
    pub fn begin(folder: &Folder, aside: &str) -> Stored<Begun> {
        Draft::begin(folder, aside).map(|draft| Begun(Some(draft)))
    }

    /// Seals and appends.
    pub async fn write(&mut self, octets: Bytes) -> Stored<()> {
        self.blocking(move |mut draft| match draft.take(&octets) {
            Ok(()) => (Some(draft), Ok(())),
            Err(error) => (None, Err(error)),
        })
        .await
    }

    /// Makes the file durable.
    pub async fn end(&mut self) -> Stored<Ended> {
        self.blocking(|mut draft| {
            let ended = draft.end();
            let Draft { sealer, hash, size, .. } = draft;
            (None, ended.map(|()| Ended { sha256: hash.finish(), size, key: sealer.into_key() }))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(Draft) -> (Option<Draft>, Stored<T>) + Send + 'static,
    ) -> Stored<T> {
        let draft = self.0.take().ok_or_else(broken)?;
        let (draft, made) = tokio::task::spawn_blocking(move || act(draft)).await.map_err(|_| broken())?;
        self.0 = draft;
        made
    }
}

/// A part whose writing did not come to its end.
pub fn broken() -> StoreError {
    StoreError::Later("this part was broken off; begin it again".into())
}

/// A claim being read.
pub struct Reading {
    open: Option<(BufReader<File>, Opener, Vec<u8>)>,
}

impl Reading {
    /// Opens a claim of a Mandant.
    pub fn begin(folder: &Folder, mandant: &MandantKey, claim: &Claim) -> Stored<Reading> {
        let corrupt = || StoreError::Corrupt("a claim's handle is of another Mandant or damaged".into());
        let wrapped = STANDARD.decode(&claim.key).map_err(|_| corrupt())?;
        let key = mandant.key.unwrap(&claim_place(&claim.name), &wrapped).map_err(|_| corrupt())?;
        let mut file = BufReader::with_capacity(SEALED_CHUNK, folder.open_one(&claim.name)?.map_err(disk)?);
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
