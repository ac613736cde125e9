//! The contracts between transports and the house: what a transport implements and what it is given.
//! No transport knows a standard, a route, a step or a store.

pub mod account;
pub mod binding;
pub mod files;
pub mod left;
pub mod mailbox;
mod outcome;
pub mod raw;
pub mod reach;
pub mod spot;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::envelope::{Envelope, Lying, Part, PartnerRef, Stage, Verdict};
use crate::telemetry::parts::Parts;
use account::{Account, Bound, Taken, Under};
use binding::{Bindings, HttpBinding};

/// Stops a source: no new delivery is begun, begun ones are finished.
pub type Stop = CancellationToken;

/// How a source gives answers back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The committed reply goes back on the same exchange.
    InBand,
    /// The reply becomes an outbox row to the partner's return address.
    ByMessage,
}

/// Our trouble: nothing was committed, nothing may be acknowledged, the source slows down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("busy: {cause}; nothing was taken, try again after {retry_after:?}")]
pub struct Busy {
    /// Plain cause.
    pub cause: String,
    /// When it makes sense to try again.
    pub retry_after: Duration,
    /// True where it is about the partner of this delivery alone: what others deliver is taken meanwhile.
    pub of_partner: bool,
}

/// Where a source delivers; returning a verdict is the permission to acknowledge.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Runs one delivery to its commit.
    async fn deliver(&self, envelope: Envelope) -> Result<Verdict, Busy>;

    /// Commits a delivery that cannot be opened into quarantine; an empty body means that only hash and size are kept.
    async fn set_apart(&self, envelope: Envelope, cause: &'static str) -> Result<Verdict, Busy>;

    /// Keeps, once for its transport id, what came back on an exchange of ours and does not count: as nobody's, and never processed.
    async fn keep_raw(&self, envelope: Envelope) -> Result<Verdict, Busy>;

    /// Refuses a delivery whose content cannot be opened here, as its route refuses what nobody can read.
    async fn refuse(&self, envelope: Envelope, fault: crate::rejection::Rejection) -> Result<Verdict, Busy>;
}

/// Why a source ended.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot start or go on; the supervisor tries again with back-off and raises an alarm.
    #[error("{0}")]
    Broken(String),
}

/// Takes deliveries in.
#[async_trait]
pub trait Source: Send + Sync {
    /// Runs until stopped.
    async fn run(&self, stop: Stop) -> Result<(), SourceError>;

    /// The house is about to end: of a source that ends last, whatever nobody needs until then goes now. Returns at once.
    fn leave(&self) {}
}

/// A far end's confirmation.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// What the far end calls it.
    pub reference: String,
    /// What proves it, without personal data.
    pub evidence: String,
    /// Documents that came back; they are delivered to the intake as messages.
    pub answers: Vec<Envelope>,
    /// Set where the far end has taken it and confirms it later: it is looked after.
    pub follow: Option<Follow>,
}

/// Asks the house to look after what was sent until its far end confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// The first look, so long after it was sent.
    pub first: Duration,
    /// The last look, so long after it was sent: what is not confirmed then has failed.
    pub within: Duration,
    /// What looks need beside the reference, such as what attempts remembered; a few KiB. Kept sealed with the row, gone with its content.
    pub keep: Bytes,
}

/// What was sent and is looked after.
#[derive(Clone, Copy, Debug)]
pub struct Followed<'a> {
    /// Its id, the same under which it was sent.
    pub id: uuid::Uuid,
    /// [`Receipt::reference`].
    pub reference: &'a str,
    /// [`Follow::keep`].
    pub keep: &'a [u8],
    /// Looks before this one.
    pub looks: u32,
    /// Whether this is the last look: what is open after it has failed.
    pub last: bool,
}

/// What a look has found.
#[derive(Clone, Debug)]
pub enum After {
    /// Nothing yet.
    Open {
        /// When it makes sense to look again; `None`: as the house thinks fit.
        again: Option<Duration>,
    },
    /// It is where it belongs.
    Confirmed(Proof),
    /// It is not, and will not be: a person has to know.
    Failed {
        /// Plain cause without values of the message.
        cause: String,
        /// One safe next step.
        next_step: String,
        /// What says so.
        proof: Proof,
    },
}

