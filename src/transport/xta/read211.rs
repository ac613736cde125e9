//! Reads the elements of module 2.1.1 into the model, in the order that its schemas have.
//! It never looks at headers of SOAP or at an action; `receive.rs` says which element is which.

use super::element::{
    Cursor, Deviation, Ill, Reading, above_zero, an_address, attributes, day, filled, filled_attribute, id,
    is_nil, moment, not_empty, number, positive, text, token, truth, uri, value,
};
use super::model::{
    Availability, BoxStatus, Brief, Code, Container, Content, Event, Found, Identity, Iteration, List,
    ListForm, Lookup, MessageType, MetaData, MsgPart, Order, Party, Process, Property, Quality, Remaining,
    Report, Scenario, Selection, Severity, Times,
};
use super::names::{BOX, META, WSA, XTA};
use super::values;
use crate::xml::algorithm::{DSIG, XENC};
use crate::xml::tree::Element;

/// A `code` with its list; both attributes are required but in error codes.
pub fn code(element: Element<'_>, more: &[&str]) -> Result<Code, Ill> {
    let mut cursor = Cursor::with(element, &[&["listURI", "listVersionID"], more].concat())?;
    // The only elements of XTA in no namespace.
    let value = token(cursor.need("", "code")?)?;
    let name = cursor.take("", "name").map(text).transpose()?;
    cursor.end()?;
    let list = match (element.attribute("listURI"), element.attribute("listVersionID")) {
        (Some(uri), Some(version)) => {
            let uri = values::collapsed(uri);
            if !values::is_uri(&uri) {
                return Err(Ill::Structure("list that is no address"));
            }
            List { uri, version: version.to_owned() }
        }
        _ => return Err(Ill::Structure("code without its list")),
    };
    Ok(Code { value, name, list: Some(list) })
}

fn identifier(element: Element<'_>, reading: &mut Reading) -> Result<Identity, Ill> {
    attributes(element, &["type", "name", "category"])?;
    let scheme = filled_attribute(element, "type")?;
    if scheme.is_none() {
        reading.tolerate(Deviation::NoIdentifierType)?;
    }
    let (name, category) = (filled_attribute(element, "name")?, filled_attribute(element, "category")?);
    Ok(Identity { value: values::collapsed(&value(element)?), scheme, name, category })
}

/// A party.
pub fn party(element: Element<'_>, reading: &mut Reading) -> Result<Party, Ill> {
    let mut cursor = Cursor::of(element)?;
    let identity = identifier(cursor.need(META, "Identifier")?, reading)?;
    let tokens = cursor.all(META, "SecurityToken");
    let mut more = Vec::new();
    for token in tokens {
        let usage = token.attribute("usage").map(values::collapsed);
        let known = ["AUTHENTICATION", "ENCRYPTION", "SIGNATURE"];
        if !usage.is_some_and(|usage| known.contains(&usage.as_str())) || token.children().count() != 1 {
            return Err(Ill::Structure("token without its use, or without one token"));
        }
        more.push(reading.opaque(token)?);
    }
    cursor.end()?;
    Ok(Party { identity, more })
}

/// The container for certificates: looked at, and nothing taken from it.
pub fn token_container(element: Element<'_>, reading: &mut Reading) -> Result<(), Ill> {
    if is_nil(element) || element.children().next().is_none() {
        return reading.tolerate(Deviation::EmptyTokenContainer);
    }
    let mut cursor = Cursor::with(element, &["validateCompleted"])?;
    cursor.all(BOX, "X509TokenInfo");
    cursor.end()
}

