//! What we write of XTA 2: every request, response and fault of both modules is valid to the official schemas (where they lie
//! beside the repository and xmllint is installed), read by our reader as it was meant, and framed as foreign readers want it.
//! That our reader understands our writer proves nothing by itself; the schemas are somebody else's.

use std::collections::HashSet;

use bytes::Bytes;
use drehscheibe::mime::media::{Boundary, boundary_of};
use drehscheibe::mime::writer::Writer;
use drehscheibe::transport::xta::fault::{Class, Exception, Fault, Problem};
use drehscheibe::transport::xta::model::{
    Availability, BoxStatus, Brief, Container, Content, Event, Found, Iteration, ListForm, Lookup, MsgPart,
    Order, Party, Property, Remaining, Report, Request, Response, Selection, Severity, Source,
};
use drehscheibe::transport::xta::names::{ANONYMOUS, Module, OPERATIONS, Operation, Turn};
use drehscheibe::transport::xta::out::{Carriage, Unwritable, Written};
use drehscheibe::transport::xta::package::{self, Limits};
use drehscheibe::transport::xta::receive::{self, Refused, Rules};
use drehscheibe::transport::xta::soap::Addressing;
use drehscheibe::transport::xta::write;

use crate::xta_support::{
    answer, apart, code, full_content, full_meta, one, party, recorded, refused_by_schema, small_meta,
    strict, take,
};

const ID: &str = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001";
const TO: &str = "https://xta.example/services/XTAService/Port";

