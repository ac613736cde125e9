//! The XTA server of the real program, driven over TLS with client certificates by zeep, which knows nothing but the official description: an
//! office delivers, comes for its Quittung, and asks what became of it; nobody sees what is another's. Skipped, and said, where zeep or the
//! description is not here.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::xta_server_support::{Amt, BREMEN, HOUSE, SERVICE, ZWEIT, code, delivery, order};

const NEVER: &str = "urn:de:xta:messageid:testamt:00000000-0000-0000-0000-000000000000";

/// The ids in a list, and how many more there are.
fn listed(told: &Value) -> (Vec<String>, u64) {
    let (header, body) = (&told["answer"]["header"], &told["answer"]["body"]);
    let all = body["MessageMetaData"].as_array().cloned().unwrap_or_default();
    let id = |meta: &Value| {
        let id = &meta["MsgIdentification"]["MessageID"];
        id.as_str().or(id["_value_1"].as_str()).unwrap_or_else(|| panic!("{meta}")).to_owned()
    };
    let pending = header["FetchResponseHeader"]["ItemsPending"].as_u64().unwrap_or(0);
    (all.iter().map(id).collect(), pending)
}

/// Why there is nothing.
fn reason(told: &Value) -> &str {
    let reason = &told["answer"]["header"]["FetchResponseHeader"]["NoMessageAvailable"]["reason"];
    reason.as_str().unwrap_or_else(|| panic!("{told}")).rsplit('/').next().unwrap()
}

/// The document of a message that was fetched.
fn document(told: &Value) -> String {
    let message = &told["answer"]["body"]["ContentContainer"]["Message"];
    let octets = message["_value_1"].as_str().unwrap_or_else(|| panic!("{told}"));
    String::from_utf8(STANDARD.decode(octets).unwrap()).unwrap()
}

