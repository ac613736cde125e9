//! Mailboxes: rows of the outbox that their receivers come for. A reader's lease is no process's (`lauf` is empty), so it outlives the
//! replica that gave it. Decides nothing that `decide` does not, and reads no clock.

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::key::OVERHEAD;
use crate::store::decide::{self, ClosedLate, HandOut, Holder, Leased};
use crate::store::error::StoreError;
use crate::store::lane::{Lanes, Outcome, Settle};
use crate::store::mailbox::{Ask, Ended, Handed, Item, Lain, Mailboxes, Overdue, Reader, Ticket};
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, no_stamp, stamps};
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::{blob, house, lanes, outbox, settle};
use crate::store::sealing::content::{Closed, Owner};
use crate::store::sealing::due::{self, ClosedDue, LONGEST_LEASE, TAKEN_AFTER_ALL, does_not_open, reader};
use crate::store::sealing::heads::{SendHead, SendNote};
use crate::store::sealing::tickets;
use crate::store::sealing::values::{Stored, count, later, limit, micros, time};
use crate::store::states::RowState;

/// A row of a mailbox as it stands.
struct Found {
    lane: i64,
    state: RowState,
    destination: String,
    attempts: i64,
    nr: i64,
    fence: Option<i64>,
    until: Option<i64>,
    holder: String,
    first: bool,
    may_leave: bool,
    /// Whether it was handed out and nobody said what became of it.
    doubted: bool,
}

async fn find(on: &impl GenericClient, who: &Reader, id: Uuid, now: Timestamp) -> Stored<Option<Found>> {
    let found = one(on, sql!("mailbox_row"), &[&id, &who.partner, &who.destinations, &micros(now)]).await?;
    let read = |r: tokio_postgres::Row| {
        Ok(Found {
            lane: get(&r, 0)?,
            state: get(&r, 1)?,
            destination: get(&r, 2)?,
            attempts: get(&r, 3)?,
            nr: get(&r, 4)?,
            fence: get(&r, 5)?,
            until: get(&r, 6)?,
            holder: get(&r, 7)?,
            first: get(&r, 8)?,
            may_leave: get(&r, 9)?,
            doubted: get(&r, 10)?,
        })
    };
    found.map(read).transpose()
}

/// The same, its lane held locked: of several replicas one decides at a time.
async fn find_locked(tx: &Tx<'_>, who: &Reader, id: Uuid, now: Timestamp) -> Stored<Option<Found>> {
    let Some(found) = find(tx, who, id, now).await? else { return Ok(None) };
    lanes::lock(tx, &[found.lane]).await?;
    find(tx, who, id, now).await
}

/// A row that was handed out, still sealed, or why it was not.
enum Taken {
    Out(Box<(ClosedDue, Closed)>, Ticket, i64),
    Not(Handed),
}

async fn hand_out(tx: &Tx<'_>, who: &Reader, ask: &Ask) -> Stored<Taken> {
    let not = |handed| Ok(Taken::Not(handed));
    let Some(found) = find_locked(tx, who, ask.id, ask.now).await? else { return not(Handed::Unknown) };
    let (true, true, Some(fence)) = (found.state.is_open(), found.may_leave, found.fence) else {
        return not(Handed::Unknown);
    };
    if !found.first {
        return not(Handed::Behind);
    }
    let (now, absurd) = (micros(ask.now), later(ask.now, LONGEST_LEASE));
    let until = later(ask.now, ask.lease.min(LONGEST_LEASE));
    let holder = reader(ask.key.as_deref());
    let known = ask.key.as_ref().map(|_| holder.as_str());
    let shown = ask.ticket.filter(|shown| shown.lane == found.lane && shown.row == ask.id);
    let lane = Leased { fence, until: found.until, holder: &found.holder };
    let fence = match decide::hand_out(lane, (shown.map(|shown| shown.fence), known), now, absurd) {
        HandOut::NotYet(until) => return not(Handed::Held(time(until))),
        HandOut::Again => {
            run(tx, sql!("lane_renew"), &[&found.lane, &fence, &until]).await?;
            fence
        }
        HandOut::Anew => {
            // What is over casts its doubt before anybody gets it anew.
            let over = rows(tx, sql!("lane_over"), &[&found.lane, &now, &absurd]).await?;
            lanes::end(tx, &over, now).await?;
            decide::handed_anew(fence)
        }
    };
    let heads = rows(tx, sql!("outbox_heads"), &[&[found.lane].as_slice(), &limit(1)]).await?;
    let Some(head) = heads.first() else { return not(Handed::Unknown) };
    if Some(fence) != found.fence {
        let place: i64 = get(head, 1)?;
        run(tx, sql!("lane_hand_out"), &[&found.lane, &until, &holder, &place, &fence]).await?;
    }
    let ticket = Ticket { lane: found.lane, fence, row: ask.id };
    let closed = (lanes::closed_due(head)?, blob::closed(head, 16)?);
    Ok(Taken::Out(Box::new(closed), ticket, until))
}

