//! Who is known at the door of a passive recipient and who is a stranger there. Nobody logs in: an address is known once a delivery of it was taken,
//! which needs the signature of a pinned intermediary. All strangers together have half of places and memory; a message holds what came of it and no
//! place before it is whole; and where their half, or their number, is full the slowest of the largest share goes for a newcomer. Whatever many of them
//! wait for is looked at once for all. Opens and judges nothing.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Tick;
use crate::transport::http::shares::{Place, Shares};
use crate::transport::permits::{Permit, Permits};

/// So many addresses are known at most; beyond it the one that was heard of longest ago is forgotten.
const KNOWN: usize = 256;
/// What is younger goes for nobody: it had no time to send anything.
const GRACE: Duration = Duration::from_secs(1);
/// So often it is looked whether there is room for a newcomer.
const AGAIN: Duration = Duration::from_millis(100);
/// So many messages of strangers are under way at most for each of their places: more of them wait for nothing, and each costs.
const UPLOADS: usize = 4;
/// There is room for so many at least.
const UPLOADS_LEAST: usize = 64;
/// Who has more than one of so many of them is given no time.
const CROWD: usize = 4;
/// So many octets are asked for at first, then twice as many each time.
const FIRST: u64 = 16 << 10;

/// The addresses of one listener.
pub struct Strangers {
    known: Mutex<HashMap<IpAddr, Tick>>,
    places: Shares,
    memory: Permits,
    most: usize,
    uploads: Mutex<Uploads>,
}

/// What strangers are sending.
struct Uploads {
    next: u64,
    all: HashMap<u64, Arc<Upload>>,
    /// When room was last made.
    looked: Tick,
}

/// Strangers have as much under way as they may.
#[derive(Debug)]
pub struct Crowded;

/// What a stranger is sending.
struct Upload {
    number: u64,
    origin: IpAddr,
    began: Tick,
    /// What came of it.
    octets: AtomicU64,
    /// What it may hold.
    held: AtomicU64,
    /// Whether it waits for more.
    waits: AtomicBool,
    cut: CancellationToken,
}

impl Upload {
    /// Octets in each second so far.
    fn pace(&self) -> u64 {
        self.octets.load(Ordering::Relaxed) / self.began.elapsed().as_secs().max(1)
    }
}

/// A stranger among strangers, until it is dropped.
pub struct Ticket {
    strangers: Arc<Strangers>,
    upload: Arc<Upload>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.is_whole();
    }
}

impl Strangers {
    /// Of a listener with so many places and octets in all.
    pub fn new(places: usize, octets: u64) -> Strangers {
        let half = places.div_ceil(2);
        Strangers {
            known: Mutex::default(),
            places: Shares::new(half, half),
            memory: Permits::new(octets / 2),
            most: half.saturating_mul(UPLOADS).max(UPLOADS_LEAST),
            uploads: Mutex::new(Uploads { next: 0, all: HashMap::new(), looked: Tick::now() }),
        }
    }

    /// A delivery of this address was taken, and for the first time: whoever only repeats what he has heard proves nothing.
    pub fn proved(&self, origin: IpAddr) {
        let mut known = self.known();
        if known.len() >= KNOWN
            && !known.contains_key(&origin)
            && let Some(oldest) = known.iter().max_by_key(|(_, heard)| heard.elapsed()).map(|(of, _)| *of)
        {
            known.remove(&oldest);
        }
        known.insert(origin, Tick::now());
    }

    /// A stranger begins to send; `None`: this address is none. Where there are as many as there may be the slowest of the address that has
    /// most goes for one of an address that has less, and anybody else is sent away.
    pub fn begin(self: &Arc<Self>, origin: IpAddr) -> Result<Option<Ticket>, Crowded> {
        if self.known().contains_key(&origin) {
            return Ok(None);
        }
        let mut uploads = self.uploads();
        if uploads.all.len() >= self.most {
            let slowest =
                uploads.slowest(|_| 1, |of| of == origin, (self.most / CROWD) as u64).ok_or(Crowded)?;
            slowest.cut.cancel();
            uploads.all.remove(&slowest.number);
        }
        uploads.next += 1;
        let upload = Arc::new(Upload {
            number: uploads.next,
            origin,
            began: Tick::now(),
            octets: AtomicU64::new(0),
            held: AtomicU64::new(0),
            waits: AtomicBool::new(false),
            cut: CancellationToken::new(),
        });
        uploads.all.insert(upload.number, upload.clone());
        drop(uploads);
        Ok(Some(Ticket { strangers: self.clone(), upload }))
    }

