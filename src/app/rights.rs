//! What of a stage somebody else than its operators could read or change: private keys that everybody on the machine can read, files and
//! folders that steer the house or stand for a partner and that everybody can write, and the ways to them. Looks and names; changes no
//! rights, and has nothing to say in a stage that is not real.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config;
use crate::route::compiled::Compiled;
use crate::route::{letters, tafeln};

use super::folders;
use super::named_files::{self, As};
use super::place::Place;

/// Entries that are looked at; folders with more are not what somebody wrote.
const MOST: usize = 50_000;

/// What is wrong, one sentence each; empty when nothing is, and in a stage that is not real.
pub fn wrong(place: &Place, compiled: &Compiled) -> Vec<String> {
    if !compiled.stage.stage.is_real() {
        return Vec::new();
    }
    let named = named(&place.config, compiled);
    let readable = named.iter().filter(|(path, key)| config::is_exposed(path) && (*key || holds_key(path)));
    let mut found: Vec<String> =
        readable.map(|(path, _)| config::exposed(&path.display().to_string())).collect();
    let mut look = Look::default();
    for file in ["connections.yaml", "partners.yaml"] {
        look.one(&place.config.join(file));
    }
    named.iter().for_each(|(path, _)| look.one(path));
    // Secrets are looked at where they are resolved, and so is what else stands beside them: one more there is read by nobody.
    for folder in
        [&place.routes, &place.xsd, &place.config.join(tafeln::FOLDER), &place.config.join(letters::FOLDER)]
    {
        look.all(folder);
    }
    // Who can put another folder in the place of a tray is its partner, and of the store whoever he likes.
    look.one(&place.data);
    folders::trays(place, compiled).iter().for_each(|tray| look.one(tray));
    if look.seen.len() > MOST {
        found.push(format!(
            "the routes, packages, tables and letters of this stage are more than {MOST} files, too many to see whether others can change them; keep nothing else there"
        ));
    }
    found.extend(look.open.into_iter().map(|path| config::open_to_all(&path.display().to_string())));
    found
}

/// The files that the settings of connections, channels and the store name, each with whether it is named as a private key. They are read again
/// when they change, so they are no secrets of the files, and some of them are as secret as those.
fn named(config: &Path, compiled: &Compiled) -> BTreeSet<(PathBuf, bool)> {
    let named = named_files::named(config, compiled).into_iter();
    let named = named.map(|named| (named.path, named.role == As::Key));
    // Whoever may write the authority of the store's server says who that server is.
    named.chain(named_files::of_the_store(config, compiled).map(|path| (path, false))).collect()
}

/// A key stands beside its certificate in many a file.
fn holds_key(path: &Path) -> bool {
    config::read_text(path).is_ok_and(|text| text.contains("PRIVATE KEY-----"))
}

#[derive(Default)]
struct Look {
    seen: BTreeSet<PathBuf>,
    open: BTreeSet<PathBuf>,
}

impl Look {
    /// A file or folder of which the name is known, with the way to it.
    fn one(&mut self, path: &Path) {
        self.open.extend(config::changeable(path));
    }

    /// A folder that is read whole: one more file there is one more that is read.
    fn all(&mut self, folder: &Path) {
        self.one(folder);
        let mut waiting = Vec::from_iter(folder.canonicalize());
        while let Some(folder) = waiting.pop() {
            if self.seen.len() > MOST || !self.seen.insert(folder.clone()) {
                continue;
            }
            // One that cannot be looked at is told by whoever reads it.
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let Ok(real) = path.canonicalize() else { continue };
                if real != path {
                    self.one(&path);
                } else if config::is_open(&path, false) {
                    self.open.insert(path);
                }
                match real.is_dir() {
                    true => waiting.push(real),
                    false => drop(self.seen.insert(real)),
                }
            }
        }
    }
}
