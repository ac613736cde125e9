//! Callbacks to partners as Standard Webhooks: signed, to the host of the partner's channel and nowhere else.
//! Follows no redirect, asks no proxy of the environment, reaches no private address that is not allowed by name,
//! and never logs an answer.

pub mod address;
pub mod sign;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use super::apart::{apart, no_source};
use super::caller::{self, Around, Caller};
use super::port::binding::Bindings;
use super::port::spot::{Spot, exact, origin};
use super::port::{Attempt, BuildError, Channel, Destination, Entry, Receipt, SendError, Surroundings};
use super::retry_after::retry_after;
use super::settings::{self, Secret, Span};
use super::tls::{self, Identity, TlsError};
use super::unreached::Unreached;
use super::watched::Files;
use crate::envelope::Envelope;
use crate::mime::media::handed_on;
use crate::telemetry::parts::Turn;
use address::{Refused, Resolver};
use sign::Key;

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "callback",
    binding: Bindings::Listed,
    answers: None,
    sends: true,
    collected: false,
    accounts: false,
    alone: false,
    check: |written| settings::check::<Settings>(written, |_, _| {}),
    check_channel: |written| settings::check::<ChannelSettings>(written, further),
    folders: super::port::no_folders,
    spots,
    files: |_, channel, config| {
        let Some((_, channel)) = channel else { return super::port::files::Looked::default() };
        let url = channel.get("url").and_then(serde_json::Value::as_str).and_then(|url| Url::parse(url).ok());
        super::tls_files::of_way_out(channel, "", url.is_some_and(|url| url.scheme() == "https"), config)
    },
    exposed: super::port::files::never_exposed,
    schema: settings::schema_of::<Settings>,
    open: |name, written, _| {
        apart(name, written, no_source, |name, written, channel, around| {
            Ok(Some(Arc::new(CallbackDestination::new(name, written, channel, around)?)))
        })
    },
};

/// Settings of a callback connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// How many callbacks to one partner may be under way at once.
    #[serde(default = "width")]
    #[schemars(range(min = 1, max = 64))]
    pub width: usize,
}

fn width() -> usize {
    8
}

/// Settings of a partner's channel; secrets stand here resolved.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChannelSettings {
    /// Where callbacks go; https unless the host is listed in `allow-private`.
    pub url: String,
    /// The key, `whsec_` and Base64.
    pub secret: Secret,
    /// Further keys while keys are exchanged: one signature for each.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// PEM file with the authorities that may vouch for the host; without it those of the machine.
    pub ca: Option<PathBuf>,
    /// Our own certificate.
    pub client_certificate: Option<Identity>,
    /// The longest a callback may take.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// Hosts that may have private addresses, and for which http is allowed; by name, exactly as in `url`.
    #[serde(default)]
    pub allow_private: Vec<String>,
}

fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}

fn further(channel: &ChannelSettings, faults: &mut Vec<(String, String)>) {
    if let Err(text) = target(channel) {
        faults.push(("/url".to_owned(), text.to_owned()));
    }
    if let Err(text) = Key::read(&channel.secret.0) {
        faults.push(("/secret".to_owned(), text.to_owned()));
    }
    for (at, secret) in channel.secrets.iter().enumerate() {
        if let Err(text) = Key::read(&secret.0) {
            faults.push((format!("/secrets/{at}"), text.to_owned()));
        }
    }
    if channel.timeout.0.is_zero() {
        faults.push(("/timeout".to_owned(), "must be more than zero".to_owned()));
    }
}

/// The URL of a channel, if it may be called at all.
fn target(channel: &ChannelSettings) -> Result<Url, &'static str> {
    let url = Url::parse(&channel.url).map_err(|_| "must be an absolute URL such as https://host/path")?;
    let host = url.host_str().ok_or("must name a host")?;
    let allowed = channel.allow_private.iter().any(|name| name.eq_ignore_ascii_case(host));
    match url.scheme() {
        "https" => {}
        "http" if allowed => {}
        "http" => return Err("must begin with https:// unless `allow-private` lists the host"),
        _ => return Err("must begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or password");
    }
    if !allowed && address::literal(host).is_some_and(address::is_private) {
        return Err("must not be a private address unless `allow-private` lists it");
    }
    if !allowed && address::literal(host).is_none() && address::is_local_name(host) {
        return Err(
            "must not be a name of this machine or of its own network unless `allow-private` lists it",
        );
    }
    Ok(url)
}

