//! What XTA's receivers refuse, each with the shape of fault that foreign stacks answer with; and that nothing a stranger sends
//! makes them panic, take more than their bounds, or say another thing because it was cut into other pieces.

use bytes::Bytes;
use drehscheibe::mime::media::Boundary;
use drehscheibe::transport::xta::fault::{Class, Fault};
use drehscheibe::transport::xta::glance;
use drehscheibe::transport::xta::model::{Container, Content, Order, Request, Source};
use drehscheibe::transport::xta::names::{Module, OPERATIONS, Operation};
use drehscheibe::transport::xta::out::Carriage;
use drehscheibe::transport::xta::package::{Limits, Package, PackageFault, Step, whole};
use drehscheibe::transport::xta::parts::{Part, PartFault, Sizes, resolve};
use drehscheibe::transport::xta::receive::{self, Refused, Rules};
use drehscheibe::transport::xta::write;
use proptest::prelude::*;

use crate::osci_support::with_envelope;
use crate::xta_support::{one, party, recorded, small_meta, take};

const SEND: &str = "zeep-client-wire/051-SendMessage.request.http";
const CREATE: &str = "zeep-client-wire/050-CreateMessageID.request.http";
const LIST: &str = "zeep-client-wire/052-MsgBoxStatusListRequest.request.http";
const PARTS: &str = "xta-tool-vs-jaxws-ri/003-SendMessage.request.http";

fn text(name: &str) -> String {
    String::from_utf8_lossy(&one(name)).into_owned()
}

/// A recorded request with something replaced.
fn changed(name: &str, from: &str, to: &str) -> Bytes {
    let text = text(name);
    assert!(text.contains(from), "{name}: {from}");
    text.replace(from, to).into()
}

fn refused(octets: Bytes) -> Box<Refused> {
    match take(&octets, &Rules::default()) {
        Ok((incoming, _)) => panic!("taken as {:?}", incoming.operation),
        Err(refused) => refused,
    }
}

/// The fault that answers, as it stands on the wire.
fn answered(refused: &Refused) -> String {
    let written = write::fault(refused, "urn:uuid:1").unwrap();
    let whole = written.whole().unwrap().to_owned();
    // It is always an envelope that our own reader takes as a fault.
    let (module, operation) = refused.operation.unwrap_or((Module::Xta211, Operation::SendMessage));
    let read = receive::response(whole.clone().into(), module, operation, &Rules::default()).unwrap();
    assert_eq!(read.outcome.unwrap_err().class, refused.fault.class);
    whole
}

