//! An `apply` that one replica carried out reaches all of them: it leaves a note, and each other one swaps its own files in.
//! Never applies what was carried out before this process began, and never decides what is applied.

use std::sync::Arc;
use std::time::Duration;

use crate::telemetry::alarm::{Alarm, raise};

use super::applied;
use super::reload::Reload;
use super::shared::Shared;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Applies what other replicas applied, until the process ends.
pub async fn follow(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.core.leaving.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        // Where the store cannot be read the next look tells.
        let Ok(Some(found)) = applied::last(&*shared.core.store).await else { continue };
        {
            let mut applied = shared.applied.lock().await;
            if applied.as_ref() == Some(&found) {
                continue;
            }
            *applied = Some(found.clone());
        }
        // The one that was ordered has looked whether anything would be stranded.
        match Reload(shared.clone()).swap(true).await {
            Ok(version) if applied::runs(&shared.core.set.load()) == found.runs => {
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
