//! From the octets of an HTTP body to the package inside: MIME, transport encryption, the envelope as a tree.
//! It never opens a second encryption inside the first, never decrypts for a certificate whose key we do not hold, and answers
//! everything that cannot be decrypted alike.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::kind::{self, SOAP, XSI};
use crate::mime::fault::MimeError;
use crate::mime::frame::{self, Part};
use crate::mime::reader;
use crate::trust::certificate::Certificate;
use crate::trust::cipher::Undecryptable;
use crate::trust::decrypt::Decrypter;
use crate::xml::algorithm::XENC;
use crate::xml::encryption::{Allowed, Data, Encrypted, EncryptionFault, Reader};
use crate::xml::gate::GateError;
use crate::xml::limits;
use crate::xml::tree::{Element, Tree};

/// How much of a message is looked at, and which algorithms may have been used.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Bounds of the package.
    pub mime: reader::Limits,
    /// Bounds of an envelope and of each decrypted container.
    pub xml: limits::Limits,
    /// Algorithms that may be read.
    pub allowed: Allowed,
    /// Containers inside each other, encrypted or not.
    pub depth: usize,
}

impl Default for Rules {
    fn default() -> Self {
        let mime = reader::Limits { parts: 256, ..reader::Limits::default() };
        let xml = limits::Limits { bytes: 64 << 20, ..limits::Limits::default() };
        Rules { mime, xml, allowed: Allowed::default(), depth: 8 }
    }
}

