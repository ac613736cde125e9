//! Whose a delivery is, and what of its contents is processed: what an author whom the partner names signed, and what was encrypted for the
//! house; less only where the partner's policy says so. The first content is the document, the others stand beside it.
//! It never takes a content whose signature does not count, nor a sender whom nobody vouches for.

use bytes::Bytes;
use jiff::Timestamp;

use super::ids::sha256_hex;
use super::osci::content::{self, Container, ContentFault, Item};
use super::osci::envelope::{Envelope as Opened, Named, Standing};
use super::osci::open::Rules;
use super::osci::report::Report;
use super::osci_evidence::{self, bounded};
use super::osci_keys::Keys;
use super::osci_trust::{Author, Known};
use super::port::account::Bound;
use super::port::{Busy, Intake};
use crate::envelope::{Envelope, Verdict, Verified};
use crate::mime::media::handed_on;
use crate::mime::reader;
use crate::rejection::{Fault, Rejection};
use crate::trust::path::Untrusted;
use crate::xml::encryption::{Allowed, EncryptionFault};
use crate::xml::limits;

/// Contents of one delivery.
const MOST: usize = 64;
/// The largest business document.
pub const DOCUMENT: usize = 8 << 20;
/// The protocol id of the intermediary that signed an envelope.
pub const INTERMEDIARY: &str = "osci.intermediary";

/// One content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What its message calls it.
    pub name: Option<String>,
    /// Its media type as the package says; no signature covers it.
    pub media_type: Option<String>,
    /// Its octets.
    pub octets: Bytes,
    /// Whether an author who is trusted for its sender signed it.
    pub signed: bool,
}

impl Content {
    /// Its name and media type as a part of the delivery: the one of this number, from 0, behind the document.
    pub fn labels(&self, at: usize) -> (String, &str) {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("teil-{}", at + 2), |name| name.chars().take(255).collect());
        (name, handed_on(self.media_type.as_deref().unwrap_or("application/octet-stream")))
    }
}

/// What was gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The contents, in their order.
    pub contents: Vec<Content>,
    /// Who signed: fingerprints of their certificates, each once.
    pub signers: Vec<String>,
    /// The times of signing that they say and signed.
    pub times: Vec<String>,
    /// Every signature of a content as it was judged, and what nobody signed.
    pub verified: Vec<Verified>,
    /// Whether something is for other readers only.
    pub closed: bool,
}

impl Gathered {
    /// What is kept of the protocol: the id of the delivery, under which certificates it was signed, and when; `envelope` is how the signature of
    /// its intermediary was judged, where there is one.
    pub fn protocol_ids(
        &self,
        message_id: Option<&str>,
        envelope: Option<&Verified>,
    ) -> impl Iterator<Item = (String, String)> {
        let id = message_id.map(|id| ("osci.message-id", bounded(id)));
        let intermediary = envelope.and_then(Verified::fingerprint);
        let intermediary = intermediary.map(|signer| (INTERMEDIARY, signer.to_owned()));
        let authors = self.signers.iter().map(|signer| ("osci.author", signer.clone()));
        let times = self.times.iter().map(|time| ("osci.signing-time", bounded(time)));
        let all = id.into_iter().chain(intermediary).chain(authors).chain(times);
        all.map(|(name, value)| (name.to_owned(), value))
    }
}

/// Why contents are larger than what the routes take, where they are; the document comes first.
pub fn too_large(bound: Option<&Bound>, contents: &[Content]) -> Option<String> {
    let (document, parts) = contents.split_first()?;
    let most = bound.map_or(DOCUMENT, |bound| bound.max_body.min(DOCUMENT));
    if document.octets.len() > most {
        let is = document.octets.len();
        return Some(format!(
            "its document has {is} octets and the routes here take {most}; have it sent smaller, or as an attachment"
        ));
    }
    let most = bound.map_or(u64::MAX, |bound| bound.max_part);
    let is = parts.iter().map(|part| part.octets.len() as u64).find(|is| *is > most)?;
    Some(format!("an attachment of it has {is} octets and the routes here take {most}; have it sent smaller"))
}

