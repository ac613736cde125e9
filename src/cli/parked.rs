//! What waits for a person: messages that are zurückgestellt or kept apart, deliveries that are unzustellbar or ungeklärt.
//! Never processes anything again by itself: a replay is posted with person and reason.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::args::{ParkedCommand, ReplayArgs};
use super::args_messages::ShowArgs;
use super::command;
use super::exit::{CliError, Exit};
use super::messages;
use super::output::{Output, age, moment, or_dash};
use super::vorgang;
use crate::clock::Clock;
use crate::effects::{Fact, Question};
use crate::envelope::Inbound;
use crate::pipeline::erledigt::RELEASE;
use crate::pipeline::jugendamt::{NOBODYS, OFFICE};
use crate::register::objection::{Objection, Sought};
use crate::store::contract::Store;
use crate::store::desk::Filter;
use crate::store::listed::{Listed, ListedSend};
use crate::store::orders::Order;
use crate::store::stamp::Scope;

/// The types of notices, which two persons end with `lieferung freigeben` where no connected office can.
const NOTICES: [&str; 4] = [
    "xpersonenstand.141010",
    "xjustiz.0005005",
    "drehscheibe-json.personenaenderung",
    "drehscheibe-xml.personenaenderung",
];
/// At most so many of each are listed; more are said to be there.
const LIMIT: usize = 200;

/// Everything that waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parked {
    /// Messages that came in.
    pub messages: Vec<Listed>,
    /// Deliveries that did not go out, or may not have.
    pub sends: Vec<ListedSend>,
}

/// Runs one of the commands.
pub async fn run(
    store: &dyn Store,
    clock: &Clock,
    command: &ParkedCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        ParkedCommand::List => {
            print_list(&all(store, LIMIT).await?, clock.now(), out)?;
            Ok(Exit::Ok)
        }
        ParkedCommand::Show(ShowArgs { id }) => show(store, clock, *id, out).await,
        ParkedCommand::Replay(ReplayArgs { id, reason, patience }) => {
            command::post(store, clock, Order::Replay { id: *id }, reason, patience.wait, out).await
        }
        ParkedCommand::Reject(ReplayArgs { id, reason, patience }) => {
            command::post(store, clock, Order::Reject { id: *id }, reason, patience.wait, out).await
        }
        ParkedCommand::Arrived(ReplayArgs { id, reason, patience }) => {
            command::post(store, clock, Order::Arrived { id: *id }, reason, patience.wait, out).await
        }
        ParkedCommand::NotArrived(ReplayArgs { id, reason, patience }) => {
            // Of the way that it is on now: carried out later, it says nothing of another.
            let Some(send) = held(store, *id).await? else { return nothing(*id, out) };
            let order = Order::NotArrived { id: *id, way: send.destination };
            command::post(store, clock, order, reason, patience.wait, out).await
        }
    }
}

async fn all(store: &dyn Store, limit: usize) -> Result<Parked, CliError> {
    let states = vec![Inbound::Parked, Inbound::Quarantined];
    let mut messages = store.list(&Scope::Operator, Filter { states, limit, ..Filter::default() }).await?;
    say_ended(store, &mut messages).await?;
    let sends = store.list_parked_sends(&Scope::Operator, limit).await?.into_iter().map(of_nobody).collect();
    Ok(Parked { messages, sends })
}

/// The next step of what two persons have ended: nothing of it stands against answers any more, and nobody has to run it again.
const ENDED: &str = "none: two persons have ended it (`lieferung freigeben`)";

async fn say_ended(store: &dyn Store, messages: &mut [Listed]) -> Result<(), CliError> {
    let questions = messages.iter().map(|one| Question::Objections(Sought::Delivery(one.id))).collect();
    for (listed, answer) in messages.iter_mut().zip(store.lookup(questions).await?) {
        if let Fact::Objections(found) = &answer.fact
            && ended(found)
        {
            listed.next_step = Some(ENDED.to_owned());
        }
    }
    Ok(())
}

/// Whether two persons have ended all that a message stood for.
fn ended(found: &[Objection]) -> bool {
    let by_persons = |one: &Objection| one.closed.as_ref().is_some_and(|(_, by)| by == RELEASE);
    !found.is_empty() && found.iter().all(by_persons)
}

