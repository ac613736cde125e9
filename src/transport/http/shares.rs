//! What is under way at once: deliveries in all, of one partner, by idempotency key; and strangers by their address. Never
//! waits; whoever comes beyond a bound is told to come again.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
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
    strangers: HashMap<IpAddr, usize>,
}

/// So many requests of one address that was not let in are looked at at once; more get their answer unheard.
const STRANGERS: usize = 16;

impl Shares {
    /// At most so many deliveries at once, and so many of one partner.
    pub fn new(most: usize, per_partner: usize) -> Shares {
        Shares(Arc::new(Inner { most, per_partner, counts: Mutex::default() }))
    }

    /// Takes a place until the guard is dropped. A partner has three times as many as are left free at most, so that there is
    /// always one for another.
    pub fn take(&self, partner: &str) -> Result<Place, Full> {
        let mut counts = self.counts();
        let own = counts.partners.get(partner).copied().unwrap_or(0);
        if own >= self.0.per_partner {
            return Err(Full::Partner);
        }
        let Some(left) = self.0.most.checked_sub(counts.all + 1) else {
            return Err(if own == 0 { Full::All } else { Full::Partner });
        };
        if own > 0 && own >= left.saturating_mul(3) {
            return Err(Full::Partner);
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

    /// Listens to somebody who was not let in until the guard is dropped; `None` when its address has enough of them.
    pub fn take_stranger(&self, address: IpAddr) -> Option<Stranger> {
        let mut counts = self.counts();
        let own = counts.strangers.entry(address).or_default();
        if *own >= STRANGERS {
            return None;
        }
        *own += 1;
        drop(counts);
        Some(Stranger { shares: self.clone(), address })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one less; what has none left is forgotten.
pub(super) fn count_down<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
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
        count_down(&mut counts.partners, &self.partner);
    }
}

/// Somebody who was not let in and is listened to.
pub struct Stranger {
    shares: Shares,
    address: IpAddr,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        count_down(&mut self.shares.counts().strangers, &self.address);
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
        let shares = Shares::new(4, 2);
        let first = shares.take("a").ok().unwrap();
        let _second = shares.take("a").ok().unwrap();
        assert_eq!(shares.take("a").err(), Some(Full::Partner));
        let _others = (shares.take("b").ok().unwrap(), shares.take("c").ok().unwrap());
        assert_eq!(shares.take("d").err(), Some(Full::All));
        drop(first);
        assert_eq!(shares.take("a").err(), Some(Full::Partner), "the last place is for one who has none");
        assert!(shares.take("d").is_ok());
        let key = shares.take_key("a", "k").unwrap();
        assert!(shares.take_key("a", "k").is_none());
        assert!(shares.take_key("b", "k").is_some());
        drop(key);
        assert!(shares.take_key("a", "k").is_some());
        assert_eq!(shares.counts().partners.len(), 3);
    }

    #[test]
    fn there_is_always_a_place_for_one_who_has_none() {
        for most in [1, 2, 3, 5, 256] {
            let shares = Shares::new(most, most);
            let mut held = Vec::new();
            let mut partners = 0;
            while shares.counts().all < most {
                partners += 1;
                let partner = format!("p{partners}");
                held.push(shares.take(&partner).ok().unwrap());
                held.extend(std::iter::from_fn(|| shares.take(&partner).ok()));
                assert!(partners > 1 || most == 1 || shares.counts().all < most, "{most}");
            }
            assert!(most < 256 || partners >= 4, "{partners} took everything");
        }
    }

    #[test]
    fn strangers_are_counted_by_their_address() {
        let shares = Shares::new(1, 1);
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let held: Vec<Stranger> = (0..STRANGERS).filter_map(|_| shares.take_stranger(one)).collect();
        assert!(held.len() == STRANGERS && shares.take_stranger(one).is_none());
        assert!(shares.take_stranger(other).is_some());
        drop(held);
        assert!(shares.take_stranger(one).is_some() && shares.counts().strangers.is_empty());
    }
}
