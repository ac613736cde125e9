//! The verb `erinnern`: what becomes of a Vorgang whose deadline has passed: the office is reminded, again and again, and at
//! last the Vorgang lapses. The reminder names the office's own id of the request and nothing else.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::effects::{Fact, Question, Timer, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::{answer, sending, uebergaenge};
use crate::register::keys;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "erinnern",
    place: Place::Do,
    about: "Reminds the office of a Vorgang that it has not answered, sets the next time, and lets it lapse at last.",
    schema,
    declares: &[("erinnerung", &["faellig", "abgelaufen", "erledigt"])],
    build,
};

/// Message type of a reminder.
const MESSAGE: &str = "drehscheibe.erinnerung";
/// How long until the next reminder, where the route says nothing.
const EVERY: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How many reminders there are, where the route says nothing.
const MOST: u32 = 6;

struct Erinnern {
    named: String,
    every: SignedDuration,
    most: u32,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "every": { "description": "Time to the next reminder, 1h to 8760h.", "type": "string", "default": "336h" },
            "most": { "description": "Reminders before the Vorgang lapses.", "type": "integer", "minimum": 1, "maximum": 100, "default": MOST },
            "as": { "description": "Name of the reminder.", "type": "string" },
        },
        "required": ["as"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, _: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(settings, ENTRY.word, &["every", "most", "as"])?;
    let named = settings::text(map, "as", "name for the reminder")?;
    let fault = |path: &str, text: &str| vec![SettingFault { path: path.to_owned(), text: text.to_owned() }];
    let range = SignedDuration::from_hours(1)..=SignedDuration::from_hours(365 * 24);
    let every = match map.get("every") {
        None => EVERY,
        Some(written) => written
            .as_str()
            .and_then(|text| text.parse::<SignedDuration>().ok())
            .filter(|every| range.contains(every))
            .ok_or_else(|| fault("/every", "time of 1h to 8760h expected, such as `336h`"))?,
    };
    let most = match map.get("most") {
        None => MOST,
        Some(written) => written
            .as_u64()
            .and_then(|most| u32::try_from(most).ok())
            .filter(|most| (1..=100).contains(most))
            .ok_or_else(|| fault("/most", "count of 1 to 100 expected"))?,
    };
    Ok(Arc::new(Erinnern { named, every, most }))
}

impl Step for Erinnern {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let Some(id) = message.record.kopf.transaktionsid.clone() else {
            return Err(Trouble::Ours("a timer brought a document without transaktionsid".to_owned()));
        };
        let key = keys::vorgang(&message.sender.id, &id);
        let question = Question::Vorgang(key.clone());
        if !message.answered(std::slice::from_ref(&question)) {
            return Ok(Flow::Ask(vec![question]));
        }
        let open = match message.fact(0) {
            Some(Fact::Vorgang(Some(vorgang))) if vorgang.state == VorgangState::BeimJugendamt => {
                Some(vorgang.clone())
            }
            _ => None,
        };
        let Some(mut vorgang) = open else {
            message.values.insert("erinnerung", "erledigt".to_owned());
            return Ok(Flow::Next);
        };
        let lapses = vorgang.akte.erinnerungen >= self.most;
        if lapses {
            vorgang.state = uebergaenge::allowed(vorgang.state, VorgangState::Abgelaufen)
                .map_err(|_| Trouble::Ours("a Vorgang cannot lapse in this state".to_owned()))?;
        } else {
            vorgang.akte.erinnerungen += 1;
            self.again(message)?;
        }
        let told = json!({
            "art": if lapses { "abgelaufen" } else { "erinnerung" },
            "transaktionsid": id,
            "seit": vorgang.akte.stand.map(answer::zeitpunkt),
            "anzahl": vorgang.akte.erinnerungen,
        });
        let document = sending::json_document(message, MESSAGE, message.derived_id(ENTRY.word), &told);
        message.built.insert(self.named.clone(), document);
        let value = if lapses { "abgelaufen" } else { "faellig" };
        message.values.insert("erinnerung", value.to_owned());
        message.audit(&format!("erinnerung.{value}"), &[("anzahl", &vorgang.akte.erinnerungen.to_string())]);
        message.keep_vorgang(VorgangChange { key, vorgang });
        Ok(Flow::Next)
    }
}

impl Erinnern {
    /// The same document again after the same time, by the timer that brought it.
    fn again(&self, message: &mut Message) -> Result<(), Trouble> {
        let due = message
            .now()
            .checked_add(self.every)
            .map_err(|_| Trouble::Ours("the next reminder lies beyond the calendar".to_owned()))?;
        message.effects.timers.push(Timer {
            of: None,
            id: message.derived_id("erinnerung"),
            due,
            name: message.envelope.head.binding.clone(),
            body: message.envelope.body.clone(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::Vorgang;
    use crate::pipeline::testing::{answering, antrag, bench, building, decided};
    use crate::register::entscheidung::Fall;

    fn due(change: impl Fn(&mut Vorgang)) -> Message {
        let settings = json!({ "as": "erinnerung", "every": "48h", "most": 2 });
        let step = building(|building| build(&settings, building)).unwrap();
        let mut stored = decided(antrag(), Fall::I).vorgang.unwrap().vorgang;
        change(&mut stored);
        let mut message = antrag();
        let outcome = answering(
            &mut message,
            |message| step.apply(message, &mut bench()),
            |_| Fact::Vorgang(Some(stored.clone())),
        );
        assert_eq!(outcome, Ok(Flow::Next));
        message
    }

    #[test]
    fn an_open_vorgang_is_counted_and_comes_again() {
        let message = due(|_| {});
        assert_eq!(message.values["erinnerung"], "faellig");
        assert_eq!(message.vorgang.as_ref().unwrap().vorgang.akte.erinnerungen, 1);
        let [timer] = message.effects.timers.as_slice() else { panic!() };
        assert_eq!(timer.due, message.now().checked_add(SignedDuration::from_hours(48)).unwrap());
        assert_eq!((timer.name.as_str(), &timer.body), ("http /v1/lieferungen", &message.envelope.body));
        let told: Value = serde_json::from_slice(&message.built["erinnerung"].body).unwrap();
        let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["art", "transaktionsid", "seit", "anzahl"]);
    }

    #[test]
    fn after_the_last_reminder_it_lapses_and_comes_no_more() {
        let message = due(|stored| stored.akte.erinnerungen = 2);
        assert_eq!(message.values["erinnerung"], "abgelaufen");
        assert_eq!(message.vorgang.unwrap().vorgang.state, VorgangState::Abgelaufen);
        assert!(message.effects.timers.is_empty());
    }

    #[test]
    fn what_is_over_is_left_alone() {
        for state in [VorgangState::Zugestellt, VorgangState::Entschieden, VorgangState::Zurueckgezogen] {
            let message = due(|stored| stored.state = state);
            assert_eq!(message.values["erinnerung"], "erledigt");
            assert!(
                message.vorgang.is_none() && message.built.is_empty() && message.effects.timers.is_empty()
            );
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!({}), "/as"),
            (json!({ "as": "a", "every": "1s" }), "/every"),
            (json!({ "as": "a", "most": 0 }), "/most"),
            (json!({ "as": "a", "mal": 3 }), "/mal"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
