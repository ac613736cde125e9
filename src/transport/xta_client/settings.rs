//! What is written of a connection to an XTA server of others: where its ports are, who the house is there, which mailboxes it reads and whose
//! messages it takes; and of a partner's channel: as whom it is written to. Values only; never opens anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::transport::port::Channel;
use crate::transport::port::spot::{Spot, exact, origin};
use crate::transport::settings::{Span, fifteen_minutes, seven_days, thirty_seconds};
use crate::transport::tls::Identity as Certificate;
use crate::transport::xta::model::{Identity, MetaData, Scenario};
use crate::transport::xta_words::{Document, Named, check_documents};

/// Nobody waits longer for a report: by then a person has to know.
const LONGEST_FOLLOWED: Duration = Duration::from_secs(90 * 24 * 3600);

/// Settings of a connection to an XTA server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// The addresses of its ports; a server may have each elsewhere.
    pub ports: Ports,
    /// Mutual TLS: an account is its client certificate.
    pub tls: ClientTls,
    /// A proxy that passes connections on (HTTP CONNECT), such as `http://proxy.example:3128`. None of the environment is asked.
    pub proxy: Option<String>,
    /// Who the house is there. Under the first it writes; two may be valid side by side while one takes the place of the other.
    #[schemars(length(min = 1))]
    pub identities: Vec<Named>,
    /// The mailboxes that are read: identities of the house. Without any the connection only sends.
    #[serde(default)]
    pub readers: Vec<Named>,
    /// Whose messages are taken: the server vouches for their author. Others stay where they lie.
    #[serde(default)]
    pub senders: Vec<Sender>,
    /// What is taken of their messages, by what is said beside them; any of these. Without any: all.
    #[serde(default)]
    pub select: Vec<Select>,
    /// What becomes of messages of known senders that no route takes or that are not selected: `leave` fetches none of them, `park` takes them
    /// in for a person to look at. Closing tells the author that it was received.
    #[serde(default)]
    pub unknown: Unknown,
    /// How often a mailbox is looked at.
    #[serde(default = "thirty_seconds")]
    pub every: Span,
    /// How many messages a list has at most.
    #[serde(default = "page")]
    #[schemars(range(min = 1, max = 1000))]
    pub page: u64,
    /// A person is called where no look at a mailbox succeeded for so long.
    #[serde(default = "fifteen_minutes")]
    pub alarm_after: Span,
    /// How long the server may stand still in an exchange.
    #[serde(default = "one_minute")]
    pub timeout: Span,
    /// How many MiB message and attachments of one delivery may have together.
    #[serde(default = "max_content")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_content: u64,
    /// How many orders to one partner may be under way at once.
    #[serde(default = "width")]
    #[schemars(range(min = 1, max = 16))]
    pub width: usize,
    /// Whether what servers in use do otherwise than the schema is a fault.
    #[serde(default)]
    pub strict: bool,
}

/// The addresses of the ports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ports {
    /// Accounts, ids, reports.
    #[schemars(length(min = 1))]
    pub management: String,
    /// Sending.
    #[schemars(length(min = 1))]
    pub send: String,
    /// The mailbox.
    #[schemars(length(min = 1))]
    pub mailbox: String,
}

/// How both prove who they are.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClientTls {
    /// PEM file with the authorities that may vouch for the server; no others count.
    pub ca: PathBuf,
    /// Our own certificate, with its chain.
    pub client_certificate: Certificate,
}

/// Whose messages are taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sender {
    /// The partner.
    #[schemars(length(min = 1))]
    pub partner: String,
    /// The identities under which it writes; several while one takes the place of the other.
    #[schemars(length(min = 1))]
    pub identities: Vec<Named>,
}

/// What is said beside a message; what is not written may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Select {
    /// The service's URI.
    pub service: Option<String>,
    /// The business scenario: its code, or the text that was agreed on.
    pub scenario: Option<String>,
    /// The code of the message type.
    pub code: Option<String>,
    /// The schema of the content.
    pub schema: Option<String>,
}

