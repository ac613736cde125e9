//! One attempt at a far end: how long it may take, its turn among those that are under way, and the lease of its lane, which is renewed
//! under its fence as long as the attempt goes on. Never decides what an outcome leads to.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock::Tick;
use crate::envelope::Envelope;
use crate::store::lane::{Due, Lane};
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::port::{Attempt, Destination, Memory, Progress, Receipt, SendError};

use super::breaker::signed;
use super::core::Core;

/// How often who waits for a turn looks whether the width was changed meanwhile.
const LOOK: Duration = Duration::from_millis(200);

/// How many attempts are under way at each destination.
#[derive(Default)]
pub struct Turns {
    busy: Mutex<HashMap<String, usize>>,
    free: Notify,
}

/// A turn; free again when it is dropped.
pub struct Turn<'a> {
    turns: &'a Turns,
    destination: String,
}

impl Turns {
    fn busy(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn at a destination, when fewer are under way than its width, which is asked anew at each look: `apply` may change it.
    pub async fn turn(&self, destination: &str, width: impl Fn() -> usize) -> Turn<'_> {
        loop {
            let freed = self.free.notified();
            {
                let mut busy = self.busy();
                let of = busy.entry(destination.to_owned()).or_default();
                if *of < width().max(1) {
                    *of += 1;
                    return Turn { turns: self, destination: destination.to_owned() };
                }
            }
            // Those of other destinations are woken, too; each looks for itself.
            let _ = tokio::time::timeout(LOOK, freed).await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = self.turns.busy();
        if let Some(of) = busy.get_mut(&self.destination) {
            *of = of.saturating_sub(1);
            if *of == 0 {
                busy.remove(&self.destination);
            }
        }
        drop(busy);
        self.turns.free.notify_waiters();
    }
}

/// The lease under which a lane is served.
pub struct Lease {
    lane: i64,
    fence: i64,
    handed_out: bool,
    /// Since when it runs; moved by each renewal.
    since: Mutex<Timestamp>,
}

impl Lease {
    /// The lease of a lane that was taken then.
    pub fn new(lane: &Lane, since: Timestamp) -> Lease {
        Lease {
            lane: lane.id,
            fence: lane.fence,
            handed_out: lane.was_handed_out(),
            since: Mutex::new(since),
        }
    }

    /// Whether a reader ever had what stands in the lane in its hand.
    pub fn was_handed_out(&self) -> bool {
        self.handed_out
    }

    /// Whether more than this of it is over.
    pub fn over(&self, core: &Core, share: Duration) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.checked_add(signed(share)).is_ok_and(|until| core.clock.now() > until)
    }

    /// Renews it each third of its length; returns when it is lost, or so near its end that another one could have it.
    async fn keep(&self, core: &Core) {
        let lease = core.settings.lease;
        loop {
            core.clock.sleep(lease / 3).await;
            let now = core.clock.now();
            let renewed = core.store.renew(self.lane, self.fence, now, lease);
            match tokio::time::timeout(lease / 6, renewed).await {
                Ok(Ok(true)) => *self.since.lock().unwrap_or_else(PoisonError::into_inner) = now,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => core.store_failed(&error),
                Err(_) => {}
            }
            if self.over(core, lease - lease / 6) {
                return;
            }
        }
    }
}

/// What attempts at a row leave for each other, kept under the fence of the lane's lease.
struct OfRow<'a> {
    core: &'a Core,
    lease: &'a Lease,
    row: Uuid,
    left: Option<&'a [u8]>,
}

#[async_trait]
impl Memory for OfRow<'_> {
    fn left(&self) -> Option<&[u8]> {
        self.left
    }

    async fn remember(&self, what: &[u8]) -> Result<(), SendError> {
        let later =
            |cause: &str| SendError::Later { cause: cause.to_owned(), retry_after: None, far_end: false };
        match self.core.store.remember(self.lease.lane, self.lease.fence, self.row, what).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(later("the lane was lost before anything was done")),
            Err(error) => {
                self.core.store_failed(&error);
                Err(later("what later attempts have to know cannot be kept now"))
            }
        }
    }
}

/// Sends an envelope.
pub async fn send(
    core: &Core,
    lease: &Lease,
    destination: &dyn Destination,
    (envelope, due): (&Envelope, &Due),
) -> Result<Receipt, SendError> {
    let progress = Progress::default();
    let memory = OfRow { core, lease, row: due.id, left: due.left.as_deref() };
    let taken_within = due.taken_within();
    let sending =
        destination.attempt(envelope, Attempt { progress: &progress, memory: &memory, taken_within });
    within(core, lease, destination, (envelope, Some(&progress)), sending).await
}

