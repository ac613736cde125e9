//! The fields of mother, child and entry, written once and offered twice: as a message gives them, and as a Korrektur
//! replaces them (`neu.`). Knows no standard and no XML.

use crate::register::aemter::ags;
use crate::register::field::{Field, Unreadable, datum, field, token, wahrheit};
use crate::register::record::{
    Angaben, Anschrift, Auslandsanschrift, Eintragung, Kind, Mutter, Personenname, Record,
};

macro_rules! satz {
    ($prefix:literal, $mutter:path, $kind:path, $eintragung:path) => {
        &[
            field!(One, concat!($prefix, "mutter.name.familienname"), |r, t| $mutter(r).name.familienname =
                Some(t.to_owned())),
            field!(One, concat!($prefix, "mutter.name.geburtsname"), |r, t| $mutter(r).name.geburtsname =
                Some(t.to_owned())),
            field!(One, concat!($prefix, "mutter.name.vornamen"), |r, t| $mutter(r).name.vornamen =
                Some(t.to_owned())),
            field!(One, concat!($prefix, "mutter.geburtsort"), |r, t| $mutter(r).geburtsort =
                Some(t.to_owned())),
            field!(One, concat!($prefix, "mutter.geburtsstaat"), |r, t| $mutter(r).geburtsstaat =
                Some(token(t))),
            field!(One, concat!($prefix, "mutter.geburtsdatum"), |r, t| $mutter(r).geburtsdatum = datum(t)?),
            field!(One, concat!($prefix, "mutter.familienstand"), |r, t| $mutter(r).familienstand =
                Some(token(t))),
            field!(Entry, concat!($prefix, "mutter.anschriften[]"), |r, _| $mutter(r)
                .anschriften
                .push(Anschrift::default())),
            field!(One, concat!($prefix, "mutter.anschriften[].gemeindeschluessel"), |r, t| {
                anschrift($mutter(r))?.gemeindeschluessel = Some(token(t))
            }),
            field!(One, concat!($prefix, "mutter.anschriften[].regionalschluessel"), |r, t| {
                regionalschluessel(anschrift($mutter(r))?, token(t))
            }),
            field!(One, concat!($prefix, "mutter.anschriften[].hauptwohnung"), |r, t| {
                hauptwohnung($mutter(r), wahrheit(t)?)?
            }),
            field!(One, concat!($prefix, "mutter.ausland.staat"), |r, t| ausland($mutter(r)).staat =
                Some(token(t))),
            field!(Many, concat!($prefix, "mutter.ausland.zeilen"), |r, t| ausland($mutter(r))
                .zeilen
                .push(t.to_owned())),
            field!(One, concat!($prefix, "mutter.anschriften[].strasse"), |r, t| {
                anschrift($mutter(r))?.strasse = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "mutter.anschriften[].hausnummer"), |r, t| {
                anschrift($mutter(r))?.hausnummer = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "mutter.anschriften[].hausnummer_zusatz"), |r, t| {
                anschrift($mutter(r))?.hausnummer_zusatz = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "mutter.anschriften[].postleitzahl"), |r, t| {
                anschrift($mutter(r))?.postleitzahl = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "mutter.anschriften[].wohnort"), |r, t| {
                anschrift($mutter(r))?.wohnort = Some(t.to_owned())
            }),
            field!(Entry, concat!($prefix, "kind.namen[]"), |r, _| $kind(r)
                .namen
                .push(Personenname::default())),
            field!(One, concat!($prefix, "kind.namen[].familienname"), |r, t| {
                kindname($kind(r))?.familienname = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "kind.namen[].geburtsname"), |r, t| {
                kindname($kind(r))?.geburtsname = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "kind.namen[].vornamen"), |r, t| {
                kindname($kind(r))?.vornamen = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "kind.geburtsort"), |r, t| $kind(r).geburtsort = Some(t.to_owned())),
            field!(One, concat!($prefix, "kind.geburtsstaat"), |r, t| $kind(r).geburtsstaat = Some(token(t))),
            field!(One, concat!($prefix, "kind.geburtsdatum"), |r, t| $kind(r).geburtsdatum =
                Some(datum(t)?)),
            field!(One, concat!($prefix, "kind.geburtsregister_nummer"), |r, t| {
                $kind(r).geburtsregister_nummer = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "kind.geburtsstandesamt"), |r, t| {
                $kind(r).geburtsstandesamt = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "kind.register_ars"), |r, t| $kind(r).register_ars = Some(token(t))),
            field!(One, concat!($prefix, "kind.erwartet"), |r, t| $kind(r).erwartet = Some(datum(t)?)),
            field!(One, concat!($prefix, "eintragung.vorhanden"), |r, t| $eintragung(r).vorhanden =
                wahrheit(t)?),
            field!(Many, concat!($prefix, "eintragung.arten"), |r, t| $eintragung(r).arten.push(token(t))),
            field!(One, concat!($prefix, "eintragung.wohnort_jugendamt"), |r, t| {
                $eintragung(r).wohnort_jugendamt = Some(t.to_owned())
            }),
            field!(One, concat!($prefix, "eintragung.registerfuehrendes_jugendamt"), |r, t| {
                $eintragung(r).registerfuehrendes_jugendamt = Some(t.to_owned())
            }),
        ]
    };
}

