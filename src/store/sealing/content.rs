//! Sealed contents of rows: sealed before the transaction, wrapped inside it by the key that is known only there, opened by
//! readers. Never holds what it sealed in clear longer than a call.

use serde::de::DeserializeOwned;

use crate::seal::index::Tag;
use crate::seal::key::{Key, Place};
use crate::store::error::StoreError;
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::values::{Stored, sealing};

/// Which table a content belongs to and the row's id: what it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The table.
    pub table: &'static str,
    /// The row's id, never used twice.
    pub id: [u8; 16],
}

impl Owner {
    /// An owner.
    pub fn new(table: &'static str, id: uuid::Uuid) -> Owner {
        Owner { table, id: id.into_bytes() }
    }

    /// The owner of a Vorgang's or Bestand's content: its blind key, which is never used for another one.
    pub fn of_key(table: &'static str, key: &Tag) -> Owner {
        Owner { table, id: *key }
    }

    pub(in crate::store) fn place(&self, column: &str) -> Place {
        Place::new(self.table, &self.id, column)
    }
}

/// A content sealed under its own data key that is not wrapped yet.
#[derive(Debug)]
pub struct Fresh {
    owner: Owner,
    key: Key,
    pub(in crate::store) head: Option<Vec<u8>>,
    pub(in crate::store) body: Option<Vec<u8>>,
    pub(in crate::store) note: Option<Vec<u8>>,
}

impl Fresh {
    /// Seals up to three parts under a new data key.
    pub fn seal(
        owner: Owner,
        head: Option<&[u8]>,
        body: Option<&[u8]>,
        note: Option<&[u8]>,
    ) -> Stored<Fresh> {
        let key = Key::random().map_err(sealing)?;
        let part = |column: &str, octets: Option<&[u8]>| {
            octets.map(|octets| key.seal(&owner.place(column), octets)).transpose().map_err(sealing)
        };
        let (head, body, note) = (part("head", head)?, part("body", body)?, part("note", note)?);
        Ok(Fresh { owner, key, head, body, note })
    }

    /// Its data key, wrapped by the child's or Vorgang's key, else by the Mandant's.
    pub fn wrap(&self, mandant: &MandantKey, subject: Option<&SubjectKey>) -> Stored<Vec<u8>> {
        let outer = subject.map_or(&mandant.key, |subject| &subject.key);
        outer.wrap(&self.owner.place("data_key"), &self.key).map_err(sealing)
    }
}

/// A sealed row as read, still closed.
#[derive(Clone, Debug)]
pub struct Closed {
    pub(in crate::store) mandant: i64,
    pub(in crate::store) subject: Option<i64>,
    pub(in crate::store) data_key: Option<Vec<u8>>,
    pub(in crate::store) head: Option<Vec<u8>>,
    pub(in crate::store) body: Option<Vec<u8>>,
    pub(in crate::store) note: Option<Vec<u8>>,
}

/// A sealed row whose data key is open.
#[derive(Debug)]
pub struct Opened {
    owner: Owner,
    key: Key,
    closed: Closed,
}

impl Closed {
    /// Opens its data key with the key that wraps it; `None` when either was destroyed, which is the deletion.
    pub fn open_with(self, owner: Owner, outer: Option<&Key>) -> Stored<Option<Opened>> {
        let (Some(wrapped), Some(outer)) = (&self.data_key, outer) else { return Ok(None) };
        let key = outer.unwrap(&owner.place("data_key"), wrapped).map_err(sealing)?;
        Ok(Some(Opened { owner, key, closed: self }))
    }
}

impl Opened {
    fn part(&self, column: &str, octets: &Option<Vec<u8>>) -> Stored<Option<Vec<u8>>> {
        octets
            .as_ref()
            .map(|octets| self.key.open(&self.owner.place(column), octets))
            .transpose()
            .map_err(sealing)
    }

    /// The head, from JSON.
    pub fn head<T: DeserializeOwned>(&self) -> Stored<Option<T>> {
        self.part("head", &self.closed.head)?.map(|octets| from_json(&octets)).transpose()
    }

    /// The body.
    pub fn body(&self) -> Stored<Option<Vec<u8>>> {
        self.part("body", &self.closed.body)
    }

    /// The note, from JSON.
    pub fn note<T: DeserializeOwned + Default>(&self) -> Stored<T> {
        let note = self.part("note", &self.closed.note)?;
        Ok(note.map(|octets| from_json(&octets)).transpose()?.unwrap_or_default())
    }

    /// Seals a new note under the same data key.
    pub fn seal_note(&self, octets: &[u8]) -> Stored<Vec<u8>> {
        self.key.seal(&self.owner.place("note"), octets).map_err(sealing)
    }

    /// Seals what an attempt leaves, under the same data key.
    pub fn seal_left(&self, octets: &[u8]) -> Stored<Vec<u8>> {
        self.seal_beside("left", octets)
    }

    /// Seals what stands beside the row in a column of another table, under the same data key: it dies with the row's content.
    pub fn seal_beside(&self, column: &str, octets: &[u8]) -> Stored<Vec<u8>> {
        self.key.seal(&self.owner.place(column), octets).map_err(sealing)
    }

    /// What stands beside the row.
    pub fn beside(&self, column: &str, sealed: &Option<Vec<u8>>) -> Stored<Option<Vec<u8>>> {
        self.part(column, sealed)
    }

    /// What an attempt left.
    pub fn left(&self, sealed: &Option<Vec<u8>>) -> Stored<Option<Vec<u8>>> {
        self.part("left", sealed)
    }

    /// The row's data key wrapped anew: by a child's or Vorgang's key, else by the Mandant's.
    pub fn wrap(&self, mandant: &MandantKey, subject: Option<&SubjectKey>) -> Stored<Vec<u8>> {
        let outer = subject.map_or(&mandant.key, |subject| &subject.key);
        outer.wrap(&self.owner.place("data_key"), &self.key).map_err(sealing)
    }
}

/// Octets of a value as JSON.
pub fn to_json<T: serde::Serialize>(value: &T) -> Stored<Vec<u8>> {
    serde_json::to_vec(value).map_err(|_| StoreError::Entry("a value of it cannot be written as JSON".into()))
}

/// A value from JSON that this program wrote.
pub fn from_json<T: DeserializeOwned>(octets: &[u8]) -> Stored<T> {
    serde_json::from_slice(octets)
        .map_err(|_| StoreError::Corrupt("a sealed row has a shape that this program does not know".into()))
}
