//! The figures of a store: how much there is of what, and what has not left yet. No payload and no person.

use jiff::Timestamp;
use serde::Serialize;

use crate::store::lane::Behind;

/// What waits for one destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Backlog {
    /// `connection:partner`.
    pub destination: String,
    /// Rows queued or retrying.
    pub waiting: u64,
    /// When the oldest of them was queued.
    pub oldest: Option<Timestamp>,
    /// Rows parked.
    pub parked: u64,
    /// Rows unclear.
    pub unclear: u64,
    /// Rows delivered.
    pub sent: u64,
    /// Of these the rows whose far end is still to confirm them.
    pub followed: u64,
    /// Of these the rows that their far end confirmed.
    pub confirmed: u64,
    /// Of these the rows that were not confirmed and wait for a person.
    pub failed: u64,
    /// Attempts that were settled, of all rows.
    pub attempts: u64,
    /// Plain cause of the newest failure of a waiting row.
    pub last_cause: Option<String>,
    /// Whose turn it is because of that, where that is known.
    pub last_turn: Option<crate::telemetry::parts::Turn>,
    /// Why nothing can be found out of the row that has to be confirmed first, or why it cannot be taken back.
    pub follow_cause: Option<String>,
    /// Of the waiting rows those that come after others, by what they wait for.
    pub behind: Vec<Behind>,
    /// From when on the first of the others could leave: it may have been put there to leave later.
    pub free_since: Option<Timestamp>,
}

/// What has not left yet for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// `connection:partner`.
    pub destination: String,
    /// Rows queued or retrying.
    pub waiting: u64,
    /// When the oldest of them was queued.
    pub oldest: Option<Timestamp>,
    /// Rows that wait for a person: parked, unclear or failed.
    pub held: u64,
    /// Rows that were sent and are still to be confirmed.
    pub followed: u64,
}

/// The figures of a store at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Inbound messages by state.
    pub inbound: Vec<(String, u64)>,
    /// Rejections by code.
    pub codes: Vec<(String, u64)>,
    /// Oldest waiting inbound message.
    pub oldest_waiting: Option<Timestamp>,
    /// Per destination.
    pub backlog: Vec<Backlog>,
    /// Registersätze in the mirror.
    pub mirror: u64,
    /// Repeats that were answered with the first verdict since the store was made.
    pub repeats: u64,
    /// Timers not yet due or not yet taken.
    pub timers: u64,
}
