//! The keys of a running store: the master's, the Mandanten's, and the store of child and Vorgang keys in its own file.
//! Child and Vorgang keys are made in advance, so that one is durable before a row needs it and none is lost in a crash
//! between two files. Never hands out a key's octets.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::seal::key::{Key, Master};
use crate::store::error::StoreError;
use crate::store::sealing::keys::{HOUSE, Keys, MandantKey, POOL, SubjectKey, WrappedMandant, subject_place};
use crate::store::sealing::ledger::Entry;
use crate::store::sealing::mark::Mark;
use crate::store::sealing::values::{Stored, sealing};
use crate::store::sqlite::acts::{self, KeysEnd};
use crate::store::sqlite::files::emptied_log;
use crate::store::sqlite::values::{sql, trouble};

/// All keys of a store.
#[derive(Debug)]
pub struct Keyring {
    keys: Keys,
    subjects: Mutex<Subjects>,
}

impl Deref for Keyring {
    type Target = Keys;

    fn deref(&self) -> &Keys {
        &self.keys
    }
}

#[derive(Debug)]
struct Subjects {
    connection: Connection,
    free: HashMap<i64, Vec<SubjectKey>>,
    /// The end of the key store after this process's last act.
    end: Option<KeysEnd>,
}

/// How long a log that is not empty yet is waited for: whoever reads it holds nobody up.
const FOR_READERS: Duration = Duration::from_millis(20);

impl Subjects {
    /// After an act: its log is emptied, so that a damage of the log can reach one act at most. Where somebody reads it stays, and
    /// the next act tries again.
    fn acted(&mut self, end: KeysEnd) {
        self.end = Some(end);
        self.empty_log();
    }

    fn empty_log(&self) {
        let _ = self.connection.busy_timeout(FOR_READERS);
        let _ = emptied_log(&self.connection);
        let _ = self.connection.busy_timeout(crate::store::sqlite::files::BUSY);
    }
}

impl Keyring {
    /// The keys under a master key, with an open key store.
    pub fn new(master: Master, keys: Connection) -> Stored<Keyring> {
        let keys_of_master = Keys::new(master)?;
        let subjects = Mutex::new(Subjects { connection: keys, free: HashMap::new(), end: None });
        Ok(Keyring { keys: keys_of_master, subjects })
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

    /// The key of the house.
    pub fn house(&self, connection: &Connection) -> Stored<Arc<MandantKey>> {
        let lost = || StoreError::Corrupt("the store has lost the key of the house".into());
        self.find(connection, HOUSE)?.ok_or_else(lost)
    }

    /// The key with this number.
    pub fn by_row(&self, connection: &Connection, row: i64) -> Stored<Arc<MandantKey>> {
        if let Some(key) = self.known_row(row) {
            return Ok(key);
        }
        let mut statement = connection.prepare_cached(sql!("mandant_key_by_row")).map_err(trouble)?;
        let found = statement.query_row([row], row_of).map_err(trouble)?;
        self.open(found)
    }

    /// Makes the Mandant's key in the caller's transaction where it is missing. It is remembered only when it is found
    /// again after the commit.
    pub fn make(&self, connection: &Connection, mandant: &str) -> Stored<()> {
        let (id, wrapped) = self.fresh(mandant)?;
        let mut statement = connection.prepare_cached(sql!("mandant_key_add")).map_err(trouble)?;
        statement.execute(params![id, mandant, wrapped]).map_err(trouble)?;
        Ok(())
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
        let end = acts::act(&transaction)?;
        transaction.commit().map_err(trouble)?;
        subjects.acted(end);
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

    /// Writes deletions in the ledger and destroys keys for good, both or neither; returns the last number of the ledger.
    pub fn destroy(&self, deletions: &[Entry], rows: &[i64]) -> Stored<i64> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = subjects.connection.transaction().map_err(trouble)?;
        for one in deletions {
            let (kind, record, subject, keys, created, until) = one.what.columns();
            transaction
                .prepare_cached(sql!("ledger_add"))
                .and_then(|mut add| {
                    add.execute(params![
                        one.id, one.at, one.class, kind, record, subject, keys, created, until
                    ])
                })
                .map_err(trouble)?;
        }
        for row in rows {
            transaction
                .prepare_cached(sql!("subject_key_destroy"))
                .and_then(|mut destroy| destroy.execute([row]))
                .map_err(trouble)?;
        }
        let last = transaction.query_row(sql!("ledger_last"), [], |r| r.get(0)).map_err(trouble)?;
        let end = acts::act(&transaction)?;
        transaction.commit().map_err(trouble)?;
        subjects.acted(end);
        Ok(last)
    }

    /// Counts the epoch on.
    pub fn raise_epoch(&self, next: i64) -> Stored<()> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = subjects.connection.transaction().map_err(trouble)?;
        transaction.execute(sql!("epoch_set"), [next]).map_err(trouble)?;
        let end = acts::act(&transaction)?;
        transaction.commit().map_err(trouble)?;
        subjects.acted(end);
        Ok(())
    }

    /// Notes what was acknowledged ([`mark::note`]).
    pub fn note(&self, mark: &Mark) -> Stored<()> {
        let subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        acts::note(&subjects.connection, mark)?;
        subjects.empty_log();
        Ok(())
    }

    /// The end of the key store after this process's last act, for the database to know; `None` before the first.
    pub fn end(&self) -> Option<KeysEnd> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner).end
    }

    /// Empties the log of the key store.
    pub fn emptied(&self) -> Stored<()> {
        emptied_log(&self.subjects.lock().unwrap_or_else(PoisonError::into_inner).connection)
    }

    /// Asks or changes the key store's own tables beside the keys.
    pub fn beside<T>(&self, act: impl FnOnce(&Connection) -> Stored<T>) -> Stored<T> {
        act(&self.subjects.lock().unwrap_or_else(PoisonError::into_inner).connection)
    }
}

fn row_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<WrappedMandant> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}
