//! What several boundary tests need: a stage on disk, the program as a real process, partners over real sockets.
//! Nothing here pretends to be a part of the product.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

/// Bearer token of `jugendamt-bremen` in test stages.
pub const TOKEN: &str = "probe-token-der-tests-0123456789";
/// The secret of both callback partners, Standard Webhooks form.
pub const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The exit code of a command of a stage, and everything that it says.
pub fn cli(stage: &StageDir, words: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = stage.command(words).output().expect("the program starts");
    let said = String::from_utf8([stdout, stderr].concat()).expect("UTF-8");
    (status.code().expect("it ended by itself"), said)
}

/// Writes something else into a file, wherever a text stands in it.
pub fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("the file");
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replace(from, to)).expect("written");
}

/// The project's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a folder with all that is below it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A seeded sequence of numbers (splitmix64): the same run for the same seed.
#[derive(Clone)]
pub struct Seeded(pub u64);

impl Seeded {
    /// The next number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A stage of its own in a folder of its own.
pub struct StageDir {
    /// Holds everything; removed when dropped.
    pub dir: tempfile::TempDir,
    /// Where the HTTP door listens.
    pub http: SocketAddr,
    /// The folder of the routes: the shipped one of deliveries, for which this stage has partners, unless a test writes its own.
    pub routes: PathBuf,
}

impl StageDir {
    /// Writes connections, partners and secrets for two callback partners.
    pub fn new(partners: [SocketAddr; 2]) -> StageDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let http = free_port();
        let stage = dir.path().join("stage");
        let data = dir.path().join("data");
        fs::create_dir_all(stage.join("secrets")).expect("stage folder");
        for tray in ["in", "out"] {
            fs::create_dir_all(data.join("trays/bremen").join(tray)).expect("trays");
        }
        fs::write(stage.join("secrets/key"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").expect("key");
        fs::write(stage.join("secrets/bremen"), TOKEN).expect("token");
        fs::write(stage.join("secrets/whsec"), WHSEC).expect("secret");
        fs::write(
            stage.join("connections.yaml"),
            format!(
                r#"stage: test
mandant: plattform
store: {{ kind: sqlite, path: store }}
key: {{ file: secrets/key }}
connections:
  http: {{ kind: http, listen: "{http}", ops: true }}
  lieferungen:
    kind: folder
    trays:
      - {{ partner: jugendamt-bremen, in: trays/bremen/in, out: trays/bremen/out, every: 100ms }}
  callback:
    kind: callback
    retry: {{ first: 50ms, longest: 400ms, breaker-after: 8, breaker-open: 150ms }}
"#
            ),
        )
        .expect("connections.yaml");
        // Each is told at a place of its own, also where one receiver plays both.
        let channel = |port: u16, of: &str| {
            format!(
                r#"channels: {{ callback: {{ url: "http://localhost:{port}/benachrichtigung{of}", secret: {{ file: secrets/whsec }}, allow-private: [localhost] }} }}"#
            )
        };
        fs::write(
            stage.join("partners.yaml"),
            format!(
                r#"platform:
  praefix: jga
  kennung: "040110000000"
  name: Sorgeregister-Plattform (Nachweisregister)
  erreichbarkeit: [{{ kanal: "01", kennung: plattform@sorgeregister.example }}]
  anschrift: {{ strasse: Beispielweg, hausnummer: "1", postleitzahl: "28195", wohnort: Bremen }}
partners:
  jugendamt-bremen:
    name: Amt für Soziale Dienste Bremen (Jugendamt)
    mandant: jugendamt-bremen
    groups: [jugendaemter]
    identities: ["jga:040110000000"]
    credentials: [{{ bearer: {{ file: secrets/bremen }} }}]
    channels: {{ lieferungen: {{}} }}
    answers-by: lieferungen
  kita-portal-nord:
    name: Kita-Portal Nord
    {}
  wohngeld-online:
    name: Wohngeld Online
    {}
"#,
                channel(partners[0].port(), ""),
                channel(partners[1].port(), "?an=wohngeld")
            ),
        )
        .expect("partners.yaml");
        let tables = stage.join("tables");
        fs::create_dir_all(&tables).expect("tables");
        fs::write(
            tables.join("aemter.yaml"),
            "aemter:\n  - { id: jugendamt-bremen, name: Jugendamt Bremen, gebiete: [ { ars: \"04011\" } ] }\n",
        )
        .expect("aemter.yaml");
        fs::write(tables.join("gemeinden.csv"), "040110000000;Bremen\n").expect("gemeinden.csv");
        let routes = dir.path().join("lieferung");
        fs::create_dir_all(routes.join("tables")).expect("routes");
        for file in ["registerlieferung.yaml", "tables/auskunft.yaml"] {
            fs::copy(root().join("routes").join(file), routes.join(file)).expect("copied");
        }
        StageDir { dir, http, routes }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The stage folder.
    pub fn stage(&self) -> PathBuf {
        self.dir.path().join("stage")
    }

    /// A tray of the Jugendamt.
    pub fn tray(&self, which: &str) -> PathBuf {
        self.data().join("trays/bremen").join(which)
    }

    /// The program with this stage.
    pub fn command(&self, words: &[&str]) -> Command {
        self.command_of(&self.stage(), words)
    }

    /// The program with another folder of connections and partners, on the same routes and data.
    pub fn command_of(&self, config: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
        command
            .args(words)
            .arg("--config")
            .arg(config)
            .arg("--routes")
            .arg(&self.routes)
            .arg("--xsd")
            .arg(root().join("xsd"))
            .arg("--data")
            .arg(self.data());
        command
    }

    /// Starts `run`; a crash point as `DREHSCHEIBE_CRASH_AT` has it.
    pub fn start(&self, crash_at: Option<&str>) -> Running {
        let crash_at = crash_at.map(|point| ("DREHSCHEIBE_CRASH_AT", point.to_owned()));
        self.start_with(crash_at.as_slice())
    }

    /// Starts `run` with variables of its environment.
    pub fn start_with(&self, environment: &[(&str, String)]) -> Running {
        self.spawn(self.command(&["run"]), environment)
    }

    /// Starts a command that becomes the program, with the log where [`StageDir::log`] finds it.
    pub fn spawn(&self, mut command: Command, environment: &[(&str, String)]) -> Running {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.path().join("run.log"))
            .expect("log file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(log));
        command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
        Running { child: command.spawn().expect("the program starts") }
    }

    /// Starts `run` as one of several replicas, with a folder and a log of its own.
    pub fn start_of(&self, config: &Path) -> Running {
        let log = fs::File::create(config.join("run.log")).expect("log file");
        let mut command = self.command_of(config, &["run"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(log));
        Running { child: command.spawn().expect("the program starts") }
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("run.log")).unwrap_or_default()
    }
}

/// The program as a process of its own.
pub struct Running {
    child: Child,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {name}");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it is gone.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_some()
    }

    /// Its exit code, if it has ended with one.
    pub fn code(&mut self) -> Option<i32> {
        self.child.try_wait().expect("its state").and_then(|status| status.code())
    }

    /// Asks it to end and waits; true when it ended by itself with success.
    pub fn terminate(&mut self) -> bool {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let deadline = Instant::now() + Duration::from_secs(40);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> SocketAddr {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
}

/// What a callback partner saw.
#[derive(Default, Debug)]
pub struct Seen {
    /// Accepted: webhook-id → body.
    pub accepted: BTreeMap<String, String>,
    /// Every id as often as it came and was accepted or refused.
    pub attempts: BTreeMap<String, u32>,
    /// Ids in the order in which they were first accepted.
    pub order: Vec<String>,
    /// Accepted ids that came again.
    pub repeated: u64,
    /// Ids that came again with another body: must stay empty.
    pub changed: BTreeSet<String>,
}

/// A callback partner over a real socket, failing by a seed.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it saw.
    pub seen: Arc<Mutex<Seen>>,
    /// Of 100 first attempts so many fail.
    pub failing: Arc<Mutex<u64>>,
    /// Bodies that hold this text are always answered with this status.
    pub poison: Arc<Mutex<Option<(String, StatusCode)>>>,
}

impl Receiver {
    /// Starts it.
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        let receiver = Receiver {
            address: listener.local_addr().expect("its address"),
            seen: Arc::default(),
            failing: Arc::default(),
            poison: Arc::default(),
        };
        let router = axum::Router::new()
            .route("/benachrichtigung", axum::routing::post(receive))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Distinct effects it accepted: bodies by their `id`.
    pub fn accepted(&self) -> usize {
        self.seen.lock().expect("seen").accepted.len()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let failing = *receiver.failing.lock().expect("failing");
    let poison = receiver.poison.lock().expect("poison").clone().filter(|(text, _)| body.contains(text));
    let mut seen = receiver.seen.lock().expect("seen");
    let attempt = seen.attempts.entry(id.clone()).or_default();
    *attempt += 1;
    if let Some((_, status)) = poison {
        return status;
    }
    let mut lot =
        Seeded(id.bytes().fold(u64::from(*attempt), |sum, byte| sum.wrapping_mul(31) + u64::from(byte)));
    if lot.below(100) < failing {
        return [
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::INTERNAL_SERVER_ERROR,
            StatusCode::TOO_MANY_REQUESTS,
        ][lot.below(3) as usize];
    }
    match seen.accepted.get(&id) {
        Some(first) if *first != body => {
            seen.changed.insert(id);
        }
        Some(_) => seen.repeated += 1,
        None => {
            seen.order.push(id.clone());
            seen.accepted.insert(id, body);
        }
    }
    StatusCode::NO_CONTENT
}

/// Waits until something holds; panics with what it waited for.
pub async fn until(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !holds() {
        assert!(Instant::now() < deadline, "waited {seconds} s in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Puts a file into a tray as a well-behaved neighbour does: other name, then rename.
pub fn put(tray: &Path, name: &str, octets: &[u8]) {
    fs::create_dir_all(tray).expect("tray");
    let temporary = tray.join(format!(".{name}.tmp"));
    fs::write(&temporary, octets).expect("written");
    fs::rename(temporary, tray.join(name)).expect("renamed");
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Whether the door answers.
pub async fn ready(client: &reqwest::Client, http: SocketAddr) -> bool {
    matches!(client.get(format!("http://{http}/health/ready")).send().await, Ok(answer) if answer.status().is_success())
}

/// Starts the program of a stage and waits until it takes deliveries.
pub async fn up(stage: &StageDir) -> Running {
    let running = stage.start(None);
    let client = reqwest::Client::new();
    for _ in 0..3_000 {
        if ready(&client, stage.http).await {
            return running;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not ready\n{}", stage.log());
}

/// Delivers over HTTP as the Jugendamt of the stage; status and body of the answer.
pub async fn post(stage: &StageDir, key: &str, body: String) -> (u16, String) {
    let answer = reqwest::Client::new()
        .post(format!("http://{}/v1/lieferungen", stage.http))
        .bearer_auth(TOKEN)
        .header("content-type", "application/xml")
        .header("idempotency-key", key)
        .body(body)
        .send()
        .await
        .expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("its body"))
}
