//! Changes of persons of a standard that this program has never heard of: two versions of an invented one, installed as an operator does,
//! by schema and a mapping of some lines, become one record; `xmllint` agrees with what is written from it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use drehscheibe::envelope::{Envelope, Evidence, Head, How, PartnerRef};
use drehscheibe::message::{Identity, Message, Sender};
use drehscheibe::pipeline::STEPS;
use drehscheibe::pipeline::step::{Bench, Building, Flow};
use drehscheibe::register::record::Record;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::Standards;
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::copy;

const HEAD: &str = r#"
  <xs:complexType name="Kopf"><xs:sequence>
    <xs:element name="id" type="xs:string"/><xs:element name="zeit" type="xs:dateTime"/>
    <xs:element name="von" type="xs:string"/><xs:element name="an" type="xs:string"/>
  </xs:sequence></xs:complexType>"#;

/// Elements of the older version: one person, each event an element of its own.
const OLD: &str = r#"
  <xs:element name="fortschreibung.4711"><xs:complexType><xs:sequence>
    <xs:element name="kopf" type="m:Kopf"/>
    <xs:element name="person"><xs:complexType><xs:sequence>
      <xs:element name="nachname" type="xs:string"/><xs:element name="vorname" type="xs:string"/>
      <xs:element name="geboren" type="xs:date"/><xs:element name="frueher" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence></xs:complexType></xs:element>
    <xs:element name="namensaenderung" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:element name="seit" type="xs:date"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="verstorben" type="xs:date" minOccurs="0"/>
  </xs:sequence><xs:attribute name="standard" type="xs:string"/><xs:attribute name="version" type="xs:string"/><xs:attribute name="test" type="xs:string"/></xs:complexType></xs:element>"#;

/// Of the later one: several persons, and a code says what happened.
const NEW: &str = r#"
  <xs:element name="fortschreibung.4711"><xs:complexType><xs:sequence>
    <xs:element name="kopf" type="m:Kopf"/>
    <xs:element name="ereignis"><xs:complexType><xs:sequence>
      <xs:element name="code" type="xs:string"/><xs:element name="wirksam" type="xs:date"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="beteiligt" maxOccurs="unbounded"><xs:complexType><xs:sequence>
      <xs:element name="name"><xs:complexType><xs:sequence>
        <xs:element name="familie" type="xs:string"/><xs:element name="vor" type="xs:string"/>
        <xs:element name="alt" type="xs:string" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
      <xs:element name="tag" type="xs:date"/>
    </xs:sequence></xs:complexType></xs:element>
  </xs:sequence><xs:attribute name="standard" type="xs:string"/><xs:attribute name="version" type="xs:string"/><xs:attribute name="test" type="xs:string"/></xs:complexType></xs:element>"#;

const OLD_MAP: &str = "    personen[]: m:person
    personen[].name.familienname: m:nachname
    personen[].name.vornamen: m:vorname
    personen[].geburtsdatum: m:geboren
    personen[].fruehere_familiennamen: m:frueher
    aenderung.name: m:namensaenderung/m:seit
    aenderung.ab: m:namensaenderung/m:seit
    aenderung.tod: m:verstorben
";

const NEW_MAP: &str = "    personen[]: m:beteiligt
    personen[].name.familienname: m:name/m:familie
    personen[].name.vornamen: m:name/m:vor
    personen[].geburtsdatum: m:tag
    personen[].fruehere_familiennamen: m:name/m:alt
    aenderung.arten: m:ereignis/m:code
    aenderung.ab: m:ereignis/m:wirksam
";

fn install(folder: &Path, version: &str, (elements, map, words): (&str, &str, &str)) {
    let namespace = format!("urn:muster:melde:{version}");
    let folder = folder.join("muster").join(version);
    fs::create_dir_all(&folder).unwrap();
    let schema = format!(
        r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:m="{namespace}" targetNamespace="{namespace}" elementFormDefault="qualified">{HEAD}{elements}</xs:schema>"#
    );
    let package = format!(
        "id: urn:muster:melde\nabout: Muster\nstandard: muster\nattribute: Muster\nversion: \"{version}\"\nnamespaces:\n  m: {namespace}\nschemas: [muster.xsd]\n{words}\
         header:\n  kopf.nachrichten_uuid: m:kopf/m:id\n  kopf.erstellungszeitpunkt: m:kopf/m:zeit\n  kopf.autor: m:kopf/m:von\n  kopf.leser: m:kopf/m:an\n\
         messages:\n  muster.4711: m:fortschreibung.4711\n"
    );
    fs::write(folder.join("muster.xsd"), schema).unwrap();
    fs::write(folder.join("package.yaml"), package).unwrap();
    fs::write(folder.join("read.yaml"), format!("messages:\n  muster.4711:\n{map}")).unwrap();
    fs::write(folder.join("rules.yaml"), "rules: []\n").unwrap();
}

