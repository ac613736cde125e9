//! What stands in a letter, and what does not, as pdftotext, pdfinfo, pdfdetach and qpdf see it.

use std::collections::BTreeSet;

use drehscheibe::paper::facts::{Fakten, Kind, Mensch, Pruefwert};
use drehscheibe::paper::letter::{Empfaenger, Inhalt, Unfertig, schreiben};
use drehscheibe::paper::page::Unfit;
use drehscheibe::paper::texts::{DOKUMENTE, Dokument, Ohne};
use drehscheibe::register::record::{Personenname, Registersatz, TeilDatum};
use jiff::civil::date;
use proptest::prelude::*;

use super::house::{
    AMT, LIST, REFERENZ, TAG, assert_readable, auskunft, boxes, cover, eingang, fakten, hinweis, inside,
    satz, sha256_of, texte, tool, without_blanks, words, zustaendigkeit,
};

#[test]
fn an_auskunft_states_its_facts_and_nothing_else_of_a_person() {
    let datei = auskunft(&fakten()).unwrap();
    assert_eq!(datei.name, "auskunft.pdf");
    let said = words(&datei);
    for fact in [
        "Zo\u{eb} Marie \u{106}irkovi\u{107}-M\u{fc}ller",
        "Geburtsdatum der Mutter 12.03.1994",
        "L\u{ed}a M\u{fc}ller",
        "Geburtsdatum des Kindes 05.08.2024",
        "Geburtsort des Kindes Bremerhaven",
        "Stand 29.11.2026",
        "Ausgestellt von Amt f\u{fc}r Soziale Dienste Bremen",
        "Rechtsgrundlage \u{a7} 58 SGB VIII",
        "fr\u{fc}her Negativbescheinigung",
        REFERENZ,
        "Datum 30.11.2026",
        "Im Auftrag Erika Mustermann",
        "Amt f\u{fc}r Soziale Dienste Bremen (Demo) Jugendamt",
        "Diese Auskunft gibt nur wieder, dass am 29.11.2026 im Sorgeregister keine Eintragung vorlag. Andere Umst\u{e4}nde wurden nicht gepr\u{fc}ft.",
    ] {
        assert!(said.contains(fact), "{fact}: {said}");
    }
    for datei in [datei, hinweis(&fakten()).unwrap()] {
        assert!(!words(&datei).contains("Geheim"), "{}", words(&datei));
        assert!(!inside(&datei).contains("Geheim"));
        // No other date of anybody: each that stands there is one of these.
        let dates: BTreeSet<&str> = ["12.03.1994", "05.08.2024", "29.11.2026", "30.11.2026"].into();
        let said = words(&datei);
        let written = said.split(' ').map(|word| word.trim_end_matches([',', '.']));
        let found: BTreeSet<&str> =
            written.filter(|word| word.len() == 10 && word.matches('.').count() == 2).collect();
        assert_eq!(found, dates);
    }
}

#[test]
fn a_hinweis_names_the_entry_and_its_art_and_certifies_nothing() {
    let said = words(&hinweis(&fakten()).unwrap());
    for fact in ["Hinweis auf eine Eintragung", "Art der Eintragung Sorgeerkl\u{e4}rung", "Stand 29.11.2026"]
    {
        assert!(said.contains(fact), "{fact}: {said}");
    }
    assert!(!said.contains("keine Eintragung vorlag"), "{said}");
    let fakten = fakten();
    let without = Inhalt::Hinweis { amt: AMT, fakten: &fakten, eintragungen: &[] };
    assert!(matches!(schreiben(&texte(), &without, None), Err(Unfertig::Fehlt(_))));
}

