//! What every part of the store stands on: connections, keys, numbers, stamps, months. Never decides anything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;

use crate::envelope::Stage;
use crate::store::error::StoreError;
use crate::store::postgres::ask::{one, rows, run};
use crate::store::postgres::beside::Beside;
use crate::store::postgres::keyring::Keyring;
use crate::store::postgres::pool::Db;
use crate::store::postgres::values::{get, month, sql};
use crate::store::sealing::claim_file::Folder;
use crate::store::sealing::values::{StampKey, Stored, later, limit, micros, stage_of, stamp_key, time};
use crate::store::stamp::Stamp;

/// How many handles of each finished claim are in this process's memory.
pub type Holders = Mutex<HashMap<String, usize>>;

/// The base of an opened store.
pub struct Base {
    /// Connections to the house's database.
    pub db: Db,
    /// The keys.
    pub keyring: Keyring,
    /// The stage.
    pub stage: Stage,
    /// The number of this process; 0 where it only reads.
    pub lauf: i64,
    /// The folder of claims.
    pub claims: Folder,
    /// Finished claims of which a handle is in memory.
    pub holders: Holders,
    /// What is kept beside the database of what was acknowledged; `None` where it only reads.
    pub beside: Option<Beside>,
    stamps: Mutex<HashMap<StampKey, i64>>,
    months: Mutex<HashSet<i64>>,
    /// When the epoch was counted on because something was written, by the callers' clock.
    counted: AtomicI64,
    /// When leases that are over were looked for, by the callers' clock.
    looked: AtomicI64,
}

/// Leases that are over are looked for once in this time: they last far longer, and the look walks by all that were ended lately.
const LOOK: Duration = Duration::from_secs(1);
/// Where something is written the epoch is counted on once in this time.
const COUNT: Duration = Duration::from_secs(60);

impl Base {
    /// The base of a store.
    pub fn new(
        (db, keyring): (Db, Keyring),
        stage: Stage,
        lauf: i64,
        (claims, beside): (Folder, Option<Beside>),
    ) -> Base {
        let looked = AtomicI64::new(i64::MAX);
        let counted = AtomicI64::new(i64::MIN);
        let (holders, stamps, months) = Default::default();
        Base { db, keyring, stage, lauf, claims, holders, beside, stamps, months, counted, looked }
    }

    /// Returns when what this process has seen confirmed is known beside the database: whoever is told before that could be told of what nobody
    /// misses afterwards.
    pub async fn acknowledged(&self) -> Stored<()> {
        match &self.beside {
            Some(beside) => beside.durable().await,
            None => Ok(()),
        }
    }

    /// Whether it is time to count the epoch on, so that a database that goes back without its keys goes back behind them.
    pub fn counts_epoch(&self, now: Timestamp) -> bool {
        let counted = self.counted.load(Ordering::Relaxed);
        // The start has counted it.
        let first = counted == i64::MIN;
        let due = !first && (micros(now) < counted || micros(now) >= later(time(counted), COUNT));
        if first || due {
            self.counted.store(micros(now), Ordering::Relaxed);
        }
        due
    }

    /// Whether it is time to look for leases that are over; where it is, the next time is not before a while. A clock that has
    /// gone back is a reason to look.
    pub fn looks_for_leases(&self, now: Timestamp) -> bool {
        let looked = self.looked.load(Ordering::Relaxed);
        let due = micros(now) < looked || micros(now) >= later(time(looked), LOOK);
        if due {
            self.looked.store(micros(now), Ordering::Relaxed);
        }
        due
    }

    /// The number of a stamp's combination; made outside of the caller's transaction, because it stays right in any case.
    pub async fn stamp(&self, stamp: &Stamp) -> Stored<i64> {
        let key = stamp_key(stamp);
        if let Some(nr) = self.stamps.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(*nr);
        }
        let client = self.db.get().await?;
        let nr = {
            let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
                &[&key.0, &key.1, &key.2, &key.3, &key.4, &key.5, &key.6, &key.7, &key.8];
            let mut found = one(&client, sql!("stamp_find"), values).await?;
            if found.is_none() {
                run(&client, sql!("stamp_add"), values).await?;
                found = one(&client, sql!("stamp_find"), values).await?;
            }
            let lost = || StoreError::Later("the attributes of a row cannot be written".into());
            get(&found.ok_or_else(lost)?, 0)?
        };
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        // Bounded: persons make combinations without end.
        if stamps.len() > 10_000 {
            stamps.clear();
        }
        stamps.insert(key, nr);
        Ok(nr)
    }

    /// Makes sure that rows of this time have a place; returns their month.
    pub async fn month(&self, at: Timestamp) -> Stored<i64> {
        let month = month(at);
        if !self.months.lock().unwrap_or_else(PoisonError::into_inner).contains(&month) {
            let client = self.db.get().await?;
            let word = i32::try_from(month).unwrap_or(i32::MAX);
            one(&client, sql!("month_make"), &[&word]).await?;
            self.months.lock().unwrap_or_else(PoisonError::into_inner).insert(month);
        }
        Ok(month)
    }
}

impl Base {
    /// Says that a month has lost its partitions: a row of that time, should one come, makes them anew.
    pub fn forget_month(&self, month: i64) {
        self.months.lock().unwrap_or_else(PoisonError::into_inner).remove(&month);
    }
}

/// Running numbers, drawn at once for a transaction.
#[derive(Debug)]
pub struct Numbers {
    drawn: VecDeque<i64>,
    month: i64,
}

impl Numbers {
    /// Draws so many for rows of a month.
    pub async fn draw(on: &impl GenericClient, month: i64, n: usize) -> Stored<Numbers> {
        let drawn = match n {
            0 => VecDeque::new(),
            n => rows(on, sql!("numbers"), &[&limit(n)])
                .await?
                .iter()
                .map(|row| get(row, 0))
                .collect::<Stored<_>>()?,
        };
        Ok(Numbers { drawn, month })
    }

    /// So many of them for a part of the transaction that runs beside others.
    pub fn part(&mut self, n: usize) -> Numbers {
        let n = n.min(self.drawn.len());
        Numbers { drawn: self.drawn.drain(..n).collect(), month: self.month }
    }

    /// A number of a row that lasts.
    pub fn lasting(&mut self) -> Stored<i64> {
        self.drawn.pop_front().ok_or_else(|| StoreError::Later("too few numbers were drawn".into()))
    }

    /// A number of a row that goes with its month.
    pub fn passing(&mut self) -> Stored<i64> {
        Ok((self.month << 40) + self.lasting()?)
    }
}

/// The attributes behind numbers of stamps, without trace context.
pub async fn stamps(on: &impl GenericClient, numbers: &[i64]) -> Stored<HashMap<i64, Stamp>> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    rows(on, sql!("stamp_get"), &[&numbers])
        .await?
        .iter()
        .map(|r| {
            let stage: String = get(r, 4)?;
            let stamp = Stamp {
                mandant: get(r, 1)?,
                partner: get(r, 2)?,
                how: get(r, 3)?,
                stage: stage_of(&stage)?,
                test: get(r, 5)?,
                key_id: get(r, 6)?,
                acting_person: get(r, 7)?,
                doc_version: get(r, 8)?,
                traceparent: String::new(),
                decided_by: get(r, 9)?,
            };
            Ok((get(r, 0)?, stamp))
        })
        .collect()
}

/// What a missing stamp means.
pub fn no_stamp() -> StoreError {
    StoreError::Corrupt("a row names attributes that are missing".into())
}
