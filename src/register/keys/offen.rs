//! The keys under which something open around a child or its mother is kept (case Q), and looked for. Coarse on purpose: what is
//! known otherwise must not hide it, and who is found too much only waits for a person. Nothing is judged behind them.

use super::{MONATE, SearchKey, alt, einmal, falten, gefaltet};
use crate::register::namen::{self, Wort, grob};
use crate::register::record::{Kind, Mutter, TeilDatum};

/// The child's day, its place and one of its names.
const KIND_NAME: &str = "offen-kind-name";
/// Her day and one of her names.
const MUTTER: &str = "offen-mutter";
/// Both days.
const TAGE: &str = "offen-kind";
/// The child's day and one of her given names.
const VORNAME: &str = "offen-vorname";
/// The child's day and her family name, where her day is not known.
const KIND_FAMILIE: &str = "offen-kind-familie";
/// A given and a family name of hers, in whichever order, and a month in which a birth is expected.
const MONAT: &str = "offen-name-monat";
/// The same, where nothing is known of the day.
const NAMEN: &str = "offen-namen";

/// All classes of this page.
const CLASSES: [&str; 7] = [KIND_NAME, MUTTER, TAGE, VORNAME, KIND_FAMILIE, MONAT, NAMEN];

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
    ganze_familie: String,
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
            ganze_familie: grob(&falten(mutter.name.familienname.as_deref().unwrap_or_default())),
        }
    }

    /// Keys of the child's day with its names at each of these places.
    fn kind_namen(&self, orte: &[String]) -> Vec<SearchKey> {
        let Some(day) = &self.kind else { return Vec::new() };
        let at = |ort: &String| -> Vec<SearchKey> {
            self.kind_namen.iter().map(|word| gefaltet(KIND_NAME, [day.as_str(), ort, word.grob()])).collect()
        };
        orte.iter().flat_map(at).collect()
    }

    /// Keys of the days of the two, with these given names of hers.
    fn tage(&self, vornamen: &[Wort]) -> Vec<SearchKey> {
        let mut keys = Vec::new();
        if let Some(her) = &self.mutter {
            let words = self.familie.iter().chain(vornamen);
            keys.extend(words.map(|word| gefaltet(MUTTER, [her.as_str(), word.grob()])));
        }
        if let Some(day) = &self.kind {
            keys.extend(vornamen.iter().map(|word| gefaltet(VORNAME, [day.as_str(), word.grob()])));
            keys.extend(self.mutter.as_ref().map(|her| gefaltet(TAGE, [day.as_str(), her.as_str()])));
        }
        keys
    }

    fn kind_familie(&self) -> Option<SearchKey> {
        let day = self.kind.as_ref().filter(|_| !self.ganze_familie.is_empty())?;
        Some(gefaltet(KIND_FAMILIE, [day.as_str(), &self.ganze_familie]))
    }

    /// A given and a family name of hers, for each month.
    fn namen(&self, vornamen: &[Wort], months: Option<std::ops::RangeInclusive<i32>>) -> Vec<SearchKey> {
        let mut keys = Vec::new();
        for given in vornamen {
            for family in &self.familie {
                let (one, other) = (given.grob().min(family.grob()), given.grob().max(family.grob()));
                match &months {
                    None => keys.push(gefaltet(NAMEN, [one, other])),
                    Some(months) => keys.extend(
                        months
                            .clone()
                            .map(|month| SearchKey::new(MONAT, [one, other, month.to_string().as_str()])),
                    ),
                }
            }
        }
        keys
    }
}

/// See [`super::offen`].
pub fn unter(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(kind, mutter);
    let mut keys = known.kind_namen(&known.orte);
    keys.extend(known.tage(&known.vornamen));
    if known.mutter.is_none() {
        keys.extend(known.kind_familie());
    }
    if known.kind.is_none() {
        let part = kind.and_then(|kind| kind.geburtsdatum.or(kind.erwartet));
        let months = part.and_then(|datum| datum.monate());
        keys.extend(known.namen(&known.vornamen, months.map(|(first, last)| first - MONATE..=last + MONATE)));
    }
    einmal(keys)
}

/// See [`super::offen_gesucht`].
pub fn gesucht(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let known = Bekannt::of(Some(kind), mutter);
    let first: Vec<Wort> = known.vornamen.iter().take(1).cloned().collect();
    // One place: whatever is open stands under its name and its key.
    let mut keys = known.kind_namen(known.orte.get(..1).unwrap_or_default());
    keys.extend(known.tage(&first));
    keys.extend(known.kind_familie());
    let month = kind.geburtsdatum.filter(|datum| datum.monat.is_some()).and_then(|datum| datum.monate());
    keys.extend(month.map(|(month, _)| known.namen(&first, Some(month..=month))).unwrap_or_default());
    keys.extend(known.namen(&first, None));
    einmal(keys)
}
