//! The word `rueckmeldung`: whoever sent a notice learns what the office did with it, in the message that the notice's standard has for
//! that (XJustiz 0005008, or 0005007 where it was not taken over). Only of a notice that this message ended, once, and nothing of the case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::envelope::Reply;
use crate::message::Message;
use crate::pipeline::erledigt::ABGELEHNT;
use crate::pipeline::jugendamt::way;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::versions::Writing;
use crate::pipeline::{answer, sending, settings};
use crate::register::tafeln::Tafeln;
use crate::register::vorgang::Rueckmeldung;
use crate::rejection::Fault;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "rueckmeldung",
    place: Place::Send,
    about: "Tells the sender of a notice that the office has dealt with it or did not take it over (XJustiz 0005008, 0005007).",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

/// What its sender is told where an office did not take a notice over.
const TEXT: &str =
    "Das Jugendamt hat die Mitteilung nicht übernommen. Bitte wenden Sie sich an das Jugendamt.";

/// How a standard tells it.
#[derive(Default)]
struct Told {
    done: Option<Writing>,
    declined: Option<Writing>,
    /// Its code for a reason that is no other.
    code: String,
}

struct Rueckmelden {
    by_standard: BTreeMap<String, Told>,
    platform: Value,
    tafeln: Arc<Tafeln>,
    reach: Arc<Reach>,
    give_up_after: Duration,
}

fn build(written: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(written, ENTRY.word)?;
    answer::rehearse(building.standards, building.platform).map_err(|fault| vec![fault])?;
    let mut by_standard = BTreeMap::new();
    for known in building.standards.known() {
        let Some(answering) = building.standards.answering(&known.standard, Some(&known.version)) else {
            continue;
        };
        let writing =
            |message: Option<&String>| message.and_then(|message| Writing::of(building.standards, message));
        let code = answering.codes.get(&Fault::Other).cloned();
        let told = Told {
            done: writing(answering.done.as_ref()),
            declined: writing(answering.declined.as_ref()),
            code: code.unwrap_or_else(|| Fault::Other.usual_code().to_owned()),
        };
        by_standard.insert(known.standard, told);
    }
    Ok(Arc::new(Rueckmelden {
        by_standard,
        platform: building.platform.clone(),
        tafeln: building.tafeln.clone(),
        reach: building.reach.clone(),
        give_up_after: building.give_up_after,
    }))
}

impl Step for Rueckmelden {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        let Some(mut change) = message.vorgang.clone().filter(|change| !change.vorgang.state.open()) else {
            return Ok(Flow::Next);
        };
        let Some(owed) = change.vorgang.akte.rueckmeldung.take() else { return Ok(Flow::Next) };
        let said = message.record.registermeldung.as_ref();
        let declined = said.is_some_and(|said| said.was == ABGELEHNT);
        let partner = change.vorgang.akte.partner.clone();
        let document = self.document(message, bench, (&owed, &partner), (&change.vorgang.owner, declined))?;
        let (partner, destination) = way(&self.reach, Some(&partner));
        let addressed = (partner.as_str(), destination.as_str());
        let send = sending::at_once(message, ENTRY.word, addressed, document, Vec::new(), self.give_up_after);
        message.effects.sends.push(send);
        message.audit(ENTRY.word, &[("wie", if declined { ABGELEHNT } else { "erledigt" })]);
        message.keep_vorgang(change);
        Ok(Flow::Next)
    }
}

