//! `routes plan` and `routes apply`: the difference between the files and what runs, and taking them over.

use crate::app::drains::{self, Draining};
use crate::cli::args::Global;
use crate::cli::args_routes::{ApplyArgs, EndDrainingArgs, RoutesCommand};
use crate::cli::command;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, age};
use crate::cli::stage;
use crate::clock::Clock;
use crate::envelope::Inbound;
use crate::route::plan_diff::{Difference, InFlight, Names, Picture, difference};
use crate::store::contract::{Filter, Scope, Store};
use crate::store::orders::Order;

/// Runs one of the commands.
pub async fn run(global: &Global, command: &RoutesCommand, out: &mut Output) -> Result<Exit, CliError> {
    match command {
        RoutesCommand::Plan => {
            let found = plan(global, false, out).await?;
            print(&found, out)?;
            Ok(if found.refused.is_empty() { Exit::Ok } else { Exit::No })
        }
        RoutesCommand::Apply(ApplyArgs { drain, reason, patience }) => {
            let found = plan(global, *drain, out).await?;
            if !found.refused.is_empty() {
                print(&found, out)?;
                return Ok(Exit::No);
            }
            let store = stage::write_store(global, out)?;
            let order = Order::Apply { drain: *drain };
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

async fn plan(global: &Global, drain: bool, out: &mut Output) -> Result<Difference, CliError> {
    let fit = stage::compile(global, out)?;
    let store = stage::opened(global, &fit, true)?;
    let note = store.note("app", "running").await?;
    let running: Picture = note.and_then(|octets| serde_json::from_slice(&octets).ok()).unwrap_or_default();
    let flying = in_flight(&*store).await?;
    Ok(difference(&running, &Picture::of_compiled(&fit.compiled), &flying, drain))
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
    names(out, "partner", &found.partners)?;
    names(out, "destination", &found.destinations)?;
    names(out, "source", &found.sources)?;
    names(out, "package", &found.packages)?;
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
