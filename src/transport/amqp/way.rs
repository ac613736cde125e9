//! The way back to one asker: which queue may be named in `reply-to`, and how it travels with the answer.
//! Never follows a `reply-to` that the partner's channel does not allow, at the moment the answer leaves.

/// Where an answer goes and what it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The queue that the asker named, unchecked.
    pub reply_to: Option<String>,
    /// The asker's own id of the exchange.
    pub correlation: Option<String>,
}

/// Writes a way as the correlation of a delivery: plain, or with the connection to which its `reply-to` belongs.
pub fn pack(connection: &str, reply_to: Option<&str>, correlation: Option<&str>) -> Option<String> {
    // A sender's own id that looks like ours is packed too: otherwise it could write a way of its choice.
    let looks_packed = correlation.is_some_and(|correlation| correlation.starts_with('['));
    if reply_to.is_none() && !looks_packed {
        return correlation.map(str::to_owned);
    }
    let fields = [MARK, connection, reply_to.unwrap_or_default(), correlation.unwrap_or_default()];
    serde_json::to_string(&fields).ok()
}

/// Reads a correlation again; a `reply-to` of another connection is none.
pub fn unpack(connection: &str, correlation: &str) -> Way {
    let plain = || Way { reply_to: None, correlation: Some(correlation.to_owned()) };
    if !correlation.starts_with('[') {
        return plain();
    }
    match serde_json::from_str::<[String; 4]>(correlation) {
        Ok([mark, of, reply_to, correlation]) if mark == MARK => Way {
            reply_to: (of == connection && !reply_to.is_empty()).then_some(reply_to),
            correlation: (!correlation.is_empty()).then_some(correlation),
        },
        _ => plain(),
    }
}

const MARK: &str = "amqp";

/// Whether a name fits one of the patterns.
pub fn allowed(patterns: &[String], name: &str) -> bool {
    is_name(name) && patterns.iter().any(|pattern| fits(pattern, name))
}

/// Whether a text can be a pattern: a queue's name with `*` in it, more than `*` alone.
pub fn is_pattern(text: &str) -> bool {
    is_name(text) && text.bytes().any(|byte| byte != b'*')
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_comes_back_and_only_on_its_own_connection() {
        let packed = pack("broker", Some("antwort.7"), Some("c-1")).unwrap();
        let way = unpack("broker", &packed);
        assert_eq!((way.reply_to.as_deref(), way.correlation.as_deref()), (Some("antwort.7"), Some("c-1")));
        assert_eq!(unpack("anderer", &packed).reply_to, None);
        assert_eq!(unpack("broker", &pack("broker", Some("q"), None).unwrap()).correlation, None);
        assert_eq!(pack("broker", None, Some("c-1")).as_deref(), Some("c-1"));
        assert_eq!(pack("broker", None, None), None);
        // What a sender writes as its own id is never read as a way.
        for text in ["c-1", "[\"x\"]", "[", "[\"amqp\",\"broker\",\"fremd\",\"x\"]"] {
            let packed = pack("broker", None, Some(text)).unwrap();
            assert_eq!(unpack("broker", &packed), Way { reply_to: None, correlation: Some(text.to_owned()) });
        }
    }

    #[test]
    fn only_allowed_queues_are_followed() {
        let patterns = ["antwort.bremen.*".to_owned(), "fest".to_owned(), "a*b*c".to_owned()];
        for good in ["antwort.bremen.1", "antwort.bremen.", "fest", "abc", "axxbyyc", "abbc"] {
            assert!(allowed(&patterns, good), "{good}");
        }
        for bad in [
            "antwort.hamburg.1",
            "fest2",
            "ein.fest",
            "ab",
            "acb",
            "",
            "antwort.bremen.\u{0}",
            "antwort.bremen.ä",
        ] {
            assert!(!allowed(&patterns, bad), "{bad}");
        }
        assert!(!is_pattern("*") && !is_pattern("**") && !is_pattern("") && !is_pattern("a b"));
        assert!(is_pattern("a*"));
    }
}
