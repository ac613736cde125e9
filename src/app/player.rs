//! Plays deliveries through a whole house in one process: real store, real engine, partners in memory that fail and
//! engines that stop at crash points. What `test` runs; touches no network and no store but its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::clock::{Clock, Tick};
use crate::engine::core::Settings;
use crate::engine::housekeeping::Commands;
use crate::engine::points::Points;
use crate::engine::ports::Ports;
use crate::engine::start::{Engine, Start};
use crate::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef, Stage, Verdict};
use crate::pipeline::alias::ALIAS;
use crate::pipeline::jugendamt::OFFICE;
use crate::plan::PlanSet;
use crate::route::compiled::WantedDestination;
use crate::store::contract::Store;
use crate::store::desk::{Desk, Filter, View};
use crate::store::error::StoreError;
use crate::store::figures::{Backlog, Figures};
use crate::store::listed::Listed;
use crate::store::orders::{Command, CommandState};
use crate::store::plays::Plays;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::stamp::Scope;
use crate::transport::TRANSPORTS;
use crate::transport::port::{Answers, Destination, Destinations, Intake, Spool};

use super::far::{Mishap, Partner};
use super::fit::Fit;
use super::ground::{self, Ground};

/// One delivery to play.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The `on` entry, such as `http /v1/lieferungen`.
    pub binding: String,
    /// The partner that delivers; `None` plays a stranger.
    pub partner: Option<String>,
    /// The transport's id.
    pub transport_id: String,
    /// The document.
    pub body: Bytes,
    /// Further parts, JSON, by their names.
    pub parts: Vec<(String, Bytes)>,
    /// The person that orders it in the partner's name.
    pub acting: Option<String>,
    /// When it is received, from the beginning of the play.
    pub at: SignedDuration,
}

/// When a play begins: the same moment in every one, because a login is old after a quarter of an hour and the clock of a play makes one
/// of a moment. It lies after the stamps of all samples, also for what is given some hours before.
pub const BEGINS: &str = "2026-11-21T16:00:00Z";

/// [`BEGINS`] as a moment.
pub fn begins() -> Timestamp {
    BEGINS.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What happens in a play.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody delivers.
    Given(Box<Given>),
    /// So long after the beginning timers that are due come in.
    Timer(SignedDuration),
}

/// A play.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// When it begins; [`BEGINS`] where nothing is said.
    pub begins: Option<Timestamp>,
    /// What has happened before; calm, once, and what it sends is not looked at.
    pub before: Vec<Given>,
    /// What happens then.
    pub events: Vec<Event>,
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

/// How it ended.
#[derive(Debug)]
pub struct Played {
    /// The verdict on each event, in their order; `None` where a process ended between its commit and its answer to a timer.
    pub verdicts: Vec<Option<Verdict>>,
    /// How many timers came in.
    pub timers: usize,
    /// What the store holds, without generated ids and times.
    pub essence: Vec<String>,
    /// The messages.
    pub messages: Vec<Listed>,
    /// The figures.
    pub figures: Figures,
    /// The states of the Vorgänge, in alphabetical order; what only leads to one is left out.
    pub vorgaenge: Vec<String>,
    /// The letters of their cases, in alphabetical order.
    pub faelle: Vec<String>,
    /// What partners took, one entry per id: transport word, partner, envelope.
    pub taken: Vec<(String, String, Envelope)>,
    /// Attempts with an id that was taken already.
    pub repeated: u64,
    /// How long after the receipt of its cause each envelope may leave at the earliest.
    pub delays: BTreeMap<uuid::Uuid, SignedDuration>,
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
    /// What must have happened before was refused.
    #[error("what is given was not taken: delivery {0} became {1}")]
    NotGiven(usize, String),
}

struct NoCommands;

#[async_trait]
impl Commands for NoCommands {
    async fn handle(&self, _: &Command) -> CommandState {
        CommandState::Refused("there are no commands in a play".to_owned())
    }
}

/// What a play begins from: a store in which all that a script gives has happened.
pub struct Begun {
    ground: Ground,
    delays: BTreeMap<uuid::Uuid, SignedDuration>,
}

