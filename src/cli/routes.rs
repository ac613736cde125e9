//! `routes plan` and `routes apply`: the difference between the files and what runs, and taking them over.

use crate::app::applied;
use crate::app::drains::{self, Draining};
use crate::cli::args::Global;
use crate::cli::args_routes::{ApplyArgs, EndDrainingArgs, RoutesCommand};
use crate::cli::command;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, age};
use crate::cli::stage;
use crate::clock::Clock;
use crate::envelope::Inbound;
use crate::route::file_diff::{Field, FileChange, How};
use crate::route::plan_diff::{Change, Difference, InFlight, Names, Picture, difference};
use crate::store::contract::Store;
use crate::store::desk::Filter;
use crate::store::orders::Order;
use crate::store::stamp::Scope;

/// Runs one of the commands.
pub async fn run(global: &Global, command: &RoutesCommand, out: &mut Output) -> Result<Exit, CliError> {
    match command {
        RoutesCommand::Plan => {
            let (found, _) = plan(global, false, out).await?;
            print(&found, out)?;
            Ok(if found.refused.is_empty() { Exit::Ok } else { Exit::No })
        }
        RoutesCommand::Apply(ApplyArgs { drain, reason, patience }) => {
            let (found, files) = plan(global, *drain, out).await?;
            if !found.refused.is_empty() {
                print(&found, out)?;
                return Ok(Exit::No);
            }
            let store = stage::write_store(global, out)?;
            let order = Order::Apply { drain: *drain, files: Some(files) };
            command::post(&*store, &Clock::real(), order, reason, patience.wait, out).await
        }
        RoutesCommand::Draining => draining(&*stage::read_store(global, out)?, &Clock::real(), out).await,
        RoutesCommand::EndDraining(EndDrainingArgs { destination, to, reason, patience }) => {
            let store = stage::write_store(global, out)?;
            let order = Order::EndDrain { destination: destination.clone(), to: to.clone() };
            command::post(&*store, &Clock::real(), order, reason, patience.wait, out).await
        }
    }
}

/// What is left for destinations that the files have no more.
async fn draining(store: &dyn Store, clock: &Clock, out: &mut Output) -> Result<Exit, CliError> {
    let all = drains::draining(store).await?;
    if all.is_empty() {
        out.say("nothing is left for destinations that the files have no more")?;
    } else {
        let now = clock.now();
        let row = |one: &Draining| {
            let how = match (one.ended, &one.to) {
                (false, _) => "served as it was".to_owned(),
                (true, None) => "ended, what waits is parked".to_owned(),
                (true, Some(to)) => format!("ended, what waits goes to {to}"),
            };
            vec![
                one.destination.clone(),
                age(now, one.since),
                one.waiting.to_string(),
                one.held.to_string(),
                how,
            ]
        };
        let rows: Vec<_> = all.iter().map(row).collect();
        out.table(&["DESTINATION", "FOR", "WAITING", "HELD", "HOW"], &rows)?;
    }
    out.value(&all)?;
    Ok(Exit::Ok)
}

/// What would change, and the hash of the files that it was found out of.
async fn plan(global: &Global, drain: bool, out: &mut Output) -> Result<(Difference, String), CliError> {
    let fit = stage::compile(global, out)?;
    let store = stage::opened(global, &fit, true)?;
    let note = store.note("app", "running").await?;
    let running: Picture = note.and_then(|octets| serde_json::from_slice(&octets).ok()).unwrap_or_default();
    let flying = in_flight(&*store).await?;
    let found = difference(&running, &Picture::of_compiled(&fit.compiled), &flying, drain);
    Ok((found, applied::files(&fit.compiled)))
}

async fn in_flight(store: &dyn Store) -> Result<InFlight, CliError> {
    let mut flying = InFlight::default();
    for backlog in store.figures(&Scope::Operator).await?.backlog {
        flying.destinations.insert(backlog.destination, backlog.waiting + backlog.parked + backlog.unclear);
    }
    let filter =
        Filter { states: vec![Inbound::Waiting, Inbound::Parked], limit: 10_000, ..Filter::default() };
    for message in store.list(&Scope::Operator, filter).await? {
        let Some(route) = message.route else { continue };
        *flying.routes.entry((route, message.decided_by)).or_default() += 1;
    }
    Ok(flying)
}

