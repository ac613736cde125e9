//! What was acknowledged, outside of the database: beside the claims each process keeps a small file of what the server has confirmed to it
//! (`witness`), durable before anybody is told of a commit. So a database that was put back while nobody ran is missed by who starts next,
//! also where the keys went back with it: they lie in files. The file may lag behind the database and never leads it. Never decides what
//! becomes of the house, and says nothing where no file lies.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::postgres::witness::{Shown, Witness, shown};
use crate::store::private;
use crate::store::sealing::counts::{Counts, ROOM};
use crate::store::sealing::values::{Stored, disk};

/// The folder of these files, in that of the store.
const FOLDER: &str = "marks";
/// Two places, in blocks of their own: while one is written the other one holds.
const PLACES: [u64; 2] = [0, ROOM as u64];
/// What nobody waits for is written together so long after the first of it.
const MOMENT: Duration = Duration::from_millis(50);
/// After a failure it is tried again so much later.
const AGAIN: Duration = Duration::from_millis(250);
/// So long somebody waits for the disk; then he is told to come again.
const PATIENCE: Duration = Duration::from_secs(10);
/// A link is no file of ours, and nobody waits for a pipe.
const AS_IT_LIES: i32 = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits() as i32;

/// What waits for the file, and up to which request it was written.
#[derive(Default)]
struct Asked {
    last: AtomicU64,
    urgent: Notify,
}

/// Up to which request the file was written, and how that went.
type Heard = (u64, Stored<()>);

/// This process's file; dropping it ends its writing.
pub struct Beside {
    folder: PathBuf,
    store: Uuid,
    asked: Arc<Asked>,
    heard: watch::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Beside {
    /// Begins to keep what a process's witness is told; makes no file before there is something to say.
    pub fn start(store_folder: &Path, store: Uuid, (witness, lauf): (Arc<Witness>, i64)) -> Beside {
        let folder = store_folder.join(FOLDER);
        let (tell, heard) = watch::channel((0, Ok(())));
        let asked = Arc::<Asked>::default();
        let own = Own {
            path: folder.join(witness.process().to_string()),
            folder: folder.clone(),
            of: (store, witness.process()),
            lauf,
            open: Mutex::default(),
        };
        let task = tokio::spawn(keep(Arc::new(own), witness, asked.clone(), tell));
        Beside { folder, store, asked, heard, task }
    }

    /// Returns when all that this process has seen confirmed is written durably.
    pub async fn durable(&self) -> Stored<()> {
        let mine = self.asked.last.fetch_add(1, Ordering::AcqRel) + 1;
        self.asked.urgent.notify_one();
        let mut heard = self.heard.clone();
        let written = tokio::time::timeout(PATIENCE, heard.wait_for(|(upto, _)| *upto >= mine));
        match written.await {
            Ok(Ok(heard)) => heard.1.clone(),
            Ok(Err(_)) => Err(StoreError::Later("the mark of what was acknowledged has ended".into())),
            Err(_) => Err(StoreError::Later(
                "the mark of what was acknowledged is not written in time; is the disk of the claims slow?"
                    .into(),
            )),
        }
    }

    /// An error while the file cannot be written.
    pub fn sound(&self) -> Stored<()> {
        self.heard.borrow().1.clone()
    }

    /// What processes of this store have written beside it; those that run now may be further on meanwhile.
    pub async fn found(&self) -> Stored<Vec<Found>> {
        let (folder, store) = (self.folder.clone(), self.store);
        let read = tokio::task::spawn_blocking(move || found(&folder, store));
        read.await.map_err(|_| StoreError::Later("reading the marks was broken off".into()))?.map_err(disk)
    }

    /// Takes away what these have written: it is known that the database holds it, or that it does not. Who runs all the same makes its file
    /// anew.
    pub async fn forget(&self, found: Vec<Found>) {
        let folder = self.folder.clone();
        let gone = move || {
            for one in found {
                let _ = fs::remove_file(folder.join(one.process.to_string()));
            }
        };
        // What stays is looked at once more by the next start.
        let _ = tokio::task::spawn_blocking(gone).await;
    }
}

/// What a process has written beside the database.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its number in any history.
    pub process: Uuid,
    /// Its number in the store.
    pub lauf: i64,
    /// What the server had confirmed to it.
    pub places: Vec<i64>,
    /// When it was written last, in microseconds since 1970.
    pub at: i64,
}

