//! Group settling: what lanes have to settle at the same time is settled in one transaction.
//! Decides nothing; each lane gets its own answer, and one that fails alone fails nobody else.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::store::contract::{Store, StoreError};
use crate::store::lane::Settle;

use super::core::Core;
use super::watch;

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
