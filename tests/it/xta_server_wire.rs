//! The XTA server of the real program and octets: what foreign stacks once said is answered as it was, what is no message has the fault that
//! the standard gives it and leaves nothing behind, large attachments stream both ways, and every envelope that goes out is valid.

use std::collections::BTreeMap;

use bytes::Bytes;
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::mime::frame;
use drehscheibe::transport::xta::binding::{self, Form, Head};
use drehscheibe::transport::xta::fault::Class;
use drehscheibe::transport::xta::model::{
    Container, Content, Identity, Iteration, Order, Party, Request, Response, Selection, Source,
};
use drehscheibe::transport::xta::names::{Module, Operation, Turn};
use drehscheibe::transport::xta::out::Carriage;
use drehscheibe::transport::xta::package::{self, Limits};
use drehscheibe::transport::xta::parts::Part;
use drehscheibe::transport::xta::receive::{self, Answer};
use drehscheibe::transport::xta::write;

use crate::xta_server_support::{Amt, BREMEN, HOUSE, MAILBOX, MANAGEMENT, SEND, delivery};
use crate::xta_support::{answer, apart, one, recorded, refused_by_schema, small_meta, strict};

/// Everything that the server said, to be judged by the official schemas at the end.
#[derive(Default)]
struct Said(Vec<Vec<u8>>);

/// An answer taken apart.
struct Told {
    status: u16,
    multipart: bool,
    answer: Answer,
    parts: Vec<Part>,
}

impl Told {
    /// The code of its fault.
    fn code(&self) -> Option<String> {
        self.answer.outcome.as_ref().err()?.problem.as_ref().map(|problem| problem.code.clone())
    }
}

/// Where an operation lives.
fn path(operation: Operation) -> &'static str {
    use drehscheibe::transport::xta::names::Port;
    match operation.port(Module::Xta211) {
        Some(Port::SendXta) => SEND,
        Some(Port::MsgBox) => MAILBOX,
        _ => MANAGEMENT,
    }
}

/// An envelope as a validator wants it: with octets where it names a part beside it.
fn put_together(root: &[u8], multipart: bool) -> Vec<u8> {
    let mut text = String::from_utf8(root.to_vec()).unwrap();
    while let (true, Some(at)) = (multipart, text.find("<xop:Include ")) {
        let end = at + text[at..].find("/>").unwrap() + 2;
        text.replace_range(at..end, "YWJj");
    }
    text.into_bytes()
}

impl Said {
    fn read(&mut self, (status, media_type, body): (u16, String, Bytes), operation: Operation) -> Told {
        let head = Head { content_type: Some(&media_type), ..Head::default() };
        let read = binding::read(&head).unwrap_or_else(|_| panic!("{media_type} {body:?}"));
        let limits = Limits { part: 64 << 20, total: 80 << 20, ..Limits::default() };
        let (root, parts, multipart) = match &read.form {
            Form::Plain => (body, Vec::new(), false),
            Form::Multipart { boundary, start } => {
                let whole = package::whole(&body, boundary, start.as_deref(), &limits).unwrap();
                (whole.root, whole.parts, true)
            }
        };
        self.0.push(put_together(&root, multipart));
        let answer = receive::response(root, Module::Xta211, operation, &strict()).unwrap();
        Told { status, multipart, answer, parts }
    }

    /// What an account is told that asks.
    async fn ask(&mut self, amt: &Amt, who: &str, identity: &str, request: &Request) -> Told {
        let operation = write::operation_of(request);
        let written = write::request(
            Module::Xta211,
            request,
            Some(&named(identity)),
            "https://x/",
            "urn:uuid:1",
            Carriage::Inline,
        );
        let written = written.unwrap();
        let media_type = package::plain_type(written.action.as_deref()).unwrap();
        let octets = written.whole().unwrap().to_owned();
        let told = amt.post(who, path(operation), &[("content-type", &media_type)], octets).await;
        self.read(told, operation)
    }

