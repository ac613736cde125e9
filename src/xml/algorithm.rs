//! The algorithms of XML signatures and XML encryption by their names in messages, in both directions.
//! A name that is not here does not count; in it never stands what is broken, and what is old is marked where it is defined.

use super::c14n::{Form, Way};
use crate::trust::cipher::Cipher;
use crate::trust::decrypt::Wrap;
use crate::trust::digest::Digest;
use crate::trust::scheme::Scheme;

/// The namespace of XML signatures.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The namespace of XML encryption.
pub const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// The namespace of XML encryption 1.1.
pub const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
/// The namespace of exclusive canonical forms.
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The inclusive canonical form without comments.
pub const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
/// The transform that decodes Base64.
pub const BASE64: &str = "http://www.w3.org/2000/09/xmldsig#base64";

const INCLUSIVE_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
const EXCLUSIVE_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";

const DIGESTS: &[(&str, Digest)] = &[
    ("http://www.w3.org/2001/04/xmlenc#sha256", Digest::Sha256),
    ("http://www.w3.org/2001/04/xmlenc#sha512", Digest::Sha512),
    ("http://www.w3.org/2001/04/xmldsig-more#sha384", Digest::Sha384),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-256", Digest::Sha3_256),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-384", Digest::Sha3_384),
    ("http://www.w3.org/2007/05/xmldsig-more#sha3-512", Digest::Sha3_512),
];

const SCHEMES: &[(&str, Scheme)] = &[
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", Scheme::RsaPkcs1Sha256),
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", Scheme::RsaPkcs1Sha512),
    ("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", Scheme::RsaPssSha256),
    ("http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1", Scheme::RsaPssSha512),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", Scheme::EcdsaSha256),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", Scheme::EcdsaSha384),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", Scheme::EcdsaSha512),
];

const CIPHERS: &[(&str, Cipher)] = &[
    ("http://www.w3.org/2009/xmlenc11#aes256-gcm", Cipher::Aes256Gcm),
    ("http://www.w3.org/2009/xmlenc11#aes192-gcm", Cipher::Aes192Gcm),
    ("http://www.w3.org/2009/xmlenc11#aes128-gcm", Cipher::Aes128Gcm),
    ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", Cipher::Aes256Cbc),
    ("http://www.w3.org/2001/04/xmlenc#aes192-cbc", Cipher::Aes192Cbc),
    ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", Cipher::Aes128Cbc),
    ("http://www.w3.org/2001/04/xmlenc#tripledes-cbc", Cipher::TripleDesCbc),
];

/// RSAES-OAEP whose digest and mask are named beside it.
pub const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
/// RSAES-PKCS1-v1_5.
pub const RSA_1_5: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";

/// Digest and mask of each OAEP that is known.
const MASKS: &[(&str, Digest, Wrap)] = &[
    ("http://www.w3.org/2009/xmlenc11#mgf1sha256", Digest::Sha256, Wrap::OaepSha256),
    ("http://www.w3.org/2009/xmlenc11#mgf1sha512", Digest::Sha512, Wrap::OaepSha512),
];

fn by_name<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, known)| known == value).map_or("", |(name, _)| *name)
}

/// The digest of this name.
pub fn digest(name: &str) -> Option<Digest> {
    by_name(DIGESTS, name)
}

/// The name of a digest.
pub fn digest_name(digest: Digest) -> &'static str {
    name_of(DIGESTS, &digest)
}

/// The signature scheme of this name.
pub fn scheme(name: &str) -> Option<Scheme> {
    by_name(SCHEMES, name)
}

/// The name of a signature scheme.
pub fn scheme_name(scheme: Scheme) -> &'static str {
    name_of(SCHEMES, &scheme)
}

/// The cipher of this name.
pub fn cipher(name: &str) -> Option<Cipher> {
    by_name(CIPHERS, name)
}

/// The name of a cipher.
pub fn cipher_name(cipher: Cipher) -> &'static str {
    name_of(CIPHERS, &cipher)
}

/// The wrapping with this mask and digest; both must be of one kind.
pub fn oaep(mask: &str, digest: Digest) -> Option<Wrap> {
    MASKS.iter().find(|(name, known, _)| *name == mask && *known == digest).map(|(_, _, wrap)| *wrap)
}

/// Names of mask and digest of a wrapping that is written.
pub fn oaep_names(wrap: Wrap) -> Option<(&'static str, &'static str)> {
    MASKS.iter().find(|(_, _, known)| *known == wrap).map(|(mask, digest, _)| (*mask, digest_name(*digest)))
}

/// The canonical form of this name; an exclusive one without prefixes to declare.
pub fn form(name: &str) -> Option<Form> {
    let (exclusive, comments) = match name {
        INCLUSIVE => (false, false),
        INCLUSIVE_COMMENTS => (false, true),
        EXCLUSIVE => (true, false),
        EXCLUSIVE_COMMENTS => (true, true),
        _ => return None,
    };
    Some(Form { comments, exclusive: exclusive.then(Vec::new), way: Way::Standard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_itself() {
        for (name, known) in DIGESTS {
            assert_eq!((digest(name), digest_name(*known)), (Some(*known), *name));
        }
        for (name, known) in SCHEMES {
            assert_eq!((scheme(name), scheme_name(*known)), (Some(*known), *name));
        }
        for (name, known) in CIPHERS {
            assert_eq!((cipher(name), cipher_name(*known)), (Some(*known), *name));
        }
        assert_eq!(oaep_names(Wrap::RsaPkcs1), None);
    }

    #[test]
    fn what_is_broken_or_foreign_has_no_name() {
        for name in [
            "http://www.w3.org/2000/09/xmldsig#sha1",
            "http://www.w3.org/2001/04/xmlenc#ripemd160",
            "http://www.w3.org/2001/04/xmldsig-more#md5",
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/TR/1999/REC-xpath-19991116",
            "http://www.w3.org/TR/1999/REC-xslt-19991116",
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            "",
        ] {
            assert!(
                digest(name).is_none()
                    && scheme(name).is_none()
                    && cipher(name).is_none()
                    && form(name).is_none()
            );
        }
    }
}
