//! Writes the model as elements of module 2.1.1, in the order that its schemas have.
//! It never leaves out what the schema needs: what is not there is a fault of the caller, not an invalid envelope.

use super::model::{
    Availability, BoxStatus, Brief, Code, Container, Content, Found, Identity, Iteration, ListForm, Lookup,
    MetaData, MsgPart, Party, Process, Remaining, Report, Scenario, Selection,
};
use super::names::{META, WSA};
use super::out::{Out, Unwritable, day, filled, full_uri, moment, needed, uri};
use super::read211::SEVERITIES;
use super::values;
use crate::xml::algorithm::{DSIG, XENC};

/// A code.
pub fn code(out: &mut Out, name: &str, code: &Code, more: &[(&str, Option<&str>)]) -> Result<(), Unwritable> {
    let list = code.list.as_ref().ok_or(Unwritable::Missing("list of a code"))?;
    let own = [
        ("listURI", Some(uri(&list.uri, "list of a code")?)),
        ("listVersionID", Some(list.version.as_str())),
    ];
    out.open(name, &[&own, more].concat())?;
    out.leaf("code", &[], &code.value)?;
    out.optional("name", code.name.as_deref())?;
    out.close(name);
    Ok(())
}

/// A code whose type has no name.
pub fn bare_code(out: &mut Out, name: &str, of: &Code) -> Result<(), Unwritable> {
    code(out, name, &Code { name: None, ..of.clone() }, &[])
}

fn identifier(out: &mut Out, name: &str, identity: &Identity) -> Result<(), Unwritable> {
    let scheme = needed(identity.scheme.as_deref(), "type of an identifier")?;
    let attributes = [
        ("type", Some(scheme)),
        ("name", filled(identity.name.as_ref())),
        ("category", filled(identity.category.as_ref())),
    ];
    out.leaf(name, &attributes, &identity.value)
}

/// A party.
pub fn party(out: &mut Out, name: &str, party: &Party) -> Result<(), Unwritable> {
    out.open(name, &[])?;
    identifier(out, "m:Identifier", &party.identity)?;
    out.opaques(&party.more, META, "SecurityToken")?;
    out.close(name);
    Ok(())
}

/// An order's id.
pub fn message_id(out: &mut Out, id: &str) -> Result<(), Unwritable> {
    out.leaf("wsa:MessageID", &[], full_uri(id, "id of an order")?)
}

fn process(out: &mut Out, name: &str, process: Option<&Process>) -> Result<(), Unwritable> {
    let Some(process) = process else { return Ok(()) };
    let attributes = [("ProccesName", filled(process.name.as_ref()))];
    out.leaf(name, &attributes, needed(Some(&process.value), "identifier of a process")?)
}

/// The metadata of an order.
pub fn meta(out: &mut Out, meta: &MetaData) -> Result<(), Unwritable> {
    out.open("m:MessageMetaData", &[("TestMsg", meta.test.then_some("true"))])?;
    let times = &meta.times;
    out.open("m:DeliveryAttributes", &[])?;
    out.optional("m:Origin", moment(times.origin.as_ref(), "moment")?)?;
    out.optional("m:InitialSend", moment(times.initial_send.as_ref(), "moment")?)?;
    out.optional("m:NotBefore", moment(times.not_before.as_ref(), "moment")?)?;
    out.optional("m:ObsoleteAfter", day(times.obsolete_after.as_ref(), "day")?)?;
    out.optional("m:Delivery", moment(times.delivery.as_ref(), "moment")?)?;
    out.optional("m:InitialFetch", moment(times.initial_fetch.as_ref(), "moment")?)?;
    out.optional("m:Reception", moment(times.reception.as_ref(), "moment")?)?;
    let quality = meta.quality.as_ref().map(|quality| needed(Some(&quality.value), "quality of service"));
    out.optional("m:ServiceQuality", quality.transpose()?)?;
    if let Some(receipts) = &meta.receipts {
        out.opaque(receipts)?;
    }
    out.close("m:DeliveryAttributes");
    out.open("m:Originators", &[])?;
    party(out, "m:Author", &meta.author)?;
    meta.sender.as_ref().map_or(Ok(()), |sender| party(out, "m:Sender", sender))?;
    meta.reply_to.as_ref().map_or(Ok(()), |reply| party(out, "m:ReplyTo", reply))?;
    out.close("m:Originators");
    out.open("m:Destinations", &[])?;
    party(out, "m:Reader", &meta.reader)?;
    if !meta.other_readers.is_empty() {
        out.open("m:OtherDestinations", &[])?;
        meta.other_readers.iter().try_for_each(|reader| identifier(out, "m:OtherReaders", reader))?;
        meta.copies.iter().try_for_each(|reader| identifier(out, "m:CcReaders", reader))?;
        out.close("m:OtherDestinations");
    } else if !meta.copies.is_empty() {
        return Err(Unwritable::Missing("other reader beside copies"));
    }
    out.close("m:Destinations");
    out.open("m:MsgIdentification", &[])?;
    message_id(out, &meta.message_id)?;
    for answered in &meta.in_reply_to {
        out.leaf("m:In-Reply-To", &[], uri(answered, "id that is answered")?)?;
    }
    if meta.requester.is_some() || meta.responder.is_some() {
        out.open("m:ProcessRef", &[])?;
        process(out, "m:Requester", meta.requester.as_ref())?;
        process(out, "m:Responder", meta.responder.as_ref())?;
        out.close("m:ProcessRef");
    }
    out.close("m:MsgIdentification");
    qualifier(out, meta)?;
    if !meta.properties.is_empty() {
        out.open("m:MessageProperties", &[])?;
        for property in &meta.properties {
            out.open("m:Property", &[])?;
            code(out, "m:Key", &property.key, &[])?;
            out.leaf("m:Value", &[], needed(Some(&property.value), "value of a property")?)?;
            out.close("m:Property");
        }
        out.close("m:MessageProperties");
    }
    // The schema has no size of zero.
    out.optional("m:MsgSize", meta.size.filter(|size| *size > 0).map(|size| size.to_string()).as_deref())?;
    out.close("m:MessageMetaData");
    Ok(())
}

