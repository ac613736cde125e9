//! How near a Registersatz is to what a mother asked for: `genau`, `aehnlich` or `keiner` (sorgeregister.md 10.8, rules.md 2).
//! It never answers and never prefers one of several: whatever is not certain is `aehnlich`, and a person looks.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::latin::searchform::vergleichsform;
use crate::register::entscheidung::{Kandidat, Treffer};
use crate::register::geburtseintrag::{Geburtseintrag, widersprechen};
use crate::register::gemeinden::{Gemeinden, Verhaeltnis};
use crate::register::keys;
use crate::register::namen::{self, nennen_eines, teilen_eines, weitere_widersprechen};
use crate::register::record::{DEUTSCHLAND, Kind, Mutter, Personenname, Registersatz, TeilDatum};

/// Most Registersätze among which one is looked for; where more are found, none of them is certain (rules.md 2.3).
pub const HOECHSTENS: usize = 64;

/// Judges the Registersätze that the keys found, and leaves out those that are other children for certain.
///
/// Another child is left out only beside the record it is told apart from: the one exact match, else the child as it was asked for.
/// Records of children not yet born are no matches; see [`vorgeburt_beruehrt`].
pub fn sichten(
    orte: &Gemeinden,
    kind: &Kind,
    mutter: &Mutter,
    gefunden: impl IntoIterator<Item = (Uuid, String, Registersatz)>,
) -> Vec<Kandidat> {
    let mut kandidaten: Vec<Kandidat> = gefunden
        .into_iter()
        .map(|(id, partner, registersatz)| Kandidat { id, partner, registersatz, treffer: Treffer::Aehnlich })
        .collect();
    if kandidaten.len() > HOECHSTENS {
        return kandidaten;
    }
    for kandidat in &mut kandidaten {
        kandidat.treffer = treffer(orte, kind, mutter, &kandidat.registersatz);
    }
    let bezug = {
        let mut genaue = kandidaten.iter().filter(|kandidat| kandidat.treffer == Treffer::Genau);
        match (genaue.next(), genaue.next()) {
            (Some(einer), None) => einer.registersatz.kind.clone(),
            _ => kind.clone(),
        }
    };
    for kandidat in kandidaten.iter_mut().filter(|kandidat| kandidat.treffer == Treffer::Aehnlich) {
        if anderes_kind(&bezug, &kandidat.registersatz.kind) {
            kandidat.treffer = Treffer::Keiner;
        }
    }
    kandidaten.retain(|kandidat| kandidat.treffer != Treffer::Keiner);
    kandidaten
}

/// How near one Registersatz is, seen alone.
pub fn treffer(orte: &Gemeinden, kind: &Kind, mutter: &Mutter, satz: &Registersatz) -> Treffer {
    if genau(orte, kind, mutter, satz) {
        return Treffer::Genau;
    }
    let tag = match (&kind.geburtsdatum, &satz.kind.geburtsdatum) {
        (Some(gefragt), Some(gespeichert)) => gefragt.vertraeglich(gespeichert),
        _ => false,
    };
    let mutter_tag = mutter.geburtsdatum.vertraeglich(&satz.mutter.geburtsdatum);
    let nah = match (tag, mutter_tag) {
        // Both birth dates are equal: the same child, unless it was born elsewhere and no name of child or mother is like any of the
        // other.
        (true, true) => {
            orte.verhaeltnis(kind, &satz.kind) != Verhaeltnis::Verschieden
                || ein_name_gemein(kind, mutter, satz)
        }
        // A wrong birth date of one of the two: place and names of the child are equal.
        (true, false) | (false, true) => {
            let ort = falten(&kind.geburtsort) == falten(&satz.kind.geburtsort)
                || orte.verhaeltnis(kind, &satz.kind) == Verhaeltnis::Gleich;
            ort && kind.namen.iter().any(|name| satz.kind.namen.iter().any(|other| namensgleich(name, other)))
        }
        (false, false) => false,
    };
    if nah { Treffer::Aehnlich } else { Treffer::Keiner }
}

/// Whether a record from before a birth may be about this child: it agrees in the mother's day with any of her names, or in her names
/// with the month of the birth and two before and after it (rules.md 2.3).
pub fn vorgeburt_beruehrt(kind: &Kind, mutter: &Mutter, satz: &Registersatz) -> bool {
    let vornamen = namen::vornamen(&mutter.name);
    let first = vornamen.get(..1).unwrap_or_default();
    let familie = namen::familie(&mutter.name);
    let ihre = namen::alle([&satz.mutter.name]);
    // Nothing to compare proves no difference.
    let nennt = |words: &[_]| words.is_empty() || ihre.is_empty() || nennen_eines(words, &ihre);
    let einer = nennt(&familie) || nennt(first);
    let beide = nennt(&familie) && nennt(&vornamen);
    einer && mutter.geburtsdatum.vertraeglich(&satz.mutter.geburtsdatum)
        || beide && wird_erwartet(kind, &satz.kind)
}

