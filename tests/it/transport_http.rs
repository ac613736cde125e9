//! The HTTP door over real sockets: every answer it can give, keys, shares, slow clients, its end, its description.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::envelope::{How, Inbound, Stand, Verdict};
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::{Admission, Standing};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::transport_support::{House, HttpDoor, busy, http_door, http_door_with, problem, reply, verdict};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn plain() -> HttpDoor {
    http_door(House::new(), json!({})).await
}

#[tokio::test]
async fn a_delivery_becomes_an_envelope_and_its_reply_the_answer() {
    let door = plain().await;
    let done = Verdict { stand: Stand::Abgeschlossen, ..verdict(Inbound::Accepted) };
    door.house.then(Ok(Verdict { reply: reply("<quittung/>"), ..done }));
    let response = door.post().header("traceparent", TRACE).body("<lieferung/>").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/xml");
    assert_eq!(response.headers()["location"], format!("/v1/nachrichten/{}", Uuid::from_u128(7)));
    assert_eq!(response.headers()["stand"], "abgeschlossen");
    assert!(!response.headers().contains_key("idempotent-replayed"));
    assert_eq!(response.text().await.unwrap(), "<quittung/>");
    let delivered = door.house.delivered();
    let (head, evidence) = (&delivered[0].head, &delivered[0].evidence);
    let hash = sha256_hex(b"<lieferung/>");
    assert_eq!(&delivered[0].body[..], b"<lieferung/>");
    assert_eq!((head.connection.as_str(), head.binding.as_str()), ("tuer", "http /v1/lieferungen"));
    assert_eq!(head.transport_id, format!("ja-nord:{hash}"));
    assert_eq!(head.traceparent.as_deref(), Some(TRACE));
    assert_eq!(head.content_type.as_deref(), Some("application/xml"));
    assert_eq!(head.received, door.clock.now());
    assert_eq!(head.return_address, None);
    let partner = head.partner.as_ref().unwrap();
    assert_eq!((partner.id.as_str(), partner.how), ("ja-nord", How::Bearer));
    assert_eq!(
        (evidence.octets_sha256.as_str(), evidence.size, evidence.verification.as_str()),
        (hash.as_str(), 12, "bearer")
    );
    assert!(evidence.peer.as_ref().unwrap().starts_with("127.0.0.1:"));
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn every_verdict_has_its_status() {
    let door = plain().await;
    let send = async |verdict: Verdict| {
        door.house.then(Ok(verdict));
        door.post().body("<a/>").send().await.unwrap()
    };
    // What is told is the verdict's word, whatever its state is.
    for (state, stand) in [
        (Inbound::Accepted, Stand::InBearbeitung),
        (Inbound::Accepted, Stand::AnmeldungErneuern),
        (Inbound::Waiting, Stand::Abgeschlossen),
        (Inbound::Parked, Stand::InBearbeitung),
        (Inbound::Quarantined, Stand::InBearbeitung),
    ] {
        let response = send(Verdict { stand, ..verdict(state) }).await;
        assert_eq!(response.status(), 202, "{state:?}");
        assert_eq!(response.headers()["stand"], stand.as_str());
        assert!(response.headers().contains_key("location"));
        let document: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(document, json!({"id": Uuid::from_u128(7), "stand": stand.as_str()}));
    }
    let done = Verdict { stand: Stand::Abgeschlossen, ..verdict(Inbound::Rejected) };
    let refused = send(Verdict { reply: reply("<nein/>"), ..done }).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(refused.headers()["stand"], "abgeschlossen");
    assert_eq!(refused.text().await.unwrap(), "<nein/>");
    let conflict = Verdict { conflict: true, ..verdict(Inbound::Quarantined) };
    let with_reply = send(Verdict { reply: reply("<nein/>"), ..conflict.clone() }).await;
    assert_eq!(
        (with_reply.status().as_u16(), with_reply.headers()["content-type"].to_str().unwrap()),
        (422, "application/xml")
    );
    assert_eq!(problem(send(conflict).await, 422).await["type"], "urn:drehscheibe:problem:anderer-inhalt");
    let codes = Verdict { codes: vec!["X001".into()], ..verdict(Inbound::Rejected) };
    assert_eq!(problem(send(codes).await, 422).await["codes"], json!(["X001"]));
    let denied = send(Verdict { reply: reply("<x/>"), ..verdict(Inbound::Denied) }).await;
    problem(denied, 403).await;
    let again = send(Verdict { again: true, ..verdict(Inbound::Accepted) }).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    door.house.then(Err(busy(Duration::from_millis(2500))));
    let busy = door.post().body("<a/>").send().await.unwrap();
    assert_eq!(busy.headers()["retry-after"], "3");
    assert!(!busy.headers().contains_key("location"));
    problem(busy, 503).await;
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn who_is_not_admitted_gets_nothing() {
    let door = plain().await;
    let client = reqwest::Client::new();
    let to = door.url("/v1/lieferungen");
    let request = || client.post(&to).header("content-type", "application/xml").body("<a/>");
    let nobody = request().send().await.unwrap();
    assert!(nobody.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    problem(nobody, 401).await;
    problem(request().bearer_auth("falsch").send().await.unwrap(), 401).await;
    problem(request().basic_auth("ja-nord", Some("geheim-ja-nord")).send().await.unwrap(), 401).await;
    problem(request().bearer_auth("geheim-fremd").send().await.unwrap(), 403).await;
    problem(client.get(door.url("/v1/nachrichten/x")).send().await.unwrap(), 401).await;
    // Four came with a document: of three noted with hash, size and time, nothing of the content.
    let noted = door.house.delivered();
    assert_eq!(noted.len(), 4);
    // Who is known and not admitted here is heard: the house looks at what it says.
    assert_eq!(&noted[3].body[..], b"<a/>");
    for envelope in &noted[..3] {
        assert!(envelope.body.is_empty() && envelope.parts.is_empty());
        assert_eq!(envelope.head.content_type, None);
        assert_eq!(envelope.head.transport_id, envelope.head.id.to_string());
        assert_eq!(envelope.evidence.size, 4);
        assert_eq!(envelope.evidence.octets_sha256, drehscheibe::transport::ids::sha256_hex(b"<a/>"),);
    }
    let partners: Vec<_> = noted.iter().map(|envelope| envelope.head.partner.clone()).collect();
    assert!(partners[..3].iter().all(Option::is_none), "{partners:?}");
    assert_eq!(partners[3].as_ref().unwrap().id, "fremd");
    // A swapped set counts at the next request: nobody is admitted any more.
    assert_eq!(request().bearer_auth("geheim-ja-nord").send().await.unwrap().status(), 202);
    *door.house.admission.lock().unwrap() = Arc::new(Admission::default());
    problem(request().bearer_auth("geheim-ja-nord").send().await.unwrap(), 401).await;
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn a_flood_of_strangers_is_noted_in_part_and_always_turned_away() {
    let door = plain().await;
    let client = reqwest::Client::new();
    let began = std::time::Instant::now();
    for _ in 0..60 {
        let turned = client.post(door.url("/v1/lieferungen")).header("content-type", "application/xml");
        problem(turned.body("<a/>").send().await.unwrap(), 401).await;
    }
    let seconds = began.elapsed().as_secs() as usize + 1;
    let noted = door.house.delivered().len();
    assert!((5..=5 * (seconds + 1)).contains(&noted) && noted < 60, "{noted} in {seconds} s");
    // However long it lasts, one address has no more than a share of an hour.
    assert!(noted <= 20, "{noted}");
    door.running.end().await.unwrap();
    let door = plain().await;
    // Too long a document is turned away as well; there is no hash of a half.
    let large = client.post(door.url("/v1/lieferungen")).body(vec![b' '; (64 << 10) + 1]);
    problem(large.send().await.unwrap(), 401).await;
    let delivered = door.house.delivered();
    let last = delivered.last().unwrap();
    assert!(last.evidence.octets_sha256.is_empty() && last.evidence.size > 0 && last.body.is_empty());
    // Our trouble changes nothing about the answer.
    door.house.then(Err(busy(std::time::Duration::from_secs(1))));
    problem(client.post(door.url("/v1/lieferungen")).body("<a/>").send().await.unwrap(), 401).await;
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn paths_and_methods_follow_the_running_routes() {
    let door = plain().await;
    let client = reqwest::Client::new();
    problem(client.post(door.url("/v1/anders")).bearer_auth("geheim-ja-nord").send().await.unwrap(), 404)
        .await;
    let get = client.get(door.url("/v1/lieferungen")).bearer_auth("geheim-ja-nord").send().await.unwrap();
    assert_eq!(get.headers()["allow"], "POST");
    problem(get, 405).await;
    let put = client.put(door.url("/v1/nachrichten/1")).bearer_auth("geheim-ja-nord").send().await.unwrap();
    assert_eq!(put.headers()["allow"], "GET, HEAD");
    problem(put, 405).await;
    let mut paths = (**door.house.http.lock().unwrap()).clone();
    paths[0].path = "/v1/anders".to_owned();
    *door.house.http.lock().unwrap() = Arc::new(paths);
    problem(door.post().body("<a/>").send().await.unwrap(), 404).await;
    let moved = client.post(door.url("/v1/anders")).bearer_auth("geheim-ja-nord");
    assert_eq!(moved.header("content-type", "text/xml").body("<a/>").send().await.unwrap().status(), 202);
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn a_partner_sees_the_stand_of_its_own_message_only() {
    let door = plain().await;
    let id = Uuid::from_u128(9);
    let standing = Standing { id, stand: Stand::InBearbeitung };
    *door.house.standing.lock().unwrap() = Some(("ja-nord".to_owned(), standing));
    let client = reqwest::Client::new();
    let get = async |id: &str, token: &str| {
        client.get(door.url(&format!("/v1/nachrichten/{id}"))).bearer_auth(token).send().await.unwrap()
    };
    let own = get(&id.to_string(), "geheim-ja-nord").await;
    assert_eq!(own.status(), 200);
    assert_eq!(own.text().await.unwrap(), format!("{{\"id\":\"{id}\",\"stand\":\"in-bearbeitung\"}}"));
    problem(get(&id.to_string(), "geheim-ja-sued").await, 404).await;
    problem(get(&Uuid::from_u128(8).to_string(), "geheim-ja-nord").await, 404).await;
    problem(get("../geheim", "geheim-ja-nord").await, 404).await;
    problem(get("kein-uuid", "geheim-ja-nord").await, 404).await;
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn bodies_that_cannot_be_taken_are_refused() {
    let door = plain().await;
    let with = |content_type: &str| {
        let client = reqwest::Client::new();
        let post = client.post(door.url("/v1/lieferungen")).bearer_auth("geheim-ja-nord");
        if content_type.is_empty() { post } else { post.header("content-type", content_type) }
    };
    for bad in ["", "text/plain", "application/octet-stream", "multipart/alternative; boundary=a"] {
        problem(with(bad).body("<a/>").send().await.unwrap(), 415).await;
    }
    problem(door.post().header("content-encoding", "gzip").body("<a/>").send().await.unwrap(), 415).await;
    problem(with("multipart/mixed").body("<a/>").send().await.unwrap(), 400).await;
    problem(door.post().body("").send().await.unwrap(), 400).await;
    for bad in ["a b", "\"", &"k".repeat(256)] {
        problem(door.post().header("idempotency-key", bad).body("<a/>").send().await.unwrap(), 400).await;
    }
    let most = 64 << 10;
    problem(door.post().body(vec![b' '; most + 1]).send().await.unwrap(), 413).await;
    // Without a length the bound holds as well.
    let pieces =
        futures_util::stream::iter((0..most / 1024 + 1).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
    problem(door.post().body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap(), 413).await;
    assert!(door.house.delivered().is_empty());
    assert_eq!(door.post().body(vec![b' '; most]).send().await.unwrap().status(), 202);
    for good in ["text/xml; charset=utf-8", "Application/JSON", "application/xml"] {
        assert_eq!(with(good).body("{}").send().await.unwrap().status(), 202);
    }
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn keys_are_the_transport_id_and_belong_to_their_partner() {
    let door = plain().await;
    let hold = door.house.hold();
    let first = tokio::spawn(door.post().header("idempotency-key", "\"schluessel-1\"").body("<a/>").send());
    door.house.wait_for(1).await;
    let same = door.post().header("idempotency-key", "schluessel-1").body("<a/>").send().await.unwrap();
    assert!(same.headers().contains_key("retry-after"));
    problem(same, 409).await;
    *door.house.hold.lock().unwrap() = None;
    let sued = reqwest::Client::new().post(door.url("/v1/lieferungen")).bearer_auth("geheim-ja-sued");
    let sued = sued.header("content-type", "text/xml").header("idempotency-key", "schluessel-1").body("<a/>");
    assert_eq!(sued.send().await.unwrap().status(), 202);
    hold.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 202);
    assert_eq!(
        door.post().header("idempotency-key", "schluessel-1").body("<a/>").send().await.unwrap().status(),
        202
    );
    let ids: Vec<String> =
        door.house.delivered().into_iter().map(|envelope| envelope.head.transport_id).collect();
    assert_eq!(ids, ["ja-nord:schluessel-1", "ja-sued:schluessel-1", "ja-nord:schluessel-1"]);
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn shares_bound_what_is_under_way() {
    let door = http_door(House::new(), json!({"max-in-flight": 2, "per-partner": 1})).await;
    let hold = door.house.hold();
    let nord = tokio::spawn(door.post().body("<a/>").send());
    door.house.wait_for(1).await;
    let second = door.post().body("<b/>").send().await.unwrap();
    assert_eq!(second.headers()["retry-after"], "1");
    problem(second, 429).await;
    let post = |token: &str| {
        let client = reqwest::Client::new().post(door.url("/v1/lieferungen")).bearer_auth(token);
        client.header("content-type", "text/xml").body("<c/>").send()
    };
    let sued = tokio::spawn(post("geheim-ja-sued"));
    door.house.wait_for(2).await;
    let mut paths = (**door.house.http.lock().unwrap()).clone();
    paths[0].partners.push("fremd".to_owned());
    *door.house.http.lock().unwrap() = Arc::new(paths);
    problem(post("geheim-fremd").await.unwrap(), 503).await;
    *door.house.hold.lock().unwrap() = None;
    hold.notify_waiters();
    assert_eq!(nord.await.unwrap().unwrap().status(), 202);
    assert_eq!(sued.await.unwrap().unwrap().status(), 202);
    assert_eq!(post("geheim-fremd").await.unwrap().status(), 202);
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn a_question_of_a_partner_counts_in_its_share_and_ends_with_the_listener() {
    let door = http_door(House::new(), json!({"max-in-flight": 8, "per-partner": 6})).await;
    let hold = door.house.hold();
    let ask = |token: &'static str| {
        let asked = reqwest::Client::new().get(door.url(&format!("/v1/nachrichten/{}", Uuid::from_u128(7))));
        tokio::spawn(asked.bearer_auth(token).send())
    };
    let asked: Vec<_> = (0..6).map(|_| ask("geheim-ja-nord")).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    problem(ask("geheim-ja-nord").await.unwrap().unwrap(), 429).await;
    problem(door.post().body("<a/>").send().await.unwrap(), 429).await;
    // Nobody else's share is touched: of four turns at the store three are the first one's, and the fourth is for another.
    let other = ask("geheim-ja-sued");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!other.is_finished());
    door.running.stop.cancel();
    let mut busy = 0;
    for _ in 0..3_000 {
        busy = asked.iter().filter(|one| one.is_finished()).count();
        if busy == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(busy == 3 && !other.is_finished(), "who waits for its turn is told that there is none: {busy}");
    *door.house.hold.lock().unwrap() = None;
    hold.notify_waiters();
    let mut said = Vec::new();
    for one in asked {
        said.push(one.await.unwrap().unwrap().status().as_u16());
    }
    said.sort_unstable();
    assert_eq!(said, [404, 404, 404, 503, 503, 503], "what was begun is finished");
    problem(other.await.unwrap().unwrap(), 404).await;
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn slow_clients_are_sent_away() {
    let door = http_door(House::new(), json!({"read-timeout": "300ms"})).await;
    let talk = async |first: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "the connection stays open");
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert_eq!(talk("").await, "");
    assert_eq!(talk("PRI * HTTP/2.0").await, "");
    talk("POST /v1/lieferungen HTTP/1.1\r\nHost: a\r\nX: ").await;
    let head = "POST /v1/lieferungen HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\
                Connection: close\r\nAuthorization: Bearer geheim-ja-nord\r\n\r\n<a";
    let answer = talk(head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // One octet after the other, each in time, but never enough.
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(4), reading.read_to_end(&mut answer)).await;
    assert!(ended.is_ok());
    assert!(answer.starts_with(b"HTTP/1.1 408 "));
    drip.abort();
    assert!(door.house.delivered().is_empty());
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn begun_requests_are_finished_when_it_ends_and_no_new_ones_taken() {
    let door = plain().await;
    let hold = door.house.hold();
    let url = door.url("/v1/lieferungen");
    let begun = tokio::spawn(door.post().body("<a/>").send());
    door.house.wait_for(1).await;
    let house = door.house.clone();
    let end = tokio::spawn(door.running.end());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!end.is_finished());
    assert!(reqwest::Client::new().post(&url).send().await.is_err());
    *house.hold.lock().unwrap() = None;
    hold.notify_one();
    assert_eq!(begun.await.unwrap().unwrap().status(), 202);
    end.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_delivery_is_finished_when_its_client_goes_away() {
    let door = plain().await;
    let hold = door.house.hold();
    let begun = tokio::spawn(door.post().header("idempotency-key", "k").body("<a/>").send());
    door.house.wait_for(1).await;
    begun.abort();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Still under way: the key is not free.
    problem(door.post().header("idempotency-key", "k").body("<a/>").send().await.unwrap(), 409).await;
    *door.house.hold.lock().unwrap() = None;
    hold.notify_one();
    door.house.then(Ok(verdict(Inbound::Accepted)));
    for _ in 0..6_000 {
        let again = door.post().header("idempotency-key", "k").body("<a/>").send().await.unwrap();
        if again.status() == 202 {
            return door.running.end().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the key never came free");
}

#[tokio::test]
async fn further_paths_are_served_only_when_the_settings_say_so() {
    let extra = || axum::Router::new().route("/health/live", axum::routing::get(|| async { "ok" }));
    let door = http_door_with(House::new(), json!({"ops": true}), extra()).await;
    assert_eq!(reqwest::get(door.url("/health/live")).await.unwrap().text().await.unwrap(), "ok");
    assert_eq!(door.post().body("<a/>").send().await.unwrap().status(), 202);
    door.running.end().await.unwrap();
    let door = http_door_with(House::new(), json!({}), extra()).await;
    problem(reqwest::get(door.url("/health/live")).await.unwrap(), 404).await;
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn the_description_is_openapi_and_holds_together() {
    let door = plain().await;
    let mut paths = (**door.house.http.lock().unwrap()).clone();
    let mut second = paths[0].clone();
    second.path = "/v1/antraege".to_owned();
    second.route = "auskunft".to_owned();
    paths.push(second);
    *door.house.http.lock().unwrap() = Arc::new(paths);
    let response = reqwest::get(door.url("/openapi.json")).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let document: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let found: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, BTreeSet::from(["/v1/antraege", "/v1/lieferungen", "/v1/nachrichten/{id}"]));
    let post = &document["paths"]["/v1/lieferungen"]["post"];
    assert_eq!(post["summary"], "Jugendämter liefern.");
    assert_eq!(post["requestBody"]["content"].as_object().unwrap().len(), 6);
    let statuses: Vec<&str> = post["responses"].as_object().unwrap().keys().map(String::as_str).collect();
    for status in ["200", "202", "400", "401", "403", "404", "405", "409", "413", "415", "422", "429", "503"]
    {
        assert!(statuses.contains(&status), "{status}");
    }
    let mut ids = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "ids differ");
        }
    }
    let mut references = 0;
    check_references(&document, &document, &mut references);
    assert!(references > 20);
    for requirement in document["security"].as_array().unwrap() {
        for name in requirement.as_object().unwrap().keys() {
            assert!(document["components"]["securitySchemes"].get(name).is_some(), "{name}");
        }
    }
    assert!(!document.to_string().contains("ja-nord"), "partners are not told");
    door.running.end().await.unwrap();
}

fn check_references(root: &Value, value: &Value, references: &mut usize) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                *references += 1;
                assert!(root.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
            }
            object.values().for_each(|inner| check_references(root, inner, references));
        }
        Value::Array(items) => items.iter().for_each(|inner| check_references(root, inner, references)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_wait_for_the_answer_gets_it_by_message_where_there_is_a_way() {
    let house = House::new();
    for _ in 0..3 {
        house.then(Ok(Verdict { reply: reply("<quittung/>"), ..verdict(Inbound::Accepted) }));
    }
    let door = http_door(house, json!({})).await;
    let post = || door.post().header("prefer", "wait=1, respond-async");
    let answered = post().body("<a/>").send().await.unwrap();
    assert_eq!(answered.status(), 202);
    assert_eq!(answered.headers()["preference-applied"], "respond-async");
    assert!(!answered.text().await.unwrap().contains("quittung"));
    // Nobody could give it to this partner in another way.
    let other = reqwest::Client::builder().no_proxy().build().unwrap().post(door.url("/v1/lieferungen"));
    let other = other.bearer_auth("geheim-ja-sued").header("content-type", "application/xml");
    let kept = other.header("prefer", "respond-async").body("<b/>").send().await.unwrap();
    let waits = door.post().body("<c/>").send().await.unwrap();
    for answered in [kept, waits] {
        assert!(!answered.headers().contains_key("preference-applied"));
        assert_eq!(answered.status(), 200);
        assert_eq!(answered.text().await.unwrap(), "<quittung/>");
    }
    let in_band: Vec<bool> = door.house.delivered().iter().map(|envelope| envelope.head.in_band).collect();
    assert_eq!(in_band, [false, true, true]);
    door.running.end().await.unwrap();
}
