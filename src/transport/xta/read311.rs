//! Reads the elements of core 3.1.1 into the model, in the order that its schemas have.
//! It never keeps an `id` that only stands there to be pointed at: what is written gets fresh ones.

use super::element::{
    Cursor, Deviation, Ill, Reading, a_moment, an_address, attributes, filled, filled_attribute, id, moment,
    not_empty, number, positive, text, token, truth, uri, value,
};
use super::model::{
    BoxStatus, Code, Container, Content, Found, Identity, Lookup, MessageType, MetaData, Opaque, Order,
    Party, Property, Quality, Remaining, Report, Selection, Times,
};
use super::names::CORE;
use super::read211::{additional, answer, business, code, message_status, size};
use super::values;
use crate::xml::algorithm::DSIG;
use crate::xml::chars;
use crate::xml::tree::Element;

/// Looks that an element has its `id`, and no other one has it.
fn pointed_at(element: Element<'_>, reading: &mut Reading) -> Result<(), Ill> {
    let Some(id) = element.attribute("id") else { return reading.tolerate(Deviation::NoId) };
    let id = values::collapsed(id);
    if !chars::is_ncname(&id) {
        return Err(Ill::Structure("id that is none"));
    }
    match reading.ids.insert(id) {
        true => Ok(()),
        false => Err(Ill::Structure("the same id twice")),
    }
}

fn uri_attribute(element: Element<'_>, name: &str) -> Result<String, Ill> {
    let value = element.attribute(name).map(values::collapsed);
    value.filter(|value| !value.is_empty() && values::is_uri(value)).ok_or(Ill::Structure("address missing"))
}

/// The id of an order.
pub fn message_id(element: Element<'_>, reading: &mut Reading) -> Result<String, Ill> {
    attributes(element, &["id"])?;
    pointed_at(element, reading)?;
    value(element).and_then(|text| an_address(&text)).and_then(not_empty)
}

fn identity(element: Element<'_>) -> Result<Identity, Ill> {
    attributes(element, &["identifierScheme", "name", "organizationCategory"])?;
    Ok(Identity {
        value: not_empty(value(element)?)?,
        scheme: filled_attribute(element, "identifierScheme")?,
        name: filled_attribute(element, "name")?,
        category: filled_attribute(element, "organizationCategory")?,
    })
}

/// A party, without `id` in a header and with one in metadata.
pub fn party(element: Element<'_>, has_id: bool, reading: &mut Reading) -> Result<Party, Ill> {
    let mut cursor = Cursor::with(element, if has_id { &["id"] } else { &[] })?;
    if has_id {
        pointed_at(element, reading)?;
    }
    let identity = identity(cursor.need(CORE, "Identifier")?)?;
    let mut more = Vec::new();
    if let Some(directory) = cursor.take(CORE, "Directory") {
        code(directory, &[])?;
        more.push(reading.opaque(directory)?);
    }
    more.extend(extensions(&mut cursor, reading)?);
    let certificates = if has_id { cursor.all(CORE, "Certificate") } else { Vec::new() };
    for certificate in certificates {
        let mut inside = Cursor::of(certificate)?;
        code(inside.need(CORE, "Usage")?, &[])?;
        inside.all(CORE, "Usage").into_iter().try_for_each(|usage| code(usage, &[]).map(drop))?;
        inside.need(CORE, "Data")?;
        inside.end()?;
        more.push(reading.opaque(certificate)?);
    }
    cursor.end()?;
    Ok(Party { identity, more })
}

