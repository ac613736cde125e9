//! Partners of OSCI that are known by an authority and a subject instead of pins, at the real listener: what is revoked, late, certified for somebody else or
//! certified by somebody else is not taken, and files that change hold without a start. The authority of the recordings made all of their certificates.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::telemetry::parts::Turn;
use drehscheibe::transport::osci::kind::Kind;
use drehscheibe::transport::osci_client::keeper::Keeper;
use jiff::SignedDuration;
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber};
use serde_json::{Value, json};

use crate::osci_client::{mailbox, recorded, writers};
use crate::osci_door::{Delivery, OsciDoor, file, pin, settings};
use crate::osci_mailbox::failing;
use crate::osci_peer::{self, Intermediary};
use crate::osci_support::{certificate, inside_term};
use crate::transport_support::{eventually, start};

/// A list of the authority of the recordings, made and followed by the next one so many hours from the moment of the tests.
fn list(revoked: &[&str], (made, next): (i64, i64)) -> Vec<u8> {
    let key = KeyPair::from_pem(&fs::read_to_string(file("ca.key.pem")).unwrap()).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&fs::read_to_string(file("ca.crt.pem")).unwrap(), key).unwrap();
    let at = |hours: i64| {
        let noon = rcgen::date_time_ymd(2026, 12, 1) + Duration::from_secs(12 * 3600);
        let span = Duration::from_secs(hours.unsigned_abs() * 3600);
        if hours < 0 { noon - span } else { noon + span }
    };
    let one = |name: &&str| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&serial(name)),
        revocation_time: at(made),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: at(made),
        next_update: at(next),
        crl_number: SerialNumber::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(one).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&issuer).unwrap().der().to_vec()
}

/// The serial number of a certificate in its octets.
fn serial(name: &str) -> Vec<u8> {
    let mut digits: u128 = certificate(name).serial().parse().unwrap();
    let mut octets = Vec::new();
    while digits > 0 {
        octets.insert(0, (digits & 0xFF) as u8);
        digits >>= 8;
    }
    octets
}

/// A channel by authority, whose list is this file.
fn channel(list: &Path, change: impl FnOnce(&mut Value)) -> Value {
    let mut trust = json!({
        "authorities": [pin("ca")],
        "subject": ["CN=Test originator_sig", "O=THROWAWAY TEST ONLY"],
        "lists": [list],
        "grace": "24h",
    });
    change(&mut trust);
    json!({ "trust": trust, "cipher": [pin("originator_enc")] })
}

fn delivery(id: &str) -> Delivery {
    Delivery::of(Kind::AcceptDelivery, id, "<lieferung/>")
}

async fn said(channel: Value, delivery: Delivery) -> (String, OsciDoor) {
    let door = OsciDoor::open(settings(json!({})), channel).await;
    (door.code(delivery.body()).await, door)
}

