//! One request of an XTA server from its head to its answer: port, account, form, envelope, identity, operation. Everything that is refused has
//! the fault that the standard gives it. Never answers an order that the house did not commit.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Method};
use axum::response::Response as Reply;
use axum::{Extension, Router};
use uuid::Uuid;

use super::account::{self, Account};
use super::answer::whole;
use super::ids;
use super::intake::{self, Said, Taken, Terms};
use super::no::No;
use super::order::Came;
use super::server::Server;
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::http::body::{self, Octets};
use crate::transport::http::door::FULL;
use crate::transport::http::places::share_of;
use crate::transport::http::problem::Problem;
use crate::transport::http::room::{Means, Room};
use crate::transport::http::server::Peer;
use crate::transport::http::shares::{HeldKey, Place};
use crate::transport::http::stranger;
use crate::transport::http::wishes::traceparent;
use crate::transport::ids::fresh_id;
use crate::transport::xta::binding::{self, Binding, Head as SoapHead};
use crate::transport::xta::fault::{Class, Fault};
use crate::transport::xta::model::{Availability, Found, Iteration, Lookup, Request, Response};
use crate::transport::xta::names::{Module, Operation};
use crate::transport::xta::out::Carriage;
use crate::transport::xta::receive::{Incoming, Refused};
use crate::transport::xta::write;
use crate::transport::xta_words::wire_id;

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
/// So many octets of a stranger's request are hashed.
const WITNESSED: usize = 1 << 20;
/// So many services are looked up with one request.
const LOOKUPS: usize = 100;

/// Serves the ports, and nothing else.
pub fn router(server: Arc<Server>) -> Router {
    Router::new().fallback(handle).with_state(server)
}

async fn handle(
    State(server): State<Arc<Server>>,
    Extension(peer): Extension<Peer>,
    request: HttpRequest,
) -> Reply {
    let id = fresh_id(server.door.around.clock.now());
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let problem = match head.method {
        _ if !server.settings.paths.has(path) => Some(Problem::NotFound),
        Method::POST => None,
        _ => Some(Problem::Method("POST")),
    };
    if let Some(problem) = problem {
        server.door.drain(&peer, &head.headers, body).await;
        return problem.response(id);
    }
    let mut call = Call { said: Said::default(), multipart: false };
    match server.answer(id, &peer, path, &head.headers, body, &mut call).await {
        Ok(reply) => reply,
        Err(no) => call.fault(no),
    }
}

/// A request under way, as its answer needs it.
struct Call {
    said: Said,
    multipart: bool,
}

impl Call {
    /// The answer to a request that is refused.
    fn fault(self, no: No) -> Reply {
        let after = no.after;
        let Said { operation, action, addressing } = self.said;
        let fault = no.of_operation(operation);
        let status = fault.status;
        let refused = Refused { fault, operation, action, addressing };
        let written = write::fault(&refused, &wire_id()).or_else(|_| {
            // What was asked for has no such exception: then without one.
            let plain =
                Refused::early(Fault { class: Class::Receiver, ..Fault::sender(&refused.fault.reason) });
            write::fault(&plain, &wire_id())
        });
        match written {
            Ok(written) => whole(&written, self.multipart, status, after),
            Err(_) => Problem::Busy(FULL).response(Uuid::nil()),
        }
    }
}

/// What is answered: an envelope, or a letter that streams.
enum Answered {
    Here(Box<Response>),
    Streaming(Box<super::letter::Letter>),
}

