//! The town of the simulated year: its births at the density of Bremen, with the names, twins, siblings and mothers' days of `leute`, and
//! what becomes known of each: a record from before the birth, a notice of the Standesamt, the Registersatz.

use std::collections::HashMap;

use drehscheibe::register::record::{Kind, TeilDatum};
use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};

use super::Size;
use super::kalender;
use super::schrift::Satz;
use crate::register::leute::{self, Zufall, person, tag};

/// Of so many births one is of twins.
const ZWILLINGE: f64 = 1.8;
/// Births of mothers who have a child in the register already.
const GESCHWISTER: f64 = 10.0;
/// Births of which a record from before stands.
const VORGEBURTLICH: f64 = 15.0;
/// Births of which the Standesamt notifies a Sorgeerklärung.
const HINWEISE: f64 = 3.0;
/// Births whose first Korrektur overtakes the Registersatz.
const UEBERHOLT: f64 = 0.3;

/// A child that is born before or in the year.
pub struct Geburt {
    pub tag: Date,
    /// Her place among the mothers.
    pub mutter: usize,
    /// What the office enters first.
    pub satz: Satz,
    /// When it delivers that.
    pub gemeldet: Timestamp,
    /// What it delivered before the birth, and when.
    pub vorher: Option<(Timestamp, Satz)>,
    /// When the Standesamt notifies it.
    pub hinweis: Option<Timestamp>,
    /// Whether its first Korrektur overtakes it.
    pub ueberholt: bool,
}

/// A moment in the office's hours, some working days from a day on.
fn buerozeit(z: &mut Zufall, from: Date, days: u64) -> Timestamp {
    let hours = SignedDuration::from_hours(8 * z.unter(days) as i64);
    let minutes = SignedDuration::from_mins(z.unter(8 * 60) as i64);
    let seconds = SignedDuration::from_secs(z.unter(60) as i64);
    kalender::after(kalender::am(from, 0, 0), hours + minutes) + seconds
}

fn arten(z: &mut Zufall) -> Vec<&'static str> {
    match z.unter(100) {
        0..=54 => vec![],
        55..=97 => vec!["01"],
        98 => vec![["02", "03", "04"][z.unter(3) as usize]],
        _ => vec!["01", "02"],
    }
}

struct Muetter {
    /// Each with the day of her last birth.
    all: Vec<(drehscheibe::register::record::Mutter, Date)>,
}

impl Muetter {
    fn of(&mut self, z: &mut Zufall, born: Date) -> usize {
        let long_ago = born - Span::new().days(300);
        if z.prozent(GESCHWISTER) && !self.all.is_empty() {
            // Who is looked at must have had time for another child.
            for _ in 0..8 {
                let nth = z.unter(self.all.len() as u64) as usize;
                if self.all[nth].1 < long_ago {
                    self.all[nth].1 = born;
                    return nth;
                }
            }
        }
        self.all.push((leute::mutter(z, born), born));
        self.all.len() - 1
    }
}

/// All births of a register of so many children at its start, and of the days after it, in their order; and the number of mothers.
pub fn geburten(z: &mut Zufall, size: &Size, start: Date) -> (Vec<Geburt>, usize) {
    let (children, days, daily) = (size.children, size.days(), size.births / 365.25);
    let mut dates = Vec::new();
    // One child in twenty was born in the eighteen years before; some of them come of age in the year.
    let older = children / 20;
    for nth in 0..older {
        let back = if nth < older.div_ceil(15) { z.unter(days as u64) as i64 } else { 0 };
        let age = match back {
            0 => SignedDuration::from_hours(24 * (500 + z.unter(365 * 16) as i64)),
            _ => SignedDuration::ZERO,
        };
        let of_age = start - Span::new().years(18) + Span::new().days(back);
        dates.push(if back > 0 { of_age } else { start - Span::new().days(age.as_hours() / 24) });
    }
    let before = ((children - older) as f64 / daily) as i64;
    let mut sum = 0.0;
    for day in -before..days {
        sum += daily;
        while sum >= 1.0 {
            sum -= 1.0;
            dates.push(start + Span::new().days(day));
        }
    }
    dates.sort_unstable();
    let mut mothers = Muetter { all: Vec::new() };
    let mut numbers: HashMap<i16, u64> = HashMap::new();
    let mut all = Vec::with_capacity(dates.len());
    for day in dates {
        let nth = mothers.of(z, day);
        let mutter = mothers.all[nth].0.clone();
        let family = match z.prozent(80.0) {
            true => mutter.name.familienname.clone().unwrap(),
            false => leute::familienname(z),
        };
        let twins = z.prozent(ZWILLINGE);
        let entered = buerozeit(z, day + Span::new().days(2), 8);
        let mut given = String::new();
        for _ in 0..=u8::from(twins) {
            given = other_name(z, &given);
            let mut kind = Kind {
                namen: vec![person(&family, None, &given)],
                geburtsort: Some("Bremen".into()),
                geburtsdatum: Some(tag(day)),
                register_ars: Some("040110000000".into()),
                ..Kind::default()
            };
            let number = numbers.entry(day.year()).or_default();
            *number += 1;
            leute::eintrag(&mut kind, 0, *number, day.year());
            let satz = Satz { kind, mutter: mutter.clone(), arten: arten(z) };
            let mut birth = Geburt {
                tag: day,
                mutter: nth,
                satz,
                gemeldet: entered,
                vorher: None,
                hinweis: None,
                ueberholt: false,
            };
            if !twins {
                foretold(z, &mut birth);
            }
            all.push(birth);
        }
    }
    (all, mothers.all.len())
}

/// A given name that nobody mistakes for this one.
fn other_name(z: &mut Zufall, than: &str) -> String {
    let first = |name: &str| name.split([' ', '-']).next().unwrap_or_default().to_owned();
    loop {
        let name = leute::kindername(z);
        if first(&name) != first(than) {
            return name;
        }
    }
}

/// What is known of a birth besides its Registersatz.
fn foretold(z: &mut Zufall, birth: &mut Geburt) {
    if z.prozent(VORGEBURTLICH) {
        let due = birth.tag + Span::new().days(z.unter(21) as i64 - 10);
        let erwartet = TeilDatum { tag: None, ..tag(due) };
        if !birth.satz.arten.is_empty() && birth.satz.arten != ["01"] {
            birth.satz.arten = vec!["01"];
        }
        let kind = Kind { erwartet: Some(erwartet), ..Kind::default() };
        let satz = Satz { kind, ..birth.satz.clone() };
        let first = birth.tag - Span::new().days(20 + z.unter(90) as i64);
        birth.vorher = Some((buerozeit(z, first, 2), satz));
    } else if z.prozent(HINWEISE) {
        birth.satz.arten = Vec::new();
        birth.hinweis = Some(buerozeit(z, birth.tag + Span::new().days(1), 6));
    } else if z.prozent(UEBERHOLT) {
        birth.satz.arten = Vec::new();
        birth.ueberholt = true;
    }
}
