//! Sealing: keys in tiers, sealed octets, streamed sealing of long parts, and blind indexes. The menu of the room.
//! Knows no store, no message and no file; never prints a key.

pub mod index;
pub mod key;
pub mod stream;
