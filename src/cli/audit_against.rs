//! What an earlier export says of the store as it is: whether each strand begins where it may, whether every link is the one that was
//! taken away, whether each line of the Abrufprotokoll is there that cannot be over. Reads the export line by line. Never shows what a
//! line says, and never changes anything.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exit::CliError;
use crate::config;
use crate::store::audit::{Held, Link, Strand, Turn, mark_of};
use crate::store::backup::hashed;
use crate::store::contract::Store;

/// The chain.
pub const CHAIN: &str = "nachweiskette.jsonl";
/// The retrievals.
pub const RETRIEVALS: &str = "abrufprotokoll.jsonl";
/// What both are, and their hashes.
pub const MANIFEST: &str = "manifest.json";
/// The format, for whoever reads it.
pub const FORMAT: &str = "drehscheibe-nachweis/1";

/// What is under way for so long when an export is made may be written behind it with a moment before it.
const UNDER_WAY: SignedDuration = SignedDuration::from_hours(1);
/// How the words begin by which a person says that the store was put back.
const PUT_BACK: &str = "command.recover";
/// A manifest is small.
const SIZE: u64 = 1 << 20;
/// So long a line of an export is at most.
const LINE: u64 = 16 << 20;
/// Marks of one page.
const PAGE: usize = 1_000;
/// So many differences of a strand are named; the others are counted.
const NAMED: usize = 100;

/// Where a strand stood when it was taken away.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// The strand.
    pub strand: i64,
    /// The last place.
    pub place: i64,
    /// The link there, in hexadecimal digits.
    pub link: String,
}

#[derive(Deserialize)]
struct Manifest {
    format: String,
    made: Option<Timestamp>,
    strands: Vec<Taken>,
    #[serde(default)]
    files: Vec<Part>,
}

#[derive(Clone, Deserialize)]
struct Taken {
    begin: Head,
    end: Head,
}

#[derive(Deserialize)]
struct Part {
    name: String,
    sha256: String,
}

/// A link as it was taken away.
#[derive(Deserialize)]
struct Line {
    strand: i64,
    place: i64,
    hash: Option<String>,
    link: Option<String>,
    at_us: Option<i64>,
    subject: Option<uuid::Uuid>,
    what: Option<String>,
    detail: Option<String>,
    detail_hex: Option<String>,
    person: Option<String>,
    partner: Option<String>,
    mandant: Option<String>,
}

/// In what a store differs from an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Differs {
    /// Another link stands there.
    OtherLink,
    /// A row without salt says something else than it did.
    OtherRow,
    /// It names another person, partner or Mandant.
    OtherPerson,
    /// It is not there.
    Missing,
    /// It is not there, and is too young to have gone with retention.
    TooEarly,
}

impl Differs {
    /// In a sentence.
    pub fn says(self) -> &'static str {
        match self {
            Differs::OtherLink => "another link stands there than the export has",
            Differs::OtherRow => "the row says something else than in the export",
            Differs::OtherPerson => "who did it, or for whom, says something else than in the export",
            Differs::Missing => "the export has it, and it is missing",
            Differs::TooEarly => {
                "the export has it, it is missing, and it is too young to have gone with retention"
            }
        }
    }
}

/// What became of a place that an export names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It is there as it was.
    Same,
    /// It is older than what is left.
    Over,
    /// Another link stands there.
    Other,
    /// It is not there.
    Missing,
}

/// A difference, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which.
    pub differs: Differs,
    /// The place.
    pub place: i64,
}

/// What a strand is beside an export.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    /// What became of the place behind which the export began.
    pub begin: Then,
    /// What became of the last place of the export.
    pub end: Then,
    /// Links that were compared one by one; 0 where only the manifest is at hand.
    pub compared: u64,
    /// Differences of links and rows.
    pub differences: Vec<Difference>,
    /// How many more there are.
    pub more: u64,
    /// When the store was put back after the export was made, in microseconds since 1970: what it had then is not what it has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back: Option<i64>,
}

impl Beside {
    /// Whether all is as it was taken away.
    pub fn same(&self) -> bool {
        let fits = |then| matches!(then, Then::Same | Then::Over);
        fits(self.begin) && fits(self.end) && self.differences.is_empty()
    }
}

/// What became of the Abrufprotokoll.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Protocol {
    /// Lines that are there as they were.
    pub same: u64,
    /// Lines that are old enough to be over and are not there.
    pub over: u64,
    /// Lines that are missing, or say something else.
    pub missing: u64,
    /// Lines that are there, are older than the export and are not in it, or say something else there.
    pub added: u64,
}

/// An export that was taken away before.
pub struct Export {
    manifest: Manifest,
    chain: Option<Lines>,
    retrievals: Option<PathBuf>,
    /// Rows older than this, in microseconds, may have gone with retention.
    over: i64,
}

struct Lines {
    file: BufReader<File>,
    next: Option<Line>,
}

impl Lines {
    fn open(path: &Path) -> Result<Lines, CliError> {
        let file = File::open(path).map_err(|error| cannot(path, config::what(error.kind())))?;
        let mut lines = Lines { file: BufReader::new(file), next: None };
        lines.turn()?;
        Ok(lines)
    }

