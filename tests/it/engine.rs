//! The engine at its boundary: real store, real routes, partners that a test tells what to do, and a store that can be
//! told to fail. Every wait is bounded; nothing is asserted about time by the clock on the wall.

mod aenderung;
mod answers;
mod broker;
mod clock_ahead;
mod deletion;
mod doubted;
mod duty;
mod far;
mod following;
mod ground;
mod house;
mod kept;
mod lain;
mod long;
mod meldung;
mod no_wrong_answer;
mod office_year;
mod once;
mod order;
mod outage;
mod parts;
mod remembered;
mod retention;
pub mod rig;
mod stages;
mod stand;
mod taken_back;
mod trouble;
mod troubled;
mod troubled_audits;
mod troubled_desk;
mod waiting;
mod watch;
mod ways;
mod withdrawn;
mod woken;
