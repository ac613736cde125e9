//! The XTA client of the real program against a server, or a sender behind it, that does what nobody should: answers that drip and never end,
//! wrong lengths, other statuses, lists that hide what lies behind them. In each case the next one's message is taken, and what is not is told.
//! How long it takes is asked only as far as it must end at all.

use serde_json::{Value, json};

use crate::support::until;
use crate::xta_client_support::{Broker, FREMD, HAMBURG, HOUSE, USUAL};
use crate::xta_server_support::delivery;

/// What is said of a part in `status`, if it is there.
fn part(broker: &Broker, name: &str) -> Option<Value> {
    let (good, said) = broker.cli(&["status", "--json"]);
    assert!(good, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    report["parts"].as_array().unwrap().iter().find(|part| part["part"] == name).cloned()
}

const FETCH: &str = "MsgBoxFetchRequest";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_does_with_one_message_the_next_ones_are_taken() {
    for (what, more) in [
        ("drip-head", json!({})),
        ("drip-interim", json!({})),
        ("drip-body", json!({})),
        ("drip-preamble", json!({})),
        ("drip-epilogue", json!({})),
        ("flood", json!({})),
        ("huge-head", json!({})),
        ("zipped", json!({})),
        ("too-short", json!({})),
        ("too-long", json!({})),
        ("two-lengths", json!({})),
        ("redirected", json!({})),
        ("with-dtd", json!({})),
        ("as-status", json!({ "status": 503 })),
        ("as-status", json!({ "status": 302 })),
        ("as-status", json!({ "status": 500 })),
        ("as-status", json!({ "status": 202 })),
        ("fault", json!({ "code": 9014 })),
        ("fault", json!({ "code": 9030 })),
    ] {
        let broker = Broker::new(USUAL, "    max-content: 4\n    alarm-after: 1h\n", json!({}));
        let ill = broker.foreign.put(&delivery(1), json!({})).await;
        let good = [broker.foreign.put(&delivery(2), json!({})).await];
        let mut order = json!({ "do": what, "id": ill, "times": 1_000_000 });
        for (key, value) in more.as_object().unwrap() {
            order[key] = value.clone();
        }
        let what = order.to_string();
        broker.foreign.order(FETCH, order).await;
        let mut running = broker.up().await;
        let state = broker.until(&what, 90, |state| state.closed(&good)).await;
        assert_eq!(state.one(&ill)["closed"], json!(false), "{what}");
        until(&what, 60, || broker.stage.log().contains("message-not-fetched")).await;
        // Mended, it is taken as well: nothing of it was kept for it.
        broker.foreign.hand("forget", json!({})).await;
        broker.until(&what, 90, |state| state.closed(std::slice::from_ref(&ill))).await;
        assert!(running.terminate());
        assert!(!broker.stage.log().contains("panicked"), "{what}");
    }
}

/// More of one partner's messages than a page holds, all older than the other's.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_partners_messages_do_stops_nothing_of_another_ones() {
    for (what, more) in [
        ("drip-body", json!({})),
        ("flood", json!({})),
        ("too-long", json!({})),
        ("with-dtd", json!({})),
        ("as-status", json!({ "status": 500 })),
        ("fault", json!({ "code": 9014 })),
    ] {
        let broker =
            Broker::new(USUAL, "    max-content: 4\n    alarm-after: 1h\n", json!({})).with_hamburg();
        let mut ill = Vec::new();
        for n in 1..=5 {
            let id = broker.foreign.put(&delivery(n), json!({})).await;
            let mut order = json!({ "do": what, "id": id, "times": 1_000_000 });
            for (key, value) in more.as_object().unwrap() {
                order[key] = value.clone();
            }
            broker.foreign.order(FETCH, order).await;
            ill.push(id);
        }
        let mut good = Vec::new();
        for n in 6..=8 {
            good.push(broker.foreign.put(&delivery(n), json!({ "author": HAMBURG })).await);
        }
        let mut running = broker.up().await;
        let state = broker.until(what, 120, |state| state.closed(&good)).await;
        assert!(ill.iter().all(|id| state.one(id)["closed"] == json!(false)), "{what}");
        // Mended, they are taken as well.
        broker.foreign.hand("forget", json!({})).await;
        broker.until(what, 120, |state| state.closed(&ill)).await;
        assert!(running.terminate());
        assert!(!broker.stage.log().contains("panicked"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_or_a_close_that_drips_or_lies_ends_and_the_next_look_takes_what_lies_there() {
    for op in ["MsgBoxStatusListRequest", "MsgBoxCloseRequest", "MsgBoxGetNextListRequest"] {
        let broker = Broker::new(USUAL, "", json!({}));
        for (what, status) in
            [("drip-head", 0), ("drip-body", 0), ("flood", 0), ("with-dtd", 0), ("as-status", 503)]
        {
            broker.foreign.order(op, json!({ "do": what, "status": status })).await;
        }
        let mut good = Vec::new();
        for n in 1..=5 {
            good.push(broker.foreign.put(&delivery(n), json!({})).await);
        }
        let mut running = broker.up().await;
        broker.until(op, 120, |state| state.closed(&good)).await;
        assert!(running.terminate());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_closed_holds_up_nobody_and_has_one_effect() {
    for what in ["drip-body", "fault"] {
        let broker = Broker::new(USUAL, "", json!({}));
        let ill = broker.foreign.put(&delivery(1), json!({})).await;
        let good = [broker.foreign.put(&delivery(2), json!({})).await];
        broker
            .foreign
            .order("MsgBoxCloseRequest", json!({ "do": what, "code": 9030, "id": ill, "times": 1_000_000 }))
            .await;
        let mut running = broker.up().await;
        broker.until(what, 90, |state| state.closed(&good)).await;
        broker.foreign.hand("forget", json!({})).await;
        let state = broker.until(what, 90, |state| state.closed(std::slice::from_ref(&ill))).await;
        assert_eq!(state.one(&ill)["fetched"], json!(1), "{what}");
        broker.until(what, 60, |state| state.sent() == 2).await;
        assert!(running.terminate());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_called_while_a_look_still_lasts() {
    let broker = Broker::new(USUAL, "    alarm-after: 1s\n", json!({}));
    let id = broker.foreign.put(&delivery(1), json!({})).await;
    broker.foreign.order(FETCH, json!({ "do": "drip-preamble", "times": 1_000_000 })).await;
    let mut running = broker.up().await;
    until("a person is called", 60, || broker.stage.log().contains("source-broken")).await;
    assert!(broker.stage.log().contains("it waits for a message"), "{}", broker.stage.log());
    broker.foreign.hand("forget", json!({})).await;
    broker.until("it is taken", 90, |state| state.closed(std::slice::from_ref(&id))).await;
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_drips_is_sent_once_and_its_report_asked() {
    let broker = Broker::new(USUAL, "", json!({}));
    broker.foreign.order("SendMessage", json!({ "do": "drip-preamble" })).await;
    broker.foreign.order("IsServiceAvailable", json!({ "do": "drip-body" })).await;
    let id = broker.foreign.put(&delivery(1), json!({})).await;
    let mut running = broker.up().await;
    let is_so = |state: &crate::xta_client_support::State| {
        state.closed(std::slice::from_ref(&id)) && state.sent() == 1 && state.calls("GetTransportReport") >= 1
    };
    let state = broker.until("sent, and its report asked", 120, is_so).await;
    assert_eq!(state.calls("SendMessage"), 1);
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_leave_hides_nothing_where_the_server_selects_by_time() {
    let broker = Broker::new(USUAL, "", json!({ "next-pages": false, "cap": 10 }));
    for n in 0..25 {
        let laid = format!("2026-01-02T03:04:{n:02}Z");
        broker.foreign.put("<fremd/>", json!({ "author": FREMD, "delivered": laid })).await;
    }
    let good = [broker.foreign.put(&delivery(1), json!({})).await];
    let mut running = broker.up().await;
    broker.until("what lies behind them", 60, |state| state.closed(&good)).await;
    let looks = broker.foreign.state().await.calls("MsgBoxStatusListRequest");
    broker.until("further looks", 60, |state| state.calls("MsgBoxStatusListRequest") > looks + 12).await;
    assert!(!broker.stage.log().contains("mailbox-hidden"), "{}", broker.stage.log());
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hides_the_rest_of_a_mailbox_calls_a_person_and_stands_in_status() {
    let broker = Broker::new(USUAL, "", json!({ "next-pages": false, "cap": 10, "by-time": false }));
    for _ in 0..12 {
        broker.foreign.put("<fremd/>", json!({ "author": FREMD })).await;
    }
    broker.foreign.put(&delivery(1), json!({})).await;
    let mut running = broker.up().await;
    until("a person is called", 60, || broker.stage.log().contains("mailbox-hidden")).await;
    let name = format!("the end of mailbox {HOUSE} of broker");
    let failing = part(&broker, &name).expect("it stands in status");
    assert!(failing["failing"]["next"].as_str().unwrap().contains("senders"), "{failing}");
    let ready = reqwest::get(format!("http://{}/health/ready", broker.stage.http)).await.unwrap();
    let ready = ready.text().await.unwrap();
    assert!(ready.contains("eingeschränkt") && ready.contains(&name), "{ready}");
    assert_eq!(broker.foreign.state().await.calls(FETCH), 0);
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_within_an_envelope_count_with_those_beside_it() {
    let broker = Broker::new(USUAL, "", json!({}));
    for (what, many, taken) in [("plain", 300, false), ("plain", 254, true), ("multipart", 300, false)] {
        let id = broker.foreign.put(&delivery(1), json!({ "many": many })).await;
        let next = [broker.foreign.put(&delivery(2), json!({})).await];
        if what == "plain" {
            broker.foreign.order(FETCH, json!({ "do": "plain", "id": id, "times": 1_000_000 })).await;
        }
        let mut running = broker.up().await;
        broker.until(what, 60, |state| state.closed(&next)).await;
        match taken {
            true => drop(broker.until(what, 60, |state| state.closed(std::slice::from_ref(&id))).await),
            false => until(what, 60, || broker.stage.log().contains("message-not-fetched")).await,
        }
        assert_eq!(broker.foreign.state().await.one(&id)["closed"], json!(taken), "{what} {many}");
        assert!(running.terminate());
        broker.foreign.hand("forget", json!({})).await;
    }
}
