//! How elements are read: children in the order of the schema, nothing left over; and the few places where clients in use
//! deviate, each with its name, counted, and closed by `strict`.
//! It never skips what it does not know: an element that the schema has not is a fault, so what is read is all that was said.

use std::collections::HashSet;

use bytes::Bytes;

use super::model::{Opaque, Piece, Source};
use super::names::{CORE, XOP, XSI};
use super::values;
use crate::mime::transfer;
use crate::xml::tree::{Child, Element};
use crate::xml::write::{escape_attribute, escape_text};

/// Where clients in use deviate from the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deviation {
    /// An identifier without its kind.
    NoIdentifierType,
    /// A qualifier without its business.
    NoBusinessScenario,
    /// A container for certificates that is empty or nil.
    EmptyTokenContainer,
    /// A form of list in the spelling that the schema does not have.
    ListFormSpelling,
    /// An element of core without the id that only stands there to be pointed at.
    NoId,
    /// A reason that is a text where an address belongs.
    ReasonNotUri,
    /// The identity that stands for all of an account.
    AnyIdentity,
}

impl Deviation {
    /// What it is, for a person.
    pub fn text(self) -> &'static str {
        match self {
            Deviation::NoIdentifierType => "identifier without its type",
            Deviation::NoBusinessScenario => "qualifier without its business scenario",
            Deviation::EmptyTokenContainer => "certificate container that is empty or nil",
            Deviation::ListFormSpelling => "list form spelt otherwise than in the schema",
            Deviation::NoId => "element without its id",
            Deviation::ReasonNotUri => "reason that is no address",
            Deviation::AnyIdentity => "identity that stands for all of an account",
        }
    }
}

/// Why an element does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ill {
    /// It is not built as the schema says; the text is ours.
    Structure(&'static str),
    /// It deviates where only leniency would take it.
    Strict(Deviation),
    /// A content is not encoded as it must be.
    Encoding(&'static str),
}

impl Ill {
    /// What it is, for a person.
    pub fn text(self) -> &'static str {
        match self {
            Ill::Structure(text) | Ill::Encoding(text) => text,
            Ill::Strict(deviation) => deviation.text(),
        }
    }
}

/// What is read so far, and how.
#[derive(Debug, Default)]
pub struct Reading {
    /// Whether every deviation is a fault.
    pub strict: bool,
    /// The deviations that were taken.
    pub deviations: Vec<Deviation>,
    /// The Content-IDs that were referenced; each may be once.
    pub references: HashSet<String>,
    /// The ids that elements have; each may be once.
    pub ids: HashSet<String>,
}

impl Reading {
    /// Takes a deviation, or not.
    pub fn tolerate(&mut self, deviation: Deviation) -> Result<(), Ill> {
        if self.strict {
            return Err(Ill::Strict(deviation));
        }
        if !self.deviations.contains(&deviation) {
            self.deviations.push(deviation);
        }
        Ok(())
    }

    /// The octets of an element of type base64Binary: Base64 in it, or one reference to a part.
    pub fn source(&mut self, element: Element<'_>) -> Result<Source, Ill> {
        let mut children = element.children();
        let Some(include) = children.next() else {
            let text = element.text();
            let octets =
                transfer::decode(text.as_bytes()).ok_or(Ill::Encoding("content that is no base64"))?;
            return Ok(Source::Inline(Bytes::from(octets)));
        };
        if children.next().is_some() || element.has_own_text() {
            return Err(Ill::Encoding("reference to a part beside other content"));
        }
        self.include(include).map(Source::Part)
    }

    fn include(&mut self, element: Element<'_>) -> Result<String, Ill> {
        if !element.is(XOP, "Include") || element.children().next().is_some() {
            return Err(Ill::Structure("element in a content"));
        }
        let address = element.attribute("href").ok_or(Ill::Structure("reference without an address"))?;
        let id = values::part_id(address).ok_or(Ill::Structure("reference that names no part"))?;
        if !self.references.insert(id.clone()) {
            return Err(Ill::Structure("part referenced twice"));
        }
        Ok(id)
    }

