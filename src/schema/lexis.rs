//! Lexical rules that are no automaton: white space, names, language tags, addresses.
//! It never knows a facet.

use std::borrow::Cow;

use crate::xml::chars;

/// The rule of a built-in type derived from string or decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lexis {
    Any,
    Integer,
    Language,
    NmToken,
    Name,
    NcName,
}

impl Lexis {
    /// Whether a text of a string type keeps the rule.
    pub(super) fn holds(self, text: &str) -> bool {
        match self {
            Lexis::Any | Lexis::Integer => true,
            Lexis::Language => is_language(text),
            Lexis::NmToken => is_name_like(text, true),
            Lexis::Name => is_name_like(text, false),
            Lexis::NcName => chars::is_ncname(text),
        }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Lexis::Language => "a language tag is expected",
            Lexis::NmToken => "a name token is expected",
            _ => "a name is expected",
        }
    }
}

fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let lawful =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.next().is_some_and(|first| lawful(first) && first.bytes().all(|byte| byte.is_ascii_alphabetic()))
        && parts.all(lawful)
}

fn is_name_like(text: &str, token: bool) -> bool {
    let lead = if token { "_" } else { "" };
    !text.is_empty() && chars::is_ncname(&format!("{lead}{}", text.replace(':', "_")))
}

/// What happens to white space first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum White {
    Preserve,
    Replace,
    Collapse,
}

/// The text with its white space treated as the type has it.
pub(super) fn whitened(raw: &str, white: White) -> Cow<'_, str> {
    match white {
        White::Preserve => Cow::Borrowed(raw),
        White::Replace if raw.bytes().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')) => {
            Cow::Owned(raw.replace(['\t', '\n', '\r'], " "))
        }
        White::Replace => Cow::Borrowed(raw),
        White::Collapse => {
            let trimmed = raw.trim_matches([' ', '\t', '\n', '\r']);
            let bytes = trimmed.as_bytes();
            let plain = !bytes.iter().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r'))
                && !bytes.windows(2).any(|pair| pair == b"  ");
            if plain {
                return Cow::Borrowed(trimmed);
            }
            let mut collapsed = String::with_capacity(trimmed.len());
            for item in items(trimmed) {
                if !collapsed.is_empty() {
                    collapsed.push(' ');
                }
                collapsed.push_str(item);
            }
            Cow::Owned(collapsed)
        }
    }
}

/// The items of a list.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', '\n', '\r']).filter(|item| !item.is_empty())
}

/// Whether a text can be an address once the characters that XML allows beyond URIs are escaped (RFC 2396 with the
/// rule of XLink, Part 2, 3.2.17): lawful escapes, one fragment at most, a lawful scheme where there is one.
pub(super) fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    let lawful_escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let fragments = bytes.iter().filter(|byte| **byte == b'#').count();
    let head = text.split(['/', '?', '#']).next().unwrap_or_default();
    let lawful_scheme = head.split_once(':').is_none_or(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    });
    lawful_escapes && fragments <= 1 && lawful_scheme && lawful_brackets(text)
}

/// Brackets are not escaped (RFC 2732): they stand around the address of a host, in a query, in a fragment and in what follows
/// a scheme without a slash, but in no path.
fn lawful_brackets(text: &str) -> bool {
    if !text.contains(['[', ']']) {
        return true;
    }
    let before = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match before.split_once(':').filter(|(scheme, _)| !scheme.contains('/')) {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, before),
    };
    if scheme.is_some() && !rest.starts_with('/') {
        return true;
    }
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let lawful_host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, port)) => {
            let digits = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            let port = port.strip_prefix(':').unwrap_or(port);
            !address.is_empty()
                && address.bytes().all(digits)
                && port.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => !authority.contains(['[', ']']),
    };
    lawful_host && !path.contains(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_space_tab_cr_and_lf() {
        assert_eq!(whitened(" a \t b\r\n", White::Collapse), "a b");
        assert_eq!(whitened("a b", White::Collapse), "a b");
        assert_eq!(whitened("\u{A0}a\u{2003}", White::Collapse), "\u{A0}a\u{2003}");
        assert_eq!(whitened(" a\t\n", White::Replace), " a  ");
        assert_eq!(whitened(" a\t\n", White::Preserve), " a\t\n");
        assert_eq!(items(" a  b\n").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn rules_of_names_and_addresses() {
        assert!(
            is_language("de-1996") && !is_language("1de") && !is_language("abcdefghi") && !is_language("de-")
        );
        assert!(Lexis::NmToken.holds("-1:a") && !Lexis::NmToken.holds("a b") && !Lexis::NmToken.holds(""));
        assert!(Lexis::Name.holds(":a") && !Lexis::Name.holds("-a") && !Lexis::NcName.holds("a:b"));
        for good in [
            "",
            "a",
            "http://ä.de/ x?y#z",
            "../a:b",
            "urn:x:y",
            "a%20b",
            "#",
            "?a:b",
            "http://[::1]:80/a",
            "//u@[1::2.3.4.5]",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in
            ["%", "%zz", "a#b#c", ":a", "1a:b", "a b:c", "]]>", "a[1]", "http://x/[", "http://[x]/", "/[::1]"]
        {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}
