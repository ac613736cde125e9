//! What is followed after it was sent: laid down with its settling, read when due, settled under a duty. Never looks itself.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::decide::{self, Look};
use crate::store::duty::Duty;
use crate::store::error::StoreError;
use crate::store::follow::{Followed, Follows, Found, Looked, Which};
use crate::store::lane::{Follow, Onward};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::due::{ONWARD, onward_detail};
use crate::store::sealing::follow::{
    self as sealed, ClosedFollowed, Ended, ended, ended_by_person, look_of, open_proof,
};
use crate::store::sealing::values::{Stored, limit, may_see_payloads, micros, narrow, time};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::outbox::{self, OutRow, content, out_row};
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{commit, house};
use crate::store::stamp::Scope;
use crate::store::states::{FollowState, SendState};

/// Lays down that a row that is settled as sent is followed; without content there is nothing to look by.
pub fn lay(scene: &Scene<'_>, id: Uuid, row: &OutRow, follow: &Follow, now: Timestamp) -> Stored<()> {
    let Some(opened) = content(scene, id, row.sealed)? else { return Ok(()) };
    let kept = sealed::seal_kept(&opened, &follow.keep)?;
    let values = params![row.row, micros(now), micros(follow.due), micros(follow.until), kept];
    scene.run(sql!("follow_add"), values).map(drop)
}

/// What is due, opened; what lost its content (row and when it was sent); what does not open.
type Due = (Vec<Followed>, Vec<(i64, i64)>, Vec<Looked>);

