//! Whose a row is, and who may read it (rules.md 7): the attributes of every row and the scope of every read. Decides nothing.

use serde::{Deserialize, Serialize};

use crate::envelope::Stage;

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
