//! A message on its way to its reader: the envelope, then its contents as parts or, where none were asked for, as Base64 in their places.
//! Everything streams; who is still fetching keeps what it has in hand, and what does not open is set aside for a person.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response as Reply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use uuid::Uuid;

use super::account::Account;
use super::answer::of_type;
use super::ids;
use super::no::No;
use super::server::Server;
use crate::clock::Tick;
use crate::envelope::{Envelope, Part, PartnerRef};
use crate::mime::fault::MimeError;
use crate::mime::writer::Writer;
use crate::transport::http::shares::Place;
use crate::transport::permits::Permit;
use crate::transport::port::mailbox::{End, Handed};
use crate::transport::port::{PartReader, SpoolError};
use crate::transport::xta::model::{BoxStatus, Identity, Order, Party, Response, Times};
use crate::transport::xta::names::{Module, Operation};
use crate::transport::xta::out::{Carriage, Stretch};
use crate::transport::xta::package;
use crate::transport::xta::soap::Addressing;
use crate::transport::xta::{values, write};
use crate::transport::xta_words::{Beside, boundary, contents, wire_id};

/// A document goes out in pieces of so many octets; a multiple of three, so that Base64 of it needs no rest.
const PIECE: usize = 48 << 10;

/// A message that was handed out.
pub struct Letter {
    server: Arc<Server>,
    partner: PartnerRef,
    id: Uuid,
    receipt: String,
    lease: Duration,
    response: Response,
    contents: Vec<(String, Octets)>,
    until_taken: (Place, Permit),
}

/// Octets of a content.
enum Octets {
    Here(Bytes),
    Spooled(Part),
}

impl Server {
    /// The letter of something that was handed out.
    pub fn letter(
        self: &Arc<Self>,
        account: &Account,
        (asks, status): (Identity, BoxStatus),
        (handed, first): (Handed, jiff::Timestamp),
        (place, mut permit): (Place, Permit),
    ) -> Letter {
        let Handed { receipt, until, envelope } = handed;
        let Envelope { head, body, parts, .. } = envelope;
        permit.shrink(body.len() as u64);
        let lease =
            Duration::try_from(until.duration_since(self.door.around.clock.now())).unwrap_or_default();
        let at = head.received.to_string();
        let times = Times {
            origin: Some(at.clone()),
            initial_send: Some(at.clone()),
            delivery: Some(at),
            initial_fetch: Some(first.to_string()),
            ..Times::default()
        };
        let (message, test) =
            head.label.as_ref().map_or(("unbekannt", false), |label| (label.message.as_str(), label.test));
        let id = ids::of_order(&self.settings.server, head.id);
        let mut meta = self.meta(&id, (self.house(), Party::of(asks)), (message, test), times);
        meta.sender = Some(self.house());
        // What is answered is an order of the reader's own, by the id that it gave it.
        let answered = head.correlation.filter(|id| id.starts_with("urn:") && values::is_uri(id));
        meta.in_reply_to = answered.into_iter().collect();
        let size = parts.iter().map(|part| part.size).sum::<u64>().saturating_add(body.len() as u64);
        meta.size = Some(size);
        let (container, beside) = contents((body.len(), head.content_type.as_deref()), &parts);
        let octets = |of: Beside<'_>| match of {
            Beside::Document => Octets::Here(body.clone()),
            Beside::Part(part) => Octets::Spooled(part.clone()),
        };
        let contents = beside.into_iter().map(|(id, of)| (id, octets(of))).collect();
        let order = Order { meta: Box::new(meta), container };
        Letter {
            server: self.clone(),
            partner: account.partner.clone(),
            id: head.id,
            receipt,
            lease,
            response: Response::Message { status: Some(status), order: Some(order) },
            contents,
            until_taken: (place, permit),
        }
    }
}

