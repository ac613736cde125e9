//! Bounds of the door over real sockets: idling, reading and writing, places by address and by partner, the reserve for
//! health and metrics, uploads that do not end, memory, an end that waits for nobody.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frames;
use crate::transport_support::{House, HttpDoor, http_door, http_door_with};

const SECOND: Duration = Duration::from_secs(1);

fn ops() -> axum::Router {
    axum::Router::new().route("/health/live", axum::routing::get(async || "lebt"))
}

async fn door(more: Value) -> HttpDoor {
    let mut settings = json!({"read-timeout": "400ms"});
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    http_door(House::new(), settings).await
}

async fn socket(door: &HttpDoor) -> TcpStream {
    TcpStream::connect(("127.0.0.1", door.port)).await.unwrap()
}

/// How long the other side keeps a connection; panics after fifteen seconds.
async fn ends(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    let mut nothing = [0; 4096];
    let until = async { while stream.read(&mut nothing).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(15 * SECOND, until).await.expect("the connection stays open");
    began.elapsed()
}

/// Asks again and again and never reads an answer, until the other side has had enough.
async fn asks_and_never_reads(port: u16, hello: Vec<u8>, mut ask: impl FnMut() -> Vec<u8>) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    loop {
        let asked = tokio::time::timeout(15 * SECOND, stream.write_all(&ask())).await;
        if asked.expect("the connection stays open").is_err() {
            return began.elapsed();
        }
        assert!(began.elapsed() < 15 * SECOND, "it is answered for ever");
    }
}

/// Delivers on a connection and reads the whole answer: what of it is still to be written would count as a movement later.
async fn takes(stream: &mut TcpStream) {
    stream.write_all(format!("{}<a/>", upload("ja-nord", 4)).as_bytes()).await.unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend(&piece[..read]);
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
            assert!(head.starts_with("http/1.1 202"), "{head}");
            return;
        }
    }
}

fn upload(token: &str, length: usize) -> String {
    format!(
        "POST /v1/lieferungen HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\
         Authorization: Bearer geheim-{token}\r\n\r\n"
    )
}

