//! Settling rows of leased lanes, and replaying rows that wait for a person. A stale fence changes nothing.
//! Never reads a clock.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::store::decide::{self, Holder};
use crate::store::lane::{Follow, Onward, Outcome, Settle, Undelivered};
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::Base;
use crate::store::postgres::follow::{self, Fresh};
use crate::store::postgres::outbox::{Laid, OutRow, content, delivers, go_on, head, out_row, out_rows};
use crate::store::postgres::pool::{together, transact};
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::{blob, commit, lanes};
use crate::store::sealing::content::{Closed, Owner, to_json};
use crate::store::sealing::due::{self, said_to_have_arrived, settled};
use crate::store::sealing::heads::SendNote;
use crate::store::sealing::values::{Stored, micros};
use crate::store::states::RowState;

/// Settles rows in their order, and lays down what came back with them; `false` for each one whose fence is stale or that is not its lane's to settle.
pub async fn settle(base: &Base, settles: &[Settle], mut laid: Laid) -> Stored<Vec<bool>> {
    let Some(last) = settles.iter().map(|one| one.now).max() else { return Ok(Vec::new()) };
    let month = base.month(last).await?;
    transact!(base.db, tx => in_rounds(base, &tx, settles, &mut laid, month).await)
}

/// A row that is settled twice in one call is settled in two rounds.
pub async fn in_rounds(
    base: &Base,
    tx: &Tx<'_>,
    settles: &[Settle],
    laid: &mut Laid,
    month: i64,
) -> Stored<Vec<bool>> {
    let mut done = Vec::with_capacity(settles.len());
    let mut begin = 0;
    while begin < settles.len() {
        let mut seen = HashSet::new();
        let end = settles[begin..].iter().position(|one| !seen.insert(one.row));
        let end = end.map_or(settles.len(), |n| begin + n);
        done.extend(round(base, tx, &settles[begin..end], month).await?);
        begin = end;
    }
    for (place, work, stamp) in laid {
        if done.get(*place) == Some(&true) {
            commit::lay(base, tx, (work, *stamp), month).await?;
        }
    }
    Ok(done)
}

/// Keeps what an attempt leaves; `false` when the fence is stale or the row is not this lane's to settle, or has no content any more.
pub async fn remember(base: &Base, (lane, fence): (i64, i64), id: Uuid, what: &[u8]) -> Stored<bool> {
    transact!(base.db, tx => under_fence(base, &tx, Holder { lane, fence }, id, what).await)
}

async fn under_fence(base: &Base, tx: &Tx<'_>, holder: Holder, id: Uuid, what: &[u8]) -> Stored<bool> {
    let fences = lanes::lock_with_after(tx, &[holder.lane], &[]).await?;
    let Some(row) = out_rows(tx, &[id]).await?.remove(&id) else { return Ok(false) };
    if !decide::settles(holder, fences.get(&holder.lane).copied(), row.lane, row.state) {
        return Ok(false);
    }
    let closed = blob::read_one(tx, row.nr).await?;
    let Some(opened) = base.keyring.open_one(tx, Owner::new("outbox", id), closed).await? else {
        return Ok(false);
    };
    Ok(run(tx, sql!("outbox_remember"), &[&row.nr, &opened.seal_left(what)?]).await? > 0)
}

/// The Vorgänge whose answers are settled as sent, each once, and when.
fn delivered<'a>(settles: impl Iterator<Item = &'a Settle>) -> BTreeMap<&'a [u8], i64> {
    let sent = settles.filter(|one| matches!(one.outcome, Outcome::Sent { .. }));
    sent.filter_map(|one| Some((&one.delivers.as_ref()?[..], micros(one.now)))).collect()
}

