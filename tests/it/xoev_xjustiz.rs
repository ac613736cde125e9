//! XJustiz at its boundary: version and test stand inside of the message, codes become words, several versions hold beside each other,
//! and `xmllint` agrees with every answer that is written.

use std::fs;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use drehscheibe::xml::gate::{self, Document};
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::Standards;
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use serde_json::{Value, json};

const PACKAGE: &str = "xsd/xjustiz/3.6.2";
const OWN: &str = "xsd/xjustiz/3.6.2/xjustiz-schriftgutobjekte.xsd";
const OFFICIAL: &str = "../shared/schemas/xjustiz/3.6.2/xjustiz_0005_nachrichten_3_2.xsd";
const CATALOG: &str = "../shared/schemas/xoev-xmllint-catalog.xml";
const NEXT: &str = "3.7.0";

fn sample(name: &str) -> String {
    fs::read_to_string(format!("{PACKAGE}/samples/{name}.xml")).unwrap()
}

fn gated(text: String) -> Document {
    gate::pass(text.into(), &Limits::default()).unwrap()
}

fn copy(from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target, change),
            false => fs::write(target, change(fs::read_to_string(entry.path()).unwrap())).unwrap(),
        }
    }
}

/// XJustiz as shipped, and beside it the same under a later version.
fn both() -> (tempfile::TempDir, PackageSet) {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new("xsd/base"), &folder.path().join("base"), &|text| text);
    copy(Path::new(PACKAGE), &folder.path().join("xjustiz/3.6.2"), &|text| text);
    let renewed = |text: String| text.replace("3.6.2", NEXT);
    copy(Path::new(PACKAGE), &folder.path().join("xjustiz").join(NEXT), &renewed);
    let set = package::load(folder.path()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    (folder, set)
}

/// What an answer is written with, to a court or to somebody who is known by name.
fn values(court: bool) -> Value {
    let leser = match court {
        true => json!({ "praefix": "gericht", "kennung": "9H0000", "name": "" }),
        false => json!({ "praefix": "", "kennung": "", "name": "Notariat \"Am Markt\" & Söhne" }),
    };
    json!({
        "id": "7b2d4c10-1f3a-4e55-8b7a-000000000580", "zeitpunkt": "2026-11-21T09:15:30.123Z", "test": true,
        "produkt": { "name": "Drehscheibe", "hersteller": "x", "version": "1" },
        "autor": { "name": "Jugendamt <Bremen>" }, "leser": leser, "original": Value::Null,
        "gruende": [
            { "code": "004", "spezifisch": [
                { "code": "R-NAME-1", "beschreibung": "Ein Name darf nicht leer sein." },
                { "code": false, "beschreibung": "Kennung dieser Lieferung in der Plattform: 1" },
            ] },
            { "code": "001", "spezifisch": [] },
        ],
    })
}

#[test]
fn each_version_is_found_by_what_the_header_says() {
    let (_folder, set) = both();
    let mut reader = set.reader();
    for version in ["3.6.2", NEXT] {
        let text = sample("0005005-beschluss").replace("3.6.2", version);
        let (detected, record) = reader.open(text.into()).unwrap();
        assert_eq!((detected.message.as_str(), detected.version.as_str()), ("xjustiz.0005005", version));
        assert!(detected.test, "the test court takes part");
        assert_eq!(record.kopf.autor.key(), "gericht:9H0000");
        let original =
            json!({ "nachrichten_uuid": record.kopf.nachrichten_uuid, "transaktionsid": "61 F 1" });
        let values =
            Value::from_iter(values(true).as_object().unwrap().clone().into_iter().map(|(key, value)| {
                match key.as_str() {
                    "original" => (key, original.clone()),
                    _ => (key, value),
                }
            }));
        for message in ["xjustiz.0005007", "xjustiz.0005008"] {
            let written = reader.write(message, version, &values).unwrap();
            let (answer, read) = reader.open(written).unwrap();
            assert_eq!((answer.message.as_str(), answer.version.as_str()), (message, version));
            assert_eq!(read.bezug.as_deref(), Some(record.kopf.nachrichten_uuid.as_str()));
        }
    }
    for text in [sample("version-0005005-unbekannt"), sample("version-0005005-fehlt")] {
        let document = gated(text);
        assert_eq!(set.detect(&document).unwrap_err().code, "V000");
        assert!(set.is_test(&document), "a test in a version that nobody loaded is a test all the same");
    }
    // The root alone says nothing, and an attribute of it is not looked at.
    let lying = sample("0005005-beschluss")
        .replace(" xmlns:x=", " standard=\"XJustiz\" version=\"3.7.0\" xmlns:x=")
        .replacen("xjustizVersion=\"3.6.2\"", "xjustizVersion=\"9\"", 1);
    assert_eq!(set.detect(&gated(lying)).unwrap_err().code, "V000");
}