/// Looks an earlier attempt up.
pub async fn find(
    core: &Core,
    lease: &Lease,
    destination: &dyn Destination,
    due: &Due,
) -> Result<Option<Receipt>, SendError> {
    let envelope = &due.envelope;
    let asked = destination.find_within(envelope, due.taken_within());
    within(core, lease, destination, (envelope, None), asked).await
}

/// An attempt of unknown outcome came before: look first, send only if it certainly did not arrive.
pub async fn look_up_or_send(
    core: &Core,
    lease: &Lease,
    destination: &dyn Destination,
    (envelope, due): (&Envelope, &Due),
) -> Result<Receipt, SendError> {
    match find(core, lease, destination, due).await {
        Ok(Some(receipt)) => Ok(receipt),
        Ok(None) => send(core, lease, destination, (envelope, due)).await,
        Err(_) => Err(SendError::Unclear { cause: "an earlier attempt cannot be looked up".to_owned() }),
    }
}

/// As long as it gets on, and as long as the lane is ours. A panic of a transport is an error of this program and costs one attempt, of
/// which nobody knows the outcome; never the lane.
async fn within<T>(
    core: &Core,
    lease: &Lease,
    destination: &dyn Destination,
    (envelope, progress): (&Envelope, Option<&Progress>),
    asked: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    let patience = destination.patience().unwrap_or(core.settings.send_timeout);
    let unclear = |cause: &str| Err(SendError::Unclear { cause: cause.to_owned() });
    tokio::select! {
        biased;
        answered = AssertUnwindSafe(asked).catch_unwind() => match answered {
            Ok(answered) => answered,
            Err(_) => {
                raise(Alarm::WorkerFailed, &envelope.head.binding, &[]);
                unclear("an error of this program broke the attempt off")
            }
        },
        () = stands_still(progress, patience) => unclear("the receiver did not answer in time"),
        () = lease.keep(core) => unclear("the lane was lost while the attempt went on"),
    }
}

/// Returns when nothing has moved for so long.
async fn stands_still(progress: Option<&Progress>, patience: Duration) {
    let (mut seen, mut moved) = (0, Tick::now());
    loop {
        tokio::time::sleep(patience.saturating_sub(moved.elapsed()).max(Duration::from_millis(1))).await;
        let now = progress.map_or(0, Progress::pieces);
        match now != seen {
            // Something has moved at an unknown moment of the last nap, so a whole one is granted.
            true => (seen, moved) = (now, Tick::now()),
            false if moved.elapsed() >= patience => return,
            false => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_width_that_was_changed_counts_at_once() {
        let (turns, width) = (Turns::default(), std::sync::atomic::AtomicUsize::new(1));
        let wide = || width.load(std::sync::atomic::Ordering::SeqCst);
        let first = turns.turn("c:x", wide).await;
        let waits = |turns: &Turns| turns.busy().get("c:x").copied().unwrap_or(0);
        let soon = Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, turns.turn("c:x", wide)).await.is_err(), "one at a time");
        let other = turns.turn("c:y", wide).await;
        width.store(3, std::sync::atomic::Ordering::SeqCst);
        let (second, third) = (turns.turn("c:x", wide).await, turns.turn("c:x", wide).await);
        assert_eq!(waits(&turns), 3);
        width.store(1, std::sync::atomic::Ordering::SeqCst);
        drop((first, second));
        assert!(tokio::time::timeout(soon, turns.turn("c:x", wide)).await.is_err(), "narrower again");
        drop(third);
        let last = tokio::time::timeout(Duration::from_secs(5), turns.turn("c:x", wide)).await;
        assert!(last.is_ok());
        drop((last, other));
        assert!(turns.busy().is_empty());
    }

    #[tokio::test]
    async fn what_moves_is_waited_for_and_what_stands_still_is_not() {
        let progress = Progress::default();
        let patience = Duration::from_millis(200);
        let began = Tick::now();
        tokio::join!(stands_still(Some(&progress), patience), async {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                progress.moved();
            }
        });
        assert!(began.elapsed() >= Duration::from_millis(900));
        tokio::time::timeout(Duration::from_secs(5), stands_still(None, patience)).await.unwrap();
    }
}
