//! From a delivery of the broker to an envelope: partner, transport id, document and parts.
//! Never takes an order from a property or header: they are data, and who the partner is they do not say.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::Body;
use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::AMQPValue;

use super::flow::Flow;
use super::settings::{QueueSettings, RepeatBy};
use super::way;
use crate::envelope::{Envelope, Evidence, Head, How, PartnerRef};
use crate::mime::media;
use crate::telemetry::trace::Traceparent;
use crate::transport::http::body::{self, Bounds, Received, Shape};
use crate::transport::http::problem::Problem;
use crate::transport::http::room::Means;
use crate::transport::http::uploads::Uploads;
use crate::transport::ids::{by_message_id, fresh_id, sha256_hex};
use crate::transport::permits::Permits;
use crate::transport::port::{Credential, Stop, Surroundings};
use crate::transport::turnstile::Turnstile;

/// A delivery as it came, cheap to copy.
#[derive(Clone)]
pub struct Parcel {
    /// Its properties.
    pub properties: BasicProperties,
    /// Its octets.
    pub octets: Bytes,
    /// True when the broker has handed it out before.
    pub redelivered: bool,
}

/// What was found in a parcel.
pub enum Opened {
    /// To be run.
    Deliver(Box<Envelope>),
    /// Cannot be opened: to be kept apart, with the reason.
    Apart(Box<Envelope>, &'static str),
    /// Of nobody, where as many of those as are noted were noted: to be counted and no more.
    Unheard,
}

/// Opens parcels of one queue.
pub struct Opener {
    /// The connection's name.
    pub connection: String,
    /// The queue's entry.
    pub queue: QueueSettings,
    /// What of it is in hand.
    pub flow: Arc<Flow>,
    /// Largest message in octets.
    pub max_body: usize,
    /// Bounds what is noted of strangers, on all queues of the connection.
    pub strangers: Arc<Turnstile<String>>,
    /// The house.
    pub around: Surroundings,
}

/// Largest document, octets: what an envelope may hold.
const DOCUMENT: usize = 8 << 20;

impl Opener {
    /// Opens a parcel; an error is the time after which it makes sense to try again.
    pub async fn open(&self, parcel: &Parcel) -> Result<Opened, Duration> {
        let partner = self.partner(&parcel.properties);
        if partner.is_none() && !self.strangers.pass(origin(&parcel.properties)) {
            return Ok(Opened::Unheard);
        }
        let sha256 = sha256_hex(&parcel.octets);
        let mut envelope = self.envelope(parcel, &sha256, partner.as_ref());
        let Some(partner) = partner else {
            // Nothing of it may be kept; the door denies it and says so.
            return Ok(Opened::Deliver(Box::new(envelope)));
        };
        if parcel.octets.len() > self.max_body {
            return Ok(Opened::Apart(Box::new(envelope), "the message is larger than this connection takes"));
        }
        envelope.body = parcel.octets.clone();
        if let Some(encoding) = parcel.properties.content_encoding()
            && !["", "identity"].iter().any(|known| encoding.as_str().eq_ignore_ascii_case(known))
            // Some libraries write the charset here.
            && !encoding.as_str().eq_ignore_ascii_case("utf-8")
        {
            return Ok(Opened::Apart(
                Box::new(envelope),
                "the message is compressed or encoded; send it as it is",
            ));
        }
        let content_type =
            parcel.properties.content_type().as_ref().map(|written| written.as_str().to_owned());
        let essence = content_type.as_deref().unwrap_or_default().trim_start().to_ascii_lowercase();
        if !essence.starts_with("multipart/") {
            envelope.head.content_type = content_type.map(|written| media::handed_on(&written).to_owned());
            if envelope.body.len() > DOCUMENT {
                envelope.body = Bytes::new();
                return Ok(Opened::Apart(Box::new(envelope), "the document is larger than 8 MiB"));
            }
            return Ok(Opened::Deliver(Box::new(envelope)));
        }
        let unreadable = "the multipart body is not readable";
        let Ok(multipart) = media::boundary_of(&content_type.unwrap_or_default()) else {
            return Ok(Opened::Apart(Box::new(envelope), unreadable));
        };
        let bounds = Bounds {
            document: DOCUMENT.min(self.max_body),
            part: self.max_body as u64,
            patience: Duration::from_secs(60),
        };
        let octets = Body::from(parcel.octets.clone());
        // The octets are in memory already: what they may cost is bounded where they are fetched.
        let (permits, open_parts) = (Permits::new(u64::MAX), Permits::new(16));
        let means = Means {
            partner: &partner,
            spool: self.around.spool.as_ref(),
            permits: &permits,
            open_parts: &open_parts,
            uploads: &Uploads::unbounded(),
            stop: &Stop::new(),
        };
        match body::receive(octets, Shape::Multipart(multipart), None, bounds, means).await {
            Ok(Received { document, content_type, parts, .. }) => {
                envelope.body = document;
                envelope.parts = parts;
                envelope.head.content_type = content_type;
                Ok(Opened::Deliver(Box::new(envelope)))
            }
            Err(Problem::Busy(after)) => Err(after),
            Err(Problem::TooLarge) => {
                envelope.body = Bytes::new();
                Ok(Opened::Apart(Box::new(envelope), "the document is larger than 8 MiB"))
            }
            Err(Problem::MediaType) => Ok(Opened::Apart(
                Box::new(envelope),
                "the document of the multipart body is neither XML nor JSON",
            )),
            Err(_) => Ok(Opened::Apart(Box::new(envelope), unreadable)),
        }
    }

