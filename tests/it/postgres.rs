//! The store on PostgreSQL: the contract suite, and what only several processes, roles and a server that fails can show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lies::Lies;
use drehscheibe::store::postgres::parts::PostgresStore;
use drehscheibe::store::postgres::recovery;
use drehscheibe::store::postgres::settings::encode;
use drehscheibe::store::recovery::Restored;
use secrecy::SecretBox;

use crate::store_contract::common::{House, at};

mod audit;
pub mod binary;
mod history;
mod neighbours;
mod plans;
mod put_back;
mod replicas;
mod retention;
mod rights;
pub mod server;
mod sharing;
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

    async fn put_back(&self, backup: &Path, marked: bool) {
        let admin = self.server.admin(&self.database).await;
        admin.batch_execute("ALTER SCHEMA drehscheibe RENAME TO drehscheibe_before").await.unwrap();
        let owner = self.server.url("besitzer", &self.database);
        let done = std::process::Command::new(server::programs().unwrap().join("pg_restore"))
            .args(["--exit-on-error", "--single-transaction", "--dbname", &owner])
            .arg(backup.join("database.pgdump"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        admin.batch_execute("DROP SCHEMA drehscheibe_before CASCADE").await.unwrap();
        let _ = std::fs::remove_dir_all(self.claims());
        std::fs::create_dir_all(self.claims()).unwrap();
        for claim in std::fs::read_dir(backup.join("claims")).unwrap() {
            let claim = claim.unwrap();
            std::fs::copy(claim.path(), self.claims().join(claim.file_name())).unwrap();
        }
        if marked {
            self.mark().await;
        }
    }

    async fn mark(&self) {
        let url = self.server.url("laufzeit", &self.database);
        let owner = encode(&self.server.url("besitzer", &self.database));
        let claims = encode(&self.folder.path().to_string_lossy());
        let place = Lies::at(format!("{url}?claims={claims}&owner={owner}"));
        let restored = Restored { at: at(500), copied: Some(at(100)) };
        // A connection of the store before may take a moment to end.
        for _ in 0..1_200 {
            let master = SecretBox::new(Box::new([1; 32]));
            match recovery::mark(&place, Stage::Test, master, &restored) {
                Err(StoreError::Refused(text)) if text.contains("runs") => {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                done => return done.unwrap(),
            }
        }
        panic!("a process runs for ever");
    }

    async fn empty_ledger(&self) {
        let admin = self.server.admin(&self.database).await;
        let older = "DELETE FROM schluessel.ledger; ALTER TABLE schluessel.ledger ALTER nr RESTART";
        admin.batch_execute(older).await.unwrap();
    }

    async fn lose_keys(&self) {
        let admin = self.server.admin(&self.database).await;
        let lost = "DELETE FROM schluessel.subject_key; ALTER SEQUENCE schluessel.schluessel RESTART";
        admin.batch_execute(lost).await.unwrap();
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

    async fn forget_days(&self) {
        let admin = self.server.admin(&self.database).await;
        let all = "UPDATE drehscheibe.mirror SET ende = NULL, ende_stand = NULL";
        admin.batch_execute(all).await.unwrap();
    }

    async fn forget_keys(&self) {
        let admin = self.server.admin(&self.database).await;
        let all = "UPDATE drehscheibe.mirror SET schluessel_von = NULL, schluessel_version = NULL";
        admin.batch_execute(all).await.unwrap();
    }
}

crate::store_contract!(
    contract,
    match super::house().await {
        Some(house) => house,
        None => return,
    }
);
