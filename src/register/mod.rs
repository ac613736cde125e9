//! The register's own rooms: records, keys, matching, decisions. Pure: no clock, no disk, no socket, no standard.

#[macro_use]
pub mod fields;
pub mod fields_weitere;
pub mod keys;
pub mod record;
