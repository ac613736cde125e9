//! How slow a far end may be: it keeps us waiting, and octets make up for it. Early octets are worth no more than the
//! patience itself, so that nobody sends much at once to be slow for long afterwards.

use std::time::Duration;

/// The slowest pace, in octets per second, that a far end may keep up.
const OCTETS_PER_SECOND: f64 = 16_384.0;

/// What is left of our patience with one far end.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    most: Duration,
    left: Duration,
}

impl Pace {
    /// The full patience, which is also the most that can be had.
    pub fn new(most: Duration) -> Pace {
        Pace { most, left: most }
    }

    /// How long it may keep us waiting now.
    pub fn left(&self) -> Duration {
        self.left
    }

    /// It kept us waiting so long.
    pub fn waited(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }

    /// So many octets moved.
    pub fn moved(&mut self, octets: usize) {
        let earned = Duration::from_secs_f64(octets as f64 / OCTETS_PER_SECOND);
        self.left = self.left.saturating_add(earned).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_make_up_for_waiting_and_are_not_saved_up() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(10 * second);
        pace.moved(10 << 20);
        assert_eq!(pace.left(), 10 * second);
        pace.waited(4 * second);
        pace.moved(32_768);
        assert_eq!(pace.left(), 8 * second);
        // One octet each second is never enough.
        let mut seconds = 0;
        while pace.left() > second {
            pace.waited(second);
            pace.moved(1);
            seconds += 1;
        }
        assert_eq!(seconds, 8);
        pace.waited(100 * second);
        assert_eq!(pace.left(), Duration::ZERO);
        // The pace itself is enough for ever.
        let mut pace = Pace::new(2 * second);
        for _ in 0..1000 {
            pace.waited(second);
            pace.moved(16_384);
        }
        assert_eq!(pace.left(), 2 * second);
    }
}
