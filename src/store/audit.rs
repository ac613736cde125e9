//! What an auditor asks of a store: the Nachweiskette link by link, the changes that it proves, and the Abrufprotokoll with person and
//! reason (rules.md 7 and 8). Reads in pages, so that no delivery waits; what tells of persons is read only by who was written down
//! before. Never changes what it proves, and never opens a payload.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::seal::key::sha256;
use crate::store::error::StoreError;

/// A strand of the Nachweiskette: the embedded store has one, PostgreSQL as many as write at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strand {
    /// Its number.
    pub number: i64,
    /// The last place that went with retention; 0 where all is there.
    pub begin: i64,
    /// The link at that place; empty where all is there.
    pub begin_link: Vec<u8>,
    /// The last place that was given out, kept apart from the links.
    pub end: i64,
    /// The link at that place, where it is kept apart.
    pub end_link: Option<Vec<u8>>,
}

/// The change that a link proves, as far as it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The row.
    There(Box<Change>),
    /// There is a link and no row.
    Gone,
    /// There is a row that no program wrote.
    Unreadable,
}

/// A change: canonical octets, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The message, row of the outbox or command.
    pub subject: Option<Uuid>,
    /// What happened, such as `inbox.accepted`.
    pub what: String,
    /// Facts without personal data, as they were hashed.
    pub detail: Vec<u8>,
    /// The salt of the hash; `None` where it died with what the change speaks of.
    pub salt: Option<Vec<u8>>,
    /// Whether a salt is missing although what the change speaks of is still there and opens.
    pub stands: bool,
    /// Trace context.
    pub traceparent: String,
    /// The attributes of the row; `None` where they are missing.
    pub by: Option<By>,
}

/// By whom and for whom a row was written. Not part of the hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// The Jugendamt as Verantwortlicher.
    pub mandant: String,
    /// The partner that was authenticated.
    pub partner: String,
    /// The person that caused it, empty for the machine.
    pub person: String,
    /// What decided it.
    pub decided_by: String,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The strand.
    pub strand: i64,
    /// Its place there, counted from 1 without a gap.
    pub place: i64,
    /// The change.
    pub change: Held,
    /// Hash of the change; `None` where there is a row and no link.
    pub hash: Option<Vec<u8>>,
    /// The link itself: hash of the link before and of this hash.
    pub link: Option<Vec<u8>>,
}

/// Which changes or retrievals; a moment counts from its beginning, `until` is not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Only of this message, row of the outbox, command or record.
    pub subject: Option<Uuid>,
}

/// A page, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Only what stands before this number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A change as it is told to an auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number, to turn the page.
    pub number: i64,
    /// The link.
    pub link: Link,
    /// What a person said, opened.
    pub said: Said,
}

/// What a person said of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Why.
    pub reason: Option<String>,
    /// What was ordered, as JSON: the arguments of a command.
    pub ordered: Option<String>,
}

/// A retrieval as it is told to an auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retrieved {
    /// Its number, to turn the page.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// The message for which it was, or the id of the view.
    pub message: Uuid,
    /// The step that asked, or what a person looked at.
    pub step: String,
    /// The records that were read.
    pub records: Vec<Uuid>,
    /// By whom and for whom.
    pub by: By,
    /// Why, where a person looked.
    pub reason: Option<String>,
    /// Whether the words of a person are there and do not open.
    pub damaged: bool,
}

impl Retrieved {
    /// What an export says of it.
    pub fn line(&self) -> Value {
        json!({
            "at": self.at,
            "step": self.step,
            "message": self.message,
            "records": self.records,
            "person": self.by.person,
            "partner": self.by.partner,
            "mandant": self.by.mandant,
            "reason": self.reason,
            "damaged": self.damaged,
        })
    }
}

/// What of a line of the Abrufprotokoll is compared, in this order, whatever else another program says of it.
const COMPARED: [&str; 8] = ["at", "step", "message", "records", "person", "partner", "mandant", "reason"];

/// The mark of a line of the Abrufprotokoll: it tells nothing to who has not the line itself.
pub fn mark_of(line: &Value) -> [u8; 32] {
    let compared: Vec<&Value> = COMPARED.iter().map(|name| line.get(name).unwrap_or(&Value::Null)).collect();
    sha256(json!(compared).to_string().as_bytes())
}

/// The proof that a look was written into the Abrufprotokoll; only a store makes one.
#[derive(Debug)]
pub struct Recorded(pub(super) ());

/// What an auditor looks at, as the Abrufprotokoll names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewing {
    /// Shown on the screen.
    Shown,
    /// Taken away as a file.
    Exported,
}

impl Viewing {
    /// The stored word.
    pub fn step(self) -> &'static str {
        match self {
            Viewing::Shown => "audit.show",
            Viewing::Exported => "audit.export",
        }
    }
}

/// Commits that were acknowledged and are missing, as the mark beside the keys shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub commits: i64,
    /// When the last one that is there was made.
    pub from: Timestamp,
    /// When the last one that is missing was made.
    pub until: Timestamp,
}

/// What an auditor asks of a store.
#[async_trait]
pub trait Audits: Send + Sync {
    /// The strands, each with the place where it begins and the last one that was given out.
    async fn strands(&self) -> Result<Vec<Strand>, StoreError>;

    /// The links of a strand behind a place, in their order, at most so many. A row without a link comes, and so does a link without a
    /// row; what is neither is a gap that only the places show.
    async fn links(&self, strand: i64, after: i64, limit: usize) -> Result<Vec<Link>, StoreError>;

    /// What the mark beside the keys shows to be missing; `None` where nothing is, or where the back end keeps none.
    async fn lost(&self) -> Result<Option<Lost>, StoreError>;

    /// Writes into the Abrufprotokoll that a person looks at it, and why.
    async fn record(
        &self,
        viewing: Viewing,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Recorded, StoreError>;

    /// Changes, newest first, with the reasons of persons opened.
    async fn changes(
        &self,
        recorded: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Told>, StoreError>;

    /// Retrievals, newest first, with person and reason opened.
    async fn retrievals(
        &self,
        recorded: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Retrieved>, StoreError>;

    /// The marks of retrievals, newest first, with the number to turn the page by and the moment. Nobody learns anything of them that has not the lines
    /// already, so it is no look that is written down.
    async fn retrieval_marks(&self, turn: Turn) -> Result<Vec<(i64, Timestamp, [u8; 32])>, StoreError> {
        let page = self.retrievals(&Recorded(()), &Window::default(), turn).await?;
        Ok(page.iter().map(|one| (one.number, one.at, mark_of(&one.line()))).collect())
    }

    /// Why persons did what these links prove, by place; for an export.
    async fn reasons(&self, recorded: &Recorded, links: &[Link]) -> Result<Vec<Option<String>>, StoreError>;
}
