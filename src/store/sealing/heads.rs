//! What rows keep sealed beside their documents: heads, notes, committed answers. Shapes only; seals and opens nothing.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effects::{Outgoing, Way};
use crate::envelope::{Evidence, Head, Inbound, MADE_PART, Part, Reply};
use crate::rejection::Rejection;
use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::lane::{Next, WayLeft, Why};
use crate::store::mailbox::Reader;
use crate::store::sealing::values::Stored;
use crate::telemetry::parts::Turn;

/// Head, parts and evidence of a stored envelope.
#[derive(Debug, Serialize, Deserialize)]
pub struct SealedHead {
    /// What the transport said.
    pub head: Head,
    /// The attachments.
    pub parts: Vec<Part>,
    /// The evidence.
    pub evidence: Evidence,
}

/// What became of an inbound message.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct InboxNote {
    /// Plain cause.
    pub cause: Option<String>,
    /// One safe next step.
    pub next_step: Option<String>,
    /// The rejections.
    pub rejections: Vec<Rejection>,
    /// Hash of the octets as received.
    pub octets_sha256: String,
    /// What was verified when it came, a line for each signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<String>,
    /// The committed answer.
    pub reply: Option<SealedReply>,
}

/// So many reasons of a refusal are told, and so many characters of all of them.
const REASONS: (usize, usize) = (3, 600);

impl InboxNote {
    /// What is to be done next: nothing, where a person has ended what was kept apart, or it was refused.
    pub fn next_step(&self, state: Inbound) -> Option<String> {
        self.next_step.clone().filter(|_| state != Inbound::Rejected)
    }

    /// Why a message is where it is: its cause, else what it was refused for, each fault with sub-code and sentence. Neither holds a
    /// value of the message.
    pub fn told(&self) -> Option<String> {
        if self.cause.is_some() || self.rejections.is_empty() {
            return self.cause.clone();
        }
        let mut all: Vec<String> = Vec::new();
        for found in &self.rejections {
            let told = match &found.rule {
                Some(rule) => format!("{rule}: {}", found.text),
                None => found.text.clone(),
            };
            if !all.contains(&told) {
                all.push(told);
            }
        }
        let more = all.len().saturating_sub(REASONS.0);
        all.truncate(REASONS.0);
        let text: String = all.join(" ").chars().take(REASONS.1).collect();
        Some(if more > 0 { format!("{text} (+{more})") } else { text })
    }
}

/// A committed answer as it is sealed.
#[derive(Debug, Serialize, Deserialize)]
pub struct SealedReply {
    content_type: String,
    message: String,
    message_id: String,
    body: String,
    #[serde(default)]
    test: bool,
}

impl SealedReply {
    /// Of an answer.
    pub fn new(reply: &Reply) -> SealedReply {
        SealedReply {
            content_type: reply.content_type.clone(),
            message: reply.message.clone(),
            message_id: reply.message_id.clone(),
            body: STANDARD.encode(&reply.body),
            test: reply.test,
        }
    }

    /// The answer.
    pub fn open(self) -> Stored<Reply> {
        let body = STANDARD
            .decode(&self.body)
            .map_err(|_| StoreError::Corrupt("a sealed reply has no readable body".into()))?;
        let SealedReply { content_type, message, message_id, test, .. } = self;
        Ok(Reply { content_type, body: body.into(), message, message_id, test })
    }
}

/// Head of a row of the outbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendHead {
    /// Media type of the body.
    pub content_type: String,
    /// What it answers.
    pub correlation: Option<String>,
    /// Attachments.
    pub parts: Vec<Part>,
    /// Blind key of the Vorgang whose answer it is, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivers: Option<String>,
    /// Whether the document is marked as test; `None` in rows of an earlier program, for which the mark of what caused them stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<bool>,
    /// All ways to the receiver; empty where there is one. A program that knows none of them sends by the way that the row is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
}

impl SendHead {
    /// Of what an entry sends; `delivers`: the blind key of the Vorgang that it answers. What steps made lies in it and is bounded.
    pub fn of(send: &Outgoing, delivers: Option<Tag>) -> Stored<SendHead> {
        if !send.ways.is_empty() && send.order.is_some() {
            // On another way it could be overtaken, or overtake.
            return Err(StoreError::Entry("what has several ways keeps no order".into()));
        }
        let enclosed = send.parts.iter().filter_map(Part::enclosed).map(Bytes::len);
        if enclosed.sum::<usize>() > MADE_PART {
            return Err(StoreError::Entry("what steps made for one row is more than a row may carry".into()));
        }
        Ok(SendHead {
            content_type: send.content_type.clone(),
            correlation: send.correlation.clone(),
            parts: send.parts.clone(),
            delivers: delivers.map(hex::encode),
            test: Some(send.test),
            ways: send.ways.clone(),
        })
    }

