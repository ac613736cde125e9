//! Where a request comes from: the address of the connection, or what a named proxy says of it. Believes nobody else.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::transport::callback::address::literal;

/// What a proxy says of whom it asks for.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A network as it is written: `10.1.0.0/16`, `2001:db8::/48`, or one address.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Whether an address lies in one of these networks.
pub fn is_of(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|net| net.contains(&address))
}

/// The address that a request comes from: read from the right, because only what a named proxy added can be believed.
pub fn of_request(proxies: &[IpNet], connection: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut known = connection.to_canonical();
    let lines: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    for said in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !is_of(proxies, known) {
            break;
        }
        let Some(said) = address(said.trim()) else { break };
        known = said.to_canonical();
    }
    known
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    literal(text).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_named_proxy_says_counts() {
        let proxies: Vec<IpNet> =
            ["10.0.0.0/8", "2001:db8::7"].iter().map(|text| network(text).unwrap()).collect();
        let from = |connection: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            of_request(&proxies, connection.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(from("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        // What the client itself wrote stands to the left of what the proxy saw.
        assert_eq!(from("10.0.0.1", &["127.0.0.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["127.0.0.1", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(from("2001:db8::7", &["[2001:db8:1::1]:443"]), "2001:db8:1::1");
        assert_eq!(from("::ffff:10.0.0.1", &["198.51.100.7:1234"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert!(network("10.0.0.0/33").is_none() && network("proxy.example").is_none());
    }
}
