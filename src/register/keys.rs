//! Search keys in clear that print redacted; only the store turns them into HMACs, at its contract.
//! Never leaves the process and is never written anywhere as it is.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::latin::searchform::search_form;
use crate::register::record::{Kind, Mutter, Personenname, Registersatz, TeilDatum};

/// A key in clear: a class (what kind of key, no person data) and its value (person data).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SearchKey {
    /// What kind of key, such as `kind`.
    class: &'static str,
    /// The parts, joined by a separator that cannot occur in them.
    value: String,
}

impl SearchKey {
    /// A key of a class from its parts; each part is normalised, empty parts stand as empty.
    pub fn new<'a>(class: &'static str, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut value = String::with_capacity(64);
        for (place, part) in parts.into_iter().enumerate() {
            if place > 0 {
                value.push('\u{1f}');
            }
            normalise(part, &mut value);
        }
        SearchKey { class, value }
    }

    /// The class, which is no person data.
    pub fn class(&self) -> &'static str {
        self.class
    }

    /// The octets that the store's HMAC is made over: class, separator, value.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.class.len() + 1 + self.value.len());
        octets.extend_from_slice(self.class.as_bytes());
        octets.push(0x1e);
        octets.extend_from_slice(self.value.as_bytes());
        octets
    }
}

impl fmt::Debug for SearchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchKey({}, ..)", self.class)
    }
}

/// A key made of parts of persons and places: each in its search form, so that spellings that are one name meet.
fn gefaltet<'a>(class: &'static str, parts: impl IntoIterator<Item = &'a str>) -> SearchKey {
    let parts: Vec<String> = parts.into_iter().map(falten).collect();
    SearchKey::new(class, parts.iter().map(String::as_str))
}

/// The form of a part of a person or place inside a key: its search form, and of it letters A–Z and digits only.
///
/// Dates are made of digits and hyphens only and keep both: `2020-11` and `20201-1` are not to meet.
pub fn falten(part: &str) -> String {
    if is_date(part) {
        return part.to_owned();
    }
    let form = search_form(part);
    let folded: String = form.chars().filter(|c| c.is_ascii_uppercase() || c.is_ascii_digit()).collect();
    // A text of other letters only must not meet every other text of other letters.
    if folded.is_empty() { form.split_whitespace().collect() } else { folded }
}

fn is_date(part: &str) -> bool {
    part.len() >= 4
        && part.bytes().take(4).all(|octet| octet.is_ascii_digit())
        && part.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-')
}

/// The parts of a child that keys are made of, empty where nothing is given.
struct Teile<'a> {
    geboren: String,
    ort: &'a str,
    mutter_geboren: String,
}

impl<'a> Teile<'a> {
    fn of(kind: &'a Kind, mutter: &Mutter) -> Self {
        let geboren = kind.geburtsdatum.as_ref().or(kind.erwartet.as_ref());
        Teile {
            geboren: geboren.map(|datum| datum.to_string()).unwrap_or_default(),
            ort: kind.geburtsort.as_deref().unwrap_or_default(),
            mutter_geboren: mutter.geburtsdatum.to_string(),
        }
    }

    fn alle(&self, name: Option<&Personenname>) -> SearchKey {
        let (familie, vornamen) = name_of(name);
        gefaltet("kind", [&self.geboren, self.ort, familie, vornamen, &self.mutter_geboren])
    }

    fn tage(&self) -> SearchKey {
        gefaltet("tage", [self.geboren.as_str(), self.mutter_geboren.as_str()])
    }

    fn ohne_geburtsdatum(&self, name: &Personenname) -> SearchKey {
        let (familie, vornamen) = name_of(Some(name));
        gefaltet("ohne-geburtsdatum", [self.ort, familie, vornamen, &self.mutter_geboren])
    }

    fn ohne_mutterdatum(&self, name: &Personenname) -> SearchKey {
        let (familie, vornamen) = name_of(Some(name));
        gefaltet("ohne-mutterdatum", [&self.geboren, self.ort, familie, vornamen])
    }
}

