//! The word `jugendamt`: hands a document to the office that is responsible, and keeps the keys by which its answer and its
//! receipt are found. An office that nobody can reach holds up its own row only: outside nothing looks different.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, Outgoing, Question, Vorgang, VorgangChange};
use crate::envelope::Reply;
use crate::message::Message;
use crate::pipeline::alias::alias;
use crate::pipeline::authorise;
use crate::pipeline::sending;
use crate::pipeline::settings;
use crate::pipeline::step::{
    Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble, WishedWay,
};
use crate::register::aemter::tag;
use crate::register::keys;
use crate::register::tafeln::Tafeln;
use crate::register::vorgang::{ANTRAG, Gesendet};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "jugendamt",
    place: Place::Send,
    about: "Hands a document, the original with its Nachweise, to the Jugendamt of residence or of birth.",
    schema,
    declares: &[],
    build,
};

/// The first part of a destination that stands for an office without a channel: `jugendamt:<office>`.
pub const OFFICE: &str = "jugendamt";
/// The office where nobody knows which.
pub const UNKNOWN: &str = "unbekannt";
/// Where lies what is for an office that nobody knows: two persons give its Vorgang to one (`zuweisen`).
pub const NOBODYS: &str = "jugendamt:unbekannt";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// Of the mother's residence.
    Wohnort,
    /// Of the child's birth, which keeps the register.
    Geburt,
    /// That had the Vorgang until it was given to another one.
    Vorher,
}

/// The value that says which office had the Vorgang until now.
pub const VORHER: &str = "jugendamt-vorher";

const ROLES: &[(&str, To)] = &[("wohnort", To::Wohnort), ("geburt", To::Geburt), ("vorher", To::Vorher)];

struct Jugendamt {
    to: To,
    document: String,
    reach: Arc<Reach>,
    tafeln: Arc<Tafeln>,
    ways: Vec<WishedWay>,
    give_up_after: Duration,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "to": {
                "description": "The office of residence or of birth, or the one that had the Vorgang before.",
                "enum": ["wohnort", "geburt", "vorher"],
            },
            "message": { "description": "Name of the document, as an earlier `as` gave it.", "type": "string" },
            "ways": sending::ways_schema(),
        },
        "required": ["to", "message"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(settings, ENTRY.word, &["to", "message", "ways"])?;
    let to = map.get("to").and_then(Value::as_str);
    let Some((_, to)) = ROLES.iter().find(|(word, _)| to == Some(word)) else {
        let text = "unknown office; allowed: wohnort, geburt, vorher".to_owned();
        return Err(vec![SettingFault { path: "/to".to_owned(), text }]);
    };
    let document = settings::text(map, "message", "name that an earlier `as` gave")?;
    let (reach, tafeln, give_up_after) =
        (building.reach.clone(), building.tafeln.clone(), building.give_up_after);
    let ways = building.ways.to_vec();
    Ok(Arc::new(Jugendamt { to: *to, document, reach, tafeln, ways, give_up_after }))
}

