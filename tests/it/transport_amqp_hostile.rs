//! What a publisher may send and a broker takes from it: nothing of it stops a queue, its own or another, and none of it is
//! fetched before there is room. Against a real RabbitMQ, by a publisher that writes its frames itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::{Envelope, Verdict};
use drehscheibe::rejection::Rejection;
use drehscheibe::telemetry::parts::{Parts, Turn};
use drehscheibe::transport::amqp::ENTRY;
use drehscheibe::transport::amqp::permit::HELD;
use drehscheibe::transport::port::*;
use lapin::options::{BasicGetOptions, BasicNackOptions};
use lapin::types::AMQPValue;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::until;
use crate::transport_amqp::{one_queue, properties, source};
use crate::transport_broker::{Broker, USER, emptied, password_of, shared};
use crate::transport_support::{House, Running, busy, source_of, start};

/// A publisher that writes octets, as no library would let it.
struct Raw(TcpStream);

/// Content type, header table, message id: each as it is written, or not at all.
#[derive(Clone, Default)]
struct Strange {
    content_type: Option<Vec<u8>>,
    table: Option<Vec<u8>>,
    message_id: Option<Vec<u8>>,
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()][..], text].concat()
}

fn long(octets: &[u8]) -> Vec<u8> {
    [&u32::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat()
}

/// One entry of a header table.
fn entry(name: &str, octets: &[u8]) -> Vec<u8> {
    [short(name.as_bytes()), b"S".to_vec(), long(octets)].concat()
}

impl Raw {
    async fn new(broker: &Broker, user: &str) -> Raw {
        let mut raw = Raw(TcpStream::connect(("127.0.0.1", broker.port)).await.unwrap());
        raw.0.write_all(b"AMQP\0\0\x09\x01").await.unwrap();
        raw.answered(10, 10).await;
        let login = format!("\0{user}\0{}", password_of(user));
        let start = [long(&[]), short(b"PLAIN"), long(login.as_bytes()), short(b"en_US")].concat();
        raw.method(0, 10, 11, &start).await;
        let tune = raw.answered(10, 30).await;
        raw.method(0, 10, 31, &tune).await;
        raw.method(0, 10, 40, &[short(b"/"), short(b""), vec![0]].concat()).await;
        raw.answered(10, 41).await;
        raw.method(1, 20, 10, &short(b"")).await;
        raw.answered(20, 11).await;
        raw.method(1, 85, 10, &[0]).await;
        raw.answered(85, 11).await;
        raw
    }

    async fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let mut frame = vec![kind];
        frame.extend(channel.to_be_bytes());
        frame.extend(long(payload));
        frame.push(0xCE);
        self.0.write_all(&frame).await.unwrap();
    }

    async fn method(&mut self, channel: u16, class: u16, method: u16, arguments: &[u8]) {
        let payload = [&class.to_be_bytes()[..], &method.to_be_bytes()[..], arguments].concat();
        self.frame(1, channel, &payload).await;
    }

    /// Reads until the broker says this; returns its arguments.
    async fn answered(&mut self, class: u16, method: u16) -> Vec<u8> {
        loop {
            let mut head = [0; 7];
            self.0.read_exact(&mut head).await.unwrap();
            let size = u32::from_be_bytes(head[3..7].try_into().unwrap()) as usize;
            let mut payload = vec![0; size + 1];
            self.0.read_exact(&mut payload).await.unwrap();
            payload.pop();
            if head[0] == 1 {
                let said = [&class.to_be_bytes()[..], &method.to_be_bytes()[..]].concat();
                assert!(payload.starts_with(&said), "the broker says {payload:?}");
                return payload[4..].to_vec();
            }
        }
    }

    async fn publish(&mut self, (exchange, key): (&[u8], &[u8]), body: &[u8], with: &Strange) {
        let arguments = [vec![0, 0], short(exchange), short(key), vec![1]].concat();
        self.method(1, 60, 40, &arguments).await;
        let (mut flags, mut properties) = (0u16, Vec::new());
        if let Some(text) = &with.content_type {
            flags |= 1 << 15;
            properties.extend(short(text));
        }
        if let Some(table) = &with.table {
            flags |= 1 << 13;
            properties.extend(long(table));
        }
        flags |= 1 << 12;
        properties.push(2);
        if let Some(text) = &with.message_id {
            flags |= 1 << 7;
            properties.extend(short(text));
        }
        let mut header = vec![0, 60, 0, 0];
        header.extend((body.len() as u64).to_be_bytes());
        header.extend(flags.to_be_bytes());
        header.extend(properties);
        self.frame(2, 1, &header).await;
        for piece in body.chunks(100_000) {
            self.frame(3, 1, piece).await;
        }
        // Nothing is returned and all is confirmed: it is in the queue.
        self.answered(60, 80).await;
    }
}

