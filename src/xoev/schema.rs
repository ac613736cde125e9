//! The one module around the schema validator: compiles the schemas of a package and walks a document once, validating
//! it and showing it to a visitor. Its schemas come from memory only; it opens no file and no network address.
//! The library's messages can quote the document and never leave this module: only constraint codes and places do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xsd_schema::validation::{
    AttributeView, DriveWithError, ElementStartView, EndElementInfo, EndOfAttributesView, SchemaInfo,
    SchemaValidator, TextKind, ValidationError, ValidationEventHandler, ValidationFlags, ValidationSink,
    ValidationSubject, ValidationWarning, drive_quick_xml_with,
};
use xsd_schema::{
    ResolverConfig, SchemaError, SchemaLoader, SchemaResolver, SchemaResult, SchemaSet, SchemaSetBuilder,
};

use crate::xoev::dintext::{self, Text, Texts};
use crate::xoev::fault::PackageFault;

/// Text of the files a package may use, by path relative to the folder of packages.
pub type Files = BTreeMap<String, String>;

/// Most faults that are told of one document.
pub const MOST_FAULTS: usize = 20;

/// Documents after which a thread compiles its schemas anew: the library keeps every name it ever saw.
const DOCUMENTS_PER_SET: u32 = 50_000;
/// Names of documents a set may have taken in before it is compiled anew.
const NAMES_PER_SET: usize = 20_000;
/// Sets one thread keeps at once.
const SETS_PER_THREAD: usize = 16;
/// The constraint that a text of DIN 91379 breaks.
const PATTERN: &str = "cvc-pattern-valid";
/// Namespace of the attributes that a document may carry for its validator.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Those of them that only say where a schema may be found: hints, which we never follow and which decide nothing.
const HINTS: [&str; 2] = ["schemaLocation", "noNamespaceSchemaLocation"];
/// Scheme of the made-up addresses under which the loader knows the files.
const SCHEME: &str = "package:///";

/// Everything needed to compile the schemas of one package, as often as needed.
#[derive(Debug)]
pub struct Blueprint {
    /// Tells this blueprint from every other one of the process.
    id: u64,
    files: Arc<Files>,
    entries: Vec<String>,
    names: Names,
    /// Whether texts of DIN 91379 are checked beside the validator, whose schemas then have no patterns for them.
    own_texts: bool,
    /// The set of the first compilation, until the first thread that needs one takes it.
    spare: Mutex<Option<Box<SchemaSet>>>,
}

/// The names that the schemas know: only these may be shown in a path, any other name is the sender's text.
#[derive(Debug, Default)]
struct Names {
    index: HashMap<Box<str>, u32>,
    list: Vec<Box<str>>,
}

impl Names {
    fn add(&mut self, name: &str) {
        if !self.index.contains_key(name) {
            self.index.insert(name.into(), self.list.len() as u32);
            self.list.push(name.into());
        }
    }

    fn show(&self, name: Option<u32>) -> &str {
        name.and_then(|name| self.list.get(name as usize)).map_or("*", |name| name)
    }
}

/// Serves the files of one package and nothing else.
#[derive(Debug)]
struct MemoryLoader(Arc<Files>);

impl SchemaLoader for MemoryLoader {
    fn load(&self, location: &str) -> SchemaResult<String> {
        location
            .strip_prefix(SCHEME)
            .and_then(|path| self.0.get(path))
            .cloned()
            .ok_or_else(|| SchemaError::resolution(format!("not in the package: {location}")))
    }

    fn can_load(&self, _location: &str) -> bool {
        true
    }
}

impl Blueprint {
    /// Compiles once to find every fault, and keeps what later compilations need.
    ///
    /// `entries` are paths in `files`. A schema document that is missing is a fault, never silently left out.
    pub fn new(files: Arc<Files>, entries: Vec<String>) -> Result<(Blueprint, SchemaSet), Vec<PackageFault>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        // Told of in the files as they are written, whatever is compiled afterwards.
        let (files, set, own_texts) = lean(files, &entries)?;
        let mut names = Names::default();
        for element in set.arenas.elements.values() {
            element.name.iter().for_each(|name| names.add(set.name_table.resolve_ref(*name)));
        }
        for complex in set.arenas.complex_types.values() {
            for attribute in complex.attributes.iter().filter_map(|attribute| attribute.attribute.name) {
                names.add(set.name_table.resolve_ref(attribute));
            }
        }
        Ok((Blueprint { id, files, entries, names, own_texts, spare: Mutex::default() }, set))
    }

    /// Takes back the set that [`Blueprint::new`] made, so that the first thread need not compile it again.
    pub fn keep(&self, set: SchemaSet) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(set));
    }
}

