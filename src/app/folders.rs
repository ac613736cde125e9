//! Whether folders that a stage uses meet: a tray of one partner in another's, or in what is ours. What a partner can write in he can
//! also replace, and what is laid there he can read. Opens and makes nothing, and follows no link but to what is ours: a tray that is one
//! is used by nobody, and a partner who replaces its own by one must not keep the house from starting.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::route::compiled::Compiled;
use crate::store::backup::CLAIMS;
use crate::transport::TRANSPORTS;
use crate::transport::folder::QUARANTINE;
use crate::transport::port::{Claimed, no_folders};

use super::place::Place;
use super::spots::Met;

/// By this file a folder is known as that of a stage.
const CONNECTIONS: &str = "connections.yaml";
/// Where the store lies in the data folder, unless the stage says otherwise.
const STORE: &str = "store";

/// A folder that is ours.
struct Own {
    path: PathBuf,
    what: &'static str,
    /// Whether trays may lie in it, as they do in the data folder.
    holds_trays: bool,
    /// A part of it where they may: the data folder lies below that of the stage where nobody names another.
    except: Option<PathBuf>,
}

impl Own {
    fn meets(&self, tray: &Path) -> bool {
        let excepted = self.holds_trays || self.except.as_ref().is_some_and(|part| tray.starts_with(part));
        self.path.starts_with(tray) || !excepted && tray.starts_with(&self.path)
    }
}

/// A folder of a connection, where it really lies.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Used {
    path: PathBuf,
    claimed: Claimed,
    connection: String,
}

impl Used {
    fn said(&self) -> String {
        let Claimed { path, partner, key } = &self.claimed;
        let of = partner.as_ref().map(|partner| format!(" of {partner}")).unwrap_or_default();
        format!("`{key}`{of} in connection {}, {}", self.connection, path.display())
    }
}

/// What is wrong; empty when nothing is. Trays are named by their connection.
pub fn meeting(place: &Place, compiled: &Compiled) -> Vec<Met> {
    let used: Vec<Used> = used(place, compiled).into_iter().collect();
    let own = own(place, compiled);
    let mut found = Vec::new();
    for (at, one) in used.iter().enumerate() {
        let ours = own.iter().find(|own| one.claimed.partner.is_some() && own.meets(&one.path));
        if let Some(own) = ours {
            let (said, what) = (one.said(), own.what);
            let text = format!("{said} meets {what}, which is ours alone; name a folder beside it");
            found.push(Met { text, connection: one.connection.clone(), partner: None, at: String::new() });
        }
        for other in &used[at + 1..] {
            if let Some(why) = meets(one, other) {
                let text = format!("{} and {}: {why}", one.said(), other.said());
                found.push(Met {
                    text,
                    connection: other.connection.clone(),
                    partner: None,
                    at: String::new(),
                });
            }
        }
    }
    found
}

fn meets(one: &Used, other: &Used) -> Option<&'static str> {
    let (here, there) = (&one.claimed, &other.claimed);
    let same = one.path == other.path;
    if !one.path.starts_with(&other.path) && !other.path.starts_with(&one.path) {
        return None;
    }
    match (&here.partner, &there.partner) {
        (None, None) => None,
        (Some(this), Some(that)) if this == that => match (here.key, there.key) {
            ("in", "in") if same => Some("its files would be taken twice; keep one of them"),
            ("in", "out") | ("out", "in") if same => Some("what we lay there would come back"),
            _ => None,
        },
        (Some(_), Some(_)) => Some("two partners never share a folder; give each its own"),
        _ => Some("a folder of ours lies where a partner can write; name one of your own"),
    }
}

fn used(place: &Place, compiled: &Compiled) -> BTreeSet<Used> {
    let folders = |kind: &str| {
        TRANSPORTS.iter().find(|entry| entry.word == kind).map_or(no_folders as _, |entry| entry.folders)
    };
    let of_sources = compiled.sources.iter().flat_map(|source| {
        let claimed = folders(&source.kind)(&source.settings, None);
        claimed.into_iter().map(|claimed| (claimed, source.connection.clone()))
    });
    // A connection that only sends has trays as well.
    let of_destinations = compiled.destinations.iter().flat_map(|wanted| {
        let folders = folders(&wanted.kind);
        let mut claimed = folders(&wanted.settings, Some(&wanted.channel));
        claimed.extend(folders(&wanted.settings, None));
        claimed.into_iter().map(|claimed| (claimed, wanted.connection.clone()))
    });
    let data = real(&place.data);
    let really = |(claimed, connection): (Claimed, String)| {
        let path = data.join(&claimed.path).components().collect();
        Used { path, claimed, connection }
    };
    of_sources.chain(of_destinations).map(really).collect()
}

