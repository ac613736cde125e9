//! Lanes of the outbox as a store hands them out and takes them back: what is due, what is wanted, how it ended. Part of what
//! `contract` asks of a store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::effects::{Vorgang, Way};
use crate::envelope::Envelope;
use crate::seal::index::Tag;
use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::stamp::Stamp;
use crate::telemetry::parts::Turn;

/// A Vorgang as the store names it: nobody else reads it.
pub type Named = Tag;

/// One row of the outbox, opened, as a worker gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The id that the receiver sees.
    pub id: Uuid,
    /// The row's attributes.
    pub stamp: Stamp,
    /// The inbound message that caused it.
    pub cause: Uuid,
    /// `connection:partner`.
    pub destination: String,
    /// How many attempts were settled before.
    pub attempts: u32,
    /// When it was put in the outbox.
    pub queued: Timestamp,
    /// When it is given up.
    pub deadline: Option<Timestamp>,
    /// True when an attempt of unknown outcome was made before.
    pub unclear: bool,
    /// The Vorgang whose answer it is, as the store names it: handed back with the settling.
    pub delivers: Option<Tag>,
    /// What comes after the way that it is on.
    pub next: Option<Next>,
    /// Whether it was given several ways.
    pub several: bool,
    /// What an attempt before left for the ones after it: see `Store::remember`.
    pub left: Option<Bytes>,
    /// The envelope to send.
    pub envelope: Envelope,
}

impl Due {
    /// How long the receiver has on the way that the row is on, where the next way is taken then.
    pub fn taken_within(&self) -> Option<Duration> {
        self.next.as_ref().and_then(|next| next.late_after)
    }
}

/// What comes after the way that a row is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The way.
    pub way: Way,
    /// How long the way before it may take, where this one is taken when that time is over, too.
    pub late_after: Option<Duration>,
    /// What comes after this one.
    pub beyond: Vec<Way>,
    /// Whether the row has stayed on its way already because none of these led anywhere.
    pub stayed: bool,
}

impl Next {
    /// Whether any of the ways to come leads anywhere, by who knows where destinations are.
    pub fn leads(&self, known: impl Fn(&str) -> bool) -> bool {
        std::iter::once(&self.way).chain(&self.beyond).any(|way| known(&way.destination))
    }

    /// How much longer a row may stay on a way whose time is over and after which nothing comes any more: it has the time of the last one.
    /// `None`: it had it, or that is no longer.
    pub fn rest(&self) -> Option<Duration> {
        let last = Duration::from_secs(self.beyond.last().unwrap_or(&self.way).seconds);
        last.checked_sub(self.late_after?).filter(|rest| !self.stayed && !rest.is_zero())
    }
}

/// Why a row goes on by its next way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The far end refused it for good.
    Refused,
    /// It could not be delivered in the time of the way.
    Late,
    /// Its receiver did not come for it in time, and it was taken back.
    NotCollected,
}

impl Why {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Refused => "refused",
            Why::Late => "late",
            Why::NotCollected => "not-collected",
        }
    }
}

/// A row goes on by its next way: it has certainly not reached its receiver by the one before, and cannot any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// The way that is left, `connection:partner`.
    pub from: String,
    /// The way that is taken.
    pub to: Way,
    /// Why.
    pub why: Why,
    /// Plain cause without values.
    pub cause: String,
}

/// How a row ends that has certainly not arrived by what was tried last: its far end refused it for good, or its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// It goes on by its next way.
    Onward,
    /// A person decides.
    Parked,
    /// It may have arrived by something that was tried before: a person finds out, and no other way is taken.
    Unclear,
}

impl Undelivered {
    /// `next`: whether there is a way that may be taken now; `doubted`: whether it may have arrived by something that was tried before.
    pub fn judged(next: bool, doubted: bool) -> Undelivered {
        match (next, doubted) {
            (false, _) => Undelivered::Parked,
            (true, false) => Undelivered::Onward,
            (true, true) => Undelivered::Unclear,
        }
    }
}

/// A way that was left, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayLeft {
    /// `connection:partner`.
    pub destination: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
    /// Plain cause.
    pub cause: String,
    /// When its receiver closed it there after all, though it had gone on: a second copy may have gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Timestamp>,
}

/// Rows that wait because of their order: the row before them in their lane waits for a person, or one that they come after has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Where the row is to go that they wait for.
    pub destination: String,
    /// Whether that row waits for a person.
    pub held: bool,
    /// How many rows wait for such.
    pub waiting: u64,
    /// When the oldest of them was queued, or could have left at the earliest.
    pub oldest: Timestamp,
}

/// The bits of a fence below its hand-outs to readers: there it counts the leases that processes had since.
pub const BELOW: u32 = i32::BITS;

