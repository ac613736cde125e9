//! Mailboxes: rows of the outbox that their receivers come for. A reader's lease is told apart from a process's by its holder.
//! Decides nothing that `decide` does not, and reads no clock.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::seal::key::OVERHEAD;
use crate::store::decide::{self, ClosedLate, HandOut, Holder, Leased};
use crate::store::error::StoreError;
use crate::store::lane::{Due, Lanes, Outcome, Settle};
use crate::store::mailbox::{Ask, Ended, Handed, Item, Lain, Mailboxes, Overdue, Reader, Ticket};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due::{self, ClosedDue, LONGEST_LEASE, TAKEN_AFTER_ALL, does_not_open, reader};
use crate::store::sealing::heads::{SendHead, SendNote};
use crate::store::sealing::tickets;
use crate::store::sealing::values::{Stored, count, later, limit, micros, time};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::outbox::OutRow;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{house, lanes, outbox};
use crate::store::states::RowState;

/// A row of a mailbox as it stands.
struct Found {
    lane: i64,
    state: RowState,
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

fn lain(connection: &Connection, who: &Reader, id: Uuid, now: Timestamp) -> Stored<Option<Lain>> {
    let Some(found) = find(connection, who, id, now)? else { return Ok(None) };
    let open = found.state.is_open();
    if open && !found.may_leave {
        return Ok(None);
    }
    let mut get = connection.prepare_cached(sql!("mailbox_lain")).map_err(trouble)?;
    let read = |r: &rusqlite::Row<'_>| {
        Ok(Lain {
            message: r.get(0)?,
            queued: time(r.get(1)?),
            test: r.get(2)?,
            open,
            closed: found.state == RowState::Sent,
        })
    };
    get.query_row(params![id, who.partner], read).optional().map_err(trouble)
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
    let (true, true, Some(fence)) = (found.state.is_open(), found.may_leave, found.fence) else {
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
            let fence = decide::handed_anew(fence);
            scene.run(sql!("lane_hand_out"), params![found.lane, until, holder, place, fence])?;
            fence
        }
    };
    let ticket = Ticket { lane: found.lane, fence, row: ask.id };
    Ok(Taken::Out(Box::new(due), ticket, until))
}

/// The first row of a lane, and its place in it.
fn head(scene: &Scene<'_>, lane: i64) -> Stored<(ClosedDue, i64)> {
    let mut get = scene.connection.prepare_cached(sql!("outbox_heads")).map_err(trouble)?;
    get.query_row(params![lane, 1], |r| Ok((outbox::due_of(r)?, r.get(0)?))).map_err(trouble)
}

fn hold_back(
    scene: &mut Scene<'_>,
    who: &Reader,
    (row, outcome): (Uuid, Outcome),
    now: Timestamp,
) -> Stored<Option<(String, u32)>> {
    lanes::end_leases(scene, Some(now))?;
    let Some(found) = find(scene.connection, who, row, now)? else { return Ok(None) };
    let there = found.state.is_open() && found.may_leave && found.first && found.until.is_none();
    let Some(fence) = found.fence.filter(|_| there) else { return Ok(None) };
    let (lane, delivers) = (found.lane, None);
    let settle = Settle { lane, fence, row, outcome, answers: Vec::new(), delivers, release: true, now };
    let settled = lanes::settle(scene, &settle)?;
    Ok(settled.then(|| (found.destination, u32::try_from(found.attempts).unwrap_or(u32::MAX))))
}

