//! `validate`: documents against a schema, without a package. Needs no store and no stage; shows no value of a document.
//! Where the schema documents are read from stands in `validate_disk.rs`.

use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::cli::args_validate::ValidateArgs;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, beside};
use crate::cli::validate_disk::{Disk, LARGEST, limits, why};
use crate::cli::validate_encoding::in_utf8;
use crate::schema::fault::Breach;
use crate::schema::tables::Schema;
use crate::xml::gate::{self, Document};
use crate::xml::limits::GateFault;

/// Most faults that are told of one document.
const MOST_FAULTS: usize = 100;
/// Most that is told of all documents, octets: it is held until the last one is read.
const MOST_TOLD: usize = 64 << 20;

/// What is said of a document.
#[derive(Serialize)]
struct Said<'a> {
    file: &'a str,
    valid: bool,
    faults: Vec<Fault>,
    /// There are more than are told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
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
        Schema::compile(&[disk.entry()], &disk).map_err(|fault| unfit(disk.shown(&fault.to_string())))?;
    for (address, file) in disk.taken() {
        beside(&format!("{address} is not read; {} stands for it", disk.shown(&file)));
    }
    // A document that cannot be read leaves nothing on standard output, wherever it stands: nothing is said before all were.
    let (mut all_valid, mut told) = (true, Vec::new());
    for document in &args.documents {
        let mut faults = faults(&schema, document)?;
        let more = faults.len() > MOST_FAULTS;
        faults.truncate(MOST_FAULTS);
        all_valid &= faults.is_empty();
        let file = document.display().to_string();
        let said = Said { file: &file, valid: faults.is_empty(), faults, more };
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
            if said.more {
                told.extend(
                    format!("  no more than {MOST_FAULTS} faults of a document are told\n").into_bytes(),
                );
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
    let unread = |error: std::io::Error| CliError::Usage(format!("{}: {}", file.display(), why(&error)));
    // UTF-16 takes twice as much as the UTF-8 that the gate counts.
    let most = 2 * LARGEST as u64;
    let mut octets = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut octets).map_err(unread)?;
    } else {
        let metadata = std::fs::metadata(file).map_err(unread)?;
        if metadata.is_dir() {
            let text = format!("{}: is no file; name the documents themselves", file.display());
            return Err(CliError::Usage(text));
        }
        if metadata.len() > most {
            return Ok(too_large());
        }
        std::fs::File::open(file)
            .and_then(|file| file.take(most + 1).read_to_end(&mut octets))
            .map_err(unread)?;
    }
    if octets.len() as u64 > most {
        return Ok(too_large());
    }
    let octets = match in_utf8(octets) {
        Ok(octets) => octets,
        Err(text) => {
            let (path, text) = ("/".to_owned(), text.to_owned());
            return Ok(vec![Fault { code: "encoding", line: 1, column: 1, path, text }]);
        }
    };
    match gate::pass(octets.into(), &limits()) {
        Ok(document) => Ok(schema
            .validate(&document, MOST_FAULTS + 1)
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
            text: match error.fault {
                GateFault::Doctype => {
                    "a document type declaration, which is never read; validate the document without it"
                        .to_owned()
                }
                GateFault::TooLarge => format!("more than {LARGEST} octets in UTF-8"),
                GateFault::TooDeep => format!("elements nested more than {} deep", limits().depth),
                fault => fault.to_string(),
            },
        }]),
    }
}

fn too_large() -> Vec<Fault> {
    let (path, text) = ("/".to_owned(), format!("more than {LARGEST} octets"));
    vec![Fault { code: "limit", line: 1, column: 1, path, text }]
}

fn told(document: &Document, breach: Breach) -> Fault {
    let place = document.place_of(breach.offset);
    Fault { code: breach.code, line: place.line, column: place.column, path: breach.path, text: breach.text }
}
