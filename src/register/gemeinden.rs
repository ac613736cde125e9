//! Places by name: the ARS of a Gemeinde, where a name means exactly one (sorgeregister.md 8), and the other names of a Gemeinde,
//! which reconcile a name with a key (rules.md 2.4). Data of a stage; a name that means several places names none.

use std::collections::{BTreeMap, BTreeSet};

use crate::latin::searchform::vergleichsform;
use crate::register::aemter::{AGS, ARS, ags};
use crate::register::once::once;
use crate::register::record::Kind;

/// Digits that tell a Land, and those that tell a Kreis.
const LAND: usize = 2;
const KREIS: usize = 5;

/// What a name of a place means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ort<'a> {
    /// Exactly one Gemeinde.
    Einer(&'a str),
    /// Several Gemeinden of this name.
    Mehrere,
    /// No Gemeinde of this name.
    Keiner,
}

/// The Gemeinden of a stage: search form of the name → ARS, 12 digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gemeinden {
    by_name: BTreeMap<String, Vec<String>>,
    /// Short, former and district names: beside a key they fit their Gemeinde, alone they name none.
    weitere: BTreeMap<String, Vec<String>>,
    /// The official names of each ARS of `by_name`, folded.
    namen: BTreeMap<String, Vec<String>>,
    /// Those that have other names.
    mit_weiteren: BTreeSet<String>,
}

/// The place of a birth, as far as it is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geburtsplatz<'a> {
    /// Exactly one Gemeinde.
    Gemeinde(&'a str),
    /// Only the key of the register is known.
    Register(&'a str),
    /// Unresolved.
    Offen,
}

/// How two places of birth lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verhaeltnis {
    /// One ARS.
    Gleich,
    /// Two for certain.
    Verschieden,
    /// One of them is unresolved.
    Ungewiss,
}

impl Gemeinden {
    /// Adds a Gemeinde under the folded form of a name.
    pub fn add(&mut self, folded_name: String, ars: &str) {
        add(&mut self.namen, ars.to_owned(), &folded_name);
        add(&mut self.by_name, folded_name, ars);
    }

    /// Adds another name of a Gemeinde: short, former, or of a district.
    pub fn add_weiteren(&mut self, folded_name: String, ars: &str) {
        self.mit_weiteren.insert(ars.to_owned());
        add(&mut self.weitere, folded_name, ars);
    }

    /// Whether a Gemeinde of this key is known.
    pub fn kennt(&self, ars: &str) -> bool {
        self.namen.contains_key(ars)
    }

