//! What the tests of the engine are built on: a compiled stage, a store in a folder of its own, a clock, steps of the test.
//! Decides nothing that the product decides.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::app::fit;
use drehscheibe::app::place::Place;
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::housekeeping::Commands;
use drehscheibe::engine::points::Points;
use drehscheibe::engine::start::{Engine, Start};
use drehscheibe::envelope::{Envelope, Evidence, Head, How, PartnerRef, Stage, Verdict};
use drehscheibe::message::Message;
use drehscheibe::pipeline::step::{Bench, Flow, Step, Trouble};
use drehscheibe::plan::{Patience, Plan, PlanSet, Planned};
use drehscheibe::store::contract::*;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::figures::Figures;
use drehscheibe::store::listed::{Listed, ListedSend};
use drehscheibe::store::orders::{Command, CommandState};
use drehscheibe::store::sqlite;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::Intake;
use jiff::Timestamp;
use uuid::Uuid;

use super::far::{Does, Far};
use super::troubled::Troubled;
use crate::support::{StageDir, root};

pub const NORD: &str = "callback:kita-portal-nord";
pub const WOHNGELD: &str = "callback:wohngeld-online";
pub const HORT: &str = "callback:hort-portal";
pub const TRAY: &str = "lieferungen:jugendamt-bremen";

/// The second route: another entry, another sender, one partner of its own and one that both routes tell.
const ZWEITE: &str = "route: zweitlieferung
about: A second Jugendamt delivers by a way of its own.
on:
  - http: /v1/zweite
accept:
  - { message: xfamilie.0804, from: zweitaemter }
order-by: child
do:
  - mirror: {}
send:
  - receipt: {}
  - callback: { to: hort-portal, body: { id: vorgang, stand: stand } }
  - callback: { to: kita-portal-nord, body: { id: vorgang, stand: stand } }
settings: { give-up-after: 1d }
";

const PARTNERS: &str = r#"
  jugendamt-zweit:
    name: Zweites Jugendamt
    mandant: jugendamt-zweit
    groups: [zweitaemter]
    identities: ["jga:032410001001"]
    credentials: [{ bearer: { file: secrets/zweit } }]
  hort-portal:
    name: Hort-Portal
    channels: { callback: { url: "http://localhost:9/", secret: { file: secrets/whsec }, allow-private: [localhost] } }
"#;

/// The stage, compiled once for all tests.
fn base() -> &'static PlanSet {
    static BASE: OnceLock<PlanSet> = OnceLock::new();
    BASE.get_or_init(|| {
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let stage = StageDir::new([nobody, nobody]);
        fs::write(stage.stage().join("secrets/zweit"), "zweites-probe-token-0123456789").unwrap();
        let partners = stage.stage().join("partners.yaml");
        let written = fs::read_to_string(&partners).unwrap();
        fs::write(&partners, format!("{}{PARTNERS}", written.trim_end())).unwrap();
        let routes = stage.dir.path().join("routes");
        fs::create_dir(&routes).unwrap();
        fs::copy(root().join("routes/registerlieferung.yaml"), routes.join("registerlieferung.yaml"))
            .unwrap();
        fs::write(routes.join("zweitlieferung.yaml"), ZWEITE).unwrap();
        let place = Place { config: stage.stage(), routes, xsd: root().join("xsd"), data: stage.data() };
        let fit = fit::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit:?}"));
        fit.compiled.into_plan_set(Default::default(), fit.standards, Stage::Test)
    })
}

/// A store, a set and a clock, from which engines are started.
pub struct Rig {
    pub folder: tempfile::TempDir,
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub set: PlanSet,
    pub settings: Settings,
}

impl Rig {
    pub async fn new(clock: Clock) -> Rig {
        Rig::of_stage(clock, Stage::Test).await
    }

