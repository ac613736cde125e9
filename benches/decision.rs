//! Deciding a 0801 with its look-up: login, search for near matches in the embedded store, decision by the table. The record of
//! the request is read before; nothing is committed. Questions of 64 runs are asked together, as the engine does. The same is
//! measured over ten thousand records and over up to a million, because the cost of a decision is not to depend on their number.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::cli::bench_floor::account;
use drehscheibe::effects::{BestandChange, Effects, Guard, GuardKey, MirrorChange, Question};
use drehscheibe::envelope::{Envelope, Evidence, Head, How, PartnerRef};
use drehscheibe::message::{Identity, Message, Sender};
use drehscheibe::pipeline::STEPS;
use drehscheibe::pipeline::step::{Bench, Building, Flow, Reach, Step};
use drehscheibe::register::aemter::{Aemter, Amt};
use drehscheibe::register::aenderung::gesucht;
use drehscheibe::register::bestand::{Abgleich, Bestand, Meldung, Unterschrift};
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::register::keys;
use drehscheibe::register::record::{
    Anmeldung, Anschrift, Kind, Mutter, Person, Personenname, Quelle, Record, Registersatz, TeilDatum,
    Zusatzangaben,
};
use drehscheibe::register::tafeln::Tafeln;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::Entry;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::Standards;
use drehscheibe::xoev::set::PackageSet;
use jiff::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};

#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod support;

/// Runs whose questions are asked together.
const TOGETHER: u64 = 64;
/// Rounds of which processor time and pages are counted.
const ROUNDS: u64 = 300;
/// How many records stand in the mirror; the last only with `DREHSCHEIBE_LONG` set, filling it takes minutes.
const SIZES: [u64; 3] = [10_000, 50_000, 1_000_000];
/// The office of everybody.
const AMT: &str = "jugendamt-bremen";

/// The n-th child and its mother: no two share both birth dates.
fn familie(n: u64) -> (Kind, Mutter) {
    let n = i32::try_from(n).unwrap();
    let day = |first: jiff::civil::Date, days: i32| {
        let date = first.checked_add(jiff::Span::new().days(days)).unwrap();
        TeilDatum { jahr: date.year(), monat: Some(date.month()), tag: Some(date.day()) }
    };
    let name = |vornamen: String| Personenname {
        familienname: Some(format!("Müller-{}", n % 997)),
        geburtsname: None,
        vornamen: Some(vornamen),
    };
    let kind = Kind {
        namen: vec![name(format!("Lía {n}"))],
        geburtsort: Some("Bremen".into()),
        geburtsdatum: Some(day(date(2010, 1, 1), n % 5000)),
        register_ars: Some("040110000000".into()),
        ..Kind::default()
    };
    let mutter = Mutter {
        name: name(format!("Zoë {n}")),
        geburtsdatum: day(date(1970, 1, 1), (n / 5000 * 37 + n % 37) % 12_000),
        anschriften: vec![Anschrift { gemeindeschluessel: Some("04011000".into()), ..Anschrift::default() }],
        ..Mutter::default()
    };
    (kind, mutter)
}

fn fill(store: &dyn Store, runtime: &tokio::runtime::Runtime, count: u64, now: Timestamp) {
    let mut entries = support::Entries::new();
    let mut next = 0;
    while next < count {
        let mut batch: Vec<Entry> = entries.take(500);
        for entry in &mut batch {
            let (kind, mutter) = familie(next);
            next += 1;
            let registersatz = Registersatz {
                mutter,
                kind,
                eintragung: Default::default(),
                quelle: Quelle {
                    message: "xfamilie.0804".into(),
                    nachrichten_uuid: entry.envelope.head.id.to_string(),
                    autor: "jga:040110000000".into(),
                    empfangen: None,
                    erstellungszeitpunkt: now,
                    transaktionsid: None,
                    spaetestens: None,
                },
                vermerk: Default::default(),
            };
            let keys = keys::of(&registersatz);
            let guards = vec![Guard { key: GuardKey(keys[0].clone()), seen: 0 }];
            let id = entry.envelope.head.derived_id("registersatz");
            let put = MirrorChange::Put { id, registersatz: Box::new(registersatz), keys, as_before: false };
            entry.stamp.partner = AMT.into();
            entry.effects = Effects { guards, mirror: vec![put], ..Effects::default() };
            if next == 1 {
                entry.effects.bestaende =
                    vec![BestandChange { amt: AMT.into(), bestand: bestand(now), says_less: false }];
            }
        }
        runtime.block_on(async { support::commit(store, support::look_up(store, batch).await).await });
    }
}

