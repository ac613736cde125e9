//! Answers that are taken back before they leave: their rows go, and their request waits to be decided anew.
//! All of an answer or nothing of it; never a row of which anything may have left.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::effects::{Then, Vorgang};
use crate::envelope::Inbound;
use crate::seal::index::Tag;
use crate::store::anew::Anews;
use crate::store::decide::{self, Owed};
use crate::store::error::StoreError;
use crate::store::lane::{Anew, Early, Lies, NotDue, Place, Unsent};
use crate::store::mailbox::Reader;
use crate::store::postgres::ask::{self, Tx, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::Base;
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::pool::{together, transact};
use crate::store::postgres::values::{get, race, sql};
use crate::store::postgres::winner::Winner;
use crate::store::postgres::{blob, lanes, outbox, register};
use crate::store::sealing::content::Owner;
use crate::store::sealing::due;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::speaks::Speaks;
use crate::store::sealing::take_back::{SPOKEN_AGAINST, TakeBackWork};
use crate::store::sealing::values::{Stored, limit, micros, time};
use crate::store::states::RowState;

/// A row that goes.
struct Going {
    nr: i64,
    id: Uuid,
    lane: i64,
    stamp: i64,
    traceparent: String,
}

/// The rows of a request, each with what decides about it.
async fn rows_of(on: &impl GenericClient, back: &TakeBackWork) -> Stored<Vec<(Going, Owed)>> {
    let listed = rows(on, sql!("outbox_owed"), &[&back.cause]).await?;
    let read = |r: &Row| -> Stored<(Going, Owed)> {
        let owed = Owed {
            state: RowState::or_held(get(r, 5)?),
            unclear: get(r, 6)?,
            left: get(r, 7)?,
            unseen: get(r, 8)?,
            leased: get(r, 9)?,
            fence: get(r, 10)?,
            carries: true,
        };
        let (nr, id, lane) = (get(r, 0)?, get(r, 1)?, get(r, 2)?);
        let row = Going { nr, id, lane, stamp: get(r, 3)?, traceparent: get(r, 4)? };
        Ok((row, back.owed(get(r, 11)?, owed)))
    };
    listed.iter().map(read).collect()
}

/// The number of the request, where it is kept and its Vorgang is decided and not delivered.
async fn request(on: &impl GenericClient, back: &TakeBackWork) -> Stored<Option<i64>> {
    let decided = rows(on, sql!("inbox_decided"), &[&back.cause, &&back.vorgang[..]]).await?;
    decided.first().map(|row| get(row, 0)).transpose()
}

/// The rows that go; `None` where it is all or nothing and something may have left.
async fn going(tx: &Tx<'_>, back: &TakeBackWork) -> Stored<Option<Vec<Going>>> {
    Ok(back.going(rows_of(tx, back).await?))
}

/// Whether nothing of the answer has left.
pub async fn possible(tx: &Tx<'_>, back: &TakeBackWork) -> Stored<bool> {
    Ok(request(tx, back).await?.is_some() && going(tx, back).await?.is_some())
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
            let taken = match back.then {
                Then::Anew => one(tx, (by, back), month).await?,
                Then::Over => gone(tx, (by, back), month).await?,
            };
            if !taken {
                return Err(race());
            }
            any |= back.then == Then::Anew;
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
async fn could(on: &impl GenericClient, back: &TakeBackWork, held: Option<i64>) -> Stored<Anew> {
    let kept = request(on, back).await?.is_some();
    let rows = rows_of(on, back).await?;
    let others = |row: &Going| Some(row.lane) != held;
    let owed = rows.iter().map(|(row, owed)| Owed { leased: owed.leased && others(row), ..*owed });
    Ok(decide::anew(&owed.collect::<Vec<_>>(), kept))
}

/// How it lies here. Asked before each attempt at an answer, so in no transaction of those that write: each of these makes its mark durable.
async fn lies(base: &Base, back: &TakeBackWork, held: Option<i64>) -> Stored<Lies> {
    let client = base.db.get().await?;
    let key = &back.vorgang[..];
    let there: &[&(dyn ToSql + Sync)] = &[&&SPOKEN_AGAINST[..], &key];
    let open: &[&(dyn ToSql + Sync)] = &[&key];
    let vorgang = register::vorgaenge_by(base, &client, vec![key]).await?.remove(&back.vorgang);
    if !vorgang.as_ref().is_some_and(Vorgang::is_negativ) {
        return Ok(Lies::other(vorgang));
    }
    let (marked, objected, anew) = together!(
        marked = rows(&client, sql!("trace_there"), there),
        objected = rows(&client, sql!("trace_objected"), open),
        anew = could(&client, back, held),
    )?;
    Ok(Lies { vorgang, anew, spoken_against: !marked.is_empty(), objected: !objected.is_empty() })
}

/// Takes it back where it can be.
async fn anew(tx: &Tx<'_>, (by, back): By<'_>, month: i64) -> Stored<Anew> {
    let outcome = could(tx, back, None).await?;
    match outcome == Anew::Runs && !one(tx, (by, back), month).await? {
        true => Err(race()),
        false => Ok(outcome),
    }
}

/// Takes a Negativauskunft back that something speaks against; where it is in somebody's hand, or nobody can decide it anew, it is noted with it, so
/// that it leaves no more; where something of it may have left, where whoever looks later would not see it. Returns whether its request runs again.
pub async fn spoken_against(tx: &Tx<'_>, (by, back): By<'_>, speaks: Speaks, month: i64) -> Stored<bool> {
    let outcome = could(tx, back, None).await?;
    if outcome == Anew::Runs {
        return one(tx, (by, back), month).await;
    }
    if speaks.is_noted(outcome) {
        let (key, vorgang) = (vec![&SPOKEN_AGAINST[..]], vec![&back.vorgang[..]]);
        run(tx, sql!("trace_add"), &[&key, &vorgang]).await?;
    }
    Ok(false)
}

/// The request whose answer an open row of a mailbox carries, and its Vorgang.
async fn answer_of(base: &Base, who: &Reader, row: Uuid) -> Stored<Option<(Uuid, Tag)>> {
    let client = base.db.get().await?;
    let found = ask::one(&client, sql!("outbox_one"), &[&row]).await?;
    let Some(r) = found else { return Ok(None) };
    let (closed, state) = (lanes::closed_due(&r)?, get::<RowState>(&r, 8)?);
    if !state.is_open() || !who.reads(&closed.partner, &closed.destination) {
        return Ok(None);
    }
    let opened = base.keyring.open_one(&client, Owner::new("outbox", row), blob::closed(&r, 16)?).await;
    let head = due::head(opened)?;
    Ok(head.and_then(|head| head.delivers()).map(|vorgang| (closed.cause, vorgang)))
}

/// Negativauskünfte that may not leave yet.
async fn not_due(
    base: &Base,
    (from, now): (Place, Timestamp),
    beside: &[String],
    most: usize,
) -> Stored<NotDue> {
    let client = base.db.get().await?;
    let asked: &[&(dyn ToSql + Sync)] = &[&micros(now), &from.at, &from.lane, &limit(most)];
    let listed = rows(&client, sql!("outbox_not_due"), asked).await?;
    let place = |r: &Row| -> Stored<Place> { Ok(Place { at: get(r, 0)?, lane: get(r, 1)? }) };
    let next = listed.last().filter(|_| listed.len() >= most).map(place).transpose()?;
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    for r in &listed {
        if !beside.contains(&get::<String>(r, 4)?) {
            ids.push((get::<Uuid>(r, 2)?, get::<Uuid>(r, 3)?, time(get(r, 6)?)));
            numbers.push(get::<i64>(r, 5)?);
        }
    }
    let mut contents = blob::heads(&client, &numbers).await?;
    let (mut owners, mut asked) = (Vec::new(), Vec::new());
    for (id, nr) in ids.into_iter().zip(&numbers) {
        if let Some(content) = contents.remove(nr) {
            asked.push((Owner::new("outbox", id.0), content));
            owners.push(id);
        }
    }
    let mut carried = Vec::new();
    for (opened, id) in base.keyring.open_all(&client, asked).await?.into_iter().zip(owners) {
        carried.extend(due::delivers(opened)?.map(|named| (id, named)));
    }
    let keys: HashSet<&[u8]> = carried.iter().map(|(_, named)| &named[..]).collect();
    let vorgaenge = register::vorgaenge_by(base, &client, keys.into_iter().collect()).await?;
    let found = carried.iter().filter_map(|(id, named)| Early::of(*id, *named, vorgaenge.get(named)?));
    Ok(NotDue { found: found.collect(), next })
}

#[async_trait]
impl Anews for PostgresStore {
    async fn lies(&self, unsent: Unsent, held: Option<i64>) -> Result<Lies, StoreError> {
        lies(&self.base, &TakeBackWork::unsent(unsent), held).await
    }

    async fn run_anew(&self, unsent: Unsent, by: Uuid, now: Timestamp) -> Result<Anew, StoreError> {
        let watch = self.watch()?;
        let month = self.base.month(now).await?;
        let back = TakeBackWork::unsent(unsent);
        let outcome = transact!(self.base.db, tx => anew(&tx, ((by, now), &back), month).await)?;
        watch.tell();
        Ok(outcome)
    }

    async fn not_due(
        &self,
        (from, now): (Option<Place>, Timestamp),
        beside: Arc<[String]>,
        most: usize,
    ) -> Result<NotDue, StoreError> {
        let from = from.unwrap_or(Place { at: micros(now), lane: i64::MAX });
        not_due(&self.base, (from, now), &beside, most).await
    }

    async fn answer_of(&self, reader: &Reader, row: Uuid) -> Result<Option<(Uuid, Tag)>, StoreError> {
        answer_of(&self.base, reader, row).await
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
    outbox::taken_back(tx, &(nr, ids)).await?;
    let now = micros(at);
    let arms: Vec<lanes::Arm> = going.iter().map(|row| (row.lane, now, true)).collect();
    lanes::arm(tx, &arms).await?;
    trail.write(tx, month).await?;
    Ok(true)
}
