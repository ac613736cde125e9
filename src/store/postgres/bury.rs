//! What processes left behind that died: their leases and duties end, commands they had taken wait again, claims they held are
//! forgotten. A process lives as long as one of its connections stands; a living one is never touched.

use std::collections::HashSet;
use std::time::Duration;

use crate::store::postgres::ask::{one, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::lanes;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql};
use crate::store::sealing::values::Stored;

/// So often it is looked at the start whether a process that left something behind is dead; a connection takes a moment to end.
const LOOKS: u32 = 12;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);
/// A server that started less than this ago had cut every connection: the living ones need so long to come back.
const RETURN: Duration = Duration::from_secs(5);

/// Ends what dead processes left, as a process that starts does it; returns their numbers.
pub async fn at_start(base: &Base) -> Stored<Vec<i64>> {
    let mut dead = Vec::new();
    for look in 1..=LOOKS {
        let others = left(base).await?;
        if others.is_empty() {
            break;
        }
        if look == 1 {
            tokio::time::sleep(RETURN.saturating_sub(age(base).await?)).await;
        }
        let found = bury(base, &others).await?;
        let all = found.len() == others.len();
        dead.extend(found);
        if all || look == LOOKS {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(dead)
}

/// Ends what those processes left that are dead now and were dead at the look before; returns how many, and who is dead now.
/// One look is not enough for a process that goes on: another one may be between two connections.
pub async fn again(base: &Base, before: &HashSet<i64>) -> Stored<(u64, HashSet<i64>)> {
    if age(base).await? < RETURN {
        return Ok((0, HashSet::new()));
    }
    let others = left(base).await?;
    let (seen, fresh): (Vec<i64>, Vec<i64>) = others.into_iter().partition(|lauf| before.contains(lauf));
    let buried = if seen.is_empty() { 0 } else { bury(base, &seen).await?.len() as u64 };
    let client = base.db.get().await?;
    let dead =
        if fresh.is_empty() { Vec::new() } else { rows(&client, sql!("lauf_dead"), &[&fresh]).await? };
    Ok((buried, dead.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?))
}

/// The other processes that left something.
async fn left(base: &Base) -> Stored<Vec<i64>> {
    let client = base.db.get().await?;
    let left = rows(&client, sql!("lauf_of_leases"), &[]).await?;
    let left = left.iter().map(|r| get(r, 0)).collect::<Stored<Vec<i64>>>()?;
    Ok(left.into_iter().filter(|lauf| *lauf != base.lauf).collect())
}

/// How long ago the server started.
async fn age(base: &Base) -> Stored<Duration> {
    let client = base.db.get().await?;
    let age = one(&client, sql!("server_age"), &[]).await?;
    let millis: i64 = age.map(|r| get(&r, 0)).transpose()?.unwrap_or_default();
    Ok(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}

/// Ends what the dead ones of these left; returns who was dead.
async fn bury(base: &Base, others: &[i64]) -> Stored<Vec<i64>> {
    transact!(base.db, tx => async {
        let found = rows(&tx, sql!("lauf_dead"), &[&others]).await?;
        let found = found.iter().map(|r| get(r, 0)).collect::<Stored<Vec<i64>>>()?;
        if found.is_empty() {
            return Ok(found);
        }
        lanes::end_orphaned(&tx, &found).await?;
        run(&tx, sql!("waiting_orphaned"), &[&found]).await?;
        run(&tx, sql!("command_retake"), &[&found]).await?;
        run(&tx, sql!("duty_orphaned"), &[&found]).await?;
        run(&tx, sql!("claim_pending_forget"), &[&base.lauf, &i64::MAX, &found]).await?;
        Ok(found)
    }.await)
}
