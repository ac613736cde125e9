//! Search keys in clear that print redacted; only the store turns them into HMACs, at its contract.
//! Never leaves the process and is never written anywhere as it is.

pub mod alt;
mod bekannt;
pub mod form;
mod offen;

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use crate::register::geburtseintrag::kennzeichen;
use crate::register::gemeinden::Gemeinden;
use crate::register::keys::bekannt::{Bekannt, Ganz};
use crate::register::keys::form::falten;
use crate::register::namen::{self, Wort, grob};
use crate::register::once::once;
use crate::register::record::{Kind, Mutter, Personenname, Registersatz, TeilDatum};

/// The version of the search keys of a Registersatz, which the store notes with each row (`schluessel_version`): whoever changes what [`of`]
/// makes raises it here and in the store's statements, with a migration that finds the rows of the version before.
pub const VERSION: i64 = 2;

/// A key in clear: a class (what kind of key, no person data) and its value (person data).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SearchKey {
    /// What kind of key, such as `kind`.
    class: &'static str,
    /// The parts, joined by a separator that cannot occur in them; shared, because question, answer and guard each hold it.
    value: Arc<str>,
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
        SearchKey { class, value: value.into() }
    }

    /// The class, which is no person data.
    pub fn class(&self) -> &'static str {
        self.class
    }

    /// Whether a request looks under keys of this class, or did in the program before this one, whose answers are found again
    /// under those.
    pub fn gesucht(&self) -> bool {
        GESUCHT.contains(&self.class) || alt::GESUCHT.contains(&self.class)
    }

    /// Whether no part of it is empty. Under one with an empty part nobody is found: whoever asks names all of them.
    pub fn ohne_luecke(&self) -> bool {
        self.value.split('\u{1f}').all(|part| !part.is_empty())
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

/// The coarse forms of a part of a name as a whole, one for each of its spellings; that of its search form is the first.
pub fn schreibweisen(part: &str) -> Vec<String> {
    once(namen::formen(part).iter().map(|form| grob(&falten(form))))
}

fn name_of(name: Option<&Personenname>) -> (&str, &str) {
    let familie = name.and_then(|name| name.familienname.as_deref()).unwrap_or_default();
    let vornamen = name.and_then(|name| name.vornamen.as_deref()).unwrap_or_default();
    (familie, vornamen)
}

/// The day of birth, else the expected one, as it stands in a key; empty where there is none.
fn geboren(kind: &Kind) -> String {
    kind.geburtsdatum.as_ref().or(kind.erwartet.as_ref()).map(TeilDatum::to_string).unwrap_or_default()
}

/// The key of a child together with its mother: what makes two deliveries speak of the same Registersatz.
///
/// The three legal data of the child (§ 1626d(2) BGB: birth date, birth place, name at registration) and the mother's birth
/// date, which keeps twins of different mothers with equal names apart. Twins to whom no given name was given yet (§ 22 PStG)
/// are told apart by their entries in the register of births, in whatever form these are written: of a child without given name
/// the entry is part of its identity. That ends with the Korrektur that names it. Of a child that is not born yet nothing is known but
/// its mother and a month, and in a large town two mothers of one birthday expect theirs in one month: her name is part of its identity.
pub fn child(kind: &Kind, mutter: &Mutter) -> SearchKey {
    if erwartet(kind) {
        let first = namen::erster_vorname(&mutter.name);
        let familie = mutter.name.familienname.as_deref().unwrap_or_default();
        let (tag, ihr_tag) = (geboren(kind), mutter.geburtsdatum.to_string());
        let vorname = first.as_ref().map(|name| name.grob()).unwrap_or_default();
        return SearchKey::new("kind-vorgeburt", [tag.as_str(), &ihr_tag, &grob(&falten(familie)), vorname]);
    }
    match unbenannt(kind) {
        None => alt::child(kind, mutter),
        Some([nummer, jahr, standesamt]) => {
            let (familie, _) = name_of(kind.namen.first());
            let ort = kind.geburtsort.as_deref().unwrap_or_default();
            let (tag, ihr_tag) = (geboren(kind), mutter.geburtsdatum.to_string());
            gefaltet("kind-eintrag", [&tag, ort, familie, &ihr_tag, &nummer, &jahr, &standesamt])
        }
    }
}

/// The key of the same child as if its place were written so.
pub fn child_in(ort: &str, kind: &Kind, mutter: &Mutter) -> SearchKey {
    child(&Kind { geburtsort: Some(ort.to_owned()), ..kind.clone() }, mutter)
}

/// The key of both days: each record of this child stands under it, wherever it was born and however that is written.
pub fn beide_tage(kind: &Kind, mutter: &Mutter) -> SearchKey {
    gefaltet("tage", [geboren(kind).as_str(), &mutter.geburtsdatum.to_string()])
}

/// The keys under which the records of children of a mother of this day stand that were born on one of these days, first and last, and
/// of those whose own day is not known whole.
pub fn der_mutter(ihr_tag: &TeilDatum, first: Date, last: Date) -> Vec<SearchKey> {
    let ihrer = ihr_tag.to_string();
    let days = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last);
    // As [`beide_tage`] makes it: dates stand as they are.
    let both = |day: Date| SearchKey { class: "tage", value: format!("{day}\u{1f}{ihrer}").into() };
    let mutter = Mutter { geburtsdatum: *ihr_tag, ..Mutter::default() };
    days.map(both).chain(ohne_tag(&mutter)).collect()
}

