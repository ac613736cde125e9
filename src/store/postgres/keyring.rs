//! The keys of a running store: the master's, the Mandanten's, and the store of child and Vorgang keys, which is a schema of
//! its own on a connection of its own. Child and Vorgang keys are made in advance, so that one is durable before a row needs
//! it. Never hands out a key's octets.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::{GenericClient, Object};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::seal::key::{Key, Master};
use crate::store::error::StoreError;
use crate::store::postgres::ask::{one, rows, run};
use crate::store::postgres::deletions::Columns;
use crate::store::postgres::pool::Db;
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::sealing::content::{Closed, Opened, Owner};
use crate::store::sealing::keys::{HOUSE, Keys, MandantKey, POOL, SubjectKey, subject_place};
use crate::store::sealing::ledger::Entry;
use crate::store::sealing::values::{Stored, limit, sealing};

/// All keys of a store.
pub struct Keyring {
    keys: Keys,
    db: Db,
    free: Mutex<HashMap<i64, Vec<SubjectKey>>>,
}

impl Deref for Keyring {
    type Target = Keys;

    fn deref(&self) -> &Keys {
        &self.keys
    }
}

impl Keyring {
    /// The keys under a master key, with connections to the key store.
    pub fn new(master: Master, db: Db) -> Stored<Keyring> {
        Ok(Keyring { keys: Keys::new(master)?, db, free: Mutex::default() })
    }

    /// The Mandant's key from the store, if it has one.
    pub async fn find(&self, on: &impl GenericClient, mandant: &str) -> Stored<Option<Arc<MandantKey>>> {
        if let Some(key) = self.known(mandant) {
            return Ok(Some(key));
        }
        let found = one(on, sql!("mandant_key_by_name"), &[&mandant]).await?;
        found.map(|row| self.wrapped(&row)).transpose()
    }

    /// The Mandant's key, made where it is missing and durable before it is used.
    pub async fn mandant(&self, db: &Db, mandant: &str) -> Stored<Arc<MandantKey>> {
        if let Some(key) = self.known(mandant) {
            return Ok(key);
        }
        let client = db.get().await?;
        if let Some(key) = self.find(&client, mandant).await? {
            return Ok(key);
        }
        let (id, wrapped) = self.fresh(mandant)?;
        run(&client, sql!("mandant_key_add"), &[&id, &mandant, &wrapped]).await?;
        let missing = || StoreError::Later("a Mandant's key could not be made".into());
        self.find(&client, mandant).await?.ok_or_else(missing)
    }

    /// The key of the house itself.
    pub async fn house(&self, on: &impl GenericClient) -> Stored<Arc<MandantKey>> {
        let lost = || StoreError::Corrupt("the store has lost the key of the house".into());
        self.find(on, HOUSE).await?.ok_or_else(lost)
    }

    fn wrapped(&self, r: &Row) -> Stored<Arc<MandantKey>> {
        self.open((get(r, 0)?, get(r, 1)?, get(r, 2)?, get(r, 3)?))
    }

    /// The Mandanten's keys with these numbers.
    pub async fn by_rows(
        &self,
        on: &impl GenericClient,
        numbers: impl IntoIterator<Item = i64>,
    ) -> Stored<HashMap<i64, Arc<MandantKey>>> {
        let (mut found, mut unknown) = (HashMap::new(), Vec::new());
        for nr in numbers {
            match self.known_row(nr) {
                Some(key) => {
                    found.insert(nr, key);
                }
                None => unknown.push(nr),
            }
        }
        if !unknown.is_empty() {
            for row in rows(on, sql!("mandant_key_by_row"), &[&unknown]).await? {
                let key = self.wrapped(&row)?;
                found.insert(key.row, key);
            }
        }
        Ok(found)
    }

    /// Keys for new children or Vorgänge; they are durable already.
    pub async fn new_subjects(&self, mandant: &MandantKey, n: usize) -> Stored<Vec<SubjectKey>> {
        let mut taken = Vec::with_capacity(n);
        loop {
            {
                let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
                let keys = free.entry(mandant.row).or_default();
                while taken.len() < n {
                    match keys.pop() {
                        Some(key) => taken.push(key),
                        None => break,
                    }
                }
            }
            if taken.len() == n {
                return Ok(taken);
            }
            let client = self.db.get().await?;
            let drawn = rows(&client, sql!("subject_key_numbers"), &[&limit(POOL)]).await?;
            let (mut made, mut numbers, mut wrapped) = (Vec::new(), Vec::new(), Vec::new());
            for row in &drawn {
                let (nr, key) = (get(row, 0)?, Key::random().map_err(sealing)?);
                numbers.push(nr);
                wrapped.push(mandant.key.wrap(&subject_place(nr), &key).map_err(sealing)?);
                made.push(SubjectKey { row: nr, key: Arc::new(key) });
            }
            run(&client, sql!("subject_key_add"), &[&numbers, &mandant.row, &wrapped]).await?;
            // Handed out in the order of their numbers.
            made.reverse();
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.entry(mandant.row).or_default().splice(0..0, made);
        }
    }

