//! The entry of a birth in the register of a Standesamt, read from what offices write into two free fields (rules.md 2.3).
//! Never guesses: what is not read for certain is no proof of another birth.

use std::collections::BTreeSet;

use crate::latin::searchform::vergleichsform;
use crate::register::namen::{Wort, teilen_eines, worte};
use crate::register::record::Kind;

/// Words that stand before a number and say nothing.
const BEIWERK: &[&str] = &[
    "G",
    "GB",
    "GE",
    "GEB",
    "GR",
    "NR",
    "NO",
    "REG",
    "BUCH",
    "EINTRAG",
    "NUMMER",
    "REGISTER",
    "REGISTERNR",
    "REGISTERNUMMER",
    "GEBURT",
    "GEBURTENBUCH",
    "GEBURTENREGISTER",
    "GEBURTSREGISTER",
];
/// Words of the name of a Standesamt that say nothing of which one it is.
const AMTSWORTE: &[&str] = &["STANDESAMT", "STANDESAMTSBEZIRK", "STA", "STADT", "DES", "DER", "IN", "AMT"];
/// Digits of the key of a Standesamt.
const SCHLUESSEL: usize = 8;

/// A Standesamt, by its key or by its name: the two are not comparable.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standesamt {
    Schluessel(String),
    Name(String),
}

impl Standesamt {
    /// Whether it is another one for certain: names that share a word may be one.
    fn anderes(&self, other: &Standesamt) -> bool {
        match (self, other) {
            (Standesamt::Schluessel(one), Standesamt::Schluessel(other)) => one != other,
            (Standesamt::Name(one), Standesamt::Name(other)) => {
                !teilen_eines(&bedeutend(one), &bedeutend(other))
            }
            _ => false,
        }
    }
}

fn bedeutend(name: &str) -> Vec<Wort> {
    worte(Some(name)).into_iter().filter(|wort| !AMTSWORTE.contains(&wort.grob())).collect()
}

/// An entry: number, year, Standesamt, as far as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geburtseintrag {
    nummer: String,
    jahr: Option<i16>,
    standesamt: Option<Standesamt>,
}

impl Geburtseintrag {
    /// Reads the entry of a child: `1234/2024`, `2024/1234`, `G 01234/24` and `1234` with or without Standesamt; `None` where
    /// there is no number or more than one meaning.
    pub fn of(kind: &Kind) -> Option<Geburtseintrag> {
        let text = vergleichsform(kind.geburtsregister_nummer.as_deref()?);
        let mut digits: Vec<String> = Vec::new();
        let mut before = None;
        for c in text.chars() {
            let class = (c.is_ascii_digit(), c.is_alphabetic());
            match class {
                (true, _) if before == Some(class) => digits.last_mut()?.push(c),
                (true, _) => digits.push(c.to_string()),
                _ => {}
            }
            before = Some(class);
        }
        let letters = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        // A letter behind a number may be part of it.
        if !letters.into_iter().all(|word| BEIWERK.contains(&word)) || ends_in_letter(&text) {
            return None;
        }
        let named = kind.geburtsstandesamt.as_deref().and_then(standesamt);
        let standesamt = match digits.iter().position(|token| token.len() == SCHLUESSEL) {
            Some(place) if digits.len() == 3 => {
                let key = Standesamt::Schluessel(digits.remove(place));
                match named {
                    Some(Standesamt::Schluessel(other)) if Standesamt::Schluessel(other.clone()) != key => {
                        return None;
                    }
                    _ => Some(key),
                }
            }
            _ => named,
        };
        let birth = kind.geburtsdatum.map(|datum| datum.jahr).filter(|jahr| *jahr > 0);
        let (nummer, jahr) = match digits.as_slice() {
            [nummer] => (nummer, None),
            [one, other] => match (year(one, birth), year(other, birth)) {
                (a, b) if a.0 < b.0 => (one, b.1),
                (a, b) if a.0 > b.0 => (other, a.1),
                (a, _) if one == other => (one, a.1),
                _ => return None,
            },
            _ => return None,
        };
        let nummer = nummer.trim_start_matches('0');
        (!nummer.is_empty()).then(|| Geburtseintrag { nummer: nummer.to_owned(), jahr, standesamt })
    }

    /// Whether it is another entry for certain: both are given in one form, and number, year or Standesamt differ.
    pub fn anderer(&self, other: &Geburtseintrag) -> bool {
        let one_form = self.jahr.is_some() == other.jahr.is_some()
            && match (&self.standesamt, &other.standesamt) {
                (None, None) => true,
                (Some(one), Some(other)) => std::mem::discriminant(one) == std::mem::discriminant(other),
                _ => false,
            };
        let amt = match (&self.standesamt, &other.standesamt) {
            (Some(one), Some(other)) => one.anderes(other),
            _ => false,
        };
        one_form && (self.nummer != other.nummer || self.jahr != other.jahr || amt)
    }

