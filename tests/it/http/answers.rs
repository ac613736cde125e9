//! Answers that a hostile receiver of callbacks gives, as data: each leads to one of the outcomes within the time of the
//! channel, costs a bounded amount, and nothing of it reaches a cause.

use std::time::{Duration, Instant};

use drehscheibe::clock::Clock;
use drehscheibe::transport::callback::CallbackDestination;
use drehscheibe::transport::port::{Channel, Destination, SendError};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::transport_support::{House, envelope};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Sent,
    Later,
    Never,
}

/// How an answer goes on behind its first octets.
#[derive(Clone, Copy)]
enum Then {
    End,
    Silence,
    /// An octet now and then.
    Drip,
    /// Octets without end.
    Flood,
}

/// The text that must not come out again.
const MARK: &str = "geheim-der-antwort";

fn answers() -> Vec<(String, Then, Means)> {
    use Means::*;
    use Then::*;
    let mut all = Vec::new();
    let mut put = |octets: &str, then, means| all.push((octets.replace("MARK", MARK), then, means));
    put("", End, Later);
    put("", Silence, Later);
    put("", Drip, Later);
    put("", Flood, Later);
    put("HTTP/1.1 200 OK\r\nX: ", Drip, Later);
    put("HTTP/1.1 200 OK\r\nX: ", Flood, Later);
    put("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", Silence, Sent);
    put("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", Flood, Sent);
    put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nMARK", End, Sent);
    put("HTTP/1.1 200 MARK\r\nContent-Length: 0\r\n\r\n", End, Sent);
    put("HTTP/1.1 204 No Content\r\n\r\nMARK", Flood, Sent);
    put("HTTP/1.1 100 Continue\r\n\r\n", Silence, Later);
    put(&"HTTP/1.1 103 Early\r\nX: MARK\r\n\r\n".repeat(2_000), Silence, Later);
    put("HTTP/1.1 101 Switching Protocols\r\nUpgrade: MARK\r\nConnection: upgrade\r\n\r\n", Flood, Later);
    put("HTTP/1.1 302 Found\r\nLocation: http://localhost/MARK\r\nContent-Length: 0\r\n\r\n", End, Later);
    put("HTTP/1.1 307 Again\r\nLocation: file:///MARK\r\nContent-Length: 0\r\n\r\n", End, Later);
    put("HTTP/1.1 400 MARK\r\nContent-Length: 4\r\n\r\nMARK", End, Never);
    put("HTTP/1.1 429 Wait\r\nRetry-After: 18446744073709551615\r\nContent-Length: 0\r\n\r\n", End, Later);
    put("HTTP/1.1 503 Wait\r\nRetry-After: -1\r\nContent-Length: 0\r\n\r\n", End, Later);
    put(
        "HTTP/1.1 503 Wait\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
        End,
        Later,
    );
    put("HTTP/1.1 999 MARK\r\nContent-Length: 0\r\n\r\n", End, Later);
    put("HTTP/1.1 1000 MARK\r\n\r\n", End, Later);
    put("HTTP/9.9 200 OK\r\n\r\n", End, Later);
    put("SSH-2.0-MARK\r\n", Silence, Later);
    put("\u{16}\u{3}\u{1}\0\u{5}MARK", End, Later);
    put(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: MARK\r\n".repeat(5_000)), End, Later);
    put("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", End, Later);
    all
}

/// Answers one request; whatever the other side does, it ends with its task.
async fn receiver(octets: String, then: Then) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(octets.as_bytes()).await;
        let flood = [b'x'; 16 << 10];
        loop {
            let written = match then {
                Then::End => return,
                Then::Silence => std::future::pending().await,
                Then::Drip => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    stream.write_all(b"x").await
                }
                Then::Flood => stream.write_all(&flood).await,
            };
            if written.is_err() {
                return;
            }
        }
    });
    (port, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_end_in_an_outcome_within_the_time() {
    let all = answers();
    assert!(all.len() >= 24, "{}", all.len());
    for (at, (octets, then, means)) in all.into_iter().enumerate() {
        let shown: String = octets.chars().take(50).collect();
        let (port, task) = receiver(octets, then).await;
        let channel = Channel {
            partner: "dienst".to_owned(),
            settings: json!({
                "url": format!("http://localhost:{port}/hook"), "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "allow-private": ["localhost"], "timeout": "700ms"
            }),
        };
        let around = House::new().around(Clock::set("2026-11-21T12:00:00Z".parse().unwrap()));
        let destination = CallbackDestination::new("rueckruf", &json!({}), &channel, &around).unwrap();
        let began = Instant::now();
        let outcome = destination.send(&envelope("{}", "application/json")).await;
        assert!(began.elapsed() < Duration::from_secs(3), "{at} {shown}: {:?}", began.elapsed());
        assert!(!format!("{outcome:?}").contains(MARK), "{at} {shown}: {outcome:?}");
        let meant = match outcome {
            Ok(_) => Means::Sent,
            Err(SendError::Later { .. }) => Means::Later,
            Err(SendError::Never { .. }) => Means::Never,
            Err(SendError::Unclear { cause }) => panic!("{at} {shown}: {cause}"),
        };
        assert_eq!(meant, means, "{at} {shown}");
        task.abort();
    }
}
