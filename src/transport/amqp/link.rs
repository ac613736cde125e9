//! One connection to a broker: address, TLS, login, heartbeat, and an ear for what the broker says of itself.
//! Never recovers by itself: when it is lost, whoever holds it makes another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, RustlsConnector, TLSConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism};
use lapin::{Channel, Connection, ConnectionProperties, ConnectionStatus, Event};
use rustls_pki_types::ServerName;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use super::fault::Fault;
use super::permit::Gate;
use super::settings::Settings;
use super::wire;
use crate::clock::Clock;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::transport::port::Stop;
use crate::transport::tls;
use crate::transport::unreached::Unreached;
use crate::transport::watched::Files;

/// Which way messages go on a connection; each has its own, because a broker in trouble blocks whole connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Consuming.
    In,
    /// Publishing.
    Out,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }
}

/// How long making a connection may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A connection that was made.
pub struct Link {
    connection: Connection,
    blocked: Arc<AtomicBool>,
    /// What deliveries may hold; only on a link that consumes something comes through it.
    pub gate: Arc<Gate>,
    /// Cancelled when the connection is gone.
    pub lost: Stop,
    _ear: tokio_util::sync::DropGuard,
}

impl Link {
    /// Makes a connection; `settings` hold paths that are complete.
    pub async fn open(name: &str, settings: &Settings, direction: Direction) -> Result<Link, Fault> {
        let gate = Gate::new();
        let opened = match tokio::time::timeout(PATIENCE, connect(name, settings, direction, &gate)).await {
            Ok(opened) => opened,
            Err(_) => Err(Fault::Unreached(Unreached::Silent)),
        };
        let connection = opened.inspect_err(|fault| {
            metric::broker(name, direction.as_str(), false);
            raise(Alarm::BrokerDown, name, &[("cause", &fault.to_string())]);
        })?;
        let (lost, blocked, dropped) = (Stop::new(), Arc::new(AtomicBool::new(false)), Stop::new());
        metric::broker(name, direction.as_str(), true);
        // Only who publishes is blocked.
        if direction == Direction::Out {
            metric::broker_blocked(name, false);
        }
        tracing::info!(connection = name, direction = direction.as_str(), "connected to the broker");
        let events = connection.events_listener();
        let ear = Ear { name: name.to_owned(), direction, lost: lost.clone(), blocked: blocked.clone() };
        let listening = ear.listen(events, connection.status().clone());
        let ended = dropped.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = listening => {}
                () = ended.cancelled() => {}
            }
        });
        Ok(Link { connection, blocked, gate, lost, _ear: dropped.drop_guard() })
    }

    /// Whether it can be used.
    pub fn is_up(&self) -> bool {
        self.connection.status().connected() && !self.lost.is_cancelled()
    }

    /// Whether the broker takes nothing at the moment because it lacks memory or disk.
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) || self.connection.status().blocked()
    }

    /// A channel of its own.
    pub async fn channel(&self) -> Result<Channel, Fault> {
        self.connection.create_channel().await.map_err(|error| Fault::of(&error))
    }

    /// Says goodbye.
    pub async fn close(&self) {
        let closing = self.connection.close(200, "closed".into());
        let _ = tokio::time::timeout(Duration::from_secs(5), closing).await;
    }
}

async fn connect(
    name: &str,
    settings: &Settings,
    direction: Direction,
    gate: &Arc<Gate>,
) -> Result<Connection, Fault> {
    let tls = match &settings.tls {
        None => None,
        Some(written) => {
            let named = tls::client_files(Some(&written.ca), written.client_certificate.as_ref());
            let files = Files::read(&named).map_err(|fault| Fault::Tls(fault.into()))?;
            let own = tls::own_validity(&files).map_err(Fault::Tls)?;
            tls::is_valid(own, Clock::real().now()).map_err(Fault::Unreached)?;
            let mut config = tls::client_config(&files).map_err(Fault::Tls)?;
            // AMQP has no protocol to negotiate.
            config.alpn_protocols.clear();
            Some(Arc::new(config))
        }
    };
    let uri = uri(settings);
    // TLS is ours (own authorities only), so the library opens the socket as if there were none.
    let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
    let (host, heartbeat, gate) = (settings.host.clone(), settings.heartbeat.0, gate.clone());
    let runtime = lapin::runtime::default_runtime().map_err(|_| Fault::Unreachable)?;
    let options = ConnectionProperties::default()
        .with_connection_name(format!("drehscheibe {name} {}", direction.as_str()).into());
    let connected = Connection::connector(
        uri,
        runtime,
        async move |_, runtime| {
            if direction == Direction::In {
                let socket = TcpStream::connect((host.as_str(), plain.authority.port)).await?;
                socket.set_nodelay(true)?;
                let near = match &tls {
                    None => wire::gated(socket, gate.clone(), heartbeat)?,
                    Some(config) => {
                        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                        let tls = TlsConnector::from(config.clone()).connect(name, socket).await?;
                        wire::gated(tls, gate.clone(), heartbeat)?
                    }
                };
                return Ok(AsyncTcpStream::Plain(near));
            }
            let socket = plain.connect_with_config_async(TLSConfig::default(), &runtime).await?;
            Ok(match &tls {
                None => socket,
                Some(config) => socket.into_rustls(&RustlsConnector::from(config.clone()), &host).await?,
            })
        },
        options,
    );
    connected.await.map_err(|error| Fault::of_opening(&error))
}

