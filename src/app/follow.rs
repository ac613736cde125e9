//! An `apply` that one replica carried out reaches all of them: it leaves a note, and each other one swaps its own files in.
//! Never applies what was carried out before this process began, and never decides what is applied.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::route::plan_diff::Picture;
use crate::store::contract::StoreError;
use crate::telemetry::alarm::{Alarm, raise};

use super::reload::Reload;
use super::shared::Shared;

/// Where the note lies.
const NOTE: (&str, &str) = ("app", "applied");
/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

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

/// A hash of what runs, without what may differ between machines.
pub fn runs(shared: &Shared) -> String {
    let picture = Picture::of_set(&shared.core.set.load(), []);
    let picture = serde_json::to_vec(&Picture { version: String::new(), ..picture }).unwrap_or_default();
    hex::encode(digest::digest(&digest::SHA256, &picture))
}

/// What was applied last by any replica.
pub async fn last(shared: &Shared) -> Result<Option<Applied>, StoreError> {
    let note = shared.core.store.note(NOTE.0, NOTE.1).await?;
    // A note of a newer program says nothing to this one.
    Ok(note.and_then(|note| serde_json::from_slice(&note).ok()))
}

/// Says to the other replicas what was applied here.
pub async fn tell(shared: &Shared, applied: &Applied) {
    *shared.applied.lock().await = Some(applied.clone());
    let note = serde_json::to_vec(applied).unwrap_or_default();
    if let Err(error) = shared.core.store.set_note(NOTE.0, NOTE.1, Some(note)).await {
        let cause = format!("other replicas were not told: {error}; apply again");
        raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]);
    }
}

/// Applies what other replicas applied, until the process ends.
pub async fn follow(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.core.leaving.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        // Where the store cannot be read the next look tells.
        let Ok(Some(found)) = last(&shared).await else { continue };
        {
            let mut applied = shared.applied.lock().await;
            if applied.as_ref() == Some(&found) {
                continue;
            }
            *applied = Some(found.clone());
        }
        // The one that was ordered has looked whether anything would be stranded.
        match Reload(shared.clone()).swap(true).await {
            Ok(version) if runs(&shared) == found.runs => {
                tracing::info!(version, drain = found.drain, "applied, as another replica did");
            }
            Ok(version) => {
                let cause =
                    format!("this replica's files are others than those that were applied ({version})");
                raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]);
            }
            Err(cause) => raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]),
        }
    }
}
