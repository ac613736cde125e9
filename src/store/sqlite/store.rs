//! The embedded store behind the contract: hands each call to the writing thread or to a reader.
//! Never blocks the runtime and never decides anything itself.

use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::store::entry::{Committed, Entry};
use crate::store::error::StoreError;
use crate::store::lane::{Lane, Lanes, Settle, Take, Want};
use crate::store::lies::Lies;
use crate::store::migrated::{Migrated, Version};
use crate::store::notes::Notes;
use crate::store::orders::{Command, CommandState, Orders};
use crate::store::pauses::{Breaker, Pause, Pauses};
use crate::store::sealing::claim_file::{Folder, Reading};
use crate::store::sealing::due::does_not_open;
use crate::store::sealing::keys::HOUSE;
use crate::store::sealing::taking::Taking;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::claims::{self, Pending, Writing};
use crate::store::sqlite::commit::{self, Written};
use crate::store::sqlite::durable::{Durable, Signs};
use crate::store::sqlite::guards::Guards;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::lock::Lock;
use crate::store::sqlite::open::Settings;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::place::Place;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::writer::{Start, Writer};
use crate::store::sqlite::{
    again, house, keys_end, lanes, ledger, list, mark, open, read, recovery, remove, waiting,
};
use crate::store::stamp::Stamp;

/// How long the key store's log may take at the end: it holds one act at most.
const KEYS_PATIENCE: Duration = Duration::from_secs(2);

/// Opens the embedded store as the menu of back ends has it.
pub fn boxed(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
    read_only: bool,
) -> Result<Arc<dyn Store>, StoreError> {
    let settings = Settings { path: place.folder()?.to_owned(), stage, master, read_only };
    Ok(Arc::new(SqliteStore::open(settings)?))
}

/// Makes the tables or brings them up to this program's version, as the menu of back ends has it.
pub fn migrated(
    place: &Lies,
    stage: Stage,
    master: SecretBox<[u8; 32]>,
) -> Result<Vec<Migrated>, StoreError> {
    Ok(open::open(&Settings { path: place.folder()?.to_owned(), stage, master, read_only: false })?.made)
}

/// The versions of the tables as they are, as the menu of back ends has it.
pub fn versions(
    place: &Lies,
    _stage: Stage,
    _master: SecretBox<[u8; 32]>,
) -> Result<Vec<Version>, StoreError> {
    open::versions(place.folder()?)
}

impl SqliteStore {
    /// Opens the store of a data folder, made where it is missing. Refused with a plain sentence where stage, schema
    /// version, key or files do not fit; then nothing was changed.
    pub fn open(settings: Settings) -> Result<SqliteStore, StoreError> {
        let left = mark::log_left(&settings.path);
        let files = open::open(&settings)?;
        let keyring = Arc::new(Keyring::new(files.master, files.keys)?);
        let readers = Arc::new(Readers::new(open::file(&settings.path), keyring.clone()));
        let claims = Folder::open(&settings.path, settings.read_only)?;
        let runs = Arc::<AtomicBool>::default();
        let pending = Arc::<Pending>::default();
        let signs;
        let (moment, writer) = if settings.read_only {
            signs = Signs::default();
            (Arc::default(), None)
        } else {
            // Before anything but the tables is written: what is missing is seen as it was left.
            mark::after_a_kill(&files.main, &settings.path, left)?;
            keyring.beside(|keys| mark::keys_after_a_kill(keys, &settings.path, left))?;
            // Of a database that is not this one's nothing else would be true.
            mark::same_history(&files.main, &keyring, &settings.path)?;
            keys_end::examine(&files.main, &keyring)?;
            let marks = mark::examine(&files.main, &keyring, &settings.path)?;
            if keyring.find(&files.main, HOUSE)?.is_none() {
                keyring.make(&files.main, HOUSE)?;
            }
            remove::destroy_listed(&files.main, &keyring)?;
            recovery::check(&files.main, &keyring)?;
            let database = open::file(&settings.path);
            let beside = open::connect(&database, false)?;
            let noting = keyring.clone();
            let note = Box::new(move |mark: &_| noting.note(mark));
            let place = Place::of(&settings.path)?;
            let durable = Durable::start(&files.main, &database, beside, (marks, note, place))?;
            signs = durable.signs().clone();
            let guards = Guards::open(&files.main)?;
            let moment = guards.moment();
            let start = Start {
                connection: files.main,
                keyring: keyring.clone(),
                guards,
                durable,
                claims: (pending.clone(), claims.clone()),
                runs: runs.clone(),
            };
            (moment, Some(Writer::start(start)?))
        };
        Ok(SqliteStore {
            folder: settings.path,
            stage: settings.stage,
            keyring,
            readers,
            moment,
            writer,
            signs,
            claims,
            pending,
            duties: Arc::default(),
            lock: Mutex::new(None),
            runs,
        })
    }

