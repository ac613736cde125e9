//! Looks through a support bundle before anybody sees it: for every secret of the configuration in the forms in which programs
//! write text down, and for marks that no bundle has. Tells which secret, which file and which line; never what was found.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Serialize;

use super::archive::Piece;

/// Shortest text that can be looked for, octets: shorter ones stand everywhere.
const SHORTEST: usize = 4;
/// Shortest line of a secret of several lines that is looked for by itself, octets.
const SHORTEST_LINE: usize = 16;
/// Shortest run of Base64 letters that looks like a key, octets (30 random octets have 40).
const KEY_RUN: usize = 40;

/// Beginnings of keys, and names of fields of messages and logins. Where one of them stands, content is near.
const MARKS: &[&str] = &[
    "-----BEGIN",
    "whsec_",
    "NUR-FUER-DEMO",
    "Bearer ",
    "<?xml",
    "<xfa:",
    "<xfb:",
    "<xfg:",
    "familienname",
    "geburtsname",
    "vornamen",
    "geburtsdatum",
    "anschrift",
    "postkorbHandle",
    "transaktionsid",
    "nachrichtenUUID",
    "erziehungsberechtigt",
];

/// What the search looks for, for the reader of a bundle.
pub const LOOKED_FOR: &[&str] = &[
    "each secret in clear, and as Base64, hexadecimal, percent and JSON text",
    "parts of secrets: their lines, passwords of URLs, decoded keys",
    "beginnings of keys and tokens, and long runs that look like a key",
    "URLs with a password, mail addresses, dates without a time of day",
    "names of fields of messages",
];

/// Something that must not leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// File of the bundle.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What: the secret by its name in the configuration, or the kind of mark. Never the text itself.
    pub what: String,
}

/// All forms of all secrets.
#[derive(Default)]
pub struct Search {
    forms: BTreeMap<String, String>,
    secrets: Vec<String>,
    short: Vec<String>,
}

impl Search {
    /// Adds a secret under its name in the configuration.
    pub fn add(&mut self, name: &str, secret: &str) {
        if self.secrets.iter().any(|known| known == name) {
            return;
        }
        self.secrets.push(name.to_owned());
        let secret = secret.trim();
        if secret.len() < SHORTEST {
            self.short.push(name.to_owned());
            return;
        }
        let lines =
            secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && *line != secret);
        for part in [secret].into_iter().chain(lines).chain(password(secret)) {
            self.text(name, part);
            // A password in a URL is written with percent signs, and used without.
            self.text(name, &unescaped(part));
        }
        let coded = secret.strip_prefix("whsec_").unwrap_or(secret);
        self.text(name, coded);
        if let Ok(key) = STANDARD.decode(coded) {
            self.octets(name, &key);
        }
    }

    /// How many secrets are looked for.
    pub fn secrets(&self) -> usize {
        self.secrets.len() - self.short.len()
    }

    /// Secrets that are too short to be looked for.
    pub fn too_short(&self) -> &[String] {
        &self.short
    }

    /// Everything in these pieces that must not leave.
    pub fn all(&self, pieces: &[Piece]) -> Vec<Found> {
        pieces.iter().flat_map(|piece| self.one(piece)).collect()
    }

    fn one(&self, piece: &Piece) -> Vec<Found> {
        let mut found = Vec::new();
        let mut tell = |line: usize, what: &str| {
            let one = Found { file: piece.name.to_owned(), line, what: what.to_owned() };
            if !found.contains(&one) {
                found.push(one);
            }
        };
        for (form, name) in &self.forms {
            for (at, _) in piece.text.match_indices(form.as_str()) {
                tell(1 + piece.text[..at].matches('\n').count(), &format!("the secret {name}"));
            }
        }
        for (line, text) in (1..).zip(piece.text.lines()) {
            marks(text).into_iter().for_each(|what| tell(line, what));
        }
        found
    }

    fn text(&mut self, name: &str, text: &str) {
        if text.len() >= SHORTEST {
            self.form(name, text.to_owned());
            let written = serde_json::to_string(text).unwrap_or_default();
            self.form(name, written.trim_matches('"').to_owned());
            let percent: String = text
                .bytes()
                .map(|octet| match octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
                    true => char::from(octet).to_string(),
                    false => format!("%{octet:02X}"),
                })
                .collect();
            self.form(name, percent.to_lowercase());
            self.form(name, percent);
            self.octets(name, text.as_bytes());
        }
    }

    fn octets(&mut self, name: &str, octets: &[u8]) {
        if octets.len() < SHORTEST {
            return;
        }
        self.form(name, hex::encode(octets));
        self.form(name, hex::encode_upper(octets));
        for shift in 0..3usize {
            // Wherever it begins in a longer text; without the letters that its neighbours decide.
            let shifted = [&b"   "[..shift], octets].concat();
            let (from, to) = (if shift == 0 { 0 } else { 4 }, shifted.len() / 3 * 4);
            for coded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
                if let Some(inner) = coded.get(from..to).filter(|inner| inner.len() >= 2 * SHORTEST) {
                    self.form(name, inner.to_owned());
                }
            }
        }
    }

    fn form(&mut self, name: &str, form: String) {
        self.forms.entry(form).or_insert_with(|| name.to_owned());
    }
}

