//! An `apply` that one replica carried out reaches all of them: it leaves a note, and each other one swaps its own files in.
//! Never applies what was carried out before this process began, and never decides what is applied.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Tick;
use crate::telemetry::alarm::{Alarm, raise};

use super::applied;
use super::draining;
use super::reload::Reload;
use super::shared::Shared;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is looked at what is left for destinations that were taken away.
const DRAINED: Duration = Duration::from_secs(5);

/// Applies what other replicas applied, until the process ends.
pub async fn follow(shared: Arc<Shared>) {
    let mut looked = Tick::now();
    loop {
        tokio::select! {
            () = shared.core.leaving.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        // Where the store cannot be read the next look tells.
        if looked.elapsed() >= DRAINED {
            let _ = draining::look(&shared).await;
            looked = Tick::now();
        }
        let found = {
            // Read while nobody notes another one: what this process is about to tell is not taken for another replica's.
            let mut applied = shared.applied.lock().await;
            let Ok(Some(found)) = applied::last(&*shared.core.store).await else { continue };
            if applied.as_ref() == Some(&found) {
                continue;
            }
            *applied = Some(found.clone());
            found
        };
        match Reload(shared.clone()).follow(&found).await {
            Ok((version, true)) => {
                tracing::info!(version, drain = found.drain, "applied, as another replica did");
            }
            Ok((version, false)) => {
                let cause =
                    format!("this replica's files are others than those that were applied ({version})");
                raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]);
            }
            Err(cause) => raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]),
        }
    }
}
