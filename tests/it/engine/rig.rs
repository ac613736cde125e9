//! What the tests of the engine are built on: a compiled stage, a store in a folder of its own, partners that follow a rule,
//! and a store that fails on demand. Decides nothing that the product decides.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::app::place::{self, Place};
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::effects::{Answer, Outgoing, Question};
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::housekeeping::Commands;
use drehscheibe::engine::points::Points;
use drehscheibe::engine::start::{Engine, Start};
use drehscheibe::envelope::{Claim, Envelope, Evidence, Head, How, PartnerRef, Stage, Verdict};
use drehscheibe::message::Message;
use drehscheibe::pipeline::step::{Bench, Flow, Step, Trouble};
use drehscheibe::plan::{Patience, Plan, PlanSet, Planned};
use drehscheibe::store::contract::*;
use drehscheibe::store::sqlite;
use drehscheibe::store::sqlite::store::SqliteStore;
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::{Busy, Destination, Intake, Receipt, SendError};
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::{StageDir, root, until};

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
        let fit = place::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit:?}"));
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
            patience: set.patience.clone(),
        })
    }

    /// An engine on the rig's store, dispatch open.
    pub fn engine(&self) -> Engine {
        self.engine_on(self.store.clone())
    }

    pub fn engine_on(&self, store: Arc<dyn Store>) -> Engine {
        let start = Start {
            store,
            clock: self.clock.clone(),
            points: Points::none(),
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
        for _ in 0..1000 {
            let send = self.send_of(id, destination).await;
            if send.state == state {
                return send;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        panic!("{destination} did not become {state}: {:?}", self.send_of(id, destination).await);
    }

    /// Waits until nothing is left to send.
    pub async fn at_rest(&self) {
        for _ in 0..1500 {
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
    for _ in 0..2000 {
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

/// What a partner does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Takes it.
    Take,
    /// Does not take this one now.
    Later,
    /// Asks for a pause.
    LaterFor(Duration),
    /// Is out of order as a whole.
    Down,
    /// Takes it, and the answer is lost.
    Lose,
    /// Does not take it, and nobody knows.
    Vanish,
}

type Rule = Box<dyn Fn(&Envelope, u32) -> Does + Send + Sync>;

/// A partner in memory.
pub struct Far {
    clock: Clock,
    rule: Rule,
    safe: bool,
    /// True when an earlier attempt can be looked up.
    pub finds: AtomicBool,
    pub seen: Mutex<Seen>,
}

#[derive(Default)]
pub struct Seen {
    pub attempts: HashMap<Uuid, u32>,
    pub times: Vec<Timestamp>,
    pub taken: Vec<Envelope>,
    pub repeated: u32,
}

impl Far {
    pub fn new(
        clock: Clock,
        safe: bool,
        rule: impl Fn(&Envelope, u32) -> Does + Send + Sync + 'static,
    ) -> Far {
        Far { clock, rule: Box::new(rule), safe, finds: AtomicBool::new(true), seen: Mutex::default() }
    }

    pub fn taken(&self) -> usize {
        self.seen.lock().unwrap().taken.len()
    }

    pub fn attempts(&self) -> usize {
        self.seen.lock().unwrap().times.len()
    }

    /// The ids of the messages that it was told of, in the order in which it took them.
    pub fn told(&self) -> Vec<Uuid> {
        let seen = self.seen.lock().unwrap();
        seen.taken.iter().map(|envelope| told_of(envelope)).collect()
    }

    pub async fn has(&self, count: usize) {
        until(&format!("{count} envelopes"), 20, || self.taken() >= count).await;
    }
}

/// The message that a callback speaks of.
pub fn told_of(envelope: &Envelope) -> Uuid {
    let body: serde_json::Value = serde_json::from_slice(&envelope.body).unwrap();
    body["id"].as_str().unwrap().parse().unwrap()
}

#[async_trait]
impl Destination for Far {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let attempt = {
            let mut seen = self.seen.lock().unwrap();
            seen.times.push(self.clock.now());
            let attempt = seen.attempts.entry(envelope.head.id).or_default();
            *attempt += 1;
            *attempt
        };
        let does = (self.rule)(envelope, attempt);
        let later = |far_end, retry_after| {
            Err(SendError::Later { cause: "out of order for the test".to_owned(), retry_after, far_end })
        };
        match does {
            Does::Later => return later(false, None),
            Does::LaterFor(pause) => return later(false, Some(pause)),
            Does::Down => return later(true, None),
            Does::Vanish => return Err(SendError::Unclear { cause: "the line went dead".to_owned() }),
            Does::Take | Does::Lose => {}
        }
        let mut seen = self.seen.lock().unwrap();
        match seen.taken.iter().find(|known| known.head.id == envelope.head.id) {
            Some(known) => {
                assert!(known.body == envelope.body, "one id, two bodies");
                seen.repeated += 1;
            }
            None => seen.taken.push(envelope.clone()),
        }
        match does {
            Does::Lose => Err(SendError::Unclear { cause: "the answer was lost".to_owned() }),
            _ => Ok(Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() }),
        }
    }

    fn repeat_is_safe(&self) -> bool {
        self.safe
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        if !self.finds.load(Ordering::SeqCst) {
            return Err(SendError::Unclear { cause: "there is no way to ask".to_owned() });
        }
        let seen = self.seen.lock().unwrap();
        let known = seen.taken.iter().any(|known| known.head.id == envelope.head.id);
        Ok(known.then(Receipt::default))
    }

    fn width(&self) -> usize {
        2
    }
}

pub type Hook = Box<dyn Fn() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The real store behind a gate: refuses what it is told to refuse, and counts.
pub struct Troubled {
    inner: Arc<dyn Store>,
    pub no_commit: AtomicBool,
    pub no_lookup: AtomicBool,
    pub no_settle: AtomicBool,
    pub no_claim: AtomicBool,
    /// Entries with this transport id cannot be stored with their effects.
    pub cursed: Mutex<Option<String>>,
    /// Passed before each commit.
    pub turnstile: tokio::sync::Semaphore,
    pub guarded: AtomicBool,
    /// Runs after each lookup, before its facts are used.
    pub after_lookup: tokio::sync::Mutex<Option<Hook>>,
    pub lookups: AtomicUsize,
    pub most_entries: AtomicUsize,
}

impl Troubled {
    fn new(inner: Arc<dyn Store>) -> Troubled {
        Troubled {
            inner,
            no_commit: AtomicBool::default(),
            no_lookup: AtomicBool::default(),
            no_settle: AtomicBool::default(),
            no_claim: AtomicBool::default(),
            cursed: Mutex::default(),
            turnstile: tokio::sync::Semaphore::new(0),
            guarded: AtomicBool::default(),
            after_lookup: tokio::sync::Mutex::default(),
            lookups: AtomicUsize::default(),
            most_entries: AtomicUsize::default(),
        }
    }

    fn pass(&self, closed: &AtomicBool) -> Result<(), StoreError> {
        match closed.load(Ordering::SeqCst) {
            true => Err(StoreError::Later("the test says so".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Troubled {
    async fn lookup(&self, questions: Vec<Question>) -> Result<Vec<Answer>, StoreError> {
        self.pass(&self.no_lookup)?;
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let answers = self.inner.lookup(questions).await;
        if let Some(hook) = &*self.after_lookup.lock().await {
            hook().await;
        }
        answers
    }

    async fn commit(&self, entries: Vec<Entry>) -> Result<Vec<Committed>, StoreError> {
        self.most_entries.fetch_max(entries.len(), Ordering::SeqCst);
        if self.guarded.load(Ordering::SeqCst) {
            self.turnstile.acquire().await.unwrap().forget();
        }
        self.pass(&self.no_commit)?;
        let cursed = self.cursed.lock().unwrap().clone();
        let hit = |entry: &Entry| {
            Some(&entry.envelope.head.transport_id) == cursed.as_ref() && !entry.effects.sends.is_empty()
        };
        if entries.iter().any(hit) {
            return Err(StoreError::Entry("the test says so".to_owned()));
        }
        self.inner.commit(entries).await
    }

    async fn answer_again(&self, first: Uuid, answer: Outgoing, now: Timestamp) -> Result<bool, StoreError> {
        self.pass(&self.no_commit)?;
        self.inner.answer_again(first, answer, now).await
    }

    async fn claim(&self, want: Want) -> Result<Vec<Lane>, StoreError> {
        self.pass(&self.no_claim)?;
        self.inner.claim(want).await
    }

    async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<bool>, StoreError> {
        self.pass(&self.no_settle)?;
        self.inner.settle(settles).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_due().await
    }

    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        self.inner.breakers().await
    }

    async fn set_breaker(&self, breaker: Breaker) -> Result<(), StoreError> {
        self.inner.set_breaker(breaker).await
    }

    async fn resume(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Resumed>, StoreError> {
        self.inner.resume(now, lease, limit).await
    }

    async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.inner.due_timers(now, limit).await
    }

    async fn replay(&self, id: Uuid, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.replay(id, person, reason, now).await
    }

    async fn list(&self, scope: &Scope, filter: Filter) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(scope, filter).await
    }

    async fn list_parked_sends(&self, scope: &Scope, limit: usize) -> Result<Vec<ListedSend>, StoreError> {
        self.inner.list_parked_sends(scope, limit).await
    }

    async fn original(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Envelope>, StoreError> {
        self.inner.original(scope, id, person, reason, now).await
    }

    async fn figures(&self, scope: &Scope) -> Result<Figures, StoreError> {
        self.inner.figures(scope).await
    }

    async fn pauses(&self, now: Timestamp) -> Result<Vec<Pause>, StoreError> {
        self.inner.pauses(now).await
    }

    async fn set_pause(
        &self,
        kind: &str,
        name: &str,
        pause: Option<Pause>,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.set_pause(kind, name, pause, person, now).await
    }

    async fn post_command(&self, command: Command) -> Result<(), StoreError> {
        self.inner.post_command(command).await
    }

    async fn take_commands(&self, limit: usize) -> Result<Vec<Command>, StoreError> {
        self.inner.take_commands(limit).await
    }

    async fn end_command(&self, id: Uuid, state: CommandState) -> Result<(), StoreError> {
        self.inner.end_command(id, state).await
    }

    async fn command_state(&self, id: Uuid) -> Result<Option<CommandState>, StoreError> {
        self.inner.command_state(id).await
    }

    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.note(connection, key).await
    }

    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.inner.set_note(connection, key, value).await
    }

    async fn spool(&self, mandant: &str) -> Result<Box<dyn SpoolWrite>, StoreError> {
        self.inner.spool(mandant).await
    }

    async fn open_claim(&self, mandant: &str, claim: &Claim) -> Result<Box<dyn SpoolRead>, StoreError> {
        self.inner.open_claim(mandant, claim).await
    }

    async fn collect_garbage(&self) -> Result<u64, StoreError> {
        self.inner.collect_garbage().await
    }

    async fn essence(&self) -> Result<Vec<String>, StoreError> {
        self.inner.essence().await
    }
}

pub fn start_of_time() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().unwrap()
}

/// A clock that runs so many times as fast as the machine's.
pub fn fast(factor: f64) -> Clock {
    Clock::scaled(start_of_time(), factor)
}

/// Whether a delivery was refused as busy.
pub fn is_busy(outcome: &Result<Verdict, Busy>) -> bool {
    outcome.is_err()
}
