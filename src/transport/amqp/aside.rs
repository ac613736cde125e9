//! The deliveries of partners of whom the house takes nothing now, on a queue that other partners use as well: held where they are
//! in nobody's way, each partner's in its order. Never acknowledges one, and never holds octets without bound: of most only the tag is
//! kept, which is enough to give it back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::flow::{InHand, Upset};
use crate::clock::Tick;

/// How long a delivery is held while the house is busy. Below the half hour after which a broker takes unacknowledged
/// deliveries back by itself.
pub const HOLD: Duration = Duration::from_secs(20 * 60);
/// So many deliveries of a queue are held beside those that are worked on; beyond, they take the places of the others.
pub const MOST: usize = 20_000;
/// Octets that what is held of a queue may take in memory, where it can be fetched anew.
const OCTETS: u64 = 8 << 20;

/// A delivery whose partner has to wait.
pub struct Waiting<T> {
    /// The partner.
    pub partner: String,
    /// The delivery with its octets; `None` where it has to be fetched anew.
    pub whole: Option<T>,
    /// How many octets that are.
    pub octets: u64,
    /// It is in hand.
    pub hand: InHand,
    /// Later ones overtake it.
    pub upset: Upset,
    /// Since when it is held in all.
    pub began: Tick,
    /// Since when it waits for its next turn.
    pub since: Tick,
    /// How long it does.
    pub pause: Duration,
}

impl<T> Waiting<T> {
    /// How long it still has to wait.
    fn left(&self) -> Duration {
        self.pause.saturating_sub(self.since.elapsed())
    }

    /// Whether it was held for as long as one may be.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= HOLD
    }
}

/// What is held of one queue, by delivery tag.
pub struct Aside<T> {
    ones: BTreeMap<u64, Waiting<T>>,
    /// How many are held whole of one partner: they ask again by themselves.
    share: usize,
    /// The queue keeps its order: then all are whole, and one after the other asks again.
    keeps_order: bool,
    octets: u64,
    whole: BTreeMap<String, usize>,
    counts: BTreeMap<String, usize>,
    soonest: Option<(Tick, Duration)>,
}

impl<T> Aside<T> {
    /// Nothing yet.
    pub fn new(share: usize, keeps_order: bool) -> Aside<T> {
        Aside {
            ones: BTreeMap::new(),
            share: share.max(1),
            keeps_order,
            octets: 0,
            whole: BTreeMap::new(),
            counts: BTreeMap::new(),
            soonest: None,
        }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.ones.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.ones.is_empty()
    }

    /// How many are held of a partner.
    pub fn of(&self, partner: &str) -> usize {
        self.counts.get(partner).copied().unwrap_or(0)
    }

    /// Holds one. Beyond what is held whole it is cut down to its tag, and waits for its partner or until it has to go back.
    pub fn put(&mut self, tag: u64, mut waiting: Waiting<T>) {
        let whole = self.whole.get(&waiting.partner).copied().unwrap_or(0);
        let fits = whole < self.share && self.octets + waiting.octets <= OCTETS;
        if waiting.whole.is_some() && !fits && !self.keeps_order {
            waiting.whole = None;
            (waiting.since, waiting.pause) = (Tick::now(), HOLD.saturating_sub(waiting.began.elapsed()));
        }
        if waiting.whole.is_some() {
            *self.whole.entry(waiting.partner.clone()).or_default() += 1;
            self.octets += waiting.octets;
        }
        *self.counts.entry(waiting.partner.clone()).or_default() += 1;
        if self.soonest.is_none_or(|(since, pause)| waiting.left() < pause.saturating_sub(since.elapsed())) {
            self.soonest = Some((waiting.since, waiting.pause));
        }
        self.ones.insert(tag, waiting);
    }

    /// How long nothing is due; `None` where nothing is held.
    pub fn nap(&self) -> Option<Duration> {
        self.soonest.map(|(since, pause)| pause.saturating_sub(since.elapsed()))
    }

    /// Takes what is due, in the order of the tags. Where order is kept that is one at most, and never one before which another of
    /// its partner is held.
    pub fn due(&mut self) -> Vec<(u64, Waiting<T>)> {
        let mut heads = BTreeSet::new();
        let first = |(_, one): &(&u64, &Waiting<T>)| !self.keeps_order || heads.insert(one.partner.clone());
        let due = self.ones.iter().filter(first).filter(|(_, one)| one.left().is_zero()).map(|(tag, _)| *tag);
        let tags: Vec<u64> = due.take(if self.keeps_order { 1 } else { usize::MAX }).collect();
        let taken = tags.into_iter().filter_map(|tag| Some((tag, self.remove(tag)?))).collect();
        self.look();
        taken
    }