/// The largest frame, in octets: a usual delivery fits into one. The library holds 32 of them for each direction of each connection
/// from the first moment on, 4 MiB each with the broker's own 128 KiB; longer bodies come in several frames. Content headers,
/// which come in one whatever was agreed, are made to fit on their way (`wire`).
const FRAME: u32 = 32 * 1024;

fn uri(settings: &Settings) -> AMQPUri {
    let encrypted = settings.tls.is_some();
    let external = settings.user.is_none();
    AMQPUri {
        scheme: if encrypted { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: settings.user.clone().unwrap_or_default(),
                password: settings
                    .password
                    .as_ref()
                    .map(|password| password.0.expose_secret().to_owned())
                    .unwrap_or_default(),
            },
            host: settings.host.clone(),
            port: settings.port(),
        },
        vhost: settings.vhost.clone(),
        query: AMQPQueryString {
            frame_max: Some(FRAME),
            heartbeat: Some(u16::try_from(settings.heartbeat.0.as_secs()).unwrap_or(30)),
            auth_mechanism: external.then_some(SASLMechanism::External),
            ..AMQPQueryString::default()
        },
    }
}

/// How often it is looked whether a connection still stands; events come at once, this is for what has none.
const LOOK: Duration = Duration::from_millis(500);

/// Makes what the broker says of itself visible, until the connection is gone.
struct Ear {
    name: String,
    direction: Direction,
    lost: Stop,
    blocked: Arc<AtomicBool>,
}

impl Ear {
    async fn listen(self, events: impl futures_util::Stream<Item = Event> + Send, status: ConnectionStatus) {
        let mut events = std::pin::pin!(events);
        while status.connected() {
            let event = tokio::select! {
                event = events.next() => event,
                () = tokio::time::sleep(LOOK) => continue,
            };
            match event {
                // The broker's reason is not shown: it is its own text, and our line says what to do.
                Some(Event::ConnectionBlocked(_)) => {
                    self.note_blocked(true);
                    raise(Alarm::BrokerBlocked, &self.name, &[]);
                }
                Some(Event::ConnectionUnblocked) => {
                    self.note_blocked(false);
                    tracing::info!(connection = self.name, "the broker takes messages again");
                }
                // An error may be of one channel only, which is its holder's business.
                Some(_) => {}
                None => break,
            }
        }
        metric::broker(&self.name, self.direction.as_str(), false);
        self.lost.cancel();
    }

    fn note_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
        metric::broker_blocked(&self.name, blocked);
    }
}

/// The pauses between attempts: from half a second doubling up to a bound, with chance in them, so that replicas do
/// not come all at once.
pub struct Pauses {
    next: Duration,
    longest: Duration,
}

/// The first pause.
const FIRST: Duration = Duration::from_millis(500);

impl Pauses {
    /// Pauses up to this length.
    pub fn up_to(longest: Duration) -> Pauses {
        Pauses { next: FIRST.min(longest), longest }
    }

    /// The next pause: between half and the whole of what is due.
    pub fn due(&mut self) -> Duration {
        let due = self.next;
        self.next = (due * 2).min(self.longest);
        jittered(due)
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.next = FIRST.min(self.longest);
    }
}

/// Between half and the whole of a length, by chance.
pub fn jittered(length: Duration) -> Duration {
    let chance = Uuid::new_v4().as_bytes()[0];
    length / 2 + length.mul_f64(f64::from(chance) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_begin_anew() {
        let mut pauses = Pauses::up_to(Duration::from_secs(3));
        let within = |pause: Duration, due: u64| {
            let due = Duration::from_millis(due);
            assert!(pause >= due / 2 && pause <= due, "{pause:?} of {due:?}");
        };
        for due in [500, 1000, 2000, 3000, 3000] {
            within(pauses.due(), due);
        }
        pauses.reset();
        within(pauses.due(), 500);
    }
}
