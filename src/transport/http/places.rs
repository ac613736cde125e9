//! Who may hold a connection: shares by address until somebody has logged in, by partner after that, and a reserve for
//! health and metrics. Whoever comes is let in where a stranger who does nothing can go for it; never cuts a connection on
//! which a request is worked on.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::Ipv6Net;

use super::life::Life;
use super::shares::count_down;

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
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

/// The connections of one listener; clones count together.
#[derive(Clone)]
pub struct Places(Arc<Inner>);

struct Inner {
    bounds: Bounds,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Entry>,
    counts: HashMap<Owner, usize>,
    /// Connections on which only health and metrics are answered, the oldest first.
    reserved: Vec<(u64, Arc<Life>)>,
}

impl Places {
    /// No connection yet.
    pub fn new(bounds: Bounds) -> Places {
        Places(Arc::new(Inner { bounds, table: Mutex::default() }))
    }

    /// Takes a place for a connection of this address; `None` when there is none, not even on the reserve.
    pub fn take(&self, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let life = Life::begin();
        let owner = if is_proxy { Owner::Proxy } else { Owner::Address(share_of(address)) };
        let bounds = self.0.bounds;
        let mut table = self.table();
        if !is_proxy && table.count(&owner) >= bounds.per_address {
            table.make_room_in(&owner);
        }
        if table.open.len() >= bounds.most {
            table.make_room();
        }
        let id = table.next;
        table.next += 1;
        let fits = table.open.len() < bounds.most && (is_proxy || table.count(&owner) < bounds.per_address);
        if fits {
            table.put(id, Entry { owner, life: life.clone() });
        } else if bounds.reserve > 0 {
            // A probe is over within milliseconds; who has stood here longest is none.
            if table.reserved.len() >= bounds.reserve {
                table.reserved.remove(0).1.cut();
            }
            table.reserved.push((id, life.clone()));
        } else {
            return None;
        }
        drop(table);
        Some(Place { places: self.clone(), id, life, ops_only: !fits })
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

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let Some(entry) = self.open.remove(&id) else {
            self.reserved.retain(|(reserved, _)| *reserved != id);
            return None;
        };
        count_down(&mut self.counts, &entry.owner);
        Some(entry)
    }

    /// Cuts the connection of this owner that has been idle longest, if there is one; of those that are alike the oldest.
    fn make_room_in(&mut self, owner: &Owner) {
        let own = self.open.iter().filter(|(_, entry)| entry.owner == *owner);
        let idlest = own.filter_map(|(id, entry)| Some((entry.life.idle()?, Reverse(*id)))).max();
        self.cut(idlest.map(|(_, Reverse(id))| id));
    }

    /// Cuts the idlest connection of the address with the most that has an idle one. Partners and proxies are spared.
    fn make_room(&mut self) {
        let strangers = self.open.iter().filter(|(_, entry)| matches!(entry.owner, Owner::Address(_)));
        let idlest = strangers
            .filter_map(|(id, entry)| Some((self.count(&entry.owner), entry.life.idle()?, Reverse(*id))))
            .max();
        self.cut(idlest.map(|(_, _, Reverse(id))| id));
    }

    fn cut(&mut self, id: Option<u64>) {
        if let Some(entry) = id.and_then(|id| self.remove(id)) {
            entry.life.cut();
        }
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

    /// Somebody has logged in: from now on the connection counts for the partner. False when the partner has too many on which
    /// requests are worked on; then nothing has changed.
    pub fn belongs_to(&self, partner: &str) -> bool {
        let per_partner = self.places.0.bounds.per_partner;
        let mut table = self.places.table();
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

    #[test]
    fn an_ipv6_network_is_one_address() {
        assert_eq!(share_of(at("2001:db8::1")), share_of(at("2001:db8::ffff:2")));
        assert_ne!(share_of(at("2001:db8::1")), share_of(at("2001:db8:0:1::1")));
        assert_eq!(share_of(at("::ffff:192.0.2.1")), at("192.0.2.1"));
    }
}
