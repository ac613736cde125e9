//! Removal of what is more than a row: messages with their contents, Vorgänge with their keys, records of children of age.
//! Never removes what still has to leave: that is wrapped anew first, or keeps its row.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::register::record::Registersatz;
use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::outbox::{Pairs, delete_outbox, forget_outbox};
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::winner::Old;
use crate::store::postgres::{blob, deliveries, lanes, ledger, outbox, remove, spoken_against};
use crate::store::retention::Stichtag;
use crate::store::sealing::content::{Owner, from_json};
use crate::store::sealing::endet::{self, Removed};
use crate::store::sealing::ledger::Deleted;
use crate::store::sealing::values::{Stored, count, limit, micros};

/// How long the tombstone of a child of age bars older deliveries (rules.md 5).
const TOMBSTONE: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);
/// Records opened at once by a plan.
const PAGE: i64 = 500;

fn pairs(found: &[Row]) -> Stored<Pairs> {
    let (mut numbers, mut ids) = Pairs::default();
    for r in found {
        numbers.push(get(r, 0)?);
        ids.push(get(r, 1)?);
    }
    Ok((numbers, ids))
}

/// The earliest number of the month in which the first of these rows was written.
fn since(numbers: &[i64]) -> i64 {
    numbers.iter().min().map_or(0, |nr| (nr >> 40) << 40)
}

/// What leads to messages: their ids, traces from children, uses of claims; and the salts of their changes.
async fn unname_inbox(tx: &Tx<'_>, (numbers, ids): &Pairs) -> Stored<()> {
    run(tx, sql!("ret_inbox_unname"), &[ids]).await?;
    run(tx, sql!("ret_inbox_traces"), &[numbers]).await?;
    run(tx, sql!("claim_use_delete"), &[numbers]).await?;
    run(tx, sql!("ret_salt"), &[ids, &since(numbers)]).await.map(drop)
}

async fn unname_outbox(tx: &Tx<'_>, gone: &Pairs) -> Stored<()> {
    forget_outbox(tx, gone).await?;
    let (numbers, ids) = gone;
    run(tx, sql!("ret_salt"), &[ids, &since(numbers)]).await.map(drop)
}

/// Removes what leads to the next rows of a month that goes whole; the number to go on at, `None` at the end.
pub async fn unname(tx: &Tx<'_>, sends: bool, (from, to): (i64, i64), most: usize) -> Stored<Option<i64>> {
    let sql = if sends { sql!("ret_outbox_page") } else { sql!("ret_inbox_page") };
    let page = pairs(&rows(tx, sql, &[&from, &to, &limit(most)]).await?)?;
    if !page.0.is_empty() {
        match sends {
            false => unname_inbox(tx, &page).await?,
            true => unname_outbox(tx, &page).await?,
        }
    }
    Ok(page.0.last().filter(|_| page.0.len() >= most).map(|last| last + 1))
}

async fn inbox(tx: &Tx<'_>, gone: &Pairs) -> Stored<()> {
    if gone.0.is_empty() {
        return Ok(());
    }
    unname_inbox(tx, gone).await?;
    run(tx, sql!("ret_inbox_delete"), &[&gone.0]).await?;
    run(tx, sql!("sealed_delete"), &[&gone.0]).await.map(drop)
}

async fn outbox(tx: &Tx<'_>, gone: &Pairs) -> Stored<()> {
    if gone.0.is_empty() {
        return Ok(());
    }
    unname_outbox(tx, gone).await?;
    delete_outbox(tx, gone).await
}

/// Settled messages of a month, and what has arrived.
pub async fn messages(tx: &Tx<'_>, (from, to): (i64, i64), moment: i64, most: usize) -> Stored<Removed> {
    let came = pairs(&rows(tx, sql!("ret_inbox_due"), &[&from, &to, &moment, &limit(most)]).await?)?;
    inbox(tx, &came).await?;
    let left = limit(most - came.0.len().min(most));
    let went = pairs(&rows(tx, sql!("ret_outbox_due"), &[&from, &to, &moment, &left]).await?)?;
    outbox(tx, &went).await?;
    Ok(Removed { anzahl: (came.0.len() + went.0.len()) as u64, ..Removed::default() })
}

