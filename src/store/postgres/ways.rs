//! What is ahead of rows of the outbox.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::lane::Due;
use crate::store::postgres::ask::{one, rows};
use crate::store::postgres::base::{Base, no_stamp, stamps};
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::{blob, lanes};
use crate::store::sealing::ahead::Counted;
use crate::store::sealing::content::Owner;
use crate::store::sealing::values::{Stored, micros};
use crate::store::sealing::{due, follow};
use crate::store::states::{FollowState, RowState};
use crate::store::ways::{Ahead, Ways};

/// So many contents are read at once.
const TOGETHER: usize = 512;

async fn ahead(base: &Base) -> Stored<Vec<Ahead>> {
    let client = base.db.get().await?;
    let found = rows(&client, sql!("outbox_with_ways"), &[]).await?;
    let found: Vec<(Uuid, String, i64)> =
        found.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?, get(r, 2)?))).collect::<Stored<_>>()?;
    let mut counted = Counted::default();
    for some in found.chunks(TOGETHER) {
        let numbers: Vec<i64> = some.iter().map(|(.., nr)| *nr).collect();
        let mut contents = blob::heads(&client, &numbers).await?;
        let (mut asked, mut to) = (Vec::new(), Vec::new());
        for (id, destination, nr) in some {
            if let Some(content) = contents.remove(nr) {
                asked.push((Owner::new("outbox", *id), content));
                to.push(destination);
            }
        }
        for (opened, destination) in base.keyring.open_all(&client, asked).await?.into_iter().zip(to) {
            counted.row(destination, due::head(opened)?.as_ref());
        }
    }
    Ok(counted.all())
}

async fn hasten(base: &Base, destination: &str, now: Timestamp) -> Stored<()> {
    transact!(base.db, tx => {
        let found = rows(&tx, sql!("lane_waits"), &[&destination]).await?;
        let arms: Vec<lanes::Arm> =
            found.iter().map(|r| Ok((get(r, 0)?, micros(now), true))).collect::<Stored<_>>()?;
        lanes::arm(&tx, &arms).await
    })
}

async fn waiting_for_person(base: &Base, id: Uuid) -> Stored<Option<Due>> {
    let client = base.db.get().await?;
    let Some(r) = one(&client, sql!("outbox_one"), &[&id]).await? else { return Ok(None) };
    let (closed, state, followed) =
        (lanes::closed_due(&r)?, get::<RowState>(&r, 8)?, get::<Option<FollowState>>(&r, 24)?);
    let opened = base.keyring.open_one(&client, Owner::new("outbox", id), blob::closed(&r, 16)?).await;
    let opened = due::readable(opened)?;
    if !follow::waits_for_person((state, followed), opened.as_ref())? {
        return Ok(None);
    }
    let stamp = stamps(&client, &[closed.stamp]).await?.remove(&closed.stamp).ok_or_else(no_stamp)?;
    due::readable(closed.open(stamp, opened).map(Some))
}

#[async_trait]
impl Ways for PostgresStore {
    async fn ahead(&self) -> Result<Vec<Ahead>, StoreError> {
        ahead(&self.base).await
    }

    async fn hasten(&self, destination: &str, now: Timestamp) -> Result<(), StoreError> {
        let watch = self.watch()?;
        hasten(&self.base, destination, now).await?;
        watch.tell();
        Ok(())
    }

    async fn waiting_for_person(&self, id: Uuid) -> Result<Option<Due>, StoreError> {
        waiting_for_person(&self.base, id).await
    }
}
