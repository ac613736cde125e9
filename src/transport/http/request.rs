//! One request from its head to its answer: path, method, caller, share, key, body, delivery.
//! Never acknowledges what the intake did not commit; a begun delivery is finished even when its client goes away.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::{Extension, Router};
use uuid::Uuid;

use super::admit::Caller;
use super::answer::{self, MESSAGES};
use super::body::{self, Bounds, Received};
use super::door::{Door, FULL};
use super::mailbox;
use super::places::share_of;
use super::problem::Problem;
use super::room::{Means, Room};
use super::server::Peer;
use super::shares::HeldKey;
use super::stranger;
use super::wishes::{idempotency_key, prefers_message, traceparent};
use crate::envelope::{Envelope, Evidence, Head};
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::ids::{by_key, fresh_id};
use crate::transport::port::binding::HttpBinding;

/// Where the description of all paths is.
pub const OPENAPI: &str = "/openapi.json";

/// Serves every path that nobody else serves.
pub fn router(door: Arc<Door>) -> Router {
    Router::new().fallback(handle).with_state(door)
}

/// Answers what is asked on the reserve for health and metrics and is neither.
pub async fn elsewhere() -> Response {
    Problem::Busy(FULL).response(Uuid::nil())
}

async fn handle(
    State(door): State<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let id = fresh_id(door.around.clock.now());
    let (head, body) = request.into_parts();
    let expects = head.headers.contains_key("expect");
    let mut body = Some(body);
    match door.answer(id, &peer, (&head.method, &head.uri), &head.headers, &mut body).await {
        Ok(response) => response,
        Err(problem) => {
            // Whoever waits for 100-continue has sent nothing yet and need not.
            let body = body.filter(|_| !expects);
            if matches!(problem, Problem::Unknown | Problem::Forbidden) {
                // One address that keeps us listening does so at the cost of its own further requests.
                let Some(_heard) = door.shares.take_stranger(share_of(door.origin(&peer, &head.headers)))
                else {
                    raise(Alarm::SenderNotAdmitted, &door.connection, &[]);
                    return Problem::TooMany(FULL).response(id);
                };
                door.note_stranger(id, &peer, &head.method, head.uri.path(), &head.headers, body).await;
            } else if let Some(body) = body {
                // The same for whoever asks for what is not there, until it has logged in.
                door.drain(&peer, &head.headers, body).await;
            }
            problem.response(id)
        }
    }
}

impl Door {
    async fn answer(
        self: &Arc<Self>,
        id: Uuid,
        peer: &Peer,
        (method, uri): (&Method, &Uri),
        headers: &HeaderMap,
        body: &mut Option<Body>,
    ) -> Result<Response, Problem> {
        if peer.lapsed {
            return Err(Problem::Unknown);
        }
        let path = uri.path();
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let paths = self.around.doors.http();
        let here: Vec<&HttpBinding> = paths.iter().filter(|binding| binding.path == path).collect();
        if here.is_empty() {
            if path == OPENAPI {
                return match reads {
                    true => {
                        let mailboxes = self.around.mailboxes.any();
                        Ok(answer::json(self.described.of(&paths, self.takes_certificates, mailboxes)))
                    }
                    false => Err(Problem::Method("GET, HEAD")),
                };
            }
            if let Some(wanted) = mailbox::wanted(path).filter(|_| self.around.mailboxes.any()) {
                return self.mailbox(peer, (method, uri.query()), headers, wanted).await;
            }
            let wanted = path.strip_prefix(MESSAGES).ok_or(Problem::NotFound)?;
            if !reads {
                return Err(Problem::Method("GET, HEAD"));
            }
            return self.standing(self.caller(peer, headers)?, wanted).await;
        }
        if method != Method::POST {
            return Err(Problem::Method("POST"));
        }
        let caller = self.caller(peer, headers)?;
        let own: Vec<&HttpBinding> =
            here.iter().copied().filter(|binding| binding.partners.contains(&caller.partner.id)).collect();
        // Whoever is known and not admitted here is heard all the same, and told no: the house looks at what it says, and keeps nothing else.
        let foreign = own.is_empty();
        let own = if foreign { here } else { own };
        let bounds = Bounds {
            document: own.iter().map(|binding| binding.max_body).max().ok_or(Problem::Forbidden)?,
            part: own.iter().map(|binding| binding.max_part).max().unwrap_or(0),
            patience: self.patience,
        };
        let place = self.place(&caller.partner)?;
        let key = idempotency_key(headers)?;
        let held = match &key {
            None => None,
            Some(key) => Some(self.shares.take_key(&caller.partner.id, key).ok_or(Problem::KeyInUse)?),
        };
        let shape = body::shape(headers, &bounds)?;
        let whole = body.take().unwrap_or_default();
        let means = Means {
            partner: &caller.partner,
            spool: self.around.spool.as_ref(),
            permits: &self.permits,
            open_parts: &self.open_parts,
            uploads: &self.uploads,
            stop: &self.stop,
        };
        let received = body::receive(whole, shape, body::announced(headers), bounds, means).await?;
        // Without a key the content is the key: two equal requests at once are one delivery after the other.
        let (key, held): (String, Option<HeldKey>) = match key {
            Some(key) => (key, held),
            None => (received.sha256.clone(), None),
        };
        // Keys of one partner never meet those of another: the verdict, and so the reply, belongs to its partner.
        let key = by_key(&caller.partner.id, &key);
        let wants = Wants {
            by_message: prefers_message(headers)
                && own.iter().any(|binding| binding.by_message.contains(&caller.partner.id)),
            key,
        };
        let by_message = wants.by_message;
        let (envelope, room) = self.envelope(id, peer, path, headers, caller, received, wants);
        let door = self.clone();
        let delivery = self.begun.spawn(async move {
            let _until_done = (place, held, room);
            door.around.intake.deliver(envelope).await
        });
        match delivery.await {
            Ok(Ok(verdict)) if foreign => Ok(Problem::Forbidden.response(verdict.id)),
            Ok(Ok(verdict)) => Ok(answer::of_verdict(verdict, by_message)),
            Ok(Err(busy)) => Err(Problem::Busy(busy.retry_after)),
            Err(_) => Err(Problem::Busy(FULL)),
        }
    }

