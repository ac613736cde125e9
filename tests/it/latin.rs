//! The datatypes and the search form of DIN 91379 at their boundary: agreement with the official patterns, and rules between
//! them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use drehscheibe::latin::datatype::{Datatype, check, normalise};
use drehscheibe::latin::searchform::{search_form, vergleichsform};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

const ALL: [(Datatype, &str); 5] = [
    (Datatype::A, "datatypeA"),
    (Datatype::B, "datatypeB"),
    (Datatype::C, "datatypeC"),
    (Datatype::D, "datatypeD"),
    (Datatype::E, "datatypeE"),
];

fn conforms(text: &str, datatype: Datatype) -> bool {
    check(text, datatype).is_ok()
}

/// The units of the official list, one by one.
fn listed() -> Vec<String> {
    let list =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/latin/tables/latin_list_1.3.txt"))
            .expect("the list is part of the source");
    let unit = |line: &str| {
        let codes = line.split(';').nth(2).expect("third column");
        codes
            .split_whitespace()
            .map(|code| char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap())
            .collect()
    };
    list.lines().map(unit).collect()
}

/// The letters and sequences that names are made of.
fn letters() -> Vec<String> {
    listed()
        .into_iter()
        .filter(|unit| check(unit, Datatype::A).is_ok() && unit.chars().all(is_letter))
        .collect()
}

fn is_letter(character: char) -> bool {
    character.is_alphabetic() && !('\u{2B0}'..='\u{2FF}').contains(&character)
        || ('\u{300}'..='\u{36F}').contains(&character)
}

/// Deterministic numbers, so that the oracle is asked the same at each run.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*seed >> 33) as usize
}

/// Every listed unit alone and between letters, every character up to U+2FFF, and random texts of units, their
/// pieces, decomposed forms and foreign characters.
fn texts() -> Vec<String> {
    let listed = listed();
    let mut texts = vec![String::new()];
    for unit in &listed {
        texts.push(unit.clone());
        texts.push(format!("a{unit}a"));
    }
    texts.extend((0x20..0x3000).filter_map(char::from_u32).map(String::from));
    let mut pieces = listed.clone();
    pieces.extend(listed.iter().flat_map(|unit| unit.chars().map(String::from).collect::<Vec<_>>()));
    pieces.extend(["\u{301}", "\u{308}", "\u{35F}", "\u{AD}", "字", "e\u{301}", "𝄞"].map(String::from));
    let mut seed = 91379;
    for _ in 0..5_000 {
        let length = next(&mut seed) % 7;
        texts.push((0..length).map(|_| pieces[next(&mut seed) % pieces.len()].as_str()).collect());
    }
    texts
}

/// One line of the instance per text, so that a line number names the text.
fn instance(element: &str, texts: &[String]) -> String {
    let mut document = String::from("<t:texts xmlns:t=\"urn:test\">\n");
    for text in texts {
        let references: String =
            text.chars().map(|character| format!("&#{};", u32::from(character))).collect();
        document.push_str(&format!("<t:{element}>{references}</t:{element}>\n"));
    }
    document + "</t:texts>\n"
}

fn wrapper() -> String {
    let elements: String =
        ALL.iter().map(|(_, name)| format!("<xs:element name=\"{name}\" type=\"d:{name}\"/>\n")).collect();
    format!(
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"urn:test\"\n\
         elementFormDefault=\"qualified\" xmlns:d=\"urn:xoev-de:kosit:xoev:datentyp:din-91379_2022-08\">\n\
         <xs:import namespace=\"urn:xoev-de:kosit:xoev:datentyp:din-91379_2022-08\" schemaLocation=\"official.xsd\"/>\n\
         <xs:element name=\"texts\"><xs:complexType><xs:choice minOccurs=\"0\" maxOccurs=\"unbounded\">\n\
         {elements}</xs:choice></xs:complexType></xs:element></xs:schema>\n"
    )
}

