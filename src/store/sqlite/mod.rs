//! The embedded store: one SQLite file, a key store beside it and a folder of claims. The menu of the room.
//! Never needs a server, never writes personal data in clear.

mod again;
mod audit;
mod blob;
mod claims;
mod commit;
mod deliveries;
mod durable;
mod duty;
mod essence;
mod guards;
mod house;
mod keyring;
mod jobs;
mod keys_end;
mod lanes;
mod ledger;
mod list;
mod lock;
mod mark;
mod looks;
mod mailbox;
mod objections;
pub mod open;
mod read;
mod reapply;
pub mod recovery;
mod register;
mod rekey;
mod remove;
mod retention;
mod retention_rows;
pub mod restore;
pub mod store;
mod values;
mod waiting;
mod writer;
