//! The keys of a running store: the master's, the Mandanten's, and the store of child and Vorgang keys in its own file.
//! Child and Vorgang keys are made in advance, so that one is durable before a row needs it and none is lost in a crash
//! between two files. Never hands out a key's octets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension, params};

use crate::seal::index::Index;
use crate::seal::key::{Key, Master, Place, sha256};
use crate::store::contract::StoreError;
use crate::store::sqlite::values::{Stored, sealing, sql, trouble};

/// How many child and Vorgang keys are made at once.
const POOL: usize = 256;
/// The Mandant under which the house itself seals: notes, commands, pauses.
pub const HOUSE: &str = "";

/// The key of one Mandant.
#[derive(Debug)]
pub struct MandantKey {
    /// Its row.
    pub row: i64,
    /// What rows show as key_id.
    pub id: String,
    /// The key.
    pub key: Key,
}

/// A child or Vorgang key.
#[derive(Clone, Debug)]
pub struct SubjectKey {
    /// Its number in the key store.
    pub row: i64,
    /// The key.
    pub key: Arc<Key>,
}

/// All keys of a store.
#[derive(Debug)]
pub struct Keyring {
    master: Master,
    by_name: RwLock<HashMap<String, Arc<MandantKey>>>,
    by_row: RwLock<HashMap<i64, Arc<MandantKey>>>,
    subjects: Mutex<Subjects>,
    /// Search keys and guards.
    pub search: Index,
    /// Lanes.
    pub order: Index,
    /// Keys of idempotency, transport ids and contents.
    pub once: Index,
    /// Names of claims.
    pub claim: Index,
    /// Keys of notes.
    pub note: Index,
}

#[derive(Debug)]
struct Subjects {
    connection: Connection,
    free: HashMap<i64, Vec<SubjectKey>>,
}

impl Keyring {
    /// The keys under a master key, with an open key store.
    pub fn new(master: Master, keys: Connection) -> Stored<Keyring> {
        let index = |used_for| master.index(used_for).map_err(sealing);
        Ok(Keyring {
            search: index("search")?,
            order: index("order")?,
            once: index("once")?,
            claim: index("claim")?,
            note: index("note")?,
            master,
            by_name: RwLock::default(),
            by_row: RwLock::default(),
            subjects: Mutex::new(Subjects { connection: keys, free: HashMap::new() }),
        })
    }

    /// The Mandant's key, if this process met it already.
    pub fn known(&self, mandant: &str) -> Option<Arc<MandantKey>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(mandant).cloned()
    }

    /// The Mandant's key from the store, if it has one.
    pub fn find(&self, connection: &Connection, mandant: &str) -> Stored<Option<Arc<MandantKey>>> {
        if let Some(key) = self.known(mandant) {
            return Ok(Some(key));
        }
        let mut statement = connection.prepare_cached(sql!("mandant_key_by_name")).map_err(trouble)?;
        let found = statement.query_row([mandant], row_of).optional().map_err(trouble)?;
        found.map(|found| self.open(found)).transpose()
    }

    /// The key with this number.
    pub fn by_row(&self, connection: &Connection, row: i64) -> Stored<Arc<MandantKey>> {
        if let Some(key) = self.by_row.read().unwrap_or_else(PoisonError::into_inner).get(&row) {
            return Ok(key.clone());
        }
        let mut statement = connection.prepare_cached(sql!("mandant_key_by_row")).map_err(trouble)?;
        let found = statement.query_row([row], row_of).map_err(trouble)?;
        self.open(found)
    }

    /// Makes the Mandant's key in the caller's transaction where it is missing. It is remembered only when it is found
    /// again after the commit.
    pub fn make(&self, connection: &Connection, mandant: &str) -> Stored<()> {
        let key = Key::random().map_err(sealing)?;
        let wrapped = self.master.wrapping().wrap(&mandant_place(mandant), &key).map_err(sealing)?;
        let id = hex::encode(&sha256(&wrapped)[..6]);
        let mut statement = connection.prepare_cached(sql!("mandant_key_add")).map_err(trouble)?;
        statement.execute(params![id, mandant, wrapped]).map_err(trouble)?;
        Ok(())
    }

    fn open(&self, (row, id, mandant, wrapped): (i64, String, String, Vec<u8>)) -> Stored<Arc<MandantKey>> {
        let key = self.master.wrapping().unwrap(&mandant_place(&mandant), &wrapped).map_err(sealing)?;
        let key = Arc::new(MandantKey { row, id, key });
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(mandant, key.clone());
        self.by_row.write().unwrap_or_else(PoisonError::into_inner).insert(row, key.clone());
        Ok(key)
    }

    /// A key for a new child or Vorgang; it is durable already.
    pub fn new_subject(&self, mandant: &MandantKey) -> Stored<SubjectKey> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = subjects.free.get_mut(&mandant.row).and_then(Vec::pop) {
            return Ok(key);
        }
        let mut made = Vec::with_capacity(POOL);
        let transaction = subjects.connection.transaction().map_err(trouble)?;
        for _ in 0..POOL {
            let key = Key::random().map_err(sealing)?;
            transaction
                .prepare_cached(sql!("subject_key_add"))
                .and_then(|mut add| add.execute(params![mandant.row, [0u8; 0]]))
                .map_err(trouble)?;
            let row = transaction.last_insert_rowid();
            let wrapped = mandant.key.wrap(&subject_place(row), &key).map_err(sealing)?;
            transaction
                .prepare_cached(sql!("subject_key_set"))
                .and_then(|mut set| set.execute(params![row, wrapped]))
                .map_err(trouble)?;
            made.push(SubjectKey { row, key: Arc::new(key) });
        }
        transaction.commit().map_err(trouble)?;
        // Handed out in the order of their numbers.
        made.reverse();
        let key = made.pop().ok_or_else(|| StoreError::Later("no key could be made".into()))?;
        subjects.free.insert(mandant.row, made);
        Ok(key)
    }

    /// The child or Vorgang key with this number; `None` when it was destroyed.
    pub fn subject(&self, connection: &Connection, row: i64) -> Stored<Option<SubjectKey>> {
        let found: Option<(i64, Vec<u8>)> = {
            let subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
            let mut get = subjects.connection.prepare_cached(sql!("subject_key_get")).map_err(trouble)?;
            get.query_row([row], |r| Ok((r.get(0)?, r.get(1)?))).optional().map_err(trouble)?
        };
        let Some((mandant, wrapped)) = found else { return Ok(None) };
        let mandant = self.by_row(connection, mandant)?;
        let key = mandant.key.unwrap(&subject_place(row), &wrapped).map_err(sealing)?;
        Ok(Some(SubjectKey { row, key: Arc::new(key) }))
    }

    /// Destroys keys for good.
    pub fn destroy(&self, rows: &[i64]) -> Stored<()> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = subjects.connection.transaction().map_err(trouble)?;
        for row in rows {
            transaction
                .prepare_cached(sql!("subject_key_destroy"))
                .and_then(|mut destroy| destroy.execute([row]))
                .map_err(trouble)?;
        }
        transaction.commit().map_err(trouble)
    }
}

fn row_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, String, String, Vec<u8>)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn mandant_place(mandant: &str) -> Place {
    Place::new("mandant_key", mandant.as_bytes(), "wrapped")
}

fn subject_place(row: i64) -> Place {
    Place::new("subject_key", &row.to_be_bytes(), "wrapped")
}
