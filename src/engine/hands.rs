//! What this process has in hand of the outbox: lanes under way, and how many more a commit may keep for it at once, so that what is
//! in memory need not be looked for and read back. Never sends and never asks the store.
//!
//! A commit keeps lanes only where nothing known waits in the store: what came before goes first. It leaves room for what becomes due
//! there by itself, so that repeats are not crowded out by what is new.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::store::lane::Lane;

/// So many lanes of each destination, by name.
pub type Lanes = Vec<(String, usize)>;

/// What is in hand.
#[derive(Default)]
pub struct Hands {
    state: Mutex<State>,
    given: Notify,
}

#[derive(Default)]
struct State {
    /// By destination and lane; marked when all has left and only the settling is not stored yet.
    under_way: HashMap<String, HashMap<i64, bool>>,
    /// Promised to commits whose end nobody knows yet.
    reserved: HashMap<String, usize>,
    /// Lanes under way at most while a commit may keep more; a destination that is not named gets none.
    most: HashMap<String, usize>,
    given: Vec<Given>,
    /// How many commits left something to be looked for.
    left: u64,
    lost: bool,
}

/// A lane that a commit has kept.
#[derive(Debug)]
pub struct Given {
    /// The lane.
    pub lane: Lane,
    /// How many commits had left something before.
    pub left: u64,
}

impl State {
    fn under_way(&self, destination: &str) -> usize {
        let reserved = self.reserved.get(destination).copied().unwrap_or(0);
        self.under_way.get(destination).map_or(0, HashMap::len) + reserved
    }

    /// Room for more lanes where so many may be under way; as many again may have nothing left but to be settled.
    fn room(&self, destination: &str, most: usize) -> usize {
        let lanes = self.under_way.get(destination).into_iter().flat_map(HashMap::values);
        let settling = lanes.filter(|settling| **settling).count();
        most.saturating_sub(self.under_way(destination).saturating_sub(settling.min(most)))
    }

    fn release(&mut self, reserved: &Lanes) {
        for (destination, n) in reserved {
            if let Some(all) = self.reserved.get_mut(destination) {
                *all = all.saturating_sub(*n);
            }
        }
        self.reserved.retain(|_, n| *n > 0);
    }

    fn start(&mut self, lane: &Lane) {
        self.under_way.entry(lane.destination.clone()).or_default().insert(lane.id, false);
    }
}

impl Hands {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many lanes of a destination are under way or about to be.
    pub fn under_way(&self, destination: &str) -> usize {
        self.state().under_way(destination)
    }

    /// How many more lanes a destination has room for that may be sent so many at once. As many again may wait for their settling to be
    /// stored, see [`Hands::settling`].
    pub fn room(&self, destination: &str, most: usize) -> usize {
        self.state().room(destination, most)
    }

    /// A lane that is under way has nothing left but to be settled: its turn is over. Not for destinations at which a repeat does harm:
    /// while it is unsettled its lease must not run out behind others.
    pub fn settling(&self, destination: &str, lane: i64) {
        let mut state = self.state();
        if let Some(settling) = state.under_way.get_mut(destination).and_then(|lanes| lanes.get_mut(&lane)) {
            *settling = true;
        }
    }

    /// How many lanes a commit may keep that has so many for each destination. What is more than that is left in the store, and
    /// until a look has found all of it, the destination gets nothing past it.
    pub fn reserve(&self, wanted: &HashMap<&str, usize>, open: impl Fn(&str) -> bool) -> Lanes {
        let mut state = self.state();
        let mut reserved = Lanes::new();
        if state.lost {
            return reserved;
        }
        for (destination, wanted) in wanted {
            let Some(most) = state.most.get(*destination).copied() else { continue };
            let room = state.room(destination, most);
            if room < *wanted {
                state.most.remove(*destination);
            }
            let n = room.min(*wanted);
            if n > 0 && open(destination) {
                *state.reserved.entry((*destination).to_owned()).or_default() += n;
                reserved.push(((*destination).to_owned(), n));
            }
        }
        reserved
    }

    /// A commit has ended: these lanes it has kept of what was reserved; `left`: it has put more in the outbox than that.
    pub fn give(&self, reserved: &Lanes, lanes: Vec<Lane>, left: bool) {
        let mut state = self.state();
        state.release(reserved);
        let before = state.left;
        for lane in lanes {
            state.start(&lane);
            state.given.push(Given { lane, left: before });
        }
        state.left += u64::from(left);
        drop(state);
        self.given.notify_one();
    }

    /// Nobody heard how a commit or a look has ended: there may be lanes that this process holds and does not know of. Until they
    /// are found no commit keeps any.
    pub fn lose(&self, reserved: &Lanes) {
        let mut state = self.state();
        state.release(reserved);
        state.lost = true;
    }

    /// The lanes that this process knows it holds, if it may hold more; not while a commit might still add to them.
    pub fn ours(&self) -> Option<Vec<i64>> {
        let state = self.state();
        let known = || state.under_way.values().flat_map(HashMap::keys).copied().collect();
        (state.lost && state.reserved.is_empty()).then(known)
    }

