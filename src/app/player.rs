//! Plays deliveries through a whole house in one process: real store, real engine, partners in memory that fail and
//! engines that stop at crash points. What `test` runs; touches no network and no store but its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::clock::{Clock, Tick};
use crate::engine::core::Settings;
use crate::engine::housekeeping::Commands;
use crate::engine::points::Points;
use crate::engine::start::{Engine, Start};
use crate::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef, Stage, Verdict};
use crate::pipeline::jugendamt::ALIAS;
use crate::plan::PlanSet;
use crate::store::contract::{
    Command, CommandState, Figures, Filter, Listed, Scope, Store, StoreError, View,
};
use crate::store::sqlite;
use crate::transport::port::{Destination, Destinations, Intake, Receipt, SendError};

use super::place::Fit;

/// One delivery to play.
#[derive(Clone, Debug)]
pub struct Given {
    /// The `on` entry, such as `http /v1/lieferungen`.
    pub binding: String,
    /// The partner that delivers; `None` plays a stranger.
    pub partner: Option<String>,
    /// The transport's id.
    pub transport_id: String,
    /// The document.
    pub body: Bytes,
}

/// What goes wrong on purpose.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    /// Engines that stop, one after the other; then one that does not.
    pub crashes: Vec<Points>,
    /// What each partner does with the first attempts of every envelope.
    pub partners: BTreeMap<String, Vec<Mishap>>,
    /// How often each delivery is made.
    pub times: usize,
}

/// What a partner does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Takes it, and the answer is lost.
    Timeout,
    /// Says that it is out of order.
    Unavailable,
    /// Takes it.
    Fine,
}

/// How it ended.
#[derive(Debug)]
pub struct Played {
    /// The verdict on each delivery, in their order.
    pub verdicts: Vec<Verdict>,
    /// What the store holds, without generated ids and times.
    pub essence: Vec<String>,
    /// The messages.
    pub messages: Vec<Listed>,
    /// The figures.
    pub figures: Figures,
    /// The states of the Vorgänge, in alphabetical order; what only leads to one is left out.
    pub vorgaenge: Vec<String>,
    /// What partners took, one entry per id: transport word, partner, envelope.
    pub taken: Vec<(String, String, Envelope)>,
    /// Attempts with an id that was taken already.
    pub repeated: u64,
}

/// Why a play could not be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A thread or folder could not be made.
    #[error("the play cannot be set up: {0}")]
    System(#[from] std::io::Error),
    /// It did not come to rest.
    #[error("the play did not come to rest: {0}")]
    Restless(String),
}

/// A partner in memory.
struct Partner {
    word: String,
    name: String,
    mishaps: Vec<Mishap>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    attempts: BTreeMap<uuid::Uuid, usize>,
    ids: BTreeSet<uuid::Uuid>,
    taken: Vec<Envelope>,
    repeated: u64,
}

#[async_trait]
impl Destination for Partner {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = seen.attempts.entry(envelope.head.id).or_default();
        let mishap = self.mishaps.get(*attempt).copied().unwrap_or(Mishap::Fine);
        *attempt += 1;
        if mishap == Mishap::Unavailable {
            let cause = "the partner of the test is out of order".to_owned();
            return Err(SendError::Later { cause, retry_after: None, far_end: true });
        }
        if seen.ids.insert(envelope.head.id) {
            seen.taken.push(envelope.clone());
        } else {
            seen.repeated += 1;
        }
        match mishap {
            Mishap::Timeout => {
                Err(SendError::Unclear { cause: "the answer of the partner of the test is lost".to_owned() })
            }
            _ => Ok(Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() }),
        }
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.ids.contains(&envelope.head.id);
        Ok(known.then(|| Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() }))
    }

    fn width(&self) -> usize {
        4
    }
}

struct NoCommands;

#[async_trait]
impl Commands for NoCommands {
    async fn handle(&self, _: &Command) -> CommandState {
        CommandState::Refused("there are no commands in a play".to_owned())
    }
}

