//! The datatypes A to E of DIN 91379: which letters, sequences and signs a value may consist of.
//! Documents are judged by the norm's schema (`xsd/base/din-91379.xsd`); this is the second way to the same verdict, against
//! which tests hold it. It never repairs a value on the quiet. Faults name a position, never the character.
//!
//! The norm lists characters and, for letters Unicode has no single code point for, sequences of up to three
//! (`C` + U+0308). A value conforms when it can be cut into listed units without a rest.

use std::collections::HashMap;
use std::sync::LazyLock;

use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A datatype of DIN 91379. The empty text conforms to each; see [`not_empty`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Datatype {
    /// Names of natural persons: letters, space, apostrophes, hyphens and the like; no digits.
    A,
    /// Names of places, streets and other names: A with digits and more signs.
    B,
    /// General text: B with further signs, tab, line breaks and no-break space.
    C,
    /// Legal persons and products: letters and signs with Greek; no Cyrillic, no line breaks.
    D,
    /// Everything the norm lists.
    E,
}

/// Why a text does not conform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FaultKind {
    /// The text is not in Unicode normalisation form C.
    #[error("not in normalisation form c; send composed characters")]
    NotNfc,
    /// A character or sequence is not listed for the datatype.
    #[error("a character or sequence that the datatype does not list; replace it")]
    NotAllowed,
    /// The text is empty or white space only.
    #[error("empty or white space only; give a value")]
    Empty,
}

/// A departure from a datatype and its place; holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("character {position}: {kind}")]
pub struct LatinFault {
    /// Which code point of the text, counted from 1.
    pub position: usize,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// Checks `text` as received against `datatype`; the empty text conforms, decomposed text (NFD) never does.
pub fn check(text: &str, datatype: Datatype) -> Result<(), LatinFault> {
    let wanted = datatype.groups();
    let table = &*TABLE;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match table.unit_at(rest, first, wanted) {
            Some(length) => rest = &rest[length..],
            None => return Err(explain(text, text.len() - rest.len())),
        }
    }
    Ok(())
}

/// Refuses a text that is empty or white space only, which every datatype itself lets through.
pub fn not_empty(text: &str) -> Result<(), LatinFault> {
    if text.chars().all(char::is_whitespace) {
        return Err(LatinFault { position: 1, kind: FaultKind::Empty });
    }
    Ok(())
}

/// Gives `text` in normalisation form C, for input of our own channels before it is checked.
pub fn normalise(text: &str) -> String {
    if is_nfc(text) { text.to_owned() } else { text.nfc().collect() }
}

/// Names the fault of a text that does not conform and whose first unlisted unit begins at octet `at`.
///
/// All listed units are in form C and stay so side by side (a test holds this against the table), so the check
/// itself needs no normalisation and only a refused text pays for telling the two faults apart.
fn explain(text: &str, at: usize) -> LatinFault {
    if is_nfc(text) {
        return LatinFault { position: text[..at].chars().count() + 1, kind: FaultKind::NotAllowed };
    }
    let same = text.chars().zip(text.nfc()).take_while(|(received, composed)| received == composed).count();
    LatinFault { position: same + 1, kind: FaultKind::NotNfc }
}

// One bit per group of the table.
const LETTERS: u8 = 1;
const SIGNS_N1: u8 = 1 << 1;
const SIGNS_N2: u8 = 1 << 2;
const SIGNS_N3: u8 = 1 << 3;
const SIGNS_N4: u8 = 1 << 4;
const GREEK: u8 = 1 << 5;
const CYRILLIC: u8 = 1 << 6;
const SIGNS_E1: u8 = 1 << 7;

impl Datatype {
    fn groups(self) -> u8 {
        const A: u8 = LETTERS | SIGNS_N1;
        const B: u8 = A | SIGNS_N2;
        const C: u8 = B | SIGNS_N3 | SIGNS_N4;
        match self {
            Datatype::A => A,
            Datatype::B => B,
            Datatype::C => C,
            Datatype::D => B | SIGNS_N3 | GREEK | SIGNS_E1,
            Datatype::E => C | GREEK | CYRILLIC | SIGNS_E1,
        }
    }
}

