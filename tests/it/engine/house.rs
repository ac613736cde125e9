//! A house in this process: the stage of the demonstration with all its routes over the real engine and the embedded store, with a clock
//! that a test moves. Several tests play in it; it knows none of their stories.

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use drehscheibe::app::fit;
use drehscheibe::app::place::Place;
use drehscheibe::cli::sample_antrag::registermeldung;
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::engine::start::{Engine, Start};
use drehscheibe::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef, Stage, Verdict};
use drehscheibe::plan::PlanSet;
use drehscheibe::register::tafeln::Tafeln;
use drehscheibe::store::contract::Store;
use drehscheibe::store::sqlite;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::{Destinations, Intake};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::rig::{NoCommands, start_of_time};
use crate::support::root;

/// The office whose register it is.
pub const AMT: &str = "jugendamt-bremen";

/// The stage of the demonstration with all its routes, compiled once; nothing of it is opened and nobody is reached.
pub fn set() -> Arc<PlanSet> {
    compiled().0
}

/// The tables of that stage.
pub fn tafeln() -> Arc<Tafeln> {
    compiled().1
}

fn compiled() -> (Arc<PlanSet>, Arc<Tafeln>) {
    static SET: OnceLock<(Arc<PlanSet>, Arc<Tafeln>)> = OnceLock::new();
    SET.get_or_init(|| compile(root().join("deploy/stages/demo"))).clone()
}

fn compile(config: PathBuf) -> (Arc<PlanSet>, Arc<Tafeln>) {
    let data = root().join("target/unused");
    let place = Place { config, routes: root().join("routes"), xsd: root().join("xsd"), data };
    let fit = fit::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit:?}"));
    let tafeln = fit.compiled.tafeln.clone();
    (Arc::new(fit.compiled.into_plan_set(Default::default(), fit.standards, Stage::Demo)), tafeln)
}

/// The same stage, where the office of the mother's residence has released no automatic answers: what is an A becomes an M.
pub fn unreleased() -> Arc<PlanSet> {
    static SET: OnceLock<Arc<PlanSet>> = OnceLock::new();
    let make = || {
        let (folder, demo) = (tempfile::tempdir().unwrap(), root().join("deploy/stages/demo"));
        let copied = Command::new("cp").arg("-r").arg(&demo).arg(folder.path()).status().unwrap();
        assert!(copied.success());
        let config = folder.path().join("demo");
        takes_back_release(&config, AMT);
        compile(config).0
    };
    SET.get_or_init(make).clone()
}

/// Takes the release of automatic answers out of what the tables of a stage say of an office.
pub fn takes_back_release(config: &Path, amt: &str) {
    let (file, begins) = (config.join("tables/aemter.yaml"), format!("- id: {amt}\n"));
    let text = fs::read_to_string(&file).unwrap();
    let (before, own) = text.split_once(&begins).unwrap();
    let without = own.replacen("    freigabe-seit: 2026-01-01\n", "", 1);
    assert_ne!(without, own);
    fs::write(&file, format!("{before}{begins}{without}")).unwrap();
}

/// The same set with partners that are reached.
pub fn set_with(destinations: Destinations) -> Arc<PlanSet> {
    reaching(&set(), destinations)
}

/// A set with partners that are reached.
pub fn reaching(set: &PlanSet, destinations: Destinations) -> Arc<PlanSet> {
    Arc::new(PlanSet {
        version: set.version.clone(),
        stage: set.stage,
        plans: set.plans.clone(),
        standards: set.standards.clone(),
        partners: set.partners.clone(),
        admission: set.admission.clone(),
        http: set.http.clone(),
        destinations,
        patience: set.patience.clone(),
        beside: set.beside.clone(),
    })
}

/// A store that runs, with what has to stay as long as it does.
pub type Kept = (Arc<dyn Store>, Box<dyn Any + Send>);

/// An embedded store in a folder of its own.
pub async fn embedded() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let opened = sqlite::open::Settings {
        path: folder.path().to_owned(),
        stage: Stage::Demo,
        master: secrecy::SecretBox::new(Box::new([7u8; 32])),
        read_only: false,
    };
    let store = SqliteStore::open(opened).unwrap();
    store.lock_for_run().await.unwrap();
    (Arc::new(store), Box::new(folder))
}

