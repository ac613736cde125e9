//! What is written of a passive recipient: where it listens, its keys, and which intermediaries deliver to it. Values only; never opens
//! anything.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::transport::http;
use crate::transport::osci_keys::{self, KeySettings};
use crate::transport::osci_trust::{IntermediarySettings, further_of_intermediary};
use crate::transport::settings::{SOCKET_ADDRESS, Span};
use crate::transport::tls::{self, TlsSettings};

/// So many times its octets a message takes in memory: as it came, decrypted, taken apart, its contents decrypted.
pub const TIMES: u64 = 4;

/// Settings of a passive recipient.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where to listen.
    #[schemars(with = "String", extend("format" = SOCKET_ADDRESS))]
    pub listen: SocketAddr,
    /// TLS; the standard asks for none, because messages are signed and encrypted themselves.
    pub tls: Option<TlsSettings>,
    /// The path that intermediaries deliver to.
    #[serde(default = "path")]
    pub path: String,
    /// The keys of the house.
    pub keys: KeySettings,
    /// Who delivers: nobody else is heard.
    #[schemars(length(min = 1))]
    pub intermediaries: Vec<IntermediarySettings>,
    /// How many MiB a message may have, attachments included.
    #[serde(default = "max_message")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_message: u64,
    /// How many deliveries may be under way at once.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_in_flight: usize,
    /// How many MiB messages may take in memory at once, each four times its size. Addresses of which no delivery was taken yet have half of it,
    /// all together.
    #[serde(default = "body_memory")]
    #[schemars(range(min = 8, max = 65_536))]
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
    /// How many of them one address may have; without it half.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections_per_address: Option<usize>,
    /// Proxies, by address or network: their connections have no share, and what their `X-Forwarded-For` says of a client is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// How long a client may keep us waiting.
    #[serde(default = "http::read_timeout")]
    pub read_timeout: Span,
}

fn path() -> String {
    "/osci".to_owned()
}

fn max_message() -> u64 {
    32
}

fn max_in_flight() -> usize {
    64
}

fn body_memory() -> u64 {
    256
}

impl Settings {
    /// The same as settings of a listener.
    pub fn listener(&self) -> http::Settings {
        http::Settings {
            listen: self.listen,
            tls: self.tls.clone(),
            max_in_flight: self.max_in_flight,
            per_partner: None,
            body_memory: self.body_memory,
            upload_disk: self.upload_disk,
            max_connections: self.max_connections,
            // All of an intermediary comes from one address, and nobody ever logs in.
            connections_per_address: Some(
                self.connections_per_address.unwrap_or(self.max_connections.div_ceil(2)),
            ),
            connections_per_partner: None,
            trusted_proxies: self.trusted_proxies.clone(),
            read_timeout: self.read_timeout,
            ops: false,
            ops_from: Vec::new(),
        }
    }

    /// Octets of a message.
    pub fn most(&self) -> u64 {
        self.max_message << 20
    }
}

/// The faults of the settings that their type cannot say.
pub fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./".contains(&octet);
    let path = &settings.path;
    if !path.starts_with('/') || path.len() > 200 || !path.bytes().all(plain) {
        faults.push(("/path".to_owned(), "must be a path such as `/osci`".to_owned()));
    }
    osci_keys::check(&settings.keys, "/keys", faults);
    for (nth, intermediary) in settings.intermediaries.iter().enumerate() {
        let at = format!("/intermediaries/{nth}");
        further_of_intermediary(intermediary, &at, faults);
        if intermediary.cipher.is_empty() && !intermediary.policy.plain {
            let text = "is missing: answers to encrypted deliveries are encrypted; write it, or `policy: { plain: true }`";
            faults.push((format!("{at}/cipher"), text.to_owned()));
        }
    }
    if settings.body_memory < 8 * settings.max_message {
        let text = "must be at least eight times `max-message`: addresses that are not known yet have half, and a message takes four times its size";
        faults.push(("/body-memory".to_owned(), text.to_owned()));
    }
    if let Some(tls) = &settings.tls {
        tls::check(tls, "/tls", faults);
    }
    http::check_listener(&settings.listener(), faults);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transport::osci_trust::{PinSettings, further_of_pins};
    use crate::transport::settings::check;

    fn key(name: &str) -> serde_json::Value {
        json!({ "certificate": format!("{name}.pem"), "key": format!("{name}.key") })
    }

    fn written() -> serde_json::Value {
        json!({
            "listen": "127.0.0.1:8443",
            "keys": { "signature": key("sig"), "cipher": [key("enc"), key("enc-old")] },
            "intermediaries": [{ "signature": ["i-sig.pem"], "cipher": ["i-enc.pem"] }],
        })
    }

    #[test]
    fn all_faults_are_told_with_their_place() {
        assert_eq!(check::<Settings>(&written(), further), []);
        let mut bad = written();
        bad["path"] = json!("osci?x");
        bad["keys"]["cipher"] = json!([key("enc"), key("enc"), key("sig"), key("c"), key("d")]);
        bad["intermediaries"] = json!([{ "signature": ["i-sig.pem", "i-sig.pem"] }]);
        bad["max-message"] = json!(100);
        let told: Vec<String> = check::<Settings>(&bad, further).into_iter().map(|(at, _)| at).collect();
        assert_eq!(
            told,
            [
                "/path",
                "/keys/cipher",
                "/keys/cipher/1",
                "/keys/signature/key",
                "/intermediaries/0/signature/1",
                "/intermediaries/0/cipher",
                "/body-memory",
            ]
        );
        let faults = check::<PinSettings>(&json!({ "cipher": ["a", "a"] }), further_of_pins);
        assert_eq!(faults[0].0, "/authors", "{faults:?}");
        let faults = check::<PinSettings>(&json!({ "authors": [""], "cipher": ["a", "a"] }), further_of_pins);
        assert_eq!(faults.iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(), ["/authors/0", "/cipher/1"]);
    }
}
