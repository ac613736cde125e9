//! The gate in front of every tree, validator and mapping: one bounded pass that lets only well-formed,
//! namespace-well-formed XML 1.0 in UTF-8 without a DTD through, within limits.
//! It never builds a tree, never expands an entity, never resolves an address, and its faults never hold a value
//! of the document. It is the only reader of messages: whoever wants to see a message looks with it.
//!
//! Stricter than XML 1.0 on purpose: no document type, no encoding but UTF-8 (also not one that is a subset of
//! it), no version but 1.0. The pass itself is in `walk.rs`. A JSON document is recognised by its first octet and goes
//! through `json.rs` before it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use super::json::{self, Translation};
use super::walk::{self, Stop, Watch};

/// The octets of U+FEFF in UTF-8, which a document may begin with.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How much of a document is looked at before it is refused.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Size of the document in octets.
    pub bytes: usize,
    /// Levels of elements; the root is level 1.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Length of one name (element, attribute, target; with its prefix) in octets.
    pub name: usize,
    /// Elements of the document.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 8 << 20, depth: 64, attributes: 64, name: 512, nodes: 200_000 }
    }
}

/// A place in a document for a person: both numbers count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line; LF, CR and CR LF each end one.
    pub line: u32,
    /// Column in characters; a byte order mark takes none.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What kept a document out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GateFault {
    /// The octets are not UTF-8, or the document says that it is in another encoding.
    #[error("not utf-8; encode and declare the document as utf-8")]
    NotUtf8,
    /// The document breaks a rule of XML 1.0 or Namespaces in XML 1.0; the text is ours.
    #[error("not well-formed: {0}")]
    NotWellFormed(&'static str),
    /// There is a document type declaration.
    #[error("document type declaration; send the document without one")]
    Doctype,
    /// There are more octets than allowed.
    #[error("document too large; send files as parts beside the document")]
    TooLarge,
    /// Elements are nested deeper than allowed.
    #[error("elements nested too deep")]
    TooDeep,
    /// An element has more attributes than allowed.
    #[error("too many attributes on one element")]
    TooManyAttributes,
    /// A name is longer than allowed.
    #[error("name too long")]
    NameTooLong,
    /// There are more elements than allowed.
    #[error("too many elements")]
    TooManyNodes,
}

/// A refusal: what and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{fault} ({place})")]
pub struct GateError {
    /// What kept the document out.
    pub fault: GateFault,
    /// Where it was seen.
    pub place: Place,
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

/// Proof that octets passed the gate. Only [`pass`] makes one; a clone costs two counters.
#[derive(Clone)]
pub struct Document {
    bytes: Bytes,
    root: Arc<Root>,
    /// Of a document that came as JSON.
    came: Option<Arc<Came>>,
}

struct Came {
    octets: Bytes,
    places: Vec<(usize, usize)>,
}

impl Document {
    /// Shows the document once more.
    pub fn show<'a>(&'a self, watch: &mut impl Watch<'a>) {
        let all = Limits {
            bytes: usize::MAX,
            depth: usize::MAX,
            attributes: usize::MAX,
            name: usize::MAX,
            nodes: usize::MAX,
        };
        // What was let through once is let through again.
        let _ = walk::look(&self.bytes, &all, watch);
    }

    /// The document as XML: its octets exactly as they came, byte order mark included, or the translation of JSON.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The document's octets exactly as they came.
    pub fn original(&self) -> &Bytes {
        self.came.as_ref().map_or(&self.bytes, |came| &came.octets)
    }

    /// The place, in what came, of an octet of [`Document::bytes`].
    pub fn place_of(&self, offset: usize) -> Place {
        match &self.came {
            None => place_of(&self.bytes, offset),
            Some(came) => place_of(&came.octets, Translation::source(&came.places, offset)),
        }
    }

