//! What the words of `send` have in common that reach somebody whom only the message names: the fixed delay, the partner
//! of the Vorgang, the stand that may be told. The same delay for every outcome, so that time tells nothing (rules.md 2).

use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::effects::{Outgoing, VorgangState};
use crate::envelope::{Inbound, Part, Reply};
use crate::message::Message;
use crate::pipeline::step::SettingFault;
use crate::pipeline::uebergaenge;
use crate::register::entscheidung::Ergebnis;
use crate::register::vorgang::Akte;

/// How long after its receipt anything leaves that tells of a request, where the route says nothing.
pub const DELAY: SignedDuration = SignedDuration::from_secs(60);
/// The same as routes write it.
pub const DELAY_WORD: &str = "60s";
/// The longest delay.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// The use of an application of another authority (Once-Only).
pub const ONCE_ONLY: &str = "once-only";

/// JSON Schema of the setting `delay`.
pub fn delay_schema() -> Value {
    json!({
        "description": "How long after its receipt it leaves, the same for every outcome; up to 1h.",
        "type": "string",
        "default": DELAY_WORD,
    })
}

/// Reads the setting `delay`.
pub fn delay(written: Option<&Value>) -> Result<SignedDuration, SettingFault> {
    let Some(written) = written else { return Ok(DELAY) };
    written
        .as_str()
        .and_then(|text| text.parse::<SignedDuration>().ok())
        .filter(|delay| (SignedDuration::ZERO..=LONGEST).contains(delay))
        .ok_or_else(|| SettingFault {
            path: "/delay".to_owned(),
            text: "time of 0s to 1h expected, such as `60s`".to_owned(),
        })
}

/// Settings as a mapping with these keys and no others.
pub fn keys<'v>(
    settings: &'v Value,
    word: &str,
    allowed: &[&str],
) -> Result<&'v serde_json::Map<String, Value>, Vec<SettingFault>> {
    let fault = |path: String, text: String| SettingFault { path, text };
    let Some(map) = settings.as_object() else {
        let text = format!("not a mapping; write `{word}: {{ {}: … }}`", allowed.first().unwrap_or(&"as"));
        return Err(vec![fault(String::new(), text)]);
    };
    let faults: Vec<SettingFault> = map
        .keys()
        .filter(|key| !allowed.contains(&key.as_str()))
        .map(|key| fault(format!("/{key}"), format!("unknown setting; allowed: {}", allowed.join(", "))))
        .collect();
    if faults.is_empty() { Ok(map) } else { Err(faults) }
}

/// A required text of the settings.
pub fn text(
    map: &serde_json::Map<String, Value>,
    key: &str,
    expected: &str,
) -> Result<String, Vec<SettingFault>> {
    match map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(vec![SettingFault { path: format!("/{key}"), text: format!("{expected} expected") }]),
    }
}

/// The Vorgang that the message belongs to.
pub fn akte(message: &Message) -> Option<&Akte> {
    message.vorgang.as_ref().map(|change| &change.vorgang.akte)
}

/// The online service that is told: the one that began the Vorgang, else the sender.
pub fn onlinedienst(message: &Message) -> &str {
    match akte(message) {
        Some(akte) if !akte.partner.is_empty() => &akte.partner,
        _ => &message.sender.id,
    }
}

/// The id that callbacks, replies and letters name: that of the delivery that began the Vorgang.
pub fn nummer(message: &Message) -> uuid::Uuid {
    akte(message).and_then(|akte| akte.nummer).unwrap_or(message.envelope.head.id)
}

/// What an online service may learn of it: `in-bearbeitung` or `abgeschlossen`. Of a request for another application it
/// learns nothing by it, because every outcome but one is the same.
pub fn stand(message: &Message) -> &'static str {
    let (open, done) = (Inbound::Waiting.stand(), Inbound::Accepted.stand());
    if once_only(message) {
        return done;
    }
    match (&message.vorgang, &message.entscheidung) {
        (Some(change), _) => match change.vorgang.state {
            VorgangState::Eingegangen | VorgangState::BeimJugendamt | VorgangState::Rueckfrage => open,
            _ => done,
        },
        (None, Some(entscheidung)) if entscheidung.ergebnis == Ergebnis::Klaerfall => open,
        _ => done,
    }
}

/// Whether the Vorgang was begun for another application.
pub fn once_only(message: &Message) -> bool {
    akte(message).and_then(|akte| akte.use_.as_deref()) == Some(ONCE_ONLY)
}

/// A row of the outbox without order that leaves `delay` after the receipt of the message.
pub fn outgoing(
    message: &Message,
    purpose: &str,
    (partner, destination): (&str, &str),
    document: Reply,
    parts: Vec<Part>,
    (delay, give_up_after): (SignedDuration, Duration),
) -> Outgoing {
    // A time beyond the calendar means: never given up.
    let deadline =
        SignedDuration::try_from(give_up_after).ok().and_then(|wait| message.now().checked_add(wait).ok());
    Outgoing {
        id: message.derived_id(&format!("{purpose}:{destination}")),
        destination: destination.to_owned(),
        partner: partner.to_owned(),
        order: None,
        message: document.message,
        content_type: document.content_type,
        body: document.body,
        parts,
        correlation: Some(nummer(message).to_string()),
        after: None,
        deadline,
        not_before: message.envelope.head.received.checked_add(delay).ok(),
    }
}

/// A small JSON document of ours.
pub fn json_document(message: &str, id: uuid::Uuid, value: &Value) -> Reply {
    Reply {
        content_type: "application/json".to_owned(),
        body: Bytes::from(value.to_string()),
        message: message.to_owned(),
        message_id: id.to_string(),
    }
}

/// The answer of a decided Vorgang was handed over: it is delivered by the outbox, which forgets nothing.
pub fn handed_over(message: &mut Message) {
    let Some(change) = &message.vorgang else { return };
    if change.vorgang.state != VorgangState::Entschieden {
        return;
    }
    let mut change = change.clone();
    if let Ok(state) = uebergaenge::allowed(change.vorgang.state, VorgangState::Zugestellt) {
        change.vorgang.state = state;
        message.keep_vorgang(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_a_time_of_at_most_an_hour() {
        for (written, seconds) in [("60s", 60), ("0s", 0), ("5m", 300), ("1h", 3600)] {
            assert_eq!(delay(Some(&json!(written))), Ok(SignedDuration::from_secs(seconds)));
        }
        assert_eq!(delay(None), delay(Some(&json!(DELAY_WORD))));
        for wrong in [json!("61m"), json!("-1s"), json!(60), json!("bald"), Value::Null] {
            assert_eq!(delay(Some(&wrong)).unwrap_err().path, "/delay", "{wrong}");
        }
    }
}
