//! The transports: how octets come in and leave. The menu of the room.

pub mod port;
