//! The verb `vorgang`: what a later message does to a Vorgang: the answer of the responsible office closes it, the service
//! that began it withdraws it. Believes no id alone: who may do it is asked of the Vorgang, and an answer about another child or
//! mother goes nowhere until a person of the office has confirmed it.

use std::sync::Arc;

use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{self, Fact, Question, Then, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::alias::ALIAS;
use crate::pipeline::bestand::{incomplete, only_persons, person, registermeldung};
use crate::pipeline::gegenprobe::{beside, take_back};
use crate::pipeline::settings;
use crate::pipeline::settle::leads_to;
use crate::pipeline::step::{Bench, Building, Entry, Flow, NEXT, Place, SettingFault, Step, Trouble};
use crate::pipeline::{sending, uebergaenge};
use crate::register::aemter::{Aemter, tag};
use crate::register::antwort::zustaendig;
use crate::register::keys;
use crate::register::tafeln::Tafeln;
use crate::register::vorgang::Akte;
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "vorgang",
    place: Place::Do,
    about: "`schliessen`: the answer of the responsible office closes the Vorgang; `bestaetigen`: a person of it confirms an answer that does not agree with the request; `zurueckziehen`: whoever began it withdraws it.",
    schema,
    declares: &[("vorgang", &["geschlossen", "bestaetigt", "zurueckgezogen"])],
    build,
};

/// Code of the Sperrvermerk, which no mother is told.
const SPERRVERMERK: &str = "03";
/// What a withdrawal says it is.
const RUECKZUG: &str = "rueckzug";
/// Message type of what tells the office of it.
const MESSAGE: &str = "drehscheibe.rueckzug";
/// What a person of an office orders who confirms an answer.
const BESTAETIGUNG: &str = "bestaetigung";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The office answered.
    Schliessen,
    /// A person of the office confirms an answer.
    Bestaetigen,
    /// Whoever began it takes it back.
    Zurueckziehen,
}

const WHAT: &[(&str, What)] = &[
    ("schliessen", What::Schliessen),
    ("bestaetigen", What::Bestaetigen),
    ("zurueckziehen", What::Zurueckziehen),
];

struct Vorgang {
    what: What,
    named: String,
    tafeln: Arc<Tafeln>,
    /// Message types that say nothing of an answer.
    beside: Arc<[String]>,
}

