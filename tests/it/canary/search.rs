//! Finds marked data in octets, in every form in which programs write text down. One pass over each haystack.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// All forms of all marks.
pub struct Search {
    forms: Vec<(String, Vec<u8>)>,
    /// By the first three octets, so that one look decides for almost every position.
    begins: HashMap<[u8; 3], Vec<usize>>,
    /// Whether a form begins with these two octets.
    pairs: Vec<bool>,
}

/// A haystack with its name.
pub struct Hay {
    /// Where it comes from.
    pub name: String,
    /// What it holds.
    pub octets: Vec<u8>,
}

impl Hay {
    /// A haystack.
    pub fn new(name: impl Into<String>, octets: impl Into<Vec<u8>>) -> Hay {
        Hay { name: name.into(), octets: octets.into() }
    }
}

impl Search {
    /// A search for these marks, each with its name.
    pub fn new<'a>(marks: impl IntoIterator<Item = (&'a str, &'a str)>) -> Search {
        let mut forms = Vec::new();
        for (name, mark) in marks {
            for (form, octets) in forms_of(mark) {
                assert!(octets.len() >= 6, "{name} as {form} is too short to be looked for");
                forms.push((format!("{name} as {form}"), octets));
            }
        }
        let mut begins: HashMap<[u8; 3], Vec<usize>> = HashMap::new();
        let mut pairs = vec![false; 1 << 16];
        for (index, (_, octets)) in forms.iter().enumerate() {
            begins.entry([octets[0], octets[1], octets[2]]).or_default().push(index);
            pairs[usize::from(octets[0]) << 8 | usize::from(octets[1])] = true;
        }
        Search { forms, begins, pairs }
    }

    /// What is found: form and place, each form once.
    pub fn find(&self, hay: &Hay) -> Vec<String> {
        let mut found = Vec::new();
        let octets = &hay.octets[..];
        for at in 0..octets.len().saturating_sub(2) {
            if !self.pairs[usize::from(octets[at]) << 8 | usize::from(octets[at + 1])] {
                continue;
            }
            let Some(candidates) = self.begins.get(&[octets[at], octets[at + 1], octets[at + 2]]) else {
                continue;
            };
            for index in candidates {
                let (name, form) = &self.forms[*index];
                if octets[at..].starts_with(form) && !found.iter().any(|(seen, _)| seen == index) {
                    let from = at.saturating_sub(80);
                    let to = (at + 120).min(octets.len());
                    let around = String::from_utf8_lossy(&octets[from..to]).into_owned();
                    found.push((*index, format!("{}: {name}, in: {around:?}", hay.name)));
                }
            }
        }
        found.into_iter().map(|(_, text)| text).collect()
    }
}

/// The ways in which a mark may be written down.
fn forms_of(mark: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf8 = mark.as_bytes().to_vec();
    let mut forms = vec![
        ("utf-8", utf8.clone()),
        ("utf-16le", mark.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("upper case", mark.to_uppercase().into_bytes()),
        ("lower case", mark.to_lowercase().into_bytes()),
        ("percent", percent(mark, true)),
        ("percent, lower", percent(mark, false)),
        ("hex", hex::encode(&utf8).into_bytes()),
        ("hex, upper", hex::encode_upper(&utf8).into_bytes()),
        ("json escape", escaped(mark, |c| format!("\\u{:04x}", u32::from(c)))),
        ("character reference", escaped(mark, |c| format!("&#x{:X};", u32::from(c)))),
        ("rust escape", escaped(mark, |c| format!("\\u{{{:x}}}", u32::from(c)))),
    ];
    for shift in 0..3usize {
        // Without the characters that neighbours change.
        let shifted = [&b"   "[..shift], &utf8].concat();
        let (from, whole) = (if shift == 0 { 0 } else { 4 }, shifted.len() / 3 * 4);
        for (name, text) in
            [("base64", STANDARD_NO_PAD.encode(&shifted)), ("base64url", URL_SAFE_NO_PAD.encode(&shifted))]
        {
            forms.push((name, text.as_bytes()[from..whole].to_vec()));
        }
    }
    forms.sort_by(|a, b| a.1.cmp(&b.1));
    forms.dedup_by(|a, b| a.1 == b.1);
    forms
}

fn percent(mark: &str, upper: bool) -> Vec<u8> {
    let mut text = String::new();
    for octet in mark.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(octet))
            }
            _ if upper => text.push_str(&format!("%{octet:02X}")),
            _ => text.push_str(&format!("%{octet:02x}")),
        }
    }
    text.into_bytes()
}

fn escaped(mark: &str, escape: impl Fn(char) -> String) -> Vec<u8> {
    mark.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { escape(c) })
        .collect::<String>()
        .into_bytes()
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found.push(path.clone());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&path));
        }
    }
    found
}
