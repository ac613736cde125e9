//! Block ciphers as XML Encryption uses them: the vector before the text, the tag behind it. It never says why it failed.
//!
//! The old modes (CBC, Triple DES) can only be read, and only by a caller who says that they are allowed: they prove
//! nothing about the text, and whoever answers differently to bad padding and bad text gives the text away.

use aws_lc_rs::aead;
use aws_lc_rs::cipher::{self as block, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use thiserror::Error;

use super::gcm;

/// It could not be decrypted; one answer for every cause, so that nobody can ask for the text octet by octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "cannot be decrypted; the sender must encrypt for a certificate that is in force and send the text unchanged"
)]
pub struct Undecryptable;

/// A cipher and its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM
    Aes128Gcm,
    /// AES-192-GCM
    Aes192Gcm,
    /// AES-256-GCM
    Aes256Gcm,
    /// AES-128-CBC, to read only.
    Aes128Cbc,
    /// AES-192-CBC, to read only.
    Aes192Cbc,
    /// AES-256-CBC, to read only.
    Aes256Cbc,
    /// Triple DES in CBC mode with three keys, to read only.
    TripleDesCbc,
}

impl Cipher {
    /// Octets of a key.
    pub fn key_length(self) -> usize {
        match self {
            Cipher::Aes128Gcm | Cipher::Aes128Cbc => 16,
            Cipher::Aes192Gcm | Cipher::Aes192Cbc | Cipher::TripleDesCbc => 24,
            Cipher::Aes256Gcm | Cipher::Aes256Cbc => 32,
        }
    }

    /// Whether it is one of the old modes, which prove nothing about the text.
    pub fn is_legacy(self) -> bool {
        self.gcm().is_none()
    }

    fn gcm(self) -> Option<(&'static aead::Algorithm, &'static block::Algorithm)> {
        match self {
            Cipher::Aes128Gcm => Some((&aead::AES_128_GCM, &block::AES_128)),
            Cipher::Aes192Gcm => Some((&aead::AES_192_GCM, &block::AES_192)),
            Cipher::Aes256Gcm => Some((&aead::AES_256_GCM, &block::AES_256)),
            _ => None,
        }
    }
}

/// Decrypts `octets` (vector, text, and for GCM a tag of 16 octets) without a second buffer.
///
/// `iv_length` is that of a GCM vector in octets, 12 or 16; the vector of a CBC mode is one block.
pub fn open(
    cipher: Cipher,
    key: &[u8],
    iv_length: usize,
    mut octets: Vec<u8>,
) -> Result<Vec<u8>, Undecryptable> {
    let text = match cipher.gcm() {
        Some((aead, block)) => open_gcm(aead, block, key, iv_length, &mut octets),
        None => open_cbc(cipher, key, &mut octets),
    }
    .ok_or(Undecryptable)?;
    octets.truncate(text.end);
    octets.drain(..text.start);
    Ok(octets)
}

fn open_gcm(
    aead: &'static aead::Algorithm,
    block: &'static block::Algorithm,
    key: &[u8],
    iv_length: usize,
    octets: &mut [u8],
) -> Option<std::ops::Range<usize>> {
    if !matches!(iv_length, 12 | 16) {
        return None;
    }
    let end = octets.len().checked_sub(gcm::TAG).filter(|end| *end >= iv_length)?;
    let (iv, text) = octets.split_at_mut(iv_length);
    if iv_length == 12 {
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(aead, key).ok()?);
        let nonce = aead::Nonce::try_assume_unique_for_key(iv).ok()?;
        key.open_in_place(nonce, aead::Aad::empty(), text).ok()?;
    } else {
        let (text, tag) = text.split_at_mut(end - iv_length);
        gcm::open(block, key, iv, text, tag)?;
    }
    Some(iv_length..end)
}

