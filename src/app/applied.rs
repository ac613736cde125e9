//! The note of what was applied last, by which the replicas of a stage tell each other. Applies nothing itself.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::plan::PlanSet;
use crate::route::compiled::Compiled;
use crate::route::file_diff::Role;
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
    /// Of which files ([`files`]); none where a program before this one applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
}

/// A hash of what runs, without what may differ between machines, nor what is only drained.
pub fn runs(set: &PlanSet, drained: &BTreeSet<String>) -> String {
    let mut outline = Outline::of_set(set, []);
    outline.destinations.retain(|name| !drained.contains(name));
    let outline = serde_json::to_vec(&Outline { version: String::new(), ..outline }).unwrap_or_default();
    hex::encode(digest::digest(&digest::SHA256, &outline))
}

/// How the hash of files begins. Whoever makes it of something else begins it otherwise: it is compared between programs of two versions.
const FILES: &str = "1:";

/// A hash of the files that a person orders to be taken over, and of those that a replica has: the texts but that of `connections.yaml`, which may
/// name places of a machine; of it what is taken in and where to. The same wherever they lie.
pub fn files(compiled: &Compiled) -> String {
    let texts = compiled.noted.values().filter(|noted| noted.role != Role::Connections);
    let texts: BTreeSet<&str> = texts.map(|noted| noted.sha256.as_str()).collect();
    let Outline { destinations, sources, .. } = Outline::of_compiled(compiled);
    let all = serde_json::to_vec(&(texts, &compiled.package_hashes, destinations, sources));
    format!("{FILES}{}", hex::encode(digest::digest(&digest::SHA256, &all.unwrap_or_default())))
}

/// Whether these are the files that were meant; what another program hashed in its own way nobody can tell.
pub fn are_meant(compiled: &Compiled, meant: &str) -> bool {
    !meant.starts_with(FILES) || files(compiled) == meant
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
