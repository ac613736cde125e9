//! What comes back from an intermediary and does not count, in the real program: kept as it came, once, listed for a person, written out for two; nothing more
//! is said in that dialog, and the other deliveries are taken.

use std::time::Duration;

use serde_json::{Value, json};

use crate::osci_client::recorded;
use crate::osci_door::{lenient, pin};
use crate::osci_peer::Intermediary;
use crate::osci_stage::{Amt, edit, exported};
use crate::osci_support::verified;
use crate::support::until;

/// What is listed of a state.
fn listed(amt: &Amt, state: &str) -> Vec<Value> {
    let (_, said) = amt.cli(&["messages", "list", "--json", "--state", state]);
    serde_json::from_str(&said).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_open_is_kept_as_it_came_and_nothing_more_is_said() {
    let Some(peer) = Intermediary::start() else { return };
    let poisoned = peer.inject(recorded("04-")).await;
    // However often it is tried.
    peer.script("FetchDelivery", &["undecryptable"; 40]).await;
    let amt = Amt::new();
    let mut written = peer.settings("addressee");
    written["kind"] = json!("osci-client");
    (written["mailbox"], written["every"]) = (json!(true), json!("200ms"));
    edit(&amt.stage, "connections.yaml", "connections:\n", &format!("connections:\n  intermed: {written}\n"));
    let channel = json!({ "authors": [pin("originator_sig"), pin("author_sig")], "policy": lenient() });
    edit(
        &amt.stage,
        "partners.yaml",
        "channels: { lieferungen: {},",
        &format!("channels: {{ lieferungen: {{}}, intermed: {channel},"),
    );
    let route = amt.stage.routes.join("registerlieferung.yaml");
    let text = std::fs::read_to_string(&route).unwrap();
    let bound =
        text.replacen("  - folder: lieferungen\n", "  - folder: lieferungen\n  - osci-client: intermed\n", 1);
    std::fs::write(route, bound).unwrap();
    let mut running = amt.up().await;
    until("what came is kept", 60, || listed(&amt, "quarantined").len() == 1).await;
    // Tried again and again, and kept once.
    let tried = || async { peer.kinds().await.iter().filter(|kind| *kind == "FetchDelivery").count() };
    for _ in 0..600 {
        if tried().await >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(tried().await >= 3);
    let kept = listed(&amt, "quarantined");
    let [one] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((&one["partner"], &one["mandant"] == ""), (&json!(""), false), "{one}");
    assert!(
        one["cause"].as_str().unwrap().starts_with("an answer of a far end that cannot be opened"),
        "{one}"
    );
    let (_, shown) = amt.cli(&["messages", "show", one["id"].as_str().unwrap()]);
    assert!(shown.contains("verified   envelope: does not count: the answer does not count"), "{shown}");
    let (_, status) = amt.cli(&["status"]);
    assert!(status.contains("quarantined") || status.contains("kept apart"), "{status}");
    // In each of these dialogs it was the last word.
    let seen = peer.seen().await;
    for order in seen.iter().filter(|order| order["kind"] == "FetchDelivery") {
        let last = seen.iter().rfind(|other| other["dialog"] == order["dialog"]).unwrap();
        assert_eq!((&last["kind"], &last["id"]), (&json!("FetchDelivery"), &json!(poisoned)));
    }
    assert_eq!(peer.card(&poisoned).await["reception"], Value::Null);
    // Once it opens it is taken; what was kept stays for whoever asks.
    peer.clear().await;
    let id = one["id"].as_str().unwrap().parse().unwrap();
    until("it is taken", 60, || !listed(&amt, "rejected").is_empty()).await;
    assert!(running.terminate(), "{}", amt.stage.log());
    let folder = exported(&amt, id).await;
    let octets = std::fs::read(folder.join("empfangen.http-body.bin")).unwrap();
    assert_eq!(drehscheibe::transport::ids::sha256_hex(&octets), one["octets_sha256"].as_str().unwrap());
    if let Some(lines) = verified(&[("raw", &octets)]) {
        // It is for another key, which the verifier has: what came is what the intermediary signed.
        assert!(lines[0].contains("encrypted ; SupplierSignature ok("), "{lines:?}");
    }
    let names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.contains(&poisoned)), "{names:?}");
}
