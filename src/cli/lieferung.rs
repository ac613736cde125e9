//! `lieferung`: deliveries of an office that have not had their effect and therefore stand against answers: what is open, and the
//! orders that close it. Never shows what a delivery says: ids, reasons and times only.

use serde_json::json;

use super::args::Global;
use super::args_register::LieferungCommand;
use super::bestand::order;
use super::exit::{CliError, Exit};
use super::output::{Output, age, moment};
use super::stage;
use crate::clock::Clock;
use crate::effects::{Fact, Question};
use crate::register::objection::{MOST, Objection, SECOND_PERSON, Sought, Why};

/// Runs a command of `lieferung`.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &LieferungCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        LieferungCommand::List { jugendamt } => list(global, clock, jugendamt.as_deref(), out).await,
        LieferungCommand::Erledigt { id, ordered } => {
            order(global, clock, ordered, &[("was", json!("erledigt")), ("id", json!(id))], out).await
        }
        LieferungCommand::Freigeben { id, ordered, aktenzeichen } => {
            let said = [("was", json!("freigabe")), ("id", json!(id)), ("aktenzeichen", json!(aktenzeichen))];
            order(global, clock, ordered, &said, out).await
        }
    }
}

async fn list(
    global: &Global,
    clock: &Clock,
    jugendamt: Option<&str>,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::compile(global, out)?;
    let offices = fit.compiled.tafeln.aemter.aemter.iter().map(|amt| amt.id.clone());
    let offices: Vec<String> = offices.filter(|id| jugendamt.is_none_or(|wanted| wanted == id)).collect();
    if let (Some(name), true) = (jugendamt, offices.is_empty()) {
        return Err(CliError::Usage(format!("there is no office `{name}` in tables/aemter.yaml")));
    }
    let store = stage::read_store(global, out)?;
    // What is of no office is listed with all of them.
    let nobody = jugendamt.is_none().then(String::new);
    let questions = offices.into_iter().chain(nobody).map(Sought::Open).map(Question::Objections).collect();
    let answers = store.lookup(questions).await?;
    let found: Vec<Objection> = answers
        .into_iter()
        .flat_map(|answer| match answer.fact {
            Fact::Objections(found) => found,
            _ => Vec::new(),
        })
        .filter(|one| !one.amt.is_empty() || one.why == Why::Unowned)
        .collect();
    let now = clock.now();
    let row = |one: &Objection| {
        let released = one.released.as_ref().filter(|word| now.duration_since(word.at) <= SECOND_PERSON);
        vec![
            if one.amt.is_empty() { "–".to_owned() } else { one.amt.clone() },
            one.delivery.to_string(),
            word(one).to_owned(),
            if one.message.is_empty() { "–".to_owned() } else { one.message.clone() },
            age(now, one.since),
            released.map_or_else(
                || next(one).to_owned(),
                |word| {
                    format!("released by {} at {}; a second person is missing", word.person, moment(word.at))
                },
            ),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    if rows.is_empty() {
        out.say("nothing is open")?;
    } else {
        out.table(&["OFFICE", "DELIVERY", "WHY", "MESSAGE", "FOR", "NEXT"], &rows)?;
    }
    if found.len() >= MOST {
        out.say(&format!("at most {MOST} of each office are listed"))?;
    }
    let shown = |one: &Objection| {
        json!({
            "jugendamt": one.amt,
            "id": one.delivery,
            "grund": one.why.as_str(),
            "message": one.message,
            "seit": one.since,
            "freigegeben": one.released.as_ref().map(|word| json!({ "am": word.at, "von": word.person })),
        })
    };
    out.value(&found.iter().map(shown).collect::<Vec<_>>())?;
    Ok(Exit::Ok)
}

fn word(one: &Objection) -> &'static str {
    match one.why {
        Why::Parked if one.of_notice() => "Mitteilung",
        Why::Unreadable if one.of_notice() => "Mitteilung ohne Angaben",
        Why::Rejected => "abgewiesen",
        Why::Parked => "zurückgestellt",
        Why::Quarantined => "gesondert",
        Why::Waiting => "wartet",
        Why::Unreadable => "unlesbar",
        Why::Foreign => "fremd",
        Why::Unowned => "Mitteilung ohne Amt",
    }
}

fn next(one: &Objection) -> &'static str {
    match one.why {
        Why::Parked | Why::Unreadable if one.of_notice() => {
            "the office that got it says `erledigt` (of a court's notice also `abgelehnt`); else two persons with its Aktenzeichen: `lieferung freigeben`"
        }
        Why::Rejected | Why::Quarantined | Why::Waiting if one.of_notice() => {
            "the office that keeps the register now says `erledigt`; else two persons with its Aktenzeichen: `lieferung freigeben`"
        }
        Why::Rejected | Why::Quarantined => "the office delivers the child anew, or says `erledigt`",
        Why::Parked => "mend the cause and replay (`parked show`), or the office delivers anew",
        Why::Waiting => "nothing yet; else as for what was refused",
        Why::Unreadable => "the office sends a readable copy; else `lieferung freigeben` by two persons",
        Why::Foreign => {
            "a hint: if it is its own, the office delivers it anew with the right place and key; of others nothing"
        }
        Why::Unowned => {
            "of a parked message mend the cause and replay (`parked show`); else find the office, hand it on, then two persons with its Aktenzeichen: `lieferung freigeben`, by any connected office (`--jugendamt`)"
        }
    }
}
