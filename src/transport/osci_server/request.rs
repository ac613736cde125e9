//! One request of an intermediary from its head to its answer: path, share, octets, judgement, delivery, response. Whatever is refused is
//! noted and answered with the code that the standard has for it.
//! Never acknowledges what the intake did not commit, and holds no octet that it has no room for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use axum::{Extension, Router};
use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use super::answer::{self, response};
use super::deliver::Answered;
use super::judge::{Exchange, Judge, Judged, No, Refused};
use super::recipient::{Came, Recipient};
use super::settings::TIMES;
use super::strangers::{Crowded, Held};
use crate::envelope::{Evidence, How, PartnerRef};
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::http::body::{self, Octets};
use crate::transport::http::door::FULL;
use crate::transport::http::places::share_of;
use crate::transport::http::problem::Problem;
use crate::transport::http::room::AGAIN;
use crate::transport::http::server::Peer;
use crate::transport::http::wishes::traceparent;
use crate::transport::ids::fresh_id;
use crate::transport::osci::fault;
use crate::transport::osci_contents::Bench;
use crate::transport::osci_keys::Keys;

/// How long the whole message of a stranger waits for a place among strangers.
const ENTERING: Duration = Duration::from_secs(10);

/// Serves the path, and nothing else.
pub fn router(recipient: Arc<Recipient>) -> Router {
    Router::new().fallback(handle).with_state(recipient)
}

async fn handle(
    State(recipient): State<Arc<Recipient>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let id = fresh_id(recipient.door.around.clock.now());
    let (head, body) = request.into_parts();
    let problem = match head.method {
        _ if head.uri.path() != recipient.settings.path => Some(Problem::NotFound),
        Method::POST => plain(&head.headers).err(),
        _ => Some(Problem::Method("POST")),
    };
    let answered = match problem {
        Some(problem) => {
            recipient.door.drain(&peer, &head.headers, body).await;
            Err(problem)
        }
        None => recipient.answer(id, &peer, &head.headers, body).await,
    };
    answered.unwrap_or_else(|problem| problem.response(id))
}

/// Whether the head says what its body is, and once.
fn plain(headers: &HeaderMap) -> Result<(), Problem> {
    let once = |name: &HeaderName| headers.get_all(name).iter().count() <= 1;
    let coding = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    let encoded = coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    match encoded || !once(&CONTENT_ENCODING) || !once(&CONTENT_TYPE) {
        true => Err(Problem::MediaType),
        false => Ok(()),
    }
}