#[test]
fn every_protocol_negative_has_its_shape() {
    let sender = |addressing: &'static [&'static str]| (Class::Sender, addressing, None, 500);
    let problem = |code: &'static str| (Class::Receiver, &[][..], Some(code), 500);
    let soap_action = "Soapaction: \"http://www.xta.de/XTA/CreateMessageID\"";
    let in_type = "; action=\"http://www.xta.de/XTA/CreateMessageID\"";
    let in_header = "<wsa:Action>http://www.xta.de/XTA/CreateMessageID</wsa:Action>";
    let no_action = text(CREATE).replace(soap_action, "X: y").replace(in_type, "").replace(in_header, "");
    let before_end = "</soap-env:Header>";
    let with_header = |header: &str| changed(SEND, before_end, &format!("{header}{before_end}"));
    let other = "http://www.xta.de/XTA/CheckAccountActive";
    let reply = |address: &str| {
        with_header(&format!("<wsa:ReplyTo><wsa:Address>{address}</wsa:Address></wsa:ReplyTo>"))
    };
    let two_actions =
        |from: &str| changed(CREATE, from, &from.replace("http://www.xta.de/XTA/CreateMessageID", other));
    let doctype = changed(SEND, "<soap-env:Envelope", "<!DOCTYPE a [<!ENTITY b \"c\">]><soap-env:Envelope");
    let meta_start = text(SEND).find("<ns0:MessageMetaData").unwrap();
    let meta_end = text(SEND).find("</ns0:MessageMetaData>").unwrap() + "</ns0:MessageMetaData>".len();
    let meta = text(SEND)[meta_start..meta_end].to_owned();
    let table: Vec<(&str, Bytes, _)> = vec![
        ("no action", no_action.into(), sender(&[])),
        ("unknown action", text(CREATE).replace("XTA/CreateMessageID", "XTA/Unknown").into(), sender(&[])),
        (
            "action in other case",
            text(CREATE).replace("XTA/CreateMessageID", "XTA/createMessageId").into(),
            sender(&[]),
        ),
        (
            "an action of a response",
            text(CREATE)
                .replace(
                    "http://www.xta.de/XTA/CreateMessageID",
                    "https://xoev.de/transport/xta/core/core.sender/createMessageIDResponse",
                )
                .into(),
            sender(&[]),
        ),
        (
            "soap action differs",
            two_actions(soap_action),
            sender(&["InvalidAddressingHeader", "ActionMismatch"]),
        ),
        ("type differs", two_actions(in_type), sender(&["InvalidAddressingHeader", "ActionMismatch"])),
        (
            "addressing differs",
            two_actions(in_header),
            sender(&["InvalidAddressingHeader", "ActionMismatch"]),
        ),
        (
            "action twice",
            changed(CREATE, in_header, &in_header.repeat(2)),
            sender(&["InvalidAddressingHeader", "InvalidCardinality"]),
        ),
        ("text/xml", changed(SEND, "application/soap+xml", "text/xml"), (Class::Sender, &[][..], None, 415)),
        (
            "latin 1",
            changed(SEND, "charset=utf-8", "charset=iso-8859-1"),
            (Class::Sender, &[][..], None, 415),
        ),
        (
            "soap 1.1",
            changed(
                SEND,
                "http://www.w3.org/2003/05/soap-envelope",
                "http://schemas.xmlsoap.org/soap/envelope/",
            ),
            (Class::VersionMismatch, &[][..], None, 500),
        ),
        (
            "must be understood",
            with_header("<q:Security xmlns:q=\"urn:q\" soap-env:mustUnderstand=\"1\"/>"),
            (Class::MustUnderstand, &[][..], None, 500),
        ),
        (
            "must be understood by the last",
            with_header(
                "<q:Security xmlns:q=\"urn:q\" soap-env:mustUnderstand=\"true\" \
            soap-env:role=\"http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver\"/>",
            ),
            (Class::MustUnderstand, &[][..], None, 500),
        ),
        (
            "answer elsewhere",
            reply("https://elsewhere.example/"),
            sender(&["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"]),
        ),
        (
            "answer nowhere",
            reply("http://www.w3.org/2005/08/addressing/none"),
            sender(&["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"]),
        ),
        (
            "fault elsewhere",
            with_header("<wsa:FaultTo><wsa:Address>urn:a</wsa:Address></wsa:FaultTo>"),
            sender(&["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"]),
        ),
        (
            "no address",
            with_header("<wsa:ReplyTo/>"),
            sender(&["InvalidAddressingHeader", "MissingAddressInEPR"]),
        ),
        ("doctype", doctype, sender(&[])),
        ("malformed", changed(SEND, "</soap-env:Body>", ""), sender(&[])),
        ("truncated", one(SEND).slice(..one(SEND).len() - 40), sender(&[])),
        ("no envelope", changed(SEND, "soap-env:Envelope", "soap-env:Umschlag"), sender(&[])),
        ("two bodies", changed(SEND, "</soap-env:Body>", "</soap-env:Body><soap-env:Body/>"), sender(&[])),
        (
            "two in the body",
            changed(SEND, "</soap-env:Body>", "<ns0:Message xmlns:ns0=\"urn:a\"/></soap-env:Body>"),
            sender(&[]),
        ),
        ("text in the body", changed(SEND, "</soap-env:Body>", "x</soap-env:Body>"), sender(&[])),
        ("header missing", changed(SEND, &meta, ""), problem("9022")),
        ("header twice", changed(SEND, &meta, &meta.repeat(2)), sender(&[])),
        (
            "body of another operation",
            text(CREATE).replace("CreateMessageID", "GetTransportReport").into(),
            sender(&[]),
        ),
        (
            "body that is too much",
            changed(CREATE, "<soap-env:Body/>", "<soap-env:Body><a/></soap-env:Body>"),
            sender(&[]),
        ),
        // The schema has a positive number, and a list no exception for what is none.
        ("a list of nothing", changed(LIST, "maxListItems=\"10\"", "maxListItems=\"0\""), sender(&[])),
        ("a list of less", changed(LIST, "maxListItems=\"10\"", "maxListItems=\"-1\""), sender(&[])),
        ("unknown element", changed(SEND, "<ns0:Qualifier>", "<ns0:Fremd/><ns0:Qualifier>"), problem("9022")),
        (
            "unknown attribute",
            changed(SEND, "<ns0:Identifier ", "<ns0:Identifier fremd=\"1\" "),
            problem("9022"),
        ),
        ("no id", changed(SEND, "MsgIdentification>", "Other>"), problem("9022")),
        ("no base64", changed(SEND, "</ns0:Message>", "!</ns0:Message>"), problem("9051")),
        ("code in a namespace", changed(SEND, "code>", "ns0:code>"), problem("9022")),
    ];
    for (what, octets, (class, addressing, code, status)) in table {
        let refused = refused(octets);
        let Fault { class: is, addressing: narrower, problem, status: answered_with, .. } = &refused.fault;
        assert_eq!((*is, *answered_with), (class, status), "{what}: {}", refused.fault.reason);
        assert_eq!(narrower, addressing, "{what}");
        assert_eq!(problem.as_ref().map(|problem| problem.code.as_str()), code, "{what}");
        let envelope = answered(&refused);
        assert_eq!(envelope.contains("<soap:Detail>"), code.is_some(), "{what}");
        // Nothing of a message is quoted: neither what it holds nor what it names.
        for word in ["jua:05315000", "elsewhere.example", "Fremd", "fremd", "Unknown", "Umschlag"] {
            assert!(!envelope.contains(word), "{what}: {word}");
        }
        if *is == Class::MustUnderstand {
            assert!(envelope.contains("<soap:NotUnderstood xmlns:n=\"urn:q\" qname=\"n:Security\"/>"));
        }
    }
}

