//! What an operator's tools ask over HTTP: liveness, readiness, metrics. Never tells anything about a message.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::engine::core::Core;
use crate::telemetry::metric;

/// The paths `/health/live`, `/health/ready` and `/metrics`.
pub fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/health/live", get(async || "lebt\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(core)
}

async fn ready(State(core): State<Arc<Core>>) -> Response {
    if core.leaving.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "wird beendet\n").into_response();
    }
    if core.set.load().plans.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, "noch keine Route\n").into_response();
    }
    if core.gate.is_closed() {
        let text =
            "Speicher aus einer Sicherung zurückgespielt, Versand geschlossen: drehscheibe recover --open\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    match core.store.next_due().await {
        Ok(_) if core.store_in_trouble() => {
            (StatusCode::SERVICE_UNAVAILABLE, "Speicher gestört\n").into_response()
        }
        Ok(_) => "bereit\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "Speicher nicht erreichbar\n").into_response(),
    }
}

async fn metrics() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metric::render()).into_response()
}