/// The official list (group; char|seq; code points; name; glyph), unchanged; see NOTICE.
static LIST: &str = include_str!("tables/latin_list_1.3.txt");

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::from_list(LIST));

#[derive(Default)]
struct Table {
    /// Groups of each single character, by code point.
    singles: Vec<u8>,
    /// Sequences by first character: what follows it, and the groups; longest first.
    sequences: HashMap<char, Vec<(String, u8)>>,
}

impl Table {
    fn from_list(list: &str) -> Self {
        let mut table = Table::default();
        for (group, unit) in list.lines().filter_map(row) {
            let mut characters = unit.chars();
            let Some(first) = characters.next() else { continue };
            let tail = characters.as_str();
            if tail.is_empty() {
                let code = u32::from(first) as usize;
                if table.singles.len() <= code {
                    table.singles.resize(code + 1, 0);
                }
                table.singles[code] |= group;
            } else {
                table.sequences.entry(first).or_default().push((tail.to_owned(), group));
            }
        }
        for tails in table.sequences.values_mut() {
            tails.sort_by_key(|(tail, _)| std::cmp::Reverse(tail.len()));
        }
        table
    }

    /// Length in octets of the longest listed unit of the `wanted` groups at the beginning of `rest`.
    ///
    /// Taking the longest never misses a cut: no listed unit begins inside a sequence at a place where the part
    /// before it is a unit too (a test compares with trying every cut).
    fn unit_at(&self, rest: &str, first: char, wanted: u8) -> Option<usize> {
        let after = &rest[first.len_utf8()..];
        // Sequences continue with a mark, or with H after one: plain ASCII behind is never one.
        if !after.is_empty() && !after.as_bytes()[0].is_ascii() {
            let tails = self.sequences.get(&first).map_or(&[][..], Vec::as_slice);
            let tail =
                tails.iter().find(|(tail, groups)| groups & wanted != 0 && after.starts_with(tail.as_str()));
            if let Some((tail, _)) = tail {
                return Some(first.len_utf8() + tail.len());
            }
        }
        let groups = self.singles.get(u32::from(first) as usize).copied().unwrap_or(0);
        (groups & wanted != 0).then_some(first.len_utf8())
    }
}