/// Settles rows of which none comes twice. Under load these transactions stand in a row behind each other, so what need not wait for
/// an answer goes out with what is before it.
async fn round(base: &Base, tx: &Tx<'_>, settles: &[Settle], month: i64) -> Stored<Vec<bool>> {
    // Guards before lanes, lanes before rows, as everywhere: what was decided on a Vorgang that is delivered now is decided again.
    let guards: Vec<&[u8]> = delivered(settles.iter()).into_keys().collect();
    if !guards.is_empty() {
        rows(tx, sql!("guard_bump"), &[&guards]).await?;
    }
    // With the lanes those whose rows leave only after one of these.
    let sent: Vec<Uuid> =
        settles.iter().filter(|one| matches!(one.outcome, Outcome::Sent { .. })).map(|one| one.row).collect();
    let wanted: Vec<i64> = settles.iter().map(|one| one.lane).collect();
    let fences = lanes::lock_with_after(tx, &wanted, &sent).await?;
    let ids: Vec<Uuid> = settles.iter().map(|one| one.row).collect();
    let (mut found, mut contents) = (HashMap::with_capacity(ids.len()), HashMap::with_capacity(ids.len()));
    for r in rows(tx, sql!("outbox_settling"), &[&ids]).await? {
        let (id, row) = out_row(&r)?;
        // A row without content takes no note.
        if get::<Option<i64>>(&r, 6)?.is_some() {
            contents.insert(row.nr, blob::closed(&r, 6)?);
        }
        found.insert(id, row);
    }
    let mut valid: Vec<(&Settle, &OutRow)> = Vec::with_capacity(settles.len());
    let mut done = Vec::with_capacity(settles.len());
    for one in settles {
        let row = found.get(&one.row).filter(|row| {
            let holder = Holder { lane: one.lane, fence: one.fence };
            decide::settles(holder, fences.get(&one.lane).copied(), row.lane, row.state)
        });
        done.push(row.is_some());
        valid.extend(row.map(|row| (one, row)));
    }
    if valid.is_empty() {
        return Ok(done);
    }
    let mut trail = Trail::default();
    let (mut notes, mut arms, mut released) = (Vec::new(), Vec::new(), Vec::new());
    let mut onward = Vec::new();
    let (mut stays, mut longer) = (Vec::new(), Vec::new());
    let (mut nr, mut states, mut doubts, mut at) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (one, row) in &valid {
        let (state, unclear, note) = settled(&one.outcome);
        let left = due::left_by(&one.outcome);
        onward.extend(left.map(|left| (row.nr, left, one.now)));
        if let Outcome::Stays { until, .. } = &one.outcome {
            stays.push(row.nr);
            longer.push(micros(*until));
        }
        if let Some(content) = contents.remove(&row.nr) {
            let wanted = match &one.outcome {
                Outcome::Sent { follow: Some(wanted), .. } => Some(wanted),
                _ => None,
            };
            notes.push((Owner::new("outbox", one.row), row.nr, content, (note, left), (wanted, one.now)));
        }
        nr.push(row.nr);
        states.push(state);
        doubts.push(unclear);
        at.push(micros(one.now));
        if one.release {
            released.push(one.lane);
        }
        let next = match &one.outcome {
            Outcome::Later { at, .. } => *at,
            _ => one.now,
        };
        arms.push((row.lane, micros(next), true));
        if let Some((what, detail)) = due::audited(&one.outcome, one.fence, (row.state, state)) {
            trail.push(one.now, (row.stamp, &row.traceparent), Some(one.row), &what, &detail)?;
        }
    }
    let (noted, notes, mut followed) = sealed_notes(base, tx, notes).await?;
    // Before lanes are given back: with what goes on by another way the one that it leaves is empty.
    go_on(base, tx, &onward, month).await?;
    if !stays.is_empty() {
        run(tx, sql!("outbox_stays"), &[&stays, &longer]).await?;
    }
    let arrived: Vec<i64> =
        nr.iter().zip(&states).filter(|(_, state)| **state == RowState::Sent).map(|(nr, _)| *nr).collect();
    let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let outcomes: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&nr, &words, &doubts, &at];
    // None of these rests on what another one of them writes.
    let (_, _, doomed, gone, after, _) = together!(
        noted = write_notes(tx, &noted, &notes),
        rows = run(tx, sql!("outbox_settle"), outcomes),
        doomed = doomed(tx, &arrived),
        gone = lanes::settled(tx, &released, &arrived),
        // Only now that the rows are held is everything there that leaves after them.
        after = waiting_for(tx, &sent),
        trail = trail.write(tx, month),
    )?;
    clear(tx, &doomed).await?;
    // Without content there is nothing to look by.
    followed.retain(|one| !doomed.contains(&one.nr));
    follow::lay(tx, &followed).await?;
    let (keys, at): (Vec<&[u8]>, Vec<i64>) = delivered(valid.iter().map(|(one, _)| *one)).into_iter().unzip();
    if !keys.is_empty() {
        run(tx, sql!("vorgang_delivered"), &[&keys, &at]).await?;
    }
    let left: Vec<i64> = released.into_iter().filter(|lane| !gone.contains(lane)).collect();
    lanes::end_lease(tx, &left).await?;
    arms.retain(|(lane, ..)| !gone.contains(lane));
    // A lane that is armed anew keeps its time.
    let armed: HashSet<i64> = arms.iter().map(|(lane, ..)| *lane).chain(gone).collect();
    let now = valid.iter().map(|(one, _)| micros(one.now)).max().unwrap_or_default();
    let after: Vec<i64> = after.into_iter().filter(|lane| !armed.contains(lane)).collect();
    lanes::lock(tx, &after).await?;
    arms.extend(after.into_iter().map(|lane| (lane, now, false)));
    lanes::arm(tx, &arms).await?;
    Ok(done)
}

