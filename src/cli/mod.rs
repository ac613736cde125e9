//! The commands, one file each. The menu of the room; a command reads its arguments, asks, prints, and decides nothing else.

pub mod args;
pub mod bench;
pub mod check;
pub mod command;
pub mod completions;
pub mod demo;
pub mod demo_partner;
pub mod dispatch;
pub mod doctor;
pub mod dry_run;
pub mod exit;
pub mod inspect;
pub mod messages;
pub mod output;
pub mod parked;
pub mod pause;
pub mod person;
pub mod routes;
pub mod run;
pub mod sample;
pub mod schema;
pub mod shipped;
pub mod stage;
pub mod status;
pub mod test;
pub mod vorgang;
