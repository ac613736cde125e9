//! From octets to the model: the head's action decides the operation, the envelope passes the gate, and what the operation
//! must have is read, no more and no less.
//! It never reads an operation off its body, and never answers for an identity: both are what a message states.

use std::fmt;

use bytes::Bytes;

use super::binding;
use super::element::{Deviation, Ill, Reading};
use super::fault::{Class, Fault};
use super::model::{Party, Request, Response};
use super::names::{BOX, CORE, META, Module, Operation, Turn, WSA, XTA};
use super::parts::ill_fault;
use super::soap::{self, Addressing, Envelope};
use super::{element, read211, read311};
use crate::xml::tree::Element;

/// How messages are read.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether deviations of clients in use are faults.
    pub strict: bool,
    /// Octets of an envelope.
    pub envelope: usize,
}

impl Default for Rules {
    fn default() -> Self {
        // Contents of 40 MiB may stand in an envelope as Base64.
        Rules { strict: false, envelope: 60 << 20 }
    }
}

/// A request that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The module that it is written in.
    pub module: Module,
    /// The operation.
    pub operation: Operation,
    /// The action as it came.
    pub action: String,
    /// The addressing.
    pub addressing: Addressing,
    /// The identity that it states; proven by nothing here.
    pub identity: Option<Party>,
    /// What it asks for.
    pub request: Request,
    /// Where it deviates from the schema.
    pub deviations: Vec<Deviation>,
}

/// A request that does not count, with what its answer needs.
#[derive(Clone, PartialEq, Eq)]
pub struct Refused {
    /// What answers it.
    pub fault: Fault,
    /// Module and operation, as far as they are known.
    pub operation: Option<(Module, Operation)>,
    /// The action as it came.
    pub action: Option<String>,
    /// The addressing.
    pub addressing: Addressing,
}

impl Refused {
    /// A refusal of a message of which nothing is known.
    pub fn early(fault: Fault) -> Refused {
        Refused { fault, operation: None, action: None, addressing: Addressing::default() }
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("fault", &self.fault)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// Reads a request. `actions` are those of the head and the root part, in their order.
pub fn request(octets: Bytes, actions: &[String], rules: &Rules) -> Result<Incoming, Box<Refused>> {
    let tree = soap::parse(octets, rules.envelope).map_err(|fault| Box::new(Refused::early(fault)))?;
    let envelope = Envelope::read(&tree).map_err(|fault| Box::new(Refused::early(fault)))?;
    let addressing = envelope.addressing.clone();
    let all = actions.iter().map(String::as_str).chain(addressing.action.as_deref());
    let action = binding::one_action(all);
    let known = action.as_ref().ok().cloned().flatten();
    let operation = known.as_deref().and_then(Operation::of_action);
    let refused =
        |fault| Box::new(Refused { fault, operation, action: known.clone(), addressing: addressing.clone() });
    if !envelope.not_understood.is_empty() {
        let fault = Fault::sender("a header that must be understood is not");
        let not_understood = envelope.not_understood.clone();
        return Err(refused(Fault { class: Class::MustUnderstand, not_understood, ..fault }));
    }
    if let Err(fault) = action {
        return Err(refused(fault));
    }
    if envelope.elsewhere {
        let text = "answers go to the connection that asked";
        return Err(refused(Fault::addressing("OnlyAnonymousAddressSupported", text)));
    }
    let Some(action) = known.clone() else {
        return Err(refused(Fault::sender("no action: cannot dispatch")));
    };
    let Some((module, operation)) = operation else { return Err(refused(Fault::sender("action unknown"))) };
    let mut reading = Reading { strict: rules.strict, ..Reading::default() };
    match read_request(&envelope, module, operation, &mut reading) {
        Ok((identity, request)) => {
            let deviations = reading.deviations;
            Ok(Incoming { module, operation, action, addressing, identity, request, deviations })
        }
        Err(ill) => Err(refused(ill_fault(ill, module, operation))),
    }
}

/// The element in the body that an operation has.
fn body<'t>(envelope: &Envelope<'t>, namespace: &str, local: &str) -> Result<Element<'t>, Ill> {
    let found = envelope.body.filter(|body| body.is(namespace, local));
    found.ok_or(Ill::Structure("body without the element of this operation"))
}

fn empty(envelope: &Envelope<'_>) -> Result<(), Ill> {
    match envelope.body {
        None => Ok(()),
        Some(_) => Err(Ill::Structure("body with an element that this operation has not")),
    }
}

fn header<'t>(envelope: &Envelope<'t>, namespace: &str, local: &str) -> Result<Element<'t>, Ill> {
    envelope.named(namespace, local).ok_or(Ill::Structure("header missing"))
}

