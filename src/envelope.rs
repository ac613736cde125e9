//! The noun that flows: one delivery of a transport, which is exactly one business document, and the verdict on it.
//! Knows no standard, no transport, no store; never opens the body.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a process belongs; a process of one stage never touches the store of another (rules.md 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Real persons; messages marked `test` run dry.
    Produktion,
    /// Acceptance with partners; only messages marked `test`.
    Abnahme,
    /// Our own tests; faults may be injected.
    Test,
    /// The demonstration with invented persons.
    Demo,
}

impl Stage {
    /// The word used in files, rows and certificates.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Produktion => "produktion",
            Stage::Abnahme => "abnahme",
            Stage::Test => "test",
            Stage::Demo => "demo",
        }
    }

    /// Whether partners of others deliver here, so that what is open or missing harms somebody.
    pub fn is_real(self) -> bool {
        matches!(self, Stage::Produktion | Stage::Abnahme)
    }
}

/// How a partner proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Client certificate of a TLS connection.
    Certificate,
    /// Bearer token.
    Bearer,
    /// A tray that belongs to exactly one partner by its connection entry.
    Tray,
    /// A broker vouches: the queue belongs to exactly one partner by its connection entry, or it checked the user.
    Broker,
    /// Ourselves: timers and replays.
    Internal,
    /// The in-memory transport of tests.
    Memory,
}

/// An authenticated partner: set by the transport that checked it, never by the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartnerRef {
    /// The partner's name in `partners.yaml`.
    pub id: String,
    /// How it proved its identity.
    pub how: How,
}

/// What the transport says about a delivery; nothing here was read from the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Our id of this delivery; outbound: the id that the receiver sees, the same on every attempt.
    pub id: Uuid,
    /// The connection it came by or leaves by, as named in `connections.yaml`.
    pub connection: String,
    /// The `on` entry it belongs to, written `word value` (`http /v1/lieferungen`); outbound: the destination.
    pub binding: String,
    /// The transport's own id of this delivery; repeats carry the same one.
    pub transport_id: String,
    /// What this delivery answers or belongs to, if the transport says so.
    pub correlation: Option<String>,
    /// The media type that the sender claims.
    pub content_type: Option<String>,
    /// The authenticated partner; `None` means that nothing of the content may be kept.
    pub partner: Option<PartnerRef>,
    /// When the octets were complete here; *now* of the whole run.
    pub received: Timestamp,
    /// Name of the destination that takes answers when the source cannot answer in band.
    pub return_address: Option<String>,
    /// W3C trace context that came with the delivery or that we give it.
    pub traceparent: Option<String>,
    /// The person that ordered it, where a person did.
    #[serde(default)]
    pub acting_person: Option<String>,
    /// What the document is, outside of it: outbound as whoever wrote it says. Nothing that comes in is decided by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Whether its answer can go back on the exchange that it came by. Never kept: no exchange outlives the process that holds it, so
    /// what is read back has none.
    #[serde(skip)]
    pub in_band: bool,
}

/// What a document is, for transports that say so beside it; they open none themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its type, such as `xfamilie.0803`.
    pub message: String,
    /// Whether it is a test, as its `test` attribute says where it has one.
    pub test: bool,
}

impl Head {
    /// The head of a delivery that came by a connection and is known there under a transport's id. What nobody says is left out, and its answer
    /// goes by message.
    pub fn came(
        (id, received): (Uuid, Timestamp),
        connection: &str,
        binding: String,
        transport_id: String,
    ) -> Head {
        Head {
            id,
            connection: connection.to_owned(),
            binding,
            transport_id,
            correlation: None,
            content_type: None,
            partner: None,
            received,
            return_address: None,
            traceparent: None,
            acting_person: None,
            label: None,
            in_band: false,
        }
    }

