//! Backup and recovery of the embedded store: epoch and mark beside the tables, the copy at one moment, doubtful rows.
//! Never touches a file of a store that runs, except the copy that it makes.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;
use uuid::Uuid;

use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::lane::{Due, Settle};
use crate::store::private;
use crate::store::recovery::{
    Copied, Finding, KEYS_OLDER, LedgerLine, NOT_APPLIED, OF_A_RUN, OLDER, RECOVERS, Reapplied, Recovering,
    Recovery, Restored,
};
use crate::store::sealing::house::own_stamp;
use crate::store::sealing::keys::HOUSE;
use crate::store::sealing::ledger::{self as shared, Deleted, LUECKE};
use crate::store::sealing::prepare::Work;
use crate::store::sealing::values::{Stored, disk, limit, micros, time};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::claims::Pending;
use crate::store::sqlite::files::{DATABASE, KEYS};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::ledger::state;
use crate::store::sqlite::outbox::doubts;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::{house, lanes, ledger, open, outbox, reapply};

fn epoch(keys: &Connection) -> Stored<i64> {
    keys.query_row(sql!("epoch_get"), [], |r| r.get(0)).map_err(trouble)
}

/// Refuses a database or a key store that is older than the other; a recovering database may be older than its keys.
pub fn check(connection: &Connection, keyring: &Keyring) -> Stored<()> {
    let (keys, last) = keyring.beside(|keys| Ok((epoch(keys)?, ledger::last(keys)?)))?;
    let here = state(connection)?;
    if here.since.is_none() && (keys > here.epoch || last > here.ledger) {
        // What a running process deletes at this moment stands in the ledger a moment before it is known here.
        ledger::write_listed(connection, keyring)?;
        let here = state(connection)?;
        if keys > here.epoch || last > here.ledger {
            return Err(StoreError::Refused(OLDER.into()));
        }
    }
    if here.ledger > keyring.beside(ledger::last)? {
        return Err(StoreError::Refused(KEYS_OLDER.into()));
    }
    Ok(())
}

/// Marks a database that was put back, in place or still aside: its dispatch is closed until a person opens it.
pub fn mark(connection: &Connection, restored: &Restored) -> Stored<()> {
    let values = params![micros(restored.at), restored.copied.map(micros)];
    connection.execute(sql!("recovery_mark"), values).map(drop).map_err(trouble)
}

/// Fills the ledger of an older key store up to the entry that the database remembers, with entries that delete nothing, so that
/// no number is given out twice.
pub fn fill_gap(connection: &Connection, keys: &Connection, at: Timestamp) -> Stored<()> {
    let known = state(connection)?.ledger;
    let gap = Deleted::Messages { keys: Vec::new() };
    let (kind, record, subject, blind, created, until) = gap.columns();
    for _ in ledger::last(keys)?..known {
        let values =
            params![Uuid::new_v4(), micros(at), LUECKE, kind, record, subject, blind, created, until];
        keys.execute(sql!("ledger_add"), values).map_err(trouble)?;
    }
    Ok(())
}

/// Counts the epoch on in the database, beyond the one of the keys; returns it.
fn counted_on(scene: &Scene<'_>) -> Stored<i64> {
    let next = state(scene.connection)?.epoch.max(scene.keyring.beside(epoch)?) + 1;
    scene.run(sql!("recovery_epoch"), [next])?;
    Ok(next)
}

fn resolve(
    scene: &mut Scene<'_>,
    pending: &Pending,
    (id, finding): (Uuid, Finding),
    laid: Vec<Work>,
    now: Timestamp,
) -> Stored<bool> {
    if state(scene.connection)?.since.is_none() {
        return Ok(false);
    }
    let Some(row) = outbox::out_row(scene, id)? else { return Ok(false) };
    if scene.run(sql!("doubt_clear"), [row.row])? == 0 {
        return Ok(false);
    }
    let Some(outcome) = shared::outcome(finding) else { return Ok(true) };
    let fence = {
        let mut get = scene.connection.prepare_cached(sql!("lane_get")).map_err(trouble)?;
        get.query_row([row.lane], |r| r.get(0)).map_err(trouble)?
    };
    let (answers, delivers) = (Vec::new(), outbox::delivers(scene, id, row.sealed)?);
    let one = Settle { lane: row.lane, fence, row: id, outcome, answers, delivers, release: true, now };
    Ok(lanes::settle_all(scene, pending, &[one], vec![laid])? == [true])
}

