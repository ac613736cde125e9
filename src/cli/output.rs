//! What commands print: tables and plain sentences for people, JSON for programs, never both at once. What people read passes here, and
//! only signs that show themselves leave: names of files, queues, parts and partners are written by others. JSON is exact.
//! Never prints a payload; who calls it has asked the store for what may be seen.

use std::borrow::Cow;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
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

    /// A sentence for people, in one line; nothing in JSON.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(self.to, "{}", visible(text)) }
    }

    /// Several lines of ours for people; nothing in JSON. A name that somebody else wrote could begin a line of its own here, so it stands in
    /// a sentence or in a table.
    pub fn lines(&mut self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(self.to, "{}", visible_lines(text)) }
    }

    /// A table for people; nothing in JSON. Columns are as wide as their widest cell, the last one is not filled up.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let shown = |row: &Vec<String>| row.iter().map(|cell| visible(cell).into_owned()).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(shown).collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
                cells.chain([head[column].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        self.row(head.iter().copied(), &widths)?;
        for row in &rows {
            self.row(row.iter().map(String::as_str), &widths)?;
        }
        Ok(())
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> io::Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.zip(widths) {
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

    /// That there is nothing: a sentence for people, null in JSON.
    pub fn none(&mut self, text: &str) -> io::Result<()> {
        self.say(text)?;
        self.value(&serde_json::Value::Null)
    }

    /// Raw text, such as a script for a shell.
    pub fn raw(&mut self, text: &[u8]) -> io::Result<()> {
        self.to.write_all(text)
    }
}

/// A text with what does not show itself written out, such as `\u{1b}`: signs that steer a terminal, begin a line, turn the direction of
/// reading or cannot be seen at all. Letters with signs of their own keep them.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(shows_itself) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for sign in text.chars() {
        match shows_itself(sign) {
            true => shown.push(sign),
            false => shown.extend(sign.escape_default()),
        }
    }
    Cow::Owned(shown)
}

/// The same line by line.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

fn shows_itself(sign: char) -> bool {
    if sign.is_ascii() {
        return !sign.is_ascii_control();
    }
    // Behind another sign one that is put upon it stays; alone it would be written out.
    let two: String = ['x', sign].into_iter().collect();
    !two.escape_debug().skip(1).eq(sign.escape_unicode()) || sign == '\u{a0}'
}

/// Says something beside what a command says, which a program may read.
#[expect(clippy::print_stderr, reason = "beside what the command says, which a program may read")]
pub fn beside(text: &str) {
    eprintln!("{}", visible(text));
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

/// The clock that people in the offices read.
pub fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC)
}

/// A moment for people: German time to the second. JSON says UTC.
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(berlin()).strftime("%Y-%m-%d %H:%M:%S").to_string()
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

/// A count of Registersätze.
pub fn saetze(count: u64) -> String {
    match count {
        1 => "1 Registersatz".to_owned(),
        _ => format!("{count} Registersätze"),
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
        assert_eq!(printed.text(), "A               B\nä               x\nlong\\u{1b}[31m  y\n");
    }

    #[test]
    fn what_does_not_show_itself_is_written_out_wherever_people_read() {
        for (hidden, shown) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\rc\td\0", "a\\nb\\rc\\td\\u{0}"),
            ("\u{9b}x\u{7f}", "\\u{9b}x\\u{7f}"),
            ("a\u{202e}lmx.b", "a\\u{202e}lmx.b"),
            ("\u{200b}\u{200c}\u{2066}\u{feff}\u{ad}", "\\u{200b}\\u{200c}\\u{2066}\\u{feff}\\u{ad}"),
            ("\u{2028}\u{e0041}\u{61c}", "\\u{2028}\\u{e0041}\\u{61c}"),
        ] {
            assert_eq!(visible(hidden), shown);
            let printed = Printed::default();
            let mut out = printed.output(false);
            out.say(hidden).unwrap();
            out.table(&["A"], &[vec![hidden.to_owned()]]).unwrap();
            assert_eq!(printed.text(), format!("{shown}\nA\n{shown}\n"));
            let printed = Printed::default();
            printed.output(true).value(&hidden).unwrap();
            assert_eq!(serde_json::from_str::<String>(&printed.text()).unwrap(), hidden, "exact");
        }
        // Names as they are written in Europe, with signs upon letters, and what our own sentences are written with.
        for plain in
            ["Müller-Łęcka", "M\u{304}ǚ", "Jo\u{30c}n O'Ne\"ill \\", "§\u{a0}58 – „…“ → ≥ ✓ ──", "Ελένη Иван"]
        {
            assert_eq!(visible(plain), plain);
        }
        let printed = Printed::default();
        printed.output(false).lines("a\u{1b}\nb\n").unwrap();
        assert_eq!(printed.text(), "a\\u{1b}\nb\n\n");
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
    fn counts_agree_with_their_nouns() {
        assert_eq!((saetze(1), saetze(0)), ("1 Registersatz".to_owned(), "0 Registersätze".to_owned()));
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
        assert_eq!(moment(then), "2026-01-01 01:00:00");
    }
}
