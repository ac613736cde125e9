//! The verb `limits`: refuses at once what the way onward could not carry, before anything of it is kept or sent. Changes nothing and
//! looks at names and sizes only.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "limits",
    place: Place::Do,
    about: "Refuses what no mailbox of this kind takes: of `egvp` more than 100 MB, more than 200 attachments, names that are not allowed.",
    schema,
    declares: &[],
    build,
};

/// What a mailbox takes; to one reader each, which a row of the outbox has anyway.
struct Bounds {
    word: &'static str,
    /// Document and attachments together.
    octets: u64,
    /// The document is one of them.
    attachments: usize,
    /// Longest name of a file, characters.
    name: usize,
}

const ALL: &[Bounds] = &[Bounds { word: "egvp", octets: 100_000_000, attachments: 200, name: 90 }];

struct Limits {
    bounds: &'static Bounds,
}

fn words() -> Vec<&'static str> {
    ALL.iter().map(|bounds| bounds.word).collect()
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "of": { "description": "The kind of mailbox; `egvp` are those of the justice (EGVP, beBPo, beN).", "enum": words() },
        },
        "required": ["of"],
        "additionalProperties": false,
    })
}

fn build(written: &Value, _: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(written, ENTRY.word, &["of"])?;
    let of = settings::text(map, "of", "kind of mailbox")?;
    match ALL.iter().find(|bounds| bounds.word == of) {
        Some(bounds) => Ok(Arc::new(Limits { bounds })),
        None => {
            let text = format!("unknown kind of mailbox; allowed: {}", words().join(", "));
            Err(vec![SettingFault { path: "/of".to_owned(), text }])
        }
    }
}

impl Bounds {
    /// Letters, digits, hyphen and underscore, and one dot before the ending.
    fn may_be_called(&self, name: &str) -> bool {
        let plain = |part: &str| {
            let letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
            !part.is_empty() && part.bytes().all(letter)
        };
        name.len() <= self.name
            && name.split_once('.').is_some_and(|(name, ending)| plain(name) && plain(ending))
    }

    /// What of a delivery does not pass: the sub-code and what the sender is told.
    fn broken<'p>(
        &self,
        document: usize,
        parts: impl Iterator<Item = (&'p str, u64)> + Clone,
    ) -> Option<(&'static str, &'static str)> {
        let octets = parts.clone().fold(document as u64, |sum, (_, size)| sum.saturating_add(size));
        if octets > self.octets {
            return Some(("zu-gross", "Die Sendung ist mit ihren Anlagen größer als 100 MB."));
        }
        if parts.clone().count() >= self.attachments {
            return Some(("zu-viele-anlagen", "Die Sendung hat mehr als 200 Anlagen."));
        }
        let mut names = parts.map(|(name, _)| name);
        names.any(|name| !self.may_be_called(name)).then_some((
            "dateiname",
            "Der Name einer Anlage ist nicht zugelassen: höchstens 90 Zeichen, Buchstaben ohne Umlaute, Ziffern, - und _, ein Punkt vor der \
             Endung.",
        ))
    }
}

impl Step for Limits {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let envelope = &message.envelope;
        let parts = envelope.parts.iter().map(|part| (part.name.as_str(), part.size));
        match self.bounds.broken(envelope.body.len(), parts) {
            Some((rule, text)) => Err(Rejection::new(Fault::Other, text).rule(rule).into()),
            None => Ok(Flow::Next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{bench, building, message};

    fn broken(document: usize, parts: &[(&str, u64)]) -> Option<&'static str> {
        ALL[0].broken(document, parts.iter().copied()).map(|(rule, _)| rule)
    }

    #[test]
    fn size_counts_with_everything_and_the_document_is_an_attachment() {
        assert_eq!(broken(1, &[("a.pdf", 99_999_999)]), None);
        assert_eq!(broken(2, &[("a.pdf", 99_999_999)]), Some("zu-gross"));
        assert_eq!(broken(0, &[("a.pdf", u64::MAX), ("b.pdf", u64::MAX)]), Some("zu-gross"));
        assert_eq!(broken(1, &[("a.pdf", 1); 199]), None);
        assert_eq!(broken(1, &[("a.pdf", 1); 200]), Some("zu-viele-anlagen"));
    }

    #[test]
    fn names_are_letters_digits_and_one_dot() {
        let long = format!("{}.pdf", "a".repeat(86));
        for good in ["Beschluss_1-2.pdf", "a.b", long.as_str()] {
            assert_eq!(broken(1, &[(good, 1)]), None, "{good}");
        }
        let longer = format!("a{long}");
        let wrong = [
            "",
            "a",
            "a.",
            ".pdf",
            "a.b.pdf",
            "Beschlüsse.pdf",
            "a b.pdf",
            "../a.pdf",
            "a.p/f",
            longer.as_str(),
        ];
        for wrong in wrong {
            assert_eq!(broken(1, &[("a.pdf", 1), (wrong, 1)]), Some("dateiname"), "{wrong}");
        }
    }

    #[test]
    fn a_document_alone_passes_and_wrong_settings_are_named() {
        let step = building(|building| build(&json!({ "of": "egvp" }), building)).unwrap();
        assert_eq!(step.apply(&mut message(), &mut bench()), Ok(Flow::Next));
        for (written, path) in
            [(json!({}), "/of"), (json!({ "of": "post" }), "/of"), (json!({ "of": "egvp", "x": 1 }), "/x")]
        {
            assert_eq!(
                building(|building| build(&written, building)).err().unwrap()[0].path,
                path,
                "{written}"
            );
        }
    }
}
