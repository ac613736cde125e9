//! Reads a detected document in one pass: schema, code lists, text rules and mapping see every event once.
//! The first failing stage decides. Writes messages from templates and validates them before they leave.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::register::record::{Kopf, Record};
use crate::rejection::{Fault, Rejection};
use crate::xml::gate::{self, Document};
use crate::xoev::codelist;
use crate::xoev::contract::{Detected, Reader, Standards, WriteError, gate_rejection};
use crate::xoev::mapping::Automaton;
use crate::xoev::package::{MessageType, Package};
use crate::xoev::rules::{Rules, Seen};
use crate::xoev::schema::{self, MOST_FAULTS, Trail, Visitor, WalkError};
use crate::xoev::set::PackageSet;
use crate::xoev::template::Form;

/// Reads and writes for one thread; the compiled schemas themselves are kept by the thread.
pub struct PackageReader {
    set: PackageSet,
}

impl PackageReader {
    /// A reader of this set.
    pub fn new(set: PackageSet) -> PackageReader {
        PackageReader { set }
    }
}

impl Reader for PackageReader {
    fn read(&mut self, detected: &Detected, document: &Document) -> Result<Record, Vec<Rejection>> {
        let Some((package, message)) = self.set.found(detected) else {
            return Err(vec![unsupported()]);
        };
        let Some(reading) = &message.reading else {
            return Err(vec![package.coded(unread())]);
        };
        let mut pass = Pass::new(package, &reading.automaton, Some(&reading.rules));
        let outcome = judge(package, document, &mut pass)
            .and_then(|()| in_force(package, &pass.record.kopf))
            .and_then(|()| stage(document, &pass.wrong_codes))
            .and_then(|()| stage(document, &pass.broken_rules));
        match outcome {
            Ok(()) => Ok(pass.record),
            Err(rejections) => {
                Err(rejections.into_iter().map(|rejection| package.coded(rejection)).collect())
            }
        }
    }

    fn header(&mut self, detected: &Detected, document: &Document) -> Option<Kopf> {
        let (package, message) = self.set.found(detected)?;
        header(package, message, document)
    }

    fn open(&mut self, octets: Bytes) -> Result<(Detected, Record), Vec<Rejection>> {
        let document =
            gate::pass(octets, &gate::Limits::default()).map_err(|error| vec![gate_rejection(&error)])?;
        let detected = self.set.detect(&document).map_err(|rejection| vec![rejection])?;
        let record = self.read(&detected, &document)?;
        Ok((detected, record))
    }

    fn media_type(&self, message: &str, version: &str) -> &'static str {
        let standard = message.split_once('.').map_or(message, |(standard, _)| standard);
        let form = self.set.package(standard, version).and_then(|package| package.templates.form(message));
        form.unwrap_or(Form::Xml).media_type()
    }

    fn write(
        &mut self,
        message: &str,
        version: &str,
        values: &serde_json::Value,
    ) -> Result<Bytes, WriteError> {
        let standard = message.split_once('.').map_or(message, |(standard, _)| standard);
        let package = self
            .set
            .package(standard, version)
            .filter(|package| package.templates.has(message))
            .ok_or_else(|| WriteError::NoTemplate(format!("{message} {version}")))?;
        let text = package.templates.render(message, values).map_err(WriteError::Template)?;
        let bytes = Bytes::from(text);
        let document = gate::pass(bytes.clone(), &written_limits())
            .map_err(|error| WriteError::Invalid(error.to_string()))?;
        let kind = package.messages.iter().find(|known| known.message == message);
        let written = document.root();
        let Some(kind) = kind.filter(|kind| {
            let (namespace, local) = &kind.root;
            *namespace == written.namespace && *local == written.local
        }) else {
            return Err(WriteError::Invalid("another root element than the message has".to_owned()));
        };
        // A receipt or rejection repeats what the original says of itself, and that may be what is wrong with it.
        let answer = [&package.receipt, &package.rejection].into_iter().flatten().any(|own| own == message);
        let reading = kind.reading.as_ref().filter(|_| !answer);
        let (none, automaton) = (Automaton::new(), reading.map(|reading| &reading.automaton));
        let mut pass = Pass::new(package, automaton.unwrap_or(&none), reading.map(|reading| &reading.rules));
        judge(package, &document, &mut pass).map_err(|wrong| invalid(&wrong))?;
        if reading.is_some() {
            stage(&document, &pass.wrong_codes)
                .and_then(|()| stage(&document, &pass.broken_rules))
                .map_err(|wrong| invalid(&wrong))?;
        }
        Ok(bytes)
    }
}

