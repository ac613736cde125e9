//! What is written of a broker in `connections.yaml` and of a partner's channel, and what their types cannot say.
//! Never quotes a value: a password stands beside them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::way;
use crate::transport::port::Channel;
use crate::transport::port::spot::{Spot, exact, origin};
use crate::transport::settings::{Secret, Span};
use crate::transport::tls::Identity;

/// Settings of a connection to a broker.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// The broker's host; with TLS its certificate must name it.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Its port; without it 5671 with TLS and 5672 without.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// The virtual host.
    #[serde(default = "slash")]
    #[schemars(length(min = 1))]
    pub vhost: String,
    /// Our user; without user and password we log in by the client certificate (EXTERNAL).
    #[schemars(length(min = 1))]
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// TLS; without it only to this machine, unless `allow-plain` says otherwise.
    pub tls: Option<BrokerTls>,
    /// True allows a connection without TLS to another machine.
    #[serde(default)]
    pub allow_plain: bool,
    /// Whether queues are made here or only looked at.
    #[serde(default)]
    pub topology: Topology,
    /// The queues that deliveries come from; without them the connection only sends.
    #[serde(default)]
    pub queues: Vec<QueueSettings>,
    /// Names of queues that may be classic although a classic queue has one copy, no delivery limit and no safe
    /// dead-lettering.
    #[serde(default)]
    pub allow_classic: Vec<String>,
    /// How often each side must be heard.
    #[serde(default = "half_minute")]
    pub heartbeat: Span,
    /// The longest pause before the broker is tried again; pauses begin at half a second and double, with chance in them.
    #[serde(default = "half_minute")]
    pub reconnect_longest: Span,
    /// How many messages may be unconfirmed at once, all partners together.
    #[serde(default = "confirm_window")]
    #[schemars(range(min = 1, max = 1024))]
    pub confirm_window: usize,
    /// How long the broker may take to confirm a message.
    #[serde(default = "confirm_timeout")]
    pub confirm_timeout: Span,
    /// How many messages to one partner may be under way at once.
    #[serde(default = "width")]
    #[schemars(range(min = 1, max = 256))]
    pub width: usize,
    /// Largest message in octets, all parts together; larger ones that come in are quarantined with hash and size,
    /// larger ones are not sent.
    #[serde(default = "max_body")]
    #[schemars(range(min = 1024, max = 134_217_728))]
    pub max_body: usize,
}

/// TLS towards a broker, as written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BrokerTls {
    /// PEM file with the authorities that may vouch for the broker; no others do.
    pub ca: PathBuf,
    /// Our own certificate.
    pub client_certificate: Option<Identity>,
}

/// Whether queues are made here or only looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Queues must be there and fit; nothing is made.
    #[default]
    Check,
    /// Queues, their dead-letter queues and partitions are made if they are missing.
    Declare,
}

/// One input queue, as written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct QueueSettings {
    /// What routes call it: `on: { amqp: … }`. Several queues may have the same, one for each partner.
    #[schemars(length(min = 1))]
    pub binding: String,
    /// The queue's name at the broker; without it that of `binding`. With `consistent-hash` the beginning of the names.
    #[schemars(length(min = 1))]
    pub queue: Option<String>,
    /// The partner to whom the queue belongs; only it can publish there.
    #[schemars(length(min = 1))]
    pub partner: Option<String>,
    /// True takes the partner from the property `user-id`, which the broker checks against the publisher's login;
    /// `partners.yaml` says who that user is (`credentials: [{ amqp-user: CONNECTION/USER }]`).
    #[serde(default)]
    pub partner_by_user: bool,
    /// How order is kept.
    #[serde(default)]
    pub order: Order,
    /// The exchange of kind `x-consistent-hash`, where order is kept by it; publishers use the order key as routing key.
    #[schemars(length(min = 1))]
    pub exchange: Option<String>,
    /// How many queues the exchange spreads to (`QUEUE.0`, `QUEUE.1`, …), where order is kept by it.
    #[schemars(range(min = 2, max = 64))]
    pub partitions: Option<u16>,
    /// How many deliveries are fetched ahead.
    #[serde(default = "prefetch")]
    #[schemars(range(min = 1, max = 1000))]
    pub prefetch: u16,
    /// After so many returns the broker lays a message into the dead-letter queue.
    #[serde(default = "delivery_limit")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub delivery_limit: u32,
    /// The dead-letter queue; without it `QUEUE.dead`.
    #[schemars(length(min = 1))]
    pub dead_letter: Option<String>,
    /// By what a repeat is known.
    #[serde(default)]
    pub repeat_by: RepeatBy,
}