/// Has envelopes judged by the schema of their module, where there is somebody to judge.
fn judge(module: Module, envelopes: &[(String, String)]) {
    let texts: Vec<&str> = envelopes.iter().map(|(_, envelope)| envelope.as_str()).collect();
    let Some(refused) = refused_by_schema(module, &texts) else { return };
    let wrong: Vec<String> = refused.iter().map(|(at, why)| format!("{}: {why}", envelopes[*at].0)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An envelope with the octets of parts put into it, as a validator wants it.
fn resolved(written: &Written) -> String {
    let mut text = written.filled(|_| Some(b"abc".to_vec())).unwrap();
    for id in &written.references {
        text = text.replace(&format!("<xop:Include href=\"cid:{id}\"/>"), "YWJj");
    }
    text
}

fn open(module: Module) -> Container {
    let mut inline = full_content(Source::Inline(Bytes::from_static(b"abc")));
    inline.id = Some("id-1".to_owned());
    let mut attachments = vec![full_content(Source::Part("p.1-a@drehscheibe".to_owned())), inline];
    if module == Module::Core311 {
        // Core knows no description and no language, and what it cannot say it does not read back.
        attachments.iter_mut().for_each(|content| (content.description, content.language) = (None, None));
    }
    let message = Some(Content::new(Source::Part("p.0@drehscheibe".to_owned()), "application/xml"));
    Container::Open { message, attachments, more: Vec::new() }
}

fn order(module: Module) -> Order {
    let meta = if module == Module::Xta211 { full_meta() } else { core_meta() };
    Order { meta: Box::new(meta), container: open(module) }
}

/// Everything that core can say.
fn core_meta() -> drehscheibe::transport::xta::model::MetaData {
    let mut meta = small_meta();
    let full = full_meta();
    meta.message_type.code.list = None;
    meta.times = full.times;
    (meta.times.not_before, meta.times.obsolete_after) = (None, None);
    (meta.quality, meta.sender, meta.service, meta.scenario) =
        (full.quality, full.sender, full.service, full.scenario);
    let mut key = code("k", "keys");
    key.list = None;
    meta.properties = vec![Property { key, value: "v & w".to_owned() }];
    meta
}

fn least(module: Module) -> Order {
    let content = Content::new(Source::Inline(Bytes::new()), "text/plain");
    let mut meta = small_meta();
    match module {
        Module::Core311 => meta.message_type.code.list = None,
        // The element must stand there and may be empty.
        Module::Xta211 => meta.service = Some(String::new()),
    }
    Order {
        meta: Box::new(meta),
        container: Container::Open { message: Some(content), attachments: vec![], more: vec![] },
    }
}

fn requests(module: Module) -> Vec<Request> {
    let id = "urn:de:xta:messageid:test:1".to_owned();
    let lookup = Lookup { reader: party("sta:1"), service: Some("urn:dienst".to_owned()) };
    let moment = |day: u8| Some(format!("2026-11-{day:02}T00:00:00Z"));
    let by_time = Selection {
        new_entry: Some(false),
        most: Some(100),
        from: moment(1),
        to: moment(2),
        ..Selection::default()
    };
    let iteration = Iteration { request_id: Some("urn:uuid:1".to_owned()), received: vec![id.clone()] };
    let mut all = vec![
        Request::CheckAccountActive,
        Request::CreateMessageId,
        Request::LookupService(vec![lookup.clone(), lookup]),
        Request::GetTransportReport(id.clone()),
        Request::SendMessage(order(module)),
        Request::SendMessage(least(module)),
        Request::SendMessageSync(order(module)),
        Request::GetStatusList(Selection::default()),
        Request::GetMessage(Selection::one(&id), MsgPart::Envelope),
    ];
    match module {
        Module::Xta211 => {
            let list = Selection {
                form: Some(ListForm::Brief),
                ids: vec![id.clone()],
                relates_to: vec!["urn:a".to_owned()],
                ..by_time
            };
            all.extend([
                Request::CancelMessage(id),
                Request::GetStatusList(list),
                Request::GetStatusList(Selection { form: Some(ListForm::Full), ..Selection::default() }),
                Request::GetNextStatusList(iteration.clone()),
                Request::GetNextMessage(Iteration { received: vec![], ..iteration.clone() }),
                Request::Close(iteration),
            ]);
        }
        Module::Core311 => all.extend([
            Request::DeliverMessage(order(module)),
            Request::GetStatusList(by_time),
            Request::GetStatusList(Selection {
                ids: vec![id.clone(), "urn:b".to_owned()],
                ..Selection::default()
            }),
            Request::Close(Iteration { request_id: None, received: vec![id] }),
        ]),
    }
    all
}

fn responses(module: Module) -> Vec<(Operation, Response)> {
    let id = "urn:de:xta:messageid:test:1".to_owned();
    let xta = module == Module::Xta211;
    let request_id = xta.then(|| "urn:uuid:1".to_owned());
    let pending = BoxStatus { request_id: request_id.clone(), remaining: Remaining::Pending(3) };
    let reason = "http://www.osci.eu/ws/2008/05/transport/MsgBox/reasons/NoMatch".to_owned();
    let nothing = BoxStatus { request_id, remaining: Remaining::Nothing { reason } };
    let lookup = Lookup { reader: party("sta:1"), service: Some("urn:dienst".to_owned()) };
    let found = |availability| {
        let parameters =
            vec![(code("CERT", "service.parameter.type"), Source::Inline(Bytes::from_static(b"abc")))];
        Some(Found { lookup: lookup.clone(), availability, parameters })
    };
    let mut answers = vec![found(Availability::Known(false)), found(Availability::Unknown)];
    if xta {
        answers.push(None);
    }
    let event = |severity, reason: &str| Event {
        severity,
        time: "2026-11-21T10:00:00Z".to_owned(),
        code: code("DELIVERED", "record.type"),
        reason: reason.to_owned(),
    };
    let report = Report {
        meta: order(module).meta,
        time: "2026-11-21T10:00:00Z".to_owned(),
        server: "https://xta.example/".to_owned(),
        status: 2,
        events: vec![
            event(Severity::Error, "a"),
            event(Severity::Warning, "b"),
            event(Severity::Info, "c <d>"),
        ],
        additional: vec![(code("OSCI", "report.type"), Source::Part("r.1@drehscheibe".to_owned()))],
        more: Vec::new(),
    };
    let brief = Brief {
        message_id: id.clone(),
        relates_to: vec!["urn:a".to_owned()],
        from: None,
        scenario: "urn:scenario".to_owned(),
        size: 7,
        obsolete_after: Some("2027-01-01".to_owned()),
        delivery: "2026-11-21T10:00:00Z".to_owned(),
        initial_fetch: Some("2026-11-21T10:00:01Z".to_owned()),
    };
    let many = (0..100).map(|_| *order(module).meta).collect();
    let message =
        |status: &BoxStatus| Response::Message { status: Some(status.clone()), order: Some(order(module)) };
    let mut all = vec![
        (Operation::CheckAccountActive, Response::Empty),
        (Operation::SendMessage, Response::Empty),
        (Operation::Close, Response::Empty),
        (Operation::CreateMessageId, Response::MessageId(id)),
        (Operation::LookupService, Response::Lookup(answers)),
        (
            Operation::GetTransportReport,
            Response::Report(Report { events: vec![], additional: vec![], ..report.clone() }),
        ),
        (Operation::GetTransportReport, Response::Report(report)),
        (Operation::GetStatusList, Response::List { status: pending.clone(), brief: vec![], full: many }),
        (Operation::GetStatusList, Response::List { status: nothing.clone(), brief: vec![], full: vec![] }),
        (Operation::GetMessage, message(&pending)),
        (Operation::GetMessage, message(&nothing)),
        (Operation::SendMessageSync, Response::Reply(Some(order(module)))),
    ];
    if xta {
        all.extend([
            (Operation::CancelMessage, Response::Empty),
            (
                Operation::GetStatusList,
                Response::List { status: pending.clone(), brief: vec![brief.clone(), brief], full: vec![] },
            ),
            (
                Operation::GetNextStatusList,
                Response::List { status: pending.clone(), brief: vec![], full: vec![] },
            ),
            (Operation::GetNextMessage, message(&pending)),
            (Operation::GetNextMessage, Response::Message { status: Some(nothing), order: None }),
        ]);
    } else {
        all.push((Operation::DeliverMessage, Response::Reply(Some(order(module)))));
        all.push((Operation::DeliverMessage, Response::Reply(None)));
    }
    all
}

/// What core read of a content's id: one that is free stays, the others are made anew.
fn without_fresh_ids(container: &mut Container) {
    if let Container::Open { message, attachments, .. } = container {
        for content in message.iter_mut().chain(attachments) {
            content.id = content.id.take().filter(|id| !id.starts_with("id-"));
        }
    }
}

fn plain_request(mut request: Request, module: Module) -> Request {
    if let Request::SendMessage(order) | Request::SendMessageSync(order) | Request::DeliverMessage(order) =
        &mut request
        && module == Module::Core311
    {
        without_fresh_ids(&mut order.container);
    }
    request
}

fn plain_response(mut response: Response, module: Module) -> Response {
    if let Response::Message { order: Some(order), .. } | Response::Reply(Some(order)) = &mut response
        && module == Module::Core311
    {
        without_fresh_ids(&mut order.container);
    }
    response
}

fn asked() -> Addressing {
    Addressing {
        message_id: Some("uuid:590def9f".to_owned()),
        to: Some(TO.to_owned()),
        ..Addressing::default()
    }
}

#[test]
fn every_request_is_valid_and_is_read_as_it_was_meant() {
    for module in [Module::Xta211, Module::Core311] {
        let mut envelopes = Vec::new();
        let mut seen = HashSet::new();
        for request in requests(module) {
            for carriage in [Carriage::Parts, Carriage::Inline] {
                let identity = party("jua:05315000");
                let written = write::request(module, &request, Some(&identity), TO, ID, carriage).unwrap();
                let operation = write::operation_of(&request);
                assert_eq!(written.action, operation.action(module, Turn::Request));
                envelopes.push((format!("{operation:?} {carriage:?}"), resolved(&written)));
                seen.insert(operation);
                if carriage == Carriage::Parts {
                    let read = receive::request(written.whole().unwrap().to_owned().into(), &[], &strict());
                    let read =
                        read.unwrap_or_else(|refused| panic!("{operation:?} {}", refused.fault.reason));
                    let (read_one, meant) =
                        (plain_request(read.request, module), plain_request(request.clone(), module));
                    assert!(read_one == meant, "{module:?} {operation:?}");
                    assert_eq!(
                        (read.operation, read.addressing.message_id.as_deref()),
                        (operation, Some(ID))
                    );
                }
            }
        }
        assert_eq!(seen.len(), if module == Module::Xta211 { 12 } else { 10 });
        judge(module, &envelopes);
    }
}

#[test]
fn every_response_is_valid_and_is_read_as_it_was_meant() {
    for module in [Module::Xta211, Module::Core311] {
        let mut envelopes = Vec::new();
        let mut seen = HashSet::new();
        for (operation, response) in responses(module) {
            for (carriage, request) in [
                (Carriage::Parts, asked()),
                (Carriage::Inline, asked()),
                (Carriage::Parts, Addressing::default()),
            ] {
                let written = write::response(module, operation, &response, &request, ID, carriage).unwrap();
                envelopes.push((format!("{operation:?} {carriage:?}"), resolved(&written)));
                seen.insert(operation);
                let Some(whole) = written.whole() else { continue };
                let read = receive::response(whole.to_owned().into(), module, operation, &strict());
                let read = read.unwrap_or_else(|fault| panic!("{operation:?} {}", fault.reason));
                if carriage == Carriage::Parts {
                    let outcome = plain_response(read.outcome.unwrap(), module);
                    assert!(outcome == plain_response(response.clone(), module), "{module:?} {operation:?}");
                }
                // Addressing comes back where it was used, with the request's id as it was spelt.
                let expected = request.message_id.clone();
                assert_eq!(read.addressing.relates_to, expected);
                assert_eq!(read.addressing.to.as_deref(), expected.as_ref().map(|_| ANONYMOUS));
                assert_eq!(whole.contains("<soap:Header><wsa:"), expected.is_some());
            }
        }
        assert_eq!(seen.len(), if module == Module::Xta211 { 12 } else { 10 });
        judge(module, &envelopes);
    }
}

#[test]
fn every_fault_is_valid_and_is_read_as_it_was_meant() {
    let protocol = [
        Fault::sender("no action: cannot dispatch"),
        Fault::media_type("media type"),
        Fault::addressing("ActionMismatch", "two actions"),
        Fault {
            class: Class::MustUnderstand,
            not_understood: vec![
                ("urn:a&b".to_owned(), "Security".to_owned()),
                (String::new(), "x".to_owned()),
            ],
            ..Fault::sender("not understood")
        },
        Fault { class: Class::VersionMismatch, ..Fault::sender("soap 1.1") },
    ];
    for module in [Module::Xta211, Module::Core311] {
        let mut envelopes = Vec::new();
        let mut codes = HashSet::new();
        let operations = OPERATIONS.into_iter().filter(|operation| operation.port(module).is_some());
        for operation in operations {
            let problems =
                (9000..9200).filter_map(Problem::of).map(|problem| problem.for_operation(module, operation));
            let faults = problems.map(Fault::of).chain(protocol.clone());
            for fault in faults {
                let known = Some((module, operation));
                let action = operation.action(module, Turn::Request);
                let refused = Refused { fault: fault.clone(), operation: known, action, addressing: asked() };
                let written = write::fault(&refused, ID).unwrap();
                let whole = written.whole().unwrap().to_owned();
                let read = receive::response(whole.clone().into(), module, operation, &strict()).unwrap();
                let read_fault = read.outcome.unwrap_err();
                assert_eq!((read_fault.class, &read_fault.addressing), (fault.class, &fault.addressing));
                assert_eq!(read_fault.problem, fault.problem, "{operation:?}");
                assert_eq!(read_fault.reason, fault.reason);
                if let Some(problem) = fault.problem {
                    assert!(problem.exception.is_declared(module, operation));
                    let element = problem.exception.element(module).unwrap();
                    assert_eq!(written.action, operation.fault_action(module, element));
                    codes.insert(problem.code);
                }
                assert_eq!(whole.contains("soap:NotUnderstood"), fault.class == Class::MustUnderstand);
                envelopes.push((format!("{operation:?} {:?}", fault.class), whole));
            }
        }
        // Every code of the list but that of cancelling, which core has not.
        assert_eq!(codes.len(), if module == Module::Xta211 { 22 } else { 20 });
        judge(module, &envelopes);
    }
}

#[test]
fn what_foreign_stacks_said_is_written_again_and_valid() {
    let mut envelopes = Vec::new();
    let mut core = Vec::new();
    let again = |module, request: &Request, identity: Option<&Party>| {
        resolved(&write::request(module, request, identity, TO, ID, Carriage::Parts).unwrap())
    };
    for request in recorded(".request.http") {
        let (incoming, _) = take(&request.octets, &Rules::default()).unwrap();
        let written = again(incoming.module, &incoming.request, incoming.identity.as_ref());
        envelopes.push((request.name.clone(), written));
    }
    for request in recorded(".request.xml") {
        let incoming = receive::request(request.octets.clone(), &[], &strict()).unwrap();
        let written = again(incoming.module, &incoming.request, incoming.identity.as_ref());
        let to = if incoming.module == Module::Xta211 { &mut envelopes } else { &mut core };
        to.push((request.name.clone(), written));
    }
    for response in recorded(".response.http") {
        let operation = response.operation();
        let (read, _) = answer(&response.octets, operation, &strict()).unwrap();
        let written = match read.outcome {
            Ok(outcome) => {
                write::response(Module::Xta211, operation, &outcome, &asked(), ID, Carriage::Parts).unwrap()
            }
            Err(fault) => {
                let known = Some((Module::Xta211, operation));
                let refused = Refused { fault, operation: known, action: None, addressing: asked() };
                write::fault(&refused, ID).unwrap()
            }
        };
        envelopes.push((response.name.clone(), resolved(&written)));
    }
    // What production leaves out is filled, or nothing is written.
    let munich = receive::request(one("munich-shape.sendMessage.xml"), &[], &Rules::default()).unwrap();
    let Request::SendMessage(mut order) = munich.request else { panic!("no order") };
    let write = |order: &Order| {
        write::request(Module::Xta211, &Request::SendMessage(order.clone()), None, TO, ID, Carriage::Inline)
    };
    assert_eq!(write(&order).unwrap_err(), Unwritable::Missing("type of an identifier"));
    *order.meta = order.meta.completed("unbekannt");
    envelopes.push(("munich".to_owned(), write(&order).unwrap().whole().unwrap().to_owned()));
    assert_eq!((envelopes.len(), core.len()), (31 + 12 + 31 + 1, 10));
    judge(Module::Xta211, &envelopes);
    judge(Module::Core311, &core);
}

/// What only one side of the wire knows is handed on: tokens, encrypted containers, extensions, signatures; ids that must be
/// unique are made anew, references to parts stay references.
#[test]
fn what_is_not_understood_is_handed_on_whole() {
    let text = String::from_utf8(one("zeep-requests-211/sendMessage.request.xml").to_vec()).unwrap();
    let start = text.find("<ns0:ContentContainer>").unwrap();
    let end = text.find("</ns0:ContentContainer>").unwrap() + "</ns0:ContentContainer>".len();
    let closed = "<e:EncryptedData xmlns:e=\"http://www.w3.org/2001/04/xmlenc#\" Type=\"urn:a&amp;b\">\
                  <e:EncryptionMethod Algorithm=\"urn:x\"/><e:CipherData><e:CipherValue>\
                  <xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:c.1@x\"/>\
                  </e:CipherValue></e:CipherData></e:EncryptedData>";
    let text = format!("{}{closed}{}", &text[..start], &text[end..]);
    let token = "</ns0:Identifier><ns0:SecurityToken usage=\"ENCRYPTION\">\
                 <w:BinarySecurityToken xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
                 YWJj</w:BinarySecurityToken></ns0:SecurityToken>";
    let text = text.replacen("</ns0:Identifier>", token, 1);
    let read = receive::request(text.into(), &[], &strict()).unwrap();
    let written = write::request(Module::Xta211, &read.request, None, TO, ID, Carriage::Parts).unwrap();
    assert_eq!(written.references, ["c.1@x"]);
    let again = receive::request(written.whole().unwrap().to_owned().into(), &[], &strict()).unwrap();
    let (Request::SendMessage(first), Request::SendMessage(second)) = (&read.request, &again.request) else {
        panic!("no orders")
    };
    assert_eq!((first.meta.author.more.len(), second.meta.author.more.len()), (1, 1));
    let inline = write::request(Module::Xta211, &read.request, None, TO, ID, Carriage::Inline).unwrap();
    assert!(
        inline.whole().is_none() && inline.filled(|id| (id == "c.1@x").then(|| b"abc".to_vec())).is_some()
    );
    judge(Module::Xta211, &[("parts".into(), resolved(&written)), ("inline".into(), resolved(&inline))]);

    let text = String::from_utf8(one("zeep-requests-core/sendMessage.request.xml").to_vec()).unwrap();
    let extensions = "</ns0:ServiceQuality><ns0:Extensions><ns0:Extension id=\"id-1\"><ns0:Identifier>urn:e</ns0:Identifier>\
                      <ns0:Version>1</ns0:Version><ns0:Data><y xmlns=\"urn:y\">a</y></ns0:Data></ns0:Extension></ns0:Extensions>";
    let text = text.replacen("</ns0:ServiceQuality>", extensions, 1);
    let read = receive::request(text.into(), &[], &strict()).unwrap();
    let Request::SendMessage(sent) = read.request else { panic!("no order") };
    // The same order a hundred times in one envelope: no id stands there twice.
    let full = vec![*sent.meta; 100];
    let status = BoxStatus { request_id: None, remaining: Remaining::Pending(0) };
    let list = Response::List { status, brief: vec![], full };
    let written =
        write::response(Module::Core311, Operation::GetStatusList, &list, &asked(), ID, Carriage::Parts)
            .unwrap();
    let whole = written.whole().unwrap();
    let ids: Vec<&str> = whole.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ids.len(), ids.iter().collect::<HashSet<_>>().len());
    assert_eq!(ids.len(), 700);
    judge(Module::Core311, &[("list".into(), whole.to_owned())]);
}

#[test]
fn what_a_schema_refuses_is_not_written() {
    let request = |change: &dyn Fn(&mut Order)| {
        let mut order = order(Module::Xta211);
        change(&mut order);
        let request = Request::SendMessage(order);
        let xta = write::request(Module::Xta211, &request, None, TO, ID, Carriage::Parts);
        let core = write::request(Module::Core311, &request, None, TO, ID, Carriage::Parts);
        (xta.is_ok(), core.is_ok())
    };
    assert_eq!(request(&|_| {}), (true, true));
    assert_eq!(request(&|order| order.meta.scenario = None), (false, false));
    assert_eq!(request(&|order| order.meta.size = None), (true, false));
    assert_eq!(request(&|order| order.meta.quality = None), (true, false));
    assert_eq!(request(&|order| order.meta.reader.identity.scheme = None), (false, true));
    assert_eq!(request(&|order| order.meta.message_id = "a b".to_owned()), (false, false));
    assert_eq!(request(&|order| order.meta.message_id = String::new()), (false, false));
    assert_eq!(request(&|order| order.meta.message_type.schema = String::new()), (false, false));
    assert_eq!(request(&|order| order.meta.message_type.code.list = None), (false, true));
    assert_eq!(request(&|order| order.meta.times.origin = Some("gestern".to_owned())), (false, false));
    assert_eq!(request(&|order| order.meta.times.obsolete_after = Some("bald".to_owned())), (false, true));
    assert_eq!(request(&|order| order.meta.subject = Some("a\u{0}".to_owned())), (false, true));
    assert_eq!(request(&|order| order.meta.other_readers.clear()), (false, true));
    let part = |id: &'static str| {
        move |order: &mut Order| {
            if let Container::Open { message, .. } = &mut order.container {
                message.as_mut().unwrap().source = Source::Part(id.to_owned());
            }
        }
    };
    for id in ["", "a b@c", "a%40b", "a<b", "p.1-a@drehscheibe"] {
        assert_eq!(request(&part(id)), (false, false), "{id}");
    }
    // No module answers an operation with what another one is answered with.
    let wrong = Response::MessageId("urn:a".to_owned());
    let written = write::response(Module::Xta211, Operation::Close, &wrong, &asked(), ID, Carriage::Parts);
    assert_eq!(written.unwrap_err(), Unwritable::Operation);
    assert!(Exception::CancelDenied.element(Module::Core311).is_none());
}

