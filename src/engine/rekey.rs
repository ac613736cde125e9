//! Search keys of a new version for what was stored before: one replica of several makes them while the house runs, in slices between
//! which other work goes on. Keeps no state of its own: a job that broke off finds what is left. Until an office's last record is
//! reached, nothing is answered automatically from its register; the store says so with its Bestand.

use std::sync::Arc;
use std::time::Duration;

use crate::store::error::StoreError;

use super::core::Core;
use super::duty::Wish;

/// The duty under which one replica of several does it.
pub const DUTY: &str = "rekey";
/// Records of one slice: some ten milliseconds of the store's writing.
const SLICE: usize = 100;
/// Between two slices; whoever waits for the store comes in between.
const BREATH: Duration = Duration::from_millis(10);
/// Until the next look: a program of the version before may run beside this one and store more.
const LOOK: Duration = Duration::from_secs(60);
/// Where what it waited for ended before it could begin.
const SOON: Duration = Duration::from_millis(200);

/// Runs it as long as the engine does, while this process may: the guard is asked before each slice. As long as another replica has
/// the duty, or a person has not opened the store, it sleeps.
pub async fn always(core: Arc<Core>, wish: &Wish, may_run: impl Fn() -> bool + Send + Sync) {
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let begins = async {
            core.gate.opened().await;
            wish.term().await
        };
        tokio::select! {
            _ = begins => {}
            () = core.stop.cancelled() => return,
        }
        let pause = match may_run() {
            false => SOON,
            true => match all(&core, &may_run).await {
                Ok(done) => {
                    if done > 0 {
                        tracing::info!(records = done, "records have search keys of this version");
                    }
                    LOOK
                }
                Err(error) => {
                    core.store_failed(&error);
                    LOOK
                }
            },
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

/// Everything that is left, as long as it may; how many records were reached.
async fn all(core: &Core, may_run: &(impl Fn() -> bool + Sync)) -> Result<u64, StoreError> {
    let mut done = 0;
    while !core.stop.is_cancelled() && !core.points.crashed() && may_run() {
        match core.store.rekey(SLICE).await? {
            0 => break,
            reached => done += reached,
        }
        tokio::time::sleep(BREATH).await;
    }
    Ok(done)
}
