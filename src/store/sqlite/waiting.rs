//! Messages that shall run again, timers that are due, and replays. Never runs anything.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef};
use crate::seal::key::sha256;
use crate::store::contract::{Resumed, StoreError};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::blob::{Opened, Owner};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::prepare::SealedHead;
use crate::store::sqlite::read::stamp_of;
use crate::store::sqlite::values::{Stored, later, limit, micros, sql, trouble, uuid};
use crate::store::sqlite::writer::Scene;
use crate::store::sqlite::{house, lanes};

/// A message that shall run again, still sealed.
#[derive(Debug)]
pub struct ClosedResumed {
    id: Uuid,
    sealed: i64,
    expired: bool,
    person: Option<String>,
}

/// Leases messages that are due to run again.
pub fn resume(
    scene: &mut Scene<'_>,
    now: Timestamp,
    lease: Duration,
    most: usize,
) -> Stored<Vec<ClosedResumed>> {
    let absurd = later(now, lanes::LONGEST_LEASE);
    let due: Vec<(i64, ClosedResumed)> = {
        let mut list = scene.connection.prepare_cached(sql!("waiting_due")).map_err(trouble)?;
        let rows = list
            .query_map(params![micros(now), absurd, limit(most)], |r| {
                let until: Option<i64> = r.get(1)?;
                let woken: bool = r.get(2)?;
                let person: Option<String> = r.get(3)?;
                let expired = until.is_some_and(|until| until <= micros(now)) && !woken && person.is_none();
                Ok((r.get(0)?, ClosedResumed { id: uuid(r.get(4)?)?, sealed: r.get(5)?, expired, person }))
            })
            .map_err(trouble)?;
        rows.collect::<Result<_, _>>().map_err(trouble)?
    };
    let until = later(now, lease.min(lanes::LONGEST_LEASE));
    for (row, _) in &due {
        scene.run(sql!("waiting_lease"), [*row, until])?;
    }
    Ok(due.into_iter().map(|(_, resumed)| resumed).collect())
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
    let Some(opened) = Opened::read(connection, keyring, sealed, Owner::new("inbox", id))? else {
        return Ok(None);
    };
    let (Some(head), Some(body)) = (opened.head::<SealedHead>()?, opened.body()?) else { return Ok(None) };
    let SealedHead { head, parts, evidence } = head;
    Ok(Some(Envelope { head, body: body.into(), parts, evidence }))
}

/// Due timers as envelopes.
pub fn due_timers(
    connection: &Connection,
    keyring: &Keyring,
    now: Timestamp,
    most: usize,
) -> Stored<Vec<Envelope>> {
    let due: Vec<(Uuid, String, i64, String, i64)> = {
        let mut list = connection.prepare_cached(sql!("timer_due")).map_err(trouble)?;
        list.query_map(params![micros(now), limit(most)], |r| {
            Ok((uuid(r.get(0)?)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    let mut envelopes = Vec::with_capacity(due.len());
    for (id, name, stamp, traceparent, sealed) in due {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("timer", id))?;
        let Some(opened) = opened else { continue };
        let body = opened.body()?.unwrap_or_default();
        let partner = stamp_of(connection, stamp)?.partner;
        envelopes.push(Envelope {
            head: Head {
                id,
                connection: "timer".into(),
                binding: name,
                transport_id: id.to_string(),
                correlation: None,
                content_type: None,
                partner: Some(PartnerRef { id: partner, how: How::Internal }),
                received: now,
                return_address: None,
                traceparent: (!traceparent.is_empty()).then_some(traceparent),
                acting_person: None,
            },
            evidence: Evidence {
                octets_sha256: hex::encode(sha256(&body)),
                size: body.len() as u64,
                verification: "own timer".into(),
                ..Evidence::default()
            },
            body: body.into(),
            parts: Vec::new(),
        });
    }
    Ok(envelopes)
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
    scene.run(sql!("waiting_replay"), params![row, micros(now), person])?;
    let what = "inbox.replayed";
    let (traceparent, subject) = (traceparent.as_str(), Some(id));
    audit::write(scene, &Change { at: now, stamp, traceparent, subject, what, detail: &detail })?;
    Ok(true)
}
