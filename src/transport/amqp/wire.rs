//! Between the broker and the library: each delivery is permitted before its octets are fetched, and what a publisher wrote beside
//! its message reaches the library in a form that it can read. Never touches a body, never an acknowledgement.
//!
//! Three things of the library make this room necessary. It reads whatever comes as fast as it can and keeps it, and RabbitMQ knows
//! a bound on messages only, not on octets. A content header cannot be split into frames, so the broker sends it in one, however
//! small a frame was agreed; the library then ends the connection, and with it all queues of all partners. And it ends it where a
//! text is no UTF-8, which no broker asks of a publisher. Of the header table only the trace context is used, so nothing else of it
//! is passed on; texts that are none are left out.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use std::sync::Arc;
use std::time::Duration;

use async_compat::{Compat, CompatExt};
use futures_util::FutureExt;
use lapin::types::ChannelId;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
};
use tokio::net::{TcpStream, UnixStream};

use super::permit::Gate;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
/// Class and method of `basic.deliver`.
const DELIVER: [u8; 4] = [0, 60, 0, 60];
/// A heartbeat, as each side sends it.
const HEARTBEAT: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 0xCE];
/// Methods are short; a longer one is of no broker.
const LONGEST_METHOD: usize = 1 << 20;
/// A table that is longer than this is not searched for a trace context.
const SEARCHED: usize = 16 * 1024;
/// What is read at once, each way.
const PIECE: usize = 16 * 1024;

/// Puts a broker's stream behind the gate; what comes back is for the library.
pub fn gated<S>(broker: S, gate: Arc<Gate>, heartbeat: Duration) -> io::Result<Compat<TcpStream>>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (near, far) = Pair::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    // The library takes sockets of its own kind only; reading and writing a pair is the same as of any other stream.
    let near = TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(near)))?;
    let far = UnixStream::from_std(far)?;
    tokio::spawn(async move {
        let (from_broker, mut to_broker) = tokio::io::split(broker);
        let (mut from_library, to_library) = far.into_split();
        let inwards = pass_in(BufReader::with_capacity(PIECE, from_broker), to_library, &gate, heartbeat / 3);
        let outwards = tokio::io::copy(&mut from_library, &mut to_broker);
        // Where one way ends the connection has ended; both sides see it by their ends being dropped.
        tokio::select! {
            _ = inwards => {}
            _ = outwards => {
                let _ = to_broker.shutdown().await;
            }
        }
    });
    Ok(near.compat())
}

fn strange(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

async fn pass_in(
    mut from: impl AsyncBufRead + Unpin,
    to: impl AsyncWrite + Unpin,
    gate: &Gate,
    beat: Duration,
) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(PIECE, to);
    loop {
        let buffered = from.fill_buf().await?;
        let Some(kind) = buffered.first().copied() else { return to.flush().await };
        // A broker of another version answers with its protocol's name instead of a frame.
        if kind == b'A' {
            tokio::io::copy_buf(&mut from, &mut to).await?;
            return to.flush().await;
        }
        let mut head = [0; 7];
        from.read_exact(&mut head).await?;
        let channel = ChannelId::from_be_bytes([head[1], head[2]]);
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        match kind {
            HEADER => {
                let header = Header::read(&mut from, size).await?;
                permitted(&mut to, gate, channel, header.octets, beat).await?;
                let payload = header.rewritten();
                let length = u32::try_from(payload.len()).map_err(|_| strange("content header"))?;
                to.write_all(&[HEADER, head[1], head[2]]).await?;
                to.write_all(&length.to_be_bytes()).await?;
                to.write_all(&payload).await?;
                to.write_all(&[0xCE]).await?;
            }
            METHOD => {
                if size > LONGEST_METHOD {
                    return Err(strange("method"));
                }
                let mut payload = vec![0; size + 1];
                from.read_exact(&mut payload).await?;
                if payload.starts_with(&DELIVER) {
                    gate.handed_over(channel);
                    readable_deliver(&mut payload);
                }
                to.write_all(&head).await?;
                to.write_all(&payload).await?;
            }
            _ => {
                to.write_all(&head).await?;
                let mut rest = (&mut from).take(size as u64 + 1);
                tokio::io::copy_buf(&mut rest, &mut to).await?;
                if rest.limit() > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        // Together while there is more, at once where there is not.
        if !more(&mut from).await {
            to.flush().await?;
        }
    }
}

/// Whether more has come already.
async fn more(from: &mut (impl AsyncBufRead + Unpin)) -> bool {
    let looked = std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *from).poll_fill_buf(cx).is_ready())
    });
    looked.await
}

