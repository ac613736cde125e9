//! The verb `mitteilung`: a court or a notary says something of a child and its parents. The Geburts-Jugendamt gets a task, and until the
//! notice is ended nothing about child and mother is answered automatically (rules.md 10); it is never an Eintragung. What it says of a
//! father and of documents is neither kept nor looked at.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Question, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::alias::ALIAS;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::{hinweis, offene, settings};
use crate::register::aemter::{Amt, tag};
use crate::register::fristen::satz_endet;
use crate::register::gemeinden::falten;
use crate::register::keys::{self, SearchKey};
use crate::register::objection::{self, ObjectionChange, Opening, Why};
use crate::register::once::once;
use crate::register::record::{
    Behoerde, Kind, MAENNLICH, Mutter, Person, Personenname, ROLLE_ELTERNTEIL, ROLLE_KIND,
};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::geburtsort;
use crate::register::vorgang::{Akte, Rueckmeldung};
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "mitteilung",
    place: Place::Do,
    about: "Keeps a notice of a court or notary as a task of the Geburts-Jugendamt and against automatic answers; never as an Eintragung.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

/// More children, or more parents, than a notice of one proceeding names. Each child has keys with each parent.
const MOST: usize = 16;

struct Mitteilung {
    tafeln: Arc<Tafeln>,
    reach: Arc<Reach>,
}

fn build(written: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(written, ENTRY.word)?;
    Ok(Arc::new(Mitteilung { tafeln: building.tafeln.clone(), reach: building.reach.clone() }))
}

/// Whom a notice touches: its children, and whoever may be their mother.
struct Betroffene {
    kinder: Vec<Kind>,
    muetter: Vec<Mutter>,
}

impl Betroffene {
    /// No standard of the courts tells mother from father by role, so each parent that is not said to be a man may be her.
    fn of(personen: &[Person]) -> Betroffene {
        let with = |rolle: &'static str| {
            let has = move |person: &&Person| person.rollen.iter().any(|own| own == rolle);
            personen.iter().filter(has).filter(|person| person.name != Personenname::default())
        };
        let kinder = with(ROLLE_KIND).map(|person| Kind {
            namen: namen(person),
            geburtsort: person.geburtsort.clone(),
            geburtsstaat: person.geburtsstaat.clone(),
            geburtsdatum: person.geburtsdatum,
            ..Kind::default()
        });
        let parents = with(ROLLE_ELTERNTEIL).filter(|person| person.geschlecht.as_deref() != Some(MAENNLICH));
        let muetter = parents.flat_map(|person| {
            let geburtsdatum = person.geburtsdatum.unwrap_or_default();
            namen(person).into_iter().map(move |name| Mutter { name, geburtsdatum, ..Mutter::default() })
        });
        Betroffene { kinder: kinder.collect(), muetter: muetter.collect() }
    }

    /// Each child with each mother; a child alone where no mother is known, and a mother alone where no child is.
    fn paare(&self) -> Vec<(Option<&Kind>, Mutter)> {
        let mut muetter = self.muetter.clone();
        if muetter.is_empty() {
            muetter.push(Mutter::default());
        }
        let of = |mutter: Mutter| -> Vec<(Option<&Kind>, Mutter)> {
            match self.kinder.is_empty() {
                true => vec![(None, mutter)],
                false => self.kinder.iter().map(|kind| (Some(kind), mutter.clone())).collect(),
            }
        };
        muetter.into_iter().flat_map(of).collect()
    }
}

/// The present name, and one with each earlier family name.
fn namen(person: &Person) -> Vec<Personenname> {
    let earlier = person
        .fruehere_familiennamen
        .iter()
        .map(|name| Personenname { familienname: Some(name.clone()), ..person.name.clone() });
    std::iter::once(person.name.clone()).chain(earlier).collect()
}

