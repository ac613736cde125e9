//! How long each class of data is kept, with bounds and the reason of each period, and from which day a child is of age.
//! Pure: computes moments from a given one. Never reads a clock and never deletes anything.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::register::record::{Kind, TeilDatum};

/// A class of data that ends together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Klasse {
    /// Registersätze of children who are of age.
    Registersaetze,
    /// What waits for a person and nobody came: inbound parked and quarantined, outbound parked and unclear.
    Zurueckgestellt,
    /// Messages that are settled and what they sent, rows and contents.
    Nachrichten,
    /// Vorgänge in which nothing is open.
    Vorgaenge,
    /// Keys of idempotency; hashes only.
    Schluessel,
    /// Tombstones of deleted Registersätze.
    Loeschmarken,
    /// Who read what of the mirror or a payload.
    Abrufprotokoll,
    /// Retrievals with an IDNr.
    Cockpitlog,
    /// Audit rows and their links of the Nachweiskette.
    Nachweise,
    /// Commands and pauses that ended.
    Befehle,
}

/// From which moment a period counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ab {
    /// From the moment itself.
    Moment,
    /// From the end of the month (UTC) of the moment: the row lies in a partition of its month, which goes whole.
    Monatsende,
    /// From the beginning of that month, because the law names a longest time: the whole month goes before its first row is late.
    Monatsanfang,
    /// No period: the row itself or a birthday says when.
    Selbst,
}

/// The rule of one class.
#[derive(Clone, Copy, Debug)]
pub struct Regel {
    /// The class.
    pub klasse: Klasse,
    /// Its word in `connections.yaml`, commands and audit rows.
    pub wort: &'static str,
    /// Days when nothing is written; 0 where the class has no period.
    pub tage: u32,
    /// Fewest days that may be written.
    pub mindestens: u32,
    /// Most days that may be written.
    pub hoechstens: u32,
    /// Why this period, for people.
    pub grund: &'static str,
    ab: Ab,
}

const fn regel(
    klasse: Klasse,
    wort: &'static str,
    [tage, mindestens, hoechstens]: [u32; 3],
    ab: Ab,
    grund: &'static str,
) -> Regel {
    Regel { klasse, wort, tage, mindestens, hoechstens, grund, ab }
}

/// The rules in the order in which the job goes through them: persons first, evidence last.
pub const REGELN: &[Regel] = &[
    regel(
        Klasse::Registersaetze,
        "registersaetze",
        [0; 3],
        Ab::Selbst,
        "am 18. Geburtstag des Kindes (Europe/Berlin); bei unvollständigem Datum am letzten möglichen Tag",
    ),
    regel(
        Klasse::Zurueckgestellt,
        "zurueckgestellt",
        [90, 30, 365],
        Ab::Moment,
        "Zeit genug, dass sich jemand kümmert; 14 Tage vorher ein Alarm; danach ist der Zweck entfallen",
    ),
    regel(
        Klasse::Nachrichten,
        "nachrichten",
        [30, 7, 365],
        Ab::Monatsende,
        "Rückfragen und Wiederholungen der Partner; der Bestand selbst steht im Spiegel",
    ),
    regel(
        Klasse::Vorgaenge,
        "vorgaenge",
        [180, 30, 1095],
        Ab::Moment,
        "Nachfragen der Mutter und des Jugendamts nach dem Abschluss; Auskunft und Hinweis sind zugestellt",
    ),
    regel(
        Klasse::Schluessel,
        "schluessel",
        [365, 90, 3650],
        Ab::Monatsende,
        "nur Hashes; länger als jede Aufbewahrung beim Partner, damit keine alte Lieferung zweimal wirkt",
    ),
    regel(
        Klasse::Loeschmarken,
        "loeschmarken",
        [0; 3],
        Ab::Selbst,
        "bis der Stand des Absenders die Löschung überholt hat, höchstens 90 Tage; das Datum steht in der Zeile",
    ),
    regel(
        Klasse::Abrufprotokoll,
        "abrufprotokoll",
        [181, 90, 181],
        Ab::Monatsanfang,
        "§ 79 Abs. 4 SGB X: spätestens nach sechs Monaten zu löschen",
    ),
    regel(
        Klasse::Cockpitlog,
        "cockpitlog",
        [730, 730, 760],
        Ab::Monatsende,
        "§ 9 IDNrG: zwei Jahre aufzubewahren, danach unverzüglich zu löschen",
    ),
    regel(
        Klasse::Nachweise,
        "nachweise",
        [1095, 730, 3650],
        Ab::Monatsende,
        "regelmäßige Verjährung drei Jahre (§ 195 BGB); Zeilen ohne Personenbezug, das Salz stirbt mit dem Satz",
    ),
    regel(
        Klasse::Befehle,
        "befehle",
        [90, 30, 365],
        Ab::Moment,
        "wer was warum angeordnet hat, steht danach nur noch in den Nachweisen",
    ),
];

