//! The keys under which something open around a child or its mother is kept (case Q), and looked for. Coarse on purpose: what is
//! known otherwise must not hide it, and who is found too much only waits for a person. Nothing is judged behind them.

use super::bekannt::Bekannt;
use super::{MONATE, SearchKey, alt, falten, tage_von};
use crate::register::gemeinden::{Geburtsplatz, Gemeinden};
use crate::register::namen::Wort;
use crate::register::once::once;
use crate::register::record::{Kind, Mutter, TeilDatum};

/// The child's day, its place and one of its names.
const KIND_NAME: &str = "offen-kind-name";
/// Her day and one of her names, looked for as a given name.
const MUTTER: &str = "offen-mutter";
/// Her day and one of her names, looked for as a family name.
const MUTTER_FAMILIE: &str = "offen-mutter-familie";
/// Both days.
const TAGE: &str = "offen-kind";
/// The child's day and one of her given names.
const VORNAME: &str = "offen-vorname";
/// The child's day and her family name, where her day is not known.
const KIND_FAMILIE: &str = "offen-kind-familie";
/// A given and a family name of hers, in whichever order, and a month in which a birth is expected.
const MONAT: &str = "offen-name-monat";
/// A given name and a whole family name of hers, where nothing is known of the day.
const NAMEN: &str = "offen-name";

/// The child's day, whatever else is known of it.
const TAG: &str = "offen-tag";
/// Her day, whatever else is known of her.
const IHR_TAG: &str = "offen-ihr-tag";
/// One of her names, where nothing else is known of her.
const IHR_NAME: &str = "offen-ihr-name";
/// All classes of this page under which a Vorgang is open. Those that the program before had, too, have the same parts, so that what it left open is found by them as
/// far as its names are one word each and have one spelling.
const CLASSES: [&str; 8] = [KIND_NAME, MUTTER, MUTTER_FAMILIE, TAGE, VORNAME, KIND_FAMILIE, MONAT, NAMEN];

/// Between class and value of a key that is kept as a word.
const IN_WORDS: char = '\u{1e}';

/// See [`super::in_worten`].
pub fn in_worten(keys: &[SearchKey]) -> Vec<String> {
    keys.iter().map(|key| format!("{}{IN_WORDS}{}", key.class, key.value)).collect()
}

/// See [`super::aus_worten`].
pub fn aus_worten(words: &[String]) -> Vec<SearchKey> {
    let key = |word: &String| {
        let (class, value) = word.split_once(IN_WORDS)?;
        let class = CLASSES.into_iter().chain(alt::OFFEN).find(|known| *known == class)?;
        Some(SearchKey { class, value: value.into() })
    };
    words.iter().filter_map(key).collect()
}

impl Bekannt {
    /// Keys of the child's day with its names at each of these places.
    fn kind_namen(&self, orte: &[String]) -> Vec<SearchKey> {
        let Some(day) = &self.kind else { return Vec::new() };
        let at = |ort: &String| -> Vec<SearchKey> {
            self.worte
                .iter()
                .flat_map(Wort::grobe)
                .map(|word| SearchKey::new(KIND_NAME, [day.as_str(), ort, word]))
                .collect()
        };
        orte.iter().flat_map(at).collect()
    }

    /// Keys of her day with her names, looked for as given and as family names.
    fn mutter<'a>(
        &'a self,
        vornamen: impl IntoIterator<Item = &'a Wort>,
        familie: impl IntoIterator<Item = &'a Wort>,
    ) -> Vec<SearchKey> {
        self.mutter.as_ref().map(|her| ihr_tag(her, vornamen, familie)).unwrap_or_default()
    }

    /// Keys of the child's day with hers and with these given names of hers.
    fn tage(&self, vornamen: &[Wort]) -> Vec<SearchKey> {
        let Some(day) = &self.kind else { return Vec::new() };
        let given = vornamen.iter().flat_map(Wort::grobe);
        let given = given.map(|word| SearchKey::new(VORNAME, [day.as_str(), word]));
        let both = self.mutter.as_ref().map(|her| SearchKey::new(TAGE, [day.as_str(), her.as_str()]));
        given.chain(both).collect()
    }

    fn kind_familie(&self) -> Vec<SearchKey> {
        let [family, _] = &self.ganze;
        let day = self.kind.iter();
        day.flat_map(|day| family.iter().map(|name| SearchKey::new(KIND_FAMILIE, [day.as_str(), name])))
            .collect()
    }

    /// A given name and a word of a family name of hers, in whichever order, for each month.
    fn monate(&self, months: std::ops::RangeInclusive<i32>) -> Vec<SearchKey> {
        let mut keys = Vec::new();
        for given in self.vornamen.iter().flat_map(Wort::grobe) {
            for family in self.familie.iter().flat_map(Wort::grobe) {
                let (one, other) = (given.min(family), given.max(family));
                let at = |month: i32| SearchKey::new(MONAT, [one, other, month.to_string().as_str()]);
                keys.extend(months.clone().map(at));
            }
        }
        keys
    }

    /// A given name with her family name and her name at birth, each as a whole.
    fn namen(&self, vornamen: &[Wort]) -> Vec<[String; 2]> {
        let given = vornamen.iter().flat_map(Wort::grobe);
        given
            .flat_map(|given| self.ganze.iter().flatten().map(move |name| [given.to_owned(), name.clone()]))
            .collect()
    }
}

