//! A tray on the disk: what waits, what was taken, what is done or put apart. Every step is one move, so that a
//! crash never leaves a file nowhere. Never follows a link, never overwrites, never deletes what was not
//! answered.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::TraySettings;

/// The largest document, in octets.
pub const MOST: u64 = 8 << 20;

/// A file that was taken: it lies alone in a folder of its own below `.work`.
#[derive(Clone, PartialEq, Eq)]
pub struct Taken {
    /// The plain name that the sender gave it.
    pub name: OsString,
    place: PathBuf,
}

impl Taken {
    /// The ending of the name in lower case, if it is one that we know.
    pub fn ending(&self) -> Option<&'static str> {
        let ending = Path::new(&self.name).extension()?;
        ["xml", "json"].into_iter().find(|known| ending.eq_ignore_ascii_case(known))
    }

    fn file(&self) -> PathBuf {
        self.place.join(&self.name)
    }
}

/// What a taken file holds.
pub enum Content {
    /// Its octets.
    Octets(Bytes),
    /// Another replica finished it meanwhile.
    Gone,
    /// It is not delivered, for this reason (a code).
    Unfit(&'static str),
}

/// One tray.
pub struct Tray {
    incoming: PathBuf,
    work: PathBuf,
    done: PathBuf,
    apart: PathBuf,
    suffixes: Vec<String>,
    settled_after: Duration,
    keep: bool,
    told_of_folders: AtomicBool,
}

impl Tray {
    /// The tray of these settings; touches nothing yet.
    pub fn new(settings: &TraySettings) -> Tray {
        let incoming = settings.incoming.clone();
        Tray {
            work: incoming.join(".work"),
            done: incoming.join(".done"),
            apart: settings.quarantine.clone().unwrap_or_else(|| incoming.join(".quarantine")),
            incoming,
            suffixes: settings.suffixes.clone(),
            settled_after: settings.settled_after.0,
            keep: settings.keep,
            told_of_folders: AtomicBool::new(false),
        }
    }

    /// Makes the folders that we need; the tray itself must be there, else a missing mount would go unnoticed.
    pub fn prepare(&self) -> io::Result<()> {
        if !fs::metadata(&self.incoming)?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        fs::create_dir_all(&self.work)?;
        fs::create_dir_all(&self.apart)?;
        if self.keep {
            fs::create_dir_all(&self.done)?;
        }
        // Found now rather than after the first verdict, when the file could no longer be moved.
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if fs::metadata(&self.incoming)?.dev() != fs::metadata(&self.apart)?.dev() {
                return Err(ErrorKind::CrossesDevices.into());
            }
        }
        Ok(())
    }

