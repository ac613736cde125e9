//! `validate`: documents against a schema, without a package. Needs no store and no stage; shows no value of a document.
//! Schema documents are read from disk near the schema only: never from the net, never over a link, never from more than
//! two folders above it. What stands for an address in the net is said by a catalog beside the schema, else found by name.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::args_validate::ValidateArgs;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::validate_encoding::in_utf8;
use crate::schema::fault::Breach;
use crate::schema::load::{Library, beside};
use crate::schema::tables::Schema;
use crate::xml::gate::{self, Document};
use crate::xml::limits::{GateFault, Limits};
use crate::xml::tree::Tree;

/// Most faults that are told of one document.
const MOST_FAULTS: usize = 100;
/// Largest file that is read, octets.
const LARGEST: usize = 64 << 20;
/// Folders below that of the schema, and files in them, that are looked through for an address in the net.
const MOST_FILES: usize = 20_000;

/// Folders above that of the schema in which other schema documents may stand: sets of schemas lie beside each other, and
/// versions of one package below a common folder.
const MOST_UP: usize = 2;
/// What says beside a schema which files stand for addresses in the net (OASIS XML Catalogs), and its namespace.
const CATALOG: &str = "catalog.xml";
const CATALOGS: &str = "urn:oasis:names:tc:entity:xmlns:xml:catalog";
/// Most that is told of all documents, octets: it is held until the last one is read.
const MOST_TOLD: usize = 64 << 20;

/// Wider than for messages: a whole register may be looked at.
fn limits() -> Limits {
    Limits { bytes: LARGEST, depth: 256, attributes: 512, name: 2_048, nodes: 4_000_000 }
}

/// What is said of a document.
#[derive(Serialize)]
struct Said<'a> {
    file: &'a str,
    valid: bool,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    code: &'static str,
    line: u32,
    column: u32,
    path: String,
    text: String,
}

/// Validates the documents.
pub fn run(args: &ValidateArgs, out: &mut Output) -> Result<Exit, CliError> {
    let unfit = |text: String| CliError::Usage(format!("schema cannot be used: {text}"));
    let disk = Disk::of(&args.schema).map_err(unfit)?;
    let schema =
        Schema::compile(&[&disk.entry], &disk).map_err(|fault| unfit(disk.shown(&fault.to_string())))?;
    // A document that cannot be read leaves nothing on standard output, wherever it stands: nothing is said before all were.
    let (mut all_valid, mut told) = (true, Vec::new());
    for document in &args.documents {
        let faults = faults(&schema, document)?;
        all_valid &= faults.is_empty();
        let file = document.display().to_string();
        let said = Said { file: &file, valid: faults.is_empty(), faults };
        if out.is_json() {
            told.extend(serde_json::to_vec(&said).unwrap_or_default());
            told.push(b'\n');
        } else {
            let verdict = if said.valid { "valid" } else { "not valid" };
            told.extend(format!("{}: {verdict}\n", said.file).into_bytes());
            for fault in &said.faults {
                let Fault { code, line, column, path, text } = fault;
                told.extend(format!("  {line}:{column} {code} {path} {text}\n").into_bytes());
            }
        }
        if told.len() > MOST_TOLD {
            let text = format!("more than {MOST_TOLD} octets are to be told; give fewer documents at once");
            return Err(CliError::Usage(text));
        }
    }
    out.raw(&told)?;
    Ok(if all_valid { Exit::Ok } else { Exit::No })
}

fn faults(schema: &Schema, file: &Path) -> Result<Vec<Fault>, CliError> {
    let unread = |error: std::io::Error| CliError::Usage(format!("{}: {}", file.display(), error.kind()));
    let metadata = std::fs::metadata(file).map_err(unread)?;
    if !metadata.is_file() {
        return Err(unread(std::io::ErrorKind::InvalidInput.into()));
    }
    // UTF-16 takes twice as much as the UTF-8 that the gate counts.
    if metadata.len() > 2 * LARGEST as u64 {
        let (path, text) = ("/".to_owned(), format!("more than {LARGEST} octets"));
        return Ok(vec![Fault { code: "limit", line: 1, column: 1, path, text }]);
    }
    let octets = std::fs::read(file).map_err(unread)?;
    let octets = match in_utf8(octets) {
        Ok(octets) => octets,
        Err(text) => {
            let (path, text) = ("/".to_owned(), text.to_owned());
            return Ok(vec![Fault { code: "encoding", line: 1, column: 1, path, text }]);
        }
    };
    match gate::pass(octets.into(), &limits()) {
        Ok(document) => Ok(schema
            .validate(&document, MOST_FAULTS)
            .into_iter()
            .map(|breach| told(&document, breach))
            .collect()),
        Err(error) => Ok(vec![Fault {
            code: match error.fault {
                GateFault::NotWellFormed(_) | GateFault::NotUtf8 => "not-well-formed",
                GateFault::Doctype => "doctype",
                _ => "limit",
            },
            line: error.place.line,
            column: error.place.column,
            path: "/".to_owned(),
            text: error.fault.to_string(),
        }]),
    }
}

