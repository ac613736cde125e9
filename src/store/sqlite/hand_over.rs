//! Rows of the outbox go over to another addressee, with their order: never written anew, and never one without content.

use rusqlite::{OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::store::sealing::prepare::{HandOverWork, Work};
use crate::store::sealing::values::{Stored, micros};
use crate::store::sqlite::outbox::{self, OutRow};
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::states::RowState;

/// Hands over what one entry says.
pub fn all(scene: &mut Scene<'_>, work: &Work) -> Stored<()> {
    work.hand_overs.iter().try_for_each(|over| one(scene, work, over))
}

fn one(scene: &mut Scene<'_>, work: &Work, over: &HandOverWork) -> Stored<()> {
    let now = micros(work.now);
    let mut found = Vec::new();
    for (id, row) in rows(scene, over)? {
        if row.state == RowState::Sent && over.rows.contains(&id) {
            scene.run(sql!("follow_forget"), [row.row])?;
            continue;
        }
        if let Some(opened) = outbox::content(scene, id, row.sealed)?
            && opened.body()?.is_some()
        {
            found.push((id, row));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let (lane, _) = outbox::lane_for(scene, Some(&over.lane), &over.destination, None, || None)?;
    let mut left: Vec<i64> = Vec::new();
    for (id, row) in &found {
        if row.state == RowState::Sent {
            // What its far end said of it was of the addressee before.
            scene.run(sql!("follow_forget"), [row.row])?;
        }
        let values = params![row.row, lane, over.destination, over.partner, now, over.deadline];
        scene.run(sql!("outbox_hand_over"), values)?;
        outbox::change(scene, row, *id, work.now, "outbox.handed-over", &json!({ "to": over.destination }))?;
        left.push(row.lane);
    }
    left.retain(|before| *before != lane);
    left.dedup();
    for before in left {
        outbox::arm(scene, before, now, true)?;
    }
    outbox::arm(scene, lane, now, true)
}

/// The rows that go over, in their order.
fn rows(scene: &Scene<'_>, over: &HandOverWork) -> Stored<Vec<(Uuid, OutRow)>> {
    let mut lanes = Vec::new();
    for name in &over.lanes {
        let mut find = scene.connection.prepare_cached(sql!("lane_find")).map_err(trouble)?;
        let found: Option<i64> = find.query_row([&name[..]], |r| r.get(0)).optional().map_err(trouble)?;
        lanes.extend(found);
    }
    let mut list = scene.connection.prepare_cached(sql!("outbox_to_hand_over")).map_err(trouble)?;
    let mut ids: Vec<Uuid> = list
        .query_map(params![over.cause, over.from, json!(lanes).to_string()], |r| uuid(r.get(0)?))
        .and_then(Iterator::collect)
        .map_err(trouble)?;
    drop(list);
    ids.extend(&over.rows);
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(outbox::out_row(scene, id)?.map(|row| (id, row)));
    }
    Ok(found)
}
