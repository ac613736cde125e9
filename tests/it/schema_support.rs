//! Help for the tests of the schema engine: schemas from disk or from a test's own text, verdicts of `xmllint`, seeded chance.
//! It never judges a document itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use drehscheibe::schema::fault::Breach;
use drehscheibe::schema::load::{Library, beside};
use drehscheibe::schema::tables::Schema;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;

/// The official schemas, where they are at hand.
pub const SHARED: &str = "../shared/schemas";

/// Files on disk; an address in the net is a file of that name, or else for that namespace, below one of the folders.
pub struct Disk(pub Vec<PathBuf>);

impl Library for Disk {
    fn find(&self, from: &str, location: &str, namespace: &str) -> Result<String, String> {
        if from.is_empty() || location.starts_with('/') {
            return Ok(location.to_owned());
        }
        if location.contains("://") {
            let name = location.rsplit('/').next().unwrap_or_default();
            let all: Vec<PathBuf> = self.0.iter().flat_map(|folder| files(folder, ".xsd")).collect();
            let target = format!("targetNamespace=\"{namespace}\"");
            let named = all.iter().find(|path| path.file_name().is_some_and(|found| found == name));
            let found = named.or_else(|| {
                all.iter().find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&target)))
            });
            return found.map(|path| path.display().to_string()).ok_or_else(|| "not at hand".to_owned());
        }
        // Above the folder of the repository, too: `..` is kept at the front.
        let up = "../".repeat(from.matches("../").count());
        let inner = from.trim_start_matches("../");
        let root = if from.starts_with('/') { "/" } else { "" };
        beside(inner, location).map(|path| format!("{root}{up}{path}")).ok_or_else(|| "leads out".to_owned())
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, String> {
        fs::read(name).map_err(|error| format!("{name}: {}", error.kind()))
    }
}

/// One schema document with a text of a test; others by their names.
pub struct Texts<'t>(pub &'t [(&'t str, &'t str)]);

impl Library for Texts<'_> {
    fn find(&self, _: &str, location: &str, _: &str) -> Result<String, String> {
        Ok(location.to_owned())
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, String> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "is missing".to_owned())
    }
}

/// All files below a folder whose name ends so, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The breaches of a document; what the gate refuses has one.
pub fn breaches(schema: &Schema, octets: &[u8]) -> Vec<Breach> {
    match gate::pass(Bytes::copy_from_slice(octets), &Limits { attributes: 500, ..Limits::default() }) {
        Ok(document) => schema.validate(&document, 10),
        Err(_) => {
            vec![Breach { code: "gate", offset: 0, path: String::new(), text: String::new() }]
        }
    }
}

/// Whether `xmllint` is here.
pub fn xmllint_is_here() -> bool {
    let here = Command::new("xmllint").arg("--version").output().is_ok_and(|output| output.status.success());
    if !here {
        println!("no second opinion: xmllint is missing");
    }
    here
}

/// What `xmllint` says of many files at once: none when valid, else its first complaint. `None` when it cannot use the schema.
pub fn xmllint(schema: &Path, files: &[PathBuf]) -> Option<BTreeMap<PathBuf, Option<String>>> {
    let catalogs = format!("{SHARED}/xoev-xmllint-catalog.xml {SHARED}/osci12-xmllint-catalog.xml");
    let mut verdicts = BTreeMap::new();
    for files in files.chunks(2_000) {
        let output = Command::new("xmllint")
            .env("XML_CATALOG_FILES", &catalogs)
            .args(["--noout", "--nonet", "--huge", "--schema"])
            .arg(schema)
            .args(files)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if told.contains("failed to compile") {
            return None;
        }
        let mut complaints: BTreeMap<&str, &str> = BTreeMap::new();
        let mut valid = std::collections::BTreeSet::new();
        for line in told.lines() {
            if let Some(file) = line.strip_suffix(" validates") {
                valid.insert(file);
            } else if let Some((file, complaint)) = line.split_once(':') {
                complaints.entry(file).or_insert(complaint);
            }
        }
        for file in files {
            let name = file.display().to_string();
            // A prefix that is not declared is told of, and the file called valid all the same.
            let complaint = complaints
                .get(&*name)
                .filter(|complaint| !valid.contains(&*name) || complaint.contains("namespace error"));
            let unclear = (!valid.contains(&*name)).then_some("no verdict");
            verdicts.insert(file.clone(), complaint.copied().or(unclear).map(str::to_owned));
        }
    }
    Some(verdicts)
}

/// Chance that a seed repeats (xorshift).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    pub fn of<'t, T: ?Sized>(&mut self, all: &[&'t T]) -> &'t T {
        all[self.below(all.len())]
    }
}
