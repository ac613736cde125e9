//! OSCI's frame (OSCI-Transport 1.2): a multipart/related package whose MIME headers stand inside the body, read as a whole.
//! It never copies a part, never believes a part's Content-Length (libraries write wrong ones), and never takes two parts with
//! one Content-ID.
//!
//! Lenient where peers differ: blank lines or a preamble before it, headers that end with LF alone, no headers of its own (the
//! boundary then is that of the HTTP header, or of the first line). A boundary counts only as a whole line.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;

use super::fault::MimeError;
use super::headers::{Encoding, Headers};
use super::media::{self, Boundary};
use super::reader::Limits;
use super::transfer;

/// White space behind a boundary.
const MOST_PADDING: usize = 64;

/// A part of a package.
#[derive(Clone)]
pub struct Part {
    /// Its headers.
    pub headers: Headers,
    /// Its content as transferred.
    pub transferred: Bytes,
}

impl Part {
    /// Its octets: what Base64 encodes, or what was transferred. Also a part of the type `text/base64` is decoded, as OSCI's
    /// libraries write encrypted parts.
    pub fn octets(&self) -> Result<Bytes, MimeError> {
        let kind = self.headers.content_type().and_then(|text| text.split(';').next()).unwrap_or_default();
        let encoded =
            self.headers.encoding() == Encoding::Base64 || kind.trim().eq_ignore_ascii_case("text/base64");
        if !encoded {
            return Ok(self.transferred.clone());
        }
        transfer::decode(&self.transferred)
            .map(Bytes::from)
            .ok_or(MimeError::BadValue("part that is no base64"))
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("octets", &self.transferred.len()).finish_non_exhaustive()
    }
}

/// Reads a package. `content_type` is the HTTP header, which is asked only where the package has no headers of its own.
pub fn read(body: &Bytes, content_type: Option<&str>, limits: &Limits) -> Result<Vec<Part>, MimeError> {
    if body.len() as u64 > limits.body_bytes_total {
        return Err(MimeError::BodyTooLarge);
    }
    let start = body.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    let frame = Frame::find(body, start, content_type, limits)?;
    let mut parts = Vec::new();
    let mut ids = HashSet::new();
    let mut line = frame.next_boundary(frame.from).ok_or(MimeError::NoFinal)?;
    while !line.last {
        if parts.len() >= limits.parts {
            return Err(MimeError::TooManyParts);
        }
        // The line end of a boundary may be that before the next one: a part without headers and content.
        let next = frame.next_boundary(line.line_end).ok_or(MimeError::NoFinal)?;
        let part = frame.part(line.end..next.start.max(line.end), limits)?;
        if part.headers.content_id().is_some_and(|id| !ids.insert(id.to_owned())) {
            return Err(MimeError::DoubleHeader);
        }
        parts.push(part);
        line = next;
    }
    if parts.is_empty() { Err(MimeError::NoFinal) } else { Ok(parts) }
}

/// Reads the head of a message that came over HTTP, if `octets` begin with one (request or status line): its Content-Type,
/// and where the body begins.
pub fn http_head(octets: &[u8]) -> Option<(Option<String>, usize)> {
    const LONGEST: usize = 64 << 10;
    let is_head = octets.starts_with(b"POST ") || octets.starts_with(b"HTTP/1.");
    let head = octets.get(..octets.len().min(LONGEST)).filter(|_| is_head)?;
    let (length, end) = head_end(head, 0)?;
    Some((http_header(head.get(..length)?, "content-type"), end))
}

/// The value of the header `name` in the head of a message that came over HTTP; the first one if there are several.
pub fn http_header(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let found = lines.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}

struct Frame<'b> {
    body: &'b Bytes,
    boundary: Vec<u8>,
    /// Where the first boundary is looked for.
    from: usize,
    /// Lines end with LF alone.
    bare: bool,
}

struct BoundaryLine {
    /// Where the line end before it begins: the part before ends here.
    start: usize,
    /// Where the line's own end begins.
    line_end: usize,
    /// Where what follows begins.
    end: usize,
    last: bool,
}

