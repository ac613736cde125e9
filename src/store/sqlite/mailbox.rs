//! Mailboxes: rows of the outbox that their receivers come for. A reader's lease is told apart from a process's by its holder.
//! Decides nothing that `decide` does not, and reads no clock.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::seal::key::OVERHEAD;
use crate::store::contract::{Store, StoreError};
use crate::store::decide::{self, HandOut, Holder, Leased};
use crate::store::lane::{Due, Outcome, Settle};
use crate::store::mailbox::{Ask, Ended, Handed, Item, Mailboxes, Overdue, Reader, Ticket};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due::{self, ClosedDue, LONGEST_LEASE, does_not_open, reader};
use crate::store::sealing::heads::{SendHead, SendNote};
use crate::store::sealing::values::{Stored, count, later, limit, micros, time};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::store::SqliteStore;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::writer::Scene;
use crate::store::sqlite::{house, lanes};

/// A row of a mailbox as it stands.
struct Found {
    lane: i64,
    state: String,
    destination: String,
    attempts: i64,
    sealed: i64,
    fence: Option<i64>,
    until: Option<i64>,
    holder: String,
    first: bool,
    may_leave: bool,
    /// Whether it was handed out and nobody said what became of it.
    doubted: bool,
}

fn find(connection: &Connection, who: &Reader, id: Uuid, now: Timestamp) -> Stored<Option<Found>> {
    let mut get = connection.prepare_cached(sql!("mailbox_row")).map_err(trouble)?;
    let boxes = json!(who.destinations).to_string();
    get.query_row(params![id, who.partner, boxes, micros(now)], |r| {
        Ok(Found {
            lane: r.get(0)?,
            state: r.get(1)?,
            destination: r.get(2)?,
            attempts: r.get(3)?,
            sealed: r.get(4)?,
            fence: r.get(5)?,
            until: r.get(6)?,
            holder: r.get::<_, Option<String>>(7)?.unwrap_or_default(),
            first: r.get::<_, Option<bool>>(8)?.unwrap_or(false),
            may_leave: r.get::<_, Option<bool>>(9)?.unwrap_or(false),
            doubted: r.get(10)?,
        })
    })
    .optional()
    .map_err(trouble)
}

/// A row that was handed out, still sealed, or why it was not.
enum Taken {
    Out(Box<ClosedDue>, Ticket, i64),
    Not(Handed),
}

fn hand_out(scene: &Scene<'_>, who: &Reader, ask: &Ask) -> Stored<Taken> {
    // What is over casts its doubt before anybody gets it anew.
    lanes::end_leases(scene, Some(ask.now))?;
    let not = |handed| Ok(Taken::Not(handed));
    let Some(found) = find(scene.connection, who, ask.id, ask.now)? else { return not(Handed::Unknown) };
    let (true, true, Some(fence)) = (decide::is_open(&found.state), found.may_leave, found.fence) else {
        return not(Handed::Unknown);
    };
    if !found.first {
        return not(Handed::Behind);
    }
    let now = micros(ask.now);
    let holder = reader(ask.key.as_deref());
    let known = ask.key.as_ref().map(|_| holder.as_str());
    let shown = ask.ticket.filter(|shown| shown.lane == found.lane && shown.row == ask.id);
    let lane = Leased { fence, until: found.until, holder: &found.holder };
    let until = later(ask.now, ask.lease.min(LONGEST_LEASE));
    let (due, place) = head(scene, found.lane)?;
    let absurd = later(ask.now, LONGEST_LEASE);
    let fence = match decide::hand_out(lane, (shown.map(|shown| shown.fence), known), now, absurd) {
        HandOut::NotYet(until) => return not(Handed::Held(time(until))),
        HandOut::Again => {
            scene.run(sql!("lane_renew"), params![found.lane, fence, until])?;
            fence
        }
        HandOut::Anew => {
            scene.run(sql!("lane_lease"), params![found.lane, until, holder, place])?;
            fence + 1
        }
    };
    let ticket = Ticket { lane: found.lane, fence, row: ask.id };
    Ok(Taken::Out(Box::new(due), ticket, until))
}

