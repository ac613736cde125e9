//! The verbs that tell a partner that something is done: one small JSON document per addressee.
//! Tells our own id, the stand and the message type, and nothing else: no foreign id, no outcome, no person. A service whose
//! request came without a login that holds as one is told so at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::effects::{Outgoing, stand};
use crate::envelope::{Reply, Stand};
use crate::message::Message;
use crate::pipeline::sending;
use crate::pipeline::step::{
    Addressee, Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble,
};

/// Message type of what is told.
pub const MESSAGE: &str = "drehscheibe.stand";
/// The role of the online service that asked; who that is only the message tells.
pub const ONLINEDIENST: &str = "onlinedienst";
/// What `to` of a word may be besides partners and groups.
pub const ROLES: &[&str] = &[ONLINEDIENST];
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
    /// `abgeschlossen`, `in-bearbeitung`, or `anmeldung-erneuern`.
    Stand,
    /// The message type.
    Message,
}

/// Who is told.
enum To {
    /// Named in the route.
    Named(Vec<Addressee>),
    /// The online service that began the Vorgang, so long after the receipt of the message.
    Onlinedienst(Arc<Reach>, SignedDuration),
}

const SOURCES: &[(&str, Source)] = &[
    ("vorgang", Source::Vorgang),
    ("id", Source::Id),
    ("stand", Source::Stand),
    ("message", Source::Message),
];

struct Tell {
    to: To,
    body: Vec<(String, Source)>,
    give_up_after: Duration,
}

