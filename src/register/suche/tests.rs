//! Tests of the search: each difference has its level.

use super::*;
use crate::register::testing::{kind, mutter, satz};
use proptest::prelude::*;

type Change = fn(&mut Kind, &mut Mutter);

/// The places of the tests.
fn orte() -> Gemeinden {
    let mut orte = Gemeinden::default();
    for (ars, name) in
        [("040110000000", "BREMEN"), ("040120000000", "BREMERHAVEN"), ("020000000000", "HAMBURG")]
    {
        orte.add(name.to_owned(), ars);
    }
    orte
}

fn judged(asked: Change, stored: Change) -> Treffer {
    let (mut kind_, mut mutter_) = (kind(), mutter());
    asked(&mut kind_, &mut mutter_);
    let (mut other, mut her) = (kind(), mutter());
    stored(&mut other, &mut her);
    let found = [(Uuid::nil(), "amt".to_owned(), satz(other, her))];
    sichten(&orte(), &kind_, &mutter_, found).first().map_or(Treffer::Keiner, |kandidat| kandidat.treffer)
}

fn day(text: &str) -> TeilDatum {
    TeilDatum::parse(text).unwrap()
}

#[test]
fn every_difference_has_its_level() {
    use Treffer::{Aehnlich, Genau, Keiner};
    let same: Change = |_, _| {};
    let nobody: Change = |k, m| {
        k.namen[0].familienname = Some("Sommer".into());
        k.namen[0].vornamen = Some("Ida".into());
        m.name = Personenname {
            familienname: Some("Winter".into()),
            geburtsname: None,
            vornamen: Some("Petra".into()),
        };
    };
    const HAMBURG: Change = |k, _| {
        k.geburtsort = Some("Hamburg".into());
        k.register_ars = None;
        k.geburtsregister_nummer = None;
    };
    let hamburg = HAMBURG;
    let nirgendwo: Change = |k, _| {
        k.geburtsort = Some("Nirgendwo".into());
        k.register_ars = None;
        k.geburtsregister_nummer = None;
    };
    let rows: &[(&str, Change, Change, Treffer)] = &[
        ("all equal", same, same, Genau),
        (
            "the same name beside another key of the office",
            |k, _| k.register_ars = Some("040110000999".into()),
            same,
            Aehnlich,
        ),
        ("beside the key of its Land", |k, _| k.register_ars = Some("040000000000".into()), same, Genau),
        ("beside no key", |k, _| k.register_ars = None, same, Genau),
        ("written in capitals, ue", |k, _| k.namen[0].familienname = Some("MUELLER".into()), same, Genau),
        ("Muller for Müller", |k, _| k.namen[0].familienname = Some("Muller".into()), same, Aehnlich),
        ("second given name missing", |k, _| k.namen[0].vornamen = Some("Lía".into()), same, Aehnlich),
        ("given names turned", |k, _| k.namen[0].vornamen = Some("Marie Lía".into()), same, Aehnlich),
        ("hyphen for space", |k, _| k.namen[0].vornamen = Some("Lia-Marie".into()), same, Aehnlich),
        (
            "another Gemeinde beside the same key asked",
            |k, _| k.geburtsort = Some("Bremerhaven".into()),
            same,
            Aehnlich,
        ),
        (
            "another Gemeinde beside the same key stored",
            same,
            |k, _| k.geburtsort = Some("Bremerhaven".into()),
            Aehnlich,
        ),
        (
            "a part of the place that no table knows",
            |k, _| k.geburtsort = Some("Bremen-Neu".into()),
            same,
            Genau,
        ),
        ("more spaces", |k, _| k.namen[0].vornamen = Some(" Lia   Marie ".into()), same, Genau),
        ("no given name asked", |k, _| k.namen[0].vornamen = None, same, Aehnlich),
        ("no given name stored", same, |k, _| k.namen[0].vornamen = None, Aehnlich),
        (
            "no family name on both sides",
            |k, _| k.namen[0].familienname = None,
            |k, _| k.namen[0].familienname = None,
            Aehnlich,
        ),
        ("two names stored", same, |k, _| k.namen.push(k.namen[0].clone()), Aehnlich),
        ("two names asked", |k, _| k.namen.push(k.namen[0].clone()), same, Aehnlich),
        (
            "another name at birth stored",
            same,
            |k, _| k.namen[0].geburtsname = Some("Sommer".into()),
            Aehnlich,
        ),
        (
            "the same name at birth stored",
            same,
            |k, _| k.namen[0].geburtsname = Some("Mueller".into()),
            Genau,
        ),
        ("no name stored", same, |k, _| k.namen.clear(), Aehnlich),
        ("another day", |k, _| k.geburtsdatum = Some(day("2024-08-06")), same, Aehnlich),
        ("partial date stored", same, |k, _| k.geburtsdatum = Some(day("2024-08")), Aehnlich),
        ("another month stored", same, |k, _| k.geburtsdatum = Some(day("2024-09")), Aehnlich),
        (
            "another month stored, another name",
            same,
            |k, _| {
                k.geburtsdatum = Some(day("2024-09"));
                k.namen[0].vornamen = Some("Ida".into())
            },
            Keiner,
        ),
        ("her year only stored", same, |_, m| m.geburtsdatum = day("1994"), Aehnlich),
        (
            "her year only stored, no name equal",
            nobody,
            |k, m| {
                m.geburtsdatum = day("1994");
                k.geburtsregister_nummer = None;
            },
            Aehnlich,
        ),
        (
            "partial date on both sides",
            |k, _| k.geburtsdatum = Some(day("2024-08")),
            |k, _| k.geburtsdatum = Some(day("2024-08")),
            Aehnlich,
        ),
        ("no date", |k, _| k.geburtsdatum = None, same, Aehnlich),
        ("another place, same ARS", |k, _| k.geburtsort = Some("Bremen-Mitte".into()), same, Genau),
        (
            "another place and ARS",
            |k, _| {
                k.geburtsort = Some("Hamburg".into());
                k.register_ars = Some("020000000000".into())
            },
            same,
            Aehnlich,
        ),
        (
            "another place, no ARS",
            |k, _| {
                k.geburtsort = Some("Hamburg".into());
                k.register_ars = None
            },
            same,
            Aehnlich,
        ),
        (
            "no place, no ARS",
            |k, _| {
                k.geburtsort = None;
                k.register_ars = None
            },
            |k, _| {
                k.geburtsort = None;
                k.register_ars = None
            },
            Aehnlich,
        ),
        ("state given as code", |k, _| k.geburtsstaat = Some("000".into()), same, Genau),
        ("another state", same, |k, _| k.geburtsstaat = Some("151".into()), Aehnlich),
        (
            "mother: only name at birth agrees",
            |_, m| m.name.familienname = Some("Sommer".into()),
            same,
            Genau,
        ),
        (
            "mother: asked under her birth name",
            |_, m| {
                m.name.familienname = Some("Müller".into());
                m.name.geburtsname = None
            },
            same,
            Genau,
        ),
        (
            "mother: no family name agrees",
            |_, m| {
                m.name.familienname = Some("Sommer".into());
                m.name.geburtsname = None
            },
            same,
            Aehnlich,
        ),
        ("mother: second given name missing", |_, m| m.name.vornamen = Some("Zoe".into()), same, Genau),
        (
            "mother: further given names contradict",
            |_, m| m.name.vornamen = Some("Zoe Petra".into()),
            same,
            Aehnlich,
        ),
        ("mother: a third given name", |_, m| m.name.vornamen = Some("Zoe Marie Ida".into()), same, Genau),
        ("mother: another given name", |_, m| m.name.vornamen = Some("Marie".into()), same, Aehnlich),
        ("mother: no given name", |_, m| m.name.vornamen = None, |_, m| m.name.vornamen = None, Aehnlich),
        ("mother: another day", |_, m| m.geburtsdatum = day("1994-03-13"), same, Aehnlich),
        (
            "mother: partial date on both sides",
            |_, m| m.geburtsdatum = day("1994"),
            |_, m| m.geburtsdatum = day("1994"),
            Aehnlich,
        ),
        (
            "both dates another",
            |k, m| {
                k.geburtsdatum = Some(day("2024-08-06"));
                m.geburtsdatum = day("1994-03-13")
            },
            same,
            Keiner,
        ),
        (
            "another day and name",
            |k, _| {
                k.geburtsdatum = Some(day("2024-08-06"));
                k.namen[0].vornamen = Some("Ida".into())
            },
            same,
            Keiner,
        ),
        (
            "only the two days by chance",
            |k, m| {
                k.namen[0].familienname = Some("Sommer".into());
                k.namen[0].vornamen = Some("Ida".into());
                m.name = Personenname {
                    familienname: Some("Sommer".into()),
                    geburtsname: None,
                    vornamen: Some("Petra".into()),
                };
                k.geburtsregister_nummer = None;
            },
            same,
            Aehnlich,
        ),
        (
            "only the two days by chance, another entry",
            nobody,
            |k, _| k.geburtsregister_nummer = Some("77/2024".into()),
            Keiner,
        ),
        ("only the two days by chance, elsewhere", nobody, hamburg, Keiner),
        ("only the two days by chance, a place that is not resolved", nobody, nirgendwo, Aehnlich),
        (
            "elsewhere, a name turned",
            nobody,
            |k, m| {
                HAMBURG(k, m);
                k.namen[0].familienname = Some("Ida".into());
            },
            Aehnlich,
        ),
        (
            "elsewhere, her birth name is her given name there",
            nobody,
            |k, m| {
                HAMBURG(k, m);
                m.name.geburtsname = Some("Petra".into());
            },
            Aehnlich,
        ),
        (
            "elsewhere, the child has a name of the mother",
            nobody,
            |k, m| {
                HAMBURG(k, m);
                k.namen[0].vornamen = Some("Petra".into());
            },
            Keiner,
        ),
        (
            "the same, entered under another number",
            same,
            |k, _| k.geburtsregister_nummer = Some("1235/2024".into()),
            Aehnlich,
        ),
        (
            "the same, the number in another form",
            same,
            |k, _| k.geburtsregister_nummer = Some("2024/1234".into()),
            Genau,
        ),
        (
            "the same, another number without its Standesamt",
            |k, _| k.geburtsstandesamt = Some("Standesamt Bremen-Mitte".into()),
            |k, _| k.geburtsregister_nummer = Some("1235/2024".into()),
            Aehnlich,
        ),
        (
            "the same number at another Standesamt of the town",
            |k, _| k.geburtsstandesamt = Some("Standesamt Bremen-Mitte".into()),
            |k, _| k.geburtsstandesamt = Some("Standesamt Bremen-Nord".into()),
            Aehnlich,
        ),
        (
            "the same, one Standesamt left out",
            |k, _| k.geburtsstandesamt = Some("Standesamt Bremen-Mitte".into()),
            same,
            Genau,
        ),
        (
            "the same, a number that nobody reads",
            same,
            |k, _| k.geburtsregister_nummer = Some("1234/2024/2".into()),
            Aehnlich,
        ),
        ("the same, one number unknown", same, |k, _| k.geburtsregister_nummer = None, Genau),
        ("twin, same number", |k, _| k.namen[0].vornamen = Some("Ida".into()), same, Aehnlich),
        (
            "twin, another number",
            |k, _| k.namen[0].vornamen = Some("Ida".into()),
            |k, _| k.geburtsregister_nummer = Some("1235/2024".into()),
            Keiner,
        ),
        (
            "twin, another number, a name shared",
            |k, _| k.namen[0].vornamen = Some("Ida Marie".into()),
            |k, _| k.geburtsregister_nummer = Some("1235/2024".into()),
            Aehnlich,
        ),
        (
            "twin, a name nearly shared",
            |k, _| k.namen[0].vornamen = Some("Ida Maria".into()),
            |k, _| k.geburtsregister_nummer = Some("1235/2024".into()),
            Aehnlich,
        ),
        (
            "twin, one number unknown",
            |k, _| k.namen[0].vornamen = Some("Ida".into()),
            |k, _| k.geburtsregister_nummer = None,
            Aehnlich,
        ),
        (
            "twin, number written otherwise",
            |k, _| k.namen[0].vornamen = Some("Ida".into()),
            |k, _| k.geburtsregister_nummer = Some("G 01234/24".into()),
            Aehnlich,
        ),
        (
            "twin, year and number exchanged",
            |k, _| k.namen[0].vornamen = Some("Ida".into()),
            |k, _| k.geburtsregister_nummer = Some("2024/1234".into()),
            Aehnlich,
        ),
        (
            "twin, another number, with a Standesamt on one side",
            |k, _| k.namen[0].vornamen = Some("Ida".into()),
            |k, _| {
                k.geburtsregister_nummer = Some("1235/2024".into());
                k.geburtsstandesamt = Some("Standesamt Bremen-Mitte".into());
            },
            Aehnlich,
        ),
        (
            "twin without given name, another number",
            same,
            |k, _| {
                k.geburtsregister_nummer = Some("1235/2024".into());
                k.namen[0].vornamen = None;
            },
            Aehnlich,
        ),
    ];
    for (what, asked, stored, expected) in rows {
        assert_eq!(judged(*asked, *stored), *expected, "{what}");
    }
}