impl<'b> Frame<'b> {
    fn find(body: &'b Bytes, start: usize, outer: Option<&str>, limits: &Limits) -> Result<Self, MimeError> {
        let head = &body[start..body.len().min(start + limits.header_bytes + 4)];
        let first_line_end = head.iter().position(|octet| *octet == b'\n').ok_or(MimeError::NotMultipart)?;
        let bare = first_line_end == 0 || head[first_line_end - 1] != b'\r';
        if let Some(line) = head.strip_prefix(b"--") {
            let named = outer.and_then(|outer| media::boundary_of(outer).ok()).map(|kind| kind.boundary);
            let boundary = match named {
                Some(boundary) => boundary,
                None => {
                    let line = line.get(..first_line_end - 2).unwrap_or_default();
                    let line = std::str::from_utf8(line).map_err(|_| MimeError::BadBoundary)?;
                    Boundary::new(line.trim_end())?
                }
            };
            return Ok(Frame { body, boundary: line_of(&boundary), from: start, bare });
        }
        let (length, end) = head_end(head, 0).ok_or(MimeError::NotMultipart)?;
        let block = &head[..length];
        let headers = headers(block, limits.headers).map_err(|_| MimeError::NotMultipart)?;
        let kind = media::boundary_of(headers.content_type().ok_or(MimeError::NotMultipart)?)?;
        Ok(Frame { body, boundary: line_of(&kind.boundary), from: start + end, bare })
    }

    /// The next boundary line at or behind `from`.
    fn next_boundary(&self, from: usize) -> Option<BoundaryLine> {
        // At the very beginning no line end stands before it.
        if from == self.from
            && let Some(line) = self.line_at(from, from)
        {
            return Some(line);
        }
        let mut at = from;
        loop {
            let newline = at + self.body.get(at..)?.iter().position(|octet| *octet == b'\n')?;
            let carriage = newline > from && self.body[newline - 1] == b'\r';
            if carriage || self.bare {
                let start = if carriage { newline - 1 } else { newline };
                if let Some(line) = self.line_at(start, newline + 1) {
                    return Some(line);
                }
            }
            at = newline + 1;
        }
    }

    fn line_at(&self, start: usize, at: usize) -> Option<BoundaryLine> {
        let rest = self.body.get(at..)?.strip_prefix(self.boundary.as_slice())?;
        let (last, rest) = match rest.strip_prefix(b"--") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let padding = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        let line_end = self.body.len() - rest.len() + padding;
        let length = match &rest[padding..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [] if last => 0,
            _ => return None,
        };
        (padding <= MOST_PADDING).then_some(BoundaryLine { start, line_end, end: line_end + length, last })
    }

    fn part(&self, range: std::ops::Range<usize>, limits: &Limits) -> Result<Part, MimeError> {
        let content = self.body.slice(range);
        let (length, end) = if content.starts_with(b"\r\n") {
            (0, 2)
        } else if self.bare && content.starts_with(b"\n") {
            (0, 1)
        } else {
            let head = &content[..content.len().min(limits.header_bytes + 4)];
            match head_end(head, 0) {
                Some(found) => found,
                None if content.len() > limits.header_bytes => return Err(MimeError::HeadersTooLarge),
                None => return Err(MimeError::BadHeader("headers without an empty line behind them")),
            }
        };
        let headers = headers(&content[..length], limits.headers)?;
        if headers.is_multipart() {
            return Err(MimeError::Nested);
        }
        let transferred = content.slice(end..);
        if transferred.len() as u64 > limits.part_bytes {
            return Err(MimeError::PartTooLarge);
        }
        Ok(Part { headers, transferred })
    }
}

fn line_of(boundary: &Boundary) -> Vec<u8> {
    format!("--{}", boundary.as_str()).into_bytes()
}

/// Where a block of headers ends, and where what stands behind its empty line begins.
fn head_end(head: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let newline = at + head.get(at..)?.iter().position(|octet| *octet == b'\n')?;
        let end = if newline > 0 && head[newline - 1] == b'\r' { newline - 1 } else { newline };
        match &head[newline + 1..] {
            [b'\r', b'\n', ..] => return Some((end, newline + 3)),
            [b'\n', ..] => return Some((end, newline + 2)),
            _ => at = newline + 1,
        }
    }
}

fn headers(block: &[u8], most: usize) -> Result<Headers, MimeError> {
    let bare =
        block.iter().enumerate().any(|(at, octet)| *octet == b'\n' && (at == 0 || block[at - 1] != b'\r'));
    if !bare {
        return Headers::parse(block, most);
    }
    let text = std::str::from_utf8(block).map_err(|_| MimeError::BadHeader("not in utf-8"))?;
    Headers::parse(text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes(), most)
}

/// A part to be written: its headers, and its content as it is transferred.
pub type NewPart<'a> = (&'a [(&'a str, &'a str)], &'a [u8]);

