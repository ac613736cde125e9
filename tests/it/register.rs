//! The answer side of the register at its boundary: a request with its login goes through `authorise`, `find` and `decide` as
//! a route would drive them, against records that stand under their own keys. All persons are invented.

mod dichte;
mod doppelt;
mod faelle;
pub mod leute;
mod unbekannt;
mod vorgang;
mod welt;
