//! Folders and files by handle: every part of a path is opened without following links, and what was opened is what is read,
//! renamed and removed. Whoever can write in a folder may put anything into it at any moment; no path is looked at twice here.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::{
    self as sys, Access, AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat, StatxFlags,
};
use uuid::Uuid;

use crate::telemetry::machine;

/// A folder that is held open.
#[derive(Clone)]
pub struct Room(Arc<OwnedFd>);

/// Which file it is and in which state: two equal marks are the same file with the same content, as far as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    dev: u64,
    ino: u64,
    size: u64,
    written: (i64, u64),
    changed: (i64, u64),
}

impl Mark {
    /// Its size in octets.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When it was last changed or renamed; unlike the time of writing nobody can set it.
    pub fn changed(&self) -> Option<Timestamp> {
        Timestamp::new(self.changed.0, i32::try_from(self.changed.1).ok()?).ok()
    }

    /// Whether it is the same file with the same content, which may have been renamed between.
    pub fn same_content(&self, other: &Mark) -> bool {
        (self.dev, self.ino, self.size, self.written) == (other.dev, other.ino, other.size, other.written)
    }
}

/// What lies under a name.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Which it is.
    pub mark: Mark,
    /// File, folder, link or something else.
    pub kind: FileType,
    /// Under how many names it lies.
    pub names: u64,
    /// Number of the user that it belongs to.
    pub owner: u32,
}

