//! Lanes of the outbox: leases, fences, settling. A waiting, parked or unclear head holds its lane.
//! Never reads a clock and never sends.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::store::decide::{self, Head, Holder};
use crate::store::error::StoreError;
use crate::store::lane::{Lane, Onward, Outcome, Settle, Undelivered, Want};
use crate::store::sealing::content::{Opened, Owner, to_json};
use crate::store::sealing::due::{
    self, ClosedDue, LONGEST_LEASE, READER, SKEW, said_to_have_arrived, settled,
};
use crate::store::sealing::heads::SendNote;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::values::{Stored, later, limit, micros, time};
use crate::store::sqlite::claims::Pending;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::outbox::{
    OutRow, arm, change, content, delivers, due_of, go_on, open_one, out_row,
};
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::{commit, follow};
use crate::store::states::RowState;

/// A leased lane, still sealed.
#[derive(Debug)]
pub struct ClosedLane {
    /// The lane.
    pub id: i64,
    /// The fence.
    pub fence: i64,
    /// Where to.
    pub destination: String,
    /// The heads.
    pub heads: Vec<ClosedDue>,
}

/// Ends leases that are over, or all that processes hold; rows that were handed out under them are in doubt.
pub fn end_leases(scene: &Scene<'_>, now: Option<Timestamp>) -> Stored<()> {
    end_leases_but(scene, now, |_| false)
}

fn end_leases_but(scene: &Scene<'_>, now: Option<Timestamp>, stay: impl Fn(i64) -> bool) -> Stored<()> {
    let (over, absurd) = match now {
        Some(now) => (micros(now), later(now, LONGEST_LEASE)),
        None => (i64::MAX, i64::MAX),
    };
    let ended: Vec<(i64, Option<i64>)> = {
        let mut list = scene.connection.prepare_cached(sql!("lane_expired")).map_err(trouble)?;
        let spared = now.is_none().then_some(READER);
        let rows =
            list.query_map(params![over, absurd, spared], |r| Ok((r.get(0)?, r.get(1)?))).map_err(trouble)?;
        rows.collect::<Result<_, _>>().map_err(trouble)?
    };
    for (lane, handed) in ended.into_iter().filter(|(lane, _)| !stay(*lane)) {
        if let Some(handed) = handed {
            scene.run(sql!("outbox_doubt"), [lane, handed])?;
        }
        scene.run(sql!("lane_end_lease"), [lane])?;
        arm(scene, lane, now.map_or(0, micros), false)?;
    }
    Ok(())
}

