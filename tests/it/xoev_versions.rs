//! Two versions of one standard beside each other: 1.3.0 and an invented one that is made here from it by the table
//! below. It has other namespaces, one element with another name and two in another place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use drehscheibe::envelope::{Head, How, PartnerRef};
use drehscheibe::message::{Identity, Sender};
use drehscheibe::pipeline::refuse::Refusal;
use drehscheibe::pipeline::step::{Bench, Original, Refuse};
use drehscheibe::pipeline::{answer, werte};
use drehscheibe::register::record::Record;
use drehscheibe::rejection::{Fault, Rejection};
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::{Detected, Reader, Standards};
use drehscheibe::xoev::inspect::inspect;
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;
use serde_json::{Value, json};
use uuid::Uuid;

const OLD: &str = "1.3.0";
const NEW: &str = "1.10.0-erfunden";
const PACKAGE: &str = "xsd/xfamilie/1.3.0";
const NUMMER: &str = r#"<xs:element name="geburtsregisterNummer" minOccurs="0" type="din91379:datatypeC"/>"#;
const AMT: &str = r#"<xs:element name="geburtsstandesamt" minOccurs="0" type="din91379:datatypeC"/>"#;

/// What the invented version writes otherwise, in every file of the package and in every message.
const CHANGES: &[(&str, &str)] = &[
    ("1.3.0", NEW),
    // Another namespace, not only another number in it.
    ("http://www.xoev.de/xfamilie/geburt/", "http://www.xoev.de/xfamilie/sorge/"),
    // Another name.
    ("wohnortJugendamtMutter", "jugendamtDerMutter"),
    // Another place: both stand in an element of their own.
    (
        "nachgeburtlicheAngabenZumKind/xfg:geburtsregisterNummer",
        "nachgeburtlicheAngabenZumKind/xfg:beurkundung/xfg:nummer",
    ),
    (
        "nachgeburtlicheAngabenZumKind/xfg:geburtsstandesamt",
        "nachgeburtlicheAngabenZumKind/xfg:beurkundung/xfg:geburtsstandesamt",
    ),
    ("<xfg:geburtsregisterNummer>", "<xfg:beurkundung><xfg:nummer>"),
    ("</xfg:geburtsregisterNummer>", "</xfg:nummer>"),
    ("</xfg:geburtsstandesamt>", "</xfg:geburtsstandesamt></xfg:beurkundung>"),
];

/// A text of 1.3.0 as the invented version has it.
fn renewed(text: &str) -> String {
    let wrapped = format!(
        "<xs:element name=\"beurkundung\" minOccurs=\"0\"><xs:complexType><xs:sequence>{}{AMT}</xs:sequence>\
         </xs:complexType></xs:element>",
        NUMMER.replace("geburtsregisterNummer", "nummer")
    );
    // The schema first: its own element names are not to be touched by the table.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains(AMT)).collect();
    let text =
        if text.contains(NUMMER) { lines.join("\n").replace(NUMMER, &wrapped) } else { text.to_owned() };
    CHANGES.iter().fold(text, |text, (old, new)| text.replace(old, new))
}

/// The shipped packages with the invented version among them.
fn both() -> (tempfile::TempDir, PackageSet) {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path, change: &dyn Fn(&str) -> String| {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            fs::write(to.join(entry.file_name()), change(&fs::read_to_string(entry.path()).unwrap()))
                .unwrap();
        }
    };
    copy(Path::new("xsd/base"), &folder.path().join("base"), &str::to_owned);
    for part in ["", "write", "codelists"] {
        let from = Path::new(PACKAGE).join(part);
        copy(&from, &folder.path().join("xfamilie").join(OLD).join(part), &str::to_owned);
        // Code lists are renewed by nobody.
        let change: &dyn Fn(&str) -> String = if part == "codelists" { &str::to_owned } else { &renewed };
        copy(&from, &folder.path().join("xfamilie").join(NEW).join(part), change);
    }
    let set = package::load(folder.path()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    (folder, set)
}

fn read(set: &PackageSet, reader: &mut dyn Reader, text: &str) -> Result<(Detected, Record), Vec<Rejection>> {
    let document =
        gate::pass(Bytes::from(text.to_owned()), &Limits::default()).expect("the gate lets it through");
    let detected = set.detect(&document).map_err(|rejection| vec![rejection])?;
    let record = reader.read(&detected, &document)?;
    Ok((detected, record))
}

fn samples() -> BTreeMap<String, String> {
    fs::read_dir(format!("{PACKAGE}/samples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            Some((path.file_name()?.to_str()?.to_owned(), text))
        })
        .collect()
}

