//! What sources found where they look for deliveries, by place and partner. Never decides what that means for a register.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::envelope::Lying;
use crate::store::error::StoreError;
use crate::store::looks::{Look, Looks};
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql};
use crate::store::sealing::values::{Stored, lies, micros, time};

/// Since when the oldest delivery of each partner lies where sources see it.
pub async fn backlog(tx: &Tx<'_>, partners: Vec<&str>) -> Stored<HashMap<String, Timestamp>> {
    if partners.is_empty() {
        return Ok(HashMap::new());
    }
    let found = rows(tx, sql!("backlog_get"), &[&partners]).await?;
    found.iter().map(|r| Ok((get(r, 0)?, time(get(r, 1)?)))).collect()
}

#[async_trait]
impl Looks for PostgresStore {
    async fn begin_looks(
        &self,
        connection: &str,
        places: &[(String, Vec<String>)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.watch()?;
        let each = places.iter().flat_map(|(place, partners)| partners.iter().map(move |one| (place, one)));
        let (names, partners): (Vec<&str>, Vec<&str>) =
            each.map(|(place, partner)| (place.as_str(), partner.as_str())).unzip();
        transact!(self.base.db, tx => async {
            run(&tx, sql!("backlog_forget"), &[&connection, &names, &partners]).await?;
            run(&tx, sql!("backlog_begin"), &[&names, &partners, &micros(now)]).await.map(drop)
        }.await)
    }

    async fn looked(
        &self,
        place: &str,
        partners: &[String],
        lying: Lying,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.watch()?;
        let (empty, since) = lies(lying);
        let mut partners: Vec<&str> = partners.iter().map(String::as_str).collect();
        // Replicas that tell of one place lock its rows in one order.
        partners.sort_unstable();
        transact!(self.base.db, tx => async {
            run(&tx, sql!("backlog_delete"), &[&place, &partners]).await?;
            run(&tx, sql!("backlog_add"), &[&place, &partners, &since, &micros(now), &empty]).await.map(drop)
        }.await)
    }

    async fn keep_looks(&self, connections: &[String]) -> Result<(), StoreError> {
        self.watch()?;
        let client = self.base.db.get().await?;
        run(&client, sql!("backlog_keep"), &[&connections]).await.map(drop)
    }

    async fn looks(&self) -> Result<Vec<Look>, StoreError> {
        let client = self.base.db.get().await?;
        let found = rows(&client, sql!("backlog_list"), &[]).await?;
        let read = |r: &tokio_postgres::Row| -> Stored<Look> {
            Ok(Look {
                place: get(r, 0)?,
                partner: get(r, 1)?,
                since: get::<Option<i64>>(r, 2)?.map(time),
                looked: time(get(r, 3)?),
                emptied: get::<Option<i64>>(r, 4)?.map(time),
            })
        };
        found.iter().map(read).collect()
    }
}
