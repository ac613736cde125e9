//! What a piece of work of the writing thread sees inside its transaction, and how that thread is woken. Begins and ends no transaction.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use crate::envelope::Stage;
use crate::seal::index::Tag;
use crate::store::sealing::values::{StampKey, Stored, stage_of, stamp_key};
use crate::store::sqlite::guards::Guards;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::stamp::Stamp;

/// What a piece of work sees inside the transaction.
pub struct Scene<'a> {
    /// The writing connection, inside a transaction.
    pub connection: &'a Connection,
    /// The keys.
    pub keyring: &'a Keyring,
    pub(super) guards: &'a mut Guards,
    pub(super) stamps: &'a mut HashMap<StampKey, i64>,
    pub(super) destroys: &'a mut bool,
    /// Why what this piece of work deletes is deleted: a class for the ledger.
    pub why: &'static str,
}

impl Scene<'_> {
    /// The number of a stamp's combination.
    pub fn stamp(&mut self, stamp: &Stamp) -> Stored<i64> {
        let key = stamp_key(stamp);
        if let Some(row) = self.stamps.get(&key) {
            return Ok(*row);
        }
        let values = params![key.0, key.1, key.2, key.3, key.4, key.5, key.6, key.7, key.8];
        self.run(sql!("stamp_add"), values)?;
        let mut find = self.connection.prepare_cached(sql!("stamp_find")).map_err(trouble)?;
        let row = find.query_row(values, |r| r.get(0)).map_err(trouble)?;
        // Bounded: persons make combinations without end.
        if self.stamps.len() > 10_000 {
            self.stamps.clear();
        }
        self.stamps.insert(key, row);
        Ok(row)
    }

    /// Whether nothing was written under a key since it was looked at.
    pub fn stands(&mut self, key: &Tag, seen: u64) -> Stored<bool> {
        self.guards.stands(self.connection, key, seen)
    }

    /// What rests on these keys is decided again.
    pub fn bump<'k>(&mut self, keys: impl IntoIterator<Item = &'k Tag>) -> Stored<()> {
        keys.into_iter().try_for_each(|key| self.guards.bump(self.connection, key))
    }

    /// Runs one statement; returns how many rows it changed.
    pub fn run(&self, sql: &str, values: impl rusqlite::Params) -> Stored<usize> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.execute(values)).map_err(trouble)
    }

    /// Says that keys are to be destroyed, and deletions to be written in the ledger, once this is committed.
    pub fn destroys_keys(&mut self) {
        *self.destroys = true;
    }
}

/// The attributes behind a stamp's number, without trace context.
pub fn stamp_of(connection: &Connection, row: i64) -> Stored<Stamp> {
    let mut get = connection.prepare_cached(sql!("stamp_get")).map_err(trouble)?;
    let (stage, stamp): (String, Stamp) = get
        .query_row([row], |r| {
            let stamp = Stamp {
                mandant: r.get(0)?,
                partner: r.get(1)?,
                how: r.get(2)?,
                stage: Stage::Produktion,
                test: r.get(4)?,
                key_id: r.get(5)?,
                acting_person: r.get(6)?,
                doc_version: r.get(7)?,
                traceparent: String::new(),
                decided_by: r.get(8)?,
            };
            Ok((r.get(3)?, stamp))
        })
        .map_err(trouble)?;
    Ok(Stamp { stage: stage_of(&stage)?, ..stamp })
}

/// A piece of work of the writing thread.
pub trait Work: Send {
    /// Does it.
    fn act(&mut self, scene: &mut Scene<'_>) -> Stored<()>;
    /// Says to whom it was done for how it ended.
    fn answer(self: Box<Self>, ended: Stored<()>);
}

/// Wakes the writing thread, so that it looks what there is to clear away; holds nobody up and does not keep the thread alive.
#[derive(Debug)]
pub struct Nudge(pub(super) mpsc::WeakSender<Box<dyn Work>>);

impl Nudge {
    /// Wakes it; where it is busy it looks by itself.
    pub fn now(&self) {
        if let Some(queue) = self.0.upgrade() {
            let _ = queue.try_send(Box::new(Nothing));
        }
    }
}

/// Work that is none.
struct Nothing;

impl Work for Nothing {
    fn act(&mut self, _: &mut Scene<'_>) -> Stored<()> {
        Ok(())
    }

    fn answer(self: Box<Self>, _: Stored<()>) {}
}
