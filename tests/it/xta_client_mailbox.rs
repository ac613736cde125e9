//! The XTA client beside a server of nobody's stack: what the house says of a mailbox that it cannot empty, whose messages it leaves alone, how
//! long it waits for a server that answers, and what a person does there by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::xta_client_support::{BREMEN, Broker, FREMD, HOUSE, USUAL, edit};
use crate::xta_server_support::delivery;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_mailbox_answers_is_not_waited_for_as_long_as_its_breaker_says() {
    let broker = Broker::new(USUAL, "", json!({}));
    edit(
        &broker.stage,
        "connections.yaml",
        "retry: { first: 50ms, longest: 400ms, breaker-after: 50, breaker-open: 150ms }",
        "retry: { first: 1s, longest: 1h, breaker-after: 1, breaker-open: 1h }",
    );
    // Of five orders at once the first ones fail; the mailbox is looked at all the time.
    broker.foreign.order("SendMessage", json!({ "do": "fault", "code": 9030, "times": 2 })).await;
    for n in 1..=5 {
        broker.foreign.put(&delivery(n), json!({})).await;
    }
    let mut running = broker.up().await;
    broker.until("five answers, hours before a probe", 120, |state| state.sent() == 5).await;
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_stands_in_status_and_is_told_once() {
    let broker = Broker::new(USUAL, "", json!({}));
    broker.foreign.order("MsgBoxFetchRequest", json!({ "do": "truncate", "times": 1_000_000 })).await;
    let stranger = broker.foreign.put("<fremd/>", json!({ "author": FREMD })).await;
    let id = broker.foreign.put(&delivery(1), json!({})).await;
    let mut running = broker.up().await;
    broker.until("four attempts", 60, |state| state.one(&id)["fetched"].as_u64() >= Some(4)).await;
    let part = async |name: &str| {
        let (good, said) = broker.cli(&["status", "--json"]);
        assert!(good, "{said}");
        let report: Value = serde_json::from_str(&said).unwrap();
        report["parts"].as_array().unwrap().iter().find(|part| part["part"] == name).cloned()
    };
    let name = format!("not fetched of mailbox {HOUSE} of broker");
    let failing = part(&name).await.unwrap();
    assert_eq!((&failing["waits"], &failing["failing"]["turn"]), (&json!(1), &json!("far-end")), "{failing}");
    assert!(failing["oldest"].is_string(), "{failing}");
    let left = part(&format!("mailbox {HOUSE} of broker")).await.unwrap();
    assert!(left["waits"] == json!(1) && left["oldest"].is_string(), "{left}");
    let metrics = reqwest::get(format!("http://{}/metrics", broker.stage.http)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("drehscheibe_alarms_total{code=\"message-not-fetched\"} 1\n"), "{metrics}");
    broker.foreign.hand("forget", json!({})).await;
    broker.until("it is taken", 90, |state| state.closed(std::slice::from_ref(&id))).await;
    let mut last = Some(failing);
    for _ in 0..120 {
        last = part(&name).await;
        if last.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(last, None);
    assert_eq!(broker.foreign.state().await.one(&stranger)["fetched"], json!(0));
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_addressed_to_another_reader_stays_where_it_lies() {
    let broker = Broker::new(USUAL, "", json!({}));
    // In the mailbox of the house by an error of its server: closing it would be a receipt for somebody else.
    let other = broker.foreign.put(&delivery(1), json!({ "reader": FREMD, "box": HOUSE })).await;
    let copy =
        broker.foreign.put(&delivery(2), json!({ "reader": FREMD, "box": HOUSE, "others": [HOUSE] })).await;
    let own = broker.foreign.put(&delivery(3), json!({})).await;
    let mut running = broker.up().await;
    let state = broker.until("what is ours", 60, |state| state.closed(&[own.clone(), copy.clone()])).await;
    let looks = state.calls("MsgBoxStatusListRequest");
    let state =
        broker.until("further looks", 60, |state| state.calls("MsgBoxStatusListRequest") > looks + 3).await;
    assert_eq!((&state.one(&other)["fetched"], &state.one(&other)["closed"]), (&json!(0), &json!(false)));
    assert!(broker.stage.log().contains("addressed to another reader"));
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn by_hand_a_mailbox_is_listed_and_fetched_and_closed_only_where_that_is_said() {
    let broker = Broker::new(USUAL, "", json!({}));
    let document = delivery(1);
    let id =
        broker.foreign.put(&document, json!({ "attachments": [["Anlage Beispielfrau.pdf", 70_000]] })).await;
    let tls = |name: &str| broker.stage.stage().join("tls").join(name).to_str().unwrap().to_owned();
    let url = format!("https://localhost:{}/services/XTAService", broker.foreign.xta);
    let (cert, key, ca) = (tls("haus.pem"), tls("haus.key"), tls("servers.pem"));
    let anywhere = ["--url", &url, "--cert", &cert, "--key", &key, "--ca", &ca, "--as", HOUSE];
    let said = |words: &[&str]| {
        let (good, said) = broker.cli(&[&["xta"], words, &["--json"]].concat());
        (good, serde_json::from_str::<Value>(&said).unwrap_or_else(|_| panic!("{said}")))
    };
    for at in [&["--connection", "broker"][..], &anywhere] {
        let (good, listed) = said(&[&["ls"], at].concat());
        assert!(good && listed["more"] == json!(0), "{listed}");
        assert_eq!(
            (&listed["messages"][0]["id"], &listed["messages"][0]["author"]),
            (&json!(id), &json!(BREMEN))
        );
    }
    // Where no files of this stage lie nobody knows whose mailbox it is.
    let nowhere = tempfile::tempdir().unwrap();
    let by_hand = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
        let output =
            command.arg("xta").args(words).args(["--json", "--config"]).arg(nowhere.path()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = serde_json::from_slice::<Value>(&said)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said)));
        (output.status.success(), said)
    };
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    for (words, closed) in [(&[][..], false), (&["--close"], true)] {
        let (good, got) = by_hand(&[&["get", &id, "--to", to], &anywhere[..], words].concat());
        assert!(good && got["closed"] == json!(closed), "{got}");
        assert!(!got.to_string().contains("Beispielfrau"), "a name of its author is nobody's here: {got}");
        assert_eq!(fs::read_to_string(got["files"][0]["file"].as_str().unwrap()).unwrap(), document);
        assert_eq!(fs::metadata(got["files"][1]["file"].as_str().unwrap()).unwrap().len(), 70_000);
        assert_eq!(broker.foreign.state().await.one(&id)["closed"], json!(closed));
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        4,
        "nothing is written over, and nothing else lies there"
    );
    for file in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(
            file.unwrap().metadata().unwrap().permissions().mode() & 0o077,
            0,
            "nobody else may read it"
        );
    }
    // What the house takes in itself is not taken from under it, nor looked at past its record.
    for words in [&["get", &id, "--to", to, "--close"][..], &["get", &id, "--to", to]] {
        let (good, refused) = broker.cli(&[&["xta"], words, &["--connection", "broker"]].concat());
        assert!(!good && refused.contains("messages original"), "{refused}");
    }
    // Nor by its address, however that is written, and no folder is left of what came to nothing.
    let new = folder.path().join("neu/er");
    let new = new.to_str().unwrap();
    let other = format!("https://LOCALHOST:{}/services/XTAService/", broker.foreign.xta);
    for url in [&url, &other] {
        let at = [&["--url", url][..], &anywhere[2..]].concat();
        let (good, refused) = broker.cli(&[&["xta", "get", &id, "--to", new, "--close"], &at[..]].concat());
        assert!(!good && refused.contains("the mailbox of connection broker of the stage"), "{refused}");
    }
    let (good, gone) = by_hand(&[&["get", &id, "--to", new], &anywhere[..]].concat());
    assert!(!good && gone["trouble"].as_str().unwrap().contains("9070"), "{gone}");
    assert!(!folder.path().join("neu").exists());
    // Nothing is written into a tray, where its partner would take it away.
    let tray = broker.stage.tray("out");
    let elsewhere = [&["--url", "https://localhost:9/"][..], &anywhere[2..]].concat();
    let words = [&["xta", "get", &id, "--to", tray.to_str().unwrap()], &elsewhere[..]].concat();
    let (good, refused) = broker.cli(&words);
    assert!(!good && refused.contains("where nothing but deliveries"), "{refused}");
    let file = folder.path().join("antwort.xml");
    fs::write(&file, "<antwort/>").unwrap();
    let (file, attached) = (file.to_str().unwrap(), folder.path().join("anlage-1.pdf"));
    let order = ["send", file, "--to", BREMEN, "--message", "xfamilie.0803", "--scenario", "SORGEREGISTER"];
    let with = ["--schema", "urn:example:schema:1.0", "--attach", attached.to_str().unwrap()];
    let (good, refused) =
        broker.cli(&[&["xta"], &order[..], &with, &["--connection", "broker", "--real"]].concat());
    assert!(!good && refused.contains("leaves by its routes"), "{refused}");
    let (good, sent) = said(&[&order[..], &with, &["--connection", "broker"]].concat());
    assert!(good && sent["taken"] == json!(true), "{sent}");
    let state = broker.foreign.state().await;
    let taken = state.one(sent["id"].as_str().unwrap());
    assert_eq!(
        (&taken["reader"], &taken["test"], &taken["sizes"]),
        (&json!(BREMEN), &json!("true"), &json!([10, 70_000]))
    );
    let (good, report) = said(&["report", sent["id"].as_str().unwrap(), "--connection", "broker"]);
    assert!(good && report["status"] == json!("open"), "{report}");
    let (good, unknown) =
        broker.cli(&[&["xta", "ls", "--url", "https://localhost:9/"], &anywhere[2..]].concat());
    assert!(!good && unknown.contains("nobody listens"), "{unknown}");
    assert!(!unknown.contains("by itself"), "a command tries once: {unknown}");
}
