//! Whether the files that a store has open are those that its folder still names: device and inode of each, as they were when it was opened.
//! What is acknowledged into a file that nobody finds again is lost without a trace. Never opens a database, and sees nothing of octets that
//! were written over others in the same file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::store::error::StoreError;
use crate::store::sealing::mark::Mark;
use crate::store::sealing::values::{Stored, disk};
use crate::store::sqlite::files::{DATABASE, KEYS};
use crate::store::sqlite::mark::{self, Marks};

/// All that a running store needs to find again when it is started the next time.
const FILES: [&str; 5] = [DATABASE, "drehscheibe.db-wal", KEYS, "keys.db-wal", mark::FILE];

/// Device and inode.
type Is = (u64, u64);

/// The files of an open store.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    files: Vec<(&'static str, Is)>,
}

impl Place {
    /// The files as they lie there now, all of which are open.
    pub fn of(folder: &Path) -> Stored<Place> {
        Place::with(folder, &FILES)
    }

    /// The same of some files of a folder.
    pub fn with(folder: &Path, names: &[&'static str]) -> Stored<Place> {
        let files = names.iter().map(|name| Ok((*name, is(&folder.join(name)).map_err(disk)?)));
        Ok(Place { folder: folder.to_owned(), files: files.collect::<Stored<_>>()? })
    }

    /// An error where another file lies in the place of one of them, or none that can be looked at.
    pub fn stands(&self) -> Stored<()> {
        for (name, was) in &self.files {
            match is(&self.folder.join(name)) {
                Ok(found) if found == *was => {}
                _ => return Err(StoreError::Replaced(name)),
            }
        }
        Ok(())
    }

    /// Tells who starts on what lies there now, up to where commits were acknowledged: an older store that was put there with its own mark would
    /// look whole. Nothing is told where no mark of this store lies, because that is missed by itself.
    pub fn tell(&self, marks: &Marks, mark: &Mark) -> Stored<()> {
        match marks.lies_again(&self.folder)? {
            Some(there) => there.write(mark, false),
            None => Ok(()),
        }
    }
}

/// What a name leads to; the file itself may lie elsewhere.
fn is(path: &Path) -> std::io::Result<Is> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_or_none_in_a_place_is_seen_and_octets_are_not() {
        for how in ["written over", "renamed over", "gone", "folder gone"] {
            let above = tempfile::tempdir().unwrap();
            let folder = above.path().join("store");
            fs::create_dir(&folder).unwrap();
            for name in FILES {
                fs::write(folder.join(name), "x").unwrap();
            }
            let place = Place::of(&folder).unwrap();
            assert_eq!(place.stands(), Ok(()));
            match how {
                "written over" => fs::write(folder.join(KEYS), "y").unwrap(),
                "renamed over" => {
                    fs::write(folder.join("new"), "x").unwrap();
                    fs::rename(folder.join("new"), folder.join(KEYS)).unwrap();
                }
                "gone" => fs::remove_file(folder.join(KEYS)).unwrap(),
                _ => fs::rename(&folder, above.path().join("away")).unwrap(),
            }
            let said = match how {
                "written over" => Ok(()),
                "folder gone" => Err(StoreError::Replaced(DATABASE)),
                _ => Err(StoreError::Replaced(KEYS)),
            };
            assert_eq!(place.stands(), said, "{how}");
        }
    }
}
