//! Sealed contents of rows: made before the transaction, wrapped inside it by the key that is known only there, opened by
//! readers. Never holds what it sealed in clear longer than a call.

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use crate::seal::key::{Key, Place};
use crate::store::contract::StoreError;
use crate::store::sqlite::keyring::{Keyring, MandantKey, SubjectKey};
use crate::store::sqlite::values::{Stored, sealing, sql, trouble};

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

    fn place(&self, column: &str) -> Place {
        Place::new(self.table, &self.id, column)
    }
}

/// A content sealed under its own data key that is not wrapped yet.
#[derive(Debug)]
pub struct Fresh {
    owner: Owner,
    key: Key,
    head: Option<Vec<u8>>,
    body: Option<Vec<u8>>,
    note: Option<Vec<u8>>,
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

    fn wrap(&self, mandant: &MandantKey, subject: Option<&SubjectKey>) -> Stored<Vec<u8>> {
        let outer = subject.map_or(&mandant.key, |subject| &subject.key);
        outer.wrap(&self.owner.place("data_key"), &self.key).map_err(sealing)
    }

    /// Writes it as a new row, wrapped by the child's or Vorgang's key, else by the Mandant's.
    pub fn insert(
        &self,
        connection: &Connection,
        mandant: &MandantKey,
        subject: Option<&SubjectKey>,
    ) -> Stored<i64> {
        let data_key = self.wrap(mandant, subject)?;
        let mut add = connection.prepare_cached(sql!("sealed_add")).map_err(trouble)?;
        let subject = subject.map(|subject| subject.row);
        add.execute(params![mandant.row, subject, data_key, self.head, self.body, self.note])
            .map_err(trouble)?;
        Ok(connection.last_insert_rowid())
    }

    /// Writes it over a row.
    pub fn replace(
        &self,
        connection: &Connection,
        row: i64,
        mandant: &MandantKey,
        subject: Option<&SubjectKey>,
    ) -> Stored<()> {
        let data_key = self.wrap(mandant, subject)?;
        let mut set = connection.prepare_cached(sql!("sealed_replace")).map_err(trouble)?;
        let subject = subject.map(|subject| subject.row);
        set.execute(params![row, mandant.row, subject, data_key, self.head, self.body, self.note])
            .map_err(trouble)?;
        Ok(())
    }
}

/// A sealed row as read, still closed.
#[derive(Clone, Debug)]
pub struct Closed {
    mandant: i64,
    subject: Option<i64>,
    data_key: Option<Vec<u8>>,
    head: Option<Vec<u8>>,
    body: Option<Vec<u8>>,
    note: Option<Vec<u8>>,
}

/// A sealed row whose data key is open.
#[derive(Debug)]
pub struct Opened {
    owner: Owner,
    key: Key,
    closed: Closed,
}

impl Closed {
    /// Reads a row.
    pub fn read(connection: &Connection, row: i64) -> Stored<Closed> {
        let mut get = connection.prepare_cached(sql!("sealed_get")).map_err(trouble)?;
        get.query_row([row], |r| {
            Ok(Closed {
                mandant: r.get(0)?,
                subject: r.get(1)?,
                data_key: r.get(2)?,
                head: r.get(3)?,
                body: r.get(4)?,
                note: r.get(5)?,
            })
        })
        .optional()
        .map_err(trouble)?
        .ok_or_else(|| StoreError::Corrupt("a sealed row is missing".into()))
    }

    /// The row of the Mandant's key.
    pub fn mandant(&self) -> i64 {
        self.mandant
    }

    /// Opens its data key; `None` when the key was destroyed, which is the deletion.
    pub fn open(self, connection: &Connection, keyring: &Keyring, owner: Owner) -> Stored<Option<Opened>> {
        let Some(wrapped) = &self.data_key else { return Ok(None) };
        let place = owner.place("data_key");
        let key = match self.subject {
            None => keyring.by_row(connection, self.mandant)?.key.unwrap(&place, wrapped),
            Some(subject) => match keyring.subject(connection, subject)? {
                Some(subject) => subject.key.unwrap(&place, wrapped),
                None => return Ok(None),
            },
        };
        Ok(Some(Opened { owner, key: key.map_err(sealing)?, closed: self }))
    }
}

impl Opened {
    /// Reads and opens a row.
    pub fn read(
        connection: &Connection,
        keyring: &Keyring,
        row: i64,
        owner: Owner,
    ) -> Stored<Option<Opened>> {
        Closed::read(connection, row)?.open(connection, keyring, owner)
    }

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

    /// Wraps the row's data key anew: by a child's or Vorgang's key, else by the Mandant's.
    pub fn rewrap(
        &self,
        connection: &Connection,
        row: i64,
        mandant: &MandantKey,
        subject: Option<&SubjectKey>,
    ) -> Stored<()> {
        let outer = subject.map_or(&mandant.key, |subject| &subject.key);
        let data_key = outer.wrap(&self.owner.place("data_key"), &self.key).map_err(sealing)?;
        let mut set = connection.prepare_cached(sql!("sealed_rewrap")).map_err(trouble)?;
        let subject = subject.map(|subject| subject.row);
        set.execute(params![row, mandant.row, subject, data_key]).map(drop).map_err(trouble)
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