    /// Whether it may be the same entry: one number, and no year and no Standesamt beside another one. What one side leaves out
    /// contradicts nothing, and a key is not compared with a name.
    fn selber(&self, other: &Geburtseintrag) -> bool {
        let jahr = self.jahr.zip(other.jahr).is_none_or(|(one, other)| one == other);
        self.nummer == other.nummer && jahr && ein_amt(self.standesamt.as_ref(), other.standesamt.as_ref())
    }
}

/// Whether two entries that are both given are not recognisably one. That proves no other child, for which [`Geburtseintrag::anderer`] asks;
/// but it is no clean match either: what cannot be read is the same entry only where it is written in the same letters.
pub fn widersprechen(eines: &Kind, anderes: &Kind) -> bool {
    if let (Some(one), Some(other)) = (Geburtseintrag::of(eines), Geburtseintrag::of(anderes)) {
        return !one.selber(&other);
    }
    let geschrieben = |kind: &Kind| {
        let text = vergleichsform(kind.geburtsregister_nummer.as_deref().unwrap_or_default());
        text.chars().filter(|c| c.is_alphanumeric() || *c == '/').collect::<String>()
    };
    let amt = |kind: &Kind| kind.geburtsstandesamt.as_deref().and_then(standesamt);
    let (one, other) = (geschrieben(eines), geschrieben(anderes));
    let given = !one.is_empty() && !other.is_empty();
    given && (one != other || !ein_amt(amt(eines).as_ref(), amt(anderes).as_ref()))
}

/// Whether two Standesaemter may be one: of two names the one says no more than the other does.
fn ein_amt(eines: Option<&Standesamt>, anderes: Option<&Standesamt>) -> bool {
    match (eines, anderes) {
        (Some(Standesamt::Schluessel(one)), Some(Standesamt::Schluessel(other))) => one == other,
        (Some(Standesamt::Name(one)), Some(Standesamt::Name(other))) => {
            let (one, other) = (bedeutend(one), bedeutend(other));
            let holds = |all: &[Wort], some: &[Wort]| {
                some.iter().all(|word| teilen_eines(std::slice::from_ref(word), all))
            };
            holds(&one, &other) || holds(&other, &one)
        }
        _ => true,
    }
}

impl Geburtseintrag {
    /// Number, year and Standesamt as they stand in keys, a name by its words that say which one it is; empty where not given.
    pub fn teile(self) -> [String; 3] {
        let standesamt = match self.standesamt {
            Some(Standesamt::Schluessel(key)) => key,
            Some(Standesamt::Name(name)) => benannt(&name),
            None => String::new(),
        };
        [self.nummer, self.jahr.map(|jahr| jahr.to_string()).unwrap_or_default(), standesamt]
    }
}

fn benannt(standesamt: &str) -> String {
    let words: BTreeSet<String> = bedeutend(standesamt).iter().map(|wort| wort.grob().to_owned()).collect();
    words.into_iter().collect::<Vec<_>>().join(" ")
}

/// The parts of a child's entry inside the identity of a child without given names: number, year and Standesamt where they are
/// read, else the text as it is; `None` where no number is given.
pub fn kennzeichen(kind: &Kind) -> Option<[String; 3]> {
    let text = kind.geburtsregister_nummer.as_deref().map(vergleichsform).filter(|text| !text.is_empty())?;
    let written = || [text, String::new(), benannt(kind.geburtsstandesamt.as_deref().unwrap_or_default())];
    Some(Geburtseintrag::of(kind).map_or_else(written, Geburtseintrag::teile))
}

fn ends_in_letter(text: &str) -> bool {
    text.chars().last().is_some_and(char::is_alphabetic)
        || text.as_bytes().windows(2).any(|pair| pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic())
}

fn standesamt(text: &str) -> Option<Standesamt> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == SCHLUESSEL {
        return Some(Standesamt::Schluessel(digits));
    }
    let name = vergleichsform(text);
    (!bedeutend(&name).is_empty()).then_some(Standesamt::Name(name))
}

