//! The tables that decide besides the code: offices, places, the decision table. Loaded with the routes and part of what
//! `decided_by` names; nothing here reads a file.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::register::aemter::{Aemter, Amt, Zustaendig};
use crate::register::gemeinden::{Geburtsplatz, Gemeinden, Ort, falten};
use crate::register::record::Kind;
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
    /// Whether what `lieferant` delivered of a child belongs to `amt` on this day: by its place of birth, where the table says that this went
    /// over from the one to another, also of an office that lives on without it; else by the offices themselves.
    pub fn gehoert(&self, lieferant: &str, kind: &Kind, amt: &str, am: Date) -> bool {
        let holders = self.halter(kind, am);
        let led = |(holder, _): &(&Amt, Date)| self.aemter.gehoert(lieferant, &holder.id, am);
        match holders.split_first() {
            // It holds the place today, or whoever took it over from it does.
            Some((today, before)) if led(today) || before.iter().any(led) => today.0.id == amt,
            _ => self.aemter.gehoert(lieferant, amt, am),
        }
    }

    /// Whether what `lieferant`, which is `amt` itself or was taken over by it, delivered of a child counts as a record of `amt` on this day:
    /// all but what lies where another office keeps the register by then.
    pub fn zaehlt(&self, lieferant: &str, kind: &Kind, amt: &str, am: Date) -> bool {
        self.gehoert(lieferant, kind, amt, am) || self.gehoert(lieferant, kind, lieferant, am)
    }

    /// The offices that kept the register of a child's place of birth one after the other, today's first, each with the last day on which it
    /// did; none where that is not certain.
    pub fn halter(&self, kind: &Kind, am: Date) -> Vec<(&Amt, Date)> {
        let key = kind.register_ars.as_deref().filter(|_| !kind.im_ausland());
        match self.gemeinden.platz(kind) {
            Geburtsplatz::Gemeinde(ars) | Geburtsplatz::Register(ars) => self.aemter.halter(ars, am),
            // Of a child not yet born the key is all there is.
            Geburtsplatz::Offen if kind.geburtsdatum.is_none() => {
                key.map(|ars| self.aemter.halter(ars, am)).unwrap_or_default()
            }
            Geburtsplatz::Offen => Vec::new(),
        }
    }

    /// The offices that kept the register of a child's place of birth before today's did and that this one did not take over as a whole, with
    /// those that they had taken over by then; each with the last day on which it kept it. What stood open of them that day still concerns
    /// the child. Of each place that it may be, where that is not certain.
    pub fn frueher(&self, kind: &Kind, am: Date) -> Vec<(String, Date)> {
        let places: Vec<&str> = match self.gemeinden.platz(kind) {
            Geburtsplatz::Gemeinde(ars) | Geburtsplatz::Register(ars) => vec![ars],
            Geburtsplatz::Offen if kind.im_ausland() => Vec::new(),
            Geburtsplatz::Offen => {
                let named = self.gemeinden.alle(&falten(kind.geburtsort.as_deref().unwrap_or_default()));
                named.into_iter().chain(kind.register_ars.as_deref()).collect()
            }
        };
        let mut all: BTreeMap<String, Date> = BTreeMap::new();
        for ars in places {
            let holders = self.aemter.halter(ars, am);
            let Some(((today, _), before)) = holders.split_first() else { continue };
            let whole = self.aemter.mit_vorgaengern(&today.id, am);
            for (amt, last) in before {
                for id in self.aemter.mit_vorgaengern(&amt.id, *last) {
                    if !whole.contains(&id) {
                        let known = all.entry(id).or_insert(*last);
                        *known = (*last).max(*known);
                    }
                }
            }
        }
        all.into_iter().collect()
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::aemter::Gebiet;
    use crate::register::testing::kind;

    /// Of `land` the city went to `stadt` on the first of September; `land` lives on. `alt` ended altogether.
    fn tafeln() -> Tafeln {
        let day = |text: &str| Some(text.parse().unwrap());
        let amt = |id: &str, ars: &str, (von, bis), nachfolge: Option<&str>| Amt {
            id: id.into(),
            gebiete: vec![Gebiet { ars: ars.into(), von, bis }],
            nachfolge: nachfolge.map(str::to_owned),
            ..Amt::default()
        };
        let mut tafeln = Tafeln::default();
        tafeln.aemter.aemter = vec![
            amt("land", "03351", (None, None), None),
            amt("stadt", "033510501", (day("2026-09-01"), None), None),
            amt("alt", "04", (None, day("2026-08-31")), Some("neu")),
            amt("neu", "04", (day("2026-09-01"), None), None),
        ];
        for (ars, name) in
            [("033510501001", "Neustadt"), ("033519999001", "Altdorf"), ("040110000000", "Bremen")]
        {
            tafeln.gemeinden.add(falten(name), ars);
        }
        tafeln
    }

    #[test]
    fn who_kept_a_part_before_is_known_with_its_last_day_and_who_was_taken_over_whole_is_not_asked_for() {
        let mut tafeln = tafeln();
        let before = |tafeln: &Tafeln, ort: &str| {
            let kind = Kind { geburtsort: Some(ort.into()), register_ars: None, ..kind() };
            tafeln.frueher(&kind, Date::constant(2026, 11, 21))
        };
        assert_eq!(before(&tafeln, "Neustadt"), [("land".to_owned(), Date::constant(2026, 8, 31))]);
        tafeln.gemeinden.add(falten("Zweimal"), "033510501002");
        tafeln.gemeinden.add(falten("Zweimal"), "033519999002");
        assert_eq!(before(&tafeln, "Zweimal").len(), 1, "it may be the one that went over");
        let before = |ort| before(&tafeln, ort);
        assert!(before("Altdorf").is_empty() && before("Bremen").is_empty() && before("Nirgends").is_empty());
    }

    #[test]
    fn what_was_delivered_belongs_to_who_keeps_the_register_of_its_place_today() {
        let tafeln = tafeln();
        let (before, after) = (Date::constant(2026, 8, 31), Date::constant(2026, 11, 21));
        for (lieferant, ort, amt, then, now) in [
            ("land", "Neustadt", "land", true, false),
            ("land", "Neustadt", "stadt", false, true),
            ("land", "Altdorf", "land", true, true),
            ("land", "Altdorf", "stadt", false, false),
            ("stadt", "Neustadt", "stadt", true, true),
            ("alt", "Bremen", "alt", true, false),
            ("alt", "Bremen", "neu", false, true),
            // The table tells of no handover between these.
            ("land", "Bremen", "neu", false, false),
            ("stadt", "Bremen", "neu", false, false),
            // A place that nobody resolves says nothing: it goes by the offices.
            ("land", "Nirgends", "land", true, true),
            ("alt", "Nirgends", "neu", false, true),
        ] {
            let mut kind = kind();
            kind.geburtsort = Some(ort.into());
            kind.register_ars = None;
            let is = |am| tafeln.gehoert(lieferant, &kind, amt, am);
            assert_eq!((is(before), is(after)), (then, now), "{lieferant} {ort} {amt}");
        }
    }
}
