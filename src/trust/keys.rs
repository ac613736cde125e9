//! Private keys and certificates from the octets of a file: PEM (PKCS#8, PKCS#1, SEC 1) and PKCS#12.
//! It never opens a file, never shows a key and never takes a text of a library into a fault.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaSigningAlgorithm,
};
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair, RsaKeyPair};
use bytes::Bytes;
use p12_keystore::{KeyStore, KeyStoreEntry};
use rustls_pki_types::pem::{PemObject, SectionKind};
use thiserror::Error;
use zeroize::Zeroizing;

use super::brainpool::{self, Curve};
use super::certificate::{Certificate, KeyKind, curve_of};
use super::der;

/// Octets of a file that are looked at.
pub const LARGEST: usize = 1 << 20;

/// A file of keys cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// The file is larger than any file of keys.
    #[error("larger than a file of keys may be; name the right file")]
    TooLarge,
    /// Neither PEM nor PKCS#12.
    #[error("neither pem nor pkcs#12; export it as one of them")]
    UnknownFormat,
    /// The password does not open it, or it is damaged.
    #[error("pkcs#12 that this password does not open; name the right password")]
    Locked,
    /// A key under a password of its own.
    #[error("pem with an encrypted key; export it as pkcs#12 or without a password")]
    EncryptedPem,
    /// Neither a key nor a certificate is in it.
    #[error("neither a key nor a certificate in it; name the right file")]
    Empty,
    /// The key is of a kind, curve or size that is not used, or damaged.
    #[error(
        "key of another kind than rsa (2048 to 8192 bits), p-256, p-384 and brainpool p256r1, p384r1, or damaged"
    )]
    Unusable,
    /// A certificate in it cannot be read.
    #[error("a certificate in it cannot be read; export it anew")]
    BadCertificate,
    /// The certificate is that of another key.
    #[error("the certificate is that of another key; name the two that belong together")]
    NotThisCertificate,
    /// Only RSA keys unwrap message keys.
    #[error("only rsa keys open messages; name the key of a cipher certificate")]
    NotRsa,
}

/// A private key. It is wiped when it is dropped.
pub enum PrivateKey {
    /// RSA.
    Rsa {
        /// PKCS#8.
        pkcs8: Zeroizing<Vec<u8>>,
        /// RSAPublicKey.
        public_key: Vec<u8>,
    },
    /// NIST P-256.
    P256 {
        /// PKCS#8.
        pkcs8: Zeroizing<Vec<u8>>,
        /// The point.
        public_key: Vec<u8>,
    },
    /// NIST P-384.
    P384 {
        /// PKCS#8.
        pkcs8: Zeroizing<Vec<u8>>,
        /// The point.
        public_key: Vec<u8>,
    },
    /// A brainpool curve.
    Brainpool {
        /// Which one.
        curve: Curve,
        /// The private number.
        scalar: Zeroizing<Vec<u8>>,
        /// The point.
        public_key: Vec<u8>,
    },
}

impl PrivateKey {
    /// Reads PKCS#8 (RFC 5958).
    pub fn from_pkcs8(octets: &[u8]) -> Result<PrivateKey, KeyFault> {
        Self::read(octets).ok_or(KeyFault::Unusable)
    }

    /// Whether `certificate` has the public key of this one.
    pub fn belongs_to(&self, certificate: &Certificate) -> bool {
        let (PrivateKey::Rsa { public_key, .. }
        | PrivateKey::P256 { public_key, .. }
        | PrivateKey::P384 { public_key, .. }
        | PrivateKey::Brainpool { public_key, .. }) = self;
        certificate.public_key() == public_key
    }

    fn read(octets: &[u8]) -> Option<PrivateKey> {
        let (info, _) = der::expect(octets, der::SEQUENCE)?;
        let (_version, rest) = der::expect(info, der::INTEGER)?;
        let (algorithm, rest) = der::expect(rest, der::SEQUENCE)?;
        let (key, _) = der::expect(rest, der::OCTETS)?;
        let (identifier, parameters) = der::expect(algorithm, der::IDENTIFIER)?;
        let pkcs8 = Zeroizing::new(octets.to_vec());
        if identifier == der::RSA || identifier == der::RSA_PSS {
            let pkcs8 = if identifier == der::RSA { pkcs8 } else { rsa_pkcs8(key) };
            let public_key = RsaKeyPair::from_pkcs8(&pkcs8).ok()?.public_key().as_ref().to_vec();
            return Some(PrivateKey::Rsa { pkcs8, public_key });
        }
        if identifier != der::EC {
            return None;
        }
        let (curve, _) = der::expect(parameters, der::IDENTIFIER)?;
        let point = |algorithm: &'static EcdsaSigningAlgorithm| {
            Some(EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).ok()?.public_key().as_ref().to_vec())
        };
        let on_brainpool = |curve| {
            let (inside, _) = der::expect(key, der::SEQUENCE)?;
            let (_version, rest) = der::expect(inside, der::INTEGER)?;
            let scalar = Zeroizing::new(der::expect(rest, der::OCTETS)?.0.to_vec());
            let public_key = brainpool::Key::new(curve, &scalar)?.point();
            Some(PrivateKey::Brainpool { curve, scalar, public_key })
        };
        match curve_of(curve) {
            KeyKind::P256 => point(&ECDSA_P256_SHA256_ASN1_SIGNING)
                .map(|public_key| PrivateKey::P256 { pkcs8, public_key }),
            KeyKind::P384 => point(&ECDSA_P384_SHA384_ASN1_SIGNING)
                .map(|public_key| PrivateKey::P384 { pkcs8, public_key }),
            KeyKind::BrainpoolP256 => on_brainpool(Curve::P256),
            KeyKind::BrainpoolP384 => on_brainpool(Curve::P384),
            KeyKind::Rsa | KeyKind::Other => None,
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrivateKey::Rsa { .. } => "PrivateKey(rsa)",
            PrivateKey::P256 { .. } => "PrivateKey(p-256)",
            PrivateKey::P384 { .. } => "PrivateKey(p-384)",
            PrivateKey::Brainpool { .. } => "PrivateKey(brainpool)",
        })
    }
}

