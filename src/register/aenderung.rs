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
    Aenderung, EHESCHLIESSUNG, GEBURTSEINTRAG, Kind, MAENNLICH, Mutter, Person, Personenname,
    ROLLE_ELTERNTEIL, ROLLE_KIND, Record, Registersatz, TeilDatum, WEIBLICH,
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
/// Marital status (DSMeld) of who was never married, and of whom nobody knows.
const LEDIG: &str = "LD";
const UNBEKANNT: &str = "NB";
/// No Registersatz is of anybody of this age.
const VOLLJAEHRIG: i16 = 18;

/// What finds all Registersätze that these persons may stand in: each child by its day, whatever it is called; each possible mother by her
/// day with every day on which a child of hers may have been born that is under age. So many keys cost less than one more key of each
/// record would, because few messages ask and many records are kept.
///
/// What is said of anybody's sex is passed over: a mother stays the mother whatever her entry says today.
///
/// A date that is known in part is looked for as each day that it may be for a child, and as it is written for a mother: of each day that
/// hers may be there would be some hundred thousand keys, for a year millions. So [`unauffindbar`] says who is for a person to look for.
pub fn gesucht(personen: &[Person], heute: Date) -> Gesucht {
    let mut gesucht = Gesucht::default();
    for person in personen {
        let Some(born) = person.geburtsdatum.filter(|datum| datum.jahr > 0) else { continue };
        if jung_genug(&born, heute) {
            gesucht.enden.extend(enden(&born));
        }
        if alt_genug(&born, heute) {
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

fn jung_genug(born: &TeilDatum, heute: Date) -> bool {
    born.jahr >= heute.year() - VOLLJAEHRIG - 1
}

fn alt_genug(born: &TeilDatum, heute: Date) -> bool {
    born.jahr <= heute.year() - MUTTER_AB
}

/// Whoever may be the mother of a Registersatz and is looked for by nothing, because her day is said in part or not at all: once under each
/// of her names, by which something open around her is found all the same. Of a man only the former: of many fathers no day is known.
pub fn unauffindbar(personen: &[Person], heute: Date) -> Vec<Mutter> {
    let hidden = |person: &&Person| match person.geburtsdatum.filter(|datum| datum.jahr > 0) {
        Some(born) => !born.vollstaendig() && alt_genug(&born, heute),
        None => person.geschlecht.as_deref() != Some(MAENNLICH),
    };
    personen.iter().filter(hidden).flat_map(als_mutter).collect()
}

/// The children of whom no day is said. No request is found to be about such a one, whatever else is said of it: the registers that it may
/// stand in say nothing by themselves, as with a court's notice that says as little.
///
/// Whoever has no role may be a child, but for those of whom a marriage is said, be it as what changed. Where the birth entry is what changed the place that is
/// said proves nothing of the register: the child may stand in any.
fn kinder_ohne_tag(personen: &[Person], aenderung: Option<&Aenderung>) -> Vec<Kind> {
    let marry = personen.len() <= 2 && is_what_changed(EHESCHLIESSUNG, aenderung);
    let child = |person: &&Person| match person.rollen.is_empty() {
        true if marry => false,
        true => person.familienstand.as_deref().is_none_or(|stand| stand == LEDIG || stand == UNBEKANNT),
        false => person.rollen.iter().any(|rolle| rolle == ROLLE_KIND),
    };
    let undated = |person: &&Person| person.geburtsdatum.is_none_or(|datum| datum.jahr == 0);
    let placed = |kind: Kind| match entry_changed(aenderung) {
        true => Kind { geburtsort: None, geburtsstaat: None, ..kind },
        false => kind,
    };
    // Of whoever has more names than are looked for nothing is found either.
    let renamed = |person: &&Person| person.fruehere_familiennamen.len() >= FAMILIENNAMEN;
    let undated = personen.iter().filter(child).filter(undated).map(als_kind).map(placed);
    undated.chain(personen.iter().filter(renamed).map(|_| Kind::default())).collect()
}

/// Whether the entry of a birth is what changed, be it its place.
pub fn entry_changed(aenderung: Option<&Aenderung>) -> bool {
    is_what_changed(GEBURTSEINTRAG, aenderung)
}

fn is_what_changed(wanted: &str, aenderung: Option<&Aenderung>) -> bool {
    aenderung.is_some_and(|aenderung| aenderung.arten.iter().any(|art| art == wanted))
}

fn als_kind(person: &Person) -> Kind {
    Kind {
        namen: namen_von(person),
        geburtsdatum: person.geburtsdatum,
        geburtsort: person.geburtsort.clone(),
        geburtsstaat: person.geburtsstaat.clone(),
        ..Kind::default()
    }
}

/// Whoever a message names and nothing can be looked for.
#[derive(Default)]
pub struct Verborgen {
    /// Those of [`unauffindbar`].
    pub muetter: Vec<Mutter>,
    /// Those of [`kinder_ohne_tag`].
    pub kinder: Vec<Kind>,
}

impl Verborgen {
    /// Of these persons.
    pub fn of(personen: &[Person], aenderung: Option<&Aenderung>, heute: Date) -> Verborgen {
        Verborgen { muetter: unauffindbar(personen, heute), kinder: kinder_ohne_tag(personen, aenderung) }
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.muetter.is_empty() && self.kinder.is_empty()
    }
}

/// As whom the persons of a message may be met by a request.
pub struct Moeglich {
    /// Each of whom a Registersatz may be.
    pub kinder: Vec<Kind>,
    /// Each possible mother, once under each of her names.
    pub muetter: Vec<Mutter>,
    /// Nobody can be looked for as these.
    pub verborgen: Verborgen,
}

/// Everybody whom the persons of a message may be, where nobody has looked in the mirror.
pub fn moeglich(personen: &[Person], aenderung: Option<&Aenderung>, heute: Date) -> Moeglich {
    let known = |person: &&Person| person.geburtsdatum.is_some_and(|datum| datum.jahr > 0);
    let day = |person: &Person| person.geburtsdatum.unwrap_or_default();
    let known = || personen.iter().filter(known);
    Moeglich {
        kinder: known().filter(|person| jung_genug(&day(person), heute)).map(als_kind).collect(),
        muetter: known()
            .filter(|person| day(person).vollstaendig() && alt_genug(&day(person), heute))
            .flat_map(als_mutter)
            .collect(),
        verborgen: Verborgen::of(personen, aenderung, heute),
    }
}

/// Most family names of one person under which something is kept; of whoever has more nothing is looked for.
const FAMILIENNAMEN: usize = 16;

/// The names of a person, one for each family name that it has or had and with the given name in use beside the given ones.
fn namen_von(person: &Person) -> Vec<Personenname> {
    let Personenname { familienname, geburtsname, vornamen } = &person.name;
    let former = person.fruehere_familiennamen.iter().map(|name| Some(name.clone()));
    let families = std::iter::once(familienname.clone()).chain(former).take(FAMILIENNAMEN);
    let given = [vornamen.clone()].into_iter().chain(person.rufname.clone().map(Some));
    let given: Vec<Option<String>> = given.collect();
    let named = |familienname: Option<String>| {
        let of = move |vornamen: &Option<String>| Personenname {
            familienname: familienname.clone(),
            geburtsname: geburtsname.clone(),
            vornamen: vornamen.clone(),
        };
        given.iter().map(of).collect::<Vec<_>>()
    };
    families.flat_map(named).collect()
}

/// A person as a mother, once under each of her names.
fn als_mutter(person: &Person) -> Vec<Mutter> {
    let geburtsdatum = person.geburtsdatum.unwrap_or_default();
    let named = |name| Mutter { name, geburtsdatum, ..Mutter::default() };
    namen_von(person).into_iter().map(named).collect()
}

/// Whether a person may be the child or the mother of a Registersatz: the child by day, place and one name, the mother by her day and one
/// of her names (rules.md 2.3). What is not said proves no difference, and neither does a birthplace where the birth entry is what changed:
/// then family and given name of the child have to agree as far as they are said, because a day and one name are those of many children elsewhere.
pub fn betrifft(
    orte: &Gemeinden,
    aenderung: Option<&Aenderung>,
    person: &Person,
    satz: &Registersatz,
) -> bool {
    let Some(born) = person.geburtsdatum else { return false };
    let namen = worte(person);
    let agree =
        |said: &[Wort], known: &[Wort]| said.is_empty() || known.is_empty() || teilen_eines(said, known);
    let nennt = |other: &[Wort]| agree(&namen, other);
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
    let same_names = || {
        let (given, family) = (vornamen(person), familie(person));
        let mut known = satz.kind.namen.iter();
        satz.kind.namen.is_empty()
            || known
                .any(|name| agree(&given, &namen::vornamen(name)) && agree(&family, &namen::familie(name)))
    };
    let child = own.is_some_and(|own| born.vertraeglich(own))
        && nennt(&namen::alle(&satz.kind.namen))
        && (same_place() || entry_changed(aenderung) && same_names());
    let Mutter { name, geburtsdatum, .. } = &satz.mutter;
    let mother = || born.vertraeglich(geburtsdatum) && nennt(&namen::alle([name]));
    child || mother()
}

/// Every word of every name that a person has or had.
fn worte(person: &Person) -> Vec<Wort> {
    familie(person).into_iter().chain(vornamen(person)).collect()
}

fn familie(person: &Person) -> Vec<Wort> {
    let earlier = person.fruehere_familiennamen.iter().flat_map(|name| namen::worte(Some(name)));
    namen::familie(&person.name).into_iter().chain(earlier).collect()
}

fn vornamen(person: &Person) -> Vec<Wort> {
    let in_use = namen::worte(person.rufname.as_deref());
    namen::vornamen(&person.name).into_iter().chain(in_use).collect()
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
            (of(MAENNLICH, person("Müller", "Jan", "1994-03-12")), true),
            (ort("Hamburg", person("Müller", "Zoë", "1994-03-12")), true),
            (Person { name: name("Müller", "Zoë"), ..Person::default() }, false),
        ] {
            let tag = person.geburtsdatum.map(|datum| datum.to_string());
            assert_eq!(betrifft(&orte(), None, &person, &satz()), met, "{tag:?}");
        }
    }

    #[test]
    fn where_the_birth_entry_changed_another_place_proves_nothing_of_whoever_has_the_names() {
        let changed = Aenderung { arten: vec![GEBURTSEINTRAG.into()], ..Aenderung::default() };
        let moved = Aenderung { arten: vec!["umzug".into()], ..Aenderung::default() };
        for (aenderung, familie, vornamen, met) in [
            (&changed, "Mueller", "Anna", true),
            (&changed, "Müller", "Mia", false),
            (&changed, "Schmidt", "Lía", false),
            (&changed, "Müller", "", true),
            (&changed, "", "Lía", true),
            (&changed, "", "", true),
            (&changed, "Schmidt", "", false),
            (&moved, "Müller", "Lía Anna", false),
        ] {
            let elsewhere =
                Person { geburtsort: Some("Hamburg".into()), ..person(familie, vornamen, "2024-08-05") };
            assert_eq!(betrifft(&orte(), Some(aenderung), &elsewhere, &satz()), met, "{vornamen} {familie}");
        }
    }

    /// Whoever asks for a child of hers meets what stands under her names and days, and other mothers do not.
    #[test]
    fn of_whom_nothing_can_be_looked_for_is_found_by_whoever_asks() {
        let satz = satz();
        let hidden = |person: Person| unauffindbar(&[person], HEUTE);
        for whole in ["1994-03-12", "2024-08-05", "2020-08", "2020"] {
            assert!(hidden(person("Müller", "Zoë", whole)).is_empty(), "{whole}");
        }
        let man = |tag| Person { geschlecht: Some(MAENNLICH.into()), ..person("Müller", "Zoë", tag) };
        assert!(hidden(Person { geburtsdatum: None, ..man("1994") }).is_empty());
        let former = Person {
            fruehere_familiennamen: vec!["Müller".into()],
            rufname: Some("Zoë".into()),
            ..person("Schmidt", "Mia", "1994")
        };
        let undated = Person { geburtsdatum: None, ..person("Müller", "Zoë", "1994") };
        for (person, met) in [
            (person("Müller", "Zoë", "1994-03"), true),
            (person("Müller", "Zoë", "1994"), true),
            (person("Schmidt", "Zoë", "1994"), true),
            (former, true),
            (man("1994"), true),
            (undated, true),
            (person("Müller", "Zoë", "1994-04"), false),
            (person("Müller", "Zoë", "1995"), false),
            (person("Schmidt", "Mia", "1994"), false),
        ] {
            let under = hidden(person).into_iter().flat_map(|mutter| match mutter.geburtsdatum.jahr {
                0 => keys::offen(&orte(), None, &mutter),
                _ => keys::ihre_tage(None, &mutter),
            });
            let asked = keys::Gesucht::of(&orte(), &satz.kind, &satz.mutter).offen;
            assert_eq!(under.into_iter().any(|key| asked.contains(&key)), met);
        }
    }

    #[test]
    fn without_a_day_whoever_may_be_a_child_is_one_and_a_changed_entry_tells_no_place() {
        let changed = Aenderung { arten: vec![GEBURTSEINTRAG.into()], ..Aenderung::default() };
        let undated = |rolle: &str, stand: &str| Person {
            geburtsdatum: None,
            geburtsort: Some("Hamburg".into()),
            rollen: Some(rolle.to_owned()).filter(|rolle| !rolle.is_empty()).into_iter().collect(),
            familienstand: Some(stand.to_owned()).filter(|stand| !stand.is_empty()),
            ..person("Müller", "Lía", "2024")
        };
        for (rolle, stand, child) in [
            (ROLLE_KIND, "", true),
            (ROLLE_KIND, "VH", true),
            (ROLLE_ELTERNTEIL, "", false),
            ("", "", true),
            ("", "LD", true),
            ("", "VH", false),
        ] {
            for (aenderung, ort) in [(None, Some("Hamburg")), (Some(&changed), None)] {
                let kinder = Verborgen::of(&[undated(rolle, stand)], aenderung, HEUTE).kinder;
                assert_eq!(kinder.len(), usize::from(child), "{rolle} {stand}");
                assert!(kinder.iter().all(|kind| kind.geburtsort.as_deref() == ort));
            }
        }
    }

    #[test]
    fn who_marries_is_no_child_and_who_has_too_many_names_is_hidden() {
        let undated = |vornamen: &str| Person { geburtsdatum: None, ..person("Müller", vornamen, "2024") };
        let marriage = Aenderung { arten: vec![EHESCHLIESSUNG.into()], ..Aenderung::default() };
        let hidden = |personen: &[Person]| Verborgen::of(personen, Some(&marriage), HEUTE).kinder.len();
        assert_eq!(hidden(&[undated("Eva"), undated("Jan")]), 0);
        assert_eq!(
            hidden(&[undated("Eva"), undated("Jan"), undated("Lía")]),
            3,
            "one of three may be their child"
        );
        let child = Person { rollen: vec![ROLLE_KIND.into()], ..undated("Lía") };
        assert_eq!(hidden(&[undated("Eva"), child]), 1);
        let named = |names: usize| Person {
            fruehere_familiennamen: (0..names).map(|at| format!("Name{at}")).collect(),
            ..person("Müller", "Eva", "1994-03-12")
        };
        assert_eq!((hidden(&[named(15)]), hidden(&[named(16)])), (0, 1));
        let names = namen_von(&named(15));
        assert!(names.iter().any(|name| name.familienname.as_deref() == Some("Name14")));
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
            (Person { geschlecht: Some(MAENNLICH.into()), ..person("X", "Y", "1994-03-12") }, true),
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
        assert!(all.iter().all(|person| betrifft(&orte(), None, person, &satz)));
        assert!(beteiligte(&Record::default()).is_empty());
    }
}
