//! Which keys moved lately: what commits compare with what look-ups saw. In memory, because what a look-up saw ends with its process,
//! and so that nothing is kept of a key whose child was deleted. Never reads a clock and never grows beyond its bound.
//!
//! A look-up's answer carries the moment before its snapshot; it still stands when its key has not moved since. Moments are counted by
//! the writing thread and told when their transaction is committed: whoever sees an older one than its snapshot holds is asked to look
//! again, and nobody is believed who saw less than he says.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::values::{sql, trouble};

/// Moves that are remembered: some seconds under full load and several times what may be under way. Whoever looked before the oldest of
/// them looks again.
const REMEMBERED: usize = 1 << 16;

/// The last moment whose moves are committed; shared by the writing thread and the look-ups.
#[derive(Debug, Default)]
pub struct Moment(AtomicU64);

impl Moment {
    /// The moment a look-up answers with, taken before its snapshot.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// The beginning of a key's HMAC: two keys that share it are stale together, which is asked again and harms nobody.
type Short = u64;

fn short(key: &Tag) -> Short {
    let (short, _) = key.split_at(size_of::<Short>());
    short.iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet))
}

/// What moved, as the writing thread knows it.
pub struct Guards {
    moment: Arc<Moment>,
    /// This handle's name in the database: another one's means that keys moved that are not known here.
    name: String,
    /// Whether the name was looked at in the transaction under way.
    alone: bool,
    /// The last move of each key that is remembered.
    moved: HashMap<Short, u64>,
    /// Moves in their order, with the moment of each.
    order: VecDeque<(Short, u64)>,
    /// What was seen before this moment is not known to stand.
    oldest: u64,
    /// What the transaction under way moves, in order and to be found.
    moves: Vec<Short>,
    moving: HashSet<Short>,
}

impl Guards {
    /// Guards of a handle that was just opened on a database; from now on every other handle looks again.
    pub fn open(connection: &Connection) -> Stored<Guards> {
        let name = Uuid::new_v4().to_string();
        claim(connection, &name)?;
        Ok(Guards {
            moment: Arc::default(),
            name,
            alone: false,
            moved: HashMap::new(),
            order: VecDeque::new(),
            oldest: 0,
            moves: Vec::new(),
            moving: HashSet::new(),
        })
    }

    /// The moment that look-ups take.
    pub fn moment(&self) -> Arc<Moment> {
        self.moment.clone()
    }

    /// Whether a key has not moved since it was looked at.
    pub fn stands(&mut self, connection: &Connection, key: &Tag, seen: u64) -> Stored<bool> {
        self.look(connection)?;
        let key = short(key);
        let moved = self.moved.get(&key).is_some_and(|moved| *moved > seen) || self.moving.contains(&key);
        Ok(self.oldest <= seen && seen <= self.moment.now() && !moved)
    }

    /// A key moves with the transaction under way.
    pub fn bump(&mut self, connection: &Connection, key: &Tag) -> Stored<()> {
        self.look(connection)?;
        let key = short(key);
        if self.moving.insert(key) {
            self.moves.push(key);
        }
        Ok(())
    }

    /// How much the transaction moves so far; see [`Guards::back_to`].
    pub fn so_far(&self) -> usize {
        self.moves.len()
    }

    /// A piece of work was undone: what it moved has not moved.
    pub fn back_to(&mut self, so_far: usize) {
        for key in self.moves.drain(so_far..) {
            self.moving.remove(&key);
        }
    }

    /// The transaction has ended: committed, its moves are told; undone, nothing has moved.
    pub fn ended(&mut self, committed: bool) {
        self.alone = false;
        self.moving.clear();
        if !committed {
            self.moves.clear();
        }
        let next = self.moment.now() + 1;
        // Where another handle has written, also an undone transaction begins a new moment: nobody's older one stands.
        if self.moves.is_empty() && self.oldest < next {
            return;
        }
        for key in self.moves.drain(..) {
            self.moved.insert(key, next);
            self.order.push_back((key, next));
        }
        while self.order.len() > REMEMBERED {
            let Some((key, moment)) = self.order.pop_front() else { break };
            self.oldest = moment;
            if self.moved.get(&key) == Some(&moment) {
                self.moved.remove(&key);
            }
        }
        self.moment.0.store(next, Ordering::Release);
    }