/// Something to be sent.
enum Piece {
    /// As it is.
    Frame(Bytes),
    /// The head of a part.
    Head(Vec<(&'static str, String)>),
    /// A content.
    Content(Octets),
    /// The end of the last part.
    End,
}

impl Letter {
    /// The answer to a request of this operation.
    pub fn answer(self, operation: Operation, addressing: &Addressing, multipart: bool) -> Result<Reply, No> {
        let carriage = if multipart { Carriage::Parts } else { Carriage::Inline };
        let written =
            write::response(Module::Xta211, operation, &self.response, addressing, &wire_id(), carriage)?;
        let ours = |fault: MimeError| {
            tracing::warn!(%fault, "an answer cannot be written");
            No::code(9030)
        };
        let action = written.action.as_deref();
        let mut contents: Vec<(String, Octets)> = self.contents;
        let mut of = |id: &str| {
            let at = contents.iter().position(|(known, _)| known == id);
            at.map(|at| contents.swap_remove(at).1)
        };
        let mut pieces = VecDeque::new();
        let (media_type, writer) = if multipart {
            let boundary = boundary().map_err(ours)?;
            pieces.push_back(Piece::Head(package::root_headers(action).map_err(ours)?.into()));
            let root = written.whole().ok_or(No::code(9030))?;
            pieces.push_back(Piece::Content(Octets::Here(Bytes::from(root.to_owned()))));
            for id in &written.references {
                pieces.push_back(Piece::Head(package::part_headers(id).into()));
                pieces.push_back(Piece::Content(of(id).ok_or(No::code(9030))?));
            }
            pieces.push_back(Piece::End);
            (package::content_type(&boundary, action).map_err(ours)?, Some(Writer::new(&boundary)))
        } else {
            for stretch in written.stretches {
                pieces.push_back(match stretch {
                    Stretch::Xml(xml) => Piece::Frame(xml.into()),
                    Stretch::Base64Of(id) => Piece::Content(of(&id).ok_or(No::code(9030))?),
                });
            }
            (package::plain_type(action).map_err(ours)?, None)
        };
        let sending = Sending {
            server: self.server,
            partner: self.partner,
            id: self.id,
            receipt: self.receipt,
            lease: self.lease,
            pieces,
            writer,
            here: Bytes::new(),
            reader: None,
            rest: Vec::new(),
            held: Tick::now(),
            _until_taken: self.until_taken,
        };
        let stream = futures_util::stream::try_unfold(sending, |mut sending| async move {
            Ok::<_, std::io::Error>(sending.next().await?.map(|piece| (piece, sending)))
        });
        Ok(of_type(&media_type, Body::from_stream(stream)))
    }
}

/// A letter under way.
struct Sending {
    server: Arc<Server>,
    partner: PartnerRef,
    id: Uuid,
    receipt: String,
    lease: Duration,
    pieces: VecDeque<Piece>,
    /// Frames parts; without one, contents are written as Base64.
    writer: Option<Writer>,
    here: Bytes,
    reader: Option<Box<dyn PartReader>>,
    /// Octets that make no whole group of Base64 yet.
    rest: Vec<u8>,
    held: Tick,
    _until_taken: (Place, Permit),
}

impl Sending {
    /// What is to be sent next. An error breaks the answer off: the reader sees that it is not whole, and closes nothing.
    async fn next(&mut self) -> Result<Option<Bytes>, std::io::Error> {
        self.keep().await;
        loop {
            if !self.here.is_empty() {
                let piece = self.here.split_to(PIECE.min(self.here.len()));
                if let Some(piece) = self.content(piece)? {
                    return Ok(Some(piece));
                }
                continue;
            }
            if let Some(reader) = &mut self.reader {
                match reader.read().await {
                    Ok(Some(piece)) => {
                        if let Some(piece) = self.content(piece)? {
                            return Ok(Some(piece));
                        }
                    }
                    Ok(None) => self.reader = None,
                    Err(error) => return Err(self.unsound(&error).await),
                }
                continue;
            }
            if !self.rest.is_empty() {
                return Ok(Some(STANDARD.encode(std::mem::take(&mut self.rest)).into()));
            }
            match self.pieces.pop_front() {
                None => return Ok(None),
                Some(Piece::Frame(octets)) => return Ok(Some(octets)),
                Some(Piece::Head(headers)) => {
                    let headers: Vec<(&str, &str)> =
                        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    if let Some(writer) = &mut self.writer {
                        return writer.start_part(&headers).map(Some).map_err(|_| broken());
                    }
                }
                Some(Piece::Content(Octets::Here(octets))) => self.here = octets,
                Some(Piece::Content(Octets::Spooled(part))) => {
                    match self.server.door.around.spool.open(&self.partner.id, &part).await {
                        Ok(reader) => self.reader = Some(reader),
                        Err(error) => return Err(self.unsound(&error).await),
                    }
                }
                Some(Piece::End) => {
                    if let Some(writer) = self.writer.take() {
                        return Ok(Some(writer.end()));
                    }
                }
            }
        }
    }

    /// A piece of a content as it goes out; `None` where it is too short yet.
    fn content(&mut self, piece: Bytes) -> Result<Option<Bytes>, std::io::Error> {
        if let Some(writer) = &mut self.writer {
            return writer.data(piece).map(Some).map_err(|_| broken());
        }
        self.rest.extend_from_slice(&piece);
        let whole = self.rest.len() / 3 * 3;
        if whole == 0 {
            return Ok(None);
        }
        let encoded = STANDARD.encode(&self.rest[..whole]);
        self.rest.drain(..whole);
        Ok(Some(encoded.into()))
    }

    /// Whoever is still fetching keeps what it has in hand.
    async fn keep(&mut self) {
        if self.held.elapsed() >= self.lease / 3 {
            self.held = Tick::now();
            self.server.door.around.mailboxes.hold(&self.partner, self.id, &self.receipt).await;
        }
    }

    /// What does not open is not offered again and again: a person looks.
    async fn unsound(&mut self, error: &SpoolError) -> std::io::Error {
        if matches!(error, SpoolError::Corrupt(_)) {
            let mailboxes = &self.server.door.around.mailboxes;
            if mailboxes.end(&self.partner, self.id, &self.receipt, End::Broken).await.is_err() {
                tracing::warn!(id = %self.id, "a message whose part does not open is not set aside yet");
            }
        }
        broken()
    }
}

fn broken() -> std::io::Error {
    std::io::Error::other("a part cannot be handed out now")
}
