//! What we write, document by document: each is valid to `xmllint`, too, also the second of a shape, which is judged by its
//! values only; and a value that its type does not take never leaves, whether its shape is known or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use drehscheibe::pipeline::answer;
use drehscheibe::register::record::Record;
use drehscheibe::xoev::contract::{Reader, Standards, WriteError};
use drehscheibe::xoev::inspect::inspect;
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use serde_json::{Value, json};

use crate::schema_support::{xmllint, xmllint_is_here};

fn set() -> PackageSet {
    package::load(Path::new("xsd")).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn record(set: &PackageSet) -> Record {
    let octets = fs::read("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml").unwrap();
    set.reader().open(Bytes::from(octets)).unwrap().1
}

/// The values of a receipt.
fn receipt(record: &Record, name: &str, ways: usize) -> Value {
    let ways: Vec<Value> = (0..ways)
        .map(|way| json!({ "kanal": "01", "kennung": format!("weg{way}@sorgeregister.example") }))
        .collect();
    let platform = json!({
        "praefix": "jga", "kennung": "000000000001", "name": name, "erreichbarkeit": ways,
        "anschrift": { "strasse": "Weg & Steg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen" },
    });
    let moment = "2026-11-21T10:16:00.250+01:00".parse().unwrap();
    let mut values = answer::values(uuid::Uuid::from_u128(7), moment, true, &platform, &record.kopf.autor);
    values["original"] = answer::original(&record.kopf);
    values
}

/// Whether a document is valid to the schema, judged whole.
fn whole(set: &PackageSet, octets: &Bytes) -> bool {
    let found = inspect(octets.clone(), set, set.reader().as_mut());
    assert!(found.message.is_some());
    found.rejections.iter().all(|found| found.code != "X001")
}

fn write(reader: &mut dyn Reader, values: &Value) -> Result<Bytes, WriteError> {
    reader.write("xfamilie.0011", "1.3.0", values)
}

/// Every text of a tree of values, by its path.
fn texts(values: &Value, at: String, found: &mut BTreeMap<String, String>) {
    match values {
        Value::String(text) => drop(found.insert(at, text.clone())),
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(number, one)| texts(one, format!("{at}/{number}"), found));
        }
        Value::Object(all) => all.iter().for_each(|(name, one)| texts(one, format!("{at}/{name}"), found)),
        _ => {}
    }
}

const VALUES: &[&str] =
    &["", " ", "x", "中", "\u{1}", "1_0", "a\tb\r\nc", "2024-02-30T00:00:00", "<&>\"'", "e\u{301}"];

#[test]
fn a_shape_that_is_known_lets_no_wrong_value_through() {
    let set = set();
    let record = record(&set);
    let good = receipt(&record, "Plattform", 1);
    let mut places = BTreeMap::new();
    texts(&good, String::new(), &mut places);
    let (mut refused, mut taken) = (0, 0);
    let mut first = Vec::new();
    let mut reader = set.reader();
    // Known from now on.
    let octets = write(reader.as_mut(), &good).unwrap();
    assert_eq!(write(reader.as_mut(), &good).unwrap(), octets);
    for place in places.keys() {
        for value in VALUES {
            let mut changed = good.clone();
            *changed.pointer_mut(place).unwrap() = json!(value);
            let written = write(reader.as_mut(), &changed).map_err(|error| error.to_string());
            // Judged whole by somebody who never saw a shape.
            let valid = written.as_ref().ok().map(|octets| whole(&set, octets));
            assert_eq!(valid, written.is_ok().then_some(true), "{place} {value:?}");
            first.push(written.is_ok());
            match written {
                Ok(_) => taken += 1,
                Err(error) => {
                    refused += 1;
                    assert!(!error.contains('中'), "{error}");
                }
            }
        }
    }
    // The same values, each put first into packages that have written nothing yet, have the same fate.
    let other = self::set();
    let mut fates = first.into_iter();
    for place in places.keys() {
        for value in VALUES {
            let mut changed = good.clone();
            *changed.pointer_mut(place).unwrap() = json!(value);
            let fate = write(other.reader().as_mut(), &changed).is_ok();
            assert_eq!(Some(fate), fates.next(), "{place} {value:?}");
        }
    }
    println!("values in a known shape: {taken} taken, {refused} refused");
    assert!(refused >= 40 && taken >= 20, "{refused} {taken}");
}

#[test]
fn every_document_of_every_shape_is_valid_to_a_second_validator() {
    let set = set();
    let record = record(&set);
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = Vec::new();
    let mut reader = set.reader();
    for ways in 0..4 {
        for name in ["Plattform", "Amt <für> \"Kinder\" & 'Jugend'", "Änderung ẞ", "J\u{30C}"] {
            let values = receipt(&record, name, ways);
            // The first may be judged whole, the second is judged by its values.
            let pair = [write(reader.as_mut(), &values), write(reader.as_mut(), &values)];
            if ways == 0 {
                // The schema wants one way at least.
                if pair.iter().all(Result::is_err) {
                    continue;
                }
            }
            let [one, two] = pair.map(Result::unwrap);
            assert_eq!(one, two);
            let path = folder.path().join(format!("{}.xml", files.len()));
            fs::write(&path, one).unwrap();
            files.push(path);
        }
    }
    assert!(files.len() >= 12);
    if xmllint_is_here() {
        let schema = Path::new("xsd/xfamilie/1.3.0/xfamilie-allgemeinenachrichten.xsd");
        let verdicts = xmllint(schema, &files).unwrap();
        let wrong: Vec<_> = verdicts.values().flatten().collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        println!("written and judged by a second validator: {}", verdicts.len());
    }
}