impl Mitteilung {
    /// The office that keeps the register: that of the one birthplace of all children. Only where no place is said at all, the office
    /// that the sender names as its reader; a place that is abroad or not certain is for a person to look at.
    fn office(&self, message: &Message, betroffene: &Betroffene) -> Option<&Amt> {
        let am = tag(message.now());
        let placed = |kind: &Kind| kind.geburtsort.is_some() || kind.geburtsstaat.is_some();
        let addressed = || self.addressed(&message.record.kopf.leser);
        if !betroffene.kinder.iter().any(placed) {
            return addressed();
        }
        let of = |kind: &Kind| match kind.im_ausland() {
            true => None,
            false => geburtsort(kind, &self.tafeln, am).amt(),
        };
        let mut offices = betroffene.kinder.iter().map(of);
        let first = offices.next().flatten()?;
        offices.all(|other| other.is_some_and(|other| other.id == first.id)).then_some(first)
    }

    /// The one office that is named: by a key that `partners.yaml` gives it, else exactly by its name.
    fn addressed(&self, leser: &Behoerde) -> Option<&Amt> {
        let key = leser.key();
        let has_key = |amt: &&Amt| {
            let keys = self.reach.identities.get(&amt.id);
            !leser.kennung.is_empty() && keys.is_some_and(|keys| keys.contains(&key))
        };
        let name = falten(&leser.name);
        let has_name = |amt: &&Amt| !name.is_empty() && falten(&amt.name) == name;
        let all = &self.tafeln.aemter.aemter;
        let mut found = all.iter().filter(|amt| has_key(amt) || has_name(amt));
        found.next().filter(|_| found.next().is_none())
    }
}

/// A sender that names a court by its key is that court.
fn own_sender(message: &Message) -> Result<(), Trouble> {
    let autor = &message.record.kopf.autor;
    if autor.kennung.is_empty() || message.sender.identities.contains(&autor.key()) {
        return Ok(());
    }
    let text = "Der Absender der Nachricht ist nicht die Stelle, die sie eingeliefert hat.";
    Err(Rejection::new(Fault::Authority, text).rule("absender-fremd").into())
}

impl Step for Mitteilung {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        own_sender(message)?;
        let betroffene = Betroffene::of(&message.record.personen);
        if betroffene.kinder.len() > MOST || betroffene.muetter.len() > MOST {
            let text = "Die Nachricht nennt mehr Beteiligte, als zu einer Mitteilung gehören.";
            return Err(Rejection::new(Fault::Other, text).rule("zu-viele-beteiligte").into());
        }
        let paare = betroffene.paare();
        let orte = &self.tafeln.gemeinden;
        let office = self.office(message, &betroffene).map(|amt| amt.id.clone());
        let under: Vec<SearchKey> = match office {
            Some(_) => all_of(&paare, |kind, mutter| objection::under(orte, kind, mutter)),
            None => all_of(&paare, |kind, mutter| keys::offen(orte, kind, mutter)),
        };
        if under.is_empty() && office.is_none() {
            let text = "this notice says too little of child and mother to be found again, and names no office that is known; \
                        forward it by hand";
            return Err(Trouble::Ours(text.to_owned()));
        }
        let change = self.change(message, office.as_deref(), &under);
        let mut questions = vec![Question::Vorgang(change.key.clone())];
        if office.is_none() {
            questions.extend(under.iter().cloned().map(Question::Vorgang));
        }
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        hinweis::one_notice(message, change.vorgang.id)?;
        let subject = |(kind, mutter): &(Option<&Kind>, Mutter)| kind.map(|kind| keys::child(kind, mutter));
        message.effects.subjects = once(paare.iter().filter_map(subject));
        let uuid = message.record.kopf.nachrichten_uuid.clone();
        match &office {
            Some(office) => {
                let opening = opening(message, office, under, &paare);
                let next = offene::next_list(office, message.now(), message.identity.test);
                message.effects.timers.extend(next);
                message.effects.objections.push(ObjectionChange::Open(Box::new(opening)));
                // The daily list names it by our id of it.
                message.effects.vorgaenge.push(by_our_id(message, &change.vorgang, &uuid));
            }
            None => {
                let changes = hinweis::opened(message, change.vorgang.id, under)?;
                message.effects.vorgaenge.extend(changes);
                if let Ok(notice) = Uuid::try_parse(uuid.trim()) {
                    let listed = hinweis::unowned(message, notice);
                    message.effects.objections.push(ObjectionChange::Open(Box::new(listed)));
                }
            }
        }
        message.audit("mitteilung.offen", &[("hinweis", &change.vorgang.id.to_string())]);
        message.keep_vorgang(change);
        // Nobody after this one looks at anybody that takes part.
        message.record.personen.clear();
        Ok(Flow::Next)
    }
}

