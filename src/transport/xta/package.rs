//! The multipart of a message: the envelope is held, within bounds, and every other part is named, counted and hashed while
//! it streams by. It never holds more of a part than the piece that it was given, and never takes two parts of one name.
//!
//! Whoever performs input gives pieces, and gets the envelope as soon as it is whole: so it can be judged before parts are
//! laid down. `start` may name a later part; then parts come before the envelope.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::fault::{Fault, Problem};
use super::names::{Module, Operation};
use super::parts::{Measure, Part};
use crate::mime::fault::MimeError;
use crate::mime::headers::Encoding;
use crate::mime::media::{self, Boundary};
use crate::mime::reader::{self, Event, Reader};

/// How much of a message is taken.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Octets of an envelope with parts beside it.
    pub root: usize,
    /// Octets of one part.
    pub part: u64,
    /// Octets of everything.
    pub total: u64,
    /// Parts, the envelope included.
    pub parts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { root: 10 << 20, part: 40 << 20, total: 64 << 20, parts: 256 }
    }
}

/// Why a multipart does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PackageFault {
    /// The frame is wrong.
    #[error("{0}")]
    Mime(#[from] MimeError),
    /// There is no envelope in it.
    #[error("no part with the envelope")]
    NoRoot,
    /// Two parts have one name.
    #[error("two parts with the same content-id")]
    Doubled,
    /// The envelope is larger than taken.
    #[error("envelope too large; send contents as parts beside it")]
    RootTooLarge,
    /// A part is encoded on its way.
    #[error("a part in base64; send parts as binary")]
    Encoded,
}

impl PackageFault {
    /// What answers it, for the operation if it is known by then.
    pub fn fault(self, of: Option<(Module, Operation)>) -> Fault {
        let too_large = matches!(
            self,
            PackageFault::RootTooLarge
                | PackageFault::Mime(MimeError::PartTooLarge | MimeError::BodyTooLarge)
        );
        match (of, Problem::of(9023)) {
            (Some((module, operation)), Some(problem)) if too_large => {
                Fault::of(problem.for_operation(module, operation))
            }
            _ => Fault::sender(&self.to_string()),
        }
    }
}

/// What comes out, in order.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// The envelope is whole.
    Root {
        /// Its octets.
        octets: Bytes,
        /// The media type of its part.
        content_type: Option<String>,
    },
    /// A part begins; one without a name is nobody's.
    Begin(Option<String>),
    /// A piece of the part.
    Data(Bytes),
    /// The part is whole.
    End(Option<Part>),
    /// Everything is whole.
    Whole,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Root { octets, .. } => write!(f, "Root({} octets)", octets.len()),
            Step::Begin(_) => f.write_str("Begin"),
            Step::Data(octets) => write!(f, "Data({} octets)", octets.len()),
            Step::End(part) => write!(f, "End({part:?})"),
            Step::Whole => f.write_str("Whole"),
        }
    }
}

enum State {
    Between,
    Root { octets: Vec<u8>, content_type: Option<String> },
    Part { id: Option<String>, measure: Measure },
}

/// A multipart that is read piece by piece.
pub struct Package {
    reader: Reader,
    root_limit: usize,
    start: Option<String>,
    seen: HashSet<String>,
    has_root: bool,
    state: State,
}

impl Package {
    /// Begins to read one.
    pub fn new(boundary: &Boundary, start: Option<&str>, limits: &Limits) -> Package {
        let limits_of_mime = reader::Limits {
            parts: limits.parts,
            body_bytes_total: limits.total,
            part_bytes: limits.part.max(limits.root as u64),
            ..reader::Limits::default()
        };
        Package {
            reader: Reader::new(boundary, limits_of_mime),
            root_limit: limits.root,
            start: start.map(|id| media::without_brackets(id).to_owned()),
            seen: HashSet::new(),
            has_root: false,
            state: State::Between,
        }
    }

