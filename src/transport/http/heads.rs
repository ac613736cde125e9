//! Looks at the octets of HTTP/1 before the parser of the library does, for what that one is lenient about and what programs
//! before us may read otherwise: lines that end with a bare LF, a transfer coding other than `chunked`, a length beside it.
//! Follows the framing of the messages, so that a body is never taken for a head; keeps no octet but the beginning of a line.

/// How much of a line is looked at; more than any length or coding needs.
const KEPT: usize = 128;

/// The most digits of the size of a chunk.
const MOST_DIGITS: usize = 16;

/// The octet that no head may hold: the parser that gets it, and the end of the head behind it, answers 400. Elsewhere it would pass
/// over it.
const REFUSED: u8 = 0;
/// What the parser has to get behind a refused head: it does not look at one before it is whole.
pub const END: &[u8] = b"\r\n\r\n";

/// The place in the stream of octets of one connection.
#[derive(Debug)]
pub struct Heads {
    state: State,
    /// The beginning of the line that is under way.
    line: Vec<u8>,
    /// How long that line is so far.
    length: usize,
    /// The octet before the next one.
    last: u8,
    /// Lines of this head so far.
    lines: usize,
    content_length: Option<u64>,
    chunked: bool,
    /// Anything but HTTP/2 is refused.
    only_http2: bool,
    /// No line has come yet.
    untouched: bool,
    /// What was refused stands in a head.
    in_head: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many octets are no head.
    Body(u64),
    ChunkSize,
    /// So many octets are a chunk and the line end behind it.
    Chunk(u64),
    Trailer,
    /// HTTP/2: nothing is looked at any more.
    Over,
    /// Something was refused: nothing passes any more.
    Refused,
}

impl Default for Heads {
    fn default() -> Heads {
        Heads {
            state: State::Head,
            line: Vec::new(),
            length: 0,
            last: 0,
            lines: 0,
            content_length: None,
            chunked: false,
            only_http2: false,
            untouched: true,
            in_head: false,
        }
    }
}

impl Heads {
    /// Where both ends agreed on HTTP/2: what does not begin as that does is refused.
    pub fn of_http2() -> Heads {
        Heads { only_http2: true, ..Heads::default() }
    }

    /// Whether these are messages of HTTP/1, in which every octet belongs to a request or its answer.
    pub fn are_followed(&self) -> bool {
        self.state != State::Over
    }

