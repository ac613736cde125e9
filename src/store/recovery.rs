//! What the house asks of a store that was put back from a backup, and of one that shall be copied: the deletion ledger applied
//! again, what may have left looked up, dispatch opened by a person. A trait beside the contract, which every back end holds.
//!
//! The ledger stands in the key store, outside the backup set: what was deleted is written there in the act that destroys the
//! key, as blind keys and numbers, so that a database of before can be brought to delete it again. Never holds a person.

use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::lane::{Due, Follow};

/// A store that was put back from a backup and whose dispatch is closed until a person opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recovering {
    /// When it was put back.
    pub since: Timestamp,
    /// When the backup was taken, where that is known.
    pub copied: Option<Timestamp>,
    /// Whether the deletion ledger was applied again.
    pub applied: bool,
    /// Rows to send of which nobody knows yet whether they left after the backup was taken.
    pub doubtful: u64,
    /// What was acknowledged and is missing, where the mark beside the keys has shown it: then nobody put anything back.
    pub lost: Option<Lost>,
}

/// What was acknowledged and is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Deliveries that were acknowledged from this moment on have to be asked for again; repeats do no harm.
    pub from: Timestamp,
    /// When the last one that is missing was acknowledged.
    pub until: Timestamp,
    /// How many commits are missing; 0 where the mark itself is missing.
    pub commits: u64,
}

/// So long before the first commit that is missing what it holds may have been on its way.
const ON_ITS_WAY: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// From when on deliveries have to be asked for again that were lost from a moment on, in microseconds since 1970.
pub(crate) fn ask_from(from: i64) -> Timestamp {
    let from = Timestamp::from_microsecond(from).unwrap_or(Timestamp::UNIX_EPOCH);
    from.checked_sub(ON_ITS_WAY).unwrap_or(from)
}

/// What applying the deletion ledger again has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reapplied {
    /// Entries of the ledger that this database did not know.
    pub entries: u64,
    /// Registersätze that were removed once more.
    pub records: u64,
    /// Rows to send whose content died with a child's key: they are listed as unclear and never leave.
    pub lost: u64,
    /// Rows to send that are in doubt and looked up at their far ends.
    pub doubtful: u64,
}

/// What the far end says of a row that may have left after the backup was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It arrived.
    Arrived {
        /// What the far end calls it.
        reference: String,
        /// What proves it.
        evidence: String,
        /// Set where the far end confirms it later.
        follow: Option<Follow>,
    },
    /// It certainly did not arrive, or a repeat under the same id is harmless there: it stays queued.
    Queued,
    /// Nobody can tell; a person decides.
    Unknown {
        /// Plain cause.
        cause: String,
    },
}

/// One entry of the deletion ledger as a person may see it: no key, no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerLine {
    /// Its number.
    pub nr: i64,
    /// When it was deleted.
    pub at: Timestamp,
    /// Why, as a class such as `mitteilung`.
    pub class: String,
    /// What: `record`, `messages` or `tombstone`.
    pub kind: String,
}

/// What a copy of a store's database says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// The back end: `sqlite` or `postgres`.
    pub kind: String,
    /// Name of the file that holds the database.
    pub file: String,
    /// The stage.
    pub stage: String,
    /// The store's own id, which the key store knows too.
    pub store: String,
    /// Version of the tables.
    pub schema_version: i64,
    /// The epoch that the copy belongs to; the store goes on in the next one.
    pub epoch: i64,
    /// Rows by table.
    pub rows: Vec<(String, u64)>,
    /// Names of the claim files that its rows need.
    pub claims: Vec<String>,
}

/// The note by which the processes of a store are known to who asks them: of a run, so it stays out of what is copied where that can be done, and
/// is made anew where something is put back.
pub const OF_A_RUN: (&str, &str) = ("app", "asked");

/// When a store was put back, and of which backup.
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    /// When.
    pub at: Timestamp,
    /// When the backup was taken, where that is known.
    pub copied: Option<Timestamp>,
}

/// The operations of backup and recovery.
#[async_trait]
pub trait Recovery: Send + Sync {
    /// Whether this store was put back and is not open yet.
    async fn recovery(&self) -> Result<Option<Recovering>, StoreError>;

    /// Applies every entry of the deletion ledger that this database does not know, in one transaction: records, messages,
    /// Vorgänge and claims go again, tombstones stand again. Rows to send become doubtful, and no Bestand counts as fresh any
    /// more, because what was delivered since the backup is missing. Done once; without a mark of recovery it does nothing.
    async fn reapply(&self, now: Timestamp) -> Result<Reapplied, StoreError>;

    /// Rows to send that are in doubt, opened, in the order in which they came, from the one after `after`.
    async fn doubtful(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// Writes what was found out of a doubtful row; `false` when it is not in doubt any more. Only while the store recovers.
    /// `answers`: what came back with one that arrived, stored as [`crate::store::lane::Settle::answers`] are.
    async fn resolve(
        &self,
        row: Uuid,
        finding: Finding,
        answers: Vec<Entry>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Opens dispatch; person and reason are audited. `false` when the store is not recovering; refused before the ledger was
    /// applied.
    async fn open_dispatch(&self, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Entries of the deletion ledger from the one after `after`, oldest first.
    async fn ledger(&self, after: i64, limit: usize) -> Result<Vec<LedgerLine>, StoreError>;

    /// Copies the database, as it is at one moment, into a folder, without keys and ledger, and begins the next epoch, so that
    /// the copy is known as older than the key store from now on. Refused while the store recovers.
    async fn copy(&self, into: &Path) -> Result<Copied, StoreError>;

    /// Copies key store and ledger into a folder; returns the name of the file.
    async fn copy_keys(&self, into: &Path) -> Result<String, StoreError>;

    /// Copies the claim files of these names into a folder; returns those that are gone since the names were read.
    async fn copy_claims(&self, names: &[String], into: &Path) -> Result<Vec<String>, StoreError>;
}

/// What a person is told who opens a database that is older than its key store.
pub(crate) const OLDER: &str = "the database is older than the key store and the deletion ledger beside it: it was put back without \
     `recover`, and what was deleted since would live again; run `drehscheibe recover --after-restore --reason TEXT`, then start";

/// What a person is told who opens a key store that is older than its database.
pub(crate) const KEYS_OLDER: &str = "the key store and its deletion ledger are older than the database: keys that were destroyed may be \
     back in it; put back the newest copy of the key store, or, where there is none, run `drehscheibe recover --after-restore --reason \
     TEXT` and throw away every backup older than this key store";

/// What a person is told who opens dispatch too early.
pub(crate) const NOT_APPLIED: &str =
    "the deletion ledger was not applied yet; start `drehscheibe run` once, it does so first";

/// What a person is told who copies a recovering store.
pub(crate) const RECOVERS: &str =
    "the store is recovering; open it with `drehscheibe recover --open` before it is backed up";
