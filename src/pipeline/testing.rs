//! What the tests of the steps share: one real delivery of the sample 0804 and the real package.
//! Only compiled for tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::Effects;
use crate::envelope::{Envelope, Evidence, Head, How, PartnerRef};
use crate::message::{Identity, Message, Sender};
use crate::pipeline::step::{Addressee, Bench, Building};
use crate::register::keys::SearchKey;
use crate::xml::gate::{self, Limits};
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
        give_up_after: Duration::from_secs(24 * 3600),
        reach: Default::default(),
        tafeln: Default::default(),
    })
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
    Message {
        envelope: Arc::new(Envelope { head: head(), body, parts: vec![], evidence: Evidence::default() }),
        identity: Identity {
            standard: detected.standard,
            version: detected.version,
            message: detected.message,
            test: detected.test,
        },
        sender: sender(),
        document,
        record,
        values: BTreeMap::new(),
        befund: None,
        entscheidung: None,
        vorgang: None,
        built: BTreeMap::new(),
        effects: Effects::default(),
        answers: vec![],
        branches: vec![],
        order: Some(SearchKey::new("kind", ["a"])),
        resumed: None,
    }
}
