//! The packages beside XFamilie at their boundary: every sample of every package, what is taken over of a message and what
//! is not, and how each standard answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use drehscheibe::app::samples;
use drehscheibe::envelope::{Head, How, PartnerRef};
use drehscheibe::message::{Identity, Sender};
use drehscheibe::pipeline::refuse::Refusal;
use drehscheibe::pipeline::step::{Bench, Original, Refuse};
use drehscheibe::register::record::Record;
use drehscheibe::rejection::{Fault, Rejection, UNQUOTED};
use drehscheibe::xoev::contract::Standards;
use drehscheibe::xoev::inspect::inspect;
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::copy;

const FURTHER: [&str; 6] =
    ["drehscheibe-json", "drehscheibe-xml", "xinneres", "xjustiz", "xmeld", "xpersonenstand"];

fn own() -> PackageSet {
    package::load(Path::new("xsd")).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn sample(name: &str) -> Bytes {
    fs::read(format!("xsd/{name}")).unwrap_or_else(|error| panic!("{name}: {error}")).into()
}

fn platform() -> Value {
    json!({
        "praefix": "jga",
        "kennung": "000000000001",
        "name": "Sorgeregister-Plattform \"Süd\"",
        "erreichbarkeit": [{ "kanal": "01", "kennung": "plattform@sorgeregister.example" }],
        "anschrift": { "strasse": "Beispielweg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen" },
    })
}

fn head() -> Head {
    Head {
        id: Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0001),
        connection: "http".into(),
        binding: "http /v1/antraege".into(),
        transport_id: "t-1".into(),
        correlation: None,
        content_type: Some("application/json".into()),
        partner: Some(PartnerRef { id: "portal".into(), how: How::Memory }),
        received: "2026-11-21T10:16:00.250+01:00".parse().unwrap(),
        return_address: None,
        traceparent: None,
        acting_person: None,
        label: None,
        in_band: false,
    }
}

#[test]
fn samples_of_the_further_packages_are_judged_as_expected() {
    let judged = samples::run(&own(), Path::new("xsd"));
    for standard in FURTHER {
        let of_this: Vec<_> =
            judged.iter().filter(|judged| judged.name.starts_with(&format!("{standard}/"))).collect();
        assert!(of_this.len() >= 6, "{standard}: {}", of_this.len());
        for judged in of_this {
            assert!(judged.faults.is_empty(), "{}: {:?}", judged.name, judged.faults);
        }
    }
}

#[test]
fn a_birth_notice_becomes_a_hint_and_brings_nothing_of_the_father() {
    let mut reader = own().reader();
    let at = |name: &str| sample(&format!("xpersonenstand/26.11/samples/{name}.xml"));
    let (detected, record) = reader.open(at("141010-sorgeerklaerung")).unwrap();
    assert_eq!(detected.message, "xpersonenstand.141010");
    assert_eq!(record.kopf.autor.key(), "psw:04011001");
    let hinweis = record.hinweis.as_ref().unwrap();
    assert!(hinweis.sorgeberechtigt && hinweis.sorgerechtserklaerung);
    let told = serde_json::to_string(&record).unwrap();
    assert!(told.contains("Zoë Marie") && told.contains("Lía"));
    for of_the_father in ["Łukasz", "Paweł", "1992", "2024-07-01", "UR 77", "Jugendamt Bremen"] {
        assert!(!told.contains(of_the_father), "{of_the_father}");
    }
    assert!(reader.open(at("141010-ohne-vater")).unwrap().1.hinweis.is_none());
    assert!(reader.open(at("141010-vater-ohne-sorge")).unwrap().1.hinweis.is_none());
    // The path of a rejection names elements, never what stands in them.
    let broken =
        String::from_utf8(at("141010-sorgeerklaerung").to_vec()).unwrap().replace("Łukasz", "Ł\u{4e2d}");
    let rejections = reader.open(broken.into()).unwrap_err();
    assert!(!format!("{rejections:?}").contains('Ł'));
}

