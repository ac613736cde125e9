//! Re-keying of the embedded store: records of the version before get the keys of this one, slice by slice.
//! Takes no key away: the program before still finds what it stored.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::sealing::rekey::tags;
use crate::store::sealing::values::{Stored, limit};
use crate::store::sqlite::remove;
use crate::store::sqlite::retention_rows::open;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};

/// Does the next slice and says how many records it reached.
pub fn slice(scene: &mut Scene<'_>, most: usize) -> Stored<u64> {
    let page: Vec<(i64, Uuid, Vec<u8>, i64)> = {
        let mut list = scene.connection.prepare_cached(sql!("rekey_page")).map_err(trouble)?;
        list.query_map([limit(most)], |r| Ok((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?, r.get(3)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    for (row, id, cause, sealed) in &page {
        // What does not open has no keys to be made of; it is not for us to judge.
        if let Some(satz) = open(scene.connection, scene.keyring, *id, *sealed)? {
            let known: BTreeSet<Tag> = remove::keys_of(scene, *row)?.into_iter().collect();
            let all: BTreeSet<Tag> = tags(scene.keyring, *id, &satz).into_iter().collect();
            // Who decided on what was found under one of them decides again.
            scene.bump(&all)?;
            for key in all.difference(&known) {
                scene.run(sql!("mirror_key_add"), params![key, row])?;
            }
        }
        scene.run(sql!("rekey_done"), params![row, cause])?;
    }
    Ok(page.len() as u64)
}

/// Whether a partner has records that were not reached yet.
pub fn left(connection: &Connection, partner: &str) -> Stored<bool> {
    let mut get = connection.prepare_cached(sql!("rekey_left")).map_err(trouble)?;
    get.query_row([partner], |r| r.get(0)).map_err(trouble)
}
