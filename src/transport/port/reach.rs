//! Which far ends have answered, and how often: whoever asks there for whatever reason says so, and who waits for a far end learns that it
//! is there again. Names of connections and destinations only; decides nothing, and is forgotten with the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How often each far end has answered since the process began; cheap to copy, all copies are one.
#[derive(Clone, Debug, Default)]
pub struct Reached(Arc<Mutex<HashMap<String, u64>>>);

impl Reached {
    /// A far end has answered as one that is there and not in trouble itself: a poll, a question, a look, an order. `far_end` is its
    /// connection, or a destination (`connection:partner`) where each partner has a far end of its own.
    pub fn answered(&self, far_end: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(far_end) {
            Some(times) => *times = times.wrapping_add(1),
            None => drop(all.insert(far_end.to_owned(), 1)),
        }
    }

    /// How often the far end of a destination has answered, by its own name and by that of its connection.
    pub fn times(&self, destination: &str) -> u64 {
        let connection = destination.split_once(':').map(|(connection, _)| connection);
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |name: &str| all.get(name).copied().unwrap_or_default();
        of(destination).wrapping_add(connection.map_or(0, of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_reached_by_its_own_name_and_by_that_of_its_connection() {
        let reached = Reached::default();
        reached.answered("broker");
        reached.clone().answered("broker:amt");
        reached.answered("broker:other");
        assert_eq!((reached.times("broker:amt"), reached.times("broker:new")), (2, 1));
        assert_eq!(reached.times("elsewhere:amt"), 0);
    }
}
