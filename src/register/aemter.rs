//! Which Jugendamt is competent for a place: areas by longest prefix of the ARS, with the days on which they hold (Gebietsreform).
//! Data of a stage; no area is built in, and an ambiguous one names nobody.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How it is reached as the author of an Auskunft: [{kanal, kennung}].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erreichbarkeit: Option<serde_json::Value>,
    /// Its address as the author of an Auskunft: {strasse, hausnummer, postleitzahl, wohnort}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anschrift: Option<serde_json::Value>,
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

    /// Whether it holds any area on this day.
    pub fn hat_gebiet(&self, am: Date) -> bool {
        self.gebiete.iter().any(|gebiet| gebiet.gilt(am))
    }

    /// Whether its last area has ended before this day; one without any area has ended where another took over.
    pub fn geendet(&self, am: Date) -> bool {
        let all = self.gebiete.iter().all(|gebiet| gebiet.bis.is_some_and(|last| last < am));
        all && (self.nachfolge.is_some() || !self.gebiete.is_empty())
    }
}

impl Gebiet {
    /// Whether it holds on this day.
    pub fn gilt(&self, am: Date) -> bool {
        self.von.is_none_or(|first| first <= am) && self.bis.is_none_or(|last| am <= last)
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

    /// The office of a place on a day; an AGS (8 digits) is read as an ARS with unknown Verband, and where that Verband would
    /// make a difference it is `Mehrere`.
    pub fn zustaendig(&self, ars: &str, am: Date) -> Zustaendig<'_> {
        if ars.len() == AGS {
            return self.nach_ags(ars, am);
        }
        let holds = |gebiet: &&Gebiet| ars.starts_with(&gebiet.ars) && gebiet.gilt(am);
        let fits = self
            .aemter
            .iter()
            .flat_map(|amt| amt.gebiete.iter().filter(holds).map(move |gebiet| (gebiet.ars.len(), amt)));
        one(longest(fits))
    }

