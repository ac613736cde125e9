//! The verb `build`: makes a document that a later word sends: the 0803 of an automatic answer, or the machine-readable one.
//! Makes an answer of cases A and B only, never tells a Sperrvermerk to anybody but a Jugendamt, and sends nothing itself.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::envelope::Reply;
use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::{answer, schreiben, sending, werte};
use crate::register::entscheidung::Ergebnis;
use crate::register::record::{Behoerde, Eintragung, Postkorb, Record};
use crate::register::tafeln::Tafeln;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "build",
    place: Place::Do,
    about: "Makes a document to send: `xfamilie.0803` of a decision A or B, or `auskunft.json` of any decision.",
    schema,
    declares: &[],
    build,
};

/// The machine-readable answer to the mother.
const AUSKUNFT: &str = "auskunft.json";
/// The code of the joint declaration of custody.
const SORGEERKLAERUNG: &str = "01";

enum What {
    /// The machine-readable answer.
    Schreiben,
    /// A message of a standard, in one of these versions, the newest last.
    Message { message: String, standard: String, versions: Vec<String> },
}

struct Build {
    /// The first that suits the standard of the request is made, else the last.
    what: Vec<What>,
    named: String,
    platform: Value,
    tafeln: Arc<Tafeln>,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "build": {
                "description": "What is made: a message of a standard such as `xfamilie.0803`, or `auskunft.json`; of several the first in the standard of the request.",
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
            },
            "as": { "description": "Name under which later words find it.", "type": "string" },
        },
        "required": ["build", "as"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(settings, ENTRY.word, &[ENTRY.word, "as"])?;
    let named = settings::text(map, "as", "name for what is made")?;
    let written: Vec<&str> = match map.get(ENTRY.word) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    };
    if written.is_empty() {
        let text = "a message such as `xfamilie.0803`, or `auskunft.json`, expected".to_owned();
        return Err(vec![SettingFault { path: format!("/{}", ENTRY.word), text }]);
    }
    let what = written.into_iter().map(|written| what(written, building)).collect::<Result<_, _>>()?;
    let (platform, tafeln) = (building.platform.clone(), building.tafeln.clone());
    Ok(Arc::new(Build { what, named, platform, tafeln }))
}

fn what(written: &str, building: &Building<'_>) -> Result<What, Vec<SettingFault>> {
    if written == AUSKUNFT {
        return Ok(What::Schreiben);
    }
    let known = building.standards.known();
    let writes: Vec<_> = known.iter().filter(|known| known.writes && known.message == written).collect();
    let Some(first) = writes.first() else {
        let mut all: Vec<&str> =
            known.iter().filter(|known| known.writes).map(|known| known.message.as_str()).collect();
        all.push(AUSKUNFT);
        all.dedup();
        let text = format!("nothing makes `{written}`; allowed: {}", all.join(", "));
        return Err(vec![SettingFault { path: format!("/{}", ENTRY.word), text }]);
    };
    let standard = first.standard.clone();
    let versions: Vec<String> = writes.iter().map(|known| known.version.clone()).collect();
    Ok(What::Message { message: written.to_owned(), standard, versions })
}

impl What {
    fn suits(&self, asked: &str) -> bool {
        match self {
            What::Schreiben => true,
            What::Message { standard, .. } => standard == asked,
        }
    }
}

impl Step for Build {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        let asked = message.identity.standard.as_str();
        let what = self.what.iter().find(|what| what.suits(asked)).or(self.what.last());
        let Some(what) = what else { return Err(Trouble::Ours("nothing to build".to_owned())) };
        let reply = match what {
            What::Schreiben => schreiben::schreiben(message, &self.tafeln)
                .map_err(|fehlt| Trouble::Ours(fehlt.to_string()))?,
            What::Message { message: type_, standard, versions } => {
                let own = &message.identity;
                let version = match versions.contains(&own.version) && own.standard == *standard {
                    true => own.version.clone(),
                    false => versions.last().cloned().unwrap_or_default(),
                };
                let record = antwort(message)?;
                let leser = record.kopf.autor.clone();
                let id = message.derived_id(&format!("{}:{type_}", ENTRY.word));
                write(bench, id, (type_, &version), message, &self.platform, (&record, &leser))?
            }
        };
        message.audit(ENTRY.word, &[("message", &reply.message)]);
        message.built.insert(self.named.clone(), reply);
        Ok(Flow::Next)
    }
}

/// The record of the answer: what was asked, and what the register says by the decision; only for cases A and B.
fn antwort(message: &Message) -> Result<Record, Trouble> {
    let ergebnis = message.entscheidung.as_ref().map(|entscheidung| entscheidung.ergebnis);
    let eintragung = match ergebnis {
        Some(Ergebnis::Negativ) => Eintragung::default(),
        Some(Ergebnis::Eintragung) => {
            Eintragung { vorhanden: true, arten: vec![SORGEERKLAERUNG.to_owned()], ..Eintragung::default() }
        }
        Some(Ergebnis::Klaerfall | Ergebnis::Zustaendigkeit) | None => {
            let text =
                "only a decision `negativ` or `eintragung` is answered with this message; correct the route";
            return Err(Trouble::Ours(text.to_owned()));
        }
    };
    let mut record = message.record.clone();
    record.eintragung = Some(eintragung);
    Ok(record)
}

