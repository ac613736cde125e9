//! The verb `hinweis`: a notice of a registry office says something about custody. It is kept as an open Vorgang under the keys
//! of child and mother, so that no automatic answer is given meanwhile (case Q); it is never an Eintragung (rules.md 10).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, Question, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::alias::ALIAS;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::{notice, settings};
use crate::register::aemter::{Aemter, tag};
use crate::register::fristen::satz_endet;
use crate::register::keys::{self, SearchKey};
use crate::register::objection::{self, ObjectionChange, Opening, Why};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::geburtsort;
use crate::register::vorgang::Akte;
use crate::rejection::{Fault, Rejection};

/// What a notice is: something for the office, or a birth of which nothing is said about custody.
const WORDS: &[&str] = &["offen", "keiner"];

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: notice::ART,
    place: Place::Do,
    about: "Keeps what a notice says about custody as an open Vorgang around child and mother; never as an Eintragung.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[("hinweis", WORDS)],
    build,
};

struct Hinweis {
    tafeln: Arc<Tafeln>,
    reach: Arc<Reach>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    Ok(Arc::new(Hinweis { tafeln: building.tafeln.clone(), reach: building.reach.clone() }))
}

impl Step for Hinweis {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let record = &message.record;
        let Some(mutter) = &record.mutter else {
            let text = "this notice names no mother; forward it by hand";
            return Err(Trouble::Ours(text.to_owned()));
        };
        let uuid = record.kopf.nachrichten_uuid.clone();
        let under = keys::hinweis_unter(&self.tafeln.gemeinden, record.kind.as_ref(), mutter);
        // What came of this child goes with its Registersatz; that the notice is open stays, it names nobody.
        let subjects: Vec<_> = record.kind.iter().map(|kind| keys::child(kind, mutter)).collect();
        let am = tag(message.now());
        let office = record.kind.as_ref().and_then(|kind| geburtsort(kind, &self.tafeln, am).amt());
        let ort = notice::one_place(&self.tafeln.gemeinden, record.kind.iter()).filter(|_| office.is_some());
        let change = VorgangChange {
            key: keys::hinweis(&uuid),
            vorgang: Vorgang {
                id: message.derived_id(ENTRY.word),
                owner: office.map(|amt| amt.id.clone()).unwrap_or_default(),
                state: VorgangState::BeimJugendamt,
                deadline: None,
                akte: Akte {
                    art: ENTRY.word.to_owned(),
                    partner: message.sender.id.clone(),
                    nummer: Some(message.envelope.head.id),
                    unter: keys::in_worten(&under),
                    ort,
                    ..Akte::default()
                },
            },
        };
        message.effects.subjects = subjects;
        // When its task has ended it goes, whatever becomes of the child's record (rules.md 10).
        message.effects.subjects.push(change.key.clone());
        let custody = message
            .record
            .hinweis
            .as_ref()
            .is_some_and(|said| said.sorgeberechtigt || said.sorgerechtserklaerung);
        if !custody {
            // The office is told of the birth all the same; nothing is open that would have to be kept.
            message.vorgang = Some(change);
            message.values.insert(ENTRY.word, WORDS[1].to_owned());
            return Ok(Flow::Next);
        }
        if under.is_empty() {
            let text = "this notice says too little of the mother to be found again; forward it by hand";
            return Err(Trouble::Ours(text.to_owned()));
        }
        let questions: Vec<Question> =
            std::iter::once(&change.key).chain(&under).cloned().map(Question::Vorgang).collect();
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        one_notice(message, change.vorgang.id)?;
        let offen = change.vorgang.id;
        let under = under.into_iter().map(|key| (key, vec![offen])).collect();
        let changes = opened(message, 1, under)?;
        message.effects.vorgaenge.extend(changes);
        let owner = change.vorgang.owner.clone();
        if closable(&self.tafeln.aemter, &self.reach, &owner, message.now()) {
            // Lists name it by our id of it.
            let ours = message.envelope.head.id;
            let alias = notice::leads_to(message, &change.vorgang, &ours.to_string(), &uuid);
            message.effects.vorgaenge.push(alias);
            let named = (ours, message.derived_id(ENTRY.word));
            // It stands against answers by its Vorgang, under no key besides.
            let opening = notice::opening(message, &self.tafeln.gemeinden, (&owner, Why::Parked), named, &[]);
            let ends = message.record.kind.as_ref().and_then(satz_endet);
            notice::open(message, Opening { ends, ..opening }, true);
        } else if let Ok(notice) = Uuid::try_parse(uuid.trim()) {
            let opening = unowned(message, notice);
            message.effects.objections.push(ObjectionChange::Open(Box::new(opening)));
        }
        message.keep_vorgang(change);
        message.values.insert(ENTRY.word, WORDS[0].to_owned());
        message.audit("hinweis.offen", &[("hinweis", &offen.to_string())]);
        Ok(Flow::Next)
    }
}

