//! A callback receiver of the demonstration over a real socket: out of order at first, then it counts what arrives.
//! Plays a partner; is no part of a stage.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

/// A partner of the demonstration.
#[derive(Clone)]
pub struct DemoPartner {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    failures_left: u64,
    attempts: u64,
    ids: BTreeSet<String>,
    bodies: BTreeMap<String, String>,
}

impl DemoPartner {
    /// Starts one that answers its first attempts with 503.
    pub async fn start(failures: u64) -> std::io::Result<DemoPartner> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let seen = Arc::new(Mutex::new(Seen { failures_left: failures, ..Seen::default() }));
        let partner = DemoPartner { address: listener.local_addr()?, seen };
        let router = Router::new().route("/hooks/sorgeregister", post(receive)).with_state(partner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(partner)
    }

    /// Attempts of all kinds.
    pub fn attempts(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).attempts
    }

    /// Distinct messages that arrived.
    pub fn distinct(&self) -> u64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.bodies.values().collect::<BTreeSet<_>>().len() as u64
    }

    /// Distinct messages that contain a text.
    pub fn telling(&self, text: &str) -> u64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.bodies.values().filter(|body| body.contains(text)).collect::<BTreeSet<_>>().len() as u64
    }
}

async fn receive(State(partner): State<DemoPartner>, headers: HeaderMap, body: String) -> StatusCode {
    let mut seen = partner.seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.attempts += 1;
    if seen.failures_left > 0 {
        seen.failures_left -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    // A partner that is not signed to does not count as told.
    if !text("webhook-signature").starts_with("v1,") || text("webhook-id").is_empty() {
        return StatusCode::UNAUTHORIZED;
    }
    let id = text("webhook-id");
    seen.ids.insert(id.clone());
    seen.bodies.insert(id, body);
    StatusCode::NO_CONTENT
}
