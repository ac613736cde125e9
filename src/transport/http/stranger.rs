//! What is noted of a delivery whose sender was not admitted: hash, size, time and reason, never its content.
//! How many are noted bounds the turnstile that all transports share.

use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::Body;
use futures_util::StreamExt;

use crate::envelope::Evidence;

/// How long the octets of a stranger are listened to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads a body only to hash and count it; no octet is kept.
///
/// Beyond `most` octets, after two seconds or when the client breaks off there is no hash, because a hash of a part would
/// prove nothing; the size is then what came so far.
pub async fn witness(body: Body, most: usize, peer: Option<String>) -> Evidence {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut size = 0u64;
    let mut octets = body.into_data_stream();
    let reading = async {
        while let Some(piece) = octets.next().await {
            let Ok(piece) = piece else { return false };
            size += piece.len() as u64;
            if size > most as u64 {
                return false;
            }
            hash.update(&piece);
        }
        true
    };
    let whole = tokio::time::timeout(PATIENCE, reading).await.unwrap_or(false);
    Evidence {
        octets_sha256: if whole { hex::encode(hash.finish()) } else { String::new() },
        size,
        verification: "none".to_owned(),
        protocol_ids: Vec::new(),
        peer,
        ..Evidence::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn octets_are_hashed_as_a_whole_or_not_at_all() {
        let whole = witness(Body::from("abc"), 3, None).await;
        assert_eq!(whole.size, 3);
        assert!(whole.octets_sha256.starts_with("ba7816bf"));
        let large = witness(Body::from("abcd"), 3, None).await;
        assert_eq!((large.size, large.octets_sha256.as_str()), (4, ""));
        let pieces = futures_util::stream::iter([Ok("ab"), Err(std::io::Error::other("gone"))]);
        let broken = witness(Body::from_stream(pieces), 30, None).await;
        assert_eq!((broken.size, broken.octets_sha256.as_str()), (2, ""));
    }
}