    /// The child and Vorgang keys with these numbers; a missing one was destroyed.
    pub async fn subjects(
        &self,
        on: &impl GenericClient,
        numbers: &[i64],
    ) -> Stored<HashMap<i64, SubjectKey>> {
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        let found: Vec<(i64, i64, Vec<u8>)> = {
            let client = self.db.get().await?;
            rows(&client, sql!("subject_key_get"), &[&numbers])
                .await?
                .iter()
                .map(|r| Ok((get(r, 0)?, get(r, 1)?, get(r, 2)?)))
                .collect::<Stored<_>>()?
        };
        let mandanten = self.by_rows(on, found.iter().map(|(_, mandant, _)| *mandant)).await?;
        let lost = || StoreError::Corrupt("the key of a Mandant is missing".into());
        let mut opened = HashMap::with_capacity(found.len());
        for (nr, mandant, wrapped) in found {
            let mandant = mandanten.get(&mandant).ok_or_else(lost)?;
            let key = mandant.key.unwrap(&subject_place(nr), &wrapped).map_err(sealing)?;
            opened.insert(nr, SubjectKey { row: nr, key: Arc::new(key) });
        }
        Ok(opened)
    }

    /// Writes deletions in the ledger and destroys keys for good, both or neither; returns the last number of the ledger.
    pub async fn destroy(&self, deletions: &[Entry], numbers: &[i64]) -> Stored<i64> {
        let mut client = self.db.get().await?;
        let tx = client.transaction().await.map_err(trouble)?;
        if !deletions.is_empty() {
            let columns = Columns::of(deletions.iter().map(|one| &one.what));
            let ids: Vec<Uuid> = deletions.iter().map(|one| one.id).collect();
            let at: Vec<i64> = deletions.iter().map(|one| one.at).collect();
            let classes: Vec<&str> = deletions.iter().map(|one| one.class.as_str()).collect();
            let Columns { kind, record, subject, keys, created, until } = &columns;
            run(&tx, sql!("ledger_add"), &[&ids, &at, &classes, kind, record, subject, keys, created, until])
                .await?;
        }
        run(&tx, sql!("subject_key_destroy"), &[&numbers]).await?;
        let last = match one(&tx, sql!("ledger_last"), &[]).await? {
            Some(last) => get(&last, 0)?,
            None => 0,
        };
        tx.commit().await.map_err(trouble)?;
        Ok(last)
    }

    /// A connection to the key store, for its own tables beside the keys.
    pub async fn beside(&self) -> Stored<Object> {
        self.db.get().await
    }

    /// Opens contents, each with the key that wraps it; one that does not open stops no other.
    pub async fn open_all(
        &self,
        on: &impl GenericClient,
        closed: Vec<(Owner, Closed)>,
    ) -> Stored<Vec<Stored<Option<Opened>>>> {
        let mut subjects: Vec<i64> = closed
            .iter()
            .filter(|(_, closed)| closed.data_key.is_some())
            .filter_map(|(_, closed)| closed.subject)
            .collect();
        subjects.sort_unstable();
        subjects.dedup();
        let subjects = self.subjects(on, &subjects).await?;
        let mut mandanten: Vec<i64> = closed.iter().map(|(_, closed)| closed.mandant).collect();
        mandanten.sort_unstable();
        mandanten.dedup();
        let mandanten = self.by_rows(on, mandanten).await?;
        let open = |(owner, closed): (Owner, Closed)| {
            let outer = match closed.subject {
                Some(subject) => subjects.get(&subject).map(|subject| &*subject.key),
                None => match mandanten.get(&closed.mandant) {
                    Some(mandant) => Some(&mandant.key),
                    None => return Err(StoreError::Corrupt("the key of a Mandant is missing".into())),
                },
            };
            closed.open_with(owner, outer)
        };
        Ok(closed.into_iter().map(open).collect())
    }

    /// Opens one content.
    pub async fn open_one(
        &self,
        on: &impl GenericClient,
        owner: Owner,
        closed: Closed,
    ) -> Stored<Option<Opened>> {
        let mut opened = self.open_all(on, vec![(owner, closed)]).await?;
        opened.pop().unwrap_or(Ok(None))
    }
}
