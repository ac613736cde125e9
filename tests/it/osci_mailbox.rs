//! What the mailbox of the OSCI client may bring and what is said of it: evidence that holds, bounds that lose nothing, content that our key does not
//! open. Over the intermediary that knows nothing of the product; no production intermediary has confirmed any of this.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use drehscheibe::envelope::Envelope;
use drehscheibe::telemetry::parts::{Said, Turn};
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::osci_client::keeper::Keeper;
use drehscheibe::transport::osci_client::out::ClientDestination;
use drehscheibe::transport::port::*;
use serde_json::{Value, json};

use crate::osci_client::{attempt, delivery, destination, mailbox, reader, recorded, writers};
use crate::osci_door::{key, pin};
use crate::osci_peer::{Intermediary, Remembered, bounded, house};
use crate::osci_support::{certificate, inside_term, verified};
use crate::transport_support::{eventually, start};

/// What is said of a part, once it fails.
pub async fn failing(around: &Surroundings, part: &str) -> Said {
    let found = || around.parts.said().into_iter().find(|said| said.part == part && said.failing.is_some());
    eventually(|| found().is_some()).await;
    found().unwrap()
}

/// Lays a document of the house into the mailbox of the addressee; gives its id.
async fn laid(peer: &Intermediary, document: impl Into<Bytes>) -> String {
    let (_house, around, _) = house(&reader());
    let to = destination(peer, &around, &reader());
    let what = Envelope { body: document.into(), ..delivery() };
    attempt(&to, &what, &Remembered::default()).await.unwrap().reference
}

/// The partner who lays with the keys of the originator.
fn originator() -> Value {
    json!({ "authors": [pin("originator_sig")] })
}

#[tokio::test]
async fn evidence_of_what_was_taken_unsigned_says_so() {
    let Some(peer) = Intermediary::start() else { return };
    let mut settings = mailbox(&peer);
    settings["intermediary"]["policy"] = json!({ "unsigned": true });
    let said = "osci; envelope unsigned; content signed by a trusted author";
    for (wrong, expected) in [
        ("unsigned", said),
        ("", "osci; envelope signed by a trusted intermediary; content signed by a trusted author"),
    ] {
        laid(&peer, "<a/>").await;
        let (house, around, _) = house(&originator());
        peer.script("FetchDelivery", &[wrong]).await;
        let running = start(Arc::new(Keeper::new("haus", &settings, &around).unwrap().unwrap()));
        let delivered = house.wait_for(1).await;
        running.end().await.unwrap();
        assert_eq!(delivered[0].evidence.verification, expected, "{wrong}");
        let names: Vec<&str> =
            delivered[0].evidence.protocol_ids.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.contains(&"osci.intermediary"), wrong.is_empty(), "{names:?}");
        // The same as a list: what each signature covers, under which certificate, and that pins ask no list.
        let [envelope, content] = &delivered[0].evidence.verified[..] else { panic!("two signatures") };
        assert_eq!(
            (&envelope.over[..], &content.over[..]),
            (&["envelope".into()][..], &["document".into()][..])
        );
        assert_eq!(
            (envelope.by.is_some(), envelope.counts, content.counts),
            (wrong.is_empty(), wrong.is_empty(), true)
        );
        assert_eq!(content.fingerprint(), Some(certificate("originator_sig").fingerprint().as_str()));
        assert_eq!(content.by.as_ref().unwrap().serial, certificate("originator_sig").serial());
        assert!(content.algorithm.as_ref().unwrap().starts_with("sha256-rsa") && content.said.is_some());
        assert_eq!(content.judged, Some(inside_term()));
        let line = content.line();
        assert!(
            line.contains("revocation not asked, the certificate is pinned; counts, under a pinned"),
            "{line}"
        );
        // And the octets that were signed, of which an independent verifier finds the same.
        let received = delivered[0].evidence.received.clone().unwrap();
        let octets = std::fs::read(&received.claim.name).unwrap();
        assert_eq!(sha256_hex(&octets), delivered[0].evidence.octets_sha256);
        if let Some(lines) = verified(&[("received", &octets)]) {
            assert_eq!(lines[0].contains("SupplierSignature ok("), wrong.is_empty(), "{lines:?}");
            assert!(lines[0].contains("content-sig") && lines[0].contains("by originator ok("), "{lines:?}");
        }
    }
    // Contents of which only some are signed.
    let (house, around, _) = house(&writers());
    peer.inject(recorded("02-")).await;
    let running = start(Arc::new(Keeper::new("haus", &settings, &around).unwrap().unwrap()));
    let delivered = house.wait_for(1).await;
    running.end().await.unwrap();
    let all = &delivered[0].evidence.verified;
    assert!(all.iter().any(|one| one.by.is_none() && one.verdict.starts_with("unsigned; taken")), "{all:?}");
    assert!(all.iter().any(|one| one.over.len() > 1 && one.counts), "{all:?}");
    let said = &delivered[0].evidence.verification;
    assert!(said.contains(" of ") && said.contains("vouches for the sender of the others"), "{said}");
}