/// What was verified of a delivery, for its evidence: `signed` whether an intermediary signed its envelope. Nothing that was not.
pub fn verification(signed: bool, gathered: &Gathered) -> String {
    let envelope = if signed { "signed by a trusted intermediary" } else { "unsigned" };
    let many = gathered.contents.len();
    let content = match gathered.contents.iter().filter(|content| content.signed).count() {
        _ if many == 0 => "not opened".to_owned(),
        0 => "unsigned; the intermediary vouches for its sender".to_owned(),
        all if all == many => "signed by a trusted author".to_owned(),
        some => format!(
            "{some} of {many} signed by a trusted author; the intermediary vouches for the sender of the others"
        ),
    };
    format!("osci; envelope {envelope}; content {content}")
}

/// The same as a list: the envelope first, by the signature that was judged where there is one, then what was gathered of the contents.
pub fn evidence(envelope: Option<Verified>, contents: Vec<Verified>, now: Timestamp) -> Vec<Verified> {
    let unsigned = || {
        let verdict = "unsigned; taken as the intermediary's policy allows";
        osci_evidence::nobody(vec![osci_evidence::ENVELOPE.to_owned()], verdict, now)
    };
    std::iter::once(envelope.unwrap_or_else(unsigned)).chain(contents).collect()
}

/// Under which a delivery is known: by its sender and the id of its intermediary, as a hash, because that is foreign text.
pub fn transport_id(partner: &str, message_id: &str) -> String {
    format!("{partner}:osci-{}", sha256_hex(message_id.as_bytes()))
}

/// By what deliveries are judged.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// Our keys.
    pub keys: &'a Keys,
    /// Who is known.
    pub known: &'a Known,
    /// Octets of a message.
    pub most: u64,
    /// When.
    pub now: Timestamp,
}

/// A delivery whose sender is known.
pub struct Found<'k> {
    /// Its sender.
    pub author: &'k Author,
    /// Its contents.
    pub gathered: Gathered,
    /// Why a person has to look at it instead.
    pub apart: Option<Apart>,
}

/// Why nothing of a delivery can be processed although it is its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Our key fits and does not open it.
    Undecryptable,
    /// It is for other readers only.
    ForOthers,
    /// Nothing is in it.
    Empty,
}

impl Apart {
    /// The cause, in words.
    pub fn cause(self) -> &'static str {
        match self {
            Apart::Undecryptable => "content that cannot be decrypted here",
            Apart::ForOthers => "content that is encrypted for others only",
            Apart::Empty => "delivery without a content",
        }
    }

    /// Hands it to the house: what our key fits and does not open is refused as what nobody can read, so that its sender learns of it; what is for
    /// others, or nothing, a person looks at.
    pub async fn handed(self, intake: &dyn Intake, envelope: Envelope) -> Result<Verdict, Busy> {
        match self {
            Apart::Undecryptable => {
                let text = "Der Inhalt lässt sich mit dem Schlüssel, für den er verschlüsselt ist, nicht entschlüsseln.";
                intake.refuse(envelope, Rejection::new(Fault::NotDecryptable, text)).await
            }
            Apart::ForOthers | Apart::Empty => intake.set_apart(envelope, self.cause()).await,
        }
    }
}

/// A delivery of which nothing is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Whose it is, where somebody whom we trust signed that.
    pub partner: Option<String>,
    /// Why, in our words, for the operator.
    pub why: String,
    /// Whether nothing says that anything is wrong with it: what is missing is ours, such as a list of revoked certificates in force.
    pub ours: bool,
}

impl<'k> Bench<'k> {
    /// How much of a message is looked at, and whether old algorithms are read.
    pub fn rules(&self, legacy: bool) -> Rules {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let mime = reader::Limits {
            parts: MOST,
            part_bytes: self.most,
            body_bytes_total: self.most,
            ..reader::Limits::default()
        };
        let xml = limits::Limits { bytes: most, ..limits::Limits::default() };
        Rules { mime, xml, allowed: Allowed { legacy }, depth: 4 }
    }

