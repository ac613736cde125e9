//! The stores: a narrow contract and its back ends. The menu of the room.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretBox;

use crate::envelope::Stage;
use crate::store::backup::Manifest;
use crate::store::contract::{Store, StoreError};
use crate::store::lies::Lies;
use crate::store::migrated::{Migrated, Version};
use crate::store::recovery::{Copied, Restored};
use crate::store::restore::PutBack;

pub mod anew;
pub mod audit;
pub mod backup;
pub mod chain;
pub mod claims;
pub mod contract;
pub mod decide;
pub mod duty;
pub mod follow;
pub mod lane;
pub mod lies;
pub mod looks;
pub mod mailbox;
pub mod migrated;
pub mod plays;
pub mod postgres;
pub mod private;
pub mod rekey;
pub mod retention;
pub mod recovery;
pub mod restore;
mod sealing;
pub mod seek;
pub mod sqlite;
pub mod trouble;
pub mod ways;

/// How a back end is opened: where it lies, stage of the process, master key, for reading only.
pub type Open = fn(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    read_only: bool,
) -> Result<Arc<dyn Store>, StoreError>;

/// The back ends by name.
pub const BACK_ENDS: &[(&str, Open)] =
    &[("postgres", postgres::store::boxed), ("sqlite", sqlite::store::boxed)];

/// How the tables of a back end are brought up to this program's version, behind a lock that one process holds at a time.
pub type Migrate =
    fn(place: &Lies, stage: Stage, master: SecretBox<[u8; 32]>) -> Result<Vec<Migrated>, StoreError>;

/// The migrations of the back ends by name.
pub const MIGRATIONS: &[(&str, Migrate)] =
    &[("postgres", postgres::store::migrated), ("sqlite", sqlite::store::migrated)];

/// How a copy of a database is looked at; `None` where only the server's own program can read it and could.
pub type Look = fn(file: &Path) -> Result<Option<Copied>, StoreError>;

/// The copies of the back ends by name.
pub const COPIES: &[(&str, Look)] =
    &[("postgres", postgres::recovery::look), ("sqlite", sqlite::recovery::look)];

/// How a stopped store whose database was put back is marked, so that it starts closed.
pub type Mark = fn(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    restored: &Restored,
) -> Result<(), StoreError>;

/// The marks of the back ends by name.
pub const MARKS: &[(&str, Mark)] =
    &[("postgres", postgres::recovery::mark), ("sqlite", sqlite::restore::mark)];

/// How a verified backup is put in the place of a stopped store.
pub type Restore = fn(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    backup: (&Path, &Manifest),
    restored: &Restored,
) -> Result<PutBack, StoreError>;

/// The restores of the back ends by name.
pub const RESTORES: &[(&str, Restore)] =
    &[("postgres", postgres::recovery::by_owner), ("sqlite", sqlite::restore::put_back)];
/// How the versions of the tables of a back end are read; nothing is changed.
pub type Versions =
    fn(place: &Lies, stage: Stage, master: SecretBox<[u8; 32]>) -> Result<Vec<Version>, StoreError>;

/// The readers of versions by name.
pub const VERSIONS: &[(&str, Versions)] =
    &[("postgres", postgres::store::versions), ("sqlite", sqlite::store::versions)];
