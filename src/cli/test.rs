//! `test`: the samples of the packages and the cases beside the routes; the closing line counts both.

use std::path::Path;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use serde::Serialize;

use crate::app::cases::{self, Outcome};
use crate::app::fit;
use crate::app::ground::Ground;
use crate::app::player;
use crate::app::samples;
use crate::cli::args::{Global, TestArgs};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::stage;

/// Cases under way at once.
const AT_ONCE: usize = 6;

#[derive(Serialize)]
struct Report {
    passed: usize,
    failed: usize,
    cases: Vec<Outcome>,
}

/// Runs all cases, or those that a path names.
pub async fn run(global: &Global, args: &TestArgs, out: &mut Output) -> Result<Exit, CliError> {
    let place = stage::place(global);
    fit::complete(&place).map_err(|unfit| stage::shown(unfit, out))?;
    let mut outcomes = Vec::new();
    if args.path.is_none() {
        let set = crate::xoev::package::load(&place.xsd).map_err(|faults| {
            CliError::Usage(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        for sample in samples::run(&set, &place.xsd) {
            tell(
                Outcome { case: sample.name, about: None, plays: 1, faults: sample.faults },
                &mut outcomes,
                out,
            )?;
        }
    }
    // Compiled once: faults of the stage's own files are shown once, and a play costs what it plays.
    let fit = fit::compile(&place, None).map_err(|unfit| stage::shown(unfit, out))?;
    let only = args.path.as_deref().map(|path| name_of(&place.routes, path));
    let found = cases::find(&place.routes, only.as_deref());
    let ground =
        Ground::made(player::stage(&fit)).await.map_err(|error| CliError::Usage(error.to_string()))?;
    let shared = Arc::new((place, fit, ground));
    // A play waits more than it works; told in the order of the names all the same.
    let plays = found.into_iter().map(|found| {
        let shared = shared.clone();
        tokio::spawn(async move { cases::run(&shared.0, &shared.1, &shared.2, &found).await })
    });
    let mut played = std::pin::pin!(stream::iter(plays).buffered(AT_ONCE));
    while let Some(outcome) = played.next().await {
        let outcome =
            outcome.map_err(|_| CliError::Usage("a play ended before its case; see above".to_owned()))?;
        tell(outcome, &mut outcomes, out)?;
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).count();
    let report = Report { passed: outcomes.len() - failed, failed, cases: outcomes };
    out.say(&format!("{} passed, {} failed", report.passed, report.failed))?;
    out.value(&report)?;
    Ok(if report.failed == 0 && report.passed > 0 { Exit::Ok } else { Exit::No })
}

fn tell(outcome: Outcome, outcomes: &mut Vec<Outcome>, out: &mut Output) -> Result<(), CliError> {
    let mark = if outcome.faults.is_empty() { "ok    " } else { "FAILED" };
    let plays = if outcome.plays > 1 { format!(" ({} plays)", outcome.plays) } else { String::new() };
    out.say(&format!("{mark} {}{plays}", outcome.case))?;
    for fault in &outcome.faults {
        out.say(&format!("       {fault}"))?;
    }
    outcomes.push(outcome);
    Ok(())
}

/// `routes/tests/route/case.yaml`, `route/case` and `route` all name cases.
fn name_of(routes: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(routes.join("tests")).unwrap_or(path);
    inside.with_extension("").display().to_string()
}
