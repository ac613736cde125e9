//! Judges one document from its octets alone, for `inspect FILE` and for tests: gate, then detection, then reading.
//! Pure; what it returns holds the message's id and places, and no other value.

use bytes::Bytes;
use serde::Serialize;

use crate::register::record::Kopf;
use crate::rejection::Rejection;
use crate::xml::limits::Limits;
use crate::xoev::contract::{Reader, Standards, Taken, gate_rejection};
use crate::xoev::rules::is_uuid;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The standard, such as `xfamilie`.
    pub standard: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The type, such as `xfamilie.0804`.
    pub message: Option<String>,
    /// The message's UUID, when the document is valid to its schema and has one; any other text there is not shown.
    pub id: Option<String>,
    /// Whether the message would be read.
    pub valid: bool,
    /// What is wrong, of the first failing stage.
    pub rejections: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Code of the standard, such as `X001`.
    pub code: String,
    /// 1-based line.
    pub line: Option<u32>,
    /// 1-based column in characters.
    pub column: Option<u32>,
    /// Path of elements.
    pub path: Option<String>,
    /// Our own sentence, with the sub-code of a rule in front.
    pub text: String,
}

impl From<Rejection> for Finding {
    fn from(rejection: Rejection) -> Self {
        let text = match rejection.rule {
            Some(rule) => format!("{rule}: {}", rejection.text),
            None => rejection.text,
        };
        Finding {
            code: rejection.code,
            line: rejection.line,
            column: rejection.column,
            path: rejection.path,
            text,
        }
    }
}

/// Inspects a document.
pub fn inspect(octets: Bytes, standards: &dyn Standards, reader: &mut dyn Reader) -> Inspection {
    let mut inspection = Inspection::default();
    let Taken { document, detected, read } = match reader.take(octets, &Limits::default(), standards) {
        Ok(taken) => taken,
        Err(error) => {
            inspection.rejections = vec![gate_rejection(&error).into()];
            return inspection;
        }
    };
    let detected = match detected {
        Ok(detected) => detected,
        Err(rejection) => {
            inspection.rejections = vec![rejection.into()];
            return inspection;
        }
    };
    inspection.standard = Some(detected.standard.clone());
    inspection.version = Some(detected.version.clone());
    inspection.message = Some(detected.message.clone());
    let id = |kopf: Kopf| Some(kopf.nachrichten_uuid).filter(|id| is_uuid(id));
    match read.unwrap_or_else(|| reader.read(&detected, &document)) {
        Ok(record) => {
            inspection.valid = true;
            inspection.id = id(record.kopf);
        }
        Err(rejections) => {
            inspection.id = reader.header(&detected, &document).and_then(id);
            inspection.rejections = rejections.into_iter().map(Finding::from).collect();
        }
    }
    inspection
}