/// The office closes a notice by the id of its message, so that must mean one notice only, whoever sent them. What stands under the id
/// was asked first.
pub fn one_notice(message: &Message, id: Uuid) -> Result<(), Trouble> {
    match message.fact(0) {
        Some(Fact::Vorgang(Some(before))) if before.id != id => {
            let text = "Ein anderer Hinweis trägt bereits diese nachrichtenUUID.";
            Err(Rejection::new(Fault::Other, text).rule("uuid-vergeben").into())
        }
        _ => Ok(()),
    }
}

/// Notices as open under each of these keys; what stands there was asked in their order, the first of them as this question of the step.
pub fn opened(
    message: &Message,
    first: usize,
    under: Vec<(SearchKey, Vec<Uuid>)>,
) -> Result<Vec<VorgangChange>, Trouble> {
    let mut changes = Vec::with_capacity(under.len());
    for (nth, (key, notices)) in under.into_iter().enumerate() {
        let Some(Fact::Vorgang(before)) = message.fact(nth + first) else {
            return Err(Trouble::Ours("a notice got other answers than it asked for".to_owned()));
        };
        // What is open there already stays open. It is of no office: notices of several may meet under it.
        let mut vorgang = before.clone().unwrap_or_else(|| Vorgang {
            id: message.derived_id(&format!("hinweis {nth}")),
            owner: String::new(),
            state: VorgangState::BeimJugendamt,
            deadline: None,
            akte: Akte { art: ALIAS.to_owned(), ..Akte::default() },
        });
        for offen in notices {
            if !vorgang.akte.offen.contains(&offen) {
                vorgang.akte.offen.push(offen);
            }
        }
        vorgang.state = VorgangState::BeimJugendamt;
        changes.push(VorgangChange { key, vorgang });
    }
    Ok(changes)
}

/// Whether the office of a notice can end it: there is one, and it, or who took over from it, is connected.
pub fn closable(aemter: &Aemter, reach: &Reach, owner: &str, now: Timestamp) -> bool {
    let today = aemter.heutige(owner, tag(now)).filter(|office| !office.is_empty());
    today.is_some_and(|office| reach.answers.contains_key(office))
}