/// The password of a URL.
fn password(secret: &str) -> Option<&str> {
    let (_, rest) = secret.split_once("://")?;
    let (login, _) = rest.split('/').next()?.rsplit_once('@')?;
    Some(login.split_once(':')?.1)
}

fn unescaped(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let coded = (*first == b'%').then(|| hex::decode(behind.get(..2)?).ok()).flatten();
        rest = if coded.is_some() { &behind[2..] } else { behind };
        octets.extend(coded.unwrap_or_else(|| vec![*first]));
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// What a line of no bundle holds.
fn marks(line: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    if MARKS.iter().any(|mark| line.contains(mark)) {
        found.push("the beginning of a key or a field of a message");
    }
    if has_login(line) {
        found.push("a URL with a password");
    }
    if has_mail(line) {
        found.push("a mail address");
    }
    if has_date(line) {
        found.push("a date without a time of day, as birth dates are");
    }
    if line.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c))).any(is_key) {
        found.push("a run of letters that looks like a key");
    }
    found
}

fn has_login(line: &str) -> bool {
    line.match_indices("://").any(|(at, _)| {
        let host = line[at + 3..].split(['/', ' ', '"']).next().unwrap_or_default();
        host.split_once('@').is_some_and(|(login, _)| login.contains(':'))
    })
}

fn has_mail(line: &str) -> bool {
    line.match_indices('@').any(|(at, _)| {
        let before = line[..at].ends_with(|c: char| c.is_alphanumeric());
        let host = line[at + 1..]
            .split(|c: char| !(c.is_alphanumeric() || ".-".contains(c)))
            .next()
            .unwrap_or_default();
        before && host.trim_matches('.').contains('.')
    })
}

fn has_date(line: &str) -> bool {
    let octets = line.as_bytes();
    let fits = |at: usize, shape: &[u8]| {
        let apart = at == 0 || !octets[at - 1].is_ascii_alphanumeric();
        apart
            && octets.get(at..at + shape.len()).is_some_and(|there| {
                there.iter().zip(shape).all(|(octet, wanted)| match wanted {
                    b'0' => octet.is_ascii_digit(),
                    other => octet == other,
                })
            })
            && octets.get(at + shape.len()).is_none_or(|octet| !octet.is_ascii_alphanumeric())
    };
    // A moment goes on with a `T` and is therefore none of these.
    (0..octets.len()).any(|at| fits(at, b"0000-00-00") || fits(at, b"00.00.0000"))
}

