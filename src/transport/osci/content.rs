//! The contents of a message: containers, plain or encrypted, signed or not, with what stands beside the envelope.
//! It never lets a container out whose signature does not count, never decrypts without a bound on depth and number, and takes
//! certificates that signatures and keys name from the headers of the message only (of the outer message also for what is
//! inside an encrypted container).

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use thiserror::Error;

use super::envelope::{self, Attachment, Envelope, EnvelopeFault, Signer, Standing};
use super::kind::{OSCI, XADES};
use super::open::Rules;
use super::report::{EncryptionReport, Plain, Report, SignatureKind, SignatureReport};
use crate::mime::transfer;
use crate::trust::certificate::Certificate;
use crate::trust::cipher::Undecryptable;
use crate::trust::decrypt::Decrypter;
use crate::xml::algorithm::{DSIG, XENC};
use crate::xml::c14n::Way;
use crate::xml::encryption::{Data, Encrypted, EncryptionFault, Reader};
use crate::xml::gate::GateError;
use crate::xml::signature::{self, Part, Signature, SignatureFault, Target};
use crate::xml::tree::{Element, Tree};

/// Encryptions of one message that are opened: each costs an operation with a private key.
const MOST_OPENED: usize = 256;

/// Signatures of contents of one message: each digests its container and what stands beside it once more.
const MOST_SIGNATURES: usize = 256;
/// How often all octets beside the envelope may be digested.
const MOST_DIGESTED: u64 = 16;