#[test]
fn a_twin_is_left_out_beside_its_own_record_only() {
    let (mut ida, mut lia) = (kind(), kind());
    ida.namen[0].vornamen = Some("Ida".into());
    ida.geburtsregister_nummer = Some("1235/2024".into());
    let mut asked = kind();
    asked.geburtsregister_nummer = None;
    let found = |lia: &Kind, ida: &Kind| {
        [lia, ida].map(|kind| (Uuid::nil(), "amt".to_owned(), satz(kind.clone(), mutter())))
    };
    let levels = |found| -> Vec<Treffer> {
        sichten(&orte(), &asked, &mutter(), found).iter().map(|kandidat| kandidat.treffer).collect()
    };
    assert_eq!(levels(found(&lia, &ida)), [Treffer::Genau]);
    lia.geburtsregister_nummer = None;
    assert_eq!(levels(found(&lia, &ida)), [Treffer::Genau, Treffer::Aehnlich]);
    assert_eq!(levels(found(&kind(), &kind())), [Treffer::Genau, Treffer::Genau], "stored twice");
}

proptest! {
    /// Never exact when one of the parts differs in its search form, and never lost when it is only one.
    #[test]
    fn one_changed_letter_is_never_exact_and_never_lost(part in 0usize..4, at in 0usize..3, letter in "[a-z]") {
        let mut asked = kind();
        let mut her = mutter();
        let field = match part {
            0 => &mut asked.namen[0].familienname,
            1 => &mut asked.namen[0].vornamen,
            2 => { asked.register_ars = None; &mut asked.geburtsort }
            _ => { her.name.geburtsname = None; &mut her.name.familienname }
        };
        let before = field.clone().unwrap();
        let mut letters: Vec<char> = before.chars().collect();
        letters[at] = letter.chars().next().unwrap();
        let after: String = letters.into_iter().collect();
        let differs = vergleichsform(&after) != vergleichsform(&before);
        *field = Some(after);
        let level = treffer(&orte(), &asked, &her, &satz(kind(), mutter()));
        prop_assert_eq!(level, if differs { Treffer::Aehnlich } else { Treffer::Genau });
    }

    #[test]
    fn levels_do_not_depend_on_spelling(upper in any::<bool>()) {
        let mut asked = kind();
        let name = asked.namen[0].familienname.clone().unwrap();
        asked.namen[0].familienname = Some(if upper { name.to_uppercase() } else { name.to_lowercase() });
        prop_assert_eq!(treffer(&orte(), &asked, &mutter(), &satz(kind(), mutter())), Treffer::Genau);
    }
}