    /// The official names of the Gemeinde of an ARS, folded; none where it is not known.
    pub fn amtlich(&self, ars: &str) -> &[String] {
        self.namen.get(ars).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether one Gemeinde may be written in several ways.
    pub fn mehrere_namen(&self, ars: &str) -> bool {
        self.mit_weiteren.contains(ars) || self.amtlich(ars).len() > 1
    }

    /// All Gemeinden that a folded name may mean, by their official or another name.
    pub fn alle(&self, folded_name: &str) -> Vec<&str> {
        let names = [&self.by_name, &self.weitere].into_iter().filter_map(|names| names.get(folded_name));
        once(names.flatten().map(String::as_str))
    }

    /// The place where a child was born; names that mean several are told apart by the Kreis of the register's key.
    pub fn platz<'a>(&'a self, kind: &'a Kind) -> Geburtsplatz<'a> {
        if kind.im_ausland() {
            return Geburtsplatz::Offen;
        }
        let name = falten(kind.geburtsort.as_deref().unwrap_or_default());
        if let Ort::Einer(ars) = self.ort(&name) {
            return Geburtsplatz::Gemeinde(ars);
        }
        let Some(key) = kind.register_ars.as_deref().filter(|ars| ars.len() >= KREIS) else {
            return Geburtsplatz::Offen;
        };
        let all = self.alle(&name);
        if let Some(same) = all.iter().find(|ars| **ars == key) {
            return Geburtsplatz::Gemeinde(same);
        }
        let near: Vec<&str> =
            all.iter().copied().filter(|ars| ars.get(..KREIS) == key.get(..KREIS)).collect();
        match (near.as_slice(), all.is_empty()) {
            ([one], _) => Geburtsplatz::Gemeinde(one),
            (_, true) => Geburtsplatz::Register(key),
            _ => Geburtsplatz::Offen,
        }
    }

    /// Whether name and key of the place of a birth do not contradict each other by these names: the name is one of the Gemeinde of the key,
    /// or no name that is known at all.
    pub fn passt(&self, kind: &Kind) -> bool {
        match (self.platz(kind), kind.register_ars.as_deref().filter(|key| !key.is_empty())) {
            (Geburtsplatz::Gemeinde(ars), Some(key)) => liegt_in(key, ars),
            (Geburtsplatz::Gemeinde(_) | Geburtsplatz::Register(_), _) => true,
            (Geburtsplatz::Offen, _) => false,
        }
    }

    /// Whether the table reconciles the key of a request with the name of its place: it is that of the Gemeinde, or of what the Gemeinde
    /// lies in, because a register may be kept by a Kreis.
    pub fn vertraegt(&self, kind: &Kind) -> bool {
        let Some(key) = kind.register_ars.as_deref().filter(|key| !key.is_empty()) else { return true };
        match self.platz(kind) {
            Geburtsplatz::Gemeinde(ars) => liegt_in(key, ars) || umfasst(key, ars),
            Geburtsplatz::Register(_) => true,
            Geburtsplatz::Offen => false,
        }
    }

    /// How the places of birth of two children lie to each other.
    pub fn verhaeltnis(&self, eines: &Kind, anderes: &Kind) -> Verhaeltnis {
        use Geburtsplatz::{Gemeinde, Offen, Register};
        match (self.platz(eines), self.platz(anderes)) {
            (Gemeinde(one), Gemeinde(other)) if one != other => Verhaeltnis::Verschieden,
            (Gemeinde(_), Gemeinde(_)) => Verhaeltnis::Gleich,
            (Register(one), Register(other)) if one == other => Verhaeltnis::Gleich,
            (Offen, _) | (_, Offen) => Verhaeltnis::Ungewiss,
            // The key of a register may be that of the office's seat: only another Land is another place for certain.
            (Gemeinde(one) | Register(one), Gemeinde(other) | Register(other)) => {
                match one.get(..LAND) == other.get(..LAND) {
                    true => Verhaeltnis::Ungewiss,
                    false => Verhaeltnis::Verschieden,
                }
            }
        }
    }

    /// What a folded name means.
    pub fn ort(&self, folded_name: &str) -> Ort<'_> {
        match self.by_name.get(folded_name).map(Vec::as_slice) {
            None | Some([]) => Ort::Keiner,
            Some([one]) => Ort::Einer(one),
            Some(_) => Ort::Mehrere,
        }
    }

    /// Whether a Gemeinde of this folded name, official or another, has this key: an ARS (12 digits), or an AGS (8), which leaves out the four digits
    /// of the Verband. The key of a district counts as that of its Gemeinde where the Land knows no other (city states).
    pub fn heisst(&self, folded_name: &str, schluessel: &str) -> bool {
        self.alle(folded_name).into_iter().any(|ars| liegt_in(schluessel, ars))
    }

