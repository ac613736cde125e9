//! The menu of the trust room: certificates, keys, signatures, wrapped keys, ciphers, paths; from octets, never from files.
//! It never holds logic of its own and never re-exports.

pub mod certificate;
pub mod cipher;
pub mod decrypt;
pub mod digest;
pub mod keys;
pub mod list;
pub mod path;
pub mod scheme;
pub mod sign;

mod algorithms;
mod brainpool;
mod der;
mod ec;
mod gcm;
