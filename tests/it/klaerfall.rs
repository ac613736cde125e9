//! All Klärfälle look the same from outside: each letter's request through a real house and its HTTP door, and everything that
//! anybody but the office can see compared octet by octet. Knows the letters only from the restricted record.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drehscheibe::app::fit;
use drehscheibe::app::house::{House, Options};
use drehscheibe::app::place::Place;
use drehscheibe::app::player::{Event, Given, Script};
use drehscheibe::app::reload::Reload;
use drehscheibe::app::script::{self, Shelf};
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::envelope::{Envelope, Evidence, Head, How, Inbound, Lying, PartnerRef};
use drehscheibe::route::case;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::{Filter, View};
use drehscheibe::store::stamp::Scope;
use drehscheibe::telemetry::parts::{Failing, Turn};
use drehscheibe::transport::ids::sha256_hex;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::engine::house::takes_back_release;
use crate::letters::house::words_of;
use crate::support::{Receiver, StageDir, free_port, root, until};

const ROUTE: &str = "auskunft-self-service";
/// A case of the route for each letter that ends with the office; D no delivery says.
const LETTERS: &[(&str, &str)] = &[
    ("V", "klaerfall-vollmacht"),
    ("G", "klaerfall-angabe-ehe"),
    ("N", "klaerfall-mutter-siebzehn"),
    ("O", "klaerfall-geburtsdatum-unvollstaendig"),
    ("M", "negativ-bekannt"),
    ("M", "klaerfall-anschrift-im-ausland"),
    ("M", "klaerfall-zwei-wohnungen"),
    ("M", "klaerfall-ags-und-ars"),
    ("J", "klaerfall-bestand-alt"),
    ("Q", "klaerfall-vor-der-geburt"),
    ("F", "klaerfall-art-03"),
    ("I", "klaerfall-unbekannt"),
    ("H", "klaerfall-art-01-02"),
    ("C", "klaerfall-art-02"),
    ("E", "klaerfall-art-04"),
];

/// The same where something came before that had no effect (rules.md 2.1): refused, parked, waiting, unreadable.
const UNDIGESTED: &[(&str, &str)] = &[
    ("Q", "klaerfall-korrektur-abgewiesen"),
    ("Q", "klaerfall-lieferung-geparkt"),
    ("Q", "klaerfall-korrektur-wartet"),
    ("J", "klaerfall-lieferung-unlesbar"),
];
/// The same where something lies with the office of the birthplace that nobody took.
const LYING: (&str, &str) = ("J", "negativ-bekannt");
/// The same where it was a Negativauskunft until other files ran.
const LATE: (&str, &str) = ("M", "negativ-bekannt");
/// The same where a notice of a registry office is open.
const NOTICED: (&str, &str) = ("Q", "klaerfall-hinweis");

/// What everybody but the office sees of one request.
#[derive(Debug, PartialEq)]
struct Outside {
    status: u16,
    headers: Vec<(String, String)>,
    reply: String,
    sends: Vec<(String, String, SignedDuration)>,
    callback: String,
    postfach: Vec<(String, String)>,
    audit: Vec<(String, String)>,
    standing: String,
    /// The same request said again after the delay: status, head and answer.
    repeat: (u16, Vec<(String, String)>, String),
}

/// What the house logs, whatever the test: looked through line by line.
#[derive(Clone)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn began() -> Timestamp {
    "2026-11-21T16:00:00Z".parse().unwrap()
}

/// The stage of the demonstration with sockets of its own; for M the office of residence has released nothing.
pub fn stage(letter: &str, http: SocketAddr, callbacks: SocketAddr) -> StageDir {
    let stage = StageDir::new([callbacks, callbacks]);
    let demo = root().join("deploy/stages/demo");
    let to = stage.stage();
    for folder in ["secrets", "tables"] {
        fs::create_dir_all(to.join(folder)).unwrap();
        for entry in fs::read_dir(demo.join(folder)).unwrap().flatten() {
            fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
        }
    }
    for (file, changes) in [
        ("connections.yaml", vec![("127.0.0.1:8080", http.to_string())]),
        (
            "partners.yaml",
            vec![(
                "http://127.0.0.1:8091/hooks/sorgeregister",
                format!("http://127.0.0.1:{}/benachrichtigung", callbacks.port()),
            )],
        ),
    ] {
        let mut text = fs::read_to_string(demo.join(file)).unwrap();
        for (from, with) in changes {
            assert!(text.contains(from));
            text = text.replace(from, &with);
        }
        fs::write(to.join(file), text).unwrap();
    }
    if letter == "M" {
        takes_back_release(&to, "jugendamt-hamburg");
    }
    for tray in ["jugendamt-bremen", "jugendamt-hamburg", "postfach"] {
        for way in ["in", "out"] {
            fs::create_dir_all(stage.data().join("trays").join(tray).join(way)).unwrap();
        }
    }
    stage
}

