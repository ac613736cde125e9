//! The deletion ledger applied to a database of before: everything that an entry names goes again, however it stands there.
//! One transaction; never asks a key that was destroyed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;
use uuid::Uuid;

use crate::envelope::Stage;
use crate::register::bestand::Bestand;
use crate::seal::index::Tag;
use crate::store::recovery::Reapplied;
use crate::store::sealing::content::{Closed, Fresh, Owner, from_json, to_json};
use crate::store::sealing::house::own_stamp;
use crate::store::sealing::keys::HOUSE;
use crate::store::sealing::ledger::{Deleted, Entry, lost_content};
use crate::store::sealing::values::{Stored, count, micros};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{ledger, objections, outbox, remove};

/// Applies what this database does not know of the ledger; nothing where that was done or the store is not recovering.
pub fn reapply(scene: &mut Scene<'_>, stage: Stage, now: Timestamp) -> Stored<Reapplied> {
    let state = ledger::state(scene.connection)?;
    let mut done = Reapplied::default();
    if state.since.is_none() || state.applied {
        return Ok(done);
    }
    let entries = scene
        .keyring
        .beside(|keys| ledger::entries(keys, sql!("ledger_list"), params![state.ledger, i64::MAX]))?;
    let house = scene.keyring.find(scene.connection, HOUSE)?;
    let stamp = scene.stamp(&own_stamp(stage, house.as_ref().map_or("", |house| &house.id), ""))?;
    let mut bumps = BTreeSet::new();
    let mut last = state.ledger;
    for entry in &entries {
        one(scene, entry, (stamp, now), &mut bumps, &mut done)?;
        last = last.max(entry.nr);
    }
    unreadable(scene, now, &mut bumps, &mut done)?;
    bestaende(scene, &mut bumps)?;
    scene.bump(&bumps)?;
    done.entries = entries.len() as u64;
    scene.run(sql!("doubt_all"), [])?;
    done.doubtful = outbox::doubts(scene.connection)?;
    scene.run(sql!("ledger_known"), [last])?;
    scene.run(sql!("recovery_applied"), [])?;
    let (what, detail) = ("recovery.applied", json!(done));
    audit::write(scene, &Change { at: now, stamp, traceparent: "", subject: None, what, detail: &detail })?;
    Ok(done)
}

fn one(
    scene: &mut Scene<'_>,
    entry: &Entry,
    (stamp, now): (i64, Timestamp),
    bumps: &mut BTreeSet<Tag>,
    done: &mut Reapplied,
) -> Stored<()> {
    match &entry.what {
        Deleted::Record { id, subject: child, keys } => {
            bumps.extend(keys);
            objections::end(scene, keys, i64::MAX)?;
            if remove::row(scene, *id, bumps)?.is_some() {
                done.records += 1;
            }
            done.lost += subject(scene, *child, now)?;
        }
        Deleted::Subject { subject: key } => done.lost += subject(scene, *key, now)?,
        Deleted::Messages { keys } => {
            for key in keys {
                remove::clear_messages(scene, key, Uuid::nil())?;
            }
        }
        Deleted::Tombstone { key, created, until } => {
            bumps.insert(*key);
            scene.run(sql!("tombstone_put"), params![key, stamp, "", micros(*created), micros(*until)])?;
        }
    }
    Ok(())
}

