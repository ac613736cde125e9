//! The XML room's menu: what stands between octets of a stranger and everything that builds a tree or a value.
//! It never holds logic of its own and never re-exports.

pub mod chars;
pub mod gate;
pub mod json;
pub mod scope;
pub mod tag;
pub mod walk;
pub mod write;