/// Where a channel's callbacks go, however its URL is written.
fn spots(_: &serde_json::Value, channel: Option<&Channel>) -> Vec<Spot> {
    let Some(channel) = channel else { return Vec::new() };
    let url = channel.settings.get("url").and_then(serde_json::Value::as_str);
    let Some(url) = url.and_then(|url| Url::parse(url).ok()) else { return Vec::new() };
    let origin = origin(url.scheme(), url.host_str().unwrap_or_default(), url.port_or_known_default());
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let at = exact(&format!("{origin}{}{query}", url.path()));
    // A query may be a secret of the partner.
    let said = format!("{origin}{}", url.path());
    vec![Spot {
        at,
        said,
        key: "url",
        written: Some(channel.partner.clone()),
        apart: std::collections::BTreeMap::default(),
    }]
}

/// Sends callbacks to one partner.
pub struct CallbackDestination {
    url: Url,
    keys: Vec<Key>,
    caller: Caller,
    width: usize,
}

impl CallbackDestination {
    /// Builds the destination of one partner.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<CallbackDestination, BuildError> {
        let settings: Settings = settings::read(name, written)?;
        let partner = &channel.partner;
        let mut channel: ChannelSettings = settings::read(name, &channel.settings)?;
        channel.ca = channel.ca.map(|ca| around.config.join(ca));
        channel.client_certificate =
            channel.client_certificate.map(|identity| identity.below(&around.config));
        let broken = |text: String| BuildError { connection: name.to_owned(), text };
        let url = target(&channel).map_err(|text| broken(format!("url of the channel {text}")))?;
        let keys = std::iter::once(&channel.secret)
            .chain(&channel.secrets)
            .map(|secret| {
                Key::read(&secret.0).map_err(|text| broken(format!("secret of the channel {text}")))
            })
            .collect::<Result<Vec<Key>, BuildError>>()?;
        let files = tls::client_files(channel.ca.as_deref(), channel.client_certificate.as_ref());
        let called = url.clone();
        // Each partner is a far end of its own.
        let caller =
            Caller::open(&format!("{name}:{partner}"), Around::of(around), files, move |files: &Files| {
                client(&channel, &called, files)
            });
        let caller = caller.map_err(|fault| broken(fault.to_string()))?;
        Ok(CallbackDestination { url, keys, caller, width: settings.width })
    }

    fn headers(&self, envelope: &Envelope) -> HeaderMap {
        let id = envelope.head.id.to_string();
        let timestamp = self.caller.now().as_second().to_string();
        let signature = sign::header(&self.keys, &id, &timestamp, &envelope.body);
        let content_type = envelope.head.content_type.as_deref().map_or("application/json", handed_on);
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put("webhook-id", &id);
        put("webhook-timestamp", &timestamp);
        put("webhook-signature", &signature);
        put(CONTENT_TYPE.as_str(), content_type);
        if let Some(traceparent) = &envelope.head.traceparent {
            put("traceparent", traceparent);
        }
        headers
    }
}

/// The client of one channel; it can reach nothing but what the channel allows.
fn client(channel: &ChannelSettings, url: &Url, files: &Files) -> Result<reqwest::Client, TlsError> {
    let host = url.host_str().unwrap_or_default();
    let allowed = channel.allow_private.iter().any(|name| name.eq_ignore_ascii_case(host));
    let builder = caller::builder(channel.timeout.0.min(Duration::from_secs(5)))
        .timeout(channel.timeout.0)
        .dns_resolver(Resolver { private: allowed });
    let config = match files.of("ca") {
        Some(_) => tls::client_config(files)?,
        None if url.scheme() == "http" => tls::plain_config()?,
        None => tls::public_config(files)?,
    };
    caller::built(builder.tls_backend_preconfigured(config))
}

/// What an attempt leaves for those after it: the receiver had the document, whatever it said of it. A broker, an intermediary or a postbox that
/// refuses a document has not put it where its reader reads; behind a URL the reader itself takes it, and may have read it before it refused it.
const SHOWN: &[u8] = b"shown";