fn end(
    scene: &mut Scene<'_>,
    who: &Reader,
    ticket: Ticket,
    (outcome, refused): (Outcome, bool),
    now: Timestamp,
) -> Stored<Ended> {
    let Some(found) = find(scene.connection, who, ticket.row, now)? else {
        return elsewhere(scene, who, ticket, (&outcome, refused), now);
    };
    let holder = Holder { lane: ticket.lane, fence: ticket.fence };
    let fence = found.fence.filter(|_| found.lane == ticket.lane);
    if !found.state.is_open() {
        let owner = Owner::new("outbox", ticket.row);
        let noted = noted(scene.connection, scene.keyring, found.sealed, owner)?;
        let before = decide::ended_before(&outcome, found.state, noted.reference.as_deref(), (holder, fence));
        if before {
            return Ok(Ended::Again);
        }
        let last = fence.is_some_and(|stands| decide::last_hand_out(ticket.fence, stands));
        let fits = matches!(outcome, Outcome::Sent { .. }) && last;
        let late = decide::closed_late(found.state, fits, noted.said, found.doubted);
        let Some(late) = late else { return Ok(Ended::Stale) };
        return closed_late(scene, ticket, late, (found, outcome), now);
    }
    if decide::taken_meanwhile(&outcome, (ticket.fence, fence), found.first && found.doubted) {
        return closed_late(scene, ticket, ClosedLate::Answers, (found, outcome), now);
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

/// A close of what waits for a person in this mailbox: it has arrived.
fn closed_late(
    scene: &mut Scene<'_>,
    ticket: Ticket,
    late: ClosedLate,
    (found, outcome): (Found, Outcome),
    now: Timestamp,
) -> Stored<Ended> {
    let Some(row) = outbox::out_row(scene, ticket.row)? else { return Ok(Ended::Unknown) };
    if !settle_as_closed(scene, ticket, &row, now)? {
        return Ok(Ended::Stale);
    }
    let destination = found.destination;
    Ok(match late {
        ClosedLate::Answers => {
            let attempts = u32::try_from(found.attempts).unwrap_or(u32::MAX);
            Ended::Done { destination, attempts, outcome }
        }
        ClosedLate::Contradicts => {
            let detail = due::taken_detail(&destination, true);
            outbox::change(scene, &row, ticket.row, now, TAKEN_AFTER_ALL, &detail)?;
            Ended::AfterAll { destination }
        }
    })
}

/// A row that has left the mailboxes of this reader: refused there before, or closed there after a person had said that it did not arrive.
fn elsewhere(
    scene: &mut Scene<'_>,
    who: &Reader,
    ticket: Ticket,
    (outcome, refused): (&Outcome, bool),
    now: Timestamp,
) -> Stored<Ended> {
    let id = ticket.row;
    let sealed: Option<i64> = {
        let mut get = scene.connection.prepare_cached(sql!("mailbox_left")).map_err(trouble)?;
        get.query_row(params![id, who.partner], |r| r.get(0)).optional().map_err(trouble)?
    };
    let Some(sealed) = sealed else { return Ok(Ended::Unknown) };
    let Some(opened) = outbox::content(scene, id, sealed)? else { return Ok(Ended::Unknown) };
    let mut note = opened.note::<SendNote>()?;
    let again = match (outcome, note.left_late(who)) {
        _ if refused => note.left_refused(who),
        (Outcome::Sent { .. }, Some(left)) => match left.taken {
            None => return after_all(scene, who, ticket, now),
            Some(_) => true,
        },
        _ => false,
    };
    Ok(if again { Ended::Again } else { Ended::Unknown })
}

/// Its receiver has what went on by another way: where no copy of it has left there yet, none does.
fn after_all(scene: &mut Scene<'_>, who: &Reader, ticket: Ticket, now: Timestamp) -> Stored<Ended> {
    let id = ticket.row;
    let Some(row) = outbox::out_row(scene, id)? else { return Ok(Ended::Unknown) };
    let stopped = row.state != RowState::Sent && settle_as_closed(scene, ticket, &row, now)?;
    let Some(opened) = outbox::content(scene, id, row.sealed)? else { return Ok(Ended::Unknown) };
    let Some((destination, note)) = due::taken_after_all(&opened, who, now)? else { return Ok(Ended::Again) };
    scene.run(sql!("sealed_note"), params![row.sealed, note])?;
    outbox::change(scene, &row, id, now, TAKEN_AFTER_ALL, &due::taken_detail(&destination, stopped))?;
    Ok(Ended::AfterAll { destination })
}

/// Settles a row as closed by its receiver, unless an attempt at it is under way.
fn settle_as_closed(scene: &mut Scene<'_>, ticket: Ticket, row: &OutRow, now: Timestamp) -> Stored<bool> {
    let fence: Option<i64> = {
        let mut get = scene.connection.prepare_cached(sql!("lane_free")).map_err(trouble)?;
        get.query_row([row.lane], |r| r.get(0)).optional().map_err(trouble)?
    };
    let Some(fence) = fence else { return Ok(false) };
    if row.state.is_held() {
        lanes::free(scene, row, None)?;
    }
    let delivers = head_of(scene.connection, scene.keyring, row.sealed, ticket.row)?
        .as_ref()
        .and_then(SendHead::delivers);
    let (lane, outcome) = (row.lane, due::closed_late(ticket));
    let settling =
        Settle { lane, fence, row: ticket.row, outcome, answers: Vec::new(), delivers, release: true, now };
    lanes::settle(scene, &settling)
}

/// The head of a row; `None` where its content went or does not open.
fn head_of(connection: &Connection, keyring: &Keyring, sealed: i64, id: Uuid) -> Stored<Option<SendHead>> {
    due::head(Opened::without_body(connection, keyring, sealed, Owner::new("outbox", id)))
}

/// What is noted with a row, such as by which ticket it was closed; nothing where its content went or does not open.
fn noted(connection: &Connection, keyring: &Keyring, sealed: i64, owner: Owner) -> Stored<SendNote> {
    let opened = due::readable(Opened::without_body(connection, keyring, sealed, owner))?;
    Ok(opened.map(|opened| opened.note::<SendNote>()).transpose()?.unwrap_or_default())
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
        let owner = Owner::new("outbox", overdue.row);
        let next = due::next(Opened::without_body(connection, keyring, sealed, owner), &overdue.destination)?;
        Ok(Overdue { next, ..overdue })
    };
    found.into_iter().map(next).collect()
}

#[async_trait]
impl Mailboxes for SqliteStore {
    fn receipt(&self, ticket: Ticket) -> String {
        tickets::receipt(&self.keyring, ticket)
    }

    fn ticket(&self, receipt: &str) -> Option<Ticket> {
        tickets::ticket(&self.keyring, receipt)
    }

    fn series(&self, lane: i64) -> String {
        tickets::series(&self.keyring, lane)
    }

    async fn ready(&self, reader: &Reader, now: Timestamp) -> Result<bool, StoreError> {
        let who = reader.clone();
        let boxes = json!(who.destinations).to_string();
        self.readers
            .ask(move |db, _| {
                let mut ask = db.prepare_cached(sql!("mailbox_ready")).map_err(trouble)?;
                ask.query_row(params![boxes, who.partner, micros(now)], |r| r.get(0)).map_err(trouble)
            })
            .await
    }

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

    async fn lain(&self, reader: &Reader, id: Uuid, now: Timestamp) -> Result<Option<Lain>, StoreError> {
        let who = reader.clone();
        self.readers.ask(move |db, _| lain(db, &who, id, now)).await
    }

    async fn hand_out(&self, reader: &Reader, ask: Ask) -> Result<Handed, StoreError> {
        let (who, now) = (reader.clone(), ask.now);
        let (closed, ticket, until) = match self.write(move |scene| hand_out(scene, &who, &ask)).await? {
            Taken::Not(handed) => return Ok(handed),
            Taken::Out(closed, ticket, until) => (closed, ticket, until),
        };
        let open = move |db: &Connection, keyring: &Keyring| outbox::open_one(db, keyring, *closed);
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

    async fn hold_back(
        &self,
        reader: &Reader,
        row: Uuid,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Option<(String, u32)>, StoreError> {
        let who = reader.clone();
        self.write(move |scene| hold_back(scene, &who, (row, outcome), now)).await
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
