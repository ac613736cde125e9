//! A tray of letters: what a partner prints and posts. The files of an envelope that are PDF lie there under names made of our id, and last the
//! index record that says which they are and to whom they go. Nothing else of the document is handed to whoever prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::envelope::{Envelope, Part};
use crate::transport::port::SendError;

/// Settings of a tray of letters.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LetterSettings {
    /// Members of the document that the index record has, as JSON pointers; each must be there, or it is no letter that could be posted.
    #[serde(default = "members")]
    #[schemars(length(min = 1))]
    pub index: Vec<String>,
}

fn members() -> Vec<String> {
    ["/referenz", "/an/name", "/an/anschrift"].map(str::to_owned).to_vec()
}

/// What is wrong with what is written.
pub fn further(letters: &LetterSettings, faults: &mut Vec<(String, String)>) {
    let names: Vec<&str> = letters.index.iter().map(|pointer| name(pointer)).collect();
    for (at, pointer) in letters.index.iter().enumerate() {
        let own = ["id", "dateien"].contains(&names[at]);
        if !pointer.starts_with('/') || names[at].is_empty() || own || names[..at].contains(&names[at]) {
            let text = "must be JSON pointers such as \"/an/name\" that end in different names, other than `id` and `dateien`";
            faults.push((format!("/letters/index/{at}"), text.to_owned()));
        }
    }
}

/// The last name of a pointer.
fn name(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(_, name)| name)
}

/// The name of a file that is printed, which is the nth of its letter.
pub fn name_of(id: Uuid, nth: usize) -> String {
    format!("{id}-{nth}.pdf")
}

/// The parts of an envelope that are printed, in order, each with the name under which it lies in the tray.
pub fn printed(envelope: &Envelope) -> Result<Vec<(String, &Part)>, SendError> {
    let is_pdf = |part: &&Part| part.content_type.eq_ignore_ascii_case("application/pdf");
    let named = |(at, part)| (name_of(envelope.head.id, at + 1), part);
    let parts: Vec<_> = envelope.parts.iter().filter(is_pdf).enumerate().map(named).collect();
    match parts.is_empty() {
        true => Err(SendError::Never { cause: "it has no letter as PDF that could be printed".to_owned() }),
        false => Ok(parts),
    }
}

/// The index record of a letter, in octets.
pub fn index(
    letters: &LetterSettings,
    envelope: &Envelope,
    printed: &[(String, &Part)],
) -> Result<Vec<u8>, SendError> {
    let document: Value = serde_json::from_slice(&envelope.body).unwrap_or_default();
    let mut record = Map::new();
    record.insert("id".to_owned(), envelope.head.id.to_string().into());
    for pointer in &letters.index {
        let found = document.pointer(pointer).filter(|found| !found.is_null()).ok_or_else(|| {
            let cause =
                format!("its document does not say `{}`, without which no letter is posted", name(pointer));
            SendError::Never { cause }
        })?;
        record.insert(name(pointer).to_owned(), found.clone());
    }
    let files = printed
        .iter()
        .map(|(name, part)| json!({ "name": name, "groesse": part.size, "sha256": part.sha256 }));
    record.insert("dateien".to_owned(), files.collect());
    let mut octets = Value::Object(record).to_string().into_bytes();
    octets.push(b'\n');
    Ok(octets)
}