impl Mitteilung {
    /// The task: whose it is, and what the answer to the sender needs.
    fn change(&self, message: &Message, office: Option<&str>, under: &[SearchKey]) -> VorgangChange {
        let kopf = &message.record.kopf;
        let rueckmeldung = Rueckmeldung {
            standard: message.identity.standard.clone(),
            version: message.identity.version.clone(),
            uuid: kopf.nachrichten_uuid.clone(),
            aktenzeichen: kopf.transaktionsid.clone(),
            absender: kopf.autor.clone(),
        };
        let akte = Akte {
            art: hinweis::ENTRY.word.to_owned(),
            partner: message.sender.id.clone(),
            nummer: Some(message.envelope.head.id),
            // What an office owns stands against answers by an objection, which closes in more ways.
            unter: if office.is_none() { keys::in_worten(under) } else { Vec::new() },
            rueckmeldung: Some(Box::new(rueckmeldung)),
            ..Akte::default()
        };
        let vorgang = Vorgang {
            id: message.derived_id(ENTRY.word),
            owner: office.unwrap_or_default().to_owned(),
            state: VorgangState::BeimJugendamt,
            deadline: None,
            akte,
        };
        VorgangChange { key: keys::hinweis(&kopf.nachrichten_uuid), vorgang }
    }
}

fn all_of(
    paare: &[(Option<&Kind>, Mutter)],
    keys: impl Fn(Option<&Kind>, &Mutter) -> Vec<SearchKey>,
) -> Vec<SearchKey> {
    let all: BTreeSet<SearchKey> = paare.iter().flat_map(|(kind, mutter)| keys(*kind, mutter)).collect();
    all.into_iter().collect()
}

/// What stands against answers of this office until the notice is ended. Of a child that nobody knows it is any of its register.
fn opening(
    message: &Message,
    office: &str,
    under: Vec<SearchKey>,
    paare: &[(Option<&Kind>, Mutter)],
) -> Opening {
    let uuid = &message.record.kopf.nachrichten_uuid;
    let mut content = [0; 32];
    content[..16].copy_from_slice(message.derived_id(ENTRY.word).as_bytes());
    let about = paare.iter().flat_map(|(kind, mutter)| {
        let of = |kind: &Kind| [vec![keys::child(kind, mutter)], objection::about(kind, mutter)].concat();
        kind.map(of).unwrap_or_default()
    });
    Opening {
        amt: office.to_owned(),
        content,
        delivery: message.envelope.head.id,
        why: if under.is_empty() { Why::Unreadable } else { Why::Parked },
        message: message.identity.message.clone(),
        // The sender's clock is not the office's: what the office made after the receipt is made later for certain.
        made: message.now(),
        since: message.now(),
        under,
        about: once(about.chain([objection::copy(uuid)])),
        ends: paare.iter().filter_map(|(kind, _)| kind.and_then(satz_endet)).max(),
    }
}

