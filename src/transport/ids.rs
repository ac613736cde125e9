//! Ids and hashes that every transport needs. Never reads the time itself.

use aws_lc_rs::digest;
use jiff::Timestamp;
use uuid::{NoContext, Uuid};

/// A new id of a delivery, ordered by its time of receipt.
pub fn fresh_id(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds))
}

/// Under which a delivery is known that came with a key of its sender, or with the hash of its content for one.
pub fn by_key(partner: &str, key: &str) -> String {
    format!("{partner}:{key}")
}

/// Under which a delivery is known that came with the id of a message of a broker: as a hash, because that is foreign text of any length
/// and content.
pub fn by_message_id(partner: &str, id: &str) -> String {
    format!("{partner}:id-{}", sha256_hex(id.as_bytes()))
}

/// SHA-256, hex lower case.
pub fn sha256_hex(octets: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, octets))
}