/// What a file of keys holds.
#[derive(Debug, Default)]
pub struct KeyFile {
    /// Its private keys.
    pub keys: Vec<PrivateKey>,
    /// Its certificates, in their order.
    pub certificates: Vec<Certificate>,
}

impl KeyFile {
    /// The first key that has a certificate in the file, and that certificate.
    pub fn pair(&self) -> Option<(&PrivateKey, &Certificate)> {
        self.keys.iter().find_map(|key| {
            self.certificates.iter().find(|certificate| key.belongs_to(certificate)).map(|own| (key, own))
        })
    }
}

/// Reads a file of keys: PEM, or PKCS#12 that `password` opens.
pub fn read(octets: &[u8], password: &str) -> Result<KeyFile, KeyFault> {
    if octets.len() > LARGEST {
        return Err(KeyFault::TooLarge);
    }
    let file = if octets.windows(11).any(|window| window == b"-----BEGIN ") {
        read_pem(octets)?
    } else if octets.first() == Some(&der::SEQUENCE) {
        read_der(octets, password)?
    } else {
        return Err(KeyFault::UnknownFormat);
    };
    match file.keys.is_empty() && file.certificates.is_empty() {
        true => Err(KeyFault::Empty),
        false => Ok(file),
    }
}

fn read_pem(octets: &[u8]) -> Result<KeyFile, KeyFault> {
    let mut file = KeyFile::default();
    if octets.windows(21).any(|window| window == b"ENCRYPTED PRIVATE KEY") {
        return Err(KeyFault::EncryptedPem);
    }
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(octets) {
        let (kind, content) = section.map_err(|_| KeyFault::UnknownFormat)?;
        let content = Zeroizing::new(content);
        match kind {
            SectionKind::PrivateKey => file.keys.push(PrivateKey::from_pkcs8(&content)?),
            SectionKind::RsaPrivateKey => file.keys.push(PrivateKey::from_pkcs8(&rsa_pkcs8(&content))?),
            SectionKind::EcPrivateKey => {
                let pkcs8 = ec_pkcs8(&content).ok_or(KeyFault::Unusable)?;
                file.keys.push(PrivateKey::from_pkcs8(&pkcs8)?);
            }
            SectionKind::Certificate => file.certificates.push(certificate(content.to_vec())?),
            _ => {}
        }
    }
    Ok(file)
}

fn read_der(octets: &[u8], password: &str) -> Result<KeyFile, KeyFault> {
    if let Ok(certificate) = Certificate::from_der(Bytes::copy_from_slice(octets)) {
        return Ok(KeyFile { keys: Vec::new(), certificates: vec![certificate] });
    }
    let store = KeyStore::from_pkcs12(octets, password).map_err(|_| KeyFault::Locked)?;
    let mut file = KeyFile::default();
    for (_, entry) in store.entries() {
        match entry {
            KeyStoreEntry::PrivateKeyChain(chain) => {
                file.keys.push(PrivateKey::from_pkcs8(chain.key())?);
                for link in chain.chain() {
                    file.certificates.push(certificate(link.as_der().to_vec())?);
                }
            }
            KeyStoreEntry::Certificate(alone) => {
                file.certificates.push(certificate(alone.as_der().to_vec())?)
            }
            _ => {}
        }
    }
    Ok(file)
}

fn certificate(der: Vec<u8>) -> Result<Certificate, KeyFault> {
    Certificate::from_der(der.into()).map_err(|_| KeyFault::BadCertificate)
}

/// PKCS#8 around an RSAPrivateKey (PKCS#1).
fn rsa_pkcs8(key: &[u8]) -> Zeroizing<Vec<u8>> {
    pkcs8(&der::rsa_algorithm(), key)
}

/// PKCS#8 around an ECPrivateKey (RFC 5915) that names its curve.
fn ec_pkcs8(key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const PARAMETERS: u8 = 0xA0;
    let (inside, _) = der::expect(key, der::SEQUENCE)?;
    let (_version, rest) = der::expect(inside, der::INTEGER)?;
    let (_scalar, rest) = der::expect(rest, der::OCTETS)?;
    let (curve, _) = der::expect(rest, PARAMETERS)?;
    let identifier = der::write(der::IDENTIFIER, &[der::EC]);
    Some(pkcs8(&der::write(der::SEQUENCE, &[&identifier, curve]), key))
}

fn pkcs8(algorithm: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = Zeroizing::new(der::write(der::OCTETS, &[key]));
    Zeroizing::new(der::write(der::SEQUENCE, &[&[der::INTEGER, 1, 0], algorithm, &key]))
}
