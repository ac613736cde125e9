//! A broker in each kind of trouble: what the operator is told, what waits meanwhile, and that it goes on by itself. The
//! troubles are real ones of a RabbitMQ of the test's own.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::Lying;
use drehscheibe::store::orders::{Command, Order};
use drehscheibe::telemetry::alarm::Alarm;
use drehscheibe::transport::amqp::ENTRY;
use drehscheibe::transport::port::*;
use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::engine::rig::{NORD, Rig, WOHNGELD, deliver, fast, stop, wish};
use crate::support::until;
use crate::transport_amqp::{one_queue, outgoing, properties, until_sent};
use crate::transport_broker::{Broker, USER, emptied, own, shared};
use crate::transport_support::{House, Running, destination_of, source_of, start};

/// What is logged on this thread.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub fn hear() -> (Lines, tracing::subscriber::DefaultGuard) {
        let lines = Lines::default();
        let writer = lines.clone();
        let heard = tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO);
        let heard = heard.with_writer(move || writer.clone()).finish();
        (lines, tracing::subscriber::set_default(heard))
    }

    /// All lines so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Waits for the line of an alarm about a connection, with cause and step of the catalogue and a word of its facts.
    async fn alarm(&self, alarm: Alarm, connection: &str, fact: &str) {
        let explained = alarm.explained();
        let wanted = [
            format!("\"alarm\":\"{}\"", explained.code),
            format!("\"subject\":\"{connection}\""),
            format!("\"cause\":\"{}\"", explained.cause),
            format!("\"step\":\"{}\"", explained.step),
            fact.to_owned(),
        ];
        until(&format!("{} of {connection} with {fact:?}", explained.code), 60, || {
            self.text().lines().any(|line| wanted.iter().all(|word| line.contains(word)))
        })
        .await;
    }
}

fn source(name: &str, house: &Arc<House>, settings: &Value) -> Running {
    start(source_of(&ENTRY, name, settings, &house.around(Clock::real())).unwrap().unwrap())
}

fn destination(name: &str, house: &Arc<House>, settings: &Value, channel: Value) -> Arc<dyn Destination> {
    let channel = Channel { partner: "ja-nord".to_owned(), settings: channel };
    destination_of(&ENTRY, (name, settings), &channel, &house.around(Clock::real())).unwrap().unwrap()
}

/// Runs what blocks, while everything else goes on.
async fn aside(broker: &Arc<Broker>, does: impl FnOnce(&Broker) + Send + 'static) {
    let broker = broker.clone();
    tokio::task::spawn_blocking(move || does(&broker)).await.unwrap();
}