/// Writes a message of a standard from a record, as the platform, to `leser`.
pub fn write(
    bench: &mut Bench,
    id: uuid::Uuid,
    (type_, version): (&str, &str),
    message: &Message,
    platform: &Value,
    (record, leser): (&Record, &Behoerde),
) -> Result<Reply, Trouble> {
    let mut record = record.clone();
    // A mailbox is bound to the login; what the document itself says of it is not passed on.
    let zustimmung = record.kopf.postkorb.as_ref().and_then(|postkorb| postkorb.zustimmung);
    let handle = sending::akte(message).and_then(|akte| akte.postkorb.clone());
    record.kopf.postkorb = handle.map(|handle| Postkorb { handle: Some(handle), zustimmung });
    let received: Timestamp = message.envelope.head.received;
    record.kopf.antragszeit.get_or_insert_with(|| answer::zeitpunkt(received));
    let kopf = answer::values(id, received, message.identity.test, platform, leser);
    let content = werte::auskunft(&record, leser).map_err(|error| Trouble::Ours(error.to_string()))?;
    let values = werte::nachricht(kopf, content);
    let body =
        bench.reader.write(type_, version, &values).map_err(|error| Trouble::Ours(error.to_string()))?;
    Ok(Reply {
        content_type: answer::XML.to_owned(),
        body,
        message: type_.to_owned(),
        message_id: id.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{antrag, bench, building, decided, standards};
    use crate::register::entscheidung::Fall;
    use crate::xml::gate::{self, Limits};
    use crate::xoev::contract::Standards;

    fn step(settings: Value) -> Arc<dyn Step> {
        building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn made(fall: Fall) -> Result<Record, Trouble> {
        let mut message = decided(antrag(), fall);
        step(json!({ "build": "xfamilie.0803", "as": "antwort" })).apply(&mut message, &mut bench())?;
        let reply = message.built["antwort"].clone();
        assert_eq!(reply.message, "xfamilie.0803");
        let document = gate::pass(reply.body, &Limits::default()).unwrap();
        let detected = standards().detect(&document).unwrap();
        assert!(detected.test);
        let record = bench().reader.read(&detected, &document).unwrap();
        assert_eq!(record.kopf.nachrichten_uuid, reply.message_id);
        assert_eq!(record.kopf.transaktionsid, message.record.kopf.transaktionsid);
        assert_eq!(record.kopf.leser, message.record.kopf.autor);
        assert_ne!(record.kopf.nachrichten_uuid, message.record.kopf.nachrichten_uuid);
        Ok(record)
    }

    #[test]
    fn cases_a_and_b_become_an_0803_of_our_own() {
        let negativ = made(Fall::A).unwrap();
        assert_eq!(negativ.eintragung, Some(Eintragung::default()));
        assert!(negativ.mutter == antrag().record.mutter && negativ.kind == antrag().record.kind);
        assert!(negativ.zusatz.unwrap().nachweise.is_empty());
        let eintragung = made(Fall::B).unwrap().eintragung.unwrap();
        assert!(eintragung.vorhanden && eintragung.arten == ["01"]);
    }

    #[test]
    fn no_other_case_is_answered_automatically() {
        for fall in [Fall::C, Fall::F, Fall::I, Fall::K, Fall::L, Fall::V] {
            assert!(matches!(made(fall), Err(Trouble::Ours(_))), "{fall:?}");
        }
    }

    #[test]
    fn the_mailbox_of_the_answer_is_that_of_the_login() {
        assert_eq!(made(Fall::A).unwrap().kopf.postkorb.unwrap().handle.as_deref(), Some("handle-1"));
    }

    #[test]
    fn the_machine_readable_answer_suits_every_decision() {
        let step = step(json!({ "build": "auskunft.json", "as": "schreiben" }));
        for fall in [Fall::A, Fall::B, Fall::I, Fall::L] {
            let (mut one, mut other) = (decided(antrag(), fall), decided(antrag(), fall));
            step.apply(&mut one, &mut bench()).unwrap();
            step.apply(&mut other, &mut bench()).unwrap();
            assert!(one.built == other.built && one.effects == other.effects);
        }
    }

    #[test]
    fn of_several_the_first_in_the_standard_of_the_request_is_made() {
        let step = step(json!({ "build": ["xfamilie.0803", "auskunft.json"], "as": "nachweis" }));
        for (standard, made) in [("xfamilie", "xfamilie.0803"), ("drehscheibe-json", "drehscheibe.auskunft")]
        {
            let mut message = decided(antrag(), Fall::A);
            message.identity.standard = standard.to_owned();
            step.apply(&mut message, &mut bench()).unwrap();
            assert_eq!(message.built["nachweis"].message, made);
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!("xfamilie.0803"), ""),
            (json!({ "build": "xfamilie.0803" }), "/as"),
            (json!({ "build": "xfamilie.4711", "as": "a" }), "/build"),
            (json!({ "build": [], "as": "a" }), "/build"),
            (json!({ "build": "auskunft.json", "as": "a", "to": "x" }), "/to"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
