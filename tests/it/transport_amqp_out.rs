//! Sending by a real RabbitMQ: which outcome is told, where answers go, and what a broker in trouble costs.

use std::collections::BTreeSet;
use std::time::Duration;

use drehscheibe::envelope::Label;
use drehscheibe::transport::port::*;
use lapin::types::AMQPValue;
use serde_json::{Value, json};

use crate::transport_amqp::{TRACE, destination, one_queue, outgoing, properties, source, until_sent};
use crate::transport_broker::{USER, own, shared};
use crate::transport_support::{House, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_is_persistent_and_has_the_same_id_on_each_attempt() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    client.declare("out.antwort", "quorum", &[]).await;
    let to = destination(&house, &broker.settings(json!({})), json!({"routing-key": "out.antwort"}));
    let envelope = outgoing("<quittung/>");
    for _ in 0..2 {
        until_sent(&to, &envelope).await;
        let got = client.take("out.antwort").await;
        let id = envelope.head.id.to_string();
        assert_eq!(got.data, b"<quittung/>");
        assert_eq!(got.properties.message_id().as_ref().unwrap().as_str(), id);
        assert_eq!(got.properties.correlation_id().as_ref().unwrap().as_str(), "anfrage-1");
        assert_eq!(got.properties.content_type().as_ref().unwrap().as_str(), "application/xml");
        assert_eq!(*got.properties.delivery_mode(), Some(2));
        let headers = got.properties.headers().clone().unwrap();
        assert_eq!(headers.inner().get("traceparent"), Some(&AMQPValue::LongString(TRACE.into())));
        assert_eq!(
            (headers.inner().get("test"), got.properties.kind()),
            (None, &None),
            "nobody said what it is"
        );
    }
    assert!(to.repeat_is_safe());
    assert!(matches!(to.find_by_reference(&envelope).await, Err(SendError::Unclear { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_sees_type_and_test_without_opening_anything() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    client.declare("out.art", "quorum", &[]).await;
    let to = destination(&house, &broker.settings(json!({})), json!({"routing-key": "out.art"}));
    for test in [true, false] {
        let mut envelope = outgoing("<auskunft/>");
        envelope.head.label = Some(Label { message: "xfamilie.0803".into(), test });
        until_sent(&to, &envelope).await;
        let got = client.take("out.art").await;
        assert_eq!(got.properties.kind().as_ref().unwrap().as_str(), "xfamilie.0803");
        let headers = got.properties.headers().clone().unwrap();
        assert_eq!(headers.inner().get("test"), test.then_some(&AMQPValue::Boolean(true)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_type_that_no_property_holds_leaves_without_its_parameters() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    client.declare("out.lang", "quorum", &[]).await;
    let to = destination(&house, &broker.settings(json!({})), json!({"routing-key": "out.lang"}));
    let mut envelope = outgoing("<auskunft/>");
    envelope.head.content_type = Some(format!("application/xml; x={}", "y".repeat(300)));
    until_sent(&to, &envelope).await;
    let got = client.take("out.lang").await;
    assert_eq!(got.properties.content_type().as_ref().unwrap().as_str(), "application/xml");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outcome_belongs_to_its_own_message_though_many_are_under_way() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    client.declare("out.viele", "quorum", &[]).await;
    let settings = broker.settings(json!({"confirm-window": 16}));
    let good = destination(&house, &settings, json!({"routing-key": "out.viele"}));
    let bad = destination(&house, &settings, json!({"routing-key": "out.gibtesnicht"}));
    let mut sending = tokio::task::JoinSet::new();
    for n in 0..400 {
        let to = if n % 3 == 0 { bad.clone() } else { good.clone() };
        let envelope = outgoing(&format!("<n>{n}</n>"));
        sending.spawn(async move {
            let mut outcome = to.send(&envelope).await;
            while matches!(outcome, Err(SendError::Later { .. })) {
                tokio::time::sleep(Duration::from_millis(50)).await;
                outcome = to.send(&envelope).await;
            }
            (n, outcome)
        });
    }
    let mut sent = 0;
    while let Some(done) = sending.join_next().await {
        let (n, outcome) = done.unwrap();
        match n % 3 {
            0 => assert!(matches!(outcome, Err(SendError::Never { .. })), "{n}: {outcome:?}"),
            _ => {
                outcome.unwrap_or_else(|error| panic!("{n}: {error}"));
                sent += 1;
            }
        }
    }
    let mut arrived = BTreeSet::new();
    for _ in 0..sent {
        arrived.insert(client.take("out.viele").await.data);
    }
    assert_eq!(arrived.len(), sent, "every confirmed message is there once");
    assert_eq!(client.ready("out.viele").await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_at_the_far_end_is_told_apart() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    let settings = broker.settings(json!({"max-body": 4 << 20}));
    let send = async |settings: &Value, channel: Value, body: &str| {
        destination(&house, settings, channel).send(&outgoing(body)).await.unwrap_err()
    };
    // Nobody takes it: a person has to look.
    let unroutable = send(&settings, json!({"routing-key": "out.niemand"}), "<a/>").await;
    assert!(
        matches!(&unroutable, SendError::Never { cause } if cause.contains("lead nowhere")),
        "{unroutable}"
    );
    // Missing, forbidden, full: may be put right.
    let missing = send(&settings, json!({"exchange": "gibtesnicht"}), "<a/>").await;
    assert!(
        matches!(&missing, SendError::Later { cause, far_end: true, .. } if cause.contains("missing")),
        "{missing}"
    );
    let mut poor = settings.clone();
    poor["user"] = json!("ohne-rechte");
    poor["password"] = json!("ohne-rechte-probe-geheim");
    let refused = send(&poor, json!({"exchange": "amq.topic", "routing-key": "x"}), "<a/>").await;
    assert!(matches!(&refused, SendError::Later { cause, .. } if cause.contains("permission")), "{refused}");
    let limits = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    client.declare("out.voll", "quorum", &limits).await;
    let full = destination(&house, &settings, json!({"routing-key": "out.voll"}));
    let mut outcome = Ok(Receipt::default());
    for _ in 0..20 {
        outcome = full.send(&outgoing("<a/>")).await;
    }
    assert!(matches!(&outcome, Err(SendError::Later { cause, .. }) if cause.contains("full")), "{outcome:?}");
    // Larger than we send, larger than the broker takes.
    let ours = send(&settings, json!({"routing-key": "out.voll"}), &"x".repeat((4 << 20) + 1)).await;
    assert!(matches!(&ours, SendError::Never { cause } if cause.contains("max-body")), "{ours}");
    let theirs = send(&settings, json!({"routing-key": "out.voll"}), &"x".repeat(2 << 20)).await;
    assert!(
        matches!(&theirs, SendError::Never { cause } if cause.contains("larger than the broker")),
        "{theirs}"
    );
    // A login that is refused and a broker that is not there.
    let mut wrong = settings.clone();
    wrong["password"] = json!("falsch");
    let login = send(&wrong, json!({"routing-key": "q"}), "<a/>").await;
    assert!(
        matches!(&login, SendError::Later { cause, far_end: true, .. } if cause.contains("login")),
        "{login}"
    );
    let mut nowhere = settings.clone();
    nowhere["port"] = json!(1);
    let down = send(&nowhere, json!({"routing-key": "q"}), "<a/>").await;
    assert!(matches!(&down, SendError::Later { far_end: true, .. }), "{down}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_is_followed_only_where_the_channel_allows_it() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let settings = one_queue(broker, "in.frage", json!({}));
    let running = source(&house, &settings);
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.frage").await;
    for queue in ["antwort.nord.1", "antwort.fremd", "antwort.fest"] {
        client.declare(queue, "quorum", &[]).await;
    }
    let ask = async |id: &str, reply_to: &str| {
        let asked = properties(id).with_reply_to(reply_to.into()).with_correlation_id("c-7".into());
        client.publish("in.frage", b"<frage/>", asked).await;
    };
    ask("f-1", "antwort.nord.1").await;
    let allowed = house.wait_for(1).await[0].head.correlation.clone();
    ask("f-2", "antwort.fremd").await;
    let denied = house.wait_for(2).await[1].head.correlation.clone();
    let channel = json!({"routing-key": "antwort.fest", "reply-to": ["antwort.nord.*"]});
    let to = destination(&house, &settings, channel);
    let with = |correlation: Option<String>| {
        let mut envelope = outgoing("<antwort/>");
        envelope.head.correlation = correlation;
        envelope
    };
    until_sent(&to, &with(allowed)).await;
    let got = client.take("antwort.nord.1").await;
    assert_eq!(got.properties.correlation_id().as_ref().unwrap().as_str(), "c-7");
    until_sent(&to, &with(denied.clone())).await;
    let got = client.take("antwort.fest").await;
    assert_eq!(got.properties.correlation_id().as_ref().unwrap().as_str(), "c-7");
    assert_eq!(client.ready("antwort.fremd").await, Some(0));
    // With nowhere else to go a person has to look.
    let only = destination(&house, &settings, json!({"reply-to": ["antwort.nord.*"]}));
    assert!(matches!(only.send(&with(denied)).await, Err(SendError::Never { .. })));
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_trusted_only_by_our_authorities_and_knows_us_by_certificate() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    client.declare("out.tls", "quorum", &[]).await;
    let path = |name: &str| broker.folder.join(name).display().to_string();
    let with = |ca: &str, identity: Option<&str>, login: bool| {
        let mut settings = broker.settings(json!({"host": "localhost", "port": broker.tls_port}));
        settings["tls"] = json!({"ca": path(ca)});
        if let Some(identity) = identity {
            settings["tls"]["client-certificate"] = json!({"certificate": path(&format!("{identity}.pem")), "key": path(&format!("{identity}.key"))});
        }
        if !login {
            settings.as_object_mut().unwrap().retain(|key, _| key != "user" && key != "password");
        }
        settings
    };
    let send = async |settings: Value| {
        destination(&house, &settings, json!({"routing-key": "out.tls"})).send(&outgoing("<a/>")).await
    };
    for login in [true, false] {
        let settings = with("servers.pem", Some("client"), login);
        let to = destination(&house, &settings, json!({"routing-key": "out.tls"}));
        until_sent(&to, &outgoing("<a/>")).await;
    }
    // Another authority than ours, no certificate of ours, one that the broker does not trust.
    for settings in [
        with("strangers.pem", Some("client"), true),
        with("servers.pem", None, true),
        with("servers.pem", Some("stranger"), true),
    ] {
        let outcome = send(settings.clone()).await;
        assert!(matches!(outcome, Err(SendError::Later { far_end: true, .. })), "{settings}: {outcome:?}");
    }
    // Consuming goes the same way.
    let mut settings = with("servers.pem", Some("client"), false);
    settings["queues"] = json!([{"binding": "in.tls", "partner": "ja-nord"}]);
    let running = source(&house, &settings);
    client.exists_soon("in.tls").await;
    client.publish("in.tls", b"<a/>", properties("m-1")).await;
    house.wait_for(1).await;
    running.end().await.unwrap();
    assert_eq!(client.ready("out.tls").await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_is_killed_or_blocks_loses_nothing() {
    let Some(broker) = own("trouble").await else { return };
    let house = House::new();
    let settings = one_queue(&broker, "in.sturm", json!({}));
    let running = source(&house, &settings);
    let to = destination(&house, &settings, json!({"routing-key": "in.sturm"}));
    broker.client(USER).await.exists_soon("in.sturm").await;
    let seen = |body: String| {
        let house = house.clone();
        move || house.delivered().iter().any(|envelope| envelope.body == body)
    };
    until_sent(&to, &outgoing("<vorher/>")).await;
    eventually(seen("<vorher/>".to_owned())).await;
    // An orderly restart, then a kill, each in the middle of traffic.
    for (name, kill) in [("neustart", false), ("absturz", true)] {
        for n in 0..40 {
            if n == 20 {
                if kill {
                    broker.kill()
                } else {
                    broker.script("stop")
                }
                let down = to.send(&outgoing("<a/>")).await;
                assert!(!matches!(down, Ok(_) | Err(SendError::Never { .. })), "{down:?}");
                broker.script("start");
            }
            until_sent(&to, &outgoing(&format!("<{name}>{n}</{name}>"))).await;
        }
        for n in 0..40 {
            eventually(seen(format!("<{name}>{n}</{name}>"))).await;
        }
    }
    // Out of memory: what leaves waits without being lost, what comes in is still taken.
    let other = broker.client(USER).await;
    broker.control(&["set_vm_memory_high_watermark", "0.000001"]);
    let mut told = None;
    for _ in 0..1_200 {
        match to.send(&outgoing("<blockiert/>")).await {
            Err(SendError::Later { cause, far_end: true, .. }) if cause.contains("memory or disk") => {
                told = Some(cause);
                break;
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    assert!(told.is_some(), "a blocked broker must be told as such");
    broker.control(&["set_vm_memory_high_watermark", "0.4"]);
    until_sent(&to, &outgoing("<wieder/>")).await;
    eventually(seen("<wieder/>".to_owned())).await;
    running.end().await.unwrap();
    assert_eq!(other.ready("in.sturm").await, Some(0));
    assert!(house.delivered().iter().all(|envelope| envelope.head.partner.is_some()));
}
