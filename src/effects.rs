//! What a message causes, as values: changes of the mirror and of the Vorgang, objections, timers, envelopes to send, a reply,
//! audit lines, together with the guards it was decided on. Nothing here performs anything.

pub mod stand;

use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::envelope::{Part, Reply};
use crate::register::aenderung::Gesucht;
use crate::register::bestand::Bestand;
use crate::register::entscheidung::Fall;
use crate::register::keys::{self, SearchKey};
use crate::register::objection::{Objection, ObjectionChange, Sought};
use crate::register::record::{Kind, Registersatz};
use crate::register::uhr::Lead;
use crate::register::vorgang::Akte;

/// A bucket of the store whose version a decision was made on; in clear here, an HMAC in the store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardKey(pub SearchKey);

/// Classes of what every request of an office reads and next to nobody writes: see [`GuardKey::shared`].
const BESTAND: &str = "bestand";
const ANZAHL: &str = "anzahl";
const LIEFERUNG: &str = "lieferung";
/// What is a help and no ground: nobody bumps it.
const LEADS: &str = "leads";
/// The same.
const WHOEVER: &str = "whoever";
const OBJECTIONS: &str = "objections";

impl GuardKey {
    /// Whether a decision on this bucket is compared by commit, but neither held alone from lookup to commit nor bumped.
    ///
    /// Every request of an office rests on its Bestand. Were the readers to hold it alone, or to bump it, they would all stand
    /// in one queue, or each would send all others back. Whoever writes the bucket bumps it all the same, so no one decides on
    /// a Bestand that was replaced before, and of two writers the later is stale.
    pub fn shared(&self) -> bool {
        matches!(self.0.class(), BESTAND | ANZAHL | LIEFERUNG | LEADS | WHOEVER | OBJECTIONS)
    }
}

impl std::fmt::Debug for GuardKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GuardKey(..)")
    }
}

/// A guard as seen by a lookup. What was seen is the store's own word, a version or a moment: it is only handed back to the store that
/// said it, which compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The bucket.
    pub key: GuardKey,
    /// What was seen.
    pub seen: u64,
}

/// What a step asks the store; the answer comes as a [`Fact`] with guards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// All Registersätze of the mirror that stand under this key.
    Mirror(SearchKey),
    /// All Registersätze under any of these keys, or that end on any of these days: whom a message may concern that names persons and no
    /// record. A help and no ground: whoever goes on with one of them asks for it by its id as well.
    Whoever(Box<Gesucht>),
    /// The Vorgang with this key.
    Vorgang(SearchKey),
    /// The tombstone under this key, if a record was deleted.
    Tombstone(SearchKey),
    /// What is known of the completeness of this Jugendamt's register (partner).
    Bestand(String),
    /// How many Registersätze of this partner stood in the mirror at a moment, by the moments of its deliveries: what was delivered
    /// or deleted after it does not count. Costs a count, so not for every message.
    Anzahl {
        /// The partner.
        partner: String,
        /// The moment.
        at: Timestamp,
    },
    /// Where the children of this partner's Registersätze were born, as it stands now. Opens each of them, so only where the number alone does
    /// not say how many of them are still its own.
    Orte(String),
    /// Whether a message is the newest delivery of a partner up to a moment, whatever its verdict was.
    Neueste {
        /// The partner.
        partner: String,
        /// The standard, such as `xfamilie`.
        standard: String,
        /// The message's UUID; `None` asks whether there is no delivery at all up to the moment.
        uuid: Option<String>,
        /// The moment.
        at: Timestamp,
    },
    /// Which partners were ahead of our clock lately.
    Leads,
    /// The Vorgänge whose Auskunft left a trace under this key of a Registersatz.
    Ausgestellt(SearchKey),
    /// Whether nothing of an answer has left, so that it can be taken back.
    Unsent(TakeBack),
    /// What is open under this key and whether an objection stands there: a decision asks both of nearly every key.
    Offen(SearchKey),
    /// What deliveries that have not had their effect say against an answer.
    Objections(Sought),
    /// Since when the oldest delivery of this partner lies where sources see it and nobody took it.
    Backlog(String),
}

