//! Takes a request in as it comes: the envelope into memory, judged as soon as it is whole, then the business document into memory and every
//! attachment straight into the spool. Nothing that is refused leaves anything behind; an early part, of which nobody knows yet whose it
//! is, counts like any other.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::no::No;
use crate::envelope::Part;
use crate::mime::media::Boundary;
use crate::transport::http::body::{Octets, Written, not_stored, written};
use crate::transport::http::room::{Means, Room};
use crate::transport::port::PartWriter;
use crate::transport::xta::binding::{self, Form};
use crate::transport::xta::model::{Container, Content, Request, Source};
use crate::transport::xta::names::{Module, Operation};
use crate::transport::xta::package::{Limits, Package, PackageFault, Step};
use crate::transport::xta::parts::{self, Sizes};
use crate::transport::xta::receive::{self, Incoming, Rules};
use crate::transport::xta::soap::Addressing;
use crate::transport::xta_words::{MOST_PARTS, labels};

/// Octets of an envelope that comes alone: a document of the largest size in it as Base64, and some more.
pub const ALONE: usize = 16 << 20;
/// Octets of an envelope with parts beside it.
const ROOT: usize = 2 << 20;
/// Octets of a business document.
pub const DOCUMENT: usize = 8 << 20;
/// So much is written into the spool at a time.
const PIECE: usize = 256 << 10;

/// What is known of a request: all that its answer needs.
#[derive(Debug, Default)]
pub struct Said {
    /// Module and operation.
    pub operation: Option<(Module, Operation)>,
    /// The action as it came.
    pub action: Option<String>,
    /// The addressing.
    pub addressing: Addressing,
}

/// What may be kept of an order.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Octets of the document.
    pub document: usize,
    /// Octets of an attachment.
    pub part: u64,
}

/// A request that was taken in.
pub struct Taken {
    /// What it says.
    pub incoming: Incoming,
    /// The business document of an order.
    pub document: Bytes,
    /// Its attachments, durable.
    pub parts: Vec<Part>,
}

/// How a request is taken in.
pub struct Terms<'a> {
    /// The form of its body.
    pub form: &'a Form,
    /// The actions that its head names.
    pub actions: Vec<String>,
    /// How its envelope is read.
    pub strict: bool,
    /// Octets of all contents of an order.
    pub container: u64,
    /// What is needed to read it.
    pub means: Means<'a>,
}

/// The permission to hold a request, asked for before it is read: what its envelope takes as text and taken apart, and its document.
pub async fn room(
    form: &Form,
    announced: Option<u64>,
    patience: Duration,
    means: Means<'_>,
) -> Result<Room, No> {
    let (times, most) = match form {
        Form::Plain => (3, 3 * ALONE),
        Form::Multipart { .. } => (2, 2 * ROOT + DOCUMENT),
    };
    let asked = announced.map_or(most as u64, |octets| octets.saturating_mul(times));
    Ok(Room::ask(Some(asked), most, patience, means).await?)
}

/// Takes a request in. `judge` hears it as soon as its envelope is whole, and says what may be kept of its contents.
pub async fn receive(
    octets: &mut Octets,
    room: &mut Room,
    said: &mut Said,
    terms: Terms<'_>,
    judge: impl FnOnce(&Incoming) -> Result<Option<Keep>, No>,
) -> Result<Taken, No> {
    match terms.form {
        Form::Plain => alone(octets, room, said, terms, judge).await,
        Form::Multipart { boundary, start } => {
            beside(octets, room, said, (boundary, start.as_deref()), &terms, judge).await
        }
    }
}

/// Reads an envelope, and remembers what its answer needs, whatever comes of it.
fn read(envelope: Bytes, actions: &[String], strict: bool, said: &mut Said) -> Result<Incoming, No> {
    let rules = Rules { strict, envelope: ALONE };
    match receive::request(envelope, actions, &rules) {
        Ok(incoming) => {
            said.operation = Some((incoming.module, incoming.operation));
            said.action = Some(incoming.action.clone());
            said.addressing = incoming.addressing.clone();
            Ok(incoming)
        }
        Err(refused) => {
            said.operation = refused.operation.or(said.operation);
            said.action = refused.action.or(said.action.take());
            said.addressing = refused.addressing;
            Err(refused.fault.into())
        }
    }
}

