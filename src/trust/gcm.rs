//! AES-GCM with an initialisation vector of any length (NIST SP 800-38D): the library of the house takes 12 octets only,
//! OSCI's older libraries write 16. It never lets plaintext out whose tag was not checked.
//!
//! The counter has 32 bits and wraps inside its block (SP 800-38D, 6.2), while the counter mode of the library carries
//! into the rest of the block; so the octets are handled in two runs when the counter wraps.

use aws_lc_rs::cipher::{
    Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use ghash::universal_hash::UniversalHash;
use ghash::{Block, GHash};

use super::digest;

const BLOCK: usize = 16;
/// Octets of a tag; a shorter one is refused (truncated tags are easy to forge).
pub const TAG: usize = 16;
/// The most that one vector may encrypt (SP 800-38D, 5.2.1.1), in blocks.
const MOST_BLOCKS: u64 = (1 << 32) - 2;

/// Checks the tag and decrypts `octets` in place; `None` when anything is wrong, `octets` then is as it came.
pub fn open(
    algorithm: &'static Algorithm,
    key: &[u8],
    iv: &[u8],
    octets: &mut [u8],
    tag: &[u8],
) -> Option<()> {
    let cipher = Cipher::new(algorithm, key, iv)?;
    if !digest::equal(&cipher.tag(octets)?, tag) {
        return None;
    }
    cipher.counter(octets)
}

/// Encrypts `octets` in place and gives the tag.
pub fn seal(algorithm: &'static Algorithm, key: &[u8], iv: &[u8], octets: &mut [u8]) -> Option<[u8; TAG]> {
    let cipher = Cipher::new(algorithm, key, iv)?;
    cipher.counter(octets)?;
    cipher.tag(octets)
}

struct Cipher<'k> {
    algorithm: &'static Algorithm,
    key: &'k [u8],
    hash: GHash,
    /// The first counter block, which encrypts the tag.
    first: [u8; BLOCK],
}

impl<'k> Cipher<'k> {
    fn new(algorithm: &'static Algorithm, key: &'k [u8], iv: &[u8]) -> Option<Self> {
        if iv.is_empty() {
            return None;
        }
        let hash = GHash::new(&encrypted_block(algorithm, key, [0; BLOCK])?.into());
        let first = if iv.len() == 12 {
            let mut first = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            first[..12].copy_from_slice(iv);
            first
        } else {
            hashed(hash.clone(), iv)?
        };
        Some(Cipher { algorithm, key, hash, first })
    }

    fn tag(&self, encrypted: &[u8]) -> Option<[u8; TAG]> {
        let mut tag = hashed(self.hash.clone(), encrypted)?;
        let mask = encrypted_block(self.algorithm, self.key, self.first)?;
        tag.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
        Some(tag)
    }

    /// Encryption and decryption are the same.
    fn counter(&self, octets: &mut [u8]) -> Option<()> {
        if (octets.len() as u64).div_ceil(BLOCK as u64) > MOST_BLOCKS {
            return None;
        }
        let mut start = self.first;
        let counter = u32::from_be_bytes([start[12], start[13], start[14], start[15]]).wrapping_add(1);
        start[12..].copy_from_slice(&counter.to_be_bytes());
        let until_wrap = ((1u64 << 32) - u64::from(counter)) * BLOCK as u64;
        let split =
            usize::try_from(until_wrap).map_or(octets.len(), |octets_left| octets_left.min(octets.len()));
        let (before, after) = octets.split_at_mut(split);
        self.run(start, before)?;
        start[12..].fill(0);
        self.run(start, after)
    }

    fn run(&self, start: [u8; BLOCK], octets: &mut [u8]) -> Option<()> {
        if octets.is_empty() {
            return Some(());
        }
        let key = UnboundCipherKey::new(self.algorithm, self.key).ok()?;
        let context = DecryptionContext::Iv128(FixedLength::from(start));
        DecryptingKey::ctr(key).ok()?.decrypt(octets, context).ok().map(drop)
    }
}

/// GHASH over `octets`, filled up with zeros, and the block of lengths in bits; there is no associated data.
fn hashed(mut hash: GHash, octets: &[u8]) -> Option<[u8; BLOCK]> {
    hash.update_padded(octets);
    let mut lengths = [0; BLOCK];
    lengths[8..].copy_from_slice(&(octets.len() as u64).checked_mul(8)?.to_be_bytes());
    hash.update(&[Block::from(lengths)]);
    Some(hash.finalize().into())
}

