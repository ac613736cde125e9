//! The end of a log for a support bundle: of each line of ours the fields that stand in the list, made of words that somebody
//! named. A sentence that the list does not hold is left out, and a line that is not ours is only counted.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::words::{LEFT_OUT, Vocabulary};

/// At most so much of the end of a file is read, octets.
const MOST: u64 = 4 << 20;
/// Targets of ours.
const TARGET: &str = "drehscheibe";
const LEVELS: &[&str] = &["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
/// Fields that hold a name or one of the program's words.
const NAMES: &[&str] = &[
    "alarm",
    "severity",
    "subject",
    "stage",
    "connection",
    "partner",
    "destination",
    "queue",
    "direction",
    "state",
    "route",
    "command",
];
/// Fields that hold a number.
const NUMBERS: &[&str] = &["silent", "routes", "millis", "files", "line", "lane"];
/// Sentences of the program that hold nothing but themselves.
const SENTENCES: &[&str] = &[
    "alarm",
    "alarm ended",
    "listens",
    "ready",
    "ended",
    "command",
    "committed",
    "attempt",
    "draining: nothing new is taken, what is under way is finished",
    "ended at once; what was under way is taken up again at the next start",
    "the changed files were not applied",
    "claims that nobody names were removed",
    "the lease of a lane was lost, its settling was refused",
    "file of a tray put apart",
    "a tray holds a folder named like a file; it is left alone",
    "deliveries still under way after the time of grace",
    "deliveries still under way after the time of grace; they come again",
    "deliveries given back, the house was busy for long",
    "connected to the broker",
    "the broker takes messages again",
    "new tls material in use",
    "tls material not usable, the last good one stays in use",
    "a reply-to that the partner's channel does not allow is not followed",
];

/// What of a log may leave.
#[derive(Debug, Default, PartialEq)]
pub struct Lines {
    /// The last lines, oldest first.
    pub lines: Vec<Value>,
    /// Lines that are no JSON of ours.
    pub foreign: u64,
}

/// Reads the end of a log and keeps its last lines.
pub fn read(path: &Path, most: usize, words: &Vocabulary) -> io::Result<Lines> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(MOST)))?;
    let mut octets = Vec::new();
    file.take(MOST).read_to_end(&mut octets)?;
    Ok(allowed(&String::from_utf8_lossy(&octets), most, words))
}

fn allowed(text: &str, most: usize, words: &Vocabulary) -> Lines {
    let (mut kept, mut foreign) = (VecDeque::new(), 0);
    for line in text.lines() {
        match line_of_ours(line, words) {
            Some(line) => kept.push_back(line),
            None => foreign += 1,
        }
        if kept.len() > most {
            kept.pop_front();
        }
    }
    Lines { lines: kept.into(), foreign }
}

fn line_of_ours(line: &str, words: &Vocabulary) -> Option<Value> {
    let written: Map<String, Value> = serde_json::from_str(line).ok()?;
    let text = |name: &str| written.get(name).and_then(Value::as_str);
    let at: Timestamp = text("timestamp")?.parse().ok()?;
    let level = LEVELS.iter().find(|level| Some(**level) == text("level"))?;
    let target = text("target").filter(|target| {
        let module =
            target.strip_prefix(TARGET).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        module
            && target.len() <= 80
            && target.bytes().all(|octet| octet.is_ascii_lowercase() || b"_:".contains(&octet))
    })?;
    let sentence = text("message").and_then(|said| SENTENCES.iter().find(|known| **known == said));
    let mut kept = Map::new();
    kept.insert("timestamp".to_owned(), json!(at));
    kept.insert("level".to_owned(), json!(level));
    kept.insert("target".to_owned(), json!(target));
    kept.insert("message".to_owned(), json!(sentence.unwrap_or(&LEFT_OUT)));
    for name in NAMES {
        if let Some(value) = text(name) {
            kept.insert((*name).to_owned(), json!(words.word(value)));
        }
    }
    for name in NUMBERS {
        if let Some(number) = written.get(*name).and_then(Value::as_u64) {
            kept.insert((*name).to_owned(), json!(number));
        }
    }
    Some(Value::Object(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::bundle::words::tests::vocabulary;

    #[test]
    fn of_a_line_only_what_the_list_names_is_kept() {
        let line = json!({
            "timestamp": "2026-11-22T03:00:00.5Z", "level": "WARN", "target": "drehscheibe::alarm", "message": "alarm",
            "alarm": "destination-down", "subject": "callback:kita", "silent": 3, "facts": "cause=Erika", "person": "os:erika",
            "span": { "name": "dispatch", "message": "0f5d3c1e" },
        });
        let other = json!({
            "timestamp": "2026-11-22T03:00:01Z", "level": "INFO", "target": "drehscheibe::cli", "message": "for Erika",
            "subject": "Erika Mustermann", "silent": "Erika",
        });
        let text = format!(
            "{line}\n{other}\n\
             {{\"timestamp\":\"2026-11-22T03:00:00Z\",\"level\":\"INFO\",\"target\":\"library\",\"message\":\"ready\"}}\n\
             {{\"timestamp\":\"Erika\",\"level\":\"INFO\",\"target\":\"drehscheibe\",\"message\":\"ready\"}}\n\
             2026-11-22 INFO ready: Erika\n"
        );
        let read = allowed(&text, 10, &vocabulary(&["callback:kita", "destination-down"]));
        assert_eq!(read.foreign, 3);
        assert_eq!(
            read.lines,
            [
                json!({
                    "timestamp": "2026-11-22T03:00:00.5Z", "level": "WARN", "target": "drehscheibe::alarm", "message": "alarm",
                    "alarm": "destination-down", "subject": "callback:kita", "silent": 3,
                }),
                json!({
                    "timestamp": "2026-11-22T03:00:01Z", "level": "INFO", "target": "drehscheibe::cli", "message": LEFT_OUT,
                    "subject": LEFT_OUT,
                }),
            ]
        );
    }

    #[test]
    fn the_last_lines_are_kept() {
        let line = |second: u32| {
            format!(
                "{{\"timestamp\":\"2026-11-22T03:00:{second:02}Z\",\"level\":\"INFO\",\"target\":\"drehscheibe\",\"message\":\"ready\"}}\n"
            )
        };
        let text: String = (0..30).map(line).collect();
        let read = allowed(&text, 2, &vocabulary(&[]));
        let moments: Vec<_> = read.lines.iter().map(|line| line["timestamp"].clone()).collect();
        assert_eq!(moments, ["2026-11-22T03:00:28Z", "2026-11-22T03:00:29Z"]);
    }
}
