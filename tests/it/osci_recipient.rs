//! The passive recipient at its real door: what the library's intermediary side delivered when it was recorded is received and answered as
//! the library answered; what proves too little, is not what was signed, or comes from nobody who is known is refused with the code that
//! the standard has. Its answers are judged by an independent verifier and the official schemas.

use bytes::Bytes;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::{Envelope, Inbound, Verdict};
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::osci::content::Item;
use drehscheibe::transport::osci::envelope::Standing;
use drehscheibe::transport::osci::kind::Kind;
use drehscheibe::transport::port::Busy;
use serde_json::json;

use crate::osci_door::{
    Delivery, OsciDoor, answered, channel, code, contents_for, headers, key, lenient, message, pin, settings,
};
use crate::osci_support::{body, envelope, invalid, look, package, recorded, sorted_references, verified};
use crate::transport_support::{busy, reply, verdict};

const RECORDED: [&str; 4] = [
    "13-oneway-passive-plain-signed/03-intermed2recipient-",
    "14-oneway-passive-signed-encrypted/03-intermed2recipient-",
    "15-request-response-plain-signed/04-intermed2recipient-",
    "17-request-response-noprotocol-plain/03-intermed2recipient-",
];

fn hashes(envelope: &Envelope) -> Vec<String> {
    let parts = envelope.parts.iter().map(|part| sha256_hex(&std::fs::read(&part.claim.name).unwrap()));
    std::iter::once(sha256_hex(&envelope.body)).chain(parts).collect()
}

/// An envelope without what is random or ours: signature values, digests (they hold our words), and the words of feedback.
fn skeleton(package: &Bytes) -> String {
    let mut text = sorted_references(&envelope(package));
    for (from, to) in [("<osci:Text>", "</osci:Text>"), ("<ds:DigestValue>", "</ds:DigestValue>")] {
        let mut masked = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(from) {
            let end = start + rest[start..].find(to).unwrap();
            masked.push_str(&rest[..start + from.len()]);
            rest = &rest[end..];
        }
        masked.push_str(rest);
        text = masked;
    }
    text
}

