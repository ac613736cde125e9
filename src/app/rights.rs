//! What of a stage's files somebody else than its operators could read or change: private keys that everybody on the machine can read,
//! and files or folders that steer the house and that everybody can write. Looks and names; changes no rights, reads no content, and has
//! nothing to say in a stage that is not real.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use serde_json::Value;

use crate::config;
use crate::envelope::Stage;
use crate::route::compiled::Compiled;

use super::place::Place;

/// Everybody may write.
const OTHERS_WRITE: u32 = 0o002;
/// In a folder with this bit only the owner of an entry removes or renames it.
const STICKY: u32 = 0o1000;
/// Entries that are looked at; a stage with more is not one that somebody wrote.
const MOST: usize = 50_000;
/// Folders inside one another that are looked at.
const DEEPEST: usize = 12;

/// What is wrong, one sentence each; empty when nothing is, and in a stage that is not real.
pub fn wrong(place: &Place, compiled: &Compiled) -> Vec<String> {
    if !matches!(compiled.stage.stage, Stage::Produktion | Stage::Abnahme) {
        return Vec::new();
    }
    let mut found = private_keys(&place.config, compiled);
    found.extend(changeable(place));
    found
}

/// Private keys of transports that everybody on the machine can read: they are named as paths and read again when they change, so
/// they are no secrets of the files, and as secret as those.
fn private_keys(config: &Path, compiled: &Compiled) -> Vec<String> {
    let mut keys = BTreeSet::new();
    for settings in compiled.sources.iter().map(|source| &source.settings) {
        keys_of(settings, &mut keys);
    }
    for wanted in &compiled.destinations {
        keys_of(&wanted.settings, &mut keys);
        keys_of(&wanted.channel.settings, &mut keys);
    }
    let found = keys.into_iter().filter(|key| config::is_exposed(&config.join(key)));
    found.map(|key| config::exposed(&key)).collect()
}

/// The paths of keys: what stands as `key` beside a `certificate`.
fn keys_of(settings: &Value, keys: &mut BTreeSet<String>) {
    match settings {
        Value::Object(fields) => {
            if let (Some(Value::String(_)), Some(Value::String(key))) =
                (fields.get("certificate"), fields.get("key"))
            {
                keys.insert(key.clone());
            }
            fields.values().for_each(|value| keys_of(value, keys));
        }
        Value::Array(items) => items.iter().for_each(|value| keys_of(value, keys)),
        _ => {}
    }
}

/// What everybody could change of the files that say who is trusted, what is done and by which rules: each of them, their folders, and
/// the folders above, in which a whole folder can be put in another's place.
fn changeable(place: &Place) -> Vec<String> {
    let mut look = Look { data: place.data.canonicalize().ok(), seen: 0, found: BTreeSet::new() };
    for folder in [&place.config, &place.routes, &place.xsd] {
        if let Ok(real) = folder.canonicalize() {
            real.ancestors().skip(1).for_each(|above| look.above(above));
        }
        look.at(folder, 0);
    }
    if look.seen > MOST {
        return vec![format!(
            "the folders of this stage hold more than {MOST} files, so nobody looks whether they can be changed by others; keep nothing else there"
        )];
    }
    let said = |path: PathBuf| {
        format!("everybody on this machine can change {}; chmod o-w, or mount it read-only", path.display())
    };
    look.found.into_iter().map(said).collect()
}

struct Look {
    /// What is stored has rights of its own, and trays belong to partners.
    data: Option<PathBuf>,
    seen: usize,
    found: BTreeSet<PathBuf>,
}

impl Look {
    /// A folder in which one of ours lies: what counts is whether ours can be replaced.
    fn above(&mut self, folder: &Path) {
        let open = |found: &Metadata| found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0;
        if folder.metadata().is_ok_and(|found| open(&found)) && writable(folder) {
            self.found.insert(folder.to_owned());
        }
    }

    /// A file of ours, or a folder with everything in it: one more file there is one more that is read. Links are followed, as whoever
    /// reads the files follows them.
    fn at(&mut self, path: &Path, depth: usize) {
        self.seen += 1;
        if self.seen > MOST || depth > DEEPEST {
            return;
        }
        // One that cannot be looked at is told by whoever reads it.
        let Ok(found) = path.metadata() else { return };
        if found.is_dir() && self.data.is_some() && path.canonicalize().ok() == self.data {
            return;
        }
        if found.mode() & OTHERS_WRITE != 0 && writable(path) {
            self.found.insert(path.to_owned());
        }
        if found.is_dir() {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.for_each(|entry| self.at(&entry.path(), depth + 1));
        }
    }
}

/// Whether anything can be written there: a mounted secret or configuration of a container is open to everybody and read-only.
fn writable(path: &Path) -> bool {
    statvfs(path).map_or(true, |mount| !mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}