    /// The ids in an account's mailbox, once there are so many.
    async fn lying(&mut self, amt: &Amt, who: &str, identity: &str, many: usize) -> Vec<String> {
        for _ in 0..3_000 {
            let told = self.ask(amt, who, identity, &Request::GetStatusList(Selection::default())).await;
            let Ok(Response::List { full, .. }) = told.answer.outcome else { panic!("no list") };
            if full.len() >= many {
                return full.into_iter().map(|meta| meta.message_id).collect();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("nothing came\n{}", amt.stage.log());
    }
}

fn named(value: &str) -> Party {
    Party::of(Identity {
        value: value.to_owned(),
        scheme: Some("xoev".to_owned()),
        name: None,
        category: Some("Jugendamt".to_owned()),
    })
}

/// An order of an account with these contents.
fn order(author: &str, id: &str, contents: Vec<Content>) -> Request {
    let mut meta = small_meta();
    (meta.author, meta.reader, meta.message_id) = (named(author), named(HOUSE), id.to_owned());
    meta.test = true;
    let mut contents = contents.into_iter();
    let container =
        Container::Open { message: contents.next(), attachments: contents.collect(), more: Vec::new() };
    Request::SendMessage(Order { meta: Box::new(meta), container })
}

fn inline(octets: impl Into<Bytes>) -> Content {
    Content::new(Source::Inline(octets.into()), "application/xml")
}

/// A multipart of an envelope and parts.
fn framed(request: &Request, parts: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let written =
        write::request(Module::Xta211, request, None, "https://x/", "urn:uuid:1", Carriage::Parts).unwrap();
    let boundary = drehscheibe::mime::media::Boundary::new("uuid:grenze").unwrap();
    let action = written.action.as_deref();
    let mut body = Vec::new();
    let mut part = |headers: &[(&'static str, String); 3], octets: &[u8]| {
        body.extend_from_slice(b"--uuid:grenze\r\n");
        for (name, value) in headers {
            body.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(octets);
        body.extend_from_slice(b"\r\n");
    };
    part(&package::root_headers(action).unwrap(), written.whole().unwrap().as_bytes());
    parts.iter().for_each(|(id, octets)| part(&package::part_headers(id), octets));
    body.extend_from_slice(b"--uuid:grenze--\r\n");
    (package::content_type(&boundary, action).unwrap(), body)
}

fn replaced(octets: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        if octets[at..].starts_with(from.as_bytes()) {
            out.extend_from_slice(to.as_bytes());
            at += from.len();
        } else {
            out.push(octets[at]);
            at += 1;
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn what_foreign_stacks_said_is_answered_as_it_was() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let mut said = Said::default();
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    let mut compared = 0;
    for request in recorded(".request.http") {
        let folder = request.name.split('/').next().unwrap().to_owned();
        let (_, start) = frame::http_head(&request.octets).unwrap();
        let head = &request.octets[..start];
        let header = |name: &str| frame::http_header(head, name).unwrap_or_default();
        let who = match header("x-captured-client-cert") {
            shown if shown.contains("CN=author") => "author",
            shown if shown.contains("CN=reader") => "reader",
            _ => "fremd",
        };
        let operation = request.operation();
        let mut body = request.octets[start..].to_vec();
        // What the reader fetches lies in its mailbox under an id of ours: an answer to something that it sent.
        if path(operation) == MAILBOX || (who == "reader" && operation == Operation::GetTransportReport) {
            let row = match rows.get(&folder) {
                Some(row) => row.clone(),
                None => {
                    let unreadable = order("sta:05315000", &format!("urn:x:{folder}"), vec![inline("<x/>")]);
                    let told = said.ask(&amt, "reader", "sta:05315000", &unreadable).await;
                    assert_eq!(told.answer.outcome, Ok(Response::Empty), "{}", amt.stage.log());
                    let row = said.lying(&amt, "reader", "sta:05315000", 1).await.remove(0);
                    rows.insert(folder.clone(), row.clone());
                    row
                }
            };
            for recorded in [
                "baaea501-db33-4bc2-998b-b6975d0a4446",
                "ad941175-4571-45b8-ae47-a38062881f7d",
                "21747236-48d2-41d0-a374-62bcba53e4a6",
            ] {
                body = replaced(&body, &format!("urn:de:xta:messageid:jaxwsri_testpeer:{recorded}"), &row);
            }
        }
        let (media_type, action) = (header("content-type"), header("soapaction"));
        let mut headers = vec![("content-type", media_type.as_str())];
        if !action.is_empty() {
            headers.push(("soapaction", &action));
        }
        let told = said.read(amt.post(who, path(operation), &headers, body).await, operation);
        let wanted = one(&request.name.replace(".request.", ".response."));
        let (wanted, _) = answer(&wanted, operation, &strict()).unwrap();
        let outcome = |outcome: &Result<Response, _>| match outcome {
            Ok(response) => Ok(std::mem::discriminant(response)),
            Err(fault) => {
                let fault: &drehscheibe::transport::xta::fault::Fault = fault;
                Err(fault.problem.as_ref().map(|problem| (problem.exception, problem.code.clone())))
            }
        };
        assert_eq!(
            outcome(&told.answer.outcome),
            outcome(&wanted.outcome),
            "{}: {:?}",
            request.name,
            told.answer
        );
        assert_eq!(told.status, if wanted.outcome.is_ok() { 200 } else { 500 }, "{}", request.name);
        let asked = apart(&request.octets, &Limits::default()).unwrap();
        assert_eq!(told.multipart, asked.multipart, "{}", request.name);
        if let Ok(asked) = receive::request(asked.root, &[], &strict()) {
            assert_eq!(told.answer.addressing.relates_to, asked.addressing.message_id, "{}", request.name);
        }
        compared += 1;
    }
    assert_eq!(compared, 31);
    assert_eq!(refused_by_schema(Module::Xta211, &said.0).unwrap_or_default(), []);
    assert!(!amt.stage.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shape_of_production_is_taken_and_refused_of_whom_it_is_strict_with() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let mut said = Said::default();
    let text = String::from_utf8(one("munich-shape.sendMessage.xml").to_vec()).unwrap();
    let text = text.replace("DE.ABC.9999.888", HOUSE);
    let media_type = "application/soap+xml; charset=utf-8";
    for (who, code) in [("reader", None), ("streng", Some("9022")), ("author", Some("9014"))] {
        let told = amt.post(who, SEND, &[("content-type", media_type)], text.clone()).await;
        assert_eq!(said.read(told, Operation::SendMessage).code().as_deref(), code, "{who}");
    }
    let any = Request::GetStatusList(Selection::default());
    assert!(said.ask(&amt, "reader", "*", &any).await.answer.outcome.is_ok());
    assert_eq!(said.ask(&amt, "streng", "*", &any).await.code().as_deref(), Some("9014"));
    assert_eq!(refused_by_schema(Module::Xta211, &said.0).unwrap_or_default(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_has_its_fault_and_leaves_nothing_behind() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let mut said = Said::default();
    let create = {
        let octets = one("zeep-client-wire/050-CreateMessageID.request.http");
        let (_, start) = frame::http_head(&octets).unwrap();
        String::from_utf8(octets[start..].to_vec()).unwrap().replace("jua:05315000", BREMEN)
    };
    let action = "http://www.xta.de/XTA/CreateMessageID";
    let plain = "application/soap+xml; charset=utf-8";
    let with_action = format!("{plain}; action=\"{action}\"");
    let without = create.replace(&format!("<wsa:Action>{action}</wsa:Action>"), "");
    let header = |more: &str| create.replace("<wsa:To>", &format!("{more}<wsa:To>"));
    let doctype = "<!DOCTYPE a [<!ENTITY b \"c\">]>";
    let cases: Vec<(&str, String, String, Class, &[&str])> = vec![
        ("no action", plain.to_owned(), without.clone(), Class::Sender, &[]),
        ("unknown action", plain.to_owned(), create.replace(action, "urn:x"), Class::Sender, &[]),
        (
            "two actions",
            format!("{plain}; action=\"http://www.xta.de/XTA/CheckAccountActive\""),
            create.clone(),
            Class::Sender,
            &["InvalidAddressingHeader", "ActionMismatch"],
        ),
        (
            "must be understood",
            with_action.clone(),
            header("<x:y xmlns:x=\"urn:x\" soap-env:mustUnderstand=\"true\"/>"),
            Class::MustUnderstand,
            &[],
        ),
        (
            "answer elsewhere",
            with_action.clone(),
            header("<wsa:ReplyTo><wsa:Address>https://x/</wsa:Address></wsa:ReplyTo>"),
            Class::Sender,
            &["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"],
        ),
        ("a DTD", with_action.clone(), create.replacen("?>", &format!("?>{doctype}"), 1), Class::Sender, &[]),
        ("broken off", with_action.clone(), create[..create.len() - 20].to_owned(), Class::Sender, &[]),
        ("nothing", with_action.clone(), String::new(), Class::Sender, &[]),
        (
            "SOAP 1.1",
            with_action.clone(),
            create.replace(
                "http://www.w3.org/2003/05/soap-envelope",
                "http://schemas.xmlsoap.org/soap/envelope/",
            ),
            Class::VersionMismatch,
            &[],
        ),
    ];
    for (what, media_type, body, class, addressing) in cases {
        let told = amt.post("bremen", MANAGEMENT, &[("content-type", &media_type)], body).await;
        let told = said.read(told, Operation::CreateMessageId);
        let fault = told.answer.outcome.unwrap_err();
        assert_eq!(
            (told.status, fault.class, fault.addressing.as_slice()),
            (500, class, &addressing.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..]),
            "{what}"
        );
    }
    for media_type in ["text/xml; charset=utf-8", "application/xml", "multipart/form-data; boundary=a"] {
        let told = amt.post("bremen", MANAGEMENT, &[("content-type", media_type)], create.clone()).await;
        assert_eq!(told.0, 415, "{media_type}");
    }
    // The right operation at another port, another path, another module.
    let told = amt.post("bremen", SEND, &[("content-type", &with_action)], create.clone()).await;
    assert_eq!(said.read(told, Operation::CreateMessageId).answer.outcome.unwrap_err().class, Class::Sender);
    assert_eq!(
        amt.post("bremen", "/services/", &[("content-type", &with_action)], create.clone()).await.0,
        404
    );
    let core = one("zeep-requests-core/checkAccountActive.request.xml");
    assert_eq!(amt.post("bremen", MANAGEMENT, &[("content-type", plain)], core).await.0, 500);

    let contents = |n: u64| {
        let part = |id: &str, kind: &str| Content::new(Source::Part(id.to_owned()), kind);
        let document = part("m@x", "application/xml");
        let request = order(BREMEN, "urn:x:1", vec![document, part("a@x", "application/pdf")]);
        (request, delivery(n))
    };
    let (request, document) = contents(1);
    let (document, pdf) = (document.as_bytes(), &b"%PDF-1.4"[..]);
    let whole = framed(&request, &[("m@x", document), ("a@x", pdf)]);
    let mut ill: Vec<(&str, (String, Vec<u8>))> = vec![
        ("a part is missing", framed(&request, &[("m@x", document)])),
        ("two parts of one name", framed(&request, &[("m@x", document), ("m@x", document), ("a@x", pdf)])),
        (
            "too many parts",
            framed(
                &request,
                &vec![("a@x", pdf); 1].into_iter().chain((0..100).map(|_| ("b@x", pdf))).collect::<Vec<_>>(),
            ),
        ),
    ];
    let cut = |at: usize| (whole.0.clone(), whole.1[..at].to_vec());
    ill.push(("never closed", cut(whole.1.len() - 8)));
    ill.push(("broken off in a part", cut(whole.1.len() - 40)));
    ill.push(("broken off in the envelope", cut(200)));
    ill.push(("no envelope", (whole.0.replace("root.message@drehscheibe", "nobody@x"), whole.1.clone())));
    for (what, (media_type, body)) in ill {
        let told = amt.post("bremen", SEND, &[("content-type", &media_type)], body).await;
        let told = said.read(told, Operation::SendMessage);
        assert_eq!((told.status, told.answer.outcome.unwrap_err().class), (500, Class::Sender), "{what}");
        assert!(told.multipart, "{what}");
    }
    let (_, listed) = amt.cli(&["messages", "list"]);
    assert!(!listed.contains("xta amt"), "nothing of them was kept: {listed}");
    // The same order, whole.
    let told = amt.post("bremen", SEND, &[("content-type", &whole.0)], whole.1.clone()).await;
    assert_eq!(said.read(told, Operation::SendMessage).answer.outcome, Ok(Response::Empty));
    // Its parts before its envelope, which is legal.
    let (request, document) = (
        order(
            BREMEN,
            "urn:x:2",
            match request {
                Request::SendMessage(order) => order.container.contents().cloned().collect(),
                _ => vec![],
            },
        ),
        delivery(2),
    );
    let (media_type, body) = framed(&request, &[("m@x", document.as_bytes()), ("a@x", pdf)]);
    let text = String::from_utf8(body).unwrap();
    let parts: Vec<&str> =
        text.trim_end_matches("--uuid:grenze--\r\n").split("--uuid:grenze\r\n").skip(1).collect();
    let turned =
        [2, 1, 0].map(|at| format!("--uuid:grenze\r\n{}", parts[at])).concat() + "--uuid:grenze--\r\n";
    let told = amt.post("bremen", SEND, &[("content-type", &media_type)], turned).await;
    assert_eq!(said.read(told, Operation::SendMessage).answer.outcome, Ok(Response::Empty));
    // In pieces, and nobody says how many.
    let contents = match &request {
        Request::SendMessage(order) => order.container.contents().cloned().collect(),
        _ => vec![],
    };
    let third = delivery(3);
    let (media_type, body) =
        framed(&order(BREMEN, "urn:x:3", contents), &[("m@x", third.as_bytes()), ("a@x", pdf)]);
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        body.chunks(512).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let pieces = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let told = amt.post("bremen", SEND, &[("content-type", &media_type)], pieces).await;
    assert_eq!(said.read(told, Operation::SendMessage).answer.outcome, Ok(Response::Empty));
    for id in ["urn:x:1", "urn:x:2", "urn:x:3"] {
        let told = said.ask(&amt, "bremen", BREMEN, &Request::GetTransportReport(id.to_owned())).await;
        let Ok(Response::Report(report)) = told.answer.outcome else { panic!("{id}") };
        assert_eq!(report.status, 1, "{id}");
    }
    assert_eq!(refused_by_schema(Module::Xta211, &said.0).unwrap_or_default(), []);
    assert!(!amt.stage.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_and_its_author_gets_to_see_why() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let mut said = Said::default();
    let part = |id: &str, kind: &str| Content::new(Source::Part(id.to_owned()), kind);
    let request =
        |id: &str| order(BREMEN, id, vec![part("m@x", "application/xml"), part("a@x", "application/pdf")]);
    let document = delivery(1);
    let (small, large) = (vec![b'%'; 30 << 20], vec![b'%'; 45 << 20]);
    let (media_type, body) = framed(&request("urn:x:1"), &[("m@x", document.as_bytes()), ("a@x", &large)]);
    let told = amt.post("bremen", SEND, &[("content-type", &media_type)], body).await;
    assert_eq!(said.read(told, Operation::SendMessage).code().as_deref(), Some("9023"));
    // The message itself has a bound of its own.
    let (media_type, body) = framed(&request("urn:x:1"), &[("m@x", &small), ("a@x", b"%PDF")]);
    let told = amt.post("bremen", SEND, &[("content-type", &media_type)], body).await;
    assert_eq!(said.read(told, Operation::SendMessage).code().as_deref(), Some("9023"));
    // Also where it stands in the envelope.
    let huge = order(BREMEN, "urn:x:1", vec![inline(small.clone())]);
    assert_eq!(said.ask(&amt, "bremen", BREMEN, &huge).await.code().as_deref(), Some("9023"));
    let (media_type, body) = framed(&request("urn:x:1"), &[("m@x", document.as_bytes()), ("a@x", &small)]);
    let told = amt.post("bremen", SEND, &[("content-type", &media_type)], body).await;
    let told = said.read(told, Operation::SendMessage);
    assert_eq!(told.answer.outcome, Ok(Response::Empty), "{}", amt.stage.log());
    let report = said.ask(&amt, "bremen", BREMEN, &Request::GetTransportReport("urn:x:1".to_owned())).await;
    let Ok(Response::Report(report)) = report.answer.outcome else { panic!("no report") };
    assert_eq!(report.status, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_within_the_envelope_and_parts_beside_it_are_counted_together() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let mut said = Said::default();
    let claims = amt.stage.data().join("store/claims");
    let count = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().count();
    let files = || count(&claims) + count(&claims.join("tmp"));
    let (before, document) = (files(), delivery(1));
    let one = |at: usize| inline(format!("{at}"));
    let contents = |count: usize| [inline(document.clone())].into_iter().chain((0..count).map(one)).collect();
    for (id, count) in [("urn:x:63", 63), ("urn:x:2000", 2000)] {
        let told = said.ask(&amt, "bremen", BREMEN, &order(BREMEN, id, contents(count))).await;
        assert_eq!(told.code().as_deref(), Some("9022"), "{count}");
    }
    let part = |id: &str, kind: &str| Content::new(Source::Part(id.to_owned()), kind);
    let beside = |within: usize| {
        let mut all = vec![part("m@x", "application/xml"), part("a@x", "application/pdf")];
        all.extend((0..within).map(one));
        order(BREMEN, "urn:x:beside", all)
    };
    let parts: [(&str, &[u8]); 2] = [("m@x", document.as_bytes()), ("a@x", b"%PDF-1.7")];
    let (media_type, body) = framed(&beside(62), &parts);
    let told = amt.post("bremen", SEND, &[("content-type", &media_type)], body).await;
    assert_eq!(said.read(told, Operation::SendMessage).code().as_deref(), Some("9022"));
    assert_eq!(files(), before, "nothing of what was refused was written");
    let (media_type, body) = framed(&beside(61), &parts);
    let told = amt.post("bremen", SEND, &[("content-type", &media_type)], body).await;
    assert_eq!(said.read(told, Operation::SendMessage).answer.outcome, Ok(Response::Empty));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_a_multipart_where_one_is_asked_for_and_its_parts_are_whole() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let mut said = Said::default();
    let sent = order(BREMEN, "urn:x:1", vec![inline(delivery(1))]);
    assert_eq!(said.ask(&amt, "bremen", BREMEN, &sent).await.answer.outcome, Ok(Response::Empty));
    let row = said.lying(&amt, "bremen", BREMEN, 1).await.remove(0);
    let wanted = Request::GetMessage(Selection::one(&row), Default::default());
    let alone = said.ask(&amt, "bremen", BREMEN, &wanted).await;
    let operation = Operation::GetMessage;
    let written = write::request(
        Module::Xta211,
        &wanted,
        Some(&named(BREMEN)),
        "https://x/",
        "urn:uuid:1",
        Carriage::Inline,
    );
    let action = operation.action(Module::Xta211, Turn::Request);
    let media_type = package::plain_type(action.as_deref()).unwrap();
    let headers =
        [("content-type", media_type.as_str()), ("accept", "application/soap+xml, multipart/related")];
    let octets = written.unwrap().whole().unwrap().to_owned();
    let beside = said.read(amt.post("bremen", MAILBOX, &headers, octets).await, operation);
    assert_eq!((alone.multipart, beside.multipart), (false, true));
    let sizes = Default::default();
    let contents = |told: &Told| {
        let Ok(Response::Message { order: Some(order), .. }) = &told.answer.outcome else {
            panic!("no message")
        };
        let found =
            drehscheibe::transport::xta::parts::resolve(&order.container, &told.parts, &sizes).unwrap();
        found.into_iter().map(|found| (found.size, found.sha256)).collect::<Vec<_>>()
    };
    assert_eq!(contents(&alone), contents(&beside));
    let close =
        Request::Close(Iteration { request_id: Some("1".to_owned()), received: vec![row.to_uppercase()] });
    assert_eq!(said.ask(&amt, "bremen", BREMEN, &close).await.answer.outcome, Ok(Response::Empty));
    assert_eq!(refused_by_schema(Module::Xta211, &said.0).unwrap_or_default(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_used_once_and_a_document_that_comes_again_is_no_matter_of_its_id() {
    let amt = Amt::new();
    let _running = amt.up().await;
    let mut said = Said::default();
    let send = |id: &str, document: String| order(BREMEN, id, vec![inline(document)]);
    // Several at once: one of them is taken.
    let (media_type, body) = framed(&send("urn:x:1", delivery(1)), &[]);
    let headers = [("content-type", media_type.as_str())];
    let at_once = (0..4).map(|_| amt.post("bremen", SEND, &headers, body.clone()));
    let mut outcomes = Vec::new();
    for told in futures_util::future::join_all(at_once).await {
        outcomes.push(said.read(told, Operation::SendMessage).code());
    }
    assert_eq!(outcomes.iter().filter(|code| code.is_none()).count(), 1, "{outcomes:?}");
    let others = outcomes.iter().flatten().all(|code| matches!(code.as_str(), "9024" | "9030"));
    assert!(others, "{outcomes:?}");
    // The same document under an id of its own is the same delivery; another one under the same UUID is told by message.
    let other = eintragung(&Wish { arten: vec!["02"], ..Wish::plain(1) });
    for (id, document, status) in [("urn:x:2", delivery(1), 1), ("urn:x:3", other, 2)] {
        let told = said.ask(&amt, "bremen", BREMEN, &send(id, document)).await;
        assert_eq!(told.answer.outcome, Ok(Response::Empty), "{id}");
        let told = said.ask(&amt, "bremen", BREMEN, &Request::GetTransportReport(id.to_owned())).await;
        let Ok(Response::Report(report)) = told.answer.outcome else {
            panic!("{id}: {:?}", told.answer.outcome)
        };
        assert_eq!(report.status, status, "{id}");
    }
    assert_eq!(refused_by_schema(Module::Xta211, &said.0).unwrap_or_default(), []);
}

#[test]
fn the_lines_of_the_readme_are_settings() {
    let readme = std::fs::read_to_string(crate::support::root().join("README.md")).unwrap();
    let block = readme
        .split("# connections.yaml\namt:\n")
        .nth(1)
        .and_then(|rest| rest.split("# partners.yaml").next());
    let block = block.expect("the lines").replace("  kind: xta\n", "");
    let settings: serde_json::Value = serde_saphyr::from_str(&block).unwrap();
    assert_eq!((drehscheibe::transport::xta_server::ENTRY.check)(&settings), []);
    let channel =
        readme.split("channels: { amt: ").nth(1).and_then(|rest| rest.split(" }\n").next()).unwrap();
    let channel: serde_json::Value = serde_saphyr::from_str(channel).unwrap();
    assert_eq!((drehscheibe::transport::xta_server::ENTRY.check_channel)(&channel), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_an_xta_server_lacks() {
    let amt = Amt::new();
    amt.edit("connections.yaml", "client-certificates: required", "client-certificates: optional");
    amt.edit("connections.yaml", "server: testamt", "server: \"test amt\"");
    amt.edit("partners.yaml", "amt: { strict: true,", "amt: { stritk: true,");
    let (good, told) = amt.cli(&["check"]);
    assert!(!good);
    for wanted in ["must be `required`", "letters, digits", "did you mean `strict`"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let amt = Amt::new();
    amt.edit(
        "partners.yaml",
        "channels: { lieferungen: {}, amt: {} }\n    answers-by: amt\n",
        "channels: { lieferungen: {}, amt: {} }\n",
    );
    let (good, told) = amt.cli(&["check"]);
    assert!(!good && told.contains("have no way back from `xta`"), "{told}");
    // Who has no account there does not come that way, so nothing is missing.
    let amt = Amt::new();
    amt.edit(
        "partners.yaml",
        "channels: { lieferungen: {}, amt: {} }\n    answers-by: amt\n",
        "channels: { lieferungen: {} }\n    answers-by: lieferungen\n",
    );
    let (good, told) = amt.cli(&["check"]);
    assert!(good, "{told}");
    assert!(!amt.is_heard("niemand").await, "nothing runs");
}