fn open_dispatch(
    scene: &mut Scene<'_>,
    stage: crate::envelope::Stage,
    (person, reason): (&str, &str),
    now: Timestamp,
) -> Stored<Option<i64>> {
    let here = state(scene.connection)?;
    if here.since.is_none() {
        return Ok(None);
    }
    if !here.applied {
        return Err(StoreError::Refused(NOT_APPLIED.into()));
    }
    let next = counted_on(scene)?;
    scene.run(sql!("recovery_open"), [])?;
    let id = Uuid::new_v4();
    let doubtful = doubts(scene.connection)?;
    let reason = house::seal_text(scene, id, reason)?;
    let detail = json!({ "person": person, "id": id, "reason": reason, "doubtful": doubtful });
    let key = scene.keyring.find(scene.connection, HOUSE)?;
    let stamp = scene.stamp(&own_stamp(stage, key.as_ref().map_or("", |key| &key.id), person))?;
    let what = "recovery.opened";
    audit::write(scene, &Change { at: now, stamp, traceparent: "", subject: None, what, detail: &detail })?;
    Ok(Some(next))
}

/// What a copied database says of itself.
pub fn described(file: &Path) -> Stored<Copied> {
    let copy = open::connect(file, true)?;
    let word = |name: &str| -> Stored<String> {
        copy.query_row(sql!("meta_get"), [name], |r| r.get(0)).map_err(trouble)
    };
    let sound: String = copy.query_row("PRAGMA integrity_check", [], |r| r.get(0)).map_err(trouble)?;
    if sound != "ok" {
        return Err(StoreError::Corrupt("the copied database is damaged".into()));
    }
    let (rows, schema_version) = reapply::counted(&copy)?;
    let claims = {
        let mut list = copy.prepare(sql!("claim_names")).map_err(trouble)?;
        list.query_map([], |r| r.get(0)).and_then(Iterator::collect).map_err(trouble)?
    };
    Ok(Copied {
        kind: "sqlite".into(),
        file: DATABASE.into(),
        stage: word("stage")?,
        store: word("store")?,
        schema_version,
        epoch: state(&copy)?.epoch,
        rows,
        claims,
    })
}

/// Looks at a copied database, as the menu of back ends has it.
pub fn look(file: &Path) -> Result<Option<Copied>, StoreError> {
    described(file).map(Some)
}

/// Copies a database as it is at one moment; writers go on meanwhile.
fn copied(from: &Path, to: &Path) -> Stored<()> {
    let source = open::connect(from, true)?;
    source.execute_batch("PRAGMA query_only = OFF").map_err(trouble)?;
    // It takes an empty file as it finds it.
    private::file(to).map_err(disk)?;
    let to = to.to_string_lossy().into_owned();
    source.execute("VACUUM INTO ?1", [to]).map(drop).map_err(trouble)
}

/// Takes out of a copy what is of the process that runs.
fn without_run(copy: &Path, keyring: &Keyring) -> Stored<()> {
    let copy = Connection::open(copy).map_err(trouble)?;
    copy.execute_batch("PRAGMA secure_delete = ON; PRAGMA journal_mode = DELETE").map_err(trouble)?;
    let tag = house::note_key(keyring, OF_A_RUN.0, OF_A_RUN.1);
    copy.execute(sql!("note_delete"), [&tag[..]]).map(drop).map_err(trouble)?;
    copy.close().map_err(|(_, error)| trouble(error))
}

impl SqliteStore {
    /// Counts the epoch on, in the database first: the keys are never ahead but after a restore.
    pub(super) async fn next_epoch(&self) -> Stored<()> {
        let next = self.write(|scene| counted_on(scene)).await?;
        self.keyring.raise_epoch(next)
    }

