//! Duties as leased rows: taken, renewed, given back, and acted under. A take-over waits for what is being done under the fence
//! before it, so that no act ever lands behind it. Never reads a clock.

use crate::store::duty::{Ask, Duty, Holding, LONGEST, Taken};
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::house;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, race, sql};
use crate::store::sealing::values::{Stored, later, micros, time};

/// Takes or renews.
pub async fn take(base: &Base, ask: &Ask) -> Stored<Taken> {
    let until = later(ask.now, ask.lease.min(LONGEST));
    let held = |fence| Taken::Held(Duty { name: ask.name.clone(), fence });
    {
        let client = base.db.get().await?;
        if let Some(fence) = ask.fence {
            let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
                &[&ask.name, &fence, &base.lauf, &ask.worker, &until];
            if run(&client, sql!("duty_renew"), values).await? > 0 {
                return Ok(held(fence));
            }
        }
        // Most of the time somebody holds it: found out without a lock.
        if let Some(other) = other(base, &client, ask).await? {
            return Ok(other);
        }
    }
    let taken = transact!(base.db, tx => async {
        one(&tx, sql!("duty_lock"), &[&ask.name]).await?;
        let absurd = later(ask.now, LONGEST);
        let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&ask.name, &ask.worker, &base.lauf, &micros(ask.now), &until, &absurd];
        match one(&tx, sql!("duty_take"), values).await? {
            Some(r) => Ok(held(get(&r, 0)?)),
            None => other(base, &tx, ask).await?.ok_or_else(race),
        }
    }.await)?;
    Ok(taken)
}

/// The other one that holds it.
async fn other(base: &Base, on: &impl deadpool_postgres::GenericClient, ask: &Ask) -> Stored<Option<Taken>> {
    let Some(r) = one(on, sql!("duty_get"), &[&ask.name]).await? else { return Ok(None) };
    let (holding, lauf) = (holding(&r)?, get::<i64>(&r, 5)?);
    let own = lauf == base.lauf && holding.worker == ask.worker;
    let other = !own && holding.holds(ask.now);
    Ok(other.then_some(Taken::Other { worker: holding.worker, until: holding.until }))
}

fn holding(r: &tokio_postgres::Row) -> Stored<Holding> {
    Ok(Holding {
        name: get(r, 0)?,
        worker: get(r, 1)?,
        fence: get(r, 2)?,
        since: time(get(r, 3)?),
        until: time(get(r, 4)?),
    })
}

/// Gives back; `false` when the fence is stale.
pub async fn give_back(base: &Base, duty: &Duty) -> Stored<bool> {
    let client = base.db.get().await?;
    Ok(run(&client, sql!("duty_return"), &[&duty.name, &duty.fence]).await? > 0)
}

/// Those that were taken and not given back.
pub async fn list(base: &Base) -> Stored<Vec<Holding>> {
    let client = base.db.get().await?;
    rows(&client, sql!("duty_list"), &[]).await?.iter().map(holding).collect()
}

/// Whether acts under this fence are done; until the transaction ends nobody takes the duty. Every transaction that acts under a
/// duty asks this first.
pub async fn holds(on: &impl deadpool_postgres::GenericClient, duty: &Duty) -> Stored<bool> {
    Ok(one(on, sql!("duty_act"), &[&duty.name, &duty.fence]).await?.is_some())
}

/// Writes or removes a note; `false` when the fence is stale.
pub async fn set_note(
    base: &Base,
    duty: &Duty,
    (connection, key): (&str, &str),
    value: Option<&[u8]>,
) -> Stored<bool> {
    transact!(base.db, tx => act(base, &tx, duty, (connection, key), value).await)
}

async fn act(
    base: &Base,
    tx: &Tx<'_>,
    duty: &Duty,
    (connection, key): (&str, &str),
    value: Option<&[u8]>,
) -> Stored<bool> {
    if !holds(tx, duty).await? {
        return Ok(false);
    }
    house::write_note(base, tx, (connection, key), value).await?;
    Ok(true)
}

/// The sign of a process: its number, whose lock only it holds.
pub fn sign(lauf: i64) -> Vec<u8> {
    lauf.to_be_bytes().to_vec()
}

/// The signs of all that live.
pub async fn signs(base: &Base) -> Stored<Vec<Vec<u8>>> {
    let client = base.db.get().await?;
    rows(&client, sql!("lauf_all"), &[]).await?.iter().map(|r| get(r, 0).map(sign)).collect()
}
