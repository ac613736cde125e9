//! Unwrapping and wrapping of message keys: the trait that a key in a file and a key in an HSM both fill.
//! It never says why a key did not come out: it gives a key that opens nothing instead, so that an attacker sees neither by
//! answer nor by time whether a padding was right (implicit rejection).

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OAEP_SHA512_MGF1SHA512, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use zeroize::Zeroizing;

use super::certificate::{Certificate, KeyKind};
use super::der;
use super::keys::{KeyFault, PrivateKey};

/// How a message key is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256, no label.
    OaepSha256,
    /// RSAES-OAEP with SHA-512 and MGF1 with SHA-512, no label.
    OaepSha512,
    /// RSAES-PKCS1-v1_5, to read only.
    RsaPkcs1,
}

impl Wrap {
    /// Whether it is the old padding, which is only read and only where a partner's policy says so.
    pub fn is_legacy(self) -> bool {
        self == Wrap::RsaPkcs1
    }

    fn oaep(self) -> Option<&'static OaepAlgorithm> {
        match self {
            Wrap::OaepSha256 => Some(&OAEP_SHA256_MGF1SHA256),
            Wrap::OaepSha512 => Some(&OAEP_SHA512_MGF1SHA512),
            Wrap::RsaPkcs1 => None,
        }
    }
}

/// Who unwraps message keys.
pub trait Decrypter: Send + Sync {
    /// Whether it holds the private key of `certificate`.
    fn holds(&self, certificate: &Certificate) -> bool;

    /// Unwraps a key of `length` octets. What cannot be unwrapped gives a key of that length that nobody knows; the cipher
    /// then finds that it does not fit.
    fn unwrap(&self, wrap: Wrap, wrapped: &[u8], length: usize) -> Zeroizing<Vec<u8>>;
}

/// A decrypter whose key lies in memory.
pub struct KeyDecrypter {
    public_key: Vec<u8>,
    oaep: OaepPrivateDecryptingKey,
    pkcs1: Pkcs1PrivateDecryptingKey,
    /// Makes the keys that open nothing.
    reject: hmac::Key,
}

impl KeyDecrypter {
    /// Takes an RSA key.
    pub fn new(key: &PrivateKey) -> Result<Self, KeyFault> {
        let PrivateKey::Rsa { pkcs8, public_key } = key else { return Err(KeyFault::NotRsa) };
        let parsed = || PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| KeyFault::Unusable);
        Ok(KeyDecrypter {
            public_key: public_key.clone(),
            oaep: OaepPrivateDecryptingKey::new(parsed()?).map_err(|_| KeyFault::Unusable)?,
            pkcs1: Pkcs1PrivateDecryptingKey::new(parsed()?).map_err(|_| KeyFault::Unusable)?,
            reject: hmac::Key::new(hmac::HMAC_SHA512, pkcs8),
        })
    }
}

impl Decrypter for KeyDecrypter {
    fn holds(&self, certificate: &Certificate) -> bool {
        certificate.key() == KeyKind::Rsa && certificate.public_key() == self.public_key
    }

    fn unwrap(&self, wrap: Wrap, wrapped: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        // Made in any case, so that the time is the same.
        let rejection = hmac::sign(&self.reject, wrapped);
        let mut room = Zeroizing::new(vec![0; self.oaep.min_output_size().max(self.pkcs1.min_output_size())]);
        let key = match wrap.oaep() {
            Some(oaep) => self.oaep.decrypt(oaep, wrapped, &mut room, None),
            None => self.pkcs1.decrypt(wrapped, &mut room),
        };
        match key {
            Ok(key) if key.len() == length => Zeroizing::new(key.to_vec()),
            _ => Zeroizing::new(rejection.as_ref().iter().copied().cycle().take(length).collect()),
        }
    }
}

impl fmt::Debug for KeyDecrypter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDecrypter").finish_non_exhaustive()
    }
}

/// Wraps a message key for the holder of `certificate`. `None` for a padding that is only read, or no RSA key of 2048 to
/// 8192 bits.
pub fn wrap(wrap: Wrap, key: &[u8], certificate: &Certificate) -> Option<Vec<u8>> {
    let algorithm = wrap.oaep()?;
    if certificate.key() != KeyKind::Rsa {
        return None;
    }
    let public = PublicEncryptingKey::from_der(&spki(certificate.public_key())).ok()?;
    let public = OaepPublicEncryptingKey::new(public).ok()?;
    let mut room = vec![0; public.ciphertext_size()];
    let length = public.encrypt(algorithm, key, &mut room, None).ok()?.len();
    room.truncate(length);
    Some(room)
}

/// SubjectPublicKeyInfo (RFC 5280, 4.1) of an RSAPublicKey: certificates may name it id-RSASSA-PSS, the library wants
/// rsaEncryption.
fn spki(public_key: &[u8]) -> Vec<u8> {
    let bits = der::write(der::BITS, &[&[0], public_key]);
    der::write(der::SEQUENCE, &[&der::rsa_algorithm(), &bits])
}
