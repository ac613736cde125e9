//! Retention of the embedded store: what is over, class by class, and its removal in slices. Rows of messages, Vorgänge and
//! records go in `retention_rows`. Never decides a period.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use crate::envelope::Stage;
use crate::register::fristen::{Klasse, REGELN, VORWARNUNG};
use crate::seal::index::Tag;
use crate::store::retention::{DELIVERIES, Faellig, Scheibe, Stichtag};
use crate::store::sealing::endet::{self, PASS, Removed};
use crate::store::sealing::house::own_stamp;
use crate::store::sealing::values::{Stored, count, limit, micros, time};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::{deliveries, objections, retention_rows};

/// The number and the oldest of a counting statement.
fn counted(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Stored<(u64, Option<i64>)> {
    let mut get = db.prepare_cached(sql).map_err(trouble)?;
    let found = get.query_row(values, |r| Ok((r.get::<_, Option<i64>>(0)?, r.get(1)?))).map_err(trouble)?;
    Ok((count(found.0.unwrap_or(0)), found.1))
}

/// What would go now.
pub fn plan(db: &Connection, keyring: &Keyring, stichtag: &Stichtag) -> Stored<Vec<Faellig>> {
    REGELN.iter().map(|regel| of_class(db, keyring, stichtag, regel.klasse)).collect()
}

fn of_class(db: &Connection, keyring: &Keyring, stichtag: &Stichtag, klasse: Klasse) -> Stored<Faellig> {
    let mut faellig = Faellig::nichts(klasse, stichtag);
    let bis = micros(faellig.bis);
    let counts = match klasse {
        Klasse::Registersaetze => {
            (faellig.anzahl, faellig.ohne_datum) = retention_rows::records_over(db, keyring, stichtag.heute)?;
            return Ok(faellig);
        }
        Klasse::Zurueckgestellt => {
            let held = |bis: i64| -> Stored<_> {
                Ok([
                    counted(db, sql!("ret_inbox_count"), params![bis, true, bis])?,
                    counted(db, sql!("ret_outbox_held_count"), [bis])?,
                ])
            };
            let soon = micros(faellig.bis.checked_add(VORWARNUNG).unwrap_or(faellig.bis));
            faellig.bald = held(soon)?.iter().map(|(n, _)| n).sum();
            held(bis)?.to_vec()
        }
        Klasse::Nachrichten => {
            let moment = micros(stichtag.fristen.moment(klasse, stichtag.now));
            vec![
                counted(db, sql!("ret_inbox_count"), params![moment, false, bis])?,
                counted(db, sql!("ret_outbox_count"), [moment, bis])?,
            ]
        }
        Klasse::Vorgaenge => vec![counted(db, sql!("ret_vorgang_count"), [bis])?],
        Klasse::Schluessel => match pass(db, stichtag, bis)? {
            None => Vec::new(),
            Some(_) => vec![
                counted(db, sql!("ret_key_count"), [bis])?,
                counted(db, sql!("ret_objection_count"), [bis])?,
            ],
        },
        Klasse::Loeschmarken => vec![counted(db, sql!("ret_tombstone_count"), [bis])?],
        Klasse::Abrufprotokoll => vec![counted(db, sql!("ret_abruf_count"), [bis])?],
        Klasse::Cockpitlog => vec![counted(db, sql!("ret_cockpit_count"), [bis])?],
        Klasse::Nachweise => vec![counted(db, sql!("ret_audit_count"), [bis])?],
        Klasse::Befehle => vec![counted(db, sql!("ret_command_count"), [bis])?],
    };
    faellig.anzahl = counts.iter().map(|(n, _)| n).sum();
    faellig.aelteste = counts.iter().filter_map(|(_, oldest)| *oldest).min().map(time);
    faellig.bald = faellig.bald.saturating_sub(faellig.anzahl);
    Ok(faellig)
}

/// Where the pass over the keys goes on: behind which key; `None` when it is done for this moment, or another run does more than it.
fn pass(db: &Connection, stichtag: &Stichtag, grenze: i64) -> Stored<Option<Vec<u8>>> {
    let mut get = db.prepare_cached(sql!("ret_pass_get")).map_err(trouble)?;
    let found: Option<(i64, Option<Vec<u8>>, bool)> =
        get.query_row([PASS], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional().map_err(trouble)?;
    Ok(match found {
        Some((of, _, true)) if of == grenze => None,
        Some((of, key, false)) if of == grenze => Some(key.unwrap_or_default()),
        Some((of, ..)) if stichtag.ueberholt(Klasse::Schluessel, time(of)) => None,
        _ => Some(Vec::new()),
    })
}

/// Does the next slice.
pub fn retain(
    scene: &mut Scene<'_>,
    stage: Stage,
    stichtag: &Stichtag,
    most: usize,
) -> Stored<Option<Scheibe>> {
    for regel in REGELN {
        let klasse = regel.klasse;
        scene.why = klasse.wort();
        let removed = one_class(scene, stichtag, klasse, most.max(1))?;
        if removed.anzahl > 0 {
            note(scene, stage, stichtag, klasse, &removed)?;
        }
        if removed.anzahl > 0 || removed.prepared {
            return Ok(Some(Scheibe { klasse, anzahl: removed.anzahl }));
        }
    }
    Ok(None)
}

fn one_class(scene: &mut Scene<'_>, stichtag: &Stichtag, klasse: Klasse, most: usize) -> Stored<Removed> {
    let bis = micros(stichtag.fristen.grenze(klasse, stichtag.now));
    let deleted = |sql: &str| -> Stored<Removed> {
        let n = scene.run(sql, params![bis, limit(most)])?;
        Ok(Removed { anzahl: count(limit(n)), ..Removed::default() })
    };
    match klasse {
        Klasse::Registersaetze => retention_rows::records(scene, stichtag, most),
        Klasse::Zurueckgestellt => retention_rows::held(scene, bis, stichtag.now, most),
        Klasse::Nachrichten => {
            let moment = micros(stichtag.fristen.moment(klasse, stichtag.now));
            retention_rows::messages(scene, (bis, moment), most)
        }
        Klasse::Vorgaenge => retention_rows::vorgaenge(scene, bis, stichtag.now, most),
        Klasse::Schluessel => keys(scene, bis, stichtag, most),
        Klasse::Loeschmarken => {
            let removed = tombstones(scene, bis, most)?;
            match removed.anzahl > 0 || removed.prepared {
                true => Ok(removed),
                false => ended(scene, stichtag, most),
            }
        }
        Klasse::Abrufprotokoll => deleted(sql!("ret_abruf_delete")),
        Klasse::Cockpitlog => deleted(sql!("ret_cockpit_delete")),
        Klasse::Nachweise => evidence(scene, bis, most),
        Klasse::Befehle => {
            let pauses = scene.run(sql!("ret_pause_delete"), [bis])?;
            let commands = scene.run(sql!("ret_command_delete"), params![bis, limit(most)])?;
            Ok(Removed { anzahl: count(limit(pauses + commands)), ..Removed::default() })
        }
    }
}

/// One page of the pass over the keys; a key of an older program gets its time first.
fn keys(scene: &mut Scene<'_>, bis: i64, stichtag: &Stichtag, most: usize) -> Stored<Removed> {
    let Some(behind) = pass(scene.connection, stichtag, bis)? else { return Ok(Removed::default()) };
    if behind.is_empty() {
        // Closed objections are kept for the same reason as keys.
        let over =
            objections::numbers(scene.connection, sql!("ret_objection_closed"), params![bis, limit(most)])?;
        for row in &over {
            objections::delete(scene, *row)?;
        }
        if !over.is_empty() {
            return Ok(Removed { anzahl: over.len() as u64, ..Removed::default() });
        }
    }
    let page: Vec<(Vec<u8>, Option<i64>)> = {
        let mut list = scene.connection.prepare_cached(sql!("ret_key_page")).map_err(trouble)?;
        list.query_map(params![behind, limit(most)], |r| Ok((r.get(0)?, r.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    let mut anzahl = 0;
    for (key, since) in &page {
        match since {
            None => drop(scene.run(sql!("ret_key_date"), params![key, micros(stichtag.now)])?),
            Some(since) if *since < bis => anzahl += scene.run(sql!("ret_key_delete"), [key])?,
            Some(_) => {}
        }
    }
    let done = page.len() < most;
    let last = page.last().map(|(key, _)| key.clone()).unwrap_or(behind);
    scene.run(sql!("ret_pass_set"), params![PASS, bis, last, done])?;
    Ok(Removed { anzahl: count(limit(anzahl)), prepared: !done, ..Removed::default() })
}

/// A tombstone is a fact of a bucket: who decided on it decides again.
fn tombstones(scene: &mut Scene<'_>, bis: i64, most: usize) -> Stored<Removed> {
    let due: Vec<Tag> = {
        let mut list = scene.connection.prepare_cached(sql!("ret_tombstone_due")).map_err(trouble)?;
        list.query_map(params![bis, limit(most)], |r| r.get(0))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    for key in &due {
        scene.bump([key])?;
        scene.run(sql!("ret_tombstone_delete"), params![key])?;
    }
    let forgotten = deliveries::forget(scene, bis.saturating_sub(DELIVERIES), most)?;
    Ok(Removed { anzahl: due.len() as u64, prepared: forgotten >= most, ..Removed::default() })
}

/// Objections end with the childhood that they speak of, as tombstones do with their time.
fn ended(scene: &mut Scene<'_>, stichtag: &Stichtag, most: usize) -> Stored<Removed> {
    let mut over: Vec<i64> = Vec::new();
    for day in endet::bis(scene.keyring, stichtag.heute) {
        let left = limit(most - over.len().min(most));
        let found =
            objections::numbers(scene.connection, sql!("ret_objection_ended"), params![&day[..], left])?;
        over.extend(found);
    }
    for row in &over {
        objections::delete(scene, *row)?;
    }
    Ok(Removed { anzahl: over.len() as u64, ..Removed::default() })
}

/// The beginning of the chain goes; the last link that went stays, so that what is left can still be verified.
fn evidence(scene: &mut Scene<'_>, bis: i64, most: usize) -> Stored<Removed> {
    let mut find = scene.connection.prepare_cached(sql!("ret_audit_due")).map_err(trouble)?;
    let (last, n): (Option<i64>, i64) =
        find.query_row(params![bis, limit(most)], |r| Ok((r.get(0)?, r.get(1)?))).map_err(trouble)?;
    drop(find);
    let Some(last) = last else { return Ok(Removed::default()) };
    for sql in [sql!("ret_audit_anchor"), sql!("ret_kette_delete"), sql!("ret_audit_delete")] {
        scene.run(sql, [last])?;
    }
    Ok(Removed { anzahl: count(n), ..Removed::default() })
}

fn note(
    scene: &mut Scene<'_>,
    stage: Stage,
    stichtag: &Stichtag,
    klasse: Klasse,
    removed: &Removed,
) -> Stored<()> {
    let key = scene.keyring.house(scene.connection)?.id.clone();
    let stamp = scene.stamp(&own_stamp(stage, &key, &stichtag.person))?;
    let detail = json!({
        "klasse": klasse.wort(),
        "anzahl": removed.anzahl,
        "bis": stichtag.fristen.grenze(klasse, stichtag.now),
        "ids": removed.ids,
        "mit": removed.along,
    });
    let what = "retention.removed";
    audit::write(
        scene,
        &Change { at: stichtag.now, stamp, traceparent: "", subject: None, what, detail: &detail },
    )
}
