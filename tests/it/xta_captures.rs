//! What foreign stacks wrote of XTA 2 (a client, two SOAP libraries and a server that nobody of us wrote): every recorded request
//! becomes the operation that it was, every recorded response is read, and the shape that production sends is taken leniently
//! and refused strictly.

use bytes::Bytes;
use drehscheibe::transport::xta::element::Deviation;
use drehscheibe::transport::xta::fault::Exception;
use drehscheibe::transport::xta::model::{Remaining, Request, Response, Severity};
use drehscheibe::transport::xta::names::{Module, OPERATIONS, Operation, Turn};
use drehscheibe::transport::xta::parts::{Sizes, resolve};
use drehscheibe::transport::xta::receive::{self, Incoming, Rules};
use drehscheibe::transport::xta::write::operation_of;

use crate::osci_support::with_envelope;
use crate::xta_support::{answer, one, recorded, strict, take};

#[test]
fn every_recorded_request_is_the_operation_that_it_was() {
    let requests = recorded(".request.http");
    assert_eq!(requests.len(), 31);
    let mut seen = std::collections::HashSet::new();
    for request in requests {
        let (incoming, apart) = take(&request.octets, &Rules::default())
            .unwrap_or_else(|refused| panic!("{}: {}", request.name, refused.fault.reason));
        let Incoming { module, operation, request: asked, .. } = &incoming;
        assert_eq!((*module, *operation), (Module::Xta211, request.operation()), "{}", request.name);
        assert_eq!(operation_of(asked), *operation);
        assert_eq!(Some(&incoming.action), operation.action(Module::Xta211, Turn::Request).as_ref());
        // zeep sends plain; the others multipart, also without any binary.
        assert_eq!(apart.multipart, !request.name.starts_with("zeep"), "{}", request.name);
        assert_eq!(apart.answer_multipart, apart.multipart, "{}", request.name);
        assert!(incoming.addressing.message_id.is_some() && incoming.addressing.is_used());
        if let Request::SendMessage(order) = asked {
            let found = resolve(&order.container, &apart.parts, &Sizes::default()).unwrap();
            assert_eq!(found.len(), order.container.contents().count());
            assert!(incoming.identity.is_none());
        } else {
            assert!(incoming.identity.is_some(), "{}", request.name);
        }
        seen.insert(*operation);
    }
    assert_eq!(seen.len(), 10);
}

#[test]
fn every_operation_built_from_the_description_is_read_in_both_modules() {
    for (folder, module, many) in
        [("zeep-requests-211/", Module::Xta211, 12), ("zeep-requests-core/", Module::Core311, 10)]
    {
        let mut seen = Vec::new();
        for request in recorded(".request.xml").into_iter().filter(|found| found.name.starts_with(folder)) {
            // Nothing in them deviates: they pass strictly.
            let incoming = receive::request(request.octets.clone(), &[], &strict())
                .unwrap_or_else(|refused| panic!("{}: {}", request.name, refused.fault.reason));
            let name = request.name.strip_prefix(folder).unwrap().strip_suffix(".request.xml").unwrap();
            assert_eq!((incoming.module, incoming.operation.name(module)), (module, name));
            assert_eq!(operation_of(&incoming.request), incoming.operation);
            assert!(incoming.deviations.is_empty());
            if let Request::SendMessage(order)
            | Request::SendMessageSync(order)
            | Request::DeliverMessage(order) = &incoming.request
            {
                assert_eq!(resolve(&order.container, &[], &Sizes::default()).unwrap().len(), 2, "{name}");
                assert_eq!(order.meta.size, Some(4711));
            }
            seen.push(incoming.operation);
        }
        assert_eq!(seen.len(), many);
        let all = OPERATIONS.into_iter().filter(|operation| operation.port(module).is_some());
        assert!(all.into_iter().all(|operation| seen.contains(&operation)));
    }
}

