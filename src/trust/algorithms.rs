//! The algorithms by which certificates and lists may be signed: those of the library, and ECDSA on the two brainpool curves, under which
//! authorities of German administrations sign. It never has one that is broken.

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

use super::brainpool::{self, Curve};
use super::digest::Digest;
use super::ec;

/// All of them.
pub static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::aws_lc_rs::ECDSA_P256_SHA256,
    webpki::aws_lc_rs::ECDSA_P256_SHA384,
    webpki::aws_lc_rs::ECDSA_P256_SHA512,
    webpki::aws_lc_rs::ECDSA_P384_SHA256,
    webpki::aws_lc_rs::ECDSA_P384_SHA384,
    webpki::aws_lc_rs::ECDSA_P384_SHA512,
    webpki::aws_lc_rs::ECDSA_P521_SHA256,
    webpki::aws_lc_rs::ECDSA_P521_SHA384,
    webpki::aws_lc_rs::ECDSA_P521_SHA512,
    webpki::aws_lc_rs::ED25519,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    &Brainpool { curve: Curve::P256, digest: Digest::Sha256, signature: alg_id::ECDSA_SHA256 },
    &Brainpool { curve: Curve::P256, digest: Digest::Sha384, signature: alg_id::ECDSA_SHA384 },
    &Brainpool { curve: Curve::P256, digest: Digest::Sha512, signature: alg_id::ECDSA_SHA512 },
    &Brainpool { curve: Curve::P384, digest: Digest::Sha256, signature: alg_id::ECDSA_SHA256 },
    &Brainpool { curve: Curve::P384, digest: Digest::Sha384, signature: alg_id::ECDSA_SHA384 },
    &Brainpool { curve: Curve::P384, digest: Digest::Sha512, signature: alg_id::ECDSA_SHA512 },
];

/// id-ecPublicKey with brainpoolP256r1, the content of the AlgorithmIdentifier.
const KEY_256: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 7,
]);
/// The same with brainpoolP384r1.
const KEY_384: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 11,
]);

/// ECDSA on one of the curves with one digest.
#[derive(Debug)]
struct Brainpool {
    curve: Curve,
    digest: Digest,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for Brainpool {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let size = match self.curve {
            Curve::P256 => 32,
            Curve::P384 => 48,
        };
        let fixed = ec::to_fixed(signature, size).ok_or(InvalidSignature)?;
        match brainpool::verifies(self.curve, public_key, &self.digest.of(message), &fixed) {
            true => Ok(()),
            false => Err(InvalidSignature),
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.curve {
            Curve::P256 => KEY_256,
            Curve::P384 => KEY_384,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}
