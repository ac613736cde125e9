//! What the engine and the steps may ask of the standards: detect, read (validate and map), write.
//! Names no standard; never waits, never reads a clock or a file.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::register::record::{Kopf, Record};
use crate::rejection::{Fault, Rejection};
use crate::xml::gate::{self, Document, GateError};
use crate::xml::json;
use crate::xml::limits::{GateFault, Limits};
use crate::xml::walk::Root;

/// What a document is, found by looking at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The standard, such as `xfamilie`.
    pub standard: String,
    /// The version, such as `1.3.0`.
    pub version: String,
    /// The type, such as `xfamilie.0804`.
    pub message: String,
    /// Whether it says that it is a test: by the `test` attribute of its root, or as its standard says it.
    pub test: bool,
    /// Which package of the set; only meaningful to the set that detected it.
    pub package: usize,
}

/// A message type that a loaded package knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The type, such as `xfamilie.0804`.
    pub message: String,
    /// Standard.
    pub standard: String,
    /// Version.
    pub version: String,
    /// Whether the package maps it to a record (it can be accepted).
    pub reads: bool,
    /// Whether the package has a template for it (it can be sent).
    pub writes: bool,
}

/// How a standard answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answering {
    /// Type of the receipt, such as `xfamilie.0011`.
    pub receipt: Option<String>,
    /// Type of the rejection, such as `xfamilie.0001`.
    pub rejection: Option<String>,
    /// Type that says that the reader has dealt with a message, such as `xjustiz.0005008`.
    pub done: Option<String>,
    /// Type that says that the reader did not take a message over.
    pub declined: Option<String>,
    /// Types that are never answered.
    pub never: Vec<String>,
    /// Version that answers are written in: the one asked for, or the newest loaded one where that is unknown.
    pub version: String,
    /// Version of the rejection where it belongs to another standard.
    pub rejection_version: Option<String>,
    /// Whether a rejection carries the original even when that was valid to its schema.
    pub quotes_always: bool,
    /// Codes of this standard that differ from the usual ones.
    pub codes: BTreeMap<Fault, String>,
}

/// Why a document of ours could not be written: our fault, so the message is parked.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The package has no template for this message.
    #[error("no template for this message: {0}; add write/*.xml to the package")]
    NoTemplate(String),
    /// The template failed.
    #[error("template failed: {0}; correct write/*.xml of the package")]
    Template(String),
    /// What was written is not valid to the standard's own schema.
    #[error("written document is not valid: {0}; correct write/*.xml of the package")]
    Invalid(String),
}

/// The loaded set of packages; shared by all threads.
pub trait Standards: Send + Sync {
    /// Standard, version and message of a document, or the rejection V000.
    fn detect(&self, document: &Document) -> Result<Detected, Rejection>;
    /// Whether a document says that it is a test, be its version known or not.
    fn is_test(&self, document: &Document) -> bool {
        is_test(document)
    }
    /// The message types of which a document may be by its root, be its version known or not; empty where nobody knows the root.
    fn named(&self, _document: &Document) -> Vec<String> {
        Vec::new()
    }
    /// How a standard answers; `None` for an unknown standard.
    fn answering(&self, standard: &str, version: Option<&str>) -> Option<Answering>;
    /// All message types of all packages; of each standard the oldest version first.
    fn known(&self) -> Vec<Known>;
    /// Hash over all packages, for `decided_by`.
    fn hash(&self) -> String;
    /// Hashes over the files of each package, by `standard/version`, and of what all of them use, by `base`.
    fn hashes(&self) -> BTreeMap<String, String>;
    /// A reader for one thread; what it reads with is shared by all of them.
    fn reader(&self) -> Box<dyn Reader>;
}

/// What one look at the octets of a delivery made of them.
pub struct Taken {
    /// The document that the gate let through.
    pub document: Document,
    /// What it is.
    pub detected: Result<Detected, Rejection>,
    /// What [`Reader::read`] says of it; `None` where nothing was detected.
    pub read: Option<Result<Record, Vec<Rejection>>>,
}

