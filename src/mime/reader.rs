//! Reads a multipart body piece by piece: the pieces may be cut anywhere, the events are the same.
//! It never holds more than one piece, one header block and one line that may be a boundary; never decodes
//! content; and a body without its final boundary never counts as whole.
//!
//! A boundary counts only as a whole line: `CRLF -- boundary`, `--` if final, white space, CRLF. What merely
//! looks like one is content.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::fault::MimeError;
use super::headers::Headers;
use super::media::Boundary;

/// How much of a body is read before it is refused.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Number of parts.
    pub parts: usize,
    /// Headers of one part.
    pub headers: usize,
    /// Octets of the headers of one part, line ends included.
    pub header_bytes: usize,
    /// Octets of the body as transferred, everything included.
    pub body_bytes_total: u64,
    /// Octets of the content of one part as transferred.
    pub part_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            parts: 64,
            headers: 16,
            header_bytes: 8 << 10,
            body_bytes_total: 256 << 20,
            part_bytes: 256 << 20,
        }
    }
}

/// What comes out of a body, in order: for each part `PartStart`, any number of `Data`, `PartEnd`; then `End`.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    PartStart(Headers),
    /// A piece of the part's content as transferred; never empty.
    Data(Bytes),
    /// The part is whole.
    PartEnd,
    /// The final boundary was read: the body is whole.
    End,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::PartStart(headers) => write!(f, "PartStart({headers:?})"),
            Event::Data(bytes) => write!(f, "Data({} octets)", bytes.len()),
            Event::PartEnd => f.write_str("PartEnd"),
            Event::End => f.write_str("End"),
        }
    }
}

/// The incremental reader of one body.
pub struct Reader {
    /// `CRLF -- boundary`.
    delimiter: Vec<u8>,
    limits: Limits,
    state: State,
    /// What was fed and not yet understood.
    held: BytesMut,
    fed: u64,
    parts: usize,
}

#[derive(Clone, Copy)]
enum State {
    /// Before the first boundary; what stands here is ignored.
    Preamble,
    /// In a header block, of which `seen` octets cannot begin its end.
    Headers { seen: usize },
    /// In the content of a part, of which `size` octets were handed out; `skip` octets at the front of what is
    /// held belong to the header block but may also begin a boundary line.
    Content { size: u64, skip: usize },
    /// On the line of the final boundary; `ending` when its CR was seen.
    FinalLine { ending: bool },
    /// Behind it; what stands here is ignored.
    Epilogue,
    /// Refused; the answer stays the same.
    Refused(MimeError),
}

/// White space behind a boundary; more of it is content, so that what is held stays small.
const MOST_PADDING: usize = 64;

enum Line {
    /// Content, whatever follows.
    Other,
    /// Undecided: may be a boundary line when more is known.
    Maybe,
    /// A boundary line of this length.
    Next(usize),
    /// The final boundary, this long with its dashes.
    Final(usize),
}

impl Reader {
    /// Begins to read a body whose parts `boundary` separates.
    pub fn new(boundary: &Boundary, limits: Limits) -> Self {
        // The very first boundary has no line end before it: lend it one.
        let held = BytesMut::from(&b"\r\n"[..]);
        Reader { delimiter: delimiter(boundary), limits, state: State::Preamble, held, fed: 0, parts: 0 }
    }