/// Whether a child may be, by its month, the one that was expected: born two months before or after it at most. What is not known
/// may be any month.
pub fn wird_erwartet(geboren: &Kind, ungeboren: &Kind) -> bool {
    let monate = |datum: Option<TeilDatum>| datum.and_then(|datum| datum.monate());
    match (monate(geboren.geburtsdatum), monate(ungeboren.erwartet)) {
        (Some((first, last)), Some((von, bis))) => first <= bis + keys::MONATE && von - keys::MONATE <= last,
        _ => true,
    }
}

fn genau(orte: &Gemeinden, kind: &Kind, mutter: &Mutter, satz: &Registersatz) -> bool {
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
        && orte.verhaeltnis(kind, &satz.kind) != Verhaeltnis::Verschieden
        && (gleich(&kind.geburtsort, &satz.kind.geburtsort) && schluessel_stimmt(orte, kind, &satz.kind)
            || derselbe_schluessel(kind, &satz.kind) && orte.passt(kind) && orte.passt(&satz.kind))
        && staat(kind) == staat(&satz.kind)
        && !widersprechen(kind, &satz.kind)
        && genau_mutter(mutter, &satz.mutter)
}

/// Whether the key that is asked for says nothing else than the place: it is that of the record, or the table reconciles it with the name
/// (rules.md 2.4).
pub fn schluessel_stimmt(orte: &Gemeinden, gefragt: &Kind, gespeichert: &Kind) -> bool {
    derselbe_schluessel(gefragt, gespeichert) || orte.vertraegt(gefragt)
}

fn derselbe_schluessel(eines: &Kind, anderes: &Kind) -> bool {
    ars(eines).is_some_and(|key| Some(key) == ars(anderes))
}

fn genau_mutter(gefragt: &Mutter, gespeichert: &Mutter) -> bool {
    let vorname = |mutter: &Mutter| {
        let form = vergleichsform(mutter.name.vornamen.as_deref().unwrap_or_default());
        form.split(' ').next().map(str::to_owned).filter(|name| !name.is_empty())
    };
    let (eigene, andere) = (familiennamen(&gefragt.name), familiennamen(&gespeichert.name));
    !eigene.is_disjoint(&andere)
        && vorname(gefragt).is_some_and(|name| Some(name) == vorname(gespeichert))
        && !weitere_widersprechen(&gefragt.name, &gespeichert.name)
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

/// Whether it is another child for certain, a twin or any other: both are named, no given name of the one is, or may be, one of the
/// other, so that their first ones differ in whatever order they stand, and the births are entered under different numbers, written
/// in one form.
fn anderes_kind(eines: &Kind, anderes: &Kind) -> bool {
    let benannt = |kind: &Kind| {
        !kind.namen.is_empty() && kind.namen.iter().all(|name| !namen::vornamen(name).is_empty())
    };
    let vornamen = |kind: &Kind| kind.namen.iter().flat_map(namen::vornamen).collect::<Vec<_>>();
    // Given and family name may be exchanged.
    let fremd = |one: &Kind, other: &Kind| !teilen_eines(&vornamen(one), &namen::alle(&other.namen));
    let entries = (Geburtseintrag::of(eines), Geburtseintrag::of(anderes));
    matches!(entries, (Some(one), Some(other)) if one.anderer(&other))
        && benannt(eines)
        && benannt(anderes)
        && fremd(eines, anderes)
        && fremd(anderes, eines)
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
    keys::form::falten(part.as_deref().unwrap_or_default())
}

/// Equal as keys are: without spaces and hyphens, also by transliteration.
fn namensgleich(eins: &Personenname, anderes: &Personenname) -> bool {
    let spelled = |part: &Option<String>| keys::schreibweisen(part.as_deref().unwrap_or_default());
    let equal = |one: &Option<String>, other: &Option<String>| {
        let other = spelled(other);
        spelled(one).iter().any(|one| other.contains(one))
    };
    equal(&eins.familienname, &anderes.familienname) && equal(&eins.vornamen, &anderes.vornamen)
}

/// One word of a name of the child, or one of the mother, is or may be one of the other, in any order; child and mother are not
/// compared with each other.
fn ein_name_gemein(kind: &Kind, mutter: &Mutter, satz: &Registersatz) -> bool {
    let unbenannt = |kind: &Kind| kind.namen.iter().all(|name| namen::vornamen(name).is_empty());
    teilen_eines(&namen::alle(&kind.namen), &namen::alle(&satz.kind.namen))
        || teilen_eines(&namen::alle([&mutter.name]), &namen::alle([&satz.mutter.name]))
        // Nothing to compare proves no difference.
        || unbenannt(kind)
        || unbenannt(&satz.kind)
}

#[cfg(test)]
mod tests;
