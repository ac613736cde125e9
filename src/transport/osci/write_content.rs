//! Writing of contents in the style of OSCI's libraries: containers, their signatures with the time of signing, their encryption
//! for readers, and the keys of what stands beside the envelope.
//! It never encrypts first and signs then (the libraries digest that in a way of their own), and makes no random value.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::kind::XADES;
use super::write::{self, Profile, Secrets, WriteFault, five, read_again};
use crate::mime::transfer;
use crate::trust::certificate::Certificate;
use crate::trust::cipher;
use crate::trust::sign::Signer;
use crate::xml::encryption;
use crate::xml::sign::ToReference;
use crate::xml::signature::Target;
use crate::xml::write::{escape_attribute, escape_text};

/// A container to be written.
#[derive(Debug, Default)]
pub struct NewContainer<'a> {
    /// Its Id; unique in the envelope and in everything that is decrypted from it.
    pub id: &'a str,
    /// What is in it.
    pub contents: Vec<NewContent<'a>>,
    /// EncryptedData that carries the keys of attachments, when the container is to be encrypted.
    pub carried: Vec<String>,
}

/// A content to be written.
#[derive(Debug)]
pub enum NewContent<'a> {
    /// Octets in the envelope.
    Inline {
        /// The Id of its element.
        id: &'a str,
        /// The octets.
        octets: &'a [u8],
    },
    /// Octets beside the envelope.
    Beside {
        /// The Id of its element.
        id: &'a str,
        /// The Content-ID.
        name: &'a str,
        /// The octets, not encrypted.
        octets: &'a [u8],
    },
}

/// Who signs a container.
pub struct NewSignature<'a> {
    /// The key.
    pub signer: &'a dyn Signer,
    /// The Id under which the message names its certificate.
    pub certificate: &'a str,
    /// The time of signing (xs:dateTime), if it is to be signed too.
    pub time: Option<&'a str>,
}

/// The text of a container.
pub fn container(
    container: &NewContainer<'_>,
    signatures: &[NewSignature<'_>],
    profile: &Profile,
) -> Result<String, WriteFault> {
    let mut contents = String::new();
    for content in &container.contents {
        match content {
            NewContent::Inline { id, octets } => {
                let (id, text) = (escape_attribute(id)?, transfer::encode(octets));
                let _ = write!(
                    contents,
                    "<osci:Content><osci:Base64Content Id=\"{id}\">{text}</osci:Base64Content></osci:Content>"
                );
            }
            NewContent::Beside { id, name, .. } => {
                let (id, name) = (escape_attribute(id)?, escape_attribute(name)?);
                let _ = write!(contents, "<osci:Content Id=\"{id}\" href=\"cid:{name}\"></osci:Content>");
            }
        }
    }
    let start = format!("<osci:ContentContainer {} Id=\"{}\">", five(), escape_attribute(container.id)?);
    let carried = container.carried.concat();
    let mut signed = String::new();
    for (number, signature) in signatures.iter().enumerate() {
        let unsigned = format!("{start}{contents}</osci:ContentContainer>");
        signed.push_str(&content_signature(container, unsigned, number, signature, profile)?);
    }
    Ok(format!("{start}{signed}{contents}{carried}</osci:ContentContainer>"))
}

fn content_signature(
    container: &NewContainer<'_>,
    unsigned: String,
    number: usize,
    signature: &NewSignature<'_>,
    profile: &Profile,
) -> Result<String, WriteFault> {
    let tree = read_again(unsigned)?;
    let mut references = Vec::new();
    let mut beside = BTreeMap::new();
    for (content, element) in container.contents.iter().zip(tree.root().children()) {
        match content {
            NewContent::Inline { id, octets } => {
                references.push(ToReference::to(format!("#{id}"), &Target::Decoded(octets), profile.digest));
            }
            NewContent::Beside { id, name, octets } => {
                references.push(ToReference::to(
                    format!("#{id}"),
                    &Target::Element(element, &[]),
                    profile.digest,
                ));
                beside.insert(*name, *octets);
            }
        }
    }
    for (name, octets) in beside {
        references.push(ToReference::to(format!("cid:{name}"), &Target::Octets(octets), profile.digest));
    }
    let mut object = String::new();
    if let Some(time) = signature.time {
        let id = format!("{}TS{number}", container.id);
        object = format!(
            "<ds:Object><xades:QualifyingProperties xmlns:xades=\"{XADES}\"><xades:SignedProperties \
             Id=\"{}\"><xades:SignedSignatureProperties><xades:SigningTime>{}</xades:SigningTime>\
             </xades:SignedSignatureProperties></xades:SignedProperties></xades:QualifyingProperties></ds:Object>",
            escape_attribute(&id)?,
            escape_text(time)?
        );
        let tree = read_again(format!("<ds:Signature {}>{object}</ds:Signature>", five()))?;
        let properties = tree.root().descendants().find(|element| element.is(XADES, "SignedProperties"));
        if let Some(properties) = properties {
            let target = Target::Element(properties, &[]);
            // Libraries name no transform here.
            references.push(ToReference {
                transform: None,
                ..ToReference::to(format!("#{id}"), &target, profile.digest)
            });
        }
    }
    write::signature(&references, signature.signer, signature.certificate, &object, profile)
}

/// Encrypts a container for `readers` (certificate, and the Id under which the message names it): the text of an EncryptedData.
pub fn encrypted(
    id: &str,
    container: &str,
    readers: &[(&Certificate, &str)],
    secrets: &Secrets,
    profile: &Profile,
) -> Result<String, WriteFault> {
    let mut keys = String::new();
    for (certificate, named) in readers {
        let named = encryption::retrieval_text(named)?;
        keys.push_str(&write::wrapped(certificate, secrets, profile, &named)?);
    }
    let sealed = cipher::seal(profile.cipher, &secrets.key, &secrets.iv, container.as_bytes())
        .filter(|_| !readers.is_empty() && secrets.iv.len() == profile.iv_length)
        .ok_or(WriteFault::Encrypt)?;
    Ok(format!(
        "<xenc:EncryptedData {} Id=\"{}\" MimeType=\"text/xml\">{}<ds:KeyInfo>{keys}</ds:KeyInfo>{}</xenc:EncryptedData>",
        five(),
        escape_attribute(id)?,
        encryption::method_text(profile.cipher, profile.iv_length),
        encryption::value_text(&sealed)
    ))
}

/// Encrypts what stands beside the envelope with a key of its own: the EncryptedData that carries the key into the encrypted
/// container, and the octets that travel.
pub fn encrypted_attachment(
    name: &str,
    octets: &[u8],
    secrets: &Secrets,
    profile: &Profile,
) -> Result<(String, Vec<u8>), WriteFault> {
    let sealed = cipher::seal(profile.cipher, &secrets.key, &secrets.iv, octets)
        .filter(|_| secrets.iv.len() == profile.iv_length)
        .ok_or(WriteFault::Encrypt)?;
    let text = format!(
        "<xenc:EncryptedData Id=\"Attachment{}\" MimeType=\"text/xml\">{}<ds:KeyInfo><ds:MgmtData>{}</ds:MgmtData></ds:KeyInfo>\
         {}</xenc:EncryptedData>",
        escape_attribute(name)?,
        encryption::method_text(profile.cipher, profile.iv_length),
        STANDARD.encode(&*secrets.key),
        encryption::reference_text(name)?
    );
    Ok((text, sealed))
}