fn told(document: &Document, breach: Breach) -> Fault {
    let place = document.place_of(breach.offset);
    Fault { code: breach.code, line: place.line, column: place.column, path: breach.path, text: breach.text }
}

/// The schema documents on disk; names are paths without links.
struct Disk {
    folder: PathBuf,
    /// What no document stands outside of.
    top: PathBuf,
    entry: String,
}

impl Disk {
    fn of(schema: &Path) -> Result<Disk, String> {
        let found =
            schema.canonicalize().map_err(|error| format!("{}: {}", schema.display(), error.kind()))?;
        let entry = found.to_str().ok_or("the path is not utf-8")?.to_owned();
        let folder = found.parent().map(Path::to_owned).unwrap_or_default();
        // Never the root: of a schema that lies high up everything on the machine would stand near it.
        let near = folder.ancestors().take(MOST_UP + 1).filter(|folder| folder.parent().is_some());
        let top = near.last().unwrap_or(&folder).to_owned();
        Ok(Disk { folder, top, entry })
    }

    /// Files beside the schema by their own names.
    fn shown(&self, text: &str) -> String {
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
        let tree = Tree::parse(octets.into(), &limits()).map_err(|error| unfit(error.to_string()))?;
        let entries = || tree.root().descendants().filter(|element| element.namespace() == CATALOGS);
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
        let path = beside(from, &location.replace("%20", " ")).map(|path| format!("/{path}"));
        path.filter(|path| Path::new(path).starts_with(&self.top)).ok_or_else(|| {
            format!("stands more than {MOST_UP} folders above the schema, and nothing is read from there")
        })
    }

    /// The files in the schema's folder and below of which something holds, two at most.
    fn those(&self, holds: impl Fn(&Path) -> bool) -> Vec<String> {
        let (mut folders, mut looked) = (vec![self.folder.clone()], 0);
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
            // By the name of the file, else by the namespace: some addresses end with no name.
            let name = location.rsplit('/').next().unwrap_or_default();
            let by_name = self.those(|path| path.file_name().is_some_and(|found| found == name));
            let found = match &*by_name {
                [_] => by_name,
                _ => self.those(|path| has_target(path, namespace)),
            };
            return match <[String; 1]>::try_from(found) {
                Ok([file]) => Ok(file),
                Err(found) => Err(format!(
                    "nothing is read from the net, and {} beside the schema; put the document there, or say which it is in \
                     {CATALOG} beside the schema: <catalog xmlns=\"{CATALOGS}\"><uri name=\"{location}\" uri=\"FILE\"/></catalog>",
                    if found.is_empty() {
                        "no document of that name or namespace is"
                    } else {
                        "more than one of that namespace are"
                    },
                )),
            };
        }
        if location.starts_with(['/', '\\']) {
            return Err("only documents beside the schema are read; write a relative path".to_owned());
        }
        self.within(from, location)
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = Path::new(name);
        let found = path.canonicalize().map_err(|error| error.kind().to_string())?;
        if found != path {
            return Err("stands behind a link, and links are not followed".to_owned());
        }
        let metadata = std::fs::metadata(path).map_err(|error| error.kind().to_string())?;
        if !metadata.is_file() || metadata.len() > LARGEST as u64 {
            return Err(format!("is no file of at most {LARGEST} octets"));
        }
        let octets = std::fs::read(path).map_err(|error| error.kind().to_string())?;
        in_utf8(octets).map_err(str::to_owned)
    }
}
