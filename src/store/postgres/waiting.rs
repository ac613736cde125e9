//! Messages that shall run again, timers that are due, and replays. Never runs anything.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::envelope::{Envelope, Inbound};
use crate::store::contract::Resumed;
use crate::store::decide::wait_is_over;
use crate::store::duty::Duty;
use crate::store::error::StoreError;
use crate::store::lane::Undelivered;
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::{blob, duty, house, settle};
use crate::store::sealing::content::Owner;
use crate::store::sealing::due;
use crate::store::sealing::values::{Stored, later, limit, micros};

/// Leases messages that are due to run again and opens them; those that do not open any more are parked, so that they do not
/// come again and again.
pub async fn resume(base: &Base, now: Timestamp, lease: Duration, most: usize) -> Stored<Vec<Resumed>> {
    let absurd = later(now, due::LONGEST_LEASE);
    let until = later(now, lease.min(due::LONGEST_LEASE));
    let client = base.db.get().await?;
    let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&micros(now), &absurd, &limit(most), &until, &base.lauf];
    let mut found = rows(&client, sql!("waiting_due"), values)
        .await?
        .into_iter()
        .map(|r| Ok((get::<i64>(&r, 0)?, r)))
        .collect::<Stored<Vec<_>>>()?;
    found.sort_by_key(|(due, _)| *due);
    let (mut facts, mut closed) = (Vec::new(), Vec::new());
    for (_, r) in &found {
        let (until, woken): (Option<i64>, bool) = (get(r, 1)?, get(r, 2)?);
        let (person, id): (Option<String>, Uuid) = (get(r, 3)?, get(r, 4)?);
        let expired = wait_is_over(until, woken, person.is_some(), micros(now));
        facts.push((id, expired, person));
        closed.push((Owner::new("inbox", id), blob::closed(r, 6)?));
    }
    let (mut resumed, mut broken) = (Vec::with_capacity(facts.len()), Vec::new());
    let opened = base.keyring.open_all(&client, closed).await?;
    drop(client);
    for (opened, (id, expired, acting_person)) in opened.into_iter().zip(facts) {
        match opened.and_then(due::envelope) {
            Ok(Some(envelope)) => resumed.push(Resumed { envelope, expired, acting_person }),
            Ok(None) | Err(StoreError::Corrupt(_)) => broken.push(id),
            Err(other) => return Err(other),
        }
    }
    if !broken.is_empty() {
        let month = base.month(now).await?;
        transact!(base.db, tx => park(&tx, &broken, now, month).await)?;
    }
    Ok(resumed)
}

async fn park(tx: &Tx<'_>, ids: &[Uuid], now: Timestamp, month: i64) -> Stored<()> {
    let mut trail = Trail::default();
    let mut numbers = Vec::new();
    for r in rows(tx, sql!("inbox_stamp"), &[&ids]).await? {
        numbers.push(get::<i64>(&r, 0)?);
        let (id, stamp, traceparent): (Uuid, i64, &str) = (get(&r, 1)?, get(&r, 2)?, get(&r, 3)?);
        let detail = json!({ "cause": "sealed content does not open" });
        trail.push(now, (stamp, traceparent), Some(id), "inbox.parked", &detail)?;
    }
    run(tx, sql!("waiting_delete"), &[&numbers]).await?;
    run(tx, sql!("inbox_state"), &[&numbers, &Inbound::Parked.as_str()]).await?;
    trail.write(tx, month).await
}

/// Due timers as envelopes.
pub async fn due_timers(base: &Base, now: Timestamp, most: usize) -> Stored<Vec<Envelope>> {
    let client = base.db.get().await?;
    let (mut facts, mut closed) = (Vec::new(), Vec::new());
    for r in rows(&client, sql!("timer_due"), &[&micros(now), &limit(most)]).await? {
        let id: Uuid = get(&r, 0)?;
        facts.push((id, get(&r, 1)?, get(&r, 3)?, get(&r, 4)?));
        closed.push((Owner::new("timer", id), blob::closed(&r, 6)?));
    }
    let mut envelopes = Vec::with_capacity(facts.len());
    for (opened, facts) in base.keyring.open_all(&client, closed).await?.into_iter().zip(facts) {
        if let Some(opened) = opened? {
            envelopes.push(due::timer(facts, &opened, now)?);
        }
    }
    Ok(envelopes)
}

