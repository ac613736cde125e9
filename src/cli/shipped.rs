//! The routes and packages that this program ships with, for commands that are started outside of a checkout.
//! Only `demo` and `inspect` use them: a stage that runs names its own folders.

use std::io;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "routes"]
struct Routes;

#[derive(RustEmbed)]
#[folder = "xsd"]
struct Packages;

/// The folder of the packages: the one named if it is there, else the shipped ones written below `scratch`.
pub fn packages(named: &Path, scratch: &Path) -> io::Result<PathBuf> {
    match named.is_dir() {
        true => Ok(named.to_owned()),
        false => unpack::<Packages>(&scratch.join("xsd")),
    }
}

/// The folder of the routes: the one named if it is there, else the shipped ones written below `scratch`.
pub fn routes(named: &Path, scratch: &Path) -> io::Result<PathBuf> {
    match named.is_dir() {
        true => Ok(named.to_owned()),
        false => unpack::<Routes>(&scratch.join("routes")),
    }
}

fn unpack<E: RustEmbed>(folder: &Path) -> io::Result<PathBuf> {
    for name in E::iter() {
        let Some(file) = E::get(&name) else { continue };
        let path = folder.join(name.as_ref());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, file.data)?;
    }
    Ok(folder.to_owned())
}