fn schema() -> Value {
    let words: Vec<&str> = WHAT.iter().map(|(word, _)| *word).collect();
    json!({
        "type": "object",
        "properties": {
            "vorgang": { "description": "What the message does to it.", "enum": words },
            "as": { "description": "Name of the answer of the office, or of what tells the office that nothing is asked any more; not with `bestaetigen`.", "type": "string" },
        },
        "required": ["vorgang"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    // Where nothing stands beside the verb its value is all there is.
    let alone = (settings == "bestaetigen").then(|| json!({ ENTRY.word: settings }));
    let map = settings::keys(alone.as_ref().unwrap_or(settings), ENTRY.word, &[ENTRY.word, "as"])?;
    let written = map.get(ENTRY.word).and_then(Value::as_str);
    let known = WHAT.iter().find(|(word, _)| written == Some(word));
    let Some((_, what)) = known else {
        let text = "unknown change; allowed: schliessen, bestaetigen, zurueckziehen".to_owned();
        return Err(vec![SettingFault { path: format!("/{}", ENTRY.word), text }]);
    };
    let named = match what {
        What::Bestaetigen if map.contains_key("as") => {
            let text = "nothing is made by a confirmation; leave it out".to_owned();
            return Err(vec![SettingFault { path: "/as".to_owned(), text }]);
        }
        What::Bestaetigen => String::new(),
        What::Schliessen | What::Zurueckziehen => settings::text(map, "as", "name for what is told then")?,
    };
    let (tafeln, beside) = (building.tafeln.clone(), beside(building.standards));
    Ok(Arc::new(Vorgang { what: *what, named, tafeln, beside }))
}

impl Step for Vorgang {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        match self.what {
            What::Schliessen => self.schliessen(message),
            What::Bestaetigen => bestaetigen(message),
            What::Zurueckziehen => zurueckziehen(message, &self.named, &self.beside),
        }
    }
}

fn refused(fault: Fault, rule: &str, text: &str) -> Trouble {
    Rejection::new(fault, text).rule(rule).into()
}

fn unknown() -> Trouble {
    refused(Fault::Other, "vorgang-unbekannt", "Zu dieser transaktionsid ist kein Vorgang offen.")
}

impl Vorgang {
    fn schliessen(&self, message: &mut Message) -> Result<Flow, Trouble> {
        let Some(transaktionsid) = message.record.kopf.transaktionsid.clone() else { return Err(unknown()) };
        let first = Question::Vorgang(keys::klaerfall(&transaktionsid));
        if !message.answered(std::slice::from_ref(&first)) {
            return Ok(Flow::Ask(vec![first]));
        }
        let Some(key) = leads_to(message.fact(0)) else { return Err(unknown()) };
        if let Some(Fact::Vorgang(Some(alias))) = message.fact(0)
            && !alias.akte.offen.is_empty()
        {
            let text = "Diese transaktionsid bezeichnet mehrere Vorgänge; die Auskunft ist nicht zuzuordnen.";
            return Err(refused(Fault::Authority, "vorgang-mehrdeutig", text));
        }
        let second = Question::Vorgang(key.clone());
        let both = [first, second];
        if !message.answered(&both) {
            return Ok(Flow::Ask(both.into()));
        }
        let Some(Fact::Vorgang(Some(vorgang))) = message.fact(1).cloned() else { return Err(unknown()) };
        let of = (vorgang.owner.as_str(), vorgang.akte.gefragt.as_deref());
        let (sender, am) = (message.sender.id.as_str(), tag(message.now()));
        // What two persons gave to an office nobody else answers; nor does that one once the table names another: it is given again.
        let given = !vorgang.akte.zugewiesen || responsible(&self.tafeln.aemter, of.0, sender, am);
        if !given || !zustaendig(&self.tafeln, of, sender, am) {
            let text = "Für diesen Vorgang ist heute eine andere Stelle zuständig.";
            return Err(refused(Fault::Authority, "nicht-zustaendig", text));
        }
        // Delivered is it when its answer has reached the mother.
        let Ok(state) = uebergaenge::allowed(vorgang.state, VorgangState::Entschieden) else {
            let text = "Der Vorgang ist bereits abgeschlossen oder zurückgezogen.";
            return Err(refused(Fault::Other, "vorgang-beendet", text));
        };
        let arten = message.record.eintragung.iter().flat_map(|eintragung| &eintragung.arten);
        if arten.into_iter().any(|art| art.trim() == SPERRVERMERK) {
            let text = "Eine Auskunft mit Sperrvermerk wird nicht zugestellt; bitte ohne ihn erteilen.";
            return Err(refused(Fault::Other, "sperrvermerk", text));
        }
        let record = &message.record;
        let gefragt = vorgang.akte.gefragt.as_deref();
        // A Vorgang of an older program keeps nothing to compare with; a person looks at its answer, too.
        let agrees =
            gefragt.is_some_and(|gefragt| gefragt.passt(record.mutter.as_ref(), record.kind.as_ref()));
        if !agrees {
            let id = message.envelope.head.id.hyphenated().to_string();
            let [first, second] = both;
            let all = [first, second, Question::Vorgang(keys::bestaetigung(&id))];
            if !message.answered(&all) {
                return Ok(Flow::Ask(all.into()));
            }
            let confirmed = match message.fact(2) {
                Some(Fact::Vorgang(Some(confirmed))) => confirmed.owner == message.sender.id,
                _ => false,
            };
            if !confirmed {
                return Err(Trouble::Ours(format!(
                    "the answer of the office names another child or mother than was asked for{NEXT}a person of the office looks at \
                     it; `drehscheibe vorgang bestaetigen {id} --jugendamt {} --reason …` sends it, nothing else does",
                    message.sender.id
                )));
            }
        }
        let mut vorgang = vorgang;
        vorgang.state = state;
        vorgang.akte.beantwortet = Some(message.envelope.head.id);
        message.keep_vorgang(VorgangChange { key, vorgang });
        let answer = sending::original(message);
        message.built.insert(self.named.clone(), answer);
        message.values.insert(ENTRY.word, "geschlossen".to_owned());
        message.audit("vorgang.geschlossen", &[]);
        Ok(Flow::Next)
    }
}

/// Whether an office is on this day the one that something was given to, or took over from it by then.
pub fn responsible(aemter: &Aemter, owner: &str, sender: &str, am: Date) -> bool {
    !owner.is_empty() && aemter.heutige(owner, am) == Some(sender)
}

/// A person of the office says that an answer of theirs is meant as it is, although it does not agree with its request. It is
/// kept under our id of the answer, which then runs again and finds it.
fn bestaetigen(message: &mut Message) -> Result<Flow, Trouble> {
    let said = registermeldung(message)?;
    if said.was != BESTAETIGUNG {
        let text = "Diese Meldung ist keine Bestätigung; andere nimmt dieser Eingang nicht an.";
        return Err(refused(Fault::Other, "keine-bestaetigung", text));
    }
    person(message).ok_or_else(only_persons)?;
    let id = said.id.as_deref().and_then(|id| Uuid::parse_str(id.trim()).ok()).ok_or_else(incomplete)?;
    let key = keys::bestaetigung(&id.hyphenated().to_string());
    let question = Question::Vorgang(key.clone());
    if !message.answered(std::slice::from_ref(&question)) {
        return Ok(Flow::Ask(vec![question]));
    }
    let akte = Akte {
        art: ALIAS.to_owned(),
        partner: message.sender.id.clone(),
        stand: Some(message.now()),
        ..Akte::default()
    };
    let (id, owner) = (message.derived_id(BESTAETIGUNG), message.sender.id.clone());
    let vorgang = effects::Vorgang { id, owner, state: VorgangState::Zugestellt, deadline: None, akte };
    message.effects.vorgaenge.push(VorgangChange { key, vorgang });
    message.values.insert(ENTRY.word, "bestaetigt".to_owned());
    message.audit("vorgang.bestaetigt", &[]);
    Ok(Flow::Next)
}

/// The key holds the sender, so nobody withdraws what another began. What of an answer has not left leaves no more; where any of it may have, the
/// Vorgang stays as it was decided, and whoever asked is told the same: another word would tell how.
fn zurueckziehen(message: &mut Message, named: &str, beside: &Arc<[String]>) -> Result<Flow, Trouble> {
    let meldung = message.record.registermeldung.as_ref();
    if meldung.is_some_and(|meldung| meldung.was != RUECKZUG) {
        let text = "Diese Meldung ist kein Rückzug; andere nimmt dieser Eingang nicht an.";
        return Err(refused(Fault::Other, "kein-rueckzug", text));
    }
    let of_meldung = meldung.and_then(|meldung| meldung.id.clone());
    let Some(id) = of_meldung.or_else(|| message.record.kopf.transaktionsid.clone()) else {
        return Err(unknown());
    };
    let key = keys::vorgang(&message.sender.id, &id);
    let mut questions = vec![Question::Vorgang(key.clone())];
    if !message.answered(&questions) {
        return Ok(Flow::Ask(questions));
    }
    let Some(Fact::Vorgang(Some(vorgang))) = message.fact(0).cloned() else { return Err(unknown()) };
    let decided = vorgang.state == VorgangState::Entschieden;
    let back = take_back(beside, &vorgang, Then::Over);
    if let Some(back) = &back {
        questions.push(Question::Unsent(back.clone()));
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
    }
    let here = match message.fact(1) {
        None => !decided,
        Some(Fact::Unsent(unsent)) => *unsent,
        Some(_) => return Err(Trouble::Ours("vorgang got other answers than it asked for".to_owned())),
    };
    // One answer for every Vorgang of theirs: whether it could still be withdrawn would tell how it was decided.
    let mut vorgang = vorgang;
    if let Ok(state) = uebergaenge::allowed(vorgang.state, VorgangState::Zurueckgezogen)
        && here
    {
        vorgang.state = state;
        message.effects.take_backs.extend(back);
        // No office has it, and none is given it any more: there is nobody to be told.
        if !vorgang.owner.is_empty() && !decided {
            let told = json!({ "art": RUECKZUG, "transaktionsid": id });
            let document = sending::json_document(message, MESSAGE, message.derived_id(RUECKZUG), &told);
            message.built.insert(named.to_owned(), document);
        }
        message.keep_vorgang(VorgangChange { key, vorgang });
    }
    message.values.insert(ENTRY.word, "zurueckgezogen".to_owned());
    message.audit("vorgang.rueckzug", &[]);
    Ok(Flow::Next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::Vorgang as Stored;
    use crate::pipeline::alias::ALIAS;
    use crate::pipeline::testing::{answering, antrag, bench, building, decided, sample};
    use crate::register::aemter::Amt;
    use crate::register::entscheidung::Fall;
    use crate::register::record::{Eintragung, Registermeldung};

    fn begun() -> Stored {
        decided(antrag(), Fall::I).vorgang.unwrap().vorgang
    }

    fn alias() -> Stored {
        let mut alias = begun();
        alias.akte.art = ALIAS.to_owned();
        alias
    }

    fn answer(from: &str) -> Message {
        let mut message = sample("0803-auskunft-negativauskunft", from);
        message.record.kopf.transaktionsid = antrag().record.kopf.transaktionsid;
        message
    }

    fn close(message: &mut Message, alias: Option<Stored>, stored: Option<Stored>) -> Result<Flow, Trouble> {
        confirmed(message, alias, stored, None)
    }

    fn confirmed(
        message: &mut Message,
        alias: Option<Stored>,
        stored: Option<Stored>,
        confirmation: Option<Stored>,
    ) -> Result<Flow, Trouble> {
        let step = building(|building| {
            let mut tafeln = Tafeln::default();
            for (id, next) in [("jugendamt-alt", "jugendamt-neu"), ("jugendamt-neu", "jugendamt-bremen")] {
                tafeln.aemter.aemter.push(amt(id, Some(next)));
            }
            let building = Building { tafeln: Arc::new(tafeln), ..building.clone() };
            build(&json!({ "vorgang": "schliessen", "as": "antwort" }), &building)
        })
        .unwrap();
        let class = |question: &Question| match question {
            Question::Vorgang(key) => key.class(),
            _ => panic!(),
        };
        answering(
            message,
            |message| step.apply(message, &mut bench()),
            |question| {
                Fact::Vorgang(match class(question) {
                    "klaerfall" => alias.clone(),
                    "bestaetigung" => confirmation.clone(),
                    _ => stored.clone(),
                })
            },
        )
    }

    fn amt(id: &str, nachfolge: Option<&str>) -> Amt {
        Amt { id: id.into(), name: id.into(), nachfolge: nachfolge.map(str::to_owned), ..Amt::default() }
    }

    fn code(outcome: Result<Flow, Trouble>) -> String {
        let Err(Trouble::Rejected(rejections)) = outcome else { panic!("{outcome:?}") };
        format!("{} {}", rejections[0].code, rejections[0].rule.clone().unwrap())
    }

    #[test]
    fn the_answer_of_the_office_closes_and_is_delivered_as_it_came() {
        let mut message = answer("jugendamt-bremen");
        assert_eq!(close(&mut message, Some(alias()), Some(begun())), Ok(Flow::Next));
        let change = message.vorgang.clone().unwrap();
        assert_eq!(change.vorgang.state, VorgangState::Entschieden);
        assert_eq!(change.vorgang.akte.partner, "kita");
        assert_eq!(message.built["antwort"].body, message.envelope.body);
        assert_eq!(message.values["vorgang"], "geschlossen");
    }

    #[test]
    fn a_successor_may_answer_and_a_foreign_office_may_not() {
        let old = || Stored { owner: "jugendamt-alt".into(), ..begun() };
        let mut message = answer("jugendamt-bremen");
        assert_eq!(close(&mut message, Some(alias()), Some(old())), Ok(Flow::Next));
        let nobody = || Stored { owner: String::new(), ..begun() };
        for stored in [begun(), old(), nobody()] {
            let outcome = close(&mut answer("jugendamt-hamburg"), Some(alias()), Some(stored));
            assert_eq!(code(outcome), "T070 nicht-zustaendig");
        }
    }

    #[test]
    fn what_two_persons_gave_is_answered_by_that_office_and_only_as_long_as_the_table_names_no_other() {
        use crate::register::aemter::Gebiet;
        let given = |table: Option<&str>, from: &str| {
            let step = building(|building| {
                let mut tafeln = Tafeln::default();
                for (id, ars) in [("jugendamt-bremen", "05"), ("jugendamt-hamburg", "02")] {
                    let own = Gebiet { ars: ars.into(), von: None, bis: None };
                    let theirs = Gebiet { ars: "09".into(), ..own.clone() };
                    let gebiete = if table == Some(id) { vec![own, theirs] } else { vec![own] };
                    tafeln.aemter.aemter.push(Amt { id: id.into(), gebiete, ..Amt::default() });
                }
                let building = Building { tafeln: Arc::new(tafeln), ..building.clone() };
                build(&json!({ "vorgang": "schliessen", "as": "antwort" }), &building)
            })
            .unwrap();
            let mut stored = Stored { owner: "jugendamt-bremen".into(), ..begun() };
            stored.akte.zugewiesen = true;
            for anschrift in &mut stored.akte.gefragt.as_mut().unwrap().anschriften {
                anschrift.gemeindeschluessel = Some("09162000".into());
            }
            let fact = |question: &Question| match question {
                Question::Vorgang(key) if key.class() == "klaerfall" => Fact::Vorgang(Some(alias())),
                _ => Fact::Vorgang(Some(stored.clone())),
            };
            answering(&mut answer(from), |message| step.apply(message, &mut bench()), fact)
        };
        assert_eq!(given(None, "jugendamt-bremen"), Ok(Flow::Next));
        assert_eq!(given(Some("jugendamt-bremen"), "jugendamt-bremen"), Ok(Flow::Next));
        for (table, from) in [
            (Some("jugendamt-hamburg"), "jugendamt-bremen"),
            (Some("jugendamt-hamburg"), "jugendamt-hamburg"),
            (None, "jugendamt-hamburg"),
        ] {
            assert_eq!(code(given(table, from)), "T070 nicht-zustaendig", "{table:?} {from}");
        }
    }

    #[test]
    fn an_answer_about_somebody_else_goes_nowhere_until_a_person_of_the_office_confirms_it() {
        let somebody = || {
            let mut message = answer("jugendamt-bremen");
            message.record.mutter.as_mut().unwrap().geburtsdatum.jahr = 1971;
            message
        };
        let by = |owner: &str| Some(Stored { owner: owner.into(), ..begun() });
        for confirmation in [None, by("jugendamt-hamburg"), by("")] {
            let mut message = somebody();
            let outcome = confirmed(&mut message, Some(alias()), Some(begun()), confirmation);
            let Err(Trouble::Ours(cause)) = outcome else { panic!("{outcome:?}") };
            let (cause, next) = cause.split_once(NEXT).unwrap();
            assert!(next.contains("vorgang bestaetigen") && !next.contains("M\u{fc}ller"), "{next}");
            assert!(!cause.contains("vorgang bestaetigen") && !cause.contains("M\u{fc}ller"), "{cause}");
            assert!(message.built.is_empty() && message.effects.vorgaenge.is_empty());
        }
        let mut message = somebody();
        let confirmation = by("jugendamt-bremen");
        assert_eq!(confirmed(&mut message, Some(alias()), Some(begun()), confirmation), Ok(Flow::Next));
        assert_eq!(message.vorgang.unwrap().vorgang.state, VorgangState::Entschieden);
        // What an older program began keeps nothing to compare with.
        let mut old = begun();
        old.akte.gefragt = None;
        let outcome = close(&mut answer("jugendamt-bremen"), Some(alias()), Some(old));
        assert!(matches!(outcome, Err(Trouble::Ours(_))), "{outcome:?}");
    }

    #[test]
    fn only_a_person_of_the_office_confirms() {
        let step = building(|building| build(&json!("bestaetigen"), building)).unwrap();
        let confirm = |person: Option<&str>, was: &str, id: &str| {
            let mut message = answer("jugendamt-bremen");
            message.record.registermeldung =
                Some(Registermeldung { was: was.into(), id: Some(id.into()), ..Default::default() });
            let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
            envelope.head.acting_person = person.map(str::to_owned);
            let how = crate::envelope::How::Internal;
            envelope.head.partner = Some(crate::envelope::PartnerRef { id: "jugendamt-bremen".into(), how });
            message.envelope = Arc::new(envelope);
            answering(&mut message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(None))
                .map(|_| message)
        };
        let id = uuid::Uuid::from_u128(9).to_string();
        let message = confirm(Some("os:amt"), "bestaetigung", &id).unwrap();
        let [change] = message.effects.vorgaenge.as_slice() else { panic!() };
        assert!(change.key == keys::bestaetigung(&id) && change.vorgang.owner == "jugendamt-bremen");
        assert_eq!(message.values["vorgang"], "bestaetigt");
        for (person, was, id, refused) in [
            (None, "bestaetigung", id.as_str(), "T070 nur-auf-anordnung"),
            (Some("os:amt"), "marke", &id, "S999 keine-bestaetigung"),
            (Some("os:amt"), "bestaetigung", "7", "S999 angaben-fehlen"),
        ] {
            assert_eq!(code(confirm(person, was, id).map(|_| Flow::Next)), refused);
        }
    }

    #[test]
    fn what_is_unknown_uncertain_over_or_barred_is_refused() {
        let mut uncertain = alias();
        uncertain.akte.offen = vec![uuid::Uuid::nil(), uuid::Uuid::from_u128(1)];
        let over = |state| Some(Stored { state, ..begun() });
        let from = || answer("jugendamt-bremen");
        assert_eq!(code(close(&mut from(), None, None)), "S999 vorgang-unbekannt");
        assert_eq!(code(close(&mut from(), Some(alias()), None)), "S999 vorgang-unbekannt");
        assert_eq!(code(close(&mut from(), Some(uncertain), Some(begun()))), "T070 vorgang-mehrdeutig");
        for state in [VorgangState::Entschieden, VorgangState::Zugestellt, VorgangState::Zurueckgezogen] {
            assert_eq!(code(close(&mut from(), Some(alias()), over(state))), "S999 vorgang-beendet");
        }
        let mut barred = from();
        barred.record.eintragung =
            Some(Eintragung { vorhanden: true, arten: vec!["03".into()], ..Default::default() });
        assert_eq!(code(close(&mut barred, Some(alias()), Some(begun()))), "S999 sperrvermerk");
    }

    #[test]
    fn whoever_began_it_withdraws_it_and_learns_nothing_by_it() {
        let step =
            building(|building| build(&json!({ "vorgang": "zurueckziehen", "as": "rueckzug" }), building))
                .unwrap();
        let unsent = std::cell::Cell::new(true);
        let withdraw = |stored: Option<Stored>| {
            let mut message = antrag();
            let id = message.record.kopf.transaktionsid.take();
            message.record.registermeldung =
                Some(Registermeldung { was: "rueckzug".into(), id, ..Default::default() });
            let outcome = answering(
                &mut message,
                |message| step.apply(message, &mut bench()),
                |question| match question {
                    Question::Unsent(_) => Fact::Unsent(unsent.get()),
                    _ => Fact::Vorgang(stored.clone()),
                },
            );
            outcome.map(|_| message)
        };
        let open = withdraw(Some(begun())).unwrap();
        assert_eq!(open.vorgang.as_ref().unwrap().vorgang.state, VorgangState::Zurueckgezogen);
        let done = withdraw(Some(Stored { state: VorgangState::Zugestellt, ..begun() })).unwrap();
        assert!(done.vorgang.is_none());
        let nobodys = withdraw(Some(Stored { owner: String::new(), ..begun() })).unwrap();
        assert!(nobodys.built.is_empty() && !open.built.is_empty(), "there is nobody to be told");
        assert_eq!(
            (nobodys.values, nobodys.effects.audit),
            (open.values.clone(), open.effects.audit.clone())
        );
        assert_eq!((done.values, done.effects.audit), (open.values, open.effects.audit));
        // What the table decided is withdrawn with its answer, which no office had; or not at all, and whoever asked hears the same.
        let decided = || Some(decided(antrag(), Fall::A).vorgang.unwrap().vorgang);
        let held = withdraw(decided()).unwrap();
        assert_eq!(held.vorgang.as_ref().unwrap().vorgang.state, VorgangState::Zurueckgezogen);
        let [back] = held.effects.take_backs.as_slice() else { panic!() };
        assert_eq!((back.then, Some(back.cause)), (Then::Over, decided().unwrap().akte.nummer));
        assert!(held.built.is_empty());
        unsent.set(false);
        let left = withdraw(decided()).unwrap();
        assert!(left.vorgang.is_none() && left.effects.take_backs.is_empty());
        assert_eq!((left.values, left.effects.audit), (held.values, held.effects.audit));
        assert_eq!(code(withdraw(None).map(|_| Flow::Next)), "S999 vorgang-unbekannt");
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!(1), ""),
            (json!("schliessen"), ""),
            (json!({ "vorgang": "oeffnen", "as": "a" }), "/vorgang"),
            (json!({ "vorgang": "schliessen" }), "/as"),
            (json!({ "vorgang": "bestaetigen", "as": "a" }), "/as"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