/// The metadata of an order.
pub fn meta(element: Element<'_>, reading: &mut Reading) -> Result<MetaData, Ill> {
    let mut cursor = Cursor::with(element, &["TestMsg"])?;
    let test = element.attribute("TestMsg").map(truth).transpose()?.unwrap_or(false);
    let delivery = cursor.need(META, "DeliveryAttributes")?;
    let (times, quality, receipts) = delivery_attributes(delivery, reading)?;

    let mut originators = Cursor::of(cursor.need(META, "Originators")?)?;
    let author = party(originators.need(META, "Author")?, reading)?;
    let sender = originators.take(META, "Sender").map(|sender| party(sender, reading)).transpose()?;
    let reply_to = originators.take(META, "ReplyTo").map(|reply| party(reply, reading)).transpose()?;
    originators.end()?;

    let mut destinations = Cursor::of(cursor.need(META, "Destinations")?)?;
    let reader = party(destinations.need(META, "Reader")?, reading)?;
    let (mut other_readers, mut copies) = (Vec::new(), Vec::new());
    if let Some(others) = destinations.take(META, "OtherDestinations") {
        let mut others = Cursor::of(others)?;
        for other in others.all(META, "OtherReaders") {
            other_readers.push(identifier(other, reading)?);
        }
        for copy in others.all(META, "CcReaders") {
            copies.push(identifier(copy, reading)?);
        }
        others.end()?;
        if other_readers.is_empty() {
            return Err(Ill::Structure("other destinations without a reader"));
        }
    }
    destinations.end()?;

    let mut identification = Cursor::of(cursor.need(META, "MsgIdentification")?)?;
    let message_id = id(identification.need(WSA, "MessageID")?)?;
    let in_reply_to =
        identification.all(META, "In-Reply-To").into_iter().map(uri).collect::<Result<_, _>>()?;
    let (mut requester, mut responder) = (None, None);
    if let Some(reference) = identification.take(META, "ProcessRef") {
        let mut reference = Cursor::of(reference)?;
        requester = reference.take(META, "Requester").map(process).transpose()?;
        responder = reference.take(META, "Responder").map(process).transpose()?;
        reference.end()?;
    }
    identification.end()?;

    let mut qualifier = Cursor::of(cursor.need(META, "Qualifier")?)?;
    let subject = qualifier.take(META, "Subject").map(text).transpose()?;
    let service = Some(uri(qualifier.need(META, "Service")?)?);
    let scenario = business(&mut qualifier, META, reading)?;
    let message_type = message_type(qualifier.need(META, "MessageType")?)?;
    qualifier.end()?;

    let mut properties = Vec::new();
    if let Some(held) = cursor.take(META, "MessageProperties") {
        let mut held = Cursor::of(held)?;
        for found in held.all(META, "Property") {
            properties.push(property(found)?);
        }
        held.end()?;
        if properties.is_empty() {
            return Err(Ill::Structure("properties without one"));
        }
    }
    let size = cursor.take(META, "MsgSize").map(positive).transpose()?;
    cursor.end()?;
    Ok(MetaData {
        test,
        times,
        quality,
        receipts,
        author,
        sender,
        reply_to,
        reader,
        other_readers,
        copies,
        message_id,
        in_reply_to,
        requester,
        responder,
        subject,
        service,
        scenario,
        message_type,
        properties,
        size,
        more: Vec::new(),
    })
}

type Delivery = (Times, Option<Quality>, Option<super::model::Opaque>);

fn delivery_attributes(element: Element<'_>, reading: &mut Reading) -> Result<Delivery, Ill> {
    let mut cursor = Cursor::of(element)?;
    let times = Times {
        origin: cursor.take(META, "Origin").map(moment).transpose()?,
        initial_send: cursor.take(META, "InitialSend").map(moment).transpose()?,
        not_before: cursor.take(META, "NotBefore").map(moment).transpose()?,
        obsolete_after: cursor.take(META, "ObsoleteAfter").map(day).transpose()?,
        delivery: cursor.take(META, "Delivery").map(moment).transpose()?,
        initial_fetch: cursor.take(META, "InitialFetch").map(moment).transpose()?,
        reception: cursor.take(META, "Reception").map(moment).transpose()?,
    };
    let quality = cursor.take(META, "ServiceQuality").map(filled).transpose()?;
    // A profile is a URN of the standard; anything else is a text that parties agreed on.
    let quality =
        quality.map(|value| Quality { defined: value.starts_with("urn:") && values::is_uri(&value), value });
    let mut receipts = None;
    if let Some(asked) = cursor.take(META, "ReceiptRequests") {
        let mut wanted = Cursor::of(asked)?;
        for name in ["Submission", "Relay", "Delivery", "Fetch", "Reception", "ReceiptTo"] {
            wanted.take(META, name);
        }
        wanted.end()?;
        receipts = Some(reading.opaque(asked)?);
    }
    cursor.end()?;
    Ok((times, quality, receipts))
}

