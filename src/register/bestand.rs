//! What is known of the completeness and freshness of a Jugendamt's register (rules.md 6): without it *known, no entry* is no answer.
//! Pure: counts and moments come in, no person data is held.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::register::aemter::tag;
use crate::register::objection::dieselbe_person;

/// How old an office's list may be when somebody signs the completeness on it: a weekend with a day on each side.
pub const LISTE_GILT: SignedDuration = SignedDuration::from_hours(4 * 24);

/// A comparison of the office's list with the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abgleich {
    /// When it was made.
    pub am: Timestamp,
    /// As of when the office's list speaks: the moment of the export that it was made of. Where none is known (counts, and lists of
    /// earlier versions) nothing is proven: nobody knows what the office entered since.
    #[serde(default)]
    pub stand: Option<Timestamp>,
    /// How many Registersätze the office holds.
    pub erwartet: u64,
    /// How many stood in the mirror at that moment.
    pub gezaehlt: u64,
    /// How many of the office's were missing in the mirror.
    pub fehlend: u64,
    /// How many stood in the mirror that the office does not hold.
    pub ueberzaehlig: u64,
    /// Who made it.
    pub person: String,
    /// Whether each child was compared with the codes of its Eintragung, by the office's list. Counts alone show gaps, never that there
    /// is none; nor does a list of an earlier version, which named children without their codes.
    #[serde(default)]
    pub liste: bool,
    /// The offices whose records it counted besides its own: those that it had taken over by then.
    #[serde(default)]
    pub mit: Vec<String>,
}

/// A person's signature under the completeness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unterschrift {
    /// Who.
    pub person: String,
    /// When.
    pub am: Timestamp,
}

/// A Bestandsmeldung of the office and whether the mirror agreed with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meldung {
    /// As of when it speaks: what the office states, at the latest when it came.
    pub am: Timestamp,
    /// How many Registersätze the office said it holds.
    pub anzahl: u64,
    /// Whether the mirror had as many at that moment, and the last message was the newest that had come until then.
    pub stimmt: bool,
    /// How many stood in the mirror at that moment; an earlier version did not note it.
    #[serde(default)]
    pub gezaehlt: Option<u64>,
    /// Whether its last message was the newest that had come until then; an earlier version did not note it.
    #[serde(default)]
    pub letzte: Option<bool>,
    /// The offices whose records it counted besides its own, as [`Abgleich::mit`].
    #[serde(default)]
    pub mit: Vec<String>,
}

impl Meldung {
    /// What did not agree, for persons of the operator: who counted what. Counts of a register are no personal data.
    pub fn abweichung(&self) -> Option<String> {
        if self.stimmt {
            return None;
        }
        let mut parts = Vec::new();
        if let Some(gezaehlt) = self.gezaehlt.filter(|gezaehlt| *gezaehlt != self.anzahl) {
            parts.push(format!("the office counts {}, the mirror {gezaehlt}", self.anzahl));
        }
        if self.letzte == Some(false) {
            parts.push("its last message is not the newest that came".to_owned());
        }
        if parts.is_empty() {
            parts.push(match self.gezaehlt {
                Some(_) => "an older one that came after it did not".to_owned(),
                None => format!("the office counts {}", self.anzahl),
            });
        }
        Some(parts.join("; "))
    }
}

/// The Bestand of one Jugendamt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bestand {
    /// When the initial load was begun; repeated records are receipted from then until it is declared.
    #[serde(default)]
    pub begonnen: Option<Timestamp>,
    /// The last comparison since then.
    #[serde(default)]
    pub abgleich: Option<Abgleich>,
    /// Who signed the completeness; two different persons are needed.
    #[serde(default)]
    pub unterschriften: Vec<Unterschrift>,
    /// The last Bestandsmeldung.
    #[serde(default)]
    pub meldung: Option<Meldung>,
    /// Whether records of the office stand under search keys of the version before, so that a near one could be missed (case J).
    /// A finding of the look-up, never stored.
    #[serde(skip)]
    pub alte_schluessel: bool,
    /// The registers that this office took over. A finding of the look-up, never stored.
    #[serde(skip)]
    pub uebernommen: Vec<Uebernahme>,
}