    /// Makes this the one running process of the store, and clears up after the last: its leases end, commands it had taken
    /// wait again, claims that no row names go (their number is returned).
    pub async fn lock_for_run(&self) -> Result<u64, StoreError> {
        let lock = Lock::of_run(&self.folder)?;
        let named = |db: &rusqlite::Connection, _: &Keyring| -> Stored<bool> {
            db.prepare_cached(sql!("claim_first")).and_then(|mut first| first.exists([])).map_err(trouble)
        };
        self.claims.is_the_stores(self.readers.read(named).await?)?;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        self.runs.store(true, Ordering::Release);
        self.write(|scene| {
            lanes::end_leases(scene, None)?;
            scene.run(sql!("waiting_end_leases"), [])?;
            scene.run(sql!("command_retake"), [])?;
            Ok(())
        })
        .await?;
        self.next_epoch().await?;
        self.collect_garbage().await
    }

    /// Empties the logs and ends the threads; see [`Store::close`].
    async fn end(&self, patience: Duration) -> Stored<()> {
        let Some(writer) = &self.writer else { return Ok(()) };
        // What still reads is in the way of nobody but the log.
        self.readers.close();
        let database = writer.close(patience).await;
        let keyring = self.keyring.clone();
        let keys = tokio::task::spawn_blocking(move || keyring.emptied());
        let keys = tokio::time::timeout(KEYS_PATIENCE, keys).await;
        let keys = keys
            .map_err(|_| StoreError::Later("it is held for too long".into()))
            .and_then(|ended| ended.unwrap_or_else(|_| Err(StoreError::Later("it was broken off".into()))));
        if database.is_ok() {
            self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let of = |name: &str, ended: Stored<()>| ended.err().map(|error| format!("{name}: {error}"));
        let left: Vec<String> =
            [of("drehscheibe.db", database), of("keys.db", keys)].into_iter().flatten().collect();
        match left.is_empty() {
            true => Ok(()),
            false => Err(StoreError::Later(left.join("; ").into())),
        }
    }

    /// Holds the database at so many pages (4 KiB each); beyond, commits are answered as on a full disk.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.write(move |scene| {
            let set = format!("PRAGMA max_page_count = {pages}");
            scene.connection.query_row(&set, [], |_| Ok(())).map_err(trouble)
        })
        .await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin_run(&self) -> Result<u64, StoreError> {
        self.lock_for_run().await
    }

    async fn lookup(&self, questions: Vec<Question>) -> Result<Vec<Answer>, StoreError> {
        let moment = self.moment.clone();
        self.readers.read(move |db, keyring| read::lookup(db, keyring, &moment, &questions)).await
    }

    async fn commit_and_take(
        &self,
        entries: Vec<Arc<Entry>>,
        take: Option<Take>,
    ) -> Result<Made, StoreError> {
        let (work, take) = self.prepared(entries, take).await?;
        let pending = self.pending.clone();
        let (written, lanes, woken) = self
            .write(move |scene| {
                let mut taking = take.as_ref().map(Taking::new);
                let (mut written, mut woken) = (Vec::with_capacity(work.len()), false);
                for work in &work {
                    let (one, wakes) = commit::entry(scene, &pending, work, taking.as_mut())?;
                    woken |= wakes;
                    written.push(one);
                }
                Ok((written, taking.map(Taking::lanes).unwrap_or_default(), woken))
            })
            .await?;
        if written.iter().all(|one| matches!(one, Written::Done(_))) {
            let done = |one| match one {
                Written::Done(committed) => Some(committed),
                Written::Again(_) => None,
            };
            let committed = written.into_iter().filter_map(done).collect();
            return Ok(Made { committed, lanes, woken });
        }
        let open = move |db: &rusqlite::Connection, keyring: &Keyring| {
            written
                .into_iter()
                .map(|one| match one {
                    Written::Done(committed) => Ok(committed),
                    Written::Again(first) => list::verdict(db, keyring, first).map(Committed::Again),
                })
                .collect()
        };
        Ok(Made { committed: self.readers.read(open).await?, lanes, woken })
    }

    async fn answer_again(
        &self,
        first: Uuid,
        answer: Outgoing,
        repeat: &Stamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mandant = self.mandant(&repeat.mandant).await?;
        let repeat = Stamp { key_id: mandant.id.clone(), ..repeat.clone() };
        self.write(move |scene| again::answer(scene, first, &answer, (&repeat, &mandant), now)).await
    }

    async fn close(&self, patience: Duration) -> Result<(), StoreError> {
        self.end(patience).await
    }

    async fn sound(&self) -> Result<(), StoreError> {
        self.signs.free()?;
        self.readers.ask(|db, _| lanes::next_due(db, &[])).await?;
        self.keyring.beside(ledger::last).map(drop)
    }

    async fn resume(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Resumed>, StoreError> {
        // Asked often, and mostly there is nothing: who only looks keeps nobody who writes waiting, and wakes no disk.
        if !self.readers.read(move |db, _| waiting::is_due(db, now)).await? {
            return Ok(Vec::new());
        }
        let closed = self.write(move |scene| waiting::resume(scene, now, lease, limit)).await?;
        if closed.is_empty() {
            return Ok(Vec::new());
        }
        let open = move |db: &rusqlite::Connection, keyring: &Keyring| waiting::open(db, keyring, closed);
        let (resumed, broken) = self.readers.read(open).await?;
        if !broken.is_empty() {
            self.write(move |scene| waiting::park(scene, &broken, now)).await?;
        }
        Ok(resumed)
    }

    async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.readers.read(move |db, keyring| waiting::due_timers(db, keyring, now, limit)).await
    }
}

