//! Installs an official package of a standard next to or over ours: checked whole before anything is written, written
//! beside and renamed. What does not fit is refused; nothing is ever half-installed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::app::archive::{self, ArchiveError, Unpacked};
use crate::app::packages::{self, BASE};
use crate::app::samples::Judged;
use crate::app::scratch::Scratch;
use crate::xoev::adopt::{self, Official, Ours};
use crate::xoev::catalog::{Catalog, Elsewhere};
use crate::xoev::diff::{self, Difference};
use crate::xoev::fault::{PackageFault, nearest};
use crate::xoev::mapping::did_you_mean;
use crate::xoev::package;
use crate::xoev::schema::Files;

/// The list of what is expected of the samples.
const CASES: &str = "samples/cases.yaml";

/// What is to be installed.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Folder of the packages.
    pub folder: &'a Path,
    /// The archive or folder of the official package.
    pub source: &'a Path,
    /// `standard/version`, when the package does not say it itself.
    pub named: Option<&'a str>,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// What became of it.
#[derive(Debug, Default, Serialize)]
pub struct Import {
    /// `standard/version` of the package.
    pub package: Option<String>,
    /// Whose mapping it took; the same as `package` when it was installed over ours.
    pub mapping_from: Option<String>,
    /// Whether it was written.
    pub installed: bool,
    /// Why it was refused; empty when it fits.
    pub faults: Vec<PackageFault>,
    /// What a person should know of how it was made.
    pub notes: Vec<String>,
    /// Samples that are judged otherwise now and were left out, each with why.
    pub left_out: Vec<String>,
    /// What changes against the package whose mapping it took; null when the schemas cannot be used.
    pub changes: Option<Difference>,
}

impl Import {
    fn refused(mut self, faults: Vec<PackageFault>) -> Import {
        self.faults = faults;
        self.faults.sort();
        self.faults.dedup();
        self
    }

    /// Whether it fits.
    pub fn fits(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Why it was not even looked at.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The official package cannot be opened.
    #[error("{0}: {1}")]
    Source(String, ArchiveError),
    /// The folder of packages cannot be read or written.
    #[error("{0}: {kind}; check the folder and its rights", kind = .1.kind())]
    Folder(String, io::Error),
    /// The packages that are there already are broken.
    #[error("the packages that are there cannot be read; see `drehscheibe standards check`: {0}")]
    Broken(String),
}

/// Checks an official package against what is there and installs it if it fits.
pub fn import(wanted: &Wanted<'_>) -> Result<Import, ImportError> {
    let shown = wanted.source.display().to_string();
    let unpacked = match archive::read(wanted.source) {
        Ok(unpacked) => unpacked,
        Err(ArchiveError::Refused(text)) => {
            return Ok(Import::default().refused(vec![PackageFault::of(&shown, text)]));
        }
        Err(missing) => return Err(ImportError::Source(shown, missing)),
    };
    let unreadable = |error| ImportError::Folder(wanted.folder.display().to_string(), error);
    if !wanted.folder.is_dir() {
        return Err(unreadable(io::ErrorKind::NotFound.into()));
    }
    let (known, raw) = known(wanted.folder)?;
    let theirs = match Catalog::of(&unpacked.files) {
        Ok(catalog) => catalog,
        Err(faults) => return Ok(Import::default().refused(faults)),
    };
    let named = match wanted.named {
        Some(named) => split(named, &known),
        None => adopt::recognise(&theirs, &known),
    };
    let (standard, version) = match named {
        Ok((standard, version)) if adopt::is_plain(&version) => (standard, version),
        Ok((_, version)) => {
            let text = format!("no name for a version: {version}; name it with --as STANDARD/VERSION");
            return Ok(Import::default().refused(vec![PackageFault::of(&shown, text)]));
        }
        Err(text) => return Ok(Import::default().refused(vec![PackageFault::of(&shown, text)])),
    };
    let at = format!("{standard}/{version}");
    let mut import = Import { package: Some(at.clone()), ..Import::default() };
    let Some(ours) = adopt::nearest_version(&known, &standard, &version) else {
        return Ok(import.refused(vec![PackageFault::of(&shown, "of no standard that is mapped here")]));
    };
    if let Some(text) = adopt::contradiction(&theirs, ours, &version) {
        return Ok(import.refused(vec![PackageFault::of(&shown, text)]));
    }
    let lender = format!("{}/{}", ours.standard, ours.version);
    import.mapping_from = Some(lender.clone());
    let broken = |faults: Vec<PackageFault>| {
        ImportError::Broken(faults.first().map(ToString::to_string).unwrap_or_default())
    };
    let base: Files = package::files(wanted.folder, BASE)
        .map_err(broken)?
        .into_iter()
        .filter_map(|(name, text)| Some((name.strip_prefix("base/")?.to_owned(), text)))
        .collect();
    let others: Vec<(String, &Ours)> = known
        .iter()
        .map(|other| (format!("{}/{}", other.standard, other.version), other))
        .filter(|(other, _)| *other != at)
        .collect();
    let elsewhere = Elsewhere {
        base: Catalog::of(&base).map_err(broken)?,
        others: others
            .iter()
            .filter_map(|(other, ours)| Some((other.as_str(), Catalog::of(&ours.files).ok()?)))
            .collect(),
    };
    let name = wanted.source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Unpacked { files, sha256 } = &unpacked;
    let official = Official { files, name: &name, sha256 };
    let mut adopted = match adopt::adopt(&official, ours, &version, &elsewhere) {
        Ok(adopted) => adopted,
        Err(faults) => return Ok(import.refused(faults)),
    };
    import.notes = adopted.notes;
    let octets = raw.get(&lender).cloned().unwrap_or_default();
    let new = Package { at: &at, files: &mut adopted.files, octets: &octets };
    import = prove(import, new, (&base, &others), &lender, wanted.folder)?;
    if import.fits() && !wanted.dry_run {
        install(wanted.folder, &at, &adopted.files, &octets).map_err(unreadable)?;
        import.installed = true;
    }
    Ok(import)
}

/// All packages of a folder, and of each its files that are no text.
type KnownPackages = (Vec<Ours>, BTreeMap<String, BTreeMap<String, Vec<u8>>>);

fn known(folder: &Path) -> Result<KnownPackages, ImportError> {
    let unreadable = |error| ImportError::Folder(folder.display().to_string(), error);
    let (mut known, mut raw) = KnownPackages::default();
    for at in package::found(folder).map_err(|_| unreadable(io::ErrorKind::NotFound.into()))? {
        let (files, octets) = packages::everything(&folder.join(&at)).map_err(unreadable)?;
        let Some((standard, version)) = at.split_once('/') else { continue };
        known.push(Ours { standard: standard.to_owned(), version: version.to_owned(), files });
        raw.insert(at, octets);
    }
    Ok((known, raw))
}

fn split(named: &str, known: &[Ours]) -> Result<(String, String), String> {
    let standards = || known.iter().map(|ours| ours.standard.as_str());
    match named.split_once('/') {
        Some((standard, version)) if standards().any(|known| known == standard) => {
            Ok((standard.to_owned(), version.to_owned()))
        }
        Some((standard, _)) => {
            let near = did_you_mean(nearest(standard, standards()));
            Err(format!("no package of ours maps the standard {standard}{near}; write one first"))
        }
        None => Err("--as is written STANDARD/VERSION".to_owned()),
    }
}

/// A package that is not installed yet.
struct Package<'a> {
    at: &'a str,
    files: &'a mut Files,
    octets: &'a BTreeMap<String, Vec<u8>>,
}

