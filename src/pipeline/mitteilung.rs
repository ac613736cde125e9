//! The verb `mitteilung`: a court or a notary says something of a child and its parents. The Geburts-Jugendamt gets a task, and until the
//! notice is ended nothing about child and mother is answered automatically (rules.md 10); it is never an Eintragung. What it says of a
//! father and of documents is neither kept nor looked at.

use std::sync::Arc;

use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Question, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::notice::{self, Paar};
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::{hinweis, settings};
use crate::register::aemter::{Amt, tag};
use crate::register::gemeinden::{Gemeinden, falten};
use crate::register::keys::{self, SearchKey};
use crate::register::objection::{Opening, Why};
use crate::register::once::once;
use crate::register::record::{
    Behoerde, Kind, MAENNLICH, Mutter, Person, Personenname, ROLLE_ELTERNTEIL, ROLLE_KIND, WEIBLICH,
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
    /// Whether one of them is the mother for certain, and found by her name and day.
    mutter_bekannt: bool,
}

/// So old a mother is at least, in years of the calendar.
const MUTTER_AB: i16 = 10;
/// So old a child is at most.
const KIND_BIS: i16 = 18;

impl Betroffene {
    /// No standard of the courts tells mother from father by role, and where the father began the proceeding she is named by another one
    /// than that of a parent. So everybody who is not said to be a man, and is no child by role or age, may be her.
    fn of(personen: &[Person], am: Date) -> Betroffene {
        let has = |person: &Person, rolle: &str| person.rollen.iter().any(|own| own == rolle);
        let younger =
            |person: &Person, than: i16| person.geburtsdatum.is_some_and(|born| born.jahr > am.year() - than);
        let is_child = |person: &Person| {
            has(person, ROLLE_KIND) || (younger(person, KIND_BIS) && !has(person, ROLLE_ELTERNTEIL))
        };
        let kinder: Vec<Kind> = personen
            .iter()
            .filter(|person| is_child(person))
            .map(|person| Kind {
                namen: namen(person),
                geburtsort: person.geburtsort.clone(),
                geburtsstaat: person.geburtsstaat.clone(),
                geburtsdatum: person.geburtsdatum,
                ..Kind::default()
            })
            .collect();
        let may_be = |person: &&Person| {
            let parent = has(person, ROLLE_ELTERNTEIL) || !is_child(person);
            let said = person.name != Personenname::default();
            parent && said && !younger(person, MUTTER_AB) && person.geschlecht.as_deref() != Some(MAENNLICH)
        };
        let candidates: Vec<&Person> = personen.iter().filter(may_be).collect();
        let women: Vec<&&Person> =
            candidates.iter().filter(|person| person.geschlecht.as_deref() == Some(WEIBLICH)).collect();
        let certain = |person: &Person| {
            let day = person.geburtsdatum.is_some_and(|born| born.vollstaendig());
            let alone = candidates.len() == 1 || has(person, ROLLE_ELTERNTEIL);
            day && alone && person.name.familienname.is_some() && person.name.vornamen.is_some()
        };
        let mutter_bekannt = matches!(women.as_slice(), [one] if certain(one));
        let muetter = candidates.iter().flat_map(|person| {
            let geburtsdatum = person.geburtsdatum.unwrap_or_default();
            namen(person).into_iter().map(move |name| Mutter { name, geburtsdatum, ..Mutter::default() })
        });
        Betroffene { muetter: muetter.collect(), kinder, mutter_bekannt }
    }

    /// The children that no request would be found to be about by what is said of them: of each no key with all its parts is known, and
    /// no mother for certain. Where no child is named at all it is one of which nothing is known.
    fn unbestimmt(&self, orte: &Gemeinden) -> Vec<Kind> {
        if self.mutter_bekannt {
            return Vec::new();
        }
        let unknown = |kind: &&Kind| keys::hinweis_unter(orte, Some(kind), &Mutter::default()).is_empty();
        match self.kinder.is_empty() {
            true => vec![Kind::default()],
            false => self.kinder.iter().filter(unknown).cloned().collect(),
        }
    }