/// What says how it ended.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// In words, without personal data.
    pub evidence: String,
    /// The octets, such as a signed report as it came; [`PROOF`] at most, of longer ones hash and size are kept.
    pub octets: Bytes,
    /// Documents that came back; they are delivered to the intake as messages.
    pub answers: Vec<Envelope>,
}

/// What came of taking back what was sent and not collected.
#[derive(Clone, Debug)]
pub enum Withdrawal {
    /// A step is done: this is kept in the place of [`Follow::keep`], durably, before it is asked again.
    Step {
        /// What further calls need.
        keep: Bytes,
    },
    /// The receiver has not got it and cannot get it any more.
    Gone,
    /// The receiver was faster: it has it.
    Collected(Proof),
}

/// So many octets of a proof are kept.
pub const PROOF: usize = 1024 * 1024;

/// Why an envelope did not leave; the texts hold no value of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Certainly not accepted, may work later.
    #[error("not delivered, may work later: {cause}")]
    Later {
        /// Plain cause.
        cause: String,
        /// What the far end asked for.
        retry_after: Option<Duration>,
        /// True when the far end as a whole is in trouble (counts for the breaker); false where it is for us to mend, or to wait.
        far_end: bool,
    },
    /// Certainly not accepted and never will be as it is.
    #[error("refused by the receiver: {cause}")]
    Never {
        /// Plain cause.
        cause: String,
    },
    /// It may or may not have arrived.
    #[error("outcome unknown: {cause}")]
    Unclear {
        /// Plain cause.
        cause: String,
    },
}

/// What an attempt tells of how it gets on. As long as it does, it is waited for, and the lane is kept for it.
#[derive(Debug, Default)]
pub struct Progress(AtomicU64);

