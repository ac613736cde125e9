//! What the tests of the XTA client share: a server of nobody's stack (`xta_foreign.py`, written from the description of the standard), the hand by
//! which a test orders faults there and reads what it saw, and a stage of the real program that reads its mailbox. Judges nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::ExtendedKeyUsagePurpose;
use serde_json::{Value, json};

use crate::support::{Running, StageDir, free_port, ready};
use crate::transport_support::authority;
use crate::xta_server_support::leaf;

/// Who the house is there.
pub const HOUSE: &str = "srp:plattform";
/// The office of Bremen.
pub const BREMEN: &str = "jga:040110000000";
/// The office of Hamburg.
pub const HAMBURG: &str = "jga:020000000000";
/// An office that is no sender of the house.
pub const FREMD: &str = "jga:999990000000";

/// The addresses of the ports of a server of Governikus' kind for sending, and of .NET's for its mailbox.
pub const MIXED: [&str; 3] =
    ["/GovGateway211/management211", "/GovGateway211/send211", "/MB_XTA-WS/XTA210msgBoxPort.svc"];
/// The usual addresses of the ports.
pub const USUAL: [&str; 3] = [
    "/services/XTAService/ManagementPort",
    "/services/XTAService/SendXtaPort",
    "/services/XTAService/MsgBoxPort",
];

/// The foreign server; ends with its standard input.
pub struct Foreign {
    child: Child,
    /// Where its ports are.
    pub xta: u16,
    hand: u16,
    client: reqwest::Client,
}