    /// Each child with each mother; a child alone where no mother is known, and a mother alone where no child is.
    fn paare(&self) -> Vec<Paar<'_>> {
        let mut muetter = self.muetter.clone();
        if muetter.is_empty() {
            muetter.push(Mutter::default());
        }
        let of = |mutter: Mutter| -> Vec<Paar<'_>> {
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

impl Step for Mitteilung {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        notice::own_sender(message)?;
        let am = tag(message.now());
        let betroffene = Betroffene::of(&message.record.personen, am);
        if betroffene.kinder.len() > MOST || betroffene.muetter.len() > 2 * MOST {
            let text = "Die Nachricht nennt mehr Beteiligte, als zu einer Mitteilung gehören.";
            return Err(Rejection::new(Fault::Other, text).rule("zu-viele-beteiligte").into());
        }
        let paare = betroffene.paare();
        let orte = &self.tafeln.gemeinden;
        let office = self.office(message, &betroffene).map(|amt| amt.id.clone());
        let under = notice::open_under(orte, &paare);
        let mut change = self.change(message, office.as_deref(), &under);
        let ort = notice::one_place(orte, betroffene.kinder.iter());
        change.vorgang.akte.ort = ort.filter(|_| office.is_some());
        let questions: Vec<Question> =
            std::iter::once(&change.key).chain(&under).cloned().map(Question::Vorgang).collect();
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        hinweis::one_notice(message, change.vorgang.id)?;
        let subject = |(kind, mutter): &Paar<'_>| kind.map(|kind| keys::child(kind, mutter));
        // When its task has ended it goes, whatever becomes of the children's records (rules.md 10).
        message.effects.subjects = once(paare.iter().filter_map(subject).chain([change.key.clone()]));
        let offen = change.vorgang.id;
        let under = under.into_iter().map(|key| (key, vec![offen])).collect();
        let changes = hinweis::opened(message, 1, under)?;
        message.effects.vorgaenge.extend(changes);
        // The daily list names it by our id of it.
        let (uuid, ours) =
            (message.record.kopf.nachrichten_uuid.clone(), message.envelope.head.id.to_string());
        message.effects.vorgaenge.push(notice::leads_to(message, &change.vorgang, &ours, &uuid));
        for opening in self.openings(message, office.as_deref(), &betroffene, &paare) {
            let listed = office.as_deref() == Some(opening.amt.as_str());
            notice::open(message, opening, listed);
        }
        message.audit("mitteilung.offen", &[("hinweis", &change.vorgang.id.to_string())]);
        message.keep_vorgang(change);
        // Nobody after this one looks at anybody that takes part.
        message.record.personen.clear();
        Ok(Flow::Next)
    }
}

