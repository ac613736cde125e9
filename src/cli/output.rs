//! What commands print: tables and plain sentences for people, JSON for programs, never both at once.
//! Never prints a payload; who calls it has asked the store for what may be seen.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

/// Where a command prints.
pub struct Output {
    json: bool,
    to: Box<dyn Write + Send>,
}

impl Output {
    /// To the standard output.
    pub fn stdout(json: bool) -> Output {
        Output::to(json, io::stdout())
    }

    /// To anything.
    pub fn to(json: bool, to: impl Write + Send + 'static) -> Output {
        Output { json, to: Box::new(to) }
    }

    /// Whether a program reads along.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A sentence for people; nothing in JSON.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(self.to, "{text}") }
    }

    /// A table for people; nothing in JSON. Columns are as wide as their widest cell, the last one is not filled up.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
                cells.chain([head[column].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        self.row(head.iter().copied(), &widths)?;
        for row in rows {
            self.row(row.iter().map(String::as_str), &widths)?;
        }
        Ok(())
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> io::Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.zip(widths) {
            // Control characters of a stranger's name must not reach the terminal.
            let cell: String = cell.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
            line.push_str(&format!("{cell:width$}  "));
        }
        writeln!(self.to, "{}", line.trim_end())
    }

    /// One JSON value; nothing for people.
    pub fn value(&mut self, value: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        serde_json::to_writer_pretty(&mut self.to, value)?;
        writeln!(self.to)
    }

    /// Raw text, such as a script for a shell.
    pub fn raw(&mut self, text: &[u8]) -> io::Result<()> {
        self.to.write_all(text)
    }
}

/// An age in plain words, in its largest unit: `3 minutes`; a moment that is still to come has no age yet.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (count, unit) = match seconds {
        0 => return "under a second".to_owned(),
        1..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A moment for people: UTC to the second.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A missing value.
pub fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("–").to_owned()
}

/// A count with its regular noun: `1 message`, `2 messages`, `3 deliveries`.
pub fn counted(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
pub mod tests {
    //! Shows what a command prints.

    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was printed.
    #[derive(Clone, Default)]
    pub struct Printed(Arc<Mutex<Vec<u8>>>);

    impl Write for Printed {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Printed {
        /// An output that prints here.
        pub fn output(&self, json: bool) -> Output {
            Output::to(json, self.clone())
        }
        /// The text so far.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn columns_stand_under_each_other() {
        let printed = Printed::default();
        let rows = [vec!["ä".to_owned(), "x".to_owned()], vec!["long\u{1b}[31m".to_owned(), "y".to_owned()]];
        printed.output(false).table(&["A", "B"], &rows).unwrap();
        assert_eq!(printed.text(), "A          B\nä          x\nlong\u{FFFD}[31m  y\n");
    }

    #[test]
    fn json_and_sentences_never_mix() {
        let printed = Printed::default();
        let mut out = printed.output(true);
        out.say("a sentence").unwrap();
        out.table(&["A"], &[]).unwrap();
        out.value(&serde_json::json!({"a": 1})).unwrap();
        assert_eq!(printed.text(), "{\n  \"a\": 1\n}\n");
        let printed = Printed::default();
        printed.output(false).value(&1).unwrap();
        assert_eq!(printed.text(), "");
    }

    #[test]
    fn ages_are_plain_words() {
        let then: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let after = |seconds| age(then + jiff::SignedDuration::from_secs(seconds), then);
        assert_eq!(after(-5), "under a second");
        assert_eq!(after(1), "1 second");
        assert_eq!(after(59), "59 seconds");
        assert_eq!(after(180), "3 minutes");
        assert_eq!(after(3_600), "1 hour");
        assert_eq!(after(86_400), "24 hours");
        assert_eq!(after(3 * 86_400), "3 days");
        assert_eq!(moment(then), "2026-01-01 00:00:00Z");
    }
}
