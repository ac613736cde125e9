//! Mailboxes: rows of the outbox that their receivers come for, instead of being sent them. A mailbox is the lanes of its destinations; a
//! reader leases the head of a lane, and closing is settling. Says nothing of how readers speak, and reads no clock.
//!
//! A reader's lease is no process's: it outlives whoever gave it, at starts and when replicas die, and ends by its time alone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::lane::{Due, Next, Outcome};

/// Who reads, and what: nothing else is seen, found or told apart from what is not there.
///
/// Rows are scoped by whom they are for, not by the Mandant of their stamp: that is of whoever caused them, which may be another office's
/// (rules.md 4, a Klärfall goes to the office of residence).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The partner.
    pub partner: String,
    /// Its mailboxes, `connection:partner` each.
    pub destinations: Vec<String>,
}

impl Reader {
    /// Whether what is for this partner at this destination is its own to read.
    pub fn reads(&self, partner: &str, destination: &str) -> bool {
        self.partner == partner && self.destinations.iter().any(|own| own == destination)
    }
}

/// What lies in a mailbox; no content.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The id that the receiver sees.
    pub id: Uuid,
    /// The type.
    pub message: String,
    /// Whether it is a test.
    pub test: bool,
    /// Octets of document and parts.
    pub size: u64,
    /// How many parts there are.
    pub parts: usize,
    /// When it was queued.
    pub queued: Timestamp,
    /// When it is given up.
    pub deadline: Option<Timestamp>,
    /// Its lane.
    pub lane: i64,
    /// Whether it is the first of its lane.
    pub first: bool,
    /// Until when somebody has the first of the lane in hand.
    pub held: Option<Timestamp>,
    /// Whether it was handed out before.
    pub fetched: bool,
}

/// A row that lies or lay in a mailbox; no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lain {
    /// The type.
    pub message: String,
    /// Whether it is a test.
    pub test: bool,
    /// When it was queued.
    pub queued: Timestamp,
    /// Whether it is still to be closed.
    pub open: bool,
    /// Whether its reader closed it.
    pub closed: bool,
}

/// By which a reader ends what it got: lane and fence of its lease, and the one row that was handed out under it, so that no other row of
/// the lane is ended by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The lane.
    pub lane: i64,
    /// The fence.
    pub fence: i64,
    /// The row.
    pub row: Uuid,
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.lane, self.fence, self.row.simple())
    }
}

impl FromStr for Ticket {
    type Err = ();

    fn from_str(text: &str) -> Result<Ticket, ()> {
        let fields: Vec<&str> = text.split('-').collect();
        let [lane, fence, row] = fields[..] else { return Err(()) };
        let ticket = Ticket {
            lane: lane.parse().map_err(drop)?,
            fence: fence.parse().map_err(drop)?,
            row: Uuid::try_parse(row).map_err(drop)?,
        };
        // One way to write it: what is kept of it is compared as text.
        if ticket.to_string() == text { Ok(ticket) } else { Err(()) }
    }
}

/// A reader that asks for a row.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The row.
    pub id: Uuid,
    /// What it got before.
    pub ticket: Option<Ticket>,
    /// By which it knows its own repeats; no text of anybody.
    pub key: Option<String>,
    /// How long nobody else gets it.
    pub lease: Duration,
    /// Now.
    pub now: Timestamp,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Handed {
    /// The row, until then.
    Out(Box<Due>, Ticket, Timestamp),
    /// Somebody has it, until then at most.
    Held(Timestamp),
    /// Something of its lane comes first.
    Behind,
    /// Nothing of this id can be had by this reader.
    Unknown,
}

/// What came of ending a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It is settled by this call.
    Done {
        /// Its destination.
        destination: String,
        /// Settled attempts before.
        attempts: u32,
        /// How it was settled: what was refused may go on by its next way, or be in doubt.
        outcome: Outcome,
    },
    /// By the same call before.
    Again,
    /// Its receiver has it although a person had said that it did not arrive; noted, and a second copy may have gone.
    AfterAll {
        /// The mailbox.
        destination: String,
    },
    /// The ticket is not the current one.
    Stale,
    /// Nothing of this id is this reader's.
    Unknown,
}

/// A first row of a lane that was not closed in time, and that nobody has in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The lane.
    pub lane: i64,
    /// The fence that stands: who gets the row meanwhile gets the next one.
    pub fence: i64,
    /// The row.
    pub row: Uuid,
    /// `connection:partner`.
    pub destination: String,
    /// Whether it was handed out before, so that the receiver may have it.
    pub fetched: bool,
    /// What comes after this mailbox.
    pub next: Option<Next>,
}

/// Keeps the mailboxes.
#[async_trait]
pub trait Mailboxes {
    /// A ticket as its reader gets it: it shows no number of a lane, which would count the traffic of the house.
    fn receipt(&self, ticket: Ticket) -> String;

    /// The ticket of a receipt, where it is one.
    fn ticket(&self, receipt: &str) -> Option<Ticket>;

    /// What rows of one lane have in common, as their reader sees it.
    fn series(&self, lane: i64) -> String;

    /// Whether anything could be had now, wherever it lies.
    async fn ready(&self, reader: &Reader, now: Timestamp) -> Result<bool, StoreError>;

    /// What lies there, in order of coming, from the row after `after`: what can be had, is in hand, or comes behind such.
    async fn lying(
        &self,
        reader: &Reader,
        after: Option<Uuid>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError>;

    /// Where a row stands, as long as it is kept; `None` where it is not this reader's, or may not leave yet.
    async fn lain(&self, reader: &Reader, id: Uuid, now: Timestamp) -> Result<Option<Lain>, StoreError>;

    /// Hands the first row of a lane out under a lease of its own; the same again to whoever holds that lease.
    async fn hand_out(&self, reader: &Reader, ask: Ask) -> Result<Handed, StoreError>;

    /// Settles so what lies in a mailbox of this reader and nobody has in hand, as what must not be handed out; returns where it lay and after how many
    /// attempts. `None` of what is no such row, or in somebody's hand.
    async fn hold_back(
        &self,
        reader: &Reader,
        row: Uuid,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Option<(String, u32)>, StoreError>;

    /// Settles a row that was handed out under a ticket which is current: the lane is given back. Also after the lease is over, as long as
    /// nobody got it meanwhile, and a close also after a person was called for it, or has said that it did not arrive: then what has not left
    /// by another way does not leave. [`Outcome::Sent`] names the ticket as its reference. `refused`: the reader refuses it for good, so it goes
    /// on by its next way, where there is one.
    async fn end(
        &self,
        reader: &Reader,
        ticket: Ticket,
        (outcome, refused): (Outcome, bool),
        now: Timestamp,
    ) -> Result<Ended, StoreError>;

    /// Gives what pauses held that have ended by themselves the time that these took, as `set_pause` does where a person ends one; each once.
    /// Whether there were any.
    async fn pauses_over(&self, now: Timestamp) -> Result<bool, StoreError>;

    /// First rows in these mailboxes whose deadline is over, at most so many.
    async fn overdue(
        &self,
        mailboxes: &[String],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Overdue>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_back_and_nothing_else_is() {
        let ticket = Ticket { lane: 57, fence: 3, row: Uuid::from_u128(0xabc) };
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
        let row = ticket.row.simple();
        for bad in ["", "57-3", &format!("57-3-{row}-"), &format!("057-3-{row}"), &format!("57-+3-{row}")] {
            assert_eq!(bad.parse::<Ticket>(), Err(()), "{bad}");
        }
        assert!(format!("57-3-{}", row.to_string().to_uppercase()).parse::<Ticket>().is_err());
    }
}