fn both() -> (tempfile::TempDir, PackageSet) {
    let folder = tempfile::tempdir().unwrap();
    for own in ["base", "drehscheibe-json", "drehscheibe-xml", "xinneres"] {
        copy(&Path::new("xsd").join(own), &folder.path().join(own));
    }
    install(folder.path(), "27.05", (OLD, OLD_MAP, ""));
    let words = "words:\n  aenderung.arten: { \"17\": name, \"40\": tod }\n";
    install(folder.path(), "27.11", (NEW, NEW_MAP, words));
    let set = package::load(folder.path()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    (folder, set)
}

fn message(version: &str, body: &str) -> String {
    let uuid = "7b2d4c10-1f3a-4e55-8b7a-000000000801";
    format!(
        r#"<m:fortschreibung.4711 xmlns:m="urn:muster:melde:{version}" standard="Muster" version="{version}" test="true"><m:kopf><m:id>{uuid}</m:id><m:zeit>2026-11-21T10:15:30+01:00</m:zeit><m:von>ags:04011000</m:von><m:an>jga:040110000000</m:an></m:kopf>{body}</m:fortschreibung.4711>"#
    )
}

fn old() -> String {
    let person = "<m:person><m:nachname>Ærø</m:nachname><m:vorname>Zoë</m:vorname><m:geboren>1994-03-12</m:geboren><m:frueher>Müller</m:frueher></m:person>";
    message("27.05", &format!("{person}<m:namensaenderung><m:seit>2026-11-01</m:seit></m:namensaenderung>"))
}

fn new() -> String {
    let event = "<m:ereignis><m:code>17</m:code><m:wirksam>2026-11-01</m:wirksam></m:ereignis>";
    message(
        "27.11",
        &format!(
            "{event}<m:beteiligt><m:name><m:familie>Ærø</m:familie><m:vor>Zoë</m:vor><m:alt>Müller</m:alt></m:name><m:tag>1994-03-12</m:tag></m:beteiligt>"
        ),
    )
}

fn read(set: &PackageSet, text: &str) -> (Message, Record) {
    let body = Bytes::from(text.to_owned());
    let document = gate::pass(body.clone(), &Limits::default()).unwrap();
    let detected = set.detect(&document).unwrap();
    let record = set.reader().read(&detected, &document).unwrap_or_else(|told| panic!("{told:?}"));
    let head = Head {
        id: Uuid::from_u128(7),
        connection: "haustuer".into(),
        binding: "http /v1/personen-weitergabe".into(),
        transport_id: "t".into(),
        correlation: None,
        content_type: Some("application/xml".into()),
        partner: Some(PartnerRef { id: "meldebehoerde-bremen".into(), how: How::Memory }),
        received: "2026-11-21T10:16:00Z".parse().unwrap(),
        return_address: None,
        traceparent: None,
        acting_person: None,
        label: None,
        in_band: false,
    };
    let identity = Identity {
        standard: detected.standard,
        version: detected.version,
        message: detected.message,
        test: detected.test,
    };
    let envelope = Envelope { head, body, parts: vec![], evidence: Evidence::default() };
    let message = Message::begin(Arc::new(envelope), identity, Sender::default(), document, record.clone());
    (message, record)
}

fn normalised(set: &PackageSet, mut message: Message, form: &str) -> Bytes {
    let platform =
        json!({ "praefix": "jga", "kennung": "000000000001", "name": "Plattform \"Süd\" & Söhne" });
    let entry = STEPS.iter().find(|entry| entry.word == "normalise").unwrap();
    let building = Building {
        standards: set,
        platform: &platform,
        addressees: vec![],
        ways: &[],
        give_up_after: Duration::from_secs(60),
        reach: Arc::default(),
        tafeln: Arc::default(),
        texte: Default::default(),
    };
    let settings = json!({ "normalise": "personenaenderung", "form": form, "as": "a" });
    let step = (entry.build)(&settings, &building).unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut bench = Bench { reader: set.reader() };
    assert_eq!(step.apply(&mut message, &mut bench), Ok(Flow::Next));
    message.built["a"].body.clone()
}

#[test]
fn two_versions_of_a_standard_that_was_never_known_become_one_record() {
    let (_folder, set) = both();
    let (one, mut first) = read(&set, &old());
    let (other, mut second) = read(&set, &new());
    assert_eq!(first.aenderung.as_ref().map(|said| said.arten.clone()), Some(vec!["name".to_owned()]));
    assert!(first.aenderung == second.aenderung && first.personen == second.personen);
    first.kopf = Default::default();
    second.kopf = Default::default();
    assert!(first == second);
    // A partner sees which one it was, and nothing else differs.
    let seen =
        |message: Message| -> Value { serde_json::from_slice(&normalised(&set, message, "json")).unwrap() };
    let (mut one, mut other) = (seen(one), seen(other));
    assert_eq!(
        (one["ursprung"]["version"].as_str(), other["ursprung"]["version"].as_str()),
        (Some("27.05"), Some("27.11"))
    );
    for value in [&mut one, &mut other] {
        value["ursprung"]["version"] = Value::Null;
    }
    assert_eq!(one, other);
    assert_eq!(one["personen"][0]["fruehereFamiliennamen"], json!(["Müller"]));
}

#[test]
fn a_second_validator_agrees_with_what_is_written() {
    let (folder, set) = both();
    for (n, text) in [old(), new()].iter().enumerate() {
        let (message, _) = read(&set, text);
        let file = folder.path().join(format!("out-{n}.xml"));
        fs::write(&file, normalised(&set, message, "xml")).unwrap();
        let schema = "xsd/drehscheibe-xml/1/drehscheibe.xsd";
        let Ok(output) =
            Command::new("xmllint").args(["--noout", "--nonet", "--schema", schema]).arg(&file).output()
        else {
            println!("xmllint is not at hand");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
