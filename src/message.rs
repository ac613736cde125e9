//! An opened envelope inside one run: document, record, facts, and the effects asked for so far.
//! Lives on one worker from door to commit; never shared, never stored as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Answer, AuditLine, Effects, Fact, Question, Stored, VorgangChange};
use crate::envelope::{Envelope, Reply};
use crate::register::entscheidung::{Befund, Entscheidung};
use crate::register::record::Record;
use crate::xml::gate::Document;

/// What the message is, as detected from the document and never from the head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The standard, such as `xfamilie`.
    pub standard: String,
    /// Its version, such as `1.3.0`.
    pub version: String,
    /// The type, such as `xfamilie.0804`.
    pub message: String,
    /// Whether the document carries the `test` attribute.
    pub test: bool,
}

/// What is known about the authenticated partner, besides its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The partner's name in `partners.yaml`.
    pub id: String,
    /// The name of the office or service, as a letter would write it.
    pub name: String,
    /// The Mandant its messages belong to.
    pub mandant: String,
    /// Its keys, `praefix:kennung`.
    pub identities: Vec<String>,
    /// Groups it belongs to.
    pub groups: Vec<String>,
    /// Uses it is admitted for, such as `self-service`.
    pub uses: Vec<String>,
    /// The version of each standard that it takes, where one is named.
    pub versions: BTreeMap<String, String>,
    /// What its entry in `partners.yaml` tightens; the steps that know a key read it.
    pub policy: serde_json::Value,
}

/// How a message came back that waited or is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// When it was taken up again.
    pub at: Timestamp,
    /// True when it waited in vain: its time is over.
    pub expired: bool,
}

/// A message in its run.
#[derive(Clone)]
pub struct Message {
    /// The delivery.
    pub envelope: Arc<Envelope>,
    /// What it is.
    pub identity: Identity,
    /// Who sent it.
    pub sender: Sender,
    /// The gated document.
    pub document: Document,
    /// What it says.
    pub record: Record,
    /// Named values that conditions may look at, such as `ergebnis`; never person data.
    pub values: BTreeMap<&'static str, String>,
    /// What steps have its receipt say besides; never person data.
    pub told: BTreeMap<&'static str, serde_json::Value>,
    /// What the search met, once `find` ran.
    pub befund: Option<Befund>,
    /// The Registersätze that a change of persons concerns, once they were looked for.
    pub betroffene: Option<Vec<Stored>>,
    /// Offices that get what is handed on besides that of the Vorgang.
    pub weitere_aemter: Vec<String>,
    /// What was decided, once `decide` ran.
    pub entscheidung: Option<Entscheidung>,
    /// The Vorgang that this message belongs to, once it is known.
    pub vorgang: Option<VorgangChange>,
    /// Documents built so far, by the name that `as:` gave.
    pub built: BTreeMap<String, Reply>,
    /// What it causes so far.
    pub effects: Effects,
    /// Answers to the questions of the step that runs now, in the order asked; cleared when it is done.
    pub answers: Vec<Answer>,
    /// What the step that runs now has asked, where making its questions anew costs more than keeping them.
    pub asked: Vec<Question>,
    /// For each `choose` of the route, the branch taken.
    pub branches: Vec<Option<usize>>,
    /// The order key of the route, once computed.
    pub order: Option<crate::register::keys::SearchKey>,
    /// Set when it waited or is replayed.
    pub resumed: Option<Resumed>,
    /// Hash of what decides it: routes, packages, tables and partners.
    pub decided_by: Arc<str>,
    /// Since when deliveries of partners are held by a person, who paused them or their route.
    pub held: Arc<BTreeMap<String, Timestamp>>,
}

impl Message {
    /// A message before its first step.
    pub fn begin(
        envelope: Arc<Envelope>,
        identity: Identity,
        sender: Sender,
        document: Document,
        record: Record,
    ) -> Message {
        Message {
            envelope,
            identity,
            sender,
            document,
            record,
            values: BTreeMap::new(),
            told: BTreeMap::new(),
            befund: None,
            betroffene: None,
            weitere_aemter: Vec::new(),
            entscheidung: None,
            vorgang: None,
            built: BTreeMap::new(),
            effects: Effects::default(),
            answers: Vec::new(),
            asked: Vec::new(),
            branches: Vec::new(),
            order: None,
            resumed: None,
            decided_by: Arc::default(),
            held: Arc::default(),
        }
    }

    /// *Now* of this run: the time of receipt, or of its being taken up again; steps know no other.
    pub fn now(&self) -> Timestamp {
        self.resumed.map_or(self.envelope.head.received, |resumed| resumed.at)
    }

    /// An id that is the same in every run of this delivery, however often it is run: derived from its id and a purpose.
    pub fn derived_id(&self, purpose: &str) -> Uuid {
        self.envelope.head.derived_id(purpose)
    }

    /// The fact that answers the n-th question of the current step, or `None` when it was not asked yet.
    pub fn fact(&self, nth: usize) -> Option<&Fact> {
        self.answers.get(nth).map(|answer| &answer.fact)
    }

    /// True when these questions were answered already for the current step.
    pub fn answered(&self, questions: &[Question]) -> bool {
        self.answers.len() >= questions.len()
            && questions
                .iter()
                .zip(&self.answers)
                .all(|(question, answer)| question.key() == answer.guard.key)
    }

    /// Keeps the Vorgang of this message as it is now; a later call under the same key replaces an earlier one.
    pub fn keep_vorgang(&mut self, change: VorgangChange) {
        self.effects.vorgaenge.retain(|other| other.key != change.key);
        self.effects.vorgaenge.push(change.clone());
        self.vorgang = Some(change);
    }

    /// Adds a line to the audit trail; details hold no person data.
    pub fn audit(&mut self, what: &str, detail: &[(&str, &str)]) {
        let detail = detail.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.effects.audit.push(AuditLine { what: what.to_owned(), detail });
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} {})", self.envelope.head.id, self.identity.message)
    }
}
