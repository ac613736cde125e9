#![forbid(unsafe_code)]
pub mod xml;