impl Question {
    /// The key that the answer's guard stands on.
    pub fn key(&self) -> GuardKey {
        match self {
            // What was issued rests on the records under a key and is guarded with them.
            Question::Mirror(key)
            | Question::Vorgang(key)
            | Question::Offen(key)
            | Question::Tombstone(key)
            | Question::Ausgestellt(key)
            // The Vorgang moves when its answer is sent; commit looks at the rows themselves once more.
            | Question::Unsent(TakeBack { vorgang: key, .. }) => GuardKey(key.clone()),
            Question::Bestand(amt) => GuardKey(bestand_key(amt)),
            // Without the moment: a bucket for each that was ever asked for would only grow.
            Question::Anzahl { partner, .. } | Question::Orte(partner) => {
                GuardKey(SearchKey::new(ANZAHL, [partner.as_str()]))
            }
            Question::Neueste { partner, standard, .. } => {
                GuardKey(SearchKey::new(LIEFERUNG, [partner.as_str(), standard]))
            }
            Question::Leads => GuardKey(SearchKey::new(LEADS, [])),
            Question::Whoever(_) => GuardKey(SearchKey::new(WHOEVER, [])),
            // The bucket of the key itself: whoever writes a record, a notice or an objection under it moves it.
            Question::Objections(Sought::Under(key)) => GuardKey(key.clone()),
            Question::Objections(Sought::Delivery(id)) => {
                GuardKey(SearchKey::new("objection", [id.hyphenated().to_string().as_str()]))
            }
            Question::Objections(Sought::Blocks(amt) | Sought::Open(amt)) | Question::Backlog(amt) => {
                GuardKey(objections_key(amt))
            }
        }
    }
}

/// The key under which what blocks an office is guarded.
pub fn objections_key(amt: &str) -> SearchKey {
    SearchKey::new(OBJECTIONS, [amt])
}

/// The key that a Bestand stands and is guarded under.
pub fn bestand_key(amt: &str) -> SearchKey {
    SearchKey::new(BESTAND, [amt])
}

/// A Registersatz as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The record's id in the mirror.
    pub id: Uuid,
    /// The Mandant that is responsible for it.
    pub mandant: String,
    /// The partner that delivered it.
    pub partner: String,
    /// The record.
    pub registersatz: Registersatz,
}

/// The store's answer to one [`Question`], in the order asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The Registersätze found, possibly none.
    Mirror(Vec<Arc<Stored>>),
    /// The Vorgang found.
    Vorgang(Option<Vorgang>),
    /// When the deleted record was created at its author.
    Tombstone(Option<Timestamp>),
    /// The Bestand, if any was begun.
    Bestand(Option<Bestand>),
    /// How many.
    Anzahl(u64),
    /// Each place once, as a child of which nothing else is known, and how many were born there; `None` where these are more than are counted.
    Orte(Option<Vec<(Kind, u64)>>),
    /// Whether it is the newest one.
    Neueste(bool),
    /// Who was ahead, each partner once.
    Leads(Vec<Lead>),
    /// The Vorgänge of what was issued.
    Ausgestellt(Vec<Vorgang>),
    /// Whether it can be taken back.
    Unsent(bool),
    /// What was found under a key, and whether an objection stands there.
    Offen {
        /// The Vorgang.
        vorgang: Option<Vorgang>,
        /// The objection.
        objected: bool,
    },
    /// The objections found: one where one is enough, else the oldest first, at most [`crate::register::objection::MOST`].
    Objections(Vec<Objection>),
    /// Since when, if anything lies there; a place that nobody looks into counts since it was looked into last.
    Backlog(Option<Timestamp>),
}

impl Fact {
    /// These records.
    pub fn mirror(records: impl IntoIterator<Item = Stored>) -> Fact {
        Fact::Mirror(records.into_iter().map(Arc::new).collect())
    }
}

/// A fact together with the guard that commit will compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What the store knows.
    pub fact: Fact,
    /// What the decision rests on.
    pub guard: Guard,
}

/// State of a Vorgang (rules.md 4); the stored words are the serialised ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VorgangState {
    /// A request came in.
    Eingegangen,
    /// Decided by the table.
    Entschieden,
    /// Waits for the Jugendamt.
    BeimJugendamt,
    /// Waits for the mother.
    Rueckfrage,
    /// The far end has taken the answer.
    Zugestellt,
    /// Its deadline passed.
    Abgelaufen,
    /// Withdrawn.
    Zurueckgezogen,
}