/// What leads from our id of the delivery to the task.
fn by_our_id(message: &Message, vorgang: &Vorgang, uuid: &str) -> VorgangChange {
    let id = message.envelope.head.id;
    let akte = Akte {
        art: ALIAS.to_owned(),
        partner: message.sender.id.clone(),
        nummer: Some(id),
        transaktionsid: Some(uuid.to_owned()),
        ..Akte::default()
    };
    let vorgang = Vorgang { akte, ..vorgang.clone() };
    VorgangChange { key: keys::hinweis(&id.hyphenated().to_string()), vorgang }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Fact, VorgangState};
    use crate::pipeline::testing::{answering, bench, building, message};
    use crate::register::aemter::Gebiet;
    use crate::register::record::TeilDatum;

    fn tafeln() -> Arc<Tafeln> {
        let mut tafeln = Tafeln::default();
        let amt = |id: &str, name: &str, ars: &str| Amt {
            id: id.into(),
            name: name.into(),
            gebiete: vec![Gebiet { ars: ars.into(), von: None, bis: None }],
            ..Amt::default()
        };
        tafeln.aemter.aemter = vec![
            amt("jugendamt-bremen", "Jugendamt Bremen", "04"),
            amt("jugendamt-hamburg", "Jugendamt", "02"),
        ];
        tafeln.gemeinden.add(falten("Bremen"), "040110000000");
        tafeln.gemeinden.add(falten("Hamburg"), "020000000000");
        Arc::new(tafeln)
    }

    fn person(rolle: &str, vornamen: &str, tag: &str, ort: Option<&str>, geschlecht: Option<&str>) -> Person {
        Person {
            name: Personenname {
                familienname: Some("Müller".into()),
                geburtsname: None,
                vornamen: Some(vornamen.into()),
            },
            geburtsdatum: TeilDatum::parse(tag),
            geburtsort: ort.map(str::to_owned),
            geschlecht: geschlecht.map(str::to_owned),
            rollen: vec![rolle.into()],
            ..Person::default()
        }
    }

    fn kind(ort: Option<&str>) -> Person {
        person(ROLLE_KIND, "Lía", "2024-08-05", ort, None)
    }

    fn notice(personen: Vec<Person>, leser: &str) -> Message {
        let mut message = message();
        message.record.personen = personen;
        message.record.kopf.autor = Behoerde { name: "Notariat".into(), ..Behoerde::default() };
        message.record.kopf.leser = Behoerde { name: leser.into(), ..Behoerde::default() };
        message
    }

    fn run(message: &mut Message) -> Result<Flow, Trouble> {
        let step = building(|building| {
            let reach = building.reach.clone();
            build(&json!({}), &Building { tafeln: tafeln(), reach, addressees: Vec::new(), ..*building })
        })
        .unwrap();
        answering(message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(None))
    }

    fn opened_by(message: &Message) -> &Opening {
        match message.effects.objections.as_slice() {
            [ObjectionChange::Open(opening)] => opening,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn child_and_each_possible_mother_are_touched_and_the_father_is_not() {
        let mother = person(ROLLE_ELTERNTEIL, "Zoë", "1994-03-12", None, Some("w"));
        let unsaid = person(ROLLE_ELTERNTEIL, "Alex", "1993-01-02", None, None);
        let father = person(ROLLE_ELTERNTEIL, "Paweł", "1992-01-30", None, Some(MAENNLICH));
        let mut message =
            notice(vec![kind(Some("Bremen")), mother.clone(), unsaid.clone(), father.clone()], "");
        assert_eq!(run(&mut message), Ok(Flow::Next));
        let opening = opened_by(&message);
        assert_eq!((opening.amt.as_str(), opening.why), ("jugendamt-bremen", Why::Parked));
        assert_eq!(opening.delivery, message.envelope.head.id);
        let tafeln = tafeln();
        let child = Kind {
            namen: vec![kind(None).name],
            geburtsdatum: kind(None).geburtsdatum,
            geburtsort: Some("Bremen".into()),
            ..Kind::default()
        };
        let keys_of = |person: &Person| {
            let geburtsdatum = person.geburtsdatum.unwrap_or_default();
            let mutter = Mutter { name: person.name.clone(), geburtsdatum, ..Mutter::default() };
            objection::under(&tafeln.gemeinden, Some(&child), &mutter)
        };
        for parent in [&mother, &unsaid] {
            let keys = keys_of(parent);
            assert!(!keys.is_empty() && keys.iter().all(|key| opening.under.contains(key)));
        }
        // By what stands under the child's own data he would be met, too; under his there is nothing.
        let of_both = [keys_of(&mother), keys_of(&unsaid)].concat();
        let his: Vec<SearchKey> = keys_of(&father).into_iter().filter(|key| !of_both.contains(key)).collect();
        assert!(!his.is_empty() && his.iter().all(|key| !opening.under.contains(key)));
        let own = message.vorgang.as_ref().unwrap();
        assert!(own.vorgang.akte.unter.is_empty() && own.vorgang.state == VorgangState::BeimJugendamt);
        assert_eq!(own.key, keys::hinweis(&message.record.kopf.nachrichten_uuid));
        assert!(message.record.personen.is_empty() && message.effects.mirror.is_empty());
        let told = serde_json::to_string(&own.vorgang).unwrap();
        assert!(!["Müller", "Lía", "Zoë", "Pawe"].iter().any(|name| told.contains(name)), "{told}");
        // The daily list names it by our id of it, which leads to the task.
        let by_id = keys::hinweis(&message.envelope.head.id.to_string());
        let alias = message.effects.vorgaenge.iter().find(|change| change.key == by_id).unwrap();
        assert_eq!(
            alias.vorgang.akte.transaktionsid.as_deref(),
            Some(&*message.record.kopf.nachrichten_uuid)
        );
    }

    #[test]
    fn without_a_child_it_stands_against_the_office_that_is_named() {
        let other = person("anwalt", "Eva", "1980-01-01", Some("Bremen"), None);
        for personen in [vec![], vec![other]] {
            let mut message = notice(personen, "JUGENDAMT BREMEN");
            assert_eq!(run(&mut message), Ok(Flow::Next));
            let opening = opened_by(&message);
            assert_eq!((opening.amt.as_str(), opening.why), ("jugendamt-bremen", Why::Unreadable));
            assert!(opening.under.is_empty());
        }
        for nobody in ["Jugendamt Musterhausen", ""] {
            assert!(matches!(run(&mut notice(vec![], nobody)), Err(Trouble::Ours(_))), "{nobody}");
        }
    }

    #[test]
    fn a_birthplace_that_is_not_certain_is_nobodys_whoever_is_named() {
        let mut abroad = kind(Some("Bremen"));
        abroad.geburtsstaat = Some("368".into());
        let elsewhere = person(ROLLE_KIND, "Noah", "2024-08-05", Some("Hamburg"), None);
        for children in [
            vec![kind(Some("Musterhausen"))],
            vec![abroad],
            vec![kind(Some("Bremen")), elsewhere],
            vec![kind(Some("Bremen")), kind(None)],
        ] {
            let mut message = notice(children, "Jugendamt Bremen");
            assert_eq!(run(&mut message), Ok(Flow::Next));
            let own = message.vorgang.clone().unwrap().vorgang;
            assert!(own.owner.is_empty() && !own.akte.unter.is_empty());
            assert_eq!(opened_by(&message).why, Why::Unowned);
        }
        let mut message = notice(vec![kind(None)], "Jugendamt Bremen");
        run(&mut message).unwrap();
        assert_eq!(message.vorgang.unwrap().vorgang.owner, "jugendamt-bremen");
    }

    #[test]
    fn a_court_is_itself_and_a_proceeding_is_no_list() {
        let mut message = notice(vec![kind(Some("Bremen"))], "");
        message.record.kopf.autor =
            Behoerde { praefix: "gericht".into(), kennung: "H1101".into(), name: String::new() };
        let Err(Trouble::Rejected(told)) = run(&mut message) else { panic!() };
        assert_eq!((told[0].fault, told[0].rule.as_deref()), (Fault::Authority, Some("absender-fremd")));
        message.sender.identities.push("gericht:H1101".into());
        assert_eq!(run(&mut message), Ok(Flow::Next));
        let mut message = notice(vec![kind(Some("Bremen")); MOST + 1], "");
        let Err(Trouble::Rejected(told)) = run(&mut message) else { panic!() };
        assert_eq!(told[0].rule.as_deref(), Some("zu-viele-beteiligte"));
    }
}
