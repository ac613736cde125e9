//! What every side of OSCI at work needs: the Ids under which certificates are named, random values, moments as OSCI writes them, the octets
//! of a whole message with what is random in them, and octets laid down as a part.
//! It never names a person: Ids are made of roles, hashes and random numbers.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::osci::envelope::Named;
use super::osci::message::Message;
use super::osci::write::{self, Beside, Profile, Secrets, WriteFault};
use super::port::{Spool, SpoolError};
use crate::envelope::{Part, PartnerRef};
use crate::trust::certificate::Certificate;
use crate::trust::sign::Signer;

/// So much of a part is written into the spool at a time.
const PIECE: usize = 256 << 10;

/// Whose certificate it is, as the names of elements and the Ids of the libraries have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who sends.
    Originator,
    /// Who receives.
    Addressee,
    /// Who is between them.
    Intermediary,
}

impl Role {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Role::Originator => ("Originator", "originator"),
            Role::Addressee => ("Addressee", "addressee"),
            Role::Intermediary => ("Intermediary", "intermed"),
        }
    }

    /// A certificate to encrypt for.
    pub fn cipher(self, certificate: &Certificate) -> Named {
        self.named("Cipher", "cipher", certificate)
    }

    /// A certificate to sign with.
    pub fn signature(self, certificate: &Certificate) -> Named {
        self.named("Signature", "signature", certificate)
    }

    fn named(self, element: &str, id: &str, certificate: &Certificate) -> Named {
        let (role, prefix) = self.words();
        Named {
            id: format!("{prefix}_{id}_{}", certificate.fingerprint()),
            role: format!("{element}Certificate{role}"),
            certificate: certificate.clone(),
        }
    }
}

/// Random octets.
fn random(count: usize) -> Result<Vec<u8>, WriteFault> {
    let mut octets = vec![0; count];
    rand::fill(&mut octets).map_err(|_| WriteFault::Encrypt)?;
    Ok(octets)
}

/// What the next message of the other side must respond.
pub fn challenge() -> Result<String, WriteFault> {
    Ok(STANDARD.encode(random(20)?))
}

/// A boundary that stands in no part.
fn boundary() -> Result<String, WriteFault> {
    Ok(format!("MIME_boundary_{}", hex::encode(random(16)?)))
}

/// An Id that is in no other message.
pub fn fresh_id(prefix: &str) -> Result<String, WriteFault> {
    Ok(format!("{prefix}{}", hex::encode(random(12)?)))
}

/// Key and vector of one encryption.
pub fn secrets(profile: &Profile) -> Result<Secrets, WriteFault> {
    Ok(Secrets { key: Zeroizing::new(random(profile.cipher.key_length())?), iv: random(profile.iv_length)? })
}

/// The octets of a message with its contents, those in the envelope and those beside it: signed under the certificate that it names by this
/// Id, encrypted where it has a reader.
pub fn octets(
    message: &Message,
    (package, beside): (Option<&str>, &[Beside<'_>]),
    signer: (&dyn Signer, &str),
    reader: Option<&Certificate>,
    profile: &Profile,
) -> Result<Vec<u8>, WriteFault> {
    let envelope = write::envelope(message, package, beside, Some(signer), profile)?;
    let plain = write::package(&envelope, beside, &boundary()?)?;
    match reader {
        Some(reader) => write::encrypt(&plain, reader, &secrets(profile)?, &boundary()?, profile),
        None => Ok(plain),
    }
}

/// Octets as they are written into the spool.
pub fn pieces(octets: &Bytes) -> impl Iterator<Item = Bytes> + use<> {
    let mut left = octets.clone();
    std::iter::from_fn(move || (!left.is_empty()).then(|| left.split_to(PIECE.min(left.len()))))
}

/// Writes octets where parts lie, under this name and media type.
pub async fn lay_down(
    spool: &dyn Spool,
    of: &PartnerRef,
    octets: &Bytes,
    (name, media_type): (&str, &str),
) -> Result<Part, SpoolError> {
    let mut writer = spool.begin(of).await?;
    for piece in pieces(octets) {
        writer.write(piece).await?;
    }
    writer.finish(name, media_type).await
}

/// A moment as OSCI writes it, to the second.
pub fn date_time(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    whole.to_string()
}
