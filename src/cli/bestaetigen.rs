//! `vorgang bestaetigen`: a person of an office says that an answer which names another child or mother than was asked for is meant
//! as it is. Becomes a message of the running process in the office's name; then the answer runs again and finds it.

use serde_json::json;
use uuid::Uuid;

use super::args::Global;
use super::args_register::Ordered;
use super::bestand;
use super::command;
use super::exit::{CliError, Exit};
use super::output::Output;
use super::stage;
use crate::clock::Clock;
use crate::envelope::Inbound;
use crate::store::desk::Filter;
use crate::store::orders::Order;
use crate::store::stamp::Scope;

/// The `on` entry of orders about Vorgänge.
const BINDING: &str = "person vorgang";

/// Confirms and lets the answer go on.
pub async fn run(
    global: &Global,
    clock: &Clock,
    id: Uuid,
    ordered: &Ordered,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let store = stage::opened(global, &fit, false)?;
    let filter = Filter { id: Some(id), states: vec![Inbound::Parked], limit: 1, ..Filter::default() };
    let listed = store.list(&Scope::Operator, filter).await?;
    // Whether another office has one is nobody's business.
    if !listed.iter().any(|message| message.id == id && message.partner == ordered.jugendamt) {
        let text = format!(
            "no parked answer of `{}` has the id {id}; see `drehscheibe parked list`",
            ordered.jugendamt
        );
        return Err(CliError::Usage(text));
    }
    let said = [("was", json!("bestaetigung")), ("id", json!(id))];
    let document = bestand::document(fit.compiled.stage.stage, clock, &ordered.jugendamt, &said);
    let confirm = Order::Deliver {
        binding: BINDING.to_owned(),
        partner: ordered.jugendamt.clone(),
        document: document.to_string(),
    };
    let wait = ordered.patience.wait;
    let confirmed = command::carried(&*store, clock, confirm, &ordered.reason, wait).await?;
    if !confirmed.done() {
        return confirmed.tell(out);
    }
    command::post(&*store, clock, Order::Replay { id }, &ordered.reason, wait, out).await
}