/// Why contents do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ContentFault {
    /// A signature or the structure.
    #[error("{0}")]
    Envelope(#[from] EnvelopeFault),
    /// An encryption that is not built as it must be or by algorithms that are not allowed.
    #[error("{0}")]
    Encryption(#[from] EncryptionFault),
    /// An encryption for us that cannot be decrypted.
    #[error("{0}")]
    Undecryptable(#[from] Undecryptable),
    /// What was decrypted is no document.
    #[error("decrypted content refused: {0}")]
    Xml(#[from] GateError),
}

impl From<SignatureFault> for ContentFault {
    fn from(fault: SignatureFault) -> Self {
        ContentFault::Envelope(fault.into())
    }
}

const fn ill(what: &'static str) -> ContentFault {
    ContentFault::Envelope(EnvelopeFault::Structure(what))
}

/// A container.
#[derive(Debug)]
pub struct Container {
    /// Its Id.
    pub id: Option<String>,
    /// What is in it, in order.
    pub items: Vec<Item>,
}

/// Something in a package or container.
#[derive(Debug)]
pub enum Item {
    /// Octets.
    Octets {
        /// The Id of their element.
        id: Option<String>,
        /// The Content-ID, if they came beside the envelope.
        name: Option<String>,
        /// The media type that the package gave them; no signature covers it.
        media_type: Option<String>,
        /// The octets.
        octets: Bytes,
    },
    /// A container.
    Container {
        /// Whose key opened it, if it was encrypted.
        reader: Option<Certificate>,
        /// The container.
        container: Standing<Container>,
    },
    /// An encrypted container for others.
    Closed {
        /// Its readers, as far as the message has their certificates.
        readers: Vec<Certificate>,
    },
}

/// Reads the contents of a message: opens what is for us and judges every signature.
///
/// The report tells about all of them; the answer is the first fault, if there is one.
pub fn read(
    envelope: &Envelope<'_>,
    keys: &[&dyn Decrypter],
    rules: &Rules,
    report: &mut Report,
) -> Result<Vec<Item>, ContentFault> {
    let Some(package) = envelope.body.child(OSCI, "ContentPackage") else { return Ok(Vec::new()) };
    let mut work = Work {
        envelope,
        keys,
        rules,
        report,
        attachments: envelope.attachments.iter().map(|found| (found.id.as_str(), found)).collect(),
        opened: HashMap::new(),
        budget: MOST_OPENED,
        signatures: MOST_SIGNATURES,
        digests: envelope.attachments.iter().map(|found| found.octets.len() as u64).sum::<u64>()
            * MOST_DIGESTED,
        fault: None,
    };
    let items = work.package(package);
    match work.fault {
        Some(fault) => Err(fault),
        None => Ok(items),
    }
}

struct Work<'w, 't> {
    envelope: &'w Envelope<'t>,
    keys: &'w [&'w dyn Decrypter],
    rules: &'w Rules,
    report: &'w mut Report,
    attachments: HashMap<&'w str, &'w Attachment>,
    /// Attachments whose key was found, decrypted.
    opened: HashMap<String, Bytes>,
    budget: usize,
    /// Signatures that may still be verified, and octets beside the envelope that may still be digested for them.
    signatures: usize,
    digests: u64,
    fault: Option<ContentFault>,
}

impl Work<'_, '_> {
    fn package(&mut self, package: Element<'_>) -> Vec<Item> {
        self.open_attachments(package);
        let mut items = Vec::new();
        for child in package.children() {
            let item = if child.is(XENC, "EncryptedData") {
                self.encrypted(child, 0)
            } else if child.is(OSCI, "ContentContainer") {
                self.container(child, 0).map(|container| Item::Container { reader: None, container })
            } else {
                self.stop(ill("a package with something else than containers"))
            };
            items.extend(item);
        }
        items
    }

    /// Notes a fault; what it belongs to is left out.
    fn stop<T>(&mut self, fault: impl Into<ContentFault>) -> Option<T> {
        self.fault.get_or_insert(fault.into());
        None
    }

    /// Decrypts what stands beside the envelope and whose key stands in this tree.
    fn open_attachments(&mut self, root: Element<'_>) {
        for element in root.descendants().filter(|element| is_attachment_key(*element)) {
            let opened = self.attachment(element);
            let plain = opened.as_ref().ok().map(|(_, octets)| Plain::of(octets));
            self.report.encryptions.push(EncryptionReport { readers: Vec::new(), plain, ours: true });
            match opened {
                Ok((id, octets)) => {
                    if self.opened.insert(id, octets.into()).is_some() {
                        self.stop::<()>(ill("two keys for one attachment"));
                    }
                }
                Err(fault) => {
                    self.stop::<()>(fault);
                }
            }
        }
    }

    fn attachment(&mut self, element: Element<'_>) -> Result<(String, Vec<u8>), ContentFault> {
        let encrypted = Encrypted::read(element, self.rules.allowed)?;
        let Data::There(address) = encrypted.data else {
            return Err(ill("a carried key whose text is not beside it"));
        };
        let id = address.strip_prefix("cid:").ok_or(ill("an address that is none of an attachment"))?;
        let found = self.attachments.get(id).ok_or(ill("a key for an attachment that is not there"))?;
        Ok((id.to_owned(), encrypted.open_carried(found.octets.to_vec())?))
    }

    fn encrypted(&mut self, element: Element<'_>, depth: usize) -> Option<Item> {
        if depth >= self.rules.depth || self.budget == 0 {
            return self.stop(ill("containers nested too deep, or too many"));
        }
        self.budget -= 1;
        let encrypted = match Encrypted::read(element, self.rules.allowed) {
            Ok(encrypted) => encrypted,
            Err(fault) => {
                self.report.encryptions.push(EncryptionReport {
                    readers: Vec::new(),
                    plain: None,
                    ours: true,
                });
                return self.stop(fault);
            }
        };
        let mut readers = Vec::new();
        let mut ours = None;
        for wrapped in encrypted.keys() {
            let Some(certificate) = self.reader(&wrapped.reader) else { continue };
            if ours.is_none() {
                let key = self.keys.iter().find(|key| key.holds(&certificate));
                ours = key.map(|key| (wrapped, *key, certificate.clone()));
            }
            readers.push(certificate);
        }
        let Some((wrapped, key, reader)) = ours else {
            self.report.encryptions.push(EncryptionReport {
                readers: readers.clone(),
                plain: None,
                ours: false,
            });
            return Some(Item::Closed { readers });
        };
        let Data::Here(text) = encrypted.data else {
            return self.stop(ill("an encrypted container beside the envelope"));
        };
        let octets = transfer::decode(text.as_bytes()).ok_or(Undecryptable);
        let plain = octets.and_then(|octets| encrypted.open(wrapped, key, octets));
        let noted = plain.as_ref().ok().map(|plain| Plain::of(plain));
        self.report.encryptions.push(EncryptionReport {
            readers: vec![reader.clone()],
            plain: noted,
            ours: true,
        });
        let plain = match plain {
            Ok(plain) => plain,
            Err(fault) => return self.stop(fault),
        };
        // Old modes prove nothing about the text: whether it is a document at all must not be told.
        let legacy = !encrypted.proves();
        let tree = match Tree::parse(plain.into(), &self.rules.xml) {
            Ok(tree) => tree,
            Err(_) if legacy => return self.stop(Undecryptable),
            Err(fault) => return self.stop(fault),
        };
        let root = tree.root();
        if let Err(fault) = envelope::unique_ids(root) {
            return self.stop(fault);
        }
        if !root.is(OSCI, "ContentContainer") {
            return if legacy {
                self.stop(Undecryptable)
            } else {
                self.stop(ill("decrypted content that is no container"))
            };
        }
        self.open_attachments(root);
        let container = self.container(root, depth + 1)?;
        Some(Item::Container { reader: Some(reader), container })
    }

    /// The certificate that a reader names, and only one that is there to encrypt for.
    fn reader(&self, reader: &Reader<'_>) -> Option<Certificate> {
        match reader {
            Reader::Certificate(certificate) => Some(certificate.clone()),
            Reader::Named(address) => {
                let id = address.strip_prefix('#')?;
                let found =
                    self.envelope.certificates.iter().find(|named| named.id == id && !named.signs())?;
                Some(found.certificate.clone())
            }
        }
    }

    /// Judges a container and what is in it; `None` when something in it does not count.
    fn container(&mut self, element: Element<'_>, depth: usize) -> Option<Standing<Container>> {
        if depth >= self.rules.depth {
            return self.stop(ill("containers nested too deep, or too many"));
        }
        let mut parts = BTreeMap::new();
        let signers = match self.parts(element, &mut parts) {
            Ok(()) => self.signatures(element, &parts),
            Err(fault) => {
                for found in element.children().filter(|child| child.is(DSIG, "Signature")) {
                    let outcome = Err(EnvelopeFault::Structure("a container with something that it has not"));
                    let kind = SignatureKind::Content;
                    self.report.signatures.push(SignatureReport::of(kind, Some(found), None, outcome));
                }
                self.stop(fault)
            }
        };
        let mut items = Vec::new();
        let mut whole = true;
        for child in
            element.children().filter(|child| !child.is(DSIG, "Signature") && !is_attachment_key(*child))
        {
            let item = if child.is(XENC, "EncryptedData") {
                self.encrypted(child, depth + 1)
            } else {
                self.content(child, depth)
            };
            whole &= item.is_some();
            items.extend(item);
        }
        let signers = signers.filter(|_| whole)?;
        let container = Container { id: element.attribute("Id").map(str::to_owned), items };
        Some(match signers {
            Signed::Not => envelope::unsigned(container),
            Signed::By(proof, signers) => {
                let covered = proof.try_map(|()| Ok::<_, ContentFault>(container)).ok()?;
                Standing::Signed { covered, signers }
            }
        })
    }

    fn content(&mut self, content: Element<'_>, depth: usize) -> Option<Item> {
        match Shape::of(content) {
            Ok(Shape::Inline(inline, octets)) => Some(Item::Octets {
                id: inline.attribute("Id").map(str::to_owned),
                name: None,
                media_type: None,
                octets: octets.into(),
            }),
            Ok(Shape::Beside(name)) => {
                let id = content.attribute("Id").map(str::to_owned);
                let Some(found) = self.attachments.get(name) else {
                    return self.stop(ill("a content that names an attachment that is not there"));
                };
                let media_type = found.media_type.clone();
                Some(Item::Octets {
                    id,
                    name: Some(name.to_owned()),
                    media_type,
                    octets: self.octets(name)?.clone(),
                })
            }
            Ok(Shape::Nested(inner)) => {
                let container = self.container(inner, depth + 1)?;
                Some(Item::Container { reader: None, container })
            }
            Err(fault) => self.stop(fault),
        }
    }

    /// What an attachment's octets are for its content: decrypted, if its key was found.
    fn octets(&self, id: &str) -> Option<&Bytes> {
        self.opened.get(id).or_else(|| self.attachments.get(id).map(|found| &found.octets))
    }

    /// The parts that a signature of this container must reference.
    fn parts<'e>(
        &self,
        container: Element<'e>,
        parts: &mut BTreeMap<String, Owned<'e>>,
    ) -> Result<(), ContentFault> {
        for child in container.children() {
            if child.is(DSIG, "Signature") || is_attachment_key(child) {
                continue;
            }
            if child.is(XENC, "EncryptedData") {
                add(parts, address(child), Owned::Element(child, &[Way::Bare]))?;
                continue;
            }
            match Shape::of(child)? {
                Shape::Inline(inline, octets) => add(parts, address(inline), Owned::Decoded(octets))?,
                Shape::Beside(name) => {
                    add(parts, address(child), Owned::Element(child, &[]))?;
                    self.add_attachment(parts, name)?;
                }
                Shape::Nested(inner) => {
                    add(parts, address(child), Owned::Element(child, &[]))?;
                    self.nested_attachments(inner, parts, self.rules.depth)?;
                }
            }
        }
        Ok(())
    }

    fn add_attachment(
        &self,
        parts: &mut BTreeMap<String, Owned<'_>>,
        name: &str,
    ) -> Result<(), ContentFault> {
        let octets = self.octets(name).ok_or(ill("a content that names an attachment that is not there"))?;
        // Two contents may mean the same attachment.
        parts.insert(format!("cid:{name}"), Owned::Octets(octets.clone()));
        Ok(())
    }

    fn nested_attachments(
        &self,
        container: Element<'_>,
        parts: &mut BTreeMap<String, Owned<'_>>,
        depth: usize,
    ) -> Result<(), ContentFault> {
        let depth = depth.checked_sub(1).ok_or(ill("containers nested too deep, or too many"))?;
        for child in container.children().filter(|child| child.is(OSCI, "Content")) {
            match Shape::of(child)? {
                Shape::Beside(name) => self.add_attachment(parts, name)?,
                Shape::Nested(inner) => self.nested_attachments(inner, parts, depth)?,
                Shape::Inline(..) => {}
            }
        }
        Ok(())
    }

    fn signatures(&mut self, container: Element<'_>, parts: &BTreeMap<String, Owned<'_>>) -> Option<Signed> {
        let mut answer = Signed::Not;
        let mut all = true;
        let beside =
            |part: &Owned<'_>| if let Owned::Octets(octets) = part { octets.len() as u64 } else { 0 };
        let cost: u64 = parts.values().map(beside).sum();
        for element in container.children().filter(|child| child.is(DSIG, "Signature")) {
            let mut named = None;
            let affordable = self.signatures > 0 && self.digests >= cost;
            self.signatures = self.signatures.saturating_sub(1);
            self.digests = self.digests.saturating_sub(cost);
            let judged = match affordable {
                true => self.signature(element, parts, &mut named),
                false => Err(EnvelopeFault::Structure("too many signatures")),
            };
            let outcome = judged.as_ref().map(|_| ()).map_err(|fault| *fault);
            let kind = SignatureKind::Content;
            self.report.signatures.push(SignatureReport::of(kind, Some(element), named, outcome));
            match judged {
                Ok((proof, signer)) => {
                    let mut signers = match answer {
                        Signed::Not => Vec::new(),
                        Signed::By(_, signers) => signers,
                    };
                    signers.push(signer);
                    answer = Signed::By(proof, signers);
                }
                Err(fault) => {
                    all = false;
                    self.stop::<()>(fault);
                }
            }
        }
        all.then_some(answer)
    }

    fn signature(
        &self,
        element: Element<'_>,
        parts: &BTreeMap<String, Owned<'_>>,
        named: &mut Option<Certificate>,
    ) -> Result<(signature::Covered<()>, Signer), EnvelopeFault> {
        let signature = envelope::read_signature(element)?;
        let certificate = self.envelope.signer(&signature)?;
        *named = Some(certificate.clone());
        let mut all: Vec<Part<'_>> =
            parts.iter().map(|(uri, part)| Part { uri: uri.clone(), target: part.target() }).collect();
        let time = match signing_time(&signature)? {
            Some((properties, time)) => {
                let id = properties.attribute("Id").ok_or(SignatureFault::References)?;
                all.push(Part { uri: format!("#{id}"), target: Target::Element(properties, &[]) });
                Some(time)
            }
            None => None,
        };
        let proof = signature::verify(&signature, &all, certificate, ())?;
        let algorithm = envelope::scheme_of(element);
        Ok((proof, Signer { certificate: certificate.clone(), algorithm, time }))
    }
}

/// Who signed a container.
enum Signed {
    Not,
    By(signature::Covered<()>, Vec<Signer>),
}

/// A part that owns what it decoded.
enum Owned<'e> {
    Element(Element<'e>, &'static [Way]),
    Decoded(Vec<u8>),
    Octets(Bytes),
}