#[test]
fn notices_hold_no_person_no_register_and_no_child() {
    for (datei, own) in [
        (eingang(), "zust\u{e4}ndigen Jugendamt bearbeitet"),
        (zustaendigkeit(Some("Jugendamt Hamburg-Mitte")), "Zust\u{e4}ndig ist: Jugendamt Hamburg-Mitte."),
    ] {
        let (said, inside) = (words(&datei), inside(&datei));
        assert!(said.contains(own) && said.contains(REFERENZ) && said.contains("Antragsplattform"), "{said}");
        for word in ["Sorge", "Kind", "Mutter", "Frau", "geboren", "Geburt", "angaben.json"] {
            assert!(!said.contains(word) && !inside.contains(word), "{word}: {said}");
        }
        assert_eq!(datei.pruefwert, None);
    }
    assert!(words(&zustaendigkeit(None)).contains("das Jugendamt Ihres Wohnorts"));
    // Their covers neither, in every language.
    for zu in [Dokument::Eingangsnachricht, Dokument::Zustaendigkeit] {
        for sprache in texte().sprachen(zu) {
            assert!(!inside(&cover(zu, sprache, None).unwrap()).contains("Sorge"), "{sprache}");
        }
    }
}

#[test]
fn the_same_input_gives_the_same_octets() {
    assert_eq!(auskunft(&fakten()).unwrap(), auskunft(&fakten()).unwrap());
    assert_eq!(eingang(), eingang());
    let other = schreiben(
        &texte(),
        &Inhalt::Eingangsnachricht { referenz: REFERENZ, datum: date(2026, 12, 1) },
        None,
    );
    assert_ne!(eingang().octets, other.unwrap().octets);
    let mut fakten = fakten();
    let first = auskunft(&fakten).unwrap();
    fakten.stand = TAG;
    assert_ne!(auskunft(&fakten).unwrap().pruefwert, first.pruefwert);
}

#[test]
fn what_a_page_compares_is_the_digest_of_the_facts_that_the_letter_carries() {
    let datei = auskunft(&fakten()).unwrap();
    let carried = tool("pdfdetach", &["-save", "1", "-o", "/dev/stdout", "FILE"], &datei.octets);
    let Pruefwert(value) = datei.pruefwert.unwrap();
    assert_eq!(hex::encode(value), sha256_of(carried.as_bytes()));
    assert!(words(&datei).contains(&format!("Pr\u{fc}fwert: {}", datei.pruefwert.unwrap().gruppen())));
    let facts: serde_json::Value = serde_json::from_str(&carried).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let whole =
        ["art", "rechtsgrundlage", "referenz", "aussteller", "datum", "stand", "mutter", "kinder", "satz"];
    assert_eq!(keys(&facts), whole);
    assert_eq!(keys(&facts["mutter"]), ["familienname", "vornamen", "geburtsdatum"]);
    assert_eq!(keys(&facts["kinder"][0]), ["familienname", "vornamen", "geburtsdatum", "geburtsort"]);
    assert!(tool("pdfdetach", &["-list", "FILE"], &datei.octets).starts_with("1 embedded files"));
    assert!(tool("pdfdetach", &["-list", "FILE"], &eingang().octets).starts_with("0 embedded files"));
}

#[test]
fn other_programs_find_sound_files_that_say_what_they_are() {
    let fakten = fakten();
    let all = [
        auskunft(&fakten).unwrap(),
        hinweis(&fakten).unwrap(),
        eingang(),
        zustaendigkeit(None),
        cover(Dokument::Auskunft, "uk", None).unwrap(),
    ];
    for datei in all {
        assert_readable(&datei);
        tool("qpdf", &["--check", "FILE"], &datei.octets);
        let about = tool("pdfinfo", &["FILE"], &datei.octets);
        for line in ["Tagged: yes", "Pages: 1", "JavaScript: no", "Encrypted: no", "Producer: Drehscheibe"] {
            let (key, value) = line.split_once(": ").unwrap();
            let said = about.lines().find_map(|line| line.strip_prefix(&format!("{key}:")));
            assert_eq!(said.map(str::trim), Some(value), "{about}");
        }
        let meta = tool("pdfinfo", &["-meta", "FILE"], &datei.octets);
        for part in [
            "<pdfaid:part>3</pdfaid:part>",
            "<pdfaid:conformance>A</pdfaid:conformance>",
            "<pdfuaid:part>1</pdfuaid:part>",
        ] {
            assert!(meta.contains(part), "{part}: {meta}");
        }
        let fonts = tool("pdffonts", &["FILE"], &datei.octets);
        assert!(
            fonts
                .lines()
                .skip(2)
                .all(|font| font.contains("+DrehscheibeSans-") && font.contains(" yes yes yes ")),
            "{fonts}"
        );
    }
}

