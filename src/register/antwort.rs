//! Whether the answer of an office speaks of the child and the mother that were asked for (rules.md 2.5). Compares and never
//! decides: what does not agree waits for a person of the office.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::aemter::Zustaendig;
use crate::register::namen::{self, Wort, nennen_eines};
use crate::register::record::{Anschrift, Auslandsanschrift, Kind, Mutter, Personenname, Record, TeilDatum};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::{hauptwohnung, wohnort};

/// Words of names that many have and that name nobody, in search form; besides, each single letter.
const BEIWORTE: &[&str] = &[
    "AF", "AL", "AM", "ABU", "AUS", "BEN", "BIN", "BINT", "DA", "DAS", "DE", "DEL", "DEM", "DEN", "DER",
    "DES", "DI", "DO", "DOS", "DU", "EL", "GEB", "IBN", "IM", "LA", "LE", "LOS", "MAC", "OF", "TEN", "TER",
    "UM", "UND", "VAN", "VOM", "VON", "ZU", "ZUM", "ZUR",
];

/// What was asked, as far as its answer is compared with it and its letter is addressed by it; kept with a Klärfall until that
/// ends.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gefragt {
    /// The mother's name.
    pub mutter: Personenname,
    /// Her date of birth.
    pub mutter_geboren: TeilDatum,
    /// All names of the child.
    pub kind: Vec<Personenname>,
    /// Its date of birth.
    pub kind_geboren: Option<TeilDatum>,
    /// Her addresses, and which are marked as the main one.
    pub anschriften: Vec<Anschrift>,
    /// See [`Mutter::hauptwohnungen`].
    pub hauptwohnungen: Vec<usize>,
    /// Her address abroad.
    pub ausland: Option<Auslandsanschrift>,
}

impl std::fmt::Debug for Gefragt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gefragt(..)")
    }
}

impl Gefragt {
    /// Of a request; `None` where it names no mother or no child.
    pub fn von(record: &Record) -> Option<Gefragt> {
        let (mutter, kind) = (record.mutter.as_ref()?, record.kind.as_ref()?);
        Some(Gefragt {
            mutter: mutter.name.clone(),
            mutter_geboren: mutter.geburtsdatum,
            kind: kind.namen.clone(),
            kind_geboren: kind.geburtsdatum,
            anschriften: mutter.anschriften.clone(),
            hauptwohnungen: mutter.hauptwohnungen.clone(),
            ausland: mutter.ausland.clone(),
        })
    }

    /// The mother, as far as she is kept.
    pub fn als_mutter(&self) -> Mutter {
        Mutter {
            name: self.mutter.clone(),
            geburtsdatum: self.mutter_geboren,
            anschriften: self.anschriften.clone(),
            hauptwohnungen: self.hauptwohnungen.clone(),
            ausland: self.ausland.clone(),
            ..Mutter::default()
        }
    }

    /// Whether an answer is about them: both dates of birth are the same, and of child and of mother one name agrees, wherever
    /// it stands. Child and mother are not compared crosswise.
    pub fn passt(&self, mutter: Option<&Mutter>, kind: Option<&Kind>) -> bool {
        let (Some(mutter), Some(kind)) = (mutter, kind) else { return false };
        let known = |datum: Option<TeilDatum>| datum.filter(|datum| datum.jahr > 0);
        let same = |one: Option<TeilDatum>, other: Option<TeilDatum>| known(one).is_some() && one == other;
        same(Some(self.mutter_geboren), Some(mutter.geburtsdatum))
            && same(self.kind_geboren, kind.geburtsdatum)
            && gemeinsam(std::slice::from_ref(&self.mutter), std::slice::from_ref(&mutter.name))
            && gemeinsam(&self.kind, &kind.namen)
    }
}

fn gemeinsam(one: &[Personenname], other: &[Personenname]) -> bool {
    nennen_eines(&worte(one), &worte(other))
}

/// The words by which names are compared everywhere (rules.md 2.3), without those that name nobody. A slip of the pen counts as
/// another name here: whoever goes on by mistake gets another person's answer.
fn worte(namen: &[Personenname]) -> Vec<Wort> {
    let nennt = |wort: &Wort| wort.form().chars().nth(1).is_some() && !BEIWORTE.contains(&wort.form());
    namen::alle(namen).into_iter().filter(nennt).collect()
}

