//! The routes and packages that this program ships with, for commands that are started outside of a checkout.
//! Only `demo`, `inspect` and `standards` use them: a stage that runs names its own folders.

use std::io;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use crate::xoev::schema::Files;

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

/// The files of one shipped package, `<standard>/<version>`, as the loader reads them; none when it is not shipped.
pub fn package(at: &str) -> Files {
    let folder = format!("{at}/");
    let is_read = |name: &str| {
        let inner =
            name.strip_prefix(&folder).filter(|inner| !inner.split('/').any(|part| part == "samples"));
        inner.is_some_and(|name| [".xsd", ".xml", ".yaml"].iter().any(|ending| name.ends_with(ending)))
    };
    Packages::iter()
        .filter(|name| is_read(name))
        .filter_map(|name| {
            let text = String::from_utf8(Packages::get(&name)?.data.into_owned()).ok()?;
            Some((name.into_owned(), text))
        })
        .collect()
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