pub fn envelope(given: &Given) -> Envelope {
    let how = if given.acting.is_some() { How::Internal } else { How::Memory };
    Envelope {
        head: Head {
            id: Uuid::now_v7(),
            connection: given.binding.split(' ').next().unwrap().to_owned(),
            binding: given.binding.clone(),
            transport_id: given.transport_id.clone(),
            correlation: None,
            content_type: None,
            partner: given.partner.clone().map(|id| PartnerRef { id, how }),
            received: began() + given.at,
            return_address: None,
            traceparent: None,
            acting_person: given.acting.clone(),
            label: None,
            in_band: true,
        },
        evidence: Evidence {
            octets_sha256: sha256_hex(&given.body),
            size: given.body.len() as u64,
            ..Evidence::default()
        },
        body: given.body.clone(),
        parts: Vec::new(),
    }
}

/// Ids are ours and differ; everything else must not.
fn masked(text: &str) -> String {
    let octets = text.as_bytes();
    let is_id = |at: usize| {
        octets.get(at..at + 36).is_some_and(|id| {
            id.iter().enumerate().all(|(n, octet)| match n {
                8 | 13 | 18 | 23 => *octet == b'-',
                _ => octet.is_ascii_hexdigit(),
            })
        })
    };
    let mut out = String::new();
    let mut at = 0;
    while at < octets.len() {
        if is_id(at) {
            out.push_str("<id>");
            at += 36;
        } else {
            let next = text[at..].chars().next().unwrap();
            out.push(next);
            at += next.len_utf8();
        }
    }
    out
}

pub fn files(folder: &Path) -> Vec<(String, String)> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    // What begins with a dot is still being written.
    all.retain(|file| file.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    all.sort();
    all.iter()
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let octets = fs::read(file).unwrap();
            // A letter is read as she reads it; its number makes it another one in each run.
            let text = match octets.starts_with(b"%PDF") {
                // A number may be broken at its hyphens.
                true => words_of(&octets).replace("- ", "-"),
                false => without_hashes(&String::from_utf8(octets).unwrap()),
            };
            (masked(&name), masked(&text))
        })
        .collect()
}

/// A document without the hashes of the letters that come with it.
fn without_hashes(text: &str) -> String {
    let mut parts = text.split("\"sha256\":\"");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |said, part| said + "\"sha256\":\"<hash>" + &part[64..])
}

/// The documents alone, without the letters beside them.
pub fn documents(folder: &Path) -> Vec<(String, String)> {
    files(folder).into_iter().filter(|(name, _)| name.ends_with(".json")).collect()
}

fn audit(stage: &StageDir, message: Uuid) -> Vec<(String, String)> {
    let file = stage.data().join("drehscheibe.db/drehscheibe.db");
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut rows =
        connection.prepare("SELECT what, detail FROM audit WHERE subject = ?1 ORDER BY row").unwrap();
    let found = rows.query_map([message], |row| {
        let (what, detail): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let mut detail: serde_json::Value = serde_json::from_slice(&detail).unwrap();
        // The hash of what she sent, which no letter changes.
        detail.as_object_mut().unwrap().remove("content").unwrap();
        Ok((what, masked(&detail.to_string())))
    });
    found.unwrap().map(Result::unwrap).collect()
}

/// Whether a letter of the table stands alone in a text.
fn tells_a_letter(text: &str) -> bool {
    let letters: BTreeSet<&str> =
        LETTERS.iter().map(|(letter, _)| *letter).chain(["A", "B", "K", "L"]).collect();
    text.split(|c: char| !c.is_alphanumeric()).any(|word| letters.contains(word))
}

