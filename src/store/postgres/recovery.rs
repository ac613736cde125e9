//! Backup and recovery on PostgreSQL: epoch and mark beside the tables, the copy by `pg_dump` at one moment, doubtful rows.
//! Never restores by itself: that is the database's owner's to do.

use std::path::Path;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use secrecy::SecretBox;
use serde_json::json;
use uuid::Uuid;

use crate::envelope::Stage;
use crate::store::backup::CLAIMS;
use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::store::lane::{Due, Settle};
use crate::store::lies::Lies;
use crate::store::manifest::Manifest;
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, no_stamp, stamps};
use crate::store::postgres::beside::{Found, missing, processes};
use crate::store::postgres::ledger::{doubts, locked, lost_keys, state};
use crate::store::postgres::outside::{DATABASE, KEYS, readable};
use crate::store::postgres::parts::{PostgresStore, apart};
use crate::store::postgres::pool::transact;
use crate::store::postgres::settings::{HOUSE, Settings};
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::postgres::{belongs, blob, house, lanes, ledger, outbox, reapply, settle};
use crate::store::recovery::{
    Copied, Finding, KEYS_OLDER, LedgerLine, NOT_APPLIED, OLDER, RECOVERS, Reapplied, Recovering, Recovery,
    Restored, ask_from,
};
use crate::store::restore::PutBack;
use crate::store::sealing::content::Owner;
use crate::store::sealing::ledger::{self as shared};
use crate::store::sealing::values::{Stored, count, limit, micros, time};

/// Refuses a database or a key store that is older than the other; a recovering database may be older than its keys.
pub async fn check(base: &Base) -> Stored<()> {
    // What lies outside of the database first, then the keys: what another process counts on meanwhile makes the database younger, never the keys.
    let found = found_beside(base).await?;
    let (last, epoch) = ledger::last(base).await?;
    let client = base.db.get().await?;
    let here = state(&client, sql!("recovery_get")).await?;
    if here.since.is_none() && (epoch > here.epoch || last > here.ledger) {
        // What another process deletes at this moment stands in the ledger a moment before it is known here.
        ledger::write_listed(base).await?;
        let here = state(&client, sql!("recovery_get")).await?;
        if epoch > here.epoch || last > here.ledger {
            return Err(StoreError::Refused(OLDER.into()));
        }
    }
    let (last, _) = ledger::last(base).await?;
    if here.ledger > last {
        return Err(StoreError::Refused(KEYS_OLDER.into()));
    }
    if here.since.is_none() && newest_key_is_lost(base).await? {
        let lost = lost_keys(base).await?;
        let client = base.db.get().await?;
        let came = rows(&client, sql!("messages_of_subjects"), &[&lost]).await?;
        let came = came.iter().map(|r| get::<i64>(r, 1)).collect::<Stored<Vec<_>>>()?;
        let from = came
            .into_iter()
            .min()
            .map_or_else(|| "their last backup".to_owned(), |at| ask_from(at).to_string());
        return Err(StoreError::Refused(format!(
            "{} keys that the database needs are missing in the key store, which ends before it (a standby that lagged behind took over, \
             or an older copy is there); put back its newest copy, or, where there is none, run `drehscheibe recover --after-restore \
             --reason TEXT`, start, and have the partners repeat what they delivered from {from} on",
            lost.len()
        ).into()));
    }
    compare(base, found).await
}

async fn found_beside(base: &Base) -> Stored<Vec<Found>> {
    match &base.beside {
        Some(beside) => beside.found().await,
        None => Ok(Vec::new()),
    }
}

/// Compares the database with what its processes have written beside it. Where it lacks what they saw confirmed it was put back, whoever did it
/// and whatever went back with it: closed until a person opens it.
async fn compare(base: &Base, found: Vec<Found>) -> Stored<()> {
    let Some(beside) = base.beside.as_ref().filter(|_| !found.is_empty()) else { return Ok(()) };
    let client = base.db.get().await?;
    let there = rows(&client, sql!("mark_all"), &[&processes(&found)]).await?;
    let there = there.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?, get(r, 2)?)));
    let Some((transactions, until, lacks)) = missing(&found, &there.collect::<Stored<Vec<_>>>()?) else {
        return Ok(());
    };
    {
        // Whatever was lost with them, no number of a key is given out twice.
        let keys = base.keyring.beside().await?;
        one(&keys, sql!("keys_leave_out"), &[&LEFT_OUT]).await?;
    }
    run(&client, sql!("recovery_shown"), &[&transactions, &until]).await?;
    drop(client);
    beside.forget(lacks).await;
    Ok(())
}