/// Plays a list of deliveries in a folder of its own that must be empty.
pub async fn play(
    fit: Fit,
    folder: &Path,
    given: &[Given],
    troubles: &Troubles,
) -> Result<Played, PlayError> {
    let Fit { compiled, standards } = fit;
    let stage = if compiled.stage.stage == Stage::Produktion { Stage::Test } else { compiled.stage.stage };
    let mut partners: BTreeMap<String, Arc<Partner>> = BTreeMap::new();
    for wanted in &compiled.destinations {
        let mishaps = troubles.partners.get(&wanted.channel.partner).cloned().unwrap_or_default();
        let (word, name) = (wanted.kind.clone(), wanted.channel.partner.clone());
        partners.insert(wanted.key(), Arc::new(Partner { word, name, mishaps, seen: Mutex::default() }));
    }
    let destinations: Destinations = partners
        .iter()
        .map(|(key, partner)| (key.clone(), partner.clone() as Arc<dyn Destination>))
        .collect();
    let set = Arc::new(compiled.into_plan_set(destinations, standards, stage));
    let clock = Clock::scaled(began(), 5_000.0);
    let mut verdicts: Vec<Option<Verdict>> = vec![None; given.len()];
    let mut crashes = troubles.crashes.iter();
    // A key of its own that ends with the play: `dry-run` plays messages with real data, too.
    let mut key = [0u8; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| std::io::Error::other("no random octets"))?;
    let store = loop {
        let points = crashes.next().cloned().unwrap_or_default();
        let store = Arc::new(open(folder, stage, key).await?);
        let engine = start(store.clone(), &clock, points.clone(), &set)?;
        let calm = live(&engine, given, troubles.times.max(1), &mut verdicts, &points).await;
        let rest = match calm {
            true => rest(&*store, &clock, &points).await?,
            false => false,
        };
        let crashed = points.crashed();
        engine.core.stop.cancel();
        engine.drain(Duration::from_secs(5)).await;
        if rest && !crashed {
            break store;
        }
    };
    let mut taken = Vec::new();
    let mut repeated = 0;
    for partner in partners.values() {
        let seen = partner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |envelope: &Envelope| (partner.word.clone(), partner.name.clone(), envelope.clone());
        taken.extend(seen.taken.iter().map(of));
        repeated += seen.repeated;
    }
    let essence = store.essence().await?;
    Ok(Played {
        vorgaenge: vorgaenge(&*store, &clock).await?,
        verdicts: verdicts.into_iter().flatten().collect(),
        essence,
        messages: store.list(&Scope::Operator, Filter { limit: 10_000, ..Filter::default() }).await?,
        figures: store.figures(&Scope::Operator).await?,
        taken,
        repeated,
    })
}

async fn vorgaenge(store: &dyn Store, clock: &Clock) -> Result<Vec<String>, PlayError> {
    let view = View {
        scope: Scope::Operator,
        limit: 10_000,
        person: "play".to_owned(),
        reason: "route test".to_owned(),
        now: clock.now(),
    };
    let all = store.vorgaenge(view).await?;
    let word = |state| serde_json::to_value(state).ok().and_then(|state| state.as_str().map(str::to_owned));
    let mut states: Vec<String> =
        all.iter().filter(|v| v.akte.art != ALIAS).filter_map(|v| word(v.state)).collect();
    states.sort();
    Ok(states)
}

