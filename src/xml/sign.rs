//! Writing XML signatures: the text of SignedInfo from what is to be covered, and of the signature around it.
//! It never signs a text that it has not read again as its reader will: the caller puts SignedInfo into its document, lets it
//! be canonicalised there, and signs that.

use std::fmt::Write;

use super::algorithm;
use super::c14n::Form;
use super::signature::{Target, digest_of_element};
use super::write::{IllegalCharacter, escape_attribute};
use crate::mime::transfer;
use crate::trust::digest::Digest;
use crate::trust::scheme::Scheme;

/// A reference to be written.
#[derive(Clone, Debug)]
pub struct ToReference {
    /// The address.
    pub uri: String,
    /// The transform, by name; `None` for octets beside the document.
    pub transform: Option<&'static str>,
    /// The digest.
    pub value: Vec<u8>,
}

impl ToReference {
    /// The reference to a part, with its digest.
    pub fn to(uri: String, target: &Target<'_>, digest: Digest) -> ToReference {
        let (transform, value) = match target {
            Target::Element(element, _) => {
                (Some(algorithm::INCLUSIVE), digest_of_element(*element, &Form::inclusive(), digest))
            }
            Target::Decoded(octets) => (Some(algorithm::BASE64), digest.of(octets)),
            Target::Octets(octets) => (None, digest.of(octets)),
        };
        ToReference { uri, transform, value }
    }
}

/// The text of `ds:SignedInfo`, without declarations (the prefix `ds` is declared around it) and with the line ends that
/// OSCI's libraries write.
pub fn signed_info(
    references: &[ToReference],
    scheme: Scheme,
    digest: Digest,
) -> Result<String, IllegalCharacter> {
    let mut text = String::from("<ds:SignedInfo>\n");
    let form = algorithm::INCLUSIVE;
    let scheme = algorithm::scheme_name(scheme);
    let _ = writeln!(text, "<ds:CanonicalizationMethod Algorithm=\"{form}\"></ds:CanonicalizationMethod>");
    let _ = writeln!(text, "<ds:SignatureMethod Algorithm=\"{scheme}\"></ds:SignatureMethod>");
    for reference in references {
        let _ = writeln!(text, "<ds:Reference URI=\"{}\">", escape_attribute(&reference.uri)?);
        if let Some(transform) = reference.transform {
            let _ = writeln!(
                text,
                "<ds:Transforms>\n<ds:Transform Algorithm=\"{transform}\"></ds:Transform>\n</ds:Transforms>"
            );
        }
        let _ = writeln!(
            text,
            "<ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod>\n<ds:DigestValue>{}</ds:DigestValue>\n</ds:Reference>",
            algorithm::digest_name(digest),
            transfer::encode(&reference.value)
        );
    }
    text.push_str("</ds:SignedInfo>");
    Ok(text)
}

/// The text of `ds:Signature` around a SignedInfo and its value; the key is named by the address of its certificate.
pub fn signature(
    info: &str,
    value: &[u8],
    retrieval: &str,
    objects: &str,
) -> Result<String, IllegalCharacter> {
    Ok(format!(
        "<ds:Signature>{info}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo><ds:RetrievalMethod \
         URI=\"{}\"></ds:RetrievalMethod></ds:KeyInfo>{objects}</ds:Signature>",
        transfer::encode(value),
        escape_attribute(retrieval)?
    ))
}
