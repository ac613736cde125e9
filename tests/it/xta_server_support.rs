//! What the tests of the XTA server share: a stage of the real program with a TLS listener, offices with client certificates made on the spot,
//! zeep as a client that knows nothing but the official description, and plain requests as they are recorded. Judges nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use drehscheibe::cli::sample::{Wish, eintragung};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use serde_json::{Value, json};

use crate::schema_support::SHARED;
use crate::support::{Running, StageDir, free_port, ready};
use crate::transport_support::{Authority, authority};

/// Who the house is.
pub const HOUSE: &str = "srp:plattform";
/// The office of Bremen.
pub const BREMEN: &str = "jga:040110000000";
/// Another office.
pub const ZWEIT: &str = "jga:032410001001";
/// The service that the house offers.
pub const SERVICE: &str = "urn:example:dienst:1.0";
/// Where mailboxes are.
pub const MAILBOX: &str = "/services/XTAService/MsgBoxPort";
/// Where orders go.
pub const SEND: &str = "/services/XTAService/SendXtaPort";
/// Everything else.
pub const MANAGEMENT: &str = "/services/XTAService/ManagementPort";

/// Everybody with a certificate of our authority; `fremd` has no account.
const ALL: [&str; 8] = ["bremen", "zweit", "author", "reader", "streng", "gesperrt", "nebenan", "fremd"];

/// A certificate of an authority and its key.
pub fn leaf(authority: &Authority, name: &str, usage: ExtendedKeyUsagePurpose) -> [String; 2] {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.insert_extended_key_usage(usage);
    let key = KeyPair::generate().unwrap();
    [params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem()]
}

/// A stage with an XTA server.
pub struct Amt {
    /// The stage.
    pub stage: StageDir,
    /// Where the server listens.
    pub xta: SocketAddr,
    clients: BTreeMap<&'static str, reqwest::Client>,
}

impl Amt {
    /// Writes the stage.
    pub fn new() -> Amt {
        let stage = StageDir::new([free_port(), free_port()]);
        let xta = free_port();
        let tls = stage.stage().join("tls");
        fs::create_dir_all(&tls).unwrap();
        let (servers, offices) = (authority("servers"), authority("offices"));
        let [certificate, key] = leaf(&servers, "server", ExtendedKeyUsagePurpose::ServerAuth);
        let write = |name: &str, text: &str| fs::write(tls.join(name), text).unwrap();
        write("server.pem", &certificate);
        write("server.key", &key);
        write("servers.pem", &servers.pem());
        write("offices.pem", &offices.pem());
        let ca = reqwest::Certificate::from_pem(servers.pem().as_bytes()).unwrap();
        let builder = || {
            reqwest::Client::builder()
                .tls_certs_only([ca.clone()])
                .no_proxy()
                .timeout(Duration::from_secs(120))
        };
        let mut clients = BTreeMap::from([("niemand", builder().build().unwrap())]);
        for name in ALL {
            let [certificate, key] = leaf(&offices, name, ExtendedKeyUsagePurpose::ClientAuth);
            write(&format!("{name}.pem"), &certificate);
            write(&format!("{name}.key"), &key);
            let identity = reqwest::Identity::from_pem(format!("{key}{certificate}").as_bytes()).unwrap();
            clients.insert(name, builder().identity(identity).build().unwrap());
        }
        let amt = Amt { stage, xta, clients };
        amt.edit(
            "connections.yaml",
            "connections:\n",
            &format!(
                r#"connections:
  amt:
    kind: xta
    listen: "{xta}"
    server: testamt
    tls: {{ certificate: tls/server.pem, key: tls/server.key, client-ca: tls/offices.pem, client-certificates: required, reload-every: 200ms }}
    identities: [ {{ value: "{HOUSE}", category: Register }}, {{ value: "sta:05315000" }} ]
    services: [ "{SERVICE}" ]
    documents: [ {{ message: xfamilie, scenario: XFAMILIE_DATA, scenario-list: {{ uri: "urn:de:xta:codeliste:business.scenario", version: "3.6" }}, schema: "urn:example:xfamilie:1.3.0" }} ]
    lease: 10s
"#
            ),
        );
        amt.edit(
            "partners.yaml",
            "    credentials: [{ bearer: { file: secrets/bremen } }]\n    channels: { lieferungen: {} }\n    answers-by: lieferungen\n",
            "    credentials: [{ bearer: { file: secrets/bremen } }, { certificate: tls/bremen.pem }]\n    channels: { lieferungen: {}, amt: {} }\n    answers-by: amt\n",
        );
        let partner = |name: &str, groups: &str, identity: &str, channel: &str| {
            format!(
                "  {name}:\n    name: {name}\n    mandant: {name}\n    groups: [{groups}]\n    identities: [\"{identity}\"]\n    credentials: [{{ certificate: tls/{name}.pem }}]\n    channels: {{ {channel} }}\n    answers-by: {}\n",
                channel.split(':').next().unwrap()
            )
        };
        let more = [
            partner("zweit", "jugendaemter", ZWEIT, "amt: {}"),
            partner("author", "jugendaemter", "jua:05315000", "amt: {}"),
            partner("reader", "jugendaemter", "sta:05315000", "amt: { identities: [ { type: XTA_ID, value: abc000-1111-2222-3333-44444444 } ] }"),
            partner("streng", "jugendaemter", "jga:000000000001", "amt: { strict: true, identities: [ { type: XTA_ID, value: abc000-1111-2222-3333-44444444 } ] }"),
            partner("gesperrt", "jugendaemter", "jga:000000000002", "amt: { locked: true }"),
            partner("nebenan", "andere", "jga:000000000003", "amt: {}"),
        ]
        .concat();
        // What foreign programs were recorded with is in no directory.
        amt.edit("partners.yaml", "platform:\n", "praefixe: [jua, sta]\nplatform:\n");
        amt.edit("partners.yaml", "  kita-portal-nord:\n", &format!("{more}  kita-portal-nord:\n"));
        let route = amt.stage.routes.join("registerlieferung.yaml");
        let text = fs::read_to_string(&route).unwrap();
        let bound = text.replacen("  - folder: lieferungen\n", "  - folder: lieferungen\n  - xta: amt\n", 1);
        assert_ne!(bound, text);
        fs::write(route, bound).unwrap();
        amt
    }