#[tokio::test]
async fn what_an_authority_certified_for_a_partner_counts_while_its_list_says_so() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("liste.crl");
    type Change = fn(&mut Value);
    let cases: [(&str, Vec<u8>, Change, &str); 9] = [
        ("fresh", list(&["author_sig"], (-24, 24)), |_| {}, "0800"),
        ("late, within its grace", list(&[], (-48, -1)), |_| {}, "0800"),
        // Ours: whoever delivered comes again.
        ("late, and its grace is over", list(&[], (-96, -25)), |_| {}, "9811"),
        ("of tomorrow", list(&[], (24, 48)), |_| {}, "9811"),
        ("revoked", list(&["originator_sig"], (-24, 24)), |_| {}, "9805"),
        ("revoked by a list that is long over", list(&["originator_sig"], (-96, -48)), |_| {}, "9805"),
        (
            "of somebody else",
            list(&[], (-24, 24)),
            |trust| trust["subject"][0] = json!("CN=Test author_sig"),
            "9805",
        ),
        (
            "one more attribute",
            list(&[], (-24, 24)),
            |trust| trust["subject"][0] = json!("OU=Amt 51"),
            "9805",
        ),
        (
            "no list at all, as the policy says",
            list(&[], (-24, 24)),
            |trust| {
                trust["without-lists"] = json!(true);
                trust["lists"] = json!([]);
            },
            "0800",
        ),
    ];
    for (name, octets, change, code) in cases {
        fs::write(&path, octets).unwrap();
        let (answered, door) = said(channel(&path, change), delivery(name)).await;
        assert_eq!(answered, code, "{name}");
        assert_eq!(door.received(), usize::from(code == "0800"), "{name}");
        if code == "0800" {
            let delivered = door.house.delivered();
            let content = delivered[0].evidence.verified.iter().find(|one| one.over == ["document"]).unwrap();
            let line = content.line();
            assert_eq!(content.chain.len(), 1, "{line}");
            let revocation = match name {
                "no list at all, as the policy says" => "not asked, as the policy says",
                "late, within its grace" => "within its grace",
                _ => "none by the list of 2026-11-30T12:00:00Z, the next due 2026-12-02T12:00:00Z",
            };
            assert!(content.counts && line.contains(revocation), "{name}: {line}");
        }
        door.end().await;
    }
    // An author whom the authority certified, but not as this partner's, in the partner's name.
    fs::write(&path, list(&[], (-24, 24))).unwrap();
    let other = Delivery { author: Some("author_sig"), ..delivery("fremder-autor") };
    let (answered, door) = said(channel(&path, |_| {}), other).await;
    assert_eq!((answered.as_str(), door.received()), ("9805", 0));
    door.end().await;
    // A subject that says the same, and no path.
    let foreign = |trust: &mut Value| trust["authorities"] = json!([pin("intermed_sig")]);
    let (answered, door) = said(channel(&path, foreign), delivery("kein-pfad")).await;
    assert_eq!((answered.as_str(), door.received()), ("9805", 0));
    door.end().await;
}

