//! The menu of what a mapping may fill, continued: persons that a search finds, notices of other authorities, and what
//! is said of a register as a whole. Like `fields.rs` it knows no standard and refuses what it cannot read.

use crate::register::field::{Field, Unreadable, datum, field, token, wahrheit};
use crate::register::record::{ARTEN, Aenderung, Anschrift, Hinweis, Person, Record, Registermeldung};

/// The fields that `fields.rs` does not hold, in the order of the record.
pub const FURTHER: &[Field] = &[
    field!(One, "hinweis.sorgeberechtigt", |r, t| hinweis(r).sorgeberechtigt = wahrheit(t)?),
    // Any text says that there is one; what it says of the father is not kept.
    field!(One, "hinweis.sorgerechtserklaerung", |r, _| hinweis(r).sorgerechtserklaerung = true),
    field!(Entry, "personen[]", |r, _| r.personen.push(Person::default())),
    field!(One, "personen[].name.familienname", |r, t| person(r)?.name.familienname = Some(t.to_owned())),
    field!(One, "personen[].name.geburtsname", |r, t| person(r)?.name.geburtsname = Some(t.to_owned())),
    field!(One, "personen[].name.vornamen", |r, t| person(r)?.name.vornamen = Some(t.to_owned())),
    field!(Many, "personen[].fruehere_familiennamen", |r, t| {
        person(r)?.fruehere_familiennamen.push(t.to_owned())
    }),
    field!(One, "personen[].rufname", |r, t| person(r)?.rufname = Some(t.to_owned())),
    field!(One, "personen[].geburtsdatum", |r, t| person(r)?.geburtsdatum = Some(datum(t)?)),
    field!(One, "personen[].geburtsort", |r, t| person(r)?.geburtsort = Some(t.to_owned())),
    field!(One, "personen[].geburtsstaat", |r, t| person(r)?.geburtsstaat = Some(token(t))),
    field!(One, "personen[].geschlecht", |r, t| person(r)?.geschlecht = Some(token(t))),
    field!(One, "personen[].familienstand", |r, t| person(r)?.familienstand = Some(token(t))),
    field!(Entry, "personen[].anschriften[]", |r, _| person(r)?.anschriften.push(Anschrift::default())),
    field!(One, "personen[].anschriften[].gemeindeschluessel", |r, t| {
        anschrift(r)?.gemeindeschluessel = Some(token(t))
    }),
    field!(One, "personen[].anschriften[].strasse", |r, t| anschrift(r)?.strasse = Some(t.to_owned())),
    field!(One, "personen[].anschriften[].hausnummer", |r, t| anschrift(r)?.hausnummer = Some(t.to_owned())),
    field!(One, "personen[].anschriften[].hausnummer_zusatz", |r, t| {
        anschrift(r)?.hausnummer_zusatz = Some(t.to_owned())
    }),
    field!(One, "personen[].anschriften[].postleitzahl", |r, t| {
        anschrift(r)?.postleitzahl = Some(t.to_owned())
    }),
    field!(One, "personen[].anschriften[].wohnort", |r, t| anschrift(r)?.wohnort = Some(t.to_owned())),
    field!(Many, "personen[].sperren", |r, t| person(r)?.sperren.push(token(t))),
    field!(One, "personen[].sterbedatum", |r, t| person(r)?.sterbedatum = Some(datum(t)?)),
    field!(Many, "personen[].rollen", |r, t| person(r)?.rollen.push(token(t))),
    field!(Many, "aenderung.arten", |r, t| aenderung(r).dazu(art(t)?)),
    // Any text there says that it happened.
    field!(Many, "aenderung.umzug", |r, _| aenderung(r).dazu("umzug")),
    field!(Many, "aenderung.name", |r, _| aenderung(r).dazu("name")),
    field!(Many, "aenderung.tod", |r, _| aenderung(r).dazu("tod")),
    field!(Many, "aenderung.adoption", |r, _| aenderung(r).dazu("adoption")),
    field!(Many, "aenderung.eheschliessung", |r, _| aenderung(r).dazu("eheschliessung")),
    field!(Many, "aenderung.geburtseintrag", |r, _| aenderung(r).dazu("geburtseintrag")),
    field!(One, "aenderung.ab", |r, t| aenderung(r).ab = Some(datum(t)?)),
    field!(One, "aenderung.zeichen", |r, t| aenderung(r).zeichen = Some(t.to_owned())),
    field!(One, "ergebnisstatus", |r, t| r.ergebnisstatus = Some(token(t))),
    field!(One, "registermeldung.was", |r, t| meldung(r).was = token(t)),
    field!(One, "registermeldung.jugendamt", |r, t| meldung(r).jugendamt = Some(token(t))),
    field!(One, "registermeldung.anzahl", |r, t| meldung(r).anzahl = Some(zahl(t)?)),
    field!(One, "registermeldung.fehlend", |r, t| meldung(r).fehlend = Some(zahl(t)?)),
    field!(One, "registermeldung.ueberzaehlig", |r, t| meldung(r).ueberzaehlig = Some(zahl(t)?)),
    field!(One, "registermeldung.liste", |r, t| meldung(r).liste = Some(wahrheit(t)?)),
    field!(One, "registermeldung.stand", |r, t| meldung(r).stand = Some(token(t))),
    field!(One, "registermeldung.letzte_uuid", |r, t| meldung(r).letzte_uuid = Some(token(t))),
    field!(One, "registermeldung.id", |r, t| meldung(r).id = Some(token(t))),
    field!(One, "registermeldung.aktenzeichen", |r, t| meldung(r).aktenzeichen = Some(token(t))),
    field!(One, "registermeldung.marke", |r, t| meldung(r).marke = Some(token(t))),
];