    /// How many names are known.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

fn add(under: &mut BTreeMap<String, Vec<String>>, key: String, value: &str) {
    let all = under.entry(key).or_default();
    if !all.iter().any(|known| known == value) {
        all.push(value.to_owned());
    }
}

/// Whether a key lies in the Gemeinde of an ARS.
fn liegt_in(schluessel: &str, ars: &str) -> bool {
    let (land, rest) = (ars.get(..LAND).unwrap_or_default(), ars.get(LAND..ARS).unwrap_or_default());
    if rest.bytes().all(|digit| digit == b'0') {
        return schluessel.starts_with(land);
    }
    match schluessel.len() {
        ARS => schluessel == ars,
        AGS => ags(ars).is_some_and(|ags| schluessel == ags),
        _ => false,
    }
}

/// Whether a key is that of a Land, a Kreis or a Verband in which the Gemeinde of an ARS lies.
fn umfasst(schluessel: &str, ars: &str) -> bool {
    let area = schluessel.trim_end_matches('0');
    let area = schluessel.get(..area.len().max(LAND)).unwrap_or_default();
    schluessel.len() == ARS && !area.is_empty() && ars.starts_with(area)
}

/// The form under which a name of a place is compared, its search form: what stands after a comma is a title and left out, and signs
/// between words say nothing (`Halle (Saale)`, `Halle/Saale`).
pub fn falten(name: &str) -> String {
    let form = vergleichsform(name.split(',').next().unwrap_or_default());
    let words = form.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::testing::kind;

    fn orte() -> Gemeinden {
        let mut orte = Gemeinden::default();
        for (ars, name) in [
            ("040110000000", "Bremen"),
            ("040120000000", "Bremerhaven"),
            ("059740040040", "Soest, Stadt"),
            ("150020000000", "Halle (Saale)"),
            ("057540008008", "Halle (Westf.)"),
            ("010010000000", "Neustadt"),
            ("020010000000", "Neustadt"),
        ] {
            orte.add(falten(name), ars);
        }
        orte.add_weiteren(falten("Bremen-Mitte"), "040110000000");
        orte.add_weiteren(falten("Halle"), "150020000000");
        orte.add_weiteren(falten("Halle"), "057540008008");
        orte
    }

    fn born(ort: &str, ars: &str) -> Kind {
        Kind {
            geburtsort: Some(ort.into()),
            register_ars: Some(ars.into()).filter(|ars: &String| !ars.is_empty()),
            ..kind()
        }
    }

    #[test]
    fn signs_and_titles_of_a_name_say_nothing() {
        for name in ["Halle (Saale)", "Halle/Saale", "HALLE  SAALE, Stadt"] {
            assert_eq!(falten(name), "HALLE SAALE", "{name}");
        }
        assert_eq!(falten(" , Stadt"), "");
    }

    #[test]
    fn a_place_is_resolved_by_name_and_by_key() {
        use Geburtsplatz::{Gemeinde, Offen, Register};
        let orte = orte();
        for (ort, ars, platz) in [
            ("Bremen", "", Gemeinde("040110000000")),
            ("Bremen-Mitte", "", Offen),
            ("Bremen-Mitte", "040110000000", Gemeinde("040110000000")),
            ("Neustadt", "", Offen),
            ("Neustadt", "020010000000", Gemeinde("020010000000")),
            ("Neustadt", "040110000000", Offen),
            ("Halle", "150020000000", Gemeinde("150020000000")),
            ("Halle", "057540000000", Gemeinde("057540008008")),
            ("Soest", "059740000000", Gemeinde("059740040040")),
            ("Paris", "040110000000", Register("040110000000")),
            ("Paris", "", Offen),
        ] {
            assert_eq!(orte.platz(&born(ort, ars)), platz, "{ort} {ars}");
        }
        for (ort, ars, fits) in [
            ("Bremen", "", true),
            ("Bremen", "040110000000", true),
            ("Bremen-Mitte", "040110000000", true),
            ("Bremerhaven", "040110000000", false),
            ("Neustadt", "040110000000", false),
            ("Bremen-Nirgends", "040110000000", true),
        ] {
            assert_eq!(orte.passt(&born(ort, ars)), fits, "{ort} {ars}");
        }
        let abroad = Kind { geburtsstaat: Some("129".into()), ..born("Bremen", "") };
        assert_eq!(orte.platz(&abroad), Offen);
    }

    #[test]
    fn places_differ_only_for_certain() {
        use Verhaeltnis::{Gleich, Ungewiss, Verschieden};
        let orte = orte();
        let bremen = born("Bremen", "040110000000");
        for (ort, ars, expected) in [
            ("Bremen-Mitte", "040110000000", Gleich),
            ("Bremen", "", Gleich),
            ("Bremerhaven", "", Verschieden),
            ("Neustadt", "", Ungewiss),
            ("Nirgendwo", "040110000000", Ungewiss),
            ("Nirgendwo", "010010000000", Verschieden),
        ] {
            assert_eq!(orte.verhaeltnis(&bremen, &born(ort, ars)), expected, "{ort} {ars}");
            assert_eq!(orte.verhaeltnis(&born(ort, ars), &bremen), expected, "{ort} {ars}");
        }
    }
}
