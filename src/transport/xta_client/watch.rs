//! The watch beside a mailbox: since when nothing good has come of it, also while a look lasts. It stops no look and decides nothing; who is
//! watched says what is good, and what it is at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Tick;

/// When something good came of a mailbox last, and what is done at it now; all copies are one.
#[derive(Clone)]
pub struct Watch(Arc<Mutex<(Tick, &'static str)>>);

impl Watch {
    /// It is good now.
    pub fn begin() -> Watch {
        Watch(Arc::new(Mutex::new((Tick::now(), ""))))
    }

    /// Something good came of it: a look that ended well, or a message that was taken.
    pub fn good(&self) {
        self.with(|held| held.0 = Tick::now());
    }

    /// What is done now.
    pub fn at(&self, what: &'static str) {
        self.with(|held| held.1 = what);
    }

    /// How long nothing good came of it.
    pub fn since(&self) -> Duration {
        self.with(|held| held.0.elapsed())
    }

    fn with<T>(&self, act: impl FnOnce(&mut (Tick, &'static str)) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a look run to its end and says, as often as that time goes by without anything good, what it is at.
    pub async fn beside<T>(
        &self,
        after: Duration,
        look: impl Future<Output = T>,
        late: impl Fn(&'static str),
    ) -> T {
        tokio::pin!(look);
        let left = |watch: &Watch| match after.saturating_sub(watch.since()) {
            // What was late before the look is said by who failed then.
            Duration::ZERO => after,
            left => left,
        };
        let mut nap = left(self);
        loop {
            tokio::select! {
                done = &mut look => return done,
                () = tokio::time::sleep(nap) => {
                    if self.since() >= after {
                        late(self.with(|held| held.1));
                    }
                    nap = left(self);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_never_ends_is_told_and_who_gets_on_is_not() {
        let (watch, told) = (Watch::begin(), AtomicUsize::new(0));
        let late = |what: &str| {
            assert_eq!(what, "a list");
            told.fetch_add(1, Ordering::Relaxed);
        };
        watch.at("a list");
        let after = Duration::from_millis(20);
        let stuck = async {
            while told.load(Ordering::Relaxed) < 3 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            7
        };
        assert_eq!(watch.beside(after, stuck, late).await, 7);
        assert!(watch.since() >= after);
        watch.good();
        let long = Duration::from_secs(3600);
        let none = |_: &str| panic!("nothing is late");
        watch.beside(long, tokio::time::sleep(after), none).await;
    }
}
