//! What the gate sees of a document in the numbers of a schema: start tags with their namespaces, text as an application
//! sees it, ends. It reads no markup itself, and copies only what must be changed.

use std::borrow::Cow;

use super::names::{NO_NS, Names, NsId, UNKNOWN};
use crate::xml::scope::{DECLARATIONS, NONE, Namespace, Scope};
use crate::xml::tag;
use crate::xml::walk::{self, Watch};

/// One attribute of a start tag; declarations of namespaces are not among them.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    pub(super) space: NsId,
    pub(super) namespace: Namespace,
    pub(super) local: &'a str,
    /// References resolved, line breaks made blanks.
    pub(super) value: Cow<'a, str>,
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) space: NsId,
    pub(super) local: &'a str,
    /// Octet of the `<`.
    pub(super) offset: usize,
}

/// Who sees the events.
pub(super) trait Sink<'a> {
    fn start(&mut self, start: &Start<'a>, attributes: &[Attribute<'a>], spaces: &Spaces<'_, 'a>);
    /// Text in the open element; may come in pieces.
    fn text(&mut self, text: Cow<'a, str>);
    /// The open element ends; `spaces` are those inside of it.
    fn end(&mut self, spaces: &Spaces<'_, 'a>);
    /// Whether the rest need not be shown.
    fn full(&self) -> bool {
        false
    }
}

/// The namespaces in force, by the numbers of the document and those of the schema.
pub(super) struct Spaces<'w, 'a> {
    scope: &'w Scope<'a>,
    numbers: &'w [NsId],
}

impl<'a> Spaces<'_, 'a> {
    /// The number of the namespace a prefix stands for; `None` when it is not bound.
    pub(super) fn space(&self, prefix: &str) -> Option<NsId> {
        self.scope.find(prefix).map(|found| number(self.numbers, found))
    }

    /// The name of the namespace a prefix stands for; `None` when it is not bound.
    pub(super) fn name(&self, prefix: &str) -> Option<&str> {
        self.scope.find(prefix).map(|found| self.scope.name(found))
    }

    /// The name of a namespace of the document.
    pub(super) fn name_of(&self, namespace: Namespace) -> &str {
        self.scope.name(namespace)
    }

    /// All bindings in force, the innermost of a prefix last.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.scope.bindings()
    }
}

fn number(numbers: &[NsId], namespace: Namespace) -> NsId {
    numbers.get(namespace.place()).copied().unwrap_or(UNKNOWN)
}

/// Hands what the gate sees to a sink.
pub(super) struct Shown<'s, 'a, S> {
    names: &'s Names,
    /// The schema's number of each namespace of the document.
    numbers: Vec<NsId>,
    attributes: Vec<Attribute<'a>>,
    pub(super) sink: S,
}

impl<'s, S> Shown<'s, '_, S> {
    pub(super) fn new(names: &'s Names, sink: S) -> Self {
        Shown { names, numbers: Vec::with_capacity(8), attributes: Vec::with_capacity(8), sink }
    }
}

impl<'a, S: Sink<'a>> Watch<'a> for Shown<'_, 'a, S> {
    fn start(&mut self, start: &walk::Start<'_, 'a>) {
        if self.sink.full() {
            return;
        }
        let names = start.scope.names();
        if names.len() > self.numbers.len() {
            let new = names[self.numbers.len()..].iter().map(|name| self.names.space(name));
            self.numbers.extend(new);
        }
        self.attributes.clear();
        for (attribute, (namespace, local)) in start.attributes.iter().zip(start.names) {
            let space = match *namespace {
                DECLARATIONS => continue,
                NONE => NO_NS,
                namespace => number(&self.numbers, namespace),
            };
            let value = tag::normalised(attribute.raw);
            self.attributes.push(Attribute { space, namespace: *namespace, local, value });
        }
        let space = number(&self.numbers, start.namespace);
        let spaces = Spaces { scope: start.scope, numbers: &self.numbers };
        let start = Start { space, local: start.local, offset: start.offset };
        self.sink.start(&start, &self.attributes, &spaces);
    }

    fn text(&mut self, text: &'a str, breaks: bool) {
        if !self.sink.full() {
            self.sink.text(if breaks { Cow::Owned(lines(text)) } else { Cow::Borrowed(text) });
        }
    }

    fn reference(&mut self, character: char) {
        if !self.sink.full() {
            self.sink.text(Cow::Owned(character.to_string()));
        }
    }

    fn end(&mut self, scope: &Scope<'a>) {
        if !self.sink.full() {
            self.sink.end(&Spaces { scope, numbers: &self.numbers });
        }
    }
}

/// CR LF and CR are LF (XML 1.0, 2.11).
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::xml::gate;
    use crate::xml::limits::Limits;

    #[derive(Default)]
    struct Told(String);

    impl<'a> Sink<'a> for Told {
        fn start(&mut self, start: &Start<'a>, attributes: &[Attribute<'a>], _: &Spaces<'_, 'a>) {
            let NsId(space) = start.space;
            self.0.push_str(&format!("({}@{}{{{space}}}", start.local, start.offset));
            for attribute in attributes.iter() {
                self.0.push_str(&format!(" {}={:?}", attribute.local, attribute.value));
            }
        }
        fn text(&mut self, text: Cow<'a, str>) {
            self.0.push_str(&format!("{text:?}"));
        }
        fn end(&mut self, _: &Spaces<'_, 'a>) {
            self.0.push(')');
        }
    }

    #[test]
    fn events_are_what_an_application_sees() {
        let text = "\u{FEFF}<?xml version='1.0'?>\r\n<!-- <x> --><a xmlns='urn:a' b = 'x>&#10;y' \n c=\"1\n2\">t&amp;u\r\n\
            <p:b xmlns:p=\"urn:p\"/><![CDATA[<x>\r\n&amp;]]><c></c ><?x <?></a>\n";
        let mut names = Names::new();
        assert_eq!((names.add_space("urn:a"), names.add_space("urn:p")), (NsId(4), NsId(5)));
        let (document, told) = gate::pass_with(Bytes::from(text), &Limits::default(), |look| {
            let mut shown = Shown::new(&names, Told::default());
            (look.at(&mut shown), shown.sink.0)
        });
        let expected = "(a@38{4} b=\"x>\\ny\" c=\"1 2\"\"t\"\"&\"\"u\\n\"(b@89{5})\"<x>\\n&amp;\"(c@133{4}))";
        assert_eq!(told, expected);
        let document = document.unwrap();
        let mut again = Shown::new(&names, Told::default());
        document.show(&mut again);
        assert_eq!(again.sink.0, expected);
    }
}
