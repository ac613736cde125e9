//! The note of what was applied last, by which the replicas of a stage tell each other. Applies nothing itself.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::plan::PlanSet;
use crate::route::outline::Outline;
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::telemetry::alarm::{Alarm, raise};

/// Where the note lies.
const NOTE: (&str, &str) = ("app", "applied");

/// What was applied last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The command that ordered it.
    pub command: Uuid,
    /// What ran afterwards, as far as it is the same in every replica: routes, partners, packages; not the places of a machine.
    pub runs: String,
    /// Whether messages in flight might be stranded.
    pub drain: bool,
}

/// A hash of what runs, without what may differ between machines, nor what is only drained.
pub fn runs(set: &PlanSet, drained: &BTreeSet<String>) -> String {
    let mut outline = Outline::of_set(set, []);
    outline.destinations.retain(|name| !drained.contains(name));
    let outline = serde_json::to_vec(&Outline { version: String::new(), ..outline }).unwrap_or_default();
    hex::encode(digest::digest(&digest::SHA256, &outline))
}

/// What was applied last by any replica.
pub async fn last(store: &dyn Store) -> Result<Option<Applied>, StoreError> {
    let note = store.note(NOTE.0, NOTE.1).await?;
    // A note of a newer program says nothing to this one.
    Ok(note.and_then(|note| serde_json::from_slice(&note).ok()))
}

/// Says to the other replicas what was applied here; where the store does not take it, an alarm tells.
pub async fn tell(store: &dyn Store, applied: &Applied) {
    let note = serde_json::to_vec(applied).unwrap_or_default();
    if let Err(error) = store.set_note(NOTE.0, NOTE.1, Some(note)).await {
        let cause = format!("other replicas were not told: {error}; apply again");
        raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]);
    }
}
