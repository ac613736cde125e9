//! What lies at the intermediary: deliveries and their process cards, in files of one folder, each written whole before anybody hears of it.
//! It never changes a content.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::transport::ids::sha256_hex;
use crate::transport::osci::order::{ProcessCard, Stamp};

/// Deliveries that lie there at most.
const MOST: usize = 100_000;

/// The card of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The id of the delivery.
    pub id: String,
    /// Which delivery it is of all.
    pub number: u64,
    /// Whose mailbox it lies in: fingerprint of a cipher certificate; empty where it lies in none.
    pub to: String,
    /// Who laid it there: fingerprint of a cipher certificate.
    pub from: String,
    /// When it was noticed.
    pub creation: String,
    /// When it was handed on.
    pub forwarding: Option<String>,
    /// When it was received.
    pub reception: Option<String>,
    /// What everybody reads.
    pub subject: Option<String>,
}

impl Card {
    /// When it was changed last.
    pub fn changed(&self) -> &String {
        self.reception.as_ref().or(self.forwarding.as_ref()).unwrap_or(&self.creation)
    }

    /// As messages have it.
    pub fn shown(&self) -> ProcessCard {
        let stamp = |at: &Option<String>| at.clone().map(Stamp::Plain);
        ProcessCard {
            message_id: self.id.clone(),
            changed: Some(self.changed().clone()),
            creation: Some(Stamp::Plain(self.creation.clone())),
            forwarding: stamp(&self.forwarding),
            reception: stamp(&self.reception),
            subject: self.subject.clone(),
            inspections: 0,
        }
    }
}

/// A content as it travels: never opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Certificates that the message names: Id, role, DER in Base64.
    pub certificates: Vec<(String, String, String)>,
    /// The text in its ContentPackage.
    pub package: Option<String>,
    /// What stands beside it: Content-ID, media type, octets in Base64.
    pub beside: Vec<(String, String, String)>,
    /// Headers of others, passed on.
    pub foreign: Vec<String>,
}

impl Content {
    /// The octets of what stands beside it.
    pub fn octets(&self) -> Vec<(String, String, Vec<u8>)> {
        let decoded = |text: &String| STANDARD.decode(text).unwrap_or_default();
        self.beside.iter().map(|(id, kind, text)| (id.clone(), kind.clone(), decoded(text))).collect()
    }
}

/// Everything that lies there.
pub struct Shelf {
    folder: PathBuf,
    cards: BTreeMap<String, Card>,
    next: u64,
}

impl Shelf {
    /// Opens the folder, and makes it where it is missing.
    pub fn open(folder: &Path) -> std::io::Result<Shelf> {
        std::fs::create_dir_all(folder)?;
        let mut cards = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "card") {
                let card: Card = serde_json::from_slice(&std::fs::read(&path)?)?;
                cards.insert(card.id.clone(), card);
            }
        }
        let next = cards.values().map(|card: &Card| card.number + 1).max().unwrap_or(0);
        Ok(Shelf { folder: folder.to_owned(), cards, next })
    }

    fn path(&self, id: &str, kind: &str) -> PathBuf {
        // An id is foreign text: its hash is a name.
        self.folder.join(format!("{}.{kind}", sha256_hex(id.as_bytes())))
    }

    fn write(&self, path: &Path, octets: &[u8]) -> std::io::Result<()> {
        let half = path.with_extension("half");
        let mut file = std::fs::File::create(&half)?;
        file.write_all(octets)?;
        file.sync_all()?;
        std::fs::rename(half, path)?;
        std::fs::File::open(&self.folder)?.sync_all()
    }

    /// Lays a delivery down; `false` where one of this id lies there, or there is no room.
    pub fn lay_down(&mut self, mut card: Card, content: &Content) -> std::io::Result<bool> {
        if self.cards.contains_key(&card.id) || self.cards.len() >= MOST {
            return Ok(false);
        }
        card.number = self.next;
        self.write(&self.path(&card.id, "delivery"), &serde_json::to_vec(content)?)?;
        // The card makes it count.
        self.change(card)?;
        self.next += 1;
        Ok(true)
    }

    /// Keeps a changed card.
    pub fn change(&mut self, card: Card) -> std::io::Result<()> {
        self.write(&self.path(&card.id, "card"), &serde_json::to_vec(&card)?)?;
        self.cards.insert(card.id.clone(), card);
        Ok(())
    }

    /// The card of a delivery.
    pub fn card(&self, id: &str) -> Option<&Card> {
        self.cards.get(id)
    }

    /// All cards, the oldest first.
    pub fn cards(&self) -> Vec<&Card> {
        let mut all: Vec<&Card> = self.cards.values().collect();
        all.sort_by_key(|card| card.number);
        all
    }

    /// The content of a delivery.
    pub fn content(&self, id: &str) -> std::io::Result<Content> {
        Ok(serde_json::from_slice(&std::fs::read(self.path(id, "delivery"))?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_laid_down_lies_there_after_a_restart_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let card = |id: &str| Card {
            id: id.to_owned(),
            number: 0,
            to: "a".to_owned(),
            from: "b".to_owned(),
            creation: "2026-12-01T12:00:00Z".to_owned(),
            forwarding: None,
            reception: None,
            subject: None,
        };
        let content = Content { package: Some("<x/>".to_owned()), ..Content::default() };
        let mut shelf = Shelf::open(folder.path()).unwrap();
        assert!(shelf.lay_down(card("../1"), &content).unwrap());
        assert!(shelf.lay_down(card("2"), &content).unwrap());
        assert!(!shelf.lay_down(card("2"), &content).unwrap());
        let mut shelf = Shelf::open(folder.path()).unwrap();
        let ids: Vec<&str> = shelf.cards().iter().map(|card| card.id.as_str()).collect();
        assert_eq!(ids, ["../1", "2"]);
        assert_eq!(shelf.content("../1").unwrap(), content);
        assert!(!shelf.lay_down(card("../1"), &content).unwrap());
        assert!(shelf.lay_down(card("3"), &content).unwrap());
        assert_eq!(shelf.card("3").unwrap().number, 2);
    }
}
