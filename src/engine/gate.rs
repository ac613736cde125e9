//! Whether dispatch and sources are open: closed while a store was put back, or lacks what was acknowledged. Says so, and opens and closes for nobody.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::store::recovery::Lost;
use crate::transport::port::Busy;

/// When a source may ask again.
const RETRY: Duration = Duration::from_secs(30);

/// Whether dispatch and sources are open.
#[derive(Debug, Default)]
pub struct Gate {
    closed: AtomicBool,
    opened: Notify,
    shut: Notify,
    lost: OnceLock<Lost>,
}

impl Gate {
    /// Closes it for all.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.shut.notify_waiters();
    }

    /// Returns when it is closed.
    pub async fn shut(&self) {
        loop {
            let shut = self.shut.notified();
            tokio::pin!(shut);
            shut.as_mut().enable();
            if self.is_closed() {
                return;
            }
            shut.await;
        }
    }

    /// Closes it because acknowledged deliveries are missing; before anything runs.
    pub fn close_for(&self, lost: Lost) {
        // Once in the life of a process, which finds it at its start.
        let _ = self.lost.set(lost);
        self.close();
    }

    /// What is missing, where it is closed for that.
    pub fn lost(&self) -> Option<&Lost> {
        self.lost.get().filter(|_| self.is_closed())
    }

    /// Opens it for all who wait.
    pub fn open(&self) {
        self.closed.store(false, Ordering::Release);
        self.opened.notify_waiters();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Returns when it is open.
    pub async fn opened(&self) {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            // Heard from now on, so that an opening between the look and the wait is not missed.
            opened.as_mut().enable();
            if !self.is_closed() {
                return;
            }
            opened.await;
        }
    }

    /// What a source is told while it is closed.
    pub fn refuse(&self) -> Result<(), Busy> {
        match self.is_closed() {
            false => Ok(()),
            true => Err(Busy {
                cause: match self.lost() {
                    None => "the store was put back from a backup and a person has not opened it yet",
                    Some(_) => {
                        "acknowledged deliveries are missing and a person has not opened the store yet"
                    }
                }
                .to_owned(),
                retry_after: RETRY,
                of_partner: false,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn who_waits_at_the_gate_goes_on_when_it_opens() {
        let gate = Arc::new(Gate::default());
        gate.opened().await;
        assert_eq!(gate.refuse(), Ok(()));
        gate.close();
        assert!(gate.refuse().is_err_and(|busy| busy.retry_after == RETRY));
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.opened().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        gate.open();
        waiting.await.unwrap();
    }
}
