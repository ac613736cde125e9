//! Parts beside an envelope by name, size and hash, and whether the contents that reference them are what they say.
//! It never holds a part: who streams it tells of its pieces. Every reference must resolve; a part that nobody references is
//! nobody's.

use std::fmt;

use thiserror::Error;

use super::element::Ill;
use super::fault::{Fault, Problem};
use super::model::{Container, Content, Opaque, Piece, Source};
use super::names::{Module, Operation};
use crate::mime::transfer;
use crate::trust::digest::{Digest, Running};

/// Octets at the front of a part that are looked at.
const FRONT: usize = 64;

/// How much is taken.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Octets of the message itself.
    pub message: u64,
    /// Octets of message and attachments together, decoded.
    pub container: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        // The container's is the standard's own.
        Sizes { message: 8 << 20, container: 40 << 20 }
    }
}

/// A part that was read to its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Its Content-ID.
    pub id: String,
    /// Octets.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
    front: Vec<u8>,
}

impl Part {
    /// A part that is all there.
    pub fn of(id: &str, octets: &[u8]) -> Part {
        let mut measure = Measure::begin();
        measure.feed(octets);
        measure.end(id)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A part under way.
pub struct Measure {
    running: Running,
    size: u64,
    front: Vec<u8>,
}

impl Measure {
    /// Begins.
    pub fn begin() -> Measure {
        Measure { running: Digest::Sha256.begin(), size: 0, front: Vec::new() }
    }

    /// Takes the next octets in.
    pub fn feed(&mut self, octets: &[u8]) {
        self.running.feed(octets);
        self.size += octets.len() as u64;
        let room = FRONT.saturating_sub(self.front.len()).min(octets.len());
        self.front.extend_from_slice(&octets[..room]);
    }

    /// The part as it was.
    pub fn end(self, id: &str) -> Part {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(&self.running.end());
        Part { id: id.to_owned(), size: self.size, sha256, front: self.front }
    }
}

/// Why contents and parts do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PartFault {
    /// A reference has no part.
    #[error("a reference has no part beside the envelope")]
    Missing,
    /// The message is larger than taken.
    #[error("message too large; send files as attachments")]
    MessageTooLarge,
    /// Message and attachments are larger than taken.
    #[error("contents too large")]
    TooLarge,
    /// A content is not as large as is said.
    #[error("a content has another size than is said")]
    Size,
    /// A content is Base64 of what it should be.
    #[error("a content is base64 once more; send its octets as they are")]
    Twice,
}

impl PartFault {
    /// What answers it.
    pub fn fault(self, module: Module, operation: Operation) -> Fault {
        let code = match self {
            PartFault::Missing => return Fault::sender(&self.to_string()),
            PartFault::MessageTooLarge | PartFault::TooLarge => 9023,
            PartFault::Size => 9022,
            PartFault::Twice => 9051,
        };
        match Problem::of(code) {
            Some(problem) => Fault::of(problem.for_operation(module, operation)),
            None => Fault::sender("contents do not fit"),
        }
    }
}

/// A content with what was measured of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Its Content-ID, if it stands beside the envelope.
    pub part: Option<String>,
    /// Octets.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Finds the part of every content and looks whether both fit. `parts` are all that came, in any order.
pub fn resolve(container: &Container, parts: &[Part], sizes: &Sizes) -> Result<Vec<Measured>, PartFault> {
    let message = match container {
        Container::Open { message, .. } => message.as_ref(),
        Container::Closed(closed) => return closed_parts(closed, parts, sizes),
    };
    let mut found = Vec::new();
    let mut total = 0u64;
    for content in container.contents() {
        let (measured, front) = measure(&content.source, parts)?;
        if message.is_some_and(|message| std::ptr::eq(message, content)) && measured.size > sizes.message {
            return Err(PartFault::MessageTooLarge);
        }
        total = total.saturating_add(measured.size);
        if total > sizes.container {
            return Err(PartFault::TooLarge);
        }
        // Twice encoded says it better than a wrong size, which follows from it.
        if is_encoded_again(content, &front) {
            return Err(PartFault::Twice);
        }
        if content.size.is_some_and(|stated| stated != measured.size) {
            return Err(PartFault::Size);
        }
        found.push(measured);
    }
    Ok(found)
}

fn closed_parts(closed: &Opaque, parts: &[Part], sizes: &Sizes) -> Result<Vec<Measured>, PartFault> {
    let mut found = Vec::new();
    let mut total = 0u64;
    for piece in &closed.pieces {
        match piece {
            Piece::Content(source) => {
                let (measured, _) = measure(source, parts)?;
                total = total.saturating_add(measured.size);
                found.push(measured);
            }
            Piece::Xml(xml) => total = total.saturating_add(xml.len() as u64 / 4 * 3),
            Piece::Id => {}
        }
    }
    if total > sizes.container { Err(PartFault::TooLarge) } else { Ok(found) }
}

/// Measures what one source holds.
pub fn measure(source: &Source, parts: &[Part]) -> Result<(Measured, Vec<u8>), PartFault> {
    match source {
        Source::Inline(octets) => {
            let Part { size, sha256, front, .. } = Part::of("", octets);
            Ok((Measured { part: None, size, sha256 }, front))
        }
        Source::Part(id) => {
            let part = parts.iter().find(|part| part.id == *id).ok_or(PartFault::Missing)?;
            let measured = Measured { part: Some(id.clone()), size: part.size, sha256: part.sha256 };
            Ok((measured, part.front.clone()))
        }
    }
}

/// Whether the octets are Base64 of what the content says it is: a fault that was in production for years. Only what has a
/// beginning of its own is looked at; that of a text cannot be known.
fn is_encoded_again(content: &Content, front: &[u8]) -> bool {
    let kind = content.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let begins: &[&[u8]] = if kind.contains("xml") {
        &[b"<", b"\xEF\xBB\xBF<"]
    } else if kind.contains("pdf") {
        &[b"%PDF"]
    } else if kind.contains("zip") {
        &[b"PK"]
    } else {
        return false;
    };
    // White space before a document is somebody else's fault.
    let is_right = |octets: &[u8]| begins.iter().any(|begin| octets.trim_ascii_start().starts_with(begin));
    if is_right(front) {
        return false;
    }
    let dense: Vec<u8> = front.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let whole = &dense[..dense.len() / 4 * 4];
    transfer::decode(whole).is_some_and(|decoded| is_right(&decoded))
}

/// What answers an element that does not count.
pub fn ill_fault(ill: Ill, module: Module, operation: Operation) -> Fault {
    let code = match ill {
        Ill::Strict(super::element::Deviation::AnyIdentity) => 9014,
        Ill::Structure(_) | Ill::Strict(_) => 9022,
        Ill::Encoding(_) => 9051,
    };
    // An operation without an exception for it is asked by something else than what its schema has: a fault of the protocol. It is not ours
    // (9030), which would be tried again.
    match Problem::of(code).filter(|problem| problem.exception.is_declared(module, operation)) {
        Some(problem) => Fault { reason: ill.text().to_owned(), ..Fault::of(problem) },
        None => Fault::sender(ill.text()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn open(contents: Vec<Content>) -> Container {
        let mut contents = contents.into_iter();
        Container::Open { message: contents.next(), attachments: contents.collect(), more: Vec::new() }
    }

    fn content(octets: &[u8], kind: &str) -> Content {
        Content::new(Source::Inline(Bytes::copy_from_slice(octets)), kind)
    }

    #[test]
    fn what_is_encoded_twice_is_seen_by_its_beginning() {
        let judge = |octets: &[u8], kind| {
            resolve(&open(vec![content(octets, kind)]), &[], &Sizes::default()).map(drop)
        };
        for (octets, kind) in [
            (&b"PHgvPg=="[..], "application/xml"),
            (
                b"PD94bWwgdmVyc2lvbj0iMS4wIiBlbmNvZGluZz0iVVRGLTgiPz4KPGFuZnJhZ2UvPgo=",
                "text/xml; charset=UTF-8",
            ),
            (b"JVBERi0x\r\nLjQ=", "application/pdf"),
            (b"UEsDBA==", "application/zip"),
        ] {
            assert_eq!(judge(octets, kind), Err(PartFault::Twice), "{kind}");
        }
        for (octets, kind) in [
            (&b"<x/>"[..], "application/xml"),
            (b"\xEF\xBB\xBF<x/>", "application/xml"),
            (b" \n<x/>", "application/xml"),
            (b"", "application/xml"),
            (b"abcd", "application/xml"),
            (b"PHgvPg==", "text/plain"),
            (b"%PDF-1.4", "application/pdf"),
        ] {
            assert_eq!(judge(octets, kind), Ok(()), "{kind}");
        }
    }

    #[test]
    fn sizes_are_those_of_the_octets() {
        let sizes = Sizes { message: 4, container: 8 };
        let mut large = content(b"12345", "text/plain");
        let judge =
            |contents| resolve(&open(contents), &[Part::of("a@b", b"1234")], &sizes).map(|found| found.len());
        assert_eq!(judge(vec![large.clone()]), Err(PartFault::MessageTooLarge));
        assert_eq!(judge(vec![content(b"123", "text/plain"), large.clone()]), Ok(2));
        assert_eq!(judge(vec![content(b"1234", "text/plain"), large.clone()]), Err(PartFault::TooLarge));
        large.size = Some(4);
        assert_eq!(judge(vec![content(b"", "text/plain"), large]), Err(PartFault::Size));
        let beside = |id: &str| Content::new(Source::Part(id.to_owned()), "text/plain");
        assert_eq!(judge(vec![beside("a@b")]), Ok(1));
        assert_eq!(judge(vec![beside("A@b")]), Err(PartFault::Missing));
    }
}
