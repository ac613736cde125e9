//! Takes an official package in, from an archive or a folder: only schemas and code lists, within bounds, and nothing that
//! leads out of it. Writes nothing to disk and trusts no size that an archive declares.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use zip::ZipArchive;

use crate::xoev::package;
use crate::xoev::schema::Files;

/// Largest archive, octets.
const LARGEST_ARCHIVE: u64 = 64 << 20;
/// Most entries of an archive or files of a folder.
const MOST_ENTRIES: usize = 10_000;
/// Largest file that is taken in, octets; the loader of packages takes no larger one.
const LARGEST_FILE: u64 = 16 << 20;
/// Most octets that are taken in altogether, unpacked.
const MOST_OCTETS: u64 = 128 << 20;
/// Folders in each other.
const DEEPEST: usize = 16;
/// What is looked at; everything else is passed over unread.
const TAKEN: &[&str] = &[".xsd", ".xml", ".gc", ".gck"];

/// What was taken in.
#[derive(Debug)]
pub struct Unpacked {
    /// Schemas and what may be code lists, as text, by path inside.
    pub files: Files,
    /// SHA-256 in hexadecimal: of the archive, or over the files of a folder.
    pub sha256: String,
}

/// Why nothing was taken in.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The archive or folder cannot be opened.
    #[error("cannot be opened: {}; name an archive (ZIP) or a folder", .0.kind())]
    Missing(#[from] io::Error),
    /// It is no package, or not one that is taken in.
    #[error("{0}")]
    Refused(String),
}

fn refused(text: impl Into<String>) -> ArchiveError {
    ArchiveError::Refused(text.into())
}

/// Takes in an archive or a folder.
pub fn read(path: &Path) -> Result<Unpacked, ArchiveError> {
    let mut taken = Taken::default();
    let sha256 = if std::fs::metadata(path)?.is_dir() {
        folder(path, "", 0, &mut taken)?;
        package::digest(&taken.files)
    } else {
        archive(path, &mut taken)?
    };
    if !taken.files.keys().any(|name| name.ends_with(".xsd")) {
        let inside = if taken.archives > 0 { "; unpack the archive inside it first" } else { "" };
        return Err(refused(format!("holds no schema (.xsd){inside}")));
    }
    Ok(Unpacked { files: taken.files, sha256 })
}

#[derive(Default)]
struct Taken {
    files: Files,
    names: BTreeSet<String>,
    octets: u64,
    archives: usize,
}

impl Taken {
    /// Whether a file is looked at; refuses names that lead out of the package or stand twice.
    fn wants(&mut self, name: &str) -> Result<bool, ArchiveError> {
        let leads_out = name.starts_with(['/', '\\'])
            || name.contains(':')
            || name.split(['/', '\\']).any(|part| part == "..")
            || name.contains('\\');
        if leads_out || name.is_empty() || name.chars().any(char::is_control) {
            return Err(refused(
                "has an entry whose name leads out of the package; do not trust this archive",
            ));
        }
        if !self.names.insert(name.to_lowercase()) {
            return Err(refused(format!("has two entries of one name: {name}; remove one of them")));
        }
        if self.names.len() > MOST_ENTRIES {
            return Err(refused(format!("has more than {MOST_ENTRIES} entries; unpack what is needed")));
        }
        let lower = name.to_ascii_lowercase();
        self.archives += usize::from(lower.ends_with(".zip"));
        // Leavings of one system's archiver.
        let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        Ok(!hidden && TAKEN.iter().any(|ending| lower.ends_with(ending)))
    }

    /// Reads one file, never more of it than the bounds allow.
    fn take(&mut self, name: &str, from: impl Read) -> Result<(), ArchiveError> {
        let left = LARGEST_FILE.min(MOST_OCTETS.saturating_sub(self.octets));
        let mut octets = Vec::new();
        from.take(left + 1)
            .read_to_end(&mut octets)
            .map_err(|_| refused(format!("cannot be unpacked: {name}; get the archive anew")))?;
        if octets.len() as u64 > left {
            return Err(refused(format!(
                "is too large at {name}: at most {} MiB a file and {} MiB together",
                LARGEST_FILE >> 20,
                MOST_OCTETS >> 20
            )));
        }
        self.octets += octets.len() as u64;
        let schema = name.to_ascii_lowercase().ends_with(".xsd");
        match String::from_utf8(octets) {
            Ok(text) => {
                // Offsets in a schema count from its first character.
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                let name = if schema { format!("{}.xsd", &name[..name.len() - 4]) } else { name.to_owned() };
                self.files.insert(name, text);
                Ok(())
            }
            Err(_) if schema => Err(refused(format!("has a schema that is not UTF-8: {name}; convert it"))),
            // Some other XML: it can be no code list that we take.
            Err(_) => Ok(()),
        }
    }
}

fn archive(path: &Path, taken: &mut Taken) -> Result<String, ArchiveError> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() > LARGEST_ARCHIVE {
        return Err(refused(format!("is too large; at most {} MiB", LARGEST_ARCHIVE >> 20)));
    }
    let mut hash = Context::new(&SHA256);
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            many => hash.update(&piece[..many]),
        }
    }
    let unreadable = |_| refused("is no archive (ZIP) that can be read; get it anew");
    let mut zip = ZipArchive::new(file).map_err(unreadable)?;
    for at in 0..zip.len() {
        let entry = zip.by_index(at).map_err(unreadable)?;
        let name = entry.name().map_err(unreadable)?.into_owned();
        if entry.is_symlink() {
            return Err(refused("has a symbolic link; unpack what is needed into a folder"));
        }
        if taken.wants(&name)? && !entry.is_dir() {
            taken.take(&name, entry)?;
        }
    }
    Ok(hex::encode(hash.finish()))
}

fn folder(path: &Path, at: &str, depth: usize, taken: &mut Taken) -> Result<(), ArchiveError> {
    if depth > DEEPEST {
        return Err(refused(format!("has folders deeper than {DEEPEST}")));
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let name = if at.is_empty() { file } else { format!("{at}/{file}") };
        let kind = entry.file_type()?;
        let wanted = taken.wants(&name)?;
        if kind.is_symlink() {
            return Err(refused(format!("has a symbolic link: {name}; put the file itself there")));
        } else if kind.is_dir() {
            folder(&entry.path(), &name, depth + 1, taken)?;
        } else if wanted {
            taken.take(&name, File::open(entry.path())?)?;
        }
    }
    Ok(())
}
