//! XML signatures (W3C XML Signature 1.0) as far as messages use them: read strictly, verified against exactly the parts
//! that the caller is going to process.
//! It never looks an address up: the caller says which element or which octets a reference must mean. It never takes a key
//! from a signature: the caller brings it.

use std::collections::HashMap;

use thiserror::Error;

use super::algorithm::{self, DSIG, EXCLUSIVE};
use super::c14n::{self, Form, Way};
use super::tree::{Child, Element};
use crate::mime::transfer;
use crate::trust::certificate::Certificate;
use crate::trust::digest::{self, Digest};
use crate::trust::scheme::Scheme;

/// References of one signature.
const MOST_REFERENCES: usize = 1024;
/// Characters of a signature value: more than 8192 bits of RSA need.
const LONGEST_VALUE: usize = 4096;

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// The signature is not built as it must be; the text is ours.
    #[error("signature not built as it must be: {0}")]
    Structure(&'static str),
    /// An algorithm is not allowed.
    #[error("signature with an algorithm that is not allowed: {0}; sign with sha-2 and rsa or ecdsa")]
    Algorithm(&'static str),
    /// The key cannot be used with the scheme.
    #[error("signature scheme and kind of key do not fit together")]
    Key,
    /// The references are not exactly those of the parts of the message.
    #[error(
        "references and parts of the message are not the same; every part must be signed, and nothing else"
    )]
    References,
    /// A part is not what was signed.
    #[error("a signed part was changed: its digest is another")]
    Digest,
    /// The signature value is not one of this key over these references.
    #[error("signature value not made with this key, or the references were changed")]
    Value,
}

/// A value of which a signature covers everything that it was made of. Only [`verify`] makes one.
#[derive(Debug)]
pub struct Covered<T> {
    value: T,
    deviations: usize,
}

impl<T> Covered<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// How many references were digested in a library's own way.
    pub fn deviations(&self) -> usize {
        self.deviations
    }

    /// Makes another value of it, from nothing but it.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Covered<U>, E> {
        Ok(Covered { value: make(self.value)?, deviations: self.deviations })
    }

    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }
}

/// What a reference must mean.
#[derive(Clone, Debug)]
pub enum Target<'a> {
    /// An element in its canonical form; also accepted in these ways of libraries.
    Element(Element<'a>, &'static [Way]),
    /// The octets that the text of an element encodes in Base64.
    Decoded(&'a [u8]),
    /// Octets beside the document, as they are.
    Octets(&'a [u8]),
}

/// A part that must be referenced, by exactly this address.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The address: `#` and an Id, or `cid:` and a Content-ID.
    pub uri: String,
    /// What it must mean.
    pub target: Target<'a>,
}

/// A signature, read.
#[derive(Debug)]
pub struct Signature<'t> {
    info: Element<'t>,
    form: Form,
    scheme: Scheme,
    references: Vec<Reference<'t>>,
    value: Vec<u8>,
    key_info: Option<Element<'t>>,
    objects: Vec<Element<'t>>,
}

#[derive(Debug)]
struct Reference<'t> {
    uri: &'t str,
    transform: Option<Transform>,
    digest: Digest,
    value: Vec<u8>,
}

#[derive(Debug)]
enum Transform {
    Canonical(Form),
    Base64,
}

/// What is said about a signature that may not be readable: its scheme as named and how many references it has.
pub fn outline<'t>(signature: Element<'t>) -> (Option<&'t str>, usize) {
    let info = signature.child(DSIG, "SignedInfo");
    let scheme = info.and_then(|info| info.child(DSIG, "SignatureMethod")?.attribute("Algorithm"));
    (scheme, info.map_or(0, |info| info.children().filter(|child| child.is(DSIG, "Reference")).count()))
}

const fn ill(what: &'static str) -> SignatureFault {
    SignatureFault::Structure(what)
}

