//! The contract of a step: a pure function of a message and its facts to effects.
//! A step never waits, never looks at a clock, never asks the store itself: it returns questions.

use jiff::{SignedDuration, Timestamp};

use crate::effects::{Answer, Effects, Objected, Question};
use crate::envelope::{Head, Inbound};
use crate::message::{Identity, Message, Sender};
use crate::register::keys::SearchKey;
use crate::register::record::Record;
use crate::rejection::Rejection;
use crate::xoev::contract::Reader;

/// What one worker thread owns: its hand on the standards, which all threads share.
pub struct Bench {
    /// Reads and writes documents of all loaded standards.
    pub reader: Box<dyn Reader>,
}

/// How a run goes on after a step.
#[derive(Debug, PartialEq)]
pub enum Flow {
    /// The next step.
    Next,
    /// No further step of `do`; effects so far are committed and `send` runs.
    Stop,
    /// The same step again, with the facts in `message.answers`.
    Ask(Vec<Question>),
    /// Commit the message as waiting; run again when the key is woken or the time is reached.
    Wait {
        /// What it waits for.
        for_: SearchKey,
        /// How long at most.
        until: Timestamp,
    },
}

/// Why a step did not do its work.
#[derive(Debug, PartialEq)]
pub enum Trouble {
    /// The message is at fault: it is rejected and answered.
    Rejected(Vec<Rejection>),
    /// We are at fault (a template, a condition), or a person has to look: the message is parked with this plain cause, behind [`NEXT`]
    /// with what to do, and loses nothing.
    Ours(String),
}

impl From<Rejection> for Trouble {
    fn from(rejection: Rejection) -> Self {
        Trouble::Rejected(vec![rejection])
    }
}

/// Parts a cause of ours from the one step that a person can take, where the step knows a better one than to mend route or package.
pub const NEXT: &str = "; next: ";

/// One verb of a route.
pub trait Step: Send + Sync {
    /// The verb as written in the route.
    fn name(&self) -> &'static str;
    /// Does its work on the message, or says what it must know first.
    ///
    /// After `Flow::Ask` it is called again with `message.answers` filled in the order asked; it must then not ask the same again,
    /// but may ask further questions that the answers raise (at most three rounds).
    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble>;
    /// Whether it brings deliveries into the register: a route with such a step delivers, and what it takes and does not digest
    /// stands against answers.
    fn delivers(&self) -> bool {
        false
    }
    /// The partners that it hands its document to, where they are known before a message runs: two items that hand one document to one
    /// partner are refused. Empty where only a message tells, or where the route's language resolves `to` itself.
    fn receivers(&self) -> &[String] {
        &[]
    }
    /// What stands against answers of what a route with this step takes, where it is no delivery of a register.
    fn objects(&self) -> Option<std::sync::Arc<dyn Objects>> {
        None
    }
    /// How long deliveries of an office may lie unread before it answers nothing of that register; `None` where it reads none.
    fn rueckstand(&self) -> Option<SignedDuration> {
        None
    }
}

/// A delivery as it is settled, however far it was read.
pub struct Settling<'a> {
    /// What the transport said.
    pub head: &'a Head,
    /// The octets of the document; empty where they are not kept.
    pub body: &'a bytes::Bytes,
    /// Hash of the content.
    pub content: [u8; 32],
    /// Who sent it, authenticated.
    pub partner: &'a str,
    /// What it is, when that much could be read.
    pub identity: Option<&'a Identity>,
    /// *Now* of the run.
    pub now: Timestamp,
    /// The state that it is committed in.
    pub state: Inbound,
    /// Why it is refused.
    pub rejections: &'a [Rejection],
}