impl Mitteilung {
    /// What stands against answers besides the Vorgang, and lists it: one that names it for its office, or for the operator where no
    /// connected office can end it. Each register that a child may stand in of which too little is said is J as a whole.
    fn openings(
        &self,
        message: &Message,
        office: Option<&str>,
        betroffene: &Betroffene,
        paare: &[Paar<'_>],
    ) -> Vec<Opening> {
        let orte = &self.tafeln.gemeinden;
        let unbestimmt = betroffene.unbestimmt(orte);
        let blocked: Vec<String> = match office {
            Some(office) if !unbestimmt.is_empty() => vec![office.to_owned()],
            Some(_) => Vec::new(),
            None => notice::may_hold(&self.tafeln, &unbestimmt, message.now()),
        };
        let owner = office
            .filter(|office| hinweis::closable(&self.tafeln.aemter, &self.reach, office, message.now()));
        let own = Uuid::try_parse(message.record.kopf.nachrichten_uuid.trim()).ok();
        let delivery = match owner {
            Some(_) => message.envelope.head.id,
            None => own.unwrap_or(message.envelope.head.id),
        };
        let content = message.derived_id(ENTRY.word);
        let opening =
            |amt: &str, why: Why| notice::opening(message, orte, (amt, why), (delivery, content), paare);
        let listed = match owner {
            Some(owner) if blocked.iter().any(|amt| amt == owner) => None,
            Some(owner) => Some(opening(owner, Why::Parked)),
            None => Some(opening("", Why::Unowned)),
        };
        let blocks = blocked.iter().map(|amt| opening(amt, Why::Unreadable));
        listed.into_iter().chain(blocks).collect()
    }

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
            rueckmeldung: Some(Box::new(rueckmeldung)),
            ..notice::akte(message, message.envelope.head.id, under)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Fact, VorgangState};
    use crate::pipeline::testing::{answering, bench, building, message};
    use crate::register::aemter::Gebiet;
    use crate::register::objection::{self, MADE_OF_NOTICE, ObjectionChange};
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
        let step = building(|building| build(&json!({}), &Building { tafeln: tafeln(), ..building.clone() }))
            .unwrap();
        answering(message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(None))
    }

    fn openings(message: &Message) -> Vec<&Opening> {
        let changes = message.effects.objections.iter();
        changes
            .filter_map(|change| match change {
                ObjectionChange::Open(opening) => Some(&**opening),
                _ => None,
            })
            .collect()
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
        assert!(!own.vorgang.akte.unter.is_empty() && own.vorgang.state == VorgangState::BeimJugendamt);
        assert!(opening.about.is_empty() && opening.made == MADE_OF_NOTICE, "its task alone ends it");
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
        let other = person("anwalt", "Jan", "1980-01-01", Some("Bremen"), Some(MAENNLICH));
        for personen in [vec![], vec![other]] {
            let mut message = notice(personen, "JUGENDAMT BREMEN");
            assert_eq!(run(&mut message), Ok(Flow::Next));
            let opening = opened_by(&message);
            assert_eq!((opening.amt.as_str(), opening.why), ("jugendamt-bremen", Why::Unreadable));
            assert!(opening.under.is_empty());
        }
        for nobody in ["Jugendamt Musterhausen", ""] {
            let mut message = notice(vec![], nobody);
            assert_eq!(run(&mut message), Ok(Flow::Next));
            assert!(message.vorgang.as_ref().is_some_and(|own| own.vorgang.owner.is_empty()));
            let opened = openings(&message);
            let of =
                |why: Why| opened.iter().filter(|one| one.why == why).map(|one| one.amt.as_str()).collect();
            let (blocked, listed): (Vec<&str>, Vec<&str>) = (of(Why::Unreadable), of(Why::Unowned));
            assert_eq!(
                (blocked, listed),
                (vec!["jugendamt-bremen", "jugendamt-hamburg"], vec![""]),
                "{nobody}"
            );
        }
    }

    /// Whether an A about the child of [`kind`] in the register of Bremen would be stopped, by Q or by J.
    fn stops(message: &Message) -> bool {
        let orte = &tafeln().gemeinden;
        let child = Kind {
            namen: vec![kind(None).name],
            geburtsdatum: kind(None).geburtsdatum,
            geburtsort: Some("Bremen".into()),
            ..Kind::default()
        };
        let mother = person("", "Zoë", "1994-03-12", None, None);
        let geburtsdatum = mother.geburtsdatum.unwrap_or_default();
        let mutter = Mutter { name: mother.name, geburtsdatum, ..Mutter::default() };
        let gesucht = keys::Gesucht::of(orte, &child, &mutter);
        let (under, offen) = (objection::asked(&gesucht), gesucht.offen);
        message.effects.vorgaenge.iter().any(|change| offen.contains(&change.key))
            || openings(message).iter().any(|one| {
                let blocks = one.why == Why::Unreadable && one.amt == "jugendamt-bremen";
                blocks || one.under.iter().any(|key| under.contains(key))
            })
    }

    #[test]
    fn whoever_says_less_protects_no_less() {
        let step = building(|building| build(&json!({}), &Building { tafeln: tafeln(), ..building.clone() }))
            .unwrap();
        for left_out in 0..1_u32 << 11 {
            let out = |bit: u32| left_out & (1 << bit) != 0;
            let mut child = kind((!out(0)).then_some(if out(10) { "Brehmen" } else { "Bremen" }));
            let rolle = if out(1) { "antragsgegnerin" } else { ROLLE_ELTERNTEIL };
            let sex = (!out(2)).then_some(WEIBLICH);
            let mut mother = person(rolle, "Zoë", "1994-03-12", None, sex);
            for (bit, field) in [
                (3, &mut child.name.familienname),
                (4, &mut child.name.vornamen),
                (5, &mut mother.name.familienname),
                (6, &mut mother.name.vornamen),
            ] {
                *field = field.take().filter(|_| !out(bit));
            }
            child.geburtsdatum = child.geburtsdatum.filter(|_| !out(7));
            mother.geburtsdatum = mother.geburtsdatum.filter(|_| !out(8));
            let father = person(ROLLE_ELTERNTEIL, "Paweł", "1992-01-30", None, Some(MAENNLICH));
            let mut message =
                notice(vec![child, mother, father], if out(9) { "" } else { "Jugendamt Bremen" });
            let flow =
                answering(&mut message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(None));
            assert_eq!(flow, Ok(Flow::Next), "{left_out:b}");
            assert!(stops(&message), "{left_out:b}");
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