impl<'t> Signature<'t> {
    /// Reads a `ds:Signature`. Refuses everything that it has no use for: instructions and comments in values, foreign elements,
    /// transforms other than canonical forms and Base64, more than one transform, parameters of algorithms.
    pub fn read(signature: Element<'t>) -> Result<Self, SignatureFault> {
        if !signature.is(DSIG, "Signature") {
            return Err(ill("no ds:Signature"));
        }
        let mut children = elements(signature)?.into_iter();
        let info = expect(children.next(), "SignedInfo")?;
        let value = expect(children.next(), "SignatureValue")?;
        let mut rest = children.peekable();
        let key_info = rest.next_if(|next| next.is(DSIG, "KeyInfo"));
        let objects: Vec<Element<'t>> = rest.collect();
        if objects.iter().any(|object| !object.is(DSIG, "Object")) {
            return Err(ill("an element that does not belong there"));
        }
        let inside = [info, value].into_iter().chain(key_info).chain(objects.iter().copied());
        if inside
            .flat_map(|part| part.descendants())
            .any(|element| element.nodes().any(|node| matches!(node, Child::Instruction(..))))
        {
            return Err(ill("a processing instruction inside"));
        }
        let mut lines = elements(info)?.into_iter();
        let form = canonical_form(expect(lines.next(), "CanonicalizationMethod")?)?;
        let form = form.ok_or(SignatureFault::Algorithm("canonicalisation"))?;
        let method = expect(lines.next(), "SignatureMethod")?;
        let scheme = algorithm::scheme(name_of(method)?).ok_or(SignatureFault::Algorithm("signature"))?;
        if method.children().next().is_some() {
            return Err(ill("parameters of the signature scheme"));
        }
        let references: Vec<Reference<'t>> = lines.map(reference).collect::<Result<_, _>>()?;
        if references.is_empty() || references.len() > MOST_REFERENCES {
            return Err(ill("no reference or too many"));
        }
        let value = octets(value, LONGEST_VALUE).ok_or(ill("value that is no base64"))?;
        Ok(Signature { info, form, scheme, references, value, key_info, objects })
    }

    /// How many references it has.
    pub fn references(&self) -> usize {
        self.references.len()
    }

    /// Whether every canonical form in it is the inclusive one without comments.
    pub fn is_inclusive(&self) -> bool {
        let transforms = self.references.iter().filter_map(|reference| match &reference.transform {
            Some(Transform::Canonical(form)) => Some(form),
            _ => None,
        });
        std::iter::once(&self.form).chain(transforms).all(|form| *form == Form::inclusive())
    }

    /// The signature scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The address of the one `ds:RetrievalMethod` in its KeyInfo; anything else in there is refused.
    pub fn retrieval(&self) -> Result<&'t str, SignatureFault> {
        let info = self.key_info.ok_or(ill("no KeyInfo"))?;
        let [method] = elements(info)?[..] else {
            return Err(ill("KeyInfo with other than one RetrievalMethod"));
        };
        if !method.is(DSIG, "RetrievalMethod") || method.children().next().is_some() {
            return Err(ill("KeyInfo with other than one RetrievalMethod"));
        }
        method.attribute("URI").ok_or(ill("RetrievalMethod without URI"))
    }

    /// Its `ds:Object` elements.
    pub fn objects(&self) -> &[Element<'t>] {
        &self.objects
    }
}

