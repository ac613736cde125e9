//! Callbacks over real sockets: signatures of the specification, meanings of answers, and places never reached.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::transport::callback::CallbackDestination;
use drehscheibe::transport::port::{Attempt, Channel, Destination, Memory, Progress, SendError};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::transport_support::{House, envelope};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: &str = "2026-11-21T12:00:00Z";

fn build(url: &str, more: Value) -> Result<CallbackDestination, String> {
    let mut settings = json!({"url": url, "secret": SECRET, "allow-private": ["localhost"], "timeout": "2s"});
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let around = House::new().around(Clock::set(NOW.parse().unwrap()));
    let channel = Channel { partner: "dienst".to_owned(), settings };
    CallbackDestination::new("rueckruf", &json!({}), &channel, &around).map_err(|error| error.to_string())
}

fn local(server: &MockServer, path: &str) -> String {
    format!("http://localhost:{}{path}", server.address().port())
}

async fn answer(response: ResponseTemplate) -> Result<String, SendError> {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(response).mount(&server).await;
    let destination = build(&local(&server, "/hook"), json!({})).unwrap();
    destination.send(&envelope("{}", "application/json")).await.map(|receipt| receipt.evidence)
}

#[tokio::test]
async fn a_callback_is_signed_and_carries_its_id() {
    let server = MockServer::start().await;
    let sent = envelope("{\"test\": 2432232314}", "application/json");
    Mock::given(method("POST"))
        .and(path("/hook"))
        .and(header("webhook-id", sent.head.id.to_string().as_str()))
        .and(header("webhook-timestamp", "1795262400"))
        .and(header("content-type", "application/json"))
        .and(header("traceparent", sent.head.traceparent.as_deref().unwrap()))
        .respond_with(ResponseTemplate::new(204))
        .expect(2)
        .mount(&server)
        .await;
    let second = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let destination = build(&local(&server, "/hook"), json!({"secrets": [second]})).unwrap();
    let receipt = destination.send(&sent).await.unwrap();
    assert_eq!(receipt.reference, sent.head.id.to_string());
    destination.send(&sent).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let signatures = requests[0].headers["webhook-signature"].to_str().unwrap();
    assert_eq!(
        signatures,
        requests[1].headers["webhook-signature"].to_str().unwrap(),
        "a repeat is the same"
    );
    let signed = format!("{}.1795262400.{{\"test\": 2432232314}}", sent.head.id);
    let mut of_keys = Vec::new();
    for secret in [SECRET, second] {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD;
        let key = encoded.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
        of_keys.push(format!("v1,{}", encoded.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()))));
    }
    assert_eq!(signatures, of_keys.join(" "));
}

#[tokio::test]
async fn statuses_mean_what_the_brief_of_webhooks_says() {
    for status in [200, 202, 204, 409] {
        assert_eq!(answer(ResponseTemplate::new(status)).await, Ok(format!("http {status}")));
    }
    for status in [400, 410, 413, 422] {
        assert!(
            matches!(answer(ResponseTemplate::new(status)).await, Err(SendError::Never { .. })),
            "{status}"
        );
    }
    for (status, whole) in
        [(401, false), (403, false), (404, false), (429, true), (500, true), (502, true), (503, true)]
    {
        match answer(ResponseTemplate::new(status)).await {
            Err(SendError::Later { far_end, retry_after: None, .. }) => {
                assert_eq!(far_end, whole, "{status}")
            }
            other => panic!("{status}: {other:?}"),
        }
    }
}

/// What attempts left, and nothing else.
#[derive(Default)]
struct Left(std::sync::Mutex<Option<Vec<u8>>>);

#[async_trait::async_trait]
impl Memory for Left {
    fn left(&self) -> Option<&[u8]> {
        None
    }

    async fn remember(&self, what: &[u8]) -> Result<(), SendError> {
        *self.0.lock().unwrap() = Some(what.to_vec());
        Ok(())
    }
}

