//! The menu of the multipart room: bodies of several parts, read and written as they stream by (RFC 2046, 2387,
//! 7578). It never holds logic of its own and never re-exports.

pub mod fault;
pub mod frame;
pub mod headers;
pub mod media;
pub mod reader;
pub mod transfer;
pub mod writer;
