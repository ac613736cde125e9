//! Bodies of several parts over a real socket: which part is the document, bounds, and that parts pass through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use drehscheibe::envelope::Envelope;
use drehscheibe::transport::ids::sha256_hex;
use serde_json::json;

use crate::transport_support::{House, HttpDoor, http_door, problem};

/// A part: its headers without line ends, and its content.
type Written<'a> = (&'a [&'a str], &'a [u8]);

fn body(parts: &[Written<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, content) in parts {
        body.extend_from_slice(b"--grenze\r\n");
        for header in *headers {
            body.extend_from_slice(header.as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--grenze--\r\n");
    body
}

async fn send(door: &HttpDoor, content_type: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
    let client = reqwest::Client::new().post(door.url("/v1/lieferungen")).bearer_auth("geheim-ja-nord");
    client.header("content-type", content_type).body(body).send().await.unwrap()
}

fn shown(envelope: &Envelope) -> (String, Vec<(String, Vec<u8>)>) {
    let parts =
        envelope.parts.iter().map(|part| (part.name.clone(), std::fs::read(&part.claim.name).unwrap()));
    (String::from_utf8_lossy(&envelope.body).into_owned(), parts.collect())
}

const FORM: &str = "multipart/form-data; boundary=grenze";
const DOCUMENT: &str = "Content-Disposition: form-data; name=\"document\"";
const OTHER: &str = "Content-Disposition: form-data; name=\"anmeldung\"";
const XML: &str = "Content-Type: application/xml";
const JSON: &str = "Content-Type: application/json";
const PDF: &str = "Content-Type: application/pdf";

#[tokio::test]
async fn the_document_is_the_first_part_or_the_one_of_that_name() {
    let door = http_door(House::new(), json!({})).await;
    let parts = |parts: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
        parts.iter().map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec())).collect()
    };
    let whole = body(&[(&[DOCUMENT, XML], b"<a/>"), (&[OTHER, JSON], b"{}"), (&[PDF], b"%PDF")]);
    assert_eq!(send(&door, FORM, whole.clone()).await.status(), 202);
    let last = door.house.delivered().pop().unwrap();
    assert_eq!(shown(&last), ("<a/>".to_owned(), parts(&[("anmeldung", "{}"), ("teil-3", "%PDF")])));
    assert_eq!(last.head.content_type.as_deref(), Some("application/xml"));
    assert_eq!(last.parts[1].content_type, "application/pdf");
    assert_eq!((last.evidence.octets_sha256, last.evidence.size), (sha256_hex(&whole), whole.len() as u64));

    let later = body(&[(&[OTHER, JSON], b"{}"), (&[DOCUMENT, XML], b"<b/>"), (&[PDF], b"%PDF")]);
    assert_eq!(send(&door, FORM, later).await.status(), 202);
    let last = door.house.delivered().pop().unwrap();
    assert_eq!(shown(&last), ("<b/>".to_owned(), parts(&[("anmeldung", "{}"), ("teil-3", "%PDF")])));

    let mixed = body(&[(&[JSON], b"{\"c\":1}"), (&["Content-ID: <x@y>", PDF], b"%PDF")]);
    assert_eq!(send(&door, "multipart/mixed; boundary=grenze", mixed).await.status(), 202);
    let last = door.house.delivered().pop().unwrap();
    assert_eq!(shown(&last), ("{\"c\":1}".to_owned(), parts(&[("x@y", "%PDF")])));

    let related = body(&[(&["Content-ID: <1@y>", PDF], b"%PDF"), (&["Content-ID: <2@y>", XML], b"<d/>")]);
    let kind = "multipart/related; boundary=grenze; type=\"application/xml\"; start=\"<2@y>\"";
    assert_eq!(send(&door, kind, related).await.status(), 202);
    assert_eq!(shown(&door.house.delivered().pop().unwrap()), ("<d/>".to_owned(), parts(&[("1@y", "%PDF")])));
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn what_is_no_lawful_body_is_refused() {
    let house = House::new();
    let mut paths = (**house.http.lock().unwrap()).clone();
    paths[0].max_part = 100 << 10;
    *house.http.lock().unwrap() = Arc::new(paths);
    let door = http_door(house, json!({})).await;
    let (document, part) = (vec![b'x'; (64 << 10) + 1], vec![b'x'; (100 << 10) + 1]);
    for (status, parts) in [
        (413, &[(&[DOCUMENT, XML][..], &document[..])][..]),
        (413, &[(&[XML], &document)]),
        (413, &[(&[DOCUMENT, XML], b"<a/>"), (&[OTHER, PDF], &part)]),
        (415, &[(&[DOCUMENT, PDF], b"%PDF")]),
        (400, &[]),
        (400, &[(&[DOCUMENT, XML], b"")]),
        (400, &[(&[DOCUMENT, XML], b"<a/>"), (&[DOCUMENT, XML], b"<b/>")]),
        (400, &[(&[DOCUMENT, XML], b"<a/>"), (&[OTHER, "Content-Transfer-Encoding: base64"], b"e30=")]),
        (400, &[(&[DOCUMENT, XML], b"<a/>"), (&["Content-Type: multipart/mixed; boundary=x"], b"")]),
    ] {
        problem(send(&door, FORM, body(parts)).await, status).await;
    }
    let mut torn = body(&[(&[DOCUMENT, XML], b"<a/>")]);
    torn.truncate(torn.len() - 6);
    problem(send(&door, FORM, torn).await, 400).await;
    let many: Vec<Written<'_>> = (0..65).map(|_| (&[XML][..], &b"<a/>"[..])).collect();
    problem(send(&door, FORM, body(&many)).await, 400).await;
    *door.house.spool_full.lock().unwrap() = true;
    let two = body(&[(&[DOCUMENT, XML], b"<a/>"), (&[OTHER, JSON], b"{}")]);
    let refused = send(&door, FORM, two).await;
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 503).await;
    assert!(door.house.delivered().is_empty());
    // A large first part before the document is an attachment like any other.
    *door.house.spool_full.lock().unwrap() = false;
    let large = vec![b'x'; 90 << 10];
    let whole = body(&[(&[OTHER, PDF], &large), (&[DOCUMENT, XML], b"<a/>")]);
    assert_eq!(send(&door, FORM, whole).await.status(), 202);
    assert_eq!(shown(&door.house.delivered()[0]), ("<a/>".to_owned(), vec![("anmeldung".to_owned(), large)]));
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn a_part_of_50_mib_passes_through_without_staying_in_memory() {
    const PIECE: usize = 64 << 10;
    const PIECES: usize = (50 << 20) / PIECE;
    let door = http_door(House::new(), json!({})).await;
    let whole = body(&[(&[DOCUMENT, XML], b"<a/>"), (&[OTHER, PDF], b"")]);
    let (before, after) = whole.split_at(whole.len() - "\r\n--grenze--\r\n".len());
    // How far the client is ahead of the spool at most: that much is under way in buffers and sockets.
    let (ahead, written) = (Arc::new(AtomicU64::new(0)), door.house.written.clone());
    let seen = ahead.clone();
    let pieces = std::iter::once(before.to_vec())
        .chain((1..=PIECES).map(move |count| {
            let sent = (count * PIECE) as u64;
            seen.fetch_max(sent.saturating_sub(written.load(Ordering::Relaxed)), Ordering::Relaxed);
            vec![b'\r'; PIECE]
        }))
        .chain(std::iter::once(after.to_vec()))
        .map(Ok::<_, std::io::Error>);
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    assert_eq!(send(&door, FORM, stream).await.status(), 202);
    let delivered = door.house.delivered();
    assert_eq!(delivered[0].parts[0].size, (PIECE * PIECES) as u64);
    assert_eq!(std::fs::metadata(&delivered[0].parts[0].claim.name).unwrap().len(), (PIECE * PIECES) as u64);
    let ahead = ahead.load(Ordering::Relaxed);
    assert!(ahead < 16 << 20, "{ahead} octets were held somewhere");
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn what_a_sender_calls_a_part_is_kept_as_it_can_be_handed_on() {
    let door = http_door(House::new(), json!({})).await;
    let long = format!("Content-Type: text/xml; x={}", "y".repeat(300));
    let content = body(&[
        (&["Content-Disposition: form-data; name=document", &long], b"<a/>"),
        (
            &["Content-Disposition: form-data; name=\"a\tb.pdf\"", "Content-Type: application/pdf;\tx=y"],
            b"%PDF",
        ),
    ]);
    assert_eq!(send(&door, "multipart/mixed; boundary=grenze", content).await.status(), 202);
    let client = reqwest::Client::new().post(door.url("/v1/lieferungen")).bearer_auth("geheim-ja-nord");
    let alone = client.header("content-type", long.strip_prefix("Content-Type: ").unwrap()).body("<b/>");
    assert_eq!(alone.send().await.unwrap().status(), 202);
    let delivered = door.house.delivered();
    assert_eq!(delivered[0].head.content_type.as_deref(), Some("text/xml"));
    assert_eq!(delivered[1].head.content_type.as_deref(), Some("text/xml"));
    let part = &delivered[0].parts[0];
    assert_eq!((&*part.name, &*part.content_type), ("a b.pdf", "application/pdf; x=y"));
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn the_disk_that_is_looked_at_is_the_one_on_which_parts_lie() {
    let house = House::new();
    // Nothing is free there, whatever the data folder has.
    *house.parts_lie.lock().unwrap() = Some("/proc".into());
    let door = http_door(house, json!({})).await;
    let content = body(&[
        (&["Content-Disposition: form-data; name=document", "Content-Type: text/xml"], b"<a/>"),
        (&["Content-Disposition: form-data; name=b", "Content-Type: application/pdf"], b"%PDF"),
    ]);
    assert_eq!(send(&door, "multipart/mixed; boundary=grenze", content).await.status(), 503);
    door.running.end().await.unwrap();
}
