//! The word `nachweis`: answers a request made for another application (Once-Only): the proof where the mother released it,
//! else that none can be retrieved: the same octets after the same delay, whatever the reason is (rules.md 3).

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::envelope::Reply;
use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::tell::ONLINEDIENST;
use crate::pipeline::{freigabe, sending};
use crate::register::entscheidung::Ergebnis;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "nachweis",
    place: Place::Send,
    about: "Hands the proof to the service that asked for another application, or tells that none can be retrieved.",
    schema,
    declares: &[],
    build,
};

/// Message type of the answer that tells nothing.
pub const MESSAGE: &str = "drehscheibe.nachweis";
/// What is told in every case but one.
const KEINER: &str = "kein Nachweis abrufbar";

struct Nachweis {
    document: String,
    delay: SignedDuration,
    reach: Arc<Reach>,
    give_up_after: Duration,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "to": { "description": "The service that asked.", "enum": [ONLINEDIENST] },
            "document": { "description": "Name of the proof, as an earlier `as` gave it.", "type": "string" },
            "delay": sending::delay_schema(),
        },
        "required": ["to", "document"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(settings, ENTRY.word, &["to", "document", "delay"])?;
    if map.get("to").and_then(Value::as_str) != Some(ONLINEDIENST) {
        let text = format!("only the service that asked gets it; write `{ONLINEDIENST}`");
        return Err(vec![SettingFault { path: "/to".to_owned(), text }]);
    }
    let document = settings::text(map, "document", "name that an earlier `as` gave")?;
    let delay = sending::delay(map.get("delay")).map_err(|fault| vec![fault])?;
    let (reach, give_up_after) = (building.reach.clone(), building.give_up_after);
    Ok(Arc::new(Nachweis { document, delay, reach, give_up_after }))
}

/// Exactly one case yields a proof: no entry, and released by her for this application.
pub fn released(message: &Message) -> bool {
    let negativ =
        message.entscheidung.as_ref().is_some_and(|entscheidung| entscheidung.ergebnis == Ergebnis::Negativ);
    negativ && message.values.get(freigabe::VALUE).map(String::as_str) == Some(freigabe::JA)
}

impl Step for Nachweis {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        sending::not_told_before(message, self.delay);
        let document = match released(message) {
            true => sending::made(message, &self.document)?,
            false => keiner(message),
        };
        let partner = message.sender.id.clone();
        let callback = ("callback".to_owned(), partner.clone());
        let way = self.reach.answers.get(&partner).or_else(|| self.reach.channels.get(&callback)).cloned();
        let Some(way) = way else {
            message.audit("nachweis.kein-weg", &[("partner", &partner)]);
            return Ok(Flow::Next);
        };
        let patience = (self.delay, self.give_up_after);
        let send = sending::outgoing(message, ENTRY.word, (&partner, &way), document, Vec::new(), patience);
        message.effects.sends.push(send);
        if released(message) {
            sending::handed_over(message);
        }
        Ok(Flow::Next)
    }
}

/// The one answer to everything else.
fn keiner(message: &Message) -> Reply {
    let value = json!({ "id": sending::nummer(message), "nachweis": KEINER });
    sending::json_document(message, MESSAGE, message.derived_id(ENTRY.word), &value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::Outgoing;
    use crate::pipeline::schreiben;
    use crate::pipeline::testing::{KLAERFAELLE, antrag, bench, building, decided};
    use crate::register::entscheidung::Fall;
    use crate::register::tafeln::Tafeln;

    fn told(fall: Fall, release: &str) -> Outgoing {
        let mut message = decided(antrag(), fall);
        message.vorgang.as_mut().unwrap().vorgang.akte.use_ =
            Some(crate::register::vorgang::ONCE_ONLY.to_owned());
        message.values.insert(freigabe::VALUE, release.to_owned());
        if let Ok(built) = schreiben::nachweis(&message, &Tafeln::default()) {
            message.built.insert("nachweis".into(), built);
        }
        let settings = json!({ "to": "onlinedienst", "document": "nachweis" });
        let step =
            building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"));
        step.apply(&mut message, &mut bench()).unwrap();
        assert_eq!(message.effects.sends.len(), 1);
        message.effects.sends.remove(0)
    }

    #[test]
    fn only_a_released_negativauskunft_is_handed_over() {
        let proof = told(Fall::A, "ja");
        assert_eq!((proof.message.as_str(), &*proof.destination), ("drehscheibe.auskunft", "callback:kita"));
        let text = String::from_utf8(proof.body.to_vec()).unwrap();
        assert!(text.contains("keine Eintragung vorlag"));
    }

    #[test]
    fn everything_else_is_the_same_to_the_octet() {
        let none = told(Fall::A, "nein");
        let all = KLAERFAELLE.iter().chain(&[Fall::B, Fall::K, Fall::L]);
        for fall in all {
            for release in ["ja", "nein"] {
                assert_eq!(told(*fall, release), none, "{fall:?}");
            }
        }
        assert!(String::from_utf8_lossy(&none.body).contains(KEINER));
        assert_eq!(none.not_before, told(Fall::A, "ja").not_before);
    }
}
