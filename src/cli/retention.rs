//! Shows what retention would remove, and orders a run. Tells numbers and moments only, never whose data they are.

use serde::Serialize;
use serde_json::json;

use super::args::Global;
use super::args_retention::RetentionCommand;
use super::command;
use super::exit::{CliError, Exit};
use super::output::{Output, moment, or_dash, saetze};
use super::stage;
use crate::clock::{Clock, in_berlin};
use crate::register::fristen::Klasse;
use crate::store::orders::Order;
use crate::store::retention::{Faellig, Stichtag};

/// A class as shown.
#[derive(Clone, Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    faellig: Faellig,
    /// Days of the period; null where a birthday or the row itself says when.
    tage: Option<u32>,
    /// Why this period.
    grund: &'static str,
}

/// Runs one of the commands.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &RetentionCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        RetentionCommand::Run(args) => {
            let store = stage::write_store(global, out)?;
            command::post(&*store, clock, Order::Retention {}, &args.reason, args.patience.wait, out).await
        }
        RetentionCommand::Plan => {
            let fit = stage::running(global, out)?;
            let store = stage::opened(global, &fit, true)?;
            let fristen = fit.compiled.stage.fristen.clone();
            let now = clock.now();
            let stichtag = Stichtag { now, heute: in_berlin(now), fristen, person: String::new() };
            let plan = store.retention_plan(&stichtag).await?;
            let folder = stage::place(global).store_folder(&fit.compiled);
            let all: Vec<Shown> = plan.into_iter().map(|one| shown(one, &stichtag)).collect();
            print(&all, &stichtag, out)?;
            out.value(&json!({
                "now": now,
                "store": folder.display().to_string(),
                "hour": stichtag.fristen.stunde,
                "classes": all,
            }))?;
            Ok(Exit::Ok)
        }
    }
}

fn shown(faellig: Faellig, stichtag: &Stichtag) -> Shown {
    let regel = faellig.klasse.regel();
    let tage = (regel.tage > 0).then(|| stichtag.fristen.tage(regel.klasse));
    Shown { faellig, tage, grund: regel.grund }
}

fn print(all: &[Shown], stichtag: &Stichtag, out: &mut Output) -> std::io::Result<()> {
    let row = |one: &Shown| {
        let Faellig { klasse, anzahl, aelteste, bis, .. } = &one.faellig;
        vec![
            klasse.wort().to_owned(),
            anzahl.to_string(),
            or_dash(aelteste.map(moment).as_deref()),
            or_dash(one.tage.map(|_| moment(*bis)).as_deref()),
            or_dash(one.tage.map(|tage| format!("{tage} days")).as_deref()),
            one.grund.to_owned(),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    out.table(&["CLASS", "GOES", "OLDEST", "BEFORE", "KEPT", "WHY"], &rows)?;
    for one in all {
        if one.faellig.bald > 0 {
            out.say(&format!(
                "{} more wait for a person and go within 14 days; see `drehscheibe parked list`",
                one.faellig.bald
            ))?;
        }
        if one.faellig.klasse == Klasse::Registersaetze && one.faellig.ohne_datum > 0 {
            out.say(&format!(
                "{} without birth date: nothing lets them go by itself, their Jugendamt has to correct them",
                saetze(one.faellig.ohne_datum)
            ))?;
        }
    }
    out.say(&format!("the daily run begins at {} o'clock (Europe/Berlin)", stichtag.fristen.stunde))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::tests::Printed;
    use crate::register::fristen::Fristen;

    #[test]
    fn a_plan_shows_numbers_periods_and_reasons() {
        let now = "2027-03-03T00:00:00Z".parse().unwrap();
        let stichtag =
            Stichtag { now, heute: in_berlin(now), fristen: Fristen::default(), person: String::new() };
        let mut held = Faellig::nichts(Klasse::Zurueckgestellt, &stichtag);
        (held.anzahl, held.bald) = (3, 2);
        let mut records = Faellig::nichts(Klasse::Registersaetze, &stichtag);
        records.ohne_datum = 1;
        let all = [shown(records, &stichtag), shown(held, &stichtag)];
        let printed = Printed::default();
        print(&all, &stichtag, &mut printed.output(false)).unwrap();
        let text = printed.text();
        for wanted in
            ["zurueckgestellt", "90 days", "2 more wait", "1 Registersatz without birth date", "at 2 o'clock"]
        {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let json = serde_json::to_value(&all[1]).unwrap();
        assert_eq!(
            (&json["klasse"], &json["anzahl"], &json["tage"]),
            (&json!("zurueckgestellt"), &json!(3), &json!(90))
        );
    }
}