#[test]
fn both_versions_of_every_message_give_one_record_and_one_verdict() {
    let (_folder, set) = both();
    let mut reader = set.reader();
    let (mut records, mut refusals) = (BTreeMap::<String, u32>::new(), 0);
    for (name, text) in samples() {
        if name.starts_with("gate-") {
            continue;
        }
        let newer = renewed(&text);
        match (read(&set, reader.as_mut(), &text), read(&set, reader.as_mut(), &newer)) {
            (Ok((one, first)), Ok((other, second))) => {
                assert_eq!((one.version.as_str(), other.version.as_str()), (OLD, NEW), "{name}");
                assert_eq!(one.message, other.message);
                assert!(first == second, "{name}: both versions give one record");
                *records.entry(one.message).or_default() += 1;
            }
            (Err(one), Err(other)) => {
                let codes = |rejections: &[Rejection]| -> Vec<(String, Option<String>)> {
                    rejections.iter().map(|found| (found.code.clone(), found.rule.clone())).collect()
                };
                assert_eq!(codes(&one), codes(&other), "{name}");
                refusals += 1;
            }
            _ => panic!("{name} is judged otherwise in the other version"),
        }
    }
    for message in ["0001", "0011", "0801", "0803", "0804", "0805", "0806"] {
        assert!(records.contains_key(&format!("xfamilie.{message}")), "{records:?}");
    }
    assert!(refusals >= 30, "{refusals}");
}

#[test]
fn a_mixture_of_two_versions_and_a_third_one_are_refused() {
    let (_folder, set) = both();
    let mut reader = set.reader();
    let text = samples().remove("0804-eintragung-vorhanden.xml").unwrap();
    let code = |reader: &mut dyn Reader, text: &str| read(&set, reader, text).unwrap_err()[0].code.clone();
    // The other version's way to write a thing, in a message of this one.
    for (old, new) in [
        ("wohnortJugendamtMutter", "jugendamtDerMutter"),
        ("geburtsregisterNummer", "nummer"),
        ("<xfg:geburtsstandesamt>Standesamt Bremen-Mitte</xfg:geburtsstandesamt>", "<xfg:beurkundung/>"),
        (
            "xmlns:xfb=\"http://www.xoev.de/xfamilie/baukasten/1.3.0\"",
            "xmlns:xfb=\"http://www.xoev.de/xfamilie/baukasten/1.10.0-erfunden\"",
        ),
    ] {
        assert!(text.contains(old), "{old}");
        assert_eq!(code(reader.as_mut(), &text.replace(old, new)), "X001", "{old}");
    }
    let lying = text.replace(&format!("version=\"{OLD}\""), &format!("version=\"{NEW}\""));
    assert_eq!(code(reader.as_mut(), &lying), "V000");
    for third in ["1.5.0", "1.4.0", "1.3", "1.3.0 ", "2.0.0"] {
        assert_eq!(code(reader.as_mut(), &text.replace(OLD, third)), "V000", "{third}");
    }
    let found = inspect(Bytes::from(text.replace(OLD, "1.5.0")), &set, reader.as_mut());
    let told = &found.rejections[0].text;
    assert!(told.contains("XFamilie 1.3.0") && told.contains(NEW) && !told.contains("1.5.0"), "{told}");
}

/// As texts, `1.10` would stand before `1.3`.
#[test]
fn the_newest_version_stands_last() {
    let (_folder, set) = both();
    let of = |message: &str| -> Vec<String> {
        set.known().into_iter().filter(|known| known.message == message).map(|known| known.version).collect()
    };
    for message in ["xfamilie.0001", "xfamilie.0801", "xfamilie.0803"] {
        assert_eq!(of(message), [OLD, NEW]);
    }
}

#[test]
fn standards_answer_in_the_version_that_was_asked_for() {
    let (_folder, set) = both();
    for (asked, version) in [(None, NEW), (Some(OLD), OLD), (Some(NEW), NEW), (Some("1.5.0"), NEW)] {
        assert_eq!(set.answering("xfamilie", asked).unwrap().version, version, "{asked:?}");
    }
    assert!(set.answering("xunbekannt", None).is_none());
}

fn platform() -> Value {
    json!({
        "praefix": "jga", "kennung": "000000000001", "name": "Sorgeregister-Plattform",
        "erreichbarkeit": [{ "kanal": "01", "kennung": "plattform@sorgeregister.example" }],
        "anschrift": { "strasse": "Beispielweg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen" },
    })
}