// On one thread, so that all lines are heard.
#[tokio::test]
async fn a_broker_in_trouble_is_told_and_what_waits_goes_on_by_itself() {
    let Some(broker) = own("nachbar").await else { return };
    let broker = Arc::new(broker);
    let (lines, _hearing) = Lines::hear();
    let house = House::new();
    let settings = broker.settings(json!({"queues": [{"binding": "in.nachbar", "partner": "ja-nord"}]}));
    let running = source("nachbar", &house, &settings);
    let to = destination("nachbar", &house, &settings, json!({"routing-key": "in.nachbar"}));
    broker.client(USER).await.exists_soon("in.nachbar").await;
    let arrives = async |body: &str| {
        until_sent(&to, &outgoing(body)).await;
        until(body, 60, || house.delivered().iter().any(|envelope| envelope.body == body)).await;
    };
    arrives("<vorher/>").await;

    // It lacks room on its disk: what leaves waits.
    aside(&broker, |broker| broker.control(&["set_disk_free_limit", "999999GB"])).await;
    let mut told = None;
    for _ in 0..1_200 {
        match to.send(&outgoing("<voll/>")).await {
            Err(SendError::Later { cause, far_end: true, .. }) if cause.contains("memory or disk") => {
                told = Some(cause);
                break;
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    assert!(told.is_some(), "a broker without room must be told as such");
    lines.alarm(Alarm::BrokerBlocked, "nachbar", "broker-blocked").await;
    aside(&broker, |broker| broker.control(&["set_disk_free_limit", "50MB"])).await;
    arrives("<platz/>").await;

    // Somebody deletes the queue under its consumer: it is told, made again and consumed.
    let client = broker.client(USER).await;
    client.channel.queue_delete("in.nachbar".into(), QueueDeleteOptions::default()).await.unwrap();
    lines.alarm(Alarm::QueueUnusable, "nachbar", "queue=in.nachbar, cause=broker ended the consumer").await;
    client.exists_soon("in.nachbar").await;
    arrives("<wieder/>").await;

    // Our user may not read: nothing is taken until he may, and then without a restart.
    client.declare("in.verboten", "quorum", &[]).await;
    client.publish("in.verboten", b"<erlaubt/>", properties("m-1")).await;
    let mut poor = broker.settings(json!({
        "user": "ohne-rechte", "password": "ohne-rechte-probe-geheim", "topology": "check",
        "queues": [{"binding": "in.verboten", "partner": "ja-nord"}], "allow-classic": ["in.verboten"]
    }));
    poor["reconnect-longest"] = json!("1s");
    let forbidden = House::new();
    let reading = source("nachbar-arm", &forbidden, &poor);
    lines.alarm(Alarm::QueueUnusable, "nachbar-arm", "cause=permission refused").await;
    assert!(forbidden.delivered().is_empty());
    let allow = ["set_permissions", "-p", "/", "ohne-rechte", "", "", ".*"];
    aside(&broker, move |broker| broker.control(&allow)).await;
    until("what was forbidden is read", 60, || forbidden.delivered().len() == 1).await;
    reading.end().await.unwrap();

    // The queue is not there, and nobody here makes it.
    poor["queues"] = json!([{"binding": "in.fehlend", "partner": "ja-nord"}]);
    poor["allow-classic"] = json!(["in.fehlend"]);
    let missing = House::new();
    let waiting = source("nachbar-ohne", &missing, &poor);
    lines.alarm(Alarm::QueueUnusable, "nachbar-ohne", "cause=queue or exchange is missing").await;
    client.declare("in.fehlend", "quorum", &[]).await;
    client.publish("in.fehlend", b"<da/>", properties("m-2")).await;
    until("the queue that was missing is read", 60, || missing.delivered().len() == 1).await;
    waiting.end().await.unwrap();

    // It goes: both directions say so, and come back.
    aside(&broker, |broker| broker.script("stop")).await;
    let down = to.send(&outgoing("<weg/>")).await;
    assert!(!matches!(down, Ok(_) | Err(SendError::Never { .. })), "{down:?}");
    lines.alarm(Alarm::BrokerDown, "nachbar", "broker").await;
    aside(&broker, |broker| broker.script("start")).await;
    arrives("<zurueck/>").await;
    running.end().await.unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let ours = text.lines().filter(|line| line.contains("\"target\":\"drehscheibe"));
    for line in ours {
        for word in ["ohne-rechte", "geheim", "erlaubt", "NOT_FOUND", "ACCESS_REFUSED"] {
            assert!(!line.contains(word), "{word} is no word of ours: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_leads_nowhere_waits_for_a_person_and_one_whose_exchange_is_missing_does_not() {
    let Some(broker) = shared().await else { return };
    let mut rig = Rig::new(fast(60.0)).await;
    let house = House::new();
    let settings = broker.settings(json!({}));
    let leads = |channel: Value| destination("nachbar-aus", &house, &settings, channel);
    rig.set.destinations.insert(NORD.to_owned(), leads(json!({"routing-key": "out.nirgends"})));
    let lost = leads(json!({"exchange": "ex.nachbar", "routing-key": "x"}));
    rig.set.destinations.insert(WOHNGELD.to_owned(), lost);
    let engine = rig.engine();
    let id = deliver(&engine, rig.envelope(&wish(1, 1))).await.id;
    let parked = rig.until_send(id, NORD, "parked").await;
    assert!(parked.cause.as_deref().is_some_and(|cause| cause.contains("lead nowhere")), "{parked:?}");
    assert!(parked.next_step.is_some_and(|step| step.contains("replay")));
    let again = rig.until_send(id, WOHNGELD, "retrying").await;
    assert!(again.cause.as_deref().is_some_and(|cause| cause.contains("missing")), "{again:?}");
    // Put right at the broker: the one goes by itself, the other one when a person says so.
    let client = broker.client(USER).await;
    client.declare("out.nirgends", "quorum", &[]).await;
    client.declare("out.nachbar", "quorum", &[]).await;
    let (options, table) = (ExchangeDeclareOptions::default(), FieldTable::default());
    let made = client.channel.exchange_declare("ex.nachbar".into(), ExchangeKind::Direct, options, table);
    made.await.unwrap();
    let (options, table) = (QueueBindOptions::default(), FieldTable::default());
    let bound =
        client.channel.queue_bind("out.nachbar".into(), "ex.nachbar".into(), "x".into(), options, table);
    bound.await.unwrap();
    rig.until_send(id, WOHNGELD, "sent").await;
    assert_eq!(rig.send_of(id, NORD).await.state.as_str(), "parked", "nobody said so yet");
    let replay = Command {
        id: Uuid::now_v7(),
        order: Order::read("replay", &format!(r#"{{"id":"{}"}}"#, parked.id)),
        person: "os:rita".to_owned(),
        reason: "the queue is there now".to_owned(),
        at: rig.clock.now(),
    };
    rig.store.post_command(replay).await.unwrap();
    rig.until_send(id, NORD, "sent").await;
    let taken = client.take("out.nirgends").await;
    let message_id = taken.properties.message_id().as_ref().map(ToString::to_string);
    assert_eq!(message_id, Some(parked.id.to_string()), "the same id as ever");
    stop(engine).await;
}

/// Takes down what is said of the places where a source looks.
#[derive(Default)]
struct Told(Mutex<Vec<(Place, Option<Lying>)>>);

impl Told {
    fn say(&self, place: &Place, lying: Option<Lying>) {
        self.0.lock().unwrap().push((place.clone(), lying));
    }

    fn said(&self) -> Vec<Option<Lying>> {
        self.0.lock().unwrap().iter().map(|(_, lying)| *lying).collect()
    }
}

#[async_trait]
impl Notes for Told {
    async fn note(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, Busy> {
        Ok(None)
    }

    async fn set_note(&self, _: &str, _: &str, _: Option<Vec<u8>>) -> Result<(), Busy> {
        Ok(())
    }

    async fn swap_note(&self, _: &str, _: &str, _: Option<Vec<u8>>, _: Vec<u8>) -> Result<bool, Busy> {
        Ok(true)
    }

    async fn looks(&self, _: &str, places: &[Place]) -> Result<(), Busy> {
        places.iter().for_each(|place| self.say(place, None));
        Ok(())
    }

    async fn looked(&self, place: &Place, lying: Lying) -> Result<(), Busy> {
        self.say(place, Some(lying));
        Ok(())
    }
}

/// A queue is looked at when the link stands and each quarter of a minute.
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_a_queue_is_told_and_that_it_was_found_empty() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let held = house.hold();
    let told = Arc::new(Told::default());
    let around = Surroundings { notes: told.clone(), ..house.around(Clock::real()) };
    let queue = one_queue(broker, "in.liegt", json!({}));
    let running = start(source_of(&ENTRY, "broker", &queue, &around).unwrap().unwrap());
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.liegt").await;
    client.publish("in.liegt", b"<a/>", properties("m-1")).await;
    house.wait_for(1).await;
    // In the queue or in hand: it was not taken.
    until("something is said to lie there", 60, || told.said().contains(&Some(Lying::Something))).await;
    *house.hold.lock().unwrap() = None;
    held.notify_waiters();
    emptied(broker, "in.liegt").await;
    until("it is said to be empty", 90, || told.said().last() == Some(&Some(Lying::Nothing))).await;
    running.end().await.unwrap();
    // Not between: what was in hand was not taken.
    let mut said = told.said();
    assert_eq!(said.remove(0), None);
    let from = said.iter().position(|lying| *lying == Some(Lying::Something)).unwrap();
    assert!(said[from..said.len() - 1].iter().all(|lying| *lying == Some(Lying::Something)), "{said:?}");
    let place = Place {
        connection: "broker".into(),
        name: "in.liegt".into(),
        binding: "amqp in.liegt".into(),
        partners: vec!["ja-nord".into()],
    };
    assert!(told.0.lock().unwrap().iter().all(|(said, _)| *said == place));
}

/// What the queue's part says to wait there.
fn waits(around: &Surroundings, queue: &str) -> Option<u64> {
    let part = format!("queue {queue}");
    around.parts.said().into_iter().find(|said| said.part.contains(&part)).and_then(|said| said.waits)
}

/// A broker hands over ahead (prefetch), and counts that as gone: it waits here all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_over_and_nobody_has_read_is_told_and_counts_until_it_is_taken() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    let held = house.hold();
    let told = Arc::new(Told::default());
    let around = Surroundings { notes: told.clone(), ..house.around(Clock::real()) };
    let queue = one_queue(broker, "in.voraus", json!({"order": "single-active-consumer", "prefetch": 64}));
    let running = start(source_of(&ENTRY, "broker", &queue, &around).unwrap().unwrap());
    let client = broker.client("ja-nord").await;
    client.exists_soon("in.voraus").await;
    for n in 0..53 {
        client.publish("in.voraus", b"<a/>", properties(&format!("m-{n}"))).await;
    }
    house.wait_for(1).await;
    let count = |lying| told.said().iter().filter(|said| **said == Some(lying)).count();
    until("all of it is said to wait", 60, || waits(&around, "in.voraus") == Some(53)).await;
    let looks = told.said().len();
    until("it was looked at since", 60, || told.said().len() > looks).await;
    // Four of the 53 are taken: those that are left lay there at that look, too.
    for n in 2..=5 {
        held.notify_waiters();
        house.wait_for(n).await;
    }
    let looks = told.said().len();
    until("it was looked at twice more", 60, || told.said().len() >= looks + 2).await;
    let said = told.said();
    let from = said.iter().position(|lying| *lying == Some(Lying::Something)).unwrap();
    assert!(said[from..].iter().all(|lying| *lying == Some(Lying::Something)), "{said:?}");
    assert_eq!(waits(&around, "in.voraus"), Some(49));
    let empty = count(Lying::Nothing);
    *house.hold.lock().unwrap() = None;
    held.notify_waiters();
    house.wait_for(53).await;
    until("it is said to be empty", 60, || count(Lying::Nothing) > empty).await;
    running.end().await.unwrap();
}
