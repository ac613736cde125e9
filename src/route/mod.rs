//! The route language: what is written becomes a plan. The menu of the room.

pub mod case;
pub mod cells;
pub mod compile;
pub mod compiled;
pub mod condition;
pub mod connections;
pub mod credentials;
pub mod defaults;
pub mod explain;
pub mod fault;
pub mod file;
pub mod letters;
pub mod load;
pub mod meeting;
pub mod menus;
pub mod partners;
mod place;
pub mod plan_diff;
pub mod reading;
pub mod retention;
pub mod schema;
pub mod show;
pub mod steps;
pub mod tafeln;
pub mod text_file;
pub mod tree;
pub mod ways;
