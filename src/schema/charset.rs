//! Sets of characters as sorted ranges of scalar values, and the named ones of patterns: categories, blocks, `\i`,
//! `\c`, `\w` and their kin. It never looks at a text.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, HirKind};

use super::blocks;
use crate::xml::chars;

/// A set of scalar values: ranges in order, neither touching nor overlapping.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Set(Vec<(u32, u32)>);

/// The last scalar value.
pub(super) const LAST: u32 = 0x10_FFFF;

impl Set {
    pub(super) fn of(ranges: impl IntoIterator<Item = (u32, u32)>) -> Set {
        let mut all: Vec<(u32, u32)> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        all.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Set(merged)
    }

    pub(super) fn one(character: char) -> Set {
        Set(vec![(u32::from(character), u32::from(character))])
    }

    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    pub(super) fn or(&self, other: &Set) -> Set {
        Set::of(self.0.iter().chain(&other.0).copied())
    }

    pub(super) fn not(&self) -> Set {
        let (mut next, mut ranges) = (0, Vec::with_capacity(self.0.len() + 1));
        for &(first, last) in &self.0 {
            if first > next {
                ranges.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= LAST {
            ranges.push((next, LAST));
        }
        Set(ranges)
    }

    pub(super) fn without(&self, other: &Set) -> Set {
        self.not().or(other).not()
    }

    #[cfg(test)]
    pub(super) fn has(&self, character: char) -> bool {
        self.0.iter().any(|&(first, last)| (first..=last).contains(&u32::from(character)))
    }

    fn of_characters(holds: impl Fn(char) -> bool) -> Set {
        let (mut ranges, mut first) = (Vec::new(), None);
        for code in 0..=LAST + 1 {
            match (char::from_u32(code).is_some_and(&holds), first) {
                (true, None) => first = Some(code),
                (false, Some(start)) => {
                    ranges.push((start, code - 1));
                    first = None;
                }
                _ => {}
            }
        }
        Set(ranges)
    }
}

static NAME_START: OnceLock<Set> = OnceLock::new();
static NAME: OnceLock<Set> = OnceLock::new();

/// Whether a character goes on as a name after `before`; a colon always does.
fn is_name_part(before: &str, character: char) -> bool {
    let mut room = [0; 8];
    room[..before.len()].copy_from_slice(before.as_bytes());
    let end = before.len() + character.encode_utf8(&mut room[before.len()..]).len();
    character == ':' || std::str::from_utf8(&room[..end]).is_ok_and(chars::is_ncname)
}

/// The set behind one letter of a multi-character escape such as `\d`; `None` when there is no such escape.
pub(super) fn escape(letter: char) -> Option<Set> {
    let lower = letter.to_ascii_lowercase();
    let set = match lower {
        's' => Set::of([(9, 10), (13, 13), (32, 32)]),
        'd' => category("Nd")?,
        'w' => category("P")?.or(&category("Z")?).or(&category("C")?).not(),
        'i' => NAME_START.get_or_init(|| Set::of_characters(|character| is_name_part("", character))).clone(),
        'c' => NAME.get_or_init(|| Set::of_characters(|character| is_name_part("a", character))).clone(),
        _ => return None,
    };
    Some(if lower == letter { set } else { set.not() })
}

/// The set behind the name in `\p{name}`: a general category or a block; `None` when there is none.
pub(super) fn property(name: &str) -> Option<Set> {
    match name.strip_prefix("Is") {
        Some(block) => blocks::find(block).map(Set::of),
        None => category(name),
    }
}

fn category(name: &str) -> Option<Set> {
    const MAJOR: &[(&str, &str)] = &[
        ("L", "ultmo"),
        ("M", "nce"),
        ("N", "dlo"),
        ("P", "cdseifo"),
        ("Z", "slp"),
        ("S", "mcko"),
        ("C", "cfon"),
    ];
    let (first, second) = name.split_at_checked(1)?;
    let (_, minors) = MAJOR.iter().find(|(major, _)| *major == first)?;
    if second.len() > 1 || !minors.contains(second) {
        return None;
    }
    let hir = regex_syntax::Parser::new().parse(&format!(r"\p{{{name}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => {
            Some(Set::of(class.iter().map(|range| (u32::from(range.start()), u32::from(range.end())))))
        }
        // A category of one character only.
        HirKind::Literal(literal) => {
            let mut characters = std::str::from_utf8(&literal.0).ok()?.chars();
            characters.next().filter(|_| characters.next().is_none()).map(Set::one)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_behave_as_sets() {
        let low = Set::of([(97, 101), (102, 122), (97, 99)]);
        assert_eq!(low.ranges(), [(97, 122)]);
        assert!(!low.not().has('c') && low.not().has('C'));
        assert_eq!(low.not().not(), low);
        assert!(!low.without(&Set::one('e')).has('e') && low.without(&Set::one('e')).has('f'));
        assert_eq!(Set::default().not().ranges(), [(0, LAST)]);
    }

    #[test]
    fn letters_of_din_91379_are_letters_today() {
        let letters = property("L").unwrap();
        for letter in "ʹʺˆˈˌᵈᵗẞẞäÄ".chars() {
            assert!(letters.has(letter), "{letter}");
        }
        assert!(!letters.has('\u{35F}') && property("M").unwrap().has('\u{35F}'));
        assert!(property("Zl").unwrap().has('\u{2028}') && property("Zp").unwrap().has('\u{2029}'));
        assert!(property("IsBasicLatin").unwrap().has('a') && property("IsGreek").unwrap().has('α'));
        for bad in ["", "X", "Lx", "Cs", "Isxx", "IsBasic Latin", "Greek", "Letter"] {
            assert!(property(bad).is_none(), "{bad}");
        }
        assert!(
            escape('i').unwrap().has(':') && !escape('i').unwrap().has('-') && escape('c').unwrap().has('-')
        );
        assert!(escape('W').unwrap().has('.') && escape('w').unwrap().has('+'));
    }
}
