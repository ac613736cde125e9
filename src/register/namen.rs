//! Names as they are compared: by their words, in search form, by transliteration, and with slips of the pen (rules.md 2.3).
//! Never says that two persons are one: only that a name of one may be a name of the other.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::latin::searchform::{search_form, vergleichsform};
use crate::register::once::once;
use crate::register::record::Personenname;

/// A word of a name, in its search form and in its coarse forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wort {
    /// Search form of DIN 91379, letters and digits only.
    form: String,
    /// See [`grob`].
    grob: String,
    /// Coarse forms of the other spellings, see [`formen`]; hardly any word has one.
    andere: Vec<String>,
    /// One letter for each letter as it was written, see [`einzeln`], where that is not the search form.
    einzeln: Option<String>,
}

impl Wort {
    fn new(form: String) -> Wort {
        let grob = grob(&form);
        Wort { form, grob, andere: Vec::new(), einzeln: None }
    }

    /// One letter for each letter as it was written.
    fn einzeln(&self) -> &str {
        self.einzeln.as_deref().unwrap_or(&self.form)
    }

    /// The search form.
    pub fn form(&self) -> &str {
        &self.form
    }

    /// The coarse form of the search form.
    pub fn grob(&self) -> &str {
        &self.grob
    }

    /// The coarse forms by which keys are made: of the search form, then of the other spellings.
    pub fn grobe(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.grob).chain(&self.andere).map(String::as_str)
    }

    /// Equal in one spelling of each.
    fn nennt(&self, other: &Wort) -> bool {
        self.grobe().any(|one| other.grobe().any(|spelled| one == spelled))
    }

    /// Equal in search form.
    pub fn gleich(&self, other: &Wort) -> bool {
        self.form == other.form
    }

    /// Equal, equal by transliteration, or so near that a slip of the pen lies between: `Muller` and `Müller`, but not `Mia` and
    /// `Ida`.
    pub fn klingt_wie(&self, other: &Wort) -> bool {
        self.nennt(other)
            || verschrieben(&self.form, &other.form)
            || verschrieben(self.einzeln(), other.einzeln())
            || self.grobe().any(|one| other.grobe().any(|spelled| verschrieben(one, spelled)))
    }
}

