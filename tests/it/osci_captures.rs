//! What real libraries wrote (OSCI-Transport 1.2, Java 2.4.1 and .NET 2.0.1): every recorded body is opened to the same octets
//! and judged as an independent verifier judged it (`tests/wire/osci12/verify-result.txt`).

use std::collections::BTreeMap;
use std::fs;

use drehscheibe::transport::osci::content::Item;
use drehscheibe::transport::osci::envelope::Standing;
use drehscheibe::transport::osci::glance::Glance;
use drehscheibe::transport::osci::kind::Kind;
use drehscheibe::transport::osci::message::Message;
use drehscheibe::transport::osci::open::Rules;
use drehscheibe::transport::osci::receive::{Received, receive};
use drehscheibe::trust::digest::Digest;

use crate::osci_support::{as_keys, body, decrypter, decrypters, folder, legacy, look, package, recorded};

/// What the verifier said of each body, its line cut at `;`.
fn verified() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(folder().join("verify-result.txt")).unwrap();
    let mut scenario = "";
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            scenario = name;
        } else if let Some((name, said)) = line.split_once(" | ") {
            let said = said.split(" ; ").map(|piece| piece.trim().to_owned()).collect();
            found.insert(format!("{scenario}/{}", name.trim()), said);
        }
    }
    found
}

/// One signature as the verifier wrote it: its kind in our words, number of references and scheme if it is good, the piece.
type Said = (&'static str, Option<(usize, String)>, String);

fn said_signature(piece: &str) -> Option<Said> {
    let kind = if piece.starts_with("ClientSignature") {
        "client"
    } else if piece.starts_with("SupplierSignature") {
        "supplier"
    } else if piece.starts_with("content-sig") {
        "content"
    } else {
        return None;
    };
    let good = piece.find("ok(").filter(|_| !piece.contains("REFSET")).map(|at| {
        let inside = &piece[at + 3..];
        let (references, rest) = inside.split_once(" refs,").unwrap();
        let scheme = rest.split([',', ')']).next().unwrap();
        (references.parse().unwrap(), scheme.to_owned())
    });
    Some((kind, good, piece.to_owned()))
}

/// Sizes of plaintexts as the verifier wrote them.
fn said_sizes(said: &[String]) -> Vec<usize> {
    let number = |text: &str| text.split_whitespace().next().unwrap().parse().unwrap();
    let mut sizes: Vec<usize> = said
        .iter()
        .filter_map(|piece| match piece.split_once(" -> ") {
            Some((_, rest)) if piece.starts_with("enc ") => Some(number(rest)),
            _ => piece.strip_prefix("att ").map(|rest| number(rest.split_once(" decrypted ").unwrap().1)),
        })
        .collect();
    sizes.sort_unstable();
    sizes
}

fn expected_reason(said: &str) -> &'static str {
    if said.contains("SIGVALUE") {
        "signature value not made with this key"
    } else if said.contains("DIGEST MISMATCH") {
        "a signed part was changed"
    } else {
        assert!(said.contains("REFSET DIFF"), "{said}");
        "references and parts of the message are not the same"
    }
}

fn compare(name: &str, said: &[String], seen: &Glance) -> usize {
    match said[0].as_str() {
        "undecryptable TypeError" => {
            assert!(seen.fault.as_deref().unwrap().starts_with("no osci package"), "{name}");
            return 0;
        }
        "undecryptable InvalidTag" => {
            assert!(seen.fault.as_deref().unwrap().starts_with("cannot be decrypted"), "{name}");
            assert!(!seen.encryptions[0].opened);
            return 0;
        }
        // Two elements with one Id: the verifier stopped, we say which fault it is.
        text if text.starts_with("EXC AssertionError(('controlblock', 2))") => {
            assert!(seen.fault.as_deref().unwrap().ends_with("the same id twice"), "{name}");
            assert!(seen.signatures.iter().all(|signature| !signature.valid));
            return 0;
        }
        way => assert_eq!(seen.transport_encrypted, way == "encrypted", "{name}"),
    }
    let mut seen_signatures: Vec<_> = seen.signatures.iter().collect();
    let said_signatures: Vec<_> = said.iter().filter_map(|piece| said_signature(piece)).collect();
    assert_eq!(seen_signatures.len(), said_signatures.len(), "{name}");
    for (kind, good, said) in &said_signatures {
        let at = seen_signatures.iter().position(|signature| {
            let same = (signature.references, signature.algorithm.clone().unwrap());
            signature.kind == *kind
                && signature.valid == good.is_some()
                && good.as_ref().is_none_or(|good| *good == same)
        });
        let signature =
            seen_signatures.remove(at.unwrap_or_else(|| panic!("{name}: no signature as {said}")));
        assert_eq!(signature.trusted, good.is_some(), "{name}");
        match good {
            Some(_) => assert_eq!(signature.reason, None, "{name}"),
            None => {
                assert!(signature.reason.as_deref().unwrap().starts_with(expected_reason(said)), "{name}")
            }
        }
    }
    let mut sizes: Vec<usize> = seen
        .encryptions
        .iter()
        .skip(usize::from(seen.transport_encrypted))
        .map(|found| found.size.unwrap())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, said_sizes(said), "{name}");
    said_signatures.len()
}

