//! A collector of traces over a real socket: keeps what an exporter sends, and answers as a collector does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;

/// Records everything that is posted to it.
#[derive(Clone)]
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Collector {
    /// Starts it.
    pub async fn start() -> Collector {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        let collector =
            Collector { address: listener.local_addr().expect("its address"), bodies: Arc::default() };
        let router =
            axum::Router::new().route("/v1/traces", axum::routing::post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// Everything so far, one after the other.
    pub fn octets(&self) -> Vec<u8> {
        self.bodies.lock().expect("bodies").concat()
    }

    /// Whether these octets came.
    pub fn has(&self, wanted: &[u8]) -> bool {
        self.octets().windows(wanted.len()).any(|window| window == wanted)
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) -> StatusCode {
    collector.bodies.lock().expect("bodies").push(body);
    StatusCode::OK
}
