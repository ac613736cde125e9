//! What every request of one listener stands on: shares, permits, who is calling and from where.
//! Answers nothing itself and knows no path.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use bytes::Bytes;
use ipnet::IpNet;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::admit::{Caller, admit, proven, unproven, why_not};
use super::openapi::Described;
use super::places::share_of;
use super::problem::Problem;
use super::server::Peer;
use super::shares::{Full, Place, Shares};
use super::uploads::Uploads;
use super::{Settings, body, origin};
use crate::envelope::{Envelope, Evidence, Head, PartnerRef, UNPROVEN};
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::permits::Permits;
use crate::transport::port::{Stop, Surroundings};
use crate::transport::tls::ClientCertificates;
use crate::transport::turnstile::Turnstile;

/// What a client is told to wait when the listener or its own share is full.
pub const FULL: Duration = Duration::from_secs(1);
/// So many questions of partners are put to the store at once; the others wait for their turn, which costs nothing. Shared as octets are:
/// one partner never has the last of them.
const ASKED: u64 = 4;
/// How long they wait.
pub const ASKING: Duration = Duration::from_secs(5);
/// So many requests of one partner wait for something to come into its mailbox at once.
const WAITING: usize = 4;

/// What every request of one listener needs.
pub struct Door {
    pub(in crate::transport) connection: String,
    pub(in crate::transport) around: Surroundings,
    pub(in crate::transport) shares: Shares,
    /// Readers that wait for something to come into their mailbox.
    pub(in crate::transport) waits: Shares,
    pub(in crate::transport) permits: Permits,
    pub(in crate::transport) open_parts: Permits,
    pub(in crate::transport) uploads: Uploads,
    pub(in crate::transport) proxies: Vec<IpNet>,
    operators: Vec<IpNet>,
    pub(in crate::transport) stop: Stop,
    pub(in crate::transport) patience: Duration,
    pub(in crate::transport) takes_certificates: bool,
    pub(in crate::transport) strangers: Turnstile<IpAddr>,
    pub(in crate::transport) described: Described,
    pub(in crate::transport) begun: TaskTracker,
    pub(in crate::transport) asked: Permits,
}

impl Door {
    /// The door of a connection.
    pub fn new(
        connection: &str,
        settings: &Settings,
        proxies: Vec<IpNet>,
        around: &Surroundings,
        stop: Stop,
    ) -> Door {
        let clients = settings.tls.as_ref().map_or(ClientCertificates::Off, |tls| tls.client_certificates);
        Door {
            connection: connection.to_owned(),
            around: around.clone(),
            shares: Shares::new(
                settings.max_in_flight,
                settings.per_partner.unwrap_or(settings.max_in_flight),
            ),
            waits: Shares::new(settings.max_connections.div_ceil(4), WAITING),
            permits: Permits::new(settings.body_memory << 20),
            open_parts: Permits::new(super::open_parts(super::open_files())),
            uploads: Uploads::within(settings.upload_disk << 20, &around.parts_lie),
            proxies,
            operators: settings.operators(),
            stop,
            patience: settings.read_timeout.0,
            takes_certificates: clients != ClientCertificates::Off,
            strangers: Turnstile::default(),
            described: Described::default(),
            begun: TaskTracker::new(),
            asked: Permits::new(ASKED),
        }
    }

    /// Deliveries that were begun.
    pub fn begun(&self) -> &TaskTracker {
        &self.begun
    }

    /// Who is calling, by certificate or token, on a connection that is one of its own. A certificate that admits nobody is an alarm.
    pub fn caller(&self, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
        let Some(caller) = self.known(peer, headers) else {
            if let Some(sha256) = peer.shown.as_ref().map(|shown| shown.fingerprint()) {
                // By this its issuer, or we in partners.yaml, find which one it is.
                let subject = format!("{}, client certificate", self.connection);
                let (admission, now) = (self.around.doors.admission(), self.around.clock.now());
                let why = why_not(&admission, sha256, peer.lapsed, now);
                raise(Alarm::SenderNotAdmitted, &subject, &[("sha256", sha256), ("why", why)]);
            }
            return Err(Problem::Unknown);
        };
        if !peer.place.belongs_to(&caller.partner.id) {
            return Err(Problem::TooMany(FULL));
        }
        Ok(caller)
    }