fn two_queues(broker: &Broker, one: &str, other: &str) -> Value {
    let queue = |name: &str, partner: &str| json!({"binding": name, "partner": partner, "prefetch": 100});
    broker.settings(json!({"queues": [queue(one, "ja-nord"), queue(other, "ja-sued")]}))
}

fn failing(parts: &Parts) -> Vec<(String, Turn)> {
    let failing = |said: drehscheibe::telemetry::parts::Said| Some((said.part, said.failing?.turn));
    parts.said().into_iter().filter_map(failing).collect()
}

fn begun(house: &Arc<dyn Intake>, around: Surroundings, settings: &Value) -> (Running, Parts) {
    let around = Surroundings { intake: house.clone(), ..around };
    let parts = around.parts.clone();
    (start(source_of(&ENTRY, "broker", settings, &around).unwrap().unwrap()), parts)
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_publisher_writes_beside_its_message_is_taken_and_stops_nobody() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let settings = two_queues(broker, "in.seltsam", "in.neben");
    let intake: Arc<dyn Intake> = house.clone();
    let (running, parts) = begun(&intake, house.around(Clock::real()), &settings);
    let client = broker.client("ja-sued").await;
    client.exists_soon("in.seltsam").await;
    client.exists_soon("in.neben").await;
    let mut raw = Raw::new(broker, "ja-nord").await;
    let trace = entry("traceparent", TRACE.as_bytes());
    let cases = [
        // Larger than the frames that were agreed, and as large as this broker takes them.
        Strange { table: Some([entry("x", &[b'a'; 33_000]), trace.clone()].concat()), ..Strange::default() },
        Strange { table: Some(entry("x", &[b'a'; 120_000])), ..Strange::default() },
        Strange {
            table: Some([trace.clone(), entry("\u{e4}", &[0xFF; 300])].concat()),
            ..Strange::default()
        },
        // A name and a value that are no text, and a value of every kind that a table may hold.
        Strange { table: Some([short(b"\xE4"), b"t\x01".to_vec()].concat()), ..Strange::default() },
        Strange {
            table: Some([short(b"v"), b"V".to_vec(), short(b"d"), b"D\x02\0\0\0\x07".to_vec()].concat()),
            ..Strange::default()
        },
        Strange { content_type: Some(b"text/\xE4".to_vec()), ..Strange::default() },
        Strange { message_id: Some(b"M\xFCller".to_vec()), ..Strange::default() },
        Strange {
            message_id: Some(vec![b'i'; 255]),
            content_type: Some(vec![b'c'; 255]),
            ..Strange::default()
        },
    ];
    for (nth, case) in cases.iter().enumerate() {
        raw.publish((b"", b"in.seltsam"), format!("<n>{nth}</n>").as_bytes(), case).await;
        client.publish("in.neben", format!("<m>{nth}</m>").as_bytes(), properties(&format!("m-{nth}"))).await;
    }
    let all = house.wait_for(2 * cases.len()).await;
    let of = |nth: usize| all.iter().find(|one| one.body == format!("<n>{nth}</n>").as_bytes()).unwrap();
    // A table that is small enough is searched for the trace context; one of 33 KB is not.
    assert_eq!(of(2).head.traceparent.as_deref(), Some(TRACE));
    assert_eq!((of(0).head.traceparent.clone(), of(1).head.traceparent.clone()), (None, None));
    assert_eq!(of(5).head.content_type, None);
    // An id that is no text is none; its content is the key then.
    assert!(of(6).head.transport_id.ends_with(&of(6).evidence.octets_sha256));
    assert!(of(7).head.transport_id.contains(":id-"));
    assert_eq!(all.len(), 2 * cases.len(), "each came once: no connection broke");
    assert_eq!(failing(&parts), []);
    running.end().await.unwrap();
    emptied(broker, "in.seltsam").await;
    emptied(broker, "in.neben").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routing_key_that_is_no_text_is_none_of_our_business() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let more = json!({"order": "consistent-hash", "exchange": "ex.seltsam", "partitions": 2});
    let running = source(&house, &one_queue(broker, "in.verteilt", more));
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.verteilt.1").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut raw = Raw::new(broker, "ja-nord").await;
    for nth in 0..8u8 {
        let body = format!("<n>{nth}</n>");
        raw.publish((b"ex.seltsam", &[0xE4, nth, 0xFF]), body.as_bytes(), &Strange::default()).await;
    }
    house.wait_for(8).await;
    running.end().await.unwrap();
}

/// Takes nothing of one partner, and everything of the others.
struct Held {
    house: Arc<House>,
    partner: &'static str,
}

#[async_trait]
impl Intake for Held {
    async fn deliver(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        let of = envelope.head.partner.as_ref().map(|partner| partner.id.clone());
        let verdict = self.house.deliver(envelope).await?;
        if of.as_deref() == Some(self.partner) { Err(busy(Duration::from_secs(30))) } else { Ok(verdict) }
    }