/// The list of an office once it has so many, at most a minute later.
async fn waited(amt: &Amt, who: &str, identity: &str, many: usize) -> Option<Vec<String>> {
    let mut told = Value::Null;
    for _ in 0..120 {
        told = amt.zeep_one(who, json!({"do": "getStatusList", "as": identity}))?;
        let (ids, _) = listed(&told);
        if ids.len() >= many {
            return Some(ids);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{told}\n{}", amt.stage.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_delivers_by_xta_and_comes_for_its_quittung_through_kill_and_restart() {
    let amt = Amt::new();
    let (good, said) = amt.cli(&["check"]);
    assert!(good, "{said}");
    let mut running = amt.up().await;
    let Some(told) = amt.zeep(
        "bremen",
        json!([
            {"do": "checkAccountActive", "as": BREMEN},
            {"do": "checkAccountActive"},
            {"do": "createMessageId", "as": BREMEN, "keep": "id", "at": ["_value_1"]},
            {"do": "createMessageId"},
            {"do": "lookupService", "as": BREMEN, "reader": HOUSE, "services": [SERVICE, "urn:example:anderes"]},
            {"do": "lookupService", "as": BREMEN, "reader": ZWEIT, "services": [SERVICE]},
            {"do": "getStatusList", "as": BREMEN},
        ]),
    ) else {
        return;
    };
    assert_eq!((&told[0], &told[1]), (&json!({"answer": null}), &json!({"answer": null})), "{told:?}");
    let minted = |told: &Value| {
        let answer = &told["answer"];
        answer.as_str().or(answer["_value_1"].as_str()).unwrap_or_else(|| panic!("{told}")).to_owned()
    };
    let id = minted(&told[2]);
    assert!(id.starts_with("urn:de:xta:messageid:testamt:") && id != minted(&told[3]), "{id}");
    let offered = |told: &Value, at: usize| {
        let list = &told["answer"]["LookupServiceResult"];
        let list = if list.is_array() { list } else { &told["answer"] };
        list[at]["IsServiceAvailableValue"].clone()
    };
    assert_eq!(offered(&told[4], 0)["ServiceIsAvailable"], json!(true), "{}", told[4]);
    // zeep leaves a `false` out where it is one of a choice; that we write it is judged by the schema.
    let other = offered(&told[4], 1);
    assert!(
        other["ServiceIsAvailable"] != json!(true) && other["ServiceIsAvailableUnknown"].is_null(),
        "{other}"
    );
    assert_eq!(offered(&told[5], 0)["ServiceIsAvailableUnknown"], json!(true), "of others nobody knows");
    assert_eq!(reason(&told[6]), "NoMatch");

    let send = order(BREMEN, &id, &delivery(1));
    let again = order(
        BREMEN,
        &id.to_uppercase().replace("URN:DE:XTA:MESSAGEID", "urn:de:xta:messageid"),
        &delivery(1),
    );
    let other = order(BREMEN, &id, &delivery(2));
    let mut sync = send.clone();
    sync["do"] = json!("sendMessageSync");
    let told = amt
        .zeep(
            "bremen",
            json!([
                send, again, other, sync,
                {"do": "getTransportReport", "as": BREMEN, "id": id},
                {"do": "cancelMessage", "as": BREMEN, "id": id},
                {"do": "cancelMessage", "as": BREMEN, "id": NEVER},
            ]),
        )
        .unwrap();
    assert_eq!(told[0], json!({"answer": null}), "{told:?}\n{}", amt.stage.log());
    let codes: Vec<u64> = [1, 2, 3, 5, 6].iter().map(|at| code(&told[*at])).collect();
    assert_eq!(codes, [9024, 9024, 9080, 9101, 9022]);
    let report = &told[4]["answer"];
    assert_eq!(
        (&report["MessageStatus"]["Status"], &report["XTAServerIdentity"]),
        (&json!(1), &json!("testamt"))
    );

    let ids = waited(&amt, "bremen", BREMEN, 1).await.unwrap();
    // The one answer; the message with other content is kept apart, and its sender was told by code.
    let first = &ids[0];
    let told = amt
        .zeep(
            "bremen",
            json!([
                {"do": "getTransportReport", "as": BREMEN, "id": first},
                {"do": "close", "as": BREMEN, "ids": [first]},
                {"do": "getMessage", "as": BREMEN, "id": first},
                {"do": "getMessage", "as": BREMEN, "id": first},
                {"do": "getStatusList", "as": BREMEN, "new": true},
                {"do": "getStatusList", "as": BREMEN},
                {"do": "getStatusList", "as": BREMEN, "form": "MsgAtrributes"},
            ]),
        )
        .unwrap();
    assert_eq!(told[0]["answer"]["MessageStatus"]["Status"], json!(0));
    assert_eq!(code(&told[1]), 9070, "what was not fetched is not closed");
    let fetched = document(&told[2]);
    assert!(fetched.contains("0011"), "{fetched}");
    assert_eq!(document(&told[3]), fetched);
    let meta = &told[2]["answer"]["header"]["MessageMetaData"];
    assert_eq!(meta["Originators"]["Author"]["Identifier"]["_value_1"], HOUSE, "{meta}");
    assert_eq!(meta["Destinations"]["Reader"]["Identifier"]["_value_1"], BREMEN);
    assert_eq!(meta["Qualifier"]["BusinessScenario"]["Defined"]["code"], "XFAMILIE_DATA");
    assert_eq!(meta["TestMsg"], json!(true));
    assert!(meta.to_string().contains(&id), "it says which order it answers: {meta}");
    let first_fetch = meta["DeliveryAttributes"]["InitialFetch"].clone();
    let meta = &told[3]["answer"]["header"]["MessageMetaData"];
    assert_eq!(meta["DeliveryAttributes"]["InitialFetch"], first_fetch);
    assert!(first_fetch.is_string());
    assert!(!listed(&told[4]).0.contains(first) && listed(&told[5]).0.contains(first), "{told:?}");
    assert!(told[6]["answer"]["body"]["MsgAttributes"].to_string().contains(first.as_str()));

    // What is in hand stays so when the process dies, and closing it names nothing but its id.
    running.kill();
    let _running = amt.up().await;
    let told = amt
        .zeep(
            "bremen",
            json!([
                {"do": "close", "as": BREMEN, "ids": [first, NEVER]},
                {"do": "getStatusList", "as": BREMEN},
                {"do": "close", "as": BREMEN, "ids": [first]},
                {"do": "close", "as": BREMEN, "ids": [first]},
                {"do": "getMessage", "as": BREMEN, "id": first},
                {"do": "getTransportReport", "as": BREMEN, "id": first},
                {"do": "close", "as": BREMEN, "ids": [NEVER]},
                {"do": "getTransportReport", "as": BREMEN, "id": NEVER},
                {"do": "getStatusList", "as": BREMEN},
                {"do": "getTransportReport", "as": BREMEN, "id": id},
            ]),
        )
        .unwrap();
    assert_eq!(code(&told[0]), 9070, "of what is not known with it nothing is closed");
    assert!(listed(&told[1]).0.contains(first), "{told:?}");
    let told = &told[2..];
    assert_eq!((&told[0], &told[1]), (&json!({"answer": null}), &json!({"answer": null})), "{told:?}");
    assert_eq!([code(&told[2]), code(&told[4]), code(&told[5])], [9070; 3]);
    assert_eq!(told[3]["answer"]["MessageStatus"]["Status"], json!(1));
    assert!(!listed(&told[6]).0.contains(first));
    assert_eq!(told[7]["answer"]["MessageStatus"]["Status"], json!(1));
    assert!(!amt.stage.log().contains("panicked"));
}

/// A release that this house does not read yet lies in it all the same (rules.md 2.1 b): it stands against answers of its office, as one does that
/// came by HTTP, a tray or a queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_a_version_that_nobody_reads_speaks_against_its_office_by_xta_too() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let Some(told) = amt.zeep_one("bremen", json!({"do": "createMessageId", "as": BREMEN})) else { return };
    let answer = &told["answer"];
    let id = answer.as_str().or(answer["_value_1"].as_str()).unwrap_or_else(|| panic!("{told}")).to_owned();
    let (read, unread) = ("version=\"1.3.0\"", "version=\"9.9.9\"");
    let body = delivery(1);
    assert!(body.contains(read), "{body}");
    amt.zeep_one("bremen", order(BREMEN, &id, &body.replacen(read, unread, 1))).unwrap();
    let words = ["lieferung", "list", "--jugendamt", "jugendamt-bremen", "--json"];
    let mut listed = Value::Null;
    for _ in 0..120 {
        let output = amt.stage.command(&words).output().unwrap();
        listed = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if listed.as_array().is_some_and(|all| !all.is_empty()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let [one] = listed.as_array().unwrap().as_slice() else { panic!("{listed}\n{}", amt.stage.log()) };
    assert_eq!(
        (&one["jugendamt"], &one["grund"]),
        (&json!("jugendamt-bremen"), &json!("unreadable")),
        "{one}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_closes_cancels_or_reports_what_is_anothers() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let id = "urn:de:xta:messageid:fachverfahren:1";
    let Some(told) = amt.zeep_one("bremen", order(BREMEN, id, &delivery(1))) else { return };
    assert_eq!(told, json!({"answer": null}), "{}", amt.stage.log());
    let row = waited(&amt, "bremen", BREMEN, 1).await.unwrap().remove(0);
    // Fetched, so that it could be closed.
    let fetched = amt.zeep_one("bremen", json!({"do": "getMessage", "as": BREMEN, "id": row})).unwrap();
    let list =
        fetched["answer"]["header"]["FetchResponseHeader"]["MsgBoxRequestID"].as_str().unwrap().to_owned();
    let told = amt
        .zeep(
            "zweit",
            json!([
                {"do": "getStatusList", "as": ZWEIT},
                {"do": "getNextStatusList", "as": ZWEIT, "request": list},
                {"do": "getNextMessage", "as": ZWEIT, "request": list},
                {"do": "getMessage", "as": ZWEIT, "id": row},
                {"do": "close", "as": ZWEIT, "ids": [row]},
                {"do": "getNextStatusList", "as": ZWEIT, "request": list, "ids": [row]},
                {"do": "getNextMessage", "as": ZWEIT, "request": list, "ids": [row]},
                {"do": "getTransportReport", "as": ZWEIT, "id": row},
                {"do": "getTransportReport", "as": ZWEIT, "id": id},
                {"do": "cancelMessage", "as": ZWEIT, "id": id},
                {"do": "cancelMessage", "as": ZWEIT, "id": row},
                // As somebody else: not even by asking.
                {"do": "checkAccountActive", "as": BREMEN},
                {"do": "createMessageId", "as": BREMEN},
                {"do": "lookupService", "as": BREMEN, "reader": HOUSE, "services": [SERVICE]},
                {"do": "getStatusList", "as": BREMEN},
                {"do": "getMessage", "as": BREMEN, "id": row},
                {"do": "close", "as": BREMEN, "ids": [row]},
                {"do": "getTransportReport", "as": BREMEN, "id": id},
                {"do": "cancelMessage", "as": BREMEN, "id": id},
                {"do": "getNextStatusList", "as": BREMEN, "request": list},
                {"do": "getNextMessage", "as": BREMEN, "request": list},
                order(BREMEN, "urn:de:xta:messageid:fachverfahren:2", &delivery(2)),
                // Everybody of the account, which is nobody else.
                {"do": "getStatusList", "as": "*"},
                {"do": "getMessage", "as": "*", "id": row},
                // An id is its author's: another's of the same spelling is another order.
                order(ZWEIT, id, &delivery(3)),
            ]),
        )
        .unwrap();
    assert_eq!([reason(&told[0]), reason(&told[1]), reason(&told[2])], ["NoMatch"; 3]);
    let codes = |from: usize, to: usize| told[from..=to].iter().map(code).collect::<Vec<_>>();
    // A list declares no exception for an id that is not known.
    assert_eq!(codes(3, 8), [9070, 9070, 9030, 9070, 9070, 9070]);
    assert_eq!(codes(9, 10), [9022; 2], "as of an order that is not there");
    assert_eq!(codes(11, 21), [9014; 11]);
    assert_eq!((reason(&told[22]), code(&told[23])), ("NoMatch", 9070));
    assert_eq!(told[24], json!({"answer": null}));
    // Nothing of it touched what is the office's own.
    let told = amt
        .zeep(
            "bremen",
            json!([
                {"do": "getTransportReport", "as": BREMEN, "id": row},
                {"do": "close", "as": BREMEN, "ids": [row]},
                {"do": "getTransportReport", "as": BREMEN, "id": id},
            ]),
        )
        .unwrap();
    assert_eq!(told[0]["answer"]["MessageStatus"]["Status"], json!(0));
    assert_eq!(told[1], json!({"answer": null}));
    assert_eq!(told[2]["answer"]["MessageStatus"]["Status"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_come_as_whom_and_for_what_is_said_by_code() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let Some(told) = amt.zeep_one("fremd", json!({"do": "checkAccountActive"})) else { return };
    assert_eq!((code(&told), &told["fault"]["exception"]), (9012, &json!("PermissionDeniedException")));
    assert_eq!(code(&amt.zeep_one("gesperrt", json!({"do": "createMessageId"})).unwrap()), 9011);
    let none = amt.zeep_one("niemand", json!({"do": "createMessageId"})).unwrap();
    assert!(none["broken"].is_string(), "nobody comes in without a certificate: {none}");
    let aside = "jga:000000000003";
    let none = amt.zeep_one("nebenan", order(aside, "urn:x:1", &delivery(1))).unwrap();
    assert_eq!(code(&none), 9013, "no route takes anything from this partner");
    let wish = |more: Value| {
        let mut order = order(BREMEN, "urn:x:2", &delivery(1));
        for (key, value) in more.as_object().unwrap() {
            order[key] = value.clone();
        }
        order
    };
    let large = vec![b'x'; 9 << 20];
    let told = amt
        .zeep(
            "bremen",
            json!([
                wish(json!({"reader": ZWEIT})),
                wish(json!({"not-before": "2100-01-01T00:00:00Z"})),
                wish(json!({"id": "urn:x y"})),
                wish(json!({"content": STANDARD.encode(&large)})),
                wish(json!({"content": STANDARD.encode("PHgvPg==")})),
                wish(json!({"content": ""})),
                wish(json!({"not-before": "2020-01-01T00:00:00Z"})),
            ]),
        )
        .unwrap();
    let codes: Vec<u64> = told[..6].iter().map(code).collect();
    assert_eq!(codes, [9022, 9022, 9022, 9023, 9051, 9050], "{told:?}");
    // None of them was half stored: the same id is free.
    assert_eq!(told[6], json!({"answer": null}));
    let (_, said) = amt.cli(&["messages", "list"]);
    assert!(!said.contains("quarantined"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_pages_that_go_on_after_a_restart() {
    let amt = Amt::new();
    let mut running = amt.up().await;
    let steps: Vec<Value> = (1..=5).map(|n| order(BREMEN, &format!("urn:x:{n}"), &delivery(n))).collect();
    let Some(told) = amt.zeep("bremen", json!(steps)) else { return };
    assert!(told.iter().all(|told| *told == json!({"answer": null})), "{told:?}");
    let all = waited(&amt, "bremen", BREMEN, 5).await.unwrap();
    let first = amt.zeep_one("bremen", json!({"do": "getStatusList", "as": BREMEN, "most": 2})).unwrap();
    assert_eq!(listed(&first), (all[..2].to_vec(), 3));
    let id = |told: &Value| {
        told["answer"]["header"]["FetchResponseHeader"]["MsgBoxRequestID"].as_str().unwrap().to_owned()
    };
    running.kill();
    let _running = amt.up().await;
    let next = |list: &str| json!({"do": "getNextStatusList", "as": BREMEN, "request": list});
    let second = amt.zeep_one("bremen", next(&id(&first))).unwrap();
    assert_eq!(listed(&second), (all[2..4].to_vec(), 1));
    let third = amt.zeep_one("bremen", next(&id(&second))).unwrap();
    assert_eq!(listed(&third), (all[4..].to_vec(), 0));
    let told = amt.zeep("bremen", json!([next(&id(&third)), next("1")])).unwrap();
    assert_eq!([reason(&told[0]), reason(&told[1])], ["NoMatch", "RequestIdInvalid"]);
    // One by one: each call closes the one before.
    let (mut list, mut last, mut seen) = (id(&first), Vec::<String>::new(), Vec::new());
    loop {
        let step = json!({"do": "getNextMessage", "as": BREMEN, "request": list, "ids": last});
        let told = amt.zeep_one("bremen", step).unwrap();
        let meta = &told["answer"]["header"]["MessageMetaData"];
        if meta.is_null() {
            assert_eq!(reason(&told), "NoMatch");
            break;
        }
        assert!(document(&told).contains("0011"));
        let message = &meta["MsgIdentification"]["MessageID"];
        let message = message.as_str().or(message["_value_1"].as_str()).unwrap().to_owned();
        list = id(&told);
        last = vec![message.clone()];
        seen.push(message);
    }
    assert_eq!(seen, all);
    let left = amt.zeep_one("bremen", json!({"do": "getStatusList", "as": BREMEN})).unwrap();
    assert_eq!(listed(&left).0, Vec::<String>::new(), "all are closed: {left}");
}
