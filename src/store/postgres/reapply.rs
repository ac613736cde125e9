//! The deletion ledger applied to a database of before: everything that an entry names goes again, however it stands there.
//! One transaction; never asks a key that was destroyed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::register::bestand::Bestand;
use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::winner::Old;
use crate::store::postgres::{blob, house, lanes, ledger, objections, remove};
use crate::store::recovery::Reapplied;
use crate::store::sealing::content::{Fresh, Owner, from_json, to_json};
use crate::store::sealing::ledger::{Deleted, Entry, LUECKE, lost_content};
use crate::store::sealing::values::{Stored, micros};

/// Applies what this database does not know of the ledger; nothing where that was done or the store is not recovering.
pub async fn reapply(base: &Base, now: Timestamp) -> Stored<Reapplied> {
    let (month, stamp) = (base.month(now).await?, house::own(base, "").await?);
    transact!(base.db, tx => all(base, &tx, (stamp, month), now).await)
}

async fn all(base: &Base, tx: &Tx<'_>, (stamp, month): (i64, i64), now: Timestamp) -> Stored<Reapplied> {
    let mut done = Reapplied::default();
    let state = ledger::locked(tx).await?;
    if state.since.is_none() || state.applied {
        return Ok(done);
    }
    let entries = ledger::entries(base, state.ledger, i64::MAX).await?;
    let mut trail = Trail::default();
    let mut bumps: BTreeSet<Tag> = BTreeSet::new();
    let mut last = state.ledger;
    for entry in &entries {
        one(base, tx, entry, (stamp, month, now), (&mut trail, &mut bumps, &mut done)).await?;
        last = last.max(entry.nr);
    }
    unreadable(base, tx, (stamp, month, now), (&mut trail, &mut bumps, &mut done)).await?;
    bestaende(base, tx, &mut bumps).await?;
    let bumps: Vec<&[u8]> = bumps.iter().map(|key| &key[..]).collect();
    run(tx, sql!("guard_bump"), &[&bumps]).await?;
    done.entries = entries.len() as u64;
    run(tx, sql!("doubt_all"), &[]).await?;
    done.doubtful = ledger::doubts(tx).await?;
    run(tx, sql!("ledger_known"), &[&last]).await?;
    run(tx, sql!("recovery_applied"), &[]).await?;
    trail.push(now, (stamp, ""), None, "recovery.applied", &json!(done))?;
    trail.write(tx, month).await?;
    Ok(done)
}

/// What nobody can read any more, because its key was lost with the end of the key store, goes like what was deleted, and the messages
/// that brought it are forgotten: repeated, they are taken anew.
async fn unreadable(
    base: &Base,
    tx: &Tx<'_>,
    (stamp, month, now): (i64, i64, Timestamp),
    (trail, bumps, done): (&mut Trail, &mut BTreeSet<Tag>, &mut Reapplied),
) -> Stored<()> {
    let lost = ledger::lost_keys(base).await?;
    if lost.is_empty() {
        return Ok(());
    }
    let mut brought = Vec::new();
    for r in rows(tx, sql!("messages_of_subjects"), &[&lost]).await? {
        brought.push(get::<Uuid>(&r, 0)?);
    }
    let mut gone: Vec<Deleted> = Vec::new();
    for r in rows(tx, sql!("mirror_of_subjects"), &[&lost]).await? {
        brought.push(get(&r, 2)?);
        gone.push(Deleted::Record { id: get(&r, 0)?, subject: get(&r, 1)?, keys: Vec::new() });
    }
    gone.extend(lost.iter().map(|subject| Deleted::Subject { subject: *subject }));
    for what in gone {
        let entry = Entry { nr: 0, id: Uuid::nil(), at: micros(now), class: LUECKE.to_owned(), what };
        one(base, tx, &entry, (stamp, month, now), (&mut *trail, &mut *bumps, &mut *done)).await?;
    }
    run(tx, sql!("idempotency_forget"), &[&brought]).await.map(drop)
}