#[tokio::test]
async fn a_list_that_is_changed_holds_without_a_start_and_a_late_one_is_told() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("liste.crl");
    fs::write(&path, list(&[], (-48, -1))).unwrap();
    let door =
        OsciDoor::open_at(settings(json!({})), channel(&path, |_| {}), Clock::set(inside_term())).await;
    assert_eq!(door.code(delivery("erste").body()).await, "0800");
    let said = || {
        let all = door.parts.said().into_iter();
        all.filter(|said| said.part.starts_with("osci certificates")).find_map(|said| said.failing)
    };
    eventually(|| said().is_some_and(|failing| failing.cause.contains("was due 2026-12-01T11:00:00Z"))).await;
    // The next one names it; what cannot be read leaves that one in force.
    for (octets, expected) in [
        (list(&["originator_sig"], (-1, 24)), "9805"),
        (b"torn".to_vec(), "9805"),
        (list(&[], (0, 24)), "0800"),
    ] {
        fs::write(&path, octets).unwrap();
        let until = std::time::Instant::now() + Duration::from_secs(60);
        let mut number = 0;
        loop {
            number += 1;
            let code = door.code(delivery(&format!("{expected}-{number}")).body()).await;
            if code == expected {
                break;
            }
            assert!(std::time::Instant::now() < until, "{code} instead of {expected}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    eventually(|| said().is_none()).await;
    door.end().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_judged_for_want_of_a_list_is_nobodys_fault_and_comes_with_the_next_list() {
    let Some(peer) = Intermediary::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let by_list = |path: &Path| {
        let mut settings = mailbox(&peer);
        settings["intermediary"] = json!({
            "trust": {
                "authorities": [pin("ca")],
                "subject": ["CN=Test intermed_sig", "O=THROWAWAY TEST ONLY"],
                "lists": [path],
            },
            "cipher": [pin("intermed_enc")],
        });
        settings
    };
    let mut ids = Vec::new();
    for begins in ["04-", "05-"] {
        ids.push(peer.inject(recorded(begins)).await);
    }
    // No list that could be read, and none from before: nothing is asked for, and the file is named.
    let torn = place.path().join("torn.crl");
    fs::write(&torn, "torn").unwrap();
    let (house, around, _) = osci_peer::house(&writers());
    let running = start(Arc::new(Keeper::new("haus", &by_list(&torn), &around).unwrap().unwrap()));
    let said = failing(&around, "mailbox of haus").await.failing.unwrap();
    assert_eq!(said.turn, Turn::Ours, "{said:?}");
    assert!(said.cause.contains("no list of revoked certificates of its issuer"), "{said:?}");
    let named = failing(&around, "osci certificates haus").await.failing.unwrap();
    assert!(named.cause.contains("torn.crl"), "{named:?}");
    running.end().await.unwrap();
    assert!(peer.kinds().await.iter().all(|kind| kind == "InitDialog"));
    assert!(house.apart.lock().unwrap().is_empty());

    // In the middle of a dialog: its time is over while the first delivery is committed.
    let path = place.path().join("liste.crl");
    fs::write(&path, list(&[], (-24, 24))).unwrap();
    let (house, around, _) = osci_peer::house(&writers());
    let hold = house.hold();
    let running = start(Arc::new(Keeper::new("haus", &by_list(&path), &around).unwrap().unwrap()));
    house.wait_for(1).await;
    around.clock.move_to(inside_term() + SignedDuration::from_hours(25));
    *house.hold.lock().unwrap() = None;
    hold.notify_waiters();
    let said = failing(&around, "mailbox of haus").await.failing.unwrap();
    assert_eq!(said.turn, Turn::Ours, "{said:?}");
    assert!(said.cause.contains("the list of revoked certificates of its issuer is out of date"), "{said:?}");
    let fetched = |kinds: Vec<String>| kinds.iter().filter(|kind| *kind == "FetchDelivery").count();
    assert_eq!(fetched(peer.kinds().await), 2, "the second one was fetched, and its answer not judged");
    assert_eq!(house.delivered().len(), 1);
    assert_eq!(peer.card(&ids[1]).await["reception"], Value::Null);
    // Nothing is kept as an answer that does not count, and no delivery is one that cannot be taken.
    assert!(house.apart.lock().unwrap().is_empty());
    assert!(around.parts.said().iter().all(|said| !said.part.starts_with("not fetched")));
    fs::write(&path, list(&[], (24, 48))).unwrap();
    house.wait_for(2).await;
    eventually(|| around.parts.said().iter().all(|said| said.failing.is_none())).await;
    running.end().await.unwrap();
    let delivered = house.delivered();
    let found: Vec<_> = delivered.iter().map(|found| found.head.correlation.clone().unwrap()).collect();
    assert_eq!(found, ids);
    assert!(house.apart.lock().unwrap().is_empty());
    assert_ne!(peer.card(&ids[1]).await["reception"], Value::Null);
}

#[test]
fn check_says_what_is_wrong_with_trust() {
    use crate::osci_stage::{Amt, edit};
    let amt = Amt::new();
    let place = tempfile::tempdir().unwrap();
    let (path, torn) = (place.path().join("liste.crl"), place.path().join("torn.crl"));
    fs::write(&path, list(&[], (-24, 24))).unwrap();
    fs::write(&torn, "torn").unwrap();
    let before = crate::osci_door::channel(json!({})).to_string();
    let mut written = before.clone();
    for (channel, told) in [
        (channel(&path, |_| {}), None),
        (channel(&torn, |_| {}), Some("torn.crl: not a list of revoked certificates")),
        (channel(&path, |trust| trust["lists"] = json!([])), Some("name the lists of revoked certificates")),
        (channel(&path, |trust| trust["without-lists"] = json!(true)), Some("has no use beside `lists`")),
        (channel(&path, |trust| trust["grace"] = json!("31days")), Some("must be at most 30 days")),
        (
            channel(&path, |trust| trust["authorities"] = json!([pin("author_sig")])),
            Some("is no certificate of an authority"),
        ),
        (json!({ "cipher": [pin("originator_enc")] }), Some("or authorities under `trust`")),
    ] {
        let next = channel.to_string();
        edit(&amt.stage, "partners.yaml", &written, &next);
        written = next;
        let (good, said) = amt.cli(&["check"]);
        assert_eq!(good, told.is_none(), "{said}");
        if let Some(told) = told {
            // As it is written for a person it is broken into lines.
            let words = said.split_whitespace().filter(|word| *word != "│");
            assert!(words.collect::<Vec<_>>().join(" ").contains(told), "{told}: {said}");
        }
    }
    edit(&amt.stage, "partners.yaml", &written, &channel(&path, |_| {}).to_string());
    let (_, said) = amt.cli(&["doctor"]);
    assert!(said.contains("the next list"), "{said}");
}
