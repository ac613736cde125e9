//! Which words may stand in a support bundle: names of the configuration, the program's own words, codes, hashes, versions.
//! A type of their own, so that nothing else gets in by mistake; a word that nobody named is left out, never guessed.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::envelope::Inbound;
use crate::pipeline::jugendamt::OFFICE;
use crate::route::compiled::Compiled;
use crate::telemetry::alarm::Alarm;
use crate::xoev::contract::Standards;

/// What stands in place of a word that is not allowed.
pub const LEFT_OUT: &str = "(left out)";

/// Words of the program that figures and log lines may hold besides states and codes of alarms.
const OWN: &[&str] = &[
    // Kinds of what is held, and commands.
    "route",
    "partner",
    "destination",
    "pause",
    "resume",
    "replay",
    "reject",
    "arrived",
    "not-arrived",
    "apply",
    "deliver",
    // Outcomes of an attempt, stretches of a run, queues inside the engine, directions.
    "sent",
    "later",
    "never",
    "unclear",
    "open",
    "confirmed",
    "failed",
    "door",
    "read",
    "do",
    "commit",
    "dispatch",
    "in-flight",
    "in",
    "out",
    // Severities of alarms; who raises them when it is not a configured name.
    "kritisch",
    "warnung",
    "hinweis",
    "store",
    "engine",
    "routes",
];

/// A word that may leave: made by this file only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Word(String);

impl Word {
    /// A word that is written in the program.
    pub fn own(word: &'static str) -> Word {
        Word(word.to_owned())
    }

    /// A code of a standard such as `X001`: up to 8 ASCII capitals and digits, a digit among them.
    pub fn code(text: &str) -> Word {
        let good = (1..=8).contains(&text.len())
            && text.bytes().all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit())
            && text.bytes().any(|octet| octet.is_ascii_digit());
        Word::when(good, text)
    }

    /// A hash in hexadecimal, 8 to 64 digits.
    pub fn hash(text: &str) -> Word {
        let hex = text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        Word::when(hex && (8..=64).contains(&text.len()), text)
    }

    /// A version such as `1.3.0`: it begins with a digit and has at most 24 letters, digits, dots and hyphens.
    pub fn version(text: &str) -> Word {
        let good = text.len() <= 24
            && text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'));
        Word::when(good, text)
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn when(good: bool, text: &str) -> Word {
        Word(if good { text } else { LEFT_OUT }.to_owned())
    }
}

/// The names of one stage and the program's own words.
pub struct Vocabulary(BTreeSet<String>);

impl Vocabulary {
    /// Of everything that the files of a stage name: connections, partners, destinations, routes, bindings, messages, packages.
    pub fn of(compiled: &Compiled, standards: &dyn Standards) -> Vocabulary {
        let mut names: BTreeSet<String> = OWN.iter().map(|word| (*word).to_owned()).collect();
        names.extend(Alarm::ALL.iter().map(|alarm| alarm.code().to_owned()));
        names.extend(Inbound::ALL.iter().map(|state| state.as_str().to_owned()));
        names.insert(compiled.stage.stage.as_str().to_owned());
        names.insert(compiled.stage.store_kind.clone());
        names.insert(compiled.stage.mandant.clone());
        names.extend(compiled.patience.keys().cloned());
        names.extend(compiled.partners.keys().cloned());
        for source in &compiled.sources {
            names.extend([source.connection.clone(), source.kind.clone()]);
        }
        for destination in &compiled.destinations {
            names.extend([destination.connection.clone(), destination.kind.clone(), destination.key()]);
        }
        for plan in &compiled.plans {
            names.insert(plan.route.clone());
            names.extend(plan.bindings.iter().map(|binding| binding.key.clone()));
        }
        for known in standards.known() {
            names.extend([known.message, format!("{} {}", known.standard, known.version)]);
        }
        // Where the answers of an office go that has no way of its own yet.
        let offices = compiled.partners.keys().map(|id| format!("{OFFICE}:{id}"));
        names.extend(offices);
        names.extend(compiled.packages.iter().cloned());
        Vocabulary(names)
    }

    /// The word, if it is one of these; else [`LEFT_OUT`].
    pub fn word(&self, text: &str) -> Word {
        Word::when(self.0.contains(text), text)
    }

    /// The word, if it is one of these.
    pub fn known(&self, text: &str) -> Option<Word> {
        self.0.contains(text).then(|| Word(text.to_owned()))
    }
}

#[cfg(test)]
pub mod tests {
    //! A vocabulary for the tests of the neighbouring files.

    use super::*;

    /// One of these names and the program's own words.
    pub fn vocabulary(names: &[&str]) -> Vocabulary {
        Vocabulary(OWN.iter().chain(names).map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn only_what_somebody_named_gets_in() {
        let words = vocabulary(&["kita-portal-nord"]);
        assert_eq!(words.word("kita-portal-nord").as_str(), "kita-portal-nord");
        assert_eq!(words.word("Erika Mustermann").as_str(), LEFT_OUT);
        assert_eq!(words.known("kita-portal"), None);
    }

    #[test]
    fn codes_hashes_and_versions_have_a_shape_that_no_name_has() {
        assert_eq!(Word::code("X001").as_str(), "X001");
        for wrong in ["", "MAIER", "x001", "1951-02-27", "X00100100"] {
            assert_eq!(Word::code(wrong).as_str(), LEFT_OUT, "{wrong}");
        }
        assert_eq!(Word::hash("0123abcd").as_str(), "0123abcd");
        for wrong in ["abc", "0123abcX", "Zoë"] {
            assert_eq!(Word::hash(wrong).as_str(), LEFT_OUT, "{wrong}");
        }
        assert_eq!(Word::version("26.11").as_str(), "26.11");
        assert_eq!(Word::version("Lena").as_str(), LEFT_OUT);
    }
}