impl Rueckmelden {
    fn document(
        &self,
        message: &Message,
        bench: &mut Bench,
        (owed, partner): (&Rueckmeldung, &str),
        (office, declined): (&str, bool),
    ) -> Result<Reply, Trouble> {
        let told = self.by_standard.get(&owed.standard);
        let writing =
            told.and_then(|told| if declined { told.declined.as_ref() } else { told.done.as_ref() });
        let (Some(told), Some(writing)) = (told, writing) else {
            let text = format!("no package tells the sender of a notice in {}; add one", owed.standard);
            return Err(Trouble::Ours(text));
        };
        let named = self.reach.version(partner, &owed.standard);
        let version = writing.answering(named, (&owed.standard, &owed.version));
        let type_ = writing.message.as_str();
        let id = message.derived_id(&format!("{}:{type_}", ENTRY.word));
        let mut autor = self.platform.clone();
        if let Some(amt) = self.tafeln.aemter.amt(office) {
            autor["name"] = amt.name.clone().into();
        }
        let mut leser = owed.absender.clone();
        if leser.kennung.is_empty() && leser.name.is_empty() {
            partner.clone_into(&mut leser.name);
        }
        let mut values = answer::values(id, message.now(), message.identity.test, &autor, &leser);
        values["original"] = json!({ "nachrichten_uuid": owed.uuid, "transaktionsid": owed.aktenzeichen });
        values["gruende"] =
            json!([{ "code": told.code, "spezifisch": [{ "code": false, "beschreibung": TEXT }] }]);
        answer::written(bench, (type_, version), (id, message.identity.test), &values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Vorgang, VorgangChange, VorgangState};
    use crate::pipeline::testing::{bench, building, message};
    use crate::register::keys;
    use crate::register::record::{Behoerde, Registermeldung};
    use crate::register::vorgang::Akte;

    const UUID: &str = "7b2d4c10-1f3a-4e55-8b7a-000000000501";

    fn ended(was: &str, state: VorgangState, absender: Behoerde) -> Message {
        let mut message = message();
        message.record.registermeldung =
            Some(Registermeldung { was: was.into(), ..Registermeldung::default() });
        let owed = Rueckmeldung {
            standard: "xjustiz".into(),
            version: "3.6.2".into(),
            uuid: UUID.into(),
            aktenzeichen: Some("61 F 123/26".into()),
            absender,
        };
        let akte = Akte {
            art: "hinweis".into(),
            partner: "familiengericht".into(),
            rueckmeldung: Some(Box::new(owed)),
            ..Akte::default()
        };
        let vorgang = Vorgang {
            id: message.derived_id("v"),
            owner: "jugendamt-bremen".into(),
            state,
            deadline: None,
            akte,
        };
        message.keep_vorgang(VorgangChange { key: keys::hinweis(UUID), vorgang });
        message
    }

    fn gericht() -> Behoerde {
        Behoerde { praefix: "gericht".into(), kennung: "9H0000".into(), name: String::new() }
    }

    fn run(message: &mut Message) -> Option<crate::register::record::Record> {
        let step =
            building(|building| build(&json!({}), building)).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(step.apply(message, &mut bench()), Ok(Flow::Next));
        let send = message.effects.sends.last()?;
        assert_eq!((send.partner.as_str(), send.not_before), ("familiengericht", None));
        let (detected, record) = bench().reader.open(send.body.clone()).unwrap();
        assert_eq!(detected.message, send.message);
        Some(record)
    }

    #[test]
    fn what_the_office_did_is_told_once_and_then_nothing_of_it_is_kept() {
        for (was, told) in
            [("erledigt", "xjustiz.0005008"), ("freigabe", "xjustiz.0005008"), (ABGELEHNT, "xjustiz.0005007")]
        {
            let mut message = ended(was, VorgangState::Zugestellt, gericht());
            let record = run(&mut message).unwrap();
            assert_eq!(message.effects.sends[0].message, told);
            assert_eq!(
                (record.bezug.as_deref(), record.kopf.leser.key().as_str()),
                (Some(UUID), "gericht:9H0000")
            );
            assert_eq!(record.gruende, if was == ABGELEHNT { vec!["001"] } else { vec![] });
            let [kept] = message.effects.vorgaenge.as_slice() else { panic!() };
            assert!(kept.vorgang.akte.rueckmeldung.is_none());
            run(&mut message);
            assert_eq!(message.effects.sends.len(), 1, "not twice");
        }
    }

    #[test]
    fn nobody_is_told_before_the_end_and_of_nothing_else() {
        assert!(run(&mut ended("erledigt", VorgangState::BeimJugendamt, gericht())).is_none());
        assert!(run(&mut message()).is_none());
        let mut other = ended("erledigt", VorgangState::Zugestellt, gericht());
        if let Some(change) = &mut other.vorgang {
            change.vorgang.akte.rueckmeldung = None;
        }
        assert!(run(&mut other).is_none());
    }

    #[test]
    fn a_notary_is_named_as_it_named_itself_and_else_as_we_know_it() {
        for (named, told) in [("Notariat am Markt", "Notariat am Markt"), ("", "familiengericht")] {
            let absender = Behoerde { name: named.into(), ..Behoerde::default() };
            let record = run(&mut ended("erledigt", VorgangState::Zugestellt, absender)).unwrap();
            assert_eq!(record.kopf.leser.name, told);
        }
    }

    #[test]
    fn a_standard_that_tells_nothing_calls_a_person() {
        let mut message = ended("erledigt", VorgangState::Zugestellt, gericht());
        if let Some(owed) =
            message.vorgang.as_mut().and_then(|change| change.vorgang.akte.rueckmeldung.as_mut())
        {
            owed.standard = "drehscheibe-json".into();
        }
        let step =
            building(|building| build(&json!(null), building)).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert!(matches!(step.apply(&mut message, &mut bench()), Err(Trouble::Ours(_))));
        assert_eq!(building(|building| build(&json!({ "an": 1 }), building)).err().unwrap()[0].path, "/an");
    }
}
