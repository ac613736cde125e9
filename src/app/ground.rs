//! The ground that plays stand on: a store that is made once and copied, since making its tables costs more than most plays.
//! Lies in memory where the system has such a place, and never outlives its process.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::clock::Tick;
use crate::envelope::Stage;
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::sqlite::open::Settings;
use crate::store::sqlite::parts::SqliteStore;

use super::scratch::Scratch;

/// How long a store may take to empty its logs: they hold what one play wrote.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store in which nobody runs.
pub struct Ground {
    folder: Scratch,
    stage: Stage,
    /// A key of its own that ends with the process: `dry-run` plays messages with real data, too.
    key: [u8; 32],
}

impl Ground {
    /// A new store with its tables and nothing in them.
    pub async fn made(stage: Stage) -> Result<Ground, StoreError> {
        let mut key = [0u8; 32];
        let random = aws_lc_rs::rand::fill(&mut key);
        random.map_err(|_| StoreError::Refused("the system gives no random octets".into()))?;
        let ground = Ground { folder: Scratch::in_memory().map_err(unusable)?, stage, key };
        leave(&ground.open().await?).await?;
        Ok(ground)
    }

    /// A store of its own with all that lies in this one.
    pub fn copy(&self) -> io::Result<Ground> {
        let folder = Scratch::in_memory()?;
        copied(&self.folder.0, &folder.0)?;
        Ok(Ground { folder, stage: self.stage, key: self.key })
    }

    /// Opens it as the one process that runs on it.
    pub async fn open(&self) -> Result<SqliteStore, StoreError> {
        let master = secrecy::SecretBox::new(Box::new(self.key));
        let path = self.folder.0.clone();
        let store = SqliteStore::open(Settings { path, stage: self.stage, master, read_only: false })?;
        // Lanes that the engine before left leased are free again for the only process that may run here. Its last tasks may
        // still be ending, and the lock ends with them.
        let began = Tick::now();
        loop {
            match store.lock_for_run().await {
                Ok(_) => return Ok(store),
                Err(error) if began.elapsed() > Duration::from_secs(10) => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }

    /// The stage of its store.
    pub fn stage(&self) -> Stage {
        self.stage
    }
}

/// Ends a store whole, so that its ground can be copied.
pub async fn leave(store: &SqliteStore) -> Result<(), StoreError> {
    store.close(PATIENCE).await
}

fn unusable(error: io::Error) -> StoreError {
    StoreError::Refused(format!("no temporary folder: {}", crate::config::what(error.kind())).into())
}

/// Files and folders; a link is none of ours.
fn copied(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&to)?;
            copied(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
