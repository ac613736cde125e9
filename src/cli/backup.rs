//! `backup`: copies what a store needs to be put back, while it runs or stands, and reads such a copy back.
//! Never copies keys beside data, and never overwrites a backup.

use std::path::Path;

use serde_json::json;

use super::args::Global;
use super::args_backup::{BackupArgs, BackupCommand};
use super::exit::{CliError, Exit};
use super::output::{Output, moment};
use super::stage;
use crate::clock::Clock;
use crate::store::backup;
use crate::store::manifest::Manifest;

/// Name of the note that says when and where the last backup was taken.
pub const LAST: &str = "backup.last";

/// Runs a command of `backup`.
pub async fn run(
    global: &Global,
    clock: &Clock,
    args: &BackupArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match (&args.into, &args.other) {
        (Some(into), _) => made(global, clock, into, out).await,
        (None, Some(BackupCommand::Verify { dir })) => verified(dir, out),
        (None, Some(BackupCommand::Keys { into })) => {
            let fit = stage::running(global, out)?;
            stage::may_write(global, &fit, into)?;
            backup::keys(&*stage::opened(global, &fit, false)?, into).await?;
            out.say(&format!(
                "key store and deletion ledger copied to {}; keep it away from the backups",
                into.display()
            ))?;
            out.value(&json!({ "keys": into }))?;
            Ok(Exit::Ok)
        }
        (None, None) => Err(CliError::Usage("name the folder of the backup".to_owned())),
    }
}

async fn made(global: &Global, clock: &Clock, into: &Path, out: &mut Output) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    stage::may_write(global, &fit, into)?;
    let store = stage::opened(global, &fit, false)?;
    let manifest = backup::make(&*store, into, clock.now()).await?;
    let note = json!({ "created": manifest.created, "dir": absolute(into) }).to_string();
    // Only `doctor` reads it; the backup stands without it.
    let _ = store.set_note("app", LAST, Some(note.into_bytes())).await;
    shown(&manifest, into, out)?;
    out.say(
        "keys and deletion ledger are not in it: `drehscheibe backup keys DIR` copies them to another place",
    )?;
    out.value(&manifest)?;
    Ok(Exit::Ok)
}

fn absolute(dir: &Path) -> std::path::PathBuf {
    std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned())
}

fn shown(manifest: &Manifest, dir: &Path, out: &mut Output) -> Result<(), CliError> {
    let rows: Vec<Vec<String>> =
        manifest.database.rows.iter().map(|(table, n)| vec![table.clone(), n.to_string()]).collect();
    out.say(&format!(
        "backup {} of {} (stage {}, schema {}, {} files)",
        dir.display(),
        moment(manifest.created),
        manifest.database.stage,
        manifest.database.schema_version,
        manifest.files.len()
    ))?;
    out.table(&["table", "rows"], &rows)?;
    Ok(())
}

fn verified(dir: &Path, out: &mut Output) -> Result<Exit, CliError> {
    let (manifest, faults) = backup::verify(dir)?;
    shown(&manifest, dir, out)?;
    for fault in &faults {
        out.say(&format!("NOT OK: {fault}"))?;
    }
    if faults.is_empty() {
        out.say("every file is as it was written, and the database opens")?;
    }
    out.value(&json!({ "manifest": manifest, "faults": faults }))?;
    Ok(if faults.is_empty() { Exit::Ok } else { Exit::No })
}
