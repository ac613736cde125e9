//! A folder for what nobody keeps: plays, imports, demonstrations. Never holds what a house was given to keep.

use std::path::{Path, PathBuf};

/// A folder below the system's temporary one, removed at the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// A new, empty one.
    pub fn new() -> std::io::Result<Scratch> {
        Scratch::below(&std::env::temp_dir())
    }

    /// A new, empty one in memory where the system has such a place: a play survives no power cut and waits for no disk.
    pub fn in_memory() -> std::io::Result<Scratch> {
        Scratch::below(Path::new("/dev/shm")).or_else(|_| Scratch::new())
    }

    fn below(folder: &Path) -> std::io::Result<Scratch> {
        let path = folder.join(format!("drehscheibe-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that cannot be removed holds invented persons only.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
