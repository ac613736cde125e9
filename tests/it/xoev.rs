//! The room of the standards at its boundary: packages are loaded from folders, documents judged, messages written.
//! Where the official base schemas and a second validator are at hand, both have to agree.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use drehscheibe::app::samples;
use drehscheibe::register::record::Record;
use drehscheibe::rejection::Rejection;
use drehscheibe::xml::gate::{self, Document};
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::{Detected, Reader, Standards};
use drehscheibe::xoev::inspect::inspect;
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;

use crate::support::copy;

const SAMPLES: &str = "xsd/xfamilie/1.3.0/samples";

fn own() -> PackageSet {
    package::load(Path::new("xsd")).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn document(octets: impl Into<Bytes>) -> Document {
    gate::pass(octets.into(), &Limits::default()).expect("the gate lets samples through")
}

fn read(
    set: &PackageSet,
    reader: &mut dyn Reader,
    octets: Vec<u8>,
) -> Result<(Detected, Record), Vec<Rejection>> {
    let document = document(octets);
    let detected = set.detect(&document).map_err(|rejection| vec![rejection])?;
    let record = reader.read(&detected, &document)?;
    Ok((detected, record))
}

#[test]
fn samples_are_judged_as_expected() {
    let judged = samples::run(&own(), Path::new("xsd"));
    let wrong: Vec<String> = judged
        .iter()
        .filter(|sample| !sample.faults.is_empty())
        .map(|sample| format!("{}: {}", sample.name, sample.faults.join("; ")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(judged.len() >= 74, "{}", judged.len());
}

#[test]
fn the_judge_of_samples_is_strict() {
    // What a case may wrongly expect, and of which sample.
    for (from, to) in [
        ("record: 0801-antrag.record.json", "schema-valid: true"),
        ("record: 0801-antrag.record.json", "record: 0803-auskunft-negativauskunft.record.json"),
        ("record: 0801-antrag.record.json", "record: fehlt.record.json"),
        ("record: 0801-antrag.record.json", "rejections: [{ code: X002 }]"),
        (
            "file: gate-0806-dtd.xml\n    rejections:",
            "file: gate-0806-dtd.xml\n    schema-valid: true\n    rejections:",
        ),
        ("- { code: S001 }", "- { code: X000 }"),
        ("rule: R-0801-1,", "rule: R-0801-2,"),
        (
            "file: 0802-vorbereitung.xml\n    schema-valid: true",
            "file: 0802-vorbereitung.xml\n    rejections: [{ code: X001 }]",
        ),
        (
            "file: invalid-0804-nfd.xml\n    rejections:",
            "file: invalid-0804-nfd.xml\n    schema-valid: true\n    rejections:",
        ),
        ("  - file: 0806-loeschung.xml\n    record: 0806-loeschung.record.json\n", ""),
        ("file: 0806-loeschung.xml", "file: 0807-fehlt.xml"),
    ] {
        let folder = copied();
        change(folder.path().join("xfamilie/1.3.0/samples/cases.yaml"), from, to);
        let set = package::load(folder.path()).unwrap();
        let wrong = samples::run(&set, folder.path()).iter().filter(|one| !one.faults.is_empty()).count();
        assert!(wrong >= 1, "{to}");
    }
}

#[test]
fn inspection_tells_one_code_for_every_stage() {
    let set = own();
    let mut reader = set.reader();
    let sample = |name: &str| fs::read(format!("{SAMPLES}/{name}.xml")).unwrap();
    let good = sample("0804-eintragung-vorhanden");
    let broken = good[..good.len() - 20].to_vec();
    let latin1 = String::from_utf8(good.clone()).unwrap().replace("Müller", "M").replace("Ć", "\u{fffd}");
    let latin1: Vec<u8> = latin1.into_bytes().iter().map(|b| if *b == 0xef { 0xff } else { *b }).collect();
    for (octets, code, message, id) in [
        (latin1, "S001", false, false),
        (broken, "X000", false, false),
        (b"<!DOCTYPE a><a/>".to_vec(), "X000", false, false),
        (sample("version-0804-unbekannt"), "V000", false, false),
        (sample("invalid-0804-nfd"), "X001", true, false),
        (sample("code-0804-liste-unbekannt"), "S010", true, true),
        (sample("code-0804-code-unbekannt"), "S011", true, true),
        (sample("rule-0804-ohne-kind"), "X002", true, true),
    ] {
        let found = inspect(Bytes::from(octets), &set, reader.as_mut());
        assert!(!found.valid);
        assert_eq!(found.rejections[0].code, code);
        assert_eq!((found.message.is_some(), found.id.is_some()), (message, id), "{code}");
    }
    let found = serde_json::to_value(inspect(Bytes::from(good), &set, reader.as_mut())).unwrap();
    assert_eq!(
        found,
        serde_json::json!({
            "standard": "xfamilie", "version": "1.3.0", "message": "xfamilie.0804",
            "id": "7b2d4c10-1f3a-4e55-8b7a-000000000020", "valid": true, "rejections": [],
        })
    );
}

#[test]
fn rejections_hold_no_value_of_the_message() {
    const CANARY: &str = "Kanarienvogel";
    let set = own();
    let mut reader = set.reader();
    let good = fs::read_to_string(format!("{SAMPLES}/0804-eintragung-vorhanden.xml")).unwrap();
    let mut seen = 0;
    for (from, to) in [
        ("2024-08-05", CANARY),
        ("<xfb:name>Lía</xfb:name>", "<xfb:name>Kanarienvogel\u{4e2d}</xfb:name>"),
        (
            "<code>01</code>\n    </xfg:eintragungSorgeregisterArt>",
            "<code>Kanarienvogel</code></xfg:eintragungSorgeregisterArt>",
        ),
        ("<code>01</code>", "<code>Kanarienvogel</code>"),
        ("listVersionID=\"3\"", "listVersionID=\"Kanarienvogel\""),
        ("7b2d4c10-1f3a-4e55-8b7a-000000000020", CANARY),
        ("<xfg:familienstand>", "<xfg:Kanarienvogel>a</xfg:Kanarienvogel><xfg:familienstand>"),
        ("<xfg:familienstand>", "<xfg:familienstand Kanarienvogel=\"Kanarienvogel\">"),
        ("produkt=\"Muster\"", "Kanarienvogel=\"Muster\""),
        ("version=\"1.3.0\"", "version=\"Kanarienvogel\""),
        ("<xfg:eintragungVorhanden>true", "<xfg:eintragungVorhanden>Kanarienvogel"),
        (
            "<xfg:geburt>",
            "<xfg:geburt xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Kanarienvogel\">",
        ),
        (
            "</xfg:sorge.nachweisregister.eintragung.0804>",
            "<Kanarienvogel/></xfg:sorge.nachweisregister.eintragung.0804>",
        ),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<Kanarienvogel>"),
    ] {
        assert!(good.contains(from), "{from}");
        let octets = Bytes::from(good.replacen(from, to, 1));
        let found = inspect(octets, &set, reader.as_mut());
        assert!(!found.valid, "{from}");
        let text = format!("{:?}", found.rejections);
        assert!(!text.contains(CANARY), "{text}");
        seen += found.rejections.len();
    }
    assert!(seen >= 14);
}

/// Copies the packages into a temporary folder so that a test may change them.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new("xsd"), folder.path());
    folder
}

fn change(file: PathBuf, from: &str, to: &str) {
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{} in {}", from, file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_version_is_refused_before_and_after_it_is_in_force() {
    let folder = copied();
    let package = folder.path().join("xfamilie/1.3.0/package.yaml");
    change(package, "valid: {}", "valid: { from: \"2026-01-01\", until: \"2026-12-31\" }");
    let set = package::load(folder.path()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_ne!(set.hash(), own().hash());
    let mut reader = set.reader();
    let text = fs::read_to_string(format!("{SAMPLES}/0804-eintragung-vorhanden.xml")).unwrap();
    for (made, taken) in [
        ("2025-12-31T23:59:59.999+01:00", false),
        ("2025-12-31T23:00:00Z", true),
        ("2026-12-31T23:59:59.999+01:00", true),
        ("2026-12-31T23:00:00Z", false),
    ] {
        let octets = text.replace("2026-11-21T10:15:30.123+01:00", made).into_bytes();
        let outcome = read(&set, reader.as_mut(), octets);
        assert_eq!(outcome.is_ok(), taken, "{made}");
        assert!(outcome.err().is_none_or(|rejections| rejections[0].code == "V000"), "{made}");
    }
}

#[test]
fn broken_packages_are_refused_with_place_and_nearest_name() {
    for (file, from, to, expected) in [
        (
            "read.yaml",
            "xfg:angabenZurMutter/xfg:geburt/xfb:geburtsort\n",
            "xfg:angabenZurMutter/xfg:geburt/xfb:geburtsrt\n",
            "did you mean geburtsort?",
        ),
        ("read.yaml", "mutter.geburtsort:", "mutter.geburtsot:", "did you mean mutter.geburtsort?"),
        (
            "read.yaml",
            "xfg:angabenZurMutter/xfg:anschrift\n",
            "xfx:angabenZurMutter/xfg:anschrift\n",
            "unknown prefix: xfx; did you mean xf",
        ),
        ("read.yaml", "mutter.anschriften[]: ", "# ", "target without its list: mutter.anschriften[]"),
        ("read.yaml", "eintragung.arten:", "eintragung.wohnort_jugendamt:", "duplicate"),
        (
            "read.yaml",
            "kind.geburtsort: xfg:angabenZumKind/xfg:nachgeburtlicheAngabenZumKind/xfg:geburtsort",
            "kind.geburtsort: xfg:angabenZumKind/xfg:nachgeburtlicheAngabenZumKind",
            "no text at this path",
        ),
        (
            "read.yaml",
            "mutter.familienstand: xfg:angabenZurMutter/xfg:familienstand/code",
            "mutter.familienstand: xfg:angabenZumKind/xfg:nachgeburtlicheAngabenZumKind/xfg:nameDesKindes/xfb:vornamen/xfb:name",
            "more than once",
        ),
        (
            "read.yaml",
            "  xfamilie.0011:",
            "  xfamilie.0012:",
            "unknown message: xfamilie.0012; did you mean xfamilie.00",
        ),
        (
            "rules.yaml",
            "path: xfg:eintragungVorhanden",
            "path: xfg:eintragungVorhnden",
            "did you mean eintragungVorhanden?",
        ),
        ("rules.yaml", "be: uuid", "be: uid", "uuid"),
        ("rules.yaml", "is-not: [jga]", "is: []", "either is or is-not"),
        ("rules.yaml", "within: .", "within: ..", "unknown path: .."),
        ("write/0803.xml", "\"_kind.xml\"", "\"_knd.xml\"", "missing: write/_knd.xml"),
        ("write/_name.xml", "{% else %}", "{% els %}", "template cannot be used"),
        ("package.yaml", "receipt: xfamilie.0011", "receipt: xfamilie.011", "did you mean xfamilie.0011?"),
        (
            "package.yaml",
            "eintragung.0804",
            "eintragun.0804",
            "did you mean sorge.nachweisregister.eintragung.0804?",
        ),
        ("package.yaml", "standard: xfamilie", "standart: xfamilie", "standart"),
        ("package.yaml", "valid: {}", "valid: { from: gestern }", "YYYY-MM-DD"),
        ("xfamilie-geburt.xsd", "xfamilie-baukasten.xsd", "xfamilie-baukaste.xsd", "xfamilie-baukaste.xsd"),
        ("xfamilie-geburt.xsd", "../../base/din-91379.xsd", "https://xoev.de/din.xsd", "din.xsd"),
        ("xfamilie-geburt.xsd", "xfamilie-baukasten.xsd", "../../../etc/passwd", "passwd"),
        ("codelists/erreichbarkeit-3.xml", "<CanonicalUri>urn", "<CanonicalUri/><x>", "genericode"),
        ("write/0011.xml", "{% if test %}", "{% if %}", "template cannot be used"),
    ] {
        let folder = copied();
        change(folder.path().join("xfamilie/1.3.0").join(file), from, to);
        let faults = package::load(folder.path()).expect_err(&format!("{file}: {to}"));
        let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.contains(expected), "{file}: {to}\nexpected {expected}\n{text}");
        assert!(faults.iter().all(|fault| fault.file.starts_with("xfamilie/1.3.0")), "{text}");
    }
}

#[test]
fn all_faults_of_all_files_are_told_at_once() {
    let folder = copied();
    let package = folder.path().join("xfamilie/1.3.0");
    change(package.join("read.yaml"), "mutter.geburtsort:", "mutter.geburtsot:");
    change(package.join("read.yaml"), "kind.geburtsort:", "kind.geburtsot:");
    change(package.join("rules.yaml"), "xfg:angabenZumKind\n", "xfg:angabenZumKid\n");
    let faults = package::load(folder.path()).unwrap_err();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    let line =
        |text: &str, wanted: &str| text.lines().position(|line| line.contains(wanted)).unwrap() as u32 + 1;
    let read = fs::read_to_string(package.join("read.yaml")).unwrap();
    assert_eq!(faults[0].line, Some(line(&read, "mutter.geburtsot")));
    assert!(package::load(tempfile::tempdir().unwrap().path()).is_err(), "no packages is a fault");
}