/// How surely a number is the year of the entry, and which: a birth is entered in its year or the next.
fn year(token: &str, birth: Option<i16>) -> (u8, Option<i16>) {
    let Ok(value) = token.parse::<i16>() else { return (0, None) };
    match (token.len(), birth) {
        (4, Some(birth)) if value == birth || value == birth + 1 => (3, Some(value)),
        (4, _) if (1900..2200).contains(&value) => (2, Some(value)),
        (2, Some(birth)) => match [birth, birth + 1].into_iter().find(|year| year % 100 == value) {
            Some(year) => (1, Some(year)),
            None => (0, None),
        },
        _ => (0, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::testing::kind;

    fn child(number: &str, amt: Option<&str>) -> Kind {
        Kind {
            geburtsregister_nummer: Some(number.into()),
            geburtsstandesamt: amt.map(str::to_owned),
            ..kind()
        }
    }

    #[test]
    fn one_entry_in_every_form_is_one() {
        let entry = |number: &str| Geburtseintrag::of(&child(number, None)).unwrap();
        for form in
            ["1234/2024", "2024/1234", "G 1234/2024", "G 01234/24", "1234/24", "Nr. 1234 / 2024", "24-1234"]
        {
            assert_eq!(entry(form), entry("1234/2024"), "{form}");
            assert!(!entry(form).anderer(&entry("1234/2024")), "{form}");
            assert!(entry(form).anderer(&entry("1235/2024")), "{form}");
            assert!(entry(form).anderer(&entry("1234/2025")), "{form}");
            assert!(!entry(form).anderer(&entry("1235")), "{form}: another form proves nothing");
        }
        assert!(entry("1234").anderer(&entry("1235")));
        assert!(
            entry("9999/24").anderer(&entry("1234/2024")) && entry("9999/24").anderer(&entry("2024/1234"))
        );
        assert!(entry("1999/2024").anderer(&entry("1998/2024")), "a number like a year");
    }

    #[test]
    fn what_has_two_meanings_is_no_proof() {
        for number in
            ["2024/2025", "24/25", "1234a/2024", "1234/2024 b", "1/2/3", "X 12/2024", "0/2024", "", "ohne"]
        {
            assert_eq!(Geburtseintrag::of(&child(number, None)), None, "{number}");
        }
        assert_eq!(Geburtseintrag::of(&Kind { geburtsregister_nummer: None, ..kind() }), None);
    }

    #[test]
    fn a_standesamt_is_another_only_for_certain() {
        let entry = |number: &str, amt: Option<&str>| Geburtseintrag::of(&child(number, amt)).unwrap();
        let mitte = entry("1234/2024", Some("Standesamt Bremen-Mitte"));
        for (number, amt, other) in [
            ("1234/2024", Some("Bremen-Mitte"), false),
            ("1234/2024", Some("Standesamt Bremen-Nord"), false),
            ("1234/2024", Some("Standesamt Kiel"), true),
            ("1234/2024", None, false),
            ("1235/2024", None, false),
            ("1235/2024", Some("04011101"), false),
            ("1235/2024", Some("Bremen-Mitte"), true),
            ("1235/2024", Some("Standesamt"), false),
        ] {
            assert_eq!(mitte.anderer(&entry(number, amt)), other, "{number} {amt:?}");
        }
        let key = entry("04011101/1234/2024", None);
        assert_eq!(key, entry("1234/2024", Some("04011101")));
        assert!(key.anderer(&entry("1234/2024", Some("04011102"))));
    }

    #[test]
    fn what_is_not_recognisably_one_entry_is_no_clean_match() {
        let mitte = Some("Standesamt Bremen-Mitte");
        let stored = child("1234/2024", mitte);
        for (number, amt, contradicts) in [
            ("1234/2024", mitte, false),
            ("01234/2024", mitte, false),
            ("1234 / 2024", mitte, false),
            ("G 1234/2024", mitte, false),
            ("1234/24", mitte, false),
            ("2024/1234", mitte, false),
            ("1234", mitte, false),
            ("1234/2024", None, false),
            ("1234/2024", Some("Bremen Mitte"), false),
            ("1234/2024", Some("Standesamt Bremen"), false),
            ("1234/2024", Some("Bremen-Mite"), false),
            ("1234/2024", Some("Standesamt"), false),
            ("1234/2024", Some("04011101"), false),
            ("G04011000-1234-2024", None, false),
            ("", None, false),
            ("-", Some("Standesamt Bremen-Nord"), false),
            ("1234/2024", Some("Standesamt Bremen-Nord"), true),
            ("1234/2024", Some("Standesamt Kiel"), true),
            ("1235/2024", mitte, true),
            ("1235/2024", None, true),
            ("1235/2024", Some("04011101"), true),
            ("1235", mitte, true),
            ("1235/24", mitte, true),
            ("1234/2023", mitte, true),
            ("G04011000-1235-2024", mitte, true),
            ("1234/2024/2", mitte, true),
            ("1234a/2024", mitte, true),
            ("unbekannt", mitte, true),
        ] {
            let asked = child(number, amt);
            for (one, other) in [(&asked, &stored), (&stored, &asked)] {
                assert_eq!(widersprechen(one, other), contradicts, "{number} {amt:?}");
            }
        }
        let odd = |amt| child("1234a/2024", amt);
        assert!(!widersprechen(&odd(mitte), &child("1234A / 2024", None)), "written in the same letters");
        assert!(widersprechen(&odd(mitte), &odd(Some("Standesamt Bremen-Nord"))));
        assert!(widersprechen(&odd(None), &child("1234b/2024", None)));
    }

    #[test]
    fn the_parts_of_an_identity_are_those_of_the_entry() {
        let parts = |number: &str, amt: Option<&str>| kennzeichen(&child(number, amt)).unwrap();
        assert_eq!(parts("2024/1234", Some("Standesamt Bremen-Mitte")), ["1234", "2024", "BREMEN MITTE"]);
        assert_eq!(
            parts("1234/2024", Some("Bremen-Mitte")),
            parts("2024/1234", Some("Standesamt Bremen-Mitte"))
        );
        assert_ne!(parts("1234a/2024", None), parts("1234b/2024", None));
        assert_eq!(kennzeichen(&Kind { geburtsregister_nummer: None, ..kind() }), None);
    }
}
