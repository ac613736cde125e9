//! The OSCI client over an intermediary that knows nothing of the product and verifies every order: deliveries to a mailbox with lost, false and
//! negative answers, their process cards; and the house's own mailbox with deliveries that real libraries made. No production intermediary
//! has confirmed any of this.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use drehscheibe::envelope::{Envelope, Inbound, Lying, Part};
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::osci_client::keeper::Keeper;
use drehscheibe::transport::osci_client::out::ClientDestination;
use drehscheibe::transport::port::raw::RAW;
use drehscheibe::transport::port::*;
use serde_json::{Value, json};

use crate::osci_door::{contents_for, lenient, pin};
use crate::osci_peer::{Intermediary, Remembered, house};
use crate::osci_support::verified;
use crate::transport_support::{busy, envelope, eventually, start, verdict};

/// The channel of the partner who reads with the keys of the addressee.
pub fn reader() -> Value {
    json!({ "cipher": [pin("addressee_enc")], "subject": "Registermitteilung" })
}

/// The way to the partner who reads with the keys of the addressee.
pub fn destination(peer: &Intermediary, around: &Surroundings, channel: &Value) -> ClientDestination {
    let channel = Channel { partner: "ja-nord".to_owned(), settings: channel.clone() };
    ClientDestination::new("haus", &peer.settings("originator"), &channel, around).unwrap()
}

/// One attempt.
pub async fn attempt(
    to: &ClientDestination,
    what: &Envelope,
    memory: &Remembered,
) -> Result<Receipt, SendError> {
    let progress = Progress::default();
    to.attempt(what, Attempt { progress: &progress, memory, taken_within: None }).await
}

/// A delivery of the house.
pub fn delivery() -> Envelope {
    envelope("<mitteilung>Geheimnis</mitteilung>", "application/xml")
}

#[tokio::test]
async fn a_delivery_is_signed_encrypted_neutral_and_known_by_its_process_card_until_it_was_received() {
    let Some(peer) = Intermediary::start() else { return };
    let (house, around, _) = house(&reader());
    let to = destination(&peer, &around, &reader());
    // With an attachment and a document too large for the envelope.
    let large = vec![b'x'; 300 << 10];
    let mut writer = around
        .spool
        .begin(&drehscheibe::envelope::PartnerRef {
            id: "ja-nord".to_owned(),
            how: drehscheibe::envelope::How::Internal,
        })
        .await
        .unwrap();
    writer.write(Bytes::from_static(b"%PDF anlage")).await.unwrap();
    let part: Part = writer.finish("Beschluss Mia Muster.pdf", "application/pdf").await.unwrap();
    for (document, parts) in [(Bytes::from_static(b"<klein/>"), Vec::new()), (large.into(), vec![part])] {
        let what = Envelope { body: document.clone(), parts, ..delivery() };
        let memory = Remembered::default();
        let receipt = attempt(&to, &what, &memory).await.unwrap();
        // The id is kept before the delivery is sent.
        assert_eq!(memory.marks(), ["sent"]);
        assert!(
            receipt.evidence.contains("taken by the intermediary 2026-12-01T11:00:00Z"),
            "{}",
            receipt.evidence
        );
        let follow = receipt.follow.unwrap();
        let followed = Followed {
            id: what.head.id,
            reference: &receipt.reference,
            keep: &follow.keep,
            looks: 0,
            last: false,
        };
        assert!(matches!(to.look_after(&followed).await, Ok(After::Open { .. })));
        let seen = peer.seen().await;
        let stored = seen.iter().rfind(|order| order["kind"] == "StoreDelivery").unwrap();
        let said = stored["said"].as_str().unwrap();
        assert!(said.starts_with("encrypted ; ClientSignature ok("), "{said}");
        assert!(said.contains("content-sig container-") && said.contains("by originator ok("), "{said}");
        let beside = what.parts.len() + usize::from(document.len() > 256 << 10);
        assert_eq!(said.matches("decrypted").count(), beside, "{said}");
        assert!(!said.contains("Beschluss") && !said.contains("MISMATCH"), "{said}");
        assert_eq!(stored["subject"], "Registermitteilung");
        // The reader fetches it with a client of its own.
        let pins = json!({ "authors": [pin("originator_sig")] });
        let (read, received) = fetched(&peer, &pins, 1).await;
        assert_eq!(read.body, document);
        assert_eq!(read.parts.len(), what.parts.len());
        assert_eq!(received, receipt.reference);
        let Ok(After::Confirmed(proof)) = to.look_after(&followed).await else { panic!("not received") };
        assert_eq!(proof.evidence, "process card: received 2026-12-01T11:00:00Z");
        if let Some(lines) = verified(&[("card", &proof.octets)]) {
            assert!(lines[0].contains("SupplierSignature ok("), "{lines:?}");
        }
    }
    drop(house);
}

