//! Settling: what lanes have to settle at the same time is settled in one transaction, and what cannot be stored now is tried again.
//! Decides nothing; each lane gets its own answer, and one that fails alone fails nobody else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::store::contract::Store;
use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::lane::{Onward, Outcome, Settle};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric::{self, Sent};

use super::answers;
use super::core::Core;
use super::watch;

/// How long it is waited before what could not be stored is settled again.
const AGAIN: Duration = Duration::from_millis(500);

/// One row to settle and who waits for the answer.
struct Wanted {
    settle: Settle,
    answer: oneshot::Sender<Result<bool, StoreError>>,
}

/// The handle of the lanes; the task ends when all are gone.
#[derive(Clone)]
pub struct Settling(mpsc::UnboundedSender<Wanted>);

impl Settling {
    /// Starts the task; at most as many rows are settled together as are committed together.
    pub fn start(core: &Arc<Core>) -> Settling {
        // Bounded by the leased lanes: each waits for its answer before it settles the next row.
        let (wanted, inlet) = mpsc::unbounded_channel();
        watch::spawn(core, "settling", run(core.store.clone(), inlet, core.settings.batch));
        Settling(wanted)
    }

    /// Settles one row; `false` when the lease was lost.
    pub async fn settle(&self, settle: Settle) -> Result<bool, StoreError> {
        let ended = || StoreError::Later("settling has ended".into());
        let (answer, settled) = oneshot::channel();
        self.0.send(Wanted { settle, answer }).map_err(|_| ended())?;
        settled.await.unwrap_or_else(|_| Err(ended()))
    }
}

async fn run(store: Arc<dyn Store>, mut inlet: mpsc::UnboundedReceiver<Wanted>, batch: usize) {
    while let Some(first) = inlet.recv().await {
        let mut wanted = vec![first];
        // What arrived while the last batch was written is the next one, as in `commit`.
        while wanted.len() < batch {
            match inlet.try_recv() {
                Ok(next) => wanted.push(next),
                Err(_) => break,
            }
        }
        let together = wanted.iter().map(|wanted| wanted.settle.clone()).collect();
        match store.settle(together).await {
            Ok(settled) if settled.len() == wanted.len() => {
                for (wanted, settled) in wanted.into_iter().zip(settled) {
                    let _ = wanted.answer.send(Ok(settled));
                }
            }
            // Nothing of it was stored: one by one, so that one row that cannot be settled holds no other.
            _ => {
                for wanted in wanted {
                    let alone = store.settle(vec![wanted.settle]).await;
                    let _ =
                        wanted.answer.send(alone.map(|settled| settled.first().copied().unwrap_or(false)));
                }
            }
        }
    }
}

/// Settles until it is stored, or refused by its fence (`Some(false)`), or the engine ends (`None`). What came back with it (`laid`) is
/// kept as far as it can be: a document that cannot be stored as it came must not keep what it came with from being settled.
pub async fn until_stored<What: Clone, Settled: Future<Output = Result<bool, StoreError>>>(
    core: &Core,
    mut what: What,
    laid: fn(&mut What) -> &mut Vec<Entry>,
    settle: impl Fn(What) -> Settled,
) -> Option<bool> {
    let mut whole = true;
    loop {
        match settle(what.clone()).await {
            Ok(done) => {
                if done && !laid(&mut what).is_empty() {
                    core.woken.notify_one();
                }
                return Some(done);
            }
            Err(StoreError::Entry(cause)) if whole && !laid(&mut what).is_empty() => {
                whole = false;
                let came = laid(&mut what);
                *came = answers::all_apart(std::mem::take(came), &cause);
            }
            Err(error) => {
                core.store_failed(&error);
                if core.stop.is_cancelled() || core.points.crashed() {
                    return None;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Calls a person: a way is used up, and somebody may want to know why before its next message takes the same.
pub fn way_left(onward: &Onward) {
    let (to, why) = (onward.to.destination.as_str(), onward.why.as_str());
    raise(Alarm::WayLeft, &onward.from, &[("to", to), ("why", why)]);
}

/// Tells how an attempt at a row of a destination ended, once it is settled; `attempts`: those that were settled before.
pub fn report(destination: &str, attempts: u32, outcome: &Outcome) {
    let sent = match outcome {
        Outcome::Sent { .. } => Sent::Sent,
        Outcome::Later { .. } => Sent::Later,
        Outcome::Stays { .. } => {
            raise(Alarm::WayMissing, destination, &[]);
            Sent::Later
        }
        Outcome::Parked { .. } => {
            raise(Alarm::DeliveryParked, destination, &[]);
            Sent::Never
        }
        Outcome::Onward(onward) => {
            way_left(onward);
            Sent::NextWay
        }
        Outcome::Unclear { .. } => {
            raise(Alarm::OutcomeUnclear, destination, &[]);
            Sent::Unclear
        }
    };
    if !matches!(sent, Sent::Later) {
        metric::attempts(destination, attempts.saturating_add(1));
    }
    metric::dispatched(destination, sent);
}
