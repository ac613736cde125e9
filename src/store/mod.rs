//! The stores: a narrow contract and its back ends. The menu of the room; a back end is one row of it.

use self::back_end::BackEnd;

pub mod anew;
pub mod audit;
pub mod back_end;
pub mod backup;
pub mod chain;
pub mod claims;
pub mod contract;
pub mod decide;
pub mod desk;
pub mod duty;
pub mod entry;
pub mod error;
pub mod figures;
pub mod follow;
pub mod lane;
pub mod lies;
pub mod listed;
pub mod looks;
pub mod mailbox;
pub mod manifest;
pub mod migrated;
pub mod notes;
pub mod orders;
pub mod pauses;
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
pub mod stamp;
pub mod states;
pub mod trouble;
pub mod ways;

/// The back ends.
pub const BACK_ENDS: &[BackEnd] = &[
    BackEnd {
        name: "postgres",
        open: postgres::store::boxed,
        migrate: postgres::store::migrated,
        versions: postgres::store::versions,
        look: postgres::recovery::look,
        mark: postgres::recovery::mark,
        restore: postgres::recovery::by_owner,
    },
    BackEnd {
        name: "sqlite",
        open: sqlite::store::boxed,
        migrate: sqlite::store::migrated,
        versions: sqlite::store::versions,
        look: sqlite::recovery::look,
        mark: sqlite::restore::mark,
        restore: sqlite::restore::put_back,
    },
];