/// Reads one row; `None` for the combining diacritics, which the norm lists but no datatype admits alone.
fn row(line: &str) -> Option<(u8, String)> {
    let mut columns = line.split(';').map(str::trim);
    let group = match columns.next()? {
        "bll" => LETTERS,
        "bnlreq" => SIGNS_N1,
        "bnl" => SIGNS_N2,
        "bnlopt" => SIGNS_N3,
        "bnlnot" => SIGNS_N4,
        "gl" => GREEK,
        "cl" => CYRILLIC,
        "enl" => SIGNS_E1,
        _ => return None,
    };
    let codes = columns.nth(1)?;
    let unit = codes
        .split_ascii_whitespace()
        .map(|code| u32::from_str_radix(code, 16).ok().and_then(char::from_u32))
        .collect::<Option<String>>()?;
    Some((group, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units() -> Vec<(u8, String)> {
        LIST.lines().filter_map(row).collect()
    }

    fn conforms(text: &str, datatype: Datatype) -> bool {
        check(text, datatype).is_ok()
    }

    #[test]
    fn the_list_is_read_whole() {
        let count = |group| units().iter().filter(|(found, _)| *found == group).count();
        let counts = [LETTERS, SIGNS_N1, SIGNS_N2, SIGNS_N3, SIGNS_N4, GREEK, CYRILLIC, SIGNS_E1].map(count);
        assert_eq!(counts, [649, 18, 60, 6, 4, 69, 62, 42]);
        assert_eq!(LIST.lines().count() - counts.iter().sum::<usize>(), 20, "combining diacritics");
    }

    #[test]
    fn units_are_composed_and_stay_composed_side_by_side() {
        let units = units();
        for (_, left) in &units {
            assert!(is_nfc(left), "{left}");
            for (_, right) in &units {
                assert!(is_nfc(&format!("{left}{right}")), "{left}{right}");
            }
        }
    }

    #[test]
    fn what_follows_in_a_sequence_begins_beyond_ascii() {
        assert!(units().iter().all(|(_, unit)| unit.chars().nth(1).is_none_or(|second| !second.is_ascii())));
    }

    #[test]
    fn faults_name_kind_and_position() {
        let fault = |text, datatype| check(text, datatype).unwrap_err();
        assert_eq!(fault("Rene\u{301}", Datatype::E), LatinFault { position: 4, kind: FaultKind::NotNfc });
        assert_eq!(fault("Zoë 3", Datatype::A), LatinFault { position: 5, kind: FaultKind::NotAllowed });
        assert_eq!(fault("C\u{308}C\u{301}", Datatype::C).kind, FaultKind::NotNfc);
        assert_eq!(fault("a\u{308}\u{308}", Datatype::E).kind, FaultKind::NotNfc);
        assert_eq!(fault("x\u{308}", Datatype::A).kind, FaultKind::NotNfc);
        assert_eq!(fault("\u{308}", Datatype::E), LatinFault { position: 1, kind: FaultKind::NotAllowed });
        assert_eq!(
            fault("C\u{308}\u{308}", Datatype::E),
            LatinFault { position: 3, kind: FaultKind::NotAllowed }
        );
        for text in ["字", "\u{AD}", "a\u{200B}", "\u{FFFD}", "\u{0}"] {
            assert_eq!(fault(text, Datatype::E).kind, FaultKind::NotAllowed, "{text:?}");
        }
        assert!(!fault("Geheim字", Datatype::A).to_string().contains("Geheim"));
    }

    #[test]
    fn the_datatypes_admit_what_the_norm_says() {
        for name in [
            "",
            "René Müller",
            "Đặng",
            "C\u{308}irkovic\u{301}".nfc().collect::<String>().as_str(),
            "K\u{35F}han",
            "O’Neill",
        ] {
            assert!(conforms(name, Datatype::A), "{name}");
        }
        assert!(conforms("Straße 17", Datatype::B) && !conforms("Straße 17", Datatype::A));
        assert!(conforms("a\tb\r\n\u{A0}", Datatype::C) && !conforms("a\tb", Datatype::B));
        assert!(conforms("Ωμέγα 3", Datatype::D) && !conforms("Ωμέγα", Datatype::C));
        assert!(!conforms("a\n", Datatype::D));
        assert!(conforms("Жук\n", Datatype::E) && !conforms("Жук", Datatype::D));
    }

    #[test]
    fn emptiness_is_a_rule_of_its_own() {
        for text in ["", " ", "\t\r\n\u{A0}"] {
            assert_eq!(not_empty(text), Err(LatinFault { position: 1, kind: FaultKind::Empty }));
            assert!(conforms(text, Datatype::E));
        }
        assert!(not_empty(" a").is_ok());
    }

    /// The definition itself: tries every cut.
    fn can_be_cut(text: &str, wanted: u8, units: &[(u8, String)]) -> bool {
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for at in 0..text.len() {
            if reached[at] {
                for (group, unit) in units {
                    if group & wanted != 0 && text[at..].starts_with(unit.as_str()) {
                        reached[at + unit.len()] = true;
                    }
                }
            }
        }
        reached[text.len()]
    }

    proptest! {
        #[test]
        fn the_longest_unit_finds_every_cut(text in "[KkCcHhLlRrSsEeaA1. \u{300}-\u{331}\u{35F}\u{304}\u{325}\u{328}\u{306}ĒēŌō]{0,12}") {
            let units = units();
            for datatype in [Datatype::A, Datatype::B, Datatype::C, Datatype::D, Datatype::E] {
                prop_assert_eq!(conforms(&text, datatype), can_be_cut(&text, datatype.groups(), &units));
            }
        }
    }
}
