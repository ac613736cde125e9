//! What an authority says of a change of persons, the same whatever standard it came in, and whom of the mirror it may concern
//! (rules.md 2.3). Pure: makes keys and judges records that were found; nothing here changes a record or decides an answer.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::register::fristen::satz_endet;
use crate::register::gemeinden::{Gemeinden, Verhaeltnis};
use crate::register::keys::{self, SearchKey};
use crate::register::namen::{self, Wort, teilen_eines};
use crate::register::once::once;
use crate::register::record::{
    Kind, MAENNLICH, Mutter, Person, Personenname, ROLLE_ELTERNTEIL, ROLLE_KIND, Record, Registersatz,
    TeilDatum, WEIBLICH,
};

/// Everybody of whom a message speaks, as persons; where a standard names a child and its mother, these.
pub fn beteiligte(record: &Record) -> Vec<Person> {
    let kind = record.kind.iter().flat_map(|kind| {
        let names = if kind.namen.is_empty() { vec![Personenname::default()] } else { kind.namen.clone() };
        names.into_iter().map(|name| Person {
            name,
            geburtsdatum: kind.geburtsdatum,
            geburtsort: kind.geburtsort.clone(),
            geburtsstaat: kind.geburtsstaat.clone(),
            rollen: vec![ROLLE_KIND.to_owned()],
            ..Person::default()
        })
    });
    let mutter = record.mutter.iter().map(|mutter| Person {
        name: mutter.name.clone(),
        geburtsdatum: Some(mutter.geburtsdatum).filter(|datum| datum.jahr > 0),
        geburtsort: mutter.geburtsort.clone(),
        geburtsstaat: mutter.geburtsstaat.clone(),
        familienstand: mutter.familienstand.clone(),
        anschriften: mutter.anschriften.clone(),
        geschlecht: Some(WEIBLICH.to_owned()),
        rollen: vec![ROLLE_ELTERNTEIL.to_owned()],
        ..Person::default()
    });
    record.personen.iter().cloned().chain(kind).chain(mutter).collect()
}

/// What is looked for in the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gesucht {
    /// Keys of Registersätze.
    pub keys: Vec<SearchKey>,
    /// Days on which the Registersätze of its children end.
    pub enden: Vec<Date>,
}

/// So old a mother is at least, in years of the calendar.
const MUTTER_AB: i16 = 10;
/// No Registersatz is of anybody of this age.
const VOLLJAEHRIG: i16 = 18;

/// What finds all Registersätze that these persons may stand in: each child by its day, whatever it is called; each possible mother by her
/// day with every day on which a child of hers may have been born that is under age. So many keys cost less than one more key of each
/// record would, because few messages ask and many records are kept.
///
/// A date that is known in part is looked for as each day that it may be for a child, and as it is written for a mother: a record that knows
/// her day in part can lead to no automatic answer anyway.
pub fn gesucht(personen: &[Person], heute: Date) -> Gesucht {
    let mut gesucht = Gesucht::default();
    for person in personen {
        let Some(born) = person.geburtsdatum.filter(|datum| datum.jahr > 0) else { continue };
        if born.jahr >= heute.year() - VOLLJAEHRIG - 1 {
            gesucht.enden.extend(enden(&born));
        }
        if may_be_mother(person) && born.jahr <= heute.year() - MUTTER_AB {
            let first = heute.checked_sub(i32::from(VOLLJAEHRIG).years()).unwrap_or(Date::MIN);
            gesucht.keys.extend(keys::der_mutter(&born, first, heute));
        }
    }
    Gesucht { keys: once_sorted(gesucht.keys), enden: once(gesucht.enden) }
}

/// The days on which records of a child of this day end, also of those that know the day in part.
fn enden(born: &TeilDatum) -> Vec<Date> {
    let month = TeilDatum { tag: None, ..*born };
    let year = TeilDatum { monat: None, tag: None, ..*born };
    let days = keys::tage_von(born);
    let days = days.iter().filter_map(|day| TeilDatum::parse(day));
    let end = |born: TeilDatum| satz_endet(&Kind { geburtsdatum: Some(born), ..Kind::default() });
    days.chain([*born, month, year]).filter_map(end).collect()
}

