//! A tree of a document that passed the gate: elements, texts, comments and instructions in document order, with prefixes
//! and declarations as they were written, as canonical forms need them.
//! It never builds a tree of what did not pass the gate, never expands more than characters, and borrows the text of the
//! document wherever it stands there as it is to be read, so that a large one is not held twice.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::chars;
use super::chars::BYTE_ORDER_MARK;
use super::gate::{self, Document, GateError, Place};
use super::json;
use super::limits::{GateFault, Limits};
use super::scope::{Namespace, Scope};
use super::tag::{self, Tag};

/// A document as a tree. Elements are handed out as [`Element`], which borrow it.
pub struct Tree {
    document: Document,
    nodes: Vec<Node>,
    attributes: Vec<AttributeNode>,
    declarations: Vec<Declaration>,
    names: Vec<String>,
    /// The node of the root element.
    root: u32,
}

struct Node {
    parent: u32,
    /// The first node behind it and all that it holds.
    end: u32,
    kind: Kind,
}

enum Kind {
    Element { name: Range<u32>, namespace: Namespace, attributes: Range<u32>, declarations: Range<u32> },
    Text(Text),
    Comment(Text),
    Instruction { target: Range<u32>, content: Text },
}

/// A text: where it stands in the document as it is to be read, or what is to be read instead.
enum Text {
    There(Range<u32>),
    Instead(Box<str>),
}

struct AttributeNode {
    name: Range<u32>,
    namespace: Namespace,
    value: Text,
}

struct Declaration {
    prefix: Range<u32>,
    namespace: Namespace,
}

impl Tree {
    /// Lets `octets` through the gate and makes a tree of them. JSON is no document here.
    pub fn parse(octets: Bytes, limits: &Limits) -> Result<Tree, GateError> {
        if json::is_json(&octets) {
            let fault = GateFault::NotWellFormed("no markup");
            return Err(GateError { fault, place: Place { line: 1, column: 1 } });
        }
        // Places in the tree have 32 bits.
        let limits = Limits { bytes: limits.bytes.min(u32::MAX as usize / 2), ..limits.clone() };
        Tree::of(gate::pass(octets, &limits)?)
    }

    fn of(document: Document) -> Result<Tree, GateError> {
        let octets = document.bytes().clone();
        // The gate let only UTF-8 through.
        let text = std::str::from_utf8(&octets).map_err(|_| unforeseen(&document, 0))?;
        let mut builder = Builder {
            text,
            nodes: Vec::new(),
            attributes: Vec::new(),
            declarations: Vec::new(),
            scope: Scope::new(),
            open: Vec::new(),
            root: None,
        };
        match builder.run() {
            Ok(root) => {
                let Builder { nodes, attributes, declarations, scope, .. } = builder;
                let names = scope.into_names();
                Ok(Tree { document, nodes, attributes, declarations, names, root })
            }
            Err(at) => Err(unforeseen(&document, at)),
        }
    }

    /// The root element.
    pub fn root(&self) -> Element<'_> {
        Element { tree: self, at: self.root }
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// How many nodes there are.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    fn str(&self, range: &Range<u32>) -> &str {
        let octets = self.document.bytes().get(range.start as usize..range.end as usize);
        octets.and_then(|octets| std::str::from_utf8(octets).ok()).unwrap_or_default()
    }

    fn text<'t>(&'t self, text: &'t Text) -> &'t str {
        match text {
            Text::There(range) => self.str(range),
            Text::Instead(text) => text,
        }
    }

    fn name_of(&self, namespace: Namespace) -> &str {
        self.names.get(namespace.place()).map_or("", String::as_str)
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

/// What the gate let through and the tree does not understand: both read with the same rules, so it does not happen.
fn unforeseen(document: &Document, at: usize) -> GateError {
    GateError {
        fault: GateFault::NotWellFormed("markup that cannot be read again"),
        place: document.place_of(at),
    }
}

struct Builder<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    attributes: Vec<AttributeNode>,
    declarations: Vec<Declaration>,
    scope: Scope<'a>,
    /// The open elements, and the marks of the scope before them.
    open: Vec<(u32, usize)>,
    root: Option<u32>,
}

