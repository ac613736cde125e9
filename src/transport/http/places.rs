//! Who may hold a connection: shares by address until somebody has logged in, by partner after that, and a reserve for
//! health and metrics. Whoever comes is let in where a stranger can go for it, or a partner's connection that does nothing;
//! never cuts one on which a request of a partner is worked on.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::Ipv6Net;

use super::life::Life;
use super::shares::count_down;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub most: usize,
    /// Of one address that has not logged in; an IPv6 network of 64 bits counts as one address.
    pub per_address: usize,
    /// Of one partner that has logged in.
    pub per_partner: usize,
    /// Beside all others, for health and metrics only.
    pub reserve: usize,
}

/// To whose share a connection belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    /// A named proxy: it speaks for many, and is bounded by what it asks, not by its connections.
    Proxy,
    Address(IpAddr),
    Partner(String),
}

struct Entry {
    owner: Owner,
    life: Arc<Life>,
}

impl Entry {
    /// How long it has been idle, where it may go. What a stranger asks for is nothing to be worked on: it could ask for ever.
    fn may_go(&self) -> Option<Duration> {
        match self.owner {
            Owner::Address(_) => Some(self.life.idle().unwrap_or_default()),
            Owner::Partner(_) | Owner::Proxy => self.life.idle(),
        }
    }
}

/// The connections of one listener; clones count together.
#[derive(Clone)]
pub struct Places(Arc<Inner>);

struct Inner {
    table: Mutex<Table>,
}

struct Table {
    bounds: Bounds,
    next: u64,
    open: HashMap<u64, Entry>,
    counts: HashMap<Owner, usize>,
    /// Connections on which only health and metrics are answered, the oldest first.
    reserved: Vec<(u64, Arc<Life>)>,
}

impl Places {
    /// No connection yet.
    pub fn new(bounds: Bounds) -> Places {
        let (open, counts) = (HashMap::new(), HashMap::new());
        let table = Table { bounds, next: 0, open, counts, reserved: Vec::new() };
        Places(Arc::new(Inner { table: Mutex::new(table) }))
    }

    /// From now on there may be so many; who is over that goes when the next one comes.
    pub fn within(&self, bounds: Bounds) {
        self.table().bounds = bounds;
    }

    /// Takes a place for a connection of this address; `None` when there is none, not even on the reserve.
    pub fn take(&self, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let life = Life::begin();
        let owner = if is_proxy { Owner::Proxy } else { Owner::Address(share_of(address)) };
        let mut table = self.table();
        let bounds = table.bounds;
        while !is_proxy && table.count(&owner) >= bounds.per_address && table.make_room_in(&owner) {}
        while table.open.len() >= bounds.most && table.make_room() {}
        let id = table.next;
        table.next += 1;
        let fits = table.open.len() < bounds.most && (is_proxy || table.count(&owner) < bounds.per_address);
        if fits {
            table.put(id, Entry { owner, life: life.clone() });
        } else if !table.reserve(id, &life, bounds.reserve) {
            return None;
        }
        drop(table);
        Some(Place { places: self.clone(), id, life, ops_only: !fits })
    }

    /// Takes a place on the reserve; `None` where there is none.
    pub fn take_reserved(&self) -> Option<Place> {
        let life = Life::begin();
        let mut table = self.table();
        let id = table.next;
        table.next += 1;
        let reserve = table.bounds.reserve;
        let stands = table.reserve(id, &life, reserve);
        drop(table);
        stands.then(|| Place { places: self.clone(), id, life, ops_only: true })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&self, owner: &Owner) -> usize {
        self.counts.get(owner).copied().unwrap_or(0)
    }

    fn put(&mut self, id: u64, entry: Entry) {
        *self.counts.entry(entry.owner.clone()).or_default() += 1;
        self.open.insert(id, entry);
    }

    /// Puts a connection on the reserve of this size, if there is one.
    fn reserve(&mut self, id: u64, life: &Arc<Life>, reserve: usize) -> bool {
        if reserve == 0 {
            return false;
        }
        // A probe is over within milliseconds; who has stood here longest is none.
        if self.reserved.len() >= reserve {
            self.reserved.remove(0).1.cut();
        }
        self.reserved.push((id, life.clone()));
        true
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let Some(entry) = self.open.remove(&id) else {
            self.reserved.retain(|(reserved, _)| *reserved != id);
            return None;
        };
        count_down(&mut self.counts, &entry.owner);
        Some(entry)
    }

    /// Cuts the connection of this owner that has been idle longest, if one may go; of those that are alike the oldest.
    fn make_room_in(&mut self, owner: &Owner) -> bool {
        let own = self.open.iter().filter(|(_, entry)| entry.owner == *owner);
        let idlest = own.filter_map(|(id, entry)| Some((entry.may_go()?, Reverse(*id)))).max();
        self.cut(idlest.map(|(_, Reverse(id))| id))
    }

