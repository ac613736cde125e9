//! What is noted of a delivery whose sender was not admitted: hash, size, time and reason, never its content.
//! Bounded in memory, time and number, so that a flood costs an alarm and nothing else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::Body;
use futures_util::StreamExt;

use crate::clock::Tick;
use crate::envelope::Evidence;

/// So many are noted in each second; more are only counted.
const PER_SECOND: u32 = 5;
/// So many are noted in each hour: with the thousand octets of a note and the retention of messages less than 100 MB in all,
/// of which the oldest go first, however long a flood lasts.
const PER_HOUR: u32 = 60;
/// So many of them of one address, so that one flood does not hide another stranger.
const PER_ADDRESS: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// How long the octets of a stranger are listened to.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many strangers were noted in the running second and hour.
#[derive(Default)]
pub struct Turnstile(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    second: Option<(Tick, u32)>,
    hour: Option<Tick>,
    in_hour: u32,
    /// By address; no more entries than are noted in an hour.
    addresses: HashMap<IpAddr, u32>,
}

impl Turnstile {
    /// Whether one more of this address may be noted now.
    pub fn pass(&self, address: IpAddr) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.hour.is_none_or(|began| began.elapsed() >= HOUR) {
            *noted = Noted { hour: Some(Tick::now()), ..Noted::default() };
        }
        if noted.second.is_none_or(|(began, _)| began.elapsed() >= SECOND) {
            noted.second = Some((Tick::now(), 0));
        }
        let of_address = noted.addresses.get(&address).copied().unwrap_or(0);
        let in_second = noted.second.map_or(0, |(_, count)| count);
        if in_second >= PER_SECOND || noted.in_hour >= PER_HOUR || of_address >= PER_ADDRESS {
            return false;
        }
        noted.in_hour += 1;
        noted.addresses.insert(address, of_address + 1);
        if let Some((_, count)) = &mut noted.second {
            *count += 1;
        }
        true
    }
}

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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_passes_only_in_part() {
        let turnstile = Turnstile::default();
        let passed = (0..1000).filter(|_| turnstile.pass(IpAddr::from([192, 0, 2, 1]))).count();
        // The loop may cross the end of a second.
        assert!((5..=10).contains(&passed), "{passed}");
    }

    #[test]
    fn an_hour_and_an_address_have_their_share() {
        let turnstile = Turnstile::default();
        let next_second = || turnstile.0.lock().unwrap().second = None;
        let one = IpAddr::from([192, 0, 2, 1]);
        let passed = (0..1000).filter(|_| (next_second(), turnstile.pass(one)).1).count();
        assert_eq!(passed, 20);
        let others = (0..1000u32).filter(|at| {
            next_second();
            turnstile.pass(IpAddr::from((at + 7).to_be_bytes()))
        });
        assert_eq!(others.count(), 40);
        assert!(turnstile.0.lock().unwrap().addresses.len() <= 60);
        turnstile.0.lock().unwrap().hour = None;
        assert!(turnstile.pass(one));
    }

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