/// So long before something that waits for a person goes, somebody is called.
pub const VORWARNUNG: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Before this day no two due days are told apart: it is earlier than any run of this program.
pub const FRUEHESTENS: Date = jiff::civil::date(2020, 1, 1);
/// Civil hour (Europe/Berlin) of the daily run when nothing is written: after midnight, when birthdays have begun.
pub const STUNDE: i8 = 2;

const VOLLJAEHRIG: i16 = 18;
const TAG: i64 = 24;

/// The periods of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fristen {
    tage: Vec<(Klasse, u32)>,
    /// Civil hour of the daily run, 0–23.
    pub stunde: i8,
}

impl Default for Fristen {
    fn default() -> Self {
        Fristen { tage: REGELN.iter().map(|regel| (regel.klasse, regel.tage)).collect(), stunde: STUNDE }
    }
}

impl Klasse {
    /// The rule of this class.
    pub fn regel(self) -> &'static Regel {
        const NONE: &Regel = &REGELN[0];
        REGELN.iter().find(|regel| regel.klasse == self).unwrap_or(NONE)
    }

    /// Its word.
    pub fn wort(self) -> &'static str {
        self.regel().wort
    }
}

impl Fristen {
    /// The same with other days for a class; outside its bounds the nearest bound holds.
    pub fn mit(mut self, klasse: Klasse, tage: u32) -> Fristen {
        let regel = klasse.regel();
        for (of, days) in &mut self.tage {
            if *of == klasse {
                *days = tage.clamp(regel.mindestens, regel.hoechstens);
            }
        }
        self
    }

    /// Days of a class.
    pub fn tage(&self, klasse: Klasse) -> u32 {
        self.tage.iter().find(|(of, _)| *of == klasse).map_or(0, |(_, tage)| *tage)
    }

    /// What cannot hold together, each in a sentence; empty where all fits.
    pub fn widersprueche(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (longer, shorter, why) in [
            (
                Klasse::Schluessel,
                Klasse::Nachrichten,
                "a repeat is known by its key as long as the message is kept",
            ),
            (
                Klasse::Schluessel,
                Klasse::Zurueckgestellt,
                "a repeat is known by its key as long as the message is kept",
            ),
            (
                Klasse::Nachweise,
                Klasse::Schluessel,
                "what happened stays provable as long as it can be repeated",
            ),
        ] {
            if self.tage(longer) < self.tage(shorter) {
                let (longer, shorter) = (longer.wort(), shorter.wort());
                found.push(format!("`{longer}` is shorter than `{shorter}`; {why}"));
            }
        }
        found
    }

    /// The moment that lies the days of a class before another one.
    pub fn moment(&self, klasse: Klasse, now: Timestamp) -> Timestamp {
        let by = SignedDuration::from_hours(i64::from(self.tage(klasse)) * TAG);
        now.checked_sub(by).unwrap_or(Timestamp::MIN)
    }

    /// The moment before which rows of a class are over; a row of a class that goes by months lies in the month of this time.
    pub fn grenze(&self, klasse: Klasse, now: Timestamp) -> Timestamp {
        let moment = self.moment(klasse, now);
        match klasse.regel().ab {
            Ab::Selbst | Ab::Moment => moment,
            Ab::Monatsende => month_of(moment, 0),
            Ab::Monatsanfang => month_of(moment, 1),
        }
    }
}

