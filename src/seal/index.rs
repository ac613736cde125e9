//! Blind indexes: HMAC-SHA-256 under a key derived for one use, so that equal values meet and nothing can be read back.
//! Never keeps the value.

use std::fmt;

use aws_lc_rs::hmac;

/// Octets of a [`Tag`].
pub const TAG_LEN: usize = 16;

/// The short form kept in rows: 128 bits, so that two of a billion values meet by chance with probability below 10^-20.
pub type Tag = [u8; TAG_LEN];

/// A blind index for one use.
#[derive(Clone)]
pub struct Index(hmac::Key);

impl Index {
    pub(crate) fn new(key: &[u8]) -> Index {
        Index(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The short tag of a value.
    pub fn tag(&self, value: &[u8]) -> Tag {
        self.tag_of(&[value])
    }

    /// The short tag of parts; each is written with its length, so parts cannot run into each other.
    pub fn tag_of(&self, parts: &[&[u8]]) -> Tag {
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&self.full(parts)[..TAG_LEN]);
        tag
    }

    /// The whole 32 octets, for names of files.
    pub fn full(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Index(..)")
    }
}