#[tokio::test]
async fn recorded_deliveries_are_received_and_answered_as_the_library_answered() {
    let door = OsciDoor::open(settings(lenient()), channel(lenient())).await;
    let mut answers = Vec::new();
    for begins in RECORDED {
        let delivery = recorded()
            .into_iter()
            .find(|found| found.name.starts_with(begins) && found.name.ends_with(".req"));
        let delivery = delivery.unwrap();
        let (status, answer) = door.post(delivery.body.clone()).await;
        assert_eq!((status, code(&answer).as_str()), (200, "0800"), "{begins}");
        let delivered = door.house.delivered().pop().unwrap();
        assert_eq!(hashes(&delivered), contents_for(&delivery.body, &["addressee_enc"]), "{begins}");
        let head = &delivered.head;
        assert_eq!(head.partner.as_ref().unwrap().id, "ja-nord");
        assert_eq!(head.in_band, begins.starts_with("15") || begins.starts_with("17"));
        assert_eq!(delivered.evidence.octets_sha256, sha256_hex(&delivery.body));
        assert!(delivered.evidence.verification.contains("envelope signed by a trusted intermediary"));
        // The library's own answer to the same octets: where neither has a content, only values and words differ.
        let theirs = recorded()
            .into_iter()
            .find(|found| found.name.starts_with(begins) && found.name.ends_with(".rsp"));
        let (ours, theirs) = (package(&answer).unwrap(), package(&theirs.unwrap().body).unwrap());
        if begins.starts_with("13") || begins.starts_with("14") {
            assert_eq!(skeleton(&ours), skeleton(&theirs), "{begins}");
        }
        assert_eq!(look(&answer).transport_encrypted, begins.starts_with("14"));
        answers.push((begins[..2].to_owned(), answer, ours));
    }
    assert_eq!(door.house.delivered().len(), 4);
    // Without an id the content is the key; with one its hash.
    let keys: Vec<String> =
        door.house.delivered().iter().map(|found| found.head.transport_id.clone()).collect();
    assert!(keys[..3].iter().all(|key| key.starts_with("ja-nord:osci-")), "{keys:?}");
    assert_eq!(keys[3], format!("ja-nord:{}", sha256_hex(&door.house.delivered()[3].body)));
    let bodies: Vec<(&str, &[u8])> =
        answers.iter().map(|(name, body, _)| (name.as_str(), body.as_ref())).collect();
    for line in verified(&bodies).unwrap_or_default() {
        assert!(line.contains(" ok("), "{line}");
        for bad in ["MISMATCH", "SIGVALUE", "EXC", "DIFF", "undecryptable", "no key"] {
            assert!(!line.contains(bad), "{line}");
        }
    }
    let schema = |name: &str| match name {
        "13" | "14" => "soapResponseToAcceptDelivery.xsd".to_owned(),
        _ => "soapResponseToProcessDelivery.xsd".to_owned(),
    };
    let all: Vec<(String, String)> =
        answers.iter().map(|(name, _, ours)| (schema(name), envelope(ours))).collect();
    if let Some(faults) = invalid(&all) {
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
    door.end().await;
}

#[tokio::test]
async fn what_the_library_refuses_is_refused_with_its_code() {
    let door = OsciDoor::open(settings(lenient()), channel(lenient())).await;
    let mut seen = 0;
    for request in recorded() {
        let negative = request.name.starts_with("27-") || request.name.starts_with("21-");
        if !negative || !request.name.ends_with(".req") {
            continue;
        }
        let begins = &request.name[..request.name.find("intermed2recipient").unwrap()];
        let theirs = recorded()
            .into_iter()
            .find(|found| found.name.starts_with(begins) && found.name.ends_with(".rsp"));
        let theirs = look(&theirs.unwrap().body).feedback.pop().unwrap().code;
        // Of an extra header that nobody signed the library says that the signature is wrong; the page has a code for it.
        let expected = if request.name.starts_with("27-recipient-error-cases/05") { "9602" } else { &theirs };
        assert_eq!(door.code(request.body).await, expected, "{}", request.name);
        seen += 1;
    }
    assert_eq!((seen, door.received()), (9, 0));
    // Each was noted, with its hash, and nothing of its content.
    let noted = door.house.delivered();
    assert!(
        !noted.is_empty() && noted.iter().all(|note| note.body.is_empty() && note.head.partner.is_none())
    );
    assert!(noted.iter().all(|note| !note.evidence.octets_sha256.is_empty()));
    door.end().await;
}

#[tokio::test]
async fn what_proves_too_little_is_refused_unless_policy_says_so() {
    let strict = json!({});
    let plain = json!({ "plain": true });
    let unsigned = json!({ "unsigned": true, "plain": true });
    let d13 = body(&format!("{}Accept", RECORDED[0]));
    let d15 = body(&format!("{}Process", RECORDED[2]));
    // What the intermediary may, what the partner may, what is delivered, and the answer.
    let whole = Delivery::of(Kind::AcceptDelivery, "m", "<a/>");
    let with = |change: fn(&mut Delivery)| {
        let mut delivery = whole.clone();
        change(&mut delivery);
        delivery.body()
    };
    let cases: Vec<(&str, &serde_json::Value, &serde_json::Value, Bytes, &str)> = vec![
        ("whole", &strict, &strict, whole.body(), "0800"),
        ("plain on its way", &strict, &unsigned, d13.clone(), "9805"),
        (
            "plain on its way, allowed; content neither signed nor encrypted",
            &plain,
            &strict,
            d15.clone(),
            "9805",
        ),
        ("content not signed", &plain, &plain, d15.clone(), "9805"),
        ("content not signed, allowed", &plain, &unsigned, d15, "0800"),
        ("content plain", &strict, &strict, with(|d| d.reader = None), "9805"),
        ("content plain, allowed", &strict, &plain, with(|d| d.reader = None), "0800"),
        ("content unsigned", &strict, &plain, with(|d| d.author = None), "9805"),
        ("envelope unsigned", &strict, &unsigned, with(|d| d.intermediary = None), "9600"),
        ("envelope unsigned, allowed", &unsigned, &strict, with(|d| d.intermediary = None), "0800"),
        (
            "neither envelope nor content signed: nothing proves who sent it, whatever policies say",
            &unsigned,
            &unsigned,
            with(|d| {
                d.intermediary = None;
                d.author = None;
            }),
            "9805",
        ),
        (
            "signed by another intermediary",
            &strict,
            &strict,
            with(|d| d.intermediary = Some("author_sig")),
            "9700",
        ),
        (
            "from a stranger",
            &strict,
            &unsigned,
            with(|d| {
                d.originator = "author_sig";
                d.author = Some("author_sig");
            }),
            "9805",
        ),
        (
            "the content of a stranger under the name of the partner",
            &strict,
            &plain,
            with(|d| d.author = Some("author_sig")),
            "9805",
        ),
        (
            "the content of the partner under the name of a stranger",
            &strict,
            &unsigned,
            with(|d| d.originator = "author_sig"),
            "9805",
        ),
        ("answer for somebody else", &strict, &strict, with(|d| d.answer_for = "reader_enc"), "9501"),
        ("encrypted for somebody else", &strict, &strict, with(|d| d.recipient = Some("reader_enc")), "9200"),
        ("without an id", &strict, &strict, with(|d| d.id = Some(String::new())), "9800"),
    ];
    for (what, intermediary, partner, delivery, expected) in cases {
        let door = OsciDoor::open(settings(intermediary.clone()), channel(partner.clone())).await;
        assert_eq!(door.code(delivery).await, expected, "{what}");
        assert_eq!(door.received(), usize::from(expected == "0800"), "{what}");
        door.end().await;
    }
}

#[tokio::test]
async fn old_algorithms_are_refused_alike_unless_policy_says_so() {
    for (policy, expected) in [(json!({}), "9202"), (json!({ "legacy": true }), "9300")] {
        let mut settings = settings(policy);
        // The recordings with old algorithms are orders to the intermediary: opened, they are no order for a recipient.
        settings["keys"]["cipher"] = json!([key("intermed_enc")]);
        let door = OsciDoor::open(settings, channel(json!({}))).await;
        for begins in [
            "10-legacy-aes256cbc-rsa15/02-client2intermed-Store",
            "11-legacy-3des-rsa15/02-client2intermed-Store",
        ] {
            assert_eq!(door.code(body(begins)).await, expected, "{begins}");
        }
        door.end().await;
    }
}

#[tokio::test]
async fn certificates_count_in_their_term_only_and_keys_are_valid_side_by_side() {
    let whole = Delivery::of(Kind::AcceptDelivery, "m", "<a/>");
    for late in ["2026-11-01T00:00:00Z", "2050-01-01T00:00:00Z"] {
        let clock = Clock::set(late.parse().unwrap());
        let door = OsciDoor::open_at(settings(json!({})), channel(json!({})), clock).await;
        assert_eq!(door.code(whole.body()).await, "9501", "{late}");
        let mut plain = whole.clone();
        plain.recipient = None;
        assert_eq!(door.code(plain.body()).await, "9700", "{late}");
        door.end().await;
    }
    let mut settings = settings(json!({}));
    settings["keys"]["cipher"] = json!([key("reader_enc"), key("addressee_enc")]);
    let door = OsciDoor::open(settings, channel(json!({}))).await;
    for reader in ["addressee_enc", "reader_enc"] {
        let mut delivery = Delivery::of(Kind::AcceptDelivery, reader, "<a/>");
        (delivery.reader, delivery.recipient) = (Some(reader), Some(reader));
        assert_eq!(door.code(delivery.body()).await, "0800", "{reader}");
    }
    door.end().await;
}

#[tokio::test]
async fn whatever_is_wrong_with_an_encryption_the_answer_is_the_same() {
    let door = OsciDoor::open(settings(json!({})), channel(json!({}))).await;
    let whole = Delivery::of(Kind::AcceptDelivery, "m", "<a/>").body();
    let text = String::from_utf8_lossy(&whole).into_owned();
    let value = text.find("<xenc:CipherValue>").unwrap() + "<xenc:CipherValue>".len();
    let mut answers = Vec::new();
    let parts = whole.windows(8).rposition(|window| window == b"osci_enc").unwrap() + 20;
    let places = [value, value + 10, value + 200, parts, parts + 40, whole.len() - 60];
    for at in places {
        let mut wrong = whole.to_vec();
        wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
        answers.push(door.post(wrong).await);
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{:?}",
        answers.iter().map(|(_, body)| code(body)).collect::<Vec<_>>()
    );
    assert_eq!(code(&answers[0].1), "9202");
    assert_eq!(door.received(), 0);
    door.end().await;
}

#[tokio::test]
async fn the_answer_of_the_house_goes_back_on_the_exchange_signed_and_encrypted_for_the_sender() {
    let answer = || Ok(Verdict { reply: reply("<antwort/>"), ..verdict(Inbound::Rejected) });
    let door = OsciDoor::open(settings(json!({})), channel(json!({}))).await;
    door.house.then(answer());
    let (_, body) = door.post(Delivery::of(Kind::ProcessDelivery, "m1", "<frage/>").body()).await;
    assert!(door.house.delivered()[0].head.in_band);
    let received = answered(&body);
    let said = message(&received);
    assert_eq!((said.kind, said.order.feedback[0].code.as_str()), (Kind::ResponseToProcessDelivery, "0800"));
    assert_eq!(said.control.response.as_deref(), Some("frage"));
    assert_eq!(said.order.message_id.as_deref(), Some("m1-antwort"));
    let items = received.contents.unwrap();
    let [Item::Container { reader: Some(reader), container }] = &items[..] else { panic!("{items:?}") };
    assert_eq!(*reader, crate::osci_support::certificate("originator_enc"));
    let Standing::Signed { covered, signers } = container else { panic!("an unsigned answer") };
    assert_eq!(signers[0].certificate, crate::osci_support::certificate("addressee_sig"));
    assert!(signers[0].time.is_some());
    let [Item::Octets { octets, .. }] = &covered.get().items[..] else { panic!("one content") };
    assert_eq!(octets.as_ref(), b"<antwort/>");
    let inner = package(&body).unwrap();
    assert_eq!(
        headers(&inner).iter().map(|header| header.split(' ').next().unwrap()).collect::<Vec<_>>(),
        [
            "ControlBlock",
            "SupplierSignature",
            "QualityOfTimestamp",
            "QualityOfTimestamp",
            "responseToProcessDelivery",
            "NonIntermediaryCertificates"
        ]
    );
    if let Some(lines) = verified(&[("reply", &body)]) {
        assert_eq!(lines[0].matches(" ok(").count(), 2, "{lines:?}");
    }
    if let Some(faults) = invalid(&[("soapResponseToProcessDelivery.xsd".to_owned(), envelope(&inner))]) {
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
    // AcceptDelivery has no room for it: it goes by message.
    door.house.then(answer());
    let (_, body) = door.post(Delivery::of(Kind::AcceptDelivery, "m2", "<frage/>").body()).await;
    assert!(!door.house.delivered()[1].head.in_band);
    assert_eq!(message(&answered(&body)).order.feedback[0].code, "0800");
    door.end().await;
    // Nor is there room where it cannot be encrypted for its reader and must not go plain.
    let mut nobody = channel(json!({}));
    nobody["cipher"] = json!([]);
    let door = OsciDoor::open(settings(json!({})), nobody).await;
    door.house.then(answer());
    let (_, body) = door.post(Delivery::of(Kind::ProcessDelivery, "m3", "<frage/>").body()).await;
    assert!(!door.house.delivered()[0].head.in_band);
    assert!(answered(&body).contents.unwrap().is_empty());
    door.end().await;
}

#[tokio::test]
async fn feedback_says_received_only_after_the_house_has_committed() {
    let door = OsciDoor::open(settings(json!({})), channel(json!({}))).await;
    let conflict = Verdict { conflict: true, ..verdict(Inbound::Quarantined) };
    let cases: [(Result<Verdict, Busy>, &str); 7] = [
        (Ok(verdict(Inbound::Accepted)), "0800"),
        (Ok(verdict(Inbound::Waiting)), "0800"),
        (Ok(verdict(Inbound::Parked)), "0800"),
        (Ok(verdict(Inbound::Rejected)), "0800"),
        (Ok(verdict(Inbound::Denied)), "9805"),
        (Ok(conflict), "9801"),
        (Err(busy(std::time::Duration::from_secs(1))), "9811"),
    ];
    for (at, (outcome, expected)) in cases.into_iter().enumerate() {
        door.house.then(outcome);
        let delivery = Delivery::of(Kind::AcceptDelivery, &at.to_string(), "<a/>");
        assert_eq!(door.code(delivery.body()).await, expected);
    }
    door.end().await;
}

#[tokio::test]
async fn content_that_cannot_be_opened_is_kept_apart_and_was_received() {
    let door = OsciDoor::open(settings(json!({})), channel(json!({}))).await;
    // For other readers only.
    let mut delivery = Delivery::of(Kind::AcceptDelivery, "m", "<a/>");
    delivery.reader = Some("reader_enc");
    assert_eq!(door.code(delivery.body()).await, "0800");
    let apart = door.house.apart.lock().unwrap().clone();
    assert_eq!(apart.len(), 1);
    assert_eq!(
        (apart[0].1, apart[0].0.head.partner.as_ref().unwrap().id.as_str()),
        ("content that is encrypted for others only", "ja-nord")
    );
    door.end().await;
}

#[tokio::test]
async fn only_its_path_takes_posts_and_no_more_than_it_has_room_for() {
    let mut small = settings(json!({}));
    small["max-message"] = json!(1);
    let door = OsciDoor::open(small, channel(json!({}))).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(&door.url).send().await.unwrap().status(), 405);
    let elsewhere = door.url.replace("/osci", "/other");
    assert_eq!(client.post(elsewhere).body("x").send().await.unwrap().status(), 404);
    assert_eq!(door.post(vec![b'x'; (1 << 20) + 1]).await.0, 413);
    for garbage in [&b""[..], b"x", b"MIME-Version: 1.0\r\n\r\n", b"<soap:Envelope/>"] {
        assert_eq!(door.code(garbage.to_vec()).await, "9000", "{garbage:?}");
    }
    assert_eq!(door.received(), 0);
    door.end().await;
}

#[tokio::test]
async fn what_a_head_says_is_looked_at_and_an_empty_id_is_none() {
    let door = OsciDoor::open(settings(json!({})), channel(json!({}))).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let good = Delivery::of(Kind::AcceptDelivery, "kopf", "<a/>").body();
    for heads in [
        &[("Content-Encoding", "gzip")][..],
        &[("Content-Encoding", "identity"), ("Content-Encoding", "identity")],
        &[("Content-Type", "text/xml"), ("Content-Type", "application/xml")],
    ] {
        let mut request = client.post(&door.url).body(good.clone());
        for (name, value) in heads {
            request = request.header(*name, *value);
        }
        assert_eq!(request.send().await.unwrap().status(), 415, "{heads:?}");
    }
    assert_eq!(door.received(), 0);
    for document in ["<a/>", "<b/>"] {
        let delivery = Delivery::of(Kind::ProcessDelivery, "", document).body();
        assert_eq!(door.code(delivery).await, "0800", "{document}");
    }
    let keys: Vec<String> =
        door.house.delivered().iter().map(|found| found.head.transport_id.clone()).collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1]);
    door.end().await;
}

#[tokio::test]
async fn an_intermediary_whose_certificates_change_is_known_by_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.pem");
    let copy = |name: &str| std::fs::copy(crate::osci_door::file(&format!("{name}.crt.pem")), &path).unwrap();
    copy("author_sig");
    let mut settings = settings(json!({}));
    settings["intermediaries"][0]["signature"] = json!([pin("intermed_sig"), path]);
    let door = OsciDoor::open(settings, channel(json!({}))).await;
    for (at, name) in ["intermed_sig", "author_sig"].into_iter().enumerate() {
        let mut delivery = Delivery::of(Kind::AcceptDelivery, &at.to_string(), "<a/>");
        delivery.intermediary = Some(name);
        assert_eq!(door.code(delivery.body()).await, "0800", "{name}");
    }
    door.end().await;
}
