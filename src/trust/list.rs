//! A list of revoked certificates (CRL, RFC 5280) as the configuration brings it: read from DER or PEM, with the times that say how long it holds.
//! It never says whether a certificate is revoked; `path.rs` does, which checks the list's signature, too.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::pem::{PemObject, SectionKind};
use thiserror::Error;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::der;
use super::digest::Digest;

/// Octets of a list that are looked at; large authorities have some of a few MiB.
pub const LARGEST: usize = 32 << 20;

/// The octets are no list that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "not a list of revoked certificates (x.509 v2, whole, with the time of the next one) in der or pem; fetch it anew"
)]
pub struct NoList;

/// A list; a clone costs one counter.
#[derive(Clone)]
pub struct RevocationList(Arc<Inner>);

struct Inner {
    list: CertRevocationList<'static>,
    issuer: String,
    made: Timestamp,
    next: Timestamp,
    sha256: String,
}

impl RevocationList {
    /// Reads a list in DER, or the first one of a PEM file.
    pub fn read(octets: &[u8]) -> Result<RevocationList, NoList> {
        if octets.len() > LARGEST {
            return Err(NoList);
        }
        let opened = pem(octets);
        let der = opened.as_deref().unwrap_or(octets);
        let (rest, parsed) = CertificateRevocationList::from_der(der).map_err(|_| NoList)?;
        if !rest.is_empty() {
            return Err(NoList);
        }
        let moment = |seconds: i64| der::moment(seconds).ok_or(NoList);
        let made = moment(parsed.last_update().timestamp())?;
        let next = moment(parsed.next_update().ok_or(NoList)?.timestamp())?;
        let issuer = parsed.issuer().to_string();
        let list = OwnedCertRevocationList::from_der(der).map_err(|_| NoList)?.into();
        let sha256 = hex::encode(Digest::Sha256.of(der));
        Ok(RevocationList(Arc::new(Inner { list, issuer, made, next, sha256 })))
    }

    pub(super) fn list(&self) -> &CertRevocationList<'static> {
        &self.0.list
    }

    /// Whose it is, as its authority writes itself.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// When it was made.
    pub fn made(&self) -> Timestamp {
        self.0.made
    }

    /// When the next one is due at the latest.
    pub fn next(&self) -> Timestamp {
        self.0.next
    }

    /// Until when it holds, with so much grace after the time at which the next one was due.
    pub fn holds_until(&self, grace: SignedDuration) -> Timestamp {
        self.0.next.checked_add(grace).unwrap_or(Timestamp::MAX)
    }

    /// SHA-256 of its octets in DER, lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }
}

/// The first list of a PEM file.
fn pem(octets: &[u8]) -> Option<Vec<u8>> {
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(octets);
    sections.filter_map(Result::ok).find(|(kind, _)| *kind == SectionKind::Crl).map(|(_, der)| der)
}

impl PartialEq for RevocationList {
    fn eq(&self, other: &Self) -> bool {
        self.0.sha256 == other.0.sha256
    }
}

impl Eq for RevocationList {}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList").field("made", &self.0.made).finish_non_exhaustive()
    }
}
