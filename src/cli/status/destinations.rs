//! What waits at destinations, as lines of `status`: whose turn it is, as whoever knows the cause has said, and what to do. Reads figures,
//! pauses and breakers only.

use jiff::Timestamp;

use super::{Item, Whose};
use crate::app::drains::Draining;
use crate::cli::output::moment;
use crate::pipeline::jugendamt::NOBODYS;
use crate::store::figures::Backlog;
use crate::store::lane::Behind;
use crate::store::pauses::{Breaker, Pause};
use crate::telemetry::parts::Turn;

/// Younger than this (seconds) a waiting row is simply under way.
const UNDER_WAY: i64 = 60;

/// Younger than this (seconds) what lies in a mailbox simply waits for its receiver.
const COLLECTED: i64 = 4 * 3600;

/// What waits at a destination, by whose turn it is.
pub fn of_destination(
    backlog: &Backlog,
    pauses: &[Pause],
    known: (&[Breaker], &[String]),
    now: Timestamp,
) -> Vec<Item> {
    let name = &backlog.destination;
    const CALL: &str = "read the cause with `drehscheibe parked list`, call the receiver: where it arrived `parked arrived`, else `parked not-arrived`";
    const ASK: &str = "ask the receiver (`drehscheibe parked list`): where it arrived `parked arrived`, else `parked replay`";
    const UNCONFIRMED: &str = "noch nicht bestätigt";
    const NOBODY_KNOWN: &str = "no office is known: find it (`drehscheibe parked list`); then two persons `vorgang zuweisen`, a notice by hand (`parked arrived`)";
    let (looks, after) = match backlog.follow_cause {
        None => (Whose::FarEnd, "sent, and looked after by itself until the receiver confirms it"),
        Some(_) => (
            Whose::Person,
            "mend the cause; until then nobody knows whether the receiver has it, and no other way is taken",
        ),
    };
    let counted = [
        ("Zustellung ungeklärt", backlog.unclear, Whose::Person, ASK),
        (
            "unzustellbar",
            backlog.parked,
            Whose::Person,
            if *name == NOBODYS {
                NOBODY_KNOWN
            } else {
                "read the cause with `drehscheibe parked list`, mend it, replay"
            },
        ),
        ("nicht bestätigt", backlog.failed, Whose::Person, CALL),
        (UNCONFIRMED, backlog.followed, looks, after),
    ];
    let item = |(what, count, whose, next): (&str, u64, Whose, &str)| Item {
        what: format!("{name}, {what}"),
        count,
        since: None,
        whose,
        cause: backlog.follow_cause.clone().filter(|_| what == UNCONFIRMED),
        next: next.to_owned(),
    };
    let mut items: Vec<Item> = counted.into_iter().filter(|(_, count, ..)| *count > 0).map(item).collect();
    // What waits there waits for its first row.
    if backlog.waiting > 0 && *name == NOBODYS {
        items.push(item(("wartet dahinter", backlog.waiting, Whose::Person, NOBODY_KNOWN)));
    } else if backlog.waiting > 0 {
        let held = pauses.iter().any(|pause| pause.holds(name));
        // What is held is held whatever it comes after.
        let behind: &[Behind] = if held { &[] } else { &backlog.behind };
        items.extend(behind.iter().map(|behind| of_behind(name, behind, known.1)));
        let count = backlog.waiting.saturating_sub(behind.iter().map(|behind| behind.waiting).sum());
        if count == 0 {
            return items;
        }
        let since = if held { backlog.oldest } else { backlog.free_since.or(backlog.oldest) };
        let (whose, cause, next) = why_it_waits((backlog, since), pauses, known, now);
        items.push(Item { what: name.clone(), count, since, whose, cause, next });
    }
    items
}

/// What comes after something else at a destination: whose turn it is, that is whose turn what is before it is.
fn of_behind(name: &str, behind: &Behind, mailboxes: &[String]) -> Item {
    let to = &behind.destination;
    let (whose, cause, next) = match behind.held {
        true => (
            Whose::Person,
            format!("comes after what waits for a person ({to})"),
            "nothing of its own: it leaves when what is before it has (`drehscheibe parked list`)".to_owned(),
        ),
        false if mailboxes.contains(to) => (
            Whose::FarEnd,
            format!("comes after what lies in a mailbox and is not closed ({to})"),
            "nothing of its own: ask the receiver whether it looks into that mailbox".to_owned(),
        ),
        false => (
            Whose::Nobody,
            format!("comes after what has not left yet ({to})"),
            format!("nothing of its own: it leaves when what is before it has; see {to}"),
        ),
    };
    Item {
        what: format!("{name}, wartet dahinter"),
        count: behind.waiting,
        since: Some(behind.oldest),
        whose,
        cause: Some(cause),
        next,
    }
}

