//! The schema engine against `xmllint`: samples of all packages, official schemas and recordings where they are at hand, and
//! seeded mutants of all of them. Where the tool is not here the tests say so and compare nothing.

use std::fs;
use std::path::{Path, PathBuf};

use drehscheibe::schema::fault::Breach;
use drehscheibe::schema::load::Library;
use drehscheibe::schema::tables::Schema;

use crate::schema_mutants::mutant;
use crate::schema_support::{Chance, Disk, SHARED, breaches, files, xmllint, xmllint_is_here};

/// A schema and documents of it.
pub struct Set {
    pub entry: PathBuf,
    pub schema: Schema,
    pub documents: Vec<PathBuf>,
    pub types: Vec<String>,
}

/// Where libxml2 2.9.14 is wrong, by our first breach and its first complaint, of which one is empty: it holds the document valid.
/// Each kind was put before Xerces (JDK 17) by hand, which judges as we do.
type Kind = (fn(ours: &str, theirs: &str) -> bool, &'static str);
const LIBXML2_IS_WRONG: &[Kind] = &[
    (
        |_, theirs| theirs.contains("Character content other than whitespace"),
        "white space between elements may stand in a CDATA section or as a reference",
    ),
    (
        |ours, _| ours == "base64 is expected",
        "bits of the last character that belong to no octet are zero (Part 2, 3.2.16)",
    ),
    (
        |_, theirs| {
            let value = theirs.split_once("': '").or_else(|| theirs.split_once("actual value '"));
            let Some((_, value)) = value else { return false };
            let end =
                value.split_once("' is not a valid value").or_else(|| value.split_once("' does not match"));
            // A complaint that ends here goes on in its next line: the value begins with a line break.
            let value = end.map_or("\n", |(value, _)| value);
            value.starts_with([' ', '\t', '\n', '\r', '&']) || value.ends_with([' ', '\t', '\n', '\r'])
        },
        "white space around dates, addresses and fixed values goes before they are judged (Part 2, 4.3.6)",
    ),
    (
        |_, theirs| theirs.contains("\\p{L}") && theirs.contains("The value 'ẞ'"),
        "a letter of today's Unicode",
    ),
    (|ours, _| ours.ends_with("(xsi:nil)"), "xsi:nil is a boolean wherever it stands"),
    (
        |_, theirs| {
            let value = theirs.split_once("': '").and_then(|(_, value)| {
                value.split_once("' is not a valid value of the atomic type 'xs:anyURI'")
            });
            let host = value
                .and_then(|(value, _)| value.split_once("://"))
                .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
            let port = host.filter(|host| !host.contains('[')).and_then(|host| host.rsplit_once(':'));
            port.is_some_and(|(_, port)| {
                port.is_empty() || port.contains(|digit: char| !digit.is_ascii_digit())
            })
        },
        "what stands in the place of a host and its port may be a name that a registry gave (RFC 2396, 3.2.1), and a port may be empty",
    ),
];

/// Folders of the official schemas with what others call by an address in the net.
pub const FOLDERS: &[&str] = &["osci12/extern", "din91379", "xoev-kernkomponenten"];

fn disk() -> Disk {
    Disk(FOLDERS.iter().map(|folder| PathBuf::from(format!("{SHARED}/{folder}"))).collect())
}

/// `{namespace}name` of the types that the schema documents of a folder define.
fn types(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(folder, ".xsd") {
        let text = fs::read_to_string(file).unwrap();
        let value = |text: &str, name: &str| {
            text.split_once(&format!(" {name}=\""))
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(value, _)| value.to_owned())
        };
        let target = value(&text, "targetNamespace").unwrap_or_default();
        for part in text
            .split('<')
            .filter(|part| part.contains("complexType name=") || part.contains("simpleType name="))
        {
            found.extend(value(part, "name").map(|name| format!("{{{target}}}{name}")));
        }
    }
    found
}

