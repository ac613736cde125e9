//! `recover`: puts a backup in place of a stopped store, marks a database that was put back by other means, opens a store that
//! recovers, or says how it stands. Applies no ledger and sends nothing: the next `run` does, closed until a person opens it.

use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use super::args::Global;
use super::args_backup::RecoverArgs;
use super::command;
use super::exit::{CliError, Exit};
use super::output::{Output, counted, moment};
use super::{person, stage};
use crate::app::fit::Fit;
use crate::app::{house, proof};
use crate::clock::Clock;
use crate::store::backup;
use crate::store::orders::{Command, Order};
use crate::store::recovery::Restored;
use crate::store::restore::PutBack;

/// Runs `recover`.
pub async fn run(
    global: &Global,
    clock: &Clock,
    args: &RecoverArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let reason = args.reason.clone().unwrap_or_default();
    match (&args.dir, args.after_restore, args.open) {
        (Some(dir), ..) => put_back(global, clock, (dir, &reason), out).await,
        (None, true, _) => {
            let fit = stage::running(global, out)?;
            let restored = Restored { at: clock.now(), copied: None };
            house::mark_store(&stage::place(global), &fit.compiled, &restored)?;
            recorded(global, clock, (&fit, &reason)).await?;
            next(out)
        }
        (None, false, true) => {
            let store = stage::write_store(global, out)?;
            command::post(&*store, clock, Order::RecoverOpen {}, &reason, args.patience.wait, out).await
        }
        (None, false, false) => status(global, out).await,
    }
}

/// Writes who put the store back, and why, into the store that now stands there.
async fn recorded(global: &Global, clock: &Clock, (fit, reason): (&Fit, &str)) -> Result<(), CliError> {
    let command = Command {
        id: Uuid::now_v7(),
        order: Order::Recover {},
        person: person::acting(),
        reason: reason.to_owned(),
        at: clock.now(),
    };
    let store = stage::opened(global, fit, false)?;
    // Whoever ran on what was copied is not who runs on this.
    proof::renew(&*store).await?;
    Ok(store.post_command(command).await?)
}

async fn put_back(
    global: &Global,
    clock: &Clock,
    (dir, reason): (&Path, &str),
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let (manifest, faults) = backup::verify(dir)?;
    for fault in &faults {
        out.say(&format!("NOT OK: {fault}"))?;
    }
    if !faults.is_empty() {
        out.value(&json!({ "faults": faults }))?;
        out.say("nothing was changed; use another backup")?;
        return Ok(Exit::No);
    }
    let ours = fit.compiled.stage.stage.as_str();
    if manifest.database.stage != ours {
        return Err(CliError::Usage(format!(
            "this is a backup of stage {}, not of {ours}; name the stage's folder with --config",
            manifest.database.stage
        )));
    }
    if manifest.database.kind != fit.compiled.stage.store_kind {
        return Err(CliError::Usage(format!(
            "this is a backup of a store on {}, the stage's store is on {}",
            manifest.database.kind, fit.compiled.stage.store_kind
        )));
    }
    let restored = Restored { at: clock.now(), copied: Some(manifest.created) };
    let done = house::put_back(&stage::place(global), &fit.compiled, (dir, &manifest), &restored)?;
    match done {
        PutBack::Done { aside } => {
            out.say(&format!(
                "the backup of {} is in place; the store of before lies in {}, delete it when all is well",
                moment(manifest.created),
                aside.display()
            ))?;
            recorded(global, clock, (&fit, reason)).await?;
            next(out)
        }
        PutBack::ByOwner { commands } => {
            out.say("the owner of the database puts it back; nothing was changed yet:")?;
            for command in &commands {
                out.say(&format!("  {command}"))?;
            }
            out.value(&json!({ "commands": commands }))?;
            Ok(Exit::No)
        }
    }
}

fn next(out: &mut Output) -> Result<Exit, CliError> {
    out.say("now: start `drehscheibe run` (it applies the deletion ledger and stays closed), look at `drehscheibe recover`")?;
    out.say("and `drehscheibe parked list`, ask the partners to repeat since the backup, then")?;
    out.say("`drehscheibe recover --open --reason TEXT`")?;
    out.value(&json!({ "recovering": true }))?;
    Ok(Exit::Ok)
}

async fn status(global: &Global, out: &mut Output) -> Result<Exit, CliError> {
    let Some(found) = stage::read_store(global, out)?.recovery().await? else {
        out.say("the store is open; nothing recovers")?;
        out.value(&json!(null))?;
        return Ok(Exit::Ok);
    };
    if let Some(lost) = &found.lost {
        out.say(&format!(
            "acknowledged deliveries are missing ({}, the last of {}); sources and dispatch are closed",
            match lost.commits {
                0 => "nothing shows how many".to_owned(),
                commits => counted(commits, "commit"),
            },
            moment(lost.until)
        ))?;
        out.say(&format!(
            "ask all partners to repeat what they delivered from {} on (repeats do no harm), look at the disk, then",
            moment(lost.from)
        ))?;
        out.say("`drehscheibe recover --open --reason TEXT`")?;
        out.value(&found)?;
        return Ok(Exit::No);
    }
    let copied = found.copied.map_or_else(|| "at an unknown time".to_owned(), moment);
    out.say(&format!(
        "put back {}, from a backup taken {copied}; sources and dispatch are closed",
        moment(found.since)
    ))?;
    let applied = if found.applied { "applied" } else { "not applied yet; start `drehscheibe run`" };
    out.say(&format!("deletion ledger: {applied}"))?;
    out.say(&format!(
        "rows to send still in doubt: {}; `drehscheibe parked list` shows what nobody can tell",
        found.doubtful
    ))?;
    out.value(&found)?;
    Ok(Exit::No)
}