/// Whether an office is the responsible one of a Vorgang on a day: where the residence that was asked for is known and certain,
/// the office of that place on this day; else the one that the Vorgang was given to, as long as it holds an area, or the one that
/// took over from it by this day.
pub fn zustaendig(
    tafeln: &Tafeln,
    (owner, gefragt): (&str, Option<&Gefragt>),
    sender: &str,
    am: Date,
) -> bool {
    if owner.is_empty() || sender.is_empty() {
        return false;
    }
    let am_ort = gefragt.map(|gefragt| wohnort(&gefragt.als_mutter(), tafeln, am));
    match am_ort {
        Some(Zustaendig::Eines(amt)) => amt.id == sender,
        _ => tafeln.aemter.heutige(owner, am) == Some(sender),
    }
}

/// The address that an answer to her goes to by letter, where it is certain.
pub fn briefanschrift(mutter: &Mutter) -> Option<&Anschrift> {
    hauptwohnung(mutter).ok().flatten().filter(|_| mutter.ausland.is_none())
}

/// The address that a notice goes to which says nothing: the first of what she gave. Whether it is certain must not show, since
/// every Klärfall looks the same.
pub fn erste_anschrift(mutter: &Mutter) -> Option<&Anschrift> {
    let marked = mutter.hauptwohnungen.first().and_then(|at| mutter.anschriften.get(*at));
    marked.or(mutter.anschriften.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::testing::{kind, mutter};

    fn gefragt() -> Gefragt {
        let record = Record { mutter: Some(mutter()), kind: Some(kind()), ..Record::default() };
        Gefragt::von(&record).unwrap()
    }

    fn name(familienname: &str, vornamen: &str) -> Personenname {
        Personenname {
            familienname: Some(familienname.into()),
            vornamen: Some(vornamen.into()),
            geburtsname: None,
        }
    }

    #[test]
    fn an_answer_agrees_in_both_dates_and_one_name_of_each_in_any_order() {
        let fits = |change: &dyn Fn(&mut Mutter, &mut Kind)| {
            let (mut mutter, mut kind) = (mutter(), kind());
            change(&mut mutter, &mut kind);
            gefragt().passt(Some(&mutter), Some(&kind))
        };
        type Change = fn(&mut Mutter, &mut Kind);
        let agree: [Change; 6] = [
            |_, _| {},
            // Turned round, in another spelling, only one of several words.
            |mutter, _| mutter.name = name("Zo\u{eb}", "Cirkovic"),
            |mutter, _| mutter.name = name("MUELLER", "Petra"),
            |_, kind| kind.namen = vec![name("L\u{cd}A", "Schmidt")],
            |_, kind| kind.namen = vec![name("Schmidt", "Kevin"), name("Schmidt-M\u{fc}ller", "Kevin")],
            |mutter, kind| {
                mutter.name = name("Marie", "Ursula");
                kind.geburtsort = Some("Paris".into());
            },
        ];
        for (at, change) in agree.iter().enumerate() {
            assert!(fits(change), "{at}");
        }
        let differ: [Change; 8] = [
            |mutter, _| mutter.name = name("Schulz", "Petra"),
            |_, kind| kind.namen = vec![name("Schulz", "Kevin")],
            |_, kind| kind.namen.clear(),
            |mutter, _| mutter.geburtsdatum = TeilDatum::parse("1994-03-13").unwrap(),
            |mutter, _| mutter.geburtsdatum = TeilDatum::parse("1994-03").unwrap(),
            |_, kind| kind.geburtsdatum = TeilDatum::parse("2019-03-04"),
            |_, kind| kind.geburtsdatum = None,
            // The mother's name at the child and the child's at the mother.
            |mutter, kind| {
                mutter.name = name("Schulz", "L\u{ed}a");
                kind.namen = vec![name("Schulz", "Zo\u{eb}")];
            },
        ];
        for (at, change) in differ.iter().enumerate() {
            assert!(!fits(change), "{at}");
        }
        assert!(!gefragt().passt(None, Some(&kind())) && !gefragt().passt(Some(&mutter()), None));
    }

    #[test]
    fn a_word_that_names_nobody_is_no_name() {
        let mut asked = gefragt();
        asked.mutter = name("von der Heide", "Ana de");
        let mut answered = mutter();
        answered.name = name("von der Leyen", "Eva de");
        assert!(!asked.passt(Some(&answered), Some(&kind())));
        answered.name = name("Heide", "Eva");
        assert!(asked.passt(Some(&answered), Some(&kind())));
    }

    #[test]
    fn a_name_is_the_same_in_every_spelling_and_its_single_letters_are_none() {
        for (one, other, agree) in [
            ("O\u{2019}Neill", "ONeill", true),
            ("O\u{2019}Neill", "O Neill", true),
            ("M\u{fc}ller", "Muller", true),
            ("Anna\u{2212}Lena", "Lena", true),
            ("M\u{2019}Baye", "M\u{2019}Bala", false),
            ("O\u{2019}Neill", "O\u{2019}Brien", false),
            // A slip of the pen is another name here: a person of the office looks.
            ("Muler", "M\u{fc}ller", false),
            ("van Loo", "von Lo", false),
        ] {
            let mut asked = gefragt();
            asked.mutter = name(one, "Petra");
            let answered = Mutter { name: name(other, "Ursula"), ..mutter() };
            assert_eq!(asked.passt(Some(&answered), Some(&kind())), agree, "{one} {other}");
        }
    }

    fn amt(id: &str, ars: &str, (von, bis): (Option<&str>, Option<&str>), nachfolge: Option<&str>) -> Amt {
        let day = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let gebiete = vec![Gebiet { ars: ars.into(), von: day(von), bis: day(bis) }];
        Amt {
            id: id.into(),
            name: id.into(),
            gebiete,
            nachfolge: nachfolge.map(str::to_owned),
            ..Amt::default()
        }
    }

    /// `alt` gave its area to `neu` with the end of November; of `land` a part went to `stadt` on that day.
    fn tafeln() -> Tafeln {
        let mut tafeln = Tafeln::default();
        let last = Some("2026-11-30");
        let first = Some("2026-12-01");
        tafeln.aemter.aemter = vec![
            amt("alt", "02", (None, last), Some("neu")),
            amt("neu", "02", (first, None), None),
            amt("weg", "05", (None, last), None),
            amt("land", "03", (None, None), None),
            amt("stadt", "03351", (first, None), None),
        ];
        tafeln
    }

    #[test]
    fn the_office_that_answers_is_the_responsible_one_of_today() {
        let (tafeln, asked) = (tafeln(), gefragt());
        let (before, after) = (Date::constant(2026, 11, 30), Date::constant(2026, 12, 1));
        for (owner, sender, on_last_day, on_first_day) in [
            ("alt", "alt", true, false),
            ("alt", "neu", false, true),
            ("weg", "weg", true, false),
            ("land", "stadt", false, false),
            ("", "alt", false, false),
            ("unbekannt", "unbekannt", true, true),
        ] {
            for gefragt in [None, Some(&asked)] {
                // Where the place is known it decides: it lies in `02` here.
                if gefragt.is_some() && !matches!(owner, "alt" | "") {
                    continue;
                }
                let is = |am| zustaendig(&tafeln, (owner, gefragt), sender, am);
                assert_eq!((is(before), is(after)), (on_last_day, on_first_day), "{owner} {sender}");
            }
        }
    }

    #[test]
    fn a_part_of_an_area_that_went_over_is_answered_by_who_has_it_today() {
        let mut asked = gefragt();
        asked.anschriften[0].gemeindeschluessel = Some("033510001001".into());
        let is = |sender, am| zustaendig(&tafeln(), ("land", Some(&asked)), sender, am);
        let (before, after) = (Date::constant(2026, 11, 30), Date::constant(2026, 12, 1));
        assert!(is("land", before) && !is("stadt", before));
        assert!(is("stadt", after) && !is("land", after));
    }

    #[test]
    fn a_letter_goes_to_a_certain_address_only() {
        let mut mutter = mutter();
        assert!(briefanschrift(&mutter).is_some());
        mutter.anschriften.push(Anschrift { wohnort: Some("Bremen".into()), ..Anschrift::default() });
        assert!(briefanschrift(&mutter).is_none());
        assert_eq!(erste_anschrift(&mutter), mutter.anschriften.first());
        mutter.hauptwohnungen = vec![1];
        assert_eq!(erste_anschrift(&mutter), mutter.anschriften.get(1));
        assert_eq!(briefanschrift(&mutter).unwrap().wohnort.as_deref(), Some("Bremen"));
        mutter.ausland = Some(Auslandsanschrift::default());
        assert!(briefanschrift(&mutter).is_none());
    }
}
