//! The route language: what is written becomes a plan. The menu of the room.

pub mod fault;
pub mod file;
pub mod reading;
pub mod tree;
pub mod branch;
pub mod condition;
pub mod connections;
pub mod partners;
pub mod show;
pub mod cells;
pub mod compile;
pub mod compiled;
pub mod explain;
pub mod steps;
pub mod case;
pub mod load;
pub mod plan_diff;
pub mod schema;
