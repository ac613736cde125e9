//! The verb `personenaenderung`: a Meldebehörde or a Standesamt says that persons moved, have another name, married, were adopted or died.
//! Each Geburts-Jugendamt whose register it concerns gets a task, and until that is ended nothing about child and mother is answered
//! automatically. Who cannot be looked for is a task of nobody, for a person of the operator. Changes and deletes no Registersatz (rules.md 8),
//! and of what concerns nobody nothing is kept but hash and moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, Question, Retrieval, Stored, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::liegt::Liegt;
use crate::pipeline::notice::{self, Paar};
use crate::pipeline::step::{
    Bench, Building, Entry, Flow, Objects, Place, Reach, SettingFault, Step, Trouble,
};
use crate::pipeline::{hinweis, settings};
use crate::register::aemter::tag;
use crate::register::aenderung::{Verborgen, beteiligte, betrifft, gesucht};
use crate::register::keys::{self, SearchKey};
use crate::register::objection::Why;
use crate::register::once::once;
use crate::register::record::{Person, Registersatz};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::geburtsort;
use crate::register::vorgang::Akte;
use crate::rejection::{Fault, Rejection};

/// Whether anybody of the mirror is concerned.
const BETROFFEN: &str = "betroffen";
const WORDS: &[&str] = &["ja", "nein"];

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "personenaenderung",
    place: Place::Do,
    about: "Looks whom of the mirror a change of persons concerns: a task for each Geburts-Jugendamt and no automatic answer until it ends; of others nothing is kept.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[(BETROFFEN, WORDS)],
    build,
};

/// More persons than a message about one family names; each one costs a look.
const MOST: usize = 16;

struct Personenaenderung {
    tafeln: Arc<Tafeln>,
    reach: Arc<Reach>,
}

fn build(written: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(written, ENTRY.word)?;
    Ok(Arc::new(Personenaenderung { tafeln: building.tafeln.clone(), reach: building.reach.clone() }))
}

fn refused(rule: &str, text: &str) -> Trouble {
    Rejection::new(Fault::Other, text).rule(rule).into()
}

fn foreign_answers() -> Trouble {
    Trouble::Ours("personenaenderung got other answers than it asked for".to_owned())
}

/// The task of one office.
#[derive(Default)]
struct Aufgabe {
    office: String,
    id: Uuid,
    saetze: Vec<Registersatz>,
    /// Those that nothing could be looked for.
    verborgen: Verborgen,
}

impl Aufgabe {
    fn paare(&self) -> Vec<Paar<'_>> {
        self.saetze.iter().map(|satz| (Some(&satz.kind), satz.mutter.clone())).collect()
    }
}

impl Step for Personenaenderung {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn objects(&self) -> Option<Arc<dyn Objects>> {
        Some(Arc::new(Liegt { tafeln: self.tafeln.clone() }))
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let (personen, heute) = (beteiligte(&message.record), tag(message.now()));
        let betroffene = match message.betroffene.take() {
            Some(known) => known,
            None => {
                notice::own_sender(message)?;
                if personen.len() > MOST {
                    let text = "Die Nachricht nennt mehr Personen, als zu einer Änderung gehören.";
                    return Err(refused("zu-viele-beteiligte", text));
                }
                if !datiert(&personen) {
                    let text = "Die Nachricht nennt zu keiner Person ein Geburtsdatum.";
                    return Err(refused("angaben-fehlen", text));
                }
                let questions = vec![Question::Whoever(Box::new(gesucht(&personen, heute)))];
                if !message.answered(&questions) {
                    return Ok(Flow::Ask(questions));
                }
                let Some(Fact::Mirror(found)) = message.fact(0) else { return Err(foreign_answers()) };
                let (orte, aenderung) = (&self.tafeln.gemeinden, message.record.aenderung.as_ref());
                let met = |one: &&Arc<Stored>| {
                    personen.iter().any(|person| betrifft(orte, aenderung, person, &one.registersatz))
                };
                let met: Vec<Stored> = found.iter().filter(met).map(|one| Stored::clone(one)).collect();
                // Each record that was opened was looked at, whoever it is of.
                let records: Vec<Uuid> = found.iter().map(|one| one.id).collect();
                if !records.is_empty() {
                    message.effects.retrievals.push(Retrieval { step: ENTRY.word.to_owned(), records });
                }
                met
            }
        };
        let hidden = Verborgen::of(&personen, message.record.aenderung.as_ref(), heute);
        if betroffene.is_empty() && hidden.is_empty() {
            message.values.insert(BETROFFEN, WORDS[1].to_owned());
            message.effects.forget = true;
            message.betroffene = Some(betroffene);
            return Ok(Flow::Next);
        }
        let flow = self.offen(message, &betroffene, hidden);
        message.betroffene = Some(betroffene);
        flow
    }
}

