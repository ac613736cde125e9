//! Reads a detected document in one pass: schema, code lists, text rules and mapping see every event once.
//! The first failing stage decides. Writes messages from templates and validates them before they leave.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::register::record::{Kopf, Record};
use crate::rejection::{Fault, Rejection};
use crate::schema::fault::Breach;
use crate::schema::watch::{Known, Listener, Trail, Validation};
use crate::xml::gate::{self, Document, GateError};
use crate::xml::limits::Limits;
use crate::xml::scope::Scope;
use crate::xml::walk::{Root, Start, Watch};
use crate::xoev::codelist;
use crate::xoev::compiled::Package;
use crate::xoev::contract::{Detected, Reader, Standards, Taken, WriteError, gate_rejection};
use crate::xoev::mapping::Automaton;
use crate::xoev::rules::{Rules, Seen};
use crate::xoev::schema::{self, MOST_FAULTS};
use crate::xoev::set::PackageSet;
use crate::xoev::template::Form;
use crate::xoev::written::Held;

/// Reads and writes for one thread; all of them share the compiled packages.
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
    fn take(&mut self, octets: Bytes, limits: &Limits, _: &dyn Standards) -> Result<Taken, GateError> {
        let (document, receiving) = gate::pass_with(octets, limits, |look| {
            let mut receiving = Receiving { set: &self.set, detected: None, validation: None };
            let looked = look.at(&mut receiving);
            (looked, receiving.finish())
        });
        let document = document?;
        // Where the root does not say what it is, that is looked for in the document.
        let (detected, pass) = receiving.unwrap_or_else(|| (self.set.detect(&document), None));
        let read = match (&detected, pass) {
            (Ok(_), Some((breaches, pass))) => Some(pass.outcome(breaches, &document)),
            (Ok(detected), None) => Some(self.read(detected, &document)),
            (Err(_), _) => None,
        };
        Ok(Taken { document, detected, read })
    }

    fn read(&mut self, detected: &Detected, document: &Document) -> Result<Record, Vec<Rejection>> {
        let Some((package, message)) = self.set.found(detected) else {
            return Err(vec![unsupported()]);
        };
        let Some(reading) = &message.reading else {
            return Err(vec![package.coded(unread())]);
        };
        let pass = Pass::new(package, &reading.automaton, Some(&reading.rules));
        let (breaches, pass) = watched(package, document, pass);
        pass.outcome(breaches, document)
    }

    fn header(&mut self, detected: &Detected, document: &Document) -> Option<Kopf> {
        let (package, message) = self.set.found(detected)?;
        let (breaches, pass) = watched(package, document, Pass::new(package, &message.header, None));
        breaches.is_empty().then_some(pass.record.kopf)
    }

    fn open(&mut self, octets: Bytes) -> Result<(Detected, Record), Vec<Rejection>> {
        let set = self.set.clone();
        let taken =
            self.take(octets, &Limits::default(), &set).map_err(|error| vec![gate_rejection(&error)])?;
        let detected = taken.detected.map_err(|rejection| vec![rejection])?;
        let record = taken.read.unwrap_or_else(|| Err(vec![unsupported()]))?;
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
        let mut rendered = package.templates.render(message, values).map_err(WriteError::Template)?;
        let Some(kind) = package.messages.iter().find(|known| known.message == message) else {
            return Err(other_root());
        };
        // A receipt or rejection repeats what the original says of itself, and that may be what is wrong with it.
        let answer = [&package.receipt, &package.rejection].into_iter().flatten().any(|own| own == message);
        let reading = kind.reading.as_ref().filter(|_| !answer);
        let limits = written_limits();
        // Rules look at values together, so where there are some the document is judged whole.
        let by_shape = reading.is_none() && package.templates.form(message) == Some(Form::Xml);
        let held = match by_shape && rendered.text.len() <= limits.bytes {
            true => package.shapes.held(&package.schema, &rendered),
            false => Held::Whole,
        };
        if held == Held::Valid {
            return Ok(rendered.text.into());
        }
        let bytes = Bytes::from(std::mem::take(&mut rendered.text));
        let (none, automaton) = (Automaton::new(), reading.map(|reading| &reading.automaton));
        let (document, seen) = gate::pass_with(bytes.clone(), &limits, |look| {
            let pass = Pass::new(package, automaton.unwrap_or(&none), reading.map(|reading| &reading.rules));
            let mut validation = match held == Held::New {
                true => Validation::recording(&package.schema, MOST_FAULTS, pass),
                false => Validation::new(&package.schema, MOST_FAULTS, pass),
            };
            let looked = look.at(&mut validation);
            (looked, Some(validation.finish_recorded()))
        });
        let document = document.map_err(|error| WriteError::Invalid(error.to_string()))?;
        let (namespace, local) = &kind.root;
        let written = document.root();
        if *namespace != written.namespace || *local != written.local {
            return Err(other_root());
        }
        let Some((breaches, pass, checked)) = seen else { return Err(other_root()) };
        judged(breaches, &document).map_err(|wrong| invalid(&wrong))?;
        if reading.is_some() {
            stage(&document, &pass.wrong_codes)
                .and_then(|()| stage(&document, &pass.broken_rules))
                .map_err(|wrong| invalid(&wrong))?;
        }
        if held == Held::New {
            rendered.text = String::from_utf8_lossy(&bytes).into_owned();
            package.shapes.learn(rendered, &checked);
        }
        Ok(bytes)
    }
}

