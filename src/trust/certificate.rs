//! An X.509 certificate as far as messages need it: whose it is, its key, its term and what the key is for.
//! It never says whether a certificate is to be trusted; `path.rs` does, from what the configuration names.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use thiserror::Error;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate, X509Name};

use super::der;
use super::digest::Digest;

/// Octets of a certificate that are looked at.
const LARGEST: usize = 64 << 10;

/// The octets are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an x.509 certificate in der; export it anew")]
pub struct NoCertificate;

/// What kind of key a certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on brainpoolP256r1.
    BrainpoolP256,
    /// ECDSA on brainpoolP384r1.
    BrainpoolP384,
    /// Another one.
    Other,
}

/// A certificate; a clone costs one counter. Two are equal when their octets are.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Bytes,
    subject: String,
    attributes: Vec<(String, String)>,
    issuer: String,
    serial: String,
    key: KeyKind,
    public_key: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    may_sign: bool,
    may_encrypt: bool,
    authority: bool,
}

impl Certificate {
    /// Reads a certificate in DER; refuses octets behind it.
    pub fn from_der(der: Bytes) -> Result<Certificate, NoCertificate> {
        if der.len() > LARGEST {
            return Err(NoCertificate);
        }
        let (rest, parsed) = X509Certificate::from_der(&der).map_err(|_| NoCertificate)?;
        if !rest.is_empty() {
            return Err(NoCertificate);
        }
        let moment = |seconds: i64| der::moment(seconds).ok_or(NoCertificate);
        let usage = parsed.key_usage().map_err(|_| NoCertificate)?.map(|extension| extension.value);
        let spki = parsed.public_key();
        let inner = Inner {
            subject: parsed.subject().to_string(),
            attributes: attributes(parsed.subject()),
            issuer: parsed.issuer().to_string(),
            serial: parsed.tbs_certificate.serial.to_string(),
            key: kind(spki),
            public_key: spki.subject_public_key.data.to_vec(),
            not_before: moment(parsed.validity().not_before.timestamp())?,
            not_after: moment(parsed.validity().not_after.timestamp())?,
            may_sign: usage.is_none_or(|usage| usage.digital_signature() || usage.non_repudiation()),
            may_encrypt: usage.is_none_or(|usage| usage.key_encipherment() || usage.data_encipherment()),
            authority: parsed.is_ca(),
            der: der.clone(),
        };
        Ok(Certificate(Arc::new(inner)))
    }

    /// The octets.
    pub fn der(&self) -> &Bytes {
        &self.0.der
    }

    /// The subject, such as `C=DE, O=Amt, CN=Postfach`; the text of whoever issued it.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The attributes of the subject, each by its short name (`CN`, `O`, `OU`, `C`, `L`, `ST`, `serialNumber`, `organizationIdentifier`), else by its
    /// object identifier, and what it says; those that are no text are left out.
    pub fn attributes(&self) -> &[(String, String)] {
        &self.0.attributes
    }

    /// The issuer, written like the subject.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The serial number in decimal digits.
    pub fn serial(&self) -> &str {
        &self.0.serial
    }

    /// The kind of its key.
    pub fn key(&self) -> KeyKind {
        self.0.key
    }

    /// Its public key: an RSAPublicKey in DER, or a point (SEC 1).
    pub fn public_key(&self) -> &[u8] {
        &self.0.public_key
    }

    /// SHA-256 of its octets, lower-case hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex::encode(Digest::Sha256.of(&self.0.der))
    }

    /// Whether its term holds at `time`, both ends included.
    pub fn is_in_term(&self, time: Timestamp) -> bool {
        (self.0.not_before..=self.0.not_after).contains(&time)
    }

    /// When its term begins.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// When its term ends.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether it is one of a CA (basicConstraints).
    pub fn is_authority(&self) -> bool {
        self.0.authority
    }

    /// Whether its key may sign: it names no key usage, or digitalSignature or nonRepudiation (RFC 5280, 4.2.1.3).
    pub fn may_sign(&self) -> bool {
        self.0.may_sign
    }

    /// Whether its key may wrap keys: it names no key usage, or keyEncipherment or dataEncipherment.
    pub fn may_encrypt(&self) -> bool {
        self.0.may_encrypt
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    // Names in certificates can be those of persons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("key", &self.0.key).finish_non_exhaustive()
    }
}

fn attributes(subject: &X509Name<'_>) -> Vec<(String, String)> {
    let named = |attribute: &AttributeTypeAndValue<'_>| {
        let identifier = attribute.attr_type().to_id_string();
        let short =
            SHORT.iter().find(|(known, _)| *known == identifier).map(|(_, short)| (*short).to_owned());
        Some((short.unwrap_or(identifier), attribute.as_str().ok()?.to_owned()))
    };
    subject.iter_attributes().filter_map(named).collect()
}

/// Short names of attributes (RFC 4519, ETSI EN 319 412-1).
const SHORT: [(&str, &str); 8] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.97", "organizationIdentifier"),
];

fn kind(spki: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> KeyKind {
    match spki.algorithm.algorithm.as_bytes() {
        der::RSA | der::RSA_PSS => KeyKind::Rsa,
        der::EC => {
            let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            curve.map_or(KeyKind::Other, |curve| curve_of(curve.as_bytes()))
        }
        _ => KeyKind::Other,
    }
}

/// The kind of key on the curve with this object identifier (the content of its element in DER).
pub(super) fn curve_of(identifier: &[u8]) -> KeyKind {
    match identifier {
        der::P256 => KeyKind::P256,
        der::P384 => KeyKind::P384,
        der::BRAINPOOL_P256 => KeyKind::BrainpoolP256,
        der::BRAINPOOL_P384 => KeyKind::BrainpoolP384,
        _ => KeyKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for octets in [&b""[..], b"\x30\x00", b"-----BEGIN CERTIFICATE-----", &[0x30; LARGEST + 1]] {
            assert_eq!(Certificate::from_der(Bytes::copy_from_slice(octets)).err(), Some(NoCertificate));
        }
    }
}