impl Progress {
    /// Another piece has gone.
    pub fn moved(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have gone.
    pub fn pieces(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an attempt leaves for those after it: what a far end gave before the act (an id under which an upload goes on, a name that is
/// used up by it), or what has to be cleared away after a crash. Of one row; gone when that has been sent.
#[async_trait]
pub trait Memory: Send + Sync {
    /// What an attempt before this one left.
    fn left(&self) -> Option<&[u8]>;

    /// Keeps this instead, sealed and durable when it returns. An error: it is not kept, or the lane is another's; do nothing that rests on it.
    async fn remember(&self, what: &[u8]) -> Result<(), SendError>;
}

/// For attempts that nobody makes for a row of the outbox.
#[derive(Debug, Default)]
pub struct Forgetful;

#[async_trait]
impl Memory for Forgetful {
    fn left(&self) -> Option<&[u8]> {
        None
    }

    async fn remember(&self, _: &[u8]) -> Result<(), SendError> {
        Ok(())
    }
}

/// What the house gives an attempt.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// How it gets on.
    pub progress: &'a Progress,
    /// What it leaves, and what was left to it.
    pub memory: &'a dyn Memory,
    /// How long the receiver has to come for it, where another way is taken then: who can see that asks to be followed for so long.
    pub taken_within: Option<Duration>,
}

/// Sends envelopes out.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Sends one envelope; the same envelope may come again with the same id.
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError>;

    /// Whether a repeat with the same id is harmless at the receiver; then an unknown outcome is simply sent again.
    fn repeat_is_safe(&self) -> bool;

    /// Looks an earlier attempt up at the far end; `Ok(None)` means it certainly did not arrive.
    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError>;

    /// The same, followed as long as the receiver has ([`Attempt::taken_within`]); a destination that follows nothing by itself implements it.
    async fn find_within(
        &self,
        envelope: &Envelope,
        taken_within: Option<Duration>,
    ) -> Result<Option<Receipt>, SendError> {
        let found = self.find_by_reference(envelope).await?;
        Ok(found.map(|receipt| receipt.followed_for(taken_within)))
    }

    /// What may still be taken there of an attempt, told of or not; asked before a person's word that it did not arrive counts.
    async fn lies_there(&self, envelope: &Envelope) -> Result<Option<String>, SendError> {
        Ok(self.find_by_reference(envelope).await?.map(|receipt| receipt.reference))
    }

    /// Looks whether the far end has confirmed what it took: asked where [`Receipt::follow`] wanted it, until that or a failure. Never sends. Asked
    /// again, after a crash or by another process, it tells the same. An error: nothing is known; `Never`: no look can tell any more.
    async fn look_after(&self, _followed: &Followed<'_>) -> Result<After, SendError> {
        Err(SendError::Never { cause: "nobody can look there whether it was confirmed".to_owned() })
    }

    /// Takes back what was sent and not collected when the receiver's time is over, for another way. Asked again, after a crash or by another process,
    /// it says the same. An error: nothing is known; `Later` is tried again, else a person decides. Only what certainly is is called gone.
    async fn withdraw(&self, _followed: &Followed<'_>) -> Result<Withdrawal, SendError> {
        Err(SendError::Never { cause: "what was sent there cannot be taken back".to_owned() })
    }

    /// As [`Destination::send`], telling as it gets on and with a memory: for what takes longer than a receiver may be silent, such as an upload of large
    /// parts, and for what has steps of which a later attempt must know.
    async fn attempt(&self, envelope: &Envelope, _attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        self.send(envelope).await
    }

    /// How long an attempt may stand still before its outcome counts as unknown; `None`: as long as the house waits for any.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// How many envelopes may be under way at once; asked before each, so that a change counts at once.
    fn width(&self) -> usize;

    /// Whether the receiver comes for what it gets: then nothing is sent, and `patience` is how long a reader may have it in hand.
    fn collected(&self) -> bool {
        false
    }
}

/// Why a part could not be spooled or read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// Our trouble; the delivery is answered with `Busy`.
    #[error("part cannot be stored now: {0}")]
    Later(String),
    /// The stored part does not open.
    #[error("stored part does not open: {0}; it is not sent")]
    Corrupt(String),
}

/// A part being written.
#[async_trait]
pub trait PartWriter: Send {
    /// Appends octets; memory stays bounded.
    async fn write(&mut self, octets: Bytes) -> Result<(), SpoolError>;
    /// Makes it durable.
    async fn finish(self: Box<Self>, name: &str, content_type: &str) -> Result<Part, SpoolError>;
}

/// A part being read.
#[async_trait]
pub trait PartReader: Send {
    /// The next octets, `None` at the end; each was authenticated before.
    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError>;
}

/// Streams parts into sealed claims and back.
#[async_trait]
pub trait Spool: Send + Sync {
    /// Begins a part of a delivery of this partner.
    async fn begin(&self, partner: &PartnerRef) -> Result<Box<dyn PartWriter>, SpoolError>;
    /// Opens a part of an outgoing envelope to this partner.
    async fn open(&self, partner: &str, part: &Part) -> Result<Box<dyn PartReader>, SpoolError>;
}

/// What a partner may see of its own message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Standing {
    /// The message's id.
    pub id: uuid::Uuid,
    /// What it is told.
    pub stand: crate::envelope::Stand,
}

/// Tells a partner where its own message stands.
#[async_trait]
pub trait Standings: Send + Sync {
    /// `None` when there is no such message of this partner.
    async fn standing(&self, partner: &PartnerRef, id: uuid::Uuid) -> Result<Option<Standing>, Busy>;

    /// What became of a delivery of this partner; `None` where there is none.
    async fn taken(&self, partner: &PartnerRef, under: Under<'_>) -> Result<Option<Taken>, Busy>;
}

/// Small durable state of a transport: cursors, tokens, what was fetched but not closed.
#[async_trait]
pub trait Notes: Send + Sync {
    /// A note of this connection.
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, Busy>;
    /// Writes (`Some`) or removes (`None`) a note.
    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), Busy>;

    /// Writes a note where it is still as it was read (`None`: there was none). `false`, and nothing written, where another process wrote it since.
    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, Busy>;