/// How the order of a queue is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Not at all: replicas compete, deliveries run side by side.
    #[default]
    None,
    /// One replica at a time consumes, one delivery after the other; another replica takes over when it is gone.
    SingleActiveConsumer,
    /// As before, but in several queues among which an exchange spreads by the routing key: order within a key.
    ConsistentHash,
}

/// By what a repeat of a delivery is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatBy {
    /// By the property `message-id`; by content where it is missing.
    #[default]
    MessageId,
    /// By content, for senders whose message ids are not their own for each message.
    Content,
}

/// Settings of a partner's channel.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChannelSettings {
    /// The exchange; without it the broker's default exchange, where the routing key is the name of a queue.
    #[serde(default)]
    pub exchange: String,
    /// The routing key.
    #[schemars(length(min = 1))]
    pub routing_key: Option<String>,
    /// Queues that the partner may name in `reply-to`, `*` standing for any characters; another one is not followed.
    #[serde(default)]
    pub reply_to: Vec<String>,
}

fn slash() -> String {
    "/".to_owned()
}

fn half_minute() -> Span {
    Span(Duration::from_secs(30))
}

fn confirm_window() -> usize {
    64
}

fn confirm_timeout() -> Span {
    Span(Duration::from_secs(20))
}

fn width() -> usize {
    16
}

fn max_body() -> usize {
    8 << 20
}

fn prefetch() -> u16 {
    100
}

fn delivery_limit() -> u32 {
    500
}

impl Settings {
    /// The port, by default the usual one with or without TLS.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { 5671 } else { 5672 })
    }

    /// The same with relative paths of TLS files below a folder.
    pub fn below(mut self, folder: &std::path::Path) -> Settings {
        if let Some(tls) = &mut self.tls {
            tls.ca = folder.join(&tls.ca);
            tls.client_certificate = tls.client_certificate.take().map(|identity| identity.below(folder));
        }
        self
    }

    fn is_here(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        self.host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }
}

impl QueueSettings {
    /// The queue's name at the broker.
    pub fn name(&self) -> &str {
        self.queue.as_deref().unwrap_or(&self.binding)
    }

    /// Its dead-letter queue.
    pub fn dead(&self) -> String {
        self.dead_letter.clone().unwrap_or_else(|| format!("{}.dead", self.name()))
    }

    /// The names of the queues that are consumed: one, or one for each partition.
    pub fn names(&self) -> Vec<String> {
        match (self.order, self.partitions) {
            (Order::ConsistentHash, Some(partitions)) => {
                (0..partitions).map(|at| format!("{}.{at}", self.name())).collect()
            }
            _ => vec![self.name().to_owned()],
        }
    }
}

/// What a queue is called where it does not run.
pub fn queue_part(connection: &str, queue: &str) -> String {
    format!("queue {queue} of {connection}")
}

/// What the deliveries of one partner are called where those of a queue that others use as well are held.
pub fn partner_part(connection: &str, queue: &str, partner: &str) -> String {
    format!("deliveries of {partner} in queue {queue} of {connection}")
}

/// What is taken from at the broker, and where a partner's channel lays: exchange and routing key, and the queues that it may name. Another name
/// of the broker's host is another broker, for all that is known here.
pub fn spots(written: &serde_json::Value, channel: Option<&Channel>) -> Vec<Spot> {
    let Ok(settings) = serde_json::from_value::<Settings>(written.clone()) else { return Vec::new() };
    let broker = format!("{}/{}", origin("amqp", &settings.host, Some(settings.port())), settings.vhost);
    let spot = |exchange: &str, key: &str, named: &'static str, written: Option<&Channel>| Spot {
        at: format!("{broker} {exchange} {key}"),
        said: match exchange {
            "" => format!("queue {key}"),
            exchange => format!("exchange {exchange} with routing key {key}"),
        },
        key: named,
        written: written.map(|channel| channel.partner.clone()),
        apart: std::collections::BTreeMap::default(),
    };
    let Some(channel) = channel else {
        let ours = |queue: &QueueSettings| {
            let mut ours: Vec<Spot> =
                queue.names().iter().map(|name| spot("", name, "queue", None)).collect();
            ours.push(spot("", &queue.dead(), "dead-letter", None));
            // Whatever the routing key is, it spreads to our queues.
            ours.extend(queue.exchange.as_deref().map(|exchange| spot(exchange, "*", "exchange", None)));
            ours
        };
        return settings.queues.iter().flat_map(ours).collect();
    };
    let Ok(own) = serde_json::from_value::<ChannelSettings>(channel.settings.clone()) else {
        return Vec::new();
    };
    let mut spots = Vec::new();
    if own.routing_key.is_some() || !own.exchange.is_empty() {
        let key = exact(own.routing_key.as_deref().unwrap_or_default());
        spots.push(spot(&own.exchange, &key, "routing-key", Some(channel)));
    }
    spots.extend(own.reply_to.iter().map(|pattern| spot("", pattern, "reply-to", Some(channel))));
    spots
}