/// What a message says of mother, child and entry; of a Korrektur the data that it corrects.
pub const GEGEBEN: &[Field] = satz!("", mutter, kind, eintragung);

/// What a Korrektur puts in their place; a part of which nothing is filled stays `None`: it is left as it was.
pub const NEU: &[Field] = satz!("neu.", neue_mutter, neues_kind, neue_eintragung);

fn mutter(record: &mut Record) -> &mut Mutter {
    record.mutter.get_or_insert_default()
}

fn kind(record: &mut Record) -> &mut Kind {
    record.kind.get_or_insert_default()
}

fn eintragung(record: &mut Record) -> &mut Eintragung {
    record.eintragung.get_or_insert_default()
}

fn neu(record: &mut Record) -> &mut Angaben {
    record.neu.get_or_insert_default()
}

fn neue_mutter(record: &mut Record) -> &mut Mutter {
    neu(record).mutter.get_or_insert_default()
}

fn neues_kind(record: &mut Record) -> &mut Kind {
    neu(record).kind.get_or_insert_default()
}

fn neue_eintragung(record: &mut Record) -> &mut Eintragung {
    neu(record).eintragung.get_or_insert_default()
}

fn anschrift(mutter: &mut Mutter) -> Result<&mut Anschrift, Unreadable> {
    mutter.anschriften.last_mut().ok_or(Unreadable)
}

/// The ARS beside an AGS says the same more exactly; where it says something else both stand there.
fn regionalschluessel(anschrift: &mut Anschrift, ars: String) {
    let same = |key: &str| ags(&ars).is_some_and(|ags| key == ags || key == ars);
    anschrift.gemeindeschluessel = match anschrift.gemeindeschluessel.take() {
        Some(key) if !same(&key) => Some(format!("{key} {ars}")),
        _ => Some(ars),
    };
}

fn hauptwohnung(mutter: &mut Mutter, marked: bool) -> Result<(), Unreadable> {
    let at = mutter.anschriften.len().checked_sub(1).ok_or(Unreadable)?;
    if marked {
        mutter.hauptwohnungen.push(at);
    }
    Ok(())
}

fn ausland(mutter: &mut Mutter) -> &mut Auslandsanschrift {
    mutter.ausland.get_or_insert_default()
}

fn kindname(kind: &mut Kind) -> Result<&mut Personenname, Unreadable> {
    kind.namen.last_mut().ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::fields::find;

    #[test]
    fn an_ars_beside_an_ags_says_the_same_or_both_stand_there() {
        for (ags, ars, key) in [
            (None, "040110000000", "040110000000"),
            (Some("04011000"), "040110000000", "040110000000"),
            (Some("05974040"), "059740040040", "059740040040"),
            (Some("04011000"), "020000000000", "04011000 020000000000"),
            (Some("04011000"), "0401", "04011000 0401"),
        ] {
            let mut record = Record::default();
            let mut fill = |target: &str, text: &str| (find(target).unwrap().set)(&mut record, text).unwrap();
            fill("mutter.anschriften[]", "");
            if let Some(ags) = ags {
                fill("mutter.anschriften[].gemeindeschluessel", ags);
            }
            fill("mutter.anschriften[].regionalschluessel", ars);
            let mutter = record.mutter.unwrap();
            assert_eq!(mutter.anschriften[0].gemeindeschluessel.as_deref(), Some(key));
        }
    }
}
