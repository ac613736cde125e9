//! The SOAP 1.2 envelope and its addressing: structure, headers that must be understood, where an answer goes.
//! It never keeps a header that it does not know, never answers to another address than the connection, and reads a fault as
//! far as it decides something: exception and code.

use bytes::Bytes;

use super::element::{self, Cursor, Ill};
use super::fault::{Class, Exception, Fault, Problem};
use super::names::{ANONYMOUS, BOX, CORE, META, Module, SOAP, SOAP11, WSA, XTA};
use super::values;
use crate::xml::chars;
use crate::xml::limits::{GateFault, Limits};
use crate::xml::tree::{Element, Tree};

const NEXT: &str = "http://www.w3.org/2003/05/soap-envelope/role/next";
const ULTIMATE: &str = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver";
/// Longest text of a fault that is kept, characters.
const LONGEST: usize = 500;

/// What the addressing headers say. Ids are opaque: some have no scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressing {
    /// The action.
    pub action: Option<String>,
    /// The id of this message on the wire; not the id of an order.
    pub message_id: Option<String>,
    /// The id of the request that this answers.
    pub relates_to: Option<String>,
    /// Where it goes.
    pub to: Option<String>,
}

impl Addressing {
    /// Whether there is any: who sends none needs none back.
    pub fn is_used(&self) -> bool {
        self.action.is_some() || self.message_id.is_some() || self.to.is_some()
    }
}

/// An envelope whose structure is right.
#[derive(Debug)]
pub struct Envelope<'t> {
    /// What its addressing says.
    pub addressing: Addressing,
    /// Why its answer cannot go where it wants it, if it cannot.
    pub elsewhere: bool,
    /// The headers that are no addressing.
    pub headers: Vec<Element<'t>>,
    /// Headers that must be understood and are not: namespace and name.
    pub not_understood: Vec<(String, String)>,
    /// What its body holds: nothing or one element.
    pub body: Option<Element<'t>>,
}

/// Lets an envelope through the gate. What the gate refuses is the sender's fault; no text of the message is in it.
pub fn parse(octets: Bytes, most: usize) -> Result<Tree, Fault> {
    let limits = Limits { bytes: most, ..Limits::default() };
    Tree::parse(octets, &limits).map_err(|error| match error.fault {
        GateFault::TooLarge => Fault::sender("envelope too large; send contents as parts beside it"),
        fault => Fault::sender(&fault.to_string()),
    })
}

impl<'t> Envelope<'t> {
    /// Reads the structure.
    pub fn read(tree: &'t Tree) -> Result<Envelope<'t>, Fault> {
        let root = tree.root();
        if root.is(SOAP11, "Envelope") {
            return Err(Fault { class: Class::VersionMismatch, ..Fault::sender("soap 1.1; send soap 1.2") });
        }
        if !root.is(SOAP, "Envelope") {
            return Err(Fault::sender("no soap 1.2 envelope"));
        }
        let structure = |_: Ill| Fault::sender("not built as an envelope must be");
        let mut cursor = Cursor::of(root).map_err(structure)?;
        let header = cursor.take(SOAP, "Header");
        let body = cursor.need(SOAP, "Body").map_err(structure)?;
        cursor.end().map_err(structure)?;
        let mut found = Envelope {
            addressing: Addressing::default(),
            elsewhere: false,
            headers: Vec::new(),
            not_understood: Vec::new(),
            body: None,
        };
        if body.has_own_text() {
            return Err(Fault::sender("text in the body"));
        }
        let mut inside = body.children();
        found.body = inside.next();
        if inside.next().is_some() {
            return Err(Fault::sender("more than one element in the body"));
        }
        if let Some(header) = header {
            if header.has_own_text() {
                return Err(Fault::sender("text between headers"));
            }
            for block in header.children() {
                found.header(block)?;
            }
        }
        Ok(found)
    }

    fn header(&mut self, block: Element<'t>) -> Result<(), Fault> {
        let (namespace, local) = (block.namespace(), block.local());
        if self.headers.iter().any(|other| other.is(namespace, local)) && is_known(block) {
            return Err(Fault::sender("the same header twice"));
        }
        if must_be_understood(block) && !is_known(block) {
            self.not_understood.push((namespace.to_owned(), local.to_owned()));
        }
        if namespace != WSA {
            self.headers.push(block);
            return Ok(());
        }
        let address = || {
            let address = block.child(WSA, "Address").map(|address| address.text().trim().to_owned());
            address.ok_or_else(|| {
                Fault::addressing("MissingAddressInEPR", "an address header without its address")
            })
        };
        let value = block.text().trim().to_owned();
        let to = match local {
            "Action" => &mut self.addressing.action,
            "MessageID" => &mut self.addressing.message_id,
            "To" => &mut self.addressing.to,
            // Several are legal; the first is the request's.
            "RelatesTo" => {
                self.addressing.relates_to.get_or_insert(value);
                return Ok(());
            }
            "ReplyTo" | "FaultTo" => {
                self.elsewhere |= address()? != ANONYMOUS;
                return Ok(());
            }
            _ => return Ok(()),
        };
        if to.is_some() {
            return Err(Fault::addressing("InvalidCardinality", "the same addressing header twice"));
        }
        *to = Some(value).filter(|value| !value.is_empty());
        Ok(())
    }

    /// The header of this name.
    pub fn named(&self, namespace: &str, local: &str) -> Option<Element<'t>> {
        self.headers.iter().copied().find(|header| header.is(namespace, local))
    }

