//! What a broker has handed over of a queue: how much of it nobody has read yet, how much is in hand, and how much was taken since the link was
//! made. Counts only; what has come as far as the socket is counted before anybody may have room for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What of a queue is here, and how much of it was taken since the link was made.
#[derive(Debug, Default)]
pub struct Flow {
    handed: AtomicU64,
    unread: AtomicU64,
    begun: AtomicU64,
    ended: AtomicU64,
    taken: AtomicU64,
    held: AtomicU64,
    upset: AtomicU64,
    gave_back: AtomicU64,
}

/// How far a queue's deliveries had come at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    handed: u64,
    gave_back: u64,
}

/// In which order a queue's deliveries come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// How often it was upset.
    pub upset: u64,
    /// Whether it is now: one is held that later ones overtake, or is on its way back to the broker.
    pub held: bool,
}

impl Flow {
    /// The broker has handed one over; nobody has read it.
    pub fn hand_over(&self) {
        self.handed.fetch_add(1, Ordering::Release);
    }

    /// A consumer that was handed something is over: the broker has again what was not acknowledged, so many of them that nobody ever read. What was
    /// taken may come a second time, and count twice.
    pub fn give_back(&self, unread: u64) {
        self.upset.fetch_add(1, Ordering::Release);
        self.gave_back.fetch_add(1, Ordering::Release);
        self.unread.fetch_add(unread, Ordering::Release);
    }

    /// A delivery is held while later ones go on; it is as long as what is returned lives.
    pub fn hold(self: &Arc<Flow>) -> Upset {
        self.held.fetch_add(1, Ordering::Relaxed);
        self.upset.fetch_add(1, Ordering::Release);
        Upset(self.clone())
    }

    /// How often the order was upset, and whether it is now.
    pub fn order(&self) -> Sequence {
        Sequence { upset: self.upset.load(Ordering::Acquire), held: self.held.load(Ordering::Relaxed) > 0 }
    }

    /// A delivery is read; it is in hand as long as what is returned lives.
    pub fn begin(self: &Arc<Flow>) -> InHand {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InHand(self.clone())
    }

    /// How many the house has taken.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many are here: handed over and not read yet, or in hand.
    pub fn here(&self) -> u64 {
        // What ends meanwhile counts rather twice than not at all.
        let ended = self.ended.load(Ordering::Acquire);
        let back = self.unread.load(Ordering::Acquire);
        let in_hand = self.begun.load(Ordering::Relaxed).saturating_sub(ended);
        self.handed.load(Ordering::Acquire).saturating_sub(ended + back).max(in_hand)
    }

    /// How far it is now.
    pub fn mark(&self) -> Mark {
        Mark {
            handed: self.handed.load(Ordering::Acquire),
            gave_back: self.gave_back.load(Ordering::Acquire),
        }
    }
}

impl Mark {
    /// How many were handed over from an earlier one to this one.
    pub fn came_since(&self, before: Mark) -> u64 {
        self.handed.saturating_sub(before.handed)
    }

    /// Whether something went back to the broker from an earlier one to this one.
    pub fn gave_back_since(&self, before: Mark) -> bool {
        self.gave_back != before.gave_back
    }
}

/// A delivery in hand.
#[derive(Debug)]
pub struct InHand(Arc<Flow>);

impl InHand {
    /// The house has taken it.
    pub fn taken(&self) {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// A delivery that later ones overtake.
#[derive(Debug)]
pub struct Upset(Arc<Flow>);

impl Drop for Upset {
    fn drop(&mut self) {
        self.0.upset.fetch_add(1, Ordering::Release);
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_read_is_here_until_it_is_taken_or_goes_back() {
        let flow = Arc::new(Flow::default());
        let before = flow.mark();
        for _ in 0..5 {
            flow.hand_over();
        }
        assert_eq!((flow.here(), flow.mark().came_since(before)), (5, 5));
        let (one, other) = (flow.begin(), flow.begin());
        assert_eq!(flow.here(), 5, "two in hand, three unread");
        one.taken();
        drop(one);
        assert_eq!((flow.here(), flow.taken()), (4, 1));
        assert!(!flow.mark().gave_back_since(before));
        let upset = flow.order();
        flow.give_back(3);
        drop(other);
        assert_eq!((flow.here(), flow.taken()), (0, 1), "what is given back is not in hand and not taken");
        assert!(flow.mark().gave_back_since(before) && flow.order() != upset);
        // A second consumer goes on where the first one ended.
        flow.hand_over();
        let again = flow.begin();
        assert_eq!(flow.here(), 1);
        drop(again);
        assert_eq!(flow.here(), 0);
    }
}
