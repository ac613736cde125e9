//! Answers that are taken back before they leave: their rows go, and their request waits to be decided anew.
//! All of an answer or nothing of it; never a row of which anything may have left.

use serde_json::json;
use uuid::Uuid;

use crate::envelope::Inbound;
use crate::seal::index::Tag;
use crate::store::decide::{self, Owed};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::lanes;
use crate::store::postgres::pool::{Tx, rows, run};
use crate::store::postgres::retention_rows;
use crate::store::postgres::values::{get, race, sql};
use crate::store::postgres::write::Winner;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::take_back::TakeBackWork;
use crate::store::sealing::values::{Stored, micros};

/// A row that goes.
struct Going {
    nr: i64,
    id: Uuid,
    lane: i64,
    stamp: i64,
    traceparent: String,
}

/// The number of the request, and the rows that go.
async fn found(
    tx: &Tx<'_>,
    (cause, vorgang): (Uuid, &Tag),
    beside: &[String],
) -> Stored<Option<(i64, Vec<Going>)>> {
    let decided = rows(tx, sql!("inbox_decided"), &[&cause, &&vorgang[..]]).await?;
    let Some(inbox) = decided.first() else { return Ok(None) };
    let (mut owed, mut all) = (Vec::new(), Vec::new());
    let listed = rows(tx, sql!("outbox_owed"), &[&cause]).await?;
    for r in &listed {
        let message: &str = get(r, 11)?;
        owed.push(Owed {
            state: get(r, 5)?,
            unclear: get(r, 6)?,
            left: get(r, 7)?,
            first_way: get(r, 8)?,
            leased: get(r, 9)?,
            fence: get(r, 10)?,
            carries: beside.iter().all(|other| other != message),
        });
        let (nr, id, lane) = (get(r, 0)?, get(r, 1)?, get(r, 2)?);
        all.push(Some(Going { nr, id, lane, stamp: get(r, 3)?, traceparent: get(r, 4)? }));
    }
    let Some(going) = decide::taken_back(&owed) else { return Ok(None) };
    Ok(Some((get(inbox, 0)?, going.into_iter().filter_map(|place| all[place].take()).collect())))
}

/// Whether nothing of the answer has left.
pub async fn possible(tx: &Tx<'_>, vorgang: (Uuid, &Tag), beside: &[String]) -> Stored<bool> {
    Ok(found(tx, vorgang, beside).await?.is_some())
}

/// Whether all that an entry takes back can still be.
pub async fn stand(tx: &Tx<'_>, work: &Work) -> Stored<bool> {
    for back in &work.take_backs {
        if !possible(tx, (back.cause, &back.vorgang), &back.beside).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes back what these entries say; returns whether a request is to run again.
pub async fn all(tx: &Tx<'_>, winners: &[Winner<'_>], month: i64) -> Stored<bool> {
    let mut any = false;
    for winner in winners {
        for back in &winner.work.take_backs {
            if !one(tx, (winner.work, back), month).await? {
                return Err(race());
            }
            any = true;
        }
    }
    Ok(any)
}

/// Takes back one answer, where all of it can be; returns whether it was.
pub async fn one(tx: &Tx<'_>, (work, back): (&Work, &TakeBackWork), month: i64) -> Stored<bool> {
    let place = (back.cause, &back.vorgang);
    // Lanes before rows, as everywhere; and what was seen before they were held may be in somebody's hand now: then all is done again, and
    // the entry is stale.
    let Some(seen) = found(tx, place, &back.beside).await? else { return Ok(false) };
    lanes::lock(tx, &seen.1.iter().map(|row| row.lane).collect::<Vec<_>>()).await?;
    let (inbox, going) = found(tx, place, &back.beside).await?.ok_or_else(race)?;
    if going.iter().map(|row| row.nr).ne(seen.1.iter().map(|row| row.nr)) {
        return Err(race());
    }
    let mut trail = Trail::default();
    let detail = json!({ "by": work.id });
    for row in &going {
        trail.push(work.now, (row.stamp, &row.traceparent), Some(row.id), "outbox.taken-back", &detail)?;
    }
    let (nr, ids) = going.iter().map(|row| (row.nr, row.id)).unzip();
    retention_rows::taken_back(tx, &(nr, ids)).await?;
    let now = micros(work.now);
    let arms: Vec<lanes::Arm> = going.iter().map(|row| (row.lane, now, true)).collect();
    lanes::arm(tx, &arms).await?;
    run(tx, sql!("inbox_state"), &[&vec![inbox], &Inbound::Waiting.as_str()]).await?;
    run(tx, sql!("waiting_put"), &[&vec![inbox], &vec![None::<&[u8]>], &vec![None::<i64>]]).await?;
    run(tx, sql!("vorgang_anew"), &[&&back.vorgang[..], &now]).await?;
    trail.write(tx, month).await?;
    Ok(true)
}