/// What stands in the contents of an order; `None` of another request.
fn container(request: &Request) -> Option<&Container> {
    match request {
        Request::SendMessage(order) | Request::SendMessageSync(order) | Request::DeliverMessage(order) => {
            Some(&order.container)
        }
        _ => None,
    }
}

/// How many contents stand in an envelope, if all together are no more than an order may have, `parts` so far included: before anything of
/// them is written.
fn few(request: &Request, parts: usize) -> Result<usize, No> {
    let sources: Vec<&Source> = container(request)
        .iter()
        .flat_map(|container| container.contents())
        .map(|content| &content.source)
        .collect();
    let within = sources.iter().filter(|source| matches!(source, Source::Inline(_))).count();
    match sources.len() < MOST_PARTS && within + parts <= MOST_PARTS {
        true => Ok(within),
        false => Err(too_many()),
    }
}

/// One part is the envelope: an order has one content less than [`MOST_PARTS`].
fn too_many() -> No {
    No::because(9022, "too many contents; an order has at most 63, within the envelope and beside it")
}

async fn alone(
    octets: &mut Octets,
    room: &mut Room,
    said: &mut Said,
    terms: Terms<'_>,
    judge: impl FnOnce(&Incoming) -> Result<Option<Keep>, No>,
) -> Result<Taken, No> {
    let mut envelope = BytesMut::new();
    while let Some(piece) = octets.next().await? {
        if envelope.len() + piece.len() > ALONE {
            return Err(No::because(9023, "envelope too large; send contents as parts beside it"));
        }
        envelope.extend_from_slice(&piece);
    }
    let incoming = read(envelope.freeze(), &terms.actions, terms.strict, said)?;
    few(&incoming.request, 1)?;
    let keep = judge(&incoming)?;
    let (document, attachments) = match (keep, container(&incoming.request)) {
        (Some(keep), Some(container)) => inline(container, keep, &terms, room, said).await?,
        _ => (Bytes::new(), Vec::new()),
    };
    Ok(Taken { incoming, document, parts: attachments })
}

/// Contents that stand in the envelope.
async fn inline(
    container: &Container,
    keep: Keep,
    terms: &Terms<'_>,
    room: &mut Room,
    said: &Said,
) -> Result<(Bytes, Vec<Part>), No> {
    fit(container, &[], keep, terms.container, said)?;
    let mut contents = container.contents();
    let document = contents.next().map(|content| content.source.clone());
    let Some(Source::Inline(document)) = document else { return Err(No::code(9050)) };
    let mut open = Vec::new();
    for (at, content) in contents.enumerate() {
        let Source::Inline(octets) = &content.source else { return Err(No::code(9050)) };
        let mut writer = begin(terms.means).await?;
        if octets.len() as u64 > keep.part {
            return Err(No::code(9023));
        }
        let mut left = octets.clone();
        while !left.is_empty() {
            let piece = left.split_to(PIECE.min(left.len()));
            room.spool(piece.len())?;
            writer.write(piece).await.map_err(|error| No::from(not_stored(error)))?;
        }
        open.push(written(writer, labels(content, at), terms.means).await?);
    }
    let mut attachments = Vec::with_capacity(open.len());
    for part in open {
        attachments.push(part.durable().await?);
    }
    Ok((document, attachments))
}

/// Whether contents and parts belong together and are no larger than they may be.
fn fit(container: &Container, parts: &[parts::Part], keep: Keep, most: u64, said: &Said) -> Result<(), No> {
    let sizes = Sizes { message: keep.document as u64, container: most };
    let (module, operation) = said.operation.unwrap_or((Module::Xta211, Operation::SendMessage));
    parts::resolve(container, parts, &sizes).map_err(|fault| fault.fault(module, operation))?;
    Ok(())
}

async fn begin(means: Means<'_>) -> Result<Box<dyn PartWriter>, No> {
    means.spool.begin(means.partner).await.map_err(|error| not_stored(error).into())
}

/// Whose a part is.
enum Role {
    Document,
    Attachment(String, String),
}

/// Where the octets of a part go.
enum Current {
    /// Nobody asked for it.
    Nobody,
    Document(BytesMut),
    Spooled {
        writer: Box<dyn PartWriter>,
        labels: (String, String),
        size: u64,
    },
}

