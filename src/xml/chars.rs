//! Character and name classes of XML 1.0 (fifth edition) and Namespaces in XML 1.0, as pure functions.
//! It never looks at structure: where a name or a reference may stand is decided by its callers.

/// The octets of U+FEFF in UTF-8, which a document may begin with.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Says whether `character` is an XML `Char`, that is, may stand in a document at all.
pub fn is_char(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => other >= ' ',
    }
}

/// Says whether `byte` is XML white space (space, tab, line feed, carriage return).
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Finds the offset in octets of the first character of `text` that is no XML `Char`.
pub fn first_illegal(text: &str) -> Option<usize> {
    // One look at the octets: a control character is a single octet in UTF-8, and the two illegal characters
    // beyond the controls, U+FFFE and U+FFFF, share the octets EF BF and differ from all others in the third.
    const BLOCK: usize = 64;
    let bytes = text.as_bytes();
    let illegal = |at: usize| match bytes[at] {
        b'\t' | b'\n' | b'\r' => false,
        0xEF => matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
        other => other < b' ',
    };
    let mut at = 0;
    for block in bytes.chunks(BLOCK) {
        // Whether there is anything to look at; without a branch, so that the machine takes many octets at once.
        let odd = block.iter().fold(false, |odd, &byte| {
            let control = (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
            odd | control | (byte == 0xEF)
        });
        if odd && let Some(found) = (at..at + block.len()).find(|at| illegal(*at)) {
            return Some(found);
        }
        at += block.len();
    }
    None
}

/// Says whether `name` is an `NCName`: a name without a colon.
pub fn is_ncname(name: &str) -> bool {
    if name.is_ascii() {
        let bytes = name.as_bytes();
        return bytes.first().is_some_and(|&first| first == b'_' || first.is_ascii_alphabetic())
            && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    }
    let mut characters = name.chars();
    characters.next().is_some_and(is_name_start) && characters.all(is_name_character)
}

/// What an octet may be in a name: a letter of ASCII or `_`, which may begin one; a digit, `-` or `.`, which may not; a colon.
const STARTS: u8 = 1;
const GOES_ON: u8 = 2;
const COLON: u8 = 4;
/// Of a character beyond ASCII.
const BEYOND: u8 = 8;

const IN_NAMES: [u8; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = match octet as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => STARTS,
            b'0'..=b'9' | b'-' | b'.' => GOES_ON,
            b':' => COLON,
            0x80.. => BEYOND,
            _ => 0,
        };
        octet += 1;
    }
    table
};

/// How many octets at the beginning of `text` can stand in a name.
pub fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    bytes.iter().position(|byte| IN_NAMES[usize::from(*byte)] == 0).unwrap_or(bytes.len())
}

/// Splits a `QName` into prefix (empty when there is none) and local part, or answers `None` when it is not one.
pub fn split_qname(name: &str) -> Option<(&str, &str)> {
    let (mut seen, mut colon) = (0, None);
    for (at, byte) in name.bytes().enumerate() {
        let is = IN_NAMES[usize::from(byte)];
        if is == COLON {
            if seen & COLON != 0 {
                return None;
            }
            colon = Some(at);
        }
        seen |= if is == 0 { return None } else { is };
    }
    let (prefix, local) = match colon {
        None => ("", name),
        Some(0) => return None,
        Some(colon) => (&name[..colon], &name[colon + 1..]),
    };
    if seen & BEYOND != 0 {
        return (is_ncname(local) && (prefix.is_empty() || is_ncname(prefix))).then_some((prefix, local));
    }
    let begins = |part: &str| part.bytes().next().is_some_and(|byte| IN_NAMES[usize::from(byte)] == STARTS);
    (begins(local) && (prefix.is_empty() || begins(prefix))).then_some((prefix, local))
}

/// Prefix (empty when there is none) and local part of a name that is known to be a `QName`.
pub fn split(name: &str) -> (&str, &str) {
    match name.bytes().position(|byte| byte == b':') {
        None => ("", name),
        Some(colon) => (&name[..colon], &name[colon + 1..]),
    }
}

/// Resolves what stands between `&` and `;`: one of the five predefined entities or a reference to a legal
/// character. Answers `None` for everything else.
pub fn resolve(reference: &str) -> Option<char> {
    match reference {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let number = reference.strip_prefix('#')?;
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hexadecimal) => (hexadecimal, 16),
        None => (number, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: u32 = 0;
    for digit in digits.chars() {
        // Saturating: any number of leading zeros is legal, and a number beyond Unicode stays beyond it.
        value = value.saturating_mul(radix).saturating_add(digit.to_digit(radix)?);
    }
    char::from_u32(value).filter(|&character| is_char(character))
}

fn is_name_start(character: char) -> bool {
    matches!(character,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_character(character: char) -> bool {
    is_name_start(character)
        || matches!(character,
            '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_characters_are_found_where_they_stand() {
        assert_eq!(first_illegal("a\tb\r\nü\u{FFFD}\u{10FFFF}\u{7F}\u{85}"), None);
        assert_eq!(first_illegal("ü\u{0}"), Some(2));
        assert_eq!(first_illegal("a\u{1F}"), Some(1));
        assert_eq!(first_illegal("a\u{FFFE}"), Some(1));
        assert_eq!(first_illegal("\u{FFFF}"), Some(0));
        for before in 0..140 {
            let text = format!("{}\u{FFFF}{}", "a".repeat(before), "b".repeat(90));
            assert_eq!(first_illegal(&text), Some(before));
            assert_eq!(first_illegal(&text.replace('\u{FFFF}', "\u{FFFD}")), None);
        }
    }

    #[test]
    fn octet_view_and_character_view_of_legality_agree() {
        for character in (0..=0x10FFFF).filter_map(char::from_u32) {
            let mut room = [0; 4];
            let text = character.encode_utf8(&mut room);
            assert_eq!(first_illegal(text).is_none(), is_char(character), "U+{:04X}", u32::from(character));
        }
    }

    #[test]
    fn names_follow_the_namespace_grammar() {
        assert_eq!(split_qname("a"), Some(("", "a")));
        assert_eq!(split_qname("p:ä-1.b"), Some(("p", "ä-1.b")));
        for bad in ["", ":", ":a", "a:", "a:b:c", "1a", "-a", "a b", "a/", "a&b", "p:1", "a\u{D7}", "×"] {
            assert_eq!(split_qname(bad), None, "{bad}");
        }
    }

    #[test]
    fn references_resolve_to_legal_characters_only() {
        assert_eq!(resolve("amp"), Some('&'));
        assert_eq!(resolve("#65"), Some('A'));
        assert_eq!(resolve("#x00000000041"), Some('A'));
        for bad in [
            "",
            "#",
            "#x",
            "#X41",
            "#0",
            "#xD800",
            "#xFFFE",
            "#x110000",
            "#99999999999",
            "nbsp",
            "#4 1",
            "#+5",
        ] {
            assert_eq!(resolve(bad), None, "{bad}");
        }
    }
}