#[test]
fn every_recorded_response_is_read() {
    let responses = recorded(".response.http");
    assert_eq!(responses.len(), 31);
    let mut faults = Vec::new();
    for response in responses {
        let (read, apart) = answer(&response.octets, response.operation(), &strict())
            .unwrap_or_else(|fault| panic!("{}: {}", response.name, fault.reason));
        assert!(read.addressing.relates_to.is_some(), "{}", response.name);
        let failed = apart.line.contains(" 500");
        assert_eq!(read.outcome.is_err(), failed, "{}", response.name);
        match read.outcome {
            Ok(Response::Message { status, order: Some(order) }) => {
                assert!(matches!(status.unwrap().remaining, Remaining::Pending(_)));
                assert_eq!(resolve(&order.container, &apart.parts, &Sizes::default()).unwrap().len(), 2);
            }
            Ok(_) => {}
            Err(fault) => {
                let problem = fault.problem.unwrap();
                let number = response.name.rsplit('/').next().unwrap()[..3].to_owned();
                faults.push((number, problem.exception, problem.code));
            }
        }
    }
    let expected = [
        ("031", Exception::CancelDenied, "9101"),
        ("032", Exception::PermissionDenied, "9014"),
        ("010", Exception::InvalidMessageId, "9070"),
        ("011", Exception::PermissionDenied, "9012"),
        ("012", Exception::ParameterIsNotValid, "9024"),
        ("055", Exception::InvalidMessageId, "9070"),
    ];
    let expected = expected.map(|(number, exception, code)| (number.to_owned(), exception, code.to_owned()));
    assert_eq!(faults, expected);
}

#[test]
fn what_was_sent_is_what_was_fetched() {
    let (sent, with) =
        take(&one("xta-tool-vs-jaxws-ri/003-SendMessage.request.http"), &Rules::default()).unwrap();
    let Request::SendMessage(sent) = sent.request else { panic!("no order") };
    let name = "xta-tool-vs-jaxws-ri/006-MsgBoxFetchRequest.response.http";
    let (fetched, beside) = answer(&one(name), Operation::GetMessage, &strict()).unwrap();
    let Ok(Response::Message { order: Some(fetched), .. }) = fetched.outcome else { panic!("no message") };
    let hashes = |container, parts: &[_]| -> Vec<(u64, [u8; 32])> {
        let found = resolve(container, parts, &Sizes::default()).unwrap();
        found.into_iter().map(|found| (found.size, found.sha256)).collect()
    };
    assert_eq!(hashes(&sent.container, &with.parts), hashes(&fetched.container, &beside.parts));
    assert_eq!(sent.meta.message_id, fetched.meta.message_id);
    assert_eq!(sent.meta.author, fetched.meta.author);
    assert_eq!(sent.meta.message_type, fetched.meta.message_type);
    assert!(fetched.meta.times.initial_fetch.is_some() && sent.meta.times.initial_fetch.is_none());
    let names: Vec<_> =
        fetched.container.contents().map(|content| content.file_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["main.xml", "urkunde.pdf"]);
}

#[test]
fn lists_and_reports_are_read_with_everything_in_them() {
    let list = one("jaxws-ri-client/021-MsgBoxStatusListRequest.response.http");
    let (list, _) = answer(&list, Operation::GetStatusList, &strict()).unwrap();
    let Ok(Response::List { status, brief, full }) = list.outcome else { panic!("no list") };
    assert_eq!((status.remaining, brief.len(), full.len()), (Remaining::Pending(1), 0, 2));
    assert!(full[0].test && full[0].subject.as_deref() == Some("Test 0"));
    let empty = one("jaxws-ri-client/029-MsgBoxStatusListRequest.response.http");
    let (empty, _) = answer(&empty, Operation::GetStatusList, &strict()).unwrap();
    let Ok(Response::List { status, full, .. }) = empty.outcome else { panic!("no list") };
    let Remaining::Nothing { reason } = status.remaining else { panic!("something") };
    assert!(reason.ends_with("/MsgBox/reasons/NoMatch") && full.is_empty());
    let report = one("xta-tool-vs-jaxws-ri/007-GetTransportReport.response.http");
    let (report, _) = answer(&report, Operation::GetTransportReport, &strict()).unwrap();
    let Ok(Response::Report(report)) = report.outcome else { panic!("no report") };
    assert_eq!((report.status, report.events.len()), (0, 1));
    assert_eq!(
        (report.events[0].severity, report.events[0].code.value.as_str()),
        (Severity::Info, "DELIVERED")
    );
}