    /// Cuts a stranger's connection, else one that a partner does nothing with: the idlest of the largest share. Proxies are spared.
    fn make_room(&mut self) -> bool {
        let rank = |(id, entry): (&u64, &Entry)| {
            let stranger = match entry.owner {
                Owner::Proxy => return None,
                Owner::Address(_) => true,
                Owner::Partner(_) => false,
            };
            Some((stranger, self.count(&entry.owner), entry.may_go()?, Reverse(*id)))
        };
        let idlest = self.open.iter().filter_map(rank).max();
        self.cut(idlest.map(|(.., Reverse(id))| id))
    }

    /// Whether there was one.
    fn cut(&mut self, id: Option<u64>) -> bool {
        let entry = id.and_then(|id| self.remove(id));
        entry.inspect(|entry| entry.life.cut()).is_some()
    }
}

/// What shares an address: IPv6 gives each of its holders at least 64 bits of their own.
pub fn share_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Net::new(address, 64).map_or(address, |net| net.network()).into(),
    }
}

/// A place that is given back when dropped.
pub struct Place {
    places: Places,
    id: u64,
    life: Arc<Life>,
    ops_only: bool,
}

impl Place {
    /// The course of the connection.
    pub fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// Whether the connection stands on the reserve, where only health and metrics are answered.
    pub fn ops_only(&self) -> bool {
        self.ops_only
    }

    /// Whether nobody has logged in on it and it is no proxy's.
    pub fn is_a_strangers(&self) -> bool {
        let table = self.places.table();
        table.open.get(&self.id).is_some_and(|entry| matches!(entry.owner, Owner::Address(_)))
    }

    /// Whether somebody has logged in on it.
    pub fn is_a_partners(&self) -> bool {
        let table = self.places.table();
        table.open.get(&self.id).is_some_and(|entry| matches!(entry.owner, Owner::Partner(_)))
    }

    /// Somebody has logged in: from now on the connection counts for the partner. False when the partner has too many on which
    /// requests are worked on; then nothing has changed.
    pub fn belongs_to(&self, partner: &str) -> bool {
        let mut table = self.places.table();
        let per_partner = table.bounds.per_partner;
        match table.open.get(&self.id).map(|entry| &entry.owner) {
            None | Some(Owner::Proxy) => return true,
            Some(Owner::Partner(known)) if known == partner => return true,
            Some(Owner::Partner(_) | Owner::Address(_)) => {}
        }
        let owner = Owner::Partner(partner.to_owned());
        if table.count(&owner) >= per_partner {
            table.make_room_in(&owner);
            if table.count(&owner) >= per_partner {
                return false;
            }
        }
        if let Some(entry) = table.remove(self.id) {
            table.put(self.id, Entry { owner, ..entry });
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn places(reserve: usize) -> Places {
        Places::new(Bounds { most: 6, per_address: 3, per_partner: 2, reserve })
    }

    async fn is_cut(place: &Place) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, place.life().is_cut()).await.is_ok()
    }

    #[tokio::test]
    async fn a_newcomer_gets_the_place_of_the_idlest_stranger_of_the_largest_share() {
        let places = places(0);
        let many: Vec<Place> = (0..3).map(|_| places.take(at("192.0.2.1"), false).unwrap()).collect();
        let few: Vec<Place> = (0..2).map(|_| places.take(at("192.0.2.2"), false).unwrap()).collect();
        let partner = places.take(at("192.0.2.3"), false).unwrap();
        assert!(partner.belongs_to("a"));
        let _busy = many[0].life().work();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        many[1].life().moved();
        let newcomer = places.take(at("192.0.2.4"), false).unwrap();
        assert!(!newcomer.ops_only());
        assert!(is_cut(&many[2]).await);
        for spared in [&many[0], &many[1], &few[0], &few[1], &partner] {
            assert!(!is_cut(spared).await);
        }
        // What goes gives its place back, also after it was cut.
        drop((many, few, newcomer, partner));
        assert!(places.table().open.is_empty() && places.table().counts.is_empty());
    }

    #[tokio::test]
    async fn in_a_full_share_the_idlest_of_its_own_goes() {
        let places = Places::new(Bounds { most: 100, per_address: 2, per_partner: 2, reserve: 0 });
        let [first, second] = [(); 2].map(|()| places.take(at("192.0.2.1"), false).unwrap());
        let other = places.take(at("192.0.2.2"), false).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        first.life().moved();
        let _third = places.take(at("192.0.2.1"), false).unwrap();
        assert!(is_cut(&second).await && !is_cut(&first).await && !is_cut(&other).await);
    }

