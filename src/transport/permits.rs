//! Permission to hold octets in memory, given before they are read: a fixed amount, shared by whoever sends. One sender has
//! three times what is left free at most, so that there is always room for another. Never gives more than there is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// The octets of one listener or connection; clones share them.
#[derive(Clone)]
pub struct Permits(Arc<Inner>);

struct Inner {
    most: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: u64,
    owners: HashMap<String, u64>,
    queue: VecDeque<Waiting>,
}

struct Waiting {
    owner: String,
    octets: u64,
    granted: oneshot::Sender<Permit>,
}

impl Permits {
    /// So many octets.
    pub fn new(most: u64) -> Permits {
        Permits(Arc::new(Inner { most, state: Mutex::default() }))
    }

    /// Takes permission for so many octets, waiting at most `patience`; `None` when there was no room in time. Who asks for more
    /// than there is at all gets all there is.
    pub async fn take(&self, owner: &str, octets: u64, patience: Duration) -> Option<Permit> {
        let octets = octets.min(self.0.most);
        let granted = {
            let mut state = self.state();
            // Who waits no more is in nobody's way.
            state.queue.retain(|waiting| !waiting.granted.is_closed());
            let first = state.queue.iter().all(|waiting| waiting.owner != owner);
            if first && state.fits(self.0.most, owner, octets) {
                return Some(state.grant(self, owner, octets));
            }
            let (granted, receiver) = oneshot::channel();
            state.queue.push_back(Waiting { owner: owner.to_owned(), octets, granted });
            receiver
        };
        // Dropped behind what it waits for, also where this call is broken off.
        let mut leaving = Leaving(Some(self));
        let permit = tokio::time::timeout(patience, granted).await.ok()?.ok()?;
        leaving.0 = None;
        Some(permit)
    }

    /// How many octets are taken.
    pub fn taken(&self) -> u64 {
        self.state().taken
    }

    fn give_back(&self, owner: &str, octets: u64) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(octets);
        if let Some(own) = state.owners.get_mut(owner) {
            *own = own.saturating_sub(octets);
            if *own == 0 {
                state.owners.remove(owner);
            }
        }
        self.grant_waiting(state);
    }

    /// Grants what fits now, in the order of their coming; who has to wait holds up none but its own.
    fn grant_waiting(&self, state: MutexGuard<'_, State>) {
        // Permits that nobody waited for any more are dropped behind the lock: they are given back.
        let mut unwanted = Vec::new();
        let mut state = state;
        let mut held_up = HashSet::new();
        let mut left = VecDeque::with_capacity(state.queue.len());
        while let Some(waiting) = state.queue.pop_front() {
            if waiting.granted.is_closed() {
                continue;
            }
            if held_up.contains(&waiting.owner) || !state.fits(self.0.most, &waiting.owner, waiting.octets) {
                held_up.insert(waiting.owner.clone());
                left.push_back(waiting);
                continue;
            }
            let permit = state.grant(self, &waiting.owner, waiting.octets);
            unwanted.extend(waiting.granted.send(permit).err());
        }
        state.queue = left;
        drop(state);
        drop(unwanted);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits; when it goes with nothing, those behind it are looked at.
struct Leaving<'a>(Option<&'a Permits>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if let Some(permits) = self.0 {
            permits.grant_waiting(permits.state());
        }
    }
}

impl State {
    fn fits(&self, most: u64, owner: &str, octets: u64) -> bool {
        let Some(left) = most.saturating_sub(self.taken).checked_sub(octets) else { return false };
        let own = self.owners.get(owner).copied().unwrap_or(0);
        own == 0 || own.saturating_add(octets) <= left.saturating_mul(3)
    }

    fn grant(&mut self, permits: &Permits, owner: &str, octets: u64) -> Permit {
        self.taken += octets;
        *self.owners.entry(owner.to_owned()).or_default() += octets;
        Permit { permits: permits.clone(), owner: owner.to_owned(), octets }
    }
}

/// Permission for some octets, given back when dropped.
pub struct Permit {
    permits: Permits,
    owner: String,
    octets: u64,
}

