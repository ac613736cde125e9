//! `dry-run`: a message through the routes as they are written now, in a store of its own that is thrown away.
//! Shows what would happen and, for a stored message, what differs from what happened then.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use crate::app::player::{self, Event, Given, Played, Script, Troubles};
use crate::cli::args::{DryRunArgs, Global};
use crate::cli::exit::{CliError, Exit};
use crate::cli::messages::beside;
use crate::cli::output::{Output, saetze};
use crate::cli::{person, stage};
use crate::clock::Clock;
use crate::config;
use crate::envelope::{Part, Stage};
use crate::store::desk::Filter;
use crate::store::listed::Listed;
use crate::store::stamp::Scope;
use crate::xoev::inspect::inspect;

#[derive(Serialize)]
struct Shown {
    state: String,
    codes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    reply: Option<String>,
    sends: Vec<String>,
    mirror: u64,
    differs: Vec<String>,
}

/// Plays one message and prints what it would cause.
pub async fn run(global: &Global, args: &DryRunArgs, out: &mut Output) -> Result<Exit, CliError> {
    let (given, then, begins) = match (&args.message, &args.file) {
        (Some(id), _) => {
            let (given, listed) = stored(global, *id, args.reason.as_deref(), out).await?;
            // When it was received is part of what decided it.
            let begins = listed.received;
            (given, Some(listed), begins)
        }
        (None, Some(file)) => {
            let octets = std::fs::read(file).map_err(|error| {
                CliError::Usage(format!("{}: {}", file.display(), config::what(error.kind())))
            })?;
            let octets = Bytes::from(octets);
            let begins = after_stamp(global, octets.clone(), out)?;
            (from_file(global, octets, args.partner.clone(), out)?, None, begins)
        }
        (None, None) => {
            return Err(CliError::Usage("name a stored message with --message, or a file".to_owned()));
        }
    };
    let fit = stage::compile(global, out)?;
    if fit.compiled.stage.stage == Stage::Produktion {
        out.say(
            "the play runs as stage test: a message without the attribute `test` is refused there (S999)",
        )?;
    }
    let from = format!("{}, from {}", given.binding, given.partner.as_deref().unwrap_or("nobody"));
    let script =
        Script { begins: Some(begins), events: vec![Event::Given(Box::new(given))], ..Script::default() };
    let played = player::alone(&fit, &script, &Troubles { times: 1, ..Troubles::default() })
        .await
        .map_err(|error| CliError::Usage(error.to_string()))?;
    let shown = shown(&played, then.as_ref());
    out.say(&format!("by     {from}"))?;
    out.say(&format!("state  {}{}", shown.state, codes(&shown.codes, shown.cause.as_deref())))?;
    if let Some(cause) = &shown.cause {
        out.say(&format!("why    {cause}"))?;
    }
    out.say(&format!("answer {}", shown.reply.as_deref().unwrap_or("none")))?;
    for send in &shown.sends {
        out.say(&format!("sends  {send}"))?;
    }
    out.say(&format!("mirror {} in an empty mirror", saetze(shown.mirror)))?;
    for line in &shown.differs {
        out.say(&format!("differs from then: {line}"))?;
    }
    out.value(&shown)?;
    Ok(if shown.differs.is_empty() { Exit::Ok } else { Exit::No })
}

fn codes(codes: &[String], cause: Option<&str>) -> String {
    if codes.is_empty() { String::new() } else { format!(": {}", beside(codes, cause)) }
}

fn shown(played: &Played, then: Option<&Listed>) -> Shown {
    let verdict = played.verdicts.first().and_then(Option::as_ref);
    let state = verdict.map(|verdict| verdict.state.as_str().to_owned()).unwrap_or_default();
    let codes: Vec<String> = verdict.map(|verdict| verdict.codes.clone()).unwrap_or_default();
    let mut sends: Vec<String> = played
        .taken
        .iter()
        .map(|(word, partner, envelope)| format!("{word} {partner}: {} octets", envelope.body.len()))
        .collect();
    sends.sort();
    let mut differs = Vec::new();
    if let Some(then) = then {
        if then.state.as_str() != state {
            differs.push(format!("state was {}, would be {state}", then.state.as_str()));
        }
        if then.codes != codes {
            differs.push(format!("codes were [{}], would be [{}]", then.codes.join(", "), codes.join(", ")));
        }
        if then.sends.len() != sends.len() {
            differs.push(format!("{} were sent, {} would be", then.sends.len(), sends.len()));
        }
    }
    let reply = verdict.and_then(|verdict| verdict.reply.as_ref()).map(|reply| reply.message.clone());
    // The only message that came in; what its answer brought is not played.
    let cause = verdict.and_then(|verdict| {
        let of_it = |message: &&Listed| message.id == verdict.id;
        played.messages.iter().find(of_it)?.cause.clone()
    });
    Shown { state, codes, cause, reply, sends, mirror: played.figures.mirror, differs }
}

