//! Tests of the search keys: what they find, and what they do not.

use std::collections::BTreeSet;

use super::*;
use crate::register::testing::{kind, mutter, satz};
use proptest::prelude::*;

fn finds(query: (&Kind, &Mutter), kind: &Kind, mutter: &Mutter) -> bool {
    let keys = of(&satz(kind.clone(), mutter.clone()));
    Gesucht::of(&orte(), query.0, query.1).saetze.iter().any(|key| keys.contains(key))
}

fn orte() -> Gemeinden {
    Gemeinden::default()
}

fn day(text: &str) -> TeilDatum {
    TeilDatum::parse(text).unwrap()
}

#[test]
fn spellings_that_are_one_name_meet_and_others_do_not() {
    let with = |family: &str| {
        let mut kind = kind();
        kind.namen[0].familienname = Some(family.into());
        child(&kind, &mutter())
    };
    assert_eq!(with("Müller"), with("MUELLER"));
    assert_eq!(with("Ćirković-Müller"), with("Cirkovic Mueller"));
    assert_ne!(with("Müller"), with("Muller"));
    assert_ne!(with("Γ"), with("Δ"), "letters that the table does not list stay apart");
    assert_ne!(with("Γ"), with(""));
}

proptest! {
    #[test]
    fn parts_are_normalised_alike_whatever_they_are_made_of(
        parts in prop::collection::vec("[ -~\\t\\x0b\\x1c]{0,12}|\\PC{0,8}|[aäÄß\u{308}\u{a0} ]{0,8}", 1..4),
    ) {
        let slow = |part: &String| {
            let folded: String = part.nfc().flat_map(char::to_uppercase).collect();
            folded.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let key = SearchKey::new("x", parts.iter().map(String::as_str));
        prop_assert_eq!(&*key.value, parts.iter().map(slow).collect::<Vec<_>>().join("\u{1f}"));
    }
}

#[test]
fn keys_of_ids_are_not_folded() {
    assert_ne!(vorgang("kita", "a-b"), vorgang("kita", "ab"));
    assert_ne!(vorgang("kita", "ä"), vorgang("kita", "ae"));
}

#[test]
fn keys_print_redacted_and_the_first_is_the_identity() {
    let satz = satz(kind(), mutter());
    let keys = of(&satz);
    assert_eq!(keys[0], child(&satz.kind, &satz.mutter));
    let printed = format!("{keys:?}");
    assert!(printed.contains("tage") && !printed.contains("MUELLER") && !printed.contains("2024"));
}

#[test]
fn what_a_request_looks_under_is_known_by_its_class() {
    let classes: BTreeSet<&str> =
        Gesucht::of(&orte(), &kind(), &mutter()).saetze.iter().map(SearchKey::class).collect();
    assert_eq!(classes, BTreeSet::from(GESUCHT));
    let unborn = Kind { geburtsdatum: None, erwartet: Some(day("2024-07")), ..kind() };
    for kind in [kind(), unborn] {
        assert!(alt::of(&satz(kind, mutter())).iter().all(SearchKey::gesucht));
    }
    for other in [super::satz(uuid::Uuid::nil()), nummer(uuid::Uuid::nil()), klaerfall("a")] {
        assert!(!other.gesucht());
    }
}

#[test]
fn keys_of_what_is_open_come_back_from_words() {
    let mut keys = Gesucht::of(&orte(), &kind(), &mutter()).offen;
    keys.extend(alt::offen(Some(&kind()), &Mutter { geburtsdatum: day("1994"), ..mutter() }));
    assert_eq!(aus_worten(&in_worten(&keys)), keys);
    assert!(aus_worten(&["kind\u{1e}X".to_owned(), "offen-kind".to_owned()]).is_empty());
}

#[test]
fn what_is_open_is_found_whatever_one_part_was_unknown_or_different() {
    let (asked_kind, asked_mutter) = (kind(), mutter());
    let found = |kind: Option<&Kind>, mutter: &Mutter| {
        let asked = Gesucht::of(&orte(), &asked_kind, &asked_mutter).offen;
        offen(&orte(), kind, mutter).iter().any(|key| asked.contains(key))
    };
    let kinder = [
        ("as asked", Some(asked_kind.clone())),
        ("no child", None),
        ("no day of the child", Some(Kind { geburtsdatum: None, ..asked_kind.clone() })),
        ("its month only", Some(Kind { geburtsdatum: TeilDatum::parse("2024-08"), ..asked_kind.clone() })),
        ("another day", Some(Kind { geburtsdatum: TeilDatum::parse("2019-01-01"), ..asked_kind.clone() })),
    ];
    let muetter = [
        ("as asked", asked_mutter.clone()),
        ("no day of the mother", Mutter { geburtsdatum: TeilDatum::default(), ..asked_mutter.clone() }),
        ("her year only", Mutter { geburtsdatum: day("1990"), ..asked_mutter.clone() }),
        ("another day of hers", Mutter { geburtsdatum: day("1971-01-01"), ..asked_mutter.clone() }),
        ("another first name", mit(&asked_mutter, |name| name.vornamen = Some("Rosa".into()))),
        ("no first name", mit(&asked_mutter, |name| name.vornamen = None)),
        ("another family name", mit(&asked_mutter, |name| name.familienname = Some("Sommer".into()))),
    ];
    for (of_kind, kind) in &kinder {
        for (of_mutter, mutter) in &muetter {
            // Only where neither the child's day nor hers is right it is hidden.
            let ihr_tag =
                ["another day of hers", "her year only", "no day of the mother"].contains(of_mutter);
            let hidden = *of_kind == "another day" && ihr_tag;
            assert_eq!(found(kind.as_ref(), mutter), !hidden, "{of_kind}, {of_mutter}");
        }
    }
    let other = Mutter {
        geburtsdatum: day("1971-01-01"),
        ..mit(&asked_mutter, |name| name.vornamen = Some("Rosa".into()))
    };
    let elsewhere = Kind { geburtsort: Some("Hamburg".into()), register_ars: None, ..asked_kind.clone() };
    let nobody = mit(&other, |name| name.familienname = Some("Sommer".into()));
    assert!(found(Some(&asked_kind), &nobody), "the child's day, place and one name");
    assert!(!found(Some(&elsewhere), &nobody), "a child of the same day and name alone is no reason");
    assert!(!found(None, &mit(&Mutter::default(), |name| name.vornamen = Some("Rosa".into()))));
}

fn mit(mutter: &Mutter, change: impl Fn(&mut Personenname)) -> Mutter {
    let mut other = mutter.clone();
    change(&mut other.name);
    other
}

#[test]
fn a_record_from_before_the_birth_is_found_without_one_part_of_its_mother() {
    let unborn = Kind { erwartet: Some(day("2024-07")), ..Kind::default() };
    let rosa = mit(&mutter(), |name| name.vornamen = Some("Rosa".into()));
    let sommer = mit(&mutter(), |name| name.familienname = Some("Sommer".into()));
    let unknown = |mutter: Mutter| Mutter { geburtsdatum: day("1994"), ..mutter };
    for other in [&rosa, &sommer, &unknown(mutter())] {
        assert!(finds((&kind(), &mutter()), &unborn, other));
    }
    let late = Kind { erwartet: Some(day("2025-02")), ..Kind::default() };
    assert!(!finds((&kind(), &mutter()), &late, &unknown(mutter())), "neither her day nor the month");
}

#[test]
fn a_second_name_has_keys_of_its_own_but_no_identity() {
    let mut both = kind();
    let mut other = both.namen[0].clone();
    other.familienname = Some("Sommer".into());
    both.namen.push(other.clone());
    let keys = of(&satz(both, mutter()));
    assert_eq!(keys.iter().filter(|key| key.class() == "kind").count(), 1);
    assert_eq!(keys.iter().filter(|key| key.class() == "name-mutter").count(), 2);
    let mut asked = kind();
    asked.namen = vec![other];
    asked.geburtsdatum = Some(day("2024-08-06"));
    assert!(Gesucht::of(&orte(), &asked, &mutter()).saetze.iter().any(|key| keys.contains(key)));
}

#[test]
fn a_child_not_yet_born_is_found_by_its_mother() {
    let unborn = Kind { erwartet: Some(day("2024-08-01")), ..Kind::default() };
    assert!(finds((&kind(), &mutter()), &unborn, &mutter()));
    let mut double = mutter();
    double.name.vornamen = Some("ZOE-Marie".into());
    assert!(finds((&kind(), &mutter()), &unborn, &double));
    let mut another = mutter();
    another.geburtsdatum = day("1994-03-13");
    assert!(finds((&kind(), &mutter()), &unborn, &another), "by her names in the month");
    another.name.vornamen = Some("Rosa".into());
    another.name.geburtsname = None;
    another.name.familienname = Some("Sommer".into());
    assert!(!finds((&kind(), &mutter()), &unborn, &another));
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[A-ZÄÖÜ][a-zäöüßéł]{1,8}", "[A-Z][a-z]{1,4}[ -][A-Z][a-z]{1,4}", "[A-Z]{2,9}"]
}

fn days() -> impl Strategy<Value = TeilDatum> {
    (1960i16..2026, 1i8..13, 1i8..29).prop_map(|(jahr, monat, tag)| TeilDatum {
        jahr,
        monat: Some(monat),
        tag: Some(tag),
    })
}

prop_compose! {
    fn children()(family in names(), given in names(), place in names(), born in days(), mother in days())
        -> (Kind, Mutter)
    {
        let (mut kind, mut mutter) = (kind(), mutter());
        kind.namen[0].familienname = Some(family);
        kind.namen[0].vornamen = Some(given);
        kind.geburtsort = Some(place);
        kind.geburtsdatum = Some(born);
        mutter.geburtsdatum = mother;
        (kind, mutter)
    }
}

proptest! {
    #[test]
    fn what_differs_in_one_part_is_found(
        (kind, mutter) in children(),
        (other_kind, other_mutter) in children(),
        part in 0usize..5,
    ) {
        let (mut near, mut near_mutter) = (kind.clone(), mutter.clone());
        match part {
            0 => near.geburtsdatum = other_kind.geburtsdatum,
            1 => near.geburtsort = other_kind.geburtsort,
            2 => near.namen[0].familienname = other_kind.namen[0].familienname.clone(),
            3 => near.namen[0].vornamen = other_kind.namen[0].vornamen.clone(),
            _ => near_mutter.geburtsdatum = other_mutter.geburtsdatum,
        }
        prop_assert!(finds((&kind, &mutter), &near, &near_mutter));
    }

    #[test]
    fn a_part_may_also_be_missing(pair in children(), part in 0usize..4) {
        let (kind, mutter) = pair;
        let mut near = kind.clone();
        match part {
            0 => near.geburtsdatum = None,
            1 => near.geburtsort = None,
            2 => near.namen[0].familienname = None,
            _ => near.namen[0].vornamen = None,
        }
        prop_assert!(finds((&kind, &mutter), &near, &mutter));
    }

    #[test]
    fn other_children_have_another_identity(one in children(), other in children()) {
        let same = |a: &Option<String>, b: &Option<String>| {
            falten(a.as_deref().unwrap_or_default()) == falten(b.as_deref().unwrap_or_default())
        };
        let equal = same(&one.0.namen[0].familienname, &other.0.namen[0].familienname)
            && same(&one.0.namen[0].vornamen, &other.0.namen[0].vornamen)
            && same(&one.0.geburtsort, &other.0.geburtsort)
            && one.0.geburtsdatum == other.0.geburtsdatum
            && one.1.geburtsdatum == other.1.geburtsdatum;
        prop_assert_eq!(child(&one.0, &one.1) == child(&other.0, &other.1), equal);
    }
}

#[test]
fn twins_without_given_names_have_their_entries_as_identity() {
    let unnamed = |number: Option<&str>| {
        let mut kind = kind();
        kind.namen[0].vornamen = None;
        kind.geburtsregister_nummer = number.map(str::to_owned);
        kind
    };
    let key = |number| child(&unnamed(number), &mutter());
    assert_eq!(key(Some("1234/2024")), key(Some("G 2024/01234")));
    assert_ne!(key(Some("1234/2024")), key(Some("1235/2024")));
    assert_ne!(key(Some("1234/2024")), key(None));
    assert_eq!(
        child_alt(&unnamed(Some("1234/2024")), &mutter()),
        Some(key(None)),
        "as the program before knew it"
    );
    assert_eq!(child_alt(&unnamed(None), &mutter()), None);
    assert_eq!(child_alt(&kind(), &mutter()), None, "a named child keeps its identity");
    assert_eq!(child(&kind(), &mutter()), alt::child(&kind(), &mutter()));
    assert!(finds((&unnamed(Some("1235/2024")), &mutter()), &unnamed(Some("1234/2024")), &mutter()));
}

#[test]
fn a_date_known_in_part_meets_the_whole_one_by_an_index() {
    let hers = |text: &str| Mutter { geburtsdatum: day(text), ..mutter() };
    let born = |text: &str| Kind { geburtsdatum: Some(day(text)), ..kind() };
    for (child, mother, met) in [
        ("2024-08-05", "1994-03", true),
        ("2024-08-05", "1994", true),
        ("2024-08", "1994-03-12", true),
        ("2024", "1994-03-12", true),
        ("2024-08", "1994", true),
        ("2024", "1994-03", true),
        ("2024-09", "1994", false),
        ("2024-08-06", "1994", false),
    ] {
        let mut other = born(child);
        other.namen[0] = Personenname { familienname: Some("Sommer".into()), ..Personenname::default() };
        assert_eq!(finds((&kind(), &mutter()), &other, &hers(mother)), met, "{child} {mother}");
    }
}

#[test]
fn a_date_known_in_part_is_met_also_where_the_other_one_is_wrong() {
    let hers = |text: &str| Mutter { geburtsdatum: day(text), ..mutter() };
    let born = |text: &str| Kind { geburtsdatum: Some(day(text)), ..kind() };
    for (child, mother, met) in [
        ("2024-08", "1994-03-21", true),
        ("2024", "1994-03-21", true),
        ("2024-05-08", "1994-03", true),
        ("2024-05-08", "1994", true),
        ("2024-09", "1994-03-21", false),
        ("2024-05-08", "1993", false),
    ] {
        let other = born(child);
        assert_eq!(finds((&kind(), &mutter()), &other, &hers(mother)), met, "{child} {mother}");
        let renamed = Kind { namen: vec![Personenname::default()], ..other };
        assert!(!finds((&kind(), &mutter()), &renamed, &hers(mother)), "{child} {mother}: by its names only");
    }
}

#[test]
fn a_record_from_before_the_birth_is_found_by_a_family_name_or_the_first_given_one_in_the_month() {
    let unborn = Kind { erwartet: Some(day("2024-08")), ..Kind::default() };
    let named = |vornamen: &str, familie: &str, her: &str| Mutter {
        name: Personenname {
            familienname: Some(familie.into()),
            geburtsname: None,
            vornamen: Some(vornamen.into()),
        },
        geburtsdatum: day(her),
        ..Mutter::default()
    };
    for (vornamen, familie) in
        [("Marie", "Müller"), ("Zoey", "Ćirković-Müller"), ("Rosa", "Muller"), ("Zoë", "Sommer")]
    {
        for her in ["1994", "1994-03", "1994-03-21"] {
            let other = named(vornamen, familie, her);
            assert!(finds((&kind(), &mutter()), &unborn, &other), "{vornamen} {familie} {her}");
        }
    }
    assert!(!finds((&kind(), &mutter()), &unborn, &named("Rosa", "Sommer", "1994")));
}

#[test]
fn what_is_open_before_the_birth_is_met_by_two_of_her_names_in_the_month() {
    let unborn = Kind { erwartet: Some(day("2024-08")), ..Kind::default() };
    let asked = Gesucht::of(&orte(), &kind(), &mutter()).offen;
    for (vornamen, familie, met) in
        [("Marie", "Müller", true), ("Müller", "Marie", true), ("Marie", "Sommer", false)]
    {
        let other = Mutter {
            name: Personenname {
                familienname: Some(familie.into()),
                geburtsname: None,
                vornamen: Some(vornamen.into()),
            },
            geburtsdatum: day("1994-03-21"),
            ..Mutter::default()
        };
        let open = offen(&orte(), Some(&unborn), &other);
        assert_eq!(open.iter().any(|key| asked.contains(key)), met, "{vornamen} {familie}");
    }
}

#[test]
fn letters_that_are_written_in_two_ways_meet_where_a_day_is_wrong() {
    for (one, other) in [
        ("Đorđević", "Djordjević"),
        ("Đorđević", "Dordevic"),
        ("Guðmundur", "Gudhmundur"),
        ("Əliyev", "Aliyev"),
        ("Əliyev", "Eliyev"),
        ("Þórsdóttir", "Torsdottir"),
        ("Ŋámmet", "Ngammet"),
        ("Dĳkstra", "Dykstra"),
    ] {
        let with = |name: &str, given: &str| {
            let mut kind = kind();
            kind.namen = vec![Personenname {
                familienname: Some(name.into()),
                vornamen: Some(given.into()),
                geburtsname: None,
            }];
            kind
        };
        let wrong = Mutter { geburtsdatum: day("1971-01-01"), ..mutter() };
        for (here, there) in [(one, other), (other, one)] {
            for (here, there) in
                [(with(here, "Lía"), with(there, "Lia")), (with("Sommer", here), with("Sommer", there))]
            {
                assert!(finds((&here, &mutter()), &there, &wrong), "{one} {other}");
                assert_eq!(
                    crate::register::suche::treffer(&orte(), &here, &mutter(), &satz(there, wrong.clone())),
                    crate::register::entscheidung::Treffer::Aehnlich,
                    "{one} {other}"
                );
            }
        }
    }
}

#[test]
fn the_program_before_finds_what_is_stored_now() {
    let stored = of(&satz(kind(), mutter()));
    assert!(alt::of(&satz(kind(), mutter())).iter().all(|key| stored.contains(key)));
    let unborn = satz(Kind { erwartet: Some(day("2024-08")), ..Kind::default() }, mutter());
    assert!(alt::of(&unborn).iter().all(|key| of(&unborn).contains(key)));
}

#[test]
fn a_request_asks_by_few_keys() {
    // Beside the six of whole dates: two parts of each date, and her family names in the month.
    assert_eq!(Gesucht::of(&orte(), &kind(), &mutter()).saetze.len(), 6 + 4 + 2);
    let offen = Gesucht::of(&orte(), &kind(), &mutter()).offen;
    // Besides, each name of the child without a place: a notice whose place is in no table stands there.
    assert!(offen.len() <= 16 + 3, "{}", offen.len());
    let place = Gesucht::of(&orte(), &kind(), &mutter()).platz;
    assert_eq!(
        place.len(),
        3 + 2 + 3,
        "each name of the child at the key of its place, each day and each of her names by itself"
    );
}

#[test]
fn of_whom_one_name_is_said_and_no_day_whoever_has_that_name_is_met() {
    let asked = Gesucht::of(&orte(), &kind(), &mutter()).platz;
    let one = |familienname: Option<&str>, vornamen: Option<&str>| {
        let name = Personenname {
            familienname: familienname.map(str::to_owned),
            geburtsname: None,
            vornamen: vornamen.map(str::to_owned),
        };
        nur_namen(&Mutter { name, ..Mutter::default() })
    };
    let Personenname { familienname, geburtsname, vornamen } = mutter().name;
    let met = |keys: &[SearchKey]| !keys.is_empty() && keys.iter().any(|key| asked.contains(key));
    assert!(met(&one(familienname.as_deref(), None)) && met(&one(geburtsname.as_deref(), None)));
    // Family and given name may be exchanged.
    assert!(met(&one(vornamen.as_deref(), None)) && met(&one(None, familienname.as_deref())));
    assert!(!met(&one(Some("Winterstein"), None)) && one(None, None).is_empty());
}

#[test]
fn what_the_program_before_left_open_is_found_by_its_days_and_plain_names() {
    let plain = mit(&mutter(), |name| {
        name.vornamen = Some("Rosa".into());
        name.familienname = Some("Sommer".into());
    });
    let asked = Gesucht::of(&orte(), &kind(), &plain).offen;
    let other = |born: Option<&str>, her: &str| {
        let kind = Kind { geburtsdatum: born.and_then(TeilDatum::parse), ..kind() };
        alt::offen(Some(&kind), &Mutter { geburtsdatum: day(her), ..plain.clone() })
    };
    for (born, her) in [
        (Some("2024-08-05"), "1994-03-12"),
        (Some("2024-08-05"), "1994-03-13"),
        (Some("2024-08-06"), "1994-03-12"),
        (None, "1994-03-12"),
        (Some("2024-08-05"), "1994"),
        (None, "1994"),
    ] {
        let before = other(born, her);
        assert!(!before.is_empty() && before.iter().any(|key| asked.contains(key)), "{born:?} {her}");
    }
    let umlaut = alt::offen(Some(&kind()), &mutter());
    assert!(
        umlaut.iter().any(|key| Gesucht::of(&orte(), &kind(), &mutter()).offen.contains(key)),
        "both days agree"
    );
}

/// Who changes a key without raising the version leaves what is stored under the keys of before, where no request looks.
#[test]
fn a_version_of_the_keys_has_exactly_these() {
    let mut digest: u64 = 0xcbf2_9ce4_8422_2325;
    let letters = mit(&mutter(), |name| name.familienname = Some("Þóra-Đukić".into()));
    let unnamed = Kind { geburtsregister_nummer: Some("1234/2024".into()), ..Kind::default() };
    for (kind, mutter) in [
        (kind(), mutter()),
        (kind(), letters.clone()),
        (Kind { erwartet: Some(day("2024-08")), ..Kind::default() }, letters),
        (Kind { geburtsdatum: Some(day("2024-08")), ..kind() }, mutter()),
        (
            Kind { namen: vec![Personenname::default()], geburtsdatum: Some(day("2024-08-05")), ..unnamed },
            mutter(),
        ),
    ] {
        for key in of(&satz(kind, mutter)) {
            // Written out, so that no other program's way to make a digest matters.
            for octet in key.octets() {
                digest = (digest ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    assert_eq!(
        (VERSION, digest),
        (2, 0x10a2_7599_915b_27fd),
        "the keys are others than those of this version: raise it"
    );
}