    /// Sender and contents of a delivery. `vouched`: somebody whom we trust signed its envelope, which names the sender.
    pub fn found(&self, envelope: &Opened<'_>, vouched: bool) -> Result<Found<'k>, Unfit> {
        let stranger = || {
            let named =
                || envelope.certificates.iter().filter(|named| named.signs()).map(|named| &named.certificate);
            let refuses = named().find_map(|certificate| self.known.refuses(certificate, self.now));
            let why = match refuses {
                _ if named().any(|certificate| self.known.is_shared(certificate, self.now)) => {
                    "the certificate of its sender is that of two partners: ours to mend".to_owned()
                }
                Some(untrusted) => format!("the certificate of its sender is not trusted: {untrusted}"),
                None => "its sender is none whose certificate stands with a partner, pinned or by authority"
                    .to_owned(),
            };
            Unfit { partner: None, why, ours: refuses.is_some_and(Untrusted::is_ours) }
        };
        let author = sender(&envelope.certificates, (self.known, self.now)).ok_or_else(stranger)?;
        let unfit =
            |why: String| Unfit { partner: vouched.then(|| author.partner.clone()), why, ours: false };
        let rules = self.rules(author.pinned.policy.legacy);
        let read = content::read(envelope, &self.keys.openers(), &rules, &mut Report::default());
        let set_apart = |apart| Found { author, gathered: Gathered::default(), apart: Some(apart) };
        let items = match read {
            Ok(items) => items,
            Err(ContentFault::Undecryptable(_)) if vouched => return Ok(set_apart(Apart::Undecryptable)),
            Err(ContentFault::Encryption(EncryptionFault::Legacy)) => {
                let why = "content encrypted by an algorithm that is only read where policy says so";
                return Err(unfit(why.to_owned()));
            }
            Err(fault) => return Err(unfit(format!("content: {fault}"))),
        };
        let terms = Terms { author, vouched, now: self.now };
        let gathered = gather(items, &terms).map_err(|why| unfit(why.to_owned()))?;
        let apart = match (gathered.contents.is_empty(), gathered.closed) {
            (false, _) => None,
            _ if !vouched => return Err(unfit("nothing in it that can be opened".to_owned())),
            (true, true) => Some(Apart::ForOthers),
            (true, false) => Some(Apart::Empty),
        };
        Ok(Found { author, gathered, apart })
    }
}

/// The partner that a message names as its sender: whose certificate is that of the originator; where it names none, of its other authors.
fn sender<'k>(named: &[Named], (known, now): (&'k Known, Timestamp)) -> Option<&'k Author> {
    let of_role = |role: &'static str| named.iter().filter(move |named| named.role == role);
    let role = match of_role("SignatureCertificateOriginator").next() {
        Some(_) => "SignatureCertificateOriginator",
        None => "SignatureCertificateOtherAuthor",
    };
    let mut found: Option<&Author> = None;
    for named in of_role(role) {
        let author = known.author(&named.certificate, now)?;
        if found.is_some_and(|found| found.partner != author.partner) {
            return None;
        }
        found = Some(author);
    }
    found
}

/// By what contents are judged.
struct Terms<'a> {
    author: &'a Author,
    vouched: bool,
    now: Timestamp,
}

/// What holds of what is around a content.
#[derive(Clone, Copy, Default)]
struct Inside {
    signed: bool,
    encrypted: bool,
}

