//! *Unknown* never yields a Negativauskunft: whatever differs in a part, is gone, or is there twice ends with a person.

use drehscheibe::effects::Stored;
use drehscheibe::latin::searchform::vergleichsform;
use drehscheibe::register::entscheidung::{Ergebnis, Fall};
use drehscheibe::register::gemeinden::Gemeinden;
use drehscheibe::register::keys;
use proptest::prelude::*;

use super::welt::Welt;

#[test]
fn what_is_not_certain_is_no_answer() {
    type Change = fn(&mut Welt);
    let changes: &[(&str, Change)] = &[
        ("Muller for Müller", |w| asked(w).namen[0].familienname = Some("Muller".into())),
        ("second given name missing", |w| {
            w.satz().kind.namen[0].vornamen = Some("Lía Marie".into());
        }),
        ("record just deleted", |w| w.saetze.clear()),
        ("stored twice", |w| {
            let again = w.satz().clone();
            w.speichern(again);
        }),
        ("two names at registration", |w| {
            let again = w.satz().kind.namen[0].clone();
            w.satz().kind.namen.push(again);
        }),
        ("asked by another name the child bears", |w| {
            let mut other = w.satz().kind.namen[0].clone();
            other.familienname = Some("Sommer".into());
            w.satz().kind.namen.push(other.clone());
            asked(w).namen = vec![other];
        }),
        ("a day beside", |w| asked(w).geburtsdatum.as_mut().unwrap().tag = Some(6)),
        ("the mother's day beside", |w| w.satz().mutter.geburtsdatum.tag = Some(13)),
        ("no record of the mother's name", |w| w.satz().mutter.name = Default::default()),
    ];
    for (what, change) in changes {
        let mut welt = Welt::neu();
        assert_eq!(welt.lauf().fall(), (Fall::A, Ergebnis::Negativ));
        change(&mut welt);
        assert_eq!(welt.lauf().fall(), (Fall::I, Ergebnis::Klaerfall), "{what}");
    }
}

fn asked(welt: &mut Welt) -> &mut drehscheibe::register::record::Kind {
    welt.record.kind.as_mut().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any name that is not the same in its search form never meets the record exactly, and one letter is never overlooked.
    #[test]
    fn another_name_is_never_answered(family in "[A-Za-zÄÖÜäöüéßł' -]{1,14}", given in "[A-Za-zÄÖÜäöüéßł' -]{1,14}", which in 0u8..3) {
        let mut welt = Welt::neu();
        let name = asked(&mut welt).namen[0].clone();
        if which != 1 {
            asked(&mut welt).namen[0].familienname = Some(family);
        }
        if which != 0 {
            asked(&mut welt).namen[0].vornamen = Some(given);
        }
        let form = |part: &Option<String>| vergleichsform(part.as_deref().unwrap());
        let now = &asked(&mut welt).namen[0];
        let same = form(&now.familienname) == form(&name.familienname) && form(&now.vornamen) == form(&name.vornamen);
        let expected = if same { Fall::A } else { Fall::I };
        prop_assert_eq!(welt.lauf().fall().0, expected);
    }

    /// Records of other children beside it change nothing, unless they are near.
    #[test]
    fn other_children_do_not_stand_in_the_way(days in prop::collection::vec((2009i16..2026, 1i8..13, 1i8..29), 0..20)) {
        let mut welt = Welt::neu();
        for (jahr, monat, tag) in days {
            let mut other = welt.satz().clone();
            other.kind.namen[0].vornamen = Some("Ole".into());
            let datum = other.kind.geburtsdatum.as_mut().unwrap();
            (datum.jahr, datum.monat, datum.tag) = (jahr, Some(monat), Some(tag));
            other.kind.geburtsregister_nummer = Some("77/2020".into());
            welt.speichern(other);
        }
        prop_assert_eq!(welt.lauf().fall().0, Fall::A);
    }
}

#[test]
fn the_mirror_finds_what_it_stores_under_its_own_keys() {
    let mut welt = Welt::neu();
    let satz = welt.satz().clone();
    let (kind, mutter) = (welt.record.kind.clone().unwrap(), welt.record.mutter.clone().unwrap());
    let of = keys::of(&satz);
    let asked = keys::Gesucht::of(&Gemeinden::default(), &kind, &mutter).saetze;
    let alt = keys::alt::of(&satz);
    let now: Vec<_> = of.iter().filter(|key| !alt.contains(key)).map(|key| key.class()).collect();
    assert_eq!(now, ["name-mutter", "name-kind"], "besides those of the version before");
    let of_class = |class: &str| asked.iter().filter(|key| key.class() == class).count();
    assert_eq!(of_class("tage") + of_class("teil-mutter") + of_class("ohne-tag"), 3);
    assert_eq!(
        (of_class("name-mutter"), of_class("name-kind")),
        (3, 3),
        "the whole date, its month, its year"
    );
    assert_eq!(of_class("vorgeburtlich-monat"), 3, "two family names, the first given one");
    assert_eq!(asked.iter().filter(|key| of.contains(key)).count(), 3);
    let stored: &Stored = &welt.saetze[0];
    assert_eq!(of[0], keys::child(&stored.registersatz.kind, &stored.registersatz.mutter));
}