/// What the mailbox of the addressee brings; the first of it, and the id of its delivery.
async fn fetched(peer: &Intermediary, channel: &Value, count: usize) -> (Envelope, String) {
    let (house, around, _) = house(channel);
    let running = start(Arc::new(Keeper::new("haus", &mailbox(peer), &around).unwrap().unwrap()));
    let delivered = house.wait_for(count).await;
    running.end().await.unwrap();
    let id = delivered[0].head.correlation.clone().unwrap();
    (delivered[0].clone(), id)
}

#[tokio::test]
async fn a_lost_or_false_answer_is_cleared_up_by_the_process_card_and_nothing_is_laid_down_twice() {
    let Some(peer) = Intermediary::start() else { return };
    let (_house, around, _) = house(&reader());
    let to = destination(&peer, &around, &reader());
    let mut laid = 0;
    // It was laid down and the answer does not count: the card says so, and nothing is sent again.
    for wrong in [
        "drop",
        "tamper",
        "unsigned",
        "plain",
        "wrong-response",
        "wrong-sequence",
        "other-certificate",
        "undecryptable",
    ] {
        peer.script("StoreDelivery", &[wrong]).await;
        let memory = Remembered::default();
        let receipt =
            attempt(&to, &delivery(), &memory).await.unwrap_or_else(|error| panic!("{wrong}: {error}"));
        laid += 1;
        assert_eq!(peer.cards().await, laid, "{wrong}");
        assert!(!receipt.reference.is_empty());
    }
    // It was not laid down: nobody knows until the next attempt asks, which sends it under the same id.
    peer.script("StoreDelivery", &["drop-before"]).await;
    let memory = Remembered::default();
    let what = delivery();
    assert!(matches!(attempt(&to, &what, &memory).await, Err(SendError::Unclear { .. })));
    assert_eq!(memory.marks(), ["sent"]);
    let next = memory.next();
    let receipt = attempt(&to, &what, &next).await.unwrap();
    laid += 1;
    assert_eq!(peer.cards().await, laid);
    let ids: Vec<Value> =
        peer.seen().await.into_iter().filter(|order| order["kind"] == "StoreDelivery").collect();
    let [.., before, after] = &ids[..] else { panic!("two attempts") };
    assert_eq!((&before["id"], &after["id"]), (&json!(receipt.reference), &json!(receipt.reference)));
    // The process died after it was laid down: the next attempt finds it.
    let crashed = Remembered::default();
    crashed.remember(format!("sent {}", receipt.reference).as_bytes()).await.unwrap();
    let again = attempt(&to, &what, &crashed.next()).await.unwrap();
    assert_eq!((again.reference, peer.cards().await), (receipt.reference.clone(), laid));
    // And as long as nobody can be asked nothing is sent.
    peer.script("FetchProcessCard", &["tamper"]).await;
    let unclear = attempt(&to, &what, &crashed.next()).await;
    assert!(matches!(unclear, Err(SendError::Unclear { .. })), "{unclear:?}");
    assert_eq!(peer.cards().await, laid);
}