    /// Sends the slowest of the largest share of memory away where somebody with less waits for more. Once for all who wait.
    fn make_room(&self) {
        let mut uploads = self.uploads();
        // One goes already.
        if uploads.looked.elapsed() < AGAIN || uploads.all.values().any(|upload| upload.cut.is_cancelled()) {
            return;
        }
        uploads.looked = Tick::now();
        let waiting: HashSet<IpAddr> = uploads
            .all
            .values()
            .filter(|upload| upload.waits.load(Ordering::Relaxed))
            .map(|upload| upload.origin)
            .collect();
        let held = |upload: &Upload| upload.held.load(Ordering::Relaxed);
        if let Some(slowest) = uploads.slowest(held, |of| waiting.contains(&of), u64::MAX) {
            slowest.cut.cancel();
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<IpAddr, Tick>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uploads {
    /// The slowest of the addresses that have most by this measure, where the newcomer that has least has less. What is young is not taken, but
    /// of an address with more than `crowd`.
    fn slowest(
        &self,
        measure: impl Fn(&Upload) -> u64,
        newcomer: impl Fn(IpAddr) -> bool,
        crowd: u64,
    ) -> Option<Arc<Upload>> {
        let mut shares: HashMap<IpAddr, u64> = HashMap::new();
        for upload in self.all.values() {
            *shares.entry(upload.origin).or_default() += measure(upload);
        }
        let most = shares.values().copied().max()?;
        let least = shares.iter().filter(|(of, _)| newcomer(**of)).map(|(_, own)| *own).min().unwrap_or(0);
        if most <= least {
            return None;
        }
        let largest = self.all.values().filter(|upload| shares.get(&upload.origin) == Some(&most));
        let old = largest.filter(|upload| most > crowd || upload.began.elapsed() >= GRACE);
        old.min_by_key(|upload| (upload.pace(), upload.number)).cloned()
    }
}

impl Ticket {
    /// So many octets came.
    pub fn moved(&self, octets: usize) {
        self.upload.octets.fetch_add(octets as u64, Ordering::Relaxed);
    }

    /// All of it came: it goes for nobody any more.
    pub fn is_whole(&self) {
        self.strangers.uploads().all.remove(&self.upload.number);
    }

    /// Ends when it has to go for a newcomer.
    pub async fn cut(&self) {
        self.upload.cut.cancelled().await;
    }

    /// A place for what is whole, waiting at most `patience`; `None` where strangers have no more.
    pub async fn place(&self, patience: Duration) -> Option<Place> {
        let began = Tick::now();
        loop {
            if let Ok(place) = self.strangers.places.take(&self.upload.origin.to_string()) {
                return Some(place);
            }
            if began.elapsed() >= patience {
                return None;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Permission among strangers, in the order of their coming; meanwhile the slowest goes.
    async fn permit(&self, owner: &str, octets: u64, patience: Duration) -> Option<Permit> {
        let strangers = &self.strangers;
        let going = async {
            loop {
                tokio::time::sleep(AGAIN).await;
                strangers.make_room();
            }
        };
        self.upload.waits.store(true, Ordering::Relaxed);
        let permit = tokio::select! {
            biased;
            permit = strangers.memory.take(owner, octets, patience) => permit,
            () = going => None,
        };
        self.upload.waits.store(false, Ordering::Relaxed);
        permit
    }
}

/// The permission to hold a message, which grows with what came of it.
pub struct Held {
    owner: String,
    permits: Option<(Permit, Option<Permit>)>,
    octets: u64,
}

impl Held {
    /// Holds nothing yet.
    pub fn of(origin: IpAddr) -> Held {
        Held { owner: origin.to_string(), permits: None, octets: 0 }
    }

    /// Asks until so many octets may be held, of `most` at most, waiting at most `patience`; false where there is no room. What was held so far is
    /// asked for again with the rest: two that each held a part and waited for more would wait for each other.
    pub async fn grow(
        &mut self,
        (octets, most): (u64, u64),
        all: &Permits,
        ticket: Option<&Ticket>,
        patience: Duration,
    ) -> bool {
        if octets <= self.octets {
            return true;
        }
        let wanted = octets.max(self.octets * 2).max(FIRST).min(most);
        self.permits = None;
        let own = match ticket {
            Some(ticket) => match ticket.permit(&self.owner, wanted, patience).await {
                Some(own) => Some(own),
                None => return false,
            },
            None => None,
        };
        self.permits = all.take(&self.owner, wanted, patience).await.map(|permit| (permit, own));
        self.octets = if self.permits.is_some() { wanted } else { 0 };
        if let Some(ticket) = ticket {
            ticket.upload.held.store(self.octets, Ordering::Relaxed);
        }
        self.permits.is_some()
    }

    /// Octets that may be held.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Gives back what is not needed.
    pub fn shrink(&mut self, octets: u64) {
        if let Some((all, strangers)) = &mut self.permits {
            all.shrink(octets);
            strangers.iter_mut().for_each(|permit| permit.shrink(octets));
        }
        self.octets = self.octets.min(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test]
    async fn the_slowest_of_the_largest_share_goes_for_a_newcomer() {
        let (strangers, all) = (Arc::new(Strangers::new(8, 256 << 10)), Permits::new(256 << 10));
        let begin = |last| (strangers.begin(address(last)).unwrap().unwrap(), Held::of(address(last)));
        let mut held = [begin(1), begin(1), begin(2)];
        for (ticket, room) in &mut held {
            assert!(room.grow((32 << 10, 64 << 10), &all, Some(ticket), NOW).await);
        }
        held[0].0.moved(1 << 20);
        held[1].0.moved(1 << 10);
        // All of their half but what the last share leaves is taken, and none of the others'.
        let (ticket, mut room) = begin(3);
        tokio::time::sleep(GRACE).await;
        let came = room.grow((64 << 10, 64 << 10), &all, Some(&ticket), Duration::from_millis(300));
        let (came, ()) = tokio::join!(came, async {
            held[1].0.cut().await;
            held[1].1.permits = None;
        });
        assert!(came, "one of the largest share went");
        let cut: Vec<bool> = held.iter().map(|(ticket, _)| ticket.upload.cut.is_cancelled()).collect();
        assert_eq!(cut, [false, true, false]);
        assert!(all.take("known", 128 << 10, NOW).await.is_some(), "half is for those who are known");
    }

    #[tokio::test]
    async fn strangers_have_half_of_the_places() {
        let strangers = Arc::new(Strangers::new(4, 1 << 20));
        let begin = |last| strangers.begin(address(last)).unwrap().unwrap();
        let (one, other) = (begin(1), begin(2));
        let _places = (one.place(NOW).await.unwrap(), other.place(NOW).await.unwrap());
        assert!(begin(3).place(NOW).await.is_none());
    }

    #[test]
    fn addresses_are_known_by_what_they_proved_and_bounded() {
        let strangers = Arc::new(Strangers::new(8, 1 << 20));
        assert!(strangers.begin(address(1)).unwrap().is_some());
        for number in 0..=KNOWN as u32 {
            strangers.proved(IpAddr::from(number.to_be_bytes()));
        }
        assert_eq!(strangers.known().len(), KNOWN);
        assert!(strangers.begin(IpAddr::from((KNOWN as u32).to_be_bytes())).unwrap().is_none());
        assert!(strangers.uploads().all.is_empty(), "what was begun is over");
    }

    #[test]
    fn an_address_with_all_that_may_be_under_way_makes_room_for_another_and_for_no_more_of_its_own() {
        let strangers = Arc::new(Strangers::new(8, 1 << 20));
        let mut all: Vec<Ticket> = Vec::new();
        while let Ok(Some(ticket)) = strangers.begin(address(1)) {
            all.push(ticket);
        }
        assert_eq!(all.len(), UPLOADS_LEAST);
        all[3..].iter().for_each(|ticket| ticket.moved(1 << 10));
        all[..3].iter().for_each(|ticket| ticket.moved(1 << 20));
        let other = strangers.begin(address(2)).unwrap().unwrap();
        let cut: Vec<usize> = (0..all.len()).filter(|nth| all[*nth].upload.cut.is_cancelled()).collect();
        assert_eq!(cut, [3], "the slowest that came first");
        assert_eq!(strangers.uploads().all.len(), UPLOADS_LEAST);
        all.clear();
        drop(other);
        assert!(strangers.uploads().all.is_empty());
    }
}