    /// The AGS leaves out the four digits of the Verband that stand in the ARS between Kreis and Gemeinde.
    fn nach_ags(&self, ags: &str, am: Date) -> Zustaendig<'_> {
        let mut fits = Vec::new();
        let mut may = Vec::new();
        for amt in &self.aemter {
            for gebiet in amt.gebiete.iter().filter(|gebiet| gebiet.gilt(am)) {
                match ags_in(ags, &gebiet.ars) {
                    Liegt::Ja => fits.push((gebiet.ars.len(), amt)),
                    Liegt::Vielleicht => may.push(amt),
                    Liegt::Nein => {}
                }
            }
        }
        match one(longest(fits.into_iter())) {
            Zustaendig::Eines(amt) if may.iter().all(|other| other.id == amt.id) => Zustaendig::Eines(amt),
            Zustaendig::Keines if may.is_empty() => Zustaendig::Keines,
            _ => Zustaendig::Mehrere,
        }
    }

    /// Whether what `lieferant` delivered belongs to `amt` on this day: it is the same office, or took over when the areas of
    /// the other had ended.
    pub fn gehoert(&self, lieferant: &str, amt: &str, am: Date) -> bool {
        let mut owner = lieferant;
        // As many steps as there are offices: a circle of successors ends here, too.
        for _ in 0..=self.aemter.len() {
            if owner == amt {
                return true;
            }
            let Some(old) = self.amt(owner) else { return false };
            match &old.nachfolge {
                Some(next) if old.geendet(am) => owner = next,
                _ => return false,
            }
        }
        false
    }

    /// The offices that held a place one after the other, today's first, each with the last day on which it did: who holds it changes where
    /// any area that covers it begins or ends, be it wider or narrower. Days on which nobody, or nobody alone, held it tell of nobody.
    /// Nobody, where that is so today.
    pub fn halter(&self, ars: &str, am: Date) -> Vec<(&Amt, Date)> {
        let Zustaendig::Eines(today) = self.zustaendig(ars, am) else { return Vec::new() };
        let covering = self.aemter.iter().flat_map(|amt| &amt.gebiete).filter(|g| deckt(&g.ars, ars));
        let lasts = covering.flat_map(|g| [g.von.and_then(|first| first.yesterday().ok()), g.bis]);
        let lasts: BTreeSet<Date> = lasts.flatten().filter(|last| *last < am).collect();
        let mut all = vec![(today, am)];
        for last in lasts.into_iter().rev() {
            if let Zustaendig::Eines(amt) = self.zustaendig(ars, last)
                && all.last().is_none_or(|(after, _)| after.id != amt.id)
            {
                all.push((amt, last));
            }
        }
        all
    }

    /// The last day on which `of` kept a part of its area that another office keeps on this day, without having taken it over as a whole.
    /// Such a part may lie in an area of either table row, so each of them is looked at.
    pub fn abgegeben(&self, of: &str, am: Date) -> Option<Date> {
        let areas = self.aemter.iter().flat_map(|amt| &amt.gebiete);
        let left = areas.filter_map(|gebiet| {
            let holders = self.halter(&gebiet.ars, am);
            let ((today, _), before) = holders.split_first()?;
            let gone = !self.gehoert(of, &today.id, am);
            before.iter().find(|(amt, _)| gone && amt.id == of).map(|(_, last)| *last)
        });
        left.max()
    }

    /// The last day on which another office, which it did not take over whole, still kept a part of what this one keeps now.
    pub fn hinzugekommen(&self, of: &str, am: Date) -> Option<Date> {
        self.teile_von(of, am).into_values().max()
    }

    /// The offices that kept a part of what this one keeps now, each with the last day on which it did, without those that it took over whole.
    pub fn teile_von(&self, of: &str, am: Date) -> BTreeMap<String, Date> {
        let whole = self.mit_vorgaengern(of, am);
        let mut parts: BTreeMap<String, Date> = BTreeMap::new();
        for gebiet in self.aemter.iter().flat_map(|amt| &amt.gebiete) {
            let holders = self.halter(&gebiet.ars, am);
            let Some(((today, _), before)) = holders.split_first() else { continue };
            let other = before.iter().filter(|(amt, _)| today.id == of && !whole.contains(&amt.id));
            for (amt, last) in other {
                let known = parts.entry(amt.id.clone()).or_insert(*last);
                *known = (*known).max(*last);
            }
        }
        parts
    }

    /// The office that stands where this one stood: itself, or its last successor by this day. `None` where all its areas have
    /// ended and nobody took over.
    pub fn heutige<'a>(&'a self, owner: &'a str, am: Date) -> Option<&'a str> {
        let mut office = owner;
        // As many steps as there are offices: a circle of successors ends here, too.
        for _ in 0..=self.aemter.len() {
            // An office that no table names is known by its partner's name only; nothing says that it ended.
            let Some(amt) = self.amt(office) else { return Some(office) };
            if !amt.geendet(am) {
                return Some(office);
            }
            office = amt.nachfolge.as_deref()?;
        }
        None
    }

    /// The offices that `amt` took over from by this day, itself included.
    pub fn mit_vorgaengern(&self, amt: &str, am: Date) -> Vec<String> {
        let before = self.aemter.iter().filter(|other| other.id != amt && self.gehoert(&other.id, amt, am));
        std::iter::once(amt.to_owned()).chain(before.map(|other| other.id.clone())).collect()
    }

    /// The office that keeps the register for births abroad.
    pub fn fuer_auslandsgeburten(&self) -> Zustaendig<'_> {
        one(self.aemter.iter().filter(|amt| amt.auslandsgeburten).collect())
    }
}

/// The civil date in Germany at a moment: the day on which competence is asked for.
pub fn tag(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC)).date()
}

/// The last day on which what comes may still be of an office that kept a place until `last`: what it sent that evening came on the next.
pub fn nachklang(last: Date) -> Date {
    last.tomorrow().unwrap_or(last)
}