    async fn copy_file(&self, name: &'static str, into: &Path) -> Stored<PathBuf> {
        let (from, to) = (self.folder.join(name), into.join(name));
        let done = tokio::task::spawn_blocking(move || copied(&from, &to).map(|()| to));
        done.await.map_err(|_| StoreError::Later("copying was broken off".into()))?
    }
}

#[async_trait]
impl Recovery for SqliteStore {
    async fn recovery(&self) -> Stored<Option<Recovering>> {
        // Asked every few seconds also by a house that nobody writes to.
        self.signs.sound()?;
        let read = |db: &Connection, _: &Keyring| {
            let here = state(db)?;
            let Some(since) = here.since else { return Ok(None) };
            let (copied, applied) = (here.copied.map(time), here.applied);
            let (doubtful, lost) = (doubts(db)?, here.lost());
            Ok(Some(Recovering { since: time(since), copied, applied, doubtful, lost }))
        };
        self.readers.read(read).await
    }

    async fn reapply(&self, now: Timestamp) -> Stored<Reapplied> {
        let stage = self.stage;
        self.write(move |scene| reapply::reapply(scene, stage, now)).await
    }

    async fn doubtful(&self, after: Option<Uuid>, most: usize) -> Stored<Vec<Due>> {
        let read = move |db: &Connection, keyring: &Keyring| {
            let mut list = db.prepare_cached(sql!("doubt_list")).map_err(trouble)?;
            let closed: Vec<_> = list
                .query_map(params![after, limit(most)], outbox::due_of)
                .and_then(Iterator::collect)
                .map_err(trouble)?;
            shared::page(closed.into_iter().map(|due| outbox::open_one(db, keyring, due)))
        };
        self.readers.read(read).await
    }

    async fn resolve(
        &self,
        row: Uuid,
        finding: Finding,
        answers: Vec<Entry>,
        now: Timestamp,
    ) -> Stored<bool> {
        let (laid, pending) = (self.laid(answers).await?, self.pending.clone());
        self.write(move |scene| resolve(scene, &pending, (row, finding), laid, now)).await
    }

    async fn open_dispatch(&self, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
        let (stage, person, reason) = (self.stage, person.to_owned(), reason.to_owned());
        let opened = self.write(move |scene| open_dispatch(scene, stage, (&person, &reason), now)).await?;
        if let Some(next) = opened {
            self.keyring.raise_epoch(next)?;
        }
        Ok(opened.is_some())
    }

    async fn ledger(&self, after: i64, most: usize) -> Stored<Vec<LedgerLine>> {
        let entries = self
            .keyring
            .beside(|keys| ledger::entries(keys, sql!("ledger_list"), params![after, limit(most)]))?;
        Ok(entries.into_iter().map(shared::Entry::line).collect())
    }

    async fn copy(&self, into: &Path) -> Stored<Copied> {
        if self.readers.read(|db, _| state(db)).await?.since.is_some() {
            return Err(StoreError::Refused(RECOVERS.into()));
        }
        let file = self.copy_file(DATABASE, into).await?;
        let keyring = self.keyring.clone();
        let described = tokio::task::spawn_blocking(move || {
            without_run(&file, &keyring)?;
            described(&file)
        });
        let copied = described.await.map_err(|_| StoreError::Later("copying was broken off".into()))??;
        // Before anybody can call it a backup, the store is in an epoch that the copy does not know.
        self.next_epoch().await?;
        Ok(copied)
    }

    async fn copy_keys(&self, into: &Path) -> Stored<String> {
        self.copy_file(KEYS, into).await.map(|_| KEYS.to_owned())
    }

    async fn copy_claims(&self, names: &[String], into: &Path) -> Stored<Vec<String>> {
        let (claims, names, into) = (self.claims.clone(), names.to_vec(), into.to_owned());
        let done = tokio::task::spawn_blocking(move || claims.copy(&names, &into));
        done.await.map_err(|_| StoreError::Later("copying was broken off".into()))?
    }
}
