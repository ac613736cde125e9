//! The deletion ledger: what a transaction deletes is listed in it, and once that is durable it is written in the key store, in
//! the act that destroys the keys. Never lists what could name a person.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::sealing::ledger::{Deleted, Entry, State};
use crate::store::sealing::values::Stored;
use crate::store::sqlite::acts;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};

/// Lists a deletion in the transaction that makes it.
pub fn note(scene: &mut Scene<'_>, what: &Deleted) -> Stored<()> {
    let (kind, record, subject, keys, created, until) = what.columns();
    let id = Uuid::new_v4();
    scene.run(sql!("deletion_add"), params![id, scene.why, kind, record, subject, keys, created, until])?;
    scene.destroys_keys();
    Ok(())
}

/// Writes the listed deletions in the ledger and destroys the listed keys; outside any transaction, and repeated where it was
/// broken off.
pub fn write_listed(connection: &Connection, keyring: &Keyring) -> Stored<()> {
    let deletions = entries(connection, sql!("deletion_list"), [])?;
    let keys: Vec<i64> = {
        let mut list = connection.prepare_cached(sql!("key_to_destroy_list")).map_err(trouble)?;
        list.query_map([], |r| r.get(0)).and_then(Iterator::collect).map_err(trouble)?
    };
    if deletions.is_empty() && keys.is_empty() {
        return Ok(());
    }
    let last = keyring.destroy(&deletions, &keys)?;
    // What the list loses the ledger is known to hold, or neither happens.
    let transaction = connection.unchecked_transaction().map_err(trouble)?;
    let run = |sql: &str, values: &dyn rusqlite::ToSql| {
        transaction.prepare_cached(sql).and_then(|mut run| run.execute([values])).map(drop).map_err(trouble)
    };
    for one in &deletions {
        run(sql!("deletion_done"), &one.id)?;
    }
    for row in &keys {
        run(sql!("key_to_destroy_done"), row)?;
    }
    if !deletions.is_empty() {
        run(sql!("ledger_known"), &last)?;
    }
    if let Some(end) = keyring.end() {
        acts::tell(&transaction, &end)?;
    }
    transaction.commit().map_err(trouble)
}

/// Entries of a statement that shows number, id, time, class and columns.
pub fn entries(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Stored<Vec<Entry>> {
    let mut list = connection.prepare_cached(sql).map_err(trouble)?;
    let mut rows = list.query(values).map_err(trouble)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(trouble)? {
        found.push(entry(row)?);
    }
    Ok(found)
}

fn entry(r: &Row<'_>) -> Stored<Entry> {
    let id_of = |octets: Option<Vec<u8>>| octets.map(uuid).transpose().map_err(trouble);
    let record = id_of(r.get(5).map_err(trouble)?)?;
    let id = id_of(r.get(1).map_err(trouble)?)?;
    let kind: String = r.get(4).map_err(trouble)?;
    let keys: Vec<u8> = r.get(7).map_err(trouble)?;
    let times = (r.get(8).map_err(trouble)?, r.get(9).map_err(trouble)?);
    Ok(Entry {
        nr: r.get(0).map_err(trouble)?,
        id: id.ok_or_else(|| StoreError::Corrupt("an entry of the deletion ledger has no id".into()))?,
        at: r.get(2).map_err(trouble)?,
        class: r.get(3).map_err(trouble)?,
        what: Deleted::read(&kind, record, r.get(6).map_err(trouble)?, &keys, times)?,
    })
}

/// The last number of the ledger.
pub fn last(keys: &Connection) -> Stored<i64> {
    keys.query_row(sql!("ledger_last"), [], |r| r.get(0)).map_err(trouble)
}

/// What the database knows of its key store.
pub fn state(connection: &Connection) -> Stored<State> {
    let read = |r: &rusqlite::Row<'_>| {
        Ok(State {
            epoch: r.get(0)?,
            ledger: r.get(1)?,
            since: r.get(2)?,
            copied: r.get(3)?,
            applied: r.get(4)?,
            lost: match r.get(5)? {
                Some(from) => Some((from, r.get(6)?, r.get(7)?)),
                None => None,
            },
        })
    };
    connection
        .prepare_cached(sql!("recovery_get"))
        .and_then(|mut get| get.query_row([], read))
        .map_err(trouble)
}
