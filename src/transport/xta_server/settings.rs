//! What is written of an XTA server: where it listens, who the house is there, what is said of what it hands out, and what a partner's
//! account may do. Values only; never opens anything.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::transport::http;
use crate::transport::mailbox::{check_lease, five_minutes};
use crate::transport::settings::{SOCKET_ADDRESS, Span};
use crate::transport::tls::{self, ClientCertificates, TlsSettings};
use crate::transport::xta::names::Port;
use crate::transport::xta::values;
use crate::transport::xta_words::{Document, Named, check_documents, xoev};

/// Settings of an XTA server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where to listen.
    #[schemars(with = "String", extend("format" = SOCKET_ADDRESS))]
    pub listen: SocketAddr,
    /// TLS. Accounts are known by client certificate only, so one is `required`.
    pub tls: TlsSettings,
    /// What the server is called in the ids that it makes and in its reports: up to 41 letters, digits, `-`, `_` and `.`.
    #[serde(default = "server")]
    pub server: String,
    /// Who the house is: the identities under which it can be written to. Under the first it writes.
    #[schemars(length(min = 1))]
    pub identities: Vec<Named>,
    /// Services that the house offers under these identities, for `lookupService`; without any it says that it does not know.
    #[serde(default)]
    pub services: Vec<String>,
    /// What is said of the documents that are handed out; the first that fits counts.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// The addresses of the ports.
    #[serde(default)]
    pub paths: Paths,
    /// How long a reader has in hand what it fetched, from 10s to 15m; closed by then, or handed out again.
    #[serde(default = "five_minutes")]
    pub lease: Span,
    /// How many MiB message and attachments of one delivery may have together; the standard has 40.
    #[serde(default = "max_content")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_content: u64,
    /// How many requests may be under way at once.
    #[serde(default = "http::max_in_flight")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_in_flight: usize,
    /// How many of them one partner may have.
    #[schemars(range(min = 1, max = 100_000))]
    pub per_partner: Option<usize>,
    /// How many MiB of envelopes and documents may be in memory at once.
    #[serde(default = "body_memory")]
    #[schemars(range(min = 64, max = 65_536))]
    pub body_memory: u64,
    /// How many MiB of attachments may lie on the disk at once of deliveries that are not decided yet. One partner has a quarter of it at
    /// most.
    #[serde(default = "http::upload_disk")]
    #[schemars(range(min = 4, max = 1_048_576))]
    pub upload_disk: u64,
    /// How many connections may be open at once.
    #[serde(default = "http::max_connections")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections: usize,
    /// How many of them one address may have that has not logged in; without it a quarter.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections_per_address: Option<usize>,
    /// How many of them one partner may have; without it half.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections_per_partner: Option<usize>,
    /// Proxies that pass TLS on, by address or network: their connections have no share, and what their `X-Forwarded-For` says of a client
    /// is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// How long a client may keep us waiting.
    #[serde(default = "http::read_timeout")]
    pub read_timeout: Span,
}

/// The addresses of the ports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Paths {
    /// Accounts, ids, reports.
    pub management: String,
    /// Sending.
    pub send: String,
    /// The mailbox.
    pub mailbox: String,
}

impl Default for Paths {
    fn default() -> Paths {
        let path = |port: &str| format!("/services/XTAService/{port}");
        Paths { management: path("ManagementPort"), send: path("SendXtaPort"), mailbox: path("MsgBoxPort") }
    }
}

impl Paths {
    /// Whether one of the ports is there.
    pub fn has(&self, path: &str) -> bool {
        [&self.management, &self.send, &self.mailbox].into_iter().any(|port| port == path)
    }

    /// Whether this port is there; ports may share an address.
    pub fn serves(&self, path: &str, port: Port) -> bool {
        match port {
            Port::Management => self.management == path,
            Port::SendXta => self.send == path,
            Port::MsgBox => self.mailbox == path,
            Port::TransportBase | Port::Sender | Port::Recipient | Port::Reader => false,
        }
    }
}

/// The account of a partner, as written with its channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AccountSettings {
    /// Identities that the account may use beside the partner's own keys, such as the one before a change.
    pub identities: Vec<Known>,
    /// Whether what clients in use do otherwise than the schema is refused.
    pub strict: bool,
    /// Whether the account is locked: every request is answered with 9011.
    pub locked: bool,
}

/// An identity of an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Known {
    /// The identifier.
    #[schemars(length(min = 1, max = 200))]
    pub value: String,
    /// What kind of identifier it is.
    #[serde(default = "xoev")]
    pub r#type: String,
}

fn server() -> String {
    "drehscheibe".to_owned()
}

fn max_content() -> u64 {
    40
}

fn body_memory() -> u64 {
    128
}

impl Settings {
    /// The same as settings of a listener.
    pub fn listener(&self) -> http::Settings {
        http::Settings {
            listen: self.listen,
            tls: Some(self.tls.clone()),
            max_in_flight: self.max_in_flight,
            per_partner: self.per_partner,
            body_memory: self.body_memory,
            upload_disk: self.upload_disk,
            max_connections: self.max_connections,
            connections_per_address: self.connections_per_address,
            connections_per_partner: self.connections_per_partner,
            trusted_proxies: self.trusted_proxies.clone(),
            read_timeout: self.read_timeout,
            ops: false,
            ops_from: Vec::new(),
        }
    }
}

/// The faults of the settings that their type cannot say.
pub fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    let mut fault = |at: String, text: &str| faults.push((at, text.to_owned()));
    if settings.tls.client_certificates != ClientCertificates::Required {
        let text = "must be `required`; an account is known by its client certificate";
        fault("/tls/client-certificates".to_owned(), text);
    }
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if settings.server.is_empty() || settings.server.len() > 41 || !settings.server.bytes().all(plain) {
        fault("/server".to_owned(), "must be 1 to 41 letters, digits, `-`, `_` or `.`");
    }
    const PATH: &str = "must be a path such as `/services/XTAService/MsgBoxPort`";
    let Paths { management, send, mailbox } = &settings.paths;
    for (name, path) in [("management", management), ("send", send), ("mailbox", mailbox)] {
        if !path.starts_with('/')
            || path.len() > 200
            || !path.bytes().all(|octet| plain(octet) || octet == b'/')
        {
            fault(format!("/paths/{name}"), PATH);
        }
    }
    for (at, identity) in settings.identities.iter().enumerate() {
        if identity.r#type.is_empty() {
            fault(format!("/identities/{at}/type"), "must not be empty");
        }
    }
    for (at, service) in settings.services.iter().enumerate() {
        if service.is_empty() || !values::is_uri(service) {
            fault(format!("/services/{at}"), "must be a URI");
        }
    }
    check_documents(&settings.documents, "/documents", faults);
    if settings.max_content > settings.upload_disk / 4 {
        let text = "must be at least four times `max-content`: one partner has a quarter";
        faults.push(("/upload-disk".to_owned(), text.to_owned()));
    }
    check_lease(settings.lease, faults);
    http::check_listener(&settings.listener(), faults);
    tls::check(&settings.tls, "/tls", faults);
    faults.dedup();
}

impl AccountSettings {
    /// Those of a channel that was checked; `None` where they cannot be read.
    pub fn of(written: &serde_json::Value) -> Option<AccountSettings> {
        if written.is_null() {
            return Some(AccountSettings::default());
        }
        AccountSettings::deserialize(written).ok()
    }
}
