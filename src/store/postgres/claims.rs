//! Claims on a folder that all processes share: a finished file is held by a row of its process until a message names it, so
//! that no other process collects it, and what rows need of them. Never removes what a row names or a living process holds.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::runtime::Handle;

use crate::envelope::{Claim, Hold};
use crate::seal::key::{Key, Place, random};
use crate::store::claims::SpoolWrite;
use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::sealing::claim_file::{Begun as Open, Ended, broken};
use crate::store::sealing::claim_names::Lies;
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, sealing};

/// So many collections a finished claim that no row names survives.
const SPARED: i64 = 2;

/// Names of the files that this process is writing.
pub type Begun = Arc<Mutex<HashSet<String>>>;

/// One handle's share in a finished claim.
struct Share {
    /// A handle outlives its store where nobody took it along: then it is no process of the store any more.
    base: Weak<Base>,
    name: String,
    /// Where the file is cleared away, whatever thread lets go.
    runtime: Handle,
}

impl Share {
    fn take(base: &Arc<Base>, name: &str) -> Share {
        let mut holders = base.holders.lock().unwrap_or_else(PoisonError::into_inner);
        *holders.entry(name.to_owned()).or_default() += 1;
        Share { base: Arc::downgrade(base), name: name.to_owned(), runtime: Handle::current() }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(base) = self.base.upgrade() else { return };
        {
            let mut holders = base.holders.lock().unwrap_or_else(PoisonError::into_inner);
            let left = holders.get(&self.name).map_or(0, |left| left.saturating_sub(1));
            if left > 0 {
                holders.insert(self.name.clone(), left);
                return;
            }
            holders.remove(&self.name);
        }
        let name = std::mem::take(&mut self.name);
        // What is not cleared away now the daily collection finds.
        self.runtime.spawn(async move { let_go(&base, name).await });
    }
}

/// Forgets that this process holds a claim, and removes its file where no row names it and nobody else holds it.
async fn let_go(base: &Base, name: String) -> Stored<()> {
    let mut client = base.db.get().await?;
    let tx = client.transaction().await.map_err(trouble)?;
    one(&tx, sql!("claim_turn"), &[&name]).await?;
    // Somebody has taken it anew meanwhile: whoever comes later waits for this turn.
    if base.holders.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&name) {
        return Ok(());
    }
    run(&tx, sql!("claim_pending_let_go"), &[&name, &base.lauf]).await?;
    let needed = one(&tx, sql!("claim_needed"), &[&name]).await?;
    if !needed.map(|r| get(&r, 0)).transpose()?.unwrap_or(true) {
        remove(base, Lies::Finished, &name).await?;
    }
    tx.commit().await.map_err(trouble)
}

/// A claim being written; dropped unfinished it leaves nothing.
pub struct Writing {
    base: Arc<Base>,
    begun: Begun,
    mandant: Arc<MandantKey>,
    aside: String,
    open: Open,
}

impl Writing {
    /// Begins a claim of a Mandant. The file's name says whose it is while it is written.
    pub fn begin(base: Arc<Base>, begun: Begun, mandant: Arc<MandantKey>) -> Stored<Writing> {
        let aside = format!("{}-{}", base.lauf, hex::encode(random::<16>().map_err(sealing)?));
        begun.lock().unwrap_or_else(PoisonError::into_inner).insert(aside.clone());
        let open = Open::begin(&base.claims, &aside)?;
        Ok(Writing { base, begun, mandant, aside, open })
    }