/// A running house.
pub struct House {
    _keeps: Box<dyn Any + Send>,
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub engine: Option<Engine>,
    pub points: Points,
    pub set: Arc<PlanSet>,
    settings: Settings,
    /// The last number that was given to a message.
    pub number: u64,
}

impl House {
    pub async fn new(number: u64) -> House {
        let settings = Settings { workers: 2, ..Settings::default() };
        House::of(number, start_of_time(), set(), settings).await
    }

    pub async fn of(number: u64, at: Timestamp, set: Arc<PlanSet>, settings: Settings) -> House {
        House::on(embedded().await, number, at, set, settings)
    }

    /// A house on a store that runs.
    pub fn on(
        (store, keeps): Kept,
        number: u64,
        at: Timestamp,
        set: Arc<PlanSet>,
        settings: Settings,
    ) -> House {
        let mut house = House {
            _keeps: keeps,
            clock: Clock::set(at),
            store,
            engine: None,
            points: Points::none(),
            set,
            settings,
            number,
        };
        house.start(Points::none());
        house
    }

    pub fn start(&mut self, points: Points) {
        let start = Start {
            store: self.store.clone(),
            clock: self.clock.clone(),
            points: points.clone(),
            set: self.set.clone(),
            settings: self.settings.clone(),
        };
        let mut engine = Engine::start(start).unwrap();
        engine.open_dispatch(Arc::new(NoCommands));
        (self.engine, self.points) = (Some(engine), points);
    }

    pub async fn stop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.core.stop.cancel();
            engine.drain(Duration::from_millis(100)).await;
        }
    }

    pub async fn restart(&mut self, points: Points) {
        self.stop().await;
        self.start(points);
    }

    pub fn fresh(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub fn envelope(
        &self,
        binding: &str,
        partner: &str,
        name: &str,
        body: impl Into<bytes::Bytes>,
        person: Option<&str>,
    ) -> Envelope {
        let how = if person.is_some() { How::Internal } else { How::Memory };
        let body = body.into();
        Envelope {
            head: Head {
                id: Uuid::now_v7(),
                connection: binding.split(' ').next().unwrap().to_owned(),
                binding: binding.to_owned(),
                transport_id: name.to_owned(),
                correlation: None,
                content_type: None,
                partner: Some(PartnerRef { id: partner.to_owned(), how }),
                received: self.clock.now(),
                return_address: None,
                traceparent: None,
                acting_person: person.map(str::to_owned),
                label: None,
                in_band: false,
            },
            evidence: Evidence {
                octets_sha256: sha256_hex(&body),
                size: body.len() as u64,
                ..Evidence::default()
            },
            body,
            parts: Vec::new(),
        }
    }

    /// Delivers until there is a verdict, as every sender must; a process that ended is followed by another one.
    pub async fn deliver(&mut self, envelope: Envelope) -> Verdict {
        for tried in 0..2000 {
            let engine = self.engine.as_ref().unwrap();
            match engine.reception.deliver(envelope.clone()).await {
                // What was committed before a process ended is no repeat.
                Ok(verdict) => {
                    let again = verdict.again && (tried == 0 || verdict.id != envelope.head.id);
                    return Verdict { again, ..verdict };
                }
                Err(_) if self.points.crashed() => self.restart(Points::none()).await,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
        panic!("no verdict");
    }

    /// Says something of the register as a whole at a moment, as a person of it or as the office's own system.
    pub async fn say(&mut self, what: &Value, at: Timestamp, person: Option<&str>) -> Verdict {
        let number = self.fresh();
        let binding = if person.is_some() { "person register" } else { "http /v1/registermeldungen" };
        let body = registermeldung(number, at, what);
        let envelope = self.envelope(binding, AMT, &format!("m-{number}"), body, person);
        self.deliver(envelope).await
    }

    /// The same, now, and it is taken.
    pub async fn said(&mut self, what: Value, person: Option<&str>) {
        let verdict = self.say(&what, self.clock.now(), person).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{what}: {:?}", verdict.codes);
    }
}
