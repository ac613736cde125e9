#![forbid(unsafe_code)]
pub mod latin;
pub mod mime;
pub mod xml;
