//! Whether the house runs, what waits, how old it is, whose fault it is, and what to do next: one look for the operator.
//! Never shows content and never decides: it asks the running process, and reads figures, pauses and breakers.

mod destinations;
mod held;
mod offices;
mod registers;

use jiff::Timestamp;
use serde::Serialize;

use super::args::Global;
use super::exit::{CliError, Exit};
use super::output::{Output, age, counted, moment, or_dash, saetze};
use super::stage;
use crate::app::asking::{self, Answered, Door, Heard, House};
use crate::app::certificates::{self, Near};
use crate::app::drains;
use crate::app::place::Place;
use crate::clock::Clock;
use crate::effects::{Fact, Question};
use crate::engine::commit::TO_MAINTAINERS;
use crate::engine::objecting;
use crate::envelope::Inbound;
use crate::pipeline::jugendamt::OFFICE;
use crate::register::aemter::tag;
use crate::register::bestand::Bestand;
use crate::register::objection::{Objection, Sought, Why};
use crate::route::compiled::{Compiled, WantedDestination};
use crate::store::contract::Store;
use crate::store::desk::Filter;
use crate::store::duty::Holding;
use crate::store::figures::Figures;
use crate::store::listed::{Listed, ListedSend};
use crate::store::pauses::{Breaker, Pause};
use crate::store::recovery::Recovering;
use crate::store::stamp::Scope;
use crate::store::states::SendState;
use crate::telemetry::parts::{Said, Turn};
use crate::transport::TRANSPORTS;

use destinations::{of_destination, of_draining};
use held::of_held;
use offices::{of_office, of_unowned};
use registers::{Register, of_register, of_undeclared};

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// The receiver's side.
    FarEnd,
    /// The sender's side.
    Sender,
    /// The Jugendamt's that got it.
    Office,
    /// Ours: configuration or program.
    Ours,
    /// A person held it or has to decide.
    Person,
    /// Nobody's: it waits as intended.
    Nobody,
}

impl Whose {
    fn as_str(self) -> &'static str {
        match self {
            Whose::FarEnd => "far end",
            Whose::Sender => "sender",
            Whose::Office => "office",
            Whose::Ours => "ours",
            Whose::Person => "a person",
            Whose::Nobody => "nobody",
        }
    }
}

/// One thing that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is: a destination, `messages parked`, a pause.
    pub what: String,
    /// How many.
    pub count: u64,
    /// Since when the oldest waits.
    pub since: Option<Timestamp>,
    /// Whose turn it is.
    pub whose: Whose,
    /// Plain cause.
    pub cause: Option<String>,
    /// What to do next.
    pub next: String,
}

/// The whole look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// When it was taken.
    pub at: Timestamp,
    /// How the running process is; `None` where nobody asked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub house: Option<String>,
    /// What waits, what needs a person first.
    pub items: Vec<Item>,
    /// The figures behind it.
    pub figures: Figures,
    /// The pauses that hold.
    pub pauses: Vec<Pause>,
    /// What one replica does alone, and which; empty where there is one process only.
    pub duties: Vec<Holding>,
    /// How the parts of the running process are; empty where it was not asked.
    pub parts: Vec<Said>,
}

/// Looks and prints.
pub async fn run(global: &Global, clock: &Clock, out: &mut Output) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let place = stage::place(global);
    let store = stage::opened(global, &fit, true);
    let asked = asking::door(&fit.compiled, &place.config).map(|door| {
        let house = House::of(&fit.compiled, store.as_ref().ok().cloned());
        (door, house)
    });
    let (house, parts) = match &asked {
        Ok((door, Some(house))) => self::house(door, house).await,
        Ok((_, None)) => ("not asked: the system gives no random octets".to_owned(), Vec::new()),
        Err(cause) => (format!("not asked: {cause}"), Vec::new()),
    };
    // Also where the store does not open: this is half of the answer.
    out.say(&format!("house      {house}"))?;
    let store = store?;
    let now = clock.now();
    let figures = store.figures(&Scope::Operator).await?;
    let pauses = store.pauses(now).await?;
    let breakers = store.breakers().await?;
    let duties = store.duties().await?;
    let mut kept = kept(&*store, &figures).await?;
    kept.extend(waiting(&*store, &figures, &pauses).await?);
    let mut report = report(figures, pauses, (&breakers, &mailboxes(&fit.compiled)), &kept, now);
    report.items.extend(drains::draining(&*store).await?.iter().map(of_draining));
    report.items.extend(not_taken_back(&*store, &report.figures).await?);
    report.parts = parts;
    report.items.extend(store.recovery().await?.map(of_recovery));
    // What is said of certificates is said here from the files, also where nobody runs.
    let parts = report.parts.iter().filter(|said| !said.part.starts_with(certificates::PART));
    report.items.extend(parts.filter_map(|said| of_part(said, now)).collect::<Vec<_>>());
    report.items.extend(of_certificates(&fit.compiled, &place, now));
    report.items.extend(of_offices(&*store, &fit.compiled, &report.pauses, now).await?);
    report.items.sort_by_key(|item| (urgency(item), item.since));
    print(&Report { house: Some(house), duties, ..report }, out)?;
    Ok(Exit::Ok)
}

