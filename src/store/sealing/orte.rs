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

/// The places met so far.
#[derive(Default)]
pub struct Orte(HashMap<Ort, (Kind, u64)>);

impl Orte {
    /// Counts the place of one child.
    pub fn add(&mut self, kind: &Kind) {
        let kind = nur_ort(kind);
        let ort = (
            kind.geburtsort.clone(),
            kind.geburtsstaat.clone(),
            kind.register_ars.clone(),
            kind.geburtsdatum.is_some(),
        );
        self.0.entry(ort).or_insert((kind, 0)).1 += 1;
    }

    /// Each place once with its number, in no order.
    pub fn counted(self) -> Vec<(Kind, u64)> {
        self.0.into_values().collect()
    }
}
