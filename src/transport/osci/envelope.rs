//! The structure of an OSCI envelope: which message it is, its headers, its body, its certificates; and whether its signature
//! covers all of that.
//! It never finds an element by its Id: it takes the parts that will be read from where they must stand, and demands that the
//! signature references these and no others. So a moved, cloned or wrapped part is never what was signed.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::kind::{self, Kind, OSCI, OSCI2017, Place, SOAP, XSI};
use super::open::Opened;
use crate::mime::fault::MimeError;
use crate::trust::certificate::Certificate;
use crate::xml::algorithm::DSIG;
use crate::xml::signature::{self, Covered, Part, Signature, SignatureFault, Target};
use crate::xml::tree::Element;

/// Why an envelope does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeFault {
    /// It is not built as it must be; the text is ours.
    #[error("not built as an osci message must be: {0}")]
    Structure(&'static str),
    /// A part beside it cannot be decoded.
    #[error("{0}")]
    Mime(#[from] MimeError),
    /// It is a SOAP fault, not a message.
    #[error("a soap fault, not a message")]
    Fault,
    /// The ControlBlock lacks something or has something that this message must not have.
    #[error("conversation, sequence number, challenge or response do not belong to this message")]
    Control,
    /// The signature names a certificate that is not in the message.
    #[error("the signature names no signature certificate of the message")]
    NoCertificate,
    /// The signature does not count.
    #[error("{0}")]
    Signature(#[from] SignatureFault),
}

impl EnvelopeFault {
    /// The code that answers it: of a SOAP fault (91xx), or of the feedback of a response (96xx).
    pub fn code(&self) -> u16 {
        match self {
            EnvelopeFault::Structure(_) | EnvelopeFault::Mime(_) | EnvelopeFault::Fault => 9100,
            EnvelopeFault::Control => 9400,
            EnvelopeFault::NoCertificate => 9601,
            EnvelopeFault::Signature(SignatureFault::References) => 9602,
            EnvelopeFault::Signature(_) => 9601,
        }
    }
}

const fn ill(what: &'static str) -> EnvelopeFault {
    EnvelopeFault::Structure(what)
}

/// A certificate that a message names, with the role of its element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The Id of its element.
    pub id: String,
    /// The name of its element, such as `SignatureCertificateOriginator`.
    pub role: String,
    /// The certificate.
    pub certificate: Certificate,
}

impl Named {
    /// Whether it is one to sign with.
    pub fn signs(&self) -> bool {
        self.role.starts_with("SignatureCertificate")
    }
}

/// A part beside the envelope.
#[derive(Clone)]
pub struct Attachment {
    /// Its Content-ID; empty when it has none, and then nothing can name it.
    pub id: String,
    /// Its media type as the package says; no signature covers it.
    pub media_type: Option<String>,
    /// Its octets, decoded.
    pub octets: Bytes,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("octets", &self.octets.len()).finish_non_exhaustive()
    }
}

/// An envelope whose structure is right. Nothing here was verified yet.
#[derive(Debug)]
pub struct Envelope<'t> {
    /// Which message it is.
    pub kind: Kind,
    /// The ControlBlock.
    pub control: Element<'t>,
    /// The signature header.
    pub signature: Option<Element<'t>>,
    /// The order element.
    pub order: Element<'t>,
    /// The headers that are neither ControlBlock nor signature nor order, in their order.
    pub others: Vec<Element<'t>>,
    /// The body.
    pub body: Element<'t>,
    /// The certificates in its headers.
    pub certificates: Vec<Named>,
    /// What stands beside it.
    pub attachments: Vec<Attachment>,
}

/// A message that nobody signed. Whoever takes it decides that by its policy.
#[derive(Debug)]
pub struct Unsigned<T>(T);

/// Says that a value has no signature at all.
pub fn unsigned<T>(value: T) -> Standing<T> {
    Standing::Unsigned(Unsigned(value))
}

impl<T> Unsigned<T> {
    /// Takes the value although nothing proves it.
    pub fn accept_unproven(self) -> T {
        self.0
    }

    /// Looks at it, to show it to a person.
    pub fn look(&self) -> &T {
        &self.0
    }

    /// Makes another value of it, from nothing but it.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Unsigned<U>, E> {
        make(self.0).map(Unsigned)
    }
}

/// Who signed.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The certificate; whether it is to be trusted is another question.
    pub certificate: Certificate,
    /// The scheme, such as `rsa-sha256`.
    pub algorithm: Option<String>,
    /// The time of signing that the signer says and signed (XAdES SigningTime), as written.
    pub time: Option<String>,
}

/// How an envelope or container stands after it was judged.
#[derive(Debug)]
pub enum Standing<T> {
    /// A signature covers everything of it.
    Signed {
        /// What it covers.
        covered: Covered<T>,
        /// Who made it; several signatures of a container cover the same.
        signers: Vec<Signer>,
    },
    /// There is no signature.
    Unsigned(Unsigned<T>),
}