fn head() -> Head {
    Head {
        id: Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0002),
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

#[test]
fn a_rejection_is_written_in_the_version_that_the_partner_takes_else_in_that_of_its_original() {
    let (_folder, set) = both();
    let refusal = Refusal::new(Arc::new(set.clone()), platform(), "xfamilie").unwrap();
    let mut bench = Bench { reader: set.reader() };
    let mut sender = Sender {
        id: "jugendamt-bremen".into(),
        name: "Amt".into(),
        mandant: "bremen".into(),
        identities: vec!["jga:040110000000".into()],
        ..Default::default()
    };
    let broken = samples().remove("rule-0806-leeres-kind.xml").unwrap();
    let third = broken.replace(OLD, "1.5.0");
    // What cannot be read is refused in the oldest version: the newest one happens to be installed and may be taken by nobody.
    for (text, takes, version) in [
        (broken.clone(), None, OLD),
        (renewed(&broken), None, NEW),
        (third.clone(), None, OLD),
        ("kein XML".to_owned(), None, OLD),
        ("<a/>".to_owned(), None, OLD),
        (renewed(&broken), Some(OLD), OLD),
        (broken.clone(), Some(NEW), NEW),
        (third, Some(NEW), NEW),
    ] {
        sender.versions =
            takes.map(|version| ("xfamilie".to_owned(), version.to_owned())).into_iter().collect();
        let body = Bytes::from(text);
        let (identity, rejections) = match gate::pass(body.clone(), &Limits::default()) {
            Err(_) => (None, vec![Rejection::new(Fault::NotWellFormed, "Kein XML.").at(1, 1)]),
            Ok(document) => match set.detect(&document) {
                Err(rejection) => (None, vec![rejection]),
                Ok(detected) => {
                    let rejections = bench.reader.read(&detected, &document).err().unwrap();
                    let Detected { standard, version, message, test, .. } = detected;
                    (Some(Identity { standard, version, message, test }), rejections)
                }
            },
        };
        let original = Original { body: &body, sender: &sender, identity: identity.as_ref(), record: None };
        let effects = refusal.refuse(&head(), &original, &rejections, &mut bench).unwrap();
        let reply = String::from_utf8(effects.reply.unwrap().body.to_vec()).unwrap();
        let (detected, record) = read(&set, bench.reader.as_mut(), &reply).unwrap();
        assert_eq!((detected.message.as_str(), detected.version.as_str()), ("xfamilie.0001", version));
        assert_eq!(record.gruende, [rejections[0].code.as_str()]);
        assert_eq!(
            record.bezug.is_some(),
            identity.is_some(),
            "the original is named where it was valid to its schema"
        );
    }
}

#[test]
fn a_receipt_is_written_in_the_version_of_its_original() {
    let (_folder, set) = both();
    let mut reader = set.reader();
    let text = samples().remove("0806-loeschung.xml").unwrap();
    for (text, version) in [(text.clone(), OLD), (renewed(&text), NEW)] {
        let (detected, record) = read(&set, reader.as_mut(), &text).unwrap();
        let answering = set.answering(&detected.standard, Some(&detected.version)).unwrap();
        let moment = "2026-11-21T10:16:00.250+01:00".parse().unwrap();
        let mut values =
            answer::values(Uuid::from_u128(7), moment, detected.test, &platform(), &record.kopf.autor);
        values["original"] = answer::original(&record.kopf);
        let receipt = reader.write(&answering.receipt.unwrap(), &answering.version, &values).unwrap();
        let (detected, receipt) =
            read(&set, reader.as_mut(), std::str::from_utf8(&receipt).unwrap()).unwrap();
        assert_eq!((detected.message.as_str(), detected.version.as_str()), ("xfamilie.0011", version));
        assert_eq!(receipt.bezug, Some(record.kopf.nachrichten_uuid));
    }
}

#[test]
fn an_answer_is_written_in_every_version_and_read_as_the_same_record() {
    let (_folder, set) = both();
    let mut reader = set.reader();
    let mut written = 0;
    for (name, text) in samples().into_iter().filter(|(name, _)| name.starts_with("08")) {
        let Ok((detected, record)) = read(&set, reader.as_mut(), &text) else { continue };
        if name.contains("sperrvermerk") && record.kopf.leser.praefix != "jga" {
            continue;
        }
        let moment = "2026-11-21T10:16:00.250+01:00".parse().unwrap();
        let kopf = answer::values(Uuid::from_u128(7), moment, true, &platform(), &record.kopf.leser);
        let values = werte::nachricht(kopf, werte::inhalt(&record));
        let mut records = [OLD, NEW].map(|version| {
            let octets = reader
                .write(&detected.message, version, &values)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            read(&set, reader.as_mut(), std::str::from_utf8(&octets).unwrap()).unwrap().1
        });
        assert!(records[0] == records[1], "{name}");
        records[0].kopf = record.kopf.clone();
        assert!(records[0] == record, "{name}");
        written += 1;
    }
    assert!(written >= 15, "{written}");
}
