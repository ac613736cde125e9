//! What the tests of XTA share: the recorded messages, how a whole message is taken in as a transport will do it, and models
//! that use every element. The recordings are of foreign stacks on one machine; everybody in them is invented.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use drehscheibe::mime::frame;
use drehscheibe::transport::xta::binding::{self, Form, Head};
use drehscheibe::transport::xta::fault::Fault;
use drehscheibe::transport::xta::model::{
    Code, Content, Identity, List, MessageType, MetaData, Party, Process, Property, Quality, Scenario,
    Source, Times,
};
use drehscheibe::transport::xta::names::{Module, OPERATIONS, Operation, Turn};
use drehscheibe::transport::xta::package::{self, Limits};
use drehscheibe::transport::xta::parts::Part;
use drehscheibe::transport::xta::receive::{self, Answer, Incoming, Refused, Rules};

use crate::schema_support::{SHARED, files, xmllint, xmllint_is_here};

/// The folder of the recordings.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire/xta")
}

/// One recorded message.
pub struct Recorded {
    /// Folder and file.
    pub name: String,
    /// The octets.
    pub octets: Bytes,
}

impl Recorded {
    /// The operation of 2.1.1 that its name tells: recordings are called by their action.
    pub fn operation(&self) -> Operation {
        let action =
            self.name.rsplit('/').next().unwrap().split('-').nth(1).unwrap().split('.').next().unwrap();
        let is_it = |operation: &Operation| {
            let known = operation.action(Module::Xta211, Turn::Request);
            known.is_some_and(|known| known.rsplit('/').next() == Some(action))
        };
        OPERATIONS.into_iter().find(is_it).unwrap_or_else(|| panic!("{}", self.name))
    }
}

/// Every recorded file whose name ends so, in order.
pub fn recorded(ending: &str) -> Vec<Recorded> {
    let read = |file: PathBuf| {
        let name = file.strip_prefix(folder()).unwrap().to_string_lossy().into_owned();
        Recorded { name, octets: fs::read(&file).unwrap().into() }
    };
    let found: Vec<Recorded> = files(&folder(), ending).into_iter().map(read).collect();
    assert!(!found.is_empty(), "{ending}");
    found
}

/// One recorded file by its name.
pub fn one(name: &str) -> Bytes {
    fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}")).into()
}

/// A message with its HTTP head, taken apart.
#[derive(Debug)]
pub struct Apart {
    /// The first line.
    pub line: String,
    /// The envelope.
    pub root: Bytes,
    /// The other parts.
    pub parts: Vec<Part>,
    /// Actions of head and root part.
    pub actions: Vec<String>,
    /// Whether the body was a multipart.
    pub multipart: bool,
    /// Whether the answer is one.
    pub answer_multipart: bool,
}

/// Every deviation is a fault.
pub fn strict() -> Rules {
    Rules { strict: true, ..Rules::default() }
}

/// Which envelopes the official schemas refuse, and why; none when there is nobody to judge.
pub fn refused_by_schema(module: Module, envelopes: &[impl AsRef<[u8]>]) -> Option<Vec<(usize, String)>> {
    let name = if module == Module::Xta211 { "soap12-xta211.xsd" } else { "soap12-xta311.xsd" };
    let schema = Path::new(SHARED).join("validate").join(name);
    if !schema.is_file() || !xmllint_is_here() {
        println!("the official schemas or xmllint are not here: envelopes were not judged a second time");
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..envelopes.len()).map(|at| place.path().join(format!("{at}.xml"))).collect();
    for (file, envelope) in files.iter().zip(envelopes) {
        fs::write(file, envelope).unwrap();
    }
    let verdicts = xmllint(&schema, &files).expect("a schema that xmllint can use");
    let complaint = |(at, file): (usize, &PathBuf)| Some((at, verdicts[file].clone()?));
    Some(files.iter().enumerate().filter_map(complaint).collect())
}