    /// Takes an element as it is, with every namespace that it can see.
    pub fn opaque(&mut self, element: Element<'_>) -> Result<Opaque, Ill> {
        let mut pieces = Pieces::default();
        let mut inherited: Vec<(&str, &str)> = Vec::new();
        for around in element.ancestors() {
            for (prefix, name) in around.declarations() {
                let known =
                    element.declarations().chain(inherited.iter().copied()).any(|(other, _)| other == prefix);
                if !known {
                    inherited.push((prefix, name));
                }
            }
        }
        // A default namespace that is none need not be said: nothing of ours has one.
        inherited.retain(|(_, name)| !name.is_empty());
        self.serialise(element, &inherited, &mut pieces)?;
        let (namespace, local) = (element.namespace().to_owned(), element.local().to_owned());
        Ok(Opaque { namespace, local, pieces: pieces.end() })
    }

    fn serialise(
        &mut self,
        element: Element<'_>,
        inherited: &[(&str, &str)],
        to: &mut Pieces,
    ) -> Result<(), Ill> {
        // What passed the gate holds no character that XML cannot hold.
        let attribute = |text: &str| {
            escape_attribute(text).map(|text| text.into_owned()).map_err(|_| Ill::Structure("character"))
        };
        if element.is(XOP, "Include") {
            let id = self.include(element)?;
            to.push(Piece::Content(Source::Part(id)));
            return Ok(());
        }
        to.xml("<");
        to.xml(element.qname());
        for (prefix, name) in element.declarations().chain(inherited.iter().copied()) {
            let colon = if prefix.is_empty() { "" } else { ":" };
            to.xml(&format!(" xmlns{colon}{prefix}=\"{}\"", attribute(name)?));
        }
        for found in element.attributes() {
            to.xml(&format!(" {}=\"", found.qname));
            if found.qname == "id" && element.namespace() == CORE {
                to.push(Piece::Id);
            } else {
                to.xml(&attribute(found.value)?);
            }
            to.xml("\"");
        }
        to.xml(">");
        for child in element.nodes() {
            match child {
                Child::Element(child) => self.serialise(child, &[], to)?,
                Child::Text(text) => to.xml(&escape_text(text).map_err(|_| Ill::Structure("character"))?),
                Child::Comment(_) | Child::Instruction(..) => {}
            }
        }
        to.xml(&format!("</{}>", element.qname()));
        Ok(())
    }
}

#[derive(Default)]
struct Pieces {
    done: Vec<Piece>,
    xml: String,
}

impl Pieces {
    fn xml(&mut self, text: &str) {
        self.xml.push_str(text);
    }

    fn push(&mut self, piece: Piece) {
        if !self.xml.is_empty() {
            self.done.push(Piece::Xml(std::mem::take(&mut self.xml)));
        }
        self.done.push(piece);
    }

    fn end(mut self) -> Vec<Piece> {
        if !self.xml.is_empty() {
            self.done.push(Piece::Xml(self.xml));
        }
        self.done
    }
}

/// The children of an element, taken in order.
pub struct Cursor<'t> {
    children: Vec<Element<'t>>,
    at: usize,
}

impl<'t> Cursor<'t> {
    /// The children of an element that has no text and no attribute of its own.
    pub fn of(element: Element<'t>) -> Result<Cursor<'t>, Ill> {
        Cursor::with(element, &[])
    }

    /// The children of an element that has no text of its own, and of attributes only these.
    pub fn with(element: Element<'t>, known: &[&str]) -> Result<Cursor<'t>, Ill> {
        attributes(element, known)?;
        if element.has_own_text() {
            return Err(Ill::Structure("text between elements"));
        }
        Ok(Cursor { children: element.children().collect(), at: 0 })
    }

    /// The next child, if it has this name.
    pub fn take(&mut self, namespace: &str, local: &str) -> Option<Element<'t>> {
        let next = self.children.get(self.at).filter(|next| next.is(namespace, local))?;
        self.at += 1;
        Some(*next)
    }

    /// The next child, which must have this name.
    pub fn need(&mut self, namespace: &str, local: &str) -> Result<Element<'t>, Ill> {
        self.take(namespace, local)
            .ok_or(Ill::Structure("element missing, or in another place than the schema has it"))
    }

