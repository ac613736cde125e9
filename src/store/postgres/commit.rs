//! Group commit: all entries of a call in one transaction, a fixed number of statements whatever their number. Idempotency
//! first, then guards, then everything the messages cause.
//! Never writes half an entry: what another process changed meanwhile is found out by the statements themselves, and then the
//! whole transaction is done again.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;

use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::decide::{self, Known, ORPHAN, Own};
use crate::store::entry::Committed;
use crate::store::error::StoreError;
use crate::store::lane::{Lane, Take};
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::{together, transact};
use crate::store::postgres::take_back;
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::winner::{Old, Winner};
use crate::store::postgres::write;
use crate::store::sealing::prepare::{MirrorWork, Work};
use crate::store::sealing::shown::First;
use crate::store::sealing::taking::Taking;
use crate::store::sealing::values::Stored;

/// What became of an entry; the verdict of a repeat is opened outside the transaction.
#[derive(Debug)]
pub enum Written {
    /// As the contract says, nothing to open.
    Done(Committed),
    /// A repeat of this message.
    Again(First),
}

/// What a transaction has written.
pub struct Batch {
    /// What became of each entry.
    pub written: Vec<Written>,
    /// Lanes that are leased to this process.
    pub lanes: Vec<Lane>,
    /// Whether a message that waited can run now.
    pub woken: bool,
}

/// A message that is there.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its number, also of its content.
    pub nr: i64,
    content: Vec<u8>,
    may_resume: bool,
    first: First,
}

/// What is there of what a batch touches.
struct There {
    inbox: HashMap<Uuid, Found>,
    keys: HashMap<Tag, (Vec<u8>, First)>,
    versions: HashMap<Tag, i64>,
    mirror: HashMap<Uuid, Old>,
}

/// Commits prepared entries, their stamps found already; lanes that this process takes come back leased.
pub async fn commit(base: &Base, works: &[Work], stamps: &[i64], take: Option<&Take>) -> Stored<Batch> {
    let mut month = 0;
    for work in works {
        month = month.max(base.month(work.now).await?);
    }
    // Done again it takes anew.
    let once = async |tx: &Tx<'_>| {
        let mut taking = take.map(Taking::new);
        let (written, woken) = batch(base, tx, works, stamps, month, taking.as_mut()).await?;
        Ok(Batch { written, woken, lanes: taking.map(Taking::lanes).unwrap_or_default() })
    };
    transact!(base.db, tx => once(&tx).await)
}

/// Lays down what came back with rows that were sent. Under a key that stands with other content it lies without one: its run finds
/// the conflict and answers it.
pub fn lay<'a>(
    base: &'a Base,
    tx: &'a Tx<'_>,
    (work, stamp): (&'a mut Work, i64),
    month: i64,
) -> Pin<Box<dyn Future<Output = Stored<()>> + Send + 'a>> {
    Box::pin(async move {
        let (written, _) = batch(base, tx, std::slice::from_ref(work), &[stamp], month, None).await?;
        if matches!(written.as_slice(), [Written::Done(Committed::Conflict(_))]) {
            work.keys.clear();
            batch(base, tx, std::slice::from_ref(work), &[stamp], month, None).await?;
        }
        Ok(())
    })
}

async fn batch(
    base: &Base,
    tx: &Tx<'_>,
    works: &[Work],
    stamps: &[i64],
    month: i64,
    mut taking: Option<&mut Taking<'_>>,
) -> Stored<(Vec<Written>, bool)> {
    let mut done: Vec<Option<Written>> = works.iter().map(|_| None).collect();
    let mut woken = false;
    loop {
        let open: Vec<usize> = (0..works.len()).filter(|n| done[*n].is_none()).collect();
        if open.is_empty() {
            return Ok((done.into_iter().flatten().collect(), woken));
        }
        let there = look(tx, works, &open).await?;
        let wave = apart(works, &open, &there.mirror);
        let winners = decide(tx, works, stamps, &wave, &there, &mut done).await?;
        if !winners.is_empty() {
            woken |= write::all(base, tx, &winners, &there.mirror, month, taking.as_deref_mut()).await?;
            for winner in &winners {
                done[winner.place] = Some(Written::Done(Committed::New));
            }
        }
    }
}

