//! Fetches one message: the envelope into memory, then the document into memory and every attachment straight into the spool, within bounds.
//! What came whole and cannot be opened is kept as it came, because it is closed then; what did not come whole is no message.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};
use reqwest::{Body, Response as Reply, StatusCode};

use super::ask::same;
use super::link::{Link, form};
use super::trouble::Trouble;
use crate::envelope::{Part, PartnerRef};
use crate::transport::http::pace::Pace;
use crate::transport::port::{PartWriter, Spool, SpoolError};
use crate::transport::xta::binding::Form;
use crate::transport::xta::model::{
    Container, Content, MetaData, MsgPart, Order, Party, Request, Response, Selection, Source,
};
use crate::transport::xta::names::Operation;
use crate::transport::xta::package::{Limits, Package, PackageFault, Step};
use crate::transport::xta::parts::{self, PartFault, Sizes};
use crate::transport::xta_words::labels;

/// Octets of an envelope, also of one with contents in it.
const ROOT: usize = 16 << 20;
/// Octets of a business document.
const DOCUMENT: usize = 8 << 20;
/// The most parts of an answer, the envelope included; contents within the envelope count as parts.
const PARTS: usize = 256;
/// So much is written into the spool at a time.
const PIECE: usize = 256 << 10;

/// A message that is here as a whole.
pub struct Whole {
    /// What is said of it.
    pub meta: Box<MetaData>,
    /// The id of the exchange, by which it is closed.
    pub request_id: Option<String>,
    /// Its document; where it cannot be opened, what there is of it.
    pub document: Bytes,
    /// The media type that its author claims.
    pub content_type: Option<String>,
    /// Its attachments, durable.
    pub parts: Vec<Part>,
    /// SHA-256 of the answer as it came, hex.
    pub sha256: String,
    /// Its octets.
    pub size: u64,
    /// Why it cannot be opened.
    pub apart: Option<&'static str>,
}

/// For whom and into what it is fetched.
#[derive(Clone, Copy)]
pub struct To<'a> {
    /// The identity whose mailbox it lies in.
    pub reader: &'a Party,
    /// Whose delivery it is.
    pub partner: &'a PartnerRef,
    /// Where its parts go.
    pub spool: &'a dyn Spool,
}

/// Fetches the message of an id.
pub async fn fetch(link: &Link, id: &str, to: To<'_>) -> Result<Whole, Trouble> {
    let request = Request::GetMessage(Selection::one(id), MsgPart::Envelope);
    let (asked, body) = link.envelope(&request, Some(to.reader))?;
    let length = body.len() as u64;
    let posting = link.post(&asked, Body::from(body), length);
    let answered = tokio::time::timeout(link.settings.timeout.0, posting).await;
    let (reply, after) = answered.map_err(|_| Trouble::Lost("no answer in time"))??;
    let mut intake = Intake {
        link,
        to,
        most: link.settings.container(),
        total: 0,
        sha256: digest::Context::new(&digest::SHA256),
        size: 0,
        held: HashMap::new(),
        measured: Vec::new(),
        document: None,
        order: None,
        root: Bytes::new(),
        contents: 0,
        pace: link.pace(),
        answered: (reply.status(), after),
    };
    match form(&reply, after)? {
        Form::Plain => intake.alone(reply).await?,
        Form::Multipart { boundary, start } => {
            let limits = Limits {
                root: ROOT,
                part: intake.most,
                total: intake.most.saturating_add(2 * ROOT as u64),
                parts: PARTS,
            };
            intake.beside(reply, Package::new(&boundary, start.as_deref(), &limits)).await?;
        }
    }
    intake.whole(id).await
}

/// A part that is whole.
enum Held {
    Here(Bytes),
    Part(Part),
}

/// Where the octets of a part go.
enum Current {
    Nobody,
    Here(BytesMut),
    Spooled(Box<dyn PartWriter>),
}

struct Intake<'a> {
    link: &'a Link,
    to: To<'a>,
    most: u64,
    total: u64,
    sha256: digest::Context,
    size: u64,
    held: HashMap<String, Held>,
    measured: Vec<parts::Part>,
    /// The Content-ID of the document, once the envelope was read.
    document: Option<String>,
    order: Option<(Option<String>, Order)>,
    root: Bytes,
    /// How many contents it has so far: those in the envelope, and the parts that have begun beside it.
    contents: usize,
    pace: Pace,
    /// With which status, and when the server wants to be asked again.
    answered: (StatusCode, Option<Duration>),
}

fn too_many() -> Trouble {
    Trouble::Unreadable(format!("more than {} contents", PARTS - 1))
}

fn unreadable(fault: PackageFault) -> Trouble {
    Trouble::Unreadable(fault.to_string())
}

fn not_stored(error: SpoolError) -> Trouble {
    Trouble::Spool(error)
}

