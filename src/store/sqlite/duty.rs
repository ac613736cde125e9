//! Duties of the embedded store: its one process holds them all, at once and for as long as it runs, so they are kept in memory
//! and end with it. Never written to the file: nobody else could act under them, and nobody is kept waiting after a crash.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::store::duty::{Ask, Duty, Holding, LONGEST, Taken};
use crate::store::sealing::values::{later, time};

/// The duties of one opened store.
#[derive(Debug, Default)]
pub struct Roster(Mutex<BTreeMap<String, Row>>);

#[derive(Debug)]
struct Row {
    fence: i64,
    /// `None`: given back; the fence stays.
    holding: Option<Holding>,
}

impl Roster {
    /// Takes or renews.
    pub fn take(&self, ask: &Ask) -> Taken {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(ask.name.clone()).or_insert(Row { fence: 0, holding: None });
        let until = time(later(ask.now, ask.lease.min(LONGEST)));
        if let Some(held) = &mut row.holding {
            let own = held.worker == ask.worker;
            if own && ask.fence == Some(row.fence) {
                held.until = until;
                return Taken::Held(Duty { name: ask.name.clone(), fence: row.fence });
            }
            if !own && held.holds(ask.now) {
                return Taken::Other { worker: held.worker.clone(), until: held.until };
            }
        }
        row.fence += 1;
        let (name, worker) = (ask.name.clone(), ask.worker.clone());
        row.holding = Some(Holding { name, worker, fence: row.fence, since: ask.now, until });
        Taken::Held(Duty { name: ask.name.clone(), fence: row.fence })
    }

    /// Gives back; `false` when the fence is stale.
    pub fn give_back(&self, duty: &Duty) -> bool {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get_mut(&duty.name).filter(|row| row.fence == duty.fence);
        row.is_some_and(|row| row.holding.take().is_some())
    }

    /// Those that were taken and not given back.
    pub fn list(&self) -> Vec<Holding> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.values().filter_map(|row| row.holding.clone()).collect()
    }

    /// Whether acts under this fence are done; asked inside the piece of work that acts.
    pub fn holds(&self, duty: &Duty) -> bool {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(&duty.name).is_some_and(|row| row.fence == duty.fence && row.holding.is_some())
    }
}
