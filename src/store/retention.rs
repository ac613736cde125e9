//! What a store keeps no longer: a plan that tells what would go, and the work itself in slices, each in one transaction
//! with its audit row. Knows no schedule; times and the civil day are the caller's. Never tells a person's data.

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::register::fristen::{Fristen, Klasse};
use crate::store::error::StoreError;

/// As of when, under which periods, and by whom.
#[derive(Clone, Debug)]
pub struct Stichtag {
    /// Now.
    pub now: Timestamp,
    /// The civil date in Germany at that moment, on which birthdays depend.
    pub heute: Date,
    /// The periods.
    pub fristen: Fristen,
    /// The person that ordered it; empty for the schedule.
    pub person: String,
}

impl Stichtag {
    /// When the civil day began: who is of age is so from then on.
    pub fn beginn(&self) -> Timestamp {
        let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
        self.heute.to_zoned(zone).map_or(self.now, |day| day.timestamp().min(self.now))
    }
}

/// How much longer a run may take, or begin later, than one that it overlaps with: what has noted that it goes further than that is of a
/// clock that was wrong, and nobody waits for it.
const OVERLAP: SignedDuration = SignedDuration::from_hours(31 * 24);

impl Stichtag {
    /// Whether a pass that is noted for another moment is that of a run that began later than this one and goes further. Two runs that
    /// overlap at the end of a month would else begin each other's pass anew with every slice, and neither would come to an end.
    pub fn ueberholt(&self, klasse: Klasse, noted: Timestamp) -> bool {
        let latest = self.now.checked_add(OVERLAP).unwrap_or(self.now);
        noted > self.fristen.grenze(klasse, self.now) && noted <= self.fristen.grenze(klasse, latest)
    }
}

/// How long deliveries are remembered by their moments, microseconds: longer than any Bestandsmeldung counts. They go with the tombstones;
/// the newest of each partner stays.
pub const DELIVERIES: i64 = 35 * 24 * 3600 * 1_000_000;

/// What is over of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Faellig {
    /// The class.
    pub klasse: Klasse,
    /// How many rows would go now.
    pub anzahl: u64,
    /// When the oldest of them was written, last changed or became due; `None` where nothing goes or no time may be told.
    pub aelteste: Option<Timestamp>,
    /// What was written before this moment is over.
    pub bis: Timestamp,
    /// How many more go within the time of warning; only of what waits for a person.
    pub bald: u64,
    /// How many can never become due, because no date is known; only of Registersätze.
    pub ohne_datum: u64,
}

impl Faellig {
    /// Nothing of a class.
    pub fn nichts(klasse: Klasse, stichtag: &Stichtag) -> Faellig {
        let bis = stichtag.fristen.grenze(klasse, stichtag.now);
        Faellig { klasse, anzahl: 0, aelteste: None, bis, bald: 0, ohne_datum: 0 }
    }
}

/// What one slice did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheibe {
    /// The class it worked on.
    pub klasse: Klasse,
    /// How many rows went; 0 where the slice only made ready.
    pub anzahl: u64,
}

/// Retention of a store.
#[async_trait]
pub trait Retention: Send + Sync {
    /// What would go now, class by class in the order of the rules; changes nothing and reads all that is over, so it takes a
    /// while on a large store.
    async fn retention_plan(&self, stichtag: &Stichtag) -> Result<Vec<Faellig>, StoreError>;

    /// Does the next slice of at most so many rows in one transaction, audited; `None` when nothing is over or another
    /// process does this work right now. Done again after a crash it goes on where the last whole slice ended. On
    /// PostgreSQL a month that is over goes whole, whatever the limit.
    async fn retain(&self, stichtag: &Stichtag, limit: usize) -> Result<Option<Scheibe>, StoreError>;
}