/// The first row of a lane, and its place in it.
fn head(scene: &Scene<'_>, lane: i64) -> Stored<(ClosedDue, i64)> {
    let mut get = scene.connection.prepare_cached(sql!("outbox_heads")).map_err(trouble)?;
    get.query_row(params![lane, 1], |r| Ok((lanes::due_of(r)?, r.get(0)?))).map_err(trouble)
}

fn end(
    scene: &mut Scene<'_>,
    who: &Reader,
    ticket: Ticket,
    (outcome, refused): (Outcome, bool),
    now: Timestamp,
) -> Stored<Ended> {
    let Some(found) = find(scene.connection, who, ticket.row, now)? else {
        let again = refused && left_refused(scene, who, ticket.row)?;
        return Ok(if again { Ended::Again } else { Ended::Unknown });
    };
    let holder = Holder { lane: ticket.lane, fence: ticket.fence };
    let fence = found.fence.filter(|_| found.lane == ticket.lane);
    if !decide::is_open(&found.state) {
        let owner = Owner::new("outbox", ticket.row);
        let noted = reference(scene.connection, scene.keyring, found.sealed, owner)?;
        let before = decide::ended_before(&outcome, &found.state, noted.as_deref(), (holder, fence));
        return Ok(if before { Ended::Again } else { Ended::Stale });
    }
    if !found.first || fence != Some(ticket.fence) {
        return Ok(Ended::Stale);
    }
    if matches!(outcome, Outcome::Later { .. }) && found.until.is_none() {
        return Ok(Ended::Again);
    }
    if !decide::handed_out(found.until.is_some(), found.doubted) {
        return Ok(Ended::Stale);
    }
    let head = head_of(scene.connection, scene.keyring, found.sealed, ticket.row)?;
    let delivers = head.as_ref().and_then(SendHead::delivers);
    let outcome = match refused {
        true => due::refused(outcome, &found.destination, head, found.doubted),
        false => outcome,
    };
    let (lane, fence, row) = (ticket.lane, ticket.fence, ticket.row);
    let told = outcome.clone();
    let settle = Settle { lane, fence, row, outcome, answers: Vec::new(), delivers, release: true, now };
    if !lanes::settle(scene, &settle)? {
        return Ok(Ended::Stale);
    }
    let attempts = u32::try_from(found.attempts).unwrap_or(u32::MAX);
    Ok(Ended::Done { destination: found.destination, attempts, outcome: told })
}

/// Whether a row left a mailbox of this reader because it was refused there: the same said again.
fn left_refused(scene: &Scene<'_>, who: &Reader, id: Uuid) -> Stored<bool> {
    let sealed: Option<i64> = {
        let mut get = scene.connection.prepare_cached(sql!("mailbox_left")).map_err(trouble)?;
        get.query_row(params![id, who.partner], |r| r.get(0)).optional().map_err(trouble)?
    };
    let Some(sealed) = sealed else { return Ok(false) };
    let opened = lanes::content(scene, id, sealed)?;
    Ok(opened.map(|opened| opened.note::<SendNote>()).transpose()?.is_some_and(|note| note.left_refused(who)))
}

/// The head of a row; `None` where its content went or does not open.
fn head_of(connection: &Connection, keyring: &Keyring, sealed: i64, id: Uuid) -> Stored<Option<SendHead>> {
    due::head(Opened::without_body(connection, keyring, sealed, Owner::new("outbox", id)))
}

/// By which ticket a row was closed; `None` where its content went or does not open.
fn reference(
    connection: &Connection,
    keyring: &Keyring,
    sealed: i64,
    owner: Owner,
) -> Stored<Option<String>> {
    let opened = due::readable(Opened::without_body(connection, keyring, sealed, owner))?;
    let note = opened.map(|opened| opened.note::<SendNote>()).transpose()?;
    Ok(note.and_then(|note| note.reference))
}

