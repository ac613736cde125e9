//! Lookups, gathered over runs and asked in batches, under leased guard keys.
//! A key is held from lookup to commit, so no two runs of this process decide on the same state at once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::effects::GuardKey;

use super::core::{Ask, Core, LookupOrder, Task, busy};
use super::points::Point;

/// Which run holds or wants which key, first come first served.
///
/// A run asks for all keys of a round at once and takes its place in all queues at once, so rounds cannot block each other in a
/// circle; a run that already holds keys and meets a held one gives up and is rerun asking for all of them together.
pub struct Leases<K> {
    queues: HashMap<K, VecDeque<u64>>,
    wants: HashMap<u64, Vec<K>>,
    next: u64,
}

impl<K> Default for Leases<K> {
    fn default() -> Self {
        Leases { queues: HashMap::new(), wants: HashMap::new(), next: 0 }
    }
}

impl<K: Clone + Eq + std::hash::Hash> Leases<K> {
    /// Takes a place for these keys; returns the place and whether all of them are held at once.
    pub fn ask(&mut self, keys: Vec<K>) -> (u64, bool) {
        let place = self.next;
        self.next += 1;
        for key in &keys {
            self.queues.entry(key.clone()).or_default().push_back(place);
        }
        self.wants.insert(place, keys);
        (place, self.granted(place))
    }

    /// Whether a place is the first in all its queues.
    pub fn granted(&self, place: u64) -> bool {
        self.wants.get(&place).is_some_and(|keys| {
            keys.iter().all(|key| self.queues.get(key).and_then(VecDeque::front) == Some(&place))
        })
    }

    /// True when nobody holds or wants any of these keys.
    pub fn free(&self, keys: &[K]) -> bool {
        keys.iter().all(|key| !self.queues.contains_key(key))
    }

    /// Ends the holding of keys; returns the places that may be granted now.
    pub fn release(&mut self, keys: &[K]) -> Vec<u64> {
        let mut freed = HashSet::new();
        for key in keys {
            let Some(queue) = self.queues.get_mut(key) else { continue };
            if let Some(holder) = queue.pop_front()
                && let Some(wanted) = self.wants.get_mut(&holder)
            {
                wanted.retain(|other| other != key);
                if wanted.is_empty() {
                    self.wants.remove(&holder);
                }
            }
            match queue.front() {
                Some(next) => {
                    freed.insert(*next);
                }
                None => {
                    self.queues.remove(key);
                }
            }
        }
        let mut granted: Vec<u64> = freed.into_iter().filter(|place| self.granted(*place)).collect();
        granted.sort_unstable();
        granted
    }
}

/// Runs the room until all senders are gone.
pub async fn run(core: Arc<Core>, mut orders: mpsc::UnboundedReceiver<LookupOrder>) {
    let mut leases = Leases::default();
    let mut waiting: HashMap<u64, Ask> = HashMap::new();
    let mut batch: Vec<Ask> = Vec::new();
    while let Some(first) = orders.recv().await {
        let mut next = Some(first);
        while let Some(order) = next.take() {
            take(&core, order, &mut leases, &mut waiting, &mut batch);
            if batch.len() < core.settings.batch {
                next = orders.try_recv().ok();
            }
        }
        if !batch.is_empty() {
            look_up(&core, std::mem::take(&mut batch)).await;
        }
    }
}

fn take(
    core: &Core,
    order: LookupOrder,
    leases: &mut Leases<GuardKey>,
    waiting: &mut HashMap<u64, Ask>,
    batch: &mut Vec<Ask>,
) {
    match order {
        LookupOrder::Release(keys) => {
            for place in leases.release(&keys) {
                batch.extend(waiting.remove(&place));
            }
        }
        LookupOrder::Ask(mut ask) => {
            let mut keys: Vec<GuardKey> = ask.questions.iter().map(|question| question.key()).collect();
            let holds = !ask.run.leased.is_empty();
            if !holds {
                keys.extend(ask.run.ground.prior.iter().cloned());
            }
            keys.sort_unstable();
            keys.dedup();
            // A shared bucket is nobody's alone: two runs may decide on it at once, and commit compares it.
            keys.retain(|key| !key.shared() && !ask.run.leased.contains(key));
            if keys.is_empty() {
                batch.push(ask);
                return;
            }
            if holds && !leases.free(&keys) {
                give_up(core, ask, keys, leases, waiting, batch);
                return;
            }
            ask.run.leased.extend(keys.iter().cloned());
            let (place, granted) = leases.ask(keys);
            if granted {
                batch.push(ask);
            } else {
                waiting.insert(place, ask);
            }
        }
    }
}

/// A run that holds keys must not wait for others: it starts again and asks for all of them together.
fn give_up(
    core: &Core,
    ask: Ask,
    keys: Vec<GuardKey>,
    leases: &mut Leases<GuardKey>,
    waiting: &mut HashMap<u64, Ask>,
    batch: &mut Vec<Ask>,
) {
    let Ask { run, ticket, .. } = ask;
    let mut ground = run.ground;
    for place in leases.release(&run.leased) {
        batch.extend(waiting.remove(&place));
    }
    ground.prior = run.leased.into_iter().chain(keys).collect();
    let _ = core.ready.send(Task::Deliver(ground, ticket));
}

async fn look_up(core: &Arc<Core>, asks: Vec<Ask>) {
    if core.points.reach(Point::BeforeLookup).is_err() {
        return;
    }
    let questions = asks.iter().flat_map(|ask| ask.questions.iter().cloned()).collect();
    let answers = core.store.lookup(questions).await;
    if core.points.reach(Point::AfterLookup).is_err() {
        return;
    }
    match answers {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for Ask { mut run, questions, ticket } in asks {
                run.answer(answers.by_ref().take(questions.len()).collect());
                let _ = core.ready.send(Task::Continue(run, ticket));
            }
        }
        Err(error) => {
            core.store_failed(&error);
            for Ask { run, ticket, .. } in asks {
                core.release(run.leased);
                ticket.tell(Err(busy("the store cannot look up now")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_held_first_come_first_served() {
        let mut leases = Leases::default();
        let (a, held) = leases.ask(vec![1, 2]);
        assert!(held && leases.granted(a));
        let (b, held) = leases.ask(vec![2, 3]);
        assert!(!held);
        let (c, held) = leases.ask(vec![3]);
        assert!(!held, "c must not pass b");
        assert_eq!(leases.release(&[1, 2]), vec![b]);
        assert_eq!(leases.release(&[2, 3]), vec![c]);
        assert!(leases.release(&[3]).is_empty());
        assert!(leases.free(&[1, 2, 3]) && leases.wants.is_empty());
    }

    #[test]
    fn a_place_waits_for_all_its_keys() {
        let mut leases = Leases::default();
        leases.ask(vec![1]);
        leases.ask(vec![2]);
        let (both, held) = leases.ask(vec![1, 2]);
        assert!(!held);
        assert!(leases.release(&[1]).is_empty());
        assert_eq!(leases.release(&[2]), vec![both]);
    }
}
