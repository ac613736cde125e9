//! A private RabbitMQ for tests, a client that plays the partners, and a proxy that can cut. One broker for the whole
//! run, ended with this process; those that are killed or filled up are started for the test that does it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::support::root;

pub const USER: &str = "haus";
pub const PASSWORD: &str = "haus-probe-geheim";

/// Users of the broker: name, what they may (configure, write, read).
const USERS: &[(&str, [&str; 3])] = &[
    (USER, [".*", ".*", ".*"]),
    ("ja-nord", [".*", ".*", ".*"]),
    ("ja-sued", [".*", ".*", ".*"]),
    ("haus-zert", [".*", ".*", ".*"]),
    ("nur-lesen", ["", "", ".*"]),
    ("ohne-rechte", ["", "", ""]),
];

/// A broker that a test runs with.
pub struct Broker {
    pub folder: PathBuf,
    pub port: u16,
    pub tls_port: u16,
    environment: Vec<(String, String)>,
    own: bool,
}

/// Whether RabbitMQ is installed; where it is not the tests say so.
fn installed() -> bool {
    let there = Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server").exists();
    if !there {
        println!("not run: RabbitMQ is missing; install rabbitmq-server");
    }
    there
}

/// The broker that tests share, which none of them may disturb.
pub async fn shared() -> Option<&'static Broker> {
    static SHARED: OnceLock<Option<Broker>> = OnceLock::new();
    tokio::task::spawn_blocking(|| {
        SHARED.get_or_init(|| installed().then(|| Broker::start("shared", false))).as_ref()
    })
    .await
    .unwrap()
}

/// A broker of the test's own, stopped with it.
pub async fn own(name: &'static str) -> Option<Broker> {
    tokio::task::spawn_blocking(move || installed().then(|| Broker::start(name, true))).await.unwrap()
}

fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

