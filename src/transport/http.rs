//! The HTTP door: paths come from the running routes at each request, answers only from what was committed.
//! Never keeps a path of its own, never tells an unknown caller anything, never holds a large part in memory.

pub mod admit;
pub mod answer;
pub mod body;
pub mod door;
pub mod guarded;
pub mod heads;
pub mod life;
pub mod mailbox;
pub mod openapi;
mod openapi_mailbox;
pub mod origin;
pub mod pace;
pub mod places;
pub mod problem;
pub mod request;
pub mod room;
pub mod server;
pub mod shares;
pub mod stranger;
pub mod uploads;
pub mod wishes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Extension;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::apart::{apart, no_destination};
use super::port::binding::Bindings;
use super::port::{Answers, BuildError, Entry, Source, SourceError, Stop, Surroundings};
use super::settings::{self, SOCKET_ADDRESS, Span};
use super::tls::{self, ServerTls, TlsSettings};
use super::tls_files;
use door::Door;
use server::{Served, Terms};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "http",
    binding: Bindings::Paths { refuses: answer::refuses },
    answers: Some(Answers::InBand),
    sends: false,
    collected: false,
    accounts: false,
    alone: false,
    check: |written| settings::check::<Settings>(written, further),
    check_channel: |written| settings::check::<NoChannel>(written, |_, _| {}),
    folders: super::port::no_folders,
    spots: super::port::no_spots,
    files: |(_, written), channel, config| match channel {
        Some(_) => super::port::files::Looked::default(),
        None => tls_files::of_listener(written, config),
    },
    exposed: tls_files::exposed,
    schema: settings::schema_of::<Settings>,
    open: |name, written, _| {
        apart(
            name,
            written,
            |name, written, around| {
                Ok(Some(Arc::new(HttpSource::new(name, written, around, around.ops.clone())?)))
            },
            no_destination,
        )
    },
};

/// Settings of an HTTP listener.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where to listen.
    #[schemars(with = "String", extend("format" = SOCKET_ADDRESS))]
    pub listen: SocketAddr,
    /// TLS; without it only for a machine of its own or behind a gateway.
    pub tls: Option<TlsSettings>,
    /// How many deliveries may be under way at once; more are answered 503.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_in_flight: usize,
    /// How many of them one partner may have; more are answered 429. Whatever it says, three times as many as are still free at
    /// most, so that there is always room for another partner.
    #[schemars(range(min = 1, max = 100_000))]
    pub per_partner: Option<usize>,
    /// How many MiB of documents may be in memory at once, from before they are read until they are decided.
    #[serde(default = "body_memory")]
    #[schemars(range(min = 1, max = 65_536))]
    pub body_memory: u64,
    /// How many MiB of parts may lie on the disk at once of deliveries that are not decided yet. One partner has a quarter of it at most,
    /// and all together never more than half of what the disk has free.
    #[serde(default = "upload_disk")]
    #[schemars(range(min = 4, max = 1_048_576))]
    pub upload_disk: u64,
    /// How many connections may be open at once. A newcomer gets the place of a client that has not logged in and does nothing.
    #[serde(default = "max_connections")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections: usize,
    /// How many of them one address may have that has not logged in; without it a quarter.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections_per_address: Option<usize>,
    /// How many of them one partner may have; without it half.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections_per_partner: Option<usize>,
    /// Proxies, by address or network such as `10.1.0.0/16`: their connections have no share, and what their `X-Forwarded-For`
    /// says of a client is believed. Nobody else is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// How long a client may keep us waiting for the head of a request, for the next piece of its body, or until it takes its
    /// answer; and how long a connection may stay open without a request.
    #[serde(default = "read_timeout")]
    pub read_timeout: Span,
    /// True when this listener also answers for health and metrics.
    #[serde(default)]
    pub ops: bool,
    /// From where `/metrics` and `/health/parts` may be asked besides this machine, by address or network. They say which office something
    /// waits for, which no partner may know. A proxy on this machine that forwards them has to be named in `trusted-proxies`.
    #[serde(default)]
    pub ops_from: Vec<String>,
}

