//! Objections: deliveries that have not had their effect, under the keys of the children they speak of.
//! Never decides which are opened or closed.

use rusqlite::{Connection, Row, Statement, params};

use crate::register::objection::{MOST, Objection, Sought};
use crate::seal::index::Tag;
use crate::store::sealing::prepare::{Closing, ObjectionWork, OpenWork, Work};
use crate::store::sealing::shown::{self, ObjectionRow};
use crate::store::sealing::values::{Stored, limit, micros};
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};

/// What is asked for; `tag` is that of the question's key.
pub fn sought(connection: &Connection, sought: &Sought, tag: &Tag) -> Stored<Vec<Objection>> {
    let most = limit(MOST);
    match sought {
        Sought::Under(_) => list(connection, sql!("objection_under"), params![&tag[..]]),
        Sought::Delivery(id) => list(connection, sql!("objection_by_delivery"), params![id, most]),
        Sought::Blocks(amt) => list(connection, sql!("objection_blocks"), params![amt]),
        Sought::Open(amt) => list(connection, sql!("objection_open_list"), params![amt, most]),
    }
}

fn list(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Stored<Vec<Objection>> {
    listed(&mut *connection.prepare_cached(sql).map_err(trouble)?, values)
}

/// What a statement finds for these values.
pub fn listed(get: &mut Statement<'_>, values: impl rusqlite::Params) -> Stored<Vec<Objection>> {
    let mut rows = get.query(values).map_err(trouble)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(trouble)? {
        found.push(shown::objection(read(row).map_err(trouble)?)?);
    }
    Ok(found)
}

fn read(r: &Row<'_>) -> rusqlite::Result<ObjectionRow> {
    let (closed, released) = ((r.get(6)?, r.get(7)?), (r.get(8)?, r.get(9)?, r.get(10)?));
    Ok((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, closed, released))
}

/// Writes the changes of an entry in their order.
pub fn change(scene: &Scene<'_>, work: &Work, stamp: i64) -> Stored<()> {
    for change in &work.objections {
        match change {
            ObjectionWork::Open(opening) => open(scene, work, stamp, opening)?,
            ObjectionWork::Release { delivery, word } => {
                let values = params![delivery, micros(word.at), word.person, word.aktenzeichen];
                scene.run(sql!("objection_release"), values)?;
            }
            ObjectionWork::Close { which, by } => {
                for row in which_rows(scene, which)? {
                    scene.run(sql!("objection_close"), params![row, micros(work.now), by])?;
                    scene.run(sql!("objection_key_delete"), [row])?;
                    scene.run(sql!("objection_about_delete"), [row])?;
                }
            }
        }
    }
    Ok(())
}

fn open(scene: &Scene<'_>, work: &Work, stamp: i64, opening: &OpenWork) -> Stored<()> {
    let OpenWork { id, amt, delivery, why, message, made, since, ende, .. } = opening;
    let trace = &work.stamp.traceparent;
    let values = params![&id[..], amt, delivery, stamp, trace, why.as_str(), message, made, since, ende];
    scene.run(sql!("objection_open"), values)?;
    for row in numbers(scene.connection, sql!("objection_number"), [&id[..]])? {
        for key in &opening.under {
            scene.run(sql!("objection_key_add"), params![&key[..], row])?;
        }
        for key in &opening.about {
            scene.run(sql!("objection_about_add"), params![&key[..], row])?;
        }
    }
    Ok(())
}

fn which_rows(scene: &Scene<'_>, which: &Closing) -> Stored<Vec<i64>> {
    let db = scene.connection;
    match which {
        Closing::Delivery(id) => numbers(db, sql!("objection_of_delivery"), params![id, false]),
        Closing::Block(id) => numbers(db, sql!("objection_of_delivery"), params![id, true]),
        Closing::Office(aemter, from, before) => {
            let of = |amt| numbers(db, sql!("objection_of_office"), params![amt, from, before]);
            Ok(aemter.iter().map(of).collect::<Stored<Vec<_>>>()?.concat())
        }
        Closing::About(aemter, keys, before) => {
            let mut rows = Vec::new();
            for key in keys {
                for amt in aemter {
                    let found = numbers(db, sql!("objection_of_about"), params![&key[..], amt, before])?;
                    rows.extend(found.into_iter().filter(|row| !rows.contains(row)).collect::<Vec<_>>());
                }
            }
            Ok(rows)
        }
    }
}

/// What speaks of a record that goes, made up to a moment, goes with it.
pub fn end(scene: &Scene<'_>, keys: &[Tag], until: i64) -> Stored<()> {
    for key in keys {
        for row in numbers(scene.connection, sql!("objection_of_child"), params![&key[..], until])? {
            delete(scene, row)?;
        }
    }
    Ok(())
}

/// Removes one for good.
pub fn delete(scene: &Scene<'_>, row: i64) -> Stored<()> {
    scene.run(sql!("objection_key_delete"), [row])?;
    scene.run(sql!("objection_about_delete"), [row])?;
    scene.run(sql!("objection_delete"), [row]).map(drop)
}

/// The numbers that a statement finds.
pub fn numbers(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Stored<Vec<i64>> {
    let mut get = connection.prepare_cached(sql).map_err(trouble)?;
    get.query_map(values, |r| r.get(0)).and_then(Iterator::collect).map_err(trouble)
}
