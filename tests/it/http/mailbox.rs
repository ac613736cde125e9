//! The mailbox over HTTP as its reader sees it: letters with parts in bounded memory, how they are ended, and what is told to whom.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use drehscheibe::envelope::{Claim, Part};
use drehscheibe::mime::media::Parameterised;
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::mailbox::{End, Reason};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::transport_support::{House, HttpDoor, RECEIPT, envelope, http_door, problem};

fn base64_of(octets: &[u8]) -> String {
    use base64::Engine;
    let sha256 = hex::decode(sha256_hex(octets)).unwrap();
    format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(sha256))
}

/// A door with one letter of `ja-nord`, whose parts are these.
async fn door(parts: &[(&str, Vec<u8>)]) -> (HttpDoor, Uuid) {
    let house = House::new();
    let mut letter = envelope("<quittung/>", "application/xml");
    letter.head.label =
        Some(drehscheibe::envelope::Label { message: "xfamilie.0011".to_owned(), test: true });
    for (name, octets) in parts {
        let path = house.spooled.path().join(Uuid::new_v4().to_string());
        std::fs::write(&path, octets).unwrap();
        letter.parts.push(Part {
            name: (*name).to_owned(),
            content_type: "application/pdf".to_owned(),
            size: octets.len() as u64,
            sha256: sha256_hex(octets),
            claim: Claim { name: path.to_string_lossy().into_owned(), ..Claim::default() },
            mandant: String::new(),
            small: None,
        });
    }
    let id = letter.head.id;
    *house.letter.lock().unwrap() = Some(("ja-nord".to_owned(), letter));
    (http_door(house, json!({})).await, id)
}

fn as_partner(
    door: &HttpDoor,
    method: reqwest::Method,
    path: &str,
    partner: &str,
) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.request(method, door.url(path)).bearer_auth(format!("geheim-{partner}"))
}

fn get(door: &HttpDoor, path: &str) -> reqwest::RequestBuilder {
    as_partner(door, reqwest::Method::GET, path, "ja-nord")
}

fn post(door: &HttpDoor, path: &str) -> reqwest::RequestBuilder {
    as_partner(door, reqwest::Method::POST, path, "ja-nord")
}