fn qualifier(out: &mut Out, meta: &MetaData) -> Result<(), Unwritable> {
    out.open("m:Qualifier", &[])?;
    out.optional("m:Subject", meta.subject.as_deref())?;
    out.leaf("m:Service", &[], uri(meta.service.as_deref().unwrap_or_default(), "service")?)?;
    out.open("m:BusinessScenario", &[])?;
    match meta.scenario.as_ref().ok_or(Unwritable::Missing("business scenario"))? {
        Scenario::Defined(defined) => code(out, "m:Defined", defined, &[])?,
        Scenario::Undefined(text) => out.leaf("m:Undefined", &[], text)?,
    }
    out.close("m:BusinessScenario");
    let schema = full_uri(&meta.message_type.schema, "schema of the content")?;
    code(out, "m:MessageType", &meta.message_type.code, &[("payloadSchema", Some(schema))])?;
    out.close("m:Qualifier");
    Ok(())
}

/// What is delivered.
pub fn container(out: &mut Out, container: &Container) -> Result<(), Unwritable> {
    out.open("x:GenericContentContainer", &[])?;
    match container {
        Container::Closed(closed) if closed.namespace == XENC && closed.local == "EncryptedData" => {
            out.opaque(closed)?
        }
        Container::Closed(_) => return Err(Unwritable::NoPlace("closed container")),
        Container::Open { message, attachments, more } => {
            if !more.is_empty() {
                return Err(Unwritable::NoPlace("extension of a container"));
            }
            out.open("x:ContentContainer", &[])?;
            content(out, "x:Message", message.as_ref().ok_or(Unwritable::Missing("message"))?)?;
            attachments.iter().try_for_each(|attachment| content(out, "x:Attachment", attachment))?;
            out.close("x:ContentContainer");
        }
    }
    out.close("x:GenericContentContainer");
    Ok(())
}

fn content(out: &mut Out, name: &str, content: &Content) -> Result<(), Unwritable> {
    let language = content.language.as_deref();
    if language.is_some_and(|language| !values::is_language(language)) {
        return Err(Unwritable::Value("language"));
    }
    let size = content.size.filter(|size| *size > 0).map(|size| size.to_string());
    let attributes = [
        ("contentType", Some(needed(content.content_type.as_deref(), "media type of a content")?)),
        ("contentDescription", filled(content.description.as_ref())),
        ("encoding", filled(content.encoding.as_ref())),
        ("filename", filled(content.file_name.as_ref())),
        ("id", filled(content.id.as_ref())),
        ("lang", language),
        ("size", size.as_deref()),
    ];
    out.source(name, &attributes, &content.source)
}

/// The questions to the directory.
pub fn lookups(out: &mut Out, lookups: &[Lookup]) -> Result<(), Unwritable> {
    if lookups.is_empty() {
        return Err(Unwritable::Missing("service asked for"));
    }
    out.open("x:LookupServiceRequest", &[])?;
    for lookup in lookups {
        out.open("x:LookupServiceRequestList", &[])?;
        out.open("x:LookupService", &[])?;
        one_lookup(out, lookup)?;
        out.close("x:LookupService");
        out.close("x:LookupServiceRequestList");
    }
    out.close("x:LookupServiceRequest");
    Ok(())
}

