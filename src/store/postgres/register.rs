//! The readings that persons order: Vorgänge with their restricted records, Registersätze page by page.
//! Every reading is written to the Abrufprotokoll in the same transaction, and the scope holds twice.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::effects::{Stored as StoredRecord, Vorgang};
use crate::seal::index::Tag;
use crate::store::contract::PAGE;
use crate::store::desk::View;
use crate::store::postgres::ask::{Tx, rows};
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::{narrow_to, transact};
use crate::store::postgres::values::{get, sql, tag, trouble};
use crate::store::postgres::{blob, house};
use crate::store::sealing::content::Owner;
use crate::store::sealing::shown::{self, lost_record};
use crate::store::sealing::values::{Stored, limit, narrow};

/// Vorgänge of a scope, newest first, but for those of the art `without`, which only its sealed record tells: so page by page until
/// there are enough. The view is protocolled.
pub async fn vorgaenge(base: &Base, view: &View, without: Option<&str>) -> Stored<Vec<Vorgang>> {
    let (mandant, partner) = narrow(&view.scope);
    let place = (house::own(base, &view.person).await?, base.month(view.now).await?);
    transact!(base.db, tx => async {
        let (mut vorgaenge, mut before) = (Vec::new(), None::<i64>);
        while vorgaenge.len() < view.limit {
            narrow_to(&tx, &view.scope).await?;
            let values: &[&(dyn ToSql + Sync)] = &[&mandant, &partner, &limit(PAGE.min(view.limit)), &before];
            let found = rows(&tx, sql!("vorgang_list"), values).await?;
            tx.batch_execute("SET LOCAL ROLE NONE").await.map_err(trouble)?;
            let numbers = found.iter().map(|r| get(r, 5)).collect::<Stored<Vec<i64>>>()?;
            let Some(last) = numbers.last() else { break };
            before = Some(*last);
            let mut contents = blob::read(&tx, &numbers, false).await?;
            for (r, nr) in found.iter().zip(numbers) {
                let key = tag(get(r, 0)?)?;
                let opened = match contents.remove(&nr) {
                    Some(closed) => base.keyring.open_one(&tx, Owner::of_key("vorgang", &key), closed).await?,
                    None => None,
                };
                let row = (get(r, 1)?, get(r, 2)?, get(r, 3)?, get(r, 4)?);
                let one = shown::vorgang(row, opened)?;
                if vorgaenge.len() < view.limit && without != Some(one.akte.art.as_str()) {
                    vorgaenge.push(one);
                }
            }
        }
        let ids: Vec<Uuid> = vorgaenge.iter().map(|vorgang| vorgang.id).collect();
        house::protocol(base, &tx, place, view, "vorgaenge", &ids).await?;
        Ok(vorgaenge)
    }.await)
}

/// Records of a scope in the order in which they came, page by page; the view is protocolled.
pub async fn registersaetze(base: &Base, view: &View, after: Option<Uuid>) -> Stored<Vec<StoredRecord>> {
    let (mandant, partner) = narrow(&view.scope);
    let place = (house::own(base, &view.person).await?, base.month(view.now).await?);
    transact!(base.db, tx => async {
        narrow_to(&tx, &view.scope).await?;
        let found = rows(&tx, sql!("mirror_list"), &[&mandant, &partner, &after, &limit(view.limit)]).await?;
        tx.batch_execute("SET LOCAL ROLE NONE").await.map_err(trouble)?;
        let records = opened(base, &tx, &found).await?;
        let ids: Vec<Uuid> = records.iter().map(|record| record.id).collect();
        house::protocol(base, &tx, place, view, "registersaetze", &ids).await?;
        Ok(records)
    }.await)
}

/// The records of a page of the mirror, in its order.
pub async fn opened(base: &Base, tx: &Tx<'_>, page: &[Row]) -> Stored<Vec<StoredRecord>> {
    let numbers = page.iter().map(|r| get(r, 3)).collect::<Stored<Vec<i64>>>()?;
    let mut contents = blob::read(tx, &numbers, false).await?;
    let mut closed = Vec::with_capacity(page.len());
    for (r, nr) in page.iter().zip(numbers) {
        closed.push((Owner::new("mirror", get(r, 0)?), contents.remove(&nr).ok_or_else(lost_record)?));
    }
    let mut records = Vec::with_capacity(page.len());
    for (r, opened) in page.iter().zip(base.keyring.open_all(tx, closed).await?) {
        let (mandant, partner) = (get(r, 1)?, get(r, 2)?);
        records.push(StoredRecord {
            id: get(r, 0)?,
            mandant,
            partner,
            registersatz: shown::registersatz(opened?)?,
        });
    }
    Ok(records)
}

/// The Vorgänge under these keys.
pub async fn vorgaenge_by(
    base: &Base,
    on: &impl GenericClient,
    keys: Vec<&[u8]>,
) -> Stored<HashMap<Tag, Vorgang>> {
    let (mut facts, mut closed) = (Vec::new(), Vec::new());
    for r in asked(on, sql!("vorgang_get"), &keys).await? {
        let key = tag(get(&r, 0)?)?;
        facts.push((key, (get(&r, 1)?, get(&r, 2)?, get(&r, 3)?, get(&r, 4)?)));
        closed.push((Owner::of_key("vorgang", &key), blob::closed(&r, 6)?));
    }
    let opened = base.keyring.open_all(on, closed).await?;
    let found = facts.into_iter().zip(opened);
    found.map(|((key, row), opened)| Ok((key, shown::vorgang(row, opened?)?))).collect()
}

pub async fn asked(on: &impl GenericClient, sql: &str, keys: &[&[u8]]) -> Stored<Vec<tokio_postgres::Row>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let values: &[&(dyn ToSql + Sync)] = &[&keys];
    rows(on, sql, values).await
}