fn process(element: Element<'_>) -> Result<Process, Ill> {
    // The schema spells it so.
    attributes(element, &["ProccesName"])?;
    Ok(Process { value: not_empty(value(element)?)?, name: filled_attribute(element, "ProccesName")? })
}

/// The business of a qualifier; the same in both modules. Production has messages without.
pub fn business(
    qualifier: &mut Cursor<'_>,
    namespace: &str,
    reading: &mut Reading,
) -> Result<Option<Scenario>, Ill> {
    let Some(held) = qualifier.take(namespace, "BusinessScenario") else {
        return reading.tolerate(Deviation::NoBusinessScenario).map(|()| None);
    };
    let mut cursor = Cursor::of(held)?;
    let scenario = match cursor.take(namespace, "Defined") {
        Some(defined) => Scenario::Defined(code(defined, &[])?),
        None => Scenario::Undefined(text(cursor.need(namespace, "Undefined")?)?),
    };
    cursor.end()?;
    Ok(Some(scenario))
}

fn message_type(element: Element<'_>) -> Result<MessageType, Ill> {
    let schema = filled_attribute(element, "payloadSchema")?.map(|schema| values::collapsed(&schema));
    let schema = schema.filter(|schema| !schema.is_empty() && values::is_uri(schema));
    let schema = schema.ok_or(Ill::Structure("message type without the schema of its content"))?;
    Ok(MessageType { code: code(element, &["payloadSchema"])?, schema })
}

fn property(element: Element<'_>) -> Result<Property, Ill> {
    let mut cursor = Cursor::of(element)?;
    let key = code(cursor.need(META, "Key")?, &[])?;
    let value = filled(cursor.need(META, "Value")?)?;
    cursor.end()?;
    Ok(Property { key, value })
}

/// What is delivered.
pub fn container(element: Element<'_>, reading: &mut Reading) -> Result<Container, Ill> {
    let mut cursor = Cursor::of(element)?;
    let container = match cursor.take(XENC, "EncryptedData") {
        Some(closed) => Container::Closed(reading.opaque(closed)?),
        None => {
            let mut open = Cursor::of(cursor.need(XTA, "ContentContainer")?)?;
            let message = Some(content(open.need(XTA, "Message")?, reading)?);
            let attachments = open.all(XTA, "Attachment");
            let attachments =
                attachments.into_iter().map(|element| content(element, reading)).collect::<Result<_, _>>()?;
            open.end()?;
            Container::Open { message, attachments, more: Vec::new() }
        }
    };
    cursor.end()?;
    Ok(container)
}

fn content(element: Element<'_>, reading: &mut Reading) -> Result<Content, Ill> {
    attributes(
        element,
        &["contentDescription", "contentType", "encoding", "filename", "id", "lang", "size"],
    )?;
    let content_type = filled_attribute(element, "contentType")?;
    if content_type.is_none() {
        return Err(Ill::Structure("content without its media type"));
    }
    let language = element.attribute("lang").map(values::collapsed);
    if language.as_deref().is_some_and(|language| !values::is_language(language)) {
        return Err(Ill::Structure("language that is none"));
    }
    Ok(Content {
        source: reading.source(element)?,
        content_type,
        description: filled_attribute(element, "contentDescription")?,
        encoding: filled_attribute(element, "encoding")?,
        file_name: filled_attribute(element, "filename")?,
        id: filled_attribute(element, "id")?,
        language,
        size: size(element)?,
    })
}

