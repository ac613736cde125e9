//! What is ahead of rows of the outbox.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::lane::Due;
use crate::store::sealing::ahead::Counted;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::values::{Stored, micros};
use crate::store::sealing::{due, follow};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::outbox;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::scene::stamp_of;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::states::{FollowState, RowState};
use crate::store::ways::{Ahead, Ways};

fn ahead(connection: &Connection, keyring: &Keyring) -> Stored<Vec<Ahead>> {
    let mut list = connection.prepare_cached(sql!("outbox_with_ways")).map_err(trouble)?;
    let rows: Vec<(Uuid, String, i64)> = list
        .query_map([], |r| Ok((uuid(r.get(0)?)?, r.get(1)?, r.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(trouble)?;
    let mut counted = Counted::default();
    for (id, destination, sealed) in rows {
        let head = due::head(Opened::read(connection, keyring, sealed, Owner::new("outbox", id)))?;
        counted.row(&destination, head.as_ref());
    }
    Ok(counted.all())
}

fn waiting_for_person(connection: &Connection, keyring: &Keyring, id: Uuid) -> Stored<Option<Due>> {
    let mut get = connection.prepare_cached(sql!("outbox_one")).map_err(trouble)?;
    let read = |r: &rusqlite::Row<'_>| Ok((outbox::due_of(r)?, r.get(8)?, r.get(18)?));
    let found: Option<(_, RowState, Option<FollowState>)> =
        get.query_row([id], read).optional().map_err(trouble)?;
    let Some((closed, state, followed)) = found else { return Ok(None) };
    let opened = due::readable(Opened::read(connection, keyring, closed.sealed, Owner::new("outbox", id)))?;
    if !follow::waits_for_person((state, followed), opened.as_ref())? {
        return Ok(None);
    }
    let stamp = stamp_of(connection, closed.stamp)?;
    due::readable(closed.open(stamp, opened).map(Some))
}

fn hasten(scene: &mut Scene<'_>, destination: &str, now: Timestamp) -> Stored<()> {
    let lanes: Vec<i64> = {
        let mut list = scene.connection.prepare_cached(sql!("lane_waits")).map_err(trouble)?;
        list.query_map([destination], |r| r.get(0)).and_then(Iterator::collect).map_err(trouble)?
    };
    lanes.into_iter().try_for_each(|lane| outbox::arm(scene, lane, micros(now), true))
}

#[async_trait]
impl Ways for SqliteStore {
    async fn ahead(&self) -> Result<Vec<Ahead>, StoreError> {
        self.readers.ask(ahead).await
    }

    async fn hasten(&self, destination: &str, now: Timestamp) -> Result<(), StoreError> {
        let destination = destination.to_owned();
        self.write(move |scene| hasten(scene, &destination, now)).await
    }

    async fn waiting_for_person(&self, id: Uuid) -> Result<Option<Due>, StoreError> {
        self.readers.ask(move |db, keyring| waiting_for_person(db, keyring, id)).await
    }
}