/// Compiles without the patterns of DIN 91379 where the texts can be checked beside, else as the files are.
fn lean(files: Arc<Files>, entries: &[String]) -> Result<(Arc<Files>, SchemaSet, bool), Vec<PackageFault>> {
    if let Some(stripped) = dintext::without_patterns(&files).map(Arc::new)
        && let Ok(set) = compile(&stripped, entries)
        && Texts::find(&set).is_some()
    {
        return Ok((stripped, set, true));
    }
    let set = compile(&files, entries)?;
    Ok((files, set, false))
}

fn compile(files: &Arc<Files>, entries: &[String]) -> Result<SchemaSet, Vec<PackageFault>> {
    let config = ResolverConfig { allow_network: false, ..ResolverConfig::default() };
    let resolver = SchemaResolver::with_config_and_loader(config, Box::new(MemoryLoader(files.clone())));
    let mut builder = SchemaSetBuilder::with_resolver(resolver, xsd_schema::XsdVersion::V1_0);
    for entry in entries {
        builder = builder
            .add("", &format!("{SCHEME}{entry}"))
            .map_err(|error| vec![schema_fault(entry, &error)])?;
    }
    let first = entries.first().map_or("", String::as_str);
    let compiled = builder.compile().map_err(|error| vec![schema_fault(first, &error)])?;
    let missing: Vec<PackageFault> = compiled
        .directive_failures()
        .iter()
        .map(|failure| {
            let (file, line, column) = failure.location().map_or((first, 0, 0), |location| {
                (plain(&location.base_uri), location.line as u64, location.column as u64)
            });
            let wanted =
                failure.schema_location().or(failure.namespace()).unwrap_or("a schema without address");
            PackageFault::of(file, format!("schema document is missing: {wanted}; put it into the package"))
                .at(line, column)
        })
        .collect();
    if missing.is_empty() { Ok(compiled.into_schema_set()) } else { Err(missing) }
}

fn plain(uri: &str) -> &str {
    uri.strip_prefix(SCHEME).unwrap_or(uri)
}

/// Schemas are ours, so the library's words may be shown here.
fn schema_fault(entry: &str, error: &SchemaError) -> PackageFault {
    let text = format!("schema cannot be used: {error}; correct it or install the official package");
    match error.location() {
        Some(location) => {
            PackageFault::of(plain(&location.base_uri), text).at(location.line as u64, location.column as u64)
        }
        None => PackageFault::of(entry, text),
    }
}

self_cell::self_cell!(
    struct Held {
        owner: SchemaSet,
        #[not_covariant]
        dependent: SchemaValidator,
    }
);

struct Kept {
    id: u64,
    held: Held,
    texts: Texts,
    documents: u32,
    names_at_first: usize,
}

thread_local! {
    /// A compiled set is not Sync and its validator not Send, so every thread keeps its own.
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

impl Kept {
    fn new(blueprint: &Blueprint) -> Result<Kept, Vec<PackageFault>> {
        let spare = blueprint.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let set = match spare {
            Some(set) => *set,
            None => compile(&blueprint.files, &blueprint.entries)?,
        };
        let names_at_first = set.name_table.len();
        let texts = if blueprint.own_texts { Texts::find(&set) } else { None };
        let texts = texts.unwrap_or_default();
        let held = Held::new(set, |set| SchemaValidator::new(set, ValidationFlags::empty()));
        Ok(Kept { id: blueprint.id, held, texts, documents: 0, names_at_first })
    }

    fn spent(&self) -> bool {
        let names = self.held.borrow_owner().name_table.len();
        self.documents >= DOCUMENTS_PER_SET || names > self.names_at_first + NAMES_PER_SET
    }
}

/// Where the walk is: the open elements, each with the octet its tag begins at.
#[derive(Debug)]
pub struct Trail<'a> {
    names: &'a Names,
    open: Vec<(Option<u32>, usize)>,
}

