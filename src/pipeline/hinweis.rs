//! The verb `hinweis`: a notice of a registry office says something about custody. It is kept as an open Vorgang under the keys
//! of child and mother, so that no automatic answer is given meanwhile (case Q); it is never an Eintragung (rules.md 10).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::effects::{Fact, Question, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::aemter::{Zustaendig, tag};
use crate::register::gemeinden::{Ort, falten};
use crate::register::keys;
use crate::register::record::Kind;
use crate::register::tafeln::Tafeln;
use crate::register::vorgang::Akte;

/// What a notice is: something for the office, or a birth of which nothing is said about custody.
const WORDS: &[&str] = &["offen", "keiner"];

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "hinweis",
    place: Place::Do,
    about: "Keeps what a notice says about custody as an open Vorgang around child and mother; never as an Eintragung.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[("hinweis", WORDS)],
    build,
};

struct Hinweis {
    tafeln: Arc<Tafeln>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let empty = settings.is_null() || settings.as_object().is_some_and(|map| map.is_empty());
    if !empty {
        let text = "hinweis has no settings; write `hinweis: {}`".to_owned();
        return Err(vec![SettingFault { path: String::new(), text }]);
    }
    Ok(Arc::new(Hinweis { tafeln: building.tafeln.clone() }))
}

impl Hinweis {
    /// The office that keeps the register of the birthplace (partner); empty where it is not exactly one.
    fn geburts_amt(&self, kind: Option<&Kind>, message: &Message) -> String {
        let Some(kind) = kind else { return String::new() };
        let aemter = &self.tafeln.aemter;
        let office = match kind.geburtsstaat.as_deref() {
            Some(staat) if staat != "000" => aemter.fuer_auslandsgeburten(),
            _ => match self.tafeln.gemeinden.ort(&falten(kind.geburtsort.as_deref().unwrap_or_default())) {
                Ort::Einer(ars) => aemter.zustaendig(ars, tag(message.now())),
                Ort::Mehrere | Ort::Keiner => Zustaendig::Keines,
            },
        };
        office.eines().map(|amt| amt.id.clone()).unwrap_or_default()
    }
}

impl Step for Hinweis {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let record = &message.record;
        let (Some(hinweis), Some(mutter)) = (&record.hinweis, &record.mutter) else {
            let text = "this notice names no mother or says nothing about custody; forward it by hand";
            return Err(Trouble::Ours(text.to_owned()));
        };
        if !hinweis.sorgeberechtigt && !hinweis.sorgerechtserklaerung {
            message.values.insert(ENTRY.word, WORDS[1].to_owned());
            return Ok(Flow::Next);
        }
        let under = keys::offen(record.kind.as_ref(), mutter);
        let questions: Vec<Question> = under.iter().cloned().map(Question::Vorgang).collect();
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let offen = message.derived_id("hinweis");
        let owner = self.geburts_amt(record.kind.as_ref(), message);
        let mut changes = Vec::with_capacity(under.len());
        for (nth, key) in under.into_iter().enumerate() {
            let Some(Fact::Vorgang(before)) = message.fact(nth) else {
                return Err(Trouble::Ours("hinweis got other answers than it asked for".to_owned()));
            };
            // What is open there already stays open.
            let mut vorgang = before.clone().unwrap_or_else(|| Vorgang {
                id: message.derived_id(&format!("hinweis {nth}")),
                owner: owner.clone(),
                state: VorgangState::BeimJugendamt,
                deadline: None,
                akte: Akte {
                    art: ENTRY.word.to_owned(),
                    partner: message.sender.id.clone(),
                    nummer: Some(message.envelope.head.id),
                    ..Akte::default()
                },
            });
            if !vorgang.akte.offen.contains(&offen) {
                vorgang.akte.offen.push(offen);
            }
            vorgang.state = VorgangState::BeimJugendamt;
            changes.push(VorgangChange { key, vorgang });
        }
        for change in changes {
            message.keep_vorgang(change);
        }
        message.values.insert(ENTRY.word, WORDS[0].to_owned());
        message.audit("hinweis.offen", &[("hinweis", &offen.to_string())]);
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::effects::{Answer, Guard};
    use crate::pipeline::testing::{bench, building, message};
    use crate::register::record;

    fn notice(erklaerung: bool) -> Message {
        let mut message = message();
        message.record.eintragung = None;
        message.record.hinweis =
            Some(record::Hinweis { sorgeberechtigt: false, sorgerechtserklaerung: erklaerung });
        message
    }

    fn run(message: &mut Message, before: &[Option<Vorgang>]) -> Flow {
        let step = building(|building| build(&json!({}), building)).unwrap();
        let flow = step.apply(message, &mut bench()).unwrap();
        let Flow::Ask(questions) = flow else { return flow };
        let answer = |(nth, question): (usize, &Question)| Answer {
            fact: Fact::Vorgang(before.get(nth).cloned().flatten()),
            guard: Guard { key: question.key(), seen: 1 },
        };
        message.answers = questions.iter().enumerate().map(answer).collect();
        step.apply(message, &mut bench()).unwrap()
    }

    #[test]
    fn a_notice_is_open_under_child_and_mother_and_no_entry() {
        let mut message = notice(true);
        assert_eq!(run(&mut message, &[]), Flow::Next);
        assert_eq!(message.effects.vorgaenge.len(), 2);
        let id = message.derived_id("hinweis");
        for change in &message.effects.vorgaenge {
            assert_eq!(change.vorgang.akte.offen, [id]);
            assert_eq!(change.vorgang.akte.art, "hinweis");
            assert_eq!(change.vorgang.state, VorgangState::BeimJugendamt);
        }
        assert!(message.effects.mirror.is_empty(), "never an Eintragung");
        assert_eq!(message.values["hinweis"], "offen");
    }

    #[test]
    fn what_is_open_already_stays_open() {
        let earlier = Vorgang {
            id: Uuid::from_u128(5),
            owner: "jugendamt-bremen".into(),
            state: VorgangState::Zugestellt,
            deadline: None,
            akte: Akte { art: "hinweis".into(), offen: vec![Uuid::from_u128(6)], ..Akte::default() },
        };
        let mut message = notice(true);
        run(&mut message, &[Some(earlier)]);
        let first = &message.effects.vorgaenge[0].vorgang;
        assert_eq!(first.id, Uuid::from_u128(5));
        assert_eq!(first.akte.offen, [Uuid::from_u128(6), message.derived_id("hinweis")]);
        assert_eq!(first.state, VorgangState::BeimJugendamt);
    }

    #[test]
    fn a_birth_without_a_word_on_custody_opens_nothing() {
        let mut message = notice(false);
        assert_eq!(run(&mut message, &[]), Flow::Next);
        assert!(message.effects == Default::default());
        assert_eq!(message.values["hinweis"], "keiner");
    }
}