/// What lists a notice that no office can close, until two persons of the operator do.
pub fn unowned(message: &Message, notice: Uuid) -> Opening {
    Opening {
        amt: String::new(),
        content: objection::by_id(notice),
        delivery: notice,
        why: Why::Unowned,
        message: message.identity.message.clone(),
        made: message.now(),
        since: message.now(),
        under: Vec::new(),
        about: Vec::new(),
        ends: message.record.kind.as_ref().and_then(satz_endet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Answer, Guard};
    use crate::pipeline::testing::{answering, bench, building, message};
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::gemeinden::falten;
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
        let mut changes = message.effects.vorgaenge.clone();
        let own = changes.pop().unwrap();
        let (kind, mutter) = (message.record.kind.as_ref(), message.record.mutter.as_ref().unwrap());
        let under = keys::hinweis_unter(&Default::default(), kind, mutter);
        assert!(changes.iter().map(|change| &change.key).eq(&under));
        for change in changes {
            assert_eq!(change.vorgang.akte.offen, [own.vorgang.id]);
            assert_eq!(change.vorgang.akte.art, ALIAS, "shown as one Vorgang");
            assert_eq!(change.vorgang.state, VorgangState::BeimJugendamt);
        }
        assert_eq!((own.vorgang.akte.art.as_str(), own.vorgang.akte.unter.len()), ("hinweis", under.len()));
        assert_eq!(message.vorgang.as_ref().map(|change| &change.key), Some(&own.key));
        assert!(message.effects.mirror.is_empty(), "never an Eintragung");
        assert_eq!(message.values["hinweis"], "offen");
        // Without a table its birthplace is nobody's: it is listed, so that persons can end it.
        let [ObjectionChange::Open(listed)] = message.effects.objections.as_slice() else { panic!() };
        assert_eq!((listed.why, listed.amt.as_str()), (Why::Unowned, ""));
        assert_eq!(listed.delivery.to_string(), message.record.kopf.nachrichten_uuid);
        assert!(listed.under.is_empty(), "its Vorgang stands against answers");
    }

    #[test]
    fn a_notice_belongs_to_the_office_of_the_birthplace_by_name_and_key_together() {
        let mut tafeln = Tafeln::default();
        let gebiet = |ars: &str| Gebiet { ars: ars.into(), von: None, bis: None };
        let amt = |id: &str, ars: &str| Amt { id: id.into(), gebiete: vec![gebiet(ars)], ..Amt::default() };
        tafeln.aemter.aemter = vec![amt("jugendamt-bremen", "04"), amt("jugendamt-hamburg", "02")];
        for (ars, ort) in
            [("040110000000", "Bremen"), ("020010000000", "Neustadt"), ("010010000000", "Neustadt")]
        {
            tafeln.gemeinden.add(falten(ort), ars);
        }
        let tafeln = Arc::new(tafeln);
        for (ort, ars, staat, owner) in [
            ("Bremen", None, None, "jugendamt-bremen"),
            ("Bremen", None, Some(""), "jugendamt-bremen"),
            ("Neustadt", None, None, ""),
            ("Neustadt", Some("020010000000"), None, "jugendamt-hamburg"),
            ("Bremen", Some("020010000000"), None, ""),
        ] {
            let mut message = notice(false);
            let kind = message.record.kind.as_mut().unwrap();
            kind.geburtsort = Some(ort.into());
            kind.register_ars = ars.map(str::to_owned);
            kind.geburtsstaat = staat.map(str::to_owned);
            let step = building(|building| {
                build(&json!({}), &Building { tafeln: tafeln.clone(), ..building.clone() })
            })
            .unwrap();
            assert_eq!(step.apply(&mut message, &mut bench()), Ok(Flow::Next));
            assert_eq!(message.vorgang.unwrap().vorgang.owner, owner, "{ort} {ars:?} {staat:?}");
        }
    }

    #[test]
    fn an_open_notice_is_listed_for_its_office_and_stands_by_its_vorgang_alone() {
        let mut tafeln = Tafeln::default();
        let gebiete = vec![Gebiet { ars: "04".into(), von: None, bis: None }];
        tafeln.aemter.aemter = vec![Amt { id: "jugendamt-bremen".into(), gebiete, ..Amt::default() }];
        tafeln.gemeinden.add(falten("Bremen"), "040110000000");
        let tafeln = Arc::new(tafeln);
        let step = building(|building| build(&json!({}), &Building { tafeln, ..building.clone() })).unwrap();
        let mut message = notice(true);
        let flow =
            answering(&mut message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(None));
        assert_eq!(flow, Ok(Flow::Next));
        let [ObjectionChange::Open(listed)] = message.effects.objections.as_slice() else { panic!() };
        assert_eq!((listed.why, listed.amt.as_str()), (Why::Parked, "jugendamt-bremen"));
        assert_eq!(listed.delivery, message.envelope.head.id, "our id, as a court's is named");
        assert_eq!(listed.made, objection::MADE_OF_NOTICE, "its task alone ends it");
        assert!(listed.under.is_empty() && listed.about.is_empty() && listed.ends.is_some());
        let [list] = message.effects.timers.as_slice() else { panic!() };
        assert_eq!(list.of.as_deref(), Some("jugendamt-bremen"), "its own, whoever set it");
        let by_id = keys::hinweis(&message.envelope.head.id.to_string());
        let alias = message.effects.vorgaenge.iter().find(|change| change.key == by_id).unwrap();
        let uuid = message.record.kopf.nachrichten_uuid.as_str();
        assert_eq!(alias.vorgang.akte.transaktionsid.as_deref(), Some(uuid));
    }

    #[test]
    fn what_is_open_already_stays_open() {
        let earlier = Vorgang {
            id: Uuid::from_u128(5),
            owner: String::new(),
            state: VorgangState::Zugestellt,
            deadline: None,
            akte: Akte { art: ALIAS.into(), offen: vec![Uuid::from_u128(6)], ..Akte::default() },
        };
        let mut message = notice(true);
        run(&mut message, &[None, Some(earlier)]);
        let first = &message.effects.vorgaenge[0].vorgang;
        assert_eq!(first.id, Uuid::from_u128(5));
        assert_eq!(first.akte.offen, [Uuid::from_u128(6), message.derived_id("hinweis")]);
        assert_eq!(first.state, VorgangState::BeimJugendamt);
    }

    #[test]
    fn one_id_means_one_notice() {
        let mut first = notice(true);
        run(&mut first, &[]);
        let mut other = first.effects.vorgaenge.last().unwrap().vorgang.clone();
        other.id = Uuid::from_u128(7);
        let step = building(|building| build(&json!({}), building)).unwrap();
        let mut message = notice(true);
        let outcome = answering(
            &mut message,
            |message| step.apply(message, &mut bench()),
            |question| match question.key()
                == Question::Vorgang(keys::hinweis(&first.record.kopf.nachrichten_uuid)).key()
            {
                true => Fact::Vorgang(Some(other.clone())),
                false => Fact::Vorgang(None),
            },
        );
        let Err(Trouble::Rejected(rejections)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(rejections[0].rule.as_deref(), Some("uuid-vergeben"));
    }

    #[test]
    fn a_notice_that_nobody_could_find_again_waits_for_a_person() {
        let step = building(|building| build(&json!({}), building)).unwrap();
        let mut message = notice(true);
        message.record.mutter = Some(record::Mutter::default());
        let known = message.record.kind.take();
        let outcome = step.apply(&mut message, &mut bench());
        assert!(matches!(outcome, Err(Trouble::Ours(_))), "{outcome:?}");
        // The child's day, place and name are enough to find it by.
        message.record.kind = known;
        assert!(matches!(step.apply(&mut message, &mut bench()), Ok(Flow::Ask(_))));
        message.record.hinweis = notice(false).record.hinweis;
        assert_eq!(step.apply(&mut message, &mut bench()), Ok(Flow::Next), "nothing has to be kept open");
    }

    #[test]
    fn a_birth_without_a_word_on_custody_opens_nothing() {
        let mut message = notice(false);
        assert_eq!(run(&mut message, &[]), Flow::Next);
        let (kind, mutter) = (message.record.kind.as_ref().unwrap(), message.record.mutter.as_ref().unwrap());
        let own = keys::hinweis(&message.record.kopf.nachrichten_uuid);
        let subjects = vec![keys::child(kind, mutter), own];
        assert!(message.effects == crate::effects::Effects { subjects, ..Default::default() });
        assert!(message.vorgang.is_some(), "so that the office is told of the birth");
        assert_eq!(message.values["hinweis"], "keiner");
    }
}
