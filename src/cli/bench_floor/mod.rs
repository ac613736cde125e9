//! `bench --floor`: the adapter in turn with a program that does the least that any program must do for the same messages.
//! The menu of the folder.

pub mod account;
pub mod broker;
pub mod child;
pub mod database;
pub mod figures;
pub mod fill;
pub mod ground;
pub mod measure;
pub mod paced;
pub mod report;
pub mod rows;
pub mod run;
pub mod servers;
pub mod shape;
pub mod stage;
pub mod stocks;
pub mod validate;
pub mod worker;
