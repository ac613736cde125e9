//! HTTP/2 floods, as data: each makes frames without end. Played one beside the other while partners deliver: the flood ends or
//! gets nowhere, deliveries go on, and nothing of it is delivered.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frames::*;
use crate::support::Seeded;
use crate::transport_support::{House, http_door};

/// A flood: its name, and what it sends as its n-th piece.
type Flood = (&'static str, fn(&mut Seeded, u32) -> Vec<u8>);

/// Streams of a client are odd.
fn stream(n: u32) -> u32 {
    2 * n + 1
}

const FLOODS: &[Flood] = &[
    ("requests that are withdrawn at once", |_, n| {
        [get(stream(n), "/openapi.json"), frame(RST_STREAM, 0, stream(n), &8u32.to_be_bytes())].concat()
    }),
    ("settings", |seed, _| {
        let size = (seed.below(60_000) + 1) as u32;
        frame(SETTINGS, 0, 0, &[&4u16.to_be_bytes()[..], &size.to_be_bytes()].concat())
    }),
    ("pings", |seed, _| frame(PING, 0, 0, &seed.below(u64::MAX).to_be_bytes())),
    ("heads that never end", |seed, n| match n {
        0 => frame(HEADERS, 0, 1, &block("GET", "/openapi.json", &[])),
        _ => frame(CONTINUATION, 0, 1, &vec![0; seed.below(30) as usize]),
    }),
    ("heads that grow", |_, n| {
        let value = "v".repeat(100);
        let more = [("x-more", value.as_str()); 90];
        let kind = if n == 0 { HEADERS } else { CONTINUATION };
        frame(
            kind,
            0,
            1,
            &if n == 0 { block("GET", "/", &more) } else { block("GET", "/", &more)[30..].to_vec() },
        )
    }),
    ("bodies of nothing", |_, n| match n {
        0 => {
            frame(HEADERS, END_HEADERS, 1, &block("POST", "/v1/lieferungen", &[("content-type", "text/xml")]))
        }
        _ => frame(DATA, 0, 1, &[]),
    }),
    ("windows", |_, n| match n {
        0 => frame(HEADERS, END_HEADERS, 1, &block("POST", "/v1/lieferungen", &[])),
        _ => frame(WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes()),
    }),
    ("priorities", |seed, n| frame(2, 0, stream(n % 1000), &[0, 0, 0, 0, seed.below(255) as u8])),
    ("streams that stay open", |_, n| {
        let more = [("content-type", "text/xml"), ("authorization", "Bearer falsch")];
        frame(HEADERS, END_HEADERS, stream(n), &block("POST", "/v1/lieferungen", &more))
    }),
    ("answers that fit no window", |_, n| {
        let shut = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        [if n == 0 { shut } else { Vec::new() }, get(stream(n), "/openapi.json")].concat()
    }),
    ("frames of no known kind", |seed, n| {
        frame(
            0x20 + (n % 64) as u8,
            seed.below(256) as u8,
            seed.below(9) as u32,
            &vec![7; seed.below(2000) as usize],
        )
    }),
    ("frames where none may be", |seed, n| match seed.below(3) {
        0 => frame(DATA, 0, stream(n), b"x"),
        1 => frame(HEADERS, END_STREAM | END_HEADERS, 2 * n, &block("GET", "/", &[])),
        _ => frame(CONTINUATION, END_HEADERS, stream(n), &[]),
    }),
];

/// Plays a flood until it is ended or its time is over; whether it was ended.
async fn play(port: u16, flood: Flood, seed: u64, time: Duration) -> bool {
    let mut seed = Seeded(seed);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let began = Instant::now();
    let mut nothing = vec![0; 64 << 10];
    if socket.write_all(&hello(&[])).await.is_err() {
        return true;
    }
    for n in 0.. {
        let piece = flood.1(&mut seed, n);
        let left = time.saturating_sub(began.elapsed());
        match tokio::time::timeout(left, socket.write_all(&piece)).await {
            Err(_) => return false,
            Ok(Err(_)) => return true,
            Ok(Ok(())) => {}
        }
        // Reads only what lies there, so that it is the frames that count.
        if n % 16 == 0 && matches!(socket.try_read(&mut nothing), Ok(0)) {
            return true;
        }
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_end_or_get_nowhere_and_deliveries_go_on() {
    let long = crate::fault::said::long();
    let time = if long { Duration::from_secs(10) } else { Duration::from_millis(300) };
    let door = http_door(House::new(), json!({"read-timeout": "2s", "max-connections": 64})).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut delivered = 0;
    for (at, flood) in FLOODS.iter().enumerate() {
        let playing = tokio::spawn(play(door.port, *flood, 0x1e7 + at as u64, time));
        let mut slowest = Duration::ZERO;
        while !playing.is_finished() {
            let began = Instant::now();
            let post = client.post(door.url("/v1/lieferungen")).bearer_auth("geheim-ja-nord");
            let answer = post.header("content-type", "text/xml").body("<a/>").send().await.unwrap();
            assert_eq!(answer.status(), 202, "{}", flood.0);
            slowest = slowest.max(began.elapsed());
            delivered += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(slowest < Duration::from_secs(3), "{}: {slowest:?}", flood.0);
        // Those that can only be meant ill are ended.
        let ended = playing.await.unwrap();
        let must = ["heads that never end", "heads that grow", "frames where none may be"];
        assert!(ended || !must.contains(&flood.0), "{} goes on", flood.0);
    }
    let house = door.house.clone();
    let taken = house.delivered().iter().filter(|envelope| envelope.head.partner.is_some()).count();
    assert_eq!(taken, delivered);
    let began = Instant::now();
    door.running.end().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_healthy_connection_of_many_requests_is_none_of_them() {
    let door = http_door(House::new(), json!({})).await;
    let mut socket = connect(door.port, &[]).await;
    for n in 0..300 {
        socket.write_all(&get(stream(n), "/v1/nirgends")).await.unwrap();
        loop {
            let (kind, flags, id, payload) = next(&mut socket).await.expect("the connection stays");
            assert_ne!(kind, GOAWAY);
            if kind == DATA {
                let grown = (payload.len() as u32).to_be_bytes();
                socket.write_all(&frame(WINDOW_UPDATE, 0, 0, &grown)).await.unwrap();
            }
            if id == stream(n) && flags & END_STREAM != 0 && matches!(kind, DATA | HEADERS) {
                break;
            }
        }
    }
    let _ = socket.shutdown().await;
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    door.running.end().await.unwrap();
}
