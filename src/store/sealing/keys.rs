//! Keys in the memory of a process: the master's, the Mandanten's, the blind indexes; and what wrapped keys are bound to.
//! Never hands out a key's octets.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::seal::index::Index;
use crate::seal::key::{Key, Master, Place, sha256};
use crate::store::sealing::values::{Stored, sealing};

/// How many child and Vorgang keys are made at once.
pub const POOL: usize = 256;
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

/// A Mandant's key as it stands in its row: number, id, Mandant, wrapped key.
pub type WrappedMandant = (i64, String, String, Vec<u8>);

/// The keys that a process keeps.
#[derive(Debug)]
pub struct Keys {
    master: Master,
    by_name: RwLock<HashMap<String, Arc<MandantKey>>>,
    by_row: RwLock<HashMap<i64, Arc<MandantKey>>>,
    /// Search keys and guards.
    pub search: Index,
    /// Lanes.
    pub order: Index,
    /// Keys of idempotency, transport ids and contents.
    pub once: Index,
    /// Names of claims.
    pub claim: Index,
    /// What readers of mailboxes see of lanes.
    pub mailbox: Index,
    /// Keys of notes.
    pub note: Index,
}

impl Keys {
    /// The keys under a master key.
    pub fn new(master: Master) -> Stored<Keys> {
        let index = |used_for| master.index(used_for).map_err(sealing);
        Ok(Keys {
            search: index("search")?,
            order: index("order")?,
            once: index("once")?,
            claim: index("claim")?,
            mailbox: index("mailbox")?,
            note: index("note")?,
            master,
            by_name: RwLock::default(),
            by_row: RwLock::default(),
        })
    }

    /// The Mandant's key, if this process met it already.
    pub fn known(&self, mandant: &str) -> Option<Arc<MandantKey>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(mandant).cloned()
    }

    /// The key with this number, if this process met it already.
    pub fn known_row(&self, row: i64) -> Option<Arc<MandantKey>> {
        self.by_row.read().unwrap_or_else(PoisonError::into_inner).get(&row).cloned()
    }

    /// A new key for a Mandant: its id and the wrapped key, for its row.
    pub fn fresh(&self, mandant: &str) -> Stored<(String, Vec<u8>)> {
        let key = Key::random().map_err(sealing)?;
        let wrapped = self.master.wrapping().wrap(&mandant_place(mandant), &key).map_err(sealing)?;
        Ok((hex::encode(&sha256(&wrapped)[..6]), wrapped))
    }

    /// Opens a Mandant's key and remembers it.
    pub fn open(&self, (row, id, mandant, wrapped): WrappedMandant) -> Stored<Arc<MandantKey>> {
        let key = self.master.wrapping().unwrap(&mandant_place(&mandant), &wrapped).map_err(sealing)?;
        let key = Arc::new(MandantKey { row, id, key });
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(mandant, key.clone());
        self.by_row.write().unwrap_or_else(PoisonError::into_inner).insert(row, key.clone());
        Ok(key)
    }
}

/// The value by which a store knows its master key again.
pub fn check_value(master: &Master) -> Stored<String> {
    Ok(hex::encode(master.index("check").map_err(sealing)?.tag(b"drehscheibe")))
}

/// What a Mandant's wrapped key is bound to.
pub fn mandant_place(mandant: &str) -> Place {
    Place::new("mandant_key", mandant.as_bytes(), "wrapped")
}

/// What a child's or Vorgang's wrapped key is bound to.
pub fn subject_place(row: i64) -> Place {
    Place::new("subject_key", &row.to_be_bytes(), "wrapped")
}
