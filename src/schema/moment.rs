//! Dates, times and durations of XSD 1.0 (Part 2, 3.2.6 to 3.2.14 and appendix E): reading and the partial order.
//! It never asks a clock and knows no time zone but the one that stands in the text.

use std::cmp::Ordering;

/// Which of the eight kinds is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DateTime,
    Time,
    Date,
    YearMonth,
    Year,
    MonthDay,
    Day,
    Month,
}

/// A point on the line of time; without a zone it stands 14 hours to either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds, of UTC where `zoned`.
    seconds: i128,
    /// Digits behind the point, without zeros at the end.
    part: String,
    zoned: bool,
}

/// A span: months and seconds, which have no common measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Duration {
    months: i128,
    seconds: i128,
    part: String,
    negative: bool,
}

const DAY: i128 = 86_400;
const ZONE: i128 = 14 * 3_600;

struct Reader<'t>(&'t [u8]);

impl<'t> Reader<'t> {
    fn eat(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == byte).then(|| self.0 = rest)
    }

    fn run(&mut self) -> &'t [u8] {
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }

    fn two(&mut self, least: i128, most: i128) -> Option<i128> {
        let (digits, rest) = self.0.split_at_checked(2)?;
        let number = number(digits).filter(|number| (least..=most).contains(number))?;
        self.0 = rest;
        Some(number)
    }

    /// At least four digits, no leading zero beyond four, no year 0000; the year as it is written.
    fn year(&mut self) -> Option<i128> {
        let negative = self.eat(b'-').is_some();
        let digits = self.run();
        if digits.len() < 4 || (digits.len() > 4 && digits[0] == b'0') {
            return None;
        }
        // Beyond this only the order among such years is lost.
        let year = if digits.len() > 20 { 10i128.pow(20) } else { number(digits)? };
        match (negative, year) {
            (_, 0) => None,
            (true, year) => Some(-year),
            (false, year) => Some(year),
        }
    }

    fn part(&mut self) -> Option<String> {
        if self.eat(b'.').is_none() {
            return Some(String::new());
        }
        let digits = std::str::from_utf8(self.run()).ok()?;
        (!digits.is_empty()).then(|| digits.trim_end_matches('0').to_owned())
    }

    fn clock(&mut self) -> Option<(i128, String)> {
        let hour = self.two(0, 24)?;
        self.eat(b':')?;
        let minute = self.two(0, 59)?;
        self.eat(b':')?;
        let second = self.two(0, 59)?;
        let part = self.part()?;
        let midnight = minute == 0 && second == 0 && part.is_empty();
        (hour < 24 || midnight).then_some((hour * 3_600 + minute * 60 + second, part))
    }

    /// Offset from UTC in seconds; the inner `None` is no zone.
    fn zone(&mut self) -> Option<Option<i128>> {
        let sign = match self.0.first() {
            None => return Some(None),
            Some(b'Z') => {
                self.0 = &self.0[1..];
                return self.0.is_empty().then_some(Some(0));
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = &self.0[1..];
        let hour = self.two(0, 14)?;
        self.eat(b':')?;
        let minute = self.two(0, 59)?;
        let lawful = self.0.is_empty() && (hour < 14 || minute == 0);
        lawful.then_some(Some(sign * (hour * 3_600 + minute * 60)))
    }
}

fn number(digits: &[u8]) -> Option<i128> {
    digits.iter().try_fold(0i128, |number, byte| {
        byte.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(i128::from(byte - b'0')))
    })
}

fn leap(year: i128) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i128, month: i128) -> i128 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1 March of the year 0, in the Gregorian calendar at all times.
fn day_number(year: i128, month: i128, day: i128) -> i128 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 1
}

impl Moment {
    /// Reads one kind; `None` when the text is none of it.
    pub(super) fn read(kind: Kind, text: &str) -> Option<Moment> {
        let mut reader = Reader(text.as_bytes());
        // What is not written counts as in Part 2, 3.2.7.4; a leap year, so that 29 February stands.
        let (mut year, mut month, mut day, mut clock) = (2000, 1, 1, (0, String::new()));
        match kind {
            Kind::Time => clock = reader.clock()?,
            Kind::MonthDay | Kind::Day | Kind::Month => {
                reader.eat(b'-')?;
                reader.eat(b'-')?;
                if kind == Kind::Day {
                    reader.eat(b'-')?;
                    day = reader.two(1, 31)?;
                } else {
                    month = reader.two(1, 12)?;
                }
                if kind == Kind::MonthDay {
                    reader.eat(b'-')?;
                    day = reader.two(1, month_length(2000, month))?;
                }
            }
            Kind::DateTime | Kind::Date | Kind::YearMonth | Kind::Year => {
                year = reader.year()?;
                if kind != Kind::Year {
                    reader.eat(b'-')?;
                    month = reader.two(1, 12)?;
                }
                if matches!(kind, Kind::DateTime | Kind::Date) {
                    reader.eat(b'-')?;
                    day = reader.two(1, month_length(year, month))?;
                }
                if kind == Kind::DateTime {
                    reader.eat(b'T')?;
                    clock = reader.clock()?;
                }
            }
        }
        let zone = reader.zone()?;
        let (mut second, part) = clock;
        if kind == Kind::Time && second == DAY {
            second = 0;
        }
        // A year before Christ has the days that its written number says (appendix E, maximumDayInMonthFor); the year 0,
        // which would have 366, is none.
        let gap = if year < 0 { 366 } else { 0 };
        let seconds = (day_number(year, month, day) + gap) * DAY + second - zone.unwrap_or(0);
        Some(Moment { seconds, part, zoned: zone.is_some() })
    }

