//! Rows of the outbox as they lie, and how they go on or away: what more than one change of them needs. Decides nothing and never
//! reads a clock.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::lane::Onward;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::{blob, lanes};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due;
use crate::store::sealing::heads::SendHead;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::values::{Stored, micros};
use crate::store::states::RowState;

/// What settling, replaying and repeating need of a row.
#[derive(Clone, Debug)]
pub struct OutRow {
    /// Its number, also of its content.
    pub nr: i64,
    /// Its lane, which may be gone when it was sent.
    pub lane: i64,
    /// Its stamp.
    pub stamp: i64,
    /// Trace context.
    pub traceparent: String,
    /// Its state.
    pub state: RowState,
}

/// Rows of the outbox by their ids, held locked.
pub async fn out_rows(tx: &Tx<'_>, ids: &[Uuid]) -> Stored<HashMap<Uuid, OutRow>> {
    rows(tx, sql!("outbox_row"), &[&ids]).await?.iter().map(out_row).collect()
}

/// A row as read, with its id.
pub fn out_row(r: &tokio_postgres::Row) -> Stored<(Uuid, OutRow)> {
    let row = OutRow {
        nr: get(r, 0)?,
        lane: get(r, 2)?,
        stamp: get(r, 3)?,
        traceparent: get(r, 4)?,
        state: get(r, 5)?,
    };
    Ok((get(r, 1)?, row))
}

/// What came back with rows that were sent, ready to be laid down: the place of the row's settling, the message, its stamp.
pub type Laid = Vec<(usize, Work, i64)>;

/// The Vorgang whose answer a row is.
pub async fn delivers(base: &Base, tx: &Tx<'_>, row: (Uuid, i64)) -> Stored<Option<Tag>> {
    Ok(head(base, tx, row).await?.and_then(|head| head.delivers()))
}

/// The head of a row; none where its content was destroyed or does not open.
pub async fn head(base: &Base, tx: &Tx<'_>, (id, nr): (Uuid, i64)) -> Stored<Option<SendHead>> {
    let closed = blob::read_one(tx, nr).await?;
    due::head(base.keyring.open_one(tx, Owner::new("outbox", id), closed).await)
}

/// The content of a row; none where it was destroyed or does not open.
pub async fn content(base: &Base, tx: &Tx<'_>, (id, nr): (Uuid, i64)) -> Stored<Option<Opened>> {
    let closed = blob::read_one(tx, nr).await?;
    due::readable(base.keyring.open_one(tx, Owner::new("outbox", id), closed).await)
}

/// Puts rows on their next ways, in lanes of their own there: whoever had the lanes before has nothing of them any more, whatever fence
/// he holds.
pub async fn go_on(base: &Base, tx: &Tx<'_>, onward: &[(i64, &Onward, Timestamp)], month: i64) -> Stored<()> {
    if onward.is_empty() {
        return Ok(());
    }
    let mut numbers = Numbers::draw(tx, month, onward.len()).await?;
    let wishes: Vec<lanes::Wish<'_>> = onward
        .iter()
        .map(|one| lanes::Wish {
            name: None,
            destination: &one.1.to.destination,
            free: Some(micros(one.2)),
            now: micros(one.2),
            lease: None,
        })
        .collect();
    let lanes = lanes::lanes_for(base, tx, &mut numbers, &wishes).await?.lanes;
    let nr: Vec<i64> = onward.iter().map(|(nr, ..)| *nr).collect();
    let to: Vec<&str> = onward.iter().map(|(_, onward, _)| onward.to.destination.as_str()).collect();
    let deadlines: Vec<Option<i64>> =
        onward.iter().map(|(_, onward, at)| onward.to.until(*at).map(micros)).collect();
    run(tx, sql!("outbox_next_way"), &[&nr, &lanes, &to, &deadlines]).await.map(drop)
}

/// Rows, by their numbers and by their ids.
pub type Pairs = (Vec<i64>, Vec<Uuid>);

/// What leads to rows of the outbox: their ids, what is looked after of them, uses of claims.
pub async fn forget_outbox(tx: &Tx<'_>, (numbers, ids): &Pairs) -> Stored<()> {
    run(tx, sql!("ret_outbox_unname"), &[ids]).await?;
    run(tx, sql!("ret_outbox_undoom"), &[numbers]).await?;
    run(tx, sql!("follow_forget"), &[numbers]).await?;
    run(tx, sql!("claim_use_delete"), &[numbers]).await.map(drop)
}

/// Removes rows that were taken back. Their ids are given to other rows, so what was written of them keeps its salt.
pub async fn taken_back(tx: &Tx<'_>, gone: &Pairs) -> Stored<()> {
    forget_outbox(tx, gone).await?;
    delete_outbox(tx, gone).await
}

/// Removes rows with their contents.
pub async fn delete_outbox(tx: &Tx<'_>, (numbers, _): &Pairs) -> Stored<()> {
    run(tx, sql!("ret_outbox_delete"), &[numbers]).await?;
    run(tx, sql!("sealed_delete"), &[numbers]).await.map(drop)
}