/// The folders in which partners lay and find files.
pub fn trays(place: &Place, compiled: &Compiled) -> BTreeSet<PathBuf> {
    let used = used(place, compiled).into_iter();
    used.filter(|used| used.claimed.partner.is_some()).map(|used| used.path).collect()
}

/// Where a file lies that a command shall write, if that is no place for it: in what is ours alone, the files and secrets of the stage among it, or
/// in a tray, where a partner would take it away and the house might take it in.
pub fn no_place_for(place: &Place, compiled: &Compiled, to: &Path) -> Option<String> {
    let to = real(to);
    let store = place.store_folder(compiled);
    let ours =
        [(&store, "the folder of the store"), (&place.data.join(QUARANTINE), "the folder of quarantine")];
    if let Some((_, what)) = ours.into_iter().find(|(path, _)| to.starts_with(real(path))) {
        return Some(what.to_owned());
    }
    let used = used(place, compiled).into_iter();
    let mut held = used.filter(|used| to.starts_with(&used.path) || to.starts_with(real(&used.path)));
    held.next().map(|used| used.said()).or_else(|| in_the_stage(place, &to).map(str::to_owned))
}

/// The same where nothing is known of the stage but where it lies: its files may be such that cannot be used.
pub fn no_place_beside(place: &Place, to: &Path) -> Option<&'static str> {
    let (to, data) = (real(to), real(&place.data));
    match to.starts_with(data.join(STORE)) {
        true => Some("the folder of the store"),
        false => in_the_stage(place, &to),
    }
}

/// Secrets lie there, and what is laid beside them can be taken for a file of the stage. The data folder may lie in it and has places of its own;
/// where there is no stage, as on a machine of an office, there is nothing of one.
fn in_the_stage(place: &Place, to: &Path) -> Option<&'static str> {
    let (config, data) = (real(&place.config), real(&place.data));
    let is_one = config.join(CONNECTIONS).exists();
    let inside = to.starts_with(&config) && !(data != config && to.starts_with(&data));
    (is_one && inside).then_some("the folder of the stage, with its secrets")
}

/// What is ours, with what says most first: a tray that is the store's folder holds the claims, too.
fn own(place: &Place, compiled: &Compiled) -> Vec<Own> {
    let store = place.store_folder(compiled);
    let own = |path: &Path, what, holds_trays| Own { path: real(path), what, holds_trays, except: None };
    vec![
        own(&store.join(CLAIMS), "the folder of claims", false),
        own(&place.data.join(QUARANTINE), "the folder of quarantine", false),
        Own { except: Some(real(&place.data)), ..own(&place.config, "the folder of the stage", false) },
        own(&store, "the folder of the store", true),
        own(&place.data, "the data folder", true),
    ]
}

/// A path with its links followed as far as there is anything, and without `.`.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut at = path;
    loop {
        if let Ok(found) = at.canonicalize() {
            return rest.iter().rev().fold(found, |found, name| found.join(name));
        }
        match (at.parent(), at.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name);
                // What is relative begins where the process stands.
                at = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            }
            _ => return path.components().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(path: &str, partner: Option<&str>, key: &'static str) -> Used {
        let claimed = Claimed { path: path.into(), partner: partner.map(str::to_owned), key };
        Used { path: path.into(), claimed, connection: "c".to_owned() }
    }

    #[test]
    fn folders_of_two_meet_where_one_lies_in_the_other() {
        let tray = || used("/t/a", Some("a"), "in");
        for (other, meet) in [
            (used("/t/a", Some("b"), "in"), true),
            (used("/t/a/x", Some("b"), "out"), true),
            (used("/t", Some("b"), "out"), true),
            (used("/t/ab", Some("b"), "in"), false),
            (used("/t/a", Some("a"), "in"), true),
            (used("/t/a", Some("a"), "out"), true),
            (used("/t/a/out", Some("a"), "out"), false),
            (used("/t/a/q", None, "quarantine"), true),
            (used("/t/q", None, "quarantine"), false),
        ] {
            assert_eq!(meets(&tray(), &other).is_some(), meet, "{}", other.said());
            assert_eq!(meets(&other, &tray()).is_some(), meet, "{}", other.said());
        }
    }

    #[test]
    fn what_is_ours_is_known_by_whatever_path_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("a")).unwrap();
        std::os::unix::fs::symlink(base.join("a"), base.join("b")).unwrap();
        for spelling in ["a", "./a", "a/.", "b"] {
            assert_eq!(real(&base.join(spelling)), base.join("a"), "{spelling}");
        }
        assert_eq!(real(&base.join("b/new/er")), base.join("a/new/er"));
    }
}
