//! What this process has written, so that each new connection proves that it leads there: to the same history, and to none that ends
//! before what was acknowledged. A fail-over to a standby that lags is seen before anything is read or written on it.
//!
//! Each transaction that writes counts on one row of the process (table `mark`), at a place that no other open transaction of it has, so
//! that none waits for another. What the server has confirmed is remembered here. The log of the server is one line: a database that
//! holds the last count of every place holds everything that was confirmed before. It proves nothing of what other processes wrote;
//! each asks for its own. Never decides what becomes of the house.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_postgres::{ClientWrapper, HookError};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::store::postgres::ask::{Tx, run};
use crate::store::postgres::values::sql;
use crate::store::sealing::values::Stored;

/// What one process has written.
pub struct Witness {
    /// A number that no other process draws, in this history or another one.
    process: Uuid,
    counted: AtomicI64,
    places: Mutex<Vec<Place>>,
    lost: AtomicBool,
    changed: Notify,
}

/// A place: the last count that the server has confirmed there, and whether a transaction has it now.
#[derive(Clone, Copy, Default)]
struct Place {
    confirmed: i64,
    taken: bool,
}

/// What a database shows of what was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Whole,
    /// So many transactions are missing.
    Missing(i64),
}

impl Witness {
    /// Of a process that has written nothing yet.
    pub fn new() -> Arc<Witness> {
        Arc::new(Witness {
            process: Uuid::new_v4(),
            counted: AtomicI64::new(0),
            places: Mutex::default(),
            lost: AtomicBool::new(false),
            changed: Notify::new(),
        })
    }

    /// The number of this process.
    pub fn process(&self) -> Uuid {
        self.process
    }

    /// The last count of each place that the server has confirmed.
    pub fn confirmed(&self) -> Vec<i64> {
        self.places().iter().map(|place| place.confirmed).collect()
    }

    /// Returns when more is confirmed than before, to one listener.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a connection led to a database that lacks what was confirmed; nothing is read or written from then on.
    pub fn lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// A turn of a transaction that writes.
    pub fn turn(self: &Arc<Witness>) -> Turn {
        let n = self.counted.fetch_add(1, Ordering::Relaxed) + 1;
        let mut places = self.places();
        let at = places.iter().position(|place| !place.taken).unwrap_or_else(|| {
            places.push(Place::default());
            places.len() - 1
        });
        places[at].taken = true;
        Turn { witness: self.clone(), at, n }
    }

    /// Lets a new connection prove that it leads to this history. Where it does not, the database is marked as one that was put back,
    /// before anybody else can use it through us.
    pub async fn prove(&self, client: &ClientWrapper) -> Result<(), HookError> {
        // Prepared here once for all: behind a look-up of its own it would come after what the transaction does first.
        client.prepare_cached(sql!("mark_set")).await.map_err(HookError::Backend)?;
        // Before the database is asked: what is confirmed meanwhile makes it younger, never older.
        let confirmed = self.confirmed();
        if confirmed.iter().all(|n| *n == 0) {
            return Ok(());
        }
        let rows = client.query(sql!("mark_get"), &[&self.process]).await.map_err(HookError::Backend)?;
        let mut there = Vec::with_capacity(rows.len());
        for row in &rows {
            let of = |at| row.try_get::<_, i64>(at).map_err(HookError::Backend);
            there.push((of(0)?, of(1)?));
        }
        let Shown::Missing(transactions) = shown(&confirmed, &there) else { return Ok(()) };
        self.lost.store(true, Ordering::Release);
        client.execute(sql!("recovery_lost"), &[&transactions]).await.map_err(HookError::Backend)?;
        Err(HookError::message("the database is older than what this process has acknowledged"))
    }
}

/// What a database shows that holds these counts by place.
pub fn shown(confirmed: &[i64], there: &[(i64, i64)]) -> Shown {
    let at =
        |place: usize| there.iter().find(|(at, _)| usize::try_from(*at) == Ok(place)).map_or(0, |(_, n)| *n);
    let whole = confirmed.iter().enumerate().all(|(place, n)| at(place) >= *n);
    let newest = |counts: &mut dyn Iterator<Item = i64>| counts.max().unwrap_or(0);
    match whole {
        true => Shown::Whole,
        false => {
            let (ours, theirs) =
                (newest(&mut confirmed.iter().copied()), newest(&mut there.iter().map(|(_, n)| *n)));
            Shown::Missing((ours - theirs).max(1))
        }
    }
}

/// The turn of one transaction; its place is free again when it is dropped.
pub struct Turn {
    witness: Arc<Witness>,
    at: usize,
    n: i64,
}

impl Turn {
    /// Counts on, inside the transaction.
    pub async fn mark(&self, tx: &Tx<'_>) -> Stored<()> {
        let place = i64::try_from(self.at).unwrap_or(i64::MAX);
        run(tx, sql!("mark_set"), &[&self.witness.process, &place, &self.n]).await.map(drop)
    }

    /// The server has confirmed the transaction. One whose end nobody heard of may be there or not, and proves nothing.
    pub fn confirmed(self) {
        let mut places = self.witness.places();
        places[self.at].confirmed = places[self.at].confirmed.max(self.n);
        drop(places);
        self.witness.changed.notify_one();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.witness.places()[self.at].taken = false;
    }
}

/// Counts on where there is a turn.
pub async fn mark(turn: Option<&Turn>, tx: &Tx<'_>) -> Stored<()> {
    match turn {
        Some(turn) => turn.mark(tx).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_whole_that_holds_the_last_count_of_every_place() {
        for (confirmed, there, expected) in [
            (&[][..], &[][..], Shown::Whole),
            (&[3, 4], &[(0, 3), (1, 4)], Shown::Whole),
            // The end of a transaction that nobody heard of.
            (&[3, 4], &[(0, 7), (1, 4), (2, 9)], Shown::Whole),
            (&[3, 0], &[(0, 3)], Shown::Whole),
            (&[3, 4], &[(0, 3), (1, 2)], Shown::Missing(1)),
            (&[3, 40], &[(0, 3), (1, 2)], Shown::Missing(37)),
            (&[3], &[], Shown::Missing(3)),
            // Another place is younger there: one that was confirmed is missing all the same.
            (&[3, 4], &[(0, 2), (1, 9)], Shown::Missing(1)),
        ] {
            assert_eq!(shown(confirmed, there), expected, "{confirmed:?} {there:?}");
        }
    }

    #[test]
    fn no_two_transactions_that_are_open_have_one_place() {
        let witness = Witness::new();
        let (one, two) = (witness.turn(), witness.turn());
        assert_eq!((one.at, two.at), (0, 1));
        one.confirmed();
        let three = witness.turn();
        assert_eq!((three.at, three.n), (0, 3));
        drop(three);
        two.confirmed();
        assert_eq!(witness.confirmed(), [1, 2], "what was broken off counts nothing");
    }
}
