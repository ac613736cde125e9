//! The register's own state: restricted records of Vorgänge, Bestände, and the readings that persons order.
//! Every reading by a person is written to the Abrufprotokoll in the same transaction.

use rusqlite::{Connection, OptionalExtension, Statement, params};
use uuid::Uuid;

use crate::effects::{Stored as StoredRecord, Vorgang};
use crate::envelope::Stage;
use crate::register::bestand::Bestand;
use crate::seal::index::Tag;
use crate::store::contract::PAGE;
use crate::store::desk::View;
use crate::store::sealing::content::{Fresh, Opened, Owner, from_json};
use crate::store::sealing::keys::SubjectKey;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::shown;
use crate::store::sealing::values::{Stored, limit, micros, narrow};
use crate::store::sqlite::house;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};

/// A row of the table, still sealed.
type VorgangRow = (Uuid, String, String, Option<i64>, Option<i64>);

/// The Vorgang under a key.
pub fn vorgang(connection: &Connection, keyring: &Keyring, key: &Tag) -> Stored<Option<Vorgang>> {
    let mut get = connection.prepare_cached(sql!("vorgang_get")).map_err(trouble)?;
    vorgang_by(&mut get, connection, keyring, key)
}

/// The same by a statement that asks for many.
pub fn vorgang_by(
    get: &mut Statement<'_>,
    connection: &Connection,
    keyring: &Keyring,
    key: &Tag,
) -> Stored<Option<Vorgang>> {
    let found: Option<VorgangRow> = get
        .query_row([&key[..]], |r| Ok((uuid(r.get(0)?)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))
        .optional()
        .map_err(trouble)?;
    found.map(|row| opened(connection, keyring, key, row)).transpose()
}

fn opened(connection: &Connection, keyring: &Keyring, key: &Tag, row: VorgangRow) -> Stored<Vorgang> {
    let (id, owner, state, deadline, sealed) = row;
    let akte = match sealed {
        None => None,
        Some(sealed) => Opened::read(connection, keyring, sealed, Owner::of_key("vorgang", key))?,
    };
    shown::vorgang((id, owner, state, deadline), akte)
}

/// Writes a Vorgang with its restricted record, sealed under its own key.
pub fn put_vorgang(
    scene: &Scene<'_>,
    work: &Work,
    stamp: i64,
    (key, vorgang, akte): &(Tag, Vorgang, Fresh),
    subject: &SubjectKey,
) -> Stored<()> {
    let mut find = scene.connection.prepare_cached(sql!("vorgang_key")).map_err(trouble)?;
    let before: Option<Option<i64>> = find.query_row([&key[..]], |r| r.get(1)).optional().map_err(trouble)?;
    let sealed = match before.flatten() {
        Some(sealed) => {
            akte.replace(scene.connection, sealed, &work.mandant, Some(subject))?;
            sealed
        }
        None => akte.insert(scene.connection, &work.mandant, Some(subject))?,
    };
    scene.run(
        sql!("vorgang_put"),
        params![
            key,
            vorgang.id,
            stamp,
            work.stamp.traceparent,
            vorgang.owner,
            shown::vorgang_word(vorgang.state),
            vorgang.deadline.map(micros),
            subject.row,
            sealed,
            micros(work.now)
        ],
    )?;
    Ok(())
}

/// The Bestand under a key.
pub fn bestand(connection: &Connection, keyring: &Keyring, key: &Tag) -> Stored<Option<Bestand>> {
    let mut get = connection.prepare_cached(sql!("bestand_get")).map_err(trouble)?;
    let sealed: Option<i64> = get.query_row([&key[..]], |r| r.get(0)).optional().map_err(trouble)?;
    let Some(sealed) = sealed else { return Ok(None) };
    let opened = Opened::read(connection, keyring, sealed, Owner::of_key("bestand", key))?;
    opened.map(|o| o.body()).transpose()?.flatten().map(|body| from_json(&body)).transpose()
}

/// Writes a Bestand.
pub fn put_bestand(scene: &Scene<'_>, work: &Work, stamp: i64, key: &Tag, content: &Fresh) -> Stored<()> {
    let mut get = scene.connection.prepare_cached(sql!("bestand_get")).map_err(trouble)?;
    let before: Option<i64> = get.query_row([&key[..]], |r| r.get(0)).optional().map_err(trouble)?;
    let sealed = match before {
        Some(sealed) => {
            content.replace(scene.connection, sealed, &work.mandant, None)?;
            sealed
        }
        None => content.insert(scene.connection, &work.mandant, None)?,
    };
    let values = params![key, stamp, work.stamp.traceparent, micros(work.now), sealed];
    scene.run(sql!("bestand_put"), values).map(drop)
}

/// Vorgänge of a scope, newest first, but for those of the art `without`, which only its sealed record tells: so page by page until
/// there are enough. The view is protocolled.
pub fn vorgaenge(
    scene: &mut Scene<'_>,
    stage: Stage,
    view: &View,
    without: Option<&str>,
) -> Stored<Vec<Vorgang>> {
    let (mandant, partner) = narrow(&view.scope);
    let (mut found, mut before) = (Vec::new(), None::<i64>);
    while found.len() < view.limit {
        let page: Vec<(i64, Tag, VorgangRow)> = {
            let mut list = scene.connection.prepare_cached(sql!("vorgang_list")).map_err(trouble)?;
            list.query_map(params![mandant, partner, limit(PAGE.min(view.limit)), before], |r| {
                let row = (uuid(r.get(1)?)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?);
                Ok((r.get(8)?, r.get::<_, Tag>(0)?, row))
            })
            .and_then(Iterator::collect)
            .map_err(trouble)?
        };
        if page.is_empty() {
            break;
        }
        for (nr, key, row) in page {
            before = Some(nr);
            if found.len() < view.limit {
                let one = opened(scene.connection, scene.keyring, &key, row)?;
                found.extend(Some(one).filter(|one| without != Some(one.akte.art.as_str())));
            }
        }
    }
    let ids: Vec<Uuid> = found.iter().map(|vorgang| vorgang.id).collect();
    house::protocol(scene, stage, view, "vorgaenge", &ids)?;
    Ok(found)
}

/// Records of a scope in the order in which they came, page by page; the view is protocolled.
pub fn registersaetze(
    scene: &mut Scene<'_>,
    stage: Stage,
    view: &View,
    after: Option<Uuid>,
) -> Stored<Vec<StoredRecord>> {
    let (mandant, partner) = narrow(&view.scope);
    let rows: Vec<(Uuid, String, String, i64)> = {
        let mut list = scene.connection.prepare_cached(sql!("mirror_list")).map_err(trouble)?;
        list.query_map(params![mandant, partner, after, limit(view.limit)], |r| {
            Ok((uuid(r.get(0)?)?, r.get(1)?, r.get(2)?, r.get(3)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    let mut found = Vec::with_capacity(rows.len());
    for (id, mandant, partner, sealed) in rows {
        let opened = Opened::read(scene.connection, scene.keyring, sealed, Owner::new("mirror", id))?;
        found.push(StoredRecord { id, mandant, partner, registersatz: shown::registersatz(opened)? });
    }
    let ids: Vec<Uuid> = found.iter().map(|record| record.id).collect();
    house::protocol(scene, stage, view, "registersaetze", &ids)?;
    Ok(found)
}