    /// Who is calling, whatever connection it calls on; nobody is told.
    pub fn known(&self, peer: &Peer, headers: &HeaderMap) -> Option<Caller> {
        let certificate = peer.shown.as_ref().map(|shown| shown.fingerprint());
        admit(&self.around.doors.admission(), certificate, headers, self.around.clock.now())
            .filter(|_| !peer.lapsed)
    }

    /// Whose login it is of whoever is turned away, where it is somebody's; and what is written of the rest.
    pub fn turned(&self, peer: &Peer, headers: &HeaderMap) -> (Option<PartnerRef>, String) {
        let certificate = peer.shown.as_ref().map(|shown| shown.fingerprint());
        let (admission, now) = (self.around.doors.admission(), self.around.clock.now());
        if let Some(caller) =
            self.known(peer, headers).filter(|known| peer.place.belongs_to(&known.partner.id))
        {
            return (Some(caller.partner), caller.verification);
        }
        let why = unproven(&admission, certificate, headers, (peer.lapsed, now));
        // Whose time is over is named, and is nobody here all the same: the connection stays a stranger's.
        let partner = proven(&admission, certificate, headers, now).filter(|_| !peer.lapsed);
        (partner.map(|caller| caller.partner), format!("{UNPROVEN}{why}"))
    }

    /// The client, by the connection or a named proxy.
    pub fn origin(&self, peer: &Peer, headers: &HeaderMap) -> IpAddr {
        origin::of_request(&self.proxies, peer.address.ip(), headers)
    }

    /// Whether a request comes from where operators ask: this machine, or a network that the connection names.
    pub fn is_operators(&self, peer: &Peer, headers: &HeaderMap) -> bool {
        let (from, connection) = (self.origin(peer, headers), peer.address.ip().to_canonical());
        // What a named proxy says and nobody can read is not that it asks for itself.
        let unread = from == connection
            && origin::is_of(&self.proxies, from)
            && headers.contains_key(origin::FORWARDED_FOR);
        let here = from.is_loopback() || peer.from_here && from == connection;
        !unread && (here || origin::is_of(&self.operators, from))
    }

    /// Where a delivery comes from, for its evidence: the connection, and the client where a named proxy says who it is.
    pub fn peer(&self, peer: &Peer, headers: &HeaderMap) -> String {
        match self.origin(peer, headers) {
            client if client == peer.address.ip().to_canonical() => peer.address.to_string(),
            client => format!("{client} via {}", peer.address),
        }
    }

    /// Reads on a little after a refusal; of whoever has not logged in only so much at once.
    pub async fn drain(&self, peer: &Peer, headers: &HeaderMap, body: Body) {
        let origin = || share_of(self.origin(peer, headers));
        let heard = (!peer.place.is_a_partners()).then(|| self.shares.take_stranger(origin()));
        if !matches!(heard, Some(None)) {
            body::drain(body).await;
        }
    }

    /// Notes who was turned away at a binding, so that it is seen and can be proved; `partner` where it is known all the same.
    pub async fn turned_away(
        &self,
        (id, binding): (Uuid, String),
        partner: Option<PartnerRef>,
        traceparent: Option<String>,
        evidence: Evidence,
    ) {
        let envelope = Envelope {
            head: Head {
                partner,
                traceparent,
                // Under an id of its own: a stranger occupies no key.
                ..Head::came((id, self.around.clock.now()), &self.connection, binding, id.to_string())
            },
            body: Bytes::new(),
            parts: Vec::new(),
            evidence,
        };
        let intake = self.around.intake.clone();
        let noted = self.begun.spawn(async move { intake.deliver(envelope).await });
        // A commit raises the alarm; where there is none it must not be missed.
        if !matches!(noted.await, Ok(Ok(_))) {
            raise(Alarm::SenderNotAdmitted, &self.connection, &[]);
        }
    }

    /// A place in the partner's share: whatever a partner asks for that costs something needs one.
    pub fn place(&self, partner: &PartnerRef) -> Result<Place, Problem> {
        self.shares.take(&partner.id).map_err(|full| match full {
            Full::All => Problem::Busy(FULL),
            Full::Partner => Problem::TooMany(FULL),
        })
    }
}