    /// An id of something that this delivery causes: the same in every run of it, made of its id and a purpose.
    ///
    /// It begins with the time of the delivery's own id (UUID version 8 in the shape of version 7), so that rows written
    /// together lie together in an index; the rest is a hash of the whole id and the purpose.
    pub fn derived_id(&self, purpose: &str) -> Uuid {
        let mut octets = *Uuid::new_v5(&self.id, purpose.as_bytes()).as_bytes();
        octets[..6].copy_from_slice(&self.id.as_bytes()[..6]);
        uuid::Builder::from_custom_bytes(octets).into_uuid()
    }
}

/// A handle to a sealed part in the claim store; never a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// HMAC of the content, hex: also the file's name, so it tells nothing.
    pub name: String,
    /// The part's data key, wrapped; base64. Destroying it deletes the part, in backups too.
    pub key: String,
    /// Keeps what no row names yet.
    #[serde(skip)]
    pub hold: Hold,
}

/// Keeps a finished claim while any copy of its handle is in memory: when the last one goes, so does what no committed row names,
/// whether its delivery was refused, repeated or broken off. Not a part of the handle's value: two are always equal.
#[derive(Clone, Default)]
pub struct Hold(Option<Arc<dyn Any + Send + Sync>>);

impl Hold {
    /// A hold that lets go when `held` is dropped.
    pub fn of(held: impl Any + Send + Sync) -> Hold {
        Hold(Some(Arc::new(held)))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "held" } else { "-" })
    }
}

impl PartialEq for Hold {
    fn eq(&self, _: &Hold) -> bool {
        true
    }
}

impl Eq for Hold {}

/// One further part of a delivery: an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The name the sender gave it.
    pub name: String,
    /// Media type claimed by the sender.
    pub content_type: String,
    /// Size in octets.
    pub size: u64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// Where the sealed content lies.
    pub claim: Claim,
    /// The Mandant whose key opens the claim: that of whoever delivered it, wherever the part is handed on to.
    #[serde(default)]
    pub mandant: String,
    /// The content itself: where it is JSON and small (at most [`SMALL_PART`] octets), so that a step that never waits can read it, and
    /// where a step made the part (at most [`MADE_PART`]): that has no claim, and lies sealed with the row that it leaves with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small: Option<Small>,
}

/// Largest content that a [`Part`] of a delivery carries with it, octets.
pub const SMALL_PART: usize = 16 * 1024;
/// Largest part that a step makes, octets; so many of all of one row, too.
pub const MADE_PART: usize = 2 * 1024 * 1024;

impl Part {
    /// A part that a step made, such as the PDF of a letter. `sha256`: of its octets, hex.
    pub fn made(name: &str, content_type: &str, octets: Bytes, sha256: String) -> Part {
        Part {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            size: octets.len() as u64,
            sha256,
            claim: Claim::default(),
            mandant: String::new(),
            small: Some(Small(octets)),
        }
    }

    /// The octets of a part that a step made; `None` for one whose content lies in a claim.
    pub fn enclosed(&self) -> Option<&Bytes> {
        self.small.as_ref().filter(|_| self.claim.name.is_empty()).map(|small| &small.0)
    }
}

/// A content that is carried along; prints redacted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Small(#[serde(with = "small_base64")] pub Bytes);

impl fmt::Debug for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Small(<{} octets>)", self.0.len())
    }
}

mod small_base64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(octets: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(octets))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Bytes::from).map_err(|_| D::Error::custom("small content is not base64"))
    }
}

/// What can be proved about a hand-over, taken at intake (rules.md 8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// SHA-256 of the octets as they came, hex.
    pub octets_sha256: String,
    /// Size of the octets as they came.
    pub size: u64,
    /// What was verified and how, such as `mtls` with the certificate's fingerprint.
    pub verification: String,
    /// Every signature that was judged, where the transport has signatures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<Verified>,
    /// The octets as a signature covers them, whole, where the transport has signatures: what they say can be judged again from nothing else.
    /// Kept like a part, and never handed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Part>,
    /// Ids of the protocol.
    pub protocol_ids: Vec<(String, String)>,
    /// Address of the peer.
    pub peer: Option<String>,
}

