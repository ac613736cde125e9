//! What goes back to an intermediary: a response that is signed by the house, encrypted where the delivery was, with feedback and, to
//! ProcessDelivery, the document that answers; or a SOAP fault.
//! It never answers what was encrypted in plain text, but for a fault, which says nothing of the message.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;

use super::judge::Exchange;
use crate::transport::osci::fault;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::message::{Control, Message};
use crate::transport::osci::order::Order;
use crate::transport::osci::write::{Profile, WriteFault};
use crate::transport::osci::write_content::{self, NewContainer, NewContent, NewSignature};
use crate::transport::osci_keys::Keys;
use crate::transport::osci_words::{Role, date_time, fresh_id, octets, secrets};
use crate::trust::certificate::Certificate;

/// The document that answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its octets.
    pub document: Bytes,
    /// For whom it is encrypted; `None` where policy lets it go plain.
    pub reader: Option<Certificate>,
    /// When it is signed.
    pub at: Timestamp,
}

/// The body of a response with this feedback.
pub fn body(
    exchange: &Exchange,
    keys: &Keys,
    code: u16,
    reply: Option<&Reply>,
) -> Result<Vec<u8>, WriteFault> {
    let profile = keys.profile(exchange.iv_length);
    let accepts = exchange.kind == Kind::AcceptDelivery;
    // Who answers ProcessDelivery is the originator of what it answers.
    let own = if accepts { Role::Addressee } else { Role::Originator };
    let signature = own.signature(keys.signature());
    let signed_as = signature.id.clone();
    let mut certificates = Vec::new();
    let mut package = None;
    if let Some(reply) = reply {
        certificates.push(own.cipher(keys.cipher()));
        let reader = reply.reader.as_ref().map(|reader| Role::Addressee.cipher(reader));
        let named = reader.as_ref().map(|named| (&named.certificate, named.id.as_str()));
        package = Some(content(reply, keys, &signed_as, named, &profile)?);
        certificates.extend(reader);
    }
    certificates.push(signature);
    let has_id = exchange.reply_id.is_some() && reply.is_some();
    let stamp = |service: &str| (service.to_owned(), "plain".to_owned());
    let message = Message {
        kind: if accepts { Kind::ResponseToAcceptDelivery } else { Kind::ResponseToProcessDelivery },
        control: Control { response: Some(exchange.challenge.clone()), ..Control::default() },
        languages: None,
        stamps: if has_id { vec![stamp("creation"), stamp("reception")] } else { Vec::new() },
        order: Order {
            feedback: vec![fault::feedback(code)],
            message_id: exchange.reply_id.clone().filter(|_| has_id),
            ..Order::default()
        },
        features: None,
        certificates,
        foreign: Vec::new(),
    };
    let signer = (keys.signer(), signed_as.as_str());
    octets(&message, (package.as_deref(), &[]), signer, exchange.reader.as_ref(), &profile)
}

/// The text of what answers: signed by the house, encrypted for the sender of what it answers.
fn content(
    reply: &Reply,
    keys: &Keys,
    signed_as: &str,
    reader: Option<(&Certificate, &str)>,
    profile: &Profile,
) -> Result<String, WriteFault> {
    let (id, content, time) = (fresh_id("container-")?, fresh_id("content-")?, date_time(reply.at));
    let container = NewContainer {
        id: &id,
        contents: vec![NewContent::Inline { id: &content, octets: &reply.document }],
        carried: Vec::new(),
    };
    let signature = NewSignature { signer: keys.signer(), certificate: signed_as, time: Some(&time) };
    let text = write_content::container(&container, &[signature], profile)?;
    match reader {
        Some(reader) => {
            let id = fresh_id("encrypted-")?;
            write_content::encrypted(&id, &text, &[reader], &secrets(profile)?, profile)
        }
        None => Ok(text),
    }
}

/// The HTTP response with this body; the libraries answer everything with 200, faults as well.
pub fn response(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=UTF-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