fn encrypted_block(algorithm: &'static Algorithm, key: &[u8], mut block: [u8; BLOCK]) -> Option<[u8; BLOCK]> {
    let key = UnboundCipherKey::new(algorithm, key).ok()?;
    EncryptingKey::ecb(key).ok()?.less_safe_encrypt(&mut block, EncryptionContext::None).ok()?;
    Some(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::aead;
    use aws_lc_rs::cipher::{AES_128, AES_192, AES_256};

    fn octets(hexadecimal: &str) -> Vec<u8> {
        hex::decode(hexadecimal).unwrap()
    }

    /// Counter mode as the standard writes it down, block by block.
    fn counter_by_hand(key: &[u8], first: [u8; 16], octets: &mut [u8]) {
        let mut block = first;
        for piece in octets.chunks_mut(16) {
            let counter = u32::from_be_bytes(block[12..].try_into().unwrap()).wrapping_add(1);
            block[12..].copy_from_slice(&counter.to_be_bytes());
            let mask = encrypted_block(&AES_256, key, block).unwrap();
            piece.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
        }
    }

    #[test]
    fn the_vectors_of_the_specification_of_gcm_hold_for_vectors_of_8_and_60_octets() {
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 5, 6 (without their associated data the
        // ciphertext is the same) and 17, 18.
        let plain = octets(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let long = octets(
            "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
        );
        let key = octets("feffe9928665731c6d6a8f9467308308");
        let long_key = octets("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        for (algorithm, key, iv, begins) in [
            (&AES_128, &key, octets("cafebabefacedbad"), "61353b4c2806934a777ff51fa22a4755"),
            (&AES_128, &key, long.clone(), "8ce24998625615b603a033aca13fb894"),
            (&AES_256, &long_key, octets("cafebabefacedbad"), "c3762df1ca787d32ae47c13bf19844cb"),
            (&AES_256, &long_key, long.clone(), "5a8def2f0c9e53f1f75d7853659e2a20"),
        ] {
            let mut text = plain.clone();
            let tag = seal(algorithm, key, &iv, &mut text).unwrap();
            assert_eq!(hex::encode(&text[..16]), begins);
            open(algorithm, key, &iv, &mut text, &tag).unwrap();
            assert_eq!(text, plain);
        }
    }

    #[test]
    fn a_vector_of_12_octets_gives_what_the_library_gives() {
        for (algorithm, aead, size) in [
            (&AES_128, &aead::AES_128_GCM, 16),
            (&AES_192, &aead::AES_192_GCM, 24),
            (&AES_256, &aead::AES_256_GCM, 32),
        ] {
            let key: Vec<u8> = (0..size).collect();
            for length in [0, 1, 15, 16, 17, 100, 4096] {
                let plain: Vec<u8> = (0..length).map(|at| at as u8).collect();
                let (mut ours, mut theirs) = (plain.clone(), plain);
                let tag = seal(algorithm, &key, &[7; 12], &mut ours).unwrap();
                let sealing = aead::LessSafeKey::new(aead::UnboundKey::new(aead, &key).unwrap());
                let nonce = aead::Nonce::assume_unique_for_key([7; 12]);
                sealing.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut theirs).unwrap();
                assert_eq!([ours, tag.to_vec()].concat(), theirs);
            }
        }
    }

    #[test]
    fn the_counter_wraps_inside_its_32_bits() {
        let key = [0x42; 32];
        for ends in [0xffff_ffffu32, 0xffff_fffe, 0xffff_fffd, 0, 0x7fff_ffff] {
            let mut first = [0xAB; 16];
            first[12..].copy_from_slice(&ends.to_be_bytes());
            let hash = GHash::new(&encrypted_block(&AES_256, &key, [0; 16]).unwrap().into());
            let cipher = Cipher { algorithm: &AES_256, key: &key, hash, first };
            for length in [0, 1, 16, 17, 32, 33, 48, 100, 1000] {
                let mut ours: Vec<u8> = (0..length).map(|at| at as u8).collect();
                let mut by_hand = ours.clone();
                cipher.counter(&mut ours).unwrap();
                counter_by_hand(&key, first, &mut by_hand);
                assert_eq!(ours, by_hand, "{ends:x} {length}");
            }
        }
    }

    #[test]
    fn a_vector_whose_first_counter_is_ffffffff_is_opened() {
        // Made with an independent implementation (Python `cryptography`): key 00..1f, a vector of 16 octets that GHASH
        // turns into a block that ends in ffffffff, so that every block after the first has wrapped.
        let key: Vec<u8> = (0..32).collect();
        let iv = octets(WRAPPING_IV);
        let cipher = Cipher::new(&AES_256, &key, &iv).unwrap();
        assert_eq!(cipher.first[12..], [0xff; 4]);
        let mut text = octets(WRAPPING_TEXT);
        let tag = octets(WRAPPING_TAG);
        open(&AES_256, &key, &iv, &mut text, &tag).unwrap();
        assert_eq!(text, (0..80).collect::<Vec<u8>>());
    }

    #[test]
    fn one_changed_bit_or_a_short_tag_is_refused() {
        let key = [1; 32];
        let mut text = *b"a text of more than one block ..";
        let tag = seal(&AES_256, &key, &[9; 16], &mut text).unwrap();
        for bit in 0..8 * text.len() {
            let mut other = text;
            other[bit / 8] ^= 1 << (bit % 8);
            let came = other;
            assert!(open(&AES_256, &key, &[9; 16], &mut other, &tag).is_none());
            assert_eq!(other, came);
        }
        for length in 0..TAG {
            assert!(open(&AES_256, &key, &[9; 16], &mut text.clone(), &tag[..length]).is_none());
        }
        assert!(open(&AES_256, &key, &[], &mut text.clone(), &tag).is_none());
    }

    const WRAPPING_IV: &str = "4e39e36d80161346d42641e48a317e30";
    const WRAPPING_TEXT: &str = "986fc44023c3bb2ca22306131d198c813614a0cc90918dbc58ab24a1c70a68bba711c67d961d65772650a55cafbbbd2f4cafd2969311f0938a7ec225f96d9518adca76e788f68b5cc952e1c1bf02a76d";
    const WRAPPING_TAG: &str = "07d7f5c71fcd199e357ce94c57e9ac61";
}
