//! The text rules of a standard, from `rules.yaml`: compiled into probes of the automaton and judged in the same pass.
//! Says nothing but sub-code and our own sentence; never keeps a value.

use jiff::Timestamp;
use serde_saphyr::Spanned;

use crate::rejection::{Fault, Rejection};
use crate::xoev::fault::PackageFault;
use crate::xoev::manifest::{Form, Must, RuleText};
use crate::xoev::mapping::{Automaton, Paths, Probe};
use crate::xoev::shape::Name;

/// How `within` names the whole message.
const WHOLE: &str = ".";

#[derive(Debug)]
struct Rule {
    code: String,
    text: String,
    must: Option<Must>,
    when: Option<Condition>,
    least: u32,
    most: u32,
}

/// On which values a rule applies: on these, or on all but these.
#[derive(Debug)]
struct Condition {
    values: Vec<String>,
    listed: bool,
}

impl Condition {
    fn met(&self, text: &str) -> bool {
        self.values.iter().any(|value| value == text.trim()) == self.listed
    }
}

/// The rules of one message.
#[derive(Debug, Default)]
pub struct Rules {
    number: String,
    rules: Vec<Rule>,
}

/// What the pass over one document has seen so far, by rule.
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<(bool, u32)>);

impl Rules {
    /// No rules yet for a message whose type code is `number`.
    pub fn new(number: &str) -> Rules {
        Rules { number: number.to_owned(), rules: Vec::new() }
    }

    /// Adds a rule and sets its probes; gives every fault there is.
    pub fn add(
        &mut self,
        rule: &RuleText,
        paths: &Paths<'_>,
        root: &Name,
        automaton: &mut Automaton,
    ) -> Vec<PackageFault> {
        let at = self.rules.len();
        let mut faults = Vec::new();
        let mut probe = |base: &[Name], path: &Spanned<String>, probe: Probe, text: bool| {
            let mut found = Vec::new();
            if path.value == WHOLE && matches!(probe, Probe::Within(_)) {
                automaton.insert(&[]).probes.push(probe);
                return vec![Vec::new()];
            }
            match paths.resolve(root, base, path) {
                Err(fault) => faults.push(fault),
                Ok(resolved) => {
                    for place in resolved {
                        if text && !place.text {
                            let text =
                                format!("no text at this path: {}; a rule on values needs text", path.value);
                            let place = &path.referenced;
                            faults.push(PackageFault::of(paths.file, text).at(place.line(), place.column()));
                            continue;
                        }
                        automaton.insert(&place.path).probes.push(probe);
                        found.push(place.path);
                    }
                }
            }
            found
        };
        let shape_fault = match (&rule.must, &rule.within, &rule.then) {
            (Some(_), None, None) if !rule.values.is_empty() && rule.when.is_none() => {
                for path in &rule.values {
                    probe(&[], path, Probe::Value(at), true);
                }
                None
            }
            (None, Some(_), Some(_))
                if rule.when.as_ref().is_some_and(|when| when.is.is_empty() == when.is_not.is_empty()) =>
            {
                Some("a condition has either is or is-not")
            }
            (None, Some(within), Some(then)) if rule.values.is_empty() => {
                for base in probe(&[], within, Probe::Within(at), false) {
                    if let Some(when) = &rule.when {
                        probe(&base, &when.path, Probe::When(at), true);
                    }
                    probe(&base, &then.path, Probe::Then(at), false);
                }
                None
            }
            _ => Some(
                "a rule has either values and must, or within and then (with when if it needs a condition)",
            ),
        };
        if let Some(text) = shape_fault {
            let place = &rule.code.referenced;
            faults.push(PackageFault::of(paths.file, text).at(place.line(), place.column()));
        }
        self.rules.push(Rule {
            code: rule.code.value.clone(),
            text: rule.text.clone(),
            must: rule.must.clone(),
            when: rule.when.as_ref().map(|when| Condition {
                values: if when.is_not.is_empty() { when.is.clone() } else { when.is_not.clone() },
                listed: when.is_not.is_empty(),
            }),
            least: rule.then.as_ref().map_or(0, |then| then.at_least),
            most: rule.then.as_ref().and_then(|then| then.at_most).unwrap_or(u32::MAX),
        });
        faults
    }