impl<'a> Builder<'a> {
    /// Gives the node of the root; the fault is the offset of a token that cannot be read.
    fn run(&mut self) -> Result<u32, usize> {
        let mark = if self.text.as_bytes().starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let text: &'a str = self.text.get(mark..).ok_or(0usize)?;
        let mut reader = Reader::from_str(text);
        let mut start = mark;
        loop {
            let event = reader.read_event().map_err(|_| start)?;
            let end = mark + usize::try_from(reader.buffer_position()).map_err(|_| start)?;
            let range = |from: usize, to: usize| (from as u32)..(to as u32);
            match event {
                Event::Start(_) => self.element(start + 1, end - 1, false).ok_or(start)?,
                Event::Empty(_) => self.element(start + 1, end - 2, true).ok_or(start)?,
                Event::End(_) => self.close().ok_or(start)?,
                Event::Text(_) => self.characters(start, end).ok_or(start)?,
                Event::CData(_) => self.characters_of_cdata(start + 9, end - 3).ok_or(start)?,
                Event::GeneralRef(_) => {
                    let reference =
                        self.text.get(start + 1..end - 1).and_then(chars::resolve).ok_or(start)?;
                    self.append(reference.encode_utf8(&mut [0; 4]));
                }
                Event::Comment(_) => {
                    let content = self.lines(start + 4, end - 3).ok_or(start)?;
                    self.push(Kind::Comment(content));
                }
                Event::PI(_) => {
                    let content = self.text.get(start + 2..end - 2).ok_or(start)?;
                    let (target, _) = Tag::open(content);
                    let space =
                        content[target.len()..].bytes().take_while(|&octet| chars::is_space(octet)).count();
                    let data = start + 2 + target.len() + space;
                    let content = self.lines(data, end - 2).ok_or(start)?;
                    let target = range(start + 2, start + 2 + target.len());
                    self.push(Kind::Instruction { target, content });
                }
                Event::Decl(_) => {}
                Event::DocType(_) => return Err(start),
                Event::Eof => return self.root.ok_or(start),
            }
            start = end;
        }
    }

    fn push(&mut self, kind: Kind) -> u32 {
        let at = self.nodes.len() as u32;
        let parent = self.open.last().map_or(u32::MAX, |(element, _)| *element);
        self.nodes.push(Node { parent, end: at + 1, kind });
        at
    }

