//! The one pass of the gate: takes a document apart and checks every rule of well-formedness, and shows what it sees to
//! whoever watches, so that nobody has to go over the octets again. It never holds more than the open declarations and the
//! attributes of one tag, and keeps nothing but the root.

use std::fmt;

use super::chars::{self, BYTE_ORDER_MARK};
use super::limits::{GateFault, Limits};
use super::scope::{DECLARATIONS, NONE, Namespace, Scope};
use super::tag::{self, Attribute, Tag, TagFault};

/// Where the pass ended and why; `at` counts octets of the whole document.
pub struct Stop {
    /// What kept the document out.
    pub fault: GateFault,
    /// Offset in octets.
    pub at: usize,
}

/// The root element's name and unprefixed attributes, enough to detect standard, version and message.
#[derive(Clone, PartialEq, Eq)]
pub struct Root {
    /// Namespace of the root; empty when it has none.
    pub namespace: String,
    /// Local name of the root.
    pub local: String,
    /// The unprefixed attributes in document order, (name, normalised value); no namespace declarations.
    pub attributes: Vec<(String, String)>,
}

impl fmt::Debug for Root {
    // Attribute values are the sender's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root").field("attributes", &self.attributes.len()).finish_non_exhaustive()
    }
}

/// A start tag as the gate saw it.
pub struct Start<'w, 'a> {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its local name.
    pub local: &'a str,
    /// Octet of the document at which the tag begins.
    pub offset: usize,
    /// Its attributes as they are written, declarations of namespaces among them.
    pub attributes: &'w [Attribute<'a>],
    /// Namespace and local name of each attribute.
    pub names: &'w [(Namespace, &'a str)],
    /// The namespaces in force inside of it.
    pub scope: &'w Scope<'a>,
}

/// Who watches while the gate looks. What is shown counts only when the gate has let the whole document through.
pub trait Watch<'a> {
    /// The root element begins; its start is shown next.
    fn root(&mut self, _: &Root) {}
    /// An element begins.
    fn start(&mut self, _: &Start<'_, 'a>) {}
    /// Text in the open element as it is written, without references; comes in pieces. `breaks` says whether it holds CR,
    /// which an application sees as LF.
    fn text(&mut self, _: &'a str, _breaks: bool) {}
    /// A character that a reference stands for.
    fn reference(&mut self, _: char) {}
    /// The open element ends; the namespaces are those inside of it.
    fn end(&mut self, _: &Scope<'a>) {}
}

/// Nobody watches.
impl Watch<'_> for () {}

/// Checks all octets and gives the root element, or stops at the first fault.
pub fn look<'a>(bytes: &'a [u8], limits: &Limits, watch: &mut impl Watch<'a>) -> Result<Root, Stop> {
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
    // A second mark is text before the root.
    if text.starts_with('\u{FEFF}') {
        return Err(shifted(ill(TEXT_OUTSIDE, 0)));
    }
    Walk::new(text, mark, limits, watch).run().map_err(shifted)
}

const TEXT_OUTSIDE: &str = "text outside the root element";
const BAD_REFERENCE: &str = "reference to an undefined entity or an illegal character";
const UNCLOSED_TAG: &str = "tag is not closed";