    /// Puts the file where its name says, or takes the one that is there; holds it for this process. One process at a time
    /// looks after a name.
    async fn place(&self, name: &str, key: Key) -> Stored<Key> {
        let base = &self.base;
        let mut client = base.db.get().await?;
        let tx = client.transaction().await.map_err(trouble)?;
        one(&tx, sql!("claim_turn"), &[&name]).await?;
        let house = base.keyring.house(&tx).await?;
        let (folder, claim) = (base.claims.clone(), name.to_owned());
        let looked = tokio::task::spawn_blocking(move || folder.is_there(&claim));
        let there = looked.await.map_err(|_| broken())??;
        let known = if there { known_key(base, &tx, name, &house).await? } else { None };
        let key = match known {
            // The same content is there already: its file and key serve both.
            Some(key) => key,
            None => {
                let (folder, aside, claim) = (base.claims.clone(), self.aside.clone(), name.to_owned());
                tokio::task::spawn_blocking(move || folder.place(&aside, &claim))
                    .await
                    .map_err(|_| broken())??;
                key
            }
        };
        let held = house.key.wrap(&held_place(name), &key).map_err(sealing)?;
        run(&tx, sql!("claim_pending_add"), &[&name, &base.lauf, &held]).await?;
        tx.commit().await.map_err(trouble)?;
        Ok(key)
    }
}

fn held_place(name: &str) -> Place {
    Place::new("claim_pending", name.as_bytes(), "key")
}

/// The key of a claim file that a row names or a process holds.
async fn known_key(base: &Base, tx: &Tx<'_>, name: &str, house: &MandantKey) -> Stored<Option<Key>> {
    if let Some(r) = one(tx, sql!("claim_use_any"), &[&vec![name]]).await? {
        let (wrapped, mandant, subject): (Vec<u8>, i64, Option<i64>) =
            (get(&r, 1)?, get(&r, 2)?, get(&r, 3)?);
        let place = claim_place(name);
        let key = match subject {
            None => base
                .keyring
                .by_rows(tx, [mandant])
                .await?
                .get(&mandant)
                .map(|m| m.key.unwrap(&place, &wrapped)),
            Some(subject) => {
                let subjects = base.keyring.subjects(tx, &[subject]).await?;
                subjects.get(&subject).map(|s| s.key.unwrap(&place, &wrapped))
            }
        };
        if let Some(key) = key {
            return key.map(Some).map_err(sealing);
        }
    }
    match one(tx, sql!("claim_pending_key"), &[&name]).await? {
        Some(r) => house.key.unwrap(&held_place(name), get(&r, 0)?).map(Some).map_err(sealing),
        None => Ok(None),
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Where it was renamed there is nothing left to remove.
        self.base.claims.give_up(&self.aside);
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.aside);
    }
}

#[async_trait]
impl SpoolWrite for Writing {
    async fn write(&mut self, octets: Bytes) -> Stored<()> {
        self.open.write(octets).await
    }

    async fn finish(mut self: Box<Self>) -> Stored<(Claim, u64, String)> {
        let Ended { sha256, size, key } = self.open.end().await?;
        let name = hex::encode(self.base.keyring.claim.full(&[sha256.as_ref()]));
        let hold = Hold::of(Share::take(&self.base, &name));
        let key = self.place(&name, key).await?;
        let wrapped = self.mandant.key.wrap(&claim_place(&name), &key).map_err(sealing)?;
        Ok((Claim { name, key: STANDARD.encode(wrapped), hold }, size, hex::encode(sha256)))
    }
}

/// Refuses a folder of claims that holds none of those that rows name.
pub async fn are_there(base: &Base) -> Stored<()> {
    let client = base.db.get().await?;
    let named = one(&client, sql!("claim_first"), &[]).await?.is_some();
    let folder = base.claims.clone();
    tokio::task::spawn_blocking(move || folder.is_the_stores(named)).await.map_err(|_| broken())?
}