/// The stated size of a content.
pub fn size(element: Element<'_>) -> Result<Option<u64>, Ill> {
    let Some(stated) = element.attribute("size") else { return Ok(None) };
    let stated =
        values::unsigned(&values::collapsed(stated)).ok_or(Ill::Structure("size that is no number"))?;
    above_zero(stated).map(Some)
}

/// An order.
pub fn order(meta_data: Element<'_>, body: Element<'_>, reading: &mut Reading) -> Result<Order, Ill> {
    Ok(Order { meta: Box::new(meta(meta_data, reading)?), container: container(body, reading)? })
}

/// The questions to the directory.
pub fn lookups(element: Element<'_>, reading: &mut Reading) -> Result<Vec<Lookup>, Ill> {
    let mut cursor = Cursor::of(element)?;
    let mut found = Vec::new();
    for list in cursor.all(XTA, "LookupServiceRequestList") {
        let mut list = Cursor::of(list)?;
        let mut lookup = Cursor::of(list.need(XTA, "LookupService")?)?;
        found.push(one_lookup(&mut lookup, reading)?);
        lookup.end()?;
        list.end()?;
    }
    cursor.end()?;
    if found.is_empty() { Err(Ill::Structure("no service asked for")) } else { Ok(found) }
}

fn one_lookup(cursor: &mut Cursor<'_>, reading: &mut Reading) -> Result<Lookup, Ill> {
    let reader = party(cursor.need(META, "Reader")?, reading)?;
    Ok(Lookup { reader, service: Some(uri(cursor.need(XTA, "ServiceType")?)?) })
}

/// The answers of the directory.
pub fn found(element: Element<'_>, reading: &mut Reading) -> Result<Vec<Option<Found>>, Ill> {
    let mut cursor = Cursor::of(element)?;
    let mut list = Cursor::of(cursor.need(XTA, "LookupServiceResultList")?)?;
    cursor.end()?;
    let mut answers = Vec::new();
    for result in list.all(XTA, "LookupServiceResult") {
        if is_nil(result) {
            answers.push(None);
            continue;
        }
        let mut result = Cursor::of(result)?;
        let lookup = one_lookup(&mut result, reading)?;
        answers.push(Some(answer(&mut result, lookup, XTA, reading)?));
    }
    list.end()?;
    if answers.is_empty() { Err(Ill::Structure("no answer of the directory")) } else { Ok(answers) }
}

/// What stands behind the question in an answer; the same in both modules.
pub fn answer(
    cursor: &mut Cursor<'_>,
    lookup: Lookup,
    namespace: &str,
    reading: &mut Reading,
) -> Result<Found, Ill> {
    let mut value = Cursor::of(cursor.need(namespace, "IsServiceAvailableValue")?)?;
    let availability = match value.take(namespace, "ServiceIsAvailable") {
        Some(known) => Availability::Known(truth(&token(known)?)?),
        None => match truth(&token(value.need(namespace, "ServiceIsAvailableUnknown")?)?)? {
            true => Availability::Unknown,
            false => return Err(Ill::Structure("an unknown service that is not unknown")),
        },
    };
    value.end()?;
    let mut parameters = Vec::new();
    for parameter in cursor.all(namespace, "ServiceParameter") {
        let mut parameter = Cursor::of(parameter)?;
        let kind = code(parameter.need(namespace, "ParameterType")?, &[])?;
        parameters.push((kind, reading.source(parameter.need(namespace, "Resource")?)?));
        parameter.end()?;
    }
    cursor.end()?;
    Ok(Found { lookup, availability, parameters })
}

