//! What `inspect` shows of an XTA message: module, operation, action, identities, metadata, contents by size and hash, faults.
//! It never shows octets of a content, a subject or a file name, and what it shows nobody has proven.

use std::collections::HashSet;

use bytes::Bytes;
use serde::Serialize;

use super::binding::{self, Form, Head};
use super::element::Deviation;
use super::fault::Fault;
use super::model::{Container, Content, Identity, MetaData, Order, Party, Request, Response, Source};
use super::names::{BOX, CORE, META, Module, Operation, SOAP, Turn, WSA, XTA};
use super::package::{self, Limits};
use super::parts::{self, Part, Sizes};
use super::receive::{self, Rules};
use super::soap::{self, Envelope};
use crate::mime::frame;
use crate::mime::media::Boundary;

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Glance {
    /// Always `xta`.
    pub protocol: &'static str,
    /// The version of the module.
    pub module: Option<&'static str>,
    /// The operation, by its name in the module.
    pub operation: Option<&'static str>,
    /// `request` or `response`.
    pub turn: Option<&'static str>,
    /// The action as it came.
    pub action: Option<String>,
    /// Who is named, and as what.
    pub identities: Vec<SeenIdentity>,
    /// The metadata of the order.
    pub metadata: Option<SeenMeta>,
    /// The metadata of the messages of a list.
    pub list: Vec<SeenMeta>,
    /// Contents, and parts that nothing references.
    pub parts: Vec<SeenPart>,
    /// Where it deviates from the schema in a way that is taken.
    pub deviations: Vec<&'static str>,
    /// Whether it could be read as what it says it is.
    pub readable: bool,
    /// The fault that it is, or with which it would be answered.
    pub fault: Option<SeenFault>,
}

/// An identity that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenIdentity {
    /// `account`, `author`, `sender`, `reply-to`, `reader`, `other-reader`, `copy`.
    pub role: &'static str,
    /// The identifier.
    pub value: String,
    /// What kind of identifier it is.
    #[serde(rename = "type")]
    pub scheme: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its category.
    pub category: Option<String>,
}

/// Metadata that were seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenMeta {
    /// The id of the order.
    pub id: String,
    /// Whether it is a test.
    pub test: bool,
    /// The service.
    pub service: Option<String>,
    /// The business, a code or a text.
    pub scenario: Option<String>,
    /// The message type.
    pub message_type: String,
    /// The schema of the content.
    pub schema: String,
    /// The quality of service.
    pub service_quality: Option<String>,
    /// Octets, as stated.
    pub size: Option<u64>,
    /// Written.
    pub origin: Option<String>,
    /// Taken by the sender.
    pub initial_send: Option<String>,
    /// Laid into the mailbox.
    pub delivery: Option<String>,
    /// Fetched for the first time.
    pub initial_fetch: Option<String>,
    /// Closed by its reader.
    pub reception: Option<String>,
}

/// A content that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenPart {
    /// `message`, `attachment`, `encrypted`, `report`, `parameter`, `none`.
    pub role: &'static str,
    /// Its Content-ID, if it stands beside the envelope.
    pub content_id: Option<String>,
    /// Its media type as the envelope says.
    pub content_type: Option<String>,
    /// Its character encoding.
    pub encoding: Option<String>,
    /// Octets; none where the part is not there.
    pub size: Option<u64>,
    /// Octets, as stated.
    pub stated_size: Option<u64>,
    /// SHA-256.
    pub sha256: Option<String>,
}

/// A fault that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenFault {
    /// Its class.
    pub class: &'static str,
    /// Names of WS-Addressing that make it narrower.
    pub addressing: Vec<String>,
    /// The exception.
    pub exception: Option<&'static str>,
    /// The code.
    pub code: Option<String>,
    /// The text.
    pub text: String,
    /// The status that it is answered with.
    pub status: u16,
}

/// Whether octets look like an XTA message, with an HTTP head or without.
pub fn recognises(octets: &[u8]) -> bool {
    const LOOKED_AT: usize = 16 << 10;
    let start = frame::http_head(octets).map_or(0, |(_, at)| at);
    let body = &octets[start..octets.len().min(start + LOOKED_AT)];
    let text = String::from_utf8_lossy(body);
    let begins = text.trim_start_matches('\u{FEFF}').trim_start();
    let framed = begins.starts_with('<') || begins.starts_with("--") || start > 0;
    let names = [XTA, CORE, META, BOX, "http://www.xta.de/XTA/", "https://xoev.de/transport/xta/core/"];
    let head = String::from_utf8_lossy(&octets[..start]);
    framed && text.contains(SOAP) && names.iter().any(|name| text.contains(name) || head.contains(name))
}

