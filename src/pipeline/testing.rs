//! What the tests of the steps share: one real delivery of the sample 0804 and the real package.
//! Only compiled for tests.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Answer, Fact, Guard, Question, Vorgang, VorgangChange, VorgangState};
use crate::envelope::{Envelope, Evidence, Head, How, PartnerRef};
use crate::message::{Identity, Message, Sender};
use crate::pipeline::step::{Addressee, Bench, Building, Flow, Reach, Trouble};
use crate::register::antwort::Gefragt;
use crate::register::entscheidung::{Befund, Entscheidung, Ergebnis, Fall, Kandidat, Treffer};
use crate::register::keys::{self, SearchKey};
use crate::register::record::{Eintragung, Quelle, Registersatz, Vermerk};
use crate::register::vorgang::Akte;
use crate::xml::gate;
use crate::xml::limits::Limits;
use crate::xoev::contract::Standards;
use crate::xoev::package;
use crate::xoev::set::PackageSet;

/// The sample that most tests speak of.
pub const SAMPLE: &str = include_str!("../../xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml");

pub fn standards() -> PackageSet {
    static SET: OnceLock<PackageSet> = OnceLock::new();
    SET.get_or_init(|| package::load(Path::new("xsd")).unwrap_or_else(|faults| panic!("{faults:#?}"))).clone()
}

pub fn bench() -> Bench {
    Bench { reader: standards().reader() }
}

pub fn platform() -> Value {
    json!({
        "praefix": "jga",
        "kennung": "000000000001",
        "name": "Sorgeregister-Plattform",
        "erreichbarkeit": [{ "kanal": "01", "kennung": "plattform@sorgeregister.example" }],
        "anschrift": { "strasse": "Beispielweg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen" },
    })
}

pub fn building<T>(build: impl FnOnce(&Building<'_>) -> T) -> T {
    let (standards, platform) = (standards(), platform());
    let addressee =
        |partner: &str| Addressee { partner: partner.into(), destination: format!("callback:{partner}") };
    build(&Building {
        standards: &standards,
        platform: &platform,
        addressees: vec![addressee("kita"), addressee("portal")],
        ways: &[],
        give_up_after: Duration::from_secs(24 * 3600),
        reach: Arc::new(reach()),
        tafeln: Default::default(),
        texte: Default::default(),
    })
}

/// Two offices with trays, the mailbox, and online services with a callback.
pub fn reach() -> Reach {
    let mut reach = Reach::default();
    for (partner, way) in [
        ("jugendamt-bremen", "trays:jugendamt-bremen"),
        ("jugendamt-hamburg", "trays:jugendamt-hamburg"),
        ("postfach", "trays:postfach"),
    ] {
        reach.answers.insert(partner.into(), way.into());
    }
    for partner in ["kita", "portal"] {
        reach.channels.insert(("callback".into(), partner.into()), format!("callback:{partner}"));
    }
    reach.groups.insert("postfaecher".into(), vec!["postfach".into()]);
    reach.groups.insert("jugendaemter".into(), vec!["jugendamt-bremen".into(), "jugendamt-hamburg".into()]);
    reach
}

pub fn head() -> Head {
    Head {
        id: Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0001),
        connection: "http".into(),
        binding: "http /v1/lieferungen".into(),
        transport_id: "t-1".into(),
        correlation: None,
        content_type: Some("application/xml".into()),
        partner: Some(PartnerRef { id: "jugendamt-bremen".into(), how: How::Memory }),
        received: "2026-11-21T10:16:00.250+01:00".parse().unwrap(),
        return_address: None,
        traceparent: None,
        acting_person: None,
        label: None,
        in_band: false,
    }
}

pub fn sender() -> Sender {
    Sender {
        id: "jugendamt-bremen".into(),
        name: "Amt für Soziale Dienste Bremen".into(),
        mandant: "bremen".into(),
        identities: vec!["jga:040110000000".into()],
        ..Default::default()
    }
}

/// The sample as it stands before the first step.
pub fn message() -> Message {
    let body = Bytes::from_static(SAMPLE.as_bytes());
    let document = gate::pass(body.clone(), &Limits::default()).unwrap();
    let set = standards();
    let detected = set.detect(&document).unwrap();
    let record = set.reader().read(&detected, &document).unwrap();
    let envelope = Envelope { head: head(), body, parts: vec![], evidence: Evidence::default() };
    let identity = Identity {
        standard: detected.standard,
        version: detected.version,
        message: detected.message,
        test: detected.test,
    };
    Message {
        order: Some(SearchKey::new("kind", ["a"])),
        ..Message::begin(Arc::new(envelope), identity, sender(), document, record)
    }
}

/// All rows of the decision table that the Jugendamt decides.
pub const KLAERFAELLE: &[Fall] = &[
    Fall::V,
    Fall::G,
    Fall::N,
    Fall::O,
    Fall::M,
    Fall::J,
    Fall::Q,
    Fall::F,
    Fall::I,
    Fall::C,
    Fall::D,
    Fall::E,
    Fall::H,
];

