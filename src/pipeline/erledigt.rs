//! The verb `erledigt`: the office that a notice was handed to has dealt with it. From then on child and mother are answered
//! like all others again (no case Q); what the office found out comes as a Registersatz, never with this.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::effects::{Fact, Question, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::bestand::{incomplete, registermeldung};
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::uebergaenge;
use crate::pipeline::vorgang::responsible;
use crate::register::aemter::tag;
use crate::register::keys;
use crate::register::tafeln::Tafeln;
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "erledigt",
    place: Place::Do,
    about: "The responsible office says that it has dealt with a notice; it is closed, and automatic answers are given again.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

struct Erledigt {
    tafeln: Arc<Tafeln>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    Ok(Arc::new(Erledigt { tafeln: building.tafeln.clone() }))
}

fn refused(fault: Fault, rule: &str, text: &str) -> Trouble {
    Rejection::new(fault, text).rule(rule).into()
}

impl Step for Erledigt {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let said = registermeldung(message)?;
        if said.was != ENTRY.word {
            return Ok(Flow::Next);
        }
        let key = keys::hinweis(said.id.as_deref().ok_or_else(incomplete)?);
        let mut questions = vec![Question::Vorgang(key.clone())];
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let Some(Fact::Vorgang(Some(mut vorgang))) = message.fact(0).cloned() else {
            let text = "Ein Hinweis mit dieser nachrichtenUUID ist nicht bekannt.";
            return Err(refused(Fault::Other, "hinweis-unbekannt", text));
        };
        if !responsible(&self.tafeln.aemter, &vorgang.owner, &message.sender.id, tag(message.now())) {
            let text = "Für diesen Hinweis ist eine andere Stelle zuständig.";
            return Err(refused(Fault::Authority, "nicht-zustaendig", text));
        }
        let Ok(state) = uebergaenge::allowed(vorgang.state, VorgangState::Zugestellt) else {
            return Err(refused(Fault::Other, "hinweis-beendet", "Der Hinweis ist bereits erledigt."));
        };
        let under = keys::aus_worten(&vorgang.akte.unter);
        questions.extend(under.iter().cloned().map(Question::Vorgang));
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let mut changes = Vec::with_capacity(under.len());
        for (nth, key) in under.into_iter().enumerate() {
            let Some(Fact::Vorgang(Some(mut open))) = message.fact(nth + 1).cloned() else { continue };
            // Other notices may be open under the same key: they stay so.
            open.akte.offen.retain(|id| *id != vorgang.id);
            if open.akte.offen.is_empty() {
                open.state = state;
            }
            changes.push(VorgangChange { key, vorgang: open });
        }
        message.audit("hinweis.erledigt", &[("hinweis", &vorgang.id.to_string())]);
        vorgang.state = state;
        vorgang.akte.unter.clear();
        message.effects.vorgaenge.extend(changes);
        message.keep_vorgang(VorgangChange { key, vorgang });
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::effects::{GuardKey, Vorgang};
    use crate::pipeline::hinweis;
    use crate::pipeline::testing::{answering, bench, building, message};
    use crate::register::record::{Hinweis, Registermeldung};

    type World = HashMap<GuardKey, Vorgang>;

    fn play(step: &Arc<dyn Step>, message: &mut Message, world: &mut World) -> Result<(), String> {
        let fact = |question: &Question| Fact::Vorgang(world.get(&question.key()).cloned());
        let outcome = answering(message, |message| step.apply(message, &mut bench()), fact);
        match outcome {
            Ok(Flow::Next) => {}
            Err(Trouble::Rejected(all)) => {
                return Err(format!("{} {}", all[0].code, all[0].rule.clone().unwrap_or_default()));
            }
            other => panic!("{other:?}"),
        }
        for change in &message.effects.vorgaenge {
            world.insert(GuardKey(change.key.clone()), change.vorgang.clone());
        }
        Ok(())
    }

