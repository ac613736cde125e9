//! Reads a body as it comes in: the document into memory, every further part straight into the spool.
//! Never holds more than one document and one piece of a part; never waits longer than a bound for a slow client.

use std::pin::Pin;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::Sleep;

use super::problem::Problem;
use crate::envelope::{Part, PartnerRef};
use crate::mime::fault::MimeError;
use crate::mime::headers::{Encoding, Headers};
use crate::mime::media::{self, MultipartType};
use crate::mime::reader::{Event, Limits, Reader};
use crate::transport::port::{PartWriter, Spool, SpoolError};

/// What came in.
pub struct Received {
    /// The business document.
    pub document: Bytes,
    /// The media type that the sender claims for it.
    pub content_type: Option<String>,
    /// Further parts, in their order.
    pub parts: Vec<Part>,
    /// SHA-256 of the octets as received, hex.
    pub sha256: String,
    /// Size of the octets as received.
    pub size: u64,
}

/// The bounds of a path.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Largest document in octets.
    pub document: usize,
    /// Largest part in octets.
    pub part: u64,
    /// The longest pause of the client.
    pub patience: Duration,
}

/// The slowest pace, in octets per second, that a client may keep up over a whole body.
const PACE: f64 = 16_384.0;
/// The most parts of a body, the document included.
const PARTS: usize = 64;
/// When the document or a part cannot be stored now, this is when it makes sense to come again.
const AGAIN: Duration = Duration::from_secs(5);

/// What the head of a request says about its body.
pub enum Shape {
    /// One document of this type.
    Document(String),
    /// Several parts.
    Multipart(MultipartType),
}

/// Judges the head: what kind of body it announces, and whether it can be taken at all.
pub fn shape(headers: &HeaderMap, bounds: &Bounds) -> Result<Shape, Problem> {
    let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::MediaType);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else { return Err(Problem::MediaType) };
    let content_type = content_type.to_str().map_err(|_| Problem::MediaType)?;
    if is_document(content_type) {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if announced
            .and_then(|length| length.parse::<u64>().ok())
            .is_some_and(|size| size > bounds.document as u64)
        {
            return Err(Problem::TooLarge);
        }
        return Ok(Shape::Document(content_type.to_owned()));
    }
    match media::boundary_of(content_type) {
        Ok(multipart) => Ok(Shape::Multipart(multipart)),
        Err(MimeError::NotMultipart) => Err(Problem::MediaType),
        Err(_) => Err(Problem::Unreadable("Der Content-Type des Multipart-Rumpfes ist nicht lesbar.")),
    }
}

/// Reads the whole body.
pub async fn receive(
    body: Body,
    shape: Shape,
    bounds: Bounds,
    partner: &PartnerRef,
    spool: &dyn Spool,
) -> Result<Received, Problem> {
    let mut octets = Octets::new(body, bounds.patience);
    let (document, content_type, parts) = match shape {
        Shape::Document(content_type) => {
            let mut document = BytesMut::new();
            while let Some(piece) = octets.next().await? {
                if document.len() + piece.len() > bounds.document {
                    return Err(Problem::TooLarge);
                }
                document.extend_from_slice(&piece);
            }
            (document.freeze(), Some(content_type), Vec::new())
        }
        Shape::Multipart(multipart) => {
            let mut assembly = Assembly::new(&multipart, bounds, partner, spool);
            let mut reader = Reader::new(&multipart.boundary, assembly.limits());
            while let Some(piece) = octets.next().await? {
                for event in reader.feed(&piece).map_err(not_readable)? {
                    assembly.take(event).await?;
                }
            }
            reader.finish().map_err(not_readable)?;
            assembly.whole()?
        }
    };
    if document.is_empty() {
        return Err(Problem::Unreadable("Das Dokument ist leer."));
    }
    let (sha256, size) = octets.finish();
    Ok(Received { document, content_type, parts, sha256, size })
}