    /// The root element.
    pub fn root(&self) -> &Root {
        &self.root
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// The one look at a document, for whoever wants to see it meanwhile; see [`pass_with`].
pub struct Look<'a> {
    bytes: &'a [u8],
    limits: Limits,
}

/// What the look found.
pub struct Looked(Result<Root, Stop>);

impl<'a> Look<'a> {
    /// Looks; `watch` is shown what is seen.
    pub fn at(self, watch: &mut impl Watch<'a>) -> Looked {
        Looked(walk::look(self.bytes, &self.limits, watch))
    }
}

/// Looks once over `bytes` and lets them through or says what is wrong first.
///
/// Costs time and memory linear in the size, whatever the octets are. See [`GateFault`] for the refusals.
pub fn pass(bytes: Bytes, limits: &Limits) -> Result<Document, GateError> {
    pass_with(bytes, limits, |look| (look.at(&mut ()), ())).0
}

/// As [`pass`], and `watch` looks with it: what it gathers counts only when the document is let through. It comes to look at
/// nothing where the document is refused before.
pub fn pass_with<T: Default>(
    bytes: Bytes,
    limits: &Limits,
    watch: impl FnOnce(Look<'_>) -> (Looked, T),
) -> (Result<Document, GateError>, T) {
    let refused = |Stop { fault, at }: Stop, bytes: &[u8]| GateError { fault, place: place_of(bytes, at) };
    if !json::is_json(&bytes) {
        let (Looked(looked), seen) = watch(Look { bytes: &bytes, limits: limits.clone() });
        return match looked {
            Ok(root) => (Ok(Document { bytes, root: Arc::new(root), came: None }), seen),
            Err(stop) => (Err(refused(stop, &bytes)), seen),
        };
    }
    let Translation { xml, places } = match json::translate(&bytes, limits) {
        Ok(translation) => translation,
        Err(stop) => return (Err(refused(stop, &bytes)), T::default()),
    };
    // A few octets more than the document had are no fault of it.
    let wider = Limits { bytes: usize::MAX, ..limits.clone() };
    let (Looked(looked), seen) = watch(Look { bytes: &xml, limits: wider });
    match looked {
        Ok(root) => {
            let came = Arc::new(Came { octets: bytes, places });
            (Ok(Document { bytes: xml.into(), root: Arc::new(root), came: Some(came) }), seen)
        }
        Err(stop) => {
            let at = Translation::source(&places, stop.at);
            (Err(refused(Stop { at, ..stop }, &bytes)), seen)
        }
    }
}

/// Finds the place of the octet at `offset` in `bytes`, which need not be UTF-8; an offset behind the end means
/// the end.
pub fn place_of(bytes: &[u8], offset: usize) -> Place {
    let start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let (mut line, mut column) = (1u32, 1u32);
    for at in start..offset.min(bytes.len()) {
        let ends_line = match bytes[at] {
            b'\n' => true,
            // Before LF it is half of one line break, which the LF ends.
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends_line {
            line = line.saturating_add(1);
            column = 1;
        } else if !matches!(bytes[at], 0x80..=0xBF) {
            // Octets that continue a character are no column of their own.
            column = column.saturating_add(1);
        }
    }
    Place { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let bytes = "\u{FEFF}aü\r\nb\rc\nd".as_bytes();
        let at = |offset| (place_of(bytes, offset).line, place_of(bytes, offset).column);
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(3), (1, 1));
        assert_eq!(at(4), (1, 2));
        assert_eq!(at(6), (1, 3));
        assert_eq!(at(8), (2, 1));
        assert_eq!(at(10), (3, 1));
        assert_eq!(at(12), (4, 1));
        assert_eq!(at(usize::MAX), (4, 2));
        assert_eq!(place_of(b"\xFF\xFE<", 2), Place { line: 1, column: 3 });
    }

    #[test]
    fn neither_errors_nor_debug_hold_the_document() {
        let secret = "<a name=\"Geheim\"><Geheim x='1' x='2'/></a>";
        let error = pass(Bytes::from(secret), &Limits::default()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Geheim"));
        let document = pass(Bytes::from("<Geheim name=\"Geheim\"/>"), &Limits::default()).unwrap();
        assert!(!format!("{document:?} {:?}", document.root()).contains("Geheim"));
        assert_eq!(document.root().attributes, [("name".to_owned(), "Geheim".to_owned())]);
    }
}
