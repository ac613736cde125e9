//! The breaker of a destination: opens after failures in a row, closes by itself when one attempt succeeds.
//! Pure transitions; `dispatch` keeps the table and the store keeps the rows.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::plan::Patience;
use crate::store::contract::Breaker;

/// The breakers of this process, by destination, and the rows as all replicas know them.
#[derive(Default)]
pub struct Breakers {
    own: HashMap<String, Kept>,
    told: HashMap<String, Breaker>,
}

/// A breaker, and when its pause began: one that began in the future was set before the clock went back, and is over.
struct Kept {
    row: Breaker,
    since: Timestamp,
}

impl Kept {
    fn holds(&self, now: Timestamp) -> bool {
        self.since <= now && self.row.open_until.is_some_and(|until| until > now)
    }
}

impl Breakers {
    /// Takes over what other replicas wrote since the rows were looked at last: one that opens or closes a breaker does it for
    /// all. What this one knows beyond that, such as its own failures, stays. Returns what changed: destination, whether open.
    ///
    /// When a stored pause began is not known, so none lasts longer from now than `longest` says.
    pub fn hear(
        &mut self,
        rows: Vec<Breaker>,
        now: Timestamp,
        longest: impl Fn(&str) -> Duration,
    ) -> Vec<(String, bool)> {
        let mut news = Vec::new();
        for mut row in rows {
            let known = self.told.get(&row.destination).map(|told| (told.failures, told.open_until));
            if known != Some((row.failures, row.open_until)) {
                news.push((row.destination.clone(), row.open_until.is_some()));
                self.told.insert(row.destination.clone(), row.clone());
                let most = now.checked_add(signed(longest(&row.destination))).unwrap_or(Timestamp::MAX);
                row.open_until = row.open_until.map(|until| until.min(most));
                self.own.insert(row.destination.clone(), Kept { row, since: now });
            }
        }
        news
    }

    /// What this replica is about to tell the others is no news to itself.
    fn tell(&mut self, row: Breaker) -> Breaker {
        self.told.insert(row.destination.clone(), row.clone());
        row
    }

    /// Destinations that must not be tried now: open, or already being probed.
    pub fn closed_for(&self, now: Timestamp, under_way: impl Fn(&str) -> usize) -> Vec<String> {
        self.own
            .values()
            .filter(|kept| {
                kept.row.open_until.is_some() && (kept.holds(now) || under_way(&kept.row.destination) > 0)
            })
            .map(|kept| kept.row.destination.clone())
            .collect()
    }

    /// Whether a destination is on probation: its breaker was open and no attempt has succeeded since.
    pub fn probing(&self, destination: &str) -> bool {
        self.own.get(destination).is_some_and(|kept| kept.row.open_until.is_some())
    }

    /// When the next open breaker may be probed.
    pub fn next_probe(&self, now: Timestamp) -> Option<Timestamp> {
        self.own.values().filter(|kept| kept.holds(now)).filter_map(|kept| kept.row.open_until).min()
    }

    /// An attempt succeeded; returns the row to store if the breaker closes.
    pub fn succeeded(&mut self, destination: &str) -> Option<Breaker> {
        let breaker = &mut self.own.get_mut(destination)?.row;
        let was_open = breaker.open_until.is_some();
        breaker.failures = 0;
        breaker.open_until = None;
        let row = was_open.then(|| breaker.clone())?;
        Some(self.tell(row))
    }

    /// The far end failed; returns the row to store if the breaker opens (again).
    pub fn failed(&mut self, destination: &str, patience: &Patience, now: Timestamp) -> Option<Breaker> {
        let kept = self.own.entry(destination.to_owned()).or_insert_with(|| Kept {
            row: Breaker { destination: destination.to_owned(), failures: 0, open_until: None },
            since: now,
        });
        kept.since = now;
        let breaker = &mut kept.row;
        breaker.failures = breaker.failures.saturating_add(1);
        if breaker.failures < patience.breaker_after {
            return None;
        }
        // Each further failure doubles the pause, within the bound of the retries.
        let further = (breaker.failures - patience.breaker_after).min(16);
        let open = patience
            .breaker_open
            .saturating_mul(1 << further)
            .min(patience.longest.max(patience.breaker_open));
        breaker.open_until = now.checked_add(signed(open)).ok();
        let row = breaker.clone();
        Some(self.tell(row))
    }
}

/// A std duration as jiff's signed one.
pub fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_probes_and_closes_by_itself() {
        let patience = Patience {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            breaker_after: 3,
            breaker_open: Duration::from_secs(10),
        };
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let after = |seconds: i64| start + SignedDuration::from_secs(seconds);
        let mut breakers = Breakers::default();
        assert!(breakers.failed("a", &patience, start).is_none());
        assert!(breakers.failed("a", &patience, start).is_none());
        assert_eq!(breakers.failed("a", &patience, start).and_then(|row| row.open_until), Some(after(10)));
        assert_eq!(breakers.closed_for(after(9), |_| 0), vec!["a".to_owned()]);
        assert!(breakers.closed_for(after(10), |_| 0).is_empty(), "one attempt may probe");
        assert_eq!(breakers.closed_for(after(10), |_| 1), vec!["a".to_owned()], "only one");
        assert_eq!(
            breakers.failed("a", &patience, after(10)).and_then(|row| row.open_until),
            Some(after(30))
        );
        assert_eq!(breakers.succeeded("a").map(|row| row.open_until), Some(None));
        assert!(breakers.succeeded("a").is_none(), "closed already");
        assert!(breakers.closed_for(after(11), |_| 0).is_empty());
    }

    #[test]
    fn what_another_replica_wrote_counts_here_and_what_is_known_does_not_come_back() {
        let patience = Patience {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            breaker_after: 1,
            breaker_open: Duration::from_secs(10),
        };
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let long = |_: &str| Duration::from_secs(60);
        let mut here = Breakers::default();
        let mut there = Breakers::default();
        let row = here.failed("a", &patience, start).expect("it opens");
        there.hear(vec![row.clone()], start, long);
        assert_eq!(there.closed_for(start, |_| 0), vec!["a".to_owned()], "opened for all");
        let closed = there.succeeded("a").expect("it closes");
        // The row of before is read once more before the other one's write arrives: it is no news.
        there.hear(vec![closed.clone()], start, long);
        assert!(!there.probing("a"));
        here.hear(vec![row], start, long);
        assert!(here.probing("a"), "nothing new was said");
        here.hear(vec![closed], start, long);
        assert!(!here.probing("a"), "closed for all");
    }

    #[test]
    fn a_pause_that_began_in_the_future_is_over() {
        let patience = Patience {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            breaker_after: 1,
            breaker_open: Duration::from_secs(10),
        };
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let hour = SignedDuration::from_hours(1);
        let mut breakers = Breakers::default();
        let row = breakers.failed("a", &patience, start + hour).expect("it opens");
        assert_eq!(breakers.closed_for(start + hour, |_| 0), vec!["a".to_owned()]);
        assert!(breakers.closed_for(start, |_| 0).is_empty(), "the clock went back: one attempt may probe");
        assert!(breakers.probing("a"));
        assert_eq!(breakers.next_probe(start), None);
        // After a restart nobody knows when it began.
        let mut stored = Breakers::default();
        stored.hear(vec![row], start, |_| Duration::from_secs(60));
        assert_eq!(stored.next_probe(start), Some(start + SignedDuration::from_secs(60)));
        assert_eq!(stored.closed_for(start, |_| 0), vec!["a".to_owned()]);
        assert!(stored.closed_for(start + SignedDuration::from_secs(61), |_| 0).is_empty());
    }
}
