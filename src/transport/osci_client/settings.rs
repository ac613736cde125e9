//! What is written of a connection to an intermediary: where it is, who the house is there, by what the intermediary is known; and of a
//! partner's channel: for whom it is encrypted, by what its authors are known. Values only; never opens anything.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::transport::osci_authority::{self, AuthoritySettings};
use crate::transport::osci_keys::{self, KeySettings};
use crate::transport::osci_pins::check_files;
use crate::transport::osci_trust::{IntermediarySettings, Policy, further_of_intermediary};
use crate::transport::port::Channel;
use crate::transport::port::spot::{Spot, exact, origin};
use crate::transport::settings::{Span, fifteen_minutes, seven_days, thirty_seconds};

/// Nobody waits longer for a process card: by then a person has to know.
const LONGEST_FOLLOWED: Duration = Duration::from_secs(90 * 24 * 3600);

/// Settings of a connection to an intermediary.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Its address, `https` or `http`: messages are signed and encrypted themselves.
    #[schemars(length(min = 1))]
    pub url: String,
    /// PEM file with the authorities that may vouch for its server, where `url` is `https`; no others count.
    pub ca: Option<PathBuf>,
    /// The keys of the house.
    pub keys: KeySettings,
    /// The intermediary.
    pub intermediary: IntermediarySettings,
    /// Whether the mailbox of the house is read: that of the certificates of `keys`.
    #[serde(default)]
    pub mailbox: bool,
    /// How often it is looked at.
    #[serde(default = "thirty_seconds")]
    pub every: Span,
    /// How many deliveries are listed at once.
    #[serde(default = "page")]
    #[schemars(range(min = 1, max = 1000))]
    pub page: u64,
    /// A person is called where no look at the mailbox succeeded for so long.
    #[serde(default = "fifteen_minutes")]
    pub alarm_after: Span,
    /// How long the intermediary may take for an exchange.
    #[serde(default = "two_minutes")]
    pub timeout: Span,
    /// How many MiB a message may have, attachments included.
    #[serde(default = "max_message")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_message: u64,
    /// How many deliveries to one partner may be under way at once.
    #[serde(default = "width")]
    #[schemars(range(min = 1, max = 16))]
    pub width: usize,
}

/// Settings of a partner's channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChannelSettings {
    /// Files with the certificates for which it is encrypted, and in whose mailbox it is laid; the first that is in its term is taken.
    #[serde(default)]
    pub cipher: Vec<PathBuf>,
    /// Files with the certificates under which its authors sign what they send; without any nothing is taken of it.
    #[serde(default)]
    pub authors: Vec<PathBuf>,
    /// Under which authorities a certificate counts as one of its authors', instead of pins or beside them.
    pub trust: Option<AuthoritySettings>,
    /// What is received of it although it proves less.
    #[serde(default)]
    pub policy: Policy,
    /// The address of its recipient, where deliveries are forwarded there at once instead of being laid into a mailbox.
    pub forward: Option<String>,
    /// What the intermediary and everybody on the way reads of what a delivery is about; nothing of its content.
    pub subject: Option<String>,
    /// How long it is waited for that a delivery was received: by then a person has to look.
    #[serde(default = "seven_days")]
    pub received_within: Span,
}

fn two_minutes() -> Span {
    Span(Duration::from_secs(120))
}

fn page() -> u64 {
    100
}

fn max_message() -> u64 {
    100
}

fn width() -> usize {
    2
}

impl Settings {
    /// Octets of a message.
    pub fn most(&self) -> u64 {
        self.max_message << 20
    }
}

/// An address of an intermediary or recipient, if it is one.
pub fn address(written: &str) -> Option<Url> {
    let url = Url::parse(written).ok()?;
    let good = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    good.then_some(url)
}

/// The intermediary, however its address is written.
pub fn server(settings: &Settings) -> Option<String> {
    let url = address(&settings.url)?;
    Some(origin(url.scheme(), url.host_str().unwrap_or_default(), url.port_or_known_default()))
}

/// The mailbox of the house, and that of the partner whom a channel writes to: each is that of a certificate. The intermediary is known by its
/// host and port: by whatever path, a certificate has one mailbox there.
pub fn spots(written: &serde_json::Value, channel: Option<&Channel>) -> Vec<Spot> {
    let Ok(settings) = serde_json::from_value::<Settings>(written.clone()) else { return Vec::new() };
    let Some(server) = server(&settings) else { return Vec::new() };
    let spot = |path: &PathBuf, key: &'static str, written: Option<&Channel>| Spot {
        at: exact(&format!("osci {server} {}", plain(path).display())),
        said: format!("the mailbox of {}", path.display()),
        key,
        written: written.map(|channel| channel.partner.clone()),
        apart: std::collections::BTreeMap::default(),
    };
    match channel {
        None if settings.mailbox => {
            settings.keys.cipher.iter().map(|files| spot(&files.certificate, "keys", None)).collect()
        }
        None => Vec::new(),
        Some(channel) => {
            let own = serde_json::from_value::<ChannelSettings>(channel.settings.clone());
            let files = own.map(|own| own.cipher).unwrap_or_default();
            files.iter().map(|path| spot(path, "cipher", Some(channel))).collect()
        }
    }
}

