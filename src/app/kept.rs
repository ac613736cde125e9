//! The files of a stage as they were applied last, kept in the data folder: a command for what runs works from them where the files of now
//! cannot be used. Holds no secret (secrets are references, and are resolved anew), and nothing runs from here.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config;
use crate::route::compile::Files;
use crate::route::letters::Letters;
use crate::route::text_file::TextFile;
use crate::store::private;

use super::fit::{self, Fit};
use super::place::Place;

/// The file, in the data folder, where no partner may write.
const FILE: &str = "applied.json";
/// Most octets that are read of it: more files are not loaded either.
const MOST: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Kept {
    at: Timestamp,
    routes: Vec<TextFile>,
    connections: TextFile,
    partners: TextFile,
    tables: Vec<TextFile>,
    shared: Vec<TextFile>,
    own: Vec<TextFile>,
}

fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Keeps the files that run from now on: written beside, then named, so that there is a whole one at any time.
pub fn keep(place: &Place, files: &Files, at: Timestamp) -> io::Result<()> {
    let Files { routes, connections, partners, tables, letters, .. } = files.clone();
    let Letters { shared, own } = letters;
    let octets = serde_json::to_vec(&Kept { at, routes, connections, partners, tables, shared, own })?;
    let beside = place.data.join(format!(".applied-{}", Uuid::new_v4()));
    let written = private::new_file(&beside)
        .and_then(|mut file| file.write_all(&octets).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, file(&place.data)));
    written.inspect_err(|_| {
        // It may not be there at all; the one of before stays.
        let _ = fs::remove_file(&beside);
    })
}

/// What was applied last, compiled as it was then, and when that was; `None` where nothing was kept, or it cannot be used any more.
pub fn fit(place: &Place, now: Timestamp) -> Option<(Fit, Timestamp)> {
    let path = file(&place.data);
    // Whoever laid a pipe or link there is not us.
    if private::no_file(&path, true).is_some() {
        return None;
    }
    let mut octets = Vec::new();
    private::to_look(&path).ok()?.take(MOST).read_to_end(&mut octets).ok()?;
    let Kept { at, routes, connections, partners, tables, shared, own } =
        serde_json::from_slice(&octets).ok()?;
    let resolve = config::resolver(&place.config);
    // Who may read a secret is said of the files of now; what runs has read it.
    let files = Files {
        routes,
        connections,
        partners,
        guarded: resolve.clone(),
        resolve,
        tables,
        letters: Letters { shared, own },
    };
    let standards = fit::standards(&place.xsd).ok()?;
    Some((fit::compile_files(files, standards, Some(now)).ok()?, at))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::ConfigError;

    #[test]
    fn what_is_kept_replaces_what_was_kept_and_only_we_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let place = Place {
            config: data.path().to_owned(),
            routes: data.path().to_owned(),
            xsd: data.path().to_owned(),
            data: data.path().to_owned(),
        };
        let text = |text: &str| TextFile { name: "connections.yaml".into(), text: text.into() };
        let resolve: config::Resolve = Arc::new(|_| Err(ConfigError::NoVariable("X".into())));
        for written in ["one", "two"] {
            let files = Files {
                routes: vec![text("route")],
                connections: text(written),
                partners: text("partners"),
                resolve: resolve.clone(),
                guarded: resolve.clone(),
                tables: Vec::new(),
                letters: Letters::default(),
            };
            keep(&place, &files, Timestamp::UNIX_EPOCH).unwrap();
            let kept: Kept = serde_json::from_slice(&fs::read(file(data.path())).unwrap()).unwrap();
            assert_eq!(kept.connections.text, written);
            assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing is left beside it");
        }
        assert_eq!(fs::metadata(file(data.path())).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fit(&place, Timestamp::UNIX_EPOCH).is_none(), "it is of no stage");
        let elsewhere = data.path().join("elsewhere");
        fs::rename(file(data.path()), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, file(data.path())).unwrap();
        assert!(private::no_file(&file(data.path()), true).is_some());
    }
}
