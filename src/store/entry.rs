//! One message to commit with everything that it causes, the keys by which it is known again, and what became of it. Values only.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::Effects;
use crate::envelope::{Envelope, Inbound, Verdict};
use crate::register::keys::SearchKey;
use crate::rejection::Rejection;
use crate::store::stamp::Stamp;

/// A key of idempotency; same key and content repeat the verdict, other content is a conflict.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// `transport`, `business` or `conflict`.
    pub class: &'static str,
    /// The parts: connection and transport id, or partner, standard and message UUID.
    pub parts: Vec<String>,
}

impl Key {
    /// The business key of a message of a partner: case and white space around its UUID are no difference between two messages.
    pub fn business(partner: &str, standard: &str, uuid: &str) -> Key {
        let uuid = uuid.trim().to_ascii_lowercase();
        Key { class: "business", parts: vec![partner.to_owned(), standard.to_owned(), uuid] }
    }

    /// The second key of a message whose standard has one, such as the Vorgang of a request.
    pub fn einmalig(partner: &str, message: &str, known: &str) -> Key {
        let known = known.trim().to_ascii_lowercase();
        Key { class: "einmalig", parts: vec![partner.to_owned(), message.to_owned(), known] }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({}, ..)", self.class)
    }
}

/// A delivery of a register as its office counts it, whatever its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its business key.
    pub key: Key,
    /// Its moment: the earlier of stamp and receipt.
    pub moment: Timestamp,
    /// When its author says that it made it; its receipt where that lies further ahead than is taken.
    pub stamp: Timestamp,
}

/// How much of the original is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Sealed octets of head, body and parts.
    Original,
    /// Hash, size, time and reason only.
    HashOnly,
}

/// One message to commit, with everything it causes; all ids are fixed, so repeating a commit is safe.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The delivery.
    pub envelope: Arc<Envelope>,
    /// The attributes of all its rows.
    pub stamp: Stamp,
    /// The keys of idempotency.
    pub keys: Vec<Key>,
    /// SHA-256 over body and part hashes.
    pub content: [u8; 32],
    /// The message type, such as `xfamilie.0804`, where detected.
    pub message: Option<String>,
    /// The route that took it.
    pub route: Option<String>,
    /// The state it is committed in.
    pub state: Inbound,
    /// Plain cause for parked, quarantined, denied.
    pub cause: Option<String>,
    /// One safe next step for a person.
    pub next_step: Option<String>,
    /// The rejections, without values.
    pub rejections: Vec<Rejection>,
    /// What it waits for and until when; what waits for nothing runs at once.
    pub waits: Option<(SearchKey, Timestamp)>,
    /// Set where it is a delivery of a register, which the office may name as its last one.
    pub delivery: Option<Delivery>,
    /// True when this settles a message that was waiting or replayed: the row exists already.
    pub resumes: bool,
    /// How much is kept.
    pub keep: Keep,
    /// What it causes.
    pub effects: Effects,
    /// When it is committed, by the engine's clock.
    pub now: Timestamp,
}

/// What became of one entry of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// Stored, with all its effects.
    New,
    /// The key and content were there already; nothing was written, here is the first verdict (`again` set).
    Again(Verdict),
    /// A key was there with other content; nothing was written. The message that came under it first.
    Conflict(Uuid),
    /// A guard has moved since the lookup; nothing was written, run it again.
    Stale,
}
