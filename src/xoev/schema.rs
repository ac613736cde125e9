//! The schemas of a package: compiled from memory into tables that all threads share, and our sentences for what breaks them.
//! It opens no file and no network address, and no value of a document comes here.

use std::collections::BTreeMap;

use crate::schema::automaton::Patterns;
use crate::schema::fault::SchemaFault;
use crate::schema::load::{Library, beside};
use crate::schema::outline::Plain;
use crate::schema::tables::Schema;
use crate::xoev::fault::PackageFault;

/// Text of the files a package may use, by path relative to the folder of packages.
pub type Files = BTreeMap<String, String>;

/// Most faults that are told of one document.
pub const MOST_FAULTS: usize = 20;

/// Gives the files of one package and nothing else. A schema document that is missing is a fault, never silently left out.
struct Memory<'f>(&'f Files);

impl Library for Memory<'_> {
    fn find(&self, from: &str, location: &str, _: &str) -> Result<String, String> {
        let path = if from.is_empty() { Some(location.to_owned()) } else { beside(from, location) };
        path.filter(|path| self.0.contains_key(path))
            .ok_or_else(|| "is missing; put it into the package".to_owned())
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, String> {
        self.0.get(name).map(|text| text.clone().into_bytes()).ok_or_else(|| "is missing".to_owned())
    }
}

/// Compiles the schemas that begin with `entries`, paths in `files`; gives what they allow as well.
///
/// `patterns` are those of the packages compiled before: base modules stand in all of them.
pub fn compile(
    files: &Files,
    entries: &[String],
    patterns: &Patterns,
) -> Result<(Schema, Plain), PackageFault> {
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let (schema, outline) = Schema::compile_with(&entries, &Memory(files), patterns).map_err(told)?;
    let plain = outline.plain(&schema);
    Ok((schema, plain))
}

/// Schemas are no one's secret: the engine's words may be shown.
fn told(fault: SchemaFault) -> PackageFault {
    let text = format!("schema cannot be used: {}; correct it or install the official package", fault.text);
    PackageFault::of(&fault.file, text).at(u64::from(fault.line), u64::from(fault.column))
}

/// Our own sentence for a constraint; German, because clerks of the sending office read it.
pub fn sentence(constraint: &str) -> &'static str {
    let begins = |prefix: &str| constraint.starts_with(prefix);
    match constraint {
        "cvc-pattern-valid" => {
            "Der Wert hat nicht die vorgeschriebene Form oder enthält ein Zeichen, das DIN 91379 nicht vorsieht."
        }
        "cvc-enumeration-valid" => "Der Wert steht nicht in der Liste der zulässigen Werte.",
        "cvc-complex-type.3.2.2" | "cvc-type.3.1.1" => "Das Attribut ist hier nicht vorgesehen.",
        "cvc-complex-type.4" => "Ein vorgeschriebenes Attribut fehlt.",
        "cvc-complex-type.2.1" | "cvc-complex-type.2.2" | "cvc-complex-type.2.3" | "cvc-type.3.1.2" => {
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
