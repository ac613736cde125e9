//! A generator of double records: the same child stored a second time, its names turned, its dates known in part, its number in every
//! form, its letters in every transliteration; and of notices and records from before a birth. None may be missed (rules.md 2.3).

use drehscheibe::latin::searchform::search_form;
use drehscheibe::register::entscheidung::Treffer;
use drehscheibe::register::gemeinden::{Gemeinden, falten};
use drehscheibe::register::keys::{self, SearchKey};
use drehscheibe::register::record::{Kind, Mutter, Personenname, Registersatz, TeilDatum};
use drehscheibe::register::suche::{sichten, vorgeburt_beruehrt};
use jiff::civil::date;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::leute::{self, Zufall, person, satz, tag};

fn rounds() -> u64 {
    if std::env::var("DREHSCHEIBE_LONG").is_ok_and(|value| value == "1") { 100_000 } else { 10_000 }
}

fn orte() -> Gemeinden {
    let mut orte = Gemeinden::default();
    for (ars, name) in [("040110000000", "Bremen"), ("020000000000", "Hamburg"), ("010020000000", "Kiel")] {
        orte.add(falten(name), ars);
    }
    orte.add_weiteren(falten("Bremen-Mitte"), "040110000000");
    orte
}

/// A child of Bremen with its mother, as it is asked for.
fn familie(z: &mut Zufall) -> (Kind, Mutter) {
    let born = date(2012, 1, 1).checked_add(jiff::Span::new().days(z.unter(5000) as i64)).unwrap();
    let mutter = leute::mutter(z, born);
    let family =
        if z.prozent(80.0) { mutter.name.familienname.clone().unwrap() } else { leute::familienname(z) };
    let mut kind = Kind {
        namen: vec![person(&family, None, &leute::kindername(z))],
        geburtsort: Some("Bremen".into()),
        geburtsdatum: Some(tag(born)),
        register_ars: Some("040110000000".into()),
        ..Kind::default()
    };
    // No number that is a year, too: of 20/2020 the tests below would not know which is which.
    let (form, number) = (z.unter(20), 100 + z.unter(1800));
    leute::eintrag(&mut kind, form, number, born.year());
    (kind, mutter)
}

/// What is written for letters that have no base letter, besides their search form.
const AUCH: &[(char, &str)] = &[
    ('Đ', "Dj"),
    ('đ', "dj"),
    ('Ð', "Dh"),
    ('ð', "dh"),
    ('Þ', "T"),
    ('þ', "t"),
    ('Ŋ', "Ng"),
    ('ŋ', "ng"),
    ('Ə', "A"),
    ('ə', "a"),
    ('ĳ', "y"),
];

