//! The keys of the program before this one, frozen: what it stored is found, barred and carried over by them, and it still finds what is
//! stored beside it. Never changes; it goes when no store of that state is left.

use super::{SearchKey, geboren, gefaltet, name_of, vorgeburtlich};
use crate::register::once::once;
use crate::register::record::{Kind, Mutter, Registersatz};

/// The identity of a child, whether or not it has a given name.
pub fn child(kind: &Kind, mutter: &Mutter) -> SearchKey {
    let (familie, vornamen) = name_of(kind.namen.first());
    let ort = kind.geburtsort.as_deref().unwrap_or_default();
    let (tag, ihr_tag) = (geboren(kind), mutter.geburtsdatum.to_string());
    gefaltet("kind", [tag.as_str(), ort, familie, vornamen, &ihr_tag])
}

/// The classes of the keys that a request looked under: those of a record.
pub(super) const GESUCHT: [&str; 7] = [
    "kind",
    "tage",
    "ohne-geburtsdatum",
    "ohne-mutterdatum",
    "vorgeburtlich",
    "vorgeburtlich-familie",
    "vorgeburtlich-name",
];

/// All keys of a record.
pub fn of(registersatz: &Registersatz) -> Vec<SearchKey> {
    let (kind, mutter) = (&registersatz.kind, &registersatz.mutter);
    let (tag, ihr_tag) = (geboren(kind), mutter.geburtsdatum.to_string());
    let ort = kind.geburtsort.as_deref().unwrap_or_default();
    let mut keys = vec![child(kind, mutter), gefaltet("tage", [tag.as_str(), &ihr_tag])];
    for name in &kind.namen {
        let (familie, vornamen) = name_of(Some(name));
        keys.push(gefaltet("ohne-geburtsdatum", [ort, familie, vornamen, &ihr_tag]));
        keys.push(gefaltet("ohne-mutterdatum", [tag.as_str(), ort, familie, vornamen]));
    }
    if vorgeburtlich(kind) {
        keys.extend(vorgeburt(mutter));
    }
    once(keys)
}

/// Her day with each of her names; the names alone only where her day is not known.
fn vorgeburt(mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(None, mutter);
    let (tag, vorname, familie) = (known.mutter.as_deref(), known.vorname, known.familie);
    let pairs = [
        ("vorgeburtlich", tag, vorname),
        ("vorgeburtlich-familie", tag, familie),
        ("vorgeburtlich-name", vorname, familie.filter(|_| tag.is_none())),
    ];
    pairs.into_iter().filter_map(|(class, one, other)| Some(gefaltet(class, [one?, other?]))).collect()
}

/// The classes of what is open: a pair of what is known of child and mother each.
pub(super) const OFFEN: [&str; 6] = [
    "offen-mutter",
    "offen-kind",
    "offen-vorname",
    "offen-mutter-familie",
    "offen-kind-familie",
    "offen-name",
];

/// What is known of a child and its mother.
struct Bekannt<'a> {
    kind: Option<String>,
    mutter: Option<String>,
    vorname: Option<&'a str>,
    familie: Option<&'a str>,
}

impl<'a> Bekannt<'a> {
    fn of(kind: Option<&Kind>, mutter: &'a Mutter) -> Self {
        let day =
            |datum: &crate::register::record::TeilDatum| datum.vollstaendig().then(|| datum.to_string());
        let born = kind.and_then(|kind| kind.geburtsdatum.as_ref().or(kind.erwartet.as_ref()));
        let some = |part: &'a str| Some(part).filter(|part| !part.is_empty());
        let vornamen = mutter.name.vornamen.as_deref().unwrap_or_default();
        let first = vornamen.split(|c: char| c.is_whitespace() || c == '-').find(|part| !part.is_empty());
        Bekannt {
            kind: born.and_then(day),
            mutter: day(&mutter.geburtsdatum),
            vorname: first,
            familie: some(mutter.name.familienname.as_deref().unwrap_or_default()),
        }
    }
}

/// The keys under which something open around a child or its mother was kept.
pub fn offen(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(kind, mutter);
    let (kind, mutter) = (known.kind.as_deref(), known.mutter.as_deref());
    let pairs = [
        (mutter, known.vorname),
        (kind, mutter),
        (kind, known.vorname),
        (mutter, known.familie),
        (kind, known.familie),
        (known.vorname, known.familie),
    ];
    let most = if kind.is_some() && mutter.is_some() { 3 } else { OFFEN.len() };
    let pairs = OFFEN.iter().zip(pairs).take(most);
    pairs.filter_map(|(class, (one, other))| Some(gefaltet(class, [one?, other?]))).collect()
}
