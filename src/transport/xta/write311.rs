//! Writes the model as elements of core 3.1.1, in the order that its schemas have, with ids that are unique in the envelope.
//! It never leaves out what the schema needs, and never what core has no place for without saying so where it matters: what
//! only 2.1.1 has (subject, receipts, process references) stays behind.

use super::model::{
    BoxStatus, Container, Content, Found, Lookup, MetaData, Order, Party, Remaining, Report, Scenario,
    Selection,
};
use super::names::CORE;
use super::out::{Out, Unwritable, filled, full_uri, moment, needed};
use super::write211::{additional, availability, bare_code, message_status};
use crate::xml::algorithm::DSIG;

/// An order's id.
pub fn message_id(out: &mut Out, id: &str) -> Result<(), Unwritable> {
    let own = out.fresh_id();
    out.leaf("c:XTAMessageID", &[("id", Some(&own))], full_uri(id, "id of an order")?)
}

/// A party, with an id in metadata and without one in a header.
pub fn party(out: &mut Out, name: &str, party: &Party, has_id: bool) -> Result<(), Unwritable> {
    let own = has_id.then(|| out.fresh_id());
    out.open(name, &[("id", own.as_deref())])?;
    let identity = &party.identity;
    let attributes = [
        ("identifierScheme", filled(identity.scheme.as_ref())),
        ("name", filled(identity.name.as_ref())),
        ("organizationCategory", filled(identity.category.as_ref())),
    ];
    out.leaf("c:Identifier", &attributes, needed(Some(&identity.value), "identifier of a party")?)?;
    out.opaques(&party.more, CORE, "Directory")?;
    out.opaques(&party.more, CORE, "Extensions")?;
    if has_id {
        out.opaques(&party.more, CORE, "Certificate")?;
    }
    out.close(name);
    Ok(())
}

/// The metadata of an order.
pub fn meta(out: &mut Out, meta: &MetaData) -> Result<(), Unwritable> {
    out.open("c:MessageMetaData", &[])?;
    message_id(out, &meta.message_id)?;
    party(out, "c:Reader", &meta.reader, true)?;
    out.open("c:Originators", &[])?;
    party(out, "c:Author", &meta.author, true)?;
    meta.sender.as_ref().map_or(Ok(()), |sender| party(out, "c:Sender", sender, true))?;
    out.close("c:Originators");

    let own = out.fresh_id();
    out.open("c:Qualifier", &[("id", Some(&own))])?;
    if let Some(service) = filled(meta.service.as_ref()) {
        out.leaf("c:Service", &[], full_uri(service, "service")?)?;
    }
    out.open("c:BusinessScenario", &[])?;
    match meta.scenario.as_ref().ok_or(Unwritable::Missing("business scenario"))? {
        Scenario::Defined(defined) => bare_code(out, "c:Defined", defined)?,
        Scenario::Undefined(text) => out.leaf("c:Undefined", &[], text)?,
    }
    out.close("c:BusinessScenario");
    let schema = full_uri(&meta.message_type.schema, "schema of the content")?;
    let kind = needed(Some(&meta.message_type.code.value), "message type")?;
    out.leaf("c:MessageType", &[("messageSchema", Some(schema))], kind)?;
    out.close("c:Qualifier");

    let size = meta.size.filter(|size| *size > 0).ok_or(Unwritable::Missing("size of the message"))?;
    out.leaf("c:MessageSize", &[], &size.to_string())?;
    out.open("c:DeliveryAttributes", &[])?;
    let times = &meta.times;
    for (name, time) in [
        ("c:Origin", &times.origin),
        ("c:InitialSend", &times.initial_send),
        ("c:Delivery", &times.delivery),
        ("c:InitialFetch", &times.initial_fetch),
        ("c:Reception", &times.reception),
    ] {
        if let Some(time) = moment(time.as_ref(), "moment")? {
            let own = out.fresh_id();
            out.leaf(name, &[("id", Some(&own))], time)?;
        }
    }
    out.close("c:DeliveryAttributes");
    let quality = meta.quality.as_ref().ok_or(Unwritable::Missing("quality of service"))?;
    let own = out.fresh_id();
    out.open("c:ServiceQuality", &[("id", Some(&own))])?;
    match quality.defined {
        true => out.leaf("c:Defined", &[], full_uri(&quality.value, "quality of service")?)?,
        false => out.leaf("c:Undefined", &[], needed(Some(&quality.value), "quality of service")?)?,
    }
    out.close("c:ServiceQuality");
    out.opaques(&meta.more, CORE, "AdditionalIdentifier")?;
    for property in &meta.properties {
        let own = out.fresh_id();
        out.open("c:MessageProperty", &[("id", Some(&own))])?;
        out.leaf("c:Key", &[], needed(Some(&property.key.value), "key of a property")?)?;
        out.leaf("c:Value", &[], &property.value)?;
        out.close("c:MessageProperty");
    }
    out.opaques(&meta.more, CORE, "Extensions")?;
    out.close("c:MessageMetaData");
    Ok(())
}

/// What is delivered.
pub fn container(out: &mut Out, container: &Container) -> Result<(), Unwritable> {
    let Container::Open { message, attachments, more } = container else {
        return Err(Unwritable::NoPlace("closed container"));
    };
    out.open("c:ContentContainer", &[])?;
    message.as_ref().map_or(Ok(()), |message| content(out, "c:Message", message))?;
    attachments.iter().try_for_each(|attachment| content(out, "c:Attachment", attachment))?;
    out.opaques(more, CORE, "Extensions")?;
    out.close("c:ContentContainer");
    Ok(())
}