/// Begins this process's own mark, which proves what those before it wrote as well, because the log of a server is one line; then theirs go, but
/// of those that live.
pub async fn begin_mark(base: &Base) -> Stored<()> {
    let found = found_beside(base).await?;
    transact!(base.db, tx => Ok(()))?;
    base.acknowledged().await?;
    let Some(beside) = &base.beside else { return Ok(()) };
    let client = base.db.get().await?;
    let living = rows(&client, sql!("lauf_all"), &[]).await?;
    drop(client);
    let living = living.iter().map(|r| get(r, 0)).collect::<Stored<Vec<i64>>>()?;
    beside.forget(found.into_iter().filter(|one| !living.contains(&one.lauf)).collect()).await;
    Ok(())
}

/// Numbers are drawn in order and keys are durable before they are needed, so a key store that lost its end has lost the newest key.
async fn newest_key_is_lost(base: &Base) -> Stored<bool> {
    let named = newest_key(base).await?;
    let Some(nr) = named else { return Ok(false) };
    let there = {
        let keys = base.keyring.beside().await?;
        one(&keys, sql!("subject_key_get"), &[&vec![nr]]).await?.is_some()
    };
    // Where another process destroys it at this moment nothing needs it any more.
    Ok(!there && newest_key(base).await? == named)
}

async fn newest_key(base: &Base) -> Stored<Option<i64>> {
    let client = base.db.get().await?;
    one(&client, sql!("keys_newest"), &[]).await?.map(|r| get(&r, 0)).transpose()
}

/// So many numbers are left out after a loss: more than the processes can have drawn since.
const LEFT_OUT: i64 = 1 << 20;

/// Counts the epoch on, in the database first: the keys are never ahead but after a restore.
pub async fn next_epoch(base: &Base) -> Stored<()> {
    let (_, keys) = ledger::last(base).await?;
    let next = {
        let client = base.db.get().await?;
        counted_on(&client, keys).await?
    };
    raise_keys(base, next).await
}

/// Forgets the marks of processes that began long ago.
pub async fn forget_marks(base: &Base) -> Stored<()> {
    let known = processes(&found_beside(base).await?);
    let client = base.db.get().await?;
    run(&client, sql!("mark_forget"), &[&known]).await.map(drop)
}

async fn counted_on(on: &impl GenericClient, keys: i64) -> Stored<i64> {
    let lost = || StoreError::Corrupt("the store has lost its epoch".into());
    get(&one(on, sql!("recovery_epoch"), &[&keys]).await?.ok_or_else(lost)?, 0)
}

async fn raise_keys(base: &Base, next: i64) -> Stored<()> {
    let keys = base.keyring.beside().await?;
    run(&keys, sql!("epoch_set"), &[&next]).await.map(drop)
}

/// Marks a database that its owner put back, as the menu of back ends has it; blocks like opening. Refused while a process runs.
pub fn mark(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    restored: &Restored,
) -> Result<(), StoreError> {
    let settings = Settings::of_place(place, stage, master, false)?;
    let restored = *restored;
    apart(async move {
        let (client, keys) = belongs::current(&settings).await?;
        let running = client.query_one(sql!("lauf_living"), &[]).await.map_err(trouble)?;
        if get::<i64>(&running, 0)? > 0 {
            return Err(StoreError::Refused("a process runs on this store; stop it first".into()));
        }
        let (at, copied) = (micros(restored.at), restored.copied.map(micros));
        let known: i64 = get(&client.query_one(sql!("recovery_get"), &[]).await.map_err(trouble)?, 1)?;
        let last: i64 = get(&keys.query_one(sql!("ledger_last"), &[]).await.map_err(trouble)?, 0)?;
        if known > last {
            let gap: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&at, &shared::LUECKE, &(known - last)];
            keys.execute(sql!("ledger_gap"), gap).await.map_err(trouble)?;
        }
        // Numbers of keys that were lost are not given out again.
        let newest = client.query_opt(sql!("keys_newest"), &[]).await.map_err(trouble)?;
        let newest: i64 = newest.map(|r| get(&r, 0)).transpose()?.unwrap_or_default();
        let next: i64 = get(&keys.query_one(sql!("keys_leave_out"), &[&1_i64]).await.map_err(trouble)?, 0)?;
        if next <= newest {
            let beyond = newest - next + LEFT_OUT;
            keys.query_one(sql!("keys_leave_out"), &[&beyond]).await.map_err(trouble)?;
        }
        client.execute(sql!("recovery_mark"), &[&at, &copied]).await.map(drop).map_err(trouble)
    })
}