/// Looks at a message.
pub fn glance(octets: &Bytes, rules: &Rules) -> Glance {
    let mut seen = Glance {
        protocol: "xta",
        module: None,
        operation: None,
        turn: None,
        action: None,
        identities: Vec::new(),
        metadata: None,
        list: Vec::new(),
        parts: Vec::new(),
        deviations: Vec::new(),
        readable: true,
        fault: None,
    };
    match Message::open(octets) {
        Ok(message) => seen.look(&message, rules),
        Err(fault) => seen.refuse(fault, Module::Xta211),
    }
    seen
}

/// A message taken apart.
struct Message {
    root: Bytes,
    parts: Vec<Part>,
    actions: Vec<String>,
    /// Who speaks, if the HTTP head says it.
    turn: Option<Turn>,
}

impl Message {
    fn open(octets: &Bytes) -> Result<Message, Fault> {
        let Some((kind, start)) = frame::http_head(octets) else { return Message::bare(octets.clone()) };
        let named = |name| frame::http_header(&octets[..start], name);
        let turn = if octets.starts_with(b"HTTP/") { Turn::Response } else { Turn::Request };
        let action = named("soapaction");
        let head = Head { content_type: kind.as_deref(), soap_action: action.as_deref(), accept: None };
        let binding = binding::read(&head)?;
        let chunked = named("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let body = octets.slice(start..);
        // Some tools record what was in the chunks, some the chunks.
        let body = if chunked { unchunked(&body).unwrap_or(body) } else { body };
        Message::of(body, &binding.form, binding.actions, Some(turn))
    }

    /// An envelope or a multipart without its head.
    fn bare(body: Bytes) -> Result<Message, Fault> {
        let start = body.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
        let body = body.slice(start..);
        let line = body.strip_prefix(b"--").and_then(|rest| rest.split(|octet| *octet == b'\r').next());
        let boundary = line.and_then(|line| std::str::from_utf8(line).ok());
        let form = match boundary.and_then(|boundary| Boundary::new(boundary.trim_end()).ok()) {
            Some(boundary) => Form::Multipart { boundary, start: None },
            None => Form::Plain,
        };
        Message::of(body, &form, Vec::new(), None)
    }

    fn of(body: Bytes, form: &Form, mut actions: Vec<String>, turn: Option<Turn>) -> Result<Message, Fault> {
        let Form::Multipart { boundary, start } = form else {
            return Ok(Message { root: body, parts: Vec::new(), actions, turn });
        };
        // Who looks holds it all already.
        let most = body.len() as u64;
        let limits = Limits { part: most, total: most, ..Limits::default() };
        let whole =
            package::whole(&body, boundary, start.as_deref(), &limits).map_err(|fault| fault.fault(None))?;
        // Between Content-Type and SOAPAction, as where a message is taken in.
        let inner = binding::of_root(whole.content_type.as_deref())?;
        actions.extend(inner);
        Ok(Message { root: whole.root, parts: whole.parts, actions, turn })
    }
}

/// What the chunks of a body hold, if it is nothing but chunks.
fn unchunked(body: &Bytes) -> Option<Bytes> {
    let mut whole = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    loop {
        let end = rest.windows(2).take(64).position(|octets| octets == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(whole.into());
        }
        whole.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

impl Glance {
    fn refuse(&mut self, fault: Fault, module: Module) {
        self.readable = false;
        self.say(fault, module);
    }

    fn say(&mut self, fault: Fault, module: Module) {
        self.fault.get_or_insert(SeenFault {
            class: fault.class.name(),
            addressing: fault.addressing,
            exception: fault.problem.as_ref().and_then(|problem| problem.exception.element(module)),
            code: fault.problem.map(|problem| problem.code),
            text: fault.reason,
            status: fault.status,
        });
    }

    fn look(&mut self, message: &Message, rules: &Rules) {
        let looked = soap::parse(message.root.clone(), rules.envelope).and_then(|tree| {
            let envelope = Envelope::read(&tree)?;
            let action = message.actions.first().cloned().or_else(|| envelope.addressing.action.clone());
            let core_response = action.as_deref().is_some_and(|action| {
                Operation::of(action, Turn::Response).is_some() && Operation::of_action(action).is_none()
            });
            let answers =
                core_response || envelope.addressing.relates_to.is_some() || envelope.fault().is_some();
            let turn = message.turn.unwrap_or(if answers { Turn::Response } else { Turn::Request });
            let known = action.as_deref().and_then(|action| Operation::of(action, turn));
            let known = known.or_else(|| by_body(&envelope, turn));
            // A response without addressing, or with the action of its exception.
            let module = known.map(|(module, _)| module).or_else(|| module_of(&envelope));
            Ok((action, turn, known, module))
        });
        let (action, turn, known, module) = match looked {
            Ok(looked) => looked,
            Err(fault) => return self.refuse(fault, Module::Xta211),
        };
        self.action = action;
        self.turn = Some(if turn == Turn::Request { "request" } else { "response" });
        self.module = module.map(Module::version);
        self.operation = known.map(|(module, operation)| operation.name(module));
        let module = module.unwrap_or(Module::Xta211);
        match (turn, known) {
            (Turn::Request, _) => self.request(message, rules),
            // A fault needs no operation to be read; any of the module's does.
            (Turn::Response, known) => {
                let (module, operation) = known.unwrap_or((module, Operation::CheckAccountActive));
                match receive::response(message.root.clone(), module, operation, rules) {
                    Ok(answer) => {
                        self.deviations = answer.deviations.into_iter().map(Deviation::text).collect();
                        match answer.outcome {
                            Ok(response) => self.response(&response, module, operation, &message.parts),
                            Err(fault) => self.say(fault, module),
                        }
                    }
                    Err(fault) => self.refuse(fault, module),
                }
            }
        }
    }

    fn request(&mut self, message: &Message, rules: &Rules) {
        let incoming = match receive::request(message.root.clone(), &message.actions, rules) {
            Ok(incoming) => incoming,
            Err(refused) => {
                let module = refused.operation.map_or(Module::Xta211, |(module, _)| module);
                return self.refuse(refused.fault, module);
            }
        };
        self.deviations = incoming.deviations.into_iter().map(Deviation::text).collect();
        if let Some(party) = &incoming.identity {
            self.identity("account", &party.identity);
        }
        match &incoming.request {
            Request::SendMessage(order)
            | Request::SendMessageSync(order)
            | Request::DeliverMessage(order) => {
                self.order(order, incoming.module, incoming.operation, &message.parts);
            }
            Request::LookupService(lookups) => {
                lookups.iter().for_each(|lookup| self.identity("reader", &lookup.reader.identity));
            }
            _ => {}
        }
        self.unreferenced(&message.parts);
    }

    fn response(&mut self, response: &Response, module: Module, operation: Operation, all: &[Part]) {
        match response {
            Response::Message { order: Some(order), .. } | Response::Reply(Some(order)) => {
                self.order(order, module, operation, all);
            }
            Response::List { full, .. } => self.list = full.iter().map(SeenMeta::of).collect(),
            Response::Report(report) => {
                self.meta(&report.meta);
                report.additional.iter().for_each(|(_, source)| self.part("report", source, None, all));
            }
            Response::Lookup(found) => {
                for found in found.iter().flatten() {
                    self.identity("reader", &found.lookup.reader.identity);
                    found.parameters.iter().for_each(|(_, source)| self.part("parameter", source, None, all));
                }
            }
            Response::Empty | Response::MessageId(_) | Response::Message { .. } | Response::Reply(None) => {}
        }
        self.unreferenced(all);
    }

    fn order(&mut self, order: &Order, module: Module, operation: Operation, all: &[Part]) {
        self.meta(&order.meta);
        match &order.container {
            Container::Closed(closed) => {
                for piece in &closed.pieces {
                    if let super::model::Piece::Content(source) = piece {
                        self.part("encrypted", source, None, all);
                    }
                }
            }
            Container::Open { message, attachments, .. } => {
                let message = message.iter().map(|content| ("message", content));
                let attachments = attachments.iter().map(|content| ("attachment", content));
                for (role, content) in message.chain(attachments) {
                    self.part(role, &content.source, Some(content), all);
                }
            }
        }
        if let Err(fault) = parts::resolve(&order.container, all, &Sizes::default()) {
            self.refuse(fault.fault(module, operation), module);
        }
    }

    fn meta(&mut self, meta: &MetaData) {
        self.identity("author", &meta.author.identity);
        let more = [("sender", &meta.sender), ("reply-to", &meta.reply_to)];
        for (role, party) in more {
            party.as_ref().into_iter().for_each(|Party { identity, .. }| self.identity(role, identity));
        }
        self.identity("reader", &meta.reader.identity);
        meta.other_readers.iter().for_each(|identity| self.identity("other-reader", identity));
        meta.copies.iter().for_each(|identity| self.identity("copy", identity));
        self.metadata = Some(SeenMeta::of(meta));
    }

    fn identity(&mut self, role: &'static str, identity: &Identity) {
        let Identity { value, scheme, name, category } = identity.clone();
        self.identities.push(SeenIdentity { role, value, scheme, name, category });
    }

    fn part(&mut self, role: &'static str, source: &Source, content: Option<&Content>, all: &[Part]) {
        let measured = parts::measure(source, all).ok().map(|(measured, _)| measured);
        self.parts.push(SeenPart {
            role,
            content_id: match source {
                Source::Part(id) => Some(id.clone()),
                Source::Inline(_) => None,
            },
            content_type: content.and_then(|content| content.content_type.clone()),
            encoding: content.and_then(|content| content.encoding.clone()),
            size: measured.as_ref().map(|measured| measured.size),
            stated_size: content.and_then(|content| content.size),
            sha256: measured.map(|measured| hex::encode(measured.sha256)),
        });
    }

    fn unreferenced(&mut self, all: &[Part]) {
        let named: HashSet<String> = self.parts.iter().filter_map(|part| part.content_id.clone()).collect();
        for part in all.iter().filter(|part| !named.contains(&part.id)) {
            self.part("none", &Source::Part(part.id.clone()), None, all);
        }
    }
}

impl SeenMeta {
    fn of(meta: &MetaData) -> SeenMeta {
        use super::model::Scenario;
        let times = meta.times.clone();
        SeenMeta {
            id: meta.message_id.clone(),
            test: meta.test,
            service: meta.service.clone(),
            scenario: meta.scenario.as_ref().map(|scenario| match scenario {
                Scenario::Defined(code) => code.value.clone(),
                Scenario::Undefined(text) => text.clone(),
            }),
            message_type: meta.message_type.code.value.clone(),
            schema: meta.message_type.schema.clone(),
            service_quality: meta.quality.as_ref().map(|quality| quality.value.clone()),
            size: meta.size,
            origin: times.origin,
            initial_send: times.initial_send,
            delivery: times.delivery,
            initial_fetch: times.initial_fetch,
            reception: times.reception,
        }
    }
}

fn module_of(envelope: &Envelope<'_>) -> Option<Module> {
    let body = envelope.body.into_iter().flat_map(|body| body.descendants());
    let mut namespaces = body.chain(envelope.headers.iter().copied()).map(|element| element.namespace());
    namespaces.find_map(|namespace| match namespace {
        CORE => Some(Module::Core311),
        XTA | META | BOX => Some(Module::Xta211),
        _ => None,
    })
}

/// The operation that a body suggests, for looking only: what is taken in is never decided by it.
fn by_body(envelope: &Envelope<'_>, turn: Turn) -> Option<(Module, Operation)> {
    use Operation as O;
    let body = envelope.body?;
    let has_box = envelope.named(BOX, "MsgBoxResponse").is_some();
    let known = match (body.namespace(), body.local(), turn) {
        (XTA, "LookupServiceRequest", Turn::Request) | (XTA, "LookupServiceResponse", Turn::Response) => {
            O::LookupService
        }
        (BOX, "MsgBoxStatusListRequest", Turn::Request) | (BOX, "MsgStatusList", Turn::Response) => {
            O::GetStatusList
        }
        (BOX, "MsgBoxFetchRequest", Turn::Request) => O::GetMessage,
        (BOX, "MsgBoxCloseRequest", Turn::Request) => O::Close,
        (XTA, "GenericContentContainer", Turn::Response) if has_box => O::GetMessage,
        (XTA, "GenericContentContainer", Turn::Response) => O::SendMessageSync,
        (XTA, "TransportReport", Turn::Response) => O::GetTransportReport,
        (WSA, "MessageID", Turn::Response) => O::CreateMessageId,
        (CORE, "LookupQuery", Turn::Request) | (CORE, "LookupStatus", Turn::Response) => O::LookupService,
        (CORE, "MessageSelector", Turn::Request) | (CORE, "MessageStatusList", Turn::Response) => {
            O::GetStatusList
        }
        (CORE, "ContentContainer", Turn::Response) => O::GetMessage,
        (CORE, "ReportResult", Turn::Response) => O::GetTransportReport,
        (CORE, "XTAMessageID", Turn::Response) => O::CreateMessageId,
        _ => return None,
    };
    Some((if body.namespace() == CORE { Module::Core311 } else { Module::Xta211 }, known))
}
