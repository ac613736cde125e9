//! A small world around one request: offices, places, login, records, Vorgänge, Bestand. As it stands, nothing speaks against
//! an answer; tests change one thing or several.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use drehscheibe::effects::{Answer, Fact, Guard, Question, Stored, Vorgang, VorgangState};
use drehscheibe::envelope::{Envelope, Evidence, Head, How, Part, PartnerRef};
use drehscheibe::message::{Identity, Message, Sender};
use drehscheibe::pipeline::STEPS;
use drehscheibe::pipeline::step::{Bench, Building, Flow, Reach, Step, Trouble};
use drehscheibe::register::aemter::{Aemter, Amt};
use drehscheibe::register::bestand::{Abgleich, Bestand, Meldung, Unterschrift};
use drehscheibe::register::entscheidung::{Ergebnis, Fall};
use drehscheibe::register::keys::{self, SearchKey};
use drehscheibe::register::record::{Anmeldung, Quelle, Record, Registersatz};
use drehscheibe::register::tafeln::Tafeln;
use drehscheibe::register::vorgang::Akte;
use drehscheibe::xml::gate::{self, Document};
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::{Detected, Standards};
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use serde_json::{Value, json};
use uuid::Uuid;

/// When the request is received, and twice before.
pub const NOW: &str = "2026-11-21T10:16:00.250+01:00";
/// The office of the mother's residence, which issues.
pub const WOHNORT: &str = "jugendamt-hamburg";
/// The office that keeps the register.
pub const GEBURT: &str = "jugendamt-bremen";

pub fn standards() -> &'static PackageSet {
    static SET: OnceLock<PackageSet> = OnceLock::new();
    SET.get_or_init(|| {
        package::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("xsd"))
            .unwrap_or_else(|faults| panic!("{faults:?}"))
    })
}

/// The invented request as the package reads it.
fn antrag() -> &'static (Detected, Document, Record) {
    static READ: OnceLock<(Detected, Document, Record)> = OnceLock::new();
    READ.get_or_init(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("xsd/xfamilie/1.3.0/samples/0801-antrag.xml");
        let document = gate::pass(Bytes::from(std::fs::read(file).unwrap()), &Limits::default()).unwrap();
        let detected = standards().detect(&document).unwrap();
        let record = standards().reader().read(&detected, &document).unwrap();
        (detected, document, record)
    })
}

/// Everything a decision can depend on.
pub struct Welt {
    pub record: Record,
    pub anmeldung: Option<Anmeldung>,
    pub parts: Vec<Part>,
    pub sender: Sender,
    pub verwendung: &'static str,
    pub saetze: Vec<Stored>,
    pub vorgaenge: BTreeMap<SearchKey, Vorgang>,
    pub bestaende: BTreeMap<String, Bestand>,
    pub tafeln: Tafeln,
    pub reach: Reach,
    pub now: jiff::Timestamp,
}

impl Welt {
    /// A known child without entry, everything in order: case A.
    pub fn neu() -> Welt {
        let (_, _, record) = antrag();
        let record = record.clone();
        let (mutter, kind) = (record.mutter.clone().unwrap(), record.kind.clone().unwrap());
        let now: jiff::Timestamp = NOW.parse().unwrap();
        let anmeldung = Anmeldung {
            konto: Some("konto-1".into()),
            verfahren: Some("bundid".into()),
            vertrauensniveau: Some("substanziell".into()),
            zeitpunkt: Some("2026-11-21T10:10:00+01:00".into()),
            name: mutter.name.clone(),
            geburtsdatum: Some(mutter.geburtsdatum),
            rolle: Some("mutter".into()),
            postkorb_handle: record.kopf.postkorb.as_ref().and_then(|postkorb| postkorb.handle.clone()),
            zweck: None,
            freigabe: None,
        };
        let mut welt = Welt {
            record,
            anmeldung: Some(anmeldung),
            parts: Vec::new(),
            sender: Sender {
                id: "portal".into(),
                name: "Familienportal".into(),
                mandant: "portal".into(),
                uses: vec!["self-service".into()],
                ..Sender::default()
            },
            verwendung: "self-service",
            saetze: Vec::new(),
            vorgaenge: BTreeMap::new(),
            bestaende: BTreeMap::from([(GEBURT.to_owned(), vollstaendig(now))]),
            tafeln: tafeln(),
            reach: Reach {
                answers: [WOHNORT, GEBURT].map(|amt| (amt.to_owned(), format!("tray:{amt}"))).into(),
                ..Reach::default()
            },
            now,
        };
        let satz = Registersatz {
            mutter,
            kind,
            eintragung: Default::default(),
            quelle: Quelle {
                message: "xfamilie.0804".into(),
                nachrichten_uuid: "7b2d4c10-1f3a-4e55-8b7a-0000000000ff".into(),
                autor: "jga:040110000000".into(),
                empfangen: None,
                erstellungszeitpunkt: "2026-01-01T00:00:00Z".parse().unwrap(),
                transaktionsid: None,
                spaetestens: None,
            },
            vermerk: Default::default(),
        };
        welt.speichern(satz);
        welt
    }