/// Entries that touch nothing that an earlier open entry touches: they can be decided and written side by side. The others
/// follow in the same transaction, as if they had come one after the other.
fn apart(works: &[Work], open: &[usize], mirror: &HashMap<Uuid, Old>) -> Vec<usize> {
    let mut touched: HashSet<(u8, Tag)> = HashSet::new();
    let mut wave = Vec::new();
    for place in open {
        let work = &works[*place];
        let mut own: Vec<(u8, Tag)> = vec![(0, work.id.into_bytes())];
        own.extend(work.keys.iter().map(|key| (1, *key)));
        own.extend(work.held().map(|key| (2, *key)));
        own.extend(work.vorgaenge.iter().map(|(key, ..)| (2, *key)));
        own.extend(work.bestaende.iter().map(|(key, _)| (2, *key)));
        own.extend(work.take_backs.iter().map(|back| (0, back.cause.into_bytes())));
        own.extend(work.subjects.iter().chain(&work.clears).map(|key| (2, *key)));
        own.extend(work.moved_by_objections().map(|key| (2, *key)));
        own.extend(work.objections_about().map(|key| (7, *key)));
        own.extend(work.waits.iter().map(|(key, _)| (3, *key)));
        own.extend(work.wakes.iter().map(|key| (3, *key)));
        own.extend(work.timer.iter().map(|id| (4, id.into_bytes())));
        own.extend(work.timers.iter().map(|timer| (4, timer.id.into_bytes())));
        own.extend(work.sends.iter().map(|send| (6, send.id.into_bytes())));
        own.extend(work.sends.iter().filter_map(|send| send.after).map(|id| (6, id.into_bytes())));
        for change in &work.mirror {
            let id = match change {
                MirrorWork::Put { id, keys, .. } => {
                    own.extend(keys.iter().map(|key| (2, *key)));
                    id
                }
                MirrorWork::Remove { id, tombstone, .. } => {
                    own.push((2, *tombstone));
                    id
                }
            };
            own.push((5, id.into_bytes()));
            own.extend(mirror.get(id).iter().flat_map(|old| &old.keys).map(|key| (2, *key)));
        }
        if own.iter().all(|one| !touched.contains(one)) {
            wave.push(*place);
        }
        touched.extend(own);
    }
    wave
}

async fn look(tx: &Tx<'_>, works: &[Work], open: &[usize]) -> Stored<There> {
    let works = || open.iter().map(|place| &works[*place]);
    let ids: Vec<Uuid> = works().map(|work| work.id).collect();
    let resumes: Vec<Uuid> = works().filter(|work| work.resumes).map(|work| work.id).collect();
    if !resumes.is_empty() {
        rows(tx, sql!("waiting_lock"), &[&resumes]).await?;
    }
    let keys: Vec<&[u8]> = works().flat_map(|work| work.keys.iter().map(|key| &key[..])).collect();
    let guards: Vec<&[u8]> = works().flat_map(|work| work.guards.iter().map(|(key, _)| &key[..])).collect();
    let changed = |change: &MirrorWork| match change {
        MirrorWork::Put { id, .. } | MirrorWork::Remove { id, .. } => *id,
    };
    let records: Vec<Uuid> = works().flat_map(|work| work.mirror.iter().map(changed)).collect();
    let (inbox, keys, versions, mirror) = together!(
        inbox = find(tx, &ids),
        keys = async {
            match keys.is_empty() {
                true => Ok(Vec::new()),
                false => rows(tx, sql!("idempotency_get"), &[&keys]).await,
            }
        },
        versions = async {
            match guards.is_empty() {
                true => Ok(Vec::new()),
                false => rows(tx, sql!("guard_get"), &[&guards]).await,
            }
        },
        mirror = async {
            match records.is_empty() {
                true => Ok(Vec::new()),
                false => rows(tx, sql!("mirror_find"), &[&records]).await,
            }
        },
    )?;
    let keys = keys.iter().map(|r| {
        let first = First::of_key(get(r, 2)?, get(r, 3)?, get(r, 4)?, get(r, 5)?);
        Ok((tag(get(r, 0)?)?, (get(r, 1)?, first)))
    });
    let mirror = mirror.iter().map(|r| {
        let keys: Option<Vec<&[u8]>> = get(r, 3)?;
        let keys = keys.unwrap_or_default().into_iter().map(tag).collect::<Stored<_>>()?;
        Ok((get(r, 0)?, Old { nr: get(r, 1)?, subject: get(r, 2)?, keys, partner: get(r, 4)? }))
    });
    Ok(There {
        inbox,
        keys: keys.collect::<Stored<_>>()?,
        versions: versions.iter().map(|r| Ok((tag(get(r, 0)?)?, get(r, 1)?))).collect::<Stored<_>>()?,
        mirror: mirror.collect::<Stored<_>>()?,
    })
}

