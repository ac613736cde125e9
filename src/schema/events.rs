//! The events of a document that the gate let through: start tags with their namespaces, text as an application sees
//! it, ends. It never checks what the gate has checked, never builds a tree, and copies only what must be changed.

use std::borrow::Cow;
use std::collections::HashMap;

use super::names::{NO_NS, Names, NsId, UNKNOWN, XML, XML_NAME};
use crate::xml::chars;
use crate::xml::tag;

/// One attribute of a start tag; declarations of namespaces are not among them.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    pub(super) space: NsId,
    pub(super) prefix: &'a str,
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
    fn start(&mut self, start: &Start<'a>, attributes: &[Attribute<'a>], spaces: &Spaces<'a>);
    /// Text in the open element; may come in pieces.
    fn text(&mut self, text: Cow<'a, str>);
    /// The open element ends; `spaces` are those inside of it.
    fn end(&mut self, spaces: &Spaces<'a>);
    /// Whether the rest need not be read.
    fn full(&self) -> bool {
        false
    }
}

/// So many bindings are looked through one by one; beyond them an index is kept.
const FEW: usize = 24;

struct Binding<'a> {
    prefix: &'a str,
    name: Cow<'a, str>,
    space: NsId,
}

/// The namespaces in force.
pub(super) struct Spaces<'a> {
    bindings: Vec<Binding<'a>>,
    /// The bindings of each prefix, innermost last; empty while there are few.
    index: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Spaces<'a> {
    fn new() -> Self {
        let mut spaces = Spaces { bindings: Vec::with_capacity(8), index: HashMap::new() };
        spaces.declare("", Cow::Borrowed(""), NO_NS);
        spaces.declare("xml", Cow::Borrowed(XML_NAME), XML);
        spaces
    }

    fn declare(&mut self, prefix: &'a str, name: Cow<'a, str>, space: NsId) {
        self.bindings.push(Binding { prefix, name, space });
        if self.bindings.len() <= FEW {
            return;
        }
        // The first beyond the few takes them all in.
        let first = if self.index.is_empty() { 0 } else { self.bindings.len() - 1 };
        for (at, binding) in self.bindings.iter().enumerate().skip(first) {
            self.index.entry(binding.prefix).or_default().push(at);
        }
    }

    fn back_to(&mut self, mark: usize) {
        if mark <= FEW {
            self.index.clear();
            self.bindings.truncate(mark);
        }
        while self.bindings.len() > mark {
            let binding = self.bindings.pop();
            if let Some(all) = binding.and_then(|binding| self.index.get_mut(binding.prefix)) {
                all.pop();
            }
        }
    }

    fn binding(&self, prefix: &str) -> Option<&Binding<'a>> {
        if self.index.is_empty() {
            return self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        }
        self.index.get(prefix).and_then(|all| all.last()).map(|at| &self.bindings[*at])
    }

    /// The number of the namespace a prefix stands for; `None` when it is not bound.
    pub(super) fn space(&self, prefix: &str) -> Option<NsId> {
        self.binding(prefix).map(|binding| binding.space)
    }

    /// The name of the namespace a prefix stands for; `None` when it is not bound.
    pub(super) fn name(&self, prefix: &str) -> Option<&str> {
        self.binding(prefix).map(|binding| &*binding.name)
    }

    /// All bindings in force, the innermost of a prefix last.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.bindings.iter().map(|binding| (binding.prefix, &*binding.name))
    }
}

/// Shows the events of `text`, which has passed the gate and bears no byte order mark; offsets count from `shift`.
pub(super) fn read<'a>(text: &'a str, shift: usize, names: &Names, sink: &mut impl Sink<'a>) {
    let mut spaces = Spaces::new();
    let mut open: Vec<usize> = Vec::with_capacity(16);
    let mut attributes = Vec::with_capacity(8);
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let mark = at + found;
        if found > 0 && !open.is_empty() {
            characters(&text[at..mark], sink);
        }
        let rest = &text[mark..];
        at = match rest.as_bytes().get(1) {
            Some(b'/') => {
                sink.end(&spaces);
                if let Some(mark) = open.pop() {
                    spaces.back_to(mark);
                }
                mark + rest.find('>').map_or(rest.len(), |end| end + 1)
            }
            Some(b'!') if rest.starts_with("<!--") => mark + behind(rest, 4, "-->"),
            Some(b'!') => {
                let end = behind(rest, 9, "]]>");
                let content = rest.get(9..end.saturating_sub(3)).unwrap_or_default();
                if !content.is_empty() {
                    sink.text(lines(content));
                }
                mark + end
            }
            Some(b'?') => mark + behind(rest, 2, "?>"),
            _ => {
                let scope = spaces.bindings.len();
                let (length, empty) =
                    start_tag(rest, mark + shift, names, &mut spaces, &mut attributes, sink);
                if empty {
                    sink.end(&spaces);
                    spaces.back_to(scope);
                } else {
                    open.push(scope);
                }
                mark + length
            }
        };
        if sink.full() {
            return;
        }
    }
}

fn behind(rest: &str, from: usize, end: &str) -> usize {
    rest.get(from..).and_then(|rest| rest.find(end)).map_or(rest.len(), |found| from + found + end.len())
}

