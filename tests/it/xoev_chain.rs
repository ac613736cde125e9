//! The chain of checks, as data: every message with every fault and every pair of faults. The first stage that fails
//! decides, and what is told holds no value of the message.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use drehscheibe::xoev::contract::Standards;
use drehscheibe::xoev::inspect::inspect;
use drehscheibe::xoev::package;

const SAMPLES: &str = "xsd/xfamilie/1.3.0/samples";
/// Stands in every fault and must stand in nothing that is told.
const CANARY: &str = "Kanarienvogel";

/// A valid sample of every message, with its id.
const MESSAGES: &[(&str, &str, &str)] = &[
    ("xfamilie.0001", "0001-rueckweisung-schemavalide", "7b2d4c10-1f3a-4e55-8b7a-000000000031"),
    ("xfamilie.0011", "0011-quittung", "7b2d4c10-1f3a-4e55-8b7a-000000000030"),
    ("xfamilie.0801", "0801-antrag", "7b2d4c10-1f3a-4e55-8b7a-000000000001"),
    ("xfamilie.0803", "0803-auskunft-negativauskunft", "7b2d4c10-1f3a-4e55-8b7a-000000000010"),
    ("xfamilie.0804", "0804-eintragung-vorhanden", "7b2d4c10-1f3a-4e55-8b7a-000000000020"),
    ("xfamilie.0805", "0805-korrektur", "7b2d4c10-1f3a-4e55-8b7a-000000000022"),
    ("xfamilie.0806", "0806-loeschung", "7b2d4c10-1f3a-4e55-8b7a-000000000023"),
];

/// Faults in the order of the stages: stage, code, the text that is replaced first, and by what. `ÿ` becomes an octet
/// that is no UTF-8, `¶` the end of the document.
const FAULTS: &[(u8, &str, &str, &str)] = &[
    (1, "S001", "produkt=\"Muster\"", "produkt=\"Kanarienvogelÿ\""),
    (2, "X000", "<xfb:autor>", "<xfb:autor Kanarienvogel>"),
    (2, "X000", "</xfb:nachrichtenkopf>", "¶"),
    (2, "X000", "?>", "?><!DOCTYPE Kanarienvogel [<!ENTITY Kanarienvogel \"Kanarienvogel\">]>"),
    (2, "X000", "produkthersteller=\"", "produkthersteller=\"&Kanarienvogel;"),
    (3, "V000", " version=\"1.3.0\"", " version=\"Kanarienvogel\""),
    (3, "V000", "standard=\"XFamilie\"", "standard=\"Kanarienvogel\""),
    (3, "V000", "xfamilie/baukasten/1.3.0\" standard=\"XFamilie\"", "xfamilie/baukasten/1.3.0\""),
    (4, "X001", "<xfb:erstellungszeitpunkt>2026", "<xfb:erstellungszeitpunkt>Kanarienvogel2026"),
    (4, "X001", "<xfb:leser>", "<xfb:Kanarienvogel>Kanarienvogel</xfb:Kanarienvogel><xfb:leser>"),
    (4, "X001", "<xfb:autor>", "<xfb:autor Kanarienvogel=\"Kanarienvogel\">"),
    (4, "X001", "<xfb:strasse>", "<xfb:strasse>Kanarienvogel\u{308}中"),
    (5, "S010", "<xfb:kanal listVersionID=\"3\">", "<xfb:kanal listVersionID=\"Kanarienvogel\">"),
    (5, "S011", "<code>01</code>", "<code>Kanarienvogel</code>"),
    (6, "X002", "7b2d4c10-1f3a-4e55-8b7a-", "Kanarienvogel-"),
    (6, "X002", "<code>jga</code>", "<code><!-- Kanarienvogel --></code>"),
];

fn with(text: &str, (_, code, from, to): &(u8, &str, &str, &str)) -> String {
    assert!(text.contains(from), "{code}: {from}");
    text.replacen(from, to, 1)
}