    async fn set_apart(&self, envelope: Envelope, cause: &'static str) -> Result<Verdict, Busy> {
        self.house.set_apart(envelope, cause).await
    }

    async fn keep_raw(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        self.house.keep_raw(envelope).await
    }

    async fn refuse(&self, envelope: Envelope, fault: Rejection) -> Result<Verdict, Busy> {
        self.house.refuse(envelope, fault).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fetched_and_not_taken_still_waits() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let settings = one_queue(broker, "in.pausiert", json!({}));
    let intake: Arc<dyn Intake> = Arc::new(Held { house: house.clone(), partner: "ja-nord" });
    let (running, parts) = begun(&intake, house.around(Clock::real()), &settings);
    let client = broker.client(USER).await;
    client.exists_soon("in.pausiert").await;
    for nth in 0..3 {
        client.publish("in.pausiert", b"<a/>", properties(&format!("p-{nth}"))).await;
    }
    // The broker says that nothing lies there: all three are out, and nobody has taken them.
    let waits =
        || parts.said().iter().find(|said| said.part.contains("in.pausiert of")).and_then(|said| said.waits);
    until("what is held is told", 60, || waits() == Some(3)).await;
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn octets_are_permitted_before_they_are_fetched_and_one_queue_that_is_held_gives_way() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let settings = two_queues(broker, "in.gewicht", "in.klein");
    let client = broker.client(USER).await;
    for queue in ["in.gewicht", "in.klein"] {
        // Made by the source once, so that they are there before anything is taken.
        let running = source(&House::new(), &one_queue(broker, queue, json!({})));
        client.exists_soon(queue).await;
        running.end().await.unwrap();
    }
    let body = vec![b' '; 1_000_000];
    for nth in 0..100 {
        client.publish("in.gewicht", &body, properties(&format!("g-{nth}"))).await;
    }
    let intake: Arc<dyn Intake> = Arc::new(Held { house: house.clone(), partner: "ja-nord" });
    let (running, parts) = begun(&intake, house.around(Clock::real()), &settings);
    let room = usize::try_from(HELD).unwrap() / body.len();
    house.wait_for(room).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen: std::collections::BTreeSet<String> =
        house.delivered().into_iter().map(|envelope| envelope.head.transport_id).collect();
    assert_eq!(seen.len(), room, "a hundred were allowed, and only so many had room");
    client.publish("in.klein", b"<k/>", properties("k-1")).await;
    until("the neighbour's delivery", 60, || house.delivered().iter().any(|one| one.body == "<k/>")).await;
    let expected = ("queue in.gewicht of broker".to_owned(), Turn::Ours);
    until("the queue that gave way", 60, || failing(&parts).contains(&expected)).await;
    assert!(!failing(&parts).iter().any(|(part, _)| part.contains("in.klein")));
    running.end().await.unwrap();
    assert_eq!(parts.said(), [], "what has ended says nothing more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_gave_up_on_is_said() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    let settings = one_queue(broker, "in.aufgegeben", json!({"delivery-limit": 1}));
    let making = source(&House::new(), &settings);
    client.exists_soon("in.aufgegeben").await;
    making.end().await.unwrap();
    client.declare("in.aufgegeben.dead", "quorum", &[]).await;
    client.publish("in.aufgegeben", b"<a/>", properties("m-1")).await;
    // A consumer that fails on it each time.
    for _ in 0..2_400 {
        let got = client.channel.basic_get("in.aufgegeben".into(), BasicGetOptions::default()).await.unwrap();
        let Some(got) = got else {
            if client.ready("in.aufgegeben.dead").await == Some(1) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
            continue;
        };
        got.delivery.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await.unwrap();
    }
    assert_eq!(client.ready("in.aufgegeben.dead").await, Some(1));
    let intake: Arc<dyn Intake> = house.clone();
    let (running, parts) = begun(&intake, house.around(Clock::real()), &settings);
    until("the dead letter", 60, || {
        failing(&parts) == [("queue in.aufgegeben.dead of broker".to_owned(), Turn::Person)]
    })
    .await;
    let said = parts.said().into_iter().find(|said| said.part.contains("dead")).unwrap();
    assert_eq!(said.waits, Some(1));
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unfit_queue_is_said_and_the_others_run() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let client = broker.client(USER).await;
    client.declare("in.unfit", "classic", &[]).await;
    client.declare("in.fit", "quorum", &[("x-delivery-limit", AMQPValue::LongLongInt(500))]).await;
    let mut settings = two_queues(broker, "in.unfit", "in.fit");
    settings["topology"] = json!("check");
    let intake: Arc<dyn Intake> = house.clone();
    let (running, parts) = begun(&intake, house.around(Clock::real()), &settings);
    client.publish("in.fit", b"<a/>", properties("m-1")).await;
    house.wait_for(1).await;
    until("the unfit queue", 60, || failing(&parts) == [("queue in.unfit of broker".to_owned(), Turn::Ours)])
        .await;
    running.end().await.unwrap();
}
