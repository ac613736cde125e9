//! One exchange with a dDataBox, within its bounds: a request out, an answer of its interface back or the trouble that there was. Follows no redirect,
//! asks no proxy of the environment, repeats nothing by itself, and takes no page for an answer.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value;

use super::settings::{Settings, base};
use super::trouble::Trouble;
use crate::envelope::is_json;
use crate::transport::caller::{self, Around, Caller};
use crate::transport::retry_after::retry_after;
use crate::transport::tls::{self, TlsError};
use crate::transport::unreached::Names;
use crate::transport::watched::Files;

/// Octets of an answer; lists are asked for by one name.
const HELD: u64 = 256 * 1024;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// The way to one dDataBox.
pub struct Link {
    base: Url,
    timeout: Duration,
    caller: Caller,
}

/// An answer of its interface.
pub struct Reply {
    /// Its status, one of success.
    pub status: u16,
    /// What it says; `None` where it has no content.
    pub json: Option<Value>,
}

impl Link {
    /// The way of a connection; `settings` with whole paths. An error says what of our own material is not usable.
    pub fn open(connection: &str, settings: &Settings, around: Around) -> Result<Link, String> {
        let base = base(&settings.url).map_err(|text| format!("url {text}"))?;
        let files = tls::client_files(settings.ca.as_deref(), None);
        let (timeout, plain) = (settings.timeout.0, base.scheme() == "http");
        let caller = Caller::open(connection, around, files, move |files| client(files, timeout, plain));
        let caller = caller.map_err(|fault| fault.to_string())?;
        Ok(Link { base, timeout, caller })
    }

    /// An address below it, of these parts, each of which stays one whatever is in it.
    pub fn at<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(parts);
        }
        url
    }

    /// The time of the house.
    pub fn now(&self) -> Timestamp {
        self.caller.now()
    }

    /// Asks once. `Ok` only where it answered as its interface does when it has done what it was asked for.
    pub async fn exchange(&self, ask: impl Fn(&Client) -> RequestBuilder) -> Result<Reply, Trouble> {
        let client = self.caller.client().await?;
        let exchange = async {
            let mut reply =
                ask(&client).send().await.map_err(|error| match self.caller.not_sent(&error) {
                    Some(why) => Trouble::Unreached(why),
                    None => Trouble::Lost("the exchange broke off"),
                })?;
            let read = self.read(&mut reply).await;
            self.caller.answered(!read.as_ref().is_err_and(Trouble::is_far_end));
            read
        };
        let late = || Err(Trouble::Lost("no whole answer in time"));
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| late())
    }

    async fn read(&self, reply: &mut Response) -> Result<Reply, Trouble> {
        let status = reply.status();
        if !status.is_success() {
            let after = retry_after(reply.headers(), self.now());
            return Err(Trouble::Status { status: status.as_u16(), after });
        }
        let json = reply.headers().get(CONTENT_TYPE).is_some_and(|media| media.to_str().is_ok_and(is_json));
        let octets = match caller::held(reply, HELD).await {
            Ok(Some(octets)) => octets,
            Ok(None) => return Err(Trouble::Odd("its answer is larger than any of its interface")),
            Err(_) => return Err(Trouble::Lost("the answer broke off")),
        };
        let odd = Trouble::Odd("it answers with something else than its interface does, such as a page");
        let json = match (octets.is_empty(), json) {
            (true, _) => None,
            (false, false) => return Err(odd),
            (false, true) => Some(serde_json::from_slice(&octets).map_err(|_| odd)?),
        };
        Ok(Reply { status: status.as_u16(), json })
    }
}

/// A body of JSON.
pub fn with_json(request: RequestBuilder, value: &Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(value.to_string())
}

/// The body of a form.
pub fn with_form(request: RequestBuilder, pairs: &[(&str, &str)]) -> RequestBuilder {
    let mut encoded = String::new();
    for (name, value) in pairs {
        let both = [name, value].map(|text| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        });
        if !encoded.is_empty() {
            encoded.push('&');
        }
        encoded.push_str(&both.join("="));
    }
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.header(CONTENT_TYPE, form).body(encoded)
}

fn client(files: &Files, timeout: Duration, plain: bool) -> Result<Client, TlsError> {
    let config = match files.of("ca") {
        Some(_) => tls::client_config(files)?,
        None if plain => tls::plain_config()?,
        None => tls::public_config(files)?,
    };
    let builder = caller::builder(timeout.min(CONNECT)).dns_resolver(Names);
    caller::built(builder.tls_backend_preconfigured(config))
}