/// What waited for a person; the lanes of sends go on.
pub async fn held(tx: &Tx<'_>, bis: i64, now: Timestamp, most: usize) -> Stored<Removed> {
    let mut found: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
    let mut asked = Vec::new();
    let due = rows(tx, sql!("ret_outbox_held"), &[&bis, &limit(most)]).await?;
    for r in &due {
        asked.push(get::<Uuid>(r, 1)?);
        found.insert(get(r, 1)?, (get(r, 0)?, get(r, 2)?));
    }
    let first: BTreeSet<Uuid> = found.keys().copied().collect();
    // What leaves only after them never leaves.
    while !asked.is_empty() {
        let after = rows(tx, sql!("ret_outbox_after"), &[&asked]).await?;
        asked.clear();
        for r in &after {
            let id: Uuid = get(r, 1)?;
            if found.insert(id, (get(r, 0)?, get(r, 2)?)).is_none() {
                asked.push(id);
            }
        }
    }
    // Lanes before rows, as everywhere; a person may have replayed one meanwhile.
    let of: BTreeSet<i64> = found.values().map(|(_, lane)| *lane).collect();
    let of: Vec<i64> = of.into_iter().collect();
    lanes::lock(tx, &of).await?;
    let ids: Vec<Uuid> = found.keys().copied().collect();
    let still = outbox::out_rows(tx, &ids).await?;
    let waits = |id: &Uuid| still.get(id).is_some_and(|row| row.state.is_held());
    if !first.iter().all(waits) {
        return Ok(Removed { prepared: true, ..Removed::default() });
    }
    let gone: Pairs = found.iter().map(|(id, (nr, _))| (*nr, *id)).unzip();
    outbox(tx, &gone).await?;
    let arms: Vec<_> = of.iter().map(|lane| (*lane, micros(now), true)).collect();
    lanes::arm(tx, &arms).await?;
    let left = limit(most - first.len().min(most));
    let came = pairs(&rows(tx, sql!("ret_inbox_held"), &[&bis, &left]).await?)?;
    inbox(tx, &came).await?;
    Ok(Removed {
        anzahl: (first.len() + came.1.len()) as u64,
        prepared: false,
        along: (gone.1.len() - first.len()) as u64,
        ids: [gone.1, came.1].concat(),
    })
}

/// Vorgänge in which nothing is open: with the key of each goes whatever it seals.
pub async fn vorgaenge(base: &Base, tx: &Tx<'_>, bis: i64, now: Timestamp, most: usize) -> Stored<Removed> {
    if run(tx, sql!("ret_vorgang_undated"), &[&micros(now), &limit(most)]).await? > 0 {
        return Ok(Removed { prepared: true, ..Removed::default() });
    }
    let due = rows(tx, sql!("ret_vorgang_due"), &[&bis, &limit(most)]).await?;
    if due.is_empty() {
        return Ok(Removed::default());
    }
    let (mut numbers, mut keys, mut subjects): (Vec<i64>, Vec<&[u8]>, Vec<i64>) = Default::default();
    for r in &due {
        numbers.push(get(r, 0)?);
        keys.push(get(r, 1)?);
        subjects.push(get(r, 2)?);
    }
    rows(tx, sql!("guard_bump"), &[&keys]).await?;
    run(tx, sql!("ret_vorgang_delete"), &[&numbers]).await?;
    run(tx, sql!("sealed_delete"), &[&numbers]).await?;
    for subject in &subjects {
        remove::keep_unsent(base, tx, *subject).await?;
        remove::sealed_under(tx, *subject).await?;
    }
    run(tx, sql!("key_to_destroy_add"), &[&subjects]).await?;
    Ok(Removed { anzahl: numbers.len() as u64, ..Removed::default() })
}

/// Records, opened; one whose key was destroyed or that does not open is not for us to judge.
pub async fn open(
    base: &Base,
    on: &impl deadpool_postgres::GenericClient,
    wanted: &[(i64, Uuid)],
) -> Stored<Vec<Option<Registersatz>>> {
    let numbers: Vec<i64> = wanted.iter().map(|(nr, _)| *nr).collect();
    let mut closed = blob::read(on, &numbers, false).await?;
    let mut owned = Vec::with_capacity(wanted.len());
    for (nr, id) in wanted {
        let missing = || StoreError::Corrupt("a sealed row is missing".into());
        owned.push((Owner::new("mirror", *id), closed.remove(nr).ok_or_else(missing)?));
    }
    let read = |opened: Stored<Option<crate::store::sealing::content::Opened>>| match opened {
        Ok(Some(opened)) => opened.body()?.map(|body| from_json(&body)).transpose(),
        Ok(None) | Err(StoreError::Corrupt(_)) => Ok(None),
        Err(other) => Err(other),
    };
    base.keyring.open_all(on, owned).await?.into_iter().map(read).collect()
}

/// How many records have ended, and of how many no date is known; those that no run has looked at are opened.
pub async fn records_over(base: &Base, heute: Date) -> Stored<(u64, u64)> {
    let client = base.db.get().await?;
    let of = |tags: Vec<Tag>| {
        let client = &client;
        async move {
            let tags: Vec<&[u8]> = tags.iter().map(|tag| &tag[..]).collect();
            let found = rows(client, sql!("ret_mirror_count"), &[&tags]).await?;
            found.first().map_or(Ok(0), |r| get::<i64>(r, 0).map(count))
        }
    };
    let nie = endet::nie(&base.keyring);
    let mut over = of(endet::bis(&base.keyring, heute)).await?;
    let mut never = of(vec![nie]).await?;
    let mut last = -1i64;
    loop {
        let page = rows(&client, sql!("ret_mirror_unsorted"), &[&last, &PAGE]).await?;
        let wanted: Vec<(i64, Uuid)> =
            page.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?))).collect::<Stored<_>>()?;
        let Some((end, _)) = wanted.last() else { return Ok((over, never)) };
        last = *end;
        for satz in open(base, &client, &wanted).await? {
            match satz {
                Some(satz) if endet::zu_ende(&satz, heute) => over += 1,
                Some(satz) if endet::of(&base.keyring, &satz) != nie => {}
                _ => never += 1,
            }
        }
    }
}

