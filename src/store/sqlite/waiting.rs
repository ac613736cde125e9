//! Messages that shall run again, timers that are due, and replays. Never runs anything.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::envelope::{Envelope, Inbound};
use crate::store::contract::Resumed;
use crate::store::decide::wait_is_over;
use crate::store::error::StoreError;
use crate::store::lane::Undelivered;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due;
use crate::store::sealing::values::{Stored, later, limit, micros};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::scene::stamp_of;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{house, lanes};

/// A message that shall run again, still sealed.
#[derive(Debug)]
pub struct ClosedResumed {
    id: Uuid,
    sealed: i64,
    expired: bool,
    person: Option<String>,
}

/// Whether any message is due to run again; leases none.
pub fn is_due(connection: &Connection, now: Timestamp) -> Stored<bool> {
    let mut list = connection.prepare_cached(sql!("waiting_due")).map_err(trouble)?;
    list.exists(params![micros(now), later(now, due::LONGEST_LEASE), 1]).map_err(trouble)
}

/// Leases messages that are due to run again.
pub fn resume(
    scene: &mut Scene<'_>,
    now: Timestamp,
    lease: Duration,
    most: usize,
) -> Stored<Vec<ClosedResumed>> {
    let absurd = later(now, due::LONGEST_LEASE);
    let rows_due: Vec<(i64, ClosedResumed)> = {
        let mut list = scene.connection.prepare_cached(sql!("waiting_due")).map_err(trouble)?;
        let rows = list
            .query_map(params![micros(now), absurd, limit(most)], |r| {
                let until: Option<i64> = r.get(1)?;
                let woken: bool = r.get(2)?;
                let person: Option<String> = r.get(3)?;
                let expired = wait_is_over(until, woken, person.is_some(), micros(now));
                Ok((r.get(0)?, ClosedResumed { id: uuid(r.get(4)?)?, sealed: r.get(5)?, expired, person }))
            })
            .map_err(trouble)?;
        rows.collect::<Result<_, _>>().map_err(trouble)?
    };
    let until = later(now, lease.min(due::LONGEST_LEASE));
    for (row, _) in &rows_due {
        scene.run(sql!("waiting_lease"), [*row, until])?;
    }
    Ok(rows_due.into_iter().map(|(_, resumed)| resumed).collect())
}

/// Opens messages that shall run again; those that do not open any more come back apart, to be parked.
pub fn open(
    connection: &Connection,
    keyring: &Keyring,
    closed: Vec<ClosedResumed>,
) -> Stored<(Vec<Resumed>, Vec<Uuid>)> {
    let (mut resumed, mut broken) = (Vec::with_capacity(closed.len()), Vec::new());
    for one in closed {
        match envelope(connection, keyring, one.id, one.sealed) {
            Ok(Some(envelope)) => {
                resumed.push(Resumed { envelope, expired: one.expired, acting_person: one.person });
            }
            Ok(None) | Err(StoreError::Corrupt(_)) => broken.push(one.id),
            Err(other) => return Err(other),
        }
    }
    Ok((resumed, broken))
}

/// Parks messages whose content does not open any more, so that they do not come again and again.
pub fn park(scene: &mut Scene<'_>, ids: &[Uuid], now: Timestamp) -> Stored<()> {
    for id in ids {
        let found: Option<(i64, i64, String)> = {
            let mut get = scene.connection.prepare_cached(sql!("inbox_stamp")).map_err(trouble)?;
            get.query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional().map_err(trouble)?
        };
        let Some((row, stamp, traceparent)) = found else { continue };
        scene.run(sql!("waiting_delete"), [row])?;
        scene.run(sql!("inbox_state"), params![row, Inbound::Parked.as_str()])?;
        let (what, detail) = ("inbox.parked", json!({ "cause": "sealed content does not open" }));
        let (traceparent, subject) = (traceparent.as_str(), Some(*id));
        let change = Change { at: now, stamp, traceparent, subject, what, detail: &detail };
        audit::write(scene, &change)?;
    }
    Ok(())
}

/// The original of a message, opened; `None` where it was not kept or was deleted.
pub fn envelope(
    connection: &Connection,
    keyring: &Keyring,
    id: Uuid,
    sealed: i64,
) -> Stored<Option<Envelope>> {
    due::envelope(Opened::read(connection, keyring, sealed, Owner::new("inbox", id))?)
}

/// Due timers as envelopes.
pub fn due_timers(
    connection: &Connection,
    keyring: &Keyring,
    now: Timestamp,
    most: usize,
) -> Stored<Vec<Envelope>> {
    let rows: Vec<(Uuid, String, i64, String, i64)> = {
        let mut list = connection.prepare_cached(sql!("timer_due")).map_err(trouble)?;
        list.query_map(params![micros(now), limit(most)], |r| {
            Ok((uuid(r.get(0)?)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    let mut envelopes = Vec::with_capacity(rows.len());
    for (id, name, stamp, traceparent, sealed) in rows {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("timer", id))?;
        let Some(opened) = opened else { continue };
        let partner = stamp_of(connection, stamp)?.partner;
        envelopes.push(due::timer((id, name, traceparent, partner), &opened, now)?);
    }
    Ok(envelopes)
}

/// Settles a row of the outbox as sent, with person and reason audited.
pub fn arrived(scene: &mut Scene<'_>, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
    let detail = json!({ "person": person, "reason": house::seal_text(scene, id, reason)? });
    Ok(lanes::arrived(scene, id, &detail, now)?.unwrap_or(false))
}

/// What follows where a row of the outbox did not arrive, with person and reason audited.
pub fn not_arrived(
    scene: &mut Scene<'_>,
    (id, way): (Uuid, &str),
    person: &str,
    reason: &str,
    now: Timestamp,
) -> Stored<Option<Undelivered>> {
    let detail = json!({ "person": person, "reason": house::seal_text(scene, id, reason)? });
    lanes::not_arrived(scene, (id, way), &detail, now)
}

/// Ends what is kept apart, with person and reason audited.
pub fn reject(scene: &mut Scene<'_>, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
    let detail = json!({ "person": person, "reason": house::seal_text(scene, id, reason)? });
    let found: Option<(i64, String)> = {
        let mut end = scene.connection.prepare_cached(sql!("inbox_reject")).map_err(trouble)?;
        end.query_row([id], |r| Ok((r.get(0)?, r.get(1)?))).optional().map_err(trouble)?
    };
    let Some((stamp, traceparent)) = found else { return Ok(false) };
    let (traceparent, subject, what) = (traceparent.as_str(), Some(id), "inbox.rejected");
    audit::write(scene, &Change { at: now, stamp, traceparent, subject, what, detail: &detail })?;
    Ok(true)
}

/// Replays a row of the outbox or an inbound message, with person and reason audited.
pub fn replay(scene: &mut Scene<'_>, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
    // A reason is free text and may name somebody: sealed even in the audit trail.
    let detail = json!({ "person": person, "reason": house::seal_text(scene, id, reason)? });
    if let Some(done) = lanes::replay(scene, id, &detail, now)? {
        return Ok(done);
    }
    let found: Option<(i64, i64, String)> = {
        let mut get = scene.connection.prepare_cached(sql!("inbox_replayable")).map_err(trouble)?;
        get.query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional().map_err(trouble)?
    };
    let Some((row, stamp, traceparent)) = found else { return Ok(false) };
    scene.run(sql!("waiting_replay"), params![row, person])?;
    let what = "inbox.replayed";
    let (traceparent, subject) = (traceparent.as_str(), Some(id));
    audit::write(scene, &Change { at: now, stamp, traceparent, subject, what, detail: &detail })?;
    Ok(true)
}