fn datiert(personen: &[Person]) -> bool {
    personen.iter().any(|person| person.geburtsdatum.is_some_and(|datum| datum.jahr > 0))
}

impl Personenaenderung {
    /// Whose task it is, in the order of the offices; what no office can be named for is one of nobody.
    fn aufgaben(&self, message: &Message, betroffene: &[Stored], hidden: Verborgen) -> Vec<Aufgabe> {
        let am = tag(message.now());
        let mut by_office: BTreeMap<String, Aufgabe> = BTreeMap::new();
        for one in betroffene {
            let of_place =
                geburtsort(&one.registersatz.kind, &self.tafeln, am).amt().map(|amt| amt.id.clone());
            let of_delivery = || self.tafeln.aemter.heutige(&one.partner, am).map(str::to_owned);
            let office = of_place.or_else(of_delivery).unwrap_or_default();
            by_office.entry(office).or_default().saetze.push(one.registersatz.clone());
        }
        if !hidden.is_empty() {
            by_office.entry(String::new()).or_default().verborgen = hidden;
        }
        let id = |office: &str| message.derived_id(&format!("{}:{office}", ENTRY.word));
        let task = |(office, task): (String, Aufgabe)| Aufgabe { id: id(&office), office, ..task };
        by_office.into_iter().map(task).collect()
    }

    /// The tasks, once it is known what stands where they are to stand.
    fn offen(
        &self,
        message: &mut Message,
        betroffene: &[Stored],
        hidden: Verborgen,
    ) -> Result<Flow, Trouble> {
        let aufgaben = self.aufgaben(message, betroffene, hidden);
        let orte = &self.tafeln.gemeinden;
        let mut under: BTreeMap<SearchKey, Vec<Uuid>> = BTreeMap::new();
        for aufgabe in &aufgaben {
            for key in notice::open_under(orte, &aufgabe.paare()) {
                under.entry(key).or_default().push(aufgabe.id);
            }
        }
        // An office reads the id of the message in what it gets, and ends its own task by it.
        let named = keys::aenderung(&message.record.kopf.nachrichten_uuid);
        let mut questions = vec![Question::Vorgang(named)];
        questions.extend(under.keys().cloned().map(Question::Vorgang));
        // That these records still stand is what it rests on.
        let records: BTreeSet<Uuid> = betroffene.iter().map(|one| one.id).collect();
        questions.extend(records.into_iter().map(keys::satz).map(Question::Mirror));
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let Some(Fact::Vorgang(before)) = message.fact(0) else { return Err(foreign_answers()) };
        let ids: Vec<Uuid> = aufgaben.iter().map(|aufgabe| aufgabe.id).collect();
        let alias = notice::leads_to_tasks(message, before.as_ref(), &ids);
        message.effects.vorgaenge.push(alias);
        let changes = hinweis::opened(message, 1, under.into_iter().collect())?;
        message.effects.vorgaenge.extend(changes);
        // Its sender got our id of the delivery: by that the task of nobody is named, too, else the one that there is.
        let nobody = aufgaben.iter().find(|aufgabe| aufgabe.office.is_empty());
        let meant = nobody.or(aufgaben.first().filter(|_| aufgaben.len() == 1)).map(|aufgabe| aufgabe.id);
        let ours = message.envelope.head.id.to_string();
        let mut offices = Vec::new();
        for aufgabe in aufgaben.iter().rev() {
            let change = self.aufgabe(message, aufgabe);
            if meant == Some(aufgabe.id) {
                let alias = notice::leads_to(message, &change.vorgang, &ours, &aufgabe.id.to_string());
                message.effects.vorgaenge.push(alias);
            }
            message.audit("hinweis.offen", &[("hinweis", &aufgabe.id.to_string())]);
            offices.push(aufgabe.office.clone());
            message.keep_vorgang(change);
        }
        // The last one kept is the Vorgang of the message; the others are handed on to besides.
        offices.pop();
        message.weitere_aemter = offices;
        let saetze = betroffene.iter().map(|one| &one.registersatz);
        message.effects.subjects = once(saetze.map(|satz| keys::child(&satz.kind, &satz.mutter)));
        if let (true, [task]) = (betroffene.is_empty(), aufgaben.as_slice()) {
            // No record takes with it what came: its task does when it ends.
            message.effects.subjects.push(keys::hinweis(&task.id.to_string()));
        }
        message.values.insert(BETROFFEN, WORDS[0].to_owned());
        Ok(Flow::Next)
    }