#[async_trait]
impl Lanes for SqliteStore {
    async fn claim(&self, want: Want) -> Result<Vec<Lane>, StoreError> {
        let now = want.now;
        let closed = self.write(move |scene| lanes::claim(scene, &want)).await?;
        if closed.is_empty() {
            return Ok(Vec::new());
        }
        let (lanes, broken) = self.readers.read(move |db, keyring| lanes::open(db, keyring, closed)).await?;
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
        let mut laid = Vec::with_capacity(settles.len());
        for one in &mut settles {
            laid.push(self.laid(std::mem::take(&mut one.answers)).await?);
        }
        let pending = self.pending.clone();
        self.write(move |scene| lanes::settle_all(scene, &pending, &settles, laid)).await
    }

    async fn renew(
        &self,
        lane: i64,
        fence: i64,
        now: Timestamp,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.write(move |scene| lanes::renew(scene, (lane, fence), now, lease)).await
    }

    async fn remember(&self, lane: i64, fence: i64, row: Uuid, what: &[u8]) -> Result<bool, StoreError> {
        let what = what.to_vec();
        self.write(move |scene| lanes::remember(scene, (lane, fence), row, &what)).await
    }

    async fn next_due(&self, but: &[String]) -> Result<Option<Timestamp>, StoreError> {
        let but = but.to_vec();
        self.readers.read(move |db, _| lanes::next_due(db, &but)).await
    }
}

