//! The tables that decide besides the code: offices, places, the decision table. Loaded with the routes and part of what
//! `decided_by` names; nothing here reads a file.

use crate::register::aemter::Aemter;
use crate::register::gemeinden::Gemeinden;
use crate::register::tabelle::Tabelle;

/// All tables of a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tafeln {
    /// The Jugendaemter and their areas.
    pub aemter: Aemter,
    /// The places.
    pub gemeinden: Gemeinden,
    /// The decision table; the built-in one where the stage brings none.
    pub auskunft: Tabelle,
}