/// What is laid down with a row that was sent and is looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// The first look.
    pub due: Timestamp,
    /// The last look: what is not confirmed then has failed.
    pub until: Timestamp,
    /// What the looks need, kept sealed with the row.
    pub keep: Bytes,
}

/// A leased lane with its heads in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The lane's id.
    pub id: i64,
    /// The fence: a settle with an older one is refused.
    pub fence: i64,
    /// `connection:partner`.
    pub destination: String,
    /// Rows in their order, at most as many as were asked for.
    pub heads: Vec<Due>,
}

impl Lane {
    /// Whether a reader ever had what stands in it in its hand.
    pub fn was_handed_out(&self) -> bool {
        self.fence >> BELOW > 0
    }
}

/// What a worker wants of the lanes.
#[derive(Clone, Debug)]
pub struct Want {
    /// Name of the worker, for the operator.
    pub worker: String,
    /// Now.
    pub now: Timestamp,
    /// How long the lease holds.
    pub lease: Duration,
    /// At most so many lanes.
    pub lanes: usize,
    /// At most so many rows of each lane.
    pub heads: usize,
    /// Destinations that must not be touched now (paused, breaker open, busy enough).
    pub except: Vec<String>,
    /// At most so many lanes of these destinations; of the others as many as `lanes` allows.
    pub most: Vec<(String, usize)>,
    /// True when the clock may have gone back since the last claim: a pause that began in what is the future now is over.
    pub went_back: bool,
    /// The lanes that this process knows it holds, when it may hold more than that: a lease was given in a transaction whose end it
    /// did not hear of. The others of its leases end at once, what was handed out under them is in doubt.
    pub ours: Option<Vec<i64>>,
}

/// What a committing process means to send itself: a lane that the commit makes is leased to it at once, so that nobody has to
/// look for it and read back what is still in memory.
#[derive(Clone, Debug)]
pub struct Take {
    /// Name of the worker, for the operator.
    pub worker: String,
    /// How long the lease holds.
    pub lease: Duration,
    /// At most so many rows of each lane.
    pub heads: usize,
    /// At most so many lanes of these destinations, of others none. Only such as a repeat does no harm to: all rows that come
    /// into the lane under this lease are in doubt when nobody ends it.
    pub most: Vec<(String, usize)>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Delivered; the receiver's reference and evidence.
    Sent {
        /// What the far end calls it.
        reference: String,
        /// What proves it.
        evidence: String,
        /// Set where the far end confirms it later: laid down in the same transaction, unless the row's content goes with it.
        follow: Option<Follow>,
    },
    /// Not delivered, tried again at this time.
    Later {
        /// When.
        at: Timestamp,
        /// Plain cause without values.
        cause: String,
        /// True: this attempt may have arrived all the same: a repeat of it does no harm, but no other way may be taken. False: its far end has said
        /// that no attempt so far arrived. `None`: it says nothing of attempts before.
        doubt: Option<bool>,
        /// Whose turn it is, as whoever knows the cause says.
        turn: Turn,
    },
    /// Nobody tries again by itself.
    Parked {
        /// Plain cause.
        cause: String,
        /// One safe next step.
        next_step: String,
    },
    /// It goes on by the next way, in a lane of its own there; what held of the way before is forgotten.
    Onward(Onward),
    /// It stays on its way, whose time is over, because no way after it leads anywhere: it has the time of a last one, until then.
    Stays {
        /// When that is over.
        until: Timestamp,
        /// Plain cause.
        cause: String,
    },
    /// It may or may not have arrived, and repeating is not safe.
    Unclear {
        /// Plain cause.
        cause: String,
    },
}

/// The settling of one row of a leased lane.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The lane.
    pub lane: i64,
    /// The fence of the lease.
    pub fence: i64,
    /// The row.
    pub row: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// What came back with a row that was sent: stored in the same transaction, to run at once. A repeat of what is there already is
    /// nothing new; what came under a known key with other content is stored all the same, and its run finds the conflict.
    pub answers: Vec<Entry>,
    /// [`Due::delivers`] of the row: with a row that was sent its Vorgang is delivered, and whoever decided on it looks again.
    pub delivers: Option<Tag>,
    /// True when the worker is done with the lane and the lease ends.
    pub release: bool,
    /// Now.
    pub now: Timestamp,
}

/// An answer that lies here.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// The request whose answer it is.
    pub cause: Uuid,
    /// Its Vorgang, as the store names it.
    pub vorgang: Named,
    /// Message types that say nothing of an answer.
    pub beside: Arc<[String]>,
}

/// A place among the rows that may not leave yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When the lane can go, as the store counts time.
    pub at: i64,
    /// The lane.
    pub lane: i64,
}

