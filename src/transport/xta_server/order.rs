//! An order of an author becomes a delivery of its partner: judged before its contents are laid down, then handed to the house, and answered
//! only by what was committed.

use std::sync::Arc;

use axum::http::HeaderMap;
use uuid::Uuid;

use super::account::{self, Account};
use super::ids;
use super::intake::{DOCUMENT, Keep, Taken};
use super::no::No;
use super::server::Server;
use crate::envelope::{Envelope, Evidence, Head, Inbound, Stage};
use crate::mime::media::handed_on;
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::http::door::FULL;
use crate::transport::http::room::Room;
use crate::transport::http::shares::{HeldKey, Place};
use crate::transport::http::wishes::traceparent;
use crate::transport::port::account::Under;
use crate::transport::xta::model::{Container, Order, Request, Response};
use crate::transport::xta::values;
use crate::transport::xta_words::moment;

/// What came with the request.
pub struct Came<'a> {
    /// Our id of it.
    pub id: Uuid,
    /// Its head.
    pub headers: &'a HeaderMap,
    /// From where.
    pub peer: String,
    /// Hash of its octets.
    pub sha256: String,
    /// How many there were.
    pub size: u64,
}

impl Server {
    /// Whether an order can be taken, and what may be kept of it. The key keeps a second one of the same id waiting for nobody: it is told to
    /// come again.
    pub fn judge(&self, account: &Account, order: &Order) -> Result<(Keep, HeldKey), No> {
        let meta = &order.meta;
        if meta.author.identity.is_any() || !account.may_be(&meta.author.identity) {
            raise(Alarm::SenderNotAdmitted, &self.door.connection, &[]);
            return Err(No::code(9014));
        }
        let bound = self.door.around.doors.bound(&self.binding);
        let bound =
            bound.filter(|bound| bound.partners.contains(&account.partner.id)).ok_or(No::code(9013))?;
        let known = &self.settings.identities;
        if !known.iter().any(|own| account::is(&meta.reader.identity, &own.r#type, &own.value)) {
            return Err(No::because(
                9022,
                "the reader is not known here; this server delivers to itself only",
            ));
        }
        if meta.test && self.door.around.stage == Stage::Produktion {
            return Err(No::because(9022, "no test messages here; send them to the acceptance stage"));
        }
        if meta.times.not_before.as_deref().is_some_and(|at| self.lies_ahead(at)) {
            return Err(No::because(9022, "delivery at a later time is not offered; send it then"));
        }
        let id = meta.message_id.trim();
        if id.is_empty() || id.len() > ids::LONGEST || !values::is_uri(id) {
            return Err(No::code(9021));
        }
        match &order.container {
            Container::Closed(_) => {
                return Err(No::because(9052, "contents encrypted from end to end cannot be read here"));
            }
            Container::Open { message: None, .. } => return Err(No::code(9050)),
            Container::Open { .. } => {}
        }
        let key = ids::of_delivery(&account.partner.id, id);
        let key = self.door.shares.take_key(&account.partner.id, &key).ok_or(No::later(FULL))?;
        Ok((Keep { document: bound.max_body.min(DOCUMENT), part: bound.max_part }, key))
    }

    /// Whether a moment as written lies ahead; what cannot be read does.
    fn lies_ahead(&self, written: &str) -> bool {
        moment(written).is_none_or(|at| at > self.door.around.clock.now())
    }

    /// Hands an order to the house. A delivery that is begun is finished, also when its author goes away.
    pub async fn deliver(
        self: &Arc<Self>,
        account: &Account,
        taken: Taken,
        came: Came<'_>,
        (place, key, mut room): (Place, HeldKey, Room),
    ) -> Result<Response, No> {
        let Taken { incoming, document, parts } = taken;
        let Request::SendMessage(order) = incoming.request else { return Err(No::code(9080)) };
        if document.is_empty() {
            return Err(No::because(9050, "the message is empty"));
        }
        let message_id = order.meta.message_id.trim().to_owned();
        let content_type = match &order.container {
            Container::Open { message, .. } => {
                message.as_ref().and_then(|message| message.content_type.clone())
            }
            Container::Closed(_) => None,
        };
        let mut protocol_ids = vec![
            ("xta.message-id".to_owned(), message_id.clone()),
            ("xta.author".to_owned(), order.meta.author.identity.value.clone()),
        ];
        protocol_ids.extend(incoming.addressing.message_id.map(|id| ("wsa.message-id".to_owned(), id)));
        room.shrink(document.len() as u64);
        let known = ids::of_delivery(&account.partner.id, &message_id);
        let envelope = Envelope {
            head: Head {
                correlation: Some(message_id),
                content_type: content_type.map(|claimed| handed_on(&claimed).to_owned()),
                partner: Some(account.partner.clone()),
                traceparent: traceparent(came.headers),
                ..Head::came(
                    (came.id, self.door.around.clock.now()),
                    &self.door.connection,
                    self.binding.clone(),
                    known.clone(),
                )
            },
            body: document,
            parts,
            evidence: Evidence {
                octets_sha256: came.sha256,
                size: came.size,
                verification: account.verification.clone(),
                protocol_ids,
                peer: Some(came.peer),
                ..Evidence::default()
            },
        };
        let intake = self.door.around.intake.clone();
        let delivery = self.door.begun().spawn(async move {
            let _until_done = (place, key, room);
            intake.deliver(envelope).await
        });
        let verdict = delivery.await.map_err(|_| No::later(FULL))??;
        if verdict.again || verdict.conflict {
            // Its id was used before, or its document was, which is no matter of the id.
            let first = self.under(account, Under::Transport(&known)).await?;
            if first.is_some_and(|first| first.id != came.id) {
                return Err(No::code(9024));
            }
            if verdict.again && verdict.id != came.id {
                self.repeats(&known, verdict.id).await?;
            }
            return Ok(Response::Empty);
        }
        match verdict.state {
            Inbound::Denied => Err(No::code(9013)),
            // What is refused was taken all the same: its sender gets the document that says so, and the report is red.
            Inbound::Accepted
            | Inbound::Waiting
            | Inbound::Parked
            | Inbound::Quarantined
            | Inbound::Rejected => Ok(Response::Empty),
        }
    }
}
