//! Writes a wave of new messages with everything they cause, each table in one statement. The order of the tables is the same
//! in every process: guards, lanes, then rows of their own; so two processes never wait for each other in a circle for long.
//! Never writes what a moved guard forbids.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::envelope::Inbound;
use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::blob::Columns;
use crate::store::postgres::claims::Uses;
use crate::store::postgres::pool::together;
use crate::store::postgres::records::{Rows, cases, records, timers};
use crate::store::postgres::values::{get, race, sql, tag};
use crate::store::postgres::winner::{Old, Subjects, Winner, puts, subject};
use crate::store::postgres::{
    deliveries, hand_over, lanes, objections, remove, resumed, spoken_against, take_back,
};
use crate::store::sealing::keys::SubjectKey;
use crate::store::sealing::prepare::{MirrorWork, SendWork, Work};
use crate::store::sealing::taking::Taking;
use crate::store::sealing::values::{Stored, micros};

/// Writes them all; returns whether a message that waited can run now.
pub async fn all(
    base: &Base,
    tx: &Tx<'_>,
    winners: &[Winner<'_>],
    mirror: &HashMap<Uuid, Old>,
    month: i64,
    taking: Option<&mut Taking<'_>>,
) -> Stored<bool> {
    // Guards before all else: from here on nobody else writes under these keys, and what is read below stands.
    let ((), mut numbers) = together!(
        bumped = bump(tx, winners, mirror),
        numbers = Numbers::draw(tx, month, winners.iter().map(wanted).sum()),
    )?;
    let (vorgaenge, bestaende) = standing(tx, winners).await?;
    let subjects = subjects(base, tx, winners, mirror, &vorgaenge).await?;
    lanes_ahead(tx, winners, mirror).await?;
    let (mut fresh, mut over) = (Columns::default(), Columns::default());
    let mut claims = Uses::default();
    let (mut fresh_records, mut fresh_cases) = (Columns::default(), Columns::default());
    let (mut over_cases, mut fresh_timers) = (Columns::default(), Columns::default());
    let (mut fresh_sends, mut claims_of_sends) = (Columns::default(), Uses::default());
    let count = |of: fn(&Work) -> usize| winners.iter().map(|winner| of(winner.work)).sum();
    let mut numbers_records = numbers.part(count(|work| work.mirror.len()));
    let mut numbers_cases = numbers.part(count(|work| work.vorgaenge.len() + work.bestaende.len()));
    let mut numbers_timers = numbers.part(count(|work| work.timers.len()));
    let mut numbers_sends = numbers.part(count(|work| 2 * work.sends.len()));
    let mut numbers_retrievals = numbers.part(count(|work| work.retrievals.len()));
    // What follows stands beside each other: rows of tables of their own.
    let messages = messages(base, tx, winners, &subjects, &mut numbers, &mut fresh, &mut claims);
    let keys = keys(tx, winners);
    let standing = (&vorgaenge, &bestaende);
    let columns = (&mut fresh_records, &mut over);
    let records = records(base, tx, winners, mirror, &subjects, &mut numbers_records, columns);
    let columns = (&mut fresh_cases, &mut over_cases);
    let cases = cases(tx, winners, &subjects, standing, &mut numbers_cases, columns);
    let timers = timers(tx, winners, &mut numbers_timers, &mut fresh_timers);
    let columns = (&mut fresh_sends, &mut claims_of_sends);
    let sends = sends(base, tx, winners, &subjects, &mut numbers_sends, columns, taking);
    let retrievals = retrievals(tx, winners, &mut numbers_retrievals);
    let trail = trail(winners)?.write(tx, month);
    let (rows_of, late);
    if is_plain(winners) {
        let done = together!(
            rows_of = messages,
            keys = keys,
            records = records,
            cases = cases,
            timers = timers,
            sends = sends,
            retrievals = retrievals,
            trail = trail,
        );
        rows_of = done?.0;
        late = None;
    } else {
        rows_of = messages.await?;
        keys.await?;
        records.await?;
        cases.await?;
        timers.await?;
        sends.await?;
        retrievals.await?;
        late = Some(trail);
    }
    for other in [fresh_records, fresh_cases, fresh_timers, fresh_sends] {
        fresh.append(other);
    }
    over.append(over_cases);
    claims.append(claims_of_sends);
    fresh.add(tx).await?;
    over.replace(tx).await?;
    claims.add(tx).await?;
    deliveries::note(tx, winners, mirror).await?;
    traces(tx, winners, &subjects, mirror, &rows_of).await?;
    objections::change(tx, winners).await?;
    hand_over::all(base, tx, winners, month).await?;
    let anew = take_back::all(tx, winners, month).await?
        | spoken_against::all(base, tx, winners, mirror, month).await?;
    let woken: Vec<&[u8]> = winners.iter().flat_map(|w| w.work.wakes.iter().map(|key| &key[..])).collect();
    let woken = anew | (!woken.is_empty() && run(tx, sql!("waiting_wake"), &[&woken]).await? > 0);
    if let Some(trail) = late {
        trail.await?;
    }
    Ok(woken)
}

/// Whether a wave only adds: messages that are new, and nothing that is taken away. Most are, and their statements need not wait for
/// each other; what deletes or resumes reads what the statement before has left.
fn is_plain(winners: &[Winner<'_>]) -> bool {
    let removes = |work: &Work| work.mirror.iter().any(|change| matches!(change, MirrorWork::Remove { .. }));
    winners.iter().all(|winner| winner.row.is_none() && !removes(winner.work))
}

/// What happened to each.
fn trail(winners: &[Winner<'_>]) -> Stored<Trail> {
    let mut trail = Trail::default();
    for Winner { work, stamp, .. } in winners {
        let what = format!("inbox.{}", work.state.as_str());
        let place = (*stamp, work.stamp.traceparent.as_str());
        trail.push(work.now, place, Some(work.id), &what, &work.detail())?;
    }
    Ok(trail)
}

/// How many numbers an entry needs at most.
fn wanted(winner: &Winner<'_>) -> usize {
    let work = winner.work;
    1 + work.mirror.len()
        + work.vorgaenge.len()
        + work.bestaende.len()
        + work.timers.len()
        + 2 * work.sends.len()
        + work.retrievals.len()
}

/// Bumps every bucket that is written, and finds out whether a guard moved since the look.
async fn bump(tx: &Tx<'_>, winners: &[Winner<'_>], mirror: &HashMap<Uuid, Old>) -> Stored<()> {
    let mut bumps: BTreeSet<Tag> = BTreeSet::new();
    let mut guards: HashMap<Tag, i64> = HashMap::new();
    for Winner { work, .. } in winners {
        guards.extend(work.guards.iter().copied());
        bumps.extend(work.held());
        bumps.extend(work.vorgaenge.iter().map(|(key, ..)| *key));
        bumps.extend(work.bestaende.iter().map(|(key, _)| *key));
        bumps.extend(work.moved_by_objections());
        for change in &work.mirror {
            let id = match change {
                MirrorWork::Put { id, keys, .. } => {
                    bumps.extend(keys);
                    id
                }
                MirrorWork::Remove { id, tombstone, .. } => {
                    bumps.insert(*tombstone);
                    id
                }
            };
            bumps.extend(mirror.get(id).iter().flat_map(|old| &old.keys));
        }
    }
    if !bumps.is_empty() {
        let keys: Vec<&[u8]> = bumps.iter().map(|key| &key[..]).collect();
        for row in rows(tx, sql!("guard_bump"), &[&keys]).await? {
            let (key, version): (Tag, i64) = (tag(get(&row, 0)?)?, get(&row, 1)?);
            if guards.get(&key).is_some_and(|seen| version != seen + 1) {
                return Err(race());
            }
        }
    }
    guards.retain(|key, _| !bumps.contains(key));
    hold(tx, &guards).await
}

/// Holds what is only read until the commit: nobody decides on what this transaction writes and writes what it read, unseen by
/// it. Readers do not hinder each other.
async fn hold(tx: &Tx<'_>, guards: &HashMap<Tag, i64>) -> Stored<()> {
    if guards.is_empty() {
        return Ok(());
    }
    let never: Vec<&[u8]> = guards.iter().filter(|(_, seen)| **seen == 0).map(|(key, _)| &key[..]).collect();
    if !never.is_empty() {
        run(tx, sql!("guard_make"), &[&never]).await?;
    }
    let keys: Vec<&[u8]> = guards.keys().map(|key| &key[..]).collect();
    for row in rows(tx, sql!("guard_hold"), &[&keys]).await? {
        let (key, version): (Tag, i64) = (tag(get(&row, 0)?)?, get(&row, 1)?);
        if guards.get(&key).is_some_and(|seen| version != *seen) {
            return Err(race());
        }
    }
    Ok(())
}

/// Locks the lanes of a wave that deletes, before the rows that the deletion holds.
async fn lanes_ahead(tx: &Tx<'_>, winners: &[Winner<'_>], mirror: &HashMap<Uuid, Old>) -> Stored<()> {
    let gone = winners.iter().flat_map(|w| &w.work.mirror).filter_map(|change| match change {
        MirrorWork::Remove { id, .. } => mirror.get(id).map(|old| old.subject),
        MirrorWork::Put { .. } => None,
    });
    let gone: Vec<i64> = gone.collect();
    if gone.is_empty() {
        return Ok(());
    }
    let sends = winners.iter().flat_map(|w| &w.work.sends);
    let names: Vec<&[u8]> = sends.filter_map(|send| send.lane.as_ref()).map(|name| &name[..]).collect();
    rows(tx, sql!("lane_ahead"), &[&gone, &names]).await.map(drop)
}

/// Numbers of Vorgänge (with their key's number) and Bestände that exist.
type Standing = (HashMap<Tag, (i64, i64)>, HashMap<Tag, i64>);

async fn standing(tx: &Tx<'_>, winners: &[Winner<'_>]) -> Stored<Standing> {
    let vorgaenge: Vec<&[u8]> =
        winners.iter().flat_map(|w| w.work.vorgaenge.iter().map(|(key, ..)| &key[..])).collect();
    let bestaende: Vec<&[u8]> =
        winners.iter().flat_map(|w| w.work.bestaende.iter().map(|(key, _)| &key[..])).collect();
    let (mut cases, mut stocks) = (HashMap::new(), HashMap::new());
    if !vorgaenge.is_empty() {
        for r in rows(tx, sql!("vorgang_key"), &[&vorgaenge]).await? {
            cases.insert(tag(get(&r, 0)?)?, (get(&r, 1)?, get(&r, 2)?));
        }
    }
    if !bestaende.is_empty() {
        for r in rows(tx, sql!("bestand_key"), &[&bestaende]).await? {
            stocks.insert(tag(get(&r, 0)?)?, get(&r, 1)?);
        }
    }
    Ok((cases, stocks))
}