pub(super) fn max_in_flight() -> usize {
    256
}

fn body_memory() -> u64 {
    64
}

pub(super) fn upload_disk() -> u64 {
    4096
}

pub(super) fn max_connections() -> usize {
    1024
}

/// Connections beside all others on which a listener answers for health and metrics.
const RESERVE: usize = 32;

impl Settings {
    /// How many connections there may be, where the process may have so many files open and so many listeners share half of them.
    fn places(&self, files: Option<usize>, listeners: usize) -> places::Bounds {
        let share = |files: usize| (files / 2 / listeners.max(1)).max(1);
        let most = self.max_connections.min(files.map_or(usize::MAX, share));
        places::Bounds {
            most,
            per_address: self.connections_per_address.unwrap_or(most.div_ceil(4)).min(most),
            per_partner: self.connections_per_partner.unwrap_or(most.div_ceil(2)).min(most),
            reserve: if self.ops { RESERVE } else { 0 },
        }
    }

    /// The proxies that are believed.
    fn proxies(&self) -> Vec<IpNet> {
        self.trusted_proxies.iter().filter_map(|written| origin::network(written)).collect()
    }

    /// From where operators ask.
    fn operators(&self) -> Vec<IpNet> {
        self.ops_from.iter().filter_map(|written| origin::network(written)).collect()
    }
}

pub(super) fn read_timeout() -> Span {
    Span(Duration::from_secs(30))
}

/// How many files this process may have open, sockets included, where the machine says so. A door that takes them all leaves
/// none for the store.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many parts of all bodies of a listener may be open at once; each holds a file.
const OPEN_PARTS: u64 = 128;

/// As many, where the process may have so many files open: listeners are few, and together leave room for the store.
fn open_parts(files: Option<usize>) -> u64 {
    files.map_or(OPEN_PARTS, |files| OPEN_PARTS.min((files as u64 / 16).max(1)))
}

/// Answers go back on the same exchange, so no partner needs a channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoChannel {}

fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    if let Some(tls) = &settings.tls {
        tls::check(tls, "/tls", faults);
    }
    check_listener(settings, faults);
}

/// The faults of what every listener has, but for its TLS.
pub fn check_listener(settings: &Settings, faults: &mut Vec<(String, String)>) {
    if settings.read_timeout.0.is_zero() {
        faults.push(("/read-timeout".to_owned(), "must be more than zero".to_owned()));
    }
    for (key, networks) in [("trusted-proxies", &settings.trusted_proxies), ("ops-from", &settings.ops_from)]
    {
        for (at, written) in networks.iter().enumerate() {
            if origin::network(written).is_none() {
                let text = "must be an address or a network such as \"10.1.0.0/16\"";
                faults.push((format!("/{key}/{at}"), text.to_owned()));
            }
        }
    }
}

/// How long begun requests may take when the listener is stopped.
const GRACE: Duration = Duration::from_secs(30);

/// What a listener serves, made of its door.
pub type Routes = Arc<dyn Fn(Arc<Door>) -> axum::Router + Send + Sync>;

/// One listener.
pub struct HttpSource {
    name: String,
    settings: Settings,
    around: Surroundings,
    extra: axum::Router,
    routes: Routes,
    bound: watch::Sender<Option<SocketAddr>>,
    leaving: Stop,
}