#[tokio::test]
async fn a_process_card_that_nobody_signed_is_told_as_that() {
    let Some(peer) = Intermediary::start() else { return };
    let (_house, around, _) = house(&reader());
    let mut settings = peer.settings("originator");
    settings["intermediary"]["policy"] = json!({ "unsigned": true });
    let channel = Channel { partner: "ja-nord".to_owned(), settings: reader() };
    let to = ClientDestination::new("haus", &settings, &channel, &around).unwrap();
    peer.script("StoreDelivery", &["unsigned", ""]).await;
    let unsigned = attempt(&to, &delivery(), &Remembered::default()).await.unwrap();
    assert_eq!(
        unsigned.evidence,
        "process card, which nobody signed: taken by the intermediary 2026-12-01T11:00:00Z"
    );
    let signed = attempt(&to, &delivery(), &Remembered::default()).await.unwrap();
    assert_eq!(signed.evidence, "process card: taken by the intermediary 2026-12-01T11:00:00Z");
}

#[tokio::test]
async fn what_is_too_large_stays_with_its_cause_and_the_others_are_taken() {
    let Some(peer) = Intermediary::start() else { return };
    let large = laid(&peer, vec![b'x'; 3 << 20]).await;
    let small = laid(&peer, "<klein/>").await;
    // Larger than the routes take, and larger than the connection reads.
    for (most, body, cause, turn) in [
        (100, 1 << 20, "its document has 3145728 octets and the routes here take 1048576", Turn::Person),
        (1, 8 << 20, "the answer is larger than `max-message`", Turn::Ours),
    ] {
        let before = peer.seen().await.len();
        let (house, around, _) = house(&originator());
        bounded(&house, body);
        let mut settings = mailbox(&peer);
        settings["max-message"] = json!(most);
        let running = start(Arc::new(Keeper::new("haus", &settings, &around).unwrap().unwrap()));
        let said = failing(&around, "not fetched of mailbox of haus").await;
        let failing = said.failing.unwrap();
        assert!(failing.cause.starts_with(cause) && failing.turn == turn, "{failing:?}");
        if most == 100 {
            house.wait_for(1).await;
            // Said with the next order, after the commit.
            let until = Instant::now() + Duration::from_secs(60);
            while peer.card(&small).await["reception"] == Value::Null {
                assert!(Instant::now() < until, "received and not said");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        running.end().await.unwrap();
        assert!(around.parts.said().is_empty(), "{:?}", around.parts.said());
        assert!(house.delivered().iter().all(|found| found.body.len() < 100));
        assert_eq!(peer.card(&large).await["reception"], Value::Null, "nothing says that it was received");
        // After it nothing was said in that dialog.
        let seen = peer.seen().await;
        let dialog = |order: &&Value| order["kind"] == "FetchDelivery" && order["id"] == json!(large);
        let dialog = seen[before..].iter().find(dialog).unwrap()["dialog"].clone();
        let last = seen[before..].iter().rfind(|order| order["dialog"] == dialog).unwrap();
        assert_eq!((&last["kind"], &last["id"]), (&json!("FetchDelivery"), &json!(large)));
    }
    // Where it fits it is taken whole.
    let (house, around, _) = house(&originator());
    let running = start(Arc::new(Keeper::new("haus", &mailbox(&peer), &around).unwrap().unwrap()));
    let delivered = house.wait_for(1).await;
    running.end().await.unwrap();
    assert_eq!(delivered[0].body.len(), 3 << 20);
}

#[tokio::test]
async fn what_stays_hides_nothing_that_lies_behind_it() {
    let Some(peer) = Intermediary::start() else { return };
    let mut stays = Vec::new();
    for _ in 0..3 {
        stays.push(laid(&peer, vec![b'x'; 2 << 20]).await);
    }
    let behind = laid(&peer, "<dahinter/>").await;
    let (house, around, _) = house(&originator());
    bounded(&house, 1 << 20);
    let mut settings = mailbox(&peer);
    settings["page"] = json!(1);
    let running = start(Arc::new(Keeper::new("haus", &settings, &around).unwrap().unwrap()));
    let delivered = house.wait_for(1).await;
    assert_eq!(delivered[0].head.correlation.as_deref(), Some(behind.as_str()));
    running.end().await.unwrap();
    for id in stays {
        assert_eq!(peer.card(&id).await["reception"], Value::Null);
    }
}

#[tokio::test]
async fn content_that_our_key_does_not_open_is_refused_with_t020_and_received() {
    let Some(peer) = Intermediary::start() else { return };
    let id = laid(&peer, "<verdorben/>").await;
    peer.script("FetchDelivery", &["spoil-content"]).await;
    let (house, around, _) = house(&originator());
    let running = start(Arc::new(Keeper::new("haus", &mailbox(&peer), &around).unwrap().unwrap()));
    eventually(|| house.refused.lock().unwrap().len() == 1).await;
    running.end().await.unwrap();
    let (refused, code) = house.refused.lock().unwrap()[0].clone();
    assert_eq!((code.as_str(), refused.head.correlation.as_deref()), ("T020", Some(id.as_str())));
    assert!(refused.body.starts_with(b"MIME-Version"), "kept as it came");
    assert_eq!(
        refused.evidence.verification,
        "osci; envelope signed by a trusted intermediary; content not opened"
    );
    assert!(house.apart.lock().unwrap().is_empty());
    assert_ne!(peer.card(&id).await["reception"], Value::Null);
}

#[tokio::test]
async fn what_a_connection_says_of_its_files_goes_with_it() {
    let Some(peer) = Intermediary::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["addressee_enc.crt.pem", "addressee_enc.key.pem", "originator_sig.crt.pem"] {
        std::fs::copy(crate::osci_door::file(name), path(name)).unwrap();
    }
    let mut settings = mailbox(&peer);
    settings["keys"] = json!({
        "signature": key("addressee_sig"),
        "cipher": [{ "certificate": path("addressee_enc.crt.pem"), "key": path("addressee_enc.key.pem") }],
    });
    let channel = json!({ "authors": [path("originator_sig.crt.pem")] });
    let (_house, around, _) = house(&channel);
    let keeper = Arc::new(Keeper::new("haus", &settings, &around).unwrap().unwrap());
    let running = start(keeper.clone());
    for name in ["addressee_enc.key.pem", "originator_sig.crt.pem"] {
        std::fs::write(path(name), "torn").unwrap();
    }
    let keys = failing(&around, "osci keys haus").await.failing.unwrap();
    assert!(keys.cause.contains("cipher/0/key"), "{keys:?}");
    let pins = failing(&around, "osci certificates haus").await.failing.unwrap();
    assert!(pins.cause.contains("originator_sig.crt.pem"), "{pins:?}");
    // What is good again is said no more.
    std::fs::copy(crate::osci_door::file("originator_sig.crt.pem"), path("originator_sig.crt.pem")).unwrap();
    eventually(|| around.parts.said().iter().all(|said| said.part != "osci certificates haus")).await;
    running.end().await.unwrap();
    drop(keeper);
    assert!(around.parts.said().is_empty(), "{:?}", around.parts.said());
}

#[tokio::test]
async fn what_is_under_way_for_a_certificate_of_before_is_fetched_and_followed() {
    let Some(peer) = Intermediary::start() else { return };
    // Laid for the one that was in use, and for the one that took its place.
    let before = laid(&peer, "<vorher/>").await;
    let now = {
        let channel = json!({ "cipher": [pin("reader_enc")] });
        let (_house, around, _) = house(&channel);
        let to = destination(&peer, &around, &channel);
        let what = Envelope { body: Bytes::from_static(b"<nachher/>"), ..delivery() };
        attempt(&to, &what, &Remembered::default()).await.unwrap().reference
    };
    let mut settings = mailbox(&peer);
    settings["keys"]["cipher"] = json!([key("reader_enc"), key("addressee_enc")]);
    let (house, around, told) = house(&originator());
    let running = start(Arc::new(Keeper::new("haus", &settings, &around).unwrap().unwrap()));
    house.wait_for(2).await;
    eventually(|| told.0.lock().unwrap().last() == Some(&drehscheibe::envelope::Lying::Nothing)).await;
    running.end().await.unwrap();
    let mut got: Vec<String> =
        house.delivered().iter().map(|found| String::from_utf8_lossy(&found.body).into_owned()).collect();
    got.sort();
    assert_eq!(got, ["<nachher/>", "<vorher/>"]);
    for id in [&before, &now] {
        assert_ne!(peer.card(id).await["reception"], Value::Null);
    }
    // The card of what was sent under the one of before is found as well: it is not sent again, and it is confirmed.
    let (_house, around, _) = crate::osci_peer::house(&reader());
    let mut settings = peer.settings("originator");
    settings["keys"]["cipher"] = json!([key("author_enc"), key("originator_enc")]);
    let channel = Channel { partner: "ja-nord".to_owned(), settings: reader() };
    let to = ClientDestination::new("haus", &settings, &channel, &around).unwrap();
    let crashed = Remembered::default();
    crashed.remember(format!("sent {before}").as_bytes()).await.unwrap();
    let found = attempt(&to, &delivery(), &crashed.next()).await.unwrap();
    assert_eq!(found.reference, before);
    assert_eq!(peer.cards().await, 2);
    let followed = Followed { id: uuid::Uuid::nil(), reference: &before, keep: &[], looks: 0, last: false };
    assert!(matches!(to.look_after(&followed).await, Ok(After::Confirmed(_))));
}