    /// All next children of this name.
    pub fn all(&mut self, namespace: &str, local: &str) -> Vec<Element<'t>> {
        std::iter::from_fn(|| self.take(namespace, local)).collect()
    }

    /// That nothing is left.
    pub fn end(&self) -> Result<(), Ill> {
        match self.children.len() - self.at {
            0 => Ok(()),
            _ => Err(Ill::Structure("element that the schema has not, or has in another place")),
        }
    }
}

/// The text of an element that has nothing else, whatever its attributes.
pub fn value(element: Element<'_>) -> Result<String, Ill> {
    if element.children().next().is_some() {
        return Err(Ill::Structure("element where a value belongs"));
    }
    Ok(element.text().into_owned())
}

/// The text of an element that has nothing else and no attribute.
pub fn text(element: Element<'_>) -> Result<String, Ill> {
    attributes(element, &[])?;
    value(element)
}

/// The same, white space collapsed.
pub fn token(element: Element<'_>) -> Result<String, Ill> {
    text(element).map(|text| values::collapsed(&text))
}

/// The same, not empty.
pub fn filled(element: Element<'_>) -> Result<String, Ill> {
    text(element).and_then(not_empty)
}

/// Refuses an empty text.
pub fn not_empty(text: String) -> Result<String, Ill> {
    if text.is_empty() { Err(Ill::Structure("empty value")) } else { Ok(text) }
}

/// An address, which may be empty.
pub fn uri(element: Element<'_>) -> Result<String, Ill> {
    text(element).and_then(|text| an_address(&text))
}

/// An id of a transport order: an address that is not empty.
pub fn id(element: Element<'_>) -> Result<String, Ill> {
    uri(element).and_then(not_empty)
}

/// A text as an address, which may be empty.
pub fn an_address(text: &str) -> Result<String, Ill> {
    let uri = values::collapsed(text);
    if values::is_uri(&uri) { Ok(uri) } else { Err(Ill::Structure("value that is no address")) }
}

/// A moment, as it is written.
pub fn moment(element: Element<'_>) -> Result<String, Ill> {
    text(element).and_then(|text| a_moment(&text))
}

/// A text as a moment.
pub fn a_moment(text: &str) -> Result<String, Ill> {
    let moment = values::collapsed(text);
    if values::is_date_time(&moment) { Ok(moment) } else { Err(Ill::Structure("value that is no moment")) }
}

/// A day, as it is written.
pub fn day(element: Element<'_>) -> Result<String, Ill> {
    let day = token(element)?;
    if values::is_date(&day) { Ok(day) } else { Err(Ill::Structure("value that is no day")) }
}

/// A number that is not negative.
pub fn number(element: Element<'_>) -> Result<u64, Ill> {
    values::unsigned(&token(element)?).ok_or(Ill::Structure("value that is no number"))
}

/// A number over zero.
pub fn positive(element: Element<'_>) -> Result<u64, Ill> {
    number(element).and_then(above_zero)
}

/// Refuses zero.
pub fn above_zero(number: u64) -> Result<u64, Ill> {
    if number > 0 { Ok(number) } else { Err(Ill::Structure("zero where more belongs")) }
}

/// A truth value.
pub fn truth(text: &str) -> Result<bool, Ill> {
    values::boolean(&values::collapsed(text)).ok_or(Ill::Structure("value that is neither true nor false"))
}

/// The attributes of an element, of which only these are known; those of other namespaces are nobody's here.
pub fn attributes(element: Element<'_>, known: &[&str]) -> Result<(), Ill> {
    let strange = |name: &str, namespace: &str| namespace.is_empty() && !known.contains(&name);
    match element.attributes().any(|found| strange(found.qname, found.namespace)) {
        true => Err(Ill::Structure("attribute that the schema has not")),
        false => Ok(()),
    }
}

/// An attribute that is not empty where it is there.
pub fn filled_attribute(element: Element<'_>, name: &str) -> Result<Option<String>, Ill> {
    match element.attribute(name) {
        Some("") => Err(Ill::Structure("empty attribute")),
        found => Ok(found.map(str::to_owned)),
    }
}

/// Whether an element says that it is nil.
pub fn is_nil(element: Element<'_>) -> bool {
    element
        .attribute_in(XSI, "nil")
        .is_some_and(|value| values::boolean(&values::collapsed(value)) == Some(true))
}
