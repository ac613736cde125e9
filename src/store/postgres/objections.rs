//! Objections: deliveries that have not had their effect, under the keys of the children they speak of.
//! Never decides which are opened or closed.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::register::objection::{MOST, Objection, Released, Sought};
use crate::seal::index::Tag;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::winner::Winner;
use crate::store::sealing::prepare::{Closing, ObjectionWork, OpenWork};
use crate::store::sealing::shown;
use crate::store::sealing::values::{Stored, limit, micros};

/// What stands open under keys.
pub async fn under(tx: &Tx<'_>, keys: Vec<&[u8]>) -> Stored<HashMap<Tag, Vec<Objection>>> {
    let mut found: HashMap<Tag, Vec<Objection>> = HashMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    for r in rows(tx, sql!("objection_under"), &[&keys]).await? {
        found.entry(tag(get(&r, 0)?)?).or_default().push(read(&r, 1)?);
    }
    Ok(found)
}

/// What blocks offices.
pub async fn blocks(tx: &Tx<'_>, aemter: Vec<&str>) -> Stored<HashMap<String, Vec<Objection>>> {
    let mut found: HashMap<String, Vec<Objection>> = HashMap::new();
    if aemter.is_empty() {
        return Ok(found);
    }
    for r in rows(tx, sql!("objection_blocks"), &[&aemter]).await? {
        found.insert(get(&r, 0)?, vec![read(&r, 1)?]);
    }
    Ok(found)
}

/// What a person or an office asks for, one by one.
pub async fn sought(tx: &Tx<'_>, sought: &Sought) -> Stored<Vec<Objection>> {
    let most = limit(MOST);
    let found = match sought {
        Sought::Delivery(id) => rows(tx, sql!("objection_by_delivery"), &[id, &most]).await?,
        Sought::Open(amt) => rows(tx, sql!("objection_open_list"), &[amt, &most]).await?,
        Sought::Under(_) | Sought::Blocks(_) => Vec::new(),
    };
    found.iter().map(|r| read(r, 0)).collect()
}

fn read(r: &Row, from: usize) -> Stored<Objection> {
    let (amt, delivery): (String, Uuid) = (get(r, from)?, get(r, from + 1)?);
    let (why, message): (String, String) = (get(r, from + 2)?, get(r, from + 3)?);
    let (made, since): (i64, i64) = (get(r, from + 4)?, get(r, from + 5)?);
    let closed = (get(r, from + 6)?, get(r, from + 7)?);
    let released = (get(r, from + 8)?, get(r, from + 9)?, get(r, from + 10)?);
    shown::objection((amt, delivery, why, message, made, since, closed, released))
}