impl Recipient {
    async fn answer(
        self: &Arc<Self>,
        id: Uuid,
        peer: &Peer,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Problem> {
        // Until its signature is verified a request is its address's: what that may have is bounded, and more where nothing of it ever was.
        let origin = share_of(self.door.origin(peer, headers));
        let asker = PartnerRef { id: format!("address {origin}"), how: How::Internal };
        let ticket = self.strangers.begin(origin).map_err(|Crowded| Problem::Busy(FULL))?;
        let most = self.settings.most();
        if body::announced(headers).is_some_and(|octets| octets > most) {
            body::drain(body).await;
            return Err(Problem::TooLarge);
        }
        // What is announced costs nothing: what comes is asked for as it comes.
        let mut held = Held::of(origin);
        let mut octets = Octets::new(body, self.door.patience, &self.door.stop);
        let mut content = BytesMut::new();
        loop {
            let cut = async {
                match &ticket {
                    Some(ticket) => ticket.cut().await,
                    None => std::future::pending().await,
                }
            };
            let next = async {
                let Some(piece) = octets.next().await? else { return Ok(None) };
                let whole = (content.len() + piece.len()) as u64;
                if whole > most {
                    return Err(Problem::TooLarge);
                }
                let bounds = (whole * TIMES, most * TIMES);
                match held.grow(bounds, &self.door.permits, ticket.as_ref(), self.door.patience).await {
                    true => Ok(Some(piece)),
                    false => Err(Problem::Busy(AGAIN)),
                }
            };
            let piece = tokio::select! {
                piece = next => piece?,
                () = cut => return Err(Problem::Busy(FULL)),
            };
            let Some(piece) = piece else { break };
            let room = usize::try_from(held.octets() / TIMES).unwrap_or(usize::MAX);
            content.reserve(room.saturating_sub(content.len()));
            content.extend_from_slice(&piece);
            if let Some(ticket) = &ticket {
                ticket.moved(piece.len());
            }
        }
        held.shrink(content.len() as u64 * TIMES);
        // Work costs a place, waiting for a slow one costs none.
        let among = match &ticket {
            Some(ticket) => {
                ticket.is_whole();
                Some(ticket.place(ENTERING).await.ok_or(Problem::Busy(FULL))?)
            }
            None => None,
        };
        let place = (self.door.place(&asker)?, among);
        let (sha256, size) = octets.finish();
        let came =
            Came { id, peer: self.door.peer(peer, headers), sha256, size, traceparent: traceparent(headers) };
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        let (keys, judged) = self.judged(content.freeze(), content_type).await?;
        match judged {
            Ok(judged) => {
                let answered = self.deliver(&judged, &came, (place, held, ticket)).await?;
                if answered.fresh && judged.is_signed() {
                    self.strangers.proved(origin);
                }
                if answered.code == 800 {
                    tracing::debug!(connection = self.door.connection, id = %came.id, "a delivery is received");
                }
                self.respond(judged.exchange, keys, answered).await
            }
            Err(refused) => {
                self.note(&refused, &came, origin).await;
                match refused.no {
                    No::Fault(code) => Ok(response(fault::written(code))),
                    No::Feedback(code, exchange) => self.respond(*exchange, keys, Answered::of(code)).await,
                }
            }
        }
    }

    /// Judges a body where nobody waits for it.
    async fn judged(
        self: &Arc<Self>,
        body: Bytes,
        content_type: Option<String>,
    ) -> Result<(Arc<Keys>, Result<Judged, Refused>), Problem> {
        let recipient = self.clone();
        let judging = tokio::task::spawn_blocking(move || {
            let around = &recipient.door.around;
            let keys = recipient.ring.current();
            let known = recipient.book.known(&around.doors.admission());
            let bench = Bench {
                keys: &keys,
                known: &known,
                most: recipient.settings.most(),
                now: around.clock.now(),
            };
            let judged = Judge(bench).judge(&body, content_type.as_deref());
            (keys, judged)
        });
        judging.await.map_err(|_| Problem::Busy(FULL))
    }

    /// The response with its feedback, signed and encrypted where nobody waits for it.
    async fn respond(
        &self,
        exchange: Exchange,
        keys: Arc<Keys>,
        answered: Answered,
    ) -> Result<Response, Problem> {
        let writing = tokio::task::spawn_blocking(move || {
            answer::body(&exchange, &keys, answered.code, answered.reply.as_ref())
        });
        match writing.await {
            Ok(Ok(body)) => Ok(response(body)),
            Ok(Err(fault)) => {
                tracing::error!(connection = self.door.connection, %fault, "a response cannot be written");
                Ok(response(fault::written(9000)))
            }
            Err(_) => Ok(response(fault::written(9000))),
        }
    }

    /// Notes what was refused, so that it is seen and can be proved; the answer is the same whatever becomes of it.
    async fn note(&self, refused: &Refused, came: &Came, origin: std::net::IpAddr) {
        let (connection, code) = (&self.door.connection, refused.code());
        tracing::warn!(connection, id = %came.id, code, why = refused.why, "a delivery is refused");
        // What somebody whom we trust vouches for is no stranger's: that an office said what nobody can use stands against answers.
        if refused.partner.is_none() && !self.door.strangers.pass(origin) {
            raise(Alarm::SenderNotAdmitted, connection, &[]);
            return;
        }
        let evidence = Evidence {
            octets_sha256: came.sha256.clone(),
            size: came.size,
            verification: "none".to_owned(),
            protocol_ids: vec![("osci.code".to_owned(), format!("{code:04}"))],
            peer: Some(came.peer.clone()),
            ..Evidence::default()
        };
        let partner =
            refused.partner.clone().map(|partner| PartnerRef { id: partner, how: How::Certificate });
        let at = (came.id, self.binding.clone());
        self.door.turned_away(at, partner, came.traceparent.clone(), evidence).await;
    }
}