impl CallbackDestination {
    /// Makes one call; `shown` says afterwards whether the receiver may have read the document.
    async fn call(&self, envelope: &Envelope, shown: &mut bool) -> Result<Receipt, SendError> {
        if !envelope.parts.is_empty() {
            return Err(SendError::Never { cause: "a callback carries no parts".to_owned() });
        }
        let client = self.caller.client().await.map_err(not_reached)?;
        let request = client.post(self.url.clone()).headers(self.headers(envelope));
        match request.body(envelope.body.clone()).send().await {
            Ok(response) => {
                *shown = true;
                let status = response.status().as_u16();
                let retry_after = retry_after(response.headers(), self.caller.now());
                drain(response).await;
                let outcome = outcome(status, retry_after, envelope);
                self.caller.answered(!matches!(outcome, Err(SendError::Later { far_end: true, .. })));
                outcome
            }
            Err(error) if is_refused(&error) => {
                Err(later("the host has only private addresses and is not listed in allow-private", false))
            }
            Err(error) => Err(match self.caller.not_sent(&error) {
                Some(why) => not_reached(why),
                None => {
                    // It may have broken off behind the document.
                    *shown = true;
                    let cause =
                        if error.is_timeout() { "no answer in time" } else { "the exchange broke off" };
                    later(cause, true)
                }
            }),
        }
    }
}

#[async_trait]
impl Destination for CallbackDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.call(envelope, &mut false).await
    }

    async fn attempt(&self, envelope: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let mut shown = false;
        let outcome = self.call(envelope, &mut shown).await;
        if shown && outcome.is_err() && attempt.memory.left().is_none() {
            // Where that cannot be kept it is in doubt, which keeps it as well.
            let unclear = |_| SendError::Unclear {
                cause: "the receiver did not take it after it may have read it, which cannot be kept now"
                    .to_owned(),
            };
            attempt.memory.remember(SHOWN).await.map_err(unclear)?;
        }
        outcome
    }

    fn repeat_is_safe(&self) -> bool {
        // The receiver knows the repeat by its webhook-id.
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear { cause: "a webhook cannot be looked up; send it again".to_owned() })
    }

    fn width(&self) -> usize {
        self.width
    }
}

/// What a status means for the envelope.
fn outcome(status: u16, retry_after: Option<Duration>, envelope: &Envelope) -> Result<Receipt, SendError> {
    let later = |cause: &str, far_end: bool| {
        Err(SendError::Later { cause: format!("{cause} (HTTP {status})"), retry_after, far_end })
    };
    match status {
        200..=299 | 409 => Ok(Receipt {
            reference: envelope.head.id.to_string(),
            evidence: format!("http {status}"),
            ..Receipt::default()
        }),
        300..=399 => later("the receiver redirects, which is not followed; correct the url", false),
        401 | 403 | 404 => later("the receiver does not take it; keys or url may be wrong", false),
        408 | 425 | 429 => later("the receiver asks for time", true),
        400..=499 => Err(SendError::Never { cause: format!("the receiver refuses it (HTTP {status})") }),
        _ => later("the receiver is in trouble", true),
    }
}

fn later(cause: &str, far_end: bool) -> SendError {
    SendError::Later { cause: cause.to_owned(), retry_after: None, far_end }
}

/// Nobody was reached.
fn not_reached(why: Unreached) -> SendError {
    later(&why.to_string(), why.turn() == Turn::FarEnd)
}

/// Whether we refused to call: the library's text is not used, it holds the URL.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if inner.downcast_ref::<Refused>().is_some() {
            return true;
        }
        source = inner.source();
    }
    false
}

/// Reads at most 4 KiB so that the connection can be used again; the content is of no interest.
async fn drain(mut response: Response) {
    let mut left = 4096usize;
    while let Ok(Some(chunk)) = response.chunk().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_into_our_own_network_is_refused_when_connecting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
        // Names that only lead here are refused before; this stands for a public one whose address has changed since.
        let written =
            json!({ "url": url, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "timeout": "2s" });
        let channel: ChannelSettings = serde_json::from_value(written).unwrap();
        let files = Files::read(&[]).unwrap();
        let url = url.parse().unwrap();
        let error = client(&channel, &url, &files).unwrap().post(url).send().await.unwrap_err();
        assert!(is_refused(&error), "{error:?}");
        let came = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(came.is_err(), "nobody was called");
    }
}