impl<'t> Envelope<'t> {
    /// Reads the structure.
    pub fn read(opened: &'t Opened) -> Result<Envelope<'t>, EnvelopeFault> {
        let root = opened.tree.root();
        if !root.is(SOAP, "Envelope") {
            return Err(ill("no soap envelope"));
        }
        unique_ids(root)?;
        let (header, body) = match root.children().collect::<Vec<_>>()[..] {
            [header, body] if header.is(SOAP, "Header") && body.is(SOAP, "Body") => (header, body),
            [body] if body.is(SOAP, "Body") && body.child(SOAP, "Fault").is_some() => {
                return Err(EnvelopeFault::Fault);
            }
            _ => return Err(ill("an envelope has one header and one body and nothing else")),
        };
        if [root, header].iter().any(Element::has_own_text) {
            return Err(ill("text between elements"));
        }
        // The standard has the ControlBlock first and the signature second; a signature covers them wherever they stand.
        let mut control = None;
        let mut rest = Vec::new();
        for child in header.children() {
            match control {
                None if child.is(OSCI, "ControlBlock") => control = Some(child),
                _ => rest.push(child),
            }
        }
        let control = control.ok_or(ill("no ControlBlock"))?;
        let kind = kind_of(root, &rest, body)?;
        let expected = if kind.is_response() { "SupplierSignature" } else { "ClientSignature" };
        let place = rest.iter().position(|header| header.is(OSCI, expected));
        let signature = place.map(|place| rest.remove(place));
        let order = match kind.place() {
            Place::Header => rest.iter().copied().find(|header| header.is(kind.namespace(), &kind.order())),
            Place::Body => body.child(kind.namespace(), &kind.order()),
        };
        let order = order.ok_or(ill("the order element is missing"))?;
        let others: Vec<Element<'t>> = rest.iter().copied().filter(|header| *header != order).collect();
        allowed_headers(&others)?;
        one_in_body(kind, body)?;
        let certificates = certificates(&others)?;
        let mut attachments = Vec::with_capacity(opened.attachments.len());
        for part in &opened.attachments {
            attachments.push(Attachment {
                id: part.headers.content_id().unwrap_or_default().to_owned(),
                media_type: part.headers.content_type().map(str::to_owned),
                octets: part.octets()?,
            });
        }
        Ok(Envelope { kind, control, signature, order, others, body, certificates, attachments })
    }

    /// The parts that a signature of the envelope must reference: every header but its own, the body, everything beside it.
    pub fn parts(&self) -> Result<Vec<Part<'_>>, EnvelopeFault> {
        let order = (self.kind.place() == Place::Header).then_some(self.order);
        let elements = [self.control, self.body].into_iter().chain(order).chain(self.others.iter().copied());
        let mut parts = Vec::new();
        for element in elements {
            let id = element.attribute("Id").ok_or(SignatureFault::References)?;
            parts.push(Part { uri: format!("#{id}"), target: Target::Element(element, &[]) });
        }
        for attachment in &self.attachments {
            let uri = format!("cid:{}", attachment.id);
            parts.push(Part { uri, target: Target::Octets(&attachment.octets) });
        }
        Ok(parts)
    }

    /// The certificate that a signature names, and only one that is there to sign with.
    pub fn signer(&self, signature: &Signature<'_>) -> Result<&Certificate, EnvelopeFault> {
        let id = signature.retrieval()?.strip_prefix('#').ok_or(EnvelopeFault::NoCertificate)?;
        let found = self.certificates.iter().find(|named| named.id == id && named.signs());
        found.map(|named| &named.certificate).ok_or(EnvelopeFault::NoCertificate)
    }

    /// The `ds:Signature` in the signature header.
    pub fn signature_element(&self) -> Option<Element<'t>> {
        self.signature.and_then(|header| header.child(DSIG, "Signature"))
    }

    /// Verifies the signature, if there is one; a signature that does not count is a fault and never as if there were none.
    pub fn judge(self) -> Result<Standing<Envelope<'t>>, EnvelopeFault> {
        let Some(header) = self.signature else { return Ok(unsigned(self)) };
        let [element] = header.children().collect::<Vec<_>>()[..] else {
            return Err(ill("a signature header with other than one signature"));
        };
        let signature = read_signature(element)?;
        if !signature.objects().is_empty() {
            return Err(SignatureFault::Structure("an object in the signature of an envelope").into());
        }
        let signer = self.signer(&signature)?.clone();
        let proof = signature::verify(&signature, &self.parts()?, &signer, ())?;
        let covered = proof.try_map(|()| Ok::<_, EnvelopeFault>(self))?;
        let algorithm = scheme_of(element);
        Ok(Standing::Signed { covered, signers: vec![Signer { certificate: signer, algorithm, time: None }] })
    }
}