fn name_of(name: Option<&Personenname>) -> (&str, &str) {
    let familie = name.and_then(|name| name.familienname.as_deref()).unwrap_or_default();
    let vornamen = name.and_then(|name| name.vornamen.as_deref()).unwrap_or_default();
    (familie, vornamen)
}

/// The first given name, the beginning of a double name: coarse, so that `Anna-Lena`, `Anna Lena` and `Anna` meet.
fn erster_vorname(mutter: &Mutter) -> &str {
    let vornamen = mutter.name.vornamen.as_deref().unwrap_or_default();
    vornamen.split(|c: char| c.is_whitespace() || c == '-').find(|part| !part.is_empty()).unwrap_or_default()
}

/// The key of a child together with its mother: what makes two deliveries speak of the same Registersatz.
///
/// The three legal data of the child (§ 1626d(2) BGB: birth date, birth place, name at registration) and the mother's birth
/// date, which keeps twins of different mothers with equal names apart.
pub fn child(kind: &Kind, mutter: &Mutter) -> SearchKey {
    Teile::of(kind, mutter).alle(kind.namen.first())
}

/// The key of a Vorgang: the partner that began it and its id of it.
pub fn vorgang(partner: &str, transaktionsid: &str) -> SearchKey {
    SearchKey::new("vorgang", [partner, transaktionsid])
}

/// The key that leads from a message we sent to its Vorgang.
pub fn sendung(uuid: &str) -> SearchKey {
    SearchKey::new("sendung", [uuid])
}

/// The key that leads from the id of a request that was forwarded to its Vorgang: the answer of the office names nothing else.
pub fn klaerfall(transaktionsid: &str) -> SearchKey {
    SearchKey::new("klaerfall", [transaktionsid])
}

/// The key of a notice by the UUID of its message, which the office reads in what is handed on to it.
pub fn hinweis(uuid: &str) -> SearchKey {
    SearchKey::new("hinweis", [uuid])
}

/// The key that leads from the id of the delivery that began a Vorgang to it: the service asks by nothing else.
pub fn nummer(id: uuid::Uuid) -> SearchKey {
    SearchKey::new("nummer", [id.hyphenated().to_string().as_str()])
}

/// The classes of [`offen`]: a pair of what is known of child and mother each.
const OFFEN: [&str; 6] = [
    "offen-mutter",
    "offen-kind",
    "offen-vorname",
    "offen-mutter-familie",
    "offen-kind-familie",
    "offen-name",
];
/// Between class and value of a key that is kept as a word.
const IN_WORDS: char = '\u{1e}';

/// Keys of [`offen`] as words, for a sealed Akte only: whoever closes a notice no longer has the persons they are made of.
pub fn in_worten(keys: &[SearchKey]) -> Vec<String> {
    keys.iter().map(|key| format!("{}{IN_WORDS}{}", key.class, key.value)).collect()
}

/// The keys of [`in_worten`] again; a word that is none of them is left out.
pub fn aus_worten(words: &[String]) -> Vec<SearchKey> {
    let key = |word: &String| {
        let (class, value) = word.split_once(IN_WORDS)?;
        let class = OFFEN.into_iter().find(|known| *known == class)?;
        Some(SearchKey { class, value: value.to_owned() })
    };
    words.iter().filter_map(key).collect()
}

/// What is known of a child and its mother, as far as something open is kept and looked for by it.
struct Bekannt<'a> {
    kind: Option<String>,
    mutter: Option<String>,
    vorname: Option<&'a str>,
    familie: Option<&'a str>,
}

impl<'a> Bekannt<'a> {
    fn of(kind: Option<&Kind>, mutter: &'a Mutter) -> Self {
        let day = |datum: &TeilDatum| datum.vollstaendig().then(|| datum.to_string());
        let born = kind.and_then(|kind| kind.geburtsdatum.as_ref().or(kind.erwartet.as_ref()));
        let some = |part: &'a str| Some(part).filter(|part| !part.is_empty());
        Bekannt {
            kind: born.and_then(day),
            mutter: day(&mutter.geburtsdatum),
            vorname: some(erster_vorname(mutter)),
            familie: some(mutter.name.familienname.as_deref().unwrap_or_default()),
        }
    }