fn other_root() -> WriteError {
    WriteError::Invalid("another root element than the message has".to_owned())
}

/// Watches the gate while it looks at a delivery: what the root says it is decides which schema and mapping go along.
struct Receiving<'s, 'a> {
    set: &'s PackageSet,
    detected: Option<Result<Detected, Rejection>>,
    validation: Option<Validation<'s, 'a, Pass<'s>>>,
}

/// What was gathered; it counts only when the gate let the document through.
type Received<'s> = Option<(Result<Detected, Rejection>, Option<(Vec<Breach>, Pass<'s>)>)>;

impl<'s> Receiving<'s, '_> {
    fn finish(self) -> Received<'s> {
        Some((self.detected?, self.validation.map(Validation::finish)))
    }
}

impl<'a> Watch<'a> for Receiving<'_, 'a> {
    fn root(&mut self, root: &Root) {
        if self.set.says_within(root) {
            return;
        }
        let detected = self.set.detect_root(root);
        if let Some((package, message)) = detected.as_ref().ok().and_then(|found| self.set.found(found))
            && let Some(reading) = &message.reading
        {
            let pass = Pass::new(package, &reading.automaton, Some(&reading.rules));
            self.validation = Some(Validation::new(&package.schema, MOST_FAULTS, pass));
        }
        self.detected = Some(detected);
    }

    fn start(&mut self, start: &Start<'_, 'a>) {
        if let Some(validation) = &mut self.validation {
            validation.start(start);
        }
    }

    fn text(&mut self, text: &'a str, breaks: bool) {
        if let Some(validation) = &mut self.validation {
            validation.text(text, breaks);
        }
    }

    fn reference(&mut self, character: char) {
        if let Some(validation) = &mut self.validation {
            validation.reference(character);
        }
    }

    fn end(&mut self, scope: &Scope<'a>) {
        if let Some(validation) = &mut self.validation {
            validation.end(scope);
        }
    }
}

/// Validates a document; the pass gathers what it sees on the way.
fn watched<'p>(package: &'p Package, document: &Document, pass: Pass<'p>) -> (Vec<Breach>, Pass<'p>) {
    let mut validation = Validation::new(&package.schema, MOST_FAULTS, pass);
    document.show(&mut validation);
    validation.finish()
}

/// What is wrong with a document of ours; the texts are ours, so they hold no value.
fn invalid(rejections: &[Rejection]) -> WriteError {
    WriteError::Invalid(rejections.first().map(ToString::to_string).unwrap_or_default())
}

fn unsupported() -> Rejection {
    Rejection::new(Fault::Version, "Die Nachricht gehört zu keiner geladenen Version.")
}

fn unread() -> Rejection {
    Rejection::new(Fault::Version, "Diese Nachricht wird hier nicht angenommen.").at(1, 1)
}

/// The breaches of its schema by a document, each place once.
fn judged(breaches: Vec<Breach>, document: &Document) -> Result<(), Vec<Rejection>> {
    let mut told: Vec<(&'static str, usize, String)> = Vec::new();
    for Breach { code, offset, path, .. } in breaches {
        let one = (code, offset, path);
        if !told.contains(&one) {
            told.push(one);
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    let rejections = told.into_iter().map(|(code, offset, path)| {
        let place = document.place_of(offset);
        let text = format!("{} ({code})", schema::sentence(code));
        Rejection::new(Fault::Schema, text).at(place.line, place.column).path(path)
    });
    Err(rejections.collect())
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

    /// What is said of the document that was seen; the first failing stage decides.
    fn outcome(self, breaches: Vec<Breach>, document: &Document) -> Result<Record, Vec<Rejection>> {
        judged(breaches, document)
            .and_then(|()| in_force(self.package, &self.record.kopf))
            .and_then(|()| stage(document, &self.wrong_codes))
            .and_then(|()| stage(document, &self.broken_rules))
            .map_err(|wrong| wrong.into_iter().map(|one| self.package.coded(one)).collect::<Vec<_>>())?;
        Ok(self.record)
    }

    fn broken(&mut self, rejection: Rejection, trail: Trail<'_>) {
        if self.broken_rules.len() < MOST_FAULTS {
            self.broken_rules.push((trail.offset(), rejection.path(trail.path())));
        }
    }

    fn code_read(&mut self, trail: Trail<'_>) {
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

impl Listener for Pass<'_> {
    fn open(&mut self, name: Option<Known>, local: &str, trail: Trail<'_>) {
        let node = match self.nodes.last() {
            None => Some(0),
            Some(parent) => parent.zip(name).and_then(|(parent, name)| self.automaton.step(parent, name)),
        };
        self.nodes.push(node);
        self.keeping = 0;
        let passed_over = trail.passed_over();
        self.free = passed_over || name.is_some_and(|name| self.package.free.contains(&name));
        if !passed_over
            && self.code.as_ref().is_some_and(|code| code.depth + 1 == self.nodes.len() && local == "code")
        {
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

    fn close(&mut self, trail: Trail<'_>) {
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
            for filling in &node.fields {
                if filling.fill(&mut self.record, &self.text).is_err() {
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
fn written_limits() -> Limits {
    let taken = Limits::default();
    Limits { bytes: taken.bytes.div_ceil(3) * 4 + (1 << 20), ..taken }
}