/// Reads on a little after a refusal, so that a client that is still sending gets to see the answer.
pub async fn drain(body: Body) {
    let mut left = 1usize << 20;
    let mut octets = body.into_data_stream();
    let read_on = async {
        while let Some(Ok(piece)) = octets.next().await {
            match left.checked_sub(piece.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), read_on).await;
}

/// The octets of a body: hashed, counted, and not slower than they may be.
struct Octets {
    stream: BodyDataStream,
    hash: digest::Context,
    size: u64,
    patience: Duration,
    /// Ends when the whole body came too slowly; what came puts it off.
    deadline: Pin<Box<Sleep>>,
}

impl Octets {
    fn new(body: Body, patience: Duration) -> Octets {
        Octets {
            stream: body.into_data_stream(),
            hash: digest::Context::new(&digest::SHA256),
            size: 0,
            patience,
            deadline: Box::pin(tokio::time::sleep(patience)),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let piece = tokio::select! {
            piece = tokio::time::timeout(self.patience, self.stream.next()) => piece,
            () = &mut self.deadline => return Err(Problem::Slow),
        };
        match piece {
            Err(_) => Err(Problem::Slow),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) => Err(Problem::Unreadable("Der Rumpf der Anfrage brach ab.")),
            Ok(Some(Ok(piece))) => {
                self.hash.update(&piece);
                self.size += piece.len() as u64;
                let earned = Duration::from_secs_f64(piece.len() as f64 / PACE);
                let deadline = self.deadline.deadline() + earned;
                self.deadline.as_mut().reset(deadline);
                Ok(Some(piece))
            }
        }
    }

    fn finish(self) -> (String, u64) {
        (hex::encode(self.hash.finish()), self.size)
    }
}

/// A document that is being read or was read.
struct Document {
    headers: Headers,
    content: BytesMut,
    /// True when it is the document by name; else a later part may turn out to be it.
    named: bool,
}

enum Current {
    Nothing,
    Document(Document),
    Part { writer: Box<dyn PartWriter>, headers: Headers, size: u64 },
}

/// Puts the parts of a multipart body together.
struct Assembly<'a> {
    multipart: &'a MultipartType,
    bounds: Bounds,
    partner: &'a PartnerRef,
    spool: &'a dyn Spool,
    current: Current,
    document: Option<Document>,
    parts: Vec<Part>,
    seen: usize,
    /// The first part was too large for a document, and no part was called so yet.
    first_was_large: bool,
}

impl<'a> Assembly<'a> {
    fn new(
        multipart: &'a MultipartType,
        bounds: Bounds,
        partner: &'a PartnerRef,
        spool: &'a dyn Spool,
    ) -> Self {
        Assembly {
            multipart,
            bounds,
            partner,
            spool,
            current: Current::Nothing,
            document: None,
            parts: Vec::new(),
            seen: 0,
            first_was_large: false,
        }
    }

