//! The composition root: the one place, with the menus, that knows names. The menu of the room.

pub mod orders;
pub mod place;
pub mod folders;
mod spots;
mod rights;
pub mod fit;
pub mod sources;
pub mod proof;
pub mod ops;
pub mod shared;
pub mod applied;
pub mod follow;
pub mod reload;
pub mod house;
pub mod far;
pub mod player;
pub mod script;
pub mod cases;
pub mod samples;
pub mod archive;
pub mod packages;
pub mod install;
pub mod asking;
pub mod bundle;
