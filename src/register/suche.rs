//! How near a Registersatz is to what a mother asked for: `genau`, `aehnlich` or `keiner` (sorgeregister.md 10.8, rules.md 2).
//! It never answers and never prefers one of several: whatever is not certain is `aehnlich`, and a person looks.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::latin::searchform::vergleichsform;
use crate::register::entscheidung::{Kandidat, Treffer};
use crate::register::keys;
use crate::register::record::{Kind, Mutter, Personenname, Registersatz, TeilDatum};

/// Code of Germany where a state of birth is given.
const DEUTSCHLAND: &str = "000";

/// Judges the Registersätze that the keys found, and leaves out those that are other children for certain.
///
/// A twin is left out only beside the record it is a twin of: the one exact match, else the child as it was asked for.
pub fn sichten(
    kind: &Kind,
    mutter: &Mutter,
    gefunden: impl IntoIterator<Item = (Uuid, String, Registersatz)>,
) -> Vec<Kandidat> {
    let mut kandidaten: Vec<Kandidat> = gefunden
        .into_iter()
        .map(|(id, partner, registersatz)| {
            let treffer = treffer(kind, mutter, &registersatz);
            Kandidat { id, partner, registersatz, treffer }
        })
        .collect();
    let bezug = {
        let mut genaue = kandidaten.iter().filter(|kandidat| kandidat.treffer == Treffer::Genau);
        match (genaue.next(), genaue.next()) {
            (Some(einer), None) => einer.registersatz.kind.clone(),
            _ => kind.clone(),
        }
    };
    for kandidat in kandidaten.iter_mut().filter(|kandidat| kandidat.treffer == Treffer::Aehnlich) {
        if zwilling(&bezug, mutter, &kandidat.registersatz) {
            kandidat.treffer = Treffer::Keiner;
        }
    }
    kandidaten.retain(|kandidat| kandidat.treffer != Treffer::Keiner);
    kandidaten
}

/// How near one Registersatz is, seen alone.
pub fn treffer(kind: &Kind, mutter: &Mutter, satz: &Registersatz) -> Treffer {
    if genau(kind, mutter, satz) {
        return Treffer::Genau;
    }
    let tag = kind.geburtsdatum.is_some() && kind.geburtsdatum == satz.kind.geburtsdatum;
    let mutter_tag = mutter.geburtsdatum == satz.mutter.geburtsdatum;
    let nah = match (tag, mutter_tag) {
        // Both birth dates are equal: the same child, unless no name of child or mother is like any of the other.
        (true, true) => {
            namen_gemein(&kind.namen, &satz.kind.namen) || mutter_gemein(&mutter.name, &satz.mutter.name)
        }
        // A wrong birth date of one of the two: place and names of the child are equal.
        (true, false) | (false, true) => {
            falten(&kind.geburtsort) == falten(&satz.kind.geburtsort)
                && kind.namen.iter().any(|name| satz.kind.namen.iter().any(|other| namensgleich(name, other)))
        }
        (false, false) => false,
    };
    if nah { Treffer::Aehnlich } else { Treffer::Keiner }
}

fn genau(kind: &Kind, mutter: &Mutter, satz: &Registersatz) -> bool {
    // The order of several names is not marked, so which one is that of the registration is not known.
    let ([gefragt], [gespeichert]) = (kind.namen.as_slice(), satz.kind.namen.as_slice()) else {
        return false;
    };
    let ganz = |datum: &TeilDatum| datum.vollstaendig();
    ein_name(gefragt)
        && ein_name(gespeichert)
        && gleich(&gefragt.familienname, &gespeichert.familienname)
        && gleich(&gefragt.vornamen, &gespeichert.vornamen)
        && kind.geburtsdatum.as_ref().is_some_and(ganz)
        && kind.geburtsdatum == satz.kind.geburtsdatum
        && (gleich(&kind.geburtsort, &satz.kind.geburtsort)
            || ars(kind).is_some_and(|ars_| Some(ars_) == ars(&satz.kind)))
        && staat(kind) == staat(&satz.kind)
        && genau_mutter(mutter, &satz.mutter)
}

