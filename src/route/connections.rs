//! What is written in `connections.yaml` of a stage: the store, its key, and the connections with their settings.
//! Every transport checks its own settings; faults get their place here.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use secrecy::{ExposeSecret, SecretBox};
use serde_json::Value;

use crate::config::{Resolve, SecretRef};
use crate::envelope::Stage;
use crate::plan::Patience;
use crate::register::fristen::Fristen;
use crate::route::fault::{Desk, SECRET_KEYS};
use crate::route::place::Place;
use crate::route::tree::{At, Kind, Node};
use crate::route::{reading, retention};
use crate::transport::port::Entry;

/// Patience with a destination where its connection says nothing.
pub const DEFAULT_PATIENCE: Patience = Patience {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(600),
    breaker_after: 5,
    breaker_open: Duration::from_secs(30),
};

const STAGES: &[(&str, Stage)] = &[
    ("produktion", Stage::Produktion),
    ("abnahme", Stage::Abnahme),
    ("test", Stage::Test),
    ("demo", Stage::Demo),
];

/// What belongs to the stage as a whole.
pub struct StageSettings {
    /// The stage.
    pub stage: Stage,
    /// The Mandant of what belongs to nobody yet.
    pub mandant: String,
    /// Kind of the store, such as `sqlite`.
    pub store_kind: String,
    /// Where it lies, relative to the data folder; of PostgreSQL the folder of claims.
    pub store_path: String,
    /// What PostgreSQL needs besides, by name: `url`, `owner`, `keys`, `ca`.
    pub store_access: Vec<(&'static str, secrecy::SecretString)>,
    /// The key that wraps the keys of the Mandanten.
    pub key: SecretBox<[u8; 32]>,
    /// Where traces go, as a URL.
    pub otlp: Option<String>,
    /// Level of the log.
    pub log: String,
    /// How long each class of data is kept, and when the daily run begins.
    pub fristen: Fristen,
    /// Who may read the evidence and the Abrufprotokoll, as they are recorded: `os:revision`.
    pub auditors: Vec<String>,
}

/// One connection.
#[derive(Clone)]
pub struct Connection {
    /// Its name.
    pub name: At<String>,
    /// The word of its transport.
    pub kind: String,
    /// Settings of the transport, secrets resolved: never shown.
    pub settings: Value,
    /// Settings as written, references in place of secrets.
    pub written: Node,
    /// Patience with its destinations.
    pub patience: Patience,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({} {})", self.kind, self.name.value)
    }
}

/// The file, read; parts with faults are missing.
#[derive(Default)]
pub struct Connections {
    /// What belongs to the stage; `None` when it has faults.
    pub settings: Option<StageSettings>,
    /// The connections that could be read, by name.
    pub by_name: BTreeMap<String, Connection>,
    /// The names of all that are written, also of those with faults, so that no second fault follows from the first.
    pub written: Vec<String>,
}

impl Connections {
    /// The connections of a transport.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Connection> {
        self.by_name.values().filter(move |connection| connection.kind == kind)
    }
}

/// Reads the file.
pub fn read(desk: Desk<'_>, root: &Node, transports: &[Entry], resolve: &Resolve) -> Connections {
    let keys = ["stage", "mandant", "store", "key", "telemetry", "retention", "auditors", "connections"];
    let Some(root) = reading::map(desk, root, "connections.yaml", &keys) else {
        return Connections::default();
    };
    let mut read = Connections { settings: stage_settings(desk, root, resolve), ..Connections::default() };
    let Some(connections) = reading::need(desk, root, "connections.yaml", "connections") else { return read };
    if !matches!(connections.kind, Kind::Map(_)) {
        desk.fault(
            connections.at,
            format!("`connections` is {}; write names with settings", connections.what()),
        );
    }
    let real = is_real(root);
    for (name, node) in connections.entries() {
        read.written.push(name.value.clone());
        if let Some(connection) = connection(desk, (name, node), transports, resolve, real) {
            read.by_name.insert(name.value.clone(), connection);
        }
    }
    read
}

/// Whether the stage carries real data, or data made of it: there only secrets hold that nobody published.
pub fn is_real(root: &Node) -> bool {
    matches!(root.get("stage").map(|node| &node.kind), Some(Kind::Text(stage)) if matches!(stage.as_str(), "produktion" | "abnahme"))
}

