//! Removal of what is more than a row: messages with their contents, Vorgänge with their keys, records of children of age.
//! Never removes what still has to leave: that is wrapped anew first, or keeps its row.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::register::record::Registersatz;
use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::retention::Stichtag;
use crate::store::sealing::content::{Opened, Owner, from_json};
use crate::store::sealing::endet::{self, Removed};
use crate::store::sealing::ledger::Deleted;
use crate::store::sealing::values::{Stored, limit, micros};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{deliveries, ledger, outbox, remove, spoken_against};

/// How long the tombstone of a child of age bars older deliveries (rules.md 5).
const TOMBSTONE: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);

/// A row with its id and content.
type Row = (i64, Uuid, i64);

fn listed(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Stored<Vec<Row>> {
    let mut list = db.prepare_cached(sql).map_err(trouble)?;
    list.query_map(values, |r| Ok((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(trouble)
}

fn inbox(scene: &Scene<'_>, (row, id, sealed): Row) -> Stored<()> {
    scene.run(sql!("claim_use_delete"), [sealed])?;
    scene.run(sql!("ret_inbox_traces"), [row])?;
    scene.run(sql!("ret_salt"), [id])?;
    scene.run(sql!("ret_inbox_delete"), [row])?;
    scene.run(sql!("sealed_delete"), [sealed]).map(drop)
}

fn outbox(scene: &Scene<'_>, gone: Row) -> Stored<()> {
    scene.run(sql!("ret_salt"), [gone.1])?;
    outbox::taken_back(scene, gone)
}

/// Settled messages and what has arrived.
///
/// Came before the one moment (its month is over) and was settled before the other.
pub fn messages(scene: &Scene<'_>, (bis, moment): (i64, i64), most: usize) -> Stored<Removed> {
    let came = listed(scene.connection, sql!("ret_inbox_due"), params![moment, limit(most), false, bis])?;
    for row in &came {
        inbox(scene, *row)?;
    }
    let left = limit(most - came.len().min(most));
    let went = listed(scene.connection, sql!("ret_outbox_due"), params![moment, left, bis])?;
    for row in &went {
        outbox(scene, *row)?;
    }
    Ok(Removed { anzahl: (came.len() + went.len()) as u64, ..Removed::default() })
}

/// What waited for a person; the lanes of sends go on.
pub fn held(scene: &Scene<'_>, bis: i64, now: Timestamp, most: usize) -> Stored<Removed> {
    let came = listed(scene.connection, sql!("ret_inbox_due"), params![bis, limit(most), true, bis])?;
    let mut removed = Removed { ids: came.iter().map(|(_, id, _)| *id).collect(), ..Removed::default() };
    for row in &came {
        inbox(scene, *row)?;
    }
    let left = limit(most - came.len().min(most));
    let mut going = sends(scene, sql!("ret_outbox_held"), params![bis, left])?;
    removed.anzahl = (came.len() + going.len()) as u64;
    let mut gone = BTreeSet::new();
    let due = going.len();
    let mut at = 0;
    while let Some((row, lane)) = going.get(at).copied() {
        at += 1;
        if !gone.insert(row.1) {
            continue;
        }
        // What leaves only after it never leaves.
        going.extend(sends(scene, sql!("ret_outbox_after"), [row.1])?);
        outbox(scene, row)?;
        outbox::arm(scene, lane, micros(now), true)?;
        removed.ids.push(row.1);
    }
    removed.along = (gone.len().saturating_sub(due)) as u64;
    Ok(removed)
}

fn sends(scene: &Scene<'_>, sql: &str, values: impl rusqlite::Params) -> Stored<Vec<(Row, i64)>> {
    let mut list = scene.connection.prepare_cached(sql).map_err(trouble)?;
    list.query_map(values, |r| Ok(((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?), r.get(3)?)))
        .and_then(Iterator::collect)
        .map_err(trouble)
}

/// Vorgänge in which nothing is open: with the key of each goes whatever it seals.
pub fn vorgaenge(scene: &mut Scene<'_>, bis: i64, now: Timestamp, most: usize) -> Stored<Removed> {
    let undated = scene.run(sql!("ret_vorgang_undated"), params![micros(now), limit(most)])?;
    if undated > 0 {
        return Ok(Removed { prepared: true, ..Removed::default() });
    }
    let due: Vec<(i64, Tag, i64, Option<i64>)> = {
        let mut list = scene.connection.prepare_cached(sql!("ret_vorgang_due")).map_err(trouble)?;
        list.query_map(params![bis, limit(most)], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    for (row, key, subject, sealed) in &due {
        scene.bump([key])?;
        scene.run(sql!("ret_vorgang_delete"), [row])?;
        if let Some(sealed) = sealed {
            scene.run(sql!("sealed_delete"), [sealed])?;
        }
        remove::keep_unsent(scene, *subject)?;
        remove::sealed_under(scene, *subject)?;
        scene.run(sql!("key_to_destroy_add"), [subject])?;
        scene.destroys_keys();
    }
    Ok(Removed { anzahl: due.len() as u64, ..Removed::default() })
}

/// A record, opened; `None` where its key was destroyed or it does not open, which is not for us to judge.
pub fn open(db: &Connection, keyring: &Keyring, id: Uuid, sealed: i64) -> Stored<Option<Registersatz>> {
    match Opened::read(db, keyring, sealed, Owner::new("mirror", id)) {
        Ok(Some(opened)) => opened.body()?.map(|body| from_json(&body)).transpose(),
        Ok(None) | Err(StoreError::Corrupt(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// How many records have ended, and of how many no date is known; those that no run has looked at are opened.
pub fn records_over(db: &Connection, keyring: &Keyring, heute: Date) -> Stored<(u64, u64)> {
    let (mut over, mut never) = (0, 0);
    let mut due = db.prepare_cached(sql!("ret_mirror_due")).map_err(trouble)?;
    let mut found = |tag: &Tag| -> Stored<u64> {
        let rows = due.query_map([&tag[..]], |_| Ok(())).map_err(trouble)?;
        Ok(rows.count() as u64)
    };
    for tag in endet::bis(keyring, heute) {
        over += found(&tag)?;
    }
    never += found(&endet::nie(keyring))?;
    let unsorted = listed_unsorted(db, i64::MAX)?;
    for (_, id, _, sealed) in unsorted {
        match open(db, keyring, id, sealed)? {
            Some(satz) if endet::zu_ende(&satz, heute) => over += 1,
            Some(satz) if endet::of(keyring, &satz) != endet::nie(keyring) => {}
            _ => never += 1,
        }
    }
    Ok((over, never))
}

/// A record as its row names it: row, id, cause, content.
type Unsorted = (i64, Uuid, Vec<u8>, i64);

fn listed_unsorted(db: &Connection, most: i64) -> Stored<Vec<Unsorted>> {
    let mut list = db.prepare_cached(sql!("ret_mirror_unsorted")).map_err(trouble)?;
    list.query_map([most], |r| Ok((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?, r.get(3)?)))
        .and_then(Iterator::collect)
        .map_err(trouble)
}

/// Records of children of age: first what is new or changed gets its blind day, then what has ended goes as by a Löschung.
pub fn records(scene: &mut Scene<'_>, stichtag: &Stichtag, most: usize) -> Stored<Removed> {
    let unsorted = listed_unsorted(scene.connection, limit(most))?;
    for (row, id, cause, sealed) in &unsorted {
        let satz = open(scene.connection, scene.keyring, *id, *sealed)?;
        let tag = satz.map_or_else(|| endet::nie(scene.keyring), |satz| endet::of(scene.keyring, &satz));
        scene.run(sql!("ret_mirror_sort"), params![row, tag, cause])?;
    }
    if !unsorted.is_empty() {
        return Ok(Removed { prepared: true, ..Removed::default() });
    }
    let mut removed = Removed::default();
    for tag in endet::bis(scene.keyring, stichtag.heute) {
        let due: Vec<(Uuid, i64, i64, String)> = {
            let mut list = scene.connection.prepare_cached(sql!("ret_mirror_due")).map_err(trouble)?;
            list.query_map([&tag[..]], |r| Ok((uuid(r.get(1)?)?, r.get(3)?, r.get(4)?, r.get(5)?)))
                .and_then(Iterator::collect)
                .map_err(trouble)?
        };
        for (id, sealed, stamp, traceparent) in due {
            if removed.ids.len() >= most {
                removed.anzahl = removed.ids.len() as u64;
                return Ok(removed);
            }
            // The day stands beside the record; the record itself has the last word.
            let satz = open(scene.connection, scene.keyring, id, sealed)?;
            let Some(satz) = satz.filter(|satz| endet::zu_ende(satz, stichtag.heute)) else { continue };
            let tombstone = endet::loeschmarke(scene.keyring, &satz);
            let mut bumps = BTreeSet::from([tombstone]);
            let partner = deliveries::partner_of(scene, id)?;
            let gone = partner.map(|partner| (partner, -1)).into_iter().collect();
            deliveries::others(scene, micros(stichtag.beginn()), gone)?;
            let keys = remove::record(scene, id, &mut bumps)?;
            spoken_against::note(scene, &keys)?;
            for key in keys.iter().chain([&tombstone]) {
                remove::messages(scene, key, Uuid::nil())?;
            }
            let until = stichtag.now.checked_add(TOMBSTONE).unwrap_or(Timestamp::MAX);
            scene.run(
                sql!("tombstone_put"),
                params![tombstone, stamp, traceparent, micros(stichtag.now), micros(until)],
            )?;
            ledger::note(scene, &Deleted::Tombstone { key: tombstone, created: stichtag.now, until })?;
            scene.bump(&bumps)?;
            removed.ids.push(id);
        }
    }
    removed.anzahl = removed.ids.len() as u64;
    Ok(removed)
}
