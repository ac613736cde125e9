//! Reads a body as it comes in: the document into memory, every further part straight into the spool.
//! Never holds an octet of a document before it may, nor more than one document and one piece of a part; never waits longer
//! than a bound for a slow client.

use std::pin::Pin;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::pace::Pace;
use super::problem::Problem;
use super::room::{AGAIN, Means, Room};
use crate::clock::Tick;
use crate::envelope::Part;
use crate::mime::fault::MimeError;
use crate::mime::headers::{Encoding, Headers};
use crate::mime::media::{self, MultipartType};
use crate::mime::reader::{Event, Limits, Reader};
use crate::transport::permits::Permit;
use crate::transport::port::{PartWriter, SpoolError, Stop};

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
    /// The permission to hold the document; given back when the delivery is decided.
    pub room: Room,
}

/// The bounds of a path.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Largest document in octets.
    pub document: usize,
    /// Largest part in octets.
    pub part: u64,
    /// How long the client may keep us waiting; what it sends makes up for it.
    pub patience: Duration,
}

/// How long a body that is still being read may take once the listener is being stopped.
const LAST: Duration = Duration::from_secs(3);
/// The most parts of a body, the document included.
const PARTS: usize = 64;

const EMPTY: Problem = Problem::Unreadable("Das Dokument ist leer.");

/// What the head of a request says about its body.
pub enum Shape {
    /// One document of this type.
    Document(String),
    /// Several parts.
    Multipart(MultipartType),
}