    #[tokio::test]
    async fn nobody_goes_while_something_is_worked_on_and_probes_have_their_reserve() {
        let places = places(2);
        let held: Vec<Place> =
            (1..=6).map(|last| places.take(at(&format!("2001:db8:0:{last}::1")), false).unwrap()).collect();
        assert!(held.iter().zip(["a", "a", "b", "b", "c", "c"]).all(|(place, of)| place.belongs_to(of)));
        let work: Vec<_> = held.iter().map(|place| place.life().work()).collect();
        let probes: Vec<Place> = (0..3).map(|_| places.take(at("192.0.2.9"), false).unwrap()).collect();
        assert!(probes.iter().all(Place::ops_only));
        assert!(is_cut(&probes[0]).await && !is_cut(&probes[1]).await && !is_cut(&probes[2]).await);
        drop(probes);
        assert!(places.table().reserved.is_empty());
        drop(work);
        assert!(!places.take(at("192.0.2.9"), false).unwrap().ops_only());
    }

    #[tokio::test]
    async fn a_stranger_that_never_ends_its_request_shuts_nobody_out() {
        let places = places(0);
        let held: Vec<Place> =
            (0..6).map(|nth| places.take(at(&format!("192.0.2.{}", nth % 2)), false).unwrap()).collect();
        let _work: Vec<_> = held.iter().map(|place| place.life().work()).collect();
        let partner = places.take(at("192.0.2.9"), false).expect("a place");
        assert!(is_cut(&held[0]).await || is_cut(&held[1]).await, "the oldest of a largest share");
        let also = places.take(at("192.0.2.9"), false).expect("a place");
        assert!(!is_cut(&partner).await && !is_cut(&also).await);
        // Nor within the share of one address.
        let own = Places::new(Bounds { most: 100, per_address: 2, per_partner: 2, reserve: 0 });
        let held = [(); 2].map(|()| own.take(at("192.0.2.1"), false).unwrap());
        let _work = held.each_ref().map(|place| place.life().work());
        assert!(own.take(at("192.0.2.1"), false).is_some() && is_cut(&held[0]).await);
    }

    #[tokio::test]
    async fn what_partners_do_nothing_with_gives_way_in_a_full_house() {
        let places = Places::new(Bounds { most: 4, per_address: 4, per_partner: 4, reserve: 0 });
        let held: Vec<Place> = (0..4).map(|_| places.take(at("192.0.2.1"), false).unwrap()).collect();
        assert!(held.iter().zip(["a", "b", "b", "b"]).all(|(place, of)| place.belongs_to(of)));
        let _work = held[1].life().work();
        assert!(places.take(at("192.0.2.9"), false).is_some());
        assert!(is_cut(&held[2]).await, "the oldest idle one of the partner with the most");
        assert!(!is_cut(&held[0]).await && !is_cut(&held[1]).await && !is_cut(&held[3]).await);
    }

    #[tokio::test]
    async fn a_partner_has_a_share_and_a_proxy_none() {
        let places = places(0);
        let held: Vec<Place> = (0..3).map(|_| places.take(at("192.0.2.1"), false).unwrap()).collect();
        assert!(held[0].belongs_to("a") && held[0].belongs_to("a") && held[1].belongs_to("a"));
        let _work = (held[0].life().work(), held[1].life().work());
        assert!(!held[2].belongs_to("a"));
        assert!(held[2].belongs_to("b"));
        // Who is logged in leaves the share of the address.
        assert!((0..3).all(|_| places.take(at("192.0.2.1"), false).is_some()));
        let proxied: Vec<Place> = (0..3).filter_map(|_| places.take(at("192.0.2.7"), true)).collect();
        assert_eq!(proxied.len(), 3);
        assert!(proxied.iter().all(|place| place.belongs_to("a")));
    }

    #[tokio::test]
    async fn who_is_over_a_smaller_bound_goes_when_the_next_one_comes() {
        let places = Places::new(Bounds { most: 8, per_address: 8, per_partner: 8, reserve: 0 });
        let held: Vec<Place> = (0..8).map(|_| places.take(at("192.0.2.1"), false).unwrap()).collect();
        assert!(held[0].belongs_to("a") && held[1].belongs_to("a"));
        let work = held[0].life().work();
        places.within(Bounds { most: 3, per_address: 2, per_partner: 2, reserve: 0 });
        assert!(places.take(at("192.0.2.2"), false).is_some());
        let mut cut = Vec::new();
        for place in &held {
            cut.push(is_cut(place).await);
        }
        assert_eq!(cut, [false, false, true, true, true, true, true, true]);
        assert!(places.take(at("192.0.2.3"), false).is_some() && !is_cut(&held[0]).await);
        drop(work);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        assert_eq!(share_of(at("2001:db8::1")), share_of(at("2001:db8::ffff:2")));
        assert_ne!(share_of(at("2001:db8::1")), share_of(at("2001:db8:0:1::1")));
        assert_eq!(share_of(at("::ffff:192.0.2.1")), at("192.0.2.1"));
    }
}
