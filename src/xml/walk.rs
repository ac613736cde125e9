//! The one pass of the gate: takes tokens from quick-xml and checks every rule of well-formedness itself.
//! It never holds more than the open declarations and the attributes of one tag, and keeps nothing but the root.

use quick_xml::Reader;
use quick_xml::errors::{Error as TokenError, IllFormedError, SyntaxError};
use quick_xml::events::Event;

use super::chars;
use super::gate::{BYTE_ORDER_MARK, GateFault, Limits, Root};
use super::scope::{DECLARATIONS, NONE, Namespace, Scope};
use super::tag::{self, Attribute, Tag, TagFault};

/// Where the pass ended and why; `at` counts octets of the whole document.
pub struct Stop {
    /// What kept the document out.
    pub fault: GateFault,
    /// Offset in octets.
    pub at: usize,
}

/// Checks all octets and gives the root element, or stops at the first fault.
pub fn look(bytes: &[u8], limits: &Limits) -> Result<Root, Stop> {
    if bytes.len() > limits.bytes {
        return Err(Stop { fault: GateFault::TooLarge, at: 0 });
    }
    let (mark, body) = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (BYTE_ORDER_MARK.len(), body),
        None => (0, bytes),
    };
    let shifted = |stop: Stop| Stop { at: stop.at + mark, ..stop };
    let text = std::str::from_utf8(body)
        .map_err(|error| shifted(Stop { fault: GateFault::NotUtf8, at: error.valid_up_to() }))?;
    if let Some(at) = chars::first_illegal(text) {
        return Err(shifted(ill("a character that XML does not allow", at)));
    }
    // The tokenizer drops a mark of its own accord; a second one is text before the root.
    if text.starts_with('\u{FEFF}') {
        return Err(shifted(ill(TEXT_OUTSIDE, 0)));
    }
    Walk::new(text, limits).run().map_err(shifted)
}

const TEXT_OUTSIDE: &str = "text outside the root element";
const BAD_REFERENCE: &str = "reference to an undefined entity or an illegal character";

