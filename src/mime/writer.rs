//! Writes the frame of a multipart body around content that streams by.
//! It never holds content, never chooses the boundary (the caller's randomness does), and never lets content
//! through that holds it.

use bytes::Bytes;

use super::fault::MimeError;
use super::media::{self, Boundary};
use super::reader;

/// The streaming writer of one body. What each call gives is to be sent in order.
pub struct Writer {
    delimiter: Vec<u8>,
    begun: bool,
    /// How many octets of the delimiter the content so far ends with.
    matched: usize,
}

impl Writer {
    /// Begins a body whose parts `boundary` separates.
    pub fn new(boundary: &Boundary) -> Self {
        Writer { delimiter: reader::delimiter(boundary), begun: false, matched: 0 }
    }

    /// Begins the next part and gives its frame; `headers` are (name, value) as they are to be written.
    ///
    /// Refuses names that are no tokens and values with control characters, which could forge headers.
    pub fn start_part(&mut self, headers: &[(&str, &str)]) -> Result<Bytes, MimeError> {
        let mut frame = self.boundary_line();
        frame.extend_from_slice(b"\r\n");
        for (name, value) in headers {
            if !media::is_token(name) {
                return Err(MimeError::BadHeader("name is not a token"));
            }
            if value.chars().any(char::is_control) {
                return Err(MimeError::BadHeader("control character"));
            }
            frame.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        frame.extend_from_slice(b"\r\n");
        self.begun = true;
        // The empty line's line end may begin a boundary line together with the content.
        self.matched = 2;
        Ok(frame.into())
    }

    /// Passes a piece of the part's content on unchanged; refuses it where the boundary would become whole, and
    /// everything after that: the body is lost.
    pub fn data(&mut self, piece: Bytes) -> Result<Bytes, MimeError> {
        if !self.begun {
            return Err(MimeError::OutsidePart);
        }
        if self.matched == self.delimiter.len() {
            return Err(MimeError::BoundaryInContent);
        }
        for &octet in &piece {
            // The delimiter begins with CR and holds no other, so a mismatch can only go back to its beginning.
            if octet == self.delimiter[self.matched] {
                self.matched += 1;
            } else {
                self.matched = usize::from(octet == self.delimiter[0]);
            }
            if self.matched == self.delimiter.len() {
                return Err(MimeError::BoundaryInContent);
            }
        }
        Ok(piece)
    }

    /// Ends the last part and the body, and gives the last of the frame.
    pub fn end(self) -> Bytes {
        let mut frame = self.boundary_line();
        frame.extend_from_slice(b"--\r\n");
        frame.into()
    }

    fn boundary_line(&self) -> Vec<u8> {
        // The first boundary stands at the very beginning, without a line end before it.
        if self.begun { self.delimiter.clone() } else { self.delimiter[2..].to_vec() }
    }
}
