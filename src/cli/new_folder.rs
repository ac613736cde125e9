//! A folder that a command makes for what it shows to a person: he alone can enter it, files are made anew, and nothing is followed or written over.
//! Never takes a name from a message.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::exit::CliError;
use crate::config;
use crate::store::private;

/// Makes it; one that is there is refused.
pub fn made(folder: &Path) -> Result<(), CliError> {
    DirBuilder::new().mode(0o700).create(folder).map_err(|error| unwritten(folder, &error))
}

/// A new file in it, which only this user can read.
pub fn file(folder: &Path, name: &str) -> Result<File, CliError> {
    let path = folder.join(name);
    private::new_file(&path).map_err(|error| unwritten(&path, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> CliError {
    CliError::Usage(format!(
        "{} cannot be made: {}; name a folder that is not there yet",
        path.display(),
        config::what(error.kind())
    ))
}
