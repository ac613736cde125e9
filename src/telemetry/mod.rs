//! Logs, metrics, traces and alarms through one door. The menu of the room; nothing here takes a value of a message.

pub mod alarm;
pub mod machine;
pub mod metric;
pub mod panics;
pub mod parts;
pub mod start;
pub mod trace;