/// A path without what leads nowhere, so that one file has one name.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// The faults of the settings that their type cannot say.
pub fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    let url = address(&settings.url);
    if url.is_none() {
        let text = "must be an address such as `https://host/osci-manager-entry/externalentry`, without user or password";
        faults.push(("/url".to_owned(), text.to_owned()));
    }
    match (url.as_ref().map(Url::scheme), &settings.ca) {
        (Some("https"), None) => {
            let text = "is missing; name the authorities that may vouch for the server";
            faults.push(("/ca".to_owned(), text.to_owned()));
        }
        (Some("http"), Some(_)) => {
            faults.push(("/ca".to_owned(), "has no use where `url` is http; leave it out".to_owned()));
        }
        _ => {}
    }
    osci_keys::check(&settings.keys, "/keys", faults);
    further_of_intermediary(&settings.intermediary, "/intermediary", faults);
    if settings.intermediary.cipher.is_empty() && !settings.intermediary.policy.plain {
        let text = "is missing: orders are encrypted for it; write it, or `policy: { plain: true }`";
        faults.push(("/intermediary/cipher".to_owned(), text.to_owned()));
    }
    for (key, span) in
        [("every", settings.every), ("alarm-after", settings.alarm_after), ("timeout", settings.timeout)]
    {
        if span.0.is_zero() {
            faults.push((format!("/{key}"), "must be more than zero".to_owned()));
        }
    }
}

/// The faults of a channel that its type cannot say.
pub fn further_of_channel(settings: &ChannelSettings, faults: &mut Vec<(String, String)>) {
    check_files(&settings.cipher, "/cipher", faults);
    check_files(&settings.authors, "/authors", faults);
    if let Some(trust) = &settings.trust {
        osci_authority::check(trust, "/trust", faults);
    }
    if settings.cipher.is_empty() && settings.authors.is_empty() && settings.trust.is_none() {
        let text =
            "is missing; name the certificates for which it is encrypted, those of its `authors`, or both";
        faults.push(("/cipher".to_owned(), text.to_owned()));
    }
    if settings.forward.as_deref().is_some_and(|written| address(written).is_none()) {
        faults.push(("/forward".to_owned(), "must be an address such as `https://host/osci`".to_owned()));
    }
    let plain = |c: char| c.is_alphanumeric() || " .,-_".contains(c);
    if settings.subject.as_deref().is_some_and(|text| text.chars().count() > 100 || !text.chars().all(plain))
    {
        let text = "must be at most 100 letters, digits, blanks, `.`, `,`, `-` or `_`: everybody on the way reads it";
        faults.push(("/subject".to_owned(), text.to_owned()));
    }
    if settings.received_within.0.is_zero() || settings.received_within.0 > LONGEST_FOLLOWED {
        faults.push(("/received-within".to_owned(), "must be more than zero and at most 90 days".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transport::settings::check;

    fn written() -> serde_json::Value {
        json!({
            "url": "https://osci.example/osci-manager-entry/externalentry", "ca": "ca.pem",
            "keys": {
                "signature": { "certificate": "sig.pem", "key": "sig.key" },
                "cipher": [{ "certificate": "enc.pem", "key": "enc.key" }],
            },
            "intermediary": { "signature": ["i-sig.pem"], "cipher": ["i-enc.pem"] },
        })
    }

    #[test]
    fn all_faults_are_told_with_their_place() {
        assert_eq!(check::<Settings>(&written(), further), []);
        let mut bad = written();
        bad["url"] = json!("https://wer:was@osci.example/");
        bad["intermediary"]["cipher"] = json!([]);
        bad["every"] = json!("0s");
        let told: Vec<String> = check::<Settings>(&bad, further).into_iter().map(|(at, _)| at).collect();
        assert_eq!(told, ["/url", "/intermediary/cipher", "/every"]);
        let mut bad = written();
        bad["ca"] = json!(null);
        assert_eq!(check::<Settings>(&bad, further)[0].0, "/ca");
        let mut plain = written();
        plain["url"] = json!("http://osci.example/");
        assert_eq!(check::<Settings>(&plain, further)[0].0, "/ca");
        assert_eq!(check::<ChannelSettings>(&json!({ "cipher": ["a.pem"] }), further_of_channel), []);
        assert_eq!(check::<ChannelSettings>(&json!({ "authors": ["a.pem"] }), further_of_channel), []);
        let channel = json!({ "forward": "ftp://x", "subject": "Kind: <b>", "received-within": "0s" });
        let told = check::<ChannelSettings>(&channel, further_of_channel);
        assert_eq!(
            told.iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(),
            ["/cipher", "/forward", "/subject", "/received-within"]
        );
    }

    #[test]
    fn one_mailbox_is_one_place_however_it_is_written() {
        let at = |url: &str, file: &str| {
            let mut written = written();
            (written["url"], written["mailbox"]) = (json!(url), json!(true));
            written["keys"]["cipher"][0]["certificate"] = json!(file);
            let channel = Channel { partner: "a".to_owned(), settings: json!({ "cipher": [file] }) };
            let (own, theirs) = (spots(&written, None), spots(&written, Some(&channel)));
            assert_eq!((own.len(), theirs.len()), (1, 1));
            assert_eq!(own[0].at, theirs[0].at);
            own[0].at.clone()
        };
        let one = at("https://osci.example/osci-manager-entry/externalentry", "osci/enc.pem");
        for (url, file) in [
            ("https://OSCI.example:443/osci-manager-entry/externalentry/", "osci/enc.pem"),
            ("https://osci.example./", "./osci//./enc.pem"),
        ] {
            assert_eq!(at(url, file), one, "{url} {file}");
        }
        for (url, file) in
            [("https://osci.example:8443/", "osci/enc.pem"), ("https://osci.example/", "osci/enc-2.pem")]
        {
            assert_ne!(at(url, file), one, "{url} {file}");
        }
    }
}