    /// Tells at the start of this connection's source where it will look: what it never gets to look into counts from then on, and
    /// places that it does not name any more are forgotten.
    async fn looks(&self, _connection: &str, _places: &[Place]) -> Result<(), Busy> {
        Ok(())
    }

    /// Tells what was found at a place: asked and empty, or that something lies there. Told at each look, also an empty one: what nobody
    /// looks into counts since the last look. Cheap: what says nothing new is written now and then.
    async fn looked(&self, _place: &Place, _lying: Lying) -> Result<(), Busy> {
        Ok(())
    }
}

/// Where a source looks for deliveries: a tray, a queue, a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its connection.
    pub connection: String,
    /// What tells the places of a connection apart.
    pub name: String,
    /// The `on` entry that its deliveries belong to, as their heads say it.
    pub binding: String,
    /// Who may deliver there: what lies there counts against each of them.
    pub partners: Vec<String>,
}

impl Place {
    /// What it is called where something is kept of it.
    pub fn key(&self) -> String {
        format!("{} {}", self.connection, self.name)
    }
}

/// Hands out due timers as envelopes.
#[async_trait]
pub trait DueTimers: Send + Sync {
    /// Those due now, at most so many; each comes again until its message is committed.
    async fn due(&self, limit: usize) -> Result<Vec<Envelope>, Busy>;
}

/// A credential that a transport compares; secrets are kept as hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// SHA-256 of a client certificate (DER), hex lower case.
    CertificateSha256(String),
    /// SHA-256 of a bearer token, hex lower case.
    BearerSha256(String),
    /// A user of the broker of a connection, written `connection/user`; the broker compares the secret.
    BrokerUser(String),
}

/// Who may come in: built from `partners.yaml`, swapped whole on reload.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// Credentials with the partner each belongs to and its validity (from, to), as RFC 3339 civil dates.
    pub entries: Vec<Admitted>,
    /// Accounts of partners at connections that take in and are collected from, one for each channel.
    pub accounts: Vec<Account>,
}

/// One admitted credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The partner's name.
    pub partner: String,
    /// What it shows.
    pub credential: Credential,
    /// Valid from this moment.
    pub from: Option<jiff::Timestamp>,
    /// Valid until this moment, exclusive.
    pub to: Option<jiff::Timestamp>,
}

/// What the running set tells transports; swapped whole on reload, so a transport asks at each delivery.
pub trait Doors: Send + Sync {
    /// Who may come in.
    fn admission(&self) -> Arc<Admission>;
    /// The HTTP paths of the running routes.
    fn http(&self) -> Arc<Vec<HttpBinding>>;
    /// What the running routes take by one of their `on` entries, such as `xta amt`; `None` where none has it.
    fn bound(&self, binding: &str) -> Option<Bound>;
}

/// How to reach one partner by a connection, from `partners.yaml`; each transport reads its own settings.
#[derive(Clone, Debug, Default)]
pub struct Channel {
    /// The partner's name.
    pub partner: String,
    /// Settings as written, secrets resolved; keys are the transport's own.
    pub settings: serde_json::Value,
}

/// Everything a transport may be given when it is built.
#[derive(Clone)]
pub struct Surroundings {
    /// Where to deliver.
    pub intake: Arc<dyn Intake>,
    /// Who may come in and by which paths.
    pub doors: Arc<dyn Doors>,
    /// Parts.
    pub spool: Arc<dyn Spool>,
    /// Standings.
    pub standings: Arc<dyn Standings>,
    /// Notes.
    pub notes: Arc<dyn Notes>,
    /// Timers.
    pub timers: Arc<dyn DueTimers>,
    /// Mailboxes of partners.
    pub mailboxes: Arc<dyn mailbox::Mailboxes>,
    /// Where a part that does not run says so.
    pub parts: Parts,
    /// Where a far end that has answered is said.
    pub reached: reach::Reached,
    /// Health and metrics, for listeners that answer for them.
    pub ops: axum::Router,
    /// Time.
    pub clock: Clock,
    /// The stage of the process.
    pub stage: Stage,
    /// Folder that relative paths of trays are relative to.
    pub data: PathBuf,
    /// Folder that relative paths of certificates are relative to.
    pub config: PathBuf,
    /// Folder below which parts of deliveries are laid down: its disk has to have room for them.
    pub parts_lie: PathBuf,
}