#[test]
fn a_multipart_of_ours_is_framed_as_foreign_readers_want_it() {
    let written = write::request(
        Module::Xta211,
        &Request::SendMessage(order(Module::Xta211)),
        None,
        TO,
        ID,
        Carriage::Parts,
    )
    .unwrap();
    let boundary = Boundary::new("uuid:0a1b2c3d").unwrap();
    let action = written.action.as_deref();
    let kind = package::content_type(&boundary, action).unwrap();
    // What a client in use demands word by word.
    assert!(kind.starts_with("multipart/related; "));
    assert_eq!(boundary_of(&kind).unwrap().start.as_deref(), Some(package::ROOT));
    assert!(kind.contains(&format!("start=\"<{}>\"", package::ROOT)));
    let mut body = Vec::new();
    let mut writer = Writer::new(&boundary);
    let headers = package::root_headers(action).unwrap();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    body.extend_from_slice(&writer.start_part(&headers).unwrap());
    body.extend_from_slice(&writer.data(written.whole().unwrap().to_owned().into()).unwrap());
    for id in &written.references {
        let headers = package::part_headers(id);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        body.extend_from_slice(&writer.start_part(&headers).unwrap());
        let octets: &[u8] = if id.starts_with("p.0") { b"<a/>\r\n--uuid:0a1b2c3" } else { b"abc" };
        body.extend_from_slice(&writer.data(Bytes::from_static(octets)).unwrap());
    }
    body.extend_from_slice(&writer.end());
    assert!(body.starts_with(b"--uuid:0a1b2c3d\r\nContent-Type: application/xop+xml; "));
    let http = [format!("POST /x HTTP/1.1\r\nContent-Type: {kind}\r\n\r\n").as_bytes(), &body].concat();
    let (incoming, apart) = take(&Bytes::from(http), &strict()).unwrap();
    assert_eq!((incoming.operation, apart.actions.len(), apart.parts.len()), (Operation::SendMessage, 2, 2));
    let plain = package::plain_type(action).unwrap();
    let http = format!("POST /x HTTP/1.1\r\nContent-Type: {plain}\r\n\r\n{}", written.whole().unwrap());
    assert!(!apart_multipart(http));
}

fn apart_multipart(http: String) -> bool {
    apart(&http.into(), &Limits::default()).unwrap().answer_multipart
}
