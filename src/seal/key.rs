//! AES-256-GCM keys in tiers: a master key wraps Mandant keys, those wrap child, Vorgang and data keys, data keys seal octets.
//! Never stores anything and never says which octet was wrong.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, rand};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use crate::seal::index::Index;

/// Octets of a key.
pub const KEY_LEN: usize = 32;
/// First octet of everything sealed here; another one is of another program version.
pub const VERSION: u8 = 1;
/// What sealing adds to the length of the octets: version, nonce, tag.
pub const OVERHEAD: usize = 1 + NONCE_LEN + 16;

/// Why octets could not be sealed or opened; says nothing about the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Wrong key, wrong place, or changed octets.
    #[error("octets are damaged, of another row or of another key")]
    Damaged,
    /// The sealed form was written by another version of the program.
    #[error("octets are sealed in a form that this program does not know")]
    Form,
    /// The system's random source failed.
    #[error("the system gives no random octets")]
    Random,
}

/// A key; its octets are wiped when it is dropped.
pub struct Key {
    octets: Zeroizing<[u8; KEY_LEN]>,
    cipher: LessSafeKey,
}

impl Key {
    /// A fresh random key.
    pub fn random() -> Result<Key, SealError> {
        let mut octets = Zeroizing::new([0; KEY_LEN]);
        rand::fill(octets.as_mut()).map_err(|_| SealError::Random)?;
        Key::from_octets(octets)
    }

    fn from_octets(octets: Zeroizing<[u8; KEY_LEN]>) -> Result<Key, SealError> {
        let cipher = UnboundKey::new(&AES_256_GCM, octets.as_ref()).map_err(|_| SealError::Form)?;
        Ok(Key { octets, cipher: LessSafeKey::new(cipher) })
    }

    /// Seals octets for one place: version, random nonce, ciphertext, tag. They open only under the same place.
    pub fn seal(&self, place: &Place, octets: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let mut sealed = Vec::with_capacity(octets.len() + OVERHEAD);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(octets);
        let tag = self.encrypt(nonce, place.0.as_slice(), &mut sealed[1 + NONCE_LEN..])?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what [`Key::seal`] made for this place.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        if sealed.first() != Some(&VERSION) {
            return Err(SealError::Form);
        }
        if sealed.len() < OVERHEAD {
            return Err(SealError::Damaged);
        }
        let nonce = sealed[1..1 + NONCE_LEN].try_into().map_err(|_| SealError::Damaged)?;
        let mut octets = sealed[1 + NONCE_LEN..].to_vec();
        let len = self.decrypt(nonce, place.0.as_slice(), &mut octets)?;
        octets.truncate(len);
        Ok(octets)
    }

    /// Seals another key.
    pub fn wrap(&self, place: &Place, key: &Key) -> Result<Vec<u8>, SealError> {
        self.seal(place, key.octets.as_ref())
    }

    /// Opens a key that [`Key::wrap`] sealed.
    pub fn unwrap(&self, place: &Place, wrapped: &[u8]) -> Result<Key, SealError> {
        let octets = Zeroizing::new(self.open(place, wrapped)?);
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if octets.len() != KEY_LEN {
            return Err(SealError::Form);
        }
        key.copy_from_slice(&octets);
        Key::from_octets(key)
    }

    /// A second handle on the same key.
    pub fn again(&self) -> Result<Key, SealError> {
        Key::from_octets(self.octets.clone())
    }

    pub(crate) fn encrypt(
        &self,
        nonce: [u8; NONCE_LEN],
        bound: &[u8],
        octets: &mut [u8],
    ) -> Result<[u8; 16], SealError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .cipher
            .seal_in_place_separate_tag(nonce, Aad::from(bound), octets)
            .map_err(|_| SealError::Damaged)?;
        tag.as_ref().try_into().map_err(|_| SealError::Form)
    }

    pub(crate) fn decrypt(
        &self,
        nonce: [u8; NONCE_LEN],
        bound: &[u8],
        octets: &mut [u8],
    ) -> Result<usize, SealError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain =
            self.cipher.open_in_place(nonce, Aad::from(bound), octets).map_err(|_| SealError::Damaged)?;
        Ok(plain.len())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Where sealed octets belong: table, row and column; bound to them, so that rows cannot be swapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Vec<u8>);