/// Removes files that no row names and no living process holds.
pub async fn collect(base: &Base, begun: &Begun, dead: &[i64]) -> Stored<u64> {
    let client = base.db.get().await?;
    run(&client, sql!("claim_pending_age"), &[&base.lauf]).await?;
    run(&client, sql!("claim_pending_forget"), &[&base.lauf, &SPARED, &dead]).await?;
    drop(client);
    let folder = base.claims.clone();
    let listed = tokio::task::spawn_blocking(move || -> Stored<[Vec<String>; 2]> {
        Ok([folder.claims(Lies::Finished)?, folder.claims(Lies::Aside)?])
    });
    let [finished, asides] = listed.await.map_err(|_| broken())??;
    let mut removed = 0;
    let client = base.db.get().await?;
    let needless = rows(&client, sql!("claim_needless"), &[&finished]).await?;
    drop(client);
    for r in needless {
        removed += u64::from(remove_unless_needed(base, get(&r, 0)?).await?);
    }
    for aside in asides {
        let own = begun.lock().unwrap_or_else(PoisonError::into_inner).contains(&aside);
        if !own && !written_by_another(base, &aside).await? {
            removed += u64::from(remove(base, Lies::Aside, &aside).await?);
        }
    }
    Ok(removed)
}

async fn remove_unless_needed(base: &Base, name: &str) -> Stored<bool> {
    let mut client = base.db.get().await?;
    let tx = client.transaction().await.map_err(trouble)?;
    one(&tx, sql!("claim_turn"), &[&name]).await?;
    let needed = one(&tx, sql!("claim_needed"), &[&name]).await?;
    if needed.map(|r| get(&r, 0)).transpose()?.unwrap_or(true) {
        return Ok(false);
    }
    remove(base, Lies::Finished, name).await
}

/// Removes a file; `false` where it is none of ours, or another process that collects at the same moment was faster.
async fn remove(base: &Base, lies: Lies, name: &str) -> Stored<bool> {
    let (folder, name) = (base.claims.clone(), name.to_owned());
    tokio::task::spawn_blocking(move || folder.remove(lies, &name)).await.map_err(|_| broken())?
}

/// Whether a living other process writes this file.
async fn written_by_another(base: &Base, aside: &str) -> Stored<bool> {
    let lauf = aside.split_once('-').and_then(|(lauf, _)| lauf.parse::<i64>().ok());
    let Some(lauf) = lauf.filter(|lauf| *lauf != base.lauf) else { return Ok(false) };
    let client = base.db.get().await?;
    let lives = one(&client, sql!("lauf_lives"), &[&lauf]).await?;
    Ok(lives.map(|r| get(&r, 0)).transpose()?.unwrap_or(true))
}

/// Claims that rows need, column by column.
#[derive(Default)]
pub struct Uses<'a> {
    names: Vec<&'a str>,
    rows: Vec<i64>,
    keys: Vec<Vec<u8>>,
}

impl<'a> Uses<'a> {
    /// Takes the claims of a row, their keys wrapped like the row's own.
    pub fn take(
        &mut self,
        claims: &'a [(String, Key)],
        row: i64,
        mandant: &MandantKey,
        subject: Option<&SubjectKey>,
    ) -> Stored<()> {
        for (name, key) in claims {
            let outer = subject.map_or(&mandant.key, |subject| &subject.key);
            self.keys.push(outer.wrap(&claim_place(name), key).map_err(sealing)?);
            self.names.push(name);
            self.rows.push(row);
        }
        Ok(())
    }

    /// Takes in those of another part.
    pub fn append(&mut self, mut other: Uses<'a>) {
        self.names.append(&mut other.names);
        self.rows.append(&mut other.rows);
        self.keys.append(&mut other.keys);
    }

    /// Writes them; each must be held by a process or named by a row, and stays held until the commit.
    pub async fn add(&self, tx: &Tx<'_>) -> Stored<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let held = rows(tx, sql!("claim_pending_hold"), &[&self.names]).await?;
        let mut there: BTreeSet<String> = held.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
        if self.names.iter().any(|name| !there.contains(*name)) {
            let used = rows(tx, sql!("claim_use_any"), &[&self.names]).await?;
            there.extend(used.iter().map(|r| get(r, 0)).collect::<Stored<Vec<String>>>()?);
        }
        if self.names.iter().any(|name| !there.contains(*name)) {
            return Err(StoreError::Entry("a part's claim was collected as garbage; send it again".into()));
        }
        run(tx, sql!("claim_use_add"), &[&self.names, &self.rows, &self.keys]).await.map(drop)
    }
}
