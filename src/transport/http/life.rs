//! One connection while it lasts: what is under way on it, when something moved last, and the word that it has to go.
//! Knows nothing of HTTP; measures, and leaves it to the server to act.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Tick;

/// What is known of a connection's course.
#[derive(Debug)]
pub struct Life {
    began: Tick,
    working: AtomicUsize,
    /// When a request began, ended or had a piece of its answer fetched last, in milliseconds after the beginning.
    moved: AtomicU64,
    /// When the far end took octets last, in milliseconds after the beginning.
    took: AtomicU64,
    retired: CancellationToken,
    cut: CancellationToken,
}

impl Life {
    /// A connection that begins now.
    pub fn begin() -> Arc<Life> {
        Arc::new(Life {
            began: Tick::now(),
            working: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            took: AtomicU64::new(0),
            retired: CancellationToken::new(),
            cut: CancellationToken::new(),
        })
    }

    /// A request is worked on until the guard is dropped.
    pub fn work(self: &Arc<Self>) -> Working {
        self.working.fetch_add(1, Ordering::Relaxed);
        self.moved();
        Working(self.clone())
    }

    /// Something of a request moved. Pings, settings and what else keeps a connection alive without a request do not count.
    pub fn moved(&self) {
        self.moved.store(self.age(), Ordering::Relaxed);
    }

    /// The far end took octets.
    pub fn took(&self) {
        self.took.store(self.age(), Ordering::Relaxed);
    }

    /// How long nothing of a request has moved; `None` while a request is worked on.
    pub fn idle(&self) -> Option<Duration> {
        if self.working.load(Ordering::Relaxed) > 0 {
            return None;
        }
        Some(self.since(&self.moved))
    }

    /// How long neither a request moved nor the far end took anything.
    pub fn still(&self) -> Duration {
        self.since(&self.moved).min(self.since(&self.took))
    }

    /// Takes no further request and ends when those under way are answered.
    pub fn retire(&self) {
        self.retired.cancel();
    }

    /// Ends at once.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Waits until [`Life::retire`] was called.
    pub async fn is_retired(&self) {
        self.retired.cancelled().await;
    }

    /// Waits until [`Life::cut`] was called.
    pub async fn is_cut(&self) {
        self.cut.cancelled().await;
    }

    fn age(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        Duration::from_millis(self.age().saturating_sub(moment.load(Ordering::Relaxed)))
    }
}

/// A request that is worked on.
pub struct Working(Arc<Life>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.moved();
        self.0.working.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_worked_for_is_not_idle() {
        let life = Life::begin();
        assert!(life.idle().is_some());
        let (one, other) = (life.work(), life.work());
        drop(one);
        assert_eq!(life.idle(), None);
        drop(other);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(life.idle().unwrap() >= Duration::from_millis(20));
        life.took();
        assert!(life.still() < Duration::from_millis(20));
        assert!(life.idle().unwrap() >= Duration::from_millis(20), "octets alone are no request");
        life.moved();
        assert!(life.idle().unwrap() < Duration::from_millis(20));
        life.retire();
        life.is_retired().await;
        life.cut();
        life.is_cut().await;
    }
}