    fn notice(uuid: &str, world: &mut World) {
        let step = building(|building| (hinweis::ENTRY.build)(&json!({}), building)).unwrap();
        let mut message = message();
        message.record.kopf.nachrichten_uuid = uuid.into();
        message.record.hinweis = Some(Hinweis { sorgeberechtigt: true, sorgerechtserklaerung: false });
        let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
        envelope.head.id = uuid.parse().unwrap();
        message.envelope = Arc::new(envelope);
        play(&step, &mut message, world).unwrap();
        // Who keeps the register of the birthplace is not what is tested here.
        world.get_mut(&GuardKey(keys::hinweis(uuid))).unwrap().owner = "jugendamt-bremen".into();
    }

    fn close(uuid: Option<&str>, from: &str, world: &mut World) -> Result<(), String> {
        let step = building(|building| build(&json!({}), building)).unwrap();
        let mut message = message();
        message.sender.id = from.into();
        let id = uuid.map(str::to_owned);
        message.record.registermeldung =
            Some(Registermeldung { was: "erledigt".into(), id, ..Registermeldung::default() });
        play(&step, &mut message, world)
    }

    const ONE: &str = "7b2d4c10-1f3a-4e55-8b7a-000000000041";
    const TWO: &str = "7b2d4c10-1f3a-4e55-8b7a-000000000042";

    fn open(world: &World) -> usize {
        let keys = keys::offen(message().record.kind.as_ref(), message().record.mutter.as_ref().unwrap());
        let of = |key| world.get(&GuardKey(key)).filter(|open| open.state == VorgangState::BeimJugendamt);
        let open: Vec<usize> =
            keys.into_iter().map(|key| of(key).map_or(0, |open| open.akte.offen.len())).collect();
        assert!(open.iter().all(|count| *count == open[0]), "{open:?}");
        open[0]
    }

    #[test]
    fn only_the_office_of_the_notice_closes_it_and_only_that_one() {
        let mut world = World::new();
        notice(ONE, &mut world);
        notice(TWO, &mut world);
        assert_eq!(open(&world), 2);
        assert_eq!(close(None, "jugendamt-bremen", &mut world), Err("S999 angaben-fehlen".into()));
        assert_eq!(close(Some(ONE), "jugendamt-hamburg", &mut world), Err("T070 nicht-zustaendig".into()));
        let unknown = close(Some("7b2d4c10-1f3a-4e55-8b7a-000000000049"), "jugendamt-bremen", &mut world);
        assert_eq!(unknown, Err("S999 hinweis-unbekannt".into()));
        assert_eq!(open(&world), 2);
        assert_eq!(close(Some(&ONE.to_uppercase()), "jugendamt-bremen", &mut world), Ok(()));
        assert_eq!(open(&world), 1);
        assert_eq!(close(Some(ONE), "jugendamt-bremen", &mut world), Err("S999 hinweis-beendet".into()));
        assert_eq!(close(Some(TWO), "jugendamt-bremen", &mut world), Ok(()));
        assert_eq!(open(&world), 0);
        let kept = &world[&GuardKey(keys::hinweis(ONE))];
        assert!(kept.akte.unter.is_empty() && kept.state == VorgangState::Zugestellt);
        notice(TWO.replace("42", "43").as_str(), &mut world);
        assert_eq!(open(&world), 1, "a later notice opens it again");
    }

    #[test]
    fn what_nobody_is_responsible_for_is_closed_by_nobody() {
        let mut world = World::new();
        notice(ONE, &mut world);
        world.get_mut(&GuardKey(keys::hinweis(ONE))).unwrap().owner.clear();
        assert_eq!(close(Some(ONE), "jugendamt-bremen", &mut world), Err("T070 nicht-zustaendig".into()));
    }

    #[test]
    fn other_words_pass_and_settings_are_named() {
        let step = building(|building| build(&json!(null), building)).unwrap();
        let mut message = message();
        message.record.registermeldung = Some(Registermeldung { was: "marke".into(), ..Default::default() });
        assert_eq!(step.apply(&mut message, &mut bench()), Ok(Flow::Next));
        assert!(message.effects == Default::default());
        let faults = building(|building| build(&json!({ "x": 1 }), building)).err().unwrap();
        assert_eq!(faults[0].path, "/x");
    }
}