    /// A fresh memory for one document.
    pub fn begin(&self) -> Seen {
        Seen(vec![(false, 0); self.rules.len()])
    }

    /// An element with this probe begins.
    pub fn open(&self, probe: Probe, seen: &mut Seen) {
        match probe {
            Probe::Within(rule) => seen.0[rule] = (false, 0),
            Probe::Then(rule) => seen.0[rule].1 += 1,
            Probe::Value(_) | Probe::When(_) => {}
        }
    }

    /// An element with this probe ends; `text` is its text.
    pub fn close(&self, probe: Probe, text: &str, seen: &mut Seen) -> Option<Rejection> {
        let broken = match probe {
            Probe::Value(at) => {
                let rule = &self.rules[at];
                rule.must.as_ref().is_some_and(|must| !self.holds(must, text)).then_some(rule)
            }
            Probe::When(at) => {
                if let Some(condition) = &self.rules[at].when {
                    seen.0[at].0 |= condition.met(text);
                }
                None
            }
            Probe::Within(at) => {
                let rule = &self.rules[at];
                let (met, count) = seen.0[at];
                ((met || rule.when.is_none()) && !(rule.least..=rule.most).contains(&count)).then_some(rule)
            }
            Probe::Then(_) => None,
        };
        broken.map(|rule| Rejection::new(Fault::Rule, rule.text.as_str()).rule(rule.code.as_str()))
    }

    fn holds(&self, must: &Must, text: &str) -> bool {
        match must {
            Must::Be(Form::Uuid) => is_uuid(text),
            Must::Be(Form::Zeitpunkt) => text.trim().parse::<Timestamp>().is_ok(),
            Must::Be(Form::NichtLeer) => !text.trim().is_empty(),
            Must::Be(Form::Nachrichtennummer) => text.trim() == self.number,
            Must::DifferFrom(values) => values.iter().all(|value| value != text.trim()),
        }
    }
}

/// 8-4-4-4-12 hexadecimal digits, upper or lower case, and nothing else.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_values_or_all_but_them() {
        let condition = |listed| Condition { values: vec!["jga".to_owned(), "t\u{f6}j".to_owned()], listed };
        for (text, among) in [("jga", true), (" jga\n", true), ("fap", false), ("", false)] {
            assert_eq!(condition(true).met(text), among, "{text}");
            assert_eq!(condition(false).met(text), !among, "{text}");
        }
    }

    #[test]
    fn forms() {
        let rules = Rules::new("0804");
        let holds = |form, text: &str| rules.holds(&Must::Be(form), text);
        for (form, good, bad) in [
            (
                Form::Uuid,
                "7b2d4c10-1f3a-4e55-8b7a-00000000002F",
                "urn:uuid:7b2d4c10-1f3a-4e55-8b7a-00000000002f",
            ),
            (Form::Uuid, "7B2D4C10-1F3A-4E55-8B7A-000000000020", "7b2d4c101f3a4e558b7a000000000020"),
            (Form::Uuid, "7b2d4c10-1f3a-4e55-8b7a-000000000020", " 7b2d4c10-1f3a-4e55-8b7a-00000000002"),
            (Form::Zeitpunkt, "2026-11-21T10:15:30.123+01:00", "2026-11-21T10:15:30.123"),
            (Form::Zeitpunkt, "2026-11-21T10:15:30Z", "2026-11-21"),
            (Form::NichtLeer, "x", " \t"),
            (Form::Nachrichtennummer, "0804", "0805"),
        ] {
            assert!(holds(form, good), "{form:?} {good}");
            assert!(!holds(form, bad), "{form:?} {bad}");
        }
        assert!(!rules.holds(&Must::DifferFrom(vec!["994".into()]), "994"));
        assert!(rules.holds(&Must::DifferFrom(vec!["994".into()]), "000"));
    }
}