#[test]
fn what_must_be_understood_and_is_or_is_for_others_is_taken() {
    let before_end = "</soap-env:Header>";
    for header in [
        "<q:Security xmlns:q=\"urn:q\"/>",
        "<q:Security xmlns:q=\"urn:q\" soap-env:mustUnderstand=\"0\"/>",
        "<q:Security xmlns:q=\"urn:q\" soap-env:mustUnderstand=\"1\" soap-env:role=\"urn:somebody\"/>",
        "<wsa:ReplyTo>\n <wsa:Address>\n http://www.w3.org/2005/08/addressing/anonymous </wsa:Address></wsa:ReplyTo>",
    ] {
        assert!(
            take(&changed(SEND, before_end, &format!("{header}{before_end}")), &Rules::default()).is_ok(),
            "{header}"
        );
    }
    // gSOAP sets it on the identity.
    let list = "zeep-client-wire/052-MsgBoxStatusListRequest.request.http";
    let must = changed(list, "<ns0:Author ", "<ns0:Author soap-env:mustUnderstand=\"true\" ");
    assert!(take(&must, &Rules::default()).is_ok());
    // PHP and gSOAP send no addressing; the action alone decides.
    let text = text(list);
    let from = text.find("<wsa:Action>").unwrap();
    let to = text.find("</wsa:To>").unwrap() + "</wsa:To>".len();
    let (incoming, _) = take(&format!("{}{}", &text[..from], &text[to..]).into(), &Rules::default()).unwrap();
    assert!(!incoming.addressing.is_used());
    assert_eq!(incoming.operation, Operation::GetStatusList);
}