impl Server {
    async fn answer(
        self: &Arc<Self>,
        id: Uuid,
        peer: &Peer,
        path: &str,
        headers: &HeaderMap,
        body: Body,
        call: &mut Call,
    ) -> Result<Reply, No> {
        let binding = match head(headers) {
            Ok(binding) => binding,
            Err(no) => {
                self.door.drain(peer, headers, body).await;
                return Err(no);
            }
        };
        call.multipart = binding.answer_multipart;
        // As far as the head tells; the envelope says it again.
        let named = binding::one_action(binding.actions.iter().map(String::as_str)).ok().flatten();
        call.said.operation = named.as_deref().and_then(Operation::of_action);
        call.said.action = named;
        let account = match self.account(peer) {
            Ok(account) => account,
            Err(code) => {
                self.note_stranger(id, peer, headers, body).await;
                return Err(No::code(code));
            }
        };
        if !peer.place.belongs_to(&account.partner.id) {
            return Err(No::later(FULL));
        }
        let place = match self.door.place(&account.partner) {
            Ok(place) => place,
            Err(full) => {
                body::drain(body).await;
                return Err(full.into());
            }
        };
        let means = Means {
            partner: &account.partner,
            spool: self.door.around.spool.as_ref(),
            permits: &self.door.permits,
            open_parts: &self.door.open_parts,
            uploads: &self.door.uploads,
            stop: &self.door.stop,
        };
        let mut octets = Octets::new(body, self.door.patience, &self.door.stop);
        let announced = body::announced(headers);
        let mut held: Option<HeldKey> = None;
        let received = async {
            let mut room = intake::room(&binding.form, announced, self.door.patience, means).await?;
            let terms = Terms {
                form: &binding.form,
                actions: binding.actions.clone(),
                strict: account.strict,
                container: self.container(),
                means,
            };
            let judge = |incoming: &Incoming| self.judged(&account, path, incoming, &mut held);
            let taken = intake::receive(&mut octets, &mut room, &mut call.said, terms, judge).await?;
            Ok((taken, room))
        };
        let (taken, room) = match received.await {
            Ok(received) => received,
            Err(no) => {
                // Who is still sending would not see why it is refused; it has its pace to keep.
                self.read_out(octets).await;
                return Err(no);
            }
        };
        let (sha256, size) = octets.finish();
        let came = Came { id, headers, peer: self.door.peer(peer, headers), sha256, size };
        let operation = taken.incoming.operation;
        match self.perform(&account, taken, came, (place, held, room)).await? {
            Answered::Here(response) => {
                let said = &call.said;
                let written = write::response(
                    Module::Xta211,
                    operation,
                    &response,
                    &said.addressing,
                    &wire_id(),
                    Carriage::Inline,
                )?;
                Ok(whole(&written, call.multipart, 200, None))
            }
            Answered::Streaming(letter) => letter.answer(operation, &call.said.addressing, call.multipart),
        }
    }

    /// Whose account the connection is on.
    fn account(&self, peer: &Peer) -> Result<Account, u16> {
        let admission = self.door.around.doors.admission();
        let certificate = peer.shown.as_ref().map(|shown| shown.fingerprint());
        let now = self.door.around.clock.now();
        account::of(&admission, &self.door.connection, (certificate, peer.lapsed), now)
    }

    /// Judges a request as soon as its envelope is whole: whether it belongs here, and what may be kept of its contents.
    fn judged(
        &self,
        account: &Account,
        path: &str,
        incoming: &Incoming,
        held: &mut Option<HeldKey>,
    ) -> Result<Option<intake::Keep>, No> {
        if incoming.module != Module::Xta211 {
            return Err(No::sender("this module is not served here; module 2.1.1 is"));
        }
        let port = incoming.operation.port(incoming.module);
        if !port.is_some_and(|port| self.settings.paths.serves(path, port)) {
            return Err(No::sender("this port has no such operation"));
        }
        match &incoming.request {
            Request::SendMessage(order) => {
                let (keep, key) = self.judge(account, order)?;
                *held = Some(key);
                Ok(Some(keep))
            }
            Request::SendMessageSync(order) => match account.may_be(&order.meta.author.identity) {
                true => Err(No::code(9080)),
                false => Err(No::code(9014)),
            },
            _ => {
                let stated = incoming.identity.as_ref().map(|party| &party.identity);
                let asks = account.asks_as(stated);
                if asks.is_err() {
                    raise(Alarm::SenderNotAdmitted, &self.door.connection, &[]);
                }
                asks.map(|_| None)
            }
        }
    }

