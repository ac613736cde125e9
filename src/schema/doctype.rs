//! Takes the document type out of a schema document: old schemas of the W3C bear one. Messages never come here.
//! It never reads an external subset; of the internal one it takes entities that are plain text, and refuses others.

use std::borrow::Cow;
use std::collections::HashMap;

/// The text without its document type; lines stay where they are.
pub(super) fn without(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let Some(start) = text.find("<!DOCTYPE") else { return Ok(Cow::Borrowed(text)) };
    // Only before the root, and not inside a comment.
    let before = &text[..start];
    let root =
        before.match_indices('<').any(|(at, _)| !matches!(before.as_bytes().get(at + 1), Some(b'!' | b'?')));
    if root || before.rfind("<!--").is_some_and(|open| !before[open..].contains("-->")) {
        return Ok(Cow::Borrowed(text));
    }
    let (end, entities) = subset(&text[start..])?;
    let blank: String = text[start..start + end]
        .chars()
        .map(|character| if character == '\n' { '\n' } else { ' ' })
        .collect();
    let rest = put_in(&text[start + end..], &entities)?;
    Ok(Cow::Owned(format!("{before}{blank}{rest}")))
}

const BROKEN: &str = "the document type of the schema document cannot be read";

/// The length of the declaration, and its general entities.
fn subset(text: &str) -> Result<(usize, HashMap<&str, &str>), &'static str> {
    let bytes = text.as_bytes();
    let mut entities = HashMap::new();
    let (mut at, mut inside) = (9, false);
    loop {
        match bytes.get(at).ok_or(BROKEN)? {
            b'"' | b'\'' => {
                let length = text[at + 1..].find(char::from(bytes[at])).ok_or(BROKEN)?;
                at += length + 2;
            }
            b'[' => {
                inside = true;
                at += 1;
            }
            b']' => {
                inside = false;
                at += 1;
            }
            b'>' if !inside => return Ok((at + 1, entities)),
            b'<' if text[at..].starts_with("<!--") => {
                at += text[at..].find("-->").ok_or(BROKEN)? + 3;
            }
            b'<' if text[at..].starts_with("<!ENTITY") => {
                let length = declaration(&text[at..])?;
                let content = text[at + 8..at + length - 1].trim();
                if let Some((name, rest)) = content.split_once([' ', '\t', '\n', '\r'])
                    && name != "%"
                {
                    let value = rest.trim();
                    let quoted =
                        value.len() >= 2 && value.starts_with(['"', '\'']) && value.ends_with(['"', '\'']);
                    if quoted {
                        entities.entry(name).or_insert(&value[1..value.len() - 1]);
                    }
                }
                at += length;
            }
            b'<' => at += declaration(&text[at..])?,
            _ => at += 1,
        }
    }
}

/// The length of one declaration of the subset; quoted text may hold `>`.
fn declaration(text: &str) -> Result<usize, &'static str> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Ok(at + 1),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    Err(BROKEN)
}

fn put_in<'t>(text: &'t str, entities: &HashMap<&str, &str>) -> Result<Cow<'t, str>, &'static str> {
    if entities.is_empty() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find('&') {
        out.push_str(&rest[..found]);
        let end = rest[found..].find(';').map(|end| found + end);
        let name = end.map_or("", |end| &rest[found + 1..end]);
        match entities.get(name) {
            Some(value) if value.contains(['<', '&', '%', '"', '\'']) => {
                return Err("an entity of the schema document holds more than plain text; write it out");
            }
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[found..end.map_or(rest.len(), |end| end + 1)]),
        }
        rest = end.map_or("", |end| &rest[end + 1..]);
        if out.len() > 64 << 20 {
            return Err("the entities of the schema document make it too large");
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_type_goes_and_its_entities_are_put_in() {
        let text = "<?xml version='1.0'?>\n<!DOCTYPE schema PUBLIC \"-//>\" 'x.dtd' [\n<!-- ]> --><!ATTLIST a b CDATA #FIXED \">\">\
            <!ENTITY % p ''>\n<!ENTITY dsig 'urn:d#'>]>\n<a b='&dsig;x&amp;'/>";
        assert_eq!(
            without(text).unwrap().trim_start_matches("<?xml version='1.0'?>").trim(),
            "<a b='urn:d#x&amp;'/>"
        );
        assert_eq!(without(text).unwrap().lines().count(), text.lines().count());
        assert_eq!(without("<a>&lt;!DOCTYPE</a>").unwrap(), "<a>&lt;!DOCTYPE</a>");
        assert_eq!(without("<!-- <!DOCTYPE x> --><a/>").unwrap(), "<!-- <!DOCTYPE x> --><a/>");
        assert!(without("<!DOCTYPE a [").is_err());
        assert!(without("<!DOCTYPE a [<!ENTITY x '<b/>'>]><a>&x;</a>").is_err());
    }
}