/// Keys of a day of hers with her names, looked for as given and as family names.
fn ihr_tag<'a>(
    her: &str,
    vornamen: impl IntoIterator<Item = &'a Wort>,
    familie: impl IntoIterator<Item = &'a Wort>,
) -> Vec<SearchKey> {
    let key = |class, word: &str| SearchKey::new(class, [her, word]);
    let given = vornamen.into_iter().flat_map(Wort::grobe).map(|word| key(MUTTER, word));
    given.chain(familie.into_iter().flat_map(Wort::grobe).map(|word| key(MUTTER_FAMILIE, word))).collect()
}

/// The name of a place as it stands in keys, without what is behind a comma; none where it is empty.
fn ort(name: &str) -> Option<String> {
    Some(falten(name.split(',').next()?)).filter(|name| !name.is_empty())
}

/// Everything under which the place of a child may be looked for: its name as it is written, its key, and the official names of the
/// Gemeinden that either may mean. A place that nobody knows stands by its key at the Gemeinde of that key.
fn orte_von(orte: &Gemeinden, kind: &Kind) -> Vec<String> {
    let name = kind.geburtsort.as_deref().unwrap_or_default();
    let key = kind.register_ars.as_deref().filter(|key| !key.is_empty());
    let mut gemeinden: Vec<&str> = key.into_iter().collect();
    match orte.platz(kind) {
        Geburtsplatz::Gemeinde(ars) => gemeinden.push(ars),
        Geburtsplatz::Register(_) => {}
        Geburtsplatz::Offen => gemeinden.extend(orte.alle(&crate::register::gemeinden::falten(name))),
    }
    let official = gemeinden.into_iter().flat_map(|ars| orte.amtlich(ars)).filter_map(|name| ort(name));
    once(ort(name).into_iter().chain(key.map(str::to_owned)).chain(official))
}

/// The names under which the place that is asked for is looked for: as it is written, and the official one of its Gemeinde.
fn orte_gesucht(orte: &Gemeinden, kind: &Kind) -> Vec<String> {
    let official = match orte.platz(kind) {
        Geburtsplatz::Gemeinde(ars) => orte.amtlich(ars),
        Geburtsplatz::Register(_) | Geburtsplatz::Offen => &[],
    };
    let official = official.iter().filter_map(|name| ort(name));
    once(kind.geburtsort.as_deref().and_then(ort).into_iter().chain(official))
}

/// The child's day with its names at the key of its place.
fn am_schluessel(known: &Bekannt, orte: &Gemeinden, kind: &Kind) -> Vec<SearchKey> {
    let place = match orte.platz(kind) {
        Geburtsplatz::Gemeinde(ars) | Geburtsplatz::Register(ars) => Some(ars.to_owned()),
        Geburtsplatz::Offen => None,
    };
    let key = kind.register_ars.clone().filter(|key| !key.is_empty());
    known.kind_namen(&once(place.into_iter().chain(key)))
}

/// See [`super::hinweis_unter`].
pub fn ueberall(orte: &Gemeinden, kind: &Kind) -> Vec<SearchKey> {
    let resolved = matches!(orte.platz(kind), Geburtsplatz::Gemeinde(_)) && !kind.im_ausland();
    if resolved { Vec::new() } else { an_jedem_ort(kind) }
}

/// See [`super::ueberall`].
pub fn an_jedem_ort(kind: &Kind) -> Vec<SearchKey> {
    Bekannt::of(Some(kind), &Mutter::default()).kind_namen(&[String::new()])
}

