//! The simple values of XTA's schemas by their lexical rules: moments, days, addresses, numbers, names.
//! It never makes more of a value than its schema says: ids stay as they are spelt, moments are no points in time here.

/// `text` with its white space collapsed, as `xs:token` and its kin are read.
pub fn collapsed(text: &str) -> String {
    text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether `text` is an `xs:dateTime`.
pub fn is_date_time(text: &str) -> bool {
    let Some((day, time)) = text.split_once('T') else { return false };
    let Some((clock, zone)) = time.get(..8).zip(time.get(8..)) else { return false };
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => zone,
    };
    is_day(day) && is_clock(clock) && is_zone(zone)
}

/// Whether `text` is an `xs:date`.
pub fn is_date(text: &str) -> bool {
    text.get(..10).zip(text.get(10..)).is_some_and(|(day, zone)| is_day(day) && is_zone(zone))
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Years of four digits: nobody delivers in others.
fn is_day(text: &str) -> bool {
    let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else { return false };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return false;
    }
    let (Some(year), Some(month), Some(day)) = (number(year), number(month), number(day)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    year > 0 && (1..=last).contains(&day)
}

fn is_clock(text: &str) -> bool {
    let [hour, minute, second] = text.split(':').collect::<Vec<_>>()[..] else { return false };
    let in_range = |text: &str, most| text.len() == 2 && number(text).is_some_and(|value| value <= most);
    in_range(hour, 23) && in_range(minute, 59) && in_range(second, 59)
}

fn is_zone(text: &str) -> bool {
    if text.is_empty() || text == "Z" {
        return true;
    }
    let Some((hour, minute)) = text.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let value = |text: &str| number(text).filter(|_| text.len() == 2);
    match (value(hour), value(minute)) {
        (Some(14), Some(0)) => true,
        (Some(hour), Some(minute)) => hour < 14 && minute < 60,
        _ => false,
    }
}

/// Whether `text` can stand as an `xs:anyURI` (RFC 3986 with the characters of RFC 3987); it may be empty and relative.
pub fn is_uri(text: &str) -> bool {
    let octets = text.as_bytes();
    let lawful = text.chars().all(|character| {
        character.is_ascii_alphanumeric()
            || "-._~:/?#@!$&'()*+,;=%".contains(character)
            || (!character.is_ascii() && !character.is_control() && !character.is_whitespace())
    });
    let escaped = octets.iter().enumerate().filter(|(_, octet)| **octet == b'%').all(|(at, _)| {
        octets.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    // Before the first colon stands a scheme, unless something says that it is a path.
    let scheme = match text.find([':', '/', '?', '#']) {
        Some(at) if octets[at] == b':' => {
            octets[0].is_ascii_alphabetic()
                && octets[..at].iter().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(octet))
        }
        _ => true,
    };
    // A port is a number.
    let authority =
        text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = host.split_once(':').is_none_or(|(_, port)| port.bytes().all(|octet| octet.is_ascii_digit()));
    lawful && escaped && scheme && port && octets.iter().filter(|octet| **octet == b'#').count() < 2
}

/// Whether `text` is an `xs:language`.
pub fn is_language(text: &str) -> bool {
    let mut pieces = text.split('-');
    let first = pieces.next().unwrap_or_default();
    let short = |piece: &str| (1..=8).contains(&piece.len());
    short(first)
        && first.bytes().all(|octet| octet.is_ascii_alphabetic())
        && pieces.all(|piece| short(piece) && piece.bytes().all(|octet| octet.is_ascii_alphanumeric()))
}

/// An `xs:boolean`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A number that is not negative.
pub fn unsigned(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// A whole number.
pub fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(rest) if !rest.starts_with(['+', '-']) => {
            unsigned(rest).and_then(|value| i64::try_from(value).ok()).map(|value| -value)
        }
        Some(_) => None,
        None => unsigned(text).and_then(|value| i64::try_from(value).ok()),
    }
}

/// Whether two ids of transport orders are the same: compared without case, kept as they are spelt.
pub fn same_id(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Whether a Content-ID is one that naive readers find, too: they compare it as written, so nothing in it is escaped.
pub fn is_plain_part_id(id: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b".-@".contains(&octet);
    !id.is_empty() && id.len() <= 200 && id.bytes().all(plain)
}

/// The Content-ID that a `cid:` address names, its escapes resolved.
pub fn part_id(address: &str) -> Option<String> {
    let escaped = address.trim().strip_prefix("cid:")?;
    let octets = escaped.as_bytes();
    let mut id = Vec::with_capacity(octets.len());
    let mut at = 0;
    while let Some(octet) = octets.get(at) {
        if *octet == b'%' {
            let mut value = [0];
            hex::decode_to_slice(octets.get(at + 1..at + 3)?, &mut value).ok()?;
            id.push(value[0]);
            at += 3;
        } else {
            id.push(*octet);
            at += 1;
        }
    }
    let id = String::from_utf8(id).ok()?;
    (!id.is_empty() && !id.chars().any(char::is_control)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_days_are_those_of_the_schema() {
        for good in ["2026-11-21T19:15:10.893Z", "2026-06-09T10:11:26.000+02:00", "2024-02-29T00:00:00"] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "",
            "2026-11-21",
            "2026-11-21T",
            "2026-13-01T00:00:00",
            "2025-02-29T00:00:00",
            "2026-11-21T24:00:00",
            "2026-11-21T10:00:00.",
            "2026-11-21T10:00:00+2:00",
            "2026-11-21T1ä:00:00",
            "0000-01-01T00:00:00",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
        assert!(is_date("2026-11-21") && is_date("2026-11-21+01:00") && !is_date("2026-11-21T"));
    }

    #[test]
    fn addresses_parts_and_numbers() {
        for good in ["", "1", "urn:de:xta:messageid:a:b", "http://a.b:1/c?d#e", "urn:%41", "https://ä/"] {
            assert!(is_uri(good), "{good}");
        }
        for bad in ["a b", "urn:%4", "a#b#c", "1:2", "http://a:b/", "<", "No more Messages available", ":a"] {
            assert!(!is_uri(bad), "{bad}");
        }
        assert_eq!(part_id("cid:a%40b*c").as_deref(), Some("a@b*c"));
        for bad in ["a@b", "cid:", "cid:%4", "cid:%zz", "cid:%FF", "cid:a%0Ab"] {
            assert_eq!(part_id(bad), None, "{bad}");
        }
        assert_eq!(
            (unsigned("+7"), unsigned("-7"), unsigned(""), unsigned("99999999999999999999")),
            (Some(7), None, None, None)
        );
        assert_eq!((integer("-3"), integer("--3"), integer("3")), (Some(-3), None, Some(3)));
        assert!(is_language("de-DE") && !is_language("de_DE") && !is_language(""));
    }
}