#[test]
fn every_recorded_body_is_judged_as_the_independent_verifier_judged_it() {
    let verified = verified();
    let bodies = recorded();
    assert_eq!(bodies.len(), verified.len());
    let signatures: usize =
        bodies.iter().map(|found| compare(&found.name, &verified[&found.name], &look(&found.body))).sum();
    // So that a test that compares nothing does not pass.
    assert!(signatures > 300, "{signatures}");
}

#[test]
fn every_encrypted_body_opens_to_the_identical_octets() {
    let expected = fs::read_to_string(folder().join("decrypted.txt")).unwrap();
    let expected: BTreeMap<&str, (&str, usize)> = expected
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let (hash, size) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
            (words.next().unwrap(), (hash, size))
        })
        .collect();
    let mut compared = 0;
    for found in recorded() {
        let Some((hash, size)) = expected.get(found.name.as_str()) else { continue };
        let plain = package(&found.body).unwrap();
        assert_eq!(
            (hex::encode(Digest::Sha256.of(&plain)).as_str(), plain.len()),
            (*hash, *size),
            "{}",
            found.name
        );
        let seen = look(&found.body);
        assert_eq!(seen.encryptions[0].sha256.as_deref(), Some(*hash));
        compared += 1;
    }
    assert_eq!(compared, expected.len());
}

fn message(received: &Received) -> &Message {
    match &received.message {
        Standing::Signed { covered, .. } => covered.get(),
        Standing::Unsigned(unproven) => unproven.look(),
    }
}

#[test]
fn every_recorded_message_is_read_into_the_model() {
    let keys = decrypters();
    let mut kinds = BTreeMap::new();
    for found in recorded() {
        let received = match receive(&found.body, None, &as_keys(&keys), &legacy()) {
            Ok(received) => received,
            Err(fault) => {
                let negative = ["21-", "23-", "27-"].iter().any(|begins| found.name.starts_with(begins));
                assert!(negative, "{}: {fault}", found.name);
                continue;
            }
        };
        let message = message(&received);
        assert!(received.contents.is_ok(), "{}", found.name);
        assert!(
            found.name.contains(&format!("-{}.", message.kind.name()))
                || found.name.contains("MessageEncrypted")
        );
        assert_eq!(message.kind.is_response(), !message.order.feedback.is_empty(), "{}", found.name);
        *kinds.entry(message.kind.name()).or_insert(0) += 1;
    }
    // All but ResponseTo… of what the recordings have not.
    assert_eq!(kinds.len(), 24, "{kinds:?}");
}

/// The octets in contents, and whether a signature covers them.
fn octets_of<'a>(items: &'a [Item], found: &mut Vec<(&'a [u8], bool)>, signed: bool) {
    for item in items {
        match item {
            Item::Octets { octets, .. } => found.push((octets, signed)),
            Item::Container { container: Standing::Signed { covered, signers }, .. } => {
                assert!(!signers.is_empty());
                octets_of(&covered.get().items, found, true);
            }
            Item::Container { container: Standing::Unsigned(unproven), .. } => {
                octets_of(&unproven.look().items, found, signed);
            }
            Item::Closed { .. } => panic!("closed"),
        }
    }
}

#[test]
fn the_model_says_what_was_written() {
    let keys = decrypters();
    let received = receive(
        &body("03-plain-signed-rich-content-encrypted/02-client2intermed-StoreDelivery"),
        None,
        &as_keys(&keys),
        &Rules::default(),
    )
    .unwrap();
    let message = message(&received);
    assert_eq!(message.kind, Kind::StoreDelivery);
    assert_eq!(message.order.subject.as_deref(), Some("Testnachricht mit Umlaut Ä & Zeichen"));
    assert!(
        message
            .order
            .message_id
            .as_deref()
            .unwrap()
            .starts_with("mock-intermediary-03-plain-signed-rich-content-encrypted-")
    );
    assert_eq!(message.stamps.len(), 2);
    assert_eq!(message.features.as_ref().unwrap().supported.len(), 6);
    let names: Vec<&str> = message.certificates.iter().map(|named| named.role.as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("Cipher")).count(), 4);
    let items = received.contents.unwrap();
    let mut found = Vec::new();
    octets_of(&items, &mut found, false);
    assert!(found.contains(&(&b"Any content data."[..], true)));
    assert!(found.contains(&(&b"innerer Container"[..], true)));
    assert!(found.iter().any(|(octets, signed)| octets.starts_with(b"<?xml") && !signed));
    // The time that an author signed.
    let times: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Container { container: Standing::Signed { signers, .. }, .. } => Some(signers),
            _ => None,
        })
        .flatten()
        .filter_map(|signer| signer.time.clone())
        .collect();
    assert!(times.contains(&"2026-01-15T10:11:12.000+01:00".to_owned()));
}