/// Samples of the package by name.
const SAMPLES: &[(&str, &str)] = &[
    ("0801-antrag", include_str!("../../xsd/xfamilie/1.3.0/samples/0801-antrag.xml")),
    ("0011-quittung", include_str!("../../xsd/xfamilie/1.3.0/samples/0011-quittung.xml")),
    (
        "0001-rueckweisung-schemavalide",
        include_str!("../../xsd/xfamilie/1.3.0/samples/0001-rueckweisung-schemavalide.xml"),
    ),
    (
        "0803-auskunft-negativauskunft",
        include_str!("../../xsd/xfamilie/1.3.0/samples/0803-auskunft-negativauskunft.xml"),
    ),
];

/// A sample of the package as a message from this partner.
pub fn sample(name: &str, partner: &str) -> Message {
    let (_, text) = SAMPLES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
    let body = Bytes::from_static(text.as_bytes());
    let document = gate::pass(body.clone(), &Limits::default()).unwrap();
    let set = standards();
    let detected = set.detect(&document).unwrap();
    let record = set.reader().read(&detected, &document).unwrap();
    let mut message = message();
    let head = Head { partner: Some(PartnerRef { id: partner.into(), how: How::Memory }), ..head() };
    message.envelope = Arc::new(Envelope { head, body, parts: vec![], evidence: Evidence::default() });
    message.identity.message = detected.message;
    message.sender = Sender { id: partner.into(), ..Sender::default() };
    (message.document, message.record) = (document, record);
    message
}

/// A request of the mother, from an online service.
pub fn antrag() -> Message {
    sample("0801-antrag", "kita")
}

/// The same after `decide`.
pub fn decided(mut message: Message, fall: Fall) -> Message {
    let ergebnis = match fall {
        Fall::A => Ergebnis::Negativ,
        Fall::B => Ergebnis::Eintragung,
        Fall::K | Fall::L => Ergebnis::Zustaendigkeit,
        _ => Ergebnis::Klaerfall,
    };
    // Cases A and B rest on one Registersatz, which says the same as the request.
    let registersatz = matches!(fall, Fall::A | Fall::B).then(|| Uuid::from_u128(0x51));
    message.befund = Some(Befund {
        kandidaten: registersatz.iter().map(|id| kandidat(&message, *id, fall)).collect(),
        ..Befund::default()
    });
    message.entscheidung = Some(Entscheidung {
        fall,
        ergebnis,
        tabelle: "probe-1".into(),
        stand: message.now(),
        gilt_bis: None,
        wohnort_amt: Some("jugendamt-bremen".into()),
        geburts_amt: Some("jugendamt-hamburg".into()),
        registersatz,
    });
    message.values.insert("ergebnis", ergebnis.as_str().to_owned());
    let transaktionsid = message.record.kopf.transaktionsid.clone().unwrap();
    let vorgang = Vorgang {
        id: message.derived_id("vorgang"),
        owner: "jugendamt-bremen".into(),
        state: match ergebnis {
            Ergebnis::Klaerfall => VorgangState::BeimJugendamt,
            _ => VorgangState::Entschieden,
        },
        deadline: None,
        akte: Akte {
            art: "antrag".into(),
            partner: message.sender.id.clone(),
            nummer: Some(message.envelope.head.id),
            transaktionsid: Some(transaktionsid.clone()),
            use_: Some("self-service".into()),
            fall: Some(fall),
            postkorb: Some("handle-1".into()),
            gefragt: Gefragt::von(&message.record).map(Box::new),
            ..Akte::default()
        },
    };
    let key = keys::vorgang(&message.sender.id, &transaktionsid);
    message.keep_vorgang(VorgangChange { key, vorgang });
    message
}

fn kandidat(message: &Message, id: Uuid, fall: Fall) -> Kandidat {
    let arten = if fall == Fall::B { vec!["01".to_owned()] } else { Vec::new() };
    let registersatz = Registersatz {
        mutter: message.record.mutter.clone().unwrap(),
        kind: message.record.kind.clone().unwrap(),
        eintragung: Eintragung { vorhanden: fall == Fall::B, arten, ..Eintragung::default() },
        quelle: Quelle {
            message: "xfamilie.0804".into(),
            nachrichten_uuid: "u".into(),
            autor: "jga:020000000000".into(),
            erstellungszeitpunkt: message.now(),
            empfangen: None,
            transaktionsid: None,
            spaetestens: None,
        },
        vermerk: Vermerk::default(),
    };
    Kandidat { id, partner: "jugendamt-hamburg".into(), registersatz, treffer: Treffer::Genau }
}

/// Runs a step that asks, answering each question in its turn, as the engine does.
pub fn answering(
    message: &mut Message,
    apply: impl Fn(&mut Message) -> Result<Flow, Trouble>,
    answer: impl Fn(&Question) -> Fact,
) -> Result<Flow, Trouble> {
    for _ in 0..8 {
        match apply(message)? {
            Flow::Ask(questions) => {
                let of = |question: &Question| Answer {
                    fact: answer(question),
                    guard: Guard { key: question.key(), seen: 0 },
                };
                message.answers = questions.iter().map(of).collect();
            }
            flow => return Ok(flow),
        }
    }
    panic!("it asks and asks")
}
