//! XML encryption (W3C XML Encryption 1.1) as OSCI uses it: reading of EncryptedData, opening with keys of ours, writing.
//! It never looks an address up, never decrypts with what is broken unless the caller's policy allows the old algorithms to be
//! read, and never says why something could not be decrypted.

use std::fmt::Write;

use thiserror::Error;
use zeroize::Zeroizing;

use super::algorithm::{self, DSIG, OAEP, RSA_1_5, XENC, XENC11};
use super::signature;
use super::tree::Element;
use super::write::{IllegalCharacter, escape_attribute};
use crate::mime::transfer;
use crate::trust::certificate::Certificate;
use crate::trust::cipher::{self, Cipher, Undecryptable};
use crate::trust::decrypt::{Decrypter, Wrap};

/// The namespace of `IvLength` (OSCI-Transport 1.2, Korrigenda 8).
pub const OSCI128: &str = "http://xoev.de/transport/osci12/8";
/// The vector of a GCM text without `IvLength`, octets: what libraries wrote before they knew it.
const OLD_IV: usize = 16;
/// Readers of one EncryptedData.
const MOST_KEYS: usize = 64;
/// Characters of a wrapped key: RSA of 8192 bits.
const LONGEST_KEY: usize = 2048;

/// Why an EncryptedData cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncryptionFault {
    /// It is not built as it must be; the text is ours.
    #[error("encrypted data not built as it must be: {0}")]
    Structure(&'static str),
    /// An algorithm is not known.
    #[error("encrypted with an algorithm that is not known: {0}; use aes-gcm and rsa-oaep")]
    Algorithm(&'static str),
    /// An old algorithm that the partner's policy does not allow.
    #[error("encrypted with an old algorithm; the partner must use aes-gcm and rsa-oaep")]
    Legacy,
}

/// Which algorithms may be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Also AES-CBC, Triple DES and RSAES-PKCS1-v1_5.
    pub legacy: bool,
}

/// An EncryptedData, read.
#[derive(Debug)]
pub struct Encrypted<'t> {
    /// Its Id.
    pub id: Option<&'t str>,
    cipher: Cipher,
    iv_length: usize,
    key: Key<'t>,
    /// Where the text is.
    pub data: Data<'t>,
}

/// Where an encrypted text is.
#[derive(Clone, Copy, Debug)]
pub enum Data<'t> {
    /// In the element: its octets in Base64.
    Here(&'t str),
    /// Elsewhere, under this address.
    There(&'t str),
}

#[derive(Debug)]
enum Key<'t> {
    Wrapped(Vec<WrappedKey<'t>>),
    /// It stands there as it is (`ds:MgmtData`): somebody who may read it may read the attachment.
    Carried(Zeroizing<Vec<u8>>),
}

/// A message key for one reader.
#[derive(Debug)]
pub struct WrappedKey<'t> {
    wrap: Wrap,
    /// Whose certificate it is wrapped for.
    pub reader: Reader<'t>,
    wrapped: Vec<u8>,
}

/// How a reader's certificate is named.
#[derive(Clone, Debug)]
pub enum Reader<'t> {
    /// It stands there.
    Certificate(Certificate),
    /// The address of an element that holds it.
    Named(&'t str),
}

const fn ill(what: &'static str) -> EncryptionFault {
    EncryptionFault::Structure(what)
}

impl<'t> Encrypted<'t> {
    /// Reads an `xenc:EncryptedData`.
    pub fn read(element: Element<'t>, allowed: Allowed) -> Result<Self, EncryptionFault> {
        if !element.is(XENC, "EncryptedData") {
            return Err(ill("no xenc:EncryptedData"));
        }
        let [method, key_info, data] = element.children().collect::<Vec<_>>()[..] else {
            return Err(ill("other children than method, key and data"));
        };
        if !method.is(XENC, "EncryptionMethod")
            || !key_info.is(DSIG, "KeyInfo")
            || !data.is(XENC, "CipherData")
        {
            return Err(ill("other children than method, key and data"));
        }
        let cipher = algorithm::cipher(method.attribute("Algorithm").unwrap_or_default());
        let cipher = cipher.ok_or(EncryptionFault::Algorithm("cipher"))?;
        if cipher.is_legacy() && !allowed.legacy {
            return Err(EncryptionFault::Legacy);
        }
        let iv_length = match &method.children().collect::<Vec<_>>()[..] {
            [] => OLD_IV,
            [length] if length.is(OSCI128, "IvLength") => match length.attribute("Value") {
                Some("12") => 12,
                Some("16") => 16,
                _ => return Err(ill("IvLength other than 12 and 16")),
            },
            _ => return Err(ill("parameters of the cipher")),
        };
        Ok(Encrypted {
            id: element.attribute("Id"),
            cipher,
            iv_length,
            key: key(key_info, allowed)?,
            data: place(data)?,
        })
    }