#[expect(deprecated, reason = "triple des is read from old partners whose policy says so, never written")]
fn open_cbc(cipher: Cipher, key: &[u8], octets: &mut [u8]) -> Option<std::ops::Range<usize>> {
    let (algorithm, key, size) = match (cipher, key.len()) {
        (Cipher::Aes128Cbc, _) => (&block::AES_128, key, 16),
        (Cipher::Aes192Cbc, _) => (&block::AES_192, key, 16),
        (Cipher::Aes256Cbc, _) => (&block::AES_256, key, 16),
        // Libraries write the first key as the third one, too: that is Triple DES with two keys.
        (Cipher::TripleDesCbc, 24) if key[..8] == key[16..] => {
            (&block::DES_EDE_FOR_LEGACY_USE_ONLY, &key[..16], 8)
        }
        (Cipher::TripleDesCbc, _) => (&block::DES_EDE3_FOR_LEGACY_USE_ONLY, key, 8),
        _ => return None,
    };
    let end = octets.len();
    if end < 2 * size || !end.is_multiple_of(size) {
        return None;
    }
    let (iv, text) = octets.split_at_mut(size);
    let context = match size {
        16 => DecryptionContext::Iv128(FixedLength::try_from(&*iv).ok()?),
        _ => DecryptionContext::Iv64(FixedLength::try_from(&*iv).ok()?),
    };
    let key = UnboundCipherKey::new(algorithm, key).ok()?;
    DecryptingKey::cbc(key).ok()?.decrypt(text, context).ok()?;
    // XML Encryption 1.1, 5.2: only the last octet of the padding says anything.
    let padding = usize::from(*octets.last()?);
    (1..=size).contains(&padding).then(|| size..end - padding)
}

/// Encrypts `text` with GCM: gives vector, text and tag. `None` for a cipher that is only read, a key of another length or
/// a vector that has not 12 or 16 octets. A vector must never come twice with the same key.
pub fn seal(cipher: Cipher, key: &[u8], iv: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let (aead, block) = cipher.gcm()?;
    let mut sealed = Vec::with_capacity(iv.len() + text.len() + gcm::TAG);
    sealed.extend_from_slice(iv);
    sealed.extend_from_slice(text);
    let body = &mut sealed[iv.len()..];
    let tag = match iv.len() {
        12 => {
            let key = aead::LessSafeKey::new(aead::UnboundKey::new(aead, key).ok()?);
            let nonce = aead::Nonce::try_assume_unique_for_key(iv).ok()?;
            key.seal_in_place_separate_tag(nonce, aead::Aad::empty(), body).ok()?.as_ref().to_vec()
        }
        16 => gcm::seal(block, key, iv, body)?.to_vec(),
        _ => return None,
    };
    sealed.extend_from_slice(&tag);
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GCM: [Cipher; 3] = [Cipher::Aes128Gcm, Cipher::Aes192Gcm, Cipher::Aes256Gcm];

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        for cipher in GCM {
            let key = vec![3; cipher.key_length()];
            for iv in [&[5; 12][..], &[5; 16]] {
                for text in [&b""[..], b"x", &[7; 1000]] {
                    let sealed = seal(cipher, &key, iv, text).unwrap();
                    assert_eq!(open(cipher, &key, iv.len(), sealed.clone()).unwrap(), text);
                    assert_eq!(open(cipher, &key, 28 - iv.len(), sealed.clone()), Err(Undecryptable));
                    for at in (0..sealed.len()).step_by(7).chain([sealed.len() - 1]) {
                        let mut other = sealed.clone();
                        other[at] ^= 1;
                        assert_eq!(open(cipher, &key, iv.len(), other), Err(Undecryptable));
                    }
                    for length in 0..sealed.len().min(60) {
                        assert!(open(cipher, &key, iv.len(), sealed[..length].to_vec()).is_err());
                    }
                    assert!(open(cipher, &key[1..], iv.len(), sealed).is_err());
                }
            }
            assert!(seal(cipher, &key, &[0; 13], b"").is_none());
        }
        assert!(seal(Cipher::Aes256Cbc, &[0; 32], &[0; 16], b"").is_none());
    }

    #[test]
    fn what_is_no_block_or_no_padding_is_refused() {
        for (cipher, size) in [(Cipher::Aes256Cbc, 16), (Cipher::TripleDesCbc, 8)] {
            let key: Vec<u8> = (0..cipher.key_length() as u8).collect();
            for length in [0, 1, size, 2 * size - 1, 2 * size + 1] {
                assert_eq!(open(cipher, &key, 0, vec![0; length]), Err(Undecryptable));
            }
        }
    }
}
