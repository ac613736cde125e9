//! Texts and heads as data: what is read, what is a fault, whose text holds, and what nobody approved.

use drehscheibe::paper::letter::{Inhalt, Unfertig, schreiben};
use drehscheibe::paper::texts::{Ohne, Texte};
use drehscheibe::route::letters::Letters;
use drehscheibe::route::text_file::TextFile;

use super::house::{AMT, auskunft, fakten, read, shipped, words};

#[test]
fn a_letter_of_texts_that_nobody_approved_is_marked_and_refused_where_data_are_real() {
    let (mut texte, faults, warnings) = read(&shipped(), false);
    assert_eq!(faults, []);
    // Every file that is shipped says honestly that nobody approved it.
    assert_eq!(warnings.len(), shipped().all().count());
    assert!(warnings.iter().all(|warning| warning.text.contains("nobody approved")));
    let fakten = fakten();
    let inhalt = Inhalt::Auskunft { amt: AMT, fakten: &fakten };
    let draft = schreiben(&texte, &inhalt, None).unwrap();
    assert!(words(&draft).contains("Entwurf \u{2013} nicht freigegeben"));
    assert!(!words(&auskunft(&fakten).unwrap()).contains("Entwurf"));
    texte.nur_freigegeben = true;
    assert!(matches!(schreiben(&texte, &inhalt, None), Err(Unfertig::Ohne(Ohne::Freigabe(_)))));
    let (_, faults, _) = read(&shipped(), true);
    assert_eq!(faults.len(), shipped().all().count());
    // Once somebody has, the stage has no fault.
    let mut approved = shipped();
    for file in approved.shared.iter_mut().chain(&mut approved.own) {
        file.text = file.text.replace(
            "datum: 2026-11-30\n",
            "datum: 2026-11-30\nfreigegeben: { von: Leitung, am: 2026-12-01 }\n",
        );
    }
    let (texte, faults, warnings) = read(&approved, true);
    assert_eq!((faults, warnings), (vec![], vec![]));
    assert!(schreiben(&texte, &inhalt, None).is_ok());
}

#[test]
fn an_office_has_its_own_text_and_a_stage_its_own_version() {
    let own = |amt: &str| {
        let text = format!(
            "form: schreiben\nsprache: de\n{amt}fassung: '7'\ndatum: 2026-12-01\ntexte:\n  auskunft:\n    betreff: Eigener Betreff\n    vor: [ 'Guten Tag {{name}}, eigener Text.' ]\n"
        );
        let mut files = shipped();
        files.own.push(TextFile { name: "own.yaml".to_owned(), text });
        read(&files, false).0
    };
    let fakten = fakten();
    let said = |texte: &Texte, amt: &str| {
        words(&schreiben(texte, &Inhalt::Auskunft { amt, fakten: &fakten }, None).unwrap())
    };
    let texte = own("amt: jugendamt-bremen\n");
    assert!(
        said(&texte, AMT).contains("eigener Text")
            && !said(&texte, "jugendamt-hamburg").contains("eigener Text")
    );
    let texte = own("");
    assert!(
        said(&texte, AMT).contains("eigener Text")
            && said(&texte, "jugendamt-hamburg").contains("eigener Text")
    );
    // Whatever the text is, the sentence and the facts stand there.
    assert!(said(&texte, AMT).contains("Andere Umst\u{e4}nde wurden nicht gepr\u{fc}ft."));
}

const GOOD: &str = "form: schreiben\nsprache: de\nfassung: '1'\ndatum: 2026-11-30\ntexte:\n  eingangsnachricht:\n    betreff: Ihr Antrag\n    vor: [ Guten Tag ]\n";
const GOOD_HEAD: &str =
    "kopf: plattform\nfassung: '1'\ndatum: 2026-11-30\nzeilen: [ Plattform ]\nruecksendung: Weg 1\n";

