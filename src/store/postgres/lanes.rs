//! Lanes of the outbox: found or made, armed, leased, opened. A waiting, parked or unclear head holds its lane; a lane that
//! another process takes at the same moment is passed over. Never reads a clock and never sends.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::decide::Head;
use crate::store::error::StoreError;
use crate::store::lane::{Lane, Want};
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::base::{Base, Numbers, no_stamp, stamps};
use crate::store::postgres::blob;
use crate::store::postgres::pool::{together, transact};
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::witness::{self, Turn};
use crate::store::sealing::content::{Closed, Owner};
use crate::store::sealing::due::{ClosedDue, LONGEST_LEASE, SKEW};
use crate::store::sealing::taking::Lease;
use crate::store::sealing::values::{Stored, later, limit, micros, time};
use crate::store::states::RowState;

/// What a row to send asks of its lane.
#[derive(Debug)]
pub struct Wish<'a> {
    /// Name of the lane; `None`: one of its own.
    pub name: Option<&'a Tag>,
    /// Where to.
    pub destination: &'a str,
    /// When a new lane can go; `None`: to be found out.
    pub free: Option<i64>,
    /// Now.
    pub now: i64,
    /// To be leased to this process if it is made.
    pub lease: Option<Lease<'a>>,
}

/// A lane to be armed: number, time, whether anew.
pub type Arm = (i64, i64, bool);

/// The lanes of rows.
#[derive(Debug, Default)]
pub struct Placed {
    /// In the order of the rows.
    pub lanes: Vec<i64>,
    /// Those that have to be armed once the rows stand.
    pub arms: Vec<Arm>,
    /// Rows whose lane was made for them and is leased to this process.
    pub leased: Vec<usize>,
}

/// The lanes of rows, made where they are missing and held locked.
pub async fn lanes_for(
    base: &Base,
    tx: &Tx<'_>,
    numbers: &mut Numbers,
    wishes: &[Wish<'_>],
) -> Stored<Placed> {
    // The first row of a name asks for its lane.
    let mut named: BTreeMap<&Tag, usize> = BTreeMap::new();
    for (place, wish) in wishes.iter().enumerate() {
        if let Some(name) = wish.name {
            named.entry(name).or_insert(place);
        }
    }
    // One process works for one worker.
    let worker = wishes.iter().find_map(|wish| wish.lease).map(|lease| lease.worker);
    let until = |wish: &Wish<'_>| wish.lease.map(|lease| lease.until);
    let mut placed = Placed::default();
    let mut found: HashMap<Tag, i64> = HashMap::new();
    if !named.is_empty() {
        let asked = || named.values().filter_map(|place| wishes.get(*place));
        let nr = named.iter().map(|_| numbers.lasting()).collect::<Stored<Vec<i64>>>()?;
        let names: Vec<&[u8]> = named.keys().map(|name| &name[..]).collect();
        let destinations: Vec<&str> = asked().map(|wish| wish.destination).collect();
        let free: Vec<Option<i64>> = asked().map(|wish| wish.free).collect();
        let leases: Vec<Option<i64>> = asked().map(until).collect();
        let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&nr, &names, &destinations, &free, &leases, &worker, &base.lauf];
        for r in rows(tx, sql!("lane_named"), values).await? {
            let (name, lane, made): (Tag, i64, bool) = (tag(get(&r, 0)?)?, get(&r, 1)?, get(&r, 2)?);
            found.insert(name, lane);
            let Some((place, wish)) = named.get(&name).and_then(|n| Some((*n, wishes.get(*n)?))) else {
                continue;
            };
            if made && wish.lease.is_some() {
                placed.leased.push(place);
            }
            // A new lane whose first row can leave is armed already.
            if !made || wish.free.is_none() {
                placed.arms.push((lane, wish.now, false));
            }
        }
    }
    let (mut own, mut destinations) = (Vec::new(), Vec::new());
    let (mut free, mut leases) = (Vec::new(), Vec::new());
    for (place, wish) in wishes.iter().enumerate() {
        let lost = || StoreError::Later("a lane could not be made".into());
        placed.lanes.push(match wish.name {
            Some(name) => *found.get(name).ok_or_else(lost)?,
            None => {
                let lane = numbers.lasting()?;
                own.push(lane);
                destinations.push(wish.destination);
                free.push(wish.free);
                leases.push(until(wish));
                if wish.lease.is_some() {
                    placed.leased.push(place);
                }
                if wish.free.is_none() {
                    placed.arms.push((lane, wish.now, false));
                }
                lane
            }
        });
    }
    if !own.is_empty() {
        run(tx, sql!("lane_add"), &[&own, &destinations, &free, &leases, &worker, &base.lauf]).await?;
    }
    Ok(placed)
}

