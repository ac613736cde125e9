//! A fault in a written file: place, excerpt, what is allowed, the nearest valid name; and the desk that collects
//! all of them. Never stops at the first one, never shows a secret that somebody wrote out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::route::place::Place;

/// Keys whose value is a secret: it must be written as a reference and is masked wherever a line is shown.
pub const SECRET_KEYS: &[&str] = &["secret", "secrets", "token", "password", "passphrase", "bearer"];

/// One fault of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file as the reader knows it.
    pub file: String,
    /// 1-based line; 0 when the whole file is meant.
    pub line: u32,
    /// 1-based column in characters; 0 when the whole file is meant.
    pub column: u32,
    /// The line concerned, secrets masked.
    pub excerpt: String,
    /// What is wrong and what to write.
    pub text: String,
    /// What is allowed there, where that can be listed.
    pub allowed: Vec<String>,
    /// The nearest valid name, where one is near.
    pub nearest: Option<String>,
    /// How many characters of the line are meant.
    #[serde(skip)]
    pub width: u32,
}

/// All faults of all files, in the order of files and lines; never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// The faults.
    pub faults: Vec<Fault>,
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (nth, fault) in self.faults.iter().enumerate() {
            if nth > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}:{}: {}", fault.file, fault.line, fault.column, fault.text)?;
            if let Some(nearest) = &fault.nearest {
                write!(f, "; did you mean `{nearest}`?")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Faults {
    /// A single fault of a whole file, such as one that cannot be read.
    pub fn of_file(file: &str, text: impl Into<String>) -> Faults {
        Faults { faults: vec![whole_file(file, text.into())] }
    }

    /// The faults as JSON: `{"faults": [{file, line, column, excerpt, text, allowed, nearest}]}`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn whole_file(file: &str, text: String) -> Fault {
    Fault {
        file: file.to_owned(),
        line: 0,
        column: 0,
        excerpt: String::new(),
        text,
        allowed: Vec::new(),
        nearest: None,
        width: 0,
    }
}

/// A file in which something is looked up that another one names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needed {
    /// `connections.yaml`.
    Connections,
    /// `partners.yaml`.
    Partners,
}

/// Where faults and warnings of one run of the compiler are put.
#[derive(Default)]
pub struct Collector {
    sources: RefCell<BTreeMap<String, Arc<str>>>,
    faults: RefCell<Vec<(Option<Needed>, Fault)>>,
    warnings: RefCell<Vec<Fault>>,
    /// Files with a key that nobody knows there, or something of another form: what they lack may stand there at the wrong place.
    misplaced: RefCell<BTreeSet<String>>,
}

impl Collector {
    /// A desk for one file; its text is kept (masked) for excerpts.
    pub fn desk<'a>(&'a self, file: &'a str, text: &str) -> Desk<'a> {
        self.sources.borrow_mut().insert(file.to_owned(), mask(text).into());
        self.again(file)
    }

    /// A desk for a file whose text was given before.
    pub fn again<'a>(&'a self, file: &'a str) -> Desk<'a> {
        Desk { file, collector: self, needs: None }
    }

    /// Takes back what says that a file lacks something which may stand there at the wrong place: it only follows from that.
    pub fn take_back(&self, needed: Needed, file: &str) {
        if self.misplaced.borrow().contains(file) {
            self.faults.borrow_mut().retain(|(needs, _)| *needs != Some(needed));
        }
    }

    /// True when no fault was put here so far.
    pub fn clean(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// How many faults were put here so far.
    pub fn count(&self) -> usize {
        self.faults.borrow().len()
    }

    /// Faults and warnings in the order of files, lines and columns.
    pub fn finish(self) -> (Faults, Vec<Fault>) {
        let faults = self.faults.into_inner().into_iter().map(|(_, fault)| fault).collect();
        (Faults { faults: sorted(faults) }, sorted(self.warnings.into_inner()))
    }
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    faults.dedup();
    faults
}

/// Collects the faults of one file.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The file.
    pub file: &'a str,
    collector: &'a Collector,
    /// Where what is missing would have to stand, for faults that say that something is.
    needs: Option<Needed>,
}

impl<'a> Desk<'a> {
    /// The same for faults that say that another file lacks something.
    pub fn lacking(self, needed: Needed) -> Desk<'a> {
        Desk { needs: Some(needed), ..self }
    }

    /// Notes that something in this file stands at the wrong place; the fault is put beside it.
    pub fn misplaced(&self) {
        self.collector.misplaced.borrow_mut().insert(self.file.to_owned());
    }

    /// A fault at a place.
    pub fn fault(&self, at: Place, text: impl Into<String>) {
        let fault = self.make(at, text.into(), Vec::new(), None);
        self.collector.faults.borrow_mut().push((self.needs, fault));
    }

    /// A fault in a name: lists what is allowed and names the nearest.
    pub fn unknown<S: AsRef<str>>(
        &self,
        at: Place,
        text: impl Into<String>,
        written: &str,
        allowed: impl IntoIterator<Item = S>,
    ) {
        let mut allowed: Vec<String> = allowed.into_iter().map(|name| name.as_ref().to_owned()).collect();
        allowed.sort();
        allowed.dedup();
        let nearest = nearest(written, &allowed);
        let fault = self.make(at, text.into(), allowed, nearest);
        self.collector.faults.borrow_mut().push((self.needs, fault));
    }

    /// A warning: shown, but nothing is refused.
    pub fn warn(&self, at: Place, text: impl Into<String>) {
        let fault = self.make(at, text.into(), Vec::new(), None);
        self.collector.warnings.borrow_mut().push(fault);
    }

    fn make(&self, at: Place, text: String, allowed: Vec<String>, nearest: Option<String>) -> Fault {
        let sources = self.collector.sources.borrow();
        let line = (at.line as usize).checked_sub(1);
        let excerpt = line
            .and_then(|line| sources.get(self.file)?.lines().nth(line))
            .map(|line| line.chars().take(200).collect())
            .unwrap_or_default();
        Fault {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            excerpt,
            text,
            allowed,
            nearest,
            width: at.width,
        }
    }
}