impl HttpSource {
    /// Builds the listener of a connection; `extra` (health, metrics) is served when the settings say `ops: true`.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
        extra: axum::Router,
    ) -> Result<HttpSource, BuildError> {
        let settings: Settings = settings::read(name, written)?;
        let extra = if settings.ops { extra } else { axum::Router::new() };
        Ok(HttpSource::serving(name, settings, around, extra, Arc::new(request::router)))
    }

    /// A listener on the same terms that serves something else.
    pub fn serving(
        name: &str,
        mut settings: Settings,
        around: &Surroundings,
        extra: axum::Router,
        routes: Routes,
    ) -> HttpSource {
        settings.tls = settings.tls.map(|tls| tls.below(&around.config));
        let bound = watch::Sender::new(None);
        HttpSource {
            name: name.to_owned(),
            settings,
            around: around.clone(),
            extra,
            routes,
            bound,
            leaving: Stop::new(),
        }
    }

    /// How many connections there may be at any moment. A log says when that is less than was configured.
    fn bounds(&self) -> Box<dyn Fn() -> places::Bounds + Send + Sync> {
        let (connection, settings, parts) =
            (self.name.clone(), self.settings.clone(), self.around.parts.clone());
        let (files, told) = (open_files(), AtomicUsize::new(0));
        Box::new(move || {
            let bounds = settings.places(files, parts.listeners());
            let (most, wanted) = (bounds.most, settings.max_connections);
            if most < wanted && told.swap(most, Ordering::Relaxed) != most {
                tracing::warn!(
                    connection,
                    most,
                    wanted,
                    "fewer connections than configured: raise the limit of open files"
                );
            }
            bounds
        })
    }

    /// The address it listens on, as soon as it does; with port 0 in the settings this tells the real one.
    pub async fn bound(&self) -> Option<SocketAddr> {
        let mut receiver = self.bound.subscribe();
        let bound = receiver.wait_for(Option::is_some).await.ok()?;
        *bound
    }
}

#[async_trait]
impl Source for HttpSource {
    fn leave(&self) {
        self.leaving.cancel();
    }

    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let broken = |text: String| SourceError::Broken(format!("connection {}: {text}", self.name));
        let tls = match &self.settings.tls {
            None => None,
            Some(settings) => {
                let opened = ServerTls::open(settings.clone());
                Some(Arc::new(opened.map_err(|fault| broken(fault.to_string()))?))
            }
        };
        let listener = tokio::net::TcpListener::bind(self.settings.listen).await.map_err(|error| {
            broken(format!(
                "cannot listen on {}: {}; choose a free address",
                self.settings.listen,
                error.kind()
            ))
        })?;
        let listening = listener.local_addr().ok().map(|at| {
            let scheme = if tls.is_some() { "https" } else { "http" };
            tracing::info!(connection = self.name, address = format!("{scheme}://{at}"), "listens");
            self.around.parts.listens(at)
        });
        // Everything that lives as long as this run ends with it, also when the run itself is dropped.
        let ended = stop.child_token();
        let _end = ended.clone().drop_guard();
        if let Some(tls) = &tls {
            tokio::spawn(tls.clone().watch(self.name.clone(), self.around.parts.clone(), ended.clone()));
        }
        let proxies = self.settings.proxies();
        let door = Door::new(&self.name, &self.settings, proxies.clone(), &self.around, stop.clone());
        let door = Arc::new(door);
        let extra = self.extra.clone().layer(Extension(door.clone()));
        let served = Served {
            all: extra.clone().fallback_service((self.routes)(door.clone())),
            ops: self.settings.ops.then(|| extra.fallback(request::elsewhere)),
        };
        let clock = self.around.clock.clone();
        self.bound.send_replace(listener.local_addr().ok());
        let terms = Terms {
            bounds: self.bounds(),
            proxies,
            patience: self.settings.read_timeout.0,
            grace: GRACE,
            leaving: self.leaving.clone(),
        };
        let left = server::serve(listener, tls, terms, served, clock, &stop).await;
        self.bound.send_replace(None);
        drop(listening);
        // Deliveries whose client went away are finished too, in what is left of the same time.
        let begun = door.begun();
        begun.close();
        if tokio::time::timeout(left, begun.wait()).await.is_err() {
            tracing::warn!(connection = self.name, "deliveries still under way after the time of grace");
        }
        Ok(())
    }
}
