//! The support bundle: what may leave the house so that somebody else can help. The menu of its parts.

pub mod archive;
pub mod figures;
pub mod gather;
pub mod log;
pub mod metrics;
pub mod search;
mod sentence;
pub mod words;