async fn hold_back(
    base: &Base,
    tx: &Tx<'_>,
    who: &Reader,
    (row, outcome): (Uuid, &Outcome),
    (now, month): (Timestamp, i64),
) -> Stored<Option<(String, u32)>> {
    let Some(found) = find_locked(tx, who, row, now).await? else { return Ok(None) };
    let there = found.state.is_open() && found.may_leave && found.first;
    let Some(fence) = found.fence.filter(|_| there) else { return Ok(None) };
    // What is over casts its doubt first.
    let (at, absurd) = (micros(now), later(now, LONGEST_LEASE));
    let over = rows(tx, sql!("lane_over"), &[&found.lane, &at, &absurd]).await?;
    if over.is_empty() && found.until.is_some() {
        return Ok(None);
    }
    lanes::end(tx, &over, at).await?;
    let (lane, delivers, outcome) = (found.lane, None, outcome.clone());
    let one = Settle { lane, fence, row, outcome, answers: Vec::new(), delivers, release: true, now };
    let settled = settle::in_rounds(base, tx, &[one], &mut outbox::Laid::new(), month).await? == [true];
    Ok(settled.then(|| (found.destination, u32::try_from(found.attempts).unwrap_or(u32::MAX))))
}

async fn end(
    base: &Base,
    tx: &Tx<'_>,
    who: &Reader,
    (ticket, outcome, refused): (Ticket, &Outcome, bool),
    (now, month): (Timestamp, i64),
) -> Stored<Ended> {
    let holder = Holder { lane: ticket.lane, fence: ticket.fence };
    // Settling locks for itself, guards before lanes and lanes before rows; what was settled by another meanwhile is looked at again.
    for _ in 0..2 {
        let Some(found) = find(tx, who, ticket.row, now).await? else {
            return elsewhere(base, tx, who, (ticket, outcome, refused), (now, month)).await;
        };
        let fence = found.fence.filter(|_| found.lane == ticket.lane);
        if !found.state.is_open() {
            let noted = noted(base, tx, (Owner::new("outbox", ticket.row), found.nr)).await?;
            let reference = noted.reference.as_deref();
            if decide::ended_before(outcome, found.state, reference, (holder, fence)) {
                return Ok(Ended::Again);
            }
            let last = fence.is_some_and(|stands| decide::last_hand_out(ticket.fence, stands));
            let fits = matches!(outcome, Outcome::Sent { .. }) && last;
            let late = decide::closed_late(found.state, fits, noted.said, found.doubted);
            let Some(late) = late else { return Ok(Ended::Stale) };
            if settle::as_closed(base, tx, (ticket.row, due::closed_late(ticket)), now, month).await? {
                return closed_late(tx, ticket, late, (found, outcome), (now, month)).await;
            }
            continue;
        }
        if decide::taken_meanwhile(outcome, (ticket.fence, fence), found.first && found.doubted) {
            if settle::as_closed(base, tx, (ticket.row, due::closed_late(ticket)), now, month).await? {
                return closed_late(tx, ticket, ClosedLate::Answers, (found, outcome), (now, month)).await;
            }
            continue;
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
        let head = outbox::head(base, tx, (ticket.row, found.nr)).await?;
        let delivers = head.as_ref().and_then(SendHead::delivers);
        let outcome = match refused {
            true => due::refused(outcome.clone(), &found.destination, head, found.doubted),
            false => outcome.clone(),
        };
        let told = outcome.clone();
        let (lane, fence, row) = (ticket.lane, ticket.fence, ticket.row);
        let one = Settle { lane, fence, row, outcome, answers: Vec::new(), delivers, release: true, now };
        if settle::in_rounds(base, tx, &[one], &mut outbox::Laid::new(), month).await? == [true] {
            let attempts = u32::try_from(found.attempts).unwrap_or(u32::MAX);
            return Ok(Ended::Done { destination: found.destination, attempts, outcome: told });
        }
    }
    Ok(Ended::Stale)
}

/// A close of what waited for a person in this mailbox, which is settled.
async fn closed_late(
    tx: &Tx<'_>,
    ticket: Ticket,
    late: ClosedLate,
    (found, outcome): (Found, &Outcome),
    at: (Timestamp, i64),
) -> Stored<Ended> {
    let destination = found.destination;
    Ok(match late {
        ClosedLate::Answers => {
            let attempts = u32::try_from(found.attempts).unwrap_or(u32::MAX);
            Ended::Done { destination, attempts, outcome: outcome.clone() }
        }
        ClosedLate::Contradicts => {
            audit_taken(tx, ticket.row, (&destination, true), at).await?;
            Ended::AfterAll { destination }
        }
    })
}

/// A row that has left the mailboxes of this reader: refused there before, or closed there after a person had said that it did not arrive.
async fn elsewhere(
    base: &Base,
    tx: &Tx<'_>,
    who: &Reader,
    (ticket, outcome, refused): (Ticket, &Outcome, bool),
    at: (Timestamp, i64),
) -> Stored<Ended> {
    let id = ticket.row;
    let Some(r) = one(tx, sql!("mailbox_left"), &[&id, &who.partner]).await? else {
        return Ok(Ended::Unknown);
    };
    let nr: i64 = get(&r, 0)?;
    let Some(opened) = outbox::content(base, tx, (id, nr)).await? else { return Ok(Ended::Unknown) };
    let mut note = opened.note::<SendNote>()?;
    let again = match (outcome, note.left_late(who)) {
        _ if refused => note.left_refused(who),
        (Outcome::Sent { .. }, Some(left)) => match left.taken {
            None => return after_all(base, tx, who, (ticket, nr), at).await,
            Some(_) => true,
        },
        _ => false,
    };
    Ok(if again { Ended::Again } else { Ended::Unknown })
}

/// Its receiver has what went on by another way: where no copy of it has left there yet, none does.
async fn after_all(
    base: &Base,
    tx: &Tx<'_>,
    who: &Reader,
    (ticket, nr): (Ticket, i64),
    (now, month): (Timestamp, i64),
) -> Stored<Ended> {
    let id = ticket.row;
    let stopped = settle::as_closed(base, tx, (id, due::closed_late(ticket)), now, month).await?;
    // Held from here on, so that two who close it note it once.
    outbox::out_rows(tx, &[id]).await?;
    let Some(opened) = outbox::content(base, tx, (id, nr)).await? else { return Ok(Ended::Unknown) };
    let Some((destination, note)) = due::taken_after_all(&opened, who, now)? else { return Ok(Ended::Again) };
    run(tx, sql!("sealed_note"), &[&vec![nr], &vec![&note[..]]]).await?;
    audit_taken(tx, id, (&destination, stopped), (now, month)).await?;
    Ok(Ended::AfterAll { destination })
}

async fn audit_taken(
    tx: &Tx<'_>,
    id: Uuid,
    (destination, stopped): (&str, bool),
    (now, month): (Timestamp, i64),
) -> Stored<()> {
    let Some(row) = outbox::out_rows(tx, &[id]).await?.remove(&id) else { return Ok(()) };
    let mut trail = Trail::default();
    let detail = due::taken_detail(destination, stopped);
    trail.push(now, (row.stamp, &row.traceparent), Some(id), TAKEN_AFTER_ALL, &detail)?;
    trail.write(tx, month).await
}

/// What is noted with a row, such as by which ticket it was closed; nothing where its content went or does not open.
async fn noted(base: &Base, tx: &Tx<'_>, (owner, nr): (Owner, i64)) -> Stored<SendNote> {
    let Some(closed) = blob::read(tx, &[nr], true).await?.remove(&nr) else { return Ok(SendNote::default()) };
    let opened = due::readable(base.keyring.open_one(tx, owner, closed).await)?;
    Ok(opened.map(|opened| opened.note::<SendNote>()).transpose()?.unwrap_or_default())
}

/// An item with its sealed head.
fn item(r: &tokio_postgres::Row, now: i64) -> Stored<(Item, Closed)> {
    let until: Option<i64> = get(r, 9)?;
    let item = Item {
        id: get(r, 0)?,
        lane: get(r, 1)?,
        message: get(r, 2)?,
        queued: time(get(r, 3)?),
        deadline: get::<Option<i64>>(r, 4)?.map(time),
        fetched: get(r, 5)?,
        size: count(get::<Option<i64>>(r, 6)?.unwrap_or(0)).saturating_sub(OVERHEAD as u64),
        test: get(r, 7)?,
        first: get(r, 8)?,
        held: until.filter(|until| *until > now).map(time),
        parts: 0,
    };
    Ok((item, blob::closed(r, 10)?))
}

#[async_trait]
impl Mailboxes for PostgresStore {
    fn receipt(&self, ticket: Ticket) -> String {
        tickets::receipt(&self.base.keyring, ticket)
    }

    fn ticket(&self, receipt: &str) -> Option<Ticket> {
        tickets::ticket(&self.base.keyring, receipt)
    }

    fn series(&self, lane: i64) -> String {
        tickets::series(&self.base.keyring, lane)
    }

    async fn ready(&self, reader: &Reader, now: Timestamp) -> Result<bool, StoreError> {
        let client = self.base.db.get().await?;
        let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&reader.destinations, &reader.partner, &micros(now)];
        one(&client, sql!("mailbox_ready"), values).await?.map_or(Ok(false), |r| get(&r, 0))
    }

    async fn lying(
        &self,
        reader: &Reader,
        after: Option<Uuid>,
        most: usize,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError> {
        let (base, now) = (&self.base, micros(now));
        let client = base.db.get().await?;
        let (boxes, most) = (&reader.destinations, limit(most));
        let found =
            rows(&client, sql!("mailbox_list"), &[boxes, &reader.partner, &after, &now, &most]).await?;
        let (mut items, mut closed) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
        for r in &found {
            let (item, content) = item(r, now)?;
            closed.push((Owner::new("outbox", item.id), content));
            items.push(item);
        }
        let opened = base.keyring.open_all(&client, closed).await?;
        items.into_iter().zip(opened).map(|(item, opened)| item.with_head(opened)).collect()
    }

    async fn lain(&self, reader: &Reader, id: Uuid, now: Timestamp) -> Result<Option<Lain>, StoreError> {
        let client = self.base.db.get().await?;
        let Some(found) = find(&client, reader, id, now).await? else { return Ok(None) };
        let open = found.state.is_open();
        if open && !found.may_leave {
            return Ok(None);
        }
        let Some(r) = one(&client, sql!("mailbox_lain"), &[&id, &reader.partner]).await? else {
            return Ok(None);
        };
        let (queued, closed) = (time(get(&r, 1)?), found.state == RowState::Sent);
        Ok(Some(Lain { message: get(&r, 0)?, queued, test: get(&r, 2)?, open, closed }))
    }

    async fn hand_out(&self, reader: &Reader, ask: Ask) -> Result<Handed, StoreError> {
        self.watch()?;
        let base = &self.base;
        let (closed, ticket, until) = match transact!(base.db, tx => hand_out(&tx, reader, &ask).await)? {
            Taken::Not(handed) => return Ok(handed),
            Taken::Out(closed, ticket, until) => (closed, ticket, until),
        };
        let (due, content) = *closed;
        let client = base.db.get().await?;
        let stamp = stamps(&client, &[due.stamp]).await?.remove(&due.stamp).ok_or_else(no_stamp)?;
        let opened = base.keyring.open_one(&client, Owner::new("outbox", due.id), content).await;
        drop(client);
        match opened.and_then(|opened| due.open(stamp, opened)) {
            Ok(due) => Ok(Handed::Out(Box::new(due), ticket, time(until))),
            Err(StoreError::Corrupt(_)) => {
                let row = (ticket.lane, ticket.fence, ticket.row);
                self.settle(vec![does_not_open(row, true, ask.now)]).await?;
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
        self.watch()?;
        let base = &self.base;
        let month = base.month(now).await?;
        transact!(base.db, tx => hold_back(base, &tx, reader, (row, &outcome), (now, month)).await)
    }

    async fn end(
        &self,
        reader: &Reader,
        ticket: Ticket,
        (outcome, refused): (Outcome, bool),
        now: Timestamp,
    ) -> Result<Ended, StoreError> {
        self.watch()?;
        let base = &self.base;
        let month = base.month(now).await?;
        transact!(base.db, tx => end(base, &tx, reader, (ticket, &outcome, refused), (now, month)).await)
    }

    async fn pauses_over(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.watch()?;
        house::pauses_over(&self.base, now).await
    }

    async fn overdue(
        &self,
        mailboxes: &[String],
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Overdue>, StoreError> {
        let client = self.base.db.get().await?;
        let found = rows(&client, sql!("mailbox_overdue"), &[&mailboxes, &micros(now), &limit(most)]).await?;
        let (mut numbers, mut all) = (Vec::new(), Vec::new());
        for r in &found {
            let (lane, fence, row) = (get(r, 0)?, get(r, 1)?, get(r, 2)?);
            numbers.push(get(r, 5)?);
            all.push(Overdue { lane, fence, row, destination: get(r, 3)?, fetched: get(r, 4)?, next: None });
        }
        let mut contents = blob::heads(&client, &numbers).await?;
        for (overdue, nr) in all.iter_mut().zip(numbers) {
            // What has no content any more has no other way either.
            let Some(closed) = contents.remove(&nr) else { continue };
            let opened = self.base.keyring.open_one(&client, Owner::new("outbox", overdue.row), closed).await;
            overdue.next = due::next(opened, &overdue.destination)?;
        }
        Ok(all)
    }
}