struct Walk<'a, 'w, W> {
    text: &'a str,
    /// Octets of the document before the text.
    shift: usize,
    limits: &'w Limits,
    watch: &'w mut W,
    scope: Scope<'a>,
    /// For each open element its name as written and the mark of the scope before it.
    open: Vec<(&'a str, usize)>,
    nodes: usize,
    /// Attributes of all elements so far.
    held: usize,
    root: Option<Root>,
    /// The attributes of the tag at hand; kept between tags for its room only.
    attributes: Vec<Attribute<'a>>,
    /// Their expanded names.
    names: Vec<(Namespace, &'a str)>,
    /// The same in order, for finding doubles among many.
    sorted: Vec<(Namespace, &'a str)>,
}

/// So many attributes may a document have in all for each element that it may have.
const EACH: usize = 4;
/// So many attributes are compared with each other one by one.
const FEW: usize = 8;

impl<'a, 'w, W: Watch<'a>> Walk<'a, 'w, W> {
    fn new(text: &'a str, shift: usize, limits: &'w Limits, watch: &'w mut W) -> Self {
        Walk {
            text,
            shift,
            limits,
            watch,
            scope: Scope::new(),
            open: Vec::with_capacity(16),
            nodes: 0,
            held: 0,
            root: None,
            attributes: Vec::with_capacity(8),
            names: Vec::with_capacity(8),
            sorted: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Root, Stop> {
        let text = self.text;
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let (begin, odd) = until_markup(rest);
            if begin > 0 {
                match odd || self.open.is_empty() {
                    true => self.characters(&rest[..begin], at)?,
                    false => self.watch.text(&rest[..begin], false),
                }
                at += begin;
                continue;
            }
            at += match rest.as_bytes().get(1) {
                Some(b'/') => self.end_tag(rest, at)?,
                Some(b'!') => self.bang(rest, at)?,
                Some(b'?') => self.question(rest, at)?,
                _ => self.start_tag(rest, at)?,
            };
        }
        if !self.open.is_empty() {
            return Err(ill("element is not closed", self.text.len()));
        }
        self.root.ok_or_else(|| ill("no root element", self.text.len()))
    }

    /// Reads a start tag or that of an empty element; gives its length.
    fn start_tag(&mut self, rest: &'a str, at: usize) -> Result<usize, Stop> {
        let length = 1 + chars::name_length(&rest[1..]);
        // Most tags are a name and nothing else.
        if rest.as_bytes().get(length) == Some(&b'>') {
            self.element(&rest[1..length], at + 1, false)?;
            return Ok(length + 1);
        }
        let end = tag_end(rest).ok_or_else(|| ill(UNCLOSED_TAG, at))?;
        let empty = end > 1 && rest.as_bytes()[end - 1] == b'/';
        self.element(&rest[1..end - usize::from(empty)], at + 1, empty)?;
        Ok(end + 1)
    }

    /// Reads an end tag; gives its length.
    fn end_tag(&mut self, rest: &'a str, at: usize) -> Result<usize, Stop> {
        if let Some((open, mark)) = self.open.last()
            && rest[2..].starts_with(open)
            && rest.as_bytes().get(2 + open.len()) == Some(&b'>')
        {
            let (length, mark) = (open.len() + 3, *mark);
            self.open.pop();
            self.watch.end(&self.scope);
            self.scope.back_to(mark);
            return Ok(length);
        }
        let end = rest.find('>').ok_or_else(|| ill(UNCLOSED_TAG, at))?;
        let name = rest[2..end].trim_end_matches([' ', '\t', '\n', '\r']);
        // It is names that agree, not namespaces.
        let (open, mark) = self.open.pop().ok_or_else(|| ill("end tag without a start tag", at))?;
        if open != name {
            return Err(ill("end tag that does not match its start tag", at));
        }
        self.watch.end(&self.scope);
        self.scope.back_to(mark);
        Ok(end + 1)
    }

    /// Reads a comment or a CDATA section; gives its length.
    fn bang(&mut self, rest: &'a str, at: usize) -> Result<usize, Stop> {
        if let Some(inner) = rest.strip_prefix("<!--") {
            let length = inner.find("-->").ok_or_else(|| ill("comment is not closed", at))?;
            self.node(at)?;
            comment(&inner[..length], at + 4)?;
            return Ok(length + 7);
        }
        if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let length = inner.find("]]>").ok_or_else(|| ill("CDATA section is not closed", at))?;
            if self.open.is_empty() {
                return Err(ill(TEXT_OUTSIDE, at));
            }
            if length > 0 {
                let text = &inner[..length];
                self.watch.text(text, text.contains('\r'));
            }
            return Ok(length + 12);
        }
        match rest.as_bytes().get(2) {
            // Refused before anybody walks through it.
            Some(b'D' | b'd') => Err(Stop { fault: GateFault::Doctype, at }),
            _ => Err(ill("'<!' begins no comment and no CDATA section", at)),
        }
    }

    /// Reads a processing instruction or the declaration; gives its length.
    fn question(&mut self, rest: &'a str, at: usize) -> Result<usize, Stop> {
        let length = rest[2..].find("?>").ok_or_else(|| ill("processing instruction is not closed", at))?;
        let content = &rest[2..2 + length];
        match Tag::open(content) {
            ("xml", _) if at != 0 => {
                return Err(ill("xml declaration that is not at the very beginning", at));
            }
            ("xml", _) => declaration(content, at + 2)?,
            _ => {
                self.node(at)?;
                self.instruction(content, at + 2)?;
            }
        }
        Ok(length + 4)
    }

    /// Counts what a tree of the document has a node for: five octets of markup must not become fifty of memory without a bound.
    fn node(&mut self, at: usize) -> Result<(), Stop> {
        self.nodes += 1;
        match self.nodes > self.limits.nodes {
            true => Err(Stop { fault: GateFault::TooManyNodes, at }),
            false => Ok(()),
        }
    }

    fn element(&mut self, content: &'a str, at: usize, empty: bool) -> Result<(), Stop> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(ill("second root element", at));
        }
        self.node(at)?;
        if self.open.len() >= self.limits.depth {
            return Err(Stop { fault: GateFault::TooDeep, at });
        }
        let (name, tag) = Tag::open(content);
        let (prefix, local) = self.name(name, at)?;
        let mark = self.scope.mark();
        if name.len() < content.len() {
            self.read_attributes(tag, at)?;
        } else {
            self.attributes.clear();
        }
        let namespace = self.namespace(prefix, at)?;
        if namespace == DECLARATIONS {
            return Err(ill("element with the prefix xmlns", at));
        }
        self.refuse_doubles(at)?;
        if self.root.is_none() {
            let root = self.describe(namespace, local);
            self.watch.root(&root);
            self.root = Some(root);
        }
        let offset = at - 1 + self.shift;
        let (attributes, names, scope) = (&self.attributes, &self.names, &self.scope);
        self.watch.start(&Start { namespace, local, offset, attributes, names, scope });
        if empty {
            self.watch.end(&self.scope);
            self.scope.back_to(mark);
        } else {
            self.open.push((name, mark));
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
            self.held += 1;
            if self.held > self.limits.nodes.saturating_mul(EACH) {
                return Err(Stop { fault: GateFault::TooManyNodes, at: at + attribute.at });
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

    /// Resolves the names of the attributes and refuses the same one twice; sorts many instead of comparing all pairs.
    fn refuse_doubles(&mut self, at: usize) -> Result<(), Stop> {
        self.names.clear();
        for attribute in &self.attributes {
            let (prefix, local) = chars::split(attribute.name);
            let namespace = match (prefix, local) {
                ("xmlns", _) | ("", "xmlns") => DECLARATIONS,
                // An unprefixed attribute is in no namespace, whatever the default one is.
                ("", _) => NONE,
                _ => match self.scope.find(prefix) {
                    Some(namespace) => namespace,
                    None => return Err(ill(UNBOUND, at + attribute.at)),
                },
            };
            self.names.push((namespace, local));
        }
        let names = &self.names;
        let twice = if names.len() <= FEW {
            names.iter().enumerate().any(|(number, name)| names[..number].contains(name))
        } else {
            self.sorted.clone_from(names);
            self.sorted.sort_unstable();
            self.sorted.windows(2).any(|pair| pair[0] == pair[1])
        };
        if twice { Err(ill("the same attribute twice", at)) } else { Ok(()) }
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

    /// Text between two pieces of markup.
    fn characters(&mut self, text: &'a str, at: usize) -> Result<(), Stop> {
        let mut rest = text;
        let mut at = at;
        loop {
            let end = rest.find('&').unwrap_or(rest.len());
            let plain = &rest[..end];
            if self.open.is_empty() {
                if let Some(found) = plain.bytes().position(|byte| !chars::is_space(byte)) {
                    return Err(ill(TEXT_OUTSIDE, at + found));
                }
            } else if let Some(found) = plain.find(']').and_then(|_| plain.find("]]>")) {
                return Err(ill("']]>' stands in text", at + found));
            } else if !plain.is_empty() {
                self.watch.text(plain, plain.contains('\r'));
            }
            at += end;
            let Some(reference) = rest.get(end + 1..) else { return Ok(()) };
            let length = reference.bytes().position(|byte| matches!(byte, b';' | b'&'));
            let length = length.filter(|length| reference.as_bytes()[*length] == b';');
            let length = length.ok_or_else(|| ill("'&' begins no reference", at))?;
            if self.open.is_empty() {
                return Err(ill(TEXT_OUTSIDE, at));
            }
            let found = chars::resolve(&reference[..length]).ok_or_else(|| ill(BAD_REFERENCE, at))?;
            self.watch.reference(found);
            at += length + 2;
            rest = &reference[length + 1..];
        }
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

/// How far text goes, and whether there is something to look at in it.
fn until_markup(rest: &str) -> (usize, bool) {
    let mut odd = false;
    let end = rest.bytes().position(|byte| {
        odd |= matches!(byte, b'&' | b']' | b'\r');
        byte == b'<'
    });
    (end.unwrap_or(rest.len()), odd)
}

/// Where a start tag ends: at the first `>` that stands in no value.
pub fn tag_end(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    loop {
        let found = bytes[at..].iter().position(|byte| matches!(byte, b'>' | b'"' | b'\''))?;
        at += found;
        match bytes[at] {
            b'>' => return Some(at),
            quote => at += bytes[at + 1..].iter().position(|byte| *byte == quote)? + 2,
        }
    }
}
