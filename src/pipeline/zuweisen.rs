//! The verb `zuweisen`: two persons of the operator give a Vorgang to the office that answers it, with that office's Aktenzeichen: where
//! nobody knew which, where the office ended, where it was the wrong one. What the office was to get goes to it then; what was answered
//! stays where it is. Never goes by less than the table says: where that names one office, no other one is given it.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, HandOver, Question, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::bestand::{aktenzeichen, incomplete, only_persons, person, registermeldung};
use crate::pipeline::jugendamt::{OFFICE, UNKNOWN, VORHER, today, way};
use crate::pipeline::sending;
use crate::pipeline::settings;
use crate::pipeline::settle::leads_to;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::register::aemter::{Zustaendig, tag};
use crate::register::keys::{self, SearchKey};
use crate::register::objection::{SECOND_PERSON, dieselbe_person};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::wohnort;
use crate::register::vorgang::Zuweisung;
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "zuweisen",
    place: Place::Do,
    about: "Two persons give an open Vorgang to the office that answers it; what that office was to get goes to it.",
    schema,
    declares: &[(VALUE, &["erste", "zweite"])],
    build,
};

/// What is ordered, and the value that says which of the two persons did.
const VALUE: &str = "zuweisung";
/// What an office is told whose Vorgang it no longer is.
const ABGABE: &str = "abgabe";
/// Message type of that.
const MESSAGE: &str = "drehscheibe.abgabe";

struct Zuweisen {
    /// Name of what the office before is told; none: it is not told.
    named: Option<String>,
    reach: Arc<Reach>,
    tafeln: Arc<Tafeln>,
    give_up_after: Duration,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "as": {
                "description": "Name of what tells the office that had it until then; made only where there is one that can be reached.",
                "type": "string",
            },
        },
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let named = if settings.get("as").is_some() {
        let map = settings::keys(settings, ENTRY.word, &["as"])?;
        Some(settings::text(map, "as", "name for what the office before is told")?)
    } else {
        settings::none(settings, ENTRY.word)?;
        None
    };
    let (reach, tafeln) = (building.reach.clone(), building.tafeln.clone());
    Ok(Arc::new(Zuweisen { named, reach, tafeln, give_up_after: building.give_up_after }))
}

fn refused(fault: Fault, rule: &str, text: &str) -> Trouble {
    Rejection::new(fault, text).rule(rule).into()
}

/// The Vorgang that is meant, or what has to be known first.
enum Meant {
    Ask(Vec<Question>),
    Is(SearchKey, Box<Vorgang>),
}

/// By our id of the request or by its transaktionsid, which reminders name.
fn meant(message: &Message, id: &str) -> Result<Meant, Trouble> {
    let unknown =
        || refused(Fault::Other, "vorgang-unbekannt", "Unter dieser Kennung ist kein Vorgang bekannt.");
    let mut questions = vec![Question::Vorgang(keys::klaerfall(id))];
    questions.extend(Uuid::try_parse(id).ok().map(|id| Question::Vorgang(keys::nummer(id))));
    if !message.answered(&questions) {
        return Ok(Meant::Ask(questions));
    }
    if let Some(Fact::Vorgang(Some(alias))) = message.fact(0)
        && !alias.akte.offen.is_empty()
    {
        let text =
            "Diese transaktionsid bezeichnet mehrere Vorgänge; bitte die eigene Kennung des Vorgangs nennen.";
        return Err(refused(Fault::Other, "vorgang-mehrdeutig", text));
    }
    let key = leads_to(message.fact(0)).or_else(|| leads_to(message.fact(1))).ok_or_else(unknown)?;
    let at = questions.len();
    questions.push(Question::Vorgang(key.clone()));
    if !message.answered(&questions) {
        return Ok(Meant::Ask(questions));
    }
    match message.fact(at) {
        Some(Fact::Vorgang(Some(vorgang))) => Ok(Meant::Is(key, Box::new(vorgang.clone()))),
        _ => Err(unknown()),
    }
}

