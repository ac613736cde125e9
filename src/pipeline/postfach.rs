//! The word `postfach`: hands an answer to the mailbox of the mother's login, and to nobody else.
//! The handle comes from the login only; what is sent names nothing outside the document.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::{schreiben, sending};
use crate::register::entscheidung::Ergebnis;
use crate::register::tafeln::Tafeln;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "postfach",
    place: Place::Send,
    about: "Hands an answer to the mailbox that belongs to the mother's login; without one it goes by letter.",
    schema,
    declares: &[],
    build,
};

/// The only addressee.
const MUTTER: &str = "mutter";
/// The group whose one partner keeps the mailboxes.
const GROUP: &str = "postfaecher";

struct Postfach {
    document: String,
    delay: SignedDuration,
    partner: String,
    destination: String,
    tafeln: Arc<Tafeln>,
    give_up_after: Duration,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "to": { "description": "Only the mother receives an Auskunft.", "enum": [MUTTER] },
            "document": { "description": "Name of the document, as an earlier `as` gave it.", "type": "string" },
            "delay": sending::delay_schema(),
        },
        "required": ["to", "document"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(settings, ENTRY.word, &["to", "document", "delay"])?;
    let fault = |path: &str, text: String| SettingFault { path: path.to_owned(), text };
    let mut faults = Vec::new();
    if map.get("to").and_then(Value::as_str) != Some(MUTTER) {
        faults.push(fault("/to", format!("only `{MUTTER}` receives an Auskunft")));
    }
    let delay = sending::delay(map.get("delay")).unwrap_or_else(|wrong| {
        faults.push(wrong);
        sending::DELAY
    });
    let document =
        settings::text(map, "document", "name that an earlier `as` gave").unwrap_or_else(|wrong| {
            faults.extend(wrong);
            String::new()
        });
    let keeper = match building.reach.groups.get(GROUP).map(Vec::as_slice) {
        Some([one]) => building.reach.answers.get(one).map(|way| (one.clone(), way.clone())),
        _ => None,
    };
    if keeper.is_none() {
        let text = format!(
            "exactly one partner of the group `{GROUP}` with `answers-by` keeps the mailboxes; write it in partners.yaml"
        );
        faults.push(fault("", text));
    }
    match keeper {
        Some((partner, destination)) if faults.is_empty() => {
            let (tafeln, give_up_after) = (building.tafeln.clone(), building.give_up_after);
            Ok(Arc::new(Postfach { document, delay, partner, destination, tafeln, give_up_after }))
        }
        _ => Err(faults),
    }
}

impl Step for Postfach {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        sending::not_told_before(message, self.delay);
        let undecided = message
            .entscheidung
            .as_ref()
            .is_some_and(|entscheidung| entscheidung.ergebnis == Ergebnis::Zustaendigkeit);
        let document = match message.built.get(&self.document) {
            Some(document) => document.clone(),
            // Where nothing was looked up no step could make it.
            None if undecided => schreiben::schreiben(message, &self.tafeln)
                .map_err(|fehlt| Trouble::Ours(fehlt.to_string()))?,
            None => {
                let text = format!("nothing named `{}` was made; correct the route", self.document);
                return Err(Trouble::Ours(text));
            }
        };
        let handle = sending::akte(message).and_then(|akte| akte.postkorb.clone());
        if handle.is_none() && undecided {
            // Nobody is known whom it could be told: the login that failed is no address, nor is what the request says.
            message.audit(ENTRY.word, &[("weg", "keiner")]);
            return Ok(Flow::Next);
        }
        let to = (self.partner.as_str(), self.destination.as_str());
        let patience = (self.delay, self.give_up_after);
        let mut send = sending::outgoing(message, ENTRY.word, to, document, Vec::new(), patience);
        message.audit(ENTRY.word, &[("weg", if handle.is_some() { "postfach" } else { "brief" })]);
        send.correlation = handle;
        message.effects.sends.push(send);
        sending::handed_over(message);
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::VorgangState;
    use crate::pipeline::testing::{KLAERFAELLE, antrag, bench, building, decided};
    use crate::register::entscheidung::Fall;

    fn step() -> Arc<dyn Step> {
        let settings = json!({ "to": "mutter", "document": "schreiben" });
        building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn with_answer(fall: Fall) -> Message {
        let mut message = decided(antrag(), fall);
        let built = schreiben::schreiben(&message, &Tafeln::default()).unwrap();
        message.built.insert("schreiben".into(), built);
        message
    }

    #[test]
    fn the_answer_goes_to_the_mailbox_of_the_login_after_the_fixed_delay() {
        for fall in [Fall::A, Fall::B, Fall::L] {
            let mut message = with_answer(fall);
            step().apply(&mut message, &mut bench()).unwrap();
            let [send] = message.effects.sends.as_slice() else { panic!() };
            assert_eq!((send.partner.as_str(), &*send.destination), ("postfach", "trays:postfach"));
            assert_eq!(send.correlation.as_deref(), Some("handle-1"));
            assert_eq!(send.order, None);
            assert_eq!(send.not_before, message.now().checked_add(sending::DELAY).ok());
            assert_eq!(message.vorgang.unwrap().vorgang.state, VorgangState::Zugestellt, "{fall:?}");
        }
    }

    #[test]
    fn klaerfaelle_are_told_alike_and_stay_with_the_office() {
        let mut first = None;
        for fall in KLAERFAELLE {
            let mut message = with_answer(*fall);
            step().apply(&mut message, &mut bench()).unwrap();
            assert_eq!(message.vorgang.unwrap().vorgang.state, VorgangState::BeimJugendamt);
            let told = (message.effects.sends, message.effects.audit);
            assert_eq!(*first.get_or_insert(told.clone()), told, "{fall:?}");
        }
    }

    #[test]
    fn without_a_mailbox_an_answer_goes_by_letter_and_a_failed_login_is_told_nobody() {
        for (fall, sends) in [(Fall::A, 1), (Fall::I, 1), (Fall::K, 0)] {
            let mut message = with_answer(fall);
            message.vorgang.as_mut().unwrap().vorgang.akte.postkorb = None;
            message.record.kopf.postkorb =
                Some(crate::register::record::Postkorb { handle: Some("frei".into()), zustimmung: None });
            step().apply(&mut message, &mut bench()).unwrap();
            assert_eq!(message.effects.sends.len(), sends, "{fall:?}");
            assert!(message.effects.sends.iter().all(|send| send.correlation.is_none()));
        }
    }

    #[test]
    fn case_k_is_told_although_no_step_made_a_document() {
        let mut message = decided(antrag(), Fall::K);
        step().apply(&mut message, &mut bench()).unwrap();
        assert_eq!(message.effects.sends.len(), 1);
        let mut message = decided(antrag(), Fall::A);
        assert!(matches!(step().apply(&mut message, &mut bench()), Err(Trouble::Ours(_))));
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!(1), ""),
            (json!({ "to": "vater", "document": "a" }), "/to"),
            (json!({ "to": "mutter" }), "/document"),
            (json!({ "to": "mutter", "document": "a", "delay": "2h" }), "/delay"),
            (json!({ "to": "mutter", "document": "a", "mail": "x" }), "/mail"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