/// Waits for the permit of a delivery; meanwhile nothing is read, and the library hears the heartbeats that it would miss.
async fn permitted(
    to: &mut (impl AsyncWrite + Unpin),
    gate: &Gate,
    channel: ChannelId,
    octets: u64,
    beat: Duration,
) -> io::Result<()> {
    let entering = gate.enter(channel, octets);
    tokio::pin!(entering);
    if entering.as_mut().now_or_never().is_some() {
        return Ok(());
    }
    // What holds the octets may still lie here.
    to.flush().await?;
    loop {
        match tokio::time::timeout(beat, &mut entering).await {
            Ok(()) => return Ok(()),
            Err(_) => {
                to.write_all(&HEARTBEAT).await?;
                to.flush().await?;
            }
        }
    }
}

/// Makes the texts of a `basic.deliver` readable; exchange and routing key are a publisher's and nothing is done with them.
fn readable_deliver(payload: &mut [u8]) {
    let mut at = DELIVER.len();
    // Consumer tag; delivery tag and whether it was delivered before; exchange; routing key.
    for skipped in [0, 9, 0] {
        at += skipped;
        let Some(length) = payload.get(at).map(|length| usize::from(*length)) else { return };
        let Some(text) = payload.get_mut(at + 1..at + 1 + length) else { return };
        if std::str::from_utf8(text).is_err() {
            text.iter_mut().filter(|octet| !octet.is_ascii()).for_each(|octet| *octet = b'?');
        }
        at += 1 + length;
    }
}

/// The properties before the header table, in the order of their flags from the highest bit: both are short texts.
const BEFORE_TABLE: [u16; 2] = [1 << 15, 1 << 14];
const TABLE: u16 = 1 << 13;
/// Those behind it, with their length; `None` is a short text.
const BEHIND_TABLE: [(u16, Option<usize>); 11] = [
    (1 << 12, Some(1)),
    (1 << 11, Some(1)),
    (1 << 10, None),
    (1 << 9, None),
    (1 << 8, None),
    (1 << 7, None),
    (1 << 6, Some(8)),
    (1 << 5, None),
    (1 << 4, None),
    (1 << 3, None),
    (1 << 2, None),
];
/// Class, weight, size of the body, flags.
const FIXED: usize = 14;

/// A content header as it came, without what a long table held.
struct Header {
    /// Size of the body that follows.
    octets: u64,
    kept: Vec<u8>,
    /// Where the table's length stands in what is kept, and whether its contents are there too.
    table: Option<(usize, bool)>,
}

