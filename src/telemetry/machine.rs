//! What the machine lacks, in words: a fault of the system is ours and not of whoever happens to be served. Names no file and quotes
//! no library's text.

use std::io::{self, ErrorKind};

use rustix::io::Errno;

/// What may be said of an error of the system.
pub fn said(error: &io::Error) -> String {
    let known = match Errno::from_io_error(error) {
        Some(Errno::MFILE) => "this process has no file handle left; raise its limit of open files",
        Some(Errno::NFILE) => "the machine has no file handle left; raise its limit of open files",
        Some(Errno::NOMEM | Errno::NOBUFS) => "the machine has no memory left",
        Some(Errno::IO) => "the disk or file system fails (input/output error)",
        Some(Errno::AGAIN) => "the system has nothing left for it now (threads, locks)",
        Some(errno) if error.kind().to_string().contains("uncategorized") => {
            return format!("the system fails with error {}", errno.raw_os_error());
        }
        _ => match error.kind() {
            ErrorKind::NotFound => "it is not there",
            ErrorKind::PermissionDenied => "this user has no right to it",
            ErrorKind::AlreadyExists => "something of this name is there already",
            ErrorKind::IsADirectory => "it is a folder",
            ErrorKind::NotADirectory => "a part of its path is no folder",
            ErrorKind::ReadOnlyFilesystem => "it lies where nothing can be written",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "there is no room left",
            _ => return error.kind().to_string(),
        },
    };
    known.to_owned()
}

/// Whether the machine, or what this process may have of it, is used up.
pub fn is_out_of_means(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS))
}

/// Whether a file is the cause, as it was put there: its rights, or what it is. Anything else is trouble of the machine.
pub fn is_of_the_file(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::NotFound | ErrorKind::IsADirectory => true,
        _ => matches!(
            Errno::from_io_error(error),
            Some(
                Errno::LOOP
                    | Errno::NOTDIR
                    | Errno::NXIO
                    | Errno::NODEV
                    | Errno::OVERFLOW
                    | Errno::NAMETOOLONG
            )
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_has_words_and_is_no_fault_of_a_file() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::NOLCK, Errno::STALE] {
            let error = io::Error::from(errno);
            assert!(!is_of_the_file(&error), "{errno:?}");
            assert!(!said(&error).contains("uncategorized"), "{}", said(&error));
        }
        assert!(said(&io::Error::from(Errno::MFILE)).contains("no file handle left"));
        // Words of ours, not those of a library.
        for (errno, word) in [
            (Errno::NOENT, "it is not there"),
            (Errno::ACCESS, "no right"),
            (Errno::NOSPC, "no room"),
            (Errno::DQUOT, "no room"),
            (Errno::ROFS, "nothing can be written"),
        ] {
            assert!(
                said(&io::Error::from(errno)).contains(word),
                "{errno:?}: {}",
                said(&io::Error::from(errno))
            );
        }
        for errno in [Errno::ACCESS, Errno::PERM, Errno::LOOP, Errno::ISDIR, Errno::NOENT] {
            assert!(is_of_the_file(&io::Error::from(errno)), "{errno:?}");
        }
        assert_eq!(said(&ErrorKind::PermissionDenied.into()), "this user has no right to it");
    }
}
