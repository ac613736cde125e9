//! Why a far end was not reached: each cause of its own, with whose turn it is and what to do. Nothing was sent where one of these is said.
//! Holds no text of a library or of a far end, because those quote names and addresses.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{AlertDescription, CertificateError};

use crate::telemetry::machine;
use crate::telemetry::parts::{Failing, Turn};

/// Why nobody was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// What is written is no address.
    Address,
    /// The name of its host is not found.
    Name,
    /// Nobody listens there.
    Nobody,
    /// No connection came about in time.
    Silent,
    /// No way leads to its network.
    Way,
    /// It speaks something else than TLS.
    NotTls,
    /// TLS was not agreed on.
    Tls,
    /// Its certificate is of an authority that is not ours to trust.
    Authority,
    /// Its certificate is for another host.
    Host,
    /// Its certificate has expired.
    TheirsExpired,
    /// Its certificate is not valid yet.
    TheirsEarly,
    /// Its certificate cannot be used for another reason.
    Theirs,
    /// It refuses our certificate.
    OursRefused,
    /// It says that our certificate has expired.
    OursExpired,
    /// Our certificate has expired: nobody was called.
    OwnExpired,
    /// Our certificate is not valid yet: nobody was called.
    OwnEarly,
    /// Our machine lacks something.
    Machine,
    /// Something else; no connection came about.
    Other,
}

impl Unreached {
    /// Whose turn it is.
    pub fn turn(self) -> Turn {
        match self {
            Unreached::Nobody
            | Unreached::Silent
            | Unreached::TheirsExpired
            | Unreached::TheirsEarly
            | Unreached::Theirs
            | Unreached::Other => Turn::FarEnd,
            _ => Turn::Ours,
        }
    }

    /// What is the matter.
    pub fn what(self) -> &'static str {
        match self {
            Unreached::Address => "what is written is no address",
            Unreached::Name => "the name of its host is not found",
            Unreached::Nobody => "nobody listens at its address",
            Unreached::Silent => "no connection came about in time",
            Unreached::Way => "no way leads to its network",
            Unreached::NotTls => "it does not speak tls at this port",
            Unreached::Tls => "tls was not agreed on",
            Unreached::Authority => "its certificate is of an authority that is not trusted here",
            Unreached::Host => "its certificate is for another host",
            Unreached::TheirsExpired => "its certificate has expired",
            Unreached::TheirsEarly => "its certificate is not valid yet",
            Unreached::Theirs => "its certificate cannot be used",
            Unreached::OursRefused => "it refuses our certificate",
            Unreached::OursExpired => "it says that our certificate has expired",
            Unreached::OwnExpired => "our own certificate has expired",
            Unreached::OwnEarly => "our own certificate is not valid yet",
            Unreached::Machine => "our machine has no room for another connection",
            Unreached::Other => "no connection came about",
        }
    }

    /// What to do.
    pub fn next(self) -> &'static str {
        match self {
            Unreached::Address | Unreached::Name => "correct the address, or look after the names here",
            Unreached::Nobody | Unreached::Silent | Unreached::Other => {
                "tried again by itself; ask who runs it if it lasts"
            }
            Unreached::Way => "look after network, firewall and proxy here",
            Unreached::NotTls | Unreached::Tls => "compare port and versions of tls with who runs it",
            Unreached::Authority => "name the authority that vouches for it under `ca`",
            Unreached::Host => "write the host that its certificate names, or ask who runs it",
            Unreached::TheirsExpired | Unreached::TheirsEarly | Unreached::Theirs => {
                "ask who runs it for another certificate; compare the clocks"
            }
            Unreached::OursRefused => "show the certificate that was agreed on, and have it admitted there",
            Unreached::OursExpired | Unreached::OwnExpired => {
                "put the new certificate in place; it counts within seconds"
            }
            Unreached::OwnEarly => "put the certificate in place that is valid now; compare the clocks",
            Unreached::Machine => "raise the limit of open files",
        }
    }

    /// What a command says, which asks once and tries nothing again by itself.
    pub fn once(self) -> String {
        self.told(match self {
            Unreached::Nobody | Unreached::Silent | Unreached::Other => {
                "try again, and ask who runs it if it lasts"
            }
            other => other.next(),
        })
    }

    fn told(self, next: &str) -> String {
        format!("{}; {}: {next}", self.what(), said(self.turn()))
    }

    /// How a part that it stops is told of.
    pub fn failing(self) -> Failing {
        Failing { cause: self.what().to_owned(), next: self.next().to_owned(), turn: self.turn() }
    }

    /// Why an exchange came to nothing; `None` where it had begun.
    pub fn of(error: &reqwest::Error) -> Option<Unreached> {
        match Unreached::in_chain(error, error.is_connect()) {
            Some(Unreached::Other) if error.is_timeout() => Some(Unreached::Silent),
            found => found,
        }
    }

    /// The same of any error, where it is known whether it came while the connection was being made. That a far end refuses our certificate
    /// it may say later: with TLS 1.3 our side has begun by then, and the far end has read nothing of it.
    pub fn in_chain(error: &(dyn Error + 'static), connecting: bool) -> Option<Unreached> {
        let mut next = Some(error);
        while let Some(error) = next {
            if error.downcast_ref::<NoName>().is_some() {
                return Some(Unreached::Name);
            }
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                let other = match tls {
                    rustls::Error::InvalidMessage(_) => Unreached::NotTls,
                    _ => Unreached::Tls,
                };
                return of_tls(tls).or(connecting.then_some(other));
            }
            next = match error.downcast_ref::<io::Error>() {
                None => error.source(),
                Some(system) => {
                    if connecting && let Some(found) = of_system(system) {
                        return Some(found);
                    }
                    // What an error of the system holds is not its source; that would be the source of what it holds.
                    system.get_ref().map(|inner| inner as &(dyn Error + 'static))
                }
            };
        }
        connecting.then_some(Unreached::Other)
    }
}

impl Error for Unreached {}

impl std::fmt::Display for Unreached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.told(self.next()))
    }
}

