//! The verb `settle`: a Quittung or Rückweisung says what became of a message that we sent.
//! Never answers one; a refused request waits for a person, because nobody else will decide it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::effects::{Fact, Question, VorgangChange};
use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::keys::{self, SearchKey};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "settle",
    place: Place::Do,
    about: "Notes a Quittung or Rückweisung with what was sent; a Rückweisung waits for a person. Other messages pass.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[("antwort", &["auskunft", "quittung", "rueckweisung"])],
    build,
};

struct Settle;

fn build(settings: &Value, _: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    Ok(Arc::new(Settle))
}

/// The key of the Vorgang that an alias leads to.
pub fn leads_to(fact: Option<&Fact>) -> Option<SearchKey> {
    let Some(Fact::Vorgang(Some(alias))) = fact else { return None };
    let akte = &alias.akte;
    Some(keys::vorgang(&akte.partner, akte.transaktionsid.as_deref()?))
}

impl Step for Settle {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let record = &message.record;
        // An answer speaks of a message of ours or gives reasons; anything else is an Auskunft.
        let refused = !record.gruende.is_empty();
        let answer = match (refused, record.bezug.is_some()) {
            (true, _) => "rueckweisung",
            (false, true) => "quittung",
            (false, false) => "auskunft",
        };
        message.values.insert("antwort", answer.to_owned());
        if answer == "auskunft" {
            return Ok(Flow::Next);
        }
        let person = message.resumed.is_some_and(|resumed| !resumed.expired);
        if refused && !person {
            let codes = record.gruende.join(", ");
            return Err(Trouble::Ours(format!(
                "an office refused what was handed to it ({codes}): correct it or call the office; a replay only notes the refusal"
            )));
        }
        let Some(bezug) = record.bezug.clone() else {
            return unknown(message, answer);
        };
        let first = Question::Vorgang(keys::sendung(&bezug));
        if !message.answered(std::slice::from_ref(&first)) {
            return Ok(Flow::Ask(vec![first]));
        }
        let Some(key) = leads_to(message.fact(0)) else { return unknown(message, answer) };
        let second = Question::Vorgang(key.clone());
        let both = [first, second];
        if !message.answered(&both) {
            return Ok(Flow::Ask(both.into()));
        }
        let Some(Fact::Vorgang(Some(vorgang))) = message.fact(1).cloned() else {
            return unknown(message, answer);
        };
        let mut vorgang = vorgang;
        let from = message.sender.id.clone();
        let of_theirs = vorgang
            .akte
            .gesendet
            .iter_mut()
            .find(|sent| sent.uuid.to_string().eq_ignore_ascii_case(bezug.trim()) && sent.an == from);
        let Some(sent) = of_theirs else { return unknown(message, answer) };
        sent.quittiert = Some(!refused);
        let codes = message.record.gruende.join(", ");
        let what = if refused { "vorgang.zurueckgewiesen" } else { "vorgang.quittiert" };
        message.audit(what, &[("codes", &codes)]);
        message.keep_vorgang(VorgangChange { key, vorgang });
        Ok(Flow::Next)
    }
}

/// It speaks of nothing that we know of theirs: kept, never answered, and only noted.
fn unknown(message: &mut Message, answer: &str) -> Result<Flow, Trouble> {
    message.audit("settle.unbekannt", &[("antwort", answer)]);
    Ok(Flow::Next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::Vorgang;
    use crate::message::Resumed;
    use crate::pipeline::testing::{answering, antrag, bench, building, decided, sample};
    use crate::register::entscheidung::Fall;
    use crate::register::vorgang::Gesendet;

    /// The Vorgang of a forwarded request with the message that the sample speaks of.
    fn begun(bezug: &str) -> Vorgang {
        let mut vorgang = decided(antrag(), Fall::I).vorgang.unwrap().vorgang;
        vorgang.akte.gesendet.push(Gesendet {
            uuid: bezug.parse().unwrap(),
            an: "jugendamt-bremen".into(),
            message: "xfamilie.0801".into(),
            quittiert: None,
        });
        vorgang
    }

    fn settle(message: &mut Message, known: bool) -> Result<Flow, Trouble> {
        let step = building(|building| build(&json!({}), building)).unwrap();
        let bezug = message.record.bezug.clone().unwrap();
        let vorgang = known.then(|| begun(&bezug));
        answering(message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(vorgang.clone()))
    }

    fn quittung(from: &str) -> Message {
        sample("0011-quittung", from)
    }

    #[test]
    fn a_quittung_is_noted_with_what_was_sent() {
        let mut message = quittung("jugendamt-bremen");
        assert_eq!(settle(&mut message, true), Ok(Flow::Next));
        assert_eq!(message.values["antwort"], "quittung");
        assert_eq!(message.vorgang.unwrap().vorgang.akte.gesendet[0].quittiert, Some(true));
    }

    #[test]
    fn a_rueckweisung_waits_for_a_person_who_then_notes_it() {
        let mut message = sample("0001-rueckweisung-schemavalide", "jugendamt-bremen");
        assert!(matches!(settle(&mut message, true), Err(Trouble::Ours(_))));
        assert!(message.effects.vorgaenge.is_empty());
        let mut message = sample("0001-rueckweisung-schemavalide", "jugendamt-bremen");
        message.resumed = Some(Resumed { at: message.now(), expired: false });
        assert_eq!(settle(&mut message, true), Ok(Flow::Next));
        assert_eq!(message.vorgang.unwrap().vorgang.akte.gesendet[0].quittiert, Some(false));
    }

    #[test]
    fn what_speaks_of_nothing_of_ours_changes_nothing() {
        for (from, known) in [("jugendamt-bremen", false), ("jugendamt-hamburg", true)] {
            let mut message = quittung(from);
            assert_eq!(settle(&mut message, known), Ok(Flow::Next));
            assert!(message.vorgang.is_none() && message.effects.vorgaenge.is_empty(), "{from}");
            assert_eq!(message.effects.audit[0].what, "settle.unbekannt");
        }
    }

    #[test]
    fn an_auskunft_passes() {
        let mut message = sample("0803-auskunft-negativauskunft", "jugendamt-bremen");
        let step = building(|building| build(&Value::Null, building)).unwrap();
        assert_eq!(step.apply(&mut message, &mut bench()), Ok(Flow::Next));
        assert_eq!(message.values["antwort"], "auskunft");
    }
}