struct Walk<'a> {
    text: &'a str,
    limits: &'a Limits,
    scope: Scope<'a>,
    /// For each open element the mark of the scope before it.
    open: Vec<usize>,
    nodes: usize,
    root: Option<Root>,
    /// The attributes of the tag at hand; kept between tags for its room only.
    attributes: Vec<Attribute<'a>>,
    /// Their expanded names, for finding doubles.
    expanded: Vec<(Namespace, &'a str)>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, limits: &'a Limits) -> Self {
        Walk {
            text,
            limits,
            scope: Scope::new(),
            open: Vec::new(),
            nodes: 0,
            root: None,
            attributes: Vec::new(),
            expanded: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Root, Stop> {
        let mut reader = Reader::from_str(self.text);
        let mut start = 0;
        loop {
            // Refused before the tokenizer walks through it.
            if self.text.as_bytes()[start..].starts_with(b"<!D") {
                return Err(Stop { fault: GateFault::Doctype, at: start });
            }
            let event = reader.read_event().map_err(|error| ill(words_for(&error), start))?;
            let end = usize::try_from(reader.buffer_position()).unwrap_or(self.text.len());
            // Slices of the document instead of the event's own, which end with the event.
            let token = &self.text[start..end];
            match event {
                Event::Start(_) => self.element(&token[1..token.len() - 1], start + 1, false)?,
                Event::Empty(_) => self.element(&token[1..token.len() - 2], start + 1, true)?,
                Event::End(_) => {
                    // That the names agree is the tokenizer's work; it counts names, not namespaces, as it must.
                    let mark = self.open.pop().ok_or_else(|| ill("end tag without a start tag", start))?;
                    self.scope.back_to(mark);
                }
                Event::Text(_) => self.characters(token, start)?,
                Event::GeneralRef(_) => self.reference(&token[1..token.len() - 1], start)?,
                Event::CData(_) if self.open.is_empty() => return Err(ill(TEXT_OUTSIDE, start)),
                Event::CData(_) => {}
                Event::Comment(_) => comment(&token[4..token.len() - 3], start + 4)?,
                Event::Decl(_) if start != 0 => {
                    return Err(ill("xml declaration that is not at the very beginning", start));
                }
                Event::Decl(_) => declaration(&token[2..token.len() - 2], start + 2)?,
                Event::PI(_) => self.instruction(&token[2..token.len() - 2], start + 2)?,
                Event::DocType(_) => return Err(Stop { fault: GateFault::Doctype, at: start }),
                Event::Eof => break,
            }
            start = end;
        }
        if !self.open.is_empty() {
            return Err(ill("element is not closed", self.text.len()));
        }
        self.root.ok_or_else(|| ill("no root element", self.text.len()))
    }

    fn element(&mut self, content: &'a str, at: usize, empty: bool) -> Result<(), Stop> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(ill("second root element", at));
        }
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Stop { fault: GateFault::TooManyNodes, at });
        }
        if self.open.len() >= self.limits.depth {
            return Err(Stop { fault: GateFault::TooDeep, at });
        }
        let (name, tag) = Tag::open(content);
        let (prefix, local) = self.name(name, at)?;
        let mark = self.scope.mark();
        self.read_attributes(tag, at)?;
        let namespace = self.namespace(prefix, at)?;
        if namespace == DECLARATIONS {
            return Err(ill("element with the prefix xmlns", at));
        }
        self.refuse_doubles(at)?;
        if self.root.is_none() {
            self.root = Some(self.describe(namespace, local));
        }
        if empty {
            self.scope.back_to(mark);
        } else {
            self.open.push(mark);
        }
        Ok(())
    }

    /// Reads all attributes and takes the declarations among them into the scope.
    fn read_attributes(&mut self, mut tag: Tag<'a>, at: usize) -> Result<(), Stop> {
        self.attributes.clear();
        while let Some(attribute) = tag.next_attribute().map_err(|fault| within(fault, at))? {
            if self.attributes.len() >= self.limits.attributes {
                return Err(Stop { fault: GateFault::TooManyAttributes, at: at + attribute.at });
            }
            self.name(attribute.name, at + attribute.at)?;
            if let Some(prefix) = declared_prefix(attribute.name) {
                self.scope
                    .declare(prefix, tag::normalised(attribute.raw))
                    .map_err(|what| ill(what, at + attribute.at))?;
            }
            self.attributes.push(attribute);
        }
        Ok(())
    }

    /// Refuses the same expanded name twice; sorts instead of comparing all pairs.
    fn refuse_doubles(&mut self, at: usize) -> Result<(), Stop> {
        self.expanded.clear();
        for attribute in &self.attributes {
            let (prefix, local) = chars::split_qname(attribute.name).unwrap_or(("", attribute.name));
            let namespace = match (prefix, local) {
                ("xmlns", _) => DECLARATIONS,
                // An unprefixed attribute is in no namespace, whatever the default one is.
                ("", _) => NONE,
                _ => match self.scope.find(prefix) {
                    Some(namespace) => namespace,
                    None => return Err(ill(UNBOUND, at + attribute.at)),
                },
            };
            self.expanded.push((namespace, local));
        }
        self.expanded.sort_unstable();
        match self.expanded.windows(2).any(|pair| pair[0] == pair[1]) {
            true => Err(ill("the same attribute twice", at)),
            false => Ok(()),
        }
    }

    fn describe(&self, namespace: Namespace, local: &str) -> Root {
        let plain = self
            .attributes
            .iter()
            .filter(|attribute| attribute.name != "xmlns" && !attribute.name.as_bytes().contains(&b':'));
        Root {
            namespace: self.scope.name(namespace).to_owned(),
            local: local.to_owned(),
            attributes: plain
                .map(|attribute| (attribute.name.to_owned(), tag::normalised(attribute.raw).into_owned()))
                .collect(),
        }
    }

    fn name(&self, name: &'a str, at: usize) -> Result<(&'a str, &'a str), Stop> {
        if name.len() > self.limits.name {
            return Err(Stop { fault: GateFault::NameTooLong, at });
        }
        chars::split_qname(name).ok_or_else(|| ill("a name that XML does not allow", at))
    }

    fn namespace(&self, prefix: &str, at: usize) -> Result<Namespace, Stop> {
        if prefix == "xmlns" {
            return Ok(DECLARATIONS);
        }
        self.scope.find(prefix).ok_or_else(|| ill(UNBOUND, at))
    }

    fn characters(&self, text: &str, at: usize) -> Result<(), Stop> {
        if self.open.is_empty() {
            return match text.bytes().position(|byte| !chars::is_space(byte)) {
                Some(found) => Err(ill(TEXT_OUTSIDE, at + found)),
                None => Ok(()),
            };
        }
        match text.find("]]>") {
            Some(found) => Err(ill("']]>' stands in text", at + found)),
            None => Ok(()),
        }
    }

    fn reference(&self, reference: &str, at: usize) -> Result<(), Stop> {
        if self.open.is_empty() {
            return Err(ill(TEXT_OUTSIDE, at));
        }
        chars::resolve(reference).map(drop).ok_or_else(|| ill(BAD_REFERENCE, at))
    }

    fn instruction(&self, content: &str, at: usize) -> Result<(), Stop> {
        let (target, _) = Tag::open(content);
        if target.len() > self.limits.name {
            return Err(Stop { fault: GateFault::NameTooLong, at });
        }
        if target.eq_ignore_ascii_case("xml") {
            return Err(ill("processing instruction with the reserved name xml", at));
        }
        if !chars::is_ncname(target) {
            return Err(ill("a name that XML does not allow", at));
        }
        Ok(())
    }
}

