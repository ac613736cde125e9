//! `audit verify`: walks through every strand in pages and prints what its judge finds. Never shows what a row says of anybody.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::args_audit::{AuditVerifyArgs, local, local_micros};
use super::exit::{CliError, Exit};
use super::output::{Output, counted};
use crate::store::audit::{Link, Strand};
use crate::store::chain::{Judge, Wrong};
use crate::store::contract::Store;

/// Rows of one page.
pub const PAGE: usize = 1_000;
/// A manifest is small.
const MANIFEST: u64 = 1 << 20;

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

/// What of a manifest is compared.
#[derive(Deserialize)]
struct Manifest {
    strands: Vec<Taken>,
}

#[derive(Deserialize)]
struct Taken {
    end: Head,
}

/// What became of a place that an export names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Then {
    /// It is there as it was.
    Same,
    /// Retention removed it since.
    Over,
    /// Another link stands there.
    Other,
    /// It is not there.
    Missing,
}

#[derive(Serialize)]
struct Found {
    wrong: &'static str,
    strand: i64,
    from: i64,
    to: i64,
    at: Option<String>,
}

#[derive(Serialize)]
struct Judged {
    strand: i64,
    begin: i64,
    end: i64,
    links: u64,
    without_salt: u64,
    head: String,
    faults: Vec<Found>,
    more: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Then>,
}

#[derive(Serialize)]
struct Verified {
    whole: bool,
    strands: Vec<Judged>,
    lost_commits: i64,
}

/// Walks through a strand in pages and judges it; `each` sees every page before it is judged.
pub async fn walk<F>(store: &dyn Store, strand: Strand, mut each: F) -> Result<Judge, CliError>
where
    F: AsyncFnMut(&[Link]) -> Result<(), CliError>,
{
    let (number, end) = (strand.number, strand.end);
    let mut judge = Judge::new(strand);
    while judge.place() < end {
        let mut page = store.links(number, judge.place(), PAGE).await?;
        page.retain(|link| link.place <= end);
        if page.is_empty() {
            begins_later(store, &mut judge).await?;
            break;
        }
        each(&page).await?;
        for link in &page {
            if judge.skips(link) {
                begins_later(store, &mut judge).await?;
            }
            if link.place > judge.place() {
                judge.next(link);
            }
        }
    }
    judge.end();
    Ok(judge)
}

/// What is missing at the beginning may have gone with retention since the walk began; then the store says so.
async fn begins_later(store: &dyn Store, judge: &mut Judge) -> Result<(), CliError> {
    let number = judge.strand().number;
    if let Some(now) = store.strands().await?.into_iter().find(|strand| strand.number == number) {
        judge.begins_later(&now);
    }
    Ok(())
}

/// Judges all strands and prints what was found.
pub async fn run(store: &dyn Store, args: &AuditVerifyArgs, out: &mut Output) -> Result<Exit, CliError> {
    let taken = args.against.as_deref().map(read).transpose()?;
    let mut strands = Vec::new();
    for strand in store.strands().await? {
        let head = taken.as_ref().and_then(|taken| taken.get(&strand.number)).cloned();
        strands.push(judged(store, strand, head).await?);
    }
    let lost = store.lost().await?;
    let whole = lost.is_none()
        && strands
            .iter()
            .all(|one| one.faults.is_empty() && !matches!(one.against, Some(Then::Other | Then::Missing)));
    for one in &strands {
        print(one, out)?;
    }
    if let Some(lost) = &lost {
        out.say(&format!(
            "FAULT {} that had been acknowledged, made between {} and {}, are missing; the mark beside the keys knows of them",
            counted(u64::try_from(lost.commits).unwrap_or(0), "commit"),
            local(lost.from),
            local(lost.until)
        ))?;
    }
    out.say(&match (whole, strands.iter().map(|one| one.without_salt).sum::<u64>()) {
        (true, 0) => "whole: no gap and no change was found".to_owned(),
        (true, rows) => format!(
            "whole as far as it can be judged: no gap and no change was found; what {} without salt said only an export from before its deletion can show",
            counted(rows, "row")
        ),
        (false, _) => {
            "NOT whole: keep the store as it is, take a copy of its files, and call the data protection officer".to_owned()
        }
    })?;
    let lost_commits = lost.map_or(0, |lost| lost.commits);
    out.value(&Verified { whole, strands, lost_commits })?;
    Ok(if whole { Exit::Ok } else { Exit::No })
}

