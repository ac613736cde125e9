//! The pieces of a support bundle and the archive made of them: a tar with gzip, every file readable as text.
//! Judges nothing; what comes here has been gathered by the list and searched.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

/// Folder inside the archive, so that unpacking litters nothing.
pub const FOLDER: &str = "drehscheibe-support";

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// Packs the pieces as they stand in the list; the same pieces and moment give the same octets.
pub fn pack(pieces: &[Piece], at: Timestamp) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for piece in pieces {
        let mut header = tar::Header::new_gnu();
        header.set_size(piece.text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or_default());
        archive.append_data(&mut header, format!("{FOLDER}/{}", piece.name), piece.text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}
