//! What was found out about the signatures and encryptions of a message, good or bad: for `inspect` and for evidence.
//! It never decides anything; what enters the model is decided by the fault that stops it.

use crate::trust::certificate::Certificate;
use crate::trust::digest::Digest;
use crate::xml::signature;
use crate::xml::tree::Element;

use super::envelope::EnvelopeFault;

/// Which signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// Of a request.
    Client,
    /// Of a response.
    Supplier,
    /// Of a container.
    Content,
}

/// One signature.
#[derive(Clone, Debug)]
pub struct SignatureReport {
    /// Which one.
    pub kind: SignatureKind,
    /// The certificate that it names, if the message has it.
    pub certificate: Option<Certificate>,
    /// The scheme as named.
    pub algorithm: Option<String>,
    /// How many references it has.
    pub references: usize,
    /// Whether it counts, and if not, why.
    pub outcome: Result<(), EnvelopeFault>,
}

impl SignatureReport {
    /// About a signature that may not be readable.
    pub fn of(
        kind: SignatureKind,
        element: Option<Element<'_>>,
        certificate: Option<Certificate>,
        outcome: Result<(), EnvelopeFault>,
    ) -> SignatureReport {
        let (algorithm, references) = element.map_or((None, 0), signature::outline);
        SignatureReport { kind, certificate, algorithm: algorithm.map(str::to_owned), references, outcome }
    }
}

/// The plaintext of an encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Octets.
    pub size: usize,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

impl Plain {
    /// Of these octets.
    pub fn of(octets: &[u8]) -> Plain {
        Plain { size: octets.len(), sha256: hex::encode(Digest::Sha256.of(octets)) }
    }
}

/// One encryption.
#[derive(Clone, Debug)]
pub struct EncryptionReport {
    /// Whom it is for; of one that was opened only the reader whose key opened it.
    pub readers: Vec<Certificate>,
    /// What came out, if it was opened.
    pub plain: Option<Plain>,
    /// Whether it should have been opened: we hold a key for it.
    pub ours: bool,
}

/// Everything that was found out, in document order.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The signatures.
    pub signatures: Vec<SignatureReport>,
    /// The encryptions.
    pub encryptions: Vec<EncryptionReport>,
}
