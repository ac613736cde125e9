//! In which order offices delivered and what that did to the number of their records, and whose clock was ahead (rules.md 2.2).
//! Never decides whether a Bestandsmeldung agrees.

use std::collections::{BTreeMap, HashMap};

use jiff::SignedDuration;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::register::uhr::Lead;
use crate::seal::index::Tag;
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::winner::{Old, Winner};
use crate::store::sealing::prepare::{MirrorWork, Work};
use crate::store::sealing::values::{Stored, count, limit, micros, time};

/// By partner, moment and delivery: the stamp, and by how much the number of records changes.
type Noted<'a> = BTreeMap<(&'a str, i64, &'a [u8]), (i64, i64)>;

/// Notes deliveries and what they did to the number of records, what was issued, and who was ahead.
pub async fn note(tx: &Tx<'_>, winners: &[Winner<'_>], mirror: &HashMap<Uuid, Old>) -> Stored<()> {
    let mut noted = Noted::new();
    let mut leads: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for Winner { work, .. } in winners {
        let moment = work.delivery.as_ref().map_or(micros(work.now), |noted| noted.moment);
        let own: &[u8] = work.delivery.as_ref().map_or(&[], |noted| &noted.key[..]);
        if let Some(delivery) = &work.delivery {
            noted.entry((&work.stamp.partner, moment, own)).or_insert((delivery.stamp, 0));
        }
        for (partner, delta) in deltas(work, mirror) {
            let uuid = if partner == work.stamp.partner { own } else { &[] };
            noted.entry((partner, moment, uuid)).or_insert((moment, 0)).1 += delta;
        }
        leads.extend(work.leads.iter().map(|(partner, seen, ahead)| (partner.as_str(), (*seen, *ahead))));
    }
    add(tx, noted).await?;
    let traces = winners.iter().flat_map(|winner| &winner.work.traces);
    let (keys, vorgaenge): (Vec<&[u8]>, Vec<&[u8]>) =
        traces.map(|(key, vorgang)| (&key[..], &vorgang[..])).unzip();
    if !keys.is_empty() {
        run(tx, sql!("trace_add"), &[&keys, &vorgaenge]).await?;
    }
    if leads.is_empty() {
        return Ok(());
    }
    let partners: Vec<&str> = leads.keys().copied().collect();
    let (seen, ahead): (Vec<i64>, Vec<i64>) = leads.into_values().unzip();
    run(tx, sql!("lead_put"), &[&partners, &seen, &ahead]).await.map(drop)
}

/// What an entry does to the number of records of partners; zero where it comes out even.
fn deltas<'a>(work: &'a Work, mirror: &'a HashMap<Uuid, Old>) -> BTreeMap<&'a str, i64> {
    let mut deltas: BTreeMap<&str, i64> = BTreeMap::new();
    for change in &work.mirror {
        let (MirrorWork::Put { id, .. } | MirrorWork::Remove { id, .. }) = change;
        if let Some(before) = mirror.get(id) {
            *deltas.entry(&before.partner).or_default() -= 1;
        }
        if matches!(change, MirrorWork::Put { .. }) {
            *deltas.entry(&work.stamp.partner).or_default() += 1;
        }
    }
    deltas.retain(|_, delta| *delta != 0);
    deltas
}

async fn add(tx: &Tx<'_>, noted: Noted<'_>) -> Stored<()> {
    if noted.is_empty() {
        return Ok(());
    }
    let (mut partners, mut moments, mut uuids) = (vec![], vec![], vec![]);
    let (mut deltas, mut stamps) = (vec![], vec![]);
    for ((partner, moment, uuid), (stamp, delta)) in noted {
        partners.push(partner);
        moments.push(moment);
        uuids.push(uuid);
        deltas.push(delta);
        stamps.push(stamp);
    }
    let values: &[&(dyn ToSql + Sync)] = &[&partners, &moments, &uuids, &deltas, &stamps];
    run(tx, sql!("delivery_add"), values).await.map(drop)
}

/// Notes records that go without a delivery of their partner.
pub async fn gone(tx: &Tx<'_>, moment: i64, records: &[Old]) -> Stored<()> {
    let mut noted = Noted::new();
    for old in records {
        noted.entry((&old.partner, moment, &[])).or_insert((moment, 0)).1 -= 1;
    }
    add(tx, noted).await
}

/// By key of a record the keys of the Vorgänge whose Auskunft was read from it.
pub async fn issued(tx: &Tx<'_>, keys: Vec<&[u8]>) -> Stored<Vec<(Tag, Tag)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = rows(tx, sql!("trace_list"), &[&keys]).await?;
    found.iter().map(|r| Ok((tag(get(r, 0)?)?, tag(get(r, 1)?)?))).collect()
}

/// How many records of a partner stood in the mirror at a moment.
pub async fn anzahl(tx: &Tx<'_>, partner: &str, at: i64) -> Stored<u64> {
    let found = one(tx, sql!("mirror_count"), &[&partner, &at]).await?;
    Ok(found.map(|r| get::<i64>(&r, 0)).transpose()?.map_or(0, count))
}

/// Whether a delivery is the newest one of a partner up to a moment; without one, whether there is none.
pub async fn neueste(tx: &Tx<'_>, partner: &str, uuid: Option<&Tag>, at: i64) -> Stored<bool> {
    let of = uuid.map(|uuid| &uuid[..]);
    let found = one(tx, sql!("delivery_newest"), &[&partner, &at, &of]).await?;
    Ok(found.map(|r| get::<bool>(&r, 0)).transpose()?.unwrap_or(uuid.is_none()))
}

/// Who was ahead.
pub async fn leads(tx: &Tx<'_>) -> Stored<Vec<Lead>> {
    let found = rows(tx, sql!("lead_list"), &[]).await?;
    let lead = |r: &tokio_postgres::Row| {
        Ok(Lead { partner: get(r, 0)?, seen: time(get(r, 1)?), by: SignedDuration::from_micros(get(r, 2)?) })
    };
    found.iter().map(lead).collect()
}

/// Forgets deliveries that no Bestandsmeldung that still counts can speak of; the newest of each partner stays.
pub async fn forget(tx: &Tx<'_>, before: i64, most: usize) -> Stored<u64> {
    run(tx, sql!("ret_delivery_delete"), &[&before, &limit(most)]).await
}
