//! Re-keying on PostgreSQL: records of the version before get the keys of this one, slice by slice, one process at a time.
//! Takes no key away: the program before, which may run beside this one, still finds what it stored.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::transact;
use crate::store::postgres::retention_rows::open;
use crate::store::postgres::values::{get, sql, tag};
use crate::store::sealing::rekey::tags;
use crate::store::sealing::values::{Stored, limit};

/// Does the next slice and says how many records it reached.
pub async fn slice(base: &Base, most: usize) -> Stored<u64> {
    transact!(base.db, tx => async {
        let turn = one(&tx, sql!("rekey_turn"), &[]).await?;
        if !turn.map(|r| get(&r, 0)).transpose()?.unwrap_or(false) {
            return Ok(0);
        }
        page(base, &tx, most).await
    }.await)
}

async fn page(base: &Base, tx: &Tx<'_>, most: usize) -> Stored<u64> {
    let page = rows(tx, sql!("rekey_page"), &[&limit(most)]).await?;
    let wanted: Vec<(i64, Uuid)> =
        page.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?))).collect::<Stored<_>>()?;
    if wanted.is_empty() {
        return Ok(0);
    }
    let mut causes: Vec<Uuid> = Vec::with_capacity(page.len());
    let mut fresh: HashMap<i64, Vec<Tag>> = HashMap::new();
    let mut bumps: BTreeSet<Tag> = BTreeSet::new();
    for ((r, (nr, id)), satz) in page.iter().zip(&wanted).zip(open(base, tx, &wanted).await?) {
        causes.push(get(r, 2)?);
        // What does not open has no keys to be made of; it is not for us to judge.
        let Some(satz) = satz else { continue };
        let known: Option<Vec<&[u8]>> = get(r, 3)?;
        let known = known.unwrap_or_default().into_iter().map(tag).collect::<Stored<BTreeSet<Tag>>>()?;
        let all: BTreeSet<Tag> = tags(&base.keyring, *id, &satz).into_iter().collect();
        fresh.insert(*nr, all.difference(&known).copied().collect());
        bumps.extend(all);
    }
    // Guards before rows, as a commit does: whoever writes one of these records now is before this slice or waits for it, and who
    // decided on what was found under one of the keys decides again.
    if !bumps.is_empty() {
        let bumps: Vec<&[u8]> = bumps.iter().map(|key| &key[..]).collect();
        rows(tx, sql!("guard_bump"), &[&bumps]).await?;
    }
    let numbers: Vec<i64> = wanted.iter().map(|(nr, _)| *nr).collect();
    let (mut keys, mut of): (Vec<&[u8]>, Vec<i64>) = (Vec::new(), Vec::new());
    for r in rows(tx, sql!("rekey_done"), &[&numbers, &causes]).await? {
        let nr: i64 = get(&r, 0)?;
        for key in fresh.get(&nr).into_iter().flatten() {
            keys.push(&key[..]);
            of.push(nr);
        }
    }
    if !keys.is_empty() {
        run(tx, sql!("rekey_add"), &[&keys, &of]).await?;
    }
    Ok(wanted.len() as u64)
}