    /// The house takes deliveries of this partner again: all that is held of it is due.
    pub fn release(&mut self, partner: &str) {
        for one in self.ones.values_mut().filter(|one| one.partner == partner) {
            one.pause = Duration::ZERO;
        }
        self.look();
    }

    fn remove(&mut self, tag: u64) -> Option<Waiting<T>> {
        let one = self.ones.remove(&tag)?;
        count_down(&mut self.counts, &one.partner);
        if one.whole.is_some() {
            count_down(&mut self.whole, &one.partner);
            self.octets = self.octets.saturating_sub(one.octets);
        }
        Some(one)
    }

    /// Looks which one is due next; behind one that is kept back for order's sake nobody is.
    fn look(&mut self) {
        let mut heads = BTreeSet::new();
        let first = |one: &&Waiting<T>| !self.keeps_order || heads.insert(one.partner.clone());
        let next = self.ones.values().filter(first).min_by_key(|one| one.left());
        self.soonest = next.map(|one| (one.since, one.pause));
    }
}

fn count_down(counts: &mut BTreeMap<String, usize>, partner: &str) {
    if let Some(count) = counts.get_mut(partner) {
        *count -= 1;
        if *count == 0 {
            counts.remove(partner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::transport::amqp::flow::Flow;

    fn waiting(flow: &Arc<Flow>, partner: &str, octets: u64, pause: u64) -> Waiting<&'static str> {
        Waiting {
            partner: partner.to_owned(),
            whole: Some("octets"),
            octets,
            hand: flow.begin(),
            upset: flow.hold(),
            began: Tick::now(),
            since: Tick::now(),
            pause: Duration::from_secs(pause),
        }
    }

    fn tags(due: &[(u64, Waiting<&'static str>)]) -> Vec<(u64, bool)> {
        due.iter().map(|(tag, one)| (*tag, one.whole.is_some())).collect()
    }

    #[test]
    fn of_one_partner_a_share_is_held_whole_and_of_the_others_the_tag() {
        let flow = Arc::default();
        let mut aside = Aside::new(2, false);
        for tag in 1..=100 {
            aside.put(tag, waiting(&flow, "a", 10, 30));
        }
        aside.put(101, waiting(&flow, "b", OCTETS - 20, 30));
        aside.put(102, waiting(&flow, "c", 1, 0));
        assert_eq!((aside.len(), aside.of("a"), aside.of("b"), aside.octets), (102, 100, 1, OCTETS));
        assert!(aside.due().is_empty() && aside.nap() > Some(Duration::from_secs(20)), "nobody is due");
        aside.release("c");
        assert_eq!(aside.nap(), Some(Duration::ZERO));
        assert_eq!(tags(&aside.due()), [(102, false)], "no octets were left for it");
        aside.release("a");
        let due = tags(&aside.due());
        assert_eq!(due.len(), 100);
        assert!(due.iter().all(|(tag, whole)| *whole == (*tag <= 2)));
        assert_eq!((aside.len(), aside.of("a"), aside.octets), (1, 0, OCTETS - 20));
    }

    #[test]
    fn where_order_is_kept_one_after_the_other_asks_and_all_stay_whole() {
        let flow = Arc::default();
        let mut aside = Aside::new(1, true);
        for (tag, partner, pause) in [(1, "a", 30), (2, "a", 0), (3, "b", 0), (4, "b", 0), (5, "a", 0)] {
            aside.put(tag, waiting(&flow, partner, OCTETS, pause));
        }
        assert_eq!(tags(&aside.due()), [(3, true)]);
        assert_eq!(tags(&aside.due()), [(4, true)]);
        assert!(
            aside.due().is_empty() && aside.nap() > Some(Duration::from_secs(20)),
            "behind the first of a"
        );
        aside.release("a");
        assert_eq!(tags(&aside.due()), [(1, true)]);
        assert_eq!(tags(&aside.due()), [(2, true)]);
        assert_eq!(tags(&aside.due()), [(5, true)]);
        assert_eq!((aside.nap(), aside.octets), (None, 0));
    }
}