/// What is for an office that nobody knows, or knows how to reach, has no channel to be given: a request is given to an office, a notice
/// handed on by hand.
fn of_nobody(send: ListedSend) -> ListedSend {
    if NOTICES.contains(&send.message.as_str())
        && send.destination.split_once(':').is_some_and(|(way, _)| way == OFFICE)
    {
        let id = send.id;
        let next = format!(
            "find the office and hand it on by hand, then `drehscheibe parked arrived {id} --reason …`; its notice stays open until two persons `drehscheibe lieferung freigeben …` (`lieferung list`)"
        );
        return ListedSend { next_step: Some(next), ..send };
    }
    if send.destination != NOBODYS {
        return send;
    }
    ListedSend { next_step: Some(vorgang::zuweisen(send.cause_id)), ..send }
}

async fn show(store: &dyn Store, clock: &Clock, id: Uuid, out: &mut Output) -> Result<Exit, CliError> {
    let filter = Filter { id: Some(id), limit: 1, ..Filter::default() };
    let message = store.list(&Scope::Operator, filter).await?.pop();
    let parked = |listed: &Listed| matches!(listed.state, Inbound::Parked | Inbound::Quarantined);
    if let Some(mut message) = message.filter(parked) {
        say_ended(store, std::slice::from_mut(&mut message)).await?;
        messages::print_one(&message, clock.now(), out)?;
        return Ok(Exit::Ok);
    }
    if let Some(send) = held(store, id).await?.map(of_nobody) {
        print_send(&send, clock.now(), out)?;
        return Ok(Exit::Ok);
    }
    nothing(id, out)
}

/// A delivery that waits for a person. The contract finds such only as a list; there are few, or something else is wrong.
async fn held(store: &dyn Store, id: Uuid) -> Result<Option<ListedSend>, CliError> {
    let sends = store.list_parked_sends(&Scope::Operator, usize::from(u16::MAX)).await?;
    Ok(sends.into_iter().find(|send| send.id == id))
}

fn nothing(id: Uuid, out: &mut Output) -> Result<Exit, CliError> {
    out.none(&format!("nothing with id {id} waits for a person; see `drehscheibe parked list`"))?;
    Ok(Exit::No)
}

/// Prints the lists with cause and next step of each.
pub fn print_list(parked: &Parked, now: Timestamp, out: &mut Output) -> std::io::Result<()> {
    if parked.messages.is_empty() && parked.sends.is_empty() {
        out.say("nothing waits for a person")?;
    }
    let message = |listed: &Listed| {
        vec![
            listed.id.to_string(),
            listed.state.as_str().to_owned(),
            age(now, listed.received),
            or_dash(listed.message.as_deref()),
            listed.partner.clone(),
            or_dash(listed.cause.as_deref()),
            or_dash(listed.next_step.as_deref()),
        ]
    };
    if !parked.messages.is_empty() {
        let rows: Vec<_> = parked.messages.iter().map(message).collect();
        out.table(&["MESSAGE ID", "STATE", "FOR", "MESSAGE", "PARTNER", "CAUSE", "NEXT STEP"], &rows)?;
    }
    let send = |send: &ListedSend| {
        vec![
            send.id.to_string(),
            send.state.to_string(),
            age(now, send.queued),
            send.message.clone(),
            send.destination.clone(),
            or_dash(send.cause.as_deref()),
            or_dash(send.next_step.as_deref()),
        ]
    };
    if !parked.sends.is_empty() {
        let rows: Vec<_> = parked.sends.iter().map(send).collect();
        out.table(&["DELIVERY ID", "STATE", "FOR", "MESSAGE", "DESTINATION", "CAUSE", "NEXT STEP"], &rows)?;
    }
    if parked.messages.len() >= LIMIT || parked.sends.len() >= LIMIT {
        out.say(&format!("only the first {LIMIT} of each are shown"))?;
    }
    out.value(parked)
}