#[async_trait]
impl Pauses for SqliteStore {
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        self.readers.read(|db, _| house::breakers(db)).await
    }

    async fn set_breaker(&self, breaker: Breaker) -> Result<(), StoreError> {
        self.write(move |scene| house::set_breaker(scene, &breaker)).await
    }

    async fn pauses(&self, now: Timestamp) -> Result<Vec<Pause>, StoreError> {
        self.readers.read(move |db, keyring| house::pauses(db, keyring, now)).await
    }

    async fn set_pause(
        &self,
        kind: &str,
        name: &str,
        pause: Option<Pause>,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (kind, name, person) = (kind.to_owned(), name.to_owned(), person.to_owned());
        let stage = self.stage;
        self.write(move |scene| house::set_pause(scene, stage, (&kind, &name), pause.as_ref(), &person, now))
            .await
    }
}

#[async_trait]
impl Orders for SqliteStore {
    async fn post_command(&self, command: Command) -> Result<(), StoreError> {
        let stage = self.stage;
        self.write(move |scene| house::post_command(scene, stage, &command)).await
    }

    async fn take_commands(&self, limit: usize) -> Result<Vec<Command>, StoreError> {
        // As for what waits.
        if !self.readers.read(|db, _| house::commands_wait(db)).await? {
            return Ok(Vec::new());
        }
        self.write(move |scene| house::take_commands(scene, limit)).await
    }

    async fn end_command(&self, id: Uuid, state: CommandState) -> Result<(), StoreError> {
        self.write(move |scene| house::end_command(scene, id, &state)).await
    }

    async fn leave_command(&self, id: Uuid) -> Result<(), StoreError> {
        self.write(move |scene| house::leave_command(scene, id)).await
    }

    async fn command_state(&self, id: Uuid) -> Result<Option<CommandState>, StoreError> {
        self.readers.ask(move |db, _| house::command_state(db, id)).await
    }
}

#[async_trait]
impl Notes for SqliteStore {
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (connection, key) = (connection.to_owned(), key.to_owned());
        self.readers.read(move |db, keyring| house::note(db, keyring, &connection, &key)).await
    }

    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let (connection, key) = (connection.to_owned(), key.to_owned());
        self.write(move |scene| house::set_note(scene, &connection, &key, value.as_deref())).await
    }

    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, StoreError> {
        let (connection, key) = (connection.to_owned(), key.to_owned());
        self.write(move |scene| house::swap_note(scene, (&connection, &key), before.as_deref(), &value)).await
    }
}

#[async_trait]
impl Claims for SqliteStore {
    async fn spool(&self, mandant: &str) -> Result<Box<dyn SpoolWrite>, StoreError> {
        if self.writer.is_none() {
            return Err(StoreError::Refused("the store is open for reading only".into()));
        }
        let mandant = self.mandant(mandant).await?;
        let (folder, pending) = (self.claims.clone(), self.pending.clone());
        let (keyring, readers) = (self.keyring.clone(), self.readers.clone());
        let begun =
            tokio::task::spawn_blocking(move || Writing::begin(folder, pending, keyring, readers, mandant));
        let begun = begun.await.map_err(|_| StoreError::Later("beginning a part was broken off".into()))?;
        Ok(Box::new(begun?))
    }

    async fn open_claim(&self, mandant: &str, claim: &Claim) -> Result<Box<dyn SpoolRead>, StoreError> {
        let name = mandant.to_owned();
        let key = self.readers.read(move |db, keyring| keyring.find(db, &name)).await?;
        let key = key.ok_or_else(|| StoreError::Corrupt("this Mandant has no claims".into()))?;
        let (folder, claim) = (self.claims.clone(), claim.clone());
        let begun = tokio::task::spawn_blocking(move || Reading::begin(&folder, &key, &claim));
        let begun = begun.await.map_err(|_| StoreError::Later("opening a part was broken off".into()))?;
        Ok(Box::new(begun?))
    }

    async fn collect_garbage(&self) -> Result<u64, StoreError> {
        let (folder, pending) = (self.claims.clone(), self.pending.clone());
        self.write(move |scene| claims::collect(scene.connection, &folder, &pending)).await
    }
}
