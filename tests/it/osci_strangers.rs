//! What strangers can do at the door of a passive recipient, where nobody logs in: they hold what they have sent and no more, they go where somebody
//! else comes, and what a trusted intermediary vouches for is noted however many of them there are.

use std::time::{Duration, Instant};

use drehscheibe::transport::osci::kind::Kind;
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

use crate::osci_door::{Delivery, OsciDoor, channel, settings};

/// Sends as slowly as it may, from an address of this machine, and says more than it has.
async fn slow(url: &str, from: &str) -> JoinHandle<()> {
    let address: std::net::SocketAddr =
        url.trim_start_matches("http://").trim_end_matches("/osci").parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let head = format!("POST /osci HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", 32 << 20);
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::spawn(async move {
        let mut answer = [0; 1];
        loop {
            if stream.write_all(&[b'x'; 17 << 10]).await.is_err() {
                return;
            }
            tokio::select! {
                _ = stream.read(&mut answer) => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_strangers_keep_nobody_out() {
    let mut written = settings(json!({}));
    written["max-in-flight"] = json!(8);
    let door = OsciDoor::open(written, channel(json!({}))).await;
    let mut strangers = Vec::new();
    // More than strangers have places for, from many addresses.
    for last in 2..=7 {
        strangers.push(slow(&door.url, &format!("127.0.0.{last}")).await);
        strangers.push(slow(&door.url, &format!("127.0.0.{last}")).await);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Nobody knows this one yet.
    let began = Instant::now();
    let first = Delivery::of(Kind::AcceptDelivery, "a", "<a/>").body();
    assert_eq!(door.code(first.clone()).await, "0800");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    // From now on it is known, and waits for no stranger.
    let began = Instant::now();
    let second = Delivery::of(Kind::AcceptDelivery, "b", &format!("<a>{}</a>", "x".repeat(40_000))).body();
    assert_eq!(door.code(second).await, "0800");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(door.received(), 2);
    for stranger in strangers {
        stranger.abort();
    }
    door.end().await;
}

/// Each request costs whoever waits beside it: so many streams with a few octets each once kept all doors of the process for minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_with_many_streams_are_sent_away_at_once() {
    let mut written = settings(json!({}));
    written["max-in-flight"] = json!(8);
    let door = OsciDoor::open(written, channel(json!({}))).await;
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let client = reqwest::Client::builder()
            .no_proxy()
            .http2_prior_knowledge()
            .local_address(std::net::IpAddr::from([127, 0, 0, 9]))
            .build()
            .unwrap();
        for _ in 0..100 {
            let octets = stream::once(async { Ok::<_, std::io::Error>(vec![b'x'; 100]) });
            let body = reqwest::Body::wrap_stream(octets.chain(stream::pending()));
            let request = client.post(&door.url).body(body);
            streams.spawn(async move { request.send().await.map(|answer| answer.status().as_u16()) });
        }
    }
    // All but those that strangers may have under way are told to come again, without being waited for.
    let began = Instant::now();
    for _ in 0..1_000 {
        let answer = tokio::time::timeout(Duration::from_secs(20), streams.join_next()).await;
        assert_eq!(answer.expect("at once").unwrap().unwrap().unwrap(), 503);
    }
    let honest = Delivery::of(Kind::AcceptDelivery, "a", "<a/>").body();
    assert_eq!(door.code(honest).await, "0800");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(door.received(), 1);
    streams.abort_all();
    door.end().await;
}

#[tokio::test]
async fn what_an_intermediary_vouches_for_is_noted_however_many_strangers_there_are() {
    let door = OsciDoor::open(settings(json!({})), channel(json!({}))).await;
    // As many in this second as are noted, and more.
    for at in 0..12 {
        let mut stranger = Delivery::of(Kind::AcceptDelivery, &format!("s{at}"), "<a/>");
        (stranger.originator, stranger.author) = ("author_sig", Some("author_sig"));
        assert_eq!(door.code(stranger.body()).await, "9805");
    }
    // Of the partner, and not signed by an author who is trusted.
    let mut own = Delivery::of(Kind::AcceptDelivery, "eigen", "<a/>");
    own.author = Some("author_sig");
    assert_eq!(door.code(own.body()).await, "9805");
    let noted = door.house.delivered();
    let of_partner = noted.iter().filter(|note| note.head.partner.is_some()).count();
    assert_eq!(of_partner, 1, "{}", noted.len());
    assert!(noted.len() < 13, "strangers are bounded: {}", noted.len());
    door.end().await;
}
