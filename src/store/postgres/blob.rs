//! Sealed contents as rows of PostgreSQL: columns of many rows gathered for one statement, and rows read back closed.
//! Never seals or opens by itself.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use crate::store::contract::StoreError;
use crate::store::postgres::pool::{rows, run};
use crate::store::postgres::values::{get, sql};
use crate::store::sealing::content::{Closed, Fresh};
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::values::Stored;

/// Contents of many rows, column by column.
#[derive(Debug, Default)]
pub struct Columns<'a> {
    nr: Vec<i64>,
    mandant: Vec<i64>,
    subject: Vec<Option<i64>>,
    data_key: Vec<Vec<u8>>,
    head: Vec<Option<&'a [u8]>>,
    body: Vec<Option<&'a [u8]>>,
    note: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    /// Takes a content, wrapped by the child's or Vorgang's key, else by the Mandant's.
    pub fn push(
        &mut self,
        nr: i64,
        content: &'a Fresh,
        mandant: &MandantKey,
        subject: Option<&SubjectKey>,
    ) -> Stored<()> {
        self.data_key.push(content.wrap(mandant, subject)?);
        self.nr.push(nr);
        self.mandant.push(mandant.row);
        self.subject.push(subject.map(|subject| subject.row));
        self.head.push(content.head.as_deref());
        self.body.push(content.body.as_deref());
        self.note.push(content.note.as_deref());
        Ok(())
    }

    async fn with(&self, on: &impl GenericClient, sql: &str) -> Stored<u64> {
        if self.nr.is_empty() {
            return Ok(0);
        }
        let (keys, notes) = (&self.data_key, &self.note);
        run(on, sql, &[&self.nr, &self.mandant, &self.subject, keys, &self.head, &self.body, notes]).await
    }

    /// Writes them as new rows.
    pub async fn add(&self, on: &impl GenericClient) -> Stored<()> {
        self.with(on, sql!("sealed_add")).await.map(drop)
    }

    /// Writes them over rows.
    pub async fn replace(&self, on: &impl GenericClient) -> Stored<()> {
        self.with(on, sql!("sealed_replace")).await.map(drop)
    }
}

/// A sealed row whose columns begin at `at`: Mandant's key, child's or Vorgang's key, data key, head, body, note.
pub fn closed(r: &Row, at: usize) -> Stored<Closed> {
    Ok(Closed {
        mandant: get(r, at)?,
        subject: get(r, at + 1)?,
        data_key: get(r, at + 2)?,
        head: get(r, at + 3)?,
        body: get(r, at + 4)?,
        note: get(r, at + 5)?,
    })
}

/// Sealed rows by number; `notes` leaves out what came.
pub async fn read(on: &impl GenericClient, numbers: &[i64], notes: bool) -> Stored<HashMap<i64, Closed>> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = if notes { sql!("sealed_notes") } else { sql!("sealed_get") };
    rows(on, sql, &[&numbers]).await?.iter().map(|r| Ok((get(r, 0)?, closed(r, 1)?))).collect()
}

/// A sealed row by number.
pub async fn read_one(on: &impl GenericClient, nr: i64) -> Stored<Closed> {
    let missing = || StoreError::Corrupt("a sealed row is missing".into());
    read(on, &[nr], false).await?.remove(&nr).ok_or_else(missing)
}