/// The folder of a store with so many records. Filling a million takes minutes, so a folder can be named that keeps them between
/// runs (`DREHSCHEIBE_BENCH_KEEP`); it has to go before the format of records changes.
fn filled(runtime: &tokio::runtime::Runtime, size: u64, now: Timestamp, thrown_away: &Path) -> PathBuf {
    let Some(kept) = std::env::var_os("DREHSCHEIBE_BENCH_KEEP") else {
        fill(&support::store(thrown_away), runtime, size, now);
        return thrown_away.to_owned();
    };
    let folder = Path::new(&kept).join(size.to_string());
    let complete = folder.join("complete");
    if !complete.exists() {
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).unwrap();
        fill(&support::store(&folder), runtime, size, now);
        fs::write(complete, "").unwrap();
    }
    folder
}

/// Reads a store's files once, so that what is measured is the work and not the disk.
fn in_memory(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::io::copy(&mut fs::File::open(path).unwrap(), &mut std::io::sink()).unwrap();
        }
    }
}

/// What the process has used so far, as the system counts it: what a decision costs without what the machine does besides.
struct Account {
    processor: Duration,
    calls: u64,
    disk: u64,
}

impl Account {
    fn now() -> Account {
        let io = fs::read_to_string("/proc/self/io").unwrap();
        let of = |name: &str| -> u64 {
            io.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
        };
        Account { processor: account::processor("self"), calls: of("syscr:"), disk: of("read_bytes:") }
    }

    #[expect(clippy::print_stdout, reason = "as the harness tells its own figures")]
    fn tell(&self, size: u64, requests: u64) {
        let now = Account::now();
        println!(
            "over {size} records: {} µs of processor time, {:.1} pages read and {} octets from the disk for a request",
            (now.processor - self.processor).as_micros() / u128::from(requests),
            (now.calls - self.calls) as f64 / requests as f64,
            (now.disk - self.disk) / requests,
        );
    }
}

fn bestand(now: Timestamp) -> Bestand {
    let person = |person: &str| Unterschrift { person: person.into(), am: now };
    let (erwartet, gezaehlt) = (1, 1);
    Bestand {
        begonnen: Some(now),
        abgleich: Some(Abgleich {
            am: now,
            stand: Some(now),
            erwartet,
            gezaehlt,
            fehlend: 0,
            ueberzaehlig: 0,
            liste: true,
            mit: Vec::new(),
            person: "a".into(),
        }),
        unterschriften: vec![person("a"), person("b")],
        meldung: Some(Meldung {
            am: now,
            anzahl: 1,
            stimmt: true,
            gezaehlt: None,
            letzte: None,
            mit: Vec::new(),
        }),
        ..Bestand::default()
    }
}

/// The request for the n-th child, as it stands before the first step.
fn antrag(n: u64, document: &gate::Document, now: Timestamp) -> Message {
    let (kind, mutter) = familie(n);
    let mut record = Record {
        anmeldung: Some(Anmeldung {
            vertrauensniveau: Some("hoch".into()),
            zeitpunkt: Some(now.to_string()),
            name: mutter.name.clone(),
            geburtsdatum: Some(mutter.geburtsdatum),
            rolle: Some("mutter".into()),
            ..Anmeldung::default()
        }),
        zusatz: Some(Zusatzangaben {
            mit_vater_verheiratet: Some(false),
            bei_geburt_verheiratet: Some(false),
            gerichtliche_entscheidung: Some(false),
            gemeinsame_erklaerung: Some(false),
            nachweise: vec![],
        }),
        kind: Some(kind),
        mutter: Some(mutter),
        ..Record::default()
    };
    record.kopf.transaktionsid = Some(format!("vorgang-{n}"));
    let head = Head {
        id: uuid::Uuid::from_u128(u128::from(n) << 16),
        connection: "http".into(),
        binding: "http /v1/antraege".into(),
        transport_id: n.to_string(),
        correlation: None,
        content_type: None,
        partner: Some(PartnerRef { id: "portal".into(), how: How::Memory }),
        received: now,
        return_address: None,
        traceparent: None,
        acting_person: None,
        label: None,
        in_band: false,
    };
    let body = Bytes::from_static(b"<antrag/>");
    let envelope = Envelope { head, body, parts: vec![], evidence: Evidence::default() };
    let sender = Sender { id: "portal".into(), uses: vec!["self-service".into()], ..Sender::default() };
    Message::begin(Arc::new(envelope), Identity::default(), sender, document.clone(), record)
}

