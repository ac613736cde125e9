//! The store on PostgreSQL behind the contract. Never decides anything itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretBox;
use uuid::Uuid;

use crate::effects::{Answer, Outgoing, Question};
use crate::envelope::{Claim, Envelope, Stage};
use crate::store::claims::{Claims, SpoolRead, SpoolWrite};
use crate::store::contract::{Made, Resumed, Store};
use crate::store::duty::{Ask, Duties, Duty, Holding, Taken};
use crate::store::entry::{Committed, Entry};
use crate::store::error::StoreError;
use crate::store::lane::{Lane, Lanes, Settle, Take, Want};
use crate::store::lies::Lies;
use crate::store::migrated::{Migrated, Version};
use crate::store::notes::Notes;
use crate::store::orders::{Command, CommandState, Orders};
use crate::store::pauses::{Breaker, Pause, Pauses};
use crate::store::postgres::beside::Beside;
use crate::store::postgres::claims::{self, Begun, Writing};
use crate::store::postgres::commit::{self, Batch, Written};
use crate::store::postgres::outbox::Laid;
use crate::store::postgres::outside::Outside;
use crate::store::postgres::parts::{PostgresStore, apart};
use crate::store::postgres::settings::Settings;
use crate::store::postgres::witness::Witness;
use crate::store::postgres::{
    again, bury, duty, house, lanes, ledger, list, migrate, open, read, recovery, rekey, remove, retention,
    settle, waiting,
};
use crate::store::rekey::Rekey;
use crate::store::retention::{Faellig, Retention, Scheibe, Stichtag};
use crate::store::sealing::claim_file::Reading;
use crate::store::sealing::due::does_not_open;
use crate::store::sealing::prepare::MirrorWork;
use crate::store::sealing::values::Stored;
use crate::store::stamp::Stamp;

/// Opens the store as the menu of back ends has it; inside a multi-threaded runtime, which it blocks for a moment.
pub fn boxed(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    read_only: bool,
) -> Result<Arc<dyn Store>, StoreError> {
    let settings = Settings::of_place(place, stage, master, read_only)?;
    Ok(Arc::new(apart(PostgresStore::open(settings))?))
}

/// Makes the tables or brings them up to this program's version, as the menu of back ends has it; blocks like [`boxed`].
pub fn migrated(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
) -> Result<Vec<Migrated>, StoreError> {
    let settings = Settings::of_place(place, stage, master, false)?;
    apart(async move { open::prepare(&settings).await })
}

/// The versions of the tables as they are, as the menu of back ends has it; blocks like [`boxed`].
pub fn versions(place: &Lies, stage: Stage, master: SecretBox<[u8; 32]>) -> Result<Vec<Version>, StoreError> {
    let settings = Settings::of_place(place, stage, master, true)?;
    apart(async move { migrate::versions(&settings).await })
}

