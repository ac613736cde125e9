//! Reads a folder of route files and a stage folder into [`Files`]: the only part of the room that touches files.
//! Sorted and bounded; never looks into other subfolders than those of tables and letters.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config;
use crate::route::compile::Files;
use crate::route::fault::Faults;
use crate::route::letters::{self, Letters};
use crate::route::tafeln;
use crate::route::text_file::TextFile;

/// Most route files that are read.
const MOST_ROUTES: usize = 1000;

/// Reads all files, or tells of every one that cannot be read.
///
/// A fault leaves what runs as it is: whoever reloads keeps the old set until this and `compile` have succeeded.
pub fn load(routes: &Path, stage: &Path) -> Result<Files, Faults> {
    let mut faults = Faults::default();
    let mut read = |path: &Path| match config::read_text(path) {
        Ok(text) => TextFile { name: path.display().to_string(), text },
        Err(error) => {
            faults.faults.extend(Faults::of_file(&path.display().to_string(), error.to_string()).faults);
            TextFile { name: path.display().to_string(), text: String::new() }
        }
    };
    let connections = read(&stage.join("connections.yaml"));
    let partners = read(&stage.join("partners.yaml"));
    // A stage without tables is a stage whose steps get empty ones; a table that is there must be readable.
    let tables = tafeln::NAMES
        .iter()
        .filter_map(|name| {
            let of_stage = stage.join(tafeln::FOLDER).join(name);
            // The decision table is the same everywhere unless a stage tightens it.
            let shared = (*name == tafeln::AUSKUNFT).then(|| routes.join(tafeln::FOLDER).join(name));
            [Some(of_stage), shared].into_iter().flatten().find(|path| stands(path))
        })
        .map(|path| read(&path))
        .collect();
    // A folder of letters that is not there has none; one that is there must be readable.
    let if_there = |folder: &Path| if folder.is_dir() { yaml_files(folder) } else { Ok(Vec::new()) };
    let (of_routes, of_stage) = (routes.join(letters::FOLDER), stage.join(letters::FOLDER));
    let folders =
        [(routes, yaml_files(routes)), (&of_routes, if_there(&of_routes)), (&of_stage, if_there(&of_stage))];
    let mut unread = Vec::new();
    let [routes, shared, own] = folders.map(|(folder, listed)| match listed {
        Ok(paths) => paths.iter().map(|path| read(path)).collect(),
        Err(text) => {
            unread.extend(Faults::of_file(&folder.display().to_string(), text).faults);
            Vec::new()
        }
    });
    faults.faults.extend(unread);
    if !faults.faults.is_empty() {
        return Err(faults);
    }
    let (resolve, guarded) = (config::resolver(stage), config::guarded(stage));
    Ok(Files { routes, connections, partners, resolve, guarded, tables, letters: Letters { shared, own } })
}

/// Whether something stands there, be it a link that leads nowhere or a file that may not be looked at: whoever wrote it meant it.
fn stands(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// The YAML files of a folder, sorted by name; hidden ones are left out.
pub fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| {
        format!("folder cannot be read: {}; create it or correct its rights", error.kind())
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let wanted = (name.ends_with(".yaml") || name.ends_with(".yml")) && !name.starts_with('.');
        // A link that leads nowhere was meant; a folder or pipe of such a name was not.
        if wanted && path.metadata().is_ok_and(|found| !found.is_file()) {
            continue;
        }
        if wanted {
            paths.push(path);
        }
        if paths.len() > MOST_ROUTES {
            return Err(format!(
                "folder has more than {MOST_ROUTES} files; spread the routes over several processes"
            ));
        }
    }
    paths.sort();
    Ok(paths)
}