    /// The keys for each reader; empty when the key stands there as it is.
    pub fn keys(&self) -> &[WrappedKey<'t>] {
        match &self.key {
            Key::Wrapped(keys) => keys,
            Key::Carried(_) => &[],
        }
    }

    /// Whether its cipher proves that the text is what was encrypted.
    pub fn proves(&self) -> bool {
        !self.cipher.is_legacy()
    }

    /// Whether its cipher, or the wrapping of one of its keys, is one that is only read.
    pub fn is_legacy(&self) -> bool {
        self.cipher.is_legacy() || self.keys().iter().any(|key| key.wrap.is_legacy())
    }

    /// Octets of its vector, 12 or 16.
    pub fn iv_length(&self) -> usize {
        self.iv_length
    }

    /// Opens it with the key that stands there.
    pub fn open_carried(&self, octets: Vec<u8>) -> Result<Vec<u8>, Undecryptable> {
        let Key::Carried(key) = &self.key else { return Err(Undecryptable) };
        cipher::open(self.cipher, key, self.iv_length, octets)
    }

    /// Opens it with the key of `wrapped`, which `decrypter` unwraps.
    pub fn open(
        &self,
        wrapped: &WrappedKey<'_>,
        decrypter: &dyn Decrypter,
        octets: Vec<u8>,
    ) -> Result<Vec<u8>, Undecryptable> {
        let key = decrypter.unwrap(wrapped.wrap, &wrapped.wrapped, self.cipher.key_length());
        cipher::open(self.cipher, &key, self.iv_length, octets)
    }
}

