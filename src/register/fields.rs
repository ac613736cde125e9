//! The menu of what a mapping may fill: every field of the canonical record by its written name, and how it is set.
//! Knows no standard and no XML; the text it is given was valid to its schema, and what it cannot read it refuses.

use std::fmt;

use crate::register::fields_weitere::FURTHER;
use crate::register::record::{
    Anmeldung, Anschrift, Behoerde, Eintragung, Kind, Mutter, Personenname, Postkorb, Record, TeilDatum,
    Zusatzangaben,
};

/// How often a field may be filled from one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// At most once.
    One,
    /// Any number of times; every time adds one.
    Many,
    /// Begins a new entry of a list; its text is not looked at.
    Entry,
}

/// A text that is no value of the field; holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("value cannot be read; correct the message")]
pub struct Unreadable;

/// One field of the menu.
pub struct Field {
    /// Its name as mappings write it, such as `mutter.name.familienname`.
    pub target: &'static str,
    /// How often it may be filled.
    pub cardinality: Cardinality,
    /// Puts a text into it.
    pub set: fn(&mut Record, &str) -> Result<(), Unreadable>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.target)
    }
}

/// All fields there are.
pub fn all() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().chain(FURTHER)
}

/// The field with this name.
pub fn find(target: &str) -> Option<&'static Field> {
    all().find(|field| field.target == target)
}

/// The field that begins the list entry this field belongs to: `kind.namen[]` for `kind.namen[].vornamen`.
pub fn entry_of(target: &str) -> Option<&'static Field> {
    let (list, rest) = target.rsplit_once("[].")?;
    (!rest.is_empty()).then(|| find(&format!("{list}[]")))?
}

macro_rules! field {
    ($cardinality:ident, $target:literal, |$record:ident, $text:pat_param| $body:expr) => {
        Field {
            target: $target,
            cardinality: Cardinality::$cardinality,
            set: |$record, $text| {
                $body;
                Ok(())
            },
        }
    };
}