/// Verifies that `signature` was made with the key of `certificate` and covers exactly `parts`; then gives `value`, which the
/// caller made of these parts and nothing else, as covered.
///
/// The order is: references and parts are the same set, the value of the signature, the digests.
pub fn verify<T>(
    signature: &Signature<'_>,
    parts: &[Part<'_>],
    certificate: &Certificate,
    value: T,
) -> Result<Covered<T>, SignatureFault> {
    let mut open: HashMap<&str, &Part<'_>> = parts.iter().map(|part| (part.uri.as_str(), part)).collect();
    if open.len() != parts.len() || signature.references.len() != parts.len() {
        return Err(SignatureFault::References);
    }
    let mut pairs = Vec::with_capacity(parts.len());
    for reference in &signature.references {
        pairs.push((reference, open.remove(reference.uri).ok_or(SignatureFault::References)?));
    }
    if !signature.scheme.fits(certificate.key()) {
        return Err(SignatureFault::Key);
    }
    let signed = |way| {
        let form = signature.form.in_way(way);
        let octets = c14n::canonical(signature.info, &form);
        signature.scheme.verifies(certificate, &octets, &signature.value)
    };
    let right = signed(Way::Standard) || (has_greater(signature.info) && signed(Way::Greater));
    if !right {
        return Err(SignatureFault::Value);
    }
    let mut deviations = 0;
    for (reference, part) in pairs {
        match matching_way(reference, &part.target)? {
            Way::Standard => {}
            Way::Bare | Way::Greater => deviations += 1,
        }
    }
    Ok(Covered { value, deviations })
}

/// The way in which the digest of a part is that of its reference.
fn matching_way(reference: &Reference<'_>, target: &Target<'_>) -> Result<Way, SignatureFault> {
    let is = |digest: Vec<u8>| digest::equal(&digest, &reference.value);
    match (target, &reference.transform) {
        (Target::Element(element, ways), None | Some(Transform::Canonical(_))) => {
            // A reference by Id never means comments, whatever the form says, and without a transform the inclusive form
            // (4.4.3.3).
            let form = match &reference.transform {
                Some(Transform::Canonical(form)) => Form { comments: false, ..form.clone() },
                _ => Form::inclusive(),
            };
            let ways = ways.iter().copied().chain(has_greater(*element).then_some(Way::Greater));
            std::iter::once(Way::Standard)
                .chain(ways)
                .find(|way| is(digest_of_element(*element, &form.in_way(*way), reference.digest)))
        }
        (Target::Decoded(octets), Some(Transform::Base64)) | (Target::Octets(octets), None) => {
            is(reference.digest.of(octets)).then_some(Way::Standard)
        }
        _ => return Err(ill("a transform that does not belong to the part")),
    }
    .ok_or(SignatureFault::Digest)
}

/// The digest of an element in a canonical form.
pub fn digest_of_element(element: Element<'_>, form: &Form, digest: Digest) -> Vec<u8> {
    let mut running = digest.begin();
    c14n::write(element, form, &mut |piece| running.feed(piece));
    running.end()
}

fn has_greater(element: Element<'_>) -> bool {
    element.descendants().any(|inner| {
        inner.attributes().any(|attribute| attribute.value.contains('>'))
            || inner.declarations().any(|(_, name)| name.contains('>'))
    })
}

fn reference(element: Element<'_>) -> Result<Reference<'_>, SignatureFault> {
    if !element.is(DSIG, "Reference") {
        return Err(ill("an element that does not belong there"));
    }
    let uri = element.attribute("URI").ok_or(ill("reference without URI"))?;
    let mut children = elements(element)?.into_iter().peekable();
    let transform = match children.next_if(|next| next.is(DSIG, "Transforms")) {
        Some(transforms) => Some(transform(transforms)?),
        None => None,
    };
    let method = expect(children.next(), "DigestMethod")?;
    let value = expect(children.next(), "DigestValue")?;
    if children.next().is_some() || method.children().next().is_some() {
        return Err(ill("an element that does not belong there"));
    }
    let digest = algorithm::digest(name_of(method)?).ok_or(SignatureFault::Algorithm("digest"))?;
    let value = octets(value, 256).ok_or(ill("digest that is no base64"))?;
    Ok(Reference { uri, transform, digest, value })
}

fn transform(transforms: Element<'_>) -> Result<Transform, SignatureFault> {
    let [single] = elements(transforms)?[..] else { return Err(ill("other than one transform")) };
    let single = expect(Some(single), "Transform")?;
    if name_of(single)? == algorithm::BASE64 {
        return match single.children().next() {
            None => Ok(Transform::Base64),
            Some(_) => Err(ill("parameters of a transform")),
        };
    }
    let form = canonical_form(single)?.ok_or(SignatureFault::Algorithm("transform"))?;
    Ok(Transform::Canonical(form))
}

/// The canonical form that a method or transform names; `None` when it names another algorithm.
fn canonical_form(method: Element<'_>) -> Result<Option<Form>, SignatureFault> {
    let Some(mut form) = algorithm::form(name_of(method)?) else { return Ok(None) };
    match (&mut form.exclusive, &elements(method)?[..]) {
        (_, []) => {}
        (Some(prefixes), [list]) if list.is(EXCLUSIVE, "InclusiveNamespaces") => {
            let named = list.attribute("PrefixList").unwrap_or_default().split_ascii_whitespace();
            prefixes.extend(named.map(|prefix| if prefix == "#default" { "" } else { prefix }.to_owned()));
        }
        _ => return Err(ill("parameters of a canonical form")),
    }
    Ok(Some(form))
}

fn name_of(method: Element<'_>) -> Result<&str, SignatureFault> {
    method.attribute("Algorithm").ok_or(ill("a method without Algorithm"))
}

fn expect<'t>(element: Option<Element<'t>>, local: &str) -> Result<Element<'t>, SignatureFault> {
    element.filter(|element| element.is(DSIG, local)).ok_or(ill("an element is missing or in another place"))
}

/// The elements that stand in one; text other than white space is refused.
fn elements(element: Element<'_>) -> Result<Vec<Element<'_>>, SignatureFault> {
    if element.has_own_text() {
        return Err(ill("text between elements"));
    }
    Ok(element.children().collect())
}

/// The octets of an element that holds Base64 and nothing else.
pub fn octets(element: Element<'_>, most: usize) -> Option<Vec<u8>> {
    let text = element.only_text().filter(|text| text.len() <= most)?;
    transfer::decode(text.as_bytes())
}