async fn delivers(door: &HttpDoor, token: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = client.post(door.url("/v1/lieferungen")).bearer_auth(format!("geheim-{token}"));
    post.header("content-type", "text/xml").body("<a/>").send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_end_a_connection() {
    let door = door(json!({})).await;
    let get = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(64);
    let pipelined = tokio::spawn(asks_and_never_reads(door.port, Vec::new(), move || get.clone()));
    let mut stream = 1;
    let streams = tokio::spawn(asks_and_never_reads(door.port, frames::hello(&[]), move || {
        stream += 2;
        frames::get(stream, "/openapi.json")
    }));
    let (pipelined, streams) = (pipelined.await.unwrap(), streams.await.unwrap());
    assert!(pipelined < 8 * SECOND && streams < 8 * SECOND, "{pipelined:?} {streams:?}");
    assert_eq!(delivers(&door, "ja-nord").await.status(), 202);
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_request_ends_also_when_it_answers_pings() {
    let door = door(json!({})).await;
    let idle = tokio::spawn(frames::answer_pings_until_the_end(frames::connect(door.port, &[]).await));
    // Its answer never fits its window: nothing moves, though it is alive.
    let mut shut = frames::connect(door.port, &[(4, 0)]).await;
    shut.write_all(&frames::get(1, "/openapi.json")).await.unwrap();
    let shut = tokio::spawn(frames::answer_pings_until_the_end(shut));
    // A frame that never comes to its end.
    let mut half = frames::connect(door.port, &[]).await;
    half.write_all(&frames::get(1, "/openapi.json")[..12]).await.unwrap();
    let half = tokio::spawn(frames::answer_pings_until_the_end(half));
    // HTTP/1: silence behind an answer, and a head of which a line comes now and then.
    let mut quiet = socket(&door).await;
    quiet.write_all(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let quiet = tokio::spawn(async move { ends(&mut quiet).await });
    let (mut reading, mut writing) = socket(&door).await.into_split();
    let dripping = tokio::spawn(async move {
        let began = Instant::now();
        let _ = writing.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await;
        while writing.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(SECOND / 10).await;
            assert!(began.elapsed() < 15 * SECOND, "the head may take for ever");
        }
        began.elapsed()
    });
    let mut nothing = Vec::new();
    let _ = tokio::time::timeout(15 * SECOND, reading.read_to_end(&mut nothing)).await.unwrap();
    for (what, took) in
        [("idle", idle), ("shut", shut), ("half", half), ("quiet", quiet), ("dripping", dripping)]
    {
        let took = took.await.unwrap();
        assert!(took < 8 * SECOND, "{what} {took:?}");
    }
    // Who works is not idle: longer than all of that.
    let hold = door.house.hold();
    let waiting = tokio::spawn(door.post().body("<a/>").send());
    door.house.wait_for(1).await;
    tokio::time::sleep(2 * SECOND).await;
    *door.house.hold.lock().unwrap() = None;
    hold.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 202);
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_never_shut_the_door_and_ops_answer_beside_them() {
    let more = json!({
        "max-connections": 8, "connections-per-address": 8, "ops": true, "read-timeout": "20s"
    });
    let door = http_door_with(House::new(), more, ops()).await;
    let mut held = Vec::new();
    for at in 0..24 {
        let mut stream = socket(&door).await;
        let sent: Vec<u8> = match at % 3 {
            0 => Vec::new(),
            1 => frames::hello(&[]),
            _ => b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        };
        let _ = stream.write_all(&sent).await;
        held.push(stream);
    }
    for _ in 0..4 {
        assert_eq!(delivers(&door, "ja-nord").await.status(), 202);
        assert_eq!(reqwest::get(door.url("/health/live")).await.unwrap().status(), 200);
    }
    // Every place is worked on: nobody gets one, health is answered all the same, and nothing else is.
    let hold = door.house.hold();
    let before = door.house.delivered().len();
    let mut working = Vec::new();
    for _ in 0..4 {
        for partner in ["ja-nord", "ja-sued"] {
            let door_url = door.url("/v1/lieferungen");
            working.push(tokio::spawn(async move {
                let client = reqwest::Client::builder().no_proxy().build().unwrap();
                let post = client.post(door_url).bearer_auth(format!("geheim-{partner}"));
                post.header("content-type", "text/xml").body("<a/>").send().await
            }));
        }
    }
    door.house.wait_for(before + 8).await;
    for _ in 0..3 {
        assert_eq!(reqwest::get(door.url("/health/live")).await.unwrap().text().await.unwrap(), "lebt");
    }
    assert_eq!(delivers(&door, "ja-nord").await.status(), 503);
    // Whoever sits on the reserve goes for the next probe.
    let mut sitting = Vec::new();
    for _ in 0..40 {
        sitting.push(socket(&door).await);
    }
    assert_eq!(reqwest::get(door.url("/health/live")).await.unwrap().status(), 200);
    *door.house.hold.lock().unwrap() = None;
    for _ in 0..8 {
        hold.notify_one();
    }
    hold.notify_waiters();
    for one in working {
        assert_eq!(one.await.unwrap().unwrap().status(), 202);
    }
    drop((held, sitting));
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_a_share_until_somebody_logs_in() {
    let door =
        door(json!({"connections-per-address": 2, "connections-per-partner": 3, "read-timeout": "20s"}))
            .await;
    let mut first = socket(&door).await;
    let mut second = socket(&door).await;
    let _third = socket(&door).await;
    // The idlest of the address went for it.
    assert!(ends(&mut first).await < 2 * SECOND);
    let mut logged_in = Vec::new();
    for _ in 0..3 {
        let mut stream = socket(&door).await;
        takes(&mut stream).await;
        logged_in.push(stream);
    }
    // They count for the partner: two more strangers fit, and go first.
    assert!(ends(&mut second).await < 2 * SECOND);
    let stranger = socket(&door).await;
    for stream in &mut logged_in {
        takes(stream).await;
    }
    // One of the partner's own goes for its fourth. Which of them is the idlest is known to the server only: it may count an
    // answer as under way a moment after we have read it. That the idlest goes is proven where the places are kept.
    let mut fourth = socket(&door).await;
    takes(&mut fourth).await;
    let ended = futures_util::future::join_all(logged_in.iter_mut().map(|stream| async {
        let mut nothing = [0; 12];
        !matches!(tokio::time::timeout(2 * SECOND, stream.read(&mut nothing)).await, Err(_) | Ok(Ok(1..)))
    }));
    assert_eq!(ended.await.into_iter().filter(|ended| *ended).count(), 1);
    assert!(matches!(stranger.try_read(&mut [0; 12]), Err(error) if error.kind() == ErrorKind::WouldBlock));
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn a_client_is_known_by_what_a_named_proxy_says_and_by_nobody_else() {
    let evidence = async |proxies: Value| {
        let door = door(json!({"trusted-proxies": proxies})).await;
        door.post().header("x-forwarded-for", "192.0.2.1, 198.51.100.7").body("<a/>").send().await.unwrap();
        let client = reqwest::Client::new().post(door.url("/v1/lieferungen"));
        client.header("x-forwarded-for", "198.51.100.8").body("<b/>").send().await.unwrap();
        let delivered = door.house.delivered();
        let peers: Vec<String> =
            delivered.iter().map(|envelope| envelope.evidence.peer.clone().unwrap()).collect();
        door.running.end().await.unwrap();
        peers
    };
    let peers = evidence(json!(["127.0.0.0/8", "::1"])).await;
    assert!(peers[0].starts_with("198.51.100.7 via 127.0.0.1:"), "{peers:?}");
    assert!(peers[1].starts_with("198.51.100.8 via 127.0.0.1:"), "{peers:?}");
    let peers = evidence(json!(["10.0.0.0/8"])).await;
    assert!(peers.iter().all(|peer| peer.starts_with("127.0.0.1:")), "{peers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_partners_slow_uploads_lock_nobody_out() {
    let door = door(json!({"max-in-flight": 16, "read-timeout": "20s"})).await;
    let mut slow = Vec::new();
    for _ in 0..256 {
        let mut stream = socket(&door).await;
        stream.write_all(format!("{}<a", upload("ja-nord", 60_000)).as_bytes()).await.unwrap();
        slow.push(stream);
    }
    tokio::time::sleep(SECOND / 2).await;
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(delivers(&door, "ja-sued").await.status(), 202);
    }
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
    // Its own further ones are told so.
    assert_eq!(delivers(&door, "ja-nord").await.status(), 429);
    drop(slow);
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_octets_do_not_buy_a_long_stay() {
    let door = door(json!({"read-timeout": "1s"})).await;
    let mut stream = socket(&door).await;
    stream.write_all(upload("ja-nord", 64 << 10).as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; (64 << 10) - 100]).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(SECOND / 5).await;
        }
    });
    let mut answer = [0; 12];
    tokio::time::timeout(3 * SECOND, reading.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    drip.abort();
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_wait_for_permission_before_they_are_read() {
    let door = door(json!({"body-memory": 1, "read-timeout": "2s"})).await;
    let mut paths = (**door.house.http.lock().unwrap()).clone();
    paths[0].max_body = 8 << 20;
    *door.house.http.lock().unwrap() = std::sync::Arc::new(paths);
    // Larger than all there is: one after the other, and all get through.
    let large = vec![b' '; 2 << 20];
    let mut sending = Vec::new();
    for _ in 0..6 {
        sending.push(tokio::spawn(door.post().body(large.clone()).send()));
    }
    for one in sending {
        assert_eq!(one.await.unwrap().unwrap().status(), 202);
    }
    // Who holds all of it and sends nothing goes in time; the next one is told to come again or gets through.
    let mut holds = socket(&door).await;
    holds.write_all(upload("ja-nord", 2 << 20).as_bytes()).await.unwrap();
    tokio::time::sleep(SECOND / 10).await;
    let began = Instant::now();
    let small = delivers(&door, "ja-sued").await;
    assert!([202, 503].contains(&small.status().as_u16()), "{}", small.status());
    assert!(began.elapsed() < 5 * SECOND);
    assert_eq!(delivers(&door, "ja-sued").await.status(), 202);
    // Without a length only what came is asked for.
    let pieces = futures_util::stream::iter((0..300).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
    let streamed = door.post().body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
    assert_eq!(streamed.status(), 202);
    door.running.end().await.unwrap();
}

/// The beginning of a request with a document and so many octets of a part, which does not end.
fn begins_a_part(token: &str, octets: usize) -> Vec<u8> {
    let head = format!(
        "POST /v1/lieferungen HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer geheim-{token}\r\n\
         Content-Type: multipart/mixed; boundary=x\r\nContent-Length: 60000000\r\n\r\n\
         --x\r\nContent-Disposition: form-data; name=document\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n\
         --x\r\nContent-Type: application/pdf\r\n\r\n"
    );
    [head.into_bytes(), vec![b' '; octets]].concat()
}

async fn status_of(stream: &mut TcpStream) -> String {
    let mut answer = [0; 12];
    tokio::time::timeout(5 * SECOND, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_do_not_end_have_a_share_of_the_disk() {
    let door = door(json!({"upload-disk": 16, "read-timeout": "10s"})).await;
    // A quarter is 4 MiB: one holds three of them, and the second one gets no further.
    let mut first = socket(&door).await;
    first.write_all(&begins_a_part("ja-nord", 3 << 20)).await.unwrap();
    let written = || door.house.written.load(std::sync::atomic::Ordering::Relaxed);
    crate::transport_support::eventually(|| written() > (3 << 20) - 1024).await;
    let mut second = socket(&door).await;
    let _ = second.write_all(&begins_a_part("ja-nord", 2 << 20)).await;
    assert_eq!(status_of(&mut second).await, "429");
    assert!(written() < 5 << 20, "{}", written());
    // Another partner has a share of its own; what never fits is told so.
    let mut other = socket(&door).await;
    let _ = other.write_all(&begins_a_part("ja-sued", 6 << 20)).await;
    assert_eq!(status_of(&mut other).await, "413");
    // When it breaks off its room is free again.
    drop(first);
    for round in 0.. {
        let mut third = socket(&door).await;
        third.write_all(&begins_a_part("ja-nord", 2 << 20)).await.unwrap();
        let mut nothing = [0; 1];
        if tokio::time::timeout(SECOND, third.read(&mut nothing)).await.is_err() {
            break;
        }
        assert!(round < 10, "it never comes back");
    }
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_that_leaves_lets_strangers_go_at_once_and_still_answers_probes() {
    let clock = drehscheibe::clock::Clock::real();
    let settings = json!({"listen": "127.0.0.1:0", "ops": true, "read-timeout": "30s"});
    let around = House::new().around(clock);
    let source = std::sync::Arc::new(
        drehscheibe::transport::http::HttpSource::new("tuer", &settings, &around, ops()).unwrap(),
    );
    let running = crate::transport_support::start(source.clone());
    let port = source.bound().await.unwrap().port();
    let mut strangers = Vec::new();
    for n in 0..50 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // Some say nothing, some have begun a request that does not end.
        if n % 2 == 0 {
            stream.write_all(upload("nobody", 1000).as_bytes()).await.unwrap();
        }
        strangers.push(stream);
    }
    drehscheibe::transport::port::Source::leave(&*source);
    for stream in &mut strangers {
        assert!(ends(stream).await < 4 * SECOND);
    }
    for _ in 0..3 {
        let alive = reqwest::get(format!("http://127.0.0.1:{port}/health/live")).await.unwrap();
        assert_eq!(alive.text().await.unwrap(), "lebt");
    }
    let mut late = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    late.write_all(format!("{}<a/>", upload("ja-nord", 4)).as_bytes()).await.unwrap();
    assert_eq!(status_of(&mut late).await, "503");
    // Who keeps a connection moving and asks for nothing is not waited for either.
    let (mut reading, mut writing) = frames::connect(port, &[]).await.into_split();
    tokio::spawn(async move { while reading.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {} });
    tokio::spawn(async move {
        while writing.write_all(&frames::frame(frames::PING, 0, 0, &[7; 8])).await.is_ok() {
            tokio::time::sleep(SECOND / 100).await;
        }
    });
    tokio::time::sleep(SECOND / 10).await;
    let began = Instant::now();
    running.end().await.unwrap();
    assert!(began.elapsed() < 4 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_end_waits_for_no_socket_on_which_nothing_was_begun() {
    let door = door(json!({"read-timeout": "30s"})).await;
    let get = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(64);
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(socket(&door).await);
        let mut half = socket(&door).await;
        half.write_all(b"POST /v1/lieferungen HTTP/1.1\r\nHost: a\r\n").await.unwrap();
        held.push(half);
        let mut uploading = socket(&door).await;
        uploading.write_all(format!("{}<a", upload("ja-nord", 60_000)).as_bytes()).await.unwrap();
        held.push(uploading);
        // Asks until nothing more goes out.
        let mut unread = socket(&door).await;
        while tokio::time::timeout(SECOND / 10, unread.write_all(&get)).await.is_ok_and(|sent| sent.is_ok()) {
        }
        held.push(unread);
    }
    let mut pings = Vec::new();
    for _ in 0..8 {
        let mut shut = frames::connect(door.port, &[(4, 0)]).await;
        shut.write_all(&frames::get(1, "/openapi.json")).await.unwrap();
        pings.push(tokio::spawn(frames::answer_pings_until_the_end(shut)));
    }
    tokio::time::sleep(SECOND / 5).await;
    let began = Instant::now();
    door.running.end().await.unwrap();
    assert!(began.elapsed() < 8 * SECOND, "{:?}", began.elapsed());
    for one in pings {
        one.await.unwrap();
    }
    assert!(door.house.delivered().is_empty());
}

/// A figure in KiB of a process, such as `VmHWM`.
fn memory(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|figure| figure.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_256_bodies_of_8_mib_is_bounded() {
    const BODY: usize = 8 << 20;
    let receiver = crate::support::Receiver::start().await;
    let stage = crate::support::StageDir::new([receiver.address, receiver.address]);
    let mut running = crate::support::up(&stage).await;
    let before = memory(running.pid(), "VmRSS:");
    let head = format!(
        "POST /v1/lieferungen HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\nContent-Length: {BODY}\r\n\
         Authorization: Bearer {}\r\n\r\n",
        crate::support::TOKEN
    );
    let mut sending = Vec::new();
    for _ in 0..256 {
        let (head, address) = (head.clone(), stage.http);
        sending.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let all = async {
                stream.write_all(head.as_bytes()).await?;
                let piece = vec![b' '; 64 << 10];
                // All but the last octets, so that none is decided meanwhile.
                for _ in 0..BODY / piece.len() - 1 {
                    stream.write_all(&piece).await?;
                }
                Ok::<_, std::io::Error>(())
            };
            let _ = tokio::time::timeout(6 * SECOND, all).await;
            stream
        }));
    }
    let mut held = Vec::new();
    for one in sending {
        held.push(one.await.unwrap());
    }
    let grown = memory(running.pid(), "VmHWM:").saturating_sub(before) >> 10;
    println!("256 bodies of 8 MiB at once: {grown} MiB more");
    let permits = 64;
    assert!(before > 0 && grown <= 64 + permits, "{grown} MiB");
    // Health answers, and the door opens again when they are gone.
    assert_eq!(reqwest::get(format!("http://{}/health/ready", stage.http)).await.unwrap().status(), 200);
    drop(held);
    tokio::time::sleep(SECOND).await;
    let body = crate::support::root().join("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml");
    let body = std::fs::read_to_string(body).unwrap();
    let (status, text) = crate::support::post(&stage, "danach", body).await;
    assert_eq!(status, 200, "{text}");
    let began = Instant::now();
    assert!(running.terminate(), "{}", stage.log());
    assert!(began.elapsed() < 10 * SECOND, "{:?}", began.elapsed());
}
