//! Files with certificates as settings of OSCI name them: read, and what is wrong with how they are written. Decides nothing about trust.

use std::path::{Path, PathBuf};

use super::watched;
use crate::trust::certificate::Certificate;
use crate::trust::keys::{self, KeyFault};

/// The faults of paths that their type cannot say.
pub fn check_files(files: &[PathBuf], at: &str, faults: &mut Vec<(String, String)>) {
    for (nth, path) in files.iter().enumerate() {
        if path.as_os_str().is_empty() {
            faults.push((format!("{at}/{nth}"), "must be a path of a certificate file".to_owned()));
        }
        if files[..nth].contains(path) {
            faults.push((format!("{at}/{nth}"), "stands there already".to_owned()));
        }
    }
}

/// What of files cannot be used, by what a look into each says: the key that names it, and its path with what is wrong.
pub fn unfit_files(
    files: &[PathBuf],
    at: &str,
    config: &Path,
    look: impl Fn(&Path) -> Result<(), String>,
) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (nth, path) in files.iter().enumerate() {
        if let Err(cause) = look(&config.join(path)) {
            faults.push((format!("{at}/{nth}"), format!("{}: {cause}", path.display())));
        }
    }
    faults
}

/// Reads a file with certificates, PEM or DER.
pub fn read(path: &Path) -> Result<Vec<Certificate>, String> {
    let octets = watched::read(path, "certificate").map_err(|fault| fault.to_string())?;
    let file = keys::read(&octets, "").map_err(|fault| fault.to_string())?;
    match file.certificates.is_empty() {
        true => Err(KeyFault::Empty.to_string()),
        false => Ok(file.certificates),
    }
}
