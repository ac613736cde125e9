//! Writes what lasts of a wave: the mirror, Vorgänge, Bestände and timers, each table in one statement.
//! Never decides which of them may be written.

use std::collections::HashMap;

use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::postgres::ask::{Tx, run};
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::blob::Columns;
use crate::store::postgres::values::sql;
use crate::store::postgres::winner::{Old, Subjects, Winner, puts, subject};
use crate::store::postgres::{ledger, remove};
use crate::store::sealing::ledger::{Deleted, MITTEILUNG};
use crate::store::sealing::prepare::MirrorWork;
use crate::store::sealing::shown::{lost_record, vorgang_word};
use crate::store::sealing::values::{Stored, micros};

/// The mirror.
pub async fn records<'a>(
    base: &Base,
    tx: &Tx<'_>,
    winners: &[Winner<'a>],
    mirror: &HashMap<Uuid, Old>,
    subjects: &[Subjects],
    numbers: &mut Numbers,
    (fresh, over): (&mut Columns<'a>, &mut Columns<'a>),
) -> Stored<()> {
    let mut gone = Vec::new();
    let (mut new, mut changed) = (Rows::default(), Rows::default());
    let (mut new_ends, mut changed_ends): (Vec<&[u8]>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    let (mut keys, mut of) = (Vec::new(), Vec::new());
    let mut stones = Rows::default();
    let (mut stone_keys, mut created, mut until) = (Vec::new(), Vec::new(), Vec::new());
    let mut set = Vec::new();
    let mut children = Vec::new();
    let replaced: Vec<i64> = winners
        .iter()
        .flat_map(|w| &w.work.mirror)
        .filter_map(|change| match change {
            MirrorWork::Put { id, .. } => mirror.get(id).map(|old| old.subject),
            MirrorWork::Remove { .. } => None,
        })
        .collect();
    let known = base.keyring.subjects(tx, &replaced).await?;
    for (winner, (subject_key, _)) in winners.iter().zip(subjects) {
        let work = winner.work;
        for change in &work.mirror {
            match change {
                MirrorWork::Remove { id, tombstone, created: made, until: end } => {
                    gone.extend(mirror.get(id).cloned());
                    stone_keys.push(&tombstone[..]);
                    stones.push(0, winner, *id);
                    created.push(micros(*made));
                    until.push(micros(*end));
                    set.push(Deleted::Tombstone { key: *tombstone, created: *made, until: *end });
                }
                MirrorWork::Put { id, record, keys: found_by, ende, .. } => {
                    let nr = match mirror.get(id) {
                        Some(old) => {
                            let child = known.get(&old.subject).ok_or_else(lost_record)?;
                            over.push(old.nr, record, &work.mandant, Some(child))?;
                            changed.push(old.nr, winner, *id);
                            changed_ends.push(&ende[..]);
                            old.nr
                        }
                        None => {
                            let child = match subject_key {
                                Some(child) if puts(work).len() == 1 => child.clone(),
                                _ => subject(base, &work.mandant, None).await?,
                            };
                            let nr = numbers.lasting()?;
                            fresh.push(nr, record, &work.mandant, Some(&child))?;
                            new.push(nr, winner, *id);
                            new_ends.push(&ende[..]);
                            children.push(child.row);
                            nr
                        }
                    };
                    keys.extend(found_by.iter().map(|key| &key[..]));
                    of.extend(found_by.iter().map(|_| nr));
                }
            }
        }
    }
    if !stone_keys.is_empty() {
        remove::because(tx, MITTEILUNG).await?;
        let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&stone_keys, &stones.stamp, &stones.trace, &created, &until];
        run(tx, sql!("tombstone_put"), values).await?;
        ledger::note(tx, &set).await?;
    }
    for old in gone {
        remove::record(base, tx, &old).await?;
    }
    if !new.nr.is_empty() {
        let Rows { nr, id, stamp, trace, cause, at } = &new;
        run(tx, sql!("mirror_add"), &[nr, id, stamp, trace, cause, at, &children, &new_ends]).await?;
    }
    if !changed.nr.is_empty() {
        let Rows { nr, stamp, trace, cause, at, .. } = &changed;
        run(tx, sql!("mirror_change"), &[nr, stamp, trace, cause, at, &changed_ends]).await?;
        run(tx, sql!("mirror_key_delete"), &[nr]).await?;
    }
    if !keys.is_empty() {
        run(tx, sql!("mirror_key_add"), &[&keys, &of]).await?;
    }
    Ok(())
}