/// Due timers; `None` when the fence is stale.
pub async fn due_timers_under(
    base: &Base,
    duty: &Duty,
    now: Timestamp,
    most: usize,
) -> Stored<Option<Vec<Envelope>>> {
    let due = due_timers(base, now, most).await?;
    // Looked at afterwards: whoever took the duty meanwhile hands them out now.
    let client = base.db.get().await?;
    Ok(duty::holds(&client, duty).await?.then_some(due))
}

/// Ends what is kept apart, with person and reason audited.
pub async fn reject(base: &Base, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
    let month = base.month(now).await?;
    let reason = house::seal_text(base, id, reason).await?;
    let detail = json!({ "person": person, "reason": reason });
    transact!(base.db, tx => reject_in(&tx, id, &detail, (now, month)).await)
}

async fn reject_in(
    tx: &Tx<'_>,
    id: Uuid,
    detail: &serde_json::Value,
    (now, month): (Timestamp, i64),
) -> Stored<bool> {
    let Some(r) = one(tx, sql!("inbox_reject"), &[&id]).await? else { return Ok(false) };
    let mut trail = Trail::default();
    trail.push(now, (get(&r, 0)?, get::<&str>(&r, 1)?), Some(id), "inbox.rejected", detail)?;
    trail.write(tx, month).await?;
    Ok(true)
}

/// Replays a row of the outbox or an inbound message, with person and reason audited.
pub async fn replay(base: &Base, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
    let month = base.month(now).await?;
    // A reason is free text and may name somebody: sealed even in the audit trail.
    let reason = house::seal_text(base, id, reason).await?;
    let detail = json!({ "person": person, "reason": reason });
    transact!(base.db, tx => replay_in(base, &tx, id, (person, &detail), (now, month)).await)
}

/// Settles a row of the outbox as sent, with person and reason audited.
pub async fn arrived(base: &Base, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
    let month = base.month(now).await?;
    let reason = house::seal_text(base, id, reason).await?;
    let detail = json!({ "person": person, "reason": reason });
    let done = transact!(base.db, tx => settle::arrived(base, &tx, (id, &detail), now, month).await)?;
    Ok(done.unwrap_or(false))
}

/// What follows where a row of the outbox did not arrive, with person and reason audited.
pub async fn not_arrived(
    base: &Base,
    (id, way): (Uuid, &str),
    person: &str,
    reason: &str,
    now: Timestamp,
) -> Stored<Option<Undelivered>> {
    let month = base.month(now).await?;
    let reason = house::seal_text(base, id, reason).await?;
    let detail = json!({ "person": person, "reason": reason });
    transact!(base.db, tx => settle::not_arrived(base, &tx, (id, way, &detail), now, month).await)
}

async fn replay_in(
    base: &Base,
    tx: &Tx<'_>,
    id: Uuid,
    (person, detail): (&str, &serde_json::Value),
    (now, month): (Timestamp, i64),
) -> Stored<bool> {
    let mut trail = Trail::default();
    let done = match settle::replay(base, tx, &mut trail, (id, detail), now).await? {
        Some(done) => done,
        None => match one(tx, sql!("inbox_replayable"), &[&id]).await? {
            None => false,
            Some(r) => {
                let (nr, stamp, traceparent): (i64, i64, &str) = (get(&r, 0)?, get(&r, 1)?, get(&r, 2)?);
                run(tx, sql!("waiting_replay"), &[&nr, &person]).await?;
                trail.push(now, (stamp, traceparent), Some(id), "inbox.replayed", detail)?;
                true
            }
        },
    };
    trail.write(tx, month).await?;
    Ok(done)
}
