//! What the words of `send` have in common that reach somebody whom only the message names: the fixed delay, the partner
//! of the Vorgang, the stand that may be told. The same delay for every outcome, so that time tells nothing (rules.md 2).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Outgoing, VorgangState, Way, stand};
use crate::envelope::{Part, Reply, Stand};
use crate::message::Message;
use crate::pipeline::answer;
use crate::pipeline::step::{Reach, SettingFault, Trouble, WishedWay};
use crate::register::entscheidung::Ergebnis;
use crate::register::keys;
use crate::register::vorgang::Akte;

/// How long after its receipt anything leaves that tells of a request, where the route says nothing.
pub const DELAY: SignedDuration = SignedDuration::from_secs(60);
/// The same as routes write it.
pub const DELAY_WORD: &str = "60s";
/// The longest delay.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// For so long a row that was put in the outbox is certainly there: nothing that was sent goes sooner than seven days after it was.
const KNOWN: SignedDuration = SignedDuration::from_hours(6 * 24);

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

/// The word among `ways` for the way of a partner's answers, whatever connection that is.
pub const USUAL: &str = "answers-by";

/// JSON Schema of the setting `ways`.
pub fn ways_schema() -> Value {
    let by = json!({ "description": "A connection, or `answers-by` for that of the receiver's answers.", "type": "string" });
    json!({
        "description": "By what the receiver is reached, in order; ways that it does not have are passed over. Without it by its `answers-by`.",
        "type": "array",
        "minItems": 1,
        "items": { "oneOf": [
            by,
            {
                "type": "object",
                "properties": {
                    "by": by,
                    "within": {
                        "description": "The next way is taken, too, where the receiver has not got it by this one in this time.",
                        "type": "string",
                    },
                },
                "required": ["by"],
                "additionalProperties": false,
            },
        ] },
    })
}

/// The ways to a partner among those that are wished, each once: those that it has.
pub fn ways(reach: &Reach, partner: &str, wished: &[WishedWay], give_up_after: Duration) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for wish in wished {
        let destination = match &wish.connection {
            None => reach.answers.get(partner).cloned(),
            Some(connection) => {
                let has = reach.connected.contains(&(connection.clone(), partner.to_owned()));
                has.then(|| format!("{connection}:{partner}"))
            }
        };
        let Some(destination) = destination else { continue };
        if ways.iter().all(|way| way.destination != destination) {
            let seconds = wish.within.unwrap_or(give_up_after).as_secs();
            ways.push(Way { destination, seconds, until_late: wish.within.is_some() });
        }
    }
    // Nothing comes after the last one that there is.
    if let Some(last) = ways.last_mut() {
        (last.seconds, last.until_late) = (give_up_after.as_secs(), false);
    }
    ways
}

/// Lets a row leave by these ways, the first of which it is made for.
pub fn by_ways(send: &mut Outgoing, ways: Vec<Way>, leaves: Timestamp) {
    if let Some(first) = ways.first() {
        send.deadline = first.until(leaves);
    }
    send.ways = if ways.len() > 1 { ways } else { Vec::new() };
}

