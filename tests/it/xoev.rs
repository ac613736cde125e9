//! The room of the standards at its boundary: packages are loaded from folders, documents judged, messages written.
//! Where the official base schemas and a second validator are at hand, both have to agree.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use drehscheibe::register::record::Record;
use drehscheibe::rejection::Rejection;
use drehscheibe::xml::gate::{self, Document, Limits};
use drehscheibe::xoev::contract::{Detected, Reader, Standards};
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use serde::Deserialize;

const SAMPLES: &str = "xsd/xfamilie/1.3.0/samples";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    file: String,
    #[serde(default)]
    record: Option<String>,
    #[serde(default)]
    schema_valid: bool,
    #[serde(default)]
    rejections: Vec<Expected>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expected {
    code: String,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    path: Option<String>,
}

fn own() -> PackageSet {
    package::load(Path::new("xsd")).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn document(octets: impl Into<Bytes>) -> Document {
    gate::pass(octets.into(), &Limits::default()).expect("the gate lets samples through")
}

fn read(
    set: &PackageSet,
    reader: &mut dyn Reader,
    octets: Vec<u8>,
) -> Result<(Detected, Record), Vec<Rejection>> {
    let document = document(octets);
    let detected = set.detect(&document).map_err(|rejection| vec![rejection])?;
    let record = reader.read(&detected, &document)?;
    Ok((detected, record))
}

#[test]
fn samples_are_judged_as_expected() {
    let set = own();
    let mut reader = set.reader();
    let cases: Cases =
        serde_saphyr::from_str(&fs::read_to_string(format!("{SAMPLES}/cases.yaml")).unwrap()).unwrap();
    let mut named: Vec<String> = Vec::new();
    for case in &cases.cases {
        let file = &case.file;
        named.push(file.clone());
        let octets = fs::read(format!("{SAMPLES}/{file}")).unwrap();
        let outcome = read(&set, reader.as_mut(), octets.clone());
        if let Some(expected) = &case.record {
            let (_, record) = outcome.unwrap_or_else(|rejections| panic!("{file}: {rejections:#?}"));
            let path = format!("{SAMPLES}/{expected}");
            let stored: Record = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let shown = |record| serde_json::to_string_pretty(record).unwrap();
            assert!(record == stored, "{file}: expected {}, found {}", shown(&stored), shown(&record));
        } else if case.schema_valid {
            let document = document(octets);
            let detected = set.detect(&document).unwrap();
            assert!(reader.header(&detected, &document).is_some(), "{file} is valid to its schema");
            assert_eq!(outcome.unwrap_err()[0].code, "V000", "{file} is not read");
        } else {
            let rejections = outcome.expect_err(file);
            let found: Vec<Expected> = rejections
                .iter()
                .map(|r| Expected { code: r.code.clone(), rule: r.rule.clone(), path: r.path.clone() })
                .collect();
            assert_eq!(found, case.rejections, "{file}: {rejections:?}");
            assert!(rejections.iter().all(|r| r.line.is_some() && r.column.is_some()), "{file}");
        }
    }
    let mut there: Vec<String> = fs::read_dir(SAMPLES)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".xml"))
        .collect();
    there.sort();
    named.sort();
    assert_eq!(there, named, "every sample has its expectation");
}
