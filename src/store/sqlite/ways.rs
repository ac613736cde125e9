//! What is ahead of rows of the outbox.

use async_trait::async_trait;
use rusqlite::Connection;
use uuid::Uuid;

use crate::store::contract::StoreError;
use crate::store::sealing::ahead::Counted;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::store::SqliteStore;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::ways::{Ahead, Ways};

fn ahead(connection: &Connection, keyring: &Keyring) -> Stored<Vec<Ahead>> {
    let mut list = connection.prepare_cached(sql!("outbox_with_ways")).map_err(trouble)?;
    let rows: Vec<(Uuid, String, i64)> = list
        .query_map([], |r| Ok((uuid(r.get(0)?)?, r.get(1)?, r.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(trouble)?;
    let mut counted = Counted::default();
    for (id, destination, sealed) in rows {
        let head = due::head(Opened::read(connection, keyring, sealed, Owner::new("outbox", id)))?;
        counted.row(&destination, head.as_ref());
    }
    Ok(counted.all())
}

#[async_trait]
impl Ways for SqliteStore {
    async fn ahead(&self) -> Result<Vec<Ahead>, StoreError> {
        self.readers.ask(ahead).await
    }
}