impl Step for Zuweisen {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let said = registermeldung(message)?.clone();
        if said.was != VALUE {
            let text = "Diese Meldung ist keine Zuweisung; andere nimmt dieser Eingang nicht an.";
            return Err(refused(Fault::Other, "keine-zuweisung", text));
        }
        let person = person(message).map(str::to_owned).ok_or_else(only_persons)?;
        let aktenzeichen = aktenzeichen(&said)?;
        let id = said.id.as_deref().map(str::trim).filter(|id| !id.is_empty()).ok_or_else(incomplete)?;
        let (key, mut vorgang) = match meant(message, id)? {
            Meant::Ask(questions) => return Ok(Flow::Ask(questions)),
            Meant::Is(key, vorgang) => (key, *vorgang),
        };
        let (now, amt) = (message.now(), message.sender.id.clone());
        let destination = self.may_have(&vorgang, &amt, tag(now))?;
        let first = vorgang.akte.zuweisung.take();
        // Two who name different Aktenzeichen have not agreed, no more than two who name different offices: that is a new beginning.
        let agreed = |one: &Zuweisung| one.amt == amt && one.aktenzeichen == aktenzeichen;
        let first = first.filter(|one| agreed(one) && now.duration_since(one.am) <= SECOND_PERSON);
        let nth = match first {
            Some(one) if dieselbe_person(&one.person, &person) => {
                let text = "Dieselbe Person hat bereits zugewiesen; es fehlt eine zweite.";
                return Err(refused(Fault::Other, "dieselbe-person", text));
            }
            Some(_) => {
                self.give(message, &key, &mut vorgang, (&amt, destination));
                "zweite"
            }
            None => {
                let aktenzeichen = aktenzeichen.clone();
                let amt = amt.clone();
                vorgang.akte.zuweisung = Some(Zuweisung { amt, person, am: now, aktenzeichen });
                "erste"
            }
        };
        message.values.insert(VALUE, nth.to_owned());
        let vorgang_id = vorgang.id.to_string();
        let detail = [
            ("vorgang", vorgang_id.as_str()),
            ("jugendamt", &amt),
            ("aktenzeichen", &aktenzeichen),
            ("person", nth),
        ];
        message.audit("vorgang.zuweisung", &detail);
        message.keep_vorgang(VorgangChange { key, vorgang });
        Ok(Flow::Next)
    }
}

impl Zuweisen {
    /// Whether it may be given to this office, and how that is reached.
    fn may_have(&self, vorgang: &Vorgang, amt: &str, am: Date) -> Result<String, Trouble> {
        if vorgang.state != VorgangState::BeimJugendamt {
            let text = "Der Vorgang wartet nicht auf ein Jugendamt; was beantwortet, abgelaufen oder zurückgezogen ist, wird nicht zugewiesen. Was davon noch zurückgestellt ist, schließt `parked arrived`.";
            return Err(refused(Fault::Other, "vorgang-beendet", text));
        }
        if !self.tafeln.aemter.amt(amt).is_some_and(|known| known.hat_gebiet(am)) {
            let text = "Dieses Jugendamt hat nach unserer Tabelle heute kein Gebiet.";
            return Err(refused(Fault::Other, "amt-unbekannt", text));
        }
        let Some(destination) = self.reach.answers.get(amt) else {
            let text = "Dieses Jugendamt ist nicht angebunden; der Antrag könnte es nicht erreichen.";
            return Err(refused(Fault::Other, "amt-nicht-angebunden", text));
        };
        let gefragt = vorgang.akte.gefragt.as_deref();
        let am_ort = gefragt.map(|gefragt| wohnort(&gefragt.als_mutter(), &self.tafeln, am));
        if let Some(Zustaendig::Eines(known)) = am_ort
            && known.id != amt
        {
            let text = "Nach der Tabelle ist für den Wohnort ein anderes Jugendamt zuständig.";
            return Err(refused(Fault::Authority, "nicht-zustaendig", text));
        }
        if vorgang.owner == amt {
            let text = "Der Vorgang liegt bereits bei diesem Jugendamt.";
            return Err(refused(Fault::Other, "bereits-zugewiesen", text));
        }
        self.same_version(vorgang, amt)?;
        Ok(destination.clone())
    }

    /// What goes over was written for whoever had it before: nobody gets a version that it does not take (rules.md 3).
    fn same_version(&self, vorgang: &Vorgang, amt: &str) -> Result<(), Trouble> {
        for sent in &vorgang.akte.gesendet {
            let standard = sent.message.split('.').next().unwrap_or_default();
            let (new, old) = (self.reach.version(amt, standard), self.reach.version(&sent.an, standard));
            if new.is_some() && new != old {
                let text = "Dieses Jugendamt nimmt eine andere Fassung des Standards als die, in der der Antrag geschrieben ist.";
                return Err(refused(Fault::Other, "andere-fassung", text));
            }
        }
        Ok(())
    }

