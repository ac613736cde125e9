//! What is known of the packages of the standards in a folder: a list, all their faults, what differs between two.
//! Changes nothing on disk; `install` does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use crate::app::samples::{self, Judged};
use crate::pipeline::answer;
use crate::xoev::adopt::ORIGIN;
use crate::xoev::contract::{Known, Standards};
use crate::xoev::diff::{self, Difference, Outline};
use crate::xoev::fault::{PackageFault, nearest};
use crate::xoev::mapping::did_you_mean;
use crate::xoev::package;
use crate::xoev::schema::Files;
use crate::xoev::set::PackageSet;

/// Folder of the schemas that all packages share.
pub const BASE: &str = "base";

/// A loaded package as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// The standard.
    pub standard: String,
    /// The version.
    pub version: String,
    /// Kennung of the standard.
    pub id: String,
    /// What it is, for people.
    pub about: String,
    /// `official` where the schemas were imported, `own` where they are our own words.
    pub text: &'static str,
    /// `shipped` as the program carries it, `changed` against that, or `installed` beside it.
    pub from: &'static str,
    /// Its folder.
    pub folder: PathBuf,
    /// First day on which a message of it may be made, YYYY-MM-DD.
    pub valid_from: Option<String>,
    /// Last day on which a message of it may be made, YYYY-MM-DD.
    pub valid_until: Option<String>,
    /// Its messages.
    pub messages: Vec<ListedMessage>,
    /// Type of the receipt.
    pub receipt: Option<String>,
    /// Type of the rejection.
    pub rejection: Option<String>,
    /// SHA-256 over its files, hexadecimal.
    pub sha256: String,
}

/// A message of a listed package.
#[derive(Clone, Debug, Serialize)]
pub struct ListedMessage {
    /// The type.
    pub message: String,
    /// Whether it can be accepted.
    pub reads: bool,
    /// Whether it can be sent.
    pub writes: bool,
}

/// What every version of the loader reads of a package; the program's own copy is compared by it.
fn is_compared(name: &str) -> bool {
    [".xsd", ".xml", ".yaml"].iter().any(|ending| name.ends_with(ending))
}

/// Lists the packages of a folder; `shipped` gives the files that the program carries of one.
pub fn list(folder: &Path, shipped: &dyn Fn(&str) -> Files) -> Result<Vec<Listed>, Vec<PackageFault>> {
    let set = package::load(folder)?;
    let known = set.known();
    let mut listed = Vec::new();
    for package in set.packages() {
        let at = format!("{}/{}", package.standard, package.version);
        let files = package::files(folder, &at)?;
        let carried = shipped(&at);
        let own = files.iter().filter(|(name, _)| is_compared(name));
        let from = match (carried.is_empty(), own.eq(carried.iter())) {
            (true, _) => "installed",
            (false, true) => "shipped",
            (false, false) => "changed",
        };
        let of = |known: &&Known| known.standard == package.standard && known.version == package.version;
        listed.push(Listed {
            standard: package.standard.clone(),
            version: package.version.clone(),
            id: package.id.clone(),
            about: package.about.clone(),
            text: if files.contains_key(&format!("{at}/{ORIGIN}")) { "official" } else { "own" },
            from,
            folder: folder.join(&package.standard).join(&package.version),
            valid_from: package.from.map(|day| day.to_string()),
            valid_until: package.until.map(|day| day.to_string()),
            messages: known
                .iter()
                .filter(of)
                .map(|known| ListedMessage {
                    message: known.message.clone(),
                    reads: known.reads,
                    writes: known.writes,
                })
                .collect(),
            receipt: package.receipt.clone(),
            rejection: package.rejection.clone(),
            sha256: package::digest(&files),
        });
    }
    Ok(listed)
}

/// What a check of a folder found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// How many packages there are.
    pub packages: usize,
    /// How many message types they know.
    pub messages: usize,
    /// How many samples were judged.
    pub samples: usize,
    /// Everything that is wrong.
    pub faults: Vec<PackageFault>,
}

/// Loads the packages of a folder as a run does, writes every answer once, and judges all samples.
pub fn check(folder: &Path) -> Checked {
    match package::load(folder) {
        Err(mut faults) => {
            // A template that does not fit is found without the schemas being loaded together.
            faults.extend(templates(folder, &package::found(folder).unwrap_or_default()));
            faults.sort();
            faults.dedup();
            Checked { packages: 0, messages: 0, samples: 0, faults }
        }
        Ok(set) => {
            let all = package::found(folder).unwrap_or_default();
            let (judged, mut faults) = proven(&set, folder, &all);
            faults.extend(judged.iter().flat_map(told));
            faults.sort();
            faults.dedup();
            let (packages, messages) = (set.packages().len(), set.known().len());
            Checked { packages, messages, samples: judged.len(), faults }
        }
    }
}

