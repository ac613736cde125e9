//! Audit rows and the Nachweiskette: every change leaves canonical octets, their salted hash, and a link to the one before.
//! Never holds personal data.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use crate::seal::key::random;
use crate::store::sealing::content::to_json;
use crate::store::sealing::house as chain;
use crate::store::sealing::values::{Stored, micros, sealing};
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};

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
    let hash = chain::hash(&salt, [row, micros(change.at)], change.subject, change.what, &detail);
    let before: Option<Vec<u8>> = scene
        .connection
        .prepare_cached(sql!("kette_last"))
        .and_then(|mut last| last.query_row([], |r| r.get(0)).optional())
        .map_err(trouble)?;
    let link = chain::link(&before.unwrap_or_default(), &hash);
    scene.run(sql!("kette_add"), params![row, hash, link])?;
    Ok(())
}
