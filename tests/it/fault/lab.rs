//! One stage with its neighbours: the embedded store or a PostgreSQL, a RabbitMQ where wanted, two online services, and ways
//! to them that a test can disturb. Servers are private, ended by their own pid; where they are missing that is said.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::postgres::parts::PostgresStore;
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;

use crate::fault::courier::Courier;
use crate::fault::proxy::Proxy;
use crate::postgres::server::{self, Server};
use crate::support::{Receiver, Running, StageDir, TOKEN, ready};
use crate::transport_broker::{self, Broker, PASSWORD, USER};

/// The master key of every stage here.
const MASTER: &[u8; 32] = b"01234567890123456789012345678901";

/// Which neighbours a stage has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// PostgreSQL instead of the embedded store.
    pub postgres: bool,
    /// A third of the deliveries comes by RabbitMQ, and so do the answers.
    pub amqp: bool,
    /// Servers of the test's own, which it may stop and kill.
    pub own: Option<&'static str>,
    /// Ways that can be disturbed.
    pub proxied: bool,
    /// How many deliveries the broker hands over ahead; 0: 100.
    pub prefetch: u16,
    /// What is laid into the tray of the Jugendamt is followed, and nobody takes it.
    pub followed: bool,
}

/// A server that is the test's own or that it shares.
pub enum Held<T: 'static> {
    /// May be disturbed.
    Own(T),
    /// May not.
    Shared(&'static T),
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Held::Own(own) => own,
            Held::Shared(shared) => shared,
        }
    }
}

impl<T> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Held::Own(own) => own,
            Held::Shared(_) => panic!("a server that others use, too, is not disturbed"),
        }
    }
}

/// The ways to the neighbours.
pub struct Ways {
    /// To the database.
    pub database: Option<Proxy>,
    /// To the broker.
    pub broker: Option<Proxy>,
    /// To both online services.
    pub callbacks: [Proxy; 2],
}

/// The stage and what it stands on.
pub struct Lab {
    /// Its files.
    pub stage: Arc<StageDir>,
    /// The online services.
    pub partners: [Receiver; 2],
    /// The database server and the name of the database.
    pub database: Option<(Held<Server>, String)>,
    /// The broker.
    pub broker: Option<Held<Broker>>,
    /// The Jugendamt at the broker.
    pub courier: Option<Arc<Courier>>,
    /// The ways, where wanted.
    pub ways: Option<Ways>,
    /// The queue of deliveries; answers come to `QUEUE.antworten`.
    pub queue: String,
}

impl Lab {
    /// Makes it; `None`, said, where a server is not installed.
    pub async fn new(wanted: Wanted) -> Option<Lab> {
        let database = match (wanted.postgres, wanted.own) {
            (false, _) => None,
            (true, None) => {
                let server = server::shared().await?;
                Some((Held::Shared(server), server.empty_database().await))
            }
            (true, Some(_)) => {
                let server = Server::start().await?;
                let logins = "CREATE ROLE besitzer LOGIN CREATEROLE; CREATE ROLE laufzeit LOGIN";
                server.admin("postgres").await.batch_execute(logins).await.unwrap();
                let name = server.empty_database().await;
                Some((Held::Own(server), name))
            }
        };
        let broker = match (wanted.amqp, wanted.own) {
            (false, _) => None,
            (true, None) => Some(Held::Shared(transport_broker::shared().await?)),
            (true, Some(name)) => Some(Held::Own(transport_broker::own(name).await?)),
        };
        let partners = [Receiver::start().await, Receiver::start().await];
        let mut addresses = [partners[0].address, partners[1].address];
        let mut ways = None;
        if wanted.proxied {
            let callbacks = [Proxy::to(addresses[0].port()).await, Proxy::to(addresses[1].port()).await];
            for (address, proxy) in addresses.iter_mut().zip(&callbacks) {
                address.set_port(proxy.port);
            }
            let way = async |port: Option<u16>| match port {
                Some(port) => Some(Proxy::to(port).await),
                None => None,
            };
            ways = Some(Ways {
                database: way(database.as_ref().map(|(server, _)| server.port)).await,
                broker: way(broker.as_ref().map(|broker| broker.port)).await,
                callbacks,
            });
        }
        let lab = Lab {
            stage: Arc::new(StageDir::new(addresses)),
            partners,
            courier: broker.as_ref().map(|broker| Arc::new(Courier::new(broker.port))),
            database,
            broker,
            ways,
            queue: format!("stoerung.{}", uuid::Uuid::new_v4().simple()),
        };
        lab.furnish(&lab.stage, wanted.prefetch).await;
        if wanted.followed {
            let partners = lab.stage.stage().join("partners.yaml");
            rewrite(&partners, "lieferungen: {}", "lieferungen: { taken-within: 2s }");
        }
        Some(lab)
    }

