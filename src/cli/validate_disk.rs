//! The schema documents of `validate`: read from disk near the schema only, never from the net, never over a link, never from more
//! than two folders above it. What stands for an address in the net is said by a catalog beside the schema, else found by name.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use percent_encoding::percent_decode_str;

use crate::cli::validate_encoding::in_utf8;
use crate::schema::load::{Library, beside};
use crate::xml::limits::{GateFault, Limits};
use crate::xml::tree::{Element, Tree};

/// Largest file that is read, octets.
pub(super) const LARGEST: usize = 64 << 20;
/// Folders below that of the schema, and files in them, that are looked through for an address in the net.
const MOST_FILES: usize = 20_000;

/// Folders above that of the schema in which other schema documents may stand: sets of schemas lie beside each other, and
/// versions of one package below a common folder.
const MOST_UP: usize = 2;
/// What says beside a schema which files stand for addresses in the net (OASIS XML Catalogs), and its namespace.
const CATALOG: &str = "catalog.xml";
const CATALOGS: &str = "urn:oasis:names:tc:entity:xmlns:xml:catalog";
/// Wider than for messages: a whole register may be looked at.
pub(super) fn limits() -> Limits {
    Limits { bytes: LARGEST, depth: 256, attributes: 512, name: 2_048, nodes: 4_000_000 }
}

/// Why a file cannot be read, in plain words.
pub(super) fn why(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "is not there".to_owned(),
        kind => kind.to_string(),
    }
}

/// The schema documents on disk; names are paths without links.
pub(super) struct Disk {
    folder: PathBuf,
    /// What no document stands outside of.
    top: PathBuf,
    entry: String,
    /// What was taken for addresses of which no catalog says anything.
    taken: Mutex<BTreeSet<(String, String)>>,
}

impl Disk {
    /// The folder of a schema.
    pub(super) fn of(schema: &Path) -> Result<Disk, String> {
        let found =
            schema.canonicalize().map_err(|error| format!("{}: {}", schema.display(), why(&error)))?;
        let entry = found.to_str().ok_or("the path is not utf-8")?.to_owned();
        let folder = found.parent().map(Path::to_owned).unwrap_or_default();
        // Never the root: of a schema that lies high up everything on the machine would stand near it.
        let near = folder.ancestors().take(MOST_UP + 1).filter(|folder| folder.parent().is_some());
        let top = near.last().unwrap_or(&folder).to_owned();
        Ok(Disk { folder, top, entry, taken: Mutex::default() })
    }

    /// The name of the schema itself.
    pub(super) fn entry(&self) -> &str {
        &self.entry
    }

    /// Which documents were taken for addresses in the net by their name or namespace alone, in the order of the addresses.
    pub(super) fn taken(&self) -> BTreeSet<(String, String)> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Files beside the schema by their own names.
    pub(super) fn shown(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.display()), "")
    }

    /// The file that a catalog beside the schema names for an address or a namespace.
    fn by_catalog(&self, location: &str, namespace: &str) -> Result<Option<String>, String> {
        let path = self.folder.join(CATALOG);
        if !path.exists() {
            return Ok(None);
        }
        let name = path.to_str().ok_or("the path is not utf-8")?;
        let unfit = |text: String| format!("{CATALOG} beside the schema cannot be used: {text}");
        let octets = self.octets(name).map_err(unfit)?;
        let tree = Tree::parse(octets.into(), &limits()).map_err(|error| match error.fault {
            GateFault::Doctype => {
                unfit("document type declarations are never read; take that line out".to_owned())
            }
            fault => unfit(fault.to_string()),
        })?;
        let entries = || tree.root().descendants().filter(|element| element.namespace() == CATALOGS);
        if let Some(text) = entries().find_map(|entry| not_understood(&entry)) {
            return Err(unfit(text));
        }
        let file = [location, namespace].into_iter().filter(|wanted| !wanted.is_empty()).find_map(|wanted| {
            let key = |local: &str| if local == "system" { "systemId" } else { "name" };
            let mut found = entries().filter(|entry| matches!(entry.local(), "uri" | "system"));
            found.find(|entry| entry.attribute(key(entry.local())) == Some(wanted))?.attribute("uri")
        });
        let Some(file) = file else { return Ok(None) };
        if file.contains(':') || file.starts_with(['/', '\\']) {
            return Err(unfit(format!("'{file}' is no path below its folder")));
        }
        let found = self.within(name, file)?;
        if !Path::new(&found).exists() {
            return Err(unfit(format!("'{file}' is not there")));
        }
        Ok(Some(found))
    }

    /// A path as a document writes it.
    fn within(&self, from: &str, location: &str) -> Result<String, String> {
        let path = beside(from, &as_path(location)?).map(|path| format!("/{path}"));
        path.filter(|path| Path::new(path).starts_with(&self.top)).ok_or_else(|| {
            format!("stands more than {MOST_UP} folders above the schema, and nothing is read from there")
        })
    }

    /// The one document that can stand for an address: by the name of the file, else by the namespace, because some addresses end with no name;
    /// nearest to the document that names it, else to the schema.
    fn by_name(&self, from: &str, name: &str, namespace: &str) -> Result<String, usize> {
        let near = Path::new(from).parent().filter(|folder| folder.starts_with(&self.top));
        let places: Vec<&Path> =
            near.filter(|near| *near != self.folder).into_iter().chain([&*self.folder]).collect();
        let mut most = 0;
        for place in &places {
            if let [file] = &*those(place, |path| path.file_name().is_some_and(|found| found == name)) {
                return Ok(file.clone());
            }
        }
        for place in &places {
            let found = those(place, |path| has_target(path, namespace));
            most = most.max(found.len());
            if let [file] = &*found {
                return Ok(file.clone());
            }
        }
        Err(most)
    }
}