/// A register that another office took over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uebernahme {
    /// The office that kept it.
    pub amt: String,
    /// What was known of it, if a load was begun.
    pub bestand: Option<Bestand>,
}

/// Why a step of the Bestand cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hindernis {
    /// No load was begun.
    #[error("no load was begun; begin it first")]
    NichtBegonnen,
    /// No comparison was made since it was begun.
    #[error("no comparison was made since the load was begun; compare first")]
    KeinAbgleich,
    /// The comparison found gaps.
    #[error("the comparison found gaps; deliver what is missing and compare again")]
    Luecken,
    /// Counts alone were compared.
    #[error("counts alone were compared; compare the office's list of children and entries")]
    NurGezaehlt,
    /// The list names no moment as of which it speaks.
    #[error(
        "the list that was compared names no moment as of which it speaks; make it anew with `bestand liste --stand`"
    )]
    OhneStand,
    /// The list was made of an export from before the load was begun.
    #[error("the list is older than the begin of the load; make it anew of an export of today")]
    VorBeginn,
    /// A younger list was compared already.
    #[error("a younger list was compared already; an older one says nothing more")]
    Ueberholt,
    /// The list is too old to be signed on.
    #[error("the list that was compared is older than four days; make it anew and compare again")]
    Veraltet,
    /// Nobody is named who signs.
    #[error("nobody is named who signs; a signature needs a person")]
    OhnePerson,
    /// The same person signed already.
    #[error("the same person signed already; a second person has to sign")]
    DieselbePerson,
}

impl Abgleich {
    /// Whether both sides hold the same: every gap blocks.
    pub fn lueckenlos(&self) -> bool {
        self.fehlend == 0 && self.ueberzaehlig == 0 && self.erwartet == self.gezaehlt
    }

    /// Whether it proves that both sides hold the same children with the same entries.
    pub fn beweist(&self) -> bool {
        self.liste && self.stand.is_some() && self.lueckenlos()
    }
}

impl Bestand {
    /// Takes a Bestandsmeldung in; says whether it is the last word. They are ordered by the moments that they speak of: an older one that
    /// comes late replaces nothing. Where it is of the time that still counts and does not agree, nobody knows whether what a younger
    /// one found equal is so, or only as many: then that no longer agrees either, until the next one.
    pub fn melden(&mut self, meldung: Meldung, counts_since: Timestamp) -> bool {
        match &mut self.meldung {
            Some(younger) if younger.am > meldung.am => {
                younger.stimmt &= meldung.stimmt || meldung.am < counts_since;
                false
            }
            _ => {
                self.meldung = Some(meldung);
                true
            }
        }
    }
}

impl Bestand {
    /// A Bestand as stored, if any, with what the look-up found beside it.
    pub fn mit(stored: Option<Bestand>, alte_schluessel: bool) -> Option<Bestand> {
        match (stored, alte_schluessel) {
            (None, false) => None,
            (stored, alte_schluessel) => Some(Bestand { alte_schluessel, ..stored.unwrap_or_default() }),
        }
    }