fn one_lookup(out: &mut Out, lookup: &Lookup) -> Result<(), Unwritable> {
    party(out, "m:Reader", &lookup.reader)?;
    out.leaf("x:ServiceType", &[], uri(lookup.service.as_deref().unwrap_or_default(), "service")?)
}

/// The answers of the directory.
pub fn found(out: &mut Out, answers: &[Option<Found>]) -> Result<(), Unwritable> {
    if answers.is_empty() {
        return Err(Unwritable::Missing("answer of the directory"));
    }
    out.open("x:LookupServiceResponse", &[])?;
    out.open("x:LookupServiceResultList", &[])?;
    for answer in answers {
        let Some(found) = answer else {
            out.empty("x:LookupServiceResult", &[("xsi:nil", Some("true"))])?;
            continue;
        };
        out.open("x:LookupServiceResult", &[])?;
        one_lookup(out, &found.lookup)?;
        availability(out, found, "x")?;
        out.close("x:LookupServiceResult");
    }
    out.close("x:LookupServiceResultList");
    out.close("x:LookupServiceResponse");
    Ok(())
}

/// What stands behind the question in an answer; the same in both modules.
pub fn availability(out: &mut Out, found: &Found, prefix: &str) -> Result<(), Unwritable> {
    let name = |local: &str| format!("{prefix}:{local}");
    out.open(&name("IsServiceAvailableValue"), &[])?;
    match found.availability {
        Availability::Known(known) => {
            out.leaf(&name("ServiceIsAvailable"), &[], if known { "true" } else { "false" })?;
        }
        Availability::Unknown => out.leaf(&name("ServiceIsAvailableUnknown"), &[], "true")?,
    }
    out.close(&name("IsServiceAvailableValue"));
    for (kind, source) in &found.parameters {
        out.open(&name("ServiceParameter"), &[])?;
        bare_code(out, &name("ParameterType"), kind)?;
        out.source(&name("Resource"), &[], source)?;
        out.close(&name("ServiceParameter"));
    }
    Ok(())
}

/// A request for a list.
pub fn list_request(out: &mut Out, selection: &Selection) -> Result<(), Unwritable> {
    let most = selection.most.map(|most| most.to_string());
    if selection.most == Some(0) {
        return Err(Unwritable::Value("number of items"));
    }
    let form = selection.form.map(|form| match form {
        ListForm::Full => "MessageMetaData",
        // The schema spells it so.
        ListForm::Brief => "MsgAtrributes",
    });
    out.open("o:MsgBoxStatusListRequest", &[("maxListItems", most.as_deref()), ("ListForm", form)])?;
    selector(out, selection)?;
    out.close("o:MsgBoxStatusListRequest");
    Ok(())
}

/// A request for a message.
pub fn fetch_request(out: &mut Out, selection: &Selection, part: MsgPart) -> Result<(), Unwritable> {
    let part = match part {
        MsgPart::Envelope => "Envelope",
        MsgPart::Header => "Header",
        MsgPart::Body => "Body",
    };
    out.open("o:MsgBoxFetchRequest", &[("MsgPart", Some(part))])?;
    selector(out, selection)?;
    out.close("o:MsgBoxFetchRequest");
    Ok(())
}

fn selector(out: &mut Out, selection: &Selection) -> Result<(), Unwritable> {
    let Selection { ids, relates_to, new_entry, from, to, .. } = selection;
    if ids.is_empty() && relates_to.is_empty() && new_entry.is_none() && from.is_none() && to.is_none() {
        return Ok(());
    }
    out.open("o:MsgSelector", &[("newEntry", new_entry.map(|new| if new { "true" } else { "false" }))])?;
    ids.iter().try_for_each(|id| message_id(out, id))?;
    for other in relates_to {
        out.leaf("wsa:RelatesTo", &[], uri(other, "id that is related to")?)?;
    }
    out.optional("o:MsgBoxEntryTimeFrom", moment(from.as_ref(), "moment")?)?;
    out.optional("o:MsgBoxEntryTimeTo", moment(to.as_ref(), "moment")?)?;
    out.close("o:MsgSelector");
    Ok(())
}

/// Going on in a list, or closing messages.
pub fn iteration(out: &mut Out, name: &str, iteration: &Iteration) -> Result<(), Unwritable> {
    let id = uri(iteration.request_id.as_deref().ok_or(Unwritable::Missing("request id"))?, "request id")?;
    out.open(name, &[("MsgBoxRequestID", Some(id))])?;
    for received in &iteration.received {
        out.leaf("o:LastMsgReceived", &[], full_uri(received, "id of an order")?)?;
    }
    out.close(name);
    Ok(())
}