fn read_request(
    envelope: &Envelope<'_>,
    module: Module,
    operation: Operation,
    reading: &mut Reading,
) -> Result<(Option<Party>, Request), Ill> {
    let identity = match module {
        Module::Xta211 => envelope.named(META, "Author").map(|author| read211::party(author, reading)),
        Module::Core311 => envelope.named(CORE, "Party").map(|party| read311::party(party, false, reading)),
    };
    let identity = identity.transpose()?;
    if identity.as_ref().is_some_and(|party| party.identity.is_any()) {
        reading.tolerate(Deviation::AnyIdentity)?;
    }
    let request = match module {
        Module::Xta211 => request211(envelope, operation, reading)?,
        Module::Core311 => request311(envelope, operation, reading)?,
    };
    Ok((identity, request))
}

fn request211(envelope: &Envelope<'_>, operation: Operation, reading: &mut Reading) -> Result<Request, Ill> {
    use Operation as O;
    Ok(match operation {
        O::CheckAccountActive => empty(envelope).map(|()| Request::CheckAccountActive)?,
        O::CreateMessageId => empty(envelope).map(|()| Request::CreateMessageId)?,
        O::LookupService => {
            Request::LookupService(read211::lookups(body(envelope, XTA, "LookupServiceRequest")?, reading)?)
        }
        O::CancelMessage => Request::CancelMessage(element::id(body(envelope, WSA, "MessageID")?)?),
        O::GetTransportReport => Request::GetTransportReport(element::id(body(envelope, WSA, "MessageID")?)?),
        O::SendMessage | O::SendMessageSync => {
            if let Some(container) = envelope.named(BOX, "X509TokenContainer") {
                read211::token_container(container, reading)?;
            }
            let meta = header(envelope, META, "MessageMetaData")?;
            let order = read211::order(meta, body(envelope, XTA, "GenericContentContainer")?, reading)?;
            match operation {
                O::SendMessage => Request::SendMessage(order),
                _ => Request::SendMessageSync(order),
            }
        }
        O::GetStatusList => {
            let (selection, _) =
                read211::selection(body(envelope, BOX, "MsgBoxStatusListRequest")?, reading)?;
            Request::GetStatusList(selection)
        }
        O::GetMessage => {
            let (selection, part) = read211::selection(body(envelope, BOX, "MsgBoxFetchRequest")?, reading)?;
            Request::GetMessage(selection, part)
        }
        O::GetNextStatusList => {
            Request::GetNextStatusList(read211::iteration(body(envelope, BOX, "MsgBoxGetNextRequest")?)?)
        }
        O::GetNextMessage => {
            Request::GetNextMessage(read211::iteration(body(envelope, BOX, "MsgBoxGetNextRequest")?)?)
        }
        O::Close => Request::Close(read211::iteration(body(envelope, BOX, "MsgBoxCloseRequest")?)?),
        O::DeliverMessage => return Err(Ill::Structure("operation of another module")),
    })
}

fn request311(envelope: &Envelope<'_>, operation: Operation, reading: &mut Reading) -> Result<Request, Ill> {
    use Operation as O;
    Ok(match operation {
        O::CheckAccountActive => empty(envelope).map(|()| Request::CheckAccountActive)?,
        O::CreateMessageId => empty(envelope).map(|()| Request::CreateMessageId)?,
        O::LookupService => {
            Request::LookupService(read311::lookups(body(envelope, CORE, "LookupQuery")?, reading)?)
        }
        O::GetTransportReport => {
            Request::GetTransportReport(read311::message_id(body(envelope, CORE, "XTAMessageID")?, reading)?)
        }
        O::SendMessage | O::SendMessageSync | O::DeliverMessage => {
            let meta = header(envelope, CORE, "MessageMetaData")?;
            let order = read311::order(meta, body(envelope, CORE, "ContentContainer")?, reading)?;
            match operation {
                O::SendMessage => Request::SendMessage(order),
                O::SendMessageSync => Request::SendMessageSync(order),
                _ => Request::DeliverMessage(order),
            }
        }
        O::GetStatusList => {
            Request::GetStatusList(read311::selection(body(envelope, CORE, "MessageSelector")?, reading)?)
        }
        O::GetMessage => {
            let id = read311::fetch(body(envelope, CORE, "MessageFetch")?, reading)?;
            Request::GetMessage(super::model::Selection::one(&id), super::model::MsgPart::Envelope)
        }
        O::Close => {
            let received = vec![read311::fetch(body(envelope, CORE, "MessageFetch")?, reading)?];
            Request::Close(super::model::Iteration { request_id: None, received })
        }
        O::CancelMessage | O::GetNextStatusList | O::GetNextMessage => {
            return Err(Ill::Structure("operation of another module"));
        }
    })
}

/// An answer that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The addressing.
    pub addressing: Addressing,
    /// What the server says, or its fault.
    pub outcome: Result<Response, Fault>,
    /// Where it deviates from the schema.
    pub deviations: Vec<Deviation>,
}

