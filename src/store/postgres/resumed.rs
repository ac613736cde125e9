//! A message that waited or is replayed: what came stays sealed as it was, what became of it changes.
//! Never makes a message anew.

use std::collections::HashSet;

use uuid::Uuid;

use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::blob::{self, Columns};
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::winner::Winner;
use crate::store::sealing::content::Owner;
use crate::store::sealing::keys::SubjectKey;
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, micros, sealing};

/// Writes what became of it.
pub async fn settle(
    base: &Base,
    tx: &Tx<'_>,
    winner: &Winner<'_>,
    row: i64,
    subject: Option<&SubjectKey>,
) -> Stored<()> {
    let work = winner.work;
    let closed = blob::read_one(tx, row).await?;
    if let Some(opened) = base.keyring.open_one(tx, Owner::new("inbox", work.id), closed).await? {
        let note = opened.seal_note(&work.note)?;
        run(tx, sql!("sealed_note"), &[&vec![row], &vec![note]]).await?;
        if let Some(subject) = subject {
            // Now it is known whose it is: what came dies with that key too.
            let data_key = opened.wrap(&work.mandant, Some(subject))?;
            run(tx, sql!("sealed_rewrap"), &[&row, &work.mandant.row, &Some(subject.row), &data_key]).await?;
            for (name, key) in &work.claims {
                let wrapped = subject.key.wrap(&claim_place(name), key).map_err(sealing)?;
                run(tx, sql!("claim_use_rewrap"), &[name, &row, &wrapped]).await?;
            }
        }
    }
    let (state, now) = (work.state.as_str(), micros(work.now));
    let (message, route) = (&work.message, &work.route);
    let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
        &row,
        &winner.stamp,
        &work.stamp.traceparent,
        &state,
        &work.conflict,
        &now,
        message,
        route,
        &work.codes,
        &work.kept,
    ];
    run(tx, sql!("inbox_resumed"), values).await?;
    // Where the original may no longer be kept, it goes.
    if !work.kept {
        let mut over = Columns::default();
        over.push(row, &work.sealed, &work.mandant, None)?;
        over.replace(tx).await?;
        run(tx, sql!("claim_use_delete"), &[&vec![row]]).await?;
    }
    Ok(())
}

/// What messages that are resumed would send and have sent before, when their answer was not yet taken back: it is not of that answer, and stays.
pub async fn sent_before(tx: &Tx<'_>, winners: &[Winner<'_>]) -> Stored<HashSet<Uuid>> {
    let resumed = winners.iter().filter(|winner| winner.row.is_some());
    let (ids, causes): (Vec<Uuid>, Vec<Uuid>) =
        resumed.flat_map(|winner| winner.work.sends.iter().map(|send| (send.id, winner.work.id))).unzip();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    rows(tx, sql!("outbox_of_resumed"), &[&ids, &causes]).await?.iter().map(|r| get(r, 0)).collect()
}