    /// Looks, once in a transaction, whether another handle has written since: then nothing stands that was seen before.
    fn look(&mut self, connection: &Connection) -> Stored<()> {
        if self.alone {
            return Ok(());
        }
        let mut get = connection.prepare_cached(sql!("meta_get")).map_err(trouble)?;
        let name: Option<String> = get.query_row([WRITER], |r| r.get(0)).optional().map_err(trouble)?;
        if name.as_ref() != Some(&self.name) {
            claim(connection, &self.name)?;
            self.oldest = self.moment.now() + 1;
        }
        self.alone = true;
        Ok(())
    }
}

/// The fact about a store that names the handle which wrote last.
const WRITER: &str = "writer";

fn claim(connection: &Connection, name: &str) -> Stored<()> {
    let mut put = connection.prepare_cached(sql!("meta_put")).map_err(trouble)?;
    put.execute([WRITER, name]).map(drop).map_err(trouble)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)").unwrap();
        connection
    }

    fn key(n: u64) -> Tag {
        let mut key = Tag::default();
        key[..8].copy_from_slice(&n.to_be_bytes());
        key
    }

    fn transaction(guards: &mut Guards, connection: &Connection, keys: &[u64], committed: bool) {
        connection.execute_batch("BEGIN").unwrap();
        for n in keys {
            guards.bump(connection, &key(*n)).unwrap();
        }
        connection.execute_batch(if committed { "COMMIT" } else { "ROLLBACK" }).unwrap();
        guards.ended(committed);
    }

    #[test]
    fn what_is_forgotten_counts_as_moved() {
        let connection = database();
        let mut guards = Guards::open(&connection).unwrap();
        let before = guards.moment.now();
        let many: Vec<u64> = (0..REMEMBERED as u64).collect();
        transaction(&mut guards, &connection, &many[..1], true);
        let between = guards.moment.now();
        transaction(&mut guards, &connection, &many[1..], true);
        assert!(guards.stands(&connection, &key(u64::MAX), before).unwrap(), "all of it is remembered");
        transaction(&mut guards, &connection, &[u64::MAX - 1], true);
        assert!(!guards.stands(&connection, &key(u64::MAX), before).unwrap());
        assert!(guards.stands(&connection, &key(0), between).unwrap(), "nothing later was forgotten");
        assert!(guards.moved.len() <= REMEMBERED && guards.order.len() <= REMEMBERED);
    }

    #[test]
    fn a_piece_that_was_undone_moved_nothing() {
        let connection = database();
        let mut guards = Guards::open(&connection).unwrap();
        let seen = guards.moment.now();
        guards.bump(&connection, &key(1)).unwrap();
        let so_far = guards.so_far();
        for n in [1, 2] {
            guards.bump(&connection, &key(n)).unwrap();
        }
        guards.back_to(so_far);
        let stands = |guards: &mut Guards, n| guards.stands(&connection, &key(n), seen).unwrap();
        assert!(!stands(&mut guards, 1) && stands(&mut guards, 2), "inside the transaction");
        guards.ended(true);
        assert!(!stands(&mut guards, 1) && stands(&mut guards, 2));
    }

    #[test]
    fn what_another_handle_wrote_is_not_known() {
        let connection = database();
        let mut one = Guards::open(&connection).unwrap();
        let seen = one.moment.now();
        assert!(one.stands(&connection, &key(1), seen).unwrap());
        one.ended(true);
        let mut two = Guards::open(&connection).unwrap();
        transaction(&mut two, &connection, &[1], true);
        assert!(!one.stands(&connection, &key(1), seen).unwrap());
        one.ended(false);
        let seen = one.moment.now();
        assert!(one.stands(&connection, &key(1), seen).unwrap(), "who looks again sees what was written");
        one.ended(true);
        assert!(!two.stands(&connection, &key(1), two.moment.now()).unwrap(), "and the other way round");
    }

    proptest! {
        /// With one handle and little to remember a look stands exactly as long as its key has not moved.
        #[test]
        fn a_look_stands_until_its_key_moves(
            steps in prop::collection::vec((prop::collection::vec(0_u64..6, 0..4), any::<bool>()), 0..20)
        ) {
            let connection = database();
            let mut guards = Guards::open(&connection).unwrap();
            let mut looks: Vec<(u64, u64, bool)> = Vec::new();
            for (keys, committed) in steps {
                let now = guards.moment.now();
                looks.extend((0..6).map(|n| (n, now, true)));
                transaction(&mut guards, &connection, &keys, committed);
                for (n, seen, unmoved) in &mut looks {
                    *unmoved &= !(committed && keys.contains(n));
                    prop_assert_eq!(guards.stands(&connection, &key(*n), *seen).unwrap(), *unmoved);
                }
            }
        }
    }
}