fn zahl(text: &str) -> Result<u64, Unreadable> {
    text.trim().parse().map_err(|_| Unreadable)
}

fn aenderung(record: &mut Record) -> &mut Aenderung {
    record.aenderung.get_or_insert_default()
}

/// A word of the record for what changed; packages say by `words` which of their codes it is.
fn art(text: &str) -> Result<&'static str, Unreadable> {
    ARTEN.iter().copied().find(|known| *known == text.trim()).ok_or(Unreadable)
}

fn hinweis(record: &mut Record) -> &mut Hinweis {
    record.hinweis.get_or_insert_default()
}

fn meldung(record: &mut Record) -> &mut Registermeldung {
    record.registermeldung.get_or_insert_default()
}

fn person(record: &mut Record) -> Result<&mut Person, Unreadable> {
    record.personen.last_mut().ok_or(Unreadable)
}

fn anschrift(record: &mut Record) -> Result<&mut Anschrift, Unreadable> {
    person(record)?.anschriften.last_mut().ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::fields::find;

    fn set(record: &mut Record, target: &str, text: &str) -> Result<(), Unreadable> {
        (find(target).expect("field").set)(record, text)
    }

    #[test]
    fn addresses_belong_to_the_person_that_was_begun_last() {
        let mut record = Record::default();
        assert_eq!(set(&mut record, "personen[].anschriften[]", ""), Err(Unreadable));
        for wohnort in ["Bremen", "Hamburg"] {
            set(&mut record, "personen[]", "").unwrap();
            assert_eq!(set(&mut record, "personen[].anschriften[].wohnort", wohnort), Err(Unreadable));
            set(&mut record, "personen[].anschriften[]", "").unwrap();
            set(&mut record, "personen[].anschriften[].wohnort", wohnort).unwrap();
            set(&mut record, "personen[].sperren", " 3 ").unwrap();
        }
        let found: Vec<_> =
            record.personen.iter().map(|person| person.anschriften[0].wohnort.as_deref()).collect();
        assert_eq!(found, [Some("Bremen"), Some("Hamburg")]);
        assert_eq!(record.personen[1].sperren, ["3"]);
    }

    #[test]
    fn counts_are_whole_numbers() {
        for wrong in ["-1", "1.5", "viele", "", "99999999999999999999999"] {
            assert_eq!(
                set(&mut Record::default(), "registermeldung.anzahl", wrong),
                Err(Unreadable),
                "{wrong}"
            );
        }
        let mut record = Record::default();
        set(&mut record, "registermeldung.anzahl", " 12 ").unwrap();
        assert_eq!(record.registermeldung.unwrap().anzahl, Some(12));
    }
}
