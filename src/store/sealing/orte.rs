//! Where the children of an office's records were born, counted: for what went over to another office with its area (rules.md 6).
//! Holds nothing of a child but its place, and never says whose a place is.

use std::collections::HashMap;

use crate::register::record::{Kind, TeilDatum};

/// Name, state and key of a place, and whether the child is born.
type Ort = (Option<String>, Option<String>, Option<String>, bool);

/// What is said about the place of birth, and whether the child is born; nothing that tells one child from another.
fn nur_ort(kind: &Kind) -> Kind {
    Kind {
        geburtsort: kind.geburtsort.clone(),
        geburtsstaat: kind.geburtsstaat.clone(),
        register_ars: kind.register_ars.clone(),
        geburtsdatum: kind.geburtsdatum.map(|_| TeilDatum::default()),
        ..Kind::default()
    }
}

/// Places of one office that are told apart at most. An area has some hundred, and each way to write one counts for itself.
const MOST: usize = 10_000;
/// Records that are opened for one question at most: all children of the largest office of Germany are fewer.
const RECORDS: u64 = 1_000_000;

/// The places met so far.
#[derive(Default)]
pub struct Orte {
    places: HashMap<Ort, (Kind, u64)>,
    records: u64,
}

impl Orte {
    /// Counts the place of one child; false where it is one more than are counted: then nothing is known.
    pub fn add(&mut self, kind: &Kind) -> bool {
        self.within(kind, MOST, RECORDS)
    }

    fn within(&mut self, kind: &Kind, most: usize, records: u64) -> bool {
        let kind = nur_ort(kind);
        let ort = (
            kind.geburtsort.clone(),
            kind.geburtsstaat.clone(),
            kind.register_ars.clone(),
            kind.geburtsdatum.is_some(),
        );
        self.records += 1;
        let known = self.places.contains_key(&ort);
        if self.records > records || !known && self.places.len() >= most {
            return false;
        }
        self.places.entry(ort).or_insert((kind, 0)).1 += 1;
        true
    }

    /// Each place once with its number, in no order.
    pub fn counted(self) -> Vec<(Kind, u64)> {
        self.places.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_its_bounds_nothing_is_counted() {
        let born = |ort: &str| Kind { geburtsort: Some(ort.to_owned()), ..Kind::default() };
        let mut places = Orte::default();
        assert!(["a", "b", "a"].iter().all(|ort| places.within(&born(ort), 2, 9)));
        assert!(!places.within(&born("c"), 2, 9), "a third place");
        let mut records = Orte::default();
        assert!(records.within(&born("a"), 2, 2) && records.within(&born("a"), 2, 2));
        assert!(!records.within(&born("a"), 2, 2), "a third record");
        let mut counted = Orte::default();
        assert!(counted.add(&born("a")) && counted.add(&born("a")));
        assert_eq!(counted.counted(), [(born("a"), 2)]);
    }
}