impl Intake<'_> {
    async fn piece(&mut self, reply: &mut Reply) -> Result<Option<Bytes>, Trouble> {
        let piece = self.link.piece(reply, &mut self.pace).await?;
        if let Some(piece) = &piece {
            self.sha256.update(piece);
            self.size += piece.len() as u64;
        }
        Ok(piece)
    }

    async fn alone(&mut self, mut reply: Reply) -> Result<(), Trouble> {
        let mut octets = BytesMut::new();
        while let Some(piece) = self.piece(&mut reply).await? {
            if octets.len() + piece.len() > ROOT {
                return Err(Trouble::Unreadable("larger than 16 MiB without parts beside it".to_owned()));
            }
            octets.extend_from_slice(&piece);
        }
        self.read(octets.freeze())
    }

    async fn beside(&mut self, mut reply: Reply, mut package: Package) -> Result<(), Trouble> {
        let mut current = Current::Nobody;
        let mut name: Option<String> = None;
        while let Some(piece) = self.piece(&mut reply).await? {
            for step in package.feed(&piece).map_err(unreadable)? {
                match step {
                    Step::Root { octets, .. } => self.read(octets)?,
                    Step::Begin(id) => {
                        self.counts(usize::from(id.is_some()))?;
                        current = match &id {
                            None => Current::Nobody,
                            Some(id) if self.document.as_ref() == Some(id) => Current::Here(BytesMut::new()),
                            Some(_) => Current::Spooled(self.begin().await?),
                        };
                        name = id;
                    }
                    Step::Data(octets) => current = self.data(current, octets).await?,
                    Step::End(part) => {
                        let whole = std::mem::replace(&mut current, Current::Nobody);
                        self.end(whole, name.take(), part).await?;
                    }
                    Step::Whole => {}
                }
            }
        }
        package.finish().map_err(unreadable)
    }

    /// Reads the envelope: from then on it is known which part is the document.
    fn read(&mut self, root: Bytes) -> Result<(), Trouble> {
        let response = self.link.read(root.clone(), Operation::GetMessage, self.answered)?;
        let Response::Message { status, order: Some(order) } = response else {
            return Err(Trouble::Unreadable("an answer to something else".to_owned()));
        };
        let inside = |content: &&Content| matches!(content.source, Source::Inline(_));
        // Before anything is laid down for it.
        self.counts(order.container.contents().filter(inside).count())?;
        if order.container.contents().count() >= PARTS {
            return Err(too_many());
        }
        if let Container::Open { message: Some(Content { source: Source::Part(id), .. }), .. } =
            &order.container
        {
            self.document = Some(id.clone());
        }
        self.order = Some((status.and_then(|status| status.request_id), order));
        self.root = root;
        Ok(())
    }

    /// So many more contents: those in the envelope and those beside it have one bound together.
    fn counts(&mut self, more: usize) -> Result<(), Trouble> {
        self.contents += more;
        match self.contents >= PARTS {
            true => Err(too_many()),
            false => Ok(()),
        }
    }

    async fn begin(&self) -> Result<Box<dyn PartWriter>, Trouble> {
        self.to.spool.begin(self.to.partner).await.map_err(not_stored)
    }

    async fn data(&mut self, current: Current, octets: Bytes) -> Result<Current, Trouble> {
        self.total += octets.len() as u64;
        if self.total > self.most {
            return Err(Trouble::Unreadable("larger than this connection takes (max-content)".to_owned()));
        }
        Ok(match current {
            Current::Nobody => Current::Nobody,
            Current::Here(mut here) if here.len() + octets.len() <= DOCUMENT => {
                here.extend_from_slice(&octets);
                Current::Here(here)
            }
            // Too large for a document: kept as it is, for a person.
            Current::Here(here) => {
                let mut writer = self.begin().await?;
                self.write(&mut writer, here.freeze()).await?;
                self.write(&mut writer, octets).await?;
                Current::Spooled(writer)
            }
            Current::Spooled(mut writer) => {
                self.write(&mut writer, octets).await?;
                Current::Spooled(writer)
            }
        })
    }

    async fn write(&self, writer: &mut Box<dyn PartWriter>, mut octets: Bytes) -> Result<(), Trouble> {
        while !octets.is_empty() {
            let piece = octets.split_to(PIECE.min(octets.len()));
            writer.write(piece).await.map_err(not_stored)?;
        }
        Ok(())
    }

    async fn end(
        &mut self,
        whole: Current,
        name: Option<String>,
        measured: Option<parts::Part>,
    ) -> Result<(), Trouble> {
        let held = match whole {
            Current::Nobody => return Ok(()),
            Current::Here(octets) => Held::Here(octets.freeze()),
            Current::Spooled(writer) => {
                let (name, content_type) = self.labels(name.as_deref());
                Held::Part(writer.finish(&name, &content_type).await.map_err(not_stored)?)
            }
        };
        if let (Some(name), Some(measured)) = (name, measured) {
            self.held.insert(name, held);
            self.measured.push(measured);
        }
        Ok(())
    }

    /// What a part is called, as far as the envelope is there to tell.
    fn labels(&self, id: Option<&str>) -> (String, String) {
        let order = self.order.as_ref().map(|(_, order)| order);
        let contents = order.into_iter().flat_map(|order| order.container.contents()).enumerate();
        let is =
            |content: &Content| matches!(&content.source, Source::Part(known) if Some(known.as_str()) == id);
        let found = contents.into_iter().find(|(_, content)| is(content));
        // Of an early part nobody knows; small JSON among them is kept at hand.
        found.map_or_else(
            || ("teil".to_owned(), "application/json".to_owned()),
            |(at, content)| labels(content, at.saturating_sub(1)),
        )
    }

    /// All of it is here: it is put together, and what does not fit is said.
    async fn whole(mut self, id: &str) -> Result<Whole, Trouble> {
        let (request_id, order) =
            self.order.take().ok_or_else(|| Trouble::Unreadable("no envelope".to_owned()))?;
        if !same(&order.meta.message_id, id) {
            return Err(Trouble::Unreadable("another message than the one that was asked for".to_owned()));
        }
        let mut apart = None;
        let sizes = Sizes { message: u64::MAX, container: self.most };
        match parts::resolve(&order.container, &self.measured, &sizes) {
            Ok(_) => {}
            Err(fault @ (PartFault::Missing | PartFault::TooLarge | PartFault::MessageTooLarge)) => {
                return Err(Trouble::Unreadable(fault.to_string()));
            }
            Err(PartFault::Size) => apart = Some("a content has another size than is said"),
            Err(PartFault::Twice) => apart = Some("a content is base64 once more"),
        }
        let mut parts = Vec::new();
        let mut document = Bytes::new();
        let mut content_type = None;
        for (at, content) in order.container.contents().enumerate() {
            let held = match &content.source {
                Source::Inline(octets) => Held::Here(octets.clone()),
                Source::Part(id) => {
                    self.held.remove(id).ok_or_else(|| Trouble::Unreadable("a part is missing".to_owned()))?
                }
            };
            if at == 0 {
                content_type.clone_from(&content.content_type);
                match self.document(held).await? {
                    Held::Here(octets) => document = octets,
                    Held::Part(part) => {
                        apart = Some("the document is larger than 8 MiB");
                        parts.push(part);
                    }
                }
                continue;
            }
            parts.push(self.attachment(content, at - 1, held).await?);
        }
        if let Container::Closed(_) = &order.container {
            apart = Some("contents encrypted from end to end cannot be read here");
            parts.extend(self.held.drain().filter_map(|(_, held)| match held {
                Held::Part(part) => Some(part),
                Held::Here(_) => None,
            }));
        } else if document.is_empty() && apart.is_none() {
            apart = Some("the message is empty");
        }
        if apart.is_some() && document.is_empty() {
            // What there is of it: the envelope as it came.
            content_type = Some("application/soap+xml".to_owned());
            match self.root.len() <= DOCUMENT {
                true => document = self.root.clone(),
                false => {
                    let mut writer = self.begin().await?;
                    self.write(&mut writer, self.root.clone()).await?;
                    let envelope = writer.finish("umschlag", "application/soap+xml").await;
                    parts.push(envelope.map_err(not_stored)?);
                }
            }
        }
        let sha256 = hex::encode(self.sha256.finish());
        let meta = order.meta;
        Ok(Whole { meta, request_id, document, content_type, parts, sha256, size: self.size, apart })
    }

    /// The document at hand, also where its part came before anybody knew that it is it.
    async fn document(&self, held: Held) -> Result<Held, Trouble> {
        let octets = match held {
            Held::Part(part) if part.size <= DOCUMENT as u64 => {
                let opened = self.to.spool.open(&self.to.partner.id, &part).await;
                let mut reader = opened.map_err(not_stored)?;
                let mut octets = BytesMut::new();
                while let Some(piece) = reader.read().await.map_err(not_stored)? {
                    octets.extend_from_slice(&piece);
                }
                octets.freeze()
            }
            Held::Here(octets) if octets.len() > DOCUMENT => {
                let mut writer = self.begin().await?;
                self.write(&mut writer, octets).await?;
                let part = writer.finish("nachricht", "application/octet-stream").await;
                return part.map(Held::Part).map_err(not_stored);
            }
            Held::Here(octets) => octets,
            large => return Ok(large),
        };
        Ok(Held::Here(octets))
    }

    async fn attachment(&self, content: &Content, at: usize, held: Held) -> Result<Part, Trouble> {
        let (name, content_type) = labels(content, at);
        match held {
            Held::Here(octets) => {
                let mut writer = self.begin().await?;
                self.write(&mut writer, octets).await?;
                writer.finish(&name, &content_type).await.map_err(not_stored)
            }
            Held::Part(part) => {
                let small = part.small.filter(|_| crate::envelope::is_json(&content_type));
                Ok(Part { name, content_type, small, ..part })
            }
        }
    }
}