/// Judges the head: what kind of body it announces, and whether it can be taken at all.
pub fn shape(headers: &HeaderMap, bounds: &Bounds) -> Result<Shape, Problem> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let encoding = encodings.next().map(|value| value.as_bytes());
    let strange = encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    if strange || encodings.next().is_some() {
        return Err(Problem::MediaType);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else { return Err(Problem::MediaType) };
    let content_type = content_type.to_str().map_err(|_| Problem::MediaType)?;
    if is_document(content_type) {
        if announced(headers).is_some_and(|size| size > bounds.document as u64) {
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

/// How long the sender says that the body is.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the whole body, of which `announced` octets are to come.
pub async fn receive(
    body: Body,
    shape: Shape,
    announced: Option<u64>,
    bounds: Bounds,
    means: Means<'_>,
) -> Result<Received, Problem> {
    let mut octets = Octets::new(body, bounds.patience, means.stop);
    match read(&mut octets, shape, announced, bounds, means).await {
        Ok((document, content_type, parts, room)) => {
            let (sha256, size) = octets.finish();
            Ok(Received { document, content_type, parts, sha256, size, room })
        }
        Err(problem) => {
            octets.pass_over().await;
            Err(problem)
        }
    }
}

/// The document, its type and the parts beside it, with the room that the document has in memory.
async fn read(
    octets: &mut Octets,
    shape: Shape,
    announced: Option<u64>,
    bounds: Bounds,
    means: Means<'_>,
) -> Result<(Bytes, Option<String>, Vec<Part>, Room), Problem> {
    // Of what is announced for several parts nobody knows how much is the document.
    let announced = announced.filter(|_| matches!(shape, Shape::Document(_)));
    let mut room = Room::ask(announced, bounds.document, bounds.patience, means).await?;
    let (document, content_type, parts) = match shape {
        Shape::Document(content_type) => {
            let mut content = BytesMut::with_capacity(usize::try_from(room.octets).unwrap_or(0));
            while let Some(piece) = octets.next().await? {
                room.hold(&mut content, &piece, means).await?;
            }
            (content.freeze(), Some(media::handed_on(&content_type).to_owned()), Vec::new())
        }
        Shape::Multipart(multipart) => {
            let mut assembly = Assembly::new(&multipart, bounds, means, &mut room);
            let mut reader = Reader::new(&multipart.boundary, assembly.limits());
            while let Some(piece) = octets.next().await? {
                for event in reader.feed(&piece).map_err(not_readable)? {
                    assembly.take(event).await?;
                }
            }
            reader.finish().map_err(not_readable)?;
            assembly.whole().await?
        }
    };
    if document.is_empty() {
        return Err(EMPTY);
    }
    room.shrink(document.len() as u64);
    Ok((document, content_type, parts, room))
}

/// Reads on a little after a refusal, so that a client that is still sending gets to see the answer.
pub async fn drain(body: Body) {
    pass_over(&mut body.into_data_stream()).await;
}

async fn pass_over(octets: &mut BodyDataStream) {
    let mut left = 1usize << 20;
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
pub struct Octets {
    stream: BodyDataStream,
    hash: digest::Context,
    size: u64,
    pace: Pace,
    /// Nothing more is to be had of it.
    ended: bool,
    /// Over when a listener that is being stopped has waited long enough.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Octets {
    /// Those of a body, for as long as its client is not slower than that and the listener runs.
    pub fn new(body: Body, patience: Duration, stop: &Stop) -> Octets {
        let stop = stop.clone();
        Octets {
            stream: body.into_data_stream(),
            hash: digest::Context::new(&digest::SHA256),
            size: 0,
            pace: Pace::new(patience),
            ended: false,
            over: Box::pin(async move {
                stop.cancelled().await;
                tokio::time::sleep(LAST).await;
            }),
        }
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let began = Tick::now();
        let piece = tokio::select! {
            piece = tokio::time::timeout(self.pace.left(), self.stream.next()) => piece,
            () = &mut self.over => {
                self.ended = true;
                return Err(Problem::Busy(AGAIN));
            }
        };
        self.pace.waited(began.elapsed());
        self.ended = !matches!(piece, Ok(Some(Ok(_))));
        match piece {
            Err(_) => Err(Problem::Slow),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) => Err(Problem::Unreadable("Der Rumpf der Anfrage brach ab.")),
            Ok(Some(Ok(piece))) => {
                self.hash.update(&piece);
                self.size += piece.len() as u64;
                self.pace.moved(piece.len());
                Ok(Some(piece))
            }
        }
    }

    /// After a refusal; see [`drain`].
    async fn pass_over(mut self) {
        if !self.ended {
            pass_over(&mut self.stream).await;
        }
    }

    /// Hash in hex and number of what came.
    pub fn finish(self) -> (String, u64) {
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

/// A part whose octets are all written.
pub enum Written {
    /// Not durable yet.
    Open {
        /// What makes it so.
        writer: Box<dyn PartWriter>,
        /// What it is called.
        name: String,
        /// Its media type.
        content_type: String,
        /// That it may be open.
        _permit: Permit,
    },
    /// It is.
    Durable(Part),
}

impl Written {
    /// Makes it durable.
    pub async fn durable(self) -> Result<Part, Problem> {
        match self {
            Written::Durable(part) => Ok(part),
            Written::Open { writer, name, content_type, .. } => {
                writer.finish(&name, &content_type).await.map_err(not_stored)
            }
        }
    }
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
    means: Means<'a>,
    room: &'a mut Room,
    current: Current,
    document: Option<Document>,
    parts: Vec<Written>,
    seen: usize,
    /// The first part was too large for a document, and no part was called so yet.
    first_was_large: bool,
}

impl<'a> Assembly<'a> {
    fn new(multipart: &'a MultipartType, bounds: Bounds, means: Means<'a>, room: &'a mut Room) -> Self {
        Assembly {
            multipart,
            bounds,
            means,
            room,
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
            // As long as it is not named the memory may have to do for a later one: it grows with what comes.
            Current::Document(Document { headers, content: BytesMut::new(), named })
        } else {
            let writer = self.means.spool.begin(self.means.partner).await.map_err(not_stored)?;
            Current::Part { writer, headers, size: 0 }
        };
        Ok(())
    }

    async fn data(&mut self, octets: Bytes) -> Result<(), Problem> {
        self.current = match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::Document(mut document)
                if document.content.len() + octets.len() <= self.bounds.document =>
            {
                self.room.hold(&mut document.content, &octets, self.means).await?;
                self.current = Current::Document(document);
                return Ok(());
            }
            Current::Document(document) if document.named => return Err(Problem::TooLarge),
            // A first part too large for a document may still be an attachment before a part named `document`.
            Current::Document(document) => {
                self.first_was_large = true;
                let mut writer = self.means.spool.begin(self.means.partner).await.map_err(not_stored)?;
                let size = document.content.len() as u64;
                self.room.spool(document.content.len())?;
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
            self.room.spool(octets.len())?;
            writer.write(octets).await.map_err(not_stored)?;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Problem> {
        match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::Nothing => {}
            Current::Document(document) => self.document = Some(document),
            Current::Part { writer, headers, .. } => {
                let part = written(writer, self.labels(&headers), self.means).await?;
                self.parts.push(part);
            }
        }
        Ok(())
    }

    async fn whole(self) -> Result<(Bytes, Option<String>, Vec<Part>), Problem> {
        let document = match self.document {
            Some(document) => document,
            None if self.first_was_large => return Err(Problem::TooLarge),
            None => return Err(Problem::Unreadable("Der Multipart-Rumpf enthält kein Dokument.")),
        };
        let content_type = document.headers.content_type().map(str::to_owned);
        if content_type.as_deref().is_some_and(|claimed| !is_document(claimed)) {
            return Err(Problem::MediaType);
        }
        if document.content.is_empty() {
            return Err(EMPTY);
        }
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            parts.push(part.durable().await?);
        }
        let content_type = content_type.map(|claimed| media::handed_on(&claimed).to_owned());
        Ok((document.content.freeze(), content_type, parts))
    }

    async fn spool_whole(&mut self, document: Document) -> Result<Written, Problem> {
        if document.content.len() as u64 > self.bounds.part {
            return Err(Problem::TooLarge);
        }
        self.room.spool(document.content.len())?;
        let mut writer = self.means.spool.begin(self.means.partner).await.map_err(not_stored)?;
        writer.write(document.content.freeze()).await.map_err(not_stored)?;
        written(writer, self.labels(&document.headers), self.means).await
    }

    /// The name and the media type of a part; the name is what the steps find it by.
    fn labels(&self, headers: &Headers) -> (String, String) {
        let name = headers.name().or(headers.content_id()).or(headers.file_name());
        let name = match name {
            Some(name) => name.chars().take(255).collect(),
            None => format!("teil-{}", self.seen),
        };
        (name, media::handed_on(headers.content_type().unwrap_or_default()).to_owned())
    }
}

/// All octets of a part are there; it becomes durable with the others, or at once where too many are open.
pub async fn written(
    writer: Box<dyn PartWriter>,
    (name, content_type): (String, String),
    means: Means<'_>,
) -> Result<Written, Problem> {
    match means.open_parts.take(&means.partner.id, 1, Duration::ZERO).await {
        Some(permit) => Ok(Written::Open { writer, name, content_type, _permit: permit }),
        None => writer.finish(&name, &content_type).await.map(Written::Durable).map_err(not_stored),
    }
}

/// Whether a media type is one of a business document.
fn is_document(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["application/xml", "text/xml", "application/json"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

/// What a part is answered with that cannot be stored now.
pub fn not_stored(_: SpoolError) -> Problem {
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
