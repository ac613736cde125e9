//! The commands, one file each. The menu of the room; a command reads its arguments, asks, prints, and decides nothing else.

pub mod args;
pub mod command;
pub mod completions;
pub mod exit;
pub mod messages;
pub mod output;
pub mod parked;
pub mod pause;
pub mod person;
pub mod status;
