//! `support bundle`: gathers, searches, shows, asks, writes, in this order. Nothing is shown before it was searched, and nothing
//! is written before it was shown.

use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use super::args::Global;
use super::args_support::{BundleArgs, SupportCommand};
use super::doctor;
use super::exit::{CliError, Exit};
use super::output::{Output, counted};
use super::stage;
use crate::app::bundle::archive::{self, Piece};
use crate::app::bundle::gather::{self, Asked};
use crate::app::bundle::search::Found;
use crate::clock::Clock;

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    files: Vec<Shown<'a>>,
    secrets_looked_for: usize,
    refused: Vec<Found>,
    written: Option<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    octets: usize,
    text: &'a str,
}

/// Runs one of the commands.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &SupportCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let SupportCommand::Bundle(args) = command;
    if let Some(there) = args.to.as_deref().filter(|to| to.exists()) {
        return Err(CliError::Usage(format!(
            "{} exists and is not replaced; name another file",
            there.display()
        )));
    }
    let (place, at) = (stage::place(global), clock.now());
    let (fit, search) = gather::compile(&place, at).map_err(|unfit| stage::shown(unfit, out))?;
    if let Some(to) = &args.to {
        stage::may_write(global, &fit, to)?;
    }
    let asked = Asked {
        at,
        findings: doctor::findings(&place).await,
        log: args.log.clone(),
        lines: usize::from(args.lines),
        metrics: args.metrics.clone(),
    };
    let pieces = gather::gather(&place, &fit, &search, asked).await;
    let mut report = Report {
        files: Vec::new(),
        secrets_looked_for: search.secrets(),
        refused: search.all(&pieces),
        written: None,
    };
    if !report.refused.is_empty() {
        refuse(&report.refused, out)?;
        out.value(&report)?;
        return Ok(Exit::No);
    }
    report.files = pieces
        .iter()
        .map(|piece| Shown { name: piece.name, octets: piece.text.len(), text: &piece.text })
        .collect();
    show(&pieces, out)?;
    let exit = match args.to.as_deref() {
        Some(to) if agreed(args, to, out)? => {
            write(to, &archive::pack(&pieces, at)?)?;
            out.say(&format!("written: {}", to.display()))?;
            report.written = Some(to.display().to_string());
            Exit::Ok
        }
        Some(_) => {
            out.say("nothing was written; agree on a terminal, or repeat it with --yes")?;
            Exit::No
        }
        None => Exit::Ok,
    };
    out.value(&report)?;
    Ok(exit)
}

fn refuse(found: &[Found], out: &mut Output) -> io::Result<()> {
    out.say(&format!(
        "refused: {} found that must not leave; nothing was shown and nothing was written",
        counted(found.len() as u64, "thing")
    ))?;
    let rows: Vec<Vec<String>> =
        found.iter().map(|one| vec![one.file.clone(), one.line.to_string(), one.what.clone()]).collect();
    out.table(&["FILE", "LINE", "WHAT"], &rows)?;
    out.say(
        "\nA secret that is a plain word stands in other places too: renew it. Where something else got in, that is a fault of \
         this program: leave out what brought it (--log, --metrics) and report it with this table.",
    )
}

fn show(pieces: &[Piece], out: &mut Output) -> io::Result<()> {
    for piece in pieces {
        out.say(&format!("── {} ({})", piece.name, counted(piece.text.len() as u64, "octet")))?;
        out.lines(&piece.text)?;
    }
    Ok(())
}

/// Whether a person at a terminal agrees, or agreed beforehand.
fn agreed(args: &BundleArgs, to: &Path, out: &mut Output) -> io::Result<bool> {
    if args.yes {
        return Ok(true);
    }
    if out.is_json() || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Ok(false);
    }
    out.say(&format!("This is all of it. Write it to {}? Answer `yes`:", to.display()))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "yes" | "y" | "ja" | "j"))
}

/// Only for its owner, never over another file, and whole or not at all.
fn write(to: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    file.write_all(octets).and_then(|()| file.sync_all()).inspect_err(|_| {
        // Half an archive helps nobody; a second failure changes nothing about the first.
        let _ = std::fs::remove_file(to);
    })
}