/// Looks at a copied database, as the menu of back ends has it: only the server's own program reads it.
pub fn look(file: &Path) -> Result<Option<Copied>, StoreError> {
    readable(file).map(|()| None)
}

/// What the owner of the database does to put a backup back, as the menu of back ends has it.
pub fn by_owner(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    (backup, manifest): (&Path, &Manifest),
    _: &Restored,
) -> Result<PutBack, StoreError> {
    let settings = Settings::of_place(place, stage, master, false)?;
    let (backup, claims) = (backup.display(), settings.folder.join(CLAIMS));
    Ok(PutBack::ByOwner {
        commands: vec![
            "# stop every process of this store; OWNER is the URL of the login that owns the tables".into(),
            format!("psql \"$OWNER\" -c 'ALTER SCHEMA {HOUSE} RENAME TO {HOUSE}_before'"),
            format!(
                "pg_restore --exit-on-error --single-transaction --dbname \"$OWNER\" {backup}/{}",
                manifest.database.file
            ),
            format!("cp -a {backup}/{CLAIMS}/. {}/", claims.display()),
            "drehscheibe recover --after-restore --reason \"...\"".into(),
            format!("# when all is well: psql \"$OWNER\" -c 'DROP SCHEMA {HOUSE}_before CASCADE'"),
        ],
    })
}

async fn resolve(
    base: &Base,
    (id, finding): (Uuid, Finding),
    mut laid: outbox::Laid,
    now: Timestamp,
) -> Stored<bool> {
    let month = base.month(now).await?;
    transact!(base.db, tx => resolve_in(base, &tx, (id, finding.clone()), &mut laid, (now, month)).await)
}

async fn resolve_in(
    base: &Base,
    tx: &Tx<'_>,
    (id, finding): (Uuid, Finding),
    laid: &mut outbox::Laid,
    (now, month): (Timestamp, i64),
) -> Stored<bool> {
    if state(tx, sql!("recovery_get")).await?.since.is_none() {
        return Ok(false);
    }
    let Some(row) = outbox::out_rows(tx, &[id]).await?.remove(&id) else { return Ok(false) };
    if run(tx, sql!("doubt_clear"), &[&row.nr]).await? == 0 {
        return Ok(false);
    }
    let Some(outcome) = shared::outcome(finding) else { return Ok(true) };
    // Dispatch is closed: the lane is nobody's, and its fence is the one that stands.
    let Some(fence) = lanes::lock(tx, &[row.lane]).await?.remove(&row.lane) else { return Ok(false) };
    let (answers, delivers) = (Vec::new(), outbox::delivers(base, tx, (id, row.nr)).await?);
    let one = Settle { lane: row.lane, fence, row: id, outcome, answers, delivers, release: true, now };
    Ok(settle::in_rounds(base, tx, &[one], laid, month).await? == [true])
}

async fn open_dispatch(base: &Base, person: &str, reason: &str, now: Timestamp) -> Stored<Option<i64>> {
    let (month, stamp) = (base.month(now).await?, house::own(base, person).await?);
    let id = Uuid::new_v4();
    let reason = house::seal_text(base, id, reason).await?;
    let (_, keys) = ledger::last(base).await?;
    transact!(base.db, tx => async {
        let here = locked(&tx).await?;
        if here.since.is_none() {
            return Ok(None);
        }
        if !here.applied {
            return Err(StoreError::Refused(NOT_APPLIED.into()));
        }
        let next = counted_on(&tx, keys).await?;
        run(&tx, sql!("recovery_open"), &[]).await?;
        let doubtful = doubts(&tx).await?;
        let detail = json!({ "person": person, "id": id, "reason": reason, "doubtful": doubtful });
        let mut trail = Trail::default();
        trail.push(now, (stamp, ""), None, "recovery.opened", &detail)?;
        trail.write(&tx, month).await?;
        Ok(Some(next))
    }.await)
}

#[async_trait]
impl Recovery for PostgresStore {
    async fn recovery(&self) -> Stored<Option<Recovering>> {
        let client = self.base.db.get().await?;
        let here = state(&client, sql!("recovery_get")).await?;
        let Some(since) = here.since else { return Ok(None) };
        let (copied, applied) = (here.copied.map(time), here.applied);
        let doubtful = doubts(&client).await?;
        Ok(Some(Recovering { since: time(since), copied, applied, doubtful, lost: here.lost() }))
    }

    async fn reapply(&self, now: Timestamp) -> Stored<Reapplied> {
        self.watch()?;
        reapply::reapply(&self.base, now).await
    }

