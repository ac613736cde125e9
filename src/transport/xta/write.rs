//! Writes whole envelopes: requests, responses and faults, with their addressing. What it writes is valid to the schemas of
//! its module, or it is not written.
//! It never makes ids of messages (the caller's randomness does) and never quotes a request in a fault.

use super::fault::Fault;
use super::model::{Code, Iteration, List, Order, Party, Request, Response};
use super::names::{ANONYMOUS, BOX, CORE, META, Module, Operation, SOAP, Turn, WSA, XOP, XSI, XTA};
use super::out::{Carriage, Out, Unwritable, Written, uri};
use super::receive::Refused;
use super::soap::Addressing;
use super::{write211, write311};
use crate::xml::chars;

const ERRORS_211: (&str, &str) = ("urn:de:xta:webservice:codeliste:fehlernummer", "1.0");
/// The list is not public; its name is.
const ERRORS_CORE: (&str, &str) = ("urn:xoev-de:kosit:codeliste:xta.core.fehlernummer", "1.0");

fn begin(out: &mut Out, module: Module) {
    out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soap:Envelope");
    let common = [("soap", SOAP), ("wsa", WSA), ("xop", XOP), ("xsi", XSI)];
    let own: &[(&str, &str)] = match module {
        Module::Xta211 => &[("x", XTA), ("m", META), ("o", BOX)],
        Module::Core311 => &[("c", CORE)],
    };
    for (prefix, namespace) in common.iter().chain(own) {
        out.raw(&format!(" xmlns:{prefix}=\"{namespace}\""));
    }
    out.raw("><soap:Header>");
}

/// The addressing headers of a message that we write.
fn addressing(out: &mut Out, addressing: &Addressing) -> Result<(), Unwritable> {
    for (name, value) in [
        ("wsa:Action", &addressing.action),
        ("wsa:MessageID", &addressing.message_id),
        ("wsa:RelatesTo", &addressing.relates_to),
        ("wsa:To", &addressing.to),
    ] {
        let value = value.as_deref().map(|value| uri(value, "addressing header")).transpose()?;
        out.optional(name, value)?;
    }
    Ok(())
}

/// The addressing of an answer: with all headers where the request had any, else none. A request's id that is no address is
/// not repeated.
pub fn answering(request: &Addressing, action: Option<String>, message_id: &str) -> Addressing {
    if !request.is_used() {
        return Addressing::default();
    }
    Addressing {
        action,
        message_id: Some(message_id.to_owned()),
        relates_to: request.message_id.clone().filter(|id| super::values::is_uri(id)),
        to: Some(ANONYMOUS.to_owned()),
    }
}

/// Writes a request. `to` is the address of the port, `message_id` a fresh id of this message on the wire.
pub fn request(
    module: Module,
    request: &Request,
    identity: Option<&Party>,
    to: &str,
    message_id: &str,
    carriage: Carriage,
) -> Result<Written, Unwritable> {
    let operation = operation_of(request);
    let action = operation.action(module, Turn::Request).ok_or(Unwritable::Operation)?;
    let mut out = Out::new(carriage);
    begin(&mut out, module);
    let head = Addressing {
        action: Some(action.clone()),
        message_id: Some(message_id.to_owned()),
        relates_to: None,
        to: Some(to.to_owned()),
    };
    addressing(&mut out, &head)?;
    out.raw(&format!("<wsa:ReplyTo><wsa:Address>{ANONYMOUS}</wsa:Address></wsa:ReplyTo>"));
    let order = match request {
        Request::SendMessage(order) | Request::SendMessageSync(order) | Request::DeliverMessage(order) => {
            Some(order)
        }
        _ => None,
    };
    match (module, order) {
        // An order states its author in its metadata.
        (Module::Xta211, Some(order)) => write211::meta(&mut out, &order.meta)?,
        (Module::Xta211, None) => {
            identity.map_or(Ok(()), |party| write211::party(&mut out, "m:Author", party))?
        }
        (Module::Core311, order) => {
            order.map_or(Ok(()), |order| write311::meta(&mut out, &order.meta))?;
            identity.map_or(Ok(()), |party| write311::party(&mut out, "c:Party", party, false))?;
        }
    }
    out.raw("</soap:Header><soap:Body>");
    match module {
        Module::Xta211 => body211(&mut out, request)?,
        Module::Core311 => body311(&mut out, request)?,
    }
    out.raw("</soap:Body></soap:Envelope>\n");
    Ok(out.end(Some(action)))
}

/// The operation that a request is of.
pub fn operation_of(request: &Request) -> Operation {
    match request {
        Request::CheckAccountActive => Operation::CheckAccountActive,
        Request::LookupService(_) => Operation::LookupService,
        Request::CreateMessageId => Operation::CreateMessageId,
        Request::CancelMessage(_) => Operation::CancelMessage,
        Request::GetTransportReport(_) => Operation::GetTransportReport,
        Request::SendMessage(_) => Operation::SendMessage,
        Request::SendMessageSync(_) => Operation::SendMessageSync,
        Request::GetStatusList(_) => Operation::GetStatusList,
        Request::GetNextStatusList(_) => Operation::GetNextStatusList,
        Request::GetMessage(..) => Operation::GetMessage,
        Request::GetNextMessage(_) => Operation::GetNextMessage,
        Request::Close(_) => Operation::Close,
        Request::DeliverMessage(_) => Operation::DeliverMessage,
    }
}