/// The beginning of the month (UTC) of a moment, or of one so many months later.
fn month_of(at: Timestamp, later: i64) -> Timestamp {
    let first = at.to_zoned(TimeZone::UTC).date().first_of_month();
    first
        .checked_add(jiff::Span::new().months(later))
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// The first day on which somebody born then is of age; of a partial date the last possible one.
///
/// Born on 29 February, one is of age on 1 March (§ 187(2), § 188(2) and (3) BGB). `None` for a year that is none.
pub fn volljaehrig_ab(geboren: &TeilDatum) -> Option<Date> {
    if geboren.jahr <= 0 {
        return None;
    }
    let monat = geboren.monat.unwrap_or(12);
    let first = Date::new(geboren.jahr, monat, 1).ok()?;
    let tag = geboren.tag.filter(|_| geboren.monat.is_some()).unwrap_or(first.days_in_month());
    let jahr = geboren.jahr.checked_add(VOLLJAEHRIG)?;
    match Date::new(jahr, monat, tag) {
        Ok(day) => Some(day),
        // Only 29 February is missing in some years.
        Err(_) => Date::new(jahr, monat, 1).ok()?.last_of_month().tomorrow().ok(),
    }
}

/// The day on which the Registersatz of a child goes; `None` while no date is known. Before birth the expected date counts,
/// with a year more, because no child comes later.
pub fn satz_endet(kind: &Kind) -> Option<Date> {
    match (&kind.geburtsdatum, &kind.erwartet) {
        (Some(geboren), _) => volljaehrig_ab(geboren),
        (None, Some(erwartet)) => {
            volljaehrig_ab(&TeilDatum { jahr: erwartet.jahr.checked_add(1)?, ..*erwartet })
        }
        (None, None) => None,
    }
}

/// The day from which on something counts as announced that was made ready to be fetched, whether it was fetched or not: the fourth one after
/// that day (§ 9 OZG), in civil days of Germany.
pub fn bekannt_am(bereit: Date) -> Option<Date> {
    bereit.checked_add(jiff::Span::new().days(4)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ab(text: &str) -> String {
        volljaehrig_ab(&TeilDatum::parse(text).unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_child_is_of_age_on_its_eighteenth_birthday_and_on_the_last_possible_one() {
        assert_eq!(ab("2009-05-12"), "2027-05-12");
        assert_eq!(ab("2008-02-29"), "2026-03-01");
        assert_eq!(ab("2008-02"), "2026-03-01", "29 February is the last possible day");
        assert_eq!(ab("2009-02"), "2027-02-28");
        assert_eq!(ab("2009-04"), "2027-04-30");
        assert_eq!(ab("2009"), "2027-12-31");
        assert_eq!(volljaehrig_ab(&TeilDatum::default()), None);
        let unborn = Kind { erwartet: TeilDatum::parse("2027-02-28"), ..Kind::default() };
        assert_eq!(satz_endet(&unborn).unwrap().to_string(), "2046-02-28");
        assert_eq!(satz_endet(&Kind::default()), None);
    }

    #[test]
    fn what_is_ready_to_be_fetched_is_announced_on_the_fourth_day() {
        let tag = jiff::civil::date;
        assert_eq!(bekannt_am(tag(2026, 11, 21)), Some(tag(2026, 11, 25)));
        assert_eq!(bekannt_am(tag(2028, 2, 27)), Some(tag(2028, 3, 2)));
        assert_eq!(bekannt_am(Date::MAX), None);
    }

    #[test]
    fn months_go_whole_and_logs_with_a_longest_time_go_before_it() {
        let now: Timestamp = "2027-03-20T12:00:00Z".parse().unwrap();
        let fristen = Fristen::default();
        let grenze = |klasse| fristen.grenze(klasse, now).to_string();
        assert_eq!(grenze(Klasse::Nachrichten), "2027-02-01T00:00:00Z", "30 days before it is 18 February");
        assert_eq!(grenze(Klasse::Zurueckgestellt), "2026-12-20T12:00:00Z");
        // 181 days before it is 20 September: of that month nothing is older than that on 1 October.
        assert_eq!(grenze(Klasse::Abrufprotokoll), "2026-10-01T00:00:00Z");
        assert_eq!(grenze(Klasse::Cockpitlog), "2025-03-01T00:00:00Z");
    }

    #[test]
    fn a_protecting_class_is_tuned_but_not_switched_off() {
        for regel in REGELN {
            assert!(regel.mindestens <= regel.tage && regel.tage <= regel.hoechstens, "{}", regel.wort);
            let tuned = Fristen::default().mit(regel.klasse, u32::MAX).mit(regel.klasse, 0);
            assert_eq!(tuned.tage(regel.klasse), regel.mindestens, "{}", regel.wort);
            assert!(!regel.grund.is_empty());
        }
        assert!(Fristen::default().widersprueche().is_empty());
        let short = Fristen::default().mit(Klasse::Schluessel, 90).mit(Klasse::Nachrichten, 300);
        assert_eq!(short.widersprueche().len(), 1);
    }
}
