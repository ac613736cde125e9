//! The store on PostgreSQL: the contract suite, and what only several processes, roles and a server that fails can show.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::{Store, StoreError};
use drehscheibe::store::postgres::store::PostgresStore;

use crate::store_contract::common::House;

mod binary;
mod neighbours;
mod plans;
mod rights;
pub mod server;
mod trouble;

/// A database of the shared server, and a folder of claims that goes with the test.
pub struct Served {
    pub server: &'static server::Server,
    pub database: String,
    pub folder: tempfile::TempDir,
}

/// A new database; `None` where PostgreSQL is not installed.
pub async fn house() -> Option<Served> {
    let server = server::shared().await?;
    Some(Served { server, database: server.database().await, folder: tempfile::tempdir().unwrap() })
}

/// The same without any tables.
pub async fn empty() -> Option<Served> {
    let server = server::shared().await?;
    Some(Served { server, database: server.empty_database().await, folder: tempfile::tempdir().unwrap() })
}

impl Served {
    pub async fn store(&self, stage: Stage, key: u8) -> Result<PostgresStore, StoreError> {
        PostgresStore::open(self.server.settings(&self.database, self.folder.path(), stage, key)).await
    }
}

#[async_trait]
impl House for Served {
    async fn open(&self, stage: Stage, key: u8) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(self.store(stage, key).await?))
    }

    async fn run(&self) -> Result<(Arc<dyn Store>, u64), StoreError> {
        let store = self.store(Stage::Test, 1).await?;
        let removed = store.begin_run().await?;
        Ok((Arc::new(store), removed))
    }

    fn claims(&self) -> PathBuf {
        self.folder.path().join("claims")
    }

    async fn raise_schema_version(&self) {
        let admin = self.server.admin(&self.database).await;
        admin
            .batch_execute(
                "INSERT INTO drehscheibe.refinery_schema_history (version, name, applied_on, checksum)
                 VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
            )
            .await
            .unwrap();
    }
}

crate::store_contract!(
    contract,
    match super::house().await {
        Some(house) => house,
        None => return,
    }
);
