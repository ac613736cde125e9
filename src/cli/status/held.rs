//! Messages that would run again and do not, because a pause holds their route or their partner. Shows no content, and ends no pause.

use jiff::Timestamp;

use super::{Item, Whose};
use crate::envelope::Inbound;
use crate::store::listed::Listed;
use crate::store::pauses::Pause;

/// What is said of them.
const WHAT: &str = "messages held by a pause";

/// Waiting messages behind pauses, pause by pause. What waits for another message as well is among them: it does not run either.
pub fn of_held(kept: &[Listed], pauses: &[Pause], now: Timestamp) -> Vec<Item> {
    let holds = pauses.iter().filter(|pause| pause.until.is_none_or(|until| until > now));
    let mut items = Vec::new();
    let mut counted: Vec<&Listed> = Vec::new();
    for pause in holds.filter(|pause| matches!(pause.kind.as_str(), "route" | "partner")) {
        let own = |listed: &&Listed| listed.state == Inbound::Waiting && is_of(listed, pause);
        let own: Vec<&Listed> = kept.iter().filter(own).filter(|one| !counted.contains(one)).collect();
        let Some(since) = own.iter().map(|listed| listed.received).min() else { continue };
        items.push(Item {
            what: WHAT.to_owned(),
            count: own.len() as u64,
            since: Some(since),
            whose: Whose::Person,
            cause: Some(format!("{} {} is held: {}", pause.kind, pause.name, pause.reason)),
            next: format!(
                "`drehscheibe resume {} {} --reason …`; they run then, what waits for another message goes on waiting for it",
                pause.kind, pause.name
            ),
        });
        counted.extend(own);
    }
    items
}

fn is_of(listed: &Listed, pause: &Pause) -> bool {
    match pause.kind.as_str() {
        "route" => listed.route.as_deref() == Some(pause.name.as_str()),
        _ => listed.partner == pause.name,
    }
}