pub fn played(stage: &StageDir, name: &str) -> Script {
    let place = place_of(stage);
    let fit = fit::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit:?}"));
    let file = root().join("routes/tests").join(ROUTE).join(format!("{name}.yaml"));
    let case = case::read(name, &fs::read_to_string(&file).unwrap()).unwrap();
    script::of(&Shelf { compiled: &fit.compiled, xsd: &place.xsd, case: &file }, ROUTE, &case).unwrap()
}

pub fn place_of(stage: &StageDir) -> Place {
    Place {
        config: stage.stage(),
        routes: root().join("routes"),
        xsd: root().join("xsd"),
        data: stage.data(),
    }
}

pub fn form(given: &Given) -> Vec<u8> {
    let mut form = Vec::new();
    let mut part = |name: &str, kind: &str, content: &[u8]| {
        let head = format!(
            "--grenze\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    };
    part("document", "application/xml", &given.body);
    for (name, content) in &given.parts {
        part(name, "application/json", content);
    }
    form.extend_from_slice(b"--grenze--\r\n");
    form
}

/// What goes to the office, or waits for a person because nobody knows which office it is: nobody else sees it.
fn to_an_office(destination: &str) -> bool {
    matches!(destination, "lieferungen:jugendamt-hamburg" | "jugendamt:unbekannt")
}

fn heads(answer: &reqwest::Response) -> Vec<(String, String)> {
    let heads = answer.headers().iter().filter(|(name, _)| *name != "date");
    let mut heads: Vec<(String, String)> =
        heads.map(|(name, value)| (name.to_string(), masked(value.to_str().unwrap()))).collect();
    heads.sort();
    heads
}

/// What a head says of where the request stands.
fn stand_in(heads: &[(String, String)]) -> &str {
    heads.iter().find(|(name, _)| name == "stand").map_or("", |(_, stand)| stand)
}

/// `late`: it is one only by files that are applied within the fixed delay; before, it was a Negativauskunft.
async fn asked((letter, name, late): (&str, &str, bool), logged: &Lines) -> Outside {
    let (http, receiver) = (free_port(), Receiver::start().await);
    let stage = stage(if late { "" } else { letter }, http, receiver.address);
    let script = played(&stage, name);
    let clock = Clock::set(began());
    let options = Options {
        place: place_of(&stage),
        clock: clock.clone(),
        points: Points::none(),
        settings: Settings { workers: 1, ..Settings::default() },
        waits: false,
    };
    let house = House::start(options).await.unwrap();
    let intake = house.shared.around.intake.clone();
    let acts = script.events.iter().map(|event| match event {
        Event::Given(given) => given,
        Event::Timer(_) => panic!("no timers here"),
    });
    let mut acts: Vec<&Given> = acts.map(|given| &**given).collect();
    let request = acts.pop().unwrap();
    let undigested = UNDIGESTED.contains(&(letter, name));
    let mut digested = true;
    for given in script.before.iter().chain(acts) {
        let verdict = intake.deliver(envelope(given)).await.unwrap();
        digested &= verdict.state == Inbound::Accepted;
        assert!(digested || undigested, "{letter}: {:?}", verdict.codes);
    }
    assert_ne!(digested, undigested, "{letter} {name}");
    if (letter, name) == LYING {
        let office = ["jugendamt-bremen".to_owned()];
        let since = began() - SignedDuration::from_hours(2);
        house.shared.core.store.looked("elsewhere in", &office, Lying::Since(since), began()).await.unwrap();
    }
    let client = reqwest::Client::new();
    let token = fs::read_to_string(stage.stage().join("secrets/kita-portal-nord.token")).unwrap();
    let answer = client
        .post(format!("http://{http}/v1/antraege"))
        .bearer_auth(token.trim())
        .header("content-type", "multipart/form-data; boundary=grenze")
        .body(form(request))
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let headers = heads(&answer);
    let reply = masked(&answer.text().await.unwrap());

    let store = house.shared.core.store.clone();
    if late {
        clock.move_to(began() + SignedDuration::from_secs(20));
        assert_eq!(letters_of(&*store, clock.now()).await, ["A"]);
        takes_back_release(&stage.stage(), "jugendamt-hamburg");
        Reload(house.shared.clone()).apply(true).await.unwrap();
        for _ in 0..3_000 {
            if letters_of(&*store, clock.now()).await == [letter] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let all = Filter { limit: 1000, ..Filter::default() };
    let listed = store.list(&Scope::Operator, all).await.unwrap();
    let message = listed.iter().find(|message| message.binding == "http /v1/antraege").unwrap();
    let mut sends: Vec<(String, String, SignedDuration)> = message
        .sends
        .iter()
        .filter(|send| !to_an_office(&send.destination))
        .map(|send| {
            let waits = send.next_try.unwrap().duration_since(message.received);
            (send.destination.clone(), send.message.clone(), waits)
        })
        .collect();
    sends.sort();
    let to = |destination: &str| {
        message.sends.iter().find(|send| send.destination == destination).unwrap().id.to_string()
    };
    let callback = to("callback:kita-portal-nord");
    assert!(message.sends.iter().any(|send| to_an_office(&send.destination)));
    let out = stage.data().join("trays/postfach/out");
    clock.move_to(began() + SignedDuration::from_millis(59_900));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(files(&out).is_empty(), "{letter}: too early");
    assert!(!receiver.seen.lock().unwrap().accepted.contains_key(&callback), "{letter}: too early");
    clock.move_to(began() + SignedDuration::from_secs(61));
    let seen = || receiver.seen.lock().unwrap().accepted.get(&callback).cloned();
    until("callback and mailbox", 60, || seen().is_some() && !documents(&out).is_empty()).await;

    let url = format!("http://{http}/v1/nachrichten/{}", message.id);
    let standing = client.get(url).bearer_auth(token.trim()).send().await.unwrap();
    let standing = format!("{} {}", standing.status(), masked(&standing.text().await.unwrap()));
    let repeated = client
        .post(format!("http://{http}/v1/antraege"))
        .bearer_auth(token.trim())
        .header("content-type", "multipart/form-data; boundary=grenze")
        .body(form(request))
        .send()
        .await
        .unwrap();
    let repeat = (repeated.status().as_u16(), heads(&repeated), masked(&repeated.text().await.unwrap()));
    let metrics = client.get(format!("http://{http}/metrics")).send().await.unwrap().text().await.unwrap();
    let told = metrics.lines().filter(|line| !line.starts_with('#')).find(|line| tells_a_letter(line));
    assert_eq!(told, None, "{letter}: a metric tells the case");
    let faelle = letters_of(&*store, clock.now()).await;
    assert!(faelle.iter().all(|fall| fall == letter) && !faelle.is_empty(), "{letter}: {faelle:?}");

    let logged = String::from_utf8_lossy(&logged.0.lock().unwrap()).into_owned();
    let id = message.id.to_string();
    let told =
        logged.lines().find(|line| line.contains("fall=") || line.contains(&id) && tells_a_letter(line));
    assert_eq!(told, None, "{letter}: a log line tells the case");
    let outside = Outside {
        status,
        headers,
        reply,
        sends,
        callback: masked(&seen().unwrap()),
        postfach: files(&out),
        audit: audit(&stage, message.id),
        standing,
        repeat,
    };
    house.stop(Duration::from_secs(5)).await;
    outside
}

/// The letters of all cases.
async fn letters_of(store: &dyn Store, now: Timestamp) -> Vec<String> {
    let (scope, limit) = (Scope::Operator, 100);
    let view = View { scope, limit, person: "test".into(), reason: "test".into(), now };
    let faelle = store.vorgaenge(view, None).await.unwrap();
    faelle.iter().filter_map(|vorgang| vorgang.akte.fall.map(|fall| format!("{fall:?}"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_klaerfall_looks_the_same_from_outside() {
    let lines = Lines(Arc::default());
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    // Nobody else in this binary sets one; what other tests log is looked through as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let mut first: Option<Outside> = None;
    let all = LETTERS.iter().chain(UNDIGESTED).chain([&LYING, &NOTICED]);
    let all = all.map(|(letter, name)| (*letter, *name, false)).chain([(LATE.0, LATE.1, true)]);
    for (letter, name, late) in all {
        let mut outside = asked((letter, name, late), &lines).await;
        if let Some(first) = first.as_ref().filter(|_| late) {
            // Only an auditor sees the trail, and there it stands that it was decided twice, but not how.
            assert!(!outside.audit.is_empty() && !tells_a_letter(&format!("{:?}", outside.audit)));
            outside.audit.clone_from(&first.audit);
        }
        match &first {
            None => {
                assert_eq!(
                    (outside.status, outside.sends.len(), outside.postfach.len()),
                    (200, 2, 2),
                    "{outside:?}"
                );
                assert!(outside.sends.iter().all(|(_, _, waits)| *waits == SignedDuration::from_secs(60)));
                assert!(outside.callback.contains("in-bearbeitung"), "{}", outside.callback);
                // One stand, wherever it is said: in the first answer, in that to a repeat, and where it is asked for.
                assert_eq!(
                    (stand_in(&outside.headers), stand_in(&outside.repeat.1)),
                    ("in-bearbeitung", "in-bearbeitung")
                );
                assert!(
                    outside.standing.contains("in-bearbeitung") && outside.repeat.0 == 200,
                    "{outside:?}"
                );
                assert!(!outside.audit.is_empty() && !tells_a_letter(&format!("{:?}", outside.audit)));
                first = Some(outside);
            }
            Some(first) => assert_eq!(outside, *first, "{letter} {name}"),
        }
    }
    assert!(tells_a_letter("fall=\"F\"") && !tells_a_letter("Fall FI"), "the search itself");
    assert!(!lines.0.lock().unwrap().is_empty(), "something was logged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_for_which_office_is_told_to_operators_only() {
    let (http, receiver) = (free_port(), Receiver::start().await);
    let stage = stage("J", http, receiver.address);
    let file = stage.stage().join("connections.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let ops = "    ops: true\n";
    assert_eq!(text.matches(ops).count(), 1);
    let more = "    trusted-proxies: [ 127.0.0.1 ]\n    ops-from: [ 198.51.100.0/24 ]\n";
    fs::write(&file, text.replace(ops, &format!("{ops}{more}"))).unwrap();
    let options = Options {
        place: place_of(&stage),
        clock: Clock::set(began()),
        points: Points::none(),
        settings: Settings { workers: 1, ..Settings::default() },
        waits: false,
    };
    let house = House::start(options).await.unwrap();
    let client = reqwest::Client::new();
    let asked = async |path: &str, from: Option<&str>| {
        let request = client.get(format!("http://{http}{path}"));
        let request = from.into_iter().fold(request, |request, from| request.header("x-forwarded-for", from));
        request.send().await.unwrap().status().as_u16()
    };
    for _ in 0..1_200 {
        if client.get(format!("http://{http}/health/live")).send().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (from, told) in
        [(None, true), (Some("198.51.100.7"), true), (Some("192.0.2.7"), false), (Some("unknown"), false)]
    {
        for path in ["/metrics", "/health/parts"] {
            assert_eq!(asked(path, from).await, if told { 200 } else { 403 }, "{path} {from:?}");
        }
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(asked(path, from).await, 200, "{path} {from:?}");
        }
    }
    // Which part does not run names an office; that something does not is no business of others either.
    let failing = Failing { cause: "weg".to_owned(), next: "nachsehen".to_owned(), turn: Turn::Ours };
    house.shared.core.parts.fails("tray postfach jugendamt-bremen", failing);
    for (from, told) in
        [(None, true), (Some("198.51.100.7"), true), (Some("192.0.2.7"), false), (Some("unknown"), false)]
    {
        let request = client.get(format!("http://{http}/health/ready"));
        let request = from.into_iter().fold(request, |request, from| request.header("x-forwarded-for", from));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        let text = answer.text().await.unwrap();
        assert_eq!(text.contains("jugendamt-bremen"), told, "{from:?}: {text}");
        assert_eq!(text == "bereit\n", !told, "{from:?}: {text}");
    }
    house.stop(Duration::from_secs(5)).await;
}