    /// Takes the next piece in.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<Step>, PackageFault> {
        let mut steps = Vec::new();
        for event in self.reader.feed(piece)? {
            self.take(event, &mut steps)?;
        }
        Ok(steps)
    }

    /// Says, when no more comes, whether it was whole.
    pub fn finish(self) -> Result<(), PackageFault> {
        self.reader.finish()?;
        if self.has_root { Ok(()) } else { Err(PackageFault::NoRoot) }
    }

    fn take(&mut self, event: Event, steps: &mut Vec<Step>) -> Result<(), PackageFault> {
        match event {
            Event::PartStart(headers) => {
                let id = headers.content_id().filter(|id| !id.is_empty()).map(str::to_owned);
                if headers.encoding() == Encoding::Base64 {
                    return Err(PackageFault::Encoded);
                }
                if id.as_ref().is_some_and(|id| !self.seen.insert(id.clone())) {
                    return Err(PackageFault::Doubled);
                }
                let is_root = !self.has_root && (self.start.is_none() || self.start == id);
                if is_root {
                    self.has_root = true;
                    let content_type = headers.content_type().map(str::to_owned);
                    self.state = State::Root { octets: Vec::new(), content_type };
                } else {
                    steps.push(Step::Begin(id.clone()));
                    self.state = State::Part { id, measure: Measure::begin() };
                }
            }
            Event::Data(piece) => match &mut self.state {
                State::Root { octets, .. } => {
                    if octets.len() + piece.len() > self.root_limit {
                        return Err(PackageFault::RootTooLarge);
                    }
                    octets.extend_from_slice(&piece);
                }
                State::Part { measure, .. } => {
                    measure.feed(&piece);
                    steps.push(Step::Data(piece));
                }
                State::Between => {}
            },
            Event::PartEnd => match std::mem::replace(&mut self.state, State::Between) {
                State::Root { octets, content_type } => {
                    steps.push(Step::Root { octets: octets.into(), content_type });
                }
                State::Part { id, measure } => steps.push(Step::End(id.map(|id| measure.end(&id)))),
                State::Between => {}
            },
            Event::End if !self.has_root => return Err(PackageFault::NoRoot),
            Event::End => steps.push(Step::Whole),
        }
        Ok(())
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package").field("has_root", &self.has_root).finish_non_exhaustive()
    }
}

/// A multipart that is all there, for who holds it anyway: envelope, its media type, the parts.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The envelope.
    pub root: Bytes,
    /// The media type of its part.
    pub content_type: Option<String>,
    /// The other parts that have a name.
    pub parts: Vec<Part>,
}

/// Reads a multipart that is all there.
pub fn whole(
    body: &[u8],
    boundary: &Boundary,
    start: Option<&str>,
    limits: &Limits,
) -> Result<Whole, PackageFault> {
    let mut package = Package::new(boundary, start, limits);
    let (mut root, mut parts) = (None, Vec::new());
    for step in package.feed(body)? {
        match step {
            Step::Root { octets, content_type } => root = Some((octets, content_type)),
            Step::End(part) => parts.extend(part),
            Step::Begin(_) | Step::Data(_) | Step::Whole => {}
        }
    }
    package.finish()?;
    let (root, content_type) = root.ok_or(PackageFault::NoRoot)?;
    Ok(Whole { root, content_type, parts })
}

/// The Content-ID of the envelopes that we write.
pub const ROOT: &str = "root.message@drehscheibe";

/// The Content-Type of a multipart that we write. Readers in use want exactly these words in lower case, `boundary` and
/// `start`, and compare `start` with its angle brackets.
pub fn content_type(boundary: &Boundary, action: Option<&str>) -> Result<String, MimeError> {
    Ok(format!(
        "multipart/related; type=\"application/xop+xml\"; boundary={}; start=\"<{ROOT}>\"; start-info={}",
        media::quoted(boundary.as_str())?,
        media::quoted(&soap_type(action)?)?
    ))
}

/// The Content-Type of an envelope that we send alone.
pub fn plain_type(action: Option<&str>) -> Result<String, MimeError> {
    Ok(format!("application/soap+xml; charset=utf-8{}", parameter(action)?))
}

fn soap_type(action: Option<&str>) -> Result<String, MimeError> {
    Ok(format!("application/soap+xml{}", parameter(action)?))
}

fn parameter(action: Option<&str>) -> Result<String, MimeError> {
    action.map_or(Ok(String::new()), |action| Ok(format!("; action={}", media::quoted(action)?)))
}

/// The headers of the part with the envelope, which is to be the first.
pub fn root_headers(action: Option<&str>) -> Result<[(&'static str, String); 3], MimeError> {
    let kind = format!("application/xop+xml; charset=UTF-8; type={}", media::quoted(&soap_type(action)?)?);
    Ok([
        ("Content-Type", kind),
        ("Content-Transfer-Encoding", "binary".to_owned()),
        ("Content-ID", format!("<{ROOT}>")),
    ])
}

/// The headers of another part: its true type stands in the envelope.
pub fn part_headers(id: &str) -> [(&'static str, String); 3] {
    [
        ("Content-Type", "application/octet-stream".to_owned()),
        ("Content-Transfer-Encoding", "binary".to_owned()),
        ("Content-ID", format!("<{id}>")),
    ]
}
