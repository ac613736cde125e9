//! How many of those who were not admitted are noted, at whatever door they come: bounded in time, number and memory, so that a
//! flood costs an alarm and nothing else. Never says who somebody is, and never lets anybody in.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Tick;

/// So many are noted in each second; more are only counted.
const PER_SECOND: u32 = 5;
/// So many are noted in each hour: with the thousand octets of a note and the retention of messages less than 100 MB in all,
/// of which the oldest go first, however long a flood lasts.
const PER_HOUR: u32 = 60;
/// So many of them of one origin, so that one flood does not hide another stranger.
const PER_ORIGIN: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// How many strangers were noted in the running second and hour, by what tells their origins apart: an address, a user of a broker.
pub struct Turnstile<K>(Mutex<Noted<K>>);

struct Noted<K> {
    second: Option<(Tick, u32)>,
    hour: Option<Tick>,
    in_hour: u32,
    /// No more entries than are noted in an hour.
    origins: HashMap<K, u32>,
}

impl<K> Noted<K> {
    fn since(hour: Option<Tick>) -> Noted<K> {
        Noted { second: None, hour, in_hour: 0, origins: HashMap::new() }
    }
}

impl<K> Default for Turnstile<K> {
    fn default() -> Turnstile<K> {
        Turnstile(Mutex::new(Noted::since(None)))
    }
}

impl<K: Eq + Hash> Turnstile<K> {
    /// Whether one more of this origin may be noted now.
    pub fn pass(&self, origin: K) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.hour.is_none_or(|began| began.elapsed() >= HOUR) {
            *noted = Noted::since(Some(Tick::now()));
        }
        if noted.second.is_none_or(|(began, _)| began.elapsed() >= SECOND) {
            noted.second = Some((Tick::now(), 0));
        }
        let of_origin = noted.origins.get(&origin).copied().unwrap_or(0);
        let in_second = noted.second.map_or(0, |(_, count)| count);
        if in_second >= PER_SECOND || noted.in_hour >= PER_HOUR || of_origin >= PER_ORIGIN {
            return false;
        }
        noted.in_hour += 1;
        noted.origins.insert(origin, of_origin + 1);
        if let Some((_, count)) = &mut noted.second {
            *count += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn a_flood_passes_only_in_part() {
        let turnstile = Turnstile::default();
        let passed = (0..1000).filter(|_| turnstile.pass(IpAddr::from([192, 0, 2, 1]))).count();
        // The loop may cross the end of a second.
        assert!((5..=10).contains(&passed), "{passed}");
    }

    #[test]
    fn an_hour_and_an_origin_have_their_share() {
        let turnstile = Turnstile::default();
        let next_second = || turnstile.0.lock().unwrap().second = None;
        let one = IpAddr::from([192, 0, 2, 1]);
        let passed = (0..1000).filter(|_| (next_second(), turnstile.pass(one)).1).count();
        assert_eq!(passed, 20);
        let others = (0..1000u32).filter(|at| {
            next_second();
            turnstile.pass(IpAddr::from((at + 7).to_be_bytes()))
        });
        assert_eq!(others.count(), 40);
        assert!(turnstile.0.lock().unwrap().origins.len() <= 60);
        turnstile.0.lock().unwrap().hour = None;
        assert!(turnstile.pass(one));
    }
}
