//! The chains of acts as they lie in the database and in the key store: their ends, and how they go on. Compares none and refuses nothing.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::sealing::mark::{Chain, Mark, WRITTEN};
use crate::store::sealing::values::Stored;
use crate::store::sqlite::values::{sql, trouble};

/// The chain as the database has it, or the key store, whose links are acts.
pub fn chain(connection: &Connection) -> Stored<Chain> {
    let read = |r: &rusqlite::Row<'_>| Ok(Chain { n: r.get(0)?, at: r.get(1)?, links: r.get(2)? });
    connection.prepare_cached(sql!("mark_get")).and_then(|mut get| get.query_row([], read)).map_err(trouble)
}

/// Adds the link of the commit, or of the act in the key store, that this transaction will be; returns its mark.
pub fn advance(connection: &Connection) -> Stored<Mark> {
    let before = chain(connection)?;
    let at = connection
        .prepare_cached(sql!("mark_now"))
        .and_then(|mut now| now.query_row([], |r| r.get(0)))
        .map_err(trouble)?;
    let next = before.next(&Uuid::new_v4().into_bytes(), at);
    connection
        .prepare_cached(sql!("mark_set"))
        .and_then(|mut set| set.execute(params![next.n, next.at, next.links]))
        .map_err(trouble)?;
    Ok(next.mark())
}

/// The key store's word that there is a mark, so that a mark that is gone is missed; from time to time it is the mark itself ([`note`]).
pub const KNOWN: &str = "mark";

/// Notes in the key store what was acknowledged, so that a database which is put back together with its mark is missed, too: the key store is
/// what nobody puts back. What is noted already and further on stays.
pub fn note(keys: &Connection, mark: &Mark) -> Stored<()> {
    let store = store_of(keys)?.into_bytes();
    if noted(keys, &store)?.is_some_and(|noted| noted.n >= mark.n) {
        return Ok(());
    }
    keys.execute(sql!("meta_put"), [KNOWN, &hex::encode(mark.written(&store))]).map(drop).map_err(trouble)
}

/// What was noted so as acknowledged; `None` where it never was, or of another store.
pub fn noted(keys: &Connection, store: &[u8; 16]) -> Stored<Option<Mark>> {
    let said: Option<String> =
        keys.query_row(sql!("meta_get"), [KNOWN], |r| r.get(0)).optional().map_err(trouble)?;
    let octets = said.and_then(|said| hex::decode(said).ok()).filter(|octets| octets.len() == WRITTEN);
    octets.map_or(Ok(None), |octets| Mark::read(&octets, store))
}

/// Which store a key store belongs to.
pub fn store_of(keys: &Connection) -> Stored<Uuid> {
    let store: String = keys.query_row(sql!("meta_get"), ["store"], |r| r.get(0)).map_err(trouble)?;
    store.parse().map_err(|_| StoreError::Corrupt("the key store names no store".into()))
}

/// Where the key store ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysEnd {
    /// The number, link and moment of the last act.
    pub mark: Mark,
    /// The highest number that a key has had.
    pub high: i64,
}

/// The highest number that a key has had; 0 before the first.
pub fn high(keys: &Connection) -> Stored<i64> {
    let mut get = keys.prepare_cached(sql!("keys_high")).map_err(trouble)?;
    get.query_row([], |r| r.get(0)).optional().map(Option::unwrap_or_default).map_err(trouble)
}

/// Adds the link of the act that this transaction in the key store will be.
pub fn act(keys: &Connection) -> Stored<KeysEnd> {
    Ok(KeysEnd { mark: advance(keys)?, high: high(keys)? })
}

/// Notes in the database where the key store ends; what is noted already and further on stays.
pub fn tell(connection: &Connection, end: &KeysEnd) -> Stored<()> {
    let KeysEnd { mark, high } = end;
    connection
        .prepare_cached(sql!("keys_end_tell"))
        .and_then(|mut tell| tell.execute(params![mark.n, mark.link, mark.at, high]))
        .map(drop)
        .map_err(trouble)
}