#[test]
fn every_negative_of_a_multipart_has_its_fault() {
    let first = "Content-ID: <69c99c5c-1fdf-45e2-af68-f7f80ea47da2@xoev.de>";
    let second = "Content-ID: <e8a973e5-c9d7-4035-aa00-5a8c1f72d7ee@xoev.de>";
    let octets = one(PARTS);
    let replaced = |from: &str, to: &str| with_envelope(&octets, from, to);
    let last = b"--uuid:c2feec43-7eb8-463a-b0c5-06fb12a3e243--";
    let end = octets.windows(last.len()).position(|window| window == last).unwrap();
    for (what, octets, status) in [
        ("doubled part", replaced(second, first), 500),
        ("two roots", replaced(first, "Content-ID: <root.message@cxf.apache.org>"), 500),
        ("no root", replaced("start=\"<root", "start=\"<other"), 500),
        ("never closed", octets.slice(..end), 500),
        ("truncated in a part", octets.slice(..end - 20), 500),
        ("truncated in the envelope", octets.slice(..1500), 500),
        (
            "base64 on its way",
            replaced(
                "Content-Transfer-Encoding: binary\r\nContent-ID: <69",
                "Content-Transfer-Encoding: base64\r\nContent-ID: <69",
            ),
            500,
        ),
        (
            "part inside a part",
            replaced("Content-Type: application/octet-stream", "Content-Type: multipart/mixed; boundary=a"),
            500,
        ),
        (
            "root of another type",
            replaced("Content-Type: application/xop+xml; ", "Content-Type: text/xml; "),
            415,
        ),
        ("other boundary", replaced("boundary=\"uuid:c2", "boundary=\"uuid:d2"), 500),
    ] {
        let refused = refused(octets);
        assert_eq!((refused.fault.class, refused.fault.status), (Class::Sender, status), "{what}");
        assert!(refused.fault.problem.is_none());
        answered(&refused);
    }
    // The final boundary needs no line end, and the other parts may come before the root that `start` names.
    assert!(take(&octets.slice(..end + last.len()), &Rules::default()).is_ok());

    let (incoming, apart) = take(&octets, &Rules::default()).unwrap();
    let Request::SendMessage(order) = incoming.request else { panic!("no order") };
    let missing = resolve(&order.container, &apart.parts[..1], &Sizes::default()).unwrap_err();
    assert_eq!(missing, PartFault::Missing);
    assert_eq!(missing.fault(Module::Xta211, Operation::SendMessage).class, Class::Sender);
    // Base64 in a part, the fault that was in production.
    let again = Part::of(&apart.parts[0].id, b"PD94bWwgdmVyc2lvbj0iMS4wIj8+PGEvPg==");
    let twice = resolve(&order.container, &[again, apart.parts[1].clone()], &Sizes::default()).unwrap_err();
    let fault = twice.fault(Module::Xta211, Operation::SendMessage);
    assert_eq!(fault.problem.unwrap().code, "9051");
    let small = Sizes { message: 1 << 20, container: 100 };
    let large = resolve(&order.container, &apart.parts, &small).unwrap_err();
    assert_eq!(large.fault(Module::Xta211, Operation::SendMessage).problem.unwrap().code, "9023");
    // One part for two contents, content beside a reference.
    let reference = "cid:e8a973e5-c9d7-4035-aa00-5a8c1f72d7ee@xoev.de";
    let one_twice = refused(replaced(reference, "cid:69c99c5c-1fdf-45e2-af68-f7f80ea47da2@xoev.de"));
    assert_eq!(one_twice.fault.problem.unwrap().code, "9022");
    let beside = refused(replaced("</xop:Include></xta:Message>", "</xop:Include>YWJj</xta:Message>"));
    assert_eq!(beside.fault.problem.unwrap().code, "9051");
}

#[test]
fn endless_and_absurd_multiparts_end_at_their_bounds() {
    let boundary = Boundary::new("b").unwrap();
    let limits = Limits { root: 1000, part: 2000, total: 1 << 20, parts: 50 };
    let part = |id: &str, octets: &str| format!("--b\r\nContent-ID: <{id}>\r\n\r\n{octets}\r\n");
    let outcome =
        |body: String| whole(body.as_bytes(), &boundary, None, &limits).map(|whole| whole.parts.len());
    let root = part("r", "<a/>");
    let many: String = (0..100_000).map(|at| part(&at.to_string(), "x")).collect();
    assert!(matches!(outcome(format!("{root}{many}--b--")), Err(PackageFault::Mime(_))));
    assert_eq!(outcome(format!("{}--b--", part("r", &"x".repeat(1001)))), Err(PackageFault::RootTooLarge));
    assert!(matches!(
        outcome(format!("{root}{}--b--", part("p", &"x".repeat(2001)))),
        Err(PackageFault::Mime(_))
    ));
    assert_eq!(outcome(format!("{root}{}--b--", part("p", &"x".repeat(2000)))), Ok(1));
    assert!(outcome("x".repeat(2 << 20)).is_err());
    assert!(outcome("--b--".to_owned()).is_err());
    // What is too large is said with its code as soon as the operation is known.
    let fault = PackageFault::RootTooLarge.fault(Some((Module::Xta211, Operation::SendMessage)));
    assert_eq!(fault.problem.unwrap().code, "9023");
    assert!(PackageFault::NoRoot.fault(Some((Module::Xta211, Operation::SendMessage))).problem.is_none());
    // A later root: parts come first, and are counted all the same.
    let late = format!("{}{root}--b--", part("p", "abc"));
    let found = whole(late.as_bytes(), &boundary, Some("<r>"), &limits).unwrap();
    assert_eq!((found.root.as_ref(), found.parts[0].size), (&b"<a/>"[..], 3));
    // Deep, wide and many: the gate stands before the tree.
    let envelope = |inside: String| {
        Bytes::from(format!(
            "<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\">{inside}</Envelope>"
        ))
    };
    for inside in ["<a>".repeat(100) + &"</a>".repeat(100), "<a/>".repeat(300_000)] {
        assert_eq!(
            receive::request(envelope(inside), &[], &Rules::default()).unwrap_err().fault.class,
            Class::Sender
        );
    }
    let small = Rules { envelope: 10, ..Rules::default() };
    assert!(receive::request(one("zeep-requests-211/close.request.xml"), &[], &small).is_err());
}

