//! What a person orders becomes a message like any other: routed, committed, audited, and answered by its verdict.
//! Never decides anything itself; the person stands in the head, never in the document.

use aws_lc_rs::digest;
use bytes::Bytes;
use uuid::Uuid;

use crate::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef, Verdict};
use crate::store::desk::Filter;
use crate::store::listed::Listed;
use crate::store::orders::{Command, CommandState};
use crate::store::stamp::Scope;

use super::shared::Shared;

/// The connection that orders come by.
pub const CONNECTION: &str = "befehl";

/// What a person hands in.
pub struct Said<'a> {
    /// The `on` entry, such as `person register`.
    pub binding: &'a str,
    /// The Jugendamt in whose name it is ordered.
    pub partner: &'a str,
    /// The document.
    pub document: &'a str,
}

/// Hands an order in and tells what became of it.
pub async fn deliver(shared: &Shared, command: &Command, said: Said<'_>) -> CommandState {
    let taken = shared.core.set.load().by_binding(said.binding).next().is_some();
    if !said.binding.starts_with("person ") || !taken {
        let text = format!("no route takes `{}`; apply one with `on: [ {{ person: … }} ]`", said.binding);
        return CommandState::Refused(text);
    }
    match shared.around.intake.deliver(envelope(&said, command, shared)).await {
        Ok(verdict) if verdict.state == Inbound::Accepted => {
            CommandState::Done(format!("accepted as message {}", verdict.id))
        }
        Ok(verdict) => CommandState::Refused(told(&verdict, kept(shared, verdict.id).await)),
        Err(busy) => CommandState::Refused(busy.to_string()),
    }
}

/// What is kept of an order that had no effect: the person reads here why, and the same later with `messages show`.
async fn kept(shared: &Shared, id: Uuid) -> Option<Listed> {
    let filter = Filter { id: Some(id), limit: 1, ..Filter::default() };
    shared.core.store.list(&Scope::Operator, filter).await.ok()?.pop()
}

fn told(verdict: &Verdict, kept: Option<Listed>) -> String {
    let (cause, next) = kept.map_or((None, None), |kept| (kept.cause, kept.next_step));
    let mut text = verdict.state.as_str().to_owned();
    for (before, part) in [(" with ", Some(verdict.codes.join(", "))), (": ", cause), (" Next: ", next)] {
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            text.push_str(before);
            text.push_str(&part);
        }
    }
    format!("{text} (`messages show {}`)", verdict.id)
}

/// Opens a store that was put back: from now on messages come in and leave.
pub async fn open(shared: &Shared, command: &Command) -> CommandState {
    let core = &shared.core;
    match core.store.open_dispatch(&command.person, &command.reason, core.clock.now()).await {
        Ok(true) => {
            core.gate.open();
            core.outbox.notify_one();
            core.woken.notify_one();
            CommandState::Done("open: sources and dispatch run".to_owned())
        }
        Ok(false) => {
            CommandState::Refused("the store is not recovering; there is nothing to open".to_owned())
        }
        Err(error) => CommandState::Refused(error.to_string()),
    }
}

/// The id of the command is that of the delivery, too: taken again after a crash it is the same one.
fn envelope(said: &Said<'_>, command: &Command, shared: &Shared) -> Envelope {
    let body = Bytes::from(said.document.to_owned());
    Envelope {
        head: Head {
            id: command.id,
            connection: CONNECTION.to_owned(),
            binding: said.binding.to_owned(),
            transport_id: command.id.to_string(),
            correlation: None,
            content_type: Some("application/json".to_owned()),
            partner: Some(PartnerRef { id: said.partner.to_owned(), how: How::Internal }),
            received: shared.around.clock.now(),
            return_address: None,
            traceparent: None,
            acting_person: Some(command.person.clone()),
            label: None,
            in_band: true,
        },
        evidence: Evidence {
            octets_sha256: hex::encode(digest::digest(&digest::SHA256, &body)),
            size: body.len() as u64,
            verification: "command of a person".to_owned(),
            ..Evidence::default()
        },
        body,
        parts: Vec::new(),
    }
}
