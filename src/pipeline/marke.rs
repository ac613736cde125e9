//! The verb `marke`: an authorised person of the Jugendamt marks a Registersatz as contested or in clarification, or takes the
//! mark back (rules.md 6, § 84(2) SGB X). Changes nothing else of the record.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, MirrorChange, Question, Retrieval, Stored};
use crate::message::Message;
use crate::pipeline::bestand::{incomplete, only_persons, person, registermeldung};
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::aemter::tag;
use crate::register::keys;
use crate::register::record::Vermerk;
use crate::register::tafeln::Tafeln;
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "marke",
    place: Place::Do,
    about: "Marks a Registersatz as bestritten or in Klärung, or takes the mark back; ends automatic answers about it.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

struct Marke {
    tafeln: Arc<Tafeln>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    Ok(Arc::new(Marke { tafeln: building.tafeln.clone() }))
}

impl Step for Marke {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let said = registermeldung(message)?;
        if said.was != ENTRY.word {
            // For `bestand`, which stands beside this one and knows all its words.
            return Ok(Flow::Next);
        }
        person(message).ok_or_else(only_persons)?;
        let vermerk = match said.marke.as_deref() {
            Some("bestritten") => Vermerk { bestritten: true, ..Vermerk::default() },
            Some("klaerung") => Vermerk { klaerung: true, ..Vermerk::default() },
            Some("keine") => Vermerk::default(),
            _ => return Err(incomplete()),
        };
        let word = said.marke.clone().unwrap_or_default();
        let id = said.id.as_deref().and_then(|id| Uuid::parse_str(id.trim()).ok()).ok_or_else(incomplete)?;
        let questions = [Question::Mirror(keys::satz(id))];
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions.into()));
        }
        let Some(Fact::Mirror(found)) = message.fact(0).cloned() else {
            return Err(Trouble::Ours("marke got other answers than it asked for".to_owned()));
        };
        let am = tag(message.now());
        let (sender, tafeln) = (&message.sender.id, &self.tafeln);
        let own = |stored: &Stored| tafeln.gehoert(&stored.partner, &stored.registersatz.kind, sender, am);
        // Whether it exists at another office is nobody's business.
        let Some(stored) = found.into_iter().find(|stored| stored.id == id && own(stored)) else {
            let text = "Einen solchen Registersatz dieser Stelle gibt es nicht.";
            return Err(Rejection::new(Fault::Other, text).rule("registersatz-unbekannt").into());
        };
        let mut registersatz = stored.registersatz.clone();
        // No person takes back that two deliveries of one moment contradict each other: a delivery settles it.
        registersatz.vermerk = Vermerk { widerspruch: registersatz.vermerk.widerspruch, ..vermerk };
        message.effects.retrievals.push(Retrieval { step: ENTRY.word.to_owned(), records: vec![id] });
        message.effects.mirror.push(MirrorChange::put(id, registersatz));
        message.audit("mirror.marke", &[("record", &id.to_string()), ("marke", &word)]);
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Answer, Guard};
    use crate::envelope::{Envelope, How, PartnerRef};
    use crate::pipeline::testing::{bench, building, message};
    use crate::register::record::{Quelle, Registermeldung, Registersatz};

    fn stored(partner: &str) -> Stored {
        let record = message().record;
        Stored {
            id: Uuid::from_u128(7),
            mandant: "bremen".into(),
            partner: partner.into(),
            registersatz: Registersatz {
                mutter: record.mutter.unwrap(),
                kind: record.kind.unwrap(),
                eintragung: record.eintragung.unwrap(),
                quelle: Quelle {
                    message: "xfamilie.0804".into(),
                    nachrichten_uuid: "u".into(),
                    autor: "jga:1".into(),
                    empfangen: None,
                    erstellungszeitpunkt: message().now(),
                    transaktionsid: None,
                    spaetestens: None,
                },
                vermerk: Vermerk::default(),
            },
        }
    }

    fn outcome(marke: &str, id: &str, person: bool, found: Vec<Stored>) -> Result<Message, String> {
        let mut message = message();
        message.record.registermeldung = Some(Registermeldung {
            was: "marke".into(),
            id: Some(id.into()),
            marke: Some(marke.into()),
            ..Registermeldung::default()
        });
        if person {
            let mut envelope = Envelope::clone(&message.envelope);
            envelope.head.partner = Some(PartnerRef { id: "jugendamt-bremen".into(), how: How::Internal });
            envelope.head.acting_person = Some("a".into());
            message.envelope = Arc::new(envelope);
        }
        let step = building(|building| build(&json!({}), building)).unwrap();
        let told = |trouble| match trouble {
            Trouble::Rejected(all) => format!("{} {}", all[0].code, all[0].rule.clone().unwrap_or_default()),
            Trouble::Ours(text) => text,
        };
        let Flow::Ask(questions) = step.apply(&mut message, &mut bench()).map_err(told)? else { panic!() };
        let guard = Guard { key: questions[0].key(), seen: 1 };
        message.answers = vec![Answer { fact: Fact::mirror(found), guard }];
        step.apply(&mut message, &mut bench()).map_err(told)?;
        Ok(message)
    }

    #[test]
    fn a_person_of_the_office_marks_and_takes_back() {
        let id = Uuid::from_u128(7).to_string();
        for (word, bestritten, klaerung) in
            [("bestritten", true, false), ("klaerung", false, true), ("keine", false, false)]
        {
            let done = outcome(word, &id, true, vec![stored("jugendamt-bremen")]).unwrap();
            let [MirrorChange::Put { registersatz, keys, .. }] = &done.effects.mirror[..] else { panic!() };
            assert_eq!(registersatz.vermerk, Vermerk { bestritten, klaerung, widerspruch: false });
            assert!(registersatz.quelle == stored("x").registersatz.quelle, "nothing else changes");
            assert!(keys.contains(&keys::satz(Uuid::from_u128(7))) && keys.len() > 1);
        }
    }

    #[test]
    fn nobody_else_marks() {
        let id = Uuid::from_u128(7).to_string();
        let own = || vec![stored("jugendamt-bremen")];
        let says = |marke: &str, id: &str, person, found| outcome(marke, id, person, found).err().unwrap();
        assert_eq!(says("klaerung", &id, false, own()), "T070 nur-auf-anordnung");
        let unknown = "S999 registersatz-unbekannt";
        assert_eq!(says("klaerung", &id, true, vec![stored("jugendamt-hamburg")]), unknown);
        assert_eq!(says("klaerung", &id, true, vec![]), unknown);
        assert_eq!(says("falsch", &id, true, own()), "S999 angaben-fehlen");
        assert_eq!(says("klaerung", "kein", true, own()), "S999 angaben-fehlen");
    }
}
