//! The inside of a start tag or XML declaration, attribute by attribute, as strictly as XML 1.0 has it.
//! It never allocates unless a value holds references or line breaks, and never resolves a prefix.

use std::borrow::Cow;

use super::chars;

/// One attribute as it stands in a tag; offsets count octets from the beginning of the tag's content.
#[derive(Clone, Copy)]
pub struct Attribute<'a> {
    /// The name as written, not yet checked against the name grammar.
    pub name: &'a str,
    /// The value as written between its quotes, free of `<` and with lawful references only.
    pub raw: &'a str,
    /// Where the name begins.
    pub at: usize,
}

/// Why a tag is not well-formed, and at which octet of its content.
pub struct TagFault {
    /// Our own words for the fault.
    pub what: &'static str,
    /// Offset in octets from the beginning of the content.
    pub at: usize,
}

/// Walks over the content of one tag (what stands between `<` and `>` or `/>`).
pub struct Tag<'a> {
    content: &'a str,
    at: usize,
}

impl<'a> Tag<'a> {
    /// Reads the tag's name and stands behind it.
    pub fn open(content: &'a str) -> (&'a str, Self) {
        let end = content.bytes().position(chars::is_space).unwrap_or(content.len());
        (&content[..end], Tag { content, at: end })
    }

    /// Reads the next attribute, or `None` at the end of the tag.
    pub fn next_attribute(&mut self) -> Result<Option<Attribute<'a>>, TagFault> {
        let before = self.at;
        self.skip_space();
        let bytes = self.content.as_bytes();
        if self.at == bytes.len() {
            return Ok(None);
        }
        if self.at == before {
            return Err(self.fault("white space is missing between two attributes"));
        }
        let at = self.at;
        let length = bytes[at..].iter().position(|&byte| byte == b'=' || chars::is_space(byte));
        let Some(length) = length else {
            return Err(self.fault("attribute has no value"));
        };
        let name = &self.content[at..at + length];
        self.at += length;
        self.skip_space();
        if bytes.get(self.at) != Some(&b'=') {
            return Err(self.fault("attribute has no value"));
        }
        self.at += 1;
        self.skip_space();
        let quote = match bytes.get(self.at) {
            Some(&quote @ (b'"' | b'\'')) => quote,
            _ => return Err(self.fault("attribute value is not quoted")),
        };
        self.at += 1;
        let start = self.at;
        let Some(length) = bytes[start..].iter().position(|&byte| byte == quote) else {
            return Err(self.fault("attribute value is not closed"));
        };
        let raw = &self.content[start..start + length];
        check_value(raw).map_err(|fault| TagFault { at: start + fault.at, ..fault })?;
        self.at = start + length + 1;
        Ok(Some(Attribute { name, raw, at }))
    }

    fn skip_space(&mut self) {
        let rest = &self.content.as_bytes()[self.at..];
        self.at += rest.iter().position(|&byte| !chars::is_space(byte)).unwrap_or(rest.len());
    }

    fn fault(&self, what: &'static str) -> TagFault {
        TagFault { what, at: self.at }
    }
}

/// Gives the value an application sees: references resolved, each line break or tab a space (XML 1.0, 3.3.3).
/// `raw` must have passed [`Tag::next_attribute`]; a reference that does not resolve is left as written.
pub fn normalised(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
        return Cow::Borrowed(raw);
    }
    let mut value = String::with_capacity(raw.len());
    let mut characters = raw.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\r' => {
                characters.next_if(|&(_, next)| next == '\n');
                value.push(' ');
            }
            '\t' | '\n' => value.push(' '),
            '&' => {
                let reference = raw[at + 1..].split(';').next().unwrap_or_default();
                match chars::resolve(reference) {
                    Some(resolved) => {
                        value.push(resolved);
                        while characters.next_if(|&(_, next)| next != ';').is_some() {}
                        characters.next();
                    }
                    None => value.push('&'),
                }
            }
            other => value.push(other),
        }
    }
    Cow::Owned(value)
}

fn check_value(raw: &str) -> Result<(), TagFault> {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|&byte| byte == b'<' || byte == b'&') {
        at += found;
        if bytes[at] == b'<' {
            return Err(TagFault { what: "'<' stands in an attribute value", at });
        }
        // Bounded look-ahead: a reference ends before the next one begins, so each octet is seen twice at most.
        let end = bytes[at + 1..].iter().position(|&byte| matches!(byte, b';' | b'&' | b'<'));
        match end {
            Some(length) if bytes[at + 1 + length] == b';' => {
                if chars::resolve(&raw[at + 1..at + 1 + length]).is_none() {
                    return Err(TagFault {
                        what: "reference to an undefined entity or an illegal character",
                        at,
                    });
                }
                at += length + 2;
            }
            _ => return Err(TagFault { what: "'&' begins no reference", at }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Vec<(String, String)>, (&'static str, usize)> {
        let (_, mut tag) = Tag::open(content);
        let mut found = Vec::new();
        loop {
            match tag.next_attribute() {
                Ok(Some(attribute)) => {
                    found.push((attribute.name.into(), normalised(attribute.raw).into_owned()))
                }
                Ok(None) => return Ok(found),
                Err(fault) => return Err((fault.what, fault.at)),
            }
        }
    }

    #[test]
    fn attributes_are_read_and_normalised() {
        let read = read("a b = 'x>\"' \n c=\"1&#10;&amp;2\r\n3\t\" ").unwrap();
        assert_eq!(read, [("b".into(), "x>\"".into()), ("c".into(), "1\n&2 3 ".into())]);
    }

    #[test]
    fn every_departure_is_a_fault_at_its_place() {
        assert_eq!(read("a b"), Err(("attribute has no value", 2)));
        assert_eq!(read("a b c='1'"), Err(("attribute has no value", 4)));
        assert_eq!(read("a b=1"), Err(("attribute value is not quoted", 4)));
        assert_eq!(read("a b='1"), Err(("attribute value is not closed", 5)));
        assert_eq!(read("a b='1'c='2'"), Err(("white space is missing between two attributes", 7)));
        assert_eq!(read("a b='12<'"), Err(("'<' stands in an attribute value", 7)));
        assert_eq!(read("a b='& '"), Err(("'&' begins no reference", 5)));
        assert_eq!(read("a b='x&y&lt;'"), Err(("'&' begins no reference", 6)));
        assert_eq!(read("a b='&no;'").unwrap_err().1, 5);
    }
}