// The widths of these fields differ from one processor to the next.
fn wide(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

impl From<Stat> for Found {
    fn from(stat: Stat) -> Found {
        let mark = Mark {
            dev: wide(stat.st_dev),
            ino: wide(stat.st_ino),
            size: wide(stat.st_size),
            written: (stat.st_mtime, wide(stat.st_mtime_nsec)),
            changed: (stat.st_ctime, wide(stat.st_ctime_nsec)),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        Found { mark, kind, names: wide(stat.st_nlink), owner: stat.st_uid }
    }
}

/// A folder to pass through: it need not be readable.
const THROUGH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Room {
    /// Opens a folder. Links in `base` are the operator's own and are followed; no part of `rest` may be one. An absolute
    /// `rest` stands for itself.
    ///
    /// # Errors
    /// What the system says; `NotADirectory` with a sentence where a part is a link.
    pub fn open(base: &Path, rest: &Path) -> io::Result<Room> {
        let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
        let start = if rest.is_absolute() { Path::new("/") } else { base };
        let mut at = sys::openat(CWD, start, THROUGH, Mode::empty())?;
        for part in rest.components() {
            match part {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => at = enter(&at, name, THROUGH)?,
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(io::Error::new(ErrorKind::InvalidInput, "its path contains `..`"));
                }
            }
        }
        Ok(Room(Arc::new(sys::openat(&at, ".", FOLDER, Mode::empty())?)))
    }

    /// A folder that takes files and cannot be synced, as some file systems have them: the system refuses that to a handle which was opened
    /// to pass through only.
    #[cfg(test)]
    pub fn to_pass_through(path: &Path) -> io::Result<Room> {
        Ok(Room(Arc::new(sys::openat(CWD, path, THROUGH, Mode::empty())?)))
    }

    /// Opens a folder of our own and makes what is missing of it, for us alone.
    pub fn make(base: &Path, rest: &Path) -> io::Result<Room> {
        let mut room = Room::open(base, Path::new(if rest.is_absolute() { "/" } else { "" }))?;
        for part in rest.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir)) {
            room = match room.below(part.as_os_str()) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    match sys::mkdirat(&room.0, part.as_os_str(), Mode::RWXU) {
                        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
                        _ => room.below(part.as_os_str())?,
                    }
                }
                other => other?,
            };
        }
        Ok(room)
    }

    /// A folder in this one; a link is none.
    pub fn below(&self, name: &OsStr) -> io::Result<Room> {
        Ok(Room(Arc::new(enter(&self.0, name, FOLDER)?)))
    }

    /// A folder in this one, made where it is missing.
    pub fn below_or_new(&self, name: &OsStr) -> io::Result<Room> {
        match sys::mkdirat(&self.0, name, Mode::RWXU | Mode::RWXG) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
            _ => self.below(name),
        }
    }

    /// Whether files can be made and removed here.
    pub fn may_write(&self) -> io::Result<()> {
        Ok(sys::accessat(&self.0, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty())?)
    }

    /// Calls `each` for every name.
    pub fn each(&self, mut each: impl FnMut(&OsStr)) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                each(name);
            }
        }
        Ok(())
    }

    /// What lies under a name, itself and not what it leads to; `None` when nothing does.
    pub fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match sys::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a plain file for reading; `None` when there is none, or something else came to its place.
    pub fn file(&self, name: &OsStr) -> io::Result<Option<(File, Found)>> {
        // Looked at first, because to open a device is to act on it.
        if self.look(name)?.is_none_or(|found| found.kind != FileType::RegularFile) {
            return Ok(None);
        }
        // A pipe that was put there meanwhile must not hold us up.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = match sys::openat(&self.0, name, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let found = Found::from(sys::fstat(&opened)?);
        Ok((found.kind == FileType::RegularFile).then(|| (File::from(opened), found)))
    }

    /// Renames into another folder, replacing what has the name there.
    pub fn rename(&self, name: &OsStr, into: &Room, new: &OsStr) -> io::Result<()> {
        Ok(sys::renameat(&self.0, name, &into.0, new)?)
    }

    /// Renames within the folder unless the name is used; false when it is, or when the file system cannot do that.
    pub fn rename_if_free(&self, name: &OsStr, new: &OsStr) -> io::Result<bool> {
        use rustix::io::Errno;
        match sys::renameat_with(&self.0, name, &self.0, new, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a name; that it is gone already is fine.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        gone_is_fine(sys::unlinkat(&self.0, name, AtFlags::empty()))
    }

    /// Removes an empty folder; true when it is gone.
    pub fn remove_folder(&self, name: &OsStr) -> bool {
        gone_is_fine(sys::unlinkat(&self.0, name, AtFlags::REMOVEDIR)).is_ok()
    }

    /// By what a folder is known again, also after a restart of the machine: the number that its file system has for it and the moment at which
    /// it was made, which no other folder shares. Numbers alone do not do: the first folder of two volumes often has the same. Where no moment is
    /// known its device stands for it, so that such a folder is rather another one than taken for this one.
    pub fn identity(&self) -> io::Result<Vec<u8>> {
        identity(&*self.0, OsStr::new(""), AtFlags::EMPTY_PATH)
    }

    /// The same of what lies under a name, itself and not what it leads to; `None` when nothing does.
    pub fn identity_of(&self, name: &OsStr) -> io::Result<Option<Vec<u8>>> {
        match identity(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(identity) => Ok(Some(identity)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes names durable.
    pub fn sync(&self) -> io::Result<()> {
        Ok(sys::fsync(&self.0)?)
    }
}

fn identity(at: impl AsFd, name: &OsStr, flags: AtFlags) -> io::Result<Vec<u8>> {
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    let found = sys::statx(at, name, flags, wanted)?;
    let born = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME);
    let (seconds, rest) = match born {
        true => (found.stx_btime.tv_sec, found.stx_btime.tv_nsec),
        false => (i64::from(found.stx_dev_major), found.stx_dev_minor),
    };
    let mut identity = found.stx_ino.to_be_bytes().to_vec();
    identity.extend([u8::from(born)]);
    identity.extend(seconds.to_be_bytes());
    identity.extend(rest.to_be_bytes());
    Ok(identity)
}

/// What may be said of an error: which kind of trouble the system has, or a sentence of this room. A library's text could hold
/// a name.
pub fn said(error: &io::Error) -> String {
    match error.get_ref() {
        Some(ours) if error.raw_os_error().is_none() => ours.to_string(),
        _ => machine::said(error),
    }
}

/// Opens a folder in a folder. Says so where it is a link, because that is what a person has to know.
fn enter(at: &OwnedFd, name: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
    sys::openat(at, name, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| {
        let found = sys::statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
        match found.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Symlink) => io::Error::new(
                ErrorKind::NotADirectory,
                "a folder of its path is a link, and links are not followed; name the folder itself",
            ),
            _ => error.into(),
        }
    })
}