/// Whoever refuses a document by a status had it: it may have been read. Whom nobody reached, and who took it, have nothing to be remembered.
#[tokio::test]
async fn what_a_receiver_may_have_read_before_it_refused_it_is_remembered() {
    let left = async |url: &str| {
        let destination = build(url, json!({})).unwrap();
        let (progress, memory) = (Progress::default(), Left::default());
        let attempt = Attempt { progress: &progress, memory: &memory, taken_within: None };
        let _ = destination.attempt(&envelope("{}", "application/json"), attempt).await;
        memory.0.into_inner().unwrap().is_some()
    };
    for (status, read) in [
        (204, false),
        (409, false),
        (302, true),
        (400, true),
        (404, true),
        (422, true),
        (429, true),
        (503, true),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        assert_eq!(left(&local(&server, "/hook")).await, read, "{status}");
    }
    // It takes the document, and its answer does not come in time or never.
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(204).set_delay(Duration::from_secs(30));
    Mock::given(method("POST")).respond_with(slow).mount(&server).await;
    assert!(left(&local(&server, "/hook")).await, "nobody knows");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(!left(&format!("http://localhost:{}/hook", gone.port())).await, "nobody was there");
}

#[tokio::test]
async fn whoever_answers_is_there_and_whoever_is_in_trouble_is_not() {
    let around = House::new().around(Clock::set(NOW.parse().unwrap()));
    for (status, reached) in [(503, 0), (429, 0), (422, 1), (401, 2), (204, 3)] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        let settings =
            json!({ "url": local(&server, "/"), "secret": SECRET, "allow-private": ["localhost"] });
        let channel = Channel { partner: "dienst".to_owned(), settings };
        let destination = CallbackDestination::new("rueckruf", &json!({}), &channel, &around).unwrap();
        let _ = destination.send(&envelope("{}", "application/json")).await;
        assert_eq!(around.reached.times("rueckruf:dienst"), reached, "{status}");
    }
    assert_eq!(around.reached.times("rueckruf:other"), 0, "each partner is a far end of its own");
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    let wait = async |status: u16, text: &str| match answer(
        ResponseTemplate::new(status).insert_header("retry-after", text),
    )
    .await
    {
        Err(SendError::Later { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait(503, "120").await, Some(Duration::from_secs(120)));
    assert_eq!(wait(429, "Sat, 21 Nov 2026 12:01:30 GMT").await, Some(Duration::from_secs(90)));
    assert_eq!(wait(429, "Sat, 21 Nov 2026 11:00:00 GMT").await, Some(Duration::ZERO));
    assert_eq!(wait(503, "bald").await, None);
}

#[tokio::test]
async fn redirects_are_not_followed_and_long_answers_not_read() {
    let other = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).expect(0).mount(&other).await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(204)).expect(0).mount(&other).await;
    for status in [301, 302, 307, 308] {
        let response = ResponseTemplate::new(status).insert_header("location", local(&other, "/").as_str());
        assert!(matches!(answer(response).await, Err(SendError::Later { far_end: false, .. })), "{status}");
    }
    let long = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1 << 20]);
    assert_eq!(answer(long).await, Ok("http 200".to_owned()));
}

#[tokio::test]
async fn private_addresses_and_names_of_our_own_are_refused() {
    let refused =
        ["https://localhost/hook", "https://127.0.0.1/", "https://169.254.169.254/", "https://[::1]/"];
    for url in refused {
        assert!(build(url, json!({"allow-private": []})).is_err(), "{url}");
    }
    assert!(build("https://localhost/hook", json!({})).is_ok(), "allowed by name");
}

#[tokio::test]
async fn what_does_not_come_through_is_tried_later() {
    let slow = ResponseTemplate::new(204).set_delay(Duration::from_secs(5));
    assert!(matches!(answer(slow).await, Err(SendError::Later { far_end: true, .. })));
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let nobody = build(&format!("http://localhost:{port}/"), json!({})).unwrap();
    let sent = envelope("{}", "application/json");
    assert!(matches!(nobody.send(&sent).await, Err(SendError::Later { far_end: true, .. })));
    assert!(nobody.repeat_is_safe());
    assert!(nobody.find_by_reference(&sent).await.is_err());
    let destination: Arc<dyn Destination> = Arc::new(nobody);
    assert_eq!(destination.width(), 8);
}