impl VorgangState {
    /// Whether something is still to be answered or asked.
    pub fn open(self) -> bool {
        matches!(self, VorgangState::Eingegangen | VorgangState::BeimJugendamt | VorgangState::Rueckfrage)
    }
}

/// A case: it spans request, questions, tasks, answer and delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vorgang {
    /// Its id.
    pub id: Uuid,
    /// The responsible Jugendamt.
    pub owner: String,
    /// Its state.
    pub state: VorgangState,
    /// When it lapses.
    pub deadline: Option<Timestamp>,
    /// Its restricted record; sealed in the store.
    #[serde(default)]
    pub akte: Akte,
}

impl Vorgang {
    /// Whether it was answered by a Negativauskunft that is not delivered.
    pub fn is_negativ(&self) -> bool {
        self.state == VorgangState::Entschieden && self.akte.fall == Some(Fall::A)
    }
}

/// A change of the mirror.
#[derive(Clone, Debug, PartialEq)]
pub enum MirrorChange {
    /// Insert, or replace the record with the same id.
    Put {
        /// The record's id; derived from the delivery for a new one.
        id: Uuid,
        /// The record.
        registersatz: Box<Registersatz>,
        /// All keys under which it is found.
        keys: Vec<SearchKey>,
        /// What it says stands there already, and only its moment is younger: nothing that was decided on it is touched.
        as_before: bool,
    },
    /// Remove completely, with every message that spoke of it, and leave a tombstone; without a record of this id, and beside a
    /// `Put`, only the tombstone is left.
    Remove {
        /// The record's id.
        id: Uuid,
        /// Key of the tombstone.
        tombstone: SearchKey,
        /// `erstellungszeitpunkt` of the deletion.
        created: Timestamp,
        /// When the tombstone may go.
        until: Timestamp,
    },
}

impl MirrorChange {
    /// The record of this id as it stands from now on, under all its keys and that of its id.
    pub fn put(id: Uuid, registersatz: Registersatz) -> MirrorChange {
        MirrorChange::stands(id, registersatz, false)
    }

    /// The same of a record that says what it said, as of a younger moment.
    pub fn confirmed(id: Uuid, registersatz: Registersatz) -> MirrorChange {
        MirrorChange::stands(id, registersatz, true)
    }

    fn stands(id: Uuid, registersatz: Registersatz, as_before: bool) -> MirrorChange {
        let mut keys = keys::of(&registersatz);
        keys.push(keys::satz(id));
        MirrorChange::Put { id, registersatz: Box::new(registersatz), keys, as_before }
    }
}

/// A change of a Vorgang; the guard of its key protects the transition.
#[derive(Clone, Debug, PartialEq)]
pub struct VorgangChange {
    /// Key under which it is found.
    pub key: SearchKey,
    /// Its new shape.
    pub vorgang: Vorgang,
}

/// A change of what is known of a Jugendamt's register; the guard of its key protects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BestandChange {
    /// The Jugendamt (partner).
    pub amt: String,
    /// Its new shape.
    pub bestand: Bestand,
    /// It says less than before: what was answered because the register was complete and fresh, and has not left, is taken back.
    pub says_less: bool,
}

/// A timer: when due, it comes in as an envelope of the timer source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its id; also the transport id of the envelope it becomes.
    pub id: Uuid,
    /// When it is due.
    pub due: Timestamp,
    /// The binding value: `timer <name>`.
    pub name: String,
    /// The document that the envelope carries.
    pub body: Bytes,
    /// The partner as whose it comes in, whoever set it; `None`: as that of whoever did.
    pub of: Option<String>,
}

/// One of several ways by which an outgoing document reaches its receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Where to: `connection:partner`.
    pub destination: String,
    /// How long it may take by this way, in seconds from when it is taken.
    pub seconds: u64,
    /// Whether the next way is taken when that time is over, too; else only where the far end refuses for good.
    #[serde(default)]
    pub until_late: bool,
}

impl Way {
    /// When the time of a way is over that is taken now; `None`: beyond the calendar.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let span = SignedDuration::from_secs(i64::try_from(self.seconds).unwrap_or(i64::MAX));
        now.checked_add(span).ok()
    }
}