    fn turn(&mut self) -> Result<(), CliError> {
        self.next = match line(&mut self.file)? {
            Some(text) => Some(serde_json::from_slice(&text).map_err(|_| unreadable())?),
            None => None,
        };
        Ok(())
    }

    /// The next line of a strand up to a place; those of strands before it are left out.
    fn until(&mut self, strand: i64, place: i64) -> Result<Option<Line>, CliError> {
        while self.next.as_ref().is_some_and(|next| next.strand < strand) {
            self.turn()?;
        }
        if !self.next.as_ref().is_some_and(|next| next.strand == strand && next.place <= place) {
            return Ok(None);
        }
        let found = self.next.take();
        self.turn()?;
        Ok(found)
    }
}

fn line(file: &mut BufReader<File>) -> Result<Option<Vec<u8>>, CliError> {
    let mut text = Vec::new();
    let read = file.by_ref().take(LINE).read_until(b'\n', &mut text).map_err(|_| unreadable())?;
    match read {
        0 => Ok(None),
        _ if text.ends_with(b"\n") => Ok(Some(text)),
        _ => Err(unreadable()),
    }
}

fn unreadable() -> CliError {
    CliError::Usage(
        "the export cannot be read: it has lines that no export has; take another copy of it".to_owned(),
    )
}

fn cannot(file: &Path, why: &str) -> CliError {
    CliError::Usage(format!("{}: {why}; name the folder of an export, or its manifest.json", file.display()))
}

/// The file beside a manifest, where it is there; it must be the one that the manifest names.
fn part(folder: &Path, manifest: &Manifest, name: &str) -> Result<Option<PathBuf>, CliError> {
    let path = folder.join(name);
    let Some(named) = manifest.files.iter().find(|part| part.name == name).filter(|_| path.exists()) else {
        return Ok(None);
    };
    let broken = |error: std::io::Error| cannot(&path, config::what(error.kind()));
    let (_, sha256) = hashed(&path).map_err(broken)?;
    if sha256 != named.sha256 {
        return Err(cannot(&path, "is not the file that its manifest names, so it proves nothing"));
    }
    Ok(Some(path))
}

impl Export {
    /// Opens the folder of an export, or what lies beside its manifest. Rows older than `over` may have gone with retention.
    pub fn open(place: &Path, over: Timestamp) -> Result<Export, CliError> {
        let file = if place.is_dir() { place.join(MANIFEST) } else { place.to_owned() };
        let broken = |why: &str| cannot(&file, why);
        let size = fs::metadata(&file).map_err(|error| broken(config::what(error.kind())))?;
        if !size.is_file() || size.len() > SIZE {
            return Err(broken("is no manifest"));
        }
        let text = fs::read(&file).map_err(|error| broken(config::what(error.kind())))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| broken("is no manifest"))?;
        if manifest.format != FORMAT {
            return Err(broken("is of a format that this program does not know"));
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let chain = part(folder, &manifest, CHAIN)?.map(|path| Lines::open(&path)).transpose()?;
        let retrievals = part(folder, &manifest, RETRIEVALS)?;
        Ok(Export { manifest, chain, retrievals, over: over.as_microsecond() })
    }

    /// Begins to compare a strand; `None` where the export has none of this number.
    pub fn strand(&mut self, strand: &Strand) -> Option<Comparing<'_>> {
        let taken = self.manifest.strands.iter().find(|taken| taken.end.strand == strand.number)?.clone();
        let begin_link = hex::encode(&strand.begin_link);
        let then = |head: &Head| {
            if head.place > strand.begin {
                Then::Missing
            } else if head.place < strand.begin {
                Then::Over
            } else if head.link == begin_link {
                Then::Same
            } else {
                Then::Other
            }
        };
        let beside = Beside {
            begin: then(&taken.begin),
            end: then(&taken.end),
            compared: 0,
            differences: Vec::new(),
            more: 0,
            put_back: None,
        };
        let (begin, over) = ((strand.begin, begin_link), self.over);
        let made = self.manifest.made.map(Timestamp::as_microsecond);
        Some(Comparing { lines: self.chain.as_mut(), taken, begin, over, made, beside })
    }

    /// Whether the links themselves are at hand, and not only where they end.
    pub fn has_links(&self) -> bool {
        self.chain.is_some()
    }

    /// Compares the Abrufprotokoll; lines older than `over` may have gone with retention. `None` where the export's is not at hand.
    pub async fn protocol(&self, store: &dyn Store, over: Timestamp) -> Result<Option<Protocol>, CliError> {
        let Some(path) = &self.retrievals else { return Ok(None) };
        // What was under way when the export was made may have been written behind it.
        let settled = self.manifest.made.and_then(|made| made.checked_sub(UNDER_WAY).ok());
        let mut here: HashMap<[u8; 32], (u64, Timestamp)> = HashMap::new();
        let mut before = None;
        loop {
            let page = store.retrieval_marks(Turn { before, limit: PAGE }).await?;
            let Some((last, ..)) = page.last() else { break };
            before = Some(*last);
            for (_, at, mark) in page {
                here.entry(mark).or_insert((0, at)).0 += 1;
            }
        }
        let mut file = BufReader::new(File::open(path).map_err(|_| unreadable())?);
        let mut found = Protocol { same: 0, over: 0, missing: 0, added: 0 };
        while let Some(text) = line(&mut file)? {
            let said: Value = serde_json::from_slice(&text).map_err(|_| unreadable())?;
            if let Some(left) = here.get_mut(&mark_of(&said)).map(|(left, _)| left).filter(|left| **left > 0)
            {
                *left -= 1;
                found.same += 1;
                continue;
            }
            let at =
                said["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok()).ok_or_else(unreadable)?;
            if at < over {
                found.over += 1;
            } else {
                found.missing += 1;
            }
        }
        let older = here.values().filter(|(_, at)| settled.is_some_and(|settled| *at < settled));
        found.added = older.map(|(left, _)| left).sum();
        Ok(Some(found))
    }
}

