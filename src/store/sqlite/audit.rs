//! Audit rows and the Nachweiskette: every change leaves canonical octets, their salted hash, and a link to the one before.
//! Never holds personal data.

use aws_lc_rs::digest;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use crate::seal::key::random;
use crate::store::sqlite::blob::to_json;
use crate::store::sqlite::values::{Stored, micros, sealing, sql, trouble};
use crate::store::sqlite::writer::Scene;

/// One change.
#[derive(Debug)]
pub struct Change<'a, D: Serialize> {
    /// When.
    pub at: Timestamp,
    /// The row's stamp.
    pub stamp: i64,
    /// Trace context.
    pub traceparent: &'a str,
    /// The message or outbox row.
    pub subject: Option<Uuid>,
    /// What happened, such as `inbox.accepted`.
    pub what: &'a str,
    /// Facts without personal data.
    pub detail: &'a D,
}

/// Writes a change and its link of the chain.
pub fn write<D: Serialize>(scene: &mut Scene<'_>, change: &Change<'_, D>) -> Stored<()> {
    let detail = to_json(change.detail)?;
    let salt: [u8; 16] = random().map_err(sealing)?;
    scene.run(
        sql!("audit_add"),
        params![
            micros(change.at),
            change.stamp,
            change.traceparent,
            change.subject,
            change.what,
            detail,
            salt
        ],
    )?;
    let row = scene.connection.last_insert_rowid();
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&salt);
    let subject = change.subject.map(Uuid::into_bytes).unwrap_or_default();
    let numbers = [row, micros(change.at)].map(i64::to_be_bytes);
    for part in [&numbers[0][..], &numbers[1], &subject, change.what.as_bytes(), &detail] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finish();
    let before: Option<Vec<u8>> = scene
        .connection
        .prepare_cached(sql!("kette_last"))
        .and_then(|mut last| last.query_row([], |r| r.get(0)).optional())
        .map_err(trouble)?;
    let mut link = digest::Context::new(&digest::SHA256);
    link.update(&before.unwrap_or_default());
    link.update(hash.as_ref());
    scene.run(sql!("kette_add"), params![row, hash.as_ref(), link.finish().as_ref()])?;
    Ok(())
}