/// Gathers what is processed; an error says, in our words, why nothing is.
fn gather(items: Vec<Item>, terms: &Terms<'_>) -> Result<Gathered, &'static str> {
    let mut gathered = Gathered::default();
    walk(items, Inside::default(), terms, &mut gathered)?;
    Ok(gathered)
}

fn walk(
    items: Vec<Item>,
    inside: Inside,
    terms: &Terms<'_>,
    gathered: &mut Gathered,
) -> Result<(), &'static str> {
    let policy = terms.author.pinned.policy;
    for item in items {
        match item {
            Item::Closed { .. } => gathered.closed = true,
            Item::Container { reader, container } => {
                let encrypted = inside.encrypted || reader.is_some();
                let (Container { items, .. }, judged) = counted(container, terms, gathered);
                let signed = inside.signed || judged.iter().any(|one| one.counts);
                let from = gathered.contents.len();
                walk(items, Inside { signed, encrypted }, terms, gathered)?;
                let over: Vec<String> = (from..gathered.contents.len()).map(osci_evidence::content).collect();
                gathered
                    .verified
                    .extend(judged.into_iter().map(|one| Verified { over: over.clone(), ..one }));
            }
            Item::Octets { id, name, media_type, octets } => {
                if !(inside.signed || policy.unsigned && terms.vouched) {
                    return Err("content without the signature of an author who is trusted for its sender");
                }
                if !inside.encrypted && !policy.plain {
                    return Err("content that is not encrypted for the house");
                }
                if gathered.contents.len() >= MOST {
                    return Err("more than 64 contents");
                }
                if !inside.signed {
                    let over = vec![osci_evidence::content(gathered.contents.len())];
                    let verdict = "unsigned; taken as the partner's policy allows, the intermediary vouches for its sender";
                    gathered.verified.push(osci_evidence::nobody(over, verdict, terms.now));
                }
                gathered.contents.push(Content {
                    name: name.or(id),
                    media_type,
                    octets,
                    signed: inside.signed,
                });
            }
        }
    }
    Ok(())
}

/// The container, and how each of its signatures was judged.
fn counted(
    container: Standing<Container>,
    terms: &Terms<'_>,
    gathered: &mut Gathered,
) -> (Container, Vec<Verified>) {
    match container {
        Standing::Unsigned(unproven) => (unproven.accept_unproven(), Vec::new()),
        Standing::Signed { covered, signers } => {
            let mut all = Vec::new();
            for signer in signers {
                let judged = terms.author.pinned.signs(&signer.certificate, terms.now);
                all.push(osci_evidence::of(Vec::new(), &signer, &judged, terms.now));
                if judged.is_ok() {
                    let fingerprint = signer.certificate.fingerprint();
                    if !gathered.signers.contains(&fingerprint) {
                        gathered.signers.push(fingerprint);
                    }
                    gathered.times.extend(signer.time);
                }
            }
            (covered.into_inner(), all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_told_with_its_size() {
        let content =
            |size| Content { name: None, media_type: None, octets: Bytes::from(vec![0; size]), signed: true };
        let bound = Bound { partners: Vec::new(), max_body: 10, max_part: 20 };
        let told = |sizes: &[usize]| {
            too_large(Some(&bound), &sizes.iter().map(|size| content(*size)).collect::<Vec<_>>())
        };
        assert_eq!((told(&[]), told(&[10, 20]), told(&[0, 20, 20])), (None, None, None));
        assert!(told(&[11]).unwrap().starts_with("its document has 11 octets"), "{:?}", told(&[11]));
        assert!(told(&[1, 2, 21]).unwrap().contains("21 octets and the routes here take 20"));
        assert!(too_large(None, &[content(DOCUMENT + 1)]).is_some());
        assert!(too_large(None, &[content(DOCUMENT), content(DOCUMENT + 1)]).is_none());
    }

    #[test]
    fn evidence_says_what_was_verified_and_nothing_else() {
        let content = |signed| Content { name: None, media_type: None, octets: Bytes::new(), signed };
        for (envelope, contents, said) in [
            (
                true,
                vec![true, true],
                "osci; envelope signed by a trusted intermediary; content signed by a trusted author",
            ),
            (false, vec![true], "osci; envelope unsigned; content signed by a trusted author"),
            (
                true,
                vec![false],
                "osci; envelope signed by a trusted intermediary; content unsigned; the intermediary vouches for its sender",
            ),
            (
                true,
                vec![true, false],
                "osci; envelope signed by a trusted intermediary; content 1 of 2 signed by a trusted author; \
                 the intermediary vouches for the sender of the others",
            ),
            (true, vec![], "osci; envelope signed by a trusted intermediary; content not opened"),
        ] {
            let contents = contents.into_iter().map(content).collect();
            assert_eq!(verification(envelope, &Gathered { contents, ..Gathered::default() }), said);
        }
    }
}
