//! The verb `erledigt`: the office that a notice was handed to, or whose own delivery had no effect, has dealt with it. From then on
//! child and mother are answered like all others again (no case Q); what the office found out comes as a Registersatz, never with
//! this. What could not be read at all it cannot close: nobody knows what it says.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, Question, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::alias::ALIAS;
use crate::pipeline::bestand::{aktenzeichen, incomplete, only_persons, person, registermeldung};
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::uebergaenge;
use crate::pipeline::vorgang::responsible;
use crate::pipeline::{hinweis, settings};
use crate::register::aemter::tag;
use crate::register::keys::{self, SearchKey};
use crate::register::objection::{
    Objection, ObjectionChange, Released, SECOND_PERSON, Sought, Which, Why, dieselbe_person,
};
use crate::register::once::once;
use crate::register::tafeln::Tafeln;
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "erledigt",
    place: Place::Do,
    about: "The responsible office says that it has dealt with a notice, or did not take it over; it is closed, and automatic answers are given again.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

/// The word of persons of the operator who close it in the office's name.
pub const RELEASE: &str = "freigabe";

/// The word of an office that did not take a notice over.
pub const ABGELEHNT: &str = "abgelehnt";

struct Erledigt {
    tafeln: Arc<Tafeln>,
    reach: Arc<Reach>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    Ok(Arc::new(Erledigt { tafeln: building.tafeln.clone(), reach: building.reach.clone() }))
}

fn refused(fault: Fault, rule: &str, text: &str) -> Trouble {
    Rejection::new(fault, text).rule(rule).into()
}

impl Erledigt {
    /// Whether a notice is the sender's to end: it was handed to this office or to one that it took over from, or this one keeps the register of
    /// its place today (rules.md 2.1).
    fn ends(&self, vorgang: &Vorgang, message: &Message) -> bool {
        let (aemter, sender, am) = (&self.tafeln.aemter, &message.sender.id, tag(message.now()));
        let keeps = |ort: &String| aemter.zustaendig(ort, am).eines().is_some_and(|amt| amt.id == *sender);
        responsible(aemter, &vorgang.owner, sender, am) || vorgang.akte.ort.as_ref().is_some_and(keeps)
    }

    /// The office says that a delivery of its own which had no effect is dealt with.
    fn delivery(&self, message: &mut Message, id: Uuid, found: &[Objection]) -> Result<Flow, Trouble> {
        let am = tag(message.now());
        let own = |one: &Objection| self.tafeln.aemter.gehoert(&one.amt, &message.sender.id, am);
        // What another office delivered about a child of this one's register is ended by either.
        let listed = found.iter().any(|one| own(one) && one.of_other());
        let sent = found.iter().any(own) && found.iter().all(|one| own(one) || one.of_other());
        if !listed && !sent {
            let text = "Für diese Lieferung ist eine andere Stelle zuständig.";
            return Err(refused(Fault::Authority, "nicht-zustaendig", text));
        }
        // What the office before delivered late was read: it says too little of its child, and its list asks for this word.
        let unread = |one: &Objection| one.closed.is_none() && one.why == Why::Unreadable && !one.of_notice();
        if found.iter().any(unread) {
            let text = "Diese Lieferung konnte nicht gelesen werden. Bitte liefern Sie eine lesbare Fassung.";
            return Err(refused(Fault::Other, "lieferung-unlesbar", text));
        }
        if found.iter().all(|one| one.closed.is_some()) {
            return Err(refused(Fault::Other, "hinweis-beendet", "Die Lieferung ist bereits erledigt."));
        }
        let which = Which::Delivery(id);
        message.effects.objections.push(ObjectionChange::Close { which, by: ENTRY.word });
        message.audit("lieferung.erledigt", &[("lieferung", &id.to_string())]);
        Ok(Flow::Next)
    }
}

