//! What is written in `partners.yaml` of a stage: who the partners are, how they prove it, what they may do and how
//! they are reached. Secrets come in by reference and leave as hashes or inside a transport's settings only.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::config::Resolve;
use crate::route::connections::{self, Connections};
use crate::route::credentials;
use crate::route::fault::{Desk, Needed};
use crate::route::place::Place;
use crate::route::prefixes;
use crate::route::reading;
use crate::route::tree::{At, Kind, Node};
use crate::transport::port::{Admitted, Credential, Entry};

/// How a partner is reached by a connection.
#[derive(Clone)]
pub struct WrittenChannel {
    /// The connection.
    pub connection: At<String>,
    /// Settings, secrets resolved: never shown.
    pub settings: Value,
    /// Settings as written.
    pub written: Node,
    /// Whether the partner is reached by it; else it only says by what the partner is known when it delivers.
    pub sends: bool,
}

/// A partner as written.
#[derive(Clone)]
pub struct WrittenPartner {
    /// Its key in the file.
    pub id: At<String>,
    /// The name as a letter would write it.
    pub name: String,
    /// Its Mandant; that of the stage where nothing is written.
    pub mandant: Option<String>,
    /// Groups.
    pub groups: Vec<At<String>>,
    /// Keys, `praefix:kennung`.
    pub identities: Vec<String>,
    /// Where they stand, in the same order.
    pub identities_at: Vec<Place>,
    /// Uses it is admitted for.
    pub uses: Vec<String>,
    /// The version of each standard that it takes.
    pub versions: Vec<(At<String>, At<String>)>,
    /// Credentials with the kind that is shown.
    pub credentials: Vec<(Credential, Place)>,
    /// The files of certificates among them.
    pub certificates: Vec<String>,
    /// How it is reached.
    pub channels: Vec<WrittenChannel>,
    /// The connection that takes answers; `None` where nothing or nothing valid is written.
    pub answers_by: Option<At<String>>,
    /// True when something is written there, valid or not, so that no second fault follows from the first.
    pub answers_written: bool,
    /// Admitted from this moment.
    pub from: Option<Timestamp>,
    /// Admitted until this moment, exclusive.
    pub to: Option<Timestamp>,
    /// What a Mandant tightens; read by the steps that know it.
    pub policy: Value,
}

/// The file, read; partners with faults are missing from `by_name` but stand in `written`.
#[derive(Default)]
pub struct Partners {
    /// Our own authority block, as templates know it.
    pub platform: Value,
    /// The partners.
    pub by_name: BTreeMap<String, WrittenPartner>,
    /// All names written, also with faults.
    pub written: Vec<String>,
}

impl Partners {
    /// All groups.
    pub fn groups(&self) -> BTreeSet<&str> {
        self.by_name.values().flat_map(|partner| &partner.groups).map(|group| group.value.as_str()).collect()
    }

    /// All uses.
    pub fn uses(&self) -> BTreeSet<&str> {
        self.by_name.values().flat_map(|partner| &partner.uses).map(String::as_str).collect()
    }

    /// The partners of a group, or the one partner of this name; empty when there is neither.
    pub fn named<'a>(&'a self, name: &str) -> Vec<&'a WrittenPartner> {
        match self.by_name.get(name) {
            Some(partner) => vec![partner],
            None => self
                .by_name
                .values()
                .filter(|partner| partner.groups.iter().any(|group| group.value == name))
                .collect(),
        }
    }

    /// The credentials of all partners.
    pub fn admitted(&self) -> Vec<Admitted> {
        let of = |partner: &WrittenPartner| {
            let (id, from, to) = (partner.id.value.clone(), partner.from, partner.to);
            partner
                .credentials
                .iter()
                .map(move |(credential, _)| Admitted {
                    partner: id.clone(),
                    credential: credential.clone(),
                    from,
                    to,
                })
                .collect::<Vec<_>>()
        };
        self.by_name.values().flat_map(of).collect()
    }
}