/// Whether so few letters differ that it is a slip: none in three letters, one in up to six, two in more.
fn verschrieben(eins: &str, anderes: &str) -> bool {
    let (one, other) = (eins.chars().count(), anderes.chars().count());
    let slips = match one.min(other) {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    eins == anderes
        || slips > 0 && one.abs_diff(other) <= slips && strsim::osa_distance(eins, anderes) <= slips
}

/// The coarse form of a search form, in which the two ways to write a letter of DIN 91379 with letters A–Z meet: as the search form does
/// (`Müller` as MUELLER, `Ångström` as AANGSTROEM) and as its base letter (MULLER, ANGSTROM), which is how documents without these
/// letters (passports, airlines, older registers) have it.
pub fn grob(form: &str) -> String {
    let mut coarse = String::with_capacity(form.len());
    let mut letters = form.chars().peekable();
    while let Some(letter) = letters.next() {
        coarse.push(letter);
        // As many as there are: in `Büe` the search form has two E, the base letters have one.
        while letters.next_if(|next| matches!((letter, next), ('A', 'A' | 'E') | ('O' | 'U', 'E'))).is_some()
        {
        }
    }
    coarse
}

/// Letters for which documents that lack them write something else than their search form does: as South Slavic, Icelandic and Sami
/// names, and those of Azerbaijan, stand in passports and older registers. `Đorđević` has the search form DORDEVIC and is written
/// Djordjević; which of the two a letter is follows from the language, which nobody knows.
const AUCH: &[([char; 2], &str)] = &[
    (['Đ', 'đ'], "DJ"),
    (['Ð', 'ð'], "DH"),
    (['Þ', 'þ'], "T"),
    (['Ŋ', 'ŋ'], "NG"),
    (['Ə', 'ə'], "A"),
    (['Ŧ', 'ŧ'], "TH"),
    (['Ĳ', 'ĳ'], "Y"),
    (['Ʒ', 'ʒ'], "ZH"),
    (['Ǯ', 'ǯ'], "ZH"),
    (['ĸ', 'ĸ'], "Q"),
];
/// What two of these letters are written as, read back as their search form: what was stored before under it is met so.
const AUCH_D: [&str; 2] = ["DJ", "DH"];
/// Most spellings of one name.
const SCHREIBWEISEN: usize = 8;

/// The search form of a name, then those of its other spellings; of nearly all names there are none. A letter is written one way
/// throughout a name.
pub fn formen(name: &str) -> Vec<String> {
    let mut formen = vec![vergleichsform(name)];
    if !name.is_ascii() {
        let mut texts = vec![name.to_owned()];
        for (letter, other) in AUCH.iter().filter(|(letter, _)| name.contains(*letter)) {
            let more: Vec<String> = texts.iter().map(|text| text.replace(*letter, other)).collect();
            texts.extend(more);
            texts.truncate(SCHREIBWEISEN);
        }
        formen.extend(texts.iter().skip(1).map(|text| vergleichsform(text)));
    }
    let back = AUCH_D.iter().filter(|pair| formen[0].contains(**pair));
    let back: Vec<String> = back.map(|pair| formen[0].replace(pair, "D")).collect();
    formen.extend(back);
    formen
}

/// A name with one letter A–Z for each of its letters. A slip of the pen is one of a letter as it is written: that `ß` and `ä` become two
/// letters in the search form makes a slip on them two or three, and where their coarse forms run together with their neighbours, too.
fn einzeln(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.nfd().filter(|c| !is_combining_mark(*c)) {
        match c.is_alphanumeric() {
            true if c.is_ascii() => text.push(c.to_ascii_uppercase()),
            true => text.extend(search_form(c.encode_utf8(&mut [0; 4])).chars().next()),
            false => text.push(c),
        }
    }
    text
}

/// Between two words of a name: white space, and hyphens however they are written.
fn trennt(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '/' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// A letter or digit; marks of transliteration that stand as letters of their own (ʹ ʺ ʼ ʿ) are none.
fn buchstabe(c: char) -> bool {
    c.is_alphanumeric() && !('\u{2b0}'..='\u{2ff}').contains(&c)
}

/// The words of a name, in their order, each once; what an apostrophe parts stands both ways, `O’Neill` as O, NEILL and ONEILL.
pub fn worte(name: Option<&str>) -> Vec<Wort> {
    let (mut worte, places) = mit_plaetzen(&formen(name.unwrap_or_default()));
    if let Some(name) = name.filter(|name| !name.is_ascii()) {
        for (place, word) in places.iter().zip(zerlegt(&einzeln(name))) {
            let wort = &mut worte[*place];
            wort.einzeln = Some(word).filter(|word| *word != wort.form);
        }
    }
    worte
}

/// The same of the forms of a name, for keys, which no slip of the pen is looked for in.
pub fn ohne_einzelne(formen: &[String]) -> Vec<Wort> {
    mit_plaetzen(formen).0
}

/// The words, and where each word of the name came to stand: other spellings have the same words in the same places.
fn mit_plaetzen(formen: &[String]) -> (Vec<Wort>, Vec<usize>) {
    let mut worte: Vec<Wort> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    for word in zerlegt(&formen[0]) {
        let known = worte.iter().position(|known| known.form == word);
        places.push(known.unwrap_or(worte.len()));
        if known.is_none() {
            worte.push(Wort::new(word));
        }
    }
    for spelled in &formen[1..] {
        for (place, word) in places.iter().zip(zerlegt(spelled)) {
            let (coarse, wort) = (grob(&word), &mut worte[*place]);
            if !wort.grobe().any(|known| known == coarse) {
                wort.andere.push(coarse);
            }
        }
    }
    (worte, places)
}

/// The words of a search form, in their order.
fn zerlegt(form: &str) -> Vec<String> {
    let mut worte = Vec::new();
    for token in form.split(trennt) {
        let whole: String = token.chars().filter(|c| buchstabe(*c)).collect();
        let parted = whole.len() != token.len();
        worte.push(whole);
        if parted {
            worte.extend(token.split(|c: char| !buchstabe(c)).map(str::to_owned));
        }
    }
    worte.retain(|word| !word.is_empty());
    worte
}

/// The first given name, of a double name its beginning: `Anna-Lena`, `Anna Lena` and `Anna` have one.
pub fn erster_vorname(name: &Personenname) -> Option<Wort> {
    worte(name.vornamen.as_deref()).into_iter().next()
}

/// All words of the given names of a person.
pub fn vornamen(name: &Personenname) -> Vec<Wort> {
    worte(name.vornamen.as_deref())
}

/// All words of family name and name at birth of a person, each once.
pub fn familie(name: &Personenname) -> Vec<Wort> {
    once(worte(name.familienname.as_deref()).into_iter().chain(worte(name.geburtsname.as_deref())))
}

/// Whether a family and a given name are said.
pub fn benannt(name: &Personenname) -> bool {
    !familie(name).is_empty() && !vornamen(name).is_empty()
}

/// All words of all names, each once.
pub fn alle<'a>(namen: impl IntoIterator<Item = &'a Personenname>) -> Vec<Wort> {
    once(namen.into_iter().flat_map(|name| familie(name).into_iter().chain(vornamen(name))))
}

/// Whether one word of the one is, or may be, a word of the other.
pub fn teilen_eines(eigene: &[Wort], andere: &[Wort]) -> bool {
    eigene.iter().any(|wort| andere.iter().any(|anderes| wort.klingt_wie(anderes)))
}

/// Whether one word of the one is a word of the other, in search form or by transliteration.
pub fn nennen_eines(eigene: &[Wort], andere: &[Wort]) -> bool {
    eigene.iter().any(|wort| andere.iter().any(|anderes| wort.nennt(anderes)))
}

/// Whether further given names contradict each other: both have some besides the first, and none of the two sets holds the other.
/// A name that one side leaves out contradicts nothing.
pub fn weitere_widersprechen(eins: &Personenname, anderes: &Personenname) -> bool {
    let (eigene, andere) = (vornamen(eins), vornamen(anderes));
    let holds = |all: &[Wort], some: &[Wort]| some.iter().all(|wort| all.iter().any(|one| one.gleich(wort)));
    eigene.len() > 1 && andere.len() > 1 && !holds(&eigene, &andere) && !holds(&andere, &eigene)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(eins: &str, anderes: &str) -> bool {
        teilen_eines(&worte(Some(eins)), &worte(Some(anderes)))
    }

    #[test]
    fn one_name_in_two_spellings_meets() {
        for (eins, anderes) in [
            ("Müller", "Mueller"),
            ("Müller", "Muller"),
            ("Gül", "Gul"),
            ("Ångström", "Angstrom"),
            ("Büe", "Bue"),
            ("Aäron", "Aaron"),
            ("Øystein", "Oystein"),
            ("Æsa", "Asa"),
            ("Nguyễn", "Nguyen"),
            ("Ćirković-Müller", "MULLER"),
            ("Anna-Lena", "Lena"),
            ("Anna\u{2010}Lena", "Lena"),
            ("O’Neill", "ONeill"),
            ("O’Neill", "O Neill"),
            ("Ilʹja", "Ilja"),
            ("Strauß", "Strauss"),
            ("Þór", "Thor"),
            ("Muler", "Müller"),
        ] {
            assert!(near(eins, anderes) && near(anderes, eins), "{eins} {anderes}");
        }
        for (eins, anderes) in [("Mia", "Ida"), ("Lea", "Lia"), ("", ""), ("Sommer", "Winter"), ("Mia", "")] {
            assert!(!near(eins, anderes), "{eins} {anderes}");
        }
    }

    #[test]
    fn a_slip_on_a_letter_that_becomes_two_is_one() {
        for name in [
            "Großer",
            "Strauß",
            "Weißmann",
            "Käser",
            "Schäfer",
            "Jürgen",
            "Aäron",
            "Bößner",
            "Söüzer",
            "Þórður",
            "Mæhlen",
            "Øyvind",
            "Ångström",
            "Đorđe",
            "Yıldız",
            "Nguyễn",
            "Ðæßĳm",
        ] {
            let letters: Vec<char> = name.nfc().collect();
            let mut slips = Vec::new();
            for at in 0..letters.len() - 1 {
                let mut without = letters.clone();
                without.remove(at);
                let mut swapped = letters.clone();
                swapped.swap(at, at + 1);
                slips.extend([without, swapped]);
                slips.extend(('a'..='z').map(|other| {
                    let mut replaced = letters.clone();
                    replaced[at] = other;
                    replaced
                }));
            }
            for slip in slips {
                let slip: String = slip.into_iter().collect();
                assert!(near(name, &slip) && near(&slip, name), "{name} {slip}");
            }
        }
        // Of three letters none may differ, however many the search form has.
        for (eins, anderes) in [("Weiß", "Wei"), ("Groß", "Gräf"), ("Maß", "Max"), ("Öz", "Az")] {
            assert!(!near(eins, anderes), "{eins} {anderes}");
        }
    }

    #[test]
    fn every_letter_of_the_norm_meets_its_base_letter() {
        let list = include_str!("../latin/tables/latin_list_search_form_1.3.txt");
        let mut looked_at = 0;
        for row in list.lines() {
            let codes = row.split(';').nth(2).unwrap().split_whitespace();
            let unit: String =
                codes.map(|c| char::from_u32(u32::from_str_radix(c, 16).unwrap()).unwrap()).collect();
            let base: String = unit.nfd().filter(char::is_ascii_alphabetic).collect();
            if base.is_empty() {
                continue;
            }
            looked_at += 1;
            let one = |letter: &str| worte(Some(&format!("X{letter}XB"))).remove(0);
            assert_eq!(one(&unit).grob(), one(&base).grob(), "{unit}");
        }
        assert!(looked_at > 550, "{looked_at}");
    }

    /// What documents without a letter write for it, where it has no base letter among A–Z: the first as the table of the norm does.
    const WRITTEN: &[(&str, &[&str])] = &[
        ("Ææ", &["AE"]),
        ("Ðð", &["D", "DH"]),
        ("Øø", &["OE", "O"]),
        ("Þþ", &["TH", "T"]),
        ("ßẞ", &["SS"]),
        ("Đđ", &["D", "DJ"]),
        ("Ħħ", &["H"]),
        ("ı", &["I"]),
        ("Ĳĳ", &["IJ", "Y"]),
        ("ĸ", &["K", "Q"]),
        ("Ŀŀ", &["L"]),
        ("Łł", &["L"]),
        ("ŉ", &["N"]),
        ("Ŋŋ", &["N", "NG"]),
        ("Œœ", &["OE", "O"]),
        ("Ŧŧ", &["T", "TH"]),
        ("Ƈƈ", &["C"]),
        ("Əə", &["E", "A", "AE"]),
        ("Ɨɨ", &["I"]),
        ("Ʒʒ", &["Z", "ZH"]),
        ("Ǯǯ", &["Z", "ZH"]),
        ("ǢǣǼǽ", &["AE"]),
        ("Ǥǥ", &["G"]),
        ("Ǿǿ", &["OE", "O"]),
    ];

    #[test]
    fn every_letter_without_a_base_letter_meets_what_documents_write_for_it() {
        let list = include_str!("../latin/tables/latin_list_search_form_1.3.txt");
        let mut looked_at = 0;
        for row in list.lines() {
            let mut columns = row.split(';').map(str::trim);
            let codes = columns.nth(2).unwrap();
            let unit: String = codes
                .split_whitespace()
                .map(|c| char::from_u32(u32::from_str_radix(c, 16).unwrap()).unwrap())
                .collect();
            if unit.nfd().any(|c| c.is_ascii_alphabetic()) {
                continue;
            }
            looked_at += 1;
            let first = unit.chars().next().unwrap();
            let written = WRITTEN.iter().find(|(letters, _)| letters.contains(first));
            let (_, written) = written.unwrap_or_else(|| panic!("{unit}: nothing is said of it"));
            assert_eq!(columns.nth(3), Some(written[0]), "{unit}");
            for other in *written {
                let one = |letter: &str| worte(Some(&format!("Per{letter}vi M{letter}")));
                let (here, there) = (one(&unit), one(other));
                for (one, other) in here.iter().zip(&there) {
                    assert!(one.nennt(other) && other.nennt(one), "{unit} {other:?}");
                }
                assert_eq!((here.len(), there.len()), (2, 2));
            }
        }
        assert!(looked_at >= 40, "{looked_at}");
    }

    #[test]
    fn other_spellings_stand_with_their_word_and_plain_names_have_none() {
        let spelled = |name: &str| -> Vec<Vec<String>> {
            worte(Some(name)).iter().map(|word| word.grobe().map(str::to_owned).collect()).collect()
        };
        assert_eq!(spelled("Đặng-Müller"), [vec!["DANG", "DJANG"], vec!["MULLER"]]);
        assert_eq!(spelled("Djordje"), [["DJORDJE", "DORDE"]]);
        assert_eq!(spelled("Əhməd"), [["EHMED", "AHMAD"]]);
        assert_eq!(formen("Anna Lena").len(), 1);
        assert!(formen("ĐÐÞŊƏŦĲƷĸ").len() <= SCHREIBWEISEN);
    }

    #[test]
    fn further_given_names_contradict_only_where_both_have_some() {
        let name = |given: &str| Personenname { vornamen: Some(given.into()), ..Personenname::default() };
        for (eins, anderes, contradict) in [
            ("Zoë Marie", "Zoë", false),
            ("Zoë Marie", "Zoe MARIE", false),
            ("Zoë Marie", "Zoë Marie Ida", false),
            ("Zoë Marie Ida", "Zoë Ida Marie", false),
            ("Zoë Marie", "Zoë Petra", true),
            ("Zoë Marie", "Zoë Maria", true),
            ("Zoë-Marie", "Zoë-Petra", true),
            ("", "Zoë", false),
        ] {
            assert_eq!(weitere_widersprechen(&name(eins), &name(anderes)), contradict, "{eins} {anderes}");
        }
    }
}
