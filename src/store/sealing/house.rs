//! Words of persons and links of the Nachweiskette, sealed and hashed alike for every back end. Never acts on them.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::envelope::Stage;
use crate::seal::key::{Key, Place};
use crate::store::audit::{By, Retrieved, Said};
use crate::store::error::StoreError;
use crate::store::sealing::content::{from_json, to_json};
use crate::store::sealing::values::{Stored, sealing, time};
use crate::store::stamp::Stamp;

/// What a person wrote, sealed together.
#[derive(Serialize, Deserialize)]
pub struct Words {
    /// Who.
    pub person: String,
    /// Why.
    pub reason: String,
    /// Arguments of a command.
    #[serde(default)]
    pub arguments: String,
}

/// Seals a free text under the key of the house; base64.
pub fn seal_text(house: &Key, id: Uuid, text: &str) -> Stored<String> {
    let place = Place::new("audit", id.as_bytes(), "reason");
    let sealed = house.seal(&place, text.as_bytes()).map_err(sealing)?;
    Ok(STANDARD.encode(sealed))
}

/// Seals person and reason of a view for the Abrufprotokoll.
pub fn seal_view(house: &Key, id: Uuid, person: &str, reason: &str) -> Stored<Vec<u8>> {
    let words = Words { person: person.to_owned(), reason: reason.to_owned(), arguments: String::new() };
    let place = Place::new("abrufprotokoll", id.as_bytes(), "sealed");
    house.seal(&place, &to_json(&words)?).map_err(sealing)
}

/// Opens what [`seal_view`] sealed.
fn open_view(house: &Key, id: Uuid, sealed: &[u8]) -> Stored<Words> {
    let place = Place::new("abrufprotokoll", id.as_bytes(), "sealed");
    from_json(&house.open(&place, sealed).map_err(sealing)?)
}

/// A row of the Abrufprotokoll as it is read.
#[derive(Debug)]
pub struct AbrufRow {
    /// Its number.
    pub number: i64,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The message, or the id of the view.
    pub message: Uuid,
    /// The step that asked, or what a person looked at.
    pub step: String,
    /// The ids of the records, 16 octets each.
    pub records: Vec<u8>,
    /// Person and reason of a view, sealed.
    pub sealed: Option<Vec<u8>>,
    /// Its attributes.
    pub by: By,
}

impl AbrufRow {
    /// As an auditor is told it: the person of a view is the one that its words name.
    pub fn told(self, house: &Key) -> Retrieved {
        let AbrufRow { number, at, message, step, records, sealed, mut by } = self;
        let opened = sealed.map(|sealed| open_view(house, message, &sealed));
        let damaged = matches!(opened, Some(Err(_)));
        let words = opened.and_then(Result::ok);
        if let Some(words) = &words {
            by.person.clone_from(&words.person);
        }
        Retrieved {
            number,
            at: time(at),
            message,
            step,
            records: records.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok()).collect(),
            by,
            reason: words.map(|words| words.reason),
            damaged,
        }
    }
}

impl From<Words> for Said {
    fn from(words: Words) -> Said {
        Said { reason: Some(words.reason), ordered: Some(words.arguments).filter(|text| !text.is_empty()) }
    }
}

/// Opens what was sealed with a command.
pub fn open_command(house: &Key, id: Uuid, sealed: &[u8]) -> Stored<Words> {
    from_json(&house.open(&command_place(id), sealed).map_err(sealing)?)
}

/// What a change says of its reason: sealed under the id of its subject, or under one that it names. `None` where it says none.
pub fn open_reason(house: &Key, subject: Option<Uuid>, detail: &[u8]) -> Option<Stored<String>> {
    #[derive(Deserialize)]
    struct Sealed {
        reason: Option<String>,
        id: Option<Uuid>,
    }
    let said: Sealed = serde_json::from_slice(detail).ok()?;
    let sealed = STANDARD.decode(said.reason?).ok()?;
    let id = said.id.or(subject)?;
    let place = Place::new("audit", id.as_bytes(), "reason");
    let lost = || StoreError::Corrupt("a reason is no text".into());
    let opened = house.open(&place, &sealed).map_err(sealing);
    Some(opened.and_then(|octets| String::from_utf8(octets).map_err(|_| lost())))
}

/// The stamp of a change that belongs to no message.
pub fn own_stamp(stage: Stage, key_id: &str, person: &str) -> Stamp {
    Stamp {
        mandant: String::new(),
        partner: String::new(),
        how: "internal".into(),
        stage,
        test: false,
        key_id: key_id.to_owned(),
        acting_person: person.to_owned(),
        doc_version: String::new(),
        traceparent: String::new(),
        decided_by: String::new(),
    }
}

/// What a pause's words are bound to.
pub fn pause_place(kind: &str, name: &str) -> Place {
    Place::new("pause", format!("{kind} {name}").as_bytes(), "sealed")
}

/// What a command's words are bound to.
pub fn command_place(id: Uuid) -> Place {
    Place::new("command", id.as_bytes(), "sealed")
}

/// The salted hash of a change: numbers of its place in the chain and time, subject, word and canonical octets.
pub fn hash(salt: &[u8], numbers: [i64; 2], subject: Option<Uuid>, what: &str, detail: &[u8]) -> Vec<u8> {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(salt);
    let subject = subject.map(Uuid::into_bytes).unwrap_or_default();
    let numbers = numbers.map(i64::to_be_bytes);
    for part in [&numbers[0][..], &numbers[1], &subject, what.as_bytes(), detail] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finish().as_ref().to_vec()
}

/// The link after another one.
pub fn link(before: &[u8], hash: &[u8]) -> Vec<u8> {
    let mut link = digest::Context::new(&digest::SHA256);
    link.update(before);
    link.update(hash);
    link.finish().as_ref().to_vec()
}