    /// Takes the next piece and gives what is certain by now. After a fault every call answers with that fault.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<Event>, MimeError> {
        // Only up to the limit, so that the first fault in the body is the same however it is cut.
        let room = self.limits.body_bytes_total - self.fed;
        let taken = usize::try_from(room).map_or(piece.len(), |room| room.min(piece.len()));
        self.held.extend_from_slice(&piece[..taken]);
        self.fed += taken as u64;
        let mut events = Vec::new();
        let cut_short = if taken < piece.len() { Err(MimeError::BodyTooLarge) } else { Ok(()) };
        let outcome = self.understand(&mut events).and(cut_short);
        if let Err(fault) = outcome {
            self.state = State::Refused(fault);
            self.held = BytesMut::new();
            return Err(fault);
        }
        Ok(events)
    }

    /// Says, when no more octets come, whether the body was whole.
    pub fn finish(self) -> Result<(), MimeError> {
        match self.state {
            State::FinalLine { ending: false } | State::Epilogue => Ok(()),
            State::FinalLine { ending: true } => Err(MimeError::AfterFinal),
            State::Refused(fault) => Err(fault),
            State::Preamble | State::Headers { .. } | State::Content { .. } => Err(MimeError::NoFinal),
        }
    }

    /// Goes as far as what is held allows. What it holds back depends only on the octets so far, never on where
    /// they were cut.
    fn understand(&mut self, events: &mut Vec<Event>) -> Result<(), MimeError> {
        loop {
            let goes_on = match self.state {
                State::Preamble => self.preamble(events),
                State::Headers { seen } => self.headers(seen, events)?,
                State::Content { size, skip } => self.content(size, skip, events)?,
                State::FinalLine { ending } => self.final_line(ending)?,
                State::Epilogue => {
                    self.held.clear();
                    false
                }
                State::Refused(fault) => return Err(fault),
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn preamble(&mut self, events: &mut Vec<Event>) -> bool {
        let (before, line) = find_line(&self.held, &self.delimiter);
        self.held.advance(before);
        self.boundary(line, events)
    }

    fn headers(&mut self, seen: usize, events: &mut Vec<Event>) -> Result<bool, MimeError> {
        let (length, end) = if self.held.starts_with(b"\r\n") {
            (0, 0)
        } else {
            match self.held[seen..].windows(4).position(|octets| octets == b"\r\n\r\n") {
                Some(found) => (seen + found, seen + found + 2),
                None => {
                    if self.held.len() > self.limits.header_bytes.saturating_add(3) {
                        return Err(MimeError::HeadersTooLarge);
                    }
                    self.state = State::Headers { seen: self.held.len().saturating_sub(3) };
                    return Ok(false);
                }
            }
        };
        if end > self.limits.header_bytes {
            return Err(MimeError::HeadersTooLarge);
        }
        let headers = Headers::parse(&self.held[..length], self.limits.headers)?;
        if headers.is_multipart() {
            return Err(MimeError::Nested);
        }
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(MimeError::TooManyParts);
        }
        events.push(Event::PartStart(headers));
        // The empty line's own line end stays: a part without content has its boundary right behind it.
        self.held.advance(end);
        self.state = State::Content { size: 0, skip: 2 };
        Ok(true)
    }

    fn content(&mut self, size: u64, skip: usize, events: &mut Vec<Event>) -> Result<bool, MimeError> {
        let (before, line) = find_line(&self.held, &self.delimiter);
        let mut data = self.held.split_to(before);
        // Nothing before the line means that the line end of the headers is still held.
        let skip = if before == 0 {
            skip
        } else {
            data.advance(skip);
            0
        };
        let size = size + data.len() as u64;
        if size > self.limits.part_bytes {
            return Err(MimeError::PartTooLarge);
        }
        if !data.is_empty() {
            events.push(Event::Data(data.freeze()));
        }
        self.state = State::Content { size, skip };
        if matches!(line, Line::Next(_) | Line::Final(_)) {
            events.push(Event::PartEnd);
        }
        Ok(self.boundary(line, events))
    }

    /// Steps over a boundary line at the front of what is held, if there is one.
    fn boundary(&mut self, line: Line, events: &mut Vec<Event>) -> bool {
        match line {
            Line::Next(length) => {
                self.held.advance(length);
                self.state = State::Headers { seen: 0 };
                true
            }
            Line::Final(length) => {
                self.held.advance(length);
                events.push(Event::End);
                self.state = State::FinalLine { ending: false };
                true
            }
            Line::Maybe | Line::Other => false,
        }
    }

    fn final_line(&mut self, mut ending: bool) -> Result<bool, MimeError> {
        while let Some(&octet) = self.held.first() {
            self.held.advance(1);
            match (ending, octet) {
                (false, b' ' | b'\t') => {}
                (false, b'\r') => ending = true,
                (true, b'\n') => {
                    self.state = State::Epilogue;
                    return Ok(true);
                }
                _ => return Err(MimeError::AfterFinal),
            }
        }
        self.state = State::FinalLine { ending };
        Ok(false)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("fed", &self.fed).field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// The octets a boundary line begins with.
pub fn delimiter(boundary: &Boundary) -> Vec<u8> {
    format!("\r\n--{}", boundary.as_str()).into_bytes()
}

/// Finds the first octet that begins a boundary line or may begin one; all before it is content.
fn find_line(held: &[u8], delimiter: &[u8]) -> (usize, Line) {
    let mut from = 0;
    while let Some(found) = held[from..].iter().position(|&octet| octet == b'\r') {
        let at = from + found;
        match line_at(&held[at..], delimiter) {
            Line::Other => from = at + 1,
            line => return (at, line),
        }
    }
    (held.len(), Line::Other)
}

fn line_at(octets: &[u8], delimiter: &[u8]) -> Line {
    let Some(rest) = octets.strip_prefix(delimiter) else {
        return if delimiter.starts_with(octets) { Line::Maybe } else { Line::Other };
    };
    match rest {
        [b'-', b'-', ..] => return Line::Final(delimiter.len() + 2),
        [b'-'] => return Line::Maybe,
        _ => {}
    }
    let padding = rest.iter().take_while(|&&octet| octet == b' ' || octet == b'\t').count();
    if padding > MOST_PADDING {
        return Line::Other;
    }
    match &rest[padding..] {
        [] | [b'\r'] => Line::Maybe,
        [b'\r', b'\n', ..] => Line::Next(delimiter.len() + padding + 2),
        _ => Line::Other,
    }
}