    async fn perform(
        self: &Arc<Self>,
        account: &Account,
        taken: Taken,
        came: Came<'_>,
        (place, held, room): (Place, Option<HeldKey>, Room),
    ) -> Result<Answered, No> {
        let stated = taken.incoming.identity.as_ref().map(|party| party.identity.clone());
        let asks = |stated: Option<_>| account.asks_as(stated.as_ref());
        let response = match &taken.incoming.request {
            Request::SendMessage(_) => {
                let key = held.ok_or(No::later(FULL))?;
                self.deliver(account, taken, came, (place, key, room)).await?
            }
            Request::SendMessageSync(_) | Request::DeliverMessage(_) => return Err(No::code(9080)),
            Request::CheckAccountActive => Response::Empty,
            Request::CreateMessageId => {
                Response::MessageId(ids::of_order(&self.settings.server, Uuid::new_v4()))
            }
            Request::LookupService(lookups) => self.found(lookups)?,
            Request::GetTransportReport(id) => self.report(account, asks(stated)?, id).await?,
            Request::CancelMessage(id) => self.cancel(account, id).await?,
            Request::GetStatusList(wanted) => self.list(account, asks(stated)?, wanted).await?,
            Request::GetNextStatusList(of) => self.next_list(account, asks(stated)?, of).await?,
            Request::GetMessage(wanted, part) => {
                let letter = self.message(account, asks(stated)?, (wanted, *part), place).await?;
                return Ok(Answered::Streaming(Box::new(letter)));
            }
            Request::GetNextMessage(of) => {
                match self.next_message(account, asks(stated)?, of, place).await? {
                    Ok(letter) => return Ok(Answered::Streaming(Box::new(letter))),
                    Err(over) => over,
                }
            }
            Request::Close(Iteration { received, .. }) => {
                self.close_all(account, received).await?;
                Response::Empty
            }
        };
        Ok(Answered::Here(Box::new(response)))
    }

    /// Whether a reader offers a service: known of the house only, and only where its services are written.
    fn found(&self, lookups: &[Lookup]) -> Result<Response, No> {
        if lookups.is_empty() {
            return Err(No::code(9020));
        }
        if lookups.len() > LOOKUPS {
            return Err(No::because(9022, "too many services with one request"));
        }
        let one = |lookup: &Lookup| {
            let known = &self.settings.identities;
            let ours = known.iter().any(|own| account::is(&lookup.reader.identity, &own.r#type, &own.value));
            let offered =
                lookup.service.as_ref().is_some_and(|service| self.settings.services.contains(service));
            let availability = match ours && !self.settings.services.is_empty() {
                true => Availability::Known(offered),
                false => Availability::Unknown,
            };
            let mut lookup = lookup.clone();
            lookup.reader.identity.scheme.get_or_insert_with(crate::transport::xta_words::xoev);
            Some(Found { lookup, availability, parameters: Vec::new() })
        };
        Ok(Response::Lookup(lookups.iter().map(one).collect()))
    }

    /// Reads on after a refusal as far as a request may be long, so that a client that is still sending gets to see the answer.
    async fn read_out(&self, mut octets: Octets) {
        let mut left = self.container().saturating_mul(2);
        while let Ok(Some(piece)) = octets.next().await {
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }

    /// Notes who was turned away, so that it is seen and can be proved; the answer is the same whatever becomes of it.
    async fn note_stranger(&self, id: Uuid, peer: &Peer, headers: &HeaderMap, body: Body) {
        let origin = share_of(self.door.origin(peer, headers));
        let heard = self.door.shares.take_stranger(origin);
        if heard.is_none() || !self.door.strangers.pass(origin) {
            raise(Alarm::SenderNotAdmitted, &self.door.connection, &[]);
            if heard.is_some() {
                body::drain(body).await;
            }
            return;
        }
        let address = self.door.peer(peer, headers);
        let evidence = stranger::witness(body, WITNESSED, Some(address)).await;
        let at = (id, self.binding.clone());
        self.door.turned_away(at, None, traceparent(headers), evidence).await;
    }
}

/// Reads the head of a request.
fn head(headers: &HeaderMap) -> Result<Binding, No> {
    let one = |name: &HeaderName| -> Result<Option<&str>, No> {
        let mut given = headers.get_all(name).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                value.to_str().map(Some).map_err(|_| No::sender("a header is not readable"))
            }
            (Some(_), Some(_)) => Err(No::sender("a header stands twice")),
        }
    };
    let encoded = one(&CONTENT_ENCODING)?.is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if encoded {
        return Err(Fault::media_type("content encodings are not taken").into());
    }
    let head = SoapHead {
        content_type: one(&CONTENT_TYPE)?,
        soap_action: one(&SOAP_ACTION)?,
        // Several of them are legal, and only a wish.
        accept: headers.get(ACCEPT).and_then(|value| value.to_str().ok()),
    };
    Ok(binding::read(&head)?)
}
