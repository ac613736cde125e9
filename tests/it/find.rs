//! `messages find` as somebody uses it at night: the real program over a store with deliveries.

use drehscheibe::cli::sample::{Wish, eintragung};
use serde_json::Value;

use crate::support::{Receiver, StageDir, cli, post, up};

/// The ids of what is found, in the order of ids: two of one millisecond have no other.
fn found(stage: &StageDir, words: &[&str]) -> Vec<String> {
    let all = [&["messages", "find", "--json"], words].concat();
    let (code, said) = cli(stage, &all);
    let listed: Value =
        serde_json::from_str(&said).unwrap_or_else(|fault| panic!("{words:?}: {fault}\n{said}"));
    let listed = listed.as_array().expect("a list");
    assert_eq!(code, i32::from(listed.is_empty()), "{words:?}");
    let mut ids: Vec<String> =
        listed.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_found_by_whatever_is_known_of_it() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let mut running = up(&stage).await;
    let mut bodies = Vec::new();
    for n in 3..6 {
        let body = eintragung(&Wish::plain(n));
        let (status, _) = post(&stage, &format!("schluessel-{n}"), body.clone()).await;
        assert_eq!(status, 200);
        bodies.push(body);
    }
    let (_, said) = cli(&stage, &["messages", "list", "--json"]);
    let listed: Value = serde_json::from_str(&said).expect("a list");
    let text = |nth: usize, name: &str| listed[nth][name].as_str().expect("a text").to_owned();
    let all: Vec<String> = (0..3).map(|nth| text(nth, "id")).collect();
    let one = std::slice::from_ref(&all[1]);
    let mut every = all.clone();
    every.sort();

    assert_eq!(found(&stage, &["--partner", &text(1, "partner")]), every);
    assert_eq!(found(&stage, &["--partner", "niemand"]), [""; 0]);
    for (words, told) in [
        (
            ["--partner", "jugendamt-bremn"],
            "there is no partner `jugendamt-bremn` in partners.yaml now; did you mean jugendamt-bremen?",
        ),
        (
            ["--route", "registerliferung"],
            "there is no route `registerliferung` among the routes now; did you mean registerlieferung?",
        ),
        (
            ["--type", "xfamilie.804"],
            "there is no message type `xfamilie.804` in the packages now; did you mean xfamilie.08",
        ),
    ] {
        let (code, said) = cli(&stage, &[&["messages", "find"][..], &words].concat());
        assert!(code == 1 && said.contains(told), "{said}");
    }
    let (code, said) = cli(&stage, &["messages", "show", "1234"]);
    assert!(!said.contains("group count"), "{code}: {said}");
    let (code, said) = cli(&stage, &["parked", "replay", "1234", "--reason", "Probe"]);
    assert!(code == 2 && said.contains("no whole id") && !said.contains("group count"), "{said}");
    assert_eq!(found(&stage, &["--route", &text(1, "route"), "--type", "xfamilie.0804"]), every);
    assert_eq!(found(&stage, &["--state", "rejected"]), [""; 0]);
    assert_eq!(found(&stage, &["--code", "T070"]), [""; 0]);
    // A delivery of a child whose register another office keeps: by the code, by the reason beside it, and however it is written.
    let foreign = eintragung(&Wish::plain(9)).replace("04011000", "02000000");
    let (_, answer) = post(&stage, "fremd", foreign).await;
    let (_, said) = cli(&stage, &["messages", "list", "--limit", "1", "--json"]);
    let refused: Value = serde_json::from_str(&said).expect("a list");
    let refused = (refused[0]["id"].as_str().expect("an id").to_owned(), refused[0]["cause"].clone());
    let reason = refused.1.as_str().and_then(|cause| cause.split(':').next()).expect("a reason").to_owned();
    let code = "T070";
    for word in [code, "t070", &reason, &reason.to_uppercase()] {
        assert_eq!(found(&stage, &["--code", word]), std::slice::from_ref(&refused.0), "{word}: {answer}");
    }
    assert_eq!(found(&stage, &["--code", "message-parked"]), [""; 0]);
    for (word, told) in [
        ("fremder-geburtsrt", "did you mean fremder-geburtsort?"),
        ("store-busy", "is an alarm of the house"),
    ] {
        let (code, said) = cli(&stage, &["messages", "find", "--code", word]);
        assert!(code == 2 && said.contains(told), "{said}");
    }
    // Around midnight both days.
    assert_eq!(found(&stage, &["--when", "gestern bis heute", "--state", "accepted"]), every);
    assert_eq!(found(&stage, &["--when", "vorgestern 9:50–10:10"]), [""; 0]);
    assert_eq!(found(&stage, &["--limit", "1"]).len(), 1);

    assert_eq!(found(&stage, &["--own", "schluessel-4"]), one, "the Idempotency-Key");
    let uuid =
        bodies[1].split("nachrichtenUUID>").nth(1).and_then(|rest| rest.split('<').next()).expect("a UUID");
    assert_eq!(found(&stage, &["--own", uuid]), one, "the nachrichtenUUID");
    assert_eq!(found(&stage, &["--own", &uuid.to_uppercase(), "--partner", &text(1, "partner")]), one);
    assert_eq!(found(&stage, &["--own", uuid, "--partner", "niemand"]), [""; 0]);
    assert_eq!(found(&stage, &["--sha256", &text(1, "octets_sha256")[..12]]), one);

    assert_eq!(found(&stage, &[&all[1]]), one);
    let sent = listed[1]["sends"][0]["id"].as_str().expect("an id");
    assert_eq!(found(&stage, &[sent]), one, "by what it sent");
    // All three may have come within a few minutes, so the beginning of one is the beginning of all or of some.
    assert!(found(&stage, &[&all[1][..8]]).contains(&all[1]));
    let (code, said) = cli(&stage, &["messages", "show", &all[1][..30]]);
    assert!(code == 0 && said.contains(&all[1]), "{said}");
    let (code, said) = cli(&stage, &["messages", "find", "kein"]);
    assert!(code == 2 && said.contains("is no id and no beginning of one"), "{said}");
    let (code, said) = cli(&stage, &["messages", "find", "--when", "neulich"]);
    assert!(code == 2 && said.contains("gestern"), "{said}");
    assert!(running.terminate(), "{}", stage.log());
}
