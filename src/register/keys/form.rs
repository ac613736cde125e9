//! The form of a part of a person or place inside a key. Never makes a key, and knows no name from another.

use crate::latin::searchform::search_form;

/// The form of a part of a person or place inside a key: its search form, and of it letters A–Z and digits only.
///
/// Dates are made of digits and hyphens only and keep both: `2020-11` and `20201-1` are not to meet.
pub fn falten(part: &str) -> String {
    if is_date(part) {
        return part.to_owned();
    }
    let form = search_form(part);
    let folded: String = form.chars().filter(|c| c.is_ascii_uppercase() || c.is_ascii_digit()).collect();
    // A text of other letters only must not meet every other text of other letters.
    if folded.is_empty() { form.split_whitespace().collect() } else { folded }
}

fn is_date(part: &str) -> bool {
    part.len() >= 4
        && part.bytes().take(4).all(|octet| octet.is_ascii_digit())
        && part.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-')
}