    /// Puts a record into the mirror, delivered by the office that keeps the register.
    pub fn speichern(&mut self, registersatz: Registersatz) -> Uuid {
        let id = Uuid::from_u128(self.saetze.len() as u128 + 1);
        self.saetze.push(Stored { id, mandant: GEBURT.into(), partner: GEBURT.into(), registersatz });
        id
    }

    /// The one record of the mirror.
    pub fn satz(&mut self) -> &mut Registersatz {
        &mut self.saetze[0].registersatz
    }

    /// Changes the child asked for and the one stored alike.
    pub fn kind_beide(&mut self, change: impl Fn(&mut drehscheibe::register::record::Kind)) {
        change(self.record.kind.as_mut().unwrap());
        change(&mut self.satz().kind);
    }

    /// Something open under a key.
    pub fn offen(&mut self, key: SearchKey, state: VorgangState, ids: usize) {
        let offen = (0..ids).map(|n| Uuid::from_u128(900 + n as u128)).collect();
        let akte = Akte { art: "hinweis".into(), offen, ..Akte::default() };
        let id = Uuid::from_u128(800);
        self.vorgaenge.insert(key, Vorgang { id, owner: GEBURT.into(), state, deadline: None, akte });
    }

    /// The keys under which something open would stand.
    pub fn offene_keys(&self) -> Vec<SearchKey> {
        keys::offen(&self.tafeln.gemeinden, self.record.kind.as_ref(), self.record.mutter.as_ref().unwrap())
    }

    fn message(&self) -> Message {
        let (detected, document, _) = antrag();
        let mut record = self.record.clone();
        record.anmeldung = self.anmeldung.clone();
        let head = Head {
            id: Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0077),
            connection: "http".into(),
            binding: "http /v1/antraege".into(),
            transport_id: "t-77".into(),
            correlation: None,
            content_type: None,
            partner: Some(PartnerRef { id: self.sender.id.clone(), how: How::Memory }),
            received: self.now,
            return_address: None,
            traceparent: None,
            acting_person: None,
            label: None,
            in_band: false,
        };
        let body = Bytes::from_static(b"<antrag/>");
        let parts = self.parts.clone();
        let envelope = Envelope { head, body, parts, evidence: Evidence::default() };
        let identity = Identity {
            standard: detected.standard.clone(),
            version: detected.version.clone(),
            message: detected.message.clone(),
            test: detected.test,
        };
        Message::begin(Arc::new(envelope), identity, self.sender.clone(), document.clone(), record)
    }

    fn step(&self, word: &str, settings: &Value) -> Arc<dyn Step> {
        let entry = STEPS.iter().find(|entry| entry.word == word).unwrap();
        let building = Building {
            standards: standards(),
            platform: &Value::Null,
            addressees: vec![],
            ways: &[],
            give_up_after: Duration::from_secs(3600),
            reach: Arc::new(self.reach.clone()),
            tafeln: Arc::new(self.tafeln.clone()),
            texte: Default::default(),
        };
        (entry.build)(settings, &building).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    /// What the store would say; counts the questions.
    fn fact(&self, question: &Question) -> Fact {
        match question {
            Question::Mirror(key) => Fact::mirror(
                self.saetze.iter().filter(|stored| keys::of(&stored.registersatz).contains(key)).cloned(),
            ),
            Question::Vorgang(key) => Fact::Vorgang(self.vorgaenge.get(key).cloned()),
            Question::Offen(key) => {
                Fact::Offen { vorgang: self.vorgaenge.get(key).cloned(), objected: false }
            }
            Question::Bestand(amt) => Fact::Bestand(self.bestaende.get(amt).cloned()),
            // No delivery of this world is left without its effect.
            Question::Objections(_) => Fact::Objections(Vec::new()),
            Question::Backlog(_) => Fact::Backlog(None),
            other => panic!("the answer side asks {other:?}"),
        }
    }

    /// Drives the steps like a route.
    pub fn lauf(&self) -> Lauf {
        self.versuch().unwrap_or_else(|trouble| panic!("{trouble:?}"))
    }

    /// The same, with what may go wrong.
    pub fn versuch(&self) -> Result<Lauf, Trouble> {
        let steps = [
            self.step("authorise", &json!({ "use": self.verwendung })),
            self.step("find", &json!({ "in": "mirror" })),
            self.step("decide", &json!({ "table": "auskunft" })),
        ];
        let mut message = self.message();
        let mut bench = Bench { reader: standards().reader() };
        let mut fragen = 0;
        'steps: for step in &steps {
            loop {
                match step.apply(&mut message, &mut bench)? {
                    Flow::Next => {
                        message.answers.clear();
                        break;
                    }
                    Flow::Stop => break 'steps,
                    Flow::Ask(questions) => {
                        assert!(message.answers.is_empty(), "asks once");
                        fragen += questions.len();
                        message.answers = questions
                            .iter()
                            .map(|question| Answer {
                                fact: self.fact(question),
                                guard: Guard { key: question.key(), seen: 1 },
                            })
                            .collect();
                    }
                    Flow::Wait { .. } => panic!("a request never waits"),
                }
            }
        }
        Ok(Lauf { message, fragen })
    }
}

