//! What an operator's tools ask over HTTP: liveness, readiness, metrics. Never tells anything about a message.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::engine::core::Core;
use crate::telemetry::alarm::Alarm;
use crate::telemetry::metric;
use crate::telemetry::parts::Said;

/// The paths `/health/live`, `/health/ready`, `/health/parts` and `/metrics`.
pub fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/health/live", get(async || "lebt\n"))
        .route("/health/ready", get(ready))
        .route("/health/parts", get(parts))
        .route("/metrics", get(metrics))
        .with_state(core)
}

async fn ready(State(core): State<Arc<Core>>) -> Response {
    if let Some(part) = core.broken.part() {
        let text = format!("ein Teil des Programms hat unerwartet geendet ({part}), wird beendet\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    if core.leaving.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "wird beendet\n").into_response();
    }
    if core.set.load().plans.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, "noch keine Route\n").into_response();
    }
    if core.gate.is_closed() {
        let text = match core.gate.lost() {
            None => {
                "Speicher aus einer Sicherung zurückgespielt, Versand geschlossen: drehscheibe recover --open\n"
                    .to_owned()
            }
            Some(lost) => format!(
                "quittierte Lieferungen fehlen: alles ab {} neu anfordern, dann drehscheibe recover --open\n",
                lost.from.strftime("%Y-%m-%d %H:%MZ")
            ),
        };
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    let trouble = match core.store.sound().await {
        Ok(()) => core.store_trouble(),
        Err(error) => Some(error.alarm()),
    };
    match trouble {
        None => bereit(&core.parts.said()).into_response(),
        Some(alarm) => (StatusCode::SERVICE_UNAVAILABLE, gestoert(alarm)).into_response(),
    }
}

/// A house of which a part does not run takes deliveries all the same; the rest says what to look at.
fn bereit(parts: &[Said]) -> String {
    let failing: Vec<String> = parts
        .iter()
        .filter_map(|said| said.failing.as_ref().map(|failing| format!("{}: {}\n", said.part, failing.cause)))
        .collect();
    match failing.len() {
        0 => "bereit\n".to_owned(),
        _ => format!("eingeschränkt bereit (drehscheibe status):\n{}", failing.concat()),
    }
}

/// How each part is, for `status`.
async fn parts(State(core): State<Arc<Core>>) -> Json<Vec<Said>> {
    Json(core.parts.said())
}

/// What an operator is told: the alarm and what its catalogue says.
fn gestoert(alarm: Alarm) -> String {
    let explained = alarm.explained();
    format!("Speicher gestört ({}): {} {}\n", explained.code, explained.cause, explained.step)
}

async fn metrics() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metric::render()).into_response()
}