async fn one(
    base: &Base,
    tx: &Tx<'_>,
    entry: &Entry,
    (stamp, month, now): (i64, i64, Timestamp),
    (trail, bumps, done): (&mut Trail, &mut BTreeSet<Tag>, &mut Reapplied),
) -> Stored<()> {
    match &entry.what {
        Deleted::Record { id, subject: child, keys } => {
            bumps.extend(keys);
            let names: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            objections::end(tx, &names, i64::MAX).await?;
            for r in rows(tx, sql!("mirror_find"), &[&vec![*id]]).await? {
                let keys: Option<Vec<&[u8]>> = get(&r, 3)?;
                let keys = keys.unwrap_or_default().into_iter().map(tag).collect::<Stored<Vec<_>>>()?;
                bumps.extend(&keys);
                remove::row(tx, &Old { nr: get(&r, 1)?, subject: get(&r, 2)?, keys, partner: get(&r, 4)? })
                    .await?;
                done.records += 1;
            }
            done.lost += subject(base, tx, *child, (month, now), trail).await?;
        }
        Deleted::Subject { subject: key } => {
            done.lost += subject(base, tx, *key, (month, now), trail).await?
        }
        Deleted::Messages { keys } => {
            let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            remove::clear_messages(tx, &keys, Uuid::nil()).await?;
        }
        Deleted::Tombstone { key, created, until } => {
            bumps.insert(*key);
            let (key, created, until) = (vec![&key[..]], vec![micros(*created)], vec![micros(*until)]);
            run(tx, sql!("tombstone_put"), &[&key, &vec![stamp], &vec![""], &created, &until]).await?;
        }
    }
    Ok(())
}

/// Everything under a destroyed key goes; what had to leave under it stays as a row that tells so.
async fn subject(
    base: &Base,
    tx: &Tx<'_>,
    key: i64,
    (month, now): (i64, Timestamp),
    trail: &mut Trail,
) -> Stored<u64> {
    let owed = rows(tx, sql!("outbox_of_subject"), &[&key]).await?;
    let lost = owed.len() as u64;
    if !owed.is_empty() {
        let mut numbers = Numbers::draw(tx, month, owed.len()).await?;
        let gone = || StoreError::Corrupt("the key of a Mandant is missing".into());
        for r in owed {
            let (nr, id, lane): (i64, Uuid, i64) = (get(&r, 0)?, get(&r, 1)?, get(&r, 2)?);
            let (destination, mandant): (&str, i64) = (get(&r, 3)?, get(&r, 4)?);
            let (stamp, traceparent): (i64, &str) = (get(&r, 5)?, get(&r, 6)?);
            let mandant = base.keyring.by_rows(tx, [mandant]).await?.remove(&mandant).ok_or_else(gone)?;
            run(tx, sql!("claim_use_delete"), &[&vec![nr]]).await?;
            let content = lost_content(id)?;
            let mut over = blob::Columns::default();
            over.push(nr, &content, &mandant, None)?;
            over.replace(tx).await?;
            let own = numbers.lasting()?;
            run(tx, sql!("lane_held_add"), &[&own, &destination]).await?;
            lanes::lock(tx, &[lane]).await?;
            run(tx, sql!("outbox_lost"), &[&nr, &own, &micros(now)]).await?;
            lanes::arm(tx, &[(lane, micros(now), false)]).await?;
            trail.push(
                now,
                (stamp, traceparent),
                Some(id),
                "outbox.unclear",
                &json!({ "content": "deleted" }),
            )?;
        }
    }
    run(tx, sql!("vorgang_of_subject_delete"), &[&key]).await?;
    remove::sealed_under(tx, key).await?;
    Ok(lost)
}

/// No Bestand counts as fresh: what was delivered since the backup is missing, so nobody may be answered from the mirror before
/// the offices have reported anew.
async fn bestaende(base: &Base, tx: &Tx<'_>, bumps: &mut BTreeSet<Tag>) -> Stored<()> {
    let gone = || StoreError::Corrupt("the key of a Mandant is missing".into());
    for r in rows(tx, sql!("bestand_all"), &[]).await? {
        let (key, nr): (Tag, i64) = (tag(get(&r, 0)?)?, get(&r, 1)?);
        let owner = Owner::of_key("bestand", &key);
        let closed = blob::closed(&r, 2)?;
        let mandant = closed.mandant;
        let body = base.keyring.open_one(tx, owner, closed).await?.map(|open| open.body()).transpose()?;
        let Some(body) = body.flatten() else { continue };
        let bestand = Bestand { meldung: None, ..from_json(&body)? };
        let content = Fresh::seal(owner, None, Some(&to_json(&bestand)?), None)?;
        let mandant = base.keyring.by_rows(tx, [mandant]).await?.remove(&mandant).ok_or_else(gone)?;
        let mut over = blob::Columns::default();
        over.push(nr, &content, &mandant, None)?;
        over.replace(tx).await?;
        bumps.insert(key);
    }
    Ok(())
}
