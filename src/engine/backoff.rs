//! When to try again: pure functions of attempts and patience. Reads no clock and draws no lots:
//! the jitter comes from the row's id, so a rerun decides the same.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::plan::Patience;

/// The pause after the n-th failed attempt (1 is the first): doubling, bounded, spread by ±20 %.
pub fn pause(patience: &Patience, attempt: u32, seed: u128) -> Duration {
    let doubled = patience.first.saturating_mul(1u32 << attempt.saturating_sub(1).min(20));
    let base = doubled.min(patience.longest);
    let spread = mix(seed ^ u128::from(attempt)) % 401; // 0..=400 per mille
    base.mul_f64(0.8 + spread as f64 / 1000.0)
}

/// The pause that holds when the far end named one: never shorter than asked, never longer than a day.
pub fn with_retry_after(own: Duration, asked: Option<Duration>) -> Duration {
    match asked {
        Some(asked) => own.max(asked.min(Duration::from_secs(24 * 3600))),
        None => own,
    }
}

/// What failed before, as far as it decides when to try again.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    /// Settled attempts before this one.
    pub attempts: u32,
    /// The row's id as a number.
    pub seed: u128,
    /// The pause that the far end asked for.
    pub asked: Option<Duration>,
    /// When the row is given up.
    pub deadline: Option<Timestamp>,
}

/// When a row is tried again that failed now. The deadline is an attempt of its own, so that the row is parked then and not a
/// pause later.
pub fn next_try(patience: &Patience, failed: Failed, now: Timestamp) -> Timestamp {
    let pause =
        with_retry_after(pause(patience, failed.attempts.saturating_add(1), failed.seed), failed.asked);
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    let at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
    failed.deadline.map_or(at, |deadline| at.min(deadline))
}

fn mix(value: u128) -> u64 {
    let mut folded = (value as u64) ^ ((value >> 64) as u64);
    folded = (folded ^ (folded >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    folded = (folded ^ (folded >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    folded ^ (folded >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience() -> Patience {
        Patience {
            first: Duration::from_secs(10),
            longest: Duration::from_secs(3600),
            breaker_after: 5,
            breaker_open: Duration::from_secs(30),
        }
    }

    #[test]
    fn doubles_within_bounds_and_spreads() {
        for (attempt, base) in [(1, 10.0), (2, 20.0), (3, 40.0), (10, 3600.0), (200, 3600.0)] {
            for seed in 0..50u128 {
                let seconds = pause(&patience(), attempt, seed << 7).as_secs_f64();
                assert!(seconds >= base * 0.8 - 1e-6 && seconds <= base * 1.2 + 1e-6, "{attempt}: {seconds}");
            }
        }
        let distinct: std::collections::BTreeSet<_> =
            (0..50u128).map(|seed| pause(&patience(), 3, seed)).collect();
        assert!(distinct.len() > 20, "the jitter spreads");
        assert_eq!(pause(&patience(), 3, 7), pause(&patience(), 3, 7));
    }

    #[test]
    fn retry_after_is_a_floor_with_a_ceiling() {
        let own = Duration::from_secs(10);
        assert_eq!(with_retry_after(own, None), own);
        assert_eq!(with_retry_after(own, Some(Duration::from_secs(5))), own);
        assert_eq!(with_retry_after(own, Some(Duration::from_secs(90))), Duration::from_secs(90));
        assert_eq!(with_retry_after(own, Some(Duration::from_secs(1 << 40))), Duration::from_secs(86_400));
    }

    #[test]
    fn the_deadline_is_an_attempt_of_its_own() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let failed = Failed { attempts: 3, seed: 1, asked: None, deadline: None };
        let free = next_try(&patience(), failed, now);
        assert!(free > now + SignedDuration::from_secs(60));
        let deadline = now + SignedDuration::from_secs(5);
        assert_eq!(next_try(&patience(), Failed { deadline: Some(deadline), ..failed }, now), deadline);
        let asked = Failed { asked: Some(Duration::from_secs(500)), ..failed };
        assert_eq!(next_try(&patience(), asked, now), now + SignedDuration::from_secs(500));
    }
}