    fn give(
        &self,
        message: &mut Message,
        key: &SearchKey,
        vorgang: &mut Vorgang,
        (amt, destination): (&str, String),
    ) {
        let before = std::mem::replace(&mut vorgang.owner, amt.to_owned());
        vorgang.akte.zugewiesen = true;
        // Its Quittung is awaited from whoever gets the request now.
        for sent in vorgang.akte.gesendet.iter_mut().filter(|sent| sent.an == before) {
            sent.an = amt.to_owned();
            sent.quittiert = None;
        }
        self.tell(message, vorgang, &before, amt);
        // What comes for it leaves after what goes over.
        let of = if before.is_empty() { UNKNOWN } else { before.as_str() };
        if let Some(last) = vorgang.akte.zuletzt.remove(of) {
            vorgang.akte.zuletzt.insert(amt.to_owned(), last);
        }
        let from = if before.is_empty() { UNKNOWN.to_owned() } else { before };
        // A reminder went to whoever stood there on its day.
        let today = self.tafeln.aemter.heutige(&from, tag(message.now())).unwrap_or(&from);
        let mut waiting_at: Vec<String> =
            [from.as_str(), today].iter().map(|office| way(&self.reach, Some(office)).1).collect();
        waiting_at.push(format!("{OFFICE}:{from}"));
        waiting_at.sort_unstable();
        waiting_at.dedup();
        let wait = SignedDuration::try_from(self.give_up_after).ok();
        let deadline = wait.and_then(|wait| message.now().checked_add(wait).ok());
        // What has several ways stands in no lane.
        let mut rows: Vec<Uuid> = Vec::new();
        for office in [from.as_str(), today] {
            rows.extend(vorgang.akte.wege.remove(office).unwrap_or_default());
        }
        if !rows.is_empty() {
            vorgang.akte.wege.entry(amt.to_owned()).or_default().extend(&rows);
        }
        let Some(cause) = vorgang.akte.nummer else { return };
        message.effects.hand_overs.push(HandOver {
            cause,
            from,
            order: key.clone(),
            waiting_at,
            rows,
            partner: amt.to_owned(),
            destination,
            deadline,
        });
    }
}

impl Zuweisen {
    /// Who had it until now, and can be reached, would else keep the papers and work on. Whether it had fetched the request already is not
    /// known here; one that it never got it need not look for.
    fn tell(&self, message: &mut Message, vorgang: &Vorgang, before: &str, amt: &str) {
        let before = today(&self.tafeln, before, tag(message.now()));
        let id = vorgang.akte.transaktionsid.as_ref();
        let (Some(named), Some(id)) = (&self.named, id) else { return };
        if before == amt || !self.reach.answers.contains_key(&before) {
            return;
        }
        let told = json!({ "art": ABGABE, "transaktionsid": id });
        let document = sending::json_document(message, MESSAGE, message.derived_id(ABGABE), &told);
        message.built.insert(named.clone(), document);
        message.values.insert(VORHER, before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Envelope, How, PartnerRef};
    use crate::pipeline::alias::alias;
    use crate::pipeline::testing::{answering, antrag, bench, building, decided, reach};
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::entscheidung::Fall;
    use crate::register::record::Registermeldung;

    const BREMEN: &str = "jugendamt-bremen";
    const HAMBURG: &str = "jugendamt-hamburg";

    fn office(id: &str, ars: &str, bis: Option<&str>) -> Amt {
        let bis = bis.map(|day| day.parse().unwrap());
        Amt { id: id.into(), gebiete: vec![Gebiet { ars: ars.into(), von: None, bis }], ..Amt::default() }
    }

    /// A Klärfall whose residence the table leaves to nobody.
    fn nobodys() -> Vorgang {
        let mut vorgang = decided(antrag(), Fall::M).vorgang.unwrap().vorgang;
        vorgang.owner.clear();
        vorgang.akte.gesendet = vec![crate::register::vorgang::Gesendet {
            uuid: Uuid::from_u128(7),
            an: String::new(),
            message: "xfamilie.0801".into(),
            quittiert: None,
        }];
        vorgang
    }

    struct Order<'a> {
        vorgang: Vorgang,
        amt: &'a str,
        person: Option<&'a str>,
        aktenzeichen: Option<&'a str>,
        aemter: Vec<Amt>,
        versions: &'a [(&'a str, &'a str)],
    }

