//! The mark of what was acknowledged: how many commits there were and the hash that chains them, kept beside the keys and outside
//! of the database. Pure; says what is missing, and decides nothing about it.
//!
//! Each commit adds a link to a chain in the database itself, in the same transaction. The mark names the last link that is
//! durable before anybody is told of a commit; so it may lag behind the database, and never leads it. A database that ends before
//! its mark has lost commits that were acknowledged; one whose link of that number is another one tells another history. A
//! connection to any database can be asked the same.

use aws_lc_rs::digest;

use crate::store::error::StoreError;
use crate::store::sealing::values::Stored;

/// Octets of a link.
pub const LINK: usize = 16;
/// Links that a database keeps: more than it may be ahead of its mark while it runs.
const KEPT: usize = 160;
/// Octets of a written mark.
pub const WRITTEN: usize = 88;
const BEGINS: &[u8; 8] = b"DRSMARK1";

/// What was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How many commits.
    pub n: i64,
    /// The link of the last one.
    pub link: [u8; LINK],
    /// When it was made, in microseconds since 1970, by the machine's clock.
    pub at: i64,
}

/// The chain as a database has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// How many commits.
    pub n: i64,
    /// When the last one was made, in microseconds since 1970.
    pub at: i64,
    /// The last links, newest first.
    pub links: Vec<u8>,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All that was acknowledged is there, as far as the links reach.
    Whole,
    /// Commits that were acknowledged are missing.
    Missing {
        /// How many.
        commits: i64,
        /// When the last one that is there was made.
        from: i64,
        /// When the last one that is missing was made.
        until: i64,
    },
    /// The database tells another history.
    Other,
}

impl Chain {
    /// The chain with one more commit; `drawn` makes its link unlike any other.
    pub fn next(&self, drawn: &[u8; 16], at: i64) -> Chain {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(self.links.first_chunk::<LINK>().map_or(&[][..], |link| link));
        hash.update(&(self.n + 1).to_be_bytes());
        hash.update(drawn);
        let mut links = Vec::with_capacity(KEPT * LINK);
        links.extend_from_slice(&hash.finish().as_ref()[..LINK]);
        links.extend_from_slice(&self.links[..self.links.len().min((KEPT - 1) * LINK)]);
        Chain { n: self.n + 1, at, links }
    }

    /// The mark of its last commit.
    pub fn mark(&self) -> Mark {
        Mark { n: self.n, link: self.links.first_chunk().copied().unwrap_or_default(), at: self.at }
    }

    fn link(&self, n: i64) -> Option<&[u8]> {
        let behind = usize::try_from(self.n.checked_sub(n)?).ok()?;
        self.links.get(behind.checked_mul(LINK)?..)?.get(..LINK)
    }

    /// What a mark shows of this chain.
    pub fn shown(&self, mark: &Mark) -> Shown {
        if self.n < mark.n {
            return Shown::Missing { commits: mark.n - self.n, from: self.at, until: mark.at };
        }
        match self.link(mark.n) {
            Some(link) if mark.n > 0 && link != mark.link => Shown::Other,
            _ => Shown::Whole,
        }
    }
}

impl Mark {
    /// As it is written for a store; ends with a checksum, so that half of one is none.
    pub fn written(&self, store: &[u8; 16]) -> Vec<u8> {
        let mut octets = Vec::with_capacity(WRITTEN);
        octets.extend_from_slice(BEGINS);
        octets.extend_from_slice(store);
        octets.extend_from_slice(&self.n.to_be_bytes());
        octets.extend_from_slice(&self.link);
        octets.extend_from_slice(&self.at.to_be_bytes());
        let sum = digest::digest(&digest::SHA256, &octets);
        octets.extend_from_slice(sum.as_ref());
        octets
    }

    /// Reads one again; `None` where it is none, refused where it is of another store.
    pub fn read(octets: &[u8], store: &[u8; 16]) -> Stored<Option<Mark>> {
        let Some((said, sum)) = octets.split_at_checked(WRITTEN - digest::SHA256_OUTPUT_LEN) else {
            return Ok(None);
        };
        if !said.starts_with(BEGINS) || digest::digest(&digest::SHA256, said).as_ref() != sum {
            return Ok(None);
        }
        if &said[8..24] != store {
            return Err(StoreError::Refused(
                "the mark of what was acknowledged (keys.mark) belongs to another store; put the files that belong together".into(),
            ));
        }
        let number = |at: usize| said[at..].first_chunk().map_or(0, |eight| i64::from_be_bytes(*eight));
        let link = said[32..].first_chunk().copied().unwrap_or_default();
        Ok(Some(Mark { n: number(24), link, at: number(48) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(commits: u8) -> Chain {
        (1..=commits).fold(Chain::default(), |chain, n| chain.next(&[n; 16], i64::from(n) * 10))
    }

    #[test]
    fn a_database_is_whole_from_its_mark_on_and_lacks_what_the_mark_has_more() {
        let now = chain(200);
        assert_eq!((now.n, now.links.len()), (200, KEPT * LINK));
        for behind in [0, 1, 100, 159, 199] {
            assert_eq!(now.shown(&chain(200 - behind).mark()), Shown::Whole, "{behind}");
        }
        assert_eq!(now.shown(&chain(0).mark()), Shown::Whole);
        let older = chain(150);
        assert_eq!(older.shown(&now.mark()), Shown::Missing { commits: 50, from: 1500, until: 2000 });
        // An older copy that went on by itself.
        let other = older.next(&[9; 16], 1).next(&[9; 16], 2);
        assert_eq!(other.shown(&chain(152).mark()), Shown::Other);
        assert_eq!(other.shown(&chain(150).mark()), Shown::Whole);
    }

    #[test]
    fn a_written_mark_comes_back_whole_or_not_at_all() {
        let (mark, store) = (chain(7).mark(), [3; 16]);
        let written = mark.written(&store);
        assert_eq!(written.len(), WRITTEN);
        assert_eq!(Mark::read(&written, &store), Ok(Some(mark)));
        assert!(matches!(Mark::read(&written, &[4; 16]), Err(StoreError::Refused(_))));
        assert_eq!(Mark::read(&written[..WRITTEN - 1], &store), Ok(None));
        assert_eq!(Mark::read(&[0; WRITTEN], &store), Ok(None));
        for at in 0..WRITTEN {
            let mut damaged = written.clone();
            damaged[at] ^= 1;
            assert_eq!(Mark::read(&damaged, &store), Ok(None), "{at}");
        }
    }
}