#[test]
fn among_more_than_64_none_is_certain() {
    let found = |count: usize| -> Vec<_> {
        let other = |_| {
            let her = Mutter { geburtsdatum: day("1960-01-01"), ..mutter() };
            let other = Kind { geburtsdatum: Some(day("2010-01-01")), ..kind() };
            (Uuid::nil(), "amt".to_owned(), satz(other, her))
        };
        std::iter::once((Uuid::nil(), "amt".to_owned(), satz(kind(), mutter())))
            .chain((1..count).map(other))
            .collect()
    };
    let levels = |count| -> Vec<Treffer> {
        sichten(&orte(), &kind(), &mutter(), found(count)).iter().map(|one| one.treffer).collect()
    };
    assert_eq!(levels(HOECHSTENS), [Treffer::Genau]);
    assert_eq!(levels(HOECHSTENS + 1), [Treffer::Aehnlich; HOECHSTENS + 1]);
}

#[test]
fn a_record_from_before_the_birth_touches_whom_it_may_mean() {
    type Row = (&'static str, Change, bool);
    let rows: [Row; 10] = [
        ("as expected", |_, _| (), true),
        ("her day mistyped", |_, m| m.geburtsdatum = day("1994-03-21"), true),
        (
            "her day mistyped, two months later",
            |k, m| {
                m.geburtsdatum = day("1994-03-21");
                k.erwartet = Some(day("2024-10"))
            },
            true,
        ),
        (
            "her day mistyped, three months later",
            |k, m| {
                m.geburtsdatum = day("1994-03-21");
                k.erwartet = Some(day("2024-11"))
            },
            false,
        ),
        (
            "her day mistyped, only the year expected",
            |k, m| {
                m.geburtsdatum = day("1994-03-21");
                k.erwartet = Some(day("2024"))
            },
            true,
        ),
        ("years later, her day", |k, _| k.erwartet = Some(day("2019-01")), true),
        (
            "her day, only her birth name",
            |_, m| m.name = Personenname { familienname: Some("Müller".into()), ..Personenname::default() },
            true,
        ),
        (
            "her day, names exchanged",
            |_, m| {
                m.name = Personenname {
                    familienname: Some("Zoe".into()),
                    vornamen: Some("Rosa".into()),
                    geburtsname: None,
                }
            },
            true,
        ),
        (
            "her day, no name",
            |_, m| {
                m.name = Personenname {
                    familienname: Some("Sommer".into()),
                    vornamen: Some("Rosa".into()),
                    geburtsname: None,
                }
            },
            false,
        ),
        (
            "her day mistyped, one name",
            |_, m| {
                m.geburtsdatum = day("1994-03-21");
                m.name.vornamen = Some("Rosa".into())
            },
            false,
        ),
    ];
    for (what, change, touched) in rows {
        let mut unborn = Kind { erwartet: Some(day("2024-08")), ..Kind::default() };
        let mut her = mutter();
        change(&mut unborn, &mut her);
        let record = satz(unborn, her);
        assert_eq!(vorgeburt_beruehrt(&kind(), &mutter(), &record), touched, "{what}");
        let keys = keys::of(&record);
        let found =
            keys::Gesucht::of(&orte(), &kind(), &mutter()).saetze.iter().any(|key| keys.contains(key));
        assert!(found || !touched, "{what}");
    }
}