/// Takes a message apart as a transport does.
pub fn apart(octets: &Bytes, limits: &Limits) -> Result<Apart, Fault> {
    let (content_type, start) = frame::http_head(octets).expect("no http head");
    let head = String::from_utf8_lossy(&octets[..start]);
    let named = |name| frame::http_header(&octets[..start], name);
    let read = binding::read(&Head {
        content_type: content_type.as_deref(),
        soap_action: named("soapaction").as_deref(),
        accept: named("accept").as_deref(),
    })?;
    let body = octets.slice(start..);
    let mut actions = read.actions;
    let (root, parts, multipart) = match &read.form {
        Form::Plain => (body, Vec::new(), false),
        Form::Multipart { boundary, start } => {
            let whole = package::whole(&body, boundary, start.as_deref(), limits)
                .map_err(|fault| fault.fault(None))?;
            actions.extend(binding::of_root(whole.content_type.as_deref())?);
            (whole.root, whole.parts, true)
        }
    };
    let line = head.lines().next().unwrap_or_default().to_owned();
    Ok(Apart { line, root, parts, actions, multipart, answer_multipart: read.answer_multipart })
}

/// Takes a whole request in.
pub fn take(octets: &Bytes, rules: &Rules) -> Result<(Incoming, Apart), Box<Refused>> {
    let apart = apart(octets, &Limits::default()).map_err(|fault| Box::new(Refused::early(fault)))?;
    receive::request(apart.root.clone(), &apart.actions, rules).map(|incoming| (incoming, apart))
}

/// Takes a whole response in.
pub fn answer(octets: &Bytes, operation: Operation, rules: &Rules) -> Result<(Answer, Apart), Fault> {
    let apart = apart(octets, &Limits::default())?;
    receive::response(apart.root.clone(), Module::Xta211, operation, rules).map(|answer| (answer, apart))
}

/// A code with its list.
pub fn code(value: &str, list: &str) -> Code {
    let list = Some(List { uri: format!("urn:de:xta:codeliste:{list}"), version: "1.0".to_owned() });
    Code { value: value.to_owned(), name: None, list }
}

/// A party.
pub fn party(value: &str) -> Party {
    Party::of(Identity {
        value: value.to_owned(),
        scheme: Some("xoev".to_owned()),
        name: Some("Amt <Nord> & \"Süd\"".to_owned()),
        category: Some("Jugendamt".to_owned()),
    })
}

/// The least that an order says and both modules can write.
pub fn small_meta() -> MetaData {
    let kind =
        MessageType { code: code("auskunft.0801", "nachricht"), schema: "urn:example:schema:1.0".to_owned() };
    let mut meta =
        MetaData::new("urn:de:xta:messageid:test:1", party("jua:05315000"), party("sta:05315000"), kind);
    meta.scenario = Some(Scenario::Undefined("SORGEREGISTER".to_owned()));
    meta.size = Some(12);
    meta.quality = Some(Quality { value: "vereinbart".to_owned(), defined: false });
    meta
}

/// Metadata in which everything of 2.1.1 is said.
pub fn full_meta() -> MetaData {
    let moment = |second: u8| Some(format!("2026-11-21T10:00:{second:02}.5+01:00"));
    let mut meta = small_meta();
    meta.test = true;
    meta.times = Times {
        origin: moment(1),
        initial_send: moment(2),
        not_before: moment(3),
        obsolete_after: Some("2027-01-01".to_owned()),
        delivery: moment(4),
        initial_fetch: moment(5),
        reception: moment(6),
    };
    meta.quality = Some(Quality { value: "urn:xoev-de:kosit:standard:muster_1.0".to_owned(), defined: true });
    meta.sender = Some(party("bet:1"));
    meta.reply_to = Some(party("jua:2"));
    meta.other_readers = vec![party("sta:2").identity];
    meta.copies = vec![party("sta:3").identity, party("sta:4").identity];
    meta.in_reply_to = vec!["urn:de:xta:messageid:test:0".to_owned()];
    meta.requester = Some(Process { value: "p-1".to_owned(), name: Some("Antrag".to_owned()) });
    meta.responder = Some(Process { value: "p-2".to_owned(), name: None });
    meta.subject = Some("Betreff ]]> <a>".to_owned());
    meta.service = Some("urn:example:dienst:1.0".to_owned());
    meta.scenario = Some(Scenario::Defined(code("XINNERES_DATA", "business.scenario")));
    meta.properties = vec![Property { key: code("k", "keys"), value: "v".to_owned() }];
    meta
}

/// A content of which everything is said.
pub fn full_content(source: Source) -> Content {
    Content {
        source,
        content_type: Some("application/octet-stream".to_owned()),
        description: Some("Anlage".to_owned()),
        encoding: Some("UTF-8".to_owned()),
        file_name: Some("Ürkunde & \"mehr\".bin".to_owned()),
        id: Some("a1".to_owned()),
        language: Some("de".to_owned()),
        size: Some(3),
    }
}