fn steps(standards: &PackageSet) -> [Arc<dyn Step>; 3] {
    let amt: Amt = serde_json::from_value(json!({
        "id": AMT, "name": "Amt", "gebiete": [{ "ars": "04011" }],
        "auftrag-seit": "2020-01-01", "freigabe-seit": "2020-01-01",
    }))
    .unwrap();
    let mut tafeln = Tafeln { aemter: Aemter { aemter: vec![amt] }, ..Tafeln::default() };
    tafeln.gemeinden.add("BREMEN".to_owned(), "040110000000");
    let building = Building {
        standards,
        platform: &Value::Null,
        addressees: vec![],
        ways: &[],
        give_up_after: Duration::from_secs(3600),
        reach: Arc::new(Reach {
            answers: [(AMT.to_owned(), format!("tray:{AMT}"))].into(),
            ..Reach::default()
        }),
        tafeln: Arc::new(tafeln),
        texte: Arc::default(),
    };
    [
        ("authorise", json!({ "use": "self-service" })),
        ("find", json!({})),
        ("decide", json!({ "table": "auskunft" })),
    ]
    .map(|(word, settings)| {
        let entry = STEPS.iter().find(|entry| entry.word == word).unwrap();
        (entry.build)(&settings, &building).unwrap_or_else(|faults| panic!("{faults:?}"))
    })
}

fn decision(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let standards = support::standards();
    let [authorise, find, decide] = steps(&standards);
    let mut bench = Bench { reader: standards.reader() };
    let document = gate::pass(Bytes::from_static(b"<antrag/>"), &Limits::default()).unwrap();
    // The store keeps time by this clock too, so that a report of now is fresh.
    let now = drehscheibe::clock::Clock::real().now();
    let mut group = criterion.benchmark_group("decision");
    group.throughput(Throughput::Elements(TOGETHER));
    let sizes = if std::env::var_os("DREHSCHEIBE_LONG").is_some() { &SIZES[..] } else { &SIZES[..2] };
    for &size in sizes {
        let folder = tempfile::tempdir().unwrap();
        let folder = filled(&runtime, size, now, folder.path());
        let store = support::store(&folder);
        let mut next = 0;
        let mut together = || {
            let mut asked = Vec::new();
            let mut runs: Vec<(Message, usize)> = (0..TOGETHER)
                .map(|_| {
                    next = (next + 7919) % size;
                    let mut message = antrag(next, &document, now);
                    assert_eq!(authorise.apply(&mut message, &mut bench).unwrap(), Flow::Next);
                    let Flow::Ask(questions) = find.apply(&mut message, &mut bench).unwrap() else {
                        panic!("find asks")
                    };
                    let count = questions.len();
                    asked.extend(questions);
                    (message, count)
                })
                .collect();
            let mut answers = runtime.block_on(store.lookup(std::mem::take(&mut asked))).unwrap().into_iter();
            for (message, count) in &mut runs {
                message.answers = answers.by_ref().take(*count).collect();
                assert_eq!(find.apply(message, &mut bench).unwrap(), Flow::Next);
                assert_eq!(decide.apply(message, &mut bench).unwrap(), Flow::Next);
                assert_eq!(message.entscheidung.as_ref().unwrap().fall, Fall::A);
            }
            runs
        };
        in_memory(&folder);
        group.bench_function(format!("64 requests over {size} records"), |bencher| {
            bencher.iter(&mut together)
        });
        let before = Account::now();
        (0..ROUNDS).for_each(|_| drop(together()));
        before.tell(size, ROUNDS * TOGETHER);
        // Whom a change of persons may concern that names a mother by her day: each day of a child of hers under age.
        let (_, mutter) = familie(size / 2);
        let person = Person { geburtsdatum: Some(mutter.geburtsdatum), ..Person::default() };
        let sought = gesucht(&[person], now.to_zoned(jiff::tz::TimeZone::UTC).date());
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("whom one person may concern, over {size} records"), |bencher| {
            bencher.iter(|| {
                let asked = vec![Question::Whoever(Box::new(sought.clone()))];
                runtime.block_on(store.lookup(asked)).unwrap()
            });
        });
        group.throughput(Throughput::Elements(TOGETHER));
        // What a Bestandsmeldung asks of an office that lost a part of its area: each of its records is opened.
        group.bench_function(format!("places of {size} records"), |bencher| {
            bencher.iter(|| runtime.block_on(store.lookup(vec![Question::Orte(AMT.into())])).unwrap());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(5));
    targets = decision
}
criterion_main!(benches);