/// The files in a folder and below of which something holds, two at most.
fn those(place: &Path, holds: impl Fn(&Path) -> bool) -> Vec<String> {
    let (mut folders, mut looked) = (vec![place.to_owned()], 0);
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        for entry in entries.filter_map(Result::ok) {
            looked += 1;
            let Ok(kind) = entry.file_type() else { return Vec::new() };
            if looked > MOST_FILES {
                return Vec::new();
            }
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && holds(&path) && found.len() < 2 {
                found.extend(path.to_str().map(str::to_owned));
            }
        }
    }
    found
}

/// What is to be written instead of an address on this machine.
const BESIDE: &str = "only documents beside the schema are read; write a relative path";

fn is_file_address(location: &str) -> bool {
    location.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}

/// An address as the path that it stands for: what is written in percent is itself.
fn as_path(location: &str) -> Result<Cow<'_, str>, String> {
    let path = percent_decode_str(location).decode_utf8();
    path.ok().filter(|path| !path.contains('\0')).ok_or_else(|| "is no path in utf-8".to_owned())
}

/// What an entry of a catalog says that is not understood: half of a catalog would lead to another document than all of it.
fn not_understood(entry: &Element<'_>) -> Option<String> {
    const XML: &str = "http://www.w3.org/XML/1998/namespace";
    if entry.attribute_in(XML, "base").is_some() {
        return Some(
            "'xml:base' is not supported; write the paths from the folder of the catalog".to_owned(),
        );
    }
    // An entry `public` is about identifiers that no schema document is called by.
    let known = matches!(entry.local(), "catalog" | "group" | "uri" | "system" | "public");
    (!known).then(|| format!("'{}' is not supported; name each document with 'uri'", entry.local()))
}

/// Whether a schema document says that it is for a namespace.
fn has_target(path: &Path, namespace: &str) -> bool {
    let is_schema = path.extension().is_some_and(|extension| extension == "xsd");
    let small = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= LARGEST as u64);
    let text =
        if is_schema && small { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    ['"', '\''].iter().any(|quote| text.contains(&format!("targetNamespace={quote}{namespace}{quote}")))
}

impl Library for Disk {
    fn find(&self, from: &str, location: &str, namespace: &str) -> Result<String, String> {
        if from.is_empty() {
            return Ok(location.to_owned());
        }
        if location.contains("://") || location.starts_with("urn:") {
            if let Some(file) = self.by_catalog(location, namespace)? {
                return Ok(file);
            }
            if is_file_address(location) {
                return Err(BESIDE.to_owned());
            }
            let name = as_path(location.rsplit('/').next().unwrap_or_default())?;
            let found = self.by_name(from, &name, namespace).map_err(|found| {
                format!(
                    "nothing is read from the net, and {} in the schema's folder or below it; put the document there, or say which it is in \
                     {CATALOG} beside the schema: <catalog xmlns=\"{CATALOGS}\"><uri name=\"{location}\" uri=\"FILE\"/></catalog>",
                    if found == 0 { "no document of that name or namespace is" } else { "more than one of that namespace are" },
                )
            })?;
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.insert((location.to_owned(), found.clone()));
            return Ok(found);
        }
        if is_file_address(location) || location.is_empty() || location.starts_with(['/', '\\']) {
            return Err(BESIDE.to_owned());
        }
        self.within(from, location)
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = Path::new(name);
        let found = path.canonicalize().map_err(|error| why(&error))?;
        if found != path {
            return Err("stands behind a link, and links are not followed".to_owned());
        }
        let metadata = std::fs::metadata(path).map_err(|error| why(&error))?;
        if !metadata.is_file() || metadata.len() > LARGEST as u64 {
            return Err(match metadata.is_file() {
                true => format!("has more than {LARGEST} octets"),
                false => "is no file".to_owned(),
            });
        }
        let octets = std::fs::read(path).map_err(|error| why(&error))?;
        in_utf8(octets).map_err(str::to_owned)
    }
}
