//! What one process has seen confirmed, as it is written beside a database of several processes: the last count of each of its places.
//! Pure; says nothing of what is missing where.

use aws_lc_rs::digest;
use uuid::Uuid;

/// Octets that one writing may take.
pub const ROOM: usize = 4096;
/// Places that have room: far more than a process has connections.
const MOST: usize = (ROOM - HEAD - digest::SHA256_OUTPUT_LEN) / 8;
const BEGINS: &[u8; 8] = b"DRSCOUN1";
/// What stands before the counts: the beginning, store, process, its number in the store, how often it was written, how many counts.
const HEAD: usize = 8 + 16 + 16 + 8 + 8 + 8;

/// What a process has seen confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// By which number the store knows that the process lives.
    pub lauf: i64,
    /// How often it was written.
    pub nth: u64,
    /// The last count of each place.
    pub places: Vec<i64>,
}

impl Counts {
    /// As it is written for a process of a store; ends with a checksum, so that half of one is none.
    pub fn written(&self, (store, process): (Uuid, Uuid)) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEAD + self.places.len() * 8 + digest::SHA256_OUTPUT_LEN);
        octets.extend_from_slice(BEGINS);
        octets.extend_from_slice(store.as_bytes());
        octets.extend_from_slice(process.as_bytes());
        octets.extend_from_slice(&self.lauf.to_be_bytes());
        octets.extend_from_slice(&self.nth.to_be_bytes());
        // Fewer counts than there are prove less, and nothing that is wrong.
        let places = &self.places[..self.places.len().min(MOST)];
        octets.extend_from_slice(&(places.len() as u64).to_be_bytes());
        places.iter().for_each(|n| octets.extend_from_slice(&n.to_be_bytes()));
        let sum = digest::digest(&digest::SHA256, &octets);
        octets.extend_from_slice(sum.as_ref());
        octets
    }

    /// Reads one again; `None` where it is none, or of another process or store.
    pub fn read(octets: &[u8], (store, process): (Uuid, Uuid)) -> Option<Counts> {
        let head = octets.get(..HEAD)?;
        let number = |at: usize| octets.get(at..)?.first_chunk().map(|eight| u64::from_be_bytes(*eight));
        let of = [&head[8..24], &head[24..40]] == [&store.as_bytes()[..], &process.as_bytes()[..]];
        let many = usize::try_from(number(56)?).ok().filter(|many| *many <= MOST)?;
        let said = octets.get(..HEAD + many * 8)?;
        let sum = octets.get(said.len()..)?.get(..digest::SHA256_OUTPUT_LEN)?;
        if !of || !head.starts_with(BEGINS) || digest::digest(&digest::SHA256, said).as_ref() != sum {
            return None;
        }
        let (counts, _) = said[HEAD..].as_chunks::<8>();
        let places = counts.iter().map(|n| i64::from_be_bytes(*n)).collect();
        Some(Counts { lauf: number(40)?.cast_signed(), nth: number(48)?, places })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_counts_come_back_whole_and_for_their_process_or_not_at_all() {
        let of = (Uuid::from_u128(1), Uuid::from_u128(2));
        for places in [vec![], vec![7], vec![0, -1, i64::MAX]] {
            let counts = Counts { lauf: 5, nth: 9, places };
            let written = counts.written(of);
            // What stands behind it is of what was written there before.
            let longer = [&written[..], &[1; 99]].concat();
            assert_eq!(Counts::read(&longer, of), Some(counts));
            assert_eq!(Counts::read(&written, (of.1, of.1)), None);
            assert_eq!(Counts::read(&written, (of.0, of.0)), None);
            for at in 0..written.len() {
                let mut damaged = written.clone();
                damaged[at] ^= 1;
                assert_eq!(Counts::read(&damaged, of), None, "{at}");
                assert_eq!(Counts::read(&written[..at], of), None, "{at}");
            }
        }
        let many = Counts { lauf: 5, nth: 1, places: (0..1000).collect() };
        let written = many.written(of);
        assert!(written.len() <= ROOM, "{}", written.len());
        assert_eq!(Counts::read(&written, of).map(|read| read.places), Some((0..MOST as i64).collect()));
    }
}
