//! The header block of a part (or of a package that carries its MIME headers inside the body, as OSCI does).
//! It never keeps a block that two readers could understand differently.

use std::fmt;

use super::fault::MimeError;
use super::media::{self, Parameterised};

/// How the content of a part is encoded on the way; the reader hands content out as it was transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The octets are the content (7bit, 8bit, binary, or nothing said).
    Identity,
    /// The octets are Base64 of the content.
    Base64,
}

/// The headers of one part, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Headers {
    lines: Vec<(String, String)>,
    name: Option<String>,
    file_name: Option<String>,
    encoding: Encoding,
}

impl Headers {
    /// Reads a header block without the empty line that ends it; unfolds continued lines.
    ///
    /// Refuses more than `most` headers, names that are no tokens, values with control characters or not in
    /// UTF-8, a second Content-Type, -ID, -Disposition or -Transfer-Encoding, and encodings unknown to us.
    pub fn parse(block: &[u8], most: usize) -> Result<Self, MimeError> {
        let block = std::str::from_utf8(block).map_err(|_| MimeError::BadHeader("not in utf-8"))?;
        let mut lines: Vec<(String, String)> = Vec::new();
        for line in block.split("\r\n").filter(|_| !block.is_empty()) {
            if line.chars().any(|character| character.is_control() && character != '\t') {
                return Err(MimeError::BadHeader("control character"));
            }
            if line.starts_with([' ', '\t']) {
                let (_, value) =
                    lines.last_mut().ok_or(MimeError::BadHeader("begins with a continued line"))?;
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(&spaced(line));
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(MimeError::BadHeader("line without a colon"))?;
            if !media::is_token(name) {
                return Err(MimeError::BadHeader("name is not a token"));
            }
            if lines.len() >= most {
                return Err(MimeError::TooManyHeaders);
            }
            lines.push((name.to_ascii_lowercase(), spaced(value)));
        }
        Self::check(lines)
    }

    /// The value of the header `name` (given in lower case); the first one if there are several.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The media type as written.
    pub fn content_type(&self) -> Option<&str> {
        self.get("content-type")
    }

    /// The Content-ID without angle brackets.
    pub fn content_id(&self) -> Option<&str> {
        self.get("content-id").map(media::without_brackets)
    }

    /// The name the Content-Disposition gives the part.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The file name the Content-Disposition gives; the sender's text, never to be used as a path.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// How the content is encoded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Says whether the part is itself multipart.
    pub fn is_multipart(&self) -> bool {
        let major = self.content_type().and_then(|text| text.split('/').next()).unwrap_or_default();
        major.trim().eq_ignore_ascii_case("multipart")
    }

    fn check(lines: Vec<(String, String)>) -> Result<Self, MimeError> {
        for single in ["content-type", "content-id", "content-disposition", "content-transfer-encoding"] {
            if lines.iter().filter(|(name, _)| name == single).count() > 1 {
                return Err(MimeError::DoubleHeader);
            }
        }
        let mut headers = Headers { lines, name: None, file_name: None, encoding: Encoding::Identity };
        if let Some(disposition) = headers.get("content-disposition") {
            let disposition = Parameterised::parse(disposition)?;
            headers.name = disposition.get("name").map(str::to_owned);
            headers.file_name = disposition.get("filename").map(str::to_owned);
        }
        headers.encoding =
            match headers.get("content-transfer-encoding").map(str::to_ascii_lowercase).as_deref() {
                // "8-bit" is what OSCI libraries write.
                None | Some("7bit" | "8bit" | "8-bit" | "binary") => Encoding::Identity,
                Some("base64") => Encoding::Base64,
                Some(_) => return Err(MimeError::UnknownEncoding),
            };
        Ok(headers)
    }
}

/// A value without white space around it; a tab within it is a space, as nobody could write it into a header again.
fn spaced(value: &str) -> String {
    value.trim_matches([' ', '\t']).replace('\t', " ")
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(block: &str) -> MimeError {
        Headers::parse(block.as_bytes(), 8).unwrap_err()
    }

    #[test]
    fn headers_are_unfolded_and_found_in_any_case() {
        let block = "CONTENT-TYPE: text/xml;\r\n\tcharset=UTF-8\r\nContent-Id:<osci@message>\r\n\
                     Content-Disposition: form-data; name=\"a\"; filename=\"Müller.pdf\"\r\n\
                     Content-Transfer-Encoding: Base64\r\nX: y";
        let headers = Headers::parse(block.as_bytes(), 8).unwrap();
        assert_eq!(headers.content_type(), Some("text/xml; charset=UTF-8"));
        assert_eq!(headers.content_id(), Some("osci@message"));
        assert_eq!((headers.name(), headers.file_name()), (Some("a"), Some("Müller.pdf")));
        assert_eq!(headers.encoding(), Encoding::Base64);
        assert_eq!(headers.get("x"), Some("y"));
        assert!(!format!("{headers:?}").contains("Müller"));
    }

    #[test]
    fn a_tab_within_a_value_is_a_space() {
        let headers =
            Headers::parse(b"Content-Type: a/b;\tc=d\r\nContent-Disposition: x; name=\"a\tb\"", 8).unwrap();
        assert_eq!((headers.content_type(), headers.name()), (Some("a/b; c=d"), Some("a b")));
    }

    #[test]
    fn a_block_that_could_mean_two_things_is_refused() {
        assert_eq!(fault("Content-ID: <a>\r\nContent-Id: <b>"), MimeError::DoubleHeader);
        assert_eq!(fault("Content-Transfer-Encoding: quoted-printable"), MimeError::UnknownEncoding);
        for block in ["a", " a: b", "a b: c", "a : b", ": b", "a: b\nc: d", "a: b\rc: d", "a: \0", "\r\na: b"]
        {
            assert!(matches!(fault(block), MimeError::BadHeader(_)), "{block:?}");
        }
        assert!(matches!(Headers::parse(b"a: \xFF", 8), Err(MimeError::BadHeader(_))));
        assert!(Headers::parse("a: b\r\n".repeat(8).trim_end().as_bytes(), 8).is_ok());
        assert_eq!(fault("a: b\r\n".repeat(9).trim_end()), MimeError::TooManyHeaders);
    }

    #[test]
    fn multipart_is_recognised_however_it_is_written() {
        for (text, multipart) in
            [("multipart/mixed; boundary=a", true), (" Multipart/X", true), ("text/xml", false)]
        {
            let headers = Headers::parse(format!("Content-Type: {text}").as_bytes(), 1).unwrap();
            assert_eq!(headers.is_multipart(), multipart);
        }
    }
}
