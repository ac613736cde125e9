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

use super::chars::BYTE_ORDER_MARK;
use super::json::{self, Translation};
use super::limits::{GateFault, Limits};
use super::walk::{self, Root, Stop, Watch};

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

/// A refusal: what and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{fault} ({place})")]
pub struct GateError {
    /// What kept the document out.
    pub fault: GateFault,
    /// Where it was seen.
    pub place: Place,
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