/// Certificates that end within a month, or are over.
fn of_certificates(compiled: &Compiled, place: &Place, now: Timestamp) -> Vec<Item> {
    let all = certificates::of_stage(place, compiled, now);
    let near = all.iter().filter(|one| one.near >= Near::Weeks);
    near.map(|one| Item {
        what: one.part(),
        count: 1,
        since: None,
        whose: of_turn(one.turn),
        cause: Some(one.said(now)),
        next: one.next().to_owned(),
    })
    .collect()
}

/// What stands against answers, office by office: which registers are answered by persons only, and which deliveries had no effect.
async fn of_offices(
    store: &dyn Store,
    compiled: &Compiled,
    pauses: &[Pause],
    now: Timestamp,
) -> Result<Vec<Item>, CliError> {
    let offices = compiled.tafeln.aemter.aemter.iter().map(|amt| amt.id.clone());
    let offices: Vec<String> = offices.filter(|id| compiled.partners.contains_key(id)).collect();
    let (held, looks) = (objecting::held(compiled.plans.iter(), pauses, now), store.looks().await?);
    let rueckstand = compiled.rueckstand();
    let (mut items, mut undeclared) = (Vec::new(), Vec::new());
    for office in offices {
        // What a predecessor delivered is this office's, and so is what of it lies here.
        let aemter = compiled.tafeln.aemter.mit_vorgaengern(&office, tag(now));
        // No person data: only what is known of registers and deliveries as such is asked for.
        let sought = [Sought::Open(office.clone()), Sought::Blocks(office.clone())];
        let mut questions = sought.map(Question::Objections).to_vec();
        questions.extend(aemter.iter().cloned().map(Question::Bestand));
        let (mut register, mut known, mut open) = (Register::default(), Vec::new(), Vec::new());
        for (question, answer) in questions.iter().zip(store.lookup(questions.clone()).await?) {
            match (question, answer.fact) {
                (Question::Bestand(amt), Fact::Bestand(found)) => known.push((amt.as_str(), found)),
                // Asked for by itself: behind as many others as are listed at most it would not be seen.
                (Question::Objections(Sought::Blocks(_)), Fact::Objections(found)) => {
                    let new =
                        |one: &Objection| open.iter().all(|known: &Objection| known.delivery != one.delivery);
                    let found: Vec<Objection> = found.into_iter().filter(new).collect();
                    open.extend(found);
                }
                (_, Fact::Objections(found)) => open = found,
                _ => {}
            }
        }
        register.unread = open.iter().filter(|one| one.why == Why::Unreadable).map(|one| one.since).min();
        items.extend(of_office(&office, &open));
        register.bestand = Bestand::zusammen(known).unwrap_or_default();
        register.looks = looks.iter().filter(|look| aemter.contains(&look.partner)).cloned().collect();
        register.held = aemter.iter().filter_map(|amt| held.get(amt).copied()).min();
        match register.bestand.erklaert() {
            true => items.extend(of_register(&office, &register, (now, rueckstand))),
            false => undeclared.push(office),
        }
    }
    items.extend(of_undeclared(&undeclared));
    for answer in store.lookup(vec![Question::Objections(Sought::Open(String::new()))]).await? {
        if let Fact::Objections(found) = answer.fact {
            items.extend(of_unowned(&found));
        }
    }
    Ok(items)
}

