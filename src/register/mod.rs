//! The register's own rooms: records, keys, matching, decisions. Pure: no clock, no disk, no socket, no standard.

pub mod aemter;
pub mod bestand;
pub mod entscheidung;
pub mod fields;
pub mod gemeinden;
pub mod keys;
pub mod record;
pub mod tafeln;
pub mod vorgang;