/// What a settled delivery says against answers, and what it closes: pure, carried by the plan of a route that delivers.
pub trait Objects: Send + Sync {
    /// Of a delivery that could be read; `answers` are what its last step was told.
    fn read(&self, settling: &Settling<'_>, record: &Record, answers: &[Answer]) -> Objected;

    /// Of a delivery of which nobody knows what it says.
    fn unread(&self, settling: &Settling<'_>) -> Objected;
}

/// What is known of a message that is refused, however early it failed.
pub struct Original<'a> {
    /// The octets of the document.
    pub body: &'a bytes::Bytes,
    /// Who sent it.
    pub sender: &'a Sender,
    /// What it is, when that much could be read.
    pub identity: Option<&'a Identity>,
    /// What it says, when it was valid to its schema.
    pub record: Option<&'a Record>,
}

/// The one way to refuse: pure, carried by the plan per binding.
pub trait Refuse: Send + Sync {
    /// The effects of refusing: the rejection document as reply and an audit line; nothing for messages that are never answered.
    fn refuse(
        &self,
        head: &Head,
        original: &Original<'_>,
        rejections: &[Rejection],
        bench: &mut Bench,
    ) -> Result<Effects, Trouble>;
}

/// Where a word of the menu may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Under `do`.
    Do,
    /// Under `send`.
    Send,
}

/// A fault in the settings of a step: the path of the key (`/to`) and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// Path of the key inside the step's settings, `` for the whole.
    pub path: String,
    /// What is wrong and what is allowed.
    pub text: String,
}

/// A destination that a `send` word may name, resolved from `partners.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// The partner.
    pub partner: String,
    /// `connection:partner`.
    pub destination: String,
}

/// A way by which an item under `send` wishes to reach its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishedWay {
    /// The connection; `None`: that of the receiver's answers.
    pub connection: Option<String>,
    /// How long it may take by this way, where the next one is taken then.
    pub within: Option<std::time::Duration>,
}

/// What a step may be built with.
#[derive(Clone)]
pub struct Building<'a> {
    /// The standards that are loaded.
    pub standards: &'a dyn crate::xoev::contract::Standards,
    /// Our own authority block as `partners.yaml` writes it under `platform`; templates know its shape.
    pub platform: &'a serde_json::Value,
    /// The addressees of a `send` item's `to`, in the order of their names; empty where the word needs none.
    pub addressees: Vec<Addressee>,
    /// The ways that the item names, in order; empty where it names none.
    pub ways: &'a [WishedWay],
    /// How long a sent envelope is tried before it is parked.
    pub give_up_after: std::time::Duration,
    /// How partners are reached whom only the message names (`to: wohnort`, `to: onlinedienst`).
    pub reach: std::sync::Arc<Reach>,
    /// The tables of the stage.
    pub tafeln: std::sync::Arc<crate::register::tafeln::Tafeln>,
    /// The texts and heads of its letters.
    pub texte: std::sync::Arc<crate::paper::texts::Texte>,
}

/// How partners are reached, for addressees that are known only when a message runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// By partner: the destination of its `answers-by`, `connection:partner`.
    pub answers: std::collections::BTreeMap<String, String>,
    /// By word of a transport and partner: the destination, where the partner has exactly one channel by it.
    pub channels: std::collections::BTreeMap<(String, String), String>,
    /// Connection and partner, for every channel that a partner has.
    pub connected: std::collections::BTreeSet<(String, String)>,
    /// Partners by group.
    pub groups: std::collections::BTreeMap<String, Vec<String>>,
    /// By partner and standard: the version that it takes, where `partners.yaml` names one.
    pub versions: std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>,
    /// By partner: its keys, `praefix:kennung`.
    pub identities: std::collections::BTreeMap<String, Vec<String>>,
}

impl Reach {
    /// The version of a standard that a partner takes, where one is named.
    pub fn version(&self, partner: &str, standard: &str) -> Option<&str> {
        self.versions.get(partner)?.get(standard).map(String::as_str)
    }
}

/// How a step is built from its settings.
pub type BuildStep = fn(
    settings: &serde_json::Value,
    building: &Building<'_>,
) -> Result<std::sync::Arc<dyn Step>, Vec<SettingFault>>;

/// A row of the menu of steps.
pub struct Entry {
    /// The verb as written.
    pub word: &'static str,
    /// Where it may stand.
    pub place: Place,
    /// One sentence for `schema` and `--explain`.
    pub about: &'static str,
    /// JSON Schema of its settings.
    pub schema: fn() -> serde_json::Value,
    /// Values it sets, each with all it can be; conditions are checked against them.
    pub declares: &'static [(&'static str, &'static [&'static str])],
    /// Builds it.
    pub build: BuildStep,
}
