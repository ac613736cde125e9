//! Sealed contents as rows of PostgreSQL: columns of many rows gathered for one statement, and rows read back closed.
//! Never seals or opens by itself.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use crate::store::error::StoreError;
use crate::store::postgres::ask::{rows, run};
use crate::store::postgres::values::{get, sql};
use crate::store::sealing::content::{Closed, Fresh};
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::values::Stored;

/// So many octets of contents in one statement: the library keeps what the largest statement of a connection needed, twice and rounded
/// up to a power of two, for each connection of the pool.
const TOGETHER: usize = 192 * 1024;

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

    /// Takes in the contents of another part.
    pub fn append(&mut self, mut other: Columns<'a>) {
        self.nr.append(&mut other.nr);
        self.mandant.append(&mut other.mandant);
        self.subject.append(&mut other.subject);
        self.data_key.append(&mut other.data_key);
        self.head.append(&mut other.head);
        self.body.append(&mut other.body);
        self.note.append(&mut other.note);
    }

    async fn with(&self, on: &impl GenericClient, sql: &str) -> Stored<()> {
        let mut begin = 0;
        while begin < self.nr.len() {
            let of = begin..self.end(begin);
            let (nr, mandant) = (&self.nr[of.clone()], &self.mandant[of.clone()]);
            let (subject, keys) = (&self.subject[of.clone()], &self.data_key[of.clone()]);
            let (head, body, note) = (&self.head[of.clone()], &self.body[of.clone()], &self.note[of.clone()]);
            run(on, sql, &[&nr, &mandant, &subject, &keys, &head, &body, &note]).await?;
            begin = of.end;
        }
        Ok(())
    }

    /// Where a statement ends that begins at a row: at least one row, and no more octets than [`TOGETHER`] if it can be.
    fn end(&self, begin: usize) -> usize {
        let octets = |column: &Vec<Option<&[u8]>>, row: usize| column[row].map_or(0, <[u8]>::len);
        let mut sum = 0;
        for row in begin..self.nr.len() {
            sum += octets(&self.head, row) + octets(&self.body, row) + octets(&self.note, row);
            if sum > TOGETHER && row > begin {
                return row;
            }
        }
        self.nr.len()
    }

    /// Writes them as new rows.
    pub async fn add(&self, on: &impl GenericClient) -> Stored<()> {
        self.with(on, sql!("sealed_add")).await
    }

    /// Writes them over rows.
    pub async fn replace(&self, on: &impl GenericClient) -> Stored<()> {
        self.with(on, sql!("sealed_replace")).await
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

/// Heads and notes of sealed rows, without what came.
pub async fn heads(on: &impl GenericClient, numbers: &[i64]) -> Stored<HashMap<i64, Closed>> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    rows(on, sql!("sealed_heads"), &[&numbers])
        .await?
        .iter()
        .map(|r| Ok((get(r, 0)?, closed(r, 1)?)))
        .collect()
}

/// A sealed row by number.
pub async fn read_one(on: &impl GenericClient, nr: i64) -> Stored<Closed> {
    let missing = || StoreError::Corrupt("a sealed row is missing".into());
    read(on, &[nr], false).await?.remove(&nr).ok_or_else(missing)
}