/// The metadata of an order.
pub fn meta(element: Element<'_>, reading: &mut Reading) -> Result<MetaData, Ill> {
    let mut cursor = Cursor::of(element)?;
    let order_id = message_id(cursor.need(CORE, "XTAMessageID")?, reading)?;
    let reader = party(cursor.need(CORE, "Reader")?, true, reading)?;
    let mut originators = Cursor::of(cursor.need(CORE, "Originators")?)?;
    let author = party(originators.need(CORE, "Author")?, true, reading)?;
    let sender = originators.take(CORE, "Sender").map(|sender| party(sender, true, reading)).transpose()?;
    originators.end()?;

    let qualifier = cursor.need(CORE, "Qualifier")?;
    pointed_at(qualifier, reading)?;
    let mut qualifier = Cursor::with(qualifier, &["id"])?;
    let service = qualifier.take(CORE, "Service").map(id).transpose()?;
    let scenario = business(&mut qualifier, CORE, reading)?;
    let kind = qualifier.need(CORE, "MessageType")?;
    attributes(kind, &["messageSchema"])?;
    let kind_code = Code { value: not_empty(value(kind)?)?, name: None, list: None };
    let message_type = MessageType { code: kind_code, schema: uri_attribute(kind, "messageSchema")? };
    qualifier.end()?;

    let size = Some(positive(cursor.need(CORE, "MessageSize")?)?);
    let times = times(cursor.need(CORE, "DeliveryAttributes")?, reading)?;
    let quality = Some(quality(cursor.need(CORE, "ServiceQuality")?, reading)?);
    let mut more = Vec::new();
    for identifier in cursor.all(CORE, "AdditionalIdentifier") {
        pointed_at(identifier, reading)?;
        let mut inside = Cursor::with(identifier, &["id"])?;
        filled(inside.need(CORE, "MessageIdentifier")?)?;
        code(inside.need(CORE, "Context")?, &[])?;
        inside.end()?;
        more.push(reading.opaque(identifier)?);
    }
    let mut properties = Vec::new();
    for property in cursor.all(CORE, "MessageProperty") {
        pointed_at(property, reading)?;
        let mut property = Cursor::with(property, &["id"])?;
        let key = Code { value: filled(property.need(CORE, "Key")?)?, name: None, list: None };
        properties.push(Property { key, value: text(property.need(CORE, "Value")?)? });
        property.end()?;
    }
    more.extend(extensions(&mut cursor, reading)?);
    cursor.end()?;
    let mut found = MetaData::new(&order_id, author, reader, message_type);
    (found.sender, found.service, found.scenario) = (sender, service, scenario);
    (found.size, found.times, found.quality) = (size, times, quality);
    (found.properties, found.more) = (properties, more);
    Ok(found)
}

/// Extensions: built as they must be, and not understood.
fn extensions(cursor: &mut Cursor<'_>, reading: &mut Reading) -> Result<Option<Opaque>, Ill> {
    let Some(found) = cursor.take(CORE, "Extensions") else { return Ok(None) };
    let mut held = Cursor::of(found)?;
    let all = held.all(CORE, "Extension");
    held.end()?;
    for extension in &all {
        pointed_at(*extension, reading)?;
        let mut extension = Cursor::with(*extension, &["id"])?;
        id(extension.need(CORE, "Identifier")?)?;
        filled(extension.need(CORE, "Version")?)?;
        extension.need(CORE, "Data")?;
        extension.end()?;
    }
    match all.is_empty() {
        true => Err(Ill::Structure("extensions without one")),
        false => reading.opaque(found).map(Some),
    }
}

fn times(element: Element<'_>, reading: &mut Reading) -> Result<Times, Ill> {
    let mut cursor = Cursor::of(element)?;
    let mut at = |name| -> Result<Option<String>, Ill> {
        let Some(found) = cursor.take(CORE, name) else { return Ok(None) };
        pointed_at(found, reading)?;
        attributes(found, &["id"])?;
        value(found).and_then(|text| a_moment(&text)).map(Some)
    };
    let times = Times {
        origin: at("Origin")?,
        initial_send: at("InitialSend")?,
        delivery: at("Delivery")?,
        initial_fetch: at("InitialFetch")?,
        reception: at("Reception")?,
        ..Times::default()
    };
    cursor.end()?;
    Ok(times)
}

fn quality(element: Element<'_>, reading: &mut Reading) -> Result<Quality, Ill> {
    pointed_at(element, reading)?;
    let mut cursor = Cursor::with(element, &["id"])?;
    let quality = match cursor.take(CORE, "Defined") {
        Some(defined) => Quality { value: id(defined)?, defined: true },
        None => Quality { value: filled(cursor.need(CORE, "Undefined")?)?, defined: false },
    };
    cursor.end()?;
    Ok(quality)
}

