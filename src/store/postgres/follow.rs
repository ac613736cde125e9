//! What is followed after it was sent: laid down with its settling, read when due, settled under a duty. Never looks itself. Rows of the
//! outbox before what is followed of them, and that before contents, so that a look and a deletion never wait for each other.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::decide::{self, Look};
use crate::store::duty::Duty;
use crate::store::error::StoreError;
use crate::store::follow::{Followed, Follows, Found, Looked, Which};
use crate::store::lane::{Follow, Onward};
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::outbox::{Laid, OutRow, content, go_on, out_rows};
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::pool::{narrow_to, transact};
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::postgres::{blob, commit, duty, house, lanes};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due::{ONWARD, onward_detail};
use crate::store::sealing::follow::{
    self as sealed, ClosedFollowed, Ended, ended, ended_by_person, look_of, open_proof,
};
use crate::store::sealing::values::{Stored, limit, may_see_payloads, micros, narrow, time};
use crate::store::stamp::Scope;
use crate::store::states::{FollowState, SendState};

/// What is laid down with a row that is settled as sent.
#[derive(Debug)]
pub struct Fresh {
    /// The row's number.
    pub nr: i64,
    since: i64,
    due: i64,
    until: i64,
    kept: Vec<u8>,
}

impl Fresh {
    /// Of a row that is sent now.
    pub fn new(nr: i64, opened: &Opened, follow: &Follow, now: Timestamp) -> Stored<Fresh> {
        let (since, due, until) = (micros(now), micros(follow.due), micros(follow.until));
        Ok(Fresh { nr, since, due, until, kept: sealed::seal_kept(opened, &follow.keep)? })
    }
}

/// Lays down what is followed from now on.
pub async fn lay(tx: &Tx<'_>, fresh: &[Fresh]) -> Stored<()> {
    if fresh.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Fresh) -> i64| fresh.iter().map(of).collect::<Vec<i64>>();
    let (nr, since) = (column(|one| one.nr), column(|one| one.since));
    let (due, until) = (column(|one| one.due), column(|one| one.until));
    let kept: Vec<&[u8]> = fresh.iter().map(|one| &one.kept[..]).collect();
    run(tx, sql!("follow_add"), &[&nr, &since, &due, &until, &kept]).await.map(drop)
}

/// What is due, opened; what lost its content (row and when it was sent); what does not open.
type Due = (Vec<Followed>, (Vec<i64>, Vec<i64>), Vec<Looked>);

async fn due(base: &Base, which: &Which) -> Stored<Due> {
    let client = base.db.get().await?;
    let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&micros(which.now), &which.except, &limit(which.limit)];
    let found = rows(&client, sql!("follow_due"), values).await?;
    let (mut open, mut lost, mut broken) = Due::default();
    let (mut numbers, mut due) = (Vec::new(), Vec::new());
    for r in &found {
        let (nr, since): (i64, i64) = (get(r, 0)?, get(r, 3)?);
        let Some(id) = get::<Option<Uuid>>(r, 1)? else {
            lost.0.push(nr);
            lost.1.push(since);
            continue;
        };
        let (destination, until, looks) = (get(r, 2)?, get(r, 4)?, get(r, 5)?);
        numbers.push(nr);
        due.push((nr, ClosedFollowed { id, destination, since, until, looks, kept: get(r, 6)? }));
    }
    let mut contents = blob::heads(&client, &numbers).await?;
    let (mut asked, mut there) = (Vec::new(), Vec::new());
    for (nr, followed) in due {
        match contents.remove(&nr) {
            Some(content) => {
                asked.push((Owner::new("outbox", followed.id), content));
                there.push((nr, followed));
            }
            None => {
                lost.0.push(nr);
                lost.1.push(followed.since);
            }
        }
    }
    for (opened, (nr, followed)) in base.keyring.open_all(&client, asked).await?.into_iter().zip(there) {
        let failed = followed.broken(which.now);
        let since = followed.since;
        match opened.and_then(|opened| opened.map(|opened| followed.open(&opened)).transpose()) {
            Ok(Some(followed)) => open.push(followed),
            Ok(None) => {
                lost.0.push(nr);
                lost.1.push(since);
            }
            Err(StoreError::Corrupt(_)) => broken.push(failed),
            Err(other) => return Err(other),
        }
    }
    Ok((open, lost, broken))
}

async fn stands(tx: &Tx<'_>, nr: i64) -> Stored<Option<(FollowState, Look)>> {
    let found = one(tx, sql!("follow_get"), &[&nr]).await?;
    found.map(|r| Ok((get(&r, 0)?, Look { since: get(&r, 1)?, looks: get(&r, 2)? }))).transpose()
}