/// What becomes of what nobody takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// It is not fetched and not closed.
    #[default]
    Leave,
    /// It is taken in and waits for a person.
    Park,
}

/// Settings of a partner's channel.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChannelSettings {
    /// Whom it is written to.
    pub reader: Named,
    /// As whom, where it is not the first identity of the connection.
    pub author: Option<Named>,
    /// What is said of documents to it; the first that fits counts.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// How long the report of an order is waited for: what is not green by then waits for a person.
    #[serde(default = "seven_days")]
    pub report_within: Span,
    /// Whether the directory is asked first if the partner offers the service; what it does not know is sent.
    #[serde(default)]
    pub look_up: bool,
}

fn one_minute() -> Span {
    Span(Duration::from_secs(60))
}

fn page() -> u64 {
    100
}

fn max_content() -> u64 {
    100
}

fn width() -> usize {
    2
}

impl Settings {
    /// The same with relative paths below a folder.
    pub fn below(mut self, folder: &Path) -> Settings {
        self.tls.ca = folder.join(&self.tls.ca);
        self.tls.client_certificate = self.tls.client_certificate.below(folder);
        self
    }

    /// Octets of all contents of an order.
    pub fn container(&self) -> u64 {
        self.max_content << 20
    }

    /// The partner who writes under an identity; `None` of nobody, or of more than one.
    pub fn sender(&self, author: &Identity) -> Option<&str> {
        let mut writes =
            self.senders.iter().filter(|sender| sender.identities.iter().any(|own| own.is(author)));
        let found = writes.next()?;
        writes.next().is_none().then_some(found.partner.as_str())
    }

    /// Whose messages are taken.
    pub fn partners(&self) -> Vec<String> {
        self.senders.iter().map(|sender| sender.partner.clone()).collect()
    }

    /// Whether a message is selected by what is said beside it.
    pub fn selects(&self, meta: &MetaData) -> bool {
        self.select.is_empty() || self.select.iter().any(|select| select.fits(meta))
    }
}

impl Select {
    fn fits(&self, meta: &MetaData) -> bool {
        let scenario = meta.scenario.as_ref().map(|scenario| match scenario {
            Scenario::Defined(code) => code.value.as_str(),
            Scenario::Undefined(text) => text.as_str(),
        });
        let is = |wanted: &Option<String>, said: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| said == Some(wanted))
        };
        is(&self.service, meta.service.as_deref())
            && is(&self.scenario, scenario)
            && is(&self.code, Some(&meta.message_type.code.value))
            && is(&self.schema, Some(&meta.message_type.schema))
    }
}