/// Loads the package in a folder of its own exactly as a run loads it, and adds what was found to the import.
fn prove(
    mut import: Import,
    new: Package<'_>,
    (base, others): (&Files, &[(String, &Ours)]),
    lender: &str,
    folder: &Path,
) -> Result<Import, ImportError> {
    let scratch =
        Scratch::new().map_err(|error| ImportError::Folder("temporary folder".to_owned(), error))?;
    let unwritten = |error| ImportError::Folder("temporary folder".to_owned(), error);
    write(&scratch.0.join(BASE), base, &BTreeMap::new()).map_err(unwritten)?;
    // A package may lean on another one, such as for its rejection; the samples of those are no matter here.
    for (other, ours) in others {
        let files = ours.files.iter().filter(|(name, _)| !name.starts_with("samples/"));
        let files: Files = files.map(|(name, text)| (name.clone(), text.clone())).collect();
        write(&scratch.0.join(other), &files, &BTreeMap::new()).map_err(unwritten)?;
    }
    let place = scratch.0.join(new.at);
    write(&place, new.files, new.octets).map_err(unwritten)?;
    let only = [new.at.to_owned()];
    let outline = packages::outline(&scratch.0, new.at);
    if let (Ok(old), Ok(new)) = (packages::outline(folder, lender), &outline) {
        import.changes = Some(diff::difference(&old, new));
    }
    let mut loaded = package::load(&scratch.0);
    let lent = format!("{lender}/");
    // The version that lends its mapping may have been corrected for the new one already, and fit its own schemas no more.
    if lender != new.at
        && loaded.as_ref().is_err_and(|faults| faults.iter().all(|fault| fault.file.starts_with(&lent)))
    {
        std::fs::remove_dir_all(scratch.0.join(lender)).map_err(unwritten)?;
        loaded = package::load(&scratch.0);
    }
    let set = match loaded {
        Ok(set) => set,
        Err(mut faults) => {
            faults.extend(outline.iter().flat_map(|outline| outline.unfit_for(outline)));
            return Ok(import.refused(faults));
        }
    };
    let (judged, mut faults) = packages::proven(&set, &scratch.0, &only);
    let (must, may): (Vec<&Judged>, Vec<&Judged>) =
        judged.iter().filter(|judged| !judged.faults.is_empty()).partition(|judged| judged.read);
    faults.extend(must.into_iter().flat_map(packages::told));
    if faults.is_empty() && !may.is_empty() {
        for judged in may {
            let file = judged.name.rsplit_once('/').map_or(judged.name.as_str(), |(_, file)| file);
            import.left_out.push(format!("{file}: {}", judged.faults.join("; ")));
            new.files.remove(&format!("samples/{file}"));
            if let Some(cases) = new.files.get_mut(CASES) {
                *cases = without(cases, file);
            }
        }
        std::fs::remove_dir_all(&place).map_err(unwritten)?;
        write(&place, new.files, new.octets).map_err(unwritten)?;
        let (judged, more) = packages::proven(&set, &scratch.0, &only);
        faults.extend(more);
        faults.extend(judged.iter().flat_map(packages::told));
    }
    Ok(import.refused(faults))
}

