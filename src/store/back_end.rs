//! A back end as a row of the menu says it: everything that is done with a store before it is open, or while it stands still. Opens nothing itself.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretBox;

use crate::envelope::Stage;
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::lies::Lies;
use crate::store::manifest::Manifest;
use crate::store::migrated::{Migrated, Version};
use crate::store::recovery::{Copied, Restored};
use crate::store::restore::PutBack;

/// A row of the menu.
pub struct BackEnd {
    /// The word in `connections.yaml`, under `store`.
    pub name: &'static str,
    /// Opens it.
    pub open: Open,
    /// Migrates it.
    pub migrate: Migrate,
    /// Reads how far it is migrated.
    pub versions: Versions,
    /// Looks at a copy.
    pub look: Look,
    /// Marks what was put back.
    pub mark: Mark,
    /// Puts a backup back.
    pub restore: Restore,
}

/// How a back end is opened: where it lies, stage of the process, master key, for reading only.
pub type Open = fn(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    read_only: bool,
) -> Result<Arc<dyn Store>, StoreError>;

/// How the tables of a back end are brought up to this program's version, behind a lock that one process holds at a time.
pub type Migrate =
    fn(place: &Lies, stage: Stage, master: SecretBox<[u8; 32]>) -> Result<Vec<Migrated>, StoreError>;

/// How a copy of a database is looked at; `None` where only the server's own program can read it and could.
pub type Look = fn(file: &Path) -> Result<Option<Copied>, StoreError>;

/// How a stopped store whose database was put back is marked, so that it starts closed.
pub type Mark = fn(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    restored: &Restored,
) -> Result<(), StoreError>;

/// How a verified backup is put in the place of a stopped store.
pub type Restore = fn(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    backup: (&Path, &Manifest),
    restored: &Restored,
) -> Result<PutBack, StoreError>;

/// How the versions of the tables of a back end are read; nothing is changed.
pub type Versions =
    fn(place: &Lies, stage: Stage, master: SecretBox<[u8; 32]>) -> Result<Vec<Version>, StoreError>;