/// Reads the file.
pub fn read(
    desk: Desk<'_>,
    root: &Node,
    connections: &Connections,
    transports: &[Entry],
    resolve: &Resolve,
    now: Option<Timestamp>,
) -> Partners {
    let mut read = Partners::default();
    let Some(root) = reading::map(desk, root, "partners.yaml", &["platform", "praefixe", "partners"]) else {
        return read;
    };
    if let Some(node) = reading::need(desk, root, "partners.yaml", "platform") {
        read.platform = platform(desk, node);
    }
    let own = root.get("praefixe").map(|node| reading::texts(desk, node, "a prefix")).unwrap_or_default();
    let prefixes: Vec<String> =
        prefixes::known().map(str::to_owned).chain(own.into_iter().map(|own| own.value)).collect();
    let Some(node) = reading::need(desk, root, "partners.yaml", "partners") else { return read };
    if !matches!(node.kind, Kind::Map(_)) {
        desk.fault(node.at, format!("`partners` is {}; write names with what is known", node.what()));
    }
    for (id, node) in node.entries() {
        read.written.push(id.value.clone());
        let reader = Reader { desk, connections, transports, resolve, now, prefixes: &prefixes };
        if let Some(partner) = reader.partner(id, node) {
            read.by_name.insert(id.value.clone(), partner);
        }
    }
    conflicts(desk, &read);
    read
}

fn platform(desk: Desk<'_>, node: &Node) -> Value {
    let keys = ["praefix", "kennung", "name", "erreichbarkeit", "anschrift"];
    if let Some(node) = reading::map(desk, node, "`platform`", &keys) {
        for key in ["praefix", "kennung", "name"] {
            if let Some(node) = reading::need(desk, node, "`platform`", key) {
                reading::text(desk, node, &format!("`{key}`"));
            }
        }
        if let Some(node) = node.get("erreichbarkeit") {
            reading::list(desk, node, "`erreichbarkeit`");
        }
        if let Some(node) = node.get("anschrift").filter(|node| !matches!(node.kind, Kind::Map(_))) {
            desk.fault(node.at, format!("`anschrift` is {}; write keys with values", node.what()));
        }
    }
    node.json()
}

/// What is wrong between partners: one credential or key for two, a group named like a partner.
fn conflicts(desk: Desk<'_>, read: &Partners) {
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    for partner in read.by_name.values() {
        for (key, at) in partner.identities.iter().zip(&partner.identities_at) {
            match keys.insert(key, &partner.id.value) {
                Some(other) if other != partner.id.value => desk.fault(
                    *at,
                    format!("the key `{key}` belongs to `{other}` too; every partner has its own, so correct one or remove it there"),
                ),
                _ => {}
            }
        }
    }
    let mut seen: Vec<(&Credential, &str)> = Vec::new();
    for partner in read.by_name.values() {
        for (credential, at) in &partner.credentials {
            match seen.iter().find(|(known, _)| *known == credential) {
                Some((_, other)) => desk.fault(
                    *at,
                    format!("the same credential belongs to `{other}` too; every partner has its own"),
                ),
                None => seen.push((credential, &partner.id.value)),
            }
        }
        for group in partner.groups.iter().filter(|group| read.written.contains(&group.value)) {
            desk.fault(
                group.at,
                format!("group `{}` is named like a partner; rename the group", group.value),
            );
        }
    }
}

struct Reader<'a> {
    desk: Desk<'a>,
    connections: &'a Connections,
    transports: &'a [Entry],
    resolve: &'a Resolve,
    now: Option<Timestamp>,
    prefixes: &'a [String],
}