fn print_send(send: &ListedSend, now: Timestamp, out: &mut Output) -> std::io::Result<()> {
    let rows = [
        ("id", send.id.to_string()),
        ("state", send.state.to_string()),
        ("destination", send.destination.clone()),
        ("message", send.message.clone()),
        ("caused by", send.cause_id.to_string()),
        ("queued", format!("{} ({} ago)", moment(send.queued), age(now, send.queued))),
        ("attempts", send.attempts.to_string()),
        ("cause", or_dash(send.cause.as_deref())),
        ("next step", or_dash(send.next_step.as_deref())),
    ];
    for (name, value) in rows {
        out.say(&format!("{name:<13}{value}"))?;
    }
    out.value(send)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::messages::tests::{example, noon, send};
    use crate::cli::output::tests::Printed;

    #[test]
    fn both_kinds_are_listed_with_cause_and_next_step() {
        let parked = Parked { messages: vec![example()], sends: vec![send()] };
        let printed = Printed::default();
        print_list(&parked, noon(), &mut printed.output(false)).unwrap();
        let text = printed.text();
        assert!(text.contains("no route claims it  add the route, then replay"), "{text}");
        assert!(text.contains("connection cut after the request  –"), "{text}");
        assert!(!text.contains("only the first"));
        let printed = Printed::default();
        print_list(&parked, noon(), &mut printed.output(true)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&printed.text()).unwrap();
        assert_eq!(json["messages"][0]["cause"], "no route claims it");
        assert_eq!(json["sends"][0]["state"], "unclear");
    }

    #[test]
    fn what_two_persons_have_ended_is_ended() {
        let one = |by: Option<&str>| Objection {
            amt: String::new(),
            delivery: Uuid::nil(),
            why: crate::register::objection::Why::Unowned,
            message: String::new(),
            made: noon(),
            since: noon(),
            closed: by.map(|by| (noon(), by.to_owned())),
            released: None,
        };
        assert!(ended(&[one(Some(RELEASE)), one(Some(RELEASE))]));
        assert!(!ended(&[]) && !ended(&[one(None)]) && !ended(&[one(Some(RELEASE)), one(None)]));
        assert!(!ended(&[one(Some("wirkung"))]));
    }

    #[test]
    fn what_no_office_is_known_for_says_what_gives_it_one() {
        let nobodys = ListedSend { destination: NOBODYS.into(), ..send() };
        let request = of_nobody(ListedSend { message: "xfamilie.0801".into(), ..nobodys.clone() });
        let step = format!("vorgang zuweisen {}", request.cause_id);
        assert!(request.next_step.unwrap().contains(&step));
        for message in NOTICES {
            for destination in [NOBODYS, "jugendamt:jugendamt-celle"] {
                let notice =
                    ListedSend { message: message.into(), destination: destination.into(), ..send() };
                let step = of_nobody(notice.clone()).next_step.unwrap();
                assert!(
                    step.contains(&format!("parked arrived {}", notice.id)) && !step.contains("zuweisen")
                );
            }
        }
        assert_eq!(of_nobody(send()), send());
    }

    #[test]
    fn nothing_is_said_plainly_and_is_an_empty_object() {
        let printed = Printed::default();
        print_list(&Parked::default(), noon(), &mut printed.output(false)).unwrap();
        assert_eq!(printed.text(), "nothing waits for a person\n");
        let printed = Printed::default();
        print_list(&Parked::default(), noon(), &mut printed.output(true)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&printed.text()).unwrap();
        assert_eq!(json, serde_json::json!({"messages": [], "sends": []}));
    }

    #[test]
    fn a_cut_list_says_so() {
        let parked = Parked { messages: Vec::new(), sends: vec![send(); LIMIT] };
        let printed = Printed::default();
        print_list(&parked, noon(), &mut printed.output(false)).unwrap();
        assert!(printed.text().contains("only the first 200"));
    }

    #[test]
    fn a_delivery_is_shown_whole() {
        let printed = Printed::default();
        print_send(&send(), noon(), &mut printed.output(false)).unwrap();
        assert!(
            printed.text().contains("queued       2026-11-21 11:00:00 (2 hours ago)"),
            "{}",
            printed.text()
        );
    }
}