/// Writes a package as OSCI's libraries do. The boundary must not stand in a part; `None` when it does.
pub fn write(boundary: &Boundary, parts: &[NewPart<'_>]) -> Option<Vec<u8>> {
    let delimiter = line_of(boundary);
    let size: usize = parts.iter().map(|(_, content)| content.len() + 256).sum();
    let mut body = Vec::with_capacity(size + 256);
    let kind = format!(
        "MIME-Version: 1.0\r\nContent-Type: Multipart/Related; boundary={}; type=text/xml\r\n\r\n",
        boundary.as_str()
    );
    body.extend_from_slice(kind.as_bytes());
    for (headers, content) in parts {
        let holds = content.windows(delimiter.len()).any(|window| window == delimiter);
        if holds || headers.iter().any(|(_, value)| value.chars().any(char::is_control)) {
            return None;
        }
        body.extend_from_slice(&delimiter);
        body.extend_from_slice(b"\r\n");
        for (name, value) in *headers {
            body.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(&delimiter);
    body.extend_from_slice(b"--\r\n");
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &str) -> Result<Vec<(Option<String>, String)>, MimeError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let parts = read(&body, None, &Limits::default())?;
        Ok(parts
            .iter()
            .map(|part| {
                let octets = part.octets().unwrap();
                (part.headers.content_id().map(str::to_owned), String::from_utf8(octets.to_vec()).unwrap())
            })
            .collect())
    }

    const HEAD: &str =
        "MIME-Version: 1.0\r\nContent-Type: Multipart/Related; boundary=b/+; type=text/xml\r\n\r\n";

    #[test]
    fn what_libraries_write_is_read() {
        let body = format!(
            "{HEAD}--b/+\r\nContent-ID: <osci@message>\r\n\r\n<a>\r\n--b/x\r\n</a>\r\n--b/+\r\nContent-Transfer-Encoding: \
             8-bit\r\nContent-ID: <1>\r\nContent-Length: 99\r\n\r\n\r\n\r\n--b/+\r\nContent-ID: \
             2\r\nContent-Transfer-Encoding: base64\r\n\r\nYWI\n=\r\n--b/+--\r\n"
        );
        let expected = vec![
            (Some("osci@message".into()), "<a>\r\n--b/x\r\n</a>".into()),
            (Some("1".into()), "\r\n".into()),
            (Some("2".into()), "ab".into()),
        ];
        assert_eq!(parts(&body).unwrap(), expected);
        assert_eq!(parts(&format!("\r\n\r\n{body}")).unwrap(), expected);
        let without_head = body.strip_prefix(HEAD).unwrap();
        assert_eq!(parts(without_head).unwrap(), expected);
        assert_eq!(parts(&body.replacen("\r\n\r\n--b/+", "\r\n\r\npreamble\r\n--b/+", 1)).unwrap(), expected);
        let bare = "Content-Type: multipart/related; Boundary=\"x y\"\n\n--x y\nContent-ID: <a>\n\nA\n--x y\n\nB\r\n--x y--";
        assert_eq!(parts(bare).unwrap(), [(Some("a".into()), "A".into()), (None, "B".into())]);
    }

    #[test]
    fn what_is_not_whole_or_not_clear_is_refused() {
        let one = format!("{HEAD}--b/+\r\nContent-ID: <a>\r\n\r\nA\r\n");
        for (body, fault) in [
            (String::new(), MimeError::NotMultipart),
            ("not a mime message at all\r\n\r\n".into(), MimeError::NotMultipart),
            (HEAD.into(), MimeError::NoFinal),
            (one.clone(), MimeError::NoFinal),
            (format!("{one}--b/+\r\nContent-ID: <a>\r\n\r\n\r\n--b/+--"), MimeError::DoubleHeader),
            (format!("{one}--b/+\r\nContent-Type: multipart/mixed\r\n\r\n\r\n--b/+--"), MimeError::Nested),
            (format!("{HEAD}--b/+--\r\n"), MimeError::NoFinal),
        ] {
            assert_eq!(parts(&body).unwrap_err(), fault, "{body:?}");
        }
        let body = Bytes::from(format!("{one}--b/+--"));
        assert!(read(&body, None, &Limits { parts: 0, ..Limits::default() }).is_err());
        assert!(read(&body, None, &Limits { part_bytes: 0, ..Limits::default() }).is_err());
    }

    #[test]
    fn the_head_of_http_is_stepped_over() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=UTF-8\r\nX: y\r\n\r\nMIME-Version";
        let (kind, at) = http_head(head).unwrap();
        assert_eq!((kind.as_deref(), &head[at..]), (Some("text/xml; charset=UTF-8"), &b"MIME-Version"[..]));
        assert!(http_head(b"MIME-Version: 1.0\r\n\r\n").is_none());
    }
}
