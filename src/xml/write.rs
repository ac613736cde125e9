//! Escaping for text that goes into XML we write: what is written can always be read back as the same text.
//! It never guesses: a character that XML cannot hold is refused, not dropped.

use std::borrow::Cow;

use thiserror::Error;

use super::chars;

/// A text holds a character that cannot stand in XML, not even as a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("character {position} of the text cannot stand in xml; remove it before writing")]
pub struct IllegalCharacter {
    /// Which character, counted from 1.
    pub position: usize,
}

/// Escapes `text` for use between tags.
pub fn escape_text(text: &str) -> Result<Cow<'_, str>, IllegalCharacter> {
    escape(text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        // Only "]]>" would need it; escaped always, the rule has no state.
        b'>' => Some("&gt;"),
        // A reader turns a bare CR into LF.
        b'\r' => Some("&#13;"),
        _ => None,
    })
}

/// Escapes `text` for use in an attribute value, whichever quotes it stands in.
pub fn escape_attribute(text: &str) -> Result<Cow<'_, str>, IllegalCharacter> {
    escape(text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&#39;"),
        // A reader turns bare white space other than the space into spaces.
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    })
}

fn escape(
    text: &str,
    replacement: impl Fn(u8) -> Option<&'static str>,
) -> Result<Cow<'_, str>, IllegalCharacter> {
    if let Some(at) = chars::first_illegal(text) {
        return Err(IllegalCharacter { position: text[..at].chars().count() + 1 });
    }
    let mut escaped = String::new();
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(replacement) = replacement(byte) {
            escaped.push_str(&text[copied..at]);
            escaped.push_str(replacement);
            copied = at + 1;
        }
    }
    if copied == 0 {
        return Ok(Cow::Borrowed(text));
    }
    escaped.push_str(&text[copied..]);
    Ok(Cow::Owned(escaped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_be_read_as_something_else() {
        assert_eq!(escape_text("a<b>&\"'\r\n").unwrap(), "a&lt;b&gt;&amp;\"'&#13;\n");
        assert_eq!(escape_attribute("a<b>&\"'\r\n\t").unwrap(), "a&lt;b&gt;&amp;&quot;&#39;&#13;&#10;&#9;");
        assert!(matches!(escape_text("Müller"), Ok(Cow::Borrowed("Müller"))));
    }

    #[test]
    fn refuses_what_xml_cannot_hold() {
        assert_eq!(escape_text("äb\u{0}"), Err(IllegalCharacter { position: 3 }));
        assert_eq!(escape_attribute("\u{FFFF}"), Err(IllegalCharacter { position: 1 }));
    }
}