/// A name in another spelling of the same letters: search form, base letters, other letters, capitals, decomposed.
fn geschrieben(z: &mut Zufall, name: &str) -> String {
    match z.unter(7) {
        6 => {
            let other = |c: char| AUCH.iter().find(|(letter, _)| *letter == c).map(|(_, other)| *other);
            name.chars().map(|c| other(c).map_or_else(|| c.to_string(), str::to_owned)).collect()
        }
        0 => search_form(name),
        1 => {
            name.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).collect::<String>().replace('ß', "ss")
        }
        2 => name.to_uppercase(),
        3 => name.nfd().collect(),
        4 => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

/// A slip of the pen in a word that is long enough for one.
fn verschrieben(z: &mut Zufall, word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    // Slips are counted in letters as they are written, and of three letters none may differ: `Weiß` has four.
    if word.nfd().filter(|c| c.is_alphabetic()).count() < 5 {
        return word.to_owned();
    }
    let at = z.unter(letters.len() as u64 - 1) as usize;
    match z.unter(3) {
        0 => drop(letters.remove(at)),
        1 => letters.swap(at, at + 1),
        _ => letters[at] = char::from(b'a' + z.unter(26) as u8),
    }
    letters.into_iter().collect()
}

/// A word that is the name of nobody else.
fn fremd(z: &mut Zufall) -> String {
    format!("Xq{}yj{}", char::from(b'b' + z.unter(20) as u8), char::from(b'b' + z.unter(20) as u8))
}

fn teilweise(z: &mut Zufall, datum: TeilDatum) -> TeilDatum {
    match z.unter(4) {
        0 => TeilDatum { tag: None, ..datum },
        1 => TeilDatum { monat: None, tag: None, ..datum },
        _ => datum,
    }
}

/// One of the words of a person's names, in any spelling.
fn ein_wort(z: &mut Zufall, name: &Personenname) -> String {
    let all: Vec<&str> = [&name.familienname, &name.geburtsname, &name.vornamen]
        .into_iter()
        .flatten()
        .flat_map(|name| name.split([' ', '-']))
        .filter(|word| !word.is_empty())
        .collect();
    let word = z.aus(&all).to_owned();
    if z.prozent(30.0) { verschrieben(z, &word) } else { geschrieben(z, &word) }
}

/// A person of other names, of which one word is given.
fn nur(z: &mut Zufall, word: Option<String>) -> Personenname {
    let mut parts = [fremd(z), fremd(z), fremd(z)];
    if let Some(word) = word {
        let at = z.unter(3) as usize;
        parts[at] = match z.unter(3) {
            0 => format!("{}-{word}", fremd(z)),
            1 => format!("{word} {}", fremd(z)),
            _ => word,
        };
    }
    let [family, birth, given] = parts;
    person(&family, Some(birth.as_str()), &given)
}

/// The number of the entry in any form, another number in another form, or none: nothing that proves another child.
fn nummer(z: &mut Zufall, kind: &mut Kind) {
    let year = kind.geburtsdatum.map_or(2020, |datum| datum.jahr);
    let digits = kind.geburtsregister_nummer.as_deref().unwrap_or_default();
    let number = digits.split(|c: char| !c.is_ascii_digit()).find_map(|part| {
        let number = part.parse::<u64>().ok()?;
        (!part.is_empty() && number != year as u64 && number != (year % 100) as u64).then_some(number)
    });
    let Some(number) = number else {
        kind.geburtsregister_nummer = Some(format!("{}/{year}", 1 + z.unter(4000)));
        return;
    };
    let amt = kind.geburtsstandesamt.is_some();
    let (text, other) = match z.unter(8) {
        0 => (format!("{year}/{number}"), amt),
        1 => (format!("G {number:05}/{year}"), amt),
        2 => (format!("Nr. {number} / {year}"), amt),
        3 => (format!("{year}-{number:04}"), amt),
        4 => (String::new(), amt),
        // Another number, but with a Standesamt on one side only, or without a year: no proof.
        5 => (format!("{}/{year}", number + 1), !amt),
        6 => (format!("{}", number + 1), amt),
        _ => (format!("{number}/{year}"), !amt),
    };
    kind.geburtsregister_nummer = Some(text).filter(|text| !text.is_empty());
    kind.geburtsstandesamt =
        other.then(|| kind.geburtsstandesamt.clone().unwrap_or_else(|| "Standesamt Bremen".to_owned()));
}

/// The same child once more, as another clerk may have stored it.
fn doppel(z: &mut Zufall, kind: &Kind, mutter: &Mutter) -> Registersatz {
    let (mut other, mut her) = (kind.clone(), mutter.clone());
    nummer(z, &mut other);
    match z.unter(10) {
        // One date is wrong; the names are in any spelling, the place by its name or its key.
        0 | 1 => {
            let spelled =
                |z: &mut Zufall, part: &Option<String>| part.as_ref().map(|name| geschrieben(z, name));
            let name = other.namen[0].clone();
            other.namen[0].familienname = spelled(z, &name.familienname);
            other.namen[0].vornamen = spelled(z, &name.vornamen);
            if z.prozent(50.0) {
                other.geburtsort = Some("Bremen-Mitte".into());
            }
            let wrong = TeilDatum { jahr: 2000, monat: Some(2), tag: Some(29) };
            if z.prozent(50.0) {
                other.geburtsdatum = Some(wrong);
                her.geburtsdatum = teilweise(z, her.geburtsdatum);
            } else {
                her.geburtsdatum = wrong;
                other.geburtsdatum = other.geburtsdatum.map(|datum| teilweise(z, datum));
            }
            return satz(other, her);
        }
        // Both days agree, and one name of child or mother, wherever it was born.
        2..=5 => {
            let (of_child, of_mother) = match z.prozent(50.0) {
                true => (Some(ein_wort(z, &kind.namen[0])), None),
                false => (None, Some(ein_wort(z, &mutter.name))),
            };
            other.namen = vec![nur(z, of_child)];
            her.name = nur(z, of_mother);
            if z.prozent(70.0) {
                other.geburtsort = Some(z.aus(&["Hamburg", "Kiel"]).to_owned());
                other.register_ars = None;
            }
        }
        // Family and given names exchanged, of child, of mother, of both.
        6 => {
            let turned = |name: &Personenname| Personenname {
                familienname: name.vornamen.clone(),
                vornamen: name.familienname.clone(),
                geburtsname: None,
            };
            other.namen = vec![turned(&kind.namen[0])];
            if z.prozent(50.0) {
                her.name = turned(&mutter.name);
            }
        }
        // No name agrees, but the place, or it is not resolved.
        7 | 8 => {
            other.namen = vec![nur(z, None)];
            her.name = nur(z, None);
            match z.unter(4) {
                0 => other.geburtsort = Some("Bremen-Mitte".into()),
                1 => (other.geburtsort, other.register_ars) = (Some("Unbekannt".into()), None),
                2 => (other.geburtsort, other.register_ars) = (None, None),
                _ => {}
            }
        }
        // Not named yet.
        _ => other.namen[0].vornamen = None,
    }
    other.geburtsdatum = other.geburtsdatum.map(|datum| teilweise(z, datum));
    her.geburtsdatum = teilweise(z, her.geburtsdatum);
    satz(other, her)
}

fn meet(asked: &[SearchKey], stored: &[SearchKey]) -> bool {
    asked.iter().any(|key| stored.contains(key))
}

#[test]
fn no_double_record_is_missed() {
    let (mut z, orte) = (Zufall(12), orte());
    let mut missed = Vec::new();
    for round in 0..rounds() {
        let (kind, mutter) = familie(&mut z);
        let double = doppel(&mut z, &kind, &mutter);
        let found = meet(&keys::Gesucht::of(&orte, &kind, &mutter).saetze, &keys::of(&double));
        let (one, shown) = (satz(kind.clone(), mutter.clone()), double.clone());
        let both = [one, double].map(|record| (Uuid::nil(), String::new(), record));
        let levels: Vec<Treffer> =
            sichten(&orte, &kind, &mutter, both).into_iter().map(|kandidat| kandidat.treffer).collect();
        if !found || levels.len() != 2 || !levels.contains(&Treffer::Genau) {
            let names = |kind: &Kind, mutter: &Mutter| -> Vec<String> {
                let all = kind.namen.iter().chain([&mutter.name]);
                all.flat_map(|name| [&name.familienname, &name.geburtsname, &name.vornamen])
                    .flatten()
                    .cloned()
                    .collect()
            };
            // People of the generator, nobody's names.
            missed.push((round, found, levels, names(&kind, &mutter), names(&shown.kind, &shown.mutter)));
        }
    }
    assert!(
        missed.is_empty(),
        "{} of {} missed: {:?}",
        missed.len(),
        rounds(),
        &missed[..missed.len().min(10)]
    );
}

#[test]
fn nothing_open_and_no_record_from_before_the_birth_is_missed() {
    let (mut z, orte) = (Zufall(13), orte());
    for round in 0..rounds() {
        let (kind, mutter) = familie(&mut z);
        let born = kind.geburtsdatum.unwrap();
        let wrong = TeilDatum { jahr: 1960, monat: Some(2), tag: Some(29) };
        let spelled = |z: &mut Zufall, name: &str| loop {
            let word = geschrieben(z, name);
            if !word.is_empty() {
                return word;
            }
        };
        let word_of = |z: &mut Zufall, name: &Personenname, first: bool| {
            let given =
                name.vornamen.iter().flat_map(|name| name.split([' ', '-'])).take(if first { 1 } else { 9 });
            let family = [&name.familienname, &name.geburtsname].into_iter().flatten();
            let all: Vec<&str> = family
                .flat_map(|name| name.split([' ', '-']))
                .chain(given)
                .filter(|word| !word.is_empty())
                .collect();
            let word = z.aus(&all).to_owned();
            spelled(z, &word)
        };
        let exactly = |z: &mut Zufall, word: String| match z.prozent(50.0) {
            true => person(&word, None, &fremd(z)),
            false => person(&fremd(z), None, &word),
        };
        let (mut other, mut her) = (kind.clone(), Mutter { geburtsdatum: wrong, ..mutter.clone() });
        let way = z.unter(3);
        match way {
            // The child's day, place and one name.
            0 => {
                let word = word_of(&mut z, &kind.namen[0], false);
                other.namen = vec![exactly(&mut z, word)];
                her.name = nur(&mut z, None);
                // The place by another of its names, with its key or without.
                let (ort, key) = [("Bremen", false), ("Bremen-Mitte", false), ("Bremen am Moor", true)]
                    [z.unter(3) as usize];
                other.geburtsort = Some(ort.into());
                other.register_ars = other.register_ars.filter(|_| key);
            }
            // Her day and any of her names.
            1 => {
                her.geburtsdatum = mutter.geburtsdatum;
                let word = word_of(&mut z, &mutter.name, true);
                her.name = exactly(&mut z, word);
                other.namen = vec![nur(&mut z, None)];
                other.geburtsdatum = Some(wrong);
            }
            // Her names in the months around the expected one, in whichever order.
            _ => {
                let shift = z.unter(5) as i32 - 2;
                let month = i32::from(born.jahr) * 12 + i32::from(born.monat.unwrap()) - 1 + shift;
                let expected = TeilDatum {
                    jahr: (month / 12) as i16,
                    monat: Some((month % 12 + 1) as i8)
                        .filter(|_| z.prozent(90.0) || month / 12 != i32::from(born.jahr)),
                    tag: None,
                };
                other = Kind { erwartet: Some(expected), ..Kind::default() };
                let given = mutter.name.vornamen.clone().unwrap();
                let all: Vec<&str> = given.split([' ', '-']).filter(|word| !word.is_empty()).collect();
                let first = z.aus(&all).to_owned();
                let birth = mutter.name.geburtsname.as_ref().filter(|_| z.prozent(50.0));
                let family = birth.or(mutter.name.familienname.as_ref()).unwrap().clone();
                let (first, family) = (spelled(&mut z, &first), spelled(&mut z, &family));
                if z.prozent(30.0) {
                    her.geburtsdatum = TeilDatum { tag: None, ..wrong };
                }
                her.name = if z.prozent(70.0) {
                    person(&family, None, &first)
                } else {
                    person(&first, None, &family)
                };
            }
        }
        let open = keys::offen(&orte, Some(&other), &her);
        assert!(meet(&keys::Gesucht::of(&orte, &kind, &mutter).offen, &open), "{round}: open, way {way}");
        if way > 0 {
            let before =
                satz(Kind { erwartet: other.erwartet.or(other.geburtsdatum), ..Kind::default() }, her);
            assert!(
                meet(&keys::Gesucht::of(&orte, &kind, &mutter).saetze, &keys::of(&before)),
                "{round}: before birth, way {way}"
            );
            assert!(vorgeburt_beruehrt(&kind, &mutter, &before), "{round}: before birth, way {way}");
        }
    }
}
