//! What the intermediary writes: answers to its clients and deliveries to passive recipients; signed, and encrypted where the order was.
//! It never changes a content.

use bytes::Bytes;

use super::shelf::Content;
use crate::transport::osci::envelope::Named;
use crate::transport::osci::fault;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::message::{Control, Features, Message};
use crate::transport::osci::order::{Feedback, Order};
use crate::transport::osci::write::{Beside, WriteFault};
use crate::transport::osci_keys::Keys;
use crate::transport::osci_words::{self, Role};
use crate::trust::certificate::Certificate;

/// A message of the intermediary.
pub struct Out<'a> {
    /// Which one.
    pub kind: Kind,
    /// Its ControlBlock.
    pub control: Control,
    /// What it says.
    pub order: Order,
    /// What it hands on.
    pub content: Option<&'a Content>,
    /// For whom it is encrypted; `None`: it goes plain.
    pub reader: Option<&'a Certificate>,
    /// Octets of the vector.
    pub iv_length: usize,
}

/// Feedback with these codes.
pub fn feedback(codes: &[u16]) -> Vec<Feedback> {
    codes.iter().map(|code| fault::feedback(*code)).collect()
}

/// The octets of a message.
pub fn written(out: Out<'_>, keys: &Keys) -> Result<Bytes, WriteFault> {
    let profile = keys.profile(out.iv_length);
    let signature = Role::Intermediary.signature(keys.signature());
    let signed_as = signature.id.clone();
    let onward = !out.kind.is_response();
    let mut certificates = Vec::new();
    if onward {
        // Whoever answers encrypts for it.
        certificates.push(Role::Intermediary.cipher(keys.cipher()));
    }
    certificates.push(signature);
    let nothing = Content::default();
    let content = out.content.unwrap_or(&nothing);
    for (id, role, der) in &content.certificates {
        let der = crate::mime::transfer::decode(der.as_bytes()).unwrap_or_default();
        if let Ok(certificate) = Certificate::from_der(der.into()) {
            certificates.push(Named { id: id.clone(), role: role.clone(), certificate });
        }
    }
    let features = [
        ("DisableBase64", "1.2.0"),
        ("OAEPEncryption", "1.6.0"),
        ("GCMPaddingModus", "1.7.0"),
        ("Support96Bit12ByteIV", "1.9.0"),
    ];
    let message = Message {
        kind: out.kind,
        control: out.control,
        languages: onward.then(|| "de".to_owned()),
        stamps: Vec::new(),
        order: out.order,
        features: Some(Features {
            supported: features.map(|(key, version)| (key.to_owned(), version.to_owned())).to_vec(),
            ..Features::default()
        }),
        certificates,
        foreign: content.foreign.clone(),
    };
    let octets = content.octets();
    let beside: Vec<Beside<'_>> =
        octets.iter().map(|(id, media_type, octets)| Beside { id, media_type, octets }).collect();
    let contents = (content.package.as_deref(), &beside[..]);
    let signer = (keys.signer(), signed_as.as_str());
    Ok(osci_words::octets(&message, contents, signer, out.reader, &profile)?.into())
}
