//! The running house: store, engine, destinations, sources, in the order in which they are built and end.
//! Every part is built once, here; nothing below knows who built it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use secrecy::{ExposeSecret, SecretBox};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config;
use crate::engine::core::{Core, Settings};
use crate::engine::points::Points;
use crate::engine::ports::Ports;
use crate::engine::start::{Engine, Start};
use crate::engine::watch;
use crate::plan::PlanSet;
use crate::route::compiled::Compiled;
use crate::store::BACK_ENDS;
use crate::store::back_end::BackEnd;
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::lies::Lies;
use crate::store::manifest::Manifest;
use crate::store::migrated::{Migrated, Version};
use crate::store::postgres::settings::encode;
use crate::store::private;
use crate::store::recovery::{Recovering, Restored};
use crate::store::restore::PutBack;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::transport::port::{BuildError, Destinations, Surroundings};
use crate::xoev::contract::Standards;

use super::connections::Connections;
use super::fit::{self, Fit, Unfit};
use super::place::Place;
use super::proof::{self, Proof};
use super::reload::Reload;
use super::shared::{InstallError, Shared, Why};
use super::{applied, follow, ops, watching};

/// Why the house does not stand.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The files do not fit.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The store does not open.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A transport cannot be built.
    #[error("{0}")]
    Build(#[from] BuildError),
    /// A thread or folder cannot be made.
    #[error("the process cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Between two looks at the start whether the store is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a house is started.
pub struct Options {
    /// Where it lies.
    pub place: Place,
    /// Its time.
    pub clock: Clock,
    /// Crash points.
    pub points: Points,
    /// Bounds of the engine.
    pub settings: Settings,
    /// Whether a store that is away for now is waited for.
    pub waits: bool,
}

/// How long closing the store may take.
const CLOSE: Duration = Duration::from_secs(10);

/// A running house.
pub struct House {
    engine: Engine,
    follower: JoinHandle<()>,
    watcher: JoinHandle<()>,
    /// What a reload swaps.
    pub shared: Arc<Shared>,
}

/// Opens the store of a compiled stage, with the back end that it names.
pub fn open_store(place: &Place, compiled: &Compiled, read_only: bool) -> Result<Arc<dyn Store>, StoreError> {
    let stage = &compiled.stage;
    let folder = place.store_folder(compiled);
    if !read_only {
        // Where the store lies in the data folder itself, trays do, too, and partners have to pass.
        let shared = std::fs::canonicalize(&folder).ok() == std::fs::canonicalize(&place.data).ok();
        if folder.is_dir() && shared { private::made(&folder) } else { private::folder(&folder) }.map_err(
            |error| StoreError::Refused(format!("no folder: {}", config::what(error.kind())).into()),
        )?;
    }
    (back_end(&stage.store_kind)?.open)(&lies(place, compiled), stage.stage, key(compiled), read_only)
}

fn back_end(kind: &str) -> Result<&'static BackEnd, StoreError> {
    let found = BACK_ENDS.iter().find(|back_end| back_end.name == kind);
    found.ok_or_else(|| StoreError::Refused("there is no store of this kind".into()))
}

/// Brings the tables of the store of a compiled stage up to this program's version; says what was made.
pub fn migrate_store(place: &Place, compiled: &Compiled) -> Result<Vec<Migrated>, StoreError> {
    let stage = &compiled.stage;
    (back_end(&stage.store_kind)?.migrate)(&lies(place, compiled), stage.stage, key(compiled))
}

/// Marks a stopped store whose database was put back, so that it starts closed.
pub fn mark_store(place: &Place, compiled: &Compiled, restored: &Restored) -> Result<(), StoreError> {
    let stage = &compiled.stage;
    (back_end(&stage.store_kind)?.mark)(&lies(place, compiled), stage.stage, key(compiled), restored)
}

/// Puts a verified backup in the place of a stopped store, or says what its owner has to do.
pub fn put_back(
    place: &Place,
    compiled: &Compiled,
    backup: (&Path, &Manifest),
    restored: &Restored,
) -> Result<PutBack, StoreError> {
    let stage = &compiled.stage;
    (back_end(&stage.store_kind)?.restore)(
        &lies(place, compiled),
        stage.stage,
        key(compiled),
        backup,
        restored,
    )
}

/// The versions of the tables of the store of a compiled stage; nothing is changed.
pub fn store_versions(place: &Place, compiled: &Compiled) -> Result<Vec<Version>, StoreError> {
    let stage = &compiled.stage;
    (back_end(&stage.store_kind)?.versions)(&lies(place, compiled), stage.stage, key(compiled))
}