impl Header {
    /// Reads the payload and the frame's end; memory stays bounded however long the table is.
    async fn read(from: &mut (impl AsyncRead + Unpin), size: usize) -> io::Result<Header> {
        if size < FIXED {
            return Err(strange("content header"));
        }
        let (mut kept, mut left) = (vec![0; FIXED], size - FIXED);
        from.read_exact(&mut kept).await?;
        let mut octets = [0; 8];
        octets.copy_from_slice(&kept[4..12]);
        let flags = u16::from_be_bytes([kept[12], kept[13]]);
        let mut table = None;
        for flag in BEFORE_TABLE {
            if flags & flag != 0 {
                let length = usize::from(one(from, &mut kept, &mut left).await?);
                some(from, &mut kept, &mut left, length).await?;
            }
        }
        if flags & TABLE != 0 {
            let at = kept.len();
            some(from, &mut kept, &mut left, 4).await?;
            let length = number(&kept[at..]);
            let whole = length <= SEARCHED;
            if whole {
                some(from, &mut kept, &mut left, length).await?;
            } else {
                left = left.checked_sub(length).ok_or_else(|| strange("header table"))?;
                let mut skipped = from.take(length as u64);
                let copied = tokio::io::copy(&mut skipped, &mut tokio::io::sink()).await?;
                if copied < length as u64 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            table = Some((at, whole));
        }
        // What follows are eight short texts and ten octets at most.
        if left > BEHIND_TABLE.len() * 256 {
            return Err(strange("properties"));
        }
        let rest = left;
        some(from, &mut kept, &mut left, rest).await?;
        if from.read_u8().await? != 0xCE {
            return Err(strange("end of frame"));
        }
        Ok(Header { octets: u64::from_be_bytes(octets), kept, table })
    }

    /// The payload for the library: properties that it can read, and of the table the trace context only.
    fn rewritten(&self) -> Vec<u8> {
        let kept = &self.kept;
        let flags = u16::from_be_bytes([kept[12], kept[13]]);
        let (mut told, mut properties) = (0, Vec::with_capacity(kept.len()));
        let mut rest = &kept[FIXED..];
        for flag in BEFORE_TABLE.into_iter().filter(|flag| flags & flag != 0) {
            let Some(text) = text(&mut rest) else { break };
            keep_text(text, flag, &mut told, &mut properties);
        }
        if let Some((at, whole)) = self.table {
            let length = if whole { number(&kept[at..]) } else { 0 };
            let table = kept.get(at + 4..at + 4 + length).unwrap_or_default();
            if let Some(entry) = traceparent(table) {
                told |= TABLE;
                properties.extend((entry.len() as u32).to_be_bytes());
                properties.extend(entry);
            }
            rest = kept.get(at + 4 + length..).unwrap_or_default();
        }
        for (flag, length) in BEHIND_TABLE.into_iter().filter(|(flag, _)| flags & flag != 0) {
            match length {
                Some(length) => {
                    let Some((value, behind)) = rest.split_at_checked(length) else { break };
                    told |= flag;
                    properties.extend(value);
                    rest = behind;
                }
                None => {
                    let Some(text) = text(&mut rest) else { break };
                    keep_text(text, flag, &mut told, &mut properties);
                }
            }
        }
        let mut payload = kept[..12].to_vec();
        payload.extend(told.to_be_bytes());
        payload.extend(properties);
        payload
    }
}

async fn one(from: &mut (impl AsyncRead + Unpin), kept: &mut Vec<u8>, left: &mut usize) -> io::Result<u8> {
    some(from, kept, left, 1).await?;
    kept.last().copied().ok_or_else(|| strange("properties"))
}

async fn some(
    from: &mut (impl AsyncRead + Unpin),
    kept: &mut Vec<u8>,
    left: &mut usize,
    length: usize,
) -> io::Result<()> {
    *left = left.checked_sub(length).ok_or_else(|| strange("properties"))?;
    let at = kept.len();
    kept.resize(at + length, 0);
    from.read_exact(&mut kept[at..]).await.map(drop)
}

fn number(octets: &[u8]) -> usize {
    octets.first_chunk().map_or(0, |four| u32::from_be_bytes(*four) as usize)
}

/// A short text at the front, with its length before it.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(*rest.first()?);
    let (text, behind) = rest.split_at_checked(1 + length)?;
    *rest = behind;
    Some(text)
}

fn keep_text(text: &[u8], flag: u16, told: &mut u16, properties: &mut Vec<u8>) {
    // Left out rather than changed: two ids that differ must not become one.
    if std::str::from_utf8(&text[1..]).is_ok() {
        *told |= flag;
        properties.extend(text);
    }
}

