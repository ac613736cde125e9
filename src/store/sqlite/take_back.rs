//! Answers that are taken back before they leave: their rows go, and their request waits to be decided anew.
//! All of an answer or nothing of it; never a row of which anything may have left.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::envelope::Inbound;
use crate::seal::index::Tag;
use crate::store::decide::{self, Owed};
use crate::store::sealing::prepare::Work;
use crate::store::sealing::take_back::TakeBackWork;
use crate::store::sealing::values::{Stored, micros};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::writer::Scene;
use crate::store::sqlite::{lanes, retention_rows, waiting};

/// A row that goes.
struct Going {
    row: i64,
    id: Uuid,
    lane: i64,
    stamp: i64,
    traceparent: String,
    sealed: i64,
}

/// What is taken back: the number of the request, and the rows that go.
type Found = (i64, Vec<Going>);

fn found(
    connection: &Connection,
    (cause, vorgang): (Uuid, &Tag),
    beside: &[String],
) -> Stored<Option<Found>> {
    let mut get = connection.prepare_cached(sql!("inbox_decided")).map_err(trouble)?;
    let inbox = get.query_row(params![cause, vorgang], |r| r.get(0)).optional().map_err(trouble)?;
    let Some(inbox) = inbox else { return Ok(None) };
    let mut list = connection.prepare_cached(sql!("outbox_owed")).map_err(trouble)?;
    let (mut owed, mut rows) = (Vec::new(), Vec::new());
    let mut found = list.query([cause]).map_err(trouble)?;
    while let Some(r) = found.next().map_err(trouble)? {
        let message: String = r.get(12).map_err(trouble)?;
        let state: String = r.get(6).map_err(trouble)?;
        let flag = |column: usize| r.get::<_, bool>(column).map_err(trouble);
        owed.push((state, flag(7)?, flag(8)?, flag(9)?, flag(10)?, r.get(11).map_err(trouble)?, message));
        rows.push(Some(Going {
            row: r.get(0).map_err(trouble)?,
            id: uuid(r.get(1).map_err(trouble)?).map_err(trouble)?,
            lane: r.get(2).map_err(trouble)?,
            stamp: r.get(3).map_err(trouble)?,
            traceparent: r.get(4).map_err(trouble)?,
            sealed: r.get(5).map_err(trouble)?,
        }));
    }
    let owed = owed.iter().map(|(state, unclear, left, first_way, leased, fence, message)| Owed {
        state,
        unclear: *unclear,
        left: *left,
        first_way: *first_way,
        leased: *leased,
        fence: *fence,
        carries: !beside.contains(message),
    });
    let owed: Vec<Owed<'_>> = owed.collect();
    let going = decide::taken_back(&owed);
    Ok(going.map(|going| (inbox, going.into_iter().filter_map(|place| rows[place].take()).collect())))
}

/// Whether nothing of the answer has left.
pub fn possible(connection: &Connection, vorgang: (Uuid, &Tag), beside: &[String]) -> Stored<bool> {
    Ok(found(connection, vorgang, beside)?.is_some())
}

/// Whether all that an entry takes back can still be.
pub fn stand(scene: &Scene<'_>, work: &Work) -> Stored<bool> {
    for back in &work.take_backs {
        if !possible(scene.connection, (back.cause, &back.vorgang), &back.beside)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes back what one entry says; returns whether a request is to run again.
pub fn all(scene: &mut Scene<'_>, work: &Work) -> Stored<bool> {
    let mut any = false;
    for back in &work.take_backs {
        any |= one(scene, work, back)?;
    }
    Ok(any)
}

/// Takes back one answer, where all of it can be; returns whether it was.
pub fn one(scene: &mut Scene<'_>, work: &Work, back: &TakeBackWork) -> Stored<bool> {
    let Some((inbox, going)) = found(scene.connection, (back.cause, &back.vorgang), &back.beside)? else {
        return Ok(false);
    };
    let now = micros(work.now);
    for Going { row, id, lane, stamp, traceparent, sealed } in going {
        retention_rows::taken_back(scene, (row, id, sealed))?;
        lanes::arm(scene, lane, now, true)?;
        let (what, detail) = ("outbox.taken-back", json!({ "by": work.id }));
        let traceparent = traceparent.as_str();
        let change = Change { at: work.now, stamp, traceparent, subject: Some(id), what, detail: &detail };
        audit::write(scene, &change)?;
    }
    scene.run(sql!("inbox_state"), params![inbox, Inbound::Waiting.as_str()])?;
    waiting::at_once(scene, inbox)?;
    scene.run(sql!("vorgang_anew"), params![back.vorgang, now])?;
    Ok(true)
}