impl Erledigt {
    /// Two persons of the operator, each with the office's Aktenzeichen, close what a delivery opened, be it unreadable.
    fn released(&self, message: &mut Message) -> Result<Flow, Trouble> {
        let said = registermeldung(message)?.clone();
        let person = person(message).map(str::to_owned).ok_or_else(only_persons)?;
        let aktenzeichen = aktenzeichen(&said)?;
        let id = said.id.as_deref().and_then(|id| Uuid::try_parse(id.trim()).ok()).ok_or_else(incomplete)?;
        let mut notice = keys::hinweis(&id.hyphenated().to_string());
        let mut questions =
            vec![Question::Objections(Sought::Delivery(id)), Question::Vorgang(notice.clone())];
        let named = id.hyphenated().to_string();
        let Some(tasks) = tasks(message, &mut questions, &named) else { return Ok(Flow::Ask(questions)) };
        let (mut found, mut vorgang) = match (message.fact(0), message.fact(1)) {
            (Some(Fact::Objections(found)), Some(Fact::Vorgang(vorgang))) => (found.clone(), vorgang.clone()),
            _ => return Err(foreign_answers()),
        };
        if let Some(key) = vorgang.as_ref().and_then(leads_to_notice) {
            // Named by our id of its delivery.
            match also(message, &mut questions, Question::Vorgang(key.clone())) {
                None => return Ok(Flow::Ask(questions)),
                Some(Fact::Vorgang(meant)) => (notice, vorgang) = (key, meant.clone()),
                Some(_) => return Err(foreign_answers()),
            }
        }
        if vorgang.is_none() && !tasks.is_empty() {
            // Named by the UUID of a change of persons: the one of its tasks that persons end.
            let first = questions.len();
            let task = |id: &Uuid| keys::hinweis(&id.hyphenated().to_string());
            questions.extend(tasks.iter().map(|id| Question::Vorgang(task(id))));
            questions.extend(tasks.iter().map(|id| Question::Objections(Sought::Delivery(*id))));
            if !message.answered(&questions) {
                return Ok(Flow::Ask(questions));
            }
            let (aemter, now) = (&self.tafeln.aemter, message.now());
            let by_persons = |owner: &str| {
                !hinweis::closable(aemter, &self.reach, owner, now)
                    || aemter.gehoert(owner, &message.sender.id, tag(now))
            };
            let open = tasks.iter().enumerate().filter_map(|(nth, id)| match message.fact(first + nth) {
                Some(Fact::Vorgang(Some(one))) if one.state.open() && by_persons(&one.owner) => {
                    Some((nth, task(id), one.clone()))
                }
                _ => None,
            });
            let open: Vec<(usize, SearchKey, Vorgang)> = open.collect();
            if open.len() > 1 {
                return Err(refused(Fault::Other, "kennung-mehrdeutig", SEVERAL));
            }
            for (nth, key, one) in open {
                if let Some(Fact::Objections(more)) = message.fact(first + tasks.len() + nth) {
                    found.extend(more.iter().cloned());
                }
                (notice, vorgang) = (key, Some(one));
            }
        }
        // What stands against answers for a notice is named by its own id or by ours of its delivery.
        let ids = once([id].into_iter().chain(vorgang.iter().flat_map(deliveries)));
        for other in ids.iter().filter(|other| **other != id) {
            if questions.contains(&Question::Objections(Sought::Delivery(*other))) {
                continue;
            }
            match also(message, &mut questions, Question::Objections(Sought::Delivery(*other))) {
                None => return Ok(Flow::Ask(questions)),
                Some(Fact::Objections(more)) => found.extend(more.iter().cloned()),
                Some(_) => return Err(foreign_answers()),
            }
        }
        let no_task = vorgang.is_none();
        let now = message.now();
        let am = tag(now);
        let own = |one: &Objection| {
            one.closed.is_none() && self.tafeln.aemter.gehoert(&one.amt, &message.sender.id, am)
        };
        // A notice that no connected office owns is nobody's; which office dealt with it the Aktenzeichen says. What is listed for its
        // office, and what shares its id with a change of persons, is also ended in that office's name.
        let task = vorgang.filter(|vorgang| {
            let open = vorgang.state.open() && vorgang.akte.art == hinweis::ENTRY.word;
            let by_persons = !hinweis::closable(&self.tafeln.aemter, &self.reach, &vorgang.owner, now);
            let lists = |one: &Objection| one.closed.is_none() && Some(one.delivery) == vorgang.akte.nummer;
            let owed = vorgang.akte.rueckmeldung.is_some() || of_change(vorgang) || !tasks.is_empty();
            let listed = owed || found.iter().any(lists);
            let own = || self.tafeln.aemter.gehoert(&vorgang.owner, &message.sender.id, am);
            open && (by_persons || (listed && own()))
        });
        // A change of persons that lies here without its effect is nobody's as well, and has no task.
        let unowned = |one: &Objection| no_task && one.closed.is_none() && one.why == Why::Unowned;
        let open = found.iter().find(|one| match task {
            Some(_) => one.closed.is_none(),
            None => own(one) || unowned(one),
        });
        if open.is_none() && task.is_none() {
            let text = "Unter dieser Kennung ist keine offene Lieferung dieser Stelle bekannt.";
            return Err(refused(Fault::Other, "lieferung-unbekannt", text));
        }
        let released = open.and_then(|open| open.released.clone());
        // Two who name different Aktenzeichen have not agreed: that is a new beginning.
        let first = released.filter(|word| {
            now.duration_since(word.at) <= SECOND_PERSON && word.aktenzeichen.as_ref() == Some(&aktenzeichen)
        });
        let nth = match first {
            Some(word) if dieselbe_person(&word.person, &person) => {
                let text = "Dieselbe Person hat bereits freigegeben; es fehlt eine zweite.";
                return Err(refused(Fault::Other, "dieselbe-person", text));
            }
            Some(_) => {
                if let Some(vorgang) = task
                    && let Some(flow) = end(message, &mut questions, (notice, vorgang))?
                {
                    return Ok(flow);
                }
                for id in ids {
                    let which = Which::Delivery(id);
                    message.effects.objections.push(ObjectionChange::Close { which, by: RELEASE });
                }
                "zweite"
            }
            None => {
                if open.is_none() {
                    // Left by the program before this one, which listed no notices.
                    let opening = hinweis::unowned(message, id);
                    message.effects.objections.push(ObjectionChange::Open(Box::new(opening)));
                }
                let delivery = open.map_or(id, |open| open.delivery);
                let word = Released { at: now, person, aktenzeichen: Some(aktenzeichen.clone()) };
                message.effects.objections.push(ObjectionChange::Release { delivery, word });
                "erste"
            }
        };
        let detail =
            [("lieferung", id.to_string()), ("aktenzeichen", aktenzeichen), ("person", nth.to_owned())];
        let detail: Vec<(&str, &str)> = detail.iter().map(|(key, value)| (*key, value.as_str())).collect();
        message.audit("lieferung.freigabe", &detail);
        Ok(Flow::Next)
    }
}

