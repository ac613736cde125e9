//! The XMeld package, made of data alone: what is asked and what is found is written from records and read back the same.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use drehscheibe::register::record::{Anschrift, Person, Personenname, TeilDatum};
use drehscheibe::xoev::contract::{Reader, Standards};
use drehscheibe::xoev::package;
use serde_json::{Value, json};

fn reader() -> Box<dyn Reader> {
    package::load(Path::new("xsd")).unwrap_or_else(|faults| panic!("{faults:#?}")).reader()
}

fn sample(name: &str) -> Bytes {
    fs::read(format!("xsd/xmeld/26.11/samples/{name}.xml")).unwrap().into()
}

fn frame(id: &str) -> Value {
    json!({
        "id": id, "zeitpunkt": "2026-11-21T09:15:30.123Z", "test": true,
        "produkt": { "name": "Drehscheibe", "hersteller": "Sorgeregister-Plattform", "version": "1" },
        "autor": {
            "praefix": "jga", "kennung": "000000000001", "name": "Sorgeregister-Plattform",
            "erreichbarkeit": [{ "kanal": "01", "kennung": "plattform@sorgeregister.example" }],
            "anschrift": { "strasse": "Beispielweg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen" },
        },
        "leser": { "praefix": "ags", "kennung": "04011000", "name": "Meldebehörde Bremen" },
        "original": {
            "nachrichten_uuid": "7b2d4c10-1f3a-4e55-8b7a-000000000061", "nachrichtentyp": "1332",
            "erstellungszeitpunkt": "2026-11-21T10:15:30.123+01:00",
        },
        "stelle": {
            "sicherheitsbehoerde": false, "aktenzeichen": "SR-2026-000017", "anlass": "§ 87c SGB VIII",
            "kennung": "jga:000000000001",
        },
        "anforderung": ["anschrift", "auskunftssperre"], "verzicht_auf_mitteilung": true,
        "gruende": [], "personen": [], "ergebnisstatus": "03",
    })
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Persons of whom everything, little, and a strange name is known.
fn persons() -> Vec<Person> {
    let full = Person {
        name: Personenname {
            familienname: some("Müller"),
            geburtsname: some("Ćirković"),
            vornamen: some("Zoë Marie"),
        },
        fruehere_familiennamen: vec!["Strauß".into(), "Ærøskøbing".into()],
        rufname: some("Zoë"),
        geburtsdatum: TeilDatum::parse("1994-03-02"),
        geburtsort: some("Bremen"),
        geburtsstaat: some("000"),
        geschlecht: some("w"),
        familienstand: some("LD"),
        anschriften: vec![
            Anschrift {
                gemeindeschluessel: some("04011000"),
                strasse: some("Musterstraße"),
                hausnummer: some("12"),
                hausnummer_zusatz: some("a"),
                postleitzahl: some("28195"),
                wohnort: some("Bremen"),
            },
            Anschrift { wohnort: some("Hamburg"), ..Anschrift::default() },
        ],
        sperren: vec!["3".into(), "11".into()],
        sterbedatum: TeilDatum::parse("2025-12"),
        rollen: Vec::new(),
    };
    let little = Person {
        name: Personenname { familienname: some("O'Neill <&> \"Söhne\""), ..Personenname::default() },
        ..Person::default()
    };
    let partly =
        Person { geburtsdatum: TeilDatum::parse("1990"), geburtsort: some("Łódź"), ..little.clone() };
    vec![full, little, partly]
}

#[test]
fn persons_are_written_and_read_back_the_same() {
    let mut reader = reader();
    for (status, personen) in [("01", persons()[..1].to_vec()), ("02", persons()), ("03", vec![])] {
        let mut values = frame("7b2d4c10-1f3a-4e55-8b7a-000000000162");
        values["ergebnisstatus"] = json!(status);
        values["personen"] = serde_json::to_value(&personen).unwrap();
        let written = reader.write("xmeld.1333", "26.11", &values).unwrap();
        let (detected, record) = reader.open(written).unwrap();
        assert_eq!((detected.message.as_str(), detected.test), ("xmeld.1333", true));
        assert!(record.personen == personen, "{}", serde_json::to_string_pretty(&record.personen).unwrap());
        assert_eq!(record.ergebnisstatus.as_deref(), Some(status));
        assert_eq!(record.bezug.as_deref(), Some("7b2d4c10-1f3a-4e55-8b7a-000000000061"));
    }
    let mut values = frame("7b2d4c10-1f3a-4e55-8b7a-000000000163");
    values["gruende"] = json!(["T070"]);
    let written = reader.write("xmeld.1333", "26.11", &values).unwrap();
    let record = reader.open(written).unwrap().1;
    assert_eq!(
        (record.gruende, record.ergebnisstatus, record.personen.len()),
        (vec!["T070".to_owned()], None, 0)
    );
}

#[test]
fn a_search_is_written_and_read_back_the_same() {
    let mut reader = reader();
    let asked = Person {
        name: Personenname { familienname: some("Müller"), vornamen: some("Zoë Marie"), geburtsname: None },
        geburtsdatum: TeilDatum::parse("1994-03-12"),
        geburtsort: some("Bremen"),
        geschlecht: some("w"),
        anschriften: vec![Anschrift {
            postleitzahl: some("28195"),
            wohnort: some("Bremen"),
            ..Anschrift::default()
        }],
        ..Person::default()
    };
    let mut values = frame("7b2d4c10-1f3a-4e55-8b7a-000000000161");
    values["personen"] = serde_json::to_value([&asked]).unwrap();
    let written = reader.write("xmeld.1332", "26.11", &values).unwrap();
    let record = reader.open(written).unwrap().1;
    assert!(record.personen == [asked]);
    assert_eq!(record.kopf.transaktionsid.as_deref(), Some("SR-2026-000017"));
    assert_eq!(record.kopf.leser.key(), "ags:04011000");
    // Without a name there is nothing to search by, and what cannot be valid does not leave.
    values["personen"][0]["name"]["familienname"] = Value::Null;
    assert!(reader.write("xmeld.1332", "26.11", &values).is_err());
    values["personen"] = json!([]);
    assert!(reader.write("xmeld.1332", "26.11", &values).is_err());
}

#[test]
fn bars_on_information_reach_the_record() {
    let record = reader().open(sample("1333-ein-treffer-mit-sperre")).unwrap().1;
    assert_eq!(record.personen[0].sperren, ["3", "7"]);
    assert_eq!(record.personen[0].fruehere_familiennamen, ["Ærøskøbing", "Strauß"]);
    assert!(!format!("{record:?} {:?}", record.personen).contains("Müller"), "prints redacted");
}

#[test]
fn no_line_of_the_program_speaks_of_it() {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { walk(&entry.path(), files) } else { files.push(entry.path()) }
        }
    }
    let mut files = vec![];
    walk(Path::new("src"), &mut files);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    assert!(files.len() > 100);
    for file in files {
        let text = fs::read_to_string(&file).unwrap().to_lowercase();
        assert!(!text.contains("xmeld"), "{}: a package is data", file.display());
    }
    // It answers with a rejection that another package writes, and is known by its folder alone.
    let set = package::load(Path::new("xsd")).unwrap();
    let answering = set.answering("xmeld", Some("26.11")).unwrap();
    assert_eq!((answering.receipt, answering.rejection.as_deref()), (None, Some("xinneres.0010")));
}