    /// One text for each value.
    pub(super) fn key(&self) -> String {
        format!("{}{}.{}", if self.zoned { 'z' } else { 'l' }, self.seconds, self.part)
    }

    /// The order, where there is one.
    pub(super) fn compare(&self, other: &Moment) -> Option<Ordering> {
        let plain = |one: i128, two: i128| one.cmp(&two).then_with(|| self.part.cmp(&other.part));
        match (self.zoned, other.zoned) {
            (true, true) | (false, false) => Some(plain(self.seconds, other.seconds)),
            (true, false) => match plain(self.seconds, other.seconds - ZONE) {
                Ordering::Less => Some(Ordering::Less),
                _ => (plain(self.seconds, other.seconds + ZONE) == Ordering::Greater)
                    .then_some(Ordering::Greater),
            },
            (false, true) => other.compare(self).map(Ordering::reverse),
        }
    }
}

impl Duration {
    /// Reads `-?PnYnMnDTnHnMnS` with at least one part.
    pub(super) fn read(text: &str) -> Option<Duration> {
        let mut reader = Reader(text.as_bytes());
        let negative = reader.eat(b'-').is_some();
        reader.eat(b'P')?;
        let (mut months, mut seconds, mut part) = (0i128, 0i128, String::new());
        let (mut any, mut last) = (false, 0);
        let mut of_time = false;
        while !reader.0.is_empty() {
            if !of_time && reader.eat(b'T').is_some() {
                of_time = true;
                (any, last) = (false, 0);
                continue;
            }
            let digits = reader.run();
            let number = if digits.is_empty() { return None } else { number(digits)?.min(10i128.pow(24)) };
            let fraction = if reader.0.first() == Some(&b'.') { Some(reader.part()?) } else { None };
            let (unit, rest) = reader.0.split_first()?;
            reader.0 = rest;
            let (rank, month, second) = match (of_time, unit) {
                (false, b'Y') => (1, 12, 0),
                (false, b'M') => (2, 1, 0),
                (false, b'D') => (3, 0, DAY),
                (true, b'H') => (1, 0, 3_600),
                (true, b'M') => (2, 0, 60),
                (true, b'S') => (3, 0, 1),
                _ => return None,
            };
            if rank <= last || (fraction.is_some() && !(of_time && rank == 3)) {
                return None;
            }
            months += number * month;
            seconds += number * second;
            part = fraction.unwrap_or_default();
            (any, last) = (true, rank);
        }
        any.then(|| {
            let zero = months == 0 && seconds == 0 && part.is_empty();
            Duration { months, seconds, part, negative: negative && !zero }
        })
    }

    /// One text for each value.
    pub(super) fn key(&self) -> String {
        format!("{}{}/{}.{}", if self.negative { "-" } else { "" }, self.months, self.seconds, self.part)
    }

    /// The order, where it is the same from each of the four moments that Part 2, 3.2.6.2 names.
    pub(super) fn compare(&self, other: &Duration) -> Option<Ordering> {
        let starts = [(1696, 9), (1697, 2), (1903, 3), (1903, 7)];
        let mut orders = starts.iter().map(|(year, month)| {
            let (one, two) = (self.after(*year, *month), other.after(*year, *month));
            one.0.cmp(&two.0).then_with(|| one.1.total_cmp(&two.1))
        });
        let first = orders.next()?;
        orders.all(|order| order == first).then_some(first)
    }