fn schema() -> Value {
    let sources: Vec<&str> = SOURCES.iter().map(|(word, _)| *word).collect();
    json!({
        "type": "object",
        "properties": {
            "to": {
                "description": "Partner or group that is told, or `onlinedienst`: whoever asked.",
                "type": "string",
            },
            "delay": {
                "description": "Only for `onlinedienst`: how long after its receipt it leaves, the same for every outcome; up to 1h, usually 60s.",
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
    for key in map.keys().filter(|key| !matches!(key.as_str(), "to" | "body" | "delay")) {
        faults.push(fault(format!("/{key}"), "unknown setting; allowed: to, body, delay"));
    }
    let role = map.get("to").and_then(Value::as_str) == Some(ONLINEDIENST);
    let delay = sending::delay(map.get("delay")).unwrap_or_else(|wrong| {
        faults.push(wrong);
        sending::DELAY
    });
    if !role && map.contains_key("delay") {
        faults.push(fault("/delay".to_owned(), "only for `to: onlinedienst`; others are told at once"));
    }
    if role {
        let reached = building.reach.channels.keys().any(|(word, _)| word == CALLBACK.word);
        if !reached {
            faults.push(fault(
                "/to".to_owned(),
                "no partner has a channel of this kind; give one to the online services",
            ));
        }
    } else if !map.get("to").is_some_and(Value::is_string) {
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
    let to = match role {
        true => To::Onlinedienst(building.reach.clone(), delay),
        false => To::Named(building.addressees.clone()),
    };
    Ok(Arc::new(Tell { to, body, give_up_after: building.give_up_after }))
}

impl Step for Tell {
    fn name(&self) -> &'static str {
        CALLBACK.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        match &self.to {
            To::Named(addressees) => addressees.iter().for_each(|addressee| self.named(message, addressee)),
            To::Onlinedienst(reach, delay) => self.onlinedienst(message, reach, *delay),
        }
        Ok(Flow::Next)
    }
}

impl Tell {
    fn named(&self, message: &mut Message, addressee: &Addressee) {
        // A time beyond the calendar means: never given up.
        let deadline = SignedDuration::try_from(self.give_up_after)
            .ok()
            .and_then(|wait| message.now().checked_add(wait).ok());
        let id = message.derived_id(&format!("tell:{}", addressee.destination));
        let body = self.body(message, id, message.envelope.head.id, stand::DONE);
        message.effects.sends.push(Outgoing {
            id,
            destination: addressee.destination.clone(),
            partner: addressee.partner.clone(),
            order: message.order.clone(),
            message: MESSAGE.to_owned(),
            test: message.identity.test,
            content_type: "application/json".to_owned(),
            body,
            parts: Vec::new(),
            correlation: Some(message.envelope.head.id.to_string()),
            after: None,
            deadline,
            not_before: None,
            delivers: None,
            ways: Vec::new(),
        });
    }

    /// Tells whoever asked. What asked for another application was told everything at once, and never more; so was who had been told that it is
    /// done before the answer was taken back.
    fn onlinedienst(&self, message: &mut Message, reach: &Reach, delay: SignedDuration) {
        sending::not_told_before(message, delay);
        let delay = sending::wait(message, delay);
        let nummer = sending::nummer(message);
        if !stand::is_told(sending::akte(message), nummer == message.envelope.head.id) {
            return;
        }
        let partner = sending::onlinedienst(message).to_owned();
        let Some(destination) = reach.channels.get(&(CALLBACK.word.to_owned(), partner.clone())) else {
            message.audit("tell.kein-weg", &[("partner", &partner)]);
            return;
        };
        let id = message.derived_id(&format!("tell:{destination}"));
        let document = Reply {
            content_type: "application/json".to_owned(),
            body: self.body(message, id, nummer, sending::stand(message)),
            message: MESSAGE.to_owned(),
            message_id: id.to_string(),
            test: message.identity.test,
        };
        let (to, patience) = ((partner.as_str(), destination.as_str()), (delay, self.give_up_after));
        let send = sending::outgoing(message, "tell", to, document, Vec::new(), patience);
        message.effects.sends.push(send);
    }

    fn body(&self, message: &Message, id: uuid::Uuid, nummer: uuid::Uuid, stand: Stand) -> Bytes {
        let mut body = Map::new();
        for (key, source) in &self.body {
            let value = match source {
                Source::Vorgang => nummer.to_string(),
                Source::Id => id.to_string(),
                Source::Stand => stand.as_str().to_owned(),
                Source::Message => message.identity.message.clone(),
            };
            body.insert(key.clone(), Value::String(value));
        }
        Bytes::from(Value::Object(body).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::VorgangState;
    use crate::pipeline::testing::{KLAERFAELLE, antrag, bench, building, decided, message, sample};
    use crate::register::entscheidung::Fall;

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

    fn told(message: &mut Message) -> Vec<Outgoing> {
        let settings =
            json!({ "to": "onlinedienst", "body": { "id": "vorgang", "stand": "stand" }, "delay": "90s" });
        let step =
            building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"));
        step.apply(message, &mut bench()).unwrap();
        message.effects.sends.clone()
    }

    #[test]
    fn whoever_asked_learns_id_and_stand_after_the_fixed_delay() {
        let mut first = None;
        for fall in KLAERFAELLE.iter().chain(&[Fall::A, Fall::B, Fall::K, Fall::L]) {
            let mut message = decided(antrag(), *fall);
            let [send] = <[Outgoing; 1]>::try_from(told(&mut message)).unwrap();
            let open = KLAERFAELLE.contains(fall);
            let stand = if open { "in-bearbeitung" } else { "abgeschlossen" };
            let id = message.envelope.head.id;
            assert_eq!(send.body, format!(r#"{{"id":"{id}","stand":"{stand}"}}"#).as_bytes(), "{fall:?}");
            assert_eq!((send.partner.as_str(), &*send.destination), ("kita", "callback:kita"));
            let leaves = message.now().checked_add(SignedDuration::from_secs(90)).ok();
            assert_eq!((send.order.clone(), send.not_before), (None, leaves));
            if open {
                assert_eq!(*first.get_or_insert(send.clone()), send, "{fall:?}");
            }
        }
    }

    #[test]
    fn the_answer_of_the_office_is_told_to_the_service_that_began_it_under_its_id() {
        let begun = decided(antrag(), Fall::I);
        let mut message = sample("0803-auskunft-negativauskunft", "jugendamt-bremen");
        let mut change = begun.vorgang.clone().unwrap();
        change.vorgang.state = VorgangState::Zugestellt;
        let nummer = uuid::Uuid::from_u128(77);
        change.vorgang.akte.nummer = Some(nummer);
        message.keep_vorgang(change.clone());
        let [send] = <[Outgoing; 1]>::try_from(told(&mut message)).unwrap();
        assert_eq!(send.partner, "kita");
        assert_eq!(send.body, format!(r#"{{"id":"{nummer}","stand":"abgeschlossen"}}"#).as_bytes());
        // A second word to a service that asked for another application would tell that there was a Klaerfall.
        message.effects.sends.clear();
        change.vorgang.akte.use_ = Some(crate::register::vorgang::ONCE_ONLY.to_owned());
        message.keep_vorgang(change);
        assert!(told(&mut message).is_empty());
    }

    #[test]
    fn what_asked_for_another_application_learns_no_stand() {
        for fall in [Fall::A, Fall::F, Fall::K] {
            let mut message = decided(antrag(), fall);
            message.vorgang.as_mut().unwrap().vorgang.akte.use_ =
                Some(crate::register::vorgang::ONCE_ONLY.to_owned());
            let sends = told(&mut message);
            assert!(String::from_utf8_lossy(&sends[0].body).contains("abgeschlossen"), "{fall:?}");
        }
    }

    #[test]
    fn a_service_that_has_to_have_her_log_in_again_is_told_at_once_whatever_it_asks_for() {
        for once_only in [false, true] {
            let mut message = decided(antrag(), Fall::K);
            let akte = &mut message.vorgang.as_mut().unwrap().vorgang.akte;
            akte.erneuern = true;
            akte.use_ = once_only.then(|| crate::register::vorgang::ONCE_ONLY.to_owned());
            let [send] = <[Outgoing; 1]>::try_from(told(&mut message)).unwrap();
            let id = message.envelope.head.id;
            assert_eq!(send.body, format!(r#"{{"id":"{id}","stand":"anmeldung-erneuern"}}"#).as_bytes());
            assert_eq!(send.not_before, Some(message.envelope.head.received));
        }
    }

    #[test]
    fn a_service_without_callback_asks_itself() {
        let mut message = decided(sample("0801-antrag", "fremd"), Fall::A);
        assert!(told(&mut message).is_empty());
        assert_eq!(message.effects.audit[0].what, "tell.kein-weg");
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
            (json!({ "to": "a", "delay": "1s" }), "/delay"),
            (json!({ "to": "onlinedienst", "delay": "2h" }), "/delay"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
