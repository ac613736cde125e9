//! ECDSA on the curves brainpoolP256r1 and brainpoolP384r1 (RFC 5639), which the library of the other curves has not.
//! It never makes a digest: what is signed comes as one.

use bp256::BrainpoolP256r1;
use bp256::r1::ecdsa::Signature as Signature256;
use bp384::BrainpoolP384r1;
use bp384::r1::ecdsa::Signature as Signature384;
use ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use ecdsa::{SigningKey, VerifyingKey};

/// Which of the two curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// brainpoolP256r1
    P256,
    /// brainpoolP384r1
    P384,
}

/// Whether `signature` (r and s side by side) of `digest` was made with the key of `point` (SEC 1, uncompressed).
pub fn verifies(curve: Curve, point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    match curve {
        Curve::P256 => VerifyingKey::<BrainpoolP256r1>::from_sec1_bytes(point).is_ok_and(|key| {
            Signature256::from_slice(signature).is_ok_and(|value| key.verify_prehash(digest, &value).is_ok())
        }),
        Curve::P384 => VerifyingKey::<BrainpoolP384r1>::from_sec1_bytes(point).is_ok_and(|key| {
            Signature384::from_slice(signature).is_ok_and(|value| key.verify_prehash(digest, &value).is_ok())
        }),
    }
}

/// A private key of one of the two curves; its nonces come from the digest (RFC 6979), not from chance.
pub enum Key {
    /// brainpoolP256r1
    P256(SigningKey<BrainpoolP256r1>),
    /// brainpoolP384r1
    P384(SigningKey<BrainpoolP384r1>),
}

impl Key {
    /// Takes the private number of a key.
    pub fn new(curve: Curve, scalar: &[u8]) -> Option<Key> {
        Some(match curve {
            Curve::P256 => Key::P256(SigningKey::from_slice(scalar).ok()?),
            Curve::P384 => Key::P384(SigningKey::from_slice(scalar).ok()?),
        })
    }

    /// The public point, uncompressed.
    pub fn point(&self) -> Vec<u8> {
        match self {
            Key::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Key::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    /// Signs a digest; r and s side by side.
    pub fn sign(&self, digest: &[u8]) -> Option<Vec<u8>> {
        Some(match self {
            Key::P256(key) => {
                let value: Signature256 = key.sign_prehash(digest).ok()?;
                value.to_bytes().to_vec()
            }
            Key::P384(key) => {
                let value: Signature384 = key.sign_prehash(digest).ok()?;
                value.to_bytes().to_vec()
            }
        })
    }
}