/// One envelope to send: a row of the outbox, in the same transaction as everything else.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The id that the receiver sees, fixed before the first attempt.
    pub id: Uuid,
    /// Where to: `connection:partner`, such as `callback:kita-portal`.
    pub destination: String,
    /// The receiving partner.
    pub partner: String,
    /// Order is kept under this key; `None` means no order (one lane per message).
    pub order: Option<SearchKey>,
    /// Message type of the body, such as `xfamilie.0011`.
    pub message: String,
    /// Whether the document is marked as test, or about what was.
    pub test: bool,
    /// Media type of the body.
    pub content_type: String,
    /// The document.
    pub body: Bytes,
    /// Attachments.
    pub parts: Vec<Part>,
    /// What it answers.
    pub correlation: Option<String>,
    /// Leaves only when this one was delivered.
    pub after: Option<Uuid>,
    /// Given up and parked after this time.
    pub deadline: Option<Timestamp>,
    /// Does not leave before this time; only for envelopes without order, which have a lane of their own.
    pub not_before: Option<Timestamp>,
    /// The Vorgang whose answer this is: it counts as delivered once the far end has taken it, and not before.
    pub delivers: Option<SearchKey>,
    /// All ways to the receiver in their order, of which `destination` is the first; empty where there is no other. Only for envelopes
    /// without order, which have a lane of their own: what has an order could be overtaken on another way.
    pub ways: Vec<Way>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({} {} to {})", self.id, self.message, self.destination)
    }
}

/// Rows of the outbox that go over to another addressee: what a message sent to one partner, and what waits behind it under its order. What
/// has left of that message goes once more, what left under the order does not. A row whose content is gone stays where it is.
#[derive(Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The message whose rows go over.
    pub cause: Uuid,
    /// The partner that they were for.
    pub from: String,
    /// The order under which more may wait.
    pub order: SearchKey,
    /// The destinations where it may wait.
    pub waiting_at: Vec<String>,
    /// More of it that may wait and stands in no order. What of it has left stays where it is, and goes no other way.
    pub rows: Vec<Uuid>,
    /// The receiving partner from now on.
    pub partner: String,
    /// Where to from now on.
    pub destination: String,
    /// Given up and parked after this time.
    pub deadline: Option<Timestamp>,
}

impl std::fmt::Debug for HandOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HandOver({} to {})", self.cause, self.destination)
    }
}

/// What becomes of a request whose answer is taken back before it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is decided anew: all rows that carry the answer go, the request waits to run again at once, and its Vorgang is `eingegangen`. Where any of
    /// it may have left, the entry that asks for it is stale.
    Anew,
    /// It is over, because whoever asked has withdrawn it: the rows that carry the answer go, what is told besides stays, and nothing runs. Stale in
    /// the same way.
    Over,
}

/// An answer that is taken back before it has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeBack {
    /// The request whose answer it is: our id of its delivery.
    pub cause: Uuid,
    /// The key of its Vorgang, which must be decided and not delivered.
    pub vorgang: SearchKey,
    /// Message types that say nothing of an answer: receipts, rejections, what only tells that it is done, and that no Nachweis can be had. Where
    /// such a row has left, it stays.
    pub beside: Arc<[String]>,
    /// What becomes of the request.
    pub then: Then,
}

/// A line of the audit trail; the detail holds no person data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// What happened, such as `mirror.put`.
    pub what: String,
    /// Facts without person data, as ordered pairs.
    pub detail: Vec<(String, String)>,
}

/// What leads from a key of a Registersatz to a Vorgang.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Found by this key.
    pub under: SearchKey,
    /// The key of the Vorgang, which this message or an earlier one wrote.
    pub vorgang: SearchKey,
}

/// A call for a person: an alarm of the catalogue, raised when the message that causes it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The code in `deploy/alarms.yaml`.
    pub code: &'static str,
    /// What a person looks for: a name from configuration or an id, never a value of a message.
    pub subject: String,
    /// Named details under the same rule.
    pub facts: Vec<(&'static str, String)>,
}

/// A retrieval from the mirror, for the Abrufprotokoll (§ 79(4) SGB X).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retrieval {
    /// Which step asked.
    pub step: String,
    /// Ids of the records that were read.
    pub records: Vec<Uuid>,
}

/// What a settled delivery says against answers, with the time at which its office is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objected {
    /// What it opens and closes.
    pub changes: Vec<ObjectionChange>,
    /// When its office is told of what is open.
    pub timers: Vec<Timer>,
}

