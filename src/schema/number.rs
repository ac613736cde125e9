//! Numbers and octets of XSD 1.0 as written: decimals of any length, floats, base64, hexadecimal.
//! It never rounds a decimal and never decodes what only needs to be counted.

use std::cmp::Ordering;

/// A decimal, without zeros that mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'t> {
    negative: bool,
    whole: &'t str,
    part: &'t str,
}

impl<'t> Decimal<'t> {
    /// Reads `-?` digits with at most one point; `None` when it is none.
    pub(super) fn read(text: &'t str) -> Option<Decimal<'t>> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !all_digits(whole) || !all_digits(part) {
            return None;
        }
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        Some(Decimal { negative: negative && !(whole.is_empty() && part.is_empty()), whole, part })
    }

    /// The digits that count, and those of them behind the point.
    pub(super) fn digits(&self) -> (u64, u64) {
        let (whole, part) = (self.whole.len() as u64, self.part.len() as u64);
        ((whole + part).max(1), part)
    }

    /// One text for each value.
    pub(super) fn key(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}.{}", self.whole, self.part)
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |one: &Self, two: &Self| {
            let whole = one.whole.len().cmp(&two.whole.len()).then_with(|| one.whole.cmp(two.whole));
            // Without zeros at the end, digits behind the point compare as texts.
            whole.then_with(|| one.part.cmp(two.part))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size(self, other),
            (true, true) => size(other, self),
        }
    }
}

/// Whether a decimal is written as an integer.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a float or double; both are held as `f64`, a float rounded to its own precision.
pub(super) fn float(text: &str, single: bool) -> Option<f64> {
    match text {
        "INF" => return Some(f64::INFINITY),
        "-INF" => return Some(f64::NEG_INFINITY),
        "NaN" => return Some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    Decimal::read(mantissa)?;
    if exponent.is_some_and(|exponent| !is_integer(exponent)) {
        return None;
    }
    if single { text.parse::<f32>().ok().map(f64::from) } else { text.parse().ok() }
}

/// One text for each value of a float; both zeros are one, and not-a-number equals itself.
pub(super) fn float_key(value: f64) -> String {
    let value = if value == 0.0 { 0.0 } else { value };
    if value.is_nan() { "NaN".to_owned() } else { format!("{:x}", value.to_bits()) }
}

/// The octets of a `hexBinary`, or `None`.
pub(super) fn hex_octets(text: &str) -> Option<u64> {
    (text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then_some(text.len() as u64 / 2)
}

/// The octets of a `base64Binary` (Part 2, 3.2.16), or `None`; white space may stand between its characters.
pub(super) fn base64_octets(text: &str) -> Option<u64> {
    let (mut characters, mut padding, mut last) = (0u64, 0u64, 0u8);
    for byte in text.bytes() {
        let value = match byte {
            b' ' => continue,
            b'=' => {
                padding += 1;
                continue;
            }
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        characters += 1;
        last = value;
    }
    // The bits of the last character that belong to no octet are zero.
    let lawful = match (characters % 4, padding) {
        (0, 0) => true,
        (2, 2) => last & 0b1111 == 0,
        (3, 1) => last & 0b11 == 0,
        _ => false,
    };
    lawful.then_some(characters * 6 / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_any_length_and_compare_by_value() {
        let read = |text| Decimal::read(text);
        for bad in ["", "+", "-", ".", "1_0", "1_", "1e2", "1,0", " 1", "--1", "1.2.3", "٣", "INF", "0x1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for (one, two, order) in [
            ("1", "01.0", Ordering::Equal),
            ("-0", "+0.00", Ordering::Equal),
            ("-1", "1", Ordering::Less),
            ("-2", "-10", Ordering::Greater),
            ("9", "10", Ordering::Less),
            ("0.5", ".45", Ordering::Greater),
            ("99999999999999999999999999", "99999999999999999999999998.9", Ordering::Greater),
        ] {
            assert_eq!(read(one).unwrap().cmp(&read(two).unwrap()), order, "{one} {two}");
            assert_eq!(read(one).unwrap().key() == read(two).unwrap().key(), order == Ordering::Equal);
        }
        assert_eq!(read("0012.340").unwrap().digits(), (4, 2));
        assert_eq!(read("0").unwrap().digits(), (1, 0));
        assert!(is_integer("-007") && !is_integer("1.0") && !is_integer("+") && !is_integer("1_0"));
    }

    #[test]
    fn floats_are_written_as_the_standard_has_it() {
        for good in ["1", "-1.5E3", "1e-2", ".5", "5.", "INF", "-INF", "NaN", "1E400"] {
            assert!(float(good, false).is_some(), "{good}");
        }
        for bad in ["", "+INF", "inf", "infinity", "nan", "1e", "1e1.5", "e5", "0x1p3", "1_0"] {
            assert!(float(bad, false).is_none(), "{bad}");
        }
        assert_eq!(float_key(0.0), float_key(-0.0));
    }

    #[test]
    fn octets_are_counted() {
        assert_eq!(hex_octets("0aFF"), Some(2));
        assert_eq!(hex_octets("0aF"), None);
        assert_eq!(base64_octets("PGE vPg =="), Some(4));
        assert_eq!(base64_octets(""), Some(0));
        for bad in ["PGE", "PGEvPh==", "PGEvP===", "=", "PG=v", "PGE\u{e4}", "PGEvPg="] {
            assert_eq!(base64_octets(bad), None, "{bad}");
        }
    }
}