fn body211(out: &mut Out, request: &Request) -> Result<(), Unwritable> {
    match request {
        Request::CheckAccountActive | Request::CreateMessageId => Ok(()),
        Request::LookupService(lookups) => write211::lookups(out, lookups),
        Request::CancelMessage(id) | Request::GetTransportReport(id) => write211::message_id(out, id),
        Request::SendMessage(order) | Request::SendMessageSync(order) => {
            write211::container(out, &order.container)
        }
        Request::GetStatusList(selection) => write211::list_request(out, selection),
        Request::GetMessage(selection, part) => write211::fetch_request(out, selection, *part),
        Request::GetNextStatusList(iteration) | Request::GetNextMessage(iteration) => {
            write211::iteration(out, "o:MsgBoxGetNextRequest", iteration)
        }
        Request::Close(iteration) => write211::iteration(out, "o:MsgBoxCloseRequest", iteration),
        Request::DeliverMessage(_) => Err(Unwritable::Operation),
    }
}

fn body311(out: &mut Out, request: &Request) -> Result<(), Unwritable> {
    match request {
        Request::CheckAccountActive | Request::CreateMessageId => Ok(()),
        Request::LookupService(lookups) => write311::lookups(out, lookups),
        Request::GetTransportReport(id) => write311::message_id(out, id),
        Request::SendMessage(order) | Request::SendMessageSync(order) | Request::DeliverMessage(order) => {
            write311::container(out, &order.container)
        }
        Request::GetStatusList(selection) => write311::list_request(out, selection),
        Request::GetMessage(selection, _) => write311::fetch_request(out, &selection.ids),
        Request::Close(Iteration { received, .. }) => write311::fetch_request(out, received),
        Request::CancelMessage(_) | Request::GetNextStatusList(_) | Request::GetNextMessage(_) => {
            Err(Unwritable::Operation)
        }
    }
}

/// Writes a response to a request with this addressing.
pub fn response(
    module: Module,
    operation: Operation,
    response: &Response,
    request: &Addressing,
    message_id: &str,
    carriage: Carriage,
) -> Result<Written, Unwritable> {
    let action = operation.action(module, Turn::Response).ok_or(Unwritable::Operation)?;
    if !answers(operation, response) {
        return Err(Unwritable::Operation);
    }
    let mut out = Out::new(carriage);
    begin(&mut out, module);
    addressing(&mut out, &answering(request, Some(action.clone()), message_id))?;
    match module {
        Module::Xta211 => response211(&mut out, response)?,
        Module::Core311 => response311(&mut out, response)?,
    }
    out.raw("</soap:Body></soap:Envelope>\n");
    Ok(out.end(Some(action)))
}

/// Whether an operation is answered so.
fn answers(operation: Operation, response: &Response) -> bool {
    use Operation as O;
    match response {
        Response::Empty => {
            matches!(operation, O::CheckAccountActive | O::CancelMessage | O::SendMessage | O::Close)
        }
        Response::MessageId(_) => operation == O::CreateMessageId,
        Response::Lookup(_) => operation == O::LookupService,
        Response::Report(_) => operation == O::GetTransportReport,
        Response::List { .. } => matches!(operation, O::GetStatusList | O::GetNextStatusList),
        Response::Message { order, .. } => match operation {
            O::GetMessage => order.is_some(),
            other => other == O::GetNextMessage,
        },
        Response::Reply(_) => matches!(operation, O::SendMessageSync | O::DeliverMessage),
    }
}

const BODY: &str = "</soap:Header><soap:Body>";

fn response211(out: &mut Out, response: &Response) -> Result<(), Unwritable> {
    match response {
        Response::Empty => out.raw(BODY),
        Response::MessageId(id) => {
            out.raw(BODY);
            write211::message_id(out, id)?;
        }
        Response::Lookup(found) => {
            out.raw(BODY);
            write211::found(out, found)?;
        }
        Response::Report(report) => {
            out.raw(BODY);
            write211::report(out, report)?;
        }
        Response::List { status, brief, full } => {
            write211::status(out, status)?;
            out.raw(BODY);
            write211::list(out, brief, full)?;
        }
        Response::Message { status, order } => {
            order.as_ref().map_or(Ok(()), |order| write211::meta(out, &order.meta))?;
            status.as_ref().map_or(Ok(()), |status| write211::status(out, status))?;
            out.raw(BODY);
            order.as_ref().map_or(Ok(()), |order| write211::container(out, &order.container))?;
        }
        Response::Reply(order) => {
            let Order { meta, container } = order.as_ref().ok_or(Unwritable::Missing("answer"))?;
            write211::meta(out, meta)?;
            out.raw(BODY);
            write211::container(out, container)?;
        }
    }
    Ok(())
}

