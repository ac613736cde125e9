//! The schema engine against the W3C's test suite (the sets by Microsoft), where it is at hand: each instance test whose schema
//! is valid by XSD 1.0 is judged as expected, and each schema that is not is refused, but for what `tests/w3c.txt` lists with its
//! reason. An eighth of the groups in a normal run, all of them with DREHSCHEIBE_LONG=1.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use drehscheibe::schema::tables::Schema;

use crate::schema_support::{Disk, SHARED, breaches};

const LIST: &str = "tests/w3c.txt";

#[derive(Default)]
struct Group {
    name: String,
    schemas: Vec<PathBuf>,
    valid: Option<bool>,
    /// Name, file, expected verdict.
    instances: Vec<(String, PathBuf, Option<bool>)>,
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The groups of one file of the suite.
fn groups(file: &Path) -> Vec<Group> {
    let text = fs::read_to_string(file).unwrap();
    let here = file.parent().unwrap();
    let (mut groups, mut of_schema): (Vec<Group>, bool) = (Vec::new(), false);
    let mut counts = true;
    for tag in text.split('<').skip(1) {
        let word = tag.split([' ', '>', '\n', '\t']).next().unwrap_or_default();
        if word == "testGroup" {
            let name = attribute(tag, "name").unwrap().to_owned();
            groups.push(Group { name, ..Group::default() });
            continue;
        }
        let Some(group) = groups.last_mut() else { continue };
        let of_ten = |tag: &str| {
            attribute(tag, "version").is_none_or(|version| matches!(version, "1.0" | "Unicode_6.0.0"))
        };
        match word {
            "schemaTest" => of_schema = true,
            "instanceTest" => {
                of_schema = false;
                counts = of_ten(tag);
                if counts {
                    group.instances.push((attribute(tag, "name").unwrap().to_owned(), PathBuf::new(), None));
                }
            }
            "schemaDocument" if of_schema => group.schemas.push(here.join(attribute(tag, "href").unwrap())),
            "instanceDocument" if counts => {
                group.instances.last_mut().unwrap().1 = here.join(attribute(tag, "href").unwrap());
            }
            "expected" if of_ten(tag) => {
                let valid = match attribute(tag, "validity") {
                    Some("valid") => Some(true),
                    Some("invalid") => Some(false),
                    _ => None,
                };
                if of_schema {
                    group.valid = valid;
                } else if counts {
                    group.instances.last_mut().unwrap().2 = valid;
                }
            }
            _ => {}
        }
    }
    groups
}

/// What is listed, by name: the word in front (`refused` or `differs`).
fn listed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(LIST).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (word, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(words.next().is_some(), "no reason: {line}");
            (name.to_owned(), word.to_owned())
        })
        .collect()
}

#[test]
fn the_suite_of_the_w3c_is_judged_as_expected() {
    let archive = fs::canonicalize(format!("{SHARED}/xsdtests/ms.tar.xz"));
    let folder = tempfile::tempdir().unwrap();
    let unpacked = archive.is_ok_and(|archive| {
        Command::new("tar")
            .arg("xJf")
            .arg(archive)
            .arg("-C")
            .arg(folder.path())
            .status()
            .is_ok_and(|status| status.success())
    });
    if !unpacked {
        println!("the suite of the W3C is not at hand");
        return;
    }
    let root = folder.path().canonicalize().unwrap();
    let share = if std::env::var_os("DREHSCHEIBE_LONG").is_some() { 1 } else { 8 };
    let listed = listed();
    let (mut schemas, mut loaded, mut instances, mut refused, mut invalid, mut taken) = (0, 0, 0, 0, 0, 0);
    let mut wrong = Vec::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(root.join("msMeta")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (number, group) in files.iter().flat_map(|file| groups(file)).enumerate() {
        if !number.is_multiple_of(share) || group.schemas.is_empty() {
            continue;
        }
        let entries: Vec<String> = group
            .schemas
            .iter()
            .map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()))
            .map(|path| path.display().to_string())
            .collect();
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        let schema = Schema::compile(&entries, &Disk(vec![]));
        match group.valid {
            Some(true) => {}
            Some(false) => {
                invalid += 1;
                taken += usize::from(schema.is_ok());
                if schema.is_ok() && listed.get(&group.name).is_none_or(|word| word != "taken") {
                    wrong.push(format!("taken {}", group.name));
                }
                continue;
            }
            None => continue,
        }
        schemas += 1;
        let schema = match schema {
            Ok(schema) => schema,
            Err(fault) => {
                refused += group.instances.len();
                instances += group.instances.len();
                if listed.get(&group.name).is_none_or(|word| word != "refused") {
                    wrong.push(format!("refused {} {}", group.name, fault.text));
                }
                continue;
            }
        };
        loaded += 1;
        for (name, path, expected) in &group.instances {
            let Some(expected) = expected else { continue };
            instances += 1;
            let found = breaches(&schema, &fs::read(path).unwrap());
            if found.is_empty() != *expected && listed.get(name).is_none_or(|word| word != "differs") {
                wrong.push(format!("differs {name} expected {expected}: {:?}", found.first()));
            }
        }
    }
    println!(
        "schemas {schemas}, loaded {loaded}; instance tests {instances}, refused with their schema {refused}; invalid schemas {invalid}, taken {taken}"
    );
    assert!(wrong.is_empty(), "{} not listed:\n{}", wrong.len(), wrong.join("\n"));
    assert!(instances > 300 && refused * 100 <= instances * 15);
}