impl Place {
    /// A place from its parts; each part is written with its length, so parts cannot run into each other.
    pub fn new(table: &str, row: &[u8], column: &str) -> Place {
        let mut octets = Vec::with_capacity(table.len() + row.len() + column.len() + 12);
        for part in [table.as_bytes(), row, column.as_bytes()] {
            // No table, row id or column comes near 4 GiB.
            octets.extend_from_slice(&(part.len() as u32).to_be_bytes());
            octets.extend_from_slice(part);
        }
        Place(octets)
    }
}

/// The key that the operator holds: it never seals content, only Mandant keys, and is the root of the blind indexes.
pub struct Master {
    wrapping: Key,
    root: hkdf::Prk,
}

impl Master {
    /// Derives the wrapping key and the root of the indexes from 32 octets.
    pub fn new(secret: &SecretBox<[u8; KEY_LEN]>) -> Result<Master, SealError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"drehscheibe").extract(secret.expose_secret());
        let wrapping = Key::from_octets(expand(&root, "wrap")?)?;
        Ok(Master { wrapping, root })
    }

    /// The key that wraps Mandant keys.
    pub fn wrapping(&self) -> &Key {
        &self.wrapping
    }

    /// A blind index for one use; different uses give unrelated values.
    pub fn index(&self, used_for: &str) -> Result<Index, SealError> {
        let key = expand(&self.root, &format!("index/{used_for}"))?;
        Ok(Index::new(key.as_ref()))
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(..)")
    }
}

fn expand(root: &hkdf::Prk, info: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, SealError> {
    let mut octets = Zeroizing::new([0; KEY_LEN]);
    root.expand(&[info.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(octets.as_mut()))
        .map_err(|_| SealError::Form)?;
    Ok(octets)
}

/// SHA-256 of octets.
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    hash
}

/// Random octets for salts and names that tell nothing.
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut octets = [0; N];
    rand::fill(&mut octets).map_err(|_| SealError::Random)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_place_and_with_its_key() {
        let (key, other) = (Key::random().unwrap(), Key::random().unwrap());
        let place = Place::new("inbox", b"1", "body");
        let sealed = key.seal(&place, b"Anna").unwrap();
        assert_eq!(sealed.len(), 4 + OVERHEAD);
        assert_eq!(key.open(&place, &sealed).unwrap(), b"Anna");
        assert_eq!(key.open(&Place::new("inbox", b"2", "body"), &sealed), Err(SealError::Damaged));
        assert_eq!(key.open(&Place::new("inbo", b"x1", "body"), &sealed), Err(SealError::Damaged));
        assert_eq!(other.open(&place, &sealed), Err(SealError::Damaged));
    }

    #[test]
    fn every_changed_octet_is_found() {
        let key = Key::random().unwrap();
        let place = Place::new("t", b"r", "c");
        let sealed = key.seal(&place, b"content").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&place, &changed).is_err(), "octet {at}");
        }
        for len in 0..sealed.len() {
            assert!(key.open(&place, &sealed[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn same_octets_seal_differently_and_wrapped_keys_open() {
        let (outer, inner) = (Key::random().unwrap(), Key::random().unwrap());
        let place = Place::new("t", b"r", "c");
        assert_ne!(outer.seal(&place, b"x").unwrap(), outer.seal(&place, b"x").unwrap());
        let wrapped = outer.wrap(&place, &inner).unwrap();
        let again = outer.unwrap(&place, &wrapped).unwrap();
        let sealed = inner.seal(&place, b"x").unwrap();
        assert_eq!(again.open(&place, &sealed).unwrap(), b"x");
        assert_eq!(format!("{inner:?}"), "Key(..)");
    }

    #[test]
    fn indexes_are_separated_by_use_and_by_master() {
        let master = Master::new(&SecretBox::new(Box::new([7; 32]))).unwrap();
        let other = Master::new(&SecretBox::new(Box::new([8; 32]))).unwrap();
        let tag = master.index("search").unwrap().tag(b"k");
        assert_eq!(tag, master.index("search").unwrap().tag(b"k"));
        assert_ne!(tag, master.index("order").unwrap().tag(b"k"));
        assert_ne!(tag, other.index("search").unwrap().tag(b"k"));
    }
}