/// A strand that is being compared.
pub struct Comparing<'e> {
    lines: Option<&'e mut Lines>,
    taken: Taken,
    /// Where the store begins: its last place that went, and the link there.
    begin: (i64, String),
    over: i64,
    made: Option<i64>,
    beside: Beside,
}

impl Comparing<'_> {
    fn differs(&mut self, differs: Differs, place: i64) {
        if self.beside.differences.len() < NAMED {
            self.beside.differences.push(Difference { differs, place });
        } else {
            self.beside.more += 1;
        }
    }

    /// What the export has and the store has not any more.
    fn gone(&mut self, line: &Line) {
        if line.place > self.begin.0 {
            return self.differs(Differs::Missing, line.place);
        }
        if line.at_us.is_some_and(|at| at >= self.over) {
            self.differs(Differs::TooEarly, line.place);
        }
        if line.place == self.begin.0 && line.link.as_ref().is_some_and(|link| *link != self.begin.1) {
            self.differs(Differs::OtherLink, line.place);
        }
    }

    /// Compares the links of a page, in their order.
    pub fn page(&mut self, page: &[Link]) -> Result<(), CliError> {
        for link in page {
            let here = link.link.as_ref().map(hex::encode);
            if let Held::There(change) = &link.change
                && change.what.starts_with(PUT_BACK)
                && self.made.is_some_and(|made| change.at >= made)
            {
                self.beside.put_back.get_or_insert(change.at);
            }
            for (head, then) in
                [(&self.taken.begin, &mut self.beside.begin), (&self.taken.end, &mut self.beside.end)]
            {
                if head.place == link.place {
                    *then = if here.as_ref() == Some(&head.link) { Then::Same } else { Then::Other };
                }
            }
            while let Some(line) = self.next(link.strand, link.place)? {
                if line.place < link.place {
                    self.gone(&line);
                    continue;
                }
                self.beside.compared += 1;
                if line.link.is_some() && line.link != here
                    || line.hash.is_some() && line.hash != link.hash.as_ref().map(hex::encode)
                {
                    self.differs(Differs::OtherLink, line.place);
                } else if !says_the_same(&line, link) {
                    self.differs(Differs::OtherRow, line.place);
                } else if !is_of_the_same(&line, link) {
                    self.differs(Differs::OtherPerson, line.place);
                }
            }
        }
        Ok(())
    }

    fn next(&mut self, strand: i64, place: i64) -> Result<Option<Line>, CliError> {
        match &mut self.lines {
            Some(lines) => lines.until(strand, place),
            None => Ok(None),
        }
    }

    /// Nothing comes any more.
    pub fn end(mut self) -> Result<Beside, CliError> {
        while let Some(line) = self.next(self.taken.end.strand, i64::MAX)? {
            self.gone(&line);
        }
        Ok(self.beside)
    }
}

/// Whether a row says what it said. Where its salt is there, its hash says so already.
fn says_the_same(line: &Line, link: &Link) -> bool {
    let Held::There(change) = &link.change else { return true };
    // An export of a row that was not there says nothing of it.
    let (None, Some(what), Some(at)) = (&change.salt, &line.what, line.at_us) else { return true };
    let detail = match (&line.detail, &line.detail_hex) {
        (Some(text), _) => change.detail == text.as_bytes(),
        (None, Some(digits)) => hex::encode(&change.detail) == *digits,
        (None, None) => false,
    };
    change.what == *what && change.at == at && change.subject == line.subject && detail
}

/// Whether it is of the same person, partner and Mandant: these are no part of the hash. That they are missing is told with the link.
fn is_of_the_same(line: &Line, link: &Link) -> bool {
    let Held::There(change) = &link.change else { return true };
    let Some(by) = &change.by else { return true };
    let same = |then: &Option<String>, now: &String| then.as_ref().is_none_or(|then| then == now);
    same(&line.person, &by.person) && same(&line.partner, &by.partner) && same(&line.mandant, &by.mandant)
}
