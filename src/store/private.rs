//! Files and folders of a store, which only the process's own user may enter, read or write, whatever the umask is.
//! Never opens a database: where a second handle of one is closed, the system drops the locks of the first.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Waits for nobody: a pipe is opened at once, and found out then.
const AT_ONCE: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;

/// Makes a folder with what is missing above it, and closes one that stands open.
pub fn folder(path: &Path) -> io::Result<()> {
    made(path)?;
    closed(path, FOLDER)
}

/// Makes a folder with what is missing above it; one that is there stays as it is.
pub fn made(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Makes a new file.
pub fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE).open(path)
}

/// Makes an empty file where there is none, and closes one that stands open.
pub fn file(path: &Path) -> io::Result<()> {
    match new_file(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => closed(path, FILE),
    }
}

/// Closes a file that stands open to others; that there is none is fine.
pub fn close(path: &Path) -> io::Result<()> {
    match closed(path, FILE) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Opens a file to look at it; never waits for what may be a pipe.
pub fn to_look(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(AT_ONCE).open(path)
}

/// What lies under the name of a file of ours and is none: its name and what it is. To wait for it to become one is to wait for ever.
/// `itself`: nor may it be a link, because whoever opens it follows none.
pub fn no_file(path: &Path, itself: bool) -> Option<String> {
    let link = fs::symlink_metadata(path).ok()?.file_type().is_symlink();
    let kind = fs::metadata(path).ok().map(|found| found.file_type());
    let what = match kind {
        _ if link && itself => "a link",
        Some(kind) if kind.is_file() => return None,
        Some(kind) if kind.is_dir() => "a folder",
        Some(_) => "a pipe or device",
        None if link => "a link that leads nowhere",
        // It went away between the two looks.
        None => return None,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Some(format!("{name} is {what}"))
}

/// The same of a folder of ours, which is never a link: what is removed below it would be somebody's elsewhere.
pub fn no_folder(path: &Path) -> Option<String> {
    let what = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return None,
        Ok(found) if found.is_symlink() => "a link",
        Ok(found) if found.is_file() => "a plain file",
        Ok(_) => "a pipe or device",
        // There is none, or nobody may look: making it says so.
        Err(_) => return None,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Some(format!("{name} is {what}"))
}

/// Opens a file for a lock or to write in its place, made empty where it is missing: nothing in it is changed.
pub fn for_lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE)
        .custom_flags(AT_ONCE)
        .open(path)?;
    match closed(path, FILE) {
        // Removed a moment ago, which who locks it notices.
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(file),
    }
}

fn closed(path: &Path, mode: u32) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if found.mode() & 0o077 == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode)) {
        // What somebody else made is theirs to close; `doctor` says so.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}
