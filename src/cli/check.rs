//! `check` and `partners check`: whether the files of a stage can run, and what they mean with every default.

use crate::app::certificates::{self, Near, Seen};
use crate::app::fit;
use crate::cli::args::{CheckArgs, Global};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, counted, moment};
use crate::cli::stage;
use crate::clock::Clock;
use crate::route::{explain, show};

/// Checks all files of a stage.
pub fn run(global: &Global, args: &CheckArgs, out: &mut Output) -> Result<Exit, CliError> {
    let place = stage::place(global);
    let fit = match fit::checked(&place, Some(Clock::real().now())) {
        Ok(fit) => fit,
        Err(fit::Unfit::Files(faults) | fit::Unfit::Meeting(faults)) => {
            out.lines(&show::render(&faults.faults, &[], false))?;
            out.say(&counted(faults.faults.len() as u64, "fault"))?;
            out.value(&faults.json())?;
            return Ok(Exit::No);
        }
        Err(other) => return Err(CliError::Usage(other.to_string())),
    };
    if !fit.compiled.warnings.is_empty() {
        out.lines(&show::render(&[], &fit.compiled.warnings, false))?;
    }
    if args.explain {
        out.lines(&explain::text(&fit.compiled.effective))?;
    }
    out.say(&format!(
        "{}, {}, {}, {}, {}: no fault; version {}",
        counted(fit.compiled.plans.len() as u64, "route"),
        counted(fit.compiled.partners.len() as u64, "partner"),
        counted(fit.standards.known().len() as u64, "known message"),
        counted(fit.compiled.tafeln.aemter.aemter.len() as u64, "office"),
        counted(fit.compiled.tafeln.gemeinden.len() as u64, "place"),
        fit.compiled.version
    ))?;
    out.value(&serde_json::json!({
        "faults": [],
        "warnings": fit.compiled.warnings,
        "version": fit.compiled.version,
        "tables": {
            "offices": fit.compiled.tafeln.aemter.aemter.len(),
            "places": fit.compiled.tafeln.gemeinden.len(),
        },
        "effective": if args.explain { fit.compiled.effective } else { serde_json::Value::Null },
    }))?;
    Ok(Exit::Ok)
}

/// Checks that each partner can come in and be reached.
pub fn partners(global: &Global, out: &mut Output) -> Result<Exit, CliError> {
    let fit = stage::compile(global, out)?;
    let now = Clock::real().now();
    let all = certificates::of_stage(&stage::place(global), &fit.compiled, now);
    let mut rows = Vec::new();
    let mut values = Vec::new();
    let mut fine = true;
    for (name, partner) in &fit.compiled.partners {
        let ways: Vec<&str> = fit
            .compiled
            .destinations
            .iter()
            .filter(|wanted| wanted.channel.partner == *name)
            .map(|wanted| wanted.connection.as_str())
            .collect();
        let credentials =
            fit.compiled.admission.entries.iter().filter(|entry| entry.partner == *name).count();
        let valid = partner.holds(now);
        let useless = credentials == 0 && ways.is_empty();
        let own: Vec<&Seen> = all.iter().filter(|one| one.partner.as_ref() == Some(name)).collect();
        fine &= valid && !useless;
        let word = match (valid, useless) {
            (false, _) => "not valid today: deliveries are refused",
            (true, true) => "cannot come in and cannot be reached",
            (true, false) => "ok",
        };
        rows.push(vec![
            name.clone(),
            partner.sender.groups.join(", "),
            counted(credentials as u64, "credential"),
            if ways.is_empty() { "-".to_owned() } else { ways.join(", ") },
            word.to_owned(),
        ]);
        values.push(serde_json::json!({
            "partner": name, "groups": partner.sender.groups, "credentials": credentials, "reached-by": ways,
            "valid": valid, "verdict": word, "certificates": own,
        }));
    }
    out.table(&["partner", "groups", "comes in by", "reached by", "verdict"], &rows)?;
    let shown = |one: &Seen| {
        vec![one.by.clone(), one.sha256.chars().take(16).collect(), moment(one.until), one.said(now)]
    };
    if !all.is_empty() {
        out.say("")?;
        out.table(&["certificate of", "sha256", "until", ""], &all.iter().map(shown).collect::<Vec<_>>())?;
    }
    fine &= all.iter().all(|one| one.near != Near::Over);
    let of_stage = all.iter().filter(|one| one.partner.is_none());
    let of_stage: Vec<&Seen> = of_stage.collect();
    if !of_stage.is_empty() {
        values.push(serde_json::json!({ "partner": null, "certificates": of_stage }));
    }
    out.value(&values)?;
    Ok(if fine { Exit::Ok } else { Exit::No })
}