fn due(connection: &Connection, keyring: &Keyring, which: &Which) -> Stored<Due> {
    let closed: Vec<(i64, ClosedFollowed, i64)> = {
        let mut list = connection.prepare_cached(sql!("follow_due")).map_err(trouble)?;
        let values = params![micros(which.now), json!(which.except).to_string(), limit(which.limit)];
        list.query_map(values, |r| {
            let followed = ClosedFollowed {
                id: uuid(r.get(1)?)?,
                destination: r.get(2)?,
                since: r.get(3)?,
                until: r.get(4)?,
                looks: r.get(5)?,
                kept: r.get(6)?,
            };
            Ok((r.get(0)?, followed, r.get(7)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    let (mut open, mut lost, mut broken) = Due::default();
    for (row, followed, sealed) in closed {
        let failed = followed.broken(which.now);
        let since = followed.since;
        let opened = Opened::read(connection, keyring, sealed, Owner::new("outbox", followed.id));
        match opened.and_then(|opened| opened.map(|opened| followed.open(&opened)).transpose()) {
            Ok(Some(followed)) => open.push(followed),
            Ok(None) => lost.push((row, since)),
            Err(StoreError::Corrupt(_)) => broken.push(failed),
            Err(other) => return Err(other),
        }
    }
    Ok((open, lost, broken))
}

fn next(connection: &Connection) -> Stored<Option<Timestamp>> {
    let mut get = connection.prepare_cached(sql!("follow_next")).map_err(trouble)?;
    get.query_row([], |r| r.get::<_, Option<i64>>(0)).map(|due| due.map(time)).map_err(trouble)
}

fn stands(scene: &Scene<'_>, row: i64) -> Stored<Option<(FollowState, Look)>> {
    let mut get = scene.connection.prepare_cached(sql!("follow_get")).map_err(trouble)?;
    get.query_row([row], |r| Ok((r.get(0)?, Look { since: r.get(1)?, looks: r.get(2)? })))
        .optional()
        .map_err(trouble)
}

fn settle(scene: &mut Scene<'_>, looked: &Looked) -> Stored<bool> {
    let Some(row) = out_row(scene, looked.row)? else { return Ok(false) };
    let stands = stands(scene, row.row)?;
    if !decide::look_settles(look_of(looked), stands) {
        return Ok(false);
    }
    match (&looked.found, ended(looked)) {
        (Found::Open { at, .. } | Found::Held { at, .. }, _) => {
            if let Some(opened) = content(scene, looked.row, row.sealed)? {
                note_trouble(scene, &row, &opened, &looked.found)?;
            }
            scene.run(sql!("follow_again"), params![row.row, micros(*at), None::<Vec<u8>>])?;
        }
        (Found::Step { at, keep }, _) => {
            // Without content there is nothing that could be taken back.
            let Some(opened) = content(scene, looked.row, row.sealed)? else {
                return Ok(false);
            };
            let kept = sealed::seal_kept(&opened, keep)?;
            note_trouble(scene, &row, &opened, &looked.found)?;
            scene.run(sql!("follow_again"), params![row.row, micros(*at), kept])?;
        }
        (Found::TakenBack(onward), _) => return take_back(scene, &row, looked, onward),
        (_, Some(ended)) => end(scene, &row, (looked.row, &ended), 1, looked.now)?,
        (_, None) => {}
    }
    Ok(true)
}

fn note_trouble(scene: &Scene<'_>, row: &OutRow, opened: &Opened, found: &Found) -> Stored<()> {
    match sealed::troubled(opened, found)? {
        Some(note) => scene.run(sql!("sealed_note"), params![row.sealed, note]).map(drop),
        None => Ok(()),
    }
}

/// What was taken back goes on by its next way; `false` when its content went meanwhile, with which it is over.
fn take_back(scene: &mut Scene<'_>, row: &OutRow, looked: &Looked, onward: &Onward) -> Stored<bool> {
    let (id, now) = (looked.row, looked.now);
    let Some(opened) = content(scene, id, row.sealed)? else { return Ok(false) };
    scene.run(sql!("sealed_note"), params![row.sealed, sealed::taken_back(&opened, onward, now)?])?;
    scene.run(sql!("follow_forget"), [row.row])?;
    outbox::go_on(scene, row, onward, now)?;
    delivered_no_more(scene, looked.delivers.as_ref(), now)?;
    outbox::change(scene, row, id, now, ONWARD, &onward_detail(onward))?;
    Ok(true)
}

/// The Vorgang of a row that has not arrived after all; whoever decided on it looks again.
fn delivered_no_more(scene: &mut Scene<'_>, vorgang: Option<&Tag>, now: Timestamp) -> Stored<()> {
    let Some(vorgang) = vorgang else { return Ok(()) };
    match scene.run(sql!("vorgang_not_delivered"), params![vorgang, micros(now)])? {
        0 => Ok(()),
        _ => scene.bump([vorgang]),
    }
}

/// What a row that was sent waits for a person as: it was not confirmed, or cannot be taken back.
pub fn waits(scene: &Scene<'_>, id: Uuid, row: &OutRow) -> Stored<Option<SendState>> {
    let Some((state, _)) = stands(scene, row.row)? else { return Ok(None) };
    let held = sealed::held(content(scene, id, row.sealed)?.as_ref())?;
    Ok(decide::waits_for_person(state, held))
}

/// A row that failed to be confirmed, or cannot be taken back, is one to be sent again, in a lane of its own, which is still to be armed: nobody looks after it any more,
/// and its Vorgang is delivered no more.
pub fn take_up(
    scene: &mut Scene<'_>,
    row: i64,
    (destination, vorgang): (&str, Option<&Tag>),
    now: Timestamp,
) -> Stored<i64> {
    scene.run(sql!("follow_forget"), [row])?;
    let (lane, _) = outbox::lane_for(scene, None, destination, None, || None)?;
    scene.run(sql!("outbox_next_way"), params![row, lane, destination, None::<i64>])?;
    delivered_no_more(scene, vorgang, now)?;
    Ok(lane)
}

fn end(
    scene: &mut Scene<'_>,
    row: &OutRow,
    (id, ended): (Uuid, &Ended),
    looks: i64,
    now: Timestamp,
) -> Stored<()> {
    let opened = content(scene, id, row.sealed)?;
    let sealed = opened.map(|opened| ended.sealed(&opened)).transpose()?.flatten();
    if let Some(sealed) = &sealed {
        scene.run(sql!("sealed_note"), params![row.sealed, sealed.note])?;
    }
    let proof = sealed.and_then(|sealed| sealed.proof);
    scene.run(sql!("follow_end"), params![row.row, ended.state, proof, looks])?;
    outbox::change(scene, row, id, now, ended.what, &ended.detail)
}

/// A person says that what failed to be confirmed, or cannot be taken back, arrived; `false` when it waits for no person.
pub fn arrived(
    scene: &mut Scene<'_>,
    id: Uuid,
    row: &OutRow,
    detail: &serde_json::Value,
    now: Timestamp,
) -> Stored<bool> {
    let waits = waits(scene, id, row)?.is_some();
    if waits {
        end(scene, row, (id, &ended_by_person(detail, now)), 0, now)?;
    }
    Ok(waits)
}

fn proof(
    scene: &mut Scene<'_>,
    scope: &Scope,
    id: Uuid,
    (person, reason): (&str, &str),
    now: Timestamp,
) -> Stored<Option<Bytes>> {
    may_see_payloads(scope)?;
    let (mandant, partner) = narrow(scope);
    let found: Option<(String, i64, i64, Vec<u8>)> = {
        let mut get = scene.connection.prepare_cached(sql!("follow_proof")).map_err(trouble)?;
        get.query_row(params![id, mandant, partner], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .optional()
            .map_err(trouble)?
    };
    let Some((traceparent, stamp, sealed, proof)) = found else { return Ok(None) };
    let opened = Opened::read(scene.connection, scene.keyring, sealed, Owner::new("outbox", id))?;
    let Some(proof) = opened.map(|opened| open_proof(&opened, proof)).transpose()?.flatten() else {
        return Ok(None);
    };
    let words = house::seal_view(scene, id, person, reason)?;
    let values = params![micros(now), stamp, traceparent, id, "proof", Vec::<u8>::new(), words];
    scene.run(sql!("abruf_add"), values)?;
    Ok(Some(proof))
}

#[async_trait]
impl Follows for SqliteStore {
    async fn due_looks(&self, duty: &Duty, which: &Which) -> Result<Option<Vec<Followed>>, StoreError> {
        let asked = which.clone();
        let (open, lost, broken) = self.readers.read(move |db, keyring| due(db, keyring, &asked)).await?;
        if lost.is_empty() && broken.is_empty() {
            return Ok(self.duties.holds(duty).then_some(open));
        }
        let (duties, duty) = (self.duties.clone(), duty.clone());
        let holds = self.write(move |scene| {
            let holds = duties.holds(&duty);
            if holds {
                for (row, since) in &lost {
                    scene.run(sql!("follow_lost"), [row, since])?;
                }
                broken.iter().try_for_each(|looked| settle(scene, looked).map(drop))?;
            }
            Ok(holds)
        });
        Ok(holds.await?.then_some(open))
    }

    async fn next_look(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers.read(|db, _| next(db)).await
    }

    async fn settle_look(&self, duty: &Duty, mut looked: Looked) -> Result<bool, StoreError> {
        let mut laid = self.laid(std::mem::take(&mut looked.answers)).await?;
        let (duties, duty, pending) = (self.duties.clone(), duty.clone(), self.pending.clone());
        self.write(move |scene| {
            let settled = duties.holds(&duty) && settle(scene, &looked)?;
            if settled {
                laid.iter_mut().try_for_each(|work| commit::lay(scene, &pending, work))?;
            }
            Ok(settled)
        })
        .await
    }

    async fn proof(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError> {
        let (scope, person, reason) = (scope.clone(), person.to_owned(), reason.to_owned());
        self.write(move |scene| proof(scene, &scope, id, (&person, &reason), now)).await
    }
}
