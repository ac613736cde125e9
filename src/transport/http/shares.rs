//! What is under way at once: deliveries in all, of one partner, and by idempotency key. Never waits; whoever comes
//! beyond a bound is told to come again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a delivery is not begun now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The listener has as many as it may.
    All,
    /// The partner has as many as it may.
    Partner,
}

/// The counters of one listener; clones count together.
#[derive(Clone)]
pub struct Shares(Arc<Inner>);

struct Inner {
    most: usize,
    per_partner: usize,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    partners: HashMap<String, usize>,
    keys: HashSet<(String, String)>,
}

impl Shares {
    /// At most so many deliveries at once, and so many of one partner.
    pub fn new(most: usize, per_partner: usize) -> Shares {
        Shares(Arc::new(Inner { most, per_partner, counts: Mutex::default() }))
    }

    /// Takes a place until the guard is dropped.
    pub fn take(&self, partner: &str) -> Result<Place, Full> {
        let mut counts = self.counts();
        let own = counts.partners.get(partner).copied().unwrap_or(0);
        if own >= self.0.per_partner {
            return Err(Full::Partner);
        }
        if counts.all >= self.0.most {
            return Err(Full::All);
        }
        counts.all += 1;
        counts.partners.insert(partner.to_owned(), own + 1);
        drop(counts);
        Ok(Place { shares: self.clone(), partner: partner.to_owned() })
    }

    /// Takes a key of a partner until the guard is dropped; `None` while another request has it.
    pub fn take_key(&self, partner: &str, key: &str) -> Option<HeldKey> {
        let held = (partner.to_owned(), key.to_owned());
        let fresh = self.counts().keys.insert(held.clone());
        fresh.then(|| HeldKey { shares: self.clone(), held })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is given back when dropped.
pub struct Place {
    shares: Shares,
    partner: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.shares.counts();
        counts.all = counts.all.saturating_sub(1);
        if let Some(own) = counts.partners.get_mut(&self.partner) {
            *own -= 1;
            if *own == 0 {
                counts.partners.remove(&self.partner);
            }
        }
    }
}

/// A key that is given back when dropped.
pub struct HeldKey {
    shares: Shares,
    held: (String, String),
}

impl Drop for HeldKey {
    fn drop(&mut self) {
        self.shares.counts().keys.remove(&self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_keys_come_back() {
        let shares = Shares::new(3, 2);
        let first = shares.take("a").ok().unwrap();
        let _second = shares.take("a").ok().unwrap();
        assert_eq!(shares.take("a").err(), Some(Full::Partner));
        let _third = shares.take("b").ok().unwrap();
        assert_eq!(shares.take("b").err(), Some(Full::All));
        drop(first);
        assert!(shares.take("a").is_ok());
        let key = shares.take_key("a", "k").unwrap();
        assert!(shares.take_key("a", "k").is_none());
        assert!(shares.take_key("b", "k").is_some());
        drop(key);
        assert!(shares.take_key("a", "k").is_some());
        assert_eq!(shares.counts().partners.len(), 2);
    }
}