    /// What is known of a register by what is known of its office, which comes first, and of those whose registers it took over.
    pub fn zusammen<'a>(known: impl IntoIterator<Item = (&'a str, Option<Bestand>)>) -> Option<Bestand> {
        let mut known = known.into_iter();
        let mut own = known.next()?.1?;
        known.for_each(|(amt, other)| own.uebernehmen(amt, other));
        Some(own)
    }

    fn uebernehmen(&mut self, amt: &str, other: Option<Bestand>) {
        self.alte_schluessel |= other.as_ref().is_some_and(|other| other.alte_schluessel);
        self.uebernommen.push(Uebernahme { amt: amt.to_owned(), bestand: other });
    }

    /// Whether nobody said of a register that it took over that it is complete, or what was said no longer counts.
    pub fn ungedeckt(&self, now: Timestamp, max_age: Duration) -> bool {
        !self.uebernommen.iter().all(|other| self.deckt(other, now, max_age))
    }

    /// Begins the load anew: all that was compared, signed and reported before no longer counts.
    pub fn beginnen(am: Timestamp) -> Bestand {
        Bestand { begonnen: Some(am), ..Bestand::default() }
    }

    /// Takes a comparison in; one with gaps takes signatures back. Lists count in the order of the moments of which they speak: what an
    /// older one says was overtaken by the younger one.
    pub fn abgleichen(&mut self, abgleich: Abgleich) -> Result<(), Hindernis> {
        let begonnen = self.begonnen.ok_or(Hindernis::NichtBegonnen)?;
        if abgleich.am < begonnen {
            return Err(Hindernis::NichtBegonnen);
        }
        if abgleich.stand.is_some_and(|stand| stand < begonnen) {
            return Err(Hindernis::VorBeginn);
        }
        let younger = self.abgleich.as_ref().and_then(|known| known.stand);
        if younger.zip(abgleich.stand).is_some_and(|(younger, stand)| stand < younger) {
            return Err(Hindernis::Ueberholt);
        }
        if !abgleich.lueckenlos() {
            self.unterschriften.clear();
        } else if !abgleich.beweist() && self.abgleich.as_ref().is_some_and(Abgleich::beweist) {
            // As many as before: it says less than what stands there.
            return Ok(());
        }
        self.abgleich = Some(abgleich);
        Ok(())
    }

    /// Takes a signature in; `true` when the completeness is declared with it.
    pub fn unterschreiben(&mut self, person: &str, am: Timestamp) -> Result<bool, Hindernis> {
        self.begonnen.ok_or(Hindernis::NichtBegonnen)?;
        let abgleich = self.abgleich.as_ref().ok_or(Hindernis::KeinAbgleich)?;
        if !abgleich.lueckenlos() {
            return Err(Hindernis::Luecken);
        }
        if !abgleich.liste {
            return Err(Hindernis::NurGezaehlt);
        }
        let stand = abgleich.stand.ok_or(Hindernis::OhneStand)?;
        if am.duration_since(stand) > LISTE_GILT {
            return Err(Hindernis::Veraltet);
        }
        if person.trim().is_empty() {
            return Err(Hindernis::OhnePerson);
        }
        if self.unterschriften.iter().any(|other| dieselbe_person(&other.person, person)) {
            return Err(Hindernis::DieselbePerson);
        }
        self.unterschriften.push(Unterschrift { person: person.to_owned(), am });
        Ok(self.erklaert())
    }

    /// Whether two different persons signed the completeness after a comparison by list without a gap.
    pub fn erklaert(&self) -> bool {
        let compared = self.abgleich.as_ref().is_some_and(Abgleich::beweist);
        let mut persons = self.unterschriften.iter().map(|one| one.person.as_str());
        let first = persons.next();
        let two = first.is_some_and(|first| persons.any(|other| !dieselbe_person(first, other)));
        self.begonnen.is_some() && compared && two
    }

    /// Whether a declared load is under way: records that come again are counted, not refused.
    pub fn laedt(&self) -> bool {
        self.begonnen.is_some() && !self.erklaert()
    }

    /// Whether absence may be read from the mirror now: declared complete, and the last Bestandsmeldung agreed and is not
    /// older than `max_age`.
    pub fn vollstaendig_und_frisch(&self, now: Timestamp, max_age: Duration) -> bool {
        if self.alte_schluessel || self.ungedeckt(now, max_age) {
            return false;
        }
        let longest = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
        let fresh = self.meldung.as_ref().is_some_and(|meldung| {
            meldung.stimmt && meldung.am <= now && now.duration_since(meldung.am) <= longest
        });
        self.erklaert() && fresh
    }

    /// Until when that holds if nothing else is said; `None` where it does not hold now.
    pub fn frisch_bis(&self, now: Timestamp, max_age: Duration) -> Option<Timestamp> {
        if !self.vollstaendig_und_frisch(now, max_age) {
            return None;
        }
        let longest = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
        let own = self.meldung.as_ref()?.am.checked_add(longest).unwrap_or(Timestamp::MAX);
        // What the own Meldung or list counted as well ends with them.
        let counted = |amt: &String| self.gelistet().contains(amt) || self.gemeldet().contains(amt);
        let others = self.uebernommen.iter().filter(|other| !counted(&other.amt));
        let others = others.filter_map(|other| other.bestand.as_ref()?.frisch_bis(now, max_age));
        Some(others.fold(own, Ord::min))
    }

    /// The offices of which its list speaks as well.
    fn gelistet(&self) -> &[String] {
        self.abgleich.as_ref().map(|abgleich| abgleich.mit.as_slice()).unwrap_or_default()
    }

    /// The offices of which its Bestandsmeldung speaks as well.
    fn gemeldet(&self) -> &[String] {
        self.meldung.as_ref().map(|meldung| meldung.mit.as_slice()).unwrap_or_default()
    }

    /// Whether this says less than was said before: no longer that the register is complete, no longer that the two agree, of an older moment, or
    /// of fewer offices. Whatever was decided because of what was said before is decided anew then.
    pub fn sagt_weniger(&self, before: &Bestand) -> bool {
        let stimmt = |bestand: &Bestand| bestand.meldung.as_ref().is_some_and(|meldung| meldung.stimmt);
        let am = |bestand: &Bestand| bestand.meldung.as_ref().map(|meldung| meldung.am);
        let fewer = |of: fn(&Bestand) -> &[String]| of(before).iter().any(|amt| !of(self).contains(amt));
        before.erklaert() && !self.erklaert()
            || stimmt(before) && !stimmt(self)
            || am(self) < am(before)
            || fewer(Bestand::gemeldet)
            || fewer(Bestand::gelistet)
    }

    /// Whether the office's own list was compared without a gap as of a moment after this day: of what went over to it then, no older one
    /// says anything.
    pub fn verglichen_nach(&self, letzter: Date) -> bool {
        self.abgleich.as_ref().is_some_and(|abgleich| {
            abgleich.beweist() && abgleich.stand.is_some_and(|stand| tag(stand) > letzter)
        })
    }

    /// Whether what is known of this register is known of one that it took over, too: its own list was compared with both; or the other was
    /// declared complete, and one Bestandsmeldung that still counts speaks of it: the other's, or one of both. By what was counted and not
    /// by days: a table is often changed after the day from which it holds.
    fn deckt(&self, other: &Uebernahme, now: Timestamp, max_age: Duration) -> bool {
        if self.gelistet().contains(&other.amt) {
            return true;
        }
        let of_both = self.gemeldet().contains(&other.amt);
        other.bestand.as_ref().is_some_and(|bestand| {
            bestand.erklaert() && (of_both || bestand.vollstaendig_und_frisch(now, max_age))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
    }

    fn abgleich(hour: i64, fehlend: u64, ueberzaehlig: u64) -> Abgleich {
        let gezaehlt = 10 + ueberzaehlig - fehlend;
        Abgleich {
            am: at(hour),
            stand: Some(at(hour)),
            erwartet: 10,
            gezaehlt,
            fehlend,
            ueberzaehlig,
            person: "a".into(),
            liste: true,
            mit: Vec::new(),
        }
    }

    #[test]
    fn completeness_needs_a_begin_a_comparison_without_gap_and_two_persons() {
        let mut bestand = Bestand::default();
        assert_eq!(bestand.abgleichen(abgleich(1, 0, 0)), Err(Hindernis::NichtBegonnen));
        assert_eq!(bestand.unterschreiben("a", at(1)), Err(Hindernis::NichtBegonnen));
        bestand = Bestand::beginnen(at(2));
        assert!(bestand.laedt() && !bestand.erklaert());
        assert_eq!(
            bestand.abgleichen(abgleich(1, 0, 0)),
            Err(Hindernis::NichtBegonnen),
            "made before the begin"
        );
        assert_eq!(bestand.unterschreiben("a", at(2)), Err(Hindernis::KeinAbgleich));
        for (fehlend, ueberzaehlig) in [(1, 0), (0, 1), (1, 1)] {
            bestand.abgleichen(abgleich(3, fehlend, ueberzaehlig)).unwrap();
            assert_eq!(bestand.unterschreiben("a", at(3)), Err(Hindernis::Luecken));
        }
        bestand.abgleichen(Abgleich { liste: false, ..abgleich(4, 0, 0) }).unwrap();
        assert_eq!(bestand.unterschreiben("a", at(4)), Err(Hindernis::NurGezaehlt));
        bestand.abgleichen(abgleich(4, 0, 0)).unwrap();
        assert_eq!(bestand.unterschreiben(" ", at(4)), Err(Hindernis::OhnePerson));
        assert_eq!(bestand.unterschreiben("a", at(4)), Ok(false));
        assert_eq!(bestand.unterschreiben("a", at(4)), Err(Hindernis::DieselbePerson));
        assert!(bestand.laedt());
        assert_eq!(bestand.unterschreiben("b", at(5)), Ok(true));
        assert!(bestand.erklaert() && !bestand.laedt());
    }

    #[test]
    fn a_register_that_was_taken_over_is_known_only_where_somebody_said_so() {
        let day = Duration::from_secs(24 * 3600);
        let meldung = |hour: i64, stimmt: bool| {
            Some(Meldung { am: at(hour), anzahl: 10, stimmt, gezaehlt: None, letzte: None, mit: Vec::new() })
        };
        let with = |own: Bestand, other: Option<Bestand>| {
            let uebernommen = vec![Uebernahme { amt: "alt".to_owned(), bestand: other }];
            Bestand { uebernommen, ..own }.vollstaendig_und_frisch(at(12), day)
        };
        let own = Bestand { meldung: meldung(9, true), ..declared() };
        assert!(own.vollstaendig_und_frisch(at(12), day));
        let loading = Bestand::beginnen(at(1));
        let other = |hour, stimmt| Some(Bestand { meldung: meldung(hour, stimmt), ..declared() });
        assert!(!with(own.clone(), None) && !with(own.clone(), Some(loading.clone())));
        assert!(with(own.clone(), other(9, true)));
        assert!(!with(own.clone(), other(9, false)), "it did not agree");
        assert!(!with(own.clone(), other(-30, true)), "too long ago");
        let mit = vec!["alt".to_owned()];
        let both = meldung(11, true).map(|meldung| Meldung { mit: mit.clone(), ..meldung });
        let of_both = Bestand { meldung: both, ..declared() };
        assert!(with(of_both.clone(), other(9, false)), "counted anew, both together");
        assert!(!with(of_both.clone(), Some(loading.clone())) && !with(of_both, None));
        let mut compared = own;
        compared.abgleichen(abgleich(11, 0, 0)).unwrap();
        assert!(!with(compared.clone(), None), "its list held its own only");
        compared.abgleichen(Abgleich { mit, ..abgleich(11, 0, 0) }).unwrap();
        assert!(with(compared.clone(), None) && with(compared, Some(loading)), "its list holds both");
    }

    #[test]
    fn a_gap_takes_signatures_back_and_a_new_begin_everything() {
        let mut bestand = declared();
        bestand.abgleichen(abgleich(6, 0, 0)).unwrap();
        assert!(bestand.erklaert(), "a comparison without gap confirms");
        bestand.abgleichen(Abgleich { liste: false, ..abgleich(6, 0, 0) }).unwrap();
        assert!(bestand.erklaert(), "equal counts take nothing back");
        bestand.abgleichen(Abgleich { liste: false, ..abgleich(6, 1, 0) }).unwrap();
        assert!(!bestand.erklaert(), "a gap in counts is a gap");
        bestand = declared();
        bestand.abgleichen(abgleich(7, 1, 0)).unwrap();
        assert!(!bestand.erklaert());
        bestand.abgleichen(abgleich(8, 0, 0)).unwrap();
        assert!(!bestand.erklaert(), "signatures do not come back by themselves");
        bestand = Bestand::beginnen(at(9));
        assert_eq!(bestand.unterschriften.len(), 0);
        assert!(bestand.meldung.is_none() && bestand.abgleich.is_none());
    }

    #[test]
    fn freshness_ends() {
        let day = Duration::from_secs(26 * 3600);
        let mut bestand = declared();
        assert!(!bestand.vollstaendig_und_frisch(at(10), day), "never reported");
        bestand.meldung = Some(Meldung {
            am: at(10),
            anzahl: 10,
            stimmt: true,
            gezaehlt: None,
            letzte: None,
            mit: Vec::new(),
        });
        assert!(bestand.vollstaendig_und_frisch(at(36), day));
        assert!(!bestand.vollstaendig_und_frisch(at(37), day), "too old");
        assert!(!bestand.vollstaendig_und_frisch(at(9), day), "from the future");
        bestand.meldung = Some(Meldung {
            am: at(10),
            anzahl: 10,
            stimmt: false,
            gezaehlt: None,
            letzte: None,
            mit: Vec::new(),
        });
        assert!(!bestand.vollstaendig_und_frisch(at(11), day), "did not agree");
    }

    #[test]
    fn what_says_less_than_before_is_known_and_what_says_as_much_is_not() {
        let meldung = |hour: i64, stimmt: bool, mit: &[&str]| {
            let mit = mit.iter().map(|amt| (*amt).to_owned()).collect();
            Some(Meldung { am: at(hour), anzahl: 10, stimmt, gezaehlt: None, letzte: None, mit })
        };
        let said = |meldung| Bestand { meldung, ..declared() };
        let before = said(meldung(10, true, &["alt"]));
        for (after, less) in [
            (before.clone(), false),
            (said(meldung(11, true, &["alt"])), false),
            (said(meldung(11, true, &["alt", "noch"])), false),
            (said(meldung(9, true, &["alt"])), true),
            (said(meldung(11, true, &[])), true),
            (said(meldung(11, false, &["alt"])), true),
            (said(None), true),
            (Bestand::beginnen(at(11)), true),
        ] {
            assert_eq!(after.sagt_weniger(&before), less, "{after:?}");
        }
        let mut compared = before.clone();
        compared.abgleichen(Abgleich { mit: vec!["alt".into()], ..abgleich(12, 0, 0) }).unwrap();
        assert!(!compared.sagt_weniger(&before), "a list without a gap");
        let mut gap = compared.clone();
        gap.abgleichen(abgleich(13, 1, 0)).unwrap();
        assert!(gap.sagt_weniger(&compared));
        // Once nothing can be answered on it, nothing rests on it.
        assert!(!said(meldung(12, false, &["alt"])).sagt_weniger(&said(meldung(11, false, &["alt"]))));
    }

    #[test]
    fn until_when_a_register_is_fresh_is_known() {
        let day = Duration::from_secs(24 * 3600);
        let meldung = |hour: i64| {
            Some(Meldung {
                am: at(hour),
                anzahl: 10,
                stimmt: true,
                gezaehlt: None,
                letzte: None,
                mit: Vec::new(),
            })
        };
        let own = Bestand { meldung: meldung(9), ..declared() };
        let until = own.frisch_bis(at(12), day).unwrap();
        assert_eq!(until, at(9 + 24));
        assert!(own.vollstaendig_und_frisch(until, day));
        assert!(!own.vollstaendig_und_frisch(until + SignedDuration::from_nanos(1), day));
        assert_eq!(own.frisch_bis(at(34), day), None);
        assert_eq!(declared().frisch_bis(at(12), day), None);
        let other = Bestand { meldung: meldung(7), ..declared() };
        let taken = vec![Uebernahme { amt: "alt".to_owned(), bestand: Some(other) }];
        let with = Bestand { uebernommen: taken.clone(), ..own.clone() };
        assert_eq!(with.frisch_bis(at(12), day), Some(at(7 + 24)), "the first one that ends");
        let both = meldung(11).map(|meldung| Meldung { mit: vec!["alt".to_owned()], ..meldung });
        let of_both = Bestand { uebernommen: taken, meldung: both, ..own };
        assert_eq!(of_both.frisch_bis(at(12), day), Some(at(11 + 24)));
    }

    #[test]
    fn what_was_declared_on_counts_alone_is_not_declared_any_more() {
        let mut bestand = declared();
        let stored = serde_json::to_value(&bestand).unwrap();
        let mut before = stored.clone();
        before["abgleich"].as_object_mut().unwrap().remove("liste");
        assert_eq!(serde_json::from_value::<Bestand>(stored).unwrap(), bestand);
        bestand = serde_json::from_value(before).unwrap();
        assert!(!bestand.erklaert(), "written by a program that knew no codes in lists");
        bestand.abgleichen(abgleich(9, 0, 0)).unwrap();
        assert!(bestand.erklaert(), "one comparison by list suffices, the signatures still stand");
    }

    #[test]
    fn a_list_says_what_was_at_its_moment_and_carries_no_signature_without_one() {
        let of =
            |am, stand: Option<i64>, fehlend| Abgleich { stand: stand.map(at), ..abgleich(am, fehlend, 0) };
        let begun = || Bestand::beginnen(at(10));
        let mut bestand = begun();
        assert_eq!(bestand.abgleichen(of(12, Some(9), 0)), Err(Hindernis::VorBeginn));
        bestand.abgleichen(of(12, None, 0)).unwrap();
        assert!(!bestand.abgleich.as_ref().unwrap().beweist(), "nobody knows of when it speaks");
        assert_eq!(bestand.unterschreiben("a", at(12)), Err(Hindernis::OhneStand));
        // A gap that a younger list shows is not mended by an older one.
        bestand.abgleichen(of(14, Some(13), 1)).unwrap();
        assert_eq!(bestand.abgleichen(of(15, Some(12), 0)), Err(Hindernis::Ueberholt));
        assert_eq!(bestand.unterschreiben("a", at(15)), Err(Hindernis::Luecken));
        bestand.abgleichen(of(15, Some(13), 0)).unwrap();
        assert_eq!(bestand.unterschreiben("a", at(13 + 97)), Err(Hindernis::Veraltet));
        assert_eq!(bestand.unterschreiben("a", at(13 + 96)), Ok(false));
        assert_eq!(bestand.unterschreiben("b", at(13 + 97)), Err(Hindernis::Veraltet));
        // A list without a moment says less than what stands there.
        bestand.abgleichen(of(16, None, 0)).unwrap();
        assert_eq!(bestand.abgleich.as_ref().unwrap().stand, Some(at(13)));
        bestand.abgleichen(of(17, None, 1)).unwrap();
        assert!(bestand.unterschriften.is_empty(), "and a gap is a gap");
        // What a program before this one stored proves nothing until a list with its moment was compared; the signatures stay.
        let mut bestand = declared();
        let mut before = serde_json::to_value(&bestand).unwrap();
        before["abgleich"].as_object_mut().unwrap().remove("stand");
        bestand = serde_json::from_value(before).unwrap();
        assert!(!bestand.erklaert());
        bestand.abgleichen(abgleich(9, 0, 0)).unwrap();
        assert!(bestand.erklaert());
    }

    #[test]
    fn an_older_meldung_replaces_nothing_and_only_takes_back() {
        let meldung = |hour, stimmt| Meldung {
            am: at(hour),
            anzahl: 10,
            stimmt,
            gezaehlt: None,
            letzte: None,
            mit: Vec::new(),
        };
        for (first, second, last) in [
            (meldung(10, true), meldung(11, true), meldung(11, true)),
            (meldung(10, true), meldung(11, false), meldung(11, false)),
            (meldung(10, false), meldung(10, true), meldung(10, true)),
            (meldung(10, true), meldung(9, true), meldung(10, true)),
            (meldung(10, true), meldung(9, false), meldung(10, false)),
            (meldung(10, true), meldung(7, false), meldung(10, true)),
            (meldung(10, false), meldung(9, true), meldung(10, false)),
        ] {
            let mut bestand = declared();
            let moments = (first.am, second.am);
            assert!(bestand.melden(first, at(8)));
            assert_eq!(bestand.melden(second, at(8)), moments.1 >= moments.0);
            assert_eq!(bestand.meldung, Some(last));
        }
    }

    fn declared() -> Bestand {
        let mut bestand = Bestand::beginnen(at(1));
        bestand.abgleichen(abgleich(2, 0, 0)).unwrap();
        bestand.unterschreiben("a", at(3)).unwrap();
        bestand.unterschreiben("b", at(4)).unwrap();
        bestand
    }
}
