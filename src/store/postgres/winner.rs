//! The entries of a batch that are written, and what is there of what they change. Writes none.

use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::postgres::base::Base;
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::prepare::{MirrorWork, Work};
use crate::store::sealing::values::Stored;

/// An entry that is written.
#[derive(Debug)]
pub struct Winner<'a> {
    /// Its place in the batch.
    pub place: usize,
    /// The entry.
    pub work: &'a Work,
    /// The number of its stamp.
    pub stamp: i64,
    /// The number of its message where it exists already.
    pub row: Option<i64>,
}

/// The key that wraps a message's contents (of exactly one child, else of exactly one Vorgang), and those of its Vorgänge.
pub type Subjects = (Option<SubjectKey>, Vec<SubjectKey>);

/// A record of the mirror that is there.
#[derive(Clone, Debug)]
pub struct Old {
    /// Its number, also of its content.
    pub nr: i64,
    /// Its child's key.
    pub subject: i64,
    /// Its search keys.
    pub keys: Vec<Tag>,
    /// The partner that delivered it.
    pub partner: String,
}

/// The ids of the records that an entry writes.
pub fn puts<'a>(work: &'a Work) -> Vec<&'a Uuid> {
    let put = |change: &'a MirrorWork| match change {
        MirrorWork::Put { id, .. } => Some(id),
        MirrorWork::Remove { .. } => None,
    };
    work.mirror.iter().filter_map(put).collect()
}

/// A key that exists, or a new one.
pub async fn subject(base: &Base, mandant: &MandantKey, existing: Option<&SubjectKey>) -> Stored<SubjectKey> {
    if let Some(key) = existing {
        return Ok(key.clone());
    }
    let none = || StoreError::Later("no key could be made".into());
    base.keyring.new_subjects(mandant, 1).await?.pop().ok_or_else(none)
}