/// Why a body cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenFault {
    /// It is no MIME package.
    #[error("no osci package: {0}")]
    Mime(#[from] MimeError),
    /// Its first part is no document.
    #[error("envelope refused: {0}")]
    Xml(#[from] GateError),
    /// The outer envelope is not built as it must be; the text is ours.
    #[error("not built as an osci message must be: {0}")]
    Structure(&'static str),
    /// The encryption is not built as it must be, or by algorithms that are not allowed.
    #[error("{0}")]
    Encryption(#[from] EncryptionFault),
    /// It is encrypted for a certificate whose key we do not hold.
    #[error(
        "encrypted for a certificate whose key is not here; give the key, or tell the sender the certificate in force"
    )]
    NoKey,
    /// It cannot be decrypted.
    #[error("{0}")]
    Undecryptable(#[from] Undecryptable),
}

impl OpenFault {
    /// The code of the SOAP fault that answers it (OSCI-Transport 1.2).
    pub fn code(&self) -> u16 {
        match self {
            OpenFault::Mime(_) => 9000,
            OpenFault::Xml(_) | OpenFault::Structure(_) => 9100,
            OpenFault::NoKey => 9200,
            OpenFault::Encryption(_) | OpenFault::Undecryptable(_) => 9202,
        }
    }
}

/// What was opened of a transport encryption.
#[derive(Clone, Debug)]
pub struct Transport {
    /// Whom it was encrypted for.
    pub reader: Certificate,
    /// The decrypted package.
    pub package: Bytes,
    /// Whether that was done by an algorithm that is only read.
    pub legacy: bool,
    /// Octets of the vector: whoever answers takes as many.
    pub iv_length: usize,
}

/// A package with its envelope.
pub struct Opened {
    /// The envelope.
    pub tree: Tree,
    /// What stands beside it.
    pub attachments: Vec<Part>,
    /// How it came, if it was encrypted.
    pub transport: Option<Transport>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("attachments", &self.attachments.len()).finish_non_exhaustive()
    }
}

/// Opens a body with whichever of `keys` it was encrypted for. `content_type` is the HTTP header.
pub fn open(
    body: &Bytes,
    content_type: Option<&str>,
    keys: &[&dyn Decrypter],
    rules: &Rules,
) -> Result<Opened, OpenFault> {
    let outer = package(body, content_type, rules)?;
    let Some(encrypted) = encrypted_data(outer.tree.root())? else { return Ok(outer) };
    let encrypted = Encrypted::read(encrypted, rules.allowed)?;
    let (reader, plain) = decrypt(&encrypted, &outer.attachments, keys)?;
    let plain = Bytes::from(plain);
    // Old modes prove nothing about the text: whether it is a package at all must not be told.
    let opaque = |fault| if encrypted.proves() { fault } else { OpenFault::Undecryptable(Undecryptable) };
    let inner = package(&plain, None, rules).map_err(opaque)?;
    if encrypted_data(inner.tree.root()).map_err(opaque)?.is_some() {
        return Err(opaque(OpenFault::Structure("an encrypted message inside an encrypted message")));
    }
    let (legacy, iv_length) = (encrypted.is_legacy(), encrypted.iv_length());
    Ok(Opened { transport: Some(Transport { reader, package: plain, legacy, iv_length }), ..inner })
}

fn package(body: &Bytes, content_type: Option<&str>, rules: &Rules) -> Result<Opened, OpenFault> {
    let mut parts = frame::read(body, content_type, &rules.mime)?.into_iter();
    let first = parts.next().ok_or(OpenFault::Structure("no envelope"))?;
    let tree = Tree::parse(first.octets()?, &rules.xml)?;
    Ok(Opened { tree, attachments: parts.collect(), transport: None })
}

/// Whom an encrypted message is for, as far as that can be seen from outside.
pub fn readers(body: &Bytes, content_type: Option<&str>, rules: &Rules) -> Option<Vec<Certificate>> {
    let outer = package(body, content_type, rules).ok()?;
    let element = encrypted_data(outer.tree.root()).ok()??;
    let encrypted = Encrypted::read(element, Allowed { legacy: true });
    let keys = encrypted.as_ref().map_or(&[][..], Encrypted::keys);
    let certificates = keys.iter().filter_map(|wrapped| match &wrapped.reader {
        Reader::Certificate(certificate) => Some(certificate.clone()),
        Reader::Named(_) => None,
    });
    Some(certificates.collect())
}

/// The EncryptedData of an encrypted message; `None` when the message is not encrypted.
fn encrypted_data(root: Element<'_>) -> Result<Option<Element<'_>>, OpenFault> {
    if !root.is(SOAP, "Envelope") {
        return Err(OpenFault::Structure("no soap envelope"));
    }
    let children: Vec<_> = root.children().collect();
    let named =
        root.attribute_in(XSI, "schemaLocation").and_then(kind::schema_of) == Some("MessageEncrypted");
    let body = match children[..] {
        [body] if body.is(SOAP, "Body") => body,
        _ if named => return Err(OpenFault::Structure("an encrypted message with more than a body")),
        _ => return Ok(None),
    };
    let inside: Vec<_> = body.children().collect();
    match inside[..] {
        [single] if single.is(XENC, "EncryptedData") => Ok(Some(single)),
        _ if named => Err(OpenFault::Structure("an encrypted message without its encrypted data")),
        _ => Ok(None),
    }
}

fn decrypt(
    encrypted: &Encrypted<'_>,
    attachments: &[Part],
    keys: &[&dyn Decrypter],
) -> Result<(Certificate, Vec<u8>), OpenFault> {
    let Data::There(address) = encrypted.data else {
        return Err(OpenFault::Structure("an encrypted message whose text is not beside it"));
    };
    let [part] = attachments else {
        return Err(OpenFault::Structure("other than one part beside the envelope"));
    };
    let named = address.strip_prefix("cid:").is_some_and(|id| part.headers.content_id() == Some(id));
    if !named {
        return Err(OpenFault::Structure("an address that is not that of the part beside the envelope"));
    }
    for wrapped in encrypted.keys() {
        let Reader::Certificate(certificate) = &wrapped.reader else {
            return Err(OpenFault::Structure("a reader that is not named by certificate"));
        };
        if let Some(key) = keys.iter().find(|key| key.holds(certificate)) {
            let plain = encrypted.open(wrapped, *key, part.octets()?.to_vec())?;
            return Ok((certificate.clone(), plain));
        }
    }
    Err(OpenFault::NoKey)
}
