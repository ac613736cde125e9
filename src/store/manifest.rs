//! What a backup says of itself. Reads and writes nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::recovery::Copied;

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Its path in the folder.
    pub name: String,
    /// Its size in octets.
    pub size: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
}

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the folder.
    pub format: u32,
    /// The program that wrote it.
    pub program: String,
    /// When it was taken.
    pub created: Timestamp,
    /// The database; the names of its parts stand under `files`.
    pub database: Copied,
    /// Parts that were deleted while the backup was taken.
    pub gone: Vec<String>,
    /// All files but this one.
    pub files: Vec<Entry>,
}