/// What is wrong with a document of ours; the texts are ours, so they hold no value.
fn invalid(rejections: &[Rejection]) -> WriteError {
    WriteError::Invalid(rejections.first().map(ToString::to_string).unwrap_or_default())
}

/// The header of a document that is valid to its schema.
fn header(package: &Package, message: &MessageType, document: &Document) -> Option<Kopf> {
    let mut pass = Pass::new(package, &message.header, None);
    judge(package, document, &mut pass).ok()?;
    Some(pass.record.kopf)
}

fn unsupported() -> Rejection {
    Rejection::new(Fault::Version, "Die Nachricht gehört zu keiner geladenen Version.")
}

fn unread() -> Rejection {
    Rejection::new(Fault::Version, "Diese Nachricht wird hier nicht angenommen.").at(1, 1)
}

/// Validates; the pass gathers what it sees on the way.
fn judge(package: &Package, document: &Document, pass: &mut Pass<'_>) -> Result<(), Vec<Rejection>> {
    match schema::walk(&package.blueprint, document.bytes(), pass) {
        Ok(breaches) if breaches.is_empty() => Ok(()),
        Ok(breaches) => Err(breaches
            .into_iter()
            .map(|breach| {
                let place = document.place_of(breach.offset);
                let text = format!("{} ({})", schema::sentence(breach.constraint), breach.constraint);
                Rejection::new(Fault::Schema, text).at(place.line, place.column).path(breach.path)
            })
            .collect()),
        Err(WalkError::NotWellFormed(offset)) => {
            let place = document.place_of(offset);
            let rejection = Rejection::new(Fault::NotWellFormed, "Die Nachricht ist nicht wohlgeformt.");
            Err(vec![rejection.at(place.line, place.column)])
        }
        // Compiled at load from the same octets, so this cannot be the message's fault; it is refused, not accepted.
        Err(WalkError::Ours(_)) => {
            Err(vec![Rejection::new(Fault::Other, "Die Nachricht konnte nicht geprüft werden.")])
        }
    }
}

/// Whether the version was in force when the message was made.
fn in_force(package: &Package, kopf: &Kopf) -> Result<(), Vec<Rejection>> {
    // A time that cannot be read is a matter of the rules.
    let Ok(made) = kopf.erstellungszeitpunkt.parse::<Timestamp>() else { return Ok(()) };
    let day = made.to_zoned(TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC)).date();
    if package.valid_on(day) {
        return Ok(());
    }
    let text = "Die Version war nicht oder nicht mehr gültig, als die Nachricht erstellt wurde.";
    Err(vec![Rejection::new(Fault::Version, text).at(1, 1)])
}

fn stage(document: &Document, found: &[(usize, Rejection)]) -> Result<(), Vec<Rejection>> {
    if found.is_empty() {
        return Ok(());
    }
    let located = found.iter().map(|(offset, rejection)| {
        let place = document.place_of(*offset);
        rejection.clone().at(place.line, place.column)
    });
    Err(located.collect())
}

/// A code that is being read: the element that names the list, and what it names.
struct Code {
    depth: usize,
    uri: String,
    version: String,
}

/// What one pass gathers; it counts only when the document turns out to be valid.
struct Pass<'a> {
    package: &'a Package,
    automaton: &'a Automaton,
    rules: Option<&'a Rules>,
    seen: Seen,
    record: Record,
    /// For each open element its node, if anything is done at or below it.
    nodes: Vec<Option<u32>>,
    text: String,
    /// Depth of the element whose text is kept.
    keeping: usize,
    code: Option<Code>,
    free: bool,
    wrong_codes: Vec<(usize, Rejection)>,
    broken_rules: Vec<(usize, Rejection)>,
}

