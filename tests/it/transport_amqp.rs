//! The AMQP transport against a real RabbitMQ: what is acknowledged when, who is believed, and what becomes of trouble.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::{Envelope, How, PartnerRef};
use drehscheibe::transport::amqp::fault::Fault;
use drehscheibe::transport::amqp::link::{Direction, Link};
use drehscheibe::transport::amqp::settings::Settings;
use drehscheibe::transport::amqp::{ENTRY, topology};
use drehscheibe::transport::port::*;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::transport_broker::{Broker, Proxy, USER, emptied, shared};
use crate::transport_support::{
    House, Running, busy, destination_of, envelope, eventually, source_of, start,
};

pub fn source(house: &Arc<House>, settings: &Value) -> Running {
    assert_eq!((ENTRY.check)(settings), []);
    start(source_of(&ENTRY, "broker", settings, &house.around(Clock::real())).unwrap().unwrap())
}

pub fn destination(house: &Arc<House>, settings: &Value, channel: Value) -> Arc<dyn Destination> {
    assert_eq!((ENTRY.check)(settings), []);
    assert_eq!((ENTRY.check_channel)(&channel), []);
    let channel = Channel { partner: "ja-nord".to_owned(), settings: channel };
    destination_of(&ENTRY, ("broker", settings), &channel, &house.around(Clock::real())).unwrap().unwrap()
}