/// Keys have capitals, small letters and digits, and few slashes, which paths have many of.
fn is_key(run: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| run.as_bytes().iter().any(kind);
    run.len() >= KEY_RUN
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && run.matches('/').count() * 12 <= run.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(search: &Search, text: &str) -> Vec<String> {
        let piece = Piece { name: "figures.json", text: format!("first line\n{text}\n") };
        search.all(&[piece]).into_iter().map(|found| format!("{} {}", found.line, found.what)).collect()
    }

    #[test]
    fn a_secret_is_found_in_every_form_and_told_by_its_name_only() {
        let mut search = Search::default();
        let (token, url) =
            ("kröten%wander\"ung-77", "postgresql://laufzeit:pass%40wort@db.example/drehscheibe");
        let key = STANDARD.encode([7u8; 32]);
        search.add("secrets/token", token);
        search.add("secrets/url", url);
        search.add("secrets/key", &key);
        search.add("secrets/whsec", "whsec_a3LDtnRlbndhbmRlcnVuZw==");
        assert_eq!((search.secrets(), search.too_short().len()), (4, 0));
        let mut forms: Vec<(String, &str)> = vec![
            (token.to_owned(), "token"),
            (serde_json::json!({ "a": token }).to_string(), "token"),
            (hex::encode(token), "token"),
            (hex::encode_upper(token), "token"),
            ("kr%C3%B6ten%25wander%22ung-77".to_owned(), "token"),
            ("pass@wort".to_owned(), "url"),
            ("pass%40wort".to_owned(), "url"),
            (hex::encode([7u8; 32]), "key"),
            ("a3LDtnRlbndhbmRlcnVuZw==".to_owned(), "whsec"),
        ];
        for shift in 0..3 {
            forms.push((STANDARD.encode([&b"abc"[..shift], token.as_bytes(), b"xyz"].concat()), "token"));
            forms.push((URL_SAFE_NO_PAD.encode([&b"abc"[..shift], &[7u8; 32], b"xyz"].concat()), "key"));
        }
        for (text, name) in forms {
            let found = told(&search, &text);
            assert!(
                found.iter().any(|one| one == &format!("2 the secret secrets/{name}")),
                "{text}: {found:?}"
            );
            assert!(!found.concat().contains(&text), "what was found is not repeated");
        }
        assert!(told(&search, "jugendamt-bremen 12 2026-11-22T10:00:00Z").is_empty());
    }

    #[test]
    fn lines_of_a_long_secret_are_looked_for_and_short_ones_are_named() {
        let mut search = Search::default();
        search.add("tls/key", "-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG\n-----END X-----\n");
        search.add("secrets/kurz", "abc");
        assert_eq!(search.too_short(), ["secrets/kurz"]);
        assert_eq!(told(&search, "x MIIEvQIBADANBgkqhkiG"), ["2 the secret tls/key"]);
    }

    #[test]
    fn marks_of_content_are_found_and_moments_are_none() {
        let search = Search::default();
        for bad in [
            "-----BEGIN PRIVATE KEY-----",
            "amqp://user:wort@broker",
            "von m.muster@example.org",
            "geboren 1951-02-27",
            "\"27.02.1951\"",
            "<xfb:vornamen>",
            "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFy012Zm9v",
        ] {
            assert!(!told(&search, bad).is_empty(), "{bad}");
        }
        for good in [
            "2026-11-22T10:00:00.123Z",
            "callback:kita-portal-nord 12 1.3.0 26.11",
            "0f5d3c1e53d54b7c9d3c6d2e8a1b4c5d0f5d3c1e53d54b7c9d3c6d2e8a1b4c5d",
            "<data>/trays/jugendamt-bremen/in is there",
            "drehscheibe_oldest_waiting_seconds{destination=\"callback:kita-portal-nord\"} 90",
        ] {
            assert!(told(&search, good).is_empty(), "{good}: {:?}", told(&search, good));
        }
    }
}
