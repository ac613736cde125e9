//! What lies in the folder of claims, by handle: the folder is opened without following links, and of what is in it only what has a claim's own
//! name, and is a plain file under one name of whoever the folder belongs to, is listed or removed. Whatever else lies there is left alone.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, fsync, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// Where files that are being written lie.
const TMP: &str = "tmp";
/// The longest number of a process before the name of a file that it writes.
const NUMBER: usize = 20;

/// Of so many strange things in a folder of claims this process has told.
static TOLD: AtomicU64 = AtomicU64::new(0);

/// Which of the two folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    /// That of finished claims.
    Finished,
    /// That of claims which are being written.
    Aside,
}

impl Lies {
    /// Whether a claim of ours can have this name here: the HMAC of its content; or by chance, behind the number of its process where
    /// several share the folder.
    pub fn names(self, name: &str) -> bool {
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
        };
        match (self, name.split_once('-')) {
            (Lies::Finished, _) => hex(name, 64),
            (Lies::Aside, None) => hex(name, 32),
            (Lies::Aside, Some((process, name))) => {
                let number = (1..=NUMBER).contains(&process.len());
                number && process.bytes().all(|octet| octet.is_ascii_digit()) && hex(name, 32)
            }
        }
    }
}

/// One of the two folders, held open.
pub struct Names {
    folder: OwnedFd,
    owner: u32,
    lies: Lies,
}

/// Both folders, held open for as long as a store is: whatever is put in their place meanwhile, nothing is written there.
#[derive(Debug)]
pub struct Both {
    claims: OwnedFd,
    tmp: OwnedFd,
}

impl Both {
    /// Opens them; neither may be a link.
    pub fn open(claims: &Path) -> io::Result<Both> {
        let claims = openat(CWD, claims, FOLDER, Mode::empty())?;
        let tmp = openat(&claims, TMP, FOLDER, Mode::empty())?;
        Ok(Both { claims, tmp })
    }

    fn of(&self, lies: Lies) -> &OwnedFd {
        match lies {
            Lies::Finished => &self.claims,
            Lies::Aside => &self.tmp,
        }
    }

    /// Whether these are the folders that lie there by name now.
    pub fn lie_at(&self, claims: &Path) -> bool {
        let is = |fd: &OwnedFd| fstat(fd).map(|found| (found.st_dev, found.st_ino));
        Both::open(claims).is_ok_and(|there| {
            let same =
                |lies| matches!((is(self.of(lies)), is(there.of(lies))), (Ok(one), Ok(two)) if one == two);
            same(Lies::Finished) && same(Lies::Aside)
        })
    }

    /// What lies in one of them, as [`Names::open`] has it.
    pub fn names(&self, lies: Lies) -> io::Result<Names> {
        let folder = self.of(lies).try_clone()?;
        let owner = fstat(&folder)?.st_uid;
        Ok(Names { folder, owner, lies })
    }