/// Whether the process of this stage and store takes deliveries, and how its parts are, as it says itself. What somebody else says who
/// answers in its place is nobody's word.
async fn house(door: &Door, house: &House) -> (String, Vec<Said>) {
    let listen = &door.listen;
    let Answered { good, text } = match house.ask(door, "/health/ready").await {
        Heard::Ours(answered) => answered,
        // Whoever stands between can take the proof of the store away: what only the key says is said of no store.
        Heard::OfStage(_) => {
            let said = format!(
                "cannot be told: a process with the key of this stage answers at {listen}, and that it runs on this store is not proved; \
                 ask `doctor` who holds the store"
            );
            return (said, Vec::new());
        }
        Heard::Unproven => {
            let said = format!(
                "cannot be told: somebody answers at {listen} and proves nothing, an older program of this house or another one; start \
                 this program's `drehscheibe run`, or find out who listens there"
            );
            return (said, Vec::new());
        }
        Heard::Another => {
            let said = format!(
                "is not who answers at {listen}: that is another house, of another stage, key or store; give each an address of its own"
            );
            return (said, Vec::new());
        }
        Heard::Nobody => {
            return (
                format!(
                    "does not run: nobody answers at {listen}; start `drehscheibe run`, or look at the process that `doctor` finds at its \
                     store"
                ),
                Vec::new(),
            );
        }
    };
    let said = match good {
        true if text.starts_with("bereit") => format!("runs and takes deliveries at {listen}"),
        true => format!("runs and takes deliveries at {listen}; a part of it does not run, see below"),
        false => {
            let text: String = text.trim().chars().filter(|c| !c.is_control()).take(120).collect();
            format!("runs at {listen} and takes nothing: {text}")
        }
    };
    let parts = match house.ask(door, "/health/parts").await {
        Heard::Ours(answered) => serde_json::from_str(&answered.text).unwrap_or_default(),
        _ => Vec::new(),
    };
    (said, parts)
}

fn of_turn(turn: Turn) -> Whose {
    match turn {
        Turn::Ours => Whose::Ours,
        Turn::FarEnd => Whose::FarEnd,
        Turn::Person => Whose::Person,
    }
}

fn of_part(said: &Said, now: Timestamp) -> Option<Item> {
    let failing = said.failing.as_ref()?;
    let whose = of_turn(failing.turn);
    Some(Item {
        what: said.part.clone(),
        count: said.waits.unwrap_or(0),
        since: said.oldest.or(now.checked_sub(std::time::Duration::from_secs(said.seconds)).ok()),
        whose,
        cause: Some(failing.cause.clone()),
        next: failing.next.clone(),
    })
}

/// A store that takes nothing until a person opens it.
fn of_recovery(found: Recovering) -> Item {
    let (what, cause, next) = match found.lost {
        None => (
            "the store was put back from a backup",
            None,
            "`drehscheibe recover` says how it stands; ask the partners to repeat since the backup, then open it".to_owned(),
        ),
        Some(lost) => (
            "acknowledged deliveries are missing",
            Some(format!("the store ends before what was acknowledged until {}", moment(lost.until))),
            format!(
                "ask all partners to repeat what they delivered from {} on, then `drehscheibe recover --open --reason …`",
                moment(lost.from)
            ),
        ),
    };
    Item { what: what.to_owned(), count: 1, since: Some(found.since), whose: Whose::Person, cause, next }
}

/// Of what waits for a person so much is looked at for what cannot be taken back.
const LISTED: usize = 10_000;

/// As many kept messages are looked at for their causes.
const LOOKED_AT: usize = 100;

/// The newest messages that are zurückgestellt or kept apart, for what became of them.
async fn kept(store: &dyn Store, figures: &Figures) -> Result<Vec<Listed>, CliError> {
    let states = vec![Inbound::Parked, Inbound::Quarantined];
    let some = |state: &Inbound| figures.inbound.iter().any(|(name, n)| name == state.as_str() && *n > 0);
    if !states.iter().any(some) {
        return Ok(Vec::new());
    }
    let filter = Filter { states, limit: LOOKED_AT, ..Filter::default() };
    Ok(store.list(&Scope::Operator, filter).await?)
}