/// Refuses `body` and reads the rejection back.
fn refuse(
    set: &PackageSet,
    body: &Bytes,
    identity: Option<&Identity>,
    rejections: &[Rejection],
) -> (String, Bytes, Record) {
    let refusal = Refusal::new(Arc::new(set.clone()), platform(), "drehscheibe-json").unwrap();
    let sender = Sender {
        id: "portal".into(),
        name: "Portal".into(),
        mandant: "bremen".into(),
        identities: vec!["fap:7".into()],
        ..Default::default()
    };
    let mut bench = Bench { reader: set.reader() };
    let original = Original { body, sender: &sender, identity, record: None };
    let effects = refusal.refuse(&head(), &original, rejections, &mut bench).unwrap();
    let reply = effects.reply.unwrap();
    let (detected, record) = bench.reader.open(reply.body.clone()).unwrap();
    assert_eq!(detected.message, reply.message);
    (reply.content_type, reply.body, record)
}

fn identity(set: &PackageSet, body: &Bytes) -> Identity {
    let document =
        drehscheibe::xml::gate::pass(body.clone(), &drehscheibe::xml::limits::Limits::default()).unwrap();
    let detected = set.detect(&document).unwrap();
    Identity {
        standard: detected.standard,
        version: detected.version,
        message: detected.message,
        test: detected.test,
    }
}

#[test]
fn a_birth_notice_is_refused_with_the_rejection_of_xinneres_and_its_original() {
    let set = own();
    for name in ["rule-141010-leerer-name", "invalid-141010-ohne-kind", "141010-sorgeerklaerung"] {
        let body = sample(&format!("xpersonenstand/26.11/samples/{name}.xml"));
        let identity = identity(&set, &body);
        // A step knows only the usual code of a rule.
        let rejections = [
            Rejection::new(Fault::Rule, "Eine Regel ist verletzt.").rule("R-1"),
            Rejection::new(Fault::Authority, "Der Absender ist nicht berechtigt."),
        ];
        let (content_type, written, record) = refuse(&set, &body, Some(&identity), &rejections);
        let text = String::from_utf8(written.to_vec()).unwrap();
        assert_eq!(content_type, "application/xml");
        assert_eq!(record.gruende, ["S999", "T070"], "{name}");
        assert!(text.contains("R-1: Eine Regel ist verletzt.") && text.contains(" test=\"true\""));
        assert!(text.contains(&format!("<nachricht>{}</nachricht>", STANDARD.encode(&body))));
        assert_eq!(record.bezug, None);
        let leser = if name.starts_with("invalid") { "fap:7" } else { "psw:04011001" };
        assert_eq!(record.kopf.leser.key(), leser);
    }
    // Of a message that is no test where only tests are taken nothing is kept, so it is not sent back either.
    let body = sample("xpersonenstand/26.11/samples/141010-sorgeerklaerung.xml");
    let rejections = [Rejection::new(Fault::Other, "Nur Tests.").rule(UNQUOTED)];
    let (_, written, record) = refuse(&set, &body, Some(&identity(&set, &body)), &rejections);
    assert!(String::from_utf8(written.to_vec()).unwrap().contains("<nachricht></nachricht>"));
    assert_eq!(record.gruende, ["S999"]);
}