/// What loading alone does not show: templates that write what no schema allows, and samples. Templates are looked at
/// by name for the packages `of` only; the samples are all that lie in the folder.
pub fn proven(set: &PackageSet, folder: &Path, of: &[String]) -> (Vec<Judged>, Vec<PackageFault>) {
    let mut faults = templates(folder, of);
    // Told by name above; filling one in finds what names alone do not show.
    if faults.is_empty()
        && let Err(fault) = answer::rehearse(set, &invented_platform())
    {
        faults.push(PackageFault::of(
            of.first().filter(|_| of.len() == 1).map_or("", String::as_str),
            fault.text,
        ));
    }
    (samples::run(set, folder), faults)
}

fn templates(folder: &Path, all: &[String]) -> Vec<PackageFault> {
    let outlines = all.iter().filter_map(|at| outline(folder, at).ok());
    outlines.flat_map(|outline| outline.unfit_for(&outline)).collect()
}

/// The faults of a sample.
pub fn told(judged: &Judged) -> Vec<PackageFault> {
    let (at, file) = judged.name.rsplit_once('/').unwrap_or(("", &judged.name));
    let name = format!("{at}/samples/{file}");
    judged.faults.iter().map(|fault| PackageFault::of(&name, format!("sample: {fault}"))).collect()
}

/// A block `platform` as a stage has one; nobody lives there.
fn invented_platform() -> Value {
    json!({
        "praefix": "jga",
        "kennung": "040110000000",
        "name": "Probestelle",
        "erreichbarkeit": [{ "kanal": "01", "kennung": "probe@sorgeregister.example" }],
        "anschrift": {
            "strasse": "Beispielweg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen",
        },
    })
}

/// Reads one package of a folder so that it can be compared.
pub fn outline(folder: &Path, at: &str) -> Result<Outline, Vec<PackageFault>> {
    let mut files = package::files(folder, at)?;
    files.extend(package::files(folder, BASE)?);
    Outline::of(at, &files)
}

/// Where a package lies: the folder of packages and `standard/version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    folder: PathBuf,
    at: String,
}

/// Finds a package by `standard/version` in a folder of packages, or by its own folder.
pub fn find(folder: &Path, named: &str) -> Result<At, String> {
    let known = package::found(folder).unwrap_or_default();
    let plain = named.trim_end_matches('/');
    if known.iter().any(|at| at == plain) {
        return Ok(At { folder: folder.to_owned(), at: plain.to_owned() });
    }
    let path = std::path::absolute(plain).unwrap_or_else(|_| PathBuf::from(plain));
    if path.join("package.yaml").is_file() {
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        if let Some(above) = path.parent().and_then(Path::parent) {
            let at = format!("{}/{}", name(path.parent()), name(Some(&path)));
            return Ok(At { folder: above.to_owned(), at });
        }
    }
    let near = did_you_mean(nearest(plain, known.iter().map(String::as_str)));
    Err(format!("no such package: {named}{near} (write standard/version, or the folder of a package)"))
}

/// What differs between two packages, in both directions as far as the mappings go.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// The first one.
    pub from: String,
    /// The second one.
    pub to: String,
    /// What differs, and what of the first one's mapping does not fit the second.
    #[serde(flatten)]
    pub difference: Difference,
    /// What of the second one's mapping does not fit the first.
    pub unfit_back: Vec<PackageFault>,
}

/// Compares two packages.
pub fn compare(from: &At, to: &At) -> Result<Compared, Vec<PackageFault>> {
    let (old, new) = (outline(&from.folder, &from.at)?, outline(&to.folder, &to.at)?);
    Ok(Compared {
        from: from.at.clone(),
        to: to.at.clone(),
        difference: diff::difference(&old, &new),
        unfit_back: new.unfit_for(&old),
    })
}

/// All files of a package with paths below its own folder; those that are no text apart.
pub type Everything = (Files, BTreeMap<String, Vec<u8>>);

/// Reads everything that lies in the folder of a package, samples too.
pub fn everything(folder: &Path) -> std::io::Result<Everything> {
    let mut found = Everything::default();
    gather(folder, "", &mut found)?;
    Ok(found)
}

fn gather(folder: &Path, at: &str, found: &mut Everything) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let name = if at.is_empty() { file } else { format!("{at}/{file}") };
        if entry.path().is_dir() {
            gather(&entry.path(), &name, found)?;
            continue;
        }
        match String::from_utf8(std::fs::read(entry.path())?) {
            Ok(text) => {
                found.0.insert(name, text);
            }
            Err(octets) => {
                found.1.insert(name, octets.into_bytes());
            }
        }
    }
    Ok(())
}
