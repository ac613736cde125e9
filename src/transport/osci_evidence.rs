//! What is kept of a judged signature of OSCI as evidence: what it covers, under which certificate it was made, the chain, what was known of revocation,
//! and the verdict; and the octets that prove it. It never judges, and never keeps foreign text at more than a line's length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;

use super::osci::envelope::Signer;
use super::osci_words::lay_down;
use super::port::{Spool, SpoolError};
use crate::envelope::{Part, PartnerRef, SignedUnder, Verified};
use crate::trust::certificate::Certificate;
use crate::trust::path::{Status, Trusted, Untrusted};

/// What the signature of an envelope covers.
pub const ENVELOPE: &str = "envelope";

/// What a signature of a content covers: the one of this number, from 0, as the delivery has it.
pub fn content(at: usize) -> String {
    match at {
        0 => "document".to_owned(),
        at => format!("part {at}"),
    }
}

/// A signature that was judged.
pub fn of(
    over: Vec<String>,
    signer: &Signer,
    judged: &Result<Trusted, Untrusted>,
    now: Timestamp,
) -> Verified {
    let chain = judged.as_ref().map(|trusted| trusted.chain.iter().map(base64).collect());
    let (revocation, verdict) = match judged {
        Ok(Trusted { status: Status::Pinned, .. }) => (
            "not asked, the certificate is pinned".to_owned(),
            "counts, under a pinned certificate".to_owned(),
        ),
        Ok(Trusted { status: Status::Unasked, .. }) => {
            ("not asked, as the policy says".to_owned(), COUNTS_BY_AUTHORITY.to_owned())
        }
        Ok(Trusted { status: Status::NotListed { made, next }, .. }) => {
            let late = if *next < now { ", which is late and within its grace" } else { "" };
            (format!("none by the list of {made}, the next due {next}{late}"), COUNTS_BY_AUTHORITY.to_owned())
        }
        Err(Untrusted::Revoked) => ("revoked".to_owned(), not(Untrusted::Revoked)),
        Err(cause) => ("not known".to_owned(), not(*cause)),
    };
    Verified {
        over,
        by: Some(under(&signer.certificate)),
        algorithm: signer.algorithm.as_deref().map(bounded),
        said: signer.time.as_deref().map(bounded),
        chain: chain.unwrap_or_default(),
        revocation,
        judged: Some(now),
        counts: judged.is_ok(),
        verdict,
    }
}

const COUNTS_BY_AUTHORITY: &str = "counts, under an authority that is named";

fn not(cause: Untrusted) -> String {
    format!("does not count: {cause}")
}

/// That nobody signed, and why it was taken all the same.
pub fn nobody(over: Vec<String>, verdict: &str, now: Timestamp) -> Verified {
    let (revocation, verdict) = ("not asked".to_owned(), verdict.to_owned());
    Verified { over, revocation, judged: Some(now), verdict, ..Verified::default() }
}

fn under(certificate: &Certificate) -> SignedUnder {
    let issuer = Some(certificate.issuer()).filter(|issuer| *issuer != certificate.subject());
    SignedUnder {
        issuer: issuer.map(bounded),
        serial: bounded(certificate.serial()),
        fingerprint: certificate.fingerprint(),
        der: base64(certificate),
    }
}

fn base64(certificate: &Certificate) -> String {
    STANDARD.encode(certificate.der())
}

/// Keeps a package as it was signed: without the encryption on its way, which proves nothing and which our keys of then open.
pub async fn keep(spool: &dyn Spool, of: &PartnerRef, package: &Bytes) -> Result<Part, SpoolError> {
    lay_down(spool, of, package, (RECEIVED, "multipart/related")).await
}

/// What the kept octets are called.
const RECEIVED: &str = "osci";

/// Foreign text as it is kept: bounded.
pub fn bounded(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(200).collect()
}
