//! What an operator's tools ask over HTTP: liveness, readiness, metrics. Never tells anything about a message.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::engine::core::Core;
use crate::telemetry::alarm::Alarm;
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
    let trouble = match core.store.next_due().await {
        Ok(_) => core.store_trouble(),
        Err(error) => Some(error.alarm()),
    };
    match trouble {
        None => "bereit\n".into_response(),
        Some(alarm) => (StatusCode::SERVICE_UNAVAILABLE, gestoert(alarm)).into_response(),
    }
}

/// What an operator is told: the alarm and what its catalogue says.
fn gestoert(alarm: Alarm) -> String {
    let explained = alarm.explained();
    format!("Speicher gestört ({}): {} {}\n", explained.code, explained.cause, explained.step)
}

async fn metrics() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metric::render()).into_response()
}