    fn element(&mut self, start: usize, end: usize, empty: bool) -> Option<()> {
        let content: &'a str = self.text.get(start..end)?;
        let mark = self.scope.mark();
        let (name, mut inside) = Tag::open(content);
        let declarations = self.declarations.len() as u32;
        let mut plain = Vec::new();
        while let Some(attribute) = inside.next_attribute().ok()? {
            let prefix = match attribute.name.strip_prefix("xmlns") {
                Some("") => Some((start + attribute.at, start + attribute.at)),
                Some(rest) if rest.starts_with(':') => {
                    Some((start + attribute.at + 6, start + attribute.at + attribute.name.len()))
                }
                _ => None,
            };
            let Some((from, to)) = prefix else {
                plain.push(attribute);
                continue;
            };
            let written: &'a str = self.text.get(from..to)?;
            self.scope.declare(written, tag::normalised(attribute.raw)).ok()?;
            // The prefix xml is bound already and is never declared in a canonical form.
            if written != "xml" {
                let namespace = self.scope.find(written)?;
                self.declarations.push(Declaration { prefix: from as u32..to as u32, namespace });
            }
        }
        let (prefix, _) = chars::split_qname(name)?;
        let namespace = self.scope.find(prefix)?;
        let first = self.attributes.len() as u32;
        for attribute in plain {
            let at = start + attribute.at;
            let (prefix, _) = chars::split_qname(attribute.name)?;
            let namespace = if prefix.is_empty() { super::scope::NONE } else { self.scope.find(prefix)? };
            let value = match tag::normalised(attribute.raw) {
                Cow::Owned(value) => Text::Instead(value.into()),
                Cow::Borrowed(_) => {
                    // Both are slices of the same tag, so their distance is the place.
                    let offset = (attribute.raw.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
                    Text::There(offset as u32..(offset + attribute.raw.len()) as u32)
                }
            };
            self.attributes.push(AttributeNode {
                name: at as u32..(at + attribute.name.len()) as u32,
                namespace,
                value,
            });
        }
        let element = self.push(Kind::Element {
            name: start as u32..(start + name.len()) as u32,
            namespace,
            attributes: first..self.attributes.len() as u32,
            declarations: declarations..self.declarations.len() as u32,
        });
        if self.open.is_empty() {
            self.root = Some(element);
        }
        self.open.push((element, mark));
        if empty { self.close() } else { Some(()) }
    }

    fn close(&mut self) -> Option<()> {
        let (element, mark) = self.open.pop()?;
        self.nodes[element as usize].end = self.nodes.len() as u32;
        self.scope.back_to(mark);
        Some(())
    }

    fn characters(&mut self, start: usize, end: usize) -> Option<()> {
        if self.open.is_empty() {
            return Some(());
        }
        let content = self.lines(start, end)?;
        self.text(content)
    }

    fn characters_of_cdata(&mut self, start: usize, end: usize) -> Option<()> {
        if start == end {
            return Some(());
        }
        let content = self.lines(start, end)?;
        self.text(content)
    }

    /// Takes a text in; one that follows another without markup between them becomes one with it.
    fn text(&mut self, content: Text) -> Option<()> {
        if self.follows_text() {
            let content = match content {
                Text::There(range) => self.text.get(range.start as usize..range.end as usize)?.to_owned(),
                Text::Instead(text) => text.into(),
            };
            self.append(&content);
        } else {
            self.push(Kind::Text(content));
        }
        Some(())
    }

    fn follows_text(&self) -> bool {
        let parent = self.open.last().map_or(u32::MAX, |(element, _)| *element);
        self.nodes.last().is_some_and(|last| last.parent == parent && matches!(last.kind, Kind::Text(_)))
    }

    fn append(&mut self, more: &str) {
        if !self.follows_text() {
            self.push(Kind::Text(Text::Instead(more.into())));
            return;
        }
        let text = self.text;
        if let Some(Node { kind: Kind::Text(content), .. }) = self.nodes.last_mut() {
            let mut whole = match content {
                Text::There(range) => {
                    text.get(range.start as usize..range.end as usize).unwrap_or_default().to_owned()
                }
                Text::Instead(text) => std::mem::take(text).into_string(),
            };
            whole.push_str(more);
            *content = Text::Instead(whole.into_boxed_str());
        }
    }

    /// What stands there with its line ends read as XML 1.0, 2.11 wants.
    fn lines(&self, start: usize, end: usize) -> Option<Text> {
        let there = self.text.get(start..end)?;
        Some(if there.contains('\r') {
            Text::Instead(there.replace("\r\n", "\n").replace('\r', "\n").into())
        } else {
            Text::There(start as u32..end as u32)
        })
    }
}

/// An element of a tree.
#[derive(Clone, Copy)]
pub struct Element<'t> {
    tree: &'t Tree,
    at: u32,
}

/// What an element holds, in order.
#[derive(Clone, Copy, Debug)]
pub enum Child<'t> {
    /// An element.
    Element(Element<'t>),
    /// Text, references resolved.
    Text(&'t str),
    /// What stands in a comment.
    Comment(&'t str),
    /// Target and content of a processing instruction.
    Instruction(&'t str, &'t str),
}

/// An attribute that is no declaration.
#[derive(Clone, Copy)]
pub struct Attribute<'t> {
    /// The name as written, with its prefix.
    pub qname: &'t str,
    /// Its namespace; empty when it has none.
    pub namespace: &'t str,
    /// The value, normalised.
    pub value: &'t str,
}

impl Attribute<'_> {
    /// The name without its prefix.
    pub fn local(&self) -> &str {
        local(self.qname)
    }
}