/// Arms lanes that the caller holds locked; of two wishes for one lane the later counts.
pub async fn arm(tx: &Tx<'_>, arms: &[Arm]) -> Stored<()> {
    let by_lane: BTreeMap<i64, (i64, bool)> =
        arms.iter().map(|(lane, at, anew)| (*lane, (*at, *anew))).collect();
    if by_lane.is_empty() {
        return Ok(());
    }
    let lanes: Vec<i64> = by_lane.keys().copied().collect();
    let (at, anew): (Vec<i64>, Vec<bool>) = by_lane.values().copied().unzip();
    run(tx, sql!("lane_arm"), &[&lanes, &at, &anew]).await.map(drop)
}

/// Removes the lanes among these, which the caller holds locked and gives back, in which nothing is unsettled but rows that arrive
/// with this transaction: most of them. The others are still to be given back and armed.
pub async fn settled(tx: &Tx<'_>, lanes: &[i64], arrived: &[i64]) -> Stored<HashSet<i64>> {
    if lanes.is_empty() {
        return Ok(HashSet::new());
    }
    rows(tx, sql!("lane_settled"), &[&lanes, &arrived]).await?.iter().map(|r| get(r, 0)).collect()
}

/// Gives lanes back that the caller holds locked; they are still to be armed.
pub async fn end_lease(tx: &Tx<'_>, lanes: &[i64]) -> Stored<()> {
    if lanes.is_empty() {
        return Ok(());
    }
    run(tx, sql!("lane_end_lease"), &[&lanes]).await.map(drop)
}

/// Locks lanes; returns the fence of each that exists.
pub async fn lock(tx: &Tx<'_>, lanes: &[i64]) -> Stored<HashMap<i64, i64>> {
    lock_with_after(tx, lanes, &[]).await
}

/// Locks lanes, and with them those whose rows leave only after these rows; returns the fence of each that exists.
pub async fn lock_with_after(tx: &Tx<'_>, lanes: &[i64], before: &[Uuid]) -> Stored<HashMap<i64, i64>> {
    if lanes.is_empty() && before.is_empty() {
        return Ok(HashMap::new());
    }
    let found = rows(tx, sql!("lane_lock"), &[&lanes, &before]).await?;
    found.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?))).collect()
}

/// Ends leases of rows (lane, last place handed out); what was handed out under them is in doubt.
pub async fn end(tx: &Tx<'_>, ended: &[tokio_postgres::Row], at: i64) -> Stored<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let (mut lanes, mut doubted, mut handed) = (Vec::new(), Vec::new(), Vec::new());
    for r in ended {
        let (lane, last): (i64, Option<i64>) = (get(r, 0)?, get(r, 1)?);
        lanes.push(lane);
        if let Some(last) = last {
            doubted.push(lane);
            handed.push(last);
        }
    }
    if !doubted.is_empty() {
        run(tx, sql!("outbox_doubt"), &[&doubted, &handed]).await?;
    }
    end_lease(tx, &lanes).await?;
    let arms: Vec<Arm> = lanes.iter().map(|lane| (*lane, at, false)).collect();
    arm(tx, &arms).await
}

/// Ends the leases of processes that died.
pub async fn end_orphaned(tx: &Tx<'_>, dead: &[i64]) -> Stored<()> {
    let ended = rows(tx, sql!("lane_orphaned"), &[&dead]).await?;
    end(tx, &ended, 0).await
}