    async fn doubtful(&self, after: Option<Uuid>, most: usize) -> Stored<Vec<Due>> {
        let base = &self.base;
        let client = base.db.get().await?;
        let found = rows(&client, sql!("doubt_list"), &[&after, &limit(most)]).await?;
        let numbers: Vec<i64> = found.iter().map(|r| get(r, 3)).collect::<Stored<_>>()?;
        let stamps = stamps(&client, &numbers).await?;
        let (mut dues, mut contents) = (Vec::new(), Vec::new());
        for r in &found {
            let due = lanes::closed_due(r)?;
            contents.push((Owner::new("outbox", due.id), blob::closed(r, 16)?));
            dues.push(due);
        }
        let opened = base.keyring.open_all(&client, contents).await?;
        shared::page(dues.into_iter().zip(opened).map(|(due, content)| {
            let stamp = stamps.get(&due.stamp).cloned().ok_or_else(no_stamp)?;
            due.open(stamp, content?)
        }))
    }

    async fn resolve(
        &self,
        row: Uuid,
        finding: Finding,
        answers: Vec<Entry>,
        now: Timestamp,
    ) -> Stored<bool> {
        self.watch()?;
        let laid = self.laid(0, answers).await?;
        resolve(&self.base, (row, finding), laid, now).await
    }

    async fn open_dispatch(&self, person: &str, reason: &str, now: Timestamp) -> Stored<bool> {
        let watch = self.watch()?;
        let opened = open_dispatch(&self.base, person, reason, now).await?;
        if let Some(next) = opened {
            raise_keys(&self.base, next).await?;
            watch.tell();
        }
        Ok(opened.is_some())
    }

    async fn ledger(&self, after: i64, most: usize) -> Stored<Vec<LedgerLine>> {
        let entries = ledger::entries(&self.base, after, limit(most)).await?;
        Ok(entries.into_iter().map(shared::Entry::line).collect())
    }

    async fn copy(&self, into: &Path) -> Stored<Copied> {
        let base = &self.base;
        let mut client = base.db.get().await?;
        let builder = client.build_transaction();
        let builder = builder.isolation_level(tokio_postgres::IsolationLevel::RepeatableRead).read_only(true);
        let tx = builder.start().await.map_err(trouble)?;
        // The dump takes as long as it takes, and this transaction is its moment.
        tx.batch_execute("SET LOCAL idle_in_transaction_session_timeout = 0").await.map_err(trouble)?;
        let here = state(&tx, sql!("recovery_get")).await?;
        if here.since.is_some() {
            return Err(StoreError::Refused(RECOVERS.into()));
        }
        let lost = || StoreError::Corrupt("the store has lost what it says of itself".into());
        let word = async |sql: &str, name: &str| -> Stored<String> {
            get(&one(&tx, sql, &[&name]).await?.ok_or_else(lost)?, 0)
        };
        let (stage, store) = (word(sql!("meta_get"), "stage").await?, word(sql!("meta_get"), "store").await?);
        let schema_version = get(&one(&tx, sql!("schema_version"), &[]).await?.ok_or_else(lost)?, 0)?;
        let counts = rows(&tx, sql!("copy_rows"), &[]).await?;
        let counts = counts.iter().map(|r| Ok((get(r, 0)?, count(get(r, 1)?)))).collect::<Stored<_>>()?;
        let claims = rows(&tx, sql!("claim_names"), &[]).await?;
        let claims = claims.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
        let moment: String = get(&one(&tx, sql!("snapshot_export"), &[]).await?.ok_or_else(lost)?, 0)?;
        self.outside.dump_house(&into.join(DATABASE), &moment).await?;
        drop(tx);
        drop(client);
        // Before anybody can call it a backup, the store is in an epoch that the copy does not know.
        next_epoch(base).await?;
        Ok(Copied {
            kind: "postgres".into(),
            file: DATABASE.into(),
            stage,
            store,
            schema_version,
            epoch: here.epoch,
            rows: counts,
            claims,
        })
    }

    async fn copy_keys(&self, into: &Path) -> Stored<String> {
        self.outside.dump_keys(&into.join(KEYS)).await?;
        Ok(KEYS.to_owned())
    }

    async fn copy_claims(&self, names: &[String], into: &Path) -> Stored<Vec<String>> {
        let (base, names, into) = (self.base.clone(), names.to_vec(), into.to_owned());
        let done = tokio::task::spawn_blocking(move || base.claims.copy(&names, &into));
        done.await.map_err(|_| StoreError::Later("copying was broken off".into()))?
    }
}
