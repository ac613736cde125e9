//! The menu of OSCI-Transport 1.2: what was received is opened, judged and read; what is sent is written. Pure.
//! It never holds logic of its own and never re-exports. No part of it waits, looks at a clock or takes a key from a message.

pub mod content;
pub mod dialog;
pub mod envelope;
pub mod fault;
pub mod glance;
pub mod kind;
pub mod message;
pub mod open;
pub mod order;
pub mod receive;
pub mod report;
pub mod write;
pub mod write_content;
