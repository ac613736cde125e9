//! A schema document as a small tree with namespaces and places. It never meets a message: only schemas are read so.
//! A document type is taken out first, with the entities that its internal subset declares put in (`doctype.rs`).

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::doctype;
use super::events::{Attribute, Shown, Sink, Spaces, Start};
use super::names::{Names, XSD, XSD_NAME};
use super::simple::Prefixes;
use crate::xml::gate::{self, Place};
use crate::xml::limits::Limits;

/// An element of a schema document.
#[derive(Debug)]
pub(super) struct Node {
    /// Whether it is of XML Schema.
    pub(super) xsd: bool,
    pub(super) local: String,
    /// Namespace, name, value.
    pub(super) attributes: Vec<(String, String, String)>,
    pub(super) children: Vec<Node>,
    pub(super) scope: Arc<Scope>,
    pub(super) offset: usize,
    /// Whether text other than white space stands in it.
    pub(super) text: bool,
}

/// Prefixes in force, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scope(Vec<(String, String)>);

impl Prefixes for Scope {
    fn name_of(&self, prefix: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == prefix).map(|(_, name)| name.as_str())
    }
}

impl Node {
    /// The value of an unprefixed attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(space, local, _)| space.is_empty() && local == name);
        found.map(|(.., value)| value.as_str())
    }

    /// Its children without annotations.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Node> {
        self.children.iter().filter(|child| child.local != "annotation")
    }

    pub(super) fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.local == name)
    }
}

/// A schema document that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) root: Node,
    pub(super) text: Arc<str>,
}

impl Read {
    pub(super) fn place(&self, offset: usize) -> Place {
        gate::place_of(self.text.as_bytes(), offset)
    }
}

/// Wide enough for any schema, and still bounded.
fn limits() -> Limits {
    Limits { bytes: 64 << 20, depth: 250, attributes: 250, name: 4_096, nodes: 4_000_000 }
}

/// Reads a schema document; on failure the words and the place.
pub(super) fn read(octets: &[u8]) -> Result<Read, (String, Option<Place>)> {
    let text =
        std::str::from_utf8(octets).map_err(|_| ("the schema document is not utf-8".to_owned(), None))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let text = doctype::without(text).map_err(|what| (what.to_owned(), None))?;
    let text: Arc<str> = match text {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    };
    let names = Names::new();
    let (document, root) = gate::pass_with(Bytes::copy_from_slice(text.as_bytes()), &limits(), |look| {
        let grow = Grow { open: Vec::new(), root: None, scope: Arc::default(), silent: 0 };
        let mut shown = Shown::new(&names, grow);
        (look.at(&mut shown), shown.sink.root)
    });
    document.map_err(|error| {
        (format!("the schema document cannot be read: {}", error.fault), Some(error.place))
    })?;
    match root {
        Some(root) if root.xsd && root.local == "schema" => Ok(Read { root, text }),
        Some(root) => {
            let place = gate::place_of(text.as_bytes(), root.offset);
            Err((format!("the root is not 'schema' of {XSD_NAME}"), Some(place)))
        }
        None => Err(("the schema document has no root".to_owned(), None)),
    }
}

struct Grow {
    open: Vec<Node>,
    root: Option<Node>,
    scope: Arc<Scope>,
    /// Levels inside an annotation, whose content says nothing to us.
    silent: usize,
}

impl<'a> Sink<'a> for Grow {
    fn start(&mut self, start: &Start<'a>, attributes: &[Attribute<'a>], spaces: &Spaces<'_, 'a>) {
        let inside = self
            .open
            .last()
            .is_some_and(|node| node.xsd && matches!(&*node.local, "documentation" | "appinfo"));
        if self.silent > 0 || inside {
            self.silent += 1;
            return;
        }
        let same = spaces.all().count() == self.scope.0.len()
            && spaces.all().zip(&self.scope.0).all(|(now, before)| now.0 == before.0 && now.1 == before.1);
        if !same {
            let all = spaces.all().map(|(prefix, name)| (prefix.to_owned(), name.to_owned()));
            self.scope = Arc::new(Scope(all.collect()));
        }
        let taken = attributes.iter().map(|attribute| {
            let space = spaces.name_of(attribute.namespace);
            (space.to_owned(), attribute.local.to_owned(), attribute.value.clone().into_owned())
        });
        self.open.push(Node {
            xsd: start.space == XSD,
            local: start.local.to_owned(),
            attributes: taken.collect(),
            children: Vec::new(),
            scope: self.scope.clone(),
            offset: start.offset,
            text: false,
        });
    }

    fn text(&mut self, text: Cow<'a, str>) {
        let blank = text.bytes().all(crate::xml::chars::is_space);
        if let Some(node) = self.open.last_mut().filter(|_| !blank && self.silent == 0) {
            node.text = true;
        }
    }

    fn end(&mut self, _: &Spaces<'_, 'a>) {
        if self.silent > 0 {
            self.silent -= 1;
            return;
        }
        if let Some(node) = self.open.pop() {
            match self.open.last_mut() {
                Some(parent) => parent.children.push(node),
                None => self.root = Some(node),
            }
        }
    }
}
