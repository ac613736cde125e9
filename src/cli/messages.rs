//! Lists messages and shows one: states, codes, causes, hashes. Never the content, which needs a reason and a record.

use super::args_messages::{ListArgs, MessagesCommand, SeekArgs, StateWord};
use super::codes;
use super::exit::{CliError, Exit};
use super::output::{Output, age, counted, moment, or_dash};
use crate::clock::Clock;
use crate::envelope::Inbound;
use crate::store::contract::Store;
use crate::store::desk::Filter;
use crate::store::lane::{WayLeft, Why};
use crate::store::listed::{Listed, ListedSend};
use crate::store::seek::Seek;
use crate::store::stamp::Scope;
use crate::store::states::SendState;
use jiff::Timestamp;
use uuid::Uuid;

/// Runs one of the commands.
pub async fn run(
    store: &dyn Store,
    clock: &Clock,
    command: &MessagesCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        MessagesCommand::List(args) => {
            let listed = store.list(&Scope::Operator, filter(args)).await?;
            print_list(&listed, clock.now(), out)?;
            Ok(Exit::Ok)
        }
        // What it needs stands in a file of its own.
        MessagesCommand::Original(_) | MessagesCommand::Proof(_) => {
            Err(CliError::Usage("an original needs a store that can be written to".to_owned()))
        }
        MessagesCommand::Find(_) => {
            Err(CliError::Usage("to find something the stage has to be known".to_owned()))
        }
        MessagesCommand::Show(SeekArgs { id }) => show(store, clock.now(), id, out).await,
    }
}

/// Shows the message of an id of ours, whole or its beginning: its own, or that by which a receiver knows what it got; alarms name it, too.
async fn show(store: &dyn Store, now: Timestamp, id: &str, out: &mut Output) -> Result<Exit, CliError> {
    let between = Some(ids_of(id)?);
    let of = |seek| Filter { limit: SEVERAL, seek, ..Filter::default() };
    let itself = of(Seek { between, ..Seek::default() });
    let mut found = store.list(&Scope::Operator, itself).await?;
    if found.is_empty() {
        let sent = of(Seek { sent: between, ..Seek::default() });
        found = store.list(&Scope::Operator, sent).await?;
    }
    match &found[..] {
        [] => {
            out.none(&format!(
                "no message with id {id}, nor one that sent anything with it; see `drehscheibe messages list`"
            ))?;
            Ok(Exit::No)
        }
        [one] => {
            print_one(one, now, out)?;
            Ok(Exit::Ok)
        }
        several => {
            out.say(&format!("several begin with {id}; name more of the one that you mean"))?;
            print_list(several, now, out)?;
            Ok(Exit::No)
        }
    }
}

/// So many are named where an id is not whole.
const SEVERAL: usize = 20;
/// So many characters of an id have to be given.
const SHORT: usize = 8;

/// The first and the last id that begin so.
pub fn ids_of(text: &str) -> Result<(Uuid, Uuid), CliError> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let id = |rest: &str| Uuid::try_parse(&format!("{digits}{}", rest.repeat(32 - digits.len())));
    match (SHORT..=32).contains(&digits.len()) {
        true => id("0").and_then(|first| Ok((first, id("f")?))).map_err(|_| no_id(text)),
        false => Err(no_id(text)),
    }
}

fn no_id(text: &str) -> CliError {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    CliError::Usage(format!(
        "`{shown}` is no id and no beginning of one; write {SHORT} of its characters at least"
    ))
}

/// The stored state of a word.
pub fn word_of(state: StateWord) -> Inbound {
    match state {
        StateWord::Waiting => Inbound::Waiting,
        StateWord::Accepted => Inbound::Accepted,
        StateWord::Rejected => Inbound::Rejected,
        StateWord::Quarantined => Inbound::Quarantined,
        StateWord::Parked => Inbound::Parked,
        StateWord::Denied => Inbound::Denied,
    }
}

fn filter(args: &ListArgs) -> Filter {
    let states = args.states.iter().copied().map(word_of);
    Filter {
        states: states.collect(),
        limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
        before: args.before,
        ..Filter::default()
    }
}