impl PostgresStore {
    /// Opens the store, migrated where it is older. Refused with a plain sentence where stage, schema version, key or key store
    /// do not fit; then nothing was changed.
    pub async fn open(settings: Settings) -> Result<PostgresStore, StoreError> {
        let (base, watch) = open::open(&settings).await?;
        let outside = Outside::of(&settings)?;
        Ok(PostgresStore { base, outside, watch, begun: Begun::default(), dead: Mutex::default() })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin_run(&self) -> Result<u64, StoreError> {
        self.watch()?;
        claims::are_there(&self.base).await?;
        let dead = bury::at_start(&self.base).await?;
        recovery::next_epoch(&self.base).await?;
        recovery::begin_mark(&self.base).await?;
        recovery::forget_marks(&self.base).await?;
        claims::collect(&self.base, &self.begun, &dead).await
    }

    fn tells(&self) -> bool {
        self.watch.is_some()
    }

    async fn woken(&self) {
        match &self.watch {
            Some(watch) => watch.woken().await,
            None => std::future::pending().await,
        }
    }

    async fn lookup(&self, questions: Vec<Question>) -> Result<Vec<Answer>, StoreError> {
        read::lookup(&self.base, &questions).await
    }

    async fn commit_and_take(
        &self,
        entries: Vec<Arc<Entry>>,
        take: Option<Take>,
    ) -> Result<Made, StoreError> {
        let watch = self.watch()?;
        let take = take.map(Arc::new);
        let (works, stamps) = self.prepared(entries, take.clone()).await?;
        let Batch { written, lanes, woken } =
            commit::commit(&self.base, &works, &stamps, take.as_deref()).await?;
        self.base.acknowledged().await?;
        if works.iter().map(|work| work.now).max().is_some_and(|now| self.base.counts_epoch(now)) {
            // Where it fails now the next start does it.
            let _ = recovery::next_epoch(&self.base).await;
        }
        if works.iter().any(|work| work.mirror.iter().any(|c| matches!(c, MirrorWork::Remove { .. }))) {
            // Where it fails now, opening the store does it: the list is durable.
            let _ = remove::destroy_listed(&self.base).await;
        }
        // What this process sends itself brings others no work.
        let sends: usize = works.iter().map(|work| work.sends.len()).sum();
        let taken: usize = lanes.iter().map(|lane| lane.heads.len()).sum();
        if sends > taken || woken {
            watch.tell();
        }
        let firsts = written.iter().filter_map(|one| match one {
            Written::Again(first) => Some(first.clone()),
            Written::Done(_) => None,
        });
        let firsts: Vec<_> = firsts.collect();
        let mut verdicts = match firsts.is_empty() {
            true => Vec::new(),
            false => list::verdicts(&self.base, firsts).await?,
        }
        .into_iter();
        let lost = || StoreError::Later("a verdict was lost".into());
        let committed = written.into_iter().map(|one| match one {
            Written::Done(committed) => Ok(committed),
            Written::Again(_) => verdicts.next().map(Committed::Again).ok_or_else(lost),
        });
        Ok(Made { committed: committed.collect::<Stored<_>>()?, lanes, woken })
    }

    async fn answer_again(
        &self,
        first: Uuid,
        answer: Outgoing,
        repeat: &Stamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let watch = self.watch()?;
        let queued = again::answer(&self.base, first, &answer, repeat, now).await?;
        watch.tell();
        Ok(queued)
    }

    async fn close(&self, patience: Duration) -> Result<(), StoreError> {
        let wrote = |witness: Arc<Witness>| witness.confirmed().iter().any(|n| *n > 0);
        if !self.base.db.witness().is_some_and(wrote) {
            return Ok(());
        }
        // What was only settled is marked, too.
        self.base.acknowledged().await?;
        // Where the database is away the keys do not hear that something was written; what lies beside it says so.
        let _ = tokio::time::timeout(patience, recovery::next_epoch(&self.base)).await;
        Ok(())
    }

    async fn sound(&self) -> Result<(), StoreError> {
        self.base.beside.as_ref().map_or(Ok(()), Beside::sound)?;
        lanes::next_due(&self.base, &[]).await?;
        ledger::last(&self.base).await.map(drop)
    }

    async fn resume(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Resumed>, StoreError> {
        self.watch()?;
        waiting::resume(&self.base, now, lease, limit).await
    }

    async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        waiting::due_timers(&self.base, now, limit).await
    }
}

#[async_trait]
impl Lanes for PostgresStore {
    async fn claim(&self, want: Want) -> Result<Vec<Lane>, StoreError> {
        self.watch()?;
        let now = want.now;
        let (lanes, broken) = lanes::claim(&self.base, &want).await?;
        if !broken.is_empty() {
            // One row that does not open must not stop the others.
            let settles = broken.into_iter().map(|row| {
                let release = !lanes.iter().any(|open: &Lane| open.id == row.0);
                does_not_open(row, release, now)
            });
            self.settle(settles.collect()).await?;
        }
        Ok(lanes)
    }

    async fn settle(&self, mut settles: Vec<Settle>) -> Result<Vec<bool>, StoreError> {
        let watch = self.watch()?;
        let mut laid = Laid::new();
        for (place, one) in settles.iter_mut().enumerate() {
            laid.append(&mut self.laid(place, std::mem::take(&mut one.answers)).await?);
        }
        let any = !laid.is_empty();
        let settled = settle::settle(&self.base, &settles, laid).await?;
        if any {
            watch.tell();
        }
        Ok(settled)
    }

    async fn renew(
        &self,
        lane: i64,
        fence: i64,
        now: Timestamp,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.watch()?;
        lanes::renew(&self.base, (lane, fence), now, lease).await
    }

    async fn remember(&self, lane: i64, fence: i64, row: Uuid, what: &[u8]) -> Result<bool, StoreError> {
        self.watch()?;
        settle::remember(&self.base, (lane, fence), row, what).await
    }

    async fn next_due(&self, but: &[String]) -> Result<Option<Timestamp>, StoreError> {
        lanes::next_due(&self.base, but).await
    }
}

#[async_trait]
impl Pauses for PostgresStore {
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        house::breakers(&self.base).await
    }

    async fn set_breaker(&self, breaker: Breaker) -> Result<(), StoreError> {
        self.watch()?;
        house::set_breaker(&self.base, &breaker).await
    }

    async fn pauses(&self, now: Timestamp) -> Result<Vec<Pause>, StoreError> {
        house::pauses(&self.base, now).await
    }

    async fn set_pause(
        &self,
        kind: &str,
        name: &str,
        pause: Option<Pause>,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.watch()?;
        house::set_pause(&self.base, (kind, name), pause.as_ref(), person, now).await
    }
}

#[async_trait]
impl Orders for PostgresStore {
    async fn post_command(&self, command: Command) -> Result<(), StoreError> {
        let watch = self.watch()?;
        house::post_command(&self.base, &command).await?;
        watch.tell();
        Ok(())
    }