const UNBOUND: &str = "a prefix that is not declared";

fn ill(what: &'static str, at: usize) -> Stop {
    Stop { fault: GateFault::NotWellFormed(what), at }
}

fn within(fault: TagFault, at: usize) -> Stop {
    ill(fault.what, at + fault.at)
}

fn declared_prefix(name: &str) -> Option<&str> {
    match name.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}

fn comment(content: &str, at: usize) -> Result<(), Stop> {
    match content.find("--") {
        Some(found) => Err(ill("'--' stands in a comment", at + found)),
        None if content.ends_with('-') => Err(ill("'--' stands in a comment", at + content.len() - 1)),
        None => Ok(()),
    }
}

/// Checks `xml version=".." encoding=".." standalone=".."`, the last two optional, in this order only.
fn declaration(content: &str, at: usize) -> Result<(), Stop> {
    const BAD: &str = "xml declaration that is not version, encoding, standalone in this order";
    let (_, mut tag) = Tag::open(content);
    let mut last = 0;
    while let Some(attribute) = tag.next_attribute().map_err(|fault| within(fault, at))? {
        let here = at + attribute.at;
        let rank = match attribute.name {
            "version" => 1,
            "encoding" => 2,
            "standalone" => 3,
            _ => return Err(ill(BAD, here)),
        };
        // The version comes first and is the only one that must be there.
        if rank <= last || (last == 0 && rank != 1) {
            return Err(ill(BAD, here));
        }
        last = rank;
        match (rank, attribute.raw) {
            (1, "1.0") | (3, "yes" | "no") => {}
            (1, _) => return Err(ill("a version of XML other than 1.0", here)),
            (2, encoding) if encoding.eq_ignore_ascii_case("utf-8") => {}
            (2, _) => return Err(Stop { fault: GateFault::NotUtf8, at: here }),
            _ => return Err(ill(BAD, here)),
        }
    }
    if last == 0 { Err(ill(BAD, at)) } else { Ok(()) }
}

/// Our words for a fault of the tokenizer, whose own texts hold names from the document.
fn words_for(error: &TokenError) -> &'static str {
    match error {
        TokenError::Syntax(SyntaxError::UnclosedComment) => "comment is not closed",
        TokenError::Syntax(SyntaxError::UnclosedCData) => "CDATA section is not closed",
        TokenError::Syntax(SyntaxError::UnclosedPI | SyntaxError::UnclosedXmlDecl) => {
            "processing instruction is not closed"
        }
        TokenError::Syntax(SyntaxError::InvalidBangMarkup | SyntaxError::UnclosedDoctype) => {
            "'<!' begins no comment and no CDATA section"
        }
        TokenError::Syntax(_) => "tag is not closed",
        TokenError::IllFormed(IllFormedError::UnclosedReference) => "'&' begins no reference",
        TokenError::IllFormed(IllFormedError::MissingEndTag(_)) => "element is not closed",
        TokenError::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "end tag without a start tag",
        TokenError::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            "end tag that does not match its start tag"
        }
        _ => "markup that XML does not allow",
    }
}
