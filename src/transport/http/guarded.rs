//! The stream below the HTTP layer: first octets in time, a far end that takes what it is sent, no head that others may
//! read otherwise. Never looks into a body.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::heads::{END, Heads};
use super::life::Life;
use super::pace::Pace;
use crate::clock::Tick;

/// Length of the preface of HTTP/2, by which versions are told apart.
const PREFACE: usize = 24;

/// How much of what comes behind a refused head is passed over, and how long: who is still sending when the connection is closed would
/// never see the answer.
const LEFT: usize = 1 << 20;
const LEFT_FOR: Duration = Duration::from_secs(1);

/// A connection with bounds of its own.
pub struct Guarded<T> {
    inner: T,
    life: Arc<Life>,
    heads: Heads,
    /// Which version of HTTP it speaks is decided by the first octets, before any bound of the HTTP layer holds.
    first: Option<Pin<Box<Sleep>>>,
    read: usize,
    /// What a far end that does not take its answers has left of our patience.
    pace: Pace,
    waiting: Option<(Tick, Pin<Box<Sleep>>)>,
    /// How much of the end of a refused head was read.
    ended: usize,
    /// How much may still be passed over, and until when.
    over: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<T> Guarded<T> {
    /// Bounds on a stream.
    pub fn new(inner: T, life: Arc<Life>, patience: Duration, agreed_on_http2: bool) -> Guarded<T> {
        Guarded {
            inner,
            life,
            // What was agreed on is not what comes: the layer above goes by the octets, and so does this one.
            heads: if agreed_on_http2 { Heads::of_http2() } else { Heads::default() },
            first: Some(Box::pin(tokio::time::sleep(patience))),
            read: 0,
            pace: Pace::new(patience),
            waiting: None,
            ended: 0,
            over: None,
        }
    }

    /// The far end takes nothing now; an error once it has kept us waiting too long.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let (_, sleep) =
            self.waiting.get_or_insert_with(|| (Tick::now(), Box::pin(tokio::time::sleep(self.pace.left()))));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(ErrorKind::TimedOut.into())
    }

    /// The far end took so many octets.
    fn took(&mut self, octets: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.pace.waited(since.elapsed());
        }
        self.pace.moved(octets);
        self.life.took();
        // HTTP/2 has frames that belong to no request.
        if octets > 0 && self.heads.are_followed() {
            self.life.moved();
        }
    }

    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(octets)) => {
                self.took(octets);
                Poll::Ready(Ok(octets))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.waits(cx).map(Err),
        }
    }

    fn flushed(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        match outcome {
            Poll::Ready(outcome) => {
                if self.waiting.is_some() {
                    self.took(0);
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => self.waits(cx).map(Err),
        }
    }
}

impl<T: AsyncRead + Unpin> Guarded<T> {
    /// Passes over what the far end is still sending. It is no error whatever becomes of that.
    fn pass_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((left, until)) = &mut self.over else { return Poll::Ready(Ok(())) };
        let mut scratch = [0; 4096];
        while *left > 0 {
            let mut piece = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    *left = left.saturating_sub(piece.filled().len());
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(until.as_mut().poll(cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.heads.refused() {
            let rest = if this.heads.refused_a_head() { &END[this.ended..] } else { &[] };
            if rest.is_empty() {
                return Poll::Ready(Err(ErrorKind::InvalidData.into()));
            }
            let fits = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..fits]);
            this.ended += fits;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(outcome) => {
                let fresh = buf.filled_mut().get_mut(before..).unwrap_or_default();
                let passes = this.heads.look(fresh);
                // Nothing of what came would be the end of the stream, as if the far end had closed it.
                if passes == 0 && !fresh.is_empty() {
                    return Poll::Ready(Err(ErrorKind::InvalidData.into()));
                }
                this.read = this.read.saturating_add(passes);
                buf.set_filled(before + passes);
                if this.read >= PREFACE {
                    this.first = None;
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => match &mut this.first {
                None => Poll::Pending,
                Some(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    Poll::Ready(Err(ErrorKind::TimedOut.into()))
                }
            },
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.flushed(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.over.is_none() {
            let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
            ready!(self.flushed(cx, outcome))?;
            if !self.heads.refused_a_head() {
                return Poll::Ready(Ok(()));
            }
            self.over = Some((LEFT, Box::pin(tokio::time::sleep(LEFT_FOR))));
        }
        self.pass_over(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