#[test]
fn only_the_test_court_and_test_notaries_make_a_test() {
    let set = package::load(Path::new("xsd")).unwrap();
    let is_test = |text: String| {
        let document = gated(text);
        assert_eq!(set.detect(&document).unwrap().test, set.is_test(&document));
        set.is_test(&document)
    };
    let court = sample("0005005-beschluss");
    assert!(is_test(court.clone()));
    assert!(is_test(sample("0005005-notar")));
    assert!(!is_test(court.replacen("9H0000", "H1101", 1)), "the court of the instance does not count");
    assert!(!is_test(sample("0005005-notar").replace("Testnotariat", "Testnotariat Bremen")));
    let to_the_court = sample("0005008-bestaetigung");
    assert!(is_test(to_the_court.clone()) && !is_test(to_the_court.replace("9H0000", "H1101")));
}

#[test]
fn roles_and_sex_are_words_and_what_is_not_listed_is_nothing() {
    let mut reader = package::load(Path::new("xsd")).unwrap().reader();
    let mut persons = |text: String| reader.open(text.into()).unwrap().1.personen;
    let rollen: Vec<Vec<String>> =
        persons(sample("0005005-beschluss")).into_iter().map(|person| person.rollen).collect();
    assert_eq!(rollen, [["kind"], ["elternteil"], ["elternteil"]]);
    let other = persons(sample("0005005-beschluss").replace("<code>100</code>", "<code>193</code>"));
    assert!(other[0].rollen.is_empty() && other[0].geschlecht.is_none());
    assert_eq!((other[1].geschlecht.as_deref(), other[2].geschlecht.as_deref()), (Some("w"), Some("m")));
}

/// What `xmllint` says of a document; `None` where tool or schema are not at hand.
fn xmllint(schema: &str, octets: &Bytes) -> Option<bool> {
    if !Path::new(schema).is_file() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer.xml");
    fs::write(&file, octets).unwrap();
    let mut command = Command::new("xmllint");
    let command = command.env("XML_CATALOG_FILES", CATALOG).args(["--noout", "--nonet", "--schema", schema]);
    let output = command.arg(&file).output().ok()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let valid = told.contains("answer.xml validates");
    assert!(valid != told.contains("answer.xml fails to validate"), "nothing clear: {told}");
    Some(valid)
}

#[test]
fn a_second_validator_agrees_with_every_answer() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let originals = [
        Value::Null,
        json!({ "nachrichten_uuid": "7b2d4c10-1f3a-4e55-8b7a-000000000501", "transaktionsid": Value::Null }),
        json!({ "nachrichten_uuid": "7b2d4c10-1f3a-4e55-8b7a-000000000501", "transaktionsid": "61 F 123/26 <a>" }),
    ];
    let mut compared = 0;
    for message in ["xjustiz.0005007", "xjustiz.0005008"] {
        for court in [true, false] {
            for original in &originals {
                let mut values = values(court);
                values["original"] = original.clone();
                let written = reader.write(message, "3.6.2", &values).unwrap();
                for schema in [OWN, OFFICIAL] {
                    if let Some(verdict) = xmllint(schema, &written) {
                        assert!(verdict, "{message} by {schema}: {}", String::from_utf8_lossy(&written));
                        compared += 1;
                    }
                }
            }
        }
    }
    println!("{compared} opinions");
    // It is a test that can fail.
    let broken = Bytes::from(sample("invalid-0005005-id"));
    assert_ne!(xmllint(OWN, &broken), Some(true));
}