/// A part that is whole.
enum Held {
    Document(Bytes),
    Part(Written),
}

struct Assembly<'a> {
    means: Means<'a>,
    room: &'a mut Room,
    most: u64,
    total: u64,
    /// Known when the envelope is whole; `None` within: nothing of the parts is kept.
    roles: Option<Option<(Keep, HashMap<String, Role>)>>,
    current: Current,
    held: HashMap<String, Held>,
    measured: Vec<parts::Part>,
    /// Parts so far, the envelope included.
    parts: usize,
    /// Contents that stand in the envelope: they count like parts.
    within: usize,
}

impl Assembly<'_> {
    async fn begin(&mut self, id: Option<&str>) -> Result<(), No> {
        self.parts += 1;
        if self.parts + self.within > MOST_PARTS {
            return Err(too_many());
        }
        let role = id.and_then(|id| match &self.roles {
            // Of an early part nobody knows whose it is; small JSON among them is kept at hand.
            None => Some((String::new(), "application/json".to_owned())),
            Some(Some((_, roles))) => match roles.get(id)? {
                Role::Document => None,
                Role::Attachment(name, media_type) => Some((name.clone(), media_type.clone())),
            },
            Some(None) => None,
        });
        let is_document = match (&self.roles, id) {
            (Some(Some((_, roles))), Some(id)) => matches!(roles.get(id), Some(Role::Document)),
            _ => false,
        };
        self.current = match role {
            Some(labels) => Current::Spooled { writer: begin(self.means).await?, labels, size: 0 },
            None if is_document => Current::Document(BytesMut::new()),
            None => Current::Nobody,
        };
        Ok(())
    }

    async fn data(&mut self, piece: Bytes) -> Result<(), No> {
        let keep = self.roles.as_ref().and_then(|roles| roles.as_ref()).map(|(keep, _)| *keep);
        match &mut self.current {
            Current::Nobody => {}
            Current::Document(document) => {
                self.total += piece.len() as u64;
                let most = keep.map_or(0, |keep| keep.document);
                if document.len() + piece.len() > most || self.total > self.most {
                    return Err(No::code(9023));
                }
                document.extend_from_slice(&piece);
            }
            Current::Spooled { writer, size, .. } => {
                self.total += piece.len() as u64;
                *size += piece.len() as u64;
                if *size > keep.map_or(self.most, |keep| keep.part) || self.total > self.most {
                    return Err(No::code(9023));
                }
                self.room.spool(piece.len())?;
                writer.write(piece).await.map_err(|error| No::from(not_stored(error)))?;
            }
        }
        Ok(())
    }

    async fn end(&mut self, part: Option<parts::Part>) -> Result<(), No> {
        let held = match std::mem::replace(&mut self.current, Current::Nobody) {
            Current::Nobody => return Ok(()),
            Current::Document(document) => Held::Document(document.freeze()),
            Current::Spooled { writer, labels, .. } => Held::Part(written(writer, labels, self.means).await?),
        };
        if let Some(part) = part {
            self.held.insert(part.id.clone(), held);
            self.measured.push(part);
        }
        Ok(())
    }

    /// The octets of a content, as the business document.
    async fn document(&mut self, source: &Source, keep: Keep) -> Result<Bytes, No> {
        match source {
            Source::Inline(octets) => Ok(octets.clone()),
            Source::Part(id) => match self.held.remove(id) {
                Some(Held::Document(document)) => Ok(document),
                Some(Held::Part(early)) => {
                    let early = early.durable().await?;
                    read_back(self.means, &early, keep.document).await
                }
                None => Err(No::sender("a reference has no part beside the envelope")),
            },
        }
    }

    /// The octets of a content, as an attachment.
    async fn attachment(&mut self, content: &Content, at: usize) -> Result<Part, No> {
        let (name, content_type) = labels(content, at);
        match &content.source {
            Source::Inline(octets) => {
                let mut writer = begin(self.means).await?;
                let mut left = octets.clone();
                while !left.is_empty() {
                    let piece = left.split_to(PIECE.min(left.len()));
                    self.room.spool(piece.len())?;
                    writer.write(piece).await.map_err(|error| No::from(not_stored(error)))?;
                }
                Ok(written(writer, (name, content_type), self.means).await?.durable().await?)
            }
            Source::Part(id) => match self.held.remove(id) {
                Some(Held::Part(part)) => {
                    let part = part.durable().await?;
                    let small = part.small.filter(|_| crate::envelope::is_json(&content_type));
                    Ok(Part { name, content_type, small, ..part })
                }
                Some(Held::Document(_)) | None => {
                    Err(No::sender("a reference has no part beside the envelope"))
                }
            },
        }
    }
}