/// Whether a month is known in which it will be born, and nothing else.
pub fn erwartet(kind: &Kind) -> bool {
    vorgeburtlich(kind) && kind.erwartet.is_some()
}

/// The entry of a child without given name.
fn unbenannt(kind: &Kind) -> Option<[String; 3]> {
    let (_, vornamen) = name_of(kind.namen.first());
    if falten(vornamen).is_empty() { kennzeichen(kind) } else { None }
}

/// The key under which the program before this one kept the same child, where it is another: its tombstones bar, its records
/// are found and its waiting messages are woken under it.
pub fn child_alt(kind: &Kind, mutter: &Mutter) -> Option<SearchKey> {
    (erwartet(kind) || unbenannt(kind).is_some()).then(|| alt::child(kind, mutter))
}

/// Beside the tombstone under a key: how late the stamps were of what went under it, where they lay ahead of their receipts.
pub fn grabstein_stempel(key: &SearchKey) -> SearchKey {
    SearchKey { class: "grabstein-stempel", value: format!("{}\u{1e}{}", key.class, key.value).into() }
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

/// The key that leads from the UUID of a change of persons to its tasks. Apart from [`hinweis`]: whoever sends another notice under the same
/// UUID must not learn whether the change concerned anybody.
pub fn aenderung(uuid: &str) -> SearchKey {
    SearchKey::new("hinweis-aenderung", [uuid])
}

/// The key that leads from the id of the delivery that began a Vorgang to it: the service asks by nothing else.
pub fn nummer(id: uuid::Uuid) -> SearchKey {
    SearchKey::new("nummer", [id.hyphenated().to_string().as_str()])
}

/// The key under which it stands that the office of a Negativauskunft was told of what contradicts it: the id of its Vorgang.
pub fn widerspruch(vorgang: uuid::Uuid) -> SearchKey {
    SearchKey::new("gegenprobe", [vorgang.hyphenated().to_string().as_str()])
}

/// The key under which it is counted how often an account was told that nothing was decided.
pub fn konto(partner: &str, konto: &str) -> SearchKey {
    SearchKey::new("konto", [partner, konto])
}

/// The key under which an office confirms an answer that does not agree with its request: our id of the answer.
pub fn bestaetigung(id: &str) -> SearchKey {
    SearchKey::new("bestaetigung", [id])
}

/// The keys under which something open around a child or its mother is kept (case Q); [`Gesucht::offen`] finds it again.
///
/// It touches whoever agrees in the child's day, place and one name; in the mother's day and any of her names; or in her names with
/// the expected month and two before and after it (rules.md 2.3). Besides, as before: who agrees in both days, or in the child's day
/// and one of her given names. Where nothing is known of the child's day, her names alone suffice; where hers is not known, her family
/// name stands in for it, and her names count with the child's month as well. The place counts under each of its names that the table
/// knows, and under its key.
pub fn offen(orte: &Gemeinden, kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    offen::unter(orte, kind, mutter)
}

/// The keys under which a notice is open: those of [`offen`], and where its place is missing, abroad or in no table the child's day with
/// each of its names, wherever it was born. An unresolved place agrees with every other one (rules.md 2.3).
pub fn hinweis_unter(orte: &Gemeinden, kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let everywhere = kind.map(|kind| offen::ueberall(orte, kind)).unwrap_or_default();
    once(offen(orte, kind, mutter).into_iter().chain(everywhere))
}

/// Everything that a request looks under. Made in one go: its names are taken apart once.
pub struct Gesucht {
    /// Those under which the Registersätze near what is asked for stand, and those of records from before a birth.
    pub saetze: Vec<SearchKey>,
    /// Those of [`near`], which are among them.
    pub nahe: Vec<SearchKey>,
    /// Those under which something open around a child or its mother may be kept.
    pub offen: Vec<SearchKey>,
    /// Those under which what an office delivered of a child stands by the key of its place, whatever place it named, and those of
    /// [`nur_tage`].
    pub platz: Vec<SearchKey>,
}

impl Gesucht {
    /// For this child of this mother.
    pub fn of(orte: &Gemeinden, kind: &Kind, mutter: &Mutter) -> Gesucht {
        let known = Bekannt::of(Some(kind), mutter);
        let nahe = nahe(&known, kind, mutter);
        let (offen, platz) = offen::gesucht(&known, orte, kind);
        Gesucht { saetze: saetze(&known, &nahe, kind, mutter), nahe, offen, platz }
    }
}

/// Where her day is known in part and the child's is not: her names with each day that hers may be. Some hundred, so only for the few
/// that are no Registersatz and no notice.
pub fn ihre_tage(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    offen::ihre_tage(kind, mutter)
}

/// Each day that these dates of a child or of a mother may be, by itself: of whom so little is said besides that no other key is made of it.
pub fn nur_tage(kind: Option<&TeilDatum>, mutter: Option<&TeilDatum>) -> Vec<SearchKey> {
    offen::nur_tage(kind, mutter)
}

/// The keys of a mother of whom one name is known and nothing else: whoever has that name may be she, and no day says otherwise (rules.md 2.3).
pub fn nur_namen(mutter: &Mutter) -> Vec<SearchKey> {
    offen::nur_namen(mutter)
}

/// The child's day with each of its names, wherever it was born: where nobody can say where.
pub fn ueberall(kind: &Kind) -> Vec<SearchKey> {
    offen::an_jedem_ort(kind)
}

/// Keys of [`offen`] as words, for a sealed Akte only: whoever closes a notice no longer has the persons they are made of.
pub fn in_worten(keys: &[SearchKey]) -> Vec<String> {
    offen::in_worten(keys)
}

/// The keys of [`in_worten`] again, also those of the program before; a word that is none of them is left out.
pub fn aus_worten(words: &[String]) -> Vec<SearchKey> {
    offen::aus_worten(words)
}

/// The key of a Registersatz by its id in the mirror, for persons that speak of exactly this one.
pub fn satz(id: uuid::Uuid) -> SearchKey {
    SearchKey::new("satz", [id.hyphenated().to_string().as_str()])
}

/// All keys under which a Registersatz is found, besides that of its id; the first is that of [`child`].
///
/// A near match must stay an index look-up (rules.md 2.3 and 8), and every key costs each record and each request. `tage`, both
/// birth dates, finds whatever differs in names and place at will. Where one date is wrong, the names of the child with the other
/// date find it: `name-mutter`, `name-kind`, without the place, because that agrees by its ARS, too; they stand once for each name
/// of the child, because which one is that of the registration is not marked. Where a date is known in part, the record stands
/// where a request that knows it whole looks: `teil-mutter` (the child's day, her year), `ohne-tag` (her day; also of children not
/// yet born). A record from before a birth stands under each of her names with the months around the expected one, too.
/// A record of which her birth date is not known at all is found by the child's name and day only.
pub fn of(registersatz: &Registersatz) -> Vec<SearchKey> {
    let (kind, mutter) = (&registersatz.kind, &registersatz.mutter);
    let mut keys = vec![child(kind, mutter)];
    keys.extend(near(kind, mutter));
    keys.extend(teilweise(kind, mutter));
    if vorgeburtlich(kind) {
        let made = registersatz.quelle.erstellungszeitpunkt;
        keys.extend(vorgeburt(kind, mutter, made));
    }
    // Until no program of the version before runs beside this one or is gone back to.
    keys.extend(alt::of(registersatz));
    once(keys)
}

/// The classes of [`Gesucht::saetze`].
const GESUCHT: [&str; 6] =
    ["tage", "name-mutter", "name-kind", "teil-mutter", "ohne-tag", "vorgeburtlich-monat"];

/// All keys under which the Registersätze near what is asked for stand, and those of records from before a birth; `near` are those of [`near`].
///
/// What is asked for with a date that is known in part is no case for an automatic answer (rules.md 2, O): it is looked for as it is.
fn saetze(known: &Bekannt, near: &[SearchKey], kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let mut keys = near.to_vec();
    keys.extend(zum_teil(&known.namen, kind, mutter));
    let born = kind.geburtsdatum.as_ref().filter(|datum| datum.vollstaendig());
    keys.extend(born.map(|born| teil_mutter(&born.to_string(), mutter)));
    keys.extend(ohne_tag(mutter));
    let month = kind.geburtsdatum.filter(|datum| datum.monat.is_some()).and_then(|datum| datum.monate());
    if let Some((month, _)) = month {
        // A record from before a birth touches her by a family name and whatever else; by a given name alone only by the first.
        let most = if known.familie.is_empty() { known.vornamen.len() } else { 1 };
        let words = known.familie.iter().chain(known.vornamen.iter().take(most));
        keys.extend(words.flat_map(Wort::grobe).map(|word| monat(word, month)));
    }
    once(keys)
}

/// Whether a record speaks of a child not yet born.
pub fn vorgeburtlich(kind: &Kind) -> bool {
    kind.geburtsdatum.is_none()
}

/// The keys that mean nearness by themselves: both dates, and each name of the child with either date. The others only find what
/// is judged afterwards, as a partial date or a month with one name.
pub fn near(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    nahe(&Bekannt::of(Some(kind), mutter), kind, mutter)
}

fn nahe(known: &Bekannt, kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let (tag, ihr_tag) = (geboren(kind), mutter.geburtsdatum.to_string());
    let mut keys = vec![beide_tage(kind, mutter)];
    keys.extend(namen_mit(&known.namen, &[tag], &[ihr_tag]));
    keys
}

/// Those of [`near`], and those of every day that a date known in part may mean: for what is met by its keys alone.
pub fn nahe_tage(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let partial = |datum: Option<&TeilDatum>| {
        datum.filter(|datum| !datum.vollstaendig() && datum.jahr > 0).map(tage_von).unwrap_or_default()
    };
    let known = Bekannt::of(Some(kind), mutter);
    let mut keys = nahe(&known, kind, mutter);
    let (tage, ihre) = (partial(kind.geburtsdatum.as_ref()), partial(Some(&mutter.geburtsdatum)));
    keys.extend(namen_mit(&known.namen, &tage, &ihre));
    keys
}

/// The names of the child with each of these days of it, and with each of these days of hers.
fn namen_mit(namen: &[Ganz], tage: &[String], ihre: &[String]) -> Vec<SearchKey> {
    let mut keys = Vec::new();
    for name in namen {
        let pairs = name.familie.iter().flat_map(|one| name.vornamen.iter().map(move |other| (one, other)));
        for (familie, vornamen) in pairs {
            let key = |class, tag: &String| SearchKey::new(class, [familie.as_str(), vornamen, tag]);
            keys.extend(ihre.iter().map(|tag| key("name-mutter", tag)));
            keys.extend(tage.iter().map(|tag| key("name-kind", tag)));
        }
    }
    keys
}

/// The names of the child with what a record may know of either date in part, month and year: there the other date may be wrong.
fn zum_teil(namen: &[Ganz], kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let parts = |datum: Option<&TeilDatum>| -> Vec<String> {
        let datum = datum.filter(|datum| datum.vollstaendig());
        let month = datum.map(|datum| TeilDatum { tag: None, ..*datum });
        let year = datum.map(|datum| TeilDatum { monat: None, tag: None, ..*datum });
        month.into_iter().chain(year).map(|datum| datum.to_string()).collect()
    };
    namen_mit(namen, &parts(kind.geburtsdatum.as_ref()), &parts(Some(&mutter.geburtsdatum)))
}

/// The keys of a record one of whose dates is known in part.
fn teilweise(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let ihrer = mutter.geburtsdatum.vollstaendig();
    match &kind.geburtsdatum {
        None => ohne_tag(mutter).into_iter().collect(),
        Some(born) if born.vollstaendig() && ihrer => Vec::new(),
        Some(born) if born.vollstaendig() => vec![teil_mutter(&born.to_string(), mutter)],
        Some(_) if ihrer => ohne_tag(mutter).into_iter().collect(),
        // Both in part: each day that it may be.
        Some(born) => tage_von(born).iter().map(|day| teil_mutter(day, mutter)).collect(),
    }
}

/// All days that a date known in part may mean.
pub fn tage_von(datum: &TeilDatum) -> Vec<String> {
    let months = datum.monat.map_or(1..=12, |monat| monat..=monat);
    let days = |monat: i8| {
        (1..=31).map(move |tag| TeilDatum { jahr: datum.jahr, monat: Some(monat), tag: Some(tag) })
    };
    let all = months.flat_map(days).map(|day| day.to_string());
    all.filter(|day| TeilDatum::parse(day).is_some_and(|day| day.vertraeglich(datum))).collect()
}

fn teil_mutter(tag: &str, mutter: &Mutter) -> SearchKey {
    SearchKey::new("teil-mutter", [tag, format!("{:04}", mutter.geburtsdatum.jahr).as_str()])
}

fn ohne_tag(mutter: &Mutter) -> Option<SearchKey> {
    let ihrer = mutter.geburtsdatum;
    ihrer.vollstaendig().then(|| SearchKey::new("ohne-tag", [ihrer.to_string().as_str()]))
}

/// Months before and after the expected one in which a birth may be meant (rules.md 2.3).
pub const MONATE: i32 = 2;
/// Where no month is expected: the months around that of the delivery, in which the child of a record from before its birth is born.
const OHNE_MONAT: (i32, i32) = (1, 10);

/// The keys of a record from before a birth by her names: any of them, because given and family names may be exchanged.
fn vorgeburt(kind: &Kind, mutter: &Mutter, made: jiff::Timestamp) -> Vec<SearchKey> {
    let (first, last) = kind.erwartet.and_then(|datum| datum.monate()).unwrap_or_else(|| {
        let made = made.to_zoned(jiff::tz::TimeZone::UTC);
        let month = i32::from(made.year()) * 12 + i32::from(made.month()) - 1;
        (month - OHNE_MONAT.0, month + OHNE_MONAT.1)
    });
    let months = first - MONATE..=last + MONATE;
    let words = namen::alle([&mutter.name]);
    let words = words.iter().flat_map(Wort::grobe);
    words.flat_map(|word| months.clone().map(move |month| monat(word, month))).collect()
}

fn monat(wort: &str, month: i32) -> SearchKey {
    SearchKey::new("vorgeburtlich-monat", [wort, month.to_string().as_str()])
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
mod tests;
