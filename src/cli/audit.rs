//! `audit`: what was changed and who read what, for the auditor; taken away by `audit_export`, judged by `audit_verify`. Every look is
//! recorded before anything is shown. Never shows a payload.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::args::Global;
use super::args_audit::{AuditCommand, AuditShowArgs, Only};
use super::audit_verify::PAGE;
use super::exit::{CliError, Exit};
use super::output::{Output, moment, or_dash};
use super::{audit_export, audit_verify, person, stage};
use crate::clock::Clock;
use crate::envelope::Stage;
use crate::route::connections::StageSettings;
use crate::store::audit::{By, Held, Recorded, Retrieved, Told, Turn, Viewing, Window};
use crate::store::contract::Store;

/// Runs one of the commands.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &AuditCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    match command {
        AuditCommand::Verify(args) => {
            let store = stage::opened(global, &fit, true)?;
            let periods = (&fit.compiled.stage.fristen, clock.now());
            audit_verify::run(&*store, periods, args, out).await
        }
        AuditCommand::Show(args) => {
            let who = admitted(&fit.compiled.stage, person::acting())?;
            let store = stage::opened(global, &fit, false)?;
            let recorded = store.record(Viewing::Shown, &who, &args.reason, clock.now()).await?;
            show(&*store, &recorded, args, out).await
        }
        AuditCommand::Export(args) => {
            let who = admitted(&fit.compiled.stage, person::acting())?;
            stage::may_write(global, &fit, &args.out)?;
            let store = stage::opened(global, &fit, false)?;
            let name = fit.compiled.stage.stage.as_str();
            audit_export::run(&*store, (name, &who), clock.now(), args, out).await
        }
    }
}

/// The acting person, where it may look.
fn admitted(stage: &StageSettings, person: String) -> Result<String, CliError> {
    if may_look(stage.stage, &stage.auditors, &person) {
        return Ok(person);
    }
    Err(CliError::Usage(format!(
        "changes and the Abrufprotokoll are for auditors, and {} is none; who shall look is named under `auditors` in \
         connections.yaml, `audit verify` is for everybody who may read the store",
        named(&person)
    )))
}

/// A person without what was proved of it.
fn named(person: &str) -> &str {
    person.split(" (").next().unwrap_or_default()
}

/// Whom the stage names as an auditor; where no data are real and nobody is named, everybody.
fn may_look(stage: Stage, auditors: &[String], person: &str) -> bool {
    let open = matches!(stage, Stage::Test | Stage::Demo) && auditors.is_empty();
    open || auditors.iter().any(|auditor| auditor == named(person))
}

/// A change as shown.
#[derive(Serialize)]
struct ShownChange {
    /// To the microsecond, as the chain has it.
    at: Option<Timestamp>,
    what: String,
    strand: i64,
    place: i64,
    subject: Option<Uuid>,
    person: String,
    partner: String,
    mandant: String,
    reason: Option<String>,
    /// The arguments of a command.
    ordered: Value,
    detail: Value,
}

/// A retrieval as shown.
#[derive(Serialize)]
struct ShownRetrieval {
    at: Timestamp,
    step: String,
    message: Uuid,
    records: Vec<Uuid>,
    person: String,
    partner: String,
    mandant: String,
    reason: Option<String>,
}

/// Who a change names in its facts, where it is not in its attributes.
fn person_of(told: &Told) -> String {
    let Held::There(change) = &told.link.change else { return String::new() };
    let said = serde_json::from_slice::<Value>(&change.detail).ok();
    let said = said.as_ref().and_then(|detail| detail.get("person")).and_then(Value::as_str);
    match (said, &change.by) {
        (Some(said), _) if !said.is_empty() => said.to_owned(),
        (_, Some(by)) => by.person.clone(),
        _ => String::new(),
    }
}

fn wanted(args: &AuditShowArgs, kind: &str, person: &str, partner: &str) -> bool {
    args.kind.as_ref().is_none_or(|wanted| kind.starts_with(wanted.as_str()))
        && args.person.as_ref().is_none_or(|wanted| person.starts_with(wanted.as_str()))
        && args.partner.as_ref().is_none_or(|wanted| partner == wanted)
}

fn shown_change(told: Told, args: &AuditShowArgs) -> Option<ShownChange> {
    let person = person_of(&told);
    let Held::There(change) = told.link.change else { return None };
    let By { mandant, partner, .. } = change.by.unwrap_or_default();
    if !wanted(args, &change.what, &person, &partner) {
        return None;
    }
    let ordered = told.said.ordered.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    let mut detail = serde_json::from_slice(&change.detail).unwrap_or(Value::Null);
    if let Value::Object(facts) = &mut detail {
        // Told beside it, opened.
        facts.remove("reason");
        facts.remove("person");
    }
    Some(ShownChange {
        at: Timestamp::from_microsecond(change.at).ok(),
        what: change.what,
        strand: told.link.strand,
        place: told.link.place,
        subject: change.subject,
        person,
        partner,
        mandant,
        reason: told.said.reason,
        ordered,
        detail,
    })
}