fn genau_mutter(gefragt: &Mutter, gespeichert: &Mutter) -> bool {
    let vorname = |mutter: &Mutter| {
        let form = vergleichsform(mutter.name.vornamen.as_deref().unwrap_or_default());
        form.split(' ').next().map(str::to_owned).filter(|name| !name.is_empty())
    };
    let (eigene, andere) = (familiennamen(&gefragt.name), familiennamen(&gespeichert.name));
    !eigene.is_disjoint(&andere)
        && vorname(gefragt).is_some_and(|name| Some(name) == vorname(gespeichert))
        && gefragt.geburtsdatum.vollstaendig()
        && gefragt.geburtsdatum == gespeichert.geburtsdatum
}

/// Family name and name at birth in their form for comparing, without empty ones.
pub fn familiennamen(name: &Personenname) -> BTreeSet<String> {
    [&name.familienname, &name.geburtsname]
        .into_iter()
        .flatten()
        .map(|name| vergleichsform(name))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether another child of the same mother and day is another child for certain: the given names share nothing, and the
/// births are registered under different numbers.
fn zwilling(bezug: &Kind, mutter: &Mutter, satz: &Registersatz) -> bool {
    let gleicher_tag = bezug.geburtsdatum.is_some() && bezug.geburtsdatum == satz.kind.geburtsdatum;
    let gleiche_mutter =
        mutter.geburtsdatum == satz.mutter.geburtsdatum && mutter_gemein(&mutter.name, &satz.mutter.name);
    let vornamen = |namen: &[Personenname]| -> Vec<String> {
        namen.iter().flat_map(|name| worte(name.vornamen.as_deref())).collect()
    };
    let (eigene, andere) = (vornamen(&bezug.namen), vornamen(&satz.kind.namen));
    let verschieden = match (registernummer(bezug), registernummer(&satz.kind)) {
        (Some(eine), Some(andere)) => eine != andere,
        _ => false,
    };
    gleicher_tag
        && gleiche_mutter
        && verschieden
        && !eigene.is_empty()
        && !andere.is_empty()
        && !teilen_ein_wort(&eigene, &andere)
}

/// The number of the birth register without the year behind it: `1234` of `G 1234/2024`. Written otherwise, it may be the same.
fn registernummer(kind: &Kind) -> Option<&str> {
    let text = kind.geburtsregister_nummer.as_deref()?;
    let number = text.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?;
    Some(number.trim_start_matches('0')).filter(|number| !number.is_empty())
}

/// A name whose family name is that of birth too, or that has no other.
fn ein_name(name: &Personenname) -> bool {
    name.geburtsname.is_none() || gleich(&name.geburtsname, &name.familienname)
}

/// Both given and equal in their search form.
fn gleich(eins: &Option<String>, anderes: &Option<String>) -> bool {
    match (eins, anderes) {
        (Some(eins), Some(anderes)) => {
            let form = vergleichsform(eins);
            !form.is_empty() && form == vergleichsform(anderes)
        }
        _ => false,
    }
}

fn ars(kind: &Kind) -> Option<&str> {
    kind.register_ars.as_deref().filter(|ars| !ars.is_empty())
}

fn staat(kind: &Kind) -> &str {
    kind.geburtsstaat.as_deref().filter(|staat| !staat.is_empty()).unwrap_or(DEUTSCHLAND)
}

fn falten(part: &Option<String>) -> String {
    keys::falten(part.as_deref().unwrap_or_default())
}

/// Equal as keys are: without spaces and hyphens.
fn namensgleich(eins: &Personenname, anderes: &Personenname) -> bool {
    falten(&eins.familienname) == falten(&anderes.familienname)
        && falten(&eins.vornamen) == falten(&anderes.vornamen)
}

fn namen_gemein(eigene: &[Personenname], andere: &[Personenname]) -> bool {
    let alle = |namen: &[Personenname], part: fn(&Personenname) -> Option<&str>| -> Vec<String> {
        namen.iter().flat_map(|name| worte(part(name))).collect()
    };
    let vornamen: fn(&Personenname) -> Option<&str> = |name| name.vornamen.as_deref();
    let familie: fn(&Personenname) -> Option<&str> = |name| name.familienname.as_deref();
    teilen_ein_wort(&alle(eigene, vornamen), &alle(andere, vornamen))
        || teilen_ein_wort(&alle(eigene, familie), &alle(andere, familie))
        // Nothing to compare proves no difference.
        || alle(eigene, vornamen).is_empty()
        || alle(andere, vornamen).is_empty()
}

fn mutter_gemein(eigene: &Personenname, andere: &Personenname) -> bool {
    let familie = |name: &Personenname| -> Vec<String> {
        [&name.familienname, &name.geburtsname].into_iter().flat_map(|name| worte(name.as_deref())).collect()
    };
    teilen_ein_wort(&worte(eigene.vornamen.as_deref()), &worte(andere.vornamen.as_deref()))
        || teilen_ein_wort(&familie(eigene), &familie(andere))
}

/// The words of a name in their search form.
fn worte(name: Option<&str>) -> Vec<String> {
    let form = vergleichsform(name.unwrap_or_default());
    form.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn teilen_ein_wort(eigene: &[String], andere: &[String]) -> bool {
    eigene.iter().any(|wort| andere.iter().any(|anderes| klingt_gleich(wort, anderes)))
}

/// Equal, or so near that a slip of the pen lies between: `Muller` and `Müller`, but not `Mia` and `Ida`.
fn klingt_gleich(eins: &str, anderes: &str) -> bool {
    let slips = match eins.chars().count().min(anderes.chars().count()) {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    eins == anderes || slips > 0 && strsim::osa_distance(eins, anderes) <= slips
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::testing::{kind, mutter, satz};
    use proptest::prelude::*;

    type Change = fn(&mut Kind, &mut Mutter);

    fn judged(asked: Change, stored: Change) -> Treffer {
        let (mut kind_, mut mutter_) = (kind(), mutter());
        asked(&mut kind_, &mut mutter_);
        let (mut other, mut her) = (kind(), mutter());
        stored(&mut other, &mut her);
        let found = [(Uuid::nil(), "amt".to_owned(), satz(other, her))];
        sichten(&kind_, &mutter_, found).first().map_or(Treffer::Keiner, |kandidat| kandidat.treffer)
    }

    fn day(text: &str) -> TeilDatum {
        TeilDatum::parse(text).unwrap()
    }

    #[test]
    fn every_difference_has_its_level() {
        use Treffer::{Aehnlich, Genau, Keiner};
        let same: Change = |_, _| {};
        let rows: &[(&str, Change, Change, Treffer)] = &[
            ("all equal", same, same, Genau),
            ("written in capitals, ue", |k, _| k.namen[0].familienname = Some("MUELLER".into()), same, Genau),
            ("Muller for Müller", |k, _| k.namen[0].familienname = Some("Muller".into()), same, Aehnlich),
            ("second given name missing", |k, _| k.namen[0].vornamen = Some("Lía".into()), same, Aehnlich),
            ("given names turned", |k, _| k.namen[0].vornamen = Some("Marie Lía".into()), same, Aehnlich),
            ("hyphen for space", |k, _| k.namen[0].vornamen = Some("Lia-Marie".into()), same, Aehnlich),
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
                },
                same,
                Keiner,
            ),
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
            sichten(&asked, &mutter(), found).iter().map(|kandidat| kandidat.treffer).collect()
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
            let level = treffer(&asked, &her, &satz(kind(), mutter()));
            prop_assert_eq!(level, if differs { Treffer::Aehnlich } else { Treffer::Genau });
        }

        #[test]
        fn levels_do_not_depend_on_spelling(upper in any::<bool>()) {
            let mut asked = kind();
            let name = asked.namen[0].familienname.clone().unwrap();
            asked.namen[0].familienname = Some(if upper { name.to_uppercase() } else { name.to_lowercase() });
            prop_assert_eq!(treffer(&asked, &mutter(), &satz(kind(), mutter())), Treffer::Genau);
        }
    }
}