/// The scheme of a signature as it is called.
pub fn scheme_of(signature: Element<'_>) -> Option<String> {
    let (address, _) = signature::outline(signature);
    address.map(scheme_name)
}

/// What a scheme is called: what stands behind the `#` of its address.
pub fn scheme_name(address: &str) -> String {
    address.rsplit('#').next().unwrap_or(address).to_owned()
}

/// Reads a signature of OSCI, which knows one canonical form only.
pub fn read_signature(element: Element<'_>) -> Result<Signature<'_>, SignatureFault> {
    let signature = Signature::read(element)?;
    match signature.is_inclusive() {
        true => Ok(signature),
        false => Err(SignatureFault::Algorithm("canonical form")),
    }
}

/// Two elements with the same Id could each be taken for what was signed, whatever namespace the attribute has.
pub fn unique_ids(root: Element<'_>) -> Result<(), EnvelopeFault> {
    let mut seen = HashSet::new();
    for element in root.descendants() {
        let mut own = HashSet::new();
        for attribute in element.attributes().filter(|attribute| attribute.local().eq_ignore_ascii_case("id"))
        {
            if own.insert(attribute.value) && !seen.insert(attribute.value) {
                return Err(ill("the same id twice"));
            }
        }
    }
    Ok(())
}

fn kind_of(root: Element<'_>, headers: &[Element<'_>], body: Element<'_>) -> Result<Kind, EnvelopeFault> {
    let in_header = headers.iter().map(|element| (*element, Place::Header));
    let in_body = body.children().map(|element| (element, Place::Body));
    let mut found = in_header
        .chain(in_body)
        .filter_map(|(element, place)| Kind::of_order(element.namespace(), element.local(), place));
    let kind = found.next().ok_or(ill("no order that is known"))?;
    if found.next().is_some() {
        return Err(ill("more than one order"));
    }
    // What the location says no signature covers; it may only agree.
    match root.attribute_in(XSI, "schemaLocation").and_then(kind::schema_of) {
        Some(named) if Kind::of_name(named) != Some(kind) => Err(ill("schema location and order differ")),
        _ => Ok(kind),
    }
}

/// Each header of the standard once (the wish for time stamps once for each service); headers of others as they like.
fn allowed_headers(headers: &[Element<'_>]) -> Result<(), EnvelopeFault> {
    let mut seen = HashSet::new();
    for header in headers {
        let (namespace, local) = (header.namespace(), header.local());
        let service = match (namespace, local) {
            (OSCI, "DesiredLanguages" | "IntermediaryCertificates" | "NonIntermediaryCertificates") => "",
            (OSCI, "QualityOfTimestamp") => header.attribute("Service").unwrap_or_default(),
            (OSCI2017, "FeatureDescription") => "",
            (OSCI | OSCI2017 | SOAP | DSIG, _) => return Err(ill("a header that this message has not")),
            _ => continue,
        };
        if !seen.insert((local, service)) {
            return Err(ill("the same header twice"));
        }
    }
    Ok(())
}

/// The body of a message that may hold contents has nothing or one package; the others have their order or nothing.
fn one_in_body(kind: Kind, body: Element<'_>) -> Result<(), EnvelopeFault> {
    let inside: Vec<_> = body.children().collect();
    let right = match (kind.place(), &inside[..]) {
        (Place::Header, []) => true,
        (Place::Header, [single]) => kind.has_contents() && single.is(OSCI, "ContentPackage"),
        (Place::Body, [_]) => true,
        _ => false,
    };
    if right && !body.has_own_text() {
        Ok(())
    } else {
        Err(ill("a body with something that this message has not"))
    }
}

fn certificates(headers: &[Element<'_>]) -> Result<Vec<Named>, EnvelopeFault> {
    const MOST: usize = 256;
    let holders = headers.iter().filter(|header| {
        header.is(OSCI, "IntermediaryCertificates") || header.is(OSCI, "NonIntermediaryCertificates")
    });
    let mut found = Vec::new();
    for element in holders.flat_map(|holder| holder.children()) {
        let path = element.child(DSIG, "X509Data").and_then(|data| data.child(DSIG, "X509Certificate"));
        let octets = path.and_then(|path| signature::octets(path, 128 << 10));
        let octets = octets.ok_or(ill("a certificate header without its certificate"))?;
        let certificate = Certificate::from_der(octets.into())
            .map_err(|_| ill("a certificate header without its certificate"))?;
        let id = element.attribute("Id").ok_or(ill("a certificate without Id"))?.to_owned();
        let right = element.namespace() == OSCI
            && (element.local().starts_with("SignatureCertificate")
                || element.local().starts_with("CipherCertificate"));
        if !right || found.len() >= MOST {
            return Err(ill("a certificate header with something else, or too many"));
        }
        found.push(Named { id, role: element.local().to_owned(), certificate });
    }
    Ok(found)
}