/// The sets of a folder with schemas and one with documents: each document goes to the schema that knows its root.
fn sets(schemas: &Path, ending: &str, samples: &Path) -> Vec<Set> {
    let mut sets: Vec<Set> = Vec::new();
    for entry in fs::read_dir(schemas).unwrap().map(|entry| entry.unwrap().path()) {
        if !entry.to_string_lossy().ends_with(ending) {
            continue;
        }
        let schema = Schema::compile(&[&entry.display().to_string()], &disk())
            .unwrap_or_else(|fault| panic!("{fault}"));
        sets.push(Set { entry, schema, documents: vec![], types: types(schemas) });
    }
    sets.sort_by(|one, two| one.entry.cmp(&two.entry));
    for document in files(samples, ".xml") {
        let octets = fs::read(&document).unwrap();
        let known = sets.iter_mut().find(|set| {
            !breaches(&set.schema, &octets).iter().any(|breach| matches!(breach.code, "cvc-elt.1" | "gate"))
        });
        if let Some(set) = known {
            set.documents.push(document);
        }
    }
    sets.retain(|set| !set.documents.is_empty());
    sets
}

pub fn all_sets() -> Vec<Set> {
    let mut all = Vec::new();
    // In the order of their names, for the place of a set is the seed of its mutants.
    let mut standards: Vec<PathBuf> =
        fs::read_dir("xsd").unwrap().map(|entry| entry.unwrap().path()).collect();
    standards.sort();
    for standard in standards {
        for version in files(&standard, "package.yaml") {
            let folder = version.parent().unwrap();
            all.extend(sets(folder, ".xsd", &folder.join("samples")));
        }
    }
    if !Path::new(SHARED).is_dir() {
        println!("official schemas are not at hand: only those of our packages are compared");
        return all;
    }
    let shared = |path: &str| PathBuf::from(format!("{SHARED}/{path}"));
    all.extend(sets(&shared("xfamilie-1.3.0"), "reconstructed.xsd", &shared("xfamilie-1.3.0/samples")));
    all.extend(sets(
        &shared("xpersonenstand-26.11"),
        "reconstructed.xsd",
        &shared("xpersonenstand-26.11/samples"),
    ));
    all.extend(sets(&shared("xjustiz/3.6.2"), "nachrichten_3_2.xsd", &shared("xjustiz/samples")));
    all.extend(sets(&shared("validate"), "soap12-xta211.xsd", &shared("../captures/xta")));
    all
}

/// What differs and is not known to be wrong there.
fn compare(set: &Set, documents: &[PathBuf]) -> Vec<(PathBuf, Vec<Breach>)> {
    let theirs = xmllint(&set.entry, documents).unwrap_or_else(|| panic!("{}", set.entry.display()));
    let mut differ = Vec::new();
    for document in documents {
        let ours = breaches(&set.schema, &fs::read(document).unwrap());
        if ours.is_empty() != theirs[document].is_none() {
            let ours_first = ours.first().map_or("", |breach| &*breach.text);
            let theirs_first = theirs[document].as_deref().unwrap_or_default();
            let known = LIBXML2_IS_WRONG.iter().any(|(is, _)| is(ours_first, theirs_first));
            if !known {
                differ.push((document.clone(), ours));
            }
        }
    }
    differ
}

/// A schema document with faults, the others as they are.
struct Changed<'t>(&'t str, String);

impl Library for Changed<'_> {
    fn find(&self, from: &str, location: &str, namespace: &str) -> Result<String, String> {
        disk().find(from, location, namespace)
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, String> {
        if name == self.0 { Ok(self.1.clone().into_bytes()) } else { disk().octets(name) }
    }
}