#[test]
fn the_shape_of_production_is_taken_leniently_and_refused_strictly_with_9022() {
    let octets = one("munich-shape.sendMessage.xml");
    let lenient = receive::request(octets.clone(), &[], &Rules::default()).unwrap();
    assert_eq!(lenient.operation, Operation::SendMessage);
    let mut deviations = lenient.deviations;
    deviations.sort();
    let expected =
        [Deviation::NoIdentifierType, Deviation::NoBusinessScenario, Deviation::EmptyTokenContainer];
    assert_eq!(deviations, expected);
    let Request::SendMessage(order) = lenient.request else { panic!("no order") };
    assert_eq!(
        (order.meta.reader.identity.scheme.as_deref(), order.meta.service.as_deref()),
        (None, Some(""))
    );
    assert_eq!(resolve(&order.container, &[], &Sizes::default()).unwrap().len(), 3);
    let refused = receive::request(octets, &[], &strict()).unwrap_err();
    let problem = refused.fault.problem.unwrap();
    assert_eq!((problem.exception, problem.code.as_str()), (Exception::ParameterIsNotValid, "9022"));
    // The container for certificates that JAX-WS RI sends as nil.
    let nil = one("jaxws-ri-client/016-SendMessage.request.http");
    assert_eq!(take(&nil, &Rules::default()).unwrap().0.deviations, [Deviation::EmptyTokenContainer]);
    assert_eq!(take(&nil, &strict()).unwrap_err().fault.problem.unwrap().code, "9022");
}

#[test]
fn each_deviation_of_clients_in_use_is_taken_alone_and_only_leniently() {
    let replaced = |name: &str, from: &str, to: &str| -> Bytes { with_envelope(&one(name), from, to) };
    let list = "zeep-requests-211/getStatusList.request.xml";
    let fetch = "zeep-requests-core/getMessage.request.xml";
    for (octets, deviation, code) in [
        (replaced(list, "\"MessageMetaData\"", "\"MsgAttributes\""), Deviation::ListFormSpelling, None),
        (replaced(list, ">jua:05315000<", ">*<"), Deviation::AnyIdentity, Some("9014")),
        (replaced(fetch, " id=\"f1\"", ""), Deviation::NoId, Some("9022")),
        (replaced(fetch, ">sta:05315000<", ">*<"), Deviation::AnyIdentity, Some("9014")),
    ] {
        let taken = receive::request(octets.clone(), &[], &Rules::default()).unwrap();
        assert_eq!(taken.deviations, [deviation]);
        let refused = receive::request(octets, &[], &strict()).unwrap_err();
        // A list has no exception for a wrong parameter, so that is a fault of the protocol.
        let problem = refused.fault.problem;
        assert_eq!(problem.as_ref().map(|problem| problem.code.as_str()), code, "{deviation:?}");
    }
    // The misspelling of the schema is no deviation.
    let misspelt = replaced(list, "\"MessageMetaData\"", "\"MsgAtrributes\"");
    assert!(receive::request(misspelt, &[], &strict()).is_ok());
    // A client's own request id is none either: messages are named by their ids.
    let close = one("xta-tool-vs-jaxws-ri/008-MsgBoxCloseRequest.request.http");
    let (close, _) = take(&close, &Rules::default()).unwrap();
    let Request::Close(iteration) = close.request else { panic!("no close") };
    assert_eq!((iteration.request_id.as_deref(), iteration.received.len()), (Some("1"), 1));
}

#[test]
fn what_absence_of_new_entry_means_is_the_modules() {
    let of = |module, name: &str, from: &str| {
        let text = String::from_utf8(one(name).to_vec()).unwrap().replace(from, "");
        let Ok(Incoming { request: Request::GetStatusList(selection), .. }) =
            receive::request(text.into(), &[], &strict())
        else {
            panic!("{name}")
        };
        (selection.new_entry, selection.only_new(module))
    };
    let xta = "zeep-requests-211/getStatusList.request.xml";
    assert_eq!(of(Module::Xta211, xta, " newEntry=\"true\""), (None, false));
    assert_eq!(of(Module::Xta211, xta, "nothing"), (Some(true), true));
    let core = "zeep-requests-core/getStatusList.request.xml";
    assert_eq!(of(Module::Core311, core, "<ns0:NewEntry>true</ns0:NewEntry>"), (None, true));
}