/// Columns that rows of the mirror share.
#[derive(Default)]
pub struct Rows<'a> {
    /// Numbers.
    pub nr: Vec<i64>,
    /// Ids.
    pub id: Vec<Uuid>,
    /// Stamps.
    pub stamp: Vec<i64>,
    /// Trace contexts.
    pub trace: Vec<&'a str>,
    /// Messages that caused them.
    pub cause: Vec<Uuid>,
    /// Times.
    pub at: Vec<i64>,
}

impl<'a> Rows<'a> {
    /// Takes a row.
    pub fn push(&mut self, nr: i64, winner: &Winner<'a>, id: Uuid) {
        self.nr.push(nr);
        self.id.push(id);
        self.stamp.push(winner.stamp);
        self.trace.push(&winner.work.stamp.traceparent);
        self.cause.push(winner.work.id);
        self.at.push(micros(winner.work.now));
    }
}

/// By key of a Vorgang: the number of its row and content, and that of its key in the key store.
pub type Cases = HashMap<Tag, (i64, i64)>;

/// Vorgänge and Bestände.
pub async fn cases<'a>(
    tx: &Tx<'_>,
    winners: &[Winner<'a>],
    subjects: &[Subjects],
    (vorgaenge, bestaende): (&Cases, &HashMap<Tag, i64>),
    numbers: &mut Numbers,
    (fresh, over): (&mut Columns<'a>, &mut Columns<'a>),
) -> Stored<()> {
    let mut rows = Rows::default();
    let (mut keys, mut owners, mut states) = (Vec::new(), Vec::new(), Vec::new());
    let (mut deadlines, mut of) = (Vec::new(), Vec::new());
    let mut stocks = Rows::default();
    let mut stock_keys = Vec::new();
    for (winner, (_, cases)) in winners.iter().zip(subjects) {
        let work = winner.work;
        for ((key, vorgang, akte), subject) in work.vorgaenge.iter().zip(cases) {
            let nr = match vorgaenge.get(key) {
                Some((nr, _)) => {
                    over.push(*nr, akte, &work.mandant, Some(subject))?;
                    *nr
                }
                None => {
                    let nr = numbers.lasting()?;
                    fresh.push(nr, akte, &work.mandant, Some(subject))?;
                    nr
                }
            };
            rows.push(nr, winner, vorgang.id);
            keys.push(&key[..]);
            owners.push(vorgang.owner.as_str());
            states.push(vorgang_word(vorgang.state));
            deadlines.push(vorgang.deadline.map(micros));
            of.push(subject.row);
        }
        for (key, content) in &work.bestaende {
            let nr = match bestaende.get(key) {
                Some(nr) => {
                    over.push(*nr, content, &work.mandant, None)?;
                    *nr
                }
                None => {
                    let nr = numbers.lasting()?;
                    fresh.push(nr, content, &work.mandant, None)?;
                    nr
                }
            };
            stocks.push(nr, winner, work.id);
            stock_keys.push(&key[..]);
        }
    }
    if !keys.is_empty() {
        let Rows { nr, id, stamp, trace, at, .. } = &rows;
        let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[nr, &keys, id, stamp, trace, &owners, &states, &deadlines, &of, at];
        run(tx, sql!("vorgang_put"), values).await?;
    }
    if !stock_keys.is_empty() {
        let Rows { nr, stamp, trace, at, .. } = &stocks;
        run(tx, sql!("bestand_put"), &[&stock_keys, nr, stamp, trace, at]).await?;
    }
    Ok(())
}

/// Timers.
pub async fn timers<'a>(
    tx: &Tx<'_>,
    winners: &[Winner<'a>],
    numbers: &mut Numbers,
    fresh: &mut Columns<'a>,
) -> Stored<()> {
    let mut rows = Rows::default();
    let (mut due, mut names) = (Vec::new(), Vec::new());
    for winner in winners {
        for timer in &winner.work.timers {
            let nr = numbers.lasting()?;
            fresh.push(nr, &timer.content, &winner.work.mandant, None)?;
            rows.push(nr, winner, timer.id);
            due.push(timer.due);
            names.push(timer.name.as_str());
        }
    }
    if due.is_empty() {
        return Ok(());
    }
    let Rows { nr, id, stamp, trace, .. } = &rows;
    run(tx, sql!("timer_add"), &[id, nr, &due, &names, stamp, trace]).await.map(drop)
}
