//! What the house asks of a store, kept narrow so that every back end passes one contract suite. Keys come in clear and are turned into
//! HMACs here; payloads are sealed here; neither ever leaves a back end unsealed. Times are the caller's: a store reads no clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Answer, Outgoing, Question};
use crate::envelope::Envelope;
use crate::store::anew::Anews;
use crate::store::audit::Audits;
use crate::store::claims::Claims;
use crate::store::desk::Desk;
use crate::store::duty::Duties;
use crate::store::entry::{Committed, Entry};
use crate::store::error::StoreError;
use crate::store::follow::Follows;
use crate::store::lane::{Lane, Lanes, Take};
use crate::store::looks::Looks;
use crate::store::mailbox::Mailboxes;
use crate::store::notes::Notes;
use crate::store::orders::Orders;
use crate::store::pauses::Pauses;
use crate::store::plays::Plays;
use crate::store::recovery::Recovery;
use crate::store::rekey::Rekey;
use crate::store::retention::Retention;
use crate::store::stamp::Stamp;
use crate::store::ways::Ways;

/// What a commit has made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    /// What became of each entry.
    pub committed: Vec<Committed>,
    /// The lanes that it leased to this process.
    pub lanes: Vec<Lane>,
    /// Whether a message that waited can run now.
    pub woken: bool,
}

/// Rows of one page where not every row counts.
pub const PAGE: usize = 1000;

/// A message that shall run again: woken, past its time, or replayed.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// The envelope, opened.
    pub envelope: Envelope,
    /// True when its waiting time is over.
    pub expired: bool,
    /// Set when a person replayed it.
    pub acting_person: Option<String>,
}

/// A store.
#[async_trait]
pub trait Store:
    Anews
    + Audits
    + Claims
    + Desk
    + Duties
    + Follows
    + Lanes
    + Looks
    + Mailboxes
    + Notes
    + Orders
    + Pauses
    + Ways
    + Retention
    + Recovery
    + Rekey
    + Plays
{
    /// Makes this a running process of the store and clears up after those that died: their leases end, commands that they
    /// had taken wait again, claims that nobody needs go (their number is returned). Refused where only one may run and one does.
    async fn begin_run(&self) -> Result<u64, StoreError>;

    /// Whether [`Store::woken`] says so when another process has brought work: then asking is only the fall-back.
    fn tells(&self) -> bool {
        false
    }

    /// Returns when another process may have brought work, to one listener; a store of one process never does. Polling suffices without it.
    async fn woken(&self) {
        std::future::pending().await
    }

    /// Facts and guards, in the order asked; for steps only, reads across Mandanten (rules.md 7).
    async fn lookup(&self, questions: Vec<Question>) -> Result<Vec<Answer>, StoreError>;

    /// One transaction for all entries; only those whose keys are new take part. An error means that nothing was written. Idempotency is looked at
    /// first (`Again`, `Conflict`), then guards (`Stale`). Entries of a batch share no key, and only guards that are compared and not bumped ([`crate::effects::GuardKey::shared`]).
    async fn commit(&self, entries: Vec<Entry>) -> Result<Vec<Committed>, StoreError> {
        let entries = entries.into_iter().map(Arc::new).collect();
        self.commit_and_take(entries, None).await.map(|made| made.committed)
    }
    /// As `commit`; lanes that are made by it and can go at once come back leased, as `claim` would have returned them. After an
    /// error nobody knows whether there are any: see [`Want::ours`].
    async fn commit_and_take(&self, entries: Vec<Arc<Entry>>, take: Option<Take>)
    -> Result<Made, StoreError>;

    /// Queues the committed answer to a message once more, for a sender that repeats it: a row of this id that was sent goes
    /// again, one that is on its way or waits for a person stays, a missing one is added to what the message caused. Where the
    /// message is gone the row has the attributes of the repeat, and its content goes when it has arrived. `false` when nothing had to be queued.
    async fn answer_again(
        &self,
        first: Uuid,
        answer: Outgoing,
        repeat: &Stamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends the store at the end of its process: what is queued is done, logs are emptied, threads end, also where somebody still holds it.
    /// An error says what could not be done in this time; what was acknowledged is safe. Nothing is to be done where a server holds the data.
    async fn close(&self, _patience: Duration) -> Result<(), StoreError> {
        Ok(())
    }
    /// Whether everything that a delivery needs can be reached, the keys too, and the store can acknowledge now; an error says why not.
    async fn sound(&self) -> Result<(), StoreError>;

    /// Waiting messages that are woken or past their time, and replayed ones; leased so that each is returned once per lease.
    async fn resume(&self, now: Timestamp, lease: Duration, limit: usize)
    -> Result<Vec<Resumed>, StoreError>;
    /// Due timers as envelopes of the connection `timer`; a timer is gone when the message it became is committed.
    async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Envelope>, StoreError>;
}