#[test]
fn broken_schemas_are_refused_or_used_and_end_nothing() {
    let (mut used, mut refused) = (0, 0);
    for (seed, name) in
        ["xoev-code", "xinneres/xinneres-datum", "xinneres/xinneres-geschlecht"].iter().enumerate()
    {
        let name = format!("xsd/base/{name}.xsd");
        let text = fs::read_to_string(&name).unwrap();
        let mut chance = Chance::new(seed as u64 + 77);
        for _ in 0..200 {
            let changed = Changed(&name, mutant(&text, &[], &mut chance));
            match Schema::compile(&[&name], &changed) {
                Ok(schema) => {
                    used += 1;
                    breaches(&schema, b"<a><b/>x</a>");
                }
                Err(fault) => {
                    refused += 1;
                    assert!(!fault.text.is_empty() && !fault.file.is_empty());
                }
            }
        }
    }
    println!("broken schemas: {used} used, {refused} refused");
    assert!(refused > 200 && used > 20, "{used} {refused}");
}

#[test]
fn official_schemas_are_loaded() {
    if !Path::new(SHARED).is_dir() {
        println!("official schemas are not at hand");
        return;
    }
    let all = files(Path::new(SHARED), ".xsd");
    let refused: Vec<String> = all
        .iter()
        .filter_map(|path| Schema::compile(&[&path.display().to_string()], &disk()).err())
        .map(|fault| fault.to_string())
        .collect();
    println!("official schema documents loaded: {} of {}", all.len() - refused.len(), all.len());
    // Eighteen schemas of OSCI 1.2 are not lawful, see `tests/oracles.txt`.
    let (ambiguous, wrong): (Vec<&String>, Vec<&String>) = refused.iter().partition(|fault| {
        fault.contains("/osci12/soap") && fault.contains("an element and a wildcard beside it")
    });
    assert!(wrong.is_empty() && all.len() > 100, "{wrong:?}");
    assert_eq!(ambiguous.len(), 18, "{ambiguous:?}");
}

#[test]
fn samples_are_judged_as_by_xmllint() {
    if !xmllint_is_here() {
        return;
    }
    let mut count = 0;
    for set in all_sets() {
        let differ = compare(&set, &set.documents);
        assert!(differ.is_empty(), "{}: {differ:?}", set.entry.display());
        count += set.documents.len();
    }
    println!("samples compared: {count}");
    assert!(count >= 90, "{count}");
}

#[test]
fn mutants_are_judged_as_by_xmllint() {
    if !xmllint_is_here() {
        return;
    }
    let long = std::env::var_os("DREHSCHEIBE_LONG").is_some();
    let wanted = if long { 60_000 } else { 6_000 };
    let sets = all_sets();
    let each = wanted / sets.len();
    let folder = tempfile::tempdir().unwrap();
    let (mut count, mut invalid, mut wrong) = (0, 0, Vec::new());
    for (number, set) in sets.iter().enumerate() {
        let mut chance = Chance::new(number as u64 + 1);
        let mut made = Vec::new();
        for at in 0..each {
            let source = &set.documents[at % set.documents.len()];
            let text = fs::read_to_string(source).unwrap();
            let path = folder.path().join(format!("{number}-{at}.xml"));
            fs::write(&path, mutant(&text, &set.types, &mut chance)).unwrap();
            made.push(path);
        }
        let differ = compare(set, &made);
        for (path, ours) in &differ {
            if let Some(keep) = std::env::var_os("DREHSCHEIBE_KEEP") {
                fs::copy(path, Path::new(&keep).join(path.file_name().unwrap())).unwrap();
            }
            wrong.push(format!(
                "{} {}: {:?}",
                set.entry.display(),
                path.file_name().unwrap().to_string_lossy(),
                ours.first()
            ));
        }
        invalid +=
            made.iter().filter(|path| !breaches(&set.schema, &fs::read(path).unwrap()).is_empty()).count();
        count += made.len();
        made.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    println!("mutants compared: {count}, {invalid} of them not valid");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(invalid * 10 > count && invalid < count, "{invalid} of {count}");
}