fn shown_retrieval(one: Retrieved, args: &AuditShowArgs) -> Option<ShownRetrieval> {
    let By { mandant, partner, person, .. } = one.by;
    wanted(args, &one.step, &person, &partner).then(|| ShownRetrieval {
        at: one.at,
        step: one.step,
        message: one.message,
        records: one.records,
        person,
        partner,
        mandant,
        reason: if one.damaged { Some("(person and reason do not open)".to_owned()) } else { one.reason },
    })
}

async fn show(
    store: &dyn Store,
    recorded: &Recorded,
    args: &AuditShowArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let window = Window { from: args.from, until: args.until, subject: args.subject };
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut changes = Vec::new();
    let mut before = None;
    while args.only != Some(Only::Retrievals) && changes.len() < most {
        let page = store.changes(recorded, &window, Turn { before, limit: PAGE }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        let left = most - changes.len();
        changes.extend(page.into_iter().filter_map(|told| shown_change(told, args)).take(left));
    }
    let mut retrievals = Vec::new();
    let mut before = None;
    while args.only != Some(Only::Changes) && retrievals.len() < most {
        let page = store.retrievals(recorded, &window, Turn { before, limit: PAGE }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        let left = most - retrievals.len();
        retrievals.extend(page.into_iter().filter_map(|one| shown_retrieval(one, args)).take(left));
    }
    if args.only != Some(Only::Retrievals) {
        print_changes(&changes, out)?;
    }
    if args.only.is_none() {
        out.say("")?;
    }
    if args.only != Some(Only::Changes) {
        print_retrievals(&retrievals, out)?;
    }
    out.value(&json!({ "changes": changes, "retrievals": retrievals }))?;
    Ok(Exit::Ok)
}

fn dash(text: &str) -> String {
    or_dash(Some(text).filter(|text| !text.is_empty()))
}

/// What it was, and of a command what was ordered.
fn what(one: &ShownChange) -> String {
    let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let ordered = one.ordered.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let words = ordered.map(|(name, value)| format!(" {name}={}", said(value)));
    one.what.clone() + &words.collect::<String>()
}

fn print_changes(changes: &[ShownChange], out: &mut Output) -> std::io::Result<()> {
    if changes.is_empty() {
        return out.say("no such change");
    }
    let row = |one: &ShownChange| {
        vec![
            one.at.map_or_else(|| "at no moment".to_owned(), moment),
            what(one),
            format!("{}/{}", one.strand, one.place),
            or_dash(one.subject.map(|id| id.to_string()).as_deref()),
            dash(&one.partner),
            dash(&one.person),
            or_dash(one.reason.as_deref()),
        ]
    };
    let rows: Vec<Vec<String>> = changes.iter().map(row).collect();
    out.table(&["CHANGED", "WHAT", "LINK", "SUBJECT", "PARTNER", "PERSON", "REASON"], &rows)
}

fn print_retrievals(retrievals: &[ShownRetrieval], out: &mut Output) -> std::io::Result<()> {
    if retrievals.is_empty() {
        return out.say("no such retrieval");
    }
    let row = |one: &ShownRetrieval| {
        vec![
            moment(one.at),
            one.step.clone(),
            one.message.to_string(),
            one.records.len().to_string(),
            dash(&one.partner),
            dash(&one.person),
            or_dash(one.reason.as_deref()),
        ]
    };
    let rows: Vec<Vec<String>> = retrievals.iter().map(row).collect();
    out.table(&["READ", "BY", "FOR", "RECORDS", "PARTNER", "PERSON", "REASON"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_auditors_look_at_real_data() {
        let (rita, named) = ("os:rita (unverified)", ["os:rita".to_owned()]);
        for stage in [Stage::Produktion, Stage::Abnahme] {
            assert!(!may_look(stage, &[], rita), "{stage:?}");
            assert!(may_look(stage, &named, rita) && !may_look(stage, &named, "os:ritamaria (unverified)"));
        }
        for stage in [Stage::Test, Stage::Demo] {
            assert!(may_look(stage, &[], rita) && may_look(stage, &named, rita));
            assert!(!may_look(stage, &named, "os:otto (unverified)"), "who is named there is named");
        }
    }
}