/// What a database lacks of it that has these rows of process, place and count: how many transactions, when the last of them was
/// confirmed, and whose.
pub fn missing(found: &[Found], rows: &[(Uuid, i64, i64)]) -> Option<(i64, i64, Vec<Found>)> {
    let mut there: HashMap<Uuid, Vec<(i64, i64)>> = HashMap::new();
    for (process, place, n) in rows {
        there.entry(*process).or_default().push((*place, *n));
    }
    let mut lacks = Vec::new();
    let mut transactions = 0;
    for one in found {
        let rows = there.get(&one.process).map_or(&[][..], |rows| rows);
        if let Shown::Missing(n) = shown(&one.places, rows) {
            transactions += n;
            lacks.push(one.clone());
        }
    }
    let until = lacks.iter().map(|one| one.at).max()?;
    Some((transactions, until, lacks))
}

fn found(folder: &Path, store: Uuid) -> io::Result<Vec<Found>> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut all = Vec::new();
    for one in listed {
        let name = one?.file_name();
        let Some(process) = name.to_str().and_then(|name| Uuid::try_parse(name).ok()) else { continue };
        let file = OpenOptions::new().read(true).custom_flags(AS_IT_LIES).open(folder.join(&name));
        let file = match file {
            Ok(file) => file,
            // Taken away meanwhile, or a link: none of ours.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) if fs::symlink_metadata(folder.join(&name)).is_ok_and(|lies| !lies.is_file()) => continue,
            Err(error) => return Err(error),
        };
        let meta = file.metadata()?;
        if !meta.is_file() {
            continue;
        }
        let at = meta.mtime() * 1_000_000 + meta.mtime_nsec() / 1_000;
        if let Some(counts) = newest(&file, (store, process))? {
            all.push(Found { process, lauf: counts.lauf, places: counts.places, at });
        }
    }
    Ok(all)
}