/// Whose turn it is, in words.
fn said(turn: Turn) -> &'static str {
    match turn {
        Turn::Ours => "ours",
        Turn::FarEnd => "the far end's",
        Turn::Person => "a person's",
    }
}

fn of_system(error: &io::Error) -> Option<Unreached> {
    if machine::is_out_of_means(error) {
        return Some(Unreached::Machine);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Some(Unreached::Nobody),
        ErrorKind::TimedOut => Some(Unreached::Silent),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Some(Unreached::Way)
        }
        _ => None,
    }
}

/// What an error of TLS says of a certificate, theirs or ours; `None` where it is of none.
pub fn of_tls(error: &rustls::Error) -> Option<Unreached> {
    Some(match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => Unreached::Authority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Unreached::TheirsExpired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Unreached::TheirsEarly
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Unreached::Host
            }
            _ => Unreached::Theirs,
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateExpired => Unreached::OursExpired,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired => Unreached::OursRefused,
            _ => return None,
        },

        _ => return None,
    })
}

/// A name is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a host is not found")]
pub struct NoName;

/// The addresses of a name, as the machine knows them.
pub async fn resolve(name: &str) -> Result<Vec<SocketAddr>, NoName> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await.map_err(|_| NoName)?.collect();
    if found.is_empty() { Err(NoName) } else { Ok(found) }
}

/// Resolves names by the machine, so that one that is not found is known as that.
pub struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move { Ok(Box::new(resolve(name.as_str()).await?.into_iter()) as Addrs) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tls_says_is_found_in_what_the_system_holds() {
        let held = |error: rustls::Error| io::Error::new(ErrorKind::InvalidData, error);
        for (error, connecting, expected) in [
            (
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
                true,
                Some(Unreached::Authority),
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::NotValidForName),
                true,
                Some(Unreached::Host),
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::Expired),
                true,
                Some(Unreached::TheirsExpired),
            ),
            (rustls::Error::InvalidCertificate(CertificateError::Revoked), true, Some(Unreached::Theirs)),
            (rustls::Error::AlertReceived(AlertDescription::UnknownCA), false, Some(Unreached::OursRefused)),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateExpired),
                false,
                Some(Unreached::OursExpired),
            ),
            (rustls::Error::AlertReceived(AlertDescription::HandshakeFailure), true, Some(Unreached::Tls)),
            // An exchange had begun: what became of it nobody knows.
            (rustls::Error::AlertReceived(AlertDescription::InternalError), false, None),
        ] {
            assert_eq!(Unreached::in_chain(&held(error.clone()), connecting), expected, "{error:?}");
        }
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        assert_eq!(Unreached::in_chain(&refused, true), Some(Unreached::Nobody));
        assert_eq!(Unreached::in_chain(&refused, false), None);
        assert_eq!(Unreached::in_chain(&io::Error::other(NoName), true), Some(Unreached::Name));
    }

    #[test]
    fn each_says_whose_turn_it_is() {
        let (ours, theirs) = (Unreached::OwnExpired, Unreached::TheirsExpired);
        assert_eq!((ours.turn(), theirs.turn()), (Turn::Ours, Turn::FarEnd));
        assert!(ours.to_string().contains("; ours: ") && theirs.to_string().contains("; the far end's: "));
    }
}
