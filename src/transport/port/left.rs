//! What an attempt leaves to the next one where the far end gives the ids: which one it is, and whether anything may have been sent under it.
//! Knows no protocol and asks nobody.

/// What an attempt leaves: the id, and whether something may have been sent under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The far end's id; not empty.
    pub id: String,
    /// Whether something may have been sent under it.
    pub sent: bool,
}

impl Left {
    /// Reads what was kept; `None` where it says of no id.
    pub fn read(left: Option<&[u8]>) -> Option<Left> {
        let text = std::str::from_utf8(left?).ok()?;
        let (mark, id) = text.split_once(' ')?;
        (!id.is_empty()).then(|| Left { id: id.to_owned(), sent: mark != "free" })
    }

    /// As it is kept.
    pub fn kept(&self) -> Vec<u8> {
        format!("{} {}", if self.sent { "sent" } else { "free" }, self.id).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attempt_leaves_says_whether_something_may_be_under_way() {
        for (id, sent) in [("a b", true), ("c", false), ("urn:a b", true), ("urn:c", false)] {
            let left = Left { id: id.to_owned(), sent };
            assert_eq!(Left::read(Some(&left.kept())), Some(left));
        }
        for nothing in [None, Some(&b""[..]), Some(b"sent "), Some(b"\xff"), Some(b"x"), Some(b"urn:x")] {
            assert_eq!(Left::read(nothing), None);
        }
        // A mark that nobody knows is no reason to send without asking.
        for unknown in [&b"other x"[..], b"other urn:x"] {
            assert!(Left::read(Some(unknown)).unwrap().sent);
        }
    }
}