/// What an id means besides the notice and the delivery that stand under it.
enum Meant {
    /// More has to be known first.
    Ask,
    /// What stands under the id itself.
    Itself,
    /// The task of a change of persons.
    Task(SearchKey, Box<Vorgang>),
}

impl Erledigt {
    /// The one notice that the sender means with the UUID of a change of persons: of its tasks, and a notice that stands under the same id,
    /// the one that is the sender's to end.
    fn task(
        &self,
        message: &Message,
        questions: &mut Vec<Question>,
        (id, notice): (&str, &SearchKey),
    ) -> Result<Meant, Trouble> {
        let Some(tasks) = tasks(message, questions, id) else { return Ok(Meant::Ask) };
        let tasks: Vec<SearchKey> =
            tasks.iter().map(|id| keys::hinweis(&id.hyphenated().to_string())).collect();
        let first = questions.len();
        questions.extend(tasks.iter().cloned().map(Question::Vorgang));
        if !message.answered(questions) {
            return Ok(Meant::Ask);
        }
        if tasks.is_empty() {
            return Ok(Meant::Itself);
        }
        let known = |nth: usize, key: &SearchKey| match message.fact(nth) {
            Some(Fact::Vorgang(Some(found))) if found.akte.art == hinweis::ENTRY.word => {
                Some((key.clone(), found.clone()))
            }
            _ => None,
        };
        let of_tasks = tasks.iter().enumerate().filter_map(|(nth, key)| known(first + nth, key));
        let own = |vorgang: &Vorgang| self.ends(vorgang, message);
        let own: Vec<(SearchKey, Vorgang)> =
            known(0, notice).into_iter().chain(of_tasks).filter(|(_, vorgang)| own(vorgang)).collect();
        let mut open = own.iter().filter(|(_, vorgang)| vorgang.state.open());
        match (open.next(), open.next()) {
            (Some(_), Some(_)) => Err(refused(Fault::Other, "kennung-mehrdeutig", SEVERAL)),
            (Some((key, vorgang)), None) => Ok(Meant::Task(key.clone(), Box::new(vorgang.clone()))),
            (None, _) => match own.into_iter().next() {
                Some((key, vorgang)) => Ok(Meant::Task(key, Box::new(vorgang))),
                None => {
                    let text = "Für diesen Hinweis ist eine andere Stelle zuständig.";
                    Err(refused(Fault::Authority, "nicht-zustaendig", text))
                }
            },
        }
    }
}

/// What an office is told that names what several senders named so.
const SEVERAL: &str = "Unter dieser Kennung liegen mehrere Mitteilungen für Sie vor. Bitte nennen Sie die Kennung aus Ihrer Tagesliste; \
     steht die Mitteilung dort nicht, wenden Sie sich bitte an den Betrieb.";

/// The tasks of a change of persons with this UUID; `None`: it has to be asked first.
fn tasks(message: &Message, questions: &mut Vec<Question>, uuid: &str) -> Option<Vec<Uuid>> {
    match also(message, questions, Question::Vorgang(keys::aenderung(uuid)))? {
        Fact::Vorgang(Some(alias)) => Some(alias.akte.offen.clone()),
        _ => Some(Vec::new()),
    }
}

fn unknown() -> Trouble {
    let text = "Unter dieser Kennung ist weder ein Hinweis noch eine offene Lieferung bekannt.";
    refused(Fault::Other, "hinweis-unbekannt", text)
}

fn foreign_answers() -> Trouble {
    Trouble::Ours("erledigt got other answers than it asked for".to_owned())
}

/// Asks one thing more; `None`: it has to be known first.
fn also<'m>(message: &'m Message, questions: &mut Vec<Question>, more: Question) -> Option<&'m Fact> {
    questions.push(more);
    message.answered(questions).then(|| message.fact(questions.len() - 1)).flatten()
}

/// Whether it is the task of a change of persons: that has its own id.
fn of_change(vorgang: &Vorgang) -> bool {
    vorgang.akte.nummer == Some(vorgang.id)
}

/// The ids under which a notice stands against answers: ours of its delivery or task, and that of a court its own.
pub fn deliveries(vorgang: &Vorgang) -> impl Iterator<Item = Uuid> + use<> {
    let owed = vorgang.akte.rueckmeldung.as_ref();
    vorgang.akte.nummer.into_iter().chain(owed.and_then(|owed| Uuid::try_parse(owed.uuid.trim()).ok()))
}

/// The key of the notice that an entry under our id of its delivery leads to.
pub fn leads_to_notice(vorgang: &Vorgang) -> Option<SearchKey> {
    let uuid = vorgang.akte.transaktionsid.as_deref().filter(|_| vorgang.akte.art == ALIAS)?;
    Some(keys::hinweis(uuid))
}