async fn settle(base: &Base, tx: &Tx<'_>, looked: &Looked, month: i64) -> Stored<bool> {
    let Some(row) = out_rows(tx, &[looked.row]).await?.remove(&looked.row) else { return Ok(false) };
    let stands = stands(tx, row.nr).await?;
    if !decide::look_settles(look_of(looked), stands) {
        return Ok(false);
    }
    match (&looked.found, ended(looked)) {
        (Found::Open { at, .. } | Found::Held { at, .. }, _) => {
            if let Some(opened) = content(base, tx, (looked.row, row.nr)).await? {
                note_trouble(tx, row.nr, &opened, &looked.found).await?;
            }
            run(tx, sql!("follow_again"), &[&row.nr, &micros(*at), &None::<Vec<u8>>]).await?;
        }
        (Found::Step { at, keep }, _) => {
            // Without content there is nothing that could be taken back.
            let Some(opened) = content(base, tx, (looked.row, row.nr)).await? else { return Ok(false) };
            let kept = sealed::seal_kept(&opened, keep)?;
            note_trouble(tx, row.nr, &opened, &looked.found).await?;
            run(tx, sql!("follow_again"), &[&row.nr, &micros(*at), &Some(kept)]).await?;
        }
        (Found::TakenBack(onward), _) => return take_back(base, tx, (looked, &row), onward, month).await,
        (_, Some(ended)) => end(base, tx, (looked.row, &row, 1), &ended, (looked.now, month)).await?,
        (_, None) => {}
    }
    Ok(true)
}

async fn note_trouble(tx: &Tx<'_>, nr: i64, opened: &Opened, found: &Found) -> Stored<()> {
    match sealed::troubled(opened, found)? {
        Some(note) => run(tx, sql!("sealed_note"), &[&vec![nr], &vec![&note[..]]]).await.map(drop),
        None => Ok(()),
    }
}

/// What a row that was sent waits for a person as: it was not confirmed, or cannot be taken back.
pub async fn waits(base: &Base, tx: &Tx<'_>, (id, nr): (Uuid, i64)) -> Stored<Option<SendState>> {
    let Some((state, _)) = stands(tx, nr).await? else { return Ok(None) };
    let held = sealed::held(content(base, tx, (id, nr)).await?.as_ref())?;
    Ok(decide::waits_for_person(state, held))
}

/// A row that failed to be confirmed, or cannot be taken back, is one to be sent again, in a lane of its own, which is still to be armed: nobody looks after it any more,
/// and its Vorgang, whose guard was moved before, is delivered no more.
pub async fn take_up(
    base: &Base,
    tx: &Tx<'_>,
    nr: i64,
    (destination, vorgang): (&str, Option<&Tag>),
    (now, month): (Timestamp, i64),
) -> Stored<i64> {
    run(tx, sql!("follow_forget"), &[&vec![nr]]).await?;
    let mut numbers = Numbers::draw(tx, month, 1).await?;
    let wish = lanes::Wish { name: None, destination, free: None, now: micros(now), lease: None };
    let placed = lanes::lanes_for(base, tx, &mut numbers, &[wish]).await?;
    let lane = placed.lanes.first().copied();
    let lane = lane.ok_or_else(|| StoreError::Later("a lane could not be made".into()))?;
    run(tx, sql!("outbox_next_way"), &[&vec![nr], &vec![lane], &vec![destination], &vec![None::<i64>]])
        .await?;
    if let Some(vorgang) = vorgang {
        run(tx, sql!("vorgang_not_delivered"), &[&&vorgang[..], &micros(now)]).await?;
    }
    Ok(lane)
}

/// What was taken back goes on by its next way; `false` when its content went meanwhile, with which it is over.
async fn take_back(
    base: &Base,
    tx: &Tx<'_>,
    (looked, row): (&Looked, &OutRow),
    onward: &Onward,
    month: i64,
) -> Stored<bool> {
    let (id, now) = (looked.row, looked.now);
    let Some(opened) = content(base, tx, (id, row.nr)).await? else { return Ok(false) };
    let note = sealed::taken_back(&opened, onward, now)?;
    run(tx, sql!("sealed_note"), &[&vec![row.nr], &vec![&note[..]]]).await?;
    run(tx, sql!("follow_forget"), &[&vec![row.nr]]).await?;
    go_on(base, tx, &[(row.nr, onward, now)], month).await?;
    if let Some(vorgang) = &looked.delivers {
        run(tx, sql!("vorgang_not_delivered"), &[&&vorgang[..], &micros(now)]).await?;
    }
    let mut trail = Trail::default();
    trail.push(now, (row.stamp, &row.traceparent), Some(id), ONWARD, &onward_detail(onward))?;
    trail.write(tx, month).await?;
    Ok(true)
}

async fn end(
    base: &Base,
    tx: &Tx<'_>,
    (id, row, looks): (Uuid, &OutRow, i64),
    ended: &Ended,
    (now, month): (Timestamp, i64),
) -> Stored<()> {
    let opened = content(base, tx, (id, row.nr)).await?;
    let sealed = opened.map(|opened| ended.sealed(&opened)).transpose()?.flatten();
    if let Some(sealed) = &sealed {
        run(tx, sql!("sealed_note"), &[&vec![row.nr], &vec![&sealed.note[..]]]).await?;
    }
    let proof = sealed.and_then(|sealed| sealed.proof);
    run(tx, sql!("follow_end"), &[&row.nr, &ended.state.as_str(), &proof, &looks]).await?;
    let mut trail = Trail::default();
    trail.push(now, (row.stamp, &row.traceparent), Some(id), ended.what, &ended.detail)?;
    trail.write(tx, month).await
}