/// The fields of what Jugendämter, courts and mothers send; those of other messages stand in `fields_weitere.rs`.
pub const FIELDS: &[Field] = &[
    field!(One, "kopf.nachrichten_uuid", |r, t| r.kopf.nachrichten_uuid = t.to_owned()),
    field!(One, "kopf.nachrichtentyp", |r, t| r.kopf.nachrichtentyp = token(t)),
    field!(One, "kopf.erstellungszeitpunkt", |r, t| r.kopf.erstellungszeitpunkt = token(t)),
    field!(One, "kopf.autor.praefix", |r, t| r.kopf.autor.praefix = token(t)),
    field!(One, "kopf.autor.kennung", |r, t| r.kopf.autor.kennung = token(t)),
    field!(One, "kopf.autor.name", |r, t| r.kopf.autor.name = t.to_owned()),
    field!(One, "kopf.leser.praefix", |r, t| r.kopf.leser.praefix = token(t)),
    field!(One, "kopf.leser.kennung", |r, t| r.kopf.leser.kennung = token(t)),
    field!(One, "kopf.leser.name", |r, t| r.kopf.leser.name = t.to_owned()),
    // G2G headers write prefix and key as one text.
    field!(One, "kopf.autor", |r, t| behoerde(&mut r.kopf.autor, t)?),
    field!(One, "kopf.leser", |r, t| behoerde(&mut r.kopf.leser, t)?),
    field!(One, "kopf.transaktionsid", |r, t| r.kopf.transaktionsid = Some(t.to_owned())),
    field!(One, "kopf.einmalig", |r, t| r.kopf.einmalig = Some(token(t))),
    field!(One, "kopf.postkorb.handle", |r, t| postkorb(r).handle = Some(t.to_owned())),
    field!(One, "kopf.postkorb.zustimmung", |r, t| postkorb(r).zustimmung = Some(wahrheit(t)?)),
    field!(One, "mutter.name.familienname", |r, t| mutter(r).name.familienname = Some(t.to_owned())),
    field!(One, "mutter.name.geburtsname", |r, t| mutter(r).name.geburtsname = Some(t.to_owned())),
    field!(One, "mutter.name.vornamen", |r, t| mutter(r).name.vornamen = Some(t.to_owned())),
    field!(One, "mutter.geburtsort", |r, t| mutter(r).geburtsort = Some(t.to_owned())),
    field!(One, "mutter.geburtsstaat", |r, t| mutter(r).geburtsstaat = Some(token(t))),
    field!(One, "mutter.geburtsdatum", |r, t| mutter(r).geburtsdatum = datum(t)?),
    field!(One, "mutter.familienstand", |r, t| mutter(r).familienstand = Some(token(t))),
    field!(Entry, "mutter.anschriften[]", |r, _| mutter(r).anschriften.push(Anschrift::default())),
    field!(One, "mutter.anschriften[].gemeindeschluessel", |r, t| anschrift(r)?.gemeindeschluessel =
        Some(token(t))),
    field!(One, "mutter.anschriften[].strasse", |r, t| anschrift(r)?.strasse = Some(t.to_owned())),
    field!(One, "mutter.anschriften[].hausnummer", |r, t| anschrift(r)?.hausnummer = Some(t.to_owned())),
    field!(One, "mutter.anschriften[].hausnummer_zusatz", |r, t| anschrift(r)?.hausnummer_zusatz =
        Some(t.to_owned())),
    field!(One, "mutter.anschriften[].postleitzahl", |r, t| anschrift(r)?.postleitzahl = Some(t.to_owned())),
    field!(One, "mutter.anschriften[].wohnort", |r, t| anschrift(r)?.wohnort = Some(t.to_owned())),
    field!(Entry, "kind.namen[]", |r, _| kind(r).namen.push(Personenname::default())),
    field!(One, "kind.namen[].familienname", |r, t| kindname(r)?.familienname = Some(t.to_owned())),
    field!(One, "kind.namen[].geburtsname", |r, t| kindname(r)?.geburtsname = Some(t.to_owned())),
    field!(One, "kind.namen[].vornamen", |r, t| kindname(r)?.vornamen = Some(t.to_owned())),
    field!(One, "kind.geburtsort", |r, t| kind(r).geburtsort = Some(t.to_owned())),
    field!(One, "kind.geburtsstaat", |r, t| kind(r).geburtsstaat = Some(token(t))),
    field!(One, "kind.geburtsdatum", |r, t| kind(r).geburtsdatum = Some(datum(t)?)),
    field!(One, "kind.geburtsregister_nummer", |r, t| kind(r).geburtsregister_nummer = Some(t.to_owned())),
    field!(One, "kind.geburtsstandesamt", |r, t| kind(r).geburtsstandesamt = Some(t.to_owned())),
    field!(One, "kind.register_ars", |r, t| kind(r).register_ars = Some(token(t))),
    field!(One, "kind.erwartet", |r, t| kind(r).erwartet = Some(datum(t)?)),
    field!(One, "eintragung.vorhanden", |r, t| eintragung(r).vorhanden = wahrheit(t)?),
    field!(Many, "eintragung.arten", |r, t| eintragung(r).arten.push(token(t))),
    field!(One, "eintragung.wohnort_jugendamt", |r, t| eintragung(r).wohnort_jugendamt = Some(t.to_owned())),
    field!(One, "eintragung.registerfuehrendes_jugendamt", |r, t| {
        eintragung(r).registerfuehrendes_jugendamt = Some(t.to_owned())
    }),
    field!(One, "zusatz.mit_vater_verheiratet", |r, t| zusatz(r).mit_vater_verheiratet = Some(wahrheit(t)?)),
    field!(One, "zusatz.bei_geburt_verheiratet", |r, t| zusatz(r).bei_geburt_verheiratet =
        Some(wahrheit(t)?)),
    field!(One, "zusatz.gerichtliche_entscheidung", |r, t| {
        zusatz(r).gerichtliche_entscheidung = Some(wahrheit(t)?)
    }),
    field!(One, "zusatz.gemeinsame_erklaerung", |r, t| zusatz(r).gemeinsame_erklaerung = Some(wahrheit(t)?)),
    field!(One, "anmeldung.konto", |r, t| anmeldung(r).konto = Some(t.to_owned())),
    field!(One, "anmeldung.verfahren", |r, t| anmeldung(r).verfahren = Some(token(t))),
    field!(One, "anmeldung.vertrauensniveau", |r, t| anmeldung(r).vertrauensniveau = Some(token(t))),
    field!(One, "anmeldung.zeitpunkt", |r, t| anmeldung(r).zeitpunkt = Some(token(t))),
    field!(One, "anmeldung.name.familienname", |r, t| anmeldung(r).name.familienname = Some(t.to_owned())),
    field!(One, "anmeldung.name.geburtsname", |r, t| anmeldung(r).name.geburtsname = Some(t.to_owned())),
    field!(One, "anmeldung.name.vornamen", |r, t| anmeldung(r).name.vornamen = Some(t.to_owned())),
    field!(One, "anmeldung.geburtsdatum", |r, t| anmeldung(r).geburtsdatum = Some(datum(t)?)),
    field!(One, "anmeldung.rolle", |r, t| anmeldung(r).rolle = Some(token(t))),
    field!(One, "anmeldung.postkorb_handle", |r, t| anmeldung(r).postkorb_handle = Some(t.to_owned())),
    field!(One, "anmeldung.zweck", |r, t| anmeldung(r).zweck = Some(token(t))),
    field!(One, "anmeldung.freigabe", |r, t| anmeldung(r).freigabe = Some(token(t))),
    field!(One, "bezug", |r, t| r.bezug = Some(t.to_owned())),
    field!(Many, "gruende", |r, t| r.gruende.push(token(t))),
];