impl Foreign {
    /// Starts it with certificates in a folder.
    pub fn start(tls: &Path, paths: [&str; 3], more: Value) -> Foreign {
        fs::create_dir_all(tls).unwrap();
        let (servers, clients) = (authority("servers"), authority("clients"));
        let write = |name: &str, text: &str| fs::write(tls.join(name), text).unwrap();
        write("servers.pem", &servers.pem());
        write("clients.pem", &clients.pem());
        for (authority, name, usage) in [
            (&servers, "server", ExtendedKeyUsagePurpose::ServerAuth),
            (&clients, "haus", ExtendedKeyUsagePurpose::ClientAuth),
            (&clients, "author", ExtendedKeyUsagePurpose::ClientAuth),
            (&clients, "fremd", ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let [certificate, key] = leaf(authority, name, usage);
            write(&format!("{name}.pem"), &certificate);
            write(&format!("{name}.key"), &key);
        }
        let [management, send, mailbox] = paths;
        let mut config = json!({
            "certificate": tls.join("server.pem"), "key": tls.join("server.key"), "client-ca": tls.join("clients.pem"),
            "accounts": { "haus": [HOUSE], "author": [BREMEN] },
            "paths": { "management": management, "send": send, "mailbox": mailbox },
            "services": ["urn:example:dienst:1.0"],
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let mut child = Command::new("python3")
            .args(["-c", include_str!("xta_foreign.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("python3");
        writeln!(child.stdin.as_mut().unwrap(), "{config}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).expect("the foreign server starts");
        let port = |key: &str| u16::try_from(told[key].as_u64().unwrap()).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Foreign { xta: port("xta"), hand: port("hand"), child, client }
    }

    /// Orders something, or asks.
    pub async fn hand(&self, path: &str, what: Value) -> Value {
        let url = format!("http://127.0.0.1:{}/{path}", self.hand);
        let answer = self.client.post(url).body(what.to_string()).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Lays a delivery of Bremen into the mailbox of the house; its id.
    pub async fn put(&self, document: &str, more: Value) -> String {
        let mut one = json!({ "author": BREMEN, "reader": HOUSE, "content": STANDARD.encode(document) });
        for (key, value) in more.as_object().unwrap() {
            one[key] = value.clone();
        }
        self.hand("put", one).await["id"].as_str().unwrap().to_owned()
    }

    /// The next so-many requests of an operation meet this.
    pub async fn order(&self, action: &str, what: Value) {
        let mut order = json!({ "op": action });
        for (key, value) in what.as_object().unwrap() {
            order[key] = value.clone();
        }
        self.hand("script", order).await;
    }

    /// What it has.
    pub async fn state(&self) -> State {
        State(self.hand("state", json!({})).await)
    }

    /// Waits until it is so, at most so many seconds.
    pub async fn until(
        &self,
        what: &str,
        seconds: u64,
        log: impl Fn() -> String,
        is_so: impl Fn(&State) -> bool,
    ) -> State {
        for _ in 0..seconds * 20 {
            let state = self.state().await;
            if is_so(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("waited {seconds} s in vain: {what}\n{}\n{}", self.state().await.0, log());
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the foreign server has.
pub struct State(pub Value);

impl State {
    /// The messages for somebody.
    pub fn of<'s>(&'s self, reader: &'s str) -> impl Iterator<Item = &'s Value> {
        self.0["messages"].as_array().unwrap().iter().filter(move |one| one["reader"] == reader)
    }

    /// The message of an id.
    pub fn one(&self, id: &str) -> &Value {
        self.0["messages"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()
    }

    /// How often an operation was asked for.
    pub fn calls(&self, action: &str) -> usize {
        self.0["calls"].as_array().unwrap().iter().filter(|call| *call == action).count()
    }

    /// Whether all of these are closed.
    pub fn closed(&self, ids: &[String]) -> bool {
        ids.iter().all(|id| self.one(id)["closed"] == json!(true))
    }

    /// How many orders were taken.
    pub fn sent(&self) -> u64 {
        self.0["sent"].as_u64().unwrap()
    }
}

/// A stage that reads the mailbox of the house at the foreign server, and whose office of Bremen is written to there.
pub struct Broker {
    /// The stage.
    pub stage: StageDir,
    /// The foreign server.
    pub foreign: Foreign,
}

impl Broker {
    /// Writes it; `more` stands with the connection, `server` with the foreign server.
    pub fn new(paths: [&str; 3], more: &str, server: Value) -> Broker {
        let stage = StageDir::new([free_port(), free_port()]);
        let foreign = Foreign::start(&stage.stage().join("tls"), paths, server);
        let ports = paths.map(|path| format!("https://localhost:{}{path}", foreign.xta));
        let tls =
            "{ ca: tls/servers.pem, client-certificate: { certificate: tls/haus.pem, key: tls/haus.key } }";
        write(&stage, &ports, (tls, more), (HOUSE, BREMEN));
        Broker { stage, foreign }
    }

    /// The program, ready.
    pub async fn up(&self) -> Running {
        up(&self.stage).await
    }

    /// What the program says to a command.
    pub fn cli(&self, words: &[&str]) -> (bool, String) {
        cli(&self.stage, words)
    }

    /// Waits for what the foreign server has.
    pub async fn until(&self, what: &str, seconds: u64, is_so: impl Fn(&State) -> bool) -> State {
        self.foreign.until(what, seconds, || self.stage.log(), is_so).await
    }
}

impl Broker {
    /// A second office sends by the same mailbox.
    pub fn with_hamburg(self) -> Broker {
        let stage = &self.stage;
        fs::write(stage.stage().join("secrets/hamburg"), "probe-token-hamburgs-0123456789").unwrap();
        let sender = format!(
            ", {{ partner: jugendamt-hamburg, identities: [ {{ value: \"{HAMBURG}\" }} ] }} ]\n    every: 200ms"
        );
        edit(stage, "connections.yaml", " ]\n    every: 200ms", &sender);
        let partner = format!(
            "  jugendamt-hamburg:\n    name: Jugendamt Hamburg\n    mandant: jugendamt-hamburg\n    groups: [jugendaemter]\n    identities: [\"{HAMBURG}\"]\n    \
             credentials: [{{ bearer: {{ file: secrets/hamburg }} }}]\n    channels: {{ broker: {{ reader: {{ value: \"{HAMBURG}\" }}, documents: [ {{ message: xfamilie, service: \"urn:example:dienst:1.0\", scenario: XFAMILIE, schema: \"urn:example:xfamilie:1.3.0\" }} ] }} }}\n    \
             answers-by: broker\n  kita-portal-nord:\n"
        );
        edit(stage, "partners.yaml", "  kita-portal-nord:\n", &partner);
        self
    }
}

/// The program of a stage, ready.
pub async fn up(stage: &StageDir) -> Running {
    let mut running = stage.start_with(&[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..3_000 {
        if ready(&client, stage.http).await {
            return running;
        }
        if running.ended() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not ready\n{}", stage.log());
}

/// What the program says to a command.
pub fn cli(stage: &StageDir, words: &[&str]) -> (bool, String) {
    let output = stage.command(words).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

/// Edits a file of a stage.
pub fn edit(stage: &StageDir, file: &str, from: &str, to: &str) {
    let path = stage.stage().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// Writes a connection to a server, and the office of Bremen as somebody who writes and is written to there.
pub fn write(
    stage: &StageDir,
    [management, send, mailbox]: &[String; 3],
    (tls, more): (&str, &str),
    (house, office): (&str, &str),
) {
    let connection = format!(
        r#"connections:
  broker:
    kind: xta-client
    ports: {{ management: "{management}", send: "{send}", mailbox: "{mailbox}" }}
    tls: {tls}
    identities: [ {{ value: "{house}", category: Register }} ]
    readers: [ {{ value: "{house}" }} ]
    senders: [ {{ partner: jugendamt-bremen, identities: [ {{ value: "{office}" }}, {{ type: XTA_ID, value: abc-1 }} ] }} ]
    every: 200ms
    page: 2
    timeout: 5s
    retry: {{ first: 50ms, longest: 400ms, breaker-after: 50, breaker-open: 150ms }}
{more}"#
    );
    edit(stage, "connections.yaml", "connections:\n", &connection);
    let channel = format!(
        "    channels: {{ lieferungen: {{}}, broker: {{ reader: {{ value: \"{office}\" }}, report-within: 20s, look-up: true, documents: [ {{ message: xfamilie, service: \"urn:example:dienst:1.0\", scenario: XFAMILIE, schema: \"urn:example:xfamilie:1.3.0\" }} ] }} }}\n    answers-by: broker\n"
    );
    edit(
        stage,
        "partners.yaml",
        "    channels: { lieferungen: {} }\n    answers-by: lieferungen\n",
        &channel,
    );
    let route = stage.routes.join("registerlieferung.yaml");
    let text = fs::read_to_string(&route).unwrap();
    let bound =
        text.replacen("  - folder: lieferungen\n", "  - folder: lieferungen\n  - xta-client: broker\n", 1);
    assert_ne!(bound, text);
    fs::write(route, bound).unwrap();
}