    /// A look has ended. `room`: for how many lanes of each destination it asked; `most`: how many may be under way of those that
    /// commits may keep lanes of; `sought`: it looked for lost lanes, too.
    pub fn looked(
        &self,
        lanes: &[Lane],
        room: &Lanes,
        most: HashMap<String, usize>,
        all: bool,
        sought: bool,
    ) {
        let mut state = self.state();
        let mut found: HashMap<&str, usize> = HashMap::new();
        for lane in lanes {
            *found.entry(lane.destination.as_str()).or_default() += 1;
            state.start(lane);
        }
        state.lost &= !sought;
        // Where there was no room, nothing was learned.
        state.most.retain(|destination, _| most.contains_key(destination));
        for (destination, room) in room {
            let fewer = found.get(destination.as_str()).copied().unwrap_or(0) < *room;
            match most.get(destination) {
                Some(most) if fewer && all => {
                    // A quarter is left to what becomes due by itself.
                    state.most.insert(destination.clone(), most - most.div_ceil(4));
                }
                _ => {
                    state.most.remove(destination);
                }
            }
        }
    }

    /// Commits keep nothing more for a destination until it was looked at again.
    pub fn shut(&self, destination: &str) {
        self.state().most.remove(destination);
    }

    /// Commits keep nothing more.
    pub fn close(&self) {
        self.state().most.clear();
    }

    /// What commits have kept and nobody has begun.
    pub fn take(&self) -> Vec<Given> {
        std::mem::take(&mut self.state().given)
    }

    /// Returns what commits have kept as soon as there is some.
    pub async fn given(&self) -> Vec<Given> {
        loop {
            let given = self.take();
            if !given.is_empty() {
                return given;
            }
            self.given.notified().await;
        }
    }

    /// A lane has ended.
    pub fn ended(&self, destination: &str, lane: i64) {
        let mut state = self.state();
        if let Some(lanes) = state.under_way.get_mut(destination) {
            lanes.remove(&lane);
            if lanes.is_empty() {
                state.under_way.remove(destination);
            }
        }
    }

    /// Whether a commit has left something since.
    pub fn left_since(&self, left: u64) -> bool {
        self.state().left != left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(id: i64) -> Lane {
        Lane { id, fence: 1, destination: "c:x".to_owned(), heads: Vec::new() }
    }

    fn looked(hands: &Hands, found: &[Lane], room: usize) {
        hands.looked(
            found,
            &vec![("c:x".into(), room)],
            [("c:x".into(), 8)].into(),
            true,
            hands.ours().is_some(),
        );
    }

    fn reserved(hands: &Hands, wanted: usize) -> usize {
        hands.reserve(&[("c:x", wanted)].into(), |_| true).iter().map(|(_, n)| n).sum()
    }

    #[test]
    fn a_commit_keeps_nothing_before_a_look_nor_past_what_waits() {
        let hands = Hands::default();
        assert_eq!(reserved(&hands, 1), 0, "nobody has looked");
        looked(&hands, &[lane(1), lane(2)], 2);
        assert_eq!(reserved(&hands, 1), 0, "as many were found as were asked for: there may be more");
        looked(&hands, &[lane(3)], 2);
        assert_eq!(reserved(&hands, 5), 3, "6 of 8, 3 are under way");
        assert_eq!(hands.under_way("c:x"), 6);
        hands.give(&vec![("c:x".into(), 3)], vec![lane(4)], true);
        assert_eq!(hands.under_way("c:x"), 4, "what is not kept is free again");
        assert_eq!(reserved(&hands, 1), 0, "some were left in the store, and they go first");
        let given = hands.take();
        assert_eq!(given.iter().map(|given| given.lane.id).collect::<Vec<_>>(), [4]);
        assert!(hands.left_since(given[0].left));
        hands.settling("c:x", 1);
        assert_eq!((hands.under_way("c:x"), hands.room("c:x", 5)), (4, 2), "the turn of one is over");
        (1..=4).for_each(|id| hands.ended("c:x", id));
        looked(&hands, &[], 8);
        assert_eq!(reserved(&hands, 9), 6);
    }

    #[test]
    fn where_it_is_paused_shut_or_closed_nothing_is_kept() {
        let hands = Hands::default();
        looked(&hands, &[], 8);
        assert!(hands.reserve(&[("c:x", 1)].into(), |_| false).is_empty());
        assert_eq!(reserved(&hands, 1), 1);
        hands.shut("c:x");
        assert_eq!(reserved(&hands, 1), 0);
        looked(&hands, &[], 7);
        hands.close();
        assert_eq!(reserved(&hands, 1), 0);
        hands.looked(&[], &Vec::new(), HashMap::new(), true, false);
        assert_eq!(reserved(&hands, 1), 0, "it is not among those that may be kept any more");
    }

    #[test]
    fn what_may_be_held_unknown_is_looked_for_once_no_commit_is_under_way() {
        let hands = Hands::default();
        looked(&hands, &[lane(1)], 8);
        assert_eq!(hands.ours(), None);
        assert_eq!(reserved(&hands, 1), 1);
        hands.lose(&Vec::new());
        assert_eq!(hands.ours(), None, "a commit may still add to them");
        hands.give(&vec![("c:x".into(), 1)], vec![lane(2)], false);
        let mut ours = hands.ours().unwrap();
        ours.sort_unstable();
        assert_eq!(ours, [1, 2]);
        assert_eq!(reserved(&hands, 1), 0, "not before they are found");
        looked(&hands, &[], 6);
        assert_eq!((hands.ours(), reserved(&hands, 1)), (None, 1));
    }
}