impl Step for Jugendamt {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let document = sending::made(message, &self.document)?;
        let amt = self.office(message);
        let (partner, _) = way(&self.reach, amt.as_deref());
        // The offices of residence and of birth may be one: it gets a document once, by whatever way, and two documents under two ids.
        let purpose = self.purpose();
        let to_it = message.effects.sends.iter().filter(|send| send.partner == partner);
        let known = |to: &str| message.derived_id(&format!("{purpose}:{to}"));
        if to_it.into_iter().any(|send| send.id == known(&send.destination)) {
            return Ok(Flow::Next);
        }
        let uuid = Uuid::parse_str(&document.message_id).ok();
        // Only the request itself is answered and receipted by messages of the office; a reminder is not.
        let request = message.vorgang.as_ref().filter(|_| message.entscheidung.is_some());
        let answered =
            request.and_then(|change| change.vorgang.akte.transaktionsid.as_deref()).map(keys::klaerfall);
        let request = request.cloned();
        let questions: Vec<Question> = answered.iter().cloned().map(Question::Vorgang).collect();
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        if let Some(mut change) = request {
            let alias = alias(&change.vorgang);
            if let Some(uuid) = uuid {
                let gesendet = Gesendet {
                    uuid,
                    an: amt.clone().unwrap_or_default(),
                    message: document.message.clone(),
                    quittiert: None,
                };
                change.vorgang.akte.gesendet.push(gesendet);
                let key = keys::sendung(&document.message_id);
                message.effects.vorgaenge.push(VorgangChange { key, vorgang: alias.clone() });
            }
            if let Some(key) = answered {
                let vorgang = together(alias, message.fact(0));
                message.effects.vorgaenge.push(VorgangChange { key, vorgang });
            }
            message.keep_vorgang(change);
        }
        let mut send = self.addressed(message, document.clone(), amt.as_deref());
        // What an office gets of one request comes in the order in which it was said: never its withdrawal before it. What has several
        // ways has no place in a lane, for on another one it could be overtaken all the same: what comes then leaves after it. What the office
        // before gets is of a Vorgang that is no longer its own, and waits for nothing.
        let asked = message.vorgang.clone().filter(|_| self.to != To::Vorher);
        if let Some(mut change) = asked.filter(|change| change.vorgang.akte.art == ANTRAG) {
            let (last, now) = (&mut change.vorgang.akte.zuletzt, message.now());
            let before = sending::before(last, &partner, now);
            send.after = before;
            send.order = send.ways.is_empty().then(|| change.key.clone());
            if before.is_some() || !send.ways.is_empty() {
                last.insert(partner.clone(), (send.id, now));
                // The request itself is found by what it was caused by.
                if message.entscheidung.is_none() && !send.ways.is_empty() {
                    change.vorgang.akte.wege.entry(partner).or_default().push(send.id);
                }
                message.keep_vorgang(change);
            }
        }
        message.effects.sends.push(send);
        // To the other offices that it is for, each on its own way and under an id of its own.
        for amt in std::mem::take(&mut message.weitere_aemter) {
            let amt = today(&self.tafeln, &amt, tag(message.now()));
            let send =
                self.addressed(message, document.clone(), Some(amt.as_str()).filter(|amt| !amt.is_empty()));
            message.effects.sends.push(send);
        }
        // Whether it can be reached stands with the row; here it would tell the case.
        message.audit(ENTRY.word, &[]);
        Ok(Flow::Next)
    }
}

impl Jugendamt {
    fn purpose(&self) -> String {
        format!("{}:{}", ENTRY.word, self.document)
    }

    /// The row that hands a document to an office by its first way, as it leaves at once.
    fn addressed(&self, message: &Message, document: Reply, amt: Option<&str>) -> Outgoing {
        let (partner, usual) = way(&self.reach, amt);
        let ways = sending::ways(&self.reach, &partner, &self.ways, self.give_up_after);
        let destination = ways.first().map_or(usual, |way| way.destination.clone());
        // A request travels with its Nachweise, in whatever message and version it is handed on; what we wrote of our own has none.
        // The login is what the service told us: the office decides on papers, not on an account.
        let parts = match message.entscheidung.is_some() || sending::is_original(&document, message) {
            true => {
                message.envelope.parts.iter().filter(|part| part.name != authorise::PART).cloned().collect()
            }
            false => Vec::new(),
        };
        let (purpose, addressed) = (self.purpose(), (partner.as_str(), destination.as_str()));
        let mut send = sending::at_once(message, &purpose, addressed, document, parts, self.give_up_after);
        sending::by_ways(&mut send, ways, message.now());
        send
    }

    /// The responsible office: of the decision, else that of the Vorgang.
    fn office(&self, message: &Message) -> Option<String> {
        let entscheidung = message.entscheidung.as_ref();
        let decided = match self.to {
            To::Wohnort => entscheidung.and_then(|entscheidung| entscheidung.wohnort_amt.clone()),
            To::Geburt => entscheidung.and_then(|entscheidung| entscheidung.geburts_amt.clone()),
            To::Vorher => return message.values.get(VORHER).cloned(),
        };
        let owner = message.vorgang.as_ref().map(|change| change.vorgang.owner.clone());
        let of_vorgang = owner.filter(|owner| !owner.is_empty() && message.entscheidung.is_none());
        decided.or(of_vorgang.map(|owner| today(&self.tafeln, &owner, tag(message.now()))))
    }
}

/// Who is told today what concerns something that was given to an office: who stands there today, or where nobody took over, the
/// office itself.
pub fn today(tafeln: &Tafeln, office: &str, am: Date) -> String {
    tafeln.aemter.heutige(office, am).unwrap_or(office).to_owned()
}

