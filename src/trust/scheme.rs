//! The signature schemes that count: each names padding, curve size and digest at once, and asks for the kind of key.
//! It never lets a key be used with a scheme of another kind, and has no scheme that is broken.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::brainpool::{self, Curve};
use super::certificate::{Certificate, KeyKind};
use super::digest::Digest;
use super::ec;

/// A signature scheme. ECDSA values are r and s side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, salt of 32 octets.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512, salt of 64 octets.
    RsaPssSha512,
    /// ECDSA with SHA-256.
    EcdsaSha256,
    /// ECDSA with SHA-384.
    EcdsaSha384,
    /// ECDSA with SHA-512.
    EcdsaSha512,
}

impl Scheme {
    fn digest(self) -> Digest {
        match self {
            Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 | Scheme::EcdsaSha256 => Digest::Sha256,
            Scheme::EcdsaSha384 => Digest::Sha384,
            Scheme::RsaPkcs1Sha512 | Scheme::RsaPssSha512 | Scheme::EcdsaSha512 => Digest::Sha512,
        }
    }

    /// Whether a key of this kind can be used with the scheme.
    pub fn fits(self, key: KeyKind) -> bool {
        let rsa = matches!(
            self,
            Scheme::RsaPkcs1Sha256 | Scheme::RsaPkcs1Sha512 | Scheme::RsaPssSha256 | Scheme::RsaPssSha512
        );
        rsa == (key == KeyKind::Rsa) && key != KeyKind::Other
    }

    /// Whether `signature` over `message` was made with the key of `certificate`. RSA keys have 2048 to 8192 bits.
    pub fn verifies(self, certificate: &Certificate, message: &[u8], signature: &[u8]) -> bool {
        let key = certificate.public_key();
        let with = |algorithm: &'static dyn VerificationAlgorithm, signature: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        let ecdsa = |algorithm, size| ec::to_der(signature, size).is_some_and(|der| with(algorithm, &der));
        let brainpool = |curve| brainpool::verifies(curve, key, &self.digest().of(message), signature);
        match (self, certificate.key()) {
            (Scheme::RsaPkcs1Sha256, KeyKind::Rsa) => with(&signature::RSA_PKCS1_2048_8192_SHA256, signature),
            (Scheme::RsaPkcs1Sha512, KeyKind::Rsa) => with(&signature::RSA_PKCS1_2048_8192_SHA512, signature),
            (Scheme::RsaPssSha256, KeyKind::Rsa) => with(&signature::RSA_PSS_2048_8192_SHA256, signature),
            (Scheme::RsaPssSha512, KeyKind::Rsa) => with(&signature::RSA_PSS_2048_8192_SHA512, signature),
            (Scheme::EcdsaSha256, KeyKind::P256) => ecdsa(&signature::ECDSA_P256_SHA256_ASN1, 32),
            (Scheme::EcdsaSha384, KeyKind::P256) => ecdsa(&signature::ECDSA_P256_SHA384_ASN1, 32),
            (Scheme::EcdsaSha512, KeyKind::P256) => ecdsa(&signature::ECDSA_P256_SHA512_ASN1, 32),
            (Scheme::EcdsaSha256, KeyKind::P384) => ecdsa(&signature::ECDSA_P384_SHA256_ASN1, 48),
            (Scheme::EcdsaSha384, KeyKind::P384) => ecdsa(&signature::ECDSA_P384_SHA384_ASN1, 48),
            (Scheme::EcdsaSha512, KeyKind::P384) => ecdsa(&signature::ECDSA_P384_SHA512_ASN1, 48),
            (scheme, KeyKind::BrainpoolP256) if scheme.fits(KeyKind::BrainpoolP256) => brainpool(Curve::P256),
            (scheme, KeyKind::BrainpoolP384) if scheme.fits(KeyKind::BrainpoolP384) => brainpool(Curve::P384),
            _ => false,
        }
    }

    /// The digest of `message` that the scheme signs.
    pub fn digest_of(self, message: &[u8]) -> Vec<u8> {
        self.digest().of(message)
    }
}
