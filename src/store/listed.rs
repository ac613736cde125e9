//! Messages and rows of the outbox as lists show them. No payload.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::envelope::Inbound;
use crate::store::lane::WayLeft;
use crate::store::states::SendState;

/// An inbound message as listed; no payload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// Its state.
    pub state: Inbound,
    /// When it was received.
    pub received: Timestamp,
    /// The `on` entry.
    pub binding: String,
    /// The route.
    pub route: Option<String>,
    /// The type.
    pub message: Option<String>,
    /// The partner.
    pub partner: String,
    /// The Mandant.
    pub mandant: String,
    /// Whether it is a test.
    pub test: bool,
    /// Codes of its rejection.
    pub codes: Vec<String>,
    /// Plain cause; of what was refused, sub-code and sentence of its faults.
    pub cause: Option<String>,
    /// One safe next step.
    pub next_step: Option<String>,
    /// Size of its octets.
    pub size: u64,
    /// Hash of its octets.
    pub octets_sha256: String,
    /// What was verified when it came, a line for each signature.
    pub verified: Vec<String>,
    /// What decided it.
    pub decided_by: String,
    /// What it sent.
    pub sends: Vec<ListedSend>,
}

/// A row of the outbox as listed; no payload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedSend {
    /// The id that the receiver sees.
    pub id: Uuid,
    /// The message that caused it.
    pub cause_id: Uuid,
    /// `connection:partner`.
    pub destination: String,
    /// The type.
    pub message: String,
    /// What it is for whoever reads it.
    pub state: SendState,
    /// Settled attempts.
    pub attempts: u32,
    /// When it was queued.
    pub queued: Timestamp,
    /// When it is tried next.
    pub next_try: Option<Timestamp>,
    /// When its far end had taken it, of what was sent.
    pub sent: Option<Timestamp>,
    /// When it is looked at next, of what was sent and is followed.
    pub next_look: Option<Timestamp>,
    /// What confirmed it, of what was followed.
    pub confirmed: Option<String>,
    /// When that was found; of what a program before this one found it is not known.
    pub confirmed_at: Option<Timestamp>,
    /// Plain cause of the last failure.
    pub cause: Option<String>,
    /// One safe next step.
    pub next_step: Option<String>,
    /// Ways that it was on before, the first one first.
    pub ways: Vec<WayLeft>,
}