/// What a run came to.
pub struct Lauf {
    pub message: Message,
    pub fragen: usize,
}

impl Lauf {
    /// The decision by its letter and outcome.
    pub fn fall(&self) -> (Fall, Ergebnis) {
        let entscheidung = self.message.entscheidung.as_ref().unwrap();
        (entscheidung.fall, entscheidung.ergebnis)
    }
}

/// Declared by two persons after a comparison without gaps, and reported this morning.
pub fn vollstaendig(now: jiff::Timestamp) -> Bestand {
    let before = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
    let person = |person: &str, hours| Unterschrift { person: person.into(), am: before(hours) };
    Bestand {
        begonnen: Some(before(300)),
        abgleich: Some(Abgleich {
            am: before(280),
            stand: Some(before(280)),
            erwartet: 10,
            gezaehlt: 10,
            fehlend: 0,
            ueberzaehlig: 0,
            liste: true,
            mit: Vec::new(),
            person: "a".into(),
        }),
        unterschriften: vec![person("a", 270), person("b", 260)],
        meldung: Some(Meldung {
            am: before(5),
            anzahl: 10,
            stimmt: true,
            gezaehlt: None,
            letzte: None,
            mit: Vec::new(),
        }),
        ..Bestand::default()
    }
}

fn tafeln() -> Tafeln {
    let amt = |value: Value| serde_json::from_value::<Amt>(value).unwrap();
    let aemter = vec![
        amt(json!({ "id": WOHNORT, "name": "Bezirksamt Hamburg", "gebiete": [{ "ars": "02" }],
            "auftrag-seit": "2026-01-01", "freigabe-seit": "2026-06-01" })),
        amt(json!({ "id": GEBURT, "name": "Amt für Soziale Dienste Bremen", "gebiete": [{ "ars": "04011" }],
            "auftrag-seit": "2026-01-01", "freigabe-seit": "2026-06-01" })),
        amt(json!({ "id": "jugendamt-berlin", "name": "Land Berlin", "gebiete": [{ "ars": "11" }],
            "auslandsgeburten": true })),
    ];
    let mut tafeln = Tafeln { aemter: Aemter { aemter }, ..Tafeln::default() };
    for (name, ars) in [
        ("BREMEN", "040110000000"),
        ("HAMBURG", "020000000000"),
        ("NEUSTADT", "073160000000"),
        ("NEUSTADT", "083150000000"),
        ("BREMERHAVEN", "040120000000"),
    ] {
        tafeln.gemeinden.add(name.to_owned(), ars);
    }
    tafeln
}

/// The office keeps the register since this morning; of the one before it `alt` is known.
pub fn nimmt_ueber(welt: &mut Welt, alt: impl FnOnce(&mut Option<Bestand>, jiff::Timestamp)) {
    let ended = "2026-11-20".parse().unwrap();
    let mut before = welt.tafeln.aemter.amt(GEBURT).unwrap().clone();
    before.gebiete[0].bis = Some(ended);
    (before.id, before.nachfolge) = ("jugendamt-alt".to_owned(), Some(GEBURT.to_owned()));
    welt.tafeln.aemter.aemter.push(before);
    let own = welt.tafeln.aemter.aemter.iter_mut().find(|amt| amt.id == GEBURT).unwrap();
    own.gebiete[0].von = Some("2026-11-21".parse().unwrap());
    let mut known = None;
    alt(&mut known, welt.now);
    if let Some(known) = known {
        welt.bestaende.insert("jugendamt-alt".to_owned(), known);
    }
}
