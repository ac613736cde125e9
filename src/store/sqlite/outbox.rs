//! Rows of the outbox and of what waits, and the lanes they stand in: what more than one change of them needs. Decides nothing that
//! `decide` does not, reads no clock and never sends.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::decide::{self, Armed, Head};
use crate::store::lane::{Due, Onward};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due::{self, ClosedDue};
use crate::store::sealing::taking::Lease;
use crate::store::sealing::values::{Stored, count, micros};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::{Scene, stamp_of};
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::states::RowState;

/// The lane of an order key, made where it is missing; without order a lane of its own. Says whether it was made: then it
/// can go at `free`, or is leased at once; what is in it is in doubt then as soon as nobody ends the lease.
pub fn lane_for<'l>(
    scene: &Scene<'_>,
    name: Option<&Tag>,
    destination: &str,
    free: Option<i64>,
    lease: impl FnOnce() -> Option<Lease<'l>>,
) -> Stored<(i64, bool)> {
    if let Some(name) = name {
        let mut find = scene.connection.prepare_cached(sql!("lane_find")).map_err(trouble)?;
        let found = find.query_row([&name[..]], |r| r.get(0)).optional().map_err(trouble)?;
        if let Some(row) = found {
            return Ok((row, false));
        }
    }
    let lease = lease();
    let (until, worker) = (lease.map(|lease| lease.until), lease.map(|lease| lease.worker));
    scene.run(sql!("lane_add"), params![name, destination, free, until, worker])?;
    Ok((scene.connection.last_insert_rowid(), true))
}

/// Sets when a lane can go: `at` if its head can leave and it was idle (or `anew`), never while the head is held.
/// A lane without unsettled rows and lease goes.
pub fn arm(scene: &Scene<'_>, lane: i64, at: i64, anew: bool) -> Stored<()> {
    let mut get = scene.connection.prepare_cached(sql!("lane_state")).map_err(trouble)?;
    let found: Option<(Option<i64>, bool)> =
        get.query_row([lane], |r| Ok((r.get(0)?, r.get(1)?))).optional().map_err(trouble)?;
    let Some((next, leased)) = found else { return Ok(()) };
    let mut head = scene.connection.prepare_cached(sql!("outbox_head")).map_err(trouble)?;
    let head: Option<(String, bool, Option<i64>)> =
        head.query_row([lane], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional().map_err(trouble)?;
    let head = head.as_ref().map(|(state, free, not_before)| Head {
        state: RowState::or_held(state),
        free: *free,
        not_before: *not_before,
    });
    let (next, held) = match decide::arm(head, next, leased, at, anew) {
        Armed::Gone => {
            scene.run(sql!("lane_delete"), [lane])?;
            return Ok(());
        }
        Armed::Still { held } => (None, held),
        Armed::At(at) => (Some(at), false),
    };
    scene.run(sql!("lane_set"), params![lane, next, held])?;
    Ok(())
}

/// A row of the outbox as read.
pub fn due_of(r: &rusqlite::Row<'_>) -> rusqlite::Result<ClosedDue> {
    Ok(ClosedDue {
        id: uuid(r.get(1)?)?,
        stamp: r.get(2)?,
        traceparent: r.get(3)?,
        cause: uuid(r.get(4)?)?,
        destination: r.get(5)?,
        partner: r.get(6)?,
        message: r.get(7)?,
        attempts: r.get(9)?,
        unclear: r.get(10)?,
        queued: r.get(11)?,
        deadline: r.get(12)?,
        sealed: r.get(14)?,
        left: r.get(17)?,
    })
}

/// Opens one row.
pub fn open_one(connection: &Connection, keyring: &Keyring, due: ClosedDue) -> Stored<Due> {
    let opened = Opened::read(connection, keyring, due.sealed, Owner::new("outbox", due.id))?;
    let stamp = stamp_of(connection, due.stamp)?;
    due.open(stamp, opened)
}

/// What settling, replaying and repeating need of a row.
#[derive(Debug)]
pub struct OutRow {
    /// Its number.
    pub row: i64,
    /// Its lane, which may be gone when it was sent.
    pub lane: i64,
    stamp: i64,
    traceparent: String,
    /// Its state.
    pub state: RowState,
    /// Its content.
    pub sealed: i64,
}

/// A row of the outbox by its id.
pub fn out_row(scene: &Scene<'_>, id: Uuid) -> Stored<Option<OutRow>> {
    let mut get = scene.connection.prepare_cached(sql!("outbox_row")).map_err(trouble)?;
    get.query_row([id], |r| {
        Ok(OutRow {
            row: r.get(0)?,
            lane: r.get(1)?,
            stamp: r.get(2)?,
            traceparent: r.get(3)?,
            state: r.get(4)?,
            sealed: r.get(5)?,
        })
    })
    .optional()
    .map_err(trouble)
}

/// Puts a row on its next way, in a lane of its own there: whoever had the lane before has nothing of it any more, whatever fence he holds.
pub fn go_on(scene: &Scene<'_>, row: &OutRow, onward: &Onward, at: Timestamp) -> Stored<()> {
    let (to, now) = (&onward.to, micros(at));
    let (lane, _) = lane_for(scene, None, &to.destination, Some(now), || None)?;
    let deadline = to.until(at).map(micros);
    scene.run(sql!("outbox_next_way"), params![row.row, lane, to.destination, deadline]).map(drop)
}

/// The content of a row of the outbox; `None` where it was destroyed or does not open.
pub fn content(scene: &Scene<'_>, id: Uuid, sealed: i64) -> Stored<Option<Opened>> {
    due::readable(Opened::read(scene.connection, scene.keyring, sealed, Owner::new("outbox", id)))
}

/// The Vorgang whose answer a row is.
pub fn delivers(scene: &Scene<'_>, id: Uuid, sealed: i64) -> Stored<Option<Tag>> {
    due::delivers(Opened::read(scene.connection, scene.keyring, sealed, Owner::new("outbox", id)))
}

/// Writes what happened to a row.
pub fn change(
    scene: &mut Scene<'_>,
    row: &OutRow,
    id: Uuid,
    at: Timestamp,
    what: &str,
    detail: &serde_json::Value,
) -> Stored<()> {
    let traceparent = &row.traceparent;
    let change = Change { at, stamp: row.stamp, traceparent, subject: Some(id), what, detail };
    audit::write(scene, &change)
}

/// Removes a row that was taken back. Its id is given to another row, so what was written of it keeps its salt.
pub fn taken_back(scene: &Scene<'_>, (row, id, sealed): (i64, Uuid, i64)) -> Stored<()> {
    scene.run(sql!("claim_use_delete"), [sealed])?;
    scene.run(sql!("ret_outbox_undoom"), [id])?;
    scene.run(sql!("ret_outbox_delete"), [row])?;
    scene.run(sql!("sealed_delete"), [sealed]).map(drop)
}

/// Has a message run again at once: since ever, because the clock may go back before it runs.
pub fn at_once(scene: &Scene<'_>, inbox: i64) -> Stored<()> {
    scene.run(sql!("waiting_put"), params![inbox, None::<Vec<u8>>, None::<i64>, 0, None::<String>]).map(drop)
}

/// How many rows to send are in doubt.
pub fn doubts(connection: &Connection) -> Stored<u64> {
    let mut get = connection.prepare_cached(sql!("doubt_count")).map_err(trouble)?;
    get.query_row([], |r| r.get(0)).map(count).map_err(trouble)
}