/// Sends until the broker has it, as the dispatcher does: a queue that was just made may have no leader yet.
pub async fn until_sent(to: &Arc<dyn Destination>, envelope: &Envelope) -> Receipt {
    for _ in 0..600 {
        match to.send(envelope).await {
            Ok(receipt) => return receipt,
            Err(SendError::Never { cause }) => panic!("{cause}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("not sent");
}

pub fn one_queue(broker: &Broker, name: &str, more: Value) -> Value {
    let mut queue = json!({"binding": name, "partner": "ja-nord"});
    for (key, value) in more.as_object().unwrap() {
        queue[key] = value.clone();
    }
    broker.settings(json!({"queues": [queue]}))
}

pub fn properties(id: &str) -> BasicProperties {
    BasicProperties::default().with_message_id(id.into()).with_content_type("application/xml".into())
}

pub fn outgoing(body: &str) -> Envelope {
    let mut envelope = envelope(body, "application/xml");
    envelope.head.id = Uuid::now_v7();
    envelope.head.correlation = Some("anfrage-1".to_owned());
    envelope
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_acknowledged_after_its_verdict_and_never_before() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let held = house.hold();
    let running = source(&house, &one_queue(broker, "in.einzeln", json!({})));
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.einzeln").await;
    let headers = || {
        let mut table = FieldTable::default();
        table.insert("traceparent".into(), AMQPValue::LongString(TRACE.into()));
        // Headers are data: what they claim changes nothing.
        table.insert("partner".into(), AMQPValue::LongString("ja-sued".into()));
        table
    };
    let asked = properties("m-1").with_correlation_id("c-1".into()).with_headers(headers());
    client.publish("in.einzeln", b"<a/>", asked).await;
    let delivered = house.wait_for(1).await.remove(0);
    assert_eq!(delivered.body, "<a/>");
    let head = &delivered.head;
    assert_eq!(head.binding, "amqp in.einzeln");
    assert_eq!(head.partner, Some(PartnerRef { id: "ja-nord".to_owned(), how: How::Broker }));
    assert_eq!(head.correlation.as_deref(), Some("c-1"));
    assert_eq!(head.content_type.as_deref(), Some("application/xml"));
    assert_eq!(head.traceparent.as_deref(), Some(TRACE));
    assert_eq!(head.return_address, None);
    assert_eq!(delivered.evidence.size, 4);
    // While the house has not decided, a broken line brings it again, under the same id.
    running.task.abort();
    let held_id = head.transport_id.clone();
    let running = source(&house, &one_queue(broker, "in.einzeln", json!({})));
    let again = house.wait_for(2).await.remove(1);
    assert_eq!(again.head.transport_id, held_id);
    assert!(again.evidence.protocol_ids.contains(&("amqp.redelivered".to_owned(), "true".to_owned())));
    *house.hold.lock().unwrap() = None;
    held.notify_waiters();
    // Without an id the content is the key; a property that is not text is no reason to fail.
    client.publish("in.einzeln", b"<b/>", BasicProperties::default()).await;
    client.publish("in.einzeln", b"<b/>", BasicProperties::default()).await;
    let all = house.wait_for(4).await;
    assert_eq!(all[2].head.transport_id, all[3].head.transport_id);
    assert_ne!(all[2].head.transport_id, held_id);
    running.end().await.unwrap();
    emptied(broker, "in.einzeln").await;
}

pub const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_house_is_asked_again_with_pauses_and_nothing_is_given_back() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    for _ in 0..3 {
        house.then(Err(busy(Duration::from_millis(100))));
    }
    let running = source(&house, &one_queue(broker, "in.besetzt", json!({})));
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.besetzt").await;
    let began = std::time::Instant::now();
    client.publish("in.besetzt", b"<a/>", properties("m-1")).await;
    let delivered = house.wait_for(4).await;
    // Pauses grow from a quarter of a second: three of them are no hot loop.
    assert!(began.elapsed() > Duration::from_millis(1500), "{:?}", began.elapsed());
    assert!(delivered.iter().all(|one| one.head.id == delivered[0].head.id), "held, not fetched anew");
    assert!(
        !delivered.iter().any(|one| one
            .evidence
            .protocol_ids
            .iter()
            .any(|(name, _)| name == "amqp.redelivered"))
    );
    running.end().await.unwrap();
    emptied(broker, "in.besetzt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_that_the_broker_checked_is_the_partner_and_nobody_else() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let admitted = |user: &str, partner: &str, to: Option<&str>| Admitted {
        partner: partner.to_owned(),
        credential: Credential::BrokerUser(user.to_owned()),
        from: None,
        to: to.map(|to| to.parse().unwrap()),
    };
    let entries = vec![
        admitted("broker/ja-nord", "jugendamt-nord", None),
        admitted("anderer/ja-sued", "jugendamt-sued", None),
        admitted("broker/haus", "altes-amt", Some("2020-01-01T00:00:00Z")),
    ];
    *house.admission.lock().unwrap() = Arc::new(Admission { entries, accounts: Vec::new() });
    let settings = broker
        .settings(json!({"queues": [{"binding": "in.nutzer", "partner-by-user": true, "prefetch": 1}]}));
    let running = source(&house, &settings);
    let nord = broker.client("ja-nord").await;
    nord.exists_soon("in.nutzer").await;
    nord.publish("in.nutzer", b"<a/>", properties("m-1").with_user_id("ja-nord".into())).await;
    let known = house.wait_for(1).await.remove(0);
    assert_eq!(known.head.partner, Some(PartnerRef { id: "jugendamt-nord".to_owned(), how: How::Broker }));
    assert_eq!((known.evidence.verification.as_str(), known.body.as_ref()), ("broker-user", &b"<a/>"[..]));
    // No user, a user of another broker only, one whose time is over: nothing of the content is kept.
    nord.publish("in.nutzer", b"<geheim/>", properties("m-1")).await;
    let sued = broker.client("ja-sued").await;
    sued.publish("in.nutzer", b"<geheim/>", properties("m-1").with_user_id("ja-sued".into())).await;
    let haus = broker.client(USER).await;
    haus.publish("in.nutzer", b"<geheim/>", properties("m-1").with_user_id(USER.into())).await;
    for stranger in &house.wait_for(4).await[1..] {
        assert_eq!((&stranger.head.partner, stranger.body.len(), stranger.evidence.size), (&None, 0, 9));
        assert_eq!(stranger.evidence.octets_sha256.len(), 64);
        assert_ne!(stranger.head.transport_id, known.head.transport_id);
        assert!(!stranger.evidence.protocol_ids.iter().any(|(name, _)| name == "amqp.message-id"));
    }
    // The broker lets nobody claim another's name.
    let channel = nord.connection.create_channel().await.unwrap();
    channel.confirm_select(Default::default()).await.unwrap();
    let claimed = properties("m-2").with_user_id("haus".into());
    let sent =
        channel.basic_publish("".into(), "in.nutzer".into(), Default::default(), b"<a/>", claimed).await;
    assert!(sent.unwrap().await.is_err());
    running.end().await.unwrap();
    emptied(broker, "in.nutzer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_set_apart_and_acknowledged() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let mut settings = one_queue(broker, "in.gross", json!({}));
    settings["max-body"] = json!(65536);
    let running = source(&house, &settings);
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.gross").await;
    client.publish("in.gross", &vec![b'x'; 65537], properties("gross")).await;
    client
        .publish(
            "in.gross",
            b"nix",
            properties("mime").with_content_type("multipart/mixed; boundary=b".into()),
        )
        .await;
    client.publish("in.gross", b"nix", properties("gzip").with_content_encoding("gzip".into())).await;
    eventually(|| house.apart.lock().unwrap().len() == 3).await;
    let mut apart = house.apart.lock().unwrap().clone();
    apart.sort_by_key(|(envelope, _)| std::cmp::Reverse(envelope.evidence.size));
    let (large, reason) = &apart[0];
    assert_eq!(*reason, "the message is larger than this connection takes");
    assert_eq!((large.body.len(), large.evidence.size, large.evidence.octets_sha256.len()), (0, 65537, 64));
    for (unreadable, _) in &apart[1..] {
        assert_eq!(unreadable.body, "nix", "a known partner's original is kept");
    }
    assert!(house.delivered().is_empty());
    running.end().await.unwrap();
    emptied(broker, "in.gross").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_parts_goes_out_and_comes_back_the_same() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let settings = one_queue(broker, "in.teile", json!({}));
    let running = source(&house, &settings);
    let client = broker.client(USER).await;
    client.exists_soon("in.teile").await;
    let around = house.around(Clock::real());
    let partner = PartnerRef { id: "ja-nord".to_owned(), how: How::Internal };
    let mut envelope = outgoing("<antrag/>");
    let content = Bytes::from([0u8, 13, 10, 45, 45, 255].repeat(5000));
    for (name, content_type, content) in [
        ("anmeldung", "application/json", Bytes::from("{}")),
        ("Geburt \"1\".pdf", "application/pdf", content.clone()),
    ] {
        let mut writer = around.spool.begin(&partner).await.unwrap();
        writer.write(content).await.unwrap();
        envelope.parts.push(writer.finish(name, content_type).await.unwrap());
    }
    let to = destination(&house, &settings, json!({"routing-key": "in.teile"}));
    let receipt = until_sent(&to, &envelope).await;
    assert_eq!(receipt.reference, envelope.head.id.to_string());
    let back = house.wait_for(1).await.remove(0);
    assert_eq!(
        (back.body.as_ref(), back.head.content_type.as_deref()),
        (&b"<antrag/>"[..], Some("application/xml"))
    );
    let labels: Vec<(&str, &str, u64)> =
        back.parts.iter().map(|part| (part.name.as_str(), part.content_type.as_str(), part.size)).collect();
    assert_eq!(
        labels,
        [("anmeldung", "application/json", 2), ("Geburt \"1\".pdf", "application/pdf", 30_000)]
    );
    let mut reader = around.spool.open("ja-nord", &back.parts[1]).await.unwrap();
    let mut read = Vec::new();
    while let Some(piece) = reader.read().await.unwrap() {
        read.extend_from_slice(&piece);
    }
    assert_eq!(read, content);
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_quorum_queues_are_consumed_unless_a_classic_one_is_allowed_by_name() {
    let Some(broker) = shared().await else { return };
    let client = broker.client(USER).await;
    let ttl = ("x-message-ttl", AMQPValue::LongInt(3_600_000));
    client.declare("in.klassisch", "classic", &[]).await;
    client.declare("in.klassisch2", "classic", std::slice::from_ref(&ttl)).await;
    client.declare("in.quorum", "quorum", &[ttl, ("x-delivery-limit", AMQPValue::LongInt(7))]).await;
    let houses: Vec<Arc<House>> = (0..7).map(|_| House::new()).collect();
    let with = |queue: &str, more: Value| {
        let mut settings = one_queue(broker, queue, json!({}));
        for (key, value) in more.as_object().unwrap() {
            settings[key] = value.clone();
        }
        settings
    };
    let check = json!({"topology": "check"});
    let single = {
        let mut settings = one_queue(broker, "in.quorum", json!({"order": "single-active-consumer"}));
        settings["topology"] = json!("check");
        settings
    };
    let reader = json!({"topology": "check", "user": "nur-lesen", "password": "nur-lesen-probe-geheim"});
    let runs = [
        (with("in.klassisch", check.clone()), false),
        (with("in.klassisch2", check.clone()), false),
        (with("in.klassisch", json!({"topology": "declare"})), false),
        // Its kind cannot be seen without permission; nothing is guessed.
        (with("in.klassisch2", reader), false),
        (single, false),
        (with("in.quorum", check.clone()), true),
        (with("in.klassisch", json!({"topology": "check", "allow-classic": ["in.klassisch"]})), true),
    ];
    for ((settings, _), house) in runs.iter().zip(&houses).take(5) {
        let running = source(house, settings);
        client.publish(settings["queues"][0]["binding"].as_str().unwrap(), b"<a/>", properties("m")).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(house.delivered().is_empty(), "{settings}");
        running.end().await.unwrap();
    }
    for ((settings, _), house) in runs.iter().zip(&houses).skip(5) {
        let running = source(house, settings);
        house.wait_for(1).await;
        running.end().await.unwrap();
    }
    // What the operator is told.
    let told = async |settings: &Value| {
        let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
        let link = Link::open("broker", &settings, Direction::In).await.unwrap();
        topology::prepare(&link, &settings, &settings.queues[0]).await
    };
    let classic = Err(Fault::Classic);
    let expected = [
        classic.clone(),
        classic.clone(),
        classic,
        Err(Fault::Unseen),
        Err(Fault::Other("x-single-active-consumer")),
    ];
    for ((settings, _), expected) in runs.iter().zip(expected) {
        assert_eq!(told(settings).await, expected, "{settings}");
    }
    let poor = json!({"topology": "check", "user": "ohne-rechte", "password": "ohne-rechte-probe-geheim"});
    assert_eq!(told(&with("in.quorum", check.clone())).await, Ok(()));
    // In which setting first is the broker's choice.
    let other = told(&with("in.quorum", json!({"topology": "declare"}))).await;
    assert!(matches!(other, Err(Fault::Other(_))), "{other:?}");
    assert_eq!(told(&with("in.fehlt", check.clone())).await, Err(Fault::Missing));
    assert_eq!(told(&with("in.quorum", poor)).await, Err(Fault::Unseen));
    let reader = json!({"topology": "declare", "user": "nur-lesen", "password": "nur-lesen-probe-geheim"});
    assert_eq!(told(&with("in.neu", reader)).await, Err(Fault::Permission));
    // A queue that is missing is waited for, and consumed as soon as it is there.
    let house = House::new();
    let running = source(&house, &with("in.fehlt", check));
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.declare("in.fehlt", "quorum", &[]).await;
    client.publish("in.fehlt", b"<a/>", properties("m")).await;
    house.wait_for(1).await;
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_consumers_share_a_queue_and_each_delivery_goes_to_one() {
    let Some(broker) = shared().await else { return };
    let houses = [House::new(), House::new(), House::new()];
    let settings = one_queue(broker, "in.wettbewerb", json!({"prefetch": 5}));
    let running: Vec<Running> = houses.iter().map(|house| source(house, &settings)).collect();
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.wettbewerb").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for n in 0..150 {
        client
            .publish("in.wettbewerb", format!("<n>{n}</n>").as_bytes(), properties(&format!("m-{n}")))
            .await;
    }
    let count = || houses.iter().map(|house| house.delivered().len()).sum::<usize>();
    eventually(|| count() >= 150).await;
    for one in running {
        one.end().await.unwrap();
    }
    assert_eq!(count(), 150);
    let bodies: BTreeSet<Bytes> =
        houses.iter().flat_map(|house| house.delivered()).map(|envelope| envelope.body).collect();
    assert_eq!(bodies.len(), 150);
    assert!(houses.iter().filter(|house| !house.delivered().is_empty()).count() > 1, "one took all");
    emptied(broker, "in.wettbewerb").await;
}

/// The numbers that were delivered for a key, in the order of delivery.
fn numbers(house: &House, key: &str) -> Vec<u32> {
    let texts =
        house.delivered().into_iter().map(|envelope| String::from_utf8(envelope.body.to_vec()).unwrap());
    let of_key = texts.filter_map(|text| text.strip_prefix(&format!("<{key}>")).map(str::to_owned));
    of_key.map(|rest| rest.split('<').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_kept_by_a_single_active_consumer_and_another_takes_over() {
    let Some(broker) = shared().await else { return };
    let houses = [House::new(), House::new()];
    houses[0].then(Err(busy(Duration::from_millis(50))));
    let settings = one_queue(broker, "in.reihe", json!({"order": "single-active-consumer"}));
    let first = source(&houses[0], &settings);
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.reihe").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let second = source(&houses[1], &settings);
    for n in 0..60u32 {
        client.publish("in.reihe", format!("<k>{n}</k>").as_bytes(), properties(&format!("m-{n}"))).await;
    }
    eventually(|| houses[0].delivered().len() >= 20).await;
    assert!(houses[1].delivered().is_empty(), "only one is active");
    first.end().await.unwrap();
    eventually(|| {
        let last = numbers(&houses[1], "k").last().copied().or(numbers(&houses[0], "k").last().copied());
        last == Some(59)
    })
    .await;
    let mut all = numbers(&houses[0], "k");
    all.extend(numbers(&houses[1], "k"));
    all.dedup();
    assert_eq!(all, (0..60).collect::<Vec<u32>>(), "a busy house and a change of replica keep the order");
    second.end().await.unwrap();
    emptied(broker, "in.reihe").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_within_a_key_is_kept_over_partitions() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let more = json!({"order": "consistent-hash", "exchange": "ex.kind", "partitions": 4});
    let settings = one_queue(broker, "in.kind", more);
    let running = source(&house, &settings);
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.kind.3").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for n in 0..30u32 {
        for key in ["a", "b", "c", "d", "e", "f"] {
            let id = format!("m-{key}-{n}");
            client
                .publish_to("ex.kind", key, format!("<{key}>{n}</{key}>").as_bytes(), properties(&id))
                .await;
        }
    }
    house.wait_for(180).await;
    for key in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(numbers(&house, key), (0..30).collect::<Vec<u32>>(), "{key}");
    }
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_costs_nothing_in_either_direction() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let proxy = Proxy::new(broker.port).await;
    let mut settings = one_queue(broker, "in.schnitt", json!({}));
    settings["port"] = json!(proxy.port);
    let running = source(&house, &settings);
    let client = broker.client(USER).await;
    client.exists_soon("in.schnitt").await;
    let to = destination(&house, &settings, json!({"routing-key": "in.schnitt"}));
    let mut ids = Vec::new();
    for n in 0..60 {
        let envelope = outgoing(&format!("<n>{n}</n>"));
        ids.push(format!("<n>{n}</n>"));
        if n % 20 == 10 {
            proxy.cut();
        }
        let mut attempts = 0;
        while let Err(error) = to.send(&envelope).await {
            assert!(!matches!(error, SendError::Never { .. }), "{error}");
            attempts += 1;
            assert!(attempts < 600, "{error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let all_there = || {
        let seen: BTreeSet<Bytes> = house.delivered().into_iter().map(|envelope| envelope.body).collect();
        ids.iter().all(|id| seen.contains(id.as_bytes()))
    };
    eventually(all_there).await;
    // What came twice came under the same id.
    let mut by_body = std::collections::BTreeMap::new();
    for envelope in house.delivered() {
        let id = envelope.head.transport_id.clone();
        assert_eq!(*by_body.entry(envelope.body.clone()).or_insert_with(|| id.clone()), id);
    }
    // What the cut gave back to the queue comes once more; who stops before it leaves it there.
    client.drained("in.schnitt").await;
    running.end().await.unwrap();
    emptied(broker, "in.schnitt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_source_finishes_what_it_began() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let held = house.hold();
    let running = source(&house, &one_queue(broker, "in.ende", json!({"prefetch": 2})));
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.ende").await;
    for n in 0..5 {
        client.publish("in.ende", b"<a/>", properties(&format!("m-{n}"))).await;
    }
    house.wait_for(2).await;
    let ending = tokio::spawn(running.end());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!ending.is_finished(), "it waits for the two that were begun");
    *house.hold.lock().unwrap() = None;
    held.notify_waiters();
    ending.await.unwrap().unwrap();
    assert_eq!(house.delivered().len(), 2);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(client.ready("in.ende").await, Some(3), "the others were not begun and are still there");
}