/// A Negativauskunft that may not leave yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Early {
    /// Its row.
    pub row: Uuid,
    /// The request that it answers.
    pub cause: Uuid,
    /// Its Vorgang, as the store names it.
    pub vorgang: Named,
    /// When it may leave.
    pub leaves: Timestamp,
    /// Until when it would be decided so by time alone, where that is known.
    pub gilt_bis: Option<Timestamp>,
    /// By which set it was decided, where that is known.
    pub entschieden_nach: Option<String>,
}

/// Some of the answers that may not leave yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotDue {
    /// The Negativauskünfte among them.
    pub found: Vec<Early>,
    /// Where the next ones begin; `None` behind the last one.
    pub next: Option<Place>,
}

impl Early {
    /// A row that carries an answer, by its Vorgang; `None` of what is no Negativauskunft of the house's own.
    pub fn of(
        (row, cause, leaves): (Uuid, Uuid, Timestamp),
        named: Named,
        vorgang: &Vorgang,
    ) -> Option<Early> {
        let akte = &vorgang.akte;
        let own = vorgang.is_negativ() && akte.nummer == Some(cause);
        let (gilt_bis, entschieden_nach) = (akte.gilt_bis, akte.entschieden_nach.clone());
        own.then_some(Early { row, cause, vorgang: named, leaves, gilt_bis, entschieden_nach })
    }
}

/// How an answer lies here. Of what is no Negativauskunft on the way nothing is said beside its Vorgang: it is [`Anew::Left`], and nothing speaks
/// against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lies {
    /// Its Vorgang, where that is kept.
    pub vorgang: Option<Vorgang>,
    /// What would become of it if it were decided anew.
    pub anew: Anew,
    /// What it rests on was changed or ended, or something was objected under a key of it, while it could not be taken back.
    pub spoken_against: bool,
    /// Something is objected under such a key now.
    pub objected: bool,
}

impl Lies {
    /// Of what nothing more is asked.
    pub fn other(vorgang: Option<Vorgang>) -> Lies {
        Lies { vorgang, anew: Anew::Left, spoken_against: false, objected: false }
    }
}

/// What became of an answer that was to be decided anew because it lay here for long, or nobody knows what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// It was taken back, and its request runs again.
    Runs,
    /// Something of it is in somebody's hand: it is asked again.
    Busy,
    /// Something of it may have left: it is an answer that was issued.
    Left,
    /// Nothing of it has left, and its request is not kept any more: nobody can decide it anew.
    Gone,
}

/// What a worker that sends asks of a store.
#[async_trait]
pub trait Lanes {
    /// Leases due lanes and returns their heads.
    async fn claim(&self, want: Want) -> Result<Vec<Lane>, StoreError>;
    /// Settles rows; `false` for each one whose fence is stale (nothing was written for it).
    async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<bool>, StoreError>;
    /// Lets a lease last as if it were given now; `false` when the fence is stale or the lease has ended. Only where something goes on.
    async fn renew(&self, lane: i64, fence: i64, now: Timestamp, lease: Duration)
    -> Result<bool, StoreError>;
    /// Keeps what the attempt under way at a row leaves for those after it, sealed with the row, instead of what was left before; it comes
    /// with the row ([`Due::left`](crate::store::lane::Due::left)) until that is sent. `false` when the fence is stale or the row is not
    /// this lane's to settle: then nothing was kept.
    async fn remember(&self, lane: i64, fence: i64, row: Uuid, what: &[u8]) -> Result<bool, StoreError>;
    /// The earliest time at which a lane is due, but of these destinations, which nobody sends.
    async fn next_due(&self, but: &[String]) -> Result<Option<Timestamp>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_later_way_leads_from_has_the_time_of_a_last_one_once() {
        let way = |to: &str, seconds| Way { destination: to.to_owned(), seconds, until_late: true };
        let next = Next {
            way: way("c:x", 60),
            late_after: Some(Duration::from_secs(100)),
            beyond: vec![way("tray:x", 300)],
            stayed: false,
        };
        assert!(next.leads(|to| to == "tray:x") && !next.leads(|_| false));
        assert_eq!(next.rest(), Some(Duration::from_secs(200)));
        assert_eq!(Next { stayed: true, ..next.clone() }.rest(), None);
        assert_eq!(Next { beyond: Vec::new(), ..next.clone() }.rest(), None, "it had longer");
        assert_eq!(Next { late_after: None, ..next }.rest(), None, "it had that time");
    }

    #[test]
    fn no_other_way_is_taken_in_doubt() {
        assert_eq!(Undelivered::judged(true, false), Undelivered::Onward);
        assert_eq!(Undelivered::judged(true, true), Undelivered::Unclear);
        assert_eq!(Undelivered::judged(false, false), Undelivered::Parked);
        assert_eq!(Undelivered::judged(false, true), Undelivered::Parked);
    }
}