/// Prints a list: a row for each message.
pub fn print_list(listed: &[Listed], now: Timestamp, out: &mut Output) -> std::io::Result<()> {
    if listed.is_empty() {
        out.say("no messages")?;
    } else {
        let rows: Vec<Vec<String>> = listed
            .iter()
            .map(|listed| {
                vec![
                    listed.id.to_string(),
                    state(listed),
                    format!("{} ({} ago)", moment(listed.received), age(now, listed.received)),
                    or_dash(listed.message.as_deref()),
                    listed.partner.clone(),
                    or_dash(listed.route.as_deref()),
                    listed.sends.len().to_string(),
                    beside(&listed.codes, listed.cause.as_deref()),
                ]
            })
            .collect();
        out.table(&["ID", "STATE", "RECEIVED", "MESSAGE", "PARTNER", "ROUTE", "SENDS", "CODES"], &rows)?;
    }
    out.value(&listed)
}

/// Prints one message with what it sent.
pub fn print_one(listed: &Listed, now: Timestamp, out: &mut Output) -> std::io::Result<()> {
    let received = format!("{} ({} ago)", moment(listed.received), age(now, listed.received));
    let rows = [
        ("id", listed.id.to_string()),
        ("state", state(listed)),
        ("received", received),
        ("by", listed.binding.clone()),
        ("message", or_dash(listed.message.as_deref())),
        ("route", or_dash(listed.route.as_deref())),
        ("partner", listed.partner.clone()),
        ("mandant", listed.mandant.clone()),
        ("size", counted(listed.size, "octet")),
        ("sha256", listed.octets_sha256.clone()),
        ("decided by", listed.decided_by.clone()),
    ];
    let optional = [
        ("codes", (!listed.codes.is_empty()).then(|| beside(&listed.codes, listed.cause.as_deref()))),
        ("cause", listed.cause.clone()),
        ("next step", listed.next_step.clone()),
    ];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    for (name, value) in rows.into_iter().chain(optional) {
        out.say(&format!("{name:<11}{value}"))?;
    }
    for line in &listed.verified {
        out.say(&format!("{:<11}{line}", "verified"))?;
    }
    if let Some(code) = to_explain(listed) {
        out.say(&format!("{:<11}drehscheibe explain {code}", "see"))?;
    }
    if !listed.sends.is_empty() {
        out.say("")?;
        print_sends(&listed.sends, now, out)?;
    }
    out.value(listed)
}

/// Codes with the specific reasons that are known of them: `T070 (fremder-geburtsort)`.
pub fn beside(codes: &[String], cause: Option<&str>) -> String {
    let reasons = cause.map(codes::reasons).unwrap_or_default();
    match (codes.join(" "), reasons.join(", ")) {
        (codes, reasons) if reasons.is_empty() => codes,
        // Who is not admitted is told no code.
        (codes, reasons) if codes.is_empty() => reasons,
        (codes, reasons) => format!("{codes} ({reasons})"),
    }
}

/// What says most of why it was refused: its first reason, else its first code.
fn to_explain(listed: &Listed) -> Option<&str> {
    let reason = listed.cause.as_deref().map(codes::reasons).unwrap_or_default().first().copied();
    reason.or(listed.codes.first().map(String::as_str))
}

/// Prints rows of the outbox as a table; prints no JSON.
pub fn print_sends(sends: &[ListedSend], now: Timestamp, out: &mut Output) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> = sends
        .iter()
        .map(|send| {
            vec![
                send.id.to_string(),
                state_of(send),
                send.destination.clone(),
                send.message.clone(),
                send.attempts.to_string(),
                format!("{} ago", age(now, send.queued)),
                or_dash(send.cause.as_deref()),
            ]
        })
        .collect();
    out.table(&["SENDS", "STATE", "DESTINATION", "MESSAGE", "ATTEMPTS", "QUEUED", "CAUSE"], &rows)?;
    for send in sends {
        if let Some(arrived) = arrived(send) {
            out.say(&format!("{}  {arrived}", send.id))?;
        }
        for left in &send.ways {
            out.say(&format!("{}  {}", send.id, way_left(left)))?;
        }
    }
    Ok(())
}

/// In words when its far end took what is followed, and when that was confirmed.
pub fn arrived(send: &ListedSend) -> Option<String> {
    let ended = matches!(send.state, SendState::Confirmed | SendState::Failed | SendState::NotTakenBack);
    let sent = send.sent.filter(|_| ended || send.next_look.is_some())?;
    let confirmed = send.confirmed.as_ref().map(|evidence| match send.confirmed_at {
        Some(at) => format!("; confirmed on {} ({evidence})", moment(at)),
        None => format!("; confirmed ({evidence})"),
    });
    Some(format!("taken by {} on {}{}", send.destination, moment(sent), confirmed.unwrap_or_default()))
}