#[test]
fn every_character_and_sequence_of_din_91379_is_shown_and_read_back() {
    let listed: Vec<String> = LIST
        .lines()
        .map(|line| {
            let codes = line.split(';').nth(2).unwrap().trim().to_owned();
            let letter = |code: &str| char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
            codes.split(' ').map(letter).collect::<String>()
        })
        .filter(|text| !text.chars().any(|letter| letter.is_control() || letter.is_whitespace()))
        .collect();
    let mut shown = 0;
    // In the middle of a word, as in a name: what stands beside it must not swallow it.
    for part in listed.chunks(400) {
        let mut fakten = fakten();
        let kind = fakten.kinder.remove(0);
        for names in part.chunks(40) {
            let words: Vec<String> = names.iter().map(|text| format!("x{text}x")).collect();
            let mensch = Mensch { familienname: Some(words.join(" ")), ..kind.mensch.clone() };
            fakten.kinder.push(Kind { mensch, ..kind.clone() });
        }
        let datei = auskunft(&fakten).unwrap();
        let said = without_blanks(&words(&datei));
        for text in part {
            let wanted = without_blanks(&format!("x{text}x"));
            assert!(said.contains(&wanted), "{wanted:?} {:?}", wanted.escape_unicode().to_string());
            shown += 1;
        }
    }
    assert_eq!(shown, listed.len());
    assert!(shown > 900);
}

#[test]
fn long_names_and_many_children_are_wrapped_and_never_cut() {
    let mut fakten = fakten();
    let long = "Mar\u{ed}a-Jos\u{e9} Sofia ".repeat(16);
    fakten.mutter.vornamen = Some(long.trim().to_owned());
    fakten.mutter.familienname = Some("Donaudampfschifffahrtsgesellschaftskapit\u{e4}nswitwen".repeat(4));
    fakten.kinder[0].geburtsort = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch".repeat(3);
    let kind = fakten.kinder[0].clone();
    fakten.kinder = (0..12)
        .map(|nth| {
            let mensch = Mensch { vornamen: Some(format!("Kind{nth:02}")), ..kind.mensch.clone() };
            Kind { mensch, geburtsort: kind.geburtsort.clone() }
        })
        .collect();
    let datei = auskunft(&fakten).unwrap();
    let said = without_blanks(&words(&datei));
    for text in [long.as_str(), fakten.mutter.familienname.as_deref().unwrap(), &kind.geburtsort] {
        assert!(said.contains(&without_blanks(text)), "{text}: {said}");
    }
    for nth in 0..12 {
        assert!(said.contains(&format!("Kind{nth:02}M\u{fc}ller")));
    }
    let pages = tool("pdfinfo", &["FILE"], &datei.octets);
    assert!(pages.contains("Pages:           3") || pages.contains("Pages:           4"), "{pages}");
    assert!(words(&datei).contains(&format!("Referenz {REFERENZ} vom 30.11.2026")));
    assert_readable(&datei);
    fakten.kinder.push(kind);
    assert_eq!(auskunft(&fakten), Err(Unfertig::Unfit(Unfit::Long)));
    fakten.kinder.clear();
    assert!(matches!(auskunft(&fakten), Err(Unfertig::Fehlt(_))));
}