/// Where her day is known in part and nothing of the child's: her given and family names with each day that it may be.
pub fn ihre_tage(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(kind, mutter);
    if known.kind.is_some() || known.mutter.is_some() || mutter.geburtsdatum.jahr == 0 {
        return Vec::new();
    }
    let days = tage_von(&mutter.geburtsdatum);
    days.iter().flat_map(|day| ihr_tag(day, &known.vornamen, &known.familie)).collect()
}

/// See [`super::nur_tage`].
pub fn nur_tage(kind: Option<&TeilDatum>, mutter: Option<&TeilDatum>) -> Vec<SearchKey> {
    let of = |class, datum: Option<&TeilDatum>| -> Vec<SearchKey> {
        let days = datum.filter(|datum| datum.jahr > 0).map(tage_von).unwrap_or_default();
        days.iter().map(|day| SearchKey::new(class, [day.as_str()])).collect()
    };
    of(TAG, kind).into_iter().chain(of(IHR_TAG, mutter)).collect()
}

/// See [`super::nur_namen`].
pub fn nur_namen(mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(None, mutter);
    once(ihre_namen(&known.vornamen, &known.familie))
}

fn ihre_namen<'a>(vornamen: &'a [Wort], familie: &'a [Wort]) -> impl Iterator<Item = SearchKey> + 'a {
    vornamen.iter().chain(familie).flat_map(Wort::grobe).map(|word| SearchKey::new(IHR_NAME, [word]))
}

/// See [`super::offen`].
pub fn unter(orte: &Gemeinden, kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(kind, mutter);
    let mut keys = known.kind_namen(&kind.map(|kind| orte_von(orte, kind)).unwrap_or_default());
    let all = || known.vornamen.iter().chain(&known.familie);
    keys.extend(known.mutter(all(), all()));
    keys.extend(known.tage(&known.vornamen));
    let expected = kind.and_then(|kind| kind.erwartet).filter(|datum| datum.vollstaendig());
    if let (None, Some(day), Some(her)) = (&known.kind, expected, &known.mutter) {
        keys.push(SearchKey::new(TAGE, [day.to_string().as_str(), her]));
    }
    if known.mutter.is_none() {
        keys.extend(known.kind_familie());
    }
    // Where one of the days is not known the other may be wrong by itself: her names count with it.
    if known.kind.is_none() || known.mutter.is_none() {
        let part = kind.and_then(|kind| kind.geburtsdatum.or(kind.erwartet));
        keys.extend(match part.and_then(|datum| datum.monate()) {
            Some((first, last)) => known.monate(first - MONATE..=last + MONATE),
            // In both orders: given and family name may be exchanged.
            None => {
                let pairs = known.namen(&known.vornamen);
                let both = pairs.iter().flat_map(|[one, other]| [[one, other], [other, one]]);
                both.map(|pair| SearchKey::new(NAMEN, pair.map(String::as_str))).collect()
            }
        });
    }
    once(keys)
}

/// See [`super::Gesucht`]: under what something is open, and what else is met by its keys alone.
pub fn gesucht(known: &Bekannt, orte: &Gemeinden, kind: &Kind) -> (Vec<SearchKey>, Vec<SearchKey>) {
    let first = &known.vornamen[..known.vornamen.len().min(1)];
    let mut keys = known.kind_namen(&orte_gesucht(orte, kind));
    // A notice whose place nobody could resolve stands without it.
    keys.extend(known.kind_namen(&[String::new()]));
    keys.extend(known.mutter(first, &known.familie));
    keys.extend(known.tage(first));
    keys.extend(known.kind_familie());
    let month = kind.geburtsdatum.filter(|datum| datum.monat.is_some()).and_then(|datum| datum.monate());
    keys.extend(month.map(|(month, _)| known.monate(month..=month)).unwrap_or_default());
    let pairs = known.namen(first);
    keys.extend(pairs.iter().map(|pair| SearchKey::new(NAMEN, [pair[0].as_str(), &pair[1]])));
    let day = known.kind.iter().map(|day| SearchKey::new(TAG, [day.as_str()]));
    let hers = known.mutter.iter().map(|day| SearchKey::new(IHR_TAG, [day.as_str()]));
    let names = ihre_namen(first, &known.familie);
    let alone = am_schluessel(known, orte, kind).into_iter().chain(day).chain(hers).chain(names);
    (once(keys), once(alone))
}