/// The nearest of the allowed names, if one is near enough to be meant.
pub fn nearest(written: &str, allowed: &[String]) -> Option<String> {
    let lower: String = written.chars().take(200).collect::<String>().to_lowercase();
    let bound = (lower.chars().count() / 3).max(2);
    allowed
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= bound || (lower.len() >= 3 && name.starts_with(&lower)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.clone())
}

/// The same text with every value of a secret key replaced by `*`, character by character, so that places stay.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    // The indentation of a secret key whose value stands on the lines below it.
    let mut above: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        let blank = line.trim().is_empty();
        above = above.filter(|key| blank || indent > *key);
        let reference = line.trim_start_matches([' ', '-', '{', '[']);
        if above.is_some() && !blank && !(reference.starts_with("env:") || reference.starts_with("file:")) {
            let hidden = |c: char| if matches!(c, ' ' | '\n' | '\r') { c } else { '*' };
            masked.extend(line.chars().map(hidden));
            continue;
        }
        let (line, open) = mask_line(line);
        masked.push_str(&line);
        if open {
            above = Some(indent);
        }
    }
    masked
}

/// One line masked, and whether it ends with a secret key whose value stands below.
fn mask_line(line: &str) -> (String, bool) {
    let mut masked: Vec<char> = line.chars().collect();
    let mut open = false;
    // The key of the stage is a secret too; elsewhere `key` names a file.
    let stage_key: &[&str] = if line.starts_with("key") { &["key"] } else { &[] };
    for key in SECRET_KEYS.iter().chain(stage_key) {
        let written: Vec<char> = key.chars().collect();
        let mut at = 0;
        while at + written.len() < masked.len() {
            let bounded = at == 0 || !(masked[at - 1].is_alphanumeric() || masked[at - 1] == '-');
            let mut end = at + written.len();
            if !(bounded && masked[at..end] == written[..]) {
                at += 1;
                continue;
            }
            while masked.get(end).is_some_and(|c| matches!(c, '"' | '\'' | ' ')) {
                end += 1;
            }
            at += written.len();
            if masked.get(end) != Some(&':') {
                continue;
            }
            match (end + 1..masked.len()).find(|i| !masked[*i].is_whitespace()) {
                None => open = true,
                // A reference is no secret and helps the reader.
                Some(start) if masked[start] == '{' => {}
                Some(start) => {
                    open |= matches!(masked[start], '|' | '>');
                    for c in masked[start..].iter_mut().take_while(|c| !matches!(c, '\n' | '\r' | '}')) {
                        *c = '*';
                    }
                }
            }
        }
    }
    (masked.into_iter().collect(), open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_out_secrets_are_masked_and_places_stay() {
        let text = "credentials: [ { bearer: geheim123 } ]\n  secret: \"ü-geheim\"\n  token: { env: T }\n";
        let masked = mask(text);
        assert!(!masked.contains("geheim"));
        assert!(masked.contains("{ env: T }"));
        assert_eq!(masked.chars().count(), text.chars().count());
        assert_eq!(mask("secretary: anna\n"), "secretary: anna\n");
    }

    #[test]
    fn secrets_on_the_lines_below_their_key_and_the_key_of_the_stage_are_masked() {
        for text in [
            "a:\n  secret:\n    geheim\n  url: https\n",
            "a:\n  secret: |\n    geheim\n\n    geheim\n  url: https\n",
            "a:\n  secrets:\n    - geheim\n    - { env: B }\n  url: https\n",
            "key: geheim\nurl: https\n",
        ] {
            let masked = mask(text);
            assert!(!masked.contains("geheim") && masked.contains("url: https"), "{masked}");
            assert_eq!(masked.chars().count(), text.chars().count());
        }
        let reference = "secret:\n  env: NAME\ntls: { key: server.pem }\n";
        assert_eq!(mask(reference), reference);
    }

    #[test]
    fn nearest_names_what_was_meant_and_nothing_far() {
        let allowed = ["callback".to_owned(), "receipt".to_owned()];
        assert_eq!(nearest("calback", &allowed).as_deref(), Some("callback"));
        assert_eq!(nearest("reciept", &allowed).as_deref(), Some("receipt"));
        assert_eq!(nearest("postfach", &allowed), None);
    }
}
