//! The stores: a narrow contract and its back ends. The menu of the room.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretBox;

use crate::envelope::Stage;
use crate::store::contract::{Store, StoreError};
use crate::store::migrated::Migrated;

pub mod contract;
pub mod decide;
pub mod migrated;
pub mod postgres;
mod sealing;
pub mod sqlite;
pub mod trouble;

/// How a back end is opened: place (of the embedded one its folder, of PostgreSQL its URL), stage of the process, master key, for reading only.
pub type Open = fn(
    place: &Path,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    read_only: bool,
) -> Result<Arc<dyn Store>, StoreError>;

/// The back ends by name.
pub const BACK_ENDS: &[(&str, Open)] =
    &[("postgres", postgres::store::boxed), ("sqlite", sqlite::store::boxed)];

/// How the tables of a back end are brought up to this program's version, behind a lock that one process holds at a time.
pub type Migrate =
    fn(place: &Path, stage: Stage, master: SecretBox<[u8; 32]>) -> Result<Vec<Migrated>, StoreError>;

/// The migrations of the back ends by name.
pub const MIGRATIONS: &[(&str, Migrate)] =
    &[("postgres", postgres::store::migrated), ("sqlite", sqlite::store::migrated)];
