//! Answers that are taken back before they leave: their rows go, and their request waits to be decided anew.
//! All of an answer or nothing of it; never a row of which anything may have left.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::effects::{Then, Vorgang};
use crate::envelope::Inbound;
use crate::seal::index::Tag;
use crate::store::anew::Anews;
use crate::store::decide::{self, Owed};
use crate::store::error::StoreError;
use crate::store::lane::{Anew, Early, Lies, NotDue, Place, Unsent};
use crate::store::mailbox::Reader;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due::{self, ClosedDue};
use crate::store::sealing::prepare::Work;
use crate::store::sealing::speaks::Speaks;
use crate::store::sealing::take_back::{SPOKEN_AGAINST, TakeBackWork};
use crate::store::sealing::values::{Stored, limit, micros, time};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{outbox, register};
use crate::store::states::RowState;

/// A row that goes.
struct Going {
    row: i64,
    id: Uuid,
    lane: i64,
    stamp: i64,
    traceparent: String,
    sealed: i64,
}

/// The rows of a request, each with what decides about it.
fn rows(connection: &Connection, back: &TakeBackWork) -> Stored<Vec<(Going, Owed)>> {
    let mut list = connection.prepare_cached(sql!("outbox_owed")).map_err(trouble)?;
    let mut rows = Vec::new();
    let mut found = list.query([back.cause]).map_err(trouble)?;
    while let Some(r) = found.next().map_err(trouble)? {
        let (message, state): (String, String) = (r.get(12).map_err(trouble)?, r.get(6).map_err(trouble)?);
        let flag = |column: usize| r.get::<_, bool>(column).map_err(trouble);
        let owed = Owed {
            state: RowState::or_held(&state),
            unclear: flag(7)?,
            left: flag(8)?,
            unseen: flag(9)?,
            leased: flag(10)?,
            fence: r.get(11).map_err(trouble)?,
            carries: true,
        };
        let row = Going {
            row: r.get(0).map_err(trouble)?,
            id: uuid(r.get(1).map_err(trouble)?).map_err(trouble)?,
            lane: r.get(2).map_err(trouble)?,
            stamp: r.get(3).map_err(trouble)?,
            traceparent: r.get(4).map_err(trouble)?,
            sealed: r.get(5).map_err(trouble)?,
        };
        rows.push((row, back.owed(&message, owed)));
    }
    Ok(rows)
}

/// The rows that go; `None` where it is all or nothing and something may have left.
fn going(connection: &Connection, back: &TakeBackWork) -> Stored<Option<Vec<Going>>> {
    Ok(back.going(rows(connection, back)?))
}

/// The number of the request, where it is kept and its Vorgang is decided and not delivered.
fn request(connection: &Connection, back: &TakeBackWork) -> Stored<Option<i64>> {
    let mut get = connection.prepare_cached(sql!("inbox_decided")).map_err(trouble)?;
    get.query_row(params![back.cause, back.vorgang], |r| r.get(0)).optional().map_err(trouble)
}

/// Whether nothing of the answer has left.
pub fn possible(connection: &Connection, back: &TakeBackWork) -> Stored<bool> {
    Ok(request(connection, back)?.is_some() && going(connection, back)?.is_some())
}

