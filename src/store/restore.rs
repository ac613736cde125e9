//! How a backup comes back: by this program where the store is a folder, by its owner where it is a database of a server.

use std::path::PathBuf;

/// What became of putting a backup back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutBack {
    /// It is in place and closed.
    Done {
        /// Where the store of before lies.
        aside: PathBuf,
    },
    /// The owner of the database has to do it.
    ByOwner {
        /// What to run, in this order.
        commands: Vec<String>,
    },
}
