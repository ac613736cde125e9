//! Deletion: a record goes with its keys, and the child's key is destroyed, which reaches every copy and every backup.
//! Never stops what still has to leave: that is wrapped anew by its Mandant's key first.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::sealing::content::{Closed, Owner};
use crate::store::sealing::ledger::Deleted;
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, sealing};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::ledger;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};

/// The search keys of a record, which are also its guards.
pub fn keys_of(scene: &Scene<'_>, mirror: i64) -> Stored<Vec<Tag>> {
    let mut list = scene.connection.prepare_cached(sql!("mirror_key_list")).map_err(trouble)?;
    let keys = list.query_map([mirror], |r| r.get::<_, Tag>(0)).map_err(trouble)?;
    keys.collect::<Result<_, _>>().map_err(trouble)
}

/// Removes a record, if it is there, with everything sealed under its child's key; returns the keys it stood under. The ledger
/// learns of it.
pub fn record(scene: &mut Scene<'_>, id: Uuid, bumps: &mut BTreeSet<Tag>) -> Stored<Vec<Tag>> {
    let Some((child, keys)) = row(scene, id, bumps)? else { return Ok(Vec::new()) };
    keep_unsent(scene, child)?;
    sealed_under(scene, child)?;
    scene.run(sql!("key_to_destroy_add"), [child])?;
    scene.destroys_keys();
    ledger::note(scene, &Deleted::Record { id, subject: child, keys: keys.clone() })?;
    Ok(keys)
}

/// Removes the row of a record, if it is there; returns the number of its child's key and the keys it stood under.
pub fn row(scene: &Scene<'_>, id: Uuid, bumps: &mut BTreeSet<Tag>) -> Stored<Option<(i64, Vec<Tag>)>> {
    let mut find = scene.connection.prepare_cached(sql!("mirror_find")).map_err(trouble)?;
    let found: Option<(i64, i64, i64)> =
        find.query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional().map_err(trouble)?;
    let Some((row, child, sealed)) = found else { return Ok(None) };
    let keys = keys_of(scene, row)?;
    bumps.extend(keys.iter().copied());
    scene.run(sql!("mirror_key_delete"), [row])?;
    scene.run(sql!("mirror_delete"), [row])?;
    scene.run(sql!("sealed_delete"), [sealed])?;
    Ok(Some((child, keys)))
}

/// Destroys everything that is sealed under a child's or Vorgang's key.
pub fn sealed_under(scene: &Scene<'_>, subject: i64) -> Stored<()> {
    scene.run(sql!("audit_salt_destroy"), [subject])?;
    scene.run(sql!("claim_use_destroy"), [subject])?;
    scene.run(sql!("follow_forget_subject"), [subject])?;
    scene.run(sql!("sealed_destroy"), [subject]).map(drop)
}

/// Clears the contents of all messages that spoke of a child, whatever became of them, and of what they sent and has arrived.
///
/// Of the message `own`, which is being committed, only what came is cleared: its answer is still owed.
pub fn messages(scene: &mut Scene<'_>, key: &Tag, own: Uuid) -> Stored<()> {
    clear_messages(scene, key, own)?;
    ledger::note(scene, &Deleted::Messages { keys: vec![*key] })
}

/// The same without telling the ledger, which knows it already.
pub fn clear_messages(scene: &mut Scene<'_>, key: &Tag, own: Uuid) -> Stored<()> {
    let found: Vec<(i64, Uuid, i64)> = {
        let mut list = scene.connection.prepare_cached(sql!("inbox_subject_list")).map_err(trouble)?;
        let rows =
            list.query_map([&key[..]], |r| Ok((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?))).map_err(trouble)?;
        rows.collect::<Result<_, _>>().map_err(trouble)?
    };
    for (row, id, sealed) in found {
        scene.run(sql!("claim_use_delete"), [sealed])?;
        scene.run(sql!("inbox_forget"), [row])?;
        if id == own {
            scene.run(sql!("sealed_clear_original"), [sealed])?;
            continue;
        }
        scene.run(sql!("sealed_clear"), [sealed])?;
        scene.run(sql!("follow_forget_cause"), [id])?;
        scene.run(sql!("sealed_clear_sent"), [id])?;
        scene.run(sql!("outbox_doom_cause"), [id])?;
        scene.run(sql!("waiting_delete"), [row])?;
    }
    scene.run(sql!("inbox_subject_delete"), [&key[..]])?;
    Ok(())
}

/// Wraps what a child or Vorgang still has to send by its Mandant's key, so that it outlives its own.
pub fn keep_unsent(scene: &Scene<'_>, subject: i64) -> Stored<()> {
    let unsent: Vec<(i64, Uuid)> = {
        let mut list = scene.connection.prepare_cached(sql!("sealed_unsent_of_subject")).map_err(trouble)?;
        let rows = list.query_map([subject], |r| Ok((r.get(0)?, r.get(2)?))).map_err(trouble)?;
        rows.collect::<Result<_, _>>().map_err(trouble)?
    };
    let Some(key) = scene.keyring.subject(scene.connection, subject)? else { return Ok(()) };
    for (row, id) in unsent {
        let closed = Closed::read(scene.connection, row)?;
        let mandant = scene.keyring.by_row(scene.connection, closed.mandant())?;
        let Some(opened) = closed.open(scene.connection, scene.keyring, Owner::new("outbox", id))? else {
            continue;
        };
        let claims: Vec<(String, Vec<u8>)> = {
            let mut list = scene.connection.prepare_cached(sql!("claim_use_of")).map_err(trouble)?;
            let rows = list.query_map([row], |r| Ok((r.get(0)?, r.get(1)?))).map_err(trouble)?;
            rows.collect::<Result<_, _>>().map_err(trouble)?
        };
        for (name, wrapped) in claims {
            let place = claim_place(&name);
            let inner = key.key.unwrap(&place, &wrapped).map_err(sealing)?;
            let wrapped = mandant.key.wrap(&place, &inner).map_err(sealing)?;
            scene.run(sql!("claim_use_rewrap"), params![name, row, wrapped])?;
        }
        opened.rewrap(scene.connection, row, &mandant, None)?;
        scene.run(sql!("outbox_doom"), [id])?;
    }
    Ok(())
}

/// Destroys the keys that committed removals listed, and writes in the ledger what went; outside any transaction.
pub fn destroy_listed(connection: &Connection, keyring: &Keyring) -> Stored<()> {
    ledger::write_listed(connection, keyring)
}
