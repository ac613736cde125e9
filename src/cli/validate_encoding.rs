//! Documents that `validate` is given in UTF-16, ISO-8859-1 or US-ASCII, as the UTF-8 that the gate reads. Only that command
//! comes here: messages are UTF-8, and the gate lets nothing else through.

use std::borrow::Cow;

/// What cannot be read, in words.
pub(super) type Unread = &'static str;

const OTHER: Unread = "the encoding is not supported; UTF-8, UTF-16, ISO-8859-1 and US-ASCII are";
const NOT_AS_SAID: Unread = "the octets are not in the encoding that the document says";

/// How much of a document its declaration is looked for in.
const HEAD: usize = 512;

/// The document in UTF-8, and saying so: every line and column stays where it was. What is UTF-8 comes back as it is; the
/// gate judges it, and the rest of the declaration.
pub(super) fn in_utf8(octets: Vec<u8>) -> Result<Vec<u8>, Unread> {
    let wide = match octets.get(..4) {
        Some([0xFE, 0xFF, ..]) => Some((true, 2)),
        Some([0xFF, 0xFE, 0, 0]) | Some([0, 0, 0xFE, 0xFF]) => return Err(OTHER),
        Some([0xFF, 0xFE, ..]) => Some((false, 2)),
        // Without a mark it has to begin with its declaration (XML 1.0, appendix F.1).
        Some([0, b'<', 0, b'?']) => Some((true, 0)),
        Some([b'<', 0, b'?', 0]) => Some((false, 0)),
        _ => None,
    };
    if let Some((big, mark)) = wide {
        let text = utf16(&octets[mark..], big).ok_or(NOT_AS_SAID)?;
        let said = declared(&text).map(|(start, end)| text[start..end].to_ascii_lowercase());
        let known = match said.as_deref().map(said_name) {
            None => mark > 0,
            Some("utf-16" | "iso-10646-ucs-2") => mark > 0,
            Some("utf-16be") => big,
            Some("utf-16le") => !big,
            Some(_) => false,
        };
        return if known { Ok(respelled(text).into_bytes()) } else { Err(NOT_AS_SAID) };
    }
    let head: Cow<'_, str> = String::from_utf8_lossy(&octets[..octets.len().min(HEAD)]);
    let Some((start, end)) = declared(&head) else { return Ok(octets) };
    let text = match said_name(&head[start..end].to_ascii_lowercase()) {
        "utf-8" => return Ok(octets),
        "us-ascii" if octets.is_ascii() => String::from_utf8(octets).map_err(|_| NOT_AS_SAID)?,
        "iso-8859-1" => octets.iter().map(|octet| char::from(*octet)).collect(),
        "us-ascii" | "utf-16" | "utf-16be" | "utf-16le" | "iso-10646-ucs-2" => return Err(NOT_AS_SAID),
        _ => return Err(OTHER),
    };
    Ok(respelled(text).into_bytes())
}

fn utf16(octets: &[u8], big: bool) -> Option<String> {
    let pairs = octets.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let units = pairs.map(|pair| {
        let pair = [pair[0], pair[1]];
        if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    });
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

/// The name of the encoding out of what [`declared`] found.
fn said_name(said: &str) -> &str {
    said.split(['"', '\'']).nth(1).unwrap_or_default()
}

/// Where the encoding is declared, from its word to its closing quote; whether the rest is right the gate says.
fn declared(text: &str) -> Option<(usize, usize)> {
    let declaration = &text[..text.find("?>")?];
    if !declaration.starts_with("<?xml") || !declaration[5..].starts_with([' ', '\t', '\r', '\n']) {
        return None;
    }
    let start = declaration.find("encoding")?;
    let open = start + declaration[start..].find(['"', '\''])?;
    let quote = char::from(declaration.as_bytes()[open]);
    let end = open + 1 + declaration[open + 1..].find(quote)? + 1;
    Some((start, end))
}

/// The document with UTF-8 as its declared encoding, filled up before the quote to the length that was there.
fn respelled(mut text: String) -> String {
    if let Some((start, end)) = declared(&text) {
        let open = start + text[start..end].find(['"', '\'']).unwrap_or_default();
        let quote = &text[end - 1..end];
        let value = format!("{quote}utf-8{quote}");
        let room = text[open..end].chars().count();
        text.replace_range(open..end, &format!("{value:>room$}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, big: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn other_encodings_become_utf_8_and_columns_stay() {
        let said = "<?xml version='1.0' encoding='UTF-16'?><a>ä😀</a>";
        let now = "<?xml version='1.0' encoding= 'utf-8'?><a>ä😀</a>";
        for big in [true, false] {
            assert_eq!(in_utf8(wide(said, big, true)).unwrap(), now.as_bytes());
            assert_eq!(in_utf8(wide("<a>ä</a>", big, true)).unwrap(), "<a>ä</a>".as_bytes());
            assert_eq!(in_utf8(wide(said, big, false)), Err(NOT_AS_SAID));
            let order = if big { "UTF-16BE" } else { "UTF-16LE" };
            assert!(in_utf8(wide(&said.replace("UTF-16", order), big, false)).is_ok());
            assert_eq!(in_utf8(wide(&said.replace("UTF-16", order), !big, false)), Err(NOT_AS_SAID));
            assert_eq!(in_utf8(wide(&said.replace("UTF-16", "UTF-8"), big, true)), Err(NOT_AS_SAID));
            let mut odd = wide(said, big, true);
            odd.push(0);
            assert_eq!(in_utf8(odd), Err(NOT_AS_SAID));
        }
        let latin = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xE4</a>".to_vec();
        let read = String::from_utf8(in_utf8(latin).unwrap()).unwrap();
        assert_eq!(read, "<?xml version=\"1.0\" encoding=     \"utf-8\"?><a>ä</a>");
        assert_eq!(in_utf8(b"<?xml version='1.0' encoding='EBCDIC'?><a/>".to_vec()), Err(OTHER));
        assert_eq!(
            in_utf8(b"<?xml version='1.0' encoding='US-ASCII'?><a>\xE4</a>".to_vec()),
            Err(NOT_AS_SAID)
        );
        for as_it_is in
            ["", "<a/>", "<?xml version='1.0' encoding='utf-8'?><a>ä</a>", "<?xml-x encoding='q'?><a/>"]
        {
            assert_eq!(in_utf8(as_it_is.into()).unwrap(), as_it_is.as_bytes());
        }
    }
}