async fn find(tx: &Tx<'_>, ids: &[Uuid]) -> Stored<HashMap<Uuid, Found>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = rows(tx, sql!("inbox_find"), &[&ids]).await?;
    found
        .iter()
        .map(|r| {
            let (nr, id): (i64, Uuid) = (get(r, 0)?, get(r, 1)?);
            let (state, conflict, codes) = (get(r, 2)?, get(r, 3)?, get(r, 4)?);
            let first = First { id, state, conflict, codes, sealed: Some(nr), forgot: false };
            Ok((id, Found { nr, content: get(r, 5)?, may_resume: get(r, 6)?, first }))
        })
        .collect()
}

/// Decides a wave: repeats, conflicts and stale ones are done with, the others come back.
async fn decide<'a>(
    tx: &Tx<'_>,
    works: &'a [Work],
    stamps: &[i64],
    wave: &[usize],
    there: &There,
    done: &mut [Option<Written>],
) -> Stored<Vec<Winner<'a>>> {
    let mut winners = Vec::new();
    let (mut repeats, mut settled, mut timers) = (Vec::new(), Vec::new(), Vec::new());
    let mut ended: Vec<(i64, String)> = Vec::new();
    for place in wave {
        let work = &works[*place];
        let row = there.inbox.get(&work.id);
        let own = row
            .map(|row| Own { same_content: row.content[..] == work.content[..], may_resume: row.may_resume });
        let written = match (decide::by_id(own, work.resumes), row) {
            (Known::Orphan, _) => return Err(StoreError::Entry(ORPHAN.into())),
            (Known::Again, Some(row)) => Some(Written::Again(row.first.clone())),
            (Known::Conflict, _) => Some(Written::Done(Committed::Conflict(work.id))),
            (Known::New | Known::Again, _) => match under_keys(work, there) {
                Some(Err(first)) => Some(Written::Done(Committed::Conflict(first))),
                Some(Ok(first)) => {
                    // A message that another delivery has settled meanwhile: it is not run again and again. What waited ends as
                    // that one did; what a person replayed stays where it is.
                    settled.extend(row.map(|row| row.nr));
                    ended.extend(
                        row.and_then(|row| Some((row.nr, decide::ends_as(&row.first.state, &first.state)?))),
                    );
                    repeats.push((*place, first.id));
                    Some(Written::Again(first.clone()))
                }
                None => None,
            },
        };
        if let Some(written) = written {
            if let (Written::Again(_), Some(timer)) = (&written, work.timer) {
                // Its document was taken in another way: it must not become due again and again.
                timers.push(timer);
            }
            done[*place] = Some(written);
            continue;
        }
        let stale = |(key, seen): &(Tag, i64)| there.versions.get(key).copied().unwrap_or(0) != *seen;
        if work.guards.iter().any(stale) || !take_back::stand(tx, work).await? {
            done[*place] = Some(Written::Done(Committed::Stale));
            continue;
        }
        winners.push(Winner { place: *place, work, stamp: stamps[*place], row: row.map(|row| row.nr) });
    }
    if !timers.is_empty() {
        run(tx, sql!("timer_delete"), &[&timers]).await?;
    }
    if !settled.is_empty() {
        run(tx, sql!("waiting_delete"), &[&settled]).await?;
    }
    for (nr, state) in ended {
        run(tx, sql!("inbox_state"), &[&vec![nr], &state]).await?;
    }
    if !repeats.is_empty() {
        let (mandanten, partners): (Vec<&str>, Vec<&str>) = repeats
            .iter()
            .map(|(place, _)| (works[*place].stamp.mandant.as_str(), works[*place].stamp.partner.as_str()))
            .unzip();
        run(tx, sql!("repeat_count"), &[&mandanten, &partners]).await?;
        let ids: Vec<Uuid> = repeats.iter().map(|(_, id)| *id).collect();
        let firsts = find(tx, &ids).await?;
        for (place, id) in repeats {
            if let Some(found) = firsts.get(&id) {
                done[place] = Some(Written::Again(found.first.clone()));
            }
        }
    }
    Ok(winners)
}

/// What stands under the keys of a message: nothing, other content (`Err`: of which message), or the first message of the same content.
fn under_keys<'a>(work: &Work, there: &'a There) -> Option<Result<&'a First, Uuid>> {
    let mut same = None;
    for key in &work.keys {
        let Some((content, first)) = there.keys.get(key) else { continue };
        let forgot = first.forgot && !work.forgot;
        match decide::by_key(first.id == work.id, content[..] == work.content[..], forgot) {
            Known::Conflict => return Some(Err(first.id)),
            Known::Again => same = same.or(Some(first)),
            Known::New | Known::Orphan => {}
        }
    }
    same.map(Ok)
}