/// What [`Evidence::verification`] begins with where nobody proved who delivers; what follows says why, in our words.
pub const UNPROVEN: &str = "none: ";

/// One signature of a delivery as it was judged when that came in; also that there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// What it covers, in our words: `envelope`; `document`, `part 1` and so on as the delivery has them.
    pub over: Vec<String>,
    /// The certificate under which it was made; `None` where nobody signed.
    pub by: Option<SignedUnder>,
    /// Its scheme, such as `sha256-rsa-MGF1`.
    pub algorithm: Option<String>,
    /// When its signer says that he signed, as he signed it.
    pub said: Option<String>,
    /// From the issuer of that certificate up to the authority that the configuration names, each in DER as Base64; empty where the
    /// certificate itself is pinned.
    pub chain: Vec<String>,
    /// What was known of revocation then, in our words.
    pub revocation: String,
    /// When it was judged.
    pub judged: Option<Timestamp>,
    /// Whether it counts.
    pub counts: bool,
    /// Why, in our words.
    pub verdict: String,
}

/// A certificate under which something was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedUnder {
    /// Its issuer, as the authority writes itself; `None` where it is its own, whose name may be a person's.
    pub issuer: Option<String>,
    /// Its serial number in decimal digits.
    pub serial: String,
    /// SHA-256 of its octets, hex.
    pub fingerprint: String,
    /// Its octets in DER as Base64.
    pub der: String,
}

impl Verified {
    /// The fingerprint of the certificate under which it was signed.
    pub fn fingerprint(&self) -> Option<&str> {
        self.by.as_ref().map(|by| by.fingerprint.as_str())
    }

    /// The whole of it in a line, without a name of a person.
    pub fn line(&self) -> String {
        let over = self.over.join(", ");
        let Some(by) = &self.by else { return format!("{over}: {}", self.verdict) };
        let short = by.fingerprint.get(..16).unwrap_or(&by.fingerprint);
        let issuer = by.issuer.as_deref().unwrap_or("itself");
        let scheme = self.algorithm.as_deref().unwrap_or("an unnamed scheme");
        let said = self.said.as_ref().map(|said| format!(", dated {said}")).unwrap_or_default();
        let chain = match self.chain.len() {
            0 => String::new(),
            many => format!("; chain of {many} to a named authority"),
        };
        let at = self.judged.map(|at| format!(" (judged {at})")).unwrap_or_default();
        format!(
            "{over}: {scheme} under certificate {short}, serial {} of {issuer}{said}{chain}; revocation {}; {}{at}",
            by.serial, self.revocation, self.verdict
        )
    }
}

/// One delivery: head, one business document, further parts, evidence.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the transport says.
    pub head: Head,
    /// The business document, at most 8 MiB.
    pub body: Bytes,
    /// Attachments, sealed.
    pub parts: Vec<Part>,
    /// What can be proved about the hand-over.
    pub evidence: Evidence,
}

impl Envelope {
    /// All that was laid down of it: its parts, and what it came as.
    pub fn laid(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().chain(&self.evidence.received)
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.head.id)
            .field("binding", &self.head.binding)
            .field("body", &format_args!("<{} octets>", self.body.len()))
            .field("parts", &self.parts.len())
            .finish()
    }
}

/// What lies where a source looks for deliveries and has not taken, at the moment of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lying {
    /// Asked, and empty.
    Nothing,
    /// The oldest lies there since then, at most.
    Since(Timestamp),
    /// Something, and nobody knows since when: it counts since the look before, at which it was not there, or was already.
    Something,
}

