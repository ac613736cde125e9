//! The files of the store: their names, how long a connection waits for another one, and the emptying of a log. Opens none.

use rusqlite::Connection;

use crate::store::error::StoreError;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::values::trouble;

/// The file of a copied database.
pub const DATABASE: &str = "drehscheibe.db";
/// The file of a copied key store.
pub const KEYS: &str = "keys.db";

/// How long a connection waits for another one.
pub(crate) const BUSY: std::time::Duration = std::time::Duration::from_secs(10);

/// Copies the log of a connection's file into it and empties it, or says who is in the way.
pub fn emptied_log(connection: &Connection) -> Stored<()> {
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0)).map_err(trouble)?;
    match busy {
        0 => Ok(()),
        1.. => Err(StoreError::Later("another process still reads it".into())),
        i64::MIN..0 => Err(StoreError::Later("SQLite cannot tell how long it is".into())),
    }
}