/// White space at both ends of a token means nothing.
pub(super) fn token(text: &str) -> String {
    text.trim().to_owned()
}

pub(super) fn datum(text: &str) -> Result<TeilDatum, Unreadable> {
    TeilDatum::parse(text.trim()).ok_or(Unreadable)
}

pub(super) fn wahrheit(text: &str) -> Result<bool, Unreadable> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Unreadable),
    }
}

fn behoerde(behoerde: &mut Behoerde, text: &str) -> Result<(), Unreadable> {
    let (praefix, kennung) = text.trim().split_once(':').ok_or(Unreadable)?;
    praefix.clone_into(&mut behoerde.praefix);
    kennung.clone_into(&mut behoerde.kennung);
    Ok(())
}

fn mutter(record: &mut Record) -> &mut Mutter {
    record.mutter.get_or_insert_default()
}

fn kind(record: &mut Record) -> &mut Kind {
    record.kind.get_or_insert_default()
}

fn eintragung(record: &mut Record) -> &mut Eintragung {
    record.eintragung.get_or_insert_default()
}

fn anschrift(record: &mut Record) -> Result<&mut Anschrift, Unreadable> {
    mutter(record).anschriften.last_mut().ok_or(Unreadable)
}

fn kindname(record: &mut Record) -> Result<&mut Personenname, Unreadable> {
    kind(record).namen.last_mut().ok_or(Unreadable)
}

fn postkorb(record: &mut Record) -> &mut Postkorb {
    record.kopf.postkorb.get_or_insert_default()
}

fn zusatz(record: &mut Record) -> &mut Zusatzangaben {
    record.zusatz.get_or_insert_default()
}

fn anmeldung(record: &mut Record) -> &mut Anmeldung {
    record.anmeldung.get_or_insert_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_changes_the_record_and_names_are_unique() {
        for (at, field) in all().enumerate() {
            assert!(all().take(at).all(|other| other.target != field.target), "{} twice", field.target);
            let mut record = Record::default();
            let mut entries: Vec<&Field> =
                std::iter::successors(entry_of(field.target), |entry| entry_of(entry.target)).collect();
            while let Some(entry) = entries.pop() {
                (entry.set)(&mut record, "").unwrap();
            }
            let before = record.clone();
            let text = match field.target {
                target if target.ends_with("datum") || target.ends_with("erwartet") => "2024-08-05",
                "eintragung.vorhanden" | "hinweis.sorgeberechtigt" | "kopf.postkorb.zustimmung" => "true",
                target if target.starts_with("zusatz.") => "true",
                "registermeldung.anzahl" | "registermeldung.fehlend" | "registermeldung.ueberzaehlig" => "7",
                _ => "jga:1",
            };
            (field.set)(&mut record, text).unwrap();
            assert!(record != before, "{} changes nothing", field.target);
        }
    }

    #[test]
    fn an_entry_field_without_its_entry_is_refused() {
        assert_eq!(entry_of("kind.namen[].vornamen").map(|field| field.target), Some("kind.namen[]"));
        assert!(entry_of("kind.geburtsort").is_none());
        let field = find("kind.namen[].vornamen").unwrap();
        assert_eq!((field.set)(&mut Record::default(), "Lía"), Err(Unreadable));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (target, text) in [
            ("kind.geburtsdatum", "2024-02-30"),
            ("mutter.geburtsdatum", "gestern"),
            ("eintragung.vorhanden", "ja"),
            ("kopf.autor", "ohnepraefix"),
        ] {
            assert_eq!(
                (find(target).unwrap().set)(&mut Record::default(), text),
                Err(Unreadable),
                "{target}"
            );
        }
    }
}