    /// Edits a file of the stage.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.stage.stage().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// The program, ready.
    pub async fn up(&self) -> Running {
        let mut running = self.stage.start_with(&[]);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..3_000 {
            if ready(&client, self.stage.http).await && tokio::net::TcpStream::connect(self.xta).await.is_ok()
            {
                return running;
            }
            if running.ended() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not ready\n{}", self.stage.log());
    }

    /// What the program says to a command.
    pub fn cli(&self, words: &[&str]) -> (bool, String) {
        let output = self.stage.command(words).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    }

    /// Posts octets: status, media type, body.
    pub async fn post(
        &self,
        who: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> (u16, String, Bytes) {
        let mut post = self.clients[who].post(format!("https://localhost:{}{path}", self.xta.port()));
        for (name, value) in headers {
            post = post.header(*name, *value);
        }
        let answer =
            post.body(body).send().await.unwrap_or_else(|error| panic!("{error:?}\n{}", self.stage.log()));
        let media_type = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), media_type.unwrap_or_default(), answer.bytes().await.unwrap())
    }

    /// Whether somebody gets so far as to be heard.
    pub async fn is_heard(&self, who: &str) -> bool {
        let url = format!("https://localhost:{}{MANAGEMENT}", self.xta.port());
        self.clients[who].post(url).body("").send().await.is_ok()
    }

    /// What came of the steps of a client that speaks by the official description; `None` where there is none, or no description.
    pub fn zeep(&self, who: &str, steps: Value) -> Option<Vec<Value>> {
        let tls = self.stage.stage().join("tls");
        let mut order = json!({
            "ca": tls.join("servers.pem"),
            "server": format!("https://localhost:{}", self.xta.port()), "steps": steps,
        });
        if who != "niemand" {
            order["certificate"] = json!(tls.join(format!("{who}.pem")));
            order["key"] = json!(tls.join(format!("{who}.key")));
        }
        let told = zeep(order)?;
        Some(told.unwrap_or_else(|said| panic!("{said}\n{}", self.stage.log())))
    }

    /// What came of one step of each of them.
    pub fn zeep_one(&self, who: &str, step: Value) -> Option<Value> {
        self.zeep(who, json!([step])).map(|mut told| told.remove(0))
    }
}

/// What came of the steps of zeep, or what it said instead; `None` where it is not here.
pub fn zeep(mut order: Value) -> Option<Result<Vec<Value>, String>> {
    let (python, wsdl) = judge()?;
    order["wsdl"] = json!(wsdl);
    let mut child = Command::new(python)
        .args(["-c", include_str!("xta_zeep.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = serde_json::from_slice(&output.stdout);
    Some(told.map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// A Python that has zeep, and the official description beside the repository; where one is missing it is said.
fn judge() -> Option<(PathBuf, PathBuf)> {
    let wsdl = Path::new(SHARED).join("xta-2.1.1/XTA.wsdl");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let named = std::env::var("DREHSCHEIBE_ZEEP").ok().map(PathBuf::from);
    let mut pythons = named.into_iter().chain([Path::new(&target).join("zeep/bin/python"), "python3".into()]);
    let has_zeep = |python: &PathBuf| {
        let asked = Command::new(python).args(["-c", "import zeep"]).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    let python = pythons.find(has_zeep);
    if python.is_none() || !wsdl.is_file() {
        println!(
            "skipped: zeep or the official description of XTA 2.1.1 is not here; nobody else drove the server"
        );
        return None;
    }
    Some((python?, fs::canonicalize(wsdl).unwrap()))
}

/// A delivery as an order: its author, its id, its document.
pub fn order(author: &str, id: &str, document: &str) -> Value {
    json!({
        "do": "sendMessage", "author": author, "reader": HOUSE, "id": id, "content": STANDARD.encode(document),
    })
}

/// A delivery of an office.
pub fn delivery(n: u64) -> String {
    eintragung(&Wish { arten: vec!["01"], ..Wish::plain(n) })
}

/// The code of a fault.
pub fn code(told: &Value) -> u64 {
    told["fault"]["code"].as_u64().unwrap_or_else(|| panic!("{told}"))
}