/// Reads the answer to a request of this operation. The fault that comes back beside an [`Answer`] is ours: the octets are no
/// answer.
pub fn response(octets: Bytes, module: Module, operation: Operation, rules: &Rules) -> Result<Answer, Fault> {
    let tree = soap::parse(octets, rules.envelope)?;
    let envelope = Envelope::read(&tree)?;
    if !envelope.not_understood.is_empty() {
        return Err(Fault {
            class: Class::MustUnderstand,
            ..Fault::sender("a header that must be understood is not")
        });
    }
    let addressing = envelope.addressing.clone();
    if let Some(fault) = envelope.fault() {
        return Ok(Answer { addressing, outcome: Err(fault), deviations: Vec::new() });
    }
    let expected = operation.action(module, Turn::Response);
    if addressing.action.is_some() && addressing.action != expected {
        return Err(Fault::addressing("ActionMismatch", "the answer to another operation"));
    }
    let mut reading = Reading { strict: rules.strict, ..Reading::default() };
    let read = match module {
        Module::Xta211 => response211(&envelope, operation, &mut reading),
        Module::Core311 => response311(&envelope, operation, &mut reading),
    };
    let outcome = read.map_err(|ill| ill_fault(ill, module, operation))?;
    Ok(Answer { addressing, outcome: Ok(outcome), deviations: reading.deviations })
}

fn response211(
    envelope: &Envelope<'_>,
    operation: Operation,
    reading: &mut Reading,
) -> Result<Response, Ill> {
    use Operation as O;
    Ok(match operation {
        O::CheckAccountActive | O::CancelMessage | O::SendMessage | O::Close => {
            empty(envelope).map(|()| Response::Empty)?
        }
        O::CreateMessageId => Response::MessageId(element::id(body(envelope, WSA, "MessageID")?)?),
        O::LookupService => {
            Response::Lookup(read211::found(body(envelope, XTA, "LookupServiceResponse")?, reading)?)
        }
        O::GetTransportReport => {
            Response::Report(read211::report(body(envelope, XTA, "TransportReport")?, reading)?)
        }
        O::GetStatusList | O::GetNextStatusList => {
            let status = read211::status(header(envelope, BOX, "MsgBoxResponse")?, reading)?;
            let (brief, full) = read211::list(body(envelope, BOX, "MsgStatusList")?, reading)?;
            Response::List { status, brief, full }
        }
        O::GetMessage | O::GetNextMessage => {
            let status = envelope.named(BOX, "MsgBoxResponse");
            let status = status.map(|status| read211::status(status, reading)).transpose()?;
            let meta = envelope.named(META, "MessageMetaData");
            // A list that is over has nothing more to give.
            let order = match (meta, envelope.body) {
                (None, None) if operation == O::GetNextMessage => None,
                (None, _) => return Err(Ill::Structure("header missing")),
                (Some(meta), _) => {
                    Some(read211::order(meta, body(envelope, XTA, "GenericContentContainer")?, reading)?)
                }
            };
            Response::Message { status, order }
        }
        O::SendMessageSync => {
            if let Some(container) = envelope.named(BOX, "X509TokenContainer") {
                read211::token_container(container, reading)?;
            }
            let meta = header(envelope, META, "MessageMetaData")?;
            let body = body(envelope, XTA, "GenericContentContainer")?;
            Response::Reply(Some(read211::order(meta, body, reading)?))
        }
        O::DeliverMessage => return Err(Ill::Structure("operation of another module")),
    })
}

fn response311(
    envelope: &Envelope<'_>,
    operation: Operation,
    reading: &mut Reading,
) -> Result<Response, Ill> {
    use Operation as O;
    let status = |reading: &mut Reading| {
        header(envelope, CORE, "MessageBoxStatus").and_then(|status| read311::status(status, reading))
    };
    Ok(match operation {
        O::CheckAccountActive | O::SendMessage | O::Close => empty(envelope).map(|()| Response::Empty)?,
        O::CreateMessageId => {
            Response::MessageId(read311::message_id(body(envelope, CORE, "XTAMessageID")?, reading)?)
        }
        O::LookupService => Response::Lookup(read311::found(body(envelope, CORE, "LookupStatus")?, reading)?),
        O::GetTransportReport => {
            Response::Report(read311::report(body(envelope, CORE, "ReportResult")?, reading)?)
        }
        O::GetStatusList => {
            let status = status(reading)?;
            let full = read311::list(body(envelope, CORE, "MessageStatusList")?, reading)?;
            Response::List { status, brief: Vec::new(), full }
        }
        O::GetMessage => {
            let status = Some(status(reading)?);
            let meta = header(envelope, CORE, "MessageMetaData")?;
            let order = Some(read311::order(meta, body(envelope, CORE, "ContentContainer")?, reading)?);
            Response::Message { status, order }
        }
        O::SendMessageSync | O::DeliverMessage => {
            let meta = envelope.named(CORE, "MessageMetaDataReply");
            Response::Reply(read311::reply(meta, body(envelope, CORE, "ContentContainerReply")?, reading)?)
        }
        O::CancelMessage | O::GetNextStatusList | O::GetNextMessage => {
            return Err(Ill::Structure("operation of another module"));
        }
    })
}
