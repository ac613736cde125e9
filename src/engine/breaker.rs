//! The breaker of a destination: opens after failures in a row, closes by itself when one attempt succeeds. What was under way together fails
//! once, and a far end that answers whoever asks is tried soon. Pure transitions; `dispatch` keeps the table and the store keeps the rows.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::plan::Patience;
use crate::store::pauses::Breaker;

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
    /// Failures that were counted since the process began; tells which attempts began before the last one.
    counted: u64,
    /// How often its far end had answered when the last failure was counted; `None` where another replica counted it.
    heard: Option<u64>,
}

/// What the breaker was when an attempt began: whether its failure says anything new is known by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Began {
    counted: u64,
    /// It began although the breaker was open, because its lane was in hand already.
    held: bool,
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
                // What is under way here ran into the same trouble.
                let counted = self.own.get(&row.destination).map_or(0, |kept| kept.counted + 1);
                self.own.insert(row.destination.clone(), Kept { row, since: now, counted, heard: None });
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

    /// An attempt begins.
    pub fn begins(&self, destination: &str, now: Timestamp) -> Began {
        self.own.get(destination).map_or(Began { counted: 0, held: false }, |kept| Began {
            counted: kept.counted,
            held: kept.holds(now),
        })
    }

    /// How often far ends have answered whose breakers are open: one that answers after its last failure is there again, so the probe
    /// need not wait until the pause has grown out. It comes `soonest` after that failure at the earliest, because one part of a far end may
    /// answer while the other does not. Returns the rows to store.
    pub fn heard(
        &mut self,
        times: impl Fn(&str) -> u64,
        now: Timestamp,
        soonest: impl Fn(&str) -> Duration,
    ) -> Vec<Breaker> {
        let mut forward = Vec::new();
        for kept in self.own.values_mut().filter(|kept| kept.holds(now)) {
            let times = times(&kept.row.destination);
            if kept.heard.replace(times).is_none_or(|known| known == times) {
                continue;
            }
            let soonest = signed(soonest(&kept.row.destination));
            let at = kept.since.checked_add(soonest).unwrap_or(Timestamp::MAX).max(now);
            if kept.row.open_until.is_some_and(|until| at < until) {
                kept.row.open_until = Some(at);
                forward.push(kept.row.clone());
            }
        }
        forward.into_iter().map(|row| self.tell(row)).collect()
    }

    /// The far end failed an attempt, and had answered so often by then; returns the row to store if the breaker opens (again). What
    /// began before the last failure was counted, or while the breaker was open, is of the same outage and counts no more.
    pub fn failed(
        &mut self,
        destination: &str,
        patience: &Patience,
        (began, heard): (Began, u64),
        now: Timestamp,
    ) -> Option<Breaker> {
        let kept = self.own.entry(destination.to_owned()).or_insert_with(|| Kept {
            row: Breaker { destination: destination.to_owned(), failures: 0, open_until: None },
            since: now,
            counted: 0,
            heard: None,
        });
        if began.counted != kept.counted || began.held {
            return None;
        }
        kept.counted += 1;
        kept.heard = Some(heard);
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

    /// An attempt that begins and fails at once, at a far end that never answered.
    fn fail(breakers: &mut Breakers, patience: &Patience, now: Timestamp) -> Option<Breaker> {
        let began = breakers.begins("a", now);
        breakers.failed("a", patience, (began, 0), now)
    }

    fn patience() -> Patience {
        Patience {
            first: Duration::from_secs(5),
            longest: Duration::from_secs(60),
            breaker_after: 3,
            breaker_open: Duration::from_secs(20),
        }
    }

    #[test]
    fn one_outage_is_one_failure_however_much_was_under_way() {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let after = |seconds: i64| start + SignedDuration::from_secs(seconds);
        let (patience, mut breakers) = (patience(), Breakers::default());
        let open = |breakers: &Breakers, now| breakers.next_probe(now);
        for round in 0..3 {
            let began: Vec<Began> = (0..8).map(|_| breakers.begins("a", after(round))).collect();
            for began in began {
                assert!(breakers.failed("a", &patience, (began, 0), after(round)).is_none() || round == 2);
            }
            assert_eq!(
                open(&breakers, after(round)).is_some(),
                round == 2,
                "eight that failed together are one"
            );
        }
        assert_eq!(open(&breakers, after(2)), Some(after(22)));
        // Lanes that were in hand when it opened still begin, one after the other, and say nothing new.
        for second in 3..10 {
            assert_eq!(fail(&mut breakers, &patience, after(second)), None);
        }
        assert_eq!(open(&breakers, after(10)), Some(after(22)));
        // Only the probe does; and no pause is longer than the connection says.
        assert!(fail(&mut breakers, &patience, after(22)).is_some());
        assert_eq!(open(&breakers, after(22)), Some(after(62)));
        assert!(fail(&mut breakers, &patience, after(62)).is_some());
        assert!(fail(&mut breakers, &patience, after(122)).is_some());
        assert_eq!(open(&breakers, after(122)), Some(after(182)));
    }

    #[test]
    fn what_another_replica_ran_into_is_no_failure_of_its_own_here() {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let (patience, mut here, mut there) = (patience(), Breakers::default(), Breakers::default());
        (0..3).for_each(|_| drop(fail(&mut there, &patience, start)));
        (0..2).for_each(|_| drop(fail(&mut here, &patience, start)));
        let under_way = here.begins("a", start);
        let row = Breaker { destination: "a".to_owned(), failures: 3, open_until: there.next_probe(start) };
        here.hear(vec![row], start, |_| Duration::from_secs(60));
        assert!(here.failed("a", &patience, (under_way, 0), start).is_none());
        assert_eq!(here.next_probe(start), Some(start + SignedDuration::from_secs(20)));
    }

    #[test]
    fn a_far_end_that_answers_somebody_is_tried_soon() {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let after = |seconds: i64| start + SignedDuration::from_secs(seconds);
        let (patience, mut breakers) = (patience(), Breakers::default());
        let soonest = |_: &str| Duration::from_secs(5);
        for _ in 0..3 {
            let began = breakers.begins("a", start);
            breakers.failed("a", &patience, (began, 7), start);
        }
        assert!(breakers.heard(|_| 7, after(1), soonest).is_empty(), "it answered before it failed");
        let forward = breakers.heard(|_| 8, after(1), soonest);
        assert_eq!(forward.iter().map(|row| row.open_until).collect::<Vec<_>>(), [Some(after(5))]);
        assert!(breakers.heard(|_| 9, after(2), soonest).is_empty(), "nothing new is said");
        assert!(!breakers.closed_for(after(4), |_| 0).is_empty());
        assert!(breakers.closed_for(after(5), |_| 0).is_empty() && breakers.probing("a"), "one may probe");
        // The probe fails: what was heard before it counts no more, and the pause goes on growing.
        let began = breakers.begins("a", after(5));
        let row = breakers.failed("a", &patience, (began, 9), after(5)).expect("it opens again");
        assert_eq!(row.open_until, Some(after(45)));
        assert!(breakers.heard(|_| 9, after(6), soonest).is_empty());
        // Long after that it answers: at once.
        let forward = breakers.heard(|_| 10, after(30), soonest);
        assert_eq!(forward[0].open_until, Some(after(30)));
        // Of what another replica stored nobody here knows what was heard before.
        let mut other = Breakers::default();
        other.hear(vec![row], after(6), |_| Duration::from_secs(60));
        assert!(other.heard(|_| 3, after(7), soonest).is_empty());
        assert_eq!(other.heard(|_| 4, after(8), soonest)[0].open_until, Some(after(11)));
    }

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
        assert!(fail(&mut breakers, &patience, start).is_none());
        assert!(fail(&mut breakers, &patience, start).is_none());
        assert_eq!(fail(&mut breakers, &patience, start).and_then(|row| row.open_until), Some(after(10)));
        assert_eq!(breakers.closed_for(after(9), |_| 0), vec!["a".to_owned()]);
        assert!(breakers.closed_for(after(10), |_| 0).is_empty(), "one attempt may probe");
        assert_eq!(breakers.closed_for(after(10), |_| 1), vec!["a".to_owned()], "only one");
        assert_eq!(fail(&mut breakers, &patience, after(10)).and_then(|row| row.open_until), Some(after(30)));
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
        let row = fail(&mut here, &patience, start).expect("it opens");
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
        let row = fail(&mut breakers, &patience, start + hour).expect("it opens");
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