/// The mailboxes of the house at the server, and that of the partner whom a channel writes to. The server is known by the host of its port for
/// sending: by whatever path, an identity has one mailbox there.
pub fn spots(written: &serde_json::Value, channel: Option<&Channel>) -> Vec<Spot> {
    let Ok(settings) = serde_json::from_value::<Settings>(written.clone()) else { return Vec::new() };
    let Some(url) = port(&settings.ports.send) else { return Vec::new() };
    let server = origin(url.scheme(), url.host_str().unwrap_or_default(), url.port_or_known_default());
    let spot = |named: &Named, key: &'static str, written: Option<&Channel>| Spot {
        at: exact(&format!("{server} {} {}", named.r#type, named.value)),
        said: format!("the mailbox of {}", named.value),
        key,
        written: written.map(|channel| channel.partner.clone()),
        apart: std::collections::BTreeMap::default(),
    };
    match channel {
        None => {
            let identities = settings.identities.iter().map(|named| spot(named, "identities", None));
            identities.chain(settings.readers.iter().map(|named| spot(named, "readers", None))).collect()
        }
        Some(channel) => {
            let own = serde_json::from_value::<ChannelSettings>(channel.settings.clone());
            own.iter().map(|own| spot(&own.reader, "reader", Some(channel))).collect()
        }
    }
}

/// The address of a port, if it is one.
pub fn port(written: &str) -> Option<Url> {
    let url = Url::parse(written).ok()?;
    let good = url.scheme() == "https"
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    good.then_some(url)
}

/// The faults of the settings that their type cannot say.
pub fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    let mut fault = |at: String, text: &str| faults.push((at, text.to_owned()));
    let Ports { management, send, mailbox } = &settings.ports;
    for (name, address) in [("management", management), ("send", send), ("mailbox", mailbox)] {
        if port(address).is_none() {
            let text = "must be an address such as `https://host/services/XTAService/MsgBoxPort`, without user or password";
            fault(format!("/ports/{name}"), text);
        }
    }
    let is_proxy = |written: &str| {
        Url::parse(written)
            .is_ok_and(|url| url.scheme() == "http" && url.host_str().is_some() && url.password().is_none())
    };
    if settings.proxy.as_deref().is_some_and(|written| !is_proxy(written)) {
        fault(
            "/proxy".to_owned(),
            "must be an address such as `http://proxy.example:3128`, without password",
        );
    }
    let senders = settings.senders.iter().enumerate();
    let of_senders = senders.flat_map(|(at, sender)| {
        let named = sender.identities.iter().enumerate();
        named.map(move |(nth, identity)| (format!("/senders/{at}/identities/{nth}"), identity))
    });
    let own = settings.identities.iter().enumerate().map(|(at, one)| (format!("/identities/{at}"), one));
    let readers = settings.readers.iter().enumerate().map(|(at, one)| (format!("/readers/{at}"), one));
    let mut written: Vec<(&str, &str)> = Vec::new();
    for (at, identity) in own.chain(readers).chain(of_senders) {
        if identity.r#type.is_empty() {
            fault(format!("{at}/type"), "must not be empty");
        }
        if identity.value == "*" {
            fault(format!("{at}/value"), "must be one identity; `*` stands for all of an account");
        }
        let pair = (identity.r#type.as_str(), identity.value.as_str());
        if at.starts_with("/senders/") {
            if written.contains(&pair) {
                fault(at, "stands with a sender already; an identity has one partner");
            }
            written.push(pair);
        }
    }
    for (at, reader) in settings.readers.iter().enumerate() {
        if settings.readers[..at].iter().any(|other| other.value == reader.value) {
            fault(format!("/readers/{at}/value"), "is read already");
        }
    }
    if !settings.readers.is_empty() && settings.senders.is_empty() {
        fault("/senders".to_owned(), "is missing; of nobody's messages anything is taken");
    }
    for (key, span) in
        [("every", settings.every), ("alarm-after", settings.alarm_after), ("timeout", settings.timeout)]
    {
        if span.0.is_zero() {
            fault(format!("/{key}"), "must be more than zero");
        }
    }
}