impl Trail<'_> {
    /// The path of the element that is open now; names that the schema does not know show as `*`.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for (name, _) in &self.open {
            path.push('/');
            path.push_str(self.names.show(*name));
        }
        path
    }

    /// The octet at which the element that is open now begins.
    pub fn offset(&self) -> usize {
        self.open.last().map_or(0, |(_, offset)| *offset)
    }
}

/// Sees a document while it is validated; what it gathers counts only when the document is valid.
pub trait Visitor {
    /// An element begins.
    fn open(&mut self, namespace: &str, local: &str, trail: &Trail<'_>);
    /// An attribute of it, also one that the schema supplies.
    fn attribute(&mut self, local: &str, value: &str);
    /// Text in it; may come in pieces.
    fn text(&mut self, text: &str);
    /// The element that is open ends.
    fn close(&mut self, trail: &Trail<'_>);
}

/// A breach of the schema: the constraint's code and where; never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Code such as `cvc-pattern-valid`.
    pub constraint: &'static str,
    /// Octet at which the element concerned begins.
    pub offset: usize,
    /// Its path.
    pub path: String,
}

/// Why a walk did not come to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkError {
    /// The document is not well-formed after all; the octet.
    NotWellFormed(usize),
    /// The schemas no longer compile: our fault.
    Ours(String),
}

