//! Places by name: the ARS of a Gemeinde, where a name means exactly one (sorgeregister.md 8).
//! Data of a stage; a name that means several places names none.

use std::collections::BTreeMap;

use crate::latin::searchform::vergleichsform;

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
}

impl Gemeinden {
    /// Adds a Gemeinde under the folded form of a name.
    pub fn add(&mut self, folded_name: String, ars: &str) {
        let all = self.by_name.entry(folded_name).or_default();
        if !all.iter().any(|known| known == ars) {
            all.push(ars.to_owned());
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

    /// How many names are known.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// The form under which a name of a place is compared, its search form: what stands after a comma is a title and left out.
pub fn falten(name: &str) -> String {
    vergleichsform(name.split(',').next().unwrap_or_default())
}