#[test]
fn a_request_of_one_module_is_none_of_the_other() {
    let core = String::from_utf8(one("zeep-requests-core/sendMessage.request.xml").to_vec()).unwrap();
    let mixed = core.replace(
        "https://xoev.de/transport/xta/core/core.sender/sendMessage",
        "http://www.xta.de/XTA/SendMessage",
    );
    let refused = receive::request(mixed.into(), &[], &Rules::default()).unwrap_err();
    assert_eq!(
        (refused.operation, refused.fault.problem.unwrap().code),
        (Some((Module::Xta211, Operation::SendMessage)), "9022".to_owned())
    );
    let other = core.replace("xta/core/3.1.1", "xta/core/3.1.0");
    assert!(receive::request(other.into(), &[], &Rules::default()).is_err());
}

fn all_octets() -> Vec<Bytes> {
    let mut all: Vec<Bytes> = Vec::new();
    for ending in [".http", ".xml"] {
        all.extend(recorded(ending).into_iter().map(|found| found.octets));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Recorded messages with octets changed, cut out and doubled: every reader answers, and none panics.
    #[test]
    fn no_change_makes_a_reader_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, prop::collection::vec(any::<u8>(), 0..12)), 1..6),
        strict in any::<bool>(),
    ) {
        let all = all_octets();
        let mut octets = which.get(&all).to_vec();
        for (at, cut, put) in &edits {
            let at = at.index(octets.len() + 1);
            let end = (at + cut).min(octets.len());
            octets.splice(at..end, put.iter().copied());
        }
        let octets = Bytes::from(octets);
        let rules = Rules { strict, ..Rules::default() };
        glance::recognises(&octets);
        let seen = glance::glance(&octets, &rules);
        prop_assert!(seen.readable || seen.fault.is_some());
        if let Err(refused) = receive::request(octets.clone(), &[], &rules) {
            prop_assert!(write::fault(&refused, "urn:uuid:1").is_ok());
        }
        for operation in OPERATIONS {
            for module in [Module::Xta211, Module::Core311] {
                drop(receive::response(octets.clone(), module, operation, &rules));
            }
        }
    }

    /// However a multipart is cut, the same comes out.
    #[test]
    fn pieces_do_not_matter(cuts in prop::collection::vec(1usize..400, 1..40)) {
        let octets = one(PARTS);
        let start = octets.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let body = octets.slice(start..);
        let boundary = Boundary::new("uuid:c2feec43-7eb8-463a-b0c5-06fb12a3e243").unwrap();
        let expected = whole(&body, &boundary, None, &Limits::default()).unwrap();
        let mut package = Package::new(&boundary, Some("root.message@cxf.apache.org"), &Limits::default());
        let (mut root, mut parts, mut data, mut rest) = (None, Vec::new(), 0u64, &body[..]);
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = more;
            for step in package.feed(piece).unwrap() {
                match step {
                    Step::Root { octets, .. } => root = Some(octets),
                    Step::Data(piece) => data += piece.len() as u64,
                    Step::End(part) => parts.extend(part),
                    Step::Begin(_) | Step::Whole => {}
                }
            }
        }
        prop_assert!(package.finish().is_ok());
        prop_assert_eq!(root, Some(expected.root));
        prop_assert_eq!(data, parts.iter().map(|part| part.size).sum::<u64>());
        prop_assert!(parts == expected.parts);
    }

    /// Whatever stands in an order, it is refused or comes back the same; markup in it stays text.
    #[test]
    fn texts_come_back_or_are_refused(subject in ".*", name in ".+", reader in "\\PC{1,40}", id in ".{1,60}") {
        let mut meta = small_meta();
        (meta.subject, meta.reader, meta.message_id) = (Some(subject), party(&reader), id);
        meta.reader.identity.name = Some(name);
        meta.service = Some(String::new());
        let content = Content::new(Source::Inline(Bytes::from_static(b"a")), "text/plain");
        let container = Container::Open { message: Some(content), attachments: vec![], more: vec![] };
        let order = Order { meta: Box::new(meta), container };
        let request = Request::SendMessage(order.clone());
        if let Ok(written) = write::request(Module::Xta211, &request, None, "https://a/", "urn:a", Carriage::Parts) {
            let read = receive::request(written.whole().unwrap().to_owned().into(), &[], &Rules::default());
            let Ok(Request::SendMessage(read)) = read.map(|read| read.request) else { panic!("no order") };
            prop_assert_eq!(&read.meta.subject, &order.meta.subject);
            prop_assert_eq!(&read.meta.reader.identity.name, &order.meta.reader.identity.name);
            prop_assert_eq!(&read.meta.message_id, &order.meta.message_id);
        }
    }
}