/// Writes the changes of a wave; entries that touch the same objections are never in one. What the closings of a wave mean is looked up for all
/// of them at once, where nothing is opened beside them: each delivery closes something and nearly never finds anything.
pub async fn change(tx: &Tx<'_>, winners: &[Winner<'_>]) -> Stored<()> {
    let all = || winners.iter().flat_map(|winner| winner.work.objections.iter());
    let closings: Vec<&Closing> = all().filter_map(closing).collect();
    let opens = all().any(|change| matches!(change, ObjectionWork::Open(_)));
    let mut ahead = if opens { None } else { Some(which_rows(tx, &closings).await?.into_iter()) };
    for winner in winners {
        for change in &winner.work.objections {
            match change {
                ObjectionWork::Open(opening) => open(tx, winner, opening).await?,
                ObjectionWork::Release { delivery, word } => {
                    let (at, Released { person, aktenzeichen, .. }) = (micros(word.at), word);
                    run(tx, sql!("objection_release"), &[delivery, &at, person, aktenzeichen]).await?;
                }
                ObjectionWork::Close { which, by } => {
                    let found = match &mut ahead {
                        Some(ahead) => ahead.next(),
                        None => which_rows(tx, &[which]).await?.pop(),
                    };
                    let found: Vec<i64> = found.unwrap_or_default().into_iter().collect();
                    if !found.is_empty() {
                        let now = micros(winner.work.now);
                        run(tx, sql!("objection_close"), &[&found, &now, by]).await?;
                        run(tx, sql!("objection_key_delete"), &[&found]).await?;
                        run(tx, sql!("objection_about_delete"), &[&found]).await?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn closing(change: &ObjectionWork) -> Option<&Closing> {
    match change {
        ObjectionWork::Close { which, .. } => Some(which),
        ObjectionWork::Open(_) | ObjectionWork::Release { .. } => None,
    }
}

async fn open(tx: &Tx<'_>, winner: &Winner<'_>, opening: &OpenWork) -> Stored<()> {
    let OpenWork { id, amt, delivery, why, message, made, since, ende, under, about, .. } = opening;
    let values: &[&(dyn ToSql + Sync)] = &[
        &vec![&id[..]],
        &vec![amt.as_str()],
        &vec![*delivery],
        &vec![winner.stamp],
        &vec![winner.work.stamp.traceparent.as_str()],
        &vec![why.as_str()],
        &vec![message.as_str()],
        &vec![*made],
        &vec![*since],
        &vec![ende.as_ref().map(|day| day.to_vec())],
    ];
    for r in rows(tx, sql!("objection_open"), values).await? {
        let nr: i64 = get(&r, 1)?;
        for (sql, keys) in [(sql!("objection_key_add"), under), (sql!("objection_about_add"), about)] {
            if !keys.is_empty() {
                let names: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
                run(tx, sql, &[&names, &vec![nr; names.len()]]).await?;
            }
        }
    }
    Ok(())
}

/// What each of some closings means, in their order; two statements for all of them, and one for each that names whole offices.
async fn which_rows(tx: &Tx<'_>, closings: &[&Closing]) -> Stored<Vec<BTreeSet<i64>>> {
    let mut found = vec![BTreeSet::new(); closings.len()];
    let mut deliveries: (Vec<i32>, Vec<Uuid>, Vec<bool>) = Default::default();
    let mut about: (Vec<i32>, Vec<&[u8]>, Vec<i64>) = Default::default();
    for (place, (closing, found)) in (0_i32..).zip(closings.iter().zip(&mut found)) {
        match closing {
            Closing::Delivery(id) | Closing::Block(id) => {
                deliveries.0.push(place);
                deliveries.1.push(*id);
                deliveries.2.push(matches!(closing, Closing::Block(_)));
            }
            Closing::Office(aemter, from, before) => {
                found.extend(once(&rows(tx, sql!("objection_of_office"), &[aemter, from, before]).await?)?);
            }
            Closing::About(_, keys, before) => {
                for key in keys {
                    about.0.push(place);
                    about.1.push(key);
                    about.2.push(*before);
                }
            }
        }
    }
    if !deliveries.0.is_empty() {
        let (places, ids, blocks) = &deliveries;
        for r in rows(tx, sql!("objection_of_delivery"), &[places, ids, blocks]).await? {
            if let Some(found) = at(&mut found, &r)? {
                found.insert(get(&r, 1)?);
            }
        }
    }
    if !about.0.is_empty() {
        let (places, keys, before) = &about;
        for r in rows(tx, sql!("objection_of_about"), &[places, keys, before]).await? {
            let amt: String = get(&r, 2)?;
            let place: i32 = get(&r, 0)?;
            let of = usize::try_from(place).ok().and_then(|place| closings.get(place));
            let named = of.is_some_and(
                |closing| matches!(closing, Closing::About(aemter, ..) if aemter.contains(&amt)),
            );
            if let Some(found) = at(&mut found, &r)?.filter(|_| named) {
                found.insert(get(&r, 1)?);
            }
        }
    }
    Ok(found)
}

/// The place of a row's first column.
fn at<'a>(found: &'a mut [BTreeSet<i64>], r: &Row) -> Stored<Option<&'a mut BTreeSet<i64>>> {
    let place: i32 = get(r, 0)?;
    Ok(usize::try_from(place).ok().and_then(|place| found.get_mut(place)))
}

fn once(found: &[Row]) -> Stored<Vec<i64>> {
    let all: BTreeSet<i64> = found.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
    Ok(all.into_iter().collect())
}

/// What speaks of a record that goes, made up to a moment, goes with it.
pub async fn end(tx: &Tx<'_>, keys: &[&[u8]], until: i64) -> Stored<()> {
    let found = once(&rows(tx, sql!("objection_of_child"), &[&keys, &until]).await?)?;
    delete(tx, &found).await
}

/// Removes some for good.
pub async fn delete(tx: &Tx<'_>, found: &[i64]) -> Stored<()> {
    if found.is_empty() {
        return Ok(());
    }
    run(tx, sql!("objection_key_delete"), &[&found]).await?;
    run(tx, sql!("objection_about_delete"), &[&found]).await?;
    run(tx, sql!("objection_delete"), &[&found]).await.map(drop)
}
