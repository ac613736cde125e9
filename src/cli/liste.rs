//! The list by which an office and the mirror are compared: one HMAC for each child with the codes of its Eintragung, under a secret that
//! only the two know. Made and read here, so that both sides speak of the same. Holds no person's data, and never prints any.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;

use crate::register::abgleich;
use crate::register::record::{Eintragung, Kind, Mutter};

/// First line of a list.
const FORM: &str = "# drehscheibe abgleich 2";
/// Begin of the second line: which secret it was made with.
const SECRET: &str = "# schluessel ";
/// Begin of the third line: how many follow.
const COUNT: &str = "# anzahl ";
/// Fewer characters than this are guessed, and with them every name of a list.
const SHORTEST: usize = 32;

/// The secret that an office's lists are made with.
pub struct Secret(hmac::Key);

impl Secret {
    /// From the text of its file, without the line's end.
    pub fn new(text: &str) -> Result<Secret, String> {
        if text.chars().count() < SHORTEST {
            return Err(format!(
                "the secret of lists is too short: at least {SHORTEST} characters; make one with `drehscheibe bestand schluessel FILE`"
            ));
        }
        Ok(Secret(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())))
    }

    /// What both sides read to each other to know that they hold the same secret; tells nothing of it.
    pub fn fingerprint(&self) -> String {
        hex::encode(&hmac::sign(&self.0, FORM.as_bytes()).as_ref()[..8])
    }

    /// The mark of a child with its Eintragung.
    pub fn mark(&self, kind: &Kind, mutter: &Mutter, eintragung: &Eintragung) -> String {
        hex::encode(hmac::sign(&self.0, &abgleich::octets(kind, mutter, eintragung)))
    }
}

/// Marks and how often each occurs: twins without names may be the same.
pub type Marks = BTreeMap<String, u64>;

/// A list as a file: its head, then one mark a line, in the order of the marks, which says nothing of the order of the register.
pub fn written(secret: &Secret, marks: &Marks) -> String {
    let count: u64 = marks.values().sum();
    let mut text = format!("{FORM}\n{SECRET}{}\n{COUNT}{count}\n", secret.fingerprint());
    for (mark, n) in marks {
        for _ in 0..*n {
            text.push_str(mark);
            text.push('\n');
        }
    }
    text
}

/// Reads a list that was made with this secret, whole.
pub fn read(secret: &Secret, text: &str) -> Result<Marks, String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    if lines.next() != Some(FORM) {
        let again = "make it with `drehscheibe bestand liste`";
        return Err(format!(
            "this is no list of children and their entries (its first line is not `{FORM}`); lists of earlier versions named no entries; {again}"
        ));
    }
    let made_with = lines.next().and_then(|line| line.strip_prefix(SECRET)).map(str::trim);
    if made_with != Some(secret.fingerprint().as_str()) {
        return Err(format!(
            "the list was made with another secret than ours, whose fingerprint is {}; compare it with the office",
            secret.fingerprint()
        ));
    }
    let count: u64 = lines
        .next()
        .and_then(|line| line.strip_prefix(COUNT))
        .and_then(|count| count.trim().parse().ok())
        .ok_or_else(|| format!("line 3 of the list is not `{COUNT}N`"))?;
    let mut marks = Marks::new();
    for (nth, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        if line.len() != 64 || !line.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return Err(format!("line {} of the list is no HMAC-SHA256 in hex", nth + 4));
        }
        *marks.entry(line).or_default() += 1;
    }
    match marks.values().sum::<u64>() {
        found if found == count => Ok(marks),
        found => Err(format!("the list says that it has {count} lines and has {found}; it is not whole")),
    }
}

/// What one side has that the other has not.
pub fn less(of: &Marks, than: &Marks) -> Marks {
    let gap = |(mark, n): (&String, &u64)| {
        let n = n.saturating_sub(than.get(mark).copied().unwrap_or(0));
        (n > 0).then(|| (mark.clone(), n))
    };
    of.iter().filter_map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(letter: &str) -> Secret {
        Secret::new(&letter.repeat(SHORTEST)).unwrap_or_else(|text| panic!("{text}"))
    }

    fn marks(letters: &[&str]) -> Marks {
        let mut marks = Marks::new();
        for letter in letters {
            *marks.entry(letter.repeat(64)).or_default() += 1;
        }
        marks
    }

    #[test]
    fn what_is_written_is_read_again_with_the_same_secret_only() {
        let made = marks(&["b", "a", "b"]);
        let text = written(&secret("x"), &made);
        assert_eq!(read(&secret("x"), &text), Ok(made.clone()));
        assert_eq!(
            read(
                &secret("x"),
                &text
                    .replace('\n', "\r\n")
                    .to_uppercase()
                    .replace("# DREHSCHEIBE ABGLEICH 2", FORM)
                    .replace("# SCHLUESSEL", "# schluessel")
                    .replace("# ANZAHL", "# anzahl")
                    .replace(&secret("x").fingerprint().to_uppercase(), &secret("x").fingerprint())
            ),
            Ok(made)
        );
        assert!(read(&secret("y"), &text).unwrap_err().contains("another secret"));
        let (cut, _) = text.trim_end().rsplit_once('\n').unwrap();
        assert!(read(&secret("x"), cut).unwrap_err().contains("not whole"));
        assert!(read(&secret("x"), &"a".repeat(64)).unwrap_err().contains("no list"));
        assert!(
            read(&secret("x"), &text.replace(&"a".repeat(64), &"g".repeat(64)))
                .unwrap_err()
                .starts_with("line 4 ")
        );
        assert!(Secret::new("short").is_err());
    }

    #[test]
    fn gaps_are_seen_on_both_sides() {
        let gaps = |of: &[&str], than: &[&str]| {
            let (of, than) = (marks(of), marks(than));
            (less(&of, &than).values().sum::<u64>(), less(&than, &of).values().sum::<u64>())
        };
        assert_eq!(gaps(&["a", "b"], &["b", "a"]), (0, 0));
        assert_eq!(gaps(&["a", "b", "c"], &["a", "d"]), (2, 1));
        assert_eq!(gaps(&["a", "a"], &["a"]), (1, 0));
    }
}
