//! A dump of what must be equal after any crash: decrypted contents, states and counts without generated ids, times and nonces.
//! Never answers outside stages test and demo.

use async_trait::async_trait;
use rusqlite::Connection;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::plays::Plays;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::shown;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::values::{sql, trouble, uuid};

#[async_trait]
impl Plays for SqliteStore {
    async fn essence(&self) -> Result<Vec<String>, StoreError> {
        shown::may_dump(self.stage)?;
        self.readers.read(essence).await
    }
}

/// Sorted lines.
fn essence(connection: &Connection, keyring: &Keyring) -> Stored<Vec<String>> {
    let mut lines = Vec::new();
    for (id, _, sealed) in rows(connection, sql!("essence_mirror"), 0)? {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("mirror", id))?;
        lines.push(shown::essence_mirror(opened)?);
    }
    for (id, columns, sealed) in rows(connection, sql!("essence_inbox"), 6)? {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("inbox", id))?;
        lines.push(shown::essence_inbox(&columns, opened)?);
    }
    for (id, columns, sealed) in rows(connection, sql!("essence_outbox"), 3)? {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("outbox", id))?;
        lines.push(shown::essence_outbox(&columns, opened)?);
    }
    for sql in [sql!("essence_vorgang"), sql!("essence_counts")] {
        let mut list = connection.prepare_cached(sql).map_err(trouble)?;
        let found: Vec<String> = list
            .query_map([], |r| Ok(format!("{} {}", r.get::<_, String>(0)?, r.get::<_, i64>(1)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?;
        lines.extend(found);
    }
    lines.sort();
    Ok(lines)
}

/// Rows of (id, so many columns of text, number of the sealed row).
fn rows(connection: &Connection, sql: &str, columns: usize) -> Stored<Vec<(Uuid, Vec<String>, i64)>> {
    let mut list = connection.prepare_cached(sql).map_err(trouble)?;
    list.query_map([], |r| {
        let texts = (1..=columns)
            .map(|n| Ok(r.get::<_, Option<String>>(n)?.unwrap_or_else(|| "-".into())))
            .collect::<rusqlite::Result<_>>()?;
        Ok((uuid(r.get(0)?)?, texts, r.get(columns + 1)?))
    })
    .and_then(Iterator::collect)
    .map_err(trouble)
}
