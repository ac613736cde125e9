//! `standards list|import|check|diff`: what packages there are, taking in an official one, what is wrong, what differs.
//! Prints texts of schemas and packages only; nothing of a message comes here.

use std::path::PathBuf;

use serde_json::json;

use crate::app::install::{self, Import, Wanted};
use crate::app::packages::{self, Compared};
use crate::app::scratch::Scratch;
use crate::cli::args::{Global, ImportArgs, StandardsCommand};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, counted, or_dash};
use crate::cli::shipped;
use crate::xoev::diff::Difference;
use crate::xoev::fault::PackageFault;

/// Changes of one kind that are shown to people; a program gets all of them.
const SHOWN: usize = 60;

/// Runs one of the commands.
pub fn run(global: &Global, command: &StandardsCommand, out: &mut Output) -> Result<Exit, CliError> {
    let scratch = Scratch::new()?;
    let folder = || shipped::packages(&global.xsd, &scratch.0);
    match command {
        StandardsCommand::List => list(folder()?, out),
        StandardsCommand::Check(args) => check(args.folder.clone().map_or_else(folder, Ok)?, out),
        StandardsCommand::Import(args) => import(global, args, out),
        StandardsCommand::Diff(args) => {
            let folder = folder()?;
            let find = |named: &str| packages::find(&folder, named).map_err(CliError::Usage);
            match packages::compare(&find(&args.from)?, &find(&args.to)?) {
                Ok(compared) => differ(&compared, out),
                Err(faults) => broken(&faults, out),
            }
        }
    }
}

fn broken(faults: &[PackageFault], out: &mut Output) -> Result<Exit, CliError> {
    for fault in faults {
        out.say(&fault.to_string())?;
    }
    out.say(&counted(faults.len() as u64, "fault"))?;
    out.value(&json!({ "faults": faults }))?;
    Ok(Exit::No)
}

fn list(folder: PathBuf, out: &mut Output) -> Result<Exit, CliError> {
    let listed = match packages::list(&folder, &shipped::package) {
        Ok(listed) => listed,
        Err(faults) => return broken(&faults, out),
    };
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|package| {
            let day = |day: &Option<String>| day.clone().unwrap_or_default();
            let valid = match (&package.valid_from, &package.valid_until) {
                (None, None) => "always".to_owned(),
                (from, until) => format!("{}…{}", day(from), day(until)),
            };
            vec![
                format!("{}/{}", package.standard, package.version),
                package.text.to_owned(),
                package.from.to_owned(),
                package.messages.len().to_string(),
                or_dash(package.receipt.as_deref()),
                or_dash(package.rejection.as_deref()),
                valid,
                package.sha256.chars().take(12).collect(),
            ]
        })
        .collect();
    let head = ["package", "text", "from", "messages", "receipt", "rejection", "valid", "hash"];
    out.table(&head, &rows)?;
    out.say("")?;
    let yes = |is: bool| if is { "yes" } else { "–" }.to_owned();
    let rows: Vec<Vec<String>> = listed
        .iter()
        .flat_map(|package| {
            package.messages.iter().map(|message| {
                let of = format!("{}/{}", package.standard, package.version);
                vec![message.message.clone(), of, yes(message.reads), yes(message.writes)]
            })
        })
        .collect();
    out.table(&["message", "package", "read", "written"], &rows)?;
    out.value(&listed)?;
    Ok(Exit::Ok)
}

fn check(folder: PathBuf, out: &mut Output) -> Result<Exit, CliError> {
    let found = packages::check(&folder);
    for fault in &found.faults {
        out.say(&fault.to_string())?;
    }
    if found.faults.is_empty() {
        out.say(&format!(
            "ok: {}, {}, {}",
            counted(found.packages as u64, "package"),
            counted(found.messages as u64, "message"),
            counted(found.samples as u64, "sample")
        ))?;
    } else {
        out.say(&counted(found.faults.len() as u64, "fault"))?;
    }
    out.value(&found)?;
    Ok(if found.faults.is_empty() { Exit::Ok } else { Exit::No })
}

fn import(global: &Global, args: &ImportArgs, out: &mut Output) -> Result<Exit, CliError> {
    let wanted = Wanted {
        folder: &global.xsd,
        source: &args.source,
        named: args.named.as_deref(),
        dry_run: args.dry_run,
    };
    let found = install::import(&wanted).map_err(|error| CliError::Usage(error.to_string()))?;
    told(&found, out)?;
    out.value(&found)?;
    Ok(if found.fits() { Exit::Ok } else { Exit::No })
}

fn told(found: &Import, out: &mut Output) -> Result<(), CliError> {
    if let (Some(package), Some(from)) = (&found.package, &found.mapping_from) {
        out.say(&match package == from {
            true => format!("{package}: over ours, whose mapping is kept"),
            false => format!("{package}: beside {from}, whose mapping it takes"),
        })?;
    }
    for note in &found.notes {
        out.say(&format!("note: {note}"))?;
    }
    if let Some(changes) = &found.changes {
        changed(changes, out)?;
    }
    for sample in &found.left_out {
        out.say(&format!("sample left out: {sample}"))?;
    }
    for fault in &found.faults {
        out.say(&format!("! {fault}"))?;
    }
    out.say(&match (found.fits(), found.installed) {
        (false, _) => {
            format!("refused: {}; nothing was changed", counted(found.faults.len() as u64, "fault"))
        }
        (true, true) => "installed; a running process takes it over with `routes apply` or SIGHUP".to_owned(),
        (true, false) => "fits; nothing was changed".to_owned(),
    })?;
    Ok(())
}

fn changed(changes: &Difference, out: &mut Output) -> Result<(), CliError> {
    for message in &changes.messages_added {
        out.say(&format!("+ message {message}"))?;
    }
    for message in &changes.messages_removed {
        out.say(&format!("- message {message}"))?;
    }
    for (word, list) in [("", &changes.elements), ("code list ", &changes.codelists)] {
        for change in list.iter().take(SHOWN) {
            out.say(&format!("~ {word}{} {}", change.at, change.what))?;
        }
        if list.len() > SHOWN {
            out.say(&format!("  and {} more; see --json", list.len() - SHOWN))?;
        }
    }
    Ok(())
}

fn differ(found: &Compared, out: &mut Output) -> Result<Exit, CliError> {
    changed(&found.difference, out)?;
    for (of, on, faults) in
        [(&found.from, &found.to, &found.difference.unfit), (&found.to, &found.from, &found.unfit_back)]
    {
        if !faults.is_empty() {
            out.say(&format!("the mapping of {of} does not fit {on}:"))?;
        }
        for fault in faults {
            out.say(&format!("! {fault}"))?;
        }
    }
    let same = found.difference.is_empty() && found.unfit_back.is_empty();
    if same {
        out.say("nothing differs")?;
    }
    out.value(found)?;
    Ok(if same { Exit::Ok } else { Exit::No })
}
