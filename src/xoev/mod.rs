//! XÖV standards as data: packages, mappings, templates and validation. The menu of the room.

pub mod contract;
