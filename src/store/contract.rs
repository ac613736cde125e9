//! What the house asks of a store, kept narrow so that every back end passes one contract suite. Keys come in clear and are turned into
//! HMACs here; payloads are sealed here; neither ever leaves a back end unsealed. Times are the caller's: a store reads no clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Answer, Outgoing, Question, Stored, Vorgang};
use crate::envelope::Envelope;
use crate::store::anew::Anews;
use crate::store::audit::Audits;
use crate::store::claims::Claims;
use crate::store::desk::{Filter, View};
use crate::store::duty::Duties;
use crate::store::entry::{Committed, Entry};
use crate::store::error::StoreError;
use crate::store::figures::{Figures, UnderWay};
use crate::store::follow::Follows;
use crate::store::lane::{Lane, Settle, Take, Undelivered, Want};
use crate::store::listed::{Listed, ListedSend};
use crate::store::looks::Looks;
use crate::store::mailbox::Mailboxes;
use crate::store::notes::Notes;
use crate::store::orders::Orders;
use crate::store::pauses::{Breaker, Pause};
use crate::store::plays::Plays;
use crate::store::recovery::Recovery;
use crate::store::rekey::Rekey;
use crate::store::retention::Retention;
use crate::store::stamp::{Scope, Stamp};
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
    + Duties
    + Follows
    + Looks
    + Mailboxes
    + Notes
    + Orders
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
    /// Ends the store at the end of its process: what is queued is done, logs are emptied, threads end, also where somebody still holds it.
    /// An error says what could not be done in this time; what was acknowledged is safe. Nothing is to be done where a server holds the data.
    async fn close(&self, _patience: Duration) -> Result<(), StoreError> {
        Ok(())
    }
    /// The earliest time at which a lane is due, but of these destinations, which nobody sends.
    async fn next_due(&self, but: &[String]) -> Result<Option<Timestamp>, StoreError>;
    /// Whether everything that a delivery needs can be reached, the keys too, and the store can acknowledge now; an error says why not.
    async fn sound(&self) -> Result<(), StoreError>;
    /// The breakers.
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError>;
    /// Writes one breaker.
    async fn set_breaker(&self, breaker: Breaker) -> Result<(), StoreError>;

    /// Waiting messages that are woken or past their time, and replayed ones; leased so that each is returned once per lease.
    async fn resume(&self, now: Timestamp, lease: Duration, limit: usize)
    -> Result<Vec<Resumed>, StoreError>;
    /// Due timers as envelopes of the connection `timer`; a timer is gone when the message it became is committed.
    async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Envelope>, StoreError>;

    /// Replays a parked, unclear or quarantined message or outbox row; audited. `false` when it is not in such a state. A row then has the whole
    /// time of its way once more where that has one, else no deadline any more, and doubt that was told (unclear) no longer holds it up.
    async fn replay(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends what is kept apart and was refused, or of which only its hash is kept, as rejected; audited. `false` when it is not in such a
    /// state. What it says against answers stays: that has ends of its own.
    async fn reject(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError>;
    /// Settles a parked or unclear row as sent, or one that failed to be confirmed or cannot be taken back as confirmed, because a person found
    /// out that it reached the receiver, by whatever way; audited. `false` when it is not in such a state.
    async fn arrived(&self, id: Uuid, person: &str, reason: &str, now: Timestamp)
    -> Result<bool, StoreError>;
    /// What follows where a person found out that a parked, unclear or failed row, or one that cannot be taken back, did **not** reach its
    /// receiver by `way`, its destination, and cannot any more: it goes on by its next way, or is parked where there is none, and its Vorgang is delivered no more; audited. `None`,
    /// and nothing written, where it is not on that way or in such a state, is parked without another, or has lost its content.
    async fn not_arrived(
        &self,
        (id, way): (Uuid, &str),
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Undelivered>, StoreError>;

    /// Lists messages in a scope.
    async fn list(&self, scope: &Scope, filter: Filter) -> Result<Vec<Listed>, StoreError>;
    /// Lists parked and unclear outbox rows in a scope, and those that were sent and failed to be confirmed or cannot be taken back.
    async fn list_parked_sends(&self, scope: &Scope, limit: usize) -> Result<Vec<ListedSend>, StoreError>;
    /// The original of a message, opened; the view is written to the Abrufprotokoll with person and reason.
    async fn original(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Envelope>, StoreError>;
    /// Vorgänge of a scope with their restricted records, newest first, but for those of the art `without`: the limit counts what is given
    /// back. The view is written to the Abrufprotokoll.
    async fn vorgaenge(&self, view: View, without: Option<&'static str>) -> Result<Vec<Vorgang>, StoreError>;
    /// Registersätze of a scope in the order in which they came, from the one after `after`; the view is written to the Abrufprotokoll.
    async fn registersaetze(&self, view: View, after: Option<Uuid>) -> Result<Vec<Stored>, StoreError>;
    /// What has not left yet, of all Mandanten, by destination; costs as much as that is, however much the store holds.
    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError>;
    /// The figures. Whole tables are counted: for persons, and for whoever asks rarely.
    async fn figures(&self, scope: &Scope) -> Result<Figures, StoreError>;

    /// All pauses that hold.
    async fn pauses(&self, now: Timestamp) -> Result<Vec<Pause>, StoreError>;
    /// Sets (`Some`) or ends (`None`) a pause; audited. What one that ends held has its time back, less what another one still holds.
    async fn set_pause(
        &self,
        kind: &str,
        name: &str,
        pause: Option<Pause>,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}
