//! How a partner proves who it is, as written: tokens by reference, certificates by hash or file.
//! A token leaves here as a hash only.

use aws_lc_rs::digest;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::ExposeSecret;

use crate::config::{Resolve, SecretRef};
use crate::route::connections;
use crate::route::fault::Desk;
use crate::route::place::Place;
use crate::route::reading;
use crate::route::tree::Node;
use crate::transport::port::Credential;

/// Shortest bearer token, characters.
const SHORTEST_TOKEN: usize = 16;

/// Reads one entry of `credentials` with the place of its value.
pub fn read(desk: Desk<'_>, item: &Node, resolve: &Resolve) -> Option<(Credential, Place)> {
    let keys = ["bearer", "certificate-sha256", "certificate", "amqp-user"];
    let item = reading::map(desk, item, "a credential", &keys)?;
    let [(key, value)] = item.entries() else {
        desk.unknown(item.at, "a credential has exactly one key", "", keys);
        return None;
    };
    let credential = match key.value.as_str() {
        "bearer" => bearer(desk, value, resolve)?,
        "certificate-sha256" => {
            let written = reading::text(desk, value, "`certificate-sha256`")?;
            let hex: String = written.value.to_lowercase().chars().filter(|c| *c != ':').collect();
            if hex.len() != 64 || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
                desk.fault(value.at, "a SHA-256 has 64 hex digits; take it of the certificate's DER octets");
                return None;
            }
            Credential::CertificateSha256(hex)
        }
        "certificate" => certificate(desk, value, resolve)?,
        "amqp-user" => {
            let written = reading::text(desk, value, "`amqp-user`")?;
            if !matches!(written.value.split_once('/'), Some((connection, user)) if !connection.is_empty() && !user.is_empty())
            {
                desk.fault(
                    value.at,
                    "a user of a broker is written `connection/user`, such as `broker/ja-nord`",
                );
                return None;
            }
            Credential::BrokerUser(written.value)
        }
        _ => return None,
    };
    Some((credential, value.at))
}

fn bearer(desk: Desk<'_>, value: &Node, resolve: &Resolve) -> Option<Credential> {
    let reference = reading::secret(desk, value, "`bearer`")?;
    let token = connections::resolved(desk, value.at, &reference, resolve)?;
    if token.expose_secret().chars().count() < SHORTEST_TOKEN {
        desk.fault(
            value.at,
            format!("the token has fewer than {SHORTEST_TOKEN} characters; make a longer one"),
        );
        return None;
    }
    Some(Credential::BearerSha256(sha256(token.expose_secret().as_bytes())))
}

fn certificate(desk: Desk<'_>, value: &Node, resolve: &Resolve) -> Option<Credential> {
    let path = reading::text(desk, value, "`certificate`")?;
    let pem = connections::resolved(desk, value.at, &SecretRef::Public(path.value), resolve)?;
    match CertificateDer::from_pem_slice(pem.expose_secret().as_bytes()) {
        Ok(certificate) => Some(Credential::CertificateSha256(sha256(&certificate))),
        Err(_) => {
            desk.fault(value.at, "the file holds no certificate in PEM; it begins with BEGIN CERTIFICATE");
            None
        }
    }
}

fn sha256(octets: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, octets))
}
