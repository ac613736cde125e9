//! Which addresses a callback may reach: the addresses found when connecting count, not those of an earlier look.
//! Never lets a public name lead into a private network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::transport::unreached::resolve;

/// All addresses of a host were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host has only addresses that are not public; list it in allow-private if that is meant")]
pub struct Refused;

/// Resolves names by the machine and drops what must not be reached.
pub struct Resolver {
    /// True when the channel lists its host in `allow-private`.
    pub private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = resolve(name.as_str()).await?;
            let open: Vec<SocketAddr> =
                found.into_iter().filter(|address| private || !is_private(address.ip())).collect();
            if open.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// Whether a name is one that only this machine or its own network knows: reserved (RFC 6761, 6762, 8375, `internal` of ICANN), or
/// without a dot, which is looked up in whatever domain the machine searches.
pub fn is_local_name(host: &str) -> bool {
    const OWN: &[&str] =
        &["localhost", "localdomain", "local", "internal", "home.arpa", "invalid", "test", "onion", "alt"];
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    !host.contains('.')
        || OWN.iter().any(|own| host.strip_suffix(own).is_some_and(|before| before.ends_with('.')))
}

/// The address that a host of a URL is, if it is one.
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether an address belongs to a machine or network of our own, or to nobody: what the registries of IANA for special
/// purposes list (RFC 6890), the parts that are reachable from everywhere but nobody's included.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_unspecified()
        || a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        // The relay of 6to4, and what answers for private networks or multicast on everybody's behalf (AS112, AMT).
        || matches!((a, b, c), (192, 88, 99) | (192, 31, 196) | (192, 52, 193) | (192, 175, 48))
        || (a == 198 && (18..20).contains(&b))
        || a >= 240
        // The metadata service of one large provider has a public address.
        || address == Ipv4Addr::new(168, 63, 129, 16)
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_private_v4(inner);
    }
    let segments = address.segments();
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // Addresses that carry an IPv4 address: translated (NAT64).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_private_v4(inner(high, low)),
        [0x64, 0xff9b, ..] => true,
        // 6to4 is given up (RFC 7526); whoever answers there is no partner.
        [0x2002, ..] => true,
        // Unspecified, loopback and the old IPv4-compatible ones.
        [0, 0, 0, 0, 0, 0, _, _] => true,
        // Protocol assignments, 2001::/23: Teredo, benchmarking, AMT, AS112, ORCHID and its second version, drones.
        [0x2001, second, ..] if second < 0x0200 => true,
        // Documentation, and AS112 again.
        [0x2001, 0x0db8, ..] | [0x2620, 0x004f, 0x8000, ..] => true,
        [0x3fff, second, ..] if second < 0x1000 => true,
        // Only 2000::/3 is given out as public.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_our_own_networks_are_private() {
        for private in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "198.18.0.1",
            "240.0.0.1",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "2001:db8::1",
            "::127.0.0.1",
            "2001::1",
            "fec0::1",
            "192.0.0.170",
            "192.0.2.1",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.0",
            "192.88.99.255",
            "192.175.48.1",
            "198.51.100.1",
            "203.0.113.1",
            "64:ff9b::c058:6301",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001:1::1",
            "2001:2::1",
            "2001:3::1",
            "2001:4:112::1",
            "2001:10::1",
            "2001:1f:ffff::1",
            "2001:20::1",
            "2001:30::1",
            "2001:1ff::1",
            "2002:808:808::1",
            "2620:4f:8000::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "192.88.98.1",
            "192.89.99.1",
            "2001:200::1",
            "2001:db7::1",
            "2003::1",
            "2620:4f:8001::1",
            "3ffe:ffff::1",
            "3fff:1000::1",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
        for own in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "localhost.localdomain",
            "db.local",
            "x.internal",
            "redis",
            "a.home.arpa",
        ] {
            assert!(is_local_name(own), "{own}");
        }
        for other in ["kita.example", "notlocalhost.example", "local.example", "xlocal.de", "example.com."] {
            assert!(!is_local_name(other), "{other}");
        }
        assert_eq!(literal("[::1]"), Some("::1".parse().unwrap()));
        assert_eq!(literal("localhost"), None);
    }
}