/// Lets happen what has happened before, on a copy of a ground; partners do with it what they do in calm.
pub async fn before(
    fit: &Fit,
    ground: &Ground,
    script: &Script,
    mishaps: &BTreeMap<String, Vec<Mishap>>,
) -> Result<Begun, PlayError> {
    let ground = ground.copy()?;
    let mut state = State { began: script.begins.unwrap_or_else(begins), ..State::default() };
    if !script.before.is_empty() {
        let events: Vec<Event> =
            script.before.iter().map(|given| Event::Given(Box::new(given.clone()))).collect();
        let calm = Troubles { times: 1, ..Troubles::default() };
        let house = House::of(fit, &ground, &partners(fit, mishaps));
        let store = house.act(&events, &calm, &mut Vec::new().iter(), &mut state).await?;
        for (index, verdict) in state.verdicts.into_iter().enumerate() {
            if let Some(verdict) = verdict.filter(|verdict| verdict.state != Inbound::Accepted) {
                let became = format!("{} {}", verdict.state.as_str(), verdict.codes.join(", "));
                return Err(PlayError::NotGiven(index, became));
            }
        }
        ground::leave(&store).await?;
    }
    Ok(Begun { ground, delays: state.delays })
}

/// Plays a script on a copy of what it begins from.
pub async fn play(
    fit: &Fit,
    begun: &Begun,
    script: &Script,
    troubles: &Troubles,
) -> Result<Played, PlayError> {
    let ground = begun.ground.copy()?;
    let partners = partners(fit, &troubles.partners);
    let house = House::of(fit, &ground, &partners);
    let began = script.begins.unwrap_or_else(begins);
    let mut state = State { began, delays: begun.delays.clone(), ..State::default() };
    // Time is set forward where timers are waited for, and a process of its own begins then.
    let mut crashes = troubles.crashes.iter();
    let mut rest = script.events.as_slice();
    let mut verdicts = Vec::new();
    let mut last = None;
    while !rest.is_empty() {
        let next = rest[1..].iter().position(|event| matches!(event, Event::Timer(_)));
        let (act, after) = rest.split_at(next.map_or(rest.len(), |next| next + 1));
        drop(last.take());
        last = Some(house.act(act, troubles, &mut crashes, &mut state).await?);
        verdicts.append(&mut state.verdicts);
        rest = after;
    }
    let mut taken = Vec::new();
    let mut repeated = 0;
    for partner in partners.values() {
        let seen = partner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |envelope: &Envelope| (partner.word.clone(), partner.name.clone(), envelope.clone());
        taken.extend(seen.taken.iter().map(of));
        repeated += seen.repeated;
    }
    let store = match last {
        Some(store) => store,
        None => Arc::new(ground.open().await?),
    };
    let essence = store.essence().await?;
    let (vorgaenge, faelle) = vorgaenge(&*store, began).await?;
    Ok(Played {
        vorgaenge,
        faelle,
        verdicts,
        timers: state.timers,
        essence,
        messages: store.list(&Scope::Operator, Filter { limit: 10_000, ..Filter::default() }).await?,
        figures: store.figures(&Scope::Operator).await?,
        taken,
        repeated,
        delays: state.delays,
    })
}

/// Plays a script by itself, in a store that is made for it.
pub async fn alone(fit: &Fit, script: &Script, troubles: &Troubles) -> Result<Played, PlayError> {
    let ground = Ground::made(stage(fit)).await?;
    let begun = before(fit, &ground, script, &troubles.partners).await?;
    play(fit, &begun, script, troubles).await
}

/// The stage that a stage of these files is played as.
pub fn stage(fit: &Fit) -> Stage {
    match fit.compiled.stage.stage {
        Stage::Produktion => Stage::Test,
        stage => stage,
    }
}

/// The partners of a play by their destinations, with what each does.
fn partners(fit: &Fit, mishaps: &BTreeMap<String, Vec<Mishap>>) -> BTreeMap<String, Arc<Partner>> {
    let partner = |wanted: &WantedDestination| {
        // One way to a partner may fail in its own manner.
        let told = mishaps.get(&wanted.key()).or_else(|| mishaps.get(&wanted.channel.partner));
        let mishaps = told.cloned().unwrap_or_default();
        let (word, name) = (wanted.kind.clone(), wanted.channel.partner.clone());
        Arc::new(Partner { word, name, mishaps, seen: Mutex::default() })
    };
    fit.compiled.destinations.iter().map(|wanted| (wanted.key(), partner(wanted))).collect()
}

/// What every process of a play has.
struct House<'a> {
    ground: &'a Ground,
    set: Arc<PlanSet>,
    /// Mailboxes that nobody empties.
    uncollected: Vec<String>,
}