    /// The partner by the entry of the queue, or by the user that the broker checked.
    pub fn partner(&self, properties: &BasicProperties) -> Option<PartnerRef> {
        let by_broker = |id: &str| Some(PartnerRef { id: id.to_owned(), how: How::Broker });
        if let Some(partner) = &self.queue.partner {
            return by_broker(partner);
        }
        let shown = format!("{}/{}", self.connection, properties.user_id().as_ref()?.as_str());
        let (admission, now) = (self.around.doors.admission(), self.around.clock.now());
        let mut owners = admission.entries.iter().filter(|entry| {
            let fits = matches!(&entry.credential, Credential::BrokerUser(known)
                if verify_slices_are_equal(known.as_bytes(), shown.as_bytes()).is_ok());
            fits && entry.from.is_none_or(|from| from <= now) && entry.to.is_none_or(|to| now < to)
        });
        let owner = owners.next()?;
        owners.all(|other| other.partner == owner.partner).then_some(())?;
        by_broker(&owner.partner)
    }

    fn envelope(&self, parcel: &Parcel, sha256: &str, partner: Option<&PartnerRef>) -> Envelope {
        let now = self.around.clock.now();
        let id = fresh_id(now);
        let properties = &parcel.properties;
        let message_id =
            properties.message_id().as_ref().map(|written| written.as_str()).filter(|text| !text.is_empty());
        let correlation = properties
            .correlation_id()
            .as_ref()
            .map(|written| written.as_str())
            .filter(|text| !text.is_empty());
        let reply_to = properties.reply_to().as_ref().map(|written| written.as_str());
        let reply_to = reply_to.filter(|text| !text.is_empty());
        // A redelivery has the same properties and octets, so it has the same id.
        let transport_id = match (partner, message_id) {
            // Its own: who is not known occupies no key.
            (None, _) => id.to_string(),
            (Some(partner), Some(message_id)) if self.queue.repeat_by == RepeatBy::MessageId => {
                by_message_id(&partner.id, message_id)
            }
            (Some(partner), _) => format!("{}:{sha256}", partner.id),
        };
        let mut protocol_ids = vec![("amqp.queue".to_owned(), self.queue.name().to_owned())];
        if let (Some(message_id), Some(_)) = (message_id, partner) {
            protocol_ids.push(("amqp.message-id".to_owned(), message_id.to_owned()));
        }
        if parcel.redelivered {
            protocol_ids.push(("amqp.redelivered".to_owned(), "true".to_owned()));
        }
        let verification = match (partner, self.queue.partner.is_some()) {
            (None, _) => "none".to_owned(),
            (Some(_), true) => "queue".to_owned(),
            (Some(_), false) => "broker-user".to_owned(),
        };
        Envelope {
            head: Head {
                correlation: way::pack(&self.connection, reply_to, correlation.or(message_id)),
                partner: partner.cloned(),
                traceparent: traceparent(properties),
                // The partner's `answers-by` says where answers go; what the sender names is only looked at there.
                ..Head::came(
                    (id, now),
                    &self.connection,
                    format!("amqp {}", self.queue.binding),
                    transport_id,
                )
            },
            body: Bytes::new(),
            parts: Vec::new(),
            evidence: Evidence {
                octets_sha256: sha256.to_owned(),
                size: parcel.octets.len() as u64,
                verification,
                protocol_ids,
                ..Evidence::default()
            },
        }
    }
}

/// What tells strangers apart: the user that the broker checked, where one is named.
fn origin(properties: &BasicProperties) -> String {
    properties.user_id().as_ref().map(|user| user.as_str().to_owned()).unwrap_or_default()
}

/// The trace context in the headers, if it is well-formed; another one is not worth a refusal.
fn traceparent(properties: &BasicProperties) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get("traceparent")?;
    let text = match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok()?.to_owned(),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        _ => return None,
    };
    Traceparent::parse(&text).map(|_| text)
}