    /// What one office has to end: its Vorgang, and what stands against answers and lists it.
    fn aufgabe(&self, message: &mut Message, aufgabe: &Aufgabe) -> VorgangChange {
        let orte = &self.tafeln.gemeinden;
        let paare = aufgabe.paare();
        let closable = hinweis::closable(&self.tafeln.aemter, &self.reach, &aufgabe.office, message.now());
        let (amt, why) = match closable {
            true => (aufgabe.office.as_str(), Why::Parked),
            false => ("", Why::Unowned),
        };
        let mut opening = notice::opening(message, orte, (amt, why), (aufgabe.id, aufgabe.id), &paare);
        let hidden = notice::of_hidden(orte, &aufgabe.verborgen);
        opening.under =
            opening.under.into_iter().chain(hidden).collect::<BTreeSet<_>>().into_iter().collect();
        notice::open(message, opening, closable);
        for amt in notice::may_hold(&self.tafeln, &aufgabe.verborgen.kinder, message.now()) {
            let blocks = (amt.as_str(), Why::Unreadable);
            let opening = notice::opening(message, orte, blocks, (aufgabe.id, aufgabe.id), &[]);
            notice::open(message, opening, false);
        }
        let vorgang = Vorgang {
            id: aufgabe.id,
            owner: aufgabe.office.clone(),
            state: VorgangState::BeimJugendamt,
            deadline: None,
            akte: Akte {
                ort: notice::one_place(orte, aufgabe.saetze.iter().map(|satz| &satz.kind)),
                ..notice::akte(message, aufgabe.id, &notice::open_under(orte, &paare))
            },
        };
        VorgangChange { key: keys::hinweis(&aufgabe.id.to_string()), vorgang }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;
    use crate::effects::{Answer, Guard};
    use crate::pipeline::testing::{bench, building, message};
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::gemeinden::falten;
    use crate::register::objection::{self, MADE_OF_NOTICE, ObjectionChange};
    use crate::register::record::{Eintragung, Mutter, Personenname, Quelle, TeilDatum, Vermerk};

    fn tafeln() -> Arc<Tafeln> {
        let mut tafeln = Tafeln::default();
        for (id, ort, ars) in
            [("jugendamt-bremen", "Bremen", "040110000000"), ("jugendamt-hamburg", "Hamburg", "020000000000")]
        {
            let gebiete = vec![Gebiet { ars: ars[..2].into(), von: None, bis: None }];
            tafeln.aemter.aemter.push(Amt { id: id.into(), name: id.into(), gebiete, ..Amt::default() });
            tafeln.gemeinden.add(falten(ort), ars);
        }
        Arc::new(tafeln)
    }

    /// The Registersatz of the sample; of another child at another place by a number.
    fn stored(n: u128, ort: &str) -> Stored {
        let message = message();
        let mut kind = message.record.kind.unwrap();
        kind.geburtsort = Some(ort.into());
        kind.register_ars = None;
        kind.geburtsdatum = TeilDatum::parse(&format!("2024-08-0{n}"));
        let quelle = Quelle {
            message: "xfamilie.0804".into(),
            nachrichten_uuid: String::new(),
            autor: String::new(),
            erstellungszeitpunkt: jiff::Timestamp::UNIX_EPOCH,
            empfangen: None,
            transaktionsid: None,
            spaetestens: None,
        };
        let registersatz = Registersatz {
            mutter: message.record.mutter.unwrap(),
            kind,
            eintragung: Eintragung::default(),
            quelle,
            vermerk: Vermerk::default(),
        };
        let partner = "jugendamt-bremen".to_owned();
        Stored { id: Uuid::from_u128(n), mandant: "bremen".into(), partner, registersatz }
    }

    fn person_of(mutter: &Mutter) -> Person {
        Person { name: mutter.name.clone(), geburtsdatum: Some(mutter.geburtsdatum), ..Person::default() }
    }

    fn change(personen: Vec<Person>) -> Message {
        let mut message = message();
        message.record.personen = personen;
        (message.record.mutter, message.record.kind) = (None, None);
        message.record.kopf.autor = Default::default();
        message
    }

    #[test]
    fn a_task_of_nobody_is_named_by_the_id_that_its_sender_got() {
        let of = message();
        let hidden = TeilDatum { monat: None, tag: None, ..of.record.mutter.clone().unwrap().geburtsdatum };
        let mut her = person_of(&of.record.mutter.unwrap());
        her.geburtsdatum = Some(hidden);
        let mut message = change(vec![her]);
        run(&mut message, &[], &|_| None).unwrap();
        let task = message.vorgang.clone().unwrap();
        assert_eq!(task.vorgang.owner, "");
        let named = keys::hinweis(&message.envelope.head.id.to_string());
        let alias = message.effects.vorgaenge.iter().find(|change| change.key == named).unwrap();
        let leads = crate::pipeline::erledigt::leads_to_notice(&alias.vorgang);
        assert_eq!(leads, Some(task.key));
    }

    /// Runs it over a mirror and what is open under keys already.
    fn run(
        message: &mut Message,
        mirror: &[Stored],
        open: &dyn Fn(&SearchKey) -> Option<Vorgang>,
    ) -> Result<Flow, Trouble> {
        let step = building(|building| build(&json!({}), &Building { tafeln: tafeln(), ..building.clone() }))
            .unwrap();
        for _ in 0..3 {
            let Flow::Ask(questions) = step.apply(message, &mut bench())? else { return Ok(Flow::Next) };
            let fact = |question: &Question| match question {
                Question::Whoever(_) => Fact::mirror(mirror.to_vec()),
                Question::Mirror(_) => Fact::Mirror(Vec::new()),
                Question::Vorgang(key) => Fact::Vorgang(open(key)),
                other => panic!("{other:?}"),
            };
            let answer = |question: &Question| Answer {
                fact: fact(question),
                guard: Guard { key: question.key(), seen: 1 },
            };
            message.answers = questions.iter().map(answer).collect();
        }
        panic!("it asks on and on")
    }

    #[test]
    fn whom_it_concerns_is_open_with_each_office_and_no_record_is_touched() {
        let mirror = [stored(1, "Bremen"), stored(2, "Hamburg")];
        let mut message = change(vec![person_of(&mirror[0].registersatz.mutter)]);
        assert_eq!(run(&mut message, &mirror, &|_| None), Ok(Flow::Next));
        assert_eq!(message.values[BETROFFEN], "ja");
        let own = message.vorgang.clone().unwrap().vorgang;
        assert_eq!(
            (own.owner.as_str(), message.weitere_aemter.as_slice()),
            ("jugendamt-bremen", &["jugendamt-hamburg".to_owned()][..])
        );
        assert!(
            message.effects.mirror.is_empty()
                && message.effects.bestaende.is_empty()
                && !message.effects.forget
        );
        let opened: Vec<_> = message
            .effects
            .objections
            .iter()
            .map(|change| match change {
                ObjectionChange::Open(opening) => opening,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(opened.iter().map(|one| one.amt.as_str()).eq(["jugendamt-hamburg", "jugendamt-bremen"]));
        assert!(opened.iter().all(|one| one.made == MADE_OF_NOTICE && one.about.is_empty()));
        // A request about either child meets it, in whatever way it is written.
        let tafeln = tafeln();
        for one in &mirror {
            let (kind, mutter) = (&one.registersatz.kind, &one.registersatz.mutter);
            let gesucht = keys::Gesucht::of(&tafeln.gemeinden, kind, mutter);
            let (under, offen) = (objection::asked(&gesucht), gesucht.offen);
            assert!(opened.iter().any(|opening| opening.under.iter().any(|key| under.contains(key))));
            assert!(
                message
                    .effects
                    .vorgaenge
                    .iter()
                    .any(|change| offen.contains(&change.key) && !change.vorgang.akte.offen.is_empty())
            );
        }
        let told = serde_json::to_string(&own).unwrap();
        assert!(!["Müller", "Lía", "Zoë"].iter().any(|name| told.contains(name)), "{told}");
        assert_eq!(message.effects.retrievals[0].records.len(), 2);
    }

    #[test]
    fn whoever_cannot_be_looked_for_is_a_task_of_nobody_and_is_met_by_her_request() {
        let mirror = [stored(1, "Bremen")];
        let mut person = person_of(&mirror[0].registersatz.mutter);
        person.geburtsdatum = person.geburtsdatum.map(|datum| TeilDatum { monat: None, tag: None, ..datum });
        let mut message = change(vec![person]);
        assert_eq!(run(&mut message, &[], &|_| None), Ok(Flow::Next));
        assert_eq!((message.values[BETROFFEN].as_str(), message.effects.forget), ("ja", false));
        let own = message.vorgang.clone().unwrap();
        assert_eq!((own.vorgang.owner.as_str(), own.vorgang.state), ("", VorgangState::BeimJugendamt));
        let [ObjectionChange::Open(opening)] = message.effects.objections.as_slice() else { panic!() };
        assert_eq!((opening.why, opening.delivery), (Why::Unowned, own.vorgang.id));
        let (kind, mutter) = (&mirror[0].registersatz.kind, &mirror[0].registersatz.mutter);
        let asked = objection::asked(&keys::Gesucht::of(&tafeln().gemeinden, kind, mutter));
        assert!(opening.under.iter().any(|key| asked.contains(key)));
        // What came goes when the task ends, for no record takes it along.
        assert_eq!(message.effects.subjects, [own.key]);
    }

    #[test]
    fn one_uuid_of_several_senders_leads_to_all_their_tasks_and_none_of_them_is_told() {
        let mirror = [stored(1, "Bremen")];
        let mut first = change(vec![person_of(&mirror[0].registersatz.mutter)]);
        run(&mut first, &mirror, &|_| None).unwrap();
        let named = keys::aenderung(&first.record.kopf.nachrichten_uuid);
        let of = |message: &Message| {
            let mut all = message.effects.vorgaenge.iter();
            all.find(|change| change.key == named).unwrap().vorgang.clone()
        };
        let alias = of(&first);
        assert_eq!(alias.akte.offen, [first.vorgang.clone().unwrap().vorgang.id]);
        let mut second = change(vec![person_of(&mirror[0].registersatz.mutter)]);
        second.sender.id = "standesamt-bremen".into();
        let mut envelope = crate::envelope::Envelope::clone(&second.envelope);
        envelope.head.id = Uuid::from_u128(99);
        second.envelope = Arc::new(envelope);
        let stood = |key: &SearchKey| (*key == named).then(|| alias.clone());
        assert_eq!(run(&mut second, &mirror, &stood), Ok(Flow::Next));
        assert_eq!(of(&second).akte.offen, [alias.akte.offen[0], second.vorgang.clone().unwrap().vorgang.id]);
    }

    #[test]
    fn what_concerns_nobody_leaves_nothing() {
        let stranger = Person {
            name: Personenname { familienname: Some("Beispiel".into()), ..Personenname::default() },
            geburtsdatum: TeilDatum::parse("1980-05-06"),
            ..Person::default()
        };
        let mut message = change(vec![stranger]);
        assert_eq!(run(&mut message, &[stored(1, "Bremen")], &|_| None), Ok(Flow::Next));
        assert_eq!(message.values[BETROFFEN], "nein");
        let retrievals = std::mem::take(&mut message.effects.retrievals);
        assert_eq!(retrievals.len(), 1, "that a record was looked at stays");
        let nothing = crate::effects::Effects { forget: true, ..Default::default() };
        assert!(message.effects == nothing && message.vorgang.is_none());
    }

    #[test]
    fn who_says_too_little_or_too_much_is_told() {
        let rule = |message: &mut Message| match run(message, &[], &|_| None) {
            Err(Trouble::Rejected(told)) => told[0].rule.clone().unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(rule(&mut change(vec![])), "angaben-fehlen");
        assert_eq!(rule(&mut change(vec![Person::default()])), "angaben-fehlen");
        let mutter = stored(1, "Bremen").registersatz.mutter;
        assert_eq!(rule(&mut change(vec![person_of(&mutter); MOST + 1])), "zu-viele-beteiligte");
        let mut foreign = change(vec![person_of(&mutter)]);
        foreign.record.kopf.autor.kennung = "02000000".into();
        assert_eq!(rule(&mut foreign), "absender-fremd");
    }

    #[test]
    fn a_person_without_a_child_under_age_is_looked_for_and_is_nobody() {
        let old = Person {
            geburtsdatum: TeilDatum::parse("1930-01-01"),
            geschlecht: Some("m".into()),
            ..Person::default()
        };
        let mut message = change(vec![old]);
        assert_eq!(run(&mut message, &[], &|_| None), Ok(Flow::Next));
        assert!(message.effects.forget);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() })]

        /// A Klärfall becomes an A only where a record, a Bestand or something open goes. A change of persons takes none of them away,
        /// whatever it says and whatever stood there: it only ever adds.
        #[test]
        fn no_change_of_persons_takes_away_what_makes_a_case_careful(
            days in proptest::collection::vec((1980_i16..2026, 1_i8..13, 1_i8..29), 1..4),
            of_mother in proptest::bool::ANY,
            of_child in proptest::bool::ANY,
            stood in proptest::bool::ANY,
        ) {
            let mirror = [stored(1, "Bremen"), stored(2, "Hamburg")];
            let mut personen: Vec<Person> = days
                .into_iter()
                .map(|(year, month, day)| Person {
                    geburtsdatum: Some(Date::constant(year, month, day)).map(|date| TeilDatum {
                        jahr: date.year(), monat: Some(date.month()), tag: Some(date.day()),
                    }),
                    ..Person::default()
                })
                .collect();
            let satz = &mirror[0].registersatz;
            if of_mother { personen.push(person_of(&satz.mutter)); }
            if of_child {
                personen.push(Person { name: satz.kind.namen[0].clone(), geburtsdatum: satz.kind.geburtsdatum, ..Person::default() });
            }
            let mut message = change(personen);
            let named = keys::aenderung(&message.record.kopf.nachrichten_uuid);
            let before = Vorgang {
                id: Uuid::from_u128(77),
                owner: String::new(),
                state: VorgangState::BeimJugendamt,
                deadline: None,
                akte: Akte { offen: vec![Uuid::from_u128(78)], ..Akte::default() },
            };
            run(&mut message, &mirror, &|key| (stood && *key != named).then(|| before.clone())).unwrap();
            let effects = &message.effects;
            proptest::prop_assert!(effects.mirror.is_empty() && effects.confirmed.is_empty() && effects.bestaende.is_empty());
            proptest::prop_assert!(effects.objections.iter().all(|change| matches!(change, ObjectionChange::Open(_))));
            for change in &effects.vorgaenge {
                proptest::prop_assert_eq!(change.vorgang.state, VorgangState::BeimJugendamt);
                if change.vorgang.id == before.id {
                    proptest::prop_assert!(change.vorgang.akte.offen.contains(&Uuid::from_u128(78)));
                }
            }
            proptest::prop_assert_eq!(effects.forget, effects.vorgaenge.is_empty());
            proptest::prop_assert!(!(of_mother || of_child) || !effects.forget);
        }
    }
}