/// Whether all that an entry takes back can still be.
pub fn stand(scene: &Scene<'_>, work: &Work) -> Stored<bool> {
    for back in &work.take_backs {
        if !possible(scene.connection, back)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes back what one entry says; returns whether a request is to run again.
pub fn all(scene: &mut Scene<'_>, work: &Work) -> Stored<bool> {
    let by = (work.id, work.now);
    let mut any = false;
    for back in &work.take_backs {
        let taken = match back.then {
            Then::Anew => one(scene, by, back)?,
            Then::Over => gone(scene, by, back)?,
        };
        // It could when the entry began, and nobody else writes: what the entry does besides is against it.
        if !taken {
            return Err(StoreError::Entry(
                "what it takes back cannot be taken back beside what else it does".into(),
            ));
        }
        any |= back.then == Then::Anew;
    }
    Ok(any)
}

/// Takes back one answer, where all of it can be, so that its request is decided anew; returns whether it was. `by`: what causes it, and when.
pub fn one(scene: &mut Scene<'_>, by: (Uuid, Timestamp), back: &TakeBackWork) -> Stored<bool> {
    let Some(inbox) = request(scene.connection, back)? else { return Ok(false) };
    if !gone(scene, by, back)? {
        return Ok(false);
    }
    scene.run(sql!("inbox_state"), params![inbox, Inbound::Waiting.as_str()])?;
    outbox::at_once(scene, inbox)?;
    scene.run(sql!("vorgang_anew"), params![back.vorgang, micros(by.1)])?;
    scene.run(sql!("trace_drop"), params![SPOKEN_AGAINST, back.vorgang])?;
    Ok(true)
}

/// What would become of an answer that lay here, for who holds this lane.
fn could(connection: &Connection, back: &TakeBackWork, held: Option<i64>) -> Stored<Anew> {
    let kept = request(connection, back)?.is_some();
    let rows = rows(connection, back)?;
    let others = |row: &Going| Some(row.lane) != held;
    let owed = rows.iter().map(|(row, owed)| Owed { leased: owed.leased && others(row), ..*owed });
    Ok(decide::anew(&owed.collect::<Vec<_>>(), kept))
}

/// Takes a Negativauskunft back that something speaks against; where it is in somebody's hand, or nobody can decide it anew, it is noted with it, so
/// that it leaves no more; where something of it may have left, where whoever looks later would not see it. Returns whether its request runs again.
pub fn spoken_against(
    scene: &mut Scene<'_>,
    by: (Uuid, Timestamp),
    back: &TakeBackWork,
    speaks: Speaks,
) -> Stored<bool> {
    let anew = could(scene.connection, back, None)?;
    if anew == Anew::Runs {
        return one(scene, by, back);
    }
    if speaks.is_noted(anew) {
        scene.run(sql!("trace_add"), params![SPOKEN_AGAINST, back.vorgang])?;
    }
    Ok(false)
}

/// The request whose answer an open row of a mailbox carries, and its Vorgang.
fn answer_of(
    connection: &Connection,
    keyring: &Keyring,
    who: &Reader,
    row: Uuid,
) -> Stored<Option<(Uuid, Tag)>> {
    let mut get = connection.prepare_cached(sql!("outbox_one")).map_err(trouble)?;
    let read = |r: &rusqlite::Row<'_>| Ok((outbox::due_of(r)?, r.get(8)?));
    let found: Option<(ClosedDue, RowState)> = get.query_row([row], read).optional().map_err(trouble)?;
    let of_reader = |closed: &ClosedDue| who.reads(&closed.partner, &closed.destination);
    let found = found.filter(|(closed, state)| state.is_open() && of_reader(closed));
    let Some((closed, _)) = found else { return Ok(None) };
    let head = due::head(Opened::read(connection, keyring, closed.sealed, Owner::new("outbox", row)))?;
    Ok(head.and_then(|head| head.delivers()).map(|vorgang| (closed.cause, vorgang)))
}

/// A row that may not leave yet: its place, its id with the request and when it may, its type, its content.
type Waits = (Place, (Uuid, Uuid, Timestamp), String, i64);

/// Negativauskünfte that may not leave yet.
fn not_due(
    connection: &Connection,
    keyring: &Keyring,
    (from, now): (Place, Timestamp),
    beside: &[String],
    most: usize,
) -> Stored<NotDue> {
    let mut list = connection.prepare_cached(sql!("outbox_not_due")).map_err(trouble)?;
    let read = |r: &rusqlite::Row<'_>| -> rusqlite::Result<Waits> {
        let place = Place { at: r.get(0)?, lane: r.get(1)? };
        Ok((place, (uuid(r.get(2)?)?, uuid(r.get(3)?)?, time(r.get(6)?)), r.get(4)?, r.get(5)?))
    };
    let asked = params![micros(now), from.at, from.lane, limit(most)];
    let rows: Vec<Waits> = list.query_map(asked, read).and_then(Iterator::collect).map_err(trouble)?;
    let next = rows.last().filter(|_| rows.len() >= most).map(|(place, ..)| *place);
    let mut found = Vec::new();
    for (_, row, message, sealed) in rows {
        if beside.contains(&message) {
            continue;
        }
        let opened = Opened::without_body(connection, keyring, sealed, Owner::new("outbox", row.0));
        let Some(named) = due::delivers(opened)? else { continue };
        let vorgang = register::vorgang(connection, keyring, &named)?;
        found.extend(vorgang.and_then(|vorgang| Early::of(row, named, &vorgang)));
    }
    Ok(NotDue { found, next })
}

#[async_trait]
impl Anews for SqliteStore {
    async fn lies(&self, unsent: Unsent, held: Option<i64>) -> Result<Lies, StoreError> {
        let back = TakeBackWork::unsent(unsent);
        self.readers
            .ask(move |db, keyring| {
                let vorgang = register::vorgang(db, keyring, &back.vorgang)?;
                if !vorgang.as_ref().is_some_and(Vorgang::is_negativ) {
                    return Ok(Lies::other(vorgang));
                }
                let mut there = db.prepare_cached(sql!("trace_there")).map_err(trouble)?;
                let spoken_against = there.exists(params![SPOKEN_AGAINST, back.vorgang]).map_err(trouble)?;
                let mut open = db.prepare_cached(sql!("trace_objected")).map_err(trouble)?;
                let objected = open.exists([back.vorgang]).map_err(trouble)?;
                Ok(Lies { vorgang, anew: could(db, &back, held)?, spoken_against, objected })
            })
            .await
    }

    async fn run_anew(&self, unsent: Unsent, by: Uuid, now: Timestamp) -> Result<Anew, StoreError> {
        let back = TakeBackWork::unsent(unsent);
        self.write(move |scene| {
            let outcome = could(scene.connection, &back, None)?;
            if outcome == Anew::Runs {
                one(scene, (by, now), &back)?;
            }
            Ok(outcome)
        })
        .await
    }

    async fn not_due(
        &self,
        (from, now): (Option<Place>, Timestamp),
        beside: Arc<[String]>,
        most: usize,
    ) -> Result<NotDue, StoreError> {
        let from = from.unwrap_or(Place { at: micros(now), lane: i64::MAX });
        self.readers.ask(move |db, keyring| not_due(db, keyring, (from, now), &beside, most)).await
    }

    async fn answer_of(&self, reader: &Reader, row: Uuid) -> Result<Option<(Uuid, Tag)>, StoreError> {
        let who = reader.clone();
        self.readers.ask(move |db, keyring| answer_of(db, keyring, &who, row)).await
    }
}

/// Removes the rows that go; `false` where something may have left.
fn gone(scene: &mut Scene<'_>, (by, now): (Uuid, Timestamp), back: &TakeBackWork) -> Stored<bool> {
    let Some(going) = going(scene.connection, back)? else { return Ok(false) };
    for Going { row, id, lane, stamp, traceparent, sealed } in going {
        outbox::taken_back(scene, (row, id, sealed))?;
        outbox::arm(scene, lane, micros(now), true)?;
        let (what, detail) = ("outbox.taken-back", json!({ "by": by }));
        let traceparent = traceparent.as_str();
        let change = Change { at: now, stamp, traceparent, subject: Some(id), what, detail: &detail };
        audit::write(scene, &change)?;
    }
    Ok(true)
}
