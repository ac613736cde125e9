//! The menus that files are compiled against: what a route may name. Holds no entry of its own.

use crate::pipeline;
use crate::transport;

/// The menus: what a route may name.
pub struct Menus<'a> {
    /// The steps.
    pub steps: &'a [pipeline::step::Entry],
    /// The transports.
    pub transports: &'a [transport::port::Entry],
}
