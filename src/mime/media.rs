//! Structured header values: a value with parameters, and the boundary of a multipart media type.
//! It never decides whether a media type is welcome; that is the caller's business.

use std::fmt;

use super::fault::MimeError;

/// A header value such as `form-data; name="bild"`: the value in lower case, then its parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameterised {
    /// What stands before the first semicolon, in lower case.
    pub value: String,
    parameters: Vec<(String, String)>,
}

impl Parameterised {
    /// Reads `text`; refuses a parameter that stands twice, as readers differ in which one they take.
    pub fn parse(text: &str) -> Result<Self, MimeError> {
        let (value, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut parsed = Parameterised { value: value.trim().to_ascii_lowercase(), parameters: Vec::new() };
        if parsed.value.is_empty() {
            return Err(MimeError::BadValue("value is empty"));
        }
        loop {
            rest = rest.trim_start_matches([' ', '\t', ';']);
            if rest.is_empty() {
                return Ok(parsed);
            }
            let (name, after) =
                rest.split_once('=').ok_or(MimeError::BadValue("parameter without a value"))?;
            let name = name.trim().to_ascii_lowercase();
            if !is_token(&name) {
                return Err(MimeError::BadValue("parameter name is not a token"));
            }
            if parsed.get(&name).is_some() {
                return Err(MimeError::BadValue("the same parameter twice"));
            }
            let after = after.trim_start_matches([' ', '\t']);
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => unquote(quoted)?,
                None => {
                    // Lenient on purpose: real senders write boundaries with '=', '/' or ':' without quotes.
                    let end = after.find(';').unwrap_or(after.len());
                    (after[..end].trim_end().to_owned(), &after[end..])
                }
            };
            parsed.parameters.push((name, value));
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(';') {
                return Err(MimeError::BadValue("text behind a quoted parameter"));
            }
        }
    }

    /// The parameter `name` (given in lower case), unquoted.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Parameterised {
    // Parameters hold names of parts and files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameterised").field("parameters", &self.parameters.len()).finish_non_exhaustive()
    }
}

/// Which multipart type a body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multipart {
    /// multipart/form-data (RFC 7578): parts have names.
    FormData,
    /// multipart/mixed (RFC 2046): parts in order.
    Mixed,
    /// multipart/related (RFC 2387): parts refer to each other by Content-ID.
    Related,
}

/// A lawful boundary: 1 to 70 characters of RFC 2046, not ending in a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary(String);

impl Boundary {
    /// Takes `text` as boundary if it is lawful.
    pub fn new(text: &str) -> Result<Self, MimeError> {
        let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        if text.is_empty() || text.len() > 70 || text.ends_with(' ') || !text.bytes().all(lawful) {
            return Err(MimeError::BadBoundary);
        }
        Ok(Boundary(text.to_owned()))
    }

    /// The boundary without its dashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a multipart media type says about its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultipartType {
    /// Which multipart type.
    pub kind: Multipart,
    /// What separates the parts.
    pub boundary: Boundary,
    /// Content-ID of the root part, without angle brackets (`start`, multipart/related).
    pub start: Option<String>,
    /// Media type of the root part (`type`, multipart/related).
    pub root_type: Option<String>,
    /// What the root part's application needs to know beforehand (`start-info`, multipart/related).
    pub start_info: Option<String>,
}

/// Reads the value of a Content-Type header of a multipart body.
pub fn boundary_of(content_type: &str) -> Result<MultipartType, MimeError> {
    let parsed = Parameterised::parse(content_type)?;
    let kind = match parsed.value.as_str() {
        "multipart/form-data" => Multipart::FormData,
        "multipart/mixed" => Multipart::Mixed,
        "multipart/related" => Multipart::Related,
        _ => return Err(MimeError::NotMultipart),
    };
    Ok(MultipartType {
        kind,
        boundary: Boundary::new(parsed.get("boundary").unwrap_or_default())?,
        start: parsed.get("start").map(|id| without_brackets(id).to_owned()),
        root_type: parsed.get("type").map(str::to_owned),
        start_info: parsed.get("start-info").map(str::to_owned),
    })
}