/// Of these rows, which have arrived, those whose child was deleted while they were on their way.
async fn doomed(tx: &Tx<'_>, arrived: &[i64]) -> Stored<Vec<i64>> {
    if arrived.is_empty() {
        return Ok(Vec::new());
    }
    rows(tx, sql!("outbox_is_doomed"), &[&arrived]).await?.iter().map(|r| get(r, 0)).collect()
}

/// Clears contents wholly, also the notes that were written before.
async fn clear(tx: &Tx<'_>, doomed: &[i64]) -> Stored<()> {
    if doomed.is_empty() {
        return Ok(());
    }
    run(tx, sql!("claim_use_delete"), &[&doomed]).await?;
    run(tx, sql!("sealed_clear"), &[&doomed]).await.map(drop)
}

async fn waiting_for(tx: &Tx<'_>, sent: &[Uuid]) -> Stored<Vec<i64>> {
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    rows(tx, sql!("outbox_waiting_for"), &[&sent]).await?.iter().map(|r| get(r, 0)).collect()
}

/// A note to be sealed for its row, with the way that is left if one is, and how the row is followed, if it is, from this moment on.
type ToNote<'a> = (Owner, i64, Closed, (SendNote, Option<&'a Onward>), (Option<&'a Follow>, Timestamp));

/// Notes sealed for their rows, and what is followed of these. A content that does not open takes neither: its state still changes.
async fn sealed_notes(
    base: &Base,
    tx: &Tx<'_>,
    notes: Vec<ToNote<'_>>,
) -> Stored<(Vec<i64>, Vec<Vec<u8>>, Vec<Fresh>)> {
    let (mut asked, mut wanted) = (Vec::with_capacity(notes.len()), Vec::with_capacity(notes.len()));
    for (owner, nr, content, note, follow) in notes {
        asked.push((owner, content));
        wanted.push((nr, note, follow));
    }
    let (mut nr, mut sealed) = (Vec::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
    let mut followed = Vec::new();
    for (opened, (row, note, follow)) in base.keyring.open_all(tx, asked).await?.into_iter().zip(wanted) {
        if let Ok(Some(opened)) = opened {
            let ((note, left), (follow, now)) = (note, follow);
            nr.push(row);
            sealed.push(opened.seal_note(&to_json(&due::noted(&opened, note, left, now)?)?)?);
            if let Some(follow) = follow {
                followed.push(Fresh::new(row, &opened, follow, now)?);
            }
        }
    }
    Ok((nr, sealed, followed))
}

async fn write_notes(tx: &Tx<'_>, nr: &[i64], sealed: &[Vec<u8>]) -> Stored<()> {
    if nr.is_empty() {
        return Ok(());
    }
    run(tx, sql!("sealed_note"), &[&nr, &sealed]).await.map(drop)
}

/// Frees a parked or unclear row, its lane locked and still to be armed, and returns it with the lane's fence: `None` when there is
/// no such row, `Some(None)` when it is not held.
///
/// `sent_at`: when it is sent again, by a way that may have a time of its own.
async fn freed(
    base: &Base,
    tx: &Tx<'_>,
    id: Uuid,
    sent_at: Option<Timestamp>,
) -> Stored<Option<Option<(OutRow, Option<i64>)>>> {
    let Some(row) = out_rows(tx, &[id]).await?.remove(&id) else { return Ok(None) };
    if !row.state.is_held() {
        return Ok(Some(None));
    }
    let fence = lanes::lock(tx, &[row.lane]).await?.remove(&row.lane);
    let until = match (sent_at, place(tx, id).await?) {
        (Some(now), Some((nr, to))) => due::anew(content(base, tx, (id, nr)).await?, &to, now)?,
        _ => None,
    };
    free(tx, row.nr, until).await?;
    Ok(Some(Some((row, fence))))
}

/// Takes a held row out of the hand of a person; its time, where it has one, is over then.
async fn free(tx: &Tx<'_>, nr: i64, until: Option<Timestamp>) -> Stored<()> {
    run(tx, sql!("outbox_replay"), &[&nr, &until.map(micros)]).await.map(drop)
}

/// Settles a parked or unclear row as sent, or one that failed to be confirmed or cannot be taken back as confirmed, because a person says so;
/// `None` when there is no such row at all.
pub async fn arrived(
    base: &Base,
    tx: &Tx<'_>,
    (id, detail): (Uuid, &serde_json::Value),
    now: Timestamp,
    month: i64,
) -> Stored<Option<bool>> {
    let Some(found) = out_rows(tx, &[id]).await?.remove(&id) else { return Ok(None) };
    if found.state == RowState::Sent {
        return follow::arrived(base, tx, (id, &found), detail, (now, month)).await.map(Some);
    }
    let Some(freed) = freed(base, tx, id, None).await? else { return Ok(None) };
    // A held head keeps everybody from leasing its lane, so the fence that stands is nobody's.
    let Some((row, Some(fence))) = freed else { return Ok(Some(false)) };
    let (lane, outcome) = (row.lane, said_to_have_arrived());
    let (answers, delivers) = (Vec::new(), delivers(base, tx, (id, row.nr)).await?);
    let one = Settle { lane, fence, row: id, outcome, answers, delivers, release: true, now };
    let done = round(base, tx, &[one], month).await?;
    let mut trail = Trail::default();
    trail.push(now, (row.stamp, &row.traceparent), Some(id), "outbox.arrived", detail)?;
    trail.write(tx, month).await?;
    Ok(Some(done == [true]))
}

/// What follows where a person says that a row did not reach its receiver; `None` when it is not in a state for that.
pub async fn not_arrived(
    base: &Base,
    tx: &Tx<'_>,
    (id, way, detail): (Uuid, &str, &serde_json::Value),
    now: Timestamp,
    month: i64,
) -> Stored<Option<Undelivered>> {
    // What was said of a way before, or is said twice, says nothing of the one that it is on.
    let Some((nr, from)) = place(tx, id).await?.filter(|(_, from)| from == way) else { return Ok(None) };
    // Without content nothing can be sent again.
    let Some(head) = head(base, tx, (id, nr)).await? else { return Ok(None) };
    let delivers = head.delivers();
    // Guards before rows, as everywhere: what was decided on a Vorgang that is delivered no more is decided again.
    if let Some(vorgang) = &delivers {
        rows(tx, sql!("guard_bump"), &[&vec![&vorgang[..]]]).await?;
    }
    let Some(row) = out_rows(tx, &[id]).await?.remove(&id) else { return Ok(None) };
    // It may have gone on before it was held.
    if place(tx, id).await? != Some((nr, from.clone())) {
        return Ok(None);
    }
    let waits = if row.state == RowState::Sent { follow::waits(base, tx, (id, nr)).await? } else { None };
    let state = waits.unwrap_or(row.state.into());
    let Some(outcome) = due::said_not_to_have_arrived(state, &from, Some(&head)) else { return Ok(None) };
    let lane = match waits.is_some() {
        true => follow::take_up(base, tx, nr, (&from, delivers.as_ref()), (now, month)).await?,
        false => {
            free(tx, nr, None).await?;
            row.lane
        }
    };
    // Nobody leases a lane whose head is held, nor one that is made here.
    let Some(fence) = lanes::lock(tx, &[lane]).await?.remove(&lane) else { return Ok(None) };
    let leads = due::undelivered(&outcome);
    let one = Settle { lane, fence, row: id, outcome, answers: Vec::new(), delivers, release: true, now };
    let done = round(base, tx, &[one], month).await?;
    if leads == Undelivered::Parked
        && let Some(opened) = content(base, tx, (id, nr)).await?
    {
        write_notes(tx, &[nr], &[due::noted_as_said(&opened)?]).await?;
    }
    let mut trail = Trail::default();
    trail.push(now, (row.stamp, &row.traceparent), Some(id), due::NOT_ARRIVED, detail)?;
    trail.write(tx, month).await?;
    Ok((done == [true]).then_some(leads))
}

/// Settles a row as its receiver says who closes it, unless an attempt at it is under way: what was held for a person, or has not left by
/// another way.
pub async fn as_closed(
    base: &Base,
    tx: &Tx<'_>,
    (id, outcome): (Uuid, Outcome),
    now: Timestamp,
    month: i64,
) -> Stored<bool> {
    let Some((nr, _)) = place(tx, id).await? else { return Ok(false) };
    let delivers = delivers(base, tx, (id, nr)).await?;
    // Guards before lanes, lanes before rows, as everywhere.
    if let Some(vorgang) = &delivers {
        rows(tx, sql!("guard_bump"), &[&vec![&vorgang[..]]]).await?;
    }
    // Which lane it is in is known for certain once that is held.
    let lane = |r: &tokio_postgres::Row| get::<i64>(r, 2);
    let Some(before) = one(tx, sql!("outbox_destination"), &[&id]).await? else { return Ok(false) };
    let Some(idle) = one(tx, sql!("lane_free"), &[&lane(&before)?]).await? else { return Ok(false) };
    let Some(row) = out_rows(tx, &[id]).await?.remove(&id) else { return Ok(false) };
    if row.state == RowState::Sent || row.lane != lane(&before)? {
        return Ok(false);
    }
    if row.state.is_held() {
        free(tx, nr, None).await?;
    }
    let (lane, fence) = (row.lane, get(&idle, 0)?);
    let one = Settle { lane, fence, row: id, outcome, answers: Vec::new(), delivers, release: true, now };
    Ok(round(base, tx, &[one], month).await? == [true])
}

/// Number and destination of a row, which is not held.
async fn place(tx: &Tx<'_>, id: Uuid) -> Stored<Option<(i64, String)>> {
    let found = one(tx, sql!("outbox_destination"), &[&id]).await?;
    found.map(|r| Ok((get(&r, 0)?, get(&r, 1)?))).transpose()
}

/// Frees a parked or unclear row, with the whole time of its way; `None` when there is no such row at all.
pub async fn replay(
    base: &Base,
    tx: &Tx<'_>,
    trail: &mut Trail,
    (id, detail): (Uuid, &serde_json::Value),
    now: Timestamp,
) -> Stored<Option<bool>> {
    let Some(freed) = freed(base, tx, id, Some(now)).await? else { return Ok(None) };
    let Some((row, _)) = freed else { return Ok(Some(false)) };
    lanes::arm(tx, &[(row.lane, micros(now), true)]).await?;
    trail.push(now, (row.stamp, &row.traceparent), Some(id), "outbox.replayed", detail)?;
    Ok(Some(true))
}