fn stage_settings(desk: Desk<'_>, root: &Node, resolve: &Resolve) -> Option<StageSettings> {
    let file = "connections.yaml";
    let stage = reading::need(desk, root, file, "stage")
        .and_then(|node| reading::word(desk, node, "`stage`", STAGES));
    let mandant = reading::need(desk, root, file, "mandant")
        .and_then(|node| reading::text(desk, node, "`mandant`"))
        .filter(|written| reading::name(desk, written, "Mandant"));
    let store = reading::need(desk, root, file, "store")
        .and_then(|node| reading::map(desk, node, "`store`", &["kind", "path", "url", "owner", "keys", "ca"]))
        .map(|node| {
            let kinds = &[("postgres", "postgres"), ("sqlite", "sqlite")];
            let kind = reading::need(desk, node, "`store`", "kind")
                .and_then(|node| reading::word(desk, node, "`kind`", kinds));
            let path = reading::need(desk, node, "`store`", "path")
                .and_then(|node| reading::text(desk, node, "`path`"));
            let access =
                if kind == Some("postgres") { access(desk, node, resolve) } else { Some(Vec::new()) };
            (kind, path, access)
        });
    let key = reading::need(desk, root, file, "key").and_then(|node| key(desk, node, resolve));
    let (otlp, log) = telemetry(desk, root);
    let fristen = retention::read(desk, root);
    let auditors = auditors(desk, root);
    let (kind, path, access) = store?;
    Some(StageSettings {
        stage: stage?,
        mandant: mandant?.value,
        store_kind: kind?.to_owned(),
        store_path: path?.value,
        store_access: access?,
        key: key?,
        otlp,
        log,
        fristen,
        auditors,
    })
}

/// Persons as commands record them.
fn auditors(desk: Desk<'_>, root: &Node) -> Vec<String> {
    let Some(node) = root.get("auditors") else { return Vec::new() };
    let mut named = Vec::new();
    for written in reading::texts(desk, node, "an auditor") {
        if written
            .value
            .strip_prefix("os:")
            .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        {
            named.push(written.value);
        } else {
            desk.fault(written.at, "an auditor is a person as it is recorded; write such as `os:revision`");
        }
    }
    named
}

/// What PostgreSQL needs besides: URLs are secrets, because they may hold a password.
fn access(
    desk: Desk<'_>,
    node: &Node,
    resolve: &Resolve,
) -> Option<Vec<(&'static str, secrecy::SecretString)>> {
    reading::need(desk, node, "`store`", "url")?;
    let mut access = Vec::new();
    for name in ["url", "owner", "keys"] {
        if let Some(url) = node.get(name) {
            let reference = reading::secret(desk, url, &format!("`{name}`"))?;
            access.push((name, resolved(desk, url.at, &reference, resolve)?));
        }
    }
    if let Some(file) = reading::optional_text(desk, node, "ca") {
        access.push(("ca", file.value.into()));
    }
    Some(access)
}