/// Walks `document` once; the breaches found, at most [`MOST_FAULTS`], are empty exactly when it is valid.
pub fn walk(
    blueprint: &Blueprint,
    document: &[u8],
    visitor: &mut dyn Visitor,
) -> Result<Vec<Breach>, WalkError> {
    let kept = KEPT.with_borrow_mut(|kept| {
        kept.iter().position(|kept| kept.id == blueprint.id).map(|at| kept.remove(at))
    });
    let mut kept = match kept {
        Some(kept) => kept,
        None => Kept::new(blueprint).map_err(|faults| {
            WalkError::Ours(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?,
    };
    kept.documents += 1;
    let Kept { held, texts, .. } = &kept;
    let result = held
        .with_dependent(|set, validator| run(&blueprint.names, (set, texts), validator, document, visitor));
    if !kept.spent() {
        KEPT.with_borrow_mut(|all| {
            if all.len() >= SETS_PER_THREAD {
                all.remove(0);
            }
            all.push(kept);
        });
    }
    result
}

fn run(
    names: &Names,
    (set, texts): (&SchemaSet, &Texts),
    validator: &SchemaValidator<'_>,
    document: &[u8],
    visitor: &mut dyn Visitor,
) -> Result<Vec<Breach>, WalkError> {
    let trail = RefCell::new(Trail { names, open: Vec::with_capacity(16) });
    let (opening, hint) = (Cell::new(false), Cell::new(false));
    let breaches = RefCell::new(Vec::new());
    let sink =
        Sink { trail: &trail, opening: &opening, hint: &hint, spoiled: Vec::new(), breaches: &breaches };
    let mut runtime = validator.start_run(sink);
    let mut handler = Handler {
        set,
        texts,
        trail: &trail,
        opening: &opening,
        hint: &hint,
        breaches: &breaches,
        offset: 0,
        checked: None,
        text: String::new(),
        visitor,
    };
    // A byte order mark is the gate's to judge; the offsets count it.
    let driven = drive_quick_xml_with(document, &mut runtime, set, &mut handler);
    match driven {
        Ok(_) => {
            // Its own error comes to the sink as well.
            let _ = runtime.end_validation();
        }
        Err(DriveWithError::Hook(Full)) => {}
        Err(DriveWithError::NotWellFormed(error)) => {
            return Err(WalkError::NotWellFormed(usize::try_from(error.position()).unwrap_or(0)));
        }
        Err(_) => return Err(WalkError::NotWellFormed(0)),
    }
    Ok(breaches.take())
}

/// Adds a breach, unless it is told already or enough are.
fn add(breaches: &RefCell<Vec<Breach>>, breach: Breach) {
    let mut breaches = breaches.borrow_mut();
    if breaches.len() < MOST_FAULTS && !breaches.contains(&breach) {
        breaches.push(breach);
    }
}

/// As many faults as are told are found.
struct Full;

struct Sink<'a> {
    trail: &'a RefCell<Trail<'a>>,
    opening: &'a Cell<bool>,
    /// Whether what is being looked at is only a hint.
    hint: &'a Cell<bool>,
    /// Elements, by their octet, whose content is known to be wrong: what follows inside is a consequence.
    spoiled: Vec<usize>,
    breaches: &'a RefCell<Vec<Breach>>,
}

impl ValidationSink for Sink<'_> {
    fn on_error(&mut self, error: ValidationError) {
        if self.hint.get() || is_spaced_base64(&error.message) {
            return;
        }
        let trail = self.trail.borrow();
        if error.constraint.starts_with("cvc-complex-type.2.4") || error.constraint == "cvc-elt.1" {
            let parent = trail.open.iter().rev().nth(1).map_or(0, |(_, offset)| *offset);
            let whole = if self.opening.get() { parent } else { trail.offset() };
            if self.spoiled.contains(&whole) {
                return;
            }
            self.spoiled.extend([whole, trail.offset()]);
        }
        let mut path = trail.path();
        if let Some(ValidationSubject::Attribute(name)) = error.subject() {
            let known = trail.names.index.get(name.local_name()).copied();
            path = format!("{path}/@{}", trail.names.show(known));
        }
        add(self.breaches, Breach { constraint: error.constraint, offset: trail.offset(), path });
    }

    fn on_warning(&mut self, _: ValidationWarning) {}
}

/// Whether the complaint is only that base64 holds white space. The datatype allows it, as line breaks of mail programs
/// show, and the library does not. Its text begins with the name of the datatype, which no value can imitate.
fn is_spaced_base64(complaint: &str) -> bool {
    let value = complaint
        .strip_prefix("Invalid base64Binary value '")
        .and_then(|rest| rest.rsplit_once("': "))
        .map(|(value, _)| value);
    value.is_some_and(|value| {
        let bare: String =
            value.chars().filter(|letter| !matches!(letter, ' ' | '\t' | '\n' | '\r')).collect();
        STANDARD.decode(bare).is_ok()
    })
}

struct Handler<'a, 'v> {
    set: &'a SchemaSet,
    texts: &'a Texts,
    trail: &'a RefCell<Trail<'a>>,
    opening: &'a Cell<bool>,
    hint: &'a Cell<bool>,
    breaches: &'a RefCell<Vec<Breach>>,
    offset: usize,
    /// How the text of the element that is open is checked; such an element has no children.
    checked: Option<Text>,
    text: String,
    visitor: &'v mut dyn Visitor,
}

impl ValidationEventHandler for Handler<'_, '_> {
    type Error = Full;

    fn on_element_start_offset(&mut self, offset: usize) -> Result<(), Full> {
        self.offset = offset;
        Ok(())
    }

    fn before_element(&mut self, view: ElementStartView<'_>) -> Result<(), Full> {
        if self.breaches.borrow().len() >= MOST_FAULTS {
            return Err(Full);
        }
        let mut trail = self.trail.borrow_mut();
        let name = trail.names.index.get(view.local_name).copied();
        trail.open.push((name, self.offset));
        self.visitor.open(view.namespace_uri, view.local_name, &trail);
        self.opening.set(true);
        Ok(())
    }

    fn after_element(&mut self, _: ElementStartView<'_>, info: &SchemaInfo) -> Result<(), Full> {
        self.opening.set(false);
        self.checked = self.texts.of(info.schema_type);
        self.text.clear();
        Ok(())
    }

    fn before_attribute(&mut self, view: AttributeView<'_>) -> Result<(), Full> {
        if view.namespace_uri.is_empty() {
            self.visitor.attribute(view.local_name, view.value);
        }
        self.hint.set(view.namespace_uri == INSTANCE && HINTS.contains(&view.local_name));
        Ok(())
    }

    fn after_attribute(&mut self, view: AttributeView<'_>, info: &SchemaInfo) -> Result<(), Full> {
        self.hint.set(false);
        let wrong = self.texts.of(info.schema_type).is_some_and(|text| !text.holds(view.value));
        if wrong {
            let trail = self.trail.borrow();
            let known = trail.names.index.get(view.local_name).copied();
            let path = format!("{}/@{}", trail.path(), trail.names.show(known));
            add(self.breaches, Breach { constraint: PATTERN, offset: trail.offset(), path });
        }
        Ok(())
    }

    fn after_end_of_attributes(&mut self, view: EndOfAttributesView<'_>) -> Result<(), Full> {
        for attribute in view.default_attributes.iter().filter(|attribute| attribute.namespace.is_none()) {
            self.visitor.attribute(self.set.name_table.resolve_ref(attribute.local_name), &attribute.value);
        }
        Ok(())
    }

    fn on_text(&mut self, _: TextKind, text: &str) -> Result<(), Full> {
        if self.checked.is_some() {
            self.text.push_str(text);
        }
        self.visitor.text(text);
        Ok(())
    }

    fn after_end_element(&mut self, _: &EndElementInfo, _: usize) -> Result<(), Full> {
        let mut trail = self.trail.borrow_mut();
        if self.checked.take().is_some_and(|text| !text.holds(&self.text)) {
            let (offset, path) = (trail.offset(), trail.path());
            add(self.breaches, Breach { constraint: PATTERN, offset, path });
        }
        self.visitor.close(&trail);
        trail.open.pop();
        Ok(())
    }
}

/// Our own sentence for a constraint; German, because clerks of the sending office read it.
pub fn sentence(constraint: &str) -> &'static str {
    let begins = |prefix: &str| constraint.starts_with(prefix);
    match constraint {
        "cvc-pattern-valid" => {
            "Der Wert hat nicht die vorgeschriebene Form oder enthält ein Zeichen, das DIN 91379 nicht vorsieht."
        }
        "cvc-enumeration-valid" => "Der Wert steht nicht in der Liste der zulässigen Werte.",
        "cvc-complex-type.3.2.2" => "Das Attribut ist hier nicht vorgesehen.",
        "cvc-complex-type.4" => "Ein vorgeschriebenes Attribut fehlt.",
        "cvc-complex-type.2.1" | "cvc-complex-type.2.2" | "cvc-complex-type.2.3" => {
            "Hier darf dieser Inhalt nicht stehen."
        }
        "cvc-elt.1" => "Das Schema kennt dieses Element nicht.",
        _ if begins("cvc-complex-type.2.4") => {
            "Ein Element fehlt, ist hier nicht vorgesehen oder steht an falscher Stelle."
        }
        _ if begins("cvc-elt.5.2.2") || begins("cvc-attribute.4") || begins("cvc-au") => {
            "Der Wert weicht vom festgelegten Wert ab."
        }
        _ if begins("cvc-datatype-valid") || begins("cvc-simple-type") || begins("cvc-attribute") => {
            "Der Wert entspricht nicht dem vorgeschriebenen Datentyp."
        }
        _ if begins("cvc-min")
            || begins("cvc-max")
            || begins("cvc-length")
            || constraint.ends_with("Digits-valid") =>
        {
            "Der Wert liegt außerhalb der vorgeschriebenen Grenzen."
        }
        _ if begins("cvc-id") => "Ein Verweis oder Schlüssel ist nicht eindeutig oder zeigt ins Leere.",
        _ => "Die Nachricht ist an dieser Stelle nicht schemavalide.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_in_base64_is_forgiven() {
        let complaint = |datatype: &str, value: &str| {
            is_spaced_base64(&format!("Invalid {datatype} value '{value}': Invalid symbol 32, offset 3."))
        };
        assert!(complaint("base64Binary", "PGE vPg =="));
        assert!(complaint("base64Binary", "PGEv\r\n Pg=="));
        assert!(!complaint("base64Binary", "PGE vPg ="));
        assert!(!complaint("base64Binary", "PG\u{e4} vPg=="));
        assert!(!complaint("date", "Invalid base64Binary value 'PGE vPg ==': "));
    }
}
