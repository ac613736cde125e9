//! Base64 as MIME and XML signatures write it (RFC 2045, 6.8): in lines, and strict in everything but white space.
//! It never takes two texts for the same octets beyond their white space.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Octets of a line, as RFC 2045 has it.
const LINE: usize = 76;

/// Decodes `text`; white space may stand anywhere, nothing else may be too much: padding is whole, unused bits are zero.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\n' | b'\r');
    if !text.iter().any(is_space) {
        return STANDARD.decode(text).ok();
    }
    let dense: Vec<u8> = text.iter().copied().filter(|octet| !is_space(octet)).collect();
    STANDARD.decode(dense).ok()
}

/// Encodes `octets` in lines with an LF after each whole one of 76 characters, also the last, as OSCI's libraries do.
pub fn encode(octets: &[u8]) -> String {
    let dense = STANDARD.encode(octets);
    let mut lines = String::with_capacity(dense.len() + dense.len() / LINE);
    for piece in dense.as_bytes().chunks(LINE) {
        // Base64 is ASCII.
        lines.push_str(std::str::from_utf8(piece).unwrap_or_default());
        if piece.len() == LINE {
            lines.push('\n');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_lines_are_short() {
        for length in [0, 1, 2, 3, 56, 57, 58, 1000] {
            let octets: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let text = encode(&octets);
            assert!(text.lines().all(|line| line.len() <= LINE));
            assert_eq!(text.ends_with('\n'), matches!(length, 56 | 57));
            assert_eq!(decode(text.as_bytes()).unwrap(), octets);
        }
        assert_eq!(decode(b" YQ\r\n\t== ").unwrap(), b"a");
    }

    #[test]
    fn what_is_not_strict_is_refused() {
        for text in ["YQ", "YQ=", "YR==", "YQ===", "Y-==", "=", "YQ==YQ==", "YWI=\u{0}"] {
            assert!(decode(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