    /// Of an answer that goes once more; it delivers nothing and has no parts.
    pub fn answer(answer: &Outgoing) -> SendHead {
        SendHead {
            content_type: answer.content_type.clone(),
            correlation: answer.correlation.clone(),
            parts: Vec::new(),
            delivers: None,
            test: Some(answer.test),
            ways: Vec::new(),
        }
    }

    /// What comes after the way that leads to this destination; `stayed`: what is noted of the row.
    pub fn next(&self, destination: &str, stayed: bool) -> Option<Next> {
        let at = self.ways.iter().position(|way| way.destination == destination)?;
        let (now, next) = (self.ways.get(at)?, self.ways.get(at + 1)?);
        let late_after = now.until_late.then(|| Duration::from_secs(now.seconds));
        let beyond = self.ways.get(at + 2..).unwrap_or_default().to_vec();
        Some(Next { way: next.clone(), late_after, beyond, stayed })
    }

    /// When the time of the way that leads to this destination is over for what is put on it anew; `None` where that way has none, which the
    /// last one that is left has not either (`stayed`).
    pub fn anew(&self, destination: &str, stayed: bool, now: Timestamp) -> Option<Timestamp> {
        let way = self.ways.iter().find(|way| way.destination == destination)?;
        if way.until_late && !stayed { way.until(now) } else { None }
    }

    /// The ways after the one that leads to this destination.
    pub fn ahead(&self, destination: &str) -> &[Way] {
        let at = self.ways.iter().position(|way| way.destination == destination);
        at.and_then(|at| self.ways.get(at + 1..)).unwrap_or_default()
    }

    /// The blind key of the Vorgang whose answer it is.
    pub fn delivers(&self) -> Option<Tag> {
        let mut tag = Tag::default();
        hex::decode_to_slice(self.delivers.as_deref()?, &mut tag).ok()?;
        Some(tag)
    }
}

/// Content of a row of the outbox in clear.
#[derive(Clone)]
pub struct Letter {
    /// Its head.
    pub head: SendHead,
    /// The document.
    pub body: Bytes,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter(<{} octets>)", self.body.len())
    }
}

/// What became of a row of the outbox.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SendNote {
    /// Plain cause of the last failure.
    pub cause: Option<String>,
    /// Whose turn it is because of it; a program that does not know it leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// One safe next step.
    pub next_step: Option<String>,
    /// What the far end calls it.
    pub reference: Option<String>,
    /// What proves the delivery.
    pub evidence: Option<String>,
    /// What confirmed it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<String>,
    /// When that was found. A program before this one leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// Its receiver's time is over and it cannot be taken back: it waits for a person while it is looked after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_back: bool,
    /// A person said that it did not arrive by the way that it is on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub said: bool,
    /// It stays on its way although the time of that is over: none of the ways after it led anywhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stayed: bool,
    /// Ways that it was on before. A program that knows none of them forgets them with the next outcome; the audit trail does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<WayLeft>,
}

impl SendNote {
    /// Why its row waits, and whose turn it is: of one that has no way left to go on by a person's, as the alarm says.
    pub fn waits(self) -> (Option<String>, Option<Turn>) {
        let turn = if self.stayed { Some(Turn::Person) } else { self.turn };
        (self.cause, turn)
    }

    /// The mailbox of this reader that it left because a person had said that it did not arrive there, or because that was taken away; that
    /// which nobody had fetched, or which was refused, went on for another reason.
    pub fn left_late(&mut self, by: &Reader) -> Option<&mut WayLeft> {
        self.ways
            .iter_mut()
            .rev()
            .find(|left| left.why == Why::Late && by.destinations.contains(&left.destination))
    }

    /// Whether it left a mailbox of this reader because it was refused there.
    pub fn left_refused(&self, by: &Reader) -> bool {
        self.ways.iter().any(|left| left.why == Why::Refused && by.destinations.contains(&left.destination))
    }
}