#[test]
fn what_cannot_be_shown_or_is_missing_is_refused_without_a_word_of_it() {
    let mut fakten = fakten();
    fakten.mutter.familienname = Some("Geheim\u{4e2d}".to_owned());
    let error = auskunft(&fakten).unwrap_err();
    assert!(matches!(error, Unfertig::Unfit(Unfit::Unshown(_))));
    assert!(!format!("{error} {error:?} {fakten:?}").contains("Geheim"));
    type Change = fn(&mut Registersatz);
    let changes: [Change; 5] = [
        |satz| satz.kind.namen.clear(),
        |satz| satz.kind.geburtsort = Some(" ".to_owned()),
        |satz| satz.kind.geburtsdatum = None,
        |satz| satz.mutter.geburtsdatum = TeilDatum::default(),
        |satz| satz.mutter.name = Personenname::default(),
    ];
    for change in changes {
        let mut satz = satz();
        change(&mut satz);
        assert!(Fakten::of(&satz, (REFERENZ, "Amt"), (TAG, TAG)).is_err());
    }
}

/// Texts that nobody is called, each with what hides, turns, covers or floods.
fn hostile() -> Vec<String> {
    let signs = [
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{ad}",
        "\u{61c}",
        "\u{5d0}\u{5d1}",
        "\u{627}\u{644}",
        "\u{200b}",
        "\u{200d}",
        "\u{200f}",
        "\u{202e}",
        "\u{2028}",
        "\u{2066}",
        "\u{180e}",
        "\u{3164}",
        "\u{2003}",
        "\u{fe0f}",
        "\u{feff}",
        "\u{fff9}",
        "\u{fffd}",
        "\u{1d173}",
        "\u{1f600}",
        "\u{1f468}\u{200d}\u{1f469}",
        "\u{e0041}",
        "\u{10ffff}",
        "\u{302}\u{302}\u{302}",
    ];
    let inside = signs.iter().map(|sign| format!("Ge{sign}heim"));
    let long =
        ["Geheim".repeat(2_000), "Geheim ".repeat(2_000), format!("Geheim{}", "\u{302}".repeat(10_000))];
    inside.chain(long).collect()
}

#[test]
fn a_name_that_hides_turns_covers_or_floods_something_is_refused_without_a_word_of_it() {
    type Change = fn(&mut Fakten, String);
    let changes: [Change; 6] = [
        |fakten, text| fakten.mutter.vornamen = Some(text),
        |fakten, text| fakten.mutter.familienname = Some(text),
        |fakten, text| fakten.kinder[0].mensch.vornamen = Some(text),
        |fakten, text| fakten.kinder[0].geburtsort = text,
        |fakten, text| fakten.aussteller = text,
        |fakten, text| fakten.referenz = text,
    ];
    for text in hostile() {
        for change in changes {
            let mut fakten = fakten();
            change(&mut fakten, text.clone());
            for letter in [auskunft(&fakten), hinweis(&fakten)] {
                let error = letter.expect_err("a letter that nobody can read rightly");
                assert!(matches!(error, Unfertig::Unfit(_)), "{error}");
                assert!(!format!("{error} {error:?}").contains("eim"), "{error}");
            }
        }
        let name = Empfaenger { name: &text, anschrift: &[] };
        assert!(matches!(cover(Dokument::Auskunft, "de", Some(name)), Err(Unfertig::Unfit(_))));
        let strasse = Empfaenger { name: "Zo\u{eb}", anschrift: std::slice::from_ref(&text) };
        assert!(matches!(cover(Dokument::Auskunft, "de", Some(strasse)), Err(Unfertig::Unfit(_))));
    }
}