/// The entry of the trace context, if the table has one: always of this form and length.
fn traceparent(table: &[u8]) -> Option<&[u8]> {
    const BEGINS: &[u8] = b"\x0btraceparentS\0\0\0\x37";
    const VALUE: usize = 0x37;
    let at = table.windows(BEGINS.len()).position(|window| window == BEGINS)?;
    table.get(at..at + BEGINS.len() + VALUE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transport::amqp::permit::HELD;
    use crate::transport::port::Stop;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 1];
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload);
        frame.push(0xCE);
        frame
    }

    async fn passed(octets: &[u8]) -> (io::Result<()>, Vec<u8>) {
        let mut out = Vec::new();
        let done = pass_in(octets, &mut out, &Gate::new(), Duration::from_secs(60)).await;
        (done, out)
    }

    fn header(flags: u16, properties: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
        payload.extend(flags.to_be_bytes());
        payload.extend(properties);
        payload
    }

    #[tokio::test]
    async fn what_the_library_reads_comes_as_it_was_and_a_table_only_with_its_trace() {
        let trace = [&b"\x0btraceparentS\0\0\0\x37"[..], &[b'0'; 0x37]].concat();
        let other = b"\x01xS\0\0\0\x02ab";
        let table = |entries: &[u8]| [&(entries.len() as u32).to_be_bytes()[..], entries].concat();
        let (before, behind) = (b"\x03a/b".to_vec(), b"\x02\x02id\0\0\0\0\0\0\0\x07".to_vec());
        let flags = (1 << 15) | TABLE | (1 << 12) | (1 << 7) | (1 << 6);
        let written = |entries: Option<&[u8]>| {
            let entries = entries.map(table).unwrap_or_default();
            [&before[..], &entries, &behind].concat()
        };
        let body = frame(3, b"abc");
        for (sent, told) in [
            (Some([&other[..], &trace].concat()), Some(&trace[..])),
            (Some(other.to_vec()), None),
            (Some([&trace[..], &[0xFF; SEARCHED]].concat()), None),
        ] {
            let sent = header(flags, &written(sent.as_deref()));
            let left = if told.is_some() { flags } else { flags & !TABLE };
            let expected = [frame(HEADER, &header(left, &written(told))), body.clone(), HEARTBEAT.to_vec()];
            let (done, out) =
                passed(&[frame(HEADER, &sent), body.clone(), HEARTBEAT.to_vec()].concat()).await;
            assert!(done.is_ok());
            assert_eq!(out, expected.concat());
        }
    }

    #[tokio::test]
    async fn texts_that_are_none_are_left_out_or_made_readable() {
        let (done, out) = passed(&frame(HEADER, &header((1 << 15) | (1 << 7), b"\x02a\xE4\x02id"))).await;
        assert!(done.is_ok());
        assert_eq!(out, frame(HEADER, &header(1 << 7, b"\x02id")));
        let deliver = |key: &[u8]| {
            let tag = [&b"\x01c"[..], &[0; 9]].concat();
            frame(METHOD, &[&DELIVER[..], &tag, b"\x01e", &[key.len() as u8], key].concat())
        };
        assert_eq!(passed(&deliver(b"\xE4k\xFF")).await.1, deliver(b"?k?"));
        assert_eq!(passed(&deliver("schlüssel".as_bytes())).await.1, deliver("schlüssel".as_bytes()));
    }

    #[tokio::test]
    async fn a_body_waits_for_its_permit_and_the_library_hears_us_meanwhile() {
        let gate = Gate::new();
        let holder = gate.consumer(1, Arc::default(), Stop::new());
        gate.enter(1, HELD).await;
        let first = holder.permit(HELD);
        let octets = frame(HEADER, &header(0, b""));
        let (near, mut far) = tokio::io::duplex(1024);
        let passing = tokio::spawn({
            let gate = gate.clone();
            async move { pass_in(&octets[..], near, &gate, Duration::from_millis(5)).await }
        });
        let mut heard = [0; 8];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, HEARTBEAT);
        drop(first);
        passing.await.unwrap().unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert!(rest.ends_with(&frame(HEADER, &header(0, b""))));
    }

    proptest! {
        #[test]
        fn no_octets_of_a_broker_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..400), kind in 1u8..4) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let _ = passed(&octets).await;
                let _ = passed(&frame(kind, &octets)).await;
                let _ = passed(&frame(HEADER, &[&[0, 60, 0, 0][..], &octets].concat())).await;
            });
        }
    }
}