fn newest(file: &File, of: (Uuid, Uuid)) -> io::Result<Option<Counts>> {
    let mut best: Option<Counts> = None;
    for place in PLACES {
        let mut octets = vec![0; ROOM];
        let mut read = 0;
        while read < ROOM {
            match file.read_at(&mut octets[read..], place + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        if let Some(counts) = Counts::read(&octets[..read], of)
            && best.as_ref().is_none_or(|best| best.nth < counts.nth)
        {
            best = Some(counts);
        }
    }
    Ok(best)
}

/// The file of this process.
struct Own {
    folder: PathBuf,
    path: PathBuf,
    of: (Uuid, Uuid),
    lauf: i64,
    open: Mutex<Option<(File, u64)>>,
}

impl Own {
    fn write(&self, places: Vec<i64>) -> Stored<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Who starts takes away what the database is known to hold, also of one that only looked dead.
        let lies = open.take().filter(|(file, _)| file.metadata().is_ok_and(|meta| meta.nlink() > 0));
        let (file, before) = match lies {
            Some(lies) => lies,
            None => (self.made().map_err(disk)?, 0),
        };
        let nth = before + 1;
        let octets = Counts { lauf: self.lauf, nth, places }.written(self.of);
        let place = PLACES[usize::from(nth % 2 == 0)];
        file.write_all_at(&octets, place).and_then(|()| file.sync_data()).map_err(disk)?;
        *open = Some((file, nth));
        Ok(())
    }

    fn made(&self) -> io::Result<File> {
        if let Some(found) = private::no_folder(&self.folder) {
            return Err(io::Error::other(format!("{found} in the store's folder, and no folder")));
        }
        private::folder(&self.folder)?;
        // What may lie there is of this process, which could not write it to its end.
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = private::new_file(&self.path)?;
        // Written, not only lengthened: the blocks are there before they are needed.
        file.write_all_at(&vec![0; 2 * ROOM], 0)?;
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()?;
        Ok(file)
    }
}

async fn keep(own: Arc<Own>, witness: Arc<Witness>, asked: Arc<Asked>, tell: watch::Sender<Heard>) {
    let (mut last, mut again) = (Vec::new(), false);
    loop {
        tokio::select! {
            () = asked.urgent.notified() => {}
            () = tokio::time::sleep(AGAIN), if again => {}
            () = witness.changed() => {
                tokio::select! {
                    () = asked.urgent.notified() => {}
                    () = tokio::time::sleep(MOMENT) => {}
                }
            }
        }
        // In this order: what is asked for later is confirmed later.
        let upto = asked.last.load(Ordering::Acquire);
        let places = witness.confirmed();
        let written = match places == last || places.iter().all(|n| *n == 0) {
            true => Ok(()),
            false => {
                let (own, places) = (own.clone(), places.clone());
                let done = tokio::task::spawn_blocking(move || own.write(places)).await;
                done.unwrap_or_else(|_| Err(StoreError::Later("writing a mark was broken off".into())))
            }
        };
        again = written.is_err();
        if !again {
            last = places;
        }
        // What was told before is of no use any more.
        drop(tell.send_replace((upto, written)));
    }
}

/// The processes of which something was found.
pub fn processes(found: &[Found]) -> Vec<Uuid> {
    found.iter().map(|one| one.process).collect::<HashSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lies(process: u128, places: &[i64], at: i64) -> Found {
        Found { process: Uuid::from_u128(process), lauf: 1, places: places.to_vec(), at }
    }

    #[test]
    fn what_the_files_know_more_than_the_database_is_missing_there() {
        let of = Uuid::from_u128;
        let files = [lies(1, &[3, 4], 10), lies(2, &[9], 30), lies(3, &[1], 20)];
        let whole = [(of(1), 0, 3), (of(1), 1, 4), (of(2), 0, 9), (of(3), 0, 2), (of(4), 0, 1)];
        assert!(missing(&files, &whole).is_none());
        assert!(missing(&[], &whole).is_none());
        let (transactions, until, whose) = missing(&files, &whole[..4][1..]).unwrap();
        assert_eq!((transactions, until, processes(&whose)), (1, 10, vec![of(1)]));
        let (transactions, until, whose) = missing(&files, &[]).unwrap();
        assert_eq!((transactions, until, whose.len()), (4 + 9 + 1, 30, 3));
    }

    #[test]
    fn a_file_says_the_last_that_was_written_and_is_made_anew_where_it_was_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let (store, process) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let path = folder.path().join(FOLDER);
        let own = Own {
            path: path.join(process.to_string()),
            folder: path.clone(),
            of: (store, process),
            lauf: 1,
            open: Mutex::default(),
        };
        assert!(found(&path, store).unwrap().is_empty());
        for n in 1..=5 {
            own.write(vec![n, 7]).unwrap();
            let all = found(&path, store).unwrap();
            assert_eq!(all.iter().map(|one| one.places.clone()).collect::<Vec<_>>(), [vec![n, 7]]);
        }
        assert!(found(&path, process).unwrap().is_empty(), "of another store");
        fs::remove_file(&own.path).unwrap();
        own.write(vec![6]).unwrap();
        // A broken one says what was before it.
        let file = OpenOptions::new().write(true).open(&own.path).unwrap();
        own.write(vec![7]).unwrap();
        file.write_all_at(&[9; 60], PLACES[1]).unwrap();
        assert_eq!(found(&path, store).unwrap()[0].places, [6]);
        // What is no file of ours is left alone.
        std::os::unix::fs::symlink("/etc/passwd", path.join(Uuid::from_u128(9).to_string())).unwrap();
        fs::create_dir(path.join(Uuid::from_u128(8).to_string())).unwrap();
        fs::write(path.join("other"), "x").unwrap();
        assert_eq!(found(&path, store).unwrap().len(), 1);
        assert_eq!(fs::metadata(&own.path).unwrap().mode() & 0o777, 0o600);
    }
}