/// One thread's hand on the standards: reads and writes.
pub trait Reader: Send {
    /// Gate, detection, validation and mapping in one pass over the octets.
    fn take(
        &mut self,
        octets: Bytes,
        limits: &Limits,
        standards: &dyn Standards,
    ) -> Result<Taken, GateError> {
        let document = gate::pass(octets, limits)?;
        let detected = standards.detect(&document);
        let read = detected.as_ref().ok().map(|detected| self.read(detected, &document));
        Ok(Taken { document, detected, read })
    }
    /// Validates and maps a detected document; on failure all rejections of the first failing stage.
    fn read(&mut self, detected: &Detected, document: &Document) -> Result<Record, Vec<Rejection>>;
    /// The header of a document that is valid to its schema, whatever code lists and rules say of it; `None` otherwise.
    ///
    /// A rejection names the original by it although nothing else of it may be used.
    fn header(&mut self, _detected: &Detected, _document: &Document) -> Option<Kopf> {
        None
    }
    /// Gate, detection and reading in one, for a small part that travels beside a document.
    fn open(&mut self, _octets: Bytes) -> Result<(Detected, Record), Vec<Rejection>> {
        Err(vec![Rejection::new(Fault::Version, "Dieser Teil der Nachricht kann hier nicht gelesen werden.")])
    }
    /// Media type of what [`Reader::write`] makes of this message.
    fn media_type(&self, _message: &str, _version: &str) -> &'static str {
        "application/xml"
    }
    /// Writes a message from its values and validates it before it leaves.
    ///
    /// `values` has the shape that the package's templates name; see `xsd/<standard>/<version>/write`.
    fn write(
        &mut self,
        message: &str,
        version: &str,
        values: &serde_json::Value,
    ) -> Result<Bytes, WriteError>;
}

/// The rejection that a refusal of the gate is told as, the same to a sender and to whoever inspects a file.
pub fn gate_rejection(error: &GateError) -> Rejection {
    let (fault, text) = match error.fault {
        GateFault::NotUtf8 => (Fault::NotUtf8, "Die Nachricht ist nicht in UTF-8 codiert."),
        GateFault::Doctype => (Fault::NotWellFormed, "Eine Dokumenttypdeklaration (DTD) ist nicht erlaubt."),
        GateFault::NotWellFormed(json::TEST) => (
            Fault::NotWellFormed,
            "Der Eintrag `test` ist weder `true` noch `false` (ohne Anführungszeichen).",
        ),
        GateFault::NotWellFormed(json::NAMES) => (
            Fault::NotWellFormed,
            "Der Eintrag `nachricht` oder `version` ist nicht ein einzelner Text oder eine Zahl.",
        ),
        GateFault::NotWellFormed(json::TWICE) => {
            (Fault::NotWellFormed, "Ein Objekt hat denselben Eintrag zweimal; die Stelle nennt den zweiten.")
        }
        GateFault::NotWellFormed(json::KEY) => (
            Fault::NotWellFormed,
            "Ein Eintrag hat einen Namen, den keiner haben kann: erlaubt sind Buchstaben, Ziffern, `-`, `_` und `.`.",
        ),
        GateFault::NotWellFormed(json::ARRAY) => {
            (Fault::NotWellFormed, "Eine Liste steht unmittelbar in einer Liste.")
        }
        GateFault::NotWellFormed(_) => {
            (Fault::NotWellFormed, "Die Nachricht ist kein wohlgeformtes XML oder JSON.")
        }
        GateFault::TooLarge => (Fault::NotWellFormed, "Die Nachricht ist zu groß."),
        GateFault::TooDeep => (Fault::NotWellFormed, "Die Nachricht ist zu tief geschachtelt."),
        GateFault::TooManyAttributes => (Fault::NotWellFormed, "Ein Element trägt zu viele Attribute."),
        GateFault::NameTooLong => (Fault::NotWellFormed, "Ein Name in der Nachricht ist zu lang."),
        GateFault::TooManyNodes => {
            (Fault::NotWellFormed, "Die Nachricht hat zu viele Elemente, Attribute oder Kommentare.")
        }
    };
    Rejection::new(fault, text).at(error.place.line, error.place.column)
}

/// Whether the root carries the `test` attribute with any value that does not deny it.
pub fn is_test(document: &Document) -> bool {
    is_test_root(document.root())
}

/// As [`is_test`], of a root.
pub fn is_test_root(root: &Root) -> bool {
    let mut attributes = root.attributes.iter();
    attributes.any(|(name, value)| name == "test" && !matches!(value.trim(), "false" | "0"))
}