/// In words when a way was left, and why.
pub fn way_left(left: &WayLeft) -> String {
    let why = match left.why {
        Why::Refused => "refused for good",
        Why::Late => "not delivered by it",
        Why::NotCollected => "not collected in its time, taken back",
    };
    let taken = match left.taken {
        Some(at) => format!("; its receiver closed it there on {} after all", moment(at)),
        None => String::new(),
    };
    format!("left {} on {}: {why} ({}){taken}", left.destination, moment(left.at), left.cause)
}

/// Of what was sent and is still to be confirmed when it is looked at next.
fn state_of(send: &ListedSend) -> String {
    match send.next_look {
        Some(next) => format!("{}, next look {}", send.state, moment(next)),
        None => send.state.to_string(),
    }
}

fn state(listed: &Listed) -> String {
    let test = if listed.test { " (test)" } else { "" };
    format!("{}{test}", listed.state.as_str())
}

#[cfg(test)]
pub mod tests {
    //! Examples of listed messages, for the tests of this room.

    use super::*;
    use crate::cli::output::tests::Printed;

    /// Noon.
    pub fn noon() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    /// A parked message that had sent one thing.
    pub fn example() -> Listed {
        let received = "2026-11-21T11:57:00Z".parse().unwrap();
        Listed {
            id: Uuid::from_u128(1),
            state: Inbound::Parked,
            received,
            binding: "http /v1/lieferungen".to_owned(),
            route: None,
            message: Some("xfamilie.0804".to_owned()),
            partner: "jugendamt-musterstadt".to_owned(),
            mandant: "musterstadt".to_owned(),
            test: true,
            codes: Vec::new(),
            cause: Some("no route claims it".to_owned()),
            next_step: Some("add the route, then replay".to_owned()),
            size: 5_120,
            octets_sha256: "ab".repeat(32),
            verified: Vec::new(),
            decided_by: "cd".repeat(8),
            sends: vec![send()],
        }
    }

    /// A row of the outbox whose outcome is unknown.
    pub fn send() -> ListedSend {
        ListedSend {
            id: Uuid::from_u128(2),
            cause_id: Uuid::from_u128(1),
            destination: "callback:kita-portal".to_owned(),
            message: "stand".to_owned(),
            state: SendState::Unclear,
            attempts: 3,
            queued: "2026-11-21T10:00:00Z".parse().unwrap(),
            next_try: None,
            sent: None,
            next_look: None,
            confirmed: None,
            confirmed_at: None,
            cause: Some("connection cut after the request".to_owned()),
            next_step: None,
            ways: Vec::new(),
        }
    }

    #[test]
    fn a_list_is_a_table_or_an_array() {
        let printed = Printed::default();
        print_list(&[example()], noon(), &mut printed.output(false)).unwrap();
        let text = printed.text();
        let row = text.lines().nth(1).unwrap();
        for cell in [
            "parked (test)",
            "2026-11-21 12:57:00 (3 minutes ago)",
            "xfamilie.0804",
            "jugendamt-musterstadt",
            " – ",
        ] {
            assert!(row.contains(cell), "{cell}: {row}");
        }
        let printed = Printed::default();
        print_list(&[example()], noon(), &mut printed.output(true)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&printed.text()).unwrap();
        assert_eq!(json[0]["state"], "parked");
        assert_eq!(json[0]["sends"][0]["attempts"], 3);
        let printed = Printed::default();
        print_list(&[], noon(), &mut printed.output(true)).unwrap();
        assert_eq!(printed.text(), "[]\n");
    }

    #[test]
    fn what_is_followed_says_when_it_is_looked_at() {
        let sent = ListedSend { state: SendState::Sent, next_look: Some(noon()), ..send() };
        assert_eq!(state_of(&sent), "sent, next look 2026-11-21 13:00:00");
        assert_eq!(state_of(&ListedSend { state: SendState::Confirmed, ..send() }), "confirmed");
    }

