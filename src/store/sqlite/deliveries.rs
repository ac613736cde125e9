//! In which order offices delivered and what that did to the number of their records, and whose clock was ahead (rules.md 2.2).
//! Never decides whether a Bestandsmeldung agrees.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::register::uhr::Lead;
use crate::seal::index::Tag;
use crate::store::sealing::prepare::{DeliveryWork, Work};
use crate::store::sealing::values::{Stored, count, limit, micros, time};
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};

/// By how much the number of records of each partner changes.
pub type Deltas = BTreeMap<String, i64>;

/// The partner that delivered a record, where it is there.
pub fn partner_of(scene: &Scene<'_>, id: Uuid) -> Stored<Option<String>> {
    let mut find = scene.connection.prepare_cached(sql!("mirror_partner")).map_err(trouble)?;
    find.query_row([id], |r| r.get(0)).optional().map_err(trouble)
}

/// The keys of the Vorgänge whose Auskunft was read from records under a key.
pub fn issued(connection: &Connection, key: &Tag) -> Stored<Vec<Tag>> {
    let mut list = connection.prepare_cached(sql!("trace_list")).map_err(trouble)?;
    list.query_map([&key[..]], |r| r.get(0)).and_then(Iterator::collect).map_err(trouble)
}

/// Notes a delivery and what it did to the number of records, what it issued, and who was ahead.
pub fn note(scene: &Scene<'_>, work: &Work, mut deltas: Deltas) -> Stored<()> {
    let moment = work.delivery.as_ref().map_or(micros(work.now), |noted| noted.moment);
    if let Some(DeliveryWork { key, moment, stamp }) = &work.delivery {
        let own = deltas.remove(&work.stamp.partner).unwrap_or(0);
        scene.run(sql!("delivery_add"), params![work.stamp.partner, moment, key, own, stamp])?;
    }
    others(scene, moment, deltas)?;
    for (key, vorgang) in &work.traces {
        scene.run(sql!("trace_add"), params![key, vorgang])?;
    }
    for (partner, seen, ahead) in &work.leads {
        scene.run(sql!("lead_put"), params![partner, seen, ahead])?;
    }
    Ok(())
}

/// Notes what came or went without a delivery of the partner.
pub fn others(scene: &Scene<'_>, moment: i64, deltas: Deltas) -> Stored<()> {
    for (partner, delta) in deltas.into_iter().filter(|(_, delta)| *delta != 0) {
        scene.run(sql!("delivery_add"), params![partner, moment, &[][..], delta, moment])?;
    }
    Ok(())
}

/// How many records of a partner stood in the mirror at a moment.
pub fn anzahl(connection: &Connection, partner: &str, at: i64) -> Stored<u64> {
    let mut get = connection.prepare_cached(sql!("mirror_count")).map_err(trouble)?;
    Ok(count(get.query_row(params![partner, at], |r| r.get(0)).map_err(trouble)?))
}

/// Whether a delivery is the newest one of a partner up to a moment; without one, whether there is none.
pub fn neueste(connection: &Connection, partner: &str, uuid: Option<&Tag>, at: i64) -> Stored<bool> {
    let mut get = connection.prepare_cached(sql!("delivery_newest")).map_err(trouble)?;
    let found: Option<bool> = get
        .query_row(params![partner, at, uuid.map(|uuid| &uuid[..])], |r| r.get(0))
        .optional()
        .map_err(trouble)?;
    Ok(found.unwrap_or(uuid.is_none()))
}

/// Who was ahead.
pub fn leads(connection: &Connection) -> Stored<Vec<Lead>> {
    let mut list = connection.prepare_cached(sql!("lead_list")).map_err(trouble)?;
    let lead = |r: &rusqlite::Row<'_>| {
        let by = SignedDuration::from_micros(r.get(2)?);
        Ok(Lead { partner: r.get(0)?, seen: time(r.get(1)?), by })
    };
    list.query_map([], lead).and_then(Iterator::collect).map_err(trouble)
}

/// Forgets deliveries that no Bestandsmeldung that still counts can speak of; the newest of each partner stays.
pub fn forget(scene: &Scene<'_>, before: i64, most: usize) -> Stored<usize> {
    scene.run(sql!("ret_delivery_delete"), params![before, limit(most)])
}