/// The newest messages that wait, where a pause may be what they wait for.
async fn waiting(store: &dyn Store, figures: &Figures, pauses: &[Pause]) -> Result<Vec<Listed>, CliError> {
    if pauses.is_empty() || figures.oldest_waiting.is_none() {
        return Ok(Vec::new());
    }
    let filter = Filter { states: vec![Inbound::Waiting], limit: LISTED, ..Filter::default() };
    Ok(store.list(&Scope::Operator, filter).await?)
}

/// What should have been taken back and cannot be, by destination.
async fn not_taken_back(store: &dyn Store, figures: &Figures) -> Result<Vec<Item>, CliError> {
    if figures.backlog.iter().all(|of| of.followed == 0) {
        return Ok(Vec::new());
    }
    Ok(of_not_taken_back(&store.list_parked_sends(&Scope::Operator, LISTED).await?))
}

fn of_not_taken_back(sends: &[ListedSend]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for send in sends.iter().filter(|send| send.state == SendState::NotTakenBack) {
        let what = format!("{}, nicht zurückgenommen", send.destination);
        match items.iter_mut().find(|item| item.what == what) {
            Some(item) => item.count += 1,
            None => items.push(Item {
                what,
                count: 1,
                since: None,
                whose: Whose::Person,
                cause: send.cause.clone(),
                next: "mend the cause, it is tried again by itself; or find out (`drehscheibe parked list` names each) and say it, which counts at once: `parked arrived`, or taken away `parked not-arrived`".to_owned(),
            }),
        }
    }
    items
}

/// The destinations whose receivers come for what they get, also of what was addressed to an office before it had a way.
fn mailboxes(compiled: &Compiled) -> Vec<String> {
    let kinds = || TRANSPORTS.iter().filter(|entry| entry.collected);
    let all = compiled.destinations.iter();
    let own = all.filter(|wanted| kinds().any(|entry| entry.word == wanted.kind));
    let mut found: Vec<String> = own.map(WantedDestination::key).collect();
    let gets_there = |way: &Option<String>| way.as_ref().is_some_and(|way| found.contains(way));
    let offices = compiled.partners.iter().filter(|(_, partner)| gets_there(&partner.return_address));
    let offices: Vec<String> = offices.map(|(id, _)| format!("{OFFICE}:{id}")).collect();
    found.extend(offices);
    found
}

/// Makes the report of what the store says at a moment, of breakers and of what is known as a mailbox.
pub fn report(
    figures: Figures,
    pauses: Vec<Pause>,
    (breakers, mailboxes): (&[Breaker], &[String]),
    kept: &[Listed],
    now: Timestamp,
) -> Report {
    let of = |backlog| of_destination(backlog, &pauses, (breakers, mailboxes), now);
    let mut items: Vec<Item> = figures.backlog.iter().flat_map(of).collect();
    let held = of_held(kept, &pauses, now);
    let apart: Vec<&Listed> = kept.iter().filter(|listed| listed.state != Inbound::Waiting).collect();
    items.extend(of_inbound(&figures, &apart, held.iter().map(|item| item.count).sum()));
    items.extend(held);
    items.extend(pauses.iter().map(of_pause));
    items.sort_by_key(|item| (urgency(item), item.since));
    Report { at: now, house: None, items, figures, pauses, duties: Vec::new(), parts: Vec::new() }
}

fn urgency(item: &Item) -> u8 {
    match item.whose {
        Whose::Person => 0,
        Whose::Ours => 1,
        Whose::Sender | Whose::Office => 2,
        Whose::FarEnd => 3,
        Whose::Nobody => 4,
    }
}

