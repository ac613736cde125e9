//! Answers that are taken back before they leave: their rows go, and their request waits to be decided anew.
//! All of an answer or nothing of it; never a row of which anything may have left.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::effects::Then;
use crate::envelope::Inbound;
use crate::seal::index::Tag;
use crate::store::anew::Anews;
use crate::store::contract::StoreError;
use crate::store::decide::{self, Owed};
use crate::store::lane::{Anew, Lies, Unsent};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::{self, Tx, rows, run, transact};
use crate::store::postgres::retention_rows;
use crate::store::postgres::store::PostgresStore;
use crate::store::postgres::values::{get, race, sql};
use crate::store::postgres::write::Winner;
use crate::store::postgres::{blob, lanes};
use crate::store::sealing::content::Owner;
use crate::store::sealing::due;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::take_back::{SPOKEN_AGAINST, TakeBackWork};
use crate::store::sealing::values::{Stored, micros};

/// A row that goes.
struct Going {
    nr: i64,
    id: Uuid,
    lane: i64,
    stamp: i64,
    traceparent: String,
}

/// The rows of a request, and what decides about each.
async fn rows_of(tx: &Tx<'_>, back: &TakeBackWork) -> Stored<(Vec<Option<Going>>, Vec<Owed<'static>>)> {
    let (mut owed, mut all) = (Vec::new(), Vec::new());
    let listed = rows(tx, sql!("outbox_owed"), &[&back.cause]).await?;
    for r in &listed {
        let row = Owed {
            state: decide::word(get(r, 5)?),
            unclear: get(r, 6)?,
            left: get(r, 7)?,
            first_way: get(r, 8)?,
            leased: get(r, 9)?,
            fence: get(r, 10)?,
            carries: true,
        };
        owed.push(back.owed(get(r, 11)?, row));
        let (nr, id, lane) = (get(r, 0)?, get(r, 1)?, get(r, 2)?);
        all.push(Some(Going { nr, id, lane, stamp: get(r, 3)?, traceparent: get(r, 4)? }));
    }
    Ok((all, owed))
}

/// The number of the request, where it is kept and its Vorgang is decided and not delivered.
async fn request(tx: &Tx<'_>, back: &TakeBackWork) -> Stored<Option<i64>> {
    let decided = rows(tx, sql!("inbox_decided"), &[&back.cause, &&back.vorgang[..]]).await?;
    decided.first().map(|row| get(row, 0)).transpose()
}

/// The rows that go; `None` where it is all or nothing and something may have left.
async fn going(tx: &Tx<'_>, back: &TakeBackWork) -> Stored<Option<Vec<Going>>> {
    let (mut all, owed) = rows_of(tx, back).await?;
    let going = match back.then {
        Then::Anew => decide::taken_back(&owed),
        Then::Over => decide::withdrawn(&owed),
    };
    Ok(going.map(|going| going.into_iter().filter_map(|place| all[place].take()).collect()))
}

/// Whether nothing of the answer has left.
pub async fn possible(tx: &Tx<'_>, back: &TakeBackWork) -> Stored<bool> {
    let kept = request(tx, back).await?.is_some();
    Ok(kept && decide::taken_back(&rows_of(tx, back).await?.1).is_some())
}

/// Whether all that an entry takes back can still be.
pub async fn stand(tx: &Tx<'_>, work: &Work) -> Stored<bool> {
    for back in &work.take_backs {
        if !possible(tx, back).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes back what these entries say; returns whether a request is to run again.
pub async fn all(tx: &Tx<'_>, winners: &[Winner<'_>], month: i64) -> Stored<bool> {
    let mut any = false;
    for winner in winners {
        let by = (winner.work.id, winner.work.now);
        for back in &winner.work.take_backs {
            match back.then {
                Then::Anew if one(tx, (by, back), month).await? => any = true,
                Then::Anew => return Err(race()),
                Then::Over => {
                    if !gone(tx, (by, back), month).await? {
                        return Err(race());
                    }
                }
            }
        }
    }
    Ok(any)
}

/// Who causes it, and when, and what.
type By<'a> = ((Uuid, Timestamp), &'a TakeBackWork);

/// Takes back one answer, where all of it can be, so that its request is decided anew; returns whether it was.
pub async fn one(tx: &Tx<'_>, (by, back): By<'_>, month: i64) -> Stored<bool> {
    if request(tx, back).await?.is_none() || !gone(tx, (by, back), month).await? {
        return Ok(false);
    }
    // The rows' lanes are held from here on; who moved the Vorgang before that is seen now.
    let inbox = request(tx, back).await?.ok_or_else(race)?;
    run(tx, sql!("inbox_state"), &[&vec![inbox], &Inbound::Waiting.as_str()]).await?;
    run(tx, sql!("waiting_put"), &[&vec![inbox], &vec![None::<&[u8]>], &vec![None::<i64>]]).await?;
    run(tx, sql!("vorgang_anew"), &[&&back.vorgang[..], &micros(by.1)]).await?;
    run(tx, sql!("trace_drop"), &[&&SPOKEN_AGAINST[..], &&back.vorgang[..]]).await?;
    Ok(true)
}