impl<'a> Pass<'a> {
    fn new(package: &'a Package, automaton: &'a Automaton, rules: Option<&'a Rules>) -> Pass<'a> {
        Pass {
            package,
            automaton,
            rules,
            seen: rules.map(Rules::begin).unwrap_or_default(),
            record: Record::default(),
            nodes: Vec::with_capacity(16),
            text: String::new(),
            keeping: 0,
            code: None,
            free: false,
            wrong_codes: Vec::new(),
            broken_rules: Vec::new(),
        }
    }

    fn broken(&mut self, rejection: Rejection, trail: &Trail<'_>) {
        if self.broken_rules.len() < MOST_FAULTS {
            self.broken_rules.push((trail.offset(), rejection.path(trail.path())));
        }
    }

    fn code_read(&mut self, trail: &Trail<'_>) {
        let Some(code) = &self.code else { return };
        let fault = self.package.codelists.judge(&code.uri, &code.version, self.text.trim());
        if let Some(fault) = fault
            && self.wrong_codes.len() < MOST_FAULTS
        {
            let rejection = Rejection::new(fault, codelist::sentence(fault)).path(trail.path());
            self.wrong_codes.push((trail.offset(), rejection));
        }
    }
}

impl Visitor for Pass<'_> {
    fn open(&mut self, namespace: &str, local: &str, trail: &Trail<'_>) {
        let node = match self.nodes.last() {
            None => Some(0),
            Some(parent) => parent.and_then(|parent| self.automaton.step(parent, namespace, local)),
        };
        self.nodes.push(node);
        self.keeping = 0;
        self.free = self.package.codelists.is_free(namespace, local);
        if self.code.as_ref().is_some_and(|code| code.depth + 1 == self.nodes.len() && local == "code") {
            self.keeping = self.nodes.len();
            self.text.clear();
        }
        let Some(node) = node.map(|node| self.automaton.node(node)) else { return };
        if !node.fields.is_empty() || !node.probes.is_empty() {
            self.keeping = self.nodes.len();
            self.text.clear();
        }
        for field in &node.entries {
            if (field.set)(&mut self.record, "").is_err() {
                self.broken(unreadable(), trail);
            }
        }
        if let Some(rules) = self.rules {
            for probe in &node.probes {
                rules.open(*probe, &mut self.seen);
            }
        }
    }

    fn attribute(&mut self, local: &str, value: &str) {
        if self.free || !matches!(local, "listURI" | "listVersionID") {
            return;
        }
        let depth = self.nodes.len();
        if self.code.as_ref().is_none_or(|code| code.depth != depth) {
            self.code = Some(Code { depth, uri: String::new(), version: String::new() });
        }
        if let Some(code) = &mut self.code {
            let place = if local == "listURI" { &mut code.uri } else { &mut code.version };
            value.trim().clone_into(place);
        }
    }

    fn text(&mut self, text: &str) {
        if self.keeping == self.nodes.len() {
            self.text.push_str(text);
        }
    }

    fn close(&mut self, trail: &Trail<'_>) {
        let depth = self.nodes.len();
        let node = self.nodes.pop().flatten();
        if self.keeping != depth {
            self.text.clear();
        }
        if let Some(code) = &self.code {
            if code.depth + 1 == depth && self.keeping == depth {
                self.code_read(trail);
            } else if code.depth == depth {
                self.code = None;
            }
        }
        if let Some(node) = node.map(|node| self.automaton.node(node)) {
            for field in &node.fields {
                if (field.set)(&mut self.record, &self.text).is_err() {
                    self.broken(unreadable(), trail);
                }
            }
            if let Some(rules) = self.rules {
                for probe in &node.probes {
                    if let Some(rejection) = rules.close(*probe, &self.text, &mut self.seen) {
                        self.broken(rejection, trail);
                    }
                }
            }
        }
        self.keeping = 0;
    }
}

fn unreadable() -> Rejection {
    Rejection::new(Fault::Rule, "Der Wert ist schemavalide, aber nicht lesbar.").rule("R-WERT")
}
/// Bounds of what is written: a refusal quotes what came in Base64, so they follow from the bounds of what is taken in, with a
/// mebibyte for what is said about it.
fn written_limits() -> gate::Limits {
    let taken = gate::Limits::default();
    gate::Limits { bytes: taken.bytes.div_ceil(3) * 4 + (1 << 20), ..taken }
}