/// A leased lane, still sealed.
#[derive(Debug)]
struct ClosedLane {
    id: i64,
    fence: i64,
    destination: String,
    heads: Vec<(ClosedDue, Closed)>,
}

/// A row that does not open: lane, fence, row.
pub type Broken = (i64, i64, Uuid);

/// Leases due lanes and opens their heads; rows that do not open come back apart, to be parked.
pub async fn claim(base: &Base, want: &Want) -> Stored<(Vec<Lane>, Vec<Broken>)> {
    let quiet = base.db.quiet();
    let (closed, turn) = transact!(quiet, tx => lease(base, &tx, want).await)?;
    if let Some(turn) = turn {
        turn.confirmed();
    }
    if closed.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let client = base.db.get().await?;
    let mut numbers: Vec<i64> =
        closed.iter().flat_map(|l| l.heads.iter().map(|(due, _)| due.stamp)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let stamps = stamps(&client, &numbers).await?;
    let mut contents = Vec::new();
    let mut taken = Vec::with_capacity(closed.len());
    for lane in closed {
        let mut heads = Vec::with_capacity(lane.heads.len());
        for (due, content) in lane.heads {
            contents.push((Owner::new("outbox", due.id), content));
            heads.push(due);
        }
        taken.push((lane.id, lane.fence, lane.destination, heads));
    }
    let mut opened = base.keyring.open_all(&client, contents).await?.into_iter();
    let (mut lanes, mut broken) = (Vec::new(), Vec::new());
    for (id, fence, destination, dues) in taken {
        let mut heads = Vec::with_capacity(dues.len());
        let mut sound = true;
        for due in dues {
            let content = opened.next().unwrap_or(Ok(None));
            if !sound {
                continue;
            }
            let row = due.id;
            let stamp = stamps.get(&due.stamp).cloned().ok_or_else(no_stamp)?;
            match content.and_then(|content| due.open(stamp, content)) {
                Ok(due) => heads.push(due),
                Err(StoreError::Corrupt(_)) => {
                    broken.push((id, fence, row));
                    sound = false;
                }
                Err(other) => return Err(other),
            }
        }
        if !heads.is_empty() {
            lanes.push(Lane { id, fence, destination, heads });
        }
    }
    Ok((lanes, broken))
}

/// Leases lanes; comes back with the turn to be confirmed. Most looks find nothing and write nothing, so only what finds some marks.
async fn lease(base: &Base, tx: &Tx<'_>, want: &Want) -> Stored<(Vec<ClosedLane>, Option<Turn>)> {
    let now = micros(want.now);
    let absurd = later(want.now, LONGEST_LEASE);
    let bounds: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&now, &absurd];
    let (mut ended, mut known) = together!(
        ended = async {
            match base.looks_for_leases(want.now) {
                true => rows(tx, sql!("lane_expired"), bounds).await,
                false => Ok(Vec::new()),
            }
        },
        known = rows(tx, sql!("lane_destinations"), &[]),
    )?;
    end(tx, &ended, now).await?;
    if let Some(ours) = &want.ours {
        let lost = rows(tx, sql!("lane_lost"), &[&base.lauf, ours]).await?;
        end(tx, &lost, now).await?;
        ended.extend(lost);
    }
    if want.went_back {
        let ahead = later(want.now, SKEW);
        run(tx, sql!("outbox_back"), &[&now, &ahead]).await?;
        run(tx, sql!("lane_back"), &[&now, &ahead]).await?;
    }
    if !ended.is_empty() || want.went_back {
        // What has come free may lead to another destination.
        known = rows(tx, sql!("lane_destinations"), &[]).await?;
    }
    let chosen = choose(tx, want, now, &known).await?;
    if chosen.is_empty() && ended.is_empty() {
        return Ok((Vec::new(), None));
    }
    let turn = base.db.turn();
    witness::mark(turn.as_ref(), tx).await?;
    if chosen.is_empty() {
        return Ok((Vec::new(), turn));
    }
    let lanes: Vec<i64> = chosen.iter().map(|(lane, ..)| *lane).collect();
    let mut heads: HashMap<i64, Vec<tokio_postgres::Row>> = HashMap::new();
    for r in rows(tx, sql!("outbox_heads"), &[&lanes, &limit(want.heads.max(1))]).await? {
        heads.entry(get(&r, 0)?).or_default().push(r);
    }
    let (mut taken, mut idle) = (Vec::new(), Vec::new());
    let (mut leased, mut handed) = (Vec::new(), Vec::new());
    for (lane, fence, destination) in chosen {
        let mut due = Vec::new();
        let mut last: i64 = 0;
        for r in heads.remove(&lane).unwrap_or_default() {
            let (state, free): (&str, bool) = (get(&r, 8)?, get(&r, 14)?);
            let state = RowState::or_held(state);
            if !(Head { state, free, not_before: get(&r, 13)? }).may_leave(now) {
                break;
            }
            last = get(&r, 1)?;
            due.push((closed_due(&r)?, blob::closed(&r, 16)?));
        }
        if due.is_empty() {
            idle.push((lane, now, false));
            continue;
        }
        leased.push(lane);
        handed.push(last);
        taken.push(ClosedLane { id: lane, fence: fence + 1, destination, heads: due });
    }
    arm(tx, &idle).await?;
    let until = later(want.now, want.lease.min(LONGEST_LEASE));
    run(tx, sql!("lane_lease"), &[&leased, &handed, &until, &want.worker, &base.lauf]).await?;
    Ok((taken, turn))
}

