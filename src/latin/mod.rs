//! The menu of what the program knows about the characters of DIN 91379 (String.Latin).
//! It never holds logic of its own and never re-exports.

pub mod datatype;
pub mod searchform;