fn key(compiled: &Compiled) -> SecretBox<[u8; 32]> {
    SecretBox::new(Box::new(*compiled.stage.key.expose_secret()))
}

/// Where the store lies, as its back end is told: a folder, or an address with everything else as parameters.
fn lies(place: &Place, compiled: &Compiled) -> Lies {
    let stage = &compiled.stage;
    let folder = place.store_folder(compiled);
    let Some((_, url)) = stage.store_access.iter().find(|(name, _)| *name == "url") else {
        return Lies::Folder(folder);
    };
    let mut text = url.expose_secret().to_owned();
    let mut next = if text.contains('?') { '&' } else { '?' };
    let claims = folder.to_string_lossy().into_owned();
    let others = stage.store_access.iter().filter(|(name, _)| *name != "url");
    // Like every other file, that of the authority lies below the stage's folder.
    let others = others.map(|(name, value)| match *name {
        "ca" => ("ca", place.config.join(value.expose_secret()).to_string_lossy().into_owned()),
        name => (name, value.expose_secret().to_owned()),
    });
    for (name, value) in others.chain([("claims", claims)]) {
        text.push_str(&format!("{next}{name}={}", encode(&value)));
        next = '&';
    }
    Lies::at(text)
}

impl House {
    /// Starts: store, engine, destinations, sources, dispatch.
    pub async fn start(options: Options) -> Result<House, StartError> {
        let fit = fit::compile(&options.place, Some(options.clock.now()))?;
        House::start_with(options, fit).await
    }

    /// Starts with files that were compiled already.
    pub async fn start_with(options: Options, fit: Fit) -> Result<House, StartError> {
        let Options { place, clock, points, settings, waits } = options;
        std::fs::create_dir_all(&place.data)?;
        let (store, garbage) = match waits {
            true => patiently(&place, &fit.compiled).await?,
            false => begun(&place, &fit.compiled).await?,
        };
        if garbage > 0 {
            tracing::info!(files = garbage, "claims that nobody names were removed");
        }
        let recovering = recovering(&*store, &clock).await?;
        metric::started(clock.now());
        let stage = fit.compiled.stage.stage;
        let empty = empty_set(&fit.compiled, &fit.standards);
        let start = Start { store, clock: clock.clone(), points, set: Arc::new(empty), settings };
        let mut engine = Engine::start(start)?;
        let mut begun = Begun(Some(engine.core.clone()));
        match recovering {
            None => {}
            Some(Recovering { lost: Some(lost), .. }) => engine.core.gate.close_for(lost),
            Some(_) => engine.core.gate.close(),
        }
        // Best effort: where it is not made, the one of before counts, and commands may not know this process for certain.
        if let Err(error) = proof::renew(&*engine.core.store).await {
            tracing::warn!(cause = %error, "commands will not know for certain that this process is their house");
        }
        let proof = Proof::of(&fit.compiled).map_err(|error| std::io::Error::other(error.to_string()))?;
        let proof = Arc::new(proof);
        let ports = Arc::new(Ports(engine.core.clone()));
        let around = Surroundings {
            intake: engine.reception.clone(),
            doors: ports.clone(),
            spool: ports.clone(),
            standings: ports.clone(),
            notes: ports.clone(),
            timers: ports.clone(),
            mailboxes: ports,
            parts: engine.core.parts.clone(),
            reached: engine.core.reached.clone(),
            ops: ops::router(engine.core.clone(), proof),
            clock,
            stage,
            data: place.data.clone(),
            config: place.config.clone(),
            parts_lie: place.store_folder(&fit.compiled),
        };
        let (connections, sources, applied) = (Connections::default(), Mutex::default(), Mutex::default());
        let (core, certificates, drains) = (engine.core.clone(), ArcSwap::default(), AtomicBool::default());
        let own = ArcSwapOption::default();
        let shared = Shared { place, around, core, connections, sources, applied, certificates, own, drains };
        let shared = Arc::new(shared);
        *shared.applied.lock().await = applied::last(&*shared.core.store).await?;
        engine.know_pauses().await;
        shared.install(fit, &Why::Start).await.map_err(|error| match error {
            InstallError::Build(error) => StartError::Build(error),
            InstallError::Store(error) => StartError::Store(error),
        })?;
        engine.open_dispatch(Arc::new(Reload(shared.clone())));
        let follower = watch::spawn(&engine.core, "follow", follow::follow(shared.clone()));
        let watcher = watch::spawn(&engine.core, "watching", watching::watch(shared.clone()));
        begun.0 = None;
        Ok(House { engine, follower, watcher, shared })
    }