#[test]
fn a_cover_bears_the_address_in_its_field_or_is_refused() {
    let lines = |count: usize| (0..count).map(|nth| format!("Zeile{nth} der Anschrift")).collect::<Vec<_>>();
    let name = "Mar\u{ed}a Josefa Sofia ".repeat(5);
    let written = |name: &str, lines: &[String]| {
        cover(Dokument::Auskunft, "de", Some(Empfaenger { name, anschrift: lines }))
    };
    for (name, count) in [("Zo\u{eb} M\u{fc}ller", 5), ("Zo\u{eb} M\u{fc}ller", 6), (name.as_str(), 4)] {
        let datei = written(name, &lines(count)).unwrap();
        let said = words(&datei);
        assert!(
            without_blanks(&said).contains(&without_blanks(&format!("{name}{}", lines(count).concat()))),
            "{said}"
        );
        assert!(said.contains("Jugendamt Bremen (Demo), Musterwall 5, 28195 Bremen"), "{said}");
        // In the window of the envelope: 20 to 105 mm from the left, 45 to 90 from above.
        let window = |[left, top, right, bottom]: [f32; 4]| {
            left > 56.0 && right < 298.0 && top > 127.0 && bottom < 256.5
        };
        assert!(boxes(&datei).iter().filter(|(_, place)| window(*place)).count() >= 7 + 3 * count);
        assert_readable(&datei);
        assert_eq!(datei.name, "deckblatt-de.pdf");
    }
    assert_eq!(written("Zo\u{eb} M\u{fc}ller", &lines(7)), Err(Unfertig::Unfit(Unfit::Field("the address"))));
    // Without post it names nobody.
    let datei = cover(Dokument::Auskunft, "de", None).unwrap();
    assert!(!words(&datei).contains("M\u{fc}ller") && !words(&datei).contains("Musterwall 5, 28195"));
}

#[test]
fn every_cover_stands_on_one_sheet_in_its_language() {
    let texte = texte();
    for zu in DOKUMENTE {
        let sprachen = texte.sprachen(zu);
        assert_eq!(sprachen, ["de", "de-simple", "en", "fr", "pl", "tr", "uk"]);
        for sprache in sprachen {
            let datei = cover(zu, sprache, None).unwrap();
            assert!(tool("pdfinfo", &["FILE"], &datei.octets).contains("Pages:           1"), "{sprache}");
            assert!(inside(&datei).contains(&format!("/Lang ({sprache})")), "{sprache}");
        }
    }
    let missing = cover(Dokument::Auskunft, "ar", None);
    assert!(matches!(missing, Err(Unfertig::Ohne(Ohne::Text { .. }))), "{missing:?}");
}

/// Letters and sequences of names as DIN 91379 lists them, and what stands between them.
fn units() -> Vec<String> {
    let named = LIST.lines().filter(|line| line.starts_with("bll;")).map(|line| {
        let codes = line.split(';').nth(2).unwrap().trim().to_owned();
        let letter = |code: &str| char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
        codes.split(' ').map(letter).collect::<String>()
    });
    named.chain([" ", "-", "'"].map(str::to_owned)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_somebody_is_called_the_letter_says_it_as_it_was_written(
        name in prop::collection::vec(prop::sample::select(units()), 1..300),
    ) {
        let name = format!("X{}", name.concat());
        let mut fakten = fakten();
        fakten.mutter.vornamen = None;
        fakten.mutter.familienname = Some(name.clone());
        let datei = auskunft(&fakten).unwrap();
        prop_assert!(without_blanks(&words(&datei)).contains(&without_blanks(&name)));
        assert_readable(&datei);
    }

    #[test]
    fn whatever_the_text_is_there_is_a_letter_or_a_refusal(text in "\\PC{0,60}|.{0,40}|[A-Z\u{300}-\u{36f}]{0,200}") {
        let mut fakten = fakten();
        fakten.mutter.vornamen = Some(text);
        match auskunft(&fakten) {
            Ok(datei) => assert_readable(&datei),
            Err(error) => prop_assert!(matches!(error, Unfertig::Unfit(_))),
        }
    }
}