/// The faults of a channel that its type cannot say.
pub fn further_of_channel(settings: &ChannelSettings, faults: &mut Vec<(String, String)>) {
    for (key, identity) in [("reader", Some(&settings.reader)), ("author", settings.author.as_ref())] {
        if identity.is_some_and(|identity| identity.r#type.is_empty()) {
            faults.push((format!("/{key}/type"), "must not be empty".to_owned()));
        }
        if identity.is_some_and(|identity| identity.value == "*") {
            faults.push((format!("/{key}/value"), "must be one identity".to_owned()));
        }
    }
    if settings.report_within.0.is_zero() || settings.report_within.0 > LONGEST_FOLLOWED {
        faults.push(("/report-within".to_owned(), "must be more than zero and at most 90 days".to_owned()));
    }
    check_documents(&settings.documents, "/documents", faults);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transport::settings::check;
    use crate::transport::xta::model::{Code, MessageType, Party};

    fn written() -> serde_json::Value {
        json!({
            "ports": {
                "management": "https://broker.example/GovGateway211/management211",
                "send": "https://broker.example/GovGateway211/send211",
                "mailbox": "https://broker.example/MB_XTA-WS/XTA210msgBoxPort.svc",
            },
            "tls": { "ca": "ca.pem", "client-certificate": { "certificate": "wir.pem", "key": "wir.key" } },
            "identities": [ { "value": "srp:plattform" } ],
            "readers": [ { "value": "srp:plattform" } ],
            "senders": [
                { "partner": "a", "identities": [ { "value": "jga:1" }, { "value": "7", "type": "XTA_ID" } ] },
                { "partner": "b", "identities": [ { "value": "jga:2" } ] },
            ],
        })
    }

    #[test]
    fn all_faults_are_told_with_their_place() {
        assert_eq!(check::<Settings>(&written(), further), []);
        let mut bad = written();
        bad["ports"]["send"] = json!("http://broker.example/send");
        bad["ports"]["mailbox"] = json!("https://wer:was@broker.example/");
        bad["proxy"] = json!("proxy");
        bad["readers"] = json!([ { "value": "*" }, { "value": "x", "type": "" }, { "value": "x" } ]);
        bad["senders"][1]["identities"][0]["value"] = json!("jga:1");
        bad["every"] = json!("0s");
        let told: Vec<String> = check::<Settings>(&bad, further).into_iter().map(|(at, _)| at).collect();
        assert_eq!(
            told,
            [
                "/ports/send",
                "/ports/mailbox",
                "/proxy",
                "/readers/0/value",
                "/readers/1/type",
                "/senders/1/identities/0",
                "/readers/2/value",
                "/every",
            ]
        );
        let mut bad = written();
        bad["senders"] = json!([]);
        assert_eq!(check::<Settings>(&bad, further)[0].0, "/senders");
        let channel = json!({ "reader": { "value": "*" }, "report-within": "0s" });
        let told = check::<ChannelSettings>(&channel, further_of_channel);
        assert_eq!(
            told.iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(),
            ["/reader/value", "/report-within"]
        );
    }

    #[test]
    fn a_sender_is_known_by_its_own_identities_and_a_message_by_what_is_said_of_it() {
        let settings: Settings = serde_json::from_value(written()).unwrap();
        let identity = |scheme: Option<&str>, value: &str| Identity {
            value: value.to_owned(),
            scheme: scheme.map(str::to_owned),
            name: None,
            category: None,
        };
        for (scheme, value, partner) in [
            (Some("xoev"), "jga:1", Some("a")),
            (None, "jga:1", Some("a")),
            (Some("XTA_ID"), "7", Some("a")),
            (Some("xoev"), "7", None),
            (Some("xoev"), "jga:2", Some("b")),
            (Some("xoev"), "JGA:2", None),
            (Some("xoev"), "*", None),
            (None, "", None),
        ] {
            assert_eq!(settings.sender(&identity(scheme, value)), partner, "{scheme:?} {value}");
        }
        let party = Party::of(identity(None, "x"));
        let kind = MessageType {
            code: Code { value: "0804".to_owned(), name: None, list: None },
            schema: "urn:s".to_owned(),
        };
        let mut meta = MetaData::new("urn:x", party.clone(), party, kind);
        meta.service = Some("urn:dienst".to_owned());
        meta.scenario = Some(Scenario::Undefined("XFAMILIE".to_owned()));
        let selects = |select: serde_json::Value| {
            let mut written = written();
            written["select"] = select;
            serde_json::from_value::<Settings>(written).unwrap().selects(&meta)
        };
        assert!(selects(json!([])) && selects(json!([{}])));
        assert!(selects(
            json!([{ "code": "0805" }, { "service": "urn:dienst", "scenario": "XFAMILIE", "code": "0804", "schema": "urn:s" }])
        ));
        for other in [
            json!([{ "service": "" }]),
            json!([{ "code": "0804", "scenario": "X" }]),
            json!([{ "schema": "urn:t" }]),
        ] {
            assert!(!selects(other.clone()), "{other}");
        }
    }
}