/// Lets a lease go on; `false` when it is not this one any more.
pub async fn renew(
    base: &Base,
    (lane, fence): (i64, i64),
    now: Timestamp,
    lease: std::time::Duration,
) -> Stored<bool> {
    let until = later(now, lease.min(LONGEST_LEASE));
    transact!(base.db, tx => async { Ok(run(&tx, sql!("lane_renew"), &[&lane, &fence, &until]).await? > 0) }.await)
}

/// Due lanes, the destinations in turn so that none crowds out another: lane, fence, destination.
async fn choose(
    tx: &Tx<'_>,
    want: &Want,
    now: i64,
    known: &[tokio_postgres::Row],
) -> Stored<Vec<(i64, i64, String)>> {
    let mut queues = Vec::new();
    for r in known {
        let destination: String = get(r, 0)?;
        if want.except.contains(&destination) {
            continue;
        }
        let most = want.most.iter().find(|(of, _)| *of == destination).map_or(want.lanes, |(_, most)| *most);
        let due = rows(tx, sql!("lane_due"), &[&destination, &now, &limit(most.min(want.lanes))]).await?;
        let due: Vec<(i64, i64)> = due.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?))).collect::<Stored<_>>()?;
        queues.push((destination, due.into_iter()));
    }
    let mut chosen = Vec::new();
    while chosen.len() < want.lanes && !queues.is_empty() {
        let mut left = Vec::new();
        for (destination, mut lanes) in queues {
            if chosen.len() >= want.lanes {
                break;
            }
            if let Some((lane, fence)) = lanes.next() {
                chosen.push((lane, fence, destination.clone()));
                left.push((destination, lanes));
            }
        }
        queues = left;
    }
    Ok(chosen)
}

/// A row of the outbox as read.
pub fn closed_due(r: &tokio_postgres::Row) -> Stored<ClosedDue> {
    Ok(ClosedDue {
        id: get(r, 2)?,
        stamp: get(r, 3)?,
        traceparent: get(r, 4)?,
        cause: get(r, 5)?,
        destination: get(r, 6)?,
        partner: get(r, 7)?,
        message: get(r, 22)?,
        attempts: get(r, 9)?,
        unclear: get(r, 10)?,
        queued: get(r, 11)?,
        deadline: get(r, 12)?,
        sealed: get(r, 15)?,
        left: get(r, 23)?,
    })
}

/// When a lane can go at the earliest, but those of these destinations.
pub async fn next_due(base: &Base, but: &[String]) -> Stored<Option<Timestamp>> {
    let client = base.db.get().await?;
    let next = one(&client, sql!("lane_next"), &[&but]).await?;
    Ok(next.map(|r| get::<Option<i64>>(&r, 0)).transpose()?.flatten().map(time))
}
