//! A delivery of a version that nobody reads here, at each entry that its office knows: its register says nothing by itself until a person has
//! looked (rules.md 2.1 b), wherever it was sent to. Through the real door, trays and broker of a whole house.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use drehscheibe::app::house::{House, Options};
use drehscheibe::app::place::Place;
use drehscheibe::app::player::{Event, Given};
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::envelope::Inbound;
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::store::desk::{Filter, View};
use drehscheibe::store::stamp::Scope;
use lapin::BasicProperties;

use crate::klaerfall::{began, envelope, form, place_of, played, stage};
use crate::support::{Receiver, free_port, root};
use crate::transport_broker::{USER, shared};

/// Where it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// Nowhere: the request is answered.
    None,
    /// Where deliveries are taken.
    Http,
    /// Where requests are taken, of services only.
    WrongHttp,
    /// Its tray.
    Folder,
    /// Its queue.
    Amqp,
}

const QUEUE: &str = "in.register-unbekannte-version";

/// A 0804 of a release that comes after all that are known here.
fn delivery() -> String {
    let file = root().join("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml");
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("/1.3.0\"") && text.contains("version=\"1.3.0\""));
    text.replace("1.3.0", "9.9.0")
}

async fn letter(entry: Entry) -> Option<Fall> {
    let broker = match entry {
        Entry::Amqp => Some(shared().await?),
        _ => None,
    };
    let (http, receiver): (SocketAddr, _) = (free_port(), Receiver::start().await);
    let stage = stage("J", http, receiver.address);
    let mut place: Place = place_of(&stage);
    if let Some(broker) = broker {
        let routes = stage.stage().parent().unwrap().join("routes");
        copied(&place.routes, &routes);
        let file = routes.join("registerlieferung.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let on = "  - folder: lieferungen\n";
        assert!(text.contains(on));
        fs::write(&file, text.replace(on, &format!("{on}  - amqp: {QUEUE}\n"))).unwrap();
        let file = stage.stage().join("connections.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let mut settings = broker.settings(serde_json::json!({
            "queues": [{ "binding": QUEUE, "partner": "jugendamt-bremen" }]
        }));
        settings["kind"] = "amqp".into();
        let password = settings["password"].as_str().unwrap().to_owned();
        fs::write(stage.stage().join("secrets/broker.password"), password).unwrap();
        settings["password"] = serde_json::json!({ "file": "secrets/broker.password" });
        fs::write(&file, format!("{text}  broker: {settings}\n")).unwrap();
        place.routes = routes;
    }
    let script = played(&stage, "negativ-bekannt");
    let clock = Clock::set(began());
    let options = Options {
        place,
        clock: clock.clone(),
        points: Points::none(),
        settings: Settings { workers: 1, ..Settings::default() },
        waits: false,
    };
    let house = House::start(options).await.unwrap_or_else(|fault| panic!("{entry:?}: {fault:?}"));
    let intake = house.shared.around.intake.clone();
    let acts = script.events.iter().map(|event| match event {
        Event::Given(given) => &**given,
        Event::Timer(_) => panic!("no timers here"),
    });
    let mut acts: Vec<&Given> = acts.collect();
    let request = acts.pop().unwrap();
    for given in script.before.iter().chain(acts) {
        assert_eq!(intake.deliver(envelope(given)).await.unwrap().state, Inbound::Accepted);
    }
    let client = reqwest::Client::new();
    let token = |of: &str| fs::read_to_string(stage.stage().join(format!("secrets/{of}.token"))).unwrap();
    let (amt, body) = (token("jugendamt-bremen"), delivery());
    let posted = async |path: &str| {
        let url = format!("http://{http}{path}");
        let request = client.post(url).bearer_auth(amt.trim()).header("content-type", "application/xml");
        request.body(body.clone()).send().await.unwrap().status().as_u16()
    };
    match entry {
        Entry::None => {}
        Entry::Http => assert_eq!(posted("/v1/lieferungen").await, 422),
        Entry::WrongHttp => assert_eq!(posted("/v1/antraege").await, 403),
        Entry::Folder => {
            let tray = stage.data().join("trays/jugendamt-bremen/in");
            fs::write(tray.join(".neu.xml"), &body).unwrap();
            fs::rename(tray.join(".neu.xml"), tray.join("neu.xml")).unwrap();
        }
        Entry::Amqp => {
            let client = broker.unwrap().client(USER).await;
            client.exists_soon(QUEUE).await;
            let properties = BasicProperties::default()
                .with_message_id("neu".into())
                .with_content_type("application/xml".into());
            client.publish(QUEUE, body.as_bytes(), properties).await;
        }
    }
    let store = house.shared.core.store.clone();
    if entry != Entry::None {
        let all = || Filter { limit: 100, ..Filter::default() };
        for look in 0.. {
            let listed = store.list(&Scope::Operator, all()).await.unwrap();
            let there = |one: &&drehscheibe::store::listed::Listed| {
                matches!(one.state, Inbound::Rejected | Inbound::Denied | Inbound::Quarantined)
            };
            if listed.iter().any(|one| there(&one)) {
                break;
            }
            assert!(look < 3_000, "{entry:?}: it is not here: {listed:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let answer = client
        .post(format!("http://{http}/v1/antraege"))
        .bearer_auth(token("kita-portal-nord").trim())
        .header("content-type", "multipart/form-data; boundary=grenze")
        .body(form(request))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{entry:?}");
    let view = View {
        scope: Scope::Operator,
        limit: 100,
        person: "test".into(),
        reason: "test".into(),
        now: clock.now(),
    };
    let all = store.vorgaenge(view, None).await.unwrap();
    let mut falls = all.iter().filter_map(|vorgang| vorgang.akte.fall);
    let fall = falls.next();
    assert_eq!(falls.next(), None);
    house.stop(Duration::from_secs(5)).await;
    fall
}

fn copied(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copied(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_of_an_unknown_version_counts_at_each_entry_of_its_office() {
    assert_eq!(letter(Entry::None).await, Some(Fall::A), "the request itself");
    for entry in [Entry::Http, Entry::WrongHttp, Entry::Folder] {
        assert_eq!(letter(entry).await, Some(Fall::J), "{entry:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_of_an_unknown_version_counts_at_its_queue() {
    if shared().await.is_some() {
        assert_eq!(letter(Entry::Amqp).await, Some(Fall::J));
    }
}