fn octets(text: &str) -> Bytes {
    let text = text.split('¶').next().unwrap_or_default();
    let mut octets = Vec::new();
    for letter in text.chars() {
        match letter {
            'ÿ' => octets.push(0xff),
            letter => octets.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    octets.into()
}

#[test]
fn the_first_failing_stage_decides_for_every_message_and_every_pair_of_faults() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let mut judged = 0;
    for (message, sample, id) in MESSAGES {
        let good = fs::read_to_string(format!("{SAMPLES}/{sample}.xml")).unwrap();
        let found = serde_json::to_value(inspect(octets(&good), &set, reader.as_mut())).unwrap();
        let expected = serde_json::json!({
            "standard": "xfamilie", "version": "1.3.0", "message": message, "id": id, "valid": true, "rejections": [],
        });
        assert_eq!(found, expected);
        for (at, first) in FAULTS.iter().enumerate() {
            let one = with(&good, first);
            let others =
                FAULTS[at + 1..].iter().filter(|second| second.0 > first.0 && one.contains(second.2));
            for text in others.map(|second| with(&one, second)).chain([one.clone()]) {
                let found = inspect(octets(&text), &set, reader.as_mut());
                let about = format!("{message} with {} ({})", first.1, first.2);
                let codes: Vec<&str> = found.rejections.iter().map(|found| found.code.as_str()).collect();
                assert!(!found.valid && !codes.is_empty(), "{about}");
                assert!(codes.iter().all(|code| *code == first.1), "{about}: {codes:?}");
                for rejection in &found.rejections {
                    assert!(rejection.line.is_some() && rejection.column.is_some(), "{about}");
                    assert_eq!(rejection.path.is_some(), first.0 >= 4, "{about}");
                    assert!(!rejection.text.is_empty(), "{about}");
                }
                assert_eq!(found.message.as_deref(), (first.0 >= 4).then_some(*message), "{about}");
                // Of a message that is not valid to its schema nothing is told but what it is.
                assert!(found.id.is_none() || first.0 >= 5, "{about}");
                let json = serde_json::to_value(&found).unwrap();
                let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["standard", "version", "message", "id", "valid", "rejections"], "{about}");
                let keys: Vec<&String> = json["rejections"][0].as_object().unwrap().keys().collect();
                assert_eq!(keys, ["code", "line", "column", "path", "text"], "{about}");
                assert!(!json.to_string().contains(CANARY), "{about}: {json}");
                judged += 1;
            }
        }
    }
    println!("documents with faults: {judged}");
    assert!(judged >= 7 * 80, "{judged}");
}

#[test]
fn faults_of_one_stage_are_told_together_in_the_order_of_the_document() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    for (message, sample, _) in MESSAGES {
        let good = fs::read_to_string(format!("{SAMPLES}/{sample}.xml")).unwrap();
        // The list of the first way to be reached is unknown, of the second one only the code.
        let lists = with(&good, &FAULTS[12]).replacen(FAULTS[13].2, FAULTS[13].3, 2);
        let rules = FAULTS[14..].iter().fold(good.clone(), |text, fault| with(&text, fault));
        for (text, codes) in [(lists, ["S010", "S011"]), (rules, ["X002", "X002"])] {
            let found = inspect(octets(&text), &set, reader.as_mut());
            let told: Vec<&str> = found.rejections.iter().map(|found| found.code.as_str()).collect();
            let places: Vec<_> = found.rejections.iter().map(|found| (found.line, found.column)).collect();
            assert!(places.is_sorted(), "{message}: {places:?}");
            assert_eq!(told, codes, "{message}");
        }
    }
}

/// Where a schema may be found is a hint: it is never followed, and whatever it says the document is as valid as without it.
#[test]
fn where_a_schema_may_be_found_decides_nothing() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let geburt = "http://www.xoev.de/xfamilie/geburt/1.3.0";
    let hints = [
        String::new(),
        "\n".to_owned(),
        "geburt.xsd".to_owned(),
        format!("{geburt} geburt.xsd"),
        format!("{geburt} a.xsd {geburt} b.xsd"),
        format!("{geburt} geburt.xsd http://www.xoev.de/xfamilie/baukasten/1.3.0"),
        format!("{geburt}   C:\\Users\\x y\\geburt.xsd"),
        "urn:x %zz.xsd".to_owned(),
        "urn:x x.xsd".to_owned(),
    ];
    let mut judged = 0;
    for (message, sample, _) in MESSAGES {
        let good = fs::read_to_string(format!("{SAMPLES}/{sample}.xml")).unwrap();
        let expected = inspect(octets(&good), &set, reader.as_mut());
        let inner = good.find("<xfb:leser>").unwrap();
        for hint in &hints {
            for attribute in ["schemaLocation", "noNamespaceSchemaLocation"] {
                let written = format!(
                    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:{attribute}=\"{hint}\""
                );
                let at_root = good.replacen(" standard=", &format!("{written} standard="), 1);
                let mut late = good.clone();
                late.insert_str(inner + "<xfb:leser".len(), &written);
                for text in [at_root, late] {
                    assert_ne!(text, good);
                    assert_eq!(
                        inspect(octets(&text), &set, reader.as_mut()),
                        expected,
                        "{message} {attribute} {hint:?}"
                    );
                    judged += 1;
                }
            }
        }
        // Only these: another attribute of the same namespace still counts.
        let wrong = good.replacen(
            " standard=",
            " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"vielleicht\" standard=",
            1,
        );
        assert!(!inspect(octets(&wrong), &set, reader.as_mut()).valid, "{message}");
    }
    assert!(judged >= 7 * 36, "{judged}");
}