    /// Notes who was turned away, so that it is seen and can be proved; the answer is the same whatever becomes of it.
    async fn note_stranger(
        &self,
        id: Uuid,
        peer: &Peer,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Option<Body>,
    ) {
        let paths = self.around.doors.http();
        let here = paths.iter().filter(|binding| binding.path == path);
        let most = here.map(|binding| binding.max_body).max().filter(|_| method == Method::POST);
        let (Some(most), true) = (most, self.strangers.pass(share_of(self.origin(peer, headers)))) else {
            raise(Alarm::SenderNotAdmitted, &self.connection, &[]);
            if let Some(body) = body {
                body::drain(body).await;
            }
            return;
        };
        let address = self.peer(peer, headers);
        let evidence = stranger::witness(body.unwrap_or_default(), most, Some(address)).await;
        let at = (id, format!("http {path}"));
        let (partner, verification) = self.turned(peer, headers);
        self.turned_away(at, partner, traceparent(headers), Evidence { verification, ..evidence }).await;
    }

    async fn standing(&self, caller: Caller, wanted: &str) -> Result<Response, Problem> {
        let wanted = Uuid::try_parse(wanted).map_err(|_| Problem::NotFound)?;
        let _place = self.place(&caller.partner)?;
        let _turn = self.turn(&caller.partner.id).await?;
        match self.around.standings.standing(&caller.partner, wanted).await {
            Ok(Some(standing)) => Ok(answer::of_standing(&standing)),
            Ok(None) => Err(Problem::NotFound),
            Err(busy) => Err(Problem::Busy(busy.retry_after)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is one field of the envelope")]
    fn envelope(
        &self,
        id: Uuid,
        peer: &Peer,
        path: &str,
        headers: &HeaderMap,
        caller: Caller,
        received: Received,
        wants: Wants,
    ) -> (Envelope, Room) {
        let peer = self.peer(peer, headers);
        let envelope = Envelope {
            head: Head {
                content_type: received.content_type,
                partner: Some(caller.partner),
                traceparent: traceparent(headers),
                in_band: !wants.by_message,
                ..Head::came(
                    (id, self.around.clock.now()),
                    &self.connection,
                    format!("http {path}"),
                    wants.key,
                )
            },
            body: received.document,
            parts: received.parts,
            evidence: Evidence {
                octets_sha256: received.sha256,
                size: received.size,
                verification: caller.verification,
                protocol_ids: Vec::new(),
                peer: Some(peer),
                ..Evidence::default()
            },
        };
        (envelope, received.room)
    }
}

/// What a request wants of its delivery.
struct Wants {
    /// The key that its repeats carry.
    key: String,
    /// Its answer shall go the way that the partner's answers by message go.
    by_message: bool,
}
