//! The keys under which something open around a child or its mother is kept (case Q), and looked for. Coarse on purpose: what is
//! known otherwise must not hide it, and who is found too much only waits for a person. Nothing is judged behind them.

use super::{MONATE, SearchKey, alt, falten};
use crate::register::namen::{self, Wort, grob};
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

/// All classes of this page. Those that the program before had, too, have the same parts, so that what it left open is found by them as
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
        Some(SearchKey { class, value: value.to_owned() })
    };
    words.iter().filter_map(key).collect()
}

/// What is known of a child and its mother, as far as something open is kept and looked for by it.
struct Bekannt {
    kind: Option<String>,
    mutter: Option<String>,
    orte: Vec<String>,
    kind_namen: Vec<Wort>,
    vornamen: Vec<Wort>,
    familie: Vec<Wort>,
    /// Family name and name at birth as a whole, empty where there is none.
    ganze: [String; 2],
}

impl Bekannt {
    fn of(kind: Option<&Kind>, mutter: &Mutter) -> Self {
        let day = |datum: &TeilDatum| datum.vollstaendig().then(|| datum.to_string());
        let name = |kind: &Kind| falten(kind.geburtsort.as_deref()?.split(',').next()?).into();
        let orte = [kind.and_then(name), kind.and_then(|kind| kind.register_ars.clone())];
        Bekannt {
            kind: kind.and_then(|kind| kind.geburtsdatum.as_ref()).and_then(day),
            mutter: day(&mutter.geburtsdatum),
            orte: orte.into_iter().flatten().filter(|ort: &String| !ort.is_empty()).collect(),
            kind_namen: kind.map(|kind| namen::alle(&kind.namen)).unwrap_or_default(),
            vornamen: namen::vornamen(&mutter.name),
            familie: namen::familie(&mutter.name),
            ganze: [&mutter.name.familienname, &mutter.name.geburtsname]
                .map(|name| grob(&falten(name.as_deref().unwrap_or_default()))),
        }
    }

    /// Keys of the child's day with its names at each of these places.
    fn kind_namen(&self, orte: &[String]) -> Vec<SearchKey> {
        let Some(day) = &self.kind else { return Vec::new() };
        let at = |ort: &String| -> Vec<SearchKey> {
            self.kind_namen
                .iter()
                .map(|word| SearchKey::new(KIND_NAME, [day.as_str(), ort, word.grob()]))
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
        let Some(her) = &self.mutter else { return Vec::new() };
        let key = |class, word: &Wort| SearchKey::new(class, [her.as_str(), word.grob()]);
        let given = vornamen.into_iter().map(|word| key(MUTTER, word));
        given.chain(familie.into_iter().map(|word| key(MUTTER_FAMILIE, word))).collect()
    }

    /// Keys of the child's day with hers and with these given names of hers.
    fn tage(&self, vornamen: &[Wort]) -> Vec<SearchKey> {
        let Some(day) = &self.kind else { return Vec::new() };
        let given = vornamen.iter().map(|word| SearchKey::new(VORNAME, [day.as_str(), word.grob()]));
        let both = self.mutter.as_ref().map(|her| SearchKey::new(TAGE, [day.as_str(), her.as_str()]));
        given.chain(both).collect()
    }

    fn kind_familie(&self) -> Option<SearchKey> {
        let [family, _] = &self.ganze;
        let day = self.kind.as_ref().filter(|_| !family.is_empty())?;
        Some(SearchKey::new(KIND_FAMILIE, [day.as_str(), family]))
    }

    /// A given name and a word of a family name of hers, in whichever order, for each month.
    fn monate(&self, vornamen: &[Wort], months: std::ops::RangeInclusive<i32>) -> Vec<SearchKey> {
        let mut keys = Vec::new();
        for given in vornamen {
            for family in &self.familie {
                let (one, other) = (given.grob().min(family.grob()), given.grob().max(family.grob()));
                let at = |month: i32| SearchKey::new(MONAT, [one, other, month.to_string().as_str()]);
                keys.extend(months.clone().map(at));
            }
        }
        keys
    }

    /// A given name with her family name and her name at birth, each as a whole.
    fn namen(&self, vornamen: &[Wort]) -> Vec<[String; 2]> {
        let whole = self.ganze.iter().filter(|name| !name.is_empty());
        whole
            .flat_map(|name| vornamen.iter().map(move |given| [given.grob().to_owned(), name.clone()]))
            .collect()
    }
}

/// See [`super::offen`].
pub fn unter(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(kind, mutter);
    let mut keys = known.kind_namen(&known.orte);
    let all = || known.vornamen.iter().chain(&known.familie);
    keys.extend(known.mutter(all(), all()));
    keys.extend(known.tage(&known.vornamen));
    if known.mutter.is_none() {
        keys.extend(known.kind_familie());
    }
    if known.kind.is_none() {
        let part = kind.and_then(|kind| kind.geburtsdatum.or(kind.erwartet));
        keys.extend(match part.and_then(|datum| datum.monate()) {
            Some((first, last)) => known.monate(&known.vornamen, first - MONATE..=last + MONATE),
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

/// See [`super::offen_gesucht`].
pub fn gesucht(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(Some(kind), mutter);
    let first: Vec<Wort> = known.vornamen.iter().take(1).cloned().collect();
    // One place: whatever is open stands under its name and its key.
    let mut keys = known.kind_namen(known.orte.get(..1).unwrap_or_default());
    keys.extend(known.mutter(&first, &known.familie));
    keys.extend(known.tage(&first));
    keys.extend(known.kind_familie());
    let month = kind.geburtsdatum.filter(|datum| datum.monat.is_some()).and_then(|datum| datum.monate());
    keys.extend(month.map(|(month, _)| known.monate(&first, month..=month)).unwrap_or_default());
    let pairs = known.namen(&first);
    keys.extend(pairs.iter().map(|pair| SearchKey::new(NAMEN, [pair[0].as_str(), &pair[1]])));
    once(keys)
}
