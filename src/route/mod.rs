//! The route language: what is written becomes a plan. The menu of the room.

pub mod fault;
pub mod file;
pub mod reading;
pub mod tree;
