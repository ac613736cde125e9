//! The engine: door, read, do, commit, dispatch. The menu of the room; it knows only contracts.

pub mod objecting;
pub mod points;
pub mod attempt;
pub mod backoff;
pub mod breaker;
pub mod run;
pub mod settle;
pub mod entry;
pub mod door;
pub mod core;
pub mod duty;
pub mod alone;
pub mod lookup;
pub mod receive;
pub mod commit;
pub mod dispatch;
pub mod hands;
pub mod hindsight;
pub mod housekeeping;
pub mod ports;
pub mod rekey;
pub mod retention;
pub mod recover;
pub mod refused;
pub mod start;
