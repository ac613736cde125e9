//! The verb `note`: writes a fixed line into the audit trail.
//! The text stands in the route, so it never holds anything of a message.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};

/// Longest text, characters.
const LONGEST: usize = 200;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "note",
    place: Place::Do,
    about: "Writes a fixed text into the audit trail of the message.",
    schema: || {
        json!({
            "type": "object",
            "properties": { "text": { "type": "string", "minLength": 1, "maxLength": LONGEST } },
            "required": ["text"],
            "additionalProperties": false,
        })
    },
    declares: &[],
    build,
};

struct Note {
    text: String,
}

fn build(settings: &Value, _: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: &str, text: &str| SettingFault { path: path.to_owned(), text: text.to_owned() };
    let Some(map) = settings.as_object() else {
        return Err(vec![fault("", "not a mapping; write `note: { text: … }`")]);
    };
    let mut faults: Vec<SettingFault> = map
        .keys()
        .filter(|key| *key != "text")
        .map(|key| fault(&format!("/{key}"), "unknown setting; allowed: text"))
        .collect();
    let text = map.get("text").and_then(Value::as_str).unwrap_or_default();
    if !(1..=LONGEST).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        faults.push(fault("/text", "text of 1 to 200 characters in one line expected"));
    }
    if faults.is_empty() { Ok(Arc::new(Note { text: text.to_owned() })) } else { Err(faults) }
}

impl Step for Note {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        message.audit(ENTRY.word, &[("text", &self.text)]);
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{bench, building, message};

    #[test]
    fn the_text_stands_in_the_audit_trail() {
        let step = building(|building| build(&json!({ "text": "Lieferung gesehen" }), building)).unwrap();
        let (mut one, mut other) = (message(), message());
        assert_eq!(step.apply(&mut one, &mut bench()), Ok(Flow::Next));
        step.apply(&mut other, &mut bench()).unwrap();
        assert!(one.effects == other.effects);
        assert_eq!(one.effects.audit[0].detail, [("text".to_owned(), "Lieferung gesehen".to_owned())]);
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!("x"), ""),
            (json!({}), "/text"),
            (json!({ "text": "" }), "/text"),
            (json!({ "text": "a".repeat(201) }), "/text"),
            (json!({ "text": "a\nb" }), "/text"),
            (json!({ "text": "a", "txt": 1 }), "/txt"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