async fn stored(
    global: &Global,
    id: uuid::Uuid,
    reason: Option<&str>,
    out: &mut Output,
) -> Result<(Given, Listed), CliError> {
    let Some(reason) = reason else {
        return Err(CliError::Usage(
            "say why with --reason: looking at a stored message is recorded".to_owned(),
        ));
    };
    let store = stage::write_store(global, out)?;
    let now = Clock::real().now();
    let missing = || CliError::Usage(format!("there is no message {id} whose original is kept"));
    let filter = Filter { id: Some(id), limit: 1, ..Filter::default() };
    let listed = store.list(&Scope::Operator, filter).await?.pop().ok_or_else(missing)?;
    // A payload is opened in the scope of its Mandant only, and the view is recorded with person and reason.
    let scope = Scope::Mandant(listed.mandant.clone());
    let original = store.original(&scope, id, &person::acting(), reason, now).await?.ok_or_else(missing)?;
    // Documents beside it are read by no step, so only what is small comes along.
    let small = |part: Part| Some((part.name, part.small?.0));
    let given = Given {
        binding: original.head.binding,
        partner: original.head.partner.map(|partner| partner.id),
        transport_id: original.head.transport_id,
        body: original.body,
        parts: original.parts.into_iter().filter_map(small).collect(),
        acting: original.head.acting_person,
        ..Given::default()
    };
    Ok((given, listed))
}

/// When a message of a file comes in: as plays do, but never before it was made.
fn after_stamp(global: &Global, body: Bytes, out: &mut Output) -> Result<Timestamp, CliError> {
    let fit = stage::compile(global, out)?;
    let read = fit.standards.reader().open(body);
    let stamp = read.ok().and_then(|(_, record)| record.kopf.erstellungszeitpunkt.trim().parse().ok());
    Ok(stamp.map_or_else(player::begins, |stamp: Timestamp| stamp.max(player::begins())))
}

fn from_file(
    global: &Global,
    body: Bytes,
    partner: Option<String>,
    out: &mut Output,
) -> Result<Given, CliError> {
    let fit = stage::compile(global, out)?;
    let message = inspect(body.clone(), &*fit.standards, fit.standards.reader().as_mut()).message;
    // Who takes it in this stage; where nobody does, the play shows how it would be turned away.
    let of_message = || {
        fit.compiled.plans.iter().flat_map(|plan| {
            let accept = plan.accept.iter().filter(|accept| Some(&accept.message) == message.as_ref());
            accept.map(move |accept| (plan, accept))
        })
    };
    let of_partner = of_message()
        .find(|(_, accept)| partner.as_ref().is_none_or(|partner| accept.partners.contains(partner)));
    let taker = of_partner.or_else(|| of_message().next());
    // What no route takes comes in where its sender delivers: at a door of others it would be turned away for another reason.
    let of_any =
        || fit.compiled.plans.iter().flat_map(|plan| plan.accept.iter().map(move |accept| (plan, accept)));
    let of_sender = || {
        of_any().find(|(_, accept)| partner.as_ref().is_some_and(|partner| accept.partners.contains(partner)))
    };
    let taker = taker.or_else(of_sender).or_else(|| of_any().next());
    let Some((binding, first_partner)) = taker.and_then(|(plan, accept)| {
        Some((plan.bindings.first()?.key.clone(), accept.partners.first().cloned()))
    }) else {
        return Err(CliError::Usage("there is no route that could take the file".to_owned()));
    };
    let partner = partner.or(first_partner);
    if let Some(name) = &partner
        && !fit.compiled.partners.contains_key(name)
    {
        return Err(CliError::Usage(format!("there is no partner `{name}` in partners.yaml")));
    }
    Ok(Given { binding, partner, transport_id: "dry-run".to_owned(), body, ..Given::default() })
}