    #[test]
    fn what_is_followed_says_when_it_was_taken_and_confirmed() {
        let sent = ListedSend { state: SendState::Sent, sent: Some(noon()), ..send() };
        assert_eq!(arrived(&sent), None, "nobody looks after it");
        let followed = ListedSend { next_look: Some(noon()), ..sent };
        let taken = "taken by callback:kita-portal on 2026-11-21 13:00:00";
        assert_eq!(arrived(&followed).as_deref(), Some(taken));
        let confirmed =
            ListedSend { state: SendState::Confirmed, confirmed: Some("read".into()), ..followed };
        assert_eq!(arrived(&confirmed), Some(format!("{taken}; confirmed (read)")), "by a program before");
        let confirmed = ListedSend { confirmed_at: Some(noon()), ..confirmed };
        let printed = Printed::default();
        print_sends(&[confirmed], noon(), &mut printed.output(false)).unwrap();
        let line = format!("{taken}; confirmed on 2026-11-21 13:00:00 (read)");
        assert!(printed.text().contains(&line), "{}", printed.text());
    }

    #[test]
    fn each_way_that_was_left_is_shown_with_its_time_and_reason() {
        let left = |destination: &str, why| WayLeft {
            destination: destination.to_owned(),
            at: noon(),
            why,
            cause: "plain cause".to_owned(),
            taken: None,
        };
        let taken = WayLeft { taken: Some(noon()), ..left("postkorb:amt", Why::Late) };
        let ways = vec![left("postkorb:amt", Why::NotCollected), left("trays:amt", Why::Refused), taken];
        let moved = ListedSend { destination: "brief:amt".to_owned(), ways, ..send() };
        let printed = Printed::default();
        print_sends(&[moved], noon(), &mut printed.output(false)).unwrap();
        let text = printed.text();
        for line in [
            "left postkorb:amt on 2026-11-21 13:00:00: not collected in its time, taken back (plain cause)",
            "left trays:amt on 2026-11-21 13:00:00: refused for good (plain cause)",
            "not delivered by it (plain cause); its receiver closed it there on 2026-11-21 13:00:00 after all",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn one_message_shows_cause_next_step_and_what_it_sent() {
        let printed = Printed::default();
        print_one(&example(), noon(), &mut printed.output(false)).unwrap();
        let text = printed.text();
        assert!(
            text.contains("cause      no route claims it\nnext step  add the route, then replay\n"),
            "{text}"
        );
        assert!(text.contains("received   2026-11-21 12:57:00 (3 minutes ago)"), "{text}");
        assert!(text.contains("callback:kita-portal  stand    3         2 hours ago"), "{text}");
    }

    #[test]
    fn each_signature_that_was_judged_is_a_line() {
        let listed =
            Listed { verified: vec!["envelope: a".to_owned(), "document: b".to_owned()], ..example() };
        let printed = Printed::default();
        print_one(&listed, noon(), &mut printed.output(false)).unwrap();
        assert!(
            printed.text().contains("verified   envelope: a\nverified   document: b\n"),
            "{}",
            printed.text()
        );
    }

    #[test]
    fn the_reason_stands_beside_the_code() {
        let mut refused = example();
        refused.codes = vec!["T070".to_owned()];
        refused.cause = Some("fremder-geburtsort: Der Geburtsort liegt nicht im Gebiet.".to_owned());
        let printed = Printed::default();
        print_one(&refused, noon(), &mut printed.output(false)).unwrap();
        let text = printed.text();
        assert!(text.contains("codes      T070 (fremder-geburtsort)\n"), "{text}");
        assert!(text.contains("see        drehscheibe explain fremder-geburtsort\n"), "{text}");
    }

    #[test]
    fn the_beginning_of_an_id_is_all_ids_that_begin_so() {
        let (first, last) = ids_of("019ad8e2-8a4").unwrap();
        assert_eq!(first.to_string(), "019ad8e2-8a40-0000-0000-000000000000");
        assert_eq!(last.to_string(), "019ad8e2-8a4f-ffff-ffff-ffffffffffff");
        let whole = "019ad8e2-8a40-7cc0-98c4-2f1d5a1b7e10";
        assert_eq!(ids_of(whole).unwrap(), (whole.parse().unwrap(), whole.parse().unwrap()));
        for none in ["019ad8e", "", "019ad8eg", "019ad8e2-8a40-7cc0-98c4-2f1d5a1b7e100", "äöüäöüäö"] {
            assert!(ids_of(none).is_err(), "{none}");
        }
    }

    #[test]
    fn the_words_of_states_are_the_stored_ones() {
        use clap::ValueEnum;
        for word in StateWord::value_variants() {
            let args = ListArgs { states: vec![*word], limit: 7, before: None };
            let filter = filter(&args);
            assert_eq!(filter.states[0].as_str(), word.to_possible_value().unwrap().get_name());
            assert_eq!(filter.limit, 7);
        }
    }
}