fn once_sorted(mut keys: Vec<SearchKey>) -> Vec<SearchKey> {
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn may_be_mother(person: &Person) -> bool {
    person.geschlecht.as_deref() != Some(MAENNLICH)
}

/// Whether a person may be the child or the mother of a Registersatz: the child by day, place and one name, the mother by her day and one
/// of her names (rules.md 2.3). What is not said proves no difference.
pub fn betrifft(orte: &Gemeinden, person: &Person, satz: &Registersatz) -> bool {
    let Some(born) = person.geburtsdatum else { return false };
    let namen = worte(person);
    let nennt = |other: &[Wort]| namen.is_empty() || other.is_empty() || teilen_eines(&namen, other);
    let own = satz.kind.geburtsdatum.as_ref().or(satz.kind.erwartet.as_ref());
    let place = Kind {
        geburtsort: person.geburtsort.clone(),
        geburtsstaat: person.geburtsstaat.clone(),
        geburtsdatum: person.geburtsdatum,
        ..Kind::default()
    };
    let same_place = || {
        let unsaid = person.geburtsort.as_deref().is_none_or(|ort| ort.trim().is_empty());
        unsaid || orte.verhaeltnis(&place, &satz.kind) != Verhaeltnis::Verschieden
    };
    let child = own.is_some_and(|own| born.vertraeglich(own))
        && nennt(&namen::alle(&satz.kind.namen))
        && same_place();
    let Mutter { name, geburtsdatum, .. } = &satz.mutter;
    let mother = || may_be_mother(person) && born.vertraeglich(geburtsdatum) && nennt(&namen::alle([name]));
    child || mother()
}

/// Every word of every name that a person has or had.
fn worte(person: &Person) -> Vec<Wort> {
    let earlier = person.fruehere_familiennamen.iter().map(|name| Some(name.as_str()));
    let further = earlier.chain([person.rufname.as_deref()]).flat_map(namen::worte);
    namen::alle([&person.name]).into_iter().chain(further).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::register::gemeinden::falten;
    use crate::register::record::{Eintragung, Quelle, Vermerk};

    const HEUTE: Date = Date::constant(2026, 11, 21);

    fn name(familienname: &str, vornamen: &str) -> Personenname {
        Personenname {
            familienname: Some(familienname.into()),
            geburtsname: None,
            vornamen: Some(vornamen.into()),
        }
    }

    fn satz() -> Registersatz {
        let kind = Kind {
            namen: vec![name("Müller", "Lía Anna")],
            geburtsort: Some("Bremen".into()),
            geburtsdatum: TeilDatum::parse("2024-08-05"),
            ..Kind::default()
        };
        let geburtsdatum = TeilDatum::parse("1994-03-12").unwrap();
        let mutter = Mutter { name: name("Müller", "Zoë"), geburtsdatum, ..Mutter::default() };
        let quelle = Quelle {
            message: "xfamilie.0804".into(),
            nachrichten_uuid: String::new(),
            autor: String::new(),
            erstellungszeitpunkt: Timestamp::UNIX_EPOCH,
            empfangen: None,
            transaktionsid: None,
            spaetestens: None,
        };
        Registersatz { mutter, kind, eintragung: Eintragung::default(), quelle, vermerk: Vermerk::default() }
    }

    fn orte() -> Gemeinden {
        let mut orte = Gemeinden::default();
        orte.add(falten("Bremen"), "040110000000");
        orte.add(falten("Hamburg"), "020000000000");
        orte
    }

    fn person(familienname: &str, vornamen: &str, tag: &str) -> Person {
        Person {
            name: name(familienname, vornamen),
            geburtsdatum: TeilDatum::parse(tag),
            ..Person::default()
        }
    }

    #[test]
    fn child_and_mother_are_met_by_day_and_one_name() {
        let ort = |ort: &str, person: Person| Person { geburtsort: Some(ort.into()), ..person };
        let of = |geschlecht: &str, person: Person| Person { geschlecht: Some(geschlecht.into()), ..person };
        let earlier = Person {
            fruehere_familiennamen: vec!["Mueller".into()],
            ..person("Schmidt", "Anders", "1994-03-12")
        };
        for (person, met) in [
            (person("Schmidt", "Anna", "2024-08-05"), true),
            (person("Mueller", "Mia", "2024-08-05"), true),
            (person("Schmidt", "Mia", "2024-08-05"), false),
            (person("Müller", "Lía Anna", "2024-08-06"), false),
            (person("Müller", "Lía Anna", "2024-08"), true),
            (ort("Bremen", person("Müller", "Lía", "2024-08-05")), true),
            (ort("Musterhausen", person("Müller", "Lía", "2024-08-05")), true),
            (ort("Hamburg", person("Müller", "Lía", "2024-08-05")), false),
            (of(MAENNLICH, person("Müller", "Lía", "2024-08-05")), true),
            (person("Schmidt", "Zoë", "1994-03-12"), true),
            (person("Müller", "Eva", "1994-03-12"), true),
            (earlier, true),
            (person("Schmidt", "Eva", "1994-03-12"), false),
            (of(MAENNLICH, person("Müller", "Jan", "1994-03-12")), false),
            (ort("Hamburg", person("Müller", "Zoë", "1994-03-12")), true),
            (Person { name: name("Müller", "Zoë"), ..Person::default() }, false),
        ] {
            let tag = person.geburtsdatum.map(|datum| datum.to_string());
            assert_eq!(betrifft(&orte(), &person, &satz()), met, "{tag:?}");
        }
    }

    #[test]
    fn whoever_is_met_is_looked_for() {
        let satz = satz();
        let stands = keys::of(&satz);
        let end = satz_endet(&satz.kind).unwrap();
        for (person, found) in [
            (person("X", "Y", "2024-08-05"), true),
            (person("X", "Y", "2024-08"), true),
            (person("X", "Y", "2024"), true),
            (person("X", "Y", "1994-03-12"), true),
            (person("X", "Y", "1994-03-13"), false),
            (person("X", "Y", "2024-08-06"), false),
            (Person { geschlecht: Some(MAENNLICH.into()), ..person("X", "Y", "1994-03-12") }, false),
        ] {
            let gesucht = gesucht(&[person], HEUTE);
            let by_key = gesucht.keys.iter().any(|key| stands.contains(key));
            assert_eq!(by_key || gesucht.enden.contains(&end), found);
        }
        // Of a record that knows the child's day in part, too.
        let mut partial = satz;
        partial.kind.geburtsdatum = TeilDatum::parse("2024-08");
        let asked = gesucht(&[person("X", "Y", "2024-08-05")], HEUTE);
        assert!(asked.enden.contains(&satz_endet(&partial.kind).unwrap()));
    }

    #[test]
    fn a_child_and_its_mother_of_another_standard_are_persons() {
        let satz = satz();
        let record =
            Record { mutter: Some(satz.mutter.clone()), kind: Some(satz.kind.clone()), ..Record::default() };
        let all = beteiligte(&record);
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|person| betrifft(&orte(), person, &satz)));
        assert!(beteiligte(&Record::default()).is_empty());
    }
}