/// What somebody wrote wrongly (text, replaced, by what), and what he is told.
const WRONG: &[(&str, &str, &str, &str)] = &[
    (GOOD, "form: schreiben", "form: brief", "unknown value of `form`"),
    (GOOD, "sprache: de", "sprache: en", "a letter is written in German"),
    (GOOD, "form: schreiben\nsprache: de", "form: deckblatt\nsprache: Deutsch", "no language tag"),
    (GOOD, "datum: 2026-11-30", "datum: gestern", "`datum` is no date"),
    (GOOD, "fassung: '1'\n", "", "has no `fassung`"),
    (
        GOOD,
        "fassung: '1'\n",
        "fassung: '1'\nfreigegeben: { von: Leitung, am: 2026-11-29 }\n",
        "approval lies before",
    ),
    (GOOD, "fassung: '1'\n", "fassung: '1'\nfreigegeben: { am: 2026-12-01 }\n", "has no `von`"),
    (GOOD, "sprache: de\n", "sprache: de\namt: jugendamt-bremen\n", "comes from the platform"),
    (GOOD, "sprache: de\n", "sprache: de\namt: jugendamt-kiel\n", "unknown office"),
    (GOOD, "eingangsnachricht", "eingangs", "unknown key in `texte`"),
    (GOOD, "Guten Tag", "'Guten Tag {name}'", "unknown place `{name}`"),
    (GOOD, "Guten Tag", "'Guten Tag {'", "unknown place"),
    (GOOD, "Guten Tag", "'Ihr Kind'", "names what it is about"),
    (GOOD, "Guten Tag", "'im Sorgeregister'", "names what it is about"),
    (GOOD, "Guten Tag", "'\u{4e2d}'", "a character that no letter can show"),
    (GOOD, "Guten Tag", "{ liste: [a], ueberschrift: b }", "one of them"),
    (GOOD, "betreff: Ihr Antrag", "betreff: 'Antrag {referenz}'", "`betreff` has a place"),
    (GOOD, "    vor: [ Guten Tag ]\n", "", "has no `vor`"),
    (GOOD_HEAD, "kopf: plattform", "kopf: jugendamt-kiel", "unknown office"),
    (GOOD_HEAD, "zeilen: [ Plattform ]\n", "", "has no `zeilen`"),
    (GOOD_HEAD, "zeilen: [ Plattform ]", "zeilen: [a, b, c, d, e]", "more than 4"),
    (GOOD_HEAD, "ruecksendung: Weg 1\n", "", "has no `ruecksendung`"),
    (GOOD_HEAD, "Weg 1", "'Weg \u{4e2d}'", "a character that no letter can show"),
    (GOOD_HEAD, "[ Plattform ]", "[ Plattform, Sorgeregister-Plattform ]", "names what letters are about"),
    (
        GOOD_HEAD,
        "Weg 1\n",
        "Weg 1\nkontakt: [{ was: E-Mail, wert: sorge@x.example }]\n",
        "names what letters are about",
    ),
    (GOOD_HEAD, "Weg 1\n", "Weg 1\nfuss: [[ Stelle f\u{fc}r Kinder ]]\n", "names what letters are about"),
];

#[test]
fn every_fault_of_a_text_is_told() {
    let told = |text: &str| {
        let head = |von: &str| TextFile { name: von.to_owned(), text: GOOD_HEAD.replace("plattform", von) };
        let mut own = vec![head(AMT), head("jugendamt-hamburg")];
        if text.starts_with("form") {
            own.push(head("plattform"));
        }
        own.push(TextFile { name: "x.yaml".to_owned(), text: text.to_owned() });
        read(&Letters { shared: Vec::new(), own }, false).1
    };
    for good in [GOOD, GOOD_HEAD] {
        assert_eq!(told(good), []);
    }
    for (good, from, to, wanted) in WRONG {
        assert!(good.contains(from), "{from}");
        let faults = told(&good.replacen(from, to, 1));
        assert!(faults.iter().any(|fault| fault.text.contains(wanted)), "{to}: {faults:?}");
        assert!(
            faults.iter().filter(|fault| fault.text.contains(wanted)).all(|fault| fault.line > 0),
            "{to}"
        );
    }
    let twice = vec![
        TextFile { name: "a".to_owned(), text: GOOD.to_owned() },
        TextFile { name: "b".to_owned(), text: GOOD.to_owned() },
    ];
    let (_, faults, warnings) = read(&Letters { shared: twice, own: Vec::new() }, false);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].text.contains("stands twice"));
    let heads = warnings.iter().filter(|warning| warning.text.contains("has no head for its letters"));
    assert_eq!(heads.count(), 3);
}