/// The faults that the type of a connection's settings cannot say.
pub fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    let mut fault = |path: &str, text: &str| faults.push((path.to_owned(), text.to_owned()));
    match (&settings.user, &settings.password) {
        (Some(_), None) => fault("/password", "is missing; a user logs in with a password"),
        (None, Some(_)) => fault("/user", "is missing; a password belongs to a user"),
        (None, None) if settings.tls.as_ref().is_none_or(|tls| tls.client_certificate.is_none()) => {
            fault(
                "/user",
                "is missing; give `user` and `password`, or `tls.client-certificate` to log in by it",
            );
        }
        _ => {}
    }
    if settings.tls.is_none() && !settings.allow_plain && !settings.is_here() {
        fault(
            "/tls",
            "is missing; without it messages cross the network unencrypted (`allow-plain: true` allows that)",
        );
    }
    let seconds = settings.heartbeat.0.as_secs();
    if !(1..=600).contains(&seconds) {
        fault("/heartbeat", "must be from 1s to 10m");
    }
    for (path, span) in
        [("/reconnect-longest", settings.reconnect_longest), ("/confirm-timeout", settings.confirm_timeout)]
    {
        if span.0.is_zero() || span.0 > Duration::from_secs(3600) {
            fault(path, "must be more than zero and at most 1h");
        }
    }
    for (at, queue) in settings.queues.iter().enumerate() {
        further_queue(settings, at, queue, faults);
    }
}

fn further_queue(settings: &Settings, at: usize, queue: &QueueSettings, faults: &mut Vec<(String, String)>) {
    let mut fault = |key: &str, text: &str| faults.push((format!("/queues/{at}{key}"), text.to_owned()));
    match (&queue.partner, queue.partner_by_user) {
        (Some(_), false) | (None, true) => {}
        (Some(_), true) => fault("/partner-by-user", "must not stand beside `partner`; keep one of them"),
        (None, false) => {
            fault("/partner", "is missing; name the one partner, or write `partner-by-user: true`")
        }
    }
    let names = queue.names();
    if settings.queues[..at].iter().any(|other| other.names().iter().any(|name| names.contains(name))) {
        fault("/queue", "is the queue of an earlier entry already");
    }
    let names = [Some(queue.name()), queue.dead_letter.as_deref()];
    if names.into_iter().flatten().any(|name| name.len() > 240 || name.starts_with("amq.")) {
        fault("/queue", "must be a name of at most 240 octets that does not begin with `amq.`");
    }
    if queue.dead() == queue.name() {
        fault("/dead-letter", "must be another queue");
    }
    let hashed = queue.order == Order::ConsistentHash;
    for (key, given) in [("/exchange", queue.exchange.is_some()), ("/partitions", queue.partitions.is_some())]
    {
        match (hashed, given) {
            (true, false) => fault(key, "is missing; `order: consistent-hash` needs it"),
            (false, true) => fault(key, "is only for `order: consistent-hash`"),
            _ => {}
        }
    }
}

/// The faults that the type of a channel's settings cannot say.
pub fn further_channel(channel: &ChannelSettings, faults: &mut Vec<(String, String)>) {
    if channel.exchange.is_empty() && channel.routing_key.is_none() && channel.reply_to.is_empty() {
        faults.push((
            "/routing-key".to_owned(),
            "is missing; name the partner's queue, or an `exchange`, or what `reply-to` may name".to_owned(),
        ));
    }
    for (at, pattern) in channel.reply_to.iter().enumerate() {
        if !way::is_pattern(pattern) {
            let text = "must be a queue's name, `*` standing for any characters, and not `*` alone";
            faults.push((format!("/reply-to/{at}"), text.to_owned()));
        }
    }
}
