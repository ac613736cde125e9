//! `audit verify`: walks through every strand in pages and prints what its judge finds. Never shows what a row says of anybody.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::args_audit::{AuditVerifyArgs, local_micros};
use super::audit_against::{Beside, Export, Protocol, Then};
use super::exit::{CliError, Exit};
use super::find;
use super::output::{Output, counted, moment};
use super::window::Window;
use crate::register::fristen::{Fristen, Klasse};
use crate::store::audit::{Held, Link, Strand};
use crate::store::chain::{Judge, Wrong};
use crate::store::contract::Store;
use crate::store::desk::Filter;
use crate::store::seek::Seek;
use crate::store::stamp::Scope;

/// Rows of one page.
pub const PAGE: usize = 1_000;
#[derive(Serialize)]
struct Found {
    wrong: &'static str,
    strand: i64,
    from: i64,
    to: i64,
    at: Option<Timestamp>,
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
    against: Option<Beside>,
    /// When its first row that is there was written.
    #[serde(skip)]
    first: Option<i64>,
}

#[derive(Serialize)]
struct Verified {
    whole: bool,
    strands: Vec<Judged>,
    lost_commits: i64,
    /// When a message was received of which the chain knows nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    unproved: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<Protocol>,
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
pub async fn run(
    store: &dyn Store,
    (fristen, now): (&Fristen, Timestamp),
    args: &AuditVerifyArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let over = |klasse| fristen.grenze(klasse, now);
    let mut export =
        args.against.as_deref().map(|place| Export::open(place, over(Klasse::Nachweise))).transpose()?;
    let mut strands = Vec::new();
    for strand in store.strands().await? {
        strands.push(judged(store, strand, export.as_mut()).await?);
    }
    let protocol = match &export {
        Some(export) => export.protocol(store, over(Klasse::Abrufprotokoll)).await?,
        None => None,
    };
    let lost = store.lost().await?;
    let unproved = unproved(store, &strands, (over(Klasse::Nachweise), now)).await?;
    let same = |one: &Judged| one.faults.is_empty() && one.against.as_ref().is_none_or(Beside::same);
    let whole = lost.is_none()
        && unproved.is_none()
        && strands.iter().all(same)
        && protocol.as_ref().is_none_or(|protocol| protocol.missing + protocol.added == 0);
    for one in &strands {
        print(one, out)?;
    }
    if let Some(export) = &export {
        beside(export, protocol.as_ref(), out)?;
    }
    if let Some(lost) = &lost {
        out.say(&format!(
            "FAULT {} that had been acknowledged, made between {} and {}, are missing; the mark beside the keys knows of them",
            counted(u64::try_from(lost.commits).unwrap_or(0), "commit"),
            moment(lost.from),
            moment(lost.until)
        ))?;
    }
    if let Some(from) = unproved {
        out.say(&format!(
            "FAULT the store holds a message received at {}, and the chain begins later, though what it had then is too young to have gone \
             with retention: its beginning, or all of it, was taken away",
            moment(from)
        ))?;
    }
    let put_back = strands.iter().filter_map(|one| one.against.as_ref()?.put_back).min();
    if let (Some(at), false) = (put_back, whole) {
        out.say(&format!(
            "the store was put back from a backup, which a person recorded at {}, after this export was made: what came between that backup and \
             then is in the export and in the store no more, and other links took its places; that is no forgery by itself. Compare who \
             ordered it (`audit show`), and take a new export",
            local_micros(at)
        ))?;
    }
    out.say(&match (whole, strands.iter().map(|one| one.without_salt).sum::<u64>()) {
        (true, 0) => "whole: no gap and no change was found".to_owned(),
        (true, rows) => format!(
            "whole as far as it can be judged: no gap and no change was found; what {} without salt said only an export from before its deletion can show",
            counted(rows, "row")
        ),
        (false, _) if put_back.is_some() => {
            "NOT as the export has it; where the store was put back for a reason that you know, that is why".to_owned()
        }
        (false, _) => {
            "NOT whole: keep the store as it is, take a copy of its files, and call the data protection officer".to_owned()
        }
    })?;
    let lost_commits = lost.map_or(0, |lost| lost.commits);
    out.value(&Verified { whole, strands, lost_commits, unproved, protocol })?;
    Ok(if whole { Exit::Ok } else { Exit::No })
}

/// Retention removes in slices; what is near its end may be gone on one side and not on the other.
const NEAR: SignedDuration = SignedDuration::from_hours(48);
/// A message is received before its row is written.
const BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// When a message was received whose row the chain must have and has not: each left one, and this one is not over.
async fn unproved(
    store: &dyn Store,
    strands: &[Judged],
    (over, now): (Timestamp, Timestamp),
) -> Result<Option<Timestamp>, CliError> {
    let first = strands.iter().filter_map(|one| one.first).min();
    let first = first.and_then(|at| Timestamp::from_microsecond(at).ok());
    // A row is written in the transaction of its message.
    let until = first.map_or(Ok(now), |first| first.checked_sub(BEHIND));
    let (Ok(from), Ok(until)) = (over.checked_add(NEAR), until) else { return Ok(None) };
    if from >= until {
        return Ok(None);
    }
    let window = find::ids_within(Window { from, until }, true);
    let seek = Seek { between: Some(window), ..Seek::default() };
    let filter = Filter { limit: 1, seek, ..Filter::default() };
    let found = store.list(&Scope::Operator, filter).await?.first().map(|listed| listed.received);
    // The first message of a house may have come while it was looked at.
    let begun = first.is_none() && store.strands().await?.iter().any(|one| one.end > one.begin);
    Ok(found.filter(|_| !begun))
}

/// What was compared with an export besides the strands.
fn beside(export: &Export, protocol: Option<&Protocol>, out: &mut Output) -> std::io::Result<()> {
    if !export.has_links() {
        out.say("only where the export begins and ends was compared; with its other files beside the manifest every link is")?;
    }
    let Some(Protocol { same, over, missing, added }) = protocol else {
        return out.say("the Abrufprotokoll was not compared: the export's does not lie beside its manifest");
    };
    let lines = |count: u64| counted(count, "line");
    out.say(&format!(
        "Abrufprotokoll: {} as in the export, {} older than its period and gone",
        lines(*same),
        lines(*over)
    ))?;
    let (are, say) = if *missing == 1 { ("is", "says") } else { ("are", "say") };
    if *missing > 0 {
        out.say(&format!(
            "FAULT Abrufprotokoll: {} of the export, younger than its period, {are} missing or {say} something else",
            lines(*missing)
        ))?;
    }
    if *added > 0 {
        let are = if *added == 1 { "is" } else { "are" };
        out.say(&format!(
            "FAULT Abrufprotokoll: {} that the export does not have {are} older than the export",
            lines(*added)
        ))?;
    }
    Ok(())
}

async fn judged(store: &dyn Store, strand: Strand, export: Option<&mut Export>) -> Result<Judged, CliError> {
    let (number, begin, end) = (strand.number, strand.begin, strand.end);
    let mut comparing = export.and_then(|export| export.strand(&strand));
    let mut first = None;
    let judge = walk(store, strand, async |page| {
        first = first.or(page.iter().find_map(|link| match &link.change {
            Held::There(change) => Some(change.at),
            _ => None,
        }));
        match &mut comparing {
            Some(comparing) => comparing.page(page),
            None => Ok(()),
        }
    })
    .await?;
    let against = comparing.map(|comparing| comparing.end()).transpose()?;
    let faults = judge.faults.iter().map(|fault| Found {
        wrong: fault.wrong.as_str(),
        strand: fault.strand,
        from: fault.from,
        to: fault.to,
        at: fault.at.and_then(|at| Timestamp::from_microsecond(at).ok()),
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
        against,
        first,
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
        let at = fault.at.map(|at| format!(" (at or after {})", moment(at))).unwrap_or_default();
        out.say(&format!("FAULT strand {strand}, link {place}{at}: {}", says(fault.wrong)))?;
    }
    if one.more > 0 {
        out.say(&format!("FAULT strand {strand}: {} more", one.more))?;
    }
    match &one.against {
        Some(against) => differences(*strand, against, out),
        None => Ok(()),
    }
}

/// What became of what an export has of a strand.
fn differences(strand: i64, against: &Beside, out: &mut Output) -> std::io::Result<()> {
    for (then, did) in [(against.begin, "began behind"), (against.end, "ended with")] {
        match then {
            Then::Other => out
                .say(&format!("FAULT strand {strand}: another link stands now where the export {did} one"))?,
            Then::Missing => out.say(&format!("FAULT strand {strand}: what the export {did} is missing"))?,
            Then::Over | Then::Same => {}
        }
    }
    if against.end == Then::Over {
        out.say(&format!(
            "strand {strand}: what the export ended with is older than what is left of the strand"
        ))?;
    }
    for one in &against.differences {
        out.say(&format!("FAULT strand {strand}, link {}: {}", one.place, one.differs.says()))?;
    }
    match against.more {
        0 => Ok(()),
        more => out.say(&format!("FAULT strand {strand}: {more} more that differ from the export")),
    }
}

fn says(word: &str) -> &'static str {
    Wrong::ALL.iter().find(|wrong| wrong.as_str() == word).map_or("", |wrong| wrong.says())
}