    /// Names that may be taken now, in order.
    pub fn waiting(&self, now: Timestamp) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        let mut folders = false;
        for entry in fs::read_dir(&self.incoming)? {
            let entry = entry?;
            let name = entry.file_name();
            if !self.is_wanted(&name) {
                continue;
            }
            // Says what the entry itself is, not what a link points to.
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                folders = true;
            } else if self.is_settled(&found, now) {
                names.push(name);
            }
        }
        if folders && !self.told_of_folders.swap(true, Ordering::Relaxed) {
            tracing::warn!("a tray holds a folder named like a file; it is left alone");
        }
        names.sort();
        Ok(names)
    }

    /// Takes a file for us alone; `None` when another replica was faster.
    pub fn take(&self, name: &OsStr) -> io::Result<Option<Taken>> {
        let place = self.work.join(Uuid::new_v4().to_string());
        fs::create_dir(&place)?;
        let taken = Taken { name: name.to_owned(), place };
        match fs::rename(self.incoming.join(name), taken.file()) {
            Ok(()) => Ok(Some(taken)),
            Err(error) => {
                fs::remove_dir(&taken.place)?;
                if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) }
            }
        }
    }

    /// Files that were taken and not finished, in order of their names.
    pub fn left_behind(&self) -> io::Result<Vec<Taken>> {
        let mut left = Vec::new();
        for entry in fs::read_dir(&self.work)? {
            let place = entry?.path();
            let Ok(files) = fs::read_dir(&place) else { continue };
            for file in files.flatten() {
                left.push(Taken { name: file.file_name(), place: place.clone() });
            }
        }
        left.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(left)
    }

    /// Reads a taken file.
    pub fn read(&self, taken: &Taken) -> io::Result<Content> {
        let path = taken.file();
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Content::Gone),
            Err(error) => return Err(error),
        };
        if found.is_symlink() {
            return Ok(Content::Unfit("verweis"));
        }
        if !found.is_file() {
            return Ok(Content::Unfit("keine-datei"));
        }
        if found.len() > MOST {
            return Ok(Content::Unfit("zu-gross"));
        }
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Content::Gone),
            // Whatever the cause, one file must not hold up the tray.
            Err(_) => return Ok(Content::Unfit("nicht-lesbar")),
        };
        let mut octets = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
        if file.take(MOST + 1).read_to_end(&mut octets).is_err() {
            return Ok(Content::Unfit("nicht-lesbar"));
        }
        if octets.len() as u64 > MOST {
            return Ok(Content::Unfit("zu-gross"));
        }
        Ok(Content::Octets(octets.into()))
    }

    /// Ends a delivered file: kept or removed.
    pub fn done(&self, taken: &Taken) -> io::Result<()> {
        if self.keep {
            self.move_to(taken, &self.done)?;
        } else {
            gone_is_fine(fs::remove_file(taken.file()))?;
        }
        self.clear(taken)
    }

    /// Puts a file apart with its reason, which holds codes only.
    pub fn put_apart(&self, taken: &Taken, reason: &str) -> io::Result<()> {
        if let Some(name) = self.move_to(taken, &self.apart)? {
            let beside = OsString::from(format!("{name}.grund.txt"));
            write_whole(&self.apart, &beside, reason.as_bytes())?;
        }
        self.clear(taken)
    }

    /// Notes why a file was refused and lets the file go: what of it may be kept is sealed in the store, and a copy in clear
    /// would outlive every deletion there.
    pub fn note_refused(&self, taken: &Taken, reason: &str) -> io::Result<()> {
        let beside = OsString::from(format!("{}.grund.txt", self.own_name(taken)));
        write_whole(&self.apart, &beside, reason.as_bytes())?;
        gone_is_fine(fs::remove_file(taken.file()))?;
        self.clear(taken)
    }

    /// Gives a file back so that any replica may take it again; false when it stays with us, because its name was
    /// used anew.
    pub fn put_back(&self, taken: &Taken) -> io::Result<bool> {
        let moved = match link_then_remove(&taken.file(), &self.incoming.join(&taken.name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            other => other?,
        };
        if moved {
            self.clear(taken)?;
        }
        Ok(moved)
    }

    fn is_wanted(&self, name: &OsStr) -> bool {
        let octets = name.as_encoded_bytes();
        let ends = |suffix: &[u8]| {
            octets.len() > suffix.len() && octets[octets.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
        };
        !octets.starts_with(b".")
            && ![&b".tmp"[..], b".part", b"~"].into_iter().any(ends)
            && self.suffixes.iter().any(|suffix| ends(suffix.as_bytes()))
    }

    fn is_settled(&self, found: &fs::Metadata, now: Timestamp) -> bool {
        if self.settled_after.is_zero() {
            return true;
        }
        let changed = found.modified().ok().and_then(|changed| Timestamp::try_from(changed).ok());
        changed.is_some_and(|changed| {
            Duration::try_from(now.duration_since(changed)).is_ok_and(|age| age >= self.settled_after)
        })
    }

    fn own_name(&self, taken: &Taken) -> String {
        let ours = taken.place.file_name().unwrap_or_default().to_string_lossy();
        format!("{ours}.{}", taken.ending().unwrap_or("datei"))
    }

    /// Moves a file under a name of ours, because senders write persons into theirs; gives the name, or `None` when
    /// another replica moved it.
    fn move_to(&self, taken: &Taken, folder: &Path) -> io::Result<Option<String>> {
        let name = self.own_name(taken);
        match link_then_remove(&taken.file(), &folder.join(&name)) {
            Ok(true) => Ok(Some(name)),
            // Only this very file can have the name: a crash came between linking and removing.
            Ok(false) => gone_is_fine(fs::remove_file(taken.file())).map(|()| Some(name)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn clear(&self, taken: &Taken) -> io::Result<()> {
        gone_is_fine(fs::remove_dir(&taken.place))
    }
}

/// Writes a file that appears whole or not at all and survives a power cut.
pub fn write_whole(folder: &Path, name: &OsStr, content: &[u8]) -> io::Result<()> {
    let mut temporary = Temporary::create(folder)?;
    temporary.file.write_all(content)?;
    temporary.publish(name)
}

/// A file under a name that nobody takes; gone when dropped before it was published.
pub struct Temporary {
    /// The file to write to.
    pub file: fs::File,
    folder: PathBuf,
    path: Option<PathBuf>,
}

impl Temporary {
    /// Begins a file in the folder.
    pub fn create(folder: &Path) -> io::Result<Temporary> {
        let path = folder.join(format!(".{}.tmp", Uuid::new_v4()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let file = options.open(&path)?;
        Ok(Temporary { file, folder: folder.to_owned(), path: Some(path) })
    }

    /// Gives it its name, replacing an earlier file of that name, durably.
    pub fn publish(mut self, name: &OsStr) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(path) = &self.path {
            fs::rename(path, self.folder.join(name))?;
            self.path = None;
        }
        fs::File::open(&self.folder)?.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Nothing to be done when even that fails; the name keeps it from being taken.
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes what a crash left of files that were being written: older than a day by the given time.
pub fn sweep(folder: &Path, now: Timestamp) -> io::Result<()> {
    const OLD: Duration = Duration::from_secs(24 * 3600);
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".tmp"));
        if id.is_none_or(|id| Uuid::try_parse(id).is_err()) {
            continue;
        }
        let changed = entry.metadata().and_then(|found| found.modified()).ok();
        let age =
            changed.and_then(|changed| Timestamp::try_from(changed).ok()).map(|at| now.duration_since(at));
        if age.is_some_and(|age| Duration::try_from(age).is_ok_and(|age| age > OLD)) {
            gone_is_fine(fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

/// Moves without ever overwriting; false when the new name is used.
fn link_then_remove(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::hard_link(from, to) {
        Ok(()) => {
            gone_is_fine(fs::remove_file(from))?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        // File systems without hard links, and files of others under protected_hardlinks.
        Err(_) => match fs::symlink_metadata(to) {
            Ok(_) => Ok(false),
            Err(_) => fs::rename(from, to).map(|()| true),
        },
    }
}

fn gone_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