impl<'t> Element<'t> {
    fn node(&self) -> (&'t Node, &'t Range<u32>, Namespace, &'t Range<u32>, &'t Range<u32>) {
        let node = &self.tree.nodes[self.at as usize];
        match &node.kind {
            Kind::Element { name, namespace, attributes, declarations } => {
                (node, name, *namespace, attributes, declarations)
            }
            // An `Element` is only made of an element.
            _ => unreachable!("a node that is no element"),
        }
    }

    /// The name as written, with its prefix.
    pub fn qname(&self) -> &'t str {
        self.tree.str(self.node().1)
    }

    /// The prefix; empty when there is none.
    pub fn prefix(&self) -> &'t str {
        self.qname().split_once(':').map_or("", |(prefix, _)| prefix)
    }

    /// The name without its prefix.
    pub fn local(&self) -> &'t str {
        local(self.qname())
    }

    /// The namespace; empty when there is none.
    pub fn namespace(&self) -> &'t str {
        self.tree.name_of(self.node().2)
    }

    /// Whether it has this name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local() == local && self.namespace() == namespace
    }

    /// The unprefixed attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&'t str> {
        self.attributes().find(|attribute| attribute.qname == name).map(|attribute| attribute.value)
    }

    /// The attribute of this name in this namespace.
    pub fn attribute_in(&self, namespace: &str, local: &str) -> Option<&'t str> {
        let mut attributes = self.attributes();
        attributes
            .find(|found| found.namespace == namespace && found.local() == local)
            .map(|found| found.value)
    }

    /// Its attributes in document order, without declarations.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'t>> + use<'t> {
        let tree = self.tree;
        let Range { start, end } = self.node().3;
        tree.attributes[*start as usize..*end as usize].iter().map(|attribute| Attribute {
            qname: tree.str(&attribute.name),
            namespace: tree.name_of(attribute.namespace),
            value: tree.text(&attribute.value),
        })
    }

    /// The namespaces that it declares itself: prefix (empty for the default one) and name.
    pub fn declarations(&self) -> impl Iterator<Item = (&'t str, &'t str)> + use<'t> {
        let tree = self.tree;
        let Range { start, end } = self.node().4;
        tree.declarations[*start as usize..*end as usize]
            .iter()
            .map(|declaration| (tree.str(&declaration.prefix), tree.name_of(declaration.namespace)))
    }

    /// The element around it.
    pub fn parent(&self) -> Option<Element<'t>> {
        let parent = self.node().0.parent;
        (parent != u32::MAX).then_some(Element { tree: self.tree, at: parent })
    }

    /// What it holds itself, in order.
    pub fn nodes(&self) -> impl Iterator<Item = Child<'t>> + use<'t> {
        let tree = self.tree;
        let end = self.node().0.end;
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let here = at;
            let node = &tree.nodes[here as usize];
            at = node.end;
            Some(match &node.kind {
                Kind::Element { .. } => Child::Element(Element { tree, at: here }),
                Kind::Text(text) => Child::Text(tree.text(text)),
                Kind::Comment(text) => Child::Comment(tree.text(text)),
                Kind::Instruction { target, content } => {
                    Child::Instruction(tree.str(target), tree.text(content))
                }
            })
        })
    }

    /// The elements that it holds itself, in order.
    pub fn children(&self) -> impl Iterator<Item = Element<'t>> + use<'t> {
        self.nodes().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The first element of this name that it holds itself.
    pub fn child(&self, namespace: &str, local: &str) -> Option<Element<'t>> {
        self.children().find(|child| child.is(namespace, local))
    }

    /// It and all elements below it, in document order.
    pub fn descendants(&self) -> impl Iterator<Item = Element<'t>> + use<'t> {
        let tree = self.tree;
        (self.at..self.node().0.end)
            .filter(move |at| matches!(tree.nodes[*at as usize].kind, Kind::Element { .. }))
            .map(move |at| Element { tree, at })
    }

    /// All text that it holds itself, as one: a comment or an instruction between two texts does not shorten it, because a
    /// canonical form without comments does not show it either.
    pub fn text(&self) -> Cow<'t, str> {
        let mut whole = Cow::Borrowed("");
        for child in self.nodes() {
            if let Child::Text(text) = child {
                if whole.is_empty() {
                    whole = Cow::Borrowed(text);
                } else {
                    whole.to_mut().push_str(text);
                }
            }
        }
        whole
    }

    /// Its text, if it holds nothing else: no element, no comment, no instruction.
    pub fn only_text(&self) -> Option<&'t str> {
        let mut nodes = self.nodes();
        match (nodes.next(), nodes.next()) {
            (None, _) => Some(""),
            (Some(Child::Text(text)), None) => Some(text),
            _ => None,
        }
    }

    /// Whether it holds text other than white space.
    pub fn has_own_text(&self) -> bool {
        self.nodes().any(|child| matches!(child, Child::Text(text) if !text.bytes().all(chars::is_space)))
    }

    /// The elements around it, innermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = Element<'t>> + use<'t> {
        std::iter::successors(self.parent(), Element::parent)
    }
}

