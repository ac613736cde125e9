//! What is written of a connection to a dDataBox: where it is, as whom the house is known there; and of a partner's channel: into which room and
//! under which bounds. Values only; opens nothing.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::transport::port::Channel;
use crate::transport::port::spot::{Spot, exact, origin};
use crate::transport::settings::{Secret, Span};

/// A link holds for 90 days at most: by then its far end has no record of its use any more.
const LONGEST: Duration = Duration::from_secs(90 * 24 * 3600);

/// Settings of a connection to a dDataBox.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Its address, such as `https://ddatabox.dataport.de`; http only on this machine.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The client that is registered there for the house.
    pub client: Client,
    /// The technical user of the house; without it the house is known by `refresh-token`.
    pub user: Option<User>,
    /// What the consent of an authorised person gave once; it is exchanged for another one with each use, and that is kept in the store.
    pub refresh_token: Option<Secret>,
    /// PEM file with the authorities that may vouch for it; without it those of the machine.
    pub ca: Option<PathBuf>,
    /// How long one exchange may take.
    #[serde(default = "thirty_seconds")]
    pub timeout: Span,
    /// How many KiB of a file are sent at once.
    #[serde(default = "chunk")]
    #[schemars(range(min = 64, max = 65536))]
    pub chunk: usize,
    /// How many letters may be under way at once.
    #[serde(default = "width")]
    #[schemars(range(min = 1, max = 16))]
    pub width: usize,
}

/// A client of OAuth 2.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Client {
    /// Its id.
    #[schemars(length(min = 1))]
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// A technical user.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct User {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its password.
    pub password: Secret,
}

/// Settings of a partner's channel.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChannelSettings {
    /// The number of the room into which letters are laid; it must not be encrypted by its users (Triple-Crypt).
    #[schemars(range(min = 1))]
    pub room: u64,
    /// How confidential the files are: 3 confidential, 4 strictly confidential.
    #[serde(default = "confidential")]
    #[schemars(range(min = 3, max = 4))]
    pub classification: u64,
    /// How long a link holds.
    #[serde(default = "fourteen_days")]
    pub valid: Span,
    /// How often a link can be used.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub downloads: u64,
    /// A password that was agreed on before. Without it each link has its own, which goes to the number of the receiver.
    pub password: Option<Secret>,
    /// What file and link are called; it says nothing of whom or what it is about.
    #[serde(default = "named")]
    #[schemars(length(min = 1))]
    pub name: String,
    /// What the notice says.
    #[serde(default = "notice")]
    #[schemars(length(min = 1))]
    pub notice: String,
}

fn thirty_seconds() -> Span {
    Span(Duration::from_secs(30))
}

fn chunk() -> usize {
    5 * 1024
}

fn width() -> usize {
    4
}

fn confidential() -> u64 {
    3
}

fn fourteen_days() -> Span {
    Span(Duration::from_secs(14 * 24 * 3600))
}

fn ten() -> u64 {
    10
}

fn named() -> String {
    "Schreiben".to_owned()
}

fn notice() -> String {
    "Für Sie liegt ein Schreiben bereit. Das Kennwort dafür erhalten Sie auf anderem Weg.".to_owned()
}

/// What is wrong with a connection that its type cannot say.
pub fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    if let Err(text) = base(&settings.url) {
        faults.push(("/url".to_owned(), text.to_owned()));
    }
    if settings.user.is_some() == settings.refresh_token.is_some() {
        let text = "write one of `user` and `refresh-token`: the house is known there in one way";
        faults.push(("/user".to_owned(), text.to_owned()));
    }
    if settings.timeout.0.is_zero() {
        faults.push(("/timeout".to_owned(), "must be more than zero".to_owned()));
    }
}

/// What is wrong with a channel.
pub fn further_of_channel(channel: &ChannelSettings, faults: &mut Vec<(String, String)>) {
    if channel.valid.0 < Duration::from_secs(3600) || channel.valid.0 > LONGEST {
        faults.push(("/valid".to_owned(), "must be one hour at least and 90 days at most".to_owned()));
    }
    // The rules of the far end for names, and none that a receiver's machine takes for a path.
    let forbidden = |letter: char| letter.is_control() || r#"\<>:"|?*/"#.contains(letter);
    if channel.name.contains(forbidden) || channel.name.chars().count() > 100 || channel.name.starts_with('.')
    {
        let text =
            r#"must be at most 100 characters without \ < > : " | ? * / and must not begin with a dot"#;
        faults.push(("/name".to_owned(), text.to_owned()));
    }
}

/// The address of a dDataBox: scheme, host and port.
pub fn base(written: &str) -> Result<Url, &'static str> {
    let url = Url::parse(written).map_err(|_| "must be an address such as https://ddatabox.example")?;
    let host = url.host_str().ok_or("must name a host")?.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if here => {}
        _ => return Err("must begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or password");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("must be scheme, host and port alone");
    }
    Ok(url)
}

/// The room that a channel lays into.
pub fn spots(written: &serde_json::Value, channel: Option<&Channel>) -> Vec<Spot> {
    let url = written.get("url").and_then(serde_json::Value::as_str).and_then(|url| Url::parse(url).ok());
    let (Some(url), Some(channel)) = (url, channel) else { return Vec::new() };
    let Some(room) = channel.settings.get("room").and_then(serde_json::Value::as_u64) else {
        return Vec::new();
    };
    let origin = origin(url.scheme(), url.host_str().unwrap_or_default(), url.port_or_known_default());
    let at = exact(&format!("{origin} room {room}"));
    vec![Spot {
        said: at.clone(),
        at,
        key: "room",
        written: Some(channel.partner.clone()),
        apart: std::collections::BTreeMap::default(),
    }]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transport::settings::check;

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let good = json!({
            "url": "https://box.example", "client": { "id": "haus", "secret": "s" },
            "user": { "name": "n", "password": "p" },
        });
        assert_eq!(check::<Settings>(&good, further), []);
        for (key, value, path) in [
            ("url", json!("http://box.example"), "/url"),
            ("url", json!("https://box.example/api"), "/url"),
            ("url", json!("https://u:p@box.example"), "/url"),
            ("refresh-token", json!("t"), "/user"),
            ("user", json!(null), "/user"),
            ("timeout", json!("0s"), "/timeout"),
            ("chunk", json!(1), "/chunk"),
            ("width", json!(0), "/width"),
        ] {
            let mut written = good.clone();
            written[key] = value;
            let faults = check::<Settings>(&written, further);
            assert_eq!(faults.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), [path], "{key}");
        }
        for here in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
            assert!(base(here).is_ok(), "{here}");
        }
        let of = |written| check::<ChannelSettings>(&written, further_of_channel);
        assert_eq!(of(json!({ "room": 7 })), []);
        for (key, value) in [
            ("valid", json!("5m")),
            ("valid", json!("91d")),
            ("name", json!("a/b")),
            ("name", json!(".a")),
            ("classification", json!(2)),
            ("downloads", json!(0)),
        ] {
            let mut written = json!({ "room": 7 });
            written[key] = value;
            assert_eq!(of(written).len(), 1, "{key}");
        }
    }
}