    fn limits(&self) -> Limits {
        let document = self.bounds.document as u64;
        let parts = self.bounds.part.saturating_mul(PARTS as u64 - 1);
        Limits {
            parts: PARTS,
            body_bytes_total: document.saturating_add(parts).saturating_add(1 << 20),
            part_bytes: self.bounds.part.max(document),
            ..Limits::default()
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Problem> {
        match event {
            Event::PartStart(headers) => self.begin(headers).await,
            Event::Data(octets) => self.data(octets).await,
            Event::PartEnd => self.end().await,
            Event::End => Ok(()),
        }
    }

    async fn begin(&mut self, headers: Headers) -> Result<(), Problem> {
        if headers.encoding() == Encoding::Base64 {
            return Err(Problem::Unreadable("Teile bitte binär senden, nicht als Base64."));
        }
        self.seen += 1;
        let by_start =
            self.multipart.start.as_deref().is_some_and(|start| headers.content_id() == Some(start));
        let named = headers.name() == Some("document") || by_start;
        if named && let Some(earlier) = self.document.take() {
            if earlier.named {
                return Err(Problem::Unreadable("Mehr als ein Teil ist als Dokument benannt."));
            }
            let part = self.spool_whole(earlier).await?;
            self.parts.insert(0, part);
        }
        self.current = if named || self.seen == 1 {
            Current::Document(Document { headers, content: BytesMut::new(), named })
        } else {
            let writer = self.spool.begin(self.partner).await.map_err(not_stored)?;
            Current::Part { writer, headers, size: 0 }
        };
        Ok(())
    }

    async fn data(&mut self, octets: Bytes) -> Result<(), Problem> {
        self.current = match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::Document(mut document)
                if document.content.len() + octets.len() <= self.bounds.document =>
            {
                document.content.extend_from_slice(&octets);
                self.current = Current::Document(document);
                return Ok(());
            }
            Current::Document(document) if document.named => return Err(Problem::TooLarge),
            // A first part too large for a document may still be an attachment before a part named `document`.
            Current::Document(document) => {
                self.first_was_large = true;
                let mut writer = self.spool.begin(self.partner).await.map_err(not_stored)?;
                let size = document.content.len() as u64;
                writer.write(document.content.freeze()).await.map_err(not_stored)?;
                Current::Part { writer, headers: document.headers, size }
            }
            other => other,
        };
        if let Current::Part { writer, size, .. } = &mut self.current {
            *size += octets.len() as u64;
            if *size > self.bounds.part {
                return Err(Problem::TooLarge);
            }
            writer.write(octets).await.map_err(not_stored)?;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Problem> {
        match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::Nothing => {}
            Current::Document(document) => self.document = Some(document),
            Current::Part { writer, headers, .. } => {
                let (name, content_type) = self.labels(&headers);
                self.parts.push(writer.finish(&name, &content_type).await.map_err(not_stored)?);
            }
        }
        Ok(())
    }

    fn whole(self) -> Result<(Bytes, Option<String>, Vec<Part>), Problem> {
        let document = match self.document {
            Some(document) => document,
            None if self.first_was_large => return Err(Problem::TooLarge),
            None => return Err(Problem::Unreadable("Der Multipart-Rumpf enthält kein Dokument.")),
        };
        let content_type = document.headers.content_type().map(str::to_owned);
        if content_type.as_deref().is_some_and(|claimed| !is_document(claimed)) {
            return Err(Problem::MediaType);
        }
        Ok((document.content.freeze(), content_type, self.parts))
    }

    async fn spool_whole(&mut self, document: Document) -> Result<Part, Problem> {
        if document.content.len() as u64 > self.bounds.part {
            return Err(Problem::TooLarge);
        }
        let mut writer = self.spool.begin(self.partner).await.map_err(not_stored)?;
        writer.write(document.content.freeze()).await.map_err(not_stored)?;
        let (name, content_type) = self.labels(&document.headers);
        writer.finish(&name, &content_type).await.map_err(not_stored)
    }

    /// The name and the media type of a part; the name is what the steps find it by.
    fn labels(&self, headers: &Headers) -> (String, String) {
        let name = headers.name().or(headers.content_id()).or(headers.file_name());
        let name = match name {
            Some(name) => name.chars().take(255).collect(),
            None => format!("teil-{}", self.seen),
        };
        (name, headers.content_type().unwrap_or("application/octet-stream").to_owned())
    }
}

/// Whether a media type is one of a business document.
fn is_document(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["application/xml", "text/xml", "application/json"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

fn not_stored(_: SpoolError) -> Problem {
    Problem::Busy(AGAIN)
}

fn not_readable(fault: MimeError) -> Problem {
    match fault {
        MimeError::PartTooLarge | MimeError::BodyTooLarge => Problem::TooLarge,
        MimeError::NoFinal => Problem::Unreadable("Der Multipart-Rumpf ist unvollständig."),
        MimeError::TooManyParts => Problem::Unreadable("Der Multipart-Rumpf hat zu viele Teile."),
        MimeError::Nested => {
            Problem::Unreadable("Ein Teil ist selbst multipart; bitte die Teile nebeneinander senden.")
        }
        _ => Problem::Unreadable("Der Multipart-Rumpf ist nicht lesbar."),
    }
}