/// A destination that the files have no more and for which something is left.
pub fn of_draining(one: &Draining) -> Item {
    let destination = &one.destination;
    let count = one.waiting + one.held;
    let item = |what: String, whose, cause: String, next: String| Item {
        what,
        count,
        since: Some(one.since),
        whose,
        cause: Some(cause),
        next,
    };
    match (one.ended, &one.to) {
        (false, _) => item(
            format!("{destination}, taken away and still served"),
            if one.held > 0 { Whose::Person } else { Whose::Nobody },
            "an apply took it away; it is served as it was until nothing is left".to_owned(),
            format!(
                "nothing while it empties; `drehscheibe routes end-draining {destination} --reason …` waits no longer (with --to: sends it elsewhere)"
            ),
        ),
        (true, None) => item(
            format!("{destination}, taken away and ended"),
            Whose::Person,
            "it was taken away, and nothing leaves by it any more".to_owned(),
            format!(
                "`drehscheibe routes end-draining {destination} --to … --reason …` and `parked replay` send what is left to another destination of the partner; `parked arrived` closes what was handed on by hand"
            ),
        ),
        (true, Some(to)) => item(
            format!("{destination}, taken away and ended"),
            if one.held > 0 { Whose::Person } else { Whose::Nobody },
            format!("it was taken away; what was left goes to {to}"),
            "what is held for a person goes there when it is replayed (`parked list`)".to_owned(),
        ),
    }
}

/// What to do about a cause of ours.
const MEND: &str = "mend it here: `drehscheibe doctor` and `check` look at folders, connections and partners, changed files are taken by \
     `routes apply`";
/// What to do about what is on its last way although its time there is over; the alarm `way-missing` says the same.
const LAST_WAY: &str = "call the receiver that something is ready for it; where a later way is missing by mistake, set connection or channel up \
     again and `routes apply`";

/// Of what could leave, `since` when.
fn why_it_waits(
    (backlog, since): (&Backlog, Option<Timestamp>),
    pauses: &[Pause],
    (breakers, mailboxes): (&[Breaker], &[String]),
    now: Timestamp,
) -> (Whose, Option<String>, String) {
    if let Some(pause) = pauses.iter().find(|pause| pause.holds(&backlog.destination)) {
        let next =
            format!("`drehscheibe resume {} {} --reason …` when the reason is gone", pause.kind, pause.name);
        return (Whose::Person, Some(format!("held: {}", pause.reason)), next);
    }
    let older = |than: i64| since.is_some_and(|since| now.duration_since(since).as_secs() >= than);
    if let Some(from) = since.filter(|since| *since > now) {
        let next = format!("nothing; a rule lets it leave from {} on", moment(from));
        return (Whose::Nobody, None, next);
    }
    // As who knows the cause says, whatever else holds of the destination.
    let cause = backlog.last_cause.clone();
    match backlog.last_turn {
        Some(Turn::Ours) => {
            return (Whose::Ours, cause, format!("{MEND}; tried again by itself"));
        }
        Some(Turn::Person) => return (Whose::Person, cause, LAST_WAY.to_owned()),
        Some(Turn::FarEnd) | None => {}
    }
    if mailboxes.contains(&backlog.destination) {
        let cause = Some("not collected yet".to_owned());
        return match older(COLLECTED) {
            true => (Whose::FarEnd, cause, "ask the receiver whether it looks into its mailbox".to_owned()),
            false => (Whose::Nobody, cause, "nothing; the receiver comes for it".to_owned()),
        };
    }
    let open_until = breakers
        .iter()
        .find(|breaker| breaker.destination == backlog.destination)
        .and_then(|breaker| breaker.open_until)
        .filter(|until| *until > now);
    if let Some(until) = open_until {
        let next = format!("tried again by itself at {}; call the receiver if it lasts", moment(until));
        return (Whose::FarEnd, cause, next);
    }
    if cause.is_some() {
        let next = "tried again by itself; call the receiver if it lasts".to_owned();
        return (Whose::FarEnd, cause, next);
    }
    if older(UNDER_WAY) {
        let next = "look whether `drehscheibe run` is running and not overloaded".to_owned();
        (Whose::Ours, Some("no attempt has failed, yet it was not sent".to_owned()), next)
    } else {
        (Whose::Nobody, None, "nothing; it is under way".to_owned())
    }
}