    /// A key for each pair of which both parts are known.
    fn paare(&self, classes: &[&'static str]) -> Vec<SearchKey> {
        let (kind, mutter) = (self.kind.as_deref(), self.mutter.as_deref());
        let pairs = [
            (mutter, self.vorname),
            (kind, mutter),
            (kind, self.vorname),
            (mutter, self.familie),
            (kind, self.familie),
            (self.vorname, self.familie),
        ];
        let known = OFFEN.iter().zip(pairs).filter(|(class, _)| classes.contains(class));
        known.filter_map(|(class, (one, other))| Some(gefaltet(class, [one?, other?]))).collect()
    }
}

/// The keys under which something open around a child or its mother is kept (case Q); [`offen_gesucht`] finds it again.
///
/// Coarse on purpose: what is known otherwise must not hide it, and who is found too much only waits for a person. Two of the
/// child's day, the mother's day and her first name suffice, so one of the three may differ. Where a day is not known, her
/// family name stands in for it.
pub fn offen(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(kind, mutter);
    let days = known.kind.is_some() && known.mutter.is_some();
    known.paare(if days { &OFFEN[..3] } else { &OFFEN })
}

/// All keys under which something open around a child or its mother may be kept.
pub fn offen_gesucht(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    Bekannt::of(Some(kind), mutter).paare(&OFFEN)
}

/// The key of a Registersatz by its id in the mirror, for persons that speak of exactly this one.
pub fn satz(id: uuid::Uuid) -> SearchKey {
    SearchKey::new("satz", [id.hyphenated().to_string().as_str()])
}

/// All keys under which a Registersatz is found, besides that of its id; the first is that of [`child`].
///
/// A near match must stay an index look-up, so there is a key for each combination with one part left out. Five parts would
/// give five combinations, but the two names and the place need none of their own: a record that differs in one of them
/// only still has both birth dates, so `tage` finds it, and with it everything that differs in names and place at will. Only
/// a wrong birth date is left: the child's (`ohne-geburtsdatum`) or the mother's (`ohne-mutterdatum`). So these three and
/// the whole (`kind`) cover "one part left out". Those with a name stand once for each name of the child, because which one is
/// that of the registration is not marked. A record of a child not yet born has neither name nor date to be found by: it
/// stands under its mother (`vorgeburtlich` and its like).
pub fn of(registersatz: &Registersatz) -> Vec<SearchKey> {
    let (kind, mutter) = (&registersatz.kind, &registersatz.mutter);
    let mut keys = schluessel(kind, mutter);
    if vorgeburtlich(kind) {
        keys.extend(vorgeburt(mutter, false));
    }
    einmal(keys)
}

/// All keys under which the Registersätze near what is asked for stand; the last are those of records from before a birth.
pub fn gesucht(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let mut keys = schluessel(kind, mutter);
    keys.extend(vorgeburt(mutter, true));
    einmal(keys)
}

/// Whether a record speaks of a child not yet born.
pub fn vorgeburtlich(kind: &Kind) -> bool {
    kind.geburtsdatum.is_none()
}

/// The mother's day with each of her names, which may be spelled otherwise; the names alone only where `alle`, because too many
/// mothers share them.
fn vorgeburt(mutter: &Mutter, alle: bool) -> Vec<SearchKey> {
    let known = Bekannt::of(None, mutter);
    let (tag, vorname, familie) = (known.mutter.as_deref(), known.vorname, known.familie);
    let pairs = [
        ("vorgeburtlich", tag, vorname),
        ("vorgeburtlich-familie", tag, familie),
        ("vorgeburtlich-name", vorname, familie.filter(|_| alle || tag.is_none())),
    ];
    pairs.into_iter().filter_map(|(class, one, other)| Some(gefaltet(class, [one?, other?]))).collect()
}

fn schluessel(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let teile = Teile::of(kind, mutter);
    let mut keys = vec![child(kind, mutter), teile.tage()];
    for name in &kind.namen {
        keys.push(teile.ohne_geburtsdatum(name));
        keys.push(teile.ohne_mutterdatum(name));
    }
    keys
}

/// Each key once, in its place.
fn einmal(keys: Vec<SearchKey>) -> Vec<SearchKey> {
    let mut once: Vec<SearchKey> = Vec::with_capacity(keys.len());
    for key in keys {
        if !once.contains(&key) {
            once.push(key);
        }
    }
    once
}

/// Appends a part in NFC, with single spaces, in upper case: equal spellings meet, different ones never do.
fn normalise(part: &str, value: &mut String) {
    let folded: String;
    // Folded parts and ids are of ASCII, which composing leaves as it is: making keys is a fifth of what a decision costs.
    let (part, ascii) = match part.is_ascii() {
        true => (part, true),
        false => {
            folded = part.nfc().flat_map(char::to_uppercase).collect();
            (folded.as_str(), false)
        }
    };
    for (place, word) in part.split_whitespace().enumerate() {
        if place > 0 {
            value.push(' ');
        }
        match ascii {
            true => value.extend(word.bytes().map(|octet| char::from(octet.to_ascii_uppercase()))),
            false => value.push_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::testing::{kind, mutter, satz};
    use proptest::prelude::*;

    fn finds(query: (&Kind, &Mutter), kind: &Kind, mutter: &Mutter) -> bool {
        let keys = of(&satz(kind.clone(), mutter.clone()));
        gesucht(query.0, query.1).iter().any(|key| keys.contains(key))
    }

    fn day(text: &str) -> TeilDatum {
        TeilDatum::parse(text).unwrap()
    }

    #[test]
    fn spellings_that_are_one_name_meet_and_others_do_not() {
        let with = |family: &str| {
            let mut kind = kind();
            kind.namen[0].familienname = Some(family.into());
            child(&kind, &mutter())
        };
        assert_eq!(with("Müller"), with("MUELLER"));
        assert_eq!(with("Ćirković-Müller"), with("Cirkovic Mueller"));
        assert_ne!(with("Müller"), with("Muller"));
        assert_ne!(with("Γ"), with("Δ"), "letters that the table does not list stay apart");
        assert_ne!(with("Γ"), with(""));
    }

    proptest! {
        #[test]
        fn parts_are_normalised_alike_whatever_they_are_made_of(
            parts in prop::collection::vec("[ -~\\t\\x0b\\x1c]{0,12}|\\PC{0,8}|[aäÄß\u{308}\u{a0} ]{0,8}", 1..4),
        ) {
            let slow = |part: &String| {
                let folded: String = part.nfc().flat_map(char::to_uppercase).collect();
                folded.split_whitespace().collect::<Vec<_>>().join(" ")
            };
            let key = SearchKey::new("x", parts.iter().map(String::as_str));
            prop_assert_eq!(key.value, parts.iter().map(slow).collect::<Vec<_>>().join("\u{1f}"));
        }
    }

    #[test]
    fn keys_of_ids_are_not_folded() {
        assert_ne!(vorgang("kita", "a-b"), vorgang("kita", "ab"));
        assert_ne!(vorgang("kita", "ä"), vorgang("kita", "ae"));
    }

    #[test]
    fn keys_print_redacted_and_the_first_is_the_identity() {
        let satz = satz(kind(), mutter());
        let keys = of(&satz);
        assert_eq!(keys[0], child(&satz.kind, &satz.mutter));
        let printed = format!("{keys:?}");
        assert!(printed.contains("tage") && !printed.contains("MUELLER") && !printed.contains("2024"));
    }

    #[test]
    fn keys_of_what_is_open_come_back_from_words() {
        let keys = offen_gesucht(&kind(), &mutter());
        assert_eq!(aus_worten(&in_worten(&keys)), keys);
        assert_eq!(keys.len(), 6);
        assert!(aus_worten(&["kind\u{1e}X".to_owned(), "offen-kind".to_owned()]).is_empty());
    }

    #[test]
    fn what_is_open_is_found_whatever_one_part_was_unknown_or_different() {
        let (asked_kind, asked_mutter) = (kind(), mutter());
        let found = |kind: Option<&Kind>, mutter: &Mutter| {
            let asked = offen_gesucht(&asked_kind, &asked_mutter);
            offen(kind, mutter).iter().any(|key| asked.contains(key))
        };
        let kinder = [
            ("as asked", Some(asked_kind.clone())),
            ("no child", None),
            ("no day of the child", Some(Kind { geburtsdatum: None, ..asked_kind.clone() })),
            (
                "its month only",
                Some(Kind { geburtsdatum: TeilDatum::parse("2024-08"), ..asked_kind.clone() }),
            ),
            (
                "another day",
                Some(Kind { geburtsdatum: TeilDatum::parse("2019-01-01"), ..asked_kind.clone() }),
            ),
        ];
        let muetter = [
            ("as asked", asked_mutter.clone()),
            ("no day of the mother", Mutter { geburtsdatum: TeilDatum::default(), ..asked_mutter.clone() }),
            ("her year only", Mutter { geburtsdatum: day("1990"), ..asked_mutter.clone() }),
            ("another day of hers", Mutter { geburtsdatum: day("1971-01-01"), ..asked_mutter.clone() }),
            ("another first name", mit(&asked_mutter, |name| name.vornamen = Some("Rosa".into()))),
            ("no first name", mit(&asked_mutter, |name| name.vornamen = None)),
            ("another family name", mit(&asked_mutter, |name| name.familienname = Some("Sommer".into()))),
        ];
        for (of_kind, kind) in &kinder {
            for (of_mutter, mutter) in &muetter {
                // Only where two of three known parts differ it is hidden.
                let hidden = *of_kind == "another day"
                    && ["another day of hers", "another first name", "no first name"].contains(of_mutter);
                assert_eq!(found(kind.as_ref(), mutter), !hidden, "{of_kind}, {of_mutter}");
            }
        }
        let other = Mutter {
            geburtsdatum: day("1971-01-01"),
            ..mit(&asked_mutter, |name| name.vornamen = Some("Rosa".into()))
        };
        assert!(!found(Some(&asked_kind), &other), "a child of the same day alone is no reason");
        assert!(!found(None, &mit(&Mutter::default(), |name| name.vornamen = Some("Rosa".into()))));
    }

    fn mit(mutter: &Mutter, change: impl Fn(&mut Personenname)) -> Mutter {
        let mut other = mutter.clone();
        change(&mut other.name);
        other
    }

    #[test]
    fn a_record_from_before_the_birth_is_found_without_one_part_of_its_mother() {
        let unborn = Kind { geburtsdatum: None, namen: vec![], ..kind() };
        let rosa = mit(&mutter(), |name| name.vornamen = Some("Rosa".into()));
        let sommer = mit(&mutter(), |name| name.familienname = Some("Sommer".into()));
        let unknown = |mutter: Mutter| Mutter { geburtsdatum: day("1994"), ..mutter };
        for other in [&rosa, &sommer, &unknown(mutter())] {
            assert!(finds((&kind(), &mutter()), &unborn, other));
        }
        for other in [&unknown(rosa), &unknown(sommer)] {
            assert!(!finds((&kind(), &mutter()), &unborn, other));
        }
    }

    #[test]
    fn a_second_name_has_keys_of_its_own_but_no_identity() {
        let mut both = kind();
        let mut other = both.namen[0].clone();
        other.familienname = Some("Sommer".into());
        both.namen.push(other.clone());
        let keys = of(&satz(both, mutter()));
        assert_eq!(keys.iter().filter(|key| key.class() == "kind").count(), 1);
        assert_eq!(keys.iter().filter(|key| key.class() == "ohne-geburtsdatum").count(), 2);
        let mut asked = kind();
        asked.namen = vec![other];
        asked.geburtsdatum = Some(day("2024-08-06"));
        assert!(gesucht(&asked, &mutter()).iter().any(|key| keys.contains(key)));
    }

    #[test]
    fn a_child_not_yet_born_is_found_by_its_mother() {
        let unborn = Kind { erwartet: Some(day("2024-08-01")), ..Kind::default() };
        assert!(finds((&kind(), &mutter()), &unborn, &mutter()));
        let mut double = mutter();
        double.name.vornamen = Some("ZOE-Marie".into());
        assert!(finds((&kind(), &mutter()), &unborn, &double));
        let mut another = mutter();
        another.geburtsdatum = day("1994-03-13");
        assert!(!finds((&kind(), &mutter()), &unborn, &another));
    }

    fn names() -> impl Strategy<Value = String> {
        prop_oneof!["[A-ZÄÖÜ][a-zäöüßéł]{1,8}", "[A-Z][a-z]{1,4}[ -][A-Z][a-z]{1,4}", "[A-Z]{2,9}"]
    }

    fn days() -> impl Strategy<Value = TeilDatum> {
        (1960i16..2026, 1i8..13, 1i8..29).prop_map(|(jahr, monat, tag)| TeilDatum {
            jahr,
            monat: Some(monat),
            tag: Some(tag),
        })
    }

    prop_compose! {
        fn children()(family in names(), given in names(), place in names(), born in days(), mother in days())
            -> (Kind, Mutter)
        {
            let (mut kind, mut mutter) = (kind(), mutter());
            kind.namen[0].familienname = Some(family);
            kind.namen[0].vornamen = Some(given);
            kind.geburtsort = Some(place);
            kind.geburtsdatum = Some(born);
            mutter.geburtsdatum = mother;
            (kind, mutter)
        }
    }

    proptest! {
        #[test]
        fn what_differs_in_one_part_is_found(
            (kind, mutter) in children(),
            (other_kind, other_mutter) in children(),
            part in 0usize..5,
        ) {
            let (mut near, mut near_mutter) = (kind.clone(), mutter.clone());
            match part {
                0 => near.geburtsdatum = other_kind.geburtsdatum,
                1 => near.geburtsort = other_kind.geburtsort,
                2 => near.namen[0].familienname = other_kind.namen[0].familienname.clone(),
                3 => near.namen[0].vornamen = other_kind.namen[0].vornamen.clone(),
                _ => near_mutter.geburtsdatum = other_mutter.geburtsdatum,
            }
            prop_assert!(finds((&kind, &mutter), &near, &near_mutter));
        }

        #[test]
        fn a_part_may_also_be_missing(pair in children(), part in 0usize..4) {
            let (kind, mutter) = pair;
            let mut near = kind.clone();
            match part {
                0 => near.geburtsdatum = None,
                1 => near.geburtsort = None,
                2 => near.namen[0].familienname = None,
                _ => near.namen[0].vornamen = None,
            }
            prop_assert!(finds((&kind, &mutter), &near, &mutter));
        }

        #[test]
        fn other_children_have_another_identity(one in children(), other in children()) {
            let same = |a: &Option<String>, b: &Option<String>| {
                falten(a.as_deref().unwrap_or_default()) == falten(b.as_deref().unwrap_or_default())
            };
            let equal = same(&one.0.namen[0].familienname, &other.0.namen[0].familienname)
                && same(&one.0.namen[0].vornamen, &other.0.namen[0].vornamen)
                && same(&one.0.geburtsort, &other.0.geburtsort)
                && one.0.geburtsdatum == other.0.geburtsdatum
                && one.1.geburtsdatum == other.1.geburtsdatum;
            prop_assert_eq!(child(&one.0, &one.1) == child(&other.0, &other.1), equal);
        }
    }
}
