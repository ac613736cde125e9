//! `vorgang zuweisen`: a person of the operator says which office answers a Vorgang. Becomes a message of the running process in that
//! office's name; the second person's lets the request go there. Never decides whether the office may have it.

use serde_json::json;

use super::args::Global;
use super::args_vorgang::ZuweisenArgs;
use super::command;
use super::exit::{CliError, Exit};
use super::output::Output;
use super::{bestand, stage, vorgang};
use crate::app::fit::Fit;
use crate::clock::Clock;
use crate::register::aemter::{Zustaendig, tag};
use crate::store::orders::Order;

/// The `on` entry of orders that give a Vorgang to an office.
const BINDING: &str = "person zuweisung";

/// Posts the word of one person and tells whether a second one is missing.
pub async fn run(
    global: &Global,
    clock: &Clock,
    args: &ZuweisenArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let amt = office(&fit, clock, &args.amt)?;
    let store = stage::opened(global, &fit, false)?;
    let known = vorgang::one(&*store, clock, args.id, &None, &args.reason).await?;
    let Some(nummer) = known.and_then(|one| one.nummer) else {
        let text = format!("no Vorgang with id {}; see `drehscheibe vorgang list`", args.id);
        return Err(CliError::Usage(text));
    };
    let said =
        [("was", json!("zuweisung")), ("id", json!(nummer)), ("aktenzeichen", json!(args.aktenzeichen))];
    let document = bestand::document(fit.compiled.stage.stage, clock, &amt, &said);
    let give =
        Order::Deliver { binding: BINDING.to_owned(), partner: amt.clone(), document: document.to_string() };
    let ended = command::carried(&*store, clock, give, &args.reason, args.patience.wait).await?;
    if ended.done() {
        let now = vorgang::one(&*store, clock, nummer, &None, &args.reason).await?;
        match now.as_ref().and_then(|one| one.zuweisung.as_ref()) {
            Some(_) => out.say(
                "a second person has to say the same within 24 hours; until then nothing goes anywhere",
            )?,
            None => out.say(&format!("{amt} answers it from now on, and the request goes there"))?,
        }
    }
    ended.tell(out)
}

/// The office by its name or by a place of its area.
fn office(fit: &Fit, clock: &Clock, written: &str) -> Result<String, CliError> {
    let aemter = &fit.compiled.tafeln.aemter;
    let key = (2..=12).contains(&written.len()) && written.bytes().all(|octet| octet.is_ascii_digit());
    let found = match key {
        true => match aemter.zustaendig(written, tag(clock.now())) {
            Zustaendig::Eines(amt) => Some(amt),
            Zustaendig::Keines | Zustaendig::Mehrere => None,
        },
        false => aemter.amt(written),
    };
    let Some(amt) = found else {
        let text = format!(
            "`{written}` names no single office of tables/aemter.yaml; see `drehscheibe tables list`"
        );
        return Err(CliError::Usage(text));
    };
    if !fit.compiled.partners.contains_key(&amt.id) {
        let text =
            format!("`{}` is no partner: it is not connected, and the request could not reach it", amt.id);
        return Err(CliError::Usage(text));
    }
    Ok(amt.id.clone())
}