/// The partner and the destination by which an office is reached: the way of its answers, else one that stands for an office
/// without a channel.
pub fn way(reach: &Reach, office: Option<&str>) -> (String, String) {
    let partner = office.unwrap_or(UNKNOWN);
    let way = office.and_then(|office| reach.answers.get(office)).cloned();
    (partner.to_owned(), way.unwrap_or_else(|| format!("{OFFICE}:{partner}")))
}

/// Two requests of different partners with the same id: which one an answer means is then not certain, and stays so.
fn together(mut alias: Vorgang, before: Option<&Fact>) -> Vorgang {
    if let Some(Fact::Vorgang(Some(before))) = before
        && (before.id != alias.id || !before.akte.offen.is_empty())
    {
        let mut all = before.akte.offen.clone();
        all.extend([before.id, alias.id]);
        all.sort_unstable();
        all.dedup();
        alias.akte.offen = all;
    }
    alias
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::effects::{Answer, Guard};
    use crate::envelope::{Claim, Part};
    use crate::pipeline::testing::{antrag, bench, building, decided};
    use crate::register::entscheidung::Fall;

    fn step(to: &str) -> Arc<dyn Step> {
        let settings = json!({ "to": to, "message": "klaerfall" });
        building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn with_parts() -> Message {
        let mut message = decided(antrag(), Fall::F);
        let part = |name: &str| Part {
            name: name.into(),
            content_type: "application/pdf".into(),
            size: 3,
            sha256: "00".into(),
            claim: Claim { name: "ab".into(), key: "k".into(), ..Claim::default() },
            mandant: String::new(),
            small: None,
        };
        let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
        envelope.parts = vec![part("nachweis"), part("anmeldung")];
        message.envelope = Arc::new(envelope);
        let original = crate::envelope::Reply {
            content_type: "application/xml".into(),
            body: message.envelope.body.clone(),
            message: message.identity.message.clone(),
            message_id: message.record.kopf.nachrichten_uuid.clone(),
            test: message.identity.test,
        };
        message.built.insert("klaerfall".into(), original);
        message
    }

    fn sent(message: &mut Message, to: &str, stored: Option<Vorgang>) {
        let step = step(to);
        let Ok(Flow::Ask(questions)) = step.apply(message, &mut bench()) else { panic!("it asks first") };
        message.answers = questions
            .iter()
            .map(|question| Answer {
                fact: Fact::Vorgang(stored.clone()),
                guard: Guard { key: question.key(), seen: 0 },
            })
            .collect();
        assert_eq!(step.apply(message, &mut bench()), Ok(Flow::Next));
    }

    #[test]
    fn the_original_goes_to_the_office_with_its_nachweise_and_without_the_login() {
        for (to, office) in [("wohnort", "jugendamt-bremen"), ("geburt", "jugendamt-hamburg")] {
            let mut message = with_parts();
            sent(&mut message, to, None);
            let [send] = message.effects.sends.as_slice() else { panic!() };
            assert_eq!((send.partner.as_str(), &*send.destination), (office, &*format!("trays:{office}")));
            assert_eq!(send.body, message.envelope.body);
            assert_eq!(send.parts, message.envelope.parts[..1]);
            assert_eq!(send.not_before, None);
        }
    }

    #[test]
    fn what_comes_after_a_row_of_several_ways_leaves_after_it() {
        let wish = |by: Option<&str>| WishedWay { connection: by.map(str::to_owned), within: None };
        let both = [wish(None), wish(Some("brief"))];
        let run = |ways: &[WishedWay], mut message: Message| {
            let step = building(|b| {
                let mut reach = crate::pipeline::testing::reach();
                reach.connected.insert(("brief".into(), "jugendamt-bremen".into()));
                let building = Building { ways, reach: Arc::new(reach), ..b.clone() };
                build(&json!({ "to": "wohnort", "message": "klaerfall" }), &building).unwrap()
            });
            while let Ok(Flow::Ask(questions)) = step.apply(&mut message, &mut bench()) {
                let answer = |question: &Question| Answer {
                    fact: Fact::Vorgang(None),
                    guard: Guard { key: question.key(), seen: 0 },
                };
                message.answers = questions.iter().map(answer).collect();
            }
            message
        };
        // What is said of the same request later: a reminder, its withdrawal.
        let later = |before: &Message, nth: u128, hours: i64| {
            let mut message = antrag();
            let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
            envelope.head.id = Uuid::from_u128(nth);
            envelope.head.received += SignedDuration::from_hours(hours);
            message.envelope = Arc::new(envelope);
            message.built = before.built.clone();
            message.vorgang = before.vorgang.clone();
            message
        };
        let sent = |message: &Message| {
            let send = message.effects.sends.last().unwrap();
            (send.id, send.after, send.order.is_some(), send.ways.len())
        };
        let first = run(&both, with_parts());
        let (id, after, ordered, ways) = sent(&first);
        assert_eq!((after, ordered, ways), (None, false, 2));
        let reminder = run(&both, later(&first, 7, 1));
        let (second, after, ordered, _) = sent(&reminder);
        assert_eq!((after, ordered), (Some(id), false));
        let akte = |message: &Message| message.vorgang.clone().unwrap().vorgang.akte;
        assert!(akte(&first).wege.is_empty(), "the request is found by its message");
        assert_eq!(akte(&reminder).wege["jugendamt-bremen"], [second], "where it goes over it goes, too");
        // One that has no other way keeps its lane as well.
        let withdrawn = run(&[], later(&reminder, 8, 2));
        let (_, after, ordered, ways) = sent(&withdrawn);
        assert_eq!((after, ordered, ways), (Some(second), true, 0));
        // After so long nobody knows whether the row before is still there.
        assert_eq!(sent(&run(&both, later(&first, 9, 6 * 24))).1, None);
        assert_eq!(sent(&run(&both, later(&first, 9, 6 * 24 - 1))).1, Some(id));
        // What has one way is as ever.
        let first = run(&[], with_parts());
        assert!(first.vorgang.as_ref().unwrap().vorgang.akte.zuletzt.is_empty());
        let (_, after, ordered, _) = sent(&run(&[], later(&first, 7, 1)));
        assert_eq!((after, ordered), (None, true));
    }

    #[test]
    fn what_was_sent_is_found_by_its_uuid_and_by_the_id_of_the_request() {
        let mut message = with_parts();
        sent(&mut message, "wohnort", None);
        let transaktionsid = message.record.kopf.transaktionsid.clone().unwrap();
        let uuid = message.record.kopf.nachrichten_uuid.clone();
        let under = |key| message.effects.vorgaenge.iter().find(|change| change.key == key).unwrap();
        for key in [keys::sendung(&uuid), keys::klaerfall(&transaktionsid)] {
            let akte = &under(key).vorgang.akte;
            assert_eq!((akte.art.as_str(), akte.partner.as_str()), ("sendung", "kita"));
            assert_eq!(akte.transaktionsid.as_deref(), Some(transaktionsid.as_str()));
            assert!(akte.fall.is_none() && akte.postkorb.is_none() && akte.offen.is_empty());
        }
        let gesendet = &under(keys::vorgang("kita", &transaktionsid)).vorgang.akte.gesendet;
        assert_eq!(gesendet.len(), 1);
        assert_eq!((gesendet[0].an.as_str(), gesendet[0].quittiert), ("jugendamt-bremen", None));
    }

    #[test]
    fn the_same_id_of_another_partner_makes_it_uncertain_for_ever() {
        let mut message = with_parts();
        let other = Vorgang { id: Uuid::from_u128(7), ..alias(&message.vorgang.clone().unwrap().vorgang) };
        sent(&mut message, "wohnort", Some(other));
        let key = keys::klaerfall(&message.record.kopf.transaktionsid.clone().unwrap());
        let stored = message.effects.vorgaenge.iter().find(|change| change.key == key).unwrap();
        assert_eq!(stored.vorgang.akte.offen.len(), 2);
    }

    #[test]
    fn an_office_that_cannot_be_reached_holds_up_its_own_row_only() {
        for (office, destination) in
            [(Some("jugendamt-celle"), "jugendamt:jugendamt-celle"), (None, "jugendamt:unbekannt")]
        {
            let mut message = with_parts();
            message.entscheidung.as_mut().unwrap().wohnort_amt = office.map(str::to_owned);
            sent(&mut message, "wohnort", None);
            assert_eq!(message.effects.sends[0].destination, destination);
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!("x"), ""),
            (json!({ "to": "mutter", "message": "a" }), "/to"),
            (json!({ "to": "wohnort" }), "/message"),
            (json!({ "to": "wohnort", "message": "a", "delay": "1s" }), "/delay"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