/// Ends a notice: under its keys nothing of it is open any more. Says what else has to be known first, if anything.
fn end(
    message: &mut Message,
    questions: &mut Vec<Question>,
    (key, mut vorgang): (SearchKey, Vorgang),
) -> Result<Option<Flow>, Trouble> {
    let Ok(state) = uebergaenge::allowed(vorgang.state, VorgangState::Zugestellt) else {
        return Err(refused(Fault::Other, "hinweis-beendet", "Der Hinweis ist bereits erledigt."));
    };
    let under = keys::aus_worten(&vorgang.akte.unter);
    let first = questions.len();
    questions.extend(under.iter().cloned().map(Question::Vorgang));
    if !message.answered(questions) {
        return Ok(Some(Flow::Ask(std::mem::take(questions))));
    }
    let mut changes = Vec::with_capacity(under.len());
    for (nth, key) in under.into_iter().enumerate() {
        let Some(Fact::Vorgang(Some(mut open))) = message.fact(first + nth).cloned() else { continue };
        // Other notices may be open under the same key: they stay so.
        open.akte.offen.retain(|id| *id != vorgang.id);
        if open.akte.offen.is_empty() {
            open.state = state;
        }
        changes.push(VorgangChange { key, vorgang: open });
    }
    message.audit("hinweis.erledigt", &[("hinweis", &vorgang.id.to_string())]);
    for id in deliveries(&vorgang) {
        let which = Which::Delivery(id);
        message.effects.objections.push(ObjectionChange::Close { which, by: ENTRY.word });
    }
    vorgang.state = state;
    vorgang.akte.unter.clear();
    // The father's data and the document have served their purpose (rules.md 10).
    message.effects.clears.push(key.clone());
    message.effects.vorgaenge.extend(changes);
    message.keep_vorgang(VorgangChange { key, vorgang });
    Ok(None)
}

impl Step for Erledigt {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let said = registermeldung(message)?;
        if said.was == RELEASE {
            return self.released(message);
        }
        if said.was != ENTRY.word && said.was != ABGELEHNT {
            return Ok(Flow::Next);
        }
        let declined = said.was == ABGELEHNT;
        let id = said.id.clone().ok_or_else(incomplete)?;
        let mut key = keys::hinweis(&id);
        let mut questions = vec![Question::Vorgang(key.clone())];
        // A delivery is named by our id of it, which its rejection and the daily list tell.
        let delivery = Uuid::try_parse(id.trim()).ok();
        questions.extend(delivery.map(|id| Question::Objections(Sought::Delivery(id))));
        let task = match self.task(message, &mut questions, (&id, &key))? {
            Meant::Ask => return Ok(Flow::Ask(questions)),
            Meant::Task(key, vorgang) => Some((key, *vorgang)),
            Meant::Itself => None,
        };
        let named = message.fact(0).cloned();
        let mut vorgang = match (task, named) {
            (Some((task, vorgang)), _) => {
                key = task;
                vorgang
            }
            (None, Some(Fact::Vorgang(Some(vorgang)))) => vorgang,
            (None, _) => {
                return match (delivery, message.fact(1).cloned()) {
                    (Some(id), Some(Fact::Objections(found))) if !found.is_empty() && !declined => {
                        self.delivery(message, id, &found)
                    }
                    _ => Err(unknown()),
                };
            }
        };
        if let Some(notice) = leads_to_notice(&vorgang) {
            // Named by our id of it, as the daily list does.
            key = notice;
            vorgang = match also(message, &mut questions, Question::Vorgang(key.clone())) {
                None => return Ok(Flow::Ask(questions)),
                Some(Fact::Vorgang(Some(meant))) => meant.clone(),
                Some(_) => {
                    let text = "Unter dieser Kennung ist kein Hinweis mehr bekannt.";
                    return Err(refused(Fault::Other, "hinweis-unbekannt", text));
                }
            };
        }
        if !self.ends(&vorgang, message) {
            let text = "Für diesen Hinweis ist eine andere Stelle zuständig.";
            return Err(refused(Fault::Authority, "nicht-zustaendig", text));
        }
        if declined && vorgang.akte.rueckmeldung.is_none() && vorgang.state.open() {
            let text =
                "Eine Ablehnung ist für diesen Hinweis nicht vorgesehen; bitte melden Sie ihn als erledigt.";
            return Err(refused(Fault::Other, "ablehnung-nicht-vorgesehen", text));
        }
        // What lists a notice by its own id; of an office that was connected since.
        if let (Some(id), Some(Fact::Objections(found))) = (delivery, message.fact(1))
            && found.iter().any(|one| one.closed.is_none())
        {
            let which = Which::Delivery(id);
            message.effects.objections.push(ObjectionChange::Close { which, by: ENTRY.word });
        }
        Ok(end(message, &mut questions, (key, vorgang))?.unwrap_or(Flow::Next))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::effects::GuardKey;
    use crate::pipeline::testing::{answering, bench, building, message};
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::objection::MADE_OF_NOTICE;
    use crate::register::record::{Hinweis, Registermeldung};

    type World = HashMap<GuardKey, Vorgang>;