/// Everything that one message causes; committed in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// What the decision rests on; compared by commit, and bumped unless shared.
    pub guards: Vec<Guard>,
    /// Changes of the mirror.
    pub mirror: Vec<MirrorChange>,
    /// Changes of the mirror that hold although the message is refused: that what stands there was still so at a younger moment.
    pub confirmed: Vec<MirrorChange>,
    /// Changes of Vorgänge.
    pub vorgaenge: Vec<VorgangChange>,
    /// Changes of what is known of registers.
    pub bestaende: Vec<BestandChange>,
    /// Objections that are opened and closed.
    pub objections: Vec<ObjectionChange>,
    /// Timers to set.
    pub timers: Vec<Timer>,
    /// Envelopes to send.
    pub sends: Vec<Outgoing>,
    /// Rows that go over to another addressee.
    pub hand_overs: Vec<HandOver>,
    /// Answers that are taken back.
    pub take_backs: Vec<TakeBack>,
    /// As [`TakeBack::beside`], for the Negativauskünfte that rest on a key that an objection opens here: where they have not left they are
    /// taken back with the commit that opens it (rules.md 2.1).
    pub beside: Arc<[String]>,
    /// The answer to the sender.
    pub reply: Option<Reply>,
    /// Lines of the audit trail.
    pub audit: Vec<AuditLine>,
    /// Retrievals that were made.
    pub retrievals: Vec<Retrieval>,
    /// Waiting messages that this one wakes.
    pub wakes: Vec<SearchKey>,
    /// Children (keys of their Registersätze) that this message speaks of: deleting one reaches what came with it, whatever
    /// became of the message.
    pub subjects: Vec<SearchKey>,
    /// Keys that messages named as `subjects`: what came with those messages goes now, with what they sent; what of that has still to arrive
    /// goes when it has (rules.md 10).
    pub clears: Vec<SearchKey>,
    /// What leads to the Vorgang of a Negativauskunft from each key that it rests on: of a Registersatz, of what is open, and of what blocks
    /// an office; goes with the Vorgang. Each is guarded by the decision.
    pub traces: Vec<Trace>,
    /// Partners that were ahead of our clock; noted whatever became of the message.
    pub leads: Vec<Lead>,
    /// Whom to call; done whatever became of the message.
    pub calls: Vec<Call>,
    /// Nothing of the delivery is of use to anybody here: once it is accepted, only its hash, its size and the moment are kept. Said again
    /// it is decided anew.
    pub forget: bool,
}

impl Effects {
    /// Adds what the delivery says against answers.
    pub fn object(&mut self, said: Objected) {
        self.objections.extend(said.changes);
        self.timers.extend(said.timers);
    }

    /// The destination that two rows to send would reach under one id; a row that is there twice with the same content counts
    /// once. Each must have an id of its own, or none of the message could be kept.
    pub fn sends_meet(&mut self) -> Option<&str> {
        let mut at = 0;
        while at < self.sends.len() {
            match self.sends[..at].iter().position(|earlier| earlier.id == self.sends[at].id) {
                None => at += 1,
                Some(earlier) if self.sends[earlier] == self.sends[at] => {
                    self.sends.remove(at);
                }
                Some(_) => return Some(&self.sends[at].destination),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(id: u128, destination: &str, body: &str) -> Outgoing {
        Outgoing {
            id: Uuid::from_u128(id),
            destination: destination.into(),
            partner: "p".into(),
            order: None,
            message: "m".into(),
            test: true,
            content_type: "t".into(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            parts: Vec::new(),
            correlation: None,
            after: None,
            deadline: None,
            not_before: None,
            delivers: None,
            ways: Vec::new(),
        }
    }

    #[test]
    fn the_same_row_counts_once_and_two_under_one_id_are_told() {
        let sends = vec![send(1, "c:a", "x"), send(2, "c:b", "x"), send(1, "c:a", "x")];
        let mut effects = Effects { sends, ..Effects::default() };
        assert_eq!(effects.sends_meet(), None);
        assert_eq!(effects.sends, [send(1, "c:a", "x"), send(2, "c:b", "x")]);
        effects.sends.push(send(1, "c:a", "y"));
        assert_eq!(effects.sends_meet(), Some("c:a"));
    }
}
