//! What the house asks of a store, kept narrow so that every back end passes one contract suite. Keys come in clear and are turned into
//! HMACs here; payloads are sealed here; neither ever leaves a back end unsealed. Times are the caller's: a store reads no clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::effects::{Answer, Effects, Outgoing, Question, Stored, Vorgang};
use crate::envelope::{Envelope, Inbound, Stage, Verdict};
use crate::register::keys::SearchKey;
use crate::rejection::Rejection;
use crate::store::anew::Anews;
use crate::store::audit::Audits;
use crate::store::claims::Claims;
use crate::store::duty::Duties;
use crate::store::follow::Follows;
use crate::store::lane::{Behind, Lane, Settle, Take, Undelivered, Want, WayLeft};
use crate::store::looks::Looks;
use crate::store::mailbox::Mailboxes;
use crate::store::notes::Notes;
use crate::store::orders::Orders;
use crate::store::plays::Plays;
use crate::store::recovery::Recovery;
use crate::store::rekey::Rekey;
use crate::store::retention::Retention;
use crate::store::seek::Seek;
use crate::store::states::SendState;
use crate::store::trouble::Cause;
use crate::store::ways::Ways;

/// Why a store could not do what it was asked; never holds a value of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Our trouble that may pass: busy, disk full, connection lost. Nothing was committed.
    #[error("store cannot commit now: {0}; nothing was acknowledged, it is tried again")]
    Later(Cause),
    /// This very entry cannot be stored; others can.
    #[error("entry cannot be stored: {0}; it is parked with its raw octets")]
    Entry(Cause),
    /// The store belongs to another stage, version or key.
    #[error("store refused: {0}")]
    Refused(Cause),
    /// The database lacks what this process has acknowledged, and is marked as put back; what it holds in memory is of another history.
    #[error("{}", crate::store::trouble::LACKS)]
    History,
    /// Another file lies where this one of the store was opened, or none: what is acknowledged from now on nobody would find again.
    #[error("{0}{said}", said = crate::store::trouble::REPLACED)]
    Replaced(&'static str),
    /// Sealed octets do not open: damaged or of another key.
    #[error("sealed octets do not open: {0}; restore the file from backup or check the key")]
    Corrupt(String),
}

/// The attributes of every row (rules.md 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The Jugendamt as Verantwortlicher.
    pub mandant: String,
    /// The authenticated partner, empty where nobody was admitted.
    pub partner: String,
    /// How the partner proved it.
    pub how: String,
    /// The stage of the process.
    pub stage: Stage,
    /// Whether the message is marked as test.
    pub test: bool,
    /// The key that seals: id of the Mandant's key; filled in by the store.
    pub key_id: String,
    /// The person that caused it, empty for the machine.
    pub acting_person: String,
    /// Version of the document's standard, such as `xfamilie/1.3.0`.
    pub doc_version: String,
    /// W3C trace context.
    pub traceparent: String,
    /// Hash of route, packages, partners, table and program.
    pub decided_by: String,
}

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

/// Who reads: every read is scoped (rules.md 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The operator of the process: figures and states of all Mandanten, no payloads.
    Operator,
    /// One Mandant.
    Mandant(String),
    /// One partner of one Mandant: its own messages only.
    Partner {
        /// The Mandant.
        mandant: String,
        /// The partner.
        partner: String,
    },
}

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
    /// When it is looked at next, of what was sent and is followed.
    pub next_look: Option<Timestamp>,
    /// What confirmed it, of what was followed.
    pub confirmed: Option<String>,
    /// Plain cause of the last failure.
    pub cause: Option<String>,
    /// One safe next step.
    pub next_step: Option<String>,
    /// Ways that it was on before, the first one first.
    pub ways: Vec<WayLeft>,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these states.
    pub states: Vec<Inbound>,
    /// At most so many, newest first; 0 means 100.
    pub limit: usize,
    /// Only older than this id.
    pub before: Option<Uuid>,
    /// Only this id.
    pub id: Option<Uuid>,
    /// Only this transport id (for repeats by key).
    pub transport_id: Option<String>,
    /// Only what is looked for.
    pub seek: Seek,
}

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

/// A stored pause that all replicas obey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `route`, `partner` or `destination`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Ends by itself at this time.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Who.
    pub person: String,
    /// Since when.
    pub since: Timestamp,
}

impl Pause {
    /// Whether it is one of this destination: of itself or of its partner, whether it holds it still or has ended by itself.
    pub fn holds(&self, destination: &str) -> bool {
        let partner = destination.split_once(':').map(|(_, partner)| partner);
        match self.kind.as_str() {
            "destination" => self.name == destination,
            "partner" => partner == Some(&self.name),
            _ => false,
        }
    }
}

/// A breaker of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// `connection:partner`.
    pub destination: String,
    /// Failures in a row.
    pub failures: u32,
    /// Closed for sending until this time; then one attempt probes.
    pub open_until: Option<Timestamp>,
}

/// Rows of one page where not every row counts.
pub const PAGE: usize = 1000;

/// Who reads what is not for everybody, and why: written to the Abrufprotokoll with what was read (rules.md 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose rows.
    pub scope: Scope,
    /// At most so many.
    pub limit: usize,
    /// Who.
    pub person: String,
    /// Why.
    pub reason: String,
    /// Now.
    pub now: Timestamp,
}

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