    /// The fault in its body, if that is what it holds.
    pub fn fault(&self) -> Option<Fault> {
        let fault = self.body.filter(|body| body.is(SOAP, "Fault"))?;
        Some(read_fault(fault))
    }
}

/// The headers that are understood in a request or a response of either module.
fn is_known(block: Element<'_>) -> bool {
    match block.namespace() {
        WSA => true,
        META => matches!(block.local(), "Author" | "MessageMetaData"),
        BOX => matches!(block.local(), "MsgBoxResponse" | "X509TokenContainer"),
        CORE => {
            matches!(block.local(), "Party" | "MessageMetaData" | "MessageMetaDataReply" | "MessageBoxStatus")
        }
        SOAP => matches!(block.local(), "NotUnderstood" | "Upgrade"),
        _ => false,
    }
}

fn must_be_understood(block: Element<'_>) -> bool {
    let must = block.attribute_in(SOAP, "mustUnderstand").map(values::collapsed);
    let for_us = match block.attribute_in(SOAP, "role").map(values::collapsed) {
        None => true,
        Some(role) => matches!(role.as_str(), "" | NEXT | ULTIMATE),
    };
    for_us && must.is_some_and(|must| values::boolean(&must) == Some(true))
}

/// A fault, read as leniently as can be: it is an answer, whatever shape a stack gives it.
fn read_fault(fault: Element<'_>) -> Fault {
    let code = fault.child(SOAP, "Code");
    // A qualified name, whose prefix decides nothing.
    let value = |code: Element<'_>| {
        code.child(SOAP, "Value").map(|value| chars::split(value.text().trim()).1.to_owned())
    };
    let class = code.and_then(value).and_then(|name| Class::of_name(&name)).unwrap_or(Class::Receiver);
    let mut addressing = Vec::new();
    let mut inner = code.and_then(|code| code.child(SOAP, "Subcode"));
    while let Some(found) = inner {
        addressing.extend(value(found));
        inner = found.child(SOAP, "Subcode");
    }
    let reason = fault.child(SOAP, "Reason").and_then(|reason| reason.child(SOAP, "Text"));
    let reason = reason.map(|text| text.text().trim().to_owned()).unwrap_or_default();
    let detail = fault.child(SOAP, "Detail").and_then(|detail| detail.children().find_map(problem));
    Fault {
        class,
        addressing,
        reason: reason.chars().take(LONGEST).collect(),
        problem: detail.map(Box::new),
        not_understood: Vec::new(),
        status: 500,
    }
}

fn problem(element: Element<'_>) -> Option<Problem> {
    let module = match element.namespace() {
        XTA => Module::Xta211,
        CORE => Module::Core311,
        _ => return None,
    };
    let exception = Exception::of_element(module, element.local())?;
    let code = match module {
        Module::Xta211 => element.child(XTA, "errorCode"),
        Module::Core311 => element.child(CORE, "ErrorCode"),
    };
    let of = |name| code.and_then(|code| code.child("", name)).and_then(|found| element::token(found).ok());
    let text = match module {
        Module::Xta211 => of("name"),
        Module::Core311 => element.child(CORE, "Detail").and_then(|detail| element::token(detail).ok()),
    };
    let text: String = text.unwrap_or_default().chars().take(LONGEST).collect();
    Some(Problem { exception, code: of("code").unwrap_or_default(), text })
}
