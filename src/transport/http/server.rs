//! The sockets of the HTTP door: TLS with the client's certificate, bounds on connections and on slow clients, an end
//! that finishes what was begun. Never looks into a request.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tower::Layer;

use super::Settings;
use crate::transport::port::Stop;
use crate::transport::tls::{self, ServerTls};

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: Option<SocketAddr>,
    /// SHA-256 of its certificate, if it showed one that our authorities vouch for.
    pub certificate: Option<String>,
}

/// Serves until stopped; then takes no new connection and request, and waits for begun ones at most `grace`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    settings: &Settings,
    app: axum::Router,
    stop: &Stop,
    grace: Duration,
) -> io::Result<()> {
    let handle = Handle::new();
    let acceptor = Acceptor {
        tls,
        slots: Arc::new(Semaphore::new(settings.max_connections)),
        patience: settings.read_timeout.0,
    };
    let mut server = Server::<SocketAddr>::from_listener(listener).acceptor(acceptor).handle(handle.clone());
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.read_timeout.0)
        .max_buf_size(128 << 10)
        .max_headers(64);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(settings.read_timeout.0))
        .keep_alive_timeout(settings.read_timeout.0)
        .max_concurrent_streams(100)
        .max_header_list_size(32 << 10);
    let mut served = std::pin::pin!(server.serve(app.into_make_service()));
    tokio::select! {
        outcome = &mut served => return outcome,
        () = stop.cancelled() => handle.graceful_shutdown(Some(grace)),
    }
    served.await
}

/// Accepts a connection: TLS hand-shake, certificate, bounds.
#[derive(Clone)]
struct Acceptor {
    tls: Option<Arc<ServerTls>>,
    slots: Arc<Semaphore>,
    patience: Duration,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Guarded<Either<TcpStream, TlsStream<TcpStream>>>;
    type Service = AddExtension<S, Peer>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Acceptor { tls, slots, patience } = self.clone();
        Box::pin(async move {
            let slot = slots.try_acquire_owned().map_err(|_| io::Error::from(ErrorKind::ResourceBusy))?;
            stream.set_nodelay(true)?;
            let address = stream.peer_addr().ok();
            let (stream, certificate) = match tls {
                None => (Either::Left(stream), None),
                Some(tls) => {
                    let accepted = TlsAcceptor::from(tls.config()).accept(stream);
                    let stream = tokio::time::timeout(patience, accepted)
                        .await
                        .map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
                    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                    let certificate = shown.map(tls::fingerprint);
                    (Either::Right(stream), certificate)
                }
            };
            let peer = Peer { address, certificate };
            let guarded = Guarded {
                inner: stream,
                first: Some(Box::pin(tokio::time::sleep(patience))),
                read: 0,
                _slot: slot,
            };
            Ok((guarded, Extension(peer).layer(service)))
        })
    }
}

/// A connection that must show its first octets in time: which version of HTTP it speaks is decided by them, before
/// any bound of the HTTP layer holds.
struct Guarded<T> {
    inner: T,
    first: Option<Pin<Box<Sleep>>>,
    read: usize,
    _slot: OwnedSemaphorePermit,
}

/// Length of the preface of HTTP/2, by which versions are told apart.
const PREFACE: usize = 24;

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(outcome) => {
                self.read = self.read.saturating_add(buf.filled().len() - before);
                if self.read >= PREFACE {
                    self.first = None;
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => match &mut self.first {
                None => Poll::Pending,
                Some(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    Poll::Ready(Err(ErrorKind::TimedOut.into()))
                }
            },
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
