//! What an operator's tools ask over HTTP: liveness, readiness, metrics, each with a proof of whose answer it is for who asks for one.
//! Never tells anything about a message.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use tokio::sync::{Mutex, Semaphore};

use crate::app::proof::{self, Answer, CHALLENGE, Challenge, LISTENS, PROOF, Proof, Secret, read_challenge};
use crate::clock::Tick;
use crate::engine::core::Core;
use crate::telemetry::alarm::Alarm;
use crate::telemetry::metric;
use crate::telemetry::parts::Said;
use crate::transport::http::door::Door;
use crate::transport::http::server::Peer;

/// The paths `/health/live`, `/health/ready`, `/health/parts` and `/metrics`.
pub fn router(core: Arc<Core>, proof: Arc<Proof>) -> Router {
    let ops = Arc::new(Ops {
        core,
        proof,
        secret: Shared::default(),
        last: std::sync::Mutex::default(),
        places: Semaphore::new(AT_ONCE),
        sound: Shared::default(),
        metrics: Shared::default(),
    });
    let inner = Router::new()
        .route("/health/parts", get(parts))
        .route("/metrics", get(metrics))
        .route_layer(from_fn(only_operators));
    inner
        .route("/health/ready", get(ready))
        .route_layer(from_fn_with_state(ops.clone(), in_turn))
        .route("/health/live", get(async || "lebt\n"))
        .route_layer(from_fn_with_state(ops.clone(), proved))
        .with_state(ops)
}

/// So many are answered at once, on all connections; the others wait for their turn, in their order.
const AT_ONCE: usize = 64;
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// For so long an answer stands that cost something: anybody may ask, as often as he likes.
const FRESH: Duration = Duration::from_millis(100);

/// No answer of these paths comes near so many octets; of a longer one nothing is proved.
const PROVED: usize = 16 << 20;

struct Ops {
    core: Arc<Core>,
    proof: Arc<Proof>,
    secret: Shared<Option<Secret>>,
    /// The secret as it was when the store could be read last.
    last: std::sync::Mutex<Option<Secret>>,
    places: Semaphore,
    sound: Shared<Option<Alarm>>,
    metrics: Shared<Bytes>,
}

/// An answer that is made once for all who ask at the same time.
struct Shared<T>(Mutex<Option<(Tick, T)>>);

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared(Mutex::new(None))
    }
}

impl<T: Clone> Shared<T> {
    /// The answer; who is first makes it. Where that one goes away the next does.
    async fn get(&self, make: impl Future<Output = T>) -> T {
        let mut last = self.0.lock().await;
        if let Some((at, made)) = &*last
            && at.elapsed() < FRESH
        {
            return made.clone();
        }
        let made = make.await;
        *last = Some((Tick::now(), made.clone()));
        made
    }
}

/// What moves for which office tells a partner what its answer does not: whether a person decides.
async fn only_operators(
    Extension(door): Extension<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match door.is_operators(&peer, request.headers()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "nur von dieser Maschine und aus den Netzen unter `ops-from`\n")
            .into_response(),
    }
}

/// Proves to who asks for it whose answer it is. To everybody else a proof is a number like any other.
async fn proved(State(ops): State<Arc<Ops>>, request: Request, next: Next) -> Response {
    let (challenge, listens) = asked(request.headers());
    let Some(challenge) = challenge else { return next.run(request).await };
    let path = request.uri().path().to_owned();
    let (mut head, body) = next.run(request).await.into_parts();
    let Ok(body) = to_bytes(body, PROVED).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let listens = listens.map(|at| (at, ops.core.parts.listens_at(at)));
    let (status, secret) = (head.status.as_u16(), ops.secret().await);
    let answer = Answer { challenge: &challenge, path: &path, status, body: &body, listens };
    if let Ok(value) = HeaderValue::try_from(ops.proof.make(secret.as_ref(), answer)) {
        head.headers.insert(PROOF, value);
    }
    Response::from_parts(head, body.into())
}