impl Permit {
    /// Gives back what is not needed.
    pub fn shrink(&mut self, octets: u64) {
        if let Some(spare) = self.octets.checked_sub(octets).filter(|spare| *spare > 0) {
            self.octets = octets;
            self.permits.give_back(&self.owner, spare);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.give_back(&self.owner, self.octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[tokio::test]
    async fn one_sender_leaves_room_for_another() {
        let permits = Permits::new(100);
        let mut held = Vec::new();
        while let Some(permit) = permits.take("a", 10, NOW).await {
            held.push(permit);
        }
        assert_eq!(held.len(), 7);
        let other = permits.take("b", 20, NOW).await.unwrap();
        assert!(permits.take("c", 20, NOW).await.is_none());
        drop(other);
        held.clear();
        assert_eq!(permits.taken(), 0);
        // More than there is: all there is, and alone.
        let whole = permits.take("a", 1000, NOW).await.unwrap();
        assert_eq!(whole.octets, 100);
        assert!(permits.take("b", 1, NOW).await.is_none());
        drop(whole);
        assert!(permits.state().owners.is_empty() && permits.state().queue.is_empty());
    }

    #[tokio::test]
    async fn who_waits_gets_it_in_turn_and_holds_up_none_but_its_own() {
        let permits = Permits::new(100);
        let mut first = permits.take("a", 90, NOW).await.unwrap();
        let wait = |owner: &'static str, octets| {
            let permits = permits.clone();
            tokio::spawn(async move { permits.take(owner, octets, Duration::from_secs(5)).await })
        };
        let large = wait("b", 50);
        tokio::task::yield_now().await;
        let small_of_the_same = wait("b", 5);
        tokio::task::yield_now().await;
        assert!(permits.take("c", 5, NOW).await.is_some());
        assert!(!small_of_the_same.is_finished());
        first.shrink(10);
        assert_eq!(large.await.unwrap().unwrap().octets, 50);
        assert_eq!(small_of_the_same.await.unwrap().unwrap().octets, 5);
        // Who went away in the meantime is passed over.
        drop(first);
        let whole = permits.take("a", 100, NOW).await.unwrap();
        let gone = wait("b", 100);
        tokio::task::yield_now().await;
        gone.abort();
        let stays = wait("c", 100);
        tokio::task::yield_now().await;
        drop(whole);
        assert!(stays.await.unwrap().is_some());
        assert_eq!(permits.taken(), 0);
    }

    #[tokio::test]
    async fn who_went_away_with_nothing_is_in_nobodys_way() {
        let permits = Permits::new(100);
        let _held = permits.take("a", 50, NOW).await.unwrap();
        assert!(permits.take("a", 60, NOW).await.is_none());
        assert!(permits.state().queue.is_empty());
        assert!(permits.take("a", 10, NOW).await.is_some(), "its earlier wish is over");
        let wait = |octets, patience| {
            let permits = permits.clone();
            tokio::spawn(async move { permits.take("b", octets, patience).await })
        };
        let long = Duration::from_secs(5);
        // Nobody gives anything back: those behind are looked at because the one before them goes.
        let ahead = wait(60, Duration::from_millis(50));
        tokio::task::yield_now().await;
        let behind = wait(10, long);
        tokio::task::yield_now().await;
        assert!(!behind.is_finished());
        assert!(ahead.await.unwrap().is_none());
        assert!(behind.await.unwrap().is_some());
        let ahead = wait(60, long);
        tokio::task::yield_now().await;
        let behind = wait(10, long);
        tokio::task::yield_now().await;
        assert!(!behind.is_finished());
        ahead.abort();
        assert!(behind.await.unwrap().is_some());
        assert_eq!(permits.taken(), 50);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_comes_back_whoever_asks_for_what() {
        let permits = Permits::new(1000);
        let mut tasks = Vec::new();
        for at in 0..200u64 {
            let permits = permits.clone();
            tasks.push(tokio::spawn(async move {
                for round in 0..20 {
                    let patience = Duration::from_micros(at * 7 % 40 * 100);
                    let wanted = (at * 31 + round * 97) % 600 + 1;
                    let Some(mut permit) = permits.take(&format!("{}", at % 7), wanted, patience).await
                    else {
                        continue;
                    };
                    assert!(permits.taken() <= 1000);
                    tokio::task::yield_now().await;
                    permit.shrink(wanted / 2);
                    tokio::task::yield_now().await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let _last = permits.take("x", 1, NOW).await.unwrap();
        assert_eq!(permits.taken(), 1);
    }
}