/// A part that was laid down before it was known to be the document.
async fn read_back(means: Means<'_>, part: &Part, most: usize) -> Result<Bytes, No> {
    if part.size > most as u64 {
        return Err(No::code(9023));
    }
    let mut reader =
        means.spool.open(&means.partner.id, part).await.map_err(|error| No::from(not_stored(error)))?;
    let mut octets = BytesMut::new();
    while let Some(piece) = reader.read().await.map_err(|error| No::from(not_stored(error)))? {
        octets.extend_from_slice(&piece);
    }
    Ok(octets.freeze())
}

async fn beside(
    octets: &mut Octets,
    room: &mut Room,
    said: &mut Said,
    (boundary, start): (&Boundary, Option<&str>),
    terms: &Terms<'_>,
    judge: impl FnOnce(&Incoming) -> Result<Option<Keep>, No>,
) -> Result<Taken, No> {
    let limits = Limits {
        root: ROOT,
        part: terms.container,
        total: terms.container.saturating_add(2 * ROOT as u64),
        parts: MOST_PARTS,
    };
    let mut package = Package::new(boundary, start, &limits);
    let mut assembly = Assembly {
        means: terms.means,
        room,
        most: terms.container,
        total: 0,
        roles: None,
        current: Current::Nobody,
        held: HashMap::new(),
        measured: Vec::new(),
        parts: 1,
        within: 0,
    };
    let mut judge = Some(judge);
    let mut incoming: Option<Incoming> = None;
    let ill = |fault: PackageFault, said: &Said| No::from(fault.fault(said.operation));
    while let Some(piece) = octets.next().await? {
        for step in package.feed(&piece).map_err(|fault| ill(fault, said))? {
            match step {
                Step::Root { octets, content_type } => {
                    let mut actions = terms.actions.clone();
                    actions.extend(binding::of_root(content_type.as_deref())?);
                    let read = read(octets, &actions, terms.strict, said)?;
                    assembly.within = few(&read.request, assembly.parts)?;
                    let keep = match judge.take() {
                        Some(judge) => judge(&read)?,
                        None => None,
                    };
                    let roles =
                        keep.zip(container(&read.request)).map(|(keep, container)| (keep, roles(container)));
                    assembly.roles = Some(roles);
                    incoming = Some(read);
                }
                Step::Begin(id) => assembly.begin(id.as_deref()).await?,
                Step::Data(piece) => assembly.data(piece).await?,
                Step::End(part) => assembly.end(part).await?,
                Step::Whole => {}
            }
        }
    }
    package.finish().map_err(|fault| ill(fault, said))?;
    let incoming = incoming.ok_or_else(|| ill(PackageFault::NoRoot, said))?;
    let keep = assembly.roles.as_ref().and_then(|roles| roles.as_ref()).map(|(keep, _)| *keep);
    let (Some(keep), Some(container)) = (keep, container(&incoming.request)) else {
        return Ok(Taken { incoming, document: Bytes::new(), parts: Vec::new() });
    };
    fit(container, &assembly.measured, keep, terms.container, said)?;
    let mut contents = container.contents();
    let document = match contents.next() {
        Some(content) => assembly.document(&content.source, keep).await?,
        None => return Err(No::code(9050)),
    };
    let mut attachments = Vec::new();
    for (at, content) in contents.enumerate() {
        attachments.push(assembly.attachment(content, at).await?);
    }
    Ok(Taken { incoming, document, parts: attachments })
}

fn roles(container: &Container) -> HashMap<String, Role> {
    let mut roles = HashMap::new();
    for (at, content) in container.contents().enumerate() {
        if let Source::Part(id) = &content.source {
            let role = match at {
                0 => Role::Document,
                at => {
                    let (name, media_type) = labels(content, at - 1);
                    Role::Attachment(name, media_type)
                }
            };
            roles.insert(id.clone(), role);
        }
    }
    roles
}