    fn play(step: &Arc<dyn Step>, message: &mut Message, world: &mut World) -> Result<(), String> {
        let fact = |question: &Question| match question {
            Question::Objections(_) => Fact::Objections(Vec::new()),
            _ => Fact::Vorgang(world.get(&question.key()).cloned()),
        };
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

    /// Of `jugendamt-bremen` the city went to another office yesterday; the other lives on with the rest.
    #[test]
    fn who_keeps_the_place_today_ends_what_its_office_before_was_given() {
        let am = tag(message().now());
        let gebiet = |ars: &str, von, bis| Gebiet { ars: ars.into(), von, bis };
        let amt = |id: &str, gebiete| Amt { id: id.into(), gebiete, ..Amt::default() };
        let last = am.yesterday().unwrap();
        let mut tafeln = Tafeln::default();
        tafeln.aemter.aemter = vec![
            amt("jugendamt-bremen", vec![gebiet("04011", None, Some(last)), gebiet("04012", None, None)]),
            amt("jugendamt-neu", vec![gebiet("04011", Some(am), None)]),
            amt("jugendamt-hamburg", vec![gebiet("02", None, None)]),
        ];
        let tafeln = Arc::new(tafeln);
        let said = |from: &str, ort: Option<&str>| {
            let mut world = World::new();
            notice(ONE, &mut world);
            world.get_mut(&GuardKey(keys::hinweis(ONE))).unwrap().akte.ort = ort.map(str::to_owned);
            let step = building(|building| {
                build(&json!({}), &Building { tafeln: tafeln.clone(), ..building.clone() })
            });
            let mut message = message();
            message.sender.id = from.into();
            message.record.registermeldung = Some(Registermeldung {
                was: "erledigt".into(),
                id: Some(ONE.into()),
                ..Registermeldung::default()
            });
            play(&step.unwrap(), &mut message, &mut world)
        };
        let city = Some("040110000000");
        assert_eq!(said("jugendamt-neu", city), Ok(()));
        assert_eq!(said("jugendamt-bremen", city), Ok(()), "it was given to it");
        for (from, ort) in [("jugendamt-hamburg", city), ("jugendamt-neu", None)] {
            let told = said(from, ort).unwrap_err();
            assert!(told.contains("nicht-zustaendig"), "{told}");
        }
    }

    fn open(world: &World) -> usize {
        let keys = keys::offen(
            &Default::default(),
            message().record.kind.as_ref(),
            message().record.mutter.as_ref().unwrap(),
        );
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
    fn what_lists_a_notice_ends_with_it_under_its_id_and_ours() {
        for named in [ONE, TWO] {
            let mut world = World::new();
            notice(ONE, &mut world);
            let own = world.get_mut(&GuardKey(keys::hinweis(ONE))).unwrap();
            own.akte.nummer = Some(TWO.parse().unwrap());
            let mut alias = crate::pipeline::alias::alias(own);
            alias.akte.transaktionsid = Some(ONE.into());
            world.insert(GuardKey(keys::hinweis(TWO)), alias);
            let (outcome, message) = said("erledigt", named, &mut world);
            assert_eq!(outcome, Ok(()), "{named}");
            let which = Which::Delivery(TWO.parse().unwrap());
            assert_eq!(message.effects.objections, [ObjectionChange::Close { which, by: ENTRY.word }]);
            assert_eq!(open(&world), 0);
        }
    }

    /// A notice of a court, whose sender awaits an answer, with the entry under our id of its delivery.
    fn justice(uuid: &str, ours: &str, world: &mut World) {
        notice(uuid, world);
        let own = world.get_mut(&GuardKey(keys::hinweis(uuid))).unwrap();
        own.akte.rueckmeldung = Some(Box::default());
        own.akte.nummer = Some(ours.parse().unwrap());
        let mut alias = crate::pipeline::alias::alias(own);
        alias.akte.transaktionsid = Some(uuid.into());
        world.insert(GuardKey(keys::hinweis(ours)), alias);
    }

    fn said(was: &str, id: &str, world: &mut World) -> (Result<(), String>, Message) {
        let step = building(|building| build(&json!({}), building)).unwrap();
        let mut message = message();
        message.sender.id = "jugendamt-bremen".into();
        message.record.registermeldung =
            Some(Registermeldung { was: was.into(), id: Some(id.into()), ..Registermeldung::default() });
        (play(&step, &mut message, world), message)
    }

    #[test]
    fn a_notice_of_a_court_ends_under_its_id_and_ours_and_with_what_stands_against_answers() {
        for (was, named) in [("erledigt", ONE), ("erledigt", TWO), (ABGELEHNT, ONE), (ABGELEHNT, TWO)] {
            let mut world = World::new();
            justice(ONE, TWO, &mut world);
            let (outcome, message) = said(was, named, &mut world);
            assert_eq!(outcome, Ok(()), "{was} {named}");
            let close =
                ObjectionChange::Close { which: Which::Delivery(TWO.parse().unwrap()), by: ENTRY.word };
            assert!(message.effects.objections == [close], "{was} {named}");
            assert_eq!(open(&world), 0);
            // What is owed to the court is still known to the word that tells it.
            let kept = message.vorgang.unwrap();
            assert_eq!(kept.key, keys::hinweis(ONE));
            assert_eq!(message.effects.clears, [keys::hinweis(ONE)], "what came goes with it");
            assert!(kept.vorgang.akte.rueckmeldung.is_some() && !kept.vorgang.state.open());
            assert_eq!(said("erledigt", TWO, &mut world).0, Err("S999 hinweis-beendet".into()));
        }
    }

    #[test]
    fn only_a_notice_whose_sender_is_told_is_refused_by_an_office() {
        let mut world = World::new();
        notice(ONE, &mut world);
        assert_eq!(said(ABGELEHNT, ONE, &mut world).0, Err("S999 ablehnung-nicht-vorgesehen".into()));
        assert_eq!(open(&world), 1);
        assert_eq!(said(ABGELEHNT, TWO, &mut world).0, Err("S999 hinweis-unbekannt".into()));
    }

    #[test]
    fn the_uuid_of_a_change_of_persons_means_the_senders_own_task_and_of_several_none() {
        let mut world = World::new();
        let task = |uuid: &str, owner: &str, world: &mut World| {
            notice(uuid, world);
            let mut one = world.remove(&GuardKey(keys::hinweis(uuid))).unwrap();
            (one.owner, one.akte.nummer) = (owner.into(), Some(one.id));
            let id = one.id;
            world.insert(GuardKey(keys::hinweis(&id.to_string())), one);
            id
        };
        let third = TWO.replace("42", "44");
        let mut ids =
            vec![task(ONE, "jugendamt-bremen", &mut world), task(TWO, "jugendamt-hamburg", &mut world)];
        let named = TWO.replace("42", "43");
        let alias = |offen: &[Uuid]| Vorgang {
            id: Uuid::from_u128(3),
            owner: String::new(),
            state: VorgangState::BeimJugendamt,
            deadline: None,
            akte: crate::register::vorgang::Akte {
                art: ALIAS.into(),
                offen: offen.to_vec(),
                ..Default::default()
            },
        };
        world.insert(GuardKey(keys::aenderung(&named)), alias(&ids));
        let stands = |id: Uuid, world: &World| world[&GuardKey(keys::hinweis(&id.to_string()))].state;
        let foreign = close(Some(&named), "jugendamt-kiel", &mut world);
        assert_eq!(foreign, Err("T070 nicht-zustaendig".into()));
        assert_eq!(said(ABGELEHNT, &named, &mut world).0, Err("S999 ablehnung-nicht-vorgesehen".into()));
        assert_eq!(close(Some(&named.to_uppercase()), "jugendamt-bremen", &mut world), Ok(()));
        assert_eq!(stands(ids[0], &world), VorgangState::Zugestellt);
        assert_eq!(stands(ids[1], &world), VorgangState::BeimJugendamt);
        let again = close(Some(&named), "jugendamt-bremen", &mut world);
        assert_eq!(again, Err("S999 hinweis-beendet".into()));
        // Another sender used the same UUID, for a register of Hamburg: only the id in the daily list tells the two apart.
        ids.push(task(&third, "jugendamt-hamburg", &mut world));
        world.insert(GuardKey(keys::aenderung(&named)), alias(&ids));
        let several = close(Some(&named), "jugendamt-hamburg", &mut world);
        assert_eq!(several, Err("S999 kennung-mehrdeutig".into()));
        assert_eq!(close(Some(&ids[2].to_string()), "jugendamt-hamburg", &mut world), Ok(()));
        assert_eq!(close(Some(&named), "jugendamt-hamburg", &mut world), Ok(()));
        assert_eq!(open(&world), 0);
        // And a notice of another kind under the same id.
        notice(&named, &mut world);
        ids.push(task(&TWO.replace("42", "45"), "jugendamt-bremen", &mut world));
        world.insert(GuardKey(keys::aenderung(&named)), alias(&ids));
        let several = close(Some(&named), "jugendamt-bremen", &mut world);
        assert_eq!(several, Err("S999 kennung-mehrdeutig".into()));
    }

    #[test]
    fn what_nobody_is_responsible_for_is_closed_by_nobody() {
        let mut world = World::new();
        notice(ONE, &mut world);
        world.get_mut(&GuardKey(keys::hinweis(ONE))).unwrap().owner.clear();
        assert_eq!(close(Some(ONE), "jugendamt-bremen", &mut world), Err("T070 nicht-zustaendig".into()));
    }

    #[test]
    fn an_office_closes_its_own_delivery_unless_nobody_could_read_it() {
        let objection = |amt: &str, why: Why, closed: bool| Objection {
            amt: amt.into(),
            delivery: ONE.parse().unwrap(),
            why,
            message: "xfamilie.0805".into(),
            made: message().now(),
            since: message().now(),
            closed: closed.then(|| (message().now(), "erledigt".to_owned())),
            released: None,
        };
        let said = |found: Vec<Objection>| {
            let step = building(|building| build(&json!({}), building)).unwrap();
            let mut message = message();
            message.record.registermeldung = Some(Registermeldung {
                was: "erledigt".into(),
                id: Some(ONE.to_uppercase()),
                ..Registermeldung::default()
            });
            let fact = |question: &Question| match question {
                Question::Objections(_) => Fact::Objections(found.clone()),
                _ => Fact::Vorgang(None),
            };
            match answering(&mut message, |message| step.apply(message, &mut bench()), fact) {
                Ok(Flow::Next) => Ok(message.effects.objections),
                Err(Trouble::Rejected(all)) => Err(all[0].rule.clone().unwrap()),
                other => panic!("{other:?}"),
            }
        };
        let own = |why| objection("jugendamt-bremen", why, false);
        let closed = said(vec![own(Why::Waiting)]).unwrap();
        let which = Which::Delivery(ONE.parse().unwrap());
        assert_eq!(closed, [ObjectionChange::Close { which, by: "erledigt" }]);
        assert_eq!(said(vec![own(Why::Unreadable)]), Err("lieferung-unlesbar".into()));
        let late = Objection { made: MADE_OF_NOTICE, ..own(Why::Unreadable) };
        assert_eq!(said(vec![late]).map(|closed| closed.len()), Ok(1), "that one was read");
        let other = objection("jugendamt-hamburg", Why::Rejected, false);
        assert_eq!(said(vec![other]), Err("nicht-zustaendig".into()));
        // What another one delivered about a child of its register ends by either's word, and by nobody else's.
        let sent = |amt: &str| objection(amt, Why::Rejected, false);
        let listed = |amt: &str| Objection { made: MADE_OF_NOTICE, ..sent(amt) };
        for (by, of, ends) in [
            ("jugendamt-hamburg", "jugendamt-bremen", true),
            ("jugendamt-bremen", "jugendamt-hamburg", true),
            ("jugendamt-hamburg", "jugendamt-kiel", false),
        ] {
            assert_eq!(said(vec![sent(by), listed(of)]).is_ok(), ends, "{by} {of}");
        }
        assert_eq!(said(vec![listed("jugendamt-hamburg")]), Err("nicht-zustaendig".into()));
        let before = objection("jugendamt-bremen", Why::Rejected, true);
        assert_eq!(said(vec![before]), Err("hinweis-beendet".into()));
        assert_eq!(said(vec![]), Err("hinweis-unbekannt".into()));
    }

    #[test]
    fn two_persons_of_the_operator_release_what_nobody_can_read() {
        let order = |person: Option<&str>,
                     aktenzeichen: Option<&str>,
                     released: Option<(i64, &str, Option<&str>)>| {
            let step = building(|building| build(&json!({}), building)).unwrap();
            let mut message = message();
            message.record.registermeldung = Some(Registermeldung {
                was: "freigabe".into(),
                id: Some(ONE.into()),
                aktenzeichen: aktenzeichen.map(str::to_owned),
                ..Registermeldung::default()
            });
            if let Some(person) = person {
                let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
                let how = crate::envelope::How::Internal;
                envelope.head.partner =
                    Some(crate::envelope::PartnerRef { id: message.sender.id.clone(), how });
                envelope.head.acting_person = Some(person.to_owned());
                message.envelope = Arc::new(envelope);
            }
            let now = message.now();
            let hours = |n: i64| now - jiff::SignedDuration::from_hours(n);
            let found = Objection {
                amt: "jugendamt-bremen".into(),
                delivery: ONE.parse().unwrap(),
                why: Why::Unreadable,
                message: String::new(),
                made: now,
                since: now,
                closed: None,
                released: released.map(|(ago, who, az)| Released {
                    at: hours(ago),
                    person: who.to_owned(),
                    aktenzeichen: az.map(str::to_owned),
                }),
            };
            let fact = |question: &Question| match question {
                Question::Objections(_) => Fact::Objections(vec![found.clone()]),
                _ => Fact::Vorgang(None),
            };
            match answering(&mut message, |message| step.apply(message, &mut bench()), fact) {
                Ok(Flow::Next) => match message.effects.objections.remove(0) {
                    ObjectionChange::Release { word, .. } => Ok(format!("first: {}", word.person)),
                    ObjectionChange::Close { by, .. } => Ok(format!("closed: {by}")),
                    ObjectionChange::Open(_) => panic!("nothing is opened"),
                },
                Err(Trouble::Rejected(all)) => Err(all[0].rule.clone().unwrap()),
                other => panic!("{other:?}"),
            }
        };
        let az = Some("51-1/26");
        assert_eq!(order(Some("anna"), az, None), Ok("first: anna".into()));
        assert_eq!(order(Some("anna"), az, Some((1, "anna", az))), Err("dieselbe-person".into()));
        assert_eq!(order(Some("anna"), az, Some((1, " Anna", az))), Err("dieselbe-person".into()));
        assert_eq!(order(Some("bert"), az, Some((1, "anna", az))), Ok("closed: freigabe".into()));
        assert_eq!(
            order(Some("bert"), Some(" 51-1/26 "), Some((1, "anna", az))),
            Ok("closed: freigabe".into())
        );
        for other in [Some("51-2/26"), None] {
            let told = order(Some("bert"), az, Some((1, "anna", other)));
            assert_eq!(
                told,
                Ok("first: bert".into()),
                "they have not agreed, or a program before this one took the first"
            );
        }
        assert_eq!(order(Some("bert"), az, Some((25, "anna", az))), Ok("first: bert".into()), "too late");
        assert_eq!(order(Some("anna"), None, None), Err("angaben-fehlen".into()));
        assert_eq!(order(None, az, None), Err("nur-auf-anordnung".into()), "never the office's system");
    }

    /// A person of the operator releases what stands under an id.
    fn released_by(person: &str, uuid: &str) -> Message {
        let mut message = message();
        message.record.registermeldung = Some(Registermeldung {
            was: RELEASE.into(),
            id: Some(uuid.into()),
            aktenzeichen: Some("51-1/26".into()),
            ..Registermeldung::default()
        });
        let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
        let how = crate::envelope::How::Internal;
        envelope.head.partner = Some(crate::envelope::PartnerRef { id: message.sender.id.clone(), how });
        envelope.head.acting_person = Some(person.to_owned());
        message.envelope = Arc::new(envelope);
        message
    }

    #[test]
    fn two_persons_end_what_a_parked_change_of_persons_says_against_answers() {
        let lies = |released: Option<Released>| Objection {
            amt: String::new(),
            delivery: ONE.parse().unwrap(),
            why: Why::Unowned,
            message: String::new(),
            made: crate::register::objection::MADE_OF_NOTICE,
            since: message().now(),
            closed: None,
            released,
        };
        let order = |person: &str, found: Objection| {
            let step = building(|building| build(&json!({}), building)).unwrap();
            let mut message = released_by(person, ONE);
            let fact = |question: &Question| match question {
                Question::Objections(_) => Fact::Objections(vec![found.clone()]),
                _ => Fact::Vorgang(None),
            };
            let outcome = answering(&mut message, |message| step.apply(message, &mut bench()), fact);
            assert_eq!(outcome, Ok(Flow::Next));
            message.effects.objections
        };
        let first = order("anna", lies(None));
        let [ObjectionChange::Release { delivery, word }] = first.as_slice() else { panic!("{first:?}") };
        assert_eq!(delivery.to_string(), ONE);
        let which = Which::Delivery(*delivery);
        assert_eq!(order("bert", lies(Some(word.clone()))), [ObjectionChange::Close { which, by: RELEASE }]);
    }

    #[test]
    fn two_persons_of_the_operator_end_a_notice_that_is_no_offices_and_no_other_one() {
        let mut world = World::new();
        for uuid in [ONE, TWO] {
            notice(uuid, &mut world);
        }
        world.get_mut(&GuardKey(keys::hinweis(ONE))).unwrap().owner.clear();
        let release = |uuid: &str, person: &str, found: &[Objection], world: &mut World| {
            let step = building(|building| build(&json!({}), building)).unwrap();
            let mut message = released_by(person, uuid);
            let fact = |question: &Question| match question {
                Question::Objections(_) => Fact::Objections(found.to_vec()),
                _ => Fact::Vorgang(world.get(&question.key()).cloned()),
            };
            match answering(&mut message, |message| step.apply(message, &mut bench()), fact) {
                Ok(Flow::Next) => {}
                Err(Trouble::Rejected(all)) => return Err(all[0].rule.clone().unwrap()),
                other => panic!("{other:?}"),
            }
            for change in &message.effects.vorgaenge {
                world.insert(GuardKey(change.key.clone()), change.vorgang.clone());
            }
            Ok(message.effects.objections.len())
        };
        // The program before this one listed none: the first person opens it and signs.
        assert_eq!(release(ONE, "anna", &[], &mut world), Ok(2));
        assert_eq!(open(&world), 2, "one person alone ends nothing");
        let listed = Objection {
            amt: String::new(),
            delivery: ONE.parse().unwrap(),
            why: Why::Unowned,
            message: "xpersonenstand.141010".into(),
            made: message().now(),
            since: message().now(),
            closed: None,
            released: None,
        };
        let word =
            Released { at: message().now(), person: "anna".into(), aktenzeichen: Some("51-1/26".into()) };
        let signed = Objection { released: Some(word), ..listed.clone() };
        assert_eq!(release(ONE, "anna", std::slice::from_ref(&listed), &mut world), Ok(1));
        assert_eq!(
            release(ONE, "anna", std::slice::from_ref(&signed), &mut world),
            Err("dieselbe-person".into())
        );
        assert_eq!(release(ONE, "bert", std::slice::from_ref(&signed), &mut world), Ok(2));
        assert_eq!(open(&world), 1, "the other notice stays open");
        assert_eq!(world[&GuardKey(keys::hinweis(ONE))].state, VorgangState::Zugestellt);
        let over = Objection { closed: Some((message().now(), "freigabe".into())), ..signed.clone() };
        assert_eq!(release(ONE, "carl", &[over], &mut world), Err("lieferung-unbekannt".into()));
        // One that an office owns and that an earlier program did not list is its own to close.
        assert_eq!(release(TWO, "anna", &[], &mut world), Err("lieferung-unbekannt".into()));
        // One that is listed for it is ended in its name, and in no other one's.
        let for_office = |one: &Objection| Objection {
            amt: "jugendamt-bremen".into(),
            delivery: TWO.parse().unwrap(),
            why: Why::Parked,
            made: crate::register::objection::MADE_OF_NOTICE,
            ..one.clone()
        };
        assert_eq!(release(TWO, "anna", &[for_office(&listed)], &mut world), Ok(1));
        assert_eq!(open(&world), 1, "one person alone ends nothing");
        world.get_mut(&GuardKey(keys::hinweis(TWO))).unwrap().owner = "jugendamt-hamburg".into();
        let of_other = Objection { amt: "jugendamt-hamburg".into(), ..for_office(&signed) };
        let foreign = release(TWO, "bert", &[of_other], &mut world);
        assert_eq!(foreign, Err("lieferung-unbekannt".into()));
        world.get_mut(&GuardKey(keys::hinweis(TWO))).unwrap().owner = "jugendamt-bremen".into();
        assert_eq!(release(TWO, "bert", &[for_office(&signed)], &mut world), Ok(2));
        assert_eq!(open(&world), 0);
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
