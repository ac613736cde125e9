//! Where a stage lies on disk. Reads nothing and starts nothing.

use std::path::PathBuf;

use crate::route::compiled::Compiled;

/// The folders that a process works in.
#[derive(Clone, Debug)]
pub struct Place {
    /// Folder of the stage: `connections.yaml`, `partners.yaml`, secrets.
    pub config: PathBuf,
    /// Folder of the route files.
    pub routes: PathBuf,
    /// Folder of the packages of the standards.
    pub xsd: PathBuf,
    /// Folder of what is stored; relative paths of connections are relative to it.
    pub data: PathBuf,
}

impl Place {
    /// The folder of the store of a compiled stage.
    pub fn store_folder(&self, compiled: &Compiled) -> PathBuf {
        self.data.join(&compiled.stage.store_path)
    }
}