/// What is left in a mailbox.
pub fn status(out: &mut Out, status: &BoxStatus) -> Result<(), Unwritable> {
    let id = uri(status.request_id.as_deref().ok_or(Unwritable::Missing("request id"))?, "request id")?;
    out.open("o:MsgBoxResponse", &[("MsgBoxRequestID", Some(id))])?;
    match &status.remaining {
        Remaining::Nothing { reason } => {
            out.empty("o:NoMessageAvailable", &[("reason", Some(uri(reason, "reason")?))])?;
        }
        Remaining::Pending(many) => out.leaf("o:ItemsPending", &[], &many.to_string())?,
    }
    out.close("o:MsgBoxResponse");
    Ok(())
}

/// A list of messages.
pub fn list(out: &mut Out, briefs: &[Brief], full: &[MetaData]) -> Result<(), Unwritable> {
    out.open("o:MsgStatusList", &[])?;
    briefs.iter().try_for_each(|entry| brief(out, entry))?;
    full.iter().try_for_each(|entry| meta(out, entry))?;
    out.close("o:MsgStatusList");
    Ok(())
}

fn brief(out: &mut Out, brief: &Brief) -> Result<(), Unwritable> {
    out.open("o:MsgAttributes", &[])?;
    message_id(out, &brief.message_id)?;
    for other in &brief.relates_to {
        out.leaf("wsa:RelatesTo", &[], uri(other, "id that is related to")?)?;
    }
    out.opaques(brief.from.as_slice(), WSA, "From")?;
    out.leaf("o:TypeOfBusinessScenario", &[], uri(&brief.scenario, "business scenario")?)?;
    // The schema has 32 bits for it.
    out.leaf("o:MsgSize", &[], &brief.size.min(i32::MAX as u64).to_string())?;
    out.optional("o:ObsoleteAfterDate", day(brief.obsolete_after.as_ref(), "day")?)?;
    out.optional("o:DeliveryTime", moment(Some(&brief.delivery), "moment")?)?;
    out.optional("o:InitialFetchedTime", moment(brief.initial_fetch.as_ref(), "moment")?)?;
    out.close("o:MsgAttributes");
    Ok(())
}

/// A TransportReport.
pub fn report(out: &mut Out, report: &Report) -> Result<(), Unwritable> {
    out.open("x:TransportReport", &[])?;
    meta(out, &report.meta)?;
    out.optional("x:ReportTime", moment(Some(&report.time), "moment")?)?;
    out.leaf("x:XTAServerIdentity", &[], &report.server)?;
    message_status(out, report, "x")?;
    additional(out, report, "x")?;
    out.opaques(&report.more, DSIG, "Signature")?;
    out.close("x:TransportReport");
    Ok(())
}

/// Status and events of a report; the same in both modules.
pub fn message_status(out: &mut Out, report: &Report, prefix: &str) -> Result<(), Unwritable> {
    let name = |local: &str| format!("{prefix}:{local}");
    out.open(&name("MessageStatus"), &[])?;
    out.leaf(&name("Status"), &[], &report.status.to_string())?;
    for (list, item, severity) in SEVERITIES {
        let mut events = report.events.iter().filter(|event| event.severity == severity).peekable();
        if events.peek().is_none() {
            continue;
        }
        out.open(&name(list), &[])?;
        for event in events {
            out.open(&name(item), &[])?;
            out.optional(&name("Timestamp"), moment(Some(&event.time), "moment")?)?;
            bare_code(out, &name("Code"), &event.code)?;
            // Core has no empty reason.
            out.leaf(&name("Reason"), &[], if event.reason.is_empty() { "-" } else { &event.reason })?;
            out.close(&name(item));
        }
        out.close(&name(list));
    }
    out.close(&name("MessageStatus"));
    Ok(())
}

/// Reports of the transports that were used; the same in both modules.
pub fn additional(out: &mut Out, report: &Report, prefix: &str) -> Result<(), Unwritable> {
    if report.additional.is_empty() {
        return Ok(());
    }
    let name = |local: &str| format!("{prefix}:{local}");
    out.open(&name("AdditionalReports"), &[])?;
    for (key, source) in &report.additional {
        out.open(&name("Report"), &[])?;
        bare_code(out, &name("Key"), key)?;
        out.source(&name("Data"), &[], source)?;
        out.close(&name("Report"));
    }
    out.close(&name("AdditionalReports"));
    Ok(())
}
