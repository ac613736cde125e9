//! The sockets of the HTTP door: TLS with the client's certificate, places, bounds on connections and on slow or idle
//! clients, an end that finishes what was begun and waits for nobody else. Never looks into a body.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Response, Version};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::guarded::Guarded;
use super::life::Life;
use super::origin;
use super::places::{Bounds, Place, Places};
use super::problem::Problem;
use crate::clock::{Clock, Tick};
use crate::telemetry::machine;
use crate::transport::ids::fresh_id;
use crate::transport::port::Stop;
use crate::transport::tls::{ServerTls, Shown};

/// How much of a body is read ahead of its reader, for each connection and each request of HTTP/2.
const WINDOW: u32 = 64 << 10;
/// How long a connection that has to go may take to hand over its last octets, once nothing moves any more, and at most.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_MOST: Duration = Duration::from_secs(5);
/// How long a connection of the reserve may last.
const PROBE: Duration = Duration::from_secs(5);
/// How many requests there may be at once on a connection of HTTP/2, and on one of the reserve, where a probe has one.
const STREAMS: u32 = 100;
const STREAMS_OF_PROBE: u32 = 4;
/// How long nothing is accepted after a fault of the machine, such as no file handle left.
const BREATH: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection, as one request sees it.
#[derive(Clone)]
pub struct Peer {
    /// The address of the connection.
    pub address: SocketAddr,
    /// Whether that is an address of this machine.
    pub from_here: bool,
    /// The certificate it showed, if our authorities vouched for it.
    pub shown: Option<Arc<Shown>>,
    /// True when they no longer do, or it is no longer valid.
    pub lapsed: bool,
    /// Its place.
    pub place: Arc<Place>,
}

/// What a listener serves.
pub struct Served {
    /// Everything.
    pub all: Router,
    /// Health and metrics, where the listener answers for them: all that connections of the reserve get.
    pub ops: Option<Router>,
}

/// On which terms connections are taken.
pub struct Terms {
    /// How many there may be now: less where more listeners share what the process may have open.
    pub bounds: Box<dyn Fn() -> Bounds + Send + Sync>,
    /// Whose connections speak for many.
    pub proxies: Vec<IpNet>,
    /// How long a client may keep us waiting.
    pub patience: Duration,
    /// How long begun requests may take once the listener is stopped.
    pub grace: Duration,
    /// From when on only health and metrics are answered.
    pub leaving: Stop,
}

/// One listener.
struct Listener {
    tls: Option<Arc<ServerTls>>,
    served: Served,
    builder: Builder<TokioExecutor>,
    /// For connections of the reserve.
    probes: Builder<TokioExecutor>,
    patience: Duration,
    clock: Clock,
    stop: Stop,
    leaving: Stop,
    /// Ends what is left when the time of grace is over.
    over: CancellationToken,
}

/// Serves until stopped; then takes no new connection and request, and waits for begun ones for the time of grace. Answers what
/// is left of it.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    terms: Terms,
    served: Served,
    clock: Clock,
    stop: &Stop,
) -> Duration {
    let Terms { bounds, proxies, patience, grace, leaving } = terms;
    let places = Places::new(bounds());
    let over = CancellationToken::new();
    let _over = over.clone().drop_guard();
    let this = Arc::new(Listener {
        tls,
        served,
        builder: builder(patience, STREAMS),
        probes: builder(patience, STREAMS_OF_PROBE),
        patience,
        clock,
        stop: stop.clone(),
        leaving,
        over: over.clone(),
    });
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let by_proxy = origin::is_of(&proxies, address.ip());
                places.within(bounds());
                let place = match this.leaving.is_cancelled() {
                    true => places.take_reserved(),
                    false => places.take(address.ip(), by_proxy),
                };
                if let Some(place) = place {
                    connections.spawn(this.clone().talk(stream, address, place));
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(
                    cause = machine::said(&error),
                    "no connection can be accepted; look at the limit of open files"
                );
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    let stopped = Tick::now();
    drop(listener);
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        over.cancel();
        connections.wait().await;
    }
    grace.saturating_sub(stopped.elapsed())
}

fn builder(patience: Duration, streams: u32) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(WINDOW as usize)
        .max_headers(64);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(patience))
        .keep_alive_timeout(patience)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(WINDOW as usize)
        .max_concurrent_streams(streams)
        .max_header_list_size(32 << 10);
    builder
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

type Stream = Either<TcpStream, TlsStream<TcpStream>>;

