//! The hours of an office in Germany: Monday to Friday from eight to four, without holidays. What is counted in them is counted here.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

const OPENS: i8 = 8;
const CLOSES: i8 = 16;

/// A moment of a day in Germany.
pub fn am(day: Date, hour: i8, minute: i8) -> Timestamp {
    day.at(hour, minute, 0, 0).to_zoned(zone()).unwrap().timestamp()
}

pub fn zoned(at: Timestamp) -> Zoned {
    at.to_zoned(zone())
}

fn zone() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

pub fn works(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

pub fn is_open(at: Timestamp) -> bool {
    let local = zoned(at);
    works(local.date()) && (OPENS..CLOSES).contains(&local.hour())
}

/// The office hours between two moments.
pub fn between(from: Timestamp, to: Timestamp) -> SignedDuration {
    let (mut day, last) = (zoned(from).date(), zoned(to).date());
    let mut sum = SignedDuration::ZERO;
    while day <= last {
        if works(day) {
            let (begin, end) = (am(day, OPENS, 0).max(from), am(day, CLOSES, 0).min(to));
            sum += end.duration_since(begin).max(SignedDuration::ZERO);
        }
        day = day.tomorrow().unwrap();
    }
    sum
}

/// The moment at which so much of the office's time has passed.
pub fn after(from: Timestamp, office: SignedDuration) -> Timestamp {
    let (mut day, mut left) = (zoned(from).date(), office);
    loop {
        if works(day) {
            let (begin, end) = (am(day, OPENS, 0).max(from), am(day, CLOSES, 0));
            if begin + left < end {
                return begin + left;
            }
            left -= end.duration_since(begin).max(SignedDuration::ZERO);
        }
        day = day.tomorrow().unwrap();
    }
}

#[test]
fn only_the_hours_of_the_office_count() {
    let friday = jiff::civil::date(2027, 1, 8);
    let monday = jiff::civil::date(2027, 1, 11);
    let hours = SignedDuration::from_hours;
    assert_eq!(between(am(friday, 15, 0), am(monday, 9, 0)), hours(2));
    assert_eq!(after(am(friday, 15, 0), hours(2)), am(monday, 9, 0));
    assert_eq!(after(am(friday, 20, 0), hours(0)), am(monday, 8, 0));
    assert!(is_open(am(friday, 15, 59)) && !is_open(am(friday, 16, 0)) && !is_open(am(monday, 7, 59)));
}