    fn order(vorgang: &Vorgang, amt: &'static str, person: &'static str) -> Order<'static> {
        let aemter = vec![office(BREMEN, "02", None), office(HAMBURG, "03", None)];
        Order {
            vorgang: vorgang.clone(),
            amt,
            person: Some(person),
            aktenzeichen: Some("51-1/26"),
            aemter,
            versions: &[],
        }
    }

    impl Order<'_> {
        fn run(self) -> Result<Message, String> {
            let step = building(|b| {
                let mut tafeln = Tafeln::default();
                tafeln.aemter.aemter = self.aemter;
                let mut reach = reach();
                for (partner, version) in self.versions {
                    let of = reach.versions.entry((*partner).to_owned()).or_default();
                    of.insert("xfamilie".to_owned(), (*version).to_owned());
                }
                let building = Building { reach: Arc::new(reach), tafeln: Arc::new(tafeln), ..b.clone() };
                build(&json!({}), &building).unwrap()
            });
            let mut message = antrag();
            message.sender.id = self.amt.into();
            let id = message.record.kopf.transaktionsid.clone();
            message.record.registermeldung = Some(Registermeldung {
                was: VALUE.into(),
                id,
                aktenzeichen: self.aktenzeichen.map(str::to_owned),
                ..Registermeldung::default()
            });
            let mut envelope = Envelope::clone(&message.envelope);
            envelope.head.acting_person = self.person.map(str::to_owned);
            envelope.head.partner = Some(PartnerRef { id: self.amt.into(), how: How::Internal });
            message.envelope = Arc::new(envelope);
            let alias = alias(&self.vorgang);
            let fact = |question: &Question| match question {
                Question::Vorgang(key) if key.class() == "klaerfall" => Fact::Vorgang(Some(alias.clone())),
                Question::Vorgang(key) if key.class() == "vorgang" => {
                    Fact::Vorgang(Some(self.vorgang.clone()))
                }
                _ => Fact::Vorgang(None),
            };
            match answering(&mut message, |message| step.apply(message, &mut bench()), fact) {
                Ok(Flow::Next) => Ok(message),
                Err(Trouble::Rejected(all)) => Err(all[0].rule.clone().unwrap()),
                other => panic!("{other:?}"),
            }
        }
    }

    fn kept(message: &Message) -> Vorgang {
        message.vorgang.clone().unwrap().vorgang
    }

    /// What anna said.
    fn first(am: jiff::Timestamp) -> Zuweisung {
        Zuweisung { amt: BREMEN.into(), person: "anna".into(), am, aktenzeichen: "51-1/26".into() }
    }

    /// The residence of the sample lies in nobody's area here.
    fn elsewhere(vorgang: Vorgang) -> Vorgang {
        let mut vorgang = vorgang;
        let gefragt = vorgang.akte.gefragt.as_mut().unwrap();
        for anschrift in &mut gefragt.anschriften {
            anschrift.gemeindeschluessel = Some("09162000".into());
        }
        vorgang
    }

    #[test]
    fn two_persons_give_it_to_an_office_and_the_request_goes_along() {
        let mut begun = elsewhere(nobodys());
        let last = (Uuid::from_u128(5), jiff::Timestamp::UNIX_EPOCH);
        begun.akte.zuletzt.insert(UNKNOWN.into(), last);
        let first = order(&begun, BREMEN, "anna").run().unwrap();
        assert_eq!(first.values[VALUE], "erste");
        assert!(
            kept(&first).owner.is_empty() && first.effects.hand_overs.is_empty(),
            "one alone gives nothing"
        );
        let begun = kept(&first);
        for same in ["anna", "Anna "] {
            assert_eq!(order(&begun, BREMEN, same).run().err(), Some("dieselbe-person".into()));
        }
        // Nor have two agreed who name different Aktenzeichen.
        let mut other = order(&begun, BREMEN, "bert");
        other.aktenzeichen = Some("99-1/20");
        let other = other.run().unwrap();
        assert_eq!((other.values[VALUE].as_str(), kept(&other).owner.as_str()), ("erste", ""));
        assert_eq!(kept(&other).akte.zuweisung.unwrap().aktenzeichen, "99-1/20");
        // The other person names another office: that is a new beginning.
        let other = order(&begun, HAMBURG, "bert").run().unwrap();
        assert_eq!((other.values[VALUE].as_str(), kept(&other).owner.as_str()), ("erste", ""));
        let second = order(&begun, BREMEN, "bert").run().unwrap();
        let given = kept(&second);
        assert_eq!((second.values[VALUE].as_str(), given.owner.as_str()), ("zweite", BREMEN));
        assert!(given.akte.zugewiesen && given.akte.zuweisung.is_none());
        assert_eq!(given.akte.gesendet[0].an, BREMEN);
        assert_eq!(*given.akte.zuletzt, [(BREMEN.to_owned(), last)].into(), "what comes now leaves after it");
        assert_eq!(given.state, VorgangState::BeimJugendamt);
        assert_eq!(given.akte.erinnerungen, begun.akte.erinnerungen, "its time is as it was");
        let [over] = second.effects.hand_overs.as_slice() else { panic!() };
        assert_eq!((over.from.as_str(), over.destination.as_str()), ("unbekannt", "trays:jugendamt-bremen"));
        assert_eq!(over.waiting_at, ["jugendamt:unbekannt"]);
        assert_eq!((Some(over.cause), &over.order), (given.akte.nummer, &second.vorgang.unwrap().key));
    }

    #[test]
    fn a_first_word_is_over_after_a_day() {
        let mut begun = elsewhere(nobodys());
        let am = antrag().now() - SignedDuration::from_hours(25);
        begun.akte.zuweisung = Some(first(am));
        let again = order(&begun, BREMEN, "bert").run().unwrap();
        assert_eq!((again.values[VALUE].as_str(), kept(&again).owner.as_str()), ("erste", ""));
    }

    #[test]
    fn who_may_not_have_it_is_refused_before_the_first_word() {
        let begun = elsewhere(nobodys());
        type Change = fn(&mut Order<'static>);
        let not: [(&str, Change); 8] = [
            ("amt-unbekannt", |order| order.aemter.clear()),
            ("amt-unbekannt", |order| order.aemter = vec![office(BREMEN, "02", Some("2026-11-20"))]),
            ("amt-nicht-angebunden", |order| {
                order.amt = "jugendamt-celle";
                order.aemter.push(office("jugendamt-celle", "05", None));
            }),
            ("nur-auf-anordnung", |order| order.person = None),
            ("angaben-fehlen", |order| order.aktenzeichen = Some(" ")),
            ("bereits-zugewiesen", |order| order.vorgang.owner = BREMEN.into()),
            ("andere-fassung", |order| order.versions = &[(BREMEN, "1.4.0")]),
            ("nicht-zustaendig", |order| order.aemter.push(office("jugendamt-fuerth", "09", None))),
        ];
        for (rule, change) in not {
            let mut order = order(&begun, BREMEN, "anna");
            change(&mut order);
            assert_eq!(order.run().err().as_deref(), Some(rule));
        }
        for state in [VorgangState::Entschieden, VorgangState::Zugestellt, VorgangState::Zurueckgezogen] {
            let over = Vorgang { state, ..begun.clone() };
            assert_eq!(order(&over, BREMEN, "anna").run().err().as_deref(), Some("vorgang-beendet"));
        }
    }

    #[test]
    fn the_one_office_that_the_table_names_and_who_follows_a_dissolved_one_may_have_it() {
        let mut begun = elsewhere(nobodys());
        let mut named = order(&begun, BREMEN, "anna");
        named.aemter[0] = office(BREMEN, "09", None);
        assert!(named.run().is_ok());
        // It went to an office that ended without anybody taking over.
        begun.owner = HAMBURG.into();
        begun.akte.gesendet[0].an = HAMBURG.into();
        begun.akte.gesendet[0].quittiert = Some(true);
        begun.akte.zuweisung = Some(first(antrag().now()));
        let mut ended = order(&begun, BREMEN, "bert");
        ended.aemter[1] = office(HAMBURG, "03", Some("2026-11-01"));
        // Reminders that have several ways stand in no lane: they go over all the same.
        let reminders = vec![Uuid::from_u128(8), Uuid::from_u128(9)];
        ended.vorgang.akte.wege.insert(HAMBURG.to_owned(), reminders.clone());
        let given = ended.run().unwrap();
        let [over] = given.effects.hand_overs.as_slice() else { panic!() };
        assert_eq!((over.from.as_str(), &over.rows), (HAMBURG, &reminders));
        assert_eq!(*kept(&given).akte.wege, [(BREMEN.to_owned(), reminders)].into());
        assert_eq!(over.waiting_at, ["jugendamt:jugendamt-hamburg", "trays:jugendamt-hamburg"]);
        let sent = &kept(&given).akte.gesendet[0];
        assert_eq!((sent.an.as_str(), sent.quittiert), (BREMEN, None));
    }

    #[test]
    fn other_words_and_unknown_vorgaenge_are_refused_and_settings_are_named() {
        let mut other = elsewhere(nobodys());
        other.akte.transaktionsid = None;
        assert_eq!(order(&other, BREMEN, "anna").run().err().as_deref(), Some("vorgang-unbekannt"));
        let faults = building(|building| build(&json!({ "x": 1 }), building)).err().unwrap();
        assert_eq!(faults[0].path, "/x");
    }
}
