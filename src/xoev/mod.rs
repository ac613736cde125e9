//! XÖV standards as data: packages, mappings, templates and validation. The menu of the room.

pub mod adopt;
pub mod catalog;
pub mod codelist;
mod compiled;
pub mod contract;
pub mod diff;
pub mod fault;
pub mod inspect;
pub mod kind;
pub mod manifest;
pub mod mapping;
pub mod package;
pub mod reader;
pub mod rules;
pub mod schema;
pub mod set;
pub mod shape;
pub mod skeleton;
mod standards;
mod steps;
pub mod template;
pub mod within;
pub mod written;