    fn after(&self, year: i128, month: i128) -> (i128, f64) {
        let sign = if self.negative { -1 } else { 1 };
        let months = year * 12 + month - 1 + sign * self.months;
        let seconds =
            day_number(months.div_euclid(12), months.rem_euclid(12) + 1, 1) * DAY + sign * self.seconds;
        let part = format!("0.{}", self.part).parse::<f64>().unwrap_or(0.0);
        if self.negative && part > 0.0 { (seconds - 1, 1.0 - part) } else { (seconds, part) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_the_standard_has_it() {
        for (kind, good, bad) in [
            (
                Kind::DateTime,
                &[
                    "2024-02-29T23:59:59.123+14:00",
                    "2024-01-31T24:00:00",
                    "-0044-03-15T00:00:00Z",
                    "12024-01-01T00:00:00",
                ],
                &[
                    "2023-02-29T00:00:00",
                    "2024-01-01T24:00:01",
                    "2024-01-01T00:00:60",
                    "2024-01-01T00:00",
                    "0000-01-01T00:00:00",
                    "2024-01-01 00:00:00",
                    "2024-01-01T00:00:00.",
                    "2024-01-01T00:00:00+14:01",
                    "02024-01-01T00:00:00",
                    "2024-01-01T00:00:00z",
                ],
            ),
            (
                Kind::Date,
                &["2024-12-31", "2024-12-31+01:00", "2024-12-31Z"],
                &["2024-13-01", "2024-1-1", "24-01-01", "2024-01-01T00:00:00", "2024-04-31", "+2024-01-01"],
            ),
            (
                Kind::Time,
                &["00:00:00", "23:59:59.5Z", "24:00:00"],
                &["24:00:01", "1:00:00", "00:60:00", "00:00"],
            ),
            (Kind::YearMonth, &["2024-02", "2024-02Z"], &["2024", "2024-00"]),
            (Kind::Year, &["2024", "-0001", "2024+01:00"], &["24", "0000", "2024-01", "02024"]),
            (Kind::MonthDay, &["--02-29", "--12-31Z"], &["--02-30", "-12-31", "12-31"]),
            (Kind::Day, &["---31", "---01Z"], &["---32", "--01", "---1"]),
            (Kind::Month, &["--12", "--01Z"], &["--13", "--1", "-12"]),
        ] as [(Kind, &[&str], &[&str]); 8]
        {
            good.iter().for_each(|text| assert!(Moment::read(kind, text).is_some(), "{kind:?} {text}"));
            bad.iter().for_each(|text| assert!(Moment::read(kind, text).is_none(), "{kind:?} {text}"));
        }
        for good in ["P1Y", "-P1Y2M3DT4H5M6.7S", "PT0S", "PT1M", "P1M"] {
            assert!(Duration::read(good).is_some(), "{good}");
        }
        for bad in [
            "P", "PT", "P1", "1Y", "P1Y1Y", "P1M1Y", "P1DT", "P1S", "PT1.5M", "PT1.S", "P-1Y", "PT.5S",
            "p1y", "P1YT1Y",
        ] {
            assert!(Duration::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_order_is_partial() {
        let order = |one, two| {
            let read = |text| Moment::read(Kind::DateTime, text).unwrap();
            read(one).compare(&read(two))
        };
        assert_eq!(order("2024-01-01T12:00:00Z", "2024-01-01T13:00:00+01:00"), Some(Ordering::Equal));
        assert_eq!(order("2024-01-01T12:00:00Z", "2024-01-01T12:00:00"), None);
        assert_eq!(order("2024-01-01T12:00:00Z", "2024-01-03T12:00:00"), Some(Ordering::Less));
        assert_eq!(order("2024-01-03T12:00:00", "2024-01-01T12:00:00Z"), Some(Ordering::Greater));
        assert_eq!(order("2024-01-01T12:00:00.5Z", "2024-01-01T12:00:00.49Z"), Some(Ordering::Greater));
        assert_eq!(order("-0001-12-31T00:00:00Z", "0001-01-01T00:00:00Z"), Some(Ordering::Less));
        assert_eq!(order("-0001-12-31T24:00:00Z", "0001-01-01T00:00:00Z"), Some(Ordering::Equal));
        assert_eq!(order("-0004-02-29T24:00:00Z", "-0004-03-01T00:00:00Z"), Some(Ordering::Equal));
        assert_eq!(order("-0004-02-29T00:00:00Z", "-0004-03-01T00:00:00Z"), Some(Ordering::Less));
        let span = |one, two| Duration::read(one).unwrap().compare(&Duration::read(two).unwrap());
        assert_eq!(span("P1Y", "P12M"), Some(Ordering::Equal));
        assert_eq!(span("P1M", "P30D"), None);
        assert_eq!(span("P1M", "P32D"), Some(Ordering::Less));
        assert_eq!(span("-PT0.5S", "PT0S"), Some(Ordering::Less));
        assert_eq!(span("PT36H", "P1DT12H"), Some(Ordering::Equal));
    }
}