impl Broker {
    fn start(name: &str, own: bool) -> Broker {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("rabbitmq-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let [port, tls_port, dist, epmd] = free_ports();
        write_certificates(&folder);
        fs::write(folder.join("definitions.json"), definitions().to_string()).unwrap();
        let path = |name: &str| folder.join(name).display().to_string();
        let conf = format!(
            "load_definitions = {}\nmax_message_size = 1048576\nheartbeat = 10\n\
             listeners.ssl.1 = 127.0.0.1:{tls_port}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
             auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\nssl_cert_login_from = common_name\n",
            path("definitions.json"),
            path("clients.pem"),
            path("server.pem"),
            path("server.key"),
        );
        fs::write(folder.join("further.conf"), conf).unwrap();
        let environment = [
            ("DIR", folder.display().to_string()),
            ("PORT", port.to_string()),
            ("DIST", dist.to_string()),
            ("EPMD", epmd.to_string()),
            ("CONF", path("further.conf")),
            ("WHILE", std::process::id().to_string()),
        ];
        let environment =
            environment.map(|(name, value)| (format!("DREHSCHEIBE_RABBITMQ_{name}"), value)).to_vec();
        let broker = Broker { folder, port, tls_port, environment, own };
        broker.script("start");
        broker
    }

    /// Runs the script that people use too.
    pub fn script(&self, verb: &str) {
        let output = Command::new(root().join("deploy/dev/services.sh"))
            .args([verb, "rabbitmq"])
            .envs(self.environment.iter().cloned())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Ends it as a failing machine would.
    pub fn kill(&self) {
        let pid = fs::read_to_string(self.folder.join("pid")).unwrap();
        assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());
        fs::remove_file(self.folder.join("pid")).unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The operators' tool; takes some seconds.
    pub fn control(&self, arguments: &[&str]) {
        let environment = |name: &str| {
            let wanted = format!("DREHSCHEIBE_RABBITMQ_{name}");
            self.environment.iter().find(|(name, _)| *name == wanted).unwrap().1.clone()
        };
        let output = Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl")
            .args(["-n", "drehscheibe@localhost"])
            .args(arguments)
            .env("HOME", self.folder.join("home"))
            .env("ERL_EPMD_PORT", environment("EPMD"))
            .env("RABBITMQ_CONF_ENV_FILE", "/nonexistent")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Settings of a connection of ours.
    pub fn settings(&self, more: Value) -> Value {
        let mut settings = json!({
            "host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD, "topology": "declare",
            "reconnect-longest": "1s", "confirm-timeout": "5s", "heartbeat": "10s"
        });
        for (key, value) in more.as_object().unwrap() {
            settings[key] = value.clone();
        }
        settings
    }

    /// A partner's own connection.
    pub async fn client(&self, user: &str) -> Client {
        let uri = format!("amqp://{user}:{}@127.0.0.1:{}/%2f", password_of(user), self.port);
        let connection = Connection::connect(&uri, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Client { connection, channel }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.own {
            self.script("stop");
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

pub fn password_of(user: &str) -> String {
    format!("{user}-probe-geheim")
}

fn definitions() -> Value {
    let hash = |user: &str| {
        let salt = [1u8, 2, 3, 4];
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&salt);
        context.update(password_of(user).as_bytes());
        STANDARD.encode([&salt, context.finish().as_ref()].concat())
    };
    let users: Vec<Value> = USERS
        .iter()
        .map(|(user, _)| {
            json!({"name": user, "password_hash": hash(user),
                   "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""})
        })
        .collect();
    let permissions: Vec<Value> = USERS
        .iter()
        .map(|(user, [configure, write, read])| {
            json!({"user": user, "vhost": "/", "configure": configure, "write": write, "read": read})
        })
        .collect();
    json!({"vhosts": [{"name": "/"}], "users": users, "permissions": permissions})
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn write_certificates(folder: &Path) {
    let authority = |name: &str| -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let leaf = |authority: &Authority, name: &str, usage, file: &str| {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.insert_extended_key_usage(usage);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        fs::write(folder.join(format!("{file}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    };
    let (servers, clients, strangers) = (authority("servers"), authority("clients"), authority("strangers"));
    fs::write(folder.join("servers.pem"), servers.pem()).unwrap();
    fs::write(folder.join("clients.pem"), clients.pem()).unwrap();
    fs::write(folder.join("strangers.pem"), strangers.pem()).unwrap();
    leaf(&servers, "localhost", ExtendedKeyUsagePurpose::ServerAuth, "server");
    leaf(&clients, "haus-zert", ExtendedKeyUsagePurpose::ClientAuth, "client");
    leaf(&strangers, "haus-zert", ExtendedKeyUsagePurpose::ClientAuth, "stranger");
}

/// A partner's program.
pub struct Client {
    pub connection: Connection,
    pub channel: Channel,
}

impl Client {
    pub async fn publish(&self, queue: &str, octets: &[u8], properties: BasicProperties) {
        self.publish_to("", queue, octets, properties).await;
    }

    pub async fn publish_to(&self, exchange: &str, key: &str, octets: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = properties.with_delivery_mode(2);
        // A queue that was just made may have no leader yet.
        for _ in 0..1_200 {
            let (exchange, key, properties) = (exchange.into(), key.into(), properties.clone());
            let confirm =
                self.channel.basic_publish(exchange, key, options, octets, properties).await.unwrap();
            match confirm.await.unwrap() {
                Confirmation::Ack(None) => return,
                Confirmation::Nack(None) => tokio::time::sleep(Duration::from_millis(50)).await,
                other => panic!("the queue must take it: {other:?}"),
            }
        }
        panic!("the queue does not take it");
    }

    pub async fn declare(&self, queue: &str, kind: &str, arguments: &[(&str, AMQPValue)]) {
        let mut table = FieldTable::default();
        table.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(queue.into(), options, table).await.unwrap();
    }

    /// Messages that are ready; `None` when there is no such queue. The channel survives.
    pub async fn ready(&self, queue: &str) -> Option<u32> {
        let channel = self.connection.create_channel().await.unwrap();
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await.ok()?;
        let ready = found.message_count();
        let _ = channel.close(200, "".into()).await;
        Some(ready)
    }

    pub async fn exists_soon(&self, queue: &str) {
        for _ in 0..2_400 {
            if self.ready(queue).await.is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("queue {queue} was not made");
    }

    /// Waits until nothing is ready in a queue, at most a minute.
    pub async fn drained(&self, queue: &str) {
        for _ in 0..2400 {
            if self.ready(queue).await == Some(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("queue {queue} is not drained");
    }

    /// Takes a message, waiting for it at most a minute.
    pub async fn take(&self, queue: &str) -> lapin::message::Delivery {
        for _ in 0..2_400 {
            let options = BasicGetOptions { no_ack: true };
            if let Some(found) = self.channel.basic_get(queue.into(), options).await.unwrap() {
                return found.delivery;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("nothing came to {queue}");
    }
}

/// Waits until nothing is ready nor unacknowledged: when every consumer is gone, nothing may come back.
pub async fn emptied(broker: &Broker, queue: &str) {
    let client = broker.client(USER).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(client.ready(queue).await, Some(0), "{queue} is not empty");
}

/// A way to the broker that a test can cut.
pub struct Proxy {
    pub port: u16,
    open: Arc<Mutex<Vec<tokio::task::AbortHandle>>>,
}

impl Proxy {
    pub async fn new(to: u16) -> Proxy {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open: Arc<Mutex<Vec<tokio::task::AbortHandle>>> = Arc::default();
        let kept = open.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let task = tokio::spawn(async move {
                    if let Ok(mut far) = tokio::net::TcpStream::connect(("127.0.0.1", to)).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
                kept.lock().unwrap().push(task.abort_handle());
            }
        });
        Proxy { port, open }
    }

    /// Cuts every connection; new ones go through.
    pub fn cut(&self) {
        for task in self.open.lock().unwrap().drain(..) {
            task.abort();
        }
    }
}