#[tokio::test]
async fn a_refusal_is_later_or_never_and_a_false_one_before_the_act_is_later() {
    let Some(peer) = Intermediary::start() else { return };
    let (_house, around, _) = house(&reader());
    let to = destination(&peer, &around, &reader());
    for (kind, wrong, expected, marks) in [
        ("StoreDelivery", "feedback:9700", "later", vec!["sent", "free"]),
        ("StoreDelivery", "feedback:9811", "later far", vec!["sent", "free"]),
        ("StoreDelivery", "feedback:9904", "never", vec!["sent", ""]),
        ("StoreDelivery", "feedback:9801", "later", vec!["sent", ""]),
        ("StoreDelivery", "feedback:9999", "unclear", vec!["sent"]),
        ("GetMessageId", "feedback:9811", "later far", vec![]),
        ("GetMessageId", "tamper", "later", vec![]),
        ("GetMessageId", "drop", "later far", vec![]),
    ] {
        peer.script(kind, &[wrong]).await;
        let memory = Remembered::default();
        let told = match attempt(&to, &delivery(), &memory).await {
            Ok(_) => "sent",
            Err(SendError::Later { far_end: true, .. }) => "later far",
            Err(SendError::Later { .. }) => "later",
            Err(SendError::Never { .. }) => "never",
            Err(SendError::Unclear { .. }) => "unclear",
        };
        assert_eq!(
            (told, memory.marks()),
            (expected, marks.iter().map(|mark| (*mark).to_owned()).collect()),
            "{kind} {wrong}"
        );
        assert_eq!(peer.cards().await, 0, "{kind} {wrong}");
    }
    // Nobody there: nothing was sent.
    let mut settings = peer.settings("originator");
    settings["url"] = json!("http://127.0.0.1:9/");
    let channel = Channel { partner: "ja-nord".to_owned(), settings: reader() };
    let nowhere = ClientDestination::new("haus", &settings, &channel, &around).unwrap();
    let refused = attempt(&nowhere, &delivery(), &Remembered::default()).await;
    assert!(matches!(refused, Err(SendError::Later { far_end: true, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_delivery_is_forwarded_where_the_partner_has_a_recipient_of_its_own() {
    let Some(peer) = Intermediary::start() else { return };
    let mut channel = reader();
    channel["forward"] = json!("https://amt.example/osci");
    let (_house, around, _) = house(&channel);
    let to = destination(&peer, &around, &channel);
    let receipt = attempt(&to, &delivery(), &Remembered::default()).await.unwrap();
    assert_eq!(peer.kinds().await, ["GetMessageId", "ForwardDelivery"]);
    assert_eq!(receipt.evidence, "process card: received 2026-12-01T11:00:00Z");
}

/// Recorded deliveries to the addressee: of the Java library with three ways to sign, and of the .NET library.
const RECORDED: [&str; 6] = ["02-", "03-", "04-", "05-", "07-", "28-"];

/// A recorded StoreDelivery.
pub fn recorded(begins: &str) -> Bytes {
    let all = crate::osci_support::recorded();
    let is = |name: &str| name.starts_with(begins) && name.ends_with("-StoreDelivery.req");
    all.into_iter().find(|found| is(&found.name)).unwrap().body
}

/// The channel of the partner who wrote the recorded deliveries; some of their contents are unsigned or plain.
pub fn writers() -> Value {
    json!({ "authors": [pin("originator_sig"), pin("originator_sig_p256"), pin("author_sig")], "policy": lenient() })
}

/// The settings of the mailbox of the addressee.
pub fn mailbox(peer: &Intermediary) -> Value {
    let mut settings = peer.settings("addressee");
    (settings["mailbox"], settings["every"]) = (json!(true), json!("100ms"));
    settings
}

#[tokio::test]
async fn what_libraries_laid_into_the_mailbox_is_taken_once_and_received_only_after_the_commit() {
    let Some(peer) = Intermediary::start() else { return };
    let (house, around, told) = house(&writers());
    let mut ids = Vec::new();
    for begins in RECORDED {
        ids.push(peer.inject(recorded(begins)).await);
    }
    let hold = house.hold();
    let running = start(Arc::new(Keeper::new("haus", &mailbox(&peer), &around).unwrap().unwrap()));
    // Fetched and not committed: not received.
    house.wait_for(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(peer.card(&ids[0]).await["reception"], Value::Null);
    assert_eq!(peer.kinds().await, ["InitDialog", "FetchProcessCard", "FetchDelivery"]);
    *house.hold.lock().unwrap() = None;
    hold.notify_waiters();
    house.wait_for(RECORDED.len()).await;
    eventually(|| told.0.lock().unwrap().last() == Some(&Lying::Nothing)).await;
    running.end().await.unwrap();
    for (delivered, (begins, id)) in house.delivered().iter().zip(RECORDED.iter().zip(&ids)) {
        let mut hashes = vec![sha256_hex(&delivered.body)];
        hashes
            .extend(delivered.parts.iter().map(|part| sha256_hex(&std::fs::read(&part.claim.name).unwrap())));
        assert_eq!(hashes, contents_for(&recorded(begins), &["addressee_enc", "intermed_enc"]), "{begins}");
        assert_eq!(delivered.head.partner.as_ref().unwrap().id, "ja-nord");
        assert_eq!(delivered.head.correlation.as_deref(), Some(id.as_str()));
        assert_ne!(peer.card(id).await["reception"], Value::Null, "{begins}");
    }
    let distinct: std::collections::BTreeSet<String> =
        house.delivered().iter().map(|found| found.head.transport_id.clone()).collect();
    assert_eq!(distinct.len(), RECORDED.len());
    assert!(matches!(told.0.lock().unwrap()[0], Lying::Since(_)));
    assert!(
        peer.seen()
            .await
            .iter()
            .all(|order| order["sealed"] == true && order["said"].as_str().unwrap().contains("ok("))
    );
}

#[tokio::test]
async fn after_an_answer_that_does_not_count_no_further_order_is_given_and_the_others_are_taken() {
    let Some(peer) = Intermediary::start() else { return };
    // What else can be wrong with an answer the deliveries show.
    for wrong in ["tamper", "undecryptable", "drop", "other-delivery"] {
        let (house, around, _) = house(&writers());
        let before = peer.seen().await.len();
        let poisoned = peer.inject(recorded("04-")).await;
        let good = peer.inject(recorded("05-")).await;
        // As often as it is tried in the time of this test.
        peer.script("FetchDelivery", &[wrong, "", wrong, wrong, wrong, wrong, wrong, wrong]).await;
        let running = start(Arc::new(Keeper::new("haus", &mailbox(&peer), &around).unwrap().unwrap()));
        house.wait_for(1).await;
        let tried = |seen: &[Value]| {
            seen[before..]
                .iter()
                .filter(|order| order["kind"] == "FetchDelivery" && order["id"] == json!(poisoned))
                .count()
        };
        for _ in 0..600 {
            if tried(&peer.seen().await) >= 3 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running.end().await.unwrap();
        let seen = peer.seen().await;
        assert!(tried(&seen) >= 3, "{wrong}");
        assert_eq!(house.delivered()[0].head.correlation.as_deref(), Some(good.as_str()), "{wrong}");
        assert_eq!(house.delivered().len(), 1, "{wrong}");
        // In the dialog of an answer that does not count nothing follows, not even its end.
        let mut last = std::collections::BTreeMap::new();
        for order in &seen[before..] {
            last.insert(order["dialog"].to_string(), (order["kind"].clone(), order["id"].clone()));
        }
        for order in seen[before..]
            .iter()
            .filter(|order| order["kind"] == "FetchDelivery" && order["id"] == json!(poisoned))
        {
            let dialog = order["dialog"].to_string();
            assert_eq!(last[&dialog], (json!("FetchDelivery"), json!(poisoned)), "{wrong}");
        }
        assert_eq!(peer.card(&poisoned).await["reception"], Value::Null, "{wrong}");
        assert_ne!(peer.card(&good).await["reception"], Value::Null, "{wrong}");
        // What came is kept as it came, once and as nobody's, where its octets say whose they were said to be: not what was signed.
        let apart = house.apart.lock().unwrap().clone();
        assert_eq!(apart.len(), usize::from(matches!(wrong, "tamper" | "undecryptable")), "{wrong}");
        for (raw, cause) in &apart {
            assert_eq!((cause, &raw.head.partner, raw.parts.len()), (&RAW, &None, 0), "{wrong}");
            assert_eq!(raw.evidence.octets_sha256, sha256_hex(&raw.body), "{wrong}");
            assert!(!raw.head.transport_id.contains(&poisoned) && !raw.evidence.verified[0].counts);
            if wrong == "tamper"
                && let Some(lines) = verified(&[("raw", &raw.body)])
            {
                assert!(!lines[0].contains("SupplierSignature ok("), "{lines:?}");
            }
        }
        // Without faults the same delivery is taken.
        peer.clear().await;
        let (house, around, _) = self::house(&writers());
        let running = start(Arc::new(Keeper::new("haus", &mailbox(&peer), &around).unwrap().unwrap()));
        house.wait_for(1).await;
        running.end().await.unwrap();
    }
}

#[tokio::test]
async fn what_the_house_does_not_take_stays_in_the_mailbox() {
    let Some(peer) = Intermediary::start() else { return };
    let id = peer.inject(recorded("04-")).await;
    // Of nobody who is known; of one who is not admitted; of one of whom nothing is taken now.
    let strangers = json!({ "authors": [pin("reader_enc")], "policy": lenient() });
    for (channel, outcome) in [
        (strangers, None),
        (json!({ "authors": [pin("originator_sig")] }), None),
        (writers(), Some(Ok(verdict(Inbound::Denied)))),
    ] {
        let (house, around, told) = house(&channel);
        if let Some(outcome) = outcome {
            house.then(outcome);
        }
        let before = peer.seen().await.len();
        let running = start(Arc::new(Keeper::new("haus", &mailbox(&peer), &around).unwrap().unwrap()));
        let fetched =
            || async { peer.seen().await[before..].iter().any(|order| order["kind"] == "FetchDelivery") };
        for _ in 0..600 {
            if fetched().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(fetched().await);
        running.end().await.unwrap();
        assert!(house.delivered().len() <= 1);
        assert_eq!(peer.card(&id).await["reception"], Value::Null);
        assert!(told.0.lock().unwrap().iter().all(|lying| *lying != Lying::Nothing));
    }
    // Busy for a while: it is held and committed, and then received.
    let (house, around, _) = house(&writers());
    house.then(Err(busy(Duration::from_millis(50))));
    let running = start(Arc::new(Keeper::new("haus", &mailbox(&peer), &around).unwrap().unwrap()));
    // Asked twice: the first time it was busy.
    house.wait_for(2).await;
    running.end().await.unwrap();
    assert_ne!(peer.card(&id).await["reception"], Value::Null);
}