impl Listener {
    /// One connection from its hand-shake to its end.
    async fn talk(self: Arc<Self>, stream: TcpStream, address: SocketAddr, place: Place) {
        let life = place.life().clone();
        let ops_only = place.ops_only();
        let from_here =
            stream.local_addr().is_ok_and(|own| own.ip().to_canonical() == address.ip().to_canonical());
        let shaken = tokio::select! {
            shaken = self.shake(stream) => shaken,
            () = life.is_cut() => return,
            () = self.leaving.cancelled(), if !ops_only => return,
            () = self.stop.cancelled() => return,
        };
        let Ok((stream, shown)) = shaken else { return };
        let agreed_on_http2 = match &stream {
            Either::Left(_) => false,
            Either::Right(tls) => tls.get_ref().1.alpn_protocol() == Some(&b"h2"[..]),
        };
        let shown = shown.map(Arc::new);
        let peer = Peer { address, from_here, shown, lapsed: false, place: Arc::new(place) };
        let answer = service_fn(|request| self.clone().answer(request, peer.clone()));
        let stream = Guarded::new(stream, life.clone(), self.patience, agreed_on_http2);
        let builder = if ops_only { &self.probes } else { &self.builder };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
        let mut probe = pin!(tokio::time::sleep(PROBE));
        let lingers = (self.patience / 8).clamp(Duration::from_millis(10), LINGER / 8);
        let mut leaving: Option<Tick> = None;
        loop {
            // It cannot have been idle for long enough before: who is worked for now begins to be idle later.
            let nap = match leaving {
                Some(_) => lingers,
                None => self.patience.saturating_sub(life.idle().unwrap_or_default()),
            };
            tokio::select! {
                _ = connection.as_mut() => return,
                () = life.is_cut() => return,
                () = self.over.cancelled() => return,
                () = &mut probe, if ops_only => return,
                () = self.stop.cancelled(), if leaving.is_none() => {}
                () = self.leaving.cancelled(), if leaving.is_none() && !ops_only => {
                    if peer.place.is_a_strangers() && life.idle().is_some() {
                        return;
                    }
                }
                () = life.is_retired(), if leaving.is_none() => {}
                () = tokio::time::sleep(nap) => match leaving {
                    Some(since) if has_lingered(&life, since.elapsed()) => return,
                    // What a stranger has begun is nothing that the end waits for, nor is a probe that is none.
                    Some(since)
                        if since.elapsed() >= LINGER
                            && self.leaving.is_cancelled()
                            && (ops_only || peer.place.is_a_strangers()) =>
                    {
                        return;
                    }
                    None if life.idle().is_some_and(|idle| idle >= self.patience) => {}
                    _ => continue,
                },
            }
            leaving = Some(Tick::now());
            connection.as_mut().graceful_shutdown();
        }
    }

    async fn shake(&self, stream: TcpStream) -> io::Result<(Stream, Option<Shown>)> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok((Either::Left(stream), None)) };
        let trust = tls.trust();
        let accepted = TlsAcceptor::from(trust.config()).accept(stream);
        let stream = tokio::time::timeout(self.patience, accepted)
            .await
            .map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
        let shown = Shown::of(&trust, stream.get_ref().1);
        Ok((Either::Right(stream), shown))
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        mut peer: Peer,
    ) -> Result<Response<Fetched>, Infallible> {
        let life = peer.place.life().clone();
        let working = life.work();
        let ops_only = peer.place.ops_only();
        peer.lapsed = match (&self.tls, &peer.shown) {
            (Some(tls), Some(shown)) => !shown.holds(tls, self.clock.now()),
            _ => false,
        };
        let ends = peer.lapsed || ops_only;
        let version = request.version();
        let id = || fresh_id(self.clock.now());
        let (app, bad) = match &self.served.ops {
            Some(ops) if ops_only => (ops, false),
            _ => (&self.served.all, version == Version::HTTP_11 && !names_its_host(&request)),
        };
        let mut response = if bad {
            Problem::Unreadable("Eine Anfrage mit HTTP/1.1 braucht genau einen Kopf Host.").response(id())
        } else {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let Ok(response) = app.clone().oneshot(request).await;
            response
        };
        if ends || bad {
            if version < Version::HTTP_2 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            life.retire();
        }
        drop(working);
        Ok(response.map(|body| Fetched { body, life }))
    }
}

/// Whether there is one Host, and it is one (RFC 9112, 3.2).
fn names_its_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let is_host = |host: &HeaderValue| {
        let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        host.is_some_and(|host| {
            let bare = host.host().len() == host.as_str().len();
            !host.host().is_empty() && !host.as_str().contains('@') && (bare || host.port_u16().is_some())
        })
    };
    hosts.next().is_some_and(is_host) && hosts.next().is_none()
}

/// Whether a connection that has to go has had its time.
fn has_lingered(life: &Life, since: Duration) -> bool {
    life.idle().is_some() && since >= LINGER && (life.still() >= LINGER || since >= LINGER_MOST)
}

/// The body of an answer; each piece that is fetched counts as a movement of its connection.
pub struct Fetched {
    body: Body,
    life: Arc<Life>,
}

impl HttpBody for Fetched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.life.moved();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::sync::Notify;

    use super::*;

    const GRACE: Duration = Duration::from_millis(400);

    /// What a listener leaves of the time of grace, with or without a request that is never answered.
    async fn left(with_request: bool) -> Duration {
        let begun = Arc::new(Notify::new());
        let seen = begun.clone();
        let never = move || {
            seen.notify_one();
            std::future::pending::<()>()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounds = Bounds { most: 4, per_address: 4, per_partner: 4, reserve: 0 };
        let terms = Terms {
            bounds: Box::new(move || bounds),
            proxies: Vec::new(),
            patience: Duration::from_secs(30),
            grace: GRACE,
            leaving: Stop::new(),
        };
        let served = Served { all: Router::new().fallback(never), ops: None };
        let stop = Stop::new();
        let inner = stop.clone();
        let serving =
            tokio::spawn(async move { serve(listener, None, terms, served, Clock::real(), &inner).await });
        let mut client = TcpStream::connect(address).await.unwrap();
        if with_request {
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            begun.notified().await;
        }
        stop.cancel();
        serving.await.unwrap()
    }

    #[tokio::test]
    async fn what_connections_took_of_the_time_of_grace_is_gone() {
        assert_eq!(left(true).await, Duration::ZERO);
        let left = left(false).await;
        assert!(left > Duration::ZERO && left <= GRACE, "{left:?}");
    }
}
