//! What persons ask of a store at their desk, and what they end in it: which messages, whose rows, and why. Part of what `contract` asks; decides nothing.
use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Stored, Vorgang};
use crate::envelope::{Envelope, Inbound};
use crate::store::error::StoreError;
use crate::store::figures::{Figures, UnderWay};
use crate::store::lane::Undelivered;
use crate::store::listed::{Listed, ListedSend};
use crate::store::seek::Seek;
use crate::store::stamp::Scope;

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

impl Filter {
    /// The same for one message of which the id is known.
    pub fn of(&self, id: Uuid) -> Filter {
        Filter { id: Some(id), seek: Seek::default(), ..self.clone() }
    }

    /// Of messages that were found one by one those that are looked for, newest first, at most so many.
    pub fn newest(&self, mut found: Vec<Listed>) -> Vec<Listed> {
        found.retain(|listed| self.seek.fits(listed));
        found.sort_unstable_by_key(|listed| std::cmp::Reverse(listed.id));
        found.truncate(self.most());
        found
    }

    /// At most so many.
    pub fn most(&self) -> usize {
        if self.limit == 0 { 100 } else { self.limit }
    }
}

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

/// What persons ask of a store, and what they end in it.
#[async_trait]
pub trait Desk {
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
}