    pub async fn of_stage(clock: Clock, stage: Stage) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let settings = sqlite::open::Settings {
            path: folder.path().to_owned(),
            stage,
            master: secrecy::SecretBox::new(Box::new([7u8; 32])),
            read_only: false,
        };
        let store = SqliteStore::open(settings).unwrap();
        store.lock_for_run().await.unwrap();
        let base = base();
        let patience = Patience {
            first: Duration::from_secs(10),
            longest: Duration::from_secs(3600),
            breaker_after: 5,
            breaker_open: Duration::from_secs(30),
        };
        let set = PlanSet {
            version: base.version.clone(),
            stage,
            plans: base.plans.clone(),
            standards: base.standards.clone(),
            partners: base.partners.clone(),
            admission: base.admission.clone(),
            http: base.http.clone(),
            destinations: Default::default(),
            beside: base.beside.clone(),
            patience: ["callback", "lieferungen"].map(|name| (name.to_owned(), patience.clone())).into(),
        };
        let mut rig = Rig {
            folder,
            clock,
            store: Arc::new(store),
            set,
            settings: Settings { workers: 2, ..Settings::default() },
        };
        for name in [NORD, WOHNGELD, HORT, TRAY] {
            rig.far(name, |_, _| Does::Take);
        }
        rig
    }

    /// Puts a partner at a destination that does what the rule says on each attempt (1 is the first).
    pub fn far(
        &mut self,
        name: &str,
        rule: impl Fn(&Envelope, u32) -> Does + Send + Sync + 'static,
    ) -> Arc<Far> {
        self.put(name, Far::new(self.clock.clone(), true, rule))
    }

    pub fn put(&mut self, name: &str, far: Far) -> Arc<Far> {
        let far = Arc::new(far);
        self.set.destinations.insert(name.to_owned(), far.clone());
        far
    }

    /// Lets every call of the store pass a gate that a test controls.
    pub fn troubled(&mut self) -> Arc<Troubled> {
        let troubled = Arc::new(Troubled::new(self.store.clone()));
        self.store = troubled.clone();
        troubled
    }

    /// Replaces the steps of the first route by one step of the test, before its own `send` if wanted.
    pub fn step(
        &mut self,
        sends: bool,
        does: impl Fn(&mut Message) -> Result<Flow, Trouble> + Send + Sync + 'static,
    ) {
        self.steps(sends, vec![Arc::new(TestStep(Box::new(does)))]);
    }

    pub fn steps(&mut self, sends: bool, steps: Vec<Arc<dyn Step>>) {
        let old = self.plan("registerlieferung");
        let planned = |step| Planned { step, branch: None, when: None, choose: None };
        let mut fresh: Vec<Planned> = steps.into_iter().map(planned).collect();
        let send_from = fresh.len();
        if sends {
            fresh.extend(old.steps[old.send_from..].iter().cloned());
        }
        self.replace(Plan { steps: fresh, send_from, ..old });
    }

    pub fn plan(&self, route: &str) -> Plan {
        let found = self.set.plans.iter().find(|plan| plan.route == route);
        Plan::clone(found.unwrap())
    }

    pub fn replace(&mut self, plan: Plan) {
        self.set.plans.retain(|old| old.route != plan.route);
        self.set.plans.insert(0, Arc::new(plan));
    }

    fn set(&self) -> Arc<PlanSet> {
        let set = &self.set;
        Arc::new(PlanSet {
            version: set.version.clone(),
            stage: set.stage,
            plans: set.plans.clone(),
            standards: set.standards.clone(),
            partners: set.partners.clone(),
            admission: set.admission.clone(),
            http: set.http.clone(),
            destinations: set.destinations.clone(),
            beside: set.beside.clone(),
            patience: set.patience.clone(),
        })
    }

    /// An engine on the rig's store, dispatch open.
    pub fn engine(&self) -> Engine {
        self.engine_on(self.store.clone())
    }

    /// An engine that stops at a point.
    pub fn engine_at(&self, points: Points) -> Engine {
        self.started(self.store.clone(), points)
    }

    pub fn engine_on(&self, store: Arc<dyn Store>) -> Engine {
        self.started(store, Points::none())
    }

    fn started(&self, store: Arc<dyn Store>, points: Points) -> Engine {
        let start = Start {
            store,
            clock: self.clock.clone(),
            points,
            set: self.set(),
            settings: self.settings.clone(),
        };
        let mut engine = Engine::start(start).unwrap();
        engine.open_dispatch(Arc::new(NoCommands));
        engine
    }

    pub fn envelope(&self, wish: &Wish) -> Envelope {
        self.envelope_of(&format!("t-{}", wish.message), eintragung(wish))
    }

    pub fn envelope_of(&self, transport_id: &str, body: String) -> Envelope {
        Envelope {
            head: Head {
                id: Uuid::now_v7(),
                connection: "http".to_owned(),
                binding: "http /v1/lieferungen".to_owned(),
                transport_id: transport_id.to_owned(),
                correlation: None,
                content_type: Some("application/xml".to_owned()),
                partner: Some(PartnerRef { id: "jugendamt-bremen".to_owned(), how: How::Memory }),
                received: self.clock.now(),
                return_address: None,
                traceparent: None,
                acting_person: None,
                label: None,
                in_band: true,
            },
            evidence: Evidence {
                octets_sha256: sha256_hex(body.as_bytes()),
                size: body.len() as u64,
                ..Evidence::default()
            },
            body: body.into(),
            parts: Vec::new(),
        }
    }

    /// The same delivery by the tray, which answers by message.
    pub fn by_tray(&self, transport_id: &str, body: String) -> Envelope {
        let mut envelope = self.envelope_of(transport_id, body);
        envelope.head.connection = "lieferungen".to_owned();
        envelope.head.binding = "folder lieferungen".to_owned();
        envelope.head.return_address = Some(TRAY.to_owned());
        envelope.head.in_band = false;
        envelope
    }

    /// The same delivery by the second route.
    pub fn by_second(&self, wish: &Wish) -> Envelope {
        let mut envelope = self.envelope(wish);
        envelope.head.binding = "http /v1/zweite".to_owned();
        envelope.head.partner = Some(PartnerRef { id: "jugendamt-zweit".to_owned(), how: How::Memory });
        envelope
    }

    pub async fn figures(&self) -> Figures {
        self.store.figures(&Scope::Operator).await.unwrap()
    }

    pub async fn listed(&self) -> Vec<Listed> {
        self.store.list(&Scope::Operator, Filter { limit: 10_000, ..Filter::default() }).await.unwrap()
    }

    pub async fn show(&self, id: Uuid) -> Listed {
        let filter = Filter { id: Some(id), ..Filter::default() };
        self.store.list(&Scope::Operator, filter).await.unwrap().remove(0)
    }

    /// The state of what a message sends to a destination.
    pub async fn send_of(&self, id: Uuid, destination: &str) -> ListedSend {
        let shown = self.show(id).await;
        shown.sends.into_iter().find(|send| send.destination == destination).unwrap()
    }

    pub async fn until_send(&self, id: Uuid, destination: &str, state: &str) -> ListedSend {
        for _ in 0..4_000 {
            let send = self.send_of(id, destination).await;
            if send.state.as_str() == state {
                return send;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        panic!("{destination} did not become {state}: {:?}", self.send_of(id, destination).await);
    }

    /// Waits until so many records stand in the mirror.
    pub async fn until_mirror(&self, records: u64) {
        for _ in 0..4_000 {
            if self.figures().await.mirror == records {
                return;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        panic!("{} records", self.figures().await.mirror);
    }

    /// Waits until nothing is left to send.
    pub async fn at_rest(&self) {
        for _ in 0..6_000 {
            if self.figures().await.backlog.iter().all(|backlog| backlog.waiting == 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not come to rest: {:?}", self.figures().await.backlog);
    }
}

/// The n-th message about a child: each says something else and is newer than the one before.
pub fn wish(child: u64, n: u64) -> Wish {
    const ARTEN: &[&[&str]] = &[
        &[],
        &["01"],
        &["02"],
        &["03"],
        &["04"],
        &["01", "02"],
        &["01", "03"],
        &["01", "04"],
        &["02", "03"],
        &["02", "04"],
    ];
    Wish {
        message: child * 1000 + n,
        arten: ARTEN[n as usize % ARTEN.len()].to_vec(),
        second: 100 + n as u32,
        ..Wish::plain(child)
    }
}

/// Delivers until there is a verdict, as every sender must; bounded.
pub async fn deliver(engine: &Engine, envelope: Envelope) -> Verdict {
    for _ in 0..12_000 {
        match engine.reception.deliver(envelope.clone()).await {
            Ok(verdict) => return verdict,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    panic!("no verdict");
}

pub async fn stop(engine: Engine) {
    engine.drain(Duration::from_secs(5)).await;
}

pub struct NoCommands;

#[async_trait]
impl Commands for NoCommands {
    async fn handle(&self, _: &Command) -> CommandState {
        CommandState::Refused("there are no commands in a test".to_owned())
    }
}

pub type Doing = Box<dyn Fn(&mut Message) -> Result<Flow, Trouble> + Send + Sync>;

/// A step of the test.
pub struct TestStep(pub Doing);

impl Step for TestStep {
    fn name(&self) -> &'static str {
        "test"
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        (self.0)(message)
    }
}

pub fn start_of_time() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().unwrap()
}

/// A clock that runs so many times as fast as the machine's.
pub fn fast(factor: f64) -> Clock {
    Clock::scaled(start_of_time(), factor)
}