fn response311(out: &mut Out, response: &Response) -> Result<(), Unwritable> {
    match response {
        Response::Empty => out.raw(BODY),
        Response::MessageId(id) => {
            out.raw(BODY);
            write311::message_id(out, id)?;
        }
        Response::Lookup(found) => {
            out.raw(BODY);
            write311::found(out, found)?;
        }
        Response::Report(report) => {
            out.raw(BODY);
            write311::report(out, report)?;
        }
        Response::List { status, brief, full } => {
            if !brief.is_empty() {
                return Err(Unwritable::NoPlace("brief entry of a list"));
            }
            write311::status(out, status)?;
            out.raw(BODY);
            write311::list(out, full)?;
        }
        Response::Message { status, order } => {
            write311::status(out, status.as_ref().ok_or(Unwritable::Missing("state of the mailbox"))?)?;
            let order = order.as_ref().ok_or(Unwritable::Missing("message"))?;
            write311::meta(out, &order.meta)?;
            out.raw(BODY);
            write311::container(out, &order.container)?;
        }
        Response::Reply(order) => {
            out.open("c:MessageMetaDataReply", &[])?;
            order.as_ref().map_or(Ok(()), |order| write311::meta(out, &order.meta))?;
            out.close("c:MessageMetaDataReply");
            out.raw(BODY);
            write311::reply(out, order.as_ref())?;
        }
    }
    Ok(())
}

/// Writes the fault that answers a refused request.
pub fn fault(refused: &Refused, message_id: &str) -> Result<Written, Unwritable> {
    let module = refused.operation.map_or(Module::Xta211, |(module, _)| module);
    let Fault { class, addressing: narrower, reason, problem, not_understood, .. } = &refused.fault;
    let element =
        problem.as_ref().map(|problem| problem.exception.element(module).ok_or(Unwritable::Operation));
    let element = element.transpose()?;
    let action = match (refused.operation, element) {
        (Some((module, operation)), Some(element)) => operation.fault_action(module, element),
        // What the protocol refuses has an action of WS-Addressing, or of SOAP.
        _ if narrower.is_empty() => Some(format!("{WSA}/soap/fault")),
        _ => Some(format!("{WSA}/fault")),
    };
    let mut out = Out::new(Carriage::Inline);
    begin(&mut out, module);
    addressing(&mut out, &answering(&refused.addressing, action.clone(), message_id))?;
    // A name that is none after all, or a namespace that cannot be one, is not repeated.
    for (namespace, local) in not_understood.iter().filter(|(namespace, local)| {
        !namespace.is_empty() && chars::is_ncname(local) && chars::first_illegal(namespace).is_none()
    }) {
        let name = format!("n:{local}");
        out.empty("soap:NotUnderstood", &[("xmlns:n", Some(namespace)), ("qname", Some(&name))])?;
    }
    out.raw("</soap:Header><soap:Body><soap:Fault><soap:Code>");
    out.leaf("soap:Value", &[], &format!("soap:{}", class.name()))?;
    for name in narrower {
        if !chars::is_ncname(name) {
            return Err(Unwritable::Value("subcode"));
        }
        out.open("soap:Subcode", &[])?;
        out.leaf("soap:Value", &[], &format!("wsa:{name}"))?;
    }
    narrower.iter().for_each(|_| out.close("soap:Subcode"));
    out.raw("</soap:Code><soap:Reason>");
    // Texts of exceptions are German, those of the protocol English.
    let language = if problem.as_ref().is_some_and(|problem| problem.text == *reason) { "de" } else { "en" };
    out.leaf("soap:Text", &[("xml:lang", Some(language))], reason)?;
    out.raw("</soap:Reason>");
    if let (Some(problem), Some(element)) = (problem, element) {
        let (prefix, (list, version)) = match module {
            Module::Xta211 => ("x", ERRORS_211),
            Module::Core311 => ("c", ERRORS_CORE),
        };
        let list = Some(List { uri: list.to_owned(), version: version.to_owned() });
        let code = Code { value: problem.code.clone(), name: Some(problem.text.clone()), list };
        let name = format!("{prefix}:{element}");
        out.open("soap:Detail", &[])?;
        out.open(&name, &[])?;
        match module {
            Module::Xta211 => write211::code(&mut out, "x:errorCode", &code, &[])?,
            Module::Core311 => {
                write211::bare_code(&mut out, "c:ErrorCode", &code)?;
                out.optional("c:Detail", Some(problem.text.as_str()).filter(|text| !text.is_empty()))?;
            }
        }
        out.close(&name);
        out.close("soap:Detail");
    }
    out.raw("</soap:Fault></soap:Body></soap:Envelope>\n");
    Ok(out.end(action))
}