/// The heads of an export, by strand.
fn read(file: &Path) -> Result<BTreeMap<i64, Head>, CliError> {
    let cannot = |why: &str| {
        CliError::Usage(format!("{}: {why}; name the manifest.json of an export", file.display()))
    };
    let size = fs::metadata(file).map_err(|error| cannot(&error.kind().to_string()))?;
    if !size.is_file() || size.len() > MANIFEST {
        return Err(cannot("is no manifest"));
    }
    let text = fs::read(file).map_err(|error| cannot(&error.kind().to_string()))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| cannot("is no manifest"))?;
    Ok(manifest.strands.into_iter().map(|taken| (taken.end.strand, taken.end)).collect())
}

async fn judged(store: &dyn Store, strand: Strand, head: Option<Head>) -> Result<Judged, CliError> {
    let (number, begin, end) = (strand.number, strand.begin, strand.end);
    let mut then = head.as_ref().map(|head| {
        if head.place < begin {
            Then::Over
        } else if head.place == begin {
            if hex::encode(&strand.begin_link) == head.link { Then::Same } else { Then::Other }
        } else {
            Then::Missing
        }
    });
    let judge = walk(store, strand, async |page| {
        if let Some(head) = &head
            && let Some(link) = page.iter().find(|link| link.place == head.place)
        {
            let same = link.link.as_ref().is_some_and(|link| hex::encode(link) == head.link);
            then = Some(if same { Then::Same } else { Then::Other });
        }
        Ok(())
    })
    .await?;
    let faults = judge.faults.iter().map(|fault| Found {
        wrong: fault.wrong.as_str(),
        strand: fault.strand,
        from: fault.from,
        to: fault.to,
        at: fault.at.map(local_micros),
    });
    let faults: Vec<Found> = faults.collect();
    Ok(Judged {
        strand: number,
        begin,
        end,
        links: judge.links,
        without_salt: judge.without_salt,
        head: judge.head().map(hex::encode).unwrap_or_default(),
        more: judge.found - faults.len() as u64,
        faults,
        against: then,
    })
}

fn print(one: &Judged, out: &mut Output) -> std::io::Result<()> {
    let Judged { strand, begin, end, .. } = one;
    if end == begin && one.faults.is_empty() {
        out.say(&format!(
            "strand {strand}: empty{}",
            if *begin > 0 { ", older links went with retention" } else { "" }
        ))?;
    } else {
        let mut line = format!("strand {strand}: {} from {} to {end}", counted(one.links, "link"), begin + 1);
        if *begin > 0 {
            line.push_str(", older ones went with retention");
        }
        if one.without_salt > 0 {
            line.push_str(&format!(
                "; of {} only the links can be judged, what they speak of was deleted",
                counted(one.without_salt, "row")
            ));
        }
        out.say(&format!("{line}; ends with {}", one.head))?;
    }
    for fault in &one.faults {
        let place = if fault.from == fault.to {
            fault.from.to_string()
        } else {
            format!("{} to {}", fault.from, fault.to)
        };
        let at = fault.at.as_ref().map(|at| format!(" (at or after {at})")).unwrap_or_default();
        out.say(&format!("FAULT strand {strand}, link {place}{at}: {}", says(fault.wrong)))?;
    }
    if one.more > 0 {
        out.say(&format!("FAULT strand {strand}: {} more", one.more))?;
    }
    match one.against {
        Some(Then::Other) => {
            out.say(&format!("FAULT strand {strand}: where the export ended another link stands now"))
        }
        Some(Then::Missing) => {
            out.say(&format!("FAULT strand {strand}: what the export ended with is missing"))
        }
        Some(Then::Over) => out.say(&format!(
            "strand {strand}: what the export ended with went with retention, so it cannot be compared"
        )),
        Some(Then::Same) | None => Ok(()),
    }
}

fn says(word: &str) -> &'static str {
    Wrong::ALL.iter().find(|wrong| wrong.as_str() == word).map_or("", |wrong| wrong.says())
}