fn asked(headers: &HeaderMap) -> (Option<Challenge>, Option<SocketAddr>) {
    let head = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    (head(CHALLENGE).and_then(read_challenge), head(LISTENS).and_then(|at| at.parse().ok()))
}

impl Ops {
    /// The secret of this process by what stands in the store; as it stood, where the store cannot be read.
    async fn secret(&self) -> Option<Secret> {
        let read = async {
            let read = tokio::time::timeout(PATIENCE, proof::own(&*self.core.store)).await;
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(Ok(found)) = read {
                *last = found;
            }
            last.clone()
        };
        self.secret.get(read).await
    }
}

async fn in_turn(State(ops): State<Arc<Ops>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, ops.places.acquire()).await {
        Ok(Ok(_place)) => next.run(request).await,
        _ => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "zu viele Anfragen zugleich\n")
            .into_response(),
    }
}

/// Whether the house takes deliveries; why not, and what of it does not run, is for operators: it names offices and their connections.
async fn ready(
    State(ops): State<Arc<Ops>>,
    Extension(door): Extension<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let (status, text) = standing(&ops).await;
    let text = match door.is_operators(&peer, &headers) {
        true => text,
        false if status.is_success() => "bereit\n".to_owned(),
        false => "nicht bereit\n".to_owned(),
    };
    (status, text).into_response()
}

async fn standing(ops: &Ops) -> (StatusCode, String) {
    let core = &ops.core;
    let not = |text: &str| (StatusCode::SERVICE_UNAVAILABLE, text.to_owned());
    if let Some(part) = core.broken.part() {
        let text = format!("ein Teil des Programms hat unerwartet geendet ({part}), wird beendet\n");
        return not(&text);
    }
    if core.leaving.is_cancelled() {
        return not("wird beendet\n");
    }
    if core.set.load().plans.is_empty() {
        return not("noch keine Route\n");
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
        return not(&text);
    }
    let sound = async { core.store.sound().await.err().map(|error| error.alarm()) };
    match ops.sound.get(sound).await.or_else(|| core.store_trouble()) {
        None => (StatusCode::OK, bereit(&core.parts.said())),
        Some(alarm) => not(&gestoert(alarm)),
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
async fn parts(State(ops): State<Arc<Ops>>) -> Json<Vec<Said>> {
    Json(ops.core.parts.said())
}

/// What an operator is told: the alarm and what its catalogue says.
fn gestoert(alarm: Alarm) -> String {
    let explained = alarm.explained();
    format!("Speicher gestört ({}): {} {}\n", explained.code, explained.cause, explained.step)
}

/// Those who ask at the same time are given the same octets, so that answers nobody fetches cost little.
async fn metrics(State(ops): State<Arc<Ops>>) -> Response {
    let rendered = ops.metrics.get(async { Bytes::from(metric::render()) }).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], rendered).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn many_who_ask_at_once_are_answered_by_one_look() {
        let (shared, looks) = (Arc::new(Shared::default()), Arc::new(AtomicUsize::new(0)));
        let look = |shared: Arc<Shared<usize>>, looks: Arc<AtomicUsize>| async move {
            let made = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                looks.fetch_add(1, Ordering::SeqCst) + 1
            };
            shared.get(made).await
        };
        // One that goes away in the middle leaves the look to the next.
        let gone = tokio::spawn(look(shared.clone(), looks.clone()));
        tokio::time::sleep(Duration::from_millis(5)).await;
        gone.abort();
        let asked: Vec<_> = (0..500).map(|_| tokio::spawn(look(shared.clone(), looks.clone()))).collect();
        for one in asked {
            one.await.unwrap();
        }
        // More than one only where the machine needed longer for all of them than an answer stands.
        assert!(looks.load(Ordering::SeqCst) <= 5, "{looks:?}");
        tokio::time::sleep(FRESH * 2).await;
        let before = looks.load(Ordering::SeqCst);
        assert_eq!(look(shared, looks).await, before + 1, "what stands is not stale");
    }
}
