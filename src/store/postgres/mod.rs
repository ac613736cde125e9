//! The store on PostgreSQL, for several processes at once: one schema for the house, one for child and Vorgang keys, a folder
//! of claims that all processes share. The menu of the room. Never writes personal data in clear.

mod again;
mod audit;
mod base;
mod blob;
mod bury;
mod claims;
mod commit;
mod deliveries;
pub mod duty;
mod essence;
mod house;
mod keyring;
mod lanes;
mod ledger;
mod list;
mod listen;
pub mod migrate;
pub mod open;
pub mod outside;
mod pool;
mod read;
mod reapply;
mod records;
pub mod recovery;
mod register;
mod rekey;
mod remove;
mod resumed;
mod retention;
mod retention_rows;
mod settle;
pub mod statements;
pub mod store;
mod values;
mod waiting;
mod write;