fn telemetry(desk: Desk<'_>, root: &Node) -> (Option<String>, String) {
    const LEVELS: &[(&str, &str)] =
        &[("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];
    let usual = "info";
    let node =
        root.get("telemetry").and_then(|node| reading::map(desk, node, "`telemetry`", &["otlp", "log"]));
    let Some(node) = node else { return (None, usual.to_owned()) };
    let otlp = reading::optional_text(desk, node, "otlp").filter(|url| {
        let good = url.value.starts_with("http://") || url.value.starts_with("https://");
        if !good {
            desk.fault(url.at, "`otlp` is no URL; write such as `http://127.0.0.1:4318`");
        }
        good
    });
    let log = node.get("log").and_then(|node| reading::word(desk, node, "`log`", LEVELS)).unwrap_or(usual);
    (otlp.map(|url| url.value), log.to_owned())
}

fn key(desk: Desk<'_>, node: &Node, resolve: &Resolve) -> Option<SecretBox<[u8; 32]>> {
    let reference = reading::secret(desk, node, "`key`")?;
    let secret = resolved(desk, node.at, &reference, resolve)?;
    let octets = base64::engine::general_purpose::STANDARD.decode(secret.expose_secret().trim()).ok();
    let octets: Option<[u8; 32]> = octets.and_then(|octets| octets.try_into().ok());
    if octets.is_none() {
        desk.fault(node.at, "the key is not 32 octets in base64; make one with 32 random octets");
    }
    octets.map(|octets| SecretBox::new(Box::new(octets)))
}

fn connection(
    desk: Desk<'_>,
    (name, node): (&At<String>, &Node),
    transports: &[Entry],
    resolve: &Resolve,
    real: bool,
) -> Option<Connection> {
    let named = reading::name(desk, name, "connection");
    let what = format!("connection `{}`", name.value);
    let Kind::Map(entries) = &node.kind else {
        desk.fault(node.at, format!("{what} is {}; write at least `kind`", node.what()));
        return None;
    };
    let patience = node.get("retry").map_or(DEFAULT_PATIENCE, |node| patience(desk, node));
    let kind =
        reading::need(desk, node, &what, "kind").and_then(|node| reading::text(desk, node, "`kind`"))?;
    let Some(entry) = transports.iter().find(|entry| entry.word == kind.value) else {
        let words = transports.iter().map(|entry| entry.word);
        desk.unknown(kind.at, format!("unknown transport: `{}`", kind.value), &kind.value, words);
        return None;
    };
    let own = |key: &At<String>| !matches!(key.value.as_str(), "kind" | "retry");
    let written =
        Node { kind: Kind::Map(entries.iter().filter(|(key, _)| own(key)).cloned().collect()), at: name.at };
    let settings = resolve_all(desk, &written, resolve)?;
    checked(desk, &what, &written, (entry.check)(&settings));
    let exposed = real.then(|| (entry.exposed)(&settings)).flatten();
    checked(desk, &what, &written, exposed.into_iter().collect());
    named.then(|| Connection { name: name.clone(), kind: kind.value.clone(), settings, written, patience })
}

fn patience(desk: Desk<'_>, node: &Node) -> Patience {
    let keys = ["first", "longest", "breaker-after", "breaker-open"];
    let usual = DEFAULT_PATIENCE;
    let Some(node) = reading::map(desk, node, "`retry`", &keys) else { return usual };
    let (short, day) = (Duration::from_millis(10), Duration::from_secs(86_400));
    let read = Patience {
        first: reading::duration(desk, node, "first", short..=day).unwrap_or(usual.first),
        longest: reading::duration(desk, node, "longest", short..=day).unwrap_or(usual.longest),
        breaker_after: reading::count(desk, node, "breaker-after", 1..=1000).unwrap_or(usual.breaker_after),
        breaker_open: reading::duration(desk, node, "breaker-open", short..=day)
            .unwrap_or(usual.breaker_open),
    };
    if read.first > read.longest {
        desk.fault(node.at, "`first` is longer than `longest`; the first pause is the shortest");
    }
    read
}

/// Puts the faults that a transport found in its settings on the desk, each at its place.
pub fn checked(desk: Desk<'_>, what: &str, written: &Node, faults: Vec<(String, String)>) {
    for (path, text) in faults {
        let key = path.trim_start_matches('/').replace('/', ".");
        let named = if key.is_empty() { String::new() } else { format!("`{key}` ") };
        desk.fault(written.locate(&path), format!("{what}: {named}{text}"));
    }
}

/// The settings as JSON with every reference to a secret resolved; a secret that is written out is a fault.
pub fn resolve_all(desk: Desk<'_>, node: &Node, resolve: &Resolve) -> Option<Value> {
    if let Some(reference) = reading::as_secret(node) {
        return resolved(desk, node.at, &reference, resolve).map(|secret| secret.expose_secret().into());
    }
    match &node.kind {
        Kind::List(items) => {
            let items: Vec<Option<Value>> =
                items.iter().map(|item| resolve_all(desk, item, resolve)).collect();
            items.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
        }
        Kind::Map(entries) => {
            let mut good = true;
            let mut map = serde_json::Map::new();
            for (key, value) in entries {
                if SECRET_KEYS.contains(&key.value.as_str()) && !is_reference(desk, &key.value, value) {
                    good = false;
                    continue;
                }
                match resolve_all(desk, value, resolve) {
                    Some(value) => drop(map.insert(key.value.clone(), value)),
                    None => good = false,
                }
            }
            good.then_some(Value::Object(map))
        }
        _ => Some(node.json()),
    }
}

fn is_reference(desk: Desk<'_>, key: &str, node: &Node) -> bool {
    match &node.kind {
        Kind::List(items) => items.iter().all(|item| is_reference(desk, key, item)),
        _ => reading::secret(desk, node, &format!("`{key}`")).is_some(),
    }
}

/// Resolves one reference; a fault at its place when it cannot be.
pub fn resolved(
    desk: Desk<'_>,
    at: Place,
    reference: &SecretRef,
    resolve: &Resolve,
) -> Option<secrecy::SecretString> {
    match resolve(reference) {
        Ok(secret) => Some(secret),
        Err(error) => {
            desk.fault(at, format!("secret cannot be resolved: {error}"));
            None
        }
    }
}
