//! When pauses that began in the future are looked for: once at start, and for a while after the clock went back.
//! Changes nothing itself; the store ends such pauses when it is told to look (`Want::went_back`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Tick;

/// A clock that is set back by less than this is corrected, not wrong.
const STEP: SignedDuration = SignedDuration::from_secs(1);
/// So long a delivery or an attempt that began before the clock went back may still write its times.
const LINGER: Duration = Duration::from_secs(120);
/// How often is looked meanwhile.
const EACH: Duration = Duration::from_secs(2);

/// What dispatch remembers of the clock.
#[derive(Default)]
pub struct Hindsight {
    /// The latest moment since the clock last went back.
    latest: Option<Timestamp>,
    /// When it went back.
    noticed: Option<Tick>,
    /// When the store last looked.
    looked: Option<Tick>,
}

impl Hindsight {
    /// Whether the store shall look now. Nobody knows what the clock said before this process, so the first time it shall.
    pub fn looks_back(&mut self, now: Timestamp) -> bool {
        if self.latest.is_some_and(|latest| now.duration_since(latest) < -STEP) {
            (self.noticed, self.looked, self.latest) = (Some(Tick::now()), None, None);
        }
        self.latest = Some(self.latest.map_or(now, |latest| latest.max(now)));
        let lingers = self.noticed.is_some_and(|noticed| noticed.elapsed() < LINGER);
        self.looked.is_none_or(|looked| lingers && looked.elapsed() >= EACH)
    }

    /// The store has looked.
    pub fn looked(&mut self) {
        self.looked = Some(Tick::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_at_start_and_after_each_jump_back() {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let after = |millis: i64| start + SignedDuration::from_millis(millis);
        let mut hindsight = Hindsight::default();
        assert!(hindsight.looks_back(start));
        assert!(hindsight.looks_back(start), "until it was done");
        hindsight.looked();
        assert!(!hindsight.looks_back(after(3_600_000)), "forward");
        assert!(!hindsight.looks_back(after(3_599_500)), "a correction");
        assert!(hindsight.looks_back(after(3_598_000)));
        hindsight.looked();
        assert!(!hindsight.looks_back(after(3_598_000)), "not at each claim");
        assert!(!hindsight.looks_back(after(3_598_100)));
        assert!(hindsight.looks_back(after(0)), "once more");
    }
}