/// Which messages are meant; of a request for a list or for a message.
pub fn selection(element: Element<'_>, reading: &mut Reading) -> Result<(Selection, MsgPart), Ill> {
    let lists = element.is(BOX, "MsgBoxStatusListRequest");
    let mut cursor = Cursor::with(element, if lists { &["maxListItems", "ListForm"] } else { &["MsgPart"] })?;
    let mut selection = Selection::default();
    let stated = |name| element.attribute(name).map(values::collapsed);
    if let Some(most) = stated("maxListItems") {
        let most = values::unsigned(&most).ok_or(Ill::Structure("number of items that is none"))?;
        selection.most = Some(above_zero(most)?);
    }
    selection.form = match stated("ListForm").as_deref() {
        None => None,
        Some("MessageMetaData") => Some(ListForm::Full),
        // The schema spells it so.
        Some("MsgAtrributes") => Some(ListForm::Brief),
        Some("MsgAttributes") => {
            reading.tolerate(Deviation::ListFormSpelling)?;
            Some(ListForm::Brief)
        }
        Some(_) => return Err(Ill::Structure("form of list that is none")),
    };
    let part = match stated("MsgPart").as_deref() {
        None | Some("Envelope") => MsgPart::Envelope,
        Some("Header") => MsgPart::Header,
        Some("Body") => MsgPart::Body,
        Some(_) => return Err(Ill::Structure("part of a message that is none")),
    };
    if let Some(selector) = cursor.take(BOX, "MsgSelector") {
        selection.new_entry = selector.attribute("newEntry").map(truth).transpose()?;
        let mut selector = Cursor::with(selector, &["newEntry"])?;
        selection.ids = selector.all(WSA, "MessageID").into_iter().map(id).collect::<Result<_, _>>()?;
        selection.relates_to =
            selector.all(WSA, "RelatesTo").into_iter().map(related).collect::<Result<_, _>>()?;
        selection.from = selector.take(BOX, "MsgBoxEntryTimeFrom").map(moment).transpose()?;
        selection.to = selector.take(BOX, "MsgBoxEntryTimeTo").map(moment).transpose()?;
        if let Some(extension) = selector.take(BOX, "Extension") {
            selection.more.push(reading.opaque(extension)?);
        }
        selector.end()?;
    }
    cursor.end()?;
    Ok((selection, part))
}

/// What a message relates to; how is nobody's business here.
fn related(element: Element<'_>) -> Result<String, Ill> {
    attributes(element, &["RelationshipType"])?;
    value(element).and_then(|text| an_address(&text))
}

/// Going on in a list, or closing messages.
pub fn iteration(element: Element<'_>) -> Result<Iteration, Ill> {
    let mut cursor = Cursor::with(element, &["MsgBoxRequestID"])?;
    let request_id = element.attribute("MsgBoxRequestID").map(values::collapsed);
    if !request_id.as_deref().is_some_and(values::is_uri) {
        return Err(Ill::Structure("no request id"));
    }
    let received = cursor.all(BOX, "LastMsgReceived").into_iter().map(id).collect::<Result<_, _>>()?;
    cursor.end()?;
    Ok(Iteration { request_id, received })
}

/// What is left in a mailbox.
pub fn status(element: Element<'_>, reading: &mut Reading) -> Result<BoxStatus, Ill> {
    let mut cursor = Cursor::with(element, &["MsgBoxRequestID"])?;
    let request_id = element.attribute("MsgBoxRequestID").ok_or(Ill::Structure("no request id"))?;
    let remaining = match cursor.take(BOX, "NoMessageAvailable") {
        Some(nothing) => {
            Cursor::with(nothing, &["reason"])?.end()?;
            let reason =
                nothing.attribute("reason").ok_or(Ill::Structure("nothing available without a reason"))?;
            let reason = values::collapsed(reason);
            if !values::is_uri(&reason) {
                reading.tolerate(Deviation::ReasonNotUri)?;
            }
            Remaining::Nothing { reason }
        }
        None => Remaining::Pending(number(cursor.need(BOX, "ItemsPending")?)?),
    };
    cursor.end()?;
    Ok(BoxStatus { request_id: Some(values::collapsed(request_id)), remaining })
}

/// A list of messages.
pub fn list(element: Element<'_>, reading: &mut Reading) -> Result<(Vec<Brief>, Vec<MetaData>), Ill> {
    let mut cursor = Cursor::of(element)?;
    let (mut briefs, mut full) = (Vec::new(), Vec::new());
    for entry in cursor.all(BOX, "MsgAttributes") {
        briefs.push(brief(entry, reading)?);
    }
    for entry in cursor.all(META, "MessageMetaData") {
        full.push(meta(entry, reading)?);
    }
    cursor.end()?;
    Ok((briefs, full))
}