async fn subjects(
    base: &Base,
    tx: &Tx<'_>,
    winners: &[Winner<'_>],
    mirror: &HashMap<Uuid, Old>,
    vorgaenge: &HashMap<Tag, (i64, i64)>,
) -> Stored<Vec<Subjects>> {
    let mut numbers: Vec<i64> = vorgaenge.values().map(|(_, subject)| *subject).collect();
    for Winner { work, .. } in winners {
        if let [id] = puts(work).as_slice() {
            numbers.extend(mirror.get(*id).map(|old| old.subject));
        }
    }
    let known = base.keyring.subjects(tx, &numbers).await?;
    let mut made = Vec::with_capacity(winners.len());
    for Winner { work, .. } in winners {
        let mut cases = Vec::with_capacity(work.vorgaenge.len());
        for (key, ..) in &work.vorgaenge {
            let existing = vorgaenge.get(key).and_then(|(_, subject)| known.get(subject));
            cases.push(subject(base, &work.mandant, existing).await?);
        }
        let one = match puts(work).as_slice() {
            [id] => {
                let existing = mirror.get(*id).and_then(|old| known.get(&old.subject));
                Some(subject(base, &work.mandant, existing).await?)
            }
            [] if work.mirror.is_empty() && cases.len() == 1 => cases.first().cloned(),
            _ => None,
        };
        made.push((one, cases));
    }
    Ok(made)
}

/// Leaves a trace from each child to messages that its key does not seal. Of a child that is deleted, or is now, nothing is
/// kept of the messages that spoke of it.
async fn traces(
    tx: &Tx<'_>,
    winners: &[Winner<'_>],
    subjects: &[Subjects],
    mirror: &HashMap<Uuid, Old>,
    rows_of: &HashMap<usize, i64>,
) -> Stored<()> {
    let (mut keys, mut inboxes) = (Vec::new(), Vec::new());
    let mut untraced = Vec::new();
    for (winner, (subject, _)) in winners.iter().zip(subjects) {
        let other = subject.is_none() || puts(winner.work).is_empty();
        let Some(row) = rows_of.get(&winner.place).filter(|_| other) else { continue };
        keys.extend(winner.work.subjects.iter().map(|key| &key[..]));
        inboxes.extend(winner.work.subjects.iter().map(|_| *row));
        untraced.push(winner);
    }
    if !keys.is_empty() {
        run(tx, sql!("inbox_subject_add"), &[&keys, &inboxes]).await?;
    }
    for Winner { work, .. } in untraced {
        if work.state == Inbound::Rejected && !work.subjects.is_empty() {
            let own: Vec<&[u8]> = work.subjects.iter().map(|key| &key[..]).collect();
            let gone = rows(tx, sql!("inbox_subject_gone"), &[&own]).await?;
            let gone = gone.iter().map(|r| get(r, 0)).collect::<Stored<Vec<&[u8]>>>()?;
            if !gone.is_empty() {
                remove::messages(tx, &gone, work.id).await?;
            }
        }
    }
    for Winner { work, .. } in winners.iter().filter(|winner| !winner.work.clears.is_empty()) {
        let gone: Vec<&[u8]> = work.clears.iter().map(|key| &key[..]).collect();
        remove::messages(tx, &gone, work.id).await?;
    }
    for Winner { work, .. } in winners.iter().filter(|winner| puts(winner.work).is_empty()) {
        for change in &work.mirror {
            let MirrorWork::Remove { id, tombstone, created, .. } = change else { continue };
            let mut gone: Vec<&[u8]> = vec![&tombstone[..]];
            gone.extend(mirror.get(id).iter().flat_map(|old| &old.keys).map(|key| &key[..]));
            remove::messages(tx, &gone, work.id).await?;
            objections::end(tx, &gone, micros(*created)).await?;
        }
    }
    Ok(())
}

/// The messages themselves, new and resumed, and what waits; returns the number of each by its place in the batch.
async fn messages<'a>(
    base: &Base,
    tx: &Tx<'_>,
    winners: &[Winner<'a>],
    subjects: &[Subjects],
    numbers: &mut Numbers,
    fresh: &mut Columns<'a>,
    claims: &mut Uses<'a>,
) -> Stored<HashMap<usize, i64>> {
    let (mut new, mut nr, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows_of = HashMap::with_capacity(winners.len());
    let (mut waits, mut keys, mut until) = (Vec::new(), Vec::new(), Vec::new());
    for (winner, (subject, _)) in winners.iter().zip(subjects) {
        let work = winner.work;
        let row = match winner.row {
            Some(row) => {
                resumed::settle(base, tx, winner, row, subject.as_ref()).await?;
                settled.push(row);
                row
            }
            None => {
                let row = numbers.passing()?;
                fresh.push(row, &work.sealed, &work.mandant, subject.as_ref())?;
                claims.take(&work.claims, row, &work.mandant, subject.as_ref())?;
                new.push(winner);
                nr.push(row);
                row
            }
        };
        rows_of.insert(winner.place, row);
        if work.at_once {
            waits.push(row);
            keys.push(None);
            until.push(None);
        }
        if let Some((key, end)) = &work.waits {
            waits.push(row);
            keys.push(Some(&key[..]));
            until.push(Some(*end));
        }
    }
    if !nr.is_empty() {
        let of = |column: fn(&Work) -> i64| new.iter().map(|w| column(w.work)).collect::<Vec<_>>();
        let ids: Vec<Uuid> = new.iter().map(|w| w.work.id).collect();
        let stamps: Vec<i64> = new.iter().map(|w| w.stamp).collect();
        let traces: Vec<&str> = new.iter().map(|w| w.work.stamp.traceparent.as_str()).collect();
        let states: Vec<&str> = new.iter().map(|w| w.work.state.as_str()).collect();
        let conflicts: Vec<bool> = new.iter().map(|w| w.work.conflict).collect();
        let (received, committed) = (of(|w| micros(w.received)), of(|w| micros(w.now)));
        let connections: Vec<&str> = new.iter().map(|w| w.work.connection.as_str()).collect();
        let bindings: Vec<&str> = new.iter().map(|w| w.work.binding.as_str()).collect();
        let transports: Vec<&[u8]> = new.iter().map(|w| &w.work.transport[..]).collect();
        let messages: Vec<Option<&str>> = new.iter().map(|w| w.work.message.as_deref()).collect();
        let routes: Vec<Option<&str>> = new.iter().map(|w| w.work.route.as_deref()).collect();
        let codes: Vec<&str> = new.iter().map(|w| w.work.codes.as_str()).collect();
        let sizes = of(|w| w.size);
        let contents: Vec<&[u8]> = new.iter().map(|w| &w.work.content[..]).collect();
        let kept: Vec<bool> = new.iter().map(|w| w.work.kept).collect();
        run(
            tx,
            sql!("inbox_add"),
            &[
                &nr,
                &ids,
                &stamps,
                &traces,
                &states,
                &conflicts,
                &received,
                &committed,
                &connections,
                &bindings,
                &transports,
                &messages,
                &routes,
                &codes,
                &sizes,
                &contents,
                &kept,
            ],
        )
        .await?;
    }
    if !settled.is_empty() {
        run(tx, sql!("waiting_delete"), &[&settled]).await?;
    }
    if !waits.is_empty() {
        run(tx, sql!("waiting_put"), &[&waits, &keys, &until]).await?;
    }
    let timers: Vec<Uuid> = winners.iter().filter_map(|w| w.work.timer).collect();
    if !timers.is_empty() {
        run(tx, sql!("timer_delete"), &[&timers]).await?;
    }
    Ok(rows_of)
}

async fn keys(tx: &Tx<'_>, winners: &[Winner<'_>]) -> Stored<()> {
    // A key that an entry names twice is one.
    let mut keys: BTreeMap<&[u8], &Work> = BTreeMap::new();
    for Winner { work, .. } in winners {
        keys.extend(work.keys.iter().map(|key| (&key[..], *work)));
    }
    if keys.is_empty() {
        return Ok(());
    }
    let works: Vec<&&Work> = keys.values().collect();
    let contents: Vec<&[u8]> = works.iter().map(|w| &w.content[..]).collect();
    let ids: Vec<Uuid> = works.iter().map(|w| w.id).collect();
    let conflicts: Vec<bool> = works.iter().map(|w| w.conflict).collect();
    let states: Vec<&str> = works.iter().map(|w| w.state.as_str()).collect();
    let codes: Vec<&str> = works.iter().map(|w| w.codes_of_keys()).collect();
    let names: Vec<&[u8]> = keys.keys().copied().collect();
    let since: Vec<i64> = works.iter().map(|w| micros(w.now)).collect();
    let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&names, &contents, &ids, &conflicts, &states, &codes, &since];
    let written = run(tx, sql!("idempotency_add"), values).await?;
    // Some other process has written a key since we looked.
    if written < names.len() as u64 { Err(race()) } else { Ok(()) }
}

/// What has to leave, with its lanes.
async fn sends<'a>(
    base: &Base,
    tx: &Tx<'_>,
    winners: &[Winner<'a>],
    subjects: &[Subjects],
    numbers: &mut Numbers,
    (fresh, claims): (&mut Columns<'a>, &mut Uses<'a>),
    mut taking: Option<&mut Taking<'_>>,
) -> Stored<()> {
    let there = resumed::sent_before(tx, winners).await?;
    let all: Vec<(&Winner<'a>, &'a SendWork, Option<&SubjectKey>)> = winners
        .iter()
        .zip(subjects)
        .flat_map(|(winner, (subject, _))| {
            winner.work.sends.iter().map(move |send| (winner, send, subject.as_ref()))
        })
        .filter(|(_, send, _)| !there.contains(&send.id))
        .collect();
    if all.is_empty() {
        return Ok(());
    }
    let wishes: Vec<lanes::Wish<'_>> = all
        .iter()
        .map(|(winner, send, _)| {
            let now = micros(winner.work.now);
            let (name, free) = (send.lane.as_ref(), send.free(now));
            let lease = taking.as_mut().and_then(|taking| taking.lease(winner.work, send));
            lanes::Wish { name, destination: &send.destination, free, now, lease }
        })
        .collect();
    let lanes::Placed { lanes: lane, arms, leased } = lanes::lanes_for(base, tx, numbers, &wishes).await?;
    // Lanes before rows, as everywhere.
    after_what_exists(tx, &all).await?;
    if let Some(taking) = taking {
        for place in leased {
            taking.made(lane[place], all[place].1);
        }
        for ((winner, send, _), lane) in all.iter().zip(&lane) {
            taking.put(*lane, winner.work, send);
        }
    }
    let mut rows = Rows::default();
    let (mut destinations, mut partners, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    let (mut deadlines, mut afters, mut not_before) = (Vec::new(), Vec::new(), Vec::new());
    for (winner, send, subject) in &all {
        let nr = numbers.passing()?;
        fresh.push(nr, &send.content, &winner.work.mandant, *subject)?;
        claims.take(&send.claims, nr, &winner.work.mandant, *subject)?;
        rows.push(nr, winner, send.id);
        destinations.push(send.destination.as_str());
        partners.push(send.partner.as_str());
        messages.push(send.message.as_str());
        deadlines.push(send.deadline);
        afters.push(send.after);
        not_before.push(send.not_before);
    }
    let Rows { nr, id, stamp, trace, cause, at } = &rows;
    let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
        nr,
        id,
        &lane,
        stamp,
        trace,
        cause,
        &destinations,
        &partners,
        &messages,
        at,
        &deadlines,
        &afters,
        &not_before,
    ];
    run(tx, sql!("outbox_add"), values).await?;
    lanes::arm(tx, &arms).await
}

async fn after_what_exists(tx: &Tx<'_>, all: &[(&Winner<'_>, &SendWork, Option<&SubjectKey>)]) -> Stored<()> {
    let mut before: BTreeSet<Uuid> = BTreeSet::new();
    let mut asked = Vec::new();
    for (_, send, _) in all {
        asked.extend(send.after.filter(|id| !before.contains(id)));
        before.insert(send.id);
    }
    asked.sort_unstable();
    asked.dedup();
    if asked.is_empty() {
        return Ok(());
    }
    if rows(tx, sql!("outbox_exist"), &[&asked]).await?.len() < asked.len() {
        return Err(StoreError::Entry("a send comes after one that does not exist".into()));
    }
    Ok(())
}

async fn retrievals(tx: &Tx<'_>, winners: &[Winner<'_>], numbers: &mut Numbers) -> Stored<()> {
    let mut rows = Rows::default();
    let (mut steps, mut records, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
    for winner in winners {
        for retrieval in &winner.work.retrievals {
            rows.push(numbers.passing()?, winner, winner.work.id);
            steps.push(retrieval.step.as_str());
            records.push(retrieval.records.iter().flat_map(|id| id.into_bytes()).collect::<Vec<u8>>());
            sealed.push(None::<Vec<u8>>);
        }
    }
    if steps.is_empty() {
        return Ok(());
    }
    let Rows { nr, stamp, trace, cause, at, .. } = &rows;
    run(tx, sql!("abruf_add"), &[nr, at, stamp, trace, cause, &steps, &records, &sealed]).await.map(drop)
}