fn lying(
    connection: &Connection,
    keyring: &Keyring,
    who: &Reader,
    (after, most): (Option<Uuid>, usize),
    now: Timestamp,
) -> Stored<Vec<Item>> {
    let mut list = connection.prepare_cached(sql!("mailbox_list")).map_err(trouble)?;
    let boxes = json!(who.destinations).to_string();
    let (now, most) = (micros(now), limit(most));
    let mut rows = list.query(params![boxes, who.partner, after, now, most]).map_err(trouble)?;
    let mut items = Vec::new();
    while let Some(r) = rows.next().map_err(trouble)? {
        let read = |r: &rusqlite::Row<'_>| -> rusqlite::Result<(Item, i64)> {
            let until: Option<i64> = r.get(10)?;
            let item = Item {
                id: uuid(r.get(0)?)?,
                lane: r.get(1)?,
                message: r.get(2)?,
                queued: time(r.get(3)?),
                deadline: r.get::<_, Option<i64>>(4)?.map(time),
                fetched: r.get(5)?,
                size: count(r.get::<_, Option<i64>>(7)?.unwrap_or(0)).saturating_sub(OVERHEAD as u64),
                test: r.get(8)?,
                first: r.get(9)?,
                held: until.filter(|until| *until > now).map(time),
                parts: 0,
            };
            Ok((item, r.get(6)?))
        };
        let (item, sealed) = read(r).map_err(trouble)?;
        let opened = Opened::without_body(connection, keyring, sealed, Owner::new("outbox", item.id));
        items.push(item.with_head(opened)?);
    }
    Ok(items)
}

fn overdue(
    connection: &Connection,
    keyring: &Keyring,
    boxes: &[String],
    (now, most): (Timestamp, usize),
) -> Stored<Vec<Overdue>> {
    let mut list = connection.prepare_cached(sql!("mailbox_overdue")).map_err(trouble)?;
    let read = |r: &rusqlite::Row<'_>| {
        let overdue = Overdue {
            lane: r.get(0)?,
            fence: r.get(1)?,
            row: uuid(r.get(2)?)?,
            destination: r.get(3)?,
            fetched: r.get(4)?,
            next: None,
        };
        Ok((overdue, r.get(5)?))
    };
    let found: Vec<(Overdue, i64)> = list
        .query_map(params![json!(boxes).to_string(), micros(now), limit(most)], read)
        .and_then(Iterator::collect)
        .map_err(trouble)?;
    let next = |(overdue, sealed): (Overdue, i64)| {
        let head = head_of(connection, keyring, sealed, overdue.row)?;
        let next = head.and_then(|head| head.next(&overdue.destination));
        Ok(Overdue { next, ..overdue })
    };
    found.into_iter().map(next).collect()
}

#[async_trait]
impl Mailboxes for SqliteStore {
    async fn lying(
        &self,
        reader: &Reader,
        after: Option<Uuid>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError> {
        let who = reader.clone();
        self.readers.ask(move |db, keyring| lying(db, keyring, &who, (after, limit), now)).await
    }

    async fn hand_out(&self, reader: &Reader, ask: Ask) -> Result<Handed, StoreError> {
        let (who, now) = (reader.clone(), ask.now);
        let (closed, ticket, until) = match self.write(move |scene| hand_out(scene, &who, &ask)).await? {
            Taken::Not(handed) => return Ok(handed),
            Taken::Out(closed, ticket, until) => (closed, ticket, until),
        };
        let open = move |db: &Connection, keyring: &Keyring| lanes::open_one(db, keyring, *closed);
        let opened: Stored<Due> = self.readers.read(open).await;
        match opened {
            Ok(due) => Ok(Handed::Out(Box::new(due), ticket, time(until))),
            Err(StoreError::Corrupt(_)) => {
                self.settle(vec![does_not_open((ticket.lane, ticket.fence, ticket.row), true, now)]).await?;
                Ok(Handed::Unknown)
            }
            Err(other) => Err(other),
        }
    }

    async fn end(
        &self,
        reader: &Reader,
        ticket: Ticket,
        outcome: (Outcome, bool),
        now: Timestamp,
    ) -> Result<Ended, StoreError> {
        let who = reader.clone();
        self.write(move |scene| end(scene, &who, ticket, outcome, now)).await
    }

    async fn pauses_over(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |scene| house::pauses_over(scene, now)).await
    }

    async fn overdue(
        &self,
        mailboxes: &[String],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Overdue>, StoreError> {
        let boxes = mailboxes.to_vec();
        self.readers.ask(move |db, keyring| overdue(db, keyring, &boxes, (now, limit))).await
    }
}
