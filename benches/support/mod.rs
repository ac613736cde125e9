//! What the benchmarks share: the stage of the demonstration with secrets made on the spot, and entries like those of real
//! deliveries. Measures nothing itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use drehscheibe::app::place::Place;
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::effects::{Effects, Guard, GuardKey, MirrorChange, Outgoing, Question};
use drehscheibe::envelope::{Envelope, Evidence, Inbound, Reply, Stage};
use drehscheibe::register::keys;
use drehscheibe::register::record::{Quelle, Record, Registersatz};
use drehscheibe::seal::key::sha256;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::{Committed, Entry, Keep, Key};
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::store::stamp::Stamp;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::{Reader, Standards};
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use secrecy::SecretBox;

/// The project's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The n-th invented delivery.
pub fn body(n: u64) -> Bytes {
    Bytes::from(eintragung(&Wish::plain(n)))
}

/// The packages of the repository.
pub fn standards() -> PackageSet {
    package::load(&root().join("xsd")).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// Reads a delivery as the door does.
pub fn read(standards: &PackageSet, reader: &mut dyn Reader, body: Bytes) -> Record {
    let document = gate::pass(body, &Limits::default()).unwrap();
    let detected = standards.detect(&document).unwrap();
    reader.read(&detected, &document).unwrap()
}

/// The values a receipt is written from.
pub fn receipt_values(record: &Record) -> serde_json::Value {
    let id = uuid::Uuid::nil();
    let platform = serde_json::json!({
        "praefix": "jga", "kennung": "000000000001", "name": "Sorgeregister-Plattform",
        "erreichbarkeit": [{ "kanal": "01", "kennung": "plattform@sorgeregister.example" }],
        "anschrift": { "strasse": "Beispielweg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen" },
    });
    let moment = jiff::Timestamp::UNIX_EPOCH;
    let mut values = drehscheibe::pipeline::answer::values(id, moment, true, &platform, &record.kopf.autor);
    values["original"] = drehscheibe::pipeline::answer::original(&record.kopf);
    values
}

/// A copy of the demonstration's stage with secrets, and room for data.
pub fn place(folder: &Path) -> Place {
    let (shipped, config) = (root().join("deploy/stages/demo"), folder.join("stage"));
    for made in ["secrets", "tables"] {
        fs::create_dir_all(config.join(made)).unwrap();
    }
    for file in ["connections.yaml", "partners.yaml", "tables/aemter.yaml", "tables/gemeinden.csv"] {
        fs::copy(shipped.join(file), config.join(file)).unwrap();
    }
    fs::write(config.join("secrets/store.key"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();
    // Whatever the shipped files name, so that a partner more breaks no benchmark.
    let partners = fs::read_to_string(config.join("partners.yaml")).unwrap();
    for named in partners.split("{ file: secrets/").skip(1) {
        let name = named.split([' ', '}']).next().unwrap_or_default();
        let secret = match name.ends_with(".webhook") {
            true => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            false => format!("{name}-0123456789012345678901234567"),
        };
        fs::write(config.join("secrets").join(name), secret).unwrap();
    }
    Place { config, routes: root().join("routes"), xsd: root().join("xsd"), data: folder.join("data") }
}

/// An empty store below a folder.
pub fn store(folder: &Path) -> SqliteStore {
    let settings = Settings {
        path: folder.to_owned(),
        stage: Stage::Demo,
        master: SecretBox::new(Box::new([7; 32])),
        read_only: false,
    };
    SqliteStore::open(settings).unwrap()
}

/// Makes entries like the engine's: one new Registersatz, a receipt, two partners to be told in the order of the child.
pub struct Entries {
    record: Record,
    body: Bytes,
    receipt: Bytes,
    next: u64,
}

impl Entries {
    /// A maker that starts at the first child.
    pub fn new() -> Entries {
        let standards = standards();
        let mut reader = standards.reader();
        let body = body(1);
        let record = read(&standards, reader.as_mut(), body.clone());
        let receipt = reader.write("xfamilie.0011", "1.3.0", &receipt_values(&record)).unwrap();
        Entries { record, body, receipt, next: 0 }
    }

    /// The next so many entries; no two share a child or a key. Before they are committed they are looked up.
    pub fn take(&mut self, count: usize) -> Vec<Entry> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Entry {
        self.next += 1;
        let now = drehscheibe::clock::Clock::real().now();
        let mut envelope = Envelope {
            head: drehscheibe::cli::bench::envelope(self.next, self.body.clone()).head,
            body: self.body.clone(),
            parts: Vec::new(),
            evidence: Evidence { size: self.body.len() as u64, ..Evidence::default() },
        };
        envelope.head.traceparent = Some("00-11111111111111111111111111111111-2222222222222222-01".into());
        let mut kind = self.record.kind.clone().unwrap();
        if let Some(name) = kind.namen.first_mut() {
            name.vornamen = Some(format!("Kind {}", self.next));
        }
        let mut registersatz = Registersatz {
            mutter: self.record.mutter.clone().unwrap(),
            kind,
            eintragung: self.record.eintragung.clone().unwrap(),
            quelle: Quelle {
                message: "xfamilie.0804".into(),
                nachrichten_uuid: envelope.head.id.to_string(),
                autor: self.record.kopf.autor.key(),
                empfangen: None,
                erstellungszeitpunkt: now,
                transaktionsid: None,
                spaetestens: None,
            },
            vermerk: Default::default(),
        };
        registersatz.quelle.nachrichten_uuid = envelope.head.id.to_string();
        let key = keys::child(&registersatz.kind, &registersatz.mutter);
        let sends = ["callback:kita-portal-nord", "callback:wohngeld-online"].map(|destination| Outgoing {
            id: envelope.head.derived_id(destination),
            destination: destination.into(),
            partner: destination["callback:".len()..].into(),
            order: Some(key.clone()),
            message: "drehscheibe.stand".into(),
            test: true,
            content_type: "application/json".into(),
            body: Bytes::from(format!(r#"{{"id":"{}","stand":"abgeschlossen"}}"#, envelope.head.id)),
            parts: Vec::new(),
            correlation: Some(envelope.head.id.to_string()),
            after: None,
            deadline: None,
            not_before: None,
            delivers: None,
            ways: Vec::new(),
        });
        let effects = Effects {
            guards: vec![Guard { key: GuardKey(key), seen: 0 }],
            mirror: vec![MirrorChange::Put {
                id: envelope.head.derived_id("registersatz"),
                keys: keys::of(&registersatz),
                registersatz: Box::new(registersatz),
                as_before: false,
            }],
            sends: sends.into(),
            reply: Some(Reply {
                content_type: "application/xml".into(),
                body: self.receipt.clone(),
                message: "xfamilie.0011".into(),
                message_id: uuid::Uuid::nil().to_string(),
                test: true,
            }),
            ..Effects::default()
        };
        Entry {
            content: sha256(&self.body),
            stamp: Stamp {
                mandant: "jugendamt-bremen".into(),
                partner: "jugendamt-bremen".into(),
                how: "memory".into(),
                stage: Stage::Demo,
                test: true,
                key_id: String::new(),
                acting_person: String::new(),
                doc_version: "xfamilie/1.3.0".into(),
                traceparent: envelope.head.traceparent.clone().unwrap_or_default(),
                decided_by: "benchmark".into(),
            },
            keys: vec![
                Key { class: "transport", parts: vec!["haustuer".into(), self.next.to_string()] },
                Key {
                    class: "business",
                    parts: vec!["jugendamt-bremen".into(), envelope.head.id.to_string()],
                },
            ],
            message: Some("xfamilie.0804".into()),
            route: Some("registerlieferung".into()),
            state: Inbound::Accepted,
            cause: None,
            next_step: None,
            rejections: Vec::new(),
            delivery: None,
            waits: None,
            resumes: false,
            keep: Keep::Original,
            effects,
            now,
            envelope: Arc::new(envelope),
        }
    }
}

/// Looks up what entries are guarded by, as the engine does before it commits them.
pub async fn look_up(store: &dyn Store, mut entries: Vec<Entry>) -> Vec<Entry> {
    let guards = || entries.iter().flat_map(|entry| &entry.effects.guards);
    let questions = guards().map(|guard| Question::Mirror(guard.key.0.clone())).collect();
    let mut answers = store.lookup(questions).await.unwrap().into_iter();
    for guard in entries.iter_mut().flat_map(|entry| &mut entry.effects.guards) {
        guard.seen = answers.next().unwrap().guard.seen;
    }
    entries
}

/// Commits entries, all of which are new.
pub async fn commit(store: &dyn Store, entries: Vec<Entry>) {
    let committed = store.commit(entries).await.unwrap();
    assert!(committed.iter().all(|one| *one == Committed::New));
}