fn gone_is_fine(outcome: rustix::io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a file that appears whole or not at all and survives a power cut; gives back by what it is known again.
pub fn write_whole(room: &Room, name: &OsStr, content: &[u8]) -> io::Result<Vec<u8>> {
    let (identity, durable) = lay_whole(room, name, content)?;
    durable.map(|()| identity)
}

/// The same for a folder of which somebody else takes things away. An error: nothing could be seen there. The inner one: it can be seen, and
/// may be gone after a power cut.
pub fn lay_whole(room: &Room, name: &OsStr, content: &[u8]) -> io::Result<(Vec<u8>, io::Result<()>)> {
    let mut temporary = Temporary::create(room)?;
    temporary.file.write_all(content)?;
    // By its handle: what lies under the name afterwards may be another file.
    let identity = identity(&temporary.file, OsStr::new(""), AtFlags::EMPTY_PATH)?;
    temporary.place(name)?;
    Ok((identity, room.sync()))
}

/// A file under a name that nobody takes; gone when dropped before it was published.
pub struct Temporary {
    /// The file to write to.
    pub file: File,
    room: Room,
    name: Option<OsString>,
}

impl Temporary {
    /// A name that no other file has.
    pub fn fresh_name() -> String {
        format!(".{}.tmp", Uuid::new_v4())
    }

    /// Begins a file in the folder. Its group may read it whatever the umask is: in an out tray that is the partner.
    pub fn create(room: &Room) -> io::Result<Temporary> {
        Temporary::named(room, Temporary::fresh_name())
    }

    /// Begins a file under a name that [`Temporary::fresh_name`] gave, and that is not in use.
    pub fn named(room: &Room, name: String) -> io::Result<Temporary> {
        let name = OsString::from(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = sys::openat(&room.0, &name, flags, Mode::RUSR | Mode::WUSR)?;
        let file = File::from(opened);
        let temporary = Temporary { file, room: room.clone(), name: Some(name) };
        sys::fchmod(&temporary.file, Mode::RUSR | Mode::WUSR | Mode::RGRP)?;
        Ok(temporary)
    }

    /// Gives it its name, replacing an earlier file of that name, durably.
    pub fn publish(self, name: &OsStr) -> io::Result<()> {
        let room = self.room.clone();
        self.place(name)?;
        room.sync()
    }

    /// Gives it its name; its content is durable then, and the name once the folder is synced.
    fn place(mut self, name: &OsStr) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(written) = self.name.take()
            && let Err(error) = self.room.rename(&written, &self.room, name)
        {
            self.name = Some(written);
            return Err(error);
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Nothing to be done when even that fails; the name keeps it from being taken.
            let _ = self.room.remove(name);
        }
    }
}

/// Removes plain files whose name `ours` knows and that nobody has changed for so long.
pub fn sweep(
    room: &Room,
    now: Timestamp,
    old: std::time::Duration,
    ours: impl Fn(&str) -> bool,
) -> io::Result<()> {
    let mut names = Vec::new();
    room.each(|name| {
        if name.to_str().is_some_and(&ours) {
            names.push(name.to_owned());
        }
    })?;
    for name in names {
        let Some(found) = room.look(&name)? else { continue };
        let written = Timestamp::new(found.mark.written.0, 0).unwrap_or(Timestamp::MAX);
        let age = std::time::Duration::try_from(now.duration_since(written)).unwrap_or_default();
        if found.kind == FileType::RegularFile && age > old {
            room.remove(&name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_again_and_one_made_anew_is_another() {
        let base = tempfile::tempdir().unwrap();
        let open = || Room::open(base.path(), Path::new("out")).unwrap().identity().unwrap();
        std::fs::create_dir(base.path().join("out")).unwrap();
        let first = open();
        std::fs::write(base.path().join("out/a.xml"), "").unwrap();
        assert_eq!(open(), first);
        for _ in 0..8 {
            // File systems like to give the number of a folder that has gone to the next one.
            std::fs::remove_dir_all(base.path().join("out")).unwrap();
            std::fs::create_dir(base.path().join("out")).unwrap();
            assert_ne!(open(), first);
        }
    }
}
