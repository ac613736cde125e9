//! The menu of what a mapping may fill: every field of the canonical record by its written name, and how it is set.
//! Knows no standard and no XML; the text it is given was valid to its schema, and what it cannot read it refuses.

use crate::register::field::{Field, Unreadable, datum, field, token, wahrheit};
use crate::register::fields_satz::{GEGEBEN, NEU};
use crate::register::fields_weitere::FURTHER;
use crate::register::record::{Anmeldung, Behoerde, Nachweis, Postkorb, Record, Terminwunsch, Zusatzangaben};

/// Every field there is.
pub fn all() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().chain(GEGEBEN).chain(NEU).chain(FURTHER)
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

/// The fields outside the Registersatz, in the order of the record.
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
    field!(One, "kopf.antragszeit", |r, t| r.kopf.antragszeit = Some(token(t))),
    field!(One, "kopf.einmalig", |r, t| r.kopf.einmalig = Some(token(t))),
    field!(One, "kopf.postkorb.handle", |r, t| postkorb(r).handle = Some(t.to_owned())),
    field!(One, "kopf.postkorb.zustimmung", |r, t| postkorb(r).zustimmung = Some(wahrheit(t)?)),
    // Mother, child and entry, also those of `neu`, stand in `fields_satz`.
    field!(One, "zusatz.mit_vater_verheiratet", |r, t| zusatz(r).mit_vater_verheiratet = Some(wahrheit(t)?)),
    field!(One, "zusatz.bei_geburt_verheiratet", |r, t| zusatz(r).bei_geburt_verheiratet =
        Some(wahrheit(t)?)),
    field!(One, "zusatz.gerichtliche_entscheidung", |r, t| {
        zusatz(r).gerichtliche_entscheidung = Some(wahrheit(t)?)
    }),
    field!(One, "zusatz.gemeinsame_erklaerung", |r, t| zusatz(r).gemeinsame_erklaerung = Some(wahrheit(t)?)),
    field!(Entry, "zusatz.nachweise[]", |r, _| zusatz(r).nachweise.push(Nachweis::default())),
    field!(One, "zusatz.nachweise[].dokumentid", |r, t| nachweis(r)?.dokumentid = Some(t.to_owned())),
    field!(One, "zusatz.nachweise[].dateiname", |r, t| nachweis(r)?.dateiname = Some(t.to_owned())),
    field!(One, "zusatz.nachweise[].mimetype", |r, t| nachweis(r)?.mimetype = Some(t.to_owned())),
    field!(One, "zusatz.nachweise[].kategorie", |r, t| nachweis(r)?.kategorie = Some(t.to_owned())),
    field!(Entry, "termine[]", |r, _| r.termine.push(Terminwunsch::default())),
    field!(Many, "termine[].wochentage", |r, t| termin(r)?.wochentage.push(t.to_owned())),
    field!(Many, "termine[].uhrzeiten", |r, t| termin(r)?.uhrzeiten.push(t.to_owned())),
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

fn behoerde(behoerde: &mut Behoerde, text: &str) -> Result<(), Unreadable> {
    let (praefix, kennung) = text.trim().split_once(':').ok_or(Unreadable)?;
    praefix.clone_into(&mut behoerde.praefix);
    kennung.clone_into(&mut behoerde.kennung);
    Ok(())
}

fn postkorb(record: &mut Record) -> &mut Postkorb {
    record.kopf.postkorb.get_or_insert_default()
}

fn zusatz(record: &mut Record) -> &mut Zusatzangaben {
    record.zusatz.get_or_insert_default()
}

fn nachweis(record: &mut Record) -> Result<&mut Nachweis, Unreadable> {
    zusatz(record).nachweise.last_mut().ok_or(Unreadable)
}

fn termin(record: &mut Record) -> Result<&mut Terminwunsch, Unreadable> {
    record.termine.last_mut().ok_or(Unreadable)
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
                target
                    if ["vorhanden", "zustimmung", "hauptwohnung"]
                        .iter()
                        .any(|end| target.ends_with(end)) =>
                {
                    "true"
                }
                "hinweis.sorgeberechtigt" | "registermeldung.liste" => "true",
                "aenderung.arten" => "umzug",
                "aenderung.ab" => "2026-11-01",
                "registermeldung.anzahl" | "registermeldung.fehlend" | "registermeldung.ueberzaehlig" => "7",
                target if target.starts_with("zusatz.") && !target.contains("[]") => "true",
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
    fn what_is_given_and_what_is_new_are_kept_apart() {
        let mut record = Record::default();
        for (target, text) in [
            ("neu.kind.namen[]", ""),
            ("neu.kind.namen[].vornamen", "Lía"),
            ("kind.geburtsort", "Bremen"),
            ("neu.eintragung.arten", "01"),
            ("neu.eintragung.arten", "02"),
        ] {
            (find(target).unwrap().set)(&mut record, text).unwrap();
        }
        let neu = record.neu.unwrap();
        assert_eq!(neu.kind.unwrap().namen[0].vornamen.as_deref(), Some("Lía"));
        assert_eq!(neu.eintragung.unwrap().arten, ["01", "02"]);
        assert!(neu.mutter.is_none() && record.mutter.is_none() && record.eintragung.is_none());
        let kind = record.kind.unwrap();
        assert!(kind.namen.is_empty() && kind.geburtsort.as_deref() == Some("Bremen"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (target, text) in [
            ("kind.geburtsdatum", "2024-02-30"),
            ("mutter.geburtsdatum", "gestern"),
            ("eintragung.vorhanden", "ja"),
            ("neu.eintragung.vorhanden", ""),
            ("zusatz.gemeinsame_erklaerung", "vielleicht"),
            ("kopf.postkorb.zustimmung", "J"),
            ("kopf.autor", "ohnepraefix"),
            ("aenderung.arten", "ausflug"),
            ("aenderung.ab", "bald"),
        ] {
            assert_eq!(
                (find(target).unwrap().set)(&mut Record::default(), text),
                Err(Unreadable),
                "{target}"
            );
        }
    }
}