    /// Writes the neighbours into the files of a stage.
    pub async fn furnish(&self, stage: &StageDir, prefetch: u16) {
        let secrets = stage.stage().join("secrets");
        if let Some((server, name)) = &self.database {
            let port = self
                .ways
                .as_ref()
                .and_then(|ways| ways.database.as_ref())
                .map_or(server.port, |way| way.port);
            let url = |user: &str| {
                server.url(user, name).replace(&format!(":{}/", server.port), &format!(":{port}/"))
            };
            fs::write(secrets.join("url"), url("laufzeit")).unwrap();
            fs::write(secrets.join("owner"), url("besitzer")).unwrap();
            rewrite(
                &stage.stage().join("connections.yaml"),
                "store: { kind: sqlite, path: store }",
                "store: { kind: postgres, path: store, url: { file: secrets/url }, owner: { file: secrets/owner } }",
            );
        }
        let (Some(broker), Some(courier)) = (&self.broker, &self.courier) else { return };
        let answers = self.answers();
        courier.declare(&answers).await;
        let port =
            self.ways.as_ref().and_then(|ways| ways.broker.as_ref()).map_or(broker.port, |way| way.port);
        let prefetch = if prefetch == 0 { 100 } else { prefetch };
        fs::write(secrets.join("broker"), PASSWORD).unwrap();
        let connection = format!(
            r#"connections:
  broker:
    kind: amqp
    host: "127.0.0.1"
    port: {port}
    user: {USER}
    password: {{ file: secrets/broker }}
    topology: declare
    heartbeat: 5s
    reconnect-longest: 1s
    confirm-timeout: 5s
    queues: [ {{ binding: register.lieferungen, queue: {}, partner: jugendamt-bremen, prefetch: {prefetch} }} ]
    retry: {{ first: 50ms, longest: 400ms, breaker-after: 8, breaker-open: 150ms }}
"#,
            self.queue
        );
        rewrite(&stage.stage().join("connections.yaml"), "connections:\n", &connection);
        rewrite(
            &stage.stage().join("partners.yaml"),
            "channels: { lieferungen: {} }\n    answers-by: lieferungen",
            &format!(
                "channels: {{ lieferungen: {{}}, broker: {{ routing-key: {answers} }} }}\n    answers-by: broker"
            ),
        );
        rewrite(
            &stage.routes.join("registerlieferung.yaml"),
            "  - folder: lieferungen\n",
            "  - folder: lieferungen\n  - amqp: register.lieferungen\n",
        );
    }

    /// The queue of answers.
    pub fn answers(&self) -> String {
        format!("{}.antworten", self.queue)
    }

    /// Starts the program and waits until it is ready.
    pub async fn up(&self, environment: &[(&str, String)]) -> Running {
        up(&self.stage, environment).await
    }

    /// What the store holds, read past the program and past every proxy.
    pub async fn essence(&self) -> Vec<String> {
        let path = self.stage.data().join("store");
        let master = secrecy::SecretBox::new(Box::new(*MASTER));
        let store: Arc<dyn Store> = match &self.database {
            None => {
                let settings = Settings { path, stage: Stage::Test, master, read_only: true };
                Arc::new(SqliteStore::open(settings).expect("the store opens"))
            }
            Some((server, name)) => {
                let mut settings = server.settings(name, &path, Stage::Test, 1);
                (settings.master, settings.read_only) = (master, true);
                Arc::new(PostgresStore::open(settings).await.expect("the store opens"))
            }
        };
        store.essence().await.expect("its essence")
    }
}

/// Starts a stage's program and waits until it is ready.
pub async fn up(stage: &StageDir, environment: &[(&str, String)]) -> Running {
    let mut running = stage.start_with(environment);
    wait_ready(stage, &mut running).await;
    running
}

/// Waits until a program is ready.
pub async fn wait_ready(stage: &StageDir, running: &mut Running) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
    for _ in 0..3_000 {
        if ready(&client, stage.http).await {
            return;
        }
        assert!(!running.ended(), "it ended\n{}", tail(&stage.log()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not ready\n{}", tail(&stage.log()));
}

/// Delivers a document by HTTP once; the status, 0 where none came, and our id of the delivery.
pub async fn post(stage: &StageDir, client: &reqwest::Client, key: &str, document: String) -> (u16, String) {
    let sent = client
        .post(format!("http://{}/v1/lieferungen", stage.http))
        .bearer_auth(TOKEN)
        .header("content-type", "application/xml")
        .header("idempotency-key", format!("schluessel-{key}"))
        .body(document)
        .send()
        .await;
    let Ok(answer) = sent else { return (0, String::new()) };
    let place = answer.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default();
    (answer.status().as_u16(), place.rsplit('/').next().unwrap_or_default().to_owned())
}

/// A client of the doors.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap()
}

/// The last lines of a log.
pub fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Replaces a passage of a file that must be there.
pub fn rewrite(file: &std::path::Path, from: &str, to: &str) {
    let written = fs::read_to_string(file).unwrap();
    assert!(written.contains(from), "{} holds no `{from}`", file.display());
    fs::write(file, written.replacen(from, to, 1)).unwrap();
}
