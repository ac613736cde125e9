//! Which Jugendamt is competent for a place: areas by longest prefix of the ARS, with the days on which they hold (Gebietsreform).
//! Data of a stage; no area is built in, and an ambiguous one names nobody.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An area of a Jugendamt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Gebiet {
    /// Beginning of the ARS, 2 to 12 digits; the longest that fits decides.
    pub ars: String,
    /// First day.
    #[serde(default)]
    pub von: Option<Date>,
    /// Last day.
    #[serde(default)]
    pub bis: Option<Date>,
}

/// A Jugendamt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Amt {
    /// Its name in `partners.yaml`, which is also its Mandant; an office that is not connected has none there.
    pub id: String,
    /// As a letter would write it.
    pub name: String,
    /// Its areas.
    #[serde(default)]
    pub gebiete: Vec<Gebiet>,
    /// Whether it keeps the register for births abroad (Land Berlin, § 88(1) SGB VIII).
    #[serde(default)]
    pub auslandsgeburten: bool,
    /// Since when it has ordered the processing on its behalf (§ 80 SGB X).
    #[serde(default)]
    pub auftrag_seit: Option<Date>,
    /// Since when it has released automatic answers in its name.
    #[serde(default)]
    pub freigabe_seit: Option<Date>,
    /// Last day of the release.
    #[serde(default)]
    pub freigabe_bis: Option<Date>,
    /// The office that took over, where this one ended.
    #[serde(default)]
    pub nachfolge: Option<String>,
    /// Kinds of documents that a request must bring along.
    #[serde(default)]
    pub nachweise: Vec<String>,
}

impl Amt {
    /// Whether automatic answers are issued in its name on this day (case M otherwise).
    pub fn freigegeben(&self, am: Date) -> bool {
        let since = |day: Option<Date>| day.is_some_and(|day| day <= am);
        since(self.auftrag_seit)
            && since(self.freigabe_seit)
            && self.freigabe_bis.is_none_or(|last| am <= last)
    }
}

/// Who is competent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zustaendig<'a> {
    /// Exactly one.
    Eines(&'a Amt),
    /// Nobody known.
    Keines,
    /// Several with the same right: a person has to look.
    Mehrere,
}

impl<'a> Zustaendig<'a> {
    /// The one, if it is exactly one.
    pub fn eines(self) -> Option<&'a Amt> {
        match self {
            Zustaendig::Eines(amt) => Some(amt),
            Zustaendig::Keines | Zustaendig::Mehrere => None,
        }
    }
}

/// All Jugendaemter of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aemter {
    /// The offices.
    #[serde(default)]
    pub aemter: Vec<Amt>,
}

impl Aemter {
    /// The office with this id.
    pub fn amt(&self, id: &str) -> Option<&Amt> {
        self.aemter.iter().find(|amt| amt.id == id)
    }

    /// The office of a place on a day; an AGS (8 digits) is read as an ARS with unknown Verband.
    pub fn zustaendig(&self, ars: &str, am: Date) -> Zustaendig<'_> {
        let holds = |gebiet: &&Gebiet| {
            ars.starts_with(&gebiet.ars)
                && gebiet.von.is_none_or(|first| first <= am)
                && gebiet.bis.is_none_or(|last| am <= last)
        };
        let fits = self
            .aemter
            .iter()
            .flat_map(|amt| amt.gebiete.iter().filter(holds).map(move |gebiet| (gebiet.ars.len(), amt)));
        one(longest(fits))
    }

    /// The office that keeps the register for births abroad.
    pub fn fuer_auslandsgeburten(&self) -> Zustaendig<'_> {
        one(self.aemter.iter().filter(|amt| amt.auslandsgeburten).collect())
    }
}

fn longest<'a>(fits: impl Iterator<Item = (usize, &'a Amt)>) -> Vec<&'a Amt> {
    let mut best: (usize, Vec<&Amt>) = (0, Vec::new());
    for (length, amt) in fits {
        if length > best.0 {
            best = (length, Vec::new());
        }
        if length == best.0 && !best.1.iter().any(|other| other.id == amt.id) {
            best.1.push(amt);
        }
    }
    best.1
}

fn one(found: Vec<&Amt>) -> Zustaendig<'_> {
    match found.as_slice() {
        [] => Zustaendig::Keines,
        [amt] => Zustaendig::Eines(amt),
        _ => Zustaendig::Mehrere,
    }
}