/// Whether what an office left open since a moment counts for a place: of one that kept it until `last` only what may be older than that.
pub fn zaehlt_noch(since: Timestamp, last: Option<&Date>) -> bool {
    last.is_none_or(|last| tag(since) <= nachklang(*last))
}

/// When a civil day begins in Germany.
pub fn beginn(day: Date) -> Option<Timestamp> {
    Some(day.to_zoned(TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC)).ok()?.timestamp())
}

/// Digits of an AGS: Land 2, Regierungsbezirk 1, Kreis 2, Gemeinde 3.
pub const AGS: usize = 8;
/// Digits of an ARS: as an AGS, with four for the Verband before the Gemeinde.
pub const ARS: usize = 12;
/// Digits that AGS and ARS have in common at their beginning.
const KREIS: usize = 5;
/// Where the Gemeinde begins in an ARS.
const GEMEINDE: usize = 9;

/// The AGS of the Gemeinde of an ARS, which leaves out the four digits of the Verband; `None` for what is too short for one.
pub fn ags(ars: &str) -> Option<String> {
    Some(format!("{}{}", ars.get(..KREIS)?, ars.get(GEMEINDE..ARS)?))
}

/// Whether a Gemeinde lies in an area.
enum Liegt {
    Ja,
    Nein,
    Vielleicht,
}

/// Whether a place may lie in an area.
fn deckt(gebiet: &str, ars: &str) -> bool {
    match ars.len() {
        AGS => !matches!(ags_in(ars, gebiet), Liegt::Nein),
        _ => ars.starts_with(gebiet),
    }
}