    /// Begins a file that is to become a claim.
    pub fn begin(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.tmp, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    /// Takes away what was begun, where it still lies there.
    pub fn give_up(&self, name: &str) {
        // Where it became a claim there is nothing left to remove.
        let _ = unlinkat(&self.tmp, name, AtFlags::empty());
    }

    /// Puts what was begun where its name says, durably.
    pub fn place(&self, aside: &str, name: &str) -> io::Result<()> {
        renameat(&self.tmp, aside, &self.claims, name)?;
        Ok(fsync(&self.claims)?)
    }

    /// Opens a claim to read it.
    pub fn read(&self, name: &str) -> io::Result<File> {
        to_read(&self.claims, name)
    }

    /// Whether a plain file of this name lies among the claims.
    pub fn is_there(&self, name: &str) -> io::Result<bool> {
        match statat(&self.claims, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(FileType::from_raw_mode(found.st_mode) == FileType::RegularFile),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Opens a claim to read it; a link or something else in its place is not there.
fn to_read(claims: &OwnedFd, name: &str) -> io::Result<File> {
    // A pipe that was put there must not hold us up.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(claims, name, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(io::ErrorKind::NotFound.into()),
        other => File::from(other?),
    };
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// The same of a folder that is not held open.
pub fn read_in(claims: &Path, name: &str) -> io::Result<File> {
    to_read(&openat(CWD, claims, FOLDER, Mode::empty())?, name)
}

impl Names {
    /// Opens one; neither it nor the one that it lies in may be a link.
    pub fn open(claims: &Path, lies: Lies) -> io::Result<Names> {
        let mut folder = openat(CWD, claims, FOLDER, Mode::empty())?;
        if lies == Lies::Aside {
            folder = openat(&folder, TMP, FOLDER, Mode::empty())?;
        }
        let owner = fstat(&folder)?.st_uid;
        Ok(Names { folder, owner, lies })
    }

    /// The claims in it. That something else lies there is told, once.
    pub fn claims(&self) -> io::Result<Vec<String>> {
        let (mut claims, mut strange) = (Vec::new(), 0);
        for entry in Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            match (self.is_one(name)?, name.to_str()) {
                (Some(true), Some(name)) => claims.push(name.to_owned()),
                // What a network file system keeps of a file that somebody still reads goes by itself.
                (Some(false), name) if !name.is_some_and(|name| name.starts_with(".nfs")) => strange += 1,
                _ => {}
            }
        }
        if strange > TOLD.fetch_max(strange, Ordering::Relaxed) {
            tracing::warn!(
                count = strange,
                "files or links that are no claims of this house lie in the folder of large parts; they are left alone: find out who put \
                 them there and take them away"
            );
        }
        Ok(claims)
    }

    /// Removes a claim; false where there is none, or something else under its name.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        if self.is_one(OsStr::new(name))? != Some(true) {
            return Ok(false);
        }
        match unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            // Another process that collects at the same moment was faster.
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether what lies under a name is a claim of ours; `None` of folders, and where nothing lies.
    fn is_one(&self, name: &OsStr) -> io::Result<Option<bool>> {
        let found = match statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let kind = FileType::from_raw_mode(found.st_mode);
        if kind == FileType::Directory {
            return Ok(None);
        }
        let named = name.to_str().is_some_and(|name| self.lies.names(name));
        let plain = kind == FileType::RegularFile && found.st_nlink == 1 && found.st_uid == self.owner;
        Ok(Some(named && plain))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_plain_files_with_a_claims_own_name_are_listed_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (claims, elsewhere) = (dir.path().join("claims"), dir.path().join("elsewhere"));
        fs::create_dir_all(claims.join("tmp")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        let name = |digit: &str| digit.repeat(64);
        let aside = |digit: &str| digit.repeat(32);
        fs::write(claims.join(name("a")), "x").unwrap();
        fs::write(claims.join("tmp").join(aside("a")), "x").unwrap();
        fs::write(claims.join("tmp").join(format!("17-{}", aside("b"))), "x").unwrap();
        // None of these is one of ours.
        for (folder, strange) in [("", "notiz.txt"), ("", "A0"), ("tmp", "x"), ("tmp", "-x"), ("tmp", "17-x")]
        {
            fs::write(claims.join(folder).join(strange), "x").unwrap();
        }
        fs::write(claims.join(aside("c")), "x").unwrap();
        fs::write(claims.join("tmp").join(name("c")), "x").unwrap();
        fs::write(elsewhere.join("file"), "x").unwrap();
        fs::write(elsewhere.join(name("f")), "x").unwrap();
        symlink(elsewhere.join("file"), claims.join(name("d"))).unwrap();
        fs::hard_link(elsewhere.join("file"), claims.join(name("e"))).unwrap();
        let finished = Names::open(&claims, Lies::Finished).unwrap();
        assert_eq!(finished.claims().unwrap(), [name("a")]);
        for (other, removed) in
            [(name("d"), false), (name("e"), false), ("notiz.txt".to_owned(), false), (name("a"), true)]
        {
            assert_eq!(finished.remove(&other).unwrap(), removed, "{other}");
        }
        assert!(!finished.remove(&name("a")).unwrap(), "it is gone");
        let writing = Names::open(&claims, Lies::Aside).unwrap();
        let mut found = writing.claims().unwrap();
        found.sort();
        assert_eq!(found, [format!("17-{}", aside("b")), aside("a")]);
        // Neither folder is followed elsewhere.
        for link in ["claims/tmp", "claims"] {
            let path = dir.path().join(link);
            fs::remove_dir_all(&path).unwrap();
            symlink(&elsewhere, &path).unwrap();
            assert!(Names::open(&claims, Lies::Aside).is_err(), "{link}");
        }
        assert!(Names::open(&claims, Lies::Finished).is_err());
        assert!(elsewhere.join(name("f")).exists() && elsewhere.join("file").exists());
    }
}
