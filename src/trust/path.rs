//! Whether a certificate is trusted: it is pinned, or a path of valid certificates that nobody revoked leads to a CA that
//! the configuration names. It never takes trust from a message: certificates of a message may only fill a path.

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use thiserror::Error;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
    anchor_from_trusted_cert,
};

use super::certificate::Certificate;

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
    /// The path is not valid.
    #[error("the path to a named ca is not valid")]
    BadPath,
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
    Listed,
}

/// What the configuration trusts.
#[derive(Default)]
pub struct Anchors {
    pins: Vec<Certificate>,
    authorities: Vec<TrustAnchor<'static>>,
    between: Vec<CertificateDer<'static>>,
    lists: Vec<CertRevocationList<'static>>,
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
                self.authorities.push(anchor.to_owned());
                true
            }
            Err(_) => false,
        }
    }

    /// Knows a certificate that may stand between one of a partner and a CA; it is not trusted by itself.
    pub fn between(&mut self, certificate: &Certificate) {
        self.between.push(CertificateDer::from(certificate.der().to_vec()));
    }

    /// Takes in a list of revoked certificates in DER; `false` when it is none. Its signature is checked when it is used.
    pub fn list(&mut self, der: &[u8]) -> bool {
        match OwnedCertRevocationList::from_der(der) {
            Ok(list) => {
                self.lists.push(list.into());
                true
            }
            Err(_) => false,
        }
    }

    /// Whether `certificate` is trusted for `purpose` at `time`.
    pub fn trusts(
        &self,
        certificate: &Certificate,
        purpose: Use,
        time: Timestamp,
        revocation: Revocation,
    ) -> Result<(), Untrusted> {
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
            return Ok(());
        }
        if self.authorities.is_empty() {
            return Err(Untrusted::Unknown);
        }
        self.path(certificate, time, revocation)
    }

    fn path(
        &self,
        certificate: &Certificate,
        time: Timestamp,
        revocation: Revocation,
    ) -> Result<(), Untrusted> {
        let der = CertificateDer::from(certificate.der().as_ref());
        let leaf = EndEntityCert::try_from(&der).map_err(|_| Untrusted::BadPath)?;
        let seconds = u64::try_from(time.as_second()).map_err(|_| Untrusted::OutOfTerm)?;
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let lists: Vec<&CertRevocationList<'_>> = self.lists.iter().collect();
        let options = match revocation {
            Revocation::Ignored => None,
            Revocation::Listed => Some(
                RevocationOptionsBuilder::new(&lists)
                    .map_err(|_| Untrusted::StatusUnknown)?
                    .with_depth(RevocationCheckDepth::Chain)
                    .with_status_policy(UnknownStatusPolicy::Deny)
                    .with_expiration_policy(ExpirationPolicy::Enforce)
                    .build(),
            ),
        };
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(algorithms, &self.authorities, &self.between, time, AnyUse, options, None)
            .map(drop)
            .map_err(|error| match error {
                webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                    Untrusted::OutOfTerm
                }
                webpki::Error::CertRevoked => Untrusted::Revoked,
                webpki::Error::UnknownRevocationStatus => Untrusted::StatusUnknown,
                webpki::Error::CrlExpired { .. } => Untrusted::ListTooOld,
                webpki::Error::UnknownIssuer => Untrusted::Unknown,
                _ => Untrusted::BadPath,
            })
    }
}

/// Certificates of administrations name many purposes or none; what the key may do, its key usage says.
struct AnyUse;

impl ExtendedKeyUsageValidator for AnyUse {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}
