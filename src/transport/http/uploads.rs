//! How many octets of parts that are not decided yet may lie on the disk: counted before they are written, for each partner and in all,
//! and never more than half of what the disk would have free without them. Never waits; whoever comes beyond a bound comes again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::statvfs;

/// So many octets are counted at a time.
const STEP: u64 = 1 << 20;
/// Of how many parts of all one partner may have one.
const SHARES: u64 = 4;

/// Why octets may not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There is no room for them beside what others have under way.
    All,
    /// The partner has as much under way as it may.
    Partner,
    /// One upload is larger than all that its partner may have: it never fits.
    Never,
}

/// What lies on the disk of one listener's uploads; clones count together.
#[derive(Clone)]
pub struct Uploads(Arc<Inner>);

struct Inner {
    most: u64,
    /// Where they lie; `None` where nobody looks how much is free there.
    folder: Option<PathBuf>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: u64,
    partners: HashMap<String, u64>,
}

impl Uploads {
    /// So many octets, in a folder.
    pub fn within(most: u64, folder: &Path) -> Uploads {
        Uploads(Arc::new(Inner { most, folder: Some(folder.to_owned()), counts: Mutex::default() }))
    }

    /// For what is bounded in another way.
    pub fn unbounded() -> Uploads {
        Uploads(Arc::new(Inner { most: u64::MAX, folder: None, counts: Mutex::default() }))
    }

    /// An upload of a partner, of which nothing has come.
    pub fn begin(&self, partner: &str) -> Upload {
        Upload { uploads: self.clone(), partner: partner.to_owned(), counted: 0, came: 0 }
    }

    /// How many octets are counted.
    pub fn counted(&self) -> u64 {
        self.counts().all
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the disk has room for as much under way. Where it cannot be asked the writing itself tells.
    fn has_room(&self, under_way: u64) -> bool {
        let Some(found) = self.0.folder.as_deref().and_then(|folder| statvfs(folder).ok()) else {
            return true;
        };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        // What is under way is no longer free.
        under_way <= free.saturating_add(under_way) / 2
    }
}

/// What one upload has on the disk; given back when dropped.
pub struct Upload {
    uploads: Uploads,
    partner: String,
    counted: u64,
    came: u64,
}

impl Upload {
    /// So many octets more are about to be written.
    pub fn more(&mut self, octets: usize) -> Result<(), Full> {
        let came = self.came.saturating_add(octets as u64);
        if came > self.counted {
            self.count((came - self.counted).max(STEP))?;
        }
        self.came = came;
        Ok(())
    }

    fn count(&mut self, octets: u64) -> Result<(), Full> {
        let most = self.uploads.0.most;
        let share = most / SHARES;
        let mut counts = self.uploads.counts();
        let all = counts.all.saturating_add(octets);
        let own = counts.partners.get(&self.partner).copied().unwrap_or(0).saturating_add(octets);
        if self.counted.saturating_add(octets) > share {
            return Err(Full::Never);
        }
        if own > share {
            return Err(Full::Partner);
        }
        if all > most || !self.uploads.has_room(all) {
            return Err(Full::All);
        }
        counts.all = all;
        counts.partners.insert(self.partner.clone(), own);
        self.counted += octets;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut counts = self.uploads.counts();
        counts.all = counts.all.saturating_sub(self.counted);
        if let Some(own) = counts.partners.get_mut(&self.partner) {
            *own = own.saturating_sub(self.counted);
            if *own == 0 {
                counts.partners.remove(&self.partner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn a_partner_has_its_share_and_all_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::within(8 * STEP, folder.path());
        let (mut first, mut second) = (uploads.begin("a"), uploads.begin("a"));
        assert_eq!((first.more(MIB), second.more(1)), (Ok(()), Ok(())));
        assert_eq!(second.more(MIB), Err(Full::Partner), "a quarter is two of eight");
        assert_eq!(second.more(MIB - 1), Ok(()), "what was counted may be written");
        let mut others: Vec<Upload> = ["b", "c", "d", "e"].map(|partner| uploads.begin(partner)).into();
        let outcomes: Vec<_> = others.iter_mut().map(|one| one.more(2 * MIB)).collect();
        assert_eq!(outcomes, [Ok(()), Ok(()), Ok(()), Err(Full::All)]);
        drop(first);
        assert_eq!(second.more(1), Ok(()));
        assert_eq!(second.more(2 * MIB), Err(Full::Never));
        drop((second, others));
        assert_eq!(uploads.counted(), 0);
        assert!(uploads.counts().partners.is_empty());
    }

    #[test]
    fn half_of_what_is_free_stays_free() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::within(u64::MAX, folder.path());
        let found = statvfs(folder.path()).unwrap();
        let free = usize::try_from(found.f_bavail * found.f_frsize).unwrap();
        assert_eq!(uploads.begin("a").more(free + 64 * MIB), Err(Full::All));
        assert_eq!(uploads.begin("a").more(1), Ok(()));
        assert_eq!(Uploads::unbounded().begin("a").more(free * 2), Ok(()));
    }
}