fn key(info: Element<'_>, allowed: Allowed) -> Result<Key<'_>, EncryptionFault> {
    let children: Vec<_> = info.children().collect();
    if let [single] = children[..]
        && single.is(DSIG, "MgmtData")
    {
        let key = signature::octets(single, 256).ok_or(ill("carried key that is no base64"))?;
        return Ok(Key::Carried(Zeroizing::new(key)));
    }
    if children.is_empty() || children.len() > MOST_KEYS {
        return Err(ill("no key or too many"));
    }
    children.into_iter().map(|child| wrapped(child, allowed)).collect::<Result<_, _>>().map(Key::Wrapped)
}

fn wrapped(element: Element<'_>, allowed: Allowed) -> Result<WrappedKey<'_>, EncryptionFault> {
    let [method, info, data] = element.children().collect::<Vec<_>>()[..] else {
        return Err(ill("EncryptedKey with other children than method, reader and data"));
    };
    let right = element.is(XENC, "EncryptedKey")
        && method.is(XENC, "EncryptionMethod")
        && info.is(DSIG, "KeyInfo")
        && data.is(XENC, "CipherData");
    if !right {
        return Err(ill("EncryptedKey with other children than method, reader and data"));
    }
    let wrap = wrapping(method)?;
    if wrap.is_legacy() && !allowed.legacy {
        return Err(EncryptionFault::Legacy);
    }
    let [value] = data.children().collect::<Vec<_>>()[..] else {
        return Err(ill("other than one CipherValue"));
    };
    let octets = value.is(XENC, "CipherValue").then(|| signature::octets(value, LONGEST_KEY)).flatten();
    Ok(WrappedKey {
        wrap,
        reader: reader(info)?,
        wrapped: octets.ok_or(ill("wrapped key that is no base64"))?,
    })
}

fn wrapping(method: Element<'_>) -> Result<Wrap, EncryptionFault> {
    let parameters: Vec<_> = method.children().collect();
    match (method.attribute("Algorithm").unwrap_or_default(), &parameters[..]) {
        (RSA_1_5, []) => Ok(Wrap::RsaPkcs1),
        // Left out, both would mean SHA-1.
        (OAEP, [one, two]) => {
            let (mask, digest) = if one.is(XENC11, "MGF") { (one, two) } else { (two, one) };
            if !mask.is(XENC11, "MGF") || !digest.is(DSIG, "DigestMethod") {
                return Err(ill("parameters of rsa-oaep"));
            }
            let digest = algorithm::digest(digest.attribute("Algorithm").unwrap_or_default());
            let digest = digest.ok_or(EncryptionFault::Algorithm("digest of rsa-oaep"))?;
            algorithm::oaep(mask.attribute("Algorithm").unwrap_or_default(), digest)
                .ok_or(EncryptionFault::Algorithm("mask of rsa-oaep"))
        }
        _ => Err(EncryptionFault::Algorithm("wrapping of the key")),
    }
}

fn reader(info: Element<'_>) -> Result<Reader<'_>, EncryptionFault> {
    let [named] = info.children().collect::<Vec<_>>()[..] else {
        return Err(ill("other than one reader of a key"));
    };
    if named.is(DSIG, "RetrievalMethod") && named.children().next().is_none() {
        return named.attribute("URI").map(Reader::Named).ok_or(ill("RetrievalMethod without URI"));
    }
    let [certificate] = named.children().collect::<Vec<_>>()[..] else {
        return Err(ill("other than one certificate"));
    };
    if !named.is(DSIG, "X509Data") || !certificate.is(DSIG, "X509Certificate") {
        return Err(ill("a reader that is no certificate"));
    }
    let der = signature::octets(certificate, 128 << 10).ok_or(ill("certificate that is no base64"))?;
    let certificate =
        Certificate::from_der(der.into()).map_err(|_| ill("a reader that is no certificate"))?;
    Ok(Reader::Certificate(certificate))
}

fn place(data: Element<'_>) -> Result<Data<'_>, EncryptionFault> {
    let [place] = data.children().collect::<Vec<_>>()[..] else {
        return Err(ill("other than one place of the text"));
    };
    if place.is(XENC, "CipherValue") {
        return place.only_text().map(Data::Here).ok_or(ill("CipherValue that is no base64"));
    }
    if !place.is(XENC, "CipherReference") {
        return Err(ill("a place that is neither value nor reference"));
    }
    // The transform to Base64 is always written and means nothing: the part itself says how it is encoded.
    let only_base64 = match &place.children().collect::<Vec<_>>()[..] {
        [] => true,
        [transforms] if transforms.is(XENC, "Transforms") => transforms.children().all(|transform| {
            transform.is(DSIG, "Transform") && transform.attribute("Algorithm") == Some(algorithm::BASE64)
        }),
        _ => false,
    };
    if !only_base64 {
        return Err(EncryptionFault::Algorithm("transform of a reference"));
    }
    place.attribute("URI").map(Data::There).ok_or(ill("CipherReference without URI"))
}

/// `xenc:EncryptionMethod` of a text, with its vector's length.
pub fn method_text(cipher: Cipher, iv_length: usize) -> String {
    let length = match iv_length {
        OLD_IV => String::new(),
        other => {
            format!("<osci128:IvLength xmlns:osci128=\"{OSCI128}\" Value=\"{other}\"></osci128:IvLength>")
        }
    };
    let name = algorithm::cipher_name(cipher);
    format!("<xenc:EncryptionMethod Algorithm=\"{name}\">{length}</xenc:EncryptionMethod>")
}

/// `xenc:EncryptedKey` for one reader, who is named by `reader` (the content of its KeyInfo). `None` for a wrapping that is
/// only read.
pub fn key_text(wrap: Wrap, reader: &str, wrapped: &[u8]) -> Option<String> {
    let (mask, digest) = algorithm::oaep_names(wrap)?;
    let mut text = String::new();
    let _ = write!(
        text,
        "<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm=\"{OAEP}\"><xenc11:MGF xmlns:xenc11=\"{XENC11}\" \
         Algorithm=\"{mask}\"></xenc11:MGF><ds:DigestMethod Algorithm=\"{digest}\"></ds:DigestMethod></xenc:EncryptionMethod>\
         <ds:KeyInfo>{reader}</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData>\
         </xenc:EncryptedKey>",
        transfer::encode(wrapped)
    );
    Some(text)
}

/// `ds:RetrievalMethod` that names a certificate by the Id of its element.
pub fn retrieval_text(id: &str) -> Result<String, IllegalCharacter> {
    Ok(format!(
        "<ds:RetrievalMethod Type=\"http://www.w3.org/2000/09/xmldsig#X509Data\" URI=\"#{}\"></ds:RetrievalMethod>",
        escape_attribute(id)?
    ))
}

/// `ds:X509Data` with one certificate.
pub fn certificate_text(certificate: &Certificate) -> String {
    let encoded = transfer::encode(certificate.der());
    format!("<ds:X509Data><ds:X509Certificate>{encoded}</ds:X509Certificate></ds:X509Data>")
}

/// `xenc:CipherData` with the text in it.
pub fn value_text(sealed: &[u8]) -> String {
    let encoded = transfer::encode(sealed);
    format!("<xenc:CipherData><xenc:CipherValue>{encoded}</xenc:CipherValue></xenc:CipherData>")
}

/// `xenc:CipherData` with the address of the text.
pub fn reference_text(content_id: &str) -> Result<String, IllegalCharacter> {
    Ok(format!(
        "<xenc:CipherData><xenc:CipherReference URI=\"cid:{}\"><xenc:Transforms><ds:Transform \
         Algorithm=\"{}\"></ds:Transform></xenc:Transforms></xenc:CipherReference></xenc:CipherData>",
        escape_attribute(content_id)?,
        algorithm::BASE64
    ))
}
