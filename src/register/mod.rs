//! The register's own rooms: records, keys, matching, decisions. Pure: no clock, no disk, no socket, no standard.

pub mod abgleich;
pub mod aemter;
pub mod aenderung;
pub mod anmeldung;
pub mod antwort;
pub mod bestand;
pub mod entscheidung;
pub mod field;
pub mod fields;
pub mod fields_satz;
pub mod fields_weitere;
pub mod fristen;
pub mod geburtseintrag;
pub mod gemeinden;
pub mod keys;
pub mod merkmale;
pub mod namen;
pub mod objection;
pub mod once;
pub mod record;
pub mod schranke;
pub mod suche;
pub mod tabelle;
pub mod tafeln;
pub mod tatsachen;
#[cfg(test)]
mod testing;
pub mod uhr;
pub mod vorgang;