    /// Looks at the next octets and tells how many of them may pass; once that is less than all, nothing behind them may. What
    /// must not pass in a head is replaced by an octet that the parser answers with 400.
    pub fn look(&mut self, octets: &mut [u8]) -> usize {
        let mut at = 0;
        while at < octets.len() {
            match self.state {
                State::Over => break,
                State::Refused => return at,
                State::Body(left) | State::Chunk(left) => {
                    let here = left.min((octets.len() - at) as u64);
                    at += here as usize;
                    self.state = match (self.state, left - here) {
                        (State::Body(_), 0) => State::Head,
                        (State::Chunk(_), 0) => State::ChunkSize,
                        (State::Chunk(_), left) => State::Chunk(left),
                        (_, left) => State::Body(left),
                    };
                }
                State::Head | State::ChunkSize | State::Trailer => {
                    let rest = &octets[at..];
                    let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
                        self.keep(rest);
                        break;
                    };
                    self.keep(&rest[..end]);
                    let in_head = self.state == State::Head;
                    let lawful = self.last == b'\r' && self.line_ends();
                    (self.last, self.length) = (0, 0);
                    self.line.clear();
                    at += end;
                    if !lawful {
                        (self.state, self.in_head) = (State::Refused, in_head);
                        if !in_head {
                            return at;
                        }
                        octets[at] = REFUSED;
                    }
                    at += 1;
                }
            }
        }
        octets.len()
    }

    /// Whether what was refused stands in a head: then [`END`] belongs behind it, and an answer comes.
    pub fn refused_a_head(&self) -> bool {
        self.refused() && self.in_head
    }

    /// Whether something was refused: what comes behind it is never read.
    pub fn refused(&self) -> bool {
        self.state == State::Refused
    }

    fn keep(&mut self, octets: &[u8]) {
        let room = KEPT.saturating_sub(self.line.len()).min(octets.len());
        self.line.extend_from_slice(&octets[..room]);
        self.length += octets.len();
        self.last = octets.last().copied().unwrap_or(self.last);
    }

    /// A line ended with CR and LF; false when it must not pass.
    fn line_ends(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        // The CR is no part of it.
        let text = &line[..line.len().min(self.length - 1)];
        let whole = self.length <= KEPT;
        let lawful = match self.state {
            State::Head if text.is_empty() => !self.only_http2 && self.head_ends(),
            State::Head => {
                self.lines += 1;
                // Only as the first octets of all; behind an empty line the layer above reads HTTP/1.
                if self.untouched && text == b"PRI * HTTP/2.0" {
                    self.state = State::Over;
                } else if self.only_http2 {
                    return false;
                }
                self.lines == 1 || self.header(text, whole)
            }
            State::ChunkSize => self.chunk(text),
            State::Trailer => {
                if text.is_empty() {
                    self.state = State::Head;
                }
                true
            }
            State::Body(_) | State::Chunk(_) | State::Over | State::Refused => true,
        };
        (self.line, self.untouched) = (line, false);
        lawful
    }

    fn header(&mut self, text: &[u8], whole: bool) -> bool {
        let Some(colon) = text.iter().position(|octet| *octet == b':') else { return true };
        let (name, value) = (&text[..colon], text[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            // Digits only: the number parser would take a sign as well.
            let digits = std::str::from_utf8(value).ok().filter(|_| value.iter().all(u8::is_ascii_digit));
            let length = digits.and_then(|digits| digits.parse().ok());
            // A second one that says the same may be merged by one program and not by the next (RFC 9112 6.3).
            let again = self.content_length.is_some();
            self.content_length = length;
            return whole && length.is_some() && !again;
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let again = std::mem::replace(&mut self.chunked, true);
            return whole && !again && value.eq_ignore_ascii_case(b"chunked");
        }
        true
    }

    fn head_ends(&mut self) -> bool {
        // An empty line before a request is passed over, as RFC 9112 2.2 has it.
        if self.lines == 0 {
            return true;
        }
        self.lines = 0;
        let chunked = std::mem::take(&mut self.chunked);
        let length = self.content_length.take();
        self.state = match (chunked, length) {
            (true, Some(_)) => return false,
            (true, None) => State::ChunkSize,
            (false, None | Some(0)) => State::Head,
            (false, Some(length)) => State::Body(length),
        };
        true
    }

    fn chunk(&mut self, text: &[u8]) -> bool {
        let digits = text.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        // More than a size needs: behind as many zeros as are looked at a digit could stand, and the parser would read another size.
        if digits > MOST_DIGITS {
            return false;
        }
        let size = std::str::from_utf8(&text[..digits]).ok();
        let size = size.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        // Behind it stands an extension or nothing (RFC 9112 7.1): other programs read something else out of a space.
        if !matches!(text.get(digits), None | Some(b';')) {
            return false;
        }
        let Some(size) = size.filter(|size| *size < u64::MAX / 2) else { return false };
        self.state = if size == 0 { State::Trailer } else { State::Chunk(size + 2) };
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What passes, fed in pieces of these sizes in turn.
    fn seen(octets: &[u8], pieces: &[usize]) -> Vec<u8> {
        let (mut heads, mut out, mut rest) = (Heads::default(), Vec::new(), octets);
        for size in pieces.iter().cycle() {
            let (piece, behind) = rest.split_at((*size).clamp(1, rest.len().max(1)).min(rest.len()));
            let mut piece = piece.to_vec();
            let passes = heads.look(&mut piece);
            out.extend(&piece[..passes]);
            rest = behind;
            if rest.is_empty() || heads.refused() {
                return out;
            }
        }
        out
    }

    fn refused(text: &str) -> bool {
        let whole = seen(text.as_bytes(), &[usize::MAX >> 1]);
        assert_eq!(whole, seen(text.as_bytes(), &[1]), "{text:?}");
        whole != text.as_bytes()
    }

    #[test]
    fn what_others_may_read_otherwise_is_refused_and_bodies_are_left_alone() {
        for bad in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-ENCODING:\tchunked, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\ncontent-length: 4\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4, 4\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\t;a=b\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3 4\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0 \r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0;x\ny\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\n\r\n",
        ] {
            assert!(refused(bad), "{bad:?}");
        }
        let long = format!("POST / HTTP/1.1\r\nTransfer-Encoding: {}chunked\r\n\r\n", " ".repeat(KEPT));
        assert!(refused(&long));
        // The parser reads five octets here, and the guard would have read an end.
        for zeros in [17, KEPT - 1, KEPT, 2 * KEPT] {
            let size = format!("{}5", "0".repeat(zeros));
            assert!(refused(&format!(
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nabcde\r\n0\r\n\r\n"
            )));
        }
        for good in [
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\n\n\n\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\n\n\n\n\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert!(!refused(good), "{good:?}");
        }
    }

    #[test]
    fn who_agreed_on_http2_speaks_nothing_else() {
        for (text, passes) in [
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\nHost: a\n\n", false),
            ("\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false),
            ("PRI * HTTP/2.0 HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false),
        ] {
            let (mut heads, mut octets) = (Heads::of_http2(), text.as_bytes().to_vec());
            let end = heads.look(&mut octets);
            assert_eq!(
                end == text.len() && octets == text.as_bytes() && !heads.refused(),
                passes,
                "{text:?}"
            );
        }
        // Where nothing was agreed on, an empty line does not turn the guard off either.
        assert!(refused("\r\nPRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\n\r\n"));
    }

    proptest! {
        #[test]
        fn lawful_requests_pass_unchanged_however_they_are_cut(
            bodies in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 1..5),
            pieces in prop::collection::vec(1usize..40, 1..6),
        ) {
            let mut octets = Vec::new();
            for (chunked, body) in &bodies {
                octets.extend_from_slice(b"POST /a HTTP/1.1\r\nHost: a\r\n");
                if *chunked {
                    octets.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                    for chunk in body.chunks(7) {
                        octets.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                        octets.extend_from_slice(chunk);
                        octets.extend_from_slice(b"\r\n");
                    }
                    octets.extend_from_slice(b"0\r\n\r\n");
                } else {
                    octets.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                    octets.extend_from_slice(body);
                }
            }
            prop_assert_eq!(&seen(&octets, &pieces), &octets);
            // A bare LF behind them is seen, so the place in the stream was right to the end.
            let whole = octets.len();
            octets.extend_from_slice(b"GET / HTTP/1.1\nHost: a\r\n\r\n");
            let seen = seen(&octets, &pieces);
            prop_assert_eq!(&seen[..whole], &octets[..whole]);
            prop_assert_eq!(&seen[whole..], b"GET / HTTP/1.1\0");
        }

        #[test]
        fn any_octets_end(octets in prop::collection::vec(any::<u8>(), 0..500)) {
            prop_assert!(seen(&octets, &[3]).len() <= octets.len());
        }
    }
}