fn content(out: &mut Out, name: &str, content: &Content) -> Result<(), Unwritable> {
    let own = out.id_like(content.id.as_deref());
    let size = content.size.filter(|size| *size > 0).map(|size| size.to_string());
    let attributes = [
        ("contentType", filled(content.content_type.as_ref())),
        ("encoding", filled(content.encoding.as_ref())),
        ("filename", filled(content.file_name.as_ref())),
        ("id", Some(own.as_str())),
        ("size", size.as_deref()),
    ];
    out.source(name, &attributes, &content.source)
}

/// The content of an answer to an order; its metadata stand in the header.
pub fn reply(out: &mut Out, order: Option<&Order>) -> Result<(), Unwritable> {
    out.open("c:ContentContainerReply", &[])?;
    order.map_or(Ok(()), |order| container(out, &order.container))?;
    out.close("c:ContentContainerReply");
    Ok(())
}

/// The questions to the directory.
pub fn lookups(out: &mut Out, lookups: &[Lookup]) -> Result<(), Unwritable> {
    if lookups.is_empty() {
        return Err(Unwritable::Missing("service asked for"));
    }
    out.open("c:LookupQuery", &[])?;
    for lookup in lookups {
        out.open("c:LookupService", &[])?;
        one_lookup(out, lookup)?;
        out.close("c:LookupService");
    }
    out.close("c:LookupQuery");
    Ok(())
}

fn one_lookup(out: &mut Out, lookup: &Lookup) -> Result<(), Unwritable> {
    party(out, "c:Reader", &lookup.reader, false)?;
    let service = filled(lookup.service.as_ref()).map(|service| full_uri(service, "service"));
    out.optional("c:Service", service.transpose()?)
}

/// The answers of the directory.
pub fn found(out: &mut Out, answers: &[Option<Found>]) -> Result<(), Unwritable> {
    if answers.is_empty() {
        return Err(Unwritable::Missing("answer of the directory"));
    }
    out.open("c:LookupStatus", &[])?;
    for answer in answers {
        let found = answer.as_ref().ok_or(Unwritable::Missing("answer of the directory"))?;
        out.open("c:LookupServiceResult", &[])?;
        one_lookup(out, &found.lookup)?;
        availability(out, found, "c")?;
        out.close("c:LookupServiceResult");
    }
    out.close("c:LookupStatus");
    Ok(())
}

/// A request for a list: by ids or by the rest, never both. Servers in use want all of the rest.
pub fn list_request(out: &mut Out, selection: &Selection) -> Result<(), Unwritable> {
    out.open("c:MessageSelector", &[])?;
    if selection.ids.is_empty() {
        out.open("c:OtherCriteria", &[])?;
        out.optional("c:NewEntry", selection.new_entry.map(|new| if new { "true" } else { "false" }))?;
        if selection.most == Some(0) {
            return Err(Unwritable::Value("number of messages"));
        }
        out.optional("c:MaxMessages", selection.most.map(|most| most.to_string()).as_deref())?;
        out.optional("c:MessageBoxEntryTimeFrom", moment(selection.from.as_ref(), "moment")?)?;
        out.optional("c:MessageBoxEntryTimeTo", moment(selection.to.as_ref(), "moment")?)?;
        out.opaques(&selection.more, CORE, "Extensions")?;
        out.close("c:OtherCriteria");
    } else {
        out.open("c:XTAMessageIDs", &[])?;
        selection.ids.iter().try_for_each(|id| message_id(out, id))?;
        out.close("c:XTAMessageIDs");
    }
    out.close("c:MessageSelector");
    Ok(())
}

/// A request to fetch or close one message.
pub fn fetch_request(out: &mut Out, ids: &[String]) -> Result<(), Unwritable> {
    let [id] = ids else { return Err(Unwritable::Value("number of messages")) };
    out.open("c:MessageFetch", &[])?;
    message_id(out, id)?;
    out.close("c:MessageFetch");
    Ok(())
}

/// What is left in a mailbox.
pub fn status(out: &mut Out, status: &BoxStatus) -> Result<(), Unwritable> {
    out.open("c:MessageBoxStatus", &[])?;
    out.open("c:MessagesRemaining", &[])?;
    match &status.remaining {
        Remaining::Nothing { reason } => {
            out.leaf("c:NoMessageAvailable", &[], full_uri(reason, "reason")?)?
        }
        Remaining::Pending(many) => out.leaf("c:MessagesPending", &[], &many.to_string())?,
    }
    out.close("c:MessagesRemaining");
    out.close("c:MessageBoxStatus");
    Ok(())
}

/// A list of messages.
pub fn list(out: &mut Out, full: &[MetaData]) -> Result<(), Unwritable> {
    out.open("c:MessageStatusList", &[])?;
    full.iter().try_for_each(|entry| meta(out, entry))?;
    out.close("c:MessageStatusList");
    Ok(())
}

/// A TransportReport.
pub fn report(out: &mut Out, report: &Report) -> Result<(), Unwritable> {
    out.open("c:ReportResult", &[])?;
    let own = out.fresh_id();
    out.open("c:TransportReport", &[("id", Some(&own))])?;
    out.optional("c:ReportTime", moment(Some(&report.time), "moment")?)?;
    out.leaf("c:XTAServerIdentity", &[], &report.server)?;
    message_status(out, report, "c")?;
    meta(out, &report.meta)?;
    additional(out, report, "c")?;
    out.opaques(&report.more, CORE, "Extensions")?;
    out.close("c:TransportReport");
    out.opaques(&report.more, DSIG, "Signature")?;
    out.close("c:ReportResult");
    Ok(())
}