/// `held`: how many of those that wait are held by a pause, which is said by itself.
fn of_inbound(figures: &Figures, kept: &[&Listed], held: u64) -> Vec<Item> {
    let counted = |state: &str| {
        figures.inbound.iter().filter(|(name, _)| name == state).map(|(_, count)| *count).sum::<u64>()
    };
    let rows = [
        (
            "parked",
            "messages zurückgestellt",
            Whose::Ours,
            "read the cause with `drehscheibe parked list`, mend it, replay",
        ),
        (
            "quarantined",
            "messages kept apart",
            Whose::Sender,
            "read the cause with `drehscheibe parked list` and ask the sender which version holds",
        ),
        (
            "waiting",
            "messages waiting for another",
            Whose::Nobody,
            "nothing; they go on when it comes or their time is over",
        ),
    ];
    let mut items = Vec::new();
    for (state, what, whose, next) in rows {
        let mut left = counted(state);
        if state == "waiting" {
            left = left.saturating_sub(held);
        }
        for (cause, ours, count) in causes(kept, state) {
            left = left.saturating_sub(count);
            let whose = if ours { Whose::Ours } else { whose };
            let next = if ours { TO_MAINTAINERS } else { next };
            let (cause, next) = (Some(cause), next.to_owned());
            items.push(Item { what: what.to_owned(), count, since: None, whose, cause, next });
        }
        // Those that were not looked at.
        if left > 0 {
            let since = figures.oldest_waiting.filter(|_| state == "waiting");
            let what = what.to_owned();
            items.push(Item { what, count: left, since, whose, cause: None, next: next.to_owned() });
        }
    }
    items
}

/// Why messages of a state were kept, whether that is a fault of this program, and how many there are of each cause.
fn causes(kept: &[&Listed], state: &str) -> Vec<(String, bool, u64)> {
    let mut causes: Vec<(String, bool, u64)> = Vec::new();
    for listed in kept.iter().filter(|listed| listed.state.as_str() == state) {
        let Some(cause) = &listed.cause else { continue };
        match causes.iter_mut().find(|(known, ..)| known == cause) {
            Some((.., count)) => *count += 1,
            None => causes.push((cause.clone(), listed.next_step.as_deref() == Some(TO_MAINTAINERS), 1)),
        }
    }
    causes
}

fn of_pause(pause: &Pause) -> Item {
    let end = match pause.until {
        Some(until) => format!("ends by itself at {}", moment(until)),
        None => "does not end by itself".to_owned(),
    };
    Item {
        what: format!("{} {} is held", pause.kind, pause.name),
        count: 1,
        since: Some(pause.since),
        whose: Whose::Person,
        cause: Some(format!("{} ({})", pause.reason, pause.person)),
        next: format!("{end}; `drehscheibe resume {} {} --reason …`", pause.kind, pause.name),
    }
}

/// Who holds a duty, and since when.
fn of_duty(held: &Holding, now: Timestamp) -> String {
    match held.holds(now) {
        true => format!("{} since {}", held.worker, moment(held.since)),
        false => format!("nobody, {} had it until {}", held.worker, moment(held.until)),
    }
}