/// Everything under a destroyed key goes; what had to leave under it stays as a row that tells so.
fn subject(scene: &mut Scene<'_>, key: i64, now: Timestamp) -> Stored<u64> {
    type Row = (i64, Uuid, i64, String, i64, i64);
    let owed: Vec<Row> = {
        let mut list = scene.connection.prepare_cached(sql!("outbox_of_subject")).map_err(trouble)?;
        list.query_map([key], |r| {
            Ok((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    let lost = owed.len() as u64;
    for (row, id, lane, destination, sealed, mandant) in owed {
        let mandant = scene.keyring.by_row(scene.connection, mandant)?;
        scene.run(sql!("claim_use_delete"), [sealed])?;
        lost_content(id)?.replace(scene.connection, sealed, &mandant, None)?;
        scene.run(sql!("lane_held_add"), [&destination])?;
        let own = scene.connection.last_insert_rowid();
        scene.run(sql!("outbox_lost"), params![row, own, micros(now)])?;
        outbox::arm(scene, lane, micros(now), false)?;
        if let Some(row) = outbox::out_row(scene, id)? {
            outbox::change(scene, &row, id, now, "outbox.unclear", &json!({ "content": "deleted" }))?;
        }
    }
    let cases: Vec<(i64, Tag, Option<i64>)> = {
        let mut list = scene.connection.prepare_cached(sql!("vorgang_of_subject")).map_err(trouble)?;
        list.query_map([key], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    for (row, _, sealed) in cases {
        scene.run(sql!("vorgang_delete"), [row])?;
        if let Some(sealed) = sealed {
            scene.run(sql!("sealed_delete"), [sealed])?;
        }
    }
    remove::sealed_under(scene, key)?;
    Ok(lost)
}

/// What nobody can read any more, because its key was lost with the end of the key store, goes like what was deleted, and the messages
/// that brought it are forgotten: repeated, they are taken anew.
fn unreadable(
    scene: &mut Scene<'_>,
    now: Timestamp,
    bumps: &mut BTreeSet<Tag>,
    done: &mut Reapplied,
) -> Stored<()> {
    let numbers = |on: &Connection, sql: &str| -> Stored<BTreeSet<i64>> {
        let mut list = on.prepare_cached(sql).map_err(trouble)?;
        list.query_map([], |r| r.get(0)).and_then(Iterator::collect).map_err(trouble)
    };
    let there = scene.keyring.beside(|keys| numbers(keys, sql!("keys_all")))?;
    let mut brought = BTreeSet::new();
    for key in numbers(scene.connection, sql!("keys_named"))?.difference(&there) {
        let ids = |sql: &str| -> Stored<Vec<Uuid>> {
            let mut list = scene.connection.prepare_cached(sql).map_err(trouble)?;
            list.query_map([key], |r| uuid(r.get(0)?)).and_then(Iterator::collect).map_err(trouble)
        };
        brought.extend(ids(sql!("messages_of_subject"))?);
        for id in ids(sql!("mirror_of_subject"))? {
            if remove::row(scene, id, bumps)?.is_some() {
                done.records += 1;
            }
        }
        done.lost += subject(scene, *key, now)?;
    }
    let brought: Vec<String> = brought.iter().map(|id| id.simple().to_string()).collect();
    if !brought.is_empty() {
        scene.run(sql!("idempotency_forget"), [json!(brought).to_string()])?;
    }
    Ok(())
}

/// No Bestand counts as fresh: what was delivered since the backup is missing, so nobody may be answered from the mirror before
/// the offices have reported anew.
fn bestaende(scene: &mut Scene<'_>, bumps: &mut BTreeSet<Tag>) -> Stored<()> {
    let all: Vec<(Tag, i64)> = {
        let mut list = scene.connection.prepare_cached(sql!("bestand_all")).map_err(trouble)?;
        list.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).and_then(Iterator::collect).map_err(trouble)?
    };
    for (key, sealed) in all {
        let owner = Owner::of_key("bestand", &key);
        let closed = Closed::read(scene.connection, sealed)?;
        let mandant = scene.keyring.by_row(scene.connection, closed.mandant())?;
        let body =
            closed.open(scene.connection, scene.keyring, owner)?.map(|open| open.body()).transpose()?;
        let Some(body) = body.flatten() else { continue };
        let bestand = Bestand { meldung: None, ..from_json(&body)? };
        let content = Fresh::seal(owner, None, Some(&to_json(&bestand)?), None)?;
        content.replace(scene.connection, sealed, &mandant, None)?;
        bumps.insert(key);
    }
    Ok(())
}

/// Rows by table, and version of the tables, of a database that nobody writes.
pub fn counted(connection: &Connection) -> Stored<(Vec<(String, u64)>, i64)> {
    let mut list = connection.prepare(sql!("copy_rows")).map_err(trouble)?;
    let rows = list
        .query_map([], |r| Ok((r.get(0)?, count(r.get(1)?))))
        .and_then(Iterator::collect)
        .map_err(trouble)?;
    let version = connection.query_row(sql!("schema_version"), [], |r| r.get(0)).map_err(trouble)?;
    Ok((rows, version))
}