async fn read(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_letter_is_listed_fetched_and_ended() {
    let (door, id) = door(&[]).await;
    let listed = read(get(&door, "/v1/postfach").send().await.unwrap()).await;
    let item = &listed["nachrichten"][0];
    assert_eq!((item["id"].as_str(), item["stand"].as_str()), (Some(&*id.to_string()), Some("bereit")));
    assert_eq!((&item["test"], &item["nachricht"]), (&json!(true), &json!("xfamilie.0011")));
    assert_eq!(listed["weiter"], Value::Null);
    let fetched = post(&door, &format!("/v1/postfach/{id}/abholung")).send().await.unwrap();
    assert_eq!(fetched.status(), 200);
    let headers = fetched.headers().clone();
    for (name, value) in [
        ("content-type", "application/xml"),
        ("content-length", "11"),
        ("content-digest", &*base64_of(b"<quittung/>")),
        ("abholung", RECEIPT),
        ("abholung-bis", "2026-11-21T12:05:00Z"),
        ("nachricht", "xfamilie.0011"),
        ("test", "true"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(fetched.text().await.unwrap(), "<quittung/>");
    for (path, stand, end) in [
        ("empfang", "empfangen", End::Taken),
        ("rueckgabe", "bereit", End::GivenBack),
        ("nicht-verarbeitbar", "zurueckgestellt", End::Refused(Reason::Other)),
        (
            "nicht-verarbeitbar?grund=falscher-empfaenger",
            "zurueckgestellt",
            End::Refused(Reason::Misaddressed),
        ),
    ] {
        let ended = post(&door, &format!("/v1/postfach/{id}/{path}")).header("abholung", RECEIPT);
        let ended = read(ended.send().await.unwrap()).await;
        assert_eq!(ended, json!({"id": id, "stand": stand}));
        assert_eq!(door.house.done.lock().unwrap().pop(), Some((id, RECEIPT.to_owned(), end)));
    }
    let stale = post(&door, &format!("/v1/postfach/{id}/empfang")).header("abholung", "1-0-a");
    let stale = problem(stale.send().await.unwrap(), 409).await;
    assert_eq!(stale["type"], "urn:drehscheibe:problem:abholung-abgelaufen");
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_and_what_is_anothers_look_alike_and_strangers_see_nothing() {
    let (door, id) = door(&[]).await;
    let told = |mut document: Value| {
        document["instance"] = Value::Null;
        document
    };
    let missing =
        problem(post(&door, &format!("/v1/postfach/{}/abholung", Uuid::new_v4())).send().await.unwrap(), 404);
    let missing = told(missing.await);
    let foreign =
        |path: &str| as_partner(&door, reqwest::Method::POST, path, "ja-sued").header("abholung", "x");
    let fetched = foreign(&format!("/v1/postfach/{id}/abholung")).send().await.unwrap();
    assert_eq!(told(problem(fetched, 404).await), missing);
    let nobodys = as_partner(&door, reqwest::Method::GET, "/v1/postfach", "ja-sued").send().await.unwrap();
    assert_eq!(told(problem(nobodys, 404).await), missing, "it has no mailbox");
    for path in ["/v1/postfach", &format!("/v1/postfach/{id}/abholung")] {
        let method = if path.ends_with("postfach") { reqwest::Method::GET } else { reqwest::Method::POST };
        problem(as_partner(&door, method, path, "niemand").send().await.unwrap(), 401).await;
    }
    for (request, status) in [
        (post(&door, "/v1/postfach"), 405),
        (get(&door, &format!("/v1/postfach/{id}/abholung")), 405),
        (get(&door, "/v1/postfach?limit=0"), 400),
        (get(&door, "/v1/postfach?name=Muster"), 400),
        (post(&door, &format!("/v1/postfach/{id}/empfang")), 400),
        (
            post(&door, &format!("/v1/postfach/{id}/nicht-verarbeitbar?grund=frei"))
                .header("abholung", RECEIPT),
            400,
        ),
        (post(&door, &format!("/v1/postfach/{id}/sonst")), 404),
    ] {
        problem(request.send().await.unwrap(), status).await;
    }
    assert!(door.house.done.lock().unwrap().is_empty());
    // Where nobody has a mailbox there is no such path.
    *door.house.letter.lock().unwrap() = None;
    problem(get(&door, "/v1/postfach").send().await.unwrap(), 404).await;
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_parts_stream_and_one_that_is_lost_is_never_taken_for_whole() {
    let large: Vec<u8> = (0..8u32 << 20).map(|n| (n % 251) as u8).collect();
    let (door, id) = door(&[("Gross \"1\".pdf", large.clone()), ("leer.pdf", Vec::new())]).await;
    let fetched = post(&door, &format!("/v1/postfach/{id}/abholung")).send().await.unwrap();
    let content_type = fetched.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(!fetched.headers().contains_key("content-length"));
    let boundary = Parameterised::parse(&content_type).unwrap().get("boundary").unwrap().to_owned();
    let body = fetched.bytes().await.unwrap();
    let parts = split(&body, &boundary);
    let contents: Vec<&[u8]> = parts.iter().map(|(_, content)| *content).collect();
    assert_eq!(contents, [&b"<quittung/>"[..], &large[..], &b""[..]]);
    for (head, content) in &parts {
        assert!(head.contains(&format!("Content-Digest: {}", base64_of(content))), "{head}");
    }
    assert!(parts[0].0.contains("name=\"document\"") && parts[0].0.contains("Content-Type: application/xml"));
    assert!(parts[1].0.contains(r#"name="Gross \"1\".pdf""#), "{}", parts[1].0);
    // What is lost breaks the answer off, and a person is told.
    let lost = door.house.letter.lock().unwrap().as_ref().unwrap().1.parts[1].claim.name.clone();
    std::fs::remove_file(lost).unwrap();
    let broken = post(&door, &format!("/v1/postfach/{id}/abholung")).send().await.unwrap();
    assert!(broken.bytes().await.is_err());
    assert_eq!(*door.house.done.lock().unwrap(), [(id, RECEIPT.to_owned(), End::Broken)]);
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_sender_called_a_part_and_its_type_it_can_be_fetched() {
    let long = format!("application/xml; x={}", "y".repeat(300));
    for (content_type, shown) in [
        ("application/pdf;\tx=y", "application/pdf"),
        ("application/pdf; x=\r\nEvil: 1", "application/pdf"),
        (&*long, "application/xml"),
        ("text/plain; x=\u{fc}", "text/plain"),
        ("\u{7}", "application/octet-stream"),
        ("application/pdf; x=y", "application/pdf; x=y"),
    ] {
        let (door, id) = door(&[("a\tb\r\n\"c\".pdf", b"%PDF".to_vec())]).await;
        {
            let mut letter = door.house.letter.lock().unwrap();
            let letter = &mut letter.as_mut().unwrap().1;
            letter.head.content_type = Some(long.clone());
            letter.parts[0].content_type = content_type.to_owned();
        }
        let fetched = post(&door, &format!("/v1/postfach/{id}/abholung")).send().await.unwrap();
        let named = fetched.headers()["content-type"].to_str().unwrap().to_owned();
        let boundary = Parameterised::parse(&named).unwrap().get("boundary").unwrap().to_owned();
        let body = fetched.bytes().await.unwrap_or_else(|_| panic!("broken off: {content_type:?}"));
        let parts = split(&body, &boundary);
        assert_eq!(parts[1].1, b"%PDF");
        let (document, part) = (&parts[0].0, &parts[1].0);
        assert!(document.contains("Content-Type: application/xml\r\n"), "{document}");
        assert!(part.contains(&format!("Content-Type: {shown}\r\n")), "{part}");
        assert!(part.contains(r#"name="a b  \"c\".pdf""#), "{part}");
        door.running.end().await.unwrap();
    }
}

/// Heads and contents of a multipart body.
fn split<'a>(body: &'a Bytes, boundary: &str) -> Vec<(String, &'a [u8])> {
    let delimiter = format!("--{boundary}");
    let at = |from: usize, what: &[u8]| {
        body[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let (mut parts, mut place) = (Vec::new(), 0);
    while let Some(begin) = at(place, delimiter.as_bytes()) {
        let head = begin + delimiter.len();
        if body[head..].starts_with(b"--") {
            break;
        }
        let content = at(head, b"\r\n\r\n").unwrap();
        place = at(content + 2, format!("\r\n{delimiter}").as_bytes()).unwrap();
        let text = String::from_utf8(body[head..content].to_vec()).unwrap();
        parts.push((text, body.get(content + 4..place).unwrap_or_default()));
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_nothing_is_answered_at_once_and_none_waits_past_the_end() {
    let (door, _) = door(&[]).await;
    let began = Instant::now();
    let there = get(&door, "/v1/postfach").header("prefer", "wait=20").send().await.unwrap();
    assert_eq!(there.headers()["preference-applied"], "wait=20");
    assert!(began.elapsed() < Duration::from_secs(5), "there is something");
    // What can be had lies beside the page that is asked for.
    door.house.behind.store(true, Ordering::SeqCst);
    door.house.elsewhere.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let beside = get(&door, "/v1/postfach?limit=1").header("prefer", "wait=20").send().await.unwrap();
    assert_eq!(read(beside).await["nachrichten"][0]["stand"], "wartet");
    assert!(began.elapsed() < Duration::from_secs(5), "there is something on another page");
    // All of it is on this one.
    let began = Instant::now();
    get(&door, "/v1/postfach").header("prefer", "wait=2").send().await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(2), "nothing of it can be had");
    door.running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reader_that_asks_without_end_keeps_no_other_from_asking() {
    let (door, _) = door(&[]).await;
    *door.house.unanswered.lock().unwrap() = Some("ja-nord".to_owned());
    let asking: Vec<_> = (0..20)
        .map(|_| tokio::spawn(get(&door, "/v1/postfach").timeout(Duration::from_secs(9)).send()))
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let other = as_partner(&door, reqwest::Method::GET, "/v1/postfach", "ja-sued").send().await.unwrap();
    assert_eq!(other.status(), 404, "it has no mailbox");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    asking.into_iter().for_each(|one| one.abort());
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn the_description_names_the_mailbox_where_there_is_one() {
    let (door, _) = door(&[]).await;
    let described = async || read(reqwest::get(door.url("/openapi.json")).await.unwrap()).await;
    let with = described().await;
    let paths: Vec<&String> = with["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.iter().filter(|path| path.starts_with("/v1/postfach")).count(), 5);
    let ids: Vec<&Value> = with["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| &operation["operationId"])
        .collect();
    assert!(ids.iter().all(|id| id.is_string()), "{ids:?}");
    assert!(with["components"]["schemas"]["Postfach"].is_object());
    *door.house.letter.lock().unwrap() = None;
    let without = described().await;
    assert!(without["paths"].as_object().unwrap().keys().all(|path| !path.starts_with("/v1/postfach")));
    door.running.end().await.unwrap();
}