impl PartialEq for Element<'_> {
    /// The same place of the same tree.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.tree, other.tree) && self.at == other.at
    }
}

impl fmt::Debug for Element<'_> {
    // Names can be the sender's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Element({})", self.at)
    }
}

fn local(qname: &str) -> &str {
    qname.split_once(':').map_or(qname, |(_, local)| local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
    }

    #[test]
    fn texts_are_read_as_xml_wants() {
        let tree = tree(
            "\u{FEFF}<?xml version=\"1.0\"?>\r\n<!-- a --><a x=\"1\r\n&#10;&lt;\">a\r\nb\rc&#13;&amp;<![CDATA[<\r\n>]]>d<!--x-->e<b/></a>\n",
        );
        let root = tree.root();
        assert_eq!(root.attribute("x"), Some("1 \n<"));
        assert_eq!(root.text(), "a\nb\nc\r&<\n>de");
        assert_eq!(root.only_text(), None);
        assert_eq!(root.children().map(|child| child.qname()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(root.children().next().unwrap().only_text(), Some(""));
    }

    #[test]
    fn names_and_places_are_kept() {
        let tree = tree("<a xmlns='urn:d' xmlns:p='urn:p'><p:b p:c='1' c='2'><d xmlns=''/></p:b><e/></a>");
        let root = tree.root();
        assert!(root.is("urn:d", "a"));
        let b = root.child("urn:p", "b").unwrap();
        assert_eq!((b.prefix(), b.local()), ("p", "b"));
        assert_eq!(
            (b.attribute("c"), b.attribute_in("urn:p", "c"), b.attribute_in("", "c")),
            (Some("2"), Some("1"), Some("2"))
        );
        let d = b.children().next().unwrap();
        assert_eq!(d.namespace(), "");
        assert_eq!(d.declarations().collect::<Vec<_>>(), [("", "")]);
        assert_eq!(d.ancestors().map(|element| element.local()).collect::<Vec<_>>(), ["b", "a"]);
        let all: Vec<_> = root.descendants().map(|element| element.local()).collect();
        assert_eq!(all, ["a", "b", "d", "e"]);
        assert!(b == root.children().next().unwrap() && b != root);
    }

    #[test]
    fn json_and_document_types_are_no_document() {
        for text in ["{\"a\":1}", "<!DOCTYPE a><a/>", "<a>&b;</a>", ""] {
            assert!(Tree::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).is_err());
        }
    }
}