/// A person says that what failed to be confirmed, or cannot be taken back, arrived; `false` when it waits for no person.
pub async fn arrived(
    base: &Base,
    tx: &Tx<'_>,
    (id, row): (Uuid, &OutRow),
    detail: &Value,
    at: (Timestamp, i64),
) -> Stored<bool> {
    let waits = waits(base, tx, (id, row.nr)).await?.is_some();
    if waits {
        end(base, tx, (id, row, 0), &ended_by_person(detail, at.0), at).await?;
    }
    Ok(waits)
}

async fn act(
    base: &Base,
    tx: &Tx<'_>,
    duty: &Duty,
    (looked, laid): (&Looked, &mut Laid),
    month: i64,
) -> Stored<bool> {
    // Guards before rows, as everywhere: what was decided on a Vorgang that is delivered no more is decided again.
    if let (Found::TakenBack(_), Some(vorgang)) = (&looked.found, &looked.delivers) {
        rows(tx, sql!("guard_bump"), &[&vec![&vorgang[..]]]).await?;
    }
    if !duty::holds(tx, duty).await? || !settle(base, tx, looked, month).await? {
        return Ok(false);
    }
    for (_, work, stamp) in laid {
        commit::lay(base, tx, (work, *stamp), month).await?;
    }
    Ok(true)
}

/// Settles what nobody can look at any more; whether the fence stands.
async fn clear(
    base: &Base,
    tx: &Tx<'_>,
    duty: &Duty,
    ((lost, since), broken): (&(Vec<i64>, Vec<i64>), &[Looked]),
    month: i64,
) -> Stored<bool> {
    if !duty::holds(tx, duty).await? {
        return Ok(false);
    }
    run(tx, sql!("follow_lost"), &[lost, since]).await?;
    for looked in broken {
        settle(base, tx, looked, month).await?;
    }
    Ok(true)
}

#[async_trait]
impl Follows for PostgresStore {
    async fn due_looks(&self, duty: &Duty, which: &Which) -> Result<Option<Vec<Followed>>, StoreError> {
        self.watch()?;
        let base = &self.base;
        let (open, lost, broken) = due(base, which).await?;
        let holds = if lost.0.is_empty() && broken.is_empty() {
            // Asked afterwards: whoever took the duty meanwhile looks now.
            let client = base.db.get().await?;
            duty::holds(&client, duty).await?
        } else {
            let month = base.month(which.now).await?;
            transact!(base.db, tx => clear(base, &tx, duty, (&lost, &broken), month).await)?
        };
        Ok(holds.then_some(open))
    }

    async fn next_look(&self) -> Result<Option<Timestamp>, StoreError> {
        let client = self.base.db.get().await?;
        let found = one(&client, sql!("follow_next"), &[]).await?;
        found.map(|r| get(&r, 0).map(time)).transpose()
    }

    async fn settle_look(&self, duty: &Duty, mut looked: Looked) -> Result<bool, StoreError> {
        let watch = self.watch()?;
        let mut laid = self.laid(0, std::mem::take(&mut looked.answers)).await?;
        let (base, any) = (&self.base, !laid.is_empty());
        let month = base.month(looked.now).await?;
        let settled = transact!(base.db, tx => act(base, &tx, duty, (&looked, &mut laid), month).await)?;
        if any && settled {
            watch.tell();
        }
        Ok(settled)
    }

    async fn proof(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError> {
        self.watch()?;
        may_see_payloads(scope)?;
        let (base, (mandant, partner)) = (&self.base, narrow(scope));
        let month = base.month(now).await?;
        transact!(base.db, tx => async {
            narrow_to(&tx, scope).await?;
            let found = one(&tx, sql!("follow_proof"), &[&id, &mandant, &partner]).await?;
            // The scope has let the row pass; its content is the engine's to read.
            tx.batch_execute("SET LOCAL ROLE NONE").await.map_err(trouble)?;
            let Some(r) = found else { return Ok(None) };
            let (traceparent, stamp, nr): (&str, i64, i64) = (get(&r, 0)?, get(&r, 1)?, get(&r, 2)?);
            let closed = blob::read_one(&tx, nr).await?;
            let opened = base.keyring.open_one(&tx, Owner::new("outbox", id), closed).await?;
            let proof: Vec<u8> = get(&r, 3)?;
            let Some(proof) = opened.map(|opened| open_proof(&opened, proof)).transpose()?.flatten() else {
                return Ok(None);
            };
            let words = house::seal_view(base, &tx, id, person, reason).await?;
            house::abruf(&tx, month, (now, stamp, traceparent), (id, "proof", Vec::new(), words)).await?;
            Ok(Some(proof))
        }.await)
    }
}