/// Reads one start tag; answers its length and whether it ends the element as well.
fn start_tag<'a>(
    rest: &'a str,
    offset: usize,
    names: &Names,
    spaces: &mut Spaces<'a>,
    attributes: &mut Vec<Attribute<'a>>,
    sink: &mut impl Sink<'a>,
) -> (usize, bool) {
    let bytes = rest.as_bytes();
    let ends = |byte: u8| matches!(byte, b'>' | b'/' | b'=') || chars::is_space(byte);
    let name_end = bytes[1..].iter().position(|&byte| ends(byte)).map_or(bytes.len(), |end| end + 1);
    let (prefix, local) = split(&rest[1..name_end]);
    attributes.clear();
    let mut at = name_end;
    let empty = loop {
        match bytes.get(at) {
            None | Some(b'>') => break false,
            Some(b'/') => {
                at += 1;
                break true;
            }
            Some(&byte) if chars::is_space(byte) => at += 1,
            Some(_) => {
                let end = bytes[at..].iter().position(|&byte| ends(byte)).map_or(bytes.len(), |end| at + end);
                let name = &rest[at..end];
                let quote = bytes[end..].iter().position(|&byte| matches!(byte, b'"' | b'\''));
                let Some(open) = quote.map(|found| end + found) else { break false };
                let length = bytes[open + 1..].iter().position(|&byte| byte == bytes[open]);
                let close = length.map_or(bytes.len(), |length| open + 1 + length);
                let value = tag::normalised(&rest[open + 1..close]);
                at = (close + 1).min(bytes.len());
                match split(name) {
                    ("", "xmlns") => {
                        let space = names.space(&value);
                        spaces.declare("", value, space);
                    }
                    ("xmlns", prefix) => {
                        let space = names.space(&value);
                        spaces.declare(prefix, value, space);
                    }
                    (prefix, local) => attributes.push(Attribute { space: NO_NS, prefix, local, value }),
                }
            }
        }
    };
    for attribute in attributes.iter_mut().filter(|attribute| !attribute.prefix.is_empty()) {
        attribute.space = spaces.space(attribute.prefix).unwrap_or(UNKNOWN);
    }
    let space = spaces.space(prefix).unwrap_or(UNKNOWN);
    sink.start(&Start { space, local, offset }, attributes, spaces);
    (at + 1, empty)
}

fn split(name: &str) -> (&str, &str) {
    match name.bytes().position(|byte| byte == b':') {
        Some(colon) => (&name[..colon], &name[colon + 1..]),
        None => ("", name),
    }
}

/// Text between markup: references resolved, line ends made LF.
fn characters<'a>(text: &'a str, sink: &mut impl Sink<'a>) {
    if !text.contains('&') {
        return sink.text(lines(text));
    }
    let mut rest = text;
    while let Some(found) = rest.find('&') {
        if found > 0 {
            sink.text(lines(&rest[..found]));
        }
        let end = rest[found..].find(';').map_or(rest.len(), |end| found + end);
        if let Some(character) = chars::resolve(&rest[found + 1..end]) {
            sink.text(Cow::Owned(character.to_string()));
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        sink.text(lines(rest));
    }
}

/// CR LF and CR are LF (XML 1.0, 2.11).
fn lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(String);

    impl<'a> Sink<'a> for Told {
        fn start(&mut self, start: &Start<'a>, attributes: &[Attribute<'a>], _: &Spaces<'a>) {
            let NsId(space) = start.space;
            self.0.push_str(&format!("({}@{}{{{space}}}", start.local, start.offset));
            for attribute in attributes.iter() {
                self.0.push_str(&format!(" {}={:?}", attribute.local, attribute.value));
            }
        }
        fn text(&mut self, text: Cow<'a, str>) {
            self.0.push_str(&format!("{text:?}"));
        }
        fn end(&mut self, _: &Spaces<'a>) {
            self.0.push(')');
        }
    }

    #[test]
    fn many_bindings_are_found_as_few_are() {
        let prefixes: Vec<String> = (0..40).map(|at| format!("p{}", at % 30)).collect();
        let mut spaces = Spaces::new();
        for (at, prefix) in prefixes.iter().enumerate() {
            spaces.declare(prefix, Cow::Owned(format!("urn:{at}")), UNKNOWN);
            assert_eq!(spaces.name(prefix), Some(&*format!("urn:{at}")));
            assert_eq!(spaces.name("p0"), Some(if at < 30 { "urn:0" } else { "urn:30" }));
        }
        assert_eq!((spaces.name("p9"), spaces.name("")), (Some("urn:39"), Some("")));
        spaces.back_to(36);
        assert_eq!((spaces.name("p9"), spaces.name("p3")), (Some("urn:9"), Some("urn:33")));
        spaces.back_to(5);
        assert_eq!(
            (spaces.name("p9"), spaces.name("p2"), spaces.space("xml")),
            (None, Some("urn:2"), Some(XML))
        );
    }

    #[test]
    fn events_are_what_an_application_sees() {
        let text = "<?xml version='1.0'?>\r\n<!-- <x> --><a xmlns='urn:a' b = 'x>&#10;y' \n c=\"1\n2\">t&amp;u\r\n\
            <p:b xmlns:p=\"urn:p\"/><![CDATA[<x>\r\n&amp;]]><c></c ><?x <?></a>\n";
        let mut told = Told::default();
        let mut names = Names::new();
        assert_eq!((names.add_space("urn:a"), names.add_space("urn:p")), (NsId(4), NsId(5)));
        read(text, 0, &names, &mut told);
        assert_eq!(
            told.0,
            "(a@35{4} b=\"x>\\ny\" c=\"1 2\"\"t\"\"&\"\"u\\n\"(b@86{5})\"<x>\\n&amp;\"(c@130{4}))"
        );
    }
}