async fn open(folder: &Path, stage: Stage, key: [u8; 32]) -> Result<sqlite::store::SqliteStore, PlayError> {
    let path: PathBuf = folder.join("store");
    std::fs::create_dir_all(&path)?;
    let master = secrecy::SecretBox::new(Box::new(key));
    let store =
        sqlite::store::SqliteStore::open(sqlite::open::Settings { path, stage, master, read_only: false })?;
    // Lanes that the engine before left leased are free again for the only process that may run here. Its last tasks may
    // still be ending, and the lock ends with them.
    let began = Tick::now();
    loop {
        match store.lock_for_run().await {
            Ok(_) => return Ok(store),
            Err(error) if began.elapsed() > Duration::from_secs(10) => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

fn start(
    store: Arc<dyn Store>,
    clock: &Clock,
    points: Points,
    set: &Arc<PlanSet>,
) -> Result<Engine, PlayError> {
    let settings = Settings { workers: 1, ..Settings::default() };
    let mut engine =
        Engine::start(Start { store, clock: clock.clone(), points, set: set.clone(), settings })?;
    engine.open_dispatch(Arc::new(NoCommands));
    Ok(engine)
}

/// Delivers what has no verdict yet, in order; `false` when the engine stopped at a crash point.
async fn live(
    engine: &Engine,
    given: &[Given],
    times: usize,
    verdicts: &mut [Option<Verdict>],
    points: &Points,
) -> bool {
    for (index, given) in given.iter().enumerate() {
        if verdicts[index].is_some() {
            continue;
        }
        for _ in 0..times {
            loop {
                match engine.reception.deliver(envelope(given, received(index))).await {
                    Ok(verdict) => {
                        verdicts[index].get_or_insert(verdict);
                        break;
                    }
                    Err(_) if points.crashed() => return false,
                    Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        }
    }
    !points.crashed()
}

/// When the n-th delivery is received: the same in every play, because a login is old after a quarter of an hour and the
/// clock of a play makes one of a moment.
fn received(index: usize) -> Timestamp {
    let minutes = SignedDuration::from_mins(i64::try_from(index).unwrap_or_default());
    began().checked_add(minutes).unwrap_or_else(|_| began())
}

/// When a play begins.
fn began() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn envelope(given: &Given, now: Timestamp) -> Envelope {
    let connection = given.binding.split_once(' ').map_or("play", |(word, value)| match word {
        "folder" => value,
        word => word,
    });
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &given.body);
    Envelope {
        head: Head {
            id: uuid::Uuid::now_v7(),
            connection: connection.to_owned(),
            binding: given.binding.clone(),
            transport_id: given.transport_id.clone(),
            correlation: None,
            content_type: Some("application/xml".to_owned()),
            partner: given.partner.clone().map(|id| PartnerRef { id, how: How::Memory }),
            received: now,
            return_address: None,
            traceparent: None,
            acting_person: None,
        },
        body: given.body.clone(),
        parts: Vec::new(),
        evidence: Evidence {
            octets_sha256: hex::encode(sha256),
            size: given.body.len() as u64,
            verification: "memory".to_owned(),
            ..Evidence::default()
        },
    }
}

/// How long a woken message may take until it runs again.
const WOKEN: Duration = Duration::from_millis(600);

/// Waits until nothing is left to send; `false` when the engine stopped at a crash point meanwhile.
async fn rest(store: &dyn Store, clock: &Clock, points: &Points) -> Result<bool, PlayError> {
    let began = Tick::now();
    let mut calm = began;
    loop {
        if points.crashed() {
            return Ok(false);
        }
        let figures = store.figures(&Scope::Operator).await?;
        let open: u64 = figures.backlog.iter().map(|backlog| backlog.waiting).sum();
        let waits =
            figures.inbound.iter().any(|(state, count)| state == Inbound::Waiting.as_str() && *count > 0);
        if !waits {
            calm = Tick::now();
        }
        // A message that was woken runs again a moment later; one that still waits after that waits for good.
        if open == 0 && (!waits || calm.elapsed() > WOKEN) {
            return Ok(true);
        }
        if began.elapsed() > Duration::from_secs(20) {
            let causes: Vec<String> = figures
                .backlog
                .iter()
                .filter(|backlog| backlog.waiting > 0)
                .map(|backlog| {
                    format!("{}: {}", backlog.destination, backlog.last_cause.clone().unwrap_or_default())
                })
                .collect();
            return Err(PlayError::Restless(causes.join("; ")));
        }
        clock.sleep(Duration::from_secs(2)).await;
    }
}