/// What was sent last of a Vorgang to this partner, as long as it is certainly there.
pub fn before(last: &BTreeMap<String, (Uuid, Timestamp)>, partner: &str, now: Timestamp) -> Option<Uuid> {
    last.get(partner).filter(|(_, at)| now.duration_since(*at) < KNOWN).map(|(row, _)| *row)
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
pub fn nummer(message: &Message) -> Uuid {
    akte(message).and_then(|akte| akte.nummer).unwrap_or(message.envelope.head.id)
}

/// What an online service is told of it.
pub fn stand(message: &Message) -> Stand {
    match (&message.vorgang, &message.entscheidung) {
        (Some(change), _) => stand::of_vorgang(&change.vorgang),
        (None, Some(entscheidung)) if entscheidung.ergebnis == Ergebnis::Klaerfall => Stand::InBearbeitung,
        _ => stand::DONE,
    }
}

/// How long is waited before it is told: not at all where only another login helps, since that tells nothing of a register.
pub fn wait(message: &Message, delay: SignedDuration) -> SignedDuration {
    if akte(message).is_some_and(|akte| akte.erneuern) { SignedDuration::ZERO } else { delay }
}

/// Whoever asks for the stand of the request that this message is learns no more than whoever is told: nothing before
/// `delay` is over.
pub fn not_told_before(message: &mut Message, delay: SignedDuration) {
    let delay = wait(message, delay);
    let (id, received) = (message.envelope.head.id, message.envelope.head.received);
    let (key, at) = (keys::nummer(id), received.checked_add(delay).ok());
    for change in message.effects.vorgaenge.iter_mut().filter(|change| change.key == key) {
        change.vorgang.deadline = change.vorgang.deadline.max(at);
    }
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
    // However often it is decided anew, it is given up when it would have been.
    let anew = message.befund.as_ref().is_some_and(|befund| befund.erneut);
    let since = if anew { message.envelope.head.received } else { message.now() };
    // A time beyond the calendar means: never given up.
    let deadline = SignedDuration::try_from(give_up_after).ok().and_then(|wait| since.checked_add(wait).ok());
    Outgoing {
        id: message.derived_id(&format!("{purpose}:{destination}")),
        destination: destination.to_owned(),
        partner: partner.to_owned(),
        order: None,
        message: document.message,
        test: document.test,
        content_type: document.content_type,
        body: document.body,
        parts,
        correlation: Some(nummer(message).to_string()),
        after: None,
        deadline,
        not_before: message.envelope.head.received.checked_add(delay).ok(),
        delivers: None,
        ways: Vec::new(),
    }
}

/// The same, to leave at once.
pub fn at_once(
    message: &Message,
    purpose: &str,
    addressed: (&str, &str),
    document: Reply,
    parts: Vec<Part>,
    give_up_after: Duration,
) -> Outgoing {
    let patience = (SignedDuration::ZERO, give_up_after);
    Outgoing { not_before: None, ..outgoing(message, purpose, addressed, document, parts, patience) }
}

/// The document that an earlier word of the route made under this name.
pub fn made(message: &Message, name: &str) -> Result<Reply, Trouble> {
    let none = || Trouble::Ours(format!("nothing named `{name}` was made; correct the route"));
    message.built.get(name).cloned().ok_or_else(none)
}

/// The delivery itself, to be handed on as it came.
pub fn original(message: &Message) -> Reply {
    let head = &message.envelope.head;
    Reply {
        content_type: head.content_type.clone().unwrap_or_else(|| answer::XML.to_owned()),
        body: message.envelope.body.clone(),
        message: message.identity.message.clone(),
        message_id: message.record.kopf.nachrichten_uuid.clone(),
        test: message.identity.test,
    }
}

/// Whether a document is the delivery itself, handed on as it came. Nobody compares octets for that: a step that hands them on shares them.
pub fn is_original(document: &Reply, message: &Message) -> bool {
    let (handed_on, came) = (&document.body, &message.envelope.body);
    handed_on.as_ptr() == came.as_ptr() && handed_on.len() == came.len()
}

/// A small JSON document of ours.
pub fn json_document(message: &Message, type_: &str, id: uuid::Uuid, value: &Value) -> Reply {
    Reply {
        content_type: "application/json".to_owned(),
        body: Bytes::from(value.to_string()),
        message: type_.to_owned(),
        message_id: id.to_string(),
        test: message.identity.test,
    }
}

/// The answer of a decided Vorgang is in the outbox, as the row that was put there last: delivered is the Vorgang once the far end has
/// taken that, and what the service is told does not wait for it.
pub fn handed_over(message: &mut Message) {
    let Some(change) = &message.vorgang else { return };
    if change.vorgang.state == VorgangState::Entschieden
        && let Some(send) = message.effects.sends.last_mut()
    {
        send.delivers = Some(change.key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_reached_by_the_ways_that_it_has_in_their_order() {
        let mut reach = Reach::default();
        reach.answers.insert("amt".into(), "trays:amt".into());
        reach.connected =
            [("trays", "amt"), ("brief", "amt"), ("brief", "ohne")].map(|(c, p)| (c.into(), p.into())).into();
        let wish = |by: Option<&str>, days: Option<u64>| WishedWay {
            connection: by.map(str::to_owned),
            within: days.map(|days| Duration::from_secs(days * 86_400)),
        };
        let wished = [
            wish(Some("postkorb"), Some(1)),
            wish(None, Some(5)),
            wish(Some("trays"), None),
            wish(Some("brief"), None),
        ];
        let give_up = Duration::from_secs(14 * 86_400);
        let way = |to: &str, days: u64, until_late| Way {
            destination: to.into(),
            seconds: days * 86_400,
            until_late,
        };
        assert_eq!(
            ways(&reach, "amt", &wished, give_up),
            [way("trays:amt", 5, true), way("brief:amt", 14, false)]
        );
        assert_eq!(ways(&reach, "ohne", &wished, give_up), [way("brief:ohne", 14, false)]);
        assert_eq!(
            ways(&reach, "amt", &wished[..2], give_up),
            [way("trays:amt", 14, false)],
            "nothing comes after it"
        );
        assert!(ways(&reach, "fremd", &wished, give_up).is_empty());
    }

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
