//! The list by which an office and the mirror are compared: one HMAC for each child with the codes of its Eintragung, under a secret that
//! only the two know, and the moment as of which it speaks. Made and read here, so that both sides speak of the same. Holds no person's data, and never prints any.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use jiff::Timestamp;

use crate::register::abgleich;
use crate::register::record::{Eintragung, Kind, Mutter};

/// First line of a list.
const FORM: &str = "# drehscheibe abgleich 3";
/// First line of a list of an earlier version, which does not say of when it speaks; also what the fingerprint of a secret is made of.
const TIMELESS: &str = "# drehscheibe abgleich 2";
/// Begin of the second line: which secret it was made with.
const SECRET: &str = "# schluessel ";
/// Begin of the third line: how many follow.
const COUNT: &str = "# anzahl ";
/// Begin of the fourth line: as of when the list speaks.
const STAND: &str = "# stand ";
/// Begin of the fifth line: the HMAC of all others, so that nobody makes an old list young.
const SEAL: &str = "# pruefwert ";
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
        hex::encode(&hmac::sign(&self.0, TIMELESS.as_bytes()).as_ref()[..8])
    }

    /// The mark of a child with its Eintragung.
    pub fn mark(&self, kind: &Kind, mutter: &Mutter, eintragung: &Eintragung) -> String {
        hex::encode(hmac::sign(&self.0, &abgleich::octets(kind, mutter, eintragung)))
    }

    /// The HMAC of a whole list.
    fn seal(&self, stand: Timestamp, marks: &Marks) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{FORM}\n{STAND}{stand}\n").as_bytes());
        for (mark, n) in marks {
            context.update(format!("{n} {mark}\n").as_bytes());
        }
        hex::encode(context.sign())
    }
}

/// Marks and how often each occurs: twins without names may be the same.
pub type Marks = BTreeMap<String, u64>;

/// A list as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liste {
    /// As of when it speaks; none where an earlier version made it.
    pub stand: Option<Timestamp>,
    /// What stands on it.
    pub marks: Marks,
}

/// A list as a file: its head, then one mark a line, in the order of the marks, which says nothing of the order of the register.
pub fn written(secret: &Secret, stand: Option<Timestamp>, marks: &Marks) -> String {
    let count: u64 = marks.values().sum();
    let (fingerprint, form) = (secret.fingerprint(), if stand.is_some() { FORM } else { TIMELESS });
    let mut text = format!("{form}\n{SECRET}{fingerprint}\n{COUNT}{count}\n");
    if let Some(stand) = stand {
        text.push_str(&format!("{STAND}{stand}\n{SEAL}{}\n", secret.seal(stand, marks)));
    }
    for (mark, n) in marks {
        for _ in 0..*n {
            text.push_str(mark);
            text.push('\n');
        }
    }
    text
}

/// Reads a list that was made with this secret, whole.
pub fn read(secret: &Secret, text: &str) -> Result<Liste, String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let form = lines.next();
    if form != Some(FORM) && form != Some(TIMELESS) {
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
    let head = if form == Some(FORM) { Some(moment(&mut lines)?) } else { None };
    let first = if head.is_some() { 6 } else { 4 };
    let mut marks = Marks::new();
    for (nth, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        if line.len() != 64 || !line.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return Err(format!("line {} of the list is no HMAC-SHA256 in hex", nth + first));
        }
        *marks.entry(line).or_default() += 1;
    }
    match marks.values().sum::<u64>() {
        found if found == count => {}
        found => {
            return Err(format!("the list says that it has {count} lines and has {found}; it is not whole"));
        }
    }
    let Some((stand, seal)) = head else { return Ok(Liste { stand: None, marks }) };
    if seal != secret.seal(stand, &marks) {
        return Err("the list was changed after it was made; have the office make it anew".to_owned());
    }
    Ok(Liste { stand: Some(stand), marks })
}

/// The moment as of which a list speaks, and its HMAC.
fn moment<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<(Timestamp, String), String> {
    let stand =
        lines.next().and_then(|line| line.strip_prefix(STAND)).and_then(|text| text.trim().parse().ok());
    let stand = stand.ok_or_else(|| format!("line 4 of the list is not `{STAND}MOMENT`"))?;
    let seal = lines.next().and_then(|line| line.strip_prefix(SEAL));
    let seal = seal.ok_or_else(|| format!("line 5 of the list is not `{SEAL}HMAC`"))?;
    Ok((stand, seal.trim().to_ascii_lowercase()))
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

    fn noon() -> Option<Timestamp> {
        "2026-11-21T12:00:00Z".parse().ok()
    }

    #[test]
    fn what_is_written_is_read_again_with_the_same_secret_only() {
        for stand in [noon(), None] {
            let made = marks(&["b", "a", "b"]);
            let text = written(&secret("x"), stand, &made);
            let list = Liste { stand, marks: made };
            assert_eq!(read(&secret("x"), &text), Ok(list.clone()));
            let first = if stand.is_some() { 6 } else { 4 };
            let typed: Vec<String> = text
                .lines()
                .map(|line| if line.starts_with('#') { line.to_owned() } else { line.to_uppercase() })
                .collect();
            assert_eq!(read(&secret("x"), &format!("\u{feff}{}\r\n", typed.join("\r\n"))), Ok(list));
            assert!(read(&secret("y"), &text).unwrap_err().contains("another secret"));
            let (cut, _) = text.trim_end().rsplit_once('\n').unwrap();
            assert!(read(&secret("x"), cut).unwrap_err().contains("not whole"));
            let fault = read(&secret("x"), &text.replace(&"a".repeat(64), &"g".repeat(64))).unwrap_err();
            assert!(fault.starts_with(&format!("line {first} ")), "{fault}");
        }
        assert!(read(&secret("x"), &"a".repeat(64)).unwrap_err().contains("no list"));
        assert!(Secret::new("short").is_err());
    }

    #[test]
    fn nobody_makes_an_old_list_young() {
        let text = written(&secret("x"), noon(), &marks(&["a", "b"]));
        for (from, to, told) in [
            ("# stand 2026-11-21T12:00:00Z", "# stand 2026-11-22T12:00:00Z", "changed"),
            ("# stand 2026-11-21T12:00:00Z", "# stand heute", "line 4"),
            ("# pruefwert ", "# siegel ", "line 5"),
            (&"b".repeat(64), &"c".repeat(64), "changed"),
        ] {
            assert!(text.contains(from));
            let fault = read(&secret("x"), &text.replace(from, to)).unwrap_err();
            assert!(fault.contains(told), "{fault}");
        }
        // Who takes the moment away has a list that closes nothing.
        let lines: Vec<&str> = text.lines().collect();
        let without = [&[TIMELESS], &lines[1..3], &lines[5..]].concat().join("\n");
        assert_eq!(read(&secret("x"), &without).unwrap().stand, None);
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