/// Leases due lanes, the destinations in turn so that none crowds out another.
pub fn claim(scene: &mut Scene<'_>, want: &Want) -> Stored<Vec<ClosedLane>> {
    end_leases(scene, Some(want.now))?;
    if let Some(ours) = &want.ours {
        // Of a store of one process all leases are its own.
        end_leases_but(scene, None, |lane| ours.contains(&lane))?;
    }
    if want.went_back {
        let (now, ahead) = (micros(want.now), later(want.now, SKEW));
        scene.run(sql!("outbox_back"), [now, ahead])?;
        scene.run(sql!("lane_back"), [now, ahead])?;
    }
    let mut queues = Vec::new();
    let mut last = String::new();
    loop {
        let mut next = scene.connection.prepare_cached(sql!("lane_destinations")).map_err(trouble)?;
        let found: Option<String> = next.query_row([&last], |r| r.get(0)).optional().map_err(trouble)?;
        let Some(destination) = found else { break };
        last.clone_from(&destination);
        if want.except.contains(&destination) {
            continue;
        }
        let most = want.most.iter().find(|(of, _)| *of == destination).map_or(want.lanes, |(_, most)| *most);
        let most = most.min(want.lanes);
        let mut due = scene.connection.prepare_cached(sql!("lane_due")).map_err(trouble)?;
        let lanes: Vec<(i64, i64)> = due
            .query_map(params![destination, micros(want.now), limit(most)], |r| Ok((r.get(0)?, r.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?;
        queues.push((destination, lanes.into_iter()));
    }
    let mut taken = Vec::new();
    while taken.len() < want.lanes && !queues.is_empty() {
        let mut left = Vec::new();
        for (destination, mut lanes) in queues {
            if taken.len() >= want.lanes {
                break;
            }
            if let Some((lane, fence)) = lanes.next() {
                if let Some(lane) = lease(scene, want, lane, fence, &destination)? {
                    taken.push(lane);
                }
                left.push((destination, lanes));
            }
        }
        queues = left;
    }
    Ok(taken)
}

fn lease(
    scene: &mut Scene<'_>,
    want: &Want,
    lane: i64,
    fence: i64,
    destination: &str,
) -> Stored<Option<ClosedLane>> {
    let mut heads = Vec::new();
    let mut handed: Option<i64> = None;
    {
        let mut list = scene.connection.prepare_cached(sql!("outbox_heads")).map_err(trouble)?;
        let mut rows = list.query(params![lane, limit(want.heads.max(1))]).map_err(trouble)?;
        while let Some(r) = rows.next().map_err(trouble)? {
            let state: String = r.get(8).map_err(trouble)?;
            let (free, not_before) = (r.get(13).map_err(trouble)?, r.get(16).map_err(trouble)?);
            let state = RowState::or_held(&state);
            if !(Head { state, free, not_before }).may_leave(micros(want.now)) {
                break;
            }
            let due = due_of(r).map_err(trouble)?;
            handed = r.get(0).map_err(trouble)?;
            heads.push(due);
        }
    }
    if heads.is_empty() {
        arm(scene, lane, micros(want.now), false)?;
        return Ok(None);
    }
    let until = later(want.now, want.lease.min(LONGEST_LEASE));
    scene.run(sql!("lane_lease"), params![lane, until, want.worker, handed])?;
    Ok(Some(ClosedLane { id: lane, fence: fence + 1, destination: destination.to_owned(), heads }))
}

/// Lets a lease go on; `false` when it is not this one any more.
pub fn renew(
    scene: &Scene<'_>,
    (lane, fence): (i64, i64),
    now: Timestamp,
    lease: std::time::Duration,
) -> Stored<bool> {
    let until = later(now, lease.min(LONGEST_LEASE));
    Ok(scene.run(sql!("lane_renew"), params![lane, fence, until])? > 0)
}

/// A row that does not open: lane, fence, row.
pub type Broken = (i64, i64, Uuid);

/// Opens leased lanes; rows that do not open come back apart, to be parked.
pub fn open(
    connection: &Connection,
    keyring: &Keyring,
    closed: Vec<ClosedLane>,
) -> Stored<(Vec<Lane>, Vec<Broken>)> {
    let (mut lanes, mut broken) = (Vec::new(), Vec::new());
    for lane in closed {
        let mut heads = Vec::new();
        for due in lane.heads {
            let id = due.id;
            match open_one(connection, keyring, due) {
                Ok(due) => heads.push(due),
                Err(StoreError::Corrupt(_)) => {
                    broken.push((lane.id, lane.fence, id));
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        if !heads.is_empty() {
            lanes.push(Lane { id: lane.id, fence: lane.fence, destination: lane.destination, heads });
        }
    }
    Ok((lanes, broken))
}

/// A row that whoever holds a lane may settle; `None` when the fence is stale or the row is not this lane's to settle.
fn to_settle(scene: &Scene<'_>, holder: Holder, id: Uuid) -> Stored<Option<OutRow>> {
    let fence = fence_of(scene, holder.lane)?;
    Ok(out_row(scene, id)?.filter(|row| decide::settles(holder, fence, row.lane, row.state)))
}

/// Settles one row; `false` when the fence is stale or the row is not this lane's to settle.
pub fn settle(scene: &mut Scene<'_>, settle: &Settle) -> Stored<bool> {
    let holder = Holder { lane: settle.lane, fence: settle.fence };
    let Some(row) = to_settle(scene, holder, settle.row)? else { return Ok(false) };
    let now = micros(settle.now);
    let (state, unclear, note) = settled(&settle.outcome);
    let left = due::left_by(&settle.outcome);
    write_note(scene, settle.row, row.sealed, (note, left, settle.now))?;
    scene.run(sql!("outbox_settle"), params![row.row, state, 1, unclear, now])?;
    if let Some(onward) = left {
        go_on(scene, &row, onward, settle.now)?;
    }
    if let Outcome::Stays { until, .. } = &settle.outcome {
        scene.run(sql!("outbox_stays"), params![row.row, micros(*until)])?;
    }
    if settle.release {
        scene.run(sql!("lane_end_lease"), [settle.lane])?;
    }
    match &settle.outcome {
        Outcome::Later { at, .. } => arm(scene, row.lane, micros(*at), true)?,
        _ => arm(scene, row.lane, now, true)?,
    }
    if state == RowState::Sent {
        if let Some(vorgang) = &settle.delivers
            && scene.run(sql!("vorgang_delivered"), params![vorgang, now])? > 0
        {
            scene.bump([vorgang])?;
        }
        // Its child was deleted while it was on its way: now its content goes, too, and with it what looks would need.
        if scene.run(sql!("outbox_is_doomed"), [settle.row])? > 0 {
            scene.run(sql!("claim_use_delete"), [row.sealed])?;
            scene.run(sql!("sealed_clear"), [row.sealed])?;
        } else if let Outcome::Sent { follow: Some(wanted), .. } = &settle.outcome {
            follow::lay(scene, settle.row, &row, wanted, settle.now)?;
        }
        for lane in lanes_after(scene, settle.row)? {
            arm(scene, lane, now, false)?;
        }
    }
    if let Some((what, detail)) = due::audited(&settle.outcome, settle.fence, (row.state, state)) {
        change(scene, &row, settle.row, settle.now, &what, &detail)?;
    }
    Ok(true)
}

/// Keeps what an attempt leaves; `false` when the fence is stale or the row is not this lane's to settle, or has no content any more.
pub fn remember(scene: &Scene<'_>, (lane, fence): (i64, i64), id: Uuid, what: &[u8]) -> Stored<bool> {
    let Some(row) = to_settle(scene, Holder { lane, fence }, id)? else { return Ok(false) };
    let opened = Opened::read(scene.connection, scene.keyring, row.sealed, Owner::new("outbox", id))?;
    let Some(opened) = opened else { return Ok(false) };
    scene.run(sql!("outbox_remember"), params![row.row, opened.seal_left(what)?]).map(|rows| rows > 0)
}

/// Settles rows and lays down what came back with them.
pub fn settle_all(
    scene: &mut Scene<'_>,
    pending: &Pending,
    settles: &[Settle],
    mut laid: Vec<Vec<Work>>,
) -> Stored<Vec<bool>> {
    let mut done = Vec::with_capacity(settles.len());
    for (one, works) in settles.iter().zip(&mut laid) {
        let settled = settle(scene, one)?;
        if settled {
            works.iter_mut().try_for_each(|work| commit::lay(scene, pending, work))?;
        }
        done.push(settled);
    }
    Ok(done)
}

fn lanes_after(scene: &Scene<'_>, id: Uuid) -> Stored<Vec<i64>> {
    let mut list = scene.connection.prepare_cached(sql!("outbox_waiting_for")).map_err(trouble)?;
    list.query_map([id], |r| r.get(0)).and_then(Iterator::collect).map_err(trouble)
}

fn write_note(
    scene: &Scene<'_>,
    id: Uuid,
    sealed: i64,
    (note, left, at): (SendNote, Option<&Onward>, Timestamp),
) -> Stored<()> {
    // A content that does not open takes no note: its state still changes.
    if let Some(opened) = content(scene, id, sealed)? {
        let note = opened.seal_note(&to_json(&due::noted(&opened, note, left, at)?)?)?;
        scene.run(sql!("sealed_note"), params![sealed, note])?;
    }
    Ok(())
}

/// Frees a parked or unclear row, its lane still to be armed: `None` when there is no such row, `Some(None)` when it is not held. `sent_at`:
/// when it is sent again, by a way that may have a time of its own.
fn freed(scene: &Scene<'_>, id: Uuid, sent_at: Option<Timestamp>) -> Stored<Option<Option<OutRow>>> {
    let Some(row) = out_row(scene, id)? else { return Ok(None) };
    if !row.state.is_held() {
        return Ok(Some(None));
    }
    let until = match sent_at {
        Some(now) => due::anew(content(scene, id, row.sealed)?, &destination(scene, &row)?, now)?,
        None => None,
    };
    free(scene, &row, until)?;
    Ok(Some(Some(row)))
}

/// Takes a held row out of the hand of a person; its time, where it has one, is over then.
pub fn free(scene: &Scene<'_>, row: &OutRow, until: Option<Timestamp>) -> Stored<()> {
    scene.run(sql!("outbox_replay"), params![row.row, until.map(micros)]).map(drop)
}

/// Where a row is to go.
fn destination(scene: &Scene<'_>, row: &OutRow) -> Stored<String> {
    let mut get = scene.connection.prepare_cached(sql!("outbox_destination")).map_err(trouble)?;
    get.query_row([row.row], |r| r.get(0)).map_err(trouble)
}

/// Settles a parked or unclear row as sent, or one that failed to be confirmed or cannot be taken back as confirmed, because a person says so;
/// `None` when there is no such row at all.
pub fn arrived(
    scene: &mut Scene<'_>,
    id: Uuid,
    detail: &serde_json::Value,
    now: Timestamp,
) -> Stored<Option<bool>> {
    let Some(found) = out_row(scene, id)? else { return Ok(None) };
    if found.state == RowState::Sent {
        return follow::arrived(scene, id, &found, detail, now).map(Some);
    }
    let Some(row) = freed(scene, id, None)? else { return Ok(None) };
    let Some(row) = row else { return Ok(Some(false)) };
    // A held head keeps everybody from leasing its lane, so the fence that stands is nobody's.
    let Some(fence) = fence_of(scene, row.lane)? else { return Ok(Some(false)) };
    let (lane, outcome) = (row.lane, said_to_have_arrived());
    let (answers, delivers) = (Vec::new(), delivers(scene, id, row.sealed)?);
    let settling = Settle { lane, fence, row: id, outcome, answers, delivers, release: true, now };
    let done = settle(scene, &settling)?;
    change(scene, &row, id, now, "outbox.arrived", detail)?;
    Ok(Some(done))
}

/// What follows where a person says that a row did not reach its receiver; `None` when it is not in a state for that.
pub fn not_arrived(
    scene: &mut Scene<'_>,
    (id, way): (Uuid, &str),
    detail: &serde_json::Value,
    now: Timestamp,
) -> Stored<Option<Undelivered>> {
    let Some(row) = out_row(scene, id)? else { return Ok(None) };
    let waits = if row.state == RowState::Sent { follow::waits(scene, id, &row)? } else { None };
    let head =
        due::head(Opened::read(scene.connection, scene.keyring, row.sealed, Owner::new("outbox", id)))?;
    let from = destination(scene, &row)?;
    // What was said of a way before, or is said twice, says nothing of this one.
    if from != way {
        return Ok(None);
    }
    let state = waits.unwrap_or(row.state.into());
    let outcome = due::said_not_to_have_arrived(state, &from, head.as_ref());
    // Without content nothing can be sent again.
    let (Some(outcome), Some(head)) = (outcome, head) else { return Ok(None) };
    let delivers = head.delivers();
    let lane = match waits.is_some() {
        true => follow::take_up(scene, row.row, (&from, delivers.as_ref()), now)?,
        false => {
            free(scene, &row, None)?;
            row.lane
        }
    };
    // Nobody leases a lane whose head is held, nor one that is made here.
    let Some(fence) = fence_of(scene, lane)? else { return Ok(None) };
    let leads = due::undelivered(&outcome);
    let settling =
        Settle { lane, fence, row: id, outcome, answers: Vec::new(), delivers, release: true, now };
    let settled = settle(scene, &settling)?;
    if leads == Undelivered::Parked
        && let Some(opened) = content(scene, id, row.sealed)?
    {
        scene.run(sql!("sealed_note"), params![row.sealed, due::noted_as_said(&opened)?])?;
    }
    change(scene, &row, id, now, due::NOT_ARRIVED, detail)?;
    Ok(settled.then_some(leads))
}

/// The fence of a lane that there is.
fn fence_of(scene: &Scene<'_>, lane: i64) -> Stored<Option<i64>> {
    let mut get = scene.connection.prepare_cached(sql!("lane_get")).map_err(trouble)?;
    get.query_row([lane], |r| r.get(0)).optional().map_err(trouble)
}

/// Frees a parked or unclear row, with the whole time of its way; `None` when there is no such row at all.
pub fn replay(
    scene: &mut Scene<'_>,
    id: Uuid,
    detail: &serde_json::Value,
    now: Timestamp,
) -> Stored<Option<bool>> {
    let Some(row) = freed(scene, id, Some(now))? else { return Ok(None) };
    let Some(row) = row else { return Ok(Some(false)) };
    arm(scene, row.lane, micros(now), true)?;
    change(scene, &row, id, now, "outbox.replayed", detail)?;
    Ok(Some(true))
}

/// When a lane can go at the earliest, but those of these destinations.
pub fn next_due(connection: &Connection, but: &[String]) -> Stored<Option<Timestamp>> {
    let one = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Stored<Option<i64>> {
        let mut get = connection.prepare_cached(sql).map_err(trouble)?;
        get.query_row(values, |r| r.get(0)).map_err(trouble)
    };
    let but = json!(but).to_string();
    let next = [one(sql!("lane_next_free"), &[&but])?, one(sql!("lane_next_leased"), &[])?];
    Ok(next.into_iter().flatten().min().map(time))
}