#[test]
fn answers_in_json_are_json_and_valid() {
    let set = own();
    let body = sample("drehscheibe-json/1/samples/antrag.json");
    let known = identity(&set, &body);
    let rejections = [
        Rejection::new(Fault::Rule, "Der Name \"fehlt\".").rule("R-NAME-1").at(3, 4).path("/antrag/kind"),
        Rejection::new(Fault::Schema, "Noch etwas."),
    ];
    let (content_type, written, record) = refuse(&set, &body, Some(&known), &rejections);
    assert_eq!(content_type, "application/json");
    let value: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(value["nachricht"], "rueckweisung");
    assert_eq!((&value["version"], &value["test"]), (&json!("1"), &json!(true)));
    assert_eq!(value["kopf"]["autor"]["name"], "Sorgeregister-Plattform \"Süd\"");
    assert_eq!(value["gruende"][1]["hinweise"][0]["regel"], "R-NAME-1");
    assert_eq!(
        value["gruende"][1]["hinweise"][0]["text"],
        "Zeile 3, Spalte 4: Der Name \"fehlt\". (/antrag/kind)"
    );
    assert_eq!(record.bezug.as_deref(), Some("7b2d4c10-1f3a-4e55-8b7a-000000000101"));
    assert_eq!(record.gruende, ["X001", "X002"]);
    // What cannot be read is answered in the standard of the binding, and never sent back.
    for body in ["{", "{\"nachricht\": 1}", "<x/>"] {
        let (content_type, written, record) =
            refuse(&set, &Bytes::from(body), None, &[Rejection::new(Fault::NotWellFormed, "Nicht lesbar.")]);
        assert_eq!((content_type.as_str(), record.bezug), ("application/json", None));
        assert!(serde_json::from_slice::<Value>(&written).unwrap().get("bezug").is_none());
    }
    // An answer is never answered, also not one of another version.
    for body in [
        sample("drehscheibe-json/1/samples/rueckweisung.json"),
        Bytes::from("{\"nachricht\":\"quittung\",\"version\":\"2\"}"),
    ] {
        let refusal = Refusal::new(Arc::new(set.clone()), platform(), "drehscheibe-json").unwrap();
        let sender = Sender::default();
        let original = Original { body: &body, sender: &sender, identity: None, record: None };
        let mut bench = Bench { reader: set.reader() };
        let effects = refusal.refuse(&head(), &original, &rejections, &mut bench).unwrap();
        assert!(effects.reply.is_none());
    }
}

#[test]
fn receipts_in_json_leave_out_what_is_not_known() {
    let mut reader = own().reader();
    let mut values = json!({
        "id": "7b2d4c10-1f3a-4e55-8b7a-000000000001", "zeitpunkt": "2026-11-21T09:15:30.123Z", "test": false,
        "produkt": { "name": "Drehscheibe", "hersteller": "x", "version": "1" }, "autor": platform(),
        "leser": { "praefix": "", "kennung": "", "name": "" },
        "original": { "nachrichten_uuid": "7b2d4c10-1f3a-4e55-8b7a-000000000101", "nachrichtentyp": "antrag" },
    });
    let written = reader.write("drehscheibe-json.quittung", "1", &values).unwrap();
    assert_eq!(reader.media_type("drehscheibe-json.quittung", "1"), "application/json");
    let (detected, record) = reader.open(written).unwrap();
    assert!(!detected.test && record.kopf.leser.kennung.is_empty());
    assert_eq!(record.bezug.as_deref(), Some("7b2d4c10-1f3a-4e55-8b7a-000000000101"));
    values["leser"] = json!({ "praefix": "fap", "kennung": "7", "name": "Zoe\u{308}" });
    let written = reader.write("drehscheibe-json.quittung", "1", &values).unwrap();
    assert_eq!(reader.open(written).unwrap().1.kopf.leser.name, "Zoë");
    values["zeitpunkt"] = json!("gestern");
    assert!(reader.write("drehscheibe-json.quittung", "1", &values).is_err());
}

#[test]
fn a_small_part_is_opened_alone() {
    let mut reader = own().reader();
    let (detected, record) = reader.open(sample("drehscheibe-json/1/samples/anmeldung.json")).unwrap();
    assert_eq!((detected.message.as_str(), detected.test), ("drehscheibe-json.anmeldung", true));
    let anmeldung = record.anmeldung.unwrap();
    assert_eq!(anmeldung.vertrauensniveau.as_deref(), Some("hoch"));
    assert_eq!(anmeldung.name.geburtsname.as_deref(), Some("Ćirković"));
    for (octets, code) in [
        (Bytes::from("{\"nachricht\":\"anmeldung\",\"version\":\"1\"}"), "X001"),
        (Bytes::from("{\"nachricht\":\"anmeldung\"}"), "V000"),
        (Bytes::from("{\"nachricht\":\"anmeldung\",\"nachricht\":\"antrag\"}"), "X000"),
        (Bytes::from_static(b"{\"a\":\"\xff\"}"), "S001"),
        (Bytes::new(), "X000"),
    ] {
        assert_eq!(reader.open(octets).unwrap_err()[0].code, code);
    }
}

