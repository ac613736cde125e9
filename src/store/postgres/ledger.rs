//! The deletion ledger: what a transaction deletes is listed in it, and once that is committed it is written in the key store,
//! in the act that destroys the keys. Never lists what could name a person.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::deletions::Columns;
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::sealing::ledger::{Deleted, Entry, State};
use crate::store::sealing::values::{Stored, count};

/// Lists deletions in the transaction that makes them.
pub async fn note(tx: &Tx<'_>, all: &[Deleted]) -> Stored<()> {
    if all.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = all.iter().map(|_| Uuid::new_v4()).collect();
    let Columns { kind, record, subject, keys, created, until } = &Columns::of(all.iter());
    run(tx, sql!("deletion_add"), &[&ids, kind, record, subject, keys, created, until]).await.map(drop)
}

/// Writes the listed deletions in the ledger and destroys the listed keys; outside any transaction, by any process, and
/// repeated where it was broken off.
pub async fn write_listed(base: &Base) -> Stored<()> {
    let mut client = base.db.get().await?;
    let deletions = rows(&client, sql!("deletion_list"), &[]).await?;
    let deletions = deletions.iter().map(entry).collect::<Stored<Vec<_>>>()?;
    let keys = rows(&client, sql!("key_to_destroy_list"), &[]).await?;
    let keys: Vec<i64> = keys.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
    if deletions.is_empty() && keys.is_empty() {
        return Ok(());
    }
    let last = base.keyring.destroy(&deletions, &keys).await?;
    // What the list loses the ledger is known to hold, or neither happens.
    let tx = client.transaction().await.map_err(trouble)?;
    if !deletions.is_empty() {
        let ids: Vec<Uuid> = deletions.iter().map(|one| one.id).collect();
        run(&tx, sql!("deletion_done"), &[&ids]).await?;
        run(&tx, sql!("ledger_known"), &[&last]).await?;
    }
    run(&tx, sql!("key_to_destroy_done"), &[&keys]).await?;
    tx.commit().await.map_err(trouble)
}

/// An entry of a statement that shows number, id, time, class and columns.
pub fn entry(r: &Row) -> Stored<Entry> {
    let keys: Vec<u8> = get(r, 7)?;
    let what = Deleted::read(get(r, 4)?, get(r, 5)?, get(r, 6)?, &keys, (get(r, 8)?, get(r, 9)?))?;
    Ok(Entry { nr: get(r, 0)?, id: get(r, 1)?, at: get(r, 2)?, class: get(r, 3)?, what })
}

/// The entries after a number.
pub async fn entries(base: &Base, after: i64, most: i64) -> Stored<Vec<Entry>> {
    let keys = base.keyring.beside().await?;
    rows(&keys, sql!("ledger_list"), &[&after, &most]).await?.iter().map(entry).collect()
}

/// The last number of the ledger, and the epoch of the key store.
pub async fn last(base: &Base) -> Stored<(i64, i64)> {
    let keys = base.keyring.beside().await?;
    let none = || StoreError::Corrupt("the key store has lost its epoch".into());
    let found = rows(&keys, sql!("ledger_last"), &[]).await?;
    let found = found.first().ok_or_else(none)?;
    Ok((get(found, 0)?, get::<Option<i64>>(found, 1)?.ok_or_else(none)?))
}

/// What the database knows of its key store, by the statement that reads it.
pub async fn state(on: &impl GenericClient, sql: &str) -> Stored<State> {
    let lost = || StoreError::Corrupt("the store has lost its epoch".into());
    let r = one(on, sql, &[]).await?.ok_or_else(lost)?;
    let (from, until, commits): (Option<i64>, Option<i64>, Option<i64>) =
        (get(&r, 5)?, get(&r, 6)?, get(&r, 7)?);
    Ok(State {
        epoch: get(&r, 0)?,
        ledger: get(&r, 1)?,
        since: get(&r, 2)?,
        copied: get(&r, 3)?,
        applied: get(&r, 4)?,
        lost: from.map(|from| (from, until.unwrap_or(from), commits.unwrap_or(0))),
    })
}

/// The same, held until the end of the transaction.
pub async fn locked(tx: &Tx<'_>) -> Stored<State> {
    state(tx, sql!("recovery_lock")).await
}

/// Keys that something needs and that are not there.
pub async fn lost_keys(base: &Base) -> Stored<Vec<i64>> {
    let numbers = |found: Vec<tokio_postgres::Row>| {
        found.iter().map(|r| get(r, 0)).collect::<Stored<std::collections::BTreeSet<i64>>>()
    };
    let named = {
        let client = base.db.get().await?;
        numbers(rows(&client, sql!("keys_named"), &[]).await?)?
    };
    let keys = base.keyring.beside().await?;
    let there = numbers(rows(&keys, sql!("keys_all"), &[]).await?)?;
    Ok(named.difference(&there).copied().collect())
}

/// How many rows to send are in doubt.
pub async fn doubts(on: &impl GenericClient) -> Stored<u64> {
    match one(on, sql!("doubt_count"), &[]).await? {
        Some(r) => get(&r, 0).map(count),
        None => Ok(0),
    }
}
