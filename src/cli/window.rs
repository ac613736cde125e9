//! A window of time as somebody says it who looks for a message: `yesterday 9:50–10:10`, `gestern`, `2026-12-01 10:00 bis 12:00`. German
//! time. Pure: what today is, is handed in.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// From the first moment on, and before the second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment that counts.
    pub from: Timestamp,
    /// The first moment that does not.
    pub until: Timestamp,
}

/// What is allowed, for whoever wrote something else.
pub const ALLOWED: &str = "write a day (today, yesterday, heute, gestern, vorgestern, 2026-12-01, 1.12.2026), a time (9:50, 9:50:12, 10), both, \
     or two of them with a dash or `bis` between, such as `yesterday 9:50–10:10` (German time)";

/// A time as it was written: with its seconds, its minutes, or the hour alone.
#[derive(Clone, Copy)]
struct Written {
    time: Time,
    /// How long what was named lasts.
    lasts: SignedDuration,
}

#[derive(Clone, Copy, Default)]
struct Side {
    day: Option<Date>,
    time: Option<Written>,
}

/// Reads a window; `None` where it is none.
pub fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Window> {
    let today = now.to_zoned(zone.clone()).date();
    let words = words(text);
    let dashes = words.iter().filter(|word| is_between(word)).count();
    let mut sides = words.split(|word| is_between(word));
    let left = side(sides.next()?, today)?;
    let right = if dashes == 0 { None } else { Some(side(sides.next()?, today)?) };
    if dashes > 1 {
        return None;
    }
    let day = left.day.unwrap_or(today);
    let (from, until) = match (left.time, right) {
        (None, None) => (start(day), start(day.tomorrow().ok()?)),
        (Some(at), None) => (day.to_datetime(at.time), day.to_datetime(at.time).checked_add(at.lasts).ok()?),
        // From a day or a moment to the end of a day.
        (at, Some(Side { day: Some(last), time: None })) => {
            (day.to_datetime(at.map_or(Time::midnight(), |at| at.time)), start(last.tomorrow().ok()?))
        }
        (at, Some(Side { day: last, time: Some(end) })) => {
            let from = day.to_datetime(at.map_or(Time::midnight(), |at| at.time));
            // "until 10" is until ten; "until 10:10" is until that minute is over.
            let lasts =
                if end.lasts > SignedDuration::from_mins(1) { SignedDuration::ZERO } else { end.lasts };
            let mut until = last.unwrap_or(day).to_datetime(end.time);
            if last.is_none() && until < from {
                until = until.checked_add(1.day()).ok()?;
            }
            (from, until.checked_add(lasts).ok()?)
        }
        (_, Some(Side { day: None, time: None })) => return None,
    };
    // Of an hour that comes twice both count.
    let from = zone.to_ambiguous_zoned(from).earlier().ok()?.timestamp();
    let until = zone.to_ambiguous_zoned(until).later().ok()?.timestamp();
    (from < until).then_some(Window { from, until })
}

fn start(day: Date) -> DateTime {
    day.to_datetime(Time::midnight())
}

fn is_between(word: &str) -> bool {
    matches!(word, "-" | "bis" | "to" | "until")
}

/// The words, with each dash between two moments as a word of its own; the dashes of a date stay.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace(['–', '—'], " - ");
    let mut words = Vec::new();
    for word in lower.split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let (said, behind) = match (rest.split_at_checked("2026-12-01".len()), rest.strip_prefix('-')) {
                (Some((date, behind)), _) if date.parse::<Date>().is_ok() => (date, behind),
                (_, Some(behind)) => ("-", behind),
                (_, None) => rest.split_at(rest.find('-').unwrap_or(rest.len())),
            };
            words.push(said.to_owned());
            rest = behind;
        }
    }
    // Said and without meaning.
    words.retain(|word| !matches!(word.as_str(), "uhr" | "um" | "at" | "von" | "from" | "am" | "on"));
    words
}

