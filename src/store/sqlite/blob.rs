//! Sealed contents as rows of SQLite: written inside a transaction, read by anybody. Never seals or opens by itself.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::error::StoreError;
use crate::store::sealing::content::{Closed, Fresh, Opened, Owner};
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::values::Stored;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::values::{sql, trouble};

impl Fresh {
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

impl Closed {
    /// Reads a row.
    pub fn read(connection: &Connection, row: i64) -> Stored<Closed> {
        Closed::by(connection, sql!("sealed_get"), row)
    }

    fn by(connection: &Connection, sql: &str, row: i64) -> Stored<Closed> {
        let mut get = connection.prepare_cached(sql).map_err(trouble)?;
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
        if self.data_key.is_none() {
            return Ok(None);
        }
        match self.subject {
            None => {
                let mandant = keyring.by_row(connection, self.mandant)?;
                self.open_with(owner, Some(&mandant.key))
            }
            Some(subject) => {
                let subject = keyring.subject(connection, subject)?;
                self.open_with(owner, subject.as_ref().map(|subject| &*subject.key))
            }
        }
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

    /// Reads and opens a row without what came, which may be long.
    pub fn without_body(
        connection: &Connection,
        keyring: &Keyring,
        row: i64,
        owner: Owner,
    ) -> Stored<Option<Opened>> {
        Closed::by(connection, sql!("sealed_heads"), row)?.open(connection, keyring, owner)
    }

    /// Wraps the row's data key anew: by a child's or Vorgang's key, else by the Mandant's.
    pub fn rewrap(
        &self,
        connection: &Connection,
        row: i64,
        mandant: &MandantKey,
        subject: Option<&SubjectKey>,
    ) -> Stored<()> {
        let data_key = self.wrap(mandant, subject)?;
        let mut set = connection.prepare_cached(sql!("sealed_rewrap")).map_err(trouble)?;
        let subject = subject.map(|subject| subject.row);
        set.execute(params![row, mandant.row, subject, data_key]).map(drop).map_err(trouble)
    }
}
