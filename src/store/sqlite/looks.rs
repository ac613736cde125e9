//! What sources found where they look for deliveries, by place and partner. Never decides what that means for a register.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;

use crate::envelope::Lying;
use crate::store::error::StoreError;
use crate::store::looks::{Look, Looks};
use crate::store::sealing::values::{Stored, lies, micros, time};
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};

/// Since when the oldest delivery of a partner lies where sources see it.
pub fn backlog(connection: &Connection, partner: &str) -> Stored<Option<Timestamp>> {
    let mut get = connection.prepare_cached(sql!("backlog_get")).map_err(trouble)?;
    let since: Option<i64> = get.query_row([partner], |r| r.get(0)).map_err(trouble)?;
    Ok(since.map(time))
}

/// All of it.
fn list(connection: &Connection) -> Stored<Vec<Look>> {
    let mut list = connection.prepare_cached(sql!("backlog_list")).map_err(trouble)?;
    let read = |r: &rusqlite::Row<'_>| {
        let emptied: Option<i64> = r.get(4)?;
        Ok(Look {
            place: r.get(0)?,
            partner: r.get(1)?,
            since: r.get::<_, Option<i64>>(2)?.map(time),
            looked: time(r.get(3)?),
            emptied: emptied.map(time),
        })
    };
    list.query_map([], read).and_then(Iterator::collect).map_err(trouble)
}

/// The connection of a place.
fn connection_of(place: &str) -> &str {
    place.split_once(' ').map_or(place, |(name, _)| name)
}

/// Forgets whatever is not to be kept.
fn forget(scene: &Scene<'_>, kept: impl Fn(&Look) -> bool) -> Stored<()> {
    for look in list(scene.connection)?.iter().filter(|look| !kept(look)) {
        scene.run(sql!("backlog_delete"), params![look.place, look.partner])?;
    }
    Ok(())
}

#[async_trait]
impl Looks for SqliteStore {
    async fn begin_looks(
        &self,
        connection: &str,
        places: &[(String, Vec<String>)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (connection, places) = (connection.to_owned(), places.to_vec());
        self.write(move |scene| {
            let named = |look: &Look| {
                places
                    .iter()
                    .any(|(place, partners)| *place == look.place && partners.contains(&look.partner))
            };
            forget(scene, |look| connection_of(&look.place) != connection || named(look))?;
            for (place, partners) in &places {
                for partner in partners {
                    scene.run(sql!("backlog_begin"), params![place, partner, micros(now)])?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn looked(
        &self,
        place: &str,
        partners: &[String],
        lying: Lying,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (place, partners) = (place.to_owned(), partners.to_vec());
        let (empty, since) = lies(lying);
        self.write(move |scene| {
            scene.run(sql!("backlog_others"), params![place, json!(partners).to_string()])?;
            for partner in &partners {
                scene.run(sql!("backlog_add"), params![place, partner, since, micros(now), empty])?;
            }
            Ok(())
        })
        .await
    }

    async fn keep_looks(&self, connections: &[String]) -> Result<(), StoreError> {
        let connections = connections.to_vec();
        let kept = move |look: &Look| connections.iter().any(|name| name == connection_of(&look.place));
        self.write(move |scene| forget(scene, kept)).await
    }

    async fn looks(&self) -> Result<Vec<Look>, StoreError> {
        self.readers.read(|connection, _| list(connection)).await
    }
}
