//! The XML room's menu: what stands between octets of a stranger and everything that builds a tree or a value.
//! It never holds logic of its own and never re-exports.

pub mod algorithm;
pub mod c14n;
pub mod chars;
pub mod encryption;
pub mod gate;
pub mod json;
pub mod limits;
pub mod scope;
pub mod sign;
pub mod signature;
pub mod tag;
pub mod tree;
pub mod walk;
pub mod write;