/// So many fields of a file are printed; `--json` has all of them.
const FIELDS: usize = 60;
/// So many characters of a value.
const SHOWN: usize = 120;

fn print_file(change: &FileChange, out: &mut Output) -> Result<(), CliError> {
    let FileChange { file, role, how, was, from, to, fields } = change;
    let named = was.as_ref().map(|was| format!(" (was {was})")).unwrap_or_default();
    let (word, from, to) = (role.word(), short(from.as_ref()), short(to.as_ref()));
    out.say(&match how {
        How::Added => format!("+ {word} {file}"),
        How::Removed => format!("- {word} {file}"),
        How::Renamed => format!("~ {word} {file}{named}: the same text by another name"),
        How::Layout => format!("~ {word} {file}{named}: layout, order of keys or comments only"),
        How::Changed if fields.is_empty() => format!("~ {word} {file}{named} (sha256 {from} → {to})"),
        How::Changed => format!("~ {word} {file}{named}"),
    })?;
    for Field { path, from, to, secret } in fields.iter().take(FIELDS) {
        out.say(&match (from.as_ref().map(written), to.as_ref().map(written)) {
            _ if *secret => format!("    ~ {path}: changed"),
            (Some(from), Some(to)) => format!("    ~ {path}: {from} → {to}"),
            (None, Some(to)) => format!("    + {path}: {to}"),
            (Some(from), None) => format!("    - {path}: {from}"),
            (None, None) => format!("    ~ {path}"),
        })?;
    }
    if fields.len() > FIELDS {
        out.say(&format!("    and {} more; `--json` has all of them", fields.len() - FIELDS))?;
    }
    Ok(())
}

fn written(value: &serde_json::Value) -> String {
    let text = value.to_string();
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The beginning of a hash, which suffices to tell two apart.
fn short(hash: Option<&String>) -> String {
    hash.map_or_else(|| "–".to_owned(), |hash| hash.chars().take(12).collect())
}

fn print(found: &Difference, out: &mut Output) -> Result<(), CliError> {
    let names = |out: &mut Output, what: &str, names: &Names| -> Result<(), CliError> {
        for name in &names.added {
            out.say(&format!("+ {what} {name}"))?;
        }
        for name in &names.removed {
            out.say(&format!("- {what} {name}"))?;
        }
        Ok(())
    };
    if let Some(version) = &found.version {
        out.say(&format!("~ version {} → {}", short(version.from.as_ref()), short(version.to.as_ref())))?;
    }
    if found.files_unknown {
        out.say(
            "  what runs was noted by a program before this one, without its files; after the next `routes apply` what differs is named",
        )?;
    }
    names(out, "route", &found.routes)?;
    for changed in &found.changed {
        out.say(&format!("~ route {} ({} → {})", changed.route, changed.from, changed.to))?;
        names(out, "  on", &changed.bindings)?;
        names(out, "  message", &changed.messages)?;
        names(out, "  partner", &changed.partners)?;
        if changed.inside {
            out.say("    what it does or sends has changed; see `check --explain`")?;
        }
    }
    for file in &found.files {
        print_file(file, out)?;
    }
    names(out, "partner", &found.partners)?;
    names(out, "destination", &found.destinations)?;
    names(out, "source", &found.sources)?;
    names(out, "package", &found.packages)?;
    for package in &found.package_files {
        let Change { name, from, to } = package;
        out.say(&format!(
            "~ files of package {name} (sha256 {} → {})",
            short(from.as_ref()),
            short(to.as_ref())
        ))?;
    }
    for flying in &found.in_flight {
        let orphaned = if flying.orphaned { ", its route is gone then" } else { "" };
        out.say(&format!(
            "  in flight: {} of {} decided by {}{orphaned}",
            flying.messages, flying.route, flying.version
        ))?;
    }
    for refused in &found.refused {
        out.say(&format!("! {refused}"))?;
    }
    if found.is_empty() {
        out.say("nothing differs from what runs")?;
    }
    out.value(found)?;
    Ok(())
}