    /// Ends in order: sources first, then what is under way, then dispatch, then the store.
    ///
    /// A listener that answers for health ends last, so that it can say meanwhile that nobody shall come any more.
    pub async fn stop(self, patience: Duration) {
        self.shared.core.leaving.cancel();
        self.follower.abort();
        // It was broken off where it was swapping files in: the next start reads them anyway.
        let _ = self.follower.await;
        self.watcher.abort();
        self.shared.sources.lock().await.stop_but_last().await;
        let core = self.shared.core.clone();
        self.engine.drain(patience).await;
        self.shared.sources.lock().await.stop().await;
        if core.points.crashed() {
            return;
        }
        // Said, not waited for without end: nothing that was acknowledged depends on it.
        if let Err(error) = core.store.close(CLOSE).await {
            tracing::warn!(cause = %error, "the store was not closed whole; the next start reads what its logs hold");
        }
    }
}

/// A start that is not whole yet. One that fails says why itself: its parts end with it, and none of them broke.
struct Begun(Option<Arc<Core>>);

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(core) = self.0.take() {
            core.leaving.cancel();
        }
    }
}

/// Opens the store as a running process of it; also how many claims nobody needed.
async fn begun(place: &Place, compiled: &Compiled) -> Result<(Arc<dyn Store>, u64), StoreError> {
    not_a_missing_mount(place, compiled)?;
    let store = open_store(place, compiled, false)?;
    let garbage = store.begin_run().await?;
    Ok((store, garbage))
}

/// Neither a run nor a command of a real stage begins a store where there is none: a volume that is not mounted looks like that, and so does a database of another
/// name or server; what would be acknowledged meanwhile would lie there, unseen, once the right one is back.
pub fn not_a_missing_mount(place: &Place, compiled: &Compiled) -> Result<(), StoreError> {
    let server = matches!(lies(place, compiled), Lies::Address(_));
    // Of an embedded store whose keys are left the mark beside them says what is missing, when it is opened.
    let missing = |tables: &Version| tables.found.is_none() || server && tables.tables != "house";
    let none = || Ok(store_versions(place, compiled)?.iter().all(missing));
    if !compiled.stage.stage.is_real() || !none()? {
        return Ok(());
    }
    let (place, mend) = match lies(place, compiled) {
        Lies::Folder(folder) => (folder.display().to_string(), "mount its volume"),
        // The address holds a password.
        Lies::Address(_) => ("this database".to_owned(), "name the right one"),
    };
    Err(StoreError::Refused(
        format!(
            "there is no store in {place}, and stage {} begins none by itself: {mend}, or put the store back; a new house is begun with \
             `drehscheibe migrate`, once",
            compiled.stage.stage.as_str()
        )
        .into(),
    ))
}

/// The same as often as it takes: a database that comes back later finds the process waiting, as one that went while it ran would.
async fn patiently(place: &Place, compiled: &Compiled) -> Result<(Arc<dyn Store>, u64), StoreError> {
    let mut pause = Duration::from_millis(500);
    loop {
        match begun(place, compiled).await {
            Err(error @ StoreError::Later(_)) => {
                raise(error.alarm(), "store", &[("cause", &error.to_string())]);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            done => return done,
        }
    }
}

/// Whether the store was put back and is not open; then the deletion ledger is applied before anything else runs.
async fn recovering(store: &dyn Store, clock: &Clock) -> Result<Option<Recovering>, StoreError> {
    let Some(found) = store.recovery().await? else { return Ok(None) };
    if let Some(lost) = &found.lost {
        let (from, commits) = (lost.from.to_string(), lost.commits.to_string());
        raise(Alarm::AcknowledgedLost, "store", &[("from", &from), ("commits", &commits)]);
    }
    if !found.applied {
        let done = store.reapply(clock.now()).await?;
        tracing::warn!(
            entries = done.entries,
            records = done.records,
            lost = done.lost,
            doubtful = done.doubtful,
            "the deletion ledger was applied to the store that was put back"
        );
    }
    tracing::warn!(
        "sources and dispatch are closed until a person opens the store: drehscheibe recover --open"
    );
    Ok(Some(found))
}

fn empty_set(compiled: &Compiled, standards: &Arc<dyn Standards>) -> PlanSet {
    PlanSet {
        version: compiled.version.clone(),
        stage: compiled.stage.stage,
        plans: Vec::new(),
        standards: standards.clone(),
        partners: Default::default(),
        admission: Arc::default(),
        http: Arc::default(),
        destinations: Destinations::new(),
        patience: Default::default(),
        beside: Arc::default(),
    }
}
