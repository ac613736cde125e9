//! Making signatures: the trait that a key in a file and a key in an HSM both fill, and the first of the two.
//! It never gives a key out.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, RsaEncoding, RsaKeyPair};
use thiserror::Error;

use super::brainpool;
use super::certificate::Certificate;
use super::ec;
use super::keys::{KeyFault, PrivateKey};
use super::scheme::Scheme;

/// Nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignFault {
    /// The key cannot be used with the scheme.
    #[error("the key does not fit the signature scheme; choose a scheme of its kind")]
    Unfit,
    /// The holder of the key refused or is away.
    #[error("the key did not sign; see whether its holder is there")]
    Failed,
}

/// Who signs.
pub trait Signer: Send + Sync {
    /// The certificate of the key.
    fn certificate(&self) -> &Certificate;

    /// Signs `message` (not a digest of it); ECDSA values are r and s side by side.
    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, SignFault>;
}

/// A signer whose key lies in memory.
pub struct KeySigner {
    certificate: Certificate,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    P384(Box<EcdsaKeyPair>),
    Brainpool(Box<brainpool::Key>),
}

impl KeySigner {
    /// Takes a key and its certificate; refuses a certificate of another key.
    pub fn new(key: &PrivateKey, certificate: Certificate) -> Result<Self, KeyFault> {
        if !key.belongs_to(&certificate) {
            return Err(KeyFault::NotThisCertificate);
        }
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm, pkcs8: &[u8]| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map(Box::new).map_err(|_| KeyFault::Unusable)
        };
        let key = match key {
            PrivateKey::Rsa { pkcs8, .. } => {
                Key::Rsa(Box::new(RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyFault::Unusable)?))
            }
            PrivateKey::P256 { pkcs8, .. } => {
                Key::P256(ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8)?)
            }
            PrivateKey::P384 { pkcs8, .. } => {
                Key::P384(ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING, pkcs8)?)
            }
            PrivateKey::Brainpool { curve, scalar, .. } => {
                Key::Brainpool(Box::new(brainpool::Key::new(*curve, scalar).ok_or(KeyFault::Unusable)?))
            }
        };
        Ok(KeySigner { certificate, key })
    }
}

impl Signer for KeySigner {
    fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, SignFault> {
        let random = SystemRandom::new();
        let ecdsa = |key: &EcdsaKeyPair, size| {
            let value = key.sign(&random, message).map_err(|_| SignFault::Failed)?;
            ec::to_fixed(value.as_ref(), size).ok_or(SignFault::Failed)
        };
        match (&self.key, scheme) {
            (Key::Rsa(key), scheme) => {
                let padding: &'static dyn RsaEncoding = match scheme {
                    Scheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_SHA256,
                    Scheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_SHA512,
                    Scheme::RsaPssSha256 => &signature::RSA_PSS_SHA256,
                    Scheme::RsaPssSha512 => &signature::RSA_PSS_SHA512,
                    _ => return Err(SignFault::Unfit),
                };
                let mut value = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut value).map_err(|_| SignFault::Failed)?;
                Ok(value)
            }
            (Key::P256(key), Scheme::EcdsaSha256) => ecdsa(key, 32),
            (Key::P384(key), Scheme::EcdsaSha384) => ecdsa(key, 48),
            (Key::Brainpool(key), scheme) if scheme.fits(self.certificate.key()) => {
                key.sign(&scheme.digest_of(message)).ok_or(SignFault::Failed)
            }
            _ => Err(SignFault::Unfit),
        }
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySigner").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}