/// What is delivered.
pub fn container(element: Element<'_>, reading: &mut Reading) -> Result<Container, Ill> {
    let mut cursor = Cursor::of(element)?;
    let message = cursor.take(CORE, "Message").map(|found| content(found, reading)).transpose()?;
    let attachments = cursor.all(CORE, "Attachment");
    let attachments =
        attachments.into_iter().map(|found| content(found, reading)).collect::<Result<_, _>>()?;
    let more = extensions(&mut cursor, reading)?.into_iter().collect();
    cursor.end()?;
    Ok(Container::Open { message, attachments, more })
}

fn content(element: Element<'_>, reading: &mut Reading) -> Result<Content, Ill> {
    attributes(element, &["contentType", "encoding", "filename", "id", "size"])?;
    pointed_at(element, reading)?;
    Ok(Content {
        source: reading.source(element)?,
        content_type: filled_attribute(element, "contentType")?,
        description: None,
        encoding: filled_attribute(element, "encoding")?,
        file_name: filled_attribute(element, "filename")?,
        id: filled_attribute(element, "id")?,
        language: None,
        size: size(element)?,
    })
}

/// An order.
pub fn order(meta_data: Element<'_>, body: Element<'_>, reading: &mut Reading) -> Result<Order, Ill> {
    Ok(Order { meta: Box::new(meta(meta_data, reading)?), container: container(body, reading)? })
}

/// The answer to an order: both or none.
pub fn reply(
    meta_data: Option<Element<'_>>,
    body: Element<'_>,
    reading: &mut Reading,
) -> Result<Option<Order>, Ill> {
    let mut outer = meta_data.map(Cursor::of).transpose()?;
    let mut inner = Cursor::of(body)?;
    let found = outer.as_mut().and_then(|outer| outer.take(CORE, "MessageMetaData"));
    let order = match (found, inner.take(CORE, "ContentContainer")) {
        (Some(meta_data), Some(content)) => Some(order(meta_data, content, reading)?),
        (None, None) => None,
        _ => return Err(Ill::Structure("an answer with only one of metadata and content")),
    };
    outer.map_or(Ok(()), |outer| outer.end())?;
    inner.end()?;
    Ok(order)
}

/// The questions to the directory.
pub fn lookups(element: Element<'_>, reading: &mut Reading) -> Result<Vec<Lookup>, Ill> {
    let mut cursor = Cursor::of(element)?;
    let mut found = Vec::new();
    for lookup in cursor.all(CORE, "LookupService") {
        let mut lookup = Cursor::of(lookup)?;
        found.push(one_lookup(&mut lookup, reading)?);
        lookup.end()?;
    }
    cursor.end()?;
    if found.is_empty() { Err(Ill::Structure("no service asked for")) } else { Ok(found) }
}

fn one_lookup(cursor: &mut Cursor<'_>, reading: &mut Reading) -> Result<Lookup, Ill> {
    let reader = party(cursor.need(CORE, "Reader")?, false, reading)?;
    Ok(Lookup { reader, service: cursor.take(CORE, "Service").map(id).transpose()? })
}

/// The answers of the directory.
pub fn found(element: Element<'_>, reading: &mut Reading) -> Result<Vec<Option<Found>>, Ill> {
    let mut cursor = Cursor::of(element)?;
    let mut answers = Vec::new();
    for result in cursor.all(CORE, "LookupServiceResult") {
        let mut result = Cursor::of(result)?;
        let lookup = one_lookup(&mut result, reading)?;
        answers.push(Some(answer(&mut result, lookup, CORE, reading)?));
    }
    cursor.end()?;
    if answers.is_empty() { Err(Ill::Structure("no answer of the directory")) } else { Ok(answers) }
}