/// Prints a report.
pub fn print(report: &Report, out: &mut Output) -> std::io::Result<()> {
    let figures = &report.figures;
    let states: Vec<String> =
        figures.inbound.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let states = if states.is_empty() { "none".to_owned() } else { states.join(", ") };
    out.say(&format!("messages   {states}; {}", counted(figures.repeats, "repeat")))?;
    let sent: u64 = figures.backlog.iter().map(|backlog| backlog.sent).sum();
    let attempts: u64 = figures.backlog.iter().map(|backlog| backlog.attempts).sum();
    out.say(&format!("sent       {} in {}", counted(sent, "delivery"), counted(attempts, "attempt")))?;
    let (mirror, timers) = (saetze(figures.mirror), counted(figures.timers, "timer"));
    for held in &report.duties {
        out.say(&format!("duty       {}: {}", held.name, of_duty(held, report.at)))?;
    }
    out.say(&format!("mirror     {mirror}; {timers}"))?;
    if !figures.codes.is_empty() {
        let codes: Vec<String> =
            figures.codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
        out.say(&format!("rejected   {}", codes.join(", ")))?;
    }
    for said in report.parts.iter().filter(|said| said.waits.is_some_and(|waits| waits > 0)) {
        let oldest = said.oldest.map(|since| format!(" (for {})", age(report.at, since))).unwrap_or_default();
        let waits = counted(said.waits.unwrap_or(0), "message");
        out.say(&format!("waits      {waits} at {}{oldest}", said.part))?;
    }
    out.say("")?;
    if report.items.is_empty() {
        out.say("nothing waits")?;
    } else {
        let row = |item: &Item| {
            vec![
                item.what.clone(),
                item.count.to_string(),
                item.since.map_or_else(|| "–".to_owned(), |since| age(report.at, since)),
                item.whose.as_str().to_owned(),
                or_dash(item.cause.as_deref()),
                item.next.clone(),
            ]
        };
        let rows: Vec<_> = report.items.iter().map(row).collect();
        out.table(&["WAITS", "COUNT", "FOR", "WHOSE", "CAUSE", "NEXT"], &rows)?;
    }
    out.value(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::tests::Printed;
    use crate::register::objection::{MADE_OF_NOTICE, MOST};
    use crate::store::figures::Backlog;
    use crate::store::lane::Behind;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-21T{text}Z").parse().unwrap()
    }

    fn backlog(destination: &str, waiting: u64, cause: Option<&str>) -> Backlog {
        Backlog {
            destination: destination.to_owned(),
            waiting,
            oldest: (waiting > 0).then(|| at("11:00:00")),
            parked: 0,
            unclear: 0,
            sent: 10,
            followed: 0,
            confirmed: 0,
            failed: 0,
            attempts: 12,
            last_cause: cause.map(str::to_owned),
            last_turn: None,
            follow_cause: None,
            behind: Vec::new(),
            free_since: None,
        }
    }

    fn pause(kind: &str, name: &str) -> Pause {
        Pause {
            kind: kind.to_owned(),
            name: name.to_owned(),
            until: None,
            reason: "Wartung".to_owned(),
            person: "os:leitung (unverified)".to_owned(),
            since: at("09:00:00"),
        }
    }

    #[test]
    fn what_lies_in_a_mailbox_waits_for_its_receiver() {
        let mailboxes = ["postfach:amt".to_owned()];
        let look = |since: &str| {
            let backlog =
                Backlog { oldest: Some(at(since)), ..backlog("postfach:amt", 2, Some("given back")) };
            let figures = Figures { backlog: vec![backlog], ..Figures::default() };
            let items = report(figures, vec![], (&[], &mailboxes), &[], at("12:00:00")).items;
            (items[0].whose, items[0].cause.clone().unwrap())
        };
        assert_eq!(look("09:00:00"), (Whose::Nobody, "not collected yet".to_owned()));
        assert_eq!(look("08:00:00").0, Whose::FarEnd);
    }

    fn whose(backlog: Backlog, pauses: Vec<Pause>, breakers: &[Breaker]) -> (Whose, String) {
        let destination = backlog.destination.clone();
        let figures = Figures { backlog: vec![backlog], ..Figures::default() };
        let report = report(figures, pauses, (breakers, &[]), &[], at("12:00:00"));
        let item = report.items.into_iter().find(|item| item.what == destination).unwrap();
        (item.whose, item.next)
    }

    #[test]
    fn the_one_whose_turn_it_is_is_named() {
        let open = |until: &str| Breaker {
            destination: "callback:kita".to_owned(),
            failures: 5,
            open_until: Some(at(until)),
        };
        let failing = || backlog("callback:kita", 2, Some("http 503"));
        assert_eq!(whose(failing(), vec![], &[]).0, Whose::FarEnd);
        let (far, next) = whose(failing(), vec![], &[open("12:05:00")]);
        assert!(far == Whose::FarEnd && next.contains("2026-11-21 13:05:00"), "{next}");
        let (far, next) = whose(failing(), vec![], &[open("11:05:00")]);
        assert!(far == Whose::FarEnd && !next.contains("11:05"), "{next}");
        let (person, next) =
            whose(failing(), vec![pause("destination", "callback:kita")], &[open("12:05:00")]);
        assert!(person == Whose::Person && next.contains("resume destination callback:kita"), "{next}");
        let of = |turn, destination: &str| {
            let backlog = Backlog { last_turn: Some(turn), ..backlog(destination, 2, Some("why")) };
            whose(backlog, vec![], &[open("12:05:00")])
        };
        let (ours, next) = of(Turn::Ours, "callback:kita");
        assert!(ours == Whose::Ours && next.contains("doctor") && !next.contains("call"), "{next}");
        assert_eq!(of(Turn::FarEnd, "callback:kita").0, Whose::FarEnd);
        let (person, next) = of(Turn::Person, "postfach:amt");
        assert!(person == Whose::Person && next.contains("later way") && next.contains("call"), "{next}");
        assert_eq!(whose(failing(), vec![pause("partner", "kita")], &[]).0, Whose::Person);
        assert_eq!(whose(failing(), vec![pause("partner", "other")], &[]).0, Whose::FarEnd);
        assert_eq!(whose(backlog("callback:kita", 1, None), vec![], &[]).0, Whose::Ours);
        let fresh = Backlog { oldest: Some(at("11:59:30")), ..backlog("callback:kita", 1, None) };
        assert_eq!(whose(fresh, vec![], &[]).0, Whose::Nobody);
    }

    #[test]
    fn what_waits_by_order_is_whose_turn_what_is_before_it_is() {
        let behind = |destination: &str, held| Behind {
            destination: destination.to_owned(),
            held,
            waiting: 2,
            oldest: at("10:00:00"),
        };
        let waits = Backlog {
            behind: vec![behind("brief:amt", true), behind("postfach:amt", false), behind("tray:amt", false)],
            free_since: Some(at("12:00:30")),
            ..backlog("brief:amt", 7, None)
        };
        let look = |backlog: Backlog, pauses| {
            let figures = Figures { backlog: vec![backlog], ..Figures::default() };
            let items =
                report(figures, pauses, (&[], &["postfach:amt".to_owned()]), &[], at("12:00:00")).items;
            items.into_iter().map(|item| (item.what, item.count, item.whose)).collect::<Vec<_>>()
        };
        let line = |what: &str, count, whose| (what.to_owned(), count, whose);
        let after = "brief:amt, wartet dahinter";
        assert_eq!(
            look(waits.clone(), vec![]),
            [
                line(after, 2, Whose::Person),
                line(after, 2, Whose::FarEnd),
                line(after, 2, Whose::Nobody),
                line("brief:amt", 1, Whose::Nobody),
            ],
            "nothing is said of the machine"
        );
        let since = Backlog { free_since: Some(at("11:58:00")), ..waits.clone() };
        assert!(look(since, vec![]).contains(&line("brief:amt", 1, Whose::Ours)), "it could have left");
        let all = Backlog { waiting: 6, free_since: None, ..waits.clone() };
        assert!(look(all, vec![]).iter().all(|(what, ..)| what == after));
        let held = look(waits, vec![pause("destination", "brief:amt")]);
        assert!(held.contains(&line("brief:amt", 7, Whose::Person)) && held.len() == 2, "{held:?}");
    }

    #[test]
    fn what_an_office_left_without_effect_is_told_with_its_age_and_the_way_out() {
        let one = |why, since: &str| Objection {
            amt: "jugendamt-bremen".into(),
            delivery: uuid::Uuid::nil(),
            why,
            message: String::new(),
            made: at("08:00:00"),
            since: at(since),
            closed: None,
            released: None,
        };
        let found = [
            one(Why::Waiting, "09:00:00"),
            one(Why::Unreadable, "10:00:00"),
            one(Why::Rejected, "11:00:00"),
            one(Why::Foreign, "11:30:00"),
        ];
        let items = of_office("jugendamt-bremen", &found);
        let shown: Vec<_> = items.iter().map(|item| (item.count, item.since, item.whose)).collect();
        assert_eq!(
            shown,
            [
                (1, Some(at("10:00:00")), Whose::Person),
                (2, Some(at("09:00:00")), Whose::Sender),
                (1, Some(at("11:30:00")), Whose::Nobody),
            ]
        );
        assert!(items[0].next.contains("lieferung freigeben") && items[0].what.contains("blockiert"));
        assert!(of_office("jugendamt-bremen", &[]).is_empty());
        assert!(items.iter().all(|item| item.cause.is_none()));
        let late = |why| Objection { made: MADE_OF_NOTICE, ..one(why, "09:00:00") };
        for why in [Why::Rejected, Why::Quarantined, Why::Waiting] {
            let items = of_office("jugendamt-bremen", &[late(why)]);
            assert!(items[0].what.contains("anderer Jugendämter") && items[0].next.contains("`erledigt`"));
        }
        let told: Vec<_> =
            Why::ALL.iter().filter(|why| **why != Why::Unowned).map(|why| late(*why)).collect();
        let counted: u64 = of_office("jugendamt-bremen", &told).iter().map(|item| item.count).sum();
        assert_eq!(counted, told.len() as u64, "each of them stands in one line");
        let many = of_office("jugendamt-bremen", &vec![one(Why::Rejected, "11:00:00"); MOST]);
        assert!(many[0].cause.as_ref().unwrap().contains("there may be more"));
    }

    #[test]
    fn what_cannot_be_taken_back_is_counted_by_destination_and_says_what_counts() {
        let held = |destination: &str, state| ListedSend {
            destination: destination.to_owned(),
            state,
            cause: Some("no right".to_owned()),
            ..crate::cli::messages::tests::send()
        };
        let sends = [
            held("tray:a", SendState::NotTakenBack),
            held("tray:b", SendState::NotTakenBack),
            held("tray:a", SendState::NotTakenBack),
            held("tray:a", SendState::Failed),
        ];
        let items = of_not_taken_back(&sends);
        let counted: Vec<_> = items.iter().map(|item| (item.what.as_str(), item.count, item.whose)).collect();
        let (a, b) = ("tray:a, nicht zurückgenommen", "tray:b, nicht zurückgenommen");
        assert_eq!(counted, [(a, 2, Whose::Person), (b, 1, Whose::Person)]);
        assert!(items[0].next.contains("parked list") && items[0].next.contains("counts at once"));
    }

    #[test]
    fn what_needs_a_person_comes_first() {
        let stuck = Backlog { parked: 1, unclear: 1, ..backlog("callback:kita", 3, Some("http 503")) };
        let figures = Figures {
            inbound: vec![("accepted".to_owned(), 7), ("parked".to_owned(), 2), ("waiting".to_owned(), 1)],
            codes: vec![("X001".to_owned(), 4)],
            oldest_waiting: Some(at("10:00:00")),
            backlog: vec![stuck],
            mirror: 7,
            repeats: 1,
            timers: 2,
        };
        let report =
            report(figures, vec![pause("route", "registerlieferung")], (&[], &[]), &[], at("12:00:00"));
        let order: Vec<(&str, Whose)> =
            report.items.iter().map(|item| (item.what.as_str(), item.whose)).collect();
        assert_eq!(
            order,
            [
                ("callback:kita, Zustellung ungeklärt", Whose::Person),
                ("callback:kita, unzustellbar", Whose::Person),
                ("route registerlieferung is held", Whose::Person),
                ("messages zurückgestellt", Whose::Ours),
                ("callback:kita", Whose::FarEnd),
                ("messages waiting for another", Whose::Nobody),
            ]
        );
        let printed = Printed::default();
        print(&report, &mut printed.output(false)).unwrap();
        let text = printed.text();
        assert!(text.starts_with("messages   7 accepted, 2 parked, 1 waiting; 1 repeat\n"), "{text}");
        assert!(text.contains("sent       10 deliveries in 12 attempts\n"), "{text}");
        assert!(text.contains("rejected   X001 4\n"), "{text}");
        assert!(text.contains("1 hour   far end   http 503"), "{text}");
        let printed = Printed::default();
        print(&report, &mut printed.output(true)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&printed.text()).unwrap();
        assert_eq!(json["items"][4]["whose"], "far-end");
        assert_eq!(json["figures"]["mirror"], 7);
    }

    #[test]
    fn who_does_what_alone_is_said() {
        let held = |until: &str| Holding {
            name: "source wecker".to_owned(),
            worker: "knoten-1/42".to_owned(),
            fence: 7,
            since: at("09:00:00"),
            until: at(until),
        };
        for (until, said) in [
            ("12:00:10", "duty       source wecker: knoten-1/42 since 2026-11-21 10:00:00\n"),
            ("11:59:00", "duty       source wecker: nobody, knoten-1/42 had it until 2026-11-21 12:59:00\n"),
        ] {
            let report = report(Figures::default(), vec![], (&[], &[]), &[], at("12:00:00"));
            let printed = Printed::default();
            print(&Report { duties: vec![held(until)], ..report }, &mut printed.output(false)).unwrap();
            assert!(printed.text().contains(said), "{}", printed.text());
        }
    }

    #[test]
    fn an_empty_house_says_so() {
        let printed = Printed::default();
        print(
            &report(Figures::default(), vec![], (&[], &[]), &[], at("12:00:00")),
            &mut printed.output(false),
        )
        .unwrap();
        assert!(printed.text().ends_with("\nnothing waits\n"), "{}", printed.text());
    }
}
