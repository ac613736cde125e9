//! Files that a command lays down for a person: folders that only he can enter, names that nothing is written over, and none of a stranger's.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::exit::CliError;

/// The folders that were made for what is fetched.
pub struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder with what is missing above it.
    pub fn folder(to: &Path) -> Result<Made, CliError> {
        let missing = to.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let missing = missing.map(Path::to_owned).collect();
        DirBuilder::new().recursive(true).mode(0o700).create(to)?;
        Ok(Made(missing))
    }

    /// Takes away what is still empty of them, the innermost first.
    pub fn take_back(self) {
        for folder in self.0 {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// A path of that name where nothing lies.
pub fn free(folder: &Path, name: &str, ending: &str) -> PathBuf {
    let of = |number: u32| match number {
        1 => folder.join(format!("{name}.{ending}")),
        _ => folder.join(format!("{name}-{number}.{ending}")),
    };
    (1..).map(of).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| folder.join(name))
}

/// The ending of a file of a media type.
pub fn ending(content_type: &str) -> &'static str {
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/pdf" => "pdf",
        "application/json" => "json",
        "text/plain" => "txt",
        kind if kind.ends_with("xml") => "xml",
        _ => "bin",
    }
}