/// State of an inbound message; the stored words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inbound {
    /// Committed, waits for another message or its deadline.
    Waiting,
    /// Its effect is committed.
    Accepted,
    /// Refused with the standard's rejection.
    Rejected,
    /// Kept apart with its raw octets: a person has to look.
    Quarantined,
    /// Our fault or no route: waits for a person, nothing is lost.
    Parked,
    /// The sender was not admitted: only hash, size, time and reason are kept.
    Denied,
}

impl Inbound {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Inbound::Waiting => "waiting",
            Inbound::Accepted => "accepted",
            Inbound::Rejected => "rejected",
            Inbound::Quarantined => "quarantined",
            Inbound::Parked => "parked",
            Inbound::Denied => "denied",
        }
    }

    /// All of them.
    pub const ALL: [Inbound; 6] = [
        Inbound::Waiting,
        Inbound::Accepted,
        Inbound::Rejected,
        Inbound::Quarantined,
        Inbound::Parked,
        Inbound::Denied,
    ];

    /// The state of a stored word.
    pub fn from_stored(word: &str) -> Option<Inbound> {
        Inbound::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What whoever sent something may be told of it, and nothing else (rules.md 2.6, 3). Which one it is says `effects::stand` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stand {
    /// It is not done, or nobody may know yet that it is.
    InBearbeitung,
    /// Done.
    Abgeschlossen,
    /// Nothing was done: she has to log in again.
    AnmeldungErneuern,
}

impl Stand {
    /// The word that is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Stand::InBearbeitung => "in-bearbeitung",
            Stand::Abgeschlossen => "abgeschlossen",
            Stand::AnmeldungErneuern => "anmeldung-erneuern",
        }
    }
}

/// A committed answer document.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Media type of the body.
    pub content_type: String,
    /// The document, such as a 0011.
    pub body: Bytes,
    /// The message type, such as `xfamilie.0011`.
    pub message: String,
    /// The id inside the document.
    pub message_id: String,
    /// Whether it is marked as test, or about what was.
    pub test: bool,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, <{} octets>)", self.message, self.body.len())
    }
}

/// The committed outcome of a delivery; whoever holds one may acknowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The delivery's id; a repeat gets the id of the first.
    pub id: Uuid,
    /// The state that was committed.
    pub state: Inbound,
    /// What its sender is told.
    pub stand: Stand,
    /// True when the same key came with other content: quarantined and refused.
    pub conflict: bool,
    /// True when this is the verdict of an earlier delivery.
    pub again: bool,
    /// Codes of the rejection, empty when accepted.
    pub codes: Vec<String>,
    /// The committed answer, for sources that answer in band.
    pub reply: Option<Reply>,
    /// True where the message of this verdict was deleted or is over, and its answer with it: only the keys know it any more.
    pub forgotten: bool,
}

/// Whether a media type names JSON, whatever parameters follow.
pub fn is_json(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(id: Uuid) -> Head {
        Head {
            id,
            connection: String::new(),
            binding: String::new(),
            transport_id: String::new(),
            correlation: None,
            content_type: None,
            partner: None,
            received: Timestamp::UNIX_EPOCH,
            return_address: None,
            traceparent: None,
            acting_person: None,
            label: None,
            in_band: false,
        }
    }

    #[test]
    fn derived_ids_are_repeatable_apart_and_in_the_order_of_their_causes() {
        let causes: Vec<Uuid> = (0..100u8)
            .map(|n| Uuid::from_bytes([1, 2, 3, 4, 5, n / 10, 0x70, n, 0x80, 0, 0, 0, 0, 0, 0, 1]))
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        for cause in &causes {
            for purpose in ["reply", "refusal", "tell:callback:kita"] {
                let id = head(*cause).derived_id(purpose);
                assert_eq!(id, head(*cause).derived_id(purpose));
                assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
                assert_eq!(id.as_bytes()[..6], cause.as_bytes()[..6]);
                assert!(seen.insert(id), "{id} twice");
            }
        }
    }
}