/// Records of children of age: first what is new or changed gets its blind day, then what has ended goes as by a Löschung.
pub async fn records(base: &Base, tx: &Tx<'_>, stichtag: &Stichtag, most: usize) -> Stored<Removed> {
    if sorted(base, tx, most).await? {
        return Ok(Removed { prepared: true, ..Removed::default() });
    }
    let days = endet::bis(&base.keyring, stichtag.heute);
    let days: Vec<&[u8]> = days.iter().map(|day| &day[..]).collect();
    let due = rows(tx, sql!("ret_mirror_due"), &[&days, &limit(most)]).await?;
    if due.is_empty() {
        return Ok(Removed::default());
    }
    let wanted: Vec<(i64, Uuid)> = due.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?))).collect::<Stored<_>>()?;
    let ids: Vec<Uuid> = wanted.iter().map(|(_, id)| *id).collect();
    // Held from here on, so that the record that is judged is the one that goes.
    let mut held: BTreeMap<Uuid, Old> = BTreeMap::new();
    for r in rows(tx, sql!("mirror_find"), &[&ids]).await? {
        let keys: Option<Vec<&[u8]>> = get(&r, 3)?;
        let keys = keys.unwrap_or_default().into_iter().map(tag).collect::<Stored<_>>()?;
        held.insert(get(&r, 0)?, Old { nr: get(&r, 1)?, subject: get(&r, 2)?, keys, partner: get(&r, 4)? });
    }
    let opened = open(base, tx, &wanted).await?;
    let mut removed = Removed::default();
    let (mut going, mut stones) = (Vec::new(), BTreeMap::new());
    let mut bumps: BTreeSet<Tag> = BTreeSet::new();
    for ((r, (_, id)), satz) in due.iter().zip(&wanted).zip(opened) {
        // The day stands beside the record; the record itself has the last word.
        let Some(satz) = satz.filter(|satz| endet::zu_ende(satz, stichtag.heute)) else { continue };
        let Some(old) = held.remove(id) else { continue };
        let stone = endet::loeschmarke(&base.keyring, &satz);
        bumps.insert(stone);
        bumps.extend(&old.keys);
        let (stamp, trace): (i64, String) = (get(r, 2)?, get(r, 3)?);
        stones.insert(stone, (stamp, trace));
        removed.ids.push(*id);
        going.push(old);
    }
    if going.is_empty() {
        return Ok(removed);
    }
    let keys: Vec<&[u8]> = bumps.iter().map(|key| &key[..]).collect();
    rows(tx, sql!("guard_bump"), &[&keys]).await?;
    let until = stichtag.now.checked_add(TOMBSTONE).unwrap_or(Timestamp::MAX);
    let names: Vec<&[u8]> = stones.keys().map(|key| &key[..]).collect();
    let set = |key: &Tag| Deleted::Tombstone { key: *key, created: stichtag.now, until };
    ledger::note(tx, &stones.keys().map(set).collect::<Vec<_>>()).await?;
    let (stamps, traces): (Vec<i64>, Vec<String>) = stones.values().cloned().unzip();
    let (created, until) = (vec![micros(stichtag.now); names.len()], vec![micros(until); names.len()]);
    let values: &[&(dyn ToSql + Sync)] = &[&names, &stamps, &traces, &created, &until];
    run(tx, sql!("tombstone_put"), values).await?;
    deliveries::gone(tx, micros(stichtag.beginn()), &going).await?;
    for old in &going {
        remove::record(base, tx, old).await?;
    }
    spoken_against::note(tx, &keys).await?;
    remove::messages(tx, &keys, Uuid::nil()).await?;
    removed.anzahl = removed.ids.len() as u64;
    Ok(removed)
}

/// Gives the next records that are new or changed their blind day; `false` when there are none.
async fn sorted(base: &Base, tx: &Tx<'_>, most: usize) -> Stored<bool> {
    let page = rows(tx, sql!("ret_mirror_unsorted"), &[&-1i64, &limit(most)]).await?;
    let wanted: Vec<(i64, Uuid)> =
        page.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?))).collect::<Stored<_>>()?;
    if wanted.is_empty() {
        return Ok(false);
    }
    let (mut days, mut causes): (Vec<Tag>, Vec<Uuid>) = (Vec::new(), Vec::new());
    for (r, satz) in page.iter().zip(open(base, tx, &wanted).await?) {
        days.push(satz.map_or_else(|| endet::nie(&base.keyring), |satz| endet::of(&base.keyring, &satz)));
        causes.push(get(r, 2)?);
    }
    let numbers: Vec<i64> = wanted.iter().map(|(nr, _)| *nr).collect();
    let days: Vec<&[u8]> = days.iter().map(|day| &day[..]).collect();
    run(tx, sql!("ret_mirror_sort"), &[&numbers, &days, &causes]).await?;
    Ok(true)
}
