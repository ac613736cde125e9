//! Deletions column by column, as the statements that list them take them. Writes none.

use uuid::Uuid;

use crate::store::sealing::ledger::Deleted;

/// Deletions column by column.
#[derive(Debug, Default)]
pub struct Columns {
    /// Kinds.
    pub kind: Vec<&'static str>,
    /// Records.
    pub record: Vec<Option<Uuid>>,
    /// Numbers of keys.
    pub subject: Vec<Option<i64>>,
    /// Blind keys.
    pub keys: Vec<Vec<u8>>,
    /// Of tombstones: when made at the author.
    pub created: Vec<Option<i64>>,
    /// Of tombstones: until when.
    pub until: Vec<Option<i64>>,
}

impl Columns {
    /// The columns of these.
    pub fn of<'a>(all: impl Iterator<Item = &'a Deleted>) -> Columns {
        let mut columns = Columns::default();
        for (kind, record, subject, keys, created, until) in all.map(Deleted::columns) {
            columns.kind.push(kind);
            columns.record.push(record);
            columns.subject.push(subject);
            columns.keys.push(keys);
            columns.created.push(created);
            columns.until.push(until);
        }
        columns
    }
}