fn brief(element: Element<'_>, reading: &mut Reading) -> Result<Brief, Ill> {
    let mut cursor = Cursor::of(element)?;
    let brief = Brief {
        message_id: id(cursor.need(WSA, "MessageID")?)?,
        relates_to: cursor.all(WSA, "RelatesTo").into_iter().map(related).collect::<Result<_, _>>()?,
        from: cursor.take(WSA, "From").map(|from| reading.opaque(from)).transpose()?,
        scenario: uri(cursor.need(BOX, "TypeOfBusinessScenario")?)?,
        size: number(cursor.need(BOX, "MsgSize")?)?,
        obsolete_after: cursor.take(BOX, "ObsoleteAfterDate").map(day).transpose()?,
        delivery: moment(cursor.need(BOX, "DeliveryTime")?)?,
        initial_fetch: cursor.take(BOX, "InitialFetchedTime").map(moment).transpose()?,
    };
    cursor.end()?;
    Ok(brief)
}

/// A TransportReport.
pub fn report(element: Element<'_>, reading: &mut Reading) -> Result<Report, Ill> {
    let mut cursor = Cursor::of(element)?;
    let meta = Box::new(meta(cursor.need(META, "MessageMetaData")?, reading)?);
    let time = moment(cursor.need(XTA, "ReportTime")?)?;
    let server = token(cursor.need(XTA, "XTAServerIdentity")?)?;
    let (status, events) = message_status(cursor.need(XTA, "MessageStatus")?, XTA)?;
    let additional = additional(&mut cursor, XTA, reading)?;
    let signature = cursor.take(DSIG, "Signature");
    let more = signature.into_iter().map(|signature| reading.opaque(signature)).collect::<Result<_, _>>()?;
    cursor.end()?;
    Ok(Report { meta, time, server, status, events, additional, more })
}

/// Status and events of a report; the same in both modules.
pub fn message_status(element: Element<'_>, namespace: &str) -> Result<(i64, Vec<Event>), Ill> {
    let mut cursor = Cursor::of(element)?;
    let status = values::integer(&token(cursor.need(namespace, "Status")?)?);
    let status = status.ok_or(Ill::Structure("status that is no number"))?;
    let mut events = Vec::new();
    for (list, item, severity) in SEVERITIES {
        let Some(held) = cursor.take(namespace, list) else { continue };
        let mut held = Cursor::of(held)?;
        for record in held.all(namespace, item) {
            let mut record = Cursor::of(record)?;
            let time = moment(record.need(namespace, "Timestamp")?)?;
            let code = code(record.need(namespace, "Code")?, &[])?;
            let reason = text(record.need(namespace, "Reason")?)?;
            record.end()?;
            events.push(Event { severity, time, code, reason });
        }
        held.end()?;
    }
    cursor.end()?;
    Ok((status, events))
}

/// The lists of a report, their items and what they mean, in their order.
pub const SEVERITIES: [(&str, &str, Severity); 3] = [
    ("ErrorList", "Error", Severity::Error),
    ("WarnList", "Warning", Severity::Warning),
    ("InfoList", "Info", Severity::Info),
];

/// Reports of the transports that were used; the same in both modules.
pub fn additional(
    report: &mut Cursor<'_>,
    namespace: &str,
    reading: &mut Reading,
) -> Result<Vec<(Code, super::model::Source)>, Ill> {
    let Some(held) = report.take(namespace, "AdditionalReports") else { return Ok(Vec::new()) };
    let mut cursor = Cursor::of(held)?;
    let mut reports = Vec::new();
    for report in cursor.all(namespace, "Report") {
        let mut report = Cursor::of(report)?;
        let key = code(report.need(namespace, "Key")?, &[])?;
        reports.push((key, reading.source(report.need(namespace, "Data")?)?));
        report.end()?;
    }
    cursor.end()?;
    if reports.is_empty() { Err(Ill::Structure("additional reports without one")) } else { Ok(reports) }
}