impl Reader<'_> {
    fn partner(&self, id: &At<String>, node: &Node) -> Option<WrittenPartner> {
        let desk = self.desk;
        let what = format!("partner `{}`", id.value);
        let keys = [
            "name",
            "mandant",
            "groups",
            "identities",
            "uses",
            "versions",
            "credentials",
            "channels",
            "answers-by",
            "policy",
            "valid",
        ];
        let named = reading::name(desk, id, "partner");
        let node = reading::map(desk, node, &what, &keys)?;
        let name =
            reading::need(desk, node, &what, "name").and_then(|node| reading::text(desk, node, "`name`"));
        let mandant = reading::optional_text(desk, node, "mandant")
            .filter(|written| reading::name(desk, written, "Mandant"));
        let texts = |key: &str| {
            node.get(key)
                .map(|node| reading::list(desk, node, &format!("`{key}`")))
                .unwrap_or_default()
                .iter()
                .filter_map(|item| reading::text(desk, item, &format!("an entry of `{key}`")))
                .collect::<Vec<_>>()
        };
        let mut groups = texts("groups");
        groups.retain(|group| reading::name(desk, group, "group"));
        let identities = texts("identities");
        for key in identities.iter().filter(|key| !is_identity(&key.value)) {
            desk.fault(
                key.at,
                format!("`{}` is no key; write `praefix:kennung` such as `jga:04011000`", key.value),
            );
        }
        for key in identities.iter().filter(|key| is_identity(&key.value)) {
            let (prefix, _) = key.value.split_once(':').unwrap_or_default();
            if !self.prefixes.iter().any(|known| known == prefix) {
                let text = format!(
                    "unknown prefix: `{prefix}`; correct it, or write it under `praefixe` at the head of partners.yaml where the directory has it since"
                );
                desk.unknown(key.at, text, prefix, self.prefixes);
            }
        }
        let proofs = node
            .get("credentials")
            .map(|node| reading::list(desk, node, "`credentials`"))
            .unwrap_or_default();
        let credentials =
            proofs.iter().filter_map(|item| credentials::read(desk, item, self.resolve)).collect();
        let certificates =
            proofs.iter().filter_map(|item| item.get("certificate")?.text().map(str::to_owned)).collect();
        let has_credentials = node.get("credentials").is_some();
        let channels = node.get("channels");
        let channels = channels.map(|node| self.channels(&what, node, has_credentials)).unwrap_or_default();
        let answers_by = reading::optional_text(desk, node, "answers-by")
            .filter(|connection| self.answers_by(connection, node));
        let versions = node.get("versions").map(|node| self.versions(node)).unwrap_or_default();
        let (from, to) = node.get("valid").map(|node| self.valid(&what, node)).unwrap_or_default();
        let partner = WrittenPartner {
            id: id.clone(),
            name: name?.value,
            mandant: mandant.map(|written| written.value),
            groups,
            identities_at: identities.iter().map(|key| key.at).collect(),
            identities: identities.into_iter().map(|key| key.value).collect(),
            uses: texts("uses").into_iter().map(|use_| use_.value).collect(),
            versions,
            credentials,
            certificates,
            channels,
            answers_by,
            answers_written: node.get("answers-by").is_some(),
            from,
            to,
            policy: node.get("policy").map(Node::json).unwrap_or_default(),
        };
        named.then_some(partner)
    }

    /// Standards with versions; whether such a package is loaded is looked at when all is known.
    fn versions(&self, node: &Node) -> Vec<(At<String>, At<String>)> {
        let desk = self.desk;
        if !matches!(node.kind, Kind::Map(_)) {
            desk.fault(node.at, format!("`versions` is {}; write standards with versions", node.what()));
        }
        let entries = node.entries().iter();
        entries
            .filter_map(|(standard, node)| {
                let version = reading::text(desk, node, &format!("the version of `{}`", standard.value))?;
                Some((standard.clone(), version))
            })
            .collect()
    }

    fn channels(&self, what: &str, node: &Node, has_credentials: bool) -> Vec<WrittenChannel> {
        let desk = self.desk;
        if !matches!(node.kind, Kind::Map(_)) {
            desk.fault(node.at, format!("`channels` is {}; write connections with settings", node.what()));
        }
        let mut channels = Vec::new();
        for (name, node) in node.entries() {
            if !self.known_connection(name) {
                continue;
            }
            let empty = Node { kind: Kind::Map(Vec::new()), at: name.at };
            let written = if matches!(node.kind, Kind::Null) { &empty } else { node };
            let Some(settings) = connections::resolve_all(desk, written, self.resolve) else { continue };
            // A connection with faults of its own is written but not read; its channels are checked next time.
            let Some(connection) = self.connections.by_name.get(&name.value) else { continue };
            let Some(entry) = self.transports.iter().find(|entry| entry.word == connection.kind) else {
                continue;
            };
            if !entry.sends && !entry.accounts {
                desk.fault(
                    name.at,
                    format!(
                        "connection `{}` is {}, which takes in but does not send",
                        name.value, entry.word
                    ),
                );
                continue;
            }
            connections::checked(
                desk,
                &format!("{what}, channel `{}`", name.value),
                written,
                (entry.check_channel)(&settings),
            );
            if entry.collected && !has_credentials {
                desk.fault(
                    name.at,
                    format!(
                        "{what} comes for what `{}` holds, but nothing proves who it is; write its `credentials`",
                        name.value
                    ),
                );
            }
            channels.push(WrittenChannel {
                connection: name.clone(),
                settings,
                written: written.clone(),
                sends: entry.sends,
            });
        }
        channels
    }

    fn known_connection(&self, name: &At<String>) -> bool {
        let known = self.connections.written.contains(&name.value);
        if !known {
            let text = format!("unknown connection: `{}`; write it in connections.yaml", name.value);
            let desk = self.desk.lacking(Needed::Connections);
            desk.unknown(name.at, text, &name.value, &self.connections.written);
        }
        known
    }

    fn answers_by(&self, connection: &At<String>, node: &Node) -> bool {
        if !self.known_connection(connection) {
            return false;
        }
        let has = node.get("channels").is_some_and(|channels| channels.get(&connection.value).is_some());
        if !has {
            let text = format!(
                "answers go by `{0}`, but there is no channel on it; write `channels: {{ {0}: {{}} }}`",
                connection.value
            );
            self.desk.fault(connection.at, text);
        }
        // A connection with faults of its own is written but not read; it is judged next time.
        let known = self.connections.by_name.get(&connection.value);
        let of_kind = known.and_then(|known| self.transports.iter().find(|entry| entry.word == known.kind));
        let sends = of_kind.is_none_or(|entry| entry.sends);
        if has && !sends && of_kind.is_some_and(|entry| entry.accounts) {
            let text = format!(
                "answers go by `{}`, which takes in but does not send; name a connection that sends",
                connection.value
            );
            self.desk.fault(connection.at, text);
        }
        has && sends
    }

    fn valid(&self, what: &str, node: &Node) -> (Option<Timestamp>, Option<Timestamp>) {
        let desk = self.desk;
        let Some(node) = reading::map(desk, node, "`valid`", &["from", "to"]) else { return (None, None) };
        let from = civil(desk, node, "from").and_then(start_in_berlin);
        // `to` is a civil date and belongs to the time of validity.
        let to = civil(desk, node, "to").and_then(|date| date.tomorrow().ok()).and_then(start_in_berlin);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            desk.fault(node.at, "`to` lies before `from`; it would never be valid");
        }
        if let (Some(now), Some(to)) = (self.now, to)
            && to <= now
        {
            desk.warn(node.locate("/to"), format!("{what} is no longer valid; nothing is taken from it"));
        }
        (from, to)
    }
}

fn civil(desk: Desk<'_>, node: &Node, key: &str) -> Option<Date> {
    let node = node.get(key)?;
    let date = node.text().and_then(|text| text.parse::<Date>().ok());
    if date.is_none() {
        desk.fault(node.at, format!("`{key}` is no date; write such as 2026-12-31"));
    }
    date
}

fn start_in_berlin(date: Date) -> Option<Timestamp> {
    let zone = TimeZone::get("Europe/Berlin").ok()?;
    date.to_zoned(zone).ok().map(|start| start.timestamp())
}

fn is_identity(key: &str) -> bool {
    key.split_once(':').is_some_and(|(prefix, name)| {
        let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        plain(prefix) && plain(name)
    })
}