fn side(words: &[String], today: Date) -> Option<Side> {
    let mut side = Side::default();
    for word in words {
        if let (Some(day), None, None) = (day(word, today), side.day, side.time) {
            side.day = Some(day);
        } else if let (Some(time), None) = (time(word), side.time) {
            side.time = Some(time);
        } else {
            return None;
        }
    }
    (side.day.is_some() || side.time.is_some()).then_some(side)
}

fn day(word: &str, today: Date) -> Option<Date> {
    let before = match word {
        "today" | "heute" => 0,
        "yesterday" | "gestern" => 1,
        "vorgestern" => 2,
        _ => {
            if let Ok(date) = word.parse::<Date>() {
                return Some(date);
            }
            let mut parts = word.split('.');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            let year = if year.is_empty() { today.year() } else { year.parse().ok()? };
            let fits = parts.next().is_none() && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            return fits.then(|| Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()).flatten();
        }
    };
    today.checked_sub(before.days()).ok()
}

fn time(word: &str) -> Option<Written> {
    let mut parts = word.split(':');
    let mut number = || -> Option<Option<i8>> {
        let Some(part) = parts.next() else { return Some(None) };
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok())
    };
    let (hour, minute, second) = (number()??, number()?, number()?);
    if parts.next().is_some() {
        return None;
    }
    let lasts = match (minute, second) {
        (_, Some(_)) => SignedDuration::from_secs(1),
        (Some(_), None) => SignedDuration::from_mins(1),
        (None, None) => SignedDuration::from_hours(1),
    };
    let time = Time::new(hour, minute.unwrap_or(0), second.unwrap_or(0), 0).ok()?;
    Some(Written { time, lasts })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon of a Tuesday in December, German time.
    fn read_at_noon(text: &str) -> Option<(String, String)> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let window = read(text, "2026-12-01T11:00:00Z".parse().unwrap(), &zone)?;
        let shown = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S").to_string();
        Some((shown(window.from), shown(window.until)))
    }

    #[test]
    fn a_window_is_read_as_people_say_it() {
        for (said, from, until) in [
            ("yesterday 9:50–10:10", "11-30 09:50:00", "11-30 10:11:00"),
            ("gestern 9:50-10:10", "11-30 09:50:00", "11-30 10:11:00"),
            ("gestern von 9:50 bis 10:10 Uhr", "11-30 09:50:00", "11-30 10:11:00"),
            ("Gestern um 10 Uhr", "11-30 10:00:00", "11-30 11:00:00"),
            ("9–10 Uhr", "12-01 09:00:00", "12-01 10:00:00"),
            ("heute", "12-01 00:00:00", "12-02 00:00:00"),
            ("vorgestern", "11-29 00:00:00", "11-30 00:00:00"),
            ("10:02:07", "12-01 10:02:07", "12-01 10:02:08"),
            ("2026-11-28 – 2026-11-29", "11-28 00:00:00", "11-30 00:00:00"),
            ("2026-11-28-2026-11-29", "11-28 00:00:00", "11-30 00:00:00"),
            ("28.11.2026 22:00 bis 29.11. 6:00", "11-28 22:00:00", "11-29 06:01:00"),
            ("gestern 23:50-0:10", "11-30 23:50:00", "12-01 00:11:00"),
            ("gestern 23:50 bis heute", "11-30 23:50:00", "12-02 00:00:00"),
            ("gestern bis heute 10:00", "11-30 00:00:00", "12-01 10:01:00"),
        ] {
            assert_eq!(read_at_noon(said), Some((from.to_owned(), until.to_owned())), "{said}");
        }
        for none in [
            "",
            "morgens",
            "9:50 gestern",
            "25:00",
            "9:5:5:5",
            "-",
            "gestern -",
            "1-2-3",
            "heute bis gestern",
            "31.2.2026",
            "100",
        ] {
            assert_eq!(read_at_noon(none), None, "{none}");
        }
    }

    #[test]
    fn of_an_hour_that_comes_twice_both_count() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let window = read("25.10.2026 2:30", "2026-12-01T11:00:00Z".parse().unwrap(), &zone).unwrap();
        assert_eq!(window.from, "2026-10-25T00:30:00Z".parse().unwrap());
        assert_eq!(window.until, "2026-10-25T01:31:00Z".parse().unwrap());
    }
}
