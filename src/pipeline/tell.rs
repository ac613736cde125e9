//! The verbs that tell a partner that something is done: one small JSON document per addressee.
//! Tells our own id, the stand and the message type, and nothing else: no foreign id, no outcome, no person.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::effects::Outgoing;
use crate::envelope::Inbound;
use crate::message::Message;
use crate::pipeline::step::{Addressee, Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};

/// Message type of what is told.
const MESSAGE: &str = "drehscheibe.stand";
/// Most keys a body may have.
const MOST_KEYS: usize = 16;

/// The row of the menu for HTTP callbacks.
pub const CALLBACK: Entry = entry("callback");

/// The row of the menu for any transport's word.
pub const fn entry(word: &'static str) -> Entry {
    Entry {
        word,
        place: Place::Send,
        about: "Tells partners that a message is done: {id, stand} and nothing else.",
        schema,
        declares: &[],
        build,
    }
}

/// What a value of the body may be taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Our id of the delivery; a partner learns no id of another one.
    Vorgang,
    /// The id of this notice, which repeats carry as well.
    Id,
    /// `abgeschlossen`.
    Stand,
    /// The message type.
    Message,
}

const SOURCES: &[(&str, Source)] = &[
    ("vorgang", Source::Vorgang),
    ("id", Source::Id),
    ("stand", Source::Stand),
    ("message", Source::Message),
];

struct Tell {
    addressees: Vec<Addressee>,
    body: Vec<(String, Source)>,
    give_up_after: Duration,
}

fn schema() -> Value {
    let sources: Vec<&str> = SOURCES.iter().map(|(word, _)| *word).collect();
    json!({
        "type": "object",
        "properties": {
            "to": {
                "description": "Partner or group that is told.",
                "type": "string",
            },
            "body": {
                "description": "Keys of the JSON document and where each value comes from, in this order.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": MOST_KEYS,
                "additionalProperties": { "enum": sources },
                "default": { "id": "vorgang", "stand": "stand" },
            },
        },
        "required": ["to"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: String, text: &str| SettingFault { path, text: text.to_owned() };
    let Some(map) = settings.as_object() else {
        return Err(vec![fault(String::new(), "not a mapping; write `{ to: … }`")]);
    };
    let mut faults = Vec::new();
    for key in map.keys().filter(|key| !matches!(key.as_str(), "to" | "body")) {
        faults.push(fault(format!("/{key}"), "unknown setting; allowed: to, body"));
    }
    if !map.get("to").is_some_and(Value::is_string) {
        faults.push(fault("/to".to_owned(), "name of a partner or group expected"));
    } else if building.addressees.is_empty() {
        faults.push(fault(
            "/to".to_owned(),
            "nobody to tell; name a partner or group that has this connection",
        ));
    }
    let mut body = Vec::new();
    match map.get("body") {
        None => body = vec![("id".to_owned(), Source::Vorgang), ("stand".to_owned(), Source::Stand)],
        Some(Value::Object(keys)) if (1..=MOST_KEYS).contains(&keys.len()) => {
            for (key, source) in keys {
                let known = SOURCES.iter().find(|(word, _)| source.as_str() == Some(word));
                match known {
                    Some((_, source)) => body.push((key.clone(), *source)),
                    None => faults.push(fault(
                        format!("/body/{key}"),
                        "unknown source; allowed: vorgang, id, stand, message",
                    )),
                }
            }
        }
        Some(_) => faults.push(fault("/body".to_owned(), "mapping of 1 to 16 keys to sources expected")),
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let addressees = building.addressees.clone();
    Ok(Arc::new(Tell { addressees, body, give_up_after: building.give_up_after }))
}

impl Step for Tell {
    fn name(&self) -> &'static str {
        CALLBACK.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        // A time beyond the calendar means: never given up.
        let deadline = SignedDuration::try_from(self.give_up_after)
            .ok()
            .and_then(|wait| message.now().checked_add(wait).ok());
        for addressee in &self.addressees {
            let id = message.derived_id(&format!("tell:{}", addressee.destination));
            let mut body = Map::new();
            for (key, source) in &self.body {
                let value = match source {
                    Source::Vorgang => message.envelope.head.id.to_string(),
                    Source::Id => id.to_string(),
                    Source::Stand => Inbound::Accepted.stand().to_owned(),
                    Source::Message => message.identity.message.clone(),
                };
                body.insert(key.clone(), Value::String(value));
            }
            message.effects.sends.push(Outgoing {
                id,
                destination: addressee.destination.clone(),
                partner: addressee.partner.clone(),
                order: message.order.clone(),
                message: MESSAGE.to_owned(),
                content_type: "application/json".to_owned(),
                body: Bytes::from(Value::Object(body).to_string()),
                parts: Vec::new(),
                correlation: Some(message.envelope.head.id.to_string()),
                after: None,
                deadline,
                not_before: None,
            });
        }
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{bench, building, message};

    #[test]
    fn every_addressee_is_told_the_written_keys_in_their_order() {
        let settings = json!({ "to": "kitas", "body": { "stand": "stand", "was": "message", "id": "vorgang", "n": "id" } });
        let step = building(|building| build(&settings, building)).unwrap();
        let (mut one, mut other) = (message(), message());
        step.apply(&mut one, &mut bench()).unwrap();
        step.apply(&mut other, &mut bench()).unwrap();
        assert!(one.effects == other.effects);
        let sends = &one.effects.sends;
        assert_eq!(
            sends.iter().map(|send| send.destination.as_str()).collect::<Vec<_>>(),
            ["callback:kita", "callback:portal"]
        );
        for send in sends {
            assert_eq!(send.id, one.derived_id(&format!("tell:{}", send.destination)));
            let text = format!(
                r#"{{"stand":"abgeschlossen","was":"xfamilie.0804","id":"{}","n":"{}"}}"#,
                one.envelope.head.id, send.id
            );
            assert_eq!(send.body, text.as_bytes());
            assert_eq!(send.deadline, Some("2026-11-22T09:16:00.250Z".parse().unwrap()));
            assert!(send.order == one.order && send.order.is_some());
        }
    }

    #[test]
    fn without_a_body_only_id_and_stand_are_told() {
        let step = building(|building| build(&json!({ "to": "kitas" }), building)).unwrap();
        let mut message = message();
        step.apply(&mut message, &mut bench()).unwrap();
        let text = format!(r#"{{"id":"{}","stand":"abgeschlossen"}}"#, message.envelope.head.id);
        assert_eq!(message.effects.sends[0].body, text.as_bytes());
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!([]), ""),
            (json!({}), "/to"),
            (json!({ "to": 1 }), "/to"),
            (json!({ "to": "a", "url": "x" }), "/url"),
            (json!({ "to": "a", "body": {} }), "/body"),
            (json!({ "to": "a", "body": { "id": "ergebnis" } }), "/body/id"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
