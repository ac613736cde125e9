//! The register's own rooms: records, keys, matching, decisions. Pure: no clock, no disk, no socket, no standard.

pub mod fields;
pub mod fields_satz;
pub mod keys;
pub mod record;
