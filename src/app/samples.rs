//! Judges the samples that a package of a standard carries by what its `samples/cases.yaml` expects of each.
//! Shows codes and paths, never a value of a sample.

use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;

use crate::config;
use crate::register::record::Record;
use crate::rejection::Rejection;
use crate::xml::limits::Limits;
use crate::xoev::contract::{Reader, Standards, Taken, gate_rejection};
use crate::xoev::set::PackageSet;

/// What became of one sample.
pub struct Judged {
    /// `standard/version/file`.
    pub name: String,
    /// What was not as expected; empty when it passed.
    pub faults: Vec<String>,
    /// Whether a record is expected of it.
    pub read: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    file: String,
    record: Option<String>,
    #[serde(default)]
    rejections: Vec<Expected>,
    #[serde(default)]
    schema_valid: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    code: String,
    rule: Option<String>,
    path: Option<String>,
}

/// Judges all samples of all packages below a folder.
pub fn run(set: &PackageSet, xsd: &Path) -> Vec<Judged> {
    let mut reader = set.reader();
    let mut judged = Vec::new();
    for package in set.packages() {
        let at = format!("{}/{}", package.standard, package.version);
        let samples = xsd.join(&package.standard).join(&package.version).join("samples");
        let Ok(text) = std::fs::read_to_string(samples.join("cases.yaml")) else { continue };
        let cases: Cases = match serde_saphyr::from_str(&text) {
            Ok(cases) => cases,
            Err(error) => {
                let faults = vec![error.to_string()];
                judged.push(Judged { name: format!("{at}/cases.yaml"), faults, read: true });
                continue;
            }
        };
        let mut named: Vec<String> = Vec::new();
        for case in &cases.cases {
            let faults = judge(set, reader.as_mut(), &samples, case);
            let read = case.record.is_some();
            judged.push(Judged { name: format!("{at}/{}", case.file), faults, read });
            named.push(case.file.clone());
        }
        for file in files(&samples).into_iter().filter(|file| !named.contains(file)) {
            judged.push(Judged {
                name: format!("{at}/{file}"),
                faults: vec!["nothing is expected of it".to_owned()],
                read: false,
            });
        }
    }
    judged
}

fn files(samples: &Path) -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(samples)
        .map(|entries| {
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        })
        .unwrap_or_default();
    files.retain(|file| file.ends_with(".xml") || file.ends_with(".json") && !file.ends_with(".record.json"));
    files.sort();
    files
}

fn judge(set: &PackageSet, reader: &mut dyn Reader, samples: &Path, case: &Case) -> Vec<String> {
    let octets = match std::fs::read(samples.join(&case.file)) {
        Ok(octets) => Bytes::from(octets),
        Err(error) => return vec![format!("cannot be read: {}", config::what(error.kind()))],
    };
    let Taken { document, detected, read } = match reader.take(octets, &Limits::default(), set) {
        Ok(taken) => taken,
        Err(error) => return refused(&[gate_rejection(&error)], case),
    };
    let detected = match detected {
        Ok(detected) => detected,
        Err(rejection) => return refused(&[rejection], case),
    };
    match (&case.record, read.unwrap_or_else(|| reader.read(&detected, &document))) {
        (Some(file), Ok(record)) => same(&record, &samples.join(file)),
        (None, Ok(_)) => vec!["it was read, and something else is expected".to_owned()],
        (None, Err(rejections)) if case.schema_valid => {
            let mut faults = Vec::new();
            if reader.header(&detected, &document).is_none() {
                faults.push("its header cannot be read, so it is not valid to its schema".to_owned());
            }
            if rejections.first().is_none_or(|first| first.code != "V000") {
                faults.extend(rejections.iter().map(ToString::to_string));
            }
            faults
        }
        (_, Err(rejections)) => refused(&rejections, case),
    }
}

/// What differs from the rejections that are expected; each has to name a place.
fn refused(rejections: &[Rejection], case: &Case) -> Vec<String> {
    let found: Vec<Expected> = rejections
        .iter()
        .map(|found| Expected {
            code: found.code.clone(),
            rule: found.rule.clone(),
            path: found.path.clone(),
        })
        .collect();
    if case.record.is_some() || case.schema_valid {
        return rejections.iter().map(ToString::to_string).collect();
    }
    let mut faults = Vec::new();
    if found != case.rejections {
        faults.push(format!("found {found:?}, expected {:?}", case.rejections));
    }
    if rejections.iter().any(|rejection| rejection.line.is_none() || rejection.column.is_none()) {
        faults.push("a rejection names no line and column".to_owned());
    }
    faults
}

fn same(record: &Record, file: &Path) -> Vec<String> {
    let stored =
        std::fs::read_to_string(file).ok().and_then(|text| serde_json::from_str::<Record>(&text).ok());
    match stored {
        Some(stored) if stored == *record => Vec::new(),
        Some(_) => vec!["the record is not the expected one".to_owned()],
        None => vec!["the expected record cannot be read".to_owned()],
    }
}