/// The cases without the one of a file: an entry begins with a hyphen and ends where the next one begins.
fn without(cases: &str, file: &str) -> String {
    let begins = |line: &str| line.trim_start().starts_with("- ");
    let is_file = |line: &str| {
        let said = line.trim_start().trim_start_matches("- ").trim_start_matches("{ ").trim_start();
        said.strip_prefix("file:").is_some_and(|name| {
            name.split([',', '}', '#'])
                .next()
                .is_some_and(|name| name.trim().trim_matches(['"', '\'']) == file)
        })
    };
    let mut kept = String::new();
    let mut leaving: Option<usize> = None;
    for line in cases.split_inclusive('\n') {
        let depth = line.len() - line.trim_start().len();
        if begins(line) && is_file(line) {
            leaving = Some(depth);
        } else if leaving.is_some_and(|left| begins(line) && depth <= left) {
            leaving = None;
        }
        if leaving.is_none() {
            kept.push_str(line);
        }
    }
    kept
}

fn write(folder: &Path, files: &Files, octets: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let texts = files.iter().map(|(name, text)| (name, text.as_bytes()));
    for (name, octets) in texts.chain(octets.iter().map(|(name, octets)| (name, octets.as_slice()))) {
        let path = folder.join(name);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)?;
        }
        std::fs::write(path, octets)?;
    }
    Ok(())
}

/// Writes the package beside its place and renames it there; what stood there before is put back if that fails.
fn install(folder: &Path, at: &str, files: &Files, octets: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let place = folder.join(at);
    let above = place.parent().unwrap_or(folder);
    // A name that begins with a dot is no package: whoever loads meanwhile does not see it.
    let beside = |what: &str| above.join(format!(".import-{what}-{}", uuid::Uuid::new_v4()));
    let (new, old) = (beside("new"), beside("old"));
    let written = write(&new, files, octets);
    let moved = written.and_then(|()| if place.exists() { std::fs::rename(&place, &old) } else { Ok(()) });
    let done = moved.and_then(|()| {
        std::fs::rename(&new, &place).inspect_err(|_| {
            if old.exists() {
                // The one that stood there is whole; a second failure leaves it beside, under its dotted name.
                let _ = std::fs::rename(&old, &place);
            }
        })
    });
    let _ = std::fs::remove_dir_all(if done.is_ok() { &old } else { &new });
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_case_is_taken_out_and_no_other() {
        let cases = "# all\ncases:\n  - file: a.xml\n    record: a.json\n  - file: \"b.xml\"\n    rejections:\n      - { code: X001 }\n  - { file: c.xml, schema-valid: true }\n";
        let left = without(cases, "b.xml");
        assert_eq!(
            left,
            "# all\ncases:\n  - file: a.xml\n    record: a.json\n  - { file: c.xml, schema-valid: true }\n"
        );
        assert_eq!(without(&left, "c.xml"), "# all\ncases:\n  - file: a.xml\n    record: a.json\n");
    }

    #[test]
    fn a_package_replaces_the_one_that_stands_there() {
        let folder = Scratch::new().unwrap();
        let files = |text: &str| Files::from([("a/b.txt".to_owned(), text.to_owned())]);
        for text in ["one", "two"] {
            install(&folder.0, "s/1", &files(text), &BTreeMap::new()).unwrap();
            assert_eq!(std::fs::read_to_string(folder.0.join("s/1/a/b.txt")).unwrap(), text);
            assert_eq!(std::fs::read_dir(folder.0.join("s")).unwrap().count(), 1);
        }
    }
}