/// What is known between the processes of a play.
#[derive(Default)]
struct State {
    began: Timestamp,
    verdicts: Vec<Option<Verdict>>,
    done: Vec<bool>,
    timers: usize,
    delays: BTreeMap<uuid::Uuid, SignedDuration>,
}

impl State {
    /// A moment of the play.
    fn moment(&self, after: SignedDuration) -> Timestamp {
        self.began.checked_add(after).unwrap_or(self.began)
    }
}

impl<'a> House<'a> {
    fn of(fit: &Fit, ground: &'a Ground, partners: &BTreeMap<String, Arc<Partner>>) -> House<'a> {
        let destinations: Destinations = partners
            .iter()
            .map(|(key, partner)| (key.clone(), partner.clone() as Arc<dyn Destination>))
            .collect();
        let Fit { compiled, standards, .. } = fit.clone();
        let set = Arc::new(compiled.into_plan_set(destinations, standards, ground.stage()));
        let uncollected =
            partners.iter().filter(|(_, partner)| partner.collected()).map(|(key, _)| key.clone()).collect();
        House { ground, set, uncollected }
    }

    /// One act: everything up to the next time that is set, until all is at rest; processes that crash are followed by others. Gives the
    /// store as the last left it.
    async fn act(
        &self,
        events: &[Event],
        troubles: &Troubles,
        crashes: &mut std::slice::Iter<'_, Points>,
        state: &mut State,
    ) -> Result<Arc<SqliteStore>, PlayError> {
        let begins = match events.first() {
            Some(Event::Timer(after)) => *after,
            Some(Event::Given(given)) => given.at,
            None => SignedDuration::ZERO,
        };
        let clock = Clock::scaled(state.moment(begins), 5_000.0);
        state.verdicts = vec![None; events.len()];
        state.done = vec![false; events.len()];
        loop {
            let points = crashes.next().cloned().unwrap_or_default();
            let store = Arc::new(self.ground.open().await?);
            let mut engine = start(store.clone(), &clock, points.clone(), &self.set)?;
            let calm = live(&engine, events, troubles.times.max(1), state, &points).await;
            if calm {
                // What leaves when is read before anything may leave.
                delays(&*store, state).await?;
            }
            engine.open_dispatch(Arc::new(NoCommands));
            let rest = match calm {
                true => rest(&*store, &self.uncollected, &clock, &points).await?,
                false => false,
            };
            let crashed = points.crashed();
            engine.core.stop.cancel();
            engine.drain(Duration::from_secs(5)).await;
            if rest && !crashed {
                return Ok(store);
            }
        }
    }
}

/// Notes of every envelope that was not tried yet how long after the receipt of its cause it may leave.
async fn delays(store: &dyn Store, state: &mut State) -> Result<(), PlayError> {
    let messages = store.list(&Scope::Operator, Filter { limit: 10_000, ..Filter::default() }).await?;
    for message in messages {
        for send in message.sends.iter().filter(|send| send.attempts == 0) {
            if let Some(next) = send.next_try {
                state.delays.entry(send.id).or_insert(next.duration_since(message.received));
            }
        }
    }
    Ok(())
}

async fn vorgaenge(store: &dyn Store, now: Timestamp) -> Result<(Vec<String>, Vec<String>), PlayError> {
    let view = View {
        scope: Scope::Operator,
        limit: 10_000,
        person: "play".to_owned(),
        reason: "route test".to_owned(),
        now,
    };
    let all = store.vorgaenge(view, None).await?;
    let word = |state| serde_json::to_value(state).ok().and_then(|state| state.as_str().map(str::to_owned));
    let mut states: Vec<String> =
        all.iter().filter(|v| v.akte.art != ALIAS).filter_map(|v| word(v.state)).collect();
    states.sort();
    let mut faelle: Vec<String> = all
        .iter()
        .filter(|v| v.akte.art != ALIAS)
        .filter_map(|v| Some(format!("{:?}", v.akte.fall?)))
        .collect();
    faelle.sort();
    Ok((states, faelle))
}

fn start(
    store: Arc<dyn Store>,
    clock: &Clock,
    points: Points,
    set: &Arc<PlanSet>,
) -> Result<Engine, PlayError> {
    let settings = Settings { workers: 1, retains: false, fresh: Duration::MAX, ..Settings::default() };
    Ok(Engine::start(Start { store, clock: clock.clone(), points, set: set.clone(), settings })?)
}

/// Delivers what is not done yet, in order; `false` when the engine stopped at a crash point.
async fn live(engine: &Engine, events: &[Event], times: usize, state: &mut State, points: &Points) -> bool {
    for (index, event) in events.iter().enumerate() {
        if state.done[index] {
            continue;
        }
        let envelopes = loop {
            match envelopes(engine, event, state).await {
                Ok(envelopes) => break envelopes,
                Err(_) if points.crashed() => return false,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        if matches!(event, Event::Timer(_)) {
            // A process that ended after the commit leaves none for the next.
            state.timers = state.timers.max(envelopes.len());
        }
        for _ in 0..times {
            for envelope in &envelopes {
                let mut envelope = envelope.clone();
                if matches!(event, Event::Given(_)) {
                    envelope.head.id = uuid::Uuid::now_v7();
                }
                loop {
                    match engine.reception.deliver(envelope.clone()).await {
                        Ok(verdict) => {
                            state.verdicts[index].get_or_insert(verdict);
                            break;
                        }
                        Err(_) if points.crashed() => return false,
                        Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                    }
                }
            }
        }
        state.done[index] = true;
    }
    !points.crashed()
}

/// What comes in: a delivery with its parts in claims, or the timers that are due.
async fn envelopes(engine: &Engine, event: &Event, state: &State) -> Result<Vec<Envelope>, PlayError> {
    let given = match event {
        Event::Timer(after) => return Ok(engine.core.store.due_timers(state.moment(*after), 64).await?),
        Event::Given(given) => given,
    };
    let mut envelope = envelope(given, state.moment(given.at));
    let ports = Ports(engine.core.clone());
    for (name, octets) in &given.parts {
        let Some(partner) = &envelope.head.partner else { continue };
        let later = |_| StoreError::Later("a part cannot be stored".into());
        let mut writer = ports.begin(partner).await.map_err(later)?;
        writer.write(octets.clone()).await.map_err(later)?;
        envelope.parts.push(writer.finish(name, "application/json").await.map_err(later)?);
    }
    Ok(vec![envelope])
}

/// Whether deliveries of an `on` entry are answered on their exchange where nobody asks for anything else.
fn answers_in_band(binding: &str) -> bool {
    let word = binding.split(' ').next();
    let source = TRANSPORTS.iter().find(|entry| Some(entry.word) == word);
    source.is_some_and(|entry| entry.answers == Some(Answers::InBand))
}

fn envelope(given: &Given, received: Timestamp) -> Envelope {
    let connection = given.binding.split_once(' ').map_or("play", |(word, value)| match word {
        "folder" => value,
        word => word,
    });
    let how = if given.acting.is_some() { How::Internal } else { How::Memory };
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &given.body);
    Envelope {
        head: Head {
            id: uuid::Uuid::now_v7(),
            connection: connection.to_owned(),
            binding: given.binding.clone(),
            transport_id: given.transport_id.clone(),
            correlation: None,
            content_type: Some("application/xml".to_owned()),
            partner: given.partner.clone().map(|id| PartnerRef { id, how }),
            received,
            return_address: None,
            traceparent: None,
            acting_person: given.acting.clone(),
            label: None,
            in_band: answers_in_band(&given.binding),
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
async fn rest(
    store: &dyn Store,
    uncollected: &[String],
    clock: &Clock,
    points: &Points,
) -> Result<bool, PlayError> {
    let began = Tick::now();
    let mut calm = began;
    loop {
        if points.crashed() {
            return Ok(false);
        }
        // Asked first: what goes on by its next way between the two looks is then seen there.
        let late = match uncollected.is_empty() {
            true => false,
            false => !store.overdue(uncollected, clock.now(), 1).await?.is_empty(),
        };
        let figures = store.figures(&Scope::Operator).await?;
        // What lies in a mailbox that nobody empties lies there until its time is over.
        let lies = |destination: &String| uncollected.contains(destination);
        let moving = figures.backlog.iter().filter(|backlog| !lies(&backlog.destination));
        let waiting: u64 = moving.clone().map(|backlog| backlog.waiting).sum();
        // What is for an office that cannot be reached waits behind its first row, which waits for a person.
        let stuck = |backlog: &&Backlog| backlog.parked > 0 && backlog.destination.starts_with(OFFICE);
        let behind: u64 = moving.filter(stuck).map(|backlog| backlog.waiting).sum();
        let at_rest = waiting == behind && (waiting == 0 || store.next_due(&[]).await?.is_none());
        let open = u64::from(late) + if at_rest { 0 } else { waiting };
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
