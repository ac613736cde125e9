//! Whether a certificate is trusted: it is pinned, or a path of valid certificates that nobody revoked leads to a CA that
//! the configuration names. It never takes trust from a message: certificates of a message may only fill a path.

use std::cmp::Reverse;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use thiserror::Error;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

use super::algorithms;
use super::certificate::Certificate;
use super::list::RevocationList;

/// Why a certificate is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// Nothing says that it is to be trusted.
    #[error("neither this certificate nor a ca above it is named in the configuration")]
    Unknown,
    /// Its term, or that of a certificate above it, has not begun or is over.
    #[error("outside of its term, or that of a certificate above it is over")]
    OutOfTerm,
    /// Its key is for another use.
    #[error("its key usage does not allow this use")]
    WrongUse,
    /// It was revoked, or a certificate above it was.
    #[error("revoked, or a certificate above it is")]
    Revoked,
    /// Nothing is known about its revocation: there is no list of its issuer.
    #[error("no list of revoked certificates of its issuer; import one")]
    StatusUnknown,
    /// The list of revoked certificates is too old.
    #[error("the list of revoked certificates of its issuer is out of date; import a new one")]
    ListTooOld,
    /// It has a shape for which no path is followed: it says that it is one of a CA, is of a version before 3, or has a critical extension of
    /// which nothing is known.
    #[error(
        "the certificate, or one above it, has a shape for which no path is followed; pin it, or have it issued anew"
    )]
    Shape,
    /// The path is not valid.
    #[error("the path to a named ca is not valid")]
    BadPath,
}

impl Untrusted {
    /// Whether it is ours to mend: nothing says that anything is wrong with the certificate itself.
    pub fn is_ours(self) -> bool {
        matches!(self, Untrusted::StatusUnknown | Untrusted::ListTooOld)
    }
}

/// What a key is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Signing.
    Sign,
    /// Unwrapping message keys.
    Encrypt,
}

/// How revocation is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Not at all (pins, and partners whose policy says so).
    Ignored,
    /// By lists; a certificate whose issuer has none, or one out of date, is not trusted.
    Listed {
        /// How long a list holds after the time at which the next one was due.
        grace: SignedDuration,
    },
}

/// Why a certificate is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// From its issuer up to the CA that the configuration names; empty where the certificate itself is pinned.
    pub chain: Vec<Certificate>,
    /// What is known of its revocation.
    pub status: Status,
}

/// What was known of the revocation of a certificate that is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is pinned: there is no list that would be asked.
    Pinned,
    /// The configuration says that no list is asked.
    Unasked,
    /// No list of an issuer in its path names it.
    NotListed {
        /// When the oldest of these lists was made.
        made: Timestamp,
        /// When the first of them was to be followed by the next one.
        next: Timestamp,
    },
}

/// What the configuration trusts.
#[derive(Default)]
pub struct Anchors {
    pins: Vec<Certificate>,
    authorities: Vec<(TrustAnchor<'static>, Certificate)>,
    between: Vec<CertificateDer<'static>>,
    /// The newest first: of several of one issuer that one is asked.
    lists: Vec<RevocationList>,
}

impl Anchors {
    /// Trusts exactly this certificate, in its term; it needs no path and may be signed by itself.
    pub fn pin(&mut self, certificate: Certificate) {
        self.pins.push(certificate);
    }

    /// Trusts what this CA certifies; `false` when its certificate cannot be one of a CA.
    pub fn authority(&mut self, certificate: &Certificate) -> bool {
        let der = CertificateDer::from(certificate.der().to_vec());
        match anchor_from_trusted_cert(&der) {
            Ok(anchor) => {
                self.authorities.push((anchor.to_owned(), certificate.clone()));
                true
            }
            Err(_) => false,
        }
    }

    /// Knows a certificate that may stand between one of a partner and a CA; it is not trusted by itself.
    pub fn between(&mut self, certificate: &Certificate) {
        self.between.push(CertificateDer::from(certificate.der().to_vec()));
    }

    /// Takes in a list of revoked certificates. Its signature is checked when it is used.
    pub fn list(&mut self, list: RevocationList) {
        self.lists.push(list);
        self.lists.sort_by_key(|list| Reverse(list.made()));
    }