fn ags_in(ags: &str, gebiet: &str) -> Liegt {
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    if gebiet.len() <= KREIS {
        return if ags.starts_with(gebiet) { Liegt::Ja } else { Liegt::Nein };
    }
    if part(ags, 0, KREIS) != part(gebiet, 0, KREIS) {
        return Liegt::Nein;
    }
    let gemeinde = part(gebiet, GEMEINDE, gebiet.len());
    match gebiet.len() {
        ARS if part(ags, KREIS, AGS) == gemeinde => Liegt::Ja,
        GEMEINDE..=ARS if !part(ags, KREIS, AGS).starts_with(&gemeinde) => Liegt::Nein,
        // People write the area of a city without Verband as its AGS.
        ..=AGS if ags.starts_with(gebiet) => Liegt::Ja,
        _ => Liegt::Vielleicht,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn amt(id: &str, gebiete: &[&str]) -> Amt {
        let gebiete = gebiete.iter().map(|ars| Gebiet { ars: (*ars).into(), von: None, bis: None }).collect();
        serde_json::from_value::<Amt>(serde_json::json!({ "id": id, "name": id }))
            .map(|amt| Amt { gebiete, ..amt })
            .unwrap()
    }

    fn found(aemter: &Aemter, key: &str) -> String {
        match aemter.zustaendig(key, Date::constant(2026, 11, 21)) {
            Zustaendig::Eines(amt) => amt.id.clone(),
            Zustaendig::Keines => "keines".into(),
            Zustaendig::Mehrere => "mehrere".into(),
        }
    }

    #[test]
    fn a_city_inside_a_kreis_is_not_its_kreis_by_either_key() {
        let aemter = Aemter {
            aemter: vec![
                amt("kreis", &["05974"]),
                amt("stadt", &["059740040040"]),
                amt("hamburg", &["02"]),
                amt("bremen", &["04011000"]),
                amt("land", &["03351"]),
                amt("verband", &["033510501"]),
            ],
        };
        for (key, office) in [
            ("059740040040", "stadt"),
            ("059740004004", "kreis"),
            ("05974040", "stadt"),
            ("05974004", "kreis"),
            ("02000000", "hamburg"),
            ("04011000", "bremen"),
            ("040110000000", "bremen"),
            ("033510501001", "verband"),
            ("033519999001", "land"),
            ("03351001", "mehrere"),
            ("09162000", "keines"),
        ] {
            assert_eq!(found(&aemter, key), office, "{key}");
        }
    }

    #[test]
    fn a_place_was_held_by_one_after_the_other() {
        let day = |text: &str| Some(text.parse().unwrap());
        let gebiet = |ars: &str, von, bis| Gebiet { ars: ars.into(), von, bis };
        let of = |id: &str, gebiete: Vec<Gebiet>| Amt { gebiete, ..amt(id, &[]) };
        let aemter = Aemter {
            aemter: vec![
                of("land", vec![gebiet("03351", None, None)]),
                of("stadt", vec![gebiet("033510501", day("2026-03-01"), day("2026-08-31"))]),
                of("verband", vec![gebiet("0335105", day("2026-09-01"), None)]),
                of("neu", vec![gebiet("09", day("2026-09-01"), None)]),
            ],
        };
        let held = |ars: &str, am: &str| -> Vec<String> {
            aemter.halter(ars, am.parse().unwrap()).iter().map(|(amt, _)| amt.id.clone()).collect()
        };
        let last = |ars: &str| -> Vec<String> {
            let am = Date::constant(2026, 11, 21);
            aemter.halter(ars, am).iter().map(|(_, last)| last.to_string()).collect()
        };
        assert_eq!(last("033510501001"), ["2026-11-21", "2026-08-31", "2026-02-28"]);
        assert_eq!(held("033510501001", "2026-11-21"), ["verband", "stadt", "land"]);
        assert_eq!(held("033510501001", "2026-08-31"), ["stadt", "land"]);
        assert_eq!(held("033519999001", "2026-11-21"), ["land"]);
        assert_eq!(held("091620000000", "2026-11-21"), ["neu"], "nobody had it before");
        assert!(held("020000000000", "2026-11-21").is_empty());
        // However the table says it: the wider area is older than what happened, or some days are missing between the two.
        for (wider, narrower) in [
            (gebiet("0335", None, None), gebiet("03351", None, day("2026-08-31"))),
            (gebiet("0335", day("2020-01-01"), None), gebiet("03351", None, day("2026-08-31"))),
            (gebiet("03351", day("2026-09-10"), None), gebiet("03351", None, day("2026-08-31"))),
        ] {
            let aemter = Aemter { aemter: vec![of("kreis", vec![wider]), of("stadt", vec![narrower])] };
            let held = aemter.halter("033510501001", Date::constant(2026, 11, 21));
            let held: Vec<(&str, String)> =
                held.iter().map(|(amt, last)| (amt.id.as_str(), last.to_string())).collect();
            assert_eq!(held[..2], [("kreis", "2026-11-21".into()), ("stadt", "2026-08-31".into())]);
            let left = aemter.abgegeben("stadt", Date::constant(2026, 11, 21));
            assert_eq!(left, Some(Date::constant(2026, 8, 31)));
        }
        let left =
            |of: &str, am: &str| aemter.abgegeben(of, am.parse().unwrap()).map(|last| last.to_string());
        assert_eq!(left("land", "2026-02-28"), None);
        assert_eq!(left("land", "2026-03-01"), Some("2026-02-28".into()));
        assert_eq!(left("stadt", "2026-11-21"), Some("2026-08-31".into()));
        assert_eq!(left("verband", "2026-11-21"), None);
        let came =
            |of: &str| aemter.hinzugekommen(of, Date::constant(2026, 11, 21)).map(|last| last.to_string());
        assert_eq!(came("verband"), Some("2026-08-31".into()));
        assert_eq!((came("land"), came("stadt"), came("neu")), (None, None, None));
        // What is taken over as a whole is no part that went.
        let mut whole = aemter.clone();
        whole.aemter[1].nachfolge = Some("verband".into());
        assert_eq!(whole.abgegeben("stadt", "2026-11-21".parse().unwrap()), None);
    }

    #[test]
    fn the_verband_makes_no_difference_inside_one_office() {
        let aemter = Aemter { aemter: vec![amt("land", &["03351", "033510501"])] };
        assert_eq!(found(&aemter, "03351001"), "land");
    }
}