#[test]
fn the_official_patterns_agree() {
    let official: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/schemas/din91379/din-norm-91379-datatypes.xsd");
    if !official.exists() {
        println!(
            "skipped: the official schema is not beside the project (its licence keeps it out of the source)"
        );
        return;
    }
    if Command::new("xmllint").arg("--version").output().is_err() {
        println!("skipped: xmllint (package libxml2-utils) is not installed");
        return;
    }
    let room = tempfile::tempdir().unwrap();
    fs::copy(&official, room.path().join("official.xsd")).unwrap();
    fs::write(room.path().join("wrapper.xsd"), wrapper()).unwrap();
    let texts = texts();
    for (datatype, name) in ALL {
        fs::write(room.path().join("texts.xml"), instance(name, &texts)).unwrap();
        let output = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema", "wrapper.xsd", "texts.xml"])
            .current_dir(room.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let mut refused = vec![false; texts.len()];
        for line in said.lines().filter(|line| line.contains("[facet 'pattern']")) {
            let number: usize = line.split(':').nth(1).and_then(|number| number.parse().ok()).unwrap();
            // Line 1 is the root's.
            refused[number - 2] = true;
        }
        assert!(refused.contains(&true) && refused.contains(&false), "the oracle did not work: {said:.500}");
        for (text, refused) in texts.iter().zip(refused) {
            assert_eq!(
                conforms(text, datatype),
                !refused,
                "{name}: {:?} {text}",
                text.chars().collect::<Vec<_>>()
            );
        }
    }
}

/// Texts that conform now and then.
fn near() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(listed()), 0..8).prop_map(|units| units.concat()),
        any::<String>(),
        "[A-Za-zÄÖÜäöüß' 0-9-]{0,12}",
        "[A-Za-z\u{300}-\u{330}\u{370}-\u{4FF}]{0,8}",
    ]
}

proptest! {
    #[test]
    fn each_datatype_admits_what_the_narrower_one_does(text in near()) {
        let [a, b, c, d, e] = ALL.map(|(datatype, _)| conforms(&text, datatype));
        prop_assert!(!a || b);
        prop_assert!(!b || c && d);
        prop_assert!(!c || e);
        prop_assert!(!d || e);
    }

    #[test]
    fn normalising_twice_changes_nothing(text in near()) {
        let once = normalise(&text);
        prop_assert_eq!(&normalise(&once), &once);
    }

    #[test]
    fn what_conforms_is_normalised_already(text in near()) {
        if conforms(&text, Datatype::E) {
            prop_assert_eq!(normalise(&text), text);
        }
    }

    #[test]
    fn a_fault_lies_within_the_text(text in near()) {
        for (datatype, _) in ALL {
            if let Err(fault) = check(&text, datatype) {
                prop_assert!((1..=text.chars().count()).contains(&fault.position));
            }
        }
    }

    #[test]
    fn the_search_form_of_a_search_form_is_itself(text in near()) {
        let form = search_form(&text);
        prop_assert_eq!(&search_form(&form), &form);
        let compared = vergleichsform(&text);
        prop_assert_eq!(&vergleichsform(&compared), &compared);
    }

    #[test]
    fn letters_of_the_table_become_capitals_only(
        units in prop::collection::vec(prop::sample::select(letters()), 0..8),
    ) {
        let form = search_form(&units.concat());
        prop_assert!(form.bytes().all(|octet| octet.is_ascii_uppercase()), "{}", form);
    }

    #[test]
    fn composed_and_decomposed_texts_have_one_search_form(text in near()) {
        let decomposed: String = text.nfd().collect();
        prop_assert_eq!(search_form(&decomposed), search_form(&normalise(&text)));
    }

    #[test]
    fn capitals_and_small_letters_of_a_name_have_one_search_form(text in "[A-Za-zÄÖÜäöüéèøØłŁşŞ '-]{0,16}") {
        prop_assert_eq!(search_form(&text.to_uppercase()), search_form(&text));
    }
}