    /// Whether `certificate` is trusted for `purpose` at `time`, and why.
    pub fn trusts(
        &self,
        certificate: &Certificate,
        purpose: Use,
        time: Timestamp,
        revocation: Revocation,
    ) -> Result<Trusted, Untrusted> {
        let allowed = match purpose {
            Use::Sign => certificate.may_sign(),
            Use::Encrypt => certificate.may_encrypt(),
        };
        if !allowed {
            return Err(Untrusted::WrongUse);
        }
        if !certificate.is_in_term(time) {
            return Err(Untrusted::OutOfTerm);
        }
        if self.pins.contains(certificate) {
            return Ok(Trusted { chain: Vec::new(), status: Status::Pinned });
        }
        if self.authorities.is_empty() {
            return Err(Untrusted::Unknown);
        }
        let grace = match revocation {
            Revocation::Ignored => return self.path(certificate, time, None),
            Revocation::Listed { grace } => grace,
        };
        let holds = |list: &&RevocationList| list.made() <= time && time <= list.holds_until(grace);
        let held: Vec<&RevocationList> = self.lists.iter().filter(holds).collect();
        match self.path(certificate, time, Some(&held)) {
            // Of an issuer whose list is too old it is said that it is, and not that there is none; what it names is revoked all the same.
            Err(Untrusted::StatusUnknown) if held.len() < self.lists.len() => {
                match self.path(certificate, time, Some(&self.lists.iter().collect::<Vec<_>>())) {
                    Ok(_) => Err(Untrusted::ListTooOld),
                    Err(cause) => Err(cause),
                }
            }
            judged => judged,
        }
    }

    fn path(
        &self,
        certificate: &Certificate,
        time: Timestamp,
        lists: Option<&[&RevocationList]>,
    ) -> Result<Trusted, Untrusted> {
        let der = CertificateDer::from(certificate.der().as_ref());
        let leaf = EndEntityCert::try_from(&der).map_err(untrusted)?;
        let seconds = u64::try_from(time.as_second()).map_err(|_| Untrusted::OutOfTerm)?;
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let asked: Vec<&CertRevocationList<'_>> =
            lists.unwrap_or_default().iter().map(|list| list.list()).collect();
        let options = match lists {
            None => None,
            Some(_) => Some(
                RevocationOptionsBuilder::new(&asked)
                    .map_err(|_| Untrusted::StatusUnknown)?
                    .with_depth(RevocationCheckDepth::Chain)
                    .with_status_policy(UnknownStatusPolicy::Deny)
                    // How long a list holds is said by the caller.
                    .with_expiration_policy(ExpirationPolicy::Ignore)
                    .build(),
            ),
        };
        let anchors: Vec<TrustAnchor<'_>> =
            self.authorities.iter().map(|(anchor, _)| anchor.clone()).collect();
        let path = leaf
            .verify_for_usage(algorithms::ALL, &anchors, &self.between, time, AnyUse, options, None)
            .map_err(untrusted)?;
        let mut chain = Vec::new();
        let mut issuers = vec![leaf.issuer()];
        for between in path.intermediate_certificates() {
            let octets = Bytes::copy_from_slice(&between.der());
            chain.push(Certificate::from_der(octets).map_err(|_| Untrusted::BadPath)?);
            issuers.push(between.issuer());
        }
        let top = self.authorities.iter().find(|(anchor, _)| anchor == path.anchor());
        chain.push(top.map(|(_, certificate)| certificate.clone()).ok_or(Untrusted::BadPath)?);
        let status = match lists {
            None => Status::Unasked,
            Some(lists) => {
                // The first of each issuer is the one that was asked.
                let of = |issuer: &&[u8]| lists.iter().find(|list| list.list().issuer() == *issuer);
                let used: Vec<&&RevocationList> = issuers.iter().filter_map(of).collect();
                let made = used.iter().map(|list| list.made()).min().ok_or(Untrusted::StatusUnknown)?;
                let next = used.iter().map(|list| list.next()).min().ok_or(Untrusted::StatusUnknown)?;
                Status::NotListed { made, next }
            }
        };
        Ok(Trusted { chain, status })
    }
}

/// What an error of the path means.
fn untrusted(error: webpki::Error) -> Untrusted {
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => Untrusted::OutOfTerm,
        webpki::Error::CertRevoked => Untrusted::Revoked,
        webpki::Error::UnknownRevocationStatus => Untrusted::StatusUnknown,
        webpki::Error::UnknownIssuer => Untrusted::Unknown,
        webpki::Error::CaUsedAsEndEntity
        | webpki::Error::UnsupportedCertVersion
        | webpki::Error::UnsupportedCriticalExtension => Untrusted::Shape,
        _ => Untrusted::BadPath,
    }
}

/// Certificates of administrations name many purposes or none; what the key may do, its key usage says.
struct AnyUse;

impl ExtendedKeyUsageValidator for AnyUse {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}
