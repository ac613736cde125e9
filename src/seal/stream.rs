//! Long parts sealed in chunks, each with its number and a mark on the last one in the nonce, so that cutting, reordering and
//! joining are found. Holds one chunk at a time; never touches a file.

use aws_lc_rs::aead::NONCE_LEN;

use crate::seal::key::{Key, SealError, VERSION};

/// Clear octets of every chunk but the last.
pub const CHUNK: usize = 64 * 1024;
/// Octets of a sealed full chunk.
pub const SEALED_CHUNK: usize = CHUNK + 16;
/// First octets of a sealed stream.
pub const HEAD: [u8; 1] = [VERSION];

const BOUND: &[u8] = b"claim";

/// Seals chunks in order. The key must seal nothing else: nonces are counted.
#[derive(Debug)]
pub struct Sealer {
    key: Key,
    next: u64,
}

/// Opens chunks in order.
#[derive(Debug)]
pub struct Opener {
    key: Key,
    next: u64,
}

impl Sealer {
    /// A sealer under a key made for this one stream.
    pub fn new(key: Key) -> Sealer {
        Sealer { key, next: 0 }
    }

    /// Seals one chunk in place and appends its tag; all but the last must have [`CHUNK`] octets.
    pub fn chunk(&mut self, octets: &mut Vec<u8>, last: bool) -> Result<(), SealError> {
        let tag = self.key.encrypt(nonce(self.next, last), BOUND, octets)?;
        octets.extend_from_slice(&tag);
        self.next += 1;
        Ok(())
    }

    /// The key, to be wrapped when the stream is complete.
    pub fn into_key(self) -> Key {
        self.key
    }
}

impl Opener {
    /// An opener under the stream's key.
    pub fn new(key: Key) -> Opener {
        Opener { key, next: 0 }
    }

    /// Opens one chunk in place; `last` says that the stream ends here, which must be what was sealed.
    pub fn chunk(&mut self, octets: &mut Vec<u8>, last: bool) -> Result<(), SealError> {
        let len = self.key.decrypt(nonce(self.next, last), BOUND, octets)?;
        octets.truncate(len);
        self.next += 1;
        Ok(())
    }
}

fn nonce(number: u64, last: bool) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[0] = u8::from(last);
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(chunks: &[&[u8]]) -> (Key, Vec<Vec<u8>>) {
        let key = Key::random().unwrap();
        let mut sealer = Sealer::new(key.again().unwrap());
        let count = chunks.len();
        let sealed = chunks
            .iter()
            .enumerate()
            .map(|(n, chunk)| {
                let mut octets = chunk.to_vec();
                sealer.chunk(&mut octets, n + 1 == count).unwrap();
                octets
            })
            .collect();
        (key, sealed)
    }

    fn open(key: &Key, chunks: &[Vec<u8>]) -> Result<Vec<u8>, SealError> {
        let mut opener = Opener::new(key.again().unwrap());
        let mut whole = Vec::new();
        for (n, chunk) in chunks.iter().enumerate() {
            let mut octets = chunk.clone();
            opener.chunk(&mut octets, n + 1 == chunks.len())?;
            whole.extend(octets);
        }
        Ok(whole)
    }

    #[test]
    fn round_trip_also_of_nothing() {
        let (key, chunks) = sealed(&[b"one", b"two", b"three"]);
        assert_eq!(open(&key, &chunks).unwrap(), b"onetwothree");
        let (key, chunks) = sealed(&[b""]);
        assert_eq!(open(&key, &chunks).unwrap(), b"");
    }

    #[test]
    fn cut_swapped_doubled_and_changed_chunks_are_found() {
        let (key, chunks) = sealed(&[b"one", b"two", b"three"]);
        assert!(open(&key, &chunks[..2]).is_err());
        assert!(open(&key, &chunks[1..]).is_err());
        let swapped = vec![chunks[1].clone(), chunks[0].clone(), chunks[2].clone()];
        assert!(open(&key, &swapped).is_err());
        let doubled = vec![chunks[0].clone(), chunks[0].clone(), chunks[1].clone(), chunks[2].clone()];
        assert!(open(&key, &doubled).is_err());
        let mut changed = chunks.clone();
        changed[1][0] ^= 1;
        assert!(open(&key, &changed).is_err());
    }
}