#[test]
fn process_cards_selections_and_chunks_are_read() {
    let keys = decrypters();
    let of = |begins: &str| {
        let received = receive(&body(begins), None, &as_keys(&keys), &Rules::default()).unwrap();
        message(&received).clone()
    };
    let cards = of("24-fetch-errors-and-processcards/04-client2intermed-FetchProcessCard");
    assert_eq!(cards.order.quantity, Some(10));
    assert!(format!("{:?}", cards.order.selection).contains("no_reception: true, role: Some(\"Addressee\")"));
    let answer =
        of("02-plain-signed-rsa-sha256-oneway-active-rich/05-client2intermed-ResponseToFetchProcessCard");
    assert!(!answer.order.cards.is_empty() && answer.order.cards[0].creation.is_some());
    assert_eq!(answer.order.feedback[0].code.len(), 4);
    let chunk = of("18-partial-plain-signed/03-client2intermed-PartialStoreDelivery").order.chunk.unwrap();
    assert_eq!((chunk.size, chunk.of), (Some(6), Some(3)));
    let accept = of("13-oneway-passive-plain-signed/03-intermed2recipient-AcceptDelivery");
    assert!(accept.control.challenge.is_some() && accept.control.response.is_none());
    assert_eq!(accept.order.cards.len(), 1);
}

#[test]
fn negatives_are_answered_with_the_code_of_the_standard() {
    let keys = decrypters();
    for (begins, code) in [
        ("27-recipient-error-cases/02-", 9202),
        ("27-recipient-error-cases/03-intermed2recipient-AcceptDelivery", 9601),
        ("27-recipient-error-cases/04-intermed2recipient-AcceptDelivery", 9601),
        ("27-recipient-error-cases/05-intermed2recipient-AcceptDelivery", 9602),
        ("27-recipient-error-cases/06-intermed2recipient-AcceptDelivery", 9100),
        ("27-recipient-error-cases/07-intermed2recipient-AcceptDelivery", 9400),
        ("21-soap-faults-from-recipient/01-intermed2recipient-unknown", 9000),
        ("21-soap-faults-from-recipient/02-intermed2recipient-unknown", 9100),
        ("23-negative-tampered-response-signature/01-client2intermed-ResponseToGetMessageId", 9601),
    ] {
        assert_eq!(
            receive(&body(begins), None, &as_keys(&keys), &legacy()).unwrap_err().code(),
            code,
            "{begins}"
        );
    }
    // Encrypted for somebody else's certificate: the one whose key is not among ours.
    let foreign = body("27-recipient-error-cases/01-intermed2recipient-MessageEncrypted");
    let ours = [decrypter("addressee_enc")];
    assert_eq!(receive(&foreign, None, &as_keys(&ours), &Rules::default()).unwrap_err().code(), 9200);
}

#[test]
fn old_algorithms_are_read_only_where_the_rules_say_so() {
    let keys = decrypters();
    for begins in [
        "10-legacy-aes256cbc-rsa15/01-client2intermed-GetMessageId",
        "11-legacy-3des-rsa15/01-client2intermed-GetMessageId",
    ] {
        assert!(receive(&body(begins), None, &as_keys(&keys), &legacy()).is_ok());
        let fault = receive(&body(begins), None, &as_keys(&keys), &Rules::default()).unwrap_err();
        assert_eq!(
            (fault.code(), fault.to_string().starts_with("encrypted with an old algorithm")),
            (9202, true)
        );
    }
}

#[test]
fn several_keys_are_valid_side_by_side_and_one_is_enough() {
    let store = body("03-plain-signed-rich-content-encrypted/02-client2intermed-StoreDelivery");
    let addressee = [decrypter("addressee_enc")];
    let received = receive(&store, None, &as_keys(&addressee), &Rules::default()).unwrap();
    let items = received.contents.unwrap();
    assert!(!items.iter().any(|item| matches!(item, Item::Closed { .. })));
    // The intermediary opens nothing, and judges what it can see.
    let received = receive(&store, None, &[], &Rules::default()).unwrap();
    let closed = received.contents.unwrap().iter().filter(|item| matches!(item, Item::Closed { .. })).count();
    assert_eq!(closed, 3);
    assert!(received.report.signatures.iter().all(|signature| signature.outcome.is_ok()));
}