    async fn take_commands(&self, limit: usize) -> Result<Vec<Command>, StoreError> {
        self.watch()?;
        house::take_commands(&self.base, limit).await
    }

    async fn end_command(&self, id: Uuid, state: CommandState) -> Result<(), StoreError> {
        self.watch()?;
        house::end_command(&self.base, id, &state).await
    }

    async fn leave_command(&self, id: Uuid) -> Result<(), StoreError> {
        let watch = self.watch()?;
        house::leave_command(&self.base, id).await?;
        watch.tell();
        Ok(())
    }

    async fn command_state(&self, id: Uuid) -> Result<Option<CommandState>, StoreError> {
        house::command_state(&self.base, id).await
    }
}

#[async_trait]
impl Notes for PostgresStore {
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        house::note(&self.base, connection, key).await
    }

    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.watch()?;
        house::set_note(&self.base, connection, key, value.as_deref()).await
    }

    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, StoreError> {
        self.watch()?;
        house::swap_note(&self.base, (connection, key), before.as_deref(), &value).await
    }
}

#[async_trait]
impl Claims for PostgresStore {
    async fn spool(&self, mandant: &str) -> Result<Box<dyn SpoolWrite>, StoreError> {
        self.watch()?;
        let mandant = self.base.keyring.mandant(&self.base.db, mandant).await?;
        let (base, begun) = (self.base.clone(), self.begun.clone());
        let begun = tokio::task::spawn_blocking(move || Writing::begin(base, begun, mandant));
        let begun = begun.await.map_err(|_| StoreError::Later("beginning a part was broken off".into()))?;
        Ok(Box::new(begun?))
    }

    async fn open_claim(&self, mandant: &str, claim: &Claim) -> Result<Box<dyn SpoolRead>, StoreError> {
        let key = {
            let client = self.base.db.get().await?;
            self.base.keyring.find(&client, mandant).await?
        };
        let key = key.ok_or_else(|| StoreError::Corrupt("this Mandant has no claims".into()))?;
        let (base, claim) = (self.base.clone(), claim.clone());
        let begun = tokio::task::spawn_blocking(move || Reading::begin(&base.claims, &key, &claim));
        let begun = begun.await.map_err(|_| StoreError::Later("opening a part was broken off".into()))?;
        Ok(Box::new(begun?))
    }

    async fn collect_garbage(&self) -> Result<u64, StoreError> {
        self.watch()?;
        claims::collect(&self.base, &self.begun, &[]).await
    }
}

#[async_trait]
impl Duties for PostgresStore {
    fn sign(&self) -> Option<Vec<u8>> {
        self.watch.as_ref().map(|_| duty::sign(self.base.lauf))
    }

    async fn signs(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        duty::signs(&self.base).await
    }

    async fn take_duty(&self, ask: &Ask) -> Result<Taken, StoreError> {
        self.watch()?;
        duty::take(&self.base, ask).await
    }

    async fn give_back(&self, duty: &Duty) -> Result<bool, StoreError> {
        self.watch()?;
        duty::give_back(&self.base, duty).await
    }

    async fn duties(&self) -> Result<Vec<Holding>, StoreError> {
        duty::list(&self.base).await
    }

    async fn due_timers_under(
        &self,
        duty: &Duty,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<Envelope>>, StoreError> {
        self.watch()?;
        waiting::due_timers_under(&self.base, duty, now, limit).await
    }

    async fn set_note_under(
        &self,
        duty: &Duty,
        connection: &str,
        key: &str,
        value: Option<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        self.watch()?;
        duty::set_note(&self.base, duty, (connection, key), value.as_deref()).await
    }

    async fn clear_up(&self) -> Result<u64, StoreError> {
        let watch = self.watch()?;
        let before = std::mem::take(&mut *self.dead.lock().unwrap_or_else(PoisonError::into_inner));
        let (buried, dead) = bury::again(&self.base, &before).await?;
        *self.dead.lock().unwrap_or_else(PoisonError::into_inner) = dead;
        if buried > 0 {
            watch.tell();
        }
        Ok(buried)
    }
}

#[async_trait]
impl Retention for PostgresStore {
    async fn retention_plan(&self, stichtag: &Stichtag) -> Result<Vec<Faellig>, StoreError> {
        retention::plan(&self.base, stichtag).await
    }

    async fn retain(&self, stichtag: &Stichtag, limit: usize) -> Result<Option<Scheibe>, StoreError> {
        self.watch()?;
        retention::retain(&self.base, stichtag, limit).await
    }
}

#[async_trait]
impl Rekey for PostgresStore {
    async fn rekey(&self, limit: usize) -> Result<u64, StoreError> {
        self.watch()?;
        rekey::slice(&self.base, limit).await
    }
}