/// What would become of an answer that lay here, for who holds this lane.
async fn could(tx: &Tx<'_>, back: &TakeBackWork, held: Option<i64>) -> Stored<Anew> {
    let kept = request(tx, back).await?.is_some();
    let (rows, mut owed) = rows_of(tx, back).await?;
    for (row, owed) in rows.iter().zip(&mut owed) {
        owed.leased &= row.as_ref().map(|row| row.lane) != held;
    }
    Ok(decide::anew(&owed, kept))
}

/// Takes it back where it can be.
async fn anew(tx: &Tx<'_>, (by, back): By<'_>, month: i64) -> Stored<Anew> {
    let outcome = could(tx, back, None).await?;
    match outcome == Anew::Runs && !one(tx, (by, back), month).await? {
        true => Err(race()),
        false => Ok(outcome),
    }
}

/// Takes a Negativauskunft back that something is objected against; where it is in somebody's hand, or nobody can decide it anew, it is noted with
/// it, so that it leaves no more. Returns whether its request runs again.
pub async fn spoken_against(tx: &Tx<'_>, (by, back): By<'_>, month: i64) -> Stored<bool> {
    match could(tx, back, None).await? {
        Anew::Runs => one(tx, (by, back), month).await,
        Anew::Busy | Anew::Gone => {
            let (key, vorgang) = (vec![&SPOKEN_AGAINST[..]], vec![&back.vorgang[..]]);
            run(tx, sql!("trace_add"), &[&key, &vorgang]).await?;
            Ok(false)
        }
        Anew::Left => Ok(false),
    }
}

/// The request whose answer an open row carries, and its Vorgang.
async fn answer_of(base: &Base, row: Uuid) -> Stored<Option<(Uuid, Tag)>> {
    let client = base.db.get().await?;
    let found = pool::one(&client, sql!("outbox_one"), &[&row]).await?;
    let Some(r) = found else { return Ok(None) };
    let (closed, state) = (lanes::closed_due(&r)?, get::<&str>(&r, 8)?);
    if !decide::is_open(state) {
        return Ok(None);
    }
    let opened = base.keyring.open_one(&client, Owner::new("outbox", row), blob::closed(&r, 16)?).await;
    let head = due::head(opened)?;
    Ok(head.and_then(|head| head.delivers()).map(|vorgang| (closed.cause, vorgang)))
}

#[async_trait]
impl Anews for PostgresStore {
    async fn lies(&self, unsent: Unsent, held: Option<i64>) -> Result<Lies, StoreError> {
        let back = TakeBackWork::unsent(unsent);
        transact!(self.base.db, tx => async {
            let marked =
                rows(&tx, sql!("trace_there"), &[&&SPOKEN_AGAINST[..], &&back.vorgang[..]]).await?;
            let spoken_against = !marked.is_empty();
            Ok(Lies { anew: could(&tx, &back, held).await?, spoken_against })
        }
        .await)
    }

    async fn run_anew(&self, unsent: Unsent, by: Uuid, now: Timestamp) -> Result<Anew, StoreError> {
        let watch = self.watch()?;
        let month = self.base.month(now).await?;
        let back = TakeBackWork::unsent(unsent);
        let outcome = transact!(self.base.db, tx => anew(&tx, ((by, now), &back), month).await)?;
        watch.tell();
        Ok(outcome)
    }

    async fn answer_of(&self, row: Uuid) -> Result<Option<(Uuid, Tag)>, StoreError> {
        answer_of(&self.base, row).await
    }
}

/// Removes the rows that go; `false` where something may have left.
async fn gone(tx: &Tx<'_>, ((by, at), back): By<'_>, month: i64) -> Stored<bool> {
    // Lanes before rows, as everywhere; and what was seen before they were held may be in somebody's hand now: then all is done again, and
    // the entry is stale.
    let Some(seen) = going(tx, back).await? else { return Ok(false) };
    lanes::lock(tx, &seen.iter().map(|row| row.lane).collect::<Vec<_>>()).await?;
    let going = going(tx, back).await?.ok_or_else(race)?;
    if going.iter().map(|row| row.nr).ne(seen.iter().map(|row| row.nr)) {
        return Err(race());
    }
    let mut trail = Trail::default();
    let detail = json!({ "by": by });
    for row in &going {
        trail.push(at, (row.stamp, &row.traceparent), Some(row.id), "outbox.taken-back", &detail)?;
    }
    let (nr, ids) = going.iter().map(|row| (row.nr, row.id)).unzip();
    retention_rows::taken_back(tx, &(nr, ids)).await?;
    let now = micros(at);
    let arms: Vec<lanes::Arm> = going.iter().map(|row| (row.lane, now, true)).collect();
    lanes::arm(tx, &arms).await?;
    trail.write(tx, month).await?;
    Ok(true)
}
