//! The tables that decide besides the code: offices, places, the decision table. Loaded with the routes and part of what
//! `decided_by` names; nothing here reads a file.

use jiff::civil::Date;

use crate::register::aemter::{Aemter, Zustaendig};
use crate::register::gemeinden::{Gemeinden, Ort, falten};
use crate::register::tabelle::Tabelle;

/// All tables of a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tafeln {
    /// The Jugendaemter and their areas.
    pub aemter: Aemter,
    /// The places.
    pub gemeinden: Gemeinden,
    /// The decision table; the built-in one where the stage brings none.
    pub auskunft: Tabelle,
}

/// What the name of a place in Germany and the key of a register beside it say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ortsangabe<'a> {
    /// They agree, or there is no key: who keeps the register of the place.
    Einig(Zustaendig<'a>),
    /// The name means several Gemeinden, and no key tells which.
    Mehrdeutig,
    /// No Gemeinde has this name, nor is it another name of one that the key would tell.
    Unbekannt,
    /// The name means other Gemeinden than those of the key's office.
    Widerspruch,
    /// No name.
    OhneName,
}

impl Tafeln {
    /// Reconciles name and key of a place on a day (rules.md 2.4): a key alone is not certain whatever it says, and short, former
    /// and district names count beside a key only, because they name several places that no table knows.
    pub fn ortsangabe(&self, name: Option<&str>, ars: Option<&str>, am: Date) -> Ortsangabe<'_> {
        let name = falten(name.unwrap_or_default());
        if name.is_empty() {
            return Ortsangabe::OhneName;
        }
        let Some(key) = ars.filter(|ars| !ars.is_empty()) else {
            return match self.gemeinden.ort(&name) {
                Ort::Einer(ars) => Ortsangabe::Einig(self.aemter.zustaendig(ars, am)),
                Ort::Mehrere => Ortsangabe::Mehrdeutig,
                Ort::Keiner => Ortsangabe::Unbekannt,
            };
        };
        let by_key = self.aemter.zustaendig(key, am);
        let all = self.gemeinden.alle(&name);
        let fit: Vec<&str> =
            all.iter().copied().filter(|ars| self.aemter.zustaendig(ars, am) == by_key).collect();
        match fit.as_slice() {
            [] if all.is_empty() => Ortsangabe::Unbekannt,
            [] => Ortsangabe::Widerspruch,
            [_] => Ortsangabe::Einig(by_key),
            several if several.contains(&key) => Ortsangabe::Einig(by_key),
            _ => Ortsangabe::Mehrdeutig,
        }
    }
}
