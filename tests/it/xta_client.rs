//! The XTA client of the real program against a server of nobody's stack: what lies in its mailbox is taken once and closed after it was committed,
//! what cannot be had is said, what is sent is sent once and looked after. The foreign server itself is judged by zeep and the official schemas
//! first, where they are here.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::envelope::{Claim, How, Part, PartnerRef};
use drehscheibe::transport::port::{After, Channel, Destination, Followed, SendError, Spool, Withdrawal};
use drehscheibe::transport::xta::names::Module;
use drehscheibe::transport::xta_client::ENTRY;
use serde_json::{Value, json};

use crate::support::until;
use crate::transport_support::{House, destination_of, envelope};
use crate::xta_client_support::{BREMEN, Broker, FREMD, Foreign, HOUSE, MIXED, USUAL};
use crate::xta_server_support::{code, delivery, zeep};
use crate::xta_support::refused_by_schema;

#[tokio::test(flavor = "multi_thread")]
async fn the_foreign_server_satisfies_zeep_and_the_schemas_first() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = Foreign::start(folder.path(), USUAL, json!({}));
    let as_who = |who: &str, steps: Value| {
        zeep(json!({
            "ca": folder.path().join("servers.pem"), "server": format!("https://localhost:{}", foreign.xta), "steps": steps,
            "certificate": folder.path().join(format!("{who}.pem")), "key": folder.path().join(format!("{who}.key")),
        }))
        .map(Result::unwrap)
    };
    let send = |id: &str| {
        json!({ "do": "sendMessage", "author": BREMEN, "reader": HOUSE, "id": id, "size": 100,
                "attachments": [{ "content": "JVBERg==", "type": "application/pdf", "name": "Anlage ü.pdf" }] })
    };
    let service = "urn:example:dienst:1.0";
    let mut sync = send("urn:x:3");
    sync["do"] = json!("sendMessageSync");
    let Some(told) = as_who(
        "author",
        json!([
            { "do": "checkAccountActive", "as": BREMEN },
            { "do": "checkAccountActive", "as": HOUSE },
            { "do": "createMessageId", "as": BREMEN },
            { "do": "lookupService", "as": BREMEN, "reader": HOUSE, "services": [service, "urn:example:anderes"] },
            send("urn:x:1"), send("urn:x:2"), send("URN:X:1"), sync,
            { "do": "getTransportReport", "as": BREMEN, "id": "urn:x:1" },
            { "do": "getTransportReport", "as": BREMEN, "id": "urn:x:9" },
            { "do": "cancelMessage", "as": BREMEN, "id": "urn:x:1" },
        ]),
    ) else {
        return;
    };
    assert_eq!(told[0], json!({ "answer": null }));
    assert_eq!((code(&told[1]), code(&told[6]), code(&told[7])), (9014, 9024, 9080));
    assert_eq!((code(&told[9]), code(&told[10])), (9070, 9101));
    assert_eq!((&told[4], &told[5]), (&json!({ "answer": null }), &json!({ "answer": null })));
    assert_eq!(told[8]["answer"]["MessageStatus"]["Status"], json!(0));
    let told = as_who(
        "haus",
        json!([
            { "do": "getStatusList", "as": HOUSE, "most": 1, "keep": "list", "at": ["header", "FetchResponseHeader", "MsgBoxRequestID"] },
            { "do": "getNextStatusList", "as": HOUSE, "request": "$list" },
            { "do": "getStatusList", "as": HOUSE, "form": "MsgAtrributes" },
            { "do": "getMessage", "as": HOUSE, "id": "urn:x:1" },
            { "do": "close", "as": HOUSE, "ids": ["urn:x:1"] },
            { "do": "getMessage", "as": HOUSE, "id": "urn:x:1" },
            { "do": "getNextMessage", "as": HOUSE, "request": "urn:y" },
        ]),
    )
    .unwrap();
    // zeep leaves a zero out where it is one of a choice.
    let pending = |at: usize| told[at]["answer"]["header"]["FetchResponseHeader"]["ItemsPending"].as_u64();
    assert_eq!((pending(0), pending(1).unwrap_or(0)), (Some(1), 0), "{told:?}");
    assert!(told[1].to_string().contains("urn:x:2") && told[3].to_string().contains("Anlage ü.pdf"));
    assert_eq!((&told[4], code(&told[5])), (&json!({ "answer": null }), 9070));
    let nobody = as_who("fremd", json!([{ "do": "checkAccountActive" }])).unwrap();
    assert_eq!(code(&nobody[0]), 9012);
    let answers: Vec<String> = serde_json::from_value(foreign.hand("answers", json!({})).await).unwrap();
    assert!(answers.len() >= 18, "{}", answers.len());
    if let Some(refused) = refused_by_schema(Module::Xta211, &answers) {
        assert_eq!(refused, [], "{}", refused.first().map_or("", |(at, _)| &answers[*at]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_deliveries_are_taken_in_pages_of_two_and_each_is_answered_once() {
    // Its ports stand where a gateway for sending and a broker of another make have theirs.
    let broker = Broker::new(MIXED, "", json!({}));
    let (good, said) = broker.cli(&["check"]);
    assert!(good, "{said}");
    let mut ids = Vec::new();
    for n in 1..=5 {
        ids.push(broker.foreign.put(&delivery(n), json!({})).await);
    }
    let (good, said) = broker.cli(&["doctor"]);
    assert!(said.contains("the account of srp:plattform is active"), "{good} {said}");
    let mut running = broker.up().await;
    let state = broker.until("five answers", 60, |state| state.closed(&ids) && state.sent() == 5).await;
    for id in &ids {
        assert_eq!(state.one(id)["fetched"], json!(1), "{}", state.0);
    }
    let mut answered: Vec<&str> = state.of(BREMEN).map(|one| one["answers"][0].as_str().unwrap()).collect();
    answered.sort_unstable();
    let mut asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    asked.sort_unstable();
    assert_eq!(answered, asked, "each answer names the order that it answers");
    assert!(
        state.of(BREMEN).all(|one| one["code"] == "xfamilie.0011" && one["test"] == "true"),
        "{}",
        state.0
    );
    assert_eq!((state.calls("SendMessage"), state.calls("CreateMessageID")), (5, 5));
    let asked = state.calls("IsServiceAvailable");
    assert!((1..=2).contains(&asked), "what the directory said counts for a while: {asked}");
    // A mailbox that was emptied is asked again and again.
    broker
        .until("further looks", 10, |later| {
            later.calls("MsgBoxStatusListRequest") > state.calls("MsgBoxStatusListRequest") + 3
        })
        .await;
    // Four reports are green, one is red: of that a person is told.
    let orders: Vec<String> = state.of(BREMEN).map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    for (at, id) in orders.iter().enumerate() {
        broker.foreign.hand("status", json!({ "id": id, "status": if at == 0 { 3 } else { 1 } })).await;
    }
    until("a red report calls a person", 60, || broker.stage.log().contains("delivery-not-confirmed")).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let looks = broker.foreign.state().await.calls("GetTransportReport");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        broker.foreign.state().await.calls("GetTransportReport"),
        looks,
        "what is final is not looked at again"
    );
    assert!(running.terminate());
    assert!(!broker.stage.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_fetch_and_close_has_one_effect() {
    let broker = Broker::new(USUAL, "", json!({}));
    // Committed and never closed: each close breaks off, and then the process is gone.
    broker.foreign.order("MsgBoxCloseRequest", json!({ "do": "drop-before", "times": 2 })).await;
    let first = broker.foreign.put(&delivery(1), json!({ "id": "urn:de:xta:messageid:fremd:ABC" })).await;
    let mut running = broker.up().await;
    broker.until("two closes", 30, |state| state.calls("MsgBoxCloseRequest") >= 2).await;
    running.kill();
    let state = broker.foreign.state().await;
    assert_eq!((&state.one(&first)["closed"], &state.one(&first)["fetched"]), (&json!(false), &json!(1)));
    let mut running = broker.up().await;
    let state = broker.until("the close", 60, |state| state.closed(std::slice::from_ref(&first))).await;
    assert_eq!(state.one(&first)["fetched"], json!(1), "what is committed is only closed");
    // Fetched and never committed: the answer hangs, and the process is gone.
    broker.foreign.order("MsgBoxFetchRequest", json!({ "do": "sleep", "seconds": 3 })).await;
    let second = broker.foreign.put(&delivery(2), json!({})).await;
    broker
        .until("a fetch", 30, |later| later.calls("MsgBoxFetchRequest") > state.calls("MsgBoxFetchRequest"))
        .await;
    running.kill();
    let mut running = broker.up().await;
    let ids = [first, second];
    broker.until("both closed and answered", 60, |state| state.closed(&ids) && state.sent() >= 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(broker.foreign.state().await.sent(), 2, "one answer each");
    assert!(running.terminate());
    let (_, listed) = broker.cli(&["messages", "list", "--json"]);
    assert_eq!(listed.matches("\"accepted\"").count(), 2, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_said_and_stops_nobody() {
    let broker = Broker::new(USUAL, "", json!({ "next-pages": false }));
    // Left where they lie, and in the way of whoever looks at the first page only.
    let mut left = Vec::new();
    for _ in 0..3 {
        left.push(broker.foreign.put("<fremd/>", json!({ "author": FREMD })).await);
    }
    left.push(broker.foreign.put("<schreibung/>", json!({ "author": BREMEN.to_uppercase() })).await);
    let mut good = vec![broker.foreign.put(&delivery(1), json!({ "type": "" })).await];
    for order in [
        json!({ "do": "truncate" }),
        json!({ "do": "fault", "code": 9030 }),
        json!({ "do": "plain" }),
        json!({ "do": "no-addressing" }),
        json!({ "do": "fault", "code": 9070 }),
    ] {
        broker.foreign.order("MsgBoxFetchRequest", order).await;
    }
    good.push(broker.foreign.put(&delivery(2), json!({ "author": "abc-1", "type": "XTA_ID" })).await);
    for n in 3..=5 {
        good.push(broker.foreign.put(&delivery(n), json!({ "attachments": [["Anlage.pdf", 70_000]] })).await);
    }
    // What nobody can read is a delivery all the same: committed, and closed.
    good.push(broker.foreign.put("kein XML", json!({})).await);
    let large = json!({ "author": BREMEN, "reader": HOUSE, "size": 9 << 20 });
    good.push(broker.foreign.hand("put", large).await["id"].as_str().unwrap().to_owned());
    let first = broker.foreign.state().await;
    assert_eq!(first.of(HOUSE).count(), 11);
    let mut running = broker.up().await;
    let state = broker.until("all that can be had", 90, |state| state.closed(&good)).await;
    for id in &left {
        assert_eq!((&state.one(id)["fetched"], &state.one(id)["closed"]), (&json!(0), &json!(false)));
    }
    let log = broker.stage.log();
    assert!(log.contains("message-not-fetched") && log.contains("sender-not-admitted"), "{log}");
    assert!(!log.contains("geheimer Grund"), "texts of the far end are its own");
    broker.until("answers", 30, |state| state.sent() >= 6).await;
    let (_, listed) = broker.cli(&["messages", "list", "--json"]);
    assert_eq!(listed.matches("\"accepted\"").count(), 5, "{listed}");
    assert!(listed.contains("quarantined"), "{listed}");
    assert!(running.terminate());
    assert!(!broker.stage.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_route_takes_stays_or_is_parked_as_it_is_written() {
    for (unknown, closed) in [("leave", false), ("park", true)] {
        let more = format!("    select: [ {{ code: lieferung }} ]\n    unknown: {unknown}\n");
        let broker = Broker::new(USUAL, &more, json!({}));
        let other = broker.foreign.put("<unbekannt xmlns=\"urn:x\"/>", json!({ "code": "anderes" })).await;
        let good = broker.foreign.put(&delivery(1), json!({})).await;
        let mut running = broker.up().await;
        broker.until("the delivery", 60, |state| state.closed(std::slice::from_ref(&good))).await;
        let looks = broker.foreign.state().await.calls("MsgBoxStatusListRequest");
        let state = broker
            .until("a look after it", 30, |state| {
                state.calls("MsgBoxStatusListRequest") > looks + 2
                    && state.closed(std::slice::from_ref(&other)) == closed
            })
            .await;
        assert_eq!(state.one(&other)["fetched"], json!(u64::from(closed)), "{unknown}");
        assert!(running.terminate());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_unknown_outcome_is_sent_again_only_after_its_report_was_asked() {
    let broker = Broker::new(USUAL, "", json!({}));
    let order = |what: Value| broker.foreign.order("SendMessage", what);
    let mut running = broker.up().await;
    let mut many = 0;
    let (mut n, mut sends, mut ids) = (0, 0, 0);
    for (what, times, minted) in [
        // Taken, and the answer lost: the report says so, and nothing is sent again.
        (json!({ "do": "drop-after" }), 1, 1),
        (json!({ "do": "truncate" }), 1, 1),
        // Given up, sent again under the same id, and then taken by the first of both: the second is 9024, or the other way round.
        (json!({ "do": "sleep", "seconds": 16 }), 2, 1),
        // Not taken: sent again under the same id.
        (json!({ "do": "drop-before" }), 2, 1),
        (json!({ "do": "fault", "code": 9030 }), 2, 1),
        (json!({ "do": "fault", "code": 9014 }), 2, 1),
        (json!({ "do": "status", "status": 503 }), 2, 1),
        (json!({ "do": "status", "status": 404 }), 2, 1),
        // An id that was used by somebody: another one is asked for.
        (json!({ "do": "fault", "code": 9024 }), 2, 2),
    ] {
        order(what.clone()).await;
        n += 1;
        many += 1;
        broker.foreign.put(&delivery(n), json!({})).await;
        let state = broker
            .until(&format!("{what}"), 60, |state| state.sent() == many && state.0["script"] == 0)
            .await;
        // It may have been taken a moment before its sender knows.
        tokio::time::sleep(Duration::from_millis(600)).await;
        drop(state);
        let state = broker.foreign.state().await;
        (sends, ids) = (sends + times, ids + minted);
        assert_eq!((state.calls("SendMessage"), state.calls("CreateMessageID")), (sends, ids), "{what}");
        assert_eq!(state.sent(), many, "{what}");
    }
    // Refused for good: a person is called, and nothing is sent again.
    order(json!({ "do": "fault", "code": 9050 })).await;
    broker.foreign.put(&delivery(100), json!({})).await;
    until("a person is called", 60, || broker.stage.log().contains("delivery-parked")).await;
    let (_, parked) = broker.cli(&["parked", "list"]);
    assert!(parked.contains("9050"), "{parked}");
    assert_eq!(broker.foreign.state().await.sent(), many);
    assert!(running.terminate());
    assert!(!broker.stage.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_and_what_lies_there_is_taken_when_it_is_back() {
    let broker = Broker::new(USUAL, "    alarm-after: 1s\n", json!({}));
    for _ in 0..4 {
        broker.foreign.order("MsgBoxStatusListRequest", json!({ "do": "status", "status": 502 })).await;
    }
    let id = broker.foreign.put(&delivery(1), json!({})).await;
    let running = broker.stage.start_with(&[]);
    until("a person is called", 60, || broker.stage.log().contains("source-broken")).await;
    broker.until("it is taken", 60, |state| state.closed(std::slice::from_ref(&id))).await;
    drop(running);
    let (_, said) = broker.cli(&["doctor"]);
    assert!(said.contains("is active"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_shown_as_soon_as_they_are_whole() {
    let broker = Broker::new(USUAL, "", json!({}));
    let tls = broker.stage.stage().join("tls");
    let own = ["haus.pem", "haus.key"].map(|name| fs::read(tls.join(name)).unwrap());
    // The account of somebody else at first.
    for (from, to) in [("fremd.pem", "haus.pem"), ("fremd.key", "haus.key")] {
        fs::copy(tls.join(from), tls.join(to)).unwrap();
    }
    let id = broker.foreign.put(&delivery(1), json!({})).await;
    let (good, said) = broker.cli(&["doctor"]);
    assert!(!good && said.contains("PermissionDenied 9012"), "{said}");
    let mut running = broker.stage.start_with(&[]);
    broker.until("looks that are refused", 30, |state| state.calls("MsgBoxStatusListRequest") >= 2).await;
    // Half of it is nothing: the key does not fit.
    fs::write(tls.join("haus.pem"), &own[0]).unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    fs::write(tls.join("haus.key"), &own[1]).unwrap();
    broker.until("it is taken", 60, |state| state.closed(std::slice::from_ref(&id))).await;
    assert!(broker.stage.log().contains("new tls material in use"), "{}", broker.stage.log());
    assert!(running.terminate());
    assert!(!broker.stage.log().contains("PRIVATE KEY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_no_server_that_hangs() {
    let broker = Broker::new(USUAL, "", json!({}));
    let mut running = broker.up().await;
    broker.until("looks", 30, |state| state.calls("MsgBoxStatusListRequest") >= 2).await;
    broker.foreign.order("MsgBoxStatusListRequest", json!({ "do": "sleep", "seconds": 4, "times": 9 })).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let began = std::time::Instant::now();
    assert!(running.terminate());
    println!("stopped after {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_go_through_a_proxy_that_sees_nothing_of_them() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let passed = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = passed.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = proxy.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let port =
                    head.split(' ').nth(1).and_then(|target| target.rsplit(':').next()?.parse::<u16>().ok());
                assert!(head.starts_with("CONNECT localhost:"), "{head}");
                let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port.unwrap())).await?;
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    let broker = Broker::new(USUAL, &format!("    proxy: \"http://{address}\"\n"), json!({}));
    let id = broker.foreign.put(&delivery(1), json!({})).await;
    let mut running = broker.up().await;
    broker
        .until("it is taken", 60, |state| state.closed(std::slice::from_ref(&id)) && state.sent() == 1)
        .await;
    assert!(passed.load(std::sync::atomic::Ordering::SeqCst) >= 2);
    assert!(running.terminate());
}

/// The destination of the office by the foreign server, without a program around it.
fn bare(broker: &Broker) -> (Arc<House>, Arc<dyn Destination>) {
    let house = House::new();
    let mut around = house.around(Clock::real());
    around.config = broker.stage.stage();
    let [management, send, mailbox] =
        USUAL.map(|path| format!("https://localhost:{}{path}", broker.foreign.xta));
    let written = json!({
        "ports": { "management": management, "send": send, "mailbox": mailbox },
        "tls": { "ca": "tls/servers.pem", "client-certificate": { "certificate": "tls/haus.pem", "key": "tls/haus.key" } },
        "identities": [{ "value": HOUSE }], "timeout": "3s",
    });
    let settings = json!({ "reader": { "value": BREMEN }, "report-within": "1h" });
    let channel = Channel { partner: "p".to_owned(), settings };
    let destination = destination_of(&ENTRY, ("broker", &written), &channel, &around).unwrap().unwrap();
    (house, destination)
}

#[tokio::test(flavor = "multi_thread")]
async fn large_parts_leave_as_they_are_read_and_half_of_one_is_never_an_order() {
    let broker = Broker::new(USUAL, "", json!({}));
    let (house, destination) = bare(&broker);
    let partner = PartnerRef { id: "p".to_owned(), how: How::Internal };
    let mut writer = house.begin(&partner).await.unwrap();
    for _ in 0..80 {
        writer.write(vec![b'%'; 1 << 20].into()).await.unwrap();
    }
    let part = writer.finish("Anlage \u{1} ü.pdf", "application/pdf").await.unwrap();
    let mut large = envelope("<antwort/>", "application/xml");
    large.parts = vec![part.clone(), Part { size: part.size + 1, ..part.clone() }];
    // What is shorter than it is said to be breaks off.
    assert!(destination.send(&large).await.is_err());
    large.parts = vec![
        part.clone(),
        Part { claim: Claim { name: "gibtesnicht".to_owned(), ..Claim::default() }, ..part.clone() },
    ];
    assert!(
        matches!(destination.send(&large).await, Err(SendError::Never { .. })),
        "a part that does not open"
    );
    assert_eq!(broker.foreign.state().await.sent(), 0);
    large.parts = vec![part];
    let receipt = destination.send(&large).await.unwrap();
    let state = broker.foreign.state().await;
    let sent = state.one(&receipt.reference);
    assert_eq!(sent["sizes"], json!([10, 80 << 20]));
    assert_eq!(sent["names"], json!(["nachricht.xml", "Anlage   ü.pdf"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_taken_back_only_where_its_server_says_so() {
    let broker = Broker::new(USUAL, "", json!({}));
    let (_house, destination) = bare(&broker);
    let receipt = destination.send(&envelope("<antwort/>", "application/xml")).await.unwrap();
    let follow = receipt.follow.unwrap();
    assert_eq!(follow.within, Duration::from_secs(3600));
    let followed = Followed {
        id: uuid::Uuid::from_u128(1),
        reference: &receipt.reference,
        keep: &follow.keep,
        looks: 0,
        last: false,
    };
    assert!(matches!(destination.look_after(&followed).await, Ok(After::Open { .. })));
    let denied = destination.withdraw(&followed).await;
    assert!(matches!(&denied, Err(SendError::Never { cause }) if cause.ends_with("9101")), "{denied:?}");
    for what in [
        json!({ "do": "fault", "code": 9030 }),
        json!({ "do": "drop-before" }),
        json!({ "do": "status", "status": 503 }),
    ] {
        broker.foreign.order("CancelMessage", what).await;
        assert!(matches!(destination.withdraw(&followed).await, Err(SendError::Later { .. })));
    }
    broker.foreign.order("CancelMessage", json!({ "do": "done" })).await;
    assert!(matches!(destination.withdraw(&followed).await, Ok(Withdrawal::Gone)));
    // Once it is closed its report is green, and kept as it came.
    for (status, words) in [(2, "yellow, 1 warnings"), (1, "green")] {
        broker.foreign.hand("status", json!({ "id": receipt.reference, "status": status })).await;
        let After::Confirmed(proof) = destination.look_after(&followed).await.unwrap() else {
            panic!("confirmed")
        };
        assert!(proof.evidence.ends_with(words), "{}", proof.evidence);
        assert!(String::from_utf8_lossy(&proof.octets).contains("TransportReport"));
    }
    broker.foreign.hand("status", json!({ "id": receipt.reference, "status": 3 })).await;
    assert!(matches!(destination.look_after(&followed).await, Ok(After::Failed { .. })));
    // Whoever asks without the memory of the attempts is told by what is known here.
    let found = destination.find_by_reference(&envelope("<antwort/>", "application/xml")).await.unwrap();
    assert_eq!(found.unwrap().reference, receipt.reference);
    let mut other = envelope("<antwort/>", "application/xml");
    other.head.id = uuid::Uuid::from_u128(9);
    assert!(matches!(destination.find_by_reference(&other).await, Err(SendError::Unclear { .. })));
}

#[test]
fn the_lines_of_the_readme_are_settings() {
    let readme = include_str!("../../README.md");
    let section = readme.split("### XTA 2: mailboxes and senders at a server of others").nth(1).unwrap();
    let lines = section.split("```yaml").nth(1).unwrap().split("```").next().unwrap();
    let (connections, rest) = lines.split_once("# partners.yaml").unwrap();
    let (partners, _) = rest.split_once("# the route").unwrap();
    let read = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
    let mut broker = read(connections)["broker"].take();
    assert_eq!(broker.as_object_mut().unwrap().shift_remove("kind"), Some(json!("xta-client")));
    assert_eq!((ENTRY.check)(&broker), []);
    let channel = &read(partners)["jugendamt-bremen"]["channels"]["broker"];
    assert_eq!((ENTRY.check_channel)(channel), []);
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn eighty_megabytes_stream_with_bounded_memory() {
    let broker = Broker::new(USUAL, "", json!({}));
    let mut running = broker.up().await;
    let small = broker.foreign.put(&delivery(1), json!({})).await;
    broker.until("a small one", 60, |state| state.closed(std::slice::from_ref(&small))).await;
    let before = peak(running.pid());
    let large = broker.foreign.put(&delivery(2), json!({ "attachments": [["gross.pdf", 80 << 20]] })).await;
    broker.until("a large one", 120, |state| state.closed(std::slice::from_ref(&large))).await;
    let grown = peak(running.pid()) - before;
    println!("80 MiB fetched: {grown} KiB more at the peak");
    assert!(grown < 64 << 10, "{grown} KiB");
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_deliveries_through_kills_are_each_taken_and_answered_once() {
    if std::env::var("DREHSCHEIBE_LONG").is_err() {
        println!("skipped: runs with --long");
        return;
    }
    let broker = Broker::new(USUAL, "", json!({}));
    let mut ids = Vec::new();
    for n in 0..1_000 {
        ids.push(broker.foreign.put(&delivery(n), json!({})).await);
    }
    for op in ["MsgBoxFetchRequest", "MsgBoxCloseRequest", "SendMessage", "GetTransportReport"] {
        for what in ["drop-before", "drop-after", "truncate"] {
            broker.foreign.order(op, json!({ "do": what, "times": 5 })).await;
        }
    }
    let mut kills = 0;
    let mut running = broker.up().await;
    for round in 0.. {
        tokio::time::sleep(Duration::from_millis(1_500 + 337 * (round % 7))).await;
        let state = broker.foreign.state().await;
        if state.closed(&ids) && state.sent() >= 1_000 {
            break;
        }
        if kills < 20 {
            running.kill();
            kills += 1;
            running = broker.up().await;
        }
        assert!(round < 600, "{}", broker.stage.log());
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let state = broker.foreign.state().await;
    let mut answered: Vec<&str> = state.of(BREMEN).map(|one| one["answers"][0].as_str().unwrap()).collect();
    answered.sort_unstable();
    answered.dedup();
    println!(
        "1,000 deliveries, {kills} kills: {} answers, {} of them different",
        state.sent(),
        answered.len()
    );
    assert_eq!((state.sent(), answered.len()), (1_000, 1_000));
    assert!(running.terminate());
}