/// Writes `text` as a quoted string; refuses control characters, which could end the header.
pub fn quoted(text: &str) -> Result<String, MimeError> {
    if text.chars().any(char::is_control) {
        return Err(MimeError::BadValue("control character"));
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    Ok(quoted)
}

/// The longest media type that is handed on; a property of AMQP holds no longer text.
const LONGEST_TYPE: usize = 255;

/// A media type that a sender wrote, as it may be handed on to whoever it may: with its parameters where they are short and nothing but
/// printable ASCII, else without; of what is no media type even then nothing is said.
pub fn handed_on(content_type: &str) -> &str {
    let fits = |text: &str| {
        text.len() <= LONGEST_TYPE
            && text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
            && text.contains('/')
    };
    let bare = || content_type.split(';').next().unwrap_or_default().trim();
    if fits(content_type) {
        content_type
    } else if fits(bare()) {
        bare()
    } else {
        "application/octet-stream"
    }
}

/// Writes a name that a sender gave as a quoted string: control characters, which could end the header, become spaces.
pub fn quoted_name(name: &str) -> String {
    let printable: String =
        name.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    quoted(&printable).unwrap_or_default()
}

/// Says whether `text` is a token of RFC 2045 (what names of headers and parameters are made of).
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
}

/// Takes the angle brackets off a Content-ID.
pub fn without_brackets(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

/// Reads a quoted string behind its opening quote; gives it and what follows.
fn unquote(text: &str) -> Result<(String, &str), MimeError> {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            // Only these two are escaped; a lone backslash is one, as in a Windows path.
            '\\' => match characters.next_if(|&(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    Err(MimeError::BadValue("quoted parameter without its closing quote"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_read_as_real_senders_write_them() {
        let read = |text| boundary_of(text).unwrap();
        let osci = read("Multipart/Related; boundary=MIME_boundary_a+/b=; type=text/xml");
        assert_eq!((osci.kind, osci.boundary.as_str()), (Multipart::Related, "MIME_boundary_a+/b="));
        assert_eq!(osci.root_type.as_deref(), Some("text/xml"));
        let soap = read(
            "multipart/related;start=\"<rootpart*1@example.org>\";type=\"application/xop+xml\";\
             boundary=\"uuid:1\";start-info=\"application/soap+xml;action=\\\"urn:a\\\"\"",
        );
        assert_eq!(soap.start.as_deref(), Some("rootpart*1@example.org"));
        assert_eq!(soap.start_info.as_deref(), Some("application/soap+xml;action=\"urn:a\""));
        assert_eq!(
            read("multipart/form-data; boundary=----WebKit; charset=utf-8;").kind,
            Multipart::FormData
        );
        assert_eq!(read("multipart/mixed ;\tBOUNDARY = \"a b\" ").boundary.as_str(), "a b");
    }

    #[test]
    fn what_is_not_a_multipart_type_is_refused() {
        let fault = |text| boundary_of(text).unwrap_err();
        assert_eq!(fault("application/json"), MimeError::NotMultipart);
        assert_eq!(fault("multipart/alternative; boundary=a"), MimeError::NotMultipart);
        for text in [
            "multipart/mixed",
            "multipart/mixed; boundary=",
            "multipart/mixed; boundary=\"a \"",
            "multipart/mixed; boundary=ä",
        ] {
            assert_eq!(fault(text), MimeError::BadBoundary, "{text}");
        }
        let long = format!("multipart/mixed; boundary={}", "a".repeat(71));
        assert_eq!(boundary_of(&long), Err(MimeError::BadBoundary));
        for text in [
            "",
            ";",
            "multipart/mixed; boundary=a; boundary=b",
            "multipart/mixed; boundary=\"a",
            "multipart/mixed; boundary=\"a\"b",
            "multipart/mixed; boundary",
            "multipart/mixed; =a",
        ] {
            assert!(matches!(fault(text), MimeError::BadValue(_)), "{text}");
        }
    }

    #[test]
    fn quoted_strings_come_back() {
        for text in ["", "a", "a\"b\\c; d=e", "Müller.pdf", "\\\\\"\""] {
            let value = format!("form-data; name={}; x=y", quoted(text).unwrap());
            let parsed = Parameterised::parse(&value).unwrap();
            assert_eq!(parsed.get("name"), Some(text));
            assert_eq!(parsed.get("x"), Some("y"));
        }
        assert!(quoted("a\r\nb").is_err());
    }
}