/// Which messages are listed.
pub fn selection(element: Element<'_>, reading: &mut Reading) -> Result<Selection, Ill> {
    let mut cursor = Cursor::of(element)?;
    let mut selection = Selection::default();
    match cursor.take(CORE, "XTAMessageIDs") {
        Some(ids) => {
            let mut ids = Cursor::of(ids)?;
            for found in ids.all(CORE, "XTAMessageID") {
                selection.ids.push(message_id(found, reading)?);
            }
            ids.end()?;
            if selection.ids.is_empty() {
                return Err(Ill::Structure("no id where at least one belongs"));
            }
        }
        None => {
            let mut other = Cursor::of(cursor.need(CORE, "OtherCriteria")?)?;
            let new_entry = other.take(CORE, "NewEntry").map(token).transpose()?;
            selection.new_entry = new_entry.as_deref().map(truth).transpose()?;
            selection.most = other.take(CORE, "MaxMessages").map(positive).transpose()?;
            selection.from = other.take(CORE, "MessageBoxEntryTimeFrom").map(moment).transpose()?;
            selection.to = other.take(CORE, "MessageBoxEntryTimeTo").map(moment).transpose()?;
            selection.more.extend(extensions(&mut other, reading)?);
            other.end()?;
        }
    }
    cursor.end()?;
    Ok(selection)
}

/// Which message is fetched or closed. Extensions of others are not known here.
pub fn fetch(element: Element<'_>, reading: &mut Reading) -> Result<String, Ill> {
    let mut cursor = Cursor::of(element)?;
    let id = message_id(cursor.need(CORE, "XTAMessageID")?, reading)?;
    cursor.end()?;
    Ok(id)
}

/// What is left in a mailbox.
pub fn status(element: Element<'_>, reading: &mut Reading) -> Result<BoxStatus, Ill> {
    const NOTHING: &str = "http://www.osci.eu/ws/2008/05/transport/MessageBox/reasons/NoMatch";
    let mut cursor = Cursor::of(element)?;
    let mut inner = Cursor::of(cursor.need(CORE, "MessagesRemaining")?)?;
    cursor.all(CORE, "Extensions");
    cursor.end()?;
    let remaining = match inner.take(CORE, "NoMessageAvailable") {
        Some(nothing) => {
            let mut reason = token(nothing)?;
            if reason.is_empty() {
                // The schema has it as its default.
                reason = NOTHING.to_owned();
            } else if uri(nothing).is_err() {
                reading.tolerate(Deviation::ReasonNotUri)?;
            }
            Remaining::Nothing { reason }
        }
        None => Remaining::Pending(number(inner.need(CORE, "MessagesPending")?)?),
    };
    inner.end()?;
    Ok(BoxStatus { request_id: None, remaining })
}

/// A list of messages.
pub fn list(element: Element<'_>, reading: &mut Reading) -> Result<Vec<MetaData>, Ill> {
    let mut cursor = Cursor::of(element)?;
    let mut full = Vec::new();
    for entry in cursor.all(CORE, "MessageMetaData") {
        full.push(meta(entry, reading)?);
    }
    cursor.take(CORE, "Extensions");
    cursor.end()?;
    Ok(full)
}

/// A TransportReport.
pub fn report(element: Element<'_>, reading: &mut Reading) -> Result<Report, Ill> {
    let mut outer = Cursor::of(element)?;
    let report = outer.need(CORE, "TransportReport")?;
    pointed_at(report, reading)?;
    let mut cursor = Cursor::with(report, &["id"])?;
    let time = moment(cursor.need(CORE, "ReportTime")?)?;
    let server = token(cursor.need(CORE, "XTAServerIdentity")?)?;
    let (status, events) = message_status(cursor.need(CORE, "MessageStatus")?, CORE)?;
    let meta = Box::new(meta(cursor.need(CORE, "MessageMetaData")?, reading)?);
    let additional = additional(&mut cursor, CORE, reading)?;
    let mut more: Vec<Opaque> = extensions(&mut cursor, reading)?.into_iter().collect();
    cursor.end()?;
    if let Some(signature) = outer.take(DSIG, "Signature") {
        more.push(reading.opaque(signature)?);
    }
    outer.end()?;
    Ok(Report { meta, time, server, status, events, additional, more })
}