#[test]
fn faults_of_json_are_told_at_their_place_in_the_json() {
    let set = own();
    let mut reader = set.reader();
    for (name, key) in [
        ("invalid-antrag-datum", "\"geburtsdatum\": \"05.08.2024\""),
        ("rule-antrag-uuid", "\"nachrichtenUUID\": \"4711\""),
        ("rule-antrag-staat-994", "\"geburtsstaat\": \"994\""),
    ] {
        let octets = sample(&format!("drehscheibe-json/1/samples/{name}.json"));
        let text = String::from_utf8(octets.to_vec()).unwrap();
        let at = text.find(key).unwrap();
        let line = text[..at].matches('\n').count() as u32 + 1;
        let found = inspect(octets, &set, reader.as_mut());
        assert_eq!(found.message.as_deref(), Some("drehscheibe-json.antrag"));
        assert_eq!(found.rejections[0].line, Some(line), "{name}");
        let value = text.lines().nth(line as usize - 1).unwrap().find(": \"").unwrap() as u32 + 3;
        assert_eq!(found.rejections[0].column, Some(value), "{name}");
    }
}

#[test]
fn a_rejection_in_another_standard_must_be_written_by_a_loaded_package() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["base", "xpersonenstand"] {
        copy(&Path::new("xsd").join(part), &folder.path().join(part));
    }
    let faults = package::load(folder.path()).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].text.contains("no package writes xinneres.0010 6"), "{}", faults[0]);
    copy(Path::new("xsd/xinneres"), &folder.path().join("xinneres"));
    let answering = package::load(folder.path()).unwrap().answering("xpersonenstand", None).unwrap();
    assert_eq!(
        (answering.rejection.as_deref(), answering.rejection_version.as_deref()),
        (Some("xinneres.0010"), Some("6"))
    );
    assert!(answering.receipt.is_none() && answering.quotes_always);
    // A second template of the same message, and a file that is none.
    let write = folder.path().join("xinneres/6/write");
    fs::write(write.join("0010.json"), "{}").unwrap();
    fs::write(write.join("0020.yaml"), "{}").unwrap();
    let told: Vec<String> =
        package::load(folder.path()).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|fault| fault.contains("second template")), "{told:?}");
    assert!(told.iter().any(|fault| fault.contains("no template: expected .xml or .json")), "{told:?}");
}

#[test]
fn the_packages_know_their_messages() {
    let known = own().known();
    let of = |standard: &str| -> BTreeSet<(String, bool, bool)> {
        known
            .iter()
            .filter(|known| known.standard == standard)
            .map(|known| (known.message.clone(), known.reads, known.writes))
            .collect()
    };
    let expected = |all: &[(&str, bool, bool)]| -> BTreeSet<(String, bool, bool)> {
        all.iter().map(|(message, reads, writes)| ((*message).to_owned(), *reads, *writes)).collect()
    };
    assert_eq!(of("xpersonenstand"), expected(&[("xpersonenstand.141010", true, false)]));
    assert_eq!(of("xinneres"), expected(&[("xinneres.0010", true, true)]));
    assert_eq!(of("drehscheibe-xml"), expected(&[("drehscheibe-xml.personenaenderung", true, true)]));
    assert_eq!(
        of("drehscheibe-json"),
        expected(&[
            ("drehscheibe-json.anmeldung", true, false),
            ("drehscheibe-json.antrag", true, false),
            ("drehscheibe-json.personenaenderung", true, true),
            ("drehscheibe-json.quittung", true, true),
            ("drehscheibe-json.registermeldung", true, false),
            ("drehscheibe-json.rueckweisung", true, true),
        ])
    );
}