impl<'e> Owned<'e> {
    fn target(&self) -> Target<'_> {
        match self {
            Owned::Element(element, ways) => Target::Element(*element, ways),
            Owned::Decoded(octets) => Target::Decoded(octets),
            Owned::Octets(octets) => Target::Octets(octets),
        }
    }
}

fn add<'e>(
    parts: &mut BTreeMap<String, Owned<'e>>,
    uri: Option<String>,
    part: Owned<'e>,
) -> Result<(), ContentFault> {
    // Without an Id nothing can reference it; under an address of its own it is missed there.
    let uri = uri.unwrap_or_else(|| format!("?{}", parts.len()));
    match parts.insert(uri, part) {
        Some(_) => Err(ill("the same id twice")),
        None => Ok(()),
    }
}

fn address(element: Element<'_>) -> Option<String> {
    element.attribute("Id").map(|id| format!("#{id}"))
}

/// Whether an EncryptedData carries the key of an attachment; references leave it out.
fn is_attachment_key(element: Element<'_>) -> bool {
    let carried = element.child(DSIG, "KeyInfo").and_then(|info| info.child(DSIG, "MgmtData"));
    element.is(XENC, "EncryptedData") && carried.is_some()
}

/// The three shapes of a content.
enum Shape<'e> {
    Inline(Element<'e>, Vec<u8>),
    Beside(&'e str),
    Nested(Element<'e>),
}

impl<'e> Shape<'e> {
    fn of(content: Element<'e>) -> Result<Shape<'e>, ContentFault> {
        if !content.is(OSCI, "Content") {
            return Err(ill("a container with something that it has not"));
        }
        if content.has_own_text() {
            return Err(ill("a content with text of its own"));
        }
        match (content.attribute("href"), &content.children().collect::<Vec<_>>()[..]) {
            (Some(address), []) => address
                .strip_prefix("cid:")
                .map(Shape::Beside)
                .ok_or(ill("a content elsewhere than beside the envelope")),
            (None, [single]) if single.is(OSCI, "Base64Content") => {
                let octets = single.only_text().and_then(|text| transfer::decode(text.as_bytes()));
                octets.map(|octets| Shape::Inline(*single, octets)).ok_or(ill("a content that is no base64"))
            }
            (None, [single]) if single.is(OSCI, "ContentContainer") => Ok(Shape::Nested(*single)),
            _ => Err(ill("a content of no known shape")),
        }
    }
}

/// The SignedProperties of a signature and the time they hold, if it has an object; an object of another form is refused.
fn signing_time<'t>(signature: &Signature<'t>) -> Result<Option<(Element<'t>, String)>, SignatureFault> {
    const ILL: SignatureFault = SignatureFault::Structure("an object that is not the time of signing");
    let object = match signature.objects() {
        [] => return Ok(None),
        [single] => *single,
        _ => return Err(ILL),
    };
    let only = |element: Element<'t>, local| {
        let mut children = element.children();
        let child = children.next().filter(|child| child.is(XADES, local));
        child.filter(|_| children.next().is_none()).ok_or(ILL)
    };
    let properties = only(only(object, "QualifyingProperties")?, "SignedProperties")?;
    let time = only(only(properties, "SignedSignatureProperties")?, "SigningTime")?;
    Ok(Some((properties, time.only_text().ok_or(ILL)?.trim().to_owned())))
}