/// A transport's description in the menu: how it is checked and built.
pub struct Entry {
    /// The word in `connections.yaml` (`kind`) and in routes.
    pub word: &'static str,
    /// What the value of an `on` entry is.
    pub binding: Bindings,
    /// How its sources answer; `None` when it has no source.
    pub answers: Option<Answers>,
    /// Whether it can be a destination.
    pub sends: bool,
    /// Whether receivers come for what is sent by it, and so need credentials: see [`Destination::collected`].
    pub collected: bool,
    /// Whether partners have accounts there: the channel of each says by what it is known when it delivers; who has none delivers nothing.
    pub accounts: bool,
    /// Whether only one replica may run a source of it at a time: it polls what all replicas share.
    pub alone: bool,
    /// Checks the settings of a connection: all faults as (path of the key such as `/listen`, text saying what is allowed).
    pub check: fn(settings: &serde_json::Value) -> Vec<(String, String)>,
    /// Checks the settings of a partner's channel, in the same way.
    pub check_channel: fn(settings: &serde_json::Value) -> Vec<(String, String)>,
    /// Folders that a connection, or a partner's channel by it, uses: no two of them may meet.
    pub folders: fn(settings: &serde_json::Value, channel: Option<&Channel>) -> Vec<Claimed>,
    /// Places at far ends that a connection takes from, or a partner's channel by it lays into: see [`spot::Spot`].
    pub spots: fn(settings: &serde_json::Value, channel: Option<&Channel>) -> Vec<spot::Spot>,
    /// Looks into the files that a connection, or a partner's channel by it, names: what of them cannot be used, and which places they name.
    pub files: files::Look,
    /// Why others could read along what comes to its listener; asked of stages that are real, and refused there: see [`files::Exposed`].
    pub exposed: files::Exposed,
    /// JSON Schema of the settings of a connection.
    pub schema: fn() -> serde_json::Value,
    /// Opens a connection.
    pub open: Open,
}

/// A folder that a transport uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimed {
    /// As written; relative to the data folder.
    pub path: PathBuf,
    /// The partner who may do in it what he likes; `None` where it is ours alone.
    pub partner: Option<String>,
    /// The key that names it, such as `in`.
    pub key: &'static str,
}

/// For transports that take and lay nowhere but in folders or in the house.
pub fn no_spots(_: &serde_json::Value, _: Option<&Channel>) -> Vec<spot::Spot> {
    Vec::new()
}

/// For transports without folders.
pub fn no_folders(_: &serde_json::Value, _: Option<&Channel>) -> Vec<Claimed> {
    Vec::new()
}

/// A connection as it is open, and kept as long as its settings stay: it owns what its source and destinations share (links, tokens, dialogs).
pub trait Connection: Send + Sync {
    /// Its source; `None` where it takes nothing in. A source that one replica runs alone has surroundings of its own.
    fn source(&self, around: &Surroundings) -> Result<Option<Arc<dyn Source>>, BuildError>;

    /// The destination of one partner; `None` where the transport sends nothing.
    fn destination(
        &self,
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<Option<Arc<dyn Destination>>, BuildError>;
}

/// How a connection is opened from its settings. Nobody is called by it.
pub type Open = fn(
    name: &str,
    settings: &serde_json::Value,
    around: &Surroundings,
) -> Result<Arc<dyn Connection>, BuildError>;

/// Why a transport could not be built from its settings.
#[derive(Debug, thiserror::Error)]
#[error("connection {connection}: {text}")]
pub struct BuildError {
    /// The connection's name.
    pub connection: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// The destinations of a running set, by `connection:partner`.
pub type Destinations = BTreeMap<String, Arc<dyn Destination>>;
